/* Quantiles of doubles within a relative error, from counts by bin: DDSketch (C. Masson, J. Rim, H. Lee, 2019) with
 * bins that are never collapsed.
 *
 * A bin is what the doubles have in common that agree in sign, exponent and the first six bits behind the point, so
 * that a value is in a bin by its bits alone, without a logarithm. A bin is 1/64 of its lower edge wide at most; the
 * middle of it is within 1/128 (0.79 %) of every value in it. Subnormal numbers have bins of the width of the least
 * normal ones. Zeros (-0 and +0 are one value), each infinity and NaN have bins of their own; NaN is above all.
 *
 * A sketch holds the least and the greatest value beside the counts: no answer lies outside them, and the first and the
 * last of the values are exact. It is a function of the multiset of values alone. */
#ifndef FEAT_LIB_MATH_DDSKETCH_H
#define FEAT_LIB_MATH_DDSKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "math/quantile.h"

typedef struct feat_ddsketch_bin {
    int32_t bin;
    uint64_t count;
} feat_ddsketch_bin;

typedef struct feat_ddsketch {
    feat_ddsketch_bin *bins; /* the first `ordered` ascend, each bin once; the others came since */
    size_t n, ordered, capacity;
    uint64_t count;
    double least, greatest;
} feat_ddsketch;

/* Bins ascend as values do. */
int32_t feat_ddsketch_bin_of(double value);
/* The middle of a bin, but none outside [least, greatest]. */
double feat_ddsketch_value(int32_t bin, double least, double greatest);
enum { FEAT_DDSKETCH_BIN_MAX = 0x7ff * 64 + 2 }; /* NaN's; the least is that of -inf, -(0x7ff * 64 + 1) */

void feat_ddsketch_init(feat_ddsketch *s);
void feat_ddsketch_done(feat_ddsketch *s);
/* Each returns 0, or -1 when memory is out: the sketch is then as it was. */
int feat_ddsketch_add(feat_ddsketch *s, double value);
int feat_ddsketch_merge(feat_ddsketch *s, const feat_ddsketch *other);
/* The discrete quantile of count > 0 values. Puts the bins in order. */
double feat_ddsketch_quantile(feat_ddsketch *s, feat_share share);

/* Canonical bytes, equal for equal sketches: the number of bins; if there are any, the keys of the least and the
 * greatest value (big-endian, feat_double_key) and for each bin, ascending, its distance from the one before it less
 * one (of the first: from the least there is) and its count. Numbers are of 7 bits a byte, the low ones first, the top
 * bit set on all but the last. Puts the bins in order. */
#define FEAT_DDSKETCH_MAX_BYTES ((size_t)(2 * FEAT_DDSKETCH_BIN_MAX) * 13 + 32)
void feat_ddsketch_write(feat_ddsketch *s, feat_buffer *out);
/* Into an empty sketch. Untrusted bytes: what feat_ddsketch_write cannot have written is FEAT_CORRUPT. */
feat_status feat_ddsketch_read(feat_ddsketch *s, feat_cursor *bytes, feat_error *err);

#endif
