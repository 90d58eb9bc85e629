/* The loops of exact sums over arrays, compiled for one kind of processor each. All give the same results. */
#ifndef FEAT_LIB_EXACT_LEVEL_H
#define FEAT_LIB_EXACT_LEVEL_H

#include "math/elementary.h"
#include "math/exact.h"
#include "math/number.h"

/* What tells how far apart the bits of an array's finite values lie. */
typedef struct feat_exact_span {
    uint64_t least, greatest; /* magnitudes of values that are not 0, of which only the exponent fields count; when
                                 there is no such value ones and 0 */
    uint64_t any;             /* the magnitudes' bits in one word */
    bool special;             /* an infinity or a NaN was there */
} feat_exact_span;

#define FEAT_SIGN_BIT      (UINT64_C(1) << 63)
#define FEAT_EXPONENT_BITS UINT64_C(0x7ff0000000000000)
#define FEAT_MANTISSA_BITS ((UINT64_C(1) << 52) - 1)
#define FEAT_HIDDEN_BIT    (UINT64_C(1) << 52)
#define FEAT_NO_SPAN       ((feat_exact_span){UINT64_MAX, 0, 0, false})

static inline void feat_exact_span_add(feat_exact_span *span, double value) {
    uint64_t magnitude = feat_double_bits(value) & ~FEAT_SIGN_BIT;
    bool special = magnitude >= FEAT_EXPONENT_BITS;
    uint64_t counted = special ? 0 : magnitude;
    span->special |= special;
    span->any |= counted;
    span->greatest = counted > span->greatest ? counted : span->greatest;
    counted = counted ? counted : UINT64_MAX;
    span->least = counted < span->least ? counted : span->least;
}

/* Words of 128-bit integers, as loops over lanes read them. */
typedef uint64_t __attribute__((may_alias)) feat_word;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { FEAT_LOW_WORD = 1, FEAT_HIGH_WORD = 0 };
#else
enum { FEAT_LOW_WORD = 0, FEAT_HIGH_WORD = 1 };
#endif

/* `scan` adds to what *span holds; the others are feat_fixed_prefix and its kin, and feat_exact_add_array. */
typedef struct feat_exact_table {
    void (*scan)(const double *values, size_t n, feat_exact_span *span);
    void (*prefix)(const double *values, size_t n, int exponent, feat_int128 *prefix);
    void (*round)(const feat_int128 *sums, size_t n, int exponent, double *out);
    void (*mean)(const feat_int128 *sums, const int64_t *counts, size_t n, int exponent, double *out);
    void (*add)(feat_exact *sum, const double *values, size_t n);
} feat_exact_table;

extern const feat_exact_table feat_exact_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define FEAT_EXACT_X86 1
extern const feat_exact_table feat_exact_avx2;
extern const feat_exact_table feat_exact_avx512;
#endif

/* `level` is one that the processor has. */
static inline const feat_exact_table *feat_exact_table_of(feat_math_level level) {
#ifdef FEAT_EXACT_X86
    if (level == FEAT_MATH_AVX512) return &feat_exact_avx512;
    if (level == FEAT_MATH_AVX2) return &feat_exact_avx2;
#endif
    (void)level;
    return &feat_exact_baseline;
}

#endif
