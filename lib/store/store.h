/* The storage of a store: environments, the catalog of definitions, versions, and the rows of tables. It knows columns
 * and schemas, nothing of SQL or programs. See doc/format.md for what the bytes are. */
#ifndef FEAT_LIB_STORE_H
#define FEAT_LIB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "column/column.h"
#include "column/schema.h"
#include "feat/progress.h"
#include "feat/snapshot.h" /* feat_at */
#include "feat/store.h"    /* feat_mode */

/* ---- The opened directory. Counted; shared by stores, snapshots and readers; any thread. ---- */

typedef struct feat_db feat_db;

feat_status feat_db_open(const char *path, feat_mode mode, feat_db **db, feat_error *err);
/* The directory. */
const char *feat_db_path(const feat_db *db);
feat_db *feat_db_ref(feat_db *db);
void feat_db_unref(feat_db *db);
/* FEAT_FORKED in a child process, FEAT_IO when a failed sync has poisoned the handle; cheap, no system call. */
feat_status feat_db_check(const feat_db *db, feat_error *err);
bool feat_db_writable(const feat_db *db);

/* One writer at a time, over all processes and threads. FEAT_READ_ONLY on a read-only handle, FEAT_BUSY after the
 * timeout. */
feat_status feat_db_lock(feat_db *db, uint32_t timeout_ms, feat_error *err);
void feat_db_unlock(feat_db *db);

/* ---- Rows that were pushed and are in no version yet, as a snapshot of the newest version shows them. Counted; does
 * not change. ---- */

typedef struct feat_tail_view feat_tail_view;

/* The newest version of the main line, and the durable rows behind it; `view` NULL when there are none. `sequence` is
 * that of the last of all rows that were ever pushed and are shown. */
feat_status feat_tail_view_open(feat_db *db, uint64_t *version, uint64_t *sequence, feat_tail_view **view,
                                feat_error *err);
feat_tail_view *feat_tail_view_ref(feat_tail_view *view);
void feat_tail_view_unref(feat_tail_view *view); /* NULL is a no-op */
/* A handle for reading alone, in which the tables of the view's version hold its rows, too. */
feat_status feat_db_with_view(feat_db *db, feat_tail_view *view, feat_db **out, feat_error *err);
feat_tail_view *feat_db_view(const feat_db *db); /* NULL: none */
/* A number that is another after every commit to the catalog, whatever it was; no system call. */
uint64_t feat_db_changes(const feat_db *db);

/* ---- Definitions: a log of what was defined, described and dropped by name. Nothing in it is ever overwritten. ----
 */

typedef enum feat_def_kind {
    FEAT_DEF_TABLE = 1,
    FEAT_DEF_VIEW = 2,
    FEAT_DEF_SERVICE = 3,
    FEAT_DEF_DERIVATION = 4
} feat_def_kind;

typedef enum feat_def_action {
    FEAT_DEF_CREATE = 1,  /* version `number` of the name */
    FEAT_DEF_DROP = 2,    /* all versions of the name up to here are gone */
    FEAT_DEF_DESCRIBE = 3 /* its description, owner, comments, in the place of those before */
} feat_def_action;

typedef enum feat_def_part {
    FEAT_DEF_TEXT = 0,    /* the SQL that it was made from */
    FEAT_DEF_FORM = 1,    /* what it means, bound: the one part that decides */
    FEAT_DEF_PROGRAM = 2, /* of a service: a cache beside the form */
    FEAT_DEF_USES = 3,    /* the definitions that it reads */
    FEAT_DEF_NOTES = 4,   /* of FEAT_DEF_DESCRIBE */
    FEAT_DEF_PARTS = 5
} feat_def_part;

typedef struct feat_bytes {
    const void *bytes;
    size_t size;
} feat_bytes;

typedef struct feat_def {
    feat_def_kind kind;
    feat_def_action action;
    const char *name;
    uint32_t number; /* of this kind and name, from 1 */
    uint32_t id;     /* of a table; else 0 */
    feat_digest fingerprint;
    int64_t created_at;               /* µs since 1970 UTC; 0 in feat_defs_commit: the clock */
    uint64_t sequence;                /* place in the log, from 1 without gaps; given by feat_defs_commit */
    feat_bytes parts[FEAT_DEF_PARTS]; /* after feat_defs_list their sizes only */
} feat_def;

/* The log in its order, without the bytes of the parts; memory from `arena`. */
feat_status feat_defs_list(feat_db *db, feat_arena *arena, feat_def **defs, size_t *n, feat_error *err);
/* One part of an entry that is not empty. FEAT_CORRUPT names `what`. */
feat_status feat_def_read(feat_db *db, feat_arena *arena, const feat_def *def, feat_def_part part, const char *what,
                          feat_bytes *out, feat_error *err);
/* Adds entries in one durable transaction. The lock must be held. */
feat_status feat_defs_commit(feat_db *db, const feat_def *defs, size_t n, feat_error *err);
/* A number for a new table, never given before (also not to a script that failed). The lock must be held. */
feat_status feat_table_id_next(feat_db *db, uint32_t *table_id, feat_error *err);

/* See feat_backup. */
feat_status feat_db_backup(feat_db *db, const char *path, feat_progress *progress, void *context, feat_error *err);

/* A store that was made under another name appears at `path`, which may be an empty directory; or goes. */
feat_status feat_directory_appear(const char *made, const char *path, feat_error *err);
void feat_directory_discard(const char *directory);

/* See feat_export and feat_import; the latter into a store with no commit, whose lock must be held. */
feat_status feat_db_export(feat_db *db, uint64_t version, const char *path, feat_progress *progress, void *context,
                           feat_error *err);
feat_status feat_db_import(feat_db *db, const char *path, feat_error *err);

/* ---- Versions. ---- */

typedef enum feat_operation {
    FEAT_OPERATION_APPEND = 1,
    FEAT_OPERATION_UPSERT = 2,
    FEAT_OPERATION_DELETE = 3,
    FEAT_OPERATION_END = 4,
    FEAT_OPERATION_OVERWRITE = 5,
    FEAT_OPERATION_RESTORE = 6,
    FEAT_OPERATION_CLONE = 7,
    FEAT_OPERATION_SEVERAL = 8, /* more than one in a transaction */
    FEAT_OPERATION_PUBLISH = 9,
    FEAT_OPERATION_DERIVE = 10,
    FEAT_OPERATION_COMPACT = 11, /* the same rows, in fewer segments */
    FEAT_OPERATION_IMPORT = 12,
    FEAT_OPERATION_PUSH = 13,
    FEAT_OPERATION_END_OF_LIST
} feat_operation;

typedef struct feat_commit_info {
    uint64_t version;
    uint64_t parent;    /* the version that it was made from; 0: the empty store */
    int64_t known_time; /* rises from commit to commit, over all branches */
    uint32_t branch;    /* 0: the main line */
    uint64_t source;    /* of a publication: the version of the branch; else 0 */
} feat_commit_info;

/* What a commit did to one table. */
typedef struct feat_version_info {
    uint64_t version, parent;
    int64_t known_time;
    uint32_t branch;
    uint32_t table_id;
    feat_operation operation;
    uint32_t revision;                      /* of the table's schema */
    int64_t rows_added, rows_removed, rows; /* rows: of the table after the commit */
    feat_digest content;                    /* content digest of the table after the commit */
} feat_version_info;

/* Of the main line. */
feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err);
/* Version 0 is the empty store. FEAT_NOT_FOUND says what exists. */
feat_status feat_version_resolve(feat_db *db, const feat_at *at, uint64_t *version, feat_error *err);
/* The commit that made a version above 0. */
feat_status feat_version_read(feat_db *db, uint64_t version, feat_commit_info *info, feat_error *err);
/* The last commit of a table that `version` is or descends from; 0: none. */
feat_status feat_version_of_table(feat_db *db, uint32_t table_id, uint64_t version, uint64_t *commit, feat_error *err);
/* What a version is made of: the commits that it is and descends from, in order, of all tables (table_id 0) or of one.
 * A commit of several tables is several entries. Memory from `arena`. */
feat_status feat_version_list(feat_db *db, uint64_t version, uint32_t table_id, feat_arena *arena,
                              feat_version_info **infos, size_t *n, feat_error *err);
/* As above, of all branches. */
feat_status feat_version_list_all(feat_db *db, uint32_t table_id, feat_arena *arena, feat_version_info **infos,
                                  size_t *n, feat_error *err);
/* The version so many commits before another, 0 when there are fewer. */
feat_status feat_version_back(feat_db *db, uint64_t version, uint64_t commits, uint64_t *before, feat_error *err);
/* Whether `version` is `of`, or `of` descends from it. */
feat_status feat_version_is_ancestor(feat_db *db, uint64_t version, uint64_t of, bool *is, feat_error *err);
/* The revision of a table's schema that a version shows: the one that the table's last commit up to it was made with.
 * If no later commit of that branch changes the table, or there is none, then UINT32_MAX: the newest revision there is.
 */
feat_status feat_version_revision(feat_db *db, uint32_t table_id, uint64_t version, uint32_t *revision,
                                  feat_error *err);

/* ---- Branches. ---- */

#define FEAT_BRANCH_MAIN 0
typedef struct feat_branch_info {
    const char *name;
    uint32_t number;
    uint64_t base, version; /* that it began with, and that it stands at */
    int64_t created_at;     /* µs since 1970 UTC */
} feat_branch_info;

/* FEAT_EXISTS when a branch or a tag has the name. The lock must be held. */
feat_status feat_branch_create(feat_db *db, const char *name, uint64_t base, feat_error *err);
/* The name goes; its versions stay until a vacuum. FEAT_NOT_FOUND names some that there are. The lock must be held. */
feat_status feat_branch_remove(feat_db *db, const char *name, feat_error *err);
/* NULL and "main" are the main line. */
feat_status feat_branch_find(feat_db *db, const char *name, uint32_t *branch, feat_error *err);
/* The version that a branch stands at. */
feat_status feat_branch_version(feat_db *db, uint32_t branch, uint64_t *version, feat_error *err);
/* By number, that is in the order in which they were made. Memory from `arena`. */
feat_status feat_branch_list(feat_db *db, feat_arena *arena, feat_branch_info **branches, size_t *n, feat_error *err);
/* The name of a branch by number, also when it was removed. Memory from `arena`. */
feat_status feat_branch_name(feat_db *db, uint32_t branch, feat_arena *arena, const char **name, feat_error *err);
/* Makes what a branch has changed the next version of the main line, by reference; the branch then goes on from there.
 * FEAT_CONFLICT when the main line has commits that the branch does not descend from; with `others`, when these changed
 * a table that the branch changed too. With nothing changed no version is made. The lock must be held. */
feat_status feat_branch_publish(feat_db *db, const char *name, bool others, int64_t known_at, feat_commit_info *done,
                                feat_error *err);

typedef struct feat_tag_info {
    const char *name;
    uint64_t version;
} feat_tag_info;

/* Tags never move. The lock must be held. */
feat_status feat_tag_put(feat_db *db, const char *name, uint64_t version, feat_error *err);
/* FEAT_NOT_FOUND when there is none of this name. The lock must be held. */
feat_status feat_tag_remove(feat_db *db, const char *name, feat_error *err);
/* By version, then by the bytes of the name. Memory from `arena`. */
feat_status feat_tag_list(feat_db *db, feat_arena *arena, feat_tag_info **tags, size_t *n, feat_error *err);

/* ---- Applications: who writes a table, and how far it has come in its own count. ---- */

typedef struct feat_application {
    const char *name; /* 1 to 1,024 bytes */
    uint64_t sequence;
} feat_application;

/* The sequence and the version of the application's last commit of the table that the tip of the branch descends from.
 * FEAT_ARGUMENT: it can be no name. */
feat_status feat_application_find(feat_db *db, uint32_t branch, uint32_t table_id, const char *name, bool *found,
                                  uint64_t *sequence, uint64_t *version, feat_error *err);

/* ---- Which versions stay. ---- */

typedef struct feat_pin_info {
    uint64_t number; /* given once */
    uint64_t version;
    int64_t expires; /* µs since 1970 UTC */
    const char *note;
} feat_pin_info;

/* The version can be read until the pin expires or is removed. The lock must be held. */
feat_status feat_pin_put(feat_db *db, uint64_t version, int64_t expires, const char *note, uint64_t *number,
                         feat_error *err);
/* FEAT_NOT_FOUND when there is no pin of this number. The lock must be held. */
feat_status feat_pin_remove(feat_db *db, uint64_t number, feat_error *err);
/* By number, expired ones too. Memory from `arena`. */
feat_status feat_pin_list(feat_db *db, feat_arena *arena, feat_pin_info **pins, size_t *n, feat_error *err);

/* What a vacuum did, or with `dry_run` would do. Bytes are those of values in blocks.mdb. */
typedef struct feat_retained {
    uint64_t oldest; /* this version and all behind it can be read */
    uint64_t versions, versions_removed;
    uint64_t objects, objects_removed;
    uint64_t bytes, bytes_removed;
} feat_retained;

/* Removes the versions below `oldest` but for those in `kept` (in any order), and all objects that no version is made
 * of any more. What was removed before stays so. The lock must be held. */
feat_status feat_retain(feat_db *db, uint64_t oldest, const uint64_t *kept, size_t n_kept, bool dry_run,
                        feat_retained *done, feat_error *err);
/* The version that was the newest at a known time; 0: that was before the first commit. */
feat_status feat_version_at_time(feat_db *db, int64_t time, uint64_t *version, feat_error *err);

/* ---- Reading a table at a version. A handle is used by one thread at a time and holds no transaction between calls:
 * each call has a read transaction of its own, which costs less than a microsecond. Threads that read one version
 * together each have a clone; clones know nothing of each other and are closed in any order. ---- */

typedef struct feat_row_address {
    uint64_t segment; /* number of the segment, unique in its table, counting up in commit order */
    uint32_t row;
} feat_row_address;

typedef struct feat_table_version feat_table_version;

/* A version from before the table's first commit has no segments. `schema` is borrowed until close. */
feat_status feat_table_open(feat_db *db, const feat_schema *schema, uint64_t version, feat_table_version **tv,
                            feat_error *err);
/* Another handle on the same version, for another thread; nothing is read again. The thread that `tv` belongs to calls
 * it. */
feat_status feat_table_clone(const feat_table_version *tv, feat_table_version **clone, feat_error *err);
void feat_table_close(feat_table_version *tv);
int64_t feat_table_rows(const feat_table_version *tv);
feat_digest feat_table_digest(const feat_table_version *tv);
size_t feat_table_segments(const feat_table_version *tv);

typedef struct feat_segment_info {
    uint64_t id, version; /* version: the commit that made its rows known */
    uint32_t rows, deleted;
    /* Its rows are in the order of entity key and event time (feat_column_compare's, of one column after the other).
     * What a store says is checked for damage, not for truth: do not rest memory safety on it. */
    bool sorted;
    bool moved; /* its rows were in other segments before: a difference of versions tells of them as of others */
} feat_segment_info;
feat_segment_info feat_table_segment(const feat_table_version *tv, size_t segment_index);
/* Appends all rows of the segment (deleted ones too) of the given columns (indices into the schema) to out[0..n). */
feat_status feat_table_read(feat_table_version *tv, size_t segment_index, const uint32_t *columns, size_t n,
                            feat_column *out, feat_error *err);
/* What a segment's block says of the numbers in it: none is outside [min, max]. Not known for other types than integers
 * of up to 64 bits but UBIGINT, BOOLEAN, DATE, TIMESTAMP (`ints`) and REAL, DOUBLE (in the order of min: NaN is above
 * all). */
typedef struct feat_bounds {
    bool known, ints;
    bool nulls; /* some row is NULL */
    int64_t min_int, max_int;
    double min_double, max_double;
} feat_bounds;
feat_status feat_table_bounds(feat_table_version *tv, size_t segment_index, uint32_t column, feat_bounds *bounds,
                              feat_error *err);
/* The same of the segment's pages, each 4,096 rows but the last: bounds[0..*n), room for FEAT_SEGMENT_PAGES. A page of
 * NULLs alone is not known. *n is 0 where nothing is known of the segment. */
#define FEAT_SEGMENT_PAGES 16
feat_status feat_table_page_bounds(feat_table_version *tv, size_t segment_index, uint32_t column, feat_bounds *bounds,
                                   size_t *n, feat_error *err);
/* Rows [*first, *end) of a sorted segment that are equal to row `row` of `keys` in the first `n` columns that it is
 * sorted by, which are `columns`; keys[i] has the type of columns[i]. They are looked for near row `near` first. Reads
 * a few pages of each. */
feat_status feat_table_find(feat_table_version *tv, size_t segment_index, const uint32_t *columns, size_t n,
                            const feat_column *keys, size_t row, uint32_t near, uint32_t *first, uint32_t *end,
                            feat_error *err);
/* Bitmap of deleted rows, or NULL when there are none. Borrowed until `tv` is closed. */
feat_status feat_table_deleted(feat_table_version *tv, size_t segment_index, const uint8_t **bitmap, feat_error *err);
/* Appends single rows, in the given order; reads only the pages that hold them. */
feat_status feat_table_read_rows(feat_table_version *tv, const feat_row_address *rows, size_t n_rows,
                                 const uint32_t *columns, size_t n, feat_column *out, feat_error *err);

/* Rows that are in `newer` and not in `older`, and the reverse; ordered by address; O(what changed). Freed with
 * feat_free. */
feat_status feat_table_diff(feat_table_version *older, feat_table_version *newer, feat_row_address **added,
                            size_t *n_added, feat_row_address **removed, size_t *n_removed, feat_error *err);

/* A table from version to version: each step reads only the parts of the manifest that differ. */
typedef struct feat_table_follower feat_table_follower;
/* It stands before the first commit, where there are no segments. `schema` is borrowed. */
feat_status feat_table_follow(feat_db *db, const feat_schema *schema, feat_table_follower **follower, feat_error *err);
void feat_table_follower_free(feat_table_follower *f);
/* Segments [first, end) of a version are in the place of [first, old_end) of the one before; those of no change are the
 * same ones, at the same places. */
typedef struct feat_segments_change {
    size_t first, old_end, end;
} feat_segments_change;
/* Goes on to a later version. The changes, in ascending order, are borrowed until the next step. After a failure it can
 * only be freed. */
feat_status feat_table_step(feat_table_follower *f, uint64_t version, const feat_segments_change **changes, size_t *n,
                            feat_error *err);
size_t feat_table_follower_segments(const feat_table_follower *f);
feat_segment_info feat_table_follower_segment(const feat_table_follower *f, size_t segment_index);
/* Bitmap of deleted rows, or NULL when there are none. Borrowed until the next call. */
feat_status feat_table_follower_deleted(feat_table_follower *f, size_t segment_index, const uint8_t **bitmap,
                                        feat_error *err);

/* ---- A commit to come: what several writers do to tables of one branch becomes visible at once. The lock must be held
 * from begin to commit or abort. ---- */

typedef struct feat_transaction feat_transaction;

/* Starts from the version that the branch stands at. `known_at` is the known time of the commit; 0: the clock, raised
 * above the last commit's if need be. */
feat_status feat_transaction_begin(feat_db *db, uint32_t branch, int64_t known_at, feat_transaction **t,
                                   feat_error *err);
/* The version that it starts from. */
uint64_t feat_transaction_parent(const feat_transaction *t);
feat_db *feat_transaction_db(const feat_transaction *t);
uint32_t feat_transaction_branch(const feat_transaction *t);
int64_t feat_transaction_known_at(const feat_transaction *t); /* as given */
/* The known time of the last of all commits; false: there is none. */
bool feat_transaction_last_time(const feat_transaction *t, int64_t *known_time);
void feat_transaction_abort(feat_transaction *t); /* NULL is a no-op */
/* What becomes durable with it, or alone where nothing is changed. The first takes a copy, its parts' bytes included.
 */
feat_status feat_transaction_define(feat_transaction *t, const feat_def *def, feat_error *err);
/* Whether it comes with a definition of this table. */
bool feat_transaction_defines(const feat_transaction *t, uint32_t table_id);
feat_status feat_transaction_apply(feat_transaction *t, uint32_t table_id, const feat_application *application,
                                   feat_error *err);
/* The transaction holds all rows that were pushed: with it none of them is in the tail any more. */
void feat_transaction_fold(feat_transaction *t);
/* Makes all of it visible by one synced catalog transaction; `t` is gone after, also on failure. With no row added or
 * deleted no version is made and `done` describes the one that was started from. */
feat_status feat_transaction_commit(feat_transaction *t, feat_commit_info *done, feat_error *err);

/* ---- Writing a table. ---- */

typedef struct feat_table_writer feat_table_writer;

/* What is known in memory of the unique indexes that held writers have asked; it outlives them. */
typedef struct feat_unique_filters feat_unique_filters;
feat_unique_filters *feat_unique_filters_new(void); /* NULL without memory */
void feat_unique_filters_free(feat_unique_filters *filters);
/* Forgets what was not asked for since the last turn. */
void feat_unique_filters_turn(feat_unique_filters *filters);

/* A writer that is never finished: it keeps rows that were pushed, in memory, so that others can be compared with all
 * that there are. Any number of them; only probes and reads. */
feat_status feat_table_writer_begin_held(feat_transaction *t, const feat_schema *schema, feat_unique_filters *filters,
                                         feat_table_writer **w, feat_error *err);
/* Adds rows in any order; FEAT_LIMIT when there would be more than 65,536. */
feat_status feat_table_writer_hold(feat_table_writer *w, const feat_batch *rows, feat_error *err);

/* Starts from what the transaction holds of the table. One writer of a transaction at a time. */
feat_status feat_table_writer_begin_in(feat_transaction *t, const feat_schema *schema, feat_table_writer **w,
                                       feat_error *err);
/* A writer with a transaction of its own, on the main line. */
feat_status feat_table_writer_begin(feat_db *db, const feat_schema *schema, feat_table_writer **w, feat_error *err);
void feat_table_writer_abort(feat_table_writer *w); /* NULL is a no-op */
/* Hands what was done to the transaction; `w` is gone after, also on failure, which leaves the transaction as it was.
 * FEAT_ARGUMENT when something was done and the known time of the transaction is not above the last commit's. */
feat_status feat_table_writer_finish(feat_table_writer *w, feat_operation operation, feat_error *err);
/* Writes rows as new segments, in the order given (one column for each field of the schema), which is that of entity
 * key and event time; rows that do not follow those before them begin a segment, so that each segment is in this order.
 * Their unique keys enter the index; rows must be free of conflicts already. */
feat_status feat_table_writer_add(feat_table_writer *w, const feat_batch *rows, feat_error *err);
/* Marks stored rows (base or pending) as deleted. Each must be live and be named once. */
feat_status feat_table_writer_delete(feat_table_writer *w, const feat_row_address *rows, size_t n, feat_error *err);
/* Removes all rows that are there, and says how many; nothing may have been added or deleted before. */
feat_status feat_table_writer_clear(feat_table_writer *w, int64_t *removed, feat_error *err);

/* Puts what a table (this one, or another of its fields) held at a version in the place of what this one holds, by
 * reference: no row is written. The caller says how many rows come and go; nothing else may have been done or be done.
 */
feat_status feat_table_writer_take(feat_table_writer *w, uint32_t table_id, uint64_t version, int64_t added,
                                   int64_t removed, feat_error *err);

/* What the writer sees, segment by segment: base rows, and pending ones behind them. As feat_table_segment,
 * feat_table_bounds, feat_table_read and feat_table_deleted; a bitmap is borrowed until the next call. */
size_t feat_table_writer_segments(const feat_table_writer *w);
feat_segment_info feat_table_writer_segment(const feat_table_writer *w, size_t segment_index);
feat_status feat_table_writer_bounds(feat_table_writer *w, size_t segment_index, uint32_t column, feat_bounds *bounds,
                                     feat_error *err);
feat_status feat_table_writer_read(feat_table_writer *w, size_t segment_index, const uint32_t *columns, size_t n,
                                   feat_column *out, feat_error *err);
feat_status feat_table_writer_deleted(feat_table_writer *w, size_t segment_index, const uint8_t **bitmap,
                                      feat_error *err);

/* Hash of the unique key of a row; false when a part of it is NULL (such a row never conflicts). `key` receives the key
 * encoding. */
bool feat_unique_key(const feat_schema *schema, const feat_batch *rows, size_t row, feat_buffer *key, uint64_t *hash);
typedef struct feat_unique_hit {
    size_t probe; /* index into the hashes */
    feat_row_address address;
} feat_unique_hit;
/* Live rows, base and pending, whose key hash is one of `hashes` (ascending): candidates, to be verified by value.
 * Ordered by probe. Freed with feat_free. */
feat_status feat_table_writer_probe(feat_table_writer *w, const uint64_t *hashes, size_t n, feat_unique_hit **hits,
                                    size_t *n_hits, feat_error *err);
/* As feat_table_read_rows, over base and pending rows. */
feat_status feat_table_writer_read_rows(feat_table_writer *w, const feat_row_address *rows, size_t n_rows,
                                        const uint32_t *columns, size_t n, feat_column *out, feat_error *err);
/* True when the row was added by this writer. */
bool feat_table_writer_pending(const feat_table_writer *w, feat_row_address row);
/* Makes the newest small segments one, however few they are, until nothing is left to do; `*any`: something was. The
 * table is none the less the same. For a writer that has done nothing else. */
feat_status feat_table_writer_compact(feat_table_writer *w, bool *any, feat_error *err);
/* Of a writer with a transaction of its own: finishes it and commits that. */
feat_status feat_table_writer_commit(feat_table_writer *w, feat_operation operation, int64_t known_at,
                                     feat_commit_info *done, feat_error *err);

#endif
