/* Changes as rows: of a table, commit by commit or from one version to another; of a store, a row for each table. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fpenv.h"
#include "column/arrow.h"
#include "engine/changes.h"
#include "engine/rows.h"
#include "engine/scan.h"

#define BATCH_ROWS ((size_t)16384)

static const feat_field change_fields[] = {
    {"$change", FEAT_TYPE_TEXT, 1, true},
    {"$version", FEAT_TYPE_BIGINT, 2, true},
    {"$known_time", FEAT_TYPE_TIMESTAMP, 3, false},
};
enum { CHANGE, VERSION, KNOWN_TIME, OWN_COLUMNS };

/* From one version to another, which the rows are said to have changed in. */
typedef struct step {
    uint64_t from, to;
    int64_t known_time;
} step;

/* The changes of one step are given in this order. */
typedef enum phase { DELETED, UPDATED, INSERTED, PHASES } phase;

typedef struct feed {
    feat_db *db;
    feat_catalog *catalog; /* holds the schema */
    const feat_schema *table;
    step *steps;
    size_t n_steps, next_step;
    bool in_step;
    step now;
    feat_table_version *older, *newer;
    feat_row_changes changes;
    phase phase;
    size_t next; /* row of the phase's side */
    uint32_t *all;
    feat_row_address *rows, *before;
    uint32_t *picks;
} feed;

static void leave_step(feed *f) {
    feat_table_close(f->older);
    feat_table_close(f->newer);
    feat_changes_done(&f->changes);
    f->older = f->newer = NULL;
    f->in_step = false;
}

static void feed_free(void *state) {
    feed *f = state;
    leave_step(f);
    feat_free(f->steps);
    feat_free(f->all);
    feat_free(f->rows);
    feat_free(f->before);
    feat_free(f->picks);
    feat_catalog_unref(f->catalog);
    feat_db_unref(f->db);
    feat_free(f);
}

/* ---- Steps. ---- */

/* The commits of the table behind `from` and up to `to`. */
static feat_status list_commits(feed *f, uint64_t from, uint64_t to, feat_error *err) {
    feat_arena arena;
    feat_version_info *infos = NULL;
    size_t n = 0;
    feat_arena_init(&arena);
    bool follows = false;
    feat_status status = feat_version_is_ancestor(f->db, from, to, &follows, err);
    if (status == FEAT_OK && !follows)
        status = feat_fail(err, FEAT_ARGUMENT,
                           "version %" PRIu64 " does not descend from version %" PRIu64
                           ": there are no commits from the one to the other; ask for what changed (net)",
                           to, from);
    if (status == FEAT_OK) status = feat_version_list(f->db, to, f->table->table_id, &arena, &infos, &n, err);
    if (status == FEAT_OK) {
        f->steps = feat_alloc_array(n, sizeof *f->steps);
        if (!f->steps) status = feat_fail_memory(err);
    }
    for (size_t i = 0; i < n && status == FEAT_OK; i++)
        if (from < infos[i].version && infos[i].version <= to)
            f->steps[f->n_steps++] = (step){infos[i].parent, infos[i].version, infos[i].known_time};
    feat_arena_done(&arena);
    return status;
}

static feat_status one_step(feed *f, uint64_t from, uint64_t to, feat_error *err) {
    feat_commit_info info = {0};
    if (to > 0) FEAT_TRY(feat_version_read(f->db, to, &info, err));
    f->steps = feat_alloc_array(1, sizeof *f->steps);
    if (!f->steps) return feat_fail_memory(err);
    f->steps[f->n_steps++] = (step){from, to, info.known_time};
    return FEAT_OK;
}

static feat_status enter_step(feed *f, feat_error *err) {
    f->now = f->steps[f->next_step];
    FEAT_TRY(feat_table_open(f->db, f->table, f->now.from, &f->older, err));
    FEAT_TRY(feat_table_open(f->db, f->table, f->now.to, &f->newer, err));
    FEAT_TRY(feat_changes_find(f->older, f->newer, f->table, &f->changes, err));
    f->next_step++;
    f->phase = DELETED;
    f->next = 0;
    f->in_step = true;
    return FEAT_OK;
}

/* ---- Rows. ---- */

/* Up to a batch of the rows that are next in the phase: `rows`, and what they replaced in `before`. */
static size_t take_rows(feed *f) {
    const feat_row_changes *c = &f->changes;
    size_t n = 0, most = f->phase == UPDATED ? BATCH_ROWS / 2 : BATCH_ROWS;
    if (f->phase == DELETED) {
        for (; f->next < c->n_removed && n < most; f->next++)
            if (c->after[f->next] == FEAT_CHANGE_ALONE) f->rows[n++] = c->removed[f->next];
        return n;
    }
    for (; f->next < c->n_added && n < most; f->next++) {
        size_t before = c->before[f->next];
        if (before == FEAT_CHANGE_EQUAL || (before == FEAT_CHANGE_ALONE) != (f->phase == INSERTED)) continue;
        if (f->phase == UPDATED) f->before[n] = c->removed[before];
        f->rows[n++] = c->added[f->next];
    }
    return n;
}

/* Each row before it changed, directly followed by what it became. */
static feat_status read_updates(feed *f, size_t n, feat_column *out, feat_error *err) {
    size_t n_fields = f->table->n_fields;
    feat_type *types = feat_alloc_array(n_fields, sizeof *types);
    feat_batch both = {0};
    feat_status status = types ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; i < n_fields && status == FEAT_OK; i++) types[i] = f->table->fields[i].type;
    if (status == FEAT_OK) status = feat_batch_init(&both, types, n_fields, err);
    if (status == FEAT_OK) status = feat_table_read_rows(f->older, f->before, n, f->all, n_fields, both.columns, err);
    if (status == FEAT_OK) status = feat_table_read_rows(f->newer, f->rows, n, f->all, n_fields, both.columns, err);
    for (uint32_t i = 0; i < n && status == FEAT_OK; i++) {
        f->picks[2 * i] = i;
        f->picks[2 * i + 1] = (uint32_t)n + i;
    }
    for (size_t i = 0; i < n_fields && status == FEAT_OK; i++)
        if (feat_column_append_rows(&out[i], &both.columns[i], f->picks, 2 * n)) status = feat_fail_memory(err);
    feat_batch_done(&both);
    feat_free(types);
    return status;
}

static feat_status append_own(const feed *f, feat_column *own, size_t rows, feat_error *err) {
    static const char *const words[PHASES][2] = {
        {"delete", "delete"}, {"update_before", "update_after"}, {"insert", "insert"}};
    int failed = 0;
    for (size_t i = 0; i < rows && !failed; i++) {
        const char *word = words[f->phase][i % 2];
        failed = feat_column_append_text(&own[CHANGE], word, strlen(word)) ||
                 feat_column_append_int(&own[VERSION], (int64_t)f->now.to) ||
                 (f->now.to > 0 ? feat_column_append_int(&own[KNOWN_TIME], f->now.known_time)
                                : feat_column_append_null(&own[KNOWN_TIME]));
    }
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status give(feed *f, size_t n, struct ArrowArray *out, feat_error *err) {
    const feat_schema *table = f->table;
    size_t n_columns = OWN_COLUMNS + table->n_fields, rows = f->phase == UPDATED ? 2 * n : n;
    feat_column *columns = feat_alloc_array(n_columns, sizeof *columns);
    if (!columns) return feat_fail_memory(err);
    for (size_t i = 0; i < n_columns; i++)
        feat_column_init(&columns[i], i < OWN_COLUMNS ? change_fields[i].type : table->fields[i - OWN_COLUMNS].type);
    feat_column *values = columns + OWN_COLUMNS;
    feat_status status = append_own(f, columns, rows, err);
    if (status == FEAT_OK)
        status = f->phase == UPDATED ? read_updates(f, n, values, err)
                                     : feat_table_read_rows(f->phase == DELETED ? f->older : f->newer, f->rows, n,
                                                            f->all, table->n_fields, values, err);
    if (status == FEAT_OK) status = feat_scan_batch(columns, n_columns, rows, out, err);
    for (size_t i = 0; i < n_columns; i++) feat_column_done(&columns[i]);
    feat_free(columns);
    return status;
}

static feat_status produce(feed *f, struct ArrowArray *out, feat_error *err) {
    FEAT_TRY(feat_db_check(f->db, err));
    for (;;) {
        if (!f->in_step) {
            if (f->next_step == f->n_steps) {
                out->release = NULL;
                return FEAT_OK;
            }
            leave_step(f); /* what a failed attempt may have opened */
            FEAT_TRY(enter_step(f, err));
        }
        size_t at = f->next, n = take_rows(f);
        if (n > 0) {
            feat_status status = give(f, n, out, err);
            if (status != FEAT_OK) f->next = at; /* asked again, the same rows are given */
            return status;
        }
        f->next = 0;
        if (++f->phase == PHASES) leave_step(f);
    }
}

/* The caller's thread pulls, with whatever floating-point mode it has; decoding divides. */
static feat_status feed_next(void *state, struct ArrowArray *out, feat_error *err) {
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = produce(state, out, err);
    feat_fpenv_leave(&saved);
    return status;
}

static feat_status feed_stream(feed *f, uint64_t version, struct ArrowArrayStream *out, feat_error *err) {
    const feat_schema *table = f->table;
    size_t n = OWN_COLUMNS + table->n_fields;
    const feat_field **fields = feat_alloc_array(n, sizeof *fields);
    feat_field *copies = feat_alloc_array(n, sizeof *copies);
    feat_status status = fields && copies ? FEAT_OK : feat_fail_memory(err);
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, version);
    const char *metadata[] = {"libfeat.table", table->name, "libfeat.version", number};
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        copies[i] = i < OWN_COLUMNS ? change_fields[i] : table->fields[i - OWN_COLUMNS];
        if (i >= OWN_COLUMNS) copies[i].not_null = feat_scan_never_null(table, (uint32_t)(i - OWN_COLUMNS));
        fields[i] = &copies[i];
    }
    if (status == FEAT_OK)
        status = feat_scan_stream(fields, n, metadata, 2, (feat_arrow_producer){feed_next, feed_free, f}, out, err);
    feat_free(fields);
    feat_free(copies);
    return status;
}

static feat_status feed_prepare(feed *f, uint64_t from, uint64_t to, bool each, feat_error *err) {
    const feat_schema *table = f->table;
    f->all = feat_alloc_array(table->n_fields, sizeof *f->all);
    f->rows = feat_alloc_array(BATCH_ROWS, sizeof *f->rows);
    f->before = feat_alloc_array(BATCH_ROWS, sizeof *f->before);
    f->picks = feat_alloc_array(BATCH_ROWS, sizeof *f->picks);
    if (!f->all || !f->rows || !f->before || !f->picks) return feat_fail_memory(err);
    for (uint32_t i = 0; i < table->n_fields; i++) f->all[i] = i;
    for (size_t i = 0; i < OWN_COLUMNS; i++)
        if (feat_schema_find(table, change_fields[i].name) >= 0)
            return feat_fail(err, FEAT_EXISTS,
                             "table '%s' has a column '%s', which is the name of one of the columns of changes; rename "
                             "it with ALTER TABLE",
                             table->name, change_fields[i].name);
    return each ? list_commits(f, from, to, err) : one_step(f, from, to, err);
}

feat_status feat_changes_stream(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t from,
                                uint64_t to, bool each, struct ArrowArrayStream *out, feat_error *err) {
    if (each && from > to)
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s': version %" PRIu64 " lies behind version %" PRIu64
                         "; commits are given in their order: exchange the two, or ask for the net change",
                         table->name, from, to);
    /* The newer of both schemas reads the rows of either version. */
    FEAT_TRY(feat_table_at(db, catalog, table, from > to ? from : to, &table, err));
    feed *f = feat_alloc_zero(1, sizeof *f);
    if (!f) return feat_fail_memory(err);
    f->db = feat_db_ref(db);
    f->catalog = feat_catalog_ref(catalog);
    f->table = table;
    feat_status status = feed_prepare(f, from, to, each, err);
    if (status == FEAT_OK) status = feed_stream(f, to, out, err);
    if (status != FEAT_OK) feed_free(f);
    return status;
}

/* ---- Of a store. ---- */

static const feat_field diff_fields[] = {
    {"table", FEAT_TYPE_TEXT, 1, true},         {"rows_before", FEAT_TYPE_BIGINT, 2, true},
    {"rows_after", FEAT_TYPE_BIGINT, 3, true},  {"inserted", FEAT_TYPE_BIGINT, 4, true},
    {"updated", FEAT_TYPE_BIGINT, 5, true},     {"deleted", FEAT_TYPE_BIGINT, 6, true},
    {"digest_before", FEAT_TYPE_TEXT, 7, true}, {"digest_after", FEAT_TYPE_TEXT, 8, true},
};

static void append_digest(feat_rows *rows, size_t column, const feat_table_version *version) {
    feat_digest digest = feat_table_digest(version);
    char text[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(&digest, text);
    feat_rows_text(rows, column, text);
}

static feat_status diff_table(feat_db *db, feat_catalog *catalog, uint32_t table_id, uint64_t from, uint64_t to,
                              feat_rows *rows, feat_error *err) {
    const feat_schema *table = feat_catalog_table_of(catalog, table_id);
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_changes c = {0};
    feat_status status = FEAT_OK;
    if (!table) return FEAT_OK; /* it was made after the catalog was read */
    FEAT_TRY(feat_table_at(db, catalog, table, from > to ? from : to, &table, err));
    FEAT_GOTO(status, feat_table_open(db, table, from, &older, err), out);
    FEAT_GOTO(status, feat_table_open(db, table, to, &newer, err), out);
    FEAT_GOTO(status, feat_changes_find(older, newer, table, &c, err), out);
    if (c.inserted + c.updated + c.deleted == 0) goto out;
    feat_rows_text(rows, 0, table->name);
    feat_rows_int(rows, 1, feat_table_rows(older));
    feat_rows_int(rows, 2, feat_table_rows(newer));
    feat_rows_int(rows, 3, (int64_t)c.inserted);
    feat_rows_int(rows, 4, (int64_t)c.updated);
    feat_rows_int(rows, 5, (int64_t)c.deleted);
    append_digest(rows, 6, older);
    append_digest(rows, 7, newer);
    feat_rows_end_row(rows);
out:
    feat_changes_done(&c);
    feat_table_close(older);
    feat_table_close(newer);
    return status;
}

/* Adds a table to an ascending list, once. */
static void add_table(uint32_t *found, size_t *n, uint32_t table_id) {
    size_t at = 0, end = *n;
    while (at < end) {
        size_t middle = at + (end - at) / 2;
        if (found[middle] < table_id) at = middle + 1;
        else end = middle;
    }
    if (at < *n && found[at] == table_id) return;
    memmove(found + at + 1, found + at, (*n - at) * sizeof *found);
    found[at] = table_id;
    ++*n;
}

/* The tables of the commits that one of two versions is made of and the other is not, by their numbers; each once. */
static feat_status tables_between(feat_db *db, feat_arena *arena, uint64_t from, uint64_t to, uint32_t **tables,
                                  size_t *n, feat_error *err) {
    feat_version_info *a = NULL, *b = NULL;
    size_t n_a = 0, n_b = 0;
    *n = 0;
    FEAT_TRY(feat_version_list(db, from, 0, arena, &a, &n_a, err));
    FEAT_TRY(feat_version_list(db, to, 0, arena, &b, &n_b, err));
    uint32_t *found = feat_arena_array(arena, n_a + n_b, sizeof *found);
    if (!found) return feat_fail_memory(err);
    for (size_t i = 0, j = 0; i < n_a || j < n_b;) {
        if (j == n_b || (i < n_a && a[i].version < b[j].version)) add_table(found, n, a[i++].table_id);
        else if (i == n_a || b[j].version < a[i].version) add_table(found, n, b[j++].table_id);
        else i++, j++; /* the same commit: its tables come in one order */
    }
    *tables = found;
    return FEAT_OK;
}

feat_status feat_diff_stream(feat_db *db, feat_catalog *catalog, uint64_t from, uint64_t to,
                             struct ArrowArrayStream *out, feat_error *err) {
    feat_rows *rows;
    feat_arena arena;
    uint32_t *tables = NULL;
    size_t n = 0;
    FEAT_TRY(feat_rows_new(diff_fields, sizeof diff_fields / sizeof *diff_fields, &rows, err));
    feat_arena_init(&arena);
    feat_status status = tables_between(db, &arena, from, to, &tables, &n, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++)
        status = diff_table(db, catalog, tables[i], from, to, rows, err);
    feat_arena_done(&arena);
    if (status == FEAT_OK) return feat_rows_stream(rows, out, err);
    feat_rows_free(rows);
    return status;
}
