/* Training sets: for every spine row the aggregates of each joined view at the row's own time, then the service's
 * request code over all rows. Where memory is bounded, the spine is worked through in lots, one after the other as the
 * result is read; else the features are complete before the stream is handed out, so that an error belongs to the call.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fpenv.h"
#include "base/parallel.h"
#include "column/arrow.h"
#include "column/arrow_share.h"
#include "engine/engine.h"
#include "engine/features.h"
#include "engine/project.h"
#include "engine/served.h"
#include "engine/spine.h"
#include "exec/cell.h"

/* A lot has at least so many rows, whatever the memory. */
enum { LEAST_LOT = 65536 };

/* A part of one of the spine's batches. */
typedef struct piece {
    size_t batch;
    int64_t start; /* in the batch */
} piece;

typedef struct training {
    feat_catalog *catalog; /* holds the service */
    const feat_service *service;
    feat_training_options options;
    feat_spine spine;
    feat_answering how;
    feat_work work;
    uint64_t *versions; /* of each row, as served; else NULL */
    feat_db *db;
    int64_t started;
    size_t lot_rows, next_row; /* of a lot; the first row that is in none yet */
    size_t batch;              /* where that row stands */
    int64_t in_batch;
    /* The lot at hand. */
    feat_features features;
    piece *pieces;
    size_t *piece_rows;
    size_t n_pieces, next_piece, pieces_capacity, rows_capacity;
    feat_arrow_shared **shared; /* by batch: those that are handed out in pieces */
} training;

static void training_free(void *state) {
    training *t = state;
    if (!t) return;
    for (size_t b = 0; t->shared && b < t->spine.n_batches; b++) feat_arrow_shared_unref(t->shared[b]);
    feat_free(t->shared);
    feat_features_done(&t->features);
    feat_free(t->pieces);
    feat_free(t->piece_rows);
    feat_free(t->versions);
    feat_spine_done(&t->spine);
    feat_catalog_unref(t->catalog);
    feat_db_unref(t->db);
    feat_free(t);
}

/* ---- Lots. ---- */

/* Bytes that a row needs until its features are handed out: answers, and features of the width that most have. */
static size_t row_bytes(const training *t) {
    const feat_code *code = t->service->stage.code;
    size_t bytes = 10 * t->service->n_features * (t->options.status ? 2 : 1);
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].kind == FEAT_LOAD_AGGREGATE || code->loads[i].kind == FEAT_LOAD_FOUND)
            bytes += 1 + feat_class_size(feat_class_of(code->loads[i].type));
    return bytes + 1;
}

static void choose_lots(training *t) {
    uint64_t rows = t->options.memory / 2 / row_bytes(t) / LEAST_LOT * LEAST_LOT;
    t->lot_rows = t->spine.n_rows;
    if (t->options.memory == 0 || rows >= t->spine.n_rows) return;
    t->lot_rows = rows < LEAST_LOT ? LEAST_LOT : (size_t)rows;
}

/* Cuts the next `n` rows where the spine's batches end. */
static feat_status cut_pieces(training *t, size_t n, feat_error *err) {
    t->n_pieces = t->next_piece = 0;
    /* A spine without rows keeps its batches. */
    while (t->batch < t->spine.n_batches && (n > 0 || t->spine.batch_rows[t->batch] == 0)) {
        size_t left = t->spine.batch_rows[t->batch] - (size_t)t->in_batch, rows = left < n ? left : n;
        if (FEAT_GROW(t->pieces, t->pieces_capacity, t->n_pieces + 1) != 0 ||
            FEAT_GROW(t->piece_rows, t->rows_capacity, t->n_pieces + 1) != 0)
            return feat_fail_memory(err);
        t->pieces[t->n_pieces] = (piece){t->batch, t->in_batch};
        t->piece_rows[t->n_pieces++] = rows;
        t->in_batch += (int64_t)rows;
        n -= rows;
        if (rows < left) break;
        t->batch++;
        t->in_batch = 0;
    }
    return FEAT_OK;
}

/* Copies of rows [first, first + n) of the inputs, where a lot is not the whole spine. */
static feat_status slice_inputs(const training *t, size_t first, size_t n, feat_column *slices,
                                const feat_column **inputs, feat_error *err) {
    for (size_t i = 0; i < t->service->n_inputs; i++) {
        const feat_column *whole = &t->spine.columns[i];
        inputs[i] = whole;
        feat_column_init(&slices[i], whole->type);
        if (n == t->spine.n_rows) continue;
        if (feat_column_append_range(&slices[i], whole, first, n) != 0) return feat_fail_memory(err);
        inputs[i] = &slices[i];
    }
    return FEAT_OK;
}

static feat_status build_lot(training *t, feat_error *err) {
    const feat_service *service = t->service;
    const feat_code *code = service->stage.code;
    size_t first = t->next_row, n = t->spine.n_rows - first < t->lot_rows ? t->spine.n_rows - first : t->lot_rows;
    feat_answers *answers = feat_alloc_zero(code->n_joins, sizeof *answers);
    const feat_column **inputs = feat_alloc_array(service->n_inputs, sizeof *inputs);
    feat_column *slices = feat_alloc_zero(service->n_inputs, sizeof *slices);
    feat_status status = answers && inputs && slices ? FEAT_OK : feat_fail_memory(err);
    int64_t ticks;
    feat_features_done(&t->features);
    if (status != FEAT_OK) goto out;
    FEAT_GOTO(status, slice_inputs(t, first, n, slices, inputs, err), out);
    FEAT_GOTO(status, cut_pieces(t, n, err), out);
    const int64_t *times = (const int64_t *)t->spine.times->values + (n ? first : 0);
    feat_row_source rows = {inputs, times, answers};
    if (t->versions)
        FEAT_GOTO(status, feat_served_answer(&t->how, code, &rows, t->versions + first, n, answers, err), out);
    else FEAT_GOTO(status, feat_answer_blocks(&t->how, code, inputs, times, n, answers, err), out);
    ticks = feat_clock_ticks();
    t->features.piece_rows = t->piece_rows;
    t->features.n_pieces = t->n_pieces;
    FEAT_GOTO(status, feat_features_build(service, &t->options, &rows, first, &t->features, err), out);
    FEAT_GOTO(status, feat_work_step(&t->work, n, err), out);
    (void)feat_work_spent(&t->work, FEAT_WORK_OUTPUT, ticks);
    t->next_row += n;
out:
    for (size_t j = 0; answers && j < code->n_joins; j++) feat_answers_done(&answers[j]);
    for (size_t i = 0; slices && i < service->n_inputs; i++) feat_column_done(&slices[i]);
    feat_free(answers);
    feat_free(inputs);
    feat_free(slices);
    return status;
}

/* ---- The result. ---- */

/* The spine's columns of a piece: moved as they are where it is a whole batch, else shared. */
static feat_status spine_columns(training *t, const piece *p, int64_t rows, struct ArrowArray *children,
                                 feat_error *err) {
    struct ArrowArray *batch = &t->spine.batches[p->batch];
    size_t n = feat_arrow_in_columns(t->spine.in);
    if (!t->shared[p->batch] && rows == (int64_t)t->spine.batch_rows[p->batch]) {
        for (size_t i = 0; i < n; i++) {
            children[i] = *batch->children[i];
            batch->children[i]->release = NULL; /* moved, as the interface allows */
            children[i].offset += batch->offset;
            if (children[i].length != rows) children[i].null_count = -1;
            children[i].length = rows;
        }
        batch->release(batch);
        batch->release = NULL;
        return FEAT_OK;
    }
    if (!t->shared[p->batch]) FEAT_TRY(feat_arrow_shared_new(batch, &t->shared[p->batch], err));
    for (size_t i = 0; i < n; i++)
        FEAT_TRY(feat_arrow_shared_slice(t->shared[p->batch], i, p->start, rows, &children[i], err));
    if (p->start + rows == (int64_t)t->spine.batch_rows[p->batch]) {
        feat_arrow_shared_unref(t->shared[p->batch]);
        t->shared[p->batch] = NULL;
    }
    return FEAT_OK;
}

static void fill_stats(training *t);

/* A piece of the result: the spine's columns, then the features. */
static feat_status produce(training *t, struct ArrowArray *out, feat_error *err) {
    out->release = NULL;
    if (t->next_piece == t->n_pieces) {
        if (t->next_row == t->spine.n_rows) return FEAT_OK;
        FEAT_TRY(feat_db_check(t->db, err));
        FEAT_TRY(build_lot(t, err));
        if (t->next_row == t->spine.n_rows) fill_stats(t);
    }
    size_t at = t->next_piece, n_spine = feat_arrow_in_columns(t->spine.in), n = n_spine + t->features.n_features;
    feat_column *features = t->features.columns + at * t->features.n_features;
    int64_t rows = (int64_t)t->piece_rows[at];
    struct ArrowArray *children = feat_alloc_zero(n, sizeof *children);
    if (!children) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t f = 0; f < t->features.n_features && status == FEAT_OK; f++)
        status = feat_arrow_out_column(&features[f], &children[n_spine + f], err);
    if (status == FEAT_OK) status = spine_columns(t, &t->pieces[at], rows, children, err);
    if (status == FEAT_OK) status = feat_arrow_out_batch(children, n, rows, out, err);
    if (status != FEAT_OK)
        for (size_t i = 0; i < n; i++)
            if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    t->next_piece++;
    return status;
}

/* The caller's thread pulls, with whatever floating-point mode it has. */
static feat_status training_next(void *state, struct ArrowArray *out, feat_error *err) {
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = produce(state, out, err);
    feat_fpenv_leave(&saved);
    return status;
}

static feat_status output_schema(const feat_spine *s, const feat_service *service, uint64_t version, bool with_status,
                                 bool as_served, struct ArrowSchema *out, feat_error *err) {
    const struct ArrowSchema *own = feat_arrow_in_schema(s->in);
    size_t n_spine = (size_t)own->n_children, per = with_status ? 2 : 1, n = n_spine + per * service->n_features,
           made = 0;
    struct ArrowSchema *children = feat_alloc_zero(n, sizeof *children);
    feat_status status = children ? FEAT_OK : feat_fail_memory(err);
    for (; made < n_spine && status == FEAT_OK; made++)
        status = feat_arrow_schema_copy(own->children[made], &children[made], err);
    for (size_t f = 0; f < service->n_features && status == FEAT_OK; f++) {
        const feat_output *feature = &service->features[f];
        status = feat_arrow_out_field(feature->name, feature->type, true, &children[made], err);
        if (status == FEAT_OK) made++;
        if (status != FEAT_OK || !with_status) continue;
        feat_buffer name;
        feat_buffer_init(&name);
        feat_buffer_printf(&name, "%s__status", feature->name);
        char *text = feat_buffer_take_text(&name);
        status =
            text ? feat_arrow_out_field(text, FEAT_TYPE_BIGINT, false, &children[made], err) : feat_fail_memory(err);
        if (status == FEAT_OK) made++;
        feat_free(text);
    }
    if (status == FEAT_OK) {
        char fingerprint[FEAT_DIGEST_TEXT_SIZE], number[24];
        feat_digest_format(&service->fingerprint, fingerprint);
        snprintf(number, sizeof number, "%llu", (unsigned long long)version);
        const char *pairs[] = {"libfeat.service", service->name, "libfeat.fingerprint", fingerprint,
                               "libfeat.version", number,        "libfeat.as_served",   "true"};
        status = feat_arrow_out_struct(children, n, pairs, as_served ? 4 : 3, out, err);
    }
    for (size_t i = 0; children && i < n; i++)
        if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    return status;
}

/* ---- Statistics. ---- */

static void fill_stats(training *t) {
    feat_work *work = &t->work;
    if (!t->options.stats) return;
    uint64_t ns[FEAT_WORK_STAGES];
    for (int i = 0; i < FEAT_WORK_STAGES; i++) ns[i] = atomic_load(&work->ns[i]);
    *t->options.stats = (feat_training_stats){.size = sizeof(feat_training_stats),
                                              .spine_rows = t->spine.n_rows,
                                              .rows_read = atomic_load(&work->rows_read),
                                              .segments_read = atomic_load(&work->segments_read),
                                              .segments_pruned = atomic_load(&work->segments_pruned),
                                              .bytes_read = atomic_load(&work->bytes_read),
                                              .bytes_spilled = atomic_load(&work->bytes_spilled),
                                              .passes = atomic_load(&work->passes),
                                              .threads = t->how.threads,
                                              .spine_ns = ns[FEAT_WORK_SPINE],
                                              .group_ns = ns[FEAT_WORK_GROUP],
                                              .read_ns = ns[FEAT_WORK_READ],
                                              .sweep_ns = ns[FEAT_WORK_SWEEP],
                                              .output_ns = ns[FEAT_WORK_OUTPUT],
                                              .elapsed_ns = (uint64_t)(feat_clock_ticks() - t->started)};
}

void feat_training_describe(const feat_training_stats *stats, feat_buffer *out) {
    const feat_stage_time stages[] = {{"spine", stats->spine_ns},
                                      {"group by key and time", stats->group_ns},
                                      {"read events", stats->read_ns},
                                      {"windows and aggregates", stats->sweep_ns},
                                      {"expressions and columns", stats->output_ns}};
    feat_buffer_printf(out, "training set of %llu rows in %.3f s on %llu threads\n",
                       (unsigned long long)stats->spine_rows, (double)stats->elapsed_ns / 1e9,
                       (unsigned long long)stats->threads);
    feat_buffer_printf(
        out, "  tables: %llu rows in %llu segments read, %llu segments pruned, %llu passes, %.1f MB, %.1f MB spilled\n",
        (unsigned long long)stats->rows_read, (unsigned long long)stats->segments_read,
        (unsigned long long)stats->segments_pruned, (unsigned long long)stats->passes, (double)stats->bytes_read / 1e6,
        (double)stats->bytes_spilled / 1e6);
    feat_stages_describe(stages, sizeof stages / sizeof *stages, out);
}

/* ---- The call. ---- */

feat_status feat_training_build(feat_db *db, feat_catalog *catalog, const feat_service *service, uint64_t version,
                                struct ArrowArrayStream *stream, const feat_training_options *opt,
                                struct ArrowArrayStream *out, feat_error *err) {
    struct ArrowSchema schema = {0};
    feat_status status;
    training *t = feat_alloc_zero(1, sizeof *t);
    if (!t) return feat_fail_memory(err);
    t->started = feat_clock_ticks();
    t->db = feat_db_ref(db);
    t->catalog = feat_catalog_ref(catalog);
    t->service = service;
    t->options = *opt;
    FEAT_GOTO(status, feat_spine_read(&t->spine, service, stream, opt, err), out);
    size_t n_joins = service->stage.code->n_joins;
    feat_work_init(&t->work, opt->progress, opt->progress_context, (n_joins + 1) * (uint64_t)t->spine.n_rows);
    (void)feat_work_spent(&t->work, FEAT_WORK_SPINE, t->started);
    t->how = (feat_answering){.db = db,
                              .version = version,
                              .threads = feat_thread_count(opt->threads),
                              .memory = opt->memory / 2 + (opt->memory > 0), /* 0 would be no bound */
                              .spill_directory = opt->spill_directory,
                              .work = &t->work};
    t->shared = feat_alloc_zero(t->spine.n_batches, sizeof *t->shared);
    if (!t->shared) {
        status = feat_fail_memory(err);
        goto out;
    }
    if (opt->as_served) FEAT_GOTO(status, feat_served_versions(db, version, &t->spine, &t->versions, err), out);
    choose_lots(t);
    FEAT_GOTO(status, output_schema(&t->spine, service, version, opt->status, opt->as_served, &schema, err), out);
    FEAT_GOTO(status, build_lot(t, err), out);
    if (t->next_row == t->spine.n_rows) fill_stats(t);
    status = feat_arrow_out_stream(&schema, (feat_arrow_producer){training_next, training_free, t}, out, err);
    if (status == FEAT_OK) t = NULL;
out:
    training_free(t);
    if (schema.release) schema.release(&schema);
    return status;
}
