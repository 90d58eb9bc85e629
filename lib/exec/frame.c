#include "exec/frame.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"

static bool same_span(const feat_span *a, const feat_span *b) { return a->months == b->months && a->us == b->us; }

feat_status feat_frames_init(feat_frames *f, const feat_block *block, feat_error *err) {
    const feat_code *clock = block->clock.code;
    *f = (feat_frames){.block = block, .uniform = true};
    f->windows = feat_alloc_zero(block->n_windows, sizeof *f->windows);
    f->window_failed = feat_alloc_zero(block->n_windows, sizeof *f->window_failed);
    f->clock = feat_alloc_zero(clock ? clock->n_regs : 0, sizeof *f->clock);
    if (!f->windows || !f->window_failed || !f->clock) {
        feat_frames_done(f);
        return feat_fail_memory(err);
    }
    if (clock) feat_row_init(clock, f->clock);
    for (size_t i = 1; i < block->n_branches; i++) {
        const feat_union_branch *a = &block->branches[0], *b = &block->branches[i];
        f->uniform &= a->table->delay_us == b->table->delay_us && a->retained == b->retained &&
                      (!a->retained || same_span(&a->table->retention, &b->table->retention));
    }
    return FEAT_OK;
}

void feat_frames_done(feat_frames *f) {
    feat_free(f->windows);
    feat_free(f->window_failed);
    feat_free(f->clock);
    feat_scratch_done(&f->scratch);
    *f = (feat_frames){0};
}

feat_status feat_frames_clock(feat_frames *f, int64_t t, feat_error *err) {
    const feat_code *code = f->block->clock.code;
    f->t = t;
    if (!code || code->n_outputs == 0) return FEAT_OK;
    feat_scratch_reset(&f->scratch);
    for (size_t i = 0; i < code->n_loads; i++)
        f->clock[code->loads[i].reg] = feat_cell_of_int(t); /* NOW is all there is */
    feat_row_run(code, f->clock, &f->scratch);
    return f->scratch.failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_bound_state feat_frames_bound(const feat_frames *f, uint32_t bound, int64_t *time) {
    if (bound == FEAT_NO_BOUND) return FEAT_BOUND_NONE;
    const feat_cell *cell = &f->clock[f->block->clock.code->outputs[bound]];
    *time = cell->v.i;
    return cell->state == FEAT_STATE_VALUE  ? FEAT_BOUND_TIME
           : cell->state == FEAT_STATE_NULL ? FEAT_BOUND_NOTHING
                                            : FEAT_BOUND_ERROR;
}

/* The span of event times that a branch shows at t. */
static void visible_times(const feat_union_branch *branch, int64_t t, int64_t *first, int64_t *last) {
    feat_window all = {.unbounded = true};
    if (branch->retained) {
        all.unbounded = false;
        all.start = (feat_interval){(int32_t)branch->table->retention.months, 0, branch->table->retention.us};
    }
    feat_window_bounds(&all, t, branch->table->delay_us, first, last);
}

bool feat_frames_visible(const feat_frames *f, const feat_events *events, size_t i) {
    int64_t first, last, source = feat_column_int(&events->ties[0], i);
    visible_times(&f->block->branches[source], f->t, &first, &last);
    return first <= events->time[i] && events->time[i] <= last;
}

static feat_range between(const int64_t *times, feat_range within, int64_t first, int64_t last) {
    if (first > last || within.from >= within.to) return (feat_range){within.from, within.from};
    size_t n = within.to - within.from;
    feat_range range = within;
    if (first != INT64_MIN) range.from = within.from + feat_time_lower_bound(times + within.from, n, first);
    if (last != INT64_MAX) range.to = within.from + feat_time_lower_bound(times + within.from, n, last + 1);
    if (range.to < range.from) range.to = range.from;
    return range;
}

bool feat_frames_narrow(const feat_frames *f, uint32_t low, uint32_t high, const int64_t *times, feat_range *range) {
    int64_t first = INT64_MIN, last = INT64_MAX;
    feat_bound_state a = feat_frames_bound(f, low, &first), b = feat_frames_bound(f, high, &last);
    if (a == FEAT_BOUND_ERROR || b == FEAT_BOUND_ERROR) return false;
    if (a == FEAT_BOUND_NOTHING || b == FEAT_BOUND_NOTHING) range->to = range->from;
    else
        *range =
            between(times, *range, a == FEAT_BOUND_NONE ? INT64_MIN : first, b == FEAT_BOUND_NONE ? INT64_MAX : last);
    return true;
}

/* ---- Frames. ---- */

static bool find_range(const feat_frames *f, const feat_window *w, const int64_t *times, feat_range *range) {
    int64_t first, last;
    feat_window plain = *w;
    if (w->low != FEAT_NO_BOUND) plain.unbounded = true;
    feat_window_bounds(&plain, f->t, 0, &first, &last);
    *range = between(times, f->rows, first, last);
    return feat_frames_narrow(f, w->low, w->high, times, range);
}

static feat_range find_rows(const feat_frames *f, const feat_window *w) {
    feat_range rows = f->rows;
    size_t n = rows.to - rows.from, current = n - 1; /* counted from the oldest */
    feat_range range = rows;
    if (n == 0 || (uint64_t)w->last > current) return (feat_range){rows.from, rows.from};
    range.to = rows.from + (current - (size_t)w->last) + 1;
    if (!w->unbounded && (uint64_t)w->first <= current) range.from = rows.from + (current - (size_t)w->first);
    if (range.to < range.from) range.to = range.from;
    return range;
}

/* The start of the group `count` groups before the current one, or the oldest row's when there are fewer. */
static size_t group_start(const int64_t *times, feat_range rows, int64_t count, bool *fewer) {
    size_t at = rows.to;
    *fewer = true;
    for (int64_t i = 0; at > rows.from; i++) {
        at = rows.from + feat_time_lower_bound(times + rows.from, at - rows.from, times[at - 1]);
        if (i == count) {
            *fewer = false;
            break;
        }
    }
    return at;
}

static feat_range find_groups(const feat_frames *f, const feat_window *w, const int64_t *times) {
    feat_range range = f->rows;
    bool fewer = false;
    if (w->last > 0) range.to = group_start(times, f->rows, w->last - 1, &fewer);
    if (fewer) range.to = range.from; /* the group before the oldest is none */
    if (!w->unbounded) range.from = group_start(times, f->rows, w->first, &fewer);
    if (range.to < range.from) range.to = range.from;
    return range;
}

/* Rows at t are the last ones, and the current row is the very last. */
static feat_ranges exclude(const feat_frames *f, const feat_window *w, const int64_t *times, feat_range range) {
    feat_ranges ranges = {range, {0, 0}};
    feat_range rows = f->rows;
    if (w->exclude == FEAT_EXCLUDE_NOTHING || range.from >= range.to) return ranges;
    size_t current = rows.to - 1,
           at_t = rows.from + feat_time_lower_bound(times + rows.from, rows.to - rows.from, f->t);
    if (at_t == rows.to) return ranges;
    bool has_current = range.to == rows.to;
    size_t cut = w->exclude == FEAT_EXCLUDE_CURRENT_ROW ? current : at_t;
    if (ranges.first.to > cut) ranges.first.to = cut;
    if (ranges.first.to < ranges.first.from) ranges.first.to = ranges.first.from;
    if (w->exclude == FEAT_EXCLUDE_TIES && has_current) ranges.second = (feat_range){current, rows.to};
    return ranges;
}

bool feat_frames_find(feat_frames *f, const int64_t *times, size_t n) {
    const feat_block *block = f->block;
    f->rows = (feat_range){0, n};
    if (f->uniform && n) {
        int64_t first, last;
        visible_times(&block->branches[0], f->t, &first, &last);
        f->rows = between(times, f->rows, first, last);
    }
    f->failed = !feat_frames_narrow(f, block->low, block->high, times, &f->rows);
    bool found = false;
    for (size_t i = 0; i < block->n_windows; i++) {
        const feat_window *w = &block->windows[i];
        feat_range range = {f->rows.from, f->rows.from};
        f->window_failed[i] = f->failed;
        if (!f->failed) {
            if (w->frame == FEAT_FRAME_RANGE) f->window_failed[i] = !find_range(f, w, times, &range);
            else range = w->frame == FEAT_FRAME_ROWS ? find_rows(f, w) : find_groups(f, w, times);
        }
        if (f->window_failed[i]) range.to = range.from;
        f->windows[i] = exclude(f, w, times, range);
        found |= feat_range_length(f->windows[i].first) || feat_range_length(f->windows[i].second);
    }
    return found;
}

void feat_block_span(const feat_frames *f, int64_t *first, int64_t *last) {
    const feat_block *block = f->block;
    *first = INT64_MAX;
    *last = INT64_MIN;
    for (size_t i = 0; i < block->n_windows; i++) {
        const feat_window *w = &block->windows[i];
        int64_t from, to, bound;
        feat_window plain = *w;
        if (w->frame != FEAT_FRAME_RANGE) plain = (feat_window){.unbounded = true};
        if (w->low != FEAT_NO_BOUND) plain.unbounded = true;
        feat_window_bounds(&plain, f->t, 0, &from, &to);
        if (feat_frames_bound(f, w->low, &bound) == FEAT_BOUND_TIME && bound > from) from = bound;
        if (from < *first) *first = from;
    }
    for (size_t a = 0; a < block->n_aggregates; a++)
        if (block->aggregates[a].agg == FEAT_AGG_LAG) *first = INT64_MIN;
    /* Rows after the window's end decide which row is the current one, so all that is visible is wanted. */
    for (size_t i = 0; i < block->n_branches; i++) {
        int64_t from, to;
        visible_times(&block->branches[i], f->t, &from, &to);
        if (to > *last) *last = to;
    }
}
