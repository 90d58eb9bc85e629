/* Applications: how far each writer of a table has come, in its own count. The key is the digest of the table's number
 * and the name, or the next one that is free; the value is the sequence and the version of the last commit, the number
 * of the table, and the name. */
#include <string.h>

#include "store/catalog.h"

#define NAME_MAX_BYTES 1024

typedef struct entry {
    bool found;
    feat_catalog_key key; /* where it is, or would be put */
    uint64_t sequence, version;
} entry;

static feat_status digest_of(uint32_t table_id, const char *name, feat_digest *digest, feat_error *err) {
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_buffer_u32(&bytes, table_id);
    feat_buffer_text(&bytes, name);
    bool failed = bytes.failed;
    if (!failed) *digest = feat_digest_of(bytes.data, bytes.size);
    feat_buffer_done(&bytes);
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status find(feat_db *db, MDB_txn *txn, uint32_t table_id, const char *name, entry *out, feat_error *err) {
    feat_digest digest;
    size_t length = strlen(name);
    FEAT_TRY(digest_of(table_id, name, &digest, err));
    for (;;) {
        entry e = {.key = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_APPLICATION}}};
        feat_cursor in = {0};
        memcpy(e.key.bytes + 1, digest.bytes, 16);
        FEAT_TRY(feat_catalog_get(db, txn, &e.key, FEAT_KIND_APPLICATION, "application", &e.found, &in, err));
        if (e.found) {
            e.sequence = feat_cursor_be64(&in);
            e.version = feat_cursor_be64(&in);
            uint32_t table = feat_cursor_u32(&in);
            if (in.failed)
                return feat_fail(err, FEAT_CORRUPT,
                                 "the record of an application is malformed; restore the store from "
                                 "a copy");
            bool same = table == table_id && (size_t)(in.end - in.at) == length && memcmp(in.at, name, length) == 0;
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

feat_status feat_application_find(feat_db *db, uint32_t table_id, const char *name, bool *found, uint64_t *sequence,
                                  uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    entry e = {0};
    if (!name[0] || strlen(name) > NAME_MAX_BYTES)
        return feat_fail(err, FEAT_ARGUMENT, "the name of an application has 1 to %d bytes", NAME_MAX_BYTES);
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = find(db, txn, table_id, name, &e, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    *found = e.found;
    *sequence = e.sequence;
    *version = e.version;
    return FEAT_OK;
}

feat_status feat_application_put(feat_db *db, MDB_txn *txn, uint32_t table_id, const feat_application *application,
                                 uint64_t version, feat_error *err) {
    entry e;
    feat_buffer payload;
    FEAT_TRY(find(db, txn, table_id, application->name, &e, err));
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, application->sequence);
    feat_buffer_be64(&payload, version);
    feat_buffer_u32(&payload, table_id);
    feat_buffer_text(&payload, application->name);
    feat_status status =
        payload.failed ? feat_fail_memory(err)
                       : feat_catalog_put(db, txn, &e.key, FEAT_KIND_APPLICATION, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

feat_status feat_application_commit(feat_db *db, uint32_t table_id, const feat_application *application,
                                    uint64_t version, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = feat_application_put(db, txn, table_id, application, version, err);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return status;
}
