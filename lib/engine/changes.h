/* What two versions of a table differ in, by the values of its rows. */
#ifndef FEAT_LIB_ENGINE_CHANGES_H
#define FEAT_LIB_ENGINE_CHANGES_H

#include "engine/engine.h"

/* Of a row that is only in one version and is not equal to any that is only in the other. */
#define FEAT_CHANGE_ALONE SIZE_MAX       /* it was inserted, or deleted */
#define FEAT_CHANGE_EQUAL (SIZE_MAX - 1) /* an equal row is among the other version's: no change */

/* Rows are addresses; `added` are of the newer version, `removed` of the older, both ascending. */
typedef struct feat_row_changes {
    feat_row_address *added, *removed;
    size_t n_added, n_removed;
    size_t *before; /* for each row of `added`: the row of `removed` that it replaced, or one of the above */
    size_t *after;  /* for each row of `removed`: the row of `added` that replaced it, or one of the above */
    size_t inserted, updated, deleted; /* rows */
} feat_row_changes;

/* A row replaced another when both have the same UNIQUE key, without NULL in it, and differ. Both versions were opened
 * with the same schema. Takes memory for addresses of what changed, not for values. */
feat_status feat_changes_find(feat_table_version *older, feat_table_version *newer, const feat_schema *table,
                              feat_row_changes *changes, feat_error *err);
/* As feat_table_diff, without rows that were only moved to another segment. The arrays are freed with feat_free. */
feat_status feat_diff_rows(feat_table_version *older, feat_table_version *newer, const feat_schema *table,
                           feat_row_address **added, size_t *n_added, feat_row_address **removed, size_t *n_removed,
                           feat_error *err);
void feat_changes_done(feat_row_changes *changes);

/* The changes of a table as rows; see feat/changes.h. `each`: commit by commit. */
feat_status feat_changes_stream(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t from,
                                uint64_t to, bool each, struct ArrowArrayStream *out, feat_error *err);
/* The tables that two versions differ in. */
feat_status feat_diff_stream(feat_db *db, feat_catalog *catalog, uint64_t from, uint64_t to,
                             struct ArrowArrayStream *out, feat_error *err);

#endif
