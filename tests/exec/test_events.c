/* Projection with WHERE and FILTER in all states; sorting; gathering; comparing. */
#include "support.h"

#include "base/clock.h"

/* ---- a view: WHERE b; x; count(*) FILTER (f); i + i FILTER (f); s, over TIMESTAMP or DATE ---- */

enum { AT, WHERE, FILTER, X, I, S, N_FIELDS };
enum { SLOT_X, SLOT_COUNT, SLOT_SUM, SLOT_S, N_SLOTS };

typedef struct fixture {
    feat_field fields[N_FIELDS];
    feat_schema table;
    feat_slot slots[N_SLOTS];
    uint32_t ties[2];
    feat_class regs[6];
    feat_load loads[5];
    feat_step step;
    uint32_t outputs[6];
    feat_code code;
    feat_view view;
    feat_column columns[N_FIELDS];
    const feat_column *by_field[N_FIELDS];
} fixture;

static void fixture_init(fixture *x, feat_type time_type, bool where) {
    memset(x, 0, sizeof *x);
    const feat_type types[N_FIELDS] = {time_type,        FEAT_TYPE_BOOLEAN, FEAT_TYPE_BOOLEAN,
                                       FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT,  FEAT_TYPE_TEXT};
    for (uint32_t f = 0; f < N_FIELDS; f++) {
        x->fields[f] = (feat_field){"f", types[f], f + 1, false};
        feat_column_init(&x->columns[f], types[f]);
        x->by_field[f] = &x->columns[f];
    }
    x->table = (feat_schema){.name = "t", .fields = x->fields, .n_fields = N_FIELDS, .time = AT};
    x->slots[SLOT_X] = (feat_slot){3, FEAT_NO_NODE, FEAT_TYPE_DOUBLE};
    x->slots[SLOT_COUNT] = (feat_slot){FEAT_NO_NODE, 2, FEAT_TYPE_BOOLEAN};
    x->slots[SLOT_SUM] = (feat_slot){5, 2, FEAT_TYPE_BIGINT};
    x->slots[SLOT_S] = (feat_slot){4, FEAT_NO_NODE, FEAT_TYPE_TEXT};
    const feat_class regs[6] = {FEAT_CLASS_B, FEAT_CLASS_B, FEAT_CLASS_F, FEAT_CLASS_I, FEAT_CLASS_T, FEAT_CLASS_I};
    memcpy(x->regs, regs, sizeof regs);
    for (uint32_t i = 0; i < 5; i++) x->loads[i] = (feat_load){FEAT_LOAD_FIELD, types[WHERE + i], i, WHERE + i, 0};
    x->step = (feat_step){FEAT_OP_ADD_I, 5, 3, 3, FEAT_NO_NODE};
    size_t n = 0;
    if (where) x->outputs[n++] = 0;
    x->outputs[n++] = 2;
    x->outputs[n++] = 1;
    x->outputs[n++] = 5;
    x->outputs[n++] = 1;
    x->outputs[n++] = 4;
    x->code = (feat_code){.regs = x->regs,
                          .n_regs = 6,
                          .loads = x->loads,
                          .n_loads = 5,
                          .steps = &x->step,
                          .n_steps = 1,
                          .outputs = x->outputs,
                          .n_outputs = n};
    x->ties[0] = X;
    x->ties[1] = S;
    x->view = (feat_view){.name = "v",
                          .table = &x->table,
                          .where = where ? 0 : FEAT_NO_NODE,
                          .slots = x->slots,
                          .n_slots = N_SLOTS,
                          .ties = x->ties,
                          .n_ties = 2,
                          .event_code = &x->code};
}

static void fixture_done(fixture *x) {
    for (size_t f = 0; f < N_FIELDS; f++) feat_column_done(&x->columns[f]);
}

/* A row: `where` and `filter` are FALSE, TRUE or (2) NULL; `nulls` leaves out x and s. */
static void add_row(fixture *x, int64_t time, int where, int filter, double value, int64_t i, feat_text s, bool nulls) {
    int rc = feat_column_append_int(&x->columns[AT], time);
    rc |= where == 2 ? feat_column_append_null(&x->columns[WHERE]) : feat_column_append_int(&x->columns[WHERE], where);
    rc |= filter == 2 ? feat_column_append_null(&x->columns[FILTER])
                      : feat_column_append_int(&x->columns[FILTER], filter);
    rc |= nulls ? feat_column_append_null(&x->columns[X]) : feat_column_append_double(&x->columns[X], value);
    rc |= feat_column_append_int(&x->columns[I], i);
    rc |= nulls ? feat_column_append_null(&x->columns[S]) : feat_column_append_text(&x->columns[S], s.data, s.length);
    ck_assert_int_eq(rc, 0);
}

static void add_random_rows(fixture *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_row(x, (int64_t)random_below(n / 8 + 1), (int)random_below(3), (int)random_below(3), random_double(),
                random_int(), random_text(), random_below(6) == 0);
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

START_TEST(test_projection) {
    for (int where = 0; where < 2; where++)
        for (int shuffled = 0; shuffled < 2; shuffled++) {
            fixture x;
            fixture_init(&x, FEAT_TYPE_TIMESTAMP, where);
            size_t n = 5000, n_rows = 0;
            add_random_rows(&x, n);
            uint32_t *rows = malloc(n * sizeof *rows), *kept = NULL;
            for (size_t i = 0; i < n; i++)
                if (!shuffled || random_below(3)) rows[n_rows++] = (uint32_t)(shuffled ? n - 1 - i : i);
            size_t kept_capacity = 0, seen = 0;
            feat_events events;
            feat_projector *projector;
            ck_assert_int_eq(feat_events_init(&events, &x.view, NULL), FEAT_OK);
            ck_assert_int_eq(feat_projector_new(&x.view, &projector, NULL), FEAT_OK);
            for (int again = 0; again < 2; again++) { /* a second call appends */
                size_t before = events.n;
                ck_assert_int_eq(
                    feat_projector_run(projector, x.by_field, rows, n_rows, &events, &kept, &kept_capacity, NULL),
                    FEAT_OK);
                seen = 0;
                for (size_t i = 0; i < n_rows; i++) {
                    if (where && tristate(&x.columns[WHERE], rows[i]) != 1) continue;
                    ck_assert_uint_eq(kept[seen], i);
                    check_event(&x, &events, before + seen, rows[i]);
                    seen++;
                }
                ck_assert_uint_eq(events.n, before + seen);
            }
            ck_assert_int_eq(feat_projector_run(projector, x.by_field, rows, 0, &events, &kept, &kept_capacity, NULL),
                             FEAT_OK);
            feat_events_clear(&events);
            ck_assert_uint_eq(events.n, 0);
            ck_assert_int_eq(
                feat_projector_run(projector, x.by_field, rows, n_rows, &events, &kept, &kept_capacity, NULL), FEAT_OK);
            ck_assert_uint_eq(events.n, seen);
            feat_projector_free(projector);
            feat_events_done(&events);
            feat_free(kept);
            free(rows);
            fixture_done(&x);
        }
}
END_TEST

/* WHERE and FILTER that are errors: cast(x) = 1, of an x that no BIGINT holds. */
START_TEST(test_errors) {
    feat_field fields[2] = {{"at", FEAT_TYPE_DATE, 1, true}, {"x", FEAT_TYPE_DOUBLE, 2, false}};
    feat_schema table = {.name = "t", .fields = fields, .n_fields = 2};
    feat_class regs[] = {FEAT_CLASS_F, FEAT_CLASS_I, FEAT_CLASS_I, FEAT_CLASS_B};
    feat_load load = {FEAT_LOAD_FIELD, FEAT_TYPE_DOUBLE, 0, 1, 0};
    feat_constant one = {.reg = 2, .v.i = 1};
    feat_step steps[] = {{FEAT_OP_CAST_FI, 1, 0, 0, 0}, {FEAT_OP_EQ_I, 3, 1, 2, 0}};
    uint32_t outputs[] = {3, 0, 3};
    feat_code code = {.regs = regs,
                      .n_regs = 4,
                      .loads = &load,
                      .n_loads = 1,
                      .constants = &one,
                      .n_constants = 1,
                      .steps = steps,
                      .n_steps = 2,
                      .outputs = outputs,
                      .n_outputs = 3};
    feat_slot slots[2] = {{0, FEAT_NO_NODE, FEAT_TYPE_DOUBLE}, {FEAT_NO_NODE, 3, FEAT_TYPE_BOOLEAN}};
    feat_view view = {.name = "v", .table = &table, .slots = slots, .n_slots = 2, .event_code = &code};
    feat_column columns[2];
    feat_column_init(&columns[0], FEAT_TYPE_DATE);
    feat_column_init(&columns[1], FEAT_TYPE_DOUBLE);
    const double values[] = {1.0, 2.0, (double)NAN, 1.25};
    const int64_t days[] = {1, 2, INT32_MIN, 0};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(feat_column_append_int(&columns[0], days[i]), 0);
        ck_assert_int_eq(feat_column_append_double(&columns[1], values[i]), 0);
    }
    ck_assert_int_eq(feat_column_append_int(&columns[0], 5), 0);
    ck_assert_int_eq(feat_column_append_null(&columns[1]), 0);
    const feat_column *by_field[] = {&columns[0], &columns[1]};
    const uint32_t rows[] = {0, 1, 2, 3, 4};
    uint32_t *kept = NULL;
    size_t kept_capacity = 0;

    for (int with_where = 0; with_where < 2; with_where++) {
        view.where = with_where ? 3 : FEAT_NO_NODE;
        code.outputs = with_where ? outputs : outputs + 1;
        code.n_outputs = with_where ? 3 : 2;
        feat_events events;
        feat_projector *projector;
        ck_assert_int_eq(feat_events_init(&events, &view, NULL), FEAT_OK);
        ck_assert_int_eq(feat_projector_new(&view, &projector, NULL), FEAT_OK);
        ck_assert_int_eq(feat_projector_run(projector, by_field, rows, 5, &events, &kept, &kept_capacity, NULL),
                         FEAT_OK);
        const uint8_t *x = events.slots[0].state, *count = events.slots[1].state;
        if (with_where) {
            ck_assert_uint_eq(events.n, 3);
            ck_assert(kept[0] == 0 && kept[1] == 2 && kept[2] == 3);
            ck_assert(x[0] == FEAT_STATE_VALUE && count[0] == FEAT_STATE_VALUE);
            ck_assert(x[1] == FEAT_STATE_ERROR && count[1] == FEAT_STATE_ERROR);
            ck_assert(events.time[0] == FEAT_US_PER_DAY && events.time[1] == INT64_MIN);
        } else {
            const uint8_t expected[] = {FEAT_STATE_VALUE, FEAT_STATE_SKIPPED, FEAT_STATE_ERROR, FEAT_STATE_VALUE,
                                        FEAT_STATE_SKIPPED};
            ck_assert_uint_eq(events.n, 5);
            ck_assert(memcmp(count, expected, 5) == 0);
            ck_assert(x[2] == FEAT_STATE_VALUE && x[4] == FEAT_STATE_NULL); /* a NaN is a value */
        }
        bool reads[2] = {false, false};
        feat_view_reads(&view, reads);
        ck_assert(reads[0] && reads[1]);
        feat_projector_free(projector);
        feat_events_done(&events);
    }
    feat_free(kept);
    feat_column_done(&columns[0]);
    feat_column_done(&columns[1]);
}
END_TEST

/* ---- order ---- */

static void project_all(fixture *x, size_t n, feat_events *events) {
    uint32_t *rows = malloc((n + 1) * sizeof *rows), *kept = NULL;
    size_t kept_capacity = 0;
    for (size_t i = 0; i < n; i++) rows[i] = (uint32_t)i;
    feat_projector *projector;
    ck_assert_int_eq(feat_events_init(events, &x->view, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_new(&x->view, &projector, NULL), FEAT_OK);
    ck_assert_int_eq(feat_projector_run(projector, x->by_field, rows, n, events, &kept, &kept_capacity, NULL), FEAT_OK);
    feat_projector_free(projector);
    feat_free(kept);
    free(rows);
}

START_TEST(test_sort) {
    static const size_t sizes[] = {0, 1, 2, 3, 15, 16, 17, 33, 64, 65, 100, 1000, 5000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        fixture x;
        fixture_init(&x, FEAT_TYPE_TIMESTAMP, false);
        add_random_rows(&x, n);
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
        ck_assert_int_eq(feat_events_init(&ordered, &x.view, NULL), FEAT_OK);
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
        free(numbers);
        feat_events_done(&events);
        feat_events_done(&ordered);
        fixture_done(&x);
    }
}
END_TEST

START_TEST(test_ties) {
    fixture x;
    fixture_init(&x, FEAT_TYPE_TIMESTAMP, false);
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

/* ---- failures ---- */

START_TEST(test_out_of_memory) {
    enum { ROWS = 4000 };
    fixture x;
    fixture_init(&x, FEAT_TYPE_TIMESTAMP, true);
    add_random_rows(&x, ROWS);
    uint32_t *rows = malloc(ROWS * sizeof *rows);
    for (uint32_t i = 0; i < ROWS; i++) rows[i] = i;
    for (int64_t n = 1;; n += 1) {
        ck_assert_int_lt(n, 5000);
        feat_events events, copy;
        feat_projector *projector = NULL;
        uint32_t *kept = NULL;
        size_t kept_capacity = 0;
        ck_assert_int_eq(feat_events_init(&copy, &x.view, NULL), FEAT_OK);
        feat_alloc_fail_after(n);
        feat_status status = feat_events_init(&events, &x.view, NULL);
        bool made = status == FEAT_OK;
        if (status == FEAT_OK) status = feat_projector_new(&x.view, &projector, NULL);
        if (status == FEAT_OK) {
            size_t before = 0;
            for (int call = 0; call < 2 && status == FEAT_OK; call++) {
                before = events.n;
                status = feat_projector_run(projector, x.by_field, rows + 3 * call, ROWS - 300, &events, &kept,
                                            &kept_capacity, NULL);
            }
            if (status != FEAT_OK) {
                ck_assert_uint_eq(events.n, before);
                for (size_t k = 0; k < events.n_ties; k++) ck_assert_uint_eq(events.ties[k].length, before);
            }
        }
        if (status == FEAT_OK) status = feat_events_gather(&copy, &events, rows, 100, NULL);
        if (status != FEAT_OK) ck_assert_uint_eq(copy.n, 0);
        if (status == FEAT_OK) status = feat_events_sort(&events, rows, 1000, NULL);
        feat_alloc_fail_after(0);
        ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
        if (projector && status != FEAT_OK) { /* all of it works as if nothing had happened */
            size_t before = events.n, added = 0;
            ck_assert_int_eq(
                feat_projector_run(projector, x.by_field, rows, ROWS, &events, &kept, &kept_capacity, NULL), FEAT_OK);
            for (size_t i = 0; i < ROWS; i++)
                if (tristate(&x.columns[WHERE], rows[i]) == 1) check_event(&x, &events, before + added++, rows[i]);
            ck_assert_uint_eq(events.n, before + added);
        }
        feat_projector_free(projector);
        if (made) feat_events_done(&events);
        feat_events_done(&copy);
        feat_free(kept);
        if (status == FEAT_OK) break;
    }
    free(rows);
    fixture_done(&x);
}
END_TEST

static void add(TCase *tests) {
    tcase_add_test(tests, test_projection);
    tcase_add_test(tests, test_errors);
    tcase_add_test(tests, test_sort);
    tcase_add_test(tests, test_ties);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/events", add); }
