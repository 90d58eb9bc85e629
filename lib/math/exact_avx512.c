/* Exact sums over arrays for processors with AVX-512: eight doubles at a time. */
#include "math/exact_level.h"

#ifdef FEAT_EXACT_X86

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl")
#endif

#include "math/exact_lanes.h"

enum { WIDTH = 8 };

/* The first `n` lanes; others are read as 0. */
static inline __mmask8 lanes_of(size_t n) { return (__mmask8)(n >= WIDTH ? 0xffu : (1u << n) - 1); }

static inline __m512i all(uint64_t word) { return _mm512_set1_epi64((long long)word); }

static void scan(const double *values, size_t n, feat_exact_span *span) {
    const __m512i sign = all(FEAT_SIGN_BIT), limit = all(FEAT_EXPONENT_BITS);
    __m512i least = all(UINT64_MAX), greatest = all(0), any = greatest;
    __mmask8 finite = 0xff;
    for (size_t i = 0; i < n; i += WIDTH) {
        __mmask8 there = lanes_of(n - i);
        __m512i magnitude = _mm512_andnot_si512(sign, _mm512_maskz_loadu_epi64(there, values + i));
        __mmask8 counted = _mm512_cmplt_epu64_mask(magnitude, limit);
        finite &= counted;
        any = _mm512_mask_or_epi64(any, counted, any, magnitude);
        greatest = _mm512_mask_max_epu64(greatest, counted, greatest, magnitude);
        least =
            _mm512_mask_min_epu64(least, _mm512_mask_test_epi64_mask(counted, magnitude, magnitude), least, magnitude);
    }
    uint64_t low = _mm512_reduce_min_epu64(least), high = _mm512_reduce_max_epu64(greatest);
    span->least = low < span->least ? low : span->least;
    span->greatest = high > span->greatest ? high : span->greatest;
    span->any |= (uint64_t)_mm512_reduce_or_epi64(any);
    span->special |= finite != 0xff;
}

/* feat_fixed_of of each lane, as words. A shift by 64 or more, as by less than 0, gives 0. */
static void units_of(const double values[LANES], int exponent, uint64_t low[LANES], uint64_t high[LANES]) {
    const __m512i zero = all(0), one = all(1), field_bits = all(0x7ff), mantissa_bits = all(FEAT_MANTISSA_BITS),
                  hidden = all(FEAT_HIDDEN_BIT), word_size = all(64), unit = all((uint64_t)(int64_t)(exponent + 1075));
    for (size_t i = 0; i < LANES; i += WIDTH) {
        __m512i bits = _mm512_loadu_si512(values + i);
        __m512i field = _mm512_and_si512(_mm512_srli_epi64(bits, 52), field_bits);
        __m512i mantissa = _mm512_maskz_and_epi64(_mm512_cmpneq_epi64_mask(field, field_bits), bits, mantissa_bits);
        __mmask8 normal = _mm512_test_epi64_mask(field, field) & _mm512_cmpneq_epi64_mask(field, field_bits);
        mantissa = _mm512_mask_or_epi64(mantissa, normal, mantissa, hidden);
        __m512i shift = _mm512_sub_epi64(_mm512_max_epi64(field, one), unit);
        __m512i l = _mm512_or_si512(_mm512_sllv_epi64(mantissa, shift),
                                    _mm512_srlv_epi64(mantissa, _mm512_sub_epi64(zero, shift)));
        __m512i h = _mm512_or_si512(_mm512_srlv_epi64(mantissa, _mm512_sub_epi64(word_size, shift)),
                                    _mm512_sllv_epi64(mantissa, _mm512_sub_epi64(shift, word_size)));
        /* Negated where the value is negative; the carry reaches the high word when the low one is 0. */
        __m512i flip = _mm512_srai_epi64(bits, 63);
        h = _mm512_xor_si512(h, flip);
        _mm512_storeu_si512(low + i, _mm512_sub_epi64(_mm512_xor_si512(l, flip), flip));
        _mm512_storeu_si512(high + i, _mm512_mask_sub_epi64(h, _mm512_testn_epi64_mask(l, l), h, flip));
    }
}

enum { REGISTERS = 4, GROUP = REGISTERS * WIDTH };

typedef struct split_state {
    __m512d high[REGISTERS], low[REGISTERS];
    __m512i greatest[REGISTERS], least[REGISTERS]; /* of 2 |x|, and of that less 1: zeros wrap to the top */
} split_state;

static inline __attribute__((always_inline)) void split_step(split_state *s, int r, __m512d x, __m512d split) {
    __m512d high = _mm512_sub_pd(_mm512_add_pd(x, split), split);
    __m512i magnitude = _mm512_castpd_si512(x);
    magnitude = _mm512_add_epi64(magnitude, magnitude);
    s->high[r] = _mm512_add_pd(s->high[r], high);
    s->low[r] = _mm512_add_pd(s->low[r], _mm512_sub_pd(x, high));
    s->greatest[r] = _mm512_max_epu64(s->greatest[r], magnitude);
    s->least[r] = _mm512_min_epu64(s->least[r], _mm512_add_epi64(magnitude, all(UINT64_MAX)));
}

static NOT_INLINE split_result split_sums(const double *values, size_t n, double at) {
    split_state s;
    const __m512d split = _mm512_set1_pd(at);
    UNROLLED for (int r = 0; r < REGISTERS; r++) {
        s.high[r] = s.low[r] = _mm512_setzero_pd();
        s.greatest[r] = all(0);
        s.least[r] = all(UINT64_MAX);
    }
    size_t i = 0;
    for (; n - i >= GROUP; i += GROUP)
        UNROLLED for (int r = 0; r < REGISTERS; r++)
            split_step(&s, r, _mm512_loadu_pd(values + i + (size_t)r * WIDTH), split);
    for (; i < n; i += WIDTH) {
        __mmask8 there = lanes_of(n - i);
        split_step(&s, 0, _mm512_maskz_loadu_pd(there, values + i), split);
    }
    UNROLLED for (int r = 1; r < REGISTERS; r++) {
        s.high[0] = _mm512_add_pd(s.high[0], s.high[r]);
        s.low[0] = _mm512_add_pd(s.low[0], s.low[r]);
        s.greatest[0] = _mm512_max_epu64(s.greatest[0], s.greatest[r]);
        s.least[0] = _mm512_min_epu64(s.least[0], s.least[r]);
    }
    return (split_result){_mm512_reduce_add_pd(s.high[0]), _mm512_reduce_add_pd(s.low[0]),
                          _mm512_reduce_max_epu64(s.greatest[0]) >> 53, _mm512_reduce_min_epu64(s.least[0]) >> 53};
}

#include "math/fixed_lanes.h"
#include "math/exact_blocks.h"

const feat_exact_table feat_exact_avx512 = {scan, prefix_sums, round_array, mean_array, add_array};

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

typedef int feat_no_loops; /* a file holds something */

#endif
