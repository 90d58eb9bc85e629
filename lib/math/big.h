/* Whole numbers for results: what is computed once from exact sums, and how a quotient of two of them, or its square
 * root, becomes a double. Sign and magnitude; zero limbs at either end are not stored, so that the cost of a number is
 * that of the digits that it has. */
#ifndef FEAT_LIB_MATH_BIG_H
#define FEAT_LIB_MATH_BIG_H

#include <stdbool.h>
#include <stdint.h>

#include "math/limbs.h"

/* Twelve limbs to spare above the sixth powers of doubles, the largest that the moments ask for. */
#define FEAT_BIG_LIMBS 224

/* limbs[0 .. n) times 2^(64 low); 0 has no limbs. */
typedef struct feat_big {
    bool negative;
    int low;
    unsigned n;
    uint64_t limbs[FEAT_BIG_LIMBS];
} feat_big;

void feat_big_of_limbs(feat_big *out, const feat_limbs *l);
void feat_big_of_int(feat_big *out, int64_t value);
void feat_big_multiply(feat_big *out, const feat_big *a, const feat_big *b); /* `out` is neither */
void feat_big_scale(feat_big *a, int64_t by);                                /* a *= by */
/* out = a + b, or a - b; `out` is neither. */
void feat_big_add(feat_big *out, const feat_big *a, const feat_big *b, bool subtract);

static inline int feat_big_sign(const feat_big *a) { return a->n == 0 ? 0 : a->negative ? -1 : 1; }

/* p / q * 2^exponent, rounded once to the nearest double, ties to even; zero is +0. q is not 0. */
double feat_big_quotient(const feat_big *p, const feat_big *q, int exponent);
/* The square root of |p / q| * 2^exponent, with the sign of p, rounded once. `exponent` is even. */
double feat_big_root(const feat_big *p, const feat_big *q, int exponent);

#endif
