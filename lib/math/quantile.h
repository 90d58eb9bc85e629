/* Where a quantile lies among values in order, and what lies between two of them: all of it exact, until one rounding.
 */
#ifndef FEAT_LIB_MATH_QUANTILE_H
#define FEAT_LIB_MATH_QUANTILE_H

#include <stddef.h>
#include <stdint.h>

#include "math/exact.h" /* feat_int128 */

/* A share from 0 to 1: `part` of `whole`, which is at most 2^53. */
typedef struct feat_share {
    uint64_t part, whole;
} feat_share;

/* The share that `q` was written as: a decimal of up to 15 digits (0.1 is a tenth, not the double next to it); a double
 * that is none is taken as it is, to the nearest 2^-53. 0 <= q <= 1. */
feat_share feat_share_of(double q);

/* The place (from 0) of the discrete quantile among n > 0 values: the first one that at least that share of them do not
 * exceed. */
size_t feat_share_place(feat_share share, size_t n);
/* The continuous quantile lies at share * (n - 1): *rest / share.whole of the way from the value at the place returned
 * to the next one; n > 0. */
size_t feat_share_between(feat_share share, size_t n, uint64_t *rest);

/* (low * (whole - rest) + high * rest) / whole, 0 <= rest < whole <= 2^53, low <= high, rounded once. */

/* To the nearest DOUBLE; zero is +0. An infinity that counts at all stays one, both of them or a NaN make NaN. */
double feat_between_doubles(double low, double high, uint64_t rest, uint64_t whole);
double feat_between_integers(int64_t low, int64_t high, uint64_t rest, uint64_t whole);
/* Of values in units of 10^-scale. */
double feat_between_wides(feat_int128 low, feat_int128 high, int scale, uint64_t rest, uint64_t whole);
/* Down to a whole number. */
int64_t feat_between_instants(int64_t low, int64_t high, uint64_t rest, uint64_t whole);

#endif
