/* Writing logical forms. What is written is what can change a value: columns by id, operators with their revisions,
 * blocks by fingerprint. */
#include "plan/form.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"

static void pack_reference(feat_buffer *out, const feat_walk *walk, uint32_t node) {
    if (node == FEAT_NO_NODE) feat_pack_nil(out);
    else feat_pack_uint(out, walk->number[node]);
}

/* An index of a list that need not be there. */
static void pack_index(feat_buffer *out, uint32_t index) {
    if (index == UINT32_MAX) feat_pack_nil(out);
    else feat_pack_uint(out, index);
}

static void pack_interval(feat_buffer *out, const feat_interval *interval) {
    feat_pack_array(out, 3);
    feat_pack_int(out, interval->months);
    feat_pack_int(out, interval->days);
    feat_pack_int(out, interval->us);
}

static void pack_span(feat_buffer *out, const feat_span *span) {
    feat_pack_array(out, 2);
    feat_pack_int(out, span->months);
    feat_pack_int(out, span->us);
}

static void pack_types(feat_buffer *out, const feat_type *types, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_pack_uint(out, types[i]);
}

static void pack_ids(feat_buffer *out, const feat_schema *table, const uint32_t *fields, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_pack_uint(out, table->fields[fields[i]].id);
}

/* The table by its name, not its number: equal definitions in two stores have equal fingerprints. */
static void pack_table(feat_buffer *out, const feat_schema *table) {
    const feat_field *time = &table->fields[table->time];
    feat_pack_array(out, 9);
    feat_pack_text(out, table->name);
    pack_ids(out, table, table->key, table->n_key);
    feat_pack_uint(out, time->id);
    feat_pack_uint(out, time->type);
    feat_pack_int(out, table->delay_us);
    pack_ids(out, table, table->unique, table->n_unique);
    if (table->dimension) feat_pack_uint(out, table->fields[table->ended].id);
    else feat_pack_nil(out);
    pack_span(out, &table->ttl);
    pack_span(out, &table->retention);
}

/* ---- Expressions. ---- */

static void pack_constant(feat_buffer *out, const feat_node *node) {
    if (node->is_null) {
        feat_pack_nil(out);
        return;
    }
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_T:
        if (FEAT_TYPE_BASE(node->type) == FEAT_TYPE_TEXT)
            feat_pack_textn(out, node->constant.t.data, node->constant.t.length);
        else feat_pack_bytes(out, node->constant.t.data, node->constant.t.length);
        break;
    case FEAT_CLASS_F: feat_pack_double(out, node->constant.f); break;
    case FEAT_CLASS_W: /* high half, low half */
        feat_pack_array(out, 2);
        feat_pack_int(out, (int64_t)(node->constant.w >> 64));
        feat_pack_uint(out, (uint64_t)node->constant.w);
        break;
    case FEAT_CLASS_V: pack_interval(out, &node->constant.p); break;
    default: feat_pack_int(out, node->constant.i);
    }
}

static void pack_node(feat_buffer *out, const feat_walk *walk, const feat_schema *table, const feat_node *node) {
    const feat_op_info *op = &feat_op_table[node->op];
    static const uint8_t parts[] = {
        [FEAT_NODE_CONST] = 3, [FEAT_NODE_INPUT] = 3, [FEAT_NODE_AGGREGATE] = 4,
        [FEAT_NODE_FOUND] = 3, [FEAT_NODE_NOW] = 2,   [FEAT_NODE_OP] = 4,
    };
    feat_pack_array(out, parts[node->kind] + (uint32_t)(node->kind == FEAT_NODE_OP ? op->n_args : 0));
    feat_pack_uint(out, (uint64_t)node->kind);
    feat_pack_uint(out, node->type);
    switch (node->kind) {
    case FEAT_NODE_CONST: pack_constant(out, node); break;
    case FEAT_NODE_INPUT: feat_pack_uint(out, table ? table->fields[node->index].id : node->index); break;
    case FEAT_NODE_AGGREGATE:
        feat_pack_uint(out, walk->join_number[node->join]);
        feat_pack_uint(out, node->index);
        break;
    case FEAT_NODE_FOUND: feat_pack_uint(out, walk->join_number[node->join]); break;
    case FEAT_NODE_NOW: break;
    case FEAT_NODE_OP:
        feat_pack_text(out, op->id); /* enum numbers may move between releases, names do not */
        feat_pack_uint(out, (uint64_t)op->revision);
        for (int i = 0; i < op->n_args; i++) feat_pack_uint(out, walk->number[node->args[i]]);
        break;
    }
}

/* Two items: joins and nodes. `table`: of an event stage, whose inputs are written by column id. */
static void pack_stage(feat_buffer *out, const feat_walk *walk, const feat_schema *table) {
    feat_pack_array(out, walk->n_joins);
    for (uint32_t j = 0; j < walk->n_joins; j++) {
        const feat_join *join = &walk->stage->joins[walk->join_order[j]];
        feat_pack_array(out, 2);
        feat_pack_digest(out, &join->block->fingerprint);
        feat_pack_array(out, (uint32_t)join->block->n_key);
        for (size_t k = 0; k < join->block->n_key; k++) feat_pack_uint(out, walk->number[join->key[k]]);
    }
    feat_pack_array(out, walk->n);
    for (uint32_t i = 0; i < walk->n; i++) pack_node(out, walk, table, &walk->stage->pool.nodes[walk->order[i]]);
}

/* ---- Blocks. ---- */

static feat_status pack_branch(feat_buffer *out, const feat_block *block, size_t number, feat_error *err) {
    const feat_union_branch *branch = &block->branches[number];
    feat_walk walk;
    FEAT_TRY(feat_walk_branch(&walk, block, number, err));
    feat_pack_array(out, 8); /* the stage is two items */
    pack_table(out, branch->table);
    pack_stage(out, &walk, branch->table);
    pack_reference(out, &walk, branch->where);
    feat_pack_array(out, (uint32_t)block->n_key);
    for (size_t k = 0; k < block->n_key; k++) pack_reference(out, &walk, branch->key[k]);
    feat_pack_array(out, (uint32_t)block->n_slots);
    for (size_t s = 0; s < block->n_slots; s++) {
        feat_pack_array(out, 2);
        pack_reference(out, &walk, branch->slots[s].arg);
        pack_reference(out, &walk, branch->slots[s].filter);
    }
    pack_ids(out, branch->table, branch->ties, branch->n_ties);
    feat_pack_bool(out, branch->retained);
    feat_walk_done(&walk);
    return FEAT_OK;
}

static void pack_window(feat_buffer *out, const feat_window *w) {
    feat_pack_array(out, 11);
    feat_pack_uint(out, (uint64_t)w->frame);
    feat_pack_bool(out, w->unbounded);
    pack_interval(out, &w->start);
    pack_interval(out, &w->end);
    feat_pack_bool(out, w->open_left);
    feat_pack_bool(out, w->open_right);
    pack_index(out, w->low);
    pack_index(out, w->high);
    feat_pack_int(out, w->first);
    feat_pack_int(out, w->last);
    feat_pack_uint(out, (uint64_t)w->exclude);
}

static void pack_parameter(feat_buffer *out, const feat_parameter *p) {
    if (!p->type) {
        feat_pack_nil(out);
        return;
    }
    feat_node node = {.type = p->type};
    memcpy(&node.constant, &p->v, sizeof p->v);
    feat_pack_array(out, 2);
    feat_pack_uint(out, p->type);
    pack_constant(out, &node);
}

static void pack_aggregate(feat_buffer *out, const feat_aggregate *a) {
    bool function = feat_agg_table[a->agg].function;
    feat_pack_array(out, (a->n_order ? 10u : 9u) + (function ? 3u : 0u));
    feat_pack_text(out, feat_agg_table[a->agg].id);
    feat_pack_uint(out, (uint64_t)feat_agg_table[a->agg].revision);
    feat_pack_uint(out, a->slot);
    feat_pack_uint(out, a->window);
    pack_index(out, a->low);
    pack_index(out, a->high);
    pack_index(out, a->otherwise);
    feat_pack_int(out, a->offset);
    feat_pack_uint(out, a->type);
    if (function) {
        pack_index(out, feat_agg_table[a->agg].takes[1] == FEAT_AGG_TAKES_N ? FEAT_NO_NODE : a->second);
        feat_pack_bool(out, a->distinct);
        pack_parameter(out, &a->parameter);
    }
    if (a->n_order == 0) return;
    feat_pack_array(out, (uint32_t)a->n_order);
    for (size_t i = 0; i < a->n_order; i++) {
        feat_pack_array(out, 3);
        feat_pack_uint(out, a->order[i].slot);
        feat_pack_bool(out, a->order[i].descending);
        feat_pack_bool(out, a->order[i].nulls_first);
    }
}

static feat_status form_done(const feat_buffer *out, feat_error *err) {
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_form_block(const feat_block *block, feat_buffer *out, feat_error *err) {
    feat_walk clock;
    feat_pack_array(out, 11);
    feat_pack_uint(out, FEAT_FORM_BLOCK);
    pack_types(out, block->key, block->n_key);
    pack_types(out, block->slots, block->n_slots);
    feat_pack_array(out, (uint32_t)block->n_branches);
    for (size_t i = 0; i < block->n_branches; i++) FEAT_TRY(pack_branch(out, block, i, err));
    FEAT_TRY(feat_walk_clock(&clock, block, err));
    pack_stage(out, &clock, NULL);
    feat_pack_array(out, (uint32_t)block->n_bounds);
    for (size_t i = 0; i < block->n_bounds; i++) pack_reference(out, &clock, block->bounds[i]);
    feat_walk_done(&clock);
    feat_pack_array(out, (uint32_t)block->n_windows);
    for (size_t i = 0; i < block->n_windows; i++) pack_window(out, &block->windows[i]);
    feat_pack_array(out, (uint32_t)block->n_aggregates);
    for (size_t i = 0; i < block->n_aggregates; i++) pack_aggregate(out, &block->aggregates[i]);
    pack_index(out, block->low);
    pack_index(out, block->high);
    return form_done(out, err);
}

/* ---- Views and services. ---- */

static void pack_fields(feat_buffer *out, const feat_field *fields, size_t n) {
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        feat_pack_array(out, 2);
        feat_pack_text(out, fields[i].name);
        feat_pack_uint(out, fields[i].type);
    }
}

static int compare_digests(const void *a, const void *b) { return memcmp(a, b, sizeof(feat_digest)); }

/* Fingerprints of the views used, in their own order and each once: two names may mean the same. */
static feat_status pack_views(feat_buffer *out, const feat_uses *uses, feat_error *err) {
    feat_digest *views = feat_alloc_array(uses->n_views + 1, sizeof *views);
    size_t n = 0;
    if (!views) return feat_fail_memory(err);
    for (size_t i = 0; i < uses->n_views; i++) views[i] = uses->views[i]->fingerprint;
    qsort(views, uses->n_views, sizeof *views, compare_digests);
    for (size_t i = 0; i < uses->n_views; i++)
        if (n == 0 || !feat_digest_equal(&views[n - 1], &views[i])) views[n++] = views[i];
    feat_pack_array(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_pack_digest(out, &views[i]);
    feat_free(views);
    return FEAT_OK;
}

feat_status feat_form_view(const feat_view *view, feat_buffer *out, feat_error *err) {
    feat_walk walk;
    FEAT_TRY(feat_walk_view(&walk, view, err));
    feat_pack_array(out, 10);
    feat_pack_uint(out, FEAT_FORM_VIEW);
    pack_fields(out, view->key, view->n_key);
    pack_stage(out, &walk, NULL);
    feat_pack_array(out, (uint32_t)view->n_features);
    for (size_t i = 0; i < view->n_features; i++) {
        feat_pack_array(out, 2);
        feat_pack_text(out, view->features[i].name);
        pack_reference(out, &walk, view->features[i].node);
    }
    pack_reference(out, &walk, view->present);
    pack_reference(out, &walk, view->found);
    pack_reference(out, &walk, view->expired);
    feat_walk_done(&walk);
    pack_span(out, &view->ttl);
    FEAT_TRY(pack_views(out, &view->uses, err));
    return form_done(out, err);
}

feat_status feat_form_service(const feat_service *service, feat_buffer *out, feat_error *err) {
    feat_walk walk;
    FEAT_TRY(feat_walk_service(&walk, service, err));
    feat_pack_array(out, 6);
    feat_pack_uint(out, FEAT_FORM_SERVICE);
    pack_fields(out, service->inputs, service->n_inputs);
    pack_stage(out, &walk, NULL);
    feat_pack_array(out, (uint32_t)service->n_features);
    for (size_t i = 0; i < service->n_features; i++) {
        feat_pack_array(out, 3);
        feat_pack_text(out, service->features[i].name);
        pack_reference(out, &walk, service->features[i].node);
        pack_index(out, (uint32_t)service->feature_view[i]); /* -1 is UINT32_MAX */
    }
    feat_pack_array(out, (uint32_t)service->n_views);
    for (size_t v = 0; v < service->n_views; v++) {
        const feat_service_view *view = &service->views[v];
        feat_pack_array(out, 4);
        feat_pack_digest(out, &view->fingerprint);
        feat_pack_bool(out, view->materialized);
        pack_reference(out, &walk, view->found);
        pack_reference(out, &walk, view->expired);
    }
    feat_walk_done(&walk);
    return form_done(out, err);
}
