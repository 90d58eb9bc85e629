/* Constant folding. */
#ifndef FEAT_LIB_FOLD_H
#define FEAT_LIB_FOLD_H

#include "plan/plan.h"

/* Copies the nodes of `from` into the empty pool `to`, folded: a constant where all arguments are, the chosen branch of
 * a CASE with a constant condition, x for x AND TRUE, the first of a COALESCE that is not NULL. map[0, from->n) becomes
 * the node that gives the result of each. `fold` may be NULL: then nothing is computed, only chosen. */
feat_status feat_pool_fold(const feat_pool *from, feat_pool *to, feat_fold_node *fold, uint32_t *map, feat_error *err);

#endif
