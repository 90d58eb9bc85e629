/* Writing a table: rows become segments, deleted rows bits, and all of it one commit. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/catalog.h"
#include "store/choice.h"
#include "store/compact.h"
#include "store/order.h"
#include "store/rows.h"
#include "store/transaction.h"
#include "store/unique.h"

#define SEGMENT_TEXT   ((size_t)64 << 20) /* bytes of text after which a segment ends: bounds the memory of one */
#define UNIQUE_PENDING ((size_t)4 << 20)  /* entries of the index kept in memory */
#define DELETE_SLICE   8192               /* rows whose old values are read at once */

struct feat_table_writer {
    feat_db *db;
    feat_transaction *transaction;
    bool owns;                    /* that transaction */
    bool held;                    /* it only keeps rows, in `open` */
    feat_unique_filters *filters; /* of a held one; borrowed */
    const feat_schema *schema;
    feat_manifest manifest; /* the version being made; its last segment is `open` while that has rows */
    feat_object_writer objects;
    feat_batch open; /* rows not yet in blocks */
    bool is_open;
    uint64_t first_pending; /* id of this writer's first segment */
    feat_unique_pending unique;
    feat_block *block;
    feat_choice *choice;
    feat_digest *keys; /* of the blocks of a segment */
    feat_buffer scratch;
    const feat_column **by_id; /* columns of a batch in ascending order of their blocks' numbers, and those numbers */
    uint32_t *ids, *order;
    feat_schema as_written; /* a field for every block that a row of any time may have */
    uint64_t version;       /* of the commit to come */
    int64_t added, removed;
    bool compacted;
    bool failed; /* part of a change was made: nothing may be committed */
};

/* ---- Begin and end. ---- */

/* Indices of the fields by ascending number of their blocks. Numbers ascend in declaration order as a rule, so this is
 * one pass. */
static void sort_fields(feat_table_writer *w) {
    for (uint32_t i = 0; i < w->schema->n_fields; i++) {
        uint32_t at = i, stored = feat_field_stored(&w->schema->fields[i]);
        for (; at > 0 && w->ids[at - 1] > stored; at--) {
            w->ids[at] = w->ids[at - 1];
            w->order[at] = w->order[at - 1];
        }
        w->ids[at] = stored;
        w->order[at] = i;
    }
}

/* Into a manifest that was initialised with the table's number. */
static feat_status load_root(feat_table_writer *w, const feat_digest *root, feat_manifest *manifest, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(feat_db_blocks(w->db), false, &txn, err));
    feat_status status = feat_manifest_load(manifest, feat_db_blocks(w->db), txn, root, err);
    feat_env_abort(txn);
    return status;
}

/* What a table holds at a version. */
static feat_status load_version(feat_table_writer *w, uint64_t version, feat_manifest *manifest, feat_error *err) {
    bool found = false;
    feat_digest root = {{0}};
    FEAT_TRY(feat_catalog_manifest(w->db, manifest->table_id, version, &found, &root, err));
    return found ? load_root(w, &root, manifest, err) : FEAT_OK;
}

static feat_status load_base(feat_table_writer *w, feat_error *err) {
    bool found = false;
    feat_digest root = {{0}};
    uint64_t floor;
    w->version = feat_transaction_version(w->transaction);
    FEAT_TRY(feat_transaction_manifest(w->transaction, w->schema->table_id, &found, &root, &floor, err));
    if (found) FEAT_TRY(load_root(w, &root, &w->manifest, err));
    if (w->manifest.next_segment < floor) w->manifest.next_segment = floor;
    w->first_pending = w->manifest.next_segment;
    return FEAT_OK;
}

static feat_status allocate(feat_table_writer *w, feat_error *err) {
    size_t n = w->schema->n_fields;
    feat_type *types = feat_alloc_array(n, sizeof *types);
    w->by_id = feat_alloc_array(n, sizeof *w->by_id);
    w->ids = feat_alloc_array(n, sizeof *w->ids);
    w->order = feat_alloc_array(n, sizeof *w->order);
    w->keys = feat_alloc_array(n, sizeof *w->keys);
    w->block = feat_block_new();
    w->choice = feat_choice_new(n);
    bool good = types && w->by_id && w->ids && w->order && w->keys && w->block && w->choice;
    feat_status status = good ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < n; i++) types[i] = w->schema->fields[i].type;
        status = feat_batch_init(&w->open, types, n, err);
    }
    feat_free(types);
    if (status == FEAT_OK) status = feat_schema_as_written(w->schema, &w->as_written, err);
    if (status == FEAT_OK) sort_fields(w);
    return status;
}

static feat_status begin_writer(feat_transaction *t, const feat_schema *schema, bool held, feat_table_writer **out,
                                feat_error *err) {
    feat_db *db = feat_transaction_db(t);
    if (!held) FEAT_TRY(feat_db_begin_writing(db, err));
    feat_table_writer *w = feat_alloc_zero(1, sizeof *w);
    if (!w) {
        if (!held) feat_db_end_writing(db);
        return feat_fail_memory(err);
    }
    w->held = held;
    w->db = feat_db_ref(db);
    w->transaction = t;
    w->schema = schema;
    feat_manifest_init(&w->manifest, schema->table_id);
    feat_object_writer_init(&w->objects, feat_db_blocks(db));
    feat_status status = allocate(w, err);
    if (status == FEAT_OK) status = load_base(w, err);
    if (status != FEAT_OK) {
        feat_table_writer_abort(w);
        return status;
    }
    *out = w;
    return FEAT_OK;
}

feat_status feat_table_writer_begin_in(feat_transaction *t, const feat_schema *schema, feat_table_writer **w,
                                       feat_error *err) {
    return begin_writer(t, schema, false, w, err);
}

feat_status feat_table_writer_begin_held(feat_transaction *t, const feat_schema *schema, feat_unique_filters *filters,
                                         feat_table_writer **w, feat_error *err) {
    FEAT_TRY(begin_writer(t, schema, true, w, err));
    (*w)->filters = filters;
    (*w)->first_pending = UINT64_MAX; /* what is held counts as stored */
    return FEAT_OK;
}

feat_status feat_table_writer_begin(feat_db *db, const feat_schema *schema, feat_table_writer **out, feat_error *err) {
    feat_transaction *t;
    FEAT_TRY(feat_transaction_begin(db, FEAT_BRANCH_MAIN, 0, &t, err));
    feat_status status = feat_table_writer_begin_in(t, schema, out, err);
    if (status == FEAT_OK) (*out)->owns = true;
    else feat_transaction_abort(t);
    return status;
}

void feat_table_writer_abort(feat_table_writer *w) {
    if (!w) return;
    feat_object_writer_abort(&w->objects);
    if (!w->held) feat_db_end_writing(w->db);
    feat_unique_pending_done(&w->unique);
    feat_manifest_done(&w->manifest);
    feat_batch_done(&w->open);
    feat_block_free(w->block);
    feat_choice_free(w->choice);
    feat_free(w->keys);
    feat_buffer_done(&w->scratch);
    feat_free(w->by_id);
    feat_free(w->ids);
    feat_free(w->order);
    feat_free(w->as_written.fields);
    if (w->owns) feat_transaction_abort(w->transaction);
    feat_db_unref(w->db);
    feat_free(w);
}

static feat_status usable(const feat_table_writer *w, feat_error *err) {
    FEAT_TRY(feat_db_check_locked(w->db, err));
    if (w->failed) return feat_fail(err, FEAT_INTERNAL, "a write that failed halfway goes on: it can only be aborted");
    return FEAT_OK;
}

/* ---- Unique keys. ---- */

bool feat_unique_key(const feat_schema *schema, const feat_batch *rows, size_t row, feat_buffer *key, uint64_t *hash) {
    feat_buffer_clear(key);
    for (size_t i = 0; i < schema->n_unique; i++) {
        const feat_column *c = &rows->columns[schema->unique[i]];
        if (feat_column_is_null(c, row)) return false;
        feat_key_append(key, c, row);
    }
    if (schema->n_unique == 0) return false;
    *hash = feat_hash64(key->data ? key->data : (unsigned char *)"", key->size);
    return true;
}

static feat_status index_rows(feat_table_writer *w, const feat_batch *rows, size_t start, size_t n, uint64_t segment,
                              uint32_t first_row, feat_error *err) {
    if (w->schema->n_unique == 0) return FEAT_OK;
    feat_unique_entry *entries = feat_alloc_array(n, sizeof *entries), *work = feat_alloc_array(n, sizeof *work);
    feat_status status = entries && work ? FEAT_OK : feat_fail_memory(err);
    size_t count = 0;
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        uint64_t hash;
        if (feat_unique_key(w->schema, rows, start + i, &w->scratch, &hash))
            entries[count++] = (feat_unique_entry){hash, segment, first_row + (uint32_t)i};
        if (w->scratch.failed) status = feat_fail_memory(err);
    }
    if (status == FEAT_OK) feat_unique_sort(entries, work, count);
    feat_free(work);
    if (status != FEAT_OK) {
        feat_free(entries);
        return status;
    }
    FEAT_TRY(feat_unique_pending_add(&w->unique, entries, count, err));
    if (feat_unique_pending_size(&w->unique) < UNIQUE_PENDING) return FEAT_OK;
    return feat_unique_spill(&w->unique, &w->manifest, &w->objects, err);
}

/* ---- Adding rows. ---- */

static feat_segment *last_segment(feat_table_writer *w) { return &w->manifest.segments[w->manifest.n_segments - 1]; }

static feat_status open_segment(feat_table_writer *w, int32_t partition, feat_error *err) {
    feat_manifest *m = &w->manifest;
    if (FEAT_GROW(m->segments, m->segments_capacity, m->n_segments + 1) != 0) return feat_fail_memory(err);
    m->segments[m->n_segments++] =
        (feat_segment){.id = m->next_segment++, .version = w->version, .partition = partition, .changed = true};
    w->is_open = true;
    return FEAT_OK;
}

static bool plain_words(const feat_column *c) {
    return c->null_count == 0 && (c->type == FEAT_TYPE_BIGINT || c->type == FEAT_TYPE_TIMESTAMP);
}

/* Whether rows [start, start + n) are in the order of entity key and event time. */
static bool in_order(const feat_schema *schema, const feat_batch *rows, size_t start, size_t n) {
    const feat_column *time = &rows->columns[schema->time], *key = &rows->columns[schema->n_key ? schema->key[0] : 0];
    if (schema->n_key == 1 && plain_words(key) && plain_words(time)) { /* nearly always */
        const int64_t *k = (const int64_t *)key->values + start, *t = (const int64_t *)time->values + start;
        int good = 1;
        for (size_t i = 1; i < n; i++) good &= (k[i - 1] < k[i]) | ((k[i - 1] == k[i]) & (t[i - 1] <= t[i]));
        return good;
    }
    for (size_t i = start + 1; i < start + n; i++) {
        int order = 0;
        for (size_t part = 0; order == 0 && part < schema->n_key; part++)
            order = feat_column_compare(&rows->columns[schema->key[part]], i - 1, &rows->columns[schema->key[part]], i);
        if (order == 0) order = feat_column_compare(time, i - 1, time, i);
        if (order > 0) return false;
    }
    return true;
}

static size_t text_bytes(const feat_batch *rows, size_t start, size_t n) {
    size_t total = 0;
    for (size_t i = 0; i < rows->n_columns; i++)
        if (rows->columns[i].offsets)
            total += (size_t)(rows->columns[i].offsets[start + n] - rows->columns[i].offsets[start]);
    return total;
}

/* Makes blocks of rows [start, start + n), which are those of the open segment. */
static feat_status write_blocks(feat_table_writer *w, const feat_batch *rows, size_t start, size_t n, feat_error *err) {
    feat_block_ref *blocks = feat_arena_array(&w->manifest.arena, w->schema->n_fields, sizeof *blocks);
    if (!blocks) return feat_fail_memory(err);
    for (size_t i = 0; i < w->schema->n_fields; i++) w->by_id[i] = &rows->columns[w->order[i]];
    FEAT_TRY(feat_choice_write(w->choice, w->block, w->by_id, start, n, &w->objects, w->keys, err));
    for (size_t i = 0; i < w->schema->n_fields; i++) blocks[i] = (feat_block_ref){w->ids[i], w->keys[i]};
    feat_segment *s = last_segment(w);
    s->blocks = blocks;
    s->n_blocks = (uint32_t)w->schema->n_fields;
    s->sorted = in_order(w->schema, rows, start, n);
    s->full = s->rows < FEAT_SEGMENT_ROWS / 2 && text_bytes(rows, start, n) > SEGMENT_TEXT / 2;
    w->is_open = false;
    return FEAT_OK;
}

static feat_status close_segment(feat_table_writer *w, feat_error *err) {
    if (!w->is_open) return FEAT_OK;
    FEAT_TRY(write_blocks(w, &w->open, 0, w->open.length, err));
    feat_batch_clear(&w->open);
    return FEAT_OK;
}

/* How many of the `n` rows from `start` on still fit a segment that has `used` rows and `text` bytes of text. */
static size_t rows_that_fit(const feat_batch *rows, size_t start, size_t n, size_t used, size_t text) {
    size_t room = FEAT_SEGMENT_ROWS - used;
    if (n > room) n = room;
    if (text + text_bytes(rows, start, n) <= SEGMENT_TEXT) return n;
    size_t low = 0, high = n; /* low fits, high does not */
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (text + text_bytes(rows, start, middle) <= SEGMENT_TEXT) low = middle;
        else high = middle;
    }
    return low > 0 || used > 0 ? low : 1; /* a row too large for any segment has one of its own */
}

static feat_status add_digests(feat_table_writer *w, const feat_batch *rows, size_t start, size_t n, feat_error *err) {
    for (size_t i = 0; i < w->schema->n_fields; i++) w->by_id[i] = &rows->columns[w->order[i]];
    for (size_t i = 0; i < n; i++) {
        feat_digest d = feat_row_digest(w->by_id, w->ids, w->schema->n_fields, start + i, &w->scratch);
        if (w->scratch.failed) return feat_fail_memory(err);
        feat_digest_add(&w->manifest.content, &d);
    }
    return FEAT_OK;
}

/* A part that fills a segment by itself goes to blocks as it is; smaller ones gather in `open`. */
static feat_status add_part(feat_table_writer *w, const feat_batch *rows, size_t start, size_t n, int32_t partition,
                            bool whole, feat_error *err) {
    if (!w->is_open) FEAT_TRY(open_segment(w, partition, err));
    feat_segment *s = last_segment(w);
    FEAT_TRY(index_rows(w, rows, start, n, s->id, s->rows, err));
    FEAT_TRY(add_digests(w, rows, start, n, err));
    if (whole) {
        FEAT_TRY(write_blocks(w, rows, start, n, err));
    } else {
        for (size_t i = 0; i < rows->n_columns; i++)
            if (feat_column_append_range(&w->open.columns[i], &rows->columns[i], start, n) != 0)
                return feat_fail_memory(err);
        w->open.length += n;
    }
    s->rows += (uint32_t)n;
    w->manifest.rows += (int64_t)n;
    w->added += (int64_t)n;
    return FEAT_OK;
}

/* Whether a row can stand behind those of the open segment: readers count on the order of a segment's rows. */
static bool follows(const feat_table_writer *w, const feat_batch *rows, size_t row) {
    const feat_schema *schema = w->schema;
    for (size_t i = 0; i <= schema->n_key; i++) {
        uint32_t field = i < schema->n_key ? schema->key[i] : schema->time;
        int order = feat_column_compare(&w->open.columns[field], w->open.length - 1, &rows->columns[field], row);
        if (order != 0) return order < 0;
    }
    return true;
}

static feat_status add_rows(feat_table_writer *w, const feat_batch *rows, feat_error *err) {
    const feat_column *times = &rows->columns[w->schema->time];
    for (size_t at = 0; at < rows->length;) {
        int32_t partition;
        size_t end = feat_partition_end(w->schema, times, at, rows->length - at, &partition);
        if (w->is_open && w->open.length > 0 && (last_segment(w)->partition != partition || !follows(w, rows, at)))
            FEAT_TRY(close_segment(w, err));
        size_t used = w->is_open ? w->open.length : 0;
        size_t n = rows_that_fit(rows, at, end - at, used, used > 0 ? text_bytes(&w->open, 0, used) : 0);
        bool full = n < end - at || used + n == FEAT_SEGMENT_ROWS || end < rows->length;
        if (n > 0) FEAT_TRY(add_part(w, rows, at, n, partition, full && used == 0, err));
        if (full) FEAT_TRY(close_segment(w, err));
        at += n;
    }
    return FEAT_OK;
}

static feat_status check_batch(const feat_table_writer *w, const feat_batch *rows, feat_error *err) {
    bool good = rows->n_columns == w->schema->n_fields;
    for (size_t i = 0; good && i < rows->n_columns; i++)
        good = rows->columns[i].type == w->schema->fields[i].type && rows->columns[i].length == rows->length;
    return good ? FEAT_OK
                : feat_fail(err, FEAT_INTERNAL, "the rows do not have the columns of table '%s'", w->schema->name);
}

feat_status feat_table_writer_add(feat_table_writer *w, const feat_batch *rows, feat_error *err) {
    FEAT_TRY(usable(w, err));
    FEAT_TRY(check_batch(w, rows, err));
    feat_status status = add_rows(w, rows, err);
    w->failed = status != FEAT_OK;
    return status;
}

feat_status feat_table_writer_hold(feat_table_writer *w, const feat_batch *rows, feat_error *err) {
    FEAT_TRY(usable(w, err));
    FEAT_TRY(check_batch(w, rows, err));
    if (rows->length > FEAT_SEGMENT_ROWS - w->open.length)
        return feat_fail(err, FEAT_LIMIT, "table '%s': more rows are pushed than can be kept", w->schema->name);
    w->failed = true;
    if (!w->is_open) FEAT_TRY(open_segment(w, 0, err));
    feat_segment *s = last_segment(w);
    FEAT_TRY(index_rows(w, rows, 0, rows->length, s->id, s->rows, err));
    for (size_t i = 0; i < rows->n_columns; i++)
        if (feat_column_append_range(&w->open.columns[i], &rows->columns[i], 0, rows->length) != 0)
            return feat_fail_memory(err);
    w->open.length += rows->length;
    s->rows += (uint32_t)rows->length;
    w->failed = false;
    return FEAT_OK;
}

/* ---- Reading what is there, base and pending. ---- */

bool feat_table_writer_pending(const feat_table_writer *w, feat_row_address row) {
    return row.segment >= w->first_pending;
}

typedef struct reading {
    feat_rows rows;
    MDB_txn *own;
} reading;

static feat_status begin_reading(feat_table_writer *w, reading *r, feat_error *err) {
    r->rows = (feat_rows){.env = feat_db_blocks(w->db),
                          .manifest = &w->manifest,
                          .schema = w->schema,
                          .block = w->block,
                          .open = w->is_open ? &w->open : NULL};
    return feat_object_writer_txn(&w->objects, &r->rows.txn, &r->own, err);
}

static void end_reading(reading *r) {
    if (r->own) feat_env_abort(r->own);
}

feat_status feat_table_writer_read_rows(feat_table_writer *w, const feat_row_address *addresses, size_t n_rows,
                                        const uint32_t *columns, size_t n, feat_column *out, feat_error *err) {
    reading r;
    FEAT_TRY(usable(w, err));
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = feat_rows_read(&r.rows, addresses, n_rows, columns, n, out, err);
    end_reading(&r);
    return status;
}

/* Keeps the hits on live rows. */
static feat_status drop_dead(feat_table_writer *w, const reading *r, feat_unique_hits *hits, feat_error *err) {
    size_t kept = 0;
    for (size_t i = 0; i < hits->n; i++) {
        size_t at = feat_manifest_find(&w->manifest, hits->entries[i].segment);
        if (at == SIZE_MAX) continue; /* its rows were deleted or are elsewhere now */
        if (hits->entries[i].row >= w->manifest.segments[at].rows)
            return feat_fail(err, FEAT_CORRUPT,
                             "the unique index names a row that does not exist; restore the store from a copy");
        feat_segment *s = &w->manifest.segments[at];
        if (s->deleted > 0) FEAT_TRY(feat_segment_load_deleted(s, r->rows.env, r->rows.txn, err));
        if (s->bitmap && feat_bit_get(s->bitmap, hits->entries[i].row)) continue;
        hits->entries[kept++] = hits->entries[i];
    }
    hits->n = kept;
    return FEAT_OK;
}

static feat_status sort_hits(feat_unique_hits *hits, feat_unique_hit **out, feat_error *err) {
    feat_unique_entry *work = feat_alloc_array(hits->n, sizeof *work);
    feat_unique_hit *sorted = feat_alloc_array(hits->n, sizeof *sorted);
    if (!work || !sorted) {
        feat_free(work);
        feat_free(sorted);
        return feat_fail_memory(err);
    }
    feat_unique_sort(hits->entries, work, hits->n);
    for (size_t i = 0; i < hits->n; i++)
        sorted[i] = (feat_unique_hit){(size_t)hits->entries[i].hash, {hits->entries[i].segment, hits->entries[i].row}};
    feat_free(work);
    *out = sorted;
    return FEAT_OK;
}

/* Whether no row has one of the hashes, as far as memory alone can tell. */
static feat_status probe_memory(feat_table_writer *w, const uint64_t *hashes, size_t n, bool *none, feat_error *err) {
    feat_unique_hits hits = {0};
    *none = w->filters != NULL;
    for (size_t i = 0; i < w->manifest.n_runs && *none; i++)
        *none = feat_unique_filters_exclude(w->filters, &w->manifest.runs[i], hashes, n);
    if (!*none) return FEAT_OK;
    feat_status status = feat_unique_probe_pending(&w->unique, hashes, n, &hits, err);
    *none = hits.n == 0;
    feat_free(hits.entries);
    return status;
}

feat_status feat_table_writer_probe(feat_table_writer *w, const uint64_t *hashes, size_t n, feat_unique_hit **out,
                                    size_t *n_hits, feat_error *err) {
    reading r;
    bool none;
    feat_unique_hits hits = {0};
    FEAT_TRY(usable(w, err));
    FEAT_TRY(probe_memory(w, hashes, n, &none, err));
    if (none) {
        *out = NULL;
        *n_hits = 0;
        return FEAT_OK;
    }
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = feat_unique_probe_pending(&w->unique, hashes, n, &hits, err);
    for (size_t i = 0; i < w->manifest.n_runs && status == FEAT_OK; i++) {
        const feat_run *run = &w->manifest.runs[i];
        bool may = true;
        if (w->filters) status = feat_unique_filters_ask(w->filters, r.rows.env, r.rows.txn, run, hashes, n, &may, err);
        if (may && status == FEAT_OK)
            status = feat_unique_probe_run(r.rows.env, r.rows.txn, run, hashes, n, &hits, err);
    }
    if (status == FEAT_OK) status = drop_dead(w, &r, &hits, err);
    end_reading(&r);
    if (status == FEAT_OK) status = sort_hits(&hits, out, err);
    if (status == FEAT_OK) *n_hits = hits.n;
    feat_free(hits.entries);
    return status;
}

size_t feat_table_writer_segments(const feat_table_writer *w) { return w->manifest.n_segments; }

feat_segment_info feat_table_writer_segment(const feat_table_writer *w, size_t i) {
    const feat_segment *s = &w->manifest.segments[i];
    return (feat_segment_info){.id = s->id,
                               .version = s->version,
                               .rows = s->rows,
                               .deleted = s->deleted,
                               .sorted = s->sorted,
                               .moved = s->moved};
}

feat_status feat_table_writer_bounds(feat_table_writer *w, size_t segment, uint32_t column, feat_bounds *bounds,
                                     feat_error *err) {
    reading r;
    FEAT_TRY(usable(w, err));
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = feat_rows_bounds(&r.rows, segment, column, bounds, err);
    end_reading(&r);
    return status;
}

feat_status feat_table_writer_read(feat_table_writer *w, size_t segment, const uint32_t *columns, size_t n,
                                   feat_column *out, feat_error *err) {
    reading r;
    FEAT_TRY(usable(w, err));
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = feat_rows_read_segment(&r.rows, segment, columns, n, out, err);
    end_reading(&r);
    return status;
}

feat_status feat_table_writer_deleted(feat_table_writer *w, size_t segment, const uint8_t **bitmap, feat_error *err) {
    feat_segment *s = &w->manifest.segments[segment];
    FEAT_TRY(usable(w, err));
    if (s->deleted > 0 && !s->bitmap) {
        reading r;
        FEAT_TRY(begin_reading(w, &r, err));
        feat_status status = feat_segment_load_deleted(s, r.rows.env, r.rows.txn, err);
        end_reading(&r);
        FEAT_TRY(status);
    }
    *bitmap = s->bitmap;
    return FEAT_OK;
}

/* ---- Deleting. ---- */

static feat_status subtract_part(feat_table_writer *w, const feat_rows *rows, const feat_row_address *addresses,
                                 size_t n, const uint32_t *all, feat_batch *old, const feat_column **columns,
                                 const uint32_t *ids, feat_error *err) {
    feat_batch_clear(old);
    FEAT_TRY(feat_rows_read(rows, addresses, n, all, old->n_columns, old->columns, err));
    for (size_t i = 0; i < n; i++) {
        feat_digest d = feat_row_digest(columns, ids, old->n_columns, i, &w->scratch);
        if (w->scratch.failed) return feat_fail_memory(err);
        feat_digest_sub(&w->manifest.content, &d);
    }
    return FEAT_OK;
}

/* The digest of the table loses the digests of the rows. */
static feat_status subtract(feat_table_writer *w, const reading *r, const feat_row_address *addresses, size_t n,
                            feat_error *err) {
    const feat_schema *s = &w->as_written;
    feat_type *types = feat_alloc_array(s->n_fields, sizeof *types);
    uint32_t *all = feat_alloc_array(s->n_fields, sizeof *all), *ids = feat_alloc_array(s->n_fields, sizeof *ids);
    const feat_column **columns = feat_alloc_array(s->n_fields, sizeof *columns);
    feat_batch old = {0};
    feat_rows rows = r->rows;
    feat_status status = types && all && ids && columns ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        for (uint32_t i = 0; i < s->n_fields; i++) {
            all[i] = i;
            ids[i] = s->fields[i].id;
            types[i] = s->fields[i].type;
        }
        status = feat_batch_init(&old, types, s->n_fields, err);
    }
    for (size_t i = 0; i < s->n_fields && status == FEAT_OK; i++) columns[i] = &old.columns[i];
    rows.schema = s;
    for (size_t at = 0; at < n && status == FEAT_OK; at += DELETE_SLICE)
        status = subtract_part(w, &rows, addresses + at, n - at < DELETE_SLICE ? n - at : DELETE_SLICE, all, &old,
                               columns, ids, err);
    feat_batch_done(&old);
    feat_free(types);
    feat_free(all);
    feat_free(ids);
    feat_free(columns);
    return status;
}

static feat_status mark(feat_table_writer *w, const reading *r, const feat_row_address *rows, size_t n,
                        feat_error *err) {
    for (size_t i = 0; i < n; i++) {
        size_t at = feat_manifest_find(&w->manifest, rows[i].segment);
        if (at == SIZE_MAX || rows[i].row >= w->manifest.segments[at].rows)
            return feat_fail(err, FEAT_INTERNAL, "a row to delete does not exist");
        feat_segment *s = &w->manifest.segments[at];
        if (!s->bitmap) {
            FEAT_TRY(feat_segment_load_deleted(s, r->rows.env, r->rows.txn, err));
            if (!s->bitmap) s->bitmap = feat_alloc_zero(FEAT_SEGMENT_ROWS / 8, 1);
            if (!s->bitmap) return feat_fail_memory(err);
        }
        if (feat_bit_get(s->bitmap, rows[i].row))
            return feat_fail(err, FEAT_INTERNAL, "a row to delete is deleted already");
        feat_bit_set(s->bitmap, rows[i].row);
        s->deleted++;
        s->changed = true;
    }
    w->manifest.rows -= (int64_t)n;
    w->removed += (int64_t)n;
    return FEAT_OK;
}

feat_status feat_table_writer_delete(feat_table_writer *w, const feat_row_address *rows, size_t n, feat_error *err) {
    reading r;
    FEAT_TRY(usable(w, err));
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = subtract(w, &r, rows, n, err);
    if (status == FEAT_OK) status = mark(w, &r, rows, n, err);
    end_reading(&r);
    w->failed = status != FEAT_OK;
    return status;
}

feat_status feat_table_writer_clear(feat_table_writer *w, int64_t *removed, feat_error *err) {
    FEAT_TRY(usable(w, err));
    feat_manifest *m = &w->manifest;
    if (w->added || w->removed) return feat_fail(err, FEAT_INTERNAL, "a table is cleared before anything else is done");
    *removed = w->removed = m->rows;
    /* Segments that no commit names any more are as good as deleted, and numbers of segments only rise. */
    for (size_t i = 0; i < m->n_segments; i++) feat_free(m->segments[i].bitmap);
    m->n_segments = m->n_leaves = m->n_runs = 0;
    m->rows = 0;
    m->content = (feat_digest){{0}};
    return FEAT_OK;
}

/* ---- Taking what is stored already. ---- */

feat_status feat_table_writer_take(feat_table_writer *w, uint32_t table_id, uint64_t version, int64_t added,
                                   int64_t removed, feat_error *err) {
    feat_manifest then;
    FEAT_TRY(usable(w, err));
    if (w->added || w->removed)
        return feat_fail(err, FEAT_INTERNAL, "a table takes a version over before anything else is done");
    feat_manifest_init(&then, table_id);
    feat_status status = load_version(w, version, &then, err);
    if (status == FEAT_OK && then.rows != w->manifest.rows + added - removed)
        status = feat_fail(err, FEAT_INTERNAL, "version %llu does not have the rows that it should",
                           (unsigned long long)version);
    if (status != FEAT_OK) {
        feat_manifest_done(&then);
        return status;
    }
    /* Numbers of segments only rise: one that a later version used must never name other rows. */
    if (then.next_segment < w->manifest.next_segment) then.next_segment = w->manifest.next_segment;
    then.table_id = w->schema->table_id; /* its root names it; nodes and what is below them are shared */
    feat_manifest_done(&w->manifest);
    w->manifest = then;
    w->added = added;
    w->removed = removed;
    return FEAT_OK;
}

/* ---- Compaction. ---- */

static void reverse(size_t *list, size_t n) {
    for (size_t i = 0; i < n / 2; i++) {
        size_t swap = list[i];
        list[i] = list[n - 1 - i];
        list[n - 1 - i] = swap;
    }
}

/* The rows of segments become those of one. Neither the rows nor their digests change. */
static feat_status move_rows(feat_table_writer *w, size_t *at, size_t n, size_t *moved, feat_error *err) {
    reading r;
    feat_batch rows = {0};
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = feat_compact_read(&r.rows, &w->manifest, w->schema, at, &n, SEGMENT_TEXT, &rows, err);
    end_reading(&r);
    bool pays = n > 1 || (n == 1 && w->manifest.segments[at[0]].deleted > 0);
    if (status == FEAT_OK && pays) {
        int32_t partition = w->manifest.segments[at[0]].partition;
        reverse(at, n);
        feat_manifest_remove(&w->manifest, at, n);
        feat_batch_clear(&w->open); /* it was one of them, if there was one */
        w->is_open = false;
        if (rows.length > 0) status = open_segment(w, partition, err);
        if (rows.length > 0 && status == FEAT_OK) {
            feat_segment *s = last_segment(w);
            s->rows = (uint32_t)rows.length;
            s->moved = true;
            status = index_rows(w, &rows, 0, rows.length, s->id, 0, err);
            if (status == FEAT_OK) status = write_blocks(w, &rows, 0, rows.length, err);
        }
    }
    *moved += rows.length;
    feat_batch_done(&rows);
    return status;
}

/* One step; `*any`: there was something to do. */
static feat_status compact(feat_table_writer *w, bool all, bool *any, size_t *moved, feat_error *err) {
    size_t *at, n;
    FEAT_TRY(feat_compact_choose(&w->manifest, w->ids, w->schema->n_fields, all, w->is_open, &at, &n, err));
    *any = n > 0;
    feat_status status = n > 0 ? move_rows(w, at, n, moved, err) : FEAT_OK;
    feat_free(at);
    return status;
}

/* What a commit does of it: steps until about as many rows are moved as one segment has. */
static feat_status compact_some(feat_table_writer *w, feat_error *err) {
    bool any = true;
    size_t moved = 0;
    /* Rows that are in no block yet need not be written twice. */
    if (w->is_open) FEAT_TRY(compact(w, false, &any, &moved, err));
    FEAT_TRY(close_segment(w, err));
    for (any = true; any && moved < FEAT_SEGMENT_ROWS;) FEAT_TRY(compact(w, false, &any, &moved, err));
    return FEAT_OK;
}

feat_status feat_table_writer_compact(feat_table_writer *w, bool *any, feat_error *err) {
    FEAT_TRY(usable(w, err));
    if (w->added || w->removed)
        return feat_fail(err, FEAT_INTERNAL, "a table is compacted before anything else is done");
    size_t moved = 0;
    feat_status status = compact(w, true, any, &moved, err);
    w->failed = status != FEAT_OK;
    w->compacted |= *any;
    return status;
}

/* ---- Committing. ---- */

static feat_status load_bitmaps(feat_table_writer *w, feat_error *err) {
    reading r;
    FEAT_TRY(begin_reading(w, &r, err));
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < w->manifest.n_segments && status == FEAT_OK; i++)
        if (w->manifest.segments[i].deleted > 0)
            status = feat_segment_load_deleted(&w->manifest.segments[i], r.rows.env, r.rows.txn, err);
    end_reading(&r);
    return status;
}

static feat_status finish(feat_table_writer *w, feat_operation operation, feat_error *err) {
    FEAT_TRY(usable(w, err));
    if (w->added == 0 && w->removed == 0 && !w->compacted) return FEAT_OK;
    FEAT_TRY(feat_transaction_check(w->transaction, err)); /* before anything is written */
    FEAT_TRY(compact_some(w, err));
    if (feat_unique_merge_width(&w->unique, &w->manifest) > 0) FEAT_TRY(load_bitmaps(w, err));
    FEAT_TRY(feat_unique_merge(&w->unique, &w->manifest, &w->objects, err));
    feat_commit_table table = {.table_id = w->schema->table_id,
                               .operation = operation,
                               .revision = w->schema->revision,
                               .rows_added = w->added,
                               .rows_removed = w->removed,
                               .rows = w->manifest.rows,
                               .content = w->manifest.content,
                               .next_segment = w->manifest.next_segment};
    FEAT_TRY(feat_manifest_store(&w->manifest, &w->objects, &table.manifest, err));
    FEAT_TRY(feat_object_writer_commit(&w->objects, err));
    return feat_transaction_add(w->transaction, &table, err);
}

feat_status feat_table_writer_finish(feat_table_writer *w, feat_operation operation, feat_error *err) {
    feat_status status = finish(w, operation, err);
    feat_table_writer_abort(w);
    return status;
}

feat_status feat_table_writer_commit(feat_table_writer *w, feat_operation operation, int64_t known_at,
                                     feat_commit_info *done, feat_error *err) {
    feat_transaction *t = w->transaction;
    w->owns = false;
    feat_transaction_set_time(t, known_at);
    feat_status status = feat_table_writer_finish(w, operation, err);
    if (status == FEAT_OK) return feat_transaction_commit(t, done, err);
    feat_transaction_abort(t);
    return status;
}
