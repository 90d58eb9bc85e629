/* feat_derive, feat_derivations. */
#include "feat/derive.h"

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/derivation.h"

static feat_status derive_locked(feat_db *db, const char *name, const feat_derive_options *opt, feat_derived *done,
                                 feat_error *err) {
    feat_catalog *catalog = NULL;
    feat_derived derived;
    FEAT_TRY(feat_catalog_load(db, &catalog, err));
    feat_status status = feat_derive_run(db, catalog, name, opt, &derived, err);
    if (status == FEAT_OK) {
        /* The rows are durable: what goes wrong from here on makes the online state late, no more. */
        derived.online = feat_online_catch_up(db, catalog, NULL);
        if (done) *done = derived;
    }
    feat_catalog_unref(catalog);
    return status;
}

feat_status feat_derive(feat_store *store, const char *name, const feat_derive_options *opt, feat_derived *done,
                        feat_error *err) {
    feat_derive_options options = FEAT_DERIVE_OPTIONS_INIT;
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_derive: store and name must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_derive: the options' size is not one that this library knows");
    if (opt) options = *opt;
    if (options.on_error != FEAT_DERIVE_FAIL && options.on_error != FEAT_DERIVE_SKIP)
        return feat_fail(err, FEAT_ARGUMENT, "feat_derive: %d is no rule for errors", (int)options.on_error);
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = derive_locked(store->db, name, &options, done, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_derivations(feat_store *store, const char *name, struct ArrowArrayStream *out, feat_error *err) {
    feat_catalog *catalog = NULL;
    if (!store || !name || !out)
        return feat_fail(err, FEAT_ARGUMENT, "feat_derivations: store, name and out must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_catalog_load(store->db, &catalog, err));
    feat_status status = feat_derivations_stream(store->db, catalog, name, out, err);
    feat_catalog_unref(catalog);
    return status;
}
