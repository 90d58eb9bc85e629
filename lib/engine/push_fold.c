/* What is in the tail becomes a commit: the rows of each table are sorted and written as those of any write. */
#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h"
#include "engine/push.h"
#include "store/order.h"
#include "store/tail_rows.h"
#include "store/transaction.h"

typedef struct gathering {
    feat_tail_rows *tables;
    size_t n, capacity;
} gathering;

static feat_status gather(void *context, const feat_tail_record *record, feat_error *err) {
    gathering *g = context;
    size_t i = 0;
    while (i < g->n && g->tables[i].table_id != record->table_id) i++;
    if (i == g->n) {
        if (FEAT_GROW(g->tables, g->capacity, g->n + 1) != 0) return feat_fail_memory(err);
        g->tables[g->n++] = (feat_tail_rows){.table_id = record->table_id};
    }
    return feat_tail_rows_take(&g->tables[i], record, err);
}

static feat_status init_like(const feat_schema *table, feat_batch *a, feat_batch *b, feat_error *err) {
    feat_type *types = feat_alloc_array(table->n_fields, sizeof *types);
    if (!types) return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++) types[i] = table->fields[i].type;
    feat_status status = feat_batch_init(a, types, table->n_fields, err);
    if (status == FEAT_OK) status = feat_batch_init(b, types, table->n_fields, err);
    feat_free(types);
    return status;
}

/* The rows in the order in which a table stores them. */
static feat_status sort_rows(const feat_schema *table, const feat_batch *rows, feat_batch *sorted, feat_error *err) {
    size_t n = rows->length;
    uint32_t *order = feat_alloc_array(table->n_fields, sizeof *order), *picks = feat_alloc_array(n, sizeof *picks);
    feat_sort_item *items = feat_alloc_array(n, sizeof *items);
    feat_status status = order && picks && items ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        feat_table_order(table, order);
        for (size_t i = 0; i < n; i++) items[i].row = (uint32_t)i;
        status = feat_sort_table(table, rows, order, items, n, err);
    }
    for (size_t i = 0; i < n && status == FEAT_OK; i++) picks[i] = items[i].row;
    for (size_t i = 0; i < table->n_fields && status == FEAT_OK; i++)
        if (feat_column_append_rows(&sorted->columns[i], &rows->columns[i], picks, n) != 0)
            status = feat_fail_memory(err);
    if (status == FEAT_OK) sorted->length = n;
    feat_free(order);
    feat_free(picks);
    feat_free(items);
    return status;
}

static feat_status write_table(feat_transaction *t, const feat_schema *table, const feat_tail_rows *tail,
                               feat_error *err) {
    feat_batch rows = {0}, sorted = {0};
    feat_table_writer *w = NULL;
    feat_status status = init_like(table, &rows, &sorted, err);
    if (status == FEAT_OK) status = feat_tail_rows_as(tail, table, &rows, err);
    if (status == FEAT_OK) status = sort_rows(table, &rows, &sorted, err);
    if (status == FEAT_OK) status = feat_table_writer_begin_in(t, table, &w, err);
    if (status == FEAT_OK) {
        status = feat_table_writer_add(w, &sorted, err);
        if (status == FEAT_OK) status = feat_table_writer_finish(w, FEAT_OPERATION_PUSH, err);
        else feat_table_writer_abort(w);
    }
    feat_batch_done(&rows);
    feat_batch_done(&sorted);
    return status;
}

/* The commit becomes known when its last row was, or right behind the commit before it. */
static void set_time(feat_transaction *t, int64_t known_time) {
    int64_t last;
    if (feat_transaction_last_time(t, &last) && known_time <= last) known_time = last < INT64_MAX ? last + 1 : last;
    feat_transaction_set_time(t, known_time);
}

static feat_status fold(feat_db *db, feat_catalog *catalog, const feat_tail_state *state, feat_commit *done,
                        feat_error *err) {
    gathering g = {0};
    feat_transaction *t = NULL;
    feat_commit_info info;
    feat_status status = feat_tail_walk(db, FEAT_TAIL_START, gather, &g, err);
    if (status == FEAT_OK) status = feat_transaction_begin(db, FEAT_BRANCH_MAIN, 0, &t, err);
    if (status == FEAT_OK) set_time(t, state->known_time);
    for (size_t i = 0; i < g.n && status == FEAT_OK; i++) {
        const feat_schema *table = NULL;
        if (g.tables[i].rows.length == 0) continue;
        status = feat_catalog_table_version(catalog, g.tables[i].table_id, g.tables[i].revision, &table, err);
        if (status == FEAT_OK) status = write_table(t, table, &g.tables[i], err);
        done->rows_added += (int64_t)g.tables[i].rows.length;
    }
    if (status == FEAT_OK) {
        feat_transaction_fold(t);
        status = feat_transaction_commit(t, &info, err);
        t = NULL;
    }
    feat_transaction_abort(t);
    for (size_t i = 0; i < g.n; i++) feat_tail_rows_done(&g.tables[i]);
    feat_free(g.tables);
    FEAT_TRY(status);
    done->version = info.version;
    done->known_time = info.known_time;
    done->rows_read = done->rows_added;
    /* The rows are durable: what goes wrong from here on makes the online state late, not the fold failed. */
    done->online = feat_online_catch_up(db, catalog, NULL);
    return FEAT_OK;
}

feat_status feat_push_fold(feat_db *db, feat_commit *done, feat_error *err) {
    feat_tail_state state;
    feat_commit commit = {0};
    feat_catalog *catalog = NULL;
    FEAT_TRY(feat_tail_refresh(db, &state, err));
    if (state.sequence == state.folded) {
        feat_commit_info info = {0};
        FEAT_TRY(feat_version_newest(db, &commit.version, err));
        if (commit.version > 0) FEAT_TRY(feat_version_read(db, commit.version, &info, err));
        commit.known_time = info.known_time;
        *done = commit;
        return FEAT_OK;
    }
    FEAT_TRY(feat_catalog_load(db, &catalog, err));
    feat_status status = fold(db, catalog, &state, &commit, err);
    feat_catalog_unref(catalog);
    if (status == FEAT_OK) *done = commit;
    return status;
}

feat_status feat_push_settle(feat_db *db, feat_error *err) {
    feat_tail_state state;
    feat_commit done;
    FEAT_TRY(feat_tail_refresh(db, &state, err));
    return state.sequence == state.folded ? FEAT_OK : feat_push_fold(db, &done, err);
}
