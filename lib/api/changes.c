/* feat_changes and feat_diff; feat_restore and feat_clone. */
#include "feat/changes.h"

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/changes.h"

static feat_status resolve(feat_db *db, const char *call, const feat_at *from, const feat_at *to, uint64_t *first,
                           uint64_t *last, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    *first = 0;
    if (from) FEAT_TRY(feat_at_resolve(db, call, from, first, err));
    return feat_at_resolve(db, call, to, last, err);
}

feat_status feat_changes(feat_store *store, const char *table, const feat_at *from, const feat_at *to,
                         const feat_changes_options *opt, struct ArrowArrayStream *out, feat_error *err) {
    feat_changes_options options = FEAT_CHANGES_OPTIONS_INIT;
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    uint64_t first, last;
    if (!store || !table || !out)
        return feat_fail(err, FEAT_ARGUMENT, "feat_changes: store, table and out must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_changes: the options' size is not one that this library knows");
    if (opt) options = *opt;
    FEAT_TRY(resolve(store->db, "feat_changes", from, to, &first, &last, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_catalog_load(store->db, &catalog, err);
    if (status == FEAT_OK) status = feat_catalog_table(catalog, table, &schema, err);
    if (status == FEAT_OK)
        status = feat_changes_stream(store->db, catalog, schema, first, last, !options.net, out, err);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    return status;
}

feat_status feat_diff(feat_store *store, const feat_at *from, const feat_at *to, struct ArrowArrayStream *out,
                      feat_error *err) {
    feat_catalog *catalog = NULL;
    uint64_t first, last;
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_diff: store and out must not be NULL");
    FEAT_TRY(resolve(store->db, "feat_diff", from, to, &first, &last, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = feat_catalog_load(store->db, &catalog, err);
    if (status == FEAT_OK) status = feat_diff_stream(store->db, catalog, first, last, out, err);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    return status;
}

/* `name` NULL: restores the table; else clones it. */
static feat_status take_locked(feat_db *db, const char *call, const char *table, const feat_at *at, const char *name,
                               int64_t known_at, feat_commit *done, feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    feat_commit commit = {0};
    uint64_t version = 0;
    FEAT_TRY(feat_at_resolve(db, call, at, &version, err));
    feat_status status = feat_catalog_load(db, &catalog, err);
    if (status == FEAT_OK) status = feat_catalog_table(catalog, table, &schema, err);
    if (status == FEAT_OK)
        status = name ? feat_clone_table(db, catalog, schema, version, name, known_at, &commit, err)
                      : feat_restore_table(db, schema, version, known_at, &commit, err);
    if (status == FEAT_OK) {
        /* The version is durable: what goes wrong from here on makes the online state late, no more. */
        commit.online = feat_online_catch_up(db, catalog, NULL);
        if (done) *done = commit;
    }
    feat_catalog_unref(catalog);
    return status;
}

static feat_status take(feat_store *store, const char *call, const char *table, const feat_at *at, const char *name,
                        int64_t known_at, feat_commit *done, feat_error *err) {
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = take_locked(store->db, call, table, at, name, known_at, done, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_restore(feat_store *store, const char *table, const feat_at *at, int64_t known_at, feat_commit *done,
                         feat_error *err) {
    if (!store || !table) return feat_fail(err, FEAT_ARGUMENT, "feat_restore: store and table must not be NULL");
    return take(store, "feat_restore", table, at, NULL, known_at, done, err);
}

feat_status feat_clone(feat_store *store, const char *table, const feat_at *at, const char *name, int64_t known_at,
                       feat_commit *done, feat_error *err) {
    if (!store || !table || !name)
        return feat_fail(err, FEAT_ARGUMENT, "feat_clone: store, table and name must not be NULL");
    return take(store, "feat_clone", table, at, name, known_at, done, err);
}
