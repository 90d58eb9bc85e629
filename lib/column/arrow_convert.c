/* Converting goes in three steps, so that a failure leaves the target as it was: check the layout, write the values
 * behind those of the target in one typed loop, commit them together with their validity. A value in a null slot may be
 * anything: a loop only notes that some value does not fit, and the search for the row that is to blame skips nulls. */
#include "column/arrow_convert.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "column/arrow_slice.h"
#include "column/bits.h"
#include "column/utf8.h"

/* ---- Messages. ---- */

feat_status feat_arrow_malformed(const feat_arrow_source *source, feat_error *err, const char *why) {
    const char *name = source->field->name;
    return feat_fail(err, FEAT_SCHEMA, "%.*s, column '%.*s'%s: malformed Arrow array: %s",
                     feat_utf8_clip(source->what, 200), source->what, feat_utf8_clip(name, 100), name,
                     source->in_dictionary ? ", dictionary"
                     : source->in_list     ? ", elements"
                                           : "",
                     why);
}

feat_status feat_arrow_fail_at(const feat_arrow_source *source, feat_error *err, feat_status code, size_t i,
                               const char *format, ...) {
    char reason[300], element[40] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    const char *name = source->field->name;
    int64_t row = source->first_row + (int64_t)i;
    if (source->in_list) {
        snprintf(element, sizeof element, ", element %zu", i);
        row = source->first_row;
    }
    return feat_fail_row(err, code, source->in_dictionary ? -1 : row, "%.*s, column '%.*s', %s %lld%s: %s",
                         feat_utf8_clip(source->what, 200), source->what, feat_utf8_clip(name, 100), name,
                         source->in_dictionary ? "dictionary entry" : "row", (long long)row, element, reason);
}

feat_status feat_arrow_malformed_at(const feat_arrow_source *source, feat_error *err, size_t i, const char *why) {
    return feat_arrow_fail_at(source, err, FEAT_SCHEMA, i, "malformed Arrow array: %s", why);
}

static feat_status null_refused(const feat_arrow_source *source, feat_error *err, size_t i) {
    return feat_arrow_fail_at(source, err, FEAT_CONSTRAINT, i, "NULL, but the column is NOT NULL");
}

static feat_status check_not_null(const feat_arrow_source *source, const uint8_t *validity, size_t start, size_t n,
                                  feat_error *err) {
    if (!source->field->not_null || !validity) return FEAT_OK;
    for (size_t i = 0; i < n; i++)
        if (!feat_bit_get(validity, start + i)) return null_refused(source, err, i);
    return FEAT_OK;
}

/* ---- The layout. ---- */

static bool is_list(feat_arrow_kind kind) { return feat_arrow_kind_list(kind) || kind == FEAT_ARROW_MAP; }

static void buffers_of(feat_arrow_kind kind, int64_t *least, int64_t *most) {
    switch (kind) {
    case FEAT_ARROW_NULL: /* old producers send an empty validity buffer */
        *least = 0;
        *most = 1;
        break;
    case FEAT_ARROW_UTF8:
    case FEAT_ARROW_LARGE_UTF8:
    case FEAT_ARROW_BINARY:
    case FEAT_ARROW_LARGE_BINARY:
    case FEAT_ARROW_LIST_VIEW:
    case FEAT_ARROW_LARGE_LIST_VIEW: *least = *most = 3; break;
    case FEAT_ARROW_UTF8_VIEW:
    case FEAT_ARROW_BINARY_VIEW: /* validity, views, any number of data buffers, their sizes */
        *least = 3;
        *most = INT64_MAX;
        break;
    case FEAT_ARROW_FIXED_LIST: *least = *most = 1; break;
    default: *least = *most = 2; break;
    }
}

feat_status feat_arrow_check_layout(const feat_arrow_source *source, const struct ArrowArray *array,
                                    const struct ArrowSchema *schema, size_t start, size_t n, feat_arrow_slice *s,
                                    feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(schema->format);
    bool list = is_list(kind) && !schema->dictionary;
    int64_t least, most;
    buffers_of(kind, &least, &most);
    if (array->length < 0 || array->offset < 0 || array->length > INT64_MAX / 16 || array->offset > INT64_MAX / 32 ||
        start > (size_t)array->length || n > (size_t)array->length - start)
        return feat_arrow_malformed(source, err, "its length or offset is out of range");
    if (array->n_buffers < least || array->n_buffers > most || (array->n_buffers > 0 && !array->buffers))
        return feat_arrow_malformed(source, err, "wrong number of buffers");
    if (!list && array->n_children != 0) return feat_arrow_malformed(source, err, "it has children");
    if (list && (array->n_children != 1 || !array->children || !array->children[0] || !array->children[0]->release))
        return feat_arrow_malformed(source, err, "its elements are missing");
    if (!array->dictionary != !schema->dictionary)
        return feat_arrow_malformed(source, err,
                                    array->dictionary ? "it has a dictionary" : "its dictionary is missing");
    if (array->null_count < -1) return feat_arrow_malformed(source, err, "its null count is negative");
    *s = (feat_arrow_slice){.array = array, .start = start + (size_t)array->offset, .n = n};
    if (n == 0 || kind == FEAT_ARROW_NULL || array->null_count == 0) return FEAT_OK;
    const uint8_t *validity = array->buffers[0];
    if (!validity && array->null_count > 0)
        return feat_arrow_malformed(source, err, "it counts nulls but has no validity buffer");
    /* The count may be unknown, or that of a longer array that this is a slice of. */
    if (validity && feat_bits_count(validity, s->start, n) < n) s->validity = validity;
    return FEAT_OK;
}

/* ---- Dictionaries. ---- */

enum { BLOCK = 1024 };

#define READ_INDICES(type)                                                                                             \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        type v;                                                                                                        \
        FEAT_ARROW_LOAD(v, from, type, i);                                                                             \
        indices[i] = (uint64_t)v; /* a negative one is larger than any dictionary */                                   \
    }

static void read_indices(feat_arrow_kind kind, const char *from, size_t n, uint64_t indices[BLOCK]) {
    switch (kind) {
    case FEAT_ARROW_INT8: READ_INDICES(int8_t); break;
    case FEAT_ARROW_UINT8: READ_INDICES(uint8_t); break;
    case FEAT_ARROW_INT16: READ_INDICES(int16_t); break;
    case FEAT_ARROW_UINT16: READ_INDICES(uint16_t); break;
    case FEAT_ARROW_INT32: READ_INDICES(int32_t); break;
    case FEAT_ARROW_UINT32: READ_INDICES(uint32_t); break;
    default: READ_INDICES(uint64_t); break;
    }
}

static size_t index_width(feat_arrow_kind kind) {
    switch (kind) {
    case FEAT_ARROW_INT8:
    case FEAT_ARROW_UINT8: return 1;
    case FEAT_ARROW_INT16:
    case FEAT_ARROW_UINT16: return 2;
    case FEAT_ARROW_INT32:
    case FEAT_ARROW_UINT32: return 4;
    default: return 8;
    }
}

/* The entry of each row, `null` for a NULL or an entry that is one; `valid` (all zero before) gets a bit for the
 * others.
 */
static feat_status look_up(const feat_arrow_source *source, const feat_arrow_slice *s, const feat_column *entries,
                           uint32_t null, uint32_t *rows, uint8_t *valid, feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(source->schema->format);
    size_t width = index_width(kind);
    const char *from = s->array->buffers[1];
    if (!from) return feat_arrow_malformed(source, err, "its indices are missing");
    from += s->start * width;
    uint64_t indices[BLOCK];
    for (size_t start = 0; start < s->n; start += BLOCK) {
        size_t n = s->n - start < BLOCK ? s->n - start : BLOCK;
        read_indices(kind, from + start * width, n, indices);
        for (size_t i = 0; i < n; i++) {
            rows[start + i] = null;
            if (feat_arrow_null_at(s, start + i)) continue;
            if (indices[i] >= null)
                return feat_arrow_malformed_at(source, err, start + i, "an index lies outside its dictionary");
            if (feat_column_is_null(entries, indices[i])) continue;
            rows[start + i] = (uint32_t)indices[i];
            feat_bit_set(valid, start + i);
        }
    }
    return FEAT_OK;
}

/* The entries become a column of the type wanted, with a NULL behind them for the rows that are NULL. */
static feat_status convert_dictionary(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                      feat_error *err) {
    const struct ArrowArray *dictionary = s->array->dictionary;
    if (dictionary->length < 0) return feat_arrow_malformed(source, err, "its dictionary has a negative length");
    if (dictionary->length >= UINT32_MAX) return feat_arrow_malformed(source, err, "its dictionary is too long");
    const feat_field field = {.name = source->field->name, .type = out->type};
    const feat_arrow_source inner = {
        .schema = source->schema->dictionary, .field = &field, .what = source->what, .in_dictionary = true};
    feat_column entries;
    feat_column_init(&entries, out->type);
    uint32_t *rows = NULL, n = (uint32_t)dictionary->length;
    uint8_t *valid = NULL;
    feat_status status = feat_arrow_convert(&inner, dictionary, 0, n, &entries, err);
    if (status != FEAT_OK) goto out;
    rows = feat_alloc_array(s->n, sizeof *rows);
    valid = feat_alloc_zero(feat_bitmap_size(s->n), 1);
    if (!rows || !valid) {
        status = feat_fail_memory(err);
        goto out;
    }
    FEAT_GOTO(status, look_up(source, s, &entries, n, rows, valid, err), out);
    FEAT_GOTO(status, check_not_null(source, valid, 0, s->n, err), out);
    bool nulls = feat_bits_count(valid, 0, s->n) < s->n;
    if ((nulls && feat_column_append_null(&entries) != 0) || feat_column_append_rows(out, &entries, rows, s->n) != 0)
        status = feat_fail_memory(err);
out:
    feat_free(rows);
    feat_free(valid);
    feat_column_done(&entries);
    return status;
}

/* ---- All of it. ---- */

feat_status feat_arrow_convert_nulls(const feat_arrow_source *source, size_t n, feat_column *out, feat_error *err) {
    if (n > 0 && source->field->not_null) return null_refused(source, err, 0);
    return feat_column_append_nulls(out, n) == 0 ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_arrow_convert(const feat_arrow_source *source, const struct ArrowArray *array, size_t start, size_t n,
                               feat_column *out, feat_error *err) {
    feat_arrow_slice s;
    FEAT_TRY(feat_arrow_check_layout(source, array, source->schema, start, n, &s, err));
    if (n == 0) return FEAT_OK; /* its buffers may be missing */
    if (source->schema->dictionary) return convert_dictionary(source, &s, out, err);
    if (feat_arrow_kind_of(source->schema->format) == FEAT_ARROW_NULL)
        return feat_arrow_convert_nulls(source, n, out, err);
    FEAT_TRY(check_not_null(source, s.validity, s.start, n, err));
    switch (FEAT_TYPE_BASE(out->type)) {
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: return feat_arrow_convert_bytes(source, &s, out, err);
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return feat_arrow_convert_nested(source, &s, out, err);
    default: return feat_arrow_convert_fixed(source, &s, out, err);
    }
}
