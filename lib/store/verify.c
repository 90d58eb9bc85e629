/* Looking through a store for damage. From one version of a table to the next, rows of segments that came are added to
 * the content digest, rows of those that went are taken away, and the sum must be what the commit says: so every
 * segment is read once, however many versions have it. */
#include "store/verify.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/catalog.h"
#include "store/order.h"
#include "store/rows.h"
#include "store/unique.h"

/* What is known of a segment with certain rows deleted. */
typedef struct known {
    uint64_t id;
    feat_digest deletion, sum;
    bool used;
} known;

typedef struct table {
    uint32_t id;
    feat_schema as_written; /* no fields: the table is not known */
    feat_manifest at;       /* of the version that was looked at last */
    known *memo;            /* open addressing */
    size_t n_memo, memo_capacity;
    feat_digest *runs; /* that were read */
    size_t n_runs, runs_capacity;
    bool broken; /* something of it could not be read: its sums say nothing */
} table;

typedef struct verifier {
    feat_db *db;
    feat_verification *v;
    table *tables;
    size_t n_tables, capacity;
    feat_block *block;
    feat_buffer scratch;
} verifier;

static feat_status tell(verifier *f, uint64_t version, uint32_t table_id, const char *what, const feat_error *why,
                        feat_error *err) {
    f->v->findings++;
    return f->v->found(f->v->context, version, table_id, what, why->message, err);
}

/* Damage is told and passed over; anything else ends the work. */
static feat_status weigh(verifier *f, feat_status status, uint64_t version, uint32_t table_id, const char *what,
                         const feat_error *why, feat_error *err) {
    if (status == FEAT_OK) return FEAT_OK;
    if (status == FEAT_CORRUPT) return tell(f, version, table_id, what, why, err);
    if (err) *err = *why;
    return status;
}

/* ---- Segments. ---- */

static known *slot_of(const table *t, uint64_t id, const feat_digest *deletion) {
    for (size_t i = (size_t)feat_hash64_word(id);; i++) {
        known *k = &t->memo[i & (t->memo_capacity - 1)];
        if (!k->used || (k->id == id && feat_digest_equal(&k->deletion, deletion))) return k;
    }
}

static feat_status remember(table *t, const feat_segment *s, const feat_digest *sum, feat_error *err) {
    if (2 * (t->n_memo + 1) > t->memo_capacity) {
        table larger = {.memo_capacity = t->memo_capacity ? 2 * t->memo_capacity : 64};
        larger.memo = feat_alloc_zero(larger.memo_capacity, sizeof *larger.memo);
        if (!larger.memo) return feat_fail_memory(err);
        for (size_t i = 0; i < t->memo_capacity; i++)
            if (t->memo[i].used) *slot_of(&larger, t->memo[i].id, &t->memo[i].deletion) = t->memo[i];
        feat_free(t->memo);
        t->memo = larger.memo;
        t->memo_capacity = larger.memo_capacity;
    }
    *slot_of(t, s->id, &s->deletion) = (known){s->id, s->deletion, *sum, true};
    t->n_memo++;
    return FEAT_OK;
}

static feat_status add_rows(verifier *f, table *t, const feat_segment *s, const feat_batch *rows, feat_digest *sum,
                            feat_error *err) {
    size_t n = t->as_written.n_fields;
    const feat_column **columns = feat_alloc_array(n, sizeof *columns);
    uint32_t *ids = feat_alloc_array(n, sizeof *ids);
    feat_status status = columns && ids ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        columns[i] = &rows->columns[i];
        ids[i] = t->as_written.fields[i].id;
    }
    for (size_t row = 0; row < s->rows && status == FEAT_OK; row++) {
        if (s->bitmap && feat_bit_get(s->bitmap, row)) continue;
        feat_digest d = feat_row_digest(columns, ids, n, row, &f->scratch);
        if (f->scratch.failed) status = feat_fail_memory(err);
        else feat_digest_add(sum, &d);
    }
    feat_free(columns);
    feat_free(ids);
    return status;
}

/* Reads all of a segment; the sum of the digests of its live rows. */
static feat_status read_segment(verifier *f, table *t, feat_manifest *m, size_t at, feat_digest *sum, feat_error *err) {
    size_t n = t->as_written.n_fields;
    feat_segment *s = &m->segments[at];
    feat_batch rows = {0};
    feat_type *types = feat_alloc_array(n, sizeof *types);
    uint32_t *all = feat_alloc_array(n, sizeof *all);
    feat_status status = types && all ? FEAT_OK : feat_fail_memory(err);
    for (uint32_t i = 0; i < n && status == FEAT_OK; i++) {
        all[i] = i;
        types[i] = t->as_written.fields[i].type;
    }
    if (status == FEAT_OK) status = feat_batch_init(&rows, types, n, err);
    MDB_txn *txn = NULL;
    if (status == FEAT_OK) status = feat_env_begin(feat_db_blocks(f->db), false, &txn, err);
    if (status == FEAT_OK) {
        feat_rows reading = {
            .env = feat_db_blocks(f->db), .txn = txn, .manifest = m, .schema = &t->as_written, .block = f->block};
        status = feat_segment_load_deleted(s, reading.env, txn, err);
        if (status == FEAT_OK) status = feat_rows_read_segment(&reading, at, all, n, rows.columns, err);
        feat_env_abort(txn);
    }
    *sum = (feat_digest){{0}};
    if (status == FEAT_OK) status = add_rows(f, t, s, &rows, sum, err);
    f->v->segments++;
    f->v->rows += s->rows;
    feat_batch_done(&rows);
    feat_free(types);
    feat_free(all);
    return status;
}

static feat_status sum_of(verifier *f, table *t, feat_manifest *m, size_t at, feat_digest *sum, feat_error *err) {
    feat_segment *s = &m->segments[at];
    if (t->memo_capacity) {
        known *k = slot_of(t, s->id, &s->deletion);
        if (k->used) {
            *sum = k->sum;
            return FEAT_OK;
        }
    }
    FEAT_TRY(read_segment(f, t, m, at, sum, err));
    return remember(t, s, sum, err);
}

/* ---- Versions of a table. ---- */

static feat_status find_table(verifier *f, uint32_t table_id, table **out, feat_error *err) {
    for (size_t i = 0; i < f->n_tables; i++)
        if (f->tables[i].id == table_id) {
            *out = &f->tables[i];
            return FEAT_OK;
        }
    if (FEAT_GROW(f->tables, f->capacity, f->n_tables + 1) != 0) return feat_fail_memory(err);
    table *t = &f->tables[f->n_tables];
    const feat_schema *schema = f->v->schema(f->v->context, table_id);
    *t = (table){.id = table_id};
    feat_manifest_init(&t->at, table_id);
    if (schema) FEAT_TRY(feat_schema_as_written(schema, &t->as_written, err));
    f->n_tables++;
    *out = t;
    return FEAT_OK;
}

static void table_done(table *t) {
    feat_manifest_done(&t->at);
    feat_free(t->as_written.fields);
    feat_free(t->memo);
    feat_free(t->runs);
}

static feat_status check_runs(verifier *f, table *t, const feat_manifest *m, MDB_txn *txn, feat_error *err) {
    for (size_t i = 0; i < m->n_runs; i++) {
        bool read = false;
        for (size_t k = t->n_runs; k-- > 0 && !read;) read = feat_digest_equal(&t->runs[k], &m->runs[i].key);
        if (read) continue;
        FEAT_TRY(feat_unique_check_run(feat_db_blocks(f->db), txn, &m->runs[i], err));
        if (FEAT_GROW(t->runs, t->runs_capacity, t->n_runs + 1) != 0) return feat_fail_memory(err);
        t->runs[t->n_runs++] = m->runs[i].key;
    }
    return FEAT_OK;
}

static bool same_segment(const feat_segment *a, const feat_segment *b) {
    return a->id == b->id && feat_digest_equal(&a->deletion, &b->deletion);
}

/* The content digest of `m` from that of the version before, by the segments that they differ in. */
static feat_status content_of(verifier *f, table *t, feat_manifest *m, feat_digest *content, feat_error *err) {
    feat_manifest *old = &t->at;
    feat_digest sum;
    size_t i = 0, k = 0;
    *content = old->content;
    while (i < old->n_segments || k < m->n_segments) {
        if (i < old->n_segments && k < m->n_segments && same_segment(&old->segments[i], &m->segments[k])) {
            i++;
            k++;
        } else if (k == m->n_segments || (i < old->n_segments && old->segments[i].id <= m->segments[k].id)) {
            FEAT_TRY(sum_of(f, t, old, i++, &sum, err));
            feat_digest_sub(content, &sum);
        } else {
            FEAT_TRY(sum_of(f, t, m, k++, &sum, err));
            feat_digest_add(content, &sum);
        }
    }
    return FEAT_OK;
}

static feat_status load(verifier *f, const feat_digest *root, feat_manifest *m, table *t, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_blocks(f->db), false, &txn, err));
    feat_status status = feat_manifest_load(m, feat_db_blocks(f->db), txn, root, err);
    if (status == FEAT_OK) status = check_runs(f, t, m, txn, err);
    feat_env_abort(txn);
    return status;
}

/* `said`: what the commit says of it; NULL when it is not at hand. */
static feat_status check_manifest(verifier *f, table *t, const feat_digest *root, const feat_commit_table *said,
                                  feat_error *err) {
    feat_manifest m;
    feat_digest content;
    feat_manifest_init(&m, t->id);
    feat_status status = load(f, root, &m, t, err);
    if (status == FEAT_OK && said && (m.rows != said->rows || !feat_digest_equal(&m.content, &said->content)))
        status = feat_fail(err, FEAT_CORRUPT, "the manifest has another content than the commit says");
    if (status == FEAT_OK && t->as_written.fields && !t->broken) status = content_of(f, t, &m, &content, err);
    if (status == FEAT_OK && t->as_written.fields && !t->broken && !feat_digest_equal(&content, &m.content))
        status = feat_fail(err, FEAT_CORRUPT, "the rows are not those that the content digest is of");
    if (status == FEAT_CORRUPT) t->broken = true;
    if (status != FEAT_OK) {
        feat_manifest_done(&m);
        return status;
    }
    feat_manifest_done(&t->at);
    t->at = m;
    f->v->manifests++;
    return FEAT_OK;
}

/* After damage sums start anew from what can be read. */
static feat_status check_table(verifier *f, uint64_t version, uint32_t table_id, const feat_commit_table *said,
                               feat_error *err) {
    feat_error why = {.row = -1};
    table *t;
    bool found = true;
    feat_digest root;
    FEAT_TRY(find_table(f, table_id, &t, err));
    feat_status status = feat_catalog_manifest(f->db, table_id, version, &found, &root, &why);
    if (status == FEAT_OK && said && (!found || !feat_digest_equal(&root, &said->manifest)))
        status = feat_fail(&why, FEAT_CORRUPT, "the catalog names another manifest than the commit does");
    if (status == FEAT_OK && found) status = check_manifest(f, t, &root, said, &why);
    return weigh(f, status, version, table_id, "table", &why, err);
}

/* ---- Commits. ---- */

typedef struct place {
    feat_digest previous; /* of the record before */
    bool first;
} place;

static feat_status check_tables(verifier *f, uint64_t version, feat_error *err) {
    feat_error why = {.row = -1};
    for (uint32_t i = 0;; i++) {
        MDB_txn *txn;
        feat_commit_record record;
        feat_commit_table said = {0};
        FEAT_TRY(feat_env_begin(feat_db_catalog(f->db), false, &txn, err));
        feat_status status = feat_commit_read(f->db, txn, version, &record, &why);
        bool more = status == FEAT_OK && i < record.n_tables;
        if (more) status = feat_commit_table_read(f->db, txn, &record, i, &said, &why);
        feat_env_abort(txn);
        if (status != FEAT_OK) return weigh(f, status, version, 0, "commit", &why, err);
        if (!more) return FEAT_OK;
        FEAT_TRY(check_table(f, version, said.table_id, &said, err));
    }
}

/* Whether a version, and the one that it was made from, can be read. */
static feat_status look_up(verifier *f, uint64_t version, place *at, bool *kept, bool *after_kept, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record record;
    feat_error why = {.row = -1};
    *kept = *after_kept = false;
    FEAT_TRY(feat_env_begin(feat_db_catalog(f->db), false, &txn, err));
    feat_status status = feat_commit_read(f->db, txn, version, &record, &why);
    if (status == FEAT_OK) {
        *kept = feat_version_check_kept(f->db, txn, version, NULL) == FEAT_OK;
        *after_kept =
            record.info.parent == 0 || feat_version_check_kept(f->db, txn, record.info.parent, NULL) == FEAT_OK;
        status = feat_commit_check_chain(f->db, txn, &record, at->first ? NULL : &at->previous, &why);
        at->previous = record.digest;
        at->first = false;
    } else {
        at->first = true; /* the next one cannot be told to follow it */
    }
    feat_env_abort(txn);
    return weigh(f, status, version, 0, "commit", &why, err);
}

/* Before the first version that is looked at; an imported store has none before its first commit. */
static feat_status start(verifier *f, place *at, uint64_t *before, feat_error *err) {
    MDB_txn *txn;
    feat_commit_record record;
    uint64_t first;
    *before = f->v->since;
    FEAT_TRY(feat_env_begin(feat_db_catalog(f->db), false, &txn, err));
    feat_status found = feat_commit_first(f->db, txn, &first, err);
    if (found != FEAT_OK || f->v->since == 0) {
        feat_env_abort(txn);
        if (found == FEAT_OK && first > 0) *before = first - 1;
        return found;
    }
    feat_status status = feat_version_check(f->db, txn, f->v->since, "", err);
    if (status == FEAT_OK) status = feat_commit_read(f->db, txn, f->v->since, &record, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    at->previous = record.digest;
    at->first = false;
    return FEAT_OK;
}

/* What `since` holds is taken as it is. */
static feat_status trust(verifier *f, uint32_t table_id, feat_error *err) {
    table *t;
    bool found;
    feat_digest root;
    feat_error why = {.row = -1};
    FEAT_TRY(find_table(f, table_id, &t, err));
    feat_status status = feat_catalog_manifest(f->db, table_id, f->v->since, &found, &root, &why);
    if (status == FEAT_OK && found) status = load(f, &root, &t->at, t, &why);
    if (status != FEAT_OK) t->broken = true;
    return weigh(f, status, f->v->since, table_id, "table", &why, err);
}

static feat_status check_versions(verifier *f, const uint32_t *ids, size_t n, feat_error *err) {
    uint64_t last, before;
    MDB_txn *txn;
    feat_commit_record record;
    place at = {.first = false};
    FEAT_TRY(feat_env_begin(feat_db_catalog(f->db), false, &txn, err));
    feat_status status = feat_commit_last(f->db, txn, &record, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    last = record.info.version;
    FEAT_TRY(start(f, &at, &before, err));
    for (size_t i = 0; i < n && f->v->since > 0; i++) FEAT_TRY(trust(f, ids[i], err));
    for (uint64_t version = before + 1; version <= last; version++) {
        bool kept, after_kept;
        FEAT_TRY(f->v->step(f->v->context, version - before - 1, last - before, err));
        FEAT_TRY(look_up(f, version, &at, &kept, &after_kept, err));
        if (!kept) continue;
        f->v->versions++;
        FEAT_TRY(check_tables(f, version, err));
        /* Behind a version that was removed, tables are those of commits that were removed too. */
        for (size_t i = 0; i < n && !after_kept; i++) FEAT_TRY(check_table(f, version, ids[i], NULL, err));
    }
    return FEAT_OK;
}

/* ---- The catalog, and all of it. ---- */

/* Every value of the catalog has a whole envelope; the tables that have versions. */
static feat_status check_catalog(verifier *f, uint32_t **ids, size_t *n, feat_error *err) {
    MDB_txn *txn;
    MDB_cursor *cursor;
    size_t capacity = 0;
    FEAT_TRY(feat_env_begin(feat_db_catalog(f->db), false, &txn, err));
    int rc = mdb_cursor_open(txn, feat_env_dbi(feat_db_catalog(f->db)), &cursor);
    if (rc != 0) {
        feat_env_abort(txn);
        return feat_env_fail(err, rc, "reading the catalog");
    }
    MDB_val k, v;
    feat_status status = FEAT_OK;
    for (rc = mdb_cursor_get(cursor, &k, &v, MDB_FIRST); rc == 0 && status == FEAT_OK;
         rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) {
        const uint8_t *key = k.mv_data;
        const void *payload;
        size_t size;
        uint32_t kind = 0;
        feat_error why = {.row = -1};
        for (size_t i = 0; i < 4 && v.mv_size >= 4; i++) kind |= (uint32_t)((const uint8_t *)v.mv_data)[i] << 8 * i;
        feat_status one = feat_envelope_open(v.mv_data, v.mv_size, kind, k.mv_data, k.mv_size, &payload, &size,
                                             "record of the catalog", &why);
        status = weigh(f, one, 0, 0, "catalog", &why, err);
        if (status != FEAT_OK || k.mv_size != 17 || key[0] != FEAT_KEY_MANIFEST) continue;
        uint32_t id = (uint32_t)feat_get_be(key + 1, 4);
        if (*n > 0 && (*ids)[*n - 1] == id) continue;
        if (FEAT_GROW(*ids, capacity, *n + 1) != 0) status = feat_fail_memory(err);
        else (*ids)[(*n)++] = id;
    }
    mdb_cursor_close(cursor);
    feat_env_abort(txn);
    if (status == FEAT_OK && rc != 0 && rc != MDB_NOTFOUND) status = feat_env_fail(err, rc, "reading the catalog");
    return status;
}

/* Rows that were pushed and are in no version yet: whether what is durable of them can be read. */
static feat_status check_tail(verifier *f, feat_error *err) {
    feat_tail_view *view = NULL;
    uint64_t version, sequence;
    feat_error why = {.row = -1};
    feat_status status = feat_tail_view_open(f->db, &version, &sequence, &view, &why);
    feat_tail_view_unref(view);
    return weigh(f, status, 0, 0, "tail", &why, err);
}

feat_status feat_verify_store(feat_db *db, feat_verification *v, feat_error *err) {
    verifier f = {.db = db, .v = v, .block = feat_block_new()};
    uint32_t *ids = NULL;
    size_t n = 0;
    feat_buffer_init(&f.scratch);
    feat_status status = f.block ? feat_db_check(db, err) : feat_fail_memory(err);
    if (status == FEAT_OK) status = check_catalog(&f, &ids, &n, err);
    if (status == FEAT_OK) status = check_tail(&f, err);
    if (status == FEAT_OK) status = check_versions(&f, ids, n, err);
    for (size_t i = 0; i < f.n_tables; i++) table_done(&f.tables[i]);
    feat_free(f.tables);
    feat_free(ids);
    feat_block_free(f.block);
    feat_buffer_done(&f.scratch);
    return status;
}
