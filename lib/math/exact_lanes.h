/* Loops over arrays that compilers make vector code of. Included once by each file that compiles them for a processor.
 *
 * A block of lanes is computed as if no sum were large; then, if one was, those lanes are computed again one by one. */
#include <float.h>
#include <string.h>

#include "math/exact_level.h"
#include "math/exact_round.h"
#include "math/fixed_core.h"

/* What is said here of sums and errors supposes that every operation rounds to double at once. */
#if FLT_EVAL_METHOD != 0
#error "libfeat needs arithmetic that rounds to double after every operation (FLT_EVAL_METHOD 0)"
#endif

#define LANES 64
/* Loops that are taken out of their function lose what `restrict` says. */
#define NOT_INLINE __attribute__((noinline))

/* gcc keeps partial sums in registers only when it unrolls the loop over them, which at -O2 it does not do by itself.
 */
#if defined(__clang__) || !defined(__GNUC__)
#define UNROLLED
#else
#define UNROLLED _Pragma("GCC unroll 4")
#endif

/* The plain sums of both parts of values split where exact_blocks.h says, and the exponent fields of the greatest and
 * of the least of their magnitudes but 0; `below` may be one too low. */
typedef struct split_result {
    double high, low;
    uint64_t above, below;
} split_result;

static inline split_result lanes_together(const double *high, const double *low, const uint64_t *greatest,
                                          const uint64_t *least, size_t lanes) {
    split_result result = {0.0, 0.0, 0, UINT64_MAX};
    for (size_t lane = 0; lane < lanes; lane++) {
        result.high += high[lane];
        result.low += low[lane];
        result.above = greatest[lane] > result.above ? greatest[lane] : result.above;
        result.below = least[lane] < result.below ? least[lane] : result.below;
    }
    result.above >>= 53;
    result.below >>= 53;
    return result;
}

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
