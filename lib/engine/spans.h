/* Sets of event times, as sorted spans that do not touch. */
#ifndef FEAT_LIB_SPANS_H
#define FEAT_LIB_SPANS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* first <= time <= last; empty when first > last. */
typedef struct feat_time_span {
    int64_t first, last;
} feat_time_span;

static inline bool feat_span_holds(feat_time_span s, int64_t time) { return s.first <= time && time <= s.last; }
feat_time_span feat_span_both(feat_time_span a, feat_time_span b);

typedef struct feat_time_spans {
    feat_time_span *spans;
    size_t n, capacity;
} feat_time_spans;

void feat_spans_done(feat_time_spans *set);
/* Any number of spans, in any order, then once: */
feat_status feat_spans_add(feat_time_spans *set, feat_time_span span, feat_error *err);
void feat_spans_order(feat_time_spans *set);
/* What is in one of two spans and not in the other. */
feat_status feat_spans_add_difference(feat_time_spans *set, feat_time_span a, feat_time_span b, feat_error *err);
/* Whether a set that is in order holds a time, or any of a span. */
bool feat_spans_hold(const feat_time_spans *set, int64_t time);
bool feat_spans_meet(const feat_time_spans *set, feat_time_span span);

#endif
