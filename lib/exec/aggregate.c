/* Aggregates by walking the events of a window: what the index must agree with, and the faster way for a few events. */
#include <string.h>

#include "base/alloc.h"
#include "exec/body.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/frame.h"
#include "exec/gather.h"
#include "exec/wide.h"
#include "math/exact.h"
#include "math/number.h"

/* How the events of a window passed a slot. */
typedef struct tally {
    size_t values, errors;
} tally;

static tally count_states(const uint8_t *state, feat_range range) {
    tally counts = {0, 0};
    for (size_t i = range.from; i < range.to; i++) {
        counts.values += state[i] == FEAT_STATE_VALUE;
        counts.errors += state[i] == FEAT_STATE_ERROR;
    }
    return counts;
}

static feat_cell scan_int_sum(const feat_event_slot *slot, feat_range range, const tally *counts, bool mean) {
    const int64_t *values = slot->values;
    feat_int128 sum = 0;
    for (size_t i = range.from; i < range.to; i++) sum += slot->state[i] == FEAT_STATE_VALUE ? values[i] : 0;
    if (mean) return feat_cell_of_double(feat_int_mean(sum, (int64_t)counts->values));
    return sum < INT64_MIN || sum > INT64_MAX ? feat_cell_of_state(FEAT_STATE_ERROR) : feat_cell_of_int((int64_t)sum);
}

static feat_cell scan_wide_sum(const feat_event_slot *slot, feat_range range, const tally *counts, feat_agg agg,
                               int scale) {
    const feat_int128 *values = slot->values;
    feat_wide_sum sum = {0, 0};
    for (size_t i = range.from; i < range.to; i++)
        if (slot->state[i] == FEAT_STATE_VALUE) feat_wide_add(&sum, values[i]);
    return feat_wide_answer(&sum, agg, counts->values, scale);
}

/* The values of a window that are there, at most BLOCK at a time and without copying when all are. */
#define BLOCK 256

static const double *next_block(const feat_event_slot *slot, feat_range *range, bool all, double buffer[BLOCK],
                                size_t *n) {
    const double *values = slot->values;
    if (all) {
        const double *block = values + range->from;
        *n = range->to - range->from;
        range->from = range->to;
        return block;
    }
    size_t filled = 0;
    for (; range->from < range->to && filled < BLOCK; range->from++) {
        buffer[filled] = values[range->from];
        filled += slot->state[range->from] == FEAT_STATE_VALUE;
    }
    *n = filled;
    return buffer;
}

static feat_cell scan_double_sum(const feat_event_slot *slot, feat_range range, const tally *counts, bool mean) {
    bool all = counts->values == range.to - range.from;
    int64_t n_values = (int64_t)counts->values;
    double buffer[BLOCK];
    size_t n;
    if (counts->values <= BLOCK) { /* a short sum seldom needs the wide accumulator */
        /* The values can lie further apart than BLOCK events: SKIPPED and NULL ones are no part of a block. */
        const double *values = next_block(slot, &range, all, buffer, &n);
        int exponent;
        bool special;
        if (feat_fixed_plan(values, n, &exponent, &special) && !special) {
            feat_int128 sum = 0;
            for (size_t i = 0; i < n; i++) sum += feat_fixed_of(values[i], exponent);
            return feat_cell_of_double(mean ? feat_fixed_mean(sum, exponent, n_values)
                                            : feat_fixed_round(sum, exponent));
        }
        feat_exact sum;
        feat_exact_init(&sum);
        feat_exact_add_array(&sum, values, n);
        return feat_cell_of_double(mean ? feat_exact_mean(&sum, n_values) : feat_exact_round(&sum));
    }
    feat_exact sum;
    feat_exact_init(&sum);
    while (range.from < range.to) {
        const double *values = next_block(slot, &range, all, buffer, &n);
        feat_exact_add_array(&sum, values, n);
    }
    return feat_cell_of_double(mean ? feat_exact_mean(&sum, n_values) : feat_exact_round(&sum));
}

static feat_cell scan_extreme(const feat_event_slot *slot, feat_range range, bool greatest) {
    size_t best = range.to;
    for (size_t i = range.from; i < range.to; i++) {
        if (slot->state[i] != FEAT_STATE_VALUE) continue;
        if (best == range.to || (greatest ? feat_slot_below(slot, best, i) : feat_slot_below(slot, i, best))) best = i;
    }
    return feat_cell_of_event(slot, best);
}

static feat_cell scan_first(const feat_event_slot *slot, feat_range range) {
    for (size_t i = range.from; i < range.to; i++)
        if (slot->state[i] != FEAT_STATE_SKIPPED) return feat_cell_of_event(slot, i);
    return feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell scan_last(const feat_event_slot *slot, feat_range range) {
    for (size_t i = range.to; i > range.from; i--)
        if (slot->state[i - 1] != FEAT_STATE_SKIPPED) return feat_cell_of_event(slot, i - 1);
    return feat_cell_of_state(FEAT_STATE_NULL);
}

/* ---- FIRST and LAST in an order of their own. ---- */

/* `inside`: the rows that lie within the aggregate's own bounds. */
static feat_cell scan_ordered(const feat_aggregate *a, const feat_events *events, feat_ranges ranges,
                              feat_range inside) {
    const feat_event_slot *slot = &events->slots[a->slot], *best_slot = NULL;
    const feat_event_slot *otherwise = a->otherwise == FEAT_NO_NODE ? NULL : &events->slots[a->otherwise];
    size_t best = 0;
    for (int part = 0; part < 2; part++) {
        feat_range range = part ? ranges.second : ranges.first;
        for (size_t i = range.from; i < range.to; i++) {
            const feat_event_slot *from = i >= inside.from && i < inside.to ? slot : otherwise;
            if (!from || from->state[i] == FEAT_STATE_SKIPPED) continue;
            if (feat_gather_key_failed(a, events, i)) return feat_cell_of_state(FEAT_STATE_ERROR);
            int order = best_slot ? feat_gather_order(a, events, i, best) : 0;
            if (best_slot && (a->agg == FEAT_AGG_FIRST ? order > 0 : order < 0)) continue;
            best = i;
            best_slot = from;
        }
    }
    return best_slot ? feat_cell_of_event(best_slot, best) : feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell scan(const feat_block *block, const feat_aggregate *aggregate, const feat_event_slot *slot,
                      feat_range range) {
    feat_agg agg = aggregate->agg;
    if (agg == FEAT_AGG_FIRST) return scan_first(slot, range);
    if (agg == FEAT_AGG_LAST) return scan_last(slot, range);
    tally counts = count_states(slot->state, range);
    if (counts.errors) return feat_cell_of_state(FEAT_STATE_ERROR);
    if (agg == FEAT_AGG_COUNT) return feat_cell_of_int((int64_t)counts.values);
    if (counts.values == 0) return feat_cell_of_state(FEAT_STATE_NULL);
    switch (agg) {
    case FEAT_AGG_SUM_INT: return scan_int_sum(slot, range, &counts, false);
    case FEAT_AGG_AVG_INT: return scan_int_sum(slot, range, &counts, true);
    case FEAT_AGG_SUM_DOUBLE: return scan_double_sum(slot, range, &counts, false);
    case FEAT_AGG_AVG_DOUBLE: return scan_double_sum(slot, range, &counts, true);
    case FEAT_AGG_SUM_DECIMAL:
    case FEAT_AGG_SUM_UNSIGNED:
    case FEAT_AGG_AVG_WIDE:
        return scan_wide_sum(slot, range, &counts, agg, FEAT_TYPE_SCALE(block->slots[aggregate->slot]));
    case FEAT_AGG_MIN: return scan_extreme(slot, range, false);
    case FEAT_AGG_MAX: return scan_extreme(slot, range, true);
    default: return feat_cell_of_state(FEAT_STATE_NULL);
    }
}

/* ---- What a window holds, when it is not simply a range of events. ---- */

struct feat_scanner {
    const feat_block *block;
    feat_frames frames;
    feat_events visible;    /* of a block whose branches show different times: the visible events */
    feat_event_slot chosen; /* of any class: what an aggregate takes of each row */
    size_t chosen_bytes, chosen_states;
    feat_gather gather; /* of the functions of agg.def */
};

feat_status feat_scanner_new(const feat_block *block, feat_scanner **scanner, feat_error *err) {
    feat_scanner *s = feat_alloc_zero(1, sizeof *s);
    if (!s) return feat_fail_memory(err);
    s->block = block;
    feat_gather_init(&s->gather);
    feat_status status = feat_frames_init(&s->frames, block, err);
    if (status == FEAT_OK) status = feat_events_init(&s->visible, block, err);
    if (status != FEAT_OK) {
        feat_scanner_free(s);
        return status;
    }
    *scanner = s;
    return FEAT_OK;
}

void feat_scanner_free(feat_scanner *s) {
    if (!s) return;
    feat_frames_done(&s->frames);
    if (s->visible.slots) feat_events_done(&s->visible);
    feat_free(s->chosen.values);
    feat_free(s->chosen.state);
    feat_gather_done(&s->gather);
    feat_free(s);
}

feat_status feat_scanner_span(feat_scanner *s, int64_t t, int64_t *first, int64_t *last, feat_error *err) {
    FEAT_TRY(feat_frames_clock(&s->frames, t, err));
    feat_block_span(&s->frames, first, last);
    return FEAT_OK;
}

const feat_frames *feat_scanner_frames(const feat_scanner *s) { return &s->frames; }

/* Copies an event's value behind those chosen before. */
static void choose(feat_scanner *s, size_t at, const feat_event_slot *from, size_t i) {
    size_t size = feat_class_size(from->class);
    memcpy((char *)s->chosen.values + at * size, (const char *)from->values + i * size, size);
    s->chosen.state[at] = from->state[i];
}

/* Puts what an aggregate takes of the rows of `ranges` side by side. `inside`: the rows that lie within its own bounds.
 */
static bool choose_all(feat_scanner *s, const feat_aggregate *a, const feat_events *events, feat_ranges ranges,
                       feat_range inside, size_t *n) {
    const feat_event_slot *slot = &events->slots[a->slot];
    const feat_event_slot *otherwise = a->otherwise == FEAT_NO_NODE ? NULL : &events->slots[a->otherwise];
    size_t most = feat_range_length(ranges.first) + feat_range_length(ranges.second),
           size = feat_class_size(slot->class);
    if (feat_grow(&s->chosen.values, &s->chosen_bytes, most * size, 1) != 0 ||
        feat_grow((void **)&s->chosen.state, &s->chosen_states, most, 1) != 0)
        return false;
    s->chosen.class = slot->class;
    *n = 0;
    for (int part = 0; part < 2; part++) {
        feat_range range = part ? ranges.second : ranges.first;
        for (size_t i = range.from; i < range.to; i++) {
            if (i >= inside.from && i < inside.to) choose(s, (*n)++, slot, i);
            else if (otherwise) choose(s, (*n)++, otherwise, i);
        }
    }
    return true;
}

/* The k-th row before the current one; with a filter, the k-th that passes. */
static feat_cell scan_lag(const feat_scanner *s, const feat_aggregate *a, const feat_events *events, size_t first,
                          const int64_t *times) {
    const feat_event_slot *slot = &events->slots[a->slot], *otherwise = NULL;
    feat_range rows = s->frames.rows, inside = rows;
    if (s->frames.failed || !feat_frames_narrow(&s->frames, a->low, a->high, times, &inside))
        return feat_cell_of_state(FEAT_STATE_ERROR);
    if (a->otherwise != FEAT_NO_NODE) otherwise = &events->slots[a->otherwise];
    int64_t left = a->offset;
    for (size_t i = rows.to; i > rows.from; i--) {
        const feat_event_slot *from = i - 1 >= inside.from && i - 1 < inside.to ? slot : otherwise;
        bool passes = from && from->state[first + i - 1] != FEAT_STATE_SKIPPED;
        if (i == rows.to && left > 0) continue; /* the current row itself counts for nothing but itself */
        if (!passes) continue;
        if (left-- <= (i == rows.to ? 0 : 1)) return feat_cell_of_event(from, first + i - 1);
    }
    return feat_cell_of_state(FEAT_STATE_NULL);
}

/* Puts the different values in front, by a heap sort: it needs no memory and takes n log n whatever the values. */
static void swap_chosen(feat_event_slot *slot, size_t i, size_t k) {
    unsigned char a[sizeof(feat_int128)];
    size_t size = feat_class_size(slot->class);
    char *values = slot->values;
    memcpy(a, values + i * size, size);
    memcpy(values + i * size, values + k * size, size);
    memcpy(values + k * size, a, size);
}

static void sift_down(feat_event_slot *slot, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && feat_slot_below(slot, child, child + 1)) child++;
        if (!feat_slot_below(slot, root, child)) return;
        swap_chosen(slot, root, child);
    }
}

static size_t keep_distinct(feat_event_slot *slot, size_t n) {
    size_t kept = 0;
    for (size_t i = n / 2; i-- > 0;) sift_down(slot, i, n);
    for (size_t end = n; end-- > 1;) {
        swap_chosen(slot, 0, end);
        sift_down(slot, 0, end);
    }
    for (size_t i = 0; i < n; i++) {
        bool zero = slot->class == FEAT_CLASS_F && kept && ((double *)slot->values)[i] == 0 &&
                    ((double *)slot->values)[kept - 1] == 0;
        if (kept && (zero || !feat_slot_below(slot, kept - 1, i))) continue;
        if (kept != i) swap_chosen(slot, kept, i);
        kept++;
    }
    return kept;
}

/* The aggregate of the different values among those chosen. */
static feat_cell scan_distinct(feat_scanner *s, const feat_aggregate *a, size_t n) {
    feat_event_slot *slot = &s->chosen;
    size_t size = feat_class_size(slot->class), values = 0;
    for (size_t i = 0; i < n; i++) {
        if (slot->state[i] == FEAT_STATE_ERROR) return feat_cell_of_state(FEAT_STATE_ERROR);
        if (slot->state[i] != FEAT_STATE_VALUE) continue;
        if (values != i) memcpy((char *)slot->values + values * size, (char *)slot->values + i * size, size);
        values++;
    }
    if (values > 0) memset(slot->state, FEAT_STATE_VALUE, values); /* nothing may have no memory */
    feat_aggregate plain = *a;
    plain.agg = feat_agg_of_distinct(a->agg);
    return scan(s->block, &plain, slot, (feat_range){0, keep_distinct(slot, values)});
}

feat_status feat_scanner_aggregate(feat_scanner *s, size_t number, const feat_events *events, size_t first,
                                   feat_cell *out, feat_error *err) {
    const feat_aggregate *a = &s->block->aggregates[number];
    const int64_t *times = events->time + first;
    if (a->agg == FEAT_AGG_LAG) {
        *out = scan_lag(s, a, events, first, times);
    } else {
        feat_ranges ranges = s->frames.windows[a->window];
        feat_range inside = {ranges.first.from,
                             ranges.second.to > ranges.first.to ? ranges.second.to : ranges.first.to};
        bool failed =
            s->frames.window_failed[a->window] || !feat_frames_narrow(&s->frames, a->low, a->high, times, &inside);
        if (failed) {
            *out = feat_cell_of_state(FEAT_STATE_ERROR);
        } else if (a->otherwise == FEAT_NO_NODE && feat_range_length(ranges.second) == 0 &&
                   feat_agg_of_distinct(a->agg) == a->agg && a->n_order == 0 && !feat_agg_table[a->agg].function) {
            if (inside.to > ranges.first.to) inside.to = ranges.first.to;
            if (inside.to < inside.from) inside.to = inside.from;
            *out = scan(s->block, a, &events->slots[a->slot], (feat_range){first + inside.from, first + inside.to});
        } else {
            size_t n;
            feat_range shifted = {first + inside.from, first + inside.to};
            ranges.first = (feat_range){first + ranges.first.from, first + ranges.first.to};
            ranges.second = (feat_range){first + ranges.second.from, first + ranges.second.to};
            if (feat_agg_table[a->agg].function)
                FEAT_TRY(feat_gather_run(&s->gather, s->block, a, events, ranges, shifted, s->frames.t, out, err));
            else if (a->n_order) *out = scan_ordered(a, events, ranges, shifted);
            else if (!choose_all(s, a, events, ranges, shifted, &n)) return feat_fail_memory(err);
            else if (feat_agg_of_distinct(a->agg) != a->agg) *out = scan_distinct(s, a, n);
            else *out = scan(s->block, a, &s->chosen, (feat_range){0, n});
        }
    }
    *out = feat_cell_canonical(*out, feat_class_of(a->type));
    return FEAT_OK;
}

feat_status feat_scanner_frame(feat_scanner *s, const feat_events **events, size_t *first, size_t *n, int64_t t,
                               bool *found, feat_error *err) {
    FEAT_TRY(feat_frames_clock(&s->frames, t, err));
    feat_scratch_reset(&s->gather.scratch);
    if (!s->frames.uniform) {
        feat_events_clear(&s->visible);
        for (size_t i = *first; i < *first + *n; i++)
            if (feat_frames_visible(&s->frames, *events, i)) FEAT_TRY(feat_events_append(&s->visible, *events, i, err));
        *events = &s->visible;
        *first = 0;
        *n = s->visible.n;
    }
    *found = feat_frames_find(&s->frames, *n ? (*events)->time + *first : NULL, *n);
    return FEAT_OK;
}

feat_status feat_scanner_run(feat_scanner *s, const feat_events *events, size_t first, size_t n, int64_t t,
                             feat_cell *out, bool *found, feat_error *err) {
    FEAT_TRY(feat_scanner_frame(s, &events, &first, &n, t, found, err));
    for (size_t a = 0; a < s->block->n_aggregates; a++)
        FEAT_TRY(feat_scanner_aggregate(s, a, events, first, &out[a], err));
    return FEAT_OK;
}
