/* Loops over arrays for every processor. */
#define FEAT_TRIGONOMETRY_TABLE feat_trigonometry_baseline
#include "math/trigonometry_lanes.h"
