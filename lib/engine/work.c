#include "engine/work.h"

#include "base/clock.h"

void feat_work_init(feat_work *w, feat_progress *progress, void *context, uint64_t total) {
    w->progress = progress;
    w->context = context;
    w->caller = pthread_self();
    w->total = total;
    atomic_init(&w->done, 0);
    atomic_init(&w->rows_read, 0);
    atomic_init(&w->segments_read, 0);
    atomic_init(&w->segments_pruned, 0);
    atomic_init(&w->bytes_read, 0);
    atomic_init(&w->bytes_spilled, 0);
    atomic_init(&w->passes, 0);
    atomic_init(&w->cancelled, false);
    for (int i = 0; i < FEAT_WORK_STAGES; i++) atomic_init(&w->ns[i], 0);
}

feat_status feat_work_step(feat_work *w, uint64_t units, feat_error *err) {
    if (!w) return FEAT_OK;
    uint64_t done = atomic_fetch_add(&w->done, units) + units;
    if (done > w->total) done = w->total;
    if (w->progress && pthread_equal(w->caller, pthread_self()) && !atomic_load(&w->cancelled) &&
        w->progress(w->context, done, w->total) != 0)
        atomic_store(&w->cancelled, true);
    return atomic_load(&w->cancelled) ? feat_fail(err, FEAT_CANCELLED, "stopped by the caller") : FEAT_OK;
}

int64_t feat_work_spent(feat_work *w, feat_stage_of_work stage, int64_t start) {
    int64_t now = feat_clock_ticks();
    if (w) atomic_fetch_add(&w->ns[stage], (uint64_t)(now - start));
    return now;
}

void feat_stages_describe(const feat_stage_time *stages, size_t n, feat_buffer *out) {
    double all = 0;
    for (size_t i = 0; i < n; i++) all += (double)stages[i].ns;
    for (size_t i = 0; i < n; i++)
        feat_buffer_printf(out, "  %-24s %10.3f s %5.1f %%\n", stages[i].name, (double)stages[i].ns / 1e9,
                           all > 0 ? (double)stages[i].ns / all * 100 : 0);
}
