#include "column/bits.h"

#include <string.h>

#include "base/bitmap.h"

/* Writes the low `n` bits of `word`, n <= 8, all within one byte. */
static void put_within_byte(uint8_t *to, size_t start, uint64_t word, size_t n) {
    unsigned shift = (unsigned)(start & 7), mask = ((1u << n) - 1u) << shift;
    uint8_t *p = to + (start >> 3);
    *p = (uint8_t)((*p & ~mask) | ((unsigned)(word << shift) & mask));
}

void feat_bits_copy(uint8_t *to, size_t to_start, const uint8_t *from, size_t from_start, size_t n) {
    size_t head = (8 - (to_start & 7)) & 7, done = 0;
    if (head > n) head = n;
    if (head > 0) put_within_byte(to, to_start, feat_bits_word(from, from_start, head), head);
    done = head;
    uint8_t *p = to + ((to_start + done) >> 3); /* from here on whole bytes */
    if (((from_start + done) & 7) == 0 && n - done >= 8) {
        size_t bytes = (n - done) >> 3;
        memcpy(p, from + ((from_start + done) >> 3), bytes);
        p += bytes;
        done += bytes * 8;
    }
    for (; n - done >= 64; done += 64, p += 8) {
        uint64_t word = feat_bits_word(from, from_start + done, 64);
        for (unsigned i = 0; i < 8; i++) p[i] = (uint8_t)(word >> (8 * i));
    }
    while (done < n) {
        size_t some = n - done < 8 ? n - done : 8;
        put_within_byte(to, to_start + done, feat_bits_word(from, from_start + done, some), some);
        done += some;
    }
}

void feat_bits_fill(uint8_t *to, size_t start, size_t n, bool value) {
    size_t end = start + n;
    while (start < end && (start & 7)) feat_bit_put(to, start++, value);
    if (end - start >= 8) memset(to + (start >> 3), value ? 0xff : 0, (end - start) >> 3);
    start += (end - start) & ~(size_t)7;
    while (start < end) feat_bit_put(to, start++, value);
}

size_t feat_bits_count(const uint8_t *bits, size_t start, size_t n) {
    size_t ones = 0;
    for (size_t done = 0; done < n; done += 64) {
        size_t some = n - done < 64 ? n - done : 64;
        ones += (size_t)__builtin_popcountll(feat_bits_word(bits, start + done, some));
    }
    return ones;
}
