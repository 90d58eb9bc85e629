/* From stages to code: what the outputs need becomes loads, constants and steps. Steps are put out join by join: first
 * what the key of the first join needs, then that of the second, and last what the outputs need, so that a run stops at
 * each join with its key ready and nothing computed in vain. */
#include <string.h>

#include "base/alloc.h"
#include "plan/plan.h"
#include "plan/fold.h"
#include "plan/registers.h"

typedef struct lowering {
    feat_arena *arena;
    feat_pool pool; /* of the stage, with constants folded */
    feat_code *code;
    uint32_t *reg_of; /* by node; FEAT_NO_NODE: not yet */
    uint32_t *stack;  /* nodes on the way */
    size_t loads_capacity, constants_capacity, steps_capacity, regs_capacity;
    bool failed;
} lowering;

/* Lists grow in the arena by copying: code is small and built once. */
static void *more(lowering *l, void *list, size_t n, size_t *capacity, size_t size) {
    if (n < *capacity) return list;
    size_t next = *capacity ? *capacity * 2 : 16;
    void *grown = feat_arena_array(l->arena, next, size);
    if (!grown) {
        l->failed = true;
        return list;
    }
    if (n) memcpy(grown, list, n * size);
    *capacity = next;
    return grown;
}

static uint32_t new_reg(lowering *l, feat_type type) {
    feat_code *c = l->code;
    c->regs = more(l, c->regs, c->n_regs, &l->regs_capacity, sizeof *c->regs);
    if (l->failed) return 0;
    c->regs[c->n_regs] = feat_class_of(type);
    return (uint32_t)c->n_regs++;
}

static uint32_t add_load(lowering *l, feat_load_kind kind, const feat_node *node) {
    feat_code *c = l->code;
    feat_load load = {kind, node->type, new_reg(l, node->type), node->index, node->join};
    c->loads = more(l, c->loads, c->n_loads, &l->loads_capacity, sizeof *c->loads);
    if (!l->failed) c->loads[c->n_loads++] = load;
    return load.reg;
}

static uint32_t add_constant(lowering *l, const feat_node *node) {
    feat_code *c = l->code;
    feat_constant constant = {.reg = new_reg(l, node->type), .is_null = node->is_null};
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_T: constant.v.t = node->is_null ? (feat_text){"", 0} : node->constant.t; break;
    case FEAT_CLASS_F: constant.v.f = node->constant.f; break;
    case FEAT_CLASS_W: constant.v.w = node->constant.w; break;
    case FEAT_CLASS_V: constant.v.p = node->constant.p; break;
    default: constant.v.i = node->constant.i;
    }
    c->constants = more(l, c->constants, c->n_constants, &l->constants_capacity, sizeof *c->constants);
    if (!l->failed) c->constants[c->n_constants++] = constant;
    return constant.reg;
}

static uint32_t add_step(lowering *l, const feat_node *node) {
    feat_code *c = l->code;
    int n = feat_op_table[node->op].n_args;
    feat_step step = {.op = (uint16_t)node->op, .out = new_reg(l, node->type)};
    step.a = l->reg_of[node->args[0]];
    step.b = n > 1 ? l->reg_of[node->args[1]] : step.a;
    step.c = n > 2 ? l->reg_of[node->args[2]] : step.a;
    c->steps = more(l, c->steps, c->n_steps, &l->steps_capacity, sizeof *c->steps);
    if (!l->failed) c->steps[c->n_steps++] = step;
    return step.out;
}

/* Types are of nodes; registers have classes only. */
static bool only_renames(feat_op op) { return op == FEAT_OP_AS_I || op == FEAT_OP_AS_F || op == FEAT_OP_AS_W; }

static uint32_t put(lowering *l, const feat_node *node) {
    switch (node->kind) {
    case FEAT_NODE_CONST: return add_constant(l, node);
    case FEAT_NODE_INPUT: return add_load(l, FEAT_LOAD_INPUT, node);
    case FEAT_NODE_AGGREGATE: return add_load(l, FEAT_LOAD_AGGREGATE, node);
    case FEAT_NODE_FOUND: return add_load(l, FEAT_LOAD_FOUND, node);
    case FEAT_NODE_NOW: return add_load(l, FEAT_LOAD_NOW, node);
    case FEAT_NODE_OP: break;
    }
    return only_renames(node->op) ? l->reg_of[node->args[0]] : add_step(l, node);
}

/* Puts out a node after all that it needs. The stack holds each node at most once: arguments are earlier nodes, and one
 * that waits is asked for again only by nodes above it. Its own arguments are looked at in turn until all are there. */
static void lower_node(lowering *l, uint32_t root) {
    const feat_node *nodes = l->pool.nodes;
    size_t depth = 0;
    l->stack[depth++] = root;
    while (depth && !l->failed) {
        uint32_t at = l->stack[depth - 1], missing = FEAT_NO_NODE;
        const feat_node *node = &nodes[at];
        for (int k = 0;
             l->reg_of[at] == FEAT_NO_NODE && node->kind == FEAT_NODE_OP && k < feat_op_table[node->op].n_args; k++)
            if (missing == FEAT_NO_NODE && l->reg_of[node->args[k]] == FEAT_NO_NODE) missing = node->args[k];
        if (missing != FEAT_NO_NODE) {
            l->stack[depth++] = missing;
            continue;
        }
        if (l->reg_of[at] == FEAT_NO_NODE) l->reg_of[at] = put(l, node);
        depth--;
    }
}

/* Loads are filled join by join, so they stand so. */
static void order_loads(feat_code *code) {
    for (size_t i = 1; i < code->n_loads; i++) { /* few, and nearly sorted */
        feat_load load = code->loads[i];
#define RANK(x) ((x).kind == FEAT_LOAD_AGGREGATE || (x).kind == FEAT_LOAD_FOUND ? (uint64_t)(x).join + 1 : 0)
        size_t at = i;
        for (; at > 0 && RANK(code->loads[at - 1]) > RANK(load); at--) code->loads[at] = code->loads[at - 1];
        code->loads[at] = load;
#undef RANK
    }
}

feat_status feat_lower_stage(feat_arena *arena, feat_stage *stage, const uint32_t *outputs, size_t n_outputs,
                             feat_fold_node *fold, feat_error *err) {
    feat_code *code = FEAT_ARENA_NEW(arena, feat_code);
    lowering l = {.arena = arena, .code = code};
    feat_arena scratch;
    feat_status status = FEAT_OK;
    if (!code) return feat_fail_memory(err);
    feat_arena_init(&scratch);
    feat_pool_init(&l.pool, &scratch);
    code->joins = feat_arena_array(arena, stage->n_joins, sizeof *code->joins);
    code->outputs = feat_arena_array(arena, n_outputs, sizeof *code->outputs);
    uint32_t *folded = feat_arena_array(&scratch, stage->pool.n, sizeof *folded);
    l.reg_of = feat_arena_array(&scratch, stage->pool.n, sizeof *l.reg_of);
    l.stack = feat_arena_array(&scratch, stage->pool.n, sizeof *l.stack);
    l.failed = !code->joins || !code->outputs || !folded || !l.reg_of || !l.stack;
    if (!l.failed) status = feat_pool_fold(&stage->pool, &l.pool, fold, folded, err);
    l.failed |= status != FEAT_OK;
    for (size_t i = 0; !l.failed && i < stage->pool.n; i++) l.reg_of[i] = FEAT_NO_NODE;
    for (size_t j = 0; !l.failed && j < stage->n_joins; j++) {
        const feat_join *join = &stage->joins[j];
        uint32_t *key = feat_arena_array(arena, join->block->n_key, sizeof *key);
        feat_type *types = feat_arena_array(arena, join->block->n_key, sizeof *types);
        if (!key || !types) l.failed = true;
        for (size_t k = 0; !l.failed && k < join->block->n_key; k++) {
            lower_node(&l, folded[join->key[k]]);
            key[k] = l.reg_of[folded[join->key[k]]];
            types[k] = stage->pool.nodes[join->key[k]].type;
        }
        code->joins[j] = (feat_code_join){join->block, (uint32_t)code->n_steps, key, types};
    }
    for (size_t i = 0; !l.failed && i < n_outputs; i++) {
        lower_node(&l, folded[outputs[i]]);
        code->outputs[i] = l.reg_of[folded[outputs[i]]];
    }
    /* A constant that is a text was made in the folded pool. */
    for (size_t i = 0; !l.failed && i < code->n_constants; i++) {
        feat_constant *c = &code->constants[i];
        if (code->regs[c->reg] != FEAT_CLASS_T || c->is_null) continue;
        c->v.t.data = feat_arena_strndup(arena, c->v.t.data, c->v.t.length);
        l.failed |= !c->v.t.data;
    }
    feat_arena_done(&scratch);
    if (l.failed) return feat_fail_memory(err);
    code->n_joins = stage->n_joins;
    code->n_outputs = n_outputs;
    order_loads(code);
    FEAT_TRY(feat_code_allocate(arena, code, err));
    stage->code = code;
    return FEAT_OK;
}

/* A list of outputs without the nodes that are not there. */
typedef struct roots {
    uint32_t *nodes;
    size_t n;
} roots;

static void add_root(roots *r, uint32_t node) {
    if (node != FEAT_NO_NODE) r->nodes[r->n++] = node;
}

feat_status feat_lower_block(feat_arena *arena, feat_block *block, feat_fold_node *fold, feat_error *err) {
    for (size_t i = 0; i < block->n_branches; i++) {
        feat_union_branch *branch = &block->branches[i];
        roots r = {feat_alloc_array(1 + block->n_key + 2 * block->n_slots, sizeof *r.nodes), 0};
        if (!r.nodes) return feat_fail_memory(err);
        add_root(&r, branch->where);
        for (size_t k = 0; k < block->n_key; k++) add_root(&r, branch->key[k]);
        for (size_t s = 0; s < block->n_slots; s++) {
            add_root(&r, branch->slots[s].arg);
            add_root(&r, branch->slots[s].filter);
        }
        feat_status status = feat_lower_stage(arena, &branch->stage, r.nodes, r.n, fold, err);
        feat_free(r.nodes);
        if (status != FEAT_OK) return status;
    }
    return feat_lower_stage(arena, &block->clock, block->bounds, block->n_bounds, fold, err);
}

feat_status feat_lower_view(feat_arena *arena, feat_view *view, feat_fold_node *fold, feat_error *err) {
    roots r = {feat_alloc_array(view->n_features + 3, sizeof *r.nodes), 0};
    if (!r.nodes) return feat_fail_memory(err);
    for (size_t i = 0; i < view->n_features; i++) add_root(&r, view->features[i].node);
    add_root(&r, view->present);
    add_root(&r, view->found);
    add_root(&r, view->expired);
    feat_status status = feat_lower_stage(arena, &view->stage, r.nodes, r.n, fold, err);
    feat_free(r.nodes);
    return status;
}

feat_status feat_lower_service(feat_arena *arena, feat_service *service, feat_fold_node *fold, feat_error *err) {
    roots r = {feat_alloc_array(service->n_features + 2 * service->n_views, sizeof *r.nodes), 0};
    if (!r.nodes) return feat_fail_memory(err);
    for (size_t i = 0; i < service->n_features; i++) add_root(&r, service->features[i].node);
    for (size_t v = 0; v < service->n_views; v++) {
        feat_service_view *view = &service->views[v];
        view->found_output = view->found == FEAT_NO_NODE ? -1 : (int32_t)r.n;
        add_root(&r, view->found);
        view->expired_output = view->expired == FEAT_NO_NODE ? -1 : (int32_t)r.n;
        add_root(&r, view->expired);
    }
    feat_status status = feat_lower_stage(arena, &service->stage, r.nodes, r.n, fold, err);
    feat_free(r.nodes);
    return status;
}
