#include "store/manifest.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/block.h"

#define FANOUT          64
#define LEVEL_MAX       10 /* 64^10 leaves are more than 64 bits of rows */
#define ROOT_VERSION    1
#define NODE_VERSION    3
#define SORTED          1 /* flags of a segment */
#define MOVED           2
#define FULL            4
#define DELETION_BITMAP 1
#define DELETION_LIST   2
#define BLOCK_REF_SIZE  20

void feat_manifest_init(feat_manifest *m, uint32_t table_id) {
    *m = (feat_manifest){.table_id = table_id, .next_segment = 1};
    feat_arena_init(&m->arena);
}

void feat_manifest_done(feat_manifest *m) {
    for (size_t i = 0; i < m->n_segments; i++) feat_free(m->segments[i].bitmap);
    feat_free(m->segments);
    feat_free(m->leaves);
    feat_free(m->runs);
    feat_arena_done(&m->arena);
    feat_manifest_init(m, m->table_id);
}

size_t feat_manifest_find(const feat_manifest *m, uint64_t id) {
    size_t low = 0, high = m->n_segments;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->segments[middle].id < id) low = middle + 1;
        else high = middle;
    }
    return low < m->n_segments && m->segments[low].id == id ? low : SIZE_MAX;
}

void feat_manifest_remove(feat_manifest *m, const size_t *at, size_t n) {
    if (n == 0) return;
    size_t kept = at[0];
    for (size_t i = at[0], k = 0; i < m->n_segments; i++) {
        if (k < n && at[k] == i) {
            feat_free(m->segments[i].bitmap);
            k++;
        } else {
            m->segments[kept++] = m->segments[i];
        }
    }
    m->n_segments = kept;
    if (m->n_leaves > at[0] / FANOUT) m->n_leaves = at[0] / FANOUT; /* leaves from the first on are other ones */
}

feat_status feat_manifest_add_run(feat_manifest *m, feat_run run, feat_error *err) {
    if (FEAT_GROW(m->runs, m->runs_capacity, m->n_runs + 1) != 0) return feat_fail_memory(err);
    m->runs[m->n_runs++] = run;
    return FEAT_OK;
}

const feat_digest *feat_segment_block(const feat_segment *s, uint32_t column) {
    /* Ids count from 1, so the place is nearly always known. */
    if (column >= 1 && column <= s->n_blocks && s->blocks[column - 1].column == column)
        return &s->blocks[column - 1].key;
    for (uint32_t i = 0; i < s->n_blocks; i++)
        if (s->blocks[i].column == column) return &s->blocks[i].key;
    return NULL;
}

static feat_status malformed(feat_error *err, const char *what) {
    return feat_fail(err, FEAT_CORRUPT, "%s is malformed; restore the store from a copy", what);
}

static feat_digest read_digest(feat_cursor *in) {
    feat_digest d = {{0}};
    const void *p = feat_cursor_bytes(in, sizeof d.bytes);
    if (p) memcpy(d.bytes, p, sizeof d.bytes);
    return d;
}

static void put_digest(feat_buffer *out, const feat_digest *d) { feat_buffer_append(out, d->bytes, sizeof d->bytes); }

/* A whole object; `bytes` is borrowed from the map or from `scratch`. */
static feat_status read_whole(feat_env *env, MDB_txn *txn, const feat_digest *key, const char *what,
                              feat_buffer *scratch, feat_cursor *in, feat_error *err) {
    feat_object object;
    const uint8_t *bytes;
    FEAT_TRY(feat_object_open(env, txn, key, what, &object, err));
    if (object.size > SIZE_MAX) return malformed(err, what);
    FEAT_TRY(feat_object_view(&object, 0, (size_t)object.size, scratch, &bytes, err));
    feat_cursor_init(in, bytes, (size_t)object.size);
    return FEAT_OK;
}

/* ---- Deletion vectors: u8 form, u32 rows, u32 deleted, then a bitmap, or a u16 a row where that is shorter. ---- */

const uint8_t *feat_segment_deleted(const feat_segment *s) { return __atomic_load_n(&s->bitmap, __ATOMIC_ACQUIRE); }

/* The first of several threads puts its bitmap there; the others drop theirs. */
static void publish(feat_segment *s, uint8_t *bitmap) {
    uint8_t *none = NULL;
    if (!__atomic_compare_exchange_n(&s->bitmap, &none, bitmap, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        feat_free(bitmap);
}

feat_status feat_segment_load_deleted(feat_segment *s, feat_env *env, MDB_txn *txn, feat_error *err) {
    if (feat_segment_deleted(s) || feat_digest_is_zero(&s->deletion)) return FEAT_OK;
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    feat_cursor in;
    feat_status status;
    uint8_t *bitmap = feat_alloc_zero(FEAT_SEGMENT_ROWS / 8, 1);
    if (!bitmap) status = feat_fail_memory(err);
    else status = read_whole(env, txn, &s->deletion, "deletion vector", &scratch, &in, err);
    if (status == FEAT_OK) {
        uint8_t form = feat_cursor_byte(&in);
        uint32_t rows = feat_cursor_u32(&in), deleted = feat_cursor_u32(&in);
        bool good = rows == s->rows && deleted == s->deleted && deleted <= rows;
        if (good && form == DELETION_BITMAP) {
            const void *bits = feat_cursor_bytes(&in, feat_bitmap_size(rows));
            if (bits) memcpy(bitmap, bits, feat_bitmap_size(rows));
        } else if (good && form == DELETION_LIST) {
            for (uint32_t i = 0; i < deleted; i++) {
                uint32_t row = feat_cursor_byte(&in);
                row |= (uint32_t)feat_cursor_byte(&in) << 8;
                if (row < rows) feat_bit_set(bitmap, row);
            }
        } else {
            good = false;
        }
        if (!good || in.failed || in.at != in.end || feat_bitmap_count(bitmap, rows) != deleted)
            status = malformed(err, "a deletion vector");
    }
    feat_buffer_done(&scratch);
    if (status == FEAT_OK) publish(s, bitmap);
    else feat_free(bitmap);
    return status;
}

static feat_status store_deleted(feat_segment *s, feat_object_writer *w, feat_buffer *out, feat_error *err) {
    feat_buffer_clear(out);
    bool list = (size_t)s->deleted * 2 < feat_bitmap_size(s->rows);
    feat_buffer_byte(out, list ? DELETION_LIST : DELETION_BITMAP);
    feat_buffer_u32(out, s->rows);
    feat_buffer_u32(out, s->deleted);
    if (!list) feat_buffer_append(out, s->bitmap, feat_bitmap_size(s->rows));
    for (uint32_t row = 0; list && row < s->rows; row++) {
        if (!feat_bit_get(s->bitmap, row)) continue;
        feat_buffer_byte(out, (uint8_t)row);
        feat_buffer_byte(out, (uint8_t)(row >> 8));
    }
    if (out->failed) return feat_fail_memory(err);
    return feat_object_put(w, out->data, out->size, &s->deletion, err);
}

/* ---- Loading. ---- */

/* A node: u8 version, u8 level, u16 0, u32 count; then segments (level 0) or keys of nodes. */
static feat_status read_node(feat_cursor *in, unsigned level, size_t expected, feat_error *err) {
    uint8_t version = feat_cursor_byte(in), stored_level = feat_cursor_byte(in);
    feat_cursor_bytes(in, 2);
    uint32_t count = feat_cursor_u32(in);
    if (in->failed || version != NODE_VERSION || stored_level != level || count != expected)
        return malformed(err, "a manifest");
    return FEAT_OK;
}

static feat_status read_segment(feat_manifest *m, feat_cursor *in, feat_segment *s, feat_error *err) {
    *s = (feat_segment){0};
    s->id = feat_cursor_u64(in);
    s->version = feat_cursor_u64(in);
    s->rows = feat_cursor_u32(in);
    s->deleted = feat_cursor_u32(in);
    s->deletion = read_digest(in);
    uint32_t flags = feat_cursor_u32(in);
    s->sorted = flags & SORTED;
    s->moved = flags & MOVED;
    s->full = flags & FULL;
    s->partition = (int32_t)feat_cursor_u32(in);
    s->n_blocks = feat_cursor_u32(in);
    uint64_t last = m->n_segments ? m->segments[m->n_segments - 1].id : 0;
    if (in->failed || s->id <= last || s->id >= m->next_segment || s->rows == 0 || s->rows > FEAT_SEGMENT_ROWS ||
        flags > (SORTED | MOVED | FULL) || s->deleted > s->rows ||
        (s->deleted == 0) != feat_digest_is_zero(&s->deletion) ||
        s->n_blocks > (size_t)(in->end - in->at) / BLOCK_REF_SIZE)
        return malformed(err, "a manifest");
    s->blocks = feat_arena_array(&m->arena, s->n_blocks, sizeof *s->blocks);
    if (!s->blocks) return feat_fail_memory(err);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        s->blocks[i].column = feat_cursor_u32(in);
        s->blocks[i].key = read_digest(in);
        if (i > 0 && s->blocks[i].column <= s->blocks[i - 1].column) return malformed(err, "a manifest");
    }
    return FEAT_OK;
}

typedef struct loader {
    feat_manifest *m;
    feat_env *env;
    MDB_txn *txn;
    size_t n; /* segments that the root announces */
} loader;

/* Segments below one child of a node of `level`. */
static size_t span(unsigned level) {
    size_t n = 1;
    for (unsigned i = 0; i < level; i++) n = n > SIZE_MAX / FANOUT ? SIZE_MAX : n * FANOUT;
    return n;
}

static size_t divide_up(size_t a, size_t b) { return a / b + (a % b != 0); }

/* The tree is full but for its right edge, so a node's number of children is known from the number of segments. The
 * level limits the recursion. */
static feat_status load_node(loader *l, const feat_digest *key, unsigned level, size_t segments, feat_error *err) {
    feat_manifest *m = l->m;
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    feat_cursor in;
    size_t each = span(level), count = divide_up(segments, each);
    feat_status status;
    FEAT_GOTO(status, read_whole(l->env, l->txn, key, "manifest", &scratch, &in, err), out);
    FEAT_GOTO(status, read_node(&in, level, count, err), out);
    if (level == 0) {
        /* Grown leaf by leaf: the number in the root is believed only as far as leaves are there. */
        if (FEAT_GROW(m->segments, m->segments_capacity, m->n_segments + count) != 0 ||
            FEAT_GROW(m->leaves, m->leaves_capacity, m->n_leaves + 1) != 0) {
            status = feat_fail_memory(err);
            goto out;
        }
        m->leaves[m->n_leaves++] = *key;
    }
    for (size_t i = 0; i < count; i++) {
        if (level == 0) {
            feat_segment *s = &m->segments[m->n_segments];
            FEAT_GOTO(status, read_segment(m, &in, s, err), out);
            m->n_segments++;
        } else {
            feat_digest child = read_digest(&in);
            size_t left = segments - i * each;
            if (in.failed) status = malformed(err, "a manifest");
            else status = load_node(l, &child, level - 1, left < each ? left : each, err);
            if (status != FEAT_OK) goto out;
        }
    }
    if (in.failed || in.at != in.end) status = malformed(err, "a manifest");
out:
    feat_buffer_done(&scratch);
    return status;
}

/* The root: u8 version, u8 levels, u16 0, u32 table, u64 segments, i64 rows, content digest, u64 next segment, key of
 * the top node, u32 runs, and for each run its key and u64 entries. */
static feat_status load_root(loader *l, const feat_digest *root, unsigned *levels, feat_digest *top, feat_error *err) {
    feat_manifest *m = l->m;
    feat_buffer scratch;
    feat_buffer_init(&scratch);
    feat_cursor in;
    feat_status status = read_whole(l->env, l->txn, root, "manifest", &scratch, &in, err);
    if (status == FEAT_OK) {
        uint8_t version = feat_cursor_byte(&in);
        *levels = feat_cursor_byte(&in);
        feat_cursor_bytes(&in, 2);
        uint32_t table = feat_cursor_u32(&in);
        uint64_t segments = feat_cursor_u64(&in);
        m->rows = (int64_t)feat_cursor_u64(&in);
        m->content = read_digest(&in);
        m->next_segment = feat_cursor_u64(&in);
        *top = read_digest(&in);
        uint32_t runs = feat_cursor_u32(&in);
        l->n = (size_t)segments;
        unsigned needed = segments > 0;
        while (needed < LEVEL_MAX && segments > span(needed)) needed++;
        if (in.failed || version != ROOT_VERSION || table != m->table_id || m->rows < 0 || segments > SIZE_MAX ||
            *levels != needed || runs != (size_t)(in.end - in.at) / 24 || (size_t)(in.end - in.at) % 24 != 0)
            status = malformed(err, "a manifest");
        for (uint32_t i = 0; i < runs && status == FEAT_OK; i++) {
            feat_run run = {.key = read_digest(&in)};
            run.entries = feat_cursor_u64(&in);
            status = feat_manifest_add_run(m, run, err);
        }
    }
    feat_buffer_done(&scratch);
    return status;
}

feat_status feat_manifest_load_root(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                                    feat_error *err) {
    loader l = {.m = m, .env = env, .txn = txn};
    unsigned levels = 0;
    feat_digest top = {{0}};
    return load_root(&l, root, &levels, &top, err);
}

feat_status feat_manifest_load(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                               feat_error *err) {
    loader l = {.m = m, .env = env, .txn = txn};
    unsigned levels = 0;
    feat_digest top = {{0}};
    FEAT_TRY(load_root(&l, root, &levels, &top, err));
    if (l.n == 0) return FEAT_OK;
    FEAT_TRY(load_node(&l, &top, levels - 1, l.n, err));
    uint64_t live = 0;
    for (size_t i = 0; i < m->n_segments; i++) live += m->segments[i].rows - m->segments[i].deleted;
    if (live != (uint64_t)m->rows) return malformed(err, "a manifest");
    return FEAT_OK;
}

/* ---- Following: leaves of equal key hold equal segments at equal places. ---- */

typedef struct follower {
    loader l;
    size_t old_segments, old_leaves;
    int64_t live; /* rows of the leaves so far that differ, more than before */
    feat_segments_change *steps;
    size_t n_steps, steps_capacity;
} follower;

static int64_t live_rows(const feat_manifest *m, size_t first, size_t end) {
    int64_t live = 0;
    for (size_t i = first; i < end; i++) live += m->segments[i].rows - m->segments[i].deleted;
    return live;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

static bool add_step(follower *f, size_t first, size_t old_end, size_t end) {
    feat_segments_change *last = f->n_steps ? &f->steps[f->n_steps - 1] : NULL;
    if (last && last->end == first && last->old_end == least(first, f->old_segments)) {
        last->old_end = old_end;
        last->end = end;
        return true;
    }
    if (FEAT_GROW(f->steps, f->steps_capacity, f->n_steps + 1) != 0) return false;
    f->steps[f->n_steps++] = (feat_segments_change){first, old_end, end};
    return true;
}

/* The next leaf; `count` segments. All before it are full. */
static feat_status follow_leaf(follower *f, const feat_digest *key, size_t count, feat_error *err) {
    feat_manifest *m = f->l.m;
    size_t leaf = m->n_leaves, first = leaf * FANOUT, old_end = least(first + FANOUT, f->old_segments);
    if (leaf < f->old_leaves && feat_digest_equal(&m->leaves[leaf], key) && old_end - first == count) {
        if (first > 0 && m->segments[first - 1].id >= m->segments[first].id) return malformed(err, "a manifest");
        m->n_leaves++;
        m->n_segments += count;
        return FEAT_OK;
    }
    if (FEAT_GROW(m->segments, m->segments_capacity, first + count) != 0 ||
        FEAT_GROW(m->leaves, m->leaves_capacity, leaf + 1) != 0 || !add_step(f, first, old_end, first + count))
        return feat_fail_memory(err);
    f->live -= live_rows(m, first, old_end);
    m->leaves[m->n_leaves++] = *key;
    feat_buffer scratch;
    feat_cursor in;
    feat_buffer_init(&scratch);
    feat_status status = read_whole(f->l.env, f->l.txn, key, "manifest", &scratch, &in, err);
    if (status == FEAT_OK) status = read_node(&in, 0, count, err);
    for (size_t i = 0; i < count && status == FEAT_OK; i++) {
        feat_segment *s = &m->segments[m->n_segments];
        feat_arena_reset(&m->arena);
        status = read_segment(m, &in, s, err);
        s->blocks = NULL;
        s->n_blocks = 0;
        if (status == FEAT_OK) m->n_segments++;
    }
    if (status == FEAT_OK && (in.failed || in.at != in.end)) status = malformed(err, "a manifest");
    feat_buffer_done(&scratch);
    f->live += live_rows(m, first, m->n_segments);
    return status;
}

static feat_status follow_node(follower *f, const feat_digest *key, unsigned level, size_t segments, feat_error *err) {
    size_t each = span(level), count = divide_up(segments, each);
    if (level == 0) return follow_leaf(f, key, count, err);
    feat_buffer scratch;
    feat_cursor in;
    feat_buffer_init(&scratch);
    feat_status status = read_whole(f->l.env, f->l.txn, key, "manifest", &scratch, &in, err);
    if (status == FEAT_OK) status = read_node(&in, level, count, err);
    for (size_t i = 0; i < count && status == FEAT_OK; i++) {
        feat_digest child = read_digest(&in);
        size_t left = segments - i * each;
        status = in.failed ? malformed(err, "a manifest") : follow_node(f, &child, level - 1, least(left, each), err);
    }
    if (status == FEAT_OK && (in.failed || in.at != in.end)) status = malformed(err, "a manifest");
    feat_buffer_done(&scratch);
    return status;
}

static feat_status follow(follower *f, const feat_digest *root, feat_error *err) {
    feat_manifest *m = f->l.m;
    unsigned levels = 0;
    feat_digest top = {{0}};
    int64_t rows = m->rows;
    FEAT_TRY(load_root(&f->l, root, &levels, &top, err));
    if (f->l.n > 0) FEAT_TRY(follow_node(f, &top, levels - 1, f->l.n, err));
    size_t from = m->n_leaves * FANOUT;
    if (from < f->old_segments) { /* leaves that are there no more */
        feat_segments_change *before = f->n_steps ? &f->steps[f->n_steps - 1] : NULL;
        f->live -= live_rows(m, from, f->old_segments);
        if (before && before->old_end == from) before->old_end = f->old_segments;
        else if (!add_step(f, from, f->old_segments, from)) return feat_fail_memory(err);
    }
    uint64_t last = m->n_segments ? m->segments[m->n_segments - 1].id : 0;
    return m->rows == rows + f->live && last < m->next_segment ? FEAT_OK : malformed(err, "a manifest");
}

feat_status feat_manifest_follow(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                                 feat_segments_change **steps, size_t *n_steps, size_t *capacity, feat_error *err) {
    follower f = {{.m = m, .env = env, .txn = txn}, m->n_segments, m->n_leaves, 0, *steps, 0, *capacity};
    m->n_segments = m->n_leaves = m->n_runs = 0;
    feat_status status = follow(&f, root, err);
    *steps = f.steps;
    *n_steps = f.n_steps;
    *capacity = f.steps_capacity;
    return status;
}

/* ---- Walking. ---- */

typedef struct walker {
    loader l;
    feat_manifest_visit *visit;
    void *context;
} walker;

static feat_status walk_segment(walker *w, feat_cursor *in, feat_error *err) {
    feat_segment s;
    bool unused;
    feat_arena_reset(&w->l.m->arena);
    FEAT_TRY(read_segment(w->l.m, in, &s, err));
    if (!feat_digest_is_zero(&s.deletion))
        FEAT_TRY(w->visit(w->context, &s.deletion, FEAT_MANIFEST_DELETION, &unused, err));
    for (uint32_t i = 0; i < s.n_blocks; i++)
        FEAT_TRY(w->visit(w->context, &s.blocks[i].key, FEAT_MANIFEST_BLOCK, &unused, err));
    return FEAT_OK;
}

static feat_status walk_node(walker *w, const feat_digest *key, unsigned level, size_t segments, feat_error *err) {
    feat_buffer scratch;
    feat_cursor in;
    bool descend = false;
    size_t each = span(level), count = divide_up(segments, each);
    FEAT_TRY(w->visit(w->context, key, FEAT_MANIFEST_NODE, &descend, err));
    if (!descend) return FEAT_OK;
    feat_buffer_init(&scratch);
    feat_status status = read_whole(w->l.env, w->l.txn, key, "manifest", &scratch, &in, err);
    if (status == FEAT_OK) status = read_node(&in, level, count, err);
    for (size_t i = 0; i < count && status == FEAT_OK; i++) {
        if (level == 0) {
            status = walk_segment(w, &in, err);
        } else {
            feat_digest child = read_digest(&in);
            size_t left = segments - i * each;
            status = in.failed ? malformed(err, "a manifest")
                               : walk_node(w, &child, level - 1, left < each ? left : each, err);
        }
    }
    if (status == FEAT_OK && (in.failed || in.at != in.end)) status = malformed(err, "a manifest");
    feat_buffer_done(&scratch);
    return status;
}

feat_status feat_manifest_walk(feat_manifest *m, feat_env *env, MDB_txn *txn, const feat_digest *root,
                               feat_manifest_visit *visit, void *context, feat_error *err) {
    walker w = {{.m = m, .env = env, .txn = txn}, visit, context};
    unsigned levels = 0;
    feat_digest top = {{0}};
    FEAT_TRY(load_root(&w.l, root, &levels, &top, err));
    return w.l.n == 0 ? FEAT_OK : walk_node(&w, &top, levels - 1, w.l.n, err);
}

/* ---- Storing. ---- */

static void put_segment(feat_buffer *out, const feat_segment *s) {
    feat_buffer_u64(out, s->id);
    feat_buffer_u64(out, s->version);
    feat_buffer_u32(out, s->rows);
    feat_buffer_u32(out, s->deleted);
    put_digest(out, &s->deletion);
    feat_buffer_u32(out, (s->sorted ? SORTED : 0u) | (s->moved ? MOVED : 0u) | (s->full ? FULL : 0u));
    feat_buffer_u32(out, (uint32_t)s->partition);
    feat_buffer_u32(out, s->n_blocks);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        feat_buffer_u32(out, s->blocks[i].column);
        put_digest(out, &s->blocks[i].key);
    }
}

static void put_node(feat_buffer *out, unsigned level, size_t count) {
    feat_buffer_clear(out);
    feat_buffer_byte(out, NODE_VERSION);
    feat_buffer_byte(out, (uint8_t)level);
    feat_buffer_append(out, "\0\0", 2);
    feat_buffer_u32(out, (uint32_t)count);
}

static feat_status store_leaf(feat_manifest *m, size_t leaf, feat_object_writer *w, feat_buffer *out, feat_digest *key,
                              feat_error *err) {
    size_t first = leaf * FANOUT, count = m->n_segments - first < FANOUT ? m->n_segments - first : FANOUT;
    bool changed = leaf >= m->n_leaves;
    for (size_t i = first; i < first + count; i++) changed = changed || m->segments[i].changed;
    if (!changed) {
        *key = m->leaves[leaf];
        return FEAT_OK;
    }
    for (size_t i = first; i < first + count; i++)
        if (m->segments[i].changed && m->segments[i].deleted > 0) FEAT_TRY(store_deleted(&m->segments[i], w, out, err));
    put_node(out, 0, count);
    for (size_t i = first; i < first + count; i++) put_segment(out, &m->segments[i]);
    if (out->failed) return feat_fail_memory(err);
    return feat_object_put(w, out->data, out->size, key, err);
}

/* Writes nodes of `level` over keys[0..n), in place; nodes that did not change are found by their content. */
static feat_status store_level(feat_digest *keys, size_t *n, unsigned level, feat_object_writer *w, feat_buffer *out,
                               feat_error *err) {
    size_t above = divide_up(*n, FANOUT);
    for (size_t i = 0; i < above; i++) {
        size_t first = i * FANOUT, count = *n - first < FANOUT ? *n - first : FANOUT;
        put_node(out, level, count);
        for (size_t k = first; k < first + count; k++) put_digest(out, &keys[k]);
        if (out->failed) return feat_fail_memory(err);
        FEAT_TRY(feat_object_put(w, out->data, out->size, &keys[i], err));
    }
    *n = above;
    return FEAT_OK;
}

feat_status feat_manifest_store(feat_manifest *m, feat_object_writer *w, feat_digest *root, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    size_t n = divide_up(m->n_segments, FANOUT);
    unsigned levels = m->n_segments > 0;
    feat_status status = FEAT_OK;
    feat_digest *keys = feat_alloc_zero(n, sizeof *keys), none = {{0}};
    if (!keys) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) FEAT_GOTO(status, store_leaf(m, i, w, &out, &keys[i], err), out);
    for (; n > 1; levels++) FEAT_GOTO(status, store_level(keys, &n, levels, w, &out, err), out);
    feat_buffer_clear(&out);
    feat_buffer_byte(&out, ROOT_VERSION);
    feat_buffer_byte(&out, (uint8_t)levels);
    feat_buffer_append(&out, "\0\0", 2);
    feat_buffer_u32(&out, m->table_id);
    feat_buffer_u64(&out, m->n_segments);
    feat_buffer_u64(&out, (uint64_t)m->rows);
    put_digest(&out, &m->content);
    feat_buffer_u64(&out, m->next_segment);
    put_digest(&out, n ? &keys[0] : &none);
    feat_buffer_u32(&out, (uint32_t)m->n_runs);
    for (size_t i = 0; i < m->n_runs; i++) {
        put_digest(&out, &m->runs[i].key);
        feat_buffer_u64(&out, m->runs[i].entries);
    }
    status = out.failed ? feat_fail_memory(err) : feat_object_put(w, out.data, out.size, root, err);
out:
    feat_free(keys);
    feat_buffer_done(&out);
    return status;
}
