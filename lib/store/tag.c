/* Tags: names of versions. The key is the digest of the name, or the next one that is free; the value is the version
 * and the name. A tag that was removed leaves its record without a name, so that those behind it are still found. */
#include <stdlib.h>
#include <string.h>

#include "store/catalog.h"

#define TAG_NAME_MAX 4096
#define TAGS_SHOWN   8

typedef struct tag {
    uint64_t version;
    const char *name; /* in the map, without a NUL */
    size_t length;    /* 0: removed */
} tag;

static feat_status parse(feat_cursor in, tag *t, feat_error *err) {
    t->version = feat_cursor_be64(&in);
    if (in.failed) return feat_fail(err, FEAT_CORRUPT, "a tag is malformed; restore the store from a copy");
    t->name = (const char *)in.at;
    t->length = (size_t)(in.end - in.at);
    return FEAT_OK;
}

/* Where a tag is; or, when there is none of this name, where it would be put. */
static feat_status find(feat_db *db, MDB_txn *txn, const char *name, bool *found, uint64_t *version,
                        feat_catalog_key *at, feat_error *err) {
    size_t length = strlen(name);
    feat_digest digest = feat_digest_of(name, length);
    bool room = false; /* `at` is the place of a removed one */
    for (;;) {
        feat_catalog_key key = {.size = 17, .bytes = {(uint8_t)FEAT_KEY_TAG}};
        memcpy(key.bytes + 1, digest.bytes, 16);
        feat_cursor in;
        tag t = {0};
        FEAT_TRY(feat_catalog_get(db, txn, &key, FEAT_KIND_TAG, "tag", found, &in, err));
        if (!*found) {
            if (!room) *at = key;
            return FEAT_OK;
        }
        FEAT_TRY(parse(in, &t, err));
        if (length > 0 && t.length == length && memcmp(t.name, name, length) == 0) {
            *version = t.version;
            *at = key;
            return FEAT_OK;
        }
        if (t.length == 0 && !room) {
            room = true;
            *at = key;
        }
        /* Another name of the same digest: the next key. */
        for (int i = 15; i >= 0 && ++digest.bytes[i] == 0; i--) {
        }
    }
}

feat_status feat_tag_find(feat_db *db, MDB_txn *txn, const char *name, bool *found, uint64_t *version,
                          feat_error *err) {
    feat_catalog_key at;
    return find(db, txn, name, found, version, &at, err);
}

/* ---- Listing. ---- */

/* Calls `visit` for each tag until it returns false. */
static feat_status walk(feat_db *db, MDB_txn *txn, bool (*visit)(void *context, const tag *t), void *context,
                        feat_error *err) {
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(db)), &cursor);
    if (rc != 0) return feat_env_fail(err, rc, "reading the catalog");
    uint8_t prefix = (uint8_t)FEAT_KEY_TAG;
    MDB_val k = {1, &prefix}, v;
    feat_status status = FEAT_OK;
    bool more = true;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_SET_RANGE);
         rc == 0 && more && k.mv_size == 17 && *(const uint8_t *)k.mv_data == prefix;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const void *payload;
        size_t size;
        feat_cursor in;
        tag t = {0};
        status =
            feat_envelope_open(v.mv_data, v.mv_size, FEAT_KIND_TAG, k.mv_data, k.mv_size, &payload, &size, "tag", err);
        if (status == FEAT_OK) {
            feat_cursor_init(&in, payload, size);
            status = parse(in, &t, err);
        }
        if (status != FEAT_OK) break;
        if (t.length > 0) more = visit(context, &t);
    }
    mdb_cursor_close(cursor);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

typedef struct listing {
    feat_arena *arena;
    feat_tag_info *tags; /* grown by doubling; what is outgrown stays in the arena */
    size_t n, capacity;
    bool failed;
} listing;

static bool add(void *context, const tag *t) {
    listing *l = context;
    if (l->n == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 16;
        feat_tag_info *tags = feat_arena_array(l->arena, capacity, sizeof *tags);
        l->failed = !tags;
        if (!tags) return false;
        if (l->n) memcpy(tags, l->tags, l->n * sizeof *tags);
        l->tags = tags;
        l->capacity = capacity;
    }
    char *name = feat_arena_alloc(l->arena, t->length + 1);
    l->failed = !name;
    if (!name) return false;
    memcpy(name, t->name, t->length);
    name[t->length] = 0;
    l->tags[l->n++] = (feat_tag_info){name, t->version};
    return true;
}

static int compare(const void *a, const void *b) {
    const feat_tag_info *x = a, *y = b;
    if (x->version != y->version) return x->version < y->version ? -1 : 1;
    return strcmp(x->name, y->name);
}

feat_status feat_tag_list(feat_db *db, feat_arena *arena, feat_tag_info **tags, size_t *n, feat_error *err) {
    listing l = {.arena = arena};
    MDB_txn *txn;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), false, &txn, err));
    feat_status status = walk(db, txn, add, &l, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    if (l.failed) return feat_fail_memory(err);
    if (l.n > 0) qsort(l.tags, l.n, sizeof *l.tags, compare);
    *tags = l.tags;
    *n = l.n;
    return FEAT_OK;
}

typedef struct naming {
    feat_buffer text; /* "'a', 'b', 'c'" */
    int n;
} naming;

static bool show(void *context, const tag *t) {
    naming *s = context;
    if (s->n++ == TAGS_SHOWN) {
        feat_buffer_text(&s->text, ", ...");
        return false;
    }
    feat_buffer_printf(&s->text, "%s'%.*s'", s->n > 1 ? ", " : "", (int)(t->length < 64 ? t->length : 64), t->name);
    return true;
}

feat_status feat_tag_unknown(feat_db *db, MDB_txn *txn, const char *name, feat_error *err) {
    naming s = {.n = 0};
    feat_buffer_init(&s.text);
    feat_status status = walk(db, txn, show, &s, err);
    feat_buffer_byte(&s.text, 0);
    if (status == FEAT_OK && s.text.failed) status = feat_fail_memory(err);
    if (status == FEAT_OK)
        status = s.n > 0 ? feat_fail(err, FEAT_NOT_FOUND, "there is no tag '%.100s'; the store has %s", name,
                                     (const char *)s.text.data)
                         : feat_fail(err, FEAT_NOT_FOUND, "there is no tag '%.100s'; the store has none", name);
    feat_buffer_done(&s.text);
    return status;
}

/* ---- Changing. ---- */

static feat_status store_tag(feat_db *db, MDB_txn *txn, const feat_catalog_key *key, uint64_t version, const char *name,
                             feat_error *err) {
    feat_buffer payload;
    feat_buffer_init(&payload);
    feat_buffer_be64(&payload, version);
    feat_buffer_text(&payload, name);
    feat_status status = payload.failed
                             ? feat_fail_memory(err)
                             : feat_catalog_put(db, txn, key, FEAT_KIND_TAG, payload.data, payload.size, err);
    feat_buffer_done(&payload);
    return status;
}

static feat_status put(feat_db *db, MDB_txn *txn, const char *name, uint64_t version, bool *changed, feat_error *err) {
    feat_commit_record newest;
    FEAT_TRY(feat_commit_newest(db, txn, &newest, err));
    if (version > newest.info.version)
        return feat_fail(err, FEAT_NOT_FOUND, "there is no version %llu to tag; the newest is %llu",
                         (unsigned long long)version, (unsigned long long)newest.info.version);
    FEAT_TRY(feat_version_check_kept(db, txn, version, err));
    bool found;
    uint64_t tagged = 0;
    feat_catalog_key key;
    FEAT_TRY(find(db, txn, name, &found, &tagged, &key, err));
    *changed = !found;
    if (!found) return store_tag(db, txn, &key, version, name, err);
    if (tagged == version) return FEAT_OK;
    return feat_fail(err, FEAT_EXISTS, "the tag '%.100s' names version %llu and never moves; choose another name", name,
                     (unsigned long long)tagged);
}

static feat_status drop(feat_db *db, MDB_txn *txn, const char *name, bool *changed, feat_error *err) {
    bool found;
    uint64_t tagged;
    feat_catalog_key key;
    FEAT_TRY(find(db, txn, name, &found, &tagged, &key, err));
    *changed = found;
    return found ? store_tag(db, txn, &key, 0, "", err) : feat_tag_unknown(db, txn, name, err);
}

static feat_status change(feat_db *db, const char *name, const uint64_t *version, feat_error *err) {
    if (!name[0] || strlen(name) > TAG_NAME_MAX)
        return feat_fail(err, FEAT_ARGUMENT, "the name of a tag has 1 to %d bytes", TAG_NAME_MAX);
    MDB_txn *txn;
    bool changed = false;
    FEAT_TRY(feat_db_check_locked(db, err));
    FEAT_TRY(feat_env_begin(feat_db_catalog(db), true, &txn, err));
    feat_status status = version ? put(db, txn, name, *version, &changed, err) : drop(db, txn, name, &changed, err);
    if (status == FEAT_OK && changed) return feat_env_commit(feat_db_catalog(db), txn, err);
    feat_env_abort(txn);
    return status;
}

feat_status feat_tag_put(feat_db *db, const char *name, uint64_t version, feat_error *err) {
    return change(db, name, &version, err);
}

feat_status feat_tag_remove(feat_db *db, const char *name, feat_error *err) { return change(db, name, NULL, err); }
