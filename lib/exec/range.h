/* The events of an entity that lie in a window: events are sorted by time, so they are a range. */
#ifndef FEAT_LIB_EXEC_RANGE_H
#define FEAT_LIB_EXEC_RANGE_H

#include "exec/exec.h"

typedef struct feat_range {
    size_t from, to; /* [from, to) */
} feat_range;

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

static inline feat_range feat_window_range(const feat_window *window, int64_t delay_us, const int64_t *times, size_t n,
                                           int64_t t) {
    int64_t first, last;
    feat_window_bounds(window, t, delay_us, &first, &last);
    if (first > last || n == 0) return (feat_range){0, 0};
    feat_range range;
    range.from = first == INT64_MIN ? 0 : feat_time_lower_bound(times, n, first);
    range.to = last == INT64_MAX ? n : feat_time_lower_bound(times, n, last + 1);
    return range;
}

/* The ranges of a view's windows at one t, without memory from the heap: the first few are kept, any others found again
 * for each aggregate. */
#define FEAT_RANGES_KEPT 16

typedef struct feat_ranges {
    const feat_view *view;
    const int64_t *times;
    size_t n;
    int64_t t;
    feat_range kept[FEAT_RANGES_KEPT];
} feat_ranges;

/* Returns whether any window holds an event. */
static inline bool feat_ranges_init(feat_ranges *r, const feat_view *view, const int64_t *times, size_t n, int64_t t) {
    r->view = view;
    r->times = times;
    r->n = n;
    r->t = t;
    bool found = false;
    for (size_t w = 0; w < view->n_windows; w++) {
        feat_range range = feat_window_range(&view->windows[w], view->table->delay_us, times, n, t);
        if (w < FEAT_RANGES_KEPT) r->kept[w] = range;
        found = found || range.from < range.to;
    }
    return found;
}

static inline feat_range feat_ranges_get(const feat_ranges *r, uint32_t window) {
    if (window < FEAT_RANGES_KEPT) return r->kept[window];
    return feat_window_range(&r->view->windows[window], r->view->table->delay_us, r->times, r->n, r->t);
}

#endif
