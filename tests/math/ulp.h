/* How far a function of doubles is from the exact one, in units of the last place, with MPFR as the judge. HAVE_MPFR is
 * defined where MPFR is; elsewhere a test of accuracy has nothing to compare with and says so. */
#ifndef FEAT_TESTS_MATH_ULP_H
#define FEAT_TESTS_MATH_ULP_H

#include <stddef.h>
#include <stdint.h>

#include "random.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

/* ---- arguments ---- */

/* The argument number i of n. A generator may go through a range or draw from r. */
typedef double feat_generator(random_state *r, size_t i, size_t n, const double *range);
/* Any bits but those of a NaN. */
double feat_generate_bits(random_state *r, size_t i, size_t n, const double *range);
/* Evenly between range[0] and range[1]. */
double feat_generate_even(random_state *r, size_t i, size_t n, const double *range);
/* Evenly by exponent, positive: from range[0] to range[1], both above 0. */
double feat_generate_scale(random_state *r, size_t i, size_t n, const double *range);
/* The same, of either sign. */
double feat_generate_scale_signed(random_state *r, size_t i, size_t n, const double *range);
/* The doubles about range[0], of which range[1] is the number: neighbours in order of their bits. */
double feat_generate_near(random_state *r, size_t i, size_t n, const double *range);
/* range[0] plus or minus something from range[1] down to nothing, evenly by exponent. */
double feat_generate_about(random_state *r, size_t i, size_t n, const double *range);

/* A part of a measurement: `share` of a hundred arguments come from it. */
typedef struct feat_ulp_part {
    feat_generator *generate;
    double range[2];
    unsigned share;
} feat_ulp_part;

/* How many arguments a function is measured with: a million; ten when FEAT_TEST_LONG is set, or as many as
 * FEAT_TEST_ULP says; few under the address sanitizer. */
size_t feat_ulp_arguments(void);

#ifdef HAVE_MPFR

typedef int feat_mpfr1(mpfr_t, const mpfr_t, mpfr_rnd_t);
typedef int feat_mpfr2(mpfr_t, const mpfr_t, const mpfr_t, mpfr_rnd_t);

/* |ours - exact| / ulp(exact), where ulp is the distance of doubles in the binade of `exact` (2^-1074 for subnormals).
 * 0 where both are NaN, or both infinite with one sign, or `exact` lies so far out that it rounds to the infinity that
 * is ours; infinite where only one is NaN or the sign of an infinity, or of a zero that is exact, is wrong. */
double feat_ulp_error(double ours, const mpfr_t exact);

/* The worst error over n arguments, and in *where (may be NULL) the argument that gave it. The same arguments in every
 * run. */
double feat_ulp_worst(double (*ours)(double), feat_mpfr1 *mpfr, feat_generator *generate, const double range[2],
                      size_t n, double *where);
/* The same for two arguments, each from its own generator; where[0] and where[1]. */
double feat_ulp_worst2(double (*ours)(double, double), feat_mpfr2 *mpfr, feat_generator *generate_x,
                       const double range_x[2], feat_generator *generate_y, const double range_y[2], size_t n,
                       double where[2]);
/* The worst over several parts, n arguments in all. */
double feat_ulp_worst_of(double (*ours)(double), feat_mpfr1 *mpfr, const feat_ulp_part *parts, size_t count, size_t n,
                         double *where);

#endif

#endif
