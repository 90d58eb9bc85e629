/* Rows of a table over several versions: each row once for every stretch of versions that show it. */
#ifndef FEAT_LIB_SHOWN_H
#define FEAT_LIB_SHOWN_H

#include "plan/plan.h"
#include "store/store.h"

/* A row that the versions from the `from`-th on show, up to below the `to`-th. */
typedef struct feat_shown_row {
    feat_row_address at;
    uint32_t from, to;
} feat_shown_row;

/* `versions` ascend. The rows are ordered by `from`, then by address; freed with feat_free. Costs what the first
 * version holds and what changed after it, and for each version what opening it costs. */
feat_status feat_rows_shown(feat_db *db, const feat_schema *table, const uint64_t *versions, size_t n,
                            feat_shown_row **rows, size_t *n_rows, feat_error *err);

#endif
