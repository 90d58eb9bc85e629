/* Sine, cosine and tangent where nothing is special, in the manner of elementary_core.h: no branch, one source for a
 * value and for vectors. Each core also says in the highest bit of *special that its result does not count and
 * trigonometry.c must find another way.
 *
 * x = n pi / 2 + r with |r| <= pi / 4, pi / 2 in three parts (W. J. Cody and W. Waite, Software manual for the
 * elementary functions, 1980). Sine and cosine of r are one polynomial whose coefficients are chosen by the lowest bit
 * of n; its first two terms are kept exactly, so that only the last addition rounds to speak of. */
#ifndef FEAT_LIB_MATH_TRIGONOMETRY_CORE_H
#define FEAT_LIB_MATH_TRIGONOMETRY_CORE_H

#include "math/elementary_core.h"
#include "math/trigonometry_table.h"

#define FEAT_SIGN_BIT (UINT64_C(1) << 63)

/* Multiples of pi / 2, and what is left: hi + lo. */
typedef struct feat_quarters {
    FEAT_U n; /* in the low bits */
    feat_dd r;
} feat_quarters;

/* 2^20: n has 20 bits */
#define FEAT_QUARTERS_LIMIT UINT64_C(0x4130000000000000)

/* Of a positive x. Special are large ones and the few whose distance from a multiple is below 2^-60 of them: the third
 * part does not reach far enough for those. */
FEAT_CORE feat_quarters feat_quarters_of(FEAT_F size, FEAT_U *special) {
    FEAT_F shifted = size * FEAT_TWO_OVER_PI + FEAT_WHOLE_SHIFT;
    FEAT_F n = shifted - FEAT_WHOLE_SHIFT;
    FEAT_F near = size - n * FEAT_QUARTER_1; /* exact */
    feat_dd r = feat_dd_sum(near, -(n * FEAT_QUARTER_2));
    r = feat_dd_fast(r.hi, r.lo - n * FEAT_QUARTER_3);
    *special =
        feat_at_least(feat_to_bits(size), FEAT_QUARTERS_LIMIT) | feat_to_bits(feat_magnitude(r.hi) - size * 0x1p-60);
    return (feat_quarters){feat_to_bits(shifted), r};
}

/* The numbers of the cosine where `odd` is set, else those of the sine: the factor of r^2 or r^3, its inverse, and the
 * other's factor; then the coefficients. */
#ifndef FEAT_CIRCLE_PICK
#define FEAT_CIRCLE_PICK(odd, name) feat_choose(odd, feat_all(FEAT_COSINE_##name), feat_all(FEAT_SINE_##name))
#define FEAT_SINE_factor            (1.0 / 6.0)
#define FEAT_SINE_inverse           6.0
#define FEAT_SINE_other             0.5
#define FEAT_SINE_c0                FEAT_SIN_C5
#define FEAT_SINE_c1                FEAT_SIN_C7
#define FEAT_SINE_c2                FEAT_SIN_C9
#define FEAT_SINE_c3                FEAT_SIN_C11
#define FEAT_SINE_c4                FEAT_SIN_C13
#define FEAT_SINE_c5                FEAT_SIN_C15
#define FEAT_COSINE_factor          0.5
#define FEAT_COSINE_inverse         2.0
#define FEAT_COSINE_other           (1.0 / 6.0)
#define FEAT_COSINE_c0              FEAT_COS_C4
#define FEAT_COSINE_c1              FEAT_COS_C6
#define FEAT_COSINE_c2              FEAT_COS_C8
#define FEAT_COSINE_c3              FEAT_COS_C10
#define FEAT_COSINE_c4              FEAT_COS_C12
#define FEAT_COSINE_c5              FEAT_COS_C14
#endif

/* cos r where `odd` is set, else sin r; the second part is below 2^-4 of the first or so. */
FEAT_CORE feat_dd feat_circle(feat_dd r, FEAT_U odd) {
    const FEAT_F one = feat_all(1.0), factor = FEAT_CIRCLE_PICK(odd, factor);
    FEAT_F s = r.hi * r.hi;
    FEAT_F high = feat_upper_half(r.hi), low = r.hi - high;
    /* g is s / 6 or s / 2 cut to 26 bits; what it lacks is found from s in two parts. */
    FEAT_F g = feat_upper_half(s * factor);
    FEAT_F g_rest = ((high * high - FEAT_CIRCLE_PICK(odd, inverse) * g) + low * (r.hi + high)) * factor;
    FEAT_F m = feat_choose(odd, one, r.hi), m_high = feat_choose(odd, one, high), m_low = m - m_high;
    feat_dd sum = feat_dd_fast(m, -(m_high * g)); /* exact */
    FEAT_F square = s * s;
    FEAT_F tail = (FEAT_CIRCLE_PICK(odd, c0) + s * FEAT_CIRCLE_PICK(odd, c1)) +
                  square * ((FEAT_CIRCLE_PICK(odd, c2) + s * FEAT_CIRCLE_PICK(odd, c3)) +
                            square * (FEAT_CIRCLE_PICK(odd, c4) + s * FEAT_CIRCLE_PICK(odd, c5)));
    /* What r.lo adds: times the derivative. */
    FEAT_F more = feat_choose(odd, -(r.hi * r.lo), r.lo) * (one - s * FEAT_CIRCLE_PICK(odd, other));
    FEAT_F rest = (m * square) * tail - (m_low * g + m * g_rest);
    return (feat_dd){sum.hi, sum.lo + (rest + more)};
}

/* All bits where bit 0 of n is set, else none; and bit 1 of n in the place of a sign. */
FEAT_CORE FEAT_U feat_is_odd(FEAT_U n) { return (FEAT_U){0} - (n & 1); }
FEAT_CORE FEAT_U feat_half_turns(FEAT_U n) { return (n >> 1) << 63; }

FEAT_CORE FEAT_F feat_flipped(FEAT_F x, FEAT_U sign) { return feat_of_bits(feat_to_bits(x) ^ (sign & FEAT_SIGN_BIT)); }

FEAT_CORE FEAT_F feat_sin_of(feat_quarters q) {
    feat_dd y = feat_circle(q.r, feat_is_odd(q.n));
    return feat_flipped(y.hi + y.lo, feat_half_turns(q.n));
}
FEAT_CORE FEAT_F feat_sin_core(FEAT_F x, FEAT_U *special) {
    return feat_flipped(feat_sin_of(feat_quarters_of(feat_magnitude(x), special)), feat_to_bits(x));
}

FEAT_CORE FEAT_F feat_cos_of(feat_quarters q) {
    q.n += 1;
    return feat_sin_of(q);
}
FEAT_CORE FEAT_F feat_cos_core(FEAT_F x, FEAT_U *special) {
    return feat_cos_of(feat_quarters_of(feat_magnitude(x), special));
}

/* The quotient of both; `odd` turns it around. */
FEAT_CORE FEAT_F feat_tan_of(feat_quarters q, FEAT_U odd) {
    feat_dd sine = feat_circle(q.r, (FEAT_U){0}), cosine = feat_circle(q.r, ~(FEAT_U){0});
    sine = feat_dd_fast(sine.hi, sine.lo);
    cosine = feat_dd_fast(cosine.hi, cosine.lo);
    feat_dd above = {feat_choose(odd, cosine.hi, sine.hi), feat_choose(odd, cosine.lo, sine.lo)};
    feat_dd below = {feat_choose(odd, sine.hi, cosine.hi), feat_choose(odd, sine.lo, cosine.lo)};
    feat_dd y = feat_dd_quotient(above, below);
    return y.hi + y.lo;
}
FEAT_CORE FEAT_F feat_tan_core(FEAT_F x, FEAT_U *special) {
    feat_quarters q = feat_quarters_of(feat_magnitude(x), special);
    FEAT_U odd = feat_is_odd(q.n);
    return feat_flipped(feat_tan_of(q, odd), feat_to_bits(x) ^ odd);
}
/* Below 2^-900 the reciprocal of x, or a part of it, is not normal. */
FEAT_CORE FEAT_F feat_cot_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    feat_quarters q = feat_quarters_of(size, special);
    *special |= feat_to_bits(size - 0x1p-900);
    FEAT_U even = ~feat_is_odd(q.n);
    return feat_flipped(feat_tan_of(q, even), feat_to_bits(x) ^ ~even);
}

#endif
