/* Conditions that compare the event time with the clock. They are no filters of events, whose place in time is fixed
 * while t moves: they say where a window begins and ends. A bound is written as SQL once more, from the condition's
 * clock side, and bound like any expression. */
#include <string.h>
#include <strings.h>

#include "plan/query.h"

bool feat_is_clock(const char *name) {
    static const char *const names[] = {"now",   "current_timestamp", "current_date",
                                        "today", "localtimestamp",    "transaction_timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], name) == 0) return true;
    return false;
}

bool feat_mentions_clock(const feat_ast_expr *e) {
    if (!e) return false;
    if (e->kind == FEAT_AST_CALL && feat_is_clock(e->name)) return true;
    for (size_t i = 0; i < e->n_args; i++)
        if (feat_mentions_clock(e->args[i])) return true;
    return feat_mentions_clock(e->operand) || feat_mentions_clock(e->otherwise) || feat_mentions_clock(e->filter);
}

/* ---- SQL made here. ---- */

typedef struct writer {
    feat_query *q;
    uint32_t offset; /* where the condition stands: the place of any error in what is made of it */
    bool failed;
} writer;

static feat_ast_expr *make(writer *w, feat_ast_kind kind, const char *name, feat_ast_expr *a, feat_ast_expr *b) {
    feat_ast_expr *e = FEAT_ARENA_NEW(w->q->b.arena, feat_ast_expr);
    feat_ast_expr **args = feat_arena_array(w->q->b.arena, 3, sizeof *args);
    if (!e || !args) {
        w->failed = true;
        return NULL;
    }
    args[0] = a;
    args[1] = b;
    *e = (feat_ast_expr){
        .kind = kind, .offset = w->offset, .name = name, .args = args, .n_args = (size_t)(a != NULL) + (b != NULL)};
    e->depth = 1 + (a ? a->depth : 0) + (b ? b->depth : 0);
    return w->failed ? NULL : e;
}

static feat_ast_expr *binary(writer *w, const char *op, feat_ast_expr *a, feat_ast_expr *b) {
    return w->failed ? NULL : make(w, FEAT_AST_BINARY, op, a, b);
}

static feat_ast_expr *text(writer *w, const char *value) {
    feat_ast_expr *e = make(w, FEAT_AST_STRING, NULL, NULL, NULL);
    if (!e) return NULL;
    e->text = value;
    e->length = strlen(value);
    return e;
}

static feat_ast_expr *interval(writer *w, int64_t months, int64_t days, int64_t us) {
    feat_ast_expr *e = make(w, FEAT_AST_INTERVAL, NULL, NULL, NULL);
    if (!e) return NULL;
    e->months = months;
    e->days = days;
    e->us = us;
    return e;
}

static feat_ast_expr *timestamp(writer *w, feat_ast_expr *a) {
    return w->failed ? NULL : make(w, FEAT_AST_CAST, "TIMESTAMP", a, NULL);
}

static feat_ast_expr *truncated(writer *w, const char *unit, feat_ast_expr *a) {
    feat_ast_expr *u = text(w, unit);
    return w->failed ? NULL : make(w, FEAT_AST_CALL, "date_trunc", u, a);
}

static const struct {
    const char *unit;
    int64_t months, days, us;
} units[] = {
    {"microseconds", 0, 0, 1},
    {"milliseconds", 0, 0, 1000},
    {"second", 0, 0, 1000000},
    {"minute", 0, 0, 60000000},
    {"hour", 0, 0, INT64_C(3600000000)},
    {"day", 0, 1, 0},
    {"week", 0, 7, 0},
    {"month", 1, 0, 0},
    {"quarter", 3, 0, 0},
    {"year", 12, 0, 0},
};

static int find_unit(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strlen(units[i].unit) == length && strncasecmp(units[i].unit, name, length) == 0) return (int)i;
    return -1;
}

/* ---- Conditions. ---- */

/* Whether an expression is the event time, or a unit of time that it falls into: *unit -1 for the bare time. */
static bool time_side(feat_query *q, const feat_ast_expr *e, int *unit) {
    *unit = -1;
    if (feat_is_event_time(q, e)) return true;
    if (e->kind == FEAT_AST_CAST && strcasecmp(e->name, "DATE") == 0 && feat_is_event_time(q, e->args[0])) {
        *unit = find_unit("day", 3);
        return true;
    }
    if (e->kind == FEAT_AST_CAST && strncasecmp(e->name, "TIMESTAMP", 9) == 0) return feat_is_event_time(q, e->args[0]);
    if (e->kind != FEAT_AST_CALL) return false;
    if (strcasecmp(e->name, "date") == 0 && e->n_args == 1 && feat_is_event_time(q, e->args[0])) {
        *unit = find_unit("day", 3);
        return true;
    }
    if (strcasecmp(e->name, "date_trunc") != 0 || e->n_args != 2 || e->args[0]->kind != FEAT_AST_STRING ||
        !feat_is_event_time(q, e->args[1]))
        return false;
    *unit = find_unit(e->args[0]->text, e->args[0]->length);
    return *unit >= 0;
}

static feat_status bind_bound(feat_query *q, const feat_ast_expr *expr, uint32_t *node) {
    feat_query_level level = q->level;
    feat_pool *pool = q->b.build.pool;
    q->level = FEAT_LEVEL_CLOCK;
    q->b.build.pool = &q->clock->pool;
    feat_status status = feat_bind_expr(&q->b, expr, node);
    q->level = level;
    q->b.build.pool = pool;
    return status;
}

/* The stricter of two bounds; NULL if one is. */
static feat_status stricter(feat_query *q, bool low, uint32_t a, uint32_t *bound, uint32_t offset) {
    if (*bound == FEAT_NO_NODE) {
        *bound = a;
        return FEAT_OK;
    }
    feat_pool *pool = q->b.build.pool;
    feat_builder *b = &q->b.build;
    b->pool = &q->clock->pool;
    uint32_t other = *bound, conditions[2], results[2] = {a, other};
    conditions[0] = feat_build_binary(b, low ? ">=" : "<=", a, other);
    conditions[1] = feat_build_binary(b, low ? "<" : ">", a, other);
    *bound = conditions[0] == FEAT_NO_NODE || conditions[1] == FEAT_NO_NODE
                 ? FEAT_NO_NODE
                 : feat_build_case(b, conditions, results, 2, FEAT_NO_NODE);
    feat_status status = *bound == FEAT_NO_NODE ? feat_bind_reason(&q->b, offset) : FEAT_OK;
    b->pool = pool;
    return status;
}

static feat_status mixed(feat_query *q, uint32_t offset) {
    const char *time = q->time >= 0 && q->n_sources ? q->sources[0].relation->columns[q->time].name : "event_time";
    return feat_bind_fail(
        &q->b, offset,
        "this mixes the clock with columns; compare the bare event time with the clock, as in %.100s >= "
        "now() - INTERVAL '30 days', or compute with now() outside the aggregates",
        time);
}

feat_status feat_bind_clock(feat_query *q, const feat_ast_expr *e, uint32_t *low, uint32_t *high) {
    static const char *const ops[] = {">=", ">", "<=", "<", "="}, *const flipped[] = {"<=", "<", ">=", ">", "="};
    int op = -1, unit = -1;
    if (e->kind == FEAT_AST_BINARY)
        for (int i = 0; i < 5; i++)
            if (strcmp(e->name, ops[i]) == 0) op = i;
    if (op < 0) return mixed(q, e->offset);
    feat_ast_expr *clock = e->args[1];
    if (!time_side(q, e->args[0], &unit)) {
        if (!time_side(q, e->args[1], &unit)) return mixed(q, e->offset);
        clock = e->args[0];
        for (int i = 0; i < 5; i++)
            if (strcmp(flipped[i], e->name) == 0) op = i;
    }
    writer w = {.q = q, .offset = e->offset};
    feat_ast_expr *x = timestamp(&w, clock), *least = x, *most = x; /* of the times that are equal to the clock side */
    if (unit >= 0) {
        feat_ast_expr *start = truncated(&w, units[unit].unit, x);
        feat_ast_expr *next =
            binary(&w, "+", start, interval(&w, units[unit].months, units[unit].days, units[unit].us));
        feat_ast_expr *choice = make(&w, FEAT_AST_CASE, NULL, binary(&w, "=", start, x), start);
        if (choice) choice->otherwise = next;
        least = choice;
        most = binary(&w, "-", next, interval(&w, 0, 0, 1));
        if (op == 1) least = next; /* > : what lies behind the unit of the clock side */
        if (op == 3) most = binary(&w, "-", choice, interval(&w, 0, 0, 1));
    } else {
        if (op == 1) least = binary(&w, "+", x, interval(&w, 0, 0, 1));
        if (op == 3) most = binary(&w, "-", x, interval(&w, 0, 0, 1));
    }
    if (w.failed) return feat_fail_memory(q->b.err);
    uint32_t node = 0;
    if (op != 2 && op != 3) {
        FEAT_TRY(bind_bound(q, least, &node));
        FEAT_TRY(stricter(q, true, node, low, e->offset));
    }
    if (op != 0 && op != 1) {
        FEAT_TRY(bind_bound(q, most, &node));
        FEAT_TRY(stricter(q, false, node, high, e->offset));
    }
    return FEAT_OK;
}

feat_status feat_bind_since(feat_query *q, const char *unit, const char *zone, bool open, uint32_t offset,
                            uint32_t *low) {
    writer w = {.q = q, .offset = offset};
    feat_ast_expr *since = truncated(&w, unit, make(&w, FEAT_AST_CALL, "now", NULL, NULL));
    if (zone && since) since->args[since->n_args++] = text(&w, zone);
    if (open) since = binary(&w, "+", since, interval(&w, 0, 0, 1));
    return w.failed ? feat_fail_memory(q->b.err) : bind_bound(q, since, low);
}

feat_status feat_query_bound(feat_query *q, uint32_t node, uint32_t *bound) {
    feat_block *block = q->block;
    *bound = FEAT_NO_BOUND;
    if (node == FEAT_NO_NODE) return FEAT_OK;
    for (uint32_t i = 0; i < block->n_bounds; i++)
        if (block->bounds[i] == node) {
            *bound = i;
            return FEAT_OK;
        }
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, block->bounds, block->n_bounds, q->bounds_capacity));
    block->bounds[block->n_bounds] = node;
    *bound = (uint32_t)block->n_bounds++;
    return FEAT_OK;
}
