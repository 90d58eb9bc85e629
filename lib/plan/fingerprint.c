/* Fingerprints: the digest of the canonical msgpack of a logical form. What is written here is what can change a value:
 * ids instead of names of columns, revisions of operators, the fingerprints of what is used. Nodes are numbered in the
 * order in which the outputs first need them, so the order in which the binder made them does not matter. doc/format.md
 * describes the bytes. */
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "plan/plan.h"

enum { FORM_TABLE = 1, FORM_VIEW = 2, FORM_SERVICE = 3 };

/* What can change a value of a view on this table: its id, key, event time and delay. */
static void pack_table(feat_buffer *out, const feat_schema *table) {
    feat_pack_array(out, 4);
    feat_pack_uint(out, table->table_id);
    feat_pack_uint(out, table->fields[table->time].id);
    feat_pack_uint(out, (uint64_t)table->fields[table->time].type);
    feat_pack_int(out, table->delay_us);
}

typedef struct walk {
    const feat_pool *pool;
    const feat_schema *table; /* event stage: fields are written by id */
    uint32_t *number;         /* FEAT_NO_NODE until written */
    uint32_t *stack;
    uint32_t next;
    feat_buffer nodes;
    bool failed;
} walk;

static void walk_begin(walk *w, const feat_pool *pool, const feat_schema *table) {
    *w = (walk){.pool = pool, .table = table};
    feat_buffer_init(&w->nodes);
    w->number = feat_alloc_array(pool->n, sizeof *w->number);
    /* A node is pushed at most once per argument slot that names it. */
    w->stack = feat_alloc_array(pool->n * 3 + 1, sizeof *w->stack);
    if (!w->number || !w->stack) w->failed = true;
    for (size_t i = 0; i < pool->n && !w->failed; i++) w->number[i] = FEAT_NO_NODE;
}

static void walk_end(walk *w) {
    feat_free(w->number);
    feat_free(w->stack);
    feat_buffer_done(&w->nodes);
}

static void pack_constant(feat_buffer *out, const feat_node *node) {
    if (node->is_null) feat_pack_nil(out);
    else if (node->type == FEAT_TYPE_TEXT) feat_pack_textn(out, node->constant.t.data, node->constant.t.length);
    else if (node->type == FEAT_TYPE_DOUBLE) feat_pack_double(out, node->constant.f);
    else feat_pack_int(out, node->constant.i);
}

static void pack_node(walk *w, const feat_node *node) {
    feat_buffer *out = &w->nodes;
    switch (node->kind) {
    case FEAT_NODE_CONST:
        feat_pack_array(out, 3);
        feat_pack_uint(out, node->kind);
        feat_pack_uint(out, node->type);
        pack_constant(out, node);
        return;
    case FEAT_NODE_COLUMN:
        feat_pack_array(out, 3);
        feat_pack_uint(out, node->kind);
        feat_pack_uint(out, node->type);
        feat_pack_uint(out, w->table->fields[node->index].id);
        return;
    case FEAT_NODE_OP: {
        const feat_op_info *op = &feat_op_table[node->op];
        feat_pack_array(out, (uint32_t)(4 + op->n_args));
        feat_pack_uint(out, node->kind);
        feat_pack_uint(out, node->type);
        feat_pack_text(out, op->id); /* enum numbers may move between releases, names do not */
        feat_pack_uint(out, (uint64_t)op->revision);
        for (int i = 0; i < op->n_args; i++) feat_pack_uint(out, w->number[node->args[i]]);
        return;
    }
    default:
        feat_pack_array(out, 4);
        feat_pack_uint(out, node->kind);
        feat_pack_uint(out, node->type);
        feat_pack_uint(out, node->index);
        feat_pack_uint(out, node->join);
    }
}

/* Number of the node in the canonical list, writing it and what it needs first. */
static uint32_t walk_to(walk *w, uint32_t root) {
    if (w->failed || root == FEAT_NO_NODE) return FEAT_NO_NODE;
    size_t depth = 0;
    w->stack[depth++] = root;
    while (depth) {
        uint32_t at = w->stack[depth - 1];
        const feat_node *node = &w->pool->nodes[at];
        bool ready = true;
        if (w->number[at] == FEAT_NO_NODE && node->kind == FEAT_NODE_OP)
            for (int i = feat_op_table[node->op].n_args; i-- > 0;)
                if (w->number[node->args[i]] == FEAT_NO_NODE) {
                    w->stack[depth++] = node->args[i];
                    ready = false;
                }
        if (!ready) continue;
        depth--;
        if (w->number[at] != FEAT_NO_NODE) continue;
        pack_node(w, node);
        w->number[at] = w->next++;
    }
    return w->number[root];
}

static void pack_reference(feat_buffer *out, uint32_t number) {
    if (number == FEAT_NO_NODE) feat_pack_nil(out);
    else feat_pack_uint(out, number);
}

static void pack_interval(feat_buffer *out, const feat_interval *interval) {
    feat_pack_array(out, 3);
    feat_pack_int(out, interval->months);
    feat_pack_int(out, interval->days);
    feat_pack_int(out, interval->us);
}

static void pack_nodes(feat_buffer *out, walk *w) {
    feat_pack_array(out, w->next);
    feat_buffer_append(out, w->nodes.data, w->nodes.size);
    if (w->failed || w->nodes.failed) out->failed = true;
}

static feat_status finish(feat_buffer *out, feat_digest *fingerprint, feat_error *err) {
    bool failed = out->failed;
    if (!failed) *fingerprint = feat_digest_of(out->data, out->size);
    feat_buffer_done(out);
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_digest feat_table_fingerprint(const feat_schema *table, bool *failed) {
    feat_buffer out;
    feat_digest fingerprint = {{0}};
    feat_buffer_init(&out);
    feat_pack_array(&out, 2);
    feat_pack_uint(&out, FORM_TABLE);
    feat_schema described = *table;
    described.table_id = 0; /* creating the same table again must be recognised before it has a number */
    feat_schema_pack(&described, &out);
    *failed = finish(&out, &fingerprint, NULL) != FEAT_OK;
    return fingerprint;
}

feat_status feat_view_fingerprint(feat_view *view, feat_error *err) {
    feat_buffer out, body;
    walk event, request;
    feat_buffer_init(&out);
    feat_buffer_init(&body);
    walk_begin(&event, &view->event, view->table);
    walk_begin(&request, &view->request, NULL);

    pack_reference(&body, walk_to(&event, view->where));
    feat_pack_array(&body, (uint32_t)view->n_slots);
    for (size_t i = 0; i < view->n_slots; i++) {
        feat_pack_array(&body, 2);
        pack_reference(&body, walk_to(&event, view->slots[i].arg));
        pack_reference(&body, walk_to(&event, view->slots[i].filter));
    }
    feat_pack_array(&body, (uint32_t)view->n_windows);
    for (size_t i = 0; i < view->n_windows; i++) {
        const feat_window *w = &view->windows[i];
        feat_pack_array(&body, 5);
        feat_pack_bool(&body, w->unbounded);
        pack_interval(&body, &w->start);
        pack_interval(&body, &w->end);
        feat_pack_bool(&body, w->open_left);
        feat_pack_bool(&body, w->open_right);
    }
    feat_pack_array(&body, (uint32_t)view->n_aggregates);
    for (size_t i = 0; i < view->n_aggregates; i++) {
        const feat_aggregate *a = &view->aggregates[i];
        feat_pack_array(&body, 5);
        feat_pack_text(&body, feat_agg_table[a->agg].id);
        feat_pack_uint(&body, (uint64_t)feat_agg_table[a->agg].revision);
        feat_pack_uint(&body, a->slot);
        feat_pack_uint(&body, a->window);
        feat_pack_uint(&body, (uint64_t)a->type);
    }
    feat_pack_array(&body, (uint32_t)view->n_features);
    for (size_t i = 0; i < view->n_features; i++) {
        feat_pack_array(&body, 2);
        feat_pack_text(&body, view->features[i].name);
        pack_reference(&body, walk_to(&request, view->features[i].node));
    }
    feat_pack_array(&body, (uint32_t)view->n_ties);
    for (size_t i = 0; i < view->n_ties; i++) feat_pack_uint(&body, view->table->fields[view->ties[i]].id);

    feat_pack_array(&out, 11);
    feat_pack_uint(&out, FORM_VIEW);
    pack_table(&out, view->table);
    feat_pack_array(&out, (uint32_t)view->n_key);
    for (size_t i = 0; i < view->n_key; i++) feat_pack_uint(&out, view->table->fields[view->key[i]].id);
    pack_nodes(&out, &event);
    pack_nodes(&out, &request);
    feat_buffer_append(&out, body.data, body.size);
    if (body.failed) out.failed = true;
    walk_end(&event);
    walk_end(&request);
    feat_buffer_done(&body);
    return finish(&out, &view->fingerprint, err);
}

feat_status feat_service_fingerprint(feat_service *service, feat_error *err) {
    feat_buffer out, body;
    walk request;
    feat_buffer_init(&out);
    feat_buffer_init(&body);
    walk_begin(&request, &service->pool, NULL);

    feat_pack_array(&body, (uint32_t)service->n_features);
    for (size_t i = 0; i < service->n_features; i++) {
        feat_pack_array(&body, 2);
        feat_pack_text(&body, service->features[i].name);
        pack_reference(&body, walk_to(&request, service->features[i].node));
    }

    feat_pack_array(&out, 5);
    feat_pack_uint(&out, FORM_SERVICE);
    feat_pack_array(&out, (uint32_t)service->n_inputs);
    for (size_t i = 0; i < service->n_inputs; i++) {
        feat_pack_array(&out, 2);
        feat_pack_text(&out, service->inputs[i].name);
        feat_pack_uint(&out, (uint64_t)service->inputs[i].type);
    }
    feat_pack_array(&out, (uint32_t)service->n_joins);
    for (size_t j = 0; j < service->n_joins; j++) {
        const feat_join *join = &service->joins[j];
        feat_pack_array(&out, 2);
        feat_pack_digest(&out, &join->view->fingerprint);
        feat_pack_array(&out, (uint32_t)join->view->n_key);
        for (size_t i = 0; i < join->view->n_key; i++) feat_pack_uint(&out, join->inputs[i]);
    }
    pack_nodes(&out, &request);
    feat_buffer_append(&out, body.data, body.size);
    if (body.failed) out.failed = true;
    walk_end(&request);
    feat_buffer_done(&body);
    return finish(&out, &service->fingerprint, err);
}
