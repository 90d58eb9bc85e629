#include "engine/reach.h"

#include "base/alloc.h"
#include "exec/frame.h"

static const feat_time_span nothing = {INT64_MAX, INT64_MIN};

static feat_time_span visible_at(const feat_union_branch *branch, int64_t t) {
    feat_window all = {.unbounded = true};
    feat_time_span span;
    if (branch->retained) {
        all.unbounded = false;
        all.start = (feat_interval){(int32_t)branch->table->retention.months, 0, branch->table->retention.us};
    }
    feat_window_bounds(&all, t, branch->table->delay_us, &span.first, &span.last);
    return span;
}

/* Within two of the block's bounds. */
static feat_time_span narrow(feat_reach *r, const feat_frames *f, feat_time_span span, uint32_t low, uint32_t high) {
    feat_time_span limits = {INT64_MIN, INT64_MAX};
    feat_bound_state a = feat_frames_bound(f, low, &limits.first), b = feat_frames_bound(f, high, &limits.last);
    r->failed |= a == FEAT_BOUND_ERROR || b == FEAT_BOUND_ERROR;
    if (a == FEAT_BOUND_NOTHING || b == FEAT_BOUND_NOTHING || r->failed) return nothing;
    if (a == FEAT_BOUND_NONE) limits.first = INT64_MIN;
    if (b == FEAT_BOUND_NONE) limits.last = INT64_MAX;
    return feat_span_both(span, limits);
}

static feat_time_span window_at(feat_reach *r, const feat_frames *f, feat_time_span rows, const feat_window *w) {
    feat_window plain = *w;
    feat_time_span span;
    r->t_alone |= w->exclude != FEAT_EXCLUDE_NOTHING;
    if (w->frame != FEAT_FRAME_RANGE) return rows;
    if (w->low != FEAT_NO_BOUND) plain.unbounded = true;
    feat_window_bounds(&plain, r->t, 0, &span.first, &span.last);
    return narrow(r, f, feat_span_both(rows, span), w->low, w->high);
}

feat_status feat_reach_init(feat_reach *r, const feat_block *block, size_t branch, int64_t t, feat_error *err) {
    feat_frames frames;
    *r = (feat_reach){.t = t, .visible = visible_at(&block->branches[branch], t)};
    r->parts = feat_alloc_array(block->n_windows + block->n_aggregates, sizeof *r->parts);
    if (!r->parts) return feat_fail_memory(err);
    FEAT_TRY(feat_frames_init(&frames, block, err));
    feat_status status = feat_frames_clock(&frames, t, err);
    feat_time_span rows = status == FEAT_OK ? narrow(r, &frames, r->visible, block->low, block->high) : nothing;
    for (size_t i = 0; status == FEAT_OK && i < block->n_windows; i++)
        r->parts[r->n++] = window_at(r, &frames, rows, &block->windows[i]);
    for (size_t i = 0; status == FEAT_OK && i < block->n_aggregates; i++) {
        const feat_aggregate *a = &block->aggregates[i];
        feat_time_span within = a->agg == FEAT_AGG_LAG ? rows : r->parts[a->window];
        r->parts[r->n++] = narrow(r, &frames, within, a->low, a->high);
    }
    feat_frames_done(&frames);
    return status;
}

void feat_reach_done(feat_reach *r) {
    feat_free(r->parts);
    *r = (feat_reach){0};
}

bool feat_reach_holds(const feat_reach *r, int64_t time) {
    for (size_t i = 0; i < r->n; i++)
        if (feat_span_holds(r->parts[i], time)) return true;
    return false;
}

feat_status feat_reach_moved(const feat_reach *from, const feat_reach *to, feat_time_spans *moved, feat_error *err) {
    for (size_t i = 0; i < from->n; i++) FEAT_TRY(feat_spans_add_difference(moved, from->parts[i], to->parts[i], err));
    if (from->t_alone && from->t != to->t) {
        feat_time_span then = {from->t, from->t}, now = {to->t, to->t};
        FEAT_TRY(feat_spans_add(moved, feat_span_both(then, from->visible), err));
        FEAT_TRY(feat_spans_add(moved, feat_span_both(now, to->visible), err));
    }
    feat_spans_order(moved);
    return FEAT_OK;
}
