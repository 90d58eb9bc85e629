/* A typed column in Arrow's memory layout, that owns its buffers (64-byte aligned) and can grow. */
#ifndef FEAT_LIB_COLUMN_H
#define FEAT_LIB_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"
#include "column/schema.h"

/* 128 bits, for DECIMAL and UBIGINT. */
__extension__ typedef __int128 feat_int128;
__extension__ typedef unsigned __int128 feat_uint128;

/* Counts back or forth from a time: months first (calendar), then days, then µs. */
typedef struct feat_interval {
    int32_t months, days;
    int64_t us;
} feat_interval;

/* In µs, a month of 30 days, a day of 24 hours: what intervals are compared by. */
static inline feat_int128 feat_interval_length(feat_interval v) {
    return ((feat_int128)v.months * 30 + v.days) * INT64_C(86400000000) + v.us;
}
/* A total order: by length, then by the parts. */
int feat_interval_order(feat_interval a, feat_interval b);

typedef struct feat_column {
    feat_type type;
    size_t length, null_count;
    uint8_t *validity; /* bitmap, 1 = not null; NULL while null_count is 0 */
    /* BOOLEAN: bitmap. Integers, DATE (int32_t), TIMESTAMP (int64_t), REAL, DOUBLE: as they are. DECIMAL: 16-byte
     * integers, unscaled. INTERVAL: feat_interval. TEXT, BLOB, VECTOR, LIST, MAP: the bytes of all values. */
    void *values;
    int64_t *offsets; /* of types of variable size: length + 1 of them; else NULL */
    size_t capacity, text_capacity;
    bool borrowed; /* `values` are somebody else's, and copied before anything is appended */
} feat_column;

void feat_column_init(feat_column *c, feat_type type);
void feat_column_done(feat_column *c);
/* Keeps the buffers, forgets the values. */
void feat_column_clear(feat_column *c);

/* Appending. Each returns 0, or -1 when memory is out (the column is then unchanged). A null's slot holds zeros. */
/* Of its values, without what it could take more. */
size_t feat_column_bytes(const feat_column *c);
int feat_column_reserve(feat_column *c, size_t more);
int feat_column_append_null(feat_column *c);
int feat_column_append_nulls(feat_column *c, size_t n);
int feat_column_append_int(feat_column *c, int64_t v);            /* BOOLEAN, DATE, TIMESTAMP, integers but UBIGINT */
int feat_column_append_double(feat_column *c, double v);          /* REAL (exact in it), DOUBLE */
int feat_column_append_wide(feat_column *c, feat_int128 v);       /* UBIGINT, DECIMAL (unscaled) */
int feat_column_append_interval(feat_column *c, feat_interval v); /* INTERVAL */
int feat_column_append_text(feat_column *c, const char *data, size_t length); /* TEXT, BLOB, VECTOR, LIST, MAP */
/* Row `row` of a column of the same type. */
int feat_column_append_from(feat_column *c, const feat_column *from, size_t row);
/* Rows `rows[0..n)` of `from`, in that order. */
int feat_column_append_rows(feat_column *c, const feat_column *from, const uint32_t *rows, size_t n);
/* Rows [start, start + n) of `from`. */
int feat_column_append_range(feat_column *c, const feat_column *from, size_t start, size_t n);
/* Forgets the rows from `length` on. */
void feat_column_truncate(feat_column *c, size_t length);

/* Filling many slots at once: reserve rows (and bytes of text), write the values, and for TEXT the offsets, behind
 * those there are, then commit. Until then the column is as it was. */
int feat_column_reserve_text(feat_column *c, size_t more);
/* Counts `n` written slots in. Bits [start, start + n) of `validity` say which are not null (NULL: all are); the slots
 * of nulls are zeroed here, but a TEXT null must have been written as empty. */
int feat_column_commit(feat_column *c, size_t n, const uint8_t *validity, size_t start);

/* Hands `n` values of a type of 8 bytes over to an empty column, which owns both buffers from then on; they come from
 * feat_alloc_aligned. `validity` may be NULL when no value is null; a null's slot holds zeros. */
void feat_column_adopt(feat_column *c, void *values, uint8_t *validity, size_t n, size_t null_count);

/* An empty column of a type of 8 bytes shows `n` values of another, none of them null, as long as these stay. */
void feat_column_borrow(feat_column *c, const void *values, size_t n);

bool feat_column_is_null(const feat_column *c, size_t row);
/* Whether an integer type (or BOOLEAN, DATE, TIMESTAMP) holds a number. */
bool feat_int_fits(feat_type type, int64_t v);

/* Of the types that the functions above take. */
int64_t feat_column_int(const feat_column *c, size_t row);
double feat_column_double(const feat_column *c, size_t row);
feat_int128 feat_column_wide(const feat_column *c, size_t row);
feat_interval feat_column_interval(const feat_column *c, size_t row);
feat_text feat_column_text(const feat_column *c, size_t row);

/* Total order of two values of one type: NULL first, then by value (text by bytes, doubles by feat_double_order's
 * order: -inf .. -0 < +0 .. inf < NaN). */
int feat_column_compare(const feat_column *a, size_t row_a, const feat_column *b, size_t row_b);
/* Same value bit for bit (all NaN are one value; -0 and +0 are two; NULL equals NULL). */
bool feat_column_same(const feat_column *a, size_t row_a, const feat_column *b, size_t row_b);

/* A batch of rows: columns of equal length, one for each field of whatever it belongs to. */
typedef struct feat_batch {
    size_t length, n_columns;
    feat_column *columns;
} feat_batch;

feat_status feat_batch_init(feat_batch *b, const feat_type *types, size_t n_columns, feat_error *err);
void feat_batch_done(feat_batch *b);
void feat_batch_clear(feat_batch *b);

/* The digest of a row: XXH3-128 over its columns that are not null in ascending order of ids (the caller's order), each
 * as u32 id, u8 class, value, all little-endian: class 1 an i64 (BIGINT, TIMESTAMP, DATE, BOOLEAN), class 2 the bits of
 * a double (one NaN, -0 apart from +0), class 3 a u64 length and the bytes of a text. Adding digests gives that of a
 * multiset of rows. `ids[i]` is the id of column i. When `scratch->failed` is set after the call, memory was out and
 * the digest means nothing. */
feat_digest feat_row_digest(const feat_column *const *columns, const uint32_t *ids, size_t n_columns, size_t row,
                            feat_buffer *scratch);

/* Appends the key encoding of a value to `out`: one tag byte for NULL or not, then the value so that equal values of
 * the type are equal bytes (integers widened to 8 bytes; -0 as +0, one NaN) and no encoding is a prefix of another.
 * Bytes are ordered as the values are, NULL first. `data` may be NULL when `length` is 0. */
void feat_key_append(feat_buffer *out, const feat_column *c, size_t row);
void feat_key_append_int(feat_buffer *out, int64_t v);
void feat_key_append_double(feat_buffer *out, double v);
/* `v` in units of 10^-scale: equal values are equal bytes, and an integer those of feat_key_append_int. */
void feat_key_append_wide(feat_buffer *out, feat_int128 v, int scale);
void feat_key_append_text(feat_buffer *out, const char *data, size_t length);
void feat_key_append_null(feat_buffer *out);

typedef enum feat_key_result { FEAT_KEY_VALUE, FEAT_KEY_OTHER, FEAT_KEY_NO_MEMORY } feat_key_result;
/* The way back: appends the next value of an encoding to a column whose type can be part of a key. FEAT_KEY_OTHER:
 * NULL, or no value of that type; nothing was appended then. `scratch` is overwritten. */
feat_key_result feat_key_read(feat_cursor *in, feat_column *out, feat_buffer *scratch);

#endif
