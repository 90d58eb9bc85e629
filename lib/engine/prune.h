/* Leaving out segments that no row of can pass a branch's WHERE. */
#ifndef FEAT_LIB_PRUNE_H
#define FEAT_LIB_PRUNE_H

#include "plan/plan.h"
#include "store/store.h"

/* The conjuncts of WHERE that compare a column with a constant: found once, asked for each segment. */
typedef struct feat_prune {
    struct feat_prune_test *tests;
    size_t n, capacity;
} feat_prune;

feat_status feat_prune_init(feat_prune *prune, const feat_union_branch *branch, feat_error *err);
/* The same of code whose first output is the condition. */
feat_status feat_prune_init_code(feat_prune *prune, const feat_code *code, feat_error *err);
void feat_prune_done(feat_prune *prune);
/* Whether a segment can be left out: some conjunct is FALSE for all of its rows, whatever the others are. */
feat_status feat_prune_segment(const feat_prune *prune, feat_table_version *tv, size_t segment, bool *out,
                               feat_error *err);
/* The same of its pages, of 4,096 rows each but the last: bit i of *keep says that page i must be read. */
feat_status feat_prune_pages(const feat_prune *prune, feat_table_version *tv, size_t segment, uint32_t *keep,
                             feat_error *err);
/* The same of a segment that a writer sees. */
feat_status feat_prune_written(const feat_prune *prune, feat_table_writer *w, size_t segment, bool *out,
                               feat_error *err);

#endif
