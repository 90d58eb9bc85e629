/* The projector: runs the stage of a branch over batches of rows and makes events of those that pass. */
#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "exec/cell.h"
#include "exec/events.h"
#include "exec/exec.h"
#include "math/number.h"

void feat_branch_reads(const feat_union_branch *branch, bool *reads) {
    const feat_code *code = branch->stage.code;
    for (size_t f = 0; f < branch->table->n_fields; f++) reads[f] = false;
    reads[branch->table->time] = true;
    for (size_t k = 0; k < branch->n_ties; k++) reads[branch->ties[k]] = true;
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].kind == FEAT_LOAD_INPUT) reads[code->loads[i].index] = true;
}

int64_t feat_event_time(const feat_column *column, size_t row) {
    assert(!feat_column_is_null(column, row));
    int64_t value = feat_column_int(column, row), us;
    if (column->type != FEAT_TYPE_DATE) return value;
    if (__builtin_mul_overflow(value, FEAT_US_PER_DAY, &us)) return value < 0 ? INT64_MIN : INT64_MAX;
    return us;
}

/* ---- Answers of blocks, and loads. ---- */

void feat_row_source_load(const feat_row_source *rows, const feat_code *code, size_t joins, feat_machine *machine,
                          size_t start, size_t n) {
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        feat_vector *v = feat_machine_register(machine, load->reg);
        if (load->kind == FEAT_LOAD_INPUT) {
            feat_vector_load(v, rows->inputs[load->index], start, n);
        } else if (load->kind == FEAT_LOAD_NOW) {
            feat_vector_put_ints(v, rows->times + start, n);
        } else if (load->join < joins) {
            const feat_answers *answers = &rows->answers[load->join];
            const feat_event_slot *column =
                &answers->columns[load->kind == FEAT_LOAD_FOUND ? answers->n - 1 : load->index];
            feat_vector_put_lanes(v, (const char *)column->values + start * feat_class_size(column->class),
                                  column->state + start, n);
        }
    }
}

/* ---- The projector. ---- */

struct feat_projector {
    const feat_block *block;
    const feat_union_branch *branch;
    size_t number; /* of the branch */
    feat_machine *machine;
    const feat_vector *where; /* NULL: every event passes */
    const feat_vector **key;
    const feat_vector **argument, **filter; /* by slot; NULL: none */
    uint32_t lanes[FEAT_LANES];             /* of the batch's events that pass */
    uint32_t picked[FEAT_LANES];            /* rows of those that are taken */
    uint8_t where_state[FEAT_LANES], argument_state[FEAT_LANES], filter_state[FEAT_LANES];
    feat_buffer tie;
};

feat_status feat_projector_new(const feat_block *block, size_t number, feat_projector **projector, feat_error *err) {
    const feat_union_branch *branch = &block->branches[number];
    const feat_code *code = branch->stage.code;
    feat_projector *p = feat_alloc_zero(1, sizeof *p);
    if (!p) return feat_fail_memory(err);
    p->block = block;
    p->branch = branch;
    p->number = number;
    feat_buffer_init(&p->tie);
    p->key = feat_alloc_zero(block->n_key, sizeof *p->key);
    p->argument = feat_alloc_zero(block->n_slots, sizeof *p->argument);
    p->filter = feat_alloc_zero(block->n_slots, sizeof *p->filter);
    feat_status status = p->key && p->argument && p->filter ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) status = feat_machine_new(code, &p->machine, err);
    if (status != FEAT_OK) {
        feat_projector_free(p);
        return status;
    }
    size_t output = 0;
    if (branch->where != FEAT_NO_NODE) p->where = feat_machine_register(p->machine, code->outputs[output++]);
    for (size_t k = 0; k < block->n_key; k++) p->key[k] = feat_machine_register(p->machine, code->outputs[output++]);
    for (size_t s = 0; s < block->n_slots; s++) {
        if (branch->slots[s].arg != FEAT_NO_NODE)
            p->argument[s] = feat_machine_register(p->machine, code->outputs[output++]);
        if (branch->slots[s].filter != FEAT_NO_NODE)
            p->filter[s] = feat_machine_register(p->machine, code->outputs[output++]);
    }
    assert(output == code->n_outputs);
    *projector = p;
    return FEAT_OK;
}

void feat_projector_free(feat_projector *p) {
    if (!p) return;
    feat_machine_free(p->machine);
    feat_free((void *)p->key);
    feat_free((void *)p->argument);
    feat_free((void *)p->filter);
    feat_buffer_done(&p->tie);
    feat_free(p);
}

feat_status feat_projector_batch(feat_projector *p, const feat_row_source *rows, size_t start, size_t n,
                                 const uint32_t **lanes, size_t *n_lanes, feat_error *err) {
    const feat_code *code = p->branch->stage.code;
    uint8_t state[FEAT_LANES];
    size_t picked = 0;
    feat_row_source_load(rows, code, code->n_joins, p->machine, start, n);
    FEAT_TRY(feat_machine_run(p->machine, n, err));
    memset(p->where_state, FEAT_STATE_VALUE, n);
    if (p->where) feat_vector_states(p->where, n, p->where_state);
    const uint8_t *truth = p->where ? feat_vector_values(p->where) : NULL;
    for (size_t lane = 0; lane < n; lane++) {
        bool passes = !truth || p->where_state[lane] == FEAT_STATE_ERROR ||
                      (p->where_state[lane] == FEAT_STATE_VALUE && truth[lane]);
        p->lanes[picked] = (uint32_t)lane;
        picked += passes;
    }
    for (size_t k = 0; k < p->block->n_key; k++) {
        size_t left = 0;
        feat_vector_states(p->key[k], n, state);
        for (size_t i = 0; i < picked; i++) {
            uint32_t lane = p->lanes[i];
            p->lanes[left] = lane;
            left += state[lane] == FEAT_STATE_VALUE;
        }
        picked = left;
    }
    *lanes = p->lanes;
    *n_lanes = picked;
    return FEAT_OK;
}

void feat_projector_key(const feat_projector *p, uint32_t lane, feat_buffer *key) {
    for (size_t k = 0; k < p->block->n_key; k++) {
        feat_cell cell = feat_vector_cell(p->key[k], lane);
        feat_key_append_cell(key, p->block->key[k], &cell);
    }
}

int64_t feat_projector_key_int(const feat_projector *p, uint32_t lane) {
    return ((const int64_t *)feat_vector_values(p->key[0]))[lane];
}

/* Writes slot `s` of the lanes behind the events there are. False when memory is out. */
static bool take_slot(feat_projector *p, size_t s, const uint32_t *lanes, size_t n, feat_events *out) {
    feat_event_slot *slot = &out->slots[s];
    size_t at = out->n, all = n ? lanes[n - 1] + 1 : 0; /* lanes are ascending */
    const void *values = p->argument[s] ? feat_vector_values(p->argument[s]) : NULL;
    const uint8_t *passes = p->filter[s] ? feat_vector_values(p->filter[s]) : NULL;
    if (p->argument[s]) feat_vector_states(p->argument[s], all, p->argument_state);
    else memset(p->argument_state, FEAT_STATE_VALUE, all);
    if (p->filter[s]) feat_vector_states(p->filter[s], all, p->filter_state);
    for (size_t i = 0; i < n; i++) {
        size_t lane = lanes[i];
        uint8_t state = p->argument_state[lane];
        if (passes) { /* the argument of an event that the filter leaves out is not evaluated */
            if (p->filter_state[lane] == FEAT_STATE_ERROR) state = FEAT_STATE_ERROR;
            else if (p->filter_state[lane] == FEAT_STATE_NULL || !passes[lane]) state = FEAT_STATE_SKIPPED;
        }
        if (p->where_state[lane] == FEAT_STATE_ERROR) state = FEAT_STATE_ERROR;
        bool value = state == FEAT_STATE_VALUE;
        slot->state[at + i] = state;
        switch (slot->class) {
        case FEAT_CLASS_B:
            ((uint8_t *)slot->values)[at + i] = value && (!values || ((const uint8_t *)values)[lane]);
            break;
        case FEAT_CLASS_I: ((int64_t *)slot->values)[at + i] = value ? ((const int64_t *)values)[lane] : 0; break;
        case FEAT_CLASS_F:
            ((double *)slot->values)[at + i] = value ? feat_double_canonical(((const double *)values)[lane]) : 0.0;
            break;
        case FEAT_CLASS_W:
            ((feat_int128 *)slot->values)[at + i] = value ? ((const feat_int128 *)values)[lane] : 0;
            break;
        case FEAT_CLASS_V:
            ((feat_interval *)slot->values)[at + i] =
                value ? ((const feat_interval *)values)[lane] : (feat_interval){0, 0, 0};
            break;
        case FEAT_CLASS_T: {
            feat_text text = value ? ((const feat_text *)values)[lane] : (feat_text){"", 0};
            if (!feat_events_keep_text(out, &text)) return false;
            ((feat_text *)slot->values)[at + i] = text;
            break;
        }
        case FEAT_CLASS_N: break;
        }
    }
    return true;
}

static bool take_ties(feat_projector *p, const feat_row_source *rows, size_t start, const uint32_t *lanes, size_t n,
                      feat_events *out) {
    const feat_union_branch *branch = p->branch;
    bool united = p->block->n_branches > 1;
    for (size_t i = 0; i < n; i++) p->picked[i] = (uint32_t)(start + lanes[i]);
    for (size_t k = 0; k < branch->n_ties && !united; k++)
        if (feat_column_append_rows(&out->ties[k], rows->inputs[branch->ties[k]], p->picked, n) != 0) return false;
    for (size_t i = 0; i < n && united; i++) {
        feat_buffer_clear(&p->tie);
        for (size_t k = 0; k < branch->n_ties; k++)
            feat_key_append(&p->tie, rows->inputs[branch->ties[k]], start + lanes[i]);
        if (p->tie.failed || feat_column_append_int(&out->ties[0], (int64_t)p->number) != 0 ||
            feat_column_append_text(&out->ties[1], p->tie.size ? (const char *)p->tie.data : "", p->tie.size) != 0)
            return false;
    }
    return true;
}

feat_status feat_projector_take(feat_projector *p, const feat_row_source *rows, size_t start, const uint32_t *lanes,
                                size_t n, feat_events *out, feat_error *err) {
    if (feat_events_room(out, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) out->time[out->n + i] = rows->times[start + lanes[i]];
    bool taken = true;
    for (size_t s = 0; taken && s < p->block->n_slots; s++) taken = take_slot(p, s, lanes, n, out);
    if (!taken || !take_ties(p, rows, start, lanes, n, out)) {
        feat_events_drop_ties(out);
        return feat_fail_memory(err);
    }
    out->n += n;
    return FEAT_OK;
}

void feat_key_append_cell(feat_buffer *out, feat_type type, const feat_cell *cell) {
    switch (feat_class_of(type)) {
    case FEAT_CLASS_B: feat_key_append_int(out, cell->v.b); break;
    case FEAT_CLASS_I: feat_key_append_int(out, cell->v.i); break;
    case FEAT_CLASS_F: feat_key_append_double(out, cell->v.f); break;
    case FEAT_CLASS_T: feat_key_append_text(out, cell->v.t.data, cell->v.t.length); break;
    case FEAT_CLASS_W:
        feat_key_append_wide(out, cell->v.w, FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL ? FEAT_TYPE_SCALE(type) : 0);
        break;
    case FEAT_CLASS_V:
    case FEAT_CLASS_N: break;
    }
}
