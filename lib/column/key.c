/* Canonical bytes of values: keys, which are compared and sorted, and digests of rows. */
#include <string.h>

#include "column/column.h"
#include "math/number.h"

/* ---- Keys: byte order is value order, NULL first, so that a B-tree of keys is in the order of the values. ---- */

/* A number is its floor, between a tag for those that an int64 cannot hold and, if it is no integer, what it exceeds
 * its floor by: a mark that is above any tag, so that the integer comes first. */
enum { TAG_NULL = 0, TAG_BELOW = 1, TAG_VALUE = 2, TAG_ABOVE = 3, MARK_FRACTION = 4 };

void feat_key_append_null(feat_buffer *out) { feat_buffer_byte(out, TAG_NULL); }

void feat_key_append_int(feat_buffer *out, int64_t v) {
    feat_buffer_byte(out, TAG_VALUE);
    feat_buffer_be64(out, (uint64_t)v ^ UINT64_C(1) << 63); /* negative numbers come first */
}

void feat_key_append_double(feat_buffer *out, double v) {
    feat_buffer_byte(out, TAG_VALUE);
    feat_buffer_be64(out, feat_double_key(v == 0 ? 0.0 : v)); /* -0 = +0 */
}

static void append_be128(feat_buffer *out, feat_int128 v) {
    feat_buffer_be64(out, (uint64_t)(v >> 64) ^ UINT64_C(1) << 63);
    feat_buffer_be64(out, (uint64_t)v);
}

void feat_key_append_wide(feat_buffer *out, feat_int128 v, int scale) {
    feat_int128 unit = 1, rest = 1;
    for (int i = 0; i < scale; i++) unit *= 10;
    for (int i = scale; i < 38; i++) rest *= 10;
    feat_int128 whole = v / unit, fraction = v % unit;
    if (fraction < 0) {
        whole--;
        fraction += unit;
    }
    if (whole >= INT64_MIN && whole <= INT64_MAX) {
        feat_key_append_int(out, (int64_t)whole);
    } else {
        feat_buffer_byte(out, whole < 0 ? TAG_BELOW : TAG_ABOVE);
        append_be128(out, whole);
    }
    if (fraction == 0) return;
    feat_buffer_byte(out, MARK_FRACTION);
    append_be128(out, fraction * rest); /* in units of 10^-38, whatever the scale */
}

/* A NUL inside becomes 00 FF and the end is 00 01: no text's bytes are the start of another's, and order is kept. */
void feat_key_append_text(feat_buffer *out, const char *data, size_t length) {
    feat_buffer_byte(out, TAG_VALUE);
    while (length > 0) {
        const char *nul = memchr(data, 0, length);
        size_t run = nul ? (size_t)(nul - data) : length;
        feat_buffer_append(out, data, run);
        if (!nul) break;
        feat_buffer_append(out, "\x00\xff", 2);
        data += run + 1;
        length -= run + 1;
    }
    feat_buffer_append(out, "\x00\x01", 2);
}

void feat_key_append(feat_buffer *out, const feat_column *c, size_t row) {
    if (feat_column_is_null(c, row)) {
        feat_key_append_null(out);
        return;
    }
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: feat_key_append_double(out, feat_column_double(c, row)); break;
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: feat_key_append_wide(out, feat_column_wide(c, row), FEAT_TYPE_SCALE(c->type)); break;
    case FEAT_TYPE_INTERVAL: {
        feat_interval v = feat_column_interval(c, row);
        feat_buffer_byte(out, TAG_VALUE);
        append_be128(out, feat_interval_length(v));
        feat_buffer_be64(out, (uint64_t)(int64_t)v.months ^ UINT64_C(1) << 63);
        feat_buffer_be64(out, (uint64_t)(int64_t)v.days ^ UINT64_C(1) << 63);
        break;
    }
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: {
        feat_text text = feat_column_text(c, row);
        feat_key_append_text(out, text.data, text.length);
        break;
    }
    default: feat_key_append_int(out, feat_column_int(c, row));
    }
}

/* ---- Keys back to values. ---- */

static feat_int128 read_be128(feat_cursor *in) {
    uint64_t high = feat_cursor_be64(in) ^ UINT64_C(1) << 63, low = feat_cursor_be64(in);
    return (feat_int128)((feat_uint128)high << 64 | low);
}

/* A number in units of 10^-scale; false where it has more digits behind the point, or more before it than fit. */
static bool read_wide(feat_cursor *in, int scale, feat_int128 *out) {
    feat_int128 unit = 1, rest = 1, fraction = 0;
    for (int i = 0; i < scale; i++) unit *= 10;
    for (int i = scale; i < 38; i++) rest *= 10;
    uint8_t tag = feat_cursor_byte(in);
    if (tag != TAG_BELOW && tag != TAG_VALUE && tag != TAG_ABOVE) return false;
    feat_int128 whole =
        tag == TAG_VALUE ? (feat_int128)(int64_t)(feat_cursor_be64(in) ^ UINT64_C(1) << 63) : read_be128(in);
    if (in->at < in->end && *in->at == MARK_FRACTION) { /* no tag of a part that follows is as high */
        feat_cursor_byte(in);
        fraction = read_be128(in);
    }
    return !in->failed && fraction % rest == 0 && !__builtin_mul_overflow(whole, unit, &whole) &&
           !__builtin_add_overflow(whole, fraction / rest, out);
}

static bool fits(feat_int128 v, int digits) {
    feat_int128 limit = 1;
    for (int i = 0; i < digits; i++) limit *= 10;
    return -limit < v && v < limit;
}

static feat_key_result read_text(feat_cursor *in, feat_buffer *text) {
    feat_buffer_clear(text);
    if (feat_cursor_byte(in) != TAG_VALUE) return FEAT_KEY_OTHER;
    for (;;) {
        uint8_t byte = feat_cursor_byte(in);
        if (byte == 0) {
            uint8_t next = feat_cursor_byte(in);
            if (next == 1 && !in->failed) return text->failed ? FEAT_KEY_NO_MEMORY : FEAT_KEY_VALUE;
            if (next != 0xff) return FEAT_KEY_OTHER;
        }
        if (in->failed) return FEAT_KEY_OTHER;
        feat_buffer_byte(text, byte);
    }
}

feat_key_result feat_key_read(feat_cursor *in, feat_column *out, feat_buffer *scratch) {
    feat_int128 wide;
    int failed;
    switch (FEAT_TYPE_BASE(out->type)) {
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: {
        feat_key_result result = read_text(in, scratch);
        if (result != FEAT_KEY_VALUE) return result;
        failed = feat_column_append_text(out, (const char *)scratch->data, scratch->size);
        break;
    }
    case FEAT_TYPE_DECIMAL:
        if (!read_wide(in, FEAT_TYPE_SCALE(out->type), &wide) || !fits(wide, FEAT_TYPE_PRECISION(out->type)))
            return FEAT_KEY_OTHER;
        failed = feat_column_append_wide(out, wide);
        break;
    case FEAT_TYPE_UBIGINT:
        if (!read_wide(in, 0, &wide) || wide < 0 || wide > (feat_int128)UINT64_MAX) return FEAT_KEY_OTHER;
        failed = feat_column_append_wide(out, wide);
        break;
    default:
        if (!feat_type_keys(out->type) || !read_wide(in, 0, &wide) || wide < INT64_MIN || wide > INT64_MAX ||
            !feat_int_fits(out->type, (int64_t)wide))
            return FEAT_KEY_OTHER;
        failed = feat_column_append_int(out, (int64_t)wide);
    }
    return failed ? FEAT_KEY_NO_MEMORY : FEAT_KEY_VALUE;
}

/* ---- Digests of rows. ---- */

/* Part of the file format: see the head of feat_row_digest. */
enum { CLASS_INTEGER = 1, CLASS_DOUBLE = 2, CLASS_TEXT = 3, CLASS_DECIMAL = 4, CLASS_INTERVAL = 5 };

/* Most cells: number, class and eight bytes, written at once. */
static void append_word(feat_buffer *out, uint32_t id, int class, uint64_t v) {
    uint8_t cell[13];
    for (int i = 0; i < 4; i++) cell[i] = (uint8_t)(id >> (8 * i));
    cell[4] = (uint8_t) class;
    for (int i = 0; i < 8; i++) cell[5 + i] = (uint8_t)(v >> (8 * i));
    feat_buffer_append(out, cell, sizeof cell);
}

/* By value: neither a wider type nor more digits behind the point change it. */
static void append_decimal(feat_buffer *out, uint32_t id, feat_int128 v, int scale) {
    for (; scale > 0 && v % 10 == 0; scale--) v /= 10;
    if (scale == 0 && v >= INT64_MIN && v <= INT64_MAX) {
        append_word(out, id, CLASS_INTEGER, (uint64_t)v);
        return;
    }
    feat_buffer_u32(out, id);
    feat_buffer_byte(out, CLASS_DECIMAL);
    feat_buffer_byte(out, (uint8_t)scale);
    feat_buffer_u64(out, (uint64_t)v);
    feat_buffer_u64(out, (uint64_t)(v >> 64));
}

/* NULL leaves no bytes, so a column that was added later leaves the digests of older rows as they are. */
static void append_canonical(feat_buffer *out, const feat_column *c, uint32_t id, size_t row) {
    if (feat_column_is_null(c, row)) return;
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE:
        append_word(out, id, CLASS_DOUBLE, feat_double_bits(feat_double_canonical(feat_column_double(c, row))));
        break;
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: append_decimal(out, id, feat_column_wide(c, row), FEAT_TYPE_SCALE(c->type)); break;
    case FEAT_TYPE_INTERVAL: {
        feat_interval v = feat_column_interval(c, row);
        feat_buffer_u32(out, id);
        feat_buffer_byte(out, CLASS_INTERVAL);
        feat_buffer_u32(out, (uint32_t)v.months);
        feat_buffer_u32(out, (uint32_t)v.days);
        feat_buffer_u64(out, (uint64_t)v.us);
        break;
    }
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: {
        feat_text text = feat_column_text(c, row);
        append_word(out, id, CLASS_TEXT, text.length);
        feat_buffer_append(out, text.data, text.length);
        break;
    }
    default: append_word(out, id, CLASS_INTEGER, (uint64_t)feat_column_int(c, row));
    }
}

feat_digest feat_row_digest(const feat_column *const *columns, const uint32_t *ids, size_t n_columns, size_t row,
                            feat_buffer *scratch) {
    feat_buffer_clear(scratch);
    for (size_t i = 0; i < n_columns; i++) append_canonical(scratch, columns[i], ids[i], row);
    if (scratch->failed || scratch->size == 0) return feat_digest_of("", 0);
    return feat_digest_of(scratch->data, scratch->size);
}
