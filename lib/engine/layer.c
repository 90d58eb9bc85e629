#include "engine/layer.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"

/* ---- Making one. ---- */

static feat_status add_table(feat_catalog *c, const feat_schema *table, feat_error *err) {
    feat_def def = {.kind = FEAT_DEF_TABLE, .action = FEAT_DEF_CREATE, .name = table->name, .id = table->table_id};
    bool failed = false;
    feat_buffer form;
    def.number = feat_catalog_last_number(c, FEAT_DEF_TABLE, table->name) + 1;
    def.fingerprint = feat_table_fingerprint(table, &failed);
    feat_buffer_init(&form);
    feat_schema_pack(table, &form);
    void *copy = form.failed || failed ? NULL : feat_arena_alloc(&c->arena, form.size);
    if (copy) memcpy(copy, form.data, form.size);
    def.parts[FEAT_DEF_FORM] = (feat_bytes){copy, form.size};
    feat_buffer_done(&form);
    if (!copy) return feat_fail_memory(err);
    FEAT_TRY(feat_catalog_add(c, &def, err));
    c->entries[c->n - 1].pending = true;
    c->entries[c->n - 1].table = table;
    if (c->scope_ready && feat_scope_add_table(&c->scope, table) != 0) return feat_fail_memory(err);
    return FEAT_OK;
}

feat_status feat_layer_table(feat_db *db, feat_catalog *c, const feat_view *view, const feat_schema **table,
                             feat_error *err) {
    feat_schema *layer = NULL;
    FEAT_TRY(feat_layer_schema(&c->arena, view, &layer, err));
    uint32_t entry = feat_catalog_find(c, FEAT_DEF_TABLE, layer->name);
    if (entry != FEAT_NO_ENTRY) {
        FEAT_TRY(feat_entry_table(c, entry, table, err));
        return feat_layer_check(*table, view, err);
    }
    FEAT_TRY(feat_table_id_next(db, &layer->table_id, err));
    FEAT_TRY(add_table(c, layer, err));
    *table = layer;
    return FEAT_OK;
}

/* ---- Reading. ---- */

/* The rows of some segments, a few columns of them. */
typedef struct reading {
    feat_table_version *tv;
    uint32_t *fields;
    feat_column *columns;
    size_t n;
    const uint8_t *deleted;
    feat_segment_info segment;
} reading;

static void reading_done(reading *r) {
    for (size_t i = 0; r->columns && i < r->n; i++) feat_column_done(&r->columns[i]);
    feat_free(r->columns);
    feat_free(r->fields);
    feat_table_close(r->tv);
}

static feat_status reading_init(reading *r, feat_db *db, const feat_schema *table, uint64_t version, size_t n,
                                feat_error *err) {
    *r = (reading){0};
    r->fields = feat_alloc_array(n, sizeof *r->fields);
    r->columns = feat_alloc_zero(n, sizeof *r->columns);
    if (!r->fields || !r->columns) return feat_fail_memory(err);
    r->n = n;
    return feat_table_open(db, table, version, &r->tv, err);
}

static void choose(reading *r, const feat_schema *table, size_t i, uint32_t field) {
    r->fields[i] = field;
    feat_column_init(&r->columns[i], table->fields[field].type);
}

/* Reads a segment when the bounds of `field` do not rule `wanted` out. */
static feat_status next(reading *r, size_t segment, uint32_t field, int64_t wanted, bool *passed, feat_error *err) {
    feat_bounds bounds;
    FEAT_TRY(feat_table_bounds(r->tv, segment, field, &bounds, err));
    *passed = !bounds.known || !bounds.ints || (bounds.min_int <= wanted && wanted <= bounds.max_int);
    if (!*passed) return FEAT_OK;
    for (size_t i = 0; i < r->n; i++) feat_column_clear(&r->columns[i]);
    r->segment = feat_table_segment(r->tv, segment);
    FEAT_TRY(feat_table_deleted(r->tv, segment, &r->deleted, err));
    return feat_table_read(r->tv, segment, r->fields, r->n, r->columns, err);
}

static bool gone(const reading *r, uint32_t row) { return r->deleted && feat_bit_get(r->deleted, row); }

static int by_time(const void *a, const void *b) {
    int64_t x = ((const feat_layer_run *)a)->at, y = ((const feat_layer_run *)b)->at;
    return (x > y) - (x < y);
}

feat_status feat_layer_runs(feat_db *db, const feat_view *view, const feat_schema *table, uint64_t version,
                            feat_layer_run **runs, size_t *n, feat_error *err) {
    reading r;
    feat_layer_run *found = NULL;
    size_t count = 0, capacity = 0;
    uint32_t run = feat_layer_column(view, FEAT_LAYER_RUN);
    feat_status status = reading_init(&r, db, table, version, 3, err);
    if (status != FEAT_OK) goto out;
    choose(&r, table, 0, run);
    choose(&r, table, 1, feat_layer_time(view));
    choose(&r, table, 2, feat_layer_column(view, FEAT_LAYER_INPUT));
    for (size_t s = 0; s < feat_table_segments(r.tv); s++) {
        bool passed;
        FEAT_GOTO(status, next(&r, s, run, 1, &passed, err), out);
        for (uint32_t i = 0; passed && i < r.segment.rows; i++) {
            if (gone(&r, i) || feat_column_int(&r.columns[0], i) != 1) continue;
            if (FEAT_GROW(found, capacity, count + 1) != 0) {
                status = feat_fail_memory(err);
                goto out;
            }
            found[count++] = (feat_layer_run){
                feat_column_int(&r.columns[1], i), (uint64_t)feat_column_int(&r.columns[2], i), {r.segment.id, i}};
        }
    }
    if (count) qsort(found, count, sizeof *found, by_time);
out:
    reading_done(&r);
    if (status != FEAT_OK) {
        feat_free(found);
        return status;
    }
    *runs = found;
    *n = count;
    return FEAT_OK;
}

feat_status feat_layer_rows(feat_db *db, const feat_view *view, const feat_schema *table, uint64_t version, int64_t at,
                            feat_keymap *keys, feat_row_address *rows, bool *has, feat_error *err) {
    reading r;
    feat_buffer key;
    size_t n_key = view->n_key;
    const feat_column **parts = feat_alloc_array(n_key, sizeof *parts);
    uint32_t time = feat_layer_time(view);
    feat_buffer_init(&key);
    feat_status status = reading_init(&r, db, table, version, n_key + 1, err);
    if (status == FEAT_OK && !parts) status = feat_fail_memory(err);
    if (status != FEAT_OK) goto out;
    memset(has, 0, keys->n * sizeof *has);
    for (size_t k = 0; k < n_key; k++) {
        choose(&r, table, k, (uint32_t)k);
        parts[k] = &r.columns[k];
    }
    choose(&r, table, n_key, time);
    for (size_t s = 0; s < feat_table_segments(r.tv); s++) {
        bool passed;
        FEAT_GOTO(status, next(&r, s, time, at, &passed, err), out);
        for (uint32_t i = 0; passed && i < r.segment.rows; i++) {
            uint32_t number;
            if (gone(&r, i) || feat_column_int(&r.columns[n_key], i) != at) continue;
            if (!feat_entity_key(&key, parts, n_key, i)) continue; /* the record of a run */
            if (key.failed || !feat_keymap_number(keys, key.data, key.size, false, &number)) {
                status = feat_fail_memory(err);
                goto out;
            }
            if (number == FEAT_NO_KEY) continue;
            rows[number] = (feat_row_address){r.segment.id, i};
            has[number] = true;
        }
    }
out:
    reading_done(&r);
    feat_free(parts);
    feat_buffer_done(&key);
    return status;
}
