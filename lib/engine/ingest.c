/* Rows in: a stream is cut into parts, and each part is checked, freed of conflicts, sorted and handed to the store.
 * Nothing is visible before the commit at the end. */
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "column/arrow.h"
#include "engine/ingest.h"

typedef struct ingest {
    const feat_schema *table;
    feat_arrow_in *in;
    feat_table_writer *writer;
    feat_unique unique;
    size_t part_rows;
    char *what; /* "table 'purchases'" */
    bool *optional;
    feat_batch pulled; /* the stream's current batch */
    size_t used;       /* rows of it that are in a part */
    bool end;
    feat_batch part, chunk; /* rows as they came; sorted rows for one segment */
    uint32_t *kept, *order;
    feat_sort_item *items;
    int64_t rows_read, rows_written;
} ingest;

static void ingest_done(ingest *g) {
    feat_table_writer_abort(g->writer);
    feat_arrow_in_close(g->in);
    feat_unique_done(&g->unique);
    feat_batch_done(&g->pulled);
    feat_batch_done(&g->part);
    feat_batch_done(&g->chunk);
    feat_free(g->what);
    feat_free(g->optional);
    feat_free(g->kept);
    feat_free(g->order);
    feat_free(g->items);
}

static feat_status check_options(const feat_schema *table, const feat_write_options *opt, feat_error *err) {
    if (opt->mode != FEAT_WRITE_APPEND && opt->mode != FEAT_WRITE_UPSERT)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': %d is no mode of writing", table->name, (int)opt->mode);
    if ((int)opt->on_conflict < FEAT_CONFLICT_SKIP_IDENTICAL || opt->on_conflict > FEAT_CONFLICT_REPLACE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': %d is no rule for conflicts", table->name,
                         (int)opt->on_conflict);
    if (opt->mode == FEAT_WRITE_UPSERT && table->n_unique == 0)
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s' has no UNIQUE key, which tells an upsert what to replace; append instead, or "
                         "define the table with UNIQUE (...)",
                         table->name);
    return FEAT_OK;
}

static feat_status prepare(ingest *g, feat_db *db, feat_error *err) {
    const feat_schema *table = g->table;
    size_t n = table->n_fields;
    feat_buffer what;
    feat_buffer_init(&what);
    feat_buffer_printf(&what, "table '%s'", table->name);
    g->what = feat_buffer_take_text(&what);
    feat_type *types = feat_alloc_array(n, sizeof *types);
    g->optional = feat_alloc_array(n, sizeof *g->optional);
    g->order = feat_alloc_array(n, sizeof *g->order);
    g->kept = feat_alloc_array(g->part_rows, sizeof *g->kept);
    g->items = feat_alloc_array(g->part_rows, sizeof *g->items);
    feat_status status = FEAT_OK;
    if (!g->what || !types || !g->optional || !g->order || !g->kept || !g->items) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        types[i] = table->fields[i].type;
        g->optional[i] = !table->fields[i].not_null;
    }
    feat_table_order(table, g->order);
    FEAT_GOTO(status, feat_batch_init(&g->pulled, types, n, err), out);
    FEAT_GOTO(status, feat_batch_init(&g->part, types, n, err), out);
    FEAT_GOTO(status, feat_batch_init(&g->chunk, types, n, err), out);
    FEAT_GOTO(status, feat_arrow_in_bind(g->in, table->fields, g->optional, n, true, g->what, err), out);
    FEAT_GOTO(status, feat_table_writer_begin(db, table, &g->writer, err), out);
    g->unique.writer = g->writer;
out:
    feat_free(types);
    return status;
}

/* Fills the part with the next rows of the stream, whatever its batches; empty at the end. */
static feat_status next_part(ingest *g, feat_error *err) {
    feat_batch_clear(&g->part);
    while (g->part.length < g->part_rows) {
        size_t left = g->pulled.length - g->used, room = g->part_rows - g->part.length;
        if (left == 0) {
            if (g->end) break;
            size_t rows = 0;
            feat_batch_clear(&g->pulled);
            g->used = 0;
            FEAT_TRY(feat_arrow_in_next(g->in, g->pulled.columns, g->rows_read, &rows, &g->end, NULL, err));
            g->pulled.length = rows;
            g->rows_read += (int64_t)rows;
            continue;
        }
        size_t take = left < room ? left : room;
        for (size_t i = 0; i < g->part.n_columns; i++)
            if (feat_column_append_range(&g->part.columns[i], &g->pulled.columns[i], g->used, take))
                return feat_fail_memory(err);
        g->part.length += take;
        g->used += take;
    }
    return FEAT_OK;
}

static feat_status write_part(ingest *g, int64_t first_row, feat_error *err) {
    size_t n = g->part.length;
    if (g->table->n_unique > 0) FEAT_TRY(feat_unique_resolve(&g->unique, &g->part, first_row, g->kept, &n, err));
    for (size_t i = 0; i < n; i++) g->items[i].row = g->table->n_unique > 0 ? g->kept[i] : (uint32_t)i;
    FEAT_TRY(feat_sort_rows(&g->part, g->order, g->part.n_columns, g->items, n, err));
    for (size_t i = 0; i < n; i++) g->kept[i] = g->items[i].row;
    for (size_t start = 0; start < n; start += FEAT_INGEST_SEGMENT_ROWS) {
        size_t length = n - start < FEAT_INGEST_SEGMENT_ROWS ? n - start : FEAT_INGEST_SEGMENT_ROWS;
        feat_batch_clear(&g->chunk);
        for (size_t i = 0; i < g->part.n_columns; i++)
            if (feat_column_append_rows(&g->chunk.columns[i], &g->part.columns[i], g->kept + start, length))
                return feat_fail_memory(err);
        g->chunk.length = length;
        FEAT_TRY(feat_table_writer_add(g->writer, &g->chunk, err));
    }
    g->rows_written += (int64_t)n;
    return FEAT_OK;
}

static feat_status run(ingest *g, feat_db *db, feat_error *err) {
    FEAT_TRY(prepare(g, db, err));
    for (int64_t first_row = 0;;) {
        FEAT_TRY(next_part(g, err));
        if (g->part.length == 0) return FEAT_OK;
        FEAT_TRY(write_part(g, first_row, err));
        first_row += (int64_t)g->part.length;
    }
}

feat_status feat_ingest_parts(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                              const feat_write_options *opt, size_t part_rows, feat_commit *done, feat_error *err) {
    feat_write_options options = FEAT_WRITE_OPTIONS_INIT;
    if (opt) options = *opt;
    ingest g = {.table = table, .part_rows = part_rows};
    g.unique = (feat_unique){.table = table, .mode = options.mode, .on_conflict = options.on_conflict};
    feat_status status = check_options(table, &options, err);
    if (status != FEAT_OK) {
        rows->release(rows);
        rows->release = NULL;
        return status;
    }
    status = feat_arrow_in_open(rows, &g.in, err);
    if (status == FEAT_OK) status = run(&g, db, err);
    if (status == FEAT_OK) {
        feat_version_info info;
        feat_operation operation = options.mode == FEAT_WRITE_UPSERT ? FEAT_OPERATION_UPSERT : FEAT_OPERATION_APPEND;
        feat_table_writer *writer = g.writer;
        g.writer = NULL;
        status = feat_table_writer_commit(writer, operation, options.known_at, &info, err);
        if (status == FEAT_OK && done)
            *done = (feat_commit){.version = info.version,
                                  .known_time = info.known_time,
                                  .rows_read = g.rows_read,
                                  .rows_added = g.rows_written - g.unique.rows_replaced,
                                  .rows_replaced = g.unique.rows_replaced,
                                  .rows_skipped = g.unique.rows_skipped,
                                  .online = FEAT_OK};
    }
    ingest_done(&g);
    return status;
}

feat_status feat_ingest(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                        const feat_write_options *opt, feat_commit *done, feat_error *err) {
    return feat_ingest_parts(db, table, rows, opt, FEAT_INGEST_PART_ROWS, done, err);
}
