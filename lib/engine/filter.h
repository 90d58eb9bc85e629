/* A condition that a caller sets on the rows of a table: the WHERE of a scan or of a delete. */
#ifndef FEAT_LIB_FILTER_H
#define FEAT_LIB_FILTER_H

#include "column/column.h"
#include "engine/prune.h"

typedef struct feat_filter feat_filter;

/* Compiles SQL text: an expression over the columns of the table, of type BOOLEAN. `table` is borrowed. */
feat_status feat_filter_new(const feat_schema *table, const char *sql, feat_filter **filter, feat_error *err);
void feat_filter_free(feat_filter *filter); /* NULL is a no-op */
/* Marks in reads[0..n_fields) the fields that it looks at. */
void feat_filter_reads(const feat_filter *filter, bool *reads);
/* What tells of a segment that no row of it passes. */
const feat_prune *feat_filter_prune(const feat_filter *filter);
/* Numbers those of rows[0..n) (NULL: [0, n)) that the condition is TRUE for, in that order; not those that it is FALSE
 * or NULL for. columns[i] is field i, where it is read. `kept` has room for n and may be `rows`. FEAT_DATA when the
 * condition is an error for one of them. */
feat_status feat_filter_run(feat_filter *filter, const feat_column *const *columns, const uint32_t *rows, size_t n,
                            uint32_t *kept, size_t *n_kept, feat_error *err);

#endif
