#include "engine/batch.h"

#include <string.h>

#include "base/alloc.h"

void feat_row_batch_done(feat_row_batch *b) {
    feat_sweep_free(b->sweep);
    feat_free(b->entities);
    feat_free(b->times);
    feat_free(b->numbers);
}

/* Copies the times and the numbers of n rows, which stand in the groups from `first` on, behind those at [0, at). */
static feat_status copy_rows(feat_row_batch *b, size_t at, size_t first, size_t n, feat_error *err) {
    const feat_grouping *g = b->groups;
    if (FEAT_GROW(b->times, b->times_capacity, at + n) != 0 || FEAT_GROW(b->numbers, b->numbers_capacity, at + n) != 0)
        return feat_fail_memory(err);
    memcpy(b->times + at, g->times + first, n * sizeof *b->times);
    for (size_t r = 0; r < n; r++) b->numbers[at + r] = g->rows ? g->rows[first + r] : (uint32_t)(first + r);
    return FEAT_OK;
}

feat_status feat_row_batch_add(feat_row_batch *b, const feat_grouping *g, size_t number, uint32_t from, uint32_t to,
                               feat_error *err) {
    size_t first = g->starts[number], n = g->starts[number + 1] - first, at = b->n_rows;
    if (FEAT_GROW(b->entities, b->entities_capacity, b->n + 1) != 0) return feat_fail_memory(err);
    b->entities[b->n++] = (feat_sweep_entity){from, to, (uint32_t)at, (uint32_t)(at + n)};
    b->groups = g;
    if (n == 0) return FEAT_OK;
    if (at == 0) b->first = first;
    else if (!b->apart && b->first + at != first) {
        b->apart = true;
        FEAT_TRY(copy_rows(b, 0, b->first, at, err));
    }
    if (b->apart) FEAT_TRY(copy_rows(b, at, first, n, err));
    b->n_rows += n;
    return FEAT_OK;
}

static feat_status run(feat_row_batch *b, const feat_events *events, feat_answers *answers, feat_error *err) {
    const feat_grouping *g = b->groups;
    const uint32_t *numbers = b->apart ? b->numbers : g->rows ? g->rows + b->first : NULL;
    feat_sweep_rows rows = {.entities = b->entities,
                            .n_entities = b->n,
                            .times = b->apart ? b->times : g->times + b->first,
                            .places = numbers,
                            .first = b->first,
                            .n_rows = b->n_rows};
    if (answers->arrival && numbers) {
        rows.first = feat_answers_take(answers, numbers, b->n_rows);
        rows.places = NULL;
    }
    return feat_sweep_run(b->sweep, events, &rows, answers, err);
}

feat_status feat_row_batch_run(feat_row_batch *b, const feat_events *events, feat_answers *answers, feat_error *err) {
    feat_status status = b->n_rows ? run(b, events, answers, err) : FEAT_OK;
    b->n = b->n_rows = 0;
    b->apart = false;
    return status;
}
