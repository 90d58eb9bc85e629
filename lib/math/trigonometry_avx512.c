/* Loops over arrays for processors with AVX-512: eight doubles at a time. */
#include <string.h>

#include "math/trigonometry_level.h"
#include "math/number.h"

#ifdef FEAT_MATH_X86

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl")
#endif

#define FEAT_TRIGONOMETRY_TABLE feat_trigonometry_avx512
/* clang-format off: the order matters */
#include "math/elementary_vector.h"
#include "math/trigonometry_lanes.h"
/* clang-format on */

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

typedef int feat_no_loops; /* a file holds something */

#endif
