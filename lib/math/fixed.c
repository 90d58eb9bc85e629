/* Sums as 128-bit integers: of doubles close together in size, and of integers. */
#include "math/exact.h"

#include "math/exact_level.h"
#include "math/exact_round.h"
#include "math/exact_words.h"
#include "math/fixed_core.h"
#include "math/number.h"

static double not_a_number(void) { return feat_double_of_bits(FEAT_NAN_BITS); }

/* ---- where to place the point --------------------------------------------------------------------------------- */

/* Arrays shorter than this are not worth asking the processor what it has. */
enum { SHORT_ARRAY = 12 };

static const feat_exact_table *table_for(size_t n) {
    return n < SHORT_ARRAY ? &feat_exact_baseline : feat_exact_table_of(feat_math_level_best());
}

/* The place of the lowest bit of the mantissa's 53, counted from 2^-1074. */
static int position_of(uint64_t magnitude) {
    int field = (int)(magnitude >> 52);
    return field ? field - 1 : 0;
}

/* n <= 2^growth */
static int growth_of(size_t n) { return n > 1 ? 64 - __builtin_clzll((unsigned long long)n - 1) : 0; }

static bool fits(int lowest, int highest, int growth) { return highest + 1 - lowest + growth <= 126; }

/* What the scan in bulk does not see: the lowest bit of each value. */
static bool plan_by_bits(const double *values, size_t n, int growth, int *exponent) {
    int lowest = 4096, highest = -1; /* of bits set, counted from 2^-1074 */
    for (size_t i = 0; i < n; i++) {
        uint64_t magnitude = feat_double_bits(values[i]) & ~FEAT_SIGN_BIT;
        if (magnitude == 0 || magnitude >= FEAT_EXPONENT_BITS) continue;
        uint64_t mantissa = magnitude & FEAT_MANTISSA_BITS;
        if (magnitude >= FEAT_HIDDEN_BIT) mantissa |= FEAT_HIDDEN_BIT;
        int low = position_of(magnitude) + __builtin_ctzll(mantissa);
        int high = position_of(magnitude) + 63 - __builtin_clzll(mantissa);
        lowest = low < lowest ? low : lowest;
        highest = high > highest ? high : highest;
        if (!fits(lowest, highest, growth)) return false;
    }
    *exponent = lowest + FEAT_EXACT_UNIT;
    return true;
}

bool feat_fixed_plan(const double *values, size_t n, int *exponent, bool *special) {
    feat_exact_span span = FEAT_NO_SPAN;
    table_for(n)->scan(values, n, &span);
    *special = span.special;
    if (span.any == 0) {
        *exponent = 0;
        return true;
    }
    /* As if the value with the least exponent had its lowest bit where any value has. */
    int lowest = position_of(span.least) + __builtin_ctzll((span.any & FEAT_MANTISSA_BITS) | FEAT_HIDDEN_BIT);
    int highest = position_of(span.greatest) + 52, growth = growth_of(n);
    if (!fits(lowest, highest, growth)) return plan_by_bits(values, n, growth, exponent);
    *exponent = lowest + FEAT_EXACT_UNIT;
    return true;
}

void feat_fixed_prefix(const double *values, size_t n, int exponent, feat_int128 *prefix) {
    table_for(n)->prefix(values, n, exponent, prefix);
}

/* ---- results -------------------------------------------------------------------------------------------------- */

double feat_fixed_round(feat_int128 sum, int exponent) {
    uint64_t low = (uint64_t)sum, high = (uint64_t)(sum >> 64);
    if (feat_scales_exactly(exponent) && !feat_fixed_is_large(high))
        return feat_fixed_split(low, high).high * feat_power_of_two(exponent);
    return feat_round_magnitude(sum < 0, feat_magnitude_of(sum), false, exponent);
}

double feat_fixed_mean(feat_int128 sum, int exponent, int64_t n) {
    if (n <= 0) return not_a_number();
    uint64_t low = (uint64_t)sum, high = (uint64_t)(sum >> 64);
    if (feat_scales_exactly(exponent) && !feat_fixed_is_large(high) && !feat_fixed_is_many((uint64_t)n))
        return feat_fixed_divide(feat_fixed_split(low, high), (uint64_t)n) * feat_power_of_two(exponent);
    return feat_round_quotient(sum < 0, feat_magnitude_of(sum), false, exponent, n);
}

void feat_fixed_round_array(const feat_int128 *sums, size_t n, int exponent, double *out) {
    table_for(n)->round(sums, n, exponent, out);
}

void feat_fixed_mean_array(const feat_int128 *sums, const int64_t *counts, size_t n, int exponent, double *out) {
    table_for(n)->mean(sums, counts, n, exponent, out);
}

/* ---- integers ------------------------------------------------------------------------------------------------- */

double feat_int128_to_double(feat_int128 value) { return feat_fixed_round(value, 0); }
double feat_int_mean(feat_int128 sum, int64_t n) { return feat_fixed_mean(sum, 0, n); }
