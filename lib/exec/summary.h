/* What the aggregates of one slot share over a range of events: prefix counts and sums, trees of the least and greatest
 * value, links to the next event that passes. A part that the data at hand does not need (all events are values, all
 * doubles finite and close in size) is not built. The events may be those of many entities, one after the other: an
 * answer is about a range of them. */
#ifndef FEAT_LIB_EXEC_SUMMARY_H
#define FEAT_LIB_EXEC_SUMMARY_H

#include "exec/best.h"
#include "exec/wide.h"
#include "math/exact.h"

#define FEAT_SUMMARY_GROUP 64 /* events between two dense accumulators */

/* Values as unsigned numbers whose order is that of min, or flipped that of max; no value: the greatest number, which
 * does no harm where it is also that of a value. */
typedef struct feat_key_tree {
    uint64_t *keys;
    size_t capacity;
    feat_levels levels;
} feat_key_tree;

/* Infinities and NaN before an event: the fixed-point sums leave them out. */
typedef struct feat_specials {
    uint32_t positive, negative, nans;
} feat_specials;

typedef struct feat_summary {
    bool used, sums, least, greatest, next, previous; /* what the block's aggregates ask for */
    feat_event_slot slot;                             /* of the first event on */
    /* Of the events at hand. */
    bool all_values, any_error, any_skipped, any_special, dense;
    int exponent;          /* of fixed sums */
    const double *doubles; /* zero where there is no value */

    uint32_t *value_counts, *error_counts; /* before each event, and after the last */
    feat_int128 *prefix;                   /* integers, or doubles in units of 2^exponent */
    feat_specials *special_counts;
    feat_exact *accumulators; /* of the events before each group */
    double *masked;           /* owns `doubles` when some events have no value */
    feat_key_tree least_keys, greatest_keys;
    feat_event_tree least_events, greatest_events; /* of values that have no such numbers */
    feat_wide_sum *wide_prefix;                    /* of 128-bit integers */
    int scale;                                     /* of DECIMALs */
    uint32_t *next_passing;                        /* the first event from each on that is not skipped, or n */
    uint32_t *previous_passing; /* one more than the last event before each that is not skipped, or 0 */
    size_t value_counts_capacity, error_counts_capacity, prefix_capacity, special_counts_capacity,
        accumulators_capacity, wide_capacity, masked_capacity, next_capacity, previous_capacity;
} feat_summary;

/* Whether there is a structure for an aggregate: for one range of rows of a class that has sums and trees. */
bool feat_summary_serves(const feat_block *block, const feat_aggregate *a);
/* Notes that an aggregate which it serves is going to ask. */
void feat_summary_want(feat_summary *part, feat_agg agg);
/* Forgets what was built: any range is then empty or of values only. */
void feat_summary_clear(feat_summary *part);
void feat_summary_done(feat_summary *part);
/* Over n events of part->slot; 0, or -1 when memory is out. */
int feat_summary_build(feat_summary *part, size_t n);
/* The answer of an aggregate over a range, not yet canonical. */
feat_cell feat_summary_query(const feat_summary *part, feat_agg agg, feat_range range);
/* Pieces of it, over a range with at least one value and no error: the sum or the mean of `values` doubles, and the
 * least (or the complement of the greatest) key. */
double feat_summary_double_sum(const feat_summary *part, feat_range range, int64_t values, bool mean);
uint64_t feat_summary_extreme_key(const feat_summary *part, feat_range range, bool greatest);

static inline int64_t feat_summary_values(const feat_summary *p, size_t from, size_t to) {
    return p->all_values ? (int64_t)(to - from) : (int64_t)p->value_counts[to] - p->value_counts[from];
}
static inline bool feat_summary_failed(const feat_summary *p, size_t from, size_t to) {
    return p->any_error && p->error_counts[to] != p->error_counts[from];
}

#endif
