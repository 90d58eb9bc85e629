/* Exact sums as two's complement words of 32 bits, lowest first: the one representation that equal values share. What
 * both forms of a sum (exact.h, exact_small.h) need of it: results and canonical bytes. */
#ifndef FEAT_LIB_EXACT_WORDS_H
#define FEAT_LIB_EXACT_WORDS_H

#include "math/exact.h"

/* The exponent of the lowest bit of a double, and so of word 0. */
#define FEAT_EXACT_UNIT (-1074)

/* Words below the lowest, for which there must be room and which hold 0: the bits that a short sum lacks. */
enum { FEAT_WORDS_BELOW = 4 };

/* How often an infinity or a NaN is among the terms. */
typedef struct feat_exact_counters {
    int64_t positive_infinities, negative_infinities, nans;
} feat_exact_counters;

static inline bool feat_exact_any_special(const feat_exact_counters *c) {
    return c->positive_infinities || c->negative_infinities || c->nans;
}
/* The result that infinities and NaN decide. */
double feat_exact_special_result(const feat_exact_counters *counters);

/* Digits of 32 bits, the highest wider, to one word more than there are digits. */
static inline void feat_words_of_digits(const int64_t *digits, size_t n, uint32_t *words) {
    int64_t carry = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t digit = digits[i] + carry;
        words[i] = (uint32_t)digit;
        carry = digit >> 32;
    }
    words[n] = (uint32_t)carry;
}

/* Rounds the number in words [FEAT_WORDS_BELOW, FEAT_WORDS_BELOW + n) times 2^exponent, divided by `divisor` unless
 * that is 0. The words are overwritten. */
double feat_words_round(uint32_t *words, size_t n, int exponent, int64_t divisor);

/* Canonical bytes of `n` words of which the first is word `base` of the number. */
void feat_words_write(const uint32_t *words, size_t n, size_t base, const feat_exact_counters *counters,
                      feat_buffer *out);

typedef struct feat_words_parts {
    size_t base, n;                   /* there are no words above base + n, but for the sign's */
    uint32_t words[FEAT_EXACT_WORDS]; /* from `base` on */
    uint32_t sign;                    /* what all words above hold */
    feat_exact_counters counters;
} feat_words_parts;

/* Canonical bytes only, else FEAT_CORRUPT. */
feat_status feat_words_read(feat_words_parts *parts, feat_cursor *bytes, feat_error *err);

#endif
