#include "online/state.h"

#include <string.h>

#include "base/alloc.h"
#include "online/chunk.h"

enum { KEY_SIZE = 32, PREFIX_SIZE = 20, KIND_CHUNK = 0x43484e4b /* "KNHC" */ };
/* A chunk is cut above this many payload bytes, into pieces of about half of it: an insertion rewrites few bytes, a
 * scan seeks little. Only an event that is larger on its own makes a larger chunk. */
enum { CHUNK_MAX = 32768, CHUNK_TARGET = 16384 };

/* ---- Keys. ---- */

static void put_be(uint8_t *at, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--, v >>= 8) at[i] = (uint8_t)v;
}

static uint64_t get_be(const uint8_t *at, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | at[i];
    return v;
}

/* Flipping the sign makes the order of bytes that of signed numbers. */
static uint64_t biased(int64_t time) { return (uint64_t)time ^ (UINT64_C(1) << 63); }
static int64_t unbiased(uint64_t v) { return (int64_t)(v ^ (UINT64_C(1) << 63)); }

static void make_key(uint8_t key[KEY_SIZE], uint32_t state, const feat_digest *entity, int64_t time, uint32_t ordinal) {
    put_be(key, state, 4);
    memcpy(key + 4, entity->bytes, 16);
    put_be(key + PREFIX_SIZE, biased(time), 8);
    put_be(key + 28, ordinal, 4);
}

static bool same_entity(const MDB_val *key, const uint8_t prefix[PREFIX_SIZE]) {
    return key->mv_size == KEY_SIZE && memcmp(key->mv_data, prefix, PREFIX_SIZE) == 0;
}

static int64_t key_time(const MDB_val *key) { return unbiased(get_be((const uint8_t *)key->mv_data + PREFIX_SIZE, 8)); }
static uint32_t key_ordinal(const MDB_val *key) { return (uint32_t)get_be((const uint8_t *)key->mv_data + 28, 4); }

static feat_status open_chunk(const MDB_val *key, const MDB_val *value, feat_cursor *in, const void **entity,
                              size_t *entity_size, feat_error *err) {
    const void *payload;
    size_t size;
    FEAT_TRY(feat_envelope_open(value->mv_data, value->mv_size, KIND_CHUNK, key->mv_data, key->mv_size, &payload, &size,
                                "serving state", err));
    feat_cursor_init(in, payload, size);
    return feat_chunk_key(in, entity, entity_size, err);
}

/* The digest under which the entity is, or is to be, stored: that of its key, or a following one when others of that
 * digest were first. An entity that has lost all its events keeps an empty chunk, so the search may stop at a gap. */
static feat_status find_entity(MDB_cursor *cursor, uint32_t state, const void *entity, size_t entity_size,
                               feat_digest *digest, bool *found, feat_error *err) {
    static const feat_digest one = {{[15] = 1}};
    *digest = feat_digest_of(entity, entity_size);
    for (;; feat_digest_add(digest, &one)) {
        uint8_t bytes[KEY_SIZE];
        make_key(bytes, state, digest, INT64_MIN, 0);
        MDB_val key = {KEY_SIZE, bytes}, value;
        int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        *found = rc == 0 && same_entity(&key, bytes);
        if (rc != 0 && rc != MDB_NOTFOUND) return feat_env_fail(err, rc, "reading serving state");
        if (!*found) return FEAT_OK;
        feat_cursor in;
        const void *stored;
        size_t stored_size;
        FEAT_TRY(open_chunk(&key, &value, &in, &stored, &stored_size, err));
        if (stored_size == entity_size && memcmp(stored, entity, entity_size) == 0) return FEAT_OK;
    }
}

/* Moves to the last chunk of the entity that starts before (time, 0), or else to its first; the entity has one. */
static int seek_before(MDB_cursor *cursor, uint32_t state, const feat_digest *digest, int64_t time, MDB_val *key,
                       MDB_val *value) {
    uint8_t bytes[KEY_SIZE];
    make_key(bytes, state, digest, time, 0);
    *key = (MDB_val){KEY_SIZE, bytes};
    int rc = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if (rc == 0) rc = mdb_cursor_get(cursor, key, value, MDB_PREV);
    else if (rc == MDB_NOTFOUND) rc = mdb_cursor_get(cursor, key, value, MDB_LAST);
    if (rc != 0 && rc != MDB_NOTFOUND) return rc;
    if (rc == 0 && same_entity(key, bytes)) return 0;
    make_key(bytes, state, digest, INT64_MIN, 0);
    *key = (MDB_val){KEY_SIZE, bytes};
    return mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
}

feat_status feat_state_load(MDB_cursor *cursor, uint32_t state, const void *entity, size_t entity_size, int64_t first,
                            int64_t last, feat_events *out, feat_error *err) {
    feat_digest digest;
    bool found;
    FEAT_TRY(find_entity(cursor, state, entity, entity_size, &digest, &found, err));
    if (!found || first > last) return FEAT_OK;
    uint8_t prefix[KEY_SIZE];
    make_key(prefix, state, &digest, 0, 0);
    MDB_val key, value;
    int rc = seek_before(cursor, state, &digest, first, &key, &value);
    for (; rc == 0 && same_entity(&key, prefix) && key_time(&key) <= last;
         rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        feat_cursor in;
        const void *stored;
        size_t stored_size;
        FEAT_TRY(open_chunk(&key, &value, &in, &stored, &stored_size, err));
        FEAT_TRY(feat_chunk_decode(&in, out, err));
    }
    if (rc != 0 && rc != MDB_NOTFOUND) return feat_env_fail(err, rc, "reading serving state");
    return FEAT_OK;
}

/* ---- Updates. ---- */

static feat_status put_chunk(feat_env *env, MDB_txn *txn, const uint8_t *key, const feat_buffer *payload,
                             feat_error *err) {
    MDB_val k = {KEY_SIZE, (void *)key}, v = {FEAT_ENVELOPE_SIZE + payload->size, NULL};
    int rc = mdb_put(txn, feat_env_dbi(env), &k, &v, MDB_RESERVE);
    if (rc != 0) return feat_env_fail(err, rc, "writing serving state");
    feat_envelope_seal(v.mv_data, KIND_CHUNK, key, KEY_SIZE, payload->data, payload->size);
    memcpy((uint8_t *)v.mv_data + FEAT_ENVELOPE_SIZE, payload->data, payload->size);
    return FEAT_OK;
}

/* Writes events as chunks; `before` is the key of the chunk in front of them, if there is one. */
static feat_status write_chunks(feat_env *env, MDB_txn *txn, uint32_t state, const feat_digest *digest,
                                const void *entity, size_t entity_size, const feat_events *events, bool has_before,
                                int64_t before_time, uint32_t before_ordinal, feat_error *err) {
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_status status = FEAT_OK;
    size_t total = 0, first = 0;
    for (size_t i = 0; i < events->n; i++) total += feat_chunk_event_size(events, i);
    size_t limit = total <= CHUNK_MAX ? CHUNK_MAX : CHUNK_TARGET;
    do {
        size_t n = 0, size = 0;
        while (first + n < events->n) {
            size_t next = feat_chunk_event_size(events, first + n);
            if (n > 0 && size + next > limit) break;
            size += next;
            n++;
        }
        int64_t time = events->n ? events->time[first] : INT64_MIN;
        uint32_t ordinal = has_before && before_time == time ? before_ordinal + 1 : 0;
        uint8_t key[KEY_SIZE];
        make_key(key, state, digest, time, ordinal);
        feat_buffer_clear(&payload);
        feat_chunk_encode(&payload, entity, entity_size, events, first, n);
        status = payload.failed ? feat_fail_memory(err) : put_chunk(env, txn, key, &payload, err);
        has_before = true;
        before_time = time;
        before_ordinal = ordinal;
        first += n;
    } while (status == FEAT_OK && first < events->n);
    feat_buffer_done(&payload);
    return status;
}

/* merged = old - removed + added; all in canonical order, and so is the result. */
static feat_status merge(const feat_events *old, feat_event_list added, feat_event_list removed, feat_events *merged,
                         feat_error *err) {
    size_t r = 0, a = 0;
    for (size_t i = 0; i < old->n; i++) {
        if (r < removed.n && feat_events_compare(removed.events, removed.numbers[r], old, i) == 0) {
            r++;
            continue;
        }
        for (; a < added.n && feat_events_compare(added.events, added.numbers[a], old, i) < 0; a++)
            FEAT_TRY(feat_events_append(merged, added.events, added.numbers[a], err));
        FEAT_TRY(feat_events_append(merged, old, i, err));
    }
    for (; a < added.n; a++) FEAT_TRY(feat_events_append(merged, added.events, added.numbers[a], err));
    if (r < removed.n)
        return feat_fail(err, FEAT_CORRUPT,
                         "serving state does not hold an event that was corrected; deploy the service again");
    return FEAT_OK;
}

static void widen(feat_event_list list, int64_t *low, int64_t *high) {
    if (list.n == 0) return;
    int64_t first = list.events->time[list.numbers[0]], last = list.events->time[list.numbers[list.n - 1]];
    if (first < *low) *low = first;
    if (last > *high) *high = last;
}

feat_status feat_state_update(feat_env *env, MDB_txn *txn, uint32_t state, const feat_block *block, const void *entity,
                              size_t entity_size, feat_event_list added, feat_event_list removed, feat_error *err) {
    int64_t low = INT64_MAX, high = INT64_MIN, before_time = 0;
    uint32_t before_ordinal = 0;
    bool found, has_before = false;
    feat_digest digest;
    feat_events old = {0}, merged = {0};
    MDB_cursor *cursor = NULL;
    feat_buffer replaced; /* keys of the chunks read, one after the other */
    feat_status status;
    feat_buffer_init(&replaced);
    widen(added, &low, &high);
    widen(removed, &low, &high);
    if (low > high) return FEAT_OK;
    FEAT_GOTO(status, feat_events_init(&old, block, err), out);
    FEAT_GOTO(status, feat_events_init(&merged, block, err), out);
    int rc = mdb_cursor_open(txn, feat_env_dbi(env), &cursor);
    if (rc != 0) {
        status = feat_env_fail(err, rc, "reading serving state");
        goto out;
    }
    FEAT_GOTO(status, find_entity(cursor, state, entity, entity_size, &digest, &found, err), out);
    if (found) {
        uint8_t prefix[KEY_SIZE];
        make_key(prefix, state, &digest, 0, 0);
        MDB_val key, value;
        rc = seek_before(cursor, state, &digest, low, &key, &value);
        if (rc == 0) { /* the chunk in front decides the ordinal of the first one that is written */
            MDB_val front, front_value;
            uint8_t here[KEY_SIZE];
            memcpy(here, key.mv_data, KEY_SIZE);
            rc = mdb_cursor_get(cursor, &front, &front_value, MDB_PREV);
            if (rc == 0 && same_entity(&front, prefix)) {
                has_before = true;
                before_time = key_time(&front);
                before_ordinal = key_ordinal(&front);
            }
            key = (MDB_val){KEY_SIZE, here};
            rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
        }
        /* Chunks that start at the time that the last one read ends with belong to one run of ties: they are rewritten
         * together. */
        while (rc == 0 && same_entity(&key, prefix)) {
            int64_t starts = key_time(&key);
            if (starts > high && !(old.n > 0 && old.time[old.n - 1] == starts)) break;
            feat_cursor in;
            const void *stored;
            size_t stored_size;
            FEAT_GOTO(status, open_chunk(&key, &value, &in, &stored, &stored_size, err), out);
            FEAT_GOTO(status, feat_chunk_decode(&in, &old, err), out);
            feat_buffer_append(&replaced, key.mv_data, KEY_SIZE);
            rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        }
        if (rc != 0 && rc != MDB_NOTFOUND) {
            status = feat_env_fail(err, rc, "reading serving state");
            goto out;
        }
    }
    FEAT_GOTO(status, merge(&old, added, removed, &merged, err), out);
    if (replaced.failed) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t at = 0; at < replaced.size; at += KEY_SIZE) {
        MDB_val key = {KEY_SIZE, replaced.data + at};
        rc = mdb_del(txn, feat_env_dbi(env), &key, NULL);
        if (rc != 0) {
            status = feat_env_fail(err, rc, "writing serving state");
            goto out;
        }
    }
    if (merged.n > 0 || !has_before)
        status = write_chunks(env, txn, state, &digest, entity, entity_size, &merged, has_before, before_time,
                              before_ordinal, err);
out:
    if (cursor) mdb_cursor_close(cursor);
    feat_buffer_done(&replaced);
    feat_events_done(&old);
    feat_events_done(&merged);
    return status;
}

feat_status feat_state_drop(feat_env *env, MDB_txn *txn, uint32_t state, size_t limit, bool *left, feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(env), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "dropping serving state");
    feat_digest zero = {{0}};
    uint8_t bytes[KEY_SIZE];
    *left = true;
    for (size_t i = 0; i < limit; i++) {
        make_key(bytes, state, &zero, INT64_MIN, 0);
        MDB_val key = {KEY_SIZE, bytes}, value;
        rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
        if (rc == MDB_NOTFOUND || (rc == 0 && (key.mv_size != KEY_SIZE || memcmp(key.mv_data, bytes, 4) != 0))) {
            *left = false;
            rc = 0;
            break;
        }
        if (rc == 0) rc = mdb_cursor_del(cursor, 0);
        if (rc != 0) break;
    }
    mdb_cursor_close(cursor);
    return rc == 0 ? FEAT_OK : feat_env_fail(err, rc, "dropping serving state");
}
