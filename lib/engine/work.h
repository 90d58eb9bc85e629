/* What the threads of one long call share: how far it is, whether it is to stop, and what it has cost. */
#ifndef FEAT_LIB_WORK_H
#define FEAT_LIB_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "feat/progress.h"

/* Stages of a call whose time is taken, summed over threads. */
typedef enum feat_stage_of_work {
    FEAT_WORK_SPINE,  /* reading the caller's rows */
    FEAT_WORK_GROUP,  /* grouping them by key and time */
    FEAT_WORK_READ,   /* events from the store, and bringing them together */
    FEAT_WORK_SWEEP,  /* windows and aggregates */
    FEAT_WORK_OUTPUT, /* expressions, and the columns of the result */
    FEAT_WORK_STAGES
} feat_stage_of_work;

typedef struct feat_work {
    feat_progress *progress; /* NULL: nobody watches */
    void *context;
    pthread_t caller; /* the thread that progress is told on */
    uint64_t total;
    atomic_uint_fast64_t done, rows_read, segments_read, segments_pruned, bytes_read, bytes_spilled, passes;
    atomic_uint_fast64_t ns[FEAT_WORK_STAGES];
    atomic_bool cancelled;
} feat_work;

void feat_work_init(feat_work *work, feat_progress *progress, void *context, uint64_t total);
/* Counts `units` as done and, on the caller's thread, tells so; FEAT_CANCELLED when the work is to stop. `work` may be
 * NULL. */
feat_status feat_work_step(feat_work *work, uint64_t units, feat_error *err);
/* Adds the time since `start` (of feat_clock_ticks) to a stage and returns the present one. `work` may be NULL. */
int64_t feat_work_spent(feat_work *work, feat_stage_of_work stage, int64_t start);

/* Stages by name, with the share of each in their sum, a line each. */
typedef struct feat_stage_time {
    const char *name;
    uint64_t ns;
} feat_stage_time;
void feat_stages_describe(const feat_stage_time *stages, size_t n, feat_buffer *out);

#endif
