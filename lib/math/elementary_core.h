/* The elementary functions where nothing is special: arguments of the common range, no branch, so that one source
 * serves for a single value and for a loop that the compiler turns into vector code. elementary.c adds the other
 * arguments.
 *
 * Only + - * / and integer operations, in a fixed order, and no fused multiply-add: every processor gives the same
 * bits. What needs more than 53 bits is kept as an unevaluated sum of two doubles, and products that must be exact are
 * of factors cut to 26 bits (T. J. Dekker, A floating-point technique for extending the available precision, 1971). The
 * methods are table-driven (P. T. P. Tang, Table-driven implementation of the exponential function, 1989, and of the
 * logarithm function, 1990); see J.-M. Muller, Elementary Functions, chapters 6 and 11.
 *
 * Any bits may come in, also those of the other range: the result is then arbitrary, but nothing outside a table is
 * read. */
#ifndef FEAT_LIB_MATH_ELEMENTARY_CORE_H
#define FEAT_LIB_MATH_ELEMENTARY_CORE_H

#include "math/elementary_table.h"
#include "math/number.h"

#define FEAT_CORE static inline __attribute__((always_inline))

/* hi + lo, |lo| at most half a unit of hi's last place or not much more. */
typedef struct feat_dd {
    double hi, lo;
} feat_dd;

/* a + b exactly, where |a| >= |b| or a is 0. */
FEAT_CORE feat_dd feat_dd_fast(double a, double b) {
    double sum = a + b;
    return (feat_dd){sum, (a - sum) + b};
}

/* a + b exactly. */
FEAT_CORE feat_dd feat_dd_sum(double a, double b) {
    double sum = a + b, taken = sum - a;
    return (feat_dd){sum, (a - (sum - taken)) + (b - taken)};
}

/* The upper 26 bits of a finite x; what is left of x has 27. */
FEAT_CORE double feat_upper_half(double x) {
    return feat_double_of_bits(feat_double_bits(x) & ~((UINT64_C(1) << 27) - 1));
}

FEAT_CORE uint64_t feat_magnitude_bits(double x) { return feat_double_bits(x) & INT64_MAX; }
FEAT_CORE double feat_magnitude(double x) { return feat_double_of_bits(feat_magnitude_bits(x)); }
FEAT_CORE double feat_with_sign(double magnitude, double sign) {
    return feat_double_of_bits(feat_magnitude_bits(magnitude) | (feat_double_bits(sign) & UINT64_C(1) << 63));
}

/* Tests for special arguments answer with the highest bit of a word: baseline vector code has no comparison of 64-bit
 * integers. The limit is below 2^63. */
FEAT_CORE uint64_t feat_at_least(uint64_t bits, uint64_t limit) { return (limit - 1 - bits) | bits; }
#define FEAT_IS_SPECIAL(word) ((word) >> 63)

#define FEAT_INFINITY_BITS UINT64_C(0x7ff0000000000000)
#define FEAT_LEAST_NORMAL  UINT64_C(0x0010000000000000)

/* The nearest whole number to x, |x| < 2^51, as an integer in the low bits and as a double. */
#define FEAT_WHOLE_SHIFT 0x1.8p52

/* ---- exponentials ----
 * x = n ln 2 / 128 + r with |r| <= ln 2 / 256, n = 128 k + j, and e^x = 2^k 2^(j/128) e^r. */

#define FEAT_EXP_LIMIT                                                                                                 \
    UINT64_C(0x4086200000000000) /* 708: below it neither the result nor 2^k leaves the normal range */

typedef struct feat_exp_parts {
    uint64_t n;        /* n in the low bits */
    double r, r_error; /* r and what its rounding lost */
    double high, low;  /* 2^(j/128): 26 bits and the rest */
} feat_exp_parts;

FEAT_CORE feat_exp_parts feat_exp_reduce(double x) {
    double shifted = x * FEAT_EXP_PER_STEP + FEAT_WHOLE_SHIFT;
    double n = shifted - FEAT_WHOLE_SHIFT;
    feat_exp_parts e = {.n = feat_double_bits(shifted)};
    double most = x - n * FEAT_EXP_STEP_HIGH; /* exact */
    double rest = n * FEAT_EXP_STEP_LOW;
    e.r = most - rest;
    e.r_error = (most - e.r) - rest;
    uint64_t j = e.n % FEAT_ELEMENTARY_CELLS;
    e.high = feat_exp2_high[j];
    e.low = feat_exp2_low[j];
    return e;
}

/* k in the place of an exponent. */
FEAT_CORE uint64_t feat_exp_shift(uint64_t n) { return (n - n % FEAT_ELEMENTARY_CELLS) << 45; }
/* x 2^k, where both are normal. */
FEAT_CORE double feat_exp_scaled(double x, uint64_t n) {
    return feat_double_of_bits(feat_double_bits(x) + feat_exp_shift(n));
}

/* e^r - 1 - r */
FEAT_CORE double feat_exp_tail(double r) {
    double square = r * r;
    return square * (0.5 + r * ((FEAT_EXP_C3 + r * FEAT_EXP_C4) + square * (FEAT_EXP_C5 + r * FEAT_EXP_C6)));
}

/* 2^(j/128) e^r: what 2^k is left out of. */
FEAT_CORE feat_dd feat_exp_mantissa(feat_exp_parts e, double r) {
    double grown = r + feat_exp_tail(r);
    return (feat_dd){e.high, e.low + (e.high + e.low) * grown};
}

FEAT_CORE uint64_t feat_exp_special(double x) { return feat_at_least(feat_magnitude_bits(x), FEAT_EXP_LIMIT); }
FEAT_CORE double feat_exp_core(double x) {
    feat_exp_parts e = feat_exp_reduce(x);
    feat_dd m = feat_exp_mantissa(e, e.r);
    return feat_exp_scaled(m.hi + m.lo, e.n);
}

/* The same of 2^x: r = x - n / 128 is exact. */
#define FEAT_EXP2_LIMIT UINT64_C(0x408fe00000000000) /* 1020 */

FEAT_CORE feat_dd feat_exp2_mantissa(double x, uint64_t *n) {
    double shifted = x * FEAT_ELEMENTARY_CELLS + FEAT_WHOLE_SHIFT;
    *n = feat_double_bits(shifted);
    double r = x - (shifted - FEAT_WHOLE_SHIFT) * (1.0 / FEAT_ELEMENTARY_CELLS);
    uint64_t j = *n % FEAT_ELEMENTARY_CELLS;
    double high = feat_exp2_high[j], low = feat_exp2_low[j];
    double square = r * r;
    double grown = r * ((FEAT_EXP2_C1 + r * FEAT_EXP2_C2) +
                        square * ((FEAT_EXP2_C3 + r * FEAT_EXP2_C4) + square * (FEAT_EXP2_C5 + r * FEAT_EXP2_C6)));
    return (feat_dd){high, low + (high + low) * grown};
}

FEAT_CORE uint64_t feat_exp2_special(double x) { return feat_at_least(feat_magnitude_bits(x), FEAT_EXP2_LIMIT); }
FEAT_CORE double feat_exp2_core(double x) {
    uint64_t n;
    feat_dd m = feat_exp2_mantissa(x, &n);
    return feat_exp_scaled(m.hi + m.lo, n);
}

/* e^x as three parts, the first two exact, and 2^k in them: 2^k 2^(j/128) cut to 26 bits, times 1, times r cut to 26
 * bits, and all the rest. */
typedef struct feat_exp_terms {
    double one, linear, rest;
} feat_exp_terms;

FEAT_CORE feat_exp_terms feat_exp_split(double x) {
    feat_exp_parts e = feat_exp_reduce(x);
    double scale = feat_exp_scaled(1.0, e.n);
    double tail = feat_exp_tail(e.r);
    double r_high = feat_upper_half(e.r);
    double r_low = (e.r - r_high) + e.r_error;
    double one = scale * e.high;
    double rest = e.high * (r_low + tail) + (e.low + e.low * (e.r + tail));
    return (feat_exp_terms){one, one * r_high, scale * rest};
}

/* e^x - 1. Of the terms the first is 1 (and goes) or differs from 1 by more than the second. */
FEAT_CORE feat_dd feat_expm1_dd(double x) {
    feat_exp_terms t = feat_exp_split(x);
    feat_dd a = feat_dd_sum(t.one, -1.0);
    feat_dd b = feat_dd_fast(a.hi, t.linear);
    return feat_dd_fast(b.hi, t.rest + (a.lo + b.lo));
}

FEAT_CORE uint64_t feat_expm1_special(double x) { return feat_exp_special(x); }
FEAT_CORE double feat_expm1_core(double x) {
    feat_dd m = feat_expm1_dd(x);
    return feat_with_sign(m.hi, x);
}

/* a / b as an exact head of 26 bits and the rest; a and b are normal. */
FEAT_CORE feat_dd feat_dd_quotient(feat_dd a, feat_dd b) {
    double reciprocal = 1.0 / b.hi;
    double head = feat_upper_half(a.hi * reciprocal);
    double b_high = feat_upper_half(b.hi);
    double left = (a.hi - head * b_high) - head * (b.hi - b_high); /* exact */
    return (feat_dd){head, (left + (a.lo - head * b.lo)) * reciprocal};
}

/* (e^|x| - e^-|x|) / 2 = (t + t / (1 + t)) / 2 with t = e^|x| - 1 */
FEAT_CORE uint64_t feat_sinh_special(double x) { return feat_exp_special(x); }
FEAT_CORE double feat_sinh_core(double x) {
    feat_exp_terms e = feat_exp_split(feat_magnitude(x));
    feat_dd whole = feat_dd_fast(e.one, e.linear);
    whole = feat_dd_fast(whole.hi, whole.lo + e.rest);
    feat_dd a = feat_dd_sum(e.one, -1.0);
    feat_dd b = feat_dd_fast(a.hi, e.linear);
    feat_dd t = feat_dd_fast(b.hi, e.rest + (a.lo + b.lo));
    feat_dd q = feat_dd_quotient(t, whole);
    feat_dd sum = feat_dd_fast(t.hi, q.hi);
    return feat_with_sign(0.5 * (sum.hi + (sum.lo + (t.lo + q.lo))), x);
}

FEAT_CORE uint64_t feat_cosh_special(double x) { return feat_exp_special(x); }
FEAT_CORE double feat_cosh_core(double x) {
    feat_exp_terms e = feat_exp_split(feat_magnitude(x));
    feat_dd whole = feat_dd_fast(e.one, e.linear);
    whole = feat_dd_fast(whole.hi, whole.lo + e.rest);
    feat_dd q = feat_dd_quotient((feat_dd){1.0, 0.0}, whole);
    feat_dd sum = feat_dd_fast(whole.hi, q.hi);
    return 0.5 * (sum.hi + (sum.lo + (whole.lo + q.lo)));
}

/* -t / (2 + t) with t = e^(-2|x|) - 1 */
#define FEAT_TANH_LIMIT UINT64_C(0x4076200000000000) /* 354 */

FEAT_CORE uint64_t feat_tanh_special(double x) { return feat_at_least(feat_magnitude_bits(x), FEAT_TANH_LIMIT); }
FEAT_CORE double feat_tanh_core(double x) {
    feat_dd t = feat_expm1_dd(-2.0 * feat_magnitude(x));
    feat_dd below = feat_dd_fast(2.0, t.hi);
    below.lo += t.lo;
    feat_dd q = feat_dd_quotient(t, below);
    return feat_with_sign(q.hi + q.lo, x);
}

/* e / (1 + e) or 1 / (1 + e) with e = e^-|x| */
#define FEAT_SIGMOID_LIMIT UINT64_C(0x4082c00000000000) /* 600: no part of e is subnormal below it */

FEAT_CORE uint64_t feat_sigmoid_special(double x) { return feat_at_least(feat_magnitude_bits(x), FEAT_SIGMOID_LIMIT); }
FEAT_CORE double feat_sigmoid_core(double x) {
    feat_exp_terms t = feat_exp_split(-feat_magnitude(x));
    feat_dd e = feat_dd_fast(t.one, t.linear);
    e = feat_dd_fast(e.hi, e.lo + t.rest);
    feat_dd below = feat_dd_fast(1.0, e.hi);
    below.lo += e.lo;
    feat_dd above = {x < 0.0 ? e.hi : 1.0, x < 0.0 ? e.lo : 0.0};
    feat_dd q = feat_dd_quotient(above, below);
    return q.hi + q.lo;
}

/* ---- logarithms ----
 * x = 2^k z with z about 1, and log x = k ln 2 - log c + log(1 + r) with r = z c - 1, where c is about 1 / z and has 11
 * bits at most. r is exact in two parts: 26 bits of z times c, and the rest. The cell about 1 has c = 1, so that
 * nothing cancels there. */

#define FEAT_LOG_START UINT64_C(0x3fe8100000000000) /* where cell 0 begins: half a cell above 3/4 */

typedef struct feat_log_parts {
    double first;        /* k ln 2 - log c + the high part of r: exact */
    double r, high, low; /* r rounded, and as two parts */
    double rest;         /* what `first` lacks */
} feat_log_parts;

/* Of the double with the bits `bits`; its exponent may be below that of doubles. *scale is c / 2^k, for k < 1023. */
FEAT_CORE feat_log_parts feat_log_reduce(uint64_t bits, double *scale) {
    uint64_t from_start = bits - FEAT_LOG_START + (UINT64_C(1) << 63); /* k + 2048 above, the cell below it */
    uint64_t j = (from_start >> 45) % FEAT_ELEMENTARY_CELLS;
    uint64_t k = from_start >> 52;
    double exponent = feat_double_of_bits(k | UINT64_C(0x4330000000000000)) - (0x1p52 + 2048.0);
    uint64_t z_bits = bits - (k << 52) + (UINT64_C(1) << 63);
    double c = feat_log_inverse[j];
    double z = feat_double_of_bits(z_bits);
    double z_high = feat_double_of_bits((z_bits + (UINT64_C(1) << 27)) & ~((UINT64_C(1) << 28) - 1));
    feat_log_parts p;
    p.high = z_high * c - 1.0;
    p.low = (z - z_high) * c;
    *scale = feat_double_of_bits((UINT64_C(2048 + 1023) - k) << 52) * c;
    p.r = p.high + p.low;
    p.first = (exponent * FEAT_LN2_HIGH + feat_log_high[j]) + p.high;
    p.rest = exponent * FEAT_LN2_LOW + feat_log_low[j];
    return p;
}

FEAT_CORE double feat_log_finish(feat_log_parts p) {
    double square = p.r * p.r;
    double curve = square * ((p.r * (FEAT_LOG_C3 + p.r * FEAT_LOG_C4) - 0.5) +
                             (square * p.r) * ((FEAT_LOG_C5 + p.r * FEAT_LOG_C6) + square * FEAT_LOG_C7));
    feat_dd sum = feat_dd_fast(p.first, p.low);
    return sum.hi + (curve + (p.rest + sum.lo));
}

/* All but the positive and normal. */
FEAT_CORE uint64_t feat_log_special(double x) {
    return feat_at_least(feat_double_bits(x) - FEAT_LEAST_NORMAL, FEAT_INFINITY_BITS - FEAT_LEAST_NORMAL);
}
FEAT_CORE double feat_log_bits(uint64_t bits) {
    double scale;
    return feat_log_finish(feat_log_reduce(bits, &scale));
}
FEAT_CORE double feat_log_core(double x) { return feat_log_bits(feat_double_bits(x)); }

/* To about 68 bits. */
FEAT_CORE feat_dd feat_log_dd(uint64_t bits) {
    double scale;
    feat_log_parts p = feat_log_reduce(bits, &scale);
    double r = p.r, square = r * r;
    double half = 0.5 * p.high * p.high; /* exact */
    double cubic = square * r *
                   ((FEAT_LOG_NEAR_C3 + r * FEAT_LOG_NEAR_C4) +
                    square * ((FEAT_LOG_NEAR_C5 + r * FEAT_LOG_NEAR_C6) +
                              square * ((FEAT_LOG_NEAR_C7 + r * FEAT_LOG_NEAR_C8) + square * FEAT_LOG_NEAR_C9)));
    feat_dd sum = feat_dd_fast(p.first, p.low);
    feat_dd more = feat_dd_fast(sum.hi, -half);
    double rest = (p.rest + (sum.lo + more.lo)) + (cubic - p.low * (p.high + 0.5 * p.low));
    return feat_dd_fast(more.hi, rest);
}

/* a times the constant high + low, where high has 26 bits. */
FEAT_CORE double feat_dd_times(feat_dd a, double high, double low) {
    double a_high = feat_upper_half(a.hi);
    return a_high * high + (a.hi * low + ((a.hi - a_high) + a.lo) * high);
}

FEAT_CORE double feat_log2_bits(uint64_t bits) {
    return feat_dd_times(feat_log_dd(bits), FEAT_LOG2E_HIGH, FEAT_LOG2E_LOW);
}
FEAT_CORE double feat_log10_bits(uint64_t bits) {
    return feat_dd_times(feat_log_dd(bits), FEAT_LOG10E_HIGH, FEAT_LOG10E_LOW);
}
FEAT_CORE uint64_t feat_log2_special(double x) { return feat_log_special(x); }
FEAT_CORE double feat_log2_core(double x) { return feat_log2_bits(feat_double_bits(x)); }
FEAT_CORE uint64_t feat_log10_special(double x) { return feat_log_special(x); }
FEAT_CORE double feat_log10_core(double x) { return feat_log10_bits(feat_double_bits(x)); }

/* All but what lies above -1 and below 2^1000. */
FEAT_CORE uint64_t feat_log1p_special(double x) {
    const uint64_t one = UINT64_C(0x3ff0000000000000), large = UINT64_C(0x7e70000000000000);
    uint64_t bits = feat_double_bits(x), negative = UINT64_C(0) - (bits >> 63);
    return feat_at_least(feat_magnitude_bits(x) + (negative & (large - one)), large);
}
/* 1 + x is rounded, and what that lost joins the low part of r. */
FEAT_CORE double feat_log1p_core(double x) {
    feat_dd sum = feat_dd_sum(1.0, x);
    double scale;
    feat_log_parts p = feat_log_reduce(feat_double_bits(sum.hi), &scale);
    p.low += sum.lo * scale;
    p.r = p.high + p.low;
    return feat_with_sign(feat_log_finish(p), x);
}

/* All but what lies between 2^-1000 and 1. */
FEAT_CORE uint64_t feat_logit_special(double x) {
    const uint64_t one = UINT64_C(0x3ff0000000000000), small = UINT64_C(0x0170000000000000);
    return feat_at_least(feat_double_bits(x) - small, one - small);
}
/* log(x / (1 - x)); from 1/4 on as log(1 + (2 x - 1) / (1 - x)), so that nothing cancels about 1/2. */
FEAT_CORE double feat_logit_core(double x) {
    double one = x < 0.25 ? 0.0 : 1.0;
    feat_dd above = feat_dd_fast(-one, x < 0.25 ? x : 2.0 * x);
    feat_dd q = feat_dd_quotient(above, feat_dd_fast(1.0, -x));
    q = feat_dd_fast(q.hi, q.lo);
    feat_dd sum = feat_dd_sum(one, q.hi);
    double scale;
    feat_log_parts p = feat_log_reduce(feat_double_bits(sum.hi), &scale);
    feat_dd low = feat_dd_sum(p.low, (sum.lo + q.lo) * scale);
    p.low = low.hi;
    p.rest += low.lo;
    p.r = p.high + p.low;
    return feat_log_finish(p);
}

/* ---- powers: x^y = e^(y log x) ---- */

/* y log x as a part with 52 bits and the rest, below 2^-25 of it or so. y is finite. */
FEAT_CORE feat_dd feat_pow_exponent(uint64_t x_bits, double y) {
    feat_dd l = feat_log_dd(x_bits);
    double y_high = feat_upper_half(y), l_high = feat_upper_half(l.hi);
    return (feat_dd){y_high * l_high, (y_high * (l.hi - l_high) + (y - y_high) * l.hi) + y * l.lo};
}

/* x positive and normal. Right where feat_pow_special says nothing about the exponent that comes out. */
FEAT_CORE uint64_t feat_pow_special(double x, double exponent) {
    return feat_log_special(x) | feat_exp_special(exponent);
}
FEAT_CORE double feat_pow_core(double x, double y, double *exponent) {
    feat_dd p = feat_pow_exponent(feat_double_bits(x), y);
    *exponent = p.hi;
    feat_exp_parts e = feat_exp_reduce(p.hi);
    feat_dd m = feat_exp_mantissa(e, e.r + p.lo);
    return feat_exp_scaled(m.hi + m.lo, e.n);
}

#endif
