#include "engine/changed.h"

feat_status feat_table_changed(feat_db *db, const feat_schema *table, uint64_t from, uint64_t to, bool *changed,
                               feat_error *err) {
    feat_table_version *older = NULL, *newer = NULL;
    feat_status status = feat_table_open(db, table, from, &older, err);
    if (status == FEAT_OK) status = feat_table_open(db, table, to, &newer, err);
    if (status == FEAT_OK) {
        feat_digest a = feat_table_digest(older), b = feat_table_digest(newer);
        *changed = feat_table_rows(older) != feat_table_rows(newer) || !feat_digest_equal(&a, &b);
    }
    feat_table_close(older);
    feat_table_close(newer);
    return status;
}

feat_status feat_joins_changed(feat_db *db, const feat_code *code, uint64_t from, uint64_t to, bool *changed,
                               feat_error *err) {
    for (size_t j = 0; j < code->n_joins && !*changed; j++) {
        const feat_block *block = code->joins[j].block;
        for (size_t b = 0; b < block->n_branches && !*changed; b++) {
            FEAT_TRY(feat_table_changed(db, block->branches[b].table, from, to, changed, err));
            if (!*changed) FEAT_TRY(feat_joins_changed(db, block->branches[b].stage.code, from, to, changed, err));
        }
    }
    return FEAT_OK;
}
