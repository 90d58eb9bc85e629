/* Manifests and runs of the unique index below the level of tables: large trees, sharing, malformed objects under good
 * seals. */
#include "store/db.h"
#include "store/manifest.h"
#include "store/unique.h"
#include "support.h"

static feat_env *make_env(void) {
    feat_env *env = NULL;
    OK(feat_env_create(path_in("m.mdb"), NULL, NULL, err));
    OK(feat_env_open(path_in("m.mdb"), true, (size_t)1 << 30, &env, err));
    return env;
}

static size_t count_values(feat_env *env) {
    MDB_txn *txn = NULL;
    MDB_stat st;
    OK(feat_env_begin(env, false, &txn, err));
    ck_assert_int_eq(mdb_stat(txn, feat_env_dbi(env), &st), 0);
    feat_env_abort(txn);
    return st.ms_entries;
}

static void add_segments(feat_manifest *m, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(FEAT_GROW(m->segments, m->segments_capacity, m->n_segments + 1), 0);
        feat_block_ref *blocks = feat_arena_array(&m->arena, 2, sizeof *blocks);
        blocks[0] = (feat_block_ref){1, {{1}}};
        blocks[1] = (feat_block_ref){4, {{(uint8_t)i, 2}}};
        m->segments[m->n_segments++] = (feat_segment){
            .id = m->next_segment++, .version = 3, .rows = 10, .blocks = blocks, .n_blocks = 2, .changed = true};
        m->rows += 10;
    }
}

static feat_digest store(feat_manifest *m, feat_env *env) {
    feat_object_writer w;
    feat_digest root = {{0}};
    feat_object_writer_init(&w, env);
    OK(feat_manifest_store(m, &w, &root, err));
    OK(feat_object_writer_commit(&w, err));
    return root;
}

static feat_status load(feat_manifest *m, feat_env *env, const feat_digest *root, feat_error *err) {
    MDB_txn *txn = NULL;
    FEAT_TRY(feat_env_begin(env, false, &txn, err));
    feat_status status = feat_manifest_load(m, env, txn, root, err);
    feat_env_abort(txn);
    return status;
}

START_TEST(trees) {
    feat_env *env = make_env();
    static const size_t sizes[] = {0, 1, 63, 64, 65, 4096, 4097, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        feat_manifest m, n;
        feat_manifest_init(&m, 5);
        add_segments(&m, sizes[i]);
        OK(feat_manifest_add_run(&m, (feat_run){{{8}}, 99}, err));
        feat_digest root = store(&m, env);
        feat_manifest_init(&n, 5);
        OK(load(&n, env, &root, err));
        ck_assert_uint_eq(n.n_segments, sizes[i]);
        ck_assert(n.rows == m.rows && n.next_segment == m.next_segment && n.n_runs == 1 && n.runs[0].entries == 99);
        for (size_t s = 0; s < sizes[i]; s++) {
            ck_assert_uint_eq(n.segments[s].id, s + 1);
            ck_assert_uint_eq(feat_manifest_find(&n, s + 1), s);
            ck_assert_uint_eq(feat_segment_block(&n.segments[s], 4)->bytes[0], (uint8_t)s);
            ck_assert_ptr_null(feat_segment_block(&n.segments[s], 2));
        }
        ck_assert_uint_eq(feat_manifest_find(&n, sizes[i] + 1), SIZE_MAX);
        ck_assert_uint_eq(feat_manifest_find(&n, 0), SIZE_MAX);
        /* A changed segment costs a deletion vector, a leaf, and the path above it. */
        if (sizes[i] > 64) {
            size_t before = count_values(env), levels = sizes[i] <= 64 ? 1 : sizes[i] <= 4096 ? 2 : 3;
            feat_segment *s = &n.segments[sizes[i] / 2];
            s->bitmap = feat_alloc_zero(8192, 1);
            feat_bit_set(s->bitmap, i); /* a vector that is not stored yet */
            s->deleted = 1;
            s->changed = true;
            n.rows--;
            feat_digest changed = store(&n, env);
            ck_assert_uint_eq(count_values(env) - before, 1 + levels + 1);
            feat_manifest_done(&m);
            OK(load(&m, env, &changed, err));
            MDB_txn *txn = NULL;
            OK(feat_env_begin(env, false, &txn, err));
            OK(feat_segment_load_deleted(&m.segments[sizes[i] / 2], env, txn, err));
            feat_env_abort(txn);
            ck_assert(feat_bit_get(m.segments[sizes[i] / 2].bitmap, i));
        }
        feat_manifest_done(&m);
        feat_manifest_done(&n);
        feat_manifest_init(&n, 6);
        FAILS(load(&n, env, &root, err), FEAT_CORRUPT, "manifest");
        feat_manifest_done(&n);
    }
    feat_env_unref(env);
}
END_TEST

/* ---- Following. ---- */

typedef struct followed {
    feat_manifest m;
    feat_segments_change *steps;
    size_t n, capacity;
} followed;

static feat_status follow(followed *f, MDB_txn *txn, feat_env *env, const feat_digest *root, feat_error *err) {
    return feat_manifest_follow(&f->m, env, txn, root, &f->steps, &f->n, &f->capacity, err);
}

static bool same_segments(const feat_segment *a, const feat_segment *b) {
    return a->id == b->id && a->version == b->version && a->rows == b->rows && a->deleted == b->deleted &&
           a->sorted == b->sorted && feat_digest_equal(&a->deletion, &b->deletion);
}

/* What is followed is what is loaded, and nothing differs from before but what is said to. */
static bool check_followed(const followed *f, const feat_segment *before, size_t n_before, const feat_manifest *m) {
    bool good = f->m.n_segments == m->n_segments && f->m.rows == m->rows && f->m.next_segment == m->next_segment &&
                f->m.n_leaves == m->n_leaves && f->m.n_runs == m->n_runs;
    size_t at = 0, old = 0;
    for (size_t i = 0; good && i < m->n_segments; i++) good = same_segments(&f->m.segments[i], &m->segments[i]);
    for (size_t k = 0; good && k <= f->n; k++) {
        size_t first = k < f->n ? f->steps[k].first : m->n_segments;
        good = at <= first && first <= m->n_segments && first - at <= n_before - old && (at == first || at == old);
        for (; good && at < first; at++, old++) good = same_segments(&before[old], &m->segments[at]);
        if (!good || k == f->n) continue;
        good = f->steps[k].old_end >= first && f->steps[k].old_end <= n_before && f->steps[k].end >= first;
        at = f->steps[k].end;
        old = f->steps[k].old_end;
    }
    return good && at == m->n_segments && old == n_before;
}

static void delete_row(feat_manifest *m, size_t i) {
    feat_segment *s = &m->segments[i];
    uint32_t row = (uint32_t)random_below(s->rows);
    if (s->bitmap && feat_bit_get(s->bitmap, row)) return;
    if (!s->bitmap) s->bitmap = feat_alloc_zero(8192, 1);
    feat_bit_set(s->bitmap, row);
    s->deleted++;
    s->changed = true;
    m->rows--;
}

static void cut_segments(feat_manifest *m, size_t n) {
    while (m->n_segments > n) {
        feat_segment *s = &m->segments[--m->n_segments];
        m->rows -= s->rows - s->deleted;
        feat_free(s->bitmap);
    }
    for (size_t i = 0; i < n; i++) m->segments[i].changed = true;
}

START_TEST(following) {
    feat_env *env = make_env();
    enum { ROOTS = 60 };
    feat_digest roots[ROOTS];
    feat_manifest m;
    feat_manifest_init(&m, 5);
    for (int i = 0; i < ROOTS; i++) {
        switch (random_below(5)) {
        case 0: cut_segments(&m, random_below(3) ? random_below(m.n_segments + 1) : m.n_segments / 64 * 64); break;
        case 1:
            for (size_t k = random_below(6); m.n_segments && k > 0; k--) delete_row(&m, random_below(m.n_segments));
            break;
        case 2: add_segments(&m, random_below(400)); break;
        default: add_segments(&m, random_below(3) ? random_below(5) : 64 - m.n_segments % 64); break;
        }
        roots[i] = store(&m, env);
    }
    feat_manifest_done(&m);
    followed f = {.n = 0};
    feat_manifest_init(&f.m, 5);
    bool good = true;
    for (size_t i = 0, at = 0; i < 2000 && good; i++, at += 1 + random_below(3)) { /* on, and now and then anywhere */
        MDB_txn *txn = NULL;
        size_t n = f.m.n_segments;
        feat_segment *before = malloc((n + 1) * sizeof *before);
        if (n) memcpy(before, f.m.segments, n * sizeof *before);
        if (random_below(10) == 0) at = random_below(ROOTS);
        feat_manifest_init(&m, 5);
        OK(load(&m, env, &roots[at % ROOTS], err));
        OK(feat_env_begin(env, false, &txn, err));
        OK(follow(&f, txn, env, &roots[at % ROOTS], err));
        feat_env_abort(txn);
        good = check_followed(&f, before, n, &m);
        feat_manifest_done(&m);
        free(before);
    }
    ck_assert(good);
    feat_manifest_done(&f.m);
    feat_free(f.steps);
    feat_env_unref(env);
}
END_TEST

static void slurp_object(feat_env *env, const feat_digest *key, feat_buffer *out) {
    MDB_txn *txn = NULL;
    feat_object o;
    OK(feat_env_begin(env, false, &txn, err));
    OK(feat_object_open(env, txn, key, "test", &o, err));
    feat_buffer_clear(out);
    OK(feat_object_read(&o, 0, (size_t)o.size, feat_buffer_extend(out, (size_t)o.size), err));
    feat_env_abort(txn);
}

/* Changes bytes of an object and stores the result under its own digest. */
static feat_digest mutate(feat_object_writer *w, feat_buffer *b) {
    feat_digest key = {{0}};
    size_t at = random_below(b->size), size = random_below(6) ? b->size : random_below(b->size + 1);
    uint8_t saved = b->data[at];
    b->data[at] = random_below(2) ? (uint8_t)random_bits() : (uint8_t)(b->data[at] + 1);
    OK(feat_object_put(w, b->data, size, &key, err));
    b->data[at] = saved;
    return key;
}

START_TEST(malformed_manifests) {
    feat_env *env = make_env();
    feat_manifest m;
    feat_manifest_init(&m, 5);
    add_segments(&m, 70);
    feat_segment *s = &m.segments[3];
    s->bitmap = feat_alloc_zero(8192, 1);
    feat_bit_set(s->bitmap, 3);
    s->deleted = 1;
    m.rows--;
    OK(feat_manifest_add_run(&m, (feat_run){{{8}}, 99}, err));
    feat_digest root = store(&m, env), vector = m.segments[3].deletion, leaf;
    feat_buffer roots, nodes, leaves, vectors;
    feat_buffer_init(&roots);
    feat_buffer_init(&nodes);
    feat_buffer_init(&leaves);
    feat_buffer_init(&vectors);
    slurp_object(env, &root, &roots);
    feat_digest top;
    memcpy(top.bytes, roots.data + 48, 16);
    slurp_object(env, &top, &nodes);
    memcpy(leaf.bytes, nodes.data + 8, 16);
    slurp_object(env, &leaf, &leaves);
    slurp_object(env, &vector, &vectors);
    long rounds = getenv("FEAT_TEST_LONG") ? 100000 : 6000;
    int refused[4] = {0};
    for (long i = 0; i < rounds; i++) {
        feat_object_writer w;
        feat_object_writer_init(&w, env);
        int kind = (int)(i % 4);
        feat_digest key = {{0}};
        feat_manifest n;
        feat_manifest_init(&n, 5);
        feat_error failure = {.code = FEAT_OK};
        if (kind == 0) {
            key = mutate(&w, &roots);
        } else if (kind == 1) {
            feat_digest changed = mutate(&w, &nodes);
            memcpy(roots.data + 48, changed.bytes, 16);
            OK(feat_object_put(&w, roots.data, roots.size, &key, err));
            memcpy(roots.data + 48, top.bytes, 16);
        } else if (kind == 2) {
            feat_digest changed = mutate(&w, &leaves), above = {{0}};
            memcpy(nodes.data + 8, changed.bytes, 16);
            OK(feat_object_put(&w, nodes.data, nodes.size, &above, err));
            memcpy(nodes.data + 8, leaf.bytes, 16);
            memcpy(roots.data + 48, above.bytes, 16);
            OK(feat_object_put(&w, roots.data, roots.size, &key, err));
            memcpy(roots.data + 48, top.bytes, 16);
        }
        MDB_txn *txn = NULL, *own = NULL;
        feat_status status;
        if (kind < 3) {
            OK(feat_object_writer_txn(&w, &txn, &own, err));
            status = feat_manifest_load(&n, env, txn, &key, &failure);
            followed f = {.n = 0};
            feat_manifest_init(&f.m, 5);
            OK(follow(&f, txn, env, &root, err));
            feat_error other = {.code = FEAT_OK};
            ck_assert_int_eq((int)follow(&f, txn, env, &key, &other), (int)status);
            feat_manifest_done(&f.m);
            feat_free(f.steps);
        } else {
            feat_segment changed = m.segments[3];
            changed.bitmap = NULL;
            changed.deletion = mutate(&w, &vectors);
            OK(feat_object_writer_txn(&w, &txn, &own, err));
            status = feat_segment_load_deleted(&changed, env, txn, &failure);
            feat_free(changed.bitmap);
        }
        ck_assert_msg(status == FEAT_OK || status == FEAT_CORRUPT, "%s", failure.message);
        refused[kind] += status == FEAT_CORRUPT;
        if (own) feat_env_abort(own);
        feat_object_writer_abort(&w);
        feat_manifest_done(&n);
    }
    /* Some bytes are plain numbers and digests, that only the seals guard. */
    ck_assert(refused[0] > rounds / 16 && refused[1] > rounds / 8 && refused[2] > rounds / 40 &&
              refused[3] > rounds / 16);
    feat_buffer_done(&roots);
    feat_buffer_done(&nodes);
    feat_buffer_done(&leaves);
    feat_buffer_done(&vectors);
    feat_manifest_done(&m);
    feat_env_unref(env);
}
END_TEST

/* ---- The unique index. ---- */

START_TEST(sorting) {
    static const size_t sizes[] = {0, 1, 2, 1000, 50000};
    for (size_t k = 0; k < 5; k++)
        for (unsigned bits = 0; bits <= 64; bits += 16) {
            size_t n = sizes[k];
            feat_unique_entry *e = malloc((n + 1) * sizeof *e), *work = malloc((n + 1) * sizeof *work);
            for (size_t i = 0; i < n; i++)
                e[i] = (feat_unique_entry){bits ? random_bits() >> (64 - bits) : 7, 1, (uint32_t)i};
            feat_unique_sort(e, work, n);
            for (size_t i = 1; i < n; i++)
                ck_assert(e[i - 1].hash < e[i].hash || (e[i - 1].hash == e[i].hash && e[i - 1].row < e[i].row));
            free(e);
            free(work);
        }
}
END_TEST

static feat_unique_entry *entries_for(size_t n, uint64_t spread, uint64_t segment) {
    feat_unique_entry *e = feat_alloc_array(n, sizeof *e), *work = malloc(n * sizeof *work);
    for (size_t i = 0; i < n; i++) e[i] = (feat_unique_entry){random_bits() % spread * 3, segment, (uint32_t)i};
    feat_unique_sort(e, work, n);
    free(work);
    return e;
}

/* Runs of many sizes against a plain list. */
START_TEST(runs) {
    feat_env *env = make_env();
    feat_object_writer w;
    feat_object_writer_init(&w, env);
    feat_manifest m;
    feat_manifest_init(&m, 1);
    add_segments(&m, 30);
    for (size_t i = 0; i < 30; i++) m.segments[i].rows = 65536;
    enum { TOTAL = 200000 };
    feat_unique_entry *all = malloc(TOTAL * sizeof *all), *work = malloc(TOTAL * sizeof *work);
    size_t total = 0;
    static const size_t sizes[] = {60000, 20, 60000, 4096, 4097, 1, 1, 1, 30000, 500, 499};
    const uint64_t spread = 20000; /* equal hashes are common, over pages */
    feat_unique_pending p = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        feat_unique_entry *e = entries_for(sizes[i], spread, i + 1);
        memcpy(all + total, e, sizes[i] * sizeof *e);
        total += sizes[i];
        OK(feat_unique_pending_add(&p, e, sizes[i], err));
        if (i % 3 == 2) OK(feat_unique_spill(&p, &m, &w, err));
        else if (i % 3 == 1) OK(feat_unique_merge(&p, &m, &w, err));
        for (size_t r = 1; i % 3 == 1 && r < m.n_runs; r++) ck_assert_uint_gt(m.runs[r - 1].entries, m.runs[r].entries);
    }
    feat_unique_sort(all, work, total);
    static uint64_t hashes[3000];
    for (size_t i = 0; i < 3000; i++) hashes[i] = i * 20;
    feat_unique_hits hits = {0};
    MDB_txn *txn = NULL, *own = NULL;
    OK(feat_object_writer_txn(&w, &txn, &own, err));
    OK(feat_unique_probe_pending(&p, hashes, 3000, &hits, err));
    for (size_t r = 0; r < m.n_runs; r++) OK(feat_unique_probe_run(env, txn, &m.runs[r], hashes, 3000, &hits, err));
    if (own) feat_env_abort(own);
    size_t expected = 0;
    for (size_t i = 0; i < total; i++) expected += all[i].hash % 20 == 0;
    ck_assert_uint_eq(hits.n, expected);
    ck_assert_uint_gt(expected, 3000);
    for (size_t i = 0; i < hits.n; i++) hits.entries[i].hash *= 20; /* from the number of the probe to its hash */
    uint64_t sum = 0, wanted = 0;
    for (size_t i = 0; i < hits.n; i++)
        sum += (hits.entries[i].hash + 1) * (hits.entries[i].segment * 65537 + hits.entries[i].row);
    for (size_t i = 0; i < total; i++)
        if (all[i].hash % 20 == 0) wanted += (all[i].hash + 1) * (all[i].segment * 65537 + all[i].row);
    ck_assert(sum == wanted);
    /* Deleted rows are gone after a merge, others stay. */
    m.segments[0].bitmap = feat_alloc_zero(8192, 1);
    for (uint32_t row = 0; row < 60000; row += 2) feat_bit_set(m.segments[0].bitmap, row);
    m.segments[0].deleted = 30000;
    feat_unique_entry *e = entries_for(100000, spread, 20);
    for (size_t i = 0; i < 100000; i++) e[i].row = (uint32_t)i & 65535;
    OK(feat_unique_pending_add(&p, e, 100000, err));
    OK(feat_unique_merge(&p, &m, &w, err));
    ck_assert_uint_eq(m.n_runs, 1);
    ck_assert_uint_eq(m.runs[0].entries, total + 100000 - 30000);
    OK(feat_object_writer_commit(&w, err));
    feat_free(hits.entries);
    feat_unique_pending_done(&p);
    feat_manifest_done(&m);
    free(all);
    free(work);
    feat_env_unref(env);
}
END_TEST

START_TEST(malformed_runs) {
    feat_env *env = make_env();
    feat_object_writer w;
    feat_object_writer_init(&w, env);
    feat_manifest m;
    feat_manifest_init(&m, 1);
    add_segments(&m, 3);
    feat_unique_pending p = {0};
    OK(feat_unique_pending_add(&p, entries_for(6000, 100000, 1), 6000, err));
    OK(feat_unique_merge(&p, &m, &w, err));
    OK(feat_object_writer_commit(&w, err));
    feat_buffer header, body;
    feat_buffer_init(&header);
    feat_buffer_init(&body);
    slurp_object(env, &m.runs[0].key, &header);
    feat_digest body_key;
    memcpy(body_key.bytes, header.data + 16, 16);
    slurp_object(env, &body_key, &body);
    uint64_t hashes[1000];
    for (size_t i = 0; i < 1000; i++) hashes[i] = i * 300;
    long rounds = getenv("FEAT_TEST_LONG") ? 30000 : 3000, refused = 0;
    for (long i = 0; i < rounds; i++) {
        feat_digest key = {{0}};
        if (i % 2) {
            key = mutate(&w, &header);
        } else {
            /* The page's checksum is made to fit, so that its decoder sees the bytes. */
            size_t at = random_below(i % 4 ? 12 : body.size);
            uint8_t saved = body.data[at], sum[8];
            body.data[at] = (uint8_t)random_bits();
            size_t size =
                (size_t)header.data[32 + 12] | (size_t)header.data[32 + 13] << 8 | (size_t)header.data[32 + 14] << 16;
            uint64_t hash = feat_hash64(body.data, size);
            memcpy(sum, header.data + 32 + 24, 8);
            for (int k = 0; k < 8; k++) header.data[32 + 24 + k] = (uint8_t)(hash >> (8 * k));
            OK(feat_object_put(&w, body.data, body.size, &key, err));
            memcpy(header.data + 16, key.bytes, 16);
            OK(feat_object_put(&w, header.data, header.size, &key, err));
            memcpy(header.data + 16, body_key.bytes, 16);
            memcpy(header.data + 32 + 24, sum, 8);
            body.data[at] = saved;
        }
        feat_run run = {key, m.runs[0].entries};
        feat_unique_hits hits = {0};
        MDB_txn *txn = NULL, *own = NULL;
        OK(feat_object_writer_txn(&w, &txn, &own, err));
        feat_error failure = {.code = FEAT_OK};
        feat_status status = feat_unique_probe_run(env, txn, &run, hashes, 1000, &hits, &failure);
        ck_assert_msg(status == FEAT_OK || status == FEAT_CORRUPT, "%s", failure.message);
        refused += status == FEAT_CORRUPT;
        feat_free(hits.entries);
        if (own) feat_env_abort(own);
        feat_object_writer_abort(&w);
    }
    ck_assert_int_gt(refused, rounds / 4);
    feat_buffer_done(&header);
    feat_buffer_done(&body);
    feat_unique_pending_done(&p);
    feat_manifest_done(&m);
    feat_env_unref(env);
}
END_TEST

RUN("store/manifest", trees, following, malformed_manifests, sorting, runs, malformed_runs)
