/* Runs of bits that start anywhere, in Arrow's order, 64 at a time. Nothing outside the run's bytes is read. */
#ifndef FEAT_LIB_BITS_H
#define FEAT_LIB_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Eight bytes as a little-endian number: compilers turn it into one load. */
static inline uint64_t feat_bits_load(const uint8_t *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
           (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

/* Bits [start, start + n) as a number, 1 <= n <= 64; the bits above are zero. */
static inline uint64_t feat_bits_word(const uint8_t *bits, size_t start, size_t n) {
    const uint8_t *p = bits + (start >> 3);
    size_t shift = start & 7, bytes = (shift + n + 7) >> 3;
    uint64_t word = 0;
    if (bytes >= 8) word = feat_bits_load(p);
    else
        for (size_t i = 0; i < bytes; i++) word |= (uint64_t)p[i] << (8 * i);
    word >>= shift;
    if (bytes == 9) word |= (uint64_t)p[8] << (64 - shift); /* nine bytes are touched only when shift > 0 */
    return n == 64 ? word : word & ((UINT64_C(1) << n) - 1);
}

/* Copies `n` bits; the bits of `to` around them keep their values. The runs must not overlap. */
void feat_bits_copy(uint8_t *to, size_t to_start, const uint8_t *from, size_t from_start, size_t n);
void feat_bits_fill(uint8_t *to, size_t start, size_t n, bool value);
/* Number of ones. */
size_t feat_bits_count(const uint8_t *bits, size_t start, size_t n);

#endif
