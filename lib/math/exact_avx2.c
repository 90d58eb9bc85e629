/* Exact sums over arrays for processors with AVX2: four doubles at a time. */
#include "math/exact_level.h"

#ifdef FEAT_EXACT_X86

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#include "math/exact_lanes.h"

enum { WIDTH = 4 };

static inline __m256i all(uint64_t word) { return _mm256_set1_epi64x((long long)word); }
static inline __m256i load(const void *at) { return _mm256_loadu_si256(at); }
static inline void store(uint64_t *at, __m256i words) { _mm256_storeu_si256((void *)at, words); }

static void scan(const double *values, size_t n, feat_exact_span *span) {
    feat_exact_span s = *span;
    const __m256i zero = _mm256_setzero_si256(), sign = all(FEAT_SIGN_BIT), limit = all(FEAT_EXPONENT_BITS);
    __m256i least = all(UINT64_MAX), greatest = zero, any = zero, finite = all(UINT64_MAX);
    size_t i = 0;
    for (; n - i >= WIDTH; i += WIDTH) {
        __m256i magnitude = _mm256_andnot_si256(sign, load(values + i));
        __m256i counted = _mm256_cmpgt_epi64(limit, magnitude);
        finite = _mm256_and_si256(finite, counted);
        magnitude = _mm256_and_si256(magnitude, counted);
        any = _mm256_or_si256(any, magnitude);
        /* There is no comparison of unsigned 64-bit words; their upper halves hold the exponents. */
        greatest = _mm256_max_epu32(greatest, magnitude);
        least = _mm256_min_epu32(least, _mm256_or_si256(magnitude, _mm256_cmpeq_epi64(magnitude, zero)));
    }
    uint64_t words[4][WIDTH];
    store(words[0], least);
    store(words[1], greatest);
    store(words[2], any);
    store(words[3], finite);
    for (size_t lane = 0; lane < WIDTH; lane++) {
        s.least = words[0][lane] < s.least ? words[0][lane] : s.least;
        s.greatest = words[1][lane] > s.greatest ? words[1][lane] : s.greatest;
        s.any |= words[2][lane];
        s.special |= words[3][lane] == 0;
    }
    for (; i < n; i++) feat_exact_span_add(&s, values[i]);
    *span = s;
}

/* feat_fixed_of of each lane, as words. A shift by 64 or more, as by less than 0, gives 0. */
static void units_of(const double values[LANES], int exponent, uint64_t low[LANES], uint64_t high[LANES]) {
    const __m256i zero = _mm256_setzero_si256(), field_bits = all(0x7ff), mantissa_bits = all(FEAT_MANTISSA_BITS),
                  hidden = all(FEAT_HIDDEN_BIT), word_size = all(64), unit = all((uint64_t)(int64_t)(exponent + 1075));
    for (size_t i = 0; i < LANES; i += WIDTH) {
        __m256i bits = load(values + i);
        __m256i field = _mm256_and_si256(_mm256_srli_epi64(bits, 52), field_bits);
        __m256i subnormal = _mm256_cmpeq_epi64(field, zero);
        __m256i mantissa =
            _mm256_or_si256(_mm256_and_si256(bits, mantissa_bits), _mm256_andnot_si256(subnormal, hidden));
        mantissa = _mm256_andnot_si256(_mm256_cmpeq_epi64(field, field_bits), mantissa);
        __m256i shift = _mm256_sub_epi64(_mm256_sub_epi64(field, subnormal), unit);
        __m256i l = _mm256_or_si256(_mm256_sllv_epi64(mantissa, shift),
                                    _mm256_srlv_epi64(mantissa, _mm256_sub_epi64(zero, shift)));
        __m256i h = _mm256_or_si256(_mm256_srlv_epi64(mantissa, _mm256_sub_epi64(word_size, shift)),
                                    _mm256_sllv_epi64(mantissa, _mm256_sub_epi64(shift, word_size)));
        /* Negated where the value is negative; the carry reaches the high word when the low one is 0. */
        __m256i flip = _mm256_cmpgt_epi64(zero, bits), carry = _mm256_and_si256(flip, _mm256_cmpeq_epi64(l, zero));
        store(low + i, _mm256_sub_epi64(_mm256_xor_si256(l, flip), flip));
        store(high + i, _mm256_sub_epi64(_mm256_xor_si256(h, flip), carry));
    }
}

enum { REGISTERS = 2, GROUP = REGISTERS * WIDTH };

typedef struct split_state {
    __m256d high[REGISTERS], low[REGISTERS];
    __m256i greatest[REGISTERS], least[REGISTERS]; /* of the upper halves of 2 |x|, and of that less 1: zeros wrap */
} split_state;

static inline __attribute__((always_inline)) void split_step(split_state *s, int r, __m256d x, __m256d split) {
    __m256d high = _mm256_sub_pd(_mm256_add_pd(x, split), split);
    __m256i magnitude = _mm256_castpd_si256(x);
    magnitude = _mm256_add_epi64(magnitude, magnitude);
    s->high[r] = _mm256_add_pd(s->high[r], high);
    s->low[r] = _mm256_add_pd(s->low[r], _mm256_sub_pd(x, high));
    s->greatest[r] = _mm256_max_epu32(s->greatest[r], magnitude);
    s->least[r] = _mm256_min_epu32(s->least[r], _mm256_add_epi64(magnitude, all(UINT64_MAX)));
}

static NOT_INLINE split_result split_sums(const double *values, size_t n, double at) {
    split_state s;
    const __m256d split = _mm256_set1_pd(at);
    UNROLLED for (int r = 0; r < REGISTERS; r++) {
        s.high[r] = s.low[r] = _mm256_setzero_pd();
        s.greatest[r] = all(0);
        s.least[r] = all(UINT64_MAX);
    }
    size_t i = 0;
    for (; n - i >= GROUP; i += GROUP)
        UNROLLED for (int r = 0; r < REGISTERS; r++)
            split_step(&s, r, _mm256_loadu_pd(values + i + (size_t)r * WIDTH), split);
    if (i < n) { /* filled up with zeros */
        double last[GROUP] = {0};
        memcpy(last, values + i, (n - i) * sizeof *last);
        UNROLLED for (int r = 0; r < REGISTERS; r++) split_step(&s, r, _mm256_loadu_pd(last + r * WIDTH), split);
    }
    double high[GROUP], low[GROUP];
    uint64_t greatest[GROUP], least[GROUP];
    UNROLLED for (int r = 0; r < REGISTERS; r++) {
        _mm256_storeu_pd(high + r * WIDTH, s.high[r]);
        _mm256_storeu_pd(low + r * WIDTH, s.low[r]);
        store(greatest + r * WIDTH, s.greatest[r]);
        store(least + r * WIDTH, s.least[r]);
    }
    return lanes_together(high, low, greatest, least, GROUP);
}

#include "math/fixed_lanes.h"
#include "math/exact_blocks.h"

const feat_exact_table feat_exact_avx2 = {scan, prefix_sums, round_array, mean_array, add_array};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

typedef int feat_no_loops; /* a file holds something */

#endif
