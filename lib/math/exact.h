/* Sums and means of doubles and integers that are exact until one final rounding, to nearest even.
 *
 * Exact sums form a group: the order of the terms cannot matter, and a term or a whole sum can be taken away again.
 * Three forms of one idea, and all of them round to the same bits for the same multiset of terms: feat_exact   any
 * doubles, in any number up to 2^64: fixed point wide enough for the whole range of double; feat_fixed_* doubles whose
 * exponents lie close together (checked by feat_fixed_plan): one 128-bit integer; feat_int_*   integers, in a 128-bit
 * integer.
 *
 * The floating-point environment must be the IEEE default (base/fpenv.h). */
#ifndef FEAT_LIB_EXACT_H
#define FEAT_LIB_EXACT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"

__extension__ typedef __int128 feat_int128;
__extension__ typedef unsigned __int128 feat_uint128;

/* ---- doubles of any size ------------------------------------------------------------------------------------- */

/* 68 digits of 32 bits in units of 2^-1074 (2,098 bits reach the largest double, 77 are headroom), the highest signed
 * and 64 bits wide. Read as 32-bit words the number has one more; beyond them it wraps, which only forged bytes can
 * reach. */
#define FEAT_EXACT_DIGITS 68
#define FEAT_EXACT_WORDS  69
/* A term puts less than 2^53 into each of two digits, so this many of them cannot overflow 63 bits. */
#define FEAT_EXACT_PENDING_MAX 1000

/* The sum is the sum of digits[i] * 2^(32*i - 1074). Digits are signed and carry late: after `pending` terms a digit
 * lies within 2^32 + pending * 2^53. Infinities and NaN are counted, not added, so that they can be taken away again.
 */
typedef struct feat_exact {
    int64_t digits[FEAT_EXACT_DIGITS];
    int64_t positive_infinities, negative_infinities, nans;
    int64_t pending;
} feat_exact;

/* Carries, so that every digit but the highest lies in [0, 2^32). The value stays; representations become unique. */
void feat_exact_normalise(feat_exact *sum);
/* Counts an infinity or a NaN `times` times (negative: takes it away). */
void feat_exact_count_special(feat_exact *sum, double value, int64_t times);

static inline void feat_exact_init(feat_exact *sum) { memset(sum, 0, sizeof *sum); }

/* Adds `value`, or takes it away when `sign` is -1 rather than 0. */
static inline void feat_exact_add_signed(feat_exact *sum, double value, int64_t sign) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned exponent = (unsigned)(bits >> 52) & 0x7ff;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent == 0x7ff) {
        feat_exact_count_special(sum, value, sign ? -1 : 1);
        return;
    }
    if (sum->pending >= FEAT_EXACT_PENDING_MAX) feat_exact_normalise(sum);
    sum->pending++;
    /* A subnormal has the unit of exponent 1 and no hidden bit. */
    unsigned position = exponent ? exponent - 1 : 0;
    mantissa |= (uint64_t)(exponent != 0) << 52;
    unsigned shift = position & 31;
    int64_t flip = ((int64_t)bits >> 63) ^ sign; /* 0 or -1: x ^ flip - flip is x or -x without a branch */
    int64_t whole = ((int64_t)mantissa ^ flip) - flip;
    /* The low digit's share is never negative; the shift to the right rounds down, which makes up for it. The second
     * index is spelt so that compilers do not fuse both into one vector update, which would wait for stores of other
     * widths. */
    sum->digits[position >> 5] += (uint32_t)((uint64_t)whole << shift);
    sum->digits[(position + 32) >> 5] += whole >> (32 - shift);
}

static inline void feat_exact_add(feat_exact *sum, double value) { feat_exact_add_signed(sum, value, 0); }
static inline void feat_exact_sub(feat_exact *sum, double value) { feat_exact_add_signed(sum, value, -1); }

/* The same as `n` calls of feat_exact_add. Blocks of magnitudes within 32 binades cost little more than reading them;
 * within 62 a quarter of the calls. */
void feat_exact_add_array(feat_exact *sum, const double *values, size_t n);

/* sum += other, sum -= other. `other` may be `sum` itself. */
void feat_exact_merge(feat_exact *sum, const feat_exact *other);
void feat_exact_unmerge(feat_exact *sum, const feat_exact *other);

/* True for the group's neutral element: value zero, and no infinity or NaN counted. */
bool feat_exact_is_zero(const feat_exact *sum);
bool feat_exact_equal(const feat_exact *a, const feat_exact *b);

/* The sum, correctly rounded, subnormal results and overflow to an infinity included. Exact zero is +0; a NaN, or
 * infinities of both signs, make the canonical NaN. */
double feat_exact_round(const feat_exact *sum);
/* The exact sum divided by `n`, rounded once. NaN when n <= 0. */
double feat_exact_mean(const feat_exact *sum, int64_t n);

/* Canonical bytes: equal values are equal bytes. In order: a byte of flags (bit 0: counters follow), the index of the
 * lowest digit, the number of digits, the digits (little-endian, two's complement, no superfluous digit at either end),
 * and the counters of +inf, -inf and NaN (little-endian) if one of them is not zero. Zero is three zero bytes. */
#define FEAT_EXACT_MAX_BYTES (3 + 4 * FEAT_EXACT_WORDS + 24)
void feat_exact_write(const feat_exact *sum, feat_buffer *out);
/* Accepts canonical bytes only, else FEAT_CORRUPT; the cursor then stands at an unspecified place. */
feat_status feat_exact_read(feat_exact *sum, feat_cursor *bytes, feat_error *err);

/* ---- doubles close together in size: 128-bit fixed point ----------------------------------------------------- */

/* Looks at the finite values and tells whether any sum of up to `n` of them, with a bit to spare, fits a signed 128-bit
 * integer in units of 2^*exponent. False leaves *exponent alone. *special tells whether infinities or NaN are among the
 * values; they are the caller's to count. */
bool feat_fixed_plan(const double *values, size_t n, int *exponent, bool *special);

/* `value` in units of 2^exponent, exactly, for a value that the plan saw; 0 for infinities and NaN. */
static inline feat_int128 feat_fixed_of(double value, int exponent) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int field = (int)(bits >> 52) & 0x7ff;
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (field == 0x7ff) return 0;
    if (field) mantissa |= UINT64_C(1) << 52;
    else if (mantissa == 0) return 0;
    int shift = (field ? field - 1075 : -1074) - exponent;
    /* The plan's unit may lie above the lowest bit of the mantissa when that bit is zero. */
    assert(shift > -53 && shift < 127 && (shift >= 0 || (mantissa & ((UINT64_C(1) << -shift) - 1)) == 0));
    int64_t flip = (int64_t)bits >> 63, whole = ((int64_t)mantissa ^ flip) - flip;
    return shift >= 0 ? (feat_int128)((feat_uint128)whole << shift) : whole >> -shift;
}

/* prefix[i + 1] = prefix[i] + feat_fixed_of(values[i]) for i < n; prefix[0] is given, and the unit is a plan's. */
void feat_fixed_prefix(const double *values, size_t n, int exponent, feat_int128 *prefix);

/* Both give the bits that feat_exact_round and feat_exact_mean give for the same terms. */
double feat_fixed_round(feat_int128 sum, int exponent);
double feat_fixed_mean(feat_int128 sum, int exponent, int64_t n);
/* The same of many sums, at a fraction of the cost. A mean of no terms (counts[i] == 0) is 0 here. */
void feat_fixed_round_array(const feat_int128 *sums, size_t n, int exponent, double *out);
void feat_fixed_mean_array(const feat_int128 *sums, const int64_t *counts, size_t n, int exponent, double *out);
/* Adds a 128-bit sum to a dense one: how a block that fits joins blocks that do not. `exponent` from a plan. */
void feat_exact_add_fixed(feat_exact *sum, feat_int128 value, int exponent);

/* ---- integers ------------------------------------------------------------------------------------------------- */

/* Correctly rounded. The mean is NaN when n <= 0. */
double feat_int128_to_double(feat_int128 value);
double feat_int_mean(feat_int128 sum, int64_t n);
/* (high * 2^128 + low) / (n * 10^scale), rounded once to the nearest (ties to even); n > 0, 0 <= scale <= 38. */
double feat_wide_mean(feat_uint128 low, int64_t high, uint64_t n, int scale);

#endif
