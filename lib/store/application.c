/* Applications: how far each writer of a table has come on a branch, in its own count. The key is the digest of the
 * numbers of branch and table and of the name, or the next one that is free, and the version of the commit; the value
 * is the sequence, those numbers, and the name. So what had been done at any version is known. */
#include <string.h>

#include "store/catalog.h"

#define NAME_MAX_BYTES 1024
#define KEY_SIZE       25
#define KEY_PREFIX     17

typedef struct place {
    uint32_t branch, table_id;
    const char *name;
    size_t length;
} place;

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "the record of an application is malformed; restore the store from a copy");
}

static feat_status digest_of(const place *p, feat_digest *digest, feat_error *err) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_buffer_u32(&bytes, p->branch);
    feat_buffer_u32(&bytes, p->table_id);
    feat_buffer_append(&bytes, p->name, p->length);
    bool failed = bytes.failed;
    if (!failed) *digest = feat_digest_of(bytes.data, bytes.size);
    feat_buffer_done(&bytes);
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status parse(feat_cursor in, uint64_t *sequence, place *p, feat_error *err) {
    *sequence = feat_cursor_be64(&in);
    p->branch = feat_cursor_u32(&in);
    p->table_id = feat_cursor_u32(&in);
    p->name = (const char *)in.at; /* in the map, without a NUL */
    p->length = (size_t)(in.end - in.at);
    return in.failed || p->length == 0 ? malformed(err) : FEAT_OK;
}

static bool same_place(const place *a, const place *b) {
    return a->branch == b->branch && a->table_id == b->table_id && a->length == b->length &&
           memcmp(a->name, b->name, a->length) == 0;
}

static feat_catalog_key key_of(const feat_digest *digest, uint64_t version) {
    feat_catalog_key key = {.size = KEY_SIZE, .bytes = {(uint8_t)FEAT_KEY_APPLICATION}};
    memcpy(key.bytes + 1, digest->bytes, 16);
    feat_put_be(key.bytes + KEY_PREFIX, version, 8);
    return key;
}

/* The digest in the keys of a place: its own, or the next one when those before it are another's. */
static feat_status find_digest(feat_db *db, MDB_txn *txn, const place *p, feat_digest *digest, feat_error *err) {
    FEAT_TRY(digest_of(p, digest, err));
    for (;;) {
        feat_catalog_key key = key_of(digest, UINT64_MAX), at;
        feat_cursor in;
        place other = {0};
        uint64_t sequence;
        bool found;
        FEAT_TRY(feat_catalog_floor(db, txn, &key, KEY_PREFIX, &found, &at, err));
        if (!found) return FEAT_OK;
        FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_APPLICATION, "application", &found, &in, err));
        FEAT_TRY(parse(in, &sequence, &other, err));
        if (same_place(p, &other)) return FEAT_OK;
        for (int i = 15; i >= 0 && ++digest->bytes[i] == 0; i--) {
        }
    }
}

typedef struct entry {
    bool found;
    uint64_t sequence, version;
} entry;

/* The last commit up to a version. */
static feat_status find(feat_db *db, MDB_txn *txn, const place *p, uint64_t upto, entry *out, feat_error *err) {
    feat_digest digest;
    feat_catalog_key at;
    feat_cursor in;
    place same = {0};
    FEAT_TRY(find_digest(db, txn, p, &digest, err));
    feat_catalog_key key = key_of(&digest, upto);
    FEAT_TRY(feat_catalog_floor(db, txn, &key, KEY_PREFIX, &out->found, &at, err));
    if (!out->found) return FEAT_OK;
    out->version = feat_get_be(at.bytes + KEY_PREFIX, 8);
    FEAT_TRY(feat_catalog_get(db, txn, &at, FEAT_KIND_APPLICATION, "application", &out->found, &in, err));
    return parse(in, &out->sequence, &same, err);
}

/* A branch goes on from where it began: what its line had come to then counts too. */
static feat_status find_on_line(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id, const char *name,
                                entry *out, feat_error *err) {
    feat_lineage line = {branch, UINT64_MAX};
    while (line.upto > 0) {
        place p = {line.branch, table_id, name, strlen(name)};
        FEAT_TRY(find(db, txn, &p, line.upto, out, err));
        if (out->found) return FEAT_OK;
        FEAT_TRY(feat_lineage_next(db, txn, &line, err));
    }
    out->found = false;
    return FEAT_OK;
}

feat_status feat_application_find(feat_db *db, uint32_t branch, uint32_t table_id, const char *name, bool *found,
                                  uint64_t *sequence, uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    entry e = {0};
    if (!name[0] || strlen(name) > NAME_MAX_BYTES)
        return feat_fail(err, FEAT_ARGUMENT, "the name of an application has 1 to %d bytes", NAME_MAX_BYTES);
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = find_on_line(db, txn, branch, table_id, name, &e, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    *found = e.found;
    *sequence = e.sequence;
    *version = e.version;
    return FEAT_OK;
}

static feat_status put(feat_db *db, MDB_txn *txn, const place *p, uint64_t sequence, uint64_t version,
                       feat_error *err) {
    feat_digest digest;
    feat_buffer payload;
    FEAT_TRY(find_digest(db, txn, p, &digest, err));
    feat_catalog_key key = key_of(&digest, version);
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, sequence);
    feat_buffer_u32(&payload, p->branch);
    feat_buffer_u32(&payload, p->table_id);
    feat_buffer_append(&payload, p->name, p->length);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, &key, FEAT_KIND_APPLICATION, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

feat_status feat_application_put(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id,
                                 const feat_application *application, uint64_t version, feat_error *err) {
    place p = {branch, table_id, application->name, strlen(application->name)};
    return put(db, txn, &p, application->sequence, version, err);
}

/* ---- Publishing. ---- */

/* The records of a branch up to a version, copied out of the map, since the catalog is written while they are put: a
 * u64 size and the payload of each. */
feat_status feat_application_gather(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t upto, feat_buffer *out,
                                    feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_APPLICATION;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == KEY_SIZE && *(const uint8_t *)k.mv_data == prefix && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const void *payload;
        size_t size;
        feat_cursor in;
        place p;
        uint64_t sequence;
        status = feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_APPLICATION, k.mv_data, k.mv_size, &payload, &size,
                                    "application", err);
        if (status != FEAT_OK) break;
        feat_cursor_init(&in, payload, size);
        status = parse(in, &sequence, &p, err);
        if (status != FEAT_OK || p.branch != branch) continue;
        if (feat_get_be((const uint8_t *)k.mv_data + KEY_PREFIX, 8) > upto) continue;
        feat_buffer_u64(out, size);
        feat_buffer_append(out, payload, size);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status == FEAT_OK && out->failed ? feat_fail_memory(err) : status;
}

feat_status feat_application_carry(feat_db *db, MDB_txn *txn, feat_cursor *all, uint64_t version, feat_error *err) {
    feat_cursor in;
    place p;
    uint64_t sequence;
    entry e;
    uint64_t size = feat_cursor_u64(all);
    const void *payload = feat_cursor_bytes(all, size);
    if (!payload) return malformed(err);
    feat_cursor_init(&in, payload, size);
    FEAT_TRY(parse(in, &sequence, &p, err));
    p.branch = FEAT_BRANCH_MAIN;
    FEAT_TRY(find(db, txn, &p, UINT64_MAX, &e, err));
    return e.found && e.sequence >= sequence ? FEAT_OK : put(db, txn, &p, sequence, version, err);
}

feat_status feat_application_publish(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t upto, uint64_t version,
                                     feat_error *err) {
    feat_buffer found;
    feat_cursor all;
    feat_buffer_init(&found);
    feat_status status = feat_application_gather(db, txn, branch, upto, &found, err);
    feat_cursor_init(&all, found.data, found.size);
    while (status == FEAT_OK && all.at < all.end) status = feat_application_carry(db, txn, &all, version, err);
    feat_buffer_done(&found);
    return status;
}
