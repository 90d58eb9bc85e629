/* The kernels for processors with AVX-512: eight doubles at a time. Only those over doubles alone: where bytes meet
 * doubles, as in comparisons and choices, the ones for AVX2 are faster. */
#include "exec/kernel.h"

#if defined(__x86_64__) && defined(__GNUC__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,prefer-vector-width=512"))),             \
                             apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")
#endif

#define FEAT_KERNELS        feat_kernels_avx512
#define FEAT_COPY_CANONICAL feat_copy_canonical_avx512
#define WIDE_ONLY
#define DOUBLES_ONLY
#include "exec/kernel_lanes.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

feat_kernel *const feat_kernels_avx512[FEAT_OP_COUNT] = {NULL};

void feat_copy_canonical_avx512(double *to, const double *from, size_t n) { feat_copy_canonical_baseline(to, from, n); }

#endif
