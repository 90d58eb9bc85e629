/* Versions: every commit makes one, and every one stays readable.
 *
 * A snapshot is a handle on one version. It holds no lock and pins nothing in the way of writers. It may be shared
 * between threads; the streams it makes belong to one thread each. */
#ifndef FEAT_SNAPSHOT_H
#define FEAT_SNAPSHOT_H

#include <stdbool.h>

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_snapshot feat_snapshot;

/** A version, and rows that were pushed behind it: those up to `sequence`. Rows are counted from 1 for the store's whole
 *  life, and keep their number when they are folded, so that a position reads the same before and after. */
typedef struct feat_position {
    uint64_t version;
    uint64_t sequence;
} feat_position;

typedef enum feat_at_kind {
    FEAT_AT_NEWEST = 0,  /**< of the main line, with the durable rows that were pushed behind it (see push.h) */
    FEAT_AT_VERSION = 1, /**< `version` */
    FEAT_AT_TIME = 2,    /**< the newest version of the main line whose known time is not above `time` */
    FEAT_AT_TAG = 3,     /**< the version that `tag` names */
    FEAT_AT_BRANCH = 4   /**< the version that `branch` stands at; "main" is the main line, without pushed rows */
} feat_at_kind;

typedef struct feat_at {
    size_t size;
    feat_at_kind kind;
    uint64_t version;
    int64_t time; /**< µs since 1970 UTC */
    const char *tag;
    const char *branch;
} feat_at;

#define FEAT_AT_INIT                                                                                                   \
    { sizeof(feat_at), FEAT_AT_NEWEST, 0, 0, NULL, NULL }

/** Opens a version; `at` NULL is the newest. Version 0 is the empty store.
 *  Errors: FEAT_NOT_FOUND (no such version or tag, or a time before the first commit). */
FEAT_API feat_status feat_snapshot_open(feat_store *store, const feat_at *at, feat_snapshot **snap, feat_error *err);

/** Closes a snapshot. Streams made from it stay valid. NULL is a no-op. */
FEAT_API void feat_snapshot_close(feat_snapshot *snap);

/** Store version of the snapshot. */
FEAT_API uint64_t feat_snapshot_version(const feat_snapshot *snap);

/** Position of a snapshot of the newest version; of others `sequence` is 0. A training set as served is of versions
 *  alone: rows that are not folded are not in it. */
FEAT_API void feat_snapshot_position(const feat_snapshot *snap, feat_position *position);

typedef struct feat_scan_options {
    size_t size;
    const char *const *columns; /**< names, in the order wanted; NULL for all */
    size_t n_columns;
    bool ended; /**< of a dimension: rows that end a key are given too, and the column "$ended", which says which they
                     are; else they are left out */
    const char *where; /**< NULL, or a condition in SQL over the table's columns: only rows that it is TRUE for are
                          given. One that is an error for a row that is looked at ends the stream with FEAT_DATA.
                          Segments whose statistics say that no row passes are not read */
    struct ArrowArrayStream *entities; /**< NULL, or entity keys, in the first column of the table's entity key or the
                                            first few: only their rows are given. They are found by search, so that one
                                            entity of a large table costs a few pages; a key with a NULL names none. The
                                            stream is consumed: released in every case */
    const uint64_t *limit;             /**< NULL, or the most rows that are given */
} feat_scan_options;

#define FEAT_SCAN_OPTIONS_INIT                                                                                         \
    { sizeof(feat_scan_options), NULL, 0, false, NULL, NULL, NULL }

/** Streams the rows of a table at the snapshot's version, in no promised order, with the columns that the table had
 * then. `out` is owned by the caller, who releases it; on failure it is untouched. Batches are read one by one as the
 * stream is pulled. Errors: FEAT_NOT_FOUND (table, column), FEAT_SYNTAX and FEAT_DEFINITION (of `where`), FEAT_SCHEMA
 * (of `entities`), FEAT_ARGUMENT. */
FEAT_API feat_status feat_snapshot_scan(feat_snapshot *snap, const char *table, const feat_scan_options *opt,
                                        struct ArrowArrayStream *out, feat_error *err);

#define FEAT_DIGEST_SIZE 33

/** Content digest of a table at the snapshot's version: 32 hexadecimal digits and a NUL. It covers the multiset of the
 *  rows and nothing else, so any order and batching of the writes give the same. `rows` (may be NULL) gets their
 * number. */
FEAT_API feat_status feat_snapshot_digest(feat_snapshot *snap, const char *table, char digest[FEAT_DIGEST_SIZE],
                                          int64_t *rows, feat_error *err);

/** Streams the commits of a table (NULL: of the whole store), oldest first: version, known_time, table, operation,
 *  rows_added, rows_removed, rows (after it), digest, branch ("main": the main line). A commit of several tables is a
 * row for each. */
FEAT_API feat_status feat_history(feat_store *store, const char *table, struct ArrowArrayStream *out, feat_error *err);

/** Names a version for good. A tag never moves: the same name and version again changes nothing, another version is
 *  FEAT_EXISTS. `at` NULL is the newest. */
FEAT_API feat_status feat_tag(feat_store *store, const char *name, const feat_at *at, feat_error *err);

/** Takes a tag away; its version stays. The name can be given again, to any version.
 *  Errors: FEAT_NOT_FOUND (no such tag), FEAT_BUSY, FEAT_READ_ONLY. */
FEAT_API feat_status feat_untag(feat_store *store, const char *name, feat_error *err);

/** Streams the tags by version, then by the bytes of their names: tag, version, known_time (NULL for version 0). */
FEAT_API feat_status feat_tags(feat_store *store, struct ArrowArrayStream *out, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
