/* Gathered values in order, and how often each comes: what order statistics and counts by value are made of. None takes
 * more than n log n steps, whatever the values. All memory is the scratch's; when it is out, functions return false and
 * the scratch knows. */
#ifndef FEAT_LIB_EXEC_VALUES_H
#define FEAT_LIB_EXEC_VALUES_H

#include "exec/agg.h"

/* ---- Order statistics, in the order of min. ---- */

typedef struct feat_ranking {
    feat_class class;
    const void *values;
    size_t n;
    uint64_t *keys, *spare; /* of values whose order 64 bits tell; else NULL */
    uint32_t *rows;         /* of others: their numbers, sorted */
    bool sorted;            /* the keys are */
    /* Or, where they are set, they are asked: */
    feat_cell (*find)(const void *context, size_t place);
    const void *context;
} feat_ranking;

/* Of n > 0 values. `often`: more than a place or two will be asked for. */
bool feat_ranking_make(feat_ranking *r, feat_scratch *scratch, feat_class class, const void *values, size_t n,
                       bool often);
/* The value at a place, 0 being the least. */
feat_cell feat_ranking_at(feat_ranking *r, size_t place);
/* That, and the one that follows it; it must not be the last. */
void feat_ranking_pair(feat_ranking *r, size_t place, feat_cell out[2]);

/* What an aggregate of order statistics says of values that are ranked. */
feat_cell feat_quantile_of(const feat_agg_input *in, feat_agg agg, feat_ranking *r);

/* ---- Counts by value. ---- */

/* What SQL holds to be equal is one value: -0 and +0 (shown as +0), all NaN, intervals of one length (shown as the one
 * that is least in the order of min). */
typedef struct feat_tally {
    feat_class class;
    size_t n;               /* different values */
    const void *values;     /* lanes of the class, ascending */
    const uint32_t *counts; /* of each */
    const uint32_t *groups; /* of each row the number of its value, where it was asked for */
} feat_tally;

bool feat_tally_make(feat_tally *tally, feat_scratch *scratch, feat_class class, const void *values, size_t n,
                     bool groups);
/* The numbers of the values, the most frequent first, equally frequent ones ascending; NULL when memory is out. */
const uint32_t *feat_tally_by_count(const feat_tally *tally, feat_scratch *scratch);

/* Results from a tally: the values, how often each comes, and the first k of `order`. */
feat_cell feat_tally_list(const feat_agg_input *in, const feat_tally *tally);
feat_cell feat_tally_map(const feat_agg_input *in, const feat_tally *tally);
feat_cell feat_tally_top(const feat_agg_input *in, const feat_tally *tally, const uint32_t *order, size_t k);
/* The hash that approx_count_distinct counts a value by. */
uint64_t feat_value_hash(feat_class class, int scale, const void *values, size_t i);

/* `n` things of `size` bytes, aligned for any of them. */
void *feat_values_room(feat_scratch *scratch, size_t n, size_t size);

#endif
