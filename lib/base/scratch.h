/* Memory for results of any length that live until the next ones are computed: a bump allocator that never shrinks, so
 * that after the first few rows nothing is allocated. Not for threads to share. */
#ifndef FEAT_LIB_SCRATCH_H
#define FEAT_LIB_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>

typedef struct feat_scratch {
    char *at, *end;                    /* what is free of the newest chunk */
    struct feat_scratch_chunk *chunks; /* newest first */
    bool failed;                       /* memory was out since the last reset: results are not to be used */
} feat_scratch;

void feat_scratch_init(feat_scratch *scratch);
void feat_scratch_done(feat_scratch *scratch);
/* Takes back all pieces. Chunks become one that holds as much as all of them did. */
void feat_scratch_reset(feat_scratch *scratch);

char *feat_scratch_grow(feat_scratch *scratch, size_t size);

/* `size` bytes, aligned to 1 and not zeroed; NULL when memory is out, which the scratch remembers. */
static inline char *feat_scratch_take(feat_scratch *scratch, size_t size) {
    if ((size_t)(scratch->end - scratch->at) <= size) return feat_scratch_grow(scratch, size);
    char *piece = scratch->at;
    scratch->at += size;
    return piece;
}

/* Gives back all but the first `used` bytes of the newest piece. */
static inline void feat_scratch_trim(feat_scratch *scratch, const char *piece, size_t used) {
    if (piece) scratch->at -= (size_t)(scratch->at - piece) - used;
}

#endif
