/* Loops over arrays around trigonometry_core.h, inverse_core.h and root_core.h. Included once by each file that
 * compiles them for a processor, after it has named the table FEAT_TRIGONOMETRY_TABLE.
 *
 * A block of lanes goes through the core whatever it holds; lanes that were special are then computed again one by one.
 * The loops have a constant number of turns and no branch: compilers make vector code of them at -O2 too. */
#include <string.h>

#include "math/inverse_core.h"
#include "math/trigonometry.h"
#include "math/trigonometry_level.h"

#define LANES 64
/* Loops that are taken out of their function lose what `restrict` says. */
#define NOT_INLINE __attribute__((noinline))

#define LANES1(name)                                                                                                   \
    static NOT_INLINE uint64_t name##_block(const double *restrict x, double *restrict out,                            \
                                            uint64_t *restrict specials) {                                             \
        FEAT_U any = {0};                                                                                              \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {                                                             \
            FEAT_U special;                                                                                            \
            feat_store(out + i, feat_##name##_core(feat_load(x + i), &special));                                       \
            feat_store_words(specials + i, special);                                                                   \
            any |= special;                                                                                            \
        }                                                                                                              \
        return FEAT_IS_SPECIAL(feat_any(any));                                                                         \
    }                                                                                                                  \
    static void name##_lanes(const double *x, double *out) {                                                           \
        uint64_t specials[LANES];                                                                                      \
        if (!name##_block(x, out, specials)) return;                                                                   \
        for (size_t i = 0; i < LANES; i++)                                                                             \
            if (FEAT_IS_SPECIAL(specials[i])) out[i] = feat_##name(x[i]);                                              \
    }                                                                                                                  \
    static void name##_array(const double *x, double *out, size_t n) {                                                 \
        size_t i = 0;                                                                                                  \
        for (; n - i >= LANES; i += LANES) name##_lanes(x + i, out + i);                                               \
        if (i == n) return;                                                                                            \
        double a[LANES], result[LANES];                                                                                \
        memcpy(a, x + i, (n - i) * sizeof *a);                                                                         \
        for (size_t k = n - i; k < LANES; k++) a[k] = x[i];                                                            \
        name##_lanes(a, result);                                                                                       \
        memcpy(out + i, result, (n - i) * sizeof *out);                                                                \
    }

#define LANES2(name)                                                                                                   \
    static NOT_INLINE uint64_t name##_block(const double *restrict x, const double *restrict y, double *restrict out,  \
                                            uint64_t *restrict specials) {                                             \
        FEAT_U any = {0};                                                                                              \
        for (size_t i = 0; i < LANES; i += FEAT_F_LANES) {                                                             \
            FEAT_U special;                                                                                            \
            feat_store(out + i, feat_##name##_core(feat_load(x + i), feat_load(y + i), &special));                     \
            feat_store_words(specials + i, special);                                                                   \
            any |= special;                                                                                            \
        }                                                                                                              \
        return FEAT_IS_SPECIAL(feat_any(any));                                                                         \
    }                                                                                                                  \
    static void name##_lanes(const double *x, const double *y, double *out) {                                          \
        uint64_t specials[LANES];                                                                                      \
        if (!name##_block(x, y, out, specials)) return;                                                                \
        for (size_t i = 0; i < LANES; i++)                                                                             \
            if (FEAT_IS_SPECIAL(specials[i])) out[i] = feat_##name(x[i], y[i]);                                        \
    }                                                                                                                  \
    static void name##_array(const double *x, const double *y, double *out, size_t n) {                                \
        size_t i = 0;                                                                                                  \
        for (; n - i >= LANES; i += LANES) name##_lanes(x + i, y + i, out + i);                                        \
        if (i == n) return;                                                                                            \
        double a[LANES], b[LANES], result[LANES];                                                                      \
        memcpy(a, x + i, (n - i) * sizeof *a);                                                                         \
        memcpy(b, y + i, (n - i) * sizeof *b);                                                                         \
        for (size_t k = n - i; k < LANES; k++) a[k] = x[i], b[k] = y[i];                                               \
        name##_lanes(a, b, result);                                                                                    \
        memcpy(out + i, result, (n - i) * sizeof *out);                                                                \
    }

LANES1(sin)
LANES1(cos)
LANES1(tan)
LANES1(cot)
LANES1(asin)
LANES1(acos)
LANES1(atan)
LANES1(asinh)
LANES1(acosh)
LANES1(atanh)
LANES1(cbrt)
LANES2(atan2)
LANES2(hypot)

const feat_trigonometry_table FEAT_TRIGONOMETRY_TABLE = {
    .sin = sin_array,
    .cos = cos_array,
    .tan = tan_array,
    .cot = cot_array,
    .asin = asin_array,
    .acos = acos_array,
    .atan = atan_array,
    .asinh = asinh_array,
    .acosh = acosh_array,
    .atanh = atanh_array,
    .cbrt = cbrt_array,
    .atan2 = atan2_array,
    .hypot = hypot_array,
};
