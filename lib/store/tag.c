/* Tags: names of versions that never move. */
#include <stdlib.h>
#include <string.h>

#include "store/catalog.h"

/* ---- Listing. ---- */

typedef struct listing {
    feat_arena *arena;
    feat_tag_info *tags; /* grown by doubling; what is outgrown stays in the arena */
    size_t n, capacity;
    bool failed;
} listing;

static bool add(void *context, const feat_ref *ref, const char *text, size_t length) {
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
    char *name = feat_arena_strndup(l->arena, text, length);
    l->failed = !name;
    if (!name) return false;
    l->tags[l->n++] = (feat_tag_info){name, ref->number};
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
    feat_status status = feat_ref_walk(db, txn, FEAT_REF_TAG, add, &l, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    if (l.failed) return feat_fail_memory(err);
    if (l.n > 0) qsort(l.tags, l.n, sizeof *l.tags, compare);
    *tags = l.tags;
    *n = l.n;
    return FEAT_OK;
}

/* ---- Changing. ---- */

static feat_status put(feat_db *db, MDB_txn *txn, const char *name, uint64_t version, bool *changed, feat_error *err) {
    feat_ref ref = {FEAT_REF_TAG, version}, before;
    bool found;
    FEAT_TRY(feat_version_check(db, txn, version, " to tag", err));
    FEAT_TRY(feat_ref_find(db, txn, name, &found, &before, err));
    *changed = !found;
    if (!found) return feat_ref_put(db, txn, name, &ref, err);
    if (before.kind != FEAT_REF_TAG)
        return feat_fail(err, FEAT_EXISTS, "there is a branch '%.100s'; choose another name for the tag", name);
    if (before.number == version) return FEAT_OK;
    return feat_fail(err, FEAT_EXISTS, "the tag '%.100s' names version %llu and never moves; choose another name", name,
                     (unsigned long long)before.number);
}

static feat_status drop(feat_db *db, MDB_txn *txn, const char *name, bool *changed, feat_error *err) {
    feat_ref ref;
    bool found;
    FEAT_TRY(feat_ref_find(db, txn, name, &found, &ref, err));
    *changed = found && ref.kind == FEAT_REF_TAG;
    return *changed ? feat_ref_remove(db, txn, name, err) : feat_ref_unknown(db, txn, FEAT_REF_TAG, name, err);
}

static feat_status change(feat_db *db, const char *name, const uint64_t *version, feat_error *err) {
    MDB_txn *txn;
    bool changed = false;
    FEAT_TRY(feat_ref_check_name(FEAT_REF_TAG, name, err));
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
