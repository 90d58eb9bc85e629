#include "math/elementary.h"

#include <math.h>
#include <stdbool.h>

#include "math/elementary_core.h"
#include "math/elementary_level.h"

#define NAN_VALUE feat_double_of_bits(FEAT_NAN_BITS)
#define RARELY(x) __builtin_expect((x) != 0, 0)

/* ---- results that leave the normal range ---- */

static double power_of_two(int k) { return feat_double_of_bits((uint64_t)(k + 1023) << 52); }

/* m 2^k with m between about 1 and 2 and -1200 < k < 1200, rounded once. */
static double scaled(feat_dd m, int k) {
    double sum = m.hi + m.lo;
    if (k > 1022) return sum * 0x1p1022 * power_of_two(k - 1022);
    if (k >= -1021 || (k == -1022 && sum >= 1.0)) return sum * power_of_two(k);
    /* Beside 2^(-1022 - k) a place of the subnormal result is the last one that a double has. */
    double large = power_of_two(-1022 - k);
    feat_dd beside = feat_dd_fast(large, m.hi);
    double rounded = beside.hi + (beside.lo + m.lo);
    return (rounded - large) * power_of_two(k + 200) * 0x1p-200;
}

/* k: 12 bits of it hold any exponent here. */
static int exponent_of(uint64_t n) { return (int)((n / FEAT_EXP_CELLS + 2048) % 4096) - 2048; }

/* e^(x + tail) 2^more for 700 < |x| < 800 or so. */
static double exp_scaled(double x, double tail, int more) {
    feat_exp_parts e = feat_exp_reduce(x);
    feat_dd m = feat_exp_mantissa(e, e.r + tail);
    return scaled(feat_dd_fast(m.hi, m.lo), exponent_of(e.n) + more);
}

/* ---- exponentials ---- */

static double exp_rare(double x) {
    if (x != x) return NAN_VALUE;
    if (x > 710.0) return HUGE_VAL;
    if (x < -746.0) return 0.0;
    return exp_scaled(x, 0.0, 0);
}

double feat_exp(double x) { return RARELY(FEAT_IS_SPECIAL(feat_exp_special(x))) ? exp_rare(x) : feat_exp_core(x); }

static double exp2_rare(double x) {
    if (x != x) return NAN_VALUE;
    if (x >= 1024.0) return HUGE_VAL;
    if (x < -1076.0) return 0.0;
    uint64_t n;
    feat_dd m = feat_exp2_mantissa(x, &n);
    return scaled(feat_dd_fast(m.hi, m.lo), exponent_of(n));
}

double feat_exp2(double x) { return RARELY(FEAT_IS_SPECIAL(feat_exp2_special(x))) ? exp2_rare(x) : feat_exp2_core(x); }

static double expm1_rare(double x) { return x < 0.0 ? -1.0 : exp_rare(x); }

double feat_expm1(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_expm1_special(x))) ? expm1_rare(x) : feat_expm1_core(x);
}

/* e^|x| / 2, which is both sinh |x| and cosh x */
static double half_exp(double magnitude) {
    if (magnitude != magnitude) return NAN_VALUE;
    return magnitude > 712.0 ? HUGE_VAL : exp_scaled(magnitude, 0.0, -1);
}

static double sinh_rare(double x) {
    double y = half_exp(feat_magnitude(x));
    return y != y ? y : feat_with_sign(y, x);
}

double feat_sinh(double x) { return RARELY(FEAT_IS_SPECIAL(feat_sinh_special(x))) ? sinh_rare(x) : feat_sinh_core(x); }

double feat_cosh(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_cosh_special(x))) ? half_exp(feat_magnitude(x)) : feat_cosh_core(x);
}

static double tanh_rare(double x) { return x != x ? NAN_VALUE : feat_with_sign(1.0, x); }

double feat_tanh(double x) { return RARELY(FEAT_IS_SPECIAL(feat_tanh_special(x))) ? tanh_rare(x) : feat_tanh_core(x); }

static double sigmoid_rare(double x) {
    if (x != x) return NAN_VALUE;
    return x > 0.0 ? 1.0 : feat_exp(x);
}

double feat_sigmoid(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_sigmoid_special(x))) ? sigmoid_rare(x) : feat_sigmoid_core(x);
}

/* ---- logarithms ---- */

/* The bits of a positive finite double, those of a subnormal as if exponents went on below. */
static uint64_t unlimited_bits(double x) {
    uint64_t bits = feat_double_bits(x);
    return bits < FEAT_LEAST_NORMAL ? feat_double_bits(x * 0x1p52) - (UINT64_C(52) << 52) : bits;
}

/* What every logarithm is at x, when that is not a positive subnormal: else 0. */
static double log_limit(double x) {
    if (x == 0.0) return -HUGE_VAL;
    if (!(x > 0.0)) return NAN_VALUE;
    return x > 1.0 ? HUGE_VAL : 0.0;
}

static double log_rare(double x) {
    double limit = log_limit(x);
    return limit != 0.0 ? limit : feat_log_bits(unlimited_bits(x));
}

double feat_log(double x) { return RARELY(FEAT_IS_SPECIAL(feat_log_special(x))) ? log_rare(x) : feat_log_core(x); }

static double log2_rare(double x) {
    double limit = log_limit(x);
    return limit != 0.0 ? limit : feat_log2_bits(unlimited_bits(x));
}

double feat_log2(double x) { return RARELY(FEAT_IS_SPECIAL(feat_log2_special(x))) ? log2_rare(x) : feat_log2_core(x); }

static double log10_rare(double x) {
    double limit = log_limit(x);
    return limit != 0.0 ? limit : feat_log10_bits(unlimited_bits(x));
}

double feat_log10(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_log10_special(x))) ? log10_rare(x) : feat_log10_core(x);
}

static double log1p_rare(double x) {
    if (x == -1.0) return -HUGE_VAL;
    if (!(x > -1.0)) return NAN_VALUE;
    return feat_log(x); /* so large that 1 is nothing */
}

double feat_log1p(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_log1p_special(x))) ? log1p_rare(x) : feat_log1p_core(x);
}

static double logit_rare(double x) {
    if (x == 0.0) return -HUGE_VAL;
    if (x == 1.0) return HUGE_VAL;
    if (!(x > 0.0 && x < 1.0)) return NAN_VALUE;
    return feat_log(x); /* so small that 1 - x is 1 */
}

double feat_logit(double x) {
    return RARELY(FEAT_IS_SPECIAL(feat_logit_special(x))) ? logit_rare(x) : feat_logit_core(x);
}

static bool is_finite_positive(double x) { return x > 0.0 && x < HUGE_VAL; }

static double log_base_rare(double base, double x) {
    if (!is_finite_positive(base) || !is_finite_positive(x) || base == 1.0 || x == 1.0)
        return feat_double_canonical(feat_log(x) / feat_log(base));
    uint64_t zero;
    feat_dd q = feat_log_base_bits(unlimited_bits(base), unlimited_bits(x), &zero);
    return q.hi + q.lo;
}

double feat_log_base(double base, double x) {
    uint64_t special;
    double result = feat_log_base_core(base, x, &special);
    return RARELY(FEAT_IS_SPECIAL(special)) ? log_base_rare(base, x) : result;
}

/* ---- powers ---- */

static bool is_whole(double y) { return fabs(y) >= 0x1p52 || floor(y) == y; }
static bool is_odd(double y) { return fabs(y) < 0x1p53 && is_whole(y) && !is_whole(0.5 * y); }

static double pow_rare(double x, double y) {
    if (y == 0.0 || x == 1.0) return 1.0;
    if (x != x || y != y) return NAN_VALUE;
    double size = feat_magnitude(x);
    bool grows = (size > 1.0) == (y > 0.0);
    bool negative = feat_double_bits(x) >> 63 && is_odd(y);
    double result;
    if (size == 1.0) {
        if (!is_whole(y)) return NAN_VALUE;
        result = 1.0;
    } else if (size == 0.0 || fabs(size) == HUGE_VAL || fabs(y) == HUGE_VAL) {
        result = grows ? HUGE_VAL : 0.0;
    } else if (x < 0.0 && !is_whole(y)) {
        return NAN_VALUE;
    } else if (fabs(y) > 0x1p70) { /* |log x| is more than 2^-54 */
        result = grows ? HUGE_VAL : 0.0;
    } else {
        feat_dd e = feat_pow_exponent(unlimited_bits(size), y);
        if (fabs(e.hi) > 750.0) result = grows ? HUGE_VAL : 0.0;
        else result = exp_scaled(e.hi, e.lo, 0);
    }
    return negative ? -result : result;
}

double feat_pow(double x, double y) {
    feat_dd exponent = feat_pow_exponent(feat_double_bits(x), y);
    return RARELY(FEAT_IS_SPECIAL(feat_pow_special(x, exponent))) ? pow_rare(x, y) : feat_pow_finish(exponent);
}

/* ---- arrays ---- */

feat_math_level feat_math_level_best(void) {
#ifdef FEAT_MATH_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return FEAT_MATH_AVX512;
    if (__builtin_cpu_supports("avx2")) return FEAT_MATH_AVX2;
#endif
    return FEAT_MATH_BASELINE;
}

static const feat_math_table *table_of(feat_math_level level) {
#ifdef FEAT_MATH_X86
    if (level == FEAT_MATH_AVX512) return &feat_math_avx512;
    if (level == FEAT_MATH_AVX2) return &feat_math_avx2;
#endif
    (void)level;
    return &feat_math_baseline;
}

#define ARRAY1(name)                                                                                                   \
    void feat_##name##_array(feat_math_level level, const double *x, double *out, size_t n) {                          \
        table_of(level)->name(x, out, n);                                                                              \
    }

ARRAY1(exp)
ARRAY1(exp2)
ARRAY1(expm1)
ARRAY1(log)
ARRAY1(log2)
ARRAY1(log10)
ARRAY1(log1p)
ARRAY1(sinh)
ARRAY1(cosh)
ARRAY1(tanh)
ARRAY1(sigmoid)
ARRAY1(logit)

void feat_log_base_array(feat_math_level level, const double *base, const double *x, double *out, size_t n) {
    table_of(level)->log_base(base, x, out, n);
}

void feat_pow_array(feat_math_level level, const double *x, const double *y, double *out, size_t n) {
    table_of(level)->pow(x, y, out, n);
}
