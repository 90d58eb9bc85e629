/* Names of versions and branches. The key is the digest of the name, or the next one that is free; the value is a
 * number, the kind, and the name. One that was removed leaves its record without a name, so that those behind it are
 * still found. */
#include <string.h>

#include "store/catalog.h"

#define SHOWN 8

typedef struct named {
    feat_ref ref;
    const char *name; /* in the map, without a NUL */
    size_t length;    /* 0: removed */
} named;

static const char *kind_name(feat_ref_kind kind) { return kind == FEAT_REF_TAG ? "tag" : "branch"; }

static feat_status parse(feat_cursor in, named *n, feat_error *err) {
    n->ref.number = feat_cursor_be64(&in);
    uint8_t kind = feat_cursor_byte(&in);
    if (in.failed || kind < FEAT_REF_TAG || kind > FEAT_REF_BRANCH)
        return feat_fail(err, FEAT_CORRUPT, "the name of a version is malformed; restore the store from a copy");
    n->ref.kind = (feat_ref_kind)kind;
    n->name = (const char *)in.at;
    n->length = (size_t)(in.end - in.at);
    return FEAT_OK;
}

/* Where a name is; or, when it is not there, where it would be put. */
static feat_status find(feat_db *db, MDB_txn *txn, const char *name, bool *found, feat_ref *ref, feat_catalog_key *at,
                        feat_error *err) {
    size_t length = strlen(name);
    feat_digest digest = feat_digest_of(name, length);
    bool room = false; /* `at` is the place of a removed one */
    for (;;) {
        feat_catalog_key key = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_REF}};
        memcpy(key.bytes + 1, digest.bytes, 16);
        feat_cursor in;
        named n = {.length = 0};
        FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_REF, "name of a version", found, &in, err));
        if (!*found) {
            if (!room) *at = key;
            return FEAT_OK;
        }
        FEAT_TRY(parse(in, &n, err));
        if (length > 0 && n.length == length && memcmp(n.name, name, length) == 0) {
            *ref = n.ref;
            *at = key;
            return FEAT_OK;
        }
        if (n.length == 0 && !room) {
            room = true;
            *at = key;
        }
        /* Another name of the same digest: the next key. */
        for (int i = 15; i >= 0 && ++digest.bytes[i] == 0; i--) {
        }
    }
}

feat_status feat_ref_find(feat_db *db, MDB_txn *txn, const char *name, bool *found, feat_ref *ref, feat_error *err) {
    feat_catalog_key at;
    return find(db, txn, name, found, ref, &at, err);
}

feat_status feat_ref_check_name(feat_ref_kind kind, const char *name, feat_error *err) {
    if (!name[0] || strlen(name) > FEAT_REF_NAME_MAX)
        return feat_fail(err, FEAT_ARGUMENT, "the name of a %s has 1 to %d bytes", kind_name(kind), FEAT_REF_NAME_MAX);
    return FEAT_OK;
}

/* ---- Listing. ---- */

feat_status feat_ref_walk(feat_db *db, MDB_txn *txn, feat_ref_kind kind, feat_ref_visit *visit, void *context,
                          feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_REF;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    bool more = true;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && more && k.mv_size == 17 && *(const uint8_t *)k.mv_data == prefix;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const void *payload;
        size_t size;
        feat_cursor in;
        named n = {.length = 0};
        status = feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_REF, k.mv_data, k.mv_size, &payload, &size,
                                    "name of a version", err);
        if (status == FEAT_OK) {
            feat_cursor_init(&in, payload, size);
            status = parse(in, &n, err);
        }
        if (status != FEAT_OK) break;
        if (n.length > 0 && n.ref.kind == kind) more = visit(context, &n.ref, n.name, n.length);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

typedef struct naming {
    feat_buffer text; /* "'a', 'b', 'c'" */
    int n;
} naming;

static bool show(void *context, const feat_ref *ref, const char *name, size_t length) {
    naming *s = context;
    (void)ref;
    if (s->n++ == SHOWN) {
        feat_buffer_text(&s->text, ", ...");
        return false;
    }
    feat_buffer_printf(&s->text, "%s'%.*s'", s->n > 1 ? ", " : "", (int)(length < 64 ? length : 64), name);
    return true;
}

feat_status feat_ref_unknown(feat_db *db, MDB_txn *txn, feat_ref_kind kind, const char *name, feat_error *err) {
    naming s = {.n = 0};
    feat_buffer_init(&s.text);
    feat_status status = feat_ref_walk(db, txn, kind, show, &s, err);
    feat_buffer_byte(&s.text, 0);
    if (status == FEAT_OK && s.text.failed) status = feat_fail_memory(err);
    if (status == FEAT_OK)
        status = s.n > 0 ? feat_fail(err, FEAT_NOT_FOUND, "there is no %s '%.100s'; the store has %s", kind_name(kind),
                                     name, (const char *)s.text.data)
                         : feat_fail(err, FEAT_NOT_FOUND, "there is no %s '%.100s'; the store has none",
                                     kind_name(kind), name);
    feat_buffer_done(&s.text);
    return status;
}

/* ---- Changing. ---- */

static feat_status store_ref(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, const feat_ref *ref,
                             const char *name, feat_error *err) {
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, ref->number);
    feat_buffer_byte(&payload, (uint8_t)ref->kind);
    feat_buffer_text(&payload, name);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, key, FEAT_KIND_REF, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

feat_status feat_ref_put(feat_db *db, MDB_txn *txn, const char *name, const feat_ref *ref, feat_error *err) {
    feat_catalog_key key;
    feat_ref before;
    bool found;
    FEAT_TRY(find(db, txn, name, &found, &before, &key, err));
    return store_ref(db, txn, &key, ref, name, err);
}

feat_status feat_ref_remove(feat_db *db, MDB_txn *txn, const char *name, feat_error *err) {
    feat_catalog_key key;
    feat_ref before;
    bool found;
    FEAT_TRY(find(db, txn, name, &found, &before, &key, err));
    return found ? store_ref(db, txn, &key, &(feat_ref){before.kind, 0}, "", err) : FEAT_OK;
}
