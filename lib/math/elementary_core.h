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

#include <stdint.h>

#include "math/elementary_table.h"
#include "math/number.h"

#define FEAT_CORE static inline __attribute__((always_inline))

/* FEAT_F and FEAT_U are double and uint64_t, or what elementary_vector.h makes of them: vectors of eight. */
#ifndef FEAT_F
#define FEAT_F double
#define FEAT_U uint64_t

#define FEAT_EXP_LOOKUP(table, j) (table)[j]
#define FEAT_LOG_LOOKUP(table, j) (table)[j]

FEAT_CORE double feat_of_bits(uint64_t bits) { return feat_double_of_bits(bits); }
FEAT_CORE uint64_t feat_to_bits(double x) { return feat_double_bits(x); }
FEAT_CORE double feat_all(double x) { return x; }

/* Loops go through arrays in steps of FEAT_F_LANES. */
#define FEAT_F_LANES 1
FEAT_CORE double feat_load(const double *x) { return *x; }
FEAT_CORE void feat_store(double *out, double x) { *out = x; }
FEAT_CORE uint64_t feat_any(uint64_t word) { return word; }
FEAT_CORE void feat_store_words(uint64_t *out, uint64_t word) { *out = word; }
#endif

/* hi + lo, |lo| at most half a unit of hi's last place or not much more. */
typedef struct feat_dd {
    FEAT_F hi, lo;
} feat_dd;

/* a + b exactly, where |a| >= |b| or a is 0. */
FEAT_CORE feat_dd feat_dd_fast(FEAT_F a, FEAT_F b) {
    FEAT_F sum = a + b;
    return (feat_dd){sum, (a - sum) + b};
}

/* a + b exactly. */
FEAT_CORE feat_dd feat_dd_sum(FEAT_F a, FEAT_F b) {
    FEAT_F sum = a + b, taken = sum - a;
    return (feat_dd){sum, (a - (sum - taken)) + (b - taken)};
}

/* The upper 26 bits of a finite x; what is left of x has 27. */
FEAT_CORE FEAT_F feat_upper_half(FEAT_F x) { return feat_of_bits(feat_to_bits(x) & ~((UINT64_C(1) << 27) - 1)); }

/* All bits where the sign is set, else none; and a choice by such a mask. */
FEAT_CORE FEAT_U feat_negative(FEAT_F x) { return (FEAT_U){0} - (feat_to_bits(x) >> 63); }
FEAT_CORE FEAT_F feat_choose(FEAT_U mask, FEAT_F yes, FEAT_F no) {
    return feat_of_bits((feat_to_bits(yes) & mask) | (feat_to_bits(no) & ~mask));
}

FEAT_CORE FEAT_U feat_magnitude_bits(FEAT_F x) { return feat_to_bits(x) & (UINT64_MAX >> 1); }
FEAT_CORE FEAT_F feat_magnitude(FEAT_F x) { return feat_of_bits(feat_magnitude_bits(x)); }
FEAT_CORE FEAT_F feat_with_sign(FEAT_F magnitude, FEAT_F sign) {
    return feat_of_bits(feat_magnitude_bits(magnitude) | (feat_to_bits(sign) & UINT64_C(1) << 63));
}

/* Tests for special arguments answer with the highest bit of a word: baseline vector code has no comparison of 64-bit
 * integers. The limit is below 2^63. */
FEAT_CORE FEAT_U feat_at_least(FEAT_U bits, uint64_t limit) { return (limit - 1 - bits) | bits; }
#define FEAT_IS_SPECIAL(word) ((word) >> 63)

#define FEAT_INFINITY_BITS UINT64_C(0x7ff0000000000000)
#define FEAT_LEAST_NORMAL  UINT64_C(0x0010000000000000)

/* The nearest whole number to x, |x| < 2^51, as an integer in the low bits and as a double. */
#define FEAT_WHOLE_SHIFT 0x1.8p52

/* ---- exponentials ----
 * x = n ln 2 / 32 + r with |r| <= ln 2 / 64, n = 32 k + j, and e^x = 2^k 2^(j/32) e^r. */

#define FEAT_EXP_LIMIT                                                                                                 \
    UINT64_C(0x4086200000000000) /* 708: below it neither the result nor 2^k leaves the normal range */

typedef struct feat_exp_parts {
    FEAT_U n;          /* n in the low bits */
    FEAT_F r, r_error; /* r and what its rounding lost */
    FEAT_F high, low;  /* 2^(j/32): 26 bits and the rest */
} feat_exp_parts;

FEAT_CORE feat_exp_parts feat_exp_reduce(FEAT_F x) {
    FEAT_F shifted = x * FEAT_EXP_PER_STEP + FEAT_WHOLE_SHIFT;
    FEAT_F n = shifted - FEAT_WHOLE_SHIFT;
    feat_exp_parts e = {.n = feat_to_bits(shifted)};
    FEAT_F most = x - n * FEAT_EXP_STEP_HIGH; /* exact */
    FEAT_F rest = n * FEAT_EXP_STEP_LOW;
    e.r = most - rest;
    e.r_error = (most - e.r) - rest;
    FEAT_U j = e.n & (FEAT_EXP_CELLS - 1);
    e.high = FEAT_EXP_LOOKUP(feat_exp2_high, j);
    e.low = FEAT_EXP_LOOKUP(feat_exp2_low, j);
    return e;
}

/* k in the place of an exponent. */
FEAT_CORE FEAT_U feat_exp_shift(FEAT_U n) { return (n & ~(uint64_t)(FEAT_EXP_CELLS - 1)) << 47; }
/* x 2^k, where both are normal. */
FEAT_CORE FEAT_F feat_exp_scaled(FEAT_F x, FEAT_U n) { return feat_of_bits(feat_to_bits(x) + feat_exp_shift(n)); }

/* e^r - 1 - r, near enough beside 1. */
FEAT_CORE FEAT_F feat_exp_tail(FEAT_F r) {
    FEAT_F square = r * r;
    return square * (0.5 + r * ((FEAT_EXP_C3 + r * FEAT_EXP_C4) + square * (FEAT_EXP_C5 + r * FEAT_EXP_C6)));
}

/* The same, near enough beside r. */
FEAT_CORE FEAT_F feat_exp_tail_near(FEAT_F r) {
    FEAT_F square = r * r;
    return square * (0.5 + r * ((FEAT_EXP_NEAR_C3 + r * FEAT_EXP_NEAR_C4) +
                                square * ((FEAT_EXP_NEAR_C5 + r * FEAT_EXP_NEAR_C6) + square * FEAT_EXP_NEAR_C7)));
}

/* 2^(j/32) e^r: what 2^k is left out of. */
FEAT_CORE feat_dd feat_exp_mantissa(feat_exp_parts e, FEAT_F r) {
    FEAT_F grown = r + feat_exp_tail(r);
    return (feat_dd){e.high, e.low + (e.high + e.low) * grown};
}

FEAT_CORE FEAT_U feat_exp_special(FEAT_F x) { return feat_at_least(feat_magnitude_bits(x), FEAT_EXP_LIMIT); }
FEAT_CORE FEAT_F feat_exp_core(FEAT_F x) {
    feat_exp_parts e = feat_exp_reduce(x);
    feat_dd m = feat_exp_mantissa(e, e.r);
    return feat_exp_scaled(m.hi + m.lo, e.n);
}

/* The same of 2^x: r = x - n / 32 is exact. */
#define FEAT_EXP2_LIMIT UINT64_C(0x408fe00000000000) /* 1020 */

FEAT_CORE feat_dd feat_exp2_mantissa(FEAT_F x, FEAT_U *n) {
    FEAT_F shifted = x * (double)FEAT_EXP_CELLS + FEAT_WHOLE_SHIFT;
    *n = feat_to_bits(shifted);
    FEAT_F r = x - (shifted - FEAT_WHOLE_SHIFT) * (1.0 / FEAT_EXP_CELLS);
    FEAT_U j = *n & (FEAT_EXP_CELLS - 1);
    FEAT_F high = FEAT_EXP_LOOKUP(feat_exp2_high, j), low = FEAT_EXP_LOOKUP(feat_exp2_low, j);
    FEAT_F square = r * r;
    FEAT_F grown = r * ((FEAT_EXP2_C1 + r * FEAT_EXP2_C2) +
                        square * ((FEAT_EXP2_C3 + r * FEAT_EXP2_C4) + square * (FEAT_EXP2_C5 + r * FEAT_EXP2_C6)));
    return (feat_dd){high, low + (high + low) * grown};
}

FEAT_CORE FEAT_U feat_exp2_special(FEAT_F x) { return feat_at_least(feat_magnitude_bits(x), FEAT_EXP2_LIMIT); }
FEAT_CORE FEAT_F feat_exp2_core(FEAT_F x) {
    FEAT_U n;
    feat_dd m = feat_exp2_mantissa(x, &n);
    return feat_exp_scaled(m.hi + m.lo, n);
}

/* e^x as three parts, the first two exact, and 2^k in them: 2^k 2^(j/32) cut to 26 bits, times 1, times r cut to 26
 * bits, and all the rest. */
typedef struct feat_exp_terms {
    FEAT_F one, linear, rest;
} feat_exp_terms;

FEAT_CORE feat_exp_terms feat_exp_split(FEAT_F x) {
    feat_exp_parts e = feat_exp_reduce(x);
    FEAT_F scale = feat_of_bits(feat_exp_shift(e.n) + UINT64_C(0x3ff0000000000000));
    FEAT_F tail = feat_exp_tail_near(e.r);
    FEAT_F r_high = feat_upper_half(e.r);
    FEAT_F r_low = (e.r - r_high) + e.r_error;
    FEAT_F one = scale * e.high;
    FEAT_F rest = e.high * (r_low + tail) + (e.low + e.low * (e.r + tail));
    return (feat_exp_terms){one, one * r_high, scale * rest};
}

/* e^x - 1 with `a` the first term less 1. That term is 1 (and goes) or differs from 1 by more than the second. */
FEAT_CORE feat_dd feat_expm1_dd(feat_exp_terms t, feat_dd a) {
    feat_dd b = feat_dd_fast(a.hi, t.linear);
    return feat_dd_fast(b.hi, t.rest + (a.lo + b.lo));
}

FEAT_CORE FEAT_U feat_expm1_special(FEAT_F x) { return feat_exp_special(x); }
FEAT_CORE FEAT_F feat_expm1_core(FEAT_F x) {
    feat_exp_terms t = feat_exp_split(x);
    feat_dd m = feat_expm1_dd(t, feat_dd_sum(t.one, feat_all(-1.0)));
    return feat_with_sign(m.hi, x);
}

/* a / b as an exact head of 26 bits and the rest; a and b are normal. */
FEAT_CORE feat_dd feat_dd_quotient(feat_dd a, feat_dd b) {
    FEAT_F reciprocal = 1.0 / b.hi;
    FEAT_F head = feat_upper_half(a.hi * reciprocal);
    FEAT_F b_high = feat_upper_half(b.hi);
    FEAT_F left = (a.hi - head * b_high) - head * (b.hi - b_high); /* exact */
    return (feat_dd){head, (left + (a.lo - head * b.lo)) * reciprocal};
}

/* Half of e^|x| and of e^-|x| as it would be without r: U and V, each cut to 26 bits and the rest. Then
 * sinh |x| = (U - V) cosh r + (U + V) sinh r and cosh x = (U + V) cosh r + (U - V) sinh r. */
typedef struct feat_exp_pair {
    FEAT_F r, r_error;
    FEAT_F u_high, u_low, v_high, v_low;
    FEAT_F sine, cosine; /* sinh r - r, cosh r - 1 */
} feat_exp_pair;

FEAT_CORE feat_exp_pair feat_exp_both(FEAT_F x) {
    feat_exp_parts e = feat_exp_reduce(feat_magnitude(x));
    FEAT_U opposite = feat_to_bits(feat_all(2.0 * FEAT_WHOLE_SHIFT) - feat_of_bits(e.n)); /* -n in the low bits */
    FEAT_U j = opposite & (FEAT_EXP_CELLS - 1);
    FEAT_F u = feat_of_bits(feat_exp_shift(e.n) + UINT64_C(0x3fe0000000000000));
    FEAT_F v =
        feat_of_bits(feat_exp_shift(opposite) + UINT64_C(0x3fe0000000000000)); /* 0 where it would be subnormal */
    FEAT_F s = e.r * e.r;
    return (feat_exp_pair){
        .r = e.r,
        .r_error = e.r_error,
        .u_high = u * e.high,
        .u_low = u * e.low,
        .v_high = v * FEAT_EXP_LOOKUP(feat_exp2_high, j),
        .v_low = v * FEAT_EXP_LOOKUP(feat_exp2_low, j),
        .sine = (s * e.r) * ((FEAT_SINH_C3 + s * FEAT_SINH_C5) + (s * s) * FEAT_SINH_C7),
        .cosine = s * (0.5 + s * (FEAT_COSH_C4 + s * FEAT_COSH_C6)),
    };
}

FEAT_CORE FEAT_U feat_sinh_special(FEAT_F x) { return feat_exp_special(x); }
FEAT_CORE FEAT_F feat_sinh_core(FEAT_F x) {
    feat_exp_pair e = feat_exp_both(x);
    feat_dd minus = feat_dd_fast(e.u_high, -e.v_high), plus = feat_dd_fast(e.u_high, e.v_high);
    minus.lo += e.u_low - e.v_low;
    plus.lo += e.u_low + e.v_low;
    FEAT_F head = feat_upper_half(plus.hi), r_high = feat_upper_half(e.r);
    FEAT_F r_rest = (e.r - r_high) + e.r_error;
    feat_dd sum = feat_dd_fast(minus.hi, head * r_high); /* the first is 0 or greater */
    FEAT_F rest = (plus.hi + plus.lo) * e.sine + (minus.hi + minus.lo) * e.cosine;
    rest += head * r_rest + ((plus.hi - head) + plus.lo) * e.r;
    return feat_with_sign(sum.hi + ((sum.lo + minus.lo) + rest), x);
}

FEAT_CORE FEAT_U feat_cosh_special(FEAT_F x) { return feat_exp_special(x); }
FEAT_CORE FEAT_F feat_cosh_core(FEAT_F x) {
    feat_exp_pair e = feat_exp_both(x);
    feat_dd plus = feat_dd_fast(e.u_high, e.v_high);
    plus.lo += e.u_low + e.v_low;
    FEAT_F minus = (e.u_high - e.v_high) + (e.u_low - e.v_low);
    FEAT_F rest = (plus.hi + plus.lo) * e.cosine + minus * (e.r + e.sine);
    return plus.hi + (plus.lo + rest);
}

/* -t / (2 + t) with t = e^(-2|x|) - 1 */
#define FEAT_TANH_LIMIT UINT64_C(0x4076200000000000) /* 354 */

FEAT_CORE FEAT_U feat_tanh_special(FEAT_F x) { return feat_at_least(feat_magnitude_bits(x), FEAT_TANH_LIMIT); }
FEAT_CORE feat_dd feat_tanh_start(FEAT_F x) {
    feat_exp_terms e = feat_exp_split(-2.0 * feat_magnitude(x));
    return feat_expm1_dd(e, feat_dd_fast(feat_all(-1.0), e.one));
}
FEAT_CORE FEAT_F feat_tanh_finish(FEAT_F x, feat_dd t) {
    feat_dd below = feat_dd_fast(feat_all(2.0), t.hi);
    below.lo += t.lo;
    feat_dd q = feat_dd_quotient(t, below);
    return feat_with_sign(q.hi + q.lo, x);
}
FEAT_CORE FEAT_F feat_tanh_core(FEAT_F x) { return feat_tanh_finish(x, feat_tanh_start(x)); }

/* e / (1 + e) or 1 / (1 + e) with e = e^-|x| */
#define FEAT_SIGMOID_LIMIT UINT64_C(0x4082c00000000000) /* 600: no part of e is subnormal below it */

FEAT_CORE FEAT_U feat_sigmoid_special(FEAT_F x) { return feat_at_least(feat_magnitude_bits(x), FEAT_SIGMOID_LIMIT); }
FEAT_CORE feat_dd feat_sigmoid_start(FEAT_F x) {
    feat_exp_terms t = feat_exp_split(-feat_magnitude(x));
    feat_dd e = feat_dd_fast(t.one, t.linear);
    return feat_dd_fast(e.hi, e.lo + t.rest);
}
FEAT_CORE FEAT_F feat_sigmoid_finish(FEAT_F x, feat_dd e) {
    feat_dd below = feat_dd_fast(feat_all(1.0), e.hi);
    below.lo += e.lo;
    FEAT_U negative = feat_negative(x);
    feat_dd above = {feat_choose(negative, e.hi, feat_all(1.0)), feat_choose(negative, e.lo, feat_all(0.0))};
    feat_dd q = feat_dd_quotient(above, below);
    return q.hi + q.lo;
}
FEAT_CORE FEAT_F feat_sigmoid_core(FEAT_F x) { return feat_sigmoid_finish(x, feat_sigmoid_start(x)); }

/* ---- logarithms ----
 * x = 2^k z with z about 1, and log x = k ln 2 - log c + log(1 + r) with r = z c - 1, where c is about 1 / z and has 9
 * bits at most. r is exact in two parts: 26 bits of z times c, and the rest. The cell about 1 has c = 1, so that
 * nothing cancels there. */

#define FEAT_LOG_START UINT64_C(0x3fe8400000000000) /* where cell 0 begins: half a cell above 3/4 */

typedef struct feat_log_parts {
    FEAT_F first;        /* k ln 2 - log c + the high part of r: exact */
    FEAT_F r, high, low; /* r rounded, and as two parts */
    FEAT_F rest;         /* what `first` lacks */
} feat_log_parts;

/* Of the double with the bits `bits`; its exponent may be below that of doubles. *scale is c / 2^k, for k < 1023. */
FEAT_CORE feat_log_parts feat_log_reduce(FEAT_U bits, FEAT_F *scale) {
    FEAT_U from_start = bits + ((UINT64_C(1) << 63) - FEAT_LOG_START); /* k + 2048 above, the cell below it */
    FEAT_U j = (from_start >> 47) & (FEAT_LOG_CELLS - 1);
    FEAT_U k = from_start >> 52;
    FEAT_F exponent = feat_of_bits(k | UINT64_C(0x4330000000000000)) - (0x1p52 + 2048.0);
    FEAT_U z_bits = bits - (k << 52) + (UINT64_C(1) << 63);
    FEAT_F c = FEAT_LOG_LOOKUP(feat_log_inverse, j);
    FEAT_F z = feat_of_bits(z_bits);
    FEAT_F z_high = feat_of_bits((z_bits + (UINT64_C(1) << 27)) & ~((UINT64_C(1) << 28) - 1));
    feat_log_parts p;
    p.high = z_high * c - 1.0;
    p.low = (z - z_high) * c;
    *scale = feat_of_bits((UINT64_C(2048 + 1023) - k) << 52) * c;
    p.r = p.high + p.low;
    p.first = (exponent * FEAT_LN2_HIGH + FEAT_LOG_LOOKUP(feat_log_high, j)) + p.high;
    p.rest = exponent * FEAT_LN2_LOW + FEAT_LOG_LOOKUP(feat_log_low, j);
    return p;
}

/* In two parts, the second below 2^-7 of the first. */
FEAT_CORE feat_dd feat_log_finish(feat_log_parts p) {
    FEAT_F square = p.r * p.r;
    FEAT_F curve =
        (FEAT_LOG_C5 + p.r * FEAT_LOG_C6) + square * ((FEAT_LOG_C7 + p.r * FEAT_LOG_C8) + square * FEAT_LOG_C9);
    curve = square * ((p.r * (FEAT_LOG_C3 + p.r * FEAT_LOG_C4) - 0.5) + (square * p.r) * curve);
    feat_dd sum = feat_dd_fast(p.first, p.low);
    return (feat_dd){sum.hi, curve + (p.rest + sum.lo)};
}

/* All but the positive and normal. */
FEAT_CORE FEAT_U feat_log_special(FEAT_F x) {
    return feat_at_least(feat_to_bits(x) - FEAT_LEAST_NORMAL, FEAT_INFINITY_BITS - FEAT_LEAST_NORMAL);
}
FEAT_CORE FEAT_F feat_log_bits(FEAT_U bits) {
    FEAT_F scale;
    feat_dd l = feat_log_finish(feat_log_reduce(bits, &scale));
    return l.hi + l.lo;
}
FEAT_CORE FEAT_F feat_log_core(FEAT_F x) { return feat_log_bits(feat_to_bits(x)); }

/* In two parts, the second below 2^-13 of the first or so, to about 67 bits. */
FEAT_CORE feat_dd feat_log_near(feat_log_parts p) {
    FEAT_F r = p.r, square = r * r;
    FEAT_F half = 0.5 * p.high * p.high; /* exact */
    FEAT_F cubic = square * r *
                   ((FEAT_LOG_NEAR_C3 + r * FEAT_LOG_NEAR_C4) +
                    square * ((FEAT_LOG_NEAR_C5 + r * FEAT_LOG_NEAR_C6) +
                              square * ((FEAT_LOG_NEAR_C7 + r * FEAT_LOG_NEAR_C8) +
                                        square * (FEAT_LOG_NEAR_C9 + r * FEAT_LOG_NEAR_C10))));
    feat_dd sum = feat_dd_fast(p.first, p.low);
    feat_dd more = feat_dd_fast(sum.hi, -half);
    return (feat_dd){more.hi, (p.rest + (sum.lo + more.lo)) + (cubic - p.low * (p.high + 0.5 * p.low))};
}

/* log x times the constant high + low, where high has 26 bits. */
FEAT_CORE FEAT_F feat_log_times(FEAT_U bits, double high, double low) {
    FEAT_F scale;
    feat_dd l = feat_log_finish(feat_log_reduce(bits, &scale));
    l = feat_dd_fast(l.hi, l.lo);
    FEAT_F head = feat_upper_half(l.hi);
    return head * high + (l.hi * low + ((l.hi - head) + l.lo) * high);
}

FEAT_CORE FEAT_F feat_log2_bits(FEAT_U bits) { return feat_log_times(bits, FEAT_LOG2E_HIGH, FEAT_LOG2E_LOW); }
FEAT_CORE FEAT_F feat_log10_bits(FEAT_U bits) { return feat_log_times(bits, FEAT_LOG10E_HIGH, FEAT_LOG10E_LOW); }
FEAT_CORE FEAT_U feat_log2_special(FEAT_F x) { return feat_log_special(x); }
FEAT_CORE FEAT_F feat_log2_core(FEAT_F x) { return feat_log2_bits(feat_to_bits(x)); }
FEAT_CORE FEAT_U feat_log10_special(FEAT_F x) { return feat_log_special(x); }
FEAT_CORE FEAT_F feat_log10_core(FEAT_F x) { return feat_log10_bits(feat_to_bits(x)); }

/* All but what lies above -1 and below 2^1000. */
FEAT_CORE FEAT_U feat_log1p_special(FEAT_F x) {
    const uint64_t one = UINT64_C(0x3ff0000000000000), large = UINT64_C(0x7e70000000000000);
    return feat_at_least(feat_magnitude_bits(x) + (feat_negative(x) & (large - one)), large);
}
/* 1 + x is rounded, and what that lost joins the low part of r. */
FEAT_CORE FEAT_F feat_log1p_core(FEAT_F x) {
    feat_dd sum = feat_dd_sum(feat_all(1.0), x);
    FEAT_F scale;
    feat_log_parts p = feat_log_reduce(feat_to_bits(sum.hi), &scale);
    p.low += sum.lo * scale;
    p.r = p.high + p.low;
    feat_dd l = feat_log_finish(p);
    return feat_with_sign(l.hi + l.lo, x);
}

/* All but what lies between 2^-1000 and 1. */
FEAT_CORE FEAT_U feat_logit_special(FEAT_F x) {
    const uint64_t one = UINT64_C(0x3ff0000000000000), small = UINT64_C(0x0170000000000000);
    return feat_at_least(feat_to_bits(x) - small, one - small);
}
/* log(x / (1 - x)); from 1/4 on as log(1 + (2 x - 1) / (1 - x)), so that nothing cancels about 1/2. */
FEAT_CORE FEAT_F feat_logit_core(FEAT_F x) {
    FEAT_U small = feat_negative(x - 0.25);
    FEAT_F one = feat_choose(small, feat_all(0.0), feat_all(1.0));
    feat_dd above = feat_dd_fast(-one, feat_choose(small, x, 2.0 * x));
    feat_dd q = feat_dd_quotient(above, feat_dd_fast(feat_all(1.0), -x));
    q = feat_dd_fast(q.hi, q.lo);
    feat_dd sum = feat_dd_sum(one, q.hi);
    FEAT_F scale;
    feat_log_parts p = feat_log_reduce(feat_to_bits(sum.hi), &scale);
    feat_dd low = feat_dd_sum(p.low, (sum.lo + q.lo) * scale);
    p.low = low.hi;
    p.rest += low.lo;
    p.r = p.high + p.low;
    feat_dd l = feat_log_finish(p);
    return l.hi + l.lo;
}

/* log x / log base */
FEAT_CORE feat_dd feat_log_base_bits(FEAT_U base, FEAT_U x, FEAT_U *zero) {
    FEAT_F scale;
    feat_dd above = feat_log_finish(feat_log_reduce(x, &scale));
    feat_dd below = feat_log_finish(feat_log_reduce(base, &scale));
    *zero = (feat_magnitude_bits(above.hi) - 1) | (feat_magnitude_bits(below.hi) - 1);
    return feat_dd_quotient(feat_dd_fast(above.hi, above.lo), feat_dd_fast(below.hi, below.lo));
}
/* Special are what is special to the logarithm, and 1. */
FEAT_CORE FEAT_F feat_log_base_core(FEAT_F base, FEAT_F x, FEAT_U *special) {
    feat_dd q = feat_log_base_bits(feat_to_bits(base), feat_to_bits(x), special);
    *special |= feat_log_special(base) | feat_log_special(x);
    return q.hi + q.lo;
}

/* ---- powers: x^y = e^(y log x) ---- */

/* y log x as a part with 52 bits and the rest, below 2^-24 of it. y is finite. */
FEAT_CORE feat_dd feat_pow_exponent(FEAT_U x_bits, FEAT_F y) {
    FEAT_F scale;
    feat_dd l = feat_log_near(feat_log_reduce(x_bits, &scale));
    FEAT_F l_high = feat_upper_half(l.hi + l.lo), y_high = feat_upper_half(y);
    FEAT_F l_rest = (l.hi - l_high) + l.lo;
    return (feat_dd){y_high * l_high, (y - y_high) * l_high + y * l_rest};
}

/* e^p.hi e^p.lo, where nothing leaves the normal range. */
FEAT_CORE FEAT_F feat_pow_finish(feat_dd p) {
    feat_exp_parts e = feat_exp_reduce(p.hi);
    feat_dd m = feat_exp_mantissa(e, e.r + p.lo);
    return feat_exp_scaled(m.hi + m.lo, e.n);
}

/* What is special to the logarithm of x, and where the result may leave the normal range. */
FEAT_CORE FEAT_U feat_pow_special(FEAT_F x, feat_dd p) { return feat_log_special(x) | feat_exp_special(p.hi); }

#endif
