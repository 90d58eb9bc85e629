/* What blocks say of many rows: the rows are grouped by key and time, the events of these keys come in batches of whole
 * entities, and a sweep answers the rows of a batch. Where the entities are those that the table is clustered by, its
 * segments are walked as they lie; else the events are projected and grouped first. */
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "engine/clustered.h"
#include "engine/project.h"

/* Events of an entity that has none are no batch of their own; this many rows are. */
enum { BATCH_EVENTS = 65536, BATCH_ROWS = 65536 };

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
} asking;

/* One thread's. */
typedef struct batch {
    feat_sweep *sweep;
    feat_sweep_entity *entities;
    int64_t *times;
    uint32_t *places;
    size_t n, n_rows, entities_capacity, times_capacity, places_capacity;
} batch;

static void batch_done(batch *b) {
    feat_sweep_free(b->sweep);
    feat_free(b->entities);
    feat_free(b->times);
    feat_free(b->places);
}

/* Adds an entity's events and the rows of group `number`. */
static feat_status batch_add(batch *b, const feat_grouping *g, size_t number, uint32_t from, uint32_t to,
                             feat_error *err) {
    size_t first = g->starts[number], n = g->starts[number + 1] - first;
    if (FEAT_GROW(b->entities, b->entities_capacity, b->n + 1) != 0 ||
        FEAT_GROW(b->times, b->times_capacity, b->n_rows + n) != 0 ||
        FEAT_GROW(b->places, b->places_capacity, b->n_rows + n) != 0)
        return feat_fail_memory(err);
    b->entities[b->n++] = (feat_sweep_entity){from, to, (uint32_t)b->n_rows, (uint32_t)(b->n_rows + n)};
    memcpy(b->times + b->n_rows, g->times + first, n * sizeof *b->times);
    for (size_t i = 0; i < n; i++) b->places[b->n_rows + i] = (uint32_t)(first + i);
    b->n_rows += n;
    return FEAT_OK;
}

static feat_status batch_run(batch *b, const feat_events *events, feat_answers *answers, feat_error *err) {
    feat_sweep_rows rows = {b->entities, b->n, b->times, b->places, b->n_rows};
    feat_status status = b->n_rows ? feat_sweep_run(b->sweep, events, &rows, answers, err) : FEAT_OK;
    b->n = b->n_rows = 0;
    return status;
}

/* ---- Clustered. ---- */

static feat_status answer_part(void *context, size_t part, feat_error *err) {
    asking *a = context;
    const feat_grouping *g = a->groups;
    feat_cluster_reader *reader = NULL;
    batch b = {0};
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
            FEAT_GOTO(status, batch_add(&b, g, numbers[e], entities[e].from, entities[e].to, err), out);
        }
        FEAT_GOTO(status, batch_run(&b, events, &a->workers[part], err), out);
    }
out:
    feat_cluster_reader_close(reader);
    batch_done(&b);
    return status;
}

static feat_status answer_clustered(asking *a, feat_error *err) {
    size_t threads = a->how->threads ? a->how->threads : 1, wanted = threads > 1 ? 4 * threads : 1;
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

static feat_status answer_projected(asking *a, feat_grouping *g, feat_error *err) {
    feat_entity_events projected = {0};
    feat_events events = {0};
    uint32_t *numbers = NULL;
    size_t *starts = NULL;
    batch b = {0};
    feat_status status;
    FEAT_GOTO(status, feat_grouping_encode(g, err), out);
    FEAT_GOTO(status, feat_sweep_new(a->block, &b.sweep, err), out);
    FEAT_GOTO(status, feat_entity_events_init(&projected, a->block, err), out);
    FEAT_GOTO(status, feat_events_init(&events, a->block, err), out);
    FEAT_GOTO(status, feat_project_block(a->how->db, a->how->version, a->block, &g->map, false, &projected, err), out);
    FEAT_GOTO(status, feat_group_events(&projected, g->n_keys, &numbers, &starts, err), out);
    for (size_t k = 0, first = 0; k < g->n_keys; k++) {
        size_t n = starts[k + 1] - starts[k], at = starts[k] - starts[first];
        if (n > 0) {
            a->seen[k] = 1;
            FEAT_GOTO(status, batch_add(&b, g, k, (uint32_t)at, (uint32_t)(at + n), err), out);
        }
        if (at + n < BATCH_EVENTS && k + 1 < g->n_keys) continue;
        feat_events_clear(&events);
        FEAT_GOTO(status, feat_events_gather(&events, &projected.events, numbers + starts[first], at + n, err), out);
        FEAT_GOTO(status, batch_run(&b, &events, a->answers, err), out);
        first = k + 1;
    }
out:
    batch_done(&b);
    feat_free(numbers);
    feat_free(starts);
    if (events.slots) feat_events_done(&events);
    feat_entity_events_done(&projected);
    return status;
}

/* Rows of keys that no event has, and of none. */
static feat_status answer_eventless(asking *a, feat_error *err) {
    const feat_grouping *g = a->groups;
    feat_events none = {0};
    batch b = {0};
    feat_status status = feat_sweep_new(a->block, &b.sweep, err);
    if (status == FEAT_OK) status = feat_events_init(&none, a->block, err);
    for (size_t k = 0; k <= g->n_keys && status == FEAT_OK; k++) {
        if (k == g->n_keys || !a->seen[k]) status = batch_add(&b, g, k, 0, 0, err);
        if (status == FEAT_OK && (b.n_rows >= BATCH_ROWS || k == g->n_keys))
            status = batch_run(&b, &none, a->answers, err);
    }
    if (none.slots) feat_events_done(&none);
    batch_done(&b);
    return status;
}

static feat_status answer_join(const feat_answering *how, const feat_code *code, size_t join,
                               const feat_row_source *rows, size_t n, feat_answers *answers, feat_error *err) {
    feat_grouping groups = {0};
    asking a = {.how = how, .block = code->joins[join].block, .groups = &groups, .answers = answers};
    feat_status status = feat_grouping_make(&groups, code, join, rows, n, err);
    if (status != FEAT_OK) goto out;
    answers->place = groups.places;
    groups.places = NULL;
    a.seen = feat_alloc_zero(groups.n_keys, 1);
    if (!a.seen) {
        status = feat_fail_memory(err);
        goto out;
    }
    if (groups.n_keys > 0 && groups.by_int && feat_clusters_serve(a.block))
        FEAT_GOTO(status, feat_clusters_open(how->db, how->version, a.block, &groups, &a.clusters, err), out);
    if (a.clusters) FEAT_GOTO(status, answer_clustered(&a, err), out);
    else if (groups.n_keys > 0) FEAT_GOTO(status, answer_projected(&a, &groups, err), out);
    status = answer_eventless(&a, err);
out:
    feat_clusters_close(a.clusters);
    feat_free(a.cuts);
    feat_free(a.workers);
    feat_free(a.seen);
    feat_grouping_done(&groups);
    return status;
}

feat_status feat_answer_blocks(const feat_answering *how, const feat_code *code, const feat_column *const *inputs,
                               const int64_t *times, size_t n, feat_answers *answers, feat_error *err) {
    feat_row_source rows = {inputs, times, answers};
    for (size_t j = 0; j < code->n_joins; j++) {
        FEAT_TRY(feat_answers_init(&answers[j], code, j, n, err));
        FEAT_TRY(answer_join(how, code, j, &rows, n, &answers[j], err));
    }
    return FEAT_OK;
}

feat_status feat_answer_joins(feat_db *db, uint64_t version, const feat_code *code, const feat_column *const *inputs,
                              const int64_t *times, size_t n, feat_answers *answers, feat_error *err) {
    feat_answering how = {.db = db, .version = version, .threads = 1};
    return feat_answer_blocks(&how, code, inputs, times, n, answers, err);
}
