/* Whole numbers of thousands of bits that are mostly short: a window of 64-bit limbs, in two's complement, of a number
 * whose limbs below are 0 and above are its sign. Sums of powers of doubles are such numbers, in units of a power of
 * 2^-1074: data of ordinary size touch a few limbs in the middle of a hundred.
 *
 * The window has room of its own for what is common and moves to the heap when it grows wider. */
#ifndef FEAT_LIB_MATH_LIMBS_H
#define FEAT_LIB_MATH_LIMBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

/* No number has more. */
#define FEAT_LIMBS_MOST 133
enum { FEAT_LIMBS_OWN = 8 };

typedef struct feat_limbs {
    uint64_t *heap; /* NULL while the limbs are in `own` */
    uint16_t capacity;
    uint16_t most;   /* limbs that the number may have, windows aside; beyond them it wraps */
    uint16_t low, n; /* the window: limbs [low, low + n) of the number */
    uint64_t own[FEAT_LIMBS_OWN];
} feat_limbs;

void feat_limbs_init(feat_limbs *l, unsigned most);
void feat_limbs_done(feat_limbs *l);

/* Widens the window so that sums over limbs [low, end) fit, with what they carry. False when memory is out; the number
 * stays what it is. */
bool feat_limbs_reserve(feat_limbs *l, unsigned low, unsigned end);
/* Adds or subtracts (negative) the number in `n` words, lowest first, times 2^bit. Its limbs, and one more, lie within
 * the most. False when memory is out, with nothing added; not after limbs [bit / 64, bit / 64 + n + 1) were reserved.
 */
bool feat_limbs_add(feat_limbs *l, const uint64_t *words, size_t n, unsigned bit, bool negative);
/* l += other, l -= other (negative), of one `most`. `other` may be `l` itself. False as above; not after the limbs of
 * `other` were reserved. */
bool feat_limbs_merge(feat_limbs *l, const feat_limbs *other, bool negative);

/* The number without limbs that say nothing: its window, which is empty for 0. */
typedef struct feat_limbs_view {
    const uint64_t *words;
    unsigned low, n;
} feat_limbs_view;
feat_limbs_view feat_limbs_look(const feat_limbs *l);

/* Canonical bytes: the lowest limb, the number of limbs, the limbs (little-endian, two's complement) without a
 * superfluous one at either end: at most 2 + 8 * most. Zero is two zero bytes. */
void feat_limbs_write(const feat_limbs *l, feat_buffer *out);
/* Into an initialised number that is 0. Canonical bytes only, else FEAT_CORRUPT. */
feat_status feat_limbs_read(feat_limbs *l, feat_cursor *bytes, feat_error *err);

#endif
