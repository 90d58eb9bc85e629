/* Whether data that definitions read differs between two versions. */
#ifndef FEAT_LIB_CHANGED_H
#define FEAT_LIB_CHANGED_H

#include "plan/plan.h"
#include "store/store.h"

/* Whether a table's rows do. */
feat_status feat_table_changed(feat_db *db, const feat_schema *table, uint64_t from, uint64_t to, bool *changed,
                               feat_error *err);
/* Sets `*changed` when anything that a code's joins read does; leaves it else. */
feat_status feat_joins_changed(feat_db *db, const feat_code *code, uint64_t from, uint64_t to, bool *changed,
                               feat_error *err);

#endif
