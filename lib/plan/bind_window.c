/* Windows and the entity that they are of. Both ways of writing it, with PARTITION BY and ORDER BY in each window or
 * with GROUP BY, end in the same block. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "math/number.h"
#include "plan/query.h"

/* ---- The entity. ---- */

static feat_status key_type(feat_query *q, const feat_ast_expr *expr, feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE:
    case FEAT_TYPE_INTERVAL:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP:
    case 0:
        return feat_bind_fail(&q->b, expr->offset, "an entity key cannot be of type %s", feat_build_type_name(type));
    default: return FEAT_OK;
    }
}

/* GROUP BY 1 and GROUP BY alias mean an item of the SELECT list. */
static feat_status written_key(feat_query *q, const feat_ast_expr **expr) {
    const feat_ast_expr *e = *expr;
    int64_t n;
    if (e->kind == FEAT_AST_INTEGER && feat_number_parse_int64(e->text, e->length, &n) == FEAT_NUMBER_OK) {
        if (n < 1 || (uint64_t)n > q->select->n_items)
            return feat_bind_fail(&q->b, e->offset, "there is no item %.20s in the SELECT list", e->text);
        *expr = q->select->items[n - 1].expr;
    } else if (e->kind == FEAT_AST_COLUMN && !e->qualifier) {
        size_t source, column;
        FEAT_TRY(feat_query_find(q, e, &source, &column));
        for (size_t i = 0; source == SIZE_MAX && i < q->select->n_items; i++)
            if (q->select->items[i].alias && strcasecmp(q->select->items[i].alias, e->name) == 0) {
                *expr = q->select->items[i].expr;
                break;
            }
    }
    return FEAT_OK;
}

feat_status feat_bind_key(feat_query *q, feat_ast_expr *const *exprs, size_t n, uint32_t offset) {
    feat_arena *arena = q->b.arena;
    uint32_t *nodes =
        feat_arena_array(arena, n * q->n_stages, sizeof *nodes); /* part after part, each for all stages */
    const feat_ast_expr **written = feat_arena_array(arena, n, sizeof *written);
    feat_type *types = feat_arena_array(arena, n, sizeof *types);
    if (!nodes || !written || !types) return feat_fail_memory(q->b.err);
    for (size_t k = 0; k < n; k++) {
        written[k] = exprs[k];
        FEAT_TRY(written_key(q, &written[k]));
        if (feat_has_aggregate(written[k], NULL, NULL))
            return feat_bind_fail(&q->b, exprs[k]->offset, "an aggregate cannot be part of the entity key");
        FEAT_TRY(feat_query_in_stages(q, written[k], nodes + k * q->n_stages, &types[k]));
        FEAT_TRY(key_type(q, exprs[k], types[k]));
        for (size_t i = 0; i < k; i++)
            if (nodes[i * q->n_stages] == nodes[k * q->n_stages])
                return feat_bind_fail(&q->b, exprs[k]->offset, "this part of the key is named twice");
    }
    if (q->has_key) {
        bool same = n == q->n_key;
        for (size_t k = 0; same && k < n; k++) same = nodes[k * q->n_stages] == q->key_nodes[k * q->n_stages];
        return same
                   ? FEAT_OK
                   : feat_bind_fail(&q->b, offset,
                                    "all windows of a view describe one entity: PARTITION BY must be the same in each");
    }
    q->block->key = types;
    q->block->n_key = q->n_key = n;
    q->key_nodes = nodes;
    q->key_exprs = written;
    q->has_key = true;
    return FEAT_OK;
}

bool feat_is_event_time(feat_query *q, const feat_ast_expr *e) {
    size_t source, column;
    if (e->kind != FEAT_AST_COLUMN || q->time < 0) return false;
    feat_error *err = q->b.err;
    q->b.err = NULL;
    bool is = feat_query_find(q, e, &source, &column) == FEAT_OK && source == 0 && column == (size_t)q->time;
    q->b.err = err;
    return is;
}

/* ---- Frames. ---- */

static const char *time_name(const feat_query *q) {
    return q->time >= 0 ? q->sources[0].relation->columns[q->time].name : "the event time";
}

static feat_status bind_order(feat_query *q, const feat_ast_order *order, size_t n, uint32_t offset) {
    if (n == 1 && !order[0].descending && feat_is_event_time(q, order[0].expr)) return FEAT_OK;
    return feat_bind_fail(&q->b, n ? order[0].expr->offset : offset,
                          "windows are ordered by the event time '%.100s', ascending, and by it alone", time_name(q));
}

static feat_status bind_distance(feat_query *q, const feat_ast_bound *bound, feat_interval *out) {
    const feat_ast_expr *d = bound->distance;
    if (d->kind != FEAT_AST_INTERVAL)
        return feat_bind_fail(&q->b, d->offset,
                              "the edge of a RANGE window is an INTERVAL, such as INTERVAL '30 days'");
    if (d->months < 0 || d->days < 0 || d->us < 0)
        return feat_bind_fail(&q->b, d->offset, "the edge of a window is not negative");
    if (d->months > INT32_MAX || d->days > INT32_MAX)
        return feat_bind_fail(&q->b, d->offset, "this interval is too long");
    /* A day is 24 hours here (UTC), so intervals that last equally long are equal. */
    int64_t us;
    if (__builtin_mul_overflow(d->days, FEAT_US_PER_DAY, &us) || __builtin_add_overflow(us, d->us, &us))
        *out = (feat_interval){(int32_t)d->months, (int32_t)d->days, d->us};
    else *out = (feat_interval){(int32_t)d->months, 0, us};
    return FEAT_OK;
}

static feat_status bind_count(feat_query *q, const feat_ast_bound *bound, int64_t *count) {
    const feat_ast_expr *d = bound->distance;
    if (d->kind != FEAT_AST_INTEGER || feat_number_parse_int64(d->text, d->length, count) != FEAT_NUMBER_OK)
        return feat_bind_fail(&q->b, d->offset,
                              "the edge of a ROWS or GROUPS window is a number, such as 10 PRECEDING");
    return FEAT_OK;
}

static feat_status bind_edges(feat_query *q, const feat_ast_window *w, feat_window *window) {
    bool range = w->unit == FEAT_AST_RANGE;
    if (w->start.kind == FEAT_AST_PRECEDING) {
        window->unbounded = false;
        FEAT_TRY(range ? bind_distance(q, &w->start, &window->start) : bind_count(q, &w->start, &window->first));
    } else if (w->start.kind == FEAT_AST_CURRENT_ROW) {
        window->unbounded = false;
    } else if (w->start.kind != FEAT_AST_UNBOUNDED_PRECEDING) {
        return feat_bind_fail(&q->b, w->offset,
                              "a window cannot look into the future: FOLLOWING has no meaning at serving time");
    }
    if (w->end.kind == FEAT_AST_PRECEDING)
        return range ? bind_distance(q, &w->end, &window->end) : bind_count(q, &w->end, &window->last);
    if (w->end.kind == FEAT_AST_CURRENT_ROW) return FEAT_OK;
    return feat_bind_fail(
        &q->b, w->offset,
        "a window ends at CURRENT ROW or before it (PRECEDING): nothing later is known at serving time");
}

static feat_status bind_frame(feat_query *q, const feat_ast_window *w, feat_window *window) {
    static const char *const excludes[] = {"no others", "current row", "group", "ties"};
    *window = (feat_window){.unbounded = true, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    for (int i = 0; w->exclude && i < 4; i++)
        if (strcmp(w->exclude, excludes[i]) == 0) window->exclude = (feat_exclude)i;
    if (w->closed && w->unit != FEAT_AST_RANGE && w->unit != FEAT_AST_SINCE && w->unit != FEAT_AST_NO_FRAME)
        return feat_bind_fail(&q->b, w->offset, "CLOSED belongs to a RANGE or SINCE frame");
    window->open_left = w->closed && (strcmp(w->closed, "right") == 0 || strcmp(w->closed, "none") == 0);
    window->open_right = w->closed && (strcmp(w->closed, "left") == 0 || strcmp(w->closed, "none") == 0);
    switch (w->unit) {
    case FEAT_AST_NO_FRAME: return FEAT_OK;
    case FEAT_AST_ROWS: window->frame = FEAT_FRAME_ROWS; break;
    case FEAT_AST_GROUPS: window->frame = FEAT_FRAME_GROUPS; break;
    case FEAT_AST_RANGE: break;
    case FEAT_AST_SINCE: {
        uint32_t low;
        FEAT_TRY(feat_bind_since(q, w->since, w->zone, window->open_left, w->offset, &low));
        window->open_left = false; /* the bound has it */
        return feat_query_bound(q, low, &window->low);
    }
    }
    return bind_edges(q, w, window);
}

/* A window that names another takes over what it does not say itself. */
feat_status feat_resolve_window(feat_query *q, const feat_ast_window *w, feat_ast_window *resolved) {
    *resolved = *w;
    const char *base = w->base;
    for (size_t hops = 0; base; hops++) {
        const feat_ast_window *found = NULL;
        for (size_t i = 0; i < q->select->n_windows && !found; i++)
            if (strcasecmp(q->select->windows[i].name, base) == 0) found = &q->select->windows[i];
        if (!found || hops > q->select->n_windows) {
            const char **names = feat_arena_array(q->b.arena, q->select->n_windows, sizeof *names);
            if (!names) return feat_fail_memory(q->b.err);
            for (size_t i = 0; i < q->select->n_windows; i++) names[i] = q->select->windows[i].name;
            const char *near = found ? NULL : feat_sql_suggest(base, names, q->select->n_windows);
            return feat_bind_fail(&q->b, w->offset, "%s window '%.100s'%s%s%s", found ? "circular" : "unknown", base,
                                  near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
        if (!resolved->n_partition) {
            resolved->partition = found->partition;
            resolved->n_partition = found->n_partition;
        }
        if (!resolved->n_order) {
            resolved->order = found->order;
            resolved->n_order = found->n_order;
        }
        if (resolved->unit == FEAT_AST_NO_FRAME) {
            resolved->unit = found->unit;
            resolved->start = found->start;
            resolved->end = found->end;
            resolved->since = found->since;
            resolved->zone = found->zone;
            resolved->closed = found->closed;
            resolved->exclude = found->exclude;
        }
        base = found->base;
    }
    return FEAT_OK;
}

static bool same_window(const feat_window *a, const feat_window *b) {
    return a->frame == b->frame && a->unbounded == b->unbounded && a->open_left == b->open_left &&
           a->open_right == b->open_right && memcmp(&a->start, &b->start, sizeof a->start) == 0 &&
           memcmp(&a->end, &b->end, sizeof a->end) == 0 && a->low == b->low && a->high == b->high &&
           a->first == b->first && a->last == b->last && a->exclude == b->exclude;
}

feat_status feat_query_add_window(feat_query *q, const feat_window *window, uint32_t *number) {
    feat_block *block = q->block;
    for (uint32_t i = 0; i < block->n_windows; i++)
        if (same_window(&block->windows[i], window)) {
            *number = i;
            return FEAT_OK;
        }
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, block->windows, block->n_windows, q->windows_capacity));
    block->windows[block->n_windows] = *window;
    *number = (uint32_t)block->n_windows++;
    return FEAT_OK;
}

feat_status feat_bind_window(feat_query *q, const feat_ast_window *written, uint32_t *number) {
    feat_ast_window w;
    feat_window window;
    FEAT_TRY(feat_resolve_window(q, written, &w));
    if (w.n_partition) FEAT_TRY(feat_bind_key(q, w.partition, w.n_partition, w.offset));
    else if (!q->select->n_group)
        return feat_bind_fail(&q->b, w.offset,
                              "this window has no entity: write PARTITION BY here, or GROUP BY in the query");
    if (w.n_order) FEAT_TRY(bind_order(q, w.order, w.n_order, w.offset));
    else if (!q->select->n_group)
        return feat_bind_fail(&q->b, w.offset, "this window has no order: write ORDER BY %.100s", time_name(q));
    FEAT_TRY(bind_frame(q, &w, &window));
    return feat_query_add_window(q, &window, number);
}

/* t minus an interval is the start of a RANGE window, so that it is one with windows written so. */
static bool counts_back(const feat_query *q, uint32_t bound, feat_interval *start) {
    const feat_node *nodes = q->clock->pool.nodes, *node = &nodes[bound];
    int64_t us;
    if (node->kind != FEAT_NODE_OP || node->op != FEAT_OP_SUB_TV || nodes[node->args[0]].kind != FEAT_NODE_NOW ||
        nodes[node->args[1]].kind != FEAT_NODE_CONST || nodes[node->args[1]].is_null)
        return false;
    *start = nodes[node->args[1]].constant.p;
    if (start->months < 0 || __builtin_mul_overflow((int64_t)start->days, FEAT_US_PER_DAY, &us) ||
        __builtin_add_overflow(us, start->us, &us) || us < 0)
        return false;
    *start = (feat_interval){start->months, 0, us};
    return true;
}

feat_status feat_query_whole(feat_query *q, uint32_t *number) {
    feat_window window = {.unbounded = true, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    if (q->low != FEAT_NO_NODE) {
        window.unbounded = !counts_back(q, q->low, &window.start);
        if (window.unbounded) FEAT_TRY(feat_query_bound(q, q->low, &window.low));
    }
    if (q->high != FEAT_NO_NODE && q->clock->pool.nodes[q->high].kind != FEAT_NODE_NOW) /* nothing is later than t */
        FEAT_TRY(feat_query_bound(q, q->high, &window.high));
    return feat_query_add_window(q, &window, number);
}
