#include "base/bitmap.h"

size_t feat_bitmap_count(const uint8_t *bits, size_t n) {
    size_t ones = 0;
    for (size_t i = 0; i < n / 8; i++) ones += (size_t)__builtin_popcount(bits[i]);
    for (size_t i = n / 8 * 8; i < n; i++) ones += feat_bit_get(bits, i);
    return ones;
}
