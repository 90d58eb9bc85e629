#include "online/lookup.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"

typedef struct join_state {
    uint32_t state;     /* of the view, in the present epoch */
    feat_events events; /* scratch: the entity's events around the windows */
    feat_cell *aggregates;
    bool found;
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
    feat_arena text; /* TEXT features of the last call */
};

void feat_lookup_close(feat_lookup *l) {
    if (!l) return;
    if (l->cursor) mdb_cursor_close(l->cursor);
    if (l->txn) feat_env_abort(l->txn);
    for (size_t j = 0; l->joins && j < l->service->n_joins; j++) {
        feat_events_done(&l->joins[j].events);
        feat_free(l->joins[j].aggregates);
    }
    feat_free(l->joins);
    feat_free(l->cells);
    feat_buffer_done(&l->key);
    feat_arena_done(&l->text);
    feat_db_unref(l->db);
    feat_free(l);
}

/* Finds the state of each view; they move when a state is rebuilt. */
static feat_status resolve(feat_lookup *l, feat_error *err) {
    feat_arena arena;
    feat_online_meta meta;
    feat_arena_init(&arena);
    feat_status status = feat_online_meta_read(l->env, l->txn, &arena, &meta, err);
    for (size_t j = 0; status == FEAT_OK && j < l->service->n_joins; j++) {
        const feat_view *view = l->service->joins[j].view;
        size_t i = 0;
        while (i < meta.n_views && !feat_digest_equal(&meta.views[i].view, &view->fingerprint)) i++;
        if (i < meta.n_views) l->joins[j].state = meta.views[i].state;
        else
            status =
                feat_fail(err, FEAT_NOT_FOUND,
                          "service '%s' is not deployed: there is no serving state of its view '%s'; call feat_deploy",
                          l->service->name, view->name);
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
    feat_status status;
    l->joins = feat_alloc_zero(service->n_joins, sizeof *l->joins);
    l->cells = feat_alloc_zero(service->code->n_regs, sizeof *l->cells);
    if (!l->joins || !l->cells) {
        status = feat_fail_memory(err);
        goto fail;
    }
    for (size_t j = 0; j < service->n_joins; j++) {
        FEAT_GOTO(status, feat_events_init(&l->joins[j].events, service->joins[j].view, err), fail);
        l->joins[j].aggregates = feat_alloc_zero(service->joins[j].view->n_aggregates, sizeof(feat_cell));
        if (!l->joins[j].aggregates) {
            status = feat_fail_memory(err);
            goto fail;
        }
    }
    feat_row_init(service->code, l->cells);
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

static feat_status check_input(const feat_field *field, const feat_value *value, size_t row, feat_error *err) {
    if (value->is_null || value->type == (uint8_t)field->type) return FEAT_OK;
    return feat_fail_row(err, FEAT_SCHEMA, (int64_t)row, "request row %zu, input '%s': expected %s, got %s", row,
                         field->name, feat_type_name(field->type), feat_type_name((feat_type)value->type));
}

static void append_key_part(feat_buffer *out, const feat_value *value) {
    switch ((feat_type)value->type) {
    case FEAT_TYPE_TEXT: feat_key_append_text(out, value->as.text.data, value->as.text.length); break;
    case FEAT_TYPE_DOUBLE: feat_key_append_double(out, value->as.f64); break;
    default: feat_key_append_int(out, value->as.i64); break;
    }
}

static feat_cell input_cell(const feat_value *value, feat_type type) {
    feat_cell cell = {.state = FEAT_STATE_VALUE};
    if (value->is_null) {
        cell.state = FEAT_STATE_NULL;
        if (type == FEAT_TYPE_TEXT) cell.v.t = (feat_text){"", 0};
    } else if (type == FEAT_TYPE_TEXT) {
        cell.v.t = (feat_text){value->as.text.data ? value->as.text.data : "", value->as.text.length};
    } else if (type == FEAT_TYPE_DOUBLE) {
        cell.v.f = value->as.f64;
    } else if (type == FEAT_TYPE_BOOLEAN) {
        cell.v.b = value->as.i64 != 0;
    } else {
        cell.v.i = value->as.i64;
    }
    return feat_cell_canonical(cell, feat_class_of(type));
}

static feat_status join_evaluate(feat_lookup *l, size_t j, const feat_value *inputs, int64_t now, feat_error *err) {
    const feat_join *join = &l->service->joins[j];
    const feat_view *view = join->view;
    join_state *s = &l->joins[j];
    bool null_key = false;
    feat_buffer_clear(&l->key);
    for (size_t i = 0; i < view->n_key && !null_key; i++) {
        const feat_value *part = &inputs[join->inputs[i]];
        null_key = part->is_null != 0;
        if (!null_key) append_key_part(&l->key, part);
    }
    feat_events_clear(&s->events);
    if (!null_key) {
        int64_t first = INT64_MAX, last = INT64_MIN;
        for (size_t w = 0; w < view->n_windows; w++) {
            int64_t window_first, window_last;
            feat_window_bounds(&view->windows[w], now, view->table->delay_us, &window_first, &window_last);
            if (window_first > window_last) continue;
            if (window_first < first) first = window_first;
            if (window_last > last) last = window_last;
        }
        if (l->key.failed) return feat_fail_memory(err);
        FEAT_TRY(feat_state_load(l->cursor, s->state, l->key.data, l->key.size, first, last, &s->events, err));
    }
    feat_aggregates_scan(view, &s->events, 0, s->events.n, now, s->aggregates, &s->found);
    return FEAT_OK;
}

static feat_status put_value(feat_lookup *l, const feat_output *feature, feat_cell cell, bool found, feat_value *out,
                             feat_error *err) {
    memset(out, 0, sizeof *out);
    out->type = (uint8_t)feature->type;
    out->is_null = cell.state != FEAT_STATE_VALUE;
    out->status = cell.state == FEAT_STATE_ERROR  ? FEAT_VALUE_ERROR
                  : !found                        ? FEAT_VALUE_NOT_FOUND
                  : cell.state == FEAT_STATE_NULL ? FEAT_VALUE_NULL
                                                  : FEAT_VALUE_PRESENT;
    if (out->is_null) return FEAT_OK;
    cell = feat_cell_canonical(cell, feat_class_of(feature->type));
    switch (feature->type) {
    case FEAT_TYPE_TEXT:
        out->as.text.data = feat_arena_strndup(&l->text, cell.v.t.data, cell.v.t.length);
        out->as.text.length = cell.v.t.length;
        return out->as.text.data ? FEAT_OK : feat_fail_memory(err);
    case FEAT_TYPE_DOUBLE: out->as.f64 = cell.v.f; break;
    case FEAT_TYPE_BOOLEAN: out->as.i64 = cell.v.b; break;
    default: out->as.i64 = cell.v.i; break;
    }
    return FEAT_OK;
}

static feat_status row_evaluate(feat_lookup *l, const feat_value *inputs, size_t row, int64_t now, feat_value *values,
                                feat_error *err) {
    const feat_service *service = l->service;
    const feat_code *code = service->code;
    for (size_t i = 0; i < service->n_inputs; i++) FEAT_TRY(check_input(&service->inputs[i], &inputs[i], row, err));
    for (size_t j = 0; j < service->n_joins; j++) FEAT_TRY(join_evaluate(l, j, inputs, now, err));
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        feat_cell *cell = &l->cells[load->reg];
        if (load->kind == FEAT_LOAD_INPUT) *cell = input_cell(&inputs[load->index], load->type);
        else if (load->kind == FEAT_LOAD_NOW) *cell = (feat_cell){.v.i = now, .state = FEAT_STATE_VALUE};
        else *cell = l->joins[load->join].aggregates[load->index];
    }
    feat_row_run(code, l->cells);
    for (size_t f = 0; f < service->n_features; f++) {
        int32_t join = service->feature_join[f];
        FEAT_TRY(put_value(l, &service->features[f], l->cells[code->outputs[f]], join < 0 || l->joins[join].found,
                           &values[f], err));
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
