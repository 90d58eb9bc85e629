#include "text/checksum.h"

#include "base/digest.h"
#include "text/crc_table.h"
#include "text/points.h"

/* Least significant byte first, on any machine. */
static uint32_t get4(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static void put(unsigned char *to, uint64_t x, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) to[i] = (unsigned char)(x >> 8 * i);
}

/* ---- CRC-32 ---- */

uint32_t feat_text_crc32(feat_text s) {
    const unsigned char *p = (const unsigned char *)s.data;
    uint32_t crc = UINT32_MAX;
    size_t n = s.length;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = crc ^ get4(p), high = get4(p + 4);
        crc = feat_crc_table[7][low & 255] ^ feat_crc_table[6][low >> 8 & 255] ^ feat_crc_table[5][low >> 16 & 255] ^
              feat_crc_table[4][low >> 24] ^ feat_crc_table[3][high & 255] ^ feat_crc_table[2][high >> 8 & 255] ^
              feat_crc_table[1][high >> 16 & 255] ^ feat_crc_table[0][high >> 24];
    }
    for (; n > 0; n--) crc = feat_crc_table[0][(crc ^ *p++) & 255] ^ crc >> 8;
    return ~crc;
}

/* ---- MD5 ---- */

/* Of RFC 1321: the whole part of 2^32 times the sine of 1, 2, ..., without its sign. */
/* clang-format off */
static const uint32_t sines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};
/* clang-format on */

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

/* One of 64 steps: `a` becomes what `mix` makes of the others, with a word of the block, turned. The letters change
 * places from step to step instead of the values. */
#define STEP(mix, a, b, c, d, word, turn, i)                                                                           \
    a += (mix) + words[(word) % 16] + sines[i];                                                                        \
    a = b + rotate(a, turn)
#define CHOOSE(x, y, z) ((z) ^ ((x) & ((y) ^ (z))))
#define FOUR(mix, word, t1, t2, t3, t4)                                                                                \
    STEP(mix(b, c, d), a, b, c, d, word(i), t1, i);                                                                    \
    STEP(mix(a, b, c), d, a, b, c, word(i + 1), t2, i + 1);                                                            \
    STEP(mix(d, a, b), c, d, a, b, word(i + 2), t3, i + 2);                                                            \
    STEP(mix(c, d, a), b, c, d, a, word(i + 3), t4, i + 3)
#define MIX_1(x, y, z) CHOOSE(x, y, z)
#define MIX_2(x, y, z) CHOOSE(z, x, y)
#define MIX_3(x, y, z) ((x) ^ (y) ^ (z))
#define MIX_4(x, y, z) ((y) ^ ((x) | ~(z)))
#define WORD_1(i)      (i)
#define WORD_2(i)      (5 * (i) + 1)
#define WORD_3(i)      (3 * (i) + 5)
#define WORD_4(i)      (7 * (i))

static void md5_block(uint32_t state[4], const unsigned char *bytes) {
    uint32_t words[16], a = state[0], b = state[1], c = state[2], d = state[3];
    size_t i = 0;
    for (; i < 16; i++) words[i] = get4(bytes + 4 * i);
    for (i = 0; i < 16; i += 4) {
        FOUR(MIX_1, WORD_1, 7, 12, 17, 22);
    }
    for (; i < 32; i += 4) {
        FOUR(MIX_2, WORD_2, 5, 9, 14, 20);
    }
    for (; i < 48; i += 4) {
        FOUR(MIX_3, WORD_3, 4, 11, 16, 23);
    }
    for (; i < 64; i += 4) {
        FOUR(MIX_4, WORD_4, 6, 10, 15, 21);
    }
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
}

feat_text feat_text_md5(feat_scratch *scratch, feat_text s) {
    uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    const unsigned char *p = (const unsigned char *)s.data;
    size_t n = s.length;
    for (; n >= 64; n -= 64, p += 64) md5_block(state, p);
    /* The end: what is left, a bit 1, zeros, and how many bits there were. */
    unsigned char end[128] = {0};
    if (n) memcpy(end, p, n);
    end[n] = 0x80;
    size_t size = n < 56 ? 64 : 128;
    put(end + size - 8, (uint64_t)s.length * 8, 8);
    for (size_t at = 0; at < size; at += 64) md5_block(state, end + at);
    char *to = feat_scratch_take(scratch, 32);
    if (!to) return (feat_text){"", 0};
    for (int i = 0; i < 16; i++) {
        uint32_t byte = state[i / 4] >> 8 * (i % 4) & 255;
        to[2 * i] = "0123456789abcdef"[byte >> 4];
        to[2 * i + 1] = "0123456789abcdef"[byte & 15];
    }
    return (feat_text){to, 32};
}

/* ---- hash ---- */

uint64_t feat_hash_bytes(feat_text s) { return feat_hash64(s.length ? s.data : "", s.length); }

uint64_t feat_hash_integer(uint64_t x) { return feat_hash64_word(x); }

uint64_t feat_hash_double(double x) {
    uint64_t bits = UINT64_C(0x7ff8000000000000);
    if (x == 0.0) x = 0.0; /* -0 too */
    if (x == x) memcpy(&bits, &x, sizeof bits);
    return feat_hash_integer(bits);
}

uint64_t feat_hash_boolean(bool x) { return feat_hash64(x ? "\1" : "\0", 1); }

uint64_t feat_hash_length(feat_hash_wide us) {
    unsigned char bytes[16];
    put(bytes, (uint64_t)us, 8);
    put(bytes + 8, (uint64_t)(us >> 64), 8);
    return feat_hash64(bytes, sizeof bytes);
}

uint64_t feat_hash_decimal(feat_hash_wide unscaled, int scale) {
    while (scale > 0 && unscaled % 10 == 0) unscaled /= 10, scale--;
    if (scale == 0 && unscaled >= INT64_MIN && unscaled <= (feat_hash_wide)UINT64_MAX)
        return feat_hash_integer((uint64_t)unscaled);
    unsigned char bytes[17];
    put(bytes, (uint64_t)unscaled, 8);
    put(bytes + 8, (uint64_t)(unscaled >> 64), 8);
    bytes[16] = (unsigned char)scale;
    return feat_hash64(bytes, sizeof bytes);
}
