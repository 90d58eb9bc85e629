/* The catalog: records by key, and the chain of commits. */
#include "store/catalog.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

#define COMMIT_SIZE 128

/* ---- Keys and records. ---- */

static void put_be(uint8_t *p, uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

feat_catalog_key feat_catalog_key2(char kind, uint64_t a, unsigned a_bytes, uint64_t b, unsigned b_bytes) {
    feat_catalog_key key = {.size = 1 + a_bytes + b_bytes};
    key.bytes[0] = (uint8_t)kind;
    put_be(key.bytes + 1, a, a_bytes);
    put_be(key.bytes + 1 + a_bytes, b, b_bytes);
    return key;
}

feat_catalog_key feat_catalog_key1(char kind, uint64_t number) { return feat_catalog_key2(kind, number, 8, 0, 0); }

feat_status feat_catalog_get(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, uint32_t kind, const char *what,
                             bool *found, feat_cursor *payload, feat_error *err) {
    MDB_val k = {key->size, (void *)(uintptr_t)key->bytes}, v;
    int rc = mdb_get(txn, feat_env_dbi(feat_db_catalog(db)), &k, &v);
    *found = rc != MDB_NOTFOUND;
    if (rc == MDB_NOTFOUND) return FEAT_OK;
    if (rc != 0) return feat_env_fail(err, rc, what);
    const void *bytes;
    size_t size;
    FEAT_TRY(feat_envelope_open(v.mv_data, v.mv_size, kind, key->bytes, key->size, &bytes, &size, what, err));
    feat_cursor_init(payload, bytes, size);
    return FEAT_OK;
}

feat_status feat_catalog_put(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, uint32_t kind, const void *payload,
                             size_t size, feat_error *err) {
    MDB_val k = {key->size, (void *)(uintptr_t)key->bytes}, v = {FEAT_ENVELOPE_SIZE + size, NULL};
    int rc = mdb_put(txn, feat_env_dbi(feat_db_catalog(db)), &k, &v, MDB_RESERVE);
    if (rc != 0) return feat_env_fail(err, rc, "writing the catalog");
    feat_envelope_seal(v.mv_data, kind, key->bytes, key->size, payload, size);
    if (size) memcpy((char *)v.mv_data + FEAT_ENVELOPE_SIZE, payload, size);
    return FEAT_OK;
}

feat_status feat_catalog_floor(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, size_t prefix, bool *found,
                               feat_catalog_key *at, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    MDB_val k = {key->size, (void *)(uintptr_t)key->bytes}, v;
    rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    bool exact = rc == 0 && k.mv_size == key->size && memcmp(k.mv_data, key->bytes, key->size) == 0;
    if (rc == MDB_NOTFOUND) rc = mdb_cursor_get(cursor, &k, &v, MDB_LAST);
    else if (rc == 0 && !exact) rc = mdb_cursor_get(cursor, &k, &v, MDB_PREV);
    mdb_cursor_close(cursor);
    *found = false;
    if (rc == MDB_NOTFOUND) return FEAT_OK;
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    if (k.mv_size != key->size || memcmp(k.mv_data, key->bytes, prefix) != 0) return FEAT_OK;
    memcpy(at->bytes, k.mv_data, k.mv_size);
    at->size = k.mv_size;
    *found = true;
    return FEAT_OK;
}

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "%s is malformed; restore the store from a copy", what);
}

/* ---- Commit records: u64 version, parent; i64 known time; u32 table, operation; i64 rows added, removed, after;
 * content digest; manifest's root; digest of the record before; u32 revision of the schema; 20 zeros. ---- */

static void encode_commit(const feat_commit_record *r, feat_buffer *out) {
    feat_buffer_u64(out, r->info.version);
    feat_buffer_u64(out, r->info.parent);
    feat_buffer_u64(out, (uint64_t)r->info.known_time);
    feat_buffer_u32(out, r->info.table_id);
    feat_buffer_u32(out, (uint32_t)r->info.operation);
    feat_buffer_u64(out, (uint64_t)r->info.rows_added);
    feat_buffer_u64(out, (uint64_t)r->info.rows_removed);
    feat_buffer_u64(out, (uint64_t)r->info.rows);
    feat_buffer_append(out, r->info.content.bytes, 16);
    feat_buffer_append(out, r->manifest.bytes, 16);
    feat_buffer_append(out, r->previous.bytes, 16);
    feat_buffer_u32(out, r->info.revision);
    feat_buffer_append(out, (const uint8_t[COMMIT_SIZE - 108]){0}, COMMIT_SIZE - 108);
}

static feat_digest take_digest(feat_cursor *in) {
    feat_digest d = {{0}};
    const void *p = feat_cursor_bytes(in, sizeof d.bytes);
    if (p) memcpy(d.bytes, p, sizeof d.bytes);
    return d;
}

feat_status feat_commit_read(feat_db *db, MDB_txn *txn, uint64_t version, feat_commit_record *record, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, version);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COMMIT, "commit record", &found, &in, err));
    if (!found)
        return feat_fail(err, FEAT_CORRUPT, "the record of commit %llu is missing; restore the store from a copy",
                         (unsigned long long)version);
    feat_commit_record r = {.info = {.version = feat_cursor_u64(&in)}};
    r.info.parent = feat_cursor_u64(&in);
    r.info.known_time = (int64_t)feat_cursor_u64(&in);
    r.info.table_id = feat_cursor_u32(&in);
    uint32_t operation = feat_cursor_u32(&in);
    r.info.rows_added = (int64_t)feat_cursor_u64(&in);
    r.info.rows_removed = (int64_t)feat_cursor_u64(&in);
    r.info.rows = (int64_t)feat_cursor_u64(&in);
    r.info.content = take_digest(&in);
    r.manifest = take_digest(&in);
    r.previous = take_digest(&in);
    r.info.revision = feat_cursor_u32(&in);
    if (in.failed || r.info.version != version || operation < FEAT_OPERATION_APPEND || operation > FEAT_OPERATION_DERIVE)
        return malformed(err, "a commit record");
    r.info.operation = (feat_operation)operation;
    *record = r;
    return FEAT_OK;
}

feat_status feat_commit_newest(feat_db *db, MDB_txn *txn, feat_commit_record *record, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, UINT64_MAX), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 1, &found, &at, err));
    if (found) return feat_commit_read(db, txn, get_be(at.bytes + 1, 8), record, err);
    *record = (feat_commit_record){.info = {.version = 0}};
    return FEAT_OK;
}

feat_status feat_catalog_newest(feat_db *db, feat_commit_record *record, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = feat_commit_newest(db, txn, record, err);
    feat_env_abort(txn);
    return status;
}

static feat_status find_manifest(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, bool *found,
                                 feat_digest *root, feat_error *err) {
    feat_commit_record newest;
    FEAT_TRY(feat_commit_newest(db, txn, &newest, err));
    if (version > newest.info.version)
        return feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu; the newest is %llu",
                         (unsigned long long)version, (unsigned long long)newest.info.version);
    FEAT_TRY(feat_version_check_kept(db, txn, version, err));
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_MANIFEST, table_id, 4, version, 8), at;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 5, found, &at, err));
    if (!*found) return FEAT_OK;
    feat_cursor in;
    FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_MANIFEST, "version of a table", found, &in, err));
    feat_digest key_of = take_digest(&in);
    if (!*found || in.failed) return malformed(err, "a version of a table");
    *root = key_of;
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

/* The last commit of a table up to `version`; 0: none. */
static feat_status last_commit(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, uint64_t *commit,
                               feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_MANIFEST, table_id, 4, version, 8), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 5, &found, &at, err));
    *commit = found ? get_be(at.bytes + 5, 8) : 0;
    return FEAT_OK;
}

feat_status feat_version_of_table(feat_db *db, uint32_t table_id, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    uint64_t found;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = last_commit(db, txn, table_id, UINT64_MAX, &found, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *version = found;
    return status;
}

static feat_status find_revision(feat_db *db, MDB_txn *txn, uint32_t table_id, uint64_t version, uint32_t *revision,
                                 feat_error *err) {
    uint64_t commit, newest;
    feat_commit_record record;
    FEAT_TRY(last_commit(db, txn, table_id, version, &commit, err));
    FEAT_TRY(last_commit(db, txn, table_id, UINT64_MAX, &newest, err));
    *revision = UINT32_MAX;
    if (commit == newest) return FEAT_OK;
    if (commit == 0) { /* no row yet: the table as it was created */
        *revision = 0;
        return FEAT_OK;
    }
    FEAT_TRY(feat_commit_read(db, txn, commit, &record, err));
    *revision = record.info.revision;
    return FEAT_OK;
}

feat_status feat_version_revision(feat_db *db, uint32_t table_id, uint64_t version, uint32_t *revision,
                                  feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = find_revision(db, txn, table_id, version, revision, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Committing. ---- */

static feat_status chain(const feat_commit_record *before, feat_commit_record *r, feat_error *err) {
    r->info.parent = before->info.version;
    r->info.version = before->info.version + 1;
    if (before->info.version == 0) {
        r->previous = (feat_digest){{0}};
    } else {
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        encode_commit(before, &bytes);
        bool failed = bytes.failed;
        if (!failed) r->previous = feat_digest_of(bytes.data, bytes.size);
        feat_buffer_done(&bytes);
        if (failed) return feat_fail_memory(err);
    }
    int64_t last = before->info.known_time;
    FEAT_TRY(feat_commit_check_time(&before->info, r->info.known_time, err));
    if (r->info.known_time == 0) {
        r->info.known_time = feat_clock_now();
        if (before->info.version > 0 && r->info.known_time <= last) r->info.known_time = last + 1;
    }
    return FEAT_OK;
}

feat_status feat_commit_check_time(const feat_version_info *newest, int64_t known_at, feat_error *err) {
    if (newest->version == 0) return FEAT_OK;
    if (newest->known_time == INT64_MAX)
        return feat_fail(err, FEAT_ARGUMENT,
                         "the newest commit has the last known time there is: no commit can follow it");
    if (known_at == 0 || known_at > newest->known_time) return FEAT_OK;
    char given[FEAT_TIME_TEXT_SIZE], last[FEAT_TIME_TEXT_SIZE];
    feat_format_timestamp(known_at, given);
    feat_format_timestamp(newest->known_time, last);
    return feat_fail(err, FEAT_ARGUMENT,
                     "known_at %s is not above that of the newest commit, %s; known times only rise", given, last);
}

static feat_status put_commit(feat_db *db, MDB_txn *txn, const feat_commit_record *r, feat_error *err) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    encode_commit(r, &bytes);
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_COMMIT, r->info.version);
    feat_status status = bytes.failed ? feat_fail_memory(err)
                                      : feat_catalog_put(db, txn, &key, FEAT_KIND_COMMIT, bytes.data, bytes.size, err);
    feat_buffer_done(&bytes);
    FEAT_TRY(status);
    key = feat_catalog_key2(FEAT_KEY_MANIFEST, r->info.table_id, 4, r->info.version, 8);
    FEAT_TRY(feat_catalog_put(db, txn, &key, FEAT_KIND_MANIFEST, r->manifest.bytes, sizeof r->manifest.bytes, err));
    uint8_t version[8];
    put_be(version, r->info.version, 8);
    key = feat_catalog_key1(FEAT_KEY_TIME, (uint64_t)r->info.known_time ^ UINT64_C(1) << 63);
    return feat_catalog_put(db, txn, &key, FEAT_KIND_TIME, version, sizeof version, err);
}

feat_status feat_catalog_commit(feat_db *db, feat_commit_record *record, const feat_commit_extra *extra,
                                feat_error *err) {
    MDB_txn *txn;
    feat_commit_record before, r = *record;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = feat_commit_newest(db, txn, &before, err);
    if (status == FEAT_OK) status = chain(&before, &r, err);
    if (status == FEAT_OK) status = put_commit(db, txn, &r, err);
    if (status == FEAT_OK && extra && extra->def) status = feat_defs_put(db, txn, extra->def, 1, err);
    if (status == FEAT_OK && extra && extra->application)
        status = feat_application_put(db, txn, r.info.table_id, extra->application, r.info.version, err);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(db), txn, err));
    *record = r;
    return FEAT_OK;
}
