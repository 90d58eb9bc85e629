/* A block: one column of a segment, at most 65,536 rows, in pages that are encoded and compressed alone, so that a
 * single row costs one page. The chunks of the object have checksums; there are no others. See doc/format.md. */
#ifndef FEAT_LIB_BLOCK_H
#define FEAT_LIB_BLOCK_H

#include "column/column.h"
#include "store/encoding.h"
#include "store/object.h"

#define FEAT_SEGMENT_ROWS 65536

typedef struct feat_block_page {
    uint32_t first_row, rows, nulls;
    uint8_t encoding, codec;
    uint64_t stored, raw, at; /* at: in the object */
} feat_block_page;

/* Scratch memory of encoding and decoding, and the block that is open. Not for threads to share. */
typedef struct feat_block {
    feat_page page;
    uint8_t validity[FEAT_PAGE_ROWS / 8]; /* of the page that is encoded */
    feat_buffer raw, packed, pages;
    feat_column view;
    /* Of the open block: */
    feat_object object;
    feat_type type;
    uint32_t rows, nulls, n_pages, statistics;
    feat_block_page *directory;
    size_t directory_capacity;
} feat_block;

feat_block *feat_block_new(void); /* NULL: no memory */
void feat_block_free(feat_block *b);

/* Appends the block of rows [start, start + rows) of `c` to `out`. */
feat_status feat_block_encode(feat_block *b, const feat_column *c, size_t start, size_t rows, feat_buffer *out,
                              feat_error *err);

/* Opens a stored block; it must have this type and number of rows. Valid within the transaction. */
feat_status feat_block_open(feat_block *b, feat_env *env, MDB_txn *txn, const feat_digest *key, feat_type type,
                            uint32_t rows, feat_error *err);
/* What the statistics of the open block say. */
struct feat_bounds;
feat_status feat_block_bounds(feat_block *b, struct feat_bounds *bounds, feat_error *err);
/* Page that holds `row` < rows. */
size_t feat_block_find(const feat_block *b, uint32_t row);
/* Appends the values of a page to a column of the block's type. On failure `to` has the rows that it had. */
feat_status feat_block_append(feat_block *b, size_t page, feat_column *to, feat_error *err);
/* The values of a page: borrowed until the next call. */
feat_status feat_block_read(feat_block *b, size_t page, const feat_column **view, feat_error *err);

#endif
