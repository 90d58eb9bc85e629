#include "engine/entities.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "column/arrow.h"
#include "engine/ingest.h"

/* A segment of which more keys than one in so many rows may have rows is read through instead of searched. */
#define ROWS_PER_SEARCH 256

/* ---- Keys. ---- */

void feat_entities_done(feat_entities *e) {
    feat_batch_done(&e->keys);
    feat_free(e->position);
    *e = (feat_entities){0};
}

static int compare_keys(const feat_entities *e, const feat_batch *a, size_t row_a, const feat_batch *b, size_t row_b) {
    for (size_t i = 0; i < e->n_columns; i++) {
        int order = feat_column_compare(&a->columns[i], row_a, &b->columns[i], row_b);
        if (order != 0) return order;
    }
    return 0;
}

static feat_status init_batch(const feat_entities *e, feat_batch *b, feat_error *err) {
    feat_type *types = feat_alloc_array(e->n_columns, sizeof *types);
    if (!types) return feat_fail_memory(err);
    for (size_t i = 0; i < e->n_columns; i++) types[i] = e->table->fields[e->table->key[i]].type;
    feat_status status = feat_batch_init(b, types, e->n_columns, err);
    feat_free(types);
    return status;
}

static feat_status pull(const feat_entities *e, feat_arrow_in *in, feat_batch *came, feat_error *err) {
    bool end = false;
    while (!end) {
        size_t rows = 0;
        FEAT_TRY(feat_arrow_in_next(in, came->columns, (int64_t)came->length, &rows, &end, NULL, err));
        came->length += rows;
        if (came->length > UINT32_MAX)
            return feat_fail(err, FEAT_LIMIT, "table '%s': too many entities for one scan", e->table->name);
    }
    return FEAT_OK;
}

static bool has_null(const feat_batch *b, size_t row) {
    for (size_t i = 0; i < b->n_columns; i++)
        if (feat_column_is_null(&b->columns[i], row)) return true;
    return false;
}

/* Puts the keys that came in order, each once. */
static feat_status settle(feat_entities *e, const feat_batch *came, feat_error *err) {
    feat_sort_item *items = feat_alloc_array(came->length, sizeof *items);
    feat_status status = items ? FEAT_OK : feat_fail_memory(err);
    size_t n = 0;
    for (size_t row = 0; status == FEAT_OK && row < came->length; row++)
        if (!has_null(came, row)) items[n++] = (feat_sort_item){0, (uint32_t)row};
    if (status == FEAT_OK) status = feat_sort_rows(came, e->position, e->n_columns, items, n, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        if (i > 0 && compare_keys(e, came, items[i - 1].row, came, items[i].row) == 0) continue;
        for (size_t k = 0; k < e->n_columns; k++)
            if (feat_column_append_from(&e->keys.columns[k], &came->columns[k], items[i].row) != 0)
                status = feat_fail_memory(err);
        e->keys.length++;
    }
    feat_free(items);
    return status;
}

static feat_status bind(feat_entities *e, feat_arrow_in *in, feat_field *fields, feat_error *err) {
    const feat_schema *table = e->table;
    while (e->n_columns < table->n_key && feat_arrow_in_find(in, table->fields[table->key[e->n_columns]].name) >= 0) {
        fields[e->n_columns] = table->fields[table->key[e->n_columns]];
        fields[e->n_columns].not_null = false;
        e->position[e->n_columns] = (uint32_t)e->n_columns;
        e->n_columns++;
    }
    if (e->n_columns == 0)
        return feat_fail(err, FEAT_SCHEMA,
                         "entities of table '%s': the column '%s' is missing, the first one of the entity key",
                         table->name, table->fields[table->key[0]].name);
    return feat_arrow_in_bind(in, fields, NULL, e->n_columns, true, "the entities", err);
}

feat_status feat_entities_read(const feat_schema *table, struct ArrowArrayStream *stream, feat_entities *entities,
                               feat_error *err) {
    feat_entities e = {.table = table, .position = feat_alloc_zero(table->n_key, sizeof *e.position)};
    feat_field *fields = feat_alloc_zero(table->n_key, sizeof *fields);
    feat_arrow_in *in = NULL;
    feat_batch came = {0};
    feat_status status = feat_arrow_in_open(stream, &in, err);
    if (status == FEAT_OK && (!e.position || !fields)) status = feat_fail_memory(err);
    if (status == FEAT_OK) status = bind(&e, in, fields, err);
    if (status == FEAT_OK) status = init_batch(&e, &came, err);
    if (status == FEAT_OK) status = init_batch(&e, &e.keys, err);
    if (status == FEAT_OK) status = pull(&e, in, &came, err);
    if (status == FEAT_OK) status = settle(&e, &came, err);
    feat_arrow_in_close(in);
    feat_batch_done(&came);
    feat_free(fields);
    if (status == FEAT_OK) *entities = e;
    else feat_entities_done(&e);
    return status;
}

/* ---- Where segments begin and end. ---- */

struct feat_segment_ends {
    _Atomic size_t references;
    feat_column values; /* of segment i: 2 i is the first row's, 2 i + 1 the last one's */
};

feat_segment_ends *feat_segment_ends_ref(feat_segment_ends *ends) {
    atomic_fetch_add_explicit(&ends->references, 1, memory_order_relaxed);
    return ends;
}

void feat_segment_ends_unref(feat_segment_ends *ends) {
    if (!ends || atomic_fetch_sub_explicit(&ends->references, 1, memory_order_acq_rel) != 1) return;
    feat_column_done(&ends->values);
    feat_free(ends);
}

feat_status feat_segment_ends_read(feat_table_version *tv, const feat_schema *table, feat_segment_ends **out,
                                   feat_error *err) {
    size_t n = feat_table_segments(tv);
    feat_segment_ends *ends = feat_alloc_zero(1, sizeof *ends);
    if (!ends) return feat_fail_memory(err);
    atomic_init(&ends->references, 1);
    feat_column_init(&ends->values, table->fields[table->key[0]].type);
    feat_row_address *rows = feat_alloc_array(2 * n, sizeof *rows);
    feat_status status = rows ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < n; i++) {
            feat_segment_info info = feat_table_segment(tv, i);
            rows[2 * i] = (feat_row_address){info.id, 0};
            rows[2 * i + 1] = (feat_row_address){info.id, info.rows - 1};
        }
        status = feat_table_read_rows(tv, rows, 2 * n, table->key, 1, &ends->values, err);
    }
    feat_free(rows);
    if (status == FEAT_OK) *out = ends;
    else feat_segment_ends_unref(ends);
    return status;
}

/* ---- Finding. ---- */

/* The first key whose first column is not below (`behind`: is above) the value. */
static size_t place_of(const feat_entities *e, const feat_column *values, size_t at, bool behind) {
    size_t from = 0, to = e->keys.length;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = feat_column_compare(&e->keys.columns[0], middle, values, at);
        if (behind ? order <= 0 : order < 0) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* About where a key stands in a segment whose rows are spread evenly. */
static uint32_t guess(const feat_column *keys, size_t key, const feat_column *ends, size_t segment, uint32_t rows) {
    size_t at = 2 * segment;
    if (!feat_type_is_integer(ends->type) || FEAT_TYPE_BASE(ends->type) == FEAT_TYPE_UBIGINT ||
        feat_column_is_null(ends, at) || feat_column_is_null(ends, at + 1))
        return rows / 2;
    double low = (double)feat_column_int(ends, at), high = (double)feat_column_int(ends, at + 1);
    double share = ((double)feat_column_int(keys, key) - low) / (high - low + 1);
    return low <= high && share > 0 && share < 1 ? (uint32_t)((share + 0.5 / (high - low + 1)) * rows) : rows / 2;
}

/* Whether a row, whose key is in `read`, belongs to an entity. */
static bool belongs(const feat_entities *e, const feat_batch *read, size_t row) {
    size_t from = 0, to = e->keys.length;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = compare_keys(e, &e->keys, middle, read, row);
        if (order == 0) return true;
        if (order < 0) from = middle + 1;
        else to = middle;
    }
    return false;
}

/* Looks at every row. */
static feat_status walk(const feat_entities *e, feat_table_version *tv, size_t segment, uint32_t length,
                        uint32_t **rows, size_t *n, size_t *capacity, feat_error *err) {
    feat_batch read = {0};
    feat_status status = init_batch(e, &read, err);
    if (status == FEAT_OK) status = feat_table_read(tv, segment, e->table->key, e->n_columns, read.columns, err);
    if (status == FEAT_OK && FEAT_GROW(*rows, *capacity, length) != 0) status = feat_fail_memory(err);
    for (uint32_t row = 0; status == FEAT_OK && row < length; row++)
        if (belongs(e, &read, row)) (*rows)[(*n)++] = row;
    feat_batch_done(&read);
    return status;
}

feat_status feat_entities_find(const feat_entities *e, const feat_segment_ends *ends, feat_table_version *tv,
                               size_t segment, uint32_t **rows, size_t *n, size_t *capacity, feat_error *err) {
    feat_segment_info info = feat_table_segment(tv, segment);
    *n = 0;
    if (e->keys.length == 0) return FEAT_OK;
    if (!info.sorted) return walk(e, tv, segment, info.rows, rows, n, capacity, err);
    size_t key = place_of(e, &ends->values, 2 * segment, false);
    size_t last = place_of(e, &ends->values, 2 * segment + 1, true);
    if (key >= last) return FEAT_OK;
    if (last - key > info.rows / ROWS_PER_SEARCH + 1) return walk(e, tv, segment, info.rows, rows, n, capacity, err);
    for (; key < last; key++) {
        uint32_t first, end, near = guess(&e->keys.columns[0], key, &ends->values, segment, info.rows);
        FEAT_TRY(
            feat_table_find(tv, segment, e->table->key, e->n_columns, e->keys.columns, key, near, &first, &end, err));
        if (*n > 0 && first <= (*rows)[*n - 1]) first = (*rows)[*n - 1] + 1; /* never, unless the order is damaged */
        if (first >= end) continue;
        if (FEAT_GROW(*rows, *capacity, *n + (end - first)) != 0) return feat_fail_memory(err);
        while (first < end) (*rows)[(*n)++] = first++;
    }
    return FEAT_OK;
}
