/* Versions: resolving, listing, tags. */
#include <string.h>

#include "base/clock.h"
#include "store/catalog.h"

#define TAG_NAME_MAX 4096
#define TAGS_SHOWN   8

static feat_status begin(feat_db *db, bool write, MDB_txn **txn, feat_error *err) {
    FEAT_TRY(write ? feat_db_check_locked(db, err) : feat_db_check(db, err));
    return feat_env_begin(feat_db_catalog(db), write, txn, err);
}

feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err) {
    feat_commit_record record;
    FEAT_TRY(feat_catalog_newest(db, &record, err));
    *version = record.info.version;
    return FEAT_OK;
}

/* ---- Tags: key: digest of the name; value: big-endian version, name. ---- */

static feat_status find_tag(feat_db *db, MDB_txn *txn, const char *name, bool *found, uint64_t *version,
                            feat_catalog_key *key, feat_error *err) {
    size_t length = strlen(name);
    feat_digest digest = feat_digest_of(name, length);
    for (;;) {
        *key = (feat_catalog_key){.size = 17, .bytes = {(uint8_t)FEAT_KEY_TAG}};
        memcpy(key->bytes + 1, digest.bytes, 16);
        feat_cursor in;
        FEAT_TRY(feat_catalog_get(db, txn, key, FEAT_KIND_TAG, "tag", found, &in, err));
        if (!*found) return FEAT_OK;
        uint64_t tagged = feat_cursor_be64(&in);
        if (in.failed) return feat_fail(err, FEAT_CORRUPT, "a tag is malformed; restore the store from a copy");
        if ((size_t)(in.end - in.at) == length && memcmp(in.at, name, length) == 0) {
            *version = tagged;
            return FEAT_OK;
        }
        /* Another name of the same digest: the next key. */
        for (int i = 15; i >= 0 && ++digest.bytes[i] == 0; i--) {
        }
    }
}

/* "'a', 'b', 'c'": the names of some tags. */
static void list_tags(feat_db *db, MDB_txn *txn, feat_buffer *out) {
    MDB_cursor *cursor;
    if (mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor) != 0) return;
    uint8_t prefix = (uint8_t)FEAT_KEY_TAG;
    MDB_val k = {1, &prefix}, v;
    int rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (int n = 0; rc == 0 && k.mv_size == 17 && *(const uint8_t *)k.mv_data == prefix; n++) {
        const void *payload;
        size_t size;
        if (n == TAGS_SHOWN) {
            feat_buffer_text(out, ", ...");
            break;
        }
        if (feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_TAG, k.mv_data, k.mv_size, &payload, &size, "tag",
                               NULL) == FEAT_OK &&
            size >= 8)
            feat_buffer_printf(out, "%s'%.*s'", out->size ? ", " : "", (int)(size - 8 < 64 ? size - 8 : 64),
                               (const char *)payload + 8);
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
}

static feat_status no_tag(feat_db *db, MDB_txn *txn, const char *name, feat_error *err) {
    feat_buffer names;
    feat_buffer_init(&names);
    list_tags(db, txn, &names);
    feat_buffer_byte(&names, 0);
    bool any = !names.failed && names.size > 1;
    feat_status status = any ? feat_fail(err, FEAT_NOT_FOUND, "there is no tag '%.100s'; the store has %s", name,
                                         (const char *)names.data)
                             : feat_fail(err, FEAT_NOT_FOUND, "there is no tag '%.100s'; the store has none", name);
    feat_buffer_done(&names);
    return status;
}

static feat_status put_tag(feat_db *db, MDB_txn *txn, const char *name, uint64_t version, bool *changed,
                           feat_error *err) {
    feat_commit_record newest;
    FEAT_TRY(feat_commit_newest(db, txn, &newest, err));
    if (version > newest.info.version)
        return feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu to tag; the newest is %llu",
                         (unsigned long long)version, (unsigned long long)newest.info.version);
    bool found;
    uint64_t tagged = 0;
    feat_catalog_key key;
    FEAT_TRY(find_tag(db, txn, name, &found, &tagged, &key, err));
    *changed = !found;
    if (found)
        return tagged == version ? FEAT_OK
                                 : feat_fail(err, FEAT_EXISTS,
                                             "the tag '%.100s' names version %llu and never moves; choose another name",
                                             name, (unsigned long long)tagged);
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, version);
    feat_buffer_text(&payload, name);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, &key, FEAT_KIND_TAG, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

feat_status feat_tag_put(feat_db *db, const char *name, uint64_t version, feat_error *err) {
    if (!name[0] || strlen(name) > TAG_NAME_MAX)
        return feat_fail(err, FEAT_ARGUMENT, "the name of a tag has 1 to %d bytes", TAG_NAME_MAX);
    MDB_txn *txn;
    bool changed = false;
    FEAT_TRY(begin(db, true, &txn, err));
    feat_status status = put_tag(db, txn, name, version, &changed, err);
    if (status == FEAT_OK && changed) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
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
        feat_catalog_key key;
        if (!at->tag) return feat_fail(err, FEAT_ARGUMENT, "a snapshot by tag needs the tag's name");
        FEAT_TRY(find_tag(db, txn, at->tag, &found, &v, &key, err));
        if (!found) return no_tag(db, txn, at->tag, err);
        break;
    }
    default: return feat_fail(err, FEAT_ARGUMENT, "%d is no way to name a version", (int)at->kind);
    }
    *version = v;
    return FEAT_OK;
}

feat_status feat_version_resolve(feat_db *db, const feat_at *at, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(begin(db, false, &txn, err));
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
    FEAT_TRY(begin(db, false, &txn, err));
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
