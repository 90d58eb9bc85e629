#include "exec/summary.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/body.h"
#include "exec/cell.h"
#include "math/number.h"

/* ---- trees ---- */

static inline uint64_t least_key(const uint64_t *keys, size_t from, size_t to) {
    uint64_t least = UINT64_MAX;
    for (size_t i = from; i < to; i++) least = keys[i] < least ? keys[i] : least;
    return least;
}

static void fill_keys(uint64_t *keys, const feat_event_slot *slot, size_t n, uint64_t flip) {
    const uint8_t *bytes = slot->values;
    const int64_t *ints = slot->values;
    const double *doubles = slot->values;
    switch (slot->class) {
    case FEAT_CLASS_B:
        for (size_t i = 0; i < n; i++) keys[i] = bytes[i] ^ flip;
        break;
    case FEAT_CLASS_I:
        for (size_t i = 0; i < n; i++) keys[i] = (uint64_t)ints[i] ^ UINT64_C(1) << 63 ^ flip;
        break;
    case FEAT_CLASS_F:
        for (size_t i = 0; i < n; i++) keys[i] = feat_double_key(doubles[i]) ^ flip;
        break;
    case FEAT_CLASS_T:
    case FEAT_CLASS_W:
    case FEAT_CLASS_V:
    case FEAT_CLASS_N: break;
    }
    for (size_t i = 0; i < n; i++) keys[i] |= slot->state[i] != FEAT_STATE_VALUE ? UINT64_MAX : 0;
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

/* A short range, whose length no branch is guessed by: [from, to) of `keys`, behind which there are BLOCK more. */
enum { BLOCK = 8 };
static inline uint64_t least_of_few(const uint64_t *keys, size_t from, size_t to) {
    uint64_t least = UINT64_MAX;
    for (size_t at = from; at < to; at += BLOCK) {
#pragma GCC unroll 8
        for (size_t i = 0; i < BLOCK; i++) {
            uint64_t key = at + i < to ? keys[at + i] : UINT64_MAX;
            least = key < least ? key : least;
        }
    }
    return least;
}

static int key_tree_build(feat_key_tree *tree, const feat_event_slot *slot, size_t n, uint64_t flip) {
    feat_levels l = feat_levels_of(n, true);
    if (FEAT_GROW(tree->keys, tree->capacity, l.total + BLOCK) != 0) return -1;
    tree->levels = l;
    fill_keys(tree->keys, slot, n, flip);
    memset(tree->keys + l.total, 0xff, BLOCK * sizeof *tree->keys);
    size_t length = n;
    for (size_t level = 1; level < l.count; level++) {
        const uint64_t *below = tree->keys + l.start[level - 1];
        length /= FEAT_TREE_FANOUT;
        for (size_t i = 0; i < length; i++)
            tree->keys[l.start[level] + i] = least_key(below, i * FEAT_TREE_FANOUT, (i + 1) * FEAT_TREE_FANOUT);
    }
    return 0;
}

static uint64_t key_tree_query(const feat_key_tree *tree, feat_range range) {
    uint64_t least = UINT64_MAX;
    for (size_t level = 0;; level++) {
        const uint64_t *keys = tree->keys + tree->levels.start[level];
        size_t from = range.from, to = range.to;
        if (to - from <= FEAT_TREE_DIRECT) {
            uint64_t rest = least_of_few(keys, from, to);
            return rest < least ? rest : least;
        }
        range.from = (from + FEAT_TREE_FANOUT - 1) / FEAT_TREE_FANOUT;
        range.to = to / FEAT_TREE_FANOUT;
        uint64_t left = least_key(keys, from, range.from * FEAT_TREE_FANOUT),
                 right = least_key(keys, range.to * FEAT_TREE_FANOUT, to);
        least = left < least ? left : least;
        least = right < least ? right : least;
    }
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

static int build_counts(feat_summary *p, size_t n) {
    const uint8_t *state = p->slot.state;
    size_t values = 0, errors = 0, skipped = 0;
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= state[i];
    if (!any) return 0; /* FEAT_STATE_VALUE is 0 */
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

static int build_int_sums(feat_summary *p, size_t n) {
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

static int build_fixed_sums(feat_summary *p, size_t n) {
    if (FEAT_GROW(p->prefix, p->prefix_capacity, n + 1) != 0) return -1;
    p->prefix[0] = 0;
    feat_fixed_prefix(p->doubles, n, p->exponent, p->prefix);
    if (!p->any_special) return 0;
    if (FEAT_GROW(p->special_counts, p->special_counts_capacity, n + 1) != 0) return -1;
    feat_specials counts = {0, 0, 0};
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

static int build_dense_sums(feat_summary *p, size_t n) {
    size_t groups = n / FEAT_SUMMARY_GROUP;
    if (FEAT_GROW(p->accumulators, p->accumulators_capacity, groups + 1) != 0) return -1;
    feat_exact_init(&p->accumulators[0]);
    for (size_t g = 0; g < groups; g++) {
        feat_exact *sum = &p->accumulators[g + 1];
        *sum = p->accumulators[g];
        feat_exact_add_array(sum, p->doubles + g * FEAT_SUMMARY_GROUP, FEAT_SUMMARY_GROUP);
    }
    /* Carried, so that a query can add and subtract without carrying first. */
    for (size_t g = 0; g <= groups; g++) feat_exact_normalise(&p->accumulators[g]);
    return 0;
}

static int build_wide_sums(feat_summary *p, size_t n) {
    if (FEAT_GROW(p->wide_prefix, p->wide_capacity, n + 1) != 0) return -1;
    const feat_int128 *values = p->slot.values;
    feat_wide_sum sum = {0, 0};
    for (size_t i = 0; i < n; i++) {
        p->wide_prefix[i] = sum;
        if (p->slot.state[i] == FEAT_STATE_VALUE) feat_wide_add(&sum, values[i]);
    }
    p->wide_prefix[n] = sum;
    return 0;
}

static int build_double_sums(feat_summary *p, size_t n) {
    p->doubles = p->slot.values;
    if (!p->all_values) {
        if (FEAT_GROW(p->masked, p->masked_capacity, n) != 0) return -1;
        for (size_t i = 0; i < n; i++) p->masked[i] = p->slot.state[i] == FEAT_STATE_VALUE ? p->doubles[i] : 0.0;
        p->doubles = p->masked;
    }
    p->dense = !feat_fixed_plan(p->doubles, n, &p->exponent, &p->any_special);
    if (p->dense) p->any_special = false; /* counted by the sums themselves */
    return p->dense ? build_dense_sums(p, n) : build_fixed_sums(p, n);
}

static int build_links(feat_summary *p, size_t n) {
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

/* Whether values have 64-bit keys; else the trees hold numbers of events. */
static bool has_keys(feat_class class) {
    return class == FEAT_CLASS_B || class == FEAT_CLASS_I || class == FEAT_CLASS_F;
}

static int build_event_tree(feat_summary *p, bool greatest, size_t n) {
    feat_slot_order of = {&p->slot, greatest};
    feat_event_order order = feat_order_of_slot(&of);
    return feat_event_tree_build(greatest ? &p->greatest_events : &p->least_events, &order, n);
}

static int build_trees(feat_summary *p, size_t n) {
    if (!has_keys(p->slot.class)) {
        if (p->least && build_event_tree(p, false, n) != 0) return -1;
        return p->greatest ? build_event_tree(p, true, n) : 0;
    }
    if (p->least && key_tree_build(&p->least_keys, &p->slot, n, 0) != 0) return -1;
    return p->greatest ? key_tree_build(&p->greatest_keys, &p->slot, n, UINT64_MAX) : 0;
}

static int build_sums(feat_summary *p, size_t n) {
    switch (p->slot.class) {
    case FEAT_CLASS_F: return build_double_sums(p, n);
    case FEAT_CLASS_W: return build_wide_sums(p, n);
    default: return build_int_sums(p, n);
    }
}

int feat_summary_build(feat_summary *p, size_t n) {
    feat_summary_clear(p);
    if (build_counts(p, n) != 0) return -1;
    if (p->sums && build_sums(p, n) != 0) return -1;
    if ((p->least || p->greatest) && build_trees(p, n) != 0) return -1;
    return p->any_skipped ? build_links(p, n) : 0;
}

/* ---- queries ---- */

static feat_cell query_int_sum(const feat_summary *p, feat_range range, int64_t values, bool mean) {
    feat_int128 sum = p->prefix[range.to] - p->prefix[range.from];
    if (mean) return feat_cell_of_double(feat_int_mean(sum, values));
    return sum < INT64_MIN || sum > INT64_MAX ? feat_cell_of_state(FEAT_STATE_ERROR) : feat_cell_of_int((int64_t)sum);
}

static double fixed_sum(const feat_summary *p, feat_range range, int64_t values, bool mean) {
    if (p->any_special) {
        const feat_specials *from = &p->special_counts[range.from], *to = &p->special_counts[range.to];
        bool positive = to->positive != from->positive, negative = to->negative != from->negative;
        if (to->nans != from->nans || (positive && negative)) return feat_double_of_bits(FEAT_NAN_BITS);
        if (positive || negative) return feat_double_of_bits((uint64_t)negative << 63 | UINT64_C(0x7ff0000000000000));
    }
    feat_int128 sum = p->prefix[range.to] - p->prefix[range.from];
    return mean ? feat_fixed_mean(sum, p->exponent, values) : feat_fixed_round(sum, p->exponent);
}

static double dense_sum(const feat_summary *p, feat_range range, int64_t values, bool mean) {
    feat_exact sum;
    size_t from = range.from;
    if (range.to - from <= 2 * FEAT_SUMMARY_GROUP) {
        feat_exact_init(&sum);
    } else {
        size_t first = from / FEAT_SUMMARY_GROUP, last = range.to / FEAT_SUMMARY_GROUP;
        sum = p->accumulators[last];
        feat_exact_unmerge(&sum, &p->accumulators[first]);
        for (size_t i = first * FEAT_SUMMARY_GROUP; i < from; i++) feat_exact_sub(&sum, p->doubles[i]);
        from = last * FEAT_SUMMARY_GROUP;
    }
    for (size_t i = from; i < range.to; i++) feat_exact_add(&sum, p->doubles[i]);
    return mean ? feat_exact_mean(&sum, values) : feat_exact_round(&sum);
}

double feat_summary_double_sum(const feat_summary *p, feat_range range, int64_t values, bool mean) {
    return p->dense ? dense_sum(p, range, values, mean) : fixed_sum(p, range, values, mean);
}

uint64_t feat_summary_extreme_key(const feat_summary *p, feat_range range, bool greatest) {
    return key_tree_query(greatest ? &p->greatest_keys : &p->least_keys, range);
}

static feat_cell query_extreme(const feat_summary *p, feat_range range, bool greatest) {
    if (!has_keys(p->slot.class)) {
        feat_slot_order of = {&p->slot, greatest};
        feat_event_order order = feat_order_of_slot(&of);
        return feat_cell_of_event(
            &p->slot, feat_event_tree_query(greatest ? &p->greatest_events : &p->least_events, &order, range));
    }
    uint64_t key = feat_summary_extreme_key(p, range, greatest);
    return cell_of_key(p->slot.class, greatest ? ~key : key);
}

static feat_cell query_first(const feat_summary *p, feat_range range) {
    size_t event = range.from;
    if (p->any_skipped) event = p->next_passing[range.from];
    return event < range.to ? feat_cell_of_event(&p->slot, event) : feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell query_last(const feat_summary *p, feat_range range) {
    size_t after = range.to;
    if (p->any_skipped) after = p->previous_passing[range.to];
    return after > range.from ? feat_cell_of_event(&p->slot, after - 1) : feat_cell_of_state(FEAT_STATE_NULL);
}

feat_cell feat_summary_query(const feat_summary *p, feat_agg agg, feat_range range) {
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
    case FEAT_AGG_SUM_DOUBLE: return feat_cell_of_double(feat_summary_double_sum(p, range, values, false));
    case FEAT_AGG_AVG_DOUBLE: return feat_cell_of_double(feat_summary_double_sum(p, range, values, true));
    case FEAT_AGG_SUM_DECIMAL:
    case FEAT_AGG_SUM_UNSIGNED:
    case FEAT_AGG_AVG_WIDE: {
        feat_wide_sum sum = feat_wide_between(&p->wide_prefix[range.from], &p->wide_prefix[range.to]);
        return feat_wide_answer(&sum, agg, (size_t)values, p->scale);
    }
    case FEAT_AGG_BOOL_AND:
    case FEAT_AGG_MIN: return query_extreme(p, range, false);
    case FEAT_AGG_BOOL_OR:
    case FEAT_AGG_MAX: return query_extreme(p, range, true);
    default: return feat_cell_of_state(FEAT_STATE_NULL);
    }
}

static bool is_truth(feat_agg agg) { return agg == FEAT_AGG_BOOL_AND || agg == FEAT_AGG_BOOL_OR; }

bool feat_summary_serves(const feat_block *block, const feat_aggregate *a) {
    (void)block;
    /* Truths are the least and the greatest, of different ones as of all. */
    if (feat_agg_of_distinct(a->agg) != a->agg || a->n_order) return false;
    if (feat_agg_table[a->agg].function && !is_truth(a->agg)) return false;
    return a->agg != FEAT_AGG_LAG && a->otherwise == FEAT_NO_NODE;
}

void feat_summary_want(feat_summary *p, feat_agg agg) {
    p->used = true;
    switch (agg) {
    case FEAT_AGG_SUM_INT:
    case FEAT_AGG_SUM_DOUBLE:
    case FEAT_AGG_AVG_INT:
    case FEAT_AGG_AVG_DOUBLE:
    case FEAT_AGG_SUM_DECIMAL:
    case FEAT_AGG_SUM_UNSIGNED:
    case FEAT_AGG_AVG_WIDE: p->sums = true; break;
    case FEAT_AGG_BOOL_AND:
    case FEAT_AGG_MIN: p->least = true; break;
    case FEAT_AGG_BOOL_OR:
    case FEAT_AGG_MAX: p->greatest = true; break;
    case FEAT_AGG_FIRST: p->next = true; break;
    case FEAT_AGG_LAST: p->previous = true; break;
    default: break;
    }
}

void feat_summary_clear(feat_summary *p) {
    p->all_values = true;
    p->any_error = p->any_skipped = p->any_special = p->dense = false;
}

void feat_summary_done(feat_summary *p) {
    feat_free(p->value_counts);
    feat_free(p->error_counts);
    feat_free(p->prefix);
    feat_free(p->special_counts);
    feat_free(p->accumulators);
    feat_free(p->masked);
    feat_free(p->least_keys.keys);
    feat_free(p->greatest_keys.keys);
    feat_free(p->wide_prefix);
    feat_free(p->least_events.events);
    feat_free(p->greatest_events.events);
    feat_free(p->next_passing);
    feat_free(p->previous_passing);
}
