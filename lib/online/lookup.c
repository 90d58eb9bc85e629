#include "online/lookup.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "column/nested.h"
#include "column/utf8.h"
#include "math/decimal.h"

typedef struct join_state {
    uint32_t state;     /* of the block, in the present epoch */
    feat_events events; /* scratch: the key's events around the windows */
    feat_scanner *scanner;
    feat_cell *aggregates;
} join_state;

struct feat_lookup {
    feat_db *db;
    feat_env *env;
    MDB_txn *txn;       /* reset between calls: an idle reader pins nothing */
    MDB_cursor *cursor; /* renewed with the txn */
    const feat_service *service;
    uint64_t epoch;
    join_state *joins;
    feat_cell *cells; /* registers of the service's code */
    feat_buffer key;
    feat_scratch scratch; /* texts that the row at hand makes */
    feat_arena text;      /* TEXT features of the last call */
};

void feat_lookup_close(feat_lookup *l) {
    if (!l) return;
    if (l->cursor) mdb_cursor_close(l->cursor);
    if (l->txn) feat_env_abort(l->txn);
    for (size_t j = 0; l->joins && j < l->service->stage.code->n_joins; j++) {
        if (l->joins[j].events.slots) feat_events_done(&l->joins[j].events);
        feat_scanner_free(l->joins[j].scanner);
        feat_free(l->joins[j].aggregates);
    }
    feat_free(l->joins);
    feat_free(l->cells);
    feat_buffer_done(&l->key);
    feat_arena_done(&l->text);
    feat_scratch_done(&l->scratch);
    feat_db_unref(l->db);
    feat_free(l);
}

/* Finds the state of each block; they move when a state is rebuilt. */
static feat_status resolve(feat_lookup *l, feat_error *err) {
    const feat_code *code = l->service->stage.code;
    feat_arena arena;
    feat_online_meta meta;
    feat_arena_init(&arena);
    feat_status status = feat_online_meta_read(l->env, l->txn, &arena, &meta, err);
    for (size_t j = 0; status == FEAT_OK && j < code->n_joins; j++) {
        size_t i = 0;
        while (i < meta.n_blocks && !feat_digest_equal(&meta.blocks[i].block, &code->joins[j].block->fingerprint)) i++;
        if (i < meta.n_blocks) l->joins[j].state = meta.blocks[i].state;
        else
            status = feat_fail(err, FEAT_NOT_FOUND,
                               "service '%s' is not deployed: there is no serving state for it; call feat_deploy",
                               l->service->name);
    }
    if (status == FEAT_OK) l->epoch = meta.epoch;
    feat_arena_done(&arena);
    return status;
}

feat_status feat_lookup_open(feat_db *db, const feat_service *service, feat_lookup **lookup, feat_error *err) {
    feat_lookup *l = feat_alloc_zero(1, sizeof *l);
    if (!l) return feat_fail_memory(err);
    l->db = feat_db_ref(db);
    l->service = service;
    feat_buffer_init(&l->key);
    feat_arena_init(&l->text);
    feat_scratch_init(&l->scratch);
    feat_status status;
    const feat_code *code = service->stage.code;
    l->joins = feat_alloc_zero(code->n_joins, sizeof *l->joins);
    l->cells = feat_alloc_zero(code->n_regs, sizeof *l->cells);
    if (!l->joins || !l->cells) {
        status = feat_fail_memory(err);
        goto fail;
    }
    for (size_t j = 0; j < code->n_joins; j++) {
        const feat_block *block = code->joins[j].block;
        FEAT_GOTO(status, feat_events_init(&l->joins[j].events, block, err), fail);
        FEAT_GOTO(status, feat_scanner_new(block, &l->joins[j].scanner, err), fail);
        l->joins[j].aggregates = feat_alloc_zero(block->n_aggregates, sizeof(feat_cell));
        if (!l->joins[j].aggregates) {
            status = feat_fail_memory(err);
            goto fail;
        }
    }
    feat_row_init(code, l->cells);
    FEAT_GOTO(status, feat_db_online(db, &l->env, err), fail);
    FEAT_GOTO(status, feat_env_begin(l->env, false, &l->txn, err), fail);
    int rc = mdb_cursor_open(l->txn, feat_env_dbi(l->env), &l->cursor);
    if (rc != 0) {
        status = feat_env_fail(err, rc, "reading serving state");
        goto fail;
    }
    FEAT_GOTO(status, resolve(l, err), fail);
    feat_env_reset(l->txn);
    *lookup = l;
    return FEAT_OK;
fail:
    feat_lookup_close(l);
    return status;
}

/* ---- One vector. ---- */

static feat_int128 wide_of(const feat_value *value) {
    return (feat_int128)((feat_uint128)(uint64_t)value->as.wide.high << 64 | value->as.wide.low);
}

/* Whether a value is one of its type: what the library computes with relies on it. */
static bool is_value(feat_type type, const feat_value *value) {
    const char *bytes = value->as.text.data ? value->as.text.data : "";
    size_t length = value->as.text.data ? value->as.text.length : 0;
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TEXT: return feat_utf8_valid(bytes, length);
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return feat_nested_valid(type, bytes, length);
    case FEAT_TYPE_UBIGINT: return value->as.wide.high == 0;
    case FEAT_TYPE_DECIMAL: return feat_decimal_fits(wide_of(value), FEAT_TYPE_PRECISION(type));
    default: return feat_class_of(type) != FEAT_CLASS_I || feat_int_fits(type, value->as.i64);
    }
}

static feat_status check_input(const feat_field *field, const feat_value *value, size_t row, feat_error *err) {
    char type[FEAT_TYPE_TEXT_SIZE];
    if (value->is_null) return FEAT_OK;
    if (value->type != (uint8_t)FEAT_TYPE_BASE(field->type))
        return feat_fail_row(err, FEAT_SCHEMA, (int64_t)row, "request row %zu, input '%s': expected %s, got %s", row,
                             field->name, feat_type_format(field->type, type), feat_type_name((feat_type)value->type));
    if (!is_value(field->type, value))
        return feat_fail_row(err, FEAT_SCHEMA, (int64_t)row, "request row %zu, input '%s': the value is no %s", row,
                             field->name, feat_type_format(field->type, type));
    return FEAT_OK;
}

static feat_cell input_cell(const feat_value *value, feat_type type) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    feat_class class = feat_class_of(type);
    if (class == FEAT_CLASS_T) cell.v.t = (feat_text){"", 0};
    cell.state = value->is_null ? FEAT_STATE_NULL : FEAT_STATE_VALUE;
    if (value->is_null) return cell;
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = value->as.i64 != 0; break;
    case FEAT_CLASS_I: cell.v.i = value->as.i64; break;
    case FEAT_CLASS_F: cell.v.f = type == FEAT_TYPE_REAL ? (double)(float)value->as.f64 : value->as.f64; break;
    case FEAT_CLASS_T:
        if (value->as.text.data) cell.v.t = (feat_text){value->as.text.data, value->as.text.length};
        break;
    case FEAT_CLASS_W: cell.v.w = wide_of(value); break;
    case FEAT_CLASS_V:
        cell.v.p = (feat_interval){value->as.interval.months, value->as.interval.days, value->as.interval.us};
        break;
    case FEAT_CLASS_N: break;
    }
    return feat_cell_canonical(cell, class);
}

/* Asks join `j`, whose key the steps before it have computed, and fills the loads that read it. */
static feat_status join_evaluate(feat_lookup *l, size_t j, int64_t now, size_t *load, feat_error *err) {
    const feat_code *code = l->service->stage.code;
    const feat_code_join *join = &code->joins[j];
    join_state *s = &l->joins[j];
    bool whole = true, found;
    feat_buffer_clear(&l->key);
    for (size_t k = 0; k < join->block->n_key && whole; k++) {
        const feat_cell *part = &l->cells[join->key[k]];
        whole = part->state == FEAT_STATE_VALUE;
        if (whole) feat_key_append_cell(&l->key, join->types[k], part);
    }
    feat_events_clear(&s->events);
    if (whole) {
        int64_t first, last;
        if (l->key.failed) return feat_fail_memory(err);
        FEAT_TRY(feat_scanner_span(s->scanner, now, &first, &last, err));
        FEAT_TRY(feat_state_load(l->cursor, s->state, l->key.data, l->key.size, first, last, &s->events, err));
    }
    FEAT_TRY(feat_scanner_run(s->scanner, &s->events, 0, s->events.n, now, s->aggregates, &found, err));
    for (; *load < code->n_loads && code->loads[*load].join == j; (*load)++) {
        const feat_load *wanted = &code->loads[*load];
        feat_cell *cell = &l->cells[wanted->reg];
        if (wanted->kind == FEAT_LOAD_FOUND) *cell = (feat_cell){.v.b = found, .state = FEAT_STATE_VALUE};
        else *cell = s->aggregates[wanted->index];
    }
    return FEAT_OK;
}

static feat_status put_value(feat_lookup *l, const feat_output *feature, feat_cell cell, bool found, bool expired,
                             feat_value *out, feat_error *err) {
    memset(out, 0, sizeof *out);
    out->type = (uint8_t)FEAT_TYPE_BASE(feature->type);
    out->is_null = cell.state != FEAT_STATE_VALUE;
    out->status = cell.state == FEAT_STATE_ERROR  ? FEAT_VALUE_ERROR
                  : expired                       ? FEAT_VALUE_EXPIRED
                  : !found                        ? FEAT_VALUE_NOT_FOUND
                  : cell.state == FEAT_STATE_NULL ? FEAT_VALUE_NULL
                                                  : FEAT_VALUE_PRESENT;
    if (out->is_null) return FEAT_OK;
    cell = feat_cell_canonical(cell, feat_class_of(feature->type));
    switch (feat_class_of(feature->type)) {
    case FEAT_CLASS_T:
        out->as.text.data = feat_arena_strndup(&l->text, cell.v.t.data, cell.v.t.length);
        out->as.text.length = cell.v.t.length;
        return out->as.text.data ? FEAT_OK : feat_fail_memory(err);
    case FEAT_CLASS_F: out->as.f64 = cell.v.f; break;
    case FEAT_CLASS_B: out->as.i64 = cell.v.b; break;
    case FEAT_CLASS_W:
        out->as.wide.low = (uint64_t)cell.v.w;
        out->as.wide.high = (int64_t)(cell.v.w >> 64);
        break;
    case FEAT_CLASS_V:
        out->as.interval.months = cell.v.p.months;
        out->as.interval.days = cell.v.p.days;
        out->as.interval.us = cell.v.p.us;
        break;
    default: out->as.i64 = cell.v.i;
    }
    return FEAT_OK;
}

/* Whether an output of the code is TRUE; `none` where there is no such output. */
static bool is_true(const feat_lookup *l, int32_t output, bool none) {
    if (output < 0) return none;
    const feat_cell *cell = &l->cells[l->service->stage.code->outputs[output]];
    return cell->state == FEAT_STATE_VALUE && cell->v.b;
}

static feat_status row_evaluate(feat_lookup *l, const feat_value *inputs, size_t row, int64_t now, feat_value *values,
                                feat_error *err) {
    const feat_service *service = l->service;
    const feat_code *code = service->stage.code;
    size_t at = 0, load = 0;
    feat_scratch_reset(&l->scratch);
    for (size_t i = 0; i < service->n_inputs; i++) FEAT_TRY(check_input(&service->inputs[i], &inputs[i], row, err));
    for (; load < code->n_loads; load++) { /* those of no join come first */
        const feat_load *wanted = &code->loads[load];
        if (wanted->kind == FEAT_LOAD_INPUT) l->cells[wanted->reg] = input_cell(&inputs[wanted->index], wanted->type);
        else if (wanted->kind == FEAT_LOAD_NOW)
            l->cells[wanted->reg] = (feat_cell){.v.i = now, .state = FEAT_STATE_VALUE};
        else break;
    }
    for (size_t j = 0; j < code->n_joins; j++) {
        feat_row_run_steps(code, l->cells, &l->scratch, at, code->joins[j].step);
        at = code->joins[j].step;
        FEAT_TRY(join_evaluate(l, j, now, &load, err));
    }
    feat_row_run_steps(code, l->cells, &l->scratch, at, code->n_steps);
    if (l->scratch.failed) return feat_fail_memory(err);
    for (size_t f = 0; f < service->n_features; f++) {
        int32_t v = service->feature_view[f];
        bool found = v < 0 || is_true(l, service->views[v].found_output, true);
        bool expired = v >= 0 && is_true(l, service->views[v].expired_output, false);
        FEAT_TRY(put_value(l, &service->features[f], l->cells[code->outputs[f]], found, expired, &values[f], err));
    }
    return FEAT_OK;
}

feat_status feat_lookup_get(feat_lookup *l, const feat_request *request, feat_value *values, feat_position *position,
                            feat_error *err) {
    uint64_t version, epoch;
    feat_arena_reset(&l->text);
    FEAT_TRY(feat_env_renew(l->env, l->txn, err));
    feat_status status;
    int rc = mdb_cursor_renew(l->txn, l->cursor);
    if (rc != 0) {
        status = feat_env_fail(err, rc, "reading serving state");
        goto out;
    }
    FEAT_GOTO(status, feat_online_meta_peek(l->env, l->txn, &version, &epoch, err), out);
    if (epoch != l->epoch) FEAT_GOTO(status, resolve(l, err), out);
    int64_t now = request->now || request->n == 0 ? 0 : feat_clock_now();
    for (size_t i = 0; i < request->n; i++)
        FEAT_GOTO(status,
                  row_evaluate(l, request->inputs + i * l->service->n_inputs, i, request->now ? request->now[i] : now,
                               values + i * l->service->n_features, err),
                  out);
    if (position) *position = (feat_position){version, 0};
out:
    feat_env_reset(l->txn);
    return status;
}
