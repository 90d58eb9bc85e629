/* Loops over arrays for every processor. */
#define FEAT_MATH_TABLE feat_math_baseline
#include "math/elementary_lanes.h"
