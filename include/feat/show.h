/* Questions about definitions, answered as Arrow tables. */
#ifndef FEAT_SHOW_H
#define FEAT_SHOW_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Answers one statement:
 *
 *  - `SHOW TABLES | DIMENSIONS | FEATURE VIEWS | FEATURE SERVICES`: the newest version of each, by name: name, version,
 *    for tables (dimensions are tables) whether it is a dimension, for views the parts of the key, for services the
 *    deployed version; created_at, fingerprint, description, owner, tags, freshness_sla.
 *  - `DESCRIBE [TABLE | DIMENSION | FEATURE VIEW | FEATURE SERVICE] name`: the columns of a table, the key and the
 *    features of a view, the inputs and the features of a service with the view that each comes from.
 *  - `EXPLAIN [(FORMAT TEXT | JSON)] name`, or a CREATE or SELECT statement, which is bound and not kept: one column of
 *    text, a row for each line, or one row for each definition with JSON.
 *
 *  `out` is owned by the caller, who releases it; on failure it is untouched.
 *  Errors: FEAT_SYNTAX and FEAT_DEFINITION (also for statements that belong to feat_define), FEAT_NOT_FOUND,
 *  FEAT_CORRUPT, which names the definition. */
FEAT_API feat_status feat_show(feat_store *store, const char *sql, struct ArrowArrayStream *out, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
