/* The catalog: definitions, commit records, tags. Keys begin with a letter for their kind; numbers in them are big-endian. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/pack.h"
#include "store/internal.h"

enum { KIND_RECORD = 0x52434543 /* "CECR" */, KEY_MAX = 32 };

typedef struct catalog_key {
    uint8_t bytes[KEY_MAX];
    size_t size;
} catalog_key;

static catalog_key make_key(char kind) { return (catalog_key){{(uint8_t)kind}, 1}; }

static void key_be(catalog_key *k, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) k->bytes[k->size++] = (uint8_t)(v >> (8 * i));
}

static feat_status put(feat_env *env, MDB_txn *txn, const catalog_key *key, feat_buffer *payload, feat_error *err) {
    if (payload->failed) return feat_fail_memory(err);
    MDB_val k = {key->size, (void *)key->bytes}, v = {FEAT_ENVELOPE_SIZE + payload->size, NULL};
    int rc = mdb_put(txn, feat_env_dbi(env), &k, &v, MDB_RESERVE);
    if (rc != 0) return feat_env_fail(err, rc, "catalog");
    feat_envelope_seal(v.mv_data, KIND_RECORD, key->bytes, key->size, payload->data, payload->size);
    memcpy((uint8_t *)v.mv_data + FEAT_ENVELOPE_SIZE, payload->data, payload->size);
    return FEAT_OK;
}

static feat_status open_record(const MDB_val *k, const MDB_val *v, feat_cursor *in, feat_error *err) {
    const void *payload;
    size_t size;
    FEAT_TRY(feat_envelope_open(v->mv_data, v->mv_size, KIND_RECORD, k->mv_data, k->mv_size, &payload, &size, "catalog", err));
    feat_cursor_init(in, payload, size);
    return FEAT_OK;
}

static feat_status get(feat_env *env, MDB_txn *txn, const catalog_key *key, feat_cursor *in, bool *found, feat_error *err) {
    MDB_val k = {key->size, (void *)key->bytes}, v;
    int rc = mdb_get(txn, feat_env_dbi(env), &k, &v);
    *found = rc == 0;
    if (rc == MDB_NOTFOUND) return FEAT_OK;
    return rc == 0 ? open_record(&k, &v, in, err) : feat_env_fail(err, rc, "catalog");
}

/* The last record whose key is not above `key` and begins with its first `prefix` bytes. */
static feat_status get_last(feat_env *env, MDB_txn *txn, const catalog_key *key, size_t prefix, MDB_val *k, feat_cursor *in, bool *found,
                            feat_error *err) {
    MDB_cursor *cursor;
    MDB_val v;
    *found = false;
    int rc = mdb_cursor_open(txn, feat_env_dbi(env), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "catalog");
    *k = (MDB_val){key->size, (void *)key->bytes};
    rc = mdb_cursor_get(cursor, k, &v, MDB_SET_RANGE);
    if (rc == MDB_NOTFOUND) rc = mdb_cursor_get(cursor, k, &v, MDB_LAST);
    else if (rc == 0 && (k->mv_size != key->size || memcmp(k->mv_data, key->bytes, key->size) != 0)) rc = mdb_cursor_get(cursor, k, &v, MDB_PREV);
    if (rc == 0) *found = k->mv_size >= prefix && memcmp(k->mv_data, key->bytes, prefix) == 0;
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND) return feat_env_fail(err, rc, "catalog");
    return *found ? open_record(k, &v, in, err) : FEAT_OK;
}

static feat_status malformed(feat_error *err) { return feat_fail(err, FEAT_CORRUPT, "catalog: a record is malformed"); }

/* ---- Format. ---- */

feat_status feat_format_check(feat_db *db, bool create, feat_error *err) {
    MDB_txn *txn;
    feat_cursor in;
    bool found;
    catalog_key key = make_key('F');
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = get(db->catalog, txn, &key, &in, &found, err);
    uint32_t version = 0;
    bool ours = false;
    if (status == FEAT_OK && found) {
        const void *name = feat_cursor_bytes(&in, 8);
        ours = name && memcmp(name, "libfeat", 8) == 0;
        version = feat_cursor_u32(&in);
    }
    feat_env_abort(txn);
    if (status == FEAT_CORRUPT || (status == FEAT_OK && found && !ours)) return feat_fail(err, FEAT_FORMAT, "%s: no store of libfeat", db->path);
    if (status != FEAT_OK) return status;
    if (found)
        return version == FEAT_FORMAT_VERSION ? FEAT_OK
                                              : feat_fail(err, FEAT_FORMAT, "%s: the store has format version %u; this library reads version %d", db->path, version,
                                                          FEAT_FORMAT_VERSION);
    if (!create) return feat_fail(err, FEAT_FORMAT, "%s: no store of libfeat", db->path);
    feat_buffer record;
    feat_buffer_init(&record);
    feat_buffer_append(&record, "libfeat", 8);
    feat_buffer_u32(&record, FEAT_FORMAT_VERSION);
    status = feat_env_begin(db->catalog, true, &txn, err);
    if (status == FEAT_OK) {
        status = put(db->catalog, txn, &key, &record, err);
        if (status == FEAT_OK) status = feat_env_commit(db->catalog, txn, err);
        else feat_env_abort(txn);
    }
    feat_buffer_done(&record);
    return status;
}

/* ---- Definitions. ---- */

static feat_status read_def(feat_cursor *in, feat_arena *arena, feat_def *def, feat_error *err) {
    size_t length, size;
    if (feat_unpack_array(in) != 5) return malformed(err);
    def->kind = (feat_def_kind)feat_unpack_uint(in);
    const char *name = feat_unpack_text(in, &length);
    def->name = feat_arena_strndup(arena, name, length);
    def->number = (uint32_t)feat_unpack_uint(in);
    def->fingerprint = feat_unpack_digest(in);
    const void *record = feat_unpack_bytes(in, &size);
    def->record = feat_arena_strndup(arena, record, size);
    def->record_size = size;
    if (in->failed || in->at != in->end) return malformed(err);
    return def->name && def->record ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_defs_load(feat_db *db, feat_arena *arena, feat_def **defs, size_t *n, feat_error *err) {
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    feat_def *list = NULL;
    size_t count = 0, capacity = 0;
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = FEAT_OK;
    int rc = mdb_cursor_open(txn, feat_env_dbi(db->catalog), &cursor);
    MDB_val k = {1, (void *)"d"}, v;
    if (rc == 0) rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && status == FEAT_OK && k.mv_size == 9 && *(const char *)k.mv_data == 'd'; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        feat_cursor in;
        if (FEAT_GROW(list, capacity, count + 1) != 0) status = feat_fail_memory(err);
        else status = open_record(&k, &v, &in, err);
        if (status == FEAT_OK) status = read_def(&in, arena, &list[count], err);
        count++;
    }
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "catalog");
    if (cursor) mdb_cursor_close(cursor);
    feat_env_abort(txn);
    if (status == FEAT_OK) {
        *defs = feat_arena_array(arena, count, sizeof **defs);
        if (!*defs) status = feat_fail_memory(err);
        else if (count) memcpy(*defs, list, count * sizeof *list);
        *n = count;
    }
    feat_free(list);
    return status;
}

feat_status feat_defs_commit(feat_db *db, const feat_def *defs, size_t n, feat_error *err) {
    MDB_txn *txn;
    MDB_val k;
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_env_begin(db->catalog, true, &txn, err));
    catalog_key last = make_key('d');
    key_be(&last, UINT64_MAX, 8);
    uint64_t sequence = 0;
    feat_buffer record;
    feat_buffer_init(&record);
    feat_status status = get_last(db->catalog, txn, &last, 1, &k, &in, &found, err);
    if (status == FEAT_OK && found && k.mv_size == 9)
        for (int i = 1; i < 9; i++) sequence = sequence << 8 | ((const uint8_t *)k.mv_data)[i];
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        catalog_key key = make_key('d');
        key_be(&key, ++sequence, 8);
        feat_buffer_clear(&record);
        feat_pack_array(&record, 5);
        feat_pack_uint(&record, (uint64_t)defs[i].kind);
        feat_pack_text(&record, defs[i].name);
        feat_pack_uint(&record, defs[i].number);
        feat_pack_digest(&record, &defs[i].fingerprint);
        feat_pack_bytes(&record, defs[i].record, defs[i].record_size);
        status = put(db->catalog, txn, &key, &record, err);
    }
    feat_buffer_done(&record);
    if (status == FEAT_OK) return feat_env_commit(db->catalog, txn, err);
    feat_env_abort(txn);
    return status;
}

feat_status feat_table_id_next(feat_db *db, uint32_t *table_id, feat_error *err) {
    MDB_txn *txn;
    feat_cursor in;
    bool found;
    catalog_key key = make_key('c');
    FEAT_TRY(feat_env_begin(db->catalog, true, &txn, err));
    feat_status status = get(db->catalog, txn, &key, &in, &found, err);
    uint32_t id = status == FEAT_OK && found ? feat_cursor_u32(&in) + 1 : 1;
    feat_buffer record;
    feat_buffer_init(&record);
    feat_buffer_u32(&record, id);
    if (status == FEAT_OK) status = put(db->catalog, txn, &key, &record, err);
    feat_buffer_done(&record);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(db->catalog, txn, err));
    *table_id = id;
    return FEAT_OK;
}

/* ---- Commit records. ---- */

static void pack_commit(feat_buffer *out, const feat_version_info *info, const feat_digest *manifest, const feat_digest *previous) {
    feat_buffer_u64(out, info->version);
    feat_buffer_u64(out, info->parent);
    feat_buffer_u64(out, (uint64_t)info->known_time);
    feat_buffer_u32(out, info->table_id);
    feat_buffer_u32(out, (uint32_t)info->operation);
    feat_buffer_u64(out, (uint64_t)info->rows_added);
    feat_buffer_u64(out, (uint64_t)info->rows_removed);
    feat_buffer_u64(out, (uint64_t)info->rows);
    feat_buffer_append(out, info->content.bytes, 16);
    feat_buffer_append(out, manifest->bytes, 16);
    feat_buffer_append(out, previous->bytes, 16);
}

static feat_status unpack_commit(feat_cursor *in, feat_version_info *info, feat_error *err) {
    info->version = feat_cursor_u64(in);
    info->parent = feat_cursor_u64(in);
    info->known_time = (int64_t)feat_cursor_u64(in);
    info->table_id = feat_cursor_u32(in);
    info->operation = (feat_operation)feat_cursor_u32(in);
    info->rows_added = (int64_t)feat_cursor_u64(in);
    info->rows_removed = (int64_t)feat_cursor_u64(in);
    info->rows = (int64_t)feat_cursor_u64(in);
    const void *content = feat_cursor_bytes(in, 16);
    feat_cursor_bytes(in, 32);
    if (in->failed || in->at != in->end) return malformed(err);
    memcpy(info->content.bytes, content, 16);
    return FEAT_OK;
}

/* The newest commit, or version 0; `check` gets the digest of its record's bytes. */
static feat_status newest(feat_env *env, MDB_txn *txn, feat_version_info *info, feat_digest *check, feat_error *err) {
    MDB_val k;
    feat_cursor in;
    bool found;
    catalog_key key = make_key('v');
    key_be(&key, UINT64_MAX, 8);
    *info = (feat_version_info){.known_time = INT64_MIN};
    FEAT_TRY(get_last(env, txn, &key, 1, &k, &in, &found, err));
    if (!found) return FEAT_OK;
    if (check) *check = feat_digest_of(in.at, (size_t)(in.end - in.at));
    return unpack_commit(&in, info, err);
}

feat_status feat_version_newest(feat_db *db, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    feat_version_info info;
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = newest(db->catalog, txn, &info, NULL, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) *version = info.version;
    return status;
}

/* Tags are found by the hash of their name; names of one hash take neighbouring keys. */
static feat_status find_tag(feat_env *env, MDB_txn *txn, const char *name, catalog_key *key, uint64_t *version, bool *found, feat_error *err) {
    static const feat_digest one = {{[15] = 1}};
    for (feat_digest hash = feat_digest_of(name, strlen(name));; feat_digest_add(&hash, &one)) {
        feat_cursor in;
        size_t length;
        *key = make_key('g');
        memcpy(key->bytes + 1, hash.bytes, 16);
        key->size = 17;
        FEAT_TRY(get(env, txn, key, &in, found, err));
        if (!*found) return FEAT_OK;
        const char *stored = feat_unpack_text(&in, &length);
        *version = feat_unpack_uint(&in);
        if (in.failed) return malformed(err);
        if (length == strlen(name) && memcmp(stored, name, length) == 0) return FEAT_OK;
    }
}

static feat_status resolve_time(feat_env *env, MDB_txn *txn, int64_t time, uint64_t *version, feat_error *err) {
    MDB_val k;
    feat_cursor in;
    bool found;
    catalog_key key = make_key('k');
    key_be(&key, (uint64_t)time ^ (UINT64_C(1) << 63), 8);
    FEAT_TRY(get_last(env, txn, &key, 1, &k, &in, &found, err));
    char text[FEAT_TIME_TEXT_SIZE];
    feat_format_timestamp(time, text);
    if (!found) return feat_fail(err, FEAT_NOT_FOUND, "no commit was known at %s; the first came later", text);
    *version = feat_cursor_u64(&in);
    return in.failed ? malformed(err) : FEAT_OK;
}

feat_status feat_version_resolve(feat_db *db, const feat_at *at, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    feat_version_info info;
    catalog_key key;
    uint64_t resolved = 0;
    bool found = true;
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = newest(db->catalog, txn, &info, NULL, err);
    if (status == FEAT_OK) switch (at ? at->kind : FEAT_AT_NEWEST) {
        case FEAT_AT_NEWEST: resolved = info.version; break;
        case FEAT_AT_VERSION:
            resolved = at->version;
            if (resolved > info.version)
                status = feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu; the newest is %llu", (unsigned long long)resolved, (unsigned long long)info.version);
            break;
        case FEAT_AT_TIME: status = resolve_time(db->catalog, txn, at->time, &resolved, err); break;
        case FEAT_AT_TAG:
            status = find_tag(db->catalog, txn, at->tag, &key, &resolved, &found, err);
            if (status == FEAT_OK && !found) status = feat_fail(err, FEAT_NOT_FOUND, "there is no tag '%.200s'", at->tag);
            break;
        default: status = feat_fail(err, FEAT_ARGUMENT, "feat_at: unknown kind %d", (int)at->kind);
        }
    feat_env_abort(txn);
    if (status == FEAT_OK) *version = resolved;
    return status;
}

feat_status feat_tag_put(feat_db *db, const char *name, uint64_t version, feat_error *err) {
    MDB_txn *txn;
    catalog_key key;
    uint64_t old = 0;
    bool found = false;
    FEAT_TRY(feat_env_begin(db->catalog, true, &txn, err));
    feat_status status = find_tag(db->catalog, txn, name, &key, &old, &found, err);
    if (status == FEAT_OK && found && old != version)
        status = feat_fail(err, FEAT_EXISTS, "tag '%.200s' names version %llu, and a tag never moves", name, (unsigned long long)old);
    if (status != FEAT_OK || found) {
        feat_env_abort(txn);
        return status;
    }
    feat_buffer record;
    feat_buffer_init(&record);
    feat_pack_text(&record, name);
    feat_pack_uint(&record, version);
    status = put(db->catalog, txn, &key, &record, err);
    feat_buffer_done(&record);
    if (status == FEAT_OK) return feat_env_commit(db->catalog, txn, err);
    feat_env_abort(txn);
    return status;
}

feat_status feat_version_list(feat_db *db, uint32_t table_id, feat_arena *arena, feat_version_info **infos, size_t *n, feat_error *err) {
    MDB_txn *txn;
    MDB_cursor *cursor = NULL;
    feat_version_info *list = NULL;
    size_t count = 0, capacity = 0;
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = FEAT_OK;
    int rc = mdb_cursor_open(txn, feat_env_dbi(db->catalog), &cursor);
    MDB_val k = {1, (void *)"v"}, v;
    if (rc == 0) rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
    for (; rc == 0 && status == FEAT_OK && k.mv_size == 9 && *(const char *)k.mv_data == 'v'; rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        feat_cursor in;
        feat_version_info info;
        status = open_record(&k, &v, &in, err);
        if (status == FEAT_OK) status = unpack_commit(&in, &info, err);
        if (status != FEAT_OK || (table_id && info.table_id != table_id)) continue;
        if (FEAT_GROW(list, capacity, count + 1) != 0) status = feat_fail_memory(err);
        else list[count++] = info;
    }
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "catalog");
    if (cursor) mdb_cursor_close(cursor);
    feat_env_abort(txn);
    if (status == FEAT_OK) {
        feat_version_info *kept = feat_arena_array(arena, count, sizeof *kept);
        if (!kept) status = feat_fail_memory(err);
        else {
            if (count) memcpy(kept, list, count * sizeof *list);
            *infos = kept;
            *n = count;
        }
    }
    feat_free(list);
    return status;
}

static catalog_key table_key(uint32_t table_id, uint64_t version) {
    catalog_key key = make_key('t');
    key_be(&key, table_id, 4);
    key_be(&key, version, 8);
    return key;
}

feat_status feat_version_manifest(feat_db *db, uint32_t table_id, uint64_t version, feat_digest *manifest, feat_error *err) {
    MDB_txn *txn;
    MDB_val k;
    feat_cursor in;
    bool found;
    catalog_key key = table_key(table_id, version);
    memset(manifest, 0, sizeof *manifest);
    FEAT_TRY(feat_env_begin(db->catalog, false, &txn, err));
    feat_status status = get_last(db->catalog, txn, &key, 5, &k, &in, &found, err);
    if (status == FEAT_OK && found) {
        const void *bytes = feat_cursor_bytes(&in, 16);
        if (bytes) memcpy(manifest->bytes, bytes, 16);
        else status = malformed(err);
    }
    feat_env_abort(txn);
    return status;
}

feat_status feat_version_commit(feat_db *db, feat_version_info *info, int64_t known_at, const feat_digest *manifest, feat_error *err) {
    MDB_txn *txn;
    feat_version_info last;
    feat_digest previous = {{0}};
    FEAT_TRY(feat_env_begin(db->catalog, true, &txn, err));
    feat_buffer record;
    feat_buffer_init(&record);
    feat_status status = newest(db->catalog, txn, &last, &previous, err);
    if (status == FEAT_OK && known_at && last.version && known_at <= last.known_time) {
        char text[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(last.known_time, text);
        status = feat_fail(err, FEAT_ARGUMENT, "known_at must be above the known time of version %llu, %s", (unsigned long long)last.version, text);
    }
    if (status == FEAT_OK) {
        info->version = last.version + 1;
        info->parent = last.version;
        info->known_time = known_at ? known_at : feat_clock_now();
        if (last.version && info->known_time <= last.known_time) info->known_time = last.known_time + 1;
        pack_commit(&record, info, manifest, &previous);
        catalog_key key = make_key('v');
        key_be(&key, info->version, 8);
        status = put(db->catalog, txn, &key, &record, err);
    }
    if (status == FEAT_OK) {
        catalog_key key = table_key(info->table_id, info->version);
        feat_buffer_clear(&record);
        feat_buffer_append(&record, manifest->bytes, 16);
        status = put(db->catalog, txn, &key, &record, err);
    }
    if (status == FEAT_OK) {
        catalog_key key = make_key('k');
        key_be(&key, (uint64_t)info->known_time ^ (UINT64_C(1) << 63), 8);
        feat_buffer_clear(&record);
        feat_buffer_u64(&record, info->version);
        status = put(db->catalog, txn, &key, &record, err);
    }
    feat_buffer_done(&record);
    if (status == FEAT_OK) return feat_env_commit(db->catalog, txn, err);
    feat_env_abort(txn);
    return status;
}
