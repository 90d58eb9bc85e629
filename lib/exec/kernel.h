/* Kernels: what one operator does to a strip of lanes. Each table holds the same operators, compiled from
 * kernel_lanes.h for another processor; a machine picks one when it is made. Lanes do not interact and every operation
 * on doubles is one that IEEE 754 fixes, so all tables give the same bits.
 *
 * What was measured, ns for an operation on a lane (lanes in the first-level cache, AVX2 / AVX-512): addition 0.13 /
 * 0.09, division 0.28 / 0.16, square root 0.51 / 0.26, comparison 0.21, CASE 0.13, CASE with a tenth NULL in every
 * argument 0.46. Where a byte chooses between lanes the kernels for AVX-512 were slower (CASE 0.43), so that they are
 * for doubles alone. States as bits add a fifth to a strict operation. */
#ifndef FEAT_LIB_EXEC_KERNEL_H
#define FEAT_LIB_EXEC_KERNEL_H

#include "exec/exec.h"

/* A machine takes all steps through a strip before it goes to the next one, so that the registers of a strip stay in
 * the first-level cache. Within a strip kernels work on blocks as wide as a word of the bitmaps. */
#define FEAT_STRIP_LANES 256
#define FEAT_BLOCK_LANES 64

/* Lanes [first, first + n) of `out`; `first` is a multiple of FEAT_STRIP_LANES, 1 <= n <= FEAT_STRIP_LANES. An operator
 * with fewer arguments does not look at the others. Texts that are made lie in the scratch. */
typedef void feat_kernel(feat_vector *out, const feat_vector *a, const feat_vector *b, const feat_vector *c,
                         size_t first, size_t n, feat_scratch *scratch);

/* By feat_op. A kernel is NULL where its instructions would not help: the next lower level's is taken. */
extern feat_kernel *const feat_kernels_baseline[FEAT_OP_COUNT];
extern feat_kernel *const feat_kernels_avx2[FEAT_OP_COUNT];
extern feat_kernel *const feat_kernels_avx512[FEAT_OP_COUNT];

/* Copies doubles, NaN as the one that leaves a machine. `from` is aligned to 64 bytes. */
typedef void feat_copy_canonical(double *to, const double *from, size_t n);
extern feat_copy_canonical feat_copy_canonical_baseline, feat_copy_canonical_avx2, feat_copy_canonical_avx512;

typedef enum feat_level { FEAT_LEVEL_BASELINE = 0, FEAT_LEVEL_AVX2 = 1, FEAT_LEVEL_AVX512 = 2 } feat_level;

/* The best that this processor has. */
feat_level feat_level_best(void);
/* As feat_machine_new, which takes the best level; `level` must be one that the processor has. */
feat_status feat_machine_new_level(const feat_code *code, feat_level level, feat_machine **machine, feat_error *err);

#endif
