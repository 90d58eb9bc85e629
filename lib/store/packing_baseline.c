/* Unpacking for every processor. */
#define FEAT_PACKING_LOOPS feat_packing_baseline
#include "store/packing_lanes.h"
