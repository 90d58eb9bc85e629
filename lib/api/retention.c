/* Pins and the vacuum. */
#include "feat/retention.h"

#include "api/handle.h"
#include "base/clock.h"
#include "base/fpenv.h"
#include "engine/engine.h"

feat_status feat_pin(feat_store *store, const feat_at *at, int64_t expires, const char *note, uint64_t *pin,
                     feat_error *err) {
    uint64_t version = 0, number = 0;
    if (!store || !pin) return feat_fail(err, FEAT_ARGUMENT, "feat_pin: store and pin must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    if (expires <= feat_clock_now()) {
        char text[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(expires, text);
        return feat_fail(err, FEAT_ARGUMENT, "a pin that expires at %s has expired already", text);
    }
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_at_resolve(store->db, "feat_pin", at, &version, err);
    if (status == FEAT_OK) status = feat_pin_put(store->db, version, expires, note ? note : "", &number, err);
    feat_db_unlock(store->db);
    if (status == FEAT_OK) *pin = number;
    return status;
}

feat_status feat_unpin(feat_store *store, uint64_t pin, feat_error *err) {
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_unpin: store must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_pin_remove(store->db, pin, err);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_pins(feat_store *store, struct ArrowArrayStream *out, feat_error *err) {
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_pins: store and out must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    return feat_pins_stream(store->db, out, err);
}

static feat_status vacuum_locked(feat_db *db, const feat_vacuum_options *opt, feat_retained *done, feat_error *err) {
    feat_catalog *catalog = NULL;
    int64_t from = 0;
    if (__builtin_sub_overflow(feat_clock_now(), opt->keep_us, &from)) from = INT64_MIN;
    feat_status status = feat_catalog_load(db, &catalog, err);
    if (status == FEAT_OK) status = feat_vacuum_run(db, catalog, opt->keep_versions, from, opt->dry_run, done, err);
    feat_catalog_unref(catalog);
    return status;
}

feat_status feat_vacuum(feat_store *store, const feat_vacuum_options *opt, feat_vacuumed *done, feat_error *err) {
    feat_vacuum_options options = FEAT_VACUUM_OPTIONS_INIT;
    feat_retained kept;
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_vacuum: store must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_vacuum: the options' size is not one that this library knows");
    if (opt) options = *opt;
    if (options.keep_us < 0) return feat_fail(err, FEAT_ARGUMENT, "feat_vacuum: keep_us is below 0");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = vacuum_locked(store->db, &options, &kept, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    if (status == FEAT_OK && done)
        *done = (feat_vacuumed){kept.oldest,          kept.versions, kept.versions_removed, kept.objects,
                                kept.objects_removed, kept.bytes,    kept.bytes_removed};
    return status;
}

static feat_status compact_locked(feat_db *db, const char *table, feat_commit *done, feat_error *err) {
    feat_catalog *catalog = NULL;
    feat_commit commit;
    feat_status status = feat_catalog_load(db, &catalog, err);
    if (status == FEAT_OK) status = feat_compact_tables(db, catalog, table, &commit, err);
    if (status == FEAT_OK) {
        commit.online = feat_online_catch_up(db, catalog, NULL);
        if (done) *done = commit;
    }
    feat_catalog_unref(catalog);
    return status;
}

feat_status feat_compact(feat_store *store, const char *table, feat_commit *done, feat_error *err) {
    if (!store) return feat_fail(err, FEAT_ARGUMENT, "feat_compact: store must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = compact_locked(store->db, table, done, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}
