/* Aggregates: what they take of each event, under which filter, over which window. */
#include <string.h>
#include <strings.h>

#include "math/number.h"
#include "plan/query.h"

bool feat_is_aggregate(const char *name) {
    name = feat_agg_name(name);
    if (feat_agg_is_short(name)) return true;
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++)
        if (strcasecmp(feat_agg_table[i].sql, name) == 0) return true;
    return false;
}

bool feat_has_aggregate(const feat_ast_expr *e, bool *windowed, bool *plain) {
    if (!e) return false;
    bool any = false;
    if (e->kind == FEAT_AST_CALL && (e->over || e->filter || feat_is_aggregate(e->name))) {
        if (e->over && windowed) *windowed = true;
        if (!e->over && plain) *plain = true;
        any = true;
    }
    for (size_t i = 0; i < e->n_args; i++) any |= feat_has_aggregate(e->args[i], windowed, plain);
    any |= feat_has_aggregate(e->operand, windowed, plain);
    any |= feat_has_aggregate(e->otherwise, windowed, plain);
    return any;
}

/* ---- Conditions taken apart. ---- */

typedef struct conjuncts {
    feat_query *q;
    const feat_ast_expr **list;
    size_t n, capacity;
} conjuncts;

static feat_status add_conjunct(conjuncts *c, const feat_ast_expr *e) {
    if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "and") == 0) {
        for (size_t i = 0; i < e->n_args; i++) FEAT_TRY(add_conjunct(c, e->args[i]));
        return FEAT_OK;
    }
    if (e->kind == FEAT_AST_BETWEEN && !e->negated) {
        for (size_t i = 0; i < 2; i++) {
            feat_ast_expr *half = FEAT_ARENA_NEW(c->q->b.arena, feat_ast_expr);
            feat_ast_expr **args = feat_arena_array(c->q->b.arena, 2, sizeof *args);
            if (!half || !args) return feat_fail_memory(c->q->b.err);
            args[0] = e->args[0];
            args[1] = e->args[1 + i];
            *half = (feat_ast_expr){.kind = FEAT_AST_BINARY,
                                    .offset = e->offset,
                                    .depth = e->depth,
                                    .name = i ? "<=" : ">=",
                                    .args = args,
                                    .n_args = 2};
            FEAT_TRY(add_conjunct(c, half));
        }
        return FEAT_OK;
    }
    FEAT_TRY(FEAT_BIND_ROOM(&c->q->b, c->list, c->n, c->capacity));
    c->list[c->n++] = e;
    return FEAT_OK;
}

feat_status feat_conjuncts(feat_query *q, const feat_ast_expr *expr, const feat_ast_expr ***list, size_t *n) {
    conjuncts c = {.q = q};
    FEAT_TRY(add_conjunct(&c, expr));
    *list = c.list;
    *n = c.n;
    return FEAT_OK;
}

/* Splits a condition into what bounds the event time by the clock and the rest, whose conjunction is put into `nodes`
 * (one for each stage; FEAT_NO_NODE when nothing is left). */
static feat_status bind_condition(feat_query *q, const feat_ast_expr *condition, const char *what, uint32_t *nodes,
                                  uint32_t *low, uint32_t *high) {
    const feat_ast_expr **list;
    size_t n;
    uint32_t *part = feat_arena_array(q->b.arena, q->n_stages, sizeof *part);
    if (!part) return feat_fail_memory(q->b.err);
    FEAT_TRY(feat_conjuncts(q, condition, &list, &n));
    for (size_t i = 0; i < n; i++) {
        feat_type type;
        if (feat_mentions_clock(list[i])) {
            FEAT_TRY(feat_bind_clock(q, list[i], low, high));
            continue;
        }
        FEAT_TRY(feat_query_in_stages(q, list[i], part, &type));
        if (type != FEAT_TYPE_BOOLEAN && type != FEAT_TYPE_UNKNOWN)
            return feat_bind_fail(&q->b, list[i]->offset, "%s is a condition, found %s", what,
                                  feat_build_type_name(type));
        FEAT_TRY(feat_query_and(q, part, nodes, list[i]->offset));
    }
    return FEAT_OK;
}

feat_status feat_query_and(feat_query *q, const uint32_t *more, uint32_t *nodes, uint32_t offset) {
    feat_pool *pool = q->b.build.pool;
    feat_status status = FEAT_OK;
    for (size_t s = 0; s < q->n_stages && status == FEAT_OK; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        uint32_t node = feat_build_cast(&q->b.build, more[s], FEAT_TYPE_BOOLEAN, false);
        if (node != FEAT_NO_NODE && nodes[s] != FEAT_NO_NODE)
            node = feat_build_binary(&q->b.build, "and", nodes[s], node);
        nodes[s] = node;
        if (node == FEAT_NO_NODE) status = feat_bind_reason(&q->b, offset);
    }
    q->b.build.pool = pool;
    return status;
}

/* What WHERE filtered inside comes first: a row that it leaves out is not looked at again, so NULL is FALSE on either
 * level. */
static feat_status both_pass(feat_query *q, size_t s, uint32_t inner, uint32_t *where) {
    if (inner == FEAT_NO_NODE) return FEAT_OK;
    if (*where == FEAT_NO_NODE) {
        *where = inner;
        return FEAT_OK;
    }
    feat_pool *pool = q->b.build.pool;
    q->b.build.pool = &q->stages[s]->pool;
    uint32_t first = feat_build_is_truth(&q->b.build, inner, true),
             second = feat_build_is_truth(&q->b.build, *where, true);
    *where = first == FEAT_NO_NODE || second == FEAT_NO_NODE ? FEAT_NO_NODE
                                                             : feat_build_binary(&q->b.build, "and", first, second);
    q->b.build.pool = pool;
    return *where == FEAT_NO_NODE ? feat_bind_reason(&q->b, q->select->where->offset) : FEAT_OK;
}

feat_status feat_bind_where(feat_query *q) {
    if (!q->select->where) return FEAT_OK;
    uint32_t *nodes = feat_arena_array(q->b.arena, q->n_stages, sizeof *nodes);
    if (!nodes) return feat_fail_memory(q->b.err);
    for (size_t s = 0; s < q->n_stages; s++) nodes[s] = FEAT_NO_NODE;
    FEAT_TRY(bind_condition(q, q->select->where, "WHERE", nodes, &q->low, &q->high));
    for (size_t s = 0; s < q->n_stages; s++) {
        FEAT_TRY(both_pass(q, s, q->rows[s].where, &nodes[s]));
        q->rows[s].where = nodes[s];
    }
    return FEAT_OK;
}

/* Whether a condition of events can be an error; arguments are earlier nodes. */
static feat_status can_fail(feat_query *q, const feat_stage *stage, uint32_t condition, bool *fails) {
    bool *needed = feat_arena_array(q->b.arena, stage->pool.n, sizeof *needed);
    if (!needed) return feat_fail_memory(q->b.err);
    needed[condition] = true;
    for (size_t i = (size_t)condition + 1; i-- > 0 && !*fails;) {
        const feat_node *node = &stage->pool.nodes[i];
        if (!needed[i]) continue;
        if (node->kind == FEAT_NODE_AGGREGATE || (node->kind == FEAT_NODE_OP && feat_op_fails(node->op))) *fails = true;
        for (int k = 0; node->kind == FEAT_NODE_OP && k < feat_op_table[node->op].n_args; k++)
            needed[node->args[k]] = true;
    }
    return FEAT_OK;
}

/* ---- Slots and aggregates of the block. ---- */

feat_status feat_query_add_slot(feat_query *q, const uint32_t *args, const uint32_t *filters, feat_type type,
                                uint32_t *slot) {
    feat_block *block = q->block;
    for (uint32_t i = 0; i < block->n_slots; i++) {
        bool same = block->slots[i] == type;
        for (size_t s = 0; same && s < q->n_stages; s++)
            same = block->branches[s].slots[i].arg == args[s] &&
                   block->branches[s].slots[i].filter == (filters ? filters[s] : FEAT_NO_NODE);
        if (same) {
            *slot = i;
            return FEAT_OK;
        }
    }
    size_t capacity = q->slots_capacity;
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, block->slots, block->n_slots, q->slots_capacity));
    for (size_t s = 0; s < q->n_stages; s++) {
        size_t each = capacity;
        FEAT_TRY(FEAT_BIND_ROOM(&q->b, block->branches[s].slots, block->n_slots, each));
        block->branches[s].slots[block->n_slots] = (feat_slot){args[s], filters ? filters[s] : FEAT_NO_NODE};
    }
    block->slots[block->n_slots] = type;
    *slot = (uint32_t)block->n_slots++;
    return FEAT_OK;
}

static bool same_order(const feat_aggregate *a, const feat_aggregate *b) {
    bool same = a->n_order == b->n_order;
    for (size_t i = 0; same && i < a->n_order; i++)
        same = a->order[i].slot == b->order[i].slot && a->order[i].descending == b->order[i].descending &&
               a->order[i].nulls_first == b->order[i].nulls_first;
    return same;
}

static bool same_function(const feat_aggregate *a, const feat_aggregate *b) {
    const feat_parameter *p = &a->parameter, *o = &b->parameter;
    if (a->second != b->second || a->distinct != b->distinct || p->type != o->type) return false;
    switch (feat_class_of(p->type)) {
    case FEAT_CLASS_I: return p->v.i == o->v.i;
    case FEAT_CLASS_F: return feat_double_bits(p->v.f) == feat_double_bits(o->v.f);
    case FEAT_CLASS_T:
        return p->v.t.length == o->v.t.length &&
               (p->v.t.length == 0 || memcmp(p->v.t.data, o->v.t.data, p->v.t.length) == 0);
    case FEAT_CLASS_V: return feat_interval_order(p->v.p, o->v.p) == 0;
    default: return true;
    }
}

feat_status feat_query_add_aggregate(feat_query *q, const feat_aggregate *a, uint32_t *node) {
    feat_block *block = q->block;
    uint32_t i = 0;
    for (; i < block->n_aggregates; i++) {
        const feat_aggregate *b = &block->aggregates[i];
        if (a->agg == b->agg && a->slot == b->slot && a->window == b->window && a->low == b->low &&
            a->high == b->high && a->otherwise == b->otherwise && a->offset == b->offset && same_order(a, b) &&
            same_function(a, b))
            break;
    }
    if (i == block->n_aggregates) {
        FEAT_TRY(FEAT_BIND_ROOM(&q->b, block->aggregates, block->n_aggregates, q->aggregates_capacity));
        block->aggregates[block->n_aggregates++] = *a;
    }
    *node = feat_build_leaf(&q->b.build, FEAT_NODE_AGGREGATE, a->type, i, 0);
    return *node == FEAT_NO_NODE ? feat_fail_memory(q->b.err) : FEAT_OK;
}

/* ---- Calls. ---- */

/* An aggregate's argument, filter and bounds on the way to a slot. */
typedef struct argument {
    uint32_t *nodes, *otherwise, *filters; /* one for each stage; FEAT_NO_NODE */
    feat_type type;
    uint32_t low, high; /* nodes of the clock */
    bool has_otherwise;
} argument;

static uint32_t *no_nodes(feat_query *q) {
    uint32_t *nodes = feat_arena_array(q->b.arena, q->n_stages, sizeof *nodes);
    for (size_t s = 0; nodes && s < q->n_stages; s++) nodes[s] = FEAT_NO_NODE;
    return nodes;
}

/* Brings an argument and what stands for it outside the bounds to one type, in each stage. */
static feat_status unify_otherwise(feat_query *q, argument *a, uint32_t offset) {
    feat_pool *pool = q->b.build.pool;
    feat_status status = FEAT_OK;
    for (size_t s = 0; s < q->n_stages && status == FEAT_OK; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        if (!feat_build_unify(&q->b.build, &a->nodes[s], &a->otherwise[s])) status = feat_bind_reason(&q->b, offset);
        else a->type = feat_build_type(&q->b.build, a->nodes[s]);
    }
    q->b.build.pool = pool;
    return status;
}

/* agg(CASE WHEN <event time against the clock> [AND more] THEN x [ELSE y] END): x from the rows within the bounds, y
 * from the others. */
static feat_status bind_clock_case(feat_query *q, const feat_ast_expr *e, bool nulls_count, argument *a) {
    const feat_ast_expr **list;
    size_t n, rest = 0;
    feat_type type;
    if (e->operand || e->n_args != 2)
        return feat_bind_fail(&q->b, e->offset, "a CASE with the clock in an aggregate has one WHEN, a condition");
    FEAT_TRY(feat_conjuncts(q, e->args[0], &list, &n));
    for (size_t i = 0; i < n; i++) {
        if (feat_mentions_clock(list[i])) FEAT_TRY(feat_bind_clock(q, list[i], &a->low, &a->high));
        else list[rest++] = list[i];
    }
    feat_ast_expr *inside = e->args[1];
    if (rest) { /* the other conditions stay a CASE within the bounds */
        feat_ast_expr *condition = FEAT_ARENA_NEW(q->b.arena, feat_ast_expr),
                      *choice = FEAT_ARENA_NEW(q->b.arena, feat_ast_expr);
        feat_ast_expr **args = feat_arena_array(q->b.arena, rest, sizeof *args),
                      **pair = feat_arena_array(q->b.arena, 2, sizeof *pair);
        if (!condition || !choice || !args || !pair) return feat_fail_memory(q->b.err);
        for (size_t i = 0; i < rest; i++) memcpy(&args[i], &list[i], sizeof *args);
        *condition = *e->args[0];
        condition->kind = FEAT_AST_BINARY;
        condition->name = "and";
        condition->args = args;
        condition->n_args = rest;
        pair[0] = rest == 1 ? args[0] : condition;
        pair[1] = inside;
        *choice = *e;
        choice->args = pair;
        inside = choice;
    }
    FEAT_TRY(feat_query_in_stages(q, inside, a->nodes, &a->type));
    if (!e->otherwise && !nulls_count) return FEAT_OK;
    a->otherwise = no_nodes(q);
    if (!a->otherwise) return feat_fail_memory(q->b.err);
    a->has_otherwise = true;
    feat_ast_expr null = {.kind = FEAT_AST_NULL, .offset = e->offset, .depth = 1};
    FEAT_TRY(feat_query_in_stages(q, e->otherwise ? e->otherwise : &null, a->otherwise, &type));
    return unify_otherwise(q, a, e->offset);
}

static feat_status ignore_nulls(feat_query *q, argument *a, uint32_t offset) {
    uint32_t *present = no_nodes(q);
    feat_pool *pool = q->b.build.pool;
    if (!present) return feat_fail_memory(q->b.err);
    for (size_t s = 0; s < q->n_stages; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        uint32_t null = feat_build_is_null(&q->b.build, a->nodes[s]);
        present[s] = null == FEAT_NO_NODE ? null : feat_build_not(&q->b.build, null);
        if (present[s] == FEAT_NO_NODE) break;
    }
    q->b.build.pool = pool;
    for (size_t s = 0; s < q->n_stages; s++)
        if (present[s] == FEAT_NO_NODE) return feat_bind_reason(&q->b, offset);
    /* The FILTER comes first: an error of it counts, whatever the value. */
    for (size_t s = 0; s < q->n_stages; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        uint32_t never = feat_build_int(&q->b.build, FEAT_TYPE_BOOLEAN, 0);
        if (a->filters[s] == FEAT_NO_NODE) a->filters[s] = present[s];
        else if (never != FEAT_NO_NODE)
            a->filters[s] = feat_build_case(&q->b.build, &a->filters[s], &present[s], 1, never);
        q->b.build.pool = pool;
        if (never == FEAT_NO_NODE || a->filters[s] == FEAT_NO_NODE) return feat_bind_reason(&q->b, offset);
    }
    return FEAT_OK;
}

/* lag(x, 0) is the current row's value, NULL or not. */
static bool passes_over_nulls(const feat_ast_expr *e) {
    bool current = strcasecmp(e->name, "lag") == 0 && e->n_args > 1 && e->args[1]->kind == FEAT_AST_INTEGER &&
                   strcmp(e->args[1]->text, "0") == 0;
    return e->nulls == FEAT_AST_NULLS_IGNORE && !current;
}

static feat_status bind_argument(feat_query *q, const feat_ast_expr *e, bool nulls_count, argument *a) {
    *a = (argument){.nodes = no_nodes(q),
                    .filters = no_nodes(q),
                    .type = FEAT_TYPE_BOOLEAN,
                    .low = FEAT_NO_NODE,
                    .high = FEAT_NO_NODE};
    if (!a->nodes || !a->filters) return feat_fail_memory(q->b.err);
    if (!e->star && e->n_args) {
        const feat_ast_expr *arg = e->args[0];
        if (arg->kind == FEAT_AST_CASE && arg->n_args && feat_mentions_clock(arg->args[0]))
            FEAT_TRY(bind_clock_case(q, arg, nulls_count && !passes_over_nulls(e), a));
        else FEAT_TRY(feat_query_in_stages(q, arg, a->nodes, &a->type));
        if (a->type == FEAT_TYPE_UNKNOWN)
            return feat_bind_fail(&q->b, arg->offset, "NULL alone has no type here; write CAST(NULL AS type)");
    }
    if (a->has_otherwise && passes_over_nulls(e))
        return feat_bind_fail(&q->b, e->offset, "write the clock into the FILTER of %s, not into a CASE with ELSE",
                              e->name);
    if (e->filter) {
        if (a->has_otherwise && feat_mentions_clock(e->filter))
            return feat_bind_fail(&q->b, e->filter->offset,
                                  "the clock stands in the FILTER or in the CASE of an aggregate, not in both");
        FEAT_TRY(bind_condition(q, e->filter, "a FILTER", a->filters, &a->low, &a->high));
    }
    return passes_over_nulls(e) ? ignore_nulls(q, a, e->offset) : FEAT_OK;
}

/* ORDER BY inside: by the event time alone it is the order that first and last have, or that backwards; for others than
 * these two it means nothing. */
static bool by_event_time(feat_query *q, const feat_ast_expr *e) {
    return e->n_order == 1 && feat_is_event_time(q, e->order[0].expr);
}

static feat_status bind_order(feat_query *q, const feat_ast_expr *e, const uint32_t *filters, feat_aggregate *a) {
    a->order = feat_arena_array(q->b.arena, e->n_order, sizeof *a->order);
    if (!a->order) return feat_fail_memory(q->b.err);
    for (; a->n_order < e->n_order; a->n_order++) {
        const feat_ast_order *by = &e->order[a->n_order];
        feat_order_key *key = &a->order[a->n_order];
        feat_type type;
        uint32_t *nodes = no_nodes(q);
        if (!nodes) return feat_fail_memory(q->b.err);
        FEAT_TRY(feat_query_in_stages(q, by->expr, nodes, &type));
        if (!feat_type_has_order(type))
            return feat_bind_fail(&q->b, by->expr->offset, "%s has no order", feat_build_type_name(type));
        FEAT_TRY(feat_query_add_slot(q, nodes, filters, type, &key->slot));
        key->descending = by->descending;
        key->nulls_first = by->nulls == FEAT_AST_NULLS_FIRST;
    }
    return FEAT_OK;
}

/* lag(x, k, default): the default stands where there is no such row, not where its value is NULL. */
static feat_status bind_lag(feat_query *q, const feat_ast_expr *e, feat_aggregate *a, uint32_t *node) {
    a->offset = 1;
    if (e->n_args > 1) {
        const feat_ast_expr *k = e->args[1];
        if (k->kind != FEAT_AST_INTEGER || feat_number_parse_int64(k->text, k->length, &a->offset) != FEAT_NUMBER_OK)
            return feat_bind_fail(&q->b, k->offset, "the second argument of lag is a number of rows, such as 1");
    }
    FEAT_TRY(feat_query_add_aggregate(q, a, node));
    if (e->n_args < 3) return FEAT_OK;
    uint32_t otherwise;
    FEAT_TRY(feat_bind_expr(&q->b, e->args[2], &otherwise));
    if (passes_over_nulls(e)) { /* a row that counts has a value */
        *node = feat_build_call(&q->b.build, "coalesce", (uint32_t[]){*node, otherwise}, 2);
        return *node == FEAT_NO_NODE ? feat_bind_reason(&q->b, e->args[2]->offset) : FEAT_OK;
    }
    /* TRUE where the row is there. A count of rows would be an error where any of them is one. */
    feat_aggregate there = *a;
    uint32_t row, *yes = no_nodes(q);
    feat_pool *pool = q->b.build.pool;
    feat_builder *b = &q->b.build;
    if (!yes) return feat_fail_memory(q->b.err);
    bool made = true;
    for (size_t s = 0; s < q->n_stages; s++) {
        b->pool = &q->stages[s]->pool;
        yes[s] = feat_build_int(b, FEAT_TYPE_BOOLEAN, 1);
        made = made && yes[s] != FEAT_NO_NODE;
    }
    b->pool = pool;
    if (!made) return feat_fail_memory(q->b.err);
    there.type = FEAT_TYPE_BOOLEAN;
    FEAT_TRY(feat_query_add_slot(q, yes, NULL, FEAT_TYPE_BOOLEAN, &there.slot));
    FEAT_TRY(feat_query_add_aggregate(q, &there, &row));
    row = feat_build_is_truth(b, row, true);
    if (row == FEAT_NO_NODE) return feat_bind_reason(&q->b, e->offset);
    *node = feat_build_case(b, (uint32_t[]){row}, (uint32_t[]){*node}, 1, otherwise);
    return *node == FEAT_NO_NODE ? feat_bind_reason(&q->b, e->args[2]->offset) : FEAT_OK;
}

/* A row whose WHERE is an error poisons every window that holds it, whatever an aggregate's own bounds: outside them it
 * gives a slot that no other row passes. */
static feat_status poison_outside(feat_query *q, const argument *arg, uint32_t *otherwise) {
    bool fails = false;
    for (size_t s = 0; s < q->n_stages; s++)
        if (q->rows[s].where != FEAT_NO_NODE) FEAT_TRY(can_fail(q, q->stages[s], q->rows[s].where, &fails));
    if (!fails) return FEAT_OK;
    uint32_t *never = no_nodes(q);
    feat_pool *pool = q->b.build.pool;
    if (!never) return feat_fail_memory(q->b.err);
    for (size_t s = 0; s < q->n_stages; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        never[s] = feat_build_int(&q->b.build, FEAT_TYPE_BOOLEAN, 0);
        if (never[s] == FEAT_NO_NODE) break;
    }
    q->b.build.pool = pool;
    for (size_t s = 0; s < q->n_stages; s++)
        if (never[s] == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    return feat_query_add_slot(q, arg->nodes, never, arg->type, otherwise);
}

/* What both kinds of aggregates share: the argument with its filter and bounds as slots, and the window. */
static feat_status bind_slots(feat_query *q, const feat_ast_expr *e, const argument *arg, feat_aggregate *a) {
    FEAT_TRY(feat_query_add_slot(q, arg->nodes, arg->filters, arg->type, &a->slot));
    if (arg->has_otherwise) FEAT_TRY(feat_query_add_slot(q, arg->otherwise, arg->filters, arg->type, &a->otherwise));
    if (!arg->has_otherwise && (arg->low != FEAT_NO_NODE || arg->high != FEAT_NO_NODE))
        FEAT_TRY(poison_outside(q, arg, &a->otherwise));
    FEAT_TRY(feat_query_bound(q, arg->low, &a->low));
    FEAT_TRY(feat_query_bound(q, arg->high, &a->high));
    return e->over ? feat_bind_window(q, e->over, &a->window) : feat_query_whole(q, &a->window);
}

/* ---- Functions of the rows of a window. ---- */

/* The first row of the name, when it is a function. Sums and extremes of vectors are functions too, but are called as
 * those of numbers are. */
static const feat_agg_info *function_called(const char *name) {
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++)
        if (strcasecmp(feat_agg_table[i].sql, name) == 0) return feat_agg_table[i].function ? &feat_agg_table[i] : NULL;
    return NULL;
}

/* What an argument becomes where the row wants DOUBLE or TIMESTAMP. */
static feat_type converted(feat_agg_takes takes, feat_type type) {
    if (takes == FEAT_AGG_TAKES_F && feat_type_is_number(type)) return FEAT_TYPE_DOUBLE;
    return takes == FEAT_AGG_TAKES_S && type == FEAT_TYPE_DATE ? FEAT_TYPE_TIMESTAMP : type;
}

static feat_status convert(feat_query *q, uint32_t *nodes, feat_type *type, feat_agg_takes takes, uint32_t offset) {
    feat_type to = converted(takes, *type);
    feat_pool *pool = q->b.build.pool;
    feat_status status = FEAT_OK;
    if (to == *type) return FEAT_OK;
    for (size_t s = 0; s < q->n_stages && status == FEAT_OK; s++) {
        q->b.build.pool = &q->stages[s]->pool;
        nodes[s] = feat_build_cast(&q->b.build, nodes[s], to, true);
        if (nodes[s] == FEAT_NO_NODE) status = feat_bind_reason(&q->b, offset);
    }
    q->b.build.pool = pool;
    *type = to;
    return status;
}

/* The constants that a rule asks for, in words. */
static const char *parameter_words(feat_agg_parameter rule) {
    switch (rule) {
    case FEAT_AGG_PARAMETER_INT:
    case FEAT_AGG_PARAMETER_OPTIONAL_INT: return "a whole number above 0";
    case FEAT_AGG_PARAMETER_QUANTILE: return "a number from 0 to 1, or a list of them";
    case FEAT_AGG_PARAMETER_SPAN: return "an INTERVAL above 0 without months";
    case FEAT_AGG_PARAMETER_TEXT:
    case FEAT_AGG_PARAMETER_OPTIONAL_TEXT: return "a text";
    case FEAT_AGG_PARAMETER_N: break;
    }
    return "nothing";
}

static feat_status bind_parameter(feat_query *q, const feat_ast_expr *e, const feat_agg_info *info,
                                  feat_parameter *parameter) {
    static const feat_type types[] = {
        [FEAT_AGG_PARAMETER_INT] = FEAT_TYPE_BIGINT,    [FEAT_AGG_PARAMETER_OPTIONAL_INT] = FEAT_TYPE_BIGINT,
        [FEAT_AGG_PARAMETER_TEXT] = FEAT_TYPE_TEXT,     [FEAT_AGG_PARAMETER_OPTIONAL_TEXT] = FEAT_TYPE_TEXT,
        [FEAT_AGG_PARAMETER_SPAN] = FEAT_TYPE_INTERVAL, [FEAT_AGG_PARAMETER_QUANTILE] = FEAT_TYPE_DOUBLE,
    };
    uint32_t node;
    feat_builder *b = &q->b.build;
    FEAT_TRY(feat_bind_expr(&q->b, e, &node));
    feat_type type = types[info->parameter], given = feat_build_type(b, node);
    int base = FEAT_TYPE_BASE(given);
    if (info->parameter == FEAT_AGG_PARAMETER_QUANTILE && (base == FEAT_TYPE_LIST || base == FEAT_TYPE_VECTOR))
        type = FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE);
    node = feat_build_cast(b, node, type, type == FEAT_TYPE_DOUBLE || FEAT_TYPE_BASE(type) == FEAT_TYPE_LIST);
    const feat_node *made = node == FEAT_NO_NODE ? NULL : &b->pool->nodes[node];
    if (b->no_memory) return feat_fail_memory(q->b.err);
    if (made && made->kind == FEAT_NODE_CONST && !made->is_null) {
        parameter->type = type;
        memcpy(&parameter->v, &made->constant, sizeof parameter->v);
        if (feat_agg_parameter_valid(info->parameter, parameter)) return FEAT_OK;
    }
    return feat_bind_fail(&q->b, e->offset, "the last argument of %s is a constant: %s", info->sql,
                          parameter_words(info->parameter));
}

static feat_status bind_function(feat_query *q, const feat_ast_expr *e, const char *name, uint32_t *node) {
    const feat_agg_info *info = function_called(name);
    size_t columns = (size_t)(info->takes[0] != FEAT_AGG_TAKES_N) + (size_t)(info->takes[1] != FEAT_AGG_TAKES_N);
    bool may = info->parameter != FEAT_AGG_PARAMETER_N;
    bool must = may && info->parameter != FEAT_AGG_PARAMETER_OPTIONAL_INT &&
                info->parameter != FEAT_AGG_PARAMETER_OPTIONAL_TEXT;
    if (e->star || e->n_args < columns + must || e->n_args > columns + may)
        return feat_bind_fail(&q->b, e->offset, "%s takes %zu argument%s%s%s", name, columns, columns == 1 ? "" : "s",
                              may ? must ? " and " : " and perhaps " : "", may ? parameter_words(info->parameter) : "");
    if (columns == 0 && (e->distinct || e->nulls))
        return feat_bind_fail(&q->b, e->offset, "%s means nothing in %s(), which takes no values",
                              e->distinct ? "DISTINCT" : "IGNORE or RESPECT NULLS", name);
    argument arg, second = {.type = 0};
    feat_aggregate a = {.otherwise = FEAT_NO_NODE, .distinct = e->distinct};
    feat_ast_expr first = *e;
    first.n_args = columns ? 1 : 0;
    FEAT_TRY(bind_argument(q, &first, info->keeps_nulls, &arg));
    if (arg.has_otherwise && (e->distinct || columns > 1))
        return feat_bind_fail(&q->b, e->offset, "write the clock into the FILTER of %s, not into a CASE", name);
    if (columns > 1) {
        second.nodes = no_nodes(q);
        if (!second.nodes) return feat_fail_memory(q->b.err);
        FEAT_TRY(feat_query_in_stages(q, e->args[1], second.nodes, &second.type));
        if (second.type == FEAT_TYPE_UNKNOWN)
            return feat_bind_fail(&q->b, e->args[1]->offset, "NULL alone has no type here; write CAST(NULL AS type)");
    }
    if (e->n_args > columns) FEAT_TRY(bind_parameter(q, e->args[columns], info, &a.parameter));
    for (const feat_agg_info *row = info; row < feat_agg_table + FEAT_AGG_COUNT_OF; row++) {
        if (!row->function || strcasecmp(row->sql, name) != 0) continue;
        feat_type types[2] = {converted(row->takes[0], arg.type), converted(row->takes[1], second.type)};
        if ((columns && !feat_agg_accepts(row->takes[0], types[0])) ||
            (columns > 1 && !feat_agg_accepts(row->takes[1], types[1])))
            continue;
        a.agg = (feat_agg)(row - feat_agg_table);
        a.type = feat_agg_result(a.agg, types, a.parameter.type);
        if (!a.type) continue;
        if (columns) FEAT_TRY(convert(q, arg.nodes, &arg.type, row->takes[0], e->args[0]->offset));
        if (columns && arg.has_otherwise) {
            feat_type type = types[0] == arg.type
                                 ? feat_build_type(&(feat_builder){.pool = &q->stages[0]->pool}, arg.otherwise[0])
                                 : arg.type;
            FEAT_TRY(convert(q, arg.otherwise, &type, row->takes[0], e->args[0]->offset));
        }
        FEAT_TRY(bind_slots(q, e, &arg, &a));
        if (columns > 1) {
            FEAT_TRY(convert(q, second.nodes, &second.type, row->takes[1], e->args[1]->offset));
            FEAT_TRY(feat_query_add_slot(q, second.nodes, arg.filters, second.type, &a.second));
        }
        if (e->n_order && row->algebra == FEAT_ALGEBRA_ORDER) FEAT_TRY(bind_order(q, e, arg.filters, &a));
        for (size_t i = 0; e->distinct && i < a.n_order; i++)
            if (a.order[i].slot != a.slot)
                return feat_bind_fail(&q->b, e->order[i].expr->offset,
                                      "several events may have one DISTINCT value; it can be ordered by itself alone");
        return feat_query_add_aggregate(q, &a, node);
    }
    return columns > 1 ? feat_bind_fail(&q->b, e->offset, "%s does not take %s and %s", name,
                                        feat_build_type_name(arg.type), feat_build_type_name(second.type))
                       : feat_bind_fail(&q->b, e->offset, "%s does not take %s", name, feat_build_type_name(arg.type));
}

static feat_status check_place(feat_query *q, const feat_ast_expr *e, bool looks_back) {
    if (q->grouped && (e->over || looks_back))
        return feat_bind_fail(
            &q->b, e->offset,
            "windows and plain aggregates in one SELECT: give each aggregate a window (OVER), or none");
    if (!q->grouped && !e->over)
        return feat_bind_fail(&q->b, e->offset,
                              "%s needs a window beside windows; write %s(...) OVER (RANGE INTERVAL '30 days' "
                              "PRECEDING), or OVER () for the whole past",
                              e->name, e->name);
    return FEAT_OK;
}

/* What a FEAT_AGG_SHORT stands for. */
static feat_status write_out(feat_query *q, feat_ast_expr *e) {
    if (e->star || e->n_args != 1) return feat_bind_fail(&q->b, e->offset, "%s takes one argument", e->name);
    if (strcasecmp(feat_agg_name(e->name), "any_value") == 0) {
        if (e->nulls == FEAT_AST_NULLS_RESPECT)
            return feat_bind_fail(&q->b, e->offset, "any_value passes over NULLs; write first(x)");
        e->name = "first";
        e->nulls = FEAT_AST_NULLS_IGNORE;
        return FEAT_OK;
    }
    feat_ast_expr *truth = FEAT_ARENA_NEW(q->b.arena, feat_ast_expr),
                  *choice = FEAT_ARENA_NEW(q->b.arena, feat_ast_expr);
    feat_ast_expr **pair = feat_arena_array(q->b.arena, 2, sizeof *pair),
                  **arg = feat_arena_array(q->b.arena, 1, sizeof *arg);
    if (!truth || !choice || !pair || !arg) return feat_fail_memory(q->b.err);
    *truth = (feat_ast_expr){.kind = FEAT_AST_BOOLEAN, .offset = e->offset, .depth = 1, .truth = true};
    pair[0] = e->args[0];
    pair[1] = truth;
    *choice = (feat_ast_expr){
        .kind = FEAT_AST_CASE, .offset = e->args[0]->offset, .depth = e->args[0]->depth + 1, .args = pair, .n_args = 2};
    arg[0] = choice;
    e->name = "count";
    e->args = arg;
    return FEAT_OK;
}

feat_status feat_bind_aggregate(feat_query *q, const feat_ast_expr *call, uint32_t *node) {
    feat_ast_expr whole = *call, *e = &whole;
    if (feat_agg_is_short(feat_agg_name(e->name))) FEAT_TRY(write_out(q, e));
    const char *name = feat_agg_name(e->name);
    if (function_called(name)) {
        FEAT_TRY(check_place(q, e, false));
        return bind_function(q, e, name, node);
    }
    bool count = strcasecmp(name, "count") == 0, lag = strcasecmp(name, "lag") == 0, turned,
         ordered = lag || strcasecmp(name, "first") == 0 || strcasecmp(name, "last") == 0;
    if (e->star ? !count : lag ? e->n_args < 1 || e->n_args > 3 : e->n_args != 1 && !(count && e->n_args == 0))
        return feat_bind_fail(&q->b, e->offset, lag ? "lag takes one to three arguments" : "%s takes one argument",
                              name);
    if (e->distinct && strcasecmp(name, "min") != 0 && strcasecmp(name, "max") != 0) {
        if (ordered || lag)
            return feat_bind_fail(&q->b, e->offset, "DISTINCT means nothing in %s, which takes one row", call->name);
        name = count ? "count(DISTINCT)" : strcasecmp(name, "sum") == 0 ? "sum(DISTINCT)" : "avg(DISTINCT)";
    }
    if (e->nulls == FEAT_AST_NULLS_IGNORE && (e->star || e->n_args == 0))
        return feat_bind_fail(&q->b, e->offset, "IGNORE NULLS means nothing in count(*)");
    FEAT_TRY(check_place(q, e, lag));
    argument arg;
    feat_aggregate a = {.otherwise = FEAT_NO_NODE};
    turned = ordered && !lag && by_event_time(q, e) && e->order[0].descending;
    if (turned) name = strcasecmp(name, "first") == 0 ? "last" : "first";
    FEAT_TRY(bind_argument(q, e, ordered, &arg));
    int row = feat_agg_find(name, arg.type, &a.type);
    if (row < 0)
        return feat_bind_fail(&q->b, e->offset, "%s does not take %s", e->name, feat_build_type_name(arg.type));
    a.agg = (feat_agg)row;
    FEAT_TRY(bind_slots(q, e, &arg, &a));
    if (ordered && !lag && e->n_order && !by_event_time(q, e)) FEAT_TRY(bind_order(q, e, arg.filters, &a));
    return lag ? bind_lag(q, e, &a, node) : feat_query_add_aggregate(q, &a, node);
}

feat_status feat_query_newest(feat_query *q, size_t source, size_t column, uint32_t *node) {
    feat_aggregate a = {.agg = q->oldest ? FEAT_AGG_FIRST : FEAT_AGG_LAST,
                        .low = FEAT_NO_BOUND,
                        .high = FEAT_NO_BOUND,
                        .otherwise = FEAT_NO_NODE,
                        .type = q->sources[source].relation->columns[column].type};
    uint32_t *nodes = no_nodes(q);
    feat_pool *pool = q->b.build.pool;
    feat_status status = nodes ? FEAT_OK : feat_fail_memory(q->b.err);
    for (q->stage = 0; status == FEAT_OK && q->stage < q->n_stages; q->stage++) {
        q->b.build.pool = &q->stages[q->stage]->pool;
        status = feat_query_column(q, source, column, &nodes[q->stage]);
    }
    q->stage = 0;
    q->b.build.pool = pool;
    if (status != FEAT_OK) return status;
    FEAT_TRY(feat_query_add_slot(q, nodes, NULL, a.type, &a.slot));
    FEAT_TRY(feat_query_whole(q, &a.window));
    return feat_query_add_aggregate(q, &a, node);
}
