/* feat_materialize, feat_materialize_explain, feat_layer. */
#include "feat/materialize.h"

#include <stdlib.h>

#include "api/handle.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fpenv.h"
#include "engine/materialize.h"
#include "plan/layer.h"

static feat_status check_options(const feat_materialize_options *opt, feat_error *err) {
    feat_digest wanted;
    if (opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: the options' size is not one that this library knows");
    if (opt->on_error != FEAT_ON_ERROR_FAIL && opt->on_error != FEAT_ON_ERROR_NULL)
        return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: %d is no rule for errors", (int)opt->on_error);
    if (opt->fingerprint && !feat_digest_parse(&wanted, opt->fingerprint))
        return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: a fingerprint has 32 hexadecimal digits");
    if (opt->stats && opt->stats->size != sizeof *opt->stats)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_materialize: the statistics' size is not one that this library knows");
    if (opt->threads > 4096) return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: at most 4,096 threads");
    if (opt->times) return FEAT_OK;
    if (opt->end < opt->start)
        return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: the end of the times lies before their start");
    if (opt->every < 0 || (opt->every == 0 && opt->end != opt->start))
        return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: the step from time to time must be above 0");
    return FEAT_OK;
}

static int by_number(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The times of a call, ascending; freed with feat_free. */
static feat_status list_times(const feat_materialize_options *opt, int64_t **times, size_t *n, feat_error *err) {
    enum { MOST = 10000000 };
    uint64_t count = opt->times ? opt->n_times : 1;
    if (!opt->times && opt->every) count = ((uint64_t)opt->end - (uint64_t)opt->start) / (uint64_t)opt->every + 1;
    if (count > MOST) return feat_fail(err, FEAT_LIMIT, "more than %d times to materialise at", (int)MOST);
    int64_t *list = feat_alloc_array((size_t)count, sizeof *list);
    if (!list) return feat_fail_memory(err);
    for (size_t i = 0; i < count; i++) list[i] = opt->times ? opt->times[i] : opt->start + (int64_t)i * opt->every;
    if (count) qsort(list, (size_t)count, sizeof *list, by_number);
    *times = list;
    *n = (size_t)count;
    return FEAT_OK;
}

static feat_status find(feat_db *db, const char *name, const feat_materialize_options *opt, feat_catalog **catalog,
                        const feat_view **view, feat_error *err) {
    feat_digest wanted;
    if (opt->fingerprint) feat_digest_parse(&wanted, opt->fingerprint); /* it was checked */
    FEAT_TRY(feat_catalog_load(db, catalog, err));
    return feat_materialize_find(*catalog, name, opt->view_version, opt->fingerprint ? &wanted : NULL, view, err);
}

static feat_status materialize_locked(feat_db *db, const char *name, const feat_materialize_options *opt,
                                      const int64_t *times, size_t n, feat_materialized *done, feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_view *view = NULL;
    feat_status status = find(db, name, opt, &catalog, &view, err);
    if (status == FEAT_OK) status = feat_materialize_run(db, catalog, view, times, n, opt, done, err);
    /* Runs that were committed are durable, also when a later one failed. */
    if (catalog && done->runs) done->online = feat_online_catch_up(db, catalog, NULL);
    feat_catalog_unref(catalog);
    return status;
}

feat_status feat_materialize(feat_store *store, const char *view, const feat_materialize_options *opt,
                             feat_materialized *done, feat_error *err) {
    feat_materialize_options now = FEAT_MATERIALIZE_OPTIONS_INIT;
    feat_materialized counts = {.online = FEAT_OK};
    int64_t *times = NULL;
    size_t n = 0;
    if (!store || !view) return feat_fail(err, FEAT_ARGUMENT, "feat_materialize: store and view are needed");
    if (!opt) {
        now.start = now.end = feat_clock_now();
        opt = &now;
    }
    FEAT_TRY(check_options(opt, err));
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(list_times(opt, &times, &n, err));
    feat_status status = feat_store_lock(store, err);
    if (status == FEAT_OK) {
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        status = materialize_locked(store->db, view, opt, times, n, &counts, err);
        feat_fpenv_leave(&saved);
        feat_db_unlock(store->db);
    }
    feat_free(times);
    if (done) *done = counts;
    return status;
}

feat_status feat_materialize_explain(const feat_materialize_stats *stats, char **text, feat_error *err) {
    if (!stats || stats->size != sizeof *stats || !text)
        return feat_fail(
            err, FEAT_ARGUMENT,
            "feat_materialize_explain: statistics of a size that this library knows and a text are needed");
    feat_buffer out;
    feat_buffer_init(&out);
    feat_materialize_describe(stats, &out);
    char *made = feat_buffer_take_text(&out);
    if (!made) return feat_fail_memory(err);
    *text = made;
    return FEAT_OK;
}

feat_status feat_layer(feat_store *store, const char *view, const feat_materialize_options *opt, char **name,
                       feat_error *err) {
    feat_materialize_options defaults = FEAT_MATERIALIZE_OPTIONS_INIT;
    feat_catalog *catalog = NULL;
    const feat_view *found = NULL;
    feat_arena arena;
    if (!store || !view || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_layer: store, view and name are needed");
    if (!opt) opt = &defaults;
    FEAT_TRY(check_options(opt, err));
    FEAT_TRY(feat_db_check(store->db, err));
    feat_arena_init(&arena);
    feat_status status = find(store->db, view, opt, &catalog, &found, err);
    if (status == FEAT_OK) {
        char *text = feat_layer_name(&arena, found), *copy = text ? feat_strdup(text) : NULL;
        if (copy) *name = copy;
        else status = feat_fail_memory(err);
    }
    feat_arena_done(&arena);
    feat_catalog_unref(catalog);
    return status;
}
