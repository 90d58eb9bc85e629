/* Trigonometric functions, their inverses, those of the hyperbolic functions, cube root and hypotenuse: the same bits
 * on every processor, within 0.61 units of the last place (the worst that was measured stands in
 * tests/math/test_trigonometry.c, which prints it). Angles are in radians.
 *
 * Special values are those of C99, Annex F: a domain error gives NaN, zeros keep their sign. Every NaN that comes out
 * is FEAT_NAN_BITS. Round to nearest must be set and subnormals must not be flushed (base/fpenv.h); floating-point
 * exceptions mean nothing. */
#ifndef FEAT_LIB_MATH_TRIGONOMETRY_H
#define FEAT_LIB_MATH_TRIGONOMETRY_H

#include <stddef.h>

#include "math/elementary.h"

/* Any finite argument, however large, is reduced exactly. */
double feat_sin(double x);
double feat_cos(double x);
double feat_tan(double x);
double feat_cot(double x); /* 1 / tan x, rounded once; an infinity at zeros */
double feat_asin(double x);
double feat_acos(double x);
double feat_atan(double x);
double feat_atan2(double y, double x);
double feat_asinh(double x);
double feat_acosh(double x);
double feat_atanh(double x);
double feat_cbrt(double x);
double feat_hypot(double x,
                  double y); /* no overflow or underflow on the way; infinite where one is, whatever the other */

/* out[i] = f(x[i]) for i < n. Arrays do not overlap; any alignment. `level` is one that the processor has. */
void feat_sin_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_cos_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_tan_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_cot_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_asin_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_acos_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_atan_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_atan2_array(feat_math_level level, const double *y, const double *x, double *out, size_t n);
void feat_asinh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_acosh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_atanh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_cbrt_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_hypot_array(feat_math_level level, const double *x, const double *y, double *out, size_t n);

#endif
