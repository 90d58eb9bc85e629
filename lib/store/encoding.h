/* Encodings of a page: up to 4,096 values of one column, with something in the slots of its NULLs. Each is a row of one
 * table, so that a new one is one row and two functions. */
#ifndef FEAT_LIB_ENCODING_H
#define FEAT_LIB_ENCODING_H

#include "base/buffer.h"
#include "base/error.h"
#include "column/column.h"
#include "feat/type.h"
#include "store/packing.h"

#define FEAT_PAGE_ROWS 4096
/* A page of more than one row holds at most this many bytes of text, so that few stored bytes never expand to many. */
#define FEAT_PAGE_TEXT ((size_t)1 << 20)

/* How a page holds values: integers of up to 64 bits (UBIGINT by its bits), REAL and DOUBLE as doubles, all else as
 * texts: DECIMAL and INTERVAL as 16 bytes each, little-endian. Integers and doubles are the numbers. */
typedef enum feat_page_form { FEAT_FORM_INTS, FEAT_FORM_DOUBLES, FEAT_FORM_TEXTS } feat_page_form;
feat_page_form feat_page_form_of(feat_type type);

/* The values of a page that is encoded, and the scratch memory of both directions. A NULL's slot holds some value of
 * the page when encoding (what packs best) and anything after decoding. */
typedef struct feat_page {
    feat_type type;
    size_t rows;
    const feat_packing_loops *loops;
    feat_bits64 numbers[FEAT_PAGE_ROWS];
    int64_t offsets[FEAT_PAGE_ROWS + 1];
    const char *text; /* texts, borrowed: text i is [offsets[i], offsets[i + 1]), offsets[0] is 0 */
    /* Of encodings while they run: */
    feat_bits64 work[FEAT_PAGE_ROWS], entries[FEAT_PAGE_ROWS + 1], codes[FEAT_PAGE_ROWS];
    feat_buffer best, trial, padded;
    feat_column wide; /* DECIMAL and INTERVAL, as texts */
    bool failed;      /* memory was out while decoding */
} feat_page;

void feat_page_init(feat_page *page);
void feat_page_done(feat_page *page);

/* Appends nothing and returns false when it does not suit the numbers. Memory: out->failed. `numbers` is neither `work`
 * nor, for an encoding that is not flat, `entries` or `codes`. */
typedef bool feat_encode_numbers(feat_page *page, const feat_bits64 *numbers, size_t n, feat_buffer *out);
/* Untrusted bytes: checks every length and count, and writes numbers[0..n) only. False when they are malformed. */
typedef bool feat_decode_numbers(feat_page *page, feat_cursor *in, feat_bits64 *numbers, size_t n);
typedef bool feat_encode_texts(feat_page *page, feat_buffer *out);
/* Untrusted bytes; puts the texts behind the rows of `to` without counting them in. False when they are malformed, or
 * with page->failed. */
typedef bool feat_decode_texts(feat_page *page, feat_cursor *in, feat_column *to);

typedef struct feat_encoding {
    uint8_t id;
    const char *name;
    /* What decoding a number takes in hundredths of a nanosecond, about; it weighs against bytes in the choice. */
    unsigned cost;
    /* For the entries of other encodings, too. */
    bool flat;
    feat_encode_numbers *encode_numbers;
    feat_decode_numbers *decode_numbers;
    feat_encode_texts *encode_texts;
    feat_decode_texts *decode_texts;
    bool wide; /* decode_texts makes sixteen bytes for a DECIMAL, not texts */
} feat_encoding;

/* Makes page->rows values of a DECIMAL or an INTERVAL the texts of the page; they are borrowed where memory has them as
 * a store does, else they last until the page is decoded into. */
void feat_page_set_wide(feat_page *page, const void *values);
/* Appends the values in the encoding that suits them best; its id. page->rows > 0. */
uint8_t feat_encode(feat_page *page, feat_buffer *out);
/* Puts `rows` decoded values of to->type behind the rows of `to`, without counting them in. */
feat_status feat_decode(feat_page *page, uint8_t id, const void *bytes, size_t size, size_t rows, feat_column *to,
                        feat_error *err);
/* NULL for a number outside the table. */
const feat_encoding *feat_encoding_by_id(uint8_t id);

/* ---- The functions of the table's rows. ---- */

/* Entries of another encoding, in the flat encoding with the fewest bytes: its id, then the bytes. */
void feat_encode_entries(feat_page *page, const feat_bits64 *entries, size_t n, feat_buffer *out);
bool feat_decode_entries(feat_page *page, feat_cursor *in, feat_bits64 *entries, size_t n);

feat_encode_numbers feat_raw_encode_numbers, feat_constant_encode_numbers, feat_packed_encode_numbers,
    feat_delta_encode_numbers, feat_decimal_encode_numbers, feat_dictionary_encode_numbers, feat_runs_encode_numbers;
feat_decode_numbers feat_raw_decode_numbers, feat_constant_decode_numbers, feat_packed_decode_numbers,
    feat_delta_decode_numbers, feat_decimal_decode_numbers, feat_dictionary_decode_numbers, feat_runs_decode_numbers;
feat_encode_texts feat_raw_encode_texts, feat_constant_encode_texts, feat_dictionary_encode_texts,
    feat_whole_encode_texts;
feat_decode_texts feat_raw_decode_texts, feat_constant_decode_texts, feat_dictionary_decode_texts,
    feat_whole_decode_texts;

#endif
