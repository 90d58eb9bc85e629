#include "math/trigonometry.h"

#include <math.h>
#include <stdbool.h>

#include "math/trigonometry_table.h"

/* A value alone takes the numbers of one of two rows; loops over many choose lane by lane. */
#define FEAT_CIRCLE_PICK(odd, name) circle_numbers[(odd)&1].name

static const struct {
    double factor, inverse, other, c0, c1, c2, c3, c4, c5;
} circle_numbers[2] = {
    {1.0 / 6.0, 6.0, 0.5, FEAT_SIN_C5, FEAT_SIN_C7, FEAT_SIN_C9, FEAT_SIN_C11, FEAT_SIN_C13, FEAT_SIN_C15},
    {0.5, 2.0, 1.0 / 6.0, FEAT_COS_C4, FEAT_COS_C6, FEAT_COS_C8, FEAT_COS_C10, FEAT_COS_C12, FEAT_COS_C14},
};

#include "math/inverse_core.h"
#include "math/reduce.h"
#include "math/trigonometry_core.h"
#include "math/trigonometry_level.h"

#define NAN_VALUE      feat_double_of_bits(FEAT_NAN_BITS)
#define RARELY(x)      __builtin_expect((x) != 0, 0)
#define IS_INFINITE(x) (fabs(x) == HUGE_VAL)

/* A function of one argument: its core, or `rare` where that says so. */
#define FUNCTION1(name, rare)                                                                                          \
    double feat_##name(double x) {                                                                                     \
        uint64_t special;                                                                                              \
        double y = feat_##name##_core(x, &special);                                                                    \
        return RARELY(FEAT_IS_SPECIAL(special)) ? rare(x) : y;                                                         \
    }

/* ---- sine, cosine, tangent ---- */

/* Of a finite size of 1/2 or more. */
static feat_quarters exact_quarters(double size) {
    feat_quarters q;
    q.n = feat_reduce_angle(size, &q.r.hi, &q.r.lo);
    return q;
}

static double sin_rare(double x) {
    double size = fabs(x);
    if (!(size < HUGE_VAL)) return NAN_VALUE;
    return feat_flipped(feat_sin_of(exact_quarters(size)), feat_double_bits(x));
}
FUNCTION1(sin, sin_rare)

static double cos_rare(double x) {
    double size = fabs(x);
    return size < HUGE_VAL ? feat_cos_of(exact_quarters(size)) : NAN_VALUE;
}
FUNCTION1(cos, cos_rare)

static double tan_rare(double x) {
    double size = fabs(x);
    if (!(size < HUGE_VAL)) return NAN_VALUE;
    feat_quarters q = exact_quarters(size);
    uint64_t odd = feat_is_odd(q.n);
    return feat_flipped(feat_tan_of(q, odd), feat_double_bits(x) ^ odd);
}
FUNCTION1(tan, tan_rare)

static double cot_rare(double x) {
    double size = fabs(x);
    if (size < 0.5) return 1.0 / x; /* far below 2^-900 */
    if (!(size < HUGE_VAL)) return NAN_VALUE;
    feat_quarters q = exact_quarters(size);
    uint64_t odd = feat_is_odd(q.n);
    return feat_flipped(feat_tan_of(q, ~odd), feat_double_bits(x) ^ odd);
}
FUNCTION1(cot, cot_rare)

/* ---- their inverses ---- */

static double asin_rare(double x) { return fabs(x) == 1.0 ? feat_with_sign(FEAT_HALF_PI_HIGH, x) : NAN_VALUE; }
FUNCTION1(asin, asin_rare)

static double acos_rare(double x) {
    if (x == 1.0) return 0.0;
    return x == -1.0 ? FEAT_PI_HIGH : NAN_VALUE;
}
FUNCTION1(acos, acos_rare)

static double atan_rare(double x) { return x == x ? feat_with_sign(FEAT_HALF_PI_HIGH, x) : NAN_VALUE; }
FUNCTION1(atan, atan_rare)

/* 2^k times a number between 1 and 2 is x; 0 and infinities lie far out. */
static int exponent_of(double x) {
    if (x == 0.0) return -5000;
    if (IS_INFINITE(x)) return 5000;
    int shift = fabs(x) < 0x1p-1022 ? 60 : 0;
    return (int)(feat_magnitude_bits(shift ? x * 0x1p60 : x) >> 52) - 1023 - shift;
}

/* x 2^by in two steps: none loses a bit when the result is normal. */
static double moved(double x, int by) {
    int first = by / 2;
    return x * feat_double_of_bits((uint64_t)(first + 1023) << 52) *
           feat_double_of_bits((uint64_t)(by - first + 1023) << 52);
}

/* The angle of a point of which one part is zero, infinite, or nothing beside the other. */
static double angle_on_axis(double y, double x, bool steep) {
    if (steep) return FEAT_HALF_PI_HIGH;
    if (feat_double_bits(x) >> 63) return FEAT_PI_HIGH;
    return y == 0.0 || IS_INFINITE(x) ? 0.0 : fabs(y) / x;
}

static double atan2_rare(double y, double x) {
    if (x != x || y != y) return NAN_VALUE;
    double angle;
    int y_exponent = exponent_of(y), x_exponent = exponent_of(x), steepness = y_exponent - x_exponent;
    if (IS_INFINITE(x) && IS_INFINITE(y)) {
        angle = x > 0.0 ? FEAT_HALF_PI_HIGH / 2.0 : 0x1.2d97c7f3321d2p+1; /* 3 pi / 4 */
    } else if (y != 0.0 && steepness > -70 && steepness < 70) {
        uint64_t special;
        angle = feat_atan2_core(moved(fabs(y), -y_exponent), moved(x, -y_exponent), &special);
    } else {
        angle = angle_on_axis(y, x, y != 0.0 && steepness > 0);
    }
    return feat_with_sign(angle, y);
}
double feat_atan2(double y, double x) {
    uint64_t special;
    double angle = feat_atan2_core(y, x, &special);
    return RARELY(FEAT_IS_SPECIAL(special)) ? atan2_rare(y, x) : angle;
}

/* ---- inverses of the hyperbolic functions ---- */

/* log(2 x) of a large x */
static double log_of_double(double x) {
    if (x == HUGE_VAL) return x;
    double scale;
    feat_dd l = feat_log_finish(feat_log_reduce(feat_double_bits(x), &scale));
    feat_dd sum = feat_dd_fast(l.hi, FEAT_LN2_HIGH);
    return sum.hi + (sum.lo + (l.lo + FEAT_LN2_LOW));
}

static double asinh_rare(double x) { return x == x ? feat_with_sign(log_of_double(fabs(x)), x) : NAN_VALUE; }
FUNCTION1(asinh, asinh_rare)

static double acosh_rare(double x) {
    if (!(x >= 1.0)) return NAN_VALUE;
    return x == 1.0 ? 0.0 : log_of_double(x);
}
FUNCTION1(acosh, acosh_rare)

static double atanh_rare(double x) { return fabs(x) == 1.0 ? feat_with_sign(HUGE_VAL, x) : NAN_VALUE; }
FUNCTION1(atanh, atanh_rare)

/* ---- roots ---- */

static double cbrt_rare(double x) {
    if (x != x) return NAN_VALUE;
    if (x == 0.0 || IS_INFINITE(x)) return x;
    uint64_t special;
    return feat_cbrt_core(x * 0x1p60, &special) * 0x1p-20;
}
FUNCTION1(cbrt, cbrt_rare)

static double hypot_rare(double x, double y) {
    if (IS_INFINITE(x) || IS_INFINITE(y)) return HUGE_VAL;
    if (x != x || y != y) return NAN_VALUE;
    if (x == 0.0) return fabs(y);
    if (y == 0.0) return fabs(x);
    uint64_t special;
    if (fabs(x) > 1.0 || fabs(y) > 1.0) return feat_hypot_core(x * 0x1p-600, y * 0x1p-600, &special) * 0x1p600;
    feat_dd root = feat_hypot_dd(x * 0x1p700, y * 0x1p700, &special);
    /* Beside 2^-322 a place of the subnormal result is the last one that a double has, so that it is rounded once. */
    const double beside = 0x1p-322;
    if (root.hi >= beside) return (root.hi + root.lo) * 0x1p-700;
    feat_dd sum = feat_dd_fast(beside, root.hi);
    return ((sum.hi + (sum.lo + root.lo)) - beside) * 0x1p-700;
}
double feat_hypot(double x, double y) {
    uint64_t special;
    double root = feat_hypot_core(x, y, &special);
    return RARELY(FEAT_IS_SPECIAL(special)) ? hypot_rare(x, y) : root;
}

/* ---- arrays ---- */

static const feat_trigonometry_table *table_of(feat_math_level level) {
#ifdef FEAT_MATH_X86
    if (level == FEAT_MATH_AVX512) return &feat_trigonometry_avx512;
    if (level == FEAT_MATH_AVX2) return &feat_trigonometry_avx2;
#endif
    (void)level;
    return &feat_trigonometry_baseline;
}

#define ARRAY1(name)                                                                                                   \
    void feat_##name##_array(feat_math_level level, const double *x, double *out, size_t n) {                          \
        table_of(level)->name(x, out, n);                                                                              \
    }

ARRAY1(sin)
ARRAY1(cos)
ARRAY1(tan)
ARRAY1(cot)
ARRAY1(asin)
ARRAY1(acos)
ARRAY1(atan)
ARRAY1(asinh)
ARRAY1(acosh)
ARRAY1(atanh)
ARRAY1(cbrt)

void feat_atan2_array(feat_math_level level, const double *y, const double *x, double *out, size_t n) {
    table_of(level)->atan2(y, x, out, n);
}

void feat_hypot_array(feat_math_level level, const double *x, const double *y, double *out, size_t n) {
    table_of(level)->hypot(x, y, out, n);
}
