/* Sums of 128-bit integers in three words: only the result need fit. */
#ifndef FEAT_LIB_EXEC_WIDE_H
#define FEAT_LIB_EXEC_WIDE_H

#include "exec/exec.h"

typedef struct feat_wide_sum {
    feat_uint128 low;
    int64_t high;
} feat_wide_sum;

static inline void feat_wide_add(feat_wide_sum *sum, feat_int128 v) {
    feat_uint128 before = sum->low;
    sum->low += (feat_uint128)v;
    sum->high += (v < 0 ? -1 : 0) + (sum->low < before);
}

/* What was added from one prefix to another. */
static inline feat_wide_sum feat_wide_between(const feat_wide_sum *from, const feat_wide_sum *to) {
    return (feat_wide_sum){to->low - from->low, to->high - from->high - (to->low < from->low)};
}

/* The answer of a sum or mean over `n` > 0 values. */
feat_cell feat_wide_answer(const feat_wide_sum *sum, feat_agg agg, size_t n, int scale);

#endif
