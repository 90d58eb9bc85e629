/* The columns of a training set's features, from what the blocks have answered. */
#include "engine/features.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/little.h"
#include "base/parallel.h"
#include "feat/online.h"

static feat_value_status status_of(uint8_t state, bool found, bool expired) {
    if (state == FEAT_STATE_ERROR) return FEAT_VALUE_ERROR;
    if (expired) return FEAT_VALUE_EXPIRED;
    if (!found) return FEAT_VALUE_NOT_FOUND;
    return state == FEAT_STATE_NULL ? FEAT_VALUE_NULL : FEAT_VALUE_PRESENT;
}

/* Lanes of an output that are TRUE; `none` where there is no such output. */
static void truths(const feat_code *code, feat_machine *machine, int32_t number, size_t n, bool none, bool *out) {
    uint8_t states[FEAT_LANES];
    for (size_t i = 0; i < n; i++) out[i] = none;
    if (number < 0) return;
    const feat_vector *v = feat_machine_register(machine, code->outputs[number]);
    feat_vector_states(v, n, states);
    for (size_t i = 0; i < n; i++) out[i] = states[i] == FEAT_STATE_VALUE && feat_vector_cell(v, i).v.b;
}

static feat_status store_statuses(const feat_service *service, feat_machine *machine, size_t feature,
                                  const uint8_t *states, size_t n, feat_column *column, feat_error *err) {
    bool found[FEAT_LANES], expired[FEAT_LANES];
    int32_t view = service->feature_view[feature];
    truths(service->stage.code, machine, view < 0 ? -1 : service->views[view].found_output, n, true, found);
    truths(service->stage.code, machine, view < 0 ? -1 : service->views[view].expired_output, n, false, expired);
    if (feat_column_reserve(column, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (feat_column_append_int(column, status_of(states[i], found[i], expired[i])) != 0)
            return feat_fail_memory(err);
    return FEAT_OK;
}

static feat_status store_lanes(const feat_service *service, const feat_training_options *opt, feat_machine *machine,
                               size_t row, size_t n, const bool *picked, feat_column *columns, feat_error *err) {
    size_t per = opt->status ? 2 : 1;
    for (size_t f = 0; f < service->n_features; f++) {
        if (picked[f]) continue;
        const feat_vector *v = feat_machine_register(machine, service->stage.code->outputs[f]);
        uint8_t states[FEAT_LANES];
        feat_vector_states(v, n, states);
        if (opt->on_error == FEAT_ON_ERROR_FAIL)
            for (size_t i = 0; i < n; i++)
                if (states[i] == FEAT_STATE_ERROR)
                    return feat_fail_row(err, FEAT_DATA, (int64_t)(row + i),
                                         "spine row %zu, feature '%s': the value is an error (overflow or a failed "
                                         "conversion); ask for NULL instead, "
                                         "or mend the definition",
                                         row + i, service->features[f].name);
        if (feat_vector_store(v, n, &columns[f * per]) != 0) return feat_fail_memory(err);
        if (opt->status) FEAT_TRY(store_statuses(service, machine, f, states, n, &columns[f * per + 1], err));
    }
    return FEAT_OK;
}

/* ---- Features that are an aggregate as it is: their columns are the answers. ---- */

/* The column of answers that an output is, or NULL: something is computed, or the values are narrower in a column. */
static feat_event_slot *answer_of(const feat_code *code, const feat_row_source *rows, size_t number, feat_type type) {
    if (type != FEAT_TYPE_BIGINT && type != FEAT_TYPE_TIMESTAMP && type != FEAT_TYPE_DOUBLE) return NULL;
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        if (load->reg == code->outputs[number] && load->kind == FEAT_LOAD_AGGREGATE)
            return &rows->answers[load->join].columns[load->index];
    }
    return NULL;
}

/* Whether a state of n is an error. */
static bool any_error(const uint8_t *states, size_t n) {
    uint8_t worst = 0;
    for (size_t i = 0; i < n; i++) worst = states[i] > worst ? states[i] : worst;
    return worst == FEAT_STATE_ERROR;
}

/* The bitmap of n states, of which none is an error; NULL in *validity when all are values. */
static feat_status validity_of(const uint8_t *states, size_t n, uint8_t **validity, size_t *nulls, feat_error *err) {
    size_t values = 0;
    *validity = NULL;
    for (size_t i = 0; i < n; i++) values += states[i] == FEAT_STATE_VALUE;
    *nulls = n - values;
    if (values == n) return FEAT_OK;
    uint8_t *bits = feat_alloc_aligned(feat_bitmap_size(n));
    if (!bits) return feat_fail_memory(err);
    memset(bits, 0, feat_bitmap_size(n));
    size_t at = 0;
    for (; at + 8 <= n; at += 8) {
        uint64_t eight, ones = UINT64_C(0x0101010101010101);
        feat_little_copy(&eight, states + at, 8, 1);
        /* A state is 0 (a value) or 1: the lowest bits of the bytes, brought together. */
        bits[at / 8] = (uint8_t)(((eight ^ ones) & ones) * UINT64_C(0x0102040810204080) >> 56);
    }
    for (; at < n; at++) bits[at / 8] |= (uint8_t)((states[at] == FEAT_STATE_VALUE) << at % 8);
    *validity = bits;
    return FEAT_OK;
}

/* One column of one piece: a part of the work. */
typedef struct picking {
    const feat_service *service;
    const feat_row_source *rows;
    feat_features *o;
    const size_t *firsts; /* row of each piece */
    const bool *picked;   /* by feature */
    const bool *moved;    /* by feature: the answers' own memory becomes the column's */
} picking;

static feat_status pick_part(void *context, size_t part, feat_error *err) {
    picking *p = context;
    size_t n_features = p->service->n_features, piece = part / n_features, f = part % n_features;
    if (!p->picked[f]) return FEAT_OK;
    feat_event_slot *from = answer_of(p->service->stage.code, p->rows, f, p->service->features[f].type);
    size_t first = p->firsts[piece], n = p->o->piece_rows[piece], nulls;
    uint8_t *validity;
    void *values = from->values;
    FEAT_TRY(validity_of(from->state + first, n, &validity, &nulls, err));
    if (!p->moved[f]) {
        values = feat_alloc_aligned(n * 8);
        if (!values) {
            feat_free(validity);
            return feat_fail_memory(err);
        }
        memcpy(values, (const uint64_t *)from->values + first, n * 8);
    } else {
        from->values = NULL;
    }
    feat_column_adopt(&p->o->columns[piece * p->o->n_features + f], values, validity, n, nulls);
    return FEAT_OK;
}

/* Which features are answers as they are, without an error among them: that the machine's way names. */
static void choose_picked(const feat_service *service, const feat_training_options *opt, const feat_row_source *rows,
                          size_t n_rows, bool *picked) {
    for (size_t f = 0; f < service->n_features; f++) {
        const feat_event_slot *from =
            opt->status ? NULL : answer_of(service->stage.code, rows, f, service->features[f].type);
        picked[f] = from && !any_error(from->state, n_rows);
    }
}

/* Comes last: where the spine is one piece, nobody reads the answers again. */
static feat_status pick_features(const feat_service *service, const feat_training_options *opt,
                                 const feat_row_source *rows, feat_features *o, const bool *picked, feat_error *err) {
    size_t first = 0;
    size_t *firsts = feat_alloc_array(o->n_pieces, sizeof *firsts);
    bool *moved = feat_alloc_zero(service->n_features, sizeof *moved);
    feat_status status = firsts && moved ? FEAT_OK : feat_fail_memory(err);
    for (size_t b = 0; status == FEAT_OK && b < o->n_pieces; first += o->piece_rows[b++]) firsts[b] = first;
    for (size_t f = 0; status == FEAT_OK && o->n_pieces == 1 && f < service->n_features; f++) {
        bool last = picked[f];
        for (size_t g = f + 1; g < service->n_features; g++)
            last = last && service->stage.code->outputs[g] != service->stage.code->outputs[f];
        moved[f] = last;
    }
    picking p = {service, rows, o, firsts, picked, moved};
    size_t threads =
        o->n_pieces == 1 ? 1 : feat_thread_count(opt->threads); /* moving first would leave others nothing */
    if (status == FEAT_OK) status = feat_parallel(threads, o->n_pieces * service->n_features, pick_part, &p, err);
    feat_free(firsts);
    feat_free(moved);
    return status;
}

feat_status feat_features_build(const feat_service *service, const feat_training_options *opt,
                                const feat_row_source *rows, size_t first_row, feat_features *o, feat_error *err) {
    size_t per = opt->status ? 2 : 1, first = 0;
    feat_machine *machine = NULL;
    o->n_features = per * service->n_features;
    bool *picked = feat_alloc_zero(service->n_features, sizeof *picked), all = true;
    o->columns = feat_alloc_zero(o->n_pieces * o->n_features, sizeof *o->columns);
    if (!o->columns || !picked) {
        feat_free(picked);
        return feat_fail_memory(err);
    }
    for (size_t b = 0; b < o->n_pieces; b++)
        for (size_t f = 0; f < o->n_features; f++)
            feat_column_init(&o->columns[b * o->n_features + f],
                             opt->status && f % 2 ? FEAT_TYPE_BIGINT : service->features[f / per].type);
    size_t n_rows = 0;
    for (size_t b = 0; b < o->n_pieces; b++) n_rows += o->piece_rows[b];
    choose_picked(service, opt, rows, n_rows, picked);
    for (size_t f = 0; f < service->n_features; f++) all = all && picked[f];
    feat_status status = FEAT_OK;
    if (status == FEAT_OK && !all) status = feat_machine_new(service->stage.code, &machine, err);
    for (size_t b = 0; b < o->n_pieces && status == FEAT_OK && !all; first += o->piece_rows[b++])
        for (size_t at = 0; at < o->piece_rows[b] && status == FEAT_OK; at += FEAT_LANES) {
            size_t n = o->piece_rows[b] - at < FEAT_LANES ? o->piece_rows[b] - at : FEAT_LANES;
            feat_row_source_load(rows, service->stage.code, service->stage.code->n_joins, machine, first + at, n);
            status = feat_machine_run(machine, n, err);
            if (status != FEAT_OK) break;
            status = store_lanes(service, opt, machine, first_row + first + at, n, picked,
                                 o->columns + b * o->n_features, err);
        }
    feat_machine_free(machine);
    if (status == FEAT_OK) status = pick_features(service, opt, rows, o, picked, err);
    feat_free(picked);
    return status;
}

void feat_features_done(feat_features *o) {
    for (size_t i = 0; o->columns && i < o->n_pieces * o->n_features; i++) feat_column_done(&o->columns[i]);
    feat_free(o->columns);
    o->columns = NULL;
}
