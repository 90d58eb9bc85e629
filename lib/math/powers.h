/* Powers of ten to 128 bits, for reading and printing floating numbers. */
#ifndef FEAT_LIB_POWERS_H
#define FEAT_LIB_POWERS_H

#include <stdint.h>

#define FEAT_POWER_LOW  (-342)
#define FEAT_POWER_HIGH 324

/* 10^n without its exponent: floor(10^n / 2^e) with the e that leaves 128 bits. The lower half is never all ones. */
typedef struct feat_power {
    uint64_t high, low;
} feat_power;

extern const feat_power feat_powers_of_ten[FEAT_POWER_HIGH - FEAT_POWER_LOW + 1];

/* floor(log2(10^n)), for |n| <= 1233. */
static inline int feat_power_log2(int n) { return (n * 1741647) >> 19; }

#endif
