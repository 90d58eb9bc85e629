/* Angles less their multiples of pi / 2, whatever their size. */
#ifndef FEAT_LIB_MATH_REDUCE_H
#define FEAT_LIB_MATH_REDUCE_H

#include <stdint.h>

/* x = n pi / 2 + high + low with |high + low| <= pi / 4 and |low| below 2^-50 |high|, for a finite x >= 1/2. Returns n
 * mod 4. Right to more than 100 bits. */
uint64_t feat_reduce_angle(double x, double *high, double *low);

#endif
