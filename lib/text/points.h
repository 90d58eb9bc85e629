/* Code points of UTF-8, eight bytes at a time where they can be. Every function stays within the bytes it is given,
 * valid UTF-8 or not. */
#ifndef FEAT_LIB_TEXT_POINTS_H
#define FEAT_LIB_TEXT_POINTS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/scratch.h"
#include "base/text.h"

/* No function makes a longer text: a result that would be is an error value. */
#define FEAT_TEXT_MOST ((size_t)1 << 30)

#define FEAT_EIGHT(byte) (UINT64_C(0x0101010101010101) * (uint64_t)(byte))

static inline uint64_t feat_load8(const void *p) {
    uint64_t eight;
    memcpy(&eight, p, sizeof eight);
    return eight;
}
static inline uint32_t feat_load4(const void *p) {
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return four;
}

static inline bool feat_point_continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* How many of eight bytes continue a code point. */
static inline size_t feat_continuing(uint64_t eight) {
    return (size_t)((((eight >> 7) & ~(eight >> 6)) & FEAT_EIGHT(1)) * FEAT_EIGHT(1) >> 56);
}

/* Bytes of the code point that starts with `c`, at least 1 and at most `left`. */
static inline size_t feat_point_size(char c, size_t left) {
    unsigned char lead = (unsigned char)c;
    size_t size = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return size < left ? size : left;
}

/* The code point at `p` and its size; `left` is not 0. */
static inline size_t feat_point_read(const char *p, size_t left, uint32_t *point) {
    const unsigned char *b = (const unsigned char *)p;
    size_t size = feat_point_size(*p, left);
    switch (size) {
    case 1: *point = b[0]; break;
    case 2: *point = (uint32_t)((b[0] & 0x1f) << 6 | (b[1] & 0x3f)); break;
    case 3: *point = (uint32_t)((b[0] & 0x0f) << 12 | (b[1] & 0x3f) << 6 | (b[2] & 0x3f)); break;
    default: *point = (uint32_t)((b[0] & 0x07) << 18 | (b[1] & 0x3f) << 12 | (b[2] & 0x3f) << 6 | (b[3] & 0x3f));
    }
    return size;
}

/* Writes a code point, at most 4 bytes; how many. */
static inline size_t feat_point_write(char *to, uint32_t point) {
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xc0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xe0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3f));
        to[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3f));
    to[2] = (char)(0x80 | (point >> 6 & 0x3f));
    to[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* Where the code point before `at` starts; `at` is not 0. */
static inline size_t feat_point_before(const char *p, size_t at) {
    size_t least = at > 4 ? at - 4 : 0;
    do at--;
    while (at > least && feat_point_continues(p[at]));
    return at;
}

/* memcmp's answer whether bytes are equal, without a call for a few of them. */
static inline bool feat_same_bytes(const char *a, const char *b, size_t n) {
    if (n > 16) return memcmp(a, b, n) == 0;
    if (n >= 8) return ((feat_load8(a) ^ feat_load8(b)) | (feat_load8(a + n - 8) ^ feat_load8(b + n - 8))) == 0;
    if (n >= 4) return ((feat_load4(a) ^ feat_load4(b)) | (feat_load4(a + n - 4) ^ feat_load4(b + n - 4))) == 0;
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

/* Whether there is nothing but ASCII: of short texts, whose loops a processor would guess wrong, without a loop. */
bool feat_points_ascii_long(const char *p, size_t n);
static inline bool feat_points_ascii(const char *p, size_t n) {
    uint64_t all;
    if (n > 32) return feat_points_ascii_long(p, n);
    if (n >= 16) {
        all = feat_load8(p) | feat_load8(p + 8) | feat_load8(p + n - 16) | feat_load8(p + n - 8);
    } else if (n >= 8) {
        all = feat_load8(p) | feat_load8(p + n - 8);
    } else if (n >= 4) {
        all = feat_load4(p) | feat_load4(p + n - 4);
    } else {
        all = n ? (uint64_t)((unsigned char)p[0] | (unsigned char)p[n / 2] | (unsigned char)p[n - 1]) : 0;
    }
    return (all & FEAT_EIGHT(0x80)) == 0;
}
/* How many code points. */
size_t feat_points_count_long(const char *p, size_t n);
static inline size_t feat_points_count(const char *p, size_t n) {
    return n <= 32 && feat_points_ascii(p, n) ? n : feat_points_count_long(p, n);
}
/* The offset behind the first `k` code points, or `n` when there are fewer. */
size_t feat_points_skip(const char *p, size_t n, uint64_t k);
/* The offset of the last `k` code points, or 0 when there are fewer. */
size_t feat_points_skip_back(const char *p, size_t n, uint64_t k);

/* Decodes `s`: one code point a number into `to`, which has room for s.length of them; how many. */
size_t feat_points_decode(feat_text s, uint32_t *to);
/* Room for `n` code points in the scratch, aligned; *taken is the piece that holds them. NULL when memory is out. */
uint32_t *feat_points_room(feat_scratch *scratch, size_t n, char **taken);
/* Sorts code points and drops duplicates; how many are left. `spare` has room for n. */
size_t feat_points_sort(uint32_t *points, uint32_t *spare, size_t n);

static inline int64_t feat_text_length(feat_text s) { return (int64_t)feat_points_count(s.data, s.length); }
static inline int64_t feat_text_octets(feat_text s) { return (int64_t)s.length; }

/* The first code point; `none` when there is none. */
static inline int64_t feat_text_first(feat_text s, int64_t none) {
    uint32_t point;
    if (s.length == 0) return none;
    feat_point_read(s.data, s.length, &point);
    return point;
}

#endif
