/* Entities that are swept together: their events, and the rows that ask about them. One thread's. */
#ifndef FEAT_LIB_BATCH_H
#define FEAT_LIB_BATCH_H

#include "engine/grouping.h"
#include "exec/exec.h"

typedef struct feat_row_batch {
    feat_sweep *sweep; /* owned */
    feat_sweep_entity *entities;
    const feat_grouping *groups; /* borrowed from the first addition to the run */
    size_t n, n_rows, first; /* entities; their rows, which stand in the groups from `first` on, one after the other */
    bool apart;              /* or they do not, and are copied: */
    int64_t *times;
    uint32_t *numbers;
    size_t entities_capacity, times_capacity, numbers_capacity;
} feat_row_batch;

/* Adds the rows of group `number`, whose entity's events are [from, to) of those that the batch is run over. */
feat_status feat_row_batch_add(feat_row_batch *b, const feat_grouping *g, size_t number, uint32_t from, uint32_t to,
                               feat_error *err);
/* Answers the rows to their places, and empties the batch. */
feat_status feat_row_batch_run(feat_row_batch *b, const feat_events *events, feat_answers *answers, feat_error *err);
void feat_row_batch_done(feat_row_batch *b);

#endif
