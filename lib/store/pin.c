/* Pins: versions that somebody reads for a while. Key: number; value: u64 version, i64 time of expiry, both big-endian,
 * and a note. */
#include <string.h>

#include "store/catalog.h"

#define NOTE_MAX 1024

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a pin is malformed; restore the store from a copy");
}

/* ---- Listing. ---- */

static feat_status parse(feat_arena *arena, const MDB_val *k, const MDB_val *v, feat_pin_info *pin, feat_error *err) {
    const void *payload;
    size_t size;
    feat_cursor key, in;
    FEAT_TRY(
        feat_envelope_open(v->mv_data, v->mv_size, FEAT_KIND_PIN, k->mv_data, k->mv_size, &payload, &size, "pin", err));
    feat_cursor_init(&key, (const uint8_t *)k->mv_data + 1, 8);
    feat_cursor_init(&in, payload, size);
    pin->number = feat_cursor_be64(&key);
    pin->version = feat_cursor_be64(&in);
    pin->expires = (int64_t)feat_cursor_be64(&in);
    if (in.failed) return malformed(err);
    pin->note = feat_arena_strndup(arena, (const char *)in.at, (size_t)(in.end - in.at));
    return pin->note ? FEAT_OK : feat_fail_memory(err);
}

static feat_status list(feat_db *db, MDB_txn *txn, feat_arena *arena, feat_buffer *out, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_PIN;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && status == FEAT_OK && k.mv_size == 9 && *(const uint8_t *)k.mv_data == prefix;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        feat_pin_info pin;
        status = parse(arena, &k, &v, &pin, err);
        if (status == FEAT_OK) feat_buffer_append(out, &pin, sizeof pin);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    if (status == FEAT_OK && out->failed) status = feat_fail_memory(err);
    return status;
}

feat_status feat_pin_list(feat_db *db, feat_arena *arena, feat_pin_info **pins, size_t *n, feat_error *err) {
    MDB_txn *txn;
    feat_buffer found;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_buffer_init(&found);
    feat_status status = list(db, txn, arena, &found, err);
    feat_env_abort(txn);
    if (status == FEAT_OK) {
        feat_pin_info *copy = feat_arena_alloc(arena, found.size);
        if (!copy) status = feat_fail_memory(err);
        else if (found.size) memcpy(copy, found.data, found.size);
        if (copy) {
            *pins = copy;
            *n = found.size / sizeof *copy;
        }
    }
    feat_buffer_done(&found);
    return status;
}

/* ---- Changing. ---- */

static feat_status put(feat_db *db, MDB_txn *txn, uint64_t version, int64_t expires, const char *note, uint64_t *number,
                       feat_error *err) {
    FEAT_TRY(feat_version_check(db, txn, version, " to pin", err));
    FEAT_TRY(feat_counter_next(db, txn, FEAT_COUNTER_PIN, number, err));
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_PIN, *number);
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, version);
    feat_buffer_be64(&payload, (uint64_t)expires);
    feat_buffer_text(&payload, note);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, &key, FEAT_KIND_PIN, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

feat_status feat_pin_put(feat_db *db, uint64_t version, int64_t expires, const char *note, uint64_t *number,
                         feat_error *err) {
    if (strlen(note) > NOTE_MAX)
        return feat_fail(err, FEAT_ARGUMENT, "the note of a pin has at most %d bytes", NOTE_MAX);
    MDB_txn *txn;
    uint64_t given = 0;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = put(db, txn, version, expires, note, &given, err);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(db), txn, err));
    *number = given;
    return FEAT_OK;
}

feat_status feat_pin_remove(feat_db *db, uint64_t number, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_catalog_key key = feat_catalog_key1(FEAT_KEY_PIN, number);
    MDB_val k = {key.size, key.bytes};
    int rc = mdb_del(txn, feat_env_dbi(feat_db_catalog(db)), &k, NULL);
    if (rc == 0) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return rc == MDB_NOTFOUND ? feat_fail(err, FEAT_NOT_FOUND, "there is no pin %llu", (unsigned long long)number)
                              : feat_env_fail(err, rc, "removing a pin");
}
