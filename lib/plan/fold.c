/* Folding: what lowering may put in the place of a node. It comes after the fingerprint, which is that of the tree as
 * it was bound, so that folding more changes no definition. */
#include "plan/fold.h"

static bool is_constant(const feat_node *node) { return node->kind == FEAT_NODE_CONST; }

static bool is_truth(const feat_node *node, bool truth) {
    return is_constant(node) && node->type == FEAT_TYPE_BOOLEAN && !node->is_null && (node->constant.i != 0) == truth;
}

/* The argument that an operation passes on whatever its other ones are; -1 if there is none. Errors are passed on like
 * values, so nothing is evaluated that was not, and nothing lost that was. */
static int passed_on(const feat_node *node, const feat_node *const *args) {
    switch (node->op) {
    case FEAT_OP_AND:
        for (int i = 0; i < 2; i++)
            if (is_truth(args[i], false)) return i;
        for (int i = 0; i < 2; i++)
            if (is_truth(args[i], true)) return 1 - i;
        return -1;
    case FEAT_OP_OR:
        for (int i = 0; i < 2; i++)
            if (is_truth(args[i], true)) return i;
        for (int i = 0; i < 2; i++)
            if (is_truth(args[i], false)) return 1 - i;
        return -1;
    case FEAT_OP_IF_B:
    case FEAT_OP_IF_I:
    case FEAT_OP_IF_F:
    case FEAT_OP_IF_T:
    case FEAT_OP_IF_W:
    case FEAT_OP_IF_V: return !is_constant(args[0]) ? -1 : is_truth(args[0], true) ? 1 : 2;
    case FEAT_OP_COALESCE_B:
    case FEAT_OP_COALESCE_I:
    case FEAT_OP_COALESCE_F:
    case FEAT_OP_COALESCE_T:
    case FEAT_OP_COALESCE_W:
    case FEAT_OP_COALESCE_V: return !is_constant(args[0]) ? -1 : args[0]->is_null ? 1 : 0;
    default: return -1;
    }
}

feat_status feat_pool_fold(const feat_pool *from, feat_pool *to, feat_fold_node *fold, uint32_t *map, feat_error *err) {
    for (size_t i = 0; i < from->n; i++) {
        feat_node node = from->nodes[i];
        if (node.kind == FEAT_NODE_OP) {
            const feat_node *args[3] = {NULL, NULL, NULL};
            bool constant = true;
            for (int k = 0; k < feat_op_table[node.op].n_args; k++) {
                node.args[k] = map[node.args[k]];
                args[k] = &to->nodes[node.args[k]];
                constant = constant && is_constant(args[k]);
            }
            int through = passed_on(&node, args);
            if (through >= 0) {
                map[i] = node.args[through];
                continue;
            }
            feat_node made = {.kind = FEAT_NODE_CONST, .type = node.type};
            if (constant && fold && fold(to->arena, node.op, args, &made)) node = made;
        }
        map[i] = feat_pool_add(to, &node);
        if (map[i] == FEAT_NO_NODE) return feat_fail_memory(err);
    }
    return FEAT_OK;
}
