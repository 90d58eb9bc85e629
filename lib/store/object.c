#include "store/object.h"

#include <string.h>

#include "store/db.h"

#define LIST_HEADER 16
#define KEY_SIZE    16
#define LIST_KEYS   ((FEAT_CHUNK_SIZE - LIST_HEADER) / KEY_SIZE)
#define LEVEL_MAX   5 /* more than 64 bits of bytes */
#define TXN_MAX     ((size_t)64 << 20)

/* A chunk list: total size u64, level u32, number of keys u32, keys. A list of level 1 holds keys of chunks, one of
 * level n holds keys of lists of level n - 1. All chunks but the last are full, so the place of a byte is arithmetic.
 */

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static uint64_t get_u64(const uint8_t *p) { return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32; }

/* Bytes below one key of a list of `level`. */
static uint64_t span(unsigned level) {
    uint64_t bytes = FEAT_CHUNK_SIZE;
    for (unsigned i = 1; i < level; i++)
        if (__builtin_mul_overflow(bytes, LIST_KEYS, &bytes)) return UINT64_MAX;
    return bytes;
}

static uint64_t divide_up(uint64_t a, uint64_t b) { return a / b + (a % b != 0); }

/* ---- Reading. ---- */

static feat_status fetch(const feat_object *o, const uint8_t *key_bytes, uint32_t *kind, const uint8_t **payload,
                         size_t *size, const char *what, feat_error *err) {
    MDB_val key = {KEY_SIZE, (void *)(uintptr_t)key_bytes}, value;
    int rc = mdb_get(o->txn, feat_env_dbi(o->env), &key, &value);
    if (rc == MDB_NOTFOUND)
        return feat_fail(err, FEAT_CORRUPT, "%s: stored bytes are missing; restore the store from a copy", what);
    if (rc != 0) return feat_env_fail(err, rc, what);
    if (*kind == 0)
        *kind = value.mv_size >= 4 && get_u32(value.mv_data) == FEAT_KIND_CHUNKS ? FEAT_KIND_CHUNKS : FEAT_KIND_DATA;
    const void *found;
    FEAT_TRY(feat_envelope_open(value.mv_data, value.mv_size, *kind, key_bytes, KEY_SIZE, &found, size, what, err));
    *payload = found;
    return FEAT_OK;
}

static feat_status bad_list(feat_error *err) {
    return feat_fail(err, FEAT_CORRUPT, "a list of chunks contradicts itself; restore the store from a copy");
}

static feat_status check_list(const uint8_t *p, size_t size, unsigned level, uint64_t bytes, feat_error *err) {
    if (size < LIST_HEADER || level < 1 || level > LEVEL_MAX || get_u32(p + 8) != level || get_u64(p) != bytes ||
        bytes == 0)
        return bad_list(err);
    uint64_t keys = divide_up(bytes, span(level));
    if (keys > LIST_KEYS || get_u32(p + 12) != keys || size != LIST_HEADER + keys * KEY_SIZE) return bad_list(err);
    return FEAT_OK;
}

feat_status feat_object_open(feat_env *env, MDB_txn *txn, const feat_digest *key, const char *what, feat_object *object,
                             feat_error *err) {
    feat_object o = {.env = env, .txn = txn, .key = *key};
    uint32_t kind = 0;
    FEAT_TRY(fetch(&o, o.key.bytes, &kind, &o.root, &o.root_size, what, err));
    if (kind == FEAT_KIND_DATA) {
        o.size = o.root_size;
        o.chunk = o.root;
        o.chunk_size = o.root_size;
    } else {
        if (o.root_size < LIST_HEADER) return bad_list(err);
        o.size = get_u64(o.root);
        o.level = get_u32(o.root + 8);
        FEAT_TRY(check_list(o.root, o.root_size, o.level, o.size, err));
    }
    *object = o;
    return FEAT_OK;
}

/* Makes the chunk that holds byte `at` the current one. */
static feat_status seek(feat_object *o, uint64_t at, feat_error *err) {
    if (o->chunk && at >= o->chunk_at && at - o->chunk_at < o->chunk_size) return FEAT_OK;
    const uint8_t *list = o->root;
    uint64_t start = 0, size = o->size; /* of what the list covers */
    for (unsigned level = o->level; level >= 1; level--) {
        uint64_t each = span(level), i = (at - start) / each;
        const uint8_t *key = list + LIST_HEADER + i * KEY_SIZE;
        uint32_t kind = level > 1 ? FEAT_KIND_CHUNKS : FEAT_KIND_DATA;
        const uint8_t *payload;
        size_t payload_size;
        FEAT_TRY(fetch(o, key, &kind, &payload, &payload_size, "chunk of an object", err));
        start += i * each;
        size = size - i * each < each ? size - i * each : each;
        if (level > 1) {
            FEAT_TRY(check_list(payload, payload_size, level - 1, size, err));
            list = payload;
        } else {
            if (payload_size != size) return bad_list(err);
            o->chunk = payload;
            o->chunk_at = start;
            o->chunk_size = payload_size;
        }
    }
    return FEAT_OK;
}

static feat_status check_range(const feat_object *o, uint64_t at, size_t size, feat_error *err) {
    if (at > o->size || size > o->size - at)
        return feat_fail(err, FEAT_CORRUPT,
                         "an object is shorter than what refers to it says; restore the store from a copy");
    return FEAT_OK;
}

feat_status feat_object_read(feat_object *o, uint64_t at, size_t size, void *out, feat_error *err) {
    FEAT_TRY(check_range(o, at, size, err));
    uint8_t *to = out;
    while (size > 0) {
        FEAT_TRY(seek(o, at, err));
        size_t skip = (size_t)(at - o->chunk_at), n = o->chunk_size - skip;
        if (n > size) n = size;
        memcpy(to, o->chunk + skip, n);
        to += n;
        at += n;
        size -= n;
    }
    return FEAT_OK;
}

feat_status feat_object_view(feat_object *o, uint64_t at, size_t size, feat_buffer *scratch, const uint8_t **bytes,
                             feat_error *err) {
    FEAT_TRY(check_range(o, at, size, err));
    if (size == 0) {
        *bytes = (const uint8_t *)"";
        return FEAT_OK;
    }
    FEAT_TRY(seek(o, at, err));
    size_t skip = (size_t)(at - o->chunk_at);
    if (o->chunk_size - skip >= size) {
        *bytes = o->chunk + skip;
        return FEAT_OK;
    }
    feat_buffer_clear(scratch);
    void *room = feat_buffer_extend(scratch, size);
    if (!room) return feat_fail_memory(err);
    FEAT_TRY(feat_object_read(o, at, size, room, err));
    *bytes = room;
    return FEAT_OK;
}

static feat_status walk_list(const feat_object *o, const uint8_t *list, unsigned level, uint64_t bytes,
                             feat_object_visit *visit, void *context, feat_error *err) {
    uint64_t each = span(level), keys = divide_up(bytes, each);
    for (uint64_t i = 0; i < keys; i++) {
        feat_digest key;
        memcpy(key.bytes, list + LIST_HEADER + i * KEY_SIZE, KEY_SIZE);
        FEAT_TRY(visit(context, &key, err));
        if (level == 1) continue;
        uint64_t left = bytes - i * each;
        if (left > each) left = each;
        uint32_t kind = FEAT_KIND_CHUNKS;
        const uint8_t *payload;
        size_t size;
        FEAT_TRY(fetch(o, key.bytes, &kind, &payload, &size, "chunk of an object", err));
        FEAT_TRY(check_list(payload, size, level - 1, left, err));
        FEAT_TRY(walk_list(o, payload, level - 1, left, visit, context, err));
    }
    return FEAT_OK;
}

feat_status feat_object_walk(feat_env *env, MDB_txn *txn, const feat_digest *key, const char *what,
                             feat_object_visit *visit, void *context, feat_error *err) {
    feat_object o;
    FEAT_TRY(feat_object_open(env, txn, key, what, &o, err));
    return o.level == 0 ? FEAT_OK : walk_list(&o, o.root, o.level, o.size, visit, context, err);
}

/* ---- Writing. ---- */

void feat_object_writer_init(feat_object_writer *w, feat_env *env) { *w = (feat_object_writer){.env = env}; }

void feat_object_writer_abort(feat_object_writer *w) {
    if (w->txn) feat_env_abort(w->txn);
    w->txn = NULL;
    w->pending = 0;
}

feat_status feat_object_writer_commit(feat_object_writer *w, feat_error *err) {
    MDB_txn *txn = w->txn;
    w->txn = NULL;
    w->pending = 0;
    return txn ? feat_env_commit(w->env, txn, err) : FEAT_OK;
}

feat_status feat_object_writer_txn(feat_object_writer *w, MDB_txn **txn, MDB_txn **own, feat_error *err) {
    *own = NULL;
    if (!w->txn) FEAT_TRY(feat_env_begin(w->env, false, own, err));
    *txn = w->txn ? w->txn : *own;
    return FEAT_OK;
}

static void next_key(feat_digest *key) {
    for (int i = 15; i >= 0 && ++key->bytes[i] == 0; i--) {
    }
}

/* Stores a value under the digest of its payload. What is there already is compared: the digest is not proof against
 * collisions, and a damaged value must not be taken for this one. On a difference the next key is tried. */
static feat_status put_value(feat_object_writer *w, uint32_t kind, const void *bytes, size_t size, feat_digest *out,
                             feat_error *err) {
    if (w->pending + FEAT_VALUE_MAX > TXN_MAX) FEAT_TRY(feat_object_writer_commit(w, err));
    if (!w->txn) FEAT_TRY(feat_env_begin(w->env, true, &w->txn, err));
    for (feat_digest key = feat_digest_of(bytes, size);; next_key(&key)) {
        uint8_t header[FEAT_ENVELOPE_SIZE];
        feat_envelope_seal(header, kind, key.bytes, KEY_SIZE, bytes, size);
        MDB_val k = {KEY_SIZE, key.bytes}, v = {FEAT_ENVELOPE_SIZE + size, NULL};
        int rc = mdb_put(w->txn, feat_env_dbi(w->env), &k, &v, MDB_NOOVERWRITE | MDB_RESERVE);
        if (rc == 0) {
            memcpy(v.mv_data, header, sizeof header);
            if (size) memcpy((char *)v.mv_data + sizeof header, bytes, size);
            w->pending += FEAT_ENVELOPE_SIZE + size + 64;
        } else if (rc != MDB_KEYEXIST) {
            return feat_env_fail(err, rc, "writing a block");
        } else if (v.mv_size != FEAT_ENVELOPE_SIZE + size || memcmp(v.mv_data, header, sizeof header) != 0 ||
                   memcmp((char *)v.mv_data + sizeof header, bytes, size) != 0) {
            continue;
        }
        *out = key;
        return FEAT_OK;
    }
}

/* Writes the lists above `keys`, level by level, until one key is left. */
static feat_status put_lists(feat_object_writer *w, feat_buffer *keys, uint64_t size, feat_digest *out,
                             feat_error *err) {
    feat_buffer list, above;
    feat_buffer_init(&list);
    feat_buffer_init(&above);
    feat_status status = FEAT_OK;
    for (unsigned level = 1; keys->size > KEY_SIZE || level == 1; level++) {
        uint64_t left = size, part = span(level + 1);
        feat_buffer_clear(&above);
        for (size_t at = 0; at < keys->size; at += LIST_KEYS * KEY_SIZE) {
            size_t n = keys->size - at < LIST_KEYS * KEY_SIZE ? keys->size - at : LIST_KEYS * KEY_SIZE;
            uint64_t bytes = left < part ? left : part;
            left -= bytes;
            feat_buffer_clear(&list);
            feat_buffer_u64(&list, bytes);
            feat_buffer_u32(&list, level);
            feat_buffer_u32(&list, (uint32_t)(n / KEY_SIZE));
            feat_buffer_append(&list, keys->data + at, n);
            if (list.failed) {
                status = feat_fail_memory(err);
                goto out;
            }
            feat_digest key;
            FEAT_GOTO(status, put_value(w, FEAT_KIND_CHUNKS, list.data, list.size, &key, err), out);
            feat_buffer_append(&above, key.bytes, KEY_SIZE);
        }
        if (above.failed) {
            status = feat_fail_memory(err);
            goto out;
        }
        feat_buffer swap = *keys;
        *keys = above;
        above = swap;
    }
    memcpy(out->bytes, keys->data, KEY_SIZE);
out:
    feat_buffer_done(&list);
    feat_buffer_done(&above);
    return status;
}

feat_status feat_object_put(feat_object_writer *w, const void *bytes, size_t size, feat_digest *key, feat_error *err) {
    if (size <= FEAT_CHUNK_SIZE) return put_value(w, FEAT_KIND_DATA, bytes, size, key, err);
    feat_object_stream s;
    feat_object_stream_init(&s, w);
    feat_status status = feat_object_stream_append(&s, bytes, size, err);
    if (status == FEAT_OK) status = feat_object_stream_finish(&s, key, err);
    feat_object_stream_done(&s);
    return status;
}

void feat_object_stream_init(feat_object_stream *s, feat_object_writer *w) { *s = (feat_object_stream){.w = w}; }

void feat_object_stream_done(feat_object_stream *s) {
    feat_buffer_done(&s->chunk);
    feat_buffer_done(&s->keys);
}

static feat_status put_chunk(feat_object_stream *s, const void *bytes, size_t size, feat_error *err) {
    feat_digest key;
    FEAT_TRY(put_value(s->w, FEAT_KIND_DATA, bytes, size, &key, err));
    feat_buffer_append(&s->keys, key.bytes, KEY_SIZE);
    return s->keys.failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_object_stream_append(feat_object_stream *s, const void *bytes, size_t size, feat_error *err) {
    const uint8_t *from = bytes;
    s->size += size;
    while (size > 0) {
        /* A full chunk is written when more follows: an object of exactly one chunk needs no list. */
        if (s->chunk.size == FEAT_CHUNK_SIZE) {
            FEAT_TRY(put_chunk(s, s->chunk.data, s->chunk.size, err));
            feat_buffer_clear(&s->chunk);
        }
        if (s->chunk.size == 0 && size > FEAT_CHUNK_SIZE) {
            FEAT_TRY(put_chunk(s, from, FEAT_CHUNK_SIZE, err));
            from += FEAT_CHUNK_SIZE;
            size -= FEAT_CHUNK_SIZE;
            continue;
        }
        size_t n = FEAT_CHUNK_SIZE - s->chunk.size < size ? FEAT_CHUNK_SIZE - s->chunk.size : size;
        feat_buffer_append(&s->chunk, from, n);
        if (s->chunk.failed) return feat_fail_memory(err);
        from += n;
        size -= n;
    }
    return FEAT_OK;
}

feat_status feat_object_stream_finish(feat_object_stream *s, feat_digest *key, feat_error *err) {
    if (s->keys.size == 0)
        return put_value(s->w, FEAT_KIND_DATA, s->chunk.data ? s->chunk.data : (unsigned char *)"", s->chunk.size, key,
                         err);
    if (s->chunk.size > 0) FEAT_TRY(put_chunk(s, s->chunk.data, s->chunk.size, err));
    feat_digest done = {{0}};
    FEAT_TRY(put_lists(s->w, &s->keys, s->size, &done, err));
    *key = done;
    return FEAT_OK;
}
