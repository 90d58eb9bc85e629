#include "engine/pass.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/bitmap.h"

/* Rows that are enriched are projected many at a time: each lot reads what they are enriched with anew. */
enum { ROWS_AT_ONCE = 65536 };

feat_status feat_pause_check(const feat_affecting *a, feat_error *err) {
    return a->pause.check ? a->pause.check(a->pause.state, err) : FEAT_OK;
}

void feat_lot_done(feat_lot *l) {
    feat_keymap_done(&l->map);
    feat_entity_events_done(&l->events);
}

feat_status feat_lot_project(feat_lot *l, feat_db *db, uint64_t version, const feat_block *block, size_t branch,
                             const feat_row_address *rows, size_t n, feat_error *err) {
    feat_lot_done(l);
    feat_keymap_init(&l->map);
    FEAT_TRY(feat_entity_events_init(&l->events, block, err));
    return feat_project_rows(db, version, block, branch, rows, n, &l->map, &l->events, err);
}

const void *feat_lot_key(const feat_lot *l, size_t event, size_t *size) {
    return feat_keymap_key(&l->map, l->events.entity[event], size);
}

static int by_address(const void *a, const void *b) {
    const feat_row_address *x = a, *y = b;
    if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool skipped(const feat_pass *w, const feat_row_address *row) {
    return w->n_skip && bsearch(row, w->skip, w->n_skip, sizeof *row, by_address);
}

static feat_status without_times(const feat_pass *w, feat_table_version *tv, size_t segment, bool *out,
                                 feat_error *err) {
    const feat_schema *table = w->block->branches[w->branch].table;
    feat_bounds bounds;
    *out = false;
    if (!w->times || table->fields[table->time].type != FEAT_TYPE_TIMESTAMP) return FEAT_OK;
    FEAT_TRY(feat_table_bounds(tv, segment, table->time, &bounds, err));
    *out = bounds.known && bounds.ints && !feat_spans_meet(w->times, (feat_time_span){bounds.min_int, bounds.max_int});
    return FEAT_OK;
}

feat_status feat_pass_prunes(const feat_pass *w, feat_table_version *tv, size_t segment, bool *prunes,
                             feat_error *err) {
    FEAT_TRY(without_times(w, tv, segment, prunes, err));
    atomic_fetch_add(*prunes ? &w->a->work->segments_pruned : &w->a->work->segments_read, 1);
    if (!*prunes) atomic_fetch_add(&w->a->work->rows_read, feat_table_segment(tv, segment).rows);
    return FEAT_OK;
}

/* Adds the rows of a segment that are there and are asked for. Their times are read first, alone: often few of them are
 * asked for, and projecting one reads all that the branch does. */
static feat_status pick_rows(const feat_pass *w, feat_table_version *tv, size_t s, feat_column *times,
                             feat_row_address *rows, size_t *n, feat_error *err) {
    feat_segment_info segment = feat_table_segment(tv, s);
    const uint8_t *deleted = NULL;
    FEAT_TRY(feat_table_deleted(tv, s, &deleted, err));
    feat_column_clear(times);
    if (w->times) FEAT_TRY(feat_table_read(tv, s, &w->block->branches[w->branch].table->time, 1, times, err));
    for (uint32_t i = 0; i < segment.rows; i++) {
        feat_row_address row = {segment.id, i};
        if (w->times && !feat_spans_hold(w->times, feat_event_time(times, i))) continue;
        if (!(deleted && feat_bit_get(deleted, i)) && !skipped(w, &row)) rows[(*n)++] = row;
    }
    return FEAT_OK;
}

feat_status feat_pass_run(feat_pass *w, feat_error *err) {
    const feat_union_branch *branch = &w->block->branches[w->branch];
    size_t at_once = branch->stage.code->n_joins ? FEAT_PASS_JOINED_ROWS : ROWS_AT_ONCE, n = 0, capacity = 0;
    feat_table_version *tv = NULL;
    feat_row_address *rows = NULL;
    feat_column times;
    feat_column_init(&times, branch->table->fields[branch->table->time].type);
    feat_status status = feat_table_open(w->a->db, branch->table, w->version, &tv, err);
    size_t segments = status == FEAT_OK ? feat_table_segments(tv) : 0;
    for (size_t s = 0; s < segments && status == FEAT_OK; s++) {
        bool pass;
        FEAT_GOTO(status, feat_pass_prunes(w, tv, s, &pass, err), out);
        if (pass) continue;
        if (FEAT_GROW(rows, capacity, n + feat_table_segment(tv, s).rows) != 0) {
            status = feat_fail_memory(err);
            goto out;
        }
        FEAT_GOTO(status, pick_rows(w, tv, s, &times, rows, &n, err), out);
        if (n < at_once) continue;
        FEAT_GOTO(status, w->take(w, rows, n, err), out);
        n = 0;
        status = feat_pause_check(w->a, err);
    }
    if (status == FEAT_OK && n) status = w->take(w, rows, n, err);
out:
    feat_table_close(tv);
    feat_column_done(&times);
    feat_free(rows);
    return status;
}
