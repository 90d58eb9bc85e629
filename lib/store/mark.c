#include "store/mark.h"

#include <string.h>

#include "base/alloc.h"
#include "store/manifest.h"
#include "store/unique.h"

/* An object is remembered with what it was walked as: bytes that mean one thing here and another there must be walked
 * as both. */
typedef enum walked {
    WALKED_PLAIN = 1, /* its chunks */
    WALKED_ROOT = 2,
    WALKED_NODE = 4,
    WALKED_RUN = 8
} walked;

typedef struct feat_mark {
    feat_digest key;
    unsigned walked; /* 0: an empty slot */
} feat_mark;

void feat_marks_done(feat_marks *m) {
    feat_free(m->slots);
    *m = (feat_marks){0};
}

static feat_mark *slot_of(const feat_marks *m, const void *key) {
    uint64_t hash;
    memcpy(&hash, key, sizeof hash); /* a digest is its own hash */
    for (size_t i = (size_t)hash;; i++) {
        feat_mark *slot = &m->slots[i & (m->capacity - 1)];
        if (slot->walked == 0 || memcmp(slot->key.bytes, key, sizeof slot->key.bytes) == 0) return slot;
    }
}

bool feat_marks_has(const feat_marks *m, const void *key) { return m->n > 0 && slot_of(m, key)->walked != 0; }

static feat_status grow(feat_marks *m, feat_error *err) {
    feat_marks larger = {.n = m->n, .capacity = m->capacity ? 2 * m->capacity : 1024};
    larger.slots = feat_alloc_zero(larger.capacity, sizeof *larger.slots);
    if (!larger.slots) return feat_fail_memory(err);
    for (size_t i = 0; i < m->capacity; i++)
        if (m->slots[i].walked) *slot_of(&larger, m->slots[i].key.bytes) = m->slots[i];
    feat_free(m->slots);
    *m = larger;
    return FEAT_OK;
}

/* `fresh`: it was not walked as this before. */
static feat_status add(feat_marks *m, const feat_digest *key, walked as, bool *fresh, feat_error *err) {
    if (2 * (m->n + 1) > m->capacity) FEAT_TRY(grow(m, err));
    feat_mark *slot = slot_of(m, key->bytes);
    if (slot->walked == 0) {
        slot->key = *key;
        m->n++;
    }
    *fresh = !(slot->walked & as);
    slot->walked |= as;
    return FEAT_OK;
}

typedef struct marking {
    feat_marks *marks;
    feat_env *env;
    MDB_txn *txn;
} marking;

static feat_status add_chunk(void *context, const feat_digest *key, feat_error *err) {
    marking *m = context;
    bool fresh;
    return add(m->marks, key, WALKED_PLAIN, &fresh, err);
}

/* The object and what it is cut into. */
static feat_status add_object(marking *m, const feat_digest *key, const char *what, feat_error *err) {
    bool fresh;
    FEAT_TRY(add(m->marks, key, WALKED_PLAIN, &fresh, err));
    return fresh ? feat_object_walk(m->env, m->txn, key, what, add_chunk, m, err) : FEAT_OK;
}

static feat_status visit(void *context, const feat_digest *key, feat_manifest_part part, bool *descend,
                         feat_error *err) {
    marking *m = context;
    static const char *const names[] = {"manifest", "deletion vector", "column"};
    FEAT_TRY(add_object(m, key, names[part], err));
    *descend = false;
    return part == FEAT_MANIFEST_NODE ? add(m->marks, key, WALKED_NODE, descend, err) : FEAT_OK;
}

static feat_status add_run(marking *m, const feat_run *run, feat_error *err) {
    bool fresh;
    feat_digest body;
    FEAT_TRY(add_object(m, &run->key, "unique index", err));
    FEAT_TRY(add(m->marks, &run->key, WALKED_RUN, &fresh, err));
    if (!fresh) return FEAT_OK;
    FEAT_TRY(feat_unique_body(m->env, m->txn, run, &body, err));
    return add_object(m, &body, "unique index", err);
}

feat_status feat_marks_add_version(feat_marks *marks, feat_env *env, MDB_txn *txn, uint32_t table_id,
                                   const feat_digest *root, feat_error *err) {
    marking m = {marks, env, txn};
    bool fresh;
    FEAT_TRY(add_object(&m, root, "manifest", err));
    FEAT_TRY(add(marks, root, WALKED_ROOT, &fresh, err));
    if (!fresh) return FEAT_OK;
    feat_manifest runs; /* no more than its root */
    feat_manifest_init(&runs, table_id);
    feat_status status = feat_manifest_walk(&runs, env, txn, root, visit, &m, err);
    for (size_t i = 0; i < runs.n_runs && status == FEAT_OK; i++) status = add_run(&m, &runs.runs[i], err);
    feat_manifest_done(&runs);
    return status;
}
