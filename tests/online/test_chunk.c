/* Chunks of events with slots of every class and ties of every type: what is written is read, and damaged bytes are
 * refused or are other events. */
#include <stdlib.h>

#include "base/alloc.h"
#include "online/chunk.h"

static uint64_t random_state = 1;
static uint64_t random_bits(void) {
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

#include "support/values.h"

static const feat_class classes[] = {FEAT_CLASS_B, FEAT_CLASS_I, FEAT_CLASS_F,
                                     FEAT_CLASS_T, FEAT_CLASS_W, FEAT_CLASS_V};
enum { N_CLASSES = sizeof classes / sizeof *classes };

static void make_events(feat_events *e) {
    memset(e, 0, sizeof *e);
    e->n_slots = N_CLASSES;
    e->n_ties = N_EVERY_TYPE;
    e->slots = feat_alloc_zero(e->n_slots, sizeof *e->slots);
    e->ties = feat_alloc_zero(e->n_ties, sizeof *e->ties);
    for (size_t s = 0; s < N_CLASSES; s++) e->slots[s].class = classes[s];
    for (size_t k = 0; k < N_EVERY_TYPE; k++) feat_column_init(&e->ties[k], every_type[k]);
    feat_arena_init(&e->text);
}

static void add_random(feat_events *e) {
    size_t i = e->n;
    ck_assert_int_eq(feat_events_reserve(e, 1, NULL), FEAT_OK);
    e->time[i] = (int64_t)i * 1000 - 5000;
    for (size_t s = 0; s < e->n_slots; s++) {
        feat_event_slot *slot = &e->slots[s];
        bool value = random_bits() % 4 != 0;
        slot->state[i] = value ? FEAT_STATE_VALUE : (uint8_t)(1 + random_bits() % 3);
        uint64_t v = value ? random_bits() : 0;
        switch (slot->class) {
        case FEAT_CLASS_B: ((uint8_t *)slot->values)[i] = v & 1; break;
        case FEAT_CLASS_I: ((int64_t *)slot->values)[i] = (int64_t)v; break;
        case FEAT_CLASS_F: ((double *)slot->values)[i] = (double)(v >> 40) / 7; break;
        case FEAT_CLASS_T: ((feat_text *)slot->values)[i] = (feat_text){"some text", v % 10}; break;
        case FEAT_CLASS_W: ((feat_int128 *)slot->values)[i] = (feat_int128)(int64_t)v * 1000000007; break;
        default: ((feat_interval *)slot->values)[i] = (feat_interval){(int32_t)v, (int32_t)(v >> 32), (int64_t)(v * v)};
        }
    }
    for (size_t k = 0; k < e->n_ties; k++) append_any(&e->ties[k], true);
    e->n++;
}

static feat_status decode(const unsigned char *bytes, size_t size, feat_events *e) {
    unsigned char *exact = malloc(size ? size : 1); /* of exactly that size, for the sanitizer */
    memcpy(exact, bytes, size);
    feat_cursor in;
    const void *key;
    size_t key_size;
    feat_cursor_init(&in, exact, size);
    feat_status status = feat_chunk_key(&in, &key, &key_size, NULL);
    if (status == FEAT_OK) ck_assert(key_size <= size);
    if (status == FEAT_OK) status = feat_chunk_decode(&in, e, NULL);
    free(exact);
    return status;
}

START_TEST(round_trip) {
    for (size_t n = 0; n < 40; n++) {
        feat_events events, back;
        make_events(&events);
        make_events(&back);
        while (events.n < n + 3) add_random(&events);
        size_t most = 16;
        for (size_t i = 2; i < 2 + n; i++) most += feat_chunk_event_size(&events, i);
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        feat_chunk_encode(&bytes, "key", 3, &events, 2, n);
        ck_assert(!bytes.failed);
        ck_assert_uint_le(bytes.size, most + N_CLASSES);
        ck_assert_int_eq(decode(bytes.data, bytes.size, &back), FEAT_OK);
        ck_assert_uint_eq(back.n, n);
        for (size_t i = 0; i < n; i++) {
            ck_assert(feat_events_same(&back, i, &events, 2 + i));
            for (size_t k = 0; k < N_EVERY_TYPE; k++) ck_assert(same_slot(&back.ties[k], i, &events.ties[k], 2 + i));
        }
        feat_events_done(&events);
        feat_events_done(&back);
        feat_buffer_done(&bytes);
    }
}
END_TEST

START_TEST(damage) {
    feat_events events;
    make_events(&events);
    while (events.n < 4) add_random(&events);
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_chunk_encode(&bytes, "key", 3, &events, 0, 4);
    size_t refused = 0;
    for (size_t at = 0; at < bytes.size; at++)
        for (int bit = 0; bit < 8; bit++) {
            feat_events back;
            make_events(&back);
            bytes.data[at] ^= (unsigned char)(1 << bit);
            feat_status status = decode(bytes.data, bytes.size, &back);
            ck_assert(status == FEAT_OK || status == FEAT_CORRUPT);
            refused += status == FEAT_CORRUPT;
            bytes.data[at] ^= (unsigned char)(1 << bit);
            feat_events_done(&back);
        }
    for (size_t size = 0; size < bytes.size; size++) {
        feat_events back;
        make_events(&back);
        ck_assert_int_eq(decode(bytes.data, size, &back), FEAT_CORRUPT);
        feat_events_done(&back);
    }
    ck_assert_uint_gt(refused, 500);
    feat_events_done(&events);
    feat_buffer_done(&bytes);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("online/chunk");
    TCase *cases = tcase_create("all");
    tcase_set_timeout(cases, 120);
    tcase_add_test(cases, round_trip);
    tcase_add_test(cases, damage);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
