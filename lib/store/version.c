/* Versions: resolving and listing. */
#include <string.h>

#include "base/clock.h"
#include "store/catalog.h"

static feat_status begin(feat_db *db, MDB_txn **txn, feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    return feat_env_begin(feat_db_catalog(db), false, txn, err);
}

feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err) {
    feat_commit_record record;
    FEAT_TRY(feat_catalog_newest(db, &record, err));
    *version = record.info.version;
    return FEAT_OK;
}

feat_status feat_version_read(feat_db *db, uint64_t version, feat_version_info *info, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record record;
    FEAT_TRY(begin(db, &txn, err));
    feat_status status = feat_commit_read(db, txn, version, &record, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *info = record.info;
    return status;
}

/* ---- Resolving. ---- */

static feat_status at_time(feat_db *db, MDB_txn *txn, int64_t time, uint64_t *version, feat_error *err) {
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_TIME, (uint64_t)time ^ UINT64_C(1) << 63), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 1, &found, &at, err));
    if (!found) {
        char text[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(time, text);
        feat_commit_record first;
        FEAT_TRY(feat_commit_newest(db, txn, &first, err));
        if (first.info.version == 0)
            return feat_fail(err, FEAT_NOT_FOUND, "there is no version at %s: the store has no commit yet", text);
        FEAT_TRY(feat_commit_read(db, txn, 1, &first, err));
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
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_TIME, (uint64_t)time ^ UINT64_C(1) << 63), at;
    bool found;
    *version = 0;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 1, &found, &at, err));
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

static feat_status resolve(feat_db *db, MDB_txn *txn, const feat_at *at, uint64_t *version, feat_error *err) {
    feat_commit_record newest;
    FEAT_TRY(feat_commit_newest(db, txn, &newest, err));
    uint64_t v = newest.info.version;
    switch (at ? at->kind : FEAT_AT_NEWEST) {
    case FEAT_AT_NEWEST: break;
    case FEAT_AT_VERSION:
        if (at->version > v)
            return feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu; the newest is %llu",
                             (unsigned long long)at->version, (unsigned long long)v);
        v = at->version;
        break;
    case FEAT_AT_TIME: FEAT_TRY(at_time(db, txn, at->time, &v, err)); break;
    case FEAT_AT_TAG: {
        bool found;
        if (!at->tag) return feat_fail(err, FEAT_ARGUMENT, "a snapshot by tag needs the tag's name");
        FEAT_TRY(feat_tag_find(db, txn, at->tag, &found, &v, err));
        if (!found) return feat_tag_unknown(db, txn, at->tag, err);
        break;
    }
    default: return feat_fail(err, FEAT_ARGUMENT, "%d is no way to name a version", (int)at->kind);
    }
    FEAT_TRY(feat_version_check_kept(db, txn, v, err));
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

/* Keys of a table's manifests name its commits; else all commits are walked. */
static feat_status list(feat_db *db, MDB_txn *txn, uint32_t table_id, feat_buffer *out, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    feat_catalog_key first =
        table_id ? feat_catalog_key2(FEAT_KEY_MANIFEST, table_id, 4, 0, 8) : feat_catalog_key1(FEAT_KEY_COMMIT, 0);
    size_t prefix = table_id ? 5 : 1;
    MDB_val k = {first.size, first.bytes}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == first.size && memcmp(k.mv_data, first.bytes, prefix) == 0 && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        feat_commit_record record;
        feat_cursor number;
        feat_cursor_init(&number, (const uint8_t *)k.mv_data + prefix, 8);
        status = feat_commit_read(db, txn, feat_cursor_be64(&number), &record, err);
        if (status == FEAT_OK) feat_buffer_append(out, &record.info, sizeof record.info);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    if (status == FEAT_OK && out->failed) status = feat_fail_memory(err);
    return status;
}

feat_status feat_version_list(feat_db *db, uint32_t table_id, feat_arena *arena, feat_version_info **infos, size_t *n,
                              feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, &txn, err));
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_status status = list(db, txn, table_id, &bytes, err);
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
