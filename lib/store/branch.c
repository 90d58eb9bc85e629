/* Branches: lines of commits beside the main one, which become visible there at once or never. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/catalog.h"

#define MAIN_NAME "main"

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a branch is malformed; restore the store from a copy");
}

/* ---- Records: u64 base, i64 time, big-endian, and the name. ---- */

typedef struct record {
    uint64_t base;
    int64_t created_at;
    const char *name; /* in the map */
    size_t length;
} record;

static feat_status read_record(feat_db *db, MDB_txn *txn, uint32_t branch, record *r, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_BRANCH, branch, 4, 0, 0);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_BRANCH, "branch", &found, &in, err));
    if (!found) return malformed(err);
    r->base = feat_cursor_be64(&in);
    r->created_at = (int64_t)feat_cursor_be64(&in);
    if (in.failed) return malformed(err);
    r->name = (const char *)in.at;
    r->length = (size_t)(in.end - in.at);
    return FEAT_OK;
}

feat_status feat_branch_base(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t *base, feat_error *err) {
    record r;
    *base = 0;
    if (branch == FEAT_BRANCH_MAIN) return FEAT_OK;
    FEAT_TRY(read_record(db, txn, branch, &r, err));
    *base = r.base;
    return FEAT_OK;
}

/* A number for the name, which begins with `base`. */
static feat_status put_record(feat_db *db, MDB_txn *txn, const char *name, uint64_t base, feat_error *err) {
    uint64_t number;
    feat_buffer payload;
    FEAT_TRY(feat_counter_next(db, txn, FEAT_COUNTER_BRANCH, &number, err));
    if (number > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "the store has given all numbers of branches");
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, base);
    feat_buffer_be64(&payload, (uint64_t)feat_clock_now());
    feat_buffer_text(&payload, name);
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_BRANCH, number, 4, 0, 0);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, &key, FEAT_KIND_BRANCH, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status == FEAT_OK ? feat_ref_put(db, txn, name, &(feat_ref){FEAT_REF_BRANCH, number}, err) : status;
}

/* ---- Looking up. ---- */

static feat_status find(feat_db *db, MDB_txn *txn, const char *name, uint32_t *branch, feat_error *err) {
    feat_ref ref;
    bool found;
    *branch = FEAT_BRANCH_MAIN;
    if (!name || strcmp(name, MAIN_NAME) == 0) return FEAT_OK;
    FEAT_TRY(feat_ref_find(db, txn, name, &found, &ref, err));
    if (!found || ref.kind != FEAT_REF_BRANCH) return feat_ref_unknown(db, txn, FEAT_REF_BRANCH, name, err);
    if (ref.number == 0 || ref.number > UINT32_MAX) return malformed(err);
    *branch = (uint32_t)ref.number;
    return FEAT_OK;
}

static feat_status begin(feat_db *db, MDB_txn **txn, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    return feat_env_begin(feat_db_catalog(db), false, txn, err);
}

feat_status feat_branch_find(feat_db *db, const char *name, uint32_t *branch, feat_error *err) {
    MDB_txn *txn;
    uint32_t found;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = find(db, txn, name, &found, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *branch = found;
    return status;
}

feat_status feat_branch_version(feat_db *db, uint32_t branch, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record tip;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = feat_branch_tip(db, txn, branch, &tip, err);
    if (status == FEAT_OK) *version = tip.info.version;
    feat_env_abort(txn);
    return status;
}

feat_status feat_branch_name(feat_db *db, uint32_t branch, feat_arena *arena, const char **name, feat_error *err) {
    MDB_txn *txn;
    record r = {.name = MAIN_NAME, .length = strlen(MAIN_NAME)};
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = branch == FEAT_BRANCH_MAIN ? FEAT_OK : read_record(db, txn, branch, &r, err);
    char *copy = status == FEAT_OK ? feat_arena_strndup(arena, r.name, r.length) : NULL;
    feat_env_abort(txn);
    if (status == FEAT_OK && !copy) status = feat_fail_memory(err);
    if (status == FEAT_OK) *name = copy;
    return status;
}

/* ---- Listing. ---- */

static bool add_number(void *context, const feat_ref *ref, const char *name, size_t length) {
    feat_buffer *numbers = context;
    (void)name;
    (void)length;
    feat_buffer_append(numbers, &ref->number, sizeof ref->number);
    return !numbers->failed;
}

static int compare_numbers(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static feat_status describe(feat_db *db, MDB_txn *txn, feat_arena *arena, uint64_t number, feat_branch_info *info,
                            feat_error *err) {
    record r;
    feat_commit_record tip;
    if (number == 0 || number > UINT32_MAX) return malformed(err);
    FEAT_TRY(read_record(db, txn, (uint32_t)number, &r, err));
    FEAT_TRY(feat_branch_tip(db, txn, (uint32_t)number, &tip, err));
    *info = (feat_branch_info){.name = feat_arena_strndup(arena, r.name, r.length),
                               .number = (uint32_t)number,
                               .base = r.base,
                               .version = tip.info.version,
                               .created_at = r.created_at};
    return info->name ? FEAT_OK : feat_fail_memory(err);
}

static feat_status list(feat_db *db, MDB_txn *txn, feat_arena *arena, feat_buffer *numbers, feat_branch_info **branches,
                        size_t *n, feat_error *err) {
    FEAT_TRY(feat_ref_walk(db, txn, FEAT_REF_BRANCH, add_number, numbers, err));
    if (numbers->failed) return feat_fail_memory(err);
    uint64_t *sorted = (uint64_t *)(void *)numbers->data;
    *n = numbers->size / sizeof *sorted;
    if (*n) qsort(sorted, *n, sizeof *sorted, compare_numbers);
    *branches = feat_arena_array(arena, *n, sizeof **branches);
    if (!*branches) return feat_fail_memory(err);
    for (size_t i = 0; i < *n; i++) FEAT_TRY(describe(db, txn, arena, sorted[i], &(*branches)[i], err));
    return FEAT_OK;
}

feat_status feat_branch_list(feat_db *db, feat_arena *arena, feat_branch_info **branches, size_t *n, feat_error *err) {
    MDB_txn *txn;
    feat_buffer numbers;
    FEAT_TRY(begin(db, &txn, err));
    feat_buffer_init(&numbers);
    feat_status status = list(db, txn, arena, &numbers, branches, n, err);
    feat_buffer_done(&numbers);
    feat_env_abort(txn);
    return status;
}

/* ---- Making and removing. ---- */

static feat_status create(feat_db *db, MDB_txn *txn, const char *name, uint64_t base, feat_error *err) {
    feat_ref ref;
    bool found;
    if (strcmp(name, MAIN_NAME) == 0) return feat_fail(err, FEAT_EXISTS, "'main' is the name of the main line");
    FEAT_TRY(feat_version_check(db, txn, base, " to begin a branch with", err));
    FEAT_TRY(feat_ref_find(db, txn, name, &found, &ref, err));
    if (found)
        return feat_fail(err, FEAT_EXISTS, "there is a %s '%.100s' already",
                         ref.kind == FEAT_REF_TAG ? "tag" : "branch", name);
    return put_record(db, txn, name, base, err);
}

static feat_status drop(feat_db *db, MDB_txn *txn, const char *name, feat_error *err) {
    uint32_t branch;
    FEAT_TRY(find(db, txn, name, &branch, err));
    if (branch == FEAT_BRANCH_MAIN) return feat_fail(err, FEAT_ARGUMENT, "the main line cannot be removed");
    return feat_ref_remove(db, txn, name, err);
}

static feat_status change(feat_db *db, const char *name, const uint64_t *base, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_ref_check_name(FEAT_REF_BRANCH, name, err));
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = base ? create(db, txn, name, *base, err) : drop(db, txn, name, err);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return status;
}

feat_status feat_branch_create(feat_db *db, const char *name, uint64_t base, feat_error *err) {
    return change(db, name, &base, err);
}

feat_status feat_branch_remove(feat_db *db, const char *name, feat_error *err) { return change(db, name, NULL, err); }

/* ---- Publishing. ---- */

typedef struct publishing {
    feat_db *db;
    MDB_txn *txn;
    uint32_t branch;
    uint64_t tip, fork; /* of the branch; the version of the main line that it goes back to */
    uint64_t main;      /* the version that the main line stands at */
    feat_commit_table *tables;
    uint32_t n;
    size_t capacity;
} publishing;

static int by_table(const void *a, const void *b) {
    const feat_commit_table *x = a, *y = b;
    return (x->table_id > y->table_id) - (x->table_id < y->table_id);
}

static feat_commit_table *find_table(const publishing *p, uint32_t table_id) {
    feat_commit_table key = {.table_id = table_id};
    return p->n ? bsearch(&key, p->tables, p->n, sizeof key, by_table) : NULL;
}

/* The commits of the main line behind `from`, or of another branch up to a version: calls for each of their tables. */
static feat_status each_table(publishing *p, uint32_t branch, uint64_t from, uint64_t upto,
                              feat_status (*visit)(publishing *p, const feat_commit_table *t, feat_error *err),
                              feat_error *err) {
    feat_commit_record commit = {.info = {.version = upto}};
    /* Along a branch, each commit's parent is the one before. */
    for (uint64_t version = upto; version > from; version = commit.info.parent) {
        FEAT_TRY(feat_commit_read(p->db, p->txn, version, &commit, err));
        if (commit.info.branch != branch) return FEAT_OK;
        for (uint32_t i = 0; i < commit.n_tables; i++) {
            feat_commit_table table;
            FEAT_TRY(feat_commit_table_read(p->db, p->txn, &commit, i, &table, err));
            FEAT_TRY(visit(p, &table, err));
        }
    }
    return FEAT_OK;
}

/* Later commits come first, so that a table is what its last commit made of it. */
static feat_status gather(publishing *p, const feat_commit_table *t, feat_error *err) {
    uint32_t at = 0;
    while (at < p->n && p->tables[at].table_id < t->table_id) at++;
    if (at < p->n && p->tables[at].table_id == t->table_id) {
        p->tables[at].rows_added += t->rows_added;
        p->tables[at].rows_removed += t->rows_removed;
        return FEAT_OK;
    }
    if (FEAT_GROW(p->tables, p->capacity, p->n + (size_t)1) != 0) return feat_fail_memory(err);
    memmove(p->tables + at + 1, p->tables + at, (p->n - at) * sizeof *p->tables);
    p->tables[at] = *t;
    p->tables[at].operation = FEAT_OPERATION_PUBLISH;
    p->n++;
    return FEAT_OK;
}

static feat_status refuse_changed(publishing *p, const feat_commit_table *t, feat_error *err) {
    if (!find_table(p, t->table_id)) return FEAT_OK;
    return feat_fail(err, FEAT_CONFLICT,
                     "the main line has changed a table since version %llu that the branch has changed too; make a new "
                     "branch and write to it what this one holds",
                     (unsigned long long)p->fork);
}

static feat_status publish(publishing *p, const char *name, bool others, int64_t known_at, feat_commit_info *done,
                           feat_error *err) {
    feat_commit_record tip;
    feat_lineage line;
    FEAT_TRY(find(p->db, p->txn, name, &p->branch, err));
    if (p->branch == FEAT_BRANCH_MAIN)
        return feat_fail(err, FEAT_ARGUMENT, "the main line is where branches are published to");
    FEAT_TRY(feat_branch_tip(p->db, p->txn, FEAT_BRANCH_MAIN, &tip, err));
    feat_commit_info main = tip.info;
    FEAT_TRY(feat_branch_tip(p->db, p->txn, p->branch, &tip, err));
    p->tip = tip.info.version;
    FEAT_TRY(feat_lineage_begin(p->db, p->txn, p->tip, &line, err));
    while (line.upto > 0 && line.branch != FEAT_BRANCH_MAIN) {
        FEAT_TRY(each_table(p, line.branch, 0, line.upto, gather, err));
        FEAT_TRY(feat_lineage_next(p->db, p->txn, &line, err));
    }
    p->fork = line.upto;
    if (p->fork != main.version && !others)
        return feat_fail(err, FEAT_CONFLICT,
                         "the main line stands at version %llu and the branch goes back to version %llu: what was "
                         "looked at on the branch is not what would become visible; make a new branch and write to it "
                         "what this one holds, or allow changes of other tables",
                         (unsigned long long)main.version, (unsigned long long)p->fork);
    if (p->fork != main.version) FEAT_TRY(each_table(p, FEAT_BRANCH_MAIN, p->fork, main.version, refuse_changed, err));
    *done = main;
    if (p->n == 0) return FEAT_OK;
    feat_commit_info info = {
        .parent = main.version, .known_time = known_at, .branch = FEAT_BRANCH_MAIN, .source = p->tip};
    FEAT_TRY(feat_commit_put(p->db, p->txn, &info, p->tables, p->n, err));
    FEAT_TRY(feat_lineage_begin(p->db, p->txn, p->tip, &line, err));
    while (line.upto > 0 && line.branch != FEAT_BRANCH_MAIN) {
        FEAT_TRY(feat_application_publish(p->db, p->txn, line.branch, line.upto, info.version, err));
        FEAT_TRY(feat_lineage_next(p->db, p->txn, &line, err));
    }
    *done = info;
    /* The branch goes on from here, under a new number: its old one keeps what it was. */
    return put_record(p->db, p->txn, name, info.version, err);
}

feat_status feat_branch_publish(feat_db *db, const char *name, bool others, int64_t known_at, feat_commit_info *done,
                                feat_error *err) {
    publishing p = {.db = db};
    feat_commit_info info;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &p.txn, err));
    feat_status status = publish(&p, name, others, known_at, &info, err);
    feat_free(p.tables);
    if (status != FEAT_OK || p.n == 0) {
        feat_env_abort(p.txn);
    } else {
        status = feat_env_commit(feat_db_catalog(db), p.txn, err);
    }
    if (status == FEAT_OK) *done = info;
    return status;
}
