/* Candidates are places where the first and the last byte of the part stand, found 16 at a time (after Muła's "generic
 * SIMD" search); they are compared one by one. A text that makes too many candidates fail, such as a run of one letter,
 * is searched on by the two-way algorithm of Crochemore and Perrin, which is linear whatever the texts are. */
#include "text/search.h"

#include "text/points.h"

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const char *p) {
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline bool same(const char *a, const char *b, size_t n) { return n == 0 || memcmp(a, b, n) == 0; }

/* ---- two-way ---- */

/* Where the largest suffix of `part` starts, less one, in the order of bytes or the reverse one; and its period. */
static size_t largest_suffix(const unsigned char *part, size_t m, bool reverse, size_t *period) {
    size_t start = SIZE_MAX, at = 0, k = 1; /* SIZE_MAX + 1 is 0 */
    *period = 1;
    while (at + k < m) {
        unsigned char a = part[at + k], b = part[start + k];
        if (a == b) {
            if (k == *period) {
                at += *period;
                k = 1;
            } else {
                k++;
            }
        } else if (reverse ? a > b : a < b) {
            at += k;
            k = 1;
            *period = at - start;
        } else {
            start = at++;
            k = *period = 1;
        }
    }
    return start;
}

static size_t find_two_way(const char *text, size_t n, const char *part, size_t m) {
    const unsigned char *s = (const unsigned char *)text, *x = (const unsigned char *)part;
    size_t period, other_period, cut = largest_suffix(x, m, false, &period) + 1,
                                 other = largest_suffix(x, m, true, &other_period) + 1;
    if (other > cut) {
        cut = other;
        period = other_period;
    }
    /* `known` bytes at the start of the part are known to match; only a periodic part remembers. */
    bool periodic = cut + period <= m && same(part, part + period, cut);
    if (!periodic) period = (cut > m - cut ? cut : m - cut) + 1;
    size_t known = 0;
    for (size_t at = 0; at + m <= n;) {
        size_t i = cut > known ? cut : known;
        while (i < m && x[i] == s[at + i]) i++;
        if (i < m) {
            at += i - cut + 1;
            known = 0;
            continue;
        }
        i = cut;
        while (i > known && x[i - 1] == s[at + i - 1]) i--;
        if (i <= known) return at;
        at += period;
        known = periodic ? m - period : 0;
    }
    return FEAT_NOT_FOUND;
}

/* ---- candidates ---- */

/* The first of eight bytes that is not 0, in the order of memory; `flags` is not 0 and its bytes are 0 or 255. */
static inline size_t first_flag(uint64_t flags) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (size_t)__builtin_clzll(flags) / 8;
#else
    return (size_t)__builtin_ctzll(flags) / 8;
#endif
}
static inline uint64_t clear_flag(uint64_t flags, size_t i) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return flags & ~(UINT64_C(0xff00000000000000) >> 8 * i);
#else
    return flags & ~(UINT64_C(0xff) << 8 * i);
#endif
}

size_t feat_find(const char *s, size_t n, const char *part, size_t m) {
    if (m == 0) return 0;
    if (m > n) return FEAT_NOT_FOUND;
    if (m == 1) {
        const char *found = memchr(s, part[0], n);
        return found ? (size_t)(found - s) : FEAT_NOT_FOUND;
    }
    size_t places = n - m + 1, budget = 8 * n + 1024; /* bytes that may be compared in vain */
    if (places < 16) {
        for (size_t at = 0; at < places; at++)
            if (s[at] == part[0] && s[at + m - 1] == part[m - 1] && same(s + at + 1, part + 1, m - 2)) return at;
        return FEAT_NOT_FOUND;
    }
    uint8_t first = (uint8_t)part[0], last = (uint8_t)part[m - 1];
    for (size_t at = 0;; at += 16) {
        if (at + 16 > places) at = places - 16; /* some places twice, rather than the last ones singly */
        bytes16 both = (bytes16)(load16(s + at) == first) & (bytes16)(load16(s + at + m - 1) == last);
        uint64_t flags[2];
        memcpy(flags, &both, sizeof flags);
        for (size_t half = 0; half < 2; half++) {
            while (flags[half]) {
                size_t i = first_flag(flags[half]), place = at + 8 * half + i;
                if (same(s + place + 1, part + 1, m - 2)) return place;
                flags[half] = clear_flag(flags[half], i);
                if (budget < m) {
                    size_t found = find_two_way(s + place, n - place, part, m);
                    return found == FEAT_NOT_FOUND ? found : place + found;
                }
                budget -= m;
            }
        }
        if (at + 16 == places) return FEAT_NOT_FOUND;
    }
}

/* ---- functions ---- */

bool feat_text_starts_with(feat_text s, feat_text prefix) {
    return s.length >= prefix.length && same(s.data, prefix.data, prefix.length);
}

bool feat_text_ends_with(feat_text s, feat_text suffix) {
    return s.length >= suffix.length &&
           (suffix.length == 0 || same(s.data + (s.length - suffix.length), suffix.data, suffix.length));
}

bool feat_text_contains(feat_text s, feat_text part) {
    return feat_find(s.data, s.length, part.data, part.length) != FEAT_NOT_FOUND;
}

int64_t feat_text_position(feat_text s, feat_text part) {
    size_t at = feat_find(s.data, s.length, part.data, part.length);
    return at == FEAT_NOT_FOUND ? 0 : (int64_t)feat_points_count(s.data, at) + 1;
}
