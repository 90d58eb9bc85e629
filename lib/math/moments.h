/* Exact moments of doubles: the sums of their powers up to the fourth, or of pairs of them with their products, kept
 * without any rounding. Variance, skewness, correlation and the like are rational functions of such sums, or roots of
 * them, and are rounded once: no cancellation, never negative, the same bits for the same multiset of values.
 *
 * They form a group, as exact sums do (exact.h): a value or a whole state can be taken away again. Infinities and NaN
 * are counted, not added; while one is there, results are NaN. The floating-point environment must be the IEEE default
 * (base/fpenv.h). */
#ifndef FEAT_LIB_MATH_MOMENTS_H
#define FEAT_LIB_MATH_MOMENTS_H

#include "math/limbs.h"

typedef enum feat_moments_kind {
    FEAT_MOMENTS_2 = 2,    /* sums of x and x^2 */
    FEAT_MOMENTS_3 = 3,    /* and of x^3 */
    FEAT_MOMENTS_4 = 4,    /* and of x^4 */
    FEAT_MOMENTS_PAIRS = 5 /* sums of x, x^2, y, y^2 and xy */
} feat_moments_kind;

#define FEAT_MOMENTS_SUMS 5

/* Sum k is in units of 2^-1074 to the power that it is of. */
typedef struct feat_moments {
    feat_moments_kind kind;
    int64_t n;       /* values or pairs, all of them */
    int64_t special; /* those of them that are not finite, or in which one is not */
    feat_limbs sums[FEAT_MOMENTS_SUMS];
} feat_moments;

void feat_moments_init(feat_moments *m, feat_moments_kind kind);
void feat_moments_done(feat_moments *m);

/* A value, or a pair; y is not looked at without FEAT_MOMENTS_PAIRS. False when memory is out, which it can be only
 * where values lie far apart in size; the state then holds what it held. */
bool feat_moments_add(feat_moments *m, double x, double y);
bool feat_moments_remove(feat_moments *m, double x, double y);
/* A pair whose x is a whole number that need not be a double. */
bool feat_moments_add_whole(feat_moments *m, int64_t x, double y);
/* The same as `n` calls of feat_moments_add, at a fraction of the cost; `y` is NULL without pairs. False when memory is
 * out; the state then holds some of them, and is good for feat_moments_done only. */
bool feat_moments_add_array(feat_moments *m, const double *x, const double *y, size_t n);
/* m += other, m -= other, of one kind. `other` may be `m` itself. False as for feat_moments_add. */
bool feat_moments_merge(feat_moments *m, const feat_moments *other);
bool feat_moments_unmerge(feat_moments *m, const feat_moments *other);

/* Canonical bytes: equal states are equal bytes. The kind, the counts (little-endian, 8 bytes each), the sums as
 * limbs.h writes them; of ordinary data some tens of bytes a sum. */
#define FEAT_MOMENTS_MAX_BYTES (17 + 4 * 2 + 8 * (34 + 67 + 100 + 133))
void feat_moments_write(const feat_moments *m, feat_buffer *out);
/* Initialises `m`. Accepts canonical bytes only, else FEAT_CORRUPT; on failure there is nothing to be freed. */
feat_status feat_moments_read(feat_moments *m, feat_cursor *bytes, feat_error *err);

/* What can be asked of a state, as DuckDB names it. Of pairs x is the first argument, y the second, but for regr_*,
 * which SQL calls with (y, x): there x is the one that explains. */
typedef enum feat_statistic {
    FEAT_STATISTIC_VAR_POP,
    FEAT_STATISTIC_VAR_SAMP, /* none of fewer than 2 values; so stddev_samp and covar_samp */
    FEAT_STATISTIC_STDDEV_POP,
    FEAT_STATISTIC_STDDEV_SAMP,
    FEAT_STATISTIC_SEM,          /* standard error of the mean: stddev_pop / sqrt(n) */
    FEAT_STATISTIC_SKEWNESS,     /* of a sample; none of fewer than 3 values, nor of equal ones */
    FEAT_STATISTIC_KURTOSIS,     /* excess, of a sample; none of fewer than 4 values, nor of equal ones */
    FEAT_STATISTIC_KURTOSIS_POP, /* excess; none of fewer than 2 values, nor of equal ones */
    FEAT_STATISTIC_COVAR_POP,
    FEAT_STATISTIC_COVAR_SAMP,
    FEAT_STATISTIC_CORR,           /* NaN where x or y are all equal */
    FEAT_STATISTIC_REGR_SLOPE,     /* NaN where x are all equal */
    FEAT_STATISTIC_REGR_INTERCEPT, /* none where x are all equal */
    FEAT_STATISTIC_REGR_R2,        /* none where x are all equal, else 1 where y are */
    FEAT_STATISTIC_TREND           /* 10^6 times the slope; none where x are all equal */
} feat_statistic;

/* False when there is none: of no values at all, and as said above; `*out` is then untouched. The state has the sums
 * that the statistic is made of. */
bool feat_moments_result(const feat_moments *m, feat_statistic statistic, double *out);

#endif
