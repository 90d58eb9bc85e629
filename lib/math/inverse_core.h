/* Inverse trigonometric functions, and the inverses of the hyperbolic ones,
 * where nothing is special, in the manner of trigonometry_core.h.
 *
 * The angle of a point is atan c + atan((a - c b) / (b + c a)) for a <= b,
 * where c is the sixteenth next to a / b, so that the second is below 1/32. The
 * arc sine is a polynomial up to 1/2, and pi / 2 - 2 asin(sqrt((1 - x) / 2))
 * beyond. */
#ifndef FEAT_LIB_MATH_INVERSE_CORE_H
#define FEAT_LIB_MATH_INVERSE_CORE_H

#include "math/elementary_core.h"
#include "math/root_core.h"
#include "math/trigonometry_core.h"

#ifndef FEAT_ATAN_LOOKUP
#define FEAT_ATAN_LOOKUP(table, j) (table)[j]
#endif

#define FEAT_ONE_BITS UINT64_C(0x3ff0000000000000)

/* base + atan(a / b), or base - atan(a / b) where the sign of `minus` is set. 0
 * <= a <= b. */
FEAT_CORE FEAT_F feat_arc(feat_dd a, feat_dd b, feat_dd base, FEAT_U minus) {
    FEAT_F shifted = (a.hi / b.hi) * (double)FEAT_ATAN_STEPS + FEAT_WHOLE_SHIFT;
    FEAT_F c = (shifted - FEAT_WHOLE_SHIFT) * (1.0 / FEAT_ATAN_STEPS);
    FEAT_U j = feat_to_bits(shifted) & (FEAT_ATAN_CELLS - 1);
    FEAT_F a_high = feat_upper_half(a.hi), a_low = (a.hi - a_high) + a.lo;
    FEAT_F b_high = feat_upper_half(b.hi), b_low = b.hi - b_high;
    feat_dd above = feat_dd_sum(a.hi - c * b_high, -(c * b_low));
    above = feat_dd_fast(above.hi, above.lo + (a.lo - c * b.lo));
    feat_dd below = feat_dd_fast(b.hi, c * a_high);
    below = feat_dd_fast(below.hi, below.lo + (b.lo + c * a_low));
    feat_dd z = feat_dd_quotient(above, below);
    FEAT_F t = z.hi + z.lo, s = t * t;
    FEAT_F curve = (t * s) * ((FEAT_ATAN_C3 + s * FEAT_ATAN_C5) + (s * s) * (FEAT_ATAN_C7 + s * FEAT_ATAN_C9));
    /* The base is 0 or greater than the angle, that of the table 0 or greater
     * than the rest. */
    feat_dd first = feat_dd_fast(base.hi, feat_flipped(FEAT_ATAN_LOOKUP(feat_atan_high, j), minus));
    feat_dd second = feat_dd_fast(first.hi, feat_flipped(z.hi, minus));
    FEAT_F rest = feat_flipped((z.lo + curve) + FEAT_ATAN_LOOKUP(feat_atan_low, j), minus);
    return second.hi + (((first.lo + base.lo) + second.lo) + rest);
}

/* The angle of the point (x, y) in the first quadrant, or, where `left` is all
 * bits and not none, (-x, y). */
FEAT_CORE FEAT_F feat_angle(feat_dd y, feat_dd x, FEAT_U left) {
    FEAT_U steep = feat_negative(x.hi - y.hi);
    const FEAT_F zero = feat_all(0.0);
    feat_dd base = {
        feat_choose(steep, feat_all(FEAT_HALF_PI_HIGH), feat_choose(left, feat_all(FEAT_PI_HIGH), zero)),
        feat_choose(steep, feat_all(FEAT_HALF_PI_LOW), feat_choose(left, feat_all(FEAT_PI_LOW), zero)),
    };
    feat_dd a = {feat_choose(steep, x.hi, y.hi), feat_choose(steep, x.lo, y.lo)};
    feat_dd b = {feat_choose(steep, y.hi, x.hi), feat_choose(steep, y.lo, x.lo)};
    return feat_arc(a, b, base, steep ^ left);
}

FEAT_CORE feat_dd feat_dd_of(FEAT_F x) { return (feat_dd){x, feat_all(0.0)}; }

/* asin of a size below 1/2, else 2 asin(sqrt((1 - size) / 2)), which is what
 * lacks to pi / 2: in two parts. *small is all bits for the former. The first
 * two terms of the series are kept exactly, as in feat_circle. */
FEAT_CORE feat_dd feat_arc_sine(FEAT_F size, FEAT_U *small) {
    *small = feat_negative(size - 0.5);
    FEAT_F half = 0.5 * (1.0 - size); /* exact from 1/2 on */
    feat_dd root = feat_dd_root(feat_dd_of(half)), square = feat_dd_square(size);
    feat_dd z = {feat_choose(*small, size, root.hi), feat_choose(*small, feat_all(0.0), root.lo)};
    feat_dd s = {feat_choose(*small, square.hi, half), feat_choose(*small, square.lo, feat_all(0.0))};
    FEAT_F t = s.hi, tt = t * t, t4 = tt * tt;
    FEAT_F low = (FEAT_ASIN_C5 + t * FEAT_ASIN_C7) + tt * (FEAT_ASIN_C9 + t * FEAT_ASIN_C11);
    FEAT_F middle = (FEAT_ASIN_C13 + t * FEAT_ASIN_C15) + tt * (FEAT_ASIN_C17 + t * FEAT_ASIN_C19);
    FEAT_F high = (FEAT_ASIN_C21 + t * FEAT_ASIN_C23) + tt * (FEAT_ASIN_C25 + t * FEAT_ASIN_C27);
    FEAT_F tail = low + t4 * (middle + t4 * (high + t4 * (FEAT_ASIN_C29 + t * FEAT_ASIN_C31)));
    FEAT_F g = feat_upper_half(t * (1.0 / 6.0)), z_high = feat_upper_half(z.hi);
    FEAT_F g_rest = ((s.hi - 6.0 * g) + s.lo) * (1.0 / 6.0);
    feat_dd sum = feat_dd_fast(z.hi, z_high * g);
    FEAT_F rest = ((z.hi - z_high) * g + z.hi * g_rest) + (z.hi * tt) * tail;
    /* The derivative beside root.lo. */
    sum.lo += rest + (z.lo + 0.5 * t * z.lo);
    FEAT_F times = feat_choose(*small, feat_all(1.0), feat_all(2.0));
    return (feat_dd){sum.hi * times, sum.lo * times};
}

FEAT_CORE FEAT_F feat_asin_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    *special = feat_at_least(feat_to_bits(size), FEAT_ONE_BITS);
    FEAT_U small;
    feat_dd arc = feat_arc_sine(size, &small);
    FEAT_U flip = ~small;
    feat_dd sum =
        feat_dd_fast(feat_choose(small, feat_all(0.0), feat_all(FEAT_HALF_PI_HIGH)), feat_flipped(arc.hi, flip));
    FEAT_F low = feat_flipped(arc.lo, flip) + feat_choose(small, feat_all(0.0), feat_all(FEAT_HALF_PI_LOW));
    return feat_with_sign(sum.hi + (sum.lo + low), x);
}

/* A small x is taken from pi / 2; else the arc is that of x, or is taken from
 * pi. */
FEAT_CORE FEAT_F feat_acos_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    *special = feat_at_least(feat_to_bits(size), FEAT_ONE_BITS);
    FEAT_U small, left = feat_negative(x);
    feat_dd arc = feat_arc_sine(size, &small);
    FEAT_U flip = small ^ left;
    feat_dd base = {
        feat_choose(small, feat_all(FEAT_HALF_PI_HIGH), feat_choose(left, feat_all(FEAT_PI_HIGH), feat_all(0.0))),
        feat_choose(small, feat_all(FEAT_HALF_PI_LOW), feat_choose(left, feat_all(FEAT_PI_LOW), feat_all(0.0))),
    };
    feat_dd sum = feat_dd_fast(base.hi, feat_flipped(arc.hi, flip));
    return sum.hi + (sum.lo + (base.lo + feat_flipped(arc.lo, flip)));
}

/* Special from 2^400 on: then it is pi / 2. */
FEAT_CORE FEAT_F feat_atan_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    *special = feat_at_least(feat_to_bits(size), UINT64_C(0x58f0000000000000));
    return feat_with_sign(feat_angle(feat_dd_of(size), feat_dd_of(feat_all(1.0)), (FEAT_U){0}), x);
}

/* Special unless both are between 2^-400 and 2^400. */
FEAT_CORE FEAT_F feat_atan2_core(FEAT_F y, FEAT_F x, FEAT_U *special) {
    const uint64_t least = UINT64_C(0x26f0000000000000), most = UINT64_C(0x58f0000000000000);
    *special = feat_at_least(feat_magnitude_bits(x) - least, most - least) |
               feat_at_least(feat_magnitude_bits(y) - least, most - least);
    FEAT_F angle = feat_angle(feat_dd_of(feat_magnitude(y)), feat_dd_of(feat_magnitude(x)), feat_negative(x));
    return feat_with_sign(angle, y);
}

/* ---- logarithms: see elementary_core.h ---- */

/* log(1 + u), u >= 0. */
FEAT_CORE feat_dd feat_log1p_dd(feat_dd u) {
    feat_dd sum = feat_dd_sum(feat_all(1.0), u.hi);
    FEAT_F scale;
    feat_log_parts p = feat_log_reduce(feat_to_bits(sum.hi), &scale);
    feat_dd low = feat_dd_sum(p.low, sum.lo * scale);
    p.low = low.hi;
    p.rest += low.lo + u.lo * scale;
    p.r = p.high + p.low;
    return feat_log_finish(p);
}

/* log(1 + x + x^2 / (1 + sqrt(1 + x^2))); special from 2^500 on. */
FEAT_CORE FEAT_F feat_asinh_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    *special = feat_at_least(feat_to_bits(size), UINT64_C(0x5f30000000000000));
    feat_dd square = feat_dd_square(size), inside = feat_dd_sum(feat_all(1.0), square.hi);
    feat_dd root = feat_dd_root(feat_dd_fast(inside.hi, inside.lo + square.lo));
    feat_dd below = feat_dd_sum(feat_all(1.0), root.hi);
    feat_dd q = feat_dd_quotient(square, feat_dd_fast(below.hi, below.lo + root.lo));
    feat_dd u = feat_dd_sum(size, q.hi);
    feat_dd l = feat_log1p_dd(feat_dd_fast(u.hi, u.lo + q.lo));
    return feat_with_sign(l.hi + l.lo, x);
}

/* log(1 + t + sqrt(t (x + 1))) with t = x - 1; special unless above 1 and below
 * 2^500. */
FEAT_CORE FEAT_F feat_acosh_core(FEAT_F x, FEAT_U *special) {
    *special = feat_at_least(feat_to_bits(x) - (FEAT_ONE_BITS + 1), UINT64_C(0x5f30000000000000) - (FEAT_ONE_BITS + 1));
    feat_dd less = feat_dd_fast(x, feat_all(-1.0)), more = feat_dd_fast(x, feat_all(1.0));
    feat_dd product = feat_dd_product(less.hi, more.hi);
    product.lo += less.hi * more.lo + less.lo * more.hi;
    feat_dd root = feat_dd_root(feat_dd_fast(product.hi, product.lo));
    feat_dd u = feat_dd_sum(root.hi, less.hi);
    feat_dd l = feat_log1p_dd(feat_dd_fast(u.hi, u.lo + (root.lo + less.lo)));
    return l.hi + l.lo;
}

/* log(1 + 2 x / (1 - x)) / 2 */
FEAT_CORE FEAT_F feat_atanh_core(FEAT_F x, FEAT_U *special) {
    FEAT_F size = feat_magnitude(x);
    *special = feat_at_least(feat_to_bits(size), FEAT_ONE_BITS);
    feat_dd q = feat_dd_quotient(feat_dd_of(2.0 * size), feat_dd_fast(feat_all(1.0), -size));
    feat_dd l = feat_log1p_dd(feat_dd_fast(q.hi, q.lo));
    return feat_with_sign(0.5 * (l.hi + l.lo), x);
}

#endif
