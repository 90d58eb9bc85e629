/* The kernels for processors with AVX2: four doubles at a time. */
#include "exec/kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

#define FEAT_KERNELS        feat_kernels_avx2
#define FEAT_COPY_CANONICAL feat_copy_canonical_avx2
#define WIDE_ONLY
#include "exec/kernel_lanes.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

feat_kernel *const feat_kernels_avx2[FEAT_OP_COUNT] = {NULL};

void feat_copy_canonical_avx2(double *to, const double *from, size_t n) { feat_copy_canonical_baseline(to, from, n); }

#endif
