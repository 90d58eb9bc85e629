/* Aggregates from an index over the events of one entity, for many t. What a slot's aggregates share is built once:
 * prefix counts and sums, trees of the least and greatest value, links to the next event that passes. A part of the
 * index that the data at hand does not need (all events are values, all doubles finite and close in size) is not built.
 */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/body.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/frame.h"
#include "math/exact.h"
#include "math/number.h"

/* ---- trees ---- */

/* Entry i of a level stands for entries [16 i, 16 i + 16) of the level below; what is left over at the end of a level
 * has no entry above, as no query would use it. */
#define FANOUT     16
#define DIRECT     32 /* a range this short is scanned where it is */
#define MAX_LEVELS 16 /* 16^16 events */

typedef struct levels {
    size_t start[MAX_LEVELS], count;
    size_t total; /* entries of all levels */
} levels;

/* `first`: entries of the lowest level; `stored`: whether it is one of those kept. */
static levels plan_levels(size_t n, bool stored) {
    levels l;
    memset(&l, 0, sizeof l);
    for (size_t length = n; l.count < MAX_LEVELS; length /= FANOUT) {
        l.start[l.count++] = l.total;
        if (stored || l.count > 1) l.total += length;
        if (length <= DIRECT) break;
    }
    return l;
}

/* Values as unsigned numbers whose order is that of min, or flipped that of max; no value: the greatest number, which
 * does no harm where it is also that of a value. */
typedef struct key_tree {
    uint64_t *keys;
    size_t capacity;
    levels levels;
} key_tree;

static inline uint64_t least_key(const uint64_t *keys, size_t from, size_t to) {
    uint64_t least = UINT64_MAX;
    for (size_t i = from; i < to; i++) least = keys[i] < least ? keys[i] : least;
    return least;
}

static uint64_t key_of(const feat_event_slot *slot, size_t i) {
    switch (slot->class) {
    case FEAT_CLASS_B: return ((const uint8_t *)slot->values)[i];
    case FEAT_CLASS_I: return (uint64_t)((const int64_t *)slot->values)[i] ^ UINT64_C(1) << 63;
    case FEAT_CLASS_F: return feat_double_key(((const double *)slot->values)[i]);
    case FEAT_CLASS_T:
    case FEAT_CLASS_W:
    case FEAT_CLASS_V:
    case FEAT_CLASS_N: break;
    }
    return 0;
}

static feat_cell cell_of_key(feat_class class, uint64_t key) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = key != 0; break;
    case FEAT_CLASS_I: cell.v.i = (int64_t)(key ^ UINT64_C(1) << 63); break;
    case FEAT_CLASS_F: cell.v.f = feat_double_of_bits(key >> 63 ? key ^ UINT64_C(1) << 63 : ~key); break;
    case FEAT_CLASS_T:
    case FEAT_CLASS_W:
    case FEAT_CLASS_V:
    case FEAT_CLASS_N: break;
    }
    return cell;
}

static int key_tree_build(key_tree *tree, const feat_event_slot *slot, size_t n, uint64_t flip) {
    levels l = plan_levels(n, true);
    if (FEAT_GROW(tree->keys, tree->capacity, l.total) != 0) return -1;
    tree->levels = l;
    for (size_t i = 0; i < n; i++)
        tree->keys[i] = slot->state[i] == FEAT_STATE_VALUE ? key_of(slot, i) ^ flip : UINT64_MAX;
    size_t length = n;
    for (size_t level = 1; level < l.count; level++) {
        const uint64_t *below = tree->keys + l.start[level - 1];
        length /= FANOUT;
        for (size_t i = 0; i < length; i++)
            tree->keys[l.start[level] + i] = least_key(below, i * FANOUT, (i + 1) * FANOUT);
    }
    return 0;
}

static uint64_t key_tree_query(const key_tree *tree, feat_range range) {
    uint64_t least = UINT64_MAX;
    for (size_t level = 0;; level++) {
        const uint64_t *keys = tree->keys + tree->levels.start[level];
        size_t from = range.from, to = range.to;
        if (to - from <= DIRECT) {
            uint64_t rest = least_key(keys, from, to);
            return rest < least ? rest : least;
        }
        range.from = (from + FANOUT - 1) / FANOUT;
        range.to = to / FANOUT;
        uint64_t left = least_key(keys, from, range.from * FANOUT), right = least_key(keys, range.to * FANOUT, to);
        least = left < least ? left : least;
        least = right < least ? right : least;
    }
}

/* Texts have no such numbers: the tree holds the number of the event that has the best one. */
#define NO_EVENT UINT32_MAX

typedef struct text_tree {
    uint32_t *events;
    size_t capacity;
    levels levels; /* the lowest level is the events themselves */
} text_tree;

typedef struct text_events {
    const feat_text *values;
    const uint8_t *state;
    bool greatest;
} text_events;

static inline uint32_t better(const text_events *e, uint32_t a, uint32_t b) {
    if (a == NO_EVENT) return b;
    if (b == NO_EVENT) return a;
    int order = feat_text_order(e->values[a], e->values[b]);
    return (e->greatest ? order < 0 : order > 0) ? b : a;
}

static uint32_t best_of(const text_tree *tree, const text_events *e, size_t level, size_t from, size_t to) {
    uint32_t best = NO_EVENT;
    for (size_t i = from; i < to; i++) {
        uint32_t event;
        if (level) event = tree->events[tree->levels.start[level] + i];
        else event = e->state[i] == FEAT_STATE_VALUE ? (uint32_t)i : NO_EVENT;
        best = better(e, best, event);
    }
    return best;
}

static int text_tree_build(text_tree *tree, const text_events *e, size_t n) {
    levels l = plan_levels(n, false);
    if (FEAT_GROW(tree->events, tree->capacity, l.total) != 0) return -1;
    tree->levels = l;
    size_t length = n;
    for (size_t level = 1; level < l.count; level++) {
        length /= FANOUT;
        for (size_t i = 0; i < length; i++)
            tree->events[l.start[level] + i] = best_of(tree, e, level - 1, i * FANOUT, (i + 1) * FANOUT);
    }
    return 0;
}

static uint32_t text_tree_query(const text_tree *tree, const text_events *e, feat_range range) {
    uint32_t best = NO_EVENT;
    for (size_t level = 0;; level++) {
        size_t from = range.from, to = range.to;
        if (to - from <= DIRECT) return better(e, best, best_of(tree, e, level, from, to));
        range.from = (from + FANOUT - 1) / FANOUT;
        range.to = to / FANOUT;
        best = better(e, best, best_of(tree, e, level, from, range.from * FANOUT));
        best = better(e, best, best_of(tree, e, level, range.to * FANOUT, to));
    }
}

/* ---- what the aggregates of one slot share ---- */

#define GROUP 64 /* events between two dense accumulators */

/* Infinities and NaN before an event: the fixed-point sums leave them out. */
typedef struct specials {
    uint32_t positive, negative, nans;
} specials;

typedef struct part {
    bool used, sums, least, greatest, next, previous; /* what the block's aggregates ask for */
    feat_event_slot slot;                             /* of the entity's first event on */
    /* Of the events at hand. */
    bool all_values, any_error, any_skipped, any_special, dense;
    int exponent;          /* of fixed sums */
    const double *doubles; /* zero where there is no value */

    uint32_t *value_counts, *error_counts; /* before each event, and after the last */
    feat_int128 *prefix;                   /* integers, or doubles in units of 2^exponent */
    specials *special_counts;
    feat_exact *accumulators; /* of the events before each group */
    double *masked;           /* owns `doubles` when some events have no value */
    key_tree least_keys, greatest_keys;
    text_tree least_texts, greatest_texts;
    uint32_t *next_passing;     /* the first event from each on that is not skipped, or n */
    uint32_t *previous_passing; /* one more than the last event before each that is not skipped, or 0 */
    size_t value_counts_capacity, error_counts_capacity, prefix_capacity, special_counts_capacity,
        accumulators_capacity, masked_capacity, next_capacity, previous_capacity;
} part;

struct feat_window_index {
    const feat_block *block;
    part *parts;           /* by slot */
    feat_scanner *scanner; /* finds the windows, and walks those that the index has no structure for */
    const feat_events *events;
    size_t first, n;
};

/* One range of rows of a class that has prefix sums and trees. */
static bool is_indexed(const feat_block *block, const feat_aggregate *a) {
    if (feat_agg_of_distinct(a->agg) != a->agg || a->n_order || feat_agg_table[a->agg].function) return false;
    feat_class class = feat_class_of(block->slots[a->slot]);
    if (a->agg == FEAT_AGG_LAG || a->otherwise != FEAT_NO_NODE) return false;
    return a->agg == FEAT_AGG_COUNT || (class != FEAT_CLASS_W && class != FEAT_CLASS_V);
}

feat_status feat_window_index_new(const feat_block *block, feat_window_index **index, feat_error *err) {
    feat_window_index *made = feat_alloc_zero(1, sizeof *made);
    part *parts = feat_alloc_zero(block->n_slots, sizeof *parts);
    if (!made || !parts) {
        feat_free(made);
        feat_free(parts);
        return feat_fail_memory(err);
    }
    feat_status status = feat_scanner_new(block, &made->scanner, err);
    if (status != FEAT_OK) {
        feat_free(made);
        feat_free(parts);
        return status;
    }
    made->block = block;
    made->parts = parts;
    for (size_t s = 0; s < block->n_slots; s++) {
        parts[s].all_values = true;
        parts[s].slot.class = feat_class_of(block->slots[s]);
    }
    for (size_t a = 0; a < block->n_aggregates; a++) {
        part *p = &parts[block->aggregates[a].slot];
        if (!is_indexed(block, &block->aggregates[a])) continue;
        p->used = true;
        switch (block->aggregates[a].agg) {
        case FEAT_AGG_SUM_INT:
        case FEAT_AGG_SUM_DOUBLE:
        case FEAT_AGG_AVG_INT:
        case FEAT_AGG_AVG_DOUBLE: p->sums = true; break;
        case FEAT_AGG_MIN: p->least = true; break;
        case FEAT_AGG_MAX: p->greatest = true; break;
        case FEAT_AGG_FIRST: p->next = true; break;
        case FEAT_AGG_LAST: p->previous = true; break;
        default: break;
        }
    }
    *index = made;
    return FEAT_OK;
}

void feat_window_index_free(feat_window_index *index) {
    if (!index) return;
    for (size_t s = 0; s < index->block->n_slots; s++) {
        part *p = &index->parts[s];
        feat_free(p->value_counts);
        feat_free(p->error_counts);
        feat_free(p->prefix);
        feat_free(p->special_counts);
        feat_free(p->accumulators);
        feat_free(p->masked);
        feat_free(p->least_keys.keys);
        feat_free(p->greatest_keys.keys);
        feat_free(p->least_texts.events);
        feat_free(p->greatest_texts.events);
        feat_free(p->next_passing);
        feat_free(p->previous_passing);
    }
    feat_scanner_free(index->scanner);
    feat_free(index->parts);
    feat_free(index);
}

/* ---- building ---- */

static void count_before(uint32_t *counts, const uint8_t *state, size_t n, uint8_t wanted) {
    uint32_t count = 0;
    for (size_t i = 0; i < n; i++) {
        counts[i] = count;
        count += state[i] == wanted;
    }
    counts[n] = count;
}

static int build_counts(part *p, size_t n) {
    const uint8_t *state = p->slot.state;
    size_t values = 0, errors = 0, skipped = 0;
    for (size_t i = 0; i < n; i++) {
        values += state[i] == FEAT_STATE_VALUE;
        errors += state[i] == FEAT_STATE_ERROR;
        skipped += state[i] == FEAT_STATE_SKIPPED;
    }
    p->all_values = values == n;
    p->any_error = errors != 0;
    p->any_skipped = skipped != 0;
    if (!p->all_values) {
        if (FEAT_GROW(p->value_counts, p->value_counts_capacity, n + 1) != 0) return -1;
        count_before(p->value_counts, state, n, FEAT_STATE_VALUE);
    }
    if (p->any_error) {
        if (FEAT_GROW(p->error_counts, p->error_counts_capacity, n + 1) != 0) return -1;
        count_before(p->error_counts, state, n, FEAT_STATE_ERROR);
    }
    return 0;
}

static int build_int_sums(part *p, size_t n) {
    if (FEAT_GROW(p->prefix, p->prefix_capacity, n + 1) != 0) return -1;
    const int64_t *values = p->slot.values;
    feat_int128 sum = 0;
    for (size_t i = 0; i < n; i++) {
        p->prefix[i] = sum;
        sum += p->slot.state[i] == FEAT_STATE_VALUE ? values[i] : 0;
    }
    p->prefix[n] = sum;
    return 0;
}

static bool is_special(double value) { return (feat_double_bits(value) >> 52 & 0x7ff) == 0x7ff; }

static int build_fixed_sums(part *p, size_t n) {
    if (FEAT_GROW(p->prefix, p->prefix_capacity, n + 1) != 0) return -1;
    p->prefix[0] = 0;
    feat_fixed_prefix(p->doubles, n, p->exponent, p->prefix);
    if (!p->any_special) return 0;
    if (FEAT_GROW(p->special_counts, p->special_counts_capacity, n + 1) != 0) return -1;
    specials counts = {0, 0, 0};
    for (size_t i = 0; i < n; i++) {
        double value = p->doubles[i];
        p->special_counts[i] = counts;
        if (!is_special(value)) continue;
        if (value != value) counts.nans++;
        else if (value > 0) counts.positive++;
        else counts.negative++;
    }
    p->special_counts[n] = counts;
    return 0;
}

static int build_dense_sums(part *p, size_t n) {
    size_t groups = n / GROUP;
    if (FEAT_GROW(p->accumulators, p->accumulators_capacity, groups + 1) != 0) return -1;
    feat_exact_init(&p->accumulators[0]);
    for (size_t g = 0; g < groups; g++) {
        feat_exact *sum = &p->accumulators[g + 1];
        *sum = p->accumulators[g];
        feat_exact_add_array(sum, p->doubles + g * GROUP, GROUP);
    }
    /* Carried, so that a query can add and subtract without carrying first. */
    for (size_t g = 0; g <= groups; g++) feat_exact_normalise(&p->accumulators[g]);
    return 0;
}

static int build_double_sums(part *p, size_t n) {
    p->doubles = p->slot.values;
    if (!p->all_values) {
        if (FEAT_GROW(p->masked, p->masked_capacity, n) != 0) return -1;
        for (size_t i = 0; i < n; i++) p->masked[i] = p->slot.state[i] == FEAT_STATE_VALUE ? p->doubles[i] : 0.0;
        p->doubles = p->masked;
    }
    p->dense = !feat_fixed_plan(p->doubles, n, &p->exponent, &p->any_special);
    return p->dense ? build_dense_sums(p, n) : build_fixed_sums(p, n);
}

static int build_links(part *p, size_t n) {
    const uint8_t *state = p->slot.state;
    if (p->next) {
        if (FEAT_GROW(p->next_passing, p->next_capacity, n + 1) != 0) return -1;
        p->next_passing[n] = (uint32_t)n;
        for (size_t i = n; i > 0; i--)
            p->next_passing[i - 1] = state[i - 1] != FEAT_STATE_SKIPPED ? (uint32_t)(i - 1) : p->next_passing[i];
    }
    if (p->previous) {
        if (FEAT_GROW(p->previous_passing, p->previous_capacity, n + 1) != 0) return -1;
        p->previous_passing[0] = 0;
        for (size_t i = 0; i < n; i++)
            p->previous_passing[i + 1] = state[i] != FEAT_STATE_SKIPPED ? (uint32_t)(i + 1) : p->previous_passing[i];
    }
    return 0;
}

static text_events texts_of(const part *p, bool greatest) {
    return (text_events){p->slot.values, p->slot.state, greatest};
}

static int build_trees(part *p, size_t n) {
    if (p->slot.class == FEAT_CLASS_T) {
        text_events least = texts_of(p, false), greatest = texts_of(p, true);
        if (p->least && text_tree_build(&p->least_texts, &least, n) != 0) return -1;
        return p->greatest ? text_tree_build(&p->greatest_texts, &greatest, n) : 0;
    }
    if (p->least && key_tree_build(&p->least_keys, &p->slot, n, 0) != 0) return -1;
    return p->greatest ? key_tree_build(&p->greatest_keys, &p->slot, n, UINT64_MAX) : 0;
}

static int build_part(part *p, size_t n) {
    if (build_counts(p, n) != 0) return -1;
    if (p->sums && (p->slot.class == FEAT_CLASS_F ? build_double_sums(p, n) : build_int_sums(p, n)) != 0) return -1;
    if ((p->least || p->greatest) && build_trees(p, n) != 0) return -1;
    return p->any_skipped ? build_links(p, n) : 0;
}

feat_status feat_window_index_build(feat_window_index *index, const feat_events *events, size_t first, size_t n,
                                    feat_error *err) {
    /* An index without events answers any query: what a failure leaves. */
    index->n = 0;
    index->events = events;
    index->first = first;
    for (size_t s = 0; s < index->block->n_slots; s++) {
        part *p = &index->parts[s];
        p->all_values = true;
        p->any_error = p->any_skipped = p->any_special = p->dense = false;
    }
    if (n == 0) return FEAT_OK;
    if (n >= NO_EVENT)
        return feat_fail(
            err, FEAT_LIMIT,
            "one entity has %zu events, more than the 4,294,967,294 that an index holds; choose a finer key", n);
    for (size_t s = 0; s < index->block->n_slots && feat_scanner_frames(index->scanner)->uniform; s++) {
        part *p = &index->parts[s];
        const feat_event_slot *slot = &events->slots[s];
        p->slot.values = (unsigned char *)slot->values + first * feat_class_size(slot->class);
        p->slot.state = slot->state + first;
        if (!p->used || build_part(p, n) == 0) continue;
        for (size_t done = 0; done <= s; done++) {
            part *undo = &index->parts[done];
            undo->all_values = true;
            undo->any_error = undo->any_skipped = false;
        }
        return feat_fail_memory(err);
    }
    index->n = n;
    return FEAT_OK;
}

/* ---- queries ---- */

static feat_cell query_int_sum(const part *p, feat_range range, int64_t values, bool mean) {
    feat_int128 sum = p->prefix[range.to] - p->prefix[range.from];
    if (mean) return feat_cell_of_double(feat_int_mean(sum, values));
    return sum < INT64_MIN || sum > INT64_MAX ? feat_cell_of_state(FEAT_STATE_ERROR) : feat_cell_of_int((int64_t)sum);
}

static feat_cell query_fixed_sum(const part *p, feat_range range, int64_t values, bool mean) {
    if (p->any_special) {
        const specials *from = &p->special_counts[range.from], *to = &p->special_counts[range.to];
        bool positive = to->positive != from->positive, negative = to->negative != from->negative;
        if (to->nans != from->nans || (positive && negative))
            return feat_cell_of_double(feat_double_of_bits(FEAT_NAN_BITS));
        if (positive || negative)
            return feat_cell_of_double(feat_double_of_bits((uint64_t)negative << 63 | UINT64_C(0x7ff0000000000000)));
    }
    feat_int128 sum = p->prefix[range.to] - p->prefix[range.from];
    return feat_cell_of_double(mean ? feat_fixed_mean(sum, p->exponent, values) : feat_fixed_round(sum, p->exponent));
}

static feat_cell query_dense_sum(const part *p, feat_range range, int64_t values, bool mean) {
    feat_exact sum;
    size_t from = range.from;
    if (range.to - from <= 2 * GROUP) {
        feat_exact_init(&sum);
    } else {
        size_t first = from / GROUP, last = range.to / GROUP;
        sum = p->accumulators[last];
        feat_exact_unmerge(&sum, &p->accumulators[first]);
        for (size_t i = first * GROUP; i < from; i++) feat_exact_sub(&sum, p->doubles[i]);
        from = last * GROUP;
    }
    for (size_t i = from; i < range.to; i++) feat_exact_add(&sum, p->doubles[i]);
    return feat_cell_of_double(mean ? feat_exact_mean(&sum, values) : feat_exact_round(&sum));
}

static feat_cell query_double_sum(const part *p, feat_range range, int64_t values, bool mean) {
    return p->dense ? query_dense_sum(p, range, values, mean) : query_fixed_sum(p, range, values, mean);
}

static feat_cell query_extreme(const part *p, feat_range range, bool greatest) {
    if (p->slot.class == FEAT_CLASS_T) {
        text_events texts = texts_of(p, greatest);
        return feat_cell_of_event(&p->slot,
                                  text_tree_query(greatest ? &p->greatest_texts : &p->least_texts, &texts, range));
    }
    uint64_t key = key_tree_query(greatest ? &p->greatest_keys : &p->least_keys, range);
    return cell_of_key(p->slot.class, greatest ? ~key : key);
}

static feat_cell query_first(const part *p, feat_range range) {
    size_t event = range.from;
    if (p->any_skipped) event = p->next_passing[range.from];
    return event < range.to ? feat_cell_of_event(&p->slot, event) : feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell query_last(const part *p, feat_range range) {
    size_t after = range.to;
    if (p->any_skipped) after = p->previous_passing[range.to];
    return after > range.from ? feat_cell_of_event(&p->slot, after - 1) : feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell query(const part *p, feat_agg agg, feat_range range) {
    if (agg == FEAT_AGG_FIRST) return query_first(p, range);
    if (agg == FEAT_AGG_LAST) return query_last(p, range);
    if (p->any_error && p->error_counts[range.to] != p->error_counts[range.from])
        return feat_cell_of_state(FEAT_STATE_ERROR);
    int64_t values = (int64_t)(range.to - range.from);
    if (!p->all_values) values = (int64_t)p->value_counts[range.to] - p->value_counts[range.from];
    if (agg == FEAT_AGG_COUNT) return feat_cell_of_int(values);
    if (values == 0) return feat_cell_of_state(FEAT_STATE_NULL);
    switch (agg) {
    case FEAT_AGG_SUM_INT: return query_int_sum(p, range, values, false);
    case FEAT_AGG_AVG_INT: return query_int_sum(p, range, values, true);
    case FEAT_AGG_SUM_DOUBLE: return query_double_sum(p, range, values, false);
    case FEAT_AGG_AVG_DOUBLE: return query_double_sum(p, range, values, true);
    case FEAT_AGG_MIN: return query_extreme(p, range, false);
    case FEAT_AGG_MAX: return query_extreme(p, range, true);
    default: return feat_cell_of_state(FEAT_STATE_NULL);
    }
}

feat_status feat_window_index_query(feat_window_index *index, int64_t t, feat_cell *out, bool *found, feat_error *err) {
    const feat_block *block = index->block;
    const feat_frames *frames = feat_scanner_frames(index->scanner);
    const feat_events *events = index->events;
    size_t first = index->first, n = index->n;
    FEAT_TRY(feat_scanner_frame(index->scanner, &events, &first, &n, t, found, err));
    for (size_t a = 0; a < block->n_aggregates; a++) {
        const feat_aggregate *aggregate = &block->aggregates[a];
        const feat_ranges *ranges = &frames->windows[aggregate->window];
        feat_range range = ranges->first;
        if (!frames->uniform || !is_indexed(block, aggregate) || feat_range_length(ranges->second) ||
            frames->window_failed[aggregate->window] ||
            !feat_frames_narrow(frames, aggregate->low, aggregate->high, events->time + first, &range)) {
            FEAT_TRY(feat_scanner_aggregate(index->scanner, a, events, first, &out[a], err));
            continue;
        }
        out[a] = feat_cell_canonical(query(&index->parts[aggregate->slot], aggregate->agg, range),
                                     feat_class_of(aggregate->type));
    }
    return FEAT_OK;
}
