#include "text/points.h"

#define HIGH FEAT_EIGHT(0x80)

bool feat_points_ascii_long(const char *p, size_t n) {
    size_t at = 0;
    uint64_t all = 0;
    for (; n - at >= 32; at += 32) {
        all = feat_load8(p + at) | feat_load8(p + at + 8) | feat_load8(p + at + 16) | feat_load8(p + at + 24);
        if (all & HIGH) return false;
    }
    /* There are more than 32. */
    all |= feat_load8(p + n - 32) | feat_load8(p + n - 24) | feat_load8(p + n - 16) | feat_load8(p + n - 8);
    return (all & HIGH) == 0;
}

/* The last `n` bytes before `end`, of which there are 1 to 7 and eight may be read; the other bytes are 0. */
static inline uint64_t load_last(const char *end, size_t n) {
    uint64_t eight = feat_load8(end - 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return eight & (UINT64_MAX >> 8 * (8 - n));
#else
    return eight >> 8 * (8 - n);
#endif
}

/* Bytes less those that continue. */
size_t feat_points_count_long(const char *p, size_t n) {
    size_t at = 0, continuing = 0;
    for (; n - at >= 32; at += 32) {
        uint64_t a = feat_load8(p + at), b = feat_load8(p + at + 8), c = feat_load8(p + at + 16),
                 d = feat_load8(p + at + 24);
        if (((a | b | c | d) & HIGH) == 0) continue;
        uint64_t sum = ((a >> 7) & ~(a >> 6) & FEAT_EIGHT(1)) + ((b >> 7) & ~(b >> 6) & FEAT_EIGHT(1)) +
                       ((c >> 7) & ~(c >> 6) & FEAT_EIGHT(1)) + ((d >> 7) & ~(d >> 6) & FEAT_EIGHT(1));
        continuing += (size_t)(sum * FEAT_EIGHT(1) >> 56);
    }
    if (n < 8) {
        for (; at < n; at++) continuing += feat_point_continues(p[at]);
        return n - continuing;
    }
    for (; n - at >= 8; at += 8) {
        uint64_t eight = feat_load8(p + at);
        if (eight & HIGH) continuing += feat_continuing(eight);
    }
    if (at < n) {
        uint64_t rest = load_last(p + n, n - at);
        if (rest & HIGH) continuing += feat_continuing(rest);
    }
    return n - continuing;
}

size_t feat_points_skip(const char *p, size_t n, uint64_t k) {
    size_t at = 0;
    /* Eight bytes hold at most eight code points, so no code point that is wanted is passed over. */
    while (k >= 8 && n - at >= 8) {
        uint64_t eight = feat_load8(p + at);
        k -= 8 - (eight & HIGH ? feat_continuing(eight) : 0);
        at += 8;
    }
    /* The word may have ended within a code point: its rest belongs to what was counted. */
    while (at < n && feat_point_continues(p[at])) at++;
    if (k < 8 && n - at >= 8 && (feat_load8(p + at) & HIGH) == 0) return at + (size_t)k;
    for (; k > 0 && at < n; k--) at += feat_point_size(p[at], n - at);
    return at;
}

size_t feat_points_skip_back(const char *p, size_t n, uint64_t k) {
    size_t at = n;
    while (k >= 8 && at >= 8) {
        uint64_t eight = feat_load8(p + at - 8);
        k -= 8 - (eight & HIGH ? feat_continuing(eight) : 0);
        at -= 8;
    }
    /* The word may have started within a code point that is not wanted, or is still to be counted. */
    while (k == 0 && at < n && feat_point_continues(p[at])) at++;
    if (k < 8 && at >= 8 && (feat_load8(p + at - 8) & HIGH) == 0) return at - (size_t)k;
    for (; k > 0 && at > 0; k--) at = feat_point_before(p, at);
    return at;
}

size_t feat_points_decode(feat_text s, uint32_t *to) {
    size_t n = 0;
    for (size_t at = 0; at < s.length; n++) at += feat_point_read(s.data + at, s.length - at, &to[n]);
    return n;
}

uint32_t *feat_points_room(feat_scratch *scratch, size_t n, char **taken) {
    *taken = NULL;
    if (n > SIZE_MAX / 8) {
        scratch->failed = true;
        return NULL;
    }
    *taken = feat_scratch_take(scratch, n * sizeof(uint32_t) + 7);
    /* Eight, for whoever puts larger things there. */
    return *taken ? (uint32_t *)(void *)(*taken + (-(uintptr_t)*taken & 7)) : NULL;
}

/* By radix, seven bits at a time: linear, whatever the code points are. */
size_t feat_points_sort(uint32_t *points, uint32_t *spare, size_t n) {
    for (int shift = 0; shift < 21; shift += 7) {
        size_t starts[129] = {0};
        for (size_t i = 0; i < n; i++) starts[(points[i] >> shift & 127) + 1]++;
        for (size_t i = 1; i < 129; i++) starts[i] += starts[i - 1];
        for (size_t i = 0; i < n; i++) spare[starts[points[i] >> shift & 127]++] = points[i];
        uint32_t *other = points;
        points = spare;
        spare = other;
    }
    /* After three passes the result lies in what was spare, and `spare` here is what the caller passed as points. */
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || points[i] != spare[kept - 1]) spare[kept++] = points[i];
    return kept;
}
