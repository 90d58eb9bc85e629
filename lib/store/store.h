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
#include "feat/snapshot.h" /* feat_at */
#include "feat/store.h"    /* feat_mode */

/* ---- The opened directory. Counted; shared by stores, snapshots and readers; any thread. ---- */

typedef struct feat_db feat_db;

feat_status feat_db_open(const char *path, feat_mode mode, feat_db **db, feat_error *err);
feat_db *feat_db_ref(feat_db *db);
void feat_db_unref(feat_db *db);
/* FEAT_FORKED in a child process, FEAT_IO when a failed sync has poisoned the handle; cheap, no system call. */
feat_status feat_db_check(const feat_db *db, feat_error *err);
bool feat_db_writable(const feat_db *db);

/* One writer at a time, over all processes and threads. FEAT_READ_ONLY on a read-only handle, FEAT_BUSY after the
 * timeout. */
feat_status feat_db_lock(feat_db *db, uint32_t timeout_ms, feat_error *err);
void feat_db_unlock(feat_db *db);

/* ---- Definitions: named records of the catalog, every version kept. ---- */

typedef enum feat_def_kind {
    FEAT_DEF_TABLE = 1,
    FEAT_DEF_VIEW = 2,
    FEAT_DEF_SERVICE = 3,
    FEAT_DEF_DEPLOYMENT = 4
} feat_def_kind;

typedef struct feat_def {
    feat_def_kind kind;
    const char *name;
    uint32_t number; /* of this name, from 1; the greatest is the newest */
    feat_digest fingerprint;
    const void *record; /* the layer above's bytes */
    size_t record_size;
} feat_def;

/* All definitions in the order they were made; memory from `arena`. */
feat_status feat_defs_load(feat_db *db, feat_arena *arena, feat_def **defs, size_t *n, feat_error *err);
/* Adds definitions in one durable transaction. The lock must be held. */
feat_status feat_defs_commit(feat_db *db, const feat_def *defs, size_t n, feat_error *err);
/* A number for a new table, never given before (also not to a script that failed). The lock must be held. */
feat_status feat_table_id_next(feat_db *db, uint32_t *table_id, feat_error *err);

/* ---- Versions. ---- */

typedef enum feat_operation { FEAT_OPERATION_APPEND = 1, FEAT_OPERATION_UPSERT = 2 } feat_operation;

typedef struct feat_version_info {
    uint64_t version, parent;
    int64_t known_time;
    uint32_t table_id;
    feat_operation operation;
    int64_t rows_added, rows_removed, rows; /* rows: of the table after the commit */
    feat_digest content;                    /* content digest of the table after the commit */
} feat_version_info;

feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err);
/* Version 0 is the empty store. FEAT_NOT_FOUND says what exists. */
feat_status feat_version_resolve(feat_db *db, const feat_at *at, uint64_t *version, feat_error *err);
/* Commits in order, all of them (table_id 0) or one table's. Memory from `arena`. */
feat_status feat_version_list(feat_db *db, uint32_t table_id, feat_arena *arena, feat_version_info **infos, size_t *n,
                              feat_error *err);
/* Tags never move. The lock must be held. */
feat_status feat_tag_put(feat_db *db, const char *name, uint64_t version, feat_error *err);

/* ---- Reading a table at a version. Not for threads to share; holds no transaction between calls. ---- */

typedef struct feat_row_address {
    uint64_t segment; /* number of the segment, unique in its table, counting up in commit order */
    uint32_t row;
} feat_row_address;

typedef struct feat_table_version feat_table_version;

/* A version from before the table's first commit has no segments. `schema` is borrowed until close. */
feat_status feat_table_open(feat_db *db, const feat_schema *schema, uint64_t version, feat_table_version **tv,
                            feat_error *err);
void feat_table_close(feat_table_version *tv);
int64_t feat_table_rows(const feat_table_version *tv);
feat_digest feat_table_digest(const feat_table_version *tv);
size_t feat_table_segments(const feat_table_version *tv);

typedef struct feat_segment_info {
    uint64_t id, version; /* version: the commit that made its rows known */
    uint32_t rows, deleted;
} feat_segment_info;
feat_segment_info feat_table_segment(const feat_table_version *tv, size_t segment_index);
/* Appends all rows of the segment (deleted ones too) of the given columns (indices into the schema) to out[0..n). */
feat_status feat_table_read(feat_table_version *tv, size_t segment_index, const uint32_t *columns, size_t n,
                            feat_column *out, feat_error *err);
/* Bitmap of deleted rows, or NULL when there are none. Borrowed until close. */
feat_status feat_table_deleted(feat_table_version *tv, size_t segment_index, const uint8_t **bitmap, feat_error *err);
/* Appends single rows, in the given order; reads only the pages that hold them. */
feat_status feat_table_read_rows(feat_table_version *tv, const feat_row_address *rows, size_t n_rows,
                                 const uint32_t *columns, size_t n, feat_column *out, feat_error *err);

/* Rows that are in `newer` and not in `older`, and the reverse; ordered by address; O(what changed). Freed with
 * feat_free. */
feat_status feat_table_diff(feat_table_version *older, feat_table_version *newer, feat_row_address **added,
                            size_t *n_added, feat_row_address **removed, size_t *n_removed, feat_error *err);

/* ---- Writing a table. The lock must be held from begin to commit or abort. ---- */

typedef struct feat_table_writer feat_table_writer;

/* Starts from the newest version. */
feat_status feat_table_writer_begin(feat_db *db, const feat_schema *schema, feat_table_writer **w, feat_error *err);
void feat_table_writer_abort(feat_table_writer *w); /* NULL is a no-op */
/* Writes rows as new segments, in the order given (one column for each field of the schema). Their unique keys enter
 * the index; rows must be free of conflicts already. */
feat_status feat_table_writer_add(feat_table_writer *w, const feat_batch *rows, feat_error *err);
/* Marks stored rows (base or pending) as deleted. Each must be live and be named once. */
feat_status feat_table_writer_delete(feat_table_writer *w, const feat_row_address *rows, size_t n, feat_error *err);

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
/* Makes all of it visible by one synced catalog transaction; `w` is gone after, also on failure. `known_at` 0: the
 * clock, raised above the previous commit's if need be; else it must be above it (FEAT_ARGUMENT). With nothing added or
 * deleted no version is made and `done` describes the newest. */
feat_status feat_table_writer_commit(feat_table_writer *w, feat_operation operation, int64_t known_at,
                                     feat_version_info *done, feat_error *err);

#endif
