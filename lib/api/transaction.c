/* feat_txn_*, and branches. */
#include "feat/transaction.h"

#include "api/handle.h"
#include "base/alloc.h"
#include "base/fpenv.h"
#include "engine/derivation.h"
#include "engine/engine.h"

struct feat_txn {
    feat_db *db;
    feat_transaction *writes;
    feat_catalog *catalog;
    feat_commit sums;
    bool evolves; /* tables may have more columns after the commit */
};

static void txn_free(feat_txn *txn) {
    feat_transaction_abort(txn->writes);
    feat_catalog_unref(txn->catalog);
    feat_db_unlock(txn->db);
    feat_db_unref(txn->db);
    feat_free(txn);
}

feat_status feat_txn_begin(feat_store *store, const feat_txn_options *opt, feat_txn **out, feat_error *err) {
    feat_txn_options options = FEAT_TXN_OPTIONS_INIT;
    uint32_t branch;
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_txn_begin: store and txn must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_txn_begin: the options' size is not one that this library knows");
    if (opt) options = *opt;
    feat_txn *txn = feat_alloc_zero(1, sizeof *txn);
    if (!txn) return feat_fail_memory(err);
    feat_status status = feat_db_check(store->db, err);
    if (status == FEAT_OK) status = feat_store_lock(store, err);
    if (status != FEAT_OK) {
        feat_free(txn);
        return status;
    }
    txn->db = feat_db_ref(store->db);
    status = feat_branch_find(txn->db, options.branch, &branch, err);
    if (status == FEAT_OK) status = feat_transaction_begin(txn->db, branch, options.known_at, &txn->writes, err);
    if (status == FEAT_OK) status = feat_catalog_load(txn->db, &txn->catalog, err);
    if (status == FEAT_OK) *out = txn;
    else txn_free(txn);
    return status;
}

static feat_status write_rows(feat_txn *txn, const char *table, struct ArrowArrayStream *rows,
                              const feat_write_options *opt, feat_commit *done, feat_error *err) {
    const feat_schema *schema = NULL;
    feat_write_options options = FEAT_WRITE_OPTIONS_INIT;
    feat_commit commit = {0};
    if (opt) options = *opt;
    FEAT_TRY(feat_catalog_table(txn->catalog, table, &schema, err));
    FEAT_TRY(feat_derivation_check_write(txn->catalog, schema, err));
    FEAT_TRY(feat_ingest_in(txn->writes, schema, rows, &options, &commit, err));
    txn->evolves |= options.merge_schema != 0;
    txn->sums.rows_read += commit.rows_read;
    txn->sums.rows_added += commit.rows_added;
    txn->sums.rows_replaced += commit.rows_replaced;
    txn->sums.rows_removed += commit.rows_removed;
    txn->sums.rows_skipped += commit.rows_skipped;
    if (done) *done = commit;
    return FEAT_OK;
}

static feat_status check_write(const feat_txn *txn, const char *table, const struct ArrowArrayStream *rows,
                               const feat_write_options *opt, feat_error *err) {
    bool none = opt && opt->size == sizeof *opt && opt->where;
    if (!txn || !table || (none ? rows != NULL : !rows || !rows->release))
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_txn_write: transaction, table and a stream that is not released are needed; no stream "
                         "with 'where'");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_txn_write: the options' size is not one that this library knows");
    if (opt && (opt->known_at || opt->branch))
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_txn_write: known_at and branch are those of the transaction, not of a write");
    return feat_db_check(txn->db, err);
}

feat_status feat_txn_write(feat_txn *txn, const char *table, struct ArrowArrayStream *rows,
                           const feat_write_options *opt, feat_commit *done, feat_error *err) {
    feat_status status = check_write(txn, table, rows, opt, err);
    if (status == FEAT_OK) {
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        status = write_rows(txn, table, rows, opt, done, err);
        feat_fpenv_leave(&saved);
    }
    if (rows && rows->release) rows->release(rows); /* when nothing below has */
    return status;
}

feat_status feat_txn_commit(feat_txn *txn, feat_commit *done, feat_error *err) {
    if (!txn) return feat_fail(err, FEAT_ARGUMENT, "feat_txn_commit: the transaction must not be NULL");
    feat_commit_info info;
    feat_commit commit = txn->sums;
    feat_status status = feat_transaction_commit(txn->writes, &info, err);
    txn->writes = NULL;
    if (status == FEAT_OK) {
        commit.version = info.version;
        commit.known_time = info.known_time;
        /* The rows are durable: what goes wrong from here on makes the online state late, not the commit failed. */
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        if (txn->evolves) {
            feat_catalog_unref(txn->catalog);
            txn->catalog = NULL;
            commit.online = feat_catalog_load(txn->db, &txn->catalog, NULL);
        }
        if (txn->catalog) commit.online = feat_online_catch_up(txn->db, txn->catalog, NULL);
        feat_fpenv_leave(&saved);
        if (done) *done = commit;
    }
    txn_free(txn);
    return status;
}

void feat_txn_abort(feat_txn *txn) {
    if (txn) txn_free(txn);
}

/* ---- Branches. ---- */

feat_status feat_branch(feat_store *store, const char *name, const feat_at *at, feat_error *err) {
    uint64_t version = 0;
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_branch: store and name must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_at_resolve(store->db, "feat_branch", at, &version, err);
    if (status == FEAT_OK) status = feat_branch_create(store->db, name, version, err);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_unbranch(feat_store *store, const char *name, feat_error *err) {
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_unbranch: store and name must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_branch_remove(store->db, name, err);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_branches(feat_store *store, struct ArrowArrayStream *out, feat_error *err) {
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_branches: store and out must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    return feat_branches_stream(store->db, out, err);
}

static feat_status publish_locked(feat_db *db, const char *name, const feat_publish_options *opt, feat_commit *done,
                                  feat_error *err) {
    feat_commit_info info;
    feat_catalog *catalog = NULL;
    feat_commit commit = {0};
    FEAT_TRY(feat_catalog_load(db, &catalog, err));
    feat_status status = feat_branch_publish(db, name, opt->other_tables, opt->known_at, &info, err);
    if (status == FEAT_OK) {
        commit.version = info.version;
        commit.known_time = info.known_time;
        commit.online = feat_online_catch_up(db, catalog, NULL);
        if (done) *done = commit;
    }
    feat_catalog_unref(catalog);
    return status;
}

feat_status feat_publish(feat_store *store, const char *name, const feat_publish_options *opt, feat_commit *done,
                         feat_error *err) {
    feat_publish_options options = FEAT_PUBLISH_OPTIONS_INIT;
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_publish: store and name must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_publish: the options' size is not one that this library knows");
    if (opt) options = *opt;
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = publish_locked(store->db, name, &options, done, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}
