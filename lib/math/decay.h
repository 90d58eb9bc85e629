/* Sums of values that count half as much with each half-life that has passed: the sum of x_i 2^((t_i - t) / h) over
 * values x_i at times t_i up to t.
 *
 * With t_i / h cut into a whole part and a fraction (of t_i in µs, rounded down), a term is w_i = x_i 2^fraction,
 * rounded once to 53 bits, times a power of two: so sums of terms are exact, and those of one h form a group whatever
 * t is. What they come to at t is that sum times 2^-(t's own fraction), rounded once. 2^x is feat_exp2's. */
#ifndef FEAT_LIB_MATH_DECAY_H
#define FEAT_LIB_MATH_DECAY_H

#include "math/exact_words.h"
#include "math/limbs.h"

/* A value counts from its time on, until it is older than so many half-lives. */
#define FEAT_DECAY_HALF_LIVES 1100

typedef struct feat_decay {
    int64_t t, half_life;         /* µs */
    feat_limbs sum, weights;      /* of w_i, and of what they are for values of 1 */
    feat_exact_counters specials; /* infinities and NaN, which are counted */
    int64_t n;                    /* values that count */
} feat_decay;

/* half_life > 0 */
void feat_decay_init(feat_decay *d, int64_t t, int64_t half_life);
void feat_decay_done(feat_decay *d);
/* False when memory is out; the state is then good for feat_decay_done only. */
bool feat_decay_add(feat_decay *d, double value, int64_t time);
/* False when no value counts. Infinities and NaN make what they make of a sum. */
bool feat_decay_sum(const feat_decay *d, double *out);
/* The decayed sum divided by that of as many values of 1, rounded once. */
bool feat_decay_mean(const feat_decay *d, double *out);

#endif
