/* Segment by segment: one that cannot have such rows is passed over, of the others only the columns that decide are
 * read. */
#include "engine/remove.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/clock.h"
#include "exec/exec.h"

typedef struct removal {
    feat_table_writer *writer;
    const feat_schema *table;
    feat_filter *filter; /* or NULL: the range */
    const feat_time_range *range;
    uint32_t *fields; /* that are read */
    feat_column *columns;
    const feat_column **by_field;
    size_t n;
    uint32_t *rows;
    size_t rows_capacity;
    feat_row_address *addresses;
    size_t addresses_capacity;
    int64_t removed;
} removal;

static void removal_done(removal *r) {
    for (size_t i = 0; r->columns && i < r->n; i++) feat_column_done(&r->columns[i]);
    feat_free(r->columns);
    feat_free(r->fields);
    feat_free(r->by_field);
    feat_free(r->rows);
    feat_free(r->addresses);
}

bool feat_time_range_has(const feat_time_range *range, int64_t time) {
    return (!range->start || time >= *range->start) && (!range->end || time < *range->end);
}

static feat_status prepare(removal *r, feat_error *err) {
    const feat_schema *table = r->table;
    bool *reads = feat_alloc_zero(table->n_fields, sizeof *reads);
    r->fields = feat_alloc_array(table->n_fields, sizeof *r->fields);
    r->columns = feat_alloc_array(table->n_fields, sizeof *r->columns);
    r->by_field = feat_alloc_zero(table->n_fields, sizeof *r->by_field);
    if (!reads || !r->fields || !r->columns || !r->by_field) {
        feat_free(reads);
        return feat_fail_memory(err);
    }
    if (r->filter) feat_filter_reads(r->filter, reads);
    else reads[table->time] = true;
    for (uint32_t i = 0; i < table->n_fields; i++) {
        if (!reads[i]) continue;
        feat_column_init(&r->columns[r->n], table->fields[i].type);
        r->by_field[i] = &r->columns[r->n];
        r->fields[r->n++] = i;
    }
    feat_free(reads);
    return FEAT_OK;
}

/* Whether no row of a segment can be one of them. */
static feat_status pass_over(const removal *r, size_t segment, bool *out, feat_error *err) {
    if (r->filter) return feat_prune_written(feat_filter_prune(r->filter), r->writer, segment, out, err);
    feat_bounds b;
    FEAT_TRY(feat_table_writer_bounds(r->writer, segment, r->table->time, &b, err));
    *out = false;
    if (!b.known || !b.ints) return FEAT_OK;
    int64_t unit = r->table->fields[r->table->time].type == FEAT_TYPE_DATE ? FEAT_US_PER_DAY : 1, low, high;
    if (__builtin_mul_overflow(b.min_int, unit, &low) || __builtin_mul_overflow(b.max_int, unit, &high)) return FEAT_OK;
    *out = (r->range->end && low >= *r->range->end) || (r->range->start && high < *r->range->start);
    return FEAT_OK;
}

static feat_status remove_of(removal *r, size_t segment, feat_error *err) {
    feat_segment_info info = feat_table_writer_segment(r->writer, segment);
    const uint8_t *deleted = NULL;
    size_t n = 0;
    bool out = info.deleted >= info.rows;
    if (!out) FEAT_TRY(pass_over(r, segment, &out, err));
    if (out) return FEAT_OK;
    for (size_t i = 0; i < r->n; i++) feat_column_clear(&r->columns[i]);
    if (r->n > 0) FEAT_TRY(feat_table_writer_read(r->writer, segment, r->fields, r->n, r->columns, err));
    FEAT_TRY(feat_table_writer_deleted(r->writer, segment, &deleted, err));
    if (FEAT_GROW(r->rows, r->rows_capacity, info.rows) != 0) return feat_fail_memory(err);
    for (uint32_t row = 0; row < info.rows; row++) {
        if (deleted && feat_bit_get(deleted, row)) continue;
        if (!r->filter && !feat_time_range_has(r->range, feat_event_time(&r->columns[0], row))) continue;
        r->rows[n++] = row;
    }
    if (r->filter) FEAT_TRY(feat_filter_run(r->filter, r->by_field, r->rows, n, r->rows, &n, err));
    if (n == 0) return FEAT_OK;
    if (FEAT_GROW(r->addresses, r->addresses_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) r->addresses[i] = (feat_row_address){info.id, r->rows[i]};
    r->removed += (int64_t)n;
    return feat_table_writer_delete(r->writer, r->addresses, n, err);
}

static feat_status run(removal *r, int64_t *removed, feat_error *err) {
    feat_status status = prepare(r, err);
    for (size_t i = 0; status == FEAT_OK && i < feat_table_writer_segments(r->writer); i++)
        status = remove_of(r, i, err);
    removal_done(r);
    if (status == FEAT_OK) *removed = r->removed;
    return status;
}

feat_status feat_remove_where(feat_table_writer *w, const feat_schema *table, feat_filter *filter, int64_t *removed,
                              feat_error *err) {
    removal r = {.writer = w, .table = table, .filter = filter};
    return run(&r, removed, err);
}

feat_status feat_remove_range(feat_table_writer *w, const feat_schema *table, const feat_time_range *range,
                              int64_t *removed, feat_error *err) {
    removal r = {.writer = w, .table = table, .range = range};
    return run(&r, removed, err);
}
