/* Canonical bytes of values: keys, which are compared and sorted, and digests of rows. */
#include <string.h>

#include "column/column.h"
#include "math/number.h"

/* ---- Keys: byte order is value order, NULL first, so that a B-tree of keys is in the order of the values. ---- */

enum { TAG_NULL = 0, TAG_VALUE = 1 };

void feat_key_append_null(feat_buffer *out) { feat_buffer_byte(out, TAG_NULL); }

void feat_key_append_int(feat_buffer *out, int64_t v) {
    feat_buffer_byte(out, TAG_VALUE);
    feat_buffer_be64(out, (uint64_t)v ^ UINT64_C(1) << 63); /* negative numbers come first */
}

void feat_key_append_double(feat_buffer *out, double v) {
    feat_buffer_byte(out, TAG_VALUE);
    feat_buffer_be64(out, feat_double_key(v == 0 ? 0.0 : v)); /* -0 = +0 */
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
    switch (c->type) {
    case FEAT_TYPE_DOUBLE: feat_key_append_double(out, feat_column_double(c, row)); break;
    case FEAT_TYPE_TEXT: {
        feat_text text = feat_column_text(c, row);
        feat_key_append_text(out, text.data, text.length);
        break;
    }
    case FEAT_TYPE_BOOLEAN:
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_TIMESTAMP: feat_key_append_int(out, feat_column_int(c, row)); break;
    }
}

/* ---- Digests of rows. ---- */

/* Part of the file format: see the head of feat_row_digest. */
enum { CLASS_INTEGER = 1, CLASS_DOUBLE = 2, CLASS_TEXT = 3 };

/* NULL leaves no bytes, so a column that was added later leaves the digests of older rows as they are. */
static void append_canonical(feat_buffer *out, const feat_column *c, uint32_t id, size_t row) {
    if (feat_column_is_null(c, row)) return;
    feat_buffer_u32(out, id);
    switch (c->type) {
    case FEAT_TYPE_DOUBLE:
        feat_buffer_byte(out, CLASS_DOUBLE);
        feat_buffer_u64(out, feat_double_bits(feat_double_canonical(feat_column_double(c, row))));
        break;
    case FEAT_TYPE_TEXT: {
        feat_text text = feat_column_text(c, row);
        feat_buffer_byte(out, CLASS_TEXT);
        feat_buffer_u64(out, text.length);
        feat_buffer_append(out, text.data, text.length);
        break;
    }
    case FEAT_TYPE_BOOLEAN:
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_TIMESTAMP:
        feat_buffer_byte(out, CLASS_INTEGER);
        feat_buffer_u64(out, (uint64_t)feat_column_int(c, row));
        break;
    }
}

feat_digest feat_row_digest(const feat_column *const *columns, const uint32_t *ids, size_t n_columns, size_t row,
                            feat_buffer *scratch) {
    feat_buffer_clear(scratch);
    for (size_t i = 0; i < n_columns; i++) append_canonical(scratch, columns[i], ids[i], row);
    if (scratch->failed || scratch->size == 0) return feat_digest_of("", 0);
    return feat_digest_of(scratch->data, scratch->size);
}
