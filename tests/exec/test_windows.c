/* Bounds of windows by hand; and the index against the scan, and the scan against plain sums, over random events. */
#include "support.h"

#include "base/clock.h"
#include "math/exact.h"

/* ---- bounds ---- */

#define DAY FEAT_US_PER_DAY

static int64_t at(const char *text) {
    int64_t us = 0;
    ck_assert(feat_parse_timestamp(text, strlen(text), &us));
    return us;
}

START_TEST(test_bounds) {
    const int64_t low = INT64_MIN, high = INT64_MAX, march = at("2023-03-31 12:00:00");
    const struct {
        feat_window window;
        int64_t t, delay, first, last;
    } cases[] = {
        {{.start = {0, 1, 0}}, 5 * DAY, 0, 4 * DAY, 5 * DAY},
        {{.start = {0, 1, 0}, .open_left = true}, 5 * DAY, 0, 4 * DAY + 1, 5 * DAY},
        {{.start = {0, 1, 0}, .open_right = true}, 5 * DAY, 0, 4 * DAY, 5 * DAY - 1},
        {{.start = {0, 1, 0}}, 5 * DAY, 7, 4 * DAY, 5 * DAY - 7},
        {{.start = {0, 3, 0}, .end = {0, 1, 5}}, 5 * DAY, 7, 2 * DAY, 4 * DAY - 5},
        {{.start = {0, 0, 3}, .end = {0, 0, 0}}, 5 * DAY, 4, high, low},
        {{.unbounded = true}, 9, 0, low, 9},
        {{.unbounded = true, .open_left = true}, 9, 0, low, 9},
        {{.start = {1, 0, 0}}, march, 0, at("2023-02-28 12:00:00"), march},
        {{.start = {1, 1, 1}}, march, 0, at("2023-02-27 12:00:00") - 1, march},
        {{.start = {13, 0, 0}, .end = {1, 0, 0}}, march, 0, at("2022-02-28 12:00:00"), at("2023-02-28 12:00:00")},
        {{.start = {12, 0, 0}}, at("2024-02-29 00:00:00"), 0, at("2023-02-28 00:00:00"), at("2024-02-29 00:00:00")},
        /* The ends of time. */
        {{.start = {0, 1, 0}}, low + 5, 0, low, low + 5},
        {{.start = {0, 1, 0}, .open_left = true}, low + 5, 0, low, low + 5},
        {{.start = {0, 0, 5}, .open_left = true}, low + 5, 0, low + 1, low + 5},
        {{.start = {0, 1, 0}, .open_right = true}, low, 0, high, low},
        {{.start = {0, 1, 0}}, low, 1, high, low},
        {{.start = {0, 0, 0}}, high, 0, high, high},
        {{.start = {0, 0, 0}, .open_left = true}, high, 0, high, low},
        {{.start = {0, INT64_MAX, INT64_MAX}}, high, 0, low, high},
        {{.start = {INT64_MAX, 0, 0}}, 0, 0, low, 0},
        {{.unbounded = true, .end = {INT64_MAX, 0, 0}}, 0, 0, high, low},
        {{.unbounded = true, .end = {0, 0, INT64_MIN}}, 0, 0, low, 0}, /* nothing of the future is visible */
        {{.unbounded = true, .end = {INT64_MIN, 0, 0}}, 0, 0, low, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t first = 1, last = 2;
        feat_window_bounds(&cases[i].window, cases[i].t, cases[i].delay, &first, &last);
        ck_assert_msg(first == cases[i].first && last == cases[i].last, "case %zu: [%lld, %lld]", i, (long long)first,
                      (long long)last);
    }
}
END_TEST

/* ---- a view over all aggregates and classes ---- */

enum { N_SLOTS = 6, MAX_AGGREGATES = 400 };

static const feat_type slot_types[N_SLOTS] = {FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE,
                                              FEAT_TYPE_TEXT,    FEAT_TYPE_DATE,   FEAT_TYPE_DOUBLE};

typedef struct fixture {
    feat_field field;
    feat_schema table;
    feat_slot slots[N_SLOTS];
    feat_window windows[20];
    feat_aggregate aggregates[MAX_AGGREGATES];
    feat_view view;
} fixture;

static void add_aggregate(fixture *x, feat_agg agg, uint32_t slot, uint32_t window, feat_type type) {
    ck_assert_uint_lt(x->view.n_aggregates, MAX_AGGREGATES);
    x->aggregates[x->view.n_aggregates++] = (feat_aggregate){agg, slot, window, type};
}

static feat_interval random_interval(void) {
    switch (random_below(5)) {
    case 0: return (feat_interval){0, 0, (int64_t)random_below(30)};
    case 1: return (feat_interval){0, (int64_t)random_below(40), 0};
    case 2: return (feat_interval){(int64_t)random_below(3), 0, (int64_t)random_below(100)};
    case 3: return (feat_interval){0, 0, 0};
    default: return (feat_interval){0, 0, (int64_t)random_below(20) * (DAY / 7)};
    }
}

/* More windows than a query keeps the ranges of. */
static void fixture_init(fixture *x) {
    memset(x, 0, sizeof *x);
    x->field = (feat_field){"at", FEAT_TYPE_TIMESTAMP, 1, true};
    x->table = (feat_schema){.name = "t", .fields = &x->field, .n_fields = 1};
    x->table.delay_us = random_below(3) ? 0 : (int64_t)random_below(50);
    x->view = (feat_view){.name = "v",
                          .table = &x->table,
                          .slots = x->slots,
                          .n_slots = N_SLOTS,
                          .windows = x->windows,
                          .aggregates = x->aggregates,
                          .where = FEAT_NO_NODE};
    for (size_t s = 0; s < N_SLOTS; s++) x->slots[s] = (feat_slot){0, FEAT_NO_NODE, slot_types[s]};
    x->view.n_windows = random_below(4) ? 3 : 20;
    for (uint32_t w = 0; w < x->view.n_windows; w++) {
        x->windows[w] = (feat_window){.unbounded = random_below(4) == 0,
                                      .start = random_interval(),
                                      .open_left = random_below(2),
                                      .open_right = random_below(2)};
        if (random_below(3) == 0) x->windows[w].end = random_interval();
        if (w >= 3 && w < 18) continue;
        for (uint32_t s = 0; s < N_SLOTS; s++) {
            feat_type type = slot_types[s];
            add_aggregate(x, FEAT_AGG_COUNT, s, w, FEAT_TYPE_BIGINT);
            add_aggregate(x, FEAT_AGG_MIN, s, w, type);
            add_aggregate(x, FEAT_AGG_MAX, s, w, type);
            add_aggregate(x, FEAT_AGG_FIRST, s, w, type);
            add_aggregate(x, FEAT_AGG_LAST, s, w, type);
            if (type == FEAT_TYPE_BIGINT) {
                add_aggregate(x, FEAT_AGG_SUM_INT, s, w, FEAT_TYPE_BIGINT);
                add_aggregate(x, FEAT_AGG_AVG_INT, s, w, FEAT_TYPE_DOUBLE);
            }
            if (type == FEAT_TYPE_DOUBLE) {
                add_aggregate(x, FEAT_AGG_SUM_DOUBLE, s, w, FEAT_TYPE_DOUBLE);
                add_aggregate(x, FEAT_AGG_AVG_DOUBLE, s, w, FEAT_TYPE_DOUBLE);
            }
        }
    }
}

/* ---- random events ---- */

typedef enum flavour { CENTS, MONEY_AND_SPECIALS, ANYTHING, SPREAD } flavour;

static double flavoured_double(flavour f) {
    double cents = (double)((int64_t)random_below(200000) - 100000) / 100;
    switch (f) {
    case CENTS: return cents;
    case MONEY_AND_SPECIALS:
        return random_below(30) ? cents : random_below(3) == 0 ? (double)NAN : random_below(2) ? HUGE_VAL : -HUGE_VAL;
    case ANYTHING: return random_double();
    case SPREAD: return ldexp(cents, (int)random_below(600) - 300);
    }
    return 0;
}

/* Events by hand, in the arrays that the projector would fill. */
static void fill_events(feat_events *events, const fixture *x, size_t n, flavour f, unsigned percent_no_value) {
    memset(events, 0, sizeof *events);
    events->n = events->capacity = n;
    events->n_slots = N_SLOTS;
    events->time = malloc((n + 1) * sizeof *events->time);
    events->slots = calloc(N_SLOTS, sizeof *events->slots);
    int64_t time = random_below(8) ? at("2023-01-28 00:00:00") : INT64_MIN;
    int64_t step = random_below(2) ? 3 : DAY / 5;
    for (size_t i = 0; i < n; i++) {
        if (random_below(3)) time += (int64_t)random_below((uint64_t)step);
        if (i + 1 == n && random_below(16) == 0) time = INT64_MAX;
        events->time[i] = time;
    }
    for (size_t s = 0; s < N_SLOTS; s++) {
        feat_event_slot *slot = &events->slots[s];
        slot->class = feat_class_of(x->slots[s].type);
        slot->values = calloc(n + 1, sizeof(feat_text));
        slot->state = calloc(n + 1, 1);
        bool clean = random_below(3) == 0, errors = random_below(3) == 0;
        for (size_t i = 0; i < n; i++) {
            feat_cell cell = random_cell(slot->class, 0);
            if (slot->class == FEAT_CLASS_F) cell.v.f = feat_double_canonical(flavoured_double(f));
            if (slot->class == FEAT_CLASS_I && random_below(2)) cell.v.i >>= 32;
            if (!clean && random_below(100) < percent_no_value)
                cell.state = random_below(2) ? FEAT_STATE_SKIPPED : FEAT_STATE_NULL;
            if (errors && random_below(40) == 0) cell.state = FEAT_STATE_ERROR;
            slot->state[i] = cell.state;
            /* A lane that is no value may hold anything harmless, not only zero. */
            if (slot->class == FEAT_CLASS_B) ((uint8_t *)slot->values)[i] = cell.v.b;
            else if (slot->class == FEAT_CLASS_I) ((int64_t *)slot->values)[i] = cell.v.i;
            else if (slot->class == FEAT_CLASS_F) ((double *)slot->values)[i] = cell.v.f;
            else ((feat_text *)slot->values)[i] = cell.v.t;
        }
    }
}

static void free_events(feat_events *events) {
    free(events->time);
    for (size_t s = 0; s < N_SLOTS; s++) {
        free(events->slots[s].values);
        free(events->slots[s].state);
    }
    free(events->slots);
}

static int64_t random_t(const feat_events *events, const fixture *x) {
    if (events->n == 0 || random_below(12) == 0) {
        static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
        return ends[random_below(6)];
    }
    /* An event just at, before or behind an edge of some window. */
    const feat_window *w = &x->windows[random_below(x->view.n_windows)];
    const feat_interval *edge = random_below(2) ? &w->start : &w->end;
    int64_t t = events->time[random_below(events->n)], jitter = (int64_t)random_below(3) - 1;
    int64_t months, back = edge->days * DAY + edge->us + (random_below(2) ? x->table.delay_us : 0) + jitter;
    if (feat_add_months(t, edge->months, &months)) t = months;
    if (__builtin_add_overflow(t, back, &t)) return INT64_MAX;
    return t;
}

/* ---- the reference: every event tested against the bounds, everything added in the plainest way ---- */

static int order_cells(const feat_cell *a, const feat_cell *b, feat_class class) {
    if (class == FEAT_CLASS_F) return feat_double_order(a->v.f, b->v.f);
    if (class == FEAT_CLASS_I) return (a->v.i > b->v.i) - (a->v.i < b->v.i);
    if (class == FEAT_CLASS_B) return (a->v.b > b->v.b) - (a->v.b < b->v.b);
    size_t n = a->v.t.length < b->v.t.length ? a->v.t.length : b->v.t.length;
    int order = n ? memcmp(a->v.t.data, b->v.t.data, n) : 0;
    return order ? order : (a->v.t.length > b->v.t.length) - (a->v.t.length < b->v.t.length);
}

static feat_cell event_cell(const feat_event_slot *slot, size_t i) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.state = slot->state[i];
    if (slot->class == FEAT_CLASS_B) cell.v.b = ((uint8_t *)slot->values)[i];
    else if (slot->class == FEAT_CLASS_I) cell.v.i = ((int64_t *)slot->values)[i];
    else if (slot->class == FEAT_CLASS_F) cell.v.f = ((double *)slot->values)[i];
    else cell.v.t = ((feat_text *)slot->values)[i];
    return cell;
}

static feat_cell reference(const fixture *x, const feat_events *events, size_t first, size_t n, int64_t t, size_t a,
                           bool *any) {
    const feat_aggregate *aggregate = &x->aggregates[a];
    const feat_event_slot *slot = &events->slots[aggregate->slot];
    int64_t from, to, values = 0;
    feat_window_bounds(&x->windows[aggregate->window], t, x->table.delay_us, &from, &to);
    bool error = false, started = false;
    feat_int128 ints = 0;
    feat_exact doubles;
    feat_exact_init(&doubles);
    feat_cell out, least = {.state = FEAT_STATE_NULL}, greatest = least, head = least, tail = least;
    memset(&out, 0, sizeof out);
    *any = false;
    for (size_t i = first; i < first + n; i++) {
        if (events->time[i] < from || events->time[i] > to) continue;
        *any = true;
        feat_cell cell = event_cell(slot, i);
        if (cell.state == FEAT_STATE_SKIPPED) continue;
        if (!started) head = cell;
        started = true;
        tail = cell;
        if (cell.state == FEAT_STATE_ERROR) error = true;
        if (cell.state != FEAT_STATE_VALUE) continue;
        if (values == 0 || order_cells(&cell, &least, slot->class) < 0) least = cell;
        if (values == 0 || order_cells(&cell, &greatest, slot->class) > 0) greatest = cell;
        values++;
        if (slot->class == FEAT_CLASS_I) ints += cell.v.i;
        if (slot->class == FEAT_CLASS_F) feat_exact_add(&doubles, cell.v.f);
    }
    if (aggregate->agg == FEAT_AGG_FIRST) return head;
    if (aggregate->agg == FEAT_AGG_LAST) return tail;
    if (error) {
        out.state = FEAT_STATE_ERROR;
        return out;
    }
    if (aggregate->agg == FEAT_AGG_COUNT) {
        out.v.i = values;
        return out;
    }
    if (values == 0) {
        out.state = FEAT_STATE_NULL;
        return out;
    }
    switch (aggregate->agg) {
    case FEAT_AGG_SUM_INT:
        out.v.i = (int64_t)ints;
        if (ints != out.v.i) out.state = FEAT_STATE_ERROR;
        return out;
    case FEAT_AGG_AVG_INT: out.v.f = feat_int_mean(ints, values); return out;
    case FEAT_AGG_SUM_DOUBLE: out.v.f = feat_exact_round(&doubles); return out;
    case FEAT_AGG_AVG_DOUBLE: out.v.f = feat_exact_mean(&doubles, values); return out;
    case FEAT_AGG_MIN: return least;
    default: return greatest;
    }
}

START_TEST(test_index_is_scan) {
    static const size_t sizes[] = {0, 1, 2, 17, 63, 64, 65, 200, 1000, 3000};
    for (int round = 0; round < 240; round++) {
        size_t n = sizes[(size_t)round % (sizeof sizes / sizeof *sizes)], first = random_below(3);
        fixture x;
        feat_events events;
        fixture_init(&x);
        flavour f = (flavour)(round / 10 % 4);
        fill_events(&events, &x, n + first + 2, f, random_below(2) ? 10 : 80);
        feat_window_index *index = NULL;
        ck_assert_int_eq(feat_window_index_new(&x.view, &index, NULL), FEAT_OK);
        /* An index is built again and again; something else first. */
        ck_assert_int_eq(feat_window_index_build(index, &events, 0, n / 2, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_build(index, &events, first, n, NULL), FEAT_OK);
        for (int q = 0; q < (n > 500 ? 12 : 25); q++) {
            int64_t t = random_t(&events, &x);
            feat_cell scanned[MAX_AGGREGATES], indexed[MAX_AGGREGATES];
            bool found_scan, found_index;
            feat_aggregates_scan(&x.view, &events, first, n, t, scanned, &found_scan);
            feat_window_index_query(index, t, indexed, &found_index);
            ck_assert_int_eq(found_scan, found_index);
            bool found = false;
            for (size_t w = 0; w < x.view.n_windows; w++) {
                int64_t from, to;
                feat_window_bounds(&x.windows[w], t, x.table.delay_us, &from, &to);
                for (size_t i = first; i < first + n; i++) found |= events.time[i] >= from && events.time[i] <= to;
            }
            ck_assert_int_eq(found_scan, found);
            for (size_t a = 0; a < x.view.n_aggregates; a++) {
                bool any;
                feat_class class = feat_class_of(x.aggregates[a].type);
                feat_cell expected = reference(&x, &events, first, n, t, a, &any);
                ck_assert_msg(same_cell(&scanned[a], &expected, class), "round %d, %s, n %zu: scan is wrong", round,
                              feat_agg_table[x.aggregates[a].agg].id, n);
                ck_assert_msg(same_cell(&indexed[a], &expected, class), "round %d, %s, n %zu: index is wrong", round,
                              feat_agg_table[x.aggregates[a].agg].id, n);
            }
        }
        feat_window_index_free(index);
        free_events(&events);
    }
}
END_TEST

/* Enough events for trees of several levels and many dense groups. */
START_TEST(test_large) {
    fixture x;
    feat_events events;
    fixture_init(&x);
    size_t n = 20000;
    for (int f = CENTS; f <= SPREAD; f++) {
        fill_events(&events, &x, n, (flavour)f, 5);
        feat_window_index *index = NULL;
        ck_assert_int_eq(feat_window_index_new(&x.view, &index, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_build(index, &events, 0, n, NULL), FEAT_OK);
        for (int q = 0; q < 30; q++) {
            int64_t t = events.time[random_below(n)];
            feat_cell scanned[MAX_AGGREGATES], indexed[MAX_AGGREGATES];
            bool found_scan, found_index;
            feat_aggregates_scan(&x.view, &events, 0, n, t, scanned, &found_scan);
            feat_window_index_query(index, t, indexed, &found_index);
            for (size_t a = 0; a < x.view.n_aggregates; a++)
                ck_assert(same_cell(&scanned[a], &indexed[a], feat_class_of(x.aggregates[a].type)));
        }
        feat_window_index_free(index);
        free_events(&events);
    }
}
END_TEST

START_TEST(test_out_of_memory) {
    fixture x;
    feat_events events;
    fixture_init(&x);
    fill_events(&events, &x, 300, SPREAD, 30);
    feat_cell out[MAX_AGGREGATES], expected[MAX_AGGREGATES];
    bool found;
    int64_t t = events.time[200];
    feat_aggregates_scan(&x.view, &events, 0, 300, t, expected, &found);
    for (int64_t n = 1;; n++) {
        ck_assert_int_lt(n, 1000);
        feat_window_index *index = NULL;
        feat_alloc_fail_after(n);
        feat_status status = feat_window_index_new(&x.view, &index, NULL);
        if (status == FEAT_OK) status = feat_window_index_build(index, &events, 0, 300, NULL);
        else ck_assert_ptr_null(index);
        feat_alloc_fail_after(0);
        if (status != FEAT_OK) {
            ck_assert_int_eq(status, FEAT_MEMORY);
            if (index) { /* it answers as one without events, and can be built again */
                feat_window_index_query(index, t, out, &found);
                ck_assert(!found && out[0].state == FEAT_STATE_VALUE && out[0].v.i == 0);
                ck_assert_int_eq(feat_window_index_build(index, &events, 0, 300, NULL), FEAT_OK);
            }
        }
        if (index) {
            feat_window_index_query(index, t, out, &found);
            for (size_t a = 0; a < x.view.n_aggregates; a++)
                ck_assert(same_cell(&out[a], &expected[a], feat_class_of(x.aggregates[a].type)));
        }
        feat_window_index_free(index);
        if (status == FEAT_OK) break;
    }
    free_events(&events);
}
END_TEST

static void add(TCase *tests) {
    tcase_add_test(tests, test_bounds);
    tcase_add_test(tests, test_index_is_scan);
    tcase_add_test(tests, test_large);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/windows", add); }
