/* How the values of a view change while no event comes, goes or crosses the edge of a window. */
#ifndef FEAT_LIB_DRIFT_H
#define FEAT_LIB_DRIFT_H

#include "plan/walk.h"

/* A comparison of the newest row's event time with now() - age, as a time to live makes it: its answer changes for the
 * rows that the moving edge passes, and for no others. */
typedef struct feat_expiry {
    uint32_t join;
    feat_interval age;
    bool edge_is_young; /* on which side a row of exactly that age is */
} feat_expiry;

typedef struct feat_drift {
    const char *reason; /* why any entity's value can change; NULL: only by the expiries */
    feat_expiry *expiries;
    size_t n, capacity;
} feat_drift;

/* `walk` is that of the view's stage. To be ended with feat_drift_done whatever comes back. */
feat_status feat_drift_of(const feat_view *view, const feat_walk *walk, feat_drift *drift, feat_error *err);
feat_status feat_drift_of_view(const feat_view *view, feat_drift *drift, feat_error *err);
void feat_drift_done(feat_drift *drift);

#endif
