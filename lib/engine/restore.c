/* Taking a table back to what it was. The version that this makes refers to what is stored already, so it costs what
 * the comparison of the two versions costs. */
#include "engine/changes.h"
#include "plan/layer.h"

static feat_status compare(feat_db *db, const feat_schema *table, uint64_t from, uint64_t to, feat_commit *done,
                           feat_error *err) {
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_changes changes = {0};
    feat_status status = feat_table_open(db, table, from, &older, err);
    if (status == FEAT_OK) status = feat_table_open(db, table, to, &newer, err);
    if (status == FEAT_OK) status = feat_changes_find(older, newer, table, &changes, err);
    if (status == FEAT_OK) {
        done->rows_added = (int64_t)changes.inserted;
        done->rows_replaced = (int64_t)changes.updated;
        done->rows_removed = (int64_t)changes.deleted;
    }
    feat_changes_done(&changes);
    feat_table_close(older);
    feat_table_close(newer);
    return status;
}

feat_status feat_restore_table(feat_db *db, const feat_schema *table, uint64_t version, int64_t known_at,
                               feat_commit *done, feat_error *err) {
    feat_commit commit = {.online = FEAT_OK};
    feat_version_info info;
    feat_table_writer *writer = NULL;
    uint64_t newest;
    if (feat_layer_is(table->name))
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s' is the layer of a feature view: restore the tables that the view reads and "
                         "materialise it",
                         table->name);
    FEAT_TRY(feat_version_newest(db, &newest, err));
    FEAT_TRY(compare(db, table, newest, version, &commit, err));
    FEAT_TRY(feat_table_writer_begin(db, table, &writer, err));
    int64_t added = commit.rows_added + commit.rows_replaced, removed = commit.rows_removed + commit.rows_replaced;
    feat_status status = FEAT_OK;
    if (added + removed > 0) status = feat_table_writer_restore(writer, version, added, removed, err);
    if (status != FEAT_OK) {
        feat_table_writer_abort(writer);
        return status;
    }
    /* With no difference no version is made. */
    FEAT_TRY(feat_table_writer_commit(writer, FEAT_OPERATION_RESTORE, known_at, &info, err));
    commit.version = info.version;
    commit.known_time = info.known_time;
    *done = commit;
    return FEAT_OK;
}
