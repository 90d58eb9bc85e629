/* Records of views and services, and programs, from hostile bytes: what is taken can be packed and explained, and
 * packed again it stays what it is; the rest is refused, and nothing else happens. The first byte of the input chooses
 * the record that it is a variant of. Hashes and fingerprints within are put right first: else they would refuse all
 * there is to find. With FEAT_LIBFUZZER this is a libFuzzer target; else a deterministic loop over mutations of what
 * the definitions of plan/definitions.h are packed as. */
#include <stdint.h>
#include <stdio.h>

#include "base/pack.h"
#include "plan/definitions.h"

static world shared;

static void open_world(void) {
    if (shared.scope.n_tables) return;
    world_init(&shared);
    if (world_run(&shared, tables_sql) != FEAT_OK || world_run(&shared, definitions_sql) != FEAT_OK) abort();
}

static void put_hash(uint8_t *data, size_t size) {
    uint64_t hash = feat_hash64(data, size - 8);
    for (int i = 0; i < 8; i++) data[size - 8 + (size_t)i] = (uint8_t)(hash >> (8 * i));
}

/* Skips one msgpack item that is not a container of more than its head. */
static bool skip_head(feat_cursor *c) {
    size_t n;
    if (feat_unpack_array(c) < 10) return false;
    feat_unpack_uint(c);
    feat_unpack_uint(c);
    feat_unpack_text(c, &n);
    feat_unpack_uint(c);
    feat_unpack_uint(c);
    for (uint32_t i = feat_unpack_array(c); i > 0 && !c->failed; i--) {
        feat_unpack_array(c);
        feat_unpack_uint(c);
        feat_unpack_text(c, &n);
    }
    for (uint32_t i = feat_unpack_array(c); i > 0 && !c->failed; i--) {
        feat_unpack_array(c);
        feat_unpack_text(c, &n);
        feat_unpack_uint(c);
        feat_unpack_digest(c);
    }
    return !c->failed;
}

static void replace_all(uint8_t *from, const uint8_t *end, const feat_digest *old, const feat_digest *new) {
    for (; (size_t)(end - from) >= sizeof old->bytes; from++)
        if (memcmp(from, old->bytes, sizeof old->bytes) == 0) memcpy(from, new->bytes, sizeof new->bytes);
}

/* Where the form of a block changed from what `truth` has at the same place, those that refer to it follow. */
static void mend(uint8_t *data, size_t size, const uint8_t *truth, size_t truth_size) {
    feat_cursor now, then;
    feat_cursor_init(&now, data, size - 8);
    feat_cursor_init(&then, truth, truth_size - 8);
    if (!skip_head(&now) || !skip_head(&then)) return;
    uint32_t n = feat_unpack_array(&now), m = feat_unpack_array(&then);
    for (uint32_t i = 0; i < n && i < m && !now.failed; i++) {
        size_t form_size, old_size;
        const void *form = feat_unpack_bytes(&now, &form_size), *old = feat_unpack_bytes(&then, &old_size);
        feat_digest a = feat_digest_of(old, old_size), b = feat_digest_of(form, form_size);
        if (!now.failed && !feat_digest_equal(&a, &b)) replace_all(data + (now.at - data), data + size - 8, &a, &b);
    }
}

static void explain(size_t i, const uint8_t *data, size_t size) {
    feat_arena arena;
    feat_buffer out;
    feat_view *view;
    feat_service *service;
    feat_arena_init(&arena);
    feat_buffer_init(&out);
    for (int format = FEAT_EXPLAIN_TEXT; format <= FEAT_EXPLAIN_JSON; format++) {
        if (i < shared.scope.n_views && feat_view_unpack(&arena, data, size, &shared.scope, &view, NULL) == FEAT_OK)
            feat_explain_view(view, (feat_explain_format)format, &out);
        else if (i >= shared.scope.n_views &&
                 feat_service_unpack(&arena, data, size, &shared.scope, &service, NULL) == FEAT_OK)
            feat_explain_service(service, (feat_explain_format)format, &out);
    }
    feat_buffer_done(&out);
    feat_arena_done(&arena);
}

static size_t taken;

/* `data` is a variant of record i, whose true bytes are `truth`; it is changed. */
static void try_record(size_t i, uint8_t *data, size_t size, const feat_buffer *truth) {
    feat_buffer again, third;
    feat_error err = {0};
    bool program = i >= shared.scope.n_views + shared.scope.n_services;
    if (size < 16) return;
    if (!program) mend(data, size, truth->data, truth->size);
    put_hash(data, size);
    feat_buffer_init(&again);
    feat_buffer_init(&third);
    feat_status status = world_again(&shared, i, data, size, &again, &err);
    if (status == FEAT_OK) {
        taken++;
        if (world_again(&shared, i, again.data, again.size, &third, &err) != FEAT_OK || third.size != again.size ||
            memcmp(third.data, again.data, third.size) != 0) {
            fprintf(stderr, "record %zu packs to what it is not: %s\n", i, err.message);
            abort();
        }
        if (!program) explain(i, data, size);
    } else if (status != FEAT_CORRUPT && status != FEAT_FORMAT && status != FEAT_LIMIT) {
        fprintf(stderr, "record %zu: status %d: %s\n", i, (int)status, err.message);
        abort();
    }
    feat_buffer_done(&again);
    feat_buffer_done(&third);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    feat_buffer truth, copy;
    if (size < 2) return 0;
    open_world();
    size_t i = data[0] % world_records(&shared);
    feat_buffer_init(&truth);
    feat_buffer_init(&copy);
    if (world_pack(&shared, i, &truth, NULL) != FEAT_OK) abort();
    feat_buffer_append(&copy, data + 1, size - 1);
    try_record(i, copy.data, copy.size, &truth);
    feat_buffer_done(&copy);
    feat_buffer_done(&truth);
    return 0;
}

#ifndef FEAT_LIBFUZZER
static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Numbers that lie at the edges of what a byte, a count or an index can say. */
static const uint8_t edges[] = {0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0x90, 0x9f, 0xa0, 0xc0,
                                0xc2, 0xc3, 0xc4, 0xcb, 0xcc, 0xcf, 0xd0, 0xdc, 0xdd, 0xff};

static void mutate(feat_buffer *b) {
    size_t at = (size_t)(next_random() % b->size), m = (size_t)(next_random() % 16), from;
    switch (next_random() % 8) {
    case 0: b->data[at] = (uint8_t)next_random(); break;
    case 1: b->data[at] ^= (uint8_t)(1 << next_random() % 8); break;
    case 2: b->data[at]++; break;
    case 3: b->data[at]--; break;
    case 4: /* a piece over another one */
        from = (size_t)(next_random() % b->size);
        if (at + m <= b->size && from + m <= b->size) memmove(b->data + at, b->data + from, m);
        break;
    case 5: /* a piece out */
        if (at + m >= b->size) break;
        memmove(b->data + at, b->data + at + m, b->size - at - m);
        b->size -= m;
        break;
    default: b->data[at] = edges[next_random() % sizeof edges];
    }
}

int main(int argc, char **argv) {
    long iterations = argc > 1 ? atol(argv[1]) : 20000;
    open_world();
    for (long k = 0; k < iterations; k++) {
        feat_buffer truth, copy;
        size_t i = (size_t)(next_random() % world_records(&shared));
        feat_buffer_init(&truth);
        feat_buffer_init(&copy);
        if (world_pack(&shared, i, &truth, NULL) != FEAT_OK) abort();
        feat_buffer_append(&copy, truth.data, truth.size);
        for (uint64_t edits = 1 + next_random() % 3; edits > 0 && copy.size > 16; edits--) mutate(&copy);
        feat_buffer exact; /* of its very size: a read behind it is seen */
        feat_buffer_init(&exact);
        feat_buffer_append(&exact, copy.data, copy.size);
        try_record(i, exact.data, exact.size, &truth);
        feat_buffer_done(&exact);
        feat_buffer_done(&copy);
        feat_buffer_done(&truth);
    }
    printf("%zu of %ld variants taken\n", taken, iterations);
    world_done(&shared);
    return iterations >= 1000 && taken == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
