/* Encodings of a page: up to 4,096 values of one column, without their NULLs. Each is a row of one table, so that a new
 * one is one row and two functions. */
#ifndef FEAT_LIB_ENCODING_H
#define FEAT_LIB_ENCODING_H

#include "base/buffer.h"
#include "base/error.h"
#include "column/column.h" /* feat_int128 */
#include "feat/type.h"

#define FEAT_PAGE_ROWS 4096
/* A page of more than one row holds at most this many bytes of text, so that few stored bytes never expand to many. */
#define FEAT_PAGE_TEXT ((size_t)1 << 20)

/* How a page holds values: integers of up to 64 bits (UBIGINT by its bits), REAL and DOUBLE as doubles, all else as
 * texts: DECIMAL and INTERVAL as 16 bytes each, little-endian. */
typedef enum feat_page_form { FEAT_FORM_INTS, FEAT_FORM_DOUBLES, FEAT_FORM_TEXTS } feat_page_form;
feat_page_form feat_page_form_of(feat_type type);
/* Whether each text is the 16 bytes of a value. */
bool feat_page_is_wide(feat_type type);

/* The values of a page, in the form that all encodings share. A NULL's slot holds some value of the page when encoding
 * (what packs best) and anything after decoding. */
typedef struct feat_page {
    feat_type type;
    size_t rows;
    union {
        int64_t ints[FEAT_PAGE_ROWS];
        double doubles[FEAT_PAGE_ROWS];
        feat_int128 wide[FEAT_PAGE_ROWS]; /* of a view: texts of 16 bytes, aligned */
    } as;
    int64_t offsets[FEAT_PAGE_ROWS + 1]; /* texts, from 0 */
    const char *text;                    /* borrowed from the column, the encoded bytes, or `own_text` */
    feat_buffer own_text;
    int64_t work[FEAT_PAGE_ROWS + 1]; /* of one encoding while it runs */
} feat_page;

typedef struct feat_encoding {
    uint8_t id;
    const char *name;
    /* Appends the values, or returns false when it does not suit them (what it appended is then dropped). Memory:
     * out->failed. */
    bool (*encode)(feat_page *page, feat_buffer *out);
    /* Untrusted bytes: checks every length and count. False when they are malformed; memory: page->own_text.failed. */
    bool (*decode)(feat_cursor *in, feat_page *page);
} feat_encoding;

/* Appends the values in the first encoding that suits them; its id. page->rows > 0. */
uint8_t feat_encode(feat_page *page, feat_buffer *out);
/* page->type and page->rows say what is expected; `text` stays borrowed from `bytes`. */
feat_status feat_decode(uint8_t id, const void *bytes, size_t size, feat_page *page, feat_error *err);
/* NULL for a number outside the table. */
const feat_encoding *feat_encoding_by_id(uint8_t id);

#endif
