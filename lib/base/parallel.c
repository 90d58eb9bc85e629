#define _GNU_SOURCE /* sched_getaffinity */
#include "base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/alloc.h"

typedef struct work {
    feat_task *task;
    void *context;
    size_t n;
    atomic_size_t next;
    atomic_bool failed;
    pthread_mutex_t lock; /* of what follows */
    size_t part;          /* of the failure */
    feat_status status;
    feat_error error;
} work;

static void note_failure(work *w, size_t part, feat_status status, const feat_error *error) {
    pthread_mutex_lock(&w->lock);
    if (w->status == FEAT_OK || part < w->part) {
        w->part = part;
        w->status = status;
        w->error = *error;
    }
    pthread_mutex_unlock(&w->lock);
    atomic_store(&w->failed, true);
}

static void *run(void *context) {
    work *w = context;
    for (;;) {
        size_t part = atomic_fetch_add(&w->next, 1);
        if (part >= w->n || atomic_load(&w->failed)) return NULL;
        feat_error error = {.row = -1};
        feat_status status = w->task(w->context, part, &error);
        if (status != FEAT_OK) note_failure(w, part, status, &error);
    }
}

feat_status feat_parallel(size_t threads, size_t n, feat_task *task, void *context, feat_error *err) {
    if (threads <= 1 || n <= 1) {
        for (size_t part = 0; part < n; part++) FEAT_TRY(task(context, part, err));
        return FEAT_OK;
    }
    work w = {.task = task, .context = context, .n = n};
    pthread_t *others = feat_alloc_array(threads - 1, sizeof *others);
    if (!others || pthread_mutex_init(&w.lock, NULL) != 0) {
        feat_free(others);
        return feat_fail_memory(err);
    }
    size_t started = 0;
    if (threads > n) threads = n;
    while (started < threads - 1 && pthread_create(&others[started], NULL, run, &w) == 0) started++;
    run(&w); /* also where no thread could be had: the caller's does it all */
    for (size_t i = 0; i < started; i++) pthread_join(others[i], NULL);
    pthread_mutex_destroy(&w.lock);
    feat_free(others);
    if (w.status != FEAT_OK && err) *err = w.error;
    return w.status;
}

size_t feat_thread_count(size_t threads) {
    cpu_set_t set;
    if (threads > 0) return threads;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n > 0 ? (size_t)n : 1;
}
