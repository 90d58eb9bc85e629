/* Products of doubles that are exact until one final rounding, to nearest even. */
#ifndef FEAT_LIB_PRODUCT_H
#define FEAT_LIB_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

/* The product, correctly rounded, subnormal results and overflow to an infinity included; its sign is that of all
 * factors together, of zero too. A NaN, or an infinity and a zero, make the canonical NaN. Without factors it is 1.
 * False: memory was out. */
bool feat_product(const double *values, size_t n, double *out);

/* The same from `words` words of 64 bits on, of which feat_product takes enough that more are hardly ever needed. */
bool feat_product_from(size_t words, const double *values, size_t n, double *out);

#endif
