#include "base/scratch.h"

#include <stdint.h>

#include "base/alloc.h"

typedef struct feat_scratch_chunk {
    struct feat_scratch_chunk *next;
    size_t size;
    char bytes[];
} feat_scratch_chunk;

/* A piece must be smaller than what is free, so that even a scratch without a chunk has an address to give. */
enum { FIRST_CHUNK = 4096 };

void feat_scratch_init(feat_scratch *scratch) { *scratch = (feat_scratch){0}; }

void feat_scratch_done(feat_scratch *scratch) {
    while (scratch->chunks) {
        feat_scratch_chunk *next = scratch->chunks->next;
        feat_free(scratch->chunks);
        scratch->chunks = next;
    }
    feat_scratch_init(scratch);
}

static bool add_chunk(feat_scratch *scratch, size_t size) {
    feat_scratch_chunk *chunk = size < SIZE_MAX - sizeof *chunk ? feat_alloc(sizeof *chunk + size) : NULL;
    if (!chunk) return false;
    chunk->next = scratch->chunks;
    chunk->size = size;
    scratch->chunks = chunk;
    scratch->at = chunk->bytes;
    scratch->end = chunk->bytes + size;
    return true;
}

void feat_scratch_reset(feat_scratch *scratch) {
    scratch->failed = false;
    if (!scratch->chunks) return;
    if (scratch->chunks->next) {
        size_t size = 0;
        for (const feat_scratch_chunk *chunk = scratch->chunks; chunk; chunk = chunk->next) size += chunk->size;
        feat_scratch_done(scratch);
        if (!add_chunk(scratch, size)) return; /* the next piece tries again */
    }
    scratch->at = scratch->chunks->bytes;
}

char *feat_scratch_grow(feat_scratch *scratch, size_t size) {
    size_t last = scratch->chunks ? scratch->chunks->size : 0, want = last < FIRST_CHUNK ? FIRST_CHUNK : last;
    if (want <= size && __builtin_add_overflow(size, FIRST_CHUNK, &want)) want = 0;
    if (want == 0 || !add_chunk(scratch, want)) {
        scratch->failed = true;
        return NULL;
    }
    scratch->at += size;
    return scratch->chunks->bytes;
}
