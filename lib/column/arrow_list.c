/* Lists, fixed-size lists and maps from Arrow. The elements of some rows are converted together, by the rules of their
 * type, and then encoded row by row. */
#include "base/alloc.h"
#include "column/arrow_slice.h"
#include "column/nested.h"

/* Rows whose elements are converted together: bounds the memory that they take beside the column. */
#define RUN_ROWS 1024

typedef struct reader {
    const feat_arrow_source *source;
    const feat_arrow_slice *slice;
    feat_arrow_kind kind;
    size_t n_fixed;                           /* elements of a fixed-size list */
    const struct ArrowArray *elements, *keys; /* of a map: the values and keys */
    const struct ArrowSchema *element_schema, *key_schema;
    size_t elements_start;                  /* of a map: the offset of the entries */
    feat_column element_column, key_column; /* scratch */
    feat_buffer bytes;
} reader;

/* ---- Where the elements of a row stand. ---- */

static bool read_offset(const reader *r, size_t buffer, size_t i, int64_t *v) {
    bool large = r->kind == FEAT_ARROW_LARGE_LIST || r->kind == FEAT_ARROW_LARGE_LIST_VIEW;
    const char *from = r->slice->array->buffers[buffer];
    if (!from) return false;
    int32_t small;
    if (large) {
        FEAT_ARROW_LOAD(*v, from, int64_t, i);
    } else {
        FEAT_ARROW_LOAD(small, from, int32_t, i);
        *v = small;
    }
    return true;
}

/* Elements [*first, *first + *n) are those of row `row`, which is not NULL. */
static feat_status find_row(const reader *r, size_t row, size_t *first, size_t *n, feat_error *err) {
    size_t at = r->slice->start + row;
    int64_t start = 0, end = 0;
    bool view = r->kind == FEAT_ARROW_LIST_VIEW || r->kind == FEAT_ARROW_LARGE_LIST_VIEW;
    if (r->kind == FEAT_ARROW_FIXED_LIST) {
        if (__builtin_mul_overflow((int64_t)at, (int64_t)r->n_fixed, &start) ||
            __builtin_add_overflow(start, (int64_t)r->n_fixed, &end))
            return feat_arrow_malformed(r->source, err, "its length or offset is out of range");
    } else if (!read_offset(r, 1, at, &start) || !read_offset(r, view ? 2 : 1, view ? at : at + 1, &end)) {
        return feat_arrow_malformed(r->source, err, "its offsets are missing");
    }
    if (start < 0) return feat_arrow_malformed_at(r->source, err, row, "an offset is negative");
    if (view && (end < 0 || __builtin_add_overflow(start, end, &end)))
        return feat_arrow_malformed_at(r->source, err, row, "a length is negative or too large");
    if (end < start) return feat_arrow_malformed_at(r->source, err, row, "the offsets decrease");
    *first = (size_t)start;
    *n = (size_t)(end - start);
    return FEAT_OK;
}

/* ---- Some rows. ---- */

static feat_status convert_elements(reader *r, size_t first, size_t n, int64_t row, feat_error *err) {
    const feat_field element = {.name = r->source->field->name, .type = r->element_column.type},
                     key = {.name = r->source->field->name, .type = r->key_column.type};
    feat_arrow_source inner = {.schema = r->element_schema,
                               .field = &element,
                               .what = r->source->what,
                               .first_row = row,
                               .in_dictionary = r->source->in_dictionary,
                               .in_list = true};
    feat_column_clear(&r->element_column);
    feat_column_clear(&r->key_column);
    FEAT_TRY(feat_arrow_convert(&inner, r->elements, r->elements_start + first, n, &r->element_column, err));
    if (!r->keys) return FEAT_OK;
    inner.schema = r->key_schema;
    inner.field = &key;
    return feat_arrow_convert(&inner, r->keys, r->elements_start + first, n, &r->key_column, err);
}

/* Appends the value of elements [first, first + n) of the scratch columns. */
static feat_status append_value(reader *r, size_t row, size_t first, size_t n, feat_column *out, feat_error *err) {
    feat_error reason;
    char type[FEAT_TYPE_TEXT_SIZE];
    feat_buffer_clear(&r->bytes);
    feat_status status = feat_nested_encode(out->type, r->keys ? &r->key_column : NULL, &r->element_column, first, n,
                                            &r->bytes, &reason);
    if (status == FEAT_MEMORY) return feat_fail_memory(err);
    if (status != FEAT_OK)
        return feat_arrow_fail_at(r->source, err, status, row, "no %s: %s", feat_type_format(out->type, type),
                                  reason.message);
    return feat_column_append_text(out, (const char *)r->bytes.data, r->bytes.size) == 0 ? FEAT_OK
                                                                                         : feat_fail_memory(err);
}

/* Rows [row, row + rows), none NULL, whose elements [first, first + n) follow each other. */
static feat_status convert_run(reader *r, size_t row, size_t rows, size_t first, size_t n, feat_column *out,
                               feat_error *err) {
    feat_status status = convert_elements(r, first, n, 0, err);
    if (status == FEAT_MEMORY) return status;
    bool together = status == FEAT_OK; /* else one by one: the message names the row */
    for (size_t i = row, at, length; i < row + rows; i++) {
        FEAT_TRY(find_row(r, i, &at, &length, err));
        if (!together) FEAT_TRY(convert_elements(r, at, length, r->source->first_row + (int64_t)i, err));
        FEAT_TRY(append_value(r, i, together ? at - first : 0, length, out, err));
    }
    return FEAT_OK;
}

static feat_status convert_rows(reader *r, feat_column *out, feat_error *err) {
    size_t n = r->slice->n;
    for (size_t row = 0; row < n;) {
        if (feat_arrow_null_at(r->slice, row)) { /* its elements may be anything */
            if (feat_column_append_null(out) != 0) return feat_fail_memory(err);
            row++;
            continue;
        }
        size_t first, length, next, more, rows = 1;
        FEAT_TRY(find_row(r, row, &first, &length, err));
        for (; row + rows < n && rows < RUN_ROWS && !feat_arrow_null_at(r->slice, row + rows); rows++) {
            FEAT_TRY(find_row(r, row + rows, &next, &more, err));
            if (next != first + length) break;
            length += more;
        }
        FEAT_TRY(convert_run(r, row, rows, first, length, out, err));
        row += rows;
    }
    return FEAT_OK;
}

/* ---- All of it. ---- */

/* The entries of a map: a struct, whose rows are never NULL. */
static feat_status open_map(reader *r, feat_error *err) {
    const struct ArrowArray *entries = r->slice->array->children[0];
    const struct ArrowSchema *schema = r->source->schema->children[0];
    if (entries->length < 0 || entries->offset < 0 || entries->length > INT64_MAX / 16 ||
        entries->offset > INT64_MAX / 32)
        return feat_arrow_malformed(r->source, err, "the length or offset of its entries is out of range");
    if (entries->n_children != 2 || !entries->children || !entries->children[0] || !entries->children[1] ||
        !entries->children[0]->release || !entries->children[1]->release)
        return feat_arrow_malformed(r->source, err, "its keys or values are missing");
    if (entries->null_count > 0) return feat_arrow_malformed(r->source, err, "an entry of a map is null");
    r->keys = entries->children[0];
    r->elements = entries->children[1];
    r->key_schema = schema->children[0];
    r->element_schema = schema->children[1];
    r->elements_start = (size_t)entries->offset;
    return FEAT_OK;
}

feat_status feat_arrow_convert_nested(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                      feat_error *err) {
    reader r = {.source = source, .slice = s, .kind = feat_arrow_kind_of(source->schema->format)};
    size_t before = out->length;
    if (r.kind == FEAT_ARROW_MAP) {
        FEAT_TRY(open_map(&r, err));
    } else {
        r.elements = s->array->children[0];
        r.element_schema = source->schema->children[0];
        r.n_fixed = feat_arrow_size_of(source->schema->format);
    }
    feat_column_init(&r.element_column, feat_nested_element(out->type));
    feat_column_init(&r.key_column, feat_nested_key(out->type));
    feat_buffer_init(&r.bytes);
    feat_status status = feat_column_reserve(out, s->n) == 0 ? convert_rows(&r, out, err) : feat_fail_memory(err);
    if (status != FEAT_OK) feat_column_truncate(out, before);
    feat_column_done(&r.element_column);
    feat_column_done(&r.key_column);
    feat_buffer_done(&r.bytes);
    return status;
}
