/* The chain of commits, and what a version descends from.
 *
 * A commit is made on a branch. What a version holds of a table is what the last commit of that table on its branch
 * made of it, or else, what the version that the branch began with holds. So the main line is one look at the catalog,
 * however many versions there are. */
#include <string.h>

#include "base/clock.h"
#include "store/catalog.h"

#define HEADER_SIZE 72
#define TABLE_SIZE  72
#define PIECE       800 /* tables in one record */

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "%s is malformed; restore the store from a copy", what);
}

static feat_digest take_digest(feat_cursor *in) {
    feat_digest d = {{0}};
    const void *p = feat_cursor_bytes(in, sizeof d.bytes);
    if (p) memcpy(d.bytes, p, sizeof d.bytes);
    return d;
}

static void put_digest(feat_buffer *out, const feat_digest *d) { feat_buffer_append(out, d->bytes, sizeof d->bytes); }

/* ---- Records: u64 version, parent; i64 known time; u64 source; u32 branch, tables; digest of the record before;
 * digest of the pieces that follow; then the tables. A piece is tables alone. ---- */

void feat_commit_table_put(feat_buffer *out, const feat_commit_table *t) {
    feat_buffer_u32(out, t->table_id);
    feat_buffer_u32(out, (uint32_t)t->operation);
    feat_buffer_u32(out, t->revision);
    feat_buffer_u32(out, 0);
    feat_buffer_u64(out, (uint64_t)t->rows_added);
    feat_buffer_u64(out, (uint64_t)t->rows_removed);
    feat_buffer_u64(out, (uint64_t)t->rows);
    put_digest(out, &t->content);
    put_digest(out, &t->manifest);
}

static feat_status take_table(const uint8_t *bytes, feat_commit_table *table, feat_error *err) {
    feat_cursor in;
    feat_cursor_init(&in, bytes, TABLE_SIZE);
    feat_commit_table t = {.table_id = feat_cursor_u32(&in)};
    uint32_t operation = feat_cursor_u32(&in);
    t.revision = feat_cursor_u32(&in);
    feat_cursor_u32(&in);
    t.rows_added = (int64_t)feat_cursor_u64(&in);
    t.rows_removed = (int64_t)feat_cursor_u64(&in);
    t.rows = (int64_t)feat_cursor_u64(&in);
    t.content = take_digest(&in);
    t.manifest = take_digest(&in);
    if (in.failed || operation < FEAT_OPERATION_APPEND || operation >= FEAT_OPERATION_END_OF_LIST)
        return malformed(err, "a commit record");
    t.operation = (feat_operation)operation;
    *table = t;
    return FEAT_OK;
}

feat_status feat_commit_table_take(feat_cursor *in, feat_commit_table *table, feat_error *err) {
    const uint8_t *bytes = feat_cursor_bytes(in, TABLE_SIZE);
    return bytes ? take_table(bytes, table, err) : malformed(err, "a commit record");
}

feat_status feat_commit_read(feat_db *db, MDB_txn *txn, uint64_t version, feat_commit_record *record, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, version);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COMMIT, "commit record", &found, &in, err));
    if (!found)
        return feat_fail(err, FEAT_CORRUPT, "the record of commit %llu is missing; restore the store from a copy",
                         (unsigned long long)version);
    feat_commit_record r = {.digest = feat_digest_of(in.at, (size_t)(in.end - in.at))};
    r.info.version = feat_cursor_u64(&in);
    r.info.parent = feat_cursor_u64(&in);
    r.info.known_time = (int64_t)feat_cursor_u64(&in);
    r.info.source = feat_cursor_u64(&in);
    r.info.branch = feat_cursor_u32(&in);
    r.n_tables = feat_cursor_u32(&in);
    feat_cursor_bytes(&in, 2 * sizeof(feat_digest));
    r.tables = in.at;
    uint32_t here = r.n_tables < PIECE ? r.n_tables : PIECE;
    if (in.failed || r.info.version != version || r.info.parent >= version || r.info.source >= version ||
        (size_t)(in.end - in.at) != (size_t)here * TABLE_SIZE)
        return malformed(err, "a commit record");
    *record = r;
    return FEAT_OK;
}

static feat_catalog_key more_key(uint64_t version, uint32_t piece) {
    return feat_catalog_key2(FEAT_KEY_MORE, version, 8, piece, 4);
}

feat_status feat_commit_table_read(feat_db *db, MDB_txn *txn, const feat_commit_record *record, uint32_t i,
                                   feat_commit_table *table, feat_error *err) {
    if (i < PIECE) return take_table(record->tables + (size_t)i * TABLE_SIZE, table, err);
    feat_catalog_key key = more_key(record->info.version, i / PIECE);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COMMIT, "commit record", &found, &in, err));
    if (!found || (size_t)(in.end - in.at) / TABLE_SIZE <= i % PIECE) return malformed(err, "a commit record");
    return take_table(in.at + (size_t)(i % PIECE) * TABLE_SIZE, table, err);
}

feat_status feat_commit_check_chain(feat_db *db, MDB_txn *txn, const feat_commit_record *record,
                                    const feat_digest *previous, feat_error *err) {
    feat_digest stored, more = {{0}};
    feat_buffer all;
    feat_cursor in;
    bool found;
    memcpy(stored.bytes, record->tables - 2 * sizeof stored, sizeof stored);
    if (previous && !feat_digest_equal(&stored, previous))
        return feat_fail(err, FEAT_CORRUPT, "the record of commit %llu does not follow the one before",
                         (unsigned long long)record->info.version);
    memcpy(stored.bytes, record->tables - sizeof stored, sizeof stored);
    feat_buffer_init(&all);
    feat_status status = FEAT_OK;
    for (uint32_t i = PIECE; i < record->n_tables && status == FEAT_OK; i += PIECE) {
        feat_catalog_key key = more_key(record->info.version, i / PIECE);
        status = feat_catalog_get(db, txn, &key, FEAT_KIND_COMMIT, "commit record", &found, &in, err);
        if (status == FEAT_OK && !found) status = malformed(err, "a commit record");
        if (status == FEAT_OK) feat_buffer_append(&all, in.at, (size_t)(in.end - in.at));
    }
    if (status == FEAT_OK && all.failed) status = feat_fail_memory(err);
    if (status == FEAT_OK && all.size > 0) more = feat_digest_of(all.data, all.size);
    feat_buffer_done(&all);
    FEAT_TRY(status);
    return feat_digest_equal(&more, &stored) ? FEAT_OK : malformed(err, "a commit record");
}

/* ---- Finding. ---- */

feat_status feat_commit_first(feat_db *db, MDB_txn *txn, uint64_t *version, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, 0);
    MDB_val k = {key.size, key.bytes}, v;
    *version = 0;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    if (rc == 0 && k.mv_size == 9 && *(const uint8_t *)k.mv_data == FEAT_KEY_COMMIT)
        *version = feat_get_be((const uint8_t *)k.mv_data + 1, 8);
    mdb_cursor_close(cursor);
    return rc == 0 || rc == MDB_NOTFOUND ? FEAT_OK : feat_env_fail(err, rc, "reading the catalog");
}

feat_status feat_commit_last(feat_db *db, MDB_txn *txn, feat_commit_record *record, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, UINT64_MAX), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 1, &found, &at, err));
    if (found) return feat_commit_read(db, txn, feat_get_be(at.bytes + 1, 8), record, err);
    *record = (feat_commit_record){.n_tables = 0};
    return FEAT_OK;
}

feat_status feat_branch_tip(feat_db *db, MDB_txn *txn, uint32_t branch, feat_commit_record *record, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_TIME, branch, 4, UINT64_MAX, 8), at;
    feat_cursor in;
    bool found;
    uint64_t version;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 5, &found, &at, err));
    if (found) {
        FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_TIME, "known time", &found, &in, err));
        version = feat_cursor_be64(&in);
        if (!found || in.failed) return malformed(err, "a known time");
    } else {
        FEAT_TRY(feat_branch_base(db, txn, branch, &version, err));
    }
    if (version > 0) return feat_commit_read(db, txn, version, record, err);
    *record = (feat_commit_record){.n_tables = 0};
    return FEAT_OK;
}

feat_status feat_version_check(feat_db *db, MDB_txn *txn, uint64_t version, const char *what, feat_error *err) {
    feat_commit_record last;
    FEAT_TRY(feat_commit_last(db, txn, &last, err));
    if (version > last.info.version)
        return feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu%s; the newest is %llu",
                         (unsigned long long)version, what, (unsigned long long)last.info.version);
    return feat_version_check_kept(db, txn, version, err);
}

feat_status feat_lineage_begin(feat_db *db, MDB_txn *txn, uint64_t version, feat_lineage *line, feat_error *err) {
    feat_commit_record record;
    *line = (feat_lineage){.upto = version};
    if (version == 0) return FEAT_OK;
    FEAT_TRY(feat_commit_read(db, txn, version, &record, err));
    line->branch = record.info.branch;
    return FEAT_OK;
}

feat_status feat_lineage_next(feat_db *db, MDB_txn *txn, feat_lineage *line, feat_error *err) {
    uint64_t base;
    uint32_t branch = line->branch;
    FEAT_TRY(feat_branch_base(db, txn, branch, &base, err));
    FEAT_TRY(feat_lineage_begin(db, txn, base, line, err));
    if (line->upto > 0 && line->branch >= branch) return malformed(err, "a branch"); /* numbers of branches only rise */
    return FEAT_OK;
}

feat_status feat_lineage_table(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, uint64_t *commit,
                               feat_digest *root, feat_error *err) {
    feat_lineage line;
    FEAT_TRY(feat_lineage_begin(db, txn, version, &line, err));
    *commit = 0;
    while (line.upto > 0) {
        feat_catalog_key key = {.size = 17}, at;
        bool found;
        key.bytes[0] = (uint8_t)FEAT_KEY_MANIFEST;
        feat_put_be(key.bytes + 1, table_id, 4);
        feat_put_be(key.bytes + 5, line.branch, 4);
        feat_put_be(key.bytes + 9, line.upto, 8);
        FEAT_TRY(feat_catalog_floor(db, txn, &key, 9, &found, &at, err));
        if (!found) {
            FEAT_TRY(feat_lineage_next(db, txn, &line, err));
            continue;
        }
        feat_cursor in;
        FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_MANIFEST, "version of a table", &found, &in, err));
        feat_digest key_of = take_digest(&in);
        if (!found || in.failed) return malformed(err, "a version of a table");
        *root = key_of;
        *commit = feat_get_be(at.bytes + 9, 8);
        return FEAT_OK;
    }
    return FEAT_OK;
}

static feat_status find_manifest(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, bool *found,
                                 feat_digest *root, feat_error *err) {
    uint64_t commit;
    FEAT_TRY(feat_version_check(db, txn, version, "", err));
    FEAT_TRY(feat_lineage_table(db, txn, table_id, version, &commit, root, err));
    *found = commit > 0;
    return FEAT_OK;
}

feat_status feat_catalog_manifest(feat_db *db, uint32_t table_id, uint64_t version, bool *found, feat_digest *root,
                                  feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = find_manifest(db, txn, table_id, version, found, root, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Making. ---- */

feat_status feat_commit_check_time(const feat_commit_info *last, int64_t known_at, feat_error *err) {
    if (last->version == 0) return FEAT_OK;
    if (last->known_time == INT64_MAX)
        return feat_fail(err, FEAT_ARGUMENT,
                         "the newest commit has the last known time there is: no commit can follow it");
    if (known_at == 0 || known_at > last->known_time) return FEAT_OK;
    char given[FEAT_TIME_TEXT_SIZE], newest[FEAT_TIME_TEXT_SIZE];
    feat_format_timestamp(known_at, given);
    feat_format_timestamp(last->known_time, newest);
    return feat_fail(err, FEAT_ARGUMENT,
                     "known_at %s is not above that of the newest commit, %s; known times only rise", given, newest);
}

/* The tables behind the first, in records of their own; the digest of them all. */
static feat_status put_more(feat_db *db, MDB_txn *txn, uint64_t version, const feat_commit_table *tables, uint32_t n,
                            feat_digest *digest, feat_error *err) {
    feat_buffer all, piece;
    feat_buffer_init(&all);
    feat_buffer_init(&piece);
    feat_status status = FEAT_OK;
    *digest = (feat_digest){{0}};
    for (uint32_t i = PIECE; i < n && status == FEAT_OK; i += PIECE) {
        feat_catalog_key key = more_key(version, i / PIECE);
        feat_buffer_clear(&piece);
        for (uint32_t k = i; k < n && k < i + PIECE; k++) feat_commit_table_put(&piece, &tables[k]);
        feat_buffer_append(&all, piece.data, piece.size);
        status = piece.failed || all.failed
                     ? feat_fail_memory(err)
                     : feat_catalog_put(db, txn, &key, FEAT_KIND_COMMIT, piece.data, piece.size, err);
    }
    if (status == FEAT_OK && all.size > 0) *digest = feat_digest_of(all.data, all.size);
    feat_buffer_done(&piece);
    feat_buffer_done(&all);
    return status;
}

static feat_status put_record(feat_db *db, MDB_txn *txn, const feat_commit_info *info, const feat_commit_table *tables,
                              uint32_t n, const feat_digest *previous, feat_error *err) {
    feat_digest more;
    feat_buffer bytes;
    FEAT_TRY(put_more(db, txn, info->version, tables, n, &more, err));
    feat_buffer_init(&bytes);
    feat_buffer_u64(&bytes, info->version);
    feat_buffer_u64(&bytes, info->parent);
    feat_buffer_u64(&bytes, (uint64_t)info->known_time);
    feat_buffer_u64(&bytes, info->source);
    feat_buffer_u32(&bytes, info->branch);
    feat_buffer_u32(&bytes, n);
    put_digest(&bytes, previous);
    put_digest(&bytes, &more);
    for (uint32_t i = 0; i < n && i < PIECE; i++) feat_commit_table_put(&bytes, &tables[i]);
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, info->version);
    feat_status status = bytes.failed ? feat_fail_memory(err)
                                      : feat_catalog_put(db, txn, &key, FEAT_KIND_COMMIT, bytes.data, bytes.size, err);
    feat_buffer_done(&bytes);
    return status;
}

/* Numbers of segments that branches have used: on the main line they only rise by themselves. */
static feat_status keep_segments(feat_db *db, MDB_txn *txn, const feat_commit_table *t, feat_error *err) {
    uint64_t next = 0;
    uint8_t bytes[8];
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_SEGMENT, t->table_id, 4, 0, 0);
    FEAT_TRY(feat_segment_floor(db, txn, t->table_id, &next, err));
    if (next >= t->next_segment) return FEAT_OK;
    feat_put_be(bytes, t->next_segment, 8);
    return feat_catalog_put(db, txn, &key, FEAT_KIND_COUNTER, bytes, sizeof bytes, err);
}

feat_status feat_segment_floor(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t *next, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_SEGMENT, table_id, 4, 0, 0);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COUNTER, "counter", &found, &in, err));
    if (!found) return FEAT_OK;
    uint64_t used = feat_cursor_be64(&in);
    if (in.failed) return malformed(err, "a counter");
    if (used > *next) *next = used;
    return FEAT_OK;
}

/* The records of a commit whose version and known time are decided. */
static feat_status put_all(feat_db *db, MDB_txn *txn, const feat_commit_info *info, const feat_commit_table *tables,
                           uint32_t n_tables, const feat_digest *previous, feat_error *err) {
    FEAT_TRY(put_record(db, txn, info, tables, n_tables, previous, err));
    for (uint32_t i = 0; i < n_tables; i++) {
        feat_catalog_key key = {.size = 17};
        key.bytes[0] = (uint8_t)FEAT_KEY_MANIFEST;
        feat_put_be(key.bytes + 1, tables[i].table_id, 4);
        feat_put_be(key.bytes + 5, info->branch, 4);
        feat_put_be(key.bytes + 9, info->version, 8);
        FEAT_TRY(feat_catalog_put(db, txn, &key, FEAT_KIND_MANIFEST, tables[i].manifest.bytes,
                                  sizeof tables[i].manifest.bytes, err));
        if (info->branch != FEAT_BRANCH_MAIN) FEAT_TRY(keep_segments(db, txn, &tables[i], err));
    }
    uint8_t version[8];
    feat_put_be(version, info->version, 8);
    feat_catalog_key key =
        feat_catalog_key2(FEAT_KEY_TIME, info->branch, 4, (uint64_t)info->known_time ^ UINT64_C(1) << 63, 8);
    FEAT_TRY(feat_catalog_put(db, txn, &key, FEAT_KIND_TIME, version, sizeof version, err));
    return FEAT_OK;
}

feat_status feat_commit_put(feat_db *db, MDB_txn *txn, feat_commit_info *info, const feat_commit_table *tables,
                            uint32_t n_tables, feat_error *err) {
    feat_commit_record last;
    FEAT_TRY(feat_commit_last(db, txn, &last, err));
    FEAT_TRY(feat_commit_check_time(&last.info, info->known_time, err));
    feat_commit_info made = *info;
    made.version = last.info.version + 1;
    if (made.known_time == 0) {
        made.known_time = feat_clock_now();
        if (last.info.version > 0 && made.known_time <= last.info.known_time)
            made.known_time = last.info.known_time + 1;
    }
    feat_digest previous = last.info.version > 0 ? last.digest : (feat_digest){{0}};
    FEAT_TRY(put_all(db, txn, &made, tables, n_tables, &previous, err));
    *info = made;
    return FEAT_OK;
}

feat_status feat_commit_put_first(feat_db *db, MDB_txn *txn, const feat_commit_info *info,
                                  const feat_commit_table *tables, uint32_t n_tables, feat_error *err) {
    feat_commit_record last;
    uint8_t oldest[8];
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_OLDEST, 0);
    FEAT_TRY(feat_commit_last(db, txn, &last, err));
    if (last.info.version > 0) return feat_fail(err, FEAT_INTERNAL, "the store has commits already");
    FEAT_TRY(put_all(db, txn, info, tables, n_tables, &(feat_digest){{0}}, err));
    feat_put_be(oldest, info->version, 8);
    return feat_catalog_put(db, txn, &key, FEAT_KIND_KEPT, oldest, sizeof oldest, err);
}
