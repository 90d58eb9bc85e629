/* The catalog: records by key, and counters. */
#include "store/catalog.h"

#include <string.h>

/* ---- Keys and records. ---- */

void feat_put_be(uint8_t *p, uint64_t v, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * (bytes - 1 - i)));
}

uint64_t feat_get_be(const uint8_t *p, unsigned bytes) {
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

feat_catalog_key feat_catalog_key2(char kind, uint64_t a, unsigned a_bytes, uint64_t b, unsigned b_bytes) {
    feat_catalog_key key = {.size = 1 + a_bytes + b_bytes};
    key.bytes[0] = (uint8_t)kind;
    feat_put_be(key.bytes + 1, a, a_bytes);
    feat_put_be(key.bytes + 1 + a_bytes, b, b_bytes);
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

feat_status feat_counter_next(feat_db *db, MDB_txn *txn, feat_counter counter, uint64_t *number, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_COUNTER, counter, 1, 0, 0);
    feat_cursor in;
    bool found;
    uint8_t after[8];
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COUNTER, "counter", &found, &in, err));
    uint64_t next = found ? feat_cursor_be64(&in) : 1;
    if (found && (in.failed || next == 0))
        return feat_fail(err, FEAT_CORRUPT, "a counter is malformed; restore the store from a copy");
    feat_put_be(after, next + 1, 8);
    FEAT_TRY(feat_catalog_put(db, txn, &key, FEAT_KIND_COUNTER, after, sizeof after, err));
    *number = next;
    return FEAT_OK;
}
