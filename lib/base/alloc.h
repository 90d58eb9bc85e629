/* The only door to the heap. Sizes are products of checked counts: a request that would overflow returns NULL. */
#ifndef FEAT_LIB_ALLOC_H
#define FEAT_LIB_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* All return NULL on failure and never abort. A zero size yields a unique pointer that can be freed. */
void *feat_alloc(size_t size);
void *feat_alloc_zero(size_t count, size_t size);
void *feat_alloc_array(size_t count, size_t size);
/* 64-byte aligned, for column buffers; freed with feat_free. */
void *feat_alloc_aligned(size_t size);
void *feat_realloc_array(void *p, size_t count, size_t size);
char *feat_strdup(const char *text);
char *feat_strndup(const char *text, size_t length);
void feat_free(void *p);

/* Makes the n-th allocation from now fail (1 = the next); 0 switches it off. For tests only; per thread. */
void feat_alloc_fail_after(int64_t n);

/* Grows `*p` (elements of `size` bytes) so that `*capacity` >= `need`, doubling. Returns 0, or -1 and leaves all as it
 * was. */
int feat_grow(void **p, size_t *capacity, size_t need, size_t size);
#define FEAT_GROW(ptr, cap, need) feat_grow((void **)&(ptr), &(cap), (need), sizeof *(ptr))

#endif
