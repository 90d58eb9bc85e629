/* Loops over arrays that compilers make vector code of. Included once by each file that compiles them for a processor.
 *
 * A block of lanes is computed as if no sum were large; then, if one was, those lanes are computed again one by one. */
#include <string.h>

#include "math/exact_level.h"
#include "math/exact_round.h"
#include "math/fixed_core.h"

#define LANES 64
/* Loops that are taken out of their function lose what `restrict` says. */
#define NOT_INLINE __attribute__((noinline))

static NOT_INLINE uint64_t round_block(const feat_word *restrict words, double scale, double *restrict out) {
    uint64_t large = 0;
    for (size_t i = 0; i < LANES; i++) {
        uint64_t low = words[2 * i + FEAT_LOW_WORD], high = words[2 * i + FEAT_HIGH_WORD];
        out[i] = feat_fixed_split(low, high).high * scale;
        large |= feat_fixed_is_large(high);
    }
    return large;
}

static NOT_INLINE uint64_t mean_block(const feat_word *restrict words, const int64_t *restrict counts, double scale,
                                      double *restrict out) {
    uint64_t large = 0;
    for (size_t i = 0; i < LANES; i++) {
        uint64_t low = words[2 * i + FEAT_LOW_WORD], high = words[2 * i + FEAT_HIGH_WORD];
        uint64_t n = (uint64_t)counts[i], none = n == 0;
        n |= none;
        double mean = feat_fixed_divide(feat_fixed_split(low, high), n) * scale;
        out[i] = feat_double_of_bits(feat_double_bits(mean) & (none - 1));
        large |= feat_fixed_is_large(high) | n >> 26;
    }
    return large;
}

static double mean_or_zero(feat_int128 sum, int exponent, int64_t n) {
    return n == 0 ? 0.0 : feat_fixed_mean(sum, exponent, n);
}

static void round_array(const feat_int128 *sums, size_t n, int exponent, double *out) {
    size_t i = 0;
    for (; feat_scales_exactly(exponent) && n - i >= LANES; i += LANES) {
        if (!round_block((const feat_word *)(sums + i), feat_power_of_two(exponent), out + i)) continue;
        for (size_t j = i; j < i + LANES; j++) out[j] = feat_fixed_round(sums[j], exponent);
    }
    for (; i < n; i++) out[i] = feat_fixed_round(sums[i], exponent);
}

static void mean_array(const feat_int128 *sums, const int64_t *counts, size_t n, int exponent, double *out) {
    size_t i = 0;
    for (; feat_scales_exactly(exponent) && n - i >= LANES; i += LANES) {
        if (!mean_block((const feat_word *)(sums + i), counts + i, feat_power_of_two(exponent), out + i)) continue;
        for (size_t j = i; j < i + LANES; j++) out[j] = mean_or_zero(sums[j], exponent, counts[j]);
    }
    for (; i < n; i++) out[i] = mean_or_zero(sums[i], exponent, counts[i]);
}
