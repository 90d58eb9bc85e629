/* now() enters a view's own expressions in two ways. A time to live asks whether now() - age has passed the event time
 * of the newest row, which is an edge like that of a window; anything else can change any value at any time. */
#include "plan/drift.h"

#include <string.h>

#include "base/alloc.h"

/* Aggregates whose value depends on t and not only on which events their window holds. */
static bool aggregate_drifts(feat_agg agg) {
    static const char *const names[] = {"time_since_last", "decayed_sum", "decayed_avg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(feat_agg_table[agg].sql, names[i]) == 0) return true;
    return false;
}

static const feat_aggregate *aggregate_of(const feat_stage *stage, const feat_node *node) {
    return &stage->joins[node->join].block->aggregates[node->index];
}

/* now() - a constant interval. */
static bool is_edge(const feat_stage *stage, const feat_node *node) {
    const feat_node *nodes = stage->pool.nodes;
    return node->kind == FEAT_NODE_OP && node->op == FEAT_OP_SUB_TV && nodes[node->args[0]].kind == FEAT_NODE_NOW &&
           nodes[node->args[1]].kind == FEAT_NODE_CONST && !nodes[node->args[1]].is_null;
}

/* The event time of the newest of all rows of a join. */
static bool is_newest_time(const feat_stage *stage, const feat_node *node) {
    if (node->kind == FEAT_NODE_OP && node->op == FEAT_OP_DATE_TO_TIMESTAMP) node = &stage->pool.nodes[node->args[0]];
    if (node->kind != FEAT_NODE_AGGREGATE) return false;
    const feat_block *block = stage->joins[node->join].block;
    const feat_aggregate *a = aggregate_of(stage, node);
    const feat_window *w = &block->windows[a->window];
    bool whole = w->frame == FEAT_FRAME_RANGE && w->unbounded && w->low == FEAT_NO_BOUND && w->high == FEAT_NO_BOUND &&
                 w->end.months == 0 && w->end.days == 0 && w->end.us == 0 && !w->open_right &&
                 w->exclude == FEAT_EXCLUDE_NOTHING && block->low == FEAT_NO_BOUND && block->high == FEAT_NO_BOUND;
    if (!whole || a->agg != FEAT_AGG_LAST || a->n_order || a->low != FEAT_NO_BOUND || a->high != FEAT_NO_BOUND)
        return false;
    for (size_t b = 0; b < block->n_branches; b++) {
        const feat_union_branch *branch = &block->branches[b];
        const feat_slot *slot = &branch->slots[a->slot];
        const feat_node *arg = &branch->stage.pool.nodes[slot->arg];
        if (slot->filter != FEAT_NO_NODE || arg->kind != FEAT_NODE_INPUT || arg->index != branch->table->time)
            return false;
    }
    return true;
}

static const char by_clock[] = "it depends on now() beyond the edges of windows";

/* An expression that is used as it is. */
static void look_at_value(const feat_stage *stage, uint32_t at, feat_drift *drift) {
    if (at == FEAT_NO_NODE) return;
    const feat_node *node = &stage->pool.nodes[at];
    if (node->kind == FEAT_NODE_NOW || is_edge(stage, node)) drift->reason = by_clock;
}

static feat_status add_expiry(const feat_stage *stage, const feat_node *comparison, int edge, feat_drift *drift,
                              feat_error *err) {
    const feat_node *nodes = stage->pool.nodes, *time = &nodes[comparison->args[1 - edge]];
    if (time->kind == FEAT_NODE_OP) time = &nodes[time->args[0]];
    if (FEAT_GROW(drift->expiries, drift->capacity, drift->n + 1) != 0) return feat_fail_memory(err);
    /* edge <= time, and the opposite time < edge, have the edge on the young side. */
    drift->expiries[drift->n++] = (feat_expiry){.join = time->join,
                                                .age = nodes[nodes[comparison->args[edge]].args[1]].constant.p,
                                                .edge_is_young = (comparison->op == FEAT_OP_LE_I) == (edge == 0)};
    return FEAT_OK;
}

static feat_status look_at_op(const feat_stage *stage, const feat_node *node, feat_drift *drift, feat_error *err) {
    const feat_node *nodes = stage->pool.nodes;
    bool compares = node->op == FEAT_OP_LE_I || node->op == FEAT_OP_LT_I;
    if (is_edge(stage, node)) return FEAT_OK;
    for (int k = 0; k < feat_op_table[node->op].n_args; k++) {
        const feat_node *arg = &nodes[node->args[k]];
        if (compares && is_edge(stage, arg) && is_newest_time(stage, &nodes[node->args[1 - k]]))
            FEAT_TRY(add_expiry(stage, node, k, drift, err));
        else look_at_value(stage, node->args[k], drift);
    }
    return FEAT_OK;
}

feat_status feat_drift_of(const feat_view *view, const feat_walk *walk, feat_drift *drift, feat_error *err) {
    const feat_stage *stage = &view->stage;
    *drift = (feat_drift){0};
    for (size_t f = 0; f < view->n_features; f++) look_at_value(stage, view->features[f].node, drift);
    look_at_value(stage, view->present, drift);
    look_at_value(stage, view->found, drift);
    look_at_value(stage, view->expired, drift);
    for (uint32_t j = 0; j < walk->n_joins; j++) {
        const feat_join *join = &stage->joins[walk->join_order[j]];
        for (size_t k = 0; k < join->block->n_key; k++) look_at_value(stage, join->key[k], drift);
    }
    for (uint32_t i = 0; i < walk->n; i++) {
        const feat_node *node = &stage->pool.nodes[walk->order[i]];
        if (node->kind == FEAT_NODE_AGGREGATE && aggregate_drifts(aggregate_of(stage, node)->agg))
            drift->reason = "an aggregate in it depends on now() beyond the edges of its window";
        if (node->kind == FEAT_NODE_OP) FEAT_TRY(look_at_op(stage, node, drift, err));
    }
    return FEAT_OK;
}

feat_status feat_drift_of_view(const feat_view *view, feat_drift *drift, feat_error *err) {
    feat_walk walk;
    *drift = (feat_drift){0};
    FEAT_TRY(feat_walk_view(&walk, view, err));
    feat_status status = feat_drift_of(view, &walk, drift, err);
    feat_walk_done(&walk);
    return status;
}

void feat_drift_done(feat_drift *drift) {
    feat_free(drift->expiries);
    *drift = (feat_drift){0};
}
