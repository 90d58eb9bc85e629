/* Events of a table in the order of its entity key, one batch of whole entities after the other: for blocks whose
 * entities are the table's own, which need not be gathered first.
 *
 * A table's segments form runs, each sorted by key and time; a batch merges what the runs hold of a range of keys. Only
 * as much is in memory as one segment of every run, and the events of an entity. */
#ifndef FEAT_LIB_CLUSTERED_H
#define FEAT_LIB_CLUSTERED_H

#include "engine/grouping.h"
#include "exec/exec.h"
#include "store/store.h"

/* What several readers of parts of a table share: its runs, and where it can be cut. */
typedef struct feat_clusters feat_clusters;

/* Whether a block can be read so at all. */
bool feat_clusters_serve(const feat_block *block);
/* *clusters stays NULL where the table's segments do not say what keys they hold, or form very many runs. Segments
 * without a key of `wanted` are left out. */
feat_status feat_clusters_open(feat_db *db, uint64_t version, const feat_block *block, const feat_grouping *wanted,
                               feat_clusters **clusters, feat_error *err);
void feat_clusters_close(feat_clusters *clusters);
/* Segments left out. */
size_t feat_clusters_pruned(const feat_clusters *clusters);
/* Keys that cut the table into at most n parts of about equal size: part i holds the keys from cuts[i - 1] up to below
 * cuts[i]. Returns how many parts there are. */
size_t feat_clusters_cut(const feat_clusters *clusters, size_t n, int64_t *cuts);

typedef struct feat_cluster_reader feat_cluster_reader;

/* Reads the keys in [least, greatest]. Belongs to one thread; several may read of one feat_clusters. */
feat_status feat_cluster_reader_open(const feat_clusters *clusters, int64_t least, int64_t greatest,
                                     feat_cluster_reader **reader, feat_error *err);
void feat_cluster_reader_close(feat_cluster_reader *reader);
/* The next entities that `wanted` asks for, with their events in canonical order: entities[i].row and row_end are not
 * set, numbers[i] is the number of its key. All borrowed until the next call. *n is 0 at the end. */
feat_status feat_cluster_reader_next(feat_cluster_reader *reader, const feat_events **events,
                                     feat_sweep_entity **entities, uint32_t **numbers, size_t *n, feat_error *err);
/* Rows and segments read so far, and bytes of their values. */
void feat_cluster_reader_count(const feat_cluster_reader *reader, uint64_t *rows, uint64_t *segments, uint64_t *bytes);

#endif
