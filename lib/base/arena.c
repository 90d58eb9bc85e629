#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

typedef struct feat_arena_chunk {
    struct feat_arena_chunk *next;
    size_t used, size;
    _Alignas(16) unsigned char bytes[];
} feat_arena_chunk;

void feat_arena_init(feat_arena *arena) {
    arena->chunks = NULL;
    arena->chunk_size = 4096;
}

static void free_from(feat_arena_chunk *chunk) {
    while (chunk) {
        feat_arena_chunk *next = chunk->next;
        feat_free(chunk);
        chunk = next;
    }
}

void feat_arena_done(feat_arena *arena) {
    free_from(arena->chunks);
    arena->chunks = NULL;
}

void feat_arena_reset(feat_arena *arena) {
    if (!arena->chunks) return;
    free_from(arena->chunks->next);
    arena->chunks->next = NULL;
    arena->chunks->used = 0;
}

void feat_arena_adopt(feat_arena *arena, feat_arena *from) {
    feat_arena_chunk **last = &arena->chunks;
    while (*last) last = &(*last)->next; /* what is free of the newest chunk stays in use */
    *last = from->chunks;
    from->chunks = NULL;
}

void *feat_arena_alloc(feat_arena *arena, size_t size) {
    if (size > SIZE_MAX / 4) return NULL;
    size = (size + 15) & ~(size_t)15;
    feat_arena_chunk *chunk = arena->chunks;
    if (!chunk || chunk->size - chunk->used < size) {
        size_t want = size > arena->chunk_size ? size : arena->chunk_size;
        chunk = feat_alloc(sizeof *chunk + want);
        if (!chunk) return NULL;
        chunk->next = arena->chunks;
        chunk->used = 0;
        chunk->size = want;
        arena->chunks = chunk;
        if (arena->chunk_size < (1u << 20)) arena->chunk_size *= 2;
    }
    void *p = chunk->bytes + chunk->used;
    chunk->used += size;
    memset(p, 0, size);
    return p;
}

void *feat_arena_array(feat_arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return NULL;
    return feat_arena_alloc(arena, total);
}

char *feat_arena_strndup(feat_arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) return NULL;
    char *copy = feat_arena_alloc(arena, length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    return copy;
}

char *feat_arena_strdup(feat_arena *arena, const char *text) { return feat_arena_strndup(arena, text, strlen(text)); }

char *feat_arena_printf(feat_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) return NULL;
    char *text = feat_arena_alloc(arena, (size_t)n + 1);
    if (!text) return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}
