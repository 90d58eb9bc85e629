/* Which events of an entity the windows of a block hold at one t: events are in canonical order, so a window is a range
 * of them, or two where rows at t are left out from its middle. */
#ifndef FEAT_LIB_EXEC_FRAME_H
#define FEAT_LIB_EXEC_FRAME_H

#include "exec/exec.h"

typedef struct feat_range {
    size_t from, to; /* [from, to) */
} feat_range;

typedef struct feat_ranges {
    feat_range first, second; /* the second is empty but for EXCLUDE TIES */
} feat_ranges;

static inline size_t feat_range_length(feat_range r) { return r.to > r.from ? r.to - r.from : 0; }

/* The windows of a block at one t, in memory that is kept from t to t. */
typedef struct feat_frames {
    const feat_block *block;
    feat_cell *clock; /* registers of the clock's code */
    feat_scratch scratch;
    bool uniform; /* all branches have one delay and retention: what is visible is a range too */
    /* At the t of the last call. */
    int64_t t;
    feat_range rows; /* that count at all */
    bool failed;     /* a bound of all rows is an error */
    feat_ranges *windows;
    bool *window_failed;
} feat_frames;

feat_status feat_frames_init(feat_frames *f, const feat_block *block, feat_error *err);
void feat_frames_done(feat_frames *f);

/* Runs the clock; to be called first. */
feat_status feat_frames_clock(feat_frames *f, int64_t t, feat_error *err);
/* Whether event `i`, of a block that is not uniform, is visible at t. */
bool feat_frames_visible(const feat_frames *f, const feat_events *events, size_t i);
/* Finds the windows over `times[0..n)`, which are visible events where the block is not uniform. Returns whether any
 * window holds an event. */
bool feat_frames_find(feat_frames *f, const int64_t *times, size_t n);

typedef enum feat_bound_state {
    FEAT_BOUND_NONE,
    FEAT_BOUND_TIME,
    FEAT_BOUND_NOTHING,
    FEAT_BOUND_ERROR
} feat_bound_state;
/* The value of a bound at t. */
feat_bound_state feat_frames_bound(const feat_frames *f, uint32_t bound, int64_t *time);
/* The event times that any window at t can need. */
void feat_block_span(const feat_frames *f, int64_t *first, int64_t *last);
/* Narrows a range of events to low <= time <= high; false when a bound is an error. */
bool feat_frames_narrow(const feat_frames *f, uint32_t low, uint32_t high, const int64_t *times, feat_range *range);

/* The first of n sorted times that is >= t; without branches that depend on the data. */
static inline size_t feat_time_lower_bound(const int64_t *times, size_t n, int64_t t) {
    const int64_t *base = times;
    while (n > 1) {
        size_t half = n / 2;
        base += base[half - 1] < t ? half : 0;
        n -= half;
    }
    return (size_t)(base - times) + (n == 1 && *base < t);
}

/* ---- Between the scan and the index. ---- */

/* Finds the windows at t; where the block is not uniform, `events` become the visible ones. */
feat_status feat_scanner_frame(feat_scanner *s, const feat_events **events, size_t *first, size_t *n, int64_t t,
                               bool *found, feat_error *err);
/* One aggregate at the windows found. */
feat_status feat_scanner_aggregate(feat_scanner *s, size_t number, const feat_events *events, size_t first,
                                   feat_cell *out, feat_error *err);
const feat_frames *feat_scanner_frames(const feat_scanner *s);

#endif
