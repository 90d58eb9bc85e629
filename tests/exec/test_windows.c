/* Bounds of windows by hand; and scan, index and a third computation that goes through all rows one by one, over random
 * blocks and events. */
#include "support.h"

#include "base/clock.h"
#include "math/exact.h"
#include "plan/build.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

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
        {{.start = {0, INT32_MAX, INT64_MAX}}, high, 0, low, high},
        {{.start = {INT32_MAX, 0, 0}}, 0, 0, low, 0},
        {{.unbounded = true, .end = {INT32_MAX, 0, 0}}, 0, 0, high, low},
        {{.unbounded = true, .end = {0, 0, INT32_MIN}}, 0, 0, low, 0}, /* nothing of the future is visible */
        {{.unbounded = true, .end = {INT32_MIN, 0, 0}}, 0, 0, low, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t first = 1, last = 2;
        feat_window_bounds(&cases[i].window, cases[i].t, cases[i].delay, &first, &last);
        ck_assert_msg(first == cases[i].first && last == cases[i].last, "case %zu: [%lld, %lld]", i, (long long)first,
                      (long long)last);
    }
}
END_TEST

/* ---- random blocks over all classes and aggregates ---- */

enum { N_SLOTS = 16, N_BOUNDS = 9, MAX_BRANCHES = 3, MAX_WINDOWS = 12, AGGREGATES = 70, FIRST_SLOT_FIELD = 2 };

/* Each type twice, so that a slot has another to give `otherwise`. */
static const feat_type slot_types[N_SLOTS] = {
    FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT,  FEAT_TYPE_DOUBLE,   FEAT_TYPE_TEXT,
    FEAT_TYPE_DATE,    FEAT_TYPE_UBIGINT, FEAT_TYPE_INTERVAL, FEAT_TYPE_DECIMAL_OF(38, 2),
    FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT,  FEAT_TYPE_DOUBLE,   FEAT_TYPE_TEXT,
    FEAT_TYPE_DATE,    FEAT_TYPE_UBIGINT, FEAT_TYPE_INTERVAL, FEAT_TYPE_DECIMAL_OF(38, 2)};

/* What a bound of the clock is. */
typedef enum bound_kind { AT_TIME, AGO, NEVER, FAILING, NOW, AGO_SINCE } bound_kind;
typedef struct bound {
    bound_kind kind;
    int64_t time, ago; /* AGO: t - ago; AGO_SINCE: NULL while t < time, then t - ago */
} bound;

typedef struct fixture {
    feat_arena arena;
    feat_field fields[FIRST_SLOT_FIELD + N_SLOTS];
    feat_schema tables[MAX_BRANCHES];
    feat_union_branch branches[MAX_BRANCHES];
    feat_slot slots[MAX_BRANCHES][N_SLOTS];
    uint32_t key, tie;
    feat_type key_type, slot_types[N_SLOTS];
    feat_window windows[MAX_WINDOWS];
    feat_aggregate aggregates[AGGREGATES];
    bound meaning[N_BOUNDS];
    uint32_t bounds[N_BOUNDS];
    feat_block block;
} fixture;

static feat_interval random_interval(void) {
    switch (random_below(5)) {
    case 0: return (feat_interval){0, 0, (int64_t)random_below(30)};
    case 1: return (feat_interval){0, (int32_t)random_below(40), 0};
    case 2: return (feat_interval){(int32_t)random_below(3), 0, (int64_t)random_below(100)};
    case 3: return (feat_interval){0, 0, 0};
    default: return (feat_interval){0, 0, (int64_t)random_below(20) * (DAY / 7)};
    }
}

static uint32_t random_bound(unsigned one_in) {
    return random_below(one_in) ? FEAT_NO_BOUND : (uint32_t)random_below(N_BOUNDS);
}

static void add_bounds(fixture *x) {
    feat_builder b = {.pool = &x->block.clock.pool};
    feat_pool_init(b.pool, &x->arena);
    for (size_t i = 0; i < N_BOUNDS; i++) {
        /* Mostly bounds that let something in; NULL and an error are rare enough to leave the rest tested. */
        static const bound_kind kinds[N_BOUNDS] = {AT_TIME, AT_TIME, AGO, AGO, AGO, NOW, AGO_SINCE, NEVER, FAILING};
        bound *m = &x->meaning[i];
        *m = (bound){kinds[i], at("2023-01-28 00:00:00") + (int64_t)random_below(60 * DAY), 0};
        m->ago = random_below(2) ? (int64_t)random_below(40) : (int64_t)random_below(30 * DAY);
        uint32_t now = feat_build_leaf(&b, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0),
                 time = feat_build_int(&b, FEAT_TYPE_TIMESTAMP, m->time),
                 ago = feat_build_binary(&b, "-", now, feat_build_interval(&b, (feat_interval){0, 0, m->ago})),
                 node = FEAT_NO_NODE;
        switch (m->kind) {
        case AT_TIME: node = time; break;
        case AGO: node = ago; break;
        case NEVER: node = feat_build_null(&b, FEAT_TYPE_TIMESTAMP); break;
        case FAILING:
            node = feat_build_binary(&b, "+", feat_build_int(&b, FEAT_TYPE_TIMESTAMP, INT64_MAX),
                                     feat_build_interval(&b, (feat_interval){0, 1, 0}));
            break;
        case NOW: node = now; break;
        case AGO_SINCE: {
            uint32_t since = feat_build_binary(&b, ">=", now, time);
            node = feat_build_case(&b, &since, &ago, 1, FEAT_NO_NODE);
            break;
        }
        }
        ck_assert_msg(node != FEAT_NO_NODE, "%s", b.reason);
        x->bounds[i] = node;
    }
}

static feat_type random_aggregate(feat_type type, feat_agg *agg) {
    static const char *const names[] = {
        "count", "sum", "avg", "min", "max", "first", "last", "count(DISTINCT)", "sum(DISTINCT)", "avg(DISTINCT)"};
    for (;;) {
        feat_type result;
        size_t i = random_below(11);
        if (i == 10) {
            *agg = FEAT_AGG_LAG;
            return type;
        }
        int found = feat_agg_find(names[i], type, &result);
        if (found < 0) continue;
        *agg = (feat_agg)found;
        return result;
    }
}

static void add_window(feat_window *w) {
    *w = (feat_window){.frame = (feat_frame)random_below(3),
                       .unbounded = random_below(4) == 0,
                       .low = FEAT_NO_BOUND,
                       .high = FEAT_NO_BOUND,
                       .exclude = random_below(2) ? FEAT_EXCLUDE_NOTHING : (feat_exclude)random_below(4)};
    if (w->frame == FEAT_FRAME_RANGE) {
        w->start = random_interval();
        w->open_left = random_below(2);
        w->open_right = random_below(2);
        if (random_below(3) == 0) w->end = random_interval();
        w->low = random_bound(5);
        w->high = random_bound(6);
    } else {
        w->last = random_below(2) ? 0 : (int64_t)random_below(5);
        w->first = random_below(20) ? w->last + (int64_t)random_below(random_below(3) ? 6 : 60) : INT64_MAX;
        if (random_below(20) == 0) w->last = INT64_MAX;
    }
}

static void fixture_init(fixture *x, size_t n_branches) {
    memset(x, 0, sizeof *x);
    feat_arena_init(&x->arena);
    bool alike = random_below(3) == 0, retained = random_below(4) == 0;
    x->key_type = FEAT_TYPE_BIGINT;
    x->tie = 1;
    x->fields[0] = (feat_field){.name = "at", .type = FEAT_TYPE_TIMESTAMP, .id = 1, .not_null = true};
    x->fields[1] = (feat_field){.name = "k", .type = FEAT_TYPE_BIGINT, .id = 2};
    for (uint32_t s = 0; s < N_SLOTS; s++) {
        x->slot_types[s] = slot_types[s];
        x->fields[FIRST_SLOT_FIELD + s] = (feat_field){.name = "x", .type = slot_types[s], .id = 3 + s};
    }
    for (size_t i = 0; i < n_branches; i++) {
        feat_schema *table = &x->tables[i];
        feat_union_branch *branch = &x->branches[i];
        *table = (feat_schema){.name = "t", .fields = x->fields, .n_fields = FIRST_SLOT_FIELD + N_SLOTS};
        if (i > 0 && alike) {
            table->delay_us = x->tables[0].delay_us;
            table->retention = x->tables[0].retention;
        } else {
            table->delay_us = random_below(3) ? 0 : (int64_t)random_below(random_below(2) ? 50 : 3 * DAY);
            table->retention = (feat_span){(int64_t)random_below(2), (int64_t)random_below(40 * DAY)};
        }
        *branch = (feat_union_branch){.table = table,
                                      .where = FEAT_NO_NODE,
                                      .key = &x->key,
                                      .slots = x->slots[i],
                                      .ties = &x->tie,
                                      .n_ties = 1,
                                      .retained = alike ? retained : random_below(3) == 0};
        feat_builder b = {.pool = &branch->stage.pool};
        feat_pool_init(b.pool, &x->arena);
        x->key = feat_build_leaf(&b, FEAT_NODE_INPUT, FEAT_TYPE_BIGINT, 1, 0);
        for (uint32_t s = 0; s < N_SLOTS; s++)
            x->slots[i][s] =
                (feat_slot){feat_build_leaf(&b, FEAT_NODE_INPUT, slot_types[s], FIRST_SLOT_FIELD + s, 0), FEAT_NO_NODE};
    }
    add_bounds(x);
    size_t n_windows = random_below(4) ? 4 : MAX_WINDOWS;
    for (size_t w = 0; w < n_windows; w++) add_window(&x->windows[w]);
    for (size_t a = 0; a < AGGREGATES; a++) {
        feat_aggregate *made = &x->aggregates[a];
        uint32_t slot = (uint32_t)random_below(N_SLOTS);
        *made = (feat_aggregate){.slot = slot,
                                 .window = (uint32_t)random_below(n_windows),
                                 .low = random_bound(4),
                                 .high = random_bound(5),
                                 .otherwise = FEAT_NO_NODE,
                                 .offset = (int64_t)random_below(random_below(8) ? 5 : 100)};
        if (random_below(4) == 0) made->otherwise = (slot + N_SLOTS / 2) % N_SLOTS;
        made->type = random_aggregate(slot_types[slot], &made->agg);
        if (random_below(50) == 0) made->offset = INT64_MAX;
        if ((made->agg == FEAT_AGG_FIRST || made->agg == FEAT_AGG_LAST) && random_below(2)) {
            made->n_order = 1 + random_below(2);
            made->order = feat_arena_array(&x->arena, made->n_order, sizeof *made->order);
            for (size_t k = 0; k < made->n_order; k++)
                made->order[k] = (feat_order_key){(uint32_t)random_below(N_SLOTS), random_below(2), random_below(2)};
        }
    }
    x->block = (feat_block){.branches = x->branches,
                            .n_branches = n_branches,
                            .key = &x->key_type,
                            .n_key = 1,
                            .slots = x->slot_types,
                            .n_slots = N_SLOTS,
                            .windows = x->windows,
                            .n_windows = n_windows,
                            .aggregates = x->aggregates,
                            .n_aggregates = AGGREGATES,
                            .clock = x->block.clock,
                            .bounds = x->bounds,
                            .n_bounds = N_BOUNDS,
                            .low = random_bound(8),
                            .high = random_bound(8)};
    feat_error err = {0};
    ck_assert_msg(feat_lower_block(&x->arena, &x->block, random_below(2) ? feat_fold_op : NULL, &err) == FEAT_OK, "%s",
                  err.message);
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

static feat_int128 power_of_ten(int n) { return n == 0 ? 1 : 10 * power_of_ten(n - 1); }

static void set_event(feat_event_slot *slot, size_t i, const feat_cell *cell) {
    slot->state[i] = cell->state;
    switch (slot->class) {
    case FEAT_CLASS_B: ((uint8_t *)slot->values)[i] = cell->v.b; break;
    case FEAT_CLASS_I: ((int64_t *)slot->values)[i] = cell->v.i; break;
    case FEAT_CLASS_F: ((double *)slot->values)[i] = cell->v.f; break;
    case FEAT_CLASS_T: ((feat_text *)slot->values)[i] = cell->v.t; break;
    case FEAT_CLASS_W: ((feat_int128 *)slot->values)[i] = cell->v.w; break;
    case FEAT_CLASS_V: ((feat_interval *)slot->values)[i] = cell->v.p; break;
    case FEAT_CLASS_N: break;
    }
}

static feat_cell random_value(feat_type type, flavour f, bool small) {
    feat_class class = feat_class_of(type);
    feat_cell cell = random_cell(class, 0);
    if (class == FEAT_CLASS_F) cell.v.f = feat_double_canonical(flavoured_double(f));
    if (class == FEAT_CLASS_I && small) cell.v.i >>= 32;
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_UBIGINT)
        cell.v.w = (feat_int128)(random_bits() >> (small ? 10 + random_below(50) : random_below(64)));
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL) cell.v.w %= power_of_ten(small ? 30 : 38);
    return cell;
}

/* Events by hand, in the arrays that the projector would fill, in canonical order. */
static void fill_events(feat_events *events, const fixture *x, size_t n, flavour f, unsigned percent_no_value) {
    feat_events made;
    ck_assert_int_eq(feat_events_init(&made, &x->block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_events_init(events, &x->block, NULL), FEAT_OK);
    ck_assert_int_eq(feat_events_reserve(&made, n, NULL), FEAT_OK);
    int64_t time = random_below(8) ? at("2023-01-28 00:00:00") : INT64_MIN;
    int64_t step = random_below(2) ? 3 : DAY / 5;
    unsigned same = random_below(4) ? 3 : 20; /* long groups now and then */
    uint32_t *numbers = malloc((n + 1) * sizeof *numbers);
    for (size_t i = 0; i < n; i++) {
        numbers[i] = (uint32_t)i;
        if (random_below(same) < same - (same == 3 ? 1 : 18)) time += (int64_t)random_below((uint64_t)step);
        if (i + 1 == n && random_below(16) == 0) time = INT64_MAX;
        made.time[i] = time;
        int failed;
        if (x->block.n_branches > 1) {
            char text[20];
            int length = snprintf(text, sizeof text, "%u", (unsigned)random_below(100));
            failed = feat_column_append_int(&made.ties[0], (int64_t)random_below(x->block.n_branches));
            failed |= feat_column_append_text(&made.ties[1], text, (size_t)length);
        } else {
            failed = feat_column_append_int(&made.ties[0], random_int());
        }
        ck_assert_int_eq(failed, 0);
    }
    for (size_t s = 0; s < N_SLOTS; s++) {
        bool clean = random_below(3) == 0, errors = random_below(3) == 0, small = random_below(2);
        for (size_t i = 0; i < n; i++) {
            feat_cell cell = random_value(slot_types[s], f, small);
            /* A lane that is no value may hold anything harmless, not only zero. */
            if (!clean && random_below(100) < percent_no_value)
                cell.state = random_below(2) ? FEAT_STATE_SKIPPED : FEAT_STATE_NULL;
            if (errors && random_below(40) == 0) cell.state = FEAT_STATE_ERROR;
            set_event(&made.slots[s], i, &cell);
        }
    }
    made.n = n;
    ck_assert_int_eq(feat_events_sort(&made, numbers, n, NULL), FEAT_OK);
    ck_assert_int_eq(feat_events_gather(events, &made, numbers, n, NULL), FEAT_OK);
    for (size_t i = 1; i < n; i++) ck_assert_int_le(feat_events_compare(events, i - 1, events, i), 0);
    feat_events_done(&made);
    free(numbers);
}

static int64_t random_t(const feat_events *events, const fixture *x) {
    if (events->n == 0 || random_below(16) == 0) {
        static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX - 1, INT64_MAX};
        return ends[random_below(6)];
    }
    /* An event just at, before or behind an edge of some window, or of what is visible. */
    const feat_window *w = &x->windows[random_below(x->block.n_windows)];
    const feat_schema *table = &x->tables[random_below(x->block.n_branches)];
    feat_interval edge = random_below(2) ? w->start : w->end;
    if (random_below(6) == 0) edge = (feat_interval){(int32_t)table->retention.months, 0, table->retention.us};
    int64_t t = events->time[random_below(events->n)], jitter = (int64_t)random_below(3) - 1;
    int64_t months, back = edge.days * DAY + edge.us + (random_below(2) ? table->delay_us : 0) + jitter;
    if (feat_add_months(t, edge.months, &months)) t = months;
    if (__builtin_add_overflow(t, back, &t)) return INT64_MAX;
    return t;
}

/* ---- the reference: every row is asked by itself, in the words of plan.h ---- */

static int order_cells(const feat_cell *a, const feat_cell *b, feat_class class) {
    switch (class) {
    case FEAT_CLASS_F: return feat_double_order(a->v.f, b->v.f);
    case FEAT_CLASS_I: return (a->v.i > b->v.i) - (a->v.i < b->v.i);
    case FEAT_CLASS_B: return (a->v.b > b->v.b) - (a->v.b < b->v.b);
    case FEAT_CLASS_W: return (a->v.w > b->v.w) - (a->v.w < b->v.w);
    case FEAT_CLASS_V: {
        /* Thirty days are a month here; of equal lengths the one with fewer months, then with fewer days, is first. */
        feat_interval p = a->v.p, q = b->v.p;
        feat_int128 left = ((feat_int128)p.months * 30 + p.days) * DAY + p.us,
                    right = ((feat_int128)q.months * 30 + q.days) * DAY + q.us;
        if (left != right) return left < right ? -1 : 1;
        if (p.months != q.months) return p.months < q.months ? -1 : 1;
        return (p.days > q.days) - (p.days < q.days);
    }
    case FEAT_CLASS_T: {
        size_t n = a->v.t.length < b->v.t.length ? a->v.t.length : b->v.t.length;
        int order = n ? memcmp(a->v.t.data, b->v.t.data, n) : 0;
        return order ? order : (a->v.t.length > b->v.t.length) - (a->v.t.length < b->v.t.length);
    }
    case FEAT_CLASS_N: break;
    }
    return 0;
}

/* One bound at t: NO_LIMIT, LIMIT with `*time`, NOTHING or BROKEN. */
typedef enum limit { NO_LIMIT, LIMIT, NOTHING, BROKEN } limit;

static limit bound_at(const fixture *x, uint32_t number, int64_t t, int64_t *time) {
    if (number == FEAT_NO_BOUND) return NO_LIMIT;
    const bound *b = &x->meaning[number];
    *time = b->kind == AT_TIME ? b->time : t;
    if (b->kind == NEVER || (b->kind == AGO_SINCE && t < b->time)) return NOTHING;
    if (b->kind == FAILING) return BROKEN;
    if (b->kind != AGO && b->kind != AGO_SINCE) return LIMIT;
    return __builtin_sub_overflow(t, b->ago, time) ? BROKEN : LIMIT;
}

/* low <= time <= high? */
static limit within(const fixture *x, uint32_t low, uint32_t high, int64_t t, int64_t time, bool *in) {
    int64_t first = 0, last = 0;
    limit a = bound_at(x, low, t, &first), b = bound_at(x, high, t, &last);
    *in = false;
    if (a == BROKEN || b == BROKEN) return BROKEN;
    if (a == NOTHING || b == NOTHING) return NOTHING;
    *in = (a == NO_LIMIT || time >= first) && (b == NO_LIMIT || time <= last);
    return LIMIT;
}

/* t minus an interval, months first. */
static feat_int128 before(int64_t t, feat_interval i) {
    int64_t moved = t;
    if (i.months && !feat_add_months(t, -i.months, &moved))
        return -((feat_int128)1 << 100); /* months are positive here */
    return (feat_int128)moved - (feat_int128)i.days * DAY - i.us;
}

static bool visible(const fixture *x, const feat_events *events, size_t i, int64_t t) {
    const feat_union_branch *branch = &x->branches[x->block.n_branches > 1 ? feat_column_int(&events->ties[0], i) : 0];
    int64_t time = events->time[i];
    if ((feat_int128)time + branch->table->delay_us > t) return false;
    feat_interval retention = {(int32_t)branch->table->retention.months, 0, branch->table->retention.us};
    return !branch->retained || time >= before(t, retention);
}

typedef struct answer {
    bool failed; /* all rows are out of order: a bound of theirs is an error */
    size_t *rows, n;
    bool *member[MAX_WINDOWS], broken[MAX_WINDOWS];
    bool found;
} answer;

static void find_rows(const fixture *x, const feat_events *events, size_t first, size_t n, int64_t t, answer *w) {
    memset(w, 0, sizeof *w);
    w->rows = malloc((n + 1) * sizeof *w->rows);
    bool in;
    w->failed = within(x, x->block.low, x->block.high, t, 0, &in) == BROKEN;
    for (size_t i = first; i < first + n && !w->failed; i++) {
        within(x, x->block.low, x->block.high, t, events->time[i], &in);
        if (in && visible(x, events, i, t)) w->rows[w->n++] = i;
    }
    size_t *group = malloc((w->n + 1) * sizeof *group); /* groups between a row and the current one */
    for (size_t p = w->n; p-- > 0;) {
        bool current = p + 1 == w->n;
        group[p] = current ? 0 : group[p + 1] + (events->time[w->rows[p]] != events->time[w->rows[p + 1]]);
    }
    for (size_t k = 0; k < x->block.n_windows; k++) {
        const feat_window *window = &x->windows[k];
        bool *member = w->member[k] = malloc(w->n + 1);
        w->broken[k] = w->failed || within(x, window->low, window->high, t, 0, &in) == BROKEN;
        for (size_t p = 0; p < w->n; p++) {
            int64_t time = events->time[w->rows[p]];
            bool current = p + 1 == w->n;
            uint64_t distance = window->frame == FEAT_FRAME_GROUPS ? group[p] : w->n - 1 - p;
            if (window->frame == FEAT_FRAME_RANGE) {
                within(x, window->low, window->high, t, time, &member[p]);
                feat_int128 start = before(t, window->start), end = before(t, window->end);
                if (!window->unbounded && window->low == FEAT_NO_BOUND)
                    member[p] &= window->open_left ? time > start : time >= start;
                member[p] &= window->open_right ? time < end : time <= end;
            } else {
                member[p] =
                    distance >= (uint64_t)window->last && (window->unbounded || distance <= (uint64_t)window->first);
            }
            if (time == t &&
                ((window->exclude == FEAT_EXCLUDE_CURRENT_ROW && current) || window->exclude == FEAT_EXCLUDE_GROUP ||
                 (window->exclude == FEAT_EXCLUDE_TIES && !current)))
                member[p] = false;
            w->found |= member[p] && !w->broken[k];
        }
    }
    free(group);
}

static void free_answer(answer *w) {
    free(w->rows);
    for (size_t k = 0; k < MAX_WINDOWS; k++) free(w->member[k]);
}

static feat_cell of_state(uint8_t state) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.state = state;
    return cell;
}

#ifdef HAVE_MPFR
static void to_mpz(mpz_t z, feat_int128 v) {
    feat_uint128 size = v < 0 ? -(feat_uint128)v : (feat_uint128)v;
    uint64_t words[2] = {(uint64_t)size, (uint64_t)(size >> 64)};
    mpz_import(z, 2, -1, 8, 0, 0, words);
    if (v < 0) mpz_neg(z, z);
}

/* Exact sums of integers; MPFR divides them, rounding once. */
static feat_cell sum_integers(const feat_cell *cells, size_t n, const feat_aggregate *a, feat_type type) {
    feat_cell out = of_state(FEAT_STATE_VALUE);
    mpz_t sum, value, end;
    mpz_inits(sum, value, end, NULL);
    for (size_t i = 0; i < n; i++) {
        to_mpz(value, feat_class_of(type) == FEAT_CLASS_W ? cells[i].v.w : cells[i].v.i);
        mpz_add(sum, sum, value);
    }
    if (a->agg == FEAT_AGG_AVG_INT || a->agg == FEAT_AGG_AVG_WIDE) {
        mpfr_t dividend, divisor, mean;
        mpfr_inits2(1000, dividend, divisor, (mpfr_ptr)0);
        mpfr_init2(mean, 53);
        mpz_ui_pow_ui(value, 10, FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL ? (unsigned long)FEAT_TYPE_SCALE(type) : 0);
        mpz_mul_ui(value, value, n);
        mpfr_set_z(dividend, sum, MPFR_RNDN);
        mpfr_set_z(divisor, value, MPFR_RNDN);
        mpfr_div(mean, dividend, divisor, MPFR_RNDN);
        out.v.f = mpfr_zero_p(mean) ? 0.0 : mpfr_get_d(mean, MPFR_RNDN);
        mpfr_clears(dividend, divisor, mean, (mpfr_ptr)0);
    } else if (a->agg == FEAT_AGG_SUM_DECIMAL) {
        mpz_ui_pow_ui(end, 10, 38);
        if (mpz_cmpabs(sum, end) >= 0) out = of_state(FEAT_STATE_ERROR);
        uint64_t words[2] = {0, 0};
        if (out.state == FEAT_STATE_VALUE) mpz_export(words, NULL, -1, 8, 0, 0, sum);
        out.v.w = (feat_int128)((feat_uint128)words[1] << 64 | words[0]);
        if (mpz_sgn(sum) < 0) out.v.w = -out.v.w;
    } else if (mpz_fits_slong_p(sum)) {
        out.v.i = mpz_get_si(sum);
    } else {
        out = of_state(FEAT_STATE_ERROR);
    }
    mpz_clears(sum, value, end, NULL);
    return out;
}
#endif

/* Each value once: only those that no earlier one equals. */
static size_t keep_different(feat_cell *cells, size_t n, feat_class class) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < kept && !seen; k++)
            seen = order_cells(&cells[k], &cells[i], class) == 0 ||
                   (class == FEAT_CLASS_F && cells[k].v.f == 0 && cells[i].v.f == 0);
        if (!seen) cells[kept++] = cells[i];
    }
    return kept;
}

/* An aggregate of what its rows hold, of which none is SKIPPED. */
static feat_cell fold(const feat_aggregate *aggregate, feat_cell *cells, size_t n) {
    feat_aggregate plain = *aggregate, *a = &plain;
    plain.agg = feat_agg_of_distinct(aggregate->agg);
    feat_type type = slot_types[a->slot];
    feat_class class = feat_class_of(type);
    if (a->agg == FEAT_AGG_FIRST) return n ? cells[0] : of_state(FEAT_STATE_NULL);
    if (a->agg == FEAT_AGG_LAST) return n ? cells[n - 1] : of_state(FEAT_STATE_NULL);
    size_t values = 0;
    for (size_t i = 0; i < n; i++)
        if (cells[i].state == FEAT_STATE_ERROR) return cells[i];
    for (size_t i = 0; i < n; i++)
        if (cells[i].state == FEAT_STATE_VALUE) cells[values++] = cells[i];
    if (plain.agg != aggregate->agg) values = keep_different(cells, values, class);
    feat_cell out = of_state(FEAT_STATE_VALUE);
    if (a->agg == FEAT_AGG_COUNT) {
        out.v.i = (int64_t)values;
        return out;
    }
    if (values == 0) return of_state(FEAT_STATE_NULL);
    if (a->agg == FEAT_AGG_MIN || a->agg == FEAT_AGG_MAX) {
        out = cells[0];
        for (size_t i = 1; i < values; i++) {
            int order = order_cells(&cells[i], &out, class);
            if (a->agg == FEAT_AGG_MIN ? order < 0 : order > 0) out = cells[i];
        }
        return out;
    }
    if (class == FEAT_CLASS_F) {
        feat_exact sum;
        feat_exact_init(&sum);
        for (size_t i = 0; i < values; i++) feat_exact_add(&sum, cells[i].v.f);
        out.v.f = a->agg == FEAT_AGG_AVG_DOUBLE ? feat_exact_mean(&sum, (int64_t)values) : feat_exact_round(&sum);
        return out;
    }
#ifdef HAVE_MPFR
    return sum_integers(cells, values, a, type);
#else
    out.state = FEAT_STATE_SKIPPED; /* not known here */
    return out;
#endif
}

/* Whether row `i` comes before row `k` in the aggregate's own order. */
static bool ordered_before(const feat_aggregate *a, const feat_events *events, size_t i, size_t k) {
    for (size_t n = 0; n < a->n_order; n++) {
        const feat_order_key *key = &a->order[n];
        feat_cell x = event_cell(&events->slots[key->slot], i), y = event_cell(&events->slots[key->slot], k);
        if (x.state == FEAT_STATE_SKIPPED) x.state = FEAT_STATE_NULL;
        if (y.state == FEAT_STATE_SKIPPED) y.state = FEAT_STATE_NULL;
        if (x.state != y.state) return (x.state == FEAT_STATE_NULL) == key->nulls_first;
        int order = x.state == FEAT_STATE_VALUE ? order_cells(&x, &y, feat_class_of(slot_types[key->slot])) : 0;
        if (order) return key->descending ? order > 0 : order < 0;
    }
    return a->order[0].descending ? i > k : i < k;
}

/* Sorts rows by insertion; false where a key is an error. */
static bool sort_rows(const feat_aggregate *a, const feat_events *events, size_t *rows, feat_cell *cells, size_t n) {
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < a->n_order; k++)
            if (events->slots[a->order[k].slot].state[rows[i]] == FEAT_STATE_ERROR) return false;
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k > 0 && ordered_before(a, events, rows[k], rows[k - 1]); k--) {
            size_t row = rows[k];
            feat_cell cell = cells[k];
            rows[k] = rows[k - 1];
            cells[k] = cells[k - 1];
            rows[k - 1] = row;
            cells[k - 1] = cell;
        }
    }
    return true;
}

static feat_cell reference(const fixture *x, const feat_events *events, const answer *w, int64_t t, size_t number) {
    const feat_aggregate *a = &x->aggregates[number];
    bool in;
    if (w->failed || within(x, a->low, a->high, t, 0, &in) == BROKEN) return of_state(FEAT_STATE_ERROR);
    if (a->agg != FEAT_AGG_LAG && w->broken[a->window]) return of_state(FEAT_STATE_ERROR);
    feat_cell *cells = malloc((w->n + 1) * sizeof *cells), out;
    size_t *rows = malloc((w->n + 1) * sizeof *rows);
    bool current_passes = false;
    size_t n = 0;
    for (size_t p = 0; p < w->n; p++) {
        size_t i = w->rows[p];
        if (a->agg != FEAT_AGG_LAG && !w->member[a->window][p]) continue;
        within(x, a->low, a->high, t, events->time[i], &in);
        if (!in && a->otherwise == FEAT_NO_NODE) continue;
        feat_cell cell = event_cell(&events->slots[in ? a->slot : a->otherwise], i);
        if (cell.state == FEAT_STATE_SKIPPED) continue;
        current_passes = p + 1 == w->n;
        rows[n] = i;
        cells[n++] = cell;
    }
    if (a->n_order && !sort_rows(a, events, rows, cells, n)) {
        out = of_state(FEAT_STATE_ERROR);
    } else if (a->agg == FEAT_AGG_LAG) {
        /* Of the rows before the current one the k-th that passes; the 0-th is the newest that passes at all. */
        if (current_passes && a->offset > 0) n--;
        size_t back = a->offset > 0 ? (size_t)a->offset : 1;
        out = back <= n ? cells[n - back] : of_state(FEAT_STATE_NULL);
    } else {
        out = fold(a, cells, n);
    }
    free(cells);
    free(rows);
    return out;
}

static void check(const fixture *x, const feat_cell *got, const feat_cell *expected, const char *who, size_t a,
                  int round, size_t n, int64_t t) {
    const feat_aggregate *made = &x->aggregates[a];
    const feat_window *w = &x->windows[made->window];
    if (expected[a].state == FEAT_STATE_SKIPPED) return; /* the reference does not know */
    ck_assert_msg(
        same_cell(&got[a], &expected[a], feat_class_of(made->type)),
        "round %d, %s, class %d, frame %d, exclude %d, offset %lld, n %zu, t %lld: %s is wrong: state %d, not %d",
        round, feat_agg_table[made->agg].id, (int)feat_class_of(slot_types[made->slot]), (int)w->frame, (int)w->exclude,
        (long long)made->offset, n, (long long)t, who, got[a].state, expected[a].state);
}

/* What windows the events of the span alone give. */
static void check_span(const fixture *x, feat_scanner *scanner, const feat_events *events, size_t first, size_t n,
                       int64_t t, const feat_cell *expected, bool found) {
    int64_t from, to;
    feat_cell out[AGGREGATES];
    bool found_here;
    ck_assert_int_eq(feat_scanner_span(scanner, t, &from, &to, NULL), FEAT_OK);
    while (n && events->time[first] < from) first++, n--;
    while (n && events->time[first + n - 1] > to) n--;
    ck_assert_int_eq(feat_scanner_run(scanner, events, first, n, t, out, &found_here, NULL), FEAT_OK);
    ck_assert_int_eq(found_here, found);
    for (size_t a = 0; a < AGGREGATES; a++) check(x, out, expected, "the scan of the span", a, 0, n, t);
}

static size_t seen_states[FEAT_AGG_COUNT_OF][3]; /* of answers */

START_TEST(test_three_ways) {
    static const size_t sizes[] = {0, 1, 2, 17, 63, 64, 65, 200, 700};
    int rounds = getenv("FEAT_TEST_LONG") ? 5000 : 450;
    for (int round = 0; round < rounds; round++) {
        size_t n = sizes[(size_t)round % (sizeof sizes / sizeof *sizes)], first = random_below(3);
        fixture x;
        feat_events events;
        fixture_init(&x, random_below(3) ? 1 : 1 + random_below(MAX_BRANCHES));
        fill_events(&events, &x, n + first + 2, (flavour)(round / 9 % 4), random_below(2) ? 10 : 80);
        feat_window_index *index = NULL;
        feat_scanner *scanner = NULL;
        ck_assert_int_eq(feat_scanner_new(&x.block, &scanner, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_new(&x.block, &index, NULL), FEAT_OK);
        /* An index is built again and again; something else first. */
        ck_assert_int_eq(feat_window_index_build(index, &events, 0, n / 2, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_build(index, &events, first, n, NULL), FEAT_OK);
        for (int q = 0; q < (n > 500 ? 8 : 20); q++) {
            int64_t t = random_t(&events, &x);
            feat_cell scanned[AGGREGATES], indexed[AGGREGATES], expected[AGGREGATES];
            bool found_scan, found_index;
            answer w;
            find_rows(&x, &events, first, n, t, &w);
            for (size_t a = 0; a < AGGREGATES; a++) expected[a] = reference(&x, &events, &w, t, a);
            ck_assert_int_eq(feat_scanner_run(scanner, &events, first, n, t, scanned, &found_scan, NULL), FEAT_OK);
            ck_assert_int_eq(feat_window_index_query(index, 0, n, t, indexed, &found_index, NULL), FEAT_OK);
            ck_assert_int_eq(found_scan, w.found);
            ck_assert_int_eq(found_index, w.found);
            for (size_t a = 0; a < AGGREGATES; a++) {
                check(&x, scanned, expected, "the scan", a, round, n, t);
                check(&x, indexed, expected, "the index", a, round, n, t);
                check(&x, indexed, scanned, "the index beside the scan", a, round, n, t);
                seen_states[x.aggregates[a].agg][scanned[a].state]++;
            }
            /* Texts of the scan borrow from the scanner until it runs again; those of the index are its own. */
            check_span(&x, scanner, &events, first, n, t, indexed, w.found);
            free_answer(&w);
        }
        feat_window_index_free(index);
        feat_scanner_free(scanner);
        feat_events_done(&events);
        feat_arena_done(&x.arena);
    }
    /* The comparison says little if nothing was there to compare. */
    for (size_t agg = 0; agg < FEAT_AGG_COUNT_OF; agg++) {
        if (feat_agg_table[agg].function) continue; /* tested from Python, each against its naive version */
        ck_assert_uint_gt(seen_states[agg][FEAT_STATE_VALUE], 100);
        ck_assert_uint_gt(seen_states[agg][FEAT_STATE_ERROR], 100);
        if (feat_agg_of_distinct((feat_agg)agg) != FEAT_AGG_COUNT)
            ck_assert_uint_gt(seen_states[agg][FEAT_STATE_NULL], 100);
    }
}
END_TEST

/* Enough events for trees of several levels and many dense groups. */
START_TEST(test_large) {
    size_t n = 20000;
    for (int f = CENTS; f <= SPREAD; f++) {
        fixture x;
        feat_events events;
        fixture_init(&x, 1);
        fill_events(&events, &x, n, (flavour)f, 5);
        feat_window_index *index = NULL;
        feat_scanner *scanner = NULL;
        ck_assert_int_eq(feat_scanner_new(&x.block, &scanner, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_new(&x.block, &index, NULL), FEAT_OK);
        ck_assert_int_eq(feat_window_index_build(index, &events, 0, n, NULL), FEAT_OK);
        for (int q = 0; q < 30; q++) {
            int64_t t = events.time[random_below(n)];
            feat_cell scanned[AGGREGATES], indexed[AGGREGATES];
            bool found_scan, found_index;
            ck_assert_int_eq(feat_scanner_run(scanner, &events, 0, n, t, scanned, &found_scan, NULL), FEAT_OK);
            ck_assert_int_eq(feat_window_index_query(index, 0, n, t, indexed, &found_index, NULL), FEAT_OK);
            ck_assert_int_eq(found_scan, found_index);
            for (size_t a = 0; a < AGGREGATES; a++) check(&x, indexed, scanned, "the index", a, f, n, t);
        }
        feat_window_index_free(index);
        feat_scanner_free(scanner);
        feat_events_done(&events);
        feat_arena_done(&x.arena);
    }
}
END_TEST

/* ---- failures ---- */

static feat_status ask_both(feat_scanner *scanner, feat_window_index *index, const feat_events *events, int64_t t,
                            feat_cell *scanned, feat_cell *indexed) {
    bool found;
    feat_status status = feat_scanner_run(scanner, events, 0, events->n, t, scanned, &found, NULL);
    return status == FEAT_OK ? feat_window_index_query(index, 0, events->n, t, indexed, &found, NULL) : status;
}

START_TEST(test_out_of_memory) {
    for (size_t branches = 1; branches <= 2; branches++) {
        fixture x;
        feat_events events;
        fixture_init(&x, branches);
        fill_events(&events, &x, 300, SPREAD, 30);
        feat_cell scanned[AGGREGATES], indexed[AGGREGATES], expected[AGGREGATES];
        bool found;
        int64_t t = events.time[200];
        feat_scanner *plain = NULL;
        ck_assert_int_eq(feat_scanner_new(&x.block, &plain, NULL), FEAT_OK);
        ck_assert_int_eq(feat_scanner_run(plain, &events, 0, 300, t, expected, &found, NULL), FEAT_OK);
        feat_status status = FEAT_MEMORY;
        int64_t n = 1;
        for (; status != FEAT_OK; n++) {
            ck_assert_int_lt(n, 5000);
            feat_window_index *index = NULL;
            feat_scanner *scanner = NULL;
            feat_alloc_fail_after(n);
            status = feat_scanner_new(&x.block, &scanner, NULL);
            if (status == FEAT_OK) status = feat_window_index_new(&x.block, &index, NULL);
            if (status != FEAT_OK) ck_assert_ptr_null(index);
            if (status == FEAT_OK) {
                status = feat_window_index_build(index, &events, 0, 300, NULL);
                if (status != FEAT_OK) { /* it answers as one without events, and can be built again */
                    feat_alloc_fail_after(0);
                    ck_assert_int_eq(feat_window_index_query(index, 0, 300, t, indexed, &found, NULL), FEAT_OK);
                    ck_assert(!found);
                    ck_assert_int_eq(feat_window_index_build(index, &events, 0, 300, NULL), FEAT_OK);
                }
            }
            if (status == FEAT_OK) status = ask_both(scanner, index, &events, t, scanned, indexed);
            feat_alloc_fail_after(0);
            ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
            if (index) {
                ck_assert_int_eq(ask_both(scanner, index, &events, t, scanned, indexed), FEAT_OK);
                for (size_t a = 0; a < AGGREGATES; a++) {
                    check(&x, scanned, expected, "the scan", a, (int)n, 300, t);
                    check(&x, indexed, expected, "the index", a, (int)n, 300, t);
                }
            }
            feat_window_index_free(index);
            feat_scanner_free(scanner);
        }
        ck_assert_int_gt(n, 20); /* there was something to fail */
        feat_scanner_free(plain);
        feat_events_done(&events);
        feat_arena_done(&x.arena);
    }
}
END_TEST

static void add(TCase *tests) {
    tcase_add_test(tests, test_bounds);
    tcase_add_test(tests, test_three_ways);
    tcase_add_test(tests, test_large);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/windows", add); }
