/* Which events of a branch a block looks at when it is asked at t: the spans of event times that its windows, and the
 * parts of them that single aggregates take, cover. What is not in one of them cannot bear on an answer at t, and an
 * event that is in the same ones at two times bears on both answers alike. */
#ifndef FEAT_LIB_REACH_H
#define FEAT_LIB_REACH_H

#include "engine/spans.h"
#include "plan/plan.h"

typedef struct feat_reach {
    int64_t t;
    feat_time_span visible;
    /* For each window, then for each aggregate. ROWS and GROUPS frames and lag count rows from the newest one on, so
     * whatever is visible can bear on them. */
    feat_time_span *parts;
    size_t n;
    bool failed;  /* a bound is an error */
    bool t_alone; /* rows at t itself are treated apart (EXCLUDE) */
} feat_reach;

feat_status feat_reach_init(feat_reach *reach, const feat_block *block, size_t branch, int64_t t, feat_error *err);
void feat_reach_done(feat_reach *reach);
/* Whether an event at `time` bears on the answer. */
bool feat_reach_holds(const feat_reach *reach, int64_t time);
/* The event times that bear differently on the answers at two times; in order. */
feat_status feat_reach_moved(const feat_reach *from, const feat_reach *to, feat_time_spans *moved, feat_error *err);

#endif
