/* A run computes a view at one time for entities, and commits their rows and its own record together. What there is of
 * earlier runs decides for which entities; what there is of later ones, which rows must be restated there, so that an
 * entity that had no row of its own at a later run still reads what that run found. */
#include "engine/materialize.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "engine/affected.h"
#include "engine/ingest.h"
#include "engine/layer.h"
#include "engine/project.h"
#include "engine/uses.h"
#include "exec/cell.h"
#include "text/print.h"

/* A lot has at least so many entities, whatever the memory. */
enum { ENTITIES_AT_ONCE = 262144, LEAST_LOT = 16384 };
/* Of progress: what a time counts as. */
enum { UNITS = 1000 };

typedef struct run {
    feat_db *db;
    const feat_view *view;
    const feat_schema *layer;
    const feat_materialize_options *opt;
    feat_affecting affecting;
    feat_drift drift;
    feat_layer_run *runs; /* that are stored, by time */
    size_t n_runs;
    int64_t t;
    uint64_t input, newest;
    feat_table_writer *writer;
    feat_machine *machine;
    /* Entities of a lot: their key parts, and rows of the layer being made. */
    feat_column *columns;
    const feat_column **inputs;
    int64_t *times, *errors; /* errors: by lane, the words of its features */
    uint32_t *numbers;
    feat_batch rows, chunk;
    feat_sort_item *items;
    uint32_t *picked;
    size_t room, times_capacity, numbers_capacity, items_capacity, picked_capacity;
    int64_t entities, written, restated, total;
    bool full, restating;
    size_t n_times, n_done; /* of the call */
    feat_work choosing, computing;
    int64_t choose_ns, write_ns;
    uint64_t lots, computed;
} run;

/* Called by whatever works; how far that is within a lot is not told. */
static int watch(void *context, uint64_t done, uint64_t total) {
    const run *r = context;
    (void)done;
    (void)total;
    if (!r->opt->progress) return 0;
    uint64_t part = r->total ? (uint64_t)((double)(r->entities + r->restated) / (double)r->total * UNITS) : 0;
    return r->opt->progress(r->opt->progress_context, r->n_done * (uint64_t)UNITS + (part < UNITS ? part : UNITS),
                            r->n_times * (uint64_t)UNITS);
}

static feat_status report(void *state, feat_error *err) {
    run *r = state;
    if (watch(r, 0, 0) == 0) return FEAT_OK;
    return feat_fail(err, FEAT_CANCELLED, "materialising '%.200s' was cancelled by the caller", r->view->name);
}

/* ---- Which version the view's data has. ---- */

/* The newest version that changed a table that the view reads: other commits, those of its layer among them, leave it
 * as it is. */
static feat_status input_version(feat_db *db, const feat_view *view, uint64_t newest, uint64_t *version,
                                 feat_error *err) {
    feat_block_list blocks;
    feat_status status = feat_block_list_of(&view->stage, &blocks, err);
    *version = 0;
    for (size_t i = 0; status == FEAT_OK && i < blocks.n; i++)
        for (size_t b = 0; status == FEAT_OK && b < blocks.blocks[i]->n_branches; b++) {
            uint64_t last = 0;
            status = feat_version_of_table(db, blocks.blocks[i]->branches[b].table->table_id, newest, &last, err);
            if (status == FEAT_OK && last > *version) *version = last;
        }
    feat_block_list_done(&blocks);
    return status;
}

/* ---- Rows. ---- */

static feat_status no_memory(int failed, feat_error *err) { return failed ? feat_fail_memory(err) : FEAT_OK; }

/* Hands the rows of the lot to the store, in the table's order. */
static feat_status write_rows(run *r, feat_error *err) {
    size_t n = r->rows.length;
    int64_t started = feat_clock_ticks();
    for (size_t i = 0; i < n; i++) r->items[i].row = (uint32_t)i;
    FEAT_TRY(feat_sort_rows(&r->rows, r->layer->key, r->layer->n_key, r->items, n, err));
    for (size_t i = 0; i < n; i++) r->picked[i] = r->items[i].row;
    for (size_t start = 0; start < n; start += FEAT_INGEST_SEGMENT_ROWS) {
        size_t length = n - start < FEAT_INGEST_SEGMENT_ROWS ? n - start : FEAT_INGEST_SEGMENT_ROWS;
        feat_batch_clear(&r->chunk);
        for (size_t i = 0; i < r->rows.n_columns; i++)
            FEAT_TRY(no_memory(
                feat_column_append_rows(&r->chunk.columns[i], &r->rows.columns[i], r->picked + start, length), err));
        r->chunk.length = length;
        FEAT_TRY(feat_table_writer_add(r->writer, &r->chunk, err));
    }
    feat_batch_clear(&r->rows);
    r->write_ns += feat_clock_ticks() - started;
    return FEAT_OK;
}

static feat_column *column(run *r, feat_layer_field field) {
    return &r->rows.columns[feat_layer_column(r->view, field)];
}

/* What rows of entities have besides key and features; the key parts of the lot are copied. */
static feat_status fill_row_columns(run *r, size_t n, int64_t at, feat_error *err) {
    int failed = 0;
    for (size_t k = 0; k < r->view->n_key; k++)
        failed |= feat_column_append_range(&r->rows.columns[k], &r->columns[k], 0, n);
    for (size_t i = 0; i < n && !failed; i++) {
        failed |= feat_column_append_int(&r->rows.columns[feat_layer_time(r->view)], at);
        failed |= feat_column_append_int(column(r, FEAT_LAYER_RUN), 0);
    }
    static const feat_layer_field of_runs[] = {FEAT_LAYER_INPUT, FEAT_LAYER_ENTITIES, FEAT_LAYER_ROWS, FEAT_LAYER_FULL};
    for (size_t i = 0; i < sizeof of_runs / sizeof *of_runs && !failed; i++)
        failed |= feat_column_append_nulls(column(r, of_runs[i]), n);
    r->rows.length += n;
    return no_memory(failed, err);
}

/* Rows that say that the lot's entities are known no more. */
static feat_status fill_gone(run *r, size_t n, int64_t at, feat_error *err) {
    int failed = feat_column_append_nulls(column(r, FEAT_LAYER_FOUND), n);
    failed |= feat_column_append_nulls(column(r, FEAT_LAYER_EXPIRED), n);
    for (size_t i = 0; i < feat_layer_error_fields(r->view); i++)
        failed |= feat_column_append_nulls(&r->rows.columns[feat_layer_errors(r->view, i)], n);
    for (size_t f = 0; f < r->view->n_features; f++)
        failed |= feat_column_append_nulls(&r->rows.columns[feat_layer_feature(r->view, f)], n);
    FEAT_TRY(no_memory(failed, err));
    return fill_row_columns(r, n, at, err);
}

/* Lanes of a status: `none` where the view has no such output. */
static feat_status fill_truths(run *r, feat_layer_field field, bool has, size_t output, size_t n, bool none,
                               feat_error *err) {
    uint8_t states[FEAT_LANES];
    const feat_vector *v = has ? feat_machine_register(r->machine, r->view->stage.code->outputs[output]) : NULL;
    if (v) feat_vector_states(v, n, states);
    for (size_t i = 0; i < n; i++) {
        bool truth = v ? states[i] == FEAT_STATE_VALUE && feat_vector_cell(v, i).v.b : none;
        FEAT_TRY(no_memory(feat_column_append_int(column(r, field), truth), err));
    }
    return FEAT_OK;
}

/* A part of a key as CAST prints it. */
static void print_part(feat_buffer *out, const feat_column *c, size_t row) {
    char text[FEAT_PRINT_SIZE];
    size_t n = 0;
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: {
        feat_text value = feat_column_text(c, row);
        feat_buffer_append(out, value.data, value.length);
        return;
    }
    case FEAT_TYPE_UBIGINT: n = feat_print_decimal(feat_column_wide(c, row), 20, 0, text); break;
    case FEAT_TYPE_DECIMAL:
        n = feat_print_decimal(feat_column_wide(c, row), FEAT_TYPE_PRECISION(c->type), FEAT_TYPE_SCALE(c->type), text);
        break;
    case FEAT_TYPE_DATE: n = feat_print_date(feat_column_int(c, row), text); break;
    case FEAT_TYPE_TIMESTAMP: n = feat_print_timestamp(feat_column_int(c, row), text); break;
    default: n = feat_print_integer(feat_column_int(c, row), text);
    }
    feat_buffer_append(out, text, n);
}

/* A value that is an error fails the run, naming its entity. */
static feat_status refuse_error(const run *r, size_t feature, size_t row, feat_error *err) {
    feat_buffer entity;
    feat_buffer_init(&entity);
    for (size_t k = 0; k < r->view->n_key; k++) {
        if (k) feat_buffer_text(&entity, ", ");
        print_part(&entity, &r->columns[k], row);
    }
    char *text = feat_buffer_take_text(&entity);
    feat_status status =
        feat_fail(err, FEAT_DATA,
                  "feature view '%.200s', entity (%.200s), feature '%.200s': the value is an error (overflow or a "
                  "failed conversion); ask for NULL instead, or mend the definition",
                  r->view->name, text ? text : "", r->view->features[feature].name);
    feat_free(text);
    return status;
}

static feat_status fill_feature(run *r, size_t feature, size_t start, size_t n, feat_error *err) {
    uint8_t states[FEAT_LANES];
    const feat_vector *v = feat_machine_register(r->machine, r->view->stage.code->outputs[feature]);
    feat_vector_states(v, n, states);
    size_t words = feat_layer_error_fields(r->view), word = feature / FEAT_LAYER_ERRORS_A_FIELD;
    for (size_t i = 0; i < n; i++) {
        if (states[i] != FEAT_STATE_ERROR) continue;
        if (r->opt->on_error == FEAT_ON_ERROR_FAIL && !r->restating) return refuse_error(r, feature, start + i, err);
        r->errors[i * words + word] |= (int64_t)1 << feature % FEAT_LAYER_ERRORS_A_FIELD;
    }
    return no_memory(feat_vector_store(v, n, &r->rows.columns[feat_layer_feature(r->view, feature)]), err);
}

/* All features of n lanes, and which of them are errors. */
static feat_status fill_features(run *r, size_t start, size_t n, feat_error *err) {
    size_t words = feat_layer_error_fields(r->view);
    if (words) memset(r->errors, 0, n * words * sizeof *r->errors);
    for (size_t f = 0; f < r->view->n_features; f++) FEAT_TRY(fill_feature(r, f, start, n, err));
    for (size_t i = 0; i < n; i++)
        for (size_t w = 0; w < words; w++)
            FEAT_TRY(no_memory(
                feat_column_append_int(&r->rows.columns[feat_layer_errors(r->view, w)], r->errors[i * words + w]),
                err));
    return FEAT_OK;
}

/* Rows with the values of the lot's entities at a moment: what a training set would say, by the same code. */
static feat_status fill_values(run *r, size_t n, feat_moment at, feat_error *err) {
    const feat_view *view = r->view;
    const feat_code *code = view->stage.code;
    feat_answers *answers = feat_alloc_zero(code->n_joins, sizeof *answers);
    if (!answers) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) r->times[i] = at.t;
    feat_answering how = {.db = r->db,
                          .version = at.version,
                          .threads = r->affecting.threads,
                          .memory = r->affecting.memory,
                          .spill_directory = r->opt->spill_directory,
                          .work = &r->computing};
    feat_status status = feat_answer_blocks(&how, code, r->inputs, r->times, n, answers, err);
    int64_t ticks = feat_clock_ticks();
    feat_row_source rows = {r->inputs, r->times, answers};
    r->lots++;
    r->computed += n;
    bool present = view->present != FEAT_NO_NODE, found = view->found != FEAT_NO_NODE,
         expired = view->expired != FEAT_NO_NODE;
    for (size_t start = 0; start < n && status == FEAT_OK; start += FEAT_LANES) {
        size_t part = n - start < FEAT_LANES ? n - start : FEAT_LANES, next = view->n_features + present;
        feat_row_source_load(&rows, code, code->n_joins, r->machine, start, part);
        status = feat_machine_run(r->machine, part, err);
        if (status == FEAT_OK) status = fill_features(r, start, part, err);
        if (status == FEAT_OK) status = fill_truths(r, FEAT_LAYER_FOUND, found, next, part, true, err);
        if (status == FEAT_OK) status = fill_truths(r, FEAT_LAYER_EXPIRED, expired, next + found, part, false, err);
    }
    for (size_t j = 0; j < code->n_joins; j++) feat_answers_done(&answers[j]);
    feat_free(answers);
    if (status == FEAT_OK) status = fill_row_columns(r, n, at.t, err);
    (void)feat_work_spent(&r->computing, FEAT_WORK_OUTPUT, ticks);
    return status;
}

static feat_status reserve_lot(run *r, size_t n, feat_error *err) {
    if (FEAT_GROW(r->times, r->times_capacity, n) != 0 || FEAT_GROW(r->numbers, r->numbers_capacity, n) != 0 ||
        FEAT_GROW(r->items, r->items_capacity, n) != 0 || FEAT_GROW(r->picked, r->picked_capacity, n) != 0)
        return feat_fail_memory(err);
    return FEAT_OK;
}

/* Writes rows at a moment for entities: values for those that are known, and that they are gone for the others. */
static feat_status write_entities(run *r, const feat_touched *entities, feat_moment at, int64_t *written,
                                  feat_error *err) {
    feat_touched parts[2]; /* gone, known */
    feat_status status = FEAT_OK;
    feat_touched_init(&parts[0]);
    feat_touched_init(&parts[1]);
    for (uint32_t i = 0; i < entities->keys.n && status == FEAT_OK; i++) {
        size_t size;
        const void *key = feat_keymap_key(&entities->keys, i, &size);
        if (entities->flags[i] & FEAT_TOUCH_CHANGED)
            status = feat_touched_add(&parts[(entities->flags[i] & FEAT_TOUCH_KNOWN) != 0], key, size, 0, err);
    }
    for (int known = 0; known < 2 && status == FEAT_OK; known++) {
        size_t all = parts[known].keys.n, room = all < r->room ? all : r->room;
        status = reserve_lot(r, room, err);
        for (uint32_t from = 0; from < all && status == FEAT_OK;) {
            size_t n = 0;
            status = feat_entities_columns(r->view, &parts[known].keys, &from, room, r->columns, r->numbers, &n, err);
            if (status == FEAT_OK) status = known ? fill_values(r, n, at, err) : fill_gone(r, n, at.t, err);
            if (status == FEAT_OK) status = write_rows(r, err);
            *written += (int64_t)n;
            if (known && written == &r->written) r->entities += (int64_t)n;
            if (status == FEAT_OK) status = report(r, err);
        }
    }
    feat_touched_done(&parts[0]);
    feat_touched_done(&parts[1]);
    return status;
}

/* ---- A run among others. ---- */

/* Takes away the rows that the entities have at the run's own time: those of an earlier run from other data. */
static feat_status delete_rows(run *r, feat_touched *entities, const feat_layer_run *record, feat_error *err) {
    size_t n = entities->keys.n, kept = 0;
    feat_row_address *rows = feat_alloc_array(n + 1, sizeof *rows);
    bool *has = feat_alloc_zero(n, sizeof *has);
    feat_status status = rows && has ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK)
        status = feat_layer_rows(r->db, r->view, r->layer, r->newest, r->t, &entities->keys, rows, has, err);
    for (size_t i = 0; status == FEAT_OK && i < n; i++)
        if (has[i] && (entities->flags[i] & FEAT_TOUCH_CHANGED)) rows[kept++] = rows[i];
    if (status == FEAT_OK) {
        rows[kept++] = record->address;
        status = feat_table_writer_delete(r->writer, rows, kept, err);
    }
    feat_free(rows);
    feat_free(has);
    return status;
}

/* Entities that get a row here and have none at the next run would be read differently there: that run is restated for
 * them, from the data that it read. Errors that it said stay errors. */
static feat_status restate(run *r, feat_touched *entities, const feat_layer_run *next, feat_error *err) {
    size_t n = entities->keys.n;
    feat_moment at = {next->at, next->input};
    feat_touched missing;
    feat_row_address *rows = feat_alloc_array(n, sizeof *rows);
    bool *has = feat_alloc_zero(n, sizeof *has);
    feat_touched_init(&missing);
    feat_status status = rows && has ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK)
        status = feat_layer_rows(r->db, r->view, r->layer, r->newest, next->at, &entities->keys, rows, has, err);
    for (uint32_t i = 0; status == FEAT_OK && i < n; i++) {
        size_t size;
        const void *key = feat_keymap_key(&entities->keys, i, &size);
        if (!has[i] && (entities->flags[i] & FEAT_TOUCH_CHANGED))
            status = feat_touched_add(&missing, key, size, FEAT_TOUCH_CHANGED, err);
    }
    if (status == FEAT_OK) status = feat_entities_known(&r->affecting, at, false, &missing, err);
    r->restating = true;
    if (status == FEAT_OK) status = write_entities(r, &missing, at, &r->restated, err);
    r->restating = false;
    feat_touched_done(&missing);
    feat_free(rows);
    feat_free(has);
    return status;
}

/* Every entity that is known at the run, and those that were at the run before it. */
static feat_status every_entity(run *r, const feat_layer_run *base, feat_touched *entities, feat_error *err) {
    feat_moment now = {r->t, r->input};
    FEAT_TRY(feat_entities_known(&r->affecting, now, true, entities, err));
    size_t known = entities->keys.n;
    if (base) {
        feat_moment before = {base->at, base->input};
        bool may_go;
        FEAT_TRY(feat_entities_may_go(&r->affecting, before, now, &may_go, err));
        if (may_go) FEAT_TRY(feat_entities_known(&r->affecting, before, true, entities, err));
    }
    for (size_t i = 0; i < entities->keys.n; i++)
        entities->flags[i] = FEAT_TOUCH_CHANGED | (i < known ? FEAT_TOUCH_KNOWN : 0);
    return FEAT_OK;
}

static feat_status choose_entities(run *r, const feat_layer_run *base, feat_touched *entities, feat_error *err) {
    r->full = !base || r->opt->full || r->drift.reason;
    if (!r->full) {
        feat_moment before = {base->at, base->input}, now = {r->t, r->input};
        FEAT_TRY(feat_entities_affected(&r->affecting, before, now, entities, &r->full, err));
        if (!r->full) return FEAT_OK;
        feat_touched_done(entities);
        feat_touched_init(entities);
    }
    return every_entity(r, base, entities, err);
}

static feat_status write_record(run *r, feat_error *err) {
    int failed = 0;
    feat_batch_clear(&r->rows);
    for (size_t i = 0; i < r->rows.n_columns; i++) {
        feat_column *c = &r->rows.columns[i];
        if (i == feat_layer_time(r->view)) failed |= feat_column_append_int(c, r->t);
        else if (c == column(r, FEAT_LAYER_RUN)) failed |= feat_column_append_int(c, 1);
        else if (c == column(r, FEAT_LAYER_INPUT)) failed |= feat_column_append_int(c, (int64_t)r->input);
        else if (c == column(r, FEAT_LAYER_ENTITIES)) failed |= feat_column_append_int(c, r->entities);
        else if (c == column(r, FEAT_LAYER_ROWS)) failed |= feat_column_append_int(c, r->written);
        else if (c == column(r, FEAT_LAYER_FULL)) failed |= feat_column_append_int(c, r->full);
        else failed |= feat_column_append_null(c);
    }
    r->rows.length = 1;
    FEAT_TRY(no_memory(failed, err));
    FEAT_TRY(feat_table_writer_add(r->writer, &r->rows, err));
    feat_batch_clear(&r->rows);
    return FEAT_OK;
}

static feat_status run_at(run *r, int64_t t, feat_materialized *done, feat_error *err) {
    const feat_layer_run *base = NULL, *next = NULL;
    feat_touched entities;
    feat_commit_info info;
    r->t = t;
    r->entities = r->written = r->restated = r->total = 0;
    feat_free(r->runs);
    r->runs = NULL;
    FEAT_TRY(feat_version_newest(r->db, &r->newest, err));
    FEAT_TRY(feat_layer_runs(r->db, r->view, r->layer, r->newest, &r->runs, &r->n_runs, err));
    for (size_t i = 0; i < r->n_runs; i++)
        if (r->runs[i].at <= t) base = &r->runs[i];
        else if (!next) next = &r->runs[i];
    bool again = base && base->at == t;
    done->input = r->input;
    if (again && base->input == r->input) {
        done->runs_present++;
        return FEAT_OK;
    }
    FEAT_TRY(report(r, err));
    int64_t ticks = feat_clock_ticks();
    feat_touched_init(&entities);
    feat_status status = choose_entities(r, base, &entities, err);
    r->choose_ns += feat_clock_ticks() - ticks;
    for (size_t i = 0; status == FEAT_OK && i < entities.keys.n; i++)
        r->total +=
            (entities.flags[i] & (FEAT_TOUCH_CHANGED | FEAT_TOUCH_KNOWN)) == (FEAT_TOUCH_CHANGED | FEAT_TOUCH_KNOWN);
    if (status == FEAT_OK) status = feat_table_writer_begin(r->db, r->layer, &r->writer, err);
    if (status == FEAT_OK && again) status = delete_rows(r, &entities, base, err);
    if (status == FEAT_OK) status = write_entities(r, &entities, (feat_moment){t, r->input}, &r->written, err);
    if (status == FEAT_OK && next) status = restate(r, &entities, next, err);
    if (status == FEAT_OK) status = write_record(r, err);
    feat_touched_done(&entities);
    if (status == FEAT_OK) {
        feat_table_writer *ready = r->writer;
        r->writer = NULL;
        ticks = feat_clock_ticks();
        status = feat_table_writer_commit(ready, again ? FEAT_OPERATION_UPSERT : FEAT_OPERATION_APPEND, 0, &info, err);
        r->write_ns += feat_clock_ticks() - ticks;
    }
    feat_table_writer_abort(r->writer);
    r->writer = NULL;
    if (status != FEAT_OK) return status;
    done->runs++;
    done->runs_full += r->full;
    done->entities += r->entities;
    done->rows += r->written;
    done->rows_restated += r->restated;
    done->version = info.version;
    return FEAT_OK;
}

/* ---- A call. ---- */

static void run_done(run *r) {
    feat_drift_done(&r->drift);
    feat_table_writer_abort(r->writer);
    feat_machine_free(r->machine);
    for (size_t k = 0; r->columns && k < r->view->n_key; k++) feat_column_done(&r->columns[k]);
    feat_free(r->columns);
    feat_free(r->inputs);
    feat_free(r->times);
    feat_free(r->errors);
    feat_free(r->numbers);
    feat_free(r->items);
    feat_free(r->picked);
    feat_free(r->runs);
    feat_batch_done(&r->rows);
    feat_batch_done(&r->chunk);
}

/* Bytes that an entity needs until its row is written: its key, its answers, and the row twice. */
static size_t entity_bytes(const run *r) {
    const feat_code *code = r->view->stage.code;
    size_t bytes = 32;
    for (size_t i = 0; i < r->layer->n_fields; i++)
        bytes += 2 * (1 + feat_class_size(feat_class_of(r->layer->fields[i].type)));
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].kind == FEAT_LOAD_AGGREGATE || code->loads[i].kind == FEAT_LOAD_FOUND)
            bytes += 1 + feat_class_size(feat_class_of(code->loads[i].type));
    return bytes;
}

static size_t entities_of_lot(const run *r) {
    size_t most = r->opt->entities_at_once ? r->opt->entities_at_once : ENTITIES_AT_ONCE;
    if (r->opt->memory) {
        uint64_t fit = r->opt->memory / 2 / entity_bytes(r);
        if (fit < LEAST_LOT) fit = LEAST_LOT;
        if (fit < most) most = (size_t)fit;
    }
    return most < UINT32_MAX - 1 ? most : UINT32_MAX - 1;
}

static feat_status run_init(run *r, feat_error *err) {
    const feat_schema *layer = r->layer;
    feat_type *types = feat_alloc_array(layer->n_fields, sizeof *types);
    r->room = entities_of_lot(r);
    r->columns = feat_alloc_zero(r->view->n_key, sizeof *r->columns);
    r->inputs = feat_alloc_array(r->view->n_key, sizeof *r->inputs);
    r->errors = feat_alloc_array(FEAT_LANES * feat_layer_error_fields(r->view), sizeof *r->errors);
    feat_status status = types && r->columns && r->inputs && r->errors ? FEAT_OK : feat_fail_memory(err);
    for (size_t k = 0; status == FEAT_OK && k < r->view->n_key; k++) {
        feat_column_init(&r->columns[k], r->view->key[k].type);
        r->inputs[k] = &r->columns[k];
    }
    for (size_t i = 0; status == FEAT_OK && i < layer->n_fields; i++) types[i] = layer->fields[i].type;
    if (status == FEAT_OK) status = feat_batch_init(&r->rows, types, layer->n_fields, err);
    if (status == FEAT_OK) status = feat_batch_init(&r->chunk, types, layer->n_fields, err);
    if (status == FEAT_OK) status = feat_machine_new(r->view->stage.code, &r->machine, err);
    feat_free(types);
    return status;
}

/* Makes the layer durable when this call has made it. */
static feat_status commit_layer(feat_db *db, feat_catalog *c, feat_error *err) {
    if (c->n == c->n_stored) return FEAT_OK;
    FEAT_TRY(feat_defs_commit(db, &c->entries[c->n_stored].def, 1, err));
    c->n_stored = c->n;
    return FEAT_OK;
}

feat_status feat_materialize_find(feat_catalog *c, const char *name, uint32_t version, const feat_digest *wanted,
                                  const feat_view **view, feat_error *err) {
    if (!version && !wanted) return feat_catalog_view(c, name, view, err);
    uint32_t newest = feat_catalog_find(c, FEAT_DEF_VIEW, name);
    if (newest == FEAT_NO_ENTRY) return feat_catalog_unknown(c, FEAT_DEF_VIEW, name, err);
    for (uint32_t number = c->entries[newest].def.number; number > 0; number--) {
        uint32_t entry = feat_catalog_find_version(c, FEAT_DEF_VIEW, name, number);
        if (entry == FEAT_NO_ENTRY || (version && version != number) ||
            (wanted && !feat_digest_equal(wanted, &c->entries[entry].def.fingerprint)))
            continue;
        return feat_entry_view(c, entry, view, err);
    }
    return feat_fail(err, FEAT_NOT_FOUND, "feature view '%.200s' has no such version; its newest is %u", name,
                     (unsigned)c->entries[newest].def.number);
}

/* ---- Statistics. ---- */

static void fill_stats(run *r, const feat_materialized *done, int64_t started) {
    if (!r->opt->stats) return;
    uint64_t ns[FEAT_WORK_STAGES];
    for (int i = 0; i < FEAT_WORK_STAGES; i++) ns[i] = atomic_load(&r->computing.ns[i]);
#define BOTH(counter) (atomic_load(&r->choosing.counter) + atomic_load(&r->computing.counter))
    *r->opt->stats = (feat_materialize_stats){.size = sizeof(feat_materialize_stats),
                                              .runs = (uint64_t)done->runs,
                                              .entities = r->computed,
                                              .lots = r->lots,
                                              .rows_read = BOTH(rows_read),
                                              .segments_read = BOTH(segments_read),
                                              .segments_pruned = BOTH(segments_pruned),
                                              .bytes_read = BOTH(bytes_read),
                                              .bytes_spilled = BOTH(bytes_spilled),
                                              .rows_written = (uint64_t)(done->rows + done->rows_restated),
                                              .threads = r->affecting.threads,
                                              .choose_ns = (uint64_t)r->choose_ns,
                                              .group_ns = ns[FEAT_WORK_GROUP],
                                              .read_ns = ns[FEAT_WORK_READ],
                                              .sweep_ns = ns[FEAT_WORK_SWEEP],
                                              .output_ns = ns[FEAT_WORK_OUTPUT],
                                              .write_ns = (uint64_t)r->write_ns,
                                              .elapsed_ns = (uint64_t)(feat_clock_ticks() - started)};
#undef BOTH
}

void feat_materialize_describe(const feat_materialize_stats *stats, feat_buffer *out) {
    const feat_stage_time stages[] = {{"choose entities", stats->choose_ns},
                                      {"group by key", stats->group_ns},
                                      {"read events", stats->read_ns},
                                      {"windows and aggregates", stats->sweep_ns},
                                      {"expressions and columns", stats->output_ns},
                                      {"write rows", stats->write_ns}};
    feat_buffer_printf(
        out, "%llu materialisations in %.3f s on %llu threads: %llu entities in %llu lots, %llu rows written\n",
        (unsigned long long)stats->runs, (double)stats->elapsed_ns / 1e9, (unsigned long long)stats->threads,
        (unsigned long long)stats->entities, (unsigned long long)stats->lots, (unsigned long long)stats->rows_written);
    feat_buffer_printf(out,
                       "  tables: %llu rows in %llu segments read, %llu segments pruned, %.1f MB, %.1f MB spilled\n",
                       (unsigned long long)stats->rows_read, (unsigned long long)stats->segments_read,
                       (unsigned long long)stats->segments_pruned, (double)stats->bytes_read / 1e6,
                       (double)stats->bytes_spilled / 1e6);
    feat_stages_describe(stages, sizeof stages / sizeof *stages, out);
}

/* ---- A call over times. ---- */

feat_status feat_materialize_run(feat_db *db, feat_catalog *catalog, const feat_view *view, const int64_t *times,
                                 size_t n, const feat_materialize_options *opt, feat_materialized *done,
                                 feat_error *err) {
    int64_t started = feat_clock_ticks();
    run r = {.db = db,
             .view = view,
             .opt = opt,
             .n_times = n,
             .affecting = {.db = db,
                           .view = view,
                           .threads = feat_thread_count(opt->threads),
                           .memory = opt->memory / 2 + (opt->memory > 0), /* 0 would be no bound */
                           .spill_directory = opt->spill_directory}};
    feat_work_init(&r.choosing, watch, &r, UINT64_MAX);
    feat_work_init(&r.computing, watch, &r, UINT64_MAX);
    r.affecting.work = &r.choosing;
    r.affecting.pause.check = report;
    r.affecting.pause.state = &r;
    FEAT_TRY(feat_version_newest(db, &done->version, err));
    FEAT_TRY(feat_layer_table(db, catalog, view, &r.layer, err));
    FEAT_TRY(commit_layer(db, catalog, err));
    feat_status status = feat_drift_of_view(view, &r.drift, err);
    r.affecting.drift = &r.drift;
    if (status == FEAT_OK) status = input_version(db, view, done->version, &r.input, err);
    if (status == FEAT_OK) status = run_init(&r, err);
    for (r.n_done = 0; r.n_done < n && status == FEAT_OK; r.n_done++)
        if (r.n_done == 0 || times[r.n_done] != times[r.n_done - 1]) status = run_at(&r, times[r.n_done], done, err);
    fill_stats(&r, done, started);
    run_done(&r);
    return status;
}
