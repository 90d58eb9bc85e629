/* What elementary_core.h is made of where eight doubles are one value: vectors of AVX-512, whose tables lie in
 * registers and are looked up by a permutation, which costs a third of a gather. Included before elementary_core.h,
 * once, where the instructions are allowed. */
#ifndef FEAT_LIB_MATH_ELEMENTARY_VECTOR_H
#define FEAT_LIB_MATH_ELEMENTARY_VECTOR_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "math/elementary_table.h"

typedef double feat_double8 __attribute__((vector_size(64)));
typedef uint64_t feat_uint64x8 __attribute__((vector_size(64)));

#define FEAT_F       feat_double8
#define FEAT_U       feat_uint64x8
#define FEAT_F_LANES 8

static inline __attribute__((always_inline)) feat_double8 feat_of_bits(feat_uint64x8 bits) {
    return (feat_double8)bits;
}
static inline __attribute__((always_inline)) feat_uint64x8 feat_to_bits(feat_double8 x) { return (feat_uint64x8)x; }
static inline __attribute__((always_inline)) feat_double8 feat_all(double x) { return (feat_double8)_mm512_set1_pd(x); }

static inline __attribute__((always_inline)) feat_double8 feat_load(const double *x) {
    return (feat_double8)_mm512_loadu_pd(x);
}
static inline __attribute__((always_inline)) void feat_store(double *out, feat_double8 x) {
    _mm512_storeu_pd(out, (__m512d)x);
}
static inline __attribute__((always_inline)) uint64_t feat_any(feat_uint64x8 words) {
    return (uint64_t)_mm512_reduce_or_epi64((__m512i)words);
}
static inline __attribute__((always_inline)) void feat_store_words(uint64_t *out, feat_uint64x8 words) {
    _mm512_storeu_si512(out, (__m512i)words);
}

/* Entry j of 16: the permutation reads the low four bits of j only. */
static inline __attribute__((always_inline)) __m512i feat_lookup16(const void *table, __m512i j) {
    const char *bytes = table;
    return _mm512_permutex2var_epi64(_mm512_loadu_si512(bytes), j, _mm512_loadu_si512(bytes + 64));
}
static inline __attribute__((always_inline)) __m512i feat_lookup32(const void *table, __m512i j) {
    const char *bytes = table;
    __mmask8 upper = _mm512_test_epi64_mask(j, _mm512_set1_epi64(16));
    return _mm512_mask_blend_epi64(upper, feat_lookup16(bytes, j), feat_lookup16(bytes + 128, j));
}
_Static_assert(FEAT_EXP_CELLS == 32 && FEAT_LOG_CELLS == 32, "the lookups are made for tables of these sizes");
#define FEAT_EXP_LOOKUP(table, j) (feat_double8) feat_lookup32(table, (__m512i)(j))
#define FEAT_LOG_LOOKUP(table, j) (feat_double8) feat_lookup32(table, (__m512i)(j))
/* Of trigonometry_table.h: 32 cells, too. */
#define FEAT_ATAN_LOOKUP(table, j) (feat_double8) feat_lookup32(table, (__m512i)(j))

static inline __attribute__((always_inline)) feat_double8 feat_root(feat_double8 x) {
    return (feat_double8)_mm512_sqrt_pd((__m512d)x);
}

#endif
