/* What blocks say of many rows: the keys of the rows are numbered, the events of these keys projected and grouped, and
 * each key's rows answered together, from an index where they are many. */
#include <string.h>

#include "base/alloc.h"
#include "engine/project.h"

/* An index pays when an entity is asked more often than this; below, walking the windows is cheaper than building it.
 */
enum { SCANS_BEFORE_INDEX = 2 };

typedef struct asking {
    const feat_block *block;
    const int64_t *times;
    feat_scanner *scanner;
    feat_window_index *index;
    feat_cell *cells;
    feat_answers *answers;
} asking;

static feat_status answer_entity(asking *a, feat_events *events, const uint32_t *rows, size_t n_rows, feat_error *err) {
    bool indexed = n_rows > SCANS_BEFORE_INDEX && events->n > 0, found;
    if (indexed) FEAT_TRY(feat_window_index_build(a->index, events, 0, events->n, err));
    for (size_t i = 0; i < n_rows; i++) {
        int64_t t = a->times[rows[i]];
        if (indexed) FEAT_TRY(feat_window_index_query(a->index, t, a->cells, &found, err));
        else FEAT_TRY(feat_scanner_run(a->scanner, events, 0, events->n, t, a->cells, &found, err));
        FEAT_TRY(feat_answers_put(a->answers, rows[i], a->cells, found, err));
    }
    return FEAT_OK;
}

/* The number of each row's key in `map`; FEAT_NO_KEY where a part of it is no value. */
static feat_status number_keys(const feat_code *code, size_t join, const feat_row_source *rows, size_t n,
                               feat_keymap *map, uint32_t *row_key, feat_error *err) {
    const feat_code_join *j = &code->joins[join];
    feat_machine *machine;
    feat_buffer key;
    FEAT_TRY(feat_machine_new(code, &machine, err));
    feat_buffer_init(&key);
    feat_status status = FEAT_OK;
    for (size_t at = 0; at < n && status == FEAT_OK; at += FEAT_LANES) {
        size_t part = n - at < FEAT_LANES ? n - at : FEAT_LANES;
        feat_row_source_load(rows, code, join, machine, at, part);
        status = feat_machine_run_steps(machine, 0, j->step, part, err);
        for (size_t i = 0; i < part && status == FEAT_OK; i++) {
            bool whole = true;
            feat_buffer_clear(&key);
            for (size_t k = 0; k < j->block->n_key && whole; k++) {
                feat_cell cell = feat_vector_cell(feat_machine_register(machine, j->key[k]), i);
                whole = cell.state == FEAT_STATE_VALUE;
                if (whole) feat_key_append_cell(&key, j->types[k], &cell);
            }
            row_key[at + i] = FEAT_NO_KEY;
            if (whole && (key.failed || !feat_keymap_number(map, key.data, key.size, true, &row_key[at + i])))
                status = feat_fail_memory(err);
        }
    }
    feat_machine_free(machine);
    feat_buffer_done(&key);
    return status;
}

/* Rows by key, in their own order; those without one form the last group. */
static feat_status group_rows(uint32_t *row_key, size_t n, size_t n_keys, uint32_t *rows, size_t **starts,
                              feat_error *err) {
    size_t *start = feat_alloc_zero(n_keys + 3, sizeof *start);
    if (!start) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        if (row_key[i] == FEAT_NO_KEY) row_key[i] = (uint32_t)n_keys;
        start[row_key[i] + 2]++;
    }
    for (size_t k = 2; k < n_keys + 3; k++) start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++) rows[start[row_key[i] + 1]++] = (uint32_t)i;
    *starts = start;
    return FEAT_OK;
}

static feat_status answer_join(feat_db *db, uint64_t version, const feat_code *code, size_t join,
                               const feat_row_source *rows, size_t n, feat_answers *answers, feat_error *err) {
    const feat_block *block = code->joins[join].block;
    asking a = {.block = block, .times = rows->times, .answers = answers};
    feat_keymap map;
    feat_entity_events projected = {0};
    feat_events one = {0};
    uint32_t *row_key = feat_alloc_array(n, sizeof *row_key), *ordered = feat_alloc_array(n, sizeof *ordered),
             *numbers = NULL;
    size_t *row_starts = NULL, *event_starts = NULL;
    feat_status status = FEAT_OK;
    feat_keymap_init(&map);
    a.cells = feat_alloc_zero(block->n_aggregates, sizeof *a.cells);
    if (!row_key || !ordered || !a.cells) {
        status = feat_fail_memory(err);
        goto out;
    }
    FEAT_GOTO(status, number_keys(code, join, rows, n, &map, row_key, err), out);
    FEAT_GOTO(status, feat_entity_events_init(&projected, block, err), out);
    FEAT_GOTO(status, feat_events_init(&one, block, err), out);
    FEAT_GOTO(status, feat_scanner_new(block, &a.scanner, err), out);
    FEAT_GOTO(status, feat_window_index_new(block, &a.index, err), out);
    if (map.n > 0) FEAT_GOTO(status, feat_project_block(db, version, block, &map, false, &projected, err), out);
    FEAT_GOTO(status, feat_group_events(&projected, map.n, &numbers, &event_starts, err), out);
    FEAT_GOTO(status, group_rows(row_key, n, map.n, ordered, &row_starts, err), out);
    for (size_t k = 0; k <= map.n; k++) {
        feat_events_clear(&one);
        if (k < map.n)
            FEAT_GOTO(status,
                      feat_events_gather(&one, &projected.events, numbers + event_starts[k],
                                         event_starts[k + 1] - event_starts[k], err),
                      out);
        FEAT_GOTO(status, answer_entity(&a, &one, ordered + row_starts[k], row_starts[k + 1] - row_starts[k], err),
                  out);
    }
out:
    feat_scanner_free(a.scanner);
    feat_window_index_free(a.index);
    feat_free(a.cells);
    if (one.slots) feat_events_done(&one);
    feat_entity_events_done(&projected);
    feat_keymap_done(&map);
    feat_free(row_key);
    feat_free(ordered);
    feat_free(numbers);
    feat_free(row_starts);
    feat_free(event_starts);
    return status;
}

feat_status feat_answer_joins(feat_db *db, uint64_t version, const feat_code *code, const feat_column *const *inputs,
                              const int64_t *times, size_t n, feat_answers *answers, feat_error *err) {
    feat_row_source rows = {inputs, times, answers};
    for (size_t j = 0; j < code->n_joins; j++) {
        FEAT_TRY(feat_answers_init(&answers[j], code, j, n, err));
        FEAT_TRY(answer_join(db, version, code, j, &rows, n, &answers[j], err));
    }
    return FEAT_OK;
}
