/* Work cut into parts that run at the same time. The only place that starts threads, and it does so only when its
 * caller was asked for more than one; all have ended when it returns. */
#ifndef FEAT_LIB_PARALLEL_H
#define FEAT_LIB_PARALLEL_H

#include <stddef.h>

#include "base/error.h"

typedef feat_status feat_task(void *context, size_t part, feat_error *err);

/* Runs `task` for parts [0, n), on up to `threads` threads, the caller's among them. Parts start in order; after a
 * failure no more are started. The error is that of the first part, by number, that failed. */
feat_status feat_parallel(size_t threads, size_t n, feat_task *task, void *context, feat_error *err);

/* How many threads a request for `threads` means: 0 is as many as there are processors to run on. */
size_t feat_thread_count(size_t threads);

#endif
