/* A block: one column of a segment, at most 65,536 rows, in pages that are encoded and compressed alone, so that a
 * single row costs one page. The chunks of the object have checksums; there are no others. See doc/format.md. */
#ifndef FEAT_LIB_BLOCK_H
#define FEAT_LIB_BLOCK_H

#include "column/column.h"
#include "store/encoding.h"
#include "store/object.h"

#define FEAT_SEGMENT_ROWS 65536

/* Where the values of a block's rows are. */
typedef enum feat_block_form {
    FEAT_BLOCK_PLAIN,      /* in its pages */
    FEAT_BLOCK_DICTIONARY, /* each distinct one once, in a dictionary of the block; its pages number them */
    FEAT_BLOCK_DETERMINED, /* one for each entry of another block's dictionary; its pages have what is exceptional */
} feat_block_form;

/* The distinct values of rows of a column: what a dictionary is made of. */
typedef struct feat_block_codes {
    uint32_t *codes; /* of each row the number of its value; of a NULL any */
    uint32_t *rows;  /* of each value a row that has it */
    size_t n;
} feat_block_codes;

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
    feat_column view, few; /* few: of encoding, a dictionary or exceptions */
    uint32_t *picks;       /* rows of them */
    size_t picks_capacity;
    /* Of the open block: */
    feat_object object;
    feat_type type;
    feat_block_form form;
    uint32_t rows, nulls, n_pages, statistics;
    feat_block_page *directory; /* of the pages, then of the dictionary's */
    size_t directory_capacity;
    uint32_t n_entries, n_entry_pages;
    feat_column entries; /* of the dictionary, when it has been read */
    bool has_entries;
    feat_digest determinant; /* the other block of a determined one */
    struct feat_block *source;
    bool has_source; /* `source` is open */
} feat_block;

feat_block *feat_block_new(void); /* NULL: no memory */
void feat_block_free(feat_block *b);

/* Appends the block of rows [start, start + rows) of `c` to `out`. */
feat_status feat_block_encode(feat_block *b, const feat_column *c, size_t start, size_t rows, feat_buffer *out,
                              feat_error *err);

/* The same rows in the other forms; `plain` is what feat_block_encode made of them. Of types that feat_block_may_share
 * says, and not all NULL. Nothing is appended, and no error set, when the pages are too large for it. */
bool feat_block_may_share(const feat_column *c, size_t start, size_t rows);
feat_status feat_block_encode_dictionary(feat_block *b, const feat_column *c, size_t start, size_t rows,
                                         const feat_block_codes *codes, const feat_buffer *plain, feat_buffer *out,
                                         feat_error *err);
/* `codes` has of each entry of the other block's dictionary the row whose value is taken, and of each row the entry. */
feat_status feat_block_encode_determined(feat_block *b, const feat_column *c, size_t start, size_t rows,
                                         const feat_block_codes *codes, const feat_buffer *plain, feat_buffer *out,
                                         feat_error *err);
/* Fills in the key of the other block, which may be stored after it is known who needs it. */
void feat_block_set_determinant(feat_buffer *determined, const feat_digest *key);

/* Opens a stored block; it must have this type and number of rows. Valid within the transaction. */
feat_status feat_block_open(feat_block *b, feat_env *env, MDB_txn *txn, const feat_digest *key, feat_type type,
                            uint32_t rows, feat_error *err);
/* What the statistics of the open block say. */
struct feat_bounds;
feat_status feat_block_bounds(feat_block *b, struct feat_bounds *bounds, feat_error *err);
/* The same of a page. */
feat_status feat_block_page_bounds(feat_block *b, size_t page, struct feat_bounds *bounds, feat_error *err);
/* Page that holds `row` < rows. */
size_t feat_block_find(const feat_block *b, uint32_t row);
/* Appends the values of a page to a column of the block's type. On failure `to` has the rows that it had. */
feat_status feat_block_append(feat_block *b, size_t page, feat_column *to, feat_error *err);
/* The values of a page: borrowed until the next call. */
feat_status feat_block_read(feat_block *b, size_t page, const feat_column **view, feat_error *err);

#endif
