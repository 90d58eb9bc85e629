/* The kernels for every processor. */
#define FEAT_KERNELS feat_kernels_baseline
#include "exec/kernel_lanes.h"
