/* Rows in memory, as a stream. */
#include "engine/rows.h"

#include <string.h>

#include "base/alloc.h"
#include "column/arrow.h"

feat_status feat_rows_new(const feat_field *fields, size_t n_fields, feat_rows **rows, feat_error *err) {
    feat_rows *r = feat_alloc_zero(1, sizeof *r);
    feat_column *columns = feat_alloc_array(n_fields, sizeof *columns);
    if (!r || !columns) {
        feat_free(r);
        feat_free(columns);
        return feat_fail_memory(err);
    }
    for (size_t i = 0; i < n_fields; i++) feat_column_init(&columns[i], fields[i].type);
    *r = (feat_rows){.fields = fields, .n_fields = n_fields, .columns = columns};
    *rows = r;
    return FEAT_OK;
}

void feat_rows_free(feat_rows *r) {
    if (!r) return;
    for (size_t i = 0; i < r->n_fields; i++) feat_column_done(&r->columns[i]);
    feat_free(r->columns);
    feat_free(r);
}

void feat_rows_null(feat_rows *r, size_t column) {
    if (feat_column_append_null(&r->columns[column]) != 0) r->failed = true;
}

void feat_rows_textn(feat_rows *r, size_t column, const char *text, size_t length) {
    if (feat_column_append_text(&r->columns[column], text, length) != 0) r->failed = true;
}

void feat_rows_text(feat_rows *r, size_t column, const char *text) {
    if (text) feat_rows_textn(r, column, text, strlen(text));
    else feat_rows_null(r, column);
}

void feat_rows_int(feat_rows *r, size_t column, int64_t value) {
    if (feat_column_append_int(&r->columns[column], value) != 0) r->failed = true;
}

void feat_rows_end_row(feat_rows *r) { r->length++; }

/* ---- The stream. ---- */

static feat_status next_batch(void *state, struct ArrowArray *out, feat_error *err) {
    feat_rows *r = state;
    if (r->length == 0) {
        out->release = NULL;
        return FEAT_OK;
    }
    struct ArrowArray *arrays = feat_alloc_zero(r->n_fields, sizeof *arrays);
    if (!arrays) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < r->n_fields && status == FEAT_OK; i++)
        status = feat_arrow_out_column(&r->columns[i], &arrays[i], err);
    if (status == FEAT_OK) status = feat_arrow_out_batch(arrays, r->n_fields, (int64_t)r->length, out, err);
    for (size_t i = 0; i < r->n_fields; i++)
        if (arrays[i].release) arrays[i].release(&arrays[i]);
    feat_free(arrays);
    r->length = 0;
    return status;
}

static void free_state(void *state) { feat_rows_free(state); }

static feat_status make_stream(feat_rows *r, struct ArrowArrayStream *out, feat_error *err) {
    struct ArrowSchema *children = feat_alloc_zero(r->n_fields, sizeof *children), schema = {0};
    if (!children) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < r->n_fields && status == FEAT_OK; i++)
        status = feat_arrow_out_field(r->fields[i].name, r->fields[i].type, !r->fields[i].not_null, &children[i], err);
    if (status == FEAT_OK) status = feat_arrow_out_struct(children, r->n_fields, NULL, 0, &schema, err);
    if (status == FEAT_OK)
        status = feat_arrow_out_stream(&schema, (feat_arrow_producer){next_batch, free_state, r}, out, err);
    if (status != FEAT_OK && schema.release) schema.release(&schema);
    for (size_t i = 0; i < r->n_fields; i++)
        if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    return status;
}

feat_status feat_rows_stream(feat_rows *r, struct ArrowArrayStream *out, feat_error *err) {
    feat_status status = r->failed ? feat_fail_memory(err) : make_stream(r, out, err);
    if (status != FEAT_OK) feat_rows_free(r);
    return status;
}
