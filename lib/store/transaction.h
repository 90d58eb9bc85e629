/* The commit to come, as table writers see it. */
#ifndef FEAT_LIB_TRANSACTION_H
#define FEAT_LIB_TRANSACTION_H

#include "store/catalog.h"

/* The version that it will be. */
uint64_t feat_transaction_version(const feat_transaction *t);
void feat_transaction_set_time(feat_transaction *t, int64_t known_at);
/* FEAT_INTERNAL when a commit was made meanwhile, FEAT_ARGUMENT when it cannot have its known time. */
feat_status feat_transaction_check(const feat_transaction *t, feat_error *err);
/* The root of a table's manifest in it, and a number that no segment of the table has had on any branch. */
feat_status feat_transaction_manifest(const feat_transaction *t, uint32_t table_id, bool *found, feat_digest *root,
                                      uint64_t *segment_floor, feat_error *err);
/* What a writer did to a table; after what an earlier one did to the same. */
feat_status feat_transaction_add(feat_transaction *t, const feat_commit_table *table, feat_error *err);

#endif
