#define _DEFAULT_SOURCE /* madvise */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* The countdown of feat_alloc_fail_after: state of a test, per thread, never set by the library itself. */
static _Thread_local int64_t countdown;

static int refused(void) { return countdown > 0 && --countdown == 0; }

void feat_alloc_fail_after(int64_t n) { countdown = n; }

/* Arrays of some megabytes ask for large pages: the kernel then clears and maps two megabytes at a time, where page by
 * page it takes longer than most of what is done with the memory. Only advice: nothing depends on it. */
enum { LARGE_PAGE = 2 << 20, LARGE_SIZE = 2 * LARGE_PAGE };

static void *advise(void *p, size_t size) {
#ifdef MADV_HUGEPAGE
    if (!p || size < LARGE_SIZE) return p;
    uintptr_t first = ((uintptr_t)p + LARGE_PAGE - 1) & ~(uintptr_t)(LARGE_PAGE - 1),
              end = ((uintptr_t)p + size) & ~(uintptr_t)(LARGE_PAGE - 1);
    if (first < end) (void)madvise((char *)p + (first - (uintptr_t)p), end - first, MADV_HUGEPAGE);
#else
    (void)size;
#endif
    return p;
}

void *feat_alloc(size_t size) {
    if (refused()) return NULL;
    return advise(malloc(size ? size : 1), size);
}

void *feat_alloc_zero(size_t count, size_t size) {
    return refused() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *feat_alloc_array(size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return NULL;
    return feat_alloc(total);
}

void *feat_alloc_aligned(size_t size) {
    if (refused() || size > SIZE_MAX - LARGE_PAGE) return NULL;
    size_t alignment = size < LARGE_SIZE ? 64 : LARGE_PAGE, rounded = (size + alignment - 1) & ~(alignment - 1);
    return advise(aligned_alloc(alignment, rounded ? rounded : alignment), size);
}

void *feat_realloc_array(void *p, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || refused()) return NULL;
    return advise(realloc(p, total ? total : 1), total);
}

char *feat_strndup(const char *text, size_t length) {
    if (length == SIZE_MAX) return NULL;
    char *copy = feat_alloc(length + 1);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *feat_strdup(const char *text) { return feat_strndup(text, strlen(text)); }

void feat_free(void *p) { free(p); }

int feat_grow(void **p, size_t *capacity, size_t need, size_t size) {
    if (need <= *capacity) return 0;
    size_t next = *capacity ? *capacity : 8;
    while (next < need) {
        if (next > SIZE_MAX / 2) return -1;
        next *= 2;
    }
    void *grown = feat_realloc_array(*p, next, size);
    if (!grown) return -1;
    *p = grown;
    *capacity = next;
    return 0;
}
