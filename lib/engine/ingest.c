/* Rows in: a stream is cut into parts, and each part is checked, freed of conflicts, sorted and handed to the store.
 * Nothing is visible before the commit at the end. */
#include <string.h>

#include "base/alloc.h"
#include "base/machine.h"
#include "base/buffer.h"
#include "column/arrow.h"
#include "column/widen.h"
#include "base/clock.h"
#include "engine/derivation.h"
#include "engine/evolve.h"
#include "engine/ingest.h"
#include "engine/remove.h"
#include "exec/exec.h"
#include "plan/layer.h"
#include "store/order.h"

typedef struct ingest {
    feat_db *db;
    feat_transaction *transaction;
    uint32_t branch;
    const feat_schema *table;
    feat_write_options options;
    feat_arrow_in *in;
    feat_table_writer *writer;
    feat_checks *checks;
    feat_filter *filter;      /* of a delete */
    feat_evolution evolution; /* when the rows may bring columns */
    feat_unique unique;
    size_t part_rows, part_room; /* most rows, and bytes, of a part */
    char *what;                  /* "table 'purchases'" */
    feat_field *fields;          /* the columns that come from the stream */
    uint32_t *from;              /* from[k]: the table's field that is fields[k] */
    bool *optional, *comes;
    size_t n_from;
    feat_batch pulled;     /* the stream's current batch: those columns */
    uint32_t *pulled_from; /* those that `pulled` was made for */
    size_t n_pulled;
    size_t used; /* rows of it that are in a part */
    bool end;
    feat_batch part, chunk; /* rows as they came, with all columns; sorted rows for one segment */
    uint32_t *kept, *order;
    feat_sort_item *items;
    size_t kept_capacity, items_capacity;
    int64_t rows_read, rows_written, rows_cleared;
    int64_t arrival; /* when the rows came in, where the stream does not say so */
} ingest;

static void ingest_done(ingest *g) {
    feat_table_writer_abort(g->writer);
    feat_arrow_in_close(g->in);
    feat_checks_free(g->checks);
    feat_filter_free(g->filter);
    feat_evolution_done(&g->evolution);
    feat_unique_done(&g->unique);
    feat_batch_done(&g->pulled);
    feat_batch_done(&g->part);
    feat_batch_done(&g->chunk);
    feat_free(g->what);
    feat_free(g->fields);
    feat_free(g->from);
    feat_free(g->pulled_from);
    feat_free(g->optional);
    feat_free(g->comes);
    feat_free(g->kept);
    feat_free(g->order);
    feat_free(g->items);
}

/* Those options that belong to one mode each. */
static feat_status check_choices(const feat_schema *table, const feat_write_options *opt, feat_error *err) {
    if (opt->where && opt->mode != FEAT_WRITE_DELETE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': only a delete has a condition", table->name);
    if ((opt->start || opt->end) && opt->mode != FEAT_WRITE_OVERWRITE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': only an overwrite has a range of times", table->name);
    if (opt->start && opt->end && *opt->start >= *opt->end)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': the range of times is empty, its start is not before its end",
                         table->name);
    if ((int)opt->matched < FEAT_MATCHED_UPDATE || opt->matched > FEAT_MATCHED_ERROR ||
        (int)opt->not_matched < FEAT_NOT_MATCHED_INSERT || opt->not_matched > FEAT_NOT_MATCHED_ERROR)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': %d and %d are no choices of a merge", table->name,
                         (int)opt->matched, (int)opt->not_matched);
    if (opt->merge_schema && (opt->mode == FEAT_WRITE_DELETE || opt->mode == FEAT_WRITE_END))
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': a delete or an end brings no columns", table->name);
    if ((opt->matched || opt->not_matched) && opt->mode != FEAT_WRITE_MERGE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': only a merge has choices for rows that match or do not",
                         table->name);
    return FEAT_OK;
}

static feat_status check_options(const feat_schema *table, const feat_write_options *opt, feat_error *err) {
    if (feat_layer_is(table->name))
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s' is the layer of a feature view: it holds what materialising the view has computed",
                         table->name);
    if ((int)opt->mode < FEAT_WRITE_APPEND || opt->mode > FEAT_WRITE_MERGE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': %d is no mode of writing", table->name, (int)opt->mode);
    if ((int)opt->on_conflict < FEAT_CONFLICT_SKIP_IDENTICAL || opt->on_conflict > FEAT_CONFLICT_REPLACE)
        return feat_fail(err, FEAT_ARGUMENT, "table '%s': %d is no rule for conflicts", table->name,
                         (int)opt->on_conflict);
    FEAT_TRY(check_choices(table, opt, err));
    if ((opt->mode == FEAT_WRITE_UPSERT || opt->mode == FEAT_WRITE_MERGE) && table->n_unique == 0)
        return feat_fail(
            err, FEAT_ARGUMENT,
            "table '%s' has no UNIQUE key, which tells an upsert or a merge what to replace; append instead, or "
            "define the table with UNIQUE (...)",
            table->name);
    if (opt->mode == FEAT_WRITE_DELETE && !opt->where && table->n_unique == 0)
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s' has no UNIQUE key, which tells a delete what is meant; delete by a condition, or "
                         "define the table with UNIQUE (...)",
                         table->name);
    if (opt->mode == FEAT_WRITE_END && !table->dimension)
        return feat_fail(err, FEAT_ARGUMENT,
                         "table '%s' is no dimension: its rows are events, which do not end; delete them, or create it "
                         "with CREATE DIMENSION",
                         table->name);
    return FEAT_OK;
}

/* ---- Which columns come from the stream. ---- */

static bool names_rows(const ingest *g) {
    return g->options.mode == FEAT_WRITE_DELETE || g->options.mode == FEAT_WRITE_END;
}

static void take(ingest *g, uint32_t field, bool optional) {
    g->fields[g->n_from] = g->table->fields[field];
    if (g->options.mode == FEAT_WRITE_DELETE) g->fields[g->n_from].not_null = false; /* NULL names no row */
    g->from[g->n_from] = field;
    g->optional[g->n_from++] = optional;
    g->comes[field] = true;
}

static feat_status choose_columns(ingest *g, feat_error *err) {
    const feat_schema *table = g->table;
    size_t n = table->n_fields;
    int arrival = feat_schema_arrival(table);
    if (!g->comes) {
        g->fields = feat_alloc_array(n, sizeof *g->fields);
        g->from = feat_alloc_array(n, sizeof *g->from);
        g->pulled_from = feat_alloc_array(n, sizeof *g->pulled_from);
        g->optional = feat_alloc_array(n, sizeof *g->optional);
        g->comes = feat_alloc_array(n, sizeof *g->comes);
        if (!g->fields || !g->from || !g->pulled_from || !g->optional || !g->comes) return feat_fail_memory(err);
    }
    memset(g->comes, 0, n * sizeof *g->comes);
    g->n_from = 0;
    g->unique.arrived = false;
    if (names_rows(g)) {
        for (size_t i = 0; i < table->n_unique; i++) take(g, table->unique[i], false);
        return FEAT_OK;
    }
    for (uint32_t i = 0; i < n; i++) {
        const feat_field *field = &table->fields[i];
        if (table->dimension && i == table->ended) continue;
        if ((int)i == arrival && feat_arrow_in_find(g->in, field->name) < 0) {
            g->unique.arrived = true;
            g->unique.arrival = i;
            if (g->transaction) g->arrival = feat_transaction_known_at(g->transaction);
            if (!g->arrival) g->arrival = feat_clock_now();
        } else if (!field->default_value.type) take(g, i, !field->not_null);
        else if (feat_arrow_in_find(g->in, field->name) >= 0) take(g, i, false);
    }
    return FEAT_OK;
}

/* Fills the columns of the part that do not come from the stream. */
static feat_status fill_others(ingest *g, size_t rows, feat_error *err) {
    static const uint8_t yes = 1;
    static const feat_constant_value null = {0}, ended = {.type = FEAT_TYPE_BOOLEAN, .bytes = &yes, .size = 1};
    const feat_schema *table = g->table;
    const feat_constant_value arrived = {.type = FEAT_TYPE_TIMESTAMP, .bytes = &g->arrival, .size = sizeof g->arrival};
    if (g->options.mode == FEAT_WRITE_DELETE) return FEAT_OK; /* only the keys are looked at */
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_constant_value *value = &null;
        if (g->comes[i]) continue;
        if (g->options.mode != FEAT_WRITE_END) value = &table->fields[i].default_value;
        else if (i == table->ended) value = &ended;
        if (g->unique.arrived && i == g->unique.arrival) value = &arrived;
        if (feat_column_append_value(&g->part.columns[i], value, rows) != 0) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

/* ---- Preparing. ---- */

/* A batch for the columns that come; one for the same columns is there already where streams follow one another. */
static feat_status prepare_pulled(ingest *g, feat_type *types, feat_error *err) {
    if (g->pulled.columns && g->n_pulled == g->n_from &&
        memcmp(g->pulled_from, g->from, g->n_from * sizeof *g->from) == 0) {
        feat_batch_clear(&g->pulled);
        return FEAT_OK;
    }
    feat_batch_done(&g->pulled);
    g->pulled = (feat_batch){0};
    for (size_t i = 0; i < g->n_from; i++) types[i] = g->fields[i].type;
    FEAT_TRY(feat_batch_init(&g->pulled, types, g->n_from, err));
    memcpy(g->pulled_from, g->from, g->n_from * sizeof *g->from);
    g->n_pulled = g->n_from;
    return FEAT_OK;
}

static feat_status prepare_batches(ingest *g, feat_error *err) {
    const feat_schema *table = g->table;
    size_t n = table->n_fields;
    feat_type *types = feat_alloc_array(n, sizeof *types);
    feat_status status = FEAT_OK;
    if (!types) return feat_fail_memory(err);
    FEAT_GOTO(status, prepare_pulled(g, types, err), out);
    for (size_t i = 0; i < n; i++) types[i] = table->fields[i].type;
    if (!g->part.columns) FEAT_GOTO(status, feat_batch_init(&g->part, types, n, err), out);
    if (!g->chunk.columns) FEAT_GOTO(status, feat_batch_init(&g->chunk, types, n, err), out);
out:
    feat_free(types);
    return status;
}

static feat_status prepare_name(ingest *g, feat_error *err) {
    feat_buffer what;
    feat_buffer_init(&what);
    feat_buffer_printf(&what, "%s '%s'", g->table->dimension ? "dimension" : "table", g->table->name);
    g->what = feat_buffer_take_text(&what);
    return g->what ? FEAT_OK : feat_fail_memory(err);
}

static feat_status prepare(ingest *g, feat_error *err) {
    const feat_schema *table = g->table;
    FEAT_TRY(prepare_name(g, err));
    g->order = feat_alloc_array(table->n_fields, sizeof *g->order);
    if (!g->order) return feat_fail_memory(err);
    feat_table_order(table, g->order);
    FEAT_TRY(choose_columns(g, err));
    FEAT_TRY(prepare_batches(g, err));
    FEAT_TRY(feat_arrow_in_bind(g->in, g->fields, g->optional, g->n_from, !names_rows(g), g->what, err));
    if (!names_rows(g)) FEAT_TRY(feat_checks_new(table, &g->checks, err));
    FEAT_TRY(feat_table_writer_begin_in(g->transaction, table, &g->writer, err));
    g->unique.writer = g->writer;
    if (g->options.mode != FEAT_WRITE_OVERWRITE) return FEAT_OK;
    feat_time_range range = {g->options.start, g->options.end};
    if (range.start || range.end) return feat_remove_range(g->writer, table, &range, &g->rows_cleared, err);
    return feat_table_writer_clear(g->writer, &g->rows_cleared, err);
}

/* ---- Parts. ---- */

static size_t part_bytes(const feat_batch *part) {
    size_t bytes = 0;
    for (size_t i = 0; i < part->n_columns; i++) bytes += feat_column_bytes(&part->columns[i]);
    return bytes;
}

static size_t part_room(void) {
    uint64_t room = feat_machine_memory() / FEAT_INGEST_OF_MEMORY;
    if (room < FEAT_INGEST_LEAST_BYTES) room = FEAT_INGEST_LEAST_BYTES;
    return (size_t)(room < FEAT_INGEST_MOST_BYTES ? room : FEAT_INGEST_MOST_BYTES);
}

/* Fills the part with the next rows of the stream, whatever its batches; empty at the end. What it ends with is decided
 * by whole batches, so that it is large: a part is sorted as one, and reading merges parts. */
static feat_status next_part(ingest *g, feat_error *err) {
    feat_batch_clear(&g->part);
    while (g->part.length < g->part_rows && part_bytes(&g->part) < g->part_room) {
        size_t left = g->pulled.length - g->used, room = g->part_rows - g->part.length;
        if (left == 0) {
            if (g->end) break;
            size_t came = 0;
            feat_batch_clear(&g->pulled);
            g->used = 0;
            FEAT_TRY(feat_arrow_in_next(g->in, g->pulled.columns, g->rows_read, &came, &g->end, NULL, err));
            g->pulled.length = came;
            g->rows_read += (int64_t)came;
            continue;
        }
        size_t rows = left < room ? left : room;
        if (rows > FEAT_INGEST_SEGMENT_ROWS) rows = FEAT_INGEST_SEGMENT_ROWS; /* the bytes are looked at now and then */
        for (size_t i = 0; i < g->n_from; i++)
            if (feat_column_append_range(&g->part.columns[g->from[i]], &g->pulled.columns[i], g->used, rows))
                return feat_fail_memory(err);
        FEAT_TRY(fill_others(g, rows, err));
        g->part.length += rows;
        g->used += rows;
    }
    return FEAT_OK;
}

/* Rows that take the place of a range of times lie in it. */
static feat_status check_range(const ingest *g, int64_t first_row, feat_error *err) {
    feat_time_range range = {g->options.start, g->options.end};
    const feat_schema *table = g->table;
    if (!range.start && !range.end) return FEAT_OK;
    for (size_t row = 0; row < g->part.length; row++) {
        int64_t time = feat_event_time(&g->part.columns[table->time], row), number = first_row + (int64_t)row;
        char text[FEAT_TIME_TEXT_SIZE];
        if (feat_time_range_has(&range, time)) continue;
        feat_format_timestamp(time, text);
        return feat_fail_row(err, FEAT_CONSTRAINT, number,
                             "%s, row %lld: its %s, %s, is outside of the range of times that is overwritten", g->what,
                             (long long)number, table->fields[table->time].name, text);
    }
    return FEAT_OK;
}

/* The rows of the part that are to be written: kept[0..*n), ascending. */
static feat_status choose_rows(ingest *g, int64_t first_row, size_t *n, feat_error *err) {
    *n = g->part.length;
    if (FEAT_GROW(g->kept, g->kept_capacity, *n) != 0) return feat_fail_memory(err);
    g->unique.more = !g->end;
    if (g->checks) FEAT_TRY(feat_checks_run(g->checks, &g->part, first_row, err));
    if (g->table->n_unique > 0) return feat_unique_resolve(&g->unique, &g->part, first_row, g->kept, n, err);
    for (size_t i = 0; i < *n; i++) g->kept[i] = (uint32_t)i;
    return FEAT_OK;
}

static feat_status write_part(ingest *g, int64_t first_row, feat_error *err) {
    size_t n;
    if (FEAT_GROW(g->items, g->items_capacity, g->part.length) != 0) return feat_fail_memory(err);
    FEAT_TRY(check_range(g, first_row, err));
    FEAT_TRY(choose_rows(g, first_row, &n, err));
    for (size_t i = 0; i < n; i++) g->items[i].row = g->kept[i];
    FEAT_TRY(feat_sort_table(g->table, &g->part, g->order, g->items, n, err));
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

static feat_status run(ingest *g, feat_error *err) {
    if (g->options.merge_schema) {
        FEAT_TRY(feat_evolve(g->db, g->table, g->in, &g->evolution, err));
        g->table = g->unique.table = g->evolution.table;
    }
    FEAT_TRY(prepare(g, err));
    for (int64_t first_row = 0;;) {
        FEAT_TRY(next_part(g, err));
        if (g->part.length == 0) return FEAT_OK;
        FEAT_TRY(write_part(g, first_row, err));
        first_row += (int64_t)g->part.length;
    }
}

/* A delete by condition: there are no rows to read. */
static feat_status run_where(ingest *g, feat_error *err) {
    FEAT_TRY(feat_filter_new(g->table, g->options.where, &g->filter, err));
    FEAT_TRY(feat_table_writer_begin_in(g->transaction, g->table, &g->writer, err));
    return feat_remove_where(g->writer, g->table, g->filter, &g->rows_cleared, err);
}

static feat_operation operation_of(const feat_write_options *opt) {
    if (opt->application && strncmp(opt->application, FEAT_DERIVATION_PREFIX, strlen(FEAT_DERIVATION_PREFIX)) == 0)
        return FEAT_OPERATION_DERIVE;
    switch (opt->mode) {
    case FEAT_WRITE_MERGE:
    case FEAT_WRITE_UPSERT: return FEAT_OPERATION_UPSERT;
    case FEAT_WRITE_DELETE: return FEAT_OPERATION_DELETE;
    case FEAT_WRITE_END: return FEAT_OPERATION_END;
    case FEAT_WRITE_OVERWRITE: return FEAT_OPERATION_OVERWRITE;
    case FEAT_WRITE_APPEND: break;
    }
    return FEAT_OPERATION_APPEND;
}

/* Hands what was done to the transaction. */
static feat_status finish(ingest *g, feat_commit *done, feat_error *err) {
    feat_table_writer *writer = g->writer;
    feat_application application = {g->options.application, g->options.sequence};
    g->writer = NULL;
    FEAT_TRY(feat_table_writer_finish(writer, operation_of(&g->options), err));
    if (g->evolution.any) FEAT_TRY(feat_transaction_define(g->transaction, &g->evolution.def, err));
    if (application.name) FEAT_TRY(feat_transaction_apply(g->transaction, g->table->table_id, &application, err));
    *done = (feat_commit){.rows_read = g->rows_read,
                          .rows_added = g->rows_written - g->unique.rows_replaced,
                          .rows_replaced = g->unique.rows_replaced,
                          .rows_removed = g->unique.rows_removed + g->rows_cleared,
                          .rows_skipped = g->unique.rows_skipped,
                          .online = FEAT_OK};
    return FEAT_OK;
}

/* Whether the call was made before; if so, `done` says when. */
static feat_status find_repeated(const ingest *g, bool *repeated, feat_commit *done, feat_error *err) {
    uint64_t sequence, version;
    feat_commit_info info = {0};
    *repeated = false;
    if (!g->options.application) return FEAT_OK;
    FEAT_TRY(feat_application_find(g->db, g->branch, g->table->table_id, g->options.application, repeated, &sequence,
                                   &version, err));
    *repeated = *repeated && g->options.sequence <= sequence;
    if (!*repeated) return FEAT_OK;
    if (version > 0) FEAT_TRY(feat_version_read(g->db, version, &info, err));
    *done = (feat_commit){.version = version, .known_time = info.known_time, .repeated = 1};
    return FEAT_OK;
}

static feat_status check_expected(const ingest *g, feat_error *err) {
    uint64_t last;
    if (!g->options.expected_version) return FEAT_OK;
    FEAT_TRY(feat_version_of_table(g->db, g->table->table_id, feat_transaction_parent(g->transaction), &last, err));
    if (last <= *g->options.expected_version) return FEAT_OK;
    return feat_fail(err, FEAT_CONFLICT,
                     "table '%s' was changed by version %llu, behind the expected %llu; read it again and decide anew",
                     g->table->name, (unsigned long long)last, (unsigned long long)*g->options.expected_version);
}

static feat_status write_rows(ingest *g, struct ArrowArrayStream *rows, feat_commit *done, feat_error *err) {
    if (rows) FEAT_TRY(feat_arrow_in_open(rows, &g->in, err));
    FEAT_TRY(rows ? run(g, err) : run_where(g, err));
    return finish(g, done, err);
}

static feat_status ingest_in(feat_transaction *t, const feat_schema *table, struct ArrowArrayStream *rows,
                             const feat_write_options *opt, size_t part_rows, feat_commit *done, feat_error *err) {
    ingest g = {.db = feat_transaction_db(t),
                .transaction = t,
                .branch = feat_transaction_branch(t),
                .table = table,
                .options = *opt,
                .part_rows = part_rows,
                .part_room = part_room()};
    g.unique = (feat_unique){.table = table,
                             .mode = g.options.mode,
                             .on_conflict = g.options.on_conflict,
                             .matched = g.options.matched,
                             .not_matched = g.options.not_matched};
    bool repeated = false;
    feat_status status = check_options(table, &g.options, err);
    if (status == FEAT_OK && feat_transaction_defines(t, table->table_id))
        status = feat_fail(err, FEAT_CONFLICT,
                           "an earlier write of this transaction gave table '%s' new columns: commit, then write to it",
                           table->name);
    if (status == FEAT_OK) status = find_repeated(&g, &repeated, done, err);
    if (status == FEAT_OK && !repeated) status = check_expected(&g, err);
    if (status != FEAT_OK || repeated) {
        if (rows) {
            rows->release(rows);
            rows->release = NULL;
        }
        return status;
    }
    status = write_rows(&g, rows, done, err);
    ingest_done(&g);
    return status;
}

feat_status feat_ingest_in(feat_transaction *t, const feat_schema *table, struct ArrowArrayStream *rows,
                           const feat_write_options *opt, feat_commit *done, feat_error *err) {
    return ingest_in(t, table, rows, opt, FEAT_INGEST_PART_ROWS, done, err);
}

/* A transaction of this one write. */
static feat_status ingest_alone(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                                const feat_write_options *opt, size_t part_rows, feat_commit *done, feat_error *err) {
    uint32_t branch;
    feat_transaction *t = NULL;
    feat_commit_info info;
    feat_status status = feat_branch_find(db, opt->branch, &branch, err);
    if (status == FEAT_OK) status = feat_transaction_begin(db, branch, opt->known_at, &t, err);
    if (status != FEAT_OK && rows) {
        rows->release(rows);
        rows->release = NULL;
    }
    if (status == FEAT_OK) status = ingest_in(t, table, rows, opt, part_rows, done, err);
    if (status != FEAT_OK || done->repeated) {
        feat_transaction_abort(t);
        return status;
    }
    FEAT_TRY(feat_transaction_commit(t, &info, err));
    done->version = info.version;
    done->known_time = info.known_time;
    return FEAT_OK;
}

feat_status feat_ingest_parts(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                              const feat_write_options *opt, size_t part_rows, feat_commit *done, feat_error *err) {
    feat_write_options options = FEAT_WRITE_OPTIONS_INIT;
    feat_commit commit = {0};
    if (opt) options = *opt;
    FEAT_TRY(ingest_alone(db, table, rows, &options, part_rows, &commit, err));
    if (done) *done = commit;
    return FEAT_OK;
}

feat_status feat_ingest(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                        const feat_write_options *opt, feat_commit *done, feat_error *err) {
    return feat_ingest_parts(db, table, rows, opt, FEAT_INGEST_PART_ROWS, done, err);
}

/* ---- Rows for the tail. ---- */

struct feat_intake {
    ingest g;
};

feat_status feat_intake_new(feat_db *db, const feat_schema *table, feat_table_writer *held, feat_intake **out,
                            feat_error *err) {
    feat_intake *intake = feat_alloc_zero(1, sizeof *intake);
    if (!intake) return feat_fail_memory(err);
    ingest *g = &intake->g;
    g->db = db;
    g->table = table;
    g->options = (feat_write_options)FEAT_WRITE_OPTIONS_INIT;
    g->part_rows = FEAT_INTAKE_ROWS + 1;
    g->part_room = SIZE_MAX;
    g->unique = (feat_unique){.table = table, .writer = held, .mode = FEAT_WRITE_APPEND};
    feat_status status = check_options(table, &g->options, err);
    if (status == FEAT_OK) status = prepare_name(g, err);
    if (status == FEAT_OK) status = feat_checks_new(table, &g->checks, err);
    if (status == FEAT_OK) *out = intake;
    else feat_intake_free(intake);
    return status;
}

void feat_intake_free(feat_intake *intake) {
    if (!intake) return;
    ingest_done(&intake->g);
    feat_free(intake);
}

static feat_status take_rows(ingest *g, struct ArrowArrayStream *rows, feat_error *err) {
    size_t n;
    FEAT_TRY(feat_arrow_in_open(rows, &g->in, err));
    FEAT_TRY(choose_columns(g, err));
    FEAT_TRY(prepare_batches(g, err));
    FEAT_TRY(feat_arrow_in_bind(g->in, g->fields, g->optional, g->n_from, true, g->what, err));
    FEAT_TRY(next_part(g, err));
    if (g->part.length > FEAT_INTAKE_ROWS)
        return feat_fail(err, FEAT_LIMIT, "%s: more than %d rows in one push; write them", g->what,
                         (int)FEAT_INTAKE_ROWS);
    feat_batch_clear(&g->chunk);
    if (g->part.length == 0) return FEAT_OK;
    FEAT_TRY(choose_rows(g, 0, &n, err));
    for (size_t i = 0; i < g->part.n_columns; i++)
        if (feat_column_append_rows(&g->chunk.columns[i], &g->part.columns[i], g->kept, n))
            return feat_fail_memory(err);
    g->chunk.length = n;
    return FEAT_OK;
}

feat_status feat_intake_take(feat_intake *intake, struct ArrowArrayStream *rows, feat_on_conflict on_conflict,
                             int64_t arrival, const feat_batch **taken, int64_t *skipped, feat_error *err) {
    ingest *g = &intake->g;
    g->unique.on_conflict = on_conflict;
    g->arrival = arrival;
    g->used = 0;
    g->end = false;
    g->rows_read = 0;
    if (g->pulled.columns) feat_batch_clear(&g->pulled);
    feat_status status = take_rows(g, rows, err);
    feat_arrow_in_close(g->in);
    g->in = NULL;
    feat_unique_done(&g->unique);
    *taken = &g->chunk;
    *skipped = (int64_t)(g->part.length - g->chunk.length);
    return status;
}
