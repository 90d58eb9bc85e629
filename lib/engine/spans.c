#include "engine/spans.h"

#include <stdlib.h>

#include "base/alloc.h"

feat_time_span feat_span_both(feat_time_span a, feat_time_span b) {
    return (feat_time_span){a.first > b.first ? a.first : b.first, a.last < b.last ? a.last : b.last};
}

void feat_spans_done(feat_time_spans *set) {
    feat_free(set->spans);
    *set = (feat_time_spans){0};
}

feat_status feat_spans_add(feat_time_spans *set, feat_time_span span, feat_error *err) {
    if (span.first > span.last) return FEAT_OK;
    if (FEAT_GROW(set->spans, set->capacity, set->n + 1) != 0) return feat_fail_memory(err);
    set->spans[set->n++] = span;
    return FEAT_OK;
}

feat_status feat_spans_add_difference(feat_time_spans *set, feat_time_span a, feat_time_span b, feat_error *err) {
    feat_time_span both = feat_span_both(a, b);
    if (a.first > a.last || b.first > b.last || both.first > both.last) {
        FEAT_TRY(feat_spans_add(set, a, err));
        return feat_spans_add(set, b, err);
    }
    int64_t first = a.first < b.first ? a.first : b.first, last = a.last > b.last ? a.last : b.last;
    if (first < both.first) FEAT_TRY(feat_spans_add(set, (feat_time_span){first, both.first - 1}, err));
    if (both.last < last) FEAT_TRY(feat_spans_add(set, (feat_time_span){both.last + 1, last}, err));
    return FEAT_OK;
}

static int by_start(const void *a, const void *b) {
    int64_t x = ((const feat_time_span *)a)->first, y = ((const feat_time_span *)b)->first;
    return (x > y) - (x < y);
}

void feat_spans_order(feat_time_spans *set) {
    size_t kept = 0;
    if (set->n) qsort(set->spans, set->n, sizeof *set->spans, by_start);
    for (size_t i = 0; i < set->n; i++) {
        feat_time_span *before = kept ? &set->spans[kept - 1] : NULL, span = set->spans[i];
        if (!before || (before->last != INT64_MAX && before->last + 1 < span.first)) set->spans[kept++] = span;
        else if (before->last < span.last) before->last = span.last;
    }
    set->n = kept;
}

/* The first span that does not end before `time`. */
static size_t first_from(const feat_time_spans *set, int64_t time) {
    size_t low = 0, high = set->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->spans[middle].last < time) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool feat_spans_hold(const feat_time_spans *set, int64_t time) {
    size_t at = first_from(set, time);
    return at < set->n && set->spans[at].first <= time;
}

bool feat_spans_meet(const feat_time_spans *set, feat_time_span span) {
    size_t at = first_from(set, span.first);
    return at < set->n && set->spans[at].first <= span.last;
}
