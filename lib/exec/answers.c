/* Answers of blocks: columns of values and states, filled row by row or in the order in which they are made. */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "exec/cell.h"
#include "exec/exec.h"

typedef struct feat_arrival {
    atomic_size_t taken;
    size_t n_rows;
    uint32_t *rows; /* by place, as far as they are taken */
} feat_arrival;

static void arrival_free(feat_arrival *arrival) {
    if (arrival) feat_free(arrival->rows);
    feat_free(arrival);
}

/* Whether an aggregate is NULL exactly where it sees no value, and an error where it sees one. */
static bool is_null_when_empty(feat_agg agg) {
    return agg == FEAT_AGG_SUM_DOUBLE || agg == FEAT_AGG_AVG_DOUBLE || agg == FEAT_AGG_AVG_INT || agg == FEAT_AGG_MIN ||
           agg == FEAT_AGG_MAX;
}

/* Such aggregates of the same rows have the same states, which are then written once: the aggregate before `a` that
 * has them, or -1. */
static int states_of(const feat_block *block, const feat_answers *answers, uint32_t a) {
    const feat_aggregate *own = &block->aggregates[a];
    for (uint32_t b = 0; b < block->n_aggregates && is_null_when_empty(own->agg); b++) {
        const feat_aggregate *other = &block->aggregates[b];
        if (b != a && answers->columns[b].state && !answers->shares_state[b] && is_null_when_empty(other->agg) &&
            other->slot == own->slot && other->window == own->window && other->low == own->low &&
            other->high == own->high && other->otherwise == own->otherwise)
            return (int)b;
    }
    return -1;
}

feat_status feat_answers_init(feat_answers *answers, const feat_code *code, size_t join, size_t n_rows,
                              feat_error *err) {
    *answers = (feat_answers){0};
    feat_arena_init(&answers->text);
    size_t n = code->joins[join].block->n_aggregates + 1;
    answers->columns = feat_alloc_zero(n, sizeof *answers->columns);
    answers->shares_state = feat_alloc_zero(n, sizeof *answers->shares_state);
    if (!answers->columns || !answers->shares_state) return feat_fail_memory(err);
    answers->n = n;
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        bool found = load->kind == FEAT_LOAD_FOUND;
        if ((load->kind != FEAT_LOAD_AGGREGATE && !found) || load->join != join) continue;
        feat_event_slot *column = &answers->columns[found ? n - 1 : load->index];
        column->class = feat_class_of(load->type);
        column->values = feat_alloc_aligned(n_rows * feat_class_size(column->class));
        int same = found ? -1 : states_of(code->joins[join].block, answers, load->index);
        answers->shares_state[found ? n - 1 : load->index] = same >= 0;
        column->state = same >= 0 ? answers->columns[same].state : feat_alloc_zero(n_rows, 1);
        if (!column->values || !column->state) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

void feat_answers_done(feat_answers *answers) {
    for (size_t i = 0; i < answers->n; i++) {
        feat_free(answers->columns[i].values);
        if (!answers->shares_state[i]) feat_free(answers->columns[i].state);
    }
    feat_free(answers->shares_state);
    feat_free(answers->columns);
    arrival_free(answers->arrival);
    feat_arena_done(&answers->text);
    *answers = (feat_answers){0};
}

void feat_answers_share(const feat_answers *answers, feat_answers *worker) {
    *worker = (feat_answers){.columns = answers->columns,
                             .shares_state = answers->shares_state,
                             .n = answers->n,
                             .arrival = answers->arrival};
    feat_arena_init(&worker->text);
}

void feat_answers_join(feat_answers *answers, feat_answers *worker) {
    feat_arena_adopt(&answers->text, &worker->text);
    *worker = (feat_answers){0};
}

static bool put_cell(feat_answers *answers, feat_event_slot *column, size_t row, const feat_cell *cell) {
    feat_cell blank = feat_cell_of_state(FEAT_STATE_NULL);
    const feat_cell *from = cell->state == FEAT_STATE_VALUE ? cell : &blank;
    column->state[row] = cell->state;
    switch (column->class) {
    case FEAT_CLASS_B: ((uint8_t *)column->values)[row] = from->v.b; break;
    case FEAT_CLASS_I: ((int64_t *)column->values)[row] = from->v.i; break;
    case FEAT_CLASS_F: ((double *)column->values)[row] = from->v.f; break;
    case FEAT_CLASS_W: ((feat_int128 *)column->values)[row] = from->v.w; break;
    case FEAT_CLASS_V: ((feat_interval *)column->values)[row] = from->v.p; break;
    case FEAT_CLASS_T: {
        feat_text text = cell->state == FEAT_STATE_VALUE ? cell->v.t : (feat_text){"", 0};
        if (text.length) text.data = feat_arena_strndup(&answers->text, text.data, text.length);
        if (!text.data) return false;
        ((feat_text *)column->values)[row] = text;
        break;
    }
    case FEAT_CLASS_N: break;
    }
    return true;
}

bool feat_answers_put_one(feat_answers *answers, size_t aggregate, size_t row, const feat_cell *cell) {
    return put_cell(answers, &answers->columns[aggregate], row, cell);
}

feat_status feat_answers_put(feat_answers *answers, size_t row, const feat_cell *cells, bool found, feat_error *err) {
    for (size_t i = 0; i + 1 < answers->n; i++)
        if (answers->columns[i].class != FEAT_CLASS_N && !put_cell(answers, &answers->columns[i], row, &cells[i]))
            return feat_fail_memory(err);
    feat_event_slot *last = &answers->columns[answers->n - 1];
    if (last->class == FEAT_CLASS_N) return FEAT_OK;
    ((uint8_t *)last->values)[row] = found;
    last->state[row] = FEAT_STATE_VALUE;
    return FEAT_OK;
}

/* ---- In the order in which they are made. ---- */

feat_status feat_answers_arrive(feat_answers *answers, size_t n_rows, feat_error *err) {
    feat_arrival *arrival = feat_alloc_zero(1, sizeof *arrival);
    if (!arrival) return feat_fail_memory(err);
    answers->arrival = arrival;
    atomic_init(&arrival->taken, 0);
    arrival->n_rows = n_rows;
    arrival->rows = feat_alloc_array(n_rows, sizeof *arrival->rows);
    return arrival->rows ? FEAT_OK : feat_fail_memory(err);
}

size_t feat_answers_take(const feat_answers *answers, const uint32_t *rows, size_t n) {
    feat_arrival *arrival = answers->arrival;
    size_t first = atomic_fetch_add(&arrival->taken, n);
    assert(first + n <= arrival->n_rows);
    memcpy(arrival->rows + first, rows, n * sizeof *rows);
    return first;
}

/* The columns are divided among the threads; what each was, once settled, is room for the next. */
typedef struct settling {
    feat_answers *answers;
    const uint32_t *places; /* by row */
    size_t n_rows, parts;
} settling;

enum { AHEAD = 64 };
static void settle_values(const uint32_t *places, size_t n, size_t size, const void *from, void *to) {
    switch (size) {
    case 1:
        for (size_t r = 0; r < n; r++) ((uint8_t *)to)[r] = ((const uint8_t *)from)[places[r]];
        break;
    case 8:
        for (size_t r = 0; r < n; r++) {
            __builtin_prefetch((const uint64_t *)from + places[r + AHEAD < n ? r + AHEAD : r]);
            ((uint64_t *)to)[r] = ((const uint64_t *)from)[places[r]];
        }
        break;
    default:
        for (size_t r = 0; r < n; r++) memcpy((char *)to + r * size, (const char *)from + places[r] * size, size);
    }
}

/* Settles what *values points to; *spare has as many bytes, or is made. */
static feat_status settle_one(const settling *s, size_t size, void **values, void **spare, feat_error *err) {
    if (!*spare) *spare = feat_alloc_aligned(s->n_rows * size);
    if (!*spare) return feat_fail_memory(err);
    settle_values(s->places, s->n_rows, size, *values, *spare);
    void *swap = *values;
    *values = *spare;
    *spare = swap;
    return FEAT_OK;
}

static feat_status settle_part(void *context, size_t part, feat_error *err) {
    const settling *s = context;
    void *spare = NULL, *spare_states = NULL;
    size_t spare_size = 0;
    feat_status status = FEAT_OK;
    for (size_t i = part; i < s->answers->n && status == FEAT_OK; i += s->parts) {
        feat_event_slot *column = &s->answers->columns[i];
        size_t size = feat_class_size(column->class);
        if (column->class == FEAT_CLASS_N) continue;
        if (size != spare_size) {
            feat_free(spare);
            spare = NULL;
            spare_size = size;
        }
        status = settle_one(s, size, &column->values, &spare, err);
        if (status == FEAT_OK && !s->answers->shares_state[i])
            status = settle_one(s, 1, (void **)&column->state, &spare_states, err);
    }
    feat_free(spare);
    feat_free(spare_states);
    return status;
}

feat_status feat_answers_settle(feat_answers *answers, size_t threads, feat_error *err) {
    feat_arrival *arrival = answers->arrival;
    if (!arrival) return FEAT_OK;
    size_t n = arrival->n_rows;
    uint32_t *places = feat_alloc_array(n, sizeof *places);
    /* Which columns share their states is known by the pointers, which are about to move. */
    int32_t *shared = feat_alloc_array(answers->n, sizeof *shared);
    settling s = {answers, places, n, threads < answers->n ? threads : answers->n};
    feat_status status = places && shared ? FEAT_OK : feat_fail_memory(err);
    if (status != FEAT_OK) goto out;
    assert(atomic_load(&arrival->taken) == n);
    for (size_t p = 0; p < n; p++) places[arrival->rows[p]] = (uint32_t)p;
    for (size_t i = 0; i < answers->n; i++) {
        shared[i] = -1;
        for (size_t k = 0; k < answers->n && answers->shares_state[i]; k++)
            if (!answers->shares_state[k] && answers->columns[k].state == answers->columns[i].state)
                shared[i] = (int32_t)k;
    }
    status = feat_parallel(threads, s.parts, settle_part, &s, err);
    for (size_t i = 0; i < answers->n; i++)
        if (shared[i] >= 0) answers->columns[i].state = answers->columns[shared[i]].state;
    arrival_free(arrival);
    answers->arrival = NULL;
out:
    feat_free(places);
    feat_free(shared);
    return status;
}
