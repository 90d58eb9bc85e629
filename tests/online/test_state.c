/* Serving state against a plain model: whatever is added and removed, in any order, an entity's events come back in
 * canonical order, and the stored bytes depend on the events alone. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "online/state.h"

static uint64_t seed;
static uint64_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

enum { MOST_SLOTS = 8, MOST_TIES = 10, MOST_BRANCHES = 2 };

typedef struct fixture {
    feat_arena arena;
    feat_type slots[MOST_SLOTS];
    feat_field fields[1 + MOST_TIES];
    uint32_t ties[MOST_TIES];
    feat_schema table;
    feat_union_branch branches[MOST_BRANCHES];
    feat_block block;
    feat_env *env;
    char path[64];
    feat_error err;
} fixture;

#define OK(call)                                                                                                       \
    do {                                                                                                               \
        feat_status status_ = (call);                                                                                  \
        ck_assert_msg(status_ == FEAT_OK, "%s: %s", #call, f->err.message);                                            \
    } while (0)

/* Serving state knows of a block what its events hold: the types of slots and of what breaks ties. */
typedef struct shape {
    feat_type slots[MOST_SLOTS], ties[MOST_TIES]; /* 0: no more */
    size_t n_branches, text_max;
    uint64_t times, batch;
} shape;

static void setup(fixture *f, const shape *s) {
    memset(f, 0, sizeof *f);
    feat_arena_init(&f->arena);
    f->table = (feat_schema){.name = "t", .fields = f->fields, .n_fields = 1};
    f->fields[0] = (feat_field){.name = "at", .type = FEAT_TYPE_TIMESTAMP, .id = 1, .not_null = true};
    for (uint32_t k = 0; k < MOST_TIES && s->ties[k]; k++) {
        f->ties[k] = k + 1;
        f->fields[f->table.n_fields++] = (feat_field){.name = "x", .type = s->ties[k], .id = k + 2};
    }
    f->block = (feat_block){.branches = f->branches, .n_branches = s->n_branches, .slots = f->slots};
    while (f->block.n_slots < MOST_SLOTS && s->slots[f->block.n_slots]) {
        f->slots[f->block.n_slots] = s->slots[f->block.n_slots];
        f->block.n_slots++;
    }
    for (size_t i = 0; i < s->n_branches; i++)
        f->branches[i] = (feat_union_branch){.table = &f->table, .ties = f->ties, .n_ties = f->table.n_fields - 1};
    snprintf(f->path, sizeof f->path, "/tmp/feat-state-%d", (int)getpid());
    unlink(f->path);
    OK(feat_env_create(f->path, NULL, NULL, &f->err));
    OK(feat_env_open(f->path, true, FEAT_ENV_MAP_SIZE, &f->env, &f->err));
}

static void teardown(fixture *f) {
    char lock[80];
    feat_env_unref(f->env);
    snprintf(lock, sizeof lock, "%s-lock", f->path);
    unlink(f->path);
    unlink(lock);
    feat_arena_done(&f->arena);
}

static feat_text random_text(feat_events *events, size_t most) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    size_t length = next_random() % (most + 1);
    char *text = feat_arena_alloc(&events->text, length + 1);
    ck_assert_ptr_nonnull(text);
    for (size_t k = 0; k < length; k++) text[k] = letters[next_random() % 26];
    return (feat_text){text, length};
}

static feat_int128 random_wide(void) {
    feat_uint128 wide = (feat_uint128)next_random() << 64 | next_random();
    return (feat_int128)wide >> (2 + next_random() % 126); /* of 38 digits at most */
}

/* Lengths that compare equal are frequent: thirty days are as long as a month. */
static feat_interval random_interval(uint64_t of) {
    return (feat_interval){(int32_t)(next_random() % of) - (of > 1), (int32_t)(next_random() % of) * 30,
                           of > 1 ? (int64_t)(next_random() >> 40) - 9 : 0};
}

static void append_tie(feat_events *events, size_t k) {
    feat_column *tie = &events->ties[k];
    int failed = 0;
    if (next_random() % 6 == 0) {
        ck_assert_int_eq(feat_column_append_null(tie), 0);
        return;
    }
    switch (feat_class_of(tie->type)) {
    case FEAT_CLASS_B: failed = feat_column_append_int(tie, (int64_t)(next_random() % 2)); break;
    case FEAT_CLASS_I:
        failed = feat_column_append_int(
            tie, (int64_t)(next_random() % (FEAT_TYPE_BASE(tie->type) == FEAT_TYPE_TINYINT ? 100 : 1000000)));
        break;
    case FEAT_CLASS_F: failed = feat_column_append_double(tie, (double)(next_random() % 100) / 4); break;
    case FEAT_CLASS_W:
        failed = feat_column_append_wide(
            tie, FEAT_TYPE_BASE(tie->type) == FEAT_TYPE_UBIGINT ? (feat_int128)next_random() : random_wide());
        break;
    case FEAT_CLASS_V: failed = feat_column_append_interval(tie, random_interval(3)); break;
    case FEAT_CLASS_T: {
        feat_text text = random_text(events, 3);
        failed = feat_column_append_text(tie, text.data, text.length);
        break;
    }
    case FEAT_CLASS_N: break;
    }
    ck_assert_int_eq(failed, 0);
}

/* Appends an event with random contents at a time of few distinct values, so that ties are long. */
static void random_event(fixture *f, feat_events *events, size_t text_max, uint64_t times) {
    size_t i = events->n;
    OK(feat_events_reserve(events, 1, &f->err));
    events->time[i] = (int64_t)(next_random() % times);
    for (size_t s = 0; s < events->n_slots; s++) {
        feat_event_slot *slot = &events->slots[s];
        slot->state[i] = (uint8_t)(next_random() % 8 == 0 ? next_random() % 4 : FEAT_STATE_VALUE);
        bool value = slot->state[i] == FEAT_STATE_VALUE;
        switch (slot->class) {
        case FEAT_CLASS_T: ((feat_text *)slot->values)[i] = random_text(events, value ? text_max : 0); break;
        case FEAT_CLASS_B: ((uint8_t *)slot->values)[i] = value ? next_random() & 1 : 0; break;
        case FEAT_CLASS_F: ((double *)slot->values)[i] = value ? (double)(next_random() % 100) / 7 : 0; break;
        case FEAT_CLASS_I: ((int64_t *)slot->values)[i] = value ? (int64_t)(next_random() % 100) : 0; break;
        case FEAT_CLASS_W: ((feat_int128 *)slot->values)[i] = value ? random_wide() : 0; break;
        case FEAT_CLASS_V: ((feat_interval *)slot->values)[i] = random_interval(value ? 3 : 1); break;
        case FEAT_CLASS_N: break;
        }
    }
    for (size_t k = 0; k < events->n_ties; k++) append_tie(events, k);
    events->n++;
}

static uint32_t *sorted(fixture *f, const feat_events *events) {
    uint32_t *numbers = feat_alloc_array(events->n + 1, sizeof *numbers);
    for (size_t i = 0; i < events->n; i++) numbers[i] = (uint32_t)i;
    OK(feat_events_sort(events, numbers, events->n, &f->err));
    return numbers;
}

/* Takes random events of the model away into `removed`. */
static void remove_some(fixture *f, feat_events *model, feat_events *removed, uint64_t of) {
    feat_events kept = {0};
    OK(feat_events_init(&kept, &f->block, &f->err));
    for (size_t i = 0; i < model->n; i++)
        OK(feat_events_append(next_random() % of == 0 ? removed : &kept, model, i, &f->err));
    feat_events_done(model);
    *model = kept;
}

static void compare(fixture *f, const feat_events *model, const char *key, int64_t first, int64_t last) {
    feat_events loaded = {0};
    MDB_txn *txn;
    MDB_cursor *cursor;
    uint32_t *order = sorted(f, model);
    OK(feat_events_init(&loaded, &f->block, &f->err));
    OK(feat_env_begin(f->env, false, &txn, &f->err));
    ck_assert_int_eq(mdb_cursor_open(txn, feat_env_dbi(f->env), &cursor), 0);
    OK(feat_state_load(cursor, 7, key, strlen(key), first, last, &loaded, &f->err));
    mdb_cursor_close(cursor);
    feat_env_abort(txn);
    size_t at = 0;
    while (at < loaded.n && loaded.time[at] < first) at++;
    for (size_t i = 0; i < model->n; i++) {
        if (model->time[order[i]] < first || model->time[order[i]] > last) continue;
        ck_assert_msg(at < loaded.n && feat_events_same(&loaded, at, model, order[i]), "event %zu of %zu", i, model->n);
        at++;
    }
    ck_assert(at == loaded.n || loaded.time[at] > last);
    for (size_t i = 1; i < loaded.n; i++) ck_assert_int_le(feat_events_compare(&loaded, i - 1, &loaded, i), 0);
    feat_free(order);
    feat_events_done(&loaded);
}

static const shape cases[] = {
    {{FEAT_TYPE_DOUBLE, FEAT_TYPE_BOOLEAN}, {0}, 1, 0, 1000000, 300},
    {{FEAT_TYPE_DOUBLE}, {0}, 1, 0, 5, 1000},
    {{FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE, FEAT_TYPE_DOUBLE}, {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT}, 1, 40, 300, 200},
    {{FEAT_TYPE_TEXT}, {0}, 1, 50000, 20, 6},
    {{FEAT_TYPE_DECIMAL_OF(38, 2), FEAT_TYPE_INTERVAL, FEAT_TYPE_UBIGINT, FEAT_TYPE_DATE, FEAT_TYPE_BLOB,
      FEAT_TYPE_REAL},
     {0},
     1,
     20,
     50,
     200},
    {{FEAT_TYPE_BIGINT, FEAT_TYPE_INTERVAL},
     {FEAT_TYPE_TINYINT, FEAT_TYPE_BOOLEAN, FEAT_TYPE_REAL, FEAT_TYPE_DECIMAL_OF(38, 2), FEAT_TYPE_UBIGINT,
      FEAT_TYPE_BLOB, FEAT_TYPE_INTERVAL, FEAT_TYPE_DATE, FEAT_TYPE_DOUBLE, FEAT_TYPE_TIMESTAMP},
     1,
     20,
     3,
     100},
    {{FEAT_TYPE_BIGINT, FEAT_TYPE_INTERVAL}, {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT}, 2, 20, 30, 200},
};

START_TEST(state_equals_the_model) {
    static const char *const keys[] = {"anna", "bert", "", "a key that is rather longer than the others"};
    fixture fixed, *f = &fixed;
    feat_events model[4] = {{0}};
    seed = 0x1234567u + (uint64_t)_i;
    setup(f, &cases[_i]);
    for (int k = 0; k < 4; k++) OK(feat_events_init(&model[k], &f->block, &f->err));
    for (int round = 0; round < 40; round++) {
        int k = (int)(next_random() % 4);
        feat_events added = {0}, removed = {0};
        MDB_txn *txn;
        OK(feat_events_init(&added, &f->block, &f->err));
        OK(feat_events_init(&removed, &f->block, &f->err));
        if (round % 3 == 2) remove_some(f, &model[k], &removed, round % 9 == 8 ? 1 : 3); /* sometimes all of them */
        for (uint64_t n = next_random() % cases[_i].batch; n > 0; n--)
            random_event(f, &added, cases[_i].text_max, cases[_i].times);
        uint32_t *add = sorted(f, &added), *drop = sorted(f, &removed);
        OK(feat_env_begin(f->env, true, &txn, &f->err));
        OK(feat_state_update(f->env, txn, 7, &f->block, keys[k], strlen(keys[k]),
                             (feat_event_list){&added, add, added.n}, (feat_event_list){&removed, drop, removed.n},
                             &f->err));
        OK(feat_env_commit(f->env, txn, &f->err));
        for (size_t i = 0; i < added.n; i++) OK(feat_events_append(&model[k], &added, i, &f->err));
        feat_free(add);
        feat_free(drop);
        feat_events_done(&added);
        feat_events_done(&removed);
        for (int j = 0; j < 4; j++) compare(f, &model[j], keys[j], INT64_MIN + 1, INT64_MAX);
        int64_t first = (int64_t)(next_random() % cases[_i].times),
                last = first + (int64_t)(next_random() % cases[_i].times);
        compare(f, &model[k], keys[k], first, last);
    }
    feat_event_list none = {0};
    MDB_txn *txn;
    feat_events stranger = {0};
    OK(feat_events_init(&stranger, &f->block, &f->err));
    random_event(f, &stranger, 3, 3);
    stranger.time[0] = 123456789;
    uint32_t number = 0;
    OK(feat_env_begin(f->env, true, &txn, &f->err));
    ck_assert_int_eq(feat_state_update(f->env, txn, 7, &f->block, "anna", 4, none,
                                       (feat_event_list){&stranger, &number, 1}, &f->err),
                     FEAT_CORRUPT);
    feat_env_abort(txn);
    feat_events_done(&stranger);
    for (int k = 0; k < 4; k++) feat_events_done(&model[k]);
    teardown(f);
}
END_TEST

START_TEST(dropping_removes_one_state_only) {
    fixture fixed, *f = &fixed;
    feat_events events = {0};
    MDB_txn *txn;
    bool left = true;
    seed = 99;
    setup(f, &cases[0]);
    OK(feat_events_init(&events, &f->block, &f->err));
    for (int i = 0; i < 50; i++) random_event(f, &events, 0, 100);
    uint32_t *numbers = sorted(f, &events);
    feat_event_list all = {&events, numbers, events.n}, none = {0};
    OK(feat_env_begin(f->env, true, &txn, &f->err));
    for (uint32_t state = 6; state <= 8; state++)
        OK(feat_state_update(f->env, txn, state, &f->block, "anna", 4, all, none, &f->err));
    for (uint32_t state = 6; state <= 8; state += 2)
        for (left = true; left;) OK(feat_state_drop(f->env, txn, state, 1, &left, &f->err));
    OK(feat_env_commit(f->env, txn, &f->err));
    compare(f, &events, "anna", INT64_MIN + 1, INT64_MAX);
    feat_free(numbers);
    feat_events_done(&events);
    teardown(f);
}
END_TEST

START_TEST(the_record_survives_and_is_checked) {
    fixture fixed, *f = &fixed;
    MDB_txn *txn;
    feat_online_meta meta;
    uint64_t version, epoch;
    setup(f, &cases[0]);
    OK(feat_env_begin(f->env, true, &txn, &f->err));
    OK(feat_online_meta_read(f->env, txn, &f->arena, &meta, &f->err));
    ck_assert_uint_eq(meta.n_blocks, 0);
    feat_online_block blocks[2] = {{3, {{1}}}, {4, {{2}}}};
    feat_online_service services[1] = {{"a service", {{9}}}};
    meta = (feat_online_meta){41, 2, 5, blocks, 2, services, 1};
    OK(feat_online_meta_write(f->env, txn, &meta, &f->err));
    OK(feat_online_meta_peek(f->env, txn, &version, &epoch, &f->err));
    ck_assert_uint_eq(version, 41);
    ck_assert_uint_eq(epoch, 2);
    feat_online_meta again;
    OK(feat_online_meta_read(f->env, txn, &f->arena, &again, &f->err));
    ck_assert_uint_eq(again.next_state, 5);
    ck_assert_uint_eq(again.blocks[1].state, 4);
    ck_assert_uint_eq(again.n_blocks, 2);
    ck_assert(memcmp(&again.blocks[1].block, &blocks[1].block, sizeof(feat_digest)) == 0);
    ck_assert_str_eq(again.services[0].name, "a service");
    MDB_val key = {4, (void *)(uintptr_t) "meta"}, value;
    ck_assert_int_eq(mdb_get(txn, feat_env_dbi(f->env), &key, &value), 0);
    char *copy = feat_strndup(value.mv_data, value.mv_size);
    for (size_t i = 0; i < value.mv_size; i++) {
        MDB_val damaged = {value.mv_size, copy};
        copy[i] ^= 1;
        ck_assert_int_eq(mdb_put(txn, feat_env_dbi(f->env), &key, &damaged, 0), 0);
        ck_assert_int_eq(feat_online_meta_read(f->env, txn, &f->arena, &again, &f->err), FEAT_CORRUPT);
        copy[i] ^= 1;
    }
    feat_free(copy);
    feat_env_abort(txn);
    teardown(f);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("online/state");
    TCase *tcase = tcase_create("state");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, state_equals_the_model, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, dropping_removes_one_state_only);
    tcase_add_test(tcase, the_record_survives_and_is_checked);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
