/* JOIN MATERIALIZED view: the view's layer in the place of the view. What a service sees is again one row per key: the
 * newest row of the entity that is not later than t, and beside it the newest run, whose age the view's ttl bounds. A
 * run leaves out entities whose values cannot have changed since the one before, so the age of a value is that of the
 * run and not of its row. A feature that was an error when it was computed is one again. */
#include <string.h>

#include "plan/layer.h"
#include "plan/query.h"

typedef struct layer {
    feat_definition *d;
    const feat_view *of;
    const feat_schema *table;
    feat_view *view;
    feat_builder request;
    uint32_t offset;
} layer;

/* Says why an expression could not be built. */
static feat_status broken(const layer *l, const feat_builder *b) {
    feat_binder binder = {.arena = l->d->arena, .source = l->d->source, .err = l->d->err};
    return b->no_memory || !b->reason[0] ? feat_fail_memory(l->d->err)
                                         : feat_bind_fail(&binder, l->offset, "%s", b->reason);
}

/* A block of the newest values of `n` fields of the layer, by key. */
static feat_status newest_block(layer *l, const uint32_t *key, size_t n_key, const uint32_t *fields, size_t n,
                                bool runs, feat_block **out) {
    feat_arena *arena = l->d->arena;
    feat_block *block = FEAT_ARENA_NEW(arena, feat_block);
    feat_union_branch *branch = FEAT_ARENA_NEW(arena, feat_union_branch);
    if (!block || !branch) return feat_fail_memory(l->d->err);
    *branch = (feat_union_branch){.table = l->table, .where = FEAT_NO_NODE};
    feat_pool_init(&branch->stage.pool, arena);
    *block = (feat_block){.branches = branch,
                          .n_branches = 1,
                          .n_key = n_key,
                          .n_slots = n,
                          .n_windows = 1,
                          .n_aggregates = n,
                          .low = FEAT_NO_BOUND,
                          .high = FEAT_NO_BOUND};
    feat_pool_init(&block->clock.pool, arena);
    block->key = feat_arena_array(arena, n_key, sizeof *block->key);
    branch->key = feat_arena_array(arena, n_key, sizeof *branch->key);
    block->slots = feat_arena_array(arena, n, sizeof *block->slots);
    branch->slots = feat_arena_array(arena, n, sizeof *branch->slots);
    block->aggregates = feat_arena_array(arena, n, sizeof *block->aggregates);
    block->windows = FEAT_ARENA_NEW(arena, feat_window);
    if (!block->key || !branch->key || !block->slots || !branch->slots || !block->aggregates || !block->windows)
        return feat_fail_memory(l->d->err);
    feat_builder event = {.pool = &branch->stage.pool};
    block->windows[0] = (feat_window){.unbounded = true, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    for (size_t k = 0; k < n_key; k++) {
        block->key[k] = l->table->fields[key[k]].type;
        branch->key[k] = feat_build_leaf(&event, FEAT_NODE_INPUT, block->key[k], key[k], 0);
        if (branch->key[k] == FEAT_NO_NODE) return broken(l, &event);
    }
    for (size_t i = 0; i < n; i++) {
        feat_type type = block->slots[i] = l->table->fields[fields[i]].type;
        branch->slots[i] = (feat_slot){feat_build_leaf(&event, FEAT_NODE_INPUT, type, fields[i], 0), FEAT_NO_NODE};
        if (branch->slots[i].arg == FEAT_NO_NODE) return broken(l, &event);
        block->aggregates[i] = (feat_aggregate){.agg = FEAT_AGG_LAST,
                                                .slot = (uint32_t)i,
                                                .low = FEAT_NO_BOUND,
                                                .high = FEAT_NO_BOUND,
                                                .otherwise = FEAT_NO_NODE,
                                                .type = type};
    }
    if (runs) { /* the key says so too, but a condition lets segments be passed over */
        branch->where = feat_build_binary(&event, "=", branch->key[0], feat_build_int(&event, FEAT_TYPE_BIGINT, 1));
        if (branch->where == FEAT_NO_NODE) return broken(l, &event);
    }
    FEAT_TRY(feat_finish_block(l->d, block, l->offset));
    *out = block;
    return FEAT_OK;
}

static uint32_t last(layer *l, const feat_block *block, uint32_t slot, uint32_t join) {
    return feat_build_leaf(&l->request, FEAT_NODE_AGGREGATE, block->aggregates[slot].type, slot, join);
}

/* The joins of the layer's stage: the newest row of the entity, the newest run. */
static feat_status ask(layer *l, feat_block **entity, uint32_t *entity_join, feat_block **run, uint32_t *run_join) {
    const feat_view *of = l->of;
    feat_arena *arena = l->d->arena;
    size_t words = feat_layer_error_fields(of), n = of->n_features + 2 + words;
    uint32_t *fields = feat_arena_array(arena, n, sizeof *fields),
             *key = feat_arena_array(arena, of->n_key, sizeof *key),
             *inputs = feat_arena_array(arena, of->n_key, sizeof *inputs);
    if (!fields || !key || !inputs) return feat_fail_memory(l->d->err);
    for (size_t f = 0; f < of->n_features; f++) fields[f] = feat_layer_feature(of, f);
    fields[of->n_features] = feat_layer_column(of, FEAT_LAYER_FOUND);
    fields[of->n_features + 1] = feat_layer_column(of, FEAT_LAYER_EXPIRED);
    for (size_t i = 0; i < words; i++) fields[of->n_features + 2 + i] = feat_layer_errors(of, i);
    for (size_t k = 0; k < of->n_key; k++) {
        key[k] = (uint32_t)k;
        inputs[k] = feat_build_leaf(&l->request, FEAT_NODE_INPUT, of->key[k].type, (uint32_t)k, 0);
        if (inputs[k] == FEAT_NO_NODE) return broken(l, &l->request);
    }
    FEAT_TRY(newest_block(l, key, of->n_key, fields, n, false, entity));
    *entity_join = feat_stage_join(&l->view->stage, *entity, inputs);
    uint32_t number = feat_layer_column(of, FEAT_LAYER_RUN), time = feat_layer_time(of);
    FEAT_TRY(newest_block(l, &number, 1, &time, 1, true, run));
    uint32_t *one = FEAT_ARENA_NEW(arena, uint32_t);
    if (!one) return feat_fail_memory(l->d->err);
    *one = feat_build_int(&l->request, FEAT_TYPE_BIGINT, 1);
    if (*one == FEAT_NO_NODE) return broken(l, &l->request);
    *run_join = feat_stage_join(&l->view->stage, *run, one);
    return *entity_join == UINT32_MAX || *run_join == UINT32_MAX ? feat_fail_memory(l->d->err) : FEAT_OK;
}

/* Whether the newest run is not older than the time to live; FEAT_NO_NODE with FEAT_OK: nothing is too old. */
static feat_status freshness(layer *l, const feat_block *run, uint32_t run_join, uint32_t *fresh) {
    feat_builder *b = &l->request;
    *fresh = FEAT_NO_NODE;
    if (l->of->ttl.months == 0 && l->of->ttl.us == 0) return FEAT_OK;
    uint32_t now = feat_build_leaf(b, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0), at = last(l, run, 0, run_join);
    uint32_t ttl = feat_build_interval(b, (feat_interval){(int32_t)l->of->ttl.months, 0, l->of->ttl.us});
    if (now == FEAT_NO_NODE || at == FEAT_NO_NODE || ttl == FEAT_NO_NODE) return broken(l, b);
    uint32_t floor = feat_build_binary(b, "-", now, ttl);
    if (floor != FEAT_NO_NODE) *fresh = feat_build_binary(b, ">=", at, floor);
    return *fresh == FEAT_NO_NODE ? broken(l, b) : FEAT_OK;
}

/* TRUE, or an error where the feature's bit among the row's errors is set: nothing but a sum beyond the greatest number
 * makes one. */
static uint32_t no_error(layer *l, const feat_block *entity, uint32_t join, size_t feature) {
    feat_builder *b = &l->request;
    int64_t bit = (int64_t)1 << feature % FEAT_LAYER_ERRORS_A_FIELD;
    size_t word = l->of->n_features + 2 + feature / FEAT_LAYER_ERRORS_A_FIELD;
    uint32_t bits = last(l, entity, (uint32_t)word, join), mask = feat_build_int(b, FEAT_TYPE_BIGINT, bit),
             rest = feat_build_int(b, FEAT_TYPE_BIGINT, INT64_MAX - bit + 1);
    if (bits != FEAT_NO_NODE && mask != FEAT_NO_NODE) bits = feat_build_binary(b, "&", bits, mask);
    if (bits != FEAT_NO_NODE && rest != FEAT_NO_NODE) bits = feat_build_binary(b, "+", bits, rest);
    return bits == FEAT_NO_NODE ? bits : feat_build_cast(b, bits, FEAT_TYPE_BOOLEAN, true);
}

static feat_status statuses(layer *l) {
    feat_builder *b = &l->request;
    feat_view *view = l->view;
    feat_block *entity = NULL, *run = NULL;
    uint32_t row = 0, run_join = 0, fresh;
    FEAT_TRY(ask(l, &entity, &row, &run, &run_join));
    FEAT_TRY(freshness(l, run, run_join, &fresh));
    size_t n = l->of->n_features;
    uint32_t found = last(l, entity, (uint32_t)n, row), expired = last(l, entity, (uint32_t)n + 1, row);
    uint32_t any = feat_build_leaf(b, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, row), here = FEAT_NO_NODE;
    if (found == FEAT_NO_NODE || expired == FEAT_NO_NODE || any == FEAT_NO_NODE) return broken(l, b);
    here = feat_build_is_null(b, found); /* the row says that the entity is gone */
    if (here != FEAT_NO_NODE) here = feat_build_not(b, here);
    if (here != FEAT_NO_NODE) here = feat_build_binary(b, "and", any, here);
    view->present = here;
    if (fresh != FEAT_NO_NODE) {
        uint32_t stale = feat_build_not(b, fresh);
        if (here != FEAT_NO_NODE) view->present = feat_build_binary(b, "and", here, fresh);
        expired = stale == FEAT_NO_NODE ? stale : feat_build_binary(b, "or", stale, expired);
    }
    if (here != FEAT_NO_NODE && expired != FEAT_NO_NODE) view->expired = feat_build_binary(b, "and", here, expired);
    if (view->present != FEAT_NO_NODE) view->found = feat_build_binary(b, "and", view->present, found);
    if (view->present == FEAT_NO_NODE || view->expired == FEAT_NO_NODE || view->found == FEAT_NO_NODE)
        return broken(l, b);
    for (uint32_t f = 0; f < n; f++) {
        uint32_t value = last(l, entity, f, row), readable = no_error(l, entity, row, f);
        if (readable != FEAT_NO_NODE) readable = feat_build_binary(b, "and", view->present, readable);
        if (value != FEAT_NO_NODE && readable != FEAT_NO_NODE)
            value = feat_build_case(b, (uint32_t[]){readable}, (uint32_t[]){value}, 1, FEAT_NO_NODE);
        else value = FEAT_NO_NODE;
        if (value == FEAT_NO_NODE) return broken(l, b);
        view->features[f] = (feat_output){l->of->features[f].name, l->of->features[f].type, value};
    }
    return FEAT_OK;
}

feat_status feat_relation_of_layer(feat_definition *d, const feat_view *of, uint32_t offset,
                                   const feat_relation **out) {
    layer l = {.d = d, .of = of, .offset = offset};
    char *name = feat_layer_name(d->arena, of);
    l.view = FEAT_ARENA_NEW(d->arena, feat_view);
    if (!name || !l.view) return feat_fail_memory(d->err);
    l.table = feat_scope_table(d->scope, name);
    if (!l.table) { /* nothing is stored yet: the meaning is the same */
        feat_schema *table = NULL;
        FEAT_TRY(feat_layer_schema(d->arena, of, &table, d->err));
        l.table = table;
    }
    FEAT_TRY(feat_layer_check(l.table, of, d->err));
    *l.view = (feat_view){.name = of->name,
                          .version = of->version,
                          .fingerprint = of->fingerprint,
                          .key = of->key,
                          .n_key = of->n_key,
                          .n_features = of->n_features,
                          .present = FEAT_NO_NODE,
                          .found = FEAT_NO_NODE,
                          .expired = FEAT_NO_NODE};
    l.view->features = feat_arena_array(d->arena, of->n_features, sizeof *l.view->features);
    if (!l.view->features) return feat_fail_memory(d->err);
    feat_pool_init(&l.view->stage.pool, d->arena);
    l.request.pool = &l.view->stage.pool;
    FEAT_TRY(statuses(&l));
    FEAT_TRY(feat_use_table(d, l.table));
    return feat_relation_of_view(d, l.view, true, out);
}
