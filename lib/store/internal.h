/* What the files of the store share: the opened directory, objects, blocks, manifests, the unique index. */
#ifndef FEAT_LIB_STORE_INTERNAL_H
#define FEAT_LIB_STORE_INTERNAL_H

#include <stdatomic.h>

#include "base/buffer.h"
#include "store/env.h"
#include "store/store.h"

#define FEAT_FORMAT_VERSION 1

struct feat_db {
    _Atomic size_t references;
    char *path;
    bool writable;
    unsigned generation; /* of the process, counted by forks */
    feat_env *catalog, *blocks;
    _Atomic(feat_env *) online; /* opened when first asked for */
    int lock_file;              /* while this handle holds the writer lock; else -1 */
};

/* ---- Environments (env.c). ---- */
feat_status feat_env_open(const char *path, bool write, bool create, feat_env **env, feat_error *err);
void feat_env_close(feat_env *env);
bool feat_env_poisoned(const feat_env *env);
unsigned feat_fork_generation(void);
/* O(1) checks by pread before LMDB maps the file (gate.c). An empty file passes: LMDB makes it. */
feat_status feat_gate_check(const char *path, int fd, feat_error *err);

/* ---- Objects of blocks.mdb (object.c): bytes by content hash, cut into values of at most FEAT_VALUE_MAX. ---- */
typedef struct feat_object_writer {
    feat_env *env;
    MDB_txn *txn; /* NULL between transactions */
    size_t pending;
} feat_object_writer;

void feat_object_writer_init(feat_object_writer *w, feat_env *blocks);
/* Stores the bytes, or finds them stored; commits when a transaction has grown to its limit. */
feat_status feat_object_put(feat_object_writer *w, const void *bytes, size_t size, feat_digest *key, feat_error *err);
feat_status feat_object_flush(feat_object_writer *w, feat_error *err); /* synced when it returns */
void feat_object_writer_abort(feat_object_writer *w);
feat_status feat_object_size(feat_env *env, MDB_txn *txn, const feat_digest *key, uint64_t *size, feat_error *err);
/* Appends bytes [offset, offset + size) to `out`; reads the chunks that they touch. */
feat_status feat_object_read(feat_env *env, MDB_txn *txn, const feat_digest *key, uint64_t offset, uint64_t size, feat_buffer *out, feat_error *err);
feat_status feat_object_read_all(feat_env *env, MDB_txn *txn, const feat_digest *key, feat_buffer *out, feat_error *err);

/* ---- Blocks (block.c): one column x at most FEAT_SEGMENT_ROWS rows, in pages. ---- */
#define FEAT_SEGMENT_ROWS 65536
#define FEAT_PAGE_ROWS 4096

/* Encodes rows [first, first + n) of a column. */
feat_status feat_block_encode(const feat_column *column, size_t first, size_t n, feat_buffer *out, feat_error *err);
/* Appends pages [first_page, first_page + n_pages) of a block to `out`; n_pages SIZE_MAX: all that follow. */
feat_status feat_block_read(feat_env *env, MDB_txn *txn, const feat_digest *key, feat_type type, uint32_t rows, size_t first_page, size_t n_pages,
                            feat_column *out, feat_error *err);

/* ---- Manifests (manifest.c). ---- */
typedef struct feat_segment {
    uint64_t id, version;
    uint32_t rows, deleted;
    feat_digest deletion;  /* object with the bitmap of deleted rows; zero: none */
    feat_digest *columns;  /* block of each field */
    uint8_t *bitmap;       /* the deletion vector once loaded */
    bool changed;          /* in a writer: differs from the base */
} feat_segment;

typedef struct feat_run {
    feat_digest key;
    uint64_t entries;
} feat_run;

typedef struct feat_manifest {
    size_t n_columns;
    uint64_t next_segment;
    int64_t rows;
    feat_digest content;
    feat_segment *segments;
    size_t n_segments, segments_capacity;
    feat_digest *leaves; /* one for each FEAT_LEAF_SEGMENTS segments, as stored */
    size_t n_leaves;
    feat_run *runs; /* of the unique index, largest first */
    size_t n_runs, runs_capacity;
} feat_manifest;

void feat_manifest_done(feat_manifest *m);
/* Reads a manifest; a zero key is the empty table. */
feat_status feat_manifest_read(feat_env *env, MDB_txn *txn, const feat_digest *key, size_t n_columns, feat_manifest *m, feat_error *err);
/* Writes the leaves that changed and the root. */
feat_status feat_manifest_write(feat_object_writer *w, feat_manifest *m, feat_digest *key, feat_error *err);
/* The segment of an address, or NULL. */
feat_segment *feat_manifest_segment(const feat_manifest *m, uint64_t id);
/* Loads the segment's deletion vector if it has one. */
feat_status feat_segment_load_bitmap(feat_env *env, MDB_txn *txn, feat_segment *s, feat_error *err);
/* Appends single rows in the order given, reading each page once. */
feat_status feat_manifest_read_rows(feat_env *env, MDB_txn *txn, const feat_manifest *m, const feat_schema *schema, const feat_row_address *rows,
                                    size_t n_rows, const uint32_t *columns, size_t n, feat_column *out, feat_error *err);

/* ---- The unique index (unique.c): sorted runs of key hashes. ---- */
typedef struct feat_unique_entry {
    uint64_t hash, segment;
    uint32_t row;
} feat_unique_entry;

feat_status feat_unique_sort(feat_unique_entry *entries, size_t n, feat_error *err);
feat_status feat_unique_write_run(feat_object_writer *w, const feat_unique_entry *entries, size_t n, feat_run *run, feat_error *err);
/* Merges the last runs of the list while they are of similar size. */
feat_status feat_unique_compact(feat_object_writer *w, feat_manifest *m, feat_error *err);
typedef struct feat_unique_hits {
    feat_unique_hit *items;
    size_t n, capacity;
} feat_unique_hits;
feat_status feat_unique_probe_run(feat_env *env, MDB_txn *txn, const feat_run *run, const uint64_t *hashes, size_t n, feat_unique_hits *hits,
                                  feat_error *err);
feat_status feat_unique_probe_entries(const feat_unique_entry *entries, size_t n_entries, const uint64_t *hashes, size_t n, feat_unique_hits *hits,
                                      feat_error *err);

/* ---- Versions (version.c). ---- */
feat_status feat_version_manifest(feat_db *db, uint32_t table_id, uint64_t version, feat_digest *manifest, feat_error *err);
feat_status feat_version_commit(feat_db *db, feat_version_info *info, int64_t known_at, const feat_digest *manifest, feat_error *err);
feat_status feat_format_check(feat_db *db, bool create, feat_error *err);

#endif
