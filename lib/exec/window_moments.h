/* Moments of ranges of events, for statistics over long windows: states of the events before every so many, of which
 * two are subtracted. They are made when a long range is first asked for. The events may be those of many entities, one
 * after the other. */
#ifndef FEAT_LIB_EXEC_WINDOW_MOMENTS_H
#define FEAT_LIB_EXEC_WINDOW_MOMENTS_H

#include "exec/frame.h"
#include "math/moments.h"

typedef struct feat_window_moments {
    feat_moments_kind kind;
    uint32_t slot, second; /* what a call names first and second; FEAT_NO_NODE: nothing */
    bool of_time;          /* the second is the event time */
    /* Of the events at hand. */
    bool served;         /* all times are doubles */
    bool all_count;      /* every event is a value: `places` are not looked at */
    const double *x, *y; /* values that count, side by side; y only of pairs */
    uint32_t *places;    /* how many count before each event, and after the last */
    uint32_t *errors;    /* how many are errors, likewise */
    double *own_x, *own_y;
    feat_moments *before; /* of the first GROUP * i values; the first `ready` of them are made */
    size_t ready, places_capacity, errors_capacity, x_capacity, y_capacity, before_capacity;
} feat_window_moments;

/* Whether there is a structure for an aggregate, and what it asks of which moments. */
bool feat_window_moments_serve(const feat_aggregate *a, feat_window_moments *part, feat_statistic *statistic);
/* Whether two parts are of the same moments. */
bool feat_window_moments_same(const feat_window_moments *a, const feat_window_moments *b);
/* Forgets what was built. */
void feat_window_moments_clear(feat_window_moments *part);
void feat_window_moments_done(feat_window_moments *part);
/* Over events [first, first + n), which are borrowed; 0, or -1 when memory is out. */
int feat_window_moments_build(feat_window_moments *part, const feat_events *events, size_t first, size_t n);
/* Over a range of them, counted from `first`. */
feat_status feat_window_moments_query(feat_window_moments *part, feat_statistic statistic, feat_range range,
                                      feat_cell *out, feat_error *err);

#endif
