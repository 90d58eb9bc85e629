/* Definitions and counters of the catalog. A definition may be longer than a value: it is stored in parts. */
#include <string.h>

#include "store/catalog.h"

#define PART_SIZE     ((size_t)32 << 10)
#define COUNTER_TABLE 1

/* The bytes of a definition, over all its parts: u32 kind, u32 number, fingerprint, u32 length of the name, name,
 * record. */
static void encode(const feat_def *def, feat_buffer *out) {
    feat_buffer_u32(out, (uint32_t)def->kind);
    feat_buffer_u32(out, def->number);
    feat_buffer_append(out, def->fingerprint.bytes, 16);
    feat_buffer_u32(out, (uint32_t)strlen(def->name));
    feat_buffer_text(out, def->name);
    feat_buffer_append(out, def->record, def->record_size);
}

static feat_status malformed(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a definition is malformed; restore the store from a copy");
}

static feat_status decode(const feat_buffer *bytes, feat_arena *arena, feat_def *def, feat_error *err) {
    feat_cursor in;
    feat_cursor_init(&in, bytes->data, bytes->size);
    uint32_t kind = feat_cursor_u32(&in);
    def->number = feat_cursor_u32(&in);
    const void *fingerprint = feat_cursor_bytes(&in, 16);
    if (fingerprint) memcpy(def->fingerprint.bytes, fingerprint, 16);
    uint32_t length = feat_cursor_u32(&in);
    const char *name = feat_cursor_bytes(&in, length);
    if (in.failed || kind < FEAT_DEF_TABLE || kind > FEAT_DEF_DEPLOYMENT || memchr(name, 0, length))
        return malformed(err);
    def->kind = (feat_def_kind)kind;
    def->name = feat_arena_strndup(arena, name, length);
    def->record_size = (size_t)(in.end - in.at);
    void *record = feat_arena_alloc(arena, def->record_size);
    if (!def->name || !record) return feat_fail_memory(err);
    if (def->record_size) memcpy(record, in.at, def->record_size);
    def->record = record;
    return FEAT_OK;
}

/* Each part: u32 number of parts, bytes. */
static feat_status put_parts(feat_db *db, MDB_txn *txn, uint64_t sequence, const feat_buffer *bytes, feat_error *err) {
    size_t parts = bytes->size / PART_SIZE + 1;
    feat_buffer part;
    feat_buffer_init(&part);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < parts && status == FEAT_OK; i++) {
        size_t n = i + 1 < parts ? PART_SIZE : bytes->size - i * PART_SIZE;
        feat_catalog_key key = feat_catalog_key2(FEAT_KEY_DEFINITION, sequence, 8, i, 4);
        feat_buffer_clear(&part);
        feat_buffer_u32(&part, (uint32_t)parts);
        feat_buffer_append(&part, bytes->data + i * PART_SIZE, n);
        status = part.failed ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, &key, FEAT_KIND_DEFINITION, part.data, part.size, err);
    }
    feat_buffer_done(&part);
    return status;
}

/* found = false behind the last definition. */
static feat_status get_parts(feat_db *db, MDB_txn *txn, uint64_t sequence, bool *found, feat_buffer *out,
                             feat_error *err) {
    uint32_t parts = 1;
    feat_buffer_clear(out);
    for (uint32_t i = 0; i < parts; i++) {
        feat_catalog_key key = feat_catalog_key2(FEAT_KEY_DEFINITION, sequence, 8, i, 4);
        feat_cursor in;
        FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_DEFINITION, "definition", found, &in, err));
        if (!*found) return i == 0 ? FEAT_OK : malformed(err);
        uint32_t n = feat_cursor_u32(&in);
        if (in.failed || n == 0 || (i > 0 && n != parts)) return malformed(err);
        parts = n;
        feat_buffer_append(out, in.at, (size_t)(in.end - in.at));
    }
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

static feat_status next_sequence(feat_db *db, MDB_txn *txn, uint64_t *sequence, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_DEFINITION, UINT64_MAX, 8, UINT32_MAX, 4), at;
    bool found;
    FEAT_TRY(feat_catalog_floor(db, txn, &key, 1, &found, &at, err));
    *sequence = 1;
    if (found) {
        feat_cursor in;
        feat_cursor_init(&in, at.bytes + 1, 8);
        *sequence = feat_cursor_be64(&in) + 1;
    }
    return FEAT_OK;
}

/* Walks from the first definition on: the greatest key says how many there must be, but is not believed for memory. */
static feat_status load(feat_db *db, MDB_txn *txn, feat_arena *arena, feat_buffer *bytes, feat_buffer *all,
                        feat_error *err) {
    uint64_t end;
    FEAT_TRY(next_sequence(db, txn, &end, err));
    for (uint64_t sequence = 1;; sequence++) {
        feat_def def = {.kind = FEAT_DEF_TABLE};
        bool found = false;
        FEAT_TRY(get_parts(db, txn, sequence, &found, bytes, err));
        if (!found) return sequence == end ? FEAT_OK : malformed(err);
        FEAT_TRY(decode(bytes, arena, &def, err));
        feat_buffer_append(all, &def, sizeof def);
        if (all->failed) return feat_fail_memory(err);
    }
}

feat_status feat_defs_load(feat_db *db, feat_arena *arena, feat_def **defs, size_t *n, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_buffer bytes, all;
    feat_buffer_init(&bytes);
    feat_buffer_init(&all);
    feat_status status = load(db, txn, arena, &bytes, &all, err);
    feat_env_abort(txn);
    feat_def *copy = status == FEAT_OK ? feat_arena_alloc(arena, all.size) : NULL;
    if (status == FEAT_OK && !copy) status = feat_fail_memory(err);
    if (status == FEAT_OK) {
        if (all.size) memcpy(copy, all.data, all.size);
        *defs = copy;
        *n = all.size / sizeof *copy;
    }
    feat_buffer_done(&bytes);
    feat_buffer_done(&all);
    return status;
}

feat_status feat_defs_commit(feat_db *db, const feat_def *defs, size_t n, feat_error *err) {
    MDB_txn *txn;
    uint64_t sequence;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_status status = next_sequence(db, txn, &sequence, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        feat_buffer_clear(&bytes);
        encode(&defs[i], &bytes);
        status = bytes.failed ? feat_fail_memory(err) : put_parts(db, txn, sequence + i, &bytes, err);
    }
    feat_buffer_done(&bytes);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Counters. ---- */

static feat_status take_number(feat_db *db, MDB_txn *txn, uint32_t *number, feat_error *err) {
    feat_catalog_key key = feat_catalog_key2(FEAT_KEY_COUNTER, COUNTER_TABLE, 1, 0, 0);
    feat_cursor in;
    bool found;
    FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_COUNTER, "counter", &found, &in, err));
    uint64_t next = found ? feat_cursor_be64(&in) : 1;
    if (found && in.failed)
        return feat_fail(err, FEAT_CORRUPT, "a counter is malformed; restore the store from a copy");
    if (next == 0 || next > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "the store has given all numbers of tables");
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_buffer_be64(&bytes, next + 1);
    feat_status status = bytes.failed ? feat_fail_memory(err)
                                      : feat_catalog_put(db, txn, &key, FEAT_KIND_COUNTER, bytes.data, bytes.size, err);
    feat_buffer_done(&bytes);
    if (status == FEAT_OK) *number = (uint32_t)next;
    return status;
}

feat_status feat_table_id_next(feat_db *db, uint32_t *table_id, feat_error *err) {
    MDB_txn *txn;
    uint32_t number = 0;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = take_number(db, txn, &number, err);
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(db), txn, err));
    *table_id = number;
    return FEAT_OK;
}
