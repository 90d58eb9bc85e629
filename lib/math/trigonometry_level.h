/* The loops over arrays, compiled for one kind of processor each. */
#ifndef FEAT_LIB_MATH_TRIGONOMETRY_LEVEL_H
#define FEAT_LIB_MATH_TRIGONOMETRY_LEVEL_H

#include "math/elementary_level.h"

typedef struct feat_trigonometry_table {
    feat_math_array1 *sin, *cos, *tan, *cot, *asin, *acos, *atan, *asinh, *acosh, *atanh, *cbrt;
    feat_math_array2 *atan2, *hypot;
} feat_trigonometry_table;

extern const feat_trigonometry_table feat_trigonometry_baseline;
#ifdef FEAT_MATH_X86
extern const feat_trigonometry_table feat_trigonometry_avx2;
extern const feat_trigonometry_table feat_trigonometry_avx512;
#endif

#endif
