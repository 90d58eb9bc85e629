/* Projection with WHERE, keys and FILTER in all states, answers of joins, unions; sorting, gathering, comparing. */
#include "support.h"

#include "base/clock.h"
#include "exec/events.h"
#include "plan/build.h"

/* ---- a block: WHERE b, by k; x; count(*) FILTER (f); i + i FILTER (f); s ---- */

enum { AT, KEY, WHERE, FILTER, X, I, S, N_FIELDS };
enum { SLOT_X, SLOT_COUNT, SLOT_SUM, SLOT_S, N_SLOTS };

static const feat_type field_types[N_FIELDS] = {FEAT_TYPE_TIMESTAMP, FEAT_TYPE_BIGINT, FEAT_TYPE_BOOLEAN,
                                                FEAT_TYPE_BOOLEAN,   FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT,
                                                FEAT_TYPE_TEXT};

typedef struct fixture {
    feat_arena arena;
    feat_field fields[N_FIELDS];
    feat_schema table;
    feat_slot slots[N_SLOTS];
    feat_type slot_types[N_SLOTS], key_type;
    uint32_t ties[2], key;
    feat_union_branch branch;
    feat_block block;
    feat_column columns[N_FIELDS];
    const feat_column *by_field[N_FIELDS];
    int64_t *times;
} fixture;

static uint32_t input(feat_builder *b, feat_type type, uint32_t field) {
    return feat_build_leaf(b, FEAT_NODE_INPUT, type, field, 0);
}

static uint32_t field(feat_builder *b, uint32_t f) { return input(b, field_types[f], f); }

static void lower(feat_arena *arena, feat_block *block) {
    feat_error err = {0};
    ck_assert_msg(feat_lower_block(arena, block, feat_fold_op, &err) == FEAT_OK, "%s", err.message);
}

static void fixture_init(fixture *x, bool where) {
    memset(x, 0, sizeof *x);
    feat_arena_init(&x->arena);
    for (uint32_t f = 0; f < N_FIELDS; f++) {
        x->fields[f] = (feat_field){.name = "f", .type = field_types[f], .id = f + 1};
        feat_column_init(&x->columns[f], field_types[f]);
        x->by_field[f] = &x->columns[f];
    }
    x->table = (feat_schema){.name = "t", .fields = x->fields, .n_fields = N_FIELDS, .time = AT};
    feat_builder b = {.pool = &x->branch.stage.pool};
    feat_pool_init(b.pool, &x->arena);
    uint32_t filter = field(&b, FILTER);
    x->key = field(&b, KEY);
    x->key_type = FEAT_TYPE_BIGINT;
    x->slots[SLOT_X] = (feat_slot){field(&b, X), FEAT_NO_NODE};
    x->slots[SLOT_COUNT] = (feat_slot){FEAT_NO_NODE, filter};
    x->slots[SLOT_SUM] = (feat_slot){feat_build_binary(&b, "+", field(&b, I), field(&b, I)), filter};
    x->slots[SLOT_S] = (feat_slot){field(&b, S), FEAT_NO_NODE};
    x->slot_types[SLOT_X] = FEAT_TYPE_DOUBLE;
    x->slot_types[SLOT_COUNT] = FEAT_TYPE_BOOLEAN;
    x->slot_types[SLOT_SUM] = FEAT_TYPE_BIGINT;
    x->slot_types[SLOT_S] = FEAT_TYPE_TEXT;
    x->ties[0] = X;
    x->ties[1] = S;
    x->branch.table = &x->table;
    x->branch.where = where ? field(&b, WHERE) : FEAT_NO_NODE;
    x->branch.key = &x->key;
    x->branch.slots = x->slots;
    x->branch.ties = x->ties;
    x->branch.n_ties = 2;
    x->block = (feat_block){.branches = &x->branch,
                            .n_branches = 1,
                            .key = &x->key_type,
                            .n_key = 1,
                            .slots = x->slot_types,
                            .n_slots = N_SLOTS,
                            .low = FEAT_NO_BOUND,
                            .high = FEAT_NO_BOUND};
    lower(&x->arena, &x->block);
}

static void fixture_done(fixture *x) {
    for (size_t f = 0; f < N_FIELDS; f++) feat_column_done(&x->columns[f]);
    free(x->times);
    feat_arena_done(&x->arena);
}

/* A row: `where` and `filter` are FALSE, TRUE or (2) NULL; `nulls` leaves out x and s. */
static void add_row(fixture *x, int64_t time, int where, int filter, double value, int64_t i, feat_text s, bool nulls) {
    size_t n = x->columns[AT].length;
    int rc = feat_column_append_int(&x->columns[AT], time);
    rc |= where == 2 ? feat_column_append_null(&x->columns[WHERE]) : feat_column_append_int(&x->columns[WHERE], where);
    rc |= filter == 2 ? feat_column_append_null(&x->columns[FILTER])
                      : feat_column_append_int(&x->columns[FILTER], filter);
    rc |= nulls ? feat_column_append_null(&x->columns[X]) : feat_column_append_double(&x->columns[X], value);
    rc |= feat_column_append_int(&x->columns[I], i);
    rc |= nulls ? feat_column_append_null(&x->columns[S]) : feat_column_append_text(&x->columns[S], s.data, s.length);
    rc |= feat_column_append_int(&x->columns[KEY], i % 3);
    ck_assert_int_eq(rc, 0);
    x->times = realloc(x->times, (n + 1) * sizeof *x->times);
    x->times[n] = time;
}

static void add_random_rows(fixture *x, size_t n, bool null_keys) {
    for (size_t i = 0; i < n; i++) {
        add_row(x, (int64_t)random_below(n / 8 + 1), (int)random_below(3), (int)random_below(3), random_double(),
                random_int(), random_text(), random_below(6) == 0);
        if (null_keys && random_below(7) == 0) {
            feat_column_truncate(&x->columns[KEY], x->columns[KEY].length - 1);
            ck_assert_int_eq(feat_column_append_null(&x->columns[KEY]), 0);
        }
    }
}

static feat_row_source source_of(const fixture *x) {
    return (feat_row_source){.inputs = x->by_field, .times = x->times};
}

static uint8_t expected_sum_state(int64_t i, int filter) {
    int64_t sum;
    if (filter != 1) return FEAT_STATE_SKIPPED;
    return __builtin_add_overflow(i, i, &sum) ? FEAT_STATE_ERROR : FEAT_STATE_VALUE;
}

static int tristate(const feat_column *c, size_t row) {
    return feat_column_is_null(c, row) ? 2 : (int)feat_column_int(c, row);
}

/* Event `e` is what row `row` should become. */
static void check_event(const fixture *x, const feat_events *events, size_t e, size_t row) {
    int filter = tristate(&x->columns[FILTER], row);
    ck_assert_int_eq(events->time[e], feat_column_int(&x->columns[AT], row));
    const feat_event_slot *slots = events->slots;
    if (feat_column_is_null(&x->columns[X], row)) {
        ck_assert_int_eq(slots[SLOT_X].state[e], FEAT_STATE_NULL);
        ck_assert(feat_double_bits(((double *)slots[SLOT_X].values)[e]) == 0);
        ck_assert_int_eq(slots[SLOT_S].state[e], FEAT_STATE_NULL);
    } else {
        double value = feat_double_canonical(feat_column_double(&x->columns[X], row));
        ck_assert_int_eq(slots[SLOT_X].state[e], FEAT_STATE_VALUE);
        ck_assert(feat_double_bits(((double *)slots[SLOT_X].values)[e]) == feat_double_bits(value));
        feat_text s = feat_column_text(&x->columns[S], row), t = ((feat_text *)slots[SLOT_S].values)[e];
        ck_assert(s.length == t.length && (s.length == 0 || memcmp(s.data, t.data, s.length) == 0));
        ck_assert(s.length == 0 || s.data != t.data);
    }
    ck_assert_int_eq(slots[SLOT_COUNT].state[e], filter == 1 ? FEAT_STATE_VALUE : FEAT_STATE_SKIPPED);
    ck_assert_int_eq(((uint8_t *)slots[SLOT_COUNT].values)[e], filter == 1);
    int64_t i = feat_column_int(&x->columns[I], row);
    ck_assert_int_eq(slots[SLOT_SUM].state[e], expected_sum_state(i, filter));
    if (slots[SLOT_SUM].state[e] == FEAT_STATE_VALUE) ck_assert_int_eq(((int64_t *)slots[SLOT_SUM].values)[e], 2 * i);
    else ck_assert_int_eq(((int64_t *)slots[SLOT_SUM].values)[e], 0);
    ck_assert(feat_column_same(&events->ties[0], e, &x->columns[X], row));
    ck_assert(feat_column_same(&events->ties[1], e, &x->columns[S], row));
}

static bool passes(const fixture *x, size_t row) {
    if (feat_column_is_null(&x->columns[KEY], row)) return false;
    return x->branch.where == FEAT_NO_NODE || tristate(&x->columns[WHERE], row) == 1;
}

/* Projects all rows batch by batch, `step` rows each; `numbers` (or NULL) gets the row of each event. */
static feat_status project(feat_projector *p, const feat_row_source *rows, size_t n, size_t step, feat_events *out,
                           size_t *numbers) {
    size_t seen = 0;
    for (size_t start = 0; start < n; start += step) {
        const uint32_t *lanes;
        size_t n_lanes, length = n - start < step ? n - start : step;
        ck_assert_int_eq(feat_projector_batch(p, rows, start, length, &lanes, &n_lanes, NULL), FEAT_OK);
        feat_status status = feat_projector_take(p, rows, start, lanes, n_lanes, out, NULL);
        if (status != FEAT_OK) return status;
        for (size_t i = 0; i < n_lanes && numbers; i++) numbers[seen++] = start + lanes[i];
    }
    return FEAT_OK;
}

START_TEST(test_projection) {
    static const size_t steps[] = {FEAT_LANES, 1000, 64, 1};
    for (int where = 0; where < 2; where++)
        for (size_t s = 0; s < sizeof steps / sizeof *steps; s++) {
            fixture x;
            fixture_init(&x, where);
            size_t n = 5000, *numbers = malloc(n * sizeof *numbers);
            add_random_rows(&x, n, true);
            feat_row_source rows = source_of(&x);
            feat_events events;
            feat_projector *projector;
            ck_assert_int_eq(feat_events_init(&events, &x.block, NULL), FEAT_OK);
            ck_assert_int_eq(feat_projector_new(&x.block, 0, &projector, NULL), FEAT_OK);
            for (int again = 0; again < 2; again++) { /* a second call appends */
                size_t before = events.n, seen = 0;
                ck_assert_int_eq(project(projector, &rows, n, steps[s], &events, numbers), FEAT_OK);
                for (size_t i = 0; i < n; i++) {
                    if (!passes(&x, i)) continue;
                    ck_assert_uint_eq(numbers[seen], i);
                    check_event(&x, &events, before + seen, i);
                    seen++;
                }
                ck_assert_uint_eq(events.n, before + seen);
                ck_assert_uint_gt(seen, 1000);
            }
            feat_events_clear(&events);
            ck_assert_uint_eq(events.n, 0);
            feat_projector_free(projector);
            feat_events_done(&events);
            free(numbers);
            fixture_done(&x);
        }
}
END_TEST

/* Some lanes of a batch only, and the keys of lanes: what a sort by entity asks for. */
START_TEST(test_lanes_and_keys) {
    fixture x;
    fixture_init(&x, true);
    size_t n = 900;
    add_random_rows(&x, n, true);
    feat_row_source rows = source_of(&x);
    feat_events events;
    feat_projector *projector;
    const uint32_t *lanes;
    size_t n_lanes, n_some = 0;
    uint32_t some[FEAT_LANES];
    feat_buffer key, expected;
    feat_buffer_init(&key);
    feat_buffer_init(&expected);
    ck_assert_int_eq(feat_events_init(&events, &x.block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_new(&x.block, 0, &projector, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_batch(projector, &rows, 100, n - 100, &lanes, &n_lanes, NULL), FEAT_OK);
    for (size_t i = 0; i < n_lanes; i++) {
        if (random_below(3) == 0) some[n_some++] = lanes[i];
        feat_projector_key(projector, lanes[i], &key);
        feat_key_append(&expected, &x.columns[KEY], 100 + lanes[i]);
    }
    ck_assert_uint_eq(key.size, expected.size);
    ck_assert(key.size > 0 && memcmp(key.data, expected.data, key.size) == 0);
    ck_assert_int_eq(feat_projector_take(projector, &rows, 100, some, n_some, &events, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_take(projector, &rows, 100, some, 0, &events, NULL), FEAT_OK);
    ck_assert_uint_eq(events.n, n_some);
    for (size_t i = 0; i < n_some; i++) check_event(&x, &events, i, 100 + some[i]);
    bool reads[N_FIELDS];
    feat_branch_reads(&x.branch, reads);
    for (size_t f = 0; f < N_FIELDS; f++) ck_assert(reads[f]);
    feat_buffer_done(&key);
    feat_buffer_done(&expected);
    feat_projector_free(projector);
    feat_events_done(&events);
    fixture_done(&x);
}
END_TEST

/* WHERE, FILTER and a key that are errors: of cast(x), of an x that no BIGINT holds. */
START_TEST(test_errors) {
    enum { KEY_FAILS = 1, WITH_WHERE = 2, ROWS = 5 };
    const double values[] = {1.0, 2.0, (double)NAN, 1.25};
    const int64_t times[ROWS] = {11, 12, 13, 14, 15};
    feat_field fields[3] = {
        {"at", FEAT_TYPE_TIMESTAMP, 1, true}, {"x", FEAT_TYPE_DOUBLE, 2}, {"unread", FEAT_TYPE_TEXT, 3}};
    feat_schema table = {.name = "t", .fields = fields, .n_fields = 3};
    feat_column x;
    feat_column_init(&x, FEAT_TYPE_DOUBLE);
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(feat_column_append_double(&x, values[i]), 0);
    ck_assert_int_eq(feat_column_append_null(&x), 0);
    const feat_column *inputs[] = {NULL, &x, NULL};
    feat_row_source rows = {.inputs = inputs, .times = times};
    for (int mode = 0; mode < 4; mode++) {
        feat_arena arena;
        feat_arena_init(&arena);
        feat_union_branch branch = {.table = &table, .where = FEAT_NO_NODE};
        feat_builder b = {.pool = &branch.stage.pool};
        feat_pool_init(b.pool, &arena);
        uint32_t value = input(&b, FEAT_TYPE_DOUBLE, 1), cast = feat_build_cast(&b, value, FEAT_TYPE_BIGINT, true),
                 is_one = feat_build_binary(&b, "=", cast, feat_build_int(&b, FEAT_TYPE_BIGINT, 1)),
                 key = mode & KEY_FAILS ? cast : feat_build_int(&b, FEAT_TYPE_BIGINT, 1);
        feat_slot slots[3] = {{value, FEAT_NO_NODE}, {FEAT_NO_NODE, is_one}, {cast, FEAT_NO_NODE}};
        feat_type types[3] = {FEAT_TYPE_DOUBLE, FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT}, key_type = FEAT_TYPE_BIGINT;
        branch.key = &key;
        branch.slots = slots;
        if (mode & WITH_WHERE) branch.where = is_one;
        feat_block block = {.branches = &branch,
                            .n_branches = 1,
                            .key = &key_type,
                            .n_key = 1,
                            .slots = types,
                            .n_slots = 3,
                            .low = FEAT_NO_BOUND,
                            .high = FEAT_NO_BOUND};
        lower(&arena, &block);
        feat_events events;
        feat_projector *projector;
        size_t numbers[ROWS];
        ck_assert_int_eq(feat_events_init(&events, &block, NULL), FEAT_OK);
        ck_assert_int_eq(feat_projector_new(&block, 0, &projector, NULL), FEAT_OK);
        ck_assert_int_eq(project(projector, &rows, ROWS, FEAT_LANES, &events, numbers), FEAT_OK);
        enum { V = FEAT_STATE_VALUE, N = FEAT_STATE_NULL, E = FEAT_STATE_ERROR, O = FEAT_STATE_SKIPPED };
        /* By row: whether it is there, and the states of the slots. A NaN is a value, but no BIGINT. */
        const struct {
            bool there[ROWS];
            uint8_t states[ROWS][3];
        } expected[4] = {
            {{true, true, true, true, true}, {{V, V, V}, {V, O, V}, {V, E, E}, {V, V, V}, {N, O, N}}},
            {{true, true, false, true, false}, {{V, V, V}, {V, O, V}, {0}, {V, V, V}, {0}}},
            {{true, false, true, true, false}, {{V, V, V}, {0}, {E, E, E}, {V, V, V}, {0}}},
            {{true, false, false, true, false}, {{V, V, V}, {0}, {0}, {V, V, V}, {0}}},
        };
        size_t at = 0;
        for (size_t row = 0; row < ROWS; row++) {
            if (!expected[mode].there[row]) continue;
            ck_assert_uint_lt(at, events.n);
            ck_assert_uint_eq(numbers[at], row);
            ck_assert_int_eq(events.time[at], times[row]);
            for (size_t s = 0; s < 3; s++)
                ck_assert_msg(events.slots[s].state[at] == expected[mode].states[row][s], "mode %d, row %zu, slot %zu",
                              mode, row, s);
            at++;
        }
        ck_assert_uint_eq(at, events.n);
        bool reads[3];
        feat_branch_reads(&branch, reads);
        ck_assert(reads[0] && reads[1] && !reads[2]);
        feat_projector_free(projector);
        feat_events_done(&events);
        feat_arena_done(&arena);
    }
    feat_column_done(&x);
}
END_TEST

START_TEST(test_event_time) {
    const struct {
        feat_type type;
        int64_t value, time;
    } cases[] = {
        {FEAT_TYPE_TIMESTAMP, -5, -5},
        {FEAT_TYPE_TIMESTAMP, INT64_MIN, INT64_MIN},
        {FEAT_TYPE_DATE, 2, 2 * FEAT_US_PER_DAY},
        {FEAT_TYPE_DATE, -1, -FEAT_US_PER_DAY},
        {FEAT_TYPE_DATE, INT32_MIN, INT64_MIN}, /* days that no TIMESTAMP reaches */
        {FEAT_TYPE_DATE, INT32_MAX, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        feat_column c;
        feat_column_init(&c, cases[i].type);
        ck_assert_int_eq(feat_column_append_int(&c, cases[i].value), 0);
        ck_assert_int_eq(feat_event_time(&c, 0), cases[i].time);
        feat_column_done(&c);
    }
}
END_TEST

/* ---- joins: what an event is enriched with comes as answers ---- */

START_TEST(test_join) {
    enum { ROWS = 2500, PARTS = 7 };
    static const feat_type types[PARTS] = {
        FEAT_TYPE_BOOLEAN,           FEAT_TYPE_BIGINT,   FEAT_TYPE_DOUBLE, FEAT_TYPE_TEXT,
        FEAT_TYPE_DECIMAL_OF(38, 2), FEAT_TYPE_INTERVAL, FEAT_TYPE_BIGINT};
    feat_arena arena;
    feat_arena_init(&arena);
    feat_field fields[2] = {{"at", FEAT_TYPE_TIMESTAMP, 1, true}, {"k", FEAT_TYPE_BIGINT, 2}};
    feat_schema table = {.name = "t", .fields = fields, .n_fields = 2};
    feat_type key_type = FEAT_TYPE_BIGINT;
    feat_aggregate aggregates[PARTS];
    for (size_t a = 0; a < PARTS; a++) aggregates[a] = (feat_aggregate){.agg = FEAT_AGG_LAST, .type = types[a]};
    feat_block inner = {.key = &key_type, .n_key = 1, .aggregates = aggregates, .n_aggregates = PARTS};
    feat_union_branch branch = {.table = &table};
    feat_builder b = {.pool = &branch.stage.pool};
    feat_pool_init(b.pool, &arena);
    uint32_t key = input(&b, FEAT_TYPE_BIGINT, 1);
    ck_assert_uint_eq(feat_stage_join(&branch.stage, &inner, &key), 0);
    ck_assert_uint_eq(feat_stage_join(&branch.stage, &inner, &key), 0); /* the same once more */
    uint32_t found = feat_build_leaf(&b, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, 0);
    /* The last aggregate is read by nobody. */
    feat_slot slots[PARTS + 1];
    feat_type slot_types[PARTS + 1];
    for (uint32_t a = 0; a + 1 < PARTS; a++) {
        slots[a] = (feat_slot){feat_build_leaf(&b, FEAT_NODE_AGGREGATE, types[a], a, 0), FEAT_NO_NODE};
        slot_types[a] = types[a];
    }
    slots[PARTS - 1] = (feat_slot){FEAT_NO_NODE, found};
    slot_types[PARTS - 1] = FEAT_TYPE_BOOLEAN;
    slots[PARTS] = (feat_slot){feat_build_leaf(&b, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0), FEAT_NO_NODE};
    slot_types[PARTS] = FEAT_TYPE_TIMESTAMP;
    branch.where = feat_build_leaf(&b, FEAT_NODE_AGGREGATE, FEAT_TYPE_BOOLEAN, 0, 0);
    branch.key = &key;
    branch.slots = slots;
    feat_block block = {.branches = &branch,
                        .n_branches = 1,
                        .key = &key_type,
                        .n_key = 1,
                        .slots = slot_types,
                        .n_slots = PARTS + 1,
                        .low = FEAT_NO_BOUND,
                        .high = FEAT_NO_BOUND};
    lower(&arena, &block);

    feat_answers answers;
    ck_assert_int_eq(feat_answers_init(&answers, branch.stage.code, 0, ROWS, NULL), FEAT_OK);
    ck_assert_uint_eq(answers.n, PARTS + 1);
    ck_assert_int_eq(answers.columns[PARTS - 1].class, FEAT_CLASS_N);
    feat_column keys;
    feat_column_init(&keys, FEAT_TYPE_BIGINT);
    const feat_column *inputs[] = {NULL, &keys};
    int64_t *times = malloc(ROWS * sizeof *times);
    feat_cell(*cells)[PARTS] = malloc(ROWS * sizeof *cells);
    bool *founds = malloc(ROWS * sizeof *founds);
    for (size_t i = 0; i < ROWS; i++) {
        ck_assert_int_eq(feat_column_append_int(&keys, (int64_t)i), 0);
        times[i] = random_int();
        founds[i] = random_below(2);
        for (size_t a = 0; a < PARTS; a++) {
            feat_class class = feat_class_of(types[a]);
            cells[i][a] = feat_cell_canonical(random_cell(class, 30), class);
        }
        feat_cell row[PARTS];
        char bytes[16]; /* gone before the answers are read */
        memcpy(row, cells[i], sizeof row);
        if (row[3].v.t.length) row[3].v.t.data = memcpy(bytes, row[3].v.t.data, row[3].v.t.length);
        ck_assert_int_eq(feat_answers_put(&answers, i, row, founds[i], NULL), FEAT_OK);
        memset(bytes, '?', sizeof bytes);
    }
    feat_row_source rows = {.inputs = inputs, .times = times, .answers = &answers};
    feat_events events;
    feat_projector *projector;
    size_t *numbers = malloc(ROWS * sizeof *numbers), at = 0;
    ck_assert_int_eq(feat_events_init(&events, &block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_new(&block, 0, &projector, NULL), FEAT_OK);
    ck_assert_int_eq(project(projector, &rows, ROWS, 777, &events, numbers), FEAT_OK);
    for (size_t i = 0; i < ROWS; i++) {
        const feat_cell *where = &cells[i][0];
        bool failed = where->state == FEAT_STATE_ERROR;
        if (!failed && (where->state == FEAT_STATE_NULL || !where->v.b)) continue;
        ck_assert_uint_lt(at, events.n);
        ck_assert_uint_eq(numbers[at], i);
        for (size_t s = 0; s <= PARTS; s++) {
            const feat_event_slot *slot = &events.slots[s];
            feat_cell expected = {.state = FEAT_STATE_VALUE}, got = event_cell(slot, at);
            if (s + 1 < PARTS) expected = cells[i][s];
            else if (s == PARTS) expected.v.i = times[i];
            else if (founds[i]) expected.v.b = 1;
            else expected.state = FEAT_STATE_SKIPPED;
            if (failed) expected.state = FEAT_STATE_ERROR;
            ck_assert_msg(same_cell(&got, &expected, slot->class), "row %zu, slot %zu: state %d, not %d", i, s,
                          got.state, expected.state);
        }
        at++;
    }
    ck_assert_uint_eq(at, events.n);
    ck_assert_uint_gt(at, ROWS / 4);
    feat_projector_free(projector);
    feat_events_done(&events);
    feat_answers_done(&answers);
    feat_column_done(&keys);
    free(numbers);
    free(founds);
    free(cells);
    free(times);
    feat_arena_done(&arena);
}
END_TEST

/* ---- order ---- */

static void project_all(fixture *x, size_t n, feat_events *events) {
    feat_projector *projector;
    feat_row_source rows = source_of(x);
    ck_assert_int_eq(feat_events_init(events, &x->block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_new(&x->block, 0, &projector, NULL), FEAT_OK);
    ck_assert_int_eq(project(projector, &rows, n, FEAT_LANES, events, NULL), FEAT_OK);
    feat_projector_free(projector);
}

/* Put away as bytes, moved, and looked at again, all is what it was. */
static void check_packed(const feat_events *events) {
    feat_buffer packed;
    feat_events view;
    feat_buffer_init(&packed);
    feat_events_pack(events, &packed);
    ck_assert(!packed.failed && packed.size % 16 == 0);
    void *moved = aligned_alloc(64, (packed.size + 63) / 64 * 64);
    memcpy(moved, packed.data, packed.size);
    memset(packed.data, 0xee, packed.size);
    ck_assert_int_eq(feat_packed_init(&view, events, NULL), FEAT_OK);
    feat_packed_open(&view, moved);
    ck_assert_uint_eq(view.n, events->n);
    size_t differ = 0;
    for (size_t i = 0; i < events->n; i++)
        differ += !feat_events_same(events, i, &view, i) || feat_events_compare(events, i, &view, i) != 0;
    ck_assert_uint_eq(differ, 0);
    feat_packed_done(&view);
    feat_buffer_done(&packed);
    free(moved);
}

START_TEST(test_sort) {
    static const size_t sizes[] = {0, 1, 2, 3, 15, 16, 17, 33, 64, 65, 100, 1000, 5000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        fixture x;
        fixture_init(&x, false);
        add_random_rows(&x, n, false);
        feat_events events, ordered;
        project_all(&x, n, &events);
        uint32_t *numbers = malloc((n + 1) * sizeof *numbers);
        for (int sorted_before = 0; sorted_before < 2; sorted_before++) {
            if (!sorted_before)
                for (size_t i = 0; i < n; i++) numbers[i] = (uint32_t)i;
            ck_assert_int_eq(feat_events_sort(&events, numbers, n, NULL), FEAT_OK);
            for (size_t i = 1; i < n; i++) {
                int order = feat_events_compare(&events, numbers[i - 1], &events, numbers[i]);
                ck_assert(order < 0 || (order == 0 && numbers[i - 1] < numbers[i]));
            }
        }
        ck_assert_int_eq(feat_events_init(&ordered, &x.block, NULL), FEAT_OK);
        ck_assert_int_eq(feat_events_gather(&ordered, &events, numbers, n, NULL), FEAT_OK);
        ck_assert_int_eq(feat_events_gather(&ordered, &events, numbers, n, NULL), FEAT_OK);
        ck_assert_uint_eq(ordered.n, 2 * n);
        for (size_t i = 0; i < n; i++) {
            ck_assert(feat_events_same(&ordered, i, &events, numbers[i]));
            ck_assert(feat_events_same(&ordered, n + i, &events, numbers[i]));
        }
        if (n) {
            ck_assert_int_eq(feat_events_append(&ordered, &events, n - 1, NULL), FEAT_OK);
            ck_assert(feat_events_same(&ordered, 2 * n, &events, n - 1));
        }
        check_packed(&events);
        check_packed(&ordered);
        free(numbers);
        feat_events_done(&events);
        feat_events_done(&ordered);
        fixture_done(&x);
    }
}
END_TEST

START_TEST(test_ties) {
    fixture x;
    fixture_init(&x, false);
    feat_text a = {"a", 1}, b = {"b", 1};
    add_row(&x, 5, 1, 1, 0.0, 1, a, false);
    add_row(&x, 5, 1, 1, -0.0, 1, a, false);
    add_row(&x, 5, 1, 1, 0.0, 1, b, false);
    add_row(&x, 5, 1, 1, 0.0, 2, a, false); /* i is no tie, but a slot */
    add_row(&x, 5, 1, 1, 0.0, 2, a, true);
    add_row(&x, 5, 1, 1, (double)NAN, 2, a, false);
    add_row(&x, 4, 1, 1, HUGE_VAL, 2, b, false);
    feat_events e;
    project_all(&x, 7, &e);
    uint32_t numbers[7] = {0, 1, 2, 3, 4, 5, 6};
    const uint32_t expected[7] = {6, 4, 1, 0, 3, 2, 5};
    ck_assert_int_eq(feat_events_sort(&e, numbers, 7, NULL), FEAT_OK);
    ck_assert(memcmp(numbers, expected, sizeof expected) == 0);
    ck_assert_int_lt(feat_events_compare(&e, 0, &e, 3), 0); /* equal in time and ties: what the slots hold decides */
    ck_assert_int_gt(feat_events_compare(&e, 3, &e, 0), 0);
    ck_assert_int_eq(feat_events_compare(&e, 3, &e, 3), 0);
    ck_assert(!feat_events_same(&e, 0, &e, 3));
    ck_assert(!feat_events_same(&e, 0, &e, 1) && !feat_events_same(&e, 0, &e, 6));
    ck_assert(feat_events_same(&e, 0, &e, 0));
    feat_events_done(&e);
    fixture_done(&x);
}
END_TEST

/* Of a union the branch comes first among equal times, then the key encoding of its own ties. */
START_TEST(test_union) {
    fixture x;
    fixture_init(&x, false);
    enum { ROWS = 300 };
    add_random_rows(&x, ROWS, false);
    /* The second branch orders by other fields of the same table. */
    feat_union_branch branches[2] = {x.branch, x.branch};
    uint32_t other[3] = {I, FILTER, S};
    branches[1].ties = other;
    branches[1].n_ties = 3;
    x.block.branches = branches;
    x.block.n_branches = 2;
    feat_events events;
    feat_row_source rows = source_of(&x);
    ck_assert_int_eq(feat_events_init(&events, &x.block, NULL), FEAT_OK);
    ck_assert_uint_eq(events.n_ties, 2);
    for (size_t i = 2; i-- > 0;) { /* the second branch first */
        feat_projector *projector;
        ck_assert_int_eq(feat_projector_new(&x.block, i, &projector, NULL), FEAT_OK);
        ck_assert_int_eq(project(projector, &rows, ROWS, 100, &events, NULL), FEAT_OK);
        feat_projector_free(projector);
    }
    ck_assert_uint_eq(events.n, 2 * ROWS);
    feat_buffer key;
    feat_buffer_init(&key);
    for (size_t e = 0; e < events.n; e++) {
        size_t branch = e < ROWS, row = e % ROWS;
        feat_buffer_clear(&key);
        for (size_t k = 0; k < branches[branch].n_ties; k++)
            feat_key_append(&key, &x.columns[branches[branch].ties[k]], row);
        feat_text tie = feat_column_text(&events.ties[1], e);
        ck_assert_int_eq(feat_column_int(&events.ties[0], e), (int64_t)branch);
        ck_assert_uint_eq(tie.length, key.size);
        ck_assert(memcmp(tie.data, key.data, key.size) == 0);
        ck_assert_int_eq(events.time[e], x.times[row]);
    }
    uint32_t numbers[2 * ROWS];
    for (uint32_t i = 0; i < 2 * ROWS; i++) numbers[i] = i;
    ck_assert_int_eq(feat_events_sort(&events, numbers, events.n, NULL), FEAT_OK);
    for (size_t i = 1; i < events.n; i++) {
        size_t a = numbers[i - 1], b = numbers[i];
        ck_assert_int_le(events.time[a], events.time[b]);
        if (events.time[a] != events.time[b]) continue;
        int64_t left = feat_column_int(&events.ties[0], a), right = feat_column_int(&events.ties[0], b);
        ck_assert_int_le(left, right);
        if (left == right) ck_assert_int_le(feat_column_compare(&events.ties[1], a, &events.ties[1], b), 0);
    }
    check_packed(&events);
    feat_buffer_done(&key);
    feat_events_done(&events);
    fixture_done(&x);
}
END_TEST

/* Whatever order events come in, the sorted list is the same: intervals of one length are apart. */
START_TEST(test_one_list) {
    enum { EVENTS = 200 };
    feat_union_branch branch = {.table = NULL};
    feat_type types[] = {FEAT_TYPE_INTERVAL, FEAT_TYPE_DECIMAL_OF(38, 2), FEAT_TYPE_DOUBLE};
    feat_block block = {.branches = &branch, .n_branches = 1, .slots = types, .n_slots = 3};
    feat_events events;
    ck_assert_int_eq(feat_events_init(&events, &block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_events_reserve(&events, EVENTS, NULL), FEAT_OK);
    for (size_t i = 0; i < EVENTS; i++) {
        int32_t months = (int32_t)random_below(3);
        events.time[i] = (int64_t)random_below(3);
        ((feat_interval *)events.slots[0].values)[i] = (feat_interval){months, 60 - 30 * months, 0};
        ((feat_int128 *)events.slots[1].values)[i] = (feat_int128)random_below(2) << 70;
        ((double *)events.slots[2].values)[i] = random_below(2) ? 0.0 : -0.0;
        for (size_t s = 0; s < 3; s++) events.slots[s].state[i] = (uint8_t)(random_below(3) ? 0 : random_below(4));
    }
    events.n = EVENTS;
    uint32_t forwards[EVENTS], backwards[EVENTS];
    for (uint32_t i = 0; i < EVENTS; i++) {
        forwards[i] = i;
        backwards[i] = EVENTS - 1 - i;
    }
    ck_assert_int_eq(feat_events_sort(&events, forwards, EVENTS, NULL), FEAT_OK);
    ck_assert_int_eq(feat_events_sort(&events, backwards, EVENTS, NULL), FEAT_OK);
    for (size_t i = 0; i < EVENTS; i++) {
        ck_assert(feat_events_same(&events, forwards[i], &events, backwards[i]));
        for (size_t s = 0; s < 3; s++) {
            feat_cell a = event_cell(&events.slots[s], forwards[i]), c = event_cell(&events.slots[s], backwards[i]);
            ck_assert(same_cell(&a, &c, events.slots[s].class));
        }
    }
    feat_events_done(&events);
}
END_TEST

/* ---- failures ---- */

START_TEST(test_out_of_memory) {
    enum { ROWS = 3000 };
    fixture x;
    fixture_init(&x, true);
    add_random_rows(&x, ROWS, true);
    feat_row_source rows = source_of(&x);
    uint32_t *order = malloc(ROWS * sizeof *order);
    int64_t n = 1;
    for (feat_status status = FEAT_MEMORY; status != FEAT_OK; n++) {
        ck_assert_int_lt(n, 5000);
        feat_events events, copy;
        feat_projector *projector = NULL;
        ck_assert_int_eq(feat_events_init(&copy, &x.block, NULL), FEAT_OK);
        feat_alloc_fail_after(n);
        status = feat_events_init(&events, &x.block, NULL);
        bool made = status == FEAT_OK;
        if (status == FEAT_OK) status = feat_projector_new(&x.block, 0, &projector, NULL);
        for (size_t start = 0; start < ROWS && status == FEAT_OK; start += 1000) {
            const uint32_t *lanes;
            size_t n_lanes, before = events.n;
            ck_assert_int_eq(feat_projector_batch(projector, &rows, start, 1000, &lanes, &n_lanes, NULL), FEAT_OK);
            status = feat_projector_take(projector, &rows, start, lanes, n_lanes, &events, NULL);
            if (status == FEAT_OK) continue;
            ck_assert_uint_eq(events.n, before); /* none of the batch is there, and no tie of it either */
            for (size_t k = 0; k < events.n_ties; k++) ck_assert_uint_eq(events.ties[k].length, before);
        }
        for (uint32_t i = 0; i < ROWS; i++) order[i] = i;
        if (status == FEAT_OK) status = feat_events_gather(&copy, &events, order, 100, NULL);
        if (status != FEAT_OK) ck_assert_uint_eq(copy.n, 0);
        if (status == FEAT_OK) status = feat_events_sort(&events, order, 500, NULL);
        feat_alloc_fail_after(0);
        ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
        if (projector && status != FEAT_OK) { /* all of it works as if nothing had happened */
            size_t before = events.n, added = 0;
            ck_assert_int_eq(project(projector, &rows, ROWS, FEAT_LANES, &events, NULL), FEAT_OK);
            for (size_t i = 0; i < ROWS; i++)
                if (passes(&x, i)) check_event(&x, &events, before + added++, i);
            ck_assert_uint_eq(events.n, before + added);
        }
        feat_projector_free(projector);
        if (made) feat_events_done(&events);
        feat_events_done(&copy);
    }
    ck_assert_int_gt(n, 30); /* there was something to fail */
    free(order);
    fixture_done(&x);
}
END_TEST

static void add(TCase *tests) {
    tcase_add_test(tests, test_projection);
    tcase_add_test(tests, test_lanes_and_keys);
    tcase_add_test(tests, test_errors);
    tcase_add_test(tests, test_event_time);
    tcase_add_test(tests, test_join);
    tcase_add_test(tests, test_sort);
    tcase_add_test(tests, test_ties);
    tcase_add_test(tests, test_union);
    tcase_add_test(tests, test_one_list);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/events", add); }
