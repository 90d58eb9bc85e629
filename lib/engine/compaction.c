/* Compaction that one asks for: a commit that changes no row. Writers do the same a step at a time, as part of theirs.
 */
#include "engine/catalog.h"

static feat_status compact_table(feat_transaction *t, const feat_schema *table, bool *any, feat_error *err) {
    feat_table_writer *writer;
    bool more = true;
    FEAT_TRY(feat_table_writer_begin_in(t, table, &writer, err));
    while (more) {
        feat_status status = feat_table_writer_compact(writer, &more, err);
        if (status != FEAT_OK) {
            feat_table_writer_abort(writer);
            return status;
        }
        *any |= more;
    }
    return feat_table_writer_finish(writer, FEAT_OPERATION_COMPACT, err);
}

static feat_status compact_all(feat_transaction *t, feat_catalog *catalog, bool *any, feat_error *err) {
    for (uint32_t i = 0; i < catalog->n; i++) {
        const feat_def *def = &catalog->entries[i].def;
        const feat_schema *table;
        if (def->kind != FEAT_DEF_TABLE || feat_catalog_find(catalog, FEAT_DEF_TABLE, def->name) != i) continue;
        FEAT_TRY(feat_catalog_table(catalog, def->name, &table, err));
        FEAT_TRY(compact_table(t, table, any, err));
    }
    return FEAT_OK;
}

feat_status feat_compact_tables(feat_db *db, feat_catalog *catalog, const char *name, feat_commit *done,
                                feat_error *err) {
    feat_transaction *t;
    const feat_schema *table;
    feat_commit_info info;
    bool any = false;
    FEAT_TRY(feat_transaction_begin(db, FEAT_BRANCH_MAIN, 0, &t, err));
    feat_status status = FEAT_OK;
    if (name) status = feat_catalog_table(catalog, name, &table, err);
    if (status == FEAT_OK) status = name ? compact_table(t, table, &any, err) : compact_all(t, catalog, &any, err);
    if (status != FEAT_OK) {
        feat_transaction_abort(t);
        return status;
    }
    FEAT_TRY(feat_transaction_commit(t, &info, err));
    *done = (feat_commit){.version = info.version, .known_time = info.known_time, .online = FEAT_OK};
    return FEAT_OK;
}
