#include "exec/best.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"
#include "exec/gather.h"

/* ---- Trees. ---- */

feat_levels feat_levels_of(size_t first, bool stored) {
    feat_levels l;
    memset(&l, 0, sizeof l);
    for (size_t length = first; l.count < FEAT_TREE_LEVELS; length /= FEAT_TREE_FANOUT) {
        l.start[l.count++] = l.total;
        if (stored || l.count > 1) l.total += length;
        if (length <= FEAT_TREE_DIRECT) break;
    }
    return l;
}

static inline uint32_t better(const feat_event_order *o, uint32_t a, uint32_t b) {
    if (a == FEAT_NO_EVENT) return b;
    if (b == FEAT_NO_EVENT) return a;
    return o->before(o->context, b, a) ? b : a;
}

static uint32_t best_of(const feat_event_tree *tree, const feat_event_order *o, size_t level, size_t from, size_t to) {
    uint32_t best = FEAT_NO_EVENT;
    for (size_t i = from; i < to; i++) {
        uint32_t event;
        if (level) event = tree->events[tree->levels.start[level] + i];
        else event = o->counts(o->context, (uint32_t)i) ? (uint32_t)i : FEAT_NO_EVENT;
        best = better(o, best, event);
    }
    return best;
}

int feat_event_tree_build(feat_event_tree *tree, const feat_event_order *o, size_t n) {
    feat_levels l = feat_levels_of(n, false);
    if (FEAT_GROW(tree->events, tree->capacity, l.total) != 0) return -1;
    tree->levels = l;
    size_t length = n;
    for (size_t level = 1; level < l.count; level++) {
        length /= FEAT_TREE_FANOUT;
        for (size_t i = 0; i < length; i++)
            tree->events[l.start[level] + i] =
                best_of(tree, o, level - 1, i * FEAT_TREE_FANOUT, (i + 1) * FEAT_TREE_FANOUT);
    }
    return 0;
}

uint32_t feat_event_tree_query(const feat_event_tree *tree, const feat_event_order *o, feat_range range) {
    uint32_t best = FEAT_NO_EVENT;
    for (size_t level = 0;; level++) {
        size_t from = range.from, to = range.to;
        if (to - from <= FEAT_TREE_DIRECT) return better(o, best, best_of(tree, o, level, from, to));
        range.from = (from + FEAT_TREE_FANOUT - 1) / FEAT_TREE_FANOUT;
        range.to = to / FEAT_TREE_FANOUT;
        best = better(o, best, best_of(tree, o, level, from, range.from * FEAT_TREE_FANOUT));
        best = better(o, best, best_of(tree, o, level, range.to * FEAT_TREE_FANOUT, to));
    }
}

/* ---- Values of a slot. ---- */

static bool is_value(const void *context, uint32_t event) {
    const feat_slot_order *of = context;
    return of->slot->state[event] == FEAT_STATE_VALUE;
}

static bool is_further(const void *context, uint32_t a, uint32_t b) {
    const feat_slot_order *of = context;
    return of->greatest ? feat_slot_below(of->slot, b, a) : feat_slot_below(of->slot, a, b);
}

feat_event_order feat_order_of_slot(const feat_slot_order *of) { return (feat_event_order){is_value, is_further, of}; }

/* ---- One event of the window. ---- */

static bool is_arg(feat_agg agg) { return agg == FEAT_AGG_ARG_MIN || agg == FEAT_AGG_ARG_MAX; }

bool feat_best_serves(const feat_aggregate *a) {
    if (a->otherwise != FEAT_NO_NODE || a->distinct) return false;
    if (is_arg(a->agg)) return a->n_order == 0 && a->parameter.type == 0;
    return (a->agg == FEAT_AGG_FIRST || a->agg == FEAT_AGG_LAST) && a->n_order > 0;
}

void feat_best_done(feat_best *b) {
    feat_free(b->tree.events);
    feat_free(b->errors);
}

void feat_best_build(feat_best *b, const feat_events *events, size_t first, size_t n) {
    b->events = events;
    b->first = first;
    b->n = n;
    b->built = false;
}

/* What arg_min and arg_max pass over NULLs of, both arguments must have. */
static uint8_t state_of(const feat_best *b, uint32_t event) {
    const feat_aggregate *a = b->aggregate;
    size_t i = b->first + event;
    uint8_t state = b->events->slots[a->slot].state[i];
    if (state == FEAT_STATE_SKIPPED) return state;
    if (!is_arg(a->agg)) return feat_gather_key_failed(a, b->events, i) ? FEAT_STATE_ERROR : FEAT_STATE_VALUE;
    uint8_t second = b->events->slots[a->second].state[i];
    return second > state ? second : state;
}

static bool has_value(const void *context, uint32_t event) { return state_of(context, event) == FEAT_STATE_VALUE; }

/* Of equal ones the first in canonical order, whichever is asked about first. */
static bool comes_before(const void *context, uint32_t x, uint32_t y) {
    const feat_best *b = context;
    const feat_aggregate *a = b->aggregate;
    size_t i = b->first + x, k = b->first + y;
    if (!is_arg(a->agg)) {
        int order = feat_gather_order(a, b->events, i, k);
        return a->agg == FEAT_AGG_FIRST ? order < 0 : order > 0;
    }
    const feat_event_slot *by = &b->events->slots[a->second];
    bool greatest = a->agg == FEAT_AGG_ARG_MAX;
    if (feat_slot_below(by, i, k)) return !greatest;
    if (feat_slot_below(by, k, i)) return greatest;
    return x < y;
}

static feat_event_order order_of(const feat_best *b) { return (feat_event_order){has_value, comes_before, b}; }

static int build(feat_best *b) {
    feat_event_order order = order_of(b);
    if (FEAT_GROW(b->errors, b->errors_capacity, b->n + 1) != 0) return -1;
    b->errors[0] = 0;
    for (size_t i = 0; i < b->n; i++) b->errors[i + 1] = b->errors[i] + (state_of(b, (uint32_t)i) == FEAT_STATE_ERROR);
    if (feat_event_tree_build(&b->tree, &order, b->n) != 0) return -1;
    b->built = true;
    return 0;
}

feat_status feat_best_query(feat_best *b, feat_range range, feat_cell *out, feat_error *err) {
    if (!b->built && build(b) != 0) return feat_fail_memory(err);
    feat_event_order order = order_of(b);
    if (b->errors[range.to] != b->errors[range.from]) {
        *out = feat_cell_of_state(FEAT_STATE_ERROR);
        return FEAT_OK;
    }
    uint32_t event = feat_event_tree_query(&b->tree, &order, range);
    *out = event == FEAT_NO_EVENT ? feat_cell_of_state(FEAT_STATE_NULL)
                                  : feat_cell_of_event(&b->events->slots[b->aggregate->slot], b->first + event);
    return FEAT_OK;
}
