/* What a version of a table holds: a persistent tree of its segments, and the runs of its unique index. A change writes
 * anew only the leaves it touches and the path to them. */
#ifndef FEAT_LIB_MANIFEST_H
#define FEAT_LIB_MANIFEST_H

#include "base/arena.h"
#include "base/digest.h"
#include "store/object.h"
#include "store/store.h"

typedef struct feat_block_ref {
    uint32_t column; /* id */
    feat_digest key;
} feat_block_ref;

typedef struct feat_segment {
    uint64_t id, version;
    uint32_t rows, deleted;
    feat_digest deletion;   /* object of the deletion vector; zero: none */
    feat_block_ref *blocks; /* by ascending column id; a column that is missing is all NULL */
    uint32_t n_blocks;
    uint8_t *bitmap;   /* deleted rows; NULL: none, or not loaded yet. Owned, sized for FEAT_SEGMENT_ROWS */
    bool sorted;       /* its rows are in the order of entity key and event time */
    bool moved;        /* they were in other segments before */
    bool full;         /* it has few rows since they are large */
    int32_t partition; /* of all of its rows; see feat_partition_of */
    bool changed;      /* since the manifest was loaded */
} feat_segment;

typedef struct feat_run {
    feat_digest key; /* of its header object */
    uint64_t entries;
} feat_run;

typedef struct feat_manifest {
    feat_arena arena; /* of the segments' block lists */
    uint32_t table_id;
    feat_segment *segments; /* by ascending id */
    size_t n_segments, segments_capacity;
    feat_digest *leaves; /* as loaded: leaf i holds segments [64 i, 64 i + 64) */
    size_t n_leaves, leaves_capacity;
    feat_run *runs; /* oldest first */
    size_t n_runs, runs_capacity;
    int64_t rows;
    feat_digest content;
    uint64_t next_segment;
} feat_manifest;

void feat_manifest_init(feat_manifest *m, uint32_t table_id);
void feat_manifest_done(feat_manifest *m);
/* Into an initialised manifest. */
feat_status feat_manifest_load(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root, feat_error *err);
/* What a root says, without its segments: rows, content, runs, next_segment. Into an initialised manifest. */
feat_status feat_manifest_load_root(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                                    feat_error *err);
/* Writes what changed; the key of the root. Bitmaps of changed segments become deletion vectors. */
feat_status feat_manifest_store(feat_manifest *m, feat_object_writer *w, feat_digest *root, feat_error *err);

/* Goes on to another version: reads only the leaves that differ. In a manifest that is used so segments have neither
 * blocks nor bitmaps, and a failure leaves it good for nothing but feat_manifest_done. `steps`: as of
 * feat_table_step, with room that grows. */
feat_status feat_manifest_follow(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                                 feat_segments_change **steps, size_t *n_steps, size_t *capacity, feat_error *err);

/* What a manifest refers to besides runs. */
typedef enum feat_manifest_part { FEAT_MANIFEST_NODE, FEAT_MANIFEST_DELETION, FEAT_MANIFEST_BLOCK } feat_manifest_part;
/* `descend` says of a node whether what is below it is wanted. */
typedef feat_status feat_manifest_visit(void *context, const feat_digest *key, feat_manifest_part part, bool *descend,
                                        feat_error *err);
/* Visits all that a manifest refers to; `m` gets what its root says, no segments. */
feat_status feat_manifest_walk(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                               feat_manifest_visit *visit, void *context, feat_error *err);

/* Index of a segment by id; SIZE_MAX when there is none. */
size_t feat_manifest_find(const feat_manifest *m, uint64_t id);
/* Takes away segments: those of ascending numbers at[0..n). */
void feat_manifest_remove(feat_manifest *m, const size_t *at, size_t n);
feat_status feat_manifest_add_run(feat_manifest *m, feat_run run, feat_error *err);
/* Loads the bitmap of a segment that has deleted rows. Threads that share a loaded manifest may call it at the same
 * time, and take the bitmap from feat_segment_deleted; nothing else in such a manifest changes. */
feat_status feat_segment_load_deleted(feat_segment *s, feat_env *env, MDB_txn *txn, feat_error *err);
const uint8_t *feat_segment_deleted(const feat_segment *s);
/* NULL for a column without a block. */
const feat_digest *feat_segment_block(const feat_segment *s, uint32_t column);

#endif
