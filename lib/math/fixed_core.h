/* Rounding a 128-bit sum, or its quotient, with a few operations on doubles: the same for one sum and for lanes of
 * them.
 *
 * A sum s of less than 2^104 in magnitude is h + l, both doubles, exactly: it is cut into 64 high, 32 middle and 32 low
 * bits a, b and c. a + b is rounded once, its error t is a multiple of 2^32 of at most 2^51, so that t + c is exact.
 * The rounded sum of both is s, correctly rounded, and l what that leaves.
 *
 * The mean: q = h / n, rounded. h - q n is representable, as for any quotient, and is computed without an error as n
 * has at most 26 bits and q is cut in two. With u a unit of the last place of q, rest = h - q n + l is at most 1.5 n u;
 * it is a multiple of the lesser of 1 and u, and below 2^53 of them: exact. s / n is q + rest / n. Its distance from
 * the next point at which rounding changes, a multiple of u / 4, is 0 or at least the lesser of 1 and u / 4, over n.
 * The error of the rounded x = rest / n, at most 2^-53 times 1.5 u, is less. So q + x rounds as q + rest / n does; when
 * the latter lies on such a point, x has no error, and a tie is decided as it should be. */
#ifndef FEAT_LIB_FIXED_CORE_H
#define FEAT_LIB_FIXED_CORE_H

#include <stdint.h>

#include "math/number.h"

typedef struct feat_fixed_pair {
    double high, low;
} feat_fixed_pair;

/* Not zero when the sum with these words is too large for what follows, or the number of terms is not in 1 .. 2^26 - 1.
 */
static inline uint64_t feat_fixed_is_large(uint64_t high) { return (high + (UINT64_C(1) << 39)) >> 40; }
static inline uint64_t feat_fixed_is_many(uint64_t n) { return (n - 1) >> 26 | n >> 26; }

/* A number that is put into the mantissa of a large double is added to it. */
static inline feat_fixed_pair feat_fixed_split(uint64_t low, uint64_t high) {
    double a = feat_double_of_bits(UINT64_C(0x4738000000000000) + high) - 0x1.8p116; /* signed */
    double b = feat_double_of_bits(UINT64_C(0x4530000000000000) | low >> 32) - 0x1p84;
    double c = feat_double_of_bits(UINT64_C(0x4330000000000000) | (low & UINT32_MAX)) - 0x1p52;
    double sum = a + b, rest = b - (sum - a); /* |a| >= |b|, or a is 0 */
    rest += c;
    double rounded = sum + rest;
    return (feat_fixed_pair){rounded, rest - (rounded - sum)};
}

static inline double feat_fixed_divide(feat_fixed_pair sum, uint64_t n) {
    double divisor = feat_double_of_bits(UINT64_C(0x4330000000000000) | n) - 0x1p52;
    double q = sum.high / divisor;
    double q_high = feat_double_of_bits(feat_double_bits(q) & ~((UINT64_C(1) << 27) - 1)), q_low = q - q_high;
    double rest = (sum.high - q_high * divisor) - q_low * divisor + sum.low;
    return q + rest / divisor;
}

#endif
