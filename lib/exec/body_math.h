/* Bodies of the elementary functions; see body.h. Each is a function of lib/math, which has the loop over arrays
 * beside. */
#ifndef FEAT_LIB_EXEC_BODY_MATH_H
#define FEAT_LIB_EXEC_BODY_MATH_H

#include "math/elementary.h"

static inline double feat_body_exp(double a) { return feat_exp(a); }
static inline double feat_body_exp2(double a) { return feat_exp2(a); }
static inline double feat_body_expm1(double a) { return feat_expm1(a); }
static inline double feat_body_log(double a) { return feat_log(a); }
static inline double feat_body_log2(double a) { return feat_log2(a); }
static inline double feat_body_log10(double a) { return feat_log10(a); }
static inline double feat_body_log1p(double a) { return feat_log1p(a); }
static inline double feat_body_pow(double a, double b) { return feat_pow(a, b); }
static inline double feat_body_sinh(double a) { return feat_sinh(a); }
static inline double feat_body_cosh(double a) { return feat_cosh(a); }
static inline double feat_body_tanh(double a) { return feat_tanh(a); }
static inline double feat_body_sigmoid(double a) { return feat_sigmoid(a); }
static inline double feat_body_logit(double a) { return feat_logit(a); }
static inline double feat_body_log_base(double base, double a) { return feat_log_base(base, a); }

#endif
