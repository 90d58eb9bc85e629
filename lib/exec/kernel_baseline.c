/* The kernels for every processor. */
#define FEAT_KERNELS        feat_kernels_baseline
#define FEAT_COPY_CANONICAL feat_copy_canonical_baseline
#include "exec/kernel_lanes.h"
