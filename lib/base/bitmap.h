/* Bits in Arrow's order: bit i is bit i%8 of byte i/8. */
#ifndef FEAT_LIB_BITMAP_H
#define FEAT_LIB_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool feat_bit_get(const uint8_t *bits, size_t i) { return bits[i >> 3] >> (i & 7) & 1; }
static inline void feat_bit_set(uint8_t *bits, size_t i) { bits[i >> 3] |= (uint8_t)(1u << (i & 7)); }
static inline void feat_bit_clear(uint8_t *bits, size_t i) { bits[i >> 3] &= (uint8_t) ~(1u << (i & 7)); }
static inline void feat_bit_put(uint8_t *bits, size_t i, bool v) {
    if (v) feat_bit_set(bits, i);
    else feat_bit_clear(bits, i);
}
static inline size_t feat_bitmap_size(size_t bits) { return bits / 8 + (bits % 8 != 0); }
/* Number of ones among the first `n` bits. */
size_t feat_bitmap_count(const uint8_t *bits, size_t n);

#endif
