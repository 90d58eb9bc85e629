/* Unpacking for processors with AVX-512. */
#include <string.h>

#include "math/number.h"
#include "store/packing.h"

#ifdef FEAT_PACKING_X86

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")
#endif

#define FEAT_PACKING_LOOPS feat_packing_avx512
#include "store/packing_lanes.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

typedef int feat_no_loops; /* a file holds something */

#endif
