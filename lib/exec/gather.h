/* The rows of a window that a function of agg.def looks at, gathered side by side. */
#ifndef FEAT_LIB_EXEC_GATHER_H
#define FEAT_LIB_EXEC_GATHER_H

#include "exec/agg.h"
#include "exec/frame.h"

/* Memory that is kept from call to call. */
typedef struct feat_gather {
    void *values[2];
    uint8_t *states[2];
    int64_t *times;
    uint32_t *rows, *spare;
    size_t values_bytes[2], states_capacity[2], times_capacity, rows_capacity, spare_capacity;
    feat_scratch scratch; /* of the results since the last reset */
} feat_gather;

void feat_gather_init(feat_gather *g);
void feat_gather_done(feat_gather *g);

/* One function over rows numbered from the block's first event: those of `ranges`, with `inside` those within the
 * aggregate's own bounds. */
feat_status feat_gather_run(feat_gather *g, const feat_block *block, const feat_aggregate *a, const feat_events *events,
                            feat_ranges ranges, feat_range inside, int64_t t, feat_cell *out, feat_error *err);

/* Where row `i` stands to row `k` in the order of an aggregate with an ORDER BY: below 0 before it. */
int feat_gather_order(const feat_aggregate *a, const feat_events *events, size_t i, size_t k);
bool feat_gather_key_failed(const feat_aggregate *a, const feat_events *events, size_t i);
/* Whether lane `i` comes before lane `k` in the order of min. */
bool feat_lane_below(feat_class class, const void *values, size_t i, size_t k);
/* Whether event `i` comes before event `k` in the order of min; both are values. */
bool feat_slot_below(const feat_event_slot *slot, size_t i, size_t k);

#endif
