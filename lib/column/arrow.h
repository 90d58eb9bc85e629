/* Arrow C streams in and out. */
#ifndef FEAT_LIB_ARROW_H
#define FEAT_LIB_ARROW_H

#include "base/error.h"
#include "column/column.h"
#include "feat/arrow.h"

/* ---- In: pulling batches from a caller's stream, converted to our types and checked. ---- */

typedef struct feat_arrow_in feat_arrow_in;

/* Takes `stream` over: it is released when the reader is closed, and at once when opening fails.
 * The stream must be of structs (record batches). */
feat_status feat_arrow_in_open(struct ArrowArrayStream *stream, feat_arrow_in **in, feat_error *err);
void feat_arrow_in_close(feat_arrow_in *in);

/* The stream's own columns. */
size_t feat_arrow_in_columns(const feat_arrow_in *in);
const char *feat_arrow_in_name(const feat_arrow_in *in, size_t i);
const struct ArrowSchema *feat_arrow_in_schema(const feat_arrow_in *in); /* borrowed */
/* Our type for a stream column; false when it has none. */
bool feat_arrow_in_type(const feat_arrow_in *in, size_t i, feat_type *type);
/* Column by exact name, else by unique ASCII case-insensitive match, else -1. */
int feat_arrow_in_find(const feat_arrow_in *in, const char *name);

/* Names the columns to convert: field k is to be filled from the stream's column of its name. `what` names the target
 * in messages, as "table 'purchases'". A type that never converts without loss is FEAT_SCHEMA and names the column, the
 * Arrow type in words and the wanted type. A missing column: with `optional` (may be NULL) and optional[k], it reads as
 * all NULL; else FEAT_SCHEMA. With `exact`, a stream column that no field names is FEAT_SCHEMA too (with a suggestion).
 * `fields` is borrowed until close. */
feat_status feat_arrow_in_bind(feat_arrow_in *in, const feat_field *fields, const bool *optional, size_t n, bool exact,
                               const char *what, feat_error *err);

/* Columns may show the values of a batch instead of copying them: whoever pulls batches from now on keeps each `raw`
 * for as long as the columns are read. */
void feat_arrow_in_lend(feat_arrow_in *in);

/* Pulls the next batch: appends its rows, converted, to columns[0..n) (one for each bound field; types match the
 * fields). `*rows` gets their number, `*end` becomes true (and rows 0) at the end of the stream. When `raw` is not NULL
 * it receives the batch itself, owned by the caller. `first_row` is the number of rows before this batch, for messages.
 * FEAT_SCHEMA names column, both types and row: an integer out of range, a timestamp that loses precision in µs, a
 * date64 within a day, malformed UTF-8. NULL in a `not_null` field is FEAT_CONSTRAINT with the row.
 * Everything is validated: offsets monotone and in order, dictionary indices in range, depth, child count and lengths.
 * FEAT_CANCELLED with the producer's message when the stream fails. */
feat_status feat_arrow_in_next(feat_arrow_in *in, feat_column *columns, int64_t first_row, size_t *rows, bool *end,
                               struct ArrowArray *raw, feat_error *err);

/* ---- Out. ---- */

/* Schema of one field / of a record batch. `metadata` is NULL or an encoded Arrow metadata block. */
feat_status feat_arrow_out_field(const char *name, feat_type type, bool nullable, struct ArrowSchema *out,
                                 feat_error *err);
/* A struct schema of `n` children that are moved in (each child is heap-copied; sources are left released). */
feat_status feat_arrow_out_struct(struct ArrowSchema *children, size_t n, const char *const *metadata_pairs,
                                  size_t n_pairs, struct ArrowSchema *out, feat_error *err);
/* Deep copy of a schema (name, format, metadata, flags, children, dictionary). */
feat_status feat_arrow_schema_copy(const struct ArrowSchema *in, struct ArrowSchema *out, feat_error *err);

/* Moves a column's buffers into an array; the column is empty after. */
feat_status feat_arrow_out_column(feat_column *column, struct ArrowArray *out, feat_error *err);
/* A struct array of `n` children that are moved in; on failure the children stay the caller's. */
feat_status feat_arrow_out_batch(struct ArrowArray *children, size_t n, int64_t length, struct ArrowArray *out,
                                 feat_error *err);

/* A stream over a producer. `next` fills `out` (out->release NULL at the end) or fails; `free` ends `state`. The schema
 * is moved in. Errors surface as EIO (ENOMEM for FEAT_MEMORY, ECANCELED) with get_last_error giving the message. After
 * an error or the end the stream stays ended. On failure of this call nothing is taken. */
typedef struct feat_arrow_producer {
    feat_status (*next)(void *state, struct ArrowArray *out, feat_error *err);
    void (*free)(void *state);
    void *state;
} feat_arrow_producer;
feat_status feat_arrow_out_stream(struct ArrowSchema *schema, feat_arrow_producer producer,
                                  struct ArrowArrayStream *out, feat_error *err);

#endif
