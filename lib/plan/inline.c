/* Putting one stage's expressions into another: a view into a service or a query, a dimension into an event's stage.
 * Only what is asked for is copied, and each node once. */
#include "plan/inline.h"

feat_status feat_inlining_init(feat_inlining *in, const feat_stage *from, feat_stage *to, const uint32_t *inputs,
                               feat_error *err) {
    feat_arena *arena = to->pool.arena;
    *in = (feat_inlining){.from = from, .to = to, .inputs = inputs};
    in->node_of = feat_arena_array(arena, from->pool.n, sizeof *in->node_of);
    in->join_of = feat_arena_array(arena, from->n_joins, sizeof *in->join_of);
    in->stack = feat_arena_array(arena, from->pool.n, sizeof *in->stack);
    if (!in->node_of || !in->join_of || !in->stack) return feat_fail_memory(err);
    for (size_t i = 0; i < from->pool.n; i++) in->node_of[i] = FEAT_NO_NODE;
    for (size_t j = 0; j < from->n_joins; j++) in->join_of[j] = UINT32_MAX;
    return FEAT_OK;
}

/* A node that must be there before `node`, or FEAT_NO_NODE. */
static uint32_t missing_of(const feat_inlining *in, const feat_node *node) {
    if (node->kind == FEAT_NODE_OP) {
        for (int k = 0; k < feat_op_table[node->op].n_args; k++)
            if (in->node_of[node->args[k]] == FEAT_NO_NODE) return node->args[k];
    } else if (node->kind == FEAT_NODE_AGGREGATE || node->kind == FEAT_NODE_FOUND) {
        const feat_join *join = &in->from->joins[node->join];
        for (size_t k = 0; in->join_of[node->join] == UINT32_MAX && k < join->block->n_key; k++)
            if (in->node_of[join->key[k]] == FEAT_NO_NODE) return join->key[k];
    }
    return FEAT_NO_NODE;
}

static bool join_over(feat_inlining *in, uint32_t number) {
    if (in->join_of[number] != UINT32_MAX) return true;
    const feat_join *join = &in->from->joins[number];
    feat_arena *arena = in->to->pool.arena;
    uint32_t *key = feat_arena_array(arena, join->block->n_key, sizeof *key);
    if (!key) return false;
    for (size_t k = 0; k < join->block->n_key; k++) key[k] = in->node_of[join->key[k]];
    in->join_of[number] = feat_stage_join(in->to, join->block, key);
    return in->join_of[number] != UINT32_MAX;
}

static uint32_t copy_node(feat_inlining *in, const feat_node *node) {
    feat_node copy = *node;
    switch (node->kind) {
    case FEAT_NODE_INPUT: return in->inputs[node->index];
    case FEAT_NODE_AGGREGATE:
    case FEAT_NODE_FOUND:
        if (!join_over(in, node->join)) return FEAT_NO_NODE;
        copy.join = in->join_of[node->join];
        break;
    case FEAT_NODE_OP:
        for (int k = 0; k < feat_op_table[node->op].n_args; k++) copy.args[k] = in->node_of[node->args[k]];
        break;
    case FEAT_NODE_CONST:
    case FEAT_NODE_NOW: break;
    }
    return feat_pool_add(&in->to->pool, &copy);
}

feat_status feat_inline(feat_inlining *in, uint32_t node, uint32_t *out, feat_error *err) {
    size_t depth = 0;
    if (in->node_of[node] == FEAT_NO_NODE) in->stack[depth++] = node;
    while (depth) {
        uint32_t at = in->stack[depth - 1], missing = missing_of(in, &in->from->pool.nodes[at]);
        if (missing != FEAT_NO_NODE) {
            in->stack[depth++] = missing;
            continue;
        }
        in->node_of[at] = copy_node(in, &in->from->pool.nodes[at]);
        if (in->node_of[at] == FEAT_NO_NODE) return feat_fail_memory(err);
        depth--;
    }
    *out = in->node_of[node];
    return FEAT_OK;
}
