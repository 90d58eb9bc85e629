/* Elementary functions: their distance from the exact ones, special values, and the loops over arrays, which must give
 * the bits of the functions of one value at every level. */
#include "math/elementary.h"

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

typedef double function1(double);
typedef void array1(feat_math_level level, const double *x, double *out, size_t n);

enum { EXP, EXP2, EXPM1, LOG, LOG2, LOG10, LOG1P, SINH, COSH, TANH, SIGMOID, LOGIT, FUNCTIONS };

static const struct {
    const char *name;
    function1 *one;
    array1 *array;
    double low, high; /* where the loops are timed */
} functions[FUNCTIONS] = {
    [EXP] = {"exp", feat_exp, feat_exp_array, -20, 20},
    [EXP2] = {"exp2", feat_exp2, feat_exp2_array, -20, 20},
    [EXPM1] = {"expm1", feat_expm1, feat_expm1_array, -5, 5},
    [LOG] = {"log", feat_log, feat_log_array, 1e-3, 100},
    [LOG2] = {"log2", feat_log2, feat_log2_array, 1e-3, 100},
    [LOG10] = {"log10", feat_log10, feat_log10_array, 1e-3, 100},
    [LOG1P] = {"log1p", feat_log1p, feat_log1p_array, -0.9, 10},
    [SINH] = {"sinh", feat_sinh, feat_sinh_array, -5, 5},
    [COSH] = {"cosh", feat_cosh, feat_cosh_array, -5, 5},
    [TANH] = {"tanh", feat_tanh, feat_tanh_array, -5, 5},
    [SIGMOID] = {"sigmoid", feat_sigmoid, feat_sigmoid_array, -10, 10},
    [LOGIT] = {"logit", feat_logit, feat_logit_array, 0, 1},
};

/* ---- accuracy -------------------------------------------------------------------------------------------------- */

/* What elementary.h promises. */
#define WORST 0.55

#ifdef HAVE_MPFR

static int exact_sigmoid(mpfr_t out, const mpfr_t x, mpfr_rnd_t round) {
    mpfr_t t;
    mpfr_init2(t, 160);
    mpfr_neg(t, x, round);
    mpfr_exp(t, t, round);
    mpfr_add_ui(t, t, 1, round);
    int inexact = mpfr_ui_div(out, 1, t, round);
    mpfr_clear(t);
    return inexact;
}

static int exact_logit(mpfr_t out, const mpfr_t x, mpfr_rnd_t round) {
    mpfr_t t;
    mpfr_init2(t, 240);
    mpfr_ui_sub(t, 1, x, round); /* about 1/2 the logarithm cancels as many bits as a double has */
    mpfr_div(t, x, t, round);
    int inexact = mpfr_log(out, t, round);
    mpfr_clear(t);
    return inexact;
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
#define ALL_SMALL SIGNED(TINY, 1, 10), SIGNED(TINY, 0x1p-1000, 2), SIGNED(0x1p-70, 0x1p-3, 10)

static const struct {
    unsigned function;
    feat_mpfr1 *exact;
    feat_ulp_part parts[12];
} measurements[] = {
    {EXP,
     mpfr_exp,
     {BITS(6), EVEN(-1, 1, 30), EVEN(-50, 50, 20), EVEN(-746, 710, 20), EVEN(-746, -707, 10), EVEN(707, 709.8, 6),
      NEAR(709.782712893384, 4000, 1), NEAR(-745.1332191019411, 4000, 1), NEAR(-708.3964185322641, 4000, 1),
      SIGNED(TINY, 1, 5)}},
    {EXP2,
     mpfr_exp2,
     {BITS(6), EVEN(-1, 1, 30), EVEN(-50, 50, 20), EVEN(-1076, 1025, 20), EVEN(-1076, -1019, 10), EVEN(1019, 1024, 6),
      NEAR(1024, 4000, 1), NEAR(-1075, 4000, 1), NEAR(-1022, 4000, 1), SIGNED(TINY, 1, 5)}},
    {EXPM1,
     mpfr_expm1,
     {BITS(4), EVEN(-1, 1, 30), EVEN(-50, 50, 20), EVEN(-746, 710, 14), EVEN(707, 709.8, 6),
      NEAR(709.782712893384, 4000, 1), NEAR(-37.4, 4000, 1), NEAR(708, 4000, 1), ALL_SMALL}},
    {LOG,
     mpfr_log,
     {SCALE(TINY, DBL_MAX, 18), EVEN(0.5, 2, 30), EVEN(0.97, 1.03, 15), ABOUT(1, 0.5, 20), EVEN(0, 1000, 10),
      SCALE(TINY, LEAST, 4), NEAR(1, 4000, 1), NEAR(LEAST, 4000, 1), NEAR(DBL_MAX, 2, 1)}},
    {LOG2,
     mpfr_log2,
     {SCALE(TINY, DBL_MAX, 18), EVEN(0.5, 2, 30), EVEN(0.97, 1.03, 15), ABOUT(1, 0.5, 20), EVEN(0, 1000, 10),
      SCALE(TINY, LEAST, 4), NEAR(1, 4000, 1), NEAR(LEAST, 4000, 1), NEAR(DBL_MAX, 2, 1)}},
    {LOG10,
     mpfr_log10,
     {SCALE(TINY, DBL_MAX, 18), EVEN(0.5, 2, 30), EVEN(0.97, 1.03, 15), ABOUT(1, 0.5, 20), EVEN(0, 1000, 10),
      SCALE(TINY, LEAST, 4), NEAR(1, 4000, 1), NEAR(LEAST, 4000, 1), NEAR(1000, 4000, 1)}},
    {LOG1P,
     mpfr_log1p,
     {BITS(8), EVEN(-1, 1, 25), EVEN(-0.02, 0.02, 15), EVEN(1, 1000, 8), SCALE(1, DBL_MAX, 8), ABOUT(-1, 0.5, 6),
      NEAR(-1, 2000, 1), NEAR(0x1p1000, 4000, 1), ALL_SMALL}},
    {SINH,
     mpfr_sinh,
     {BITS(4), EVEN(-1, 1, 30), EVEN(-50, 50, 20), EVEN(-711, 711, 14), EVEN(707, 710.5, 6),
      NEAR(710.475860073944, 4000, 1), NEAR(708, 4000, 1), ALL_SMALL}},
    {COSH,
     mpfr_cosh,
     {BITS(4), EVEN(-1, 1, 30), EVEN(-50, 50, 20), EVEN(-711, 711, 14), EVEN(707, 710.5, 6),
      NEAR(710.475860073944, 4000, 1), NEAR(708, 4000, 1), ALL_SMALL}},
    {TANH,
     mpfr_tanh,
     {BITS(4), EVEN(-1, 1, 30), EVEN(-20, 20, 30), EVEN(-400, 400, 2), EVEN(18.5, 20, 6), NEAR(354, 4000, 1),
      ALL_SMALL}},
    {SIGMOID,
     exact_sigmoid,
     {EVEN(-1, 1, 30), EVEN(-40, 40, 30), EVEN(-760, 710, 10), EVEN(-746, -700, 6), NEAR(-600, 4000, 1), ALL_SMALL}},
    {LOGIT,
     exact_logit,
     {EVEN(0, 1, 40), SCALE(TINY, 1, 10), ABOUT(0.5, 0.4, 25), ABOUT(0.25, 0.1, 10), ABOUT(0.75, 0.24, 5),
      NEAR(0.25, 4000, 1), NEAR(0.5, 4000, 1), NEAR(0x1p-1000, 4000, 1), EVEN(0.9999, 1, 5)}},
};

START_TEST(test_accuracy) {
    const size_t n = feat_ulp_arguments();
    unsigned function = measurements[_i].function;
    size_t parts = 0;
    while (parts < COUNT(measurements[_i].parts) && measurements[_i].parts[parts].share) parts++;
    double where, worst = feat_ulp_worst_of(functions[function].one, measurements[_i].exact, measurements[_i].parts,
                                            parts, n, &where);
    printf("%-8s %.4f ulp at %a\n", functions[function].name, worst, where);
    ck_assert_msg(worst < WORST, "%s(%a) is %.3f ulp off", functions[function].name, where, worst);
}
END_TEST

static const struct {
    feat_generator *x;
    double x_range[2];
    feat_generator *y;
    double y_range[2];
    unsigned share;
} pow_parts[] = {
    {feat_generate_scale, {TINY, DBL_MAX}, feat_generate_even, {-2, 2}, 20},
    {feat_generate_even, {0, 2}, feat_generate_even, {-700, 700}, 10},
    {feat_generate_even, {0, 100}, feat_generate_even, {-5, 5}, 20},
    {feat_generate_about, {1, 0.01}, feat_generate_even, {-1e6, 1e6}, 15},
    {feat_generate_about, {1, 0x1p-20}, feat_generate_scale_signed, {1e6, 1e18}, 10},
    {feat_generate_even, {1.9, 2.1}, feat_generate_even, {-1080, -1010}, 8},  /* subnormal results */
    {feat_generate_even, {1.99, 2.01}, feat_generate_even, {1018, 1026}, 4},  /* overflow */
    {feat_generate_scale, {TINY, LEAST}, feat_generate_even, {-1.1, 1.1}, 5}, /* subnormal arguments */
    {feat_generate_bits, {0, 0}, feat_generate_bits, {0, 0}, 6},
    {feat_generate_near, {1, 200}, feat_generate_scale_signed, {1e10, 1e20}, 2},
};

static double whole_power(double x, double y) { return feat_pow(x, rint(y)); }
static int exact_whole_power(mpfr_t out, const mpfr_t x, const mpfr_t y, mpfr_rnd_t round) {
    mpfr_t whole;
    mpfr_init2(whole, 53);
    mpfr_rint(whole, y, MPFR_RNDN);
    int inexact = mpfr_pow(out, x, whole, round);
    mpfr_clear(whole);
    return inexact;
}

static int exact_log_base(mpfr_t out, const mpfr_t base, const mpfr_t x, mpfr_rnd_t round) {
    mpfr_t t;
    mpfr_init2(t, 160);
    mpfr_log(t, base, round);
    mpfr_log(out, x, round);
    int inexact = mpfr_div(out, out, t, round);
    mpfr_clear(t);
    return inexact;
}

START_TEST(test_accuracy_of_log_base) {
    const size_t n = feat_ulp_arguments() / 5;
    static const double scales[] = {TINY, DBL_MAX}, small[] = {0.5, 20}, one[] = {1, 0.1};
    double at[2], most = 0.0;
    for (int kind = 0; kind < 5; kind++) {
        double worst =
            feat_ulp_worst2(feat_log_base, exact_log_base,
                            kind % 3 == 0   ? feat_generate_scale
                            : kind % 3 == 1 ? feat_generate_even
                                            : feat_generate_about,
                            kind % 3 == 0   ? scales
                            : kind % 3 == 1 ? small
                                            : one,
                            kind % 2 ? feat_generate_scale : feat_generate_about, kind % 2 ? scales : one, n, at);
        if (worst > most) most = worst;
        ck_assert_msg(worst < WORST, "log(%a, %a) is %.3f ulp off", at[0], at[1], worst);
    }
    printf("%-8s %.4f ulp\n", "log_base", most);
}
END_TEST

START_TEST(test_accuracy_of_pow) {
    const size_t n = feat_ulp_arguments() / 100;
    double worst = 0, at[2] = {0, 0};
    for (size_t k = 0; k < COUNT(pow_parts); k++) {
        double where[2], error = feat_ulp_worst2(feat_pow, mpfr_pow, pow_parts[k].x, pow_parts[k].x_range,
                                                 pow_parts[k].y, pow_parts[k].y_range, n * pow_parts[k].share, where);
        if (error > worst) worst = error, at[0] = where[0], at[1] = where[1];
    }
    printf("%-8s %.4f ulp at %a, %a\n", "pow", worst, at[0], at[1]);
    ck_assert_msg(worst < WORST, "pow(%a, %a) is %.3f ulp off", at[0], at[1], worst);
    const double bases[] = {-3, 3}, exponents[] = {-700, 700};
    worst = feat_ulp_worst2(whole_power, exact_whole_power, feat_generate_even, bases, feat_generate_even, exponents,
                            n * 10, at);
    ck_assert_msg(worst < WORST, "pow(%a, %a) is %.3f ulp off", at[0], rint(at[1]), worst);
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
    {EXP, 0.0, 1.0},
    {EXP, -0.0, 1.0},
    {EXP, INFINITY, INFINITY},
    {EXP, -INFINITY, 0.0},
    {EXP, QUIET, QUIET},
    {EXP, 0x1.62e42fefa39efp+9, 0x1.fffffffffff2ap+1023},
    {EXP, 0x1.62e42fefa39f0p+9, INFINITY},
    {EXP, -0x1.74910d52d3051p+9, TINY},
    {EXP, -0x1.74910d52d3052p+9, 0.0},
    {EXP, DBL_MAX, INFINITY},
    {EXP, -DBL_MAX, 0.0},
    {EXP, TINY, 1.0},
    {EXP, -TINY, 1.0},
    {EXP2, 0.0, 1.0},
    {EXP2, -0.0, 1.0},
    {EXP2, INFINITY, INFINITY},
    {EXP2, -INFINITY, 0.0},
    {EXP2, QUIET, QUIET},
    {EXP2, 1024.0, INFINITY},
    {EXP2, -1075.0, 0.0},
    {EXP2, -0x1.0cbffffffffffp+10, TINY},
    {EXP2, -1074.0, TINY},
    {EXP2, 0.5, 0x1.6a09e667f3bcdp+0},
    {EXPM1, 0.0, 0.0},
    {EXPM1, -0.0, -0.0},
    {EXPM1, INFINITY, INFINITY},
    {EXPM1, -INFINITY, -1.0},
    {EXPM1, QUIET, QUIET},
    {EXPM1, TINY, TINY},
    {EXPM1, -TINY, -TINY},
    {EXPM1, -DBL_MAX, -1.0},
    {EXPM1, -700.0, -1.0},
    {EXPM1, 710.0, INFINITY},
    {LOG, 1.0, 0.0},
    {LOG, 0.0, -INFINITY},
    {LOG, -0.0, -INFINITY},
    {LOG, -1.0, QUIET},
    {LOG, -TINY, QUIET},
    {LOG, -INFINITY, QUIET},
    {LOG, INFINITY, INFINITY},
    {LOG, QUIET, QUIET},
    {LOG, 2.0, 0x1.62e42fefa39efp-1},
    {LOG, TINY, -0x1.74385446d71c3p+9},
    {LOG, DBL_MAX, 0x1.62e42fefa39efp+9},
    {LOG2, 1.0, 0.0},
    {LOG2, 0.0, -INFINITY},
    {LOG2, -0.0, -INFINITY},
    {LOG2, -1.0, QUIET},
    {LOG2, INFINITY, INFINITY},
    {LOG2, QUIET, QUIET},
    {LOG2, DBL_MAX, 1024.0},
    {LOG10, 1.0, 0.0},
    {LOG10, 0.0, -INFINITY},
    {LOG10, -0.0, -INFINITY},
    {LOG10, -1.0, QUIET},
    {LOG10, INFINITY, INFINITY},
    {LOG10, QUIET, QUIET},
    {LOG1P, 0.0, 0.0},
    {LOG1P, -0.0, -0.0},
    {LOG1P, -1.0, -INFINITY},
    {LOG1P, -0x1.0000000000001p+0, QUIET},
    {LOG1P, -INFINITY, QUIET},
    {LOG1P, INFINITY, INFINITY},
    {LOG1P, QUIET, QUIET},
    {LOG1P, TINY, TINY},
    {LOG1P, -TINY, -TINY},
    {LOG1P, DBL_MAX, 0x1.62e42fefa39efp+9},
    {LOG1P, -0x1.fffffffffffffp-1, -0x1.25e4f7b2737fap+5},
    {SINH, 0.0, 0.0},
    {SINH, -0.0, -0.0},
    {SINH, INFINITY, INFINITY},
    {SINH, -INFINITY, -INFINITY},
    {SINH, QUIET, QUIET},
    {SINH, TINY, TINY},
    {SINH, -TINY, -TINY},
    {SINH, -711.0, -INFINITY},
    {SINH, DBL_MAX, INFINITY},
    {COSH, 0.0, 1.0},
    {COSH, -0.0, 1.0},
    {COSH, INFINITY, INFINITY},
    {COSH, -INFINITY, INFINITY},
    {COSH, QUIET, QUIET},
    {COSH, TINY, 1.0},
    {COSH, -711.0, INFINITY},
    {COSH, DBL_MAX, INFINITY},
    {TANH, 0.0, 0.0},
    {TANH, -0.0, -0.0},
    {TANH, INFINITY, 1.0},
    {TANH, -INFINITY, -1.0},
    {TANH, QUIET, QUIET},
    {TANH, TINY, TINY},
    {TANH, -TINY, -TINY},
    {TANH, 20.0, 1.0},
    {TANH, -DBL_MAX, -1.0},
    {SIGMOID, 0.0, 0.5},
    {SIGMOID, -0.0, 0.5},
    {SIGMOID, INFINITY, 1.0},
    {SIGMOID, -INFINITY, 0.0},
    {SIGMOID, QUIET, QUIET},
    {SIGMOID, 40.0, 1.0},
    {SIGMOID, -800.0, 0.0},
    {LOGIT, 0.0, -INFINITY},
    {LOGIT, -0.0, -INFINITY},
    {LOGIT, 1.0, INFINITY},
    {LOGIT, 0.5, 0.0},
    {LOGIT, -0.5, QUIET},
    {LOGIT, 1.5, QUIET},
    {LOGIT, INFINITY, QUIET},
    {LOGIT, QUIET, QUIET},
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

static const struct {
    double x, y, value;
} powers[] = {
    /* a zero */
    {0.0, 3.0, 0.0},
    {-0.0, 3.0, -0.0},
    {-0.0, 2.0, 0.0},
    {-0.0, 0.5, 0.0},
    {0.0, INFINITY, 0.0},
    {-0.0, INFINITY, 0.0},
    {0.0, -3.0, INFINITY},
    {-0.0, -3.0, -INFINITY},
    {-0.0, -2.0, INFINITY},
    {-0.0, -0.5, INFINITY},
    {0.0, -INFINITY, INFINITY},
    {-0.0, -INFINITY, INFINITY},
    {-0.0, 0x1p53, 0.0},
    {-0.0, 0x1.fffffffffffffp+52, -0.0},
    {-0.0, -0x1.fffffffffffffp+52, -INFINITY},
    /* 1 and the exponent 0, even beside NaN */
    {1.0, QUIET, 1.0},
    {1.0, INFINITY, 1.0},
    {1.0, -INFINITY, 1.0},
    {1.0, DBL_MAX, 1.0},
    {QUIET, 0.0, 1.0},
    {QUIET, -0.0, 1.0},
    {INFINITY, 0.0, 1.0},
    {-INFINITY, -0.0, 1.0},
    {0.0, 0.0, 1.0},
    {-0.0, -0.0, 1.0},
    {-1.0, INFINITY, 1.0},
    {-1.0, -INFINITY, 1.0},
    {-1.0, 3.0, -1.0},
    {-1.0, -2.0, 1.0},
    {-1.0, 0.5, QUIET},
    {-1.0, DBL_MAX, 1.0},
    {-1.0, 0x1.fffffffffffffp+52, -1.0},
    /* NaN */
    {QUIET, 1.0, QUIET},
    {2.0, QUIET, QUIET},
    {QUIET, QUIET, QUIET},
    {-2.0, 0.5, QUIET},
    {-2.0, -0x1.0000000000001p+0, QUIET},
    {-DBL_MAX, 1.5, QUIET},
    /* infinite exponents */
    {0.5, -INFINITY, INFINITY},
    {-0.5, -INFINITY, INFINITY},
    {2.0, -INFINITY, 0.0},
    {-2.0, -INFINITY, 0.0},
    {0.5, INFINITY, 0.0},
    {-0.5, INFINITY, 0.0},
    {2.0, INFINITY, INFINITY},
    {-2.0, INFINITY, INFINITY},
    {TINY, -INFINITY, INFINITY},
    {DBL_MAX, INFINITY, INFINITY},
    {0x1.fffffffffffffp-1, INFINITY, 0.0},
    {0x1.0000000000001p+0, INFINITY, INFINITY},
    /* infinite bases */
    {-INFINITY, -3.0, -0.0},
    {-INFINITY, -2.0, 0.0},
    {-INFINITY, -0.5, 0.0},
    {-INFINITY, 3.0, -INFINITY},
    {-INFINITY, 2.0, INFINITY},
    {-INFINITY, 0.5, INFINITY},
    {INFINITY, -TINY, 0.0},
    {INFINITY, TINY, INFINITY},
    {INFINITY, INFINITY, INFINITY},
    {-INFINITY, INFINITY, INFINITY},
    {-INFINITY, -INFINITY, 0.0},
    /* overflow and underflow */
    {2.0, 1024.0, INFINITY},
    {-2.0, 1025.0, -INFINITY},
    {2.0, -1075.0, 0.0},
    {2.0, -0x1.0cbffffffffffp+10, TINY},
    {-2.0, -1073.0, -0x1p-1073},
    {-2.0, -1075.0, -0.0},
    {DBL_MAX, 2.0, INFINITY},
    {-DBL_MAX, 3.0, -INFINITY},
    {DBL_MAX, -2.0, 0.0},
    {-DBL_MAX, -3.0, -0.0},
    {TINY, -1.0, INFINITY},
    {TINY, 2.0, 0.0},
    {10.0, DBL_MAX, INFINITY},
    {10.0, -DBL_MAX, 0.0},
    {0x1.fffffffffffffp-1, DBL_MAX, 0.0},
    {0x1.0000000000001p+0, -DBL_MAX, 0.0},
    {-0x1.0000000000001p+0, DBL_MAX, INFINITY},
    {2.0, TINY, 1.0},
    {DBL_MAX, -TINY, 1.0},
    /* exact */
    {DBL_MAX, 1.0, DBL_MAX},
    {TINY, 1.0, TINY},
    {-3.5, 1.0, -3.5},
    {-3.0, 3.0, -27.0},
    {10.0, 22.0, 1e22},
    {-10.0, 15.0, -1e15},
    {3.0, 33.0, 5559060566555523.0},
    {9.0, 0.5, 3.0},
    {0.25, -0.5, 2.0},
    {0.125, 3.0, 0x1p-9},
    {0x1p-537, 2.0, TINY},
    {4.0, -537.0, TINY},
    {0x1p-1074, 0.5, 0x1p-537},
    {1.5, 2.0, 2.25},
    {-1.5, -1.0, -0x1.5555555555555p-1},
};

START_TEST(test_powers) {
    for (size_t i = 0; i < COUNT(powers); i++) {
        double x = powers[i].x, y = powers[i].y, expected = feat_double_canonical(powers[i].value);
        double actual = feat_pow(x, y);
        ck_assert_msg(feat_double_bits(actual) == feat_double_bits(expected), "pow(%a, %a) is %a, not %a", x, y, actual,
                      expected);
    }
}
END_TEST

static const struct {
    double base, x, value;
} logarithms[] = {
    {2.0, 8.0, 3.0},           {3.0, 243.0, 5.0},     {5.0, 125.0, 3.0},    {10.0, 1000.0, 3.0},
    {0.5, 8.0, -3.0},          {TINY, TINY, 1.0},     {2.0, TINY, -1074.0}, {TINY, 2.0, -1.0 / 1074},
    {2.0, 1.0, 0.0},           {0.5, 1.0, -0.0},      {1.0, 2.0, INFINITY}, {1.0, 0.5, -INFINITY},
    {1.0, 1.0, NAN},           {2.0, 0.0, -INFINITY}, {0.5, 0.0, INFINITY}, {2.0, -1.0, NAN},
    {-2.0, 1.0, NAN},          {0.0, 2.0, -0.0},      {INFINITY, 2.0, 0.0}, {2.0, INFINITY, INFINITY},
    {INFINITY, INFINITY, NAN}, {NAN, 2.0, NAN},       {2.0, NAN, NAN},
};

START_TEST(test_log_base) {
    for (size_t i = 0; i < COUNT(logarithms); i++) {
        double base = logarithms[i].base, x = logarithms[i].x;
        assert_value("log", x, feat_log_base(base, x), logarithms[i].value);
    }
    for (double base = 2.0; base < 100.0; base++) {
        double power = base;
        for (int k = 1; power < 0x1p53; k++, power *= base) assert_value("log", power, feat_log_base(base, power), k);
    }
}
END_TEST

START_TEST(test_exact) {
    for (int k = -1074; k < 1024; k++) {
        double power = ldexp(1.0, k);
        assert_value("exp2", k, feat_exp2(k), power);
        assert_value("log2", power, feat_log2(power), k);
        assert_value("pow", k, feat_pow(2.0, k), power);
        assert_value("pow", k, feat_pow(0.5, -k), power);
        assert_value("pow", k, feat_pow(-2.0, k), k % 2 ? -power : power);
        if (k % 2 == 0) assert_value("pow", power, feat_pow(power, 0.5), ldexp(1.0, k / 2));
    }
    double ten = 1.0;
    for (int k = 0; k <= 22; k++, ten *= 10.0) {
        assert_value("log10", ten, feat_log10(ten), k);
        assert_value("pow", k, feat_pow(10.0, k), ten);
    }
    random_state r = {5};
    for (int i = 0; i < 100000; i++) {
        double x = feat_double_of_bits(random_u64(&r));
        if (x != x) continue;
        assert_value("pow", x, feat_pow(x, 1.0), x);
        assert_value("pow", x, feat_pow(x, 0.0), 1.0);
        double small = (double)(random_u64(&r) >> 38);
        assert_value("pow", small, feat_pow(small, 2.0), small * small);
        assert_value("pow", small, feat_pow(-small, 2.0), small * small);
        assert_value("pow", small * small, feat_pow(small * small, 0.5), small);
        /* Symmetry */
        double t = ldexp(x, -(int)random_below(&r, 10));
        assert_value("sinh", t, feat_sinh(-t), -feat_sinh(t));
        assert_value("tanh", t, feat_tanh(-t), -feat_tanh(t));
        assert_value("cosh", t, feat_cosh(-t), feat_cosh(t));
    }
}
END_TEST

/* ---- arrays ---------------------------------------------------------------------------------------------------- */

static double any_argument(random_state *r) {
    static const double corners[] = {0.0,     -0.0,    1.0,    -1.0,    0.5,     0.25,  INFINITY, -INFINITY, NAN,
                                     DBL_MAX, DBL_MIN, TINY,   -TINY,   709.7,   708.0, -708.0,   -745.2,    354.0,
                                     -354.0,  1020.0,  1024.0, -1021.9, -1074.5, 600.0, -600.0,   0x1p1000,  0x1p-1000};
    double unit = (double)(random_u64(r) >> 11) * 0x1p-53;
    switch (random_below(r, 8)) {
    case 0: return feat_double_of_bits(random_u64(r));
    case 1: return corners[random_below(r, COUNT(corners))];
    case 2: return 2000.0 * unit - 1000.0;
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

static const struct {
    const char *name;
    double (*one)(double, double);
    void (*array)(feat_math_level level, const double *x, const double *y, double *out, size_t n);
    double y_range[2];
} functions2[] = {
    {"pow", feat_pow, feat_pow_array, {-5.0, 5.0}},
    {"log", feat_log_base, feat_log_base_array, {0.0, 10.0}},
};

START_TEST(test_arrays_of_two) {
    random_state r = {99};
    static double x[LENGTH + SLACK], y[LENGTH + SLACK], out[LENGTH + SLACK];
    for (unsigned level = 0; level <= (unsigned)feat_math_level_best(); level++) {
        for (unsigned round = 0; round < 600; round++) {
            fill(&r, round % 3, (const double[]){0.0, 100.0}, x, COUNT(x));
            fill(&r, round / 3 % 3, functions2[_i].y_range, y, COUNT(y));
            size_t n = round < 200 ? round : LENGTH, shift = random_below(&r, SLACK);
            for (size_t i = 0; i < COUNT(out); i++) out[i] = -77.0;
            functions2[_i].array((feat_math_level)level, x + shift, y + shift, out + shift, n);
            for (size_t i = 0; i < COUNT(out); i++) {
                double expected = i >= shift && i < shift + n ? functions2[_i].one(x[i], y[i]) : -77.0;
                ck_assert_msg(feat_double_bits(out[i]) == feat_double_bits(expected),
                              "level %u, n = %zu: element %zu, %s(%a, %a), is %a, not %a", level, n, i,
                              functions2[_i].name, x[i], y[i], out[i], expected);
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

/* What the loops gain on one value at a time. Printed, not judged: other programs disturb. */
START_TEST(test_gain) {
    static double x[LENGTH], out[LENGTH];
    for (unsigned f = 0; f < FUNCTIONS; f++) {
        random_state r = {f};
        fill(&r, 0, (const double[]){functions[f].low, functions[f].high}, x, LENGTH);
        double taken[FEAT_MATH_LEVELS + 1] = {0};
        unsigned levels = (unsigned)feat_math_level_best() + 1;
        for (unsigned k = 0; k <= levels; k++) {
            double best = HUGE_VAL;
            for (int round = 0; round < 30; round++) {
                double start = seconds();
                if (k < levels) functions[f].array((feat_math_level)k, x, out, LENGTH);
                else
                    for (size_t i = 0; i < LENGTH; i++) out[i] = functions[f].one(x[i]);
                double time = seconds() - start;
                if (time < best) best = time;
            }
            taken[k] = best;
        }
        printf("%-8s %6.2f ns alone; arrays", functions[f].name, taken[levels] / LENGTH * 1e9);
        for (unsigned k = 0; k < levels; k++) printf("  x%.1f", taken[levels] / taken[k]);
        printf("\n");
    }
}
END_TEST

/* ---- the same bits everywhere ---------------------------------------------------------------------------------- */

/* Of results over fixed arguments: a processor, compiler or flag that changes a bit changes it. It changes with every
 * intended change of a function, too; then take the new one. */
#define DIGEST UINT64_C(0x5d445f614488b92b)

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
        digest(&state, feat_pow(x, y));
        digest(&state, feat_pow(fabs(x), y / 100.0));
        digest(&state, feat_log_base(y, fabs(x)));
    }
    ck_assert_msg(state == DIGEST, "results have changed: their digest is 0x%016llx", (unsigned long long)state);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("math/elementary");
    TCase *tc = tcase_create("accuracy");
    tcase_set_timeout(tc, 0);
#ifdef HAVE_MPFR
    tcase_add_loop_test(tc, test_accuracy, 0, (int)COUNT(measurements));
    tcase_add_test(tc, test_accuracy_of_log_base);
    tcase_add_test(tc, test_accuracy_of_pow);
#else
    printf("MPFR is missing: errors are not measured\n");
#endif
    suite_add_tcase(suite, tc);
    tc = tcase_create("values");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_specials);
    tcase_add_test(tc, test_powers);
    tcase_add_test(tc, test_log_base);
    tcase_add_test(tc, test_exact);
    tcase_add_test(tc, test_same_bits);
    suite_add_tcase(suite, tc);
    tc = tcase_create("arrays");
    tcase_set_timeout(tc, 600);
    tcase_add_loop_test(tc, test_arrays, 0, FUNCTIONS);
    tcase_add_loop_test(tc, test_arrays_of_two, 0, (int)COUNT(functions2));
    tcase_add_test(tc, test_gain);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
