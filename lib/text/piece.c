#include "text/piece.h"

#include "text/points.h"
#include "text/search.h"

static feat_text part_of(feat_text s, size_t from, size_t to) {
    return (feat_text){from ? s.data + from : s.data, to - from}; /* an empty text may have no address */
}

/* ---- trim ---- */

static bool is_space(uint32_t point) {
    return point == ' ' || point == 0xa0 || point == 0x1680 || (point >= 0x2000 && point <= 0x200a) ||
           point == 0x202f || point == 0x205f || point == 0x3000;
}

feat_text feat_text_trim(feat_text s, feat_trim_side side) {
    size_t from = 0, to = s.length;
    uint32_t point;
    if (side & FEAT_TRIM_LEFT) {
        while (from < to) {
            size_t size = feat_point_read(s.data + from, to - from, &point);
            if (!is_space(point)) break;
            from += size;
        }
    }
    if (side & FEAT_TRIM_RIGHT) {
        while (from < to) {
            size_t last = to - 1;
            if ((unsigned char)s.data[last] < 0x80) {
                if (s.data[last] != ' ') break;
            } else {
                last = feat_point_before(s.data, to);
                feat_point_read(s.data + last, to - last, &point);
                if (last < from || !is_space(point)) break;
            }
            to = last;
        }
    }
    return part_of(s, from, to);
}

/* The code points of a set: ASCII as bits; the others in the text itself while they are few, else sorted. */
typedef struct point_set {
    uint64_t ascii[2];
    feat_text text;
    const uint32_t *sorted;
    size_t n;
    bool others;
} point_set;

enum { FEW_BYTES = 48 };

static bool set_has(const point_set *set, uint32_t point) {
    if (point < 128) return set->ascii[point / 64] >> (point % 64) & 1;
    if (set->sorted) {
        size_t low = 0, high = set->n;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (set->sorted[middle] < point) low = middle + 1;
            else high = middle;
        }
        return low < set->n && set->sorted[low] == point;
    }
    if (!set->others) return false;
    for (size_t at = 0; at < set->text.length;) {
        uint32_t other;
        at += feat_point_read(set->text.data + at, set->text.length - at, &other);
        if (other == point) return true;
    }
    return false;
}

/* What was taken of the scratch, NULL if nothing. False when memory is out. */
static bool set_make(point_set *set, feat_text text, feat_scratch *scratch, char **taken) {
    *set = (point_set){.text = text};
    *taken = NULL;
    for (size_t at = 0; at < text.length; at++) {
        unsigned char c = (unsigned char)text.data[at];
        if (c < 128) set->ascii[c / 64] |= UINT64_C(1) << (c % 64);
        else set->others = true;
    }
    if (!set->others || text.length <= FEW_BYTES) return true;
    uint32_t *points = feat_points_room(scratch, 2 * text.length, taken);
    if (!points) return false;
    set->n = feat_points_sort(points, points + text.length, feat_points_decode(text, points));
    set->sorted = points;
    return true;
}

feat_text feat_text_trim_set(feat_scratch *scratch, feat_text s, feat_text characters, feat_trim_side side) {
    point_set set;
    char *taken;
    size_t from = 0, to = s.length;
    uint32_t point;
    if (!set_make(&set, characters, scratch, &taken)) return (feat_text){"", 0};
    if (side & FEAT_TRIM_LEFT) {
        while (from < to) {
            size_t size = feat_point_read(s.data + from, to - from, &point);
            if (!set_has(&set, point)) break;
            from += size;
        }
    }
    if (side & FEAT_TRIM_RIGHT) {
        while (from < to) {
            size_t last = feat_point_before(s.data, to);
            feat_point_read(s.data + last, to - last, &point);
            if (last < from || !set_has(&set, point)) break;
            to = last;
        }
    }
    feat_scratch_trim(scratch, taken, 0);
    return part_of(s, from, to);
}

/* ---- substring ---- */

static feat_text first(feat_text s, uint64_t n) {
    return n >= s.length ? s : part_of(s, 0, feat_points_skip(s.data, s.length, n));
}
static feat_text all_but_last(feat_text s, uint64_t n) {
    return n >= s.length ? (feat_text){s.data, 0} : part_of(s, 0, feat_points_skip_back(s.data, s.length, n));
}

/* Between two places, counted from 0, that may lie outside. */
static feat_text between(feat_text s, int64_t from, int64_t to) {
    if (to <= from || to <= 0 || s.length == 0) return (feat_text){s.data, 0};
    size_t start = from > 0 ? feat_points_skip(s.data, s.length, (uint64_t)from) : 0;
    uint64_t wanted = from > 0 ? (uint64_t)(to - from) : (uint64_t)to;
    if (wanted >= s.length - start) return part_of(s, start, s.length);
    return part_of(s, start, start + feat_points_skip(s.data + start, s.length - start, wanted));
}

/* The place of a start, from 0. A text has less than 2^62 code points, so farther ones are cut to that without a
 * difference, and sums of two do not overflow. */
static int64_t place_of(feat_text s, int64_t start) {
    const int64_t far = INT64_C(1) << 62;
    if (start >= 0) return start > far ? far : start - 1;
    return start < -far ? -far : start + feat_text_length(s);
}

feat_text feat_text_substring_from(feat_text s, int64_t start) {
    if (start < 0) return feat_text_right(s, start == INT64_MIN ? INT64_MAX : -start);
    return between(s, place_of(s, start), INT64_MAX);
}

feat_text feat_text_substring(feat_text s, int64_t start, int64_t length) {
    const int64_t far = INT64_C(1) << 62;
    if (length > far) length = far;
    if (length < -far) length = -far;
    if (start < 0 && length >= 0 && -(uint64_t)start < s.length) {
        /* Nothing needs counting when so many code points are there, and one before them shows that they are. */
        size_t from = feat_points_skip_back(s.data, s.length, -(uint64_t)start);
        if (from > 0) return first(part_of(s, from, s.length), (uint64_t)length);
    }
    int64_t place = place_of(s, start), other;
    if (__builtin_add_overflow(place, length, &other)) other = length < 0 ? INT64_MIN : INT64_MAX;
    return length < 0 ? between(s, other, place) : between(s, place, other);
}

feat_text feat_text_left(feat_text s, int64_t n) {
    return n >= 0 ? first(s, (uint64_t)n) : all_but_last(s, -(uint64_t)n);
}

feat_text feat_text_right(feat_text s, int64_t n) {
    uint64_t count = n >= 0 ? (uint64_t)n : -(uint64_t)n;
    if (count >= s.length) return n >= 0 ? s : (feat_text){s.data, 0};
    size_t from = n >= 0 ? feat_points_skip_back(s.data, s.length, count) : feat_points_skip(s.data, s.length, count);
    return part_of(s, from, s.length);
}

/* ---- split ---- */

static feat_text split_points(feat_text s, int64_t n) {
    feat_text rest;
    if (n > 0) {
        rest = part_of(s, feat_points_skip(s.data, s.length, (uint64_t)n - 1), s.length);
        return part_of(rest, 0, rest.length ? feat_point_size(rest.data[0], rest.length) : 0);
    }
    rest = all_but_last(s, -(uint64_t)n - 1);
    return part_of(rest, rest.length ? feat_point_before(rest.data, rest.length) : 0, rest.length);
}

feat_text feat_text_split_part(feat_text s, feat_text separator, int64_t n) {
    feat_text none = {s.data, 0};
    if (n == 0 || s.length == 0) return none;
    if (separator.length == 0) return split_points(s, n);
    if (n < 0) { /* separators are found from the left on, so they are counted first */
        uint64_t parts = 1;
        for (size_t at = 0, found;; at += found + separator.length, parts++) {
            found = feat_find(s.data + at, s.length - at, separator.data, separator.length);
            if (found == FEAT_NOT_FOUND) break;
        }
        if (-(uint64_t)n > parts) return none;
        n = (int64_t)(parts - -(uint64_t)n) + 1;
    }
    for (size_t at = 0;; n--) {
        size_t found = feat_find(s.data + at, s.length - at, separator.data, separator.length);
        if (n == 1) return part_of(s, at, found == FEAT_NOT_FOUND ? s.length : at + found);
        if (found == FEAT_NOT_FOUND) return none;
        at += found + separator.length;
    }
}
