/* The index of unique keys: sorted runs of (hash, address). A run is immutable; a version lists its runs. Runs are
 * merged so that each is more than twice as large as the next, which keeps their number logarithmic. */
#ifndef FEAT_LIB_UNIQUE_H
#define FEAT_LIB_UNIQUE_H

#include "store/manifest.h"

typedef struct feat_unique_entry {
    uint64_t hash; /* in a hit: the index of the probe */
    uint64_t segment;
    uint32_t row;
} feat_unique_entry;

/* Sorts by hash; equal hashes keep their order. `work` has room for n. Linear. */
void feat_unique_sort(feat_unique_entry *entries, feat_unique_entry *work, size_t n);

typedef struct feat_unique_hits {
    feat_unique_entry *entries;
    size_t n, capacity;
} feat_unique_hits;

/* Entries not yet stored: a few sorted arrays, the larger first. */
typedef struct feat_unique_array {
    feat_unique_entry *entries;
    size_t n;
} feat_unique_array;

typedef struct feat_unique_pending {
    feat_unique_array *arrays;
    size_t n, capacity;
} feat_unique_pending;

void feat_unique_pending_done(feat_unique_pending *p);
/* Takes `entries` (sorted, from feat_alloc) over, also on failure. */
feat_status feat_unique_pending_add(feat_unique_pending *p, feat_unique_entry *entries, size_t n, feat_error *err);
size_t feat_unique_pending_size(const feat_unique_pending *p);

/* Appends a hit for each entry whose hash is one of `hashes` (ascending). */
feat_status feat_unique_probe_pending(const feat_unique_pending *p, const uint64_t *hashes, size_t n,
                                      feat_unique_hits *hits, feat_error *err);
feat_status feat_unique_probe_run(feat_env *env, MDB_txn *txn, const feat_run *run, const uint64_t *hashes, size_t n,
                                  feat_unique_hits *hits, feat_error *err);

/* The object that holds a run's pages; the run itself is its header. */
feat_status feat_unique_body(feat_env *env, MDB_txn *txn, const feat_run *run, feat_digest *body, feat_error *err);

/* All entries, some at a time. */
typedef feat_status feat_unique_visit(void *context, const feat_unique_entry *entries, size_t n, feat_error *err);
feat_status feat_unique_walk(feat_env *env, MDB_txn *txn, const feat_run *run, feat_unique_visit *visit, void *context,
                             feat_error *err);
/* Whether what is in memory says that none of the hashes is in a run; see unique_filter.c. */
bool feat_unique_filters_exclude(feat_unique_filters *f, const feat_run *run, const uint64_t *hashes, size_t n);
/* Whether one of the hashes may be in a run; what is not in memory yet is read. */
feat_status feat_unique_filters_ask(feat_unique_filters *f, feat_env *env, MDB_txn *txn, const feat_run *run,
                                    const uint64_t *hashes, size_t n, bool *may, feat_error *err);

/* Stores what is pending as a run of the manifest, as it is. */
feat_status feat_unique_spill(feat_unique_pending *p, feat_manifest *m, feat_object_writer *w, feat_error *err);
/* Merges what is pending with as many of the newest runs as their sizes ask for, in bounded memory. Rows that the
 * manifest's bitmaps (loaded) call deleted are left out. */
feat_status feat_unique_merge(feat_unique_pending *p, feat_manifest *m, feat_object_writer *w, feat_error *err);
/* How many of the newest runs feat_unique_merge would rewrite. */
size_t feat_unique_merge_width(const feat_unique_pending *p, const feat_manifest *m);

/* Reads all of a run: FEAT_CORRUPT when a page is damaged or entries are out of order. */
feat_status feat_unique_check_run(feat_env *env, MDB_txn *txn, const feat_run *run, feat_error *err);

#endif
