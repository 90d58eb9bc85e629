/* The rows of a table over several versions: each once, with the versions at which it is there. Segments never change,
 * so that one which many versions share is read once; what differs is which segments and which deleted rows a version
 * has. */
#ifndef FEAT_LIB_LIVES_H
#define FEAT_LIB_LIVES_H

#include "store/store.h"

/* Versions are counted 0, 1, 2, ... in ascending order: a row is there at [from, to) of them. */
typedef struct feat_lifetime {
    uint32_t from, to;
} feat_lifetime;

static inline bool feat_alive(feat_lifetime life, uint32_t at) { return life.from <= at && at < life.to; }

/* These versions. */
typedef struct feat_moments {
    const uint64_t *versions; /* ascending */
    size_t n;
    bool restored; /* a table may have been restored between them */
} feat_moments;

typedef struct feat_lives_segment {
    uint64_t id, version;   /* of the store: one that has the segment */
    size_t index;           /* there */
    uint32_t rows, deleted; /* deleted: by the last version that was looked at */
    feat_lifetime life;
    uint32_t *ends; /* of each row; NULL: all live as long as the segment */
    uint8_t *gone;  /* bitmap of the rows that have ended, while the lives are followed */
} feat_lives_segment;

/* Segments in the order of the versions to read them at. */
typedef struct feat_lives {
    feat_lives_segment *segments;
    size_t n, capacity;
    uint64_t rows;
} feat_lives;

/* `versions` ascend. `restored`: the table may have been restored between them. */
feat_status feat_lives_make(feat_lives *h, feat_db *db, const feat_schema *table, const uint64_t *versions, size_t n,
                            bool restored, feat_error *err);
void feat_lives_done(feat_lives *h);
/* When a row is there; from == to where it never is. */
feat_lifetime feat_lives_row(const feat_lives_segment *s, uint32_t row);

#endif
