/* feat_write. */
#include "feat/write.h"

#include <string.h>

#include "api/handle.h"
#include "base/fpenv.h"
#include "engine/derivation.h"

static feat_status write_locked(feat_db *db, const char *table, struct ArrowArrayStream *rows,
                                const feat_write_options *opt, feat_commit *done, feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    feat_commit commit;
    feat_status status = feat_catalog_load(db, &catalog, err);
    if (status == FEAT_OK) status = feat_catalog_table(catalog, table, &schema, err);
    if (status == FEAT_OK) status = feat_derivation_check_write(catalog, schema, err);
    if (status == FEAT_OK) status = feat_ingest(db, schema, rows, opt, &commit, err);
    if (status == FEAT_OK) {
        /* The rows are durable: what goes wrong from here on makes the online state late, not the write failed. */
        if (opt && opt->merge_schema) { /* the catalog may have changed with the commit */
            feat_catalog_unref(catalog);
            catalog = NULL;
            commit.online = feat_catalog_load(db, &catalog, NULL);
        }
        if (catalog) commit.online = feat_online_catch_up(db, catalog, NULL);
        if (done) *done = commit;
    }
    feat_catalog_unref(catalog);
    return status;
}

static feat_status check_arguments(feat_store *store, const char *table, struct ArrowArrayStream *rows,
                                   const feat_write_options *opt, feat_error *err) {
    bool none = opt && opt->size == sizeof *opt && opt->where;
    if (!store || !table || (none ? rows != NULL : !rows || !rows->release))
        return feat_fail(
            err, FEAT_ARGUMENT,
            "feat_write: store, table and a stream that is not released are needed; no stream with 'where'");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_write: the options' size is not one that this library knows");
    if (opt && opt->application &&
        strncmp(opt->application, FEAT_DERIVATION_PREFIX, sizeof FEAT_DERIVATION_PREFIX - 1) == 0)
        return feat_fail(err, FEAT_ARGUMENT, "feat_write: names of applications that begin with '%s' are taken",
                         FEAT_DERIVATION_PREFIX);
    return feat_db_check(store->db, err);
}

feat_status feat_write(feat_store *store, const char *table, struct ArrowArrayStream *rows,
                       const feat_write_options *opt, feat_commit *done, feat_error *err) {
    feat_status status = check_arguments(store, table, rows, opt, err);
    if (status == FEAT_OK) status = feat_store_lock(store, err);
    if (status == FEAT_OK) {
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        status = write_locked(store->db, table, rows, opt, done, err);
        feat_fpenv_leave(&saved);
        feat_db_unlock(store->db);
    }
    if (rows && rows->release) rows->release(rows); /* when nothing below has */
    return status;
}
