#include "math/exact_round.h"

/* Rounds (top + e) * 2^exponent, where bit 63 of `top` is set and e is 0, or with `sticky` some value in (0, 2). */
static double round_top(bool negative, uint64_t top, bool sticky, int exponent) {
    /* Far from overflow and subnormals the conversion from int64 rounds for us: a lowest bit that is set for whatever
     * was cut off below it ("round to odd") decides as the whole number would. */
    if (feat_scales_exactly(exponent)) {
        double value = (double)(int64_t)(top >> 1 | (top & 1) | (uint64_t)sticky) * feat_power_of_two(exponent + 1);
        return negative ? -value : value;
    }
    int leading = exponent + 63;
    if (leading > 1023) return feat_infinity_of(negative);
    uint64_t sign = (uint64_t)negative << 63, field = 0;
    int drop = 11;
    if (leading >= -1022) field = (uint64_t)(leading + 1022);
    else drop += -1022 - leading;
    if (drop > 64) return feat_double_of_bits(sign); /* under half of the smallest subnormal */
    uint64_t kept = drop == 64 ? 0 : top >> drop, rest = top << (64 - drop);
    uint64_t half = UINT64_C(1) << 63;
    kept += rest > half || (rest == half && (sticky || (kept & 1)));
    /* The hidden bit of `kept` adds 1 to the exponent field, and a carry out of the mantissa does so too. */
    return feat_double_of_bits(sign | ((field << 52) + kept));
}

double feat_round_magnitude(bool negative, feat_uint128 magnitude, bool sticky, int exponent) {
    if (magnitude == 0) return 0.0;
    int shift = feat_leading_zeros(magnitude);
    magnitude <<= shift;
    return round_top(negative, (uint64_t)(magnitude >> 64), sticky || (uint64_t)magnitude != 0, exponent - shift + 64);
}

/* The quotient is taken with the divisor's leading bit at 63 and the dividend's at 126: 63 or 64 bits in one division
 * of 128 by 64, and what is cut off from the dividend cannot change its whole part. */
double feat_round_quotient(bool negative, feat_uint128 magnitude, bool sticky, int exponent, int64_t n) {
    if (magnitude == 0) return 0.0;
    int up = feat_leading_zeros(magnitude), divisor_up = __builtin_clzll((uint64_t)n);
    magnitude <<= up;
    sticky = sticky || (magnitude & 1);
    magnitude >>= 1;
    uint64_t divisor = (uint64_t)n << divisor_up;
    uint64_t quotient = (uint64_t)(magnitude / divisor);
    sticky = sticky || (uint64_t)magnitude != quotient * divisor; /* the remainder, which fits 64 bits */
    int fill = __builtin_clzll(quotient);
    return round_top(negative, quotient << fill, sticky, exponent - up + 1 + divisor_up - fill);
}
