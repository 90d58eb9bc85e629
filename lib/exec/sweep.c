/* Answers for the rows of many entities at once, aggregate after aggregate: first where each window begins and ends at
 * each row, then for every slot and window one loop over all rows. Rows of an entity ascend in time, so the ends of a
 * window move forward, and are found by galloping from where they were. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"
#include "exec/index.h"
#include "math/number.h"

/* An index pays when its events are asked about more often than every so many, or when walking the windows could look
 * at each event more than so many times; below, walking is cheaper than building it. Measured. */
enum { EVENTS_A_ROW = 48, LOOKS_AN_EVENT = 8 };

/* A RANGE window without calendar: t - back <= event time <= t - fore. */
typedef struct edge {
    bool calendar; /* months, or numbers that could leave the range: asked of feat_window_bounds at each t */
    bool unbounded;
    int64_t back, fore;
} edge;

/* A window whose ends move forward with t, while they are looked for. */
typedef struct moving {
    bool own_end, unbounded;
    int64_t back, fore;
    uint32_t low_at, high_at, *low, *high;
} moving;

struct feat_sweep {
    const feat_block *block;
    feat_window_index *index;
    bool columnar;  /* all windows are ranges that t alone decides */
    edge *edges;    /* by window */
    uint32_t *ends; /* by window: the first window that ends where it ends */
    moving *moving;
    size_t n_moving;
    uint32_t *order; /* of the aggregates: by slot and window */
    feat_cell *cells;
    /* By row: */
    uint32_t **low, **high; /* of each window; `high` is shared by those with the same end */
    size_t *low_capacity, *high_capacity;
    int64_t *counts;
    feat_int128 *sums;
    void *values;
    uint8_t *states;
    size_t counts_capacity, sums_capacity, values_capacity, states_capacity;
};

/* ---- Windows that need nothing but t. ---- */

static bool is_plain(const feat_window *w) {
    return w->frame == FEAT_FRAME_RANGE && w->low == FEAT_NO_BOUND && w->high == FEAT_NO_BOUND &&
           w->exclude == FEAT_EXCLUDE_NOTHING;
}

/* µs of an interval without months, or -1 when it is none of a size that t can be moved by without looking. */
static int64_t plain_length(const feat_interval *interval) {
    feat_int128 us = interval->months ? -1 : feat_interval_length(*interval);
    return us >= 0 && us < INT64_MAX / 8 ? (int64_t)us : -1;
}

static edge edge_of(const feat_block *block, const feat_window *w) {
    const feat_union_branch *branch = &block->branches[0];
    edge e = {.unbounded = w->unbounded};
    int64_t start = w->unbounded ? 0 : plain_length(&w->start), end = plain_length(&w->end),
            delay = branch->table->delay_us;
    e.calendar = start < 0 || end < 0 || delay < 0 || delay > INT64_MAX / 8 || branch->retained;
    if (e.calendar) return e;
    e.back = start - w->open_left;
    e.fore = end + w->open_right > delay ? end + w->open_right : delay;
    return e;
}

static bool same_end(const edge *a, const edge *b) { return !a->calendar && !b->calendar && a->fore == b->fore; }

/* Whether every t can be moved by any of the edges; they ascend within an entity. */
static bool are_movable(const feat_sweep_rows *rows) {
    bool movable = true;
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        if (entity->row == entity->row_end) continue;
        movable &= rows->times[entity->row] > INT64_MIN / 2 && rows->times[entity->row_end - 1] < INT64_MAX / 2;
    }
    return movable;
}

static feat_status plan_windows(feat_sweep *s, feat_error *err) {
    const feat_block *block = s->block;
    size_t n = block->n_windows;
    s->edges = feat_alloc_zero(n, sizeof *s->edges);
    s->ends = feat_alloc_array(n, sizeof *s->ends);
    s->moving = feat_alloc_array(n, sizeof *s->moving);
    s->low = feat_alloc_zero(n, sizeof *s->low);
    s->high = feat_alloc_zero(n, sizeof *s->high);
    s->low_capacity = feat_alloc_zero(n, sizeof *s->low_capacity);
    s->high_capacity = feat_alloc_zero(n, sizeof *s->high_capacity);
    if (!s->edges || !s->ends || !s->moving || !s->low || !s->high || !s->low_capacity || !s->high_capacity)
        return feat_fail_memory(err);
    s->columnar =
        feat_scanner_frames(s->index->scanner)->uniform && block->low == FEAT_NO_BOUND && block->high == FEAT_NO_BOUND;
    for (uint32_t w = 0; w < n; w++) {
        s->columnar = s->columnar && is_plain(&block->windows[w]);
        s->edges[w] = edge_of(block, &block->windows[w]);
        s->ends[w] = w;
        for (uint32_t v = 0; v < w && s->ends[w] == w; v++)
            if (same_end(&s->edges[v], &s->edges[w])) s->ends[w] = s->ends[v];
    }
    return FEAT_OK;
}

/* Aggregates of one slot and window follow each other: they share counts and sums. */
static void order_aggregates(feat_sweep *s) {
    const feat_aggregate *all = s->block->aggregates;
    for (uint32_t a = 0; a < s->block->n_aggregates; a++) {
        uint32_t at = a;
        for (; at > 0; at--) {
            const feat_aggregate *before = &all[s->order[at - 1]];
            if (before->window < all[a].window || (before->window == all[a].window && before->slot <= all[a].slot))
                break;
            s->order[at] = s->order[at - 1];
        }
        s->order[at] = a;
    }
}

feat_status feat_sweep_new(const feat_block *block, feat_sweep **sweep, feat_error *err) {
    feat_sweep *s = feat_alloc_zero(1, sizeof *s);
    if (!s) return feat_fail_memory(err);
    s->block = block;
    s->cells = feat_alloc_zero(block->n_aggregates, sizeof *s->cells);
    s->order = feat_alloc_array(block->n_aggregates, sizeof *s->order);
    feat_status status = s->cells && s->order ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) status = feat_window_index_new(block, &s->index, err);
    if (status == FEAT_OK) status = plan_windows(s, err);
    if (status != FEAT_OK) {
        feat_sweep_free(s);
        return status;
    }
    order_aggregates(s);
    *sweep = s;
    return FEAT_OK;
}

void feat_sweep_free(feat_sweep *s) {
    if (!s) return;
    for (size_t w = 0; s->low && w < s->block->n_windows; w++) feat_free(s->low[w]);
    for (size_t w = 0; s->high && w < s->block->n_windows; w++) feat_free(s->high[w]);
    feat_free(s->low);
    feat_free(s->high);
    feat_free(s->low_capacity);
    feat_free(s->high_capacity);
    feat_free(s->edges);
    feat_free(s->ends);
    feat_free(s->moving);
    feat_free(s->order);
    feat_free(s->cells);
    feat_free(s->counts);
    feat_free(s->sums);
    feat_free(s->values);
    feat_free(s->states);
    feat_window_index_free(s->index);
    feat_free(s);
}

/* ---- Where windows begin and end. ---- */

/* Most windows move by a few events from row to row: those are counted in blocks, without a branch that would be
 * guessed wrong at every row. */
enum { BLOCK = 8, BLOCKS = 4 };

/* Events of a batch: the times of one entity after the other, and how many there are. */
typedef struct timeline {
    const int64_t *times;
    uint32_t n;
} timeline;

/* The first place in [at, to) whose time is not below `bound`; after some blocks, found by doubling steps. */
static inline uint32_t advance(timeline line, uint32_t at, uint32_t to, int64_t bound) {
    for (uint32_t block = 0; block < BLOCKS && line.n - at >= BLOCK; block++) {
        uint32_t below = 0, left = to - at;
        if (left >= BLOCK) {
#pragma GCC unroll 8
            for (uint32_t i = 0; i < BLOCK; i++) below += line.times[at + i] < bound;
        } else {
#pragma GCC unroll 8
            for (uint32_t i = 0; i < BLOCK; i++) below += (line.times[at + i] < bound) & (i < left);
        }
        at += below;
        if (below < BLOCK) return at;
    }
    uint32_t step = 1;
    if (at >= to || line.times[at] >= bound) return at;
    while (step < to - at && line.times[at + step] < bound) {
        at += step;
        step *= 2;
    }
    uint32_t end = step < to - at ? at + step : to;
    at++;
    return at + (uint32_t)feat_time_lower_bound(line.times + at, end - at, bound);
}

/* Windows whose ends move forward with t, all at one row before any at the next: they do not wait for each other, and
 * find the same times in the cache. */
static void find_moving(feat_sweep *s, timeline line, const feat_sweep_rows *rows) {
    size_t n = s->n_moving;
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        for (size_t m = 0; m < n; m++) s->moving[m].low_at = s->moving[m].high_at = entity->from;
        for (uint32_t r = entity->row; r < entity->row_end; r++) {
            int64_t t = rows->times[r];
            for (size_t m = 0; m < n; m++) {
                moving *w = &s->moving[m];
                uint32_t high;
                if (w->own_end) w->high[r] = high = w->high_at = advance(line, w->high_at, entity->to, t - w->fore + 1);
                else high = w->high[r];
                if (!w->unbounded) w->low_at = advance(line, w->low_at, entity->to, t - w->back);
                w->low[r] = w->low_at < high ? w->low_at : high;
            }
        }
    }
}

/* The same where rows are about as many as events, so that few are passed. */
static inline uint32_t advance_few(timeline line, uint32_t at, uint32_t to, int64_t bound) {
    enum { FEW = 4 };
    if (to - at < FEW) return advance(line, at, to, bound);
    const int64_t *times = line.times + at;
    uint32_t below = 0;
#pragma GCC unroll 4
    for (uint32_t i = 0; i < FEW; i++) below += times[i] < bound;
    return below < FEW ? at + below : advance(line, at + FEW, to, bound);
}

/* The first events not below `t + shift` of rows [row, row_end) of one entity. Each depends on the one before, so that
 * the rows are cut into parts that are walked side by side. */
enum { SIDES = 4 };
static void find_side_by_side(timeline line, const feat_sweep_entity *entity, const int64_t *times, int64_t shift,
                              uint32_t *out) {
    size_t n = entity->row_end - entity->row, part = n / SIDES;
    uint32_t at[SIDES], from = entity->from, to = entity->to;
    const int64_t *t = times + entity->row;
    out += entity->row;
    for (size_t k = 0; part && k < SIDES; k++)
        at[k] = from + (uint32_t)feat_time_lower_bound(line.times + from, to - from, t[k * part] + shift);
    for (size_t r = 0; r < part; r++)
#pragma GCC unroll 4
        for (size_t k = 0; k < SIDES; k++)
            out[k * part + r] = at[k] = advance_few(line, at[k], to, t[k * part + r] + shift);
    uint32_t last = part ? at[SIDES - 1] : from;
    for (size_t r = SIDES * part; r < n; r++) out[r] = last = advance(line, last, to, t[r] + shift);
}

/* A window that is the only one has nothing to wait beside. */
static void find_alone(const moving *w, timeline line, const feat_sweep_rows *rows) {
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        find_side_by_side(line, entity, rows->times, 1 - w->fore, w->high);
        if (!w->unbounded) find_side_by_side(line, entity, rows->times, -w->back, w->low);
        for (uint32_t r = entity->row; r < entity->row_end; r++) {
            uint32_t low = w->unbounded ? entity->from : w->low[r];
            w->low[r] = low < w->high[r] ? low : w->high[r];
        }
    }
}

/* Neither end need move forward with t. */
static void find_calendar(const feat_sweep *s, const int64_t *times, const feat_sweep_rows *rows, size_t window,
                          uint32_t *low, uint32_t *high) {
    const feat_union_branch *branch = &s->block->branches[0];
    const feat_span *kept = &branch->table->retention;
    feat_window retention = {.unbounded = !branch->retained, .start = {(int32_t)kept->months, 0, kept->us}};
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        size_t n = entity->to - entity->from;
        const int64_t *own = times + entity->from;
        for (uint32_t r = entity->row; r < entity->row_end; r++) {
            int64_t first, last, oldest, newest;
            feat_window_bounds(&s->block->windows[window], rows->times[r], branch->table->delay_us, &first, &last);
            feat_window_bounds(&retention, rows->times[r], branch->table->delay_us, &oldest, &newest);
            if (oldest > first) first = oldest;
            size_t from = first == INT64_MIN ? 0 : feat_time_lower_bound(own, n, first);
            size_t to = last == INT64_MAX ? n : feat_time_lower_bound(own, n, last + 1);
            low[r] = entity->from + (uint32_t)from;
            high[r] = entity->from + (uint32_t)(to > from && first <= last ? to : from);
        }
    }
}

static feat_status find_windows(feat_sweep *s, const feat_events *events, const feat_sweep_rows *rows, bool movable,
                                feat_error *err) {
    s->n_moving = 0;
    for (size_t w = 0; w < s->block->n_windows; w++) {
        const edge *own = &s->edges[w];
        bool calendar = own->calendar || !movable;
        if (FEAT_GROW(s->low[w], s->low_capacity[w], rows->n_rows) != 0 ||
            ((calendar || s->ends[w] == w) && FEAT_GROW(s->high[w], s->high_capacity[w], rows->n_rows) != 0))
            return feat_fail_memory(err);
        if (calendar) find_calendar(s, events->time, rows, w, s->low[w], s->high[w]);
        else
            s->moving[s->n_moving++] = (moving){.own_end = s->ends[w] == w,
                                                .unbounded = own->unbounded,
                                                .back = own->back,
                                                .fore = own->fore,
                                                .low = s->low[w],
                                                .high = s->high[s->ends[w]]};
    }
    timeline line = {events->time, (uint32_t)events->n};
    if (s->n_moving == 1 && s->moving[0].own_end) find_alone(&s->moving[0], line, rows);
    else find_moving(s, line, rows);
    /* Without movable times every window has found its own end. */
    return FEAT_OK;
}

static const uint32_t *ends_of(const feat_sweep *s, size_t window, bool movable) {
    return s->high[movable ? s->ends[window] : window];
}

/* ---- Answers. ---- */

static inline size_t place_of(const feat_sweep_rows *rows, size_t r) {
    return rows->places ? rows->places[r] : rows->first + r;
}

/* Rows of an entity lie far apart, so that nearly every one is another line of memory: the lines are asked for ahead.
 */
enum { AHEAD = 24 };

static void put_bytes(uint8_t *to, const uint8_t *from, const uint32_t *places, size_t n) {
    for (size_t r = 0; r < n; r++) to[places[r]] = from[r];
}

static void put_words(uint64_t *to, const uint64_t *from, const uint32_t *places, size_t n) {
    size_t r = 0;
    for (; r + AHEAD < n; r++) {
        __builtin_prefetch(&to[places[r + AHEAD]], 1);
        to[places[r]] = from[r];
    }
    for (; r < n; r++) to[places[r]] = from[r];
}

/* One aggregate over all rows. */
typedef struct task {
    feat_sweep *s;
    const feat_summary *part;
    const feat_aggregate *aggregate;
    const uint32_t *low, *high;
    size_t n;
    bool shared;  /* counts are those of an aggregate before; so are sums */
    void *values; /* the answers: those of the sweep, or the places of the rows themselves */
    uint8_t *states;
} task;

static void count_values(const task *t) {
    int64_t *counts = t->s->counts;
    const uint32_t *before = t->part->value_counts;
    if (t->part->all_values)
        for (size_t r = 0; r < t->n; r++) counts[r] = (int64_t)(t->high[r] - t->low[r]);
    else
        for (size_t r = 0; r < t->n; r++) counts[r] = (int64_t)(before[t->high[r]] - before[t->low[r]]);
}

/* States of an aggregate that is NULL over no value. */
static void mark_states(const task *t, bool null_when_empty) {
    uint8_t *states = t->states;
    const int64_t *counts = t->s->counts;
    if (null_when_empty)
        for (size_t r = 0; r < t->n; r++) states[r] = counts[r] ? FEAT_STATE_VALUE : FEAT_STATE_NULL;
    else memset(states, FEAT_STATE_VALUE, t->n);
    for (size_t r = 0; t->part->any_error && r < t->n; r++)
        if (feat_summary_failed(t->part, t->low[r], t->high[r])) states[r] = FEAT_STATE_ERROR;
}

static void sum_prefixes(const task *t) {
    const feat_int128 *prefix = t->part->prefix;
    feat_int128 *sums = t->s->sums;
    for (size_t r = 0; r < t->n; r++) sums[r] = prefix[t->high[r]] - prefix[t->low[r]];
}

static void sum_doubles(const task *t, bool mean) {
    const feat_summary *p = t->part;
    double *out = t->values;
    const int64_t *counts = t->s->counts;
    const uint8_t *states = t->states;
    if (p->dense || p->any_special) {
        for (size_t r = 0; r < t->n; r++)
            out[r] = states[r] == FEAT_STATE_VALUE
                         ? feat_summary_double_sum(p, (feat_range){t->low[r], t->high[r]}, counts[r], mean)
                         : 0.0;
        return;
    }
    if (mean) feat_fixed_mean_array(t->s->sums, counts, t->n, p->exponent, out);
    else feat_fixed_round_array(t->s->sums, t->n, p->exponent, out); /* no values: the sum is 0 */
}

static void sum_ints(const task *t) {
    int64_t *out = t->values;
    uint8_t *states = t->states;
    const feat_int128 *sums = t->s->sums;
    for (size_t r = 0; r < t->n; r++) {
        bool fits = sums[r] >= INT64_MIN && sums[r] <= INT64_MAX;
        out[r] = fits && states[r] == FEAT_STATE_VALUE ? (int64_t)sums[r] : 0;
        if (!fits && states[r] == FEAT_STATE_VALUE) states[r] = FEAT_STATE_ERROR;
    }
}

static void mean_ints(const task *t) {
    double *out = t->values;
    feat_fixed_mean_array(t->s->sums, t->s->counts, t->n, 0, out);
    for (size_t r = 0; r < t->n; r++)
        if (t->states[r] != FEAT_STATE_VALUE) out[r] = 0.0;
}

static void find_extremes(const task *t, bool greatest) {
    const uint8_t *states = t->states;
    uint64_t *words = t->values;
    uint8_t *bytes = t->values;
    const feat_summary *p = t->part;
    for (size_t r = 0; r < t->n; r++) {
        uint64_t key = 0;
        bool value = states[r] == FEAT_STATE_VALUE;
        if (value) key = feat_summary_extreme_key(p, (feat_range){t->low[r], t->high[r]}, greatest);
        if (greatest) key = ~key;
        switch (p->slot.class) {
        case FEAT_CLASS_B: bytes[r] = value && key != 0; break;
        case FEAT_CLASS_I: words[r] = value ? key ^ UINT64_C(1) << 63 : 0; break;
        default: words[r] = value ? (key >> 63 ? key ^ UINT64_C(1) << 63 : ~key) : 0; break;
        }
    }
}

/* The event whose value is the first, or the last, of each row. */
static void find_ends(const task *t, bool last) {
    const feat_summary *p = t->part;
    const uint32_t *next = p->any_skipped ? p->next_passing : NULL,
                   *previous = p->any_skipped ? p->previous_passing : NULL;
    const uint8_t *bytes = p->slot.values;
    const uint64_t *words = p->slot.values;
    for (size_t r = 0; r < t->n; r++) {
        size_t low = t->low[r], high = t->high[r], event;
        if (last) event = (previous ? previous[high] : high) - 1; /* no event: a number that is below none */
        else event = next ? next[low] : low;
        bool any = last ? event + 1 > low : event < high;
        uint8_t state = any ? p->slot.state[event] : FEAT_STATE_NULL;
        bool value = state == FEAT_STATE_VALUE;
        t->states[r] = state;
        if (p->slot.class == FEAT_CLASS_B) ((uint8_t *)t->values)[r] = value && bytes[event];
        else ((uint64_t *)t->values)[r] = value ? words[event] : 0;
    }
    double *doubles = t->values;
    for (size_t r = 0; p->slot.class == FEAT_CLASS_F && r < t->n; r++) doubles[r] = feat_double_canonical(doubles[r]);
}

/* The answer of any class, row by row. */
static bool put_cells(const task *t, const feat_sweep_rows *rows, size_t a, feat_answers *answers) {
    feat_class class = feat_class_of(t->aggregate->type);
    for (size_t r = 0; r < t->n; r++) {
        feat_cell cell = feat_summary_query(t->part, t->aggregate->agg, (feat_range){t->low[r], t->high[r]});
        cell = feat_cell_canonical(cell, class);
        if (!feat_answers_put_one(answers, a, place_of(rows, r), &cell)) return false;
    }
    return true;
}

/* Whether the answer starts from the number of values. */
static bool is_counted(const task *t) {
    switch (t->aggregate->agg) {
    case FEAT_AGG_COUNT:
    case FEAT_AGG_SUM_INT:
    case FEAT_AGG_SUM_DOUBLE:
    case FEAT_AGG_AVG_INT:
    case FEAT_AGG_AVG_DOUBLE: return true;
    default:
        return (t->aggregate->agg == FEAT_AGG_MIN || t->aggregate->agg == FEAT_AGG_MAX) &&
               (t->part->slot.class == FEAT_CLASS_B || t->part->slot.class == FEAT_CLASS_I ||
                t->part->slot.class == FEAT_CLASS_F);
    }
}

static bool is_end(const task *t) {
    feat_agg agg = t->aggregate->agg;
    feat_class class = t->part->slot.class;
    return (agg == FEAT_AGG_FIRST || agg == FEAT_AGG_LAST) &&
           (class == FEAT_CLASS_B || class == FEAT_CLASS_I || class == FEAT_CLASS_F);
}

/* Answers are made where they stay when the places of the rows follow each other. */
static void choose_room(task *t, const feat_sweep_rows *rows, const feat_event_slot *column, bool keeps_states) {
    feat_sweep *s = t->s;
    bool together = rows->places == NULL;
    t->values = together ? (char *)column->values + rows->first * feat_class_size(column->class) : s->values;
    t->states = together && keeps_states ? column->state + rows->first : s->states;
}

static feat_status answer_one(task *t, const feat_sweep_rows *rows, size_t a, feat_answers *answers, feat_error *err) {
    feat_sweep *s = t->s;
    feat_agg agg = t->aggregate->agg;
    feat_event_slot *column = &answers->columns[a];
    bool end = is_end(t);
    if (!end && !is_counted(t)) return put_cells(t, rows, a, answers) ? FEAT_OK : feat_fail_memory(err);
    /* States start as values; those shared with an aggregate before are put by that one. */
    bool put = (agg != FEAT_AGG_COUNT || t->part->any_error) && !answers->shares_state[a];
    choose_room(t, rows, column, put);
    if (!end && !t->shared) {
        count_values(t);
        /* A count beside sums of a 128-bit type finds none: theirs are of another form, and answered row by row. */
        bool prefixed = t->part->sums && !t->part->dense && t->part->slot.class != FEAT_CLASS_W;
        if (prefixed) sum_prefixes(t);
    }
    if (!end) mark_states(t, agg != FEAT_AGG_COUNT);
    switch (agg) {
    case FEAT_AGG_FIRST:
    case FEAT_AGG_LAST: find_ends(t, agg == FEAT_AGG_LAST); break;
    case FEAT_AGG_COUNT: memcpy(t->values, s->counts, t->n * sizeof *s->counts); break;
    case FEAT_AGG_SUM_INT: sum_ints(t); break;
    case FEAT_AGG_AVG_INT: mean_ints(t); break;
    case FEAT_AGG_SUM_DOUBLE: sum_doubles(t, false); break;
    case FEAT_AGG_AVG_DOUBLE: sum_doubles(t, true); break;
    default: find_extremes(t, agg == FEAT_AGG_MAX); break;
    }
    if (agg == FEAT_AGG_COUNT && t->part->any_error)
        for (size_t r = 0; r < t->n; r++)
            if (t->states[r] == FEAT_STATE_ERROR) ((int64_t *)t->values)[r] = 0;
    if (!rows->places) return FEAT_OK;
    if (put) put_bytes(column->state, t->states, rows->places, t->n);
    if (column->class == FEAT_CLASS_B) put_bytes(column->values, t->values, rows->places, t->n);
    else put_words(column->values, t->values, rows->places, t->n);
    return FEAT_OK;
}

static feat_status answer_moments(feat_sweep *s, const feat_sweep_rows *rows, const uint32_t *low, const uint32_t *high,
                                  size_t a, feat_answers *answers, feat_error *err) {
    for (size_t r = 0; r < rows->n_rows; r++) {
        feat_cell cell;
        FEAT_TRY(feat_window_moments_query(feat_window_index_moments(s->index, a), s->index->statistics[a],
                                           (feat_range){low[r], high[r]}, &cell, err));
        if (!feat_answers_put_one(answers, a, place_of(rows, r), &cell)) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

/* Values counted by value, or the best event, where the window is long enough; *done says whether it was. */
static feat_status answer_slid(feat_sweep *s, const feat_sweep_rows *rows, bool movable, size_t a, size_t r, bool *done,
                               feat_answers *answers, feat_error *err) {
    const feat_aggregate *aggregate = &s->block->aggregates[a];
    feat_slide *slide = feat_window_index_slide(s->index, a);
    feat_best *best = feat_window_index_best(s->index, a);
    feat_range range = {s->low[aggregate->window][r], ends_of(s, aggregate->window, movable)[r]};
    *done = (slide || best) && aggregate->low == FEAT_NO_BOUND && aggregate->high == FEAT_NO_BOUND &&
            feat_slide_pays(range);
    if (!*done) return FEAT_OK;
    feat_cell cell;
    if (slide) feat_slide_forget(slide);
    FEAT_TRY(best ? feat_best_query(best, range, &cell, err) : feat_slide_query(slide, aggregate, range, &cell, err));
    cell = feat_cell_canonical(cell, feat_class_of(aggregate->type));
    return feat_answers_put_one(answers, a, place_of(rows, r), &cell) ? FEAT_OK : feat_fail_memory(err);
}

/* What has no structure over all rows at once: row by row from values that slide, or the rows of a window are looked
 * at for each t. */
static feat_status answer_scanned(feat_sweep *s, const feat_events *events, const feat_sweep_rows *rows, bool movable,
                                  const bool *scanned, feat_answers *answers, feat_error *err) {
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        for (uint32_t r = entity->row; r < entity->row_end; r++) {
            const feat_events *seen = events;
            size_t first = entity->from, n = entity->to - entity->from;
            bool found, framed = false, slid;
            for (size_t a = 0; a < s->block->n_aggregates; a++) {
                if (!scanned[a]) continue;
                FEAT_TRY(answer_slid(s, rows, movable, a, r, &slid, answers, err));
                if (slid) continue;
                if (!framed)
                    FEAT_TRY(feat_scanner_frame(s->index->scanner, &seen, &first, &n, rows->times[r], &found, err));
                framed = true;
                FEAT_TRY(feat_scanner_aggregate(s->index->scanner, a, seen, first, &s->cells[a], err));
                if (!feat_answers_put_one(answers, a, place_of(rows, r), &s->cells[a])) return feat_fail_memory(err);
            }
        }
    }
    return FEAT_OK;
}

static void answer_found(const feat_sweep *s, const feat_sweep_rows *rows, bool movable, feat_answers *answers) {
    feat_event_slot *found = &answers->columns[answers->n - 1];
    if (found->class == FEAT_CLASS_N) return;
    uint8_t *any = rows->places ? s->states : (uint8_t *)found->values + rows->first;
    memset(any, 0, rows->n_rows);
    for (size_t w = 0; w < s->block->n_windows; w++) {
        const uint32_t *low = s->low[w], *high = ends_of(s, w, movable);
        for (size_t r = 0; r < rows->n_rows; r++) any[r] |= high[r] > low[r];
    }
    if (!rows->places) {
        memset(found->state + rows->first, FEAT_STATE_VALUE, rows->n_rows);
        return;
    }
    put_bytes(found->values, any, rows->places, rows->n_rows);
    for (size_t r = 0; r < rows->n_rows; r++) found->state[rows->places[r]] = FEAT_STATE_VALUE;
}

static feat_status run_columns(feat_sweep *s, const feat_events *events, const feat_sweep_rows *rows,
                               feat_answers *answers, feat_error *err) {
    size_t n = rows->n_rows;
    bool movable = are_movable(rows), any_scanned = false;
    bool *scanned = feat_alloc_zero(s->block->n_aggregates, sizeof *scanned);
    if (!scanned || FEAT_GROW(s->counts, s->counts_capacity, n) != 0 || FEAT_GROW(s->sums, s->sums_capacity, n) != 0 ||
        FEAT_GROW(s->states, s->states_capacity, n) != 0 || feat_grow(&s->values, &s->values_capacity, n, 8) != 0) {
        feat_free(scanned);
        return feat_fail_memory(err);
    }
    feat_status status = feat_window_index_build(s->index, events, 0, events->n, err);
    if (status == FEAT_OK) status = find_windows(s, events, rows, movable, err);
    const feat_aggregate *before = NULL;
    for (size_t i = 0; i < s->block->n_aggregates && status == FEAT_OK; i++) {
        size_t a = s->order[i];
        const feat_aggregate *aggregate = &s->block->aggregates[a];
        if (answers->columns[a].class == FEAT_CLASS_N) continue;
        bool narrowed = aggregate->low != FEAT_NO_BOUND || aggregate->high != FEAT_NO_BOUND;
        if (!narrowed && feat_window_index_moments(s->index, a)) {
            status = answer_moments(s, rows, s->low[aggregate->window], ends_of(s, aggregate->window, movable), a,
                                    answers, err);
            continue;
        }
        if (narrowed || !feat_summary_serves(s->block, aggregate)) {
            any_scanned = scanned[a] = true;
            continue;
        }
        task t = {.s = s,
                  .part = &s->index->summaries[aggregate->slot],
                  .aggregate = aggregate,
                  .low = s->low[aggregate->window],
                  .high = ends_of(s, aggregate->window, movable),
                  .n = n,
                  .shared = before && before->slot == aggregate->slot && before->window == aggregate->window};
        status = answer_one(&t, rows, a, answers, err);
        if (is_counted(&t)) before = aggregate;
    }
    if (status == FEAT_OK) answer_found(s, rows, movable, answers);
    if (status == FEAT_OK && any_scanned) status = answer_scanned(s, events, rows, movable, scanned, answers, err);
    feat_free(scanned);
    return status;
}

/* ---- Row by row: windows that more than t decides, or few rows. ---- */

static feat_status run_rows(feat_sweep *s, const feat_events *events, const feat_sweep_rows *rows, bool indexed,
                            feat_answers *answers, feat_error *err) {
    bool found;
    if (indexed) FEAT_TRY(feat_window_index_build(s->index, events, 0, events->n, err));
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        for (uint32_t r = entity->row; r < entity->row_end; r++) {
            int64_t t = rows->times[r];
            if (indexed)
                FEAT_TRY(feat_window_index_query(s->index, entity->from, entity->to, t, s->cells, &found, err));
            else
                FEAT_TRY(feat_scanner_run(s->index->scanner, events, entity->from, entity->to - entity->from, t,
                                          s->cells, &found, err));
            FEAT_TRY(feat_answers_put(answers, place_of(rows, r), s->cells, found, err));
        }
    }
    return FEAT_OK;
}

feat_status feat_sweep_run(feat_sweep *s, const feat_events *events, const feat_sweep_rows *rows, feat_answers *answers,
                           feat_error *err) {
    assert(events->n < UINT32_MAX);
    uint64_t looks = 0; /* at most, by walking */
    for (size_t e = 0; e < rows->n_entities; e++) {
        const feat_sweep_entity *entity = &rows->entities[e];
        looks += (uint64_t)(entity->to - entity->from) * (entity->row_end - entity->row);
    }
    bool dense = events->n / EVENTS_A_ROW <= rows->n_rows || looks / LOOKS_AN_EVENT > events->n;
    if (!dense || !s->columnar) return run_rows(s, events, rows, dense, answers, err);
    return run_columns(s, events, rows, answers, err);
}
