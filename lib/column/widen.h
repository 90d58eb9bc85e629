/* Values of a narrower type in a column of a wider one, and constants in columns. */
#ifndef FEAT_LIB_WIDEN_H
#define FEAT_LIB_WIDEN_H

#include "column/column.h"

/* Whether every value of `from` is one of `to`, a different type, so that a column can change to it: an integer to a
 * wider integer or to a DECIMAL that holds it, REAL to DOUBLE, a DECIMAL to one with no fewer digits on either side. */
bool feat_type_widens(feat_type from, feat_type to);

/* Append rows of `from`, whose type is `to`'s or widens to it: [start, start + n), or those named by `rows`. 0, or -1
 * when memory is out (the column is then unchanged). */
int feat_column_widen_range(feat_column *to, const feat_column *from, size_t start, size_t n);
int feat_column_widen_rows(feat_column *to, const feat_column *from, const uint32_t *rows, size_t n);

/* Appends `n` times a constant of the column's type or of one that widens to it. */
int feat_column_append_value(feat_column *to, const feat_constant_value *value, size_t n);

#endif
