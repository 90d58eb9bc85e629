/* A bump allocator: many small objects of one lifetime, freed together. Not for threads to share. */
#ifndef FEAT_LIB_ARENA_H
#define FEAT_LIB_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct feat_arena {
    struct feat_arena_chunk *chunks; /* newest first */
    size_t chunk_size;
} feat_arena;

void feat_arena_init(feat_arena *arena);
void feat_arena_done(feat_arena *arena);
/* Forgets all objects but keeps the newest chunk for reuse. */
void feat_arena_reset(feat_arena *arena);
/* Takes over all objects of `from`, which is empty after. */
void feat_arena_adopt(feat_arena *arena, feat_arena *from);
/* 16-byte aligned, zeroed. NULL when memory is out. */
void *feat_arena_alloc(feat_arena *arena, size_t size);
void *feat_arena_array(feat_arena *arena, size_t count, size_t size);
/* Copies with a NUL behind. */
char *feat_arena_strndup(feat_arena *arena, const char *text, size_t length);
char *feat_arena_strdup(feat_arena *arena, const char *text);
char *feat_arena_printf(feat_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define FEAT_ARENA_NEW(arena, type) ((type *)feat_arena_alloc((arena), sizeof(type)))

#endif
