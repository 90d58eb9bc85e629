#include "store/tail_rows.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/little.h"
#include "column/bits.h"
#include "column/widen.h"

/* Bounds what an untrusted number can make us allocate. */
#define MOST_COLUMNS 65536

static bool is_variable(feat_type type) {
    return FEAT_TYPE_BASE(type) != FEAT_TYPE_BOOLEAN && feat_type_size(type) == 0;
}

/* ---- A column: u8 whether some are NULL, then a bit for each row that is not; BOOLEAN: a bit a row; values of a fixed
 * size as they are, little-endian; others: a u32 length each, then the bytes of all. ---- */

static void put_fixed(feat_buffer *out, const feat_column *c, size_t n) {
    size_t size = feat_type_size(c->type);
    uint8_t *to = feat_buffer_extend(out, n * size);
    if (!to) return;
    if (FEAT_TYPE_BASE(c->type) != FEAT_TYPE_INTERVAL) {
        feat_little_copy(to, c->values, size, n);
        return;
    }
    for (size_t i = 0; i < n; i++, to += size) {
        const feat_interval *v = (const feat_interval *)c->values + i;
        feat_little_copy(to, &v->months, 4, 1);
        feat_little_copy(to + 4, &v->days, 4, 1);
        feat_little_copy(to + 8, &v->us, 8, 1);
    }
}

static void put_column(feat_buffer *out, const feat_column *c) {
    size_t n = c->length;
    feat_buffer_byte(out, c->null_count > 0);
    if (c->null_count > 0) {
        uint8_t *bits = feat_buffer_extend(out, feat_bitmap_size(n));
        if (!bits) return;
        memset(bits, 0, feat_bitmap_size(n));
        feat_bits_copy(bits, 0, c->validity, 0, n);
    }
    if (FEAT_TYPE_BASE(c->type) == FEAT_TYPE_BOOLEAN) {
        uint8_t *bits = feat_buffer_extend(out, feat_bitmap_size(n));
        if (!bits) return;
        memset(bits, 0, feat_bitmap_size(n));
        feat_bits_copy(bits, 0, c->values, 0, n);
    } else if (is_variable(c->type)) {
        for (size_t i = 0; i < n; i++) feat_buffer_u32(out, (uint32_t)(c->offsets[i + 1] - c->offsets[i]));
        feat_buffer_append(out, (const char *)c->values + c->offsets[0], (size_t)(c->offsets[n] - c->offsets[0]));
    } else {
        put_fixed(out, c, n);
    }
}

void feat_tail_put_rows(const feat_schema *table, const feat_batch *rows, feat_buffer *out) {
    for (size_t i = 0; i < table->n_fields && rows->length > 0; i++) put_column(out, &rows->columns[i]);
}

void feat_tail_put_layout(const feat_schema *table, feat_buffer *out) {
    feat_buffer_u32(out, table->revision);
    feat_buffer_u32(out, (uint32_t)table->n_fields);
    for (size_t i = 0; i < table->n_fields; i++) {
        feat_buffer_u32(out, feat_field_stored(&table->fields[i]));
        feat_buffer_u32(out, 0);
        feat_buffer_u64(out, table->fields[i].type);
    }
}

/* ---- And back. ---- */

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a record of pushed rows is malformed; restore the store from a copy");
}

static feat_status take_texts(feat_column *c, feat_cursor *in, size_t n, feat_error *err) {
    const uint8_t *lengths = feat_cursor_bytes(in, n * 4);
    uint64_t total = 0;
    if (in->failed) return malformed(err);
    for (size_t i = 0; i < n; i++) {
        uint32_t length;
        feat_little_copy(&length, lengths + 4 * i, 4, 1);
        total += length;
    }
    if (total > (size_t)(in->end - in->at)) return malformed(err);
    const uint8_t *bytes = feat_cursor_bytes(in, (size_t)total);
    if (feat_column_reserve(c, n) != 0 || feat_column_reserve_text(c, (size_t)total) != 0) return feat_fail_memory(err);
    int64_t at = c->offsets[c->length];
    if (total > 0) memcpy((char *)c->values + at, bytes, (size_t)total);
    for (size_t i = 0; i < n; i++) {
        uint32_t length;
        feat_little_copy(&length, lengths + 4 * i, 4, 1);
        at += length;
        c->offsets[c->length + i + 1] = at;
    }
    return FEAT_OK;
}

static feat_status take_fixed(feat_column *c, feat_cursor *in, size_t n, feat_error *err) {
    size_t size = feat_type_size(c->type);
    const uint8_t *from = feat_cursor_bytes(in, n * size);
    if (in->failed) return malformed(err);
    if (feat_column_reserve(c, n) != 0) return feat_fail_memory(err);
    uint8_t *to = (uint8_t *)c->values + c->length * size;
    if (FEAT_TYPE_BASE(c->type) != FEAT_TYPE_INTERVAL) {
        feat_little_copy(to, from, size, n);
        return FEAT_OK;
    }
    for (size_t i = 0; i < n; i++, from += size) {
        feat_interval *v = (feat_interval *)(void *)to + i;
        feat_little_copy(&v->months, from, 4, 1);
        feat_little_copy(&v->days, from + 4, 4, 1);
        feat_little_copy(&v->us, from + 8, 8, 1);
    }
    return FEAT_OK;
}

static feat_status take_column(feat_column *c, feat_cursor *in, size_t n, feat_error *err) {
    uint8_t nulls = feat_cursor_byte(in);
    const uint8_t *validity = nulls ? feat_cursor_bytes(in, feat_bitmap_size(n)) : NULL;
    if (in->failed || nulls > 1) return malformed(err);
    if (FEAT_TYPE_BASE(c->type) == FEAT_TYPE_BOOLEAN) {
        const uint8_t *bits = feat_cursor_bytes(in, feat_bitmap_size(n));
        if (in->failed) return malformed(err);
        if (feat_column_reserve(c, n) != 0) return feat_fail_memory(err);
        feat_bits_copy(c->values, c->length, bits, 0, n);
    } else {
        FEAT_TRY(is_variable(c->type) ? take_texts(c, in, n, err) : take_fixed(c, in, n, err));
    }
    return feat_column_commit(c, n, validity, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

static feat_status take_layout(feat_tail_rows *t, feat_cursor *in, feat_error *err) {
    uint32_t revision = feat_cursor_u32(in);
    uint32_t n = feat_cursor_u32(in);
    if (in->failed || n == 0 || n > MOST_COLUMNS || (size_t)(in->end - in->at) != (size_t)n * 16) return malformed(err);
    if (t->known && n != t->rows.n_columns) return malformed(err);
    feat_type *types = feat_alloc_array(n, sizeof *types);
    uint32_t *stored = feat_alloc_array(n, sizeof *stored);
    feat_status status = types && stored ? FEAT_OK : feat_fail_memory(err);
    for (uint32_t i = 0; i < n && status == FEAT_OK; i++) {
        stored[i] = feat_cursor_u32(in);
        feat_cursor_u32(in);
        types[i] = feat_cursor_u64(in);
        if (!feat_type_valid(types[i])) status = malformed(err);
        else if (t->known && (t->stored[i] != stored[i] || t->rows.columns[i].type != types[i]))
            status = malformed(err);
    }
    if (status == FEAT_OK && !t->known) {
        status = feat_batch_init(&t->rows, types, n, err);
        if (status == FEAT_OK) {
            t->known = true;
            t->revision = revision;
            t->stored = stored;
            stored = NULL;
        }
    }
    feat_free(types);
    feat_free(stored);
    return status;
}

void feat_tail_rows_done(feat_tail_rows *t) {
    feat_free(t->stored);
    feat_batch_done(&t->rows);
    *t = (feat_tail_rows){0};
}

feat_status feat_tail_rows_take(feat_tail_rows *t, const feat_tail_record *r, feat_error *err) {
    feat_cursor in;
    if (r->table_id != t->table_id) return FEAT_OK;
    feat_cursor_init(&in, r->payload, r->size);
    if (r->rows == 0) return take_layout(t, &in, err);
    if (!t->known || r->rows > FEAT_TAIL_MOST_ROWS - t->rows.length) return malformed(err);
    for (size_t i = 0; i < t->rows.n_columns; i++) FEAT_TRY(take_column(&t->rows.columns[i], &in, r->rows, err));
    t->rows.length += r->rows;
    return in.at == in.end ? FEAT_OK : malformed(err);
}

/* ---- As rows of a table. ---- */

static const feat_column *find_column(const feat_tail_rows *t, uint32_t stored) {
    for (size_t i = 0; i < t->rows.n_columns; i++)
        if (t->stored[i] == stored) return &t->rows.columns[i];
    return NULL;
}

/* The column of a field, or one from before its type was widened. */
static const feat_column *column_of(const feat_tail_rows *t, const feat_schema *table, const feat_field *field) {
    const feat_column *c = find_column(t, feat_field_stored(field));
    for (size_t i = table->n_retired; !c && i-- > 0;)
        if (table->retired[i].field == field->id) c = find_column(t, table->retired[i].stored);
    return c;
}

feat_status feat_tail_rows_as(const feat_tail_rows *t, const feat_schema *table, feat_batch *out, feat_error *err) {
    size_t n = t->rows.length;
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        const feat_column *c = column_of(t, table, field);
        if (c && c->type != field->type && !feat_type_widens(c->type, field->type)) return malformed(err);
        int rc = c ? feat_column_widen_range(&out->columns[i], c, 0, n)
                   : feat_column_append_value(&out->columns[i], &field->absent, n);
        if (rc != 0) return feat_fail_memory(err);
    }
    out->length += n;
    return FEAT_OK;
}

feat_status feat_tail_rows_digest(const feat_tail_rows *t, feat_digest *sum, feat_error *err) {
    size_t n = t->rows.n_columns;
    const feat_column **columns = feat_alloc_array(n, sizeof *columns);
    uint32_t *ids = feat_alloc_array(n, sizeof *ids);
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    feat_status status = columns && ids ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) { /* by ascending number */
        size_t at = i;
        for (; at > 0 && ids[at - 1] > t->stored[i]; at--) {
            ids[at] = ids[at - 1];
            columns[at] = columns[at - 1];
        }
        ids[at] = t->stored[i];
        columns[at] = &t->rows.columns[i];
    }
    *sum = (feat_digest){{0}};
    for (size_t row = 0; row < t->rows.length && status == FEAT_OK; row++) {
        feat_digest d = feat_row_digest(columns, ids, n, row, &scratch);
        if (scratch.failed) status = feat_fail_memory(err);
        feat_digest_add(sum, &d);
    }
    feat_buffer_done(&scratch);
    feat_free(columns);
    feat_free(ids);
    return status;
}
