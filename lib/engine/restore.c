/* Taking a table back to what it was, and copying one. The version that this makes refers to what is stored already, so
 * a copy costs next to nothing, and going back what the comparison of the two versions costs. */
#include <string.h>

#include "column/utf8.h"
#include "engine/catalog.h"
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
    feat_commit_info info;
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
    if (added + removed > 0) status = feat_table_writer_take(writer, table->table_id, version, added, removed, err);
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

/* ---- Clones. ---- */

static feat_status check_name(feat_catalog *catalog, const char *name, feat_error *err) {
    static const feat_def_kind kinds[] = {FEAT_DEF_TABLE, FEAT_DEF_VIEW};
    if (!name[0] || !feat_utf8_valid(name, strlen(name)) || feat_layer_is(name))
        return feat_fail(err, FEAT_ARGUMENT, "'%.*s' can be no name of a table", feat_utf8_clip(name, 200), name);
    for (size_t i = 0; i < 2; i++)
        if (feat_catalog_find(catalog, kinds[i], name) != FEAT_NO_ENTRY)
            return feat_fail(err, FEAT_EXISTS, "there is a %s '%.*s' already", feat_def_kind_name(kinds[i]),
                             feat_utf8_clip(name, 200), name);
    return FEAT_OK;
}

/* The entry of a table in the log; its bytes are in `form`. */
static feat_status define(feat_catalog *catalog, const feat_schema *table, feat_buffer *form, feat_def *def,
                          feat_error *err) {
    bool failed = false;
    *def = (feat_def){.kind = FEAT_DEF_TABLE, .action = FEAT_DEF_CREATE, .name = table->name, .id = table->table_id};
    def->number = feat_catalog_last_number(catalog, FEAT_DEF_TABLE, table->name) + 1;
    def->fingerprint = feat_table_fingerprint(table, &failed);
    feat_schema_pack(table, form);
    if (failed || form->failed) return feat_fail_memory(err);
    def->parts[FEAT_DEF_FORM] = (feat_bytes){form->data, form->size};
    return FEAT_OK;
}

static feat_status clone(feat_db *db, feat_catalog *catalog, const feat_schema *source, uint64_t version,
                         const char *name, int64_t known_at, feat_commit *done, feat_error *err) {
    feat_schema table = *source;
    feat_table_version *then = NULL;
    feat_transaction *transaction = NULL;
    feat_table_writer *writer = NULL;
    feat_commit_info info;
    feat_buffer form;
    feat_def def;
    table.name = name;
    table.revision = 0; /* what the source was altered by is part of how the clone is made */
    FEAT_TRY(feat_table_open(db, source, version, &then, err));
    int64_t rows = feat_table_rows(then);
    feat_table_close(then);
    FEAT_TRY(feat_table_id_next(db, &table.table_id, err));
    feat_buffer_init(&form);
    feat_status status = define(catalog, &table, &form, &def, err);
    if (status == FEAT_OK) status = feat_transaction_begin(db, FEAT_BRANCH_MAIN, known_at, &transaction, err);
    if (status == FEAT_OK) status = feat_transaction_define(transaction, &def, err);
    if (status == FEAT_OK) status = feat_table_writer_begin_in(transaction, &table, &writer, err);
    if (status == FEAT_OK) status = feat_table_writer_take(writer, source->table_id, version, rows, 0, err);
    if (status == FEAT_OK) status = feat_table_writer_finish(writer, FEAT_OPERATION_CLONE, err);
    else feat_table_writer_abort(writer);
    if (status == FEAT_OK) status = feat_transaction_commit(transaction, &info, err);
    else feat_transaction_abort(transaction);
    feat_buffer_done(&form);
    FEAT_TRY(status);
    *done = (feat_commit){.version = info.version, .known_time = info.known_time, .rows_added = rows};
    return FEAT_OK;
}

feat_status feat_clone_table(feat_db *db, feat_catalog *catalog, const feat_schema *source, uint64_t version,
                             const char *name, int64_t known_at, feat_commit *done, feat_error *err) {
    if (feat_layer_is(source->name))
        return feat_fail(err, FEAT_ARGUMENT, "table '%s' is the layer of a feature view, which belongs to the view",
                         source->name);
    FEAT_TRY(check_name(catalog, name, err));
    FEAT_TRY(feat_table_at(db, catalog, source, version, &source, err));
    return clone(db, catalog, source, version, name, known_at, done, err);
}
