/* Random doubles of the kinds on which sums and texts go wrong. The same sequence in every run. */
#ifndef FEAT_TESTS_MATH_RANDOM_H
#define FEAT_TESTS_MATH_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "math/number.h"

typedef struct random_state {
    uint64_t state;
} random_state;

/* splitmix64 */
static inline uint64_t random_u64(random_state *r) {
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t random_below(random_state *r, uint64_t n) { return random_u64(r) % n; }

/* Finite, with an exponent field in [low, low + span) and, often, a mantissa of few bits. */
static inline double random_double(random_state *r, unsigned low, unsigned span) {
    uint64_t mantissa = random_u64(r) >> 12;
    switch (random_below(r, 4)) {
    case 0: mantissa &= ~UINT64_C(0) << random_below(r, 53); break;
    case 1: mantissa >>= random_below(r, 53); break;
    default: break;
    }
    uint64_t field = low + random_below(r, span);
    return feat_double_of_bits((random_u64(r) & 1) << 63 | (field > 2046 ? 2046 : field) << 52 | mantissa);
}

enum { RANDOM_KINDS = 9 };

/* Fills `values` with finite doubles of one kind. */
static inline void random_values(random_state *r, unsigned kind, double *values, size_t n) {
    unsigned low = 0, span = 2047;
    switch (kind) {
    case 0: break;                                                   /* all magnitudes */
    case 1: low = 1003, span = 40; break;                            /* about 1 */
    case 2: low = 1023, span = 1; break;                             /* one binade: ties */
    case 3: low = 0, span = 3; break;                                /* subnormals and next to them */
    case 4: low = 2040, span = 7; break;                             /* next to overflow */
    case 5: low = (unsigned)random_below(r, 1990), span = 57; break; /* at the edge of what one rounding sees */
    case 6: low = (unsigned)random_below(r, 1900), span = 140; break;
    default: break;
    }
    for (size_t i = 0; i < n; i++) {
        if (kind == 7) values[i] = (double)(int64_t)random_below(r, 20001) - 10000.0; /* whole */
        else if (kind == 8 && i > n / 2) values[i] = -values[i - n / 2 - 1];          /* cancels all but a few */
        else values[i] = random_double(r, low, span);
        if (random_below(r, 50) == 0) values[i] = random_below(r, 2) ? 0.0 : -0.0;
    }
}

#endif
