/* Aggregates by walking the events of a window: what the index must agree with, and the faster way for a few events. */
#include "exec/body.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/range.h"
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

static bool all_finite(const double *values, size_t n) {
    bool finite = true;
    for (size_t i = 0; i < n; i++) finite &= (feat_double_bits(values[i]) >> 52 & 0x7ff) != 0x7ff;
    return finite;
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
        if (all_finite(values, n) && feat_fixed_plan(values, n, &exponent)) {
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

/* Whether event `i` comes before event `best` in the order of min. */
static bool below(const feat_event_slot *slot, size_t i, size_t best) {
    switch (slot->class) {
    case FEAT_CLASS_B: return ((const uint8_t *)slot->values)[i] < ((const uint8_t *)slot->values)[best];
    case FEAT_CLASS_I: return ((const int64_t *)slot->values)[i] < ((const int64_t *)slot->values)[best];
    case FEAT_CLASS_F:
        return feat_double_order(((const double *)slot->values)[i], ((const double *)slot->values)[best]) < 0;
    case FEAT_CLASS_T:
        return feat_text_order(((const feat_text *)slot->values)[i], ((const feat_text *)slot->values)[best]) < 0;
    case FEAT_CLASS_N: break;
    }
    return false;
}

static feat_cell scan_extreme(const feat_event_slot *slot, feat_range range, bool greatest) {
    size_t best = range.to;
    for (size_t i = range.from; i < range.to; i++) {
        if (slot->state[i] != FEAT_STATE_VALUE) continue;
        if (best == range.to || (greatest ? below(slot, best, i) : below(slot, i, best))) best = i;
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

static feat_cell scan(feat_agg agg, const feat_event_slot *slot, feat_range range) {
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
    case FEAT_AGG_MIN: return scan_extreme(slot, range, false);
    case FEAT_AGG_MAX: return scan_extreme(slot, range, true);
    case FEAT_AGG_COUNT:
    case FEAT_AGG_FIRST:
    case FEAT_AGG_LAST:
    case FEAT_AGG_COUNT_OF: break;
    }
    return feat_cell_of_state(FEAT_STATE_NULL);
}

void feat_aggregates_scan(const feat_view *view, const feat_events *events, size_t first, size_t n, int64_t t,
                          feat_cell *out, bool *found) {
    feat_ranges ranges;
    *found = feat_ranges_init(&ranges, view, n ? events->time + first : NULL, n, t);
    for (size_t a = 0; a < view->n_aggregates; a++) {
        const feat_aggregate *aggregate = &view->aggregates[a];
        feat_range range = feat_ranges_get(&ranges, aggregate->window);
        range.from += first;
        range.to += first;
        out[a] = scan(aggregate->agg, &events->slots[aggregate->slot], range);
        out[a] = feat_cell_canonical(out[a], feat_class_of(aggregate->type));
    }
}
