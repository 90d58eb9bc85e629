/* The loops of packing.h, compiled once for each kind of processor: the including file says which. The layout is made
 * for plain loops: sixteen numbers that follow each other stand at the same place of sixteen words that do. */
#include <string.h>

#include "math/number.h"
#include "store/packing.h"

static inline uint64_t load_word(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static void unpack(const uint8_t *restrict from, unsigned width, uint64_t base, feat_bits64 *restrict to) {
    uint64_t mask = UINT64_MAX >> (64 - width);
    for (unsigned bit = 0; bit < 64 * width; bit += width, to += 16) {
        const uint8_t *words = from + bit / 64 * 128;
        unsigned shift = bit % 64;
        if (shift + width <= 64)
            for (size_t i = 0; i < 16; i++) to[i] = (feat_bits64)(base + (load_word(words + 8 * i) >> shift & mask));
        else
            for (size_t i = 0; i < 16; i++)
                to[i] = (feat_bits64)(base + ((load_word(words + 8 * i) >> shift | load_word(words + 128 + 8 * i)
                                                                                       << (64 - shift)) &
                                              mask));
    }
}

static void scale(feat_bits64 *values, size_t n, uint64_t base, uint64_t factor) {
    for (size_t i = 0; i < n; i++) values[i] = (feat_bits64)(base + factor * (uint64_t)values[i]);
}

/* The double nearest to an integer, without the instruction that few processors have for vectors. The halves become
 * doubles by what stands above them, 2^84 (and 2^63, for the sign) and 2^52; the sum rounds once. */
static inline double double_of(int64_t v) {
    double high = feat_double_of_bits(((uint64_t)v >> 32 ^ UINT64_C(0x80000000)) | UINT64_C(0x4530000000000000));
    double low = feat_double_of_bits(((uint64_t)v & UINT64_C(0xffffffff)) | UINT64_C(0x4330000000000000));
    return (high - 0x1.00000801p84) + low;
}

static void divide(feat_bits64 *values, size_t n, double divisor) {
    for (size_t i = 0; i < n; i++) values[i] = (feat_bits64)feat_double_bits(double_of(values[i]) / divisor);
}

const feat_packing_loops FEAT_PACKING_LOOPS = {unpack, scale, divide};
