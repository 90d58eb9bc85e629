/* One column of an Arrow batch to one of ours. */
#ifndef FEAT_LIB_ARROW_CONVERT_H
#define FEAT_LIB_ARROW_CONVERT_H

#include "base/error.h"
#include "column/arrow_type.h"
#include "column/column.h"

typedef struct feat_arrow_source {
    const struct ArrowSchema *schema; /* one that converts to the field's type */
    const feat_field *field;
    const char *what;  /* in messages: whose column it is, as "table 'purchases'" */
    int64_t first_row; /* in messages: number of the first row */
} feat_arrow_source;

/* Appends elements [start, start + n) of `array`, counted from its own offset. On failure `out` is as it was. */
feat_status feat_arrow_convert(const feat_arrow_source *source, const struct ArrowArray *array, size_t start, size_t n,
                               feat_column *out, feat_error *err);

/* The array promises elements [0, needed) and as many buffers and children as its kind has, or FEAT_SCHEMA. */
feat_status feat_arrow_malformed(const feat_arrow_source *source, feat_error *err, const char *why);

#endif
