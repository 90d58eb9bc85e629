/* Products, distances and lengths of vectors of REAL (as doubles: their products are then exact) or DOUBLE elements.
 *
 * A sum over elements is taken in one fixed order, whatever the processor: element i is added to partial sum i mod 16,
 * in ascending i, each starting from +0; then
 *
 *     s[k] += s[k + 8] for k < 8,  s[k] += s[k + 4] for k < 4,  s[k] += s[k + 2] for k < 2,  s[0] + s[1]
 *
 * where every + and * is one rounded operation of IEEE 754. Registers of 2, 4 or 8 doubles add in just that order, so
 * that all of them give the same bits. The error is at most (n / 16 + 5) * 2^-53 times the sum of magnitudes.
 *
 * Elements may lie at any address, and are little-endian. A NaN among the results may have any bits. */
#ifndef FEAT_LIB_VECTOR_H
#define FEAT_LIB_VECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "math/elementary.h"

typedef struct feat_elements {
    const void *a, *b; /* b: of functions of two vectors */
    size_t n;
    bool real; /* float, else double */
} feat_elements;

/* The sum of a[i] * b[i]; 0 when there is none. `level`, here and below, is one that the processor has. */
double feat_dot_product(feat_math_level level, const feat_elements *v);
/* The square root of the sum of (a[i] - b[i])^2. Neither overflows nor underflows on the way. */
double feat_l2_distance(feat_math_level level, const feat_elements *v);
/* a.b / sqrt(a.a * b.b), brought into [-1, 1]: 1 of two equal vectors. NaN when either has length 0 or an element that
 * is not finite. Neither overflows nor underflows on the way. */
double feat_cosine_similarity(feat_math_level level, const feat_elements *v);
/* `a` divided by its length, into `out` (of the type of `a`, at any address); a vector of length 0 as it is. */
void feat_l2_normalize(feat_math_level level, const feat_elements *v, void *out);

#endif
