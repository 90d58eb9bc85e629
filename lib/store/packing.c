/* Packed numbers: the choice of widths, and what is not a full group. */
#include "store/packing.h"

#include <string.h>

#include "column/bits.h"

#define LANES       16
#define PATCHES_MAX 255

const feat_packing_loops *feat_packing_best(void) {
#ifdef FEAT_PACKING_X86
    bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return &feat_packing_avx512;
    if (avx2) return &feat_packing_avx2;
#endif
    return &feat_packing_baseline;
}

static unsigned width_of(uint64_t v) { return v ? 64 - (unsigned)__builtin_clzll(v) : 0; }

static size_t packed_size(size_t n, unsigned width) { return (n * width + 7) / 8; }

static void store_word(uint8_t *p, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
}

/* ---- Packing. ---- */

typedef struct layout {
    unsigned width;
    size_t patches;      /* numbers that need more bits */
    size_t excess_bytes; /* of each, for the bits above */
} layout;

/* The fewest bytes. A patch counts a little more than it takes, for the time it costs. */
static layout choose_layout(const uint64_t *v, size_t n) {
    size_t count[65] = {0};
    unsigned most = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned width = width_of(v[i]);
        count[width]++;
        if (width > most) most = width;
    }
    layout best = {most, 0, 0};
    size_t least = 4 * packed_size(n, most), patches = count[most];
    for (unsigned width = most; width-- > 0 && patches <= PATCHES_MAX; patches += count[width]) {
        size_t bytes = (most - width + 7) / 8;
        size_t cost = 4 * (packed_size(n, width) + 1) + patches * (4 * (2 + bytes) + 1);
        if (cost < least) {
            least = cost;
            best = (layout){width, patches, bytes};
        }
    }
    return best;
}

static void pack_bits(const uint64_t *v, size_t n, unsigned width, uint64_t mask, uint8_t *p) {
    if (n == FEAT_PACKING_GROUP) {
        uint64_t words[64][LANES] = {{0}};
        for (size_t i = 0; i < n; i++) {
            unsigned bit = (unsigned)(i / LANES) * width, shift = bit % 64;
            words[bit / 64][i % LANES] |= (v[i] & mask) << shift;
            if (shift + width > 64) words[bit / 64 + 1][i % LANES] |= (v[i] & mask) >> (64 - shift);
        }
        for (size_t i = 0; i < width; i++)
            for (size_t lane = 0; lane < LANES; lane++) store_word(p + 8 * (LANES * i + lane), words[i][lane], 8);
        return;
    }
    uint64_t waiting = 0; /* bits for the bytes to come, fewer than eight of them between parts */
    unsigned have = 0;
    for (size_t i = 0; i < n; i++)
        for (unsigned from = 0; from < width; from += 32) {
            unsigned bits = width - from < 32 ? width - from : 32;
            waiting |= ((v[i] & mask) >> from & (UINT64_MAX >> (64 - bits))) << have;
            for (have += bits; have >= 8; have -= 8, waiting >>= 8) *p++ = (uint8_t)waiting;
        }
    if (have > 0) *p = (uint8_t)waiting;
}

static void pack_group(const uint64_t *v, size_t n, feat_buffer *out) {
    layout l = choose_layout(v, n);
    uint64_t mask = l.width ? UINT64_MAX >> (64 - l.width) : 0;
    feat_buffer_byte(out, (uint8_t)l.width);
    feat_buffer_byte(out, (uint8_t)l.patches);
    uint8_t *p = feat_buffer_extend(out, packed_size(n, l.width));
    if (p && l.width > 0) pack_bits(v, n, l.width, mask, p);
    if (l.patches == 0) return;
    feat_buffer_byte(out, (uint8_t)l.excess_bytes);
    p = feat_buffer_extend(out, l.patches * (2 + l.excess_bytes));
    uint8_t *excess = p ? p + 2 * l.patches : NULL;
    for (size_t i = 0; p && i < n; i++) {
        if ((v[i] & ~mask) == 0) continue;
        store_word(p, i, 2);
        store_word(excess, v[i] >> l.width, l.excess_bytes);
        p += 2;
        excess += l.excess_bytes;
    }
}

/* The greatest number that divides how much the numbers exceed the base; 1 if that is all, or if they do not. */
static uint64_t common_factor(const feat_bits64 *numbers, size_t n, feat_bits64 base) {
    uint64_t factor = 0;
    for (size_t i = 0; i < n && factor != 1; i++) {
        uint64_t v = (uint64_t)numbers[i] - (uint64_t)base;
        while (v != 0) {
            uint64_t rest = factor % v;
            factor = v;
            v = rest;
        }
    }
    return factor > 1 ? factor : 1;
}

void feat_pack(const feat_bits64 *numbers, size_t n, feat_buffer *out) {
    uint64_t above[FEAT_PACKING_GROUP];
    feat_bits64 base = numbers[0];
    for (size_t i = 1; i < n; i++)
        if (numbers[i] < base) base = numbers[i];
    uint64_t factor = common_factor(numbers, n, base);
    feat_buffer_u64(out, (uint64_t)base);
    feat_buffer_byte(out, factor > 1);
    if (factor > 1) feat_buffer_u64(out, factor);
    for (size_t at = 0; at < n; at += FEAT_PACKING_GROUP) {
        size_t some = n - at < FEAT_PACKING_GROUP ? n - at : FEAT_PACKING_GROUP;
        for (size_t i = 0; i < some; i++) {
            above[i] = (uint64_t)numbers[at + i] - (uint64_t)base;
            if (factor > 1) above[i] /= factor;
        }
        pack_group(above, some, out);
    }
}

/* ---- Unpacking. ---- */

/* Fewer numbers than a group, one after the other: eight bytes hold a number of 56 bits wherever it begins, as long as
 * there are eight. */
static void unpack_few(const uint8_t *p, size_t n, unsigned width, uint64_t base, feat_bits64 *to) {
    size_t size = packed_size(n, width), i = 0;
    uint64_t mask = UINT64_MAX >> (64 - width);
    for (size_t bit = 0; width <= 56 && i < n && bit / 8 + 8 <= size; i++, bit += width)
        to[i] = (feat_bits64)(base + (feat_bits_load(p + bit / 8) >> bit % 8 & mask));
    for (; i < n; i++) to[i] = (feat_bits64)(base + feat_bits_word(p, i * width, width));
}

static bool apply_patches(feat_cursor *in, size_t patches, unsigned width, feat_bits64 *to, size_t n) {
    size_t bytes = feat_cursor_byte(in);
    if (width > 63 || bytes == 0 || bytes > 8) return false;
    const uint8_t *at = feat_cursor_bytes(in, patches * 2), *excess = feat_cursor_bytes(in, patches * bytes);
    if (!at || !excess) return false;
    for (size_t i = 0; i < patches; i++, excess += bytes) {
        size_t place = (size_t)at[2 * i] | (size_t)at[2 * i + 1] << 8;
        uint64_t v = 0;
        if (place >= n) return false;
        for (size_t b = 0; b < bytes; b++) v |= (uint64_t)excess[b] << (8 * b);
        to[place] = (feat_bits64)((uint64_t)to[place] + (v << width));
    }
    return true;
}

bool feat_unpack(const feat_packing_loops *loops, feat_cursor *in, feat_bits64 *numbers, size_t n) {
    uint64_t base = feat_cursor_u64(in), least = base, factor = 0;
    uint8_t has_factor = feat_cursor_byte(in);
    if (has_factor > 1) return false;
    if (has_factor) {
        factor = feat_cursor_u64(in);
        base = 0;
    }
    for (size_t at = 0; at < n; at += FEAT_PACKING_GROUP) {
        size_t some = n - at < FEAT_PACKING_GROUP ? n - at : FEAT_PACKING_GROUP;
        unsigned width = feat_cursor_byte(in);
        size_t patches = feat_cursor_byte(in);
        if (in->failed || width > 64) return false;
        const uint8_t *p = feat_cursor_bytes(in, packed_size(some, width));
        if (!p) return false;
        if (width == 0)
            for (size_t i = 0; i < some; i++) numbers[at + i] = (feat_bits64)base;
        else if (some == FEAT_PACKING_GROUP) loops->unpack(p, width, base, numbers + at);
        else unpack_few(p, some, width, base, numbers + at);
        if (patches > 0 && !apply_patches(in, patches, width, numbers + at, some)) return false;
    }
    if (has_factor && !in->failed) loops->scale(numbers, n, least, factor);
    return !in->failed;
}
