#include "text/accent.h"

#include "text/accent_table.h"
#include "text/case.h"
#include "text/points.h"

/* The last pair that starts at or before a code point, or `n`. */
static size_t pair_of(const uint32_t (*pairs)[2], size_t n, uint32_t point) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pairs[middle][0] <= point) low = middle + 1;
        else high = middle;
    }
    return low > 0 ? low - 1 : n;
}

feat_text feat_text_strip_accents(feat_scratch *scratch, feat_text s) {
    if (feat_points_ascii(s.data, s.length)) return s;
    /* As for cases: three bytes become four at most, and two three. */
    char *to = feat_scratch_take(scratch, FEAT_CASE_ROOM(s.length));
    if (!to) return (feat_text){"", 0};
    size_t used = 0;
    for (size_t at = 0; at < s.length;) {
        uint32_t point;
        size_t size = feat_point_read(s.data + at, s.length - at, &point);
        const char *from = s.data + at;
        at += size;
        if (point < 0x80) {
            to[used++] = (char)point;
            continue;
        }
        size_t mark = pair_of(feat_accent_marks, FEAT_ACCENT_MARKS, point);
        if (mark < FEAT_ACCENT_MARKS && point <= feat_accent_marks[mark][1]) continue;
        size_t base = pair_of(feat_accent_bases, FEAT_ACCENT_BASES, point);
        char written[4];
        size_t length = size;
        if (base < FEAT_ACCENT_BASES && feat_accent_bases[base][0] == point) {
            length = feat_point_write(written, feat_accent_bases[base][1]);
            if (length <= size + size / 2) from = written;
            else length = size; /* of bytes that are no UTF-8 */
        }
        memcpy(to + used, from, length);
        used += length;
    }
    feat_scratch_trim(scratch, to, used);
    return (feat_text){to, used};
}
