/* The record of what the serving state holds. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "online/state.h"

enum { KIND_META = 0x4d455441 /* "ATEM" */ };
static const char meta_key[] = "meta"; /* shorter than a chunk's key, so never one */

static feat_status get(feat_env *env, MDB_txn *txn, feat_cursor *in, bool *found, feat_error *err) {
    MDB_val key = {sizeof meta_key - 1, (void *)meta_key}, value;
    int rc = mdb_get(txn, feat_env_dbi(env), &key, &value);
    *found = rc == 0;
    if (rc == MDB_NOTFOUND) return FEAT_OK;
    if (rc != 0) return feat_env_fail(err, rc, "reading serving state");
    const void *payload;
    size_t size;
    FEAT_TRY(feat_envelope_open(value.mv_data, value.mv_size, KIND_META, meta_key, sizeof meta_key - 1, &payload, &size,
                                "serving state", err));
    feat_cursor_init(in, payload, size);
    return FEAT_OK;
}

feat_status feat_online_meta_peek(feat_env *env, MDB_txn *txn, uint64_t *version, uint64_t *epoch, feat_error *err) {
    feat_cursor in;
    bool found;
    FEAT_TRY(get(env, txn, &in, &found, err));
    *version = found ? feat_cursor_u64(&in) : 0;
    *epoch = found ? feat_cursor_u64(&in) : 0;
    return FEAT_OK;
}

feat_status feat_online_meta_read(feat_env *env, MDB_txn *txn, feat_arena *arena, feat_online_meta *meta,
                                  feat_error *err) {
    feat_cursor in;
    bool found;
    FEAT_TRY(get(env, txn, &in, &found, err));
    *meta = (feat_online_meta){.next_state = 1};
    if (!found) return FEAT_OK;
    meta->version = feat_cursor_u64(&in);
    meta->epoch = feat_cursor_u64(&in);
    meta->next_state = feat_cursor_u32(&in);
    meta->n_blocks = feat_unpack_array(&in);
    meta->blocks = feat_arena_array(arena, meta->n_blocks, sizeof *meta->blocks);
    if (!meta->blocks) return feat_fail_memory(err);
    for (size_t i = 0; i < meta->n_blocks; i++) {
        if (feat_unpack_array(&in) != 2) in.failed = true;
        meta->blocks[i].state = (uint32_t)feat_unpack_uint(&in);
        meta->blocks[i].block = feat_unpack_digest(&in);
    }
    meta->n_services = feat_unpack_array(&in);
    meta->services = feat_arena_array(arena, meta->n_services, sizeof *meta->services);
    if (!meta->services) return feat_fail_memory(err);
    for (size_t i = 0; i < meta->n_services; i++) {
        size_t length;
        if (feat_unpack_array(&in) != 2) in.failed = true;
        const char *name = feat_unpack_text(&in, &length);
        meta->services[i].name = feat_arena_strndup(arena, name, length);
        if (!meta->services[i].name) return feat_fail_memory(err);
        meta->services[i].service = feat_unpack_digest(&in);
    }
    if (in.failed || in.at != in.end) return feat_fail(err, FEAT_CORRUPT, "serving state: its record is malformed");
    return FEAT_OK;
}

feat_status feat_online_meta_write(feat_env *env, MDB_txn *txn, const feat_online_meta *meta, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    uint8_t *header = feat_buffer_extend(&out, FEAT_ENVELOPE_SIZE);
    if (header) memset(header, 0, FEAT_ENVELOPE_SIZE);
    feat_buffer_u64(&out, meta->version);
    feat_buffer_u64(&out, meta->epoch);
    feat_buffer_u32(&out, meta->next_state);
    feat_pack_array(&out, (uint32_t)meta->n_blocks);
    for (size_t i = 0; i < meta->n_blocks; i++) {
        feat_pack_array(&out, 2);
        feat_pack_uint(&out, meta->blocks[i].state);
        feat_pack_digest(&out, &meta->blocks[i].block);
    }
    feat_pack_array(&out, (uint32_t)meta->n_services);
    for (size_t i = 0; i < meta->n_services; i++) {
        feat_pack_array(&out, 2);
        feat_pack_text(&out, meta->services[i].name);
        feat_pack_digest(&out, &meta->services[i].service);
    }
    feat_status status = FEAT_OK;
    if (out.failed) {
        status = feat_fail_memory(err);
    } else {
        feat_envelope_seal(out.data, KIND_META, meta_key, sizeof meta_key - 1, out.data + FEAT_ENVELOPE_SIZE,
                           out.size - FEAT_ENVELOPE_SIZE);
        MDB_val key = {sizeof meta_key - 1, (void *)meta_key}, value = {out.size, out.data};
        int rc = mdb_put(txn, feat_env_dbi(env), &key, &value, 0);
        if (rc != 0) status = feat_env_fail(err, rc, "writing serving state");
    }
    feat_buffer_done(&out);
    return status;
}

static feat_status not_deployed(const feat_online_meta *meta, const char *name, feat_error *err) {
    feat_buffer list;
    feat_buffer_init(&list);
    for (size_t i = 0; i < meta->n_services; i++) {
        if (strcasecmp(meta->services[i].name, name) != 0) continue;
        char text[FEAT_DIGEST_TEXT_SIZE];
        feat_digest_format(&meta->services[i].service, text);
        feat_buffer_printf(&list, "%s%s", list.size ? ", " : "", text);
    }
    char *text = list.size ? feat_buffer_take_text(&list) : NULL;
    feat_buffer_done(&list);
    feat_status status =
        text ? feat_fail(err, FEAT_NOT_FOUND, "service '%.200s' is not deployed with this fingerprint; deployed are %s",
                         name, text)
             : feat_fail(err, FEAT_NOT_FOUND, "service '%.200s' is not deployed; call feat_deploy first", name);
    feat_free(text);
    return status;
}

feat_status feat_online_find_service(feat_db *db, const char *name, const feat_digest *wanted, feat_digest *service,
                                     feat_error *err) {
    feat_env *env = NULL;
    MDB_txn *txn = NULL;
    feat_arena arena;
    feat_online_meta meta = {0};
    feat_arena_init(&arena);
    feat_status status = feat_db_online(db, &env, err);
    if (status == FEAT_NOT_FOUND) status = not_deployed(&meta, name, err);
    if (status != FEAT_OK) goto out;
    FEAT_GOTO(status, feat_env_begin(env, false, &txn, err), out);
    status = feat_online_meta_read(env, txn, &arena, &meta, err);
    feat_env_abort(txn);
    if (status != FEAT_OK) goto out;
    status = FEAT_NOT_FOUND;
    for (size_t i = meta.n_services; i-- > 0 && status != FEAT_OK;) {
        if (strcasecmp(meta.services[i].name, name) != 0 ||
            (wanted && !feat_digest_equal(wanted, &meta.services[i].service)))
            continue;
        *service = meta.services[i].service;
        status = FEAT_OK;
    }
    if (status != FEAT_OK) status = not_deployed(&meta, name, err);
out:
    feat_arena_done(&arena);
    return status;
}
