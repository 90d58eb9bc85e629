/* The loops over arrays, compiled for one kind of processor each. */
#ifndef FEAT_LIB_MATH_ELEMENTARY_LEVEL_H
#define FEAT_LIB_MATH_ELEMENTARY_LEVEL_H

#include <stddef.h>

typedef void feat_math_array1(const double *x, double *out, size_t n);
typedef void feat_math_array2(const double *x, const double *y, double *out, size_t n);

typedef struct feat_math_table {
    feat_math_array1 *exp, *exp2, *expm1, *log, *log2, *log10, *log1p, *sinh, *cosh, *tanh, *sigmoid, *logit;
    feat_math_array2 *pow, *log_base;
} feat_math_table;

#if defined(__x86_64__) && defined(__GNUC__)
#define FEAT_MATH_X86 1
#endif

extern const feat_math_table feat_math_baseline;
#ifdef FEAT_MATH_X86
extern const feat_math_table feat_math_avx2;
extern const feat_math_table feat_math_avx512;
#endif

#endif
