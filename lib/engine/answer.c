/* What blocks say of many rows: the rows are grouped by key and time, the events of these keys come in batches of whole
 * entities, and a sweep answers the rows of a batch. Where the entities are those that the table is clustered by, its
 * segments are walked as they lie; else the events are projected into partitions of the keys first. Rows that ask at
 * different versions are answered by the events of all of these, each row by those that its own has. */
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "engine/batch.h"
#include "engine/classes.h"
#include "engine/clustered.h"
#include "engine/partitions.h"
#include "engine/project.h"
#include "exec/cell.h"

/* Events of an entity that has none are no batch of their own; this many rows are. */
enum { BATCH_EVENTS = 65536, BATCH_ROWS = 65536 };
/* The answers of fewer rows lie in a cache. */
enum { FEW_ROWS = 16384 };

typedef struct asking {
    const feat_answering *how;
    const feat_block *block;
    const feat_grouping *groups;
    feat_answers *answers;
    uint8_t *seen; /* by key: its rows are answered */
    feat_clusters *clusters;
    size_t n_parts;
    int64_t *cuts;
    feat_answers *workers; /* of the parts */
    feat_partitions *partitions;
} asking;

/* ---- Clustered. ---- */

static void count_read(const asking *a, const feat_cluster_reader *reader) {
    uint64_t rows, segments, bytes;
    if (!reader || !a->how->work) return;
    feat_cluster_reader_count(reader, &rows, &segments, &bytes);
    atomic_fetch_add(&a->how->work->rows_read, rows);
    atomic_fetch_add(&a->how->work->segments_read, segments);
    atomic_fetch_add(&a->how->work->bytes_read, bytes);
}

static feat_status answer_part(void *context, size_t part, feat_error *err) {
    asking *a = context;
    feat_work *work = a->how->work;
    int64_t ticks = feat_clock_ticks();
    const feat_grouping *g = a->groups;
    feat_cluster_reader *reader = NULL;
    feat_row_batch b = {0};
    int64_t least = part ? a->cuts[part - 1] : INT64_MIN,
            greatest = part + 1 < a->n_parts ? a->cuts[part] - 1 : INT64_MAX;
    feat_status status = feat_sweep_new(a->block, &b.sweep, err);
    if (status == FEAT_OK) status = feat_cluster_reader_open(a->clusters, least, greatest, &reader, err);
    while (status == FEAT_OK) {
        const feat_events *events;
        feat_sweep_entity *entities;
        uint32_t *numbers;
        size_t n;
        FEAT_GOTO(status, feat_cluster_reader_next(reader, &events, &entities, &numbers, &n, err), out);
        if (n == 0) break;
        for (size_t e = 0; e < n; e++) {
            a->seen[numbers[e]] = 1;
            FEAT_GOTO(status, feat_row_batch_add(&b, g, numbers[e], entities[e].from, entities[e].to, err), out);
        }
        size_t n_rows = b.n_rows;
        ticks = feat_work_spent(work, FEAT_WORK_READ, ticks);
        FEAT_GOTO(status, feat_row_batch_run(&b, events, &a->workers[part], err), out);
        ticks = feat_work_spent(work, FEAT_WORK_SWEEP, ticks);
        FEAT_GOTO(status, feat_work_step(work, n_rows, err), out);
    }
out:
    (void)feat_work_spent(work, FEAT_WORK_READ, ticks);
    count_read(a, reader);
    feat_cluster_reader_close(reader);
    feat_row_batch_done(&b);
    return status;
}

static feat_status answer_clustered(asking *a, feat_error *err) {
    size_t threads = a->how->threads ? a->how->threads : 1, wanted = threads;
    a->cuts = feat_alloc_array(wanted, sizeof *a->cuts);
    a->workers = feat_alloc_zero(wanted, sizeof *a->workers);
    if (!a->cuts || !a->workers) return feat_fail_memory(err);
    a->n_parts = feat_clusters_cut(a->clusters, wanted, a->cuts);
    for (size_t i = 0; i < a->n_parts; i++) feat_answers_share(a->answers, &a->workers[i]);
    feat_status status = feat_parallel(threads, a->n_parts, answer_part, a, err);
    for (size_t i = 0; i < a->n_parts; i++) feat_answers_join(a->answers, &a->workers[i]);
    return status;
}

/* ---- Any other. ---- */

/* Answers the rows of the keys from `first` on: the events are those of n keys, counted from it. */
static feat_status answer_events(asking *a, const feat_entity_events *projected, size_t first, size_t n_keys,
                                 feat_row_batch *b, feat_answers *answers, feat_error *err) {
    feat_events events = {0};
    uint32_t *numbers = NULL;
    size_t *starts = NULL;
    feat_work *work = a->how->work;
    int64_t ticks = feat_clock_ticks();
    feat_status status;
    FEAT_GOTO(status, feat_events_init(&events, a->block, err), out);
    FEAT_GOTO(status, feat_group_events(projected, n_keys, &numbers, &starts, err), out);
    for (size_t k = 0, from = 0; k < n_keys; k++) {
        size_t n = starts[k + 1] - starts[k], at = starts[k] - starts[from];
        if (n > 0) {
            a->seen[first + k] = 1;
            FEAT_GOTO(status, feat_row_batch_add(b, a->groups, first + k, (uint32_t)at, (uint32_t)(at + n), err), out);
        }
        if (at + n < BATCH_EVENTS && k + 1 < n_keys) continue;
        size_t n_rows = b->n_rows;
        feat_events_clear(&events);
        FEAT_GOTO(status, feat_events_gather(&events, &projected->events, numbers + starts[from], at + n, err), out);
        ticks = feat_work_spent(work, FEAT_WORK_READ, ticks);
        FEAT_GOTO(status, feat_row_batch_run(b, &events, answers, err), out);
        ticks = feat_work_spent(work, FEAT_WORK_SWEEP, ticks);
        FEAT_GOTO(status, feat_work_step(work, n_rows, err), out);
        from = k + 1;
    }
out:
    feat_free(numbers);
    feat_free(starts);
    if (events.slots) feat_events_done(&events);
    return status;
}

/* The same for rows that ask at different versions. */
static feat_status answer_lives(asking *a, const feat_entity_events *projected, size_t first, size_t n_keys,
                                feat_answers *answers, feat_error *err) {
    uint32_t *numbers = NULL;
    size_t *starts = NULL;
    feat_classes *classes = NULL;
    int64_t ticks = feat_clock_ticks();
    feat_status status = feat_classes_new(a->block, a->groups, a->how->moments, &classes, err);
    if (status == FEAT_OK) status = feat_group_events(projected, n_keys, &numbers, &starts, err);
    ticks = feat_work_spent(a->how->work, FEAT_WORK_READ, ticks);
    for (size_t k = 0; k < n_keys && status == FEAT_OK; k++) {
        size_t n = starts[k + 1] - starts[k];
        if (n == 0) continue;
        a->seen[first + k] = 1;
        FEAT_GOTO(status, feat_classes_add(classes, first + k, projected, numbers + starts[k], n, answers, err), out);
        size_t n_rows = a->groups->starts[first + k + 1] - a->groups->starts[first + k];
        FEAT_GOTO(status, feat_work_step(a->how->work, n_rows, err), out);
    }
    if (status == FEAT_OK) status = feat_classes_run(classes, projected, answers, err);
    (void)feat_work_spent(a->how->work, FEAT_WORK_SWEEP, ticks);
out:
    feat_classes_free(classes);
    feat_free(numbers);
    feat_free(starts);
    return status;
}

static feat_status answer_partition(void *context, size_t part, feat_error *err) {
    asking *a = context;
    feat_work *work = a->how->work;
    feat_entity_events projected = {0};
    feat_row_batch b = {0};
    size_t first, n_keys;
    int64_t ticks = feat_clock_ticks();
    feat_status status = feat_sweep_new(a->block, &b.sweep, err);
    if (status == FEAT_OK) status = feat_partitions_take(a->partitions, part, &projected, &first, &n_keys, err);
    (void)feat_work_spent(work, FEAT_WORK_READ, ticks);
    if (status == FEAT_OK)
        status = a->how->lives ? answer_lives(a, &projected, first, n_keys, &a->workers[part], err)
                               : answer_events(a, &projected, first, n_keys, &b, &a->workers[part], err);
    feat_entity_events_done(&projected);
    feat_row_batch_done(&b);
    return status;
}

static feat_status answer_projected(asking *a, feat_grouping *g, feat_error *err) {
    feat_work *work = a->how->work;
    int64_t ticks = feat_clock_ticks();
    FEAT_TRY(feat_grouping_encode(g, err));
    feat_status status = feat_partitions_make(a->how, a->block, &g->map, &a->partitions, err);
    (void)feat_work_spent(work, FEAT_WORK_READ, ticks);
    if (status != FEAT_OK) return status;
    if (work) atomic_fetch_add(&work->bytes_spilled, feat_partitions_spilled(a->partitions));
    size_t n = feat_partitions_count(a->partitions);
    a->workers = feat_alloc_zero(n, sizeof *a->workers);
    if (!a->workers) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) feat_answers_share(a->answers, &a->workers[i]);
    status = feat_parallel(a->how->threads, n, answer_partition, a, err);
    for (size_t i = 0; i < n; i++) feat_answers_join(a->answers, &a->workers[i]);
    return status;
}

/* Rows of keys that no event has, and of none. */
static feat_status answer_eventless(asking *a, feat_error *err) {
    const feat_grouping *g = a->groups;
    feat_events none = {0};
    feat_row_batch b = {0};
    feat_status status = feat_sweep_new(a->block, &b.sweep, err);
    if (status == FEAT_OK) status = feat_events_init(&none, a->block, err);
    for (size_t k = 0; k <= g->n_keys && status == FEAT_OK; k++) {
        if (k == g->n_keys || !a->seen[k]) status = feat_row_batch_add(&b, g, k, 0, 0, err);
        if (status != FEAT_OK || (b.n_rows < BATCH_ROWS && k < g->n_keys)) continue;
        size_t n_rows = b.n_rows;
        status = feat_row_batch_run(&b, &none, a->answers, err);
        if (status == FEAT_OK) status = feat_work_step(a->how->work, n_rows, err);
    }
    if (none.slots) feat_events_done(&none);
    feat_row_batch_done(&b);
    return status;
}

/* Whether the rows of an entity lie far apart, so that nearly every answer that is put at its row's place is another
 * line of memory: then answers are made in the order in which they come, and settled at the end. */
static bool is_scattered(const feat_grouping *g) {
    size_t apart = 0;
    if (g->n_rows < FEW_ROWS || !g->rows) return false;
    for (size_t p = 1; p < g->n_rows; p++) apart += g->rows[p] != g->rows[p - 1] + 1;
    return apart > g->n_rows / 4;
}

feat_status feat_answer_join(const feat_answering *how, const feat_code *code, size_t join, const feat_row_source *rows,
                             size_t n, feat_answers *answers, feat_error *err) {
    feat_grouping groups = {0};
    asking a = {.how = how, .block = code->joins[join].block, .groups = &groups, .answers = answers};
    int64_t ticks = feat_clock_ticks();
    FEAT_TRY(feat_answers_init(answers, code, join, n, err));
    feat_status status = feat_grouping_make(&groups, code, join, rows, n, how->threads ? how->threads : 1, err);
    (void)feat_work_spent(how->work, FEAT_WORK_GROUP, ticks);
    if (how->work) atomic_fetch_add(&how->work->passes, 1);
    if (status != FEAT_OK) goto out;
    if (!how->lives && is_scattered(&groups)) FEAT_GOTO(status, feat_answers_arrive(answers, n, err), out);
    a.seen = feat_alloc_zero(groups.n_keys, 1);
    if (!a.seen) {
        status = feat_fail_memory(err);
        goto out;
    }
    if (!how->lives && groups.keys && groups.n_keys > 0 && feat_clusters_serve(a.block))
        FEAT_GOTO(status, feat_clusters_open(how->db, how->version, a.block, &groups, &a.clusters, err), out);
    if (a.clusters && how->work) atomic_fetch_add(&how->work->segments_pruned, feat_clusters_pruned(a.clusters));
    if (a.clusters) FEAT_GOTO(status, answer_clustered(&a, err), out);
    else if (groups.n_keys > 0) FEAT_GOTO(status, answer_projected(&a, &groups, err), out);
    FEAT_GOTO(status, answer_eventless(&a, err), out);
    status = feat_answers_settle(answers, how->threads ? how->threads : 1, err);
out:
    feat_clusters_close(a.clusters);
    feat_partitions_free(a.partitions);
    feat_free(a.cuts);
    feat_free(a.workers);
    feat_free(a.seen);
    feat_grouping_done(&groups);
    return status;
}

feat_status feat_answer_blocks(const feat_answering *how, const feat_code *code, const feat_column *const *inputs,
                               const int64_t *times, size_t n, feat_answers *answers, feat_error *err) {
    feat_row_source rows = {inputs, times, answers};
    for (size_t j = 0; j < code->n_joins; j++) FEAT_TRY(feat_answer_join(how, code, j, &rows, n, &answers[j], err));
    return FEAT_OK;
}
