/* Versions: resolving and listing. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/catalog.h"

static feat_status begin(feat_db *db, MDB_txn **txn, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    return feat_env_begin(feat_db_catalog(db), false, txn, err);
}

feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err) {
    return feat_branch_version(db, FEAT_BRANCH_MAIN, version, err);
}

feat_status feat_version_read(feat_db *db, uint64_t version, feat_commit_info *info, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record record;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = feat_commit_read(db, txn, version, &record, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *info = record.info;
    return status;
}

feat_status feat_version_of_table(feat_db *db, uint32_t table_id, uint64_t version, uint64_t *commit, feat_error *err) {
    MDB_txn *txn;
    uint64_t found;
    feat_digest root;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = feat_lineage_table(db, txn, table_id, version, &found, &root, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *commit = found;
    return status;
}

static feat_status find_revision(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, uint32_t *revision,
                                 feat_error *err) {
    uint64_t commit, newest;
    feat_digest root;
    feat_commit_record record, tip;
    FEAT_TRY(feat_lineage_table(db, txn, table_id, version, &commit, &root, err));
    *revision = UINT32_MAX;
    if (commit == 0) { /* no row yet: the table as it was created, if it has rows on the main line */
        FEAT_TRY(feat_branch_tip(db, txn, FEAT_BRANCH_MAIN, &tip, err));
    } else {
        FEAT_TRY(feat_commit_read(db, txn, commit, &record, err));
        FEAT_TRY(feat_branch_tip(db, txn, record.info.branch, &tip, err));
    }
    FEAT_TRY(feat_lineage_table(db, txn, table_id, tip.info.version, &newest, &root, err));
    if (commit == newest) return FEAT_OK;
    if (commit == 0) {
        *revision = 0;
        return FEAT_OK;
    }
    for (uint32_t i = 0; i < record.n_tables; i++) {
        feat_commit_table table;
        FEAT_TRY(feat_commit_table_read(db, txn, &record, i, &table, err));
        if (table.table_id == table_id) *revision = table.revision;
    }
    return FEAT_OK;
}

feat_status feat_version_revision(feat_db *db, uint32_t table_id, uint64_t version, uint32_t *revision,
                                  feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = find_revision(db, txn, table_id, version, revision, err);
    feat_env_abort(txn);
    return status;
}

static feat_status is_ancestor(feat_db *db, MDB_txn *txn, uint64_t version, uint64_t of, bool *is, feat_error *err) {
    feat_commit_record record;
    feat_lineage line;
    *is = version == 0;
    if (version == 0) return FEAT_OK;
    FEAT_TRY(feat_commit_read(db, txn, version, &record, err));
    FEAT_TRY(feat_lineage_begin(db, txn, of, &line, err));
    while (line.upto >= version && line.branch != record.info.branch) FEAT_TRY(feat_lineage_next(db, txn, &line, err));
    *is = line.upto >= version;
    return FEAT_OK;
}

feat_status feat_version_back(feat_db *db, uint64_t version, uint64_t commits, uint64_t *before, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record record;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = FEAT_OK;
    for (; version > 0 && commits > 0 && status == FEAT_OK; commits--) {
        status = feat_commit_read(db, txn, version, &record, err);
        version = record.info.parent;
    }
    feat_env_abort(txn);
    if (status == FEAT_OK) *before = version;
    return status;
}

feat_status feat_version_is_ancestor(feat_db *db, uint64_t version, uint64_t of, bool *is, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = is_ancestor(db, txn, version, of, is, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Resolving. ---- */

static feat_catalog_key time_key(uint32_t branch, int64_t time) {
    return feat_catalog_key2(FEAT_KEY_TIME, branch, 4, (uint64_t)time ^ UINT64_C(1) << 63, 8);
}

/* Version 0 when there is none. */
static feat_status first_on_main(feat_db *db, MDB_txn *txn, feat_commit_record *first, feat_error *err) {
    FEAT_TRY(feat_branch_tip(db, txn, FEAT_BRANCH_MAIN, first, err));
    while (first->info.parent > 0) FEAT_TRY(feat_commit_read(db, txn, first->info.parent, first, err));
    return FEAT_OK;
}

static feat_status at_time(feat_db *db, MDB_txn *txn, int64_t time, uint64_t *version, feat_error *err) {
    feat_catalog_key key = time_key(FEAT_BRANCH_MAIN, time), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 5, &found, &at, err));
    if (!found) {
        char text[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(time, text);
        feat_commit_record first;
        FEAT_TRY(first_on_main(db, txn, &first, err));
        if (first.info.version == 0)
            return feat_fail(err, FEAT_NOT_FOUND, "there is no version at %s: the store has no commit yet", text);
        char known[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(first.info.known_time, known);
        return feat_fail(err, FEAT_NOT_FOUND, "there is no version at %s: the first commit became known at %s", text,
                         known);
    }
    feat_cursor in;
    FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_TIME, "known time", &found, &in, err));
    uint64_t v = found ? feat_cursor_be64(&in) : 0;
    if (!found || in.failed)
        return feat_fail(err, FEAT_CORRUPT, "a known time is malformed; restore the store from a copy");
    *version = v;
    return FEAT_OK;
}

static feat_status floor_time(feat_db *db, MDB_txn *txn, int64_t time, uint64_t *version, feat_error *err) {
    feat_catalog_key key = time_key(FEAT_BRANCH_MAIN, time), at;
    bool found;
    *version = 0;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 5, &found, &at, err));
    return found ? at_time(db, txn, time, version, err) : FEAT_OK;
}

feat_status feat_version_at_time(feat_db *db, int64_t time, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    uint64_t found;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = floor_time(db, txn, time, &found, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *version = found;
    return status;
}

static feat_status by_name(feat_db *db, MDB_txn *txn, const feat_at *at, uint64_t *version, feat_error *err) {
    feat_ref_kind kind = at->kind == FEAT_AT_TAG ? FEAT_REF_TAG : FEAT_REF_BRANCH;
    const char *name = kind == FEAT_REF_TAG ? at->tag : at->branch;
    feat_ref ref = {kind, FEAT_BRANCH_MAIN};
    feat_commit_record tip;
    bool found;
    if (!name)
        return feat_fail(err, FEAT_ARGUMENT, "a snapshot by %s needs its name",
                         kind == FEAT_REF_TAG ? "tag" : "branch");
    if (kind == FEAT_REF_TAG || strcmp(name, "main") != 0) {
        FEAT_TRY(feat_ref_find(db, txn, name, &found, &ref, err));
        if (!found || ref.kind != kind) return feat_ref_unknown(db, txn, kind, name, err);
    }
    *version = ref.number;
    if (kind == FEAT_REF_TAG) return FEAT_OK;
    FEAT_TRY(feat_branch_tip(db, txn, (uint32_t)ref.number, &tip, err));
    *version = tip.info.version;
    return FEAT_OK;
}

static feat_status resolve(feat_db *db, MDB_txn *txn, const feat_at *at, uint64_t *version, feat_error *err) {
    feat_commit_record newest;
    uint64_t v = 0;
    switch (at ? at->kind : FEAT_AT_NEWEST) {
    case FEAT_AT_NEWEST:
        FEAT_TRY(feat_branch_tip(db, txn, FEAT_BRANCH_MAIN, &newest, err));
        v = newest.info.version;
        break;
    case FEAT_AT_VERSION: v = at->version; break;
    case FEAT_AT_TIME: FEAT_TRY(at_time(db, txn, at->time, &v, err)); break;
    case FEAT_AT_TAG:
    case FEAT_AT_BRANCH: FEAT_TRY(by_name(db, txn, at, &v, err)); break;
    default: return feat_fail(err, FEAT_ARGUMENT, "%d is no way to name a version", (int)at->kind);
    }
    FEAT_TRY(feat_version_check(db, txn, v, "", err));
    *version = v;
    return FEAT_OK;
}

feat_status feat_version_resolve(feat_db *db, const feat_at *at, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = resolve(db, txn, at, version, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Listing. ---- */

/* The entries of a commit, of all tables or of one. */
static feat_status append(feat_db *db, MDB_txn *txn, uint64_t version, uint32_t table_id, feat_buffer *out,
                          feat_error *err) {
    feat_commit_record record;
    FEAT_TRY(feat_commit_read(db, txn, version, &record, err));
    for (uint32_t i = 0; i < record.n_tables; i++) {
        feat_commit_table t;
        FEAT_TRY(feat_commit_table_read(db, txn, &record, i, &t, err));
        if (table_id && t.table_id != table_id) continue;
        feat_version_info info = {.version = version,
                                  .parent = record.info.parent,
                                  .known_time = record.info.known_time,
                                  .branch = record.info.branch,
                                  .table_id = t.table_id,
                                  .operation = t.operation,
                                  .revision = t.revision,
                                  .rows_added = t.rows_added,
                                  .rows_removed = t.rows_removed,
                                  .rows = t.rows,
                                  .content = t.content};
        feat_buffer_append(out, &info, sizeof info);
    }
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

/* Appends the commits whose keys begin with the first `prefix` bytes of `first`, and end with a version of at most
 * `upto`. */
static feat_status walk(feat_db *db, MDB_txn *txn, const feat_catalog_key *first, size_t prefix, uint64_t upto,
                        uint32_t table_id, feat_buffer *out, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    MDB_val k = {first->size, (void *)(uintptr_t)first->bytes}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == first->size && memcmp(k.mv_data, first->bytes, prefix) == 0 && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        uint64_t version = feat_get_be((const uint8_t *)k.mv_data + k.mv_size - 8, 8);
        if (version > upto) break;
        status = append(db, txn, version, table_id, out, err);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

/* The commits of a table on one branch. */
static feat_status append_table(feat_db *db, MDB_txn *txn, const feat_lineage *line, uint32_t table_id,
                                feat_buffer *out, feat_error *err) {
    feat_catalog_key first = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_MANIFEST}};
    feat_put_be(first.bytes + 1, table_id, 4);
    feat_put_be(first.bytes + 5, line->branch, 4);
    return walk(db, txn, &first, 9, line->upto, table_id, out, err);
}

/* All commits of one branch: each has the one before as its parent. */
static feat_status append_branch(feat_db *db, MDB_txn *txn, const feat_lineage *line, feat_buffer *out,
                                 feat_error *err) {
    feat_buffer versions;
    feat_commit_record record = {.info = {.version = line->upto}};
    feat_status status = FEAT_OK;
    feat_buffer_init(&versions);
    for (uint64_t at = line->upto; at > 0 && status == FEAT_OK; at = record.info.parent) {
        status = feat_commit_read(db, txn, at, &record, err);
        if (status != FEAT_OK || record.info.branch != line->branch) break;
        feat_buffer_append(&versions, &at, sizeof at);
    }
    if (status == FEAT_OK && versions.failed) status = feat_fail_memory(err);
    const uint64_t *list = (const uint64_t *)(const void *)versions.data;
    for (size_t i = versions.size / sizeof *list; i > 0 && status == FEAT_OK; i--)
        status = append(db, txn, list[i - 1], 0, out, err);
    feat_buffer_done(&versions);
    return status;
}

static feat_status list_line(feat_db *db, MDB_txn *txn, uint64_t version, uint32_t table_id, feat_buffer *out,
                             feat_error *err) {
    feat_lineage line;
    feat_buffer lines; /* from the newest branch to the main line */
    feat_buffer_init(&lines);
    feat_status status = feat_lineage_begin(db, txn, version, &line, err);
    while (status == FEAT_OK && line.upto > 0) {
        feat_buffer_append(&lines, &line, sizeof line);
        status = feat_lineage_next(db, txn, &line, err);
    }
    if (status == FEAT_OK && lines.failed) status = feat_fail_memory(err);
    const feat_lineage *each = (const feat_lineage *)(const void *)lines.data;
    for (size_t i = lines.size / sizeof *each; i > 0 && status == FEAT_OK; i--)
        status = table_id ? append_table(db, txn, &each[i - 1], table_id, out, err)
                          : append_branch(db, txn, &each[i - 1], out, err);
    feat_buffer_done(&lines);
    return status;
}

static int by_version(const void *a, const void *b) {
    const feat_version_info *x = a, *y = b;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return (x->table_id > y->table_id) - (x->table_id < y->table_id);
}

/* Keys of a table's manifests name its commits, a branch after the other; else all commits are walked. */
static feat_status list_all(feat_db *db, MDB_txn *txn, uint32_t table_id, feat_buffer *out, feat_error *err) {
    feat_catalog_key first = feat_catalog_key1(FEAT_KEY_COMMIT, 0);
    if (!table_id) return walk(db, txn, &first, 1, UINT64_MAX, 0, out, err);
    first = (feat_catalog_key){.size = 17, .bytes = {(uint8_t)FEAT_KEY_MANIFEST}};
    feat_put_be(first.bytes + 1, table_id, 4);
    FEAT_TRY(walk(db, txn, &first, 5, UINT64_MAX, table_id, out, err));
    if (out->size) qsort(out->data, out->size / sizeof(feat_version_info), sizeof(feat_version_info), by_version);
    return FEAT_OK;
}

static feat_status list(feat_db *db, const uint64_t *version, uint32_t table_id, feat_arena *arena,
                        feat_version_info **infos, size_t *n, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, &txn, err));
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_status status =
        version ? list_line(db, txn, *version, table_id, &bytes, err) : list_all(db, txn, table_id, &bytes, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) {
        feat_version_info *copy = feat_arena_alloc(arena, bytes.size);
        if (copy) {
            if (bytes.size) memcpy(copy, bytes.data, bytes.size);
            *infos = copy;
            *n = bytes.size / sizeof *copy;
        } else {
            status = feat_fail_memory(err);
        }
    }
    feat_buffer_done(&bytes);
    return status;
}

feat_status feat_version_list(feat_db *db, uint64_t version, uint32_t table_id, feat_arena *arena,
                              feat_version_info **infos, size_t *n, feat_error *err) {
    return list(db, &version, table_id, arena, infos, n, err);
}

feat_status feat_version_list_all(feat_db *db, uint32_t table_id, feat_arena *arena, feat_version_info **infos,
                                  size_t *n, feat_error *err) {
    return list(db, NULL, table_id, arena, infos, n, err);
}
