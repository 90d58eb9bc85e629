/* Several writes as one commit; and branches, whose commits become visible at once. */
#ifndef FEAT_TRANSACTION_H
#define FEAT_TRANSACTION_H

#include <stdbool.h>

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/snapshot.h"
#include "feat/store.h"
#include "feat/write.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Writes to come, to any number of tables. Used by one thread at a time. It holds the store's writer lock from
 *  feat_txn_begin to feat_txn_commit or feat_txn_abort: every other write waits for it, also one through the same store. */
typedef struct feat_txn feat_txn;

typedef struct feat_txn_options {
    size_t size;
    int64_t known_at;   /**< known time of the commit in µs, above that of the previous one; 0: now */
    const char *branch; /**< NULL or "main": the main line; else the name of a branch */
} feat_txn_options;

#define FEAT_TXN_OPTIONS_INIT                                                                                          \
    { sizeof(feat_txn_options), 0, NULL }

/** Begins a transaction; `opt` may be NULL. On success `*txn` is owned by the caller, and may outlive `store`.
 *  Errors: FEAT_BUSY (another writer, longer than the store's timeout), FEAT_READ_ONLY, FEAT_NOT_FOUND (branch). */
FEAT_API feat_status feat_txn_begin(feat_store *store, const feat_txn_options *opt, feat_txn **txn, feat_error *err);

/** As feat_write, but nothing is visible before feat_txn_commit. Writes of one transaction see those before it, also to
 *  the same table. `known_at` and `branch` of `opt` must be left out: they are the transaction's. `done` (may be NULL)
 *  has neither version nor known time, unless the write is a repeated one. On failure the transaction is as it was
 *  before the call, and can go on. */
FEAT_API feat_status feat_txn_write(feat_txn *txn, const char *table, struct ArrowArrayStream *rows,
                                    const feat_write_options *opt, feat_commit *done, feat_error *err);

/** Makes all writes of the transaction visible as one version, durable on return; with nothing changed no version is
 *  made. `*txn` is gone after, also on failure, when the store is as it was. `done` (may be NULL) has sums over all
 *  writes. Errors: FEAT_ARGUMENT (a `known_at` that is not above), FEAT_IO. */
FEAT_API feat_status feat_txn_commit(feat_txn *txn, feat_commit *done, feat_error *err);

/** Ends a transaction; nothing of it happened. NULL is a no-op. */
FEAT_API void feat_txn_abort(feat_txn *txn);

/** Begins a branch called `name` (1 to 4,096 bytes; not "main", nor the name of a tag) with the version `at` (NULL is the newest). It
 *  holds what that version holds, by reference. Writes name it in their options; readers of the main line see nothing of
 *  them. Definitions are the store's: they belong to no branch. Vacuum keeps what a branch stands at.
 *  Errors: FEAT_EXISTS, FEAT_NOT_FOUND (version, tag), FEAT_ARGUMENT, FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_branch(feat_store *store, const char *name, const feat_at *at, feat_error *err);

/** Ends a branch. Its versions can be read by number until a vacuum removes them.
 *  Errors: FEAT_NOT_FOUND, FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_unbranch(feat_store *store, const char *name, feat_error *err);

/** Streams the branches in the order in which they were made: branch, base (the version it began with), version (that
 *  it stands at), created_at. */
FEAT_API feat_status feat_branches(feat_store *store, struct ArrowArrayStream *out, feat_error *err);

typedef struct feat_publish_options {
    size_t size;
    int64_t known_at;  /**< known time of the commit in µs, above that of the previous one; 0: now */
    bool other_tables; /**< the main line may have gone on meanwhile, with commits of tables that the branch has not changed */
} feat_publish_options;

#define FEAT_PUBLISH_OPTIONS_INIT                                                                                      \
    { sizeof(feat_publish_options), 0, false }

/** Makes what a branch holds visible on the main line, as one version: its rows become known then. No row is written.
 *  The branch goes on from there. `opt` and `done` may be NULL; with nothing to publish no version is made.
 *  Errors: FEAT_CONFLICT (the main line has commits that the branch does not descend from), FEAT_NOT_FOUND, FEAT_ARGUMENT,
 *  FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_publish(feat_store *store, const char *name, const feat_publish_options *opt,
                                  feat_commit *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
