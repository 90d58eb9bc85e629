#include "engine/batch.h"

#include <string.h>

#include "base/alloc.h"

void feat_row_batch_done(feat_row_batch *b) {
    feat_sweep_free(b->sweep);
    feat_free(b->entities);
    feat_free(b->times);
    feat_free(b->places);
}

feat_status feat_row_batch_add(feat_row_batch *b, const feat_grouping *g, size_t number, uint32_t from, uint32_t to,
                               feat_error *err) {
    size_t first = g->starts[number], n = g->starts[number + 1] - first;
    if (FEAT_GROW(b->entities, b->entities_capacity, b->n + 1) != 0 ||
        FEAT_GROW(b->times, b->times_capacity, b->n_rows + n) != 0 ||
        FEAT_GROW(b->places, b->places_capacity, b->n_rows + n) != 0)
        return feat_fail_memory(err);
    b->entities[b->n++] = (feat_sweep_entity){from, to, (uint32_t)b->n_rows, (uint32_t)(b->n_rows + n)};
    if (n == 0) return FEAT_OK; /* nothing may have no memory */
    uint32_t place = (uint32_t)first;
    b->scattered |= g->rows || (b->n_rows && b->places[b->n_rows - 1] + 1 != place);
    memcpy(b->times + b->n_rows, g->times + first, n * sizeof *b->times);
    for (size_t r = 0; r < n; r++) b->places[b->n_rows + r] = g->rows ? g->rows[first + r] : (uint32_t)(place + r);
    b->n_rows += n;
    return FEAT_OK;
}

feat_status feat_row_batch_run(feat_row_batch *b, const feat_events *events, feat_answers *answers, feat_error *err) {
    feat_sweep_rows rows = {b->entities, b->n, b->times, b->places, b->n_rows, !b->scattered};
    if (answers->arrival && b->n_rows) {
        size_t first = feat_answers_take(answers, b->places, b->n_rows);
        for (size_t r = 0; r < b->n_rows; r++) b->places[r] = (uint32_t)(first + r);
        rows.together = true;
    }
    feat_status status = b->n_rows ? feat_sweep_run(b->sweep, events, &rows, answers, err) : FEAT_OK;
    b->n = b->n_rows = 0;
    b->scattered = false;
    return status;
}
