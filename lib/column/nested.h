/* The bytes of VECTOR, LIST and MAP values: one canonical encoding each, so that equal values are equal bytes.
 *
 *   VECTOR: flag, [bitmap], elements        (as many as the type says)
 *   LIST:   u32 count, flag, [bitmap], elements
 *   MAP:    u32 count, keys, flag, [bitmap], values; keys are ascending and differ
 *
 * All little-endian. The flag is 1 when an element is NULL; then a bitmap of (n + 7) / 8 bytes follows, bit 1 for what
 * is not null, the bits past the last one zero. Elements of fixed size stand as they are in a column (BOOLEAN: one byte
 * of 0 or 1), NULL as zeros, NaN as the one NaN; those of TEXT and BLOB are u32 lengths, then all bytes. */
#ifndef FEAT_LIB_NESTED_H
#define FEAT_LIB_NESTED_H

#include "column/column.h"

/* Types of the elements or values, and of a map's keys. */
feat_type feat_nested_element(feat_type type);
feat_type feat_nested_key(feat_type type);

/* Appends the encoding of rows [start, start + n) of `elements` (and of a map's `keys`, NULL for the others) as one
 * value. FEAT_SCHEMA with the reason when a vector has another length, or a map a key that is NULL or there twice. */
feat_status feat_nested_encode(feat_type type, const feat_column *keys, const feat_column *elements, size_t start,
                               size_t n, feat_buffer *out, feat_error *err);
/* Appends a value's elements (and keys) to columns of their types. Untrusted bytes: FEAT_CORRUPT. */
feat_status feat_nested_decode(feat_type type, const void *bytes, size_t size, feat_column *keys, feat_column *elements,
                               feat_error *err);
/* Whether bytes are the encoding of a value: what feat_nested_decode accepts. */
bool feat_nested_valid(feat_type type, const void *bytes, size_t size);
/* Total order: element by element, NULL first, then the shorter first; a map as the list of its keys and values. */
int feat_nested_compare(feat_type type, feat_text a, feat_text b);

/* ---- The layout of a value, for those who work on its elements. ---- */

/* Values that follow each other: `width` bytes each at `values`; or with width 0 lengths, and the bytes at `values`. */
typedef struct feat_nested_part {
    feat_type type;
    size_t width;
    const uint8_t *lengths, *values;
    size_t size; /* of `values` */
} feat_nested_part;

typedef struct feat_nested_layout {
    size_t n;
    feat_nested_part keys, elements;
    const uint8_t *present; /* bitmap; NULL: no element is NULL */
} feat_nested_layout;

/* Bytes of an element, 0 of TEXT and BLOB. */
size_t feat_nested_width(feat_type element);
/* Copies elements of a type of fixed width from a column into a value, or back: values are little-endian. */
void feat_nested_copy(feat_type element, void *to, const void *from, size_t n);
/* Where the parts of a value are; false when bytes of that size cannot be one. Says nothing of the values in them. */
bool feat_nested_read_layout(feat_type type, const void *bytes, size_t size, feat_nested_layout *layout);
/* Total order of two elements of a type of fixed width. */
int feat_nested_compare_fixed(feat_type type, const uint8_t *a, const uint8_t *b);

#endif
