/* The log of definitions, and the counters of the catalog.
 *
 * Every change of a definition is an entry of its own that nothing ever overwrites: what was defined stays readable. An
 * entry is a header, which is all that listing reads, and sections of bytes that are read when they are needed. Header
 * and sections may be longer than a value: they are stored in pieces. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/catalog.h"

#define PIECE_SIZE ((size_t)32 << 10)
#define MAX_PIECES (UINT32_C(1) << 24)

/* Section 0 is the header, section 1 + p is part p. */
static feat_catalog_key key_of(uint64_t sequence, uint32_t section, uint32_t piece) {
    return feat_catalog_key2(FEAT_KEY_DEFINITION, sequence, 8, (uint64_t)section << 24 | piece, 4);
}

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "%s is malformed; restore the store from a copy", what);
}

/* ---- Pieces: u32 number of pieces, bytes. ---- */

static feat_status put_section(feat_db *db, MDB_txn *txn, uint64_t sequence, uint32_t section, const void *bytes,
                               size_t size, feat_error *err) {
    size_t pieces = size / PIECE_SIZE + 1;
    if (pieces > MAX_PIECES) return feat_fail(err, FEAT_LIMIT, "a definition has more than 512 GiB");
    feat_buffer piece;
    feat_buffer_init(&piece);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < pieces && status == FEAT_OK; i++) {
        size_t n = i + 1 < pieces ? PIECE_SIZE : size - i * PIECE_SIZE;
        feat_catalog_key key = key_of(sequence, section, (uint32_t)i);
        feat_buffer_clear(&piece);
        feat_buffer_u32(&piece, (uint32_t)pieces);
        if (n) feat_buffer_append(&piece, (const char *)bytes + i * PIECE_SIZE, n);
        status = piece.failed ? feat_fail_memory(err)
                              : feat_catalog_put(db, txn, &key, FEAT_KIND_DEFINITION, piece.data, piece.size, err);
    }
    feat_buffer_done(&piece);
    return status;
}

/* found = false when there is no such section. */
static feat_status get_section(feat_db *db, MDB_txn *txn, uint64_t sequence, uint32_t section, const char *what,
                               bool *found, feat_buffer *out, feat_error *err) {
    uint32_t pieces = 1;
    feat_buffer_clear(out);
    for (uint32_t i = 0; i < pieces; i++) {
        feat_catalog_key key = key_of(sequence, section, i);
        feat_cursor in;
        FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_DEFINITION, what, found, &in, err));
        if (!*found) return i == 0 ? FEAT_OK : malformed(err, what);
        uint32_t n = feat_cursor_u32(&in);
        if (in.failed || n == 0 || n > MAX_PIECES || (i > 0 && n != pieces)) return malformed(err, what);
        pieces = n;
        feat_buffer_append(out, in.at, (size_t)(in.end - in.at));
    }
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

/* ---- Headers: u32 kind, action, number, id; fingerprint; i64 time; u64 size of each part; name. ---- */

static void encode(const feat_def *def, feat_buffer *out) {
    feat_buffer_u32(out, (uint32_t)def->kind);
    feat_buffer_u32(out, (uint32_t)def->action);
    feat_buffer_u32(out, def->number);
    feat_buffer_u32(out, def->id);
    feat_buffer_append(out, def->fingerprint.bytes, 16);
    feat_buffer_u64(out, (uint64_t)def->created_at);
    for (int p = 0; p < FEAT_DEF_PARTS; p++) feat_buffer_u64(out, def->parts[p].size);
    feat_buffer_text(out, def->name);
}

static feat_status decode(const feat_buffer *bytes, feat_arena *arena, feat_def *def, feat_error *err) {
    feat_cursor in;
    feat_cursor_init(&in, bytes->data, bytes->size);
    uint32_t kind = feat_cursor_u32(&in), action = feat_cursor_u32(&in);
    def->number = feat_cursor_u32(&in);
    def->id = feat_cursor_u32(&in);
    const void *fingerprint = feat_cursor_bytes(&in, 16);
    if (fingerprint) memcpy(def->fingerprint.bytes, fingerprint, 16);
    def->created_at = (int64_t)feat_cursor_u64(&in);
    for (int p = 0; p < FEAT_DEF_PARTS; p++) {
        uint64_t size = feat_cursor_u64(&in);
        if (size > SIZE_MAX) in.failed = true;
        def->parts[p].size = (size_t)size; /* compared with what is there when it is read */
    }
    size_t length = (size_t)(in.end - in.at);
    if (in.failed || kind < FEAT_DEF_TABLE || kind > FEAT_DEF_DERIVATION || action < FEAT_DEF_CREATE ||
        action > FEAT_DEF_DESCRIBE || length == 0 || memchr(in.at, 0, length))
        return malformed(err, "a definition");
    def->kind = (feat_def_kind)kind;
    def->action = (feat_def_action)action;
    def->name = feat_arena_strndup(arena, (const char *)in.at, length);
    return def->name ? FEAT_OK : feat_fail_memory(err);
}

/* ---- Listing and reading. ---- */

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

/* Walks from the first entry on: the greatest key says how many there must be, but is not believed for memory. */
static feat_status list(feat_db *db, MDB_txn *txn, feat_arena *arena, feat_buffer *bytes, feat_buffer *all,
                        feat_error *err) {
    uint64_t end;
    FEAT_TRY(next_sequence(db, txn, &end, err));
    for (uint64_t sequence = 1;; sequence++) {
        feat_def def = {.kind = FEAT_DEF_TABLE, .sequence = sequence};
        bool found = false;
        FEAT_TRY(get_section(db, txn, sequence, 0, "a definition", &found, bytes, err));
        if (!found) return sequence == end ? FEAT_OK : malformed(err, "a definition");
        FEAT_TRY(decode(bytes, arena, &def, err));
        feat_buffer_append(all, &def, sizeof def);
        if (all->failed) return feat_fail_memory(err);
    }
}

feat_status feat_defs_list(feat_db *db, feat_arena *arena, feat_def **defs, size_t *n, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_buffer bytes, all;
    feat_buffer_init(&bytes);
    feat_buffer_init(&all);
    feat_status status = list(db, txn, arena, &bytes, &all, err);
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

feat_status feat_def_read(feat_db *db, feat_arena *arena, const feat_def *def, feat_def_part part, const char *what,
                          feat_bytes *out, feat_error *err) {
    MDB_txn *txn;
    bool found = false;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_status status = get_section(db, txn, def->sequence, 1 + (uint32_t)part, what, &found, &bytes, err);
    feat_env_abort(txn);
    if (status == FEAT_OK && bytes.size != def->parts[part].size) status = malformed(err, what);
    void *copy = status == FEAT_OK ? feat_arena_alloc(arena, bytes.size) : NULL;
    if (status == FEAT_OK && !copy) status = feat_fail_memory(err);
    if (status == FEAT_OK) {
        if (bytes.size) memcpy(copy, bytes.data, bytes.size);
        *out = (feat_bytes){copy, bytes.size};
    }
    feat_buffer_done(&bytes);
    return status;
}

static feat_status put_entry(feat_db *db, MDB_txn *txn, uint64_t sequence, feat_def def, int64_t now,
                             feat_buffer *header, feat_error *err) {
    if (def.created_at == 0) def.created_at = now;
    feat_buffer_clear(header);
    encode(&def, header);
    if (header->failed) return feat_fail_memory(err);
    FEAT_TRY(put_section(db, txn, sequence, 0, header->data, header->size, err));
    for (uint32_t p = 0; p < FEAT_DEF_PARTS; p++)
        if (def.parts[p].size)
            FEAT_TRY(put_section(db, txn, sequence, 1 + p, def.parts[p].bytes, def.parts[p].size, err));
    return FEAT_OK;
}

feat_status feat_defs_put(feat_db *db, MDB_txn *txn, const feat_def *defs, size_t n, feat_error *err) {
    uint64_t sequence;
    feat_buffer header;
    FEAT_TRY(next_sequence(db, txn, &sequence, err));
    feat_buffer_init(&header);
    feat_status status = FEAT_OK;
    int64_t now = feat_clock_now(); /* one for all that is made together */
    for (size_t i = 0; i < n && status == FEAT_OK; i++)
        status = put_entry(db, txn, sequence + i, defs[i], now, &header, err);
    feat_buffer_done(&header);
    return status;
}

feat_status feat_defs_commit(feat_db *db, const feat_def *defs, size_t n, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = feat_defs_put(db, txn, defs, n, err);
    if (status == FEAT_OK) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return status;
}

/* ---- Counters. ---- */

feat_status feat_table_id_next(feat_db *db, uint32_t *table_id, feat_error *err) {
    MDB_txn *txn;
    uint64_t number = 0;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = feat_counter_next(db, txn, FEAT_COUNTER_TABLE, &number, err);
    if (status == FEAT_OK && number > UINT32_MAX)
        status = feat_fail(err, FEAT_LIMIT, "the store has given all numbers of tables");
    if (status != FEAT_OK) {
        feat_env_abort(txn);
        return status;
    }
    FEAT_TRY(feat_env_commit(feat_db_catalog(db), txn, err));
    *table_id = (uint32_t)number;
    return FEAT_OK;
}
