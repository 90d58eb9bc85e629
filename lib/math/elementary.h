/* Elementary functions of doubles: the same bits on every processor, within 0.55 units of the last place. The
 * worst of a million arguments each, as tests/math/test_elementary.c measures and prints it:
 *   exp 0.531  exp2 0.527  expm1 0.523  log 0.511  log2 0.515  log10 0.515  log1p 0.520  log_base 0.510  pow 0.531
 *   sinh 0.518  cosh 0.529  tanh 0.510  sigmoid 0.516  logit 0.511
 *
 * Special values are those of C99, Annex F: a domain error gives NaN, a pole an infinity, zeros keep their sign. Every
 * NaN that comes out is FEAT_NAN_BITS. Round to nearest must be set and subnormals must not be flushed (base/fpenv.h);
 * floating-point exceptions mean nothing. */
#ifndef FEAT_LIB_MATH_ELEMENTARY_H
#define FEAT_LIB_MATH_ELEMENTARY_H

#include <stddef.h>

double feat_exp(double x);
double feat_exp2(double x); /* exact for whole x */
double feat_expm1(double x);
double feat_log(double x);
double feat_log2(double x);  /* exact for powers of two */
double feat_log10(double x); /* exact for powers of ten that are doubles */
double feat_log1p(double x);
double feat_log_base(double base, double x); /* log(x) / log(base), rounded once; exact for whole powers */
double feat_pow(double x, double y);
double feat_sinh(double x);
double feat_cosh(double x);
double feat_tanh(double x);
double feat_sigmoid(double x); /* 1 / (1 + exp(-x)) */
double feat_logit(double x);   /* log(x / (1 - x)) */

/* What instructions the loops over arrays were compiled for; the bits do not depend on it. */
typedef enum feat_math_level {
    FEAT_MATH_BASELINE = 0,
    FEAT_MATH_AVX2,
    FEAT_MATH_AVX512,
    FEAT_MATH_LEVELS
} feat_math_level;

/* The best that this processor and this build have. */
feat_math_level feat_math_level_best(void);

/* out[i] = f(x[i]) for i < n. Arrays do not overlap; any alignment. `level` is one that the processor has. */
void feat_exp_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_exp2_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_expm1_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_log_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_log2_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_log10_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_log1p_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_log_base_array(feat_math_level level, const double *base, const double *x, double *out, size_t n);
void feat_pow_array(feat_math_level level, const double *x, const double *y, double *out, size_t n);
void feat_sinh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_cosh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_tanh_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_sigmoid_array(feat_math_level level, const double *x, double *out, size_t n);
void feat_logit_array(feat_math_level level, const double *x, double *out, size_t n);

#endif
