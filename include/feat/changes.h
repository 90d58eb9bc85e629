/* What changed: between two versions of a store, and in the rows of a table; and taking it back. */
#ifndef FEAT_CHANGES_H
#define FEAT_CHANGES_H

#include <stdbool.h>

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/snapshot.h"
#include "feat/store.h"
#include "feat/write.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_changes_options {
    size_t size;
    bool net; /**< what changed from the first version to the last, each row once; else commit by commit */
} feat_changes_options;

#define FEAT_CHANGES_OPTIONS_INIT                                                                                      \
    { sizeof(feat_changes_options), false }

/** Streams the rows of a table that changed behind version `from` (NULL: the empty store, so that all rows are given)
 *  up to version `to` (NULL: the newest).
 *
 *  Columns: "$change" (TEXT: insert, update_before, update_after, delete), "$version" and "$known_time" (of the commit,
 *  or with `net` of `to`), then the columns of the table as `to` has them, of a dimension "$ended" among them. An
 * update is a row that took the place of one with the same UNIQUE key; a row that took the place of an equal one did
 * not change, whatever rewrote it. The changes of a commit come together, in the order of the commits: first what was
 *  deleted, then updates, each update_before followed by its update_after, then what was inserted.
 *
 *  With `net`, `from` may lie behind `to`: that is what undoes the changes in between. Memory is taken for the places
 * of the rows of one commit (with `net`, of all), not for their values. `opt` may be NULL. `out` is owned by the
 * caller, who releases it; on failure it is untouched. Errors: FEAT_NOT_FOUND (table, version, tag), FEAT_ARGUMENT
 * (`from` behind `to` without `net`), FEAT_EXISTS (the table has a column of one of these names), FEAT_CORRUPT,
 * FEAT_IO. */
FEAT_API feat_status feat_changes(feat_store *store, const char *table, const feat_at *from, const feat_at *to,
                                  const feat_changes_options *opt, struct ArrowArrayStream *out, feat_error *err);

/** Streams a row for each table whose rows differ between two versions (`from` NULL: the empty store; `to` NULL: the
 *  newest), in the order in which the tables were created, dropped ones and layers too: table, rows_before, rows_after,
 *  inserted, updated, deleted (rows, as feat_changes with `net` counts them), digest_before, digest_after.
 *  `out` is owned by the caller; on failure it is untouched. Errors: FEAT_NOT_FOUND, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_diff(feat_store *store, const feat_at *from, const feat_at *to, struct ArrowArrayStream *out,
                               feat_error *err);

/** Gives a table the rows again that it had at version `at` (NULL is the newest, which changes nothing), as a new
 *  commit: every version stays. No row is written; the new version refers to what is stored. The columns are those of
 *  now: rows from before a column was added hold its DEFAULT of then, and what was in a dropped one stays hidden.
 *
 *  `known_at` is the known time of the commit in µs, above that of the previous one; 0: now. `done` may be NULL; its
 *  rows_added, rows_replaced and rows_removed are what feat_changes with `net` calls inserts, updates and deletes.
 * Where nothing differs, no version is made. Deployed services follow, as after a write. Errors: FEAT_NOT_FOUND (table,
 * version, tag), FEAT_ARGUMENT (the layer of a view, a `known_at` that is not above), FEAT_BUSY, FEAT_READ_ONLY,
 * FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_restore(feat_store *store, const char *table, const feat_at *at, int64_t known_at,
                                  feat_commit *done, feat_error *err);

/** Creates a table called `name` with the columns, keys and rows that `table` had at version `at` (NULL is the newest),
 * in one commit. No row is written: both refer to what is stored, and from then on each goes its own way. Description,
 *  owner and comments are not taken over; views that read `table` go on to do so.
 *  `known_at` and `done` (may be NULL) as in feat_restore; rows_added is the number of rows.
 *  Errors: FEAT_EXISTS (a table or view has this name), FEAT_NOT_FOUND (table, version, tag), FEAT_ARGUMENT (`name` can
 * be no table's, or `table` is the layer of a view), FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_clone(feat_store *store, const char *table, const feat_at *at, const char *name,
                                int64_t known_at, feat_commit *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
