#include "ulp.h"

#include <math.h>
#include <stdlib.h>

#include "math/number.h"

/* ---- arguments ---- */

static double unit(random_state *r) { return (double)(random_u64(r) >> 11) * 0x1p-53; }

double feat_generate_bits(random_state *r, size_t i, size_t n, const double *range) {
    (void)i, (void)n, (void)range;
    for (;;) {
        double x = feat_double_of_bits(random_u64(r));
        if (x == x) return x;
    }
}

double feat_generate_even(random_state *r, size_t i, size_t n, const double *range) {
    (void)i, (void)n;
    double t = unit(r);
    return range[0] * (1.0 - t) + range[1] * t;
}

/* The bits of positive doubles go up with the doubles, and nearly as their logarithm. */
double feat_generate_scale(random_state *r, size_t i, size_t n, const double *range) {
    (void)i, (void)n;
    uint64_t low = feat_double_bits(range[0]), high = feat_double_bits(range[1]);
    return feat_double_of_bits(low + random_below(r, high - low + 1));
}

double feat_generate_scale_signed(random_state *r, size_t i, size_t n, const double *range) {
    double x = feat_generate_scale(r, i, n, range);
    return random_u64(r) & 1 ? -x : x;
}

double feat_generate_near(random_state *r, size_t i, size_t n, const double *range) {
    (void)n;
    uint64_t span = (uint64_t)range[1], bits = feat_double_bits(fabs(range[0]));
    uint64_t step = i < span ? i : random_below(r, span);
    uint64_t moved = bits + step - span / 2;
    return copysign(feat_double_of_bits(moved >> 63 ? 0 : moved), range[0]);
}

double feat_generate_about(random_state *r, size_t i, size_t n, const double *range) {
    (void)i, (void)n;
    double distance = range[1] * unit(r) * feat_double_of_bits((1023 - random_below(r, 60)) << 52);
    return random_u64(r) & 1 ? range[0] + distance : range[0] - distance;
}

size_t feat_ulp_arguments(void) {
    const char *times = getenv("FEAT_TEST_ULP");
    if (times) return (size_t)strtoull(times, NULL, 10) * 1000000;
#ifdef __SANITIZE_ADDRESS__ /* there they look for other mistakes */
    return 50000;
#else
    return getenv("FEAT_TEST_LONG") ? 10000000 : 1000000;
#endif
}

#ifdef HAVE_MPFR

/* ---- errors ---- */

/* Enough that its own error is nothing beside an error of ours. */
enum { PRECISION = 120 };

double feat_ulp_error(double ours, const mpfr_t exact) {
    if (ours != ours || mpfr_nan_p(exact)) return ours != ours && mpfr_nan_p(exact) ? 0.0 : HUGE_VAL;
    if (mpfr_zero_p(exact)) return ours == 0.0 && !signbit(ours) == !mpfr_signbit(exact) ? 0.0 : HUGE_VAL;
    if (!signbit(ours) != !mpfr_signbit(exact)) return HUGE_VAL; /* a sign is right even where the result underflows */
    if (mpfr_inf_p(exact)) return fabs(ours) == HUGE_VAL ? 0.0 : HUGE_VAL;
    mpfr_exp_t top = mpfr_get_exp(exact) - 1; /* 2^top <= |exact| < 2^(top + 1) */
    if (top > 1023) top = 1023;
    if (top < -1022) top = -1022;
    mpfr_t difference;
    mpfr_init2(difference, PRECISION);
    if (fabs(ours) == HUGE_VAL) { /* stands for all from the largest double and half of its last place on */
        mpfr_set_ui_2exp(difference, 1, 1024, MPFR_RNDN);
        if (signbit(ours)) mpfr_neg(difference, difference, MPFR_RNDN);
        mpfr_sub(difference, difference, exact, MPFR_RNDN);
        if (mpfr_sgn(difference) * (signbit(ours) ? -1 : 1) < 0) mpfr_set_zero(difference, 1);
    } else {
        mpfr_set_d(difference, ours, MPFR_RNDN);
        mpfr_sub(difference, difference, exact, MPFR_RNDN);
    }
    mpfr_mul_2si(difference, difference, 52 - top, MPFR_RNDN);
    double error = fabs(mpfr_get_d(difference, MPFR_RNDN));
    mpfr_clear(difference);
    return error;
}

double feat_ulp_worst(double (*ours)(double), feat_mpfr1 *mpfr, feat_generator *generate, const double range[2],
                      size_t n, double *where) {
    random_state r = {n};
    double worst = 0.0, at = 0.0;
    mpfr_t exact, argument;
    mpfr_init2(exact, PRECISION);
    mpfr_init2(argument, 53);
    for (size_t i = 0; i < n; i++) {
        double x = generate(&r, i, n, range);
        mpfr_set_d(argument, x, MPFR_RNDN);
        mpfr(exact, argument, MPFR_RNDN);
        double error = feat_ulp_error(ours(x), exact);
        if (i == 0 || error > worst) worst = error, at = x;
    }
    mpfr_clear(exact);
    mpfr_clear(argument);
    if (where) *where = at;
    return worst;
}

double feat_ulp_worst2(double (*ours)(double, double), feat_mpfr2 *mpfr, feat_generator *generate_x,
                       const double range_x[2], feat_generator *generate_y, const double range_y[2], size_t n,
                       double where[2]) {
    random_state r = {n};
    double worst = 0.0, at[2] = {0.0, 0.0};
    mpfr_t exact, a, b;
    mpfr_init2(exact, PRECISION);
    mpfr_inits2(53, a, b, (mpfr_ptr)0);
    for (size_t i = 0; i < n; i++) {
        double x = generate_x(&r, i, n, range_x), y = generate_y(&r, i, n, range_y);
        mpfr_set_d(a, x, MPFR_RNDN);
        mpfr_set_d(b, y, MPFR_RNDN);
        mpfr(exact, a, b, MPFR_RNDN);
        double error = feat_ulp_error(ours(x, y), exact);
        if (i == 0 || error > worst) worst = error, at[0] = x, at[1] = y;
    }
    mpfr_clears(exact, a, b, (mpfr_ptr)0);
    if (where) where[0] = at[0], where[1] = at[1];
    return worst;
}

double feat_ulp_worst_of(double (*ours)(double), feat_mpfr1 *mpfr, const feat_ulp_part *parts, size_t count, size_t n,
                         double *where) {
    double worst = 0.0, at = 0.0;
    for (size_t k = 0; k < count; k++) {
        double here,
            error = feat_ulp_worst(ours, mpfr, parts[k].generate, parts[k].range, n / 100 * parts[k].share, &here);
        if (k == 0 || error > worst) worst = error, at = here;
    }
    if (where) *where = at;
    return worst;
}

#endif
