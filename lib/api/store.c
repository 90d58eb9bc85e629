/* Opening a store and defining what it holds. */
#include "feat/store.h"

#include "api/handle.h"
#include "base/alloc.h"
#include "base/fpenv.h"
#include "engine/engine.h"

feat_status feat_open(const char *path, const feat_open_options *opt, feat_store **store, feat_error *err) {
    feat_open_options options = FEAT_OPEN_OPTIONS_INIT;
    if (!path || !store) return feat_fail(err, FEAT_ARGUMENT, "feat_open: path and store must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_open: the options' size is not one that this library knows");
    if (opt) options = *opt;
    if (options.mode != FEAT_MODE_CREATE && options.mode != FEAT_MODE_WRITE && options.mode != FEAT_MODE_READ)
        return feat_fail(err, FEAT_ARGUMENT, "feat_open: %d is no mode", (int)options.mode);
    feat_store *s = feat_alloc_zero(1, sizeof *s);
    if (!s) return feat_fail_memory(err);
    feat_status status = feat_db_open(path, options.mode, &s->db, err);
    if (status != FEAT_OK) {
        feat_free(s);
        return status;
    }
    s->busy_timeout_ms = options.busy_timeout_ms;
    *store = s;
    return FEAT_OK;
}

void feat_close(feat_store *store) {
    if (!store) return;
    feat_pusher_free(store->pusher);
    feat_db_unref(store->db);
    feat_free(store);
}

feat_status feat_define(feat_store *store, const char *sql, feat_error *err) {
    if (!store || !sql) return feat_fail(err, FEAT_ARGUMENT, "feat_define: store and sql must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved); /* constants are folded */
    feat_status status = feat_script_run(store->db, sql, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}
