/* What several writers do to tables, until it becomes one commit. Their blocks and manifests are durable already; a
 * transaction holds no more than a line for each table. */
#include "store/transaction.h"

#include <string.h>

#include "base/alloc.h"
#include "store/manifest.h"
#include "store/tail.h"

typedef struct applied {
    uint32_t table_id;
    feat_application application;
} applied;

struct feat_transaction {
    feat_db *db;
    feat_arena arena;
    feat_commit_info base; /* what it starts from */
    feat_commit_info last; /* of all commits: the next one follows it */
    int64_t known_at;
    uint32_t branch;
    bool folds; /* it holds all rows that were pushed */
    feat_commit_table *tables;
    uint32_t n_tables;
    size_t tables_capacity;
    feat_def *defs;
    size_t n_defs, defs_capacity;
    applied *applied;
    size_t n_applied, applied_capacity;
};

static feat_status load(feat_transaction *t, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record tip, last;
    FEAT_TRY(feat_env_begin(feat_db_catalog(t->db), false, &txn, err));
    feat_status status = feat_branch_tip(t->db, txn, t->branch, &tip, err);
    if (status == FEAT_OK) status = feat_commit_last(t->db, txn, &last, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    t->base = tip.info;
    t->last = last.info;
    return FEAT_OK;
}

feat_status feat_transaction_begin(feat_db *db, uint32_t branch, int64_t known_at, feat_transaction **out,
                                   feat_error *err) {
    FEAT_TRY(feat_db_check_locked(db, err));
    feat_transaction *t = feat_alloc_zero(1, sizeof *t);
    if (!t) return feat_fail_memory(err);
    t->db = feat_db_ref(db);
    t->branch = branch;
    t->known_at = known_at;
    feat_arena_init(&t->arena);
    feat_status status = load(t, err);
    if (status == FEAT_OK) *out = t;
    else feat_transaction_abort(t);
    return status;
}

void feat_transaction_abort(feat_transaction *t) {
    if (!t) return;
    feat_db_unref(t->db);
    feat_arena_done(&t->arena);
    feat_free(t->tables);
    feat_free(t->defs);
    feat_free(t->applied);
    feat_free(t);
}

feat_db *feat_transaction_db(const feat_transaction *t) { return t->db; }
void feat_transaction_set_time(feat_transaction *t, int64_t known_at) { t->known_at = known_at; }
int64_t feat_transaction_known_at(const feat_transaction *t) { return t->known_at; }
uint32_t feat_transaction_branch(const feat_transaction *t) { return t->branch; }
bool feat_transaction_last_time(const feat_transaction *t, int64_t *known_time) {
    *known_time = t->last.known_time;
    return t->last.version > 0;
}
uint64_t feat_transaction_parent(const feat_transaction *t) { return t->base.version; }
uint64_t feat_transaction_version(const feat_transaction *t) { return t->last.version + 1; }

feat_status feat_transaction_check(const feat_transaction *t, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record last;
    FEAT_TRY(feat_db_check_locked(t->db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(t->db), false, &txn, err));
    feat_status status = feat_commit_last(t->db, txn, &last, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    if (last.info.version != t->last.version)
        return feat_fail(err, FEAT_INTERNAL, "another commit was made while this one was written");
    return feat_commit_check_time(&t->last, t->known_at, err);
}

/* ---- Tables. ---- */

static feat_commit_table *find_table(const feat_transaction *t, uint32_t table_id) {
    for (uint32_t i = 0; i < t->n_tables; i++)
        if (t->tables[i].table_id == table_id) return &t->tables[i];
    return NULL;
}

static feat_status find_stored(const feat_transaction *t, MDB_txn *txn, uint32_t table_id, bool *found,
                               feat_digest *root, uint64_t *segment_floor, feat_error *err) {
    uint64_t commit, on_main;
    feat_digest main_root;
    feat_commit_record newest;
    FEAT_TRY(feat_segment_floor(t->db, txn, table_id, segment_floor, err));
    FEAT_TRY(feat_lineage_table(t->db, txn, table_id, t->base.version, &commit, root, err));
    *found = commit > 0;
    if (t->branch == FEAT_BRANCH_MAIN) return FEAT_OK;
    /* On the main line numbers only rise, so that its newest manifest knows them all. */
    FEAT_TRY(feat_branch_tip(t->db, txn, FEAT_BRANCH_MAIN, &newest, err));
    FEAT_TRY(feat_lineage_table(t->db, txn, table_id, newest.info.version, &on_main, &main_root, err));
    if (on_main == 0 || on_main == commit) return FEAT_OK;
    MDB_txn *blocks;
    feat_manifest main;
    FEAT_TRY(feat_env_begin(feat_db_blocks(t->db), false, &blocks, err));
    feat_manifest_init(&main, table_id);
    feat_status status = feat_manifest_load_root(&main, feat_db_blocks(t->db), blocks, &main_root, err);
    if (status == FEAT_OK && main.next_segment > *segment_floor) *segment_floor = main.next_segment;
    feat_manifest_done(&main);
    feat_env_abort(blocks);
    return status;
}

feat_status feat_transaction_manifest(const feat_transaction *t, uint32_t table_id, bool *found, feat_digest *root,
                                      uint64_t *segment_floor, feat_error *err) {
    const feat_commit_table *table = find_table(t, table_id);
    MDB_txn *txn;
    *segment_floor = 0;
    if (table) {
        *found = true;
        *root = table->manifest;
        *segment_floor = table->next_segment;
        return FEAT_OK;
    }
    FEAT_TRY(feat_env_begin(feat_db_catalog(t->db), false, &txn, err));
    feat_status status = find_stored(t, txn, table_id, found, root, segment_floor, err);
    feat_env_abort(txn);
    return status;
}

feat_status feat_transaction_add(feat_transaction *t, const feat_commit_table *table, feat_error *err) {
    feat_commit_table *before = find_table(t, table->table_id);
    if (before) {
        feat_commit_table both = *table;
        both.rows_added += before->rows_added;
        both.rows_removed += before->rows_removed;
        if (both.operation != before->operation) both.operation = FEAT_OPERATION_SEVERAL;
        *before = both;
        return FEAT_OK;
    }
    if (t->n_tables == UINT32_MAX || FEAT_GROW(t->tables, t->tables_capacity, t->n_tables + 1) != 0)
        return feat_fail_memory(err);
    t->tables[t->n_tables++] = *table;
    return FEAT_OK;
}

/* ---- What comes with it. ---- */

feat_status feat_transaction_define(feat_transaction *t, const feat_def *def, feat_error *err) {
    char *name = feat_arena_strdup(&t->arena, def->name);
    if (!name || FEAT_GROW(t->defs, t->defs_capacity, t->n_defs + 1) != 0) return feat_fail_memory(err);
    feat_def *copy = &t->defs[t->n_defs];
    *copy = *def;
    copy->name = name;
    for (int i = 0; i < FEAT_DEF_PARTS; i++) {
        if (def->parts[i].size == 0) continue;
        void *bytes = feat_arena_alloc(&t->arena, def->parts[i].size);
        if (!bytes) return feat_fail_memory(err);
        memcpy(bytes, def->parts[i].bytes, def->parts[i].size);
        copy->parts[i].bytes = bytes;
    }
    t->n_defs++;
    return FEAT_OK;
}

bool feat_transaction_defines(const feat_transaction *t, uint32_t table_id) {
    for (size_t i = 0; i < t->n_defs; i++)
        if (t->defs[i].id == table_id) return true;
    return false;
}

feat_status feat_transaction_apply(feat_transaction *t, uint32_t table_id, const feat_application *application,
                                   feat_error *err) {
    char *name = feat_arena_strdup(&t->arena, application->name);
    if (!name || FEAT_GROW(t->applied, t->applied_capacity, t->n_applied + 1) != 0) return feat_fail_memory(err);
    t->applied[t->n_applied++] = (applied){table_id, {name, application->sequence}};
    return FEAT_OK;
}

void feat_transaction_fold(feat_transaction *t) { t->folds = true; }

/* ---- The commit. ---- */

static feat_status put(feat_transaction *t, MDB_txn *txn, feat_commit_info *done, feat_error *err) {
    feat_commit_info info = *done;
    if (t->n_tables > 0) FEAT_TRY(feat_commit_put(t->db, txn, &info, t->tables, t->n_tables, err));
    else info = t->base;
    if (t->n_defs > 0) FEAT_TRY(feat_defs_put(t->db, txn, t->defs, t->n_defs, err));
    for (size_t i = 0; i < t->n_applied; i++)
        FEAT_TRY(feat_application_put(t->db, txn, t->branch, t->applied[i].table_id, &t->applied[i].application,
                                      info.version, err));
    if (t->folds) FEAT_TRY(feat_tail_put_folded(t->db, txn, err));
    *done = info;
    return FEAT_OK;
}

static feat_status commit(feat_transaction *t, feat_commit_info *done, feat_error *err) {
    feat_commit_info info = {.parent = t->base.version, .known_time = t->known_at, .branch = t->branch};
    MDB_txn *txn;
    FEAT_TRY(feat_db_check_locked(t->db, err));
    if (t->n_tables > 0) FEAT_TRY(feat_transaction_check(t, err));
    if (t->n_tables + t->n_defs + t->n_applied == 0) {
        *done = t->base;
        return FEAT_OK;
    }
    FEAT_TRY(feat_env_begin(feat_db_catalog(t->db), true, &txn, err));
    feat_status status = put(t, txn, &info, err);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(t->db), txn, err));
    if (t->folds) feat_tail_folded(t->db);
    *done = info;
    return FEAT_OK;
}

feat_status feat_transaction_commit(feat_transaction *t, feat_commit_info *done, feat_error *err) {
    feat_status status = commit(t, done, err);
    feat_transaction_abort(t);
    return status;
}
