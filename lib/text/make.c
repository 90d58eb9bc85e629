#include "text/make.h"

#include "text/piece.h"
#include "text/points.h"
#include "text/search.h"

static const feat_text empty = {"", 0};

/* False for a size that no text has; *to is NULL when memory is out, and *out empty. */
static bool take(feat_scratch *scratch, size_t size, char **to, feat_text *out) {
    *out = empty;
    *to = NULL;
    if (size > FEAT_TEXT_MOST) return false;
    *to = feat_scratch_take(scratch, size);
    if (*to) *out = (feat_text){*to, size};
    return true;
}

static char *append(char *to, feat_text s) {
    if (s.length) memcpy(to, s.data, s.length);
    return to + s.length;
}

/* No two lengths of memory overflow a size_t, nor do three of them checked one after the other. */
bool feat_text_concat(feat_scratch *scratch, feat_text a, feat_text b, feat_text *out) {
    char *to;
    if (!take(scratch, a.length + b.length, &to, out)) return false;
    if (to) append(append(to, a), b);
    return true;
}

bool feat_text_concat3(feat_scratch *scratch, feat_text a, feat_text b, feat_text c, feat_text *out) {
    char *to;
    *out = empty;
    if (a.length + b.length > FEAT_TEXT_MOST || !take(scratch, a.length + b.length + c.length, &to, out)) return false;
    if (to) append(append(append(to, a), b), c);
    return true;
}

bool feat_text_replace(feat_scratch *scratch, feat_text s, feat_text part, feat_text by, feat_text *out) {
    *out = s;
    if (part.length == 0 || s.length == 0) return true;
    size_t count = 0, found;
    for (size_t at = 0; (found = feat_find(s.data + at, s.length - at, part.data, part.length)) != FEAT_NOT_FOUND;
         count++)
        at += found + part.length;
    if (count == 0) return true;
    size_t rest = s.length - count * part.length;
    char *to;
    *out = empty;
    if (rest > FEAT_TEXT_MOST || by.length > (FEAT_TEXT_MOST - rest) / count) return false;
    take(scratch, rest + count * by.length, &to, out);
    if (!to) return true;
    size_t at = 0;
    for (; count > 0; count--) {
        found = feat_find(s.data + at, s.length - at, part.data, part.length);
        to = append(append(to, (feat_text){s.data + at, found}), by);
        at += found + part.length;
    }
    append(to, (feat_text){s.data + at, s.length - at});
    return true;
}

/* Fills `to` with repetitions of `s`, in steps that double: what is there already is copied. */
static void fill_with(char *to, size_t n, feat_text s) {
    size_t done = s.length < n ? s.length : n;
    if (done == 0) return;
    if (s.length == 1) {
        memset(to, s.data[0], n);
        return;
    }
    memcpy(to, s.data, done);
    while (done < n) {
        size_t more = done < n - done ? done : n - done;
        memcpy(to + done, to, more);
        done += more;
    }
}

bool feat_text_repeat(feat_scratch *scratch, feat_text s, int64_t times, feat_text *out) {
    *out = empty;
    if (times <= 0 || s.length == 0) return true;
    if ((uint64_t)times > FEAT_TEXT_MOST / s.length) return false;
    char *to;
    take(scratch, s.length * (size_t)times, &to, out);
    if (to) fill_with(to, out->length, s);
    return true;
}

static bool pad(feat_scratch *scratch, feat_text s, int64_t n, feat_text fill, bool left, feat_text *out) {
    *out = empty;
    if (n <= 0) return true;
    int64_t length = feat_text_length(s);
    if (n <= length) {
        *out = feat_text_left(s, n);
        return true;
    }
    if (fill.length == 0) return false;
    /* Whole repetitions, then the start of one. */
    uint64_t missing = (uint64_t)(n - length), points = feat_points_count(fill.data, fill.length);
    if (points == 0) return false;
    uint64_t whole = missing / points;
    size_t last = feat_points_skip(fill.data, fill.length, missing % points), filling;
    if (whole > FEAT_TEXT_MOST / fill.length) return false;
    filling = (size_t)whole * fill.length + last;
    char *to;
    if (s.length > FEAT_TEXT_MOST || !take(scratch, filling + s.length, &to, out)) return false;
    if (!to) return true;
    if (!left) to = append(to, s);
    fill_with(to, filling, fill);
    if (left) append(to + filling, s);
    return true;
}

bool feat_text_lpad(feat_scratch *scratch, feat_text s, int64_t n, feat_text fill, feat_text *out) {
    return pad(scratch, s, n, fill, true, out);
}
bool feat_text_rpad(feat_scratch *scratch, feat_text s, int64_t n, feat_text fill, feat_text *out) {
    return pad(scratch, s, n, fill, false, out);
}

feat_text feat_text_reverse(feat_scratch *scratch, feat_text s) {
    char *to = feat_scratch_take(scratch, s.length);
    if (!to) return empty;
    size_t end = s.length;
    for (size_t at = 0; at < s.length;) {
        if (s.length - at >= 8) {
            uint64_t eight = feat_load8(s.data + at);
            if ((eight & FEAT_EIGHT(0x80)) == 0) {
                eight = __builtin_bswap64(eight);
                memcpy(to + end - 8, &eight, sizeof eight);
                at += 8;
                end -= 8;
                continue;
            }
        }
        size_t size = feat_point_size(s.data[at], s.length - at);
        memcpy(to + end - size, s.data + at, size);
        at += size;
        end -= size;
    }
    return (feat_text){to, s.length};
}

bool feat_text_chr(feat_scratch *scratch, int64_t point, feat_text *out) {
    *out = empty;
    if (point < 0 || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    char *to = feat_scratch_take(scratch, 4);
    if (!to) return true;
    size_t size = feat_point_write(to, (uint32_t)point);
    feat_scratch_trim(scratch, to, size);
    *out = (feat_text){to, size};
    return true;
}

/* ---- hexadecimal ---- */

static const char digits[] = "0123456789ABCDEF";

bool feat_text_hex(feat_scratch *scratch, feat_text s, feat_text *out) {
    char *to;
    *out = empty;
    if (s.length > FEAT_TEXT_MOST / 2) return false;
    take(scratch, 2 * s.length, &to, out);
    if (!to) return true;
    for (size_t i = 0; i < s.length; i++) {
        to[2 * i] = digits[(unsigned char)s.data[i] >> 4];
        to[2 * i + 1] = digits[(unsigned char)s.data[i] & 15];
    }
    return true;
}

feat_text feat_text_hex_number(feat_scratch *scratch, uint64_t number) {
    size_t n = 1;
    while (n < 16 && number >> 4 * n) n++;
    char *to = feat_scratch_take(scratch, n);
    if (!to) return empty;
    for (size_t i = n; i-- > 0; number >>= 4) to[i] = digits[number & 15];
    return (feat_text){to, n};
}

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

bool feat_text_unhex(feat_scratch *scratch, feat_text s, feat_text *out) {
    char *to;
    size_t odd = s.length % 2, size = s.length / 2 + odd;
    if (!take(scratch, size, &to, out)) return false;
    if (!to) return true;
    for (size_t i = 0; i < size; i++) {
        size_t at = 2 * i - odd; /* of an odd number the first byte has no high digit */
        int high = i == 0 && odd ? 0 : digit_of(s.data[at]), low = digit_of(s.data[at + 1]);
        if (high < 0 || low < 0) {
            feat_scratch_trim(scratch, to, 0);
            *out = empty;
            return false;
        }
        to[i] = (char)(high << 4 | low);
    }
    return true;
}
