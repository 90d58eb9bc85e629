/* feat_push, feat_flush, feat_fold; and the lock of all other writers, who fold first. */
#include "feat/push.h"

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/push.h"
#include "store/tail.h"

feat_status feat_store_lock(feat_store *store, feat_error *err) {
    FEAT_TRY(feat_db_lock(store->db, store->busy_timeout_ms, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_push_settle(store->db, err);
    feat_fpenv_leave(&saved);
    if (status != FEAT_OK) feat_db_unlock(store->db);
    return status;
}

static feat_status check_options(const feat_push_options *opt, feat_error *err) {
    if (opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_push: the options' size is not one that this library knows");
    if (opt->on_conflict == FEAT_CONFLICT_REPLACE)
        return feat_fail(err, FEAT_ARGUMENT, "feat_push: a push replaces no row; write it with feat_write");
    if ((int)opt->on_conflict < FEAT_CONFLICT_SKIP_IDENTICAL || opt->on_conflict > FEAT_CONFLICT_REPLACE)
        return feat_fail(err, FEAT_ARGUMENT, "feat_push: %d is no rule for conflicts", (int)opt->on_conflict);
    return FEAT_OK;
}

static feat_status push_locked(feat_store *store, const char *table, struct ArrowArrayStream *rows,
                               const feat_push_options *opt, feat_pushed *done, feat_error *err) {
    feat_fpenv saved;
    feat_fpenv_enter(&saved); /* CHECKs are computed */
    feat_status status = store->pusher ? FEAT_OK : feat_pusher_new(store->db, &store->pusher, err);
    if (status == FEAT_OK) status = feat_pusher_push(store->pusher, table, rows, opt, done, err);
    feat_fpenv_leave(&saved);
    return status;
}

feat_status feat_push(feat_store *store, const char *table, struct ArrowArrayStream *rows, const feat_push_options *opt,
                      feat_pushed *done, feat_error *err) {
    feat_push_options options = FEAT_PUSH_OPTIONS_INIT;
    feat_status status = FEAT_OK;
    if (opt) options = *opt;
    if (!store || !table || !rows || !rows->release)
        status = feat_fail(err, FEAT_ARGUMENT, "feat_push: store, table and a stream that is not released are needed");
    if (status == FEAT_OK) status = check_options(&options, err);
    if (status == FEAT_OK) status = feat_db_check(store->db, err);
    if (status == FEAT_OK) status = feat_db_lock_briefly(store->db, store->busy_timeout_ms, err);
    if (status == FEAT_OK) {
        status = push_locked(store, table, rows, &options, done, err);
        feat_db_unlock(store->db);
    }
    if (rows && rows->release) rows->release(rows); /* when nothing below has */
    return status;
}

feat_status feat_flush(feat_store *store, feat_position *position, feat_error *err) {
    feat_tail_state state;
    uint64_t version;
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_flush: store must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_tail_flush(store->db, store->busy_timeout_ms, &state, err));
    if (!position) return FEAT_OK;
    FEAT_TRY(feat_version_newest(store->db, &version, err));
    *position = (feat_position){version, state.sequence_synced};
    return FEAT_OK;
}

feat_status feat_fold(feat_store *store, feat_commit *done, feat_error *err) {
    feat_commit commit;
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_fold: store must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_db_lock(store->db, store->busy_timeout_ms, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_push_fold(store->db, &commit, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    if (status == FEAT_OK && done) *done = commit;
    return status;
}
