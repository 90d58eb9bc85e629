/* The rows of a spine, grouped by key and in the order of their times: what a sweep over events walks along. */
#ifndef FEAT_LIB_GROUPING_H
#define FEAT_LIB_GROUPING_H

#include "engine/keymap.h"
#include "exec/exec.h"
#include "plan/plan.h"

typedef struct feat_grouping {
    size_t n_rows, n_keys;
    int64_t *keys;    /* where the key is one integer: of each group, ascending; else NULL, and `map` numbers them */
    feat_keymap map;  /* also of integers, once they are encoded */
    uint32_t *starts; /* n_keys + 2: group k is [starts[k], starts[k + 1]); the last one is of rows without a key */
    uint32_t *rows;   /* by place in the groups: the number of the row; NULL: that of the place */
    const int64_t *times; /* by place */
    int64_t *own_times;   /* or NULL: they are the rows' */
} feat_grouping;

/* Groups n rows by the key of a join of `code`, whose earlier joins have been answered. `rows` are borrowed for as long
 * as the groups are used. */
feat_status feat_grouping_make(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                               size_t n, size_t threads, feat_error *err);
/* The first group from `group` on whose key is not below `key`; for those who walk along the keys, which are integers.
 */
size_t feat_grouping_seek(const feat_grouping *g, size_t group, int64_t key);
/* Fills `map` with the keys under the same numbers. */
feat_status feat_grouping_encode(feat_grouping *g, feat_error *err);
void feat_grouping_done(feat_grouping *g);

#endif
