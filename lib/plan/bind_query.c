/* SELECT as a relation. There are four kinds: aggregates over windows, plain aggregates per key, the newest row per
 * key, and rows as they are: of events, or one per key. */
#include <string.h>
#include <strings.h>

#include "plan/query.h"

/* ---- Presence: rows that are not there have no values. ---- */

static feat_status and_node(feat_query *q, uint32_t *all, uint32_t more, uint32_t offset) {
    if (more == FEAT_NO_NODE) return FEAT_OK;
    *all = *all == FEAT_NO_NODE ? more : feat_build_binary(&q->b.build, "and", *all, more);
    return *all == FEAT_NO_NODE ? feat_bind_reason(&q->b, offset) : FEAT_OK;
}

/* Every feature is NULL where there is no row. One that says so already is left as it is. */
static feat_status absent_is_null(feat_query *q) {
    feat_view *view = q->view;
    if (view->present == FEAT_NO_NODE) return FEAT_OK;
    for (size_t i = 0; i < view->n_features; i++) {
        feat_output *f = &view->features[i];
        const feat_node *node = &view->stage.pool.nodes[f->node];
        if (node->kind == FEAT_NODE_OP && strcmp(feat_op_table[node->op].sql, "case") == 0 &&
            node->args[0] == view->present) {
            const feat_node *otherwise = &view->stage.pool.nodes[node->args[2]];
            if (otherwise->kind == FEAT_NODE_CONST && otherwise->is_null) continue;
        }
        f->node = feat_build_case(&q->b.build, (uint32_t[]){view->present}, (uint32_t[]){f->node}, 1, FEAT_NO_NODE);
        if (f->node == FEAT_NO_NODE) return feat_bind_reason(&q->b, q->select->offset);
    }
    return FEAT_OK;
}

static feat_status bind_truth(feat_query *q, const feat_ast_expr *e, const char *what, uint32_t *node) {
    FEAT_TRY(feat_bind_expr(&q->b, e, node));
    feat_type type = feat_build_type(&q->b.build, *node);
    if (type != FEAT_TYPE_BOOLEAN && type != FEAT_TYPE_UNKNOWN)
        return feat_bind_fail(&q->b, e->offset, "%s is a condition, found %s", what, feat_build_type_name(type));
    *node = feat_build_is_truth(&q->b.build, *node, true);
    return *node == FEAT_NO_NODE ? feat_bind_reason(&q->b, e->offset) : FEAT_OK;
}

/* ---- Completing blocks. ---- */

/* Marks what the roots need; arguments and keys of joins are earlier nodes. */
static void reach(const feat_stage *stage, bool *needed) {
    for (size_t i = stage->pool.n; i-- > 0;) {
        const feat_node *node = &stage->pool.nodes[i];
        if (!needed[i]) continue;
        if (node->kind == FEAT_NODE_OP)
            for (int k = 0; k < feat_op_table[node->op].n_args; k++) needed[node->args[k]] = true;
        if (node->kind == FEAT_NODE_AGGREGATE || node->kind == FEAT_NODE_FOUND)
            for (size_t k = 0; k < stage->joins[node->join].block->n_key; k++)
                needed[stage->joins[node->join].key[k]] = true;
    }
}

/* Whether a field has one value among the events of one entity and time: it decides nothing there. */
static bool same_in_entity(const feat_block *block, const feat_union_branch *branch, uint32_t field) {
    if (field == branch->table->time) return true;
    for (size_t k = 0; k < block->n_key; k++) {
        const feat_node *node = &branch->stage.pool.nodes[branch->key[k]];
        if (node->kind == FEAT_NODE_INPUT && node->index == field) return true;
    }
    return false;
}

/* The fields that order events of one time: the unique key, and where that does not decide, what the block reads. */
static feat_status find_ties(feat_definition *d, const feat_block *block, feat_union_branch *branch) {
    const feat_schema *table = branch->table;
    bool decided = table->n_unique > 0;
    bool *needed = feat_arena_array(d->arena, branch->stage.pool.n, sizeof *needed);
    branch->ties = feat_arena_array(d->arena, table->n_fields + table->n_unique, sizeof *branch->ties);
    if (!needed || !branch->ties) return feat_fail_memory(d->err);
    branch->n_ties = 0;
    for (size_t i = 0; i < table->n_unique; i++) {
        if (!same_in_entity(block, branch, table->unique[i])) branch->ties[branch->n_ties++] = table->unique[i];
        decided &= table->fields[table->unique[i]].not_null; /* NULL never conflicts, so rows with it may be many */
    }
    if (decided) return FEAT_OK;
    if (branch->where != FEAT_NO_NODE) needed[branch->where] = true;
    for (size_t k = 0; k < block->n_key; k++) needed[branch->key[k]] = true;
    for (size_t s = 0; s < block->n_slots; s++) {
        if (branch->slots[s].arg != FEAT_NO_NODE) needed[branch->slots[s].arg] = true;
        if (branch->slots[s].filter != FEAT_NO_NODE) needed[branch->slots[s].filter] = true;
    }
    reach(&branch->stage, needed);
    for (uint32_t f = 0; f < table->n_fields; f++) {
        bool read = false, there = false;
        for (size_t i = 0; i < branch->stage.pool.n; i++) {
            const feat_node *node = &branch->stage.pool.nodes[i];
            read |= needed[i] && node->kind == FEAT_NODE_INPUT && node->index == f;
        }
        for (size_t i = 0; i < branch->n_ties; i++) there |= branch->ties[i] == f;
        if (read && !there && !same_in_entity(block, branch, f)) branch->ties[branch->n_ties++] = f;
    }
    return FEAT_OK;
}

/* A window that reaches behind what the table keeps would give other values once rows are gone. */
static feat_status check_retention(feat_definition *d, const feat_block *block, const feat_union_branch *branch,
                                   uint32_t offset) {
    const feat_span *kept = &branch->table->retention;
    feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
    if (!branch->retained || d->lifetime_retained) return FEAT_OK;
    for (size_t i = 0; i < block->n_windows; i++) {
        const feat_window *w = &block->windows[i];
        if (w->low != FEAT_NO_BOUND || block->low != FEAT_NO_BOUND) continue; /* as far as the clock lets it */
        const int64_t day = INT64_C(86400000000);
        feat_int128 longest = (feat_int128)w->start.months * 31 * day + (feat_int128)w->start.days * day + w->start.us;
        feat_int128 least = (feat_int128)kept->months * (w->start.months == kept->months ? 31 : 28) * day + kept->us;
        if (w->frame == FEAT_FRAME_RANGE && !w->unbounded && longest <= least) continue;
        return feat_bind_fail(
            &b, offset,
            "a window is longer than the retention of table '%.100s'; shorten it, or write WITH (lifetime "
            "= 'retained') to mean the rows that are kept",
            branch->table->name);
    }
    return FEAT_OK;
}

feat_status feat_finish_block(feat_definition *d, feat_block *block, uint32_t offset) {
    bool ordered = false;
    for (size_t i = 0; i < block->n_aggregates; i++)
        ordered |= feat_agg_table[block->aggregates[i].agg].algebra == FEAT_ALGEBRA_ORDER;
    for (size_t i = 0; i < block->n_windows; i++) /* which rows are the last ones is a matter of order too */
        ordered |= block->windows[i].frame == FEAT_FRAME_ROWS ||
                   block->windows[i].exclude == FEAT_EXCLUDE_CURRENT_ROW ||
                   block->windows[i].exclude == FEAT_EXCLUDE_TIES;
    for (size_t i = 0; i < block->n_branches; i++) {
        feat_union_branch *branch = &block->branches[i];
        const feat_span *kept = &branch->table->retention;
        branch->retained = !branch->table->dimension && (kept->months != 0 || kept->us != 0);
        FEAT_TRY(check_retention(d, block, branch, offset));
        if (ordered) FEAT_TRY(find_ties(d, block, branch));
    }
    FEAT_TRY(feat_block_fingerprint(block, d->err));
    return feat_lower_block(d->arena, block, d->scope->fold, d->err);
}

/* ---- Aggregates. ---- */

/* The first PARTITION BY among an expression's windows. */
static feat_status find_partition(feat_query *q, const feat_ast_expr *e) {
    if (!e || q->has_key) return FEAT_OK;
    if (e->kind == FEAT_AST_CALL && e->over) {
        feat_ast_window w;
        FEAT_TRY(feat_resolve_window(q, e->over, &w));
        if (w.n_partition) return feat_bind_key(q, w.partition, w.n_partition, w.offset);
    }
    for (size_t i = 0; i < e->n_args; i++) FEAT_TRY(find_partition(q, e->args[i]));
    FEAT_TRY(find_partition(q, e->operand));
    return find_partition(q, e->otherwise);
}

/* The parts of the key get the names of the columns that they are, unless the SELECT list says otherwise. */
static feat_status init_view_key(feat_query *q) {
    feat_view *view = q->view;
    view->key = feat_arena_array(q->b.arena, q->n_key, sizeof *view->key);
    if (!view->key) return feat_fail_memory(q->b.err);
    view->n_key = q->n_key;
    for (size_t k = 0; k < q->n_key; k++) view->key[k] = (feat_field){.type = q->block->key[k], .id = (uint32_t)k + 1};
    return FEAT_OK;
}

static feat_status name_view_key(feat_query *q) {
    feat_view *view = q->view;
    for (size_t k = 0; k < view->n_key; k++) {
        const feat_ast_expr *e = q->key_exprs[k];
        if (view->key[k].name) continue;
        if (e->kind != FEAT_AST_COLUMN)
            return feat_bind_fail(&q->b, e->offset,
                                  "this part of the key needs a name; write it AS name in the SELECT list");
        view->key[k].name = e->name;
        for (size_t i = 0; i < k; i++)
            if (strcasecmp(view->key[i].name, e->name) == 0)
                return feat_bind_fail(&q->b, e->offset, "two parts of the key are called '%.100s'", e->name);
    }
    return FEAT_OK;
}

static feat_status bind_group_items(feat_query *q, bool stars) {
    for (size_t i = 0; i < q->select->n_items; i++) {
        const feat_ast_item *item = &q->select->items[i];
        const char *name;
        uint32_t node = 0;
        bool key;
        if (!stars && item->expr->kind == FEAT_AST_STAR)
            return feat_bind_fail(&q->b, item->offset, "'*' beside aggregates is refused; name the features");
        FEAT_TRY(feat_query_key_item(q, item, &key));
        if (key) continue;
        FEAT_TRY(feat_bind_expr(&q->b, item->expr, &node));
        FEAT_TRY(feat_bind_item_name(&q->b, item, &name));
        FEAT_TRY(feat_query_feature(q, name, node, item->offset));
    }
    return FEAT_OK;
}

static feat_status begin_block(feat_query *q) {
    feat_block *block = q->block;
    if (q->time < 0)
        return feat_bind_fail(&q->b, q->select->sources[0].offset,
                              "the event time is not among the columns of this query; select it");
    block->branches = feat_arena_array(q->b.arena, q->n_stages, sizeof *block->branches);
    if (!block->branches) return feat_fail_memory(q->b.err);
    block->n_branches = q->n_stages;
    return FEAT_OK;
}

/* The events are complete: they become the block's branches, and the view's first join. */
static feat_status end_block(feat_query *q) {
    feat_block *block = q->block;
    feat_view *view = q->view;
    uint32_t *inputs = feat_arena_array(q->b.arena, q->n_key, sizeof *inputs);
    if (!inputs) return feat_fail_memory(q->b.err);
    for (size_t i = 0; i < block->n_branches; i++) {
        feat_union_branch *branch = &block->branches[i];
        branch->table = q->rows[i].table;
        branch->stage = *q->stages[i];
        branch->where = q->rows[i].where;
        branch->key = feat_arena_array(q->b.arena, q->n_key, sizeof *branch->key);
        if (!branch->key) return feat_fail_memory(q->b.err);
        for (size_t k = 0; k < q->n_key; k++) branch->key[k] = q->key_nodes[k * q->n_stages + i];
    }
    for (size_t k = 0; k < q->n_key; k++) {
        inputs[k] = feat_build_leaf(&q->b.build, FEAT_NODE_INPUT, block->key[k], (uint32_t)k, 0);
        if (inputs[k] == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    }
    FEAT_TRY(feat_finish_block(q->d, block, q->select->offset));
    return feat_stage_join(&view->stage, block, inputs) == UINT32_MAX ? feat_fail_memory(q->b.err) : FEAT_OK;
}

static feat_status bind_aggregates(feat_query *q) {
    const feat_ast_select *s = q->select;
    feat_view *view = q->view;
    FEAT_TRY(begin_block(q));
    FEAT_TRY(feat_bind_where(q));
    if (!q->grouped) { /* each window lies within what WHERE lets be */
        FEAT_TRY(feat_query_bound(q, q->low, &q->block->low));
        FEAT_TRY(feat_query_bound(q, q->high, &q->block->high));
    }
    if (s->n_group) FEAT_TRY(feat_bind_key(q, s->group, s->n_group, s->group[0]->offset));
    for (size_t i = 0; i < s->n_items; i++) FEAT_TRY(find_partition(q, s->items[i].expr));
    if (!q->has_key)
        return feat_bind_fail(&q->b, s->offset,
                              "a feature is of an entity: write GROUP BY, or PARTITION BY in the windows");
    FEAT_TRY(init_view_key(q));
    q->level = FEAT_LEVEL_GROUP;
    q->b.build.pool = &view->stage.pool;
    FEAT_TRY(bind_group_items(q, false));
    if (q->grouped) {
        uint32_t window;
        FEAT_TRY(feat_query_whole(q, &window)); /* rows make the group, whether or not an aggregate reads them */
        view->present = feat_build_leaf(&q->b.build, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, 0);
        if (view->present == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
        if (s->having) {
            uint32_t having;
            FEAT_TRY(bind_truth(q, s->having, "HAVING", &having));
            FEAT_TRY(and_node(q, &view->present, having, s->having->offset));
        }
        view->found = view->present;
        FEAT_TRY(absent_is_null(q));
    } else {
        view->found = feat_build_leaf(&q->b.build, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, 0);
        if (view->found == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    }
    FEAT_TRY(name_view_key(q));
    return end_block(q);
}

/* ---- The newest row. ---- */

static bool is_one(const feat_ast_expr *e) { return e->kind == FEAT_AST_INTEGER && strcmp(e->text, "1") == 0; }

static feat_status newest_order(feat_query *q, const feat_ast_order *order, size_t n, uint32_t offset) {
    const feat_schema *table = q->rows[0].table;
    if (n == 0 || !feat_is_event_time(q, order[0].expr))
        return feat_bind_fail(&q->b, n ? order[0].expr->offset : offset,
                              "the newest row is the one with the greatest event time: ORDER BY %.100s DESC",
                              q->sources[0].relation->columns[q->time].name);
    q->oldest = !order[0].descending;
    for (size_t i = 1; i < n; i++) { /* ties are decided by the unique key, in its order; that may be written too */
        const feat_ast_expr *e = order[i].expr;
        if (q->n_stages == 1 && i <= table->n_unique && e->kind == FEAT_AST_COLUMN &&
            order[i].descending == !q->oldest && strcasecmp(e->name, table->fields[table->unique[i - 1]].name) == 0)
            continue;
        return feat_bind_fail(&q->b, e->offset, "rows of one event time are ordered by the table's unique key alone");
    }
    return FEAT_OK;
}

static feat_status bind_qualify(feat_query *q) {
    const feat_ast_expr *e = q->select->qualify, *call = NULL;
    if (e->kind == FEAT_AST_BINARY && (strcmp(e->name, "=") == 0 || strcmp(e->name, "<=") == 0) && is_one(e->args[1]))
        call = e->args[0];
    else if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "=") == 0 && is_one(e->args[0])) call = e->args[1];
    if (!call || call->kind != FEAT_AST_CALL || strcasecmp(call->name, "row_number") != 0 || !call->over)
        return feat_bind_fail(
            &q->b, e->offset,
            "QUALIFY chooses the newest row per key: QUALIFY row_number() OVER (PARTITION BY key ORDER BY "
            "time DESC) = 1");
    feat_ast_window w;
    FEAT_TRY(feat_resolve_window(q, call->over, &w));
    if (w.n_partition == 0) return feat_bind_fail(&q->b, call->offset, "this window has no entity: write PARTITION BY");
    if (w.unit != FEAT_AST_NO_FRAME) return feat_bind_fail(&q->b, call->offset, "row_number() takes no frame");
    FEAT_TRY(feat_bind_key(q, w.partition, w.n_partition, w.offset));
    return newest_order(q, w.order, w.n_order, call->offset);
}

static feat_status bind_distinct_on(feat_query *q) {
    const feat_ast_select *s = q->select;
    FEAT_TRY(feat_bind_key(q, s->distinct_on, s->n_distinct_on, s->offset));
    size_t skip = 0;
    uint32_t *nodes = feat_arena_array(q->b.arena, q->n_stages, sizeof *nodes);
    if (!nodes) return feat_fail_memory(q->b.err);
    for (; skip < s->n_order && skip < q->n_key && !feat_is_event_time(q, s->order[skip].expr); skip++) {
        feat_type type;
        bool key = false;
        FEAT_TRY(feat_query_in_stages(q, s->order[skip].expr, nodes, &type));
        for (size_t k = 0; k < q->n_key; k++) key |= q->key_nodes[k * q->n_stages] == nodes[0];
        if (!key) break;
    }
    if (s->limit || s->skip) return feat_bind_fail(&q->b, s->offset, "LIMIT has no meaning in a feature's query");
    return newest_order(q, s->order + skip, s->n_order - skip, s->offset);
}

static feat_status newest_column(feat_query *q, size_t source, size_t column, uint32_t offset) {
    const feat_relation_column *c = &q->sources[source].relation->columns[column];
    feat_ast_expr *e = FEAT_ARENA_NEW(q->b.arena, feat_ast_expr);
    if (!e) return feat_fail_memory(q->b.err);
    *e = (feat_ast_expr){
        .kind = FEAT_AST_COLUMN, .offset = offset, .depth = 1, .name = c->name, .qualifier = q->sources[source].alias};
    feat_ast_item item = {.expr = e, .offset = offset};
    bool key;
    uint32_t node;
    FEAT_TRY(feat_query_key_item(q, &item, &key));
    if (key) return FEAT_OK;
    FEAT_TRY(feat_query_newest(q, source, column, &node));
    return feat_query_feature(q, c->name, node, offset);
}

static feat_status bind_newest(feat_query *q) {
    const feat_ast_select *s = q->select;
    feat_view *view = q->view;
    uint32_t window;
    if (s->n_group || s->having)
        return feat_bind_fail(&q->b, s->offset, "GROUP BY beside QUALIFY or DISTINCT ON, which choose one row per key");
    if (s->qualify && s->n_distinct_on) return feat_bind_fail(&q->b, s->qualify->offset, "QUALIFY beside DISTINCT ON");
    FEAT_TRY(begin_block(q));
    FEAT_TRY(feat_bind_where(q));
    FEAT_TRY(s->qualify ? bind_qualify(q) : bind_distinct_on(q));
    FEAT_TRY(init_view_key(q));
    q->level = FEAT_LEVEL_NEWEST;
    q->b.build.pool = &view->stage.pool;
    for (size_t i = 0; i < s->n_items; i++) {
        const feat_ast_item *item = &s->items[i];
        const char *name;
        uint32_t node = 0;
        bool star, key;
        FEAT_TRY(feat_query_star(q, item, &star, newest_column));
        if (star) continue;
        FEAT_TRY(feat_query_key_item(q, item, &key));
        if (key) continue;
        FEAT_TRY(feat_bind_expr(&q->b, item->expr, &node));
        FEAT_TRY(feat_bind_item_name(&q->b, item, &name));
        FEAT_TRY(feat_query_feature(q, name, node, item->offset));
    }
    FEAT_TRY(feat_query_whole(q, &window));
    view->present = view->found = feat_build_leaf(&q->b.build, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, 0);
    if (view->present == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    FEAT_TRY(absent_is_null(q));
    FEAT_TRY(name_view_key(q));
    return end_block(q);
}

/* ---- Rows: one per key. ---- */

static feat_status row_column(feat_query *q, size_t source, size_t column, uint32_t offset) {
    uint32_t node;
    FEAT_TRY(feat_query_column(q, source, column, &node));
    return feat_query_feature(q, q->sources[source].relation->columns[column].name, node, offset);
}

static feat_status bind_rows(feat_query *q) {
    const feat_ast_select *s = q->select;
    feat_view *view = q->view;
    const feat_view *first = q->sources[0].relation->view;
    feat_inlining *in = &q->sources[0].inlinings[0];
    uint32_t node = 0;
    q->level = FEAT_LEVEL_ROW;
    for (size_t i = 0; i < s->n_items; i++) {
        const feat_ast_item *item = &s->items[i];
        const char *name;
        bool star, key;
        FEAT_TRY(feat_query_star(q, item, &star, row_column));
        if (star) continue;
        FEAT_TRY(feat_query_key_item(q, item, &key));
        if (key) continue;
        FEAT_TRY(feat_bind_expr(&q->b, item->expr, &node));
        FEAT_TRY(feat_bind_item_name(&q->b, item, &name));
        FEAT_TRY(feat_query_feature(q, name, node, item->offset));
    }
    if (s->where) {
        FEAT_TRY(bind_truth(q, s->where, "WHERE", &node));
        FEAT_TRY(and_node(q, &q->inner, node, s->where->offset));
    }
    if (first->present != FEAT_NO_NODE) FEAT_TRY(feat_inline(in, first->present, &view->present, q->b.err));
    if (first->found != FEAT_NO_NODE) FEAT_TRY(feat_inline(in, first->found, &view->found, q->b.err));
    if (first->expired != FEAT_NO_NODE) FEAT_TRY(feat_inline(in, first->expired, &view->expired, q->b.err));
    FEAT_TRY(and_node(q, &view->present, q->inner, s->offset));
    FEAT_TRY(and_node(q, &view->found, q->inner, s->offset));
    return absent_is_null(q);
}

/* ---- Rows: of events. ---- */

static feat_status event_columns(feat_query *q, feat_relation *r, const char *name, feat_type type, uint32_t offset,
                                 const uint32_t *nodes, size_t *capacity) {
    for (size_t c = 0; c < r->n_columns; c++)
        if (strcasecmp(r->columns[c].name, name) == 0)
            return feat_bind_fail(&q->b, offset, "two columns are called '%.100s'; rename one with AS", name);
    size_t room = *capacity;
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, r->columns, r->n_columns, *capacity));
    for (size_t s = 0; s < q->n_stages; s++) {
        size_t each = room;
        FEAT_TRY(FEAT_BIND_ROOM(&q->b, q->rows[s].columns, r->n_columns, each));
        q->rows[s].columns[r->n_columns] = nodes[s];
    }
    r->columns[r->n_columns++] = (feat_relation_column){name, type, false};
    return FEAT_OK;
}

static feat_status bind_event_rows(feat_query *q, const feat_relation **out) {
    const feat_ast_select *s = q->select;
    feat_relation *r = FEAT_ARENA_NEW(q->b.arena, feat_relation);
    uint32_t *nodes = feat_arena_array(q->b.arena, q->n_stages, sizeof *nodes);
    size_t capacity = 0;
    if (!r || !nodes) return feat_fail_memory(q->b.err);
    *r = (feat_relation){.time = -1};
    FEAT_TRY(feat_bind_where(q));
    for (size_t i = 0; i < s->n_items; i++) {
        const feat_ast_item *item = &s->items[i];
        feat_ast_expr column = {.kind = FEAT_AST_COLUMN, .offset = item->offset, .depth = 1};
        const feat_ast_expr *e = item->expr, *excluded = NULL;
        const char *name;
        feat_type type;
        if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "exclude") == 0) {
            excluded = e;
            e = e->args[0];
        }
        if (e->kind != FEAT_AST_STAR) {
            FEAT_TRY(feat_query_in_stages(q, e, nodes, &type));
            FEAT_TRY(feat_bind_item_name(&q->b, item, &name));
            if (type == FEAT_TYPE_UNKNOWN)
                return feat_bind_fail(&q->b, item->offset, "NULL alone has no type; write CAST(NULL AS type)");
            if (feat_is_event_time(q, e)) r->time = (int32_t)r->n_columns;
            FEAT_TRY(event_columns(q, r, name, type, item->offset, nodes, &capacity));
            continue;
        }
        for (size_t n = 0; n < q->n_sources; n++) {
            const feat_query_source *from = &q->sources[n];
            if (e->qualifier && strcasecmp(e->qualifier, from->alias) != 0) continue;
            column.qualifier = from->alias;
            for (size_t c = 0; c < from->relation->n_columns; c++) {
                bool left_out = from->joined && from->relation->columns[c].key;
                column.name = from->relation->columns[c].name;
                for (size_t x = 1; excluded && x < excluded->n_args; x++)
                    left_out |= strcasecmp(excluded->args[x]->name, column.name) == 0;
                if (left_out) continue;
                FEAT_TRY(feat_query_in_stages(q, &column, nodes, &type));
                if (n == 0 && (int32_t)c == q->time) r->time = (int32_t)r->n_columns;
                FEAT_TRY(event_columns(q, r, column.name, type, item->offset, nodes, &capacity));
            }
        }
    }
    r->rows = q->rows;
    r->n_rows = q->n_stages;
    r->clock = q->clock;
    r->low = q->low;
    r->high = q->high;
    *out = r;
    return FEAT_OK;
}

/* ---- UNION ALL. ---- */

static feat_status common_type(feat_definition *d, feat_type *type, feat_type other, uint32_t offset) {
    feat_pool scratch;
    feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
    if (*type == other) return FEAT_OK;
    feat_pool_init(&scratch, d->arena);
    b.build.pool = &scratch;
    uint32_t left = feat_build_leaf(&b.build, FEAT_NODE_INPUT, *type, 0, 0),
             right = feat_build_leaf(&b.build, FEAT_NODE_INPUT, other, 1, 0);
    if (left == FEAT_NO_NODE || right == FEAT_NO_NODE) return feat_fail_memory(d->err);
    if (!feat_build_unify(&b.build, &left, &right)) return feat_bind_reason(&b, offset);
    *type = feat_build_type(&b.build, left);
    return FEAT_OK;
}

static feat_status number_items(feat_definition *d, feat_ast_select *part) {
    feat_ast_item *items = feat_arena_array(d->arena, part->n_items, sizeof *items);
    if (!items) return feat_fail_memory(d->err);
    for (size_t i = 0; i < part->n_items; i++) {
        items[i] = part->items[i];
        const feat_ast_expr *e = items[i].expr;
        if (e->kind == FEAT_AST_STAR || (e->kind == FEAT_AST_BINARY && strcmp(e->name, "exclude") == 0)) continue;
        items[i].alias = feat_arena_printf(d->arena, "column %zu", i + 1);
        if (!items[i].alias) return feat_fail_memory(d->err);
    }
    part->items = items;
    return FEAT_OK;
}

static feat_status bind_union(feat_definition *d, const feat_query_names *names, const feat_ast_select *select,
                              const feat_relation **out) {
    feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
    feat_relation *r = FEAT_ARENA_NEW(d->arena, feat_relation);
    const feat_relation **parts = NULL;
    size_t n = 0, capacity = 0, rows = 0;
    if (!r) return feat_fail_memory(d->err);
    *r = (feat_relation){.time = -1, .low = FEAT_NO_NODE, .high = FEAT_NO_NODE};
    for (const feat_ast_select *s = select; s; s = s->union_all) {
        feat_ast_select part = *s;
        if (n) FEAT_TRY(number_items(d, &part)); /* the first part names the columns */
        part.union_all = NULL;
        part.n_ctes = 0;
        part.n_order = 0;
        FEAT_TRY(FEAT_BIND_ROOM(&b, parts, n, capacity));
        FEAT_TRY(feat_bind_query(d, names, &part, true, &parts[n]));
        const feat_relation *p = parts[n++];
        if (p->view)
            return feat_bind_fail(&b, s->offset,
                                  "UNION ALL brings together rows of events, not rows of which there is one per key");
        if (p->n_columns != parts[0]->n_columns)
            return feat_bind_fail(&b, s->offset, "the parts of a UNION ALL have %zu and %zu columns",
                                  parts[0]->n_columns, p->n_columns);
        if (p->time != parts[0]->time)
            return feat_bind_fail(&b, s->offset,
                                  "the event time stands at different places in the parts of the UNION ALL");
        if (p->low != FEAT_NO_NODE || p->high != FEAT_NO_NODE)
            return feat_bind_fail(&b, s->offset,
                                  "compare with the clock outside the UNION ALL: it bounds all of its parts");
        rows += p->n_rows;
    }
    if (rows > UINT16_MAX) return feat_bind_fail(&b, select->offset, "too many parts in the UNION ALL");
    r->time = parts[0]->time;
    r->n_columns = parts[0]->n_columns;
    r->columns = feat_arena_array(d->arena, r->n_columns, sizeof *r->columns);
    r->rows = feat_arena_array(d->arena, rows, sizeof *r->rows);
    if (!r->columns || !r->rows) return feat_fail_memory(d->err);
    for (size_t c = 0; c < r->n_columns; c++) {
        r->columns[c] = parts[0]->columns[c];
        for (size_t i = 1; i < n; i++)
            FEAT_TRY(common_type(d, &r->columns[c].type, parts[i]->columns[c].type, select->offset));
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < parts[i]->n_rows; k++) {
            feat_event_rows *from = &parts[i]->rows[k];
            b.build.pool = &from->stage.pool;
            for (size_t c = 0; c < r->n_columns; c++) {
                from->columns[c] = feat_build_cast(&b.build, from->columns[c], r->columns[c].type, false);
                if (from->columns[c] == FEAT_NO_NODE) return feat_bind_reason(&b, select->offset);
            }
            r->rows[r->n_rows++] = *from;
        }
    *out = r;
    return FEAT_OK;
}

/* ---- All. ---- */

static feat_status refuse_clauses(feat_query *q) {
    const feat_ast_select *s = q->select;
    if (s->distinct && !s->n_distinct_on)
        return feat_bind_fail(&q->b, s->offset,
                              "DISTINCT is not supported; DISTINCT ON (key) chooses the newest row per key");
    if (s->n_order && !s->n_distinct_on)
        return feat_bind_fail(&q->b, s->order[0].expr->offset,
                              "ORDER BY has no meaning in a feature's query: its rows have no order");
    return FEAT_OK;
}

static feat_status bind_select(feat_definition *d, const feat_query_names *names, const feat_ast_select *s,
                               bool events_wanted, const feat_relation **out) {
    feat_arena *arena = d->arena;
    feat_query *q = FEAT_ARENA_NEW(arena, feat_query);
    bool windowed = false, plain = false;
    if (!q) return feat_fail_memory(d->err);
    *q = (feat_query){.b = {.arena = arena,
                            .source = d->source,
                            .err = d->err,
                            .column = feat_query_bind_column,
                            .call = feat_query_bind_call},
                      .d = d,
                      .names = names,
                      .select = s,
                      .low = FEAT_NO_NODE,
                      .high = FEAT_NO_NODE,
                      .inner = FEAT_NO_NODE,
                      .time = -1};
    q->b.context = q;
    q->view = FEAT_ARENA_NEW(arena, feat_view);
    q->block = FEAT_ARENA_NEW(arena, feat_block);
    if (!q->view || !q->block) return feat_fail_memory(d->err);
    *q->view = (feat_view){.name = "query", .present = FEAT_NO_NODE, .found = FEAT_NO_NODE, .expired = FEAT_NO_NODE};
    *q->block = (feat_block){.low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    feat_pool_init(&q->view->stage.pool, arena);
    feat_pool_init(&q->block->clock.pool, arena);
    FEAT_TRY(refuse_clauses(q));
    for (size_t i = 0; i < s->n_items; i++) feat_has_aggregate(s->items[i].expr, &windowed, &plain);
    bool newest = s->qualify || s->n_distinct_on;
    q->grouped = !windowed && !newest && (plain || s->n_group || s->having);
    if (s->having && !q->grouped)
        return feat_bind_fail(&q->b, s->having->offset, "HAVING belongs to plain aggregates; windows have rows always");
    FEAT_TRY(feat_query_from(q, windowed || q->grouped || newest || events_wanted));
    const feat_relation *first = q->sources[0].relation;
    if (first->view && (windowed || q->grouped || newest))
        return feat_bind_fail(&q->b, s->sources[0].offset,
                              "aggregates read the events of a table; '%.100s' has one row per key",
                              q->sources[0].alias);
    q->b.build.pool = first->view ? &q->view->stage.pool : &q->stages[0]->pool;
    FEAT_TRY(feat_query_joins(q));
    if (newest) FEAT_TRY(bind_newest(q));
    else if (windowed || q->grouped) FEAT_TRY(bind_aggregates(q));
    else if (first->view) FEAT_TRY(bind_rows(q));
    else return bind_event_rows(q, out);
    return feat_relation_of_view(d, q->view, false, out);
}

feat_status feat_bind_query(feat_definition *d, const feat_query_names *names, const feat_ast_select *select,
                            bool events_wanted, const feat_relation **relation) {
    for (size_t i = 0; i < select->n_ctes; i++) {
        feat_query_names *added = FEAT_ARENA_NEW(d->arena, feat_query_names);
        feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
        if (!added) return feat_fail_memory(d->err);
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(select->ctes[k].name, select->ctes[i].name) == 0)
                return feat_bind_fail(&b, select->ctes[i].offset, "WITH names '%.100s' twice", select->ctes[i].name);
        *added = (feat_query_names){.outer = names, .name = select->ctes[i].name};
        FEAT_TRY(feat_bind_query(d, names, select->ctes[i].select, false, &added->relation));
        names = added;
    }
    return select->union_all ? bind_union(d, names, select, relation)
                             : bind_select(d, names, select, events_wanted, relation);
}
