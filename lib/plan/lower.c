/* From pools to code: the nodes that the outputs need become steps, in pool order, one register each. A service's code
 * has the request stages of its views inlined, so one run gives the whole vector. */
#include <string.h>

#include "base/alloc.h"
#include "plan/plan.h"

typedef struct builder {
    feat_arena *arena;
    feat_code *code;
    size_t regs_capacity, loads_capacity, constants_capacity, steps_capacity;
    bool failed;
} builder;

/* Lists grow in the arena by copying: code is small and built once. */
static void *more(builder *b, void *list, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) return list;
    size_t next = *capacity ? *capacity * 2 : 16;
    void *grown = feat_arena_array(b->arena, next, size);
    if (!grown) {
        b->failed = true;
        return list;
    }
    if (n) memcpy(grown, list, n * size);
    *capacity = next;
    return grown;
}

static uint32_t new_reg(builder *b, feat_type type) {
    feat_code *c = b->code;
    c->regs = more(b, c->regs, c->n_regs, &b->regs_capacity, sizeof *c->regs);
    if (b->failed) return 0;
    c->regs[c->n_regs] = feat_class_of(type);
    return (uint32_t)c->n_regs++;
}

static uint32_t add_load(builder *b, feat_load load) {
    feat_code *c = b->code;
    for (size_t i = 0; i < c->n_loads; i++)
        if (c->loads[i].kind == load.kind && c->loads[i].index == load.index && c->loads[i].join == load.join)
            return c->loads[i].reg;
    load.reg = new_reg(b, load.type);
    c->loads = more(b, c->loads, c->n_loads, &b->loads_capacity, sizeof *c->loads);
    if (!b->failed) c->loads[c->n_loads++] = load;
    return load.reg;
}

static uint32_t add_constant(builder *b, const feat_node *node) {
    feat_code *c = b->code;
    feat_constant constant = {.reg = new_reg(b, node->type), .is_null = node->is_null};
    if (node->type == FEAT_TYPE_TEXT) constant.v.t = node->is_null ? (feat_text){"", 0} : node->constant.t;
    else if (node->type == FEAT_TYPE_DOUBLE) constant.v.f = node->constant.f;
    else constant.v.i = node->constant.i;
    c->constants = more(b, c->constants, c->n_constants, &b->constants_capacity, sizeof *c->constants);
    if (!b->failed) c->constants[c->n_constants++] = constant;
    return constant.reg;
}

static uint32_t add_step(builder *b, const feat_node *node, const uint32_t *reg_of) {
    feat_code *c = b->code;
    int n = feat_op_table[node->op].n_args;
    feat_step step = {.op = (uint16_t)node->op, .out = new_reg(b, node->type)};
    step.a = reg_of[node->args[0]];
    step.b = n > 1 ? reg_of[node->args[1]] : step.a;
    step.c = n > 2 ? reg_of[node->args[2]] : step.a;
    c->steps = more(b, c->steps, c->n_steps, &b->steps_capacity, sizeof *c->steps);
    if (!b->failed) c->steps[c->n_steps++] = step;
    return step.out;
}

/* Marks `roots` and what they need. Arguments come before their users, so one pass backwards is enough. */
static uint8_t *reach(const feat_pool *pool, const uint32_t *roots, size_t n_roots) {
    uint8_t *needed = feat_alloc_zero(pool->n, 1);
    if (!needed) return NULL;
    for (size_t i = 0; i < n_roots; i++)
        if (roots[i] != FEAT_NO_NODE) needed[roots[i]] = 1;
    for (size_t i = pool->n; i-- > 0;) {
        if (!needed[i] || pool->nodes[i].kind != FEAT_NODE_OP) continue;
        for (int k = 0; k < feat_op_table[pool->nodes[i].op].n_args; k++) needed[pool->nodes[i].args[k]] = 1;
    }
    return needed;
}

/* Lowers the needed nodes of one pool and writes the register of each into reg_of. `features[join]` holds the registers
 * of a join's features when the pool is a service's; `join` says whose aggregates are meant when it is a view's. */
static void lower_pool(builder *b, const feat_pool *pool, const uint8_t *needed, uint32_t *reg_of, uint32_t join,
                       uint32_t *const *features) {
    for (size_t i = 0; i < pool->n && !b->failed; i++) {
        const feat_node *node = &pool->nodes[i];
        if (!needed[i]) continue;
        switch (node->kind) {
        case FEAT_NODE_CONST: reg_of[i] = add_constant(b, node); break;
        case FEAT_NODE_COLUMN:
            reg_of[i] = add_load(b, (feat_load){FEAT_LOAD_FIELD, node->type, 0, node->index, 0});
            break;
        case FEAT_NODE_AGGREGATE:
            reg_of[i] = add_load(b, (feat_load){FEAT_LOAD_AGGREGATE, node->type, 0, node->index, join});
            break;
        case FEAT_NODE_INPUT:
            reg_of[i] = add_load(b, (feat_load){FEAT_LOAD_INPUT, node->type, 0, node->index, 0});
            break;
        case FEAT_NODE_FEATURE: reg_of[i] = features[node->join][node->index]; break;
        case FEAT_NODE_NOW: reg_of[i] = add_load(b, (feat_load){FEAT_LOAD_NOW, FEAT_TYPE_TIMESTAMP, 0, 0, 0}); break;
        case FEAT_NODE_OP: reg_of[i] = add_step(b, node, reg_of); break;
        }
    }
}

feat_status feat_lower_view(feat_arena *arena, feat_view *view, feat_error *err) {
    feat_code *code = FEAT_ARENA_NEW(arena, feat_code);
    uint32_t *roots = feat_arena_array(arena, 2 * view->n_slots + 1, sizeof *roots);
    if (!code || !roots) return feat_fail_memory(err);
    size_t n = 0;
    if (view->where != FEAT_NO_NODE) roots[n++] = view->where;
    for (size_t i = 0; i < view->n_slots; i++) {
        if (view->slots[i].arg != FEAT_NO_NODE) roots[n++] = view->slots[i].arg;
        if (view->slots[i].filter != FEAT_NO_NODE) roots[n++] = view->slots[i].filter;
    }
    builder b = {.arena = arena, .code = code};
    uint8_t *needed = reach(&view->event, roots, n);
    uint32_t *reg_of = feat_alloc_zero(view->event.n, sizeof *reg_of);
    if (needed && reg_of) lower_pool(&b, &view->event, needed, reg_of, 0, NULL);
    else b.failed = true;
    if (!b.failed) {
        for (size_t i = 0; i < n; i++) roots[i] = reg_of[roots[i]];
        code->outputs = roots;
        code->n_outputs = n;
    }
    feat_free(needed);
    feat_free(reg_of);
    if (b.failed) return feat_fail_memory(err);
    view->event_code = code;
    return FEAT_OK;
}

/* The features of one join that the service uses, each with its register in `regs`. */
static void inline_view(builder *b, const feat_view *view, uint32_t join, const uint8_t *used, uint32_t *regs) {
    uint32_t *roots = feat_alloc_array(view->n_features, sizeof *roots);
    uint32_t *reg_of = feat_alloc_zero(view->request.n, sizeof *reg_of);
    uint8_t *needed = NULL;
    if (roots && reg_of) {
        for (size_t i = 0; i < view->n_features; i++) roots[i] = used[i] ? view->features[i].node : FEAT_NO_NODE;
        needed = reach(&view->request, roots, view->n_features);
    }
    if (needed) {
        lower_pool(b, &view->request, needed, reg_of, join, NULL);
        for (size_t i = 0; i < view->n_features; i++)
            if (used[i]) regs[i] = reg_of[view->features[i].node];
    } else {
        b->failed = true;
    }
    feat_free(roots);
    feat_free(reg_of);
    feat_free(needed);
}

feat_status feat_lower_service(feat_arena *arena, feat_service *service, feat_error *err) {
    feat_code *code = FEAT_ARENA_NEW(arena, feat_code);
    uint32_t *outputs = feat_arena_array(arena, service->n_features, sizeof *outputs);
    uint32_t **features = feat_arena_array(arena, service->n_joins, sizeof *features);
    service->feature_join = feat_arena_array(arena, service->n_features, sizeof *service->feature_join);
    if (!code || !outputs || !features || !service->feature_join) return feat_fail_memory(err);
    for (size_t i = 0; i < service->n_features; i++) outputs[i] = service->features[i].node;
    uint8_t *needed = reach(&service->pool, outputs, service->n_features);
    uint32_t *reg_of = feat_alloc_zero(service->pool.n, sizeof *reg_of);
    builder b = {.arena = arena, .code = code, .failed = !needed || !reg_of};
    for (size_t j = 0; j < service->n_joins && !b.failed; j++) {
        const feat_view *view = service->joins[j].view;
        uint8_t *used = feat_alloc_zero(view->n_features, 1);
        features[j] = feat_arena_array(arena, view->n_features, sizeof **features);
        if (!used || !features[j]) {
            b.failed = true;
        } else {
            for (size_t i = 0; i < service->pool.n; i++) {
                const feat_node *node = &service->pool.nodes[i];
                if (needed[i] && node->kind == FEAT_NODE_FEATURE && node->join == j) used[node->index] = 1;
            }
            inline_view(&b, view, (uint32_t)j, used, features[j]);
        }
        feat_free(used);
    }
    if (!b.failed) lower_pool(&b, &service->pool, needed, reg_of, 0, features);
    for (size_t i = 0; i < service->n_features && !b.failed; i++) {
        const feat_node *node = &service->pool.nodes[outputs[i]];
        service->feature_join[i] = node->kind == FEAT_NODE_FEATURE ? (int32_t)node->join : -1;
        outputs[i] = reg_of[outputs[i]];
    }
    feat_free(needed);
    feat_free(reg_of);
    if (b.failed) return feat_fail_memory(err);
    code->outputs = outputs;
    code->n_outputs = service->n_features;
    service->code = code;
    return FEAT_OK;
}

void feat_view_done(feat_view *view) {
    if (!view) return;
    feat_pool_done(&view->event);
    feat_pool_done(&view->request);
}

void feat_service_done(feat_service *service) {
    if (service) feat_pool_done(&service->pool);
}
