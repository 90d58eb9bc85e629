#include "text/case.h"

#include "text/points.h"

const char *feat_unicode_version(void) { return feat_case_version; }

/* Sixteen bytes at once: the processor's vectors, or whatever the compiler makes of them. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16 load16(const char *p) {
    bytes16 v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* ASCII letters from `first` on, the 26 of one case, change to the other; other bytes stay. */
static inline bytes16 switch16(bytes16 v, uint8_t first) {
    bytes16 from_first = v - first;
    return v ^ ((bytes16)(from_first < 26) & 0x20);
}

static inline uint64_t switch8(uint64_t v, uint8_t first) {
    uint64_t low = v & FEAT_EIGHT(0x7f);
    uint64_t from = low + FEAT_EIGHT(0x80 - first), behind = low + FEAT_EIGHT(0x80 - first - 26);
    return v ^ ((from & ~behind & ~v & FEAT_EIGHT(0x80)) >> 2);
}

static inline uint8_t switch1(uint8_t c, uint8_t first) { return (uint8_t)((uint8_t)(c - first) < 26 ? c ^ 0x20 : c); }

static inline bool high16(bytes16 v) {
    uint64_t halves[2];
    memcpy(halves, &v, sizeof halves);
    return ((halves[0] | halves[1]) & FEAT_EIGHT(0x80)) != 0;
}

/* Whether all of it was ASCII; if not, what is in `to` counts for nothing. The end is done twice rather than byte by
 * byte: `from` still holds it. */
static inline bool switch_ascii(char *restrict to, const char *restrict from, size_t n, uint8_t first) {
    if (n >= 16) {
        bytes16 last = load16(from + n - 16), all = last;
        for (size_t at = 0; at + 16 < n; at += 16) {
            bytes16 v = load16(from + at);
            all |= v;
            v = switch16(v, first);
            memcpy(to + at, &v, sizeof v);
        }
        last = switch16(last, first);
        memcpy(to + n - 16, &last, sizeof last);
        return !high16(all);
    }
    if (n >= 8) {
        uint64_t a = feat_load8(from), b = feat_load8(from + n - 8), all = a | b;
        a = switch8(a, first);
        b = switch8(b, first);
        memcpy(to, &a, sizeof a);
        memcpy(to + n - 8, &b, sizeof b);
        return (all & FEAT_EIGHT(0x80)) == 0;
    }
    uint8_t all = 0;
    for (size_t at = 0; at < n; at++) {
        uint8_t c = (uint8_t)from[at];
        all |= c;
        to[at] = (char)switch1(c, first);
    }
    return all < 0x80;
}

static size_t switch_all(char *to, const char *from, size_t n, bool upper) {
    uint8_t first = upper ? 'a' : 'A';
    size_t at = 0, used = 0;
    while (at < n) {
        uint64_t eight;
        if (n - at >= 8 && ((eight = feat_load8(from + at)) & FEAT_EIGHT(0x80)) == 0) {
            eight = switch8(eight, first);
            memcpy(to + used, &eight, sizeof eight);
            at += 8;
            used += 8;
        } else if ((unsigned char)from[at] < 0x80) {
            to[used++] = (char)switch1((uint8_t)from[at++], first);
        } else {
            uint32_t point;
            size_t size = feat_point_read(from + at, n - at, &point);
            char written[4];
            size_t length = feat_point_write(written, feat_point_case(point, upper));
            /* Of bytes that are no UTF-8 anything may come, but no more than there is room for. */
            if (length > size + size / 2) length = size;
            memcpy(to + used, written, length);
            at += size;
            used += length;
        }
    }
    return used;
}

size_t feat_lower_into(char *to, const char *from, size_t n) {
    return switch_ascii(to, from, n, 'A') ? n : switch_all(to, from, n, false);
}

static inline feat_text switch_text(feat_scratch *scratch, feat_text s, bool upper) {
    char *to = feat_scratch_take(scratch, s.length);
    if (!to) return (feat_text){"", 0};
    if (switch_ascii(to, s.data, s.length, upper ? 'a' : 'A')) return (feat_text){to, s.length};
    feat_scratch_trim(scratch, to, 0);
    to = feat_scratch_take(scratch, FEAT_CASE_ROOM(s.length));
    if (!to) return (feat_text){"", 0};
    size_t used = switch_all(to, s.data, s.length, upper);
    feat_scratch_trim(scratch, to, used);
    return (feat_text){to, used};
}

feat_text feat_text_lower(feat_scratch *scratch, feat_text s) { return switch_text(scratch, s, false); }
feat_text feat_text_upper(feat_scratch *scratch, feat_text s) { return switch_text(scratch, s, true); }
