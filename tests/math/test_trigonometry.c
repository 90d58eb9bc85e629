/* Trigonometric functions, their inverses and roots: their distance from the exact ones, special values, and the loops
 * over arrays, which must give the bits of the functions of one value at every level. */
#include "math/trigonometry.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "math/number.h"
#include "random.h"
#include "ulp.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define TINY     0x1p-1074
#define LEAST    DBL_MIN
#define QUIET    NAN
#define PI       0x1.921fb54442d18p+1

typedef double function1(double);
typedef double function2(double, double);
typedef void array1(feat_math_level level, const double *x, double *out, size_t n);
typedef void array2(feat_math_level level, const double *x, const double *y, double *out, size_t n);

enum { SIN, COS, TAN, COT, ASIN, ACOS, ATAN, ASINH, ACOSH, ATANH, CBRT, FUNCTIONS };
enum { ATAN2, HYPOT, FUNCTIONS2 };

static const struct {
    const char *name;
    function1 *one;
    array1 *array;
    double low, high; /* where the loops are timed */
    function1 *libm;  /* timed beside ours */
} functions[FUNCTIONS] = {
    [SIN] = {"sin", feat_sin, feat_sin_array, -100, 100, sin},
    [COS] = {"cos", feat_cos, feat_cos_array, -100, 100, cos},
    [TAN] = {"tan", feat_tan, feat_tan_array, -100, 100, tan},
    [COT] = {"cot", feat_cot, feat_cot_array, -100, 100, tan},
    [ASIN] = {"asin", feat_asin, feat_asin_array, -1, 1, asin},
    [ACOS] = {"acos", feat_acos, feat_acos_array, -1, 1, acos},
    [ATAN] = {"atan", feat_atan, feat_atan_array, -5, 5, atan},
    [ASINH] = {"asinh", feat_asinh, feat_asinh_array, -5, 5, asinh},
    [ACOSH] = {"acosh", feat_acosh, feat_acosh_array, 1, 10, acosh},
    [ATANH] = {"atanh", feat_atanh, feat_atanh_array, -1, 1, atanh},
    [CBRT] = {"cbrt", feat_cbrt, feat_cbrt_array, -100, 100, cbrt},
};

static const struct {
    const char *name;
    function2 *one;
    array2 *array;
    function2 *libm;
} functions2[FUNCTIONS2] = {
    [ATAN2] = {"atan2", feat_atan2, feat_atan2_array, atan2},
    [HYPOT] = {"hypot", feat_hypot, feat_hypot_array, hypot},
};

/* ---- accuracy -------------------------------------------------------------------------------------------------- */

/* What is promised: a little above what was ever measured. */
#define WORST       0.61 /* 0.602 of cot over 10^8 arguments is the worst seen */
#define WORST_ROOTS 0.5001

#ifdef HAVE_MPFR

/* Doubles next to multiples of pi / 2, up to 2^53 of them; range[0] is the greatest number of binary digits. */
static double near_quarters(random_state *r, size_t i, size_t n, const double *range) {
    (void)i, (void)n;
    uint64_t k = random_u64(r) >> (64 - 1 - random_below(r, (uint64_t)range[0]));
    double x = (double)k * (PI / 2), moved;
    /* (double)k * (pi / 2) in two parts: the rest is added where it counts. */
    double high = feat_double_of_bits(feat_double_bits((double)k) & ~(uint64_t)0x7ffffff), low = (double)k - high;
    double half_high = 0x1.921fb5p+0, half_low = PI / 2 - half_high;
    moved = x + (((high * half_high - x) + high * half_low + low * half_high) + low * half_low + (double)k * 6.12e-17);
    uint64_t bits = feat_double_bits(moved);
    bits += random_below(r, 3) - 1;
    return x == 0.0 ? x : feat_double_of_bits(bits);
}

#define BITS(share)                                                                                                    \
    { feat_generate_bits, {0, 0}, share }
#define EVEN(low, high, share)                                                                                         \
    { feat_generate_even, {low, high}, share }
#define SCALE(low, high, share)                                                                                        \
    { feat_generate_scale, {low, high}, share }
#define SIGNED(low, high, share)                                                                                       \
    { feat_generate_scale_signed, {low, high}, share }
#define NEAR(x, span, share)                                                                                           \
    { feat_generate_near, {x, span}, share }
#define ABOUT(x, distance, share)                                                                                      \
    { feat_generate_about, {x, distance}, share }
#define QUARTERS(digits, share)                                                                                        \
    { near_quarters, {digits, 0}, share }
#define ALL_SMALL SIGNED(TINY, 1, 8), SIGNED(TINY, 0x1p-1000, 2), SIGNED(0x1p-70, 0x1p-3, 8)
/* 6381956970095103 2^797 is the double nearest to a multiple of pi / 2 (J.-M. Muller, Elementary Functions, 11.2). */
#define CIRCLE                                                                                                         \
    {                                                                                                                  \
        EVEN(-1, 1, 20), EVEN(-100, 100, 20), EVEN(-1e6, 1e6, 8), SIGNED(1e5, DBL_MAX, 10), BITS(4), QUARTERS(53, 8),  \
            QUARTERS(6, 4), NEAR(0x1p20, 4000, 1), NEAR(0x1.6ac5b262ca1ffp849, 4000, 1), ALL_SMALL                     \
    }
#define UNIT                                                                                                           \
    {                                                                                                                  \
        EVEN(-1, 1, 50), ABOUT(1, 0.5, 8), ABOUT(-1, 0.5, 8), NEAR(1, 4000, 1), NEAR(-1, 4000, 1), ABOUT(0.5, 0.2, 8), \
            ALL_SMALL                                                                                                  \
    }

static const struct {
    unsigned function;
    feat_mpfr1 *exact;
    feat_ulp_part parts[14];
} measurements[] = {
    {SIN, mpfr_sin, CIRCLE},
    {COS, mpfr_cos, CIRCLE},
    {TAN, mpfr_tan, CIRCLE},
    {COT, mpfr_cot, CIRCLE},
    {ASIN, mpfr_asin, UNIT},
    {ACOS, mpfr_acos, UNIT},
    {ATAN,
     mpfr_atan,
     {BITS(6), EVEN(-1, 1, 30), EVEN(-50, 50, 20), SIGNED(1, 0x1p60, 10), SIGNED(0x1p-8, 1, 10), ABOUT(1, 0.5, 4),
      NEAR(0x1p400, 4000, 1), ALL_SMALL}},
    {ASINH,
     mpfr_asinh,
     {BITS(6), EVEN(-1, 1, 30), EVEN(-50, 50, 20), SIGNED(1, DBL_MAX, 20), NEAR(0x1p500, 4000, 1), ALL_SMALL}},
    {ACOSH,
     mpfr_acosh,
     {EVEN(1, 2, 30), EVEN(1, 50, 20), SCALE(1, DBL_MAX, 20), NEAR(0x1p500, 4000, 1), NEAR(1, 4000, 1),
      ABOUT(1, 0.01, 20)}},
    {ATANH, mpfr_atanh, UNIT},
    {CBRT,
     mpfr_cbrt,
     {BITS(40), EVEN(-1, 1, 10), EVEN(-100, 100, 10), EVEN(0.5, 8, 25), SIGNED(TINY, LEAST, 10), NEAR(LEAST, 4000, 1),
      NEAR(8, 4000, 1)}},
};

START_TEST(test_accuracy) {
    const size_t n = feat_ulp_arguments();
    unsigned function = measurements[_i].function;
    size_t parts = 0;
    while (parts < COUNT(measurements[_i].parts) && measurements[_i].parts[parts].share) parts++;
    double where, worst = feat_ulp_worst_of(functions[function].one, measurements[_i].exact, measurements[_i].parts,
                                            parts, n, &where);
    printf("%-8s %.4f ulp at %a\n", functions[function].name, worst, where);
    ck_assert_msg(worst < (function == CBRT ? WORST_ROOTS : WORST), "%s(%a) is %.3f ulp off", functions[function].name,
                  where, worst);
}
END_TEST

static const struct {
    feat_generator *x;
    double x_range[2];
    feat_generator *y;
    double y_range[2];
    unsigned share;
} parts2[] = {
    {feat_generate_even, {-1, 1}, feat_generate_even, {-1, 1}, 30},
    {feat_generate_even, {-100, 100}, feat_generate_even, {-100, 100}, 10},
    {feat_generate_scale_signed, {0x1p-60, 0x1p60}, feat_generate_scale_signed, {0x1p-60, 0x1p60}, 20},
    {feat_generate_scale_signed, {0x1p-3, 0x1p3}, feat_generate_scale_signed, {0x1p-3, 0x1p3}, 20},
    {feat_generate_scale_signed, {0x1p-430, 0x1p-370}, feat_generate_scale_signed, {0x1p-430, 0x1p-370}, 5},
    {feat_generate_scale_signed, {0x1p370, 0x1p530}, feat_generate_scale_signed, {0x1p370, 0x1p530}, 5},
    {feat_generate_scale_signed, {0x1p1000, DBL_MAX}, feat_generate_scale_signed, {0x1p1000, DBL_MAX}, 3},
    {feat_generate_scale_signed, {TINY, 0x1p-1000}, feat_generate_scale_signed, {TINY, 0x1p-1000}, 3},
    {feat_generate_bits, {0, 0}, feat_generate_bits, {0, 0}, 4},
};

START_TEST(test_accuracy2) {
    const size_t n = feat_ulp_arguments() / 100;
    feat_mpfr2 *exact = _i == ATAN2 ? mpfr_atan2 : mpfr_hypot;
    double worst = 0, at[2] = {0, 0};
    for (size_t k = 0; k < COUNT(parts2); k++) {
        double where[2], error = feat_ulp_worst2(functions2[_i].one, exact, parts2[k].x, parts2[k].x_range, parts2[k].y,
                                                 parts2[k].y_range, n * parts2[k].share, where);
        if (error > worst) worst = error, at[0] = where[0], at[1] = where[1];
    }
    printf("%-8s %.4f ulp at %a, %a\n", functions2[_i].name, worst, at[0], at[1]);
    ck_assert_msg(worst < (_i == HYPOT ? WORST_ROOTS : WORST), "%s(%a, %a) is %.3f ulp off", functions2[_i].name, at[0],
                  at[1], worst);
}
END_TEST

#endif

/* ---- special values -------------------------------------------------------------------------------------------- */

static void assert_value(const char *name, double x, double actual, double expected) {
    expected = feat_double_canonical(expected);
    ck_assert_msg(feat_double_bits(actual) == feat_double_bits(expected), "%s(%a) is %a, not %a", name, x, actual,
                  expected);
}

static const struct {
    unsigned function;
    double x, value;
} specials[] = {
    {SIN, 0.0, 0.0},
    {SIN, -0.0, -0.0},
    {SIN, INFINITY, QUIET},
    {SIN, -INFINITY, QUIET},
    {SIN, TINY, TINY},
    {SIN, -TINY, -TINY},
    {SIN, PI, 0x1.1a62633145c07p-53},
    {COS, 0.0, 1.0},
    {COS, -0.0, 1.0},
    {COS, INFINITY, QUIET},
    {COS, -INFINITY, QUIET},
    {COS, TINY, 1.0},
    {COS, PI, -1.0},
    {COS, PI / 2, 0x1.1a62633145c07p-54},
    {TAN, 0.0, 0.0},
    {TAN, -0.0, -0.0},
    {TAN, INFINITY, QUIET},
    {TAN, -INFINITY, QUIET},
    {TAN, TINY, TINY},
    {TAN, -TINY, -TINY},
    {TAN, PI / 2, 0x1.d02967c31cdb5p+53},
    {COT, 0.0, INFINITY},
    {COT, -0.0, -INFINITY},
    {COT, INFINITY, QUIET},
    {COT, -INFINITY, QUIET},
    {COT, TINY, INFINITY},
    {COT, 0x1p-1000, 0x1p1000},
    {ASIN, 0.0, 0.0},
    {ASIN, -0.0, -0.0},
    {ASIN, 1.0, PI / 2},
    {ASIN, -1.0, -PI / 2},
    {ASIN, 0x1.0000000000001p0, QUIET},
    {ASIN, -0x1.0000000000001p0, QUIET},
    {ASIN, INFINITY, QUIET},
    {ASIN, -INFINITY, QUIET},
    {ASIN, TINY, TINY},
    {ACOS, 1.0, 0.0},
    {ACOS, -1.0, PI},
    {ACOS, 0.0, PI / 2},
    {ACOS, -0.0, PI / 2},
    {ACOS, 0x1.0000000000001p0, QUIET},
    {ACOS, -0x1.0000000000001p0, QUIET},
    {ACOS, INFINITY, QUIET},
    {ACOS, -INFINITY, QUIET},
    {ATAN, 0.0, 0.0},
    {ATAN, -0.0, -0.0},
    {ATAN, INFINITY, PI / 2},
    {ATAN, -INFINITY, -PI / 2},
    {ATAN, 1.0, PI / 4},
    {ATAN, DBL_MAX, PI / 2},
    {ATAN, -TINY, -TINY},
    {ASINH, 0.0, 0.0},
    {ASINH, -0.0, -0.0},
    {ASINH, INFINITY, INFINITY},
    {ASINH, -INFINITY, -INFINITY},
    {ASINH, -TINY, -TINY},
    {ACOSH, 1.0, 0.0},
    {ACOSH, INFINITY, INFINITY},
    {ACOSH, -INFINITY, QUIET},
    {ACOSH, 0x1.fffffffffffffp-1, QUIET},
    {ACOSH, 0.0, QUIET},
    {ACOSH, -1.0, QUIET},
    {ATANH, 0.0, 0.0},
    {ATANH, -0.0, -0.0},
    {ATANH, 1.0, INFINITY},
    {ATANH, -1.0, -INFINITY},
    {ATANH, 0x1.0000000000001p0, QUIET},
    {ATANH, INFINITY, QUIET},
    {ATANH, -INFINITY, QUIET},
    {ATANH, TINY, TINY},
    {CBRT, 0.0, 0.0},
    {CBRT, -0.0, -0.0},
    {CBRT, INFINITY, INFINITY},
    {CBRT, -INFINITY, -INFINITY},
    {CBRT, 27.0, 3.0},
    {CBRT, -8.0, -2.0},
    {CBRT, 0x1p-1074, 0x1p-358},
    {CBRT, -0x1p-1071, -0x1p-357},
    {CBRT, 0x1p-1074 * 27, 0x1.8p-357},
};

START_TEST(test_specials) {
    for (size_t i = 0; i < COUNT(specials); i++) {
        unsigned f = specials[i].function;
        assert_value(functions[f].name, specials[i].x, functions[f].one(specials[i].x), specials[i].value);
    }
    /* Every NaN comes out as the same. */
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        assert_value(functions[f].name, NAN, functions[f].one(feat_double_of_bits(UINT64_C(0xfff0000000000001))), NAN);
        assert_value(functions[f].name, NAN, functions[f].one(-NAN), NAN);
    }
}
END_TEST

/* C99, F.9.1.4 and F.9.4.3 */
static const struct {
    unsigned function;
    double a, b, value;
} specials2[] = {
    {ATAN2, 0.0, -0.0, PI},
    {ATAN2, -0.0, -0.0, -PI},
    {ATAN2, 0.0, 0.0, 0.0},
    {ATAN2, -0.0, 0.0, -0.0},
    {ATAN2, 0.0, -1.0, PI},
    {ATAN2, -0.0, -1.0, -PI},
    {ATAN2, 0.0, -TINY, PI},
    {ATAN2, 0.0, 1.0, 0.0},
    {ATAN2, -0.0, 1.0, -0.0},
    {ATAN2, -1.0, 0.0, -PI / 2},
    {ATAN2, -1.0, -0.0, -PI / 2},
    {ATAN2, 1.0, 0.0, PI / 2},
    {ATAN2, 1.0, -0.0, PI / 2},
    {ATAN2, TINY, 0.0, PI / 2},
    {ATAN2, 1.0, -INFINITY, PI},
    {ATAN2, -1.0, -INFINITY, -PI},
    {ATAN2, 0.0, -INFINITY, PI},
    {ATAN2, 1.0, INFINITY, 0.0},
    {ATAN2, -1.0, INFINITY, -0.0},
    {ATAN2, DBL_MAX, INFINITY, 0.0},
    {ATAN2, INFINITY, 1.0, PI / 2},
    {ATAN2, -INFINITY, 1.0, -PI / 2},
    {ATAN2, INFINITY, -DBL_MAX, PI / 2},
    {ATAN2, INFINITY, 0.0, PI / 2},
    {ATAN2, INFINITY, -INFINITY, 0x1.2d97c7f3321d2p+1},
    {ATAN2, -INFINITY, -INFINITY, -0x1.2d97c7f3321d2p+1},
    {ATAN2, INFINITY, INFINITY, PI / 4},
    {ATAN2, -INFINITY, INFINITY, -PI / 4},
    {ATAN2, NAN, 1.0, NAN},
    {ATAN2, 1.0, NAN, NAN},
    {ATAN2, NAN, INFINITY, NAN},
    {ATAN2, 0.0, NAN, NAN},
    {ATAN2, TINY, 1.0, TINY},
    {ATAN2, -TINY, 2.0, -0.0},
    {ATAN2, TINY, -1.0, PI},
    {ATAN2, TINY, TINY, PI / 4},
    {ATAN2, DBL_MAX, DBL_MAX, PI / 4},
    {ATAN2, DBL_MAX, TINY, PI / 2},
    {ATAN2, TINY, DBL_MAX, 0.0},
    {ATAN2, 1.0, -1.0, 0x1.2d97c7f3321d2p+1},
    {HYPOT, INFINITY, NAN, INFINITY},
    {HYPOT, NAN, INFINITY, INFINITY},
    {HYPOT, -INFINITY, NAN, INFINITY},
    {HYPOT, NAN, -INFINITY, INFINITY},
    {HYPOT, INFINITY, 0.0, INFINITY},
    {HYPOT, 1.0, NAN, NAN},
    {HYPOT, NAN, 0.0, NAN},
    {HYPOT, NAN, NAN, NAN},
    {HYPOT, 0.0, 0.0, 0.0},
    {HYPOT, -0.0, -0.0, 0.0},
    {HYPOT, -0.0, 0.0, 0.0},
    {HYPOT, -3.0, 4.0, 5.0},
    {HYPOT, 0.0, -TINY, TINY},
    {HYPOT, 3 * TINY, 4 * TINY, 5 * TINY},
    {HYPOT, 0x1.8p1001, 0x1p1002, 0x1.4p1002},
    {HYPOT, DBL_MAX, 0.0, DBL_MAX},
    {HYPOT, DBL_MAX, TINY, DBL_MAX},
    {HYPOT, DBL_MAX, DBL_MAX, INFINITY},
    {HYPOT, 1.0, 0x1p-60, 1.0},
};

START_TEST(test_specials2) {
    for (size_t i = 0; i < COUNT(specials2); i++) {
        unsigned f = specials2[i].function;
        assert_value(functions2[f].name, specials2[i].a, functions2[f].one(specials2[i].a, specials2[i].b),
                     specials2[i].value);
        if (f == HYPOT)
            assert_value("hypot", specials2[i].b, feat_hypot(specials2[i].b, specials2[i].a), specials2[i].value);
    }
}
END_TEST

START_TEST(test_symmetry) {
    random_state r = {7};
    for (int i = 0; i < 100000; i++) {
        double x = feat_double_of_bits(random_u64(&r)), y = feat_double_of_bits(random_u64(&r));
        if (x != x || y != y) continue;
        for (unsigned f = 0; f < FUNCTIONS; f++) {
            if (f == ACOS || f == ACOSH) continue;
            double a = functions[f].one(x);
            assert_value(functions[f].name, x, functions[f].one(-x), f == COS || a != a ? a : -a);
        }
        assert_value("hypot", x, feat_hypot(x, y), feat_hypot(-y, x));
        assert_value("atan2", x, feat_atan2(-y, x), -feat_atan2(y, x));
        double whole = (double)(random_u64(&r) >> 47);
        assert_value("cbrt", whole, feat_cbrt(whole * whole * whole), whole);
    }
}
END_TEST

/* ---- arrays ---------------------------------------------------------------------------------------------------- */

static double any_argument(random_state *r) {
    static const double corners[] = {0.0,
                                     -0.0,
                                     1.0,
                                     -1.0,
                                     0.5,
                                     -0.5,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     DBL_MAX,
                                     DBL_MIN,
                                     TINY,
                                     -TINY,
                                     0x1p20,
                                     -0x1p20,
                                     1e22,
                                     PI,
                                     PI / 2,
                                     -PI,
                                     0x1p-400,
                                     0x1p400,
                                     0x1p500,
                                     0x1.6ac5b262ca1ffp849,
                                     1e6,
                                     6.283185307179586,
                                     8.0,
                                     1.0 / 32};
    double unit = (double)(random_u64(r) >> 11) * 0x1p-53;
    switch (random_below(r, 8)) {
    case 0: return feat_double_of_bits(random_u64(r));
    case 1: return corners[random_below(r, COUNT(corners))];
    case 2: return 2e6 * unit - 1e6;
    case 3: return 1.0 + (unit - 0.5) * feat_double_of_bits((1023 - random_below(r, 53)) << 52);
    case 4: return unit;
    default: return 40.0 * unit - 20.0;
    }
}

/* Common arguments only, special ones only, both. */
static void fill(random_state *r, unsigned kind, const double range[2], double *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool common = kind == 0 || (kind == 2 && random_below(r, 100) != 0);
        x[i] = common ? feat_generate_even(r, i, n, range) : any_argument(r);
    }
}

enum { LENGTH = 1000, SLACK = 8 };

START_TEST(test_arrays) {
    unsigned f = (unsigned)_i;
    random_state r = {f + 1};
    double range[2] = {functions[f].low, functions[f].high};
    static double x[LENGTH + SLACK], out[LENGTH + SLACK];
    for (unsigned level = 0; level <= (unsigned)feat_math_level_best(); level++) {
        for (unsigned round = 0; round < 300; round++) {
            fill(&r, round % 3, range, x, COUNT(x));
            size_t n = round < 200 ? round : LENGTH, shift = random_below(&r, SLACK);
            for (size_t i = 0; i < COUNT(out); i++) out[i] = -77.0;
            functions[f].array((feat_math_level)level, x + shift, out + shift, n);
            for (size_t i = 0; i < COUNT(out); i++) {
                double expected = i >= shift && i < shift + n ? functions[f].one(x[i]) : -77.0;
                ck_assert_msg(feat_double_bits(out[i]) == feat_double_bits(expected),
                              "level %u, n = %zu: element %zu, %s(%a), is %a, not %a", level, n, i, functions[f].name,
                              x[i], out[i], expected);
            }
        }
    }
}
END_TEST

START_TEST(test_arrays2) {
    unsigned f = (unsigned)_i;
    random_state r = {99 + f};
    static double x[LENGTH + SLACK], y[LENGTH + SLACK], out[LENGTH + SLACK];
    for (unsigned level = 0; level <= (unsigned)feat_math_level_best(); level++) {
        for (unsigned round = 0; round < 600; round++) {
            fill(&r, round % 3, (const double[]){-5.0, 5.0}, x, COUNT(x));
            fill(&r, round / 3 % 3, (const double[]){-5.0, 5.0}, y, COUNT(y));
            size_t n = round < 200 ? round : LENGTH, shift = random_below(&r, SLACK);
            for (size_t i = 0; i < COUNT(out); i++) out[i] = -77.0;
            functions2[f].array((feat_math_level)level, x + shift, y + shift, out + shift, n);
            for (size_t i = 0; i < COUNT(out); i++) {
                double expected = i >= shift && i < shift + n ? functions2[f].one(x[i], y[i]) : -77.0;
                ck_assert_msg(feat_double_bits(out[i]) == feat_double_bits(expected),
                              "level %u, n = %zu: element %zu, %s(%a, %a), is %a, not %a", level, n, i,
                              functions2[f].name, x[i], y[i], out[i], expected);
            }
        }
    }
}
END_TEST

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* What the loops gain on one value at a time, and the system's function beside. Printed, not judged: other programs
 * disturb. */
START_TEST(test_gain) {
    static double x[LENGTH], out[LENGTH];
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        random_state r = {f};
        fill(&r, 0, (const double[]){functions[f].low, functions[f].high}, x, LENGTH);
        double taken[FEAT_MATH_LEVELS + 2] = {0};
        unsigned levels = (unsigned)feat_math_level_best() + 1;
        for (unsigned k = 0; k <= levels + 1; k++) {
            double best = HUGE_VAL;
            function1 *one = k == levels ? functions[f].one : functions[f].libm;
            for (int round = 0; round < 30; round++) {
                double start = seconds();
                if (k < levels) functions[f].array((feat_math_level)k, x, out, LENGTH);
                else
                    for (size_t i = 0; i < LENGTH; i++) out[i] = one(x[i]);
                double time = seconds() - start;
                if (time < best) best = time;
            }
            taken[k] = best;
        }
        printf("%-8s %6.2f ns alone (the system's %6.2f); arrays", functions[f].name, taken[levels] / LENGTH * 1e9,
               taken[levels + 1] / LENGTH * 1e9);
        for (unsigned k = 0; k < levels; k++) printf("  x%.1f", taken[levels] / taken[k]);
        printf("\n");
    }
}
END_TEST

/* ---- the same bits everywhere ---------------------------------------------------------------------------------- */

/* Of results over fixed arguments: a processor, compiler or flag that changes a bit changes it. It changes with every
 * intended change of a function, too; then take the new one. */
#define DIGEST UINT64_C(0xa233bad94bfda64d)

static void digest(uint64_t *state, double value) {
    *state = (*state ^ feat_double_bits(value)) * UINT64_C(0x100000001b3);
    *state ^= *state >> 29;
}

START_TEST(test_same_bits) {
    random_state r = {2024};
    uint64_t state = 1;
    for (int i = 0; i < 200000; i++) {
        double x = any_argument(&r), y = any_argument(&r);
        for (unsigned f = 0; f < FUNCTIONS; f++) digest(&state, functions[f].one(x));
        for (unsigned f = 0; f < FUNCTIONS2; f++) digest(&state, functions2[f].one(x, y));
    }
    ck_assert_msg(state == DIGEST, "results have changed: their digest is 0x%016llx", (unsigned long long)state);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("math/trigonometry");
    TCase *tc = tcase_create("accuracy");
    tcase_set_timeout(tc, 0);
#ifdef HAVE_MPFR
    tcase_add_loop_test(tc, test_accuracy, 0, (int)COUNT(measurements));
    tcase_add_loop_test(tc, test_accuracy2, 0, FUNCTIONS2);
#else
    printf("MPFR is missing: errors are not measured\n");
#endif
    suite_add_tcase(suite, tc);
    tc = tcase_create("values");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_specials);
    tcase_add_test(tc, test_specials2);
    tcase_add_test(tc, test_symmetry);
    tcase_add_test(tc, test_same_bits);
    suite_add_tcase(suite, tc);
    tc = tcase_create("arrays");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_arrays, 0, FUNCTIONS);
    tcase_add_loop_test(tc, test_arrays2, 0, FUNCTIONS2);
    tcase_add_test(tc, test_gain);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
