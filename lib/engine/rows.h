/* A few rows built in memory and handed out as an Arrow stream of one batch: what SHOW and DESCRIBE answer. */
#ifndef FEAT_LIB_ENGINE_ROWS_H
#define FEAT_LIB_ENGINE_ROWS_H

#include "column/column.h"
#include "feat/arrow.h"

typedef struct feat_rows {
    const feat_field *fields; /* static storage */
    size_t n_fields, length;
    feat_column *columns;
    bool failed; /* memory was out; checked once at the end */
} feat_rows;

feat_status feat_rows_new(const feat_field *fields, size_t n_fields, feat_rows **rows, feat_error *err);
void feat_rows_free(feat_rows *rows); /* NULL is a no-op */

/* The next value of a column; NULL text is a null. */
void feat_rows_text(feat_rows *rows, size_t column, const char *text);
void feat_rows_textn(feat_rows *rows, size_t column, const char *text, size_t length);
void feat_rows_int(feat_rows *rows, size_t column, int64_t value);
void feat_rows_null(feat_rows *rows, size_t column);
/* Each column has its value: the row is whole. */
void feat_rows_end_row(feat_rows *rows);

/* Hands the rows out; they are gone after, also on failure. */
feat_status feat_rows_stream(feat_rows *rows, struct ArrowArrayStream *out, feat_error *err);

#endif
