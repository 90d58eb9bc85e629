/* Packed numbers: integers of 64 bits, less the least of them and by their common factor, in the fewest bits that hold
 * nearly all. See doc/format.md for the bytes. */
#ifndef FEAT_LIB_PACKING_H
#define FEAT_LIB_PACKING_H

#include "base/buffer.h"

/* Eight bytes of a column: an integer, or the bits of a double. */
typedef int64_t __attribute__((may_alias)) feat_bits64;

#define FEAT_PACKING_GROUP 1024 /* numbers that have a width of their own */

/* The loops over whole arrays, compiled for one kind of processor each. All give the same bits. */
typedef struct feat_packing_loops {
    /* A full group, `width` (1 to 64) times 128 bytes, each number with `base` added. */
    void (*unpack)(const uint8_t *from, unsigned width, uint64_t base, feat_bits64 *to);
    /* In place: base + factor * number, modulo 2^64. */
    void (*scale)(feat_bits64 *values, size_t n, uint64_t base, uint64_t factor);
    /* In place: integers become doubles, correctly rounded, and are divided. */
    void (*divide)(feat_bits64 *values, size_t n, double divisor);
} feat_packing_loops;

extern const feat_packing_loops feat_packing_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define FEAT_PACKING_X86 1
extern const feat_packing_loops feat_packing_avx2, feat_packing_avx512;
#endif
/* The best for this processor. */
const feat_packing_loops *feat_packing_best(void);

/* Appends `n` numbers, n > 0. Memory: out->failed. */
void feat_pack(const feat_bits64 *numbers, size_t n, feat_buffer *out);
/* Untrusted bytes: false when they are malformed. Writes exactly numbers[0..n) at most. */
bool feat_unpack(const feat_packing_loops *loops, feat_cursor *in, feat_bits64 *numbers, size_t n);

#endif
