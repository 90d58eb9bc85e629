/* Loops over arrays around elementary_core.h. Included once by each file that compiles them for a processor, after it
 * has named the table FEAT_MATH_TABLE.
 *
 * A block of lanes goes through the core whatever it holds; then, if any lane was special, those lanes are computed
 * again one by one. The loops of the common case have a constant number of turns and no branch: where a value of the
 * core is one double, compilers make vector code of them at -O2 too. */
#include <string.h>

#include "math/elementary.h"
#include "math/elementary_core.h"
#include "math/elementary_level.h"

#define LANES 64
/* Loops that are taken out of their function lose what `restrict` says. */
#define NOT_INLINE __attribute__((noinline))

/* A last block, filled up with what is special to no function. */
static inline void fill_block(double *block, const double *x, size_t n) {
    memcpy(block, x, n * sizeof *x);
    for (; n < LANES; n++) block[n] = 0.5;
}

/* ---- one argument ---- */

#define LANES1(name)                                                                                                   \
    static void name##_lanes(const double *x, double *out) {                                                           \
        if (!name##_block(x, out)) return;                                                                             \
        uint64_t special[LANES];                                                                                       \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES)                                                               \
            feat_store_words(special + i, feat_##name##_special(feat_load(x + i)));                                    \
        for (size_t i = 0; i < LANES; i++)                                                                             \
            if (FEAT_IS_SPECIAL(special[i])) out[i] = feat_##name(x[i]);                                               \
    }                                                                                                                  \
    static void name##_array(const double *x, double *out, size_t n) {                                                 \
        size_t i = 0;                                                                                                  \
        for (; n - i >= LANES; i += LANES) name##_lanes(x + i, out + i);                                               \
        if (i == n) return;                                                                                            \
        double a[LANES], result[LANES];                                                                                \
        fill_block(a, x + i, n - i);                                                                                   \
        name##_lanes(a, result);                                                                                       \
        memcpy(out + i, result, (n - i) * sizeof *out);                                                                \
    }

/* In one loop. */
#define BLOCK1(name)                                                                                                   \
    static NOT_INLINE uint64_t name##_block(const double *restrict x, double *restrict out) {                          \
        FEAT_U special = {0};                                                                                          \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {                                                             \
            FEAT_F a = feat_load(x + i);                                                                               \
            feat_store(out + i, feat_##name##_core(a));                                                                \
            special |= feat_##name##_special(a);                                                                       \
        }                                                                                                              \
        return FEAT_IS_SPECIAL(feat_any(special));                                                                     \
    }                                                                                                                  \
    LANES1(name)

/* In two loops, where the constants of both are more than there are registers. */
#define HALVES1(name)                                                                                                  \
    static NOT_INLINE uint64_t name##_start(const double *restrict x, double *restrict high, double *restrict low) {   \
        FEAT_U special = {0};                                                                                          \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {                                                             \
            FEAT_F a = feat_load(x + i);                                                                               \
            feat_dd half = feat_##name##_start(a);                                                                     \
            feat_store(high + i, half.hi);                                                                             \
            feat_store(low + i, half.lo);                                                                              \
            special |= feat_##name##_special(a);                                                                       \
        }                                                                                                              \
        return FEAT_IS_SPECIAL(feat_any(special));                                                                     \
    }                                                                                                                  \
    static NOT_INLINE void name##_finish(const double *restrict x, const double *restrict high,                        \
                                         const double *restrict low, double *restrict out) {                           \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES)                                                               \
            feat_store(out + i,                                                                                        \
                       feat_##name##_finish(feat_load(x + i), (feat_dd){feat_load(high + i), feat_load(low + i)}));    \
    }                                                                                                                  \
    static uint64_t name##_block(const double *x, double *out) {                                                       \
        double high[LANES], low[LANES];                                                                                \
        uint64_t special = name##_start(x, high, low);                                                                 \
        name##_finish(x, high, low, out);                                                                              \
        return special;                                                                                                \
    }                                                                                                                  \
    LANES1(name)

BLOCK1(exp)
BLOCK1(exp2)
BLOCK1(expm1)
BLOCK1(log)
BLOCK1(log2)
BLOCK1(log10)
BLOCK1(log1p)
BLOCK1(sinh)
BLOCK1(cosh)
HALVES1(tanh)
HALVES1(sigmoid)
BLOCK1(logit)

/* ---- two arguments ---- */

static NOT_INLINE uint64_t log_base_block(const double *restrict x, const double *restrict y, double *restrict out,
                                          uint64_t *restrict specials) {
    FEAT_U any = {0};
    for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {
        FEAT_U special;
        feat_store(out + i, feat_log_base_core(feat_load(x + i), feat_load(y + i), &special));
        feat_store_words(specials + i, special);
        any |= special;
    }
    return FEAT_IS_SPECIAL(feat_any(any));
}

/* In two loops, as HALVES1. */
static NOT_INLINE uint64_t pow_exponents(const double *restrict x, const double *restrict y, double *restrict high,
                                         double *restrict low, uint64_t *restrict specials) {
    FEAT_U any = {0};
    for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {
        FEAT_F a = feat_load(x + i);
        feat_dd exponent = feat_pow_exponent(feat_to_bits(a), feat_load(y + i));
        feat_store(high + i, exponent.hi);
        feat_store(low + i, exponent.lo);
        FEAT_U special = feat_pow_special(a, exponent);
        feat_store_words(specials + i, special);
        any |= special;
    }
    return FEAT_IS_SPECIAL(feat_any(any));
}

static NOT_INLINE void pow_finish(const double *restrict high, const double *restrict low, double *restrict out) {
    for (size_t i = 0; i < LANES; i += FEAT_F_LANES)
        feat_store(out + i, feat_pow_finish((feat_dd){feat_load(high + i), feat_load(low + i)}));
}

static uint64_t pow_block(const double *x, const double *y, double *out, uint64_t *specials) {
    double high[LANES], low[LANES];
    uint64_t any = pow_exponents(x, y, high, low, specials);
    pow_finish(high, low, out);
    return any;
}

#define LANES2(name)                                                                                                   \
    static void name##_lanes(const double *x, const double *y, double *out) {                                          \
        uint64_t special[LANES];                                                                                       \
        if (!name##_block(x, y, out, special)) return;                                                                 \
        for (size_t i = 0; i < LANES; i++)                                                                             \
            if (FEAT_IS_SPECIAL(special[i])) out[i] = feat_##name(x[i], y[i]);                                         \
    }                                                                                                                  \
    static void name##_array(const double *x, const double *y, double *out, size_t n) {                                \
        size_t i = 0;                                                                                                  \
        for (; n - i >= LANES; i += LANES) name##_lanes(x + i, y + i, out + i);                                        \
        if (i == n) return;                                                                                            \
        double a[LANES], b[LANES], result[LANES];                                                                      \
        fill_block(a, x + i, n - i);                                                                                   \
        fill_block(b, y + i, n - i);                                                                                   \
        name##_lanes(a, b, result);                                                                                    \
        memcpy(out + i, result, (n - i) * sizeof *out);                                                                \
    }

LANES2(pow)
LANES2(log_base)

const feat_math_table FEAT_MATH_TABLE = {
    .exp = exp_array,
    .exp2 = exp2_array,
    .expm1 = expm1_array,
    .log = log_array,
    .log2 = log2_array,
    .log10 = log10_array,
    .log1p = log1p_array,
    .log_base = log_base_array,
    .pow = pow_array,
    .sinh = sinh_array,
    .cosh = cosh_array,
    .tanh = tanh_array,
    .sigmoid = sigmoid_array,
    .logit = logit_array,
};
