/* One column of an Arrow batch to one of ours. */
#ifndef FEAT_LIB_ARROW_CONVERT_H
#define FEAT_LIB_ARROW_CONVERT_H

#include "base/error.h"
#include "column/arrow_type.h"
#include "column/column.h"

typedef struct feat_arrow_source {
    const struct ArrowSchema *schema; /* one that converts to the field's type */
    const feat_field *field;
    const char *what;   /* in messages: whose column it is, as "table 'purchases'" */
    int64_t first_row;  /* in messages: number of the first row */
    bool in_dictionary; /* in messages: elements are entries of a dictionary, not rows */
    bool lent;          /* columns may show the array's own values */
    bool in_list;       /* in messages: elements are those of the list in row `first_row` */
} feat_arrow_source;

/* Appends elements [start, start + n) of `array`, counted from its own offset. On failure `out` is as it was. */
feat_status feat_arrow_convert(const feat_arrow_source *source, const struct ArrowArray *array, size_t start, size_t n,
                               feat_column *out, feat_error *err);

/* Appends `n` nulls, for a column that the data has not. */
feat_status feat_arrow_convert_nulls(const feat_arrow_source *source, size_t n, feat_column *out, feat_error *err);

/* FEAT_SCHEMA about the column's array as a whole. */
feat_status feat_arrow_malformed(const feat_arrow_source *source, feat_error *err, const char *why);

#endif
