/* Single events and small batches: durable without a commit each.
 *
 * What is pushed lies in a log of the store until it is folded: then all of it becomes one version. A snapshot of the
 * newest version holds the durable rows of the log, too; versions by number, time, tag or branch, and all that is
 * computed from versions, know them once they are folded. Every call that commits or defines something folds first, so
 * that a version holds everything pushed before it. */
#ifndef FEAT_PUSH_H
#define FEAT_PUSH_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/snapshot.h"
#include "feat/store.h"
#include "feat/write.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_push_options {
    size_t size;
    feat_on_conflict on_conflict; /**< with rows that are stored or pushed; not FEAT_CONFLICT_REPLACE: feat_write does
                                       that */
    int64_t known_at;    /**< known time of the rows in µs, above that of the newest commit and not below that of the
                              push before; 0: now */
    uint64_t fold_bytes; /**< when the log holds as many bytes after the push (at most 64 MiB), it is folded by it; that
                              takes some milliseconds for each MiB */
} feat_push_options;

#define FEAT_PUSH_OPTIONS_INIT                                                                                         \
    { sizeof(feat_push_options), FEAT_CONFLICT_SKIP_IDENTICAL, 0, UINT64_C(1) << 20 }

/** What a push did. */
typedef struct feat_pushed {
    feat_position position; /**< of its last row */
    int64_t rows_added;
    int64_t rows_skipped; /**< rows equal to another of the same key, or ignored */
} feat_pushed;

/** Adds the rows of `rows` to `table`, on the main line, behind all that was pushed before. The stream is consumed:
 *  released in every case. It is matched, converted and checked as that of feat_write with FEAT_WRITE_APPEND is, and
 *  refused as a whole; a UNIQUE key counts in the rows that are stored and in those that are pushed. The rows are not
 *  durable before feat_flush, and until then readers do not see them; a crash keeps all that was flushed and some of
 *  what was pushed behind it, in order.
 *
 *  At most 65,536 rows and 16 MiB a call. Any thread; pushes of several threads and processes follow one another.
 *  `opt` and `done` may be NULL. On failure nothing was pushed. Errors: FEAT_SCHEMA, FEAT_CONSTRAINT (names the row),
 *  FEAT_ARGUMENT (a table that takes no rows from outside, FEAT_CONFLICT_REPLACE, a known time that falls), FEAT_LIMIT,
 *  FEAT_NOT_FOUND, FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_push(feat_store *store, const char *table, struct ArrowArrayStream *rows,
                               const feat_push_options *opt, feat_pushed *done, feat_error *err);

/** Makes all that was pushed durable, by this handle or any other, with one sync of the log; readers that come after
 *  see it. Push often, flush now and then: others may push during the sync. `position` (may be NULL) is that of the
 * last durable row. Errors: FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT, FEAT_IO (which rows are durable is then not known
 *  before the store is opened anew). */
FEAT_API feat_status feat_flush(feat_store *store, feat_position *position, feat_error *err);

/** Makes all that was pushed, durable or not yet, one version, with the operation "push"; with nothing pushed it makes
 *  none. Its known time is that of the last row pushed. `done` may be NULL.
 *  Errors: FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_fold(feat_store *store, feat_commit *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
