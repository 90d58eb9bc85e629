/* Loops over arrays for processors with AVX2: four doubles at a time. */
#include <string.h>

#include "math/trigonometry_level.h"

#ifdef FEAT_MATH_X86

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define FEAT_TRIGONOMETRY_TABLE feat_trigonometry_avx2
#include "math/trigonometry_lanes.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

typedef int feat_no_loops; /* a file holds something */

#endif
