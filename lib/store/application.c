/* Applications: how far each writer of a table has come on a branch, in its own count. The key is the digest of the
 * numbers of branch and table and of the name, or the next one that is free; the value is the sequence and the version
 * of the last commit, those numbers, and the name. */
#include <string.h>

#include "store/catalog.h"

#define NAME_MAX_BYTES 1024

typedef struct entry {
    bool found;
    feat_catalog_key key; /* where it is, or would be put */
    uint64_t sequence, version;
} entry;

static feat_status digest_of(uint32_t branch, uint32_t table_id, const char *name, feat_digest *digest,
                             feat_error *err) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_buffer_u32(&bytes, branch);
    feat_buffer_u32(&bytes, table_id);
    feat_buffer_text(&bytes, name);
    bool failed = bytes.failed;
    if (!failed) *digest = feat_digest_of(bytes.data, bytes.size);
    feat_buffer_done(&bytes);
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "the record of an application is malformed; restore the store from a copy");
}

static feat_status find(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id, const char *name, entry *out,
                        feat_error *err) {
    feat_digest digest;
    size_t length = strlen(name);
    FEAT_TRY(digest_of(branch, table_id, name, &digest, err));
    for (;;) {
        entry e = {.key = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_APPLICATION}}};
        feat_cursor in = {0};
        memcpy(e.key.bytes + 1, digest.bytes, 16);
        FEAT_TRY(feat_catalog_get(db, txn, &e.key, FEAT_KIND_APPLICATION, "application", &e.found, &in, err));
        if (e.found) {
            e.sequence = feat_cursor_be64(&in);
            e.version = feat_cursor_be64(&in);
            uint32_t of_branch = feat_cursor_u32(&in), table = feat_cursor_u32(&in);
            if (in.failed) return malformed(err);
            bool same = of_branch == branch && table == table_id && (size_t)(in.end - in.at) == length &&
                        memcmp(in.at, name, length) == 0;
            if (!same) { /* another of the same digest: the next key */
                for (int i = 15; i >= 0 && ++digest.bytes[i] == 0; i--) {
                }
                continue;
            }
        }
        *out = e;
        return FEAT_OK;
    }
}

/* A branch goes on from where it began: what its line had come to then counts too. */
static feat_status find_on_line(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id, const char *name,
                                entry *out, feat_error *err) {
    feat_lineage line = {branch, UINT64_MAX};
    while (line.upto > 0) {
        FEAT_TRY(find(db, txn, line.branch, table_id, name, out, err));
        if (out->found && out->version <= line.upto) return FEAT_OK;
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

feat_status feat_application_put(feat_db *db, MDB_txn *txn, uint32_t branch, uint32_t table_id,
                                 const feat_application *application, uint64_t version, feat_error *err) {
    entry e;
    feat_buffer payload;
    FEAT_TRY(find(db, txn, branch, table_id, application->name, &e, err));
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, application->sequence);
    feat_buffer_be64(&payload, version);
    feat_buffer_u32(&payload, branch);
    feat_buffer_u32(&payload, table_id);
    feat_buffer_text(&payload, application->name);
    feat_status status =
        payload.failed ? feat_fail_memory(err)
                       : feat_catalog_put(db, txn, &e.key, FEAT_KIND_APPLICATION, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

/* ---- Publishing. ---- */

/* The records of a branch, copied out of the map: they are put while the catalog is written. Each is a u32 table, a u64
 * sequence and the name with its NUL. */
static feat_status gather(feat_db *db, MDB_txn *txn, uint32_t branch, feat_buffer *out, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_APPLICATION;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && k.mv_size == 17 && *(const uint8_t *)k.mv_data == prefix && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const void *payload;
        size_t size;
        feat_cursor in;
        status = feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_APPLICATION, k.mv_data, k.mv_size, &payload, &size,
                                    "application", err);
        if (status != FEAT_OK) break;
        feat_cursor_init(&in, payload, size);
        uint64_t sequence = feat_cursor_be64(&in);
        feat_cursor_be64(&in);
        uint32_t of_branch = feat_cursor_u32(&in), table_id = feat_cursor_u32(&in);
        if (in.failed) status = malformed(err);
        if (status != FEAT_OK || of_branch != branch) continue;
        feat_buffer_u32(out, table_id);
        feat_buffer_u64(out, sequence);
        feat_buffer_append(out, in.at, (size_t)(in.end - in.at));
        feat_buffer_byte(out, 0);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status == FEAT_OK && out->failed ? feat_fail_memory(err) : status;
}

feat_status feat_application_publish(feat_db *db, MDB_txn *txn, uint32_t branch, uint64_t version, feat_error *err) {
    feat_buffer found;
    feat_cursor in;
    feat_buffer_init(&found);
    feat_status status = gather(db, txn, branch, &found, err);
    feat_cursor_init(&in, found.data, found.size);
    while (status == FEAT_OK && in.at < in.end) {
        entry e;
        uint32_t table_id = feat_cursor_u32(&in);
        feat_application application = {.sequence = feat_cursor_u64(&in), .name = (const char *)in.at};
        feat_cursor_bytes(&in, strlen(application.name) + 1);
        status = find(db, txn, FEAT_BRANCH_MAIN, table_id, application.name, &e, err);
        if (status == FEAT_OK && (!e.found || e.sequence < application.sequence))
            status = feat_application_put(db, txn, FEAT_BRANCH_MAIN, table_id, &application, version, err);
    }
    feat_buffer_done(&found);
    return status;
}
