/* Reading a table at a version. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/catalog.h"
#include "store/rows.h"
#include "store/tail_view.h"

/* What clones have in common. Nothing in the manifest changes but bitmaps of deleted rows, which come when one asks. */
typedef struct content {
    _Atomic size_t references;
    uint64_t version;
    feat_manifest manifest; /* with a segment for rows that were pushed behind the version, if there are any: */
    feat_batch pushed;
} content;

struct feat_table_version {
    feat_db *db;
    const feat_schema *schema;
    content *content;
    feat_manifest *manifest; /* the content's */
    feat_block *block;
};

static void content_unref(content *c) {
    if (!c || atomic_fetch_sub_explicit(&c->references, 1, memory_order_acq_rel) != 1) return;
    feat_manifest_done(&c->manifest);
    feat_batch_done(&c->pushed);
    feat_free(c);
}

/* What is missing may have been removed: then the version is gone, and nothing is damaged. A vacuum says that a version
 * is gone before it removes anything of it. */
static feat_status explain_version(feat_db *db, uint64_t version, feat_status status, feat_error *err) {
    MDB_txn *txn;
    if (status != FEAT_CORRUPT || feat_env_begin(feat_db_catalog(db), false, &txn, NULL) != FEAT_OK) return status;
    feat_error why = {.row = -1};
    bool gone = feat_version_check_kept(db, txn, version, &why) == FEAT_NOT_FOUND;
    feat_env_abort(txn);
    if (gone && err) *err = why;
    return gone ? FEAT_NOT_FOUND : status;
}

static feat_status explain(const feat_table_version *tv, feat_status status, feat_error *err) {
    return explain_version(tv->db, tv->content->version, status, err);
}

/* They are a segment behind the stored ones, without blocks. */
static feat_status load_pushed(feat_table_version *tv, feat_error *err) {
    const feat_tail_view *view = feat_db_view(tv->db);
    feat_manifest *m = tv->manifest;
    feat_digest sum;
    if (!view || feat_tail_view_version(view) != tv->content->version) return FEAT_OK;
    FEAT_TRY(feat_tail_view_rows(view, tv->schema, &tv->content->pushed, &sum, err));
    size_t n = tv->content->pushed.length;
    if (n == 0) return FEAT_OK;
    if (FEAT_GROW(m->segments, m->segments_capacity, m->n_segments + 1) != 0) return feat_fail_memory(err);
    m->segments[m->n_segments++] = (feat_segment){
        .id = m->next_segment++, .version = tv->content->version + 1, .rows = (uint32_t)n, .sorted = true};
    m->rows += (int64_t)n;
    feat_digest_add(&m->content, &sum);
    return FEAT_OK;
}

static feat_status load(feat_table_version *tv, feat_error *err) {
    bool found = false;
    feat_digest root = {{0}};
    uint64_t version = tv->content->version;
    FEAT_TRY(feat_catalog_manifest(tv->db, tv->schema->table_id, version, &found, &root, err));
    if (!found) return FEAT_OK;
    /* Blocks are synced before the catalog names them, so a later transaction of theirs sees all of this version's. */
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_blocks(tv->db), false, &txn, err));
    feat_status status = feat_manifest_load(tv->manifest, feat_db_blocks(tv->db), txn, &root, err);
    feat_env_abort(txn);
    return status;
}

/* A handle on `c`, which it takes over. */
static feat_status handle_new(feat_db *db, const feat_schema *schema, content *c, feat_table_version **out,
                              feat_error *err) {
    feat_table_version *tv = feat_alloc_zero(1, sizeof *tv);
    feat_block *block = feat_block_new();
    if (!tv || !block) {
        content_unref(c);
        feat_block_free(block);
        feat_free(tv);
        return feat_fail_memory(err);
    }
    *tv = (feat_table_version){feat_db_ref(db), schema, c, &c->manifest, block};
    *out = tv;
    return FEAT_OK;
}

feat_status feat_table_open(feat_db *db, const feat_schema *schema, uint64_t version, feat_table_version **out,
                            feat_error *err) {
    FEAT_TRY(feat_db_check(db, err));
    content *c = feat_alloc_zero(1, sizeof *c);
    if (!c) return feat_fail_memory(err);
    atomic_init(&c->references, 1);
    c->version = version;
    feat_manifest_init(&c->manifest, schema->table_id);
    feat_table_version *tv = NULL;
    FEAT_TRY(handle_new(db, schema, c, &tv, err));
    feat_status status = explain(tv, load(tv, err), err);
    if (status == FEAT_OK) status = load_pushed(tv, err);
    if (status == FEAT_OK) *out = tv;
    else feat_table_close(tv);
    return status;
}

feat_status feat_table_clone(const feat_table_version *tv, feat_table_version **out, feat_error *err) {
    FEAT_TRY(feat_db_check(tv->db, err));
    atomic_fetch_add_explicit(&tv->content->references, 1, memory_order_relaxed);
    return handle_new(tv->db, tv->schema, tv->content, out, err);
}

void feat_table_close(feat_table_version *tv) {
    if (!tv) return;
    content_unref(tv->content);
    feat_block_free(tv->block);
    feat_db_unref(tv->db);
    feat_free(tv);
}

int64_t feat_table_rows(const feat_table_version *tv) { return tv->manifest->rows; }
feat_digest feat_table_digest(const feat_table_version *tv) { return tv->manifest->content; }
size_t feat_table_segments(const feat_table_version *tv) { return tv->manifest->n_segments; }

static feat_segment_info info_of(const feat_segment *s) {
    return (feat_segment_info){.id = s->id,
                               .version = s->version,
                               .rows = s->rows,
                               .deleted = s->deleted,
                               .sorted = s->sorted,
                               .moved = s->moved};
}

feat_segment_info feat_table_segment(const feat_table_version *tv, size_t i) {
    return info_of(&tv->manifest->segments[i]);
}

static feat_status begin(feat_table_version *tv, feat_rows *rows, feat_error *err) {
    FEAT_TRY(feat_db_check(tv->db, err));
    const feat_batch *pushed = &tv->content->pushed;
    *rows = (feat_rows){.env = feat_db_blocks(tv->db),
                        .manifest = tv->manifest,
                        .schema = tv->schema,
                        .block = tv->block,
                        .open = pushed->length > 0 ? pushed : NULL};
    return feat_env_begin(rows->env, false, &rows->txn, err);
}

static feat_status end(const feat_table_version *tv, const feat_rows *rows, feat_status status, feat_error *err) {
    feat_env_abort(rows->txn);
    return explain(tv, status, err);
}

feat_status feat_table_read(feat_table_version *tv, size_t segment, const uint32_t *columns, size_t n, feat_column *out,
                            feat_error *err) {
    feat_rows rows;
    FEAT_TRY(begin(tv, &rows, err));
    feat_status status = feat_rows_read_segment(&rows, segment, columns, n, out, err);
    return end(tv, &rows, status, err);
}

feat_status feat_table_bounds(feat_table_version *tv, size_t segment, uint32_t column, feat_bounds *bounds,
                              feat_error *err) {
    feat_rows rows;
    FEAT_TRY(begin(tv, &rows, err));
    feat_status status = feat_rows_bounds(&rows, segment, column, bounds, err);
    return end(tv, &rows, status, err);
}

feat_status feat_table_page_bounds(feat_table_version *tv, size_t segment, uint32_t column, feat_bounds *bounds,
                                   size_t *n, feat_error *err) {
    feat_rows rows;
    FEAT_TRY(begin(tv, &rows, err));
    feat_status status = feat_rows_page_bounds(&rows, segment, column, bounds, n, err);
    return end(tv, &rows, status, err);
}

feat_status feat_table_find(feat_table_version *tv, size_t segment, const uint32_t *columns, size_t n,
                            const feat_column *keys, size_t row, uint32_t near, uint32_t *first, uint32_t *last,
                            feat_error *err) {
    feat_rows rows;
    FEAT_TRY(begin(tv, &rows, err));
    feat_status status = feat_rows_find(&rows, segment, columns, n, keys, row, near, first, last, err);
    return end(tv, &rows, status, err);
}

feat_status feat_table_read_rows(feat_table_version *tv, const feat_row_address *addresses, size_t n_rows,
                                 const uint32_t *columns, size_t n, feat_column *out, feat_error *err) {
    feat_rows rows;
    FEAT_TRY(begin(tv, &rows, err));
    feat_status status = feat_rows_read(&rows, addresses, n_rows, columns, n, out, err);
    return end(tv, &rows, status, err);
}

feat_status feat_table_deleted(feat_table_version *tv, size_t segment, const uint8_t **bitmap, feat_error *err) {
    feat_segment *s = &tv->manifest->segments[segment];
    if (s->deleted > 0 && !feat_segment_deleted(s)) {
        feat_rows rows;
        FEAT_TRY(begin(tv, &rows, err));
        feat_status status = feat_segment_load_deleted(s, rows.env, rows.txn, err);
        FEAT_TRY(end(tv, &rows, status, err));
    }
    *bitmap = feat_segment_deleted(s);
    return FEAT_OK;
}

/* ---- Difference. ---- */

typedef struct addresses {
    feat_row_address *rows;
    size_t n, capacity;
} addresses;

/* Appends the rows of `s` that are live in `here` and not in `there` (bitmaps of deleted rows; `there` false: none is
 * live). */
static feat_status add_live(addresses *list, const feat_segment *s, bool exists_there, const uint8_t *there,
                            feat_error *err) {
    for (uint32_t row = 0; row < s->rows; row++) {
        if (s->bitmap && feat_bit_get(s->bitmap, row)) continue;
        if (exists_there && !(there && feat_bit_get(there, row))) continue;
        if (FEAT_GROW(list->rows, list->capacity, list->n + 1) != 0) return feat_fail_memory(err);
        list->rows[list->n++] = (feat_row_address){s->id, row};
    }
    return FEAT_OK;
}

static feat_status diff_segment(feat_table_version *a, size_t i, feat_table_version *b, size_t j, addresses *only_a,
                                addresses *only_b, feat_error *err) {
    feat_segment *s = i == SIZE_MAX ? NULL : &a->manifest->segments[i],
                 *t = j == SIZE_MAX ? NULL : &b->manifest->segments[j];
    if (s && t && feat_digest_equal(&s->deletion, &t->deletion)) return FEAT_OK;
    const uint8_t *unused;
    if (s) FEAT_TRY(feat_table_deleted(a, i, &unused, err));
    if (t) FEAT_TRY(feat_table_deleted(b, j, &unused, err));
    if (s) FEAT_TRY(add_live(only_a, s, t != NULL, t ? t->bitmap : NULL, err));
    return t ? add_live(only_b, t, s != NULL, s ? s->bitmap : NULL, err) : FEAT_OK;
}

/* Both lists of segments ascend by id; leaves of equal key hold equal segments at equal places and are passed over
 * whole. */
static feat_status diff(feat_table_version *older, feat_table_version *newer, addresses *removed, addresses *added,
                        feat_error *err) {
    const feat_manifest *a = older->manifest, *b = newer->manifest;
    size_t i = 0, j = 0;
    while (i < a->n_segments || j < b->n_segments) {
        size_t leaf = i / 64;
        if (i == j && i % 64 == 0 && leaf < a->n_leaves && leaf < b->n_leaves &&
            feat_digest_equal(&a->leaves[leaf], &b->leaves[leaf])) {
            i = j = a->n_segments - i < 64 ? a->n_segments : i + 64;
            continue;
        }
        uint64_t id_a = i < a->n_segments ? a->segments[i].id : UINT64_MAX,
                 id_b = j < b->n_segments ? b->segments[j].id : UINT64_MAX;
        FEAT_TRY(
            diff_segment(older, id_a <= id_b ? i : SIZE_MAX, newer, id_b <= id_a ? j : SIZE_MAX, removed, added, err));
        i += id_a <= id_b;
        j += id_b <= id_a;
    }
    return FEAT_OK;
}

feat_status feat_table_diff(feat_table_version *older, feat_table_version *newer, feat_row_address **added,
                            size_t *n_added, feat_row_address **removed, size_t *n_removed, feat_error *err) {
    addresses gone = {0}, come = {0};
    feat_status status = diff(older, newer, &gone, &come, err);
    if (status != FEAT_OK) {
        feat_free(gone.rows);
        feat_free(come.rows);
        return status;
    }
    *added = come.rows;
    *n_added = come.n;
    *removed = gone.rows;
    *n_removed = gone.n;
    return FEAT_OK;
}

/* ---- From version to version. ---- */

struct feat_table_follower {
    feat_db *db;
    const feat_schema *schema;
    uint64_t version;
    feat_digest root; /* of the version's manifest */
    feat_manifest manifest;
    feat_segments_change *changes;
    size_t changes_capacity;
    feat_segment looked_at; /* with its bitmap */
};

feat_status feat_table_follow(feat_db *db, const feat_schema *schema, feat_table_follower **follower, feat_error *err) {
    feat_table_follower *f = feat_alloc_zero(1, sizeof *f);
    if (!f) return feat_fail_memory(err);
    f->db = feat_db_ref(db);
    f->schema = schema;
    feat_manifest_init(&f->manifest, schema->table_id);
    *follower = f;
    return FEAT_OK;
}

void feat_table_follower_free(feat_table_follower *f) {
    if (!f) return;
    feat_free(f->looked_at.bitmap);
    feat_free(f->changes);
    feat_manifest_done(&f->manifest);
    feat_db_unref(f->db);
    feat_free(f);
}

feat_status feat_table_step(feat_table_follower *f, uint64_t version, const feat_segments_change **changes, size_t *n,
                            feat_error *err) {
    bool found = false;
    feat_digest root = {{0}};
    *n = 0;
    f->version = version;
    FEAT_TRY(feat_catalog_manifest(f->db, f->schema->table_id, version, &found, &root, err));
    *changes = f->changes;
    if (!found || feat_digest_equal(&root, &f->root)) return FEAT_OK;
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_blocks(f->db), false, &txn, err));
    feat_status status = feat_manifest_follow(&f->manifest, feat_db_blocks(f->db), txn, &root, &f->changes, n,
                                              &f->changes_capacity, err);
    feat_env_abort(txn);
    f->root = root;
    *changes = f->changes;
    return explain_version(f->db, version, status, err);
}

size_t feat_table_follower_segments(const feat_table_follower *f) { return f->manifest.n_segments; }

feat_segment_info feat_table_follower_segment(const feat_table_follower *f, size_t i) {
    return info_of(&f->manifest.segments[i]);
}

feat_status feat_table_follower_deleted(feat_table_follower *f, size_t segment, const uint8_t **bitmap,
                                        feat_error *err) {
    MDB_txn *txn;
    feat_free(f->looked_at.bitmap);
    f->looked_at = f->manifest.segments[segment];
    FEAT_TRY(feat_env_begin(feat_db_blocks(f->db), false, &txn, err));
    feat_status status = feat_segment_load_deleted(&f->looked_at, feat_db_blocks(f->db), txn, err);
    feat_env_abort(txn);
    *bitmap = f->looked_at.bitmap;
    return explain_version(f->db, f->version, status, err);
}
