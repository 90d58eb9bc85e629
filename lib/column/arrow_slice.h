/* What the files that convert from Arrow share: a checked part of an array, and messages about its elements. */
#ifndef FEAT_LIB_ARROW_SLICE_H
#define FEAT_LIB_ARROW_SLICE_H

#include <string.h>

#include "base/bitmap.h"
#include "column/arrow_convert.h"

/* What is to be read of an array, after checks. */
typedef struct feat_arrow_slice {
    const struct ArrowArray *array;
    size_t start, n;         /* physical: the array's offset is counted in */
    const uint8_t *validity; /* NULL when none of the elements is null; bit `start` is the first */
} feat_arrow_slice;

static inline bool feat_arrow_null_at(const feat_arrow_slice *s, size_t i) {
    return s->validity && !feat_bit_get(s->validity, s->start + i);
}

/* Buffers need not be aligned: values are loaded with memcpy, which compilers turn into plain (vector) loads. */
#define FEAT_ARROW_LOAD(v, from, type, i) memcpy(&(v), (from) + (i) * sizeof(type), sizeof(type))

/* About element i of the slice. */
feat_status feat_arrow_fail_at(const feat_arrow_source *source, feat_error *err, feat_status code, size_t i,
                               const char *format, ...) FEAT_PRINTF(5, 6);
feat_status feat_arrow_malformed_at(const feat_arrow_source *source, feat_error *err, size_t i, const char *why);

/* Checks that an array is what its schema says, as far as reading [start, start + n) relies on it. */
feat_status feat_arrow_check_layout(const feat_arrow_source *source, const struct ArrowArray *array,
                                    const struct ArrowSchema *schema, size_t start, size_t n, feat_arrow_slice *s,
                                    feat_error *err);

/* Each appends the slice to a column of its types; n > 0. On failure the column is as it was.
 * Numbers, days and times, intervals, bits: */
feat_status feat_arrow_convert_fixed(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                     feat_error *err);
/* TEXT and BLOB; the kind is that of the source's schema: */
feat_status feat_arrow_convert_bytes(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                     feat_error *err);
/* VECTOR, LIST and MAP: */
feat_status feat_arrow_convert_nested(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                      feat_error *err);

#endif
