/* Statistics as quotients, and roots of quotients, of whole numbers made of exact sums.
 *
 * With n values and S1 .. S4 the sums of their powers, the central sums times powers of n are whole:
 *   N2 = n S2 - S1^2                                   = n^2 times the second central moment
 *   N3 = n^2 S3 - 3 n S1 S2 + 2 S1^3                   = n^3 times the third
 *   N4 = n^3 S4 - 4 n^2 S1 S3 + 6 n S1^2 S2 - 3 S1^4   = n^4 times the fourth
 * and likewise C = n Sxy - Sx Sy, of which Vx = n Sxx - Sx^2 is a case. */
#include <assert.h>

#include "math/big.h"
#include "math/moments.h"
#include "math/number.h"

/* A power of doubles is in units of this to that power. */
enum { UNIT = -1074 };

enum { S1 = 0, S2 = 1, S3 = 2, S4 = 3, SX = 0, SXX = 1, SY = 2, SYY = 3, SXY = 4 };

static void sum(feat_big *out, const feat_moments *m, unsigned which) { feat_big_of_limbs(out, &m->sums[which]); }

/* n Sab - Sa Sb */
static void co_moment(feat_big *out, const feat_moments *m, unsigned ab, unsigned a, unsigned b) {
    feat_big left, right, product;
    sum(&left, m, ab);
    feat_big_scale(&left, m->n);
    sum(&product, m, a);
    sum(out, m, b);
    feat_big_multiply(&right, &product, out);
    feat_big_add(out, &left, &right, true);
}

static void second(feat_big *out, const feat_moments *m) { co_moment(out, m, S2, S1, S1); }

/* n (n S3 - 3 S1 S2) + 2 S1^3 */
static void third(feat_big *out, const feat_moments *m) {
    feat_big s1, s, product, inner;
    sum(&s1, m, S1);
    sum(&s, m, S2);
    feat_big_multiply(&product, &s1, &s);
    feat_big_scale(&product, 3);
    sum(&s, m, S3);
    feat_big_scale(&s, m->n);
    feat_big_add(&inner, &s, &product, true);
    feat_big_scale(&inner, m->n);
    feat_big_multiply(&s, &s1, &s1);
    feat_big_multiply(&product, &s, &s1);
    feat_big_scale(&product, 2);
    feat_big_add(out, &inner, &product, false);
}

/* n (n (n S4 - 4 S1 S3) + 6 S1^2 S2) - 3 S1^4 */
static void fourth(feat_big *out, const feat_moments *m) {
    feat_big s1, square, s, product, inner;
    sum(&s1, m, S1);
    feat_big_multiply(&square, &s1, &s1);
    sum(&s, m, S3);
    feat_big_multiply(&product, &s1, &s);
    feat_big_scale(&product, 4);
    sum(&s, m, S4);
    feat_big_scale(&s, m->n);
    feat_big_add(&inner, &s, &product, true);
    feat_big_scale(&inner, m->n);
    sum(&s, m, S2);
    feat_big_multiply(&product, &square, &s);
    feat_big_scale(&product, 6);
    feat_big_add(&s, &inner, &product, false);
    feat_big_scale(&s, m->n);
    feat_big_multiply(&product, &square, &square);
    feat_big_scale(&product, 3);
    feat_big_add(out, &s, &product, true);
}

/* of / (a b), or its root */
static double over(const feat_big *of, int64_t a, int64_t b, int64_t c, bool root) {
    feat_big divisor;
    feat_big_of_int(&divisor, a);
    feat_big_scale(&divisor, b);
    feat_big_scale(&divisor, c);
    return root ? feat_big_root(of, &divisor, 2 * UNIT) : feat_big_quotient(of, &divisor, 2 * UNIT);
}

static double variance(const feat_moments *m, int64_t a, int64_t b, int64_t c, bool root) {
    feat_big n2;
    second(&n2, m);
    return over(&n2, a, b, c, root);
}

/* sign(N3) sqrt(n (n - 1) N3^2 / ((n - 2)^2 N2^3)) */
static bool skewness(const feat_moments *m, double *out) {
    feat_big n2, n3, above, below, square;
    second(&n2, m);
    if (feat_big_sign(&n2) == 0) return false;
    third(&n3, m);
    feat_big_multiply(&square, &n2, &n2);
    feat_big_multiply(&below, &square, &n2);
    feat_big_scale(&below, m->n - 2);
    feat_big_scale(&below, m->n - 2);
    feat_big_multiply(&above, &n3, &n3);
    feat_big_scale(&above, m->n);
    feat_big_scale(&above, m->n - 1);
    above.negative = n3.negative;
    *out = feat_big_root(&above, &below, 0);
    return true;
}

/* (n - 1) ((n + 1) N4 - 3 (n - 1) N2^2) / ((n - 2) (n - 3) N2^2), or of all that there are N4 / N2^2 - 3 */
static bool kurtosis(const feat_moments *m, bool sample, double *out) {
    feat_big n2, n4, square, three, above;
    second(&n2, m);
    if (feat_big_sign(&n2) == 0) return false;
    fourth(&n4, m);
    feat_big_multiply(&square, &n2, &n2);
    feat_big_multiply(&three, &n2, &n2);
    feat_big_scale(&three, 3);
    if (sample) {
        feat_big_scale(&n4, m->n + 1);
        feat_big_scale(&three, m->n - 1);
        feat_big_scale(&square, m->n - 2);
        feat_big_scale(&square, m->n - 3);
    }
    feat_big_add(&above, &n4, &three, true);
    if (sample) feat_big_scale(&above, m->n - 1);
    *out = feat_big_quotient(&above, &square, 0);
    return true;
}

/* Correlation is sign(C) sqrt(C^2 / (Vx Vy)); its square, the coefficient of determination. */
static double correlation(const feat_big *c, const feat_big *vx, const feat_big *vy, bool root) {
    feat_big above, below;
    feat_big_multiply(&above, c, c);
    feat_big_multiply(&below, vx, vy);
    if (!root) return feat_big_quotient(&above, &below, 0);
    above.negative = c->negative;
    return feat_big_root(&above, &below, 0);
}

/* (Sxx Sy - Sx Sxy) / Vx */
static double intercept(const feat_moments *m, const feat_big *vx) {
    feat_big a, b, left, right;
    sum(&a, m, SXX);
    sum(&b, m, SY);
    feat_big_multiply(&left, &a, &b);
    sum(&a, m, SX);
    sum(&b, m, SXY);
    feat_big_multiply(&right, &a, &b);
    feat_big_add(&a, &left, &right, true);
    return feat_big_quotient(&a, vx, UNIT);
}

static bool of_pairs(const feat_moments *m, feat_statistic statistic, double *out) {
    feat_big c, vx, vy;
    co_moment(&c, m, SXY, SX, SY);
    if (statistic == FEAT_STATISTIC_COVAR_POP || statistic == FEAT_STATISTIC_COVAR_SAMP) {
        *out = over(&c, m->n, statistic == FEAT_STATISTIC_COVAR_POP ? m->n : m->n - 1, 1, false);
        return true;
    }
    co_moment(&vx, m, SXX, SX, SX);
    co_moment(&vy, m, SYY, SY, SY);
    bool flat = feat_big_sign(&vx) == 0;
    switch (statistic) {
    case FEAT_STATISTIC_CORR:
        *out = flat || feat_big_sign(&vy) == 0 ? feat_double_of_bits(FEAT_NAN_BITS) : correlation(&c, &vx, &vy, true);
        return true;
    case FEAT_STATISTIC_REGR_SLOPE:
        *out = flat ? feat_double_of_bits(FEAT_NAN_BITS) : feat_big_quotient(&c, &vx, 0);
        return true;
    case FEAT_STATISTIC_REGR_INTERCEPT:
        if (!flat) *out = intercept(m, &vx);
        return !flat;
    case FEAT_STATISTIC_REGR_R2:
        if (!flat) *out = feat_big_sign(&vy) == 0 ? 1.0 : correlation(&c, &vx, &vy, false);
        return !flat;
    default: assert(statistic == FEAT_STATISTIC_TREND); break;
    }
    feat_big_scale(&c, 1000000);
    if (!flat) *out = feat_big_quotient(&c, &vx, 0);
    return !flat;
}

static int64_t values_needed(feat_statistic statistic) {
    switch (statistic) {
    case FEAT_STATISTIC_VAR_SAMP:
    case FEAT_STATISTIC_STDDEV_SAMP:
    case FEAT_STATISTIC_COVAR_SAMP:
    case FEAT_STATISTIC_KURTOSIS_POP: return 2;
    case FEAT_STATISTIC_SKEWNESS: return 3;
    case FEAT_STATISTIC_KURTOSIS: return 4;
    default: return 1;
    }
}

bool feat_moments_result(const feat_moments *m, feat_statistic statistic, double *out) {
    const int64_t n = m->n;
    if (n < values_needed(statistic)) return false;
    if (m->special) {
        *out = feat_double_of_bits(FEAT_NAN_BITS);
        return true;
    }
    assert((statistic >= FEAT_STATISTIC_COVAR_POP) == (m->kind == FEAT_MOMENTS_PAIRS));
    switch (statistic) {
    case FEAT_STATISTIC_VAR_POP: *out = variance(m, n, n, 1, false); return true;
    case FEAT_STATISTIC_VAR_SAMP: *out = variance(m, n, n - 1, 1, false); return true;
    case FEAT_STATISTIC_STDDEV_POP: *out = variance(m, n, n, 1, true); return true;
    case FEAT_STATISTIC_STDDEV_SAMP: *out = variance(m, n, n - 1, 1, true); return true;
    case FEAT_STATISTIC_SEM: *out = variance(m, n, n, n, true); return true;
    case FEAT_STATISTIC_SKEWNESS: assert(m->kind >= FEAT_MOMENTS_3); return skewness(m, out);
    case FEAT_STATISTIC_KURTOSIS: assert(m->kind == FEAT_MOMENTS_4); return kurtosis(m, true, out);
    case FEAT_STATISTIC_KURTOSIS_POP: assert(m->kind == FEAT_MOMENTS_4); return kurtosis(m, false, out);
    default: return of_pairs(m, statistic, out);
    }
}
