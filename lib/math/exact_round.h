/* The one place that rounds exact sums to doubles. */
#ifndef FEAT_LIB_EXACT_ROUND_H
#define FEAT_LIB_EXACT_ROUND_H

#include "math/exact.h"
#include "math/number.h"

static inline double feat_infinity_of(bool negative) {
    return feat_double_of_bits((uint64_t)negative << 63 | UINT64_C(0x7ff0000000000000));
}

/* 2^exponent, for exponents of normal numbers. */
static inline double feat_power_of_two(int exponent) { return feat_double_of_bits((uint64_t)(exponent + 1023) << 52); }

/* Exponents at which a 128-bit integer or its quotient by a 63-bit one is far from overflow and from the subnormals, so
 * that scaling is exact. */
static inline bool feat_scales_exactly(int exponent) { return exponent >= -800 && exponent <= 800; }

static inline feat_uint128 feat_magnitude_of(feat_int128 x) { return x < 0 ? -(feat_uint128)x : (feat_uint128)x; }

static inline int feat_leading_zeros(feat_uint128 x) {
    uint64_t high = (uint64_t)(x >> 64);
    return high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)x);
}

/* Rounds (magnitude + e) * 2^exponent; `sticky` (e is not 0) only with bit 127 of `magnitude` set, or for e below one
 * unit of its 64 leading bits. */
double feat_round_magnitude(bool negative, feat_uint128 magnitude, bool sticky, int exponent);
/* Rounds (magnitude + e) * 2^exponent / n, where 0 <= e < 1, and e > 0 (`sticky`) only with bit 127 of `magnitude`
 * set. */
double feat_round_quotient(bool negative, feat_uint128 magnitude, bool sticky, int exponent, int64_t n);

#endif
