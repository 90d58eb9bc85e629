/* Reading rows of the segments of a manifest: what a reader of a version and a writer share. */
#ifndef FEAT_LIB_ROWS_H
#define FEAT_LIB_ROWS_H

#include "store/block.h"
#include "store/manifest.h"

typedef struct feat_rows {
    feat_env *env;
    MDB_txn *txn;
    const feat_manifest *manifest;
    const feat_schema *schema;
    feat_block *block;
    const feat_batch *open; /* rows of the last segment, while it has no blocks yet; else NULL */
} feat_rows;

/* What the block of a column says of its numbers; unknown where a segment has none of the column's own type. */
feat_status feat_rows_bounds(const feat_rows *r, size_t segment, uint32_t column, struct feat_bounds *bounds,
                             feat_error *err);
/* The same of each of its pages; `n` 0 where it says nothing. */
feat_status feat_rows_page_bounds(const feat_rows *r, size_t segment, uint32_t column, struct feat_bounds *bounds,
                                  size_t *n, feat_error *err);
/* Rows [*first, *end) of a sorted segment that are equal to row `row` of `keys` in the columns it is first sorted by.
 */
feat_status feat_rows_find(const feat_rows *r, size_t segment, const uint32_t *columns, size_t n,
                           const feat_column *keys, size_t row, uint32_t near, uint32_t *first, uint32_t *end,
                           feat_error *err);
/* Appends all rows of a segment. On failure `out` is as it was. */
feat_status feat_rows_read_segment(const feat_rows *r, size_t segment, const uint32_t *columns, size_t n,
                                   feat_column *out, feat_error *err);
/* Appends single rows, in the given order; reads only the pages that hold them. On failure `out` is as it was. */
feat_status feat_rows_read(const feat_rows *r, const feat_row_address *rows, size_t n_rows, const uint32_t *columns,
                           size_t n, feat_column *out, feat_error *err);

#endif
