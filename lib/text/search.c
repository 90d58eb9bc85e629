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
    bool periodic = cut + period <= m && feat_same_bytes(part, part + period, cut);
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

/* The bytes of `eight` that are `byte`, as 255. */
static inline uint64_t equal_bytes(uint64_t eight, uint64_t byte) {
    uint64_t x = eight ^ byte * FEAT_EIGHT(1), low = FEAT_EIGHT(0x7f);
    return (~(((x & low) + low) | x | low) >> 7) * 255;
}

/* What is searched for, and how many bytes may still be compared in vain. */
typedef struct search {
    const char *s, *part;
    size_t n, m, budget;
} search;

/* Compares at the flagged places of eight; *found is the answer when it is true. */
static inline bool try_places(search *f, size_t from, uint64_t flags, size_t *found) {
    while (flags) {
        size_t i = first_flag(flags), place = from + i;
        *found = place;
        if (feat_same_bytes(f->s + place + 1, f->part + 1, f->m - 2)) return true;
        flags = clear_flag(flags, i);
        if (f->budget < f->m) {
            *found = find_two_way(f->s + place, f->n - place, f->part, f->m);
            if (*found != FEAT_NOT_FOUND) *found += place;
            return true;
        }
        f->budget -= f->m;
    }
    return false;
}

/* 8 to 16 places: two blocks that may overlap. */
static size_t find_eights(search *f, size_t places) {
    size_t second = places - 8, found;
    uint64_t first = (uint8_t)f->part[0], last = (uint8_t)f->part[f->m - 1];
    uint64_t a = equal_bytes(feat_load8(f->s), first) & equal_bytes(feat_load8(f->s + f->m - 1), last);
    uint64_t b =
        equal_bytes(feat_load8(f->s + second), first) & equal_bytes(feat_load8(f->s + second + f->m - 1), last);
    if ((a | b) == 0) return FEAT_NOT_FOUND;
    return try_places(f, 0, a, &found) || try_places(f, second, b, &found) ? found : FEAT_NOT_FOUND;
}

static inline void candidates16(const search *f, size_t at, uint64_t flags[2]) {
    bytes16 both = (bytes16)(load16(f->s + at) == (uint8_t)f->part[0]) &
                   (bytes16)(load16(f->s + at + f->m - 1) == (uint8_t)f->part[f->m - 1]);
    memcpy(flags, &both, sizeof both);
}

static size_t find_sixteens(search *f, size_t places) {
    size_t found;
    uint64_t flags[4];
    for (size_t at = 0;; at += 32) {
        /* The last blocks may overlap those before: some places twice, rather than the last ones singly. */
        size_t last = places - 16, one = at < last ? at : last, two = at + 16 < last ? at + 16 : last;
        candidates16(f, one, flags);
        candidates16(f, two, flags + 2);
        if (flags[0] | flags[1] | flags[2] | flags[3])
            for (size_t k = 0; k < 4; k++)
                if (try_places(f, (k < 2 ? one : two) + 8 * (k & 1), flags[k], &found)) return found;
        if (two == last) return FEAT_NOT_FOUND;
    }
}

size_t feat_find(const char *s, size_t n, const char *part, size_t m) {
    if (m == 0) return 0;
    if (m > n) return FEAT_NOT_FOUND;
    if (m == 1) {
        const char *found = memchr(s, part[0], n);
        return found ? (size_t)(found - s) : FEAT_NOT_FOUND;
    }
    search f = {s, part, n, m, 8 * n + 1024};
    size_t places = n - m + 1;
    if (places >= 16) return find_sixteens(&f, places);
    if (places >= 8) return find_eights(&f, places);
    for (size_t at = 0; at < places; at++)
        if (s[at] == part[0] && feat_same_bytes(s + at + 1, part + 1, m - 1)) return at;
    return FEAT_NOT_FOUND;
}

/* ---- functions ---- */

int64_t feat_text_position(feat_text s, feat_text part) {
    size_t at = feat_find(s.data, s.length, part.data, part.length);
    return at == FEAT_NOT_FOUND ? 0 : (int64_t)feat_points_count(s.data, at) + 1;
}
