/* Square roots in two parts, hypotenuse and cube root where nothing is special, in the manner of trigonometry_core.h.
 */
#ifndef FEAT_LIB_MATH_ROOT_CORE_H
#define FEAT_LIB_MATH_ROOT_CORE_H

#include "math/elementary_core.h"
#include "math/trigonometry_table.h"

#if FEAT_F_LANES == 1
FEAT_CORE double feat_root(double x) { return __builtin_sqrt(x); }
#endif

/* a b and x^2 to all bits but the last or so of twice as many as a double has (Dekker). */
FEAT_CORE feat_dd feat_dd_product(FEAT_F a, FEAT_F b) {
    FEAT_F product = a * b;
    FEAT_F a_high = feat_upper_half(a), a_low = a - a_high;
    FEAT_F b_high = feat_upper_half(b), b_low = b - b_high;
    return (feat_dd){product, ((a_high * b_high - product) + (a_high * b_low + a_low * b_high)) + a_low * b_low};
}
FEAT_CORE feat_dd feat_dd_square(FEAT_F x) {
    FEAT_F square = x * x;
    FEAT_F high = feat_upper_half(x), low = x - high;
    return (feat_dd){square, ((high * high - square) + 2.0 * (high * low)) + low * low};
}

/* The root of a positive number: that of its first part, and one step of Newton's. */
FEAT_CORE feat_dd feat_dd_root(feat_dd x) {
    FEAT_F root = feat_root(x.hi);
    feat_dd square = feat_dd_square(root);
    return (feat_dd){root, (((x.hi - square.hi) - square.lo) + x.lo) / (2.0 * root)};
}

/* In two parts. Special unless the greater is between 2^-400 and 2^500. */
FEAT_CORE feat_dd feat_hypot_dd(FEAT_F x, FEAT_F y, FEAT_U *special) {
    const uint64_t least = UINT64_C(0x26f0000000000000), most = UINT64_C(0x5f30000000000000);
    FEAT_U x_bits = feat_magnitude_bits(x), y_bits = feat_magnitude_bits(y);
    FEAT_U less = (FEAT_U){0} - ((x_bits - y_bits) >> 63);
    FEAT_U great = (x_bits & ~less) | (y_bits & less), small = (x_bits & less) | (y_bits & ~less);
    *special = feat_at_least(great - least, most - least);
    feat_dd a = feat_dd_square(feat_of_bits(great)), b = feat_dd_square(feat_of_bits(small));
    feat_dd sum = feat_dd_fast(a.hi, b.hi);
    sum.lo += a.lo + b.lo;
    return feat_dd_root(sum);
}
FEAT_CORE FEAT_F feat_hypot_core(FEAT_F x, FEAT_F y, FEAT_U *special) {
    feat_dd root = feat_hypot_dd(x, y, special);
    return root.hi + root.lo;
}

/* x = 2^(3 k) z with 1/2 <= z < 4. A polynomial and a step of third order give z^(-1/3) and so y, the root cut to 26
 * bits; z - y^3 is exact, and its share is added: with d = (z - y^3) / z the root is y (1 - d)^(-1/3). */
FEAT_CORE FEAT_F feat_cbrt_core(FEAT_F x, FEAT_U *special) {
    FEAT_U bits = feat_magnitude_bits(x);
    *special = feat_at_least(bits - FEAT_LEAST_NORMAL, FEAT_INFINITY_BITS - FEAT_LEAST_NORMAL);
    FEAT_F exponent = feat_of_bits((bits >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0);
    FEAT_F shifted = exponent * (1.0 / 3.0) + FEAT_WHOLE_SHIFT;
    FEAT_F left = exponent - 3.0 * (shifted - FEAT_WHOLE_SHIFT); /* -1, 0 or 1 */
    FEAT_U below = feat_negative(left + 0.5), above = feat_negative(0.5 - left);
    FEAT_F z = feat_of_bits((bits & (FEAT_LEAST_NORMAL - 1)) | UINT64_C(0x3ff0000000000000));
    FEAT_F t = z - 1.5;
    FEAT_F r = FEAT_CBRT_C0 + t * (FEAT_CBRT_C1 + t * (FEAT_CBRT_C2 + t * (FEAT_CBRT_C3 + t * FEAT_CBRT_C4)));
    const FEAT_F one = feat_all(1.0);
    z = z * feat_choose(below, feat_all(0.5), feat_choose(above, feat_all(2.0), one));
    r = r * feat_choose(below, feat_all(FEAT_CBRT_TWO), feat_choose(above, feat_all(FEAT_CBRT_HALF), one));
    FEAT_F h = 1.0 - z * (r * r * r);
    r = r + r * (h * (1.0 / 3.0 + h * (2.0 / 9.0)));
    FEAT_F y = feat_upper_half(z * (r * r));
    FEAT_F square = y * y; /* exact, as are both products with y */
    FEAT_F square_high = feat_upper_half(square);
    FEAT_F d = ((z - square_high * y) - (square - square_high) * y) / z;
    FEAT_F root = y + y * (d * (1.0 / 3.0 + d * (2.0 / 9.0)));
    return feat_with_sign(root * feat_of_bits((feat_to_bits(shifted) + 1023) << 52), x);
}

#endif
