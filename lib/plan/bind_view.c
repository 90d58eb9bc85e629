/* CREATE FEATURE VIEW: windows of aggregates over one table's events, and expressions over them. Both ways of writing
 * it, with PARTITION BY and ORDER BY in each window or with GROUP BY, end in the same logical form. */
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "plan/bind.h"

typedef struct view_binder {
    feat_binder b;
    const feat_ast_select *select;
    feat_view *view;
    const char *alias; /* of the table */
    bool in_aggregate; /* binding an argument or a filter: names are columns of the event */
    bool has_key;      /* the entity is known: from GROUP BY, or from the first window */
    size_t features_capacity, slots_capacity, windows_capacity, aggregates_capacity;
} view_binder;

static feat_status event_column(view_binder *v, const feat_ast_expr *expr, uint32_t *field) {
    const feat_schema *table = v->view->table;
    if (expr->qualifier && strcasecmp(expr->qualifier, v->alias) != 0)
        return feat_bind_fail(&v->b, expr->offset, "unknown table '%.100s'; this query reads '%.100s'", expr->qualifier,
                              v->alias);
    return feat_bind_field(&v->b, table, expr->name, expr->offset, field);
}

static feat_status bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    view_binder *v = b->context;
    uint32_t field;
    if (v->in_aggregate) {
        FEAT_TRY(event_column(v, expr, &field));
        *node = feat_build_leaf(&b->build, FEAT_NODE_COLUMN, v->view->table->fields[field].type, field, 0);
        return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
    }
    for (size_t i = 0; !expr->qualifier && i < v->view->n_features; i++)
        if (strcasecmp(v->view->features[i].name, expr->name) == 0) {
            *node = v->view->features[i].node;
            return FEAT_OK;
        }
    FEAT_TRY(event_column(v, expr, &field));
    return feat_bind_fail(b, expr->offset,
                          "'%.100s' is a column of single events and stands beside aggregates; write last(%.100s) OVER "
                          "... for its newest value",
                          expr->name, expr->name);
}

/* ---- Windows. ---- */

static feat_status bind_key(view_binder *v, feat_ast_expr *const *exprs, size_t n, uint32_t offset) {
    uint32_t *key = feat_arena_array(v->b.arena, n, sizeof *key);
    if (!key) return feat_fail_memory(v->b.err);
    for (size_t i = 0; i < n; i++) {
        if (exprs[i]->kind != FEAT_AST_COLUMN)
            return feat_bind_fail(&v->b, exprs[i]->offset, "the entity is made of columns of the table");
        FEAT_TRY(event_column(v, exprs[i], &key[i]));
        const feat_field *field = &v->view->table->fields[key[i]];
        if (field->type == FEAT_TYPE_DOUBLE)
            return feat_bind_fail(&v->b, exprs[i]->offset,
                                  "column '%.100s' is DOUBLE and cannot be part of an entity key", field->name);
        for (size_t k = 0; k < i; k++)
            if (key[k] == key[i])
                return feat_bind_fail(&v->b, exprs[i]->offset, "column '%.100s' is named twice", field->name);
    }
    if (!v->has_key) {
        v->view->key = key;
        v->view->n_key = n;
        v->has_key = true;
        return FEAT_OK;
    }
    if (n != v->view->n_key || memcmp(key, v->view->key, n * sizeof *key) != 0)
        return feat_bind_fail(&v->b, offset,
                              "all windows of a view describe one entity: PARTITION BY must be the same in each");
    return FEAT_OK;
}

static feat_status bind_order(view_binder *v, const feat_ast_order *order, size_t n, uint32_t offset) {
    uint32_t field;
    if (n != 1 || order[0].expr->kind != FEAT_AST_COLUMN)
        return feat_bind_fail(&v->b, offset, "windows are ordered by the event time alone");
    FEAT_TRY(event_column(v, order[0].expr, &field));
    if (field != v->view->table->time || order[0].descending)
        return feat_bind_fail(&v->b, order[0].expr->offset, "windows are ordered by the event time '%.100s', ascending",
                              v->view->table->fields[v->view->table->time].name);
    return FEAT_OK;
}

static feat_status bind_distance(view_binder *v, const feat_ast_bound *bound, feat_interval *interval) {
    const feat_ast_expr *d = bound->distance;
    if (d->kind != FEAT_AST_INTERVAL)
        return feat_bind_fail(&v->b, d->offset,
                              "the edge of a RANGE window is an INTERVAL, such as INTERVAL '30 days'");
    if (d->months < 0 || d->days < 0 || d->us < 0)
        return feat_bind_fail(&v->b, d->offset, "the edge of a window is not negative");
    /* A day is 24 hours here (UTC), so intervals that last equally long are equal. */
    int64_t us;
    if (__builtin_mul_overflow(d->days, FEAT_US_PER_DAY, &us) || __builtin_add_overflow(us, d->us, &us))
        *interval = (feat_interval){d->months, d->days, d->us};
    else *interval = (feat_interval){d->months, 0, us};
    return FEAT_OK;
}

static feat_status bind_frame(view_binder *v, const feat_ast_window *w, feat_window *window) {
    *window = (feat_window){.unbounded = true};
    if (w->exclude && strcmp(w->exclude, "no others") != 0)
        return feat_bind_fail(&v->b, w->offset, "EXCLUDE is not supported; CLOSED left leaves out what happens at t");
    if (w->unit == FEAT_AST_NO_FRAME) return FEAT_OK;
    if (w->unit != FEAT_AST_RANGE)
        return feat_bind_fail(&v->b, w->offset, "ROWS, GROUPS and SINCE frames are not supported; use RANGE");
    if (w->start.kind == FEAT_AST_PRECEDING) {
        window->unbounded = false;
        FEAT_TRY(bind_distance(v, &w->start, &window->start));
    } else if (w->start.kind == FEAT_AST_CURRENT_ROW) {
        window->unbounded = false;
    } else if (w->start.kind != FEAT_AST_UNBOUNDED_PRECEDING) {
        return feat_bind_fail(&v->b, w->offset,
                              "a window cannot look into the future: FOLLOWING has no meaning at serving time");
    }
    if (w->end.kind == FEAT_AST_PRECEDING) FEAT_TRY(bind_distance(v, &w->end, &window->end));
    else if (w->end.kind != FEAT_AST_CURRENT_ROW)
        return feat_bind_fail(
            &v->b, w->offset,
            "a window ends at CURRENT ROW or at INTERVAL ... PRECEDING: nothing later is known at serving time");
    window->open_left = w->closed && (strcmp(w->closed, "right") == 0 || strcmp(w->closed, "none") == 0);
    window->open_right = w->closed && (strcmp(w->closed, "left") == 0 || strcmp(w->closed, "none") == 0);
    return FEAT_OK;
}

static bool same_window(const feat_window *a, const feat_window *b) {
    return a->unbounded == b->unbounded && a->open_left == b->open_left && a->open_right == b->open_right &&
           memcmp(&a->start, &b->start, sizeof a->start) == 0 && memcmp(&a->end, &b->end, sizeof a->end) == 0;
}

/* A window that names another takes over what it does not say itself. */
static feat_status resolve_base(view_binder *v, const feat_ast_window *w, feat_ast_window *resolved) {
    *resolved = *w;
    const char *base = w->base;
    for (size_t hops = 0; base; hops++) {
        const feat_ast_window *found = NULL;
        for (size_t i = 0; i < v->select->n_windows && !found; i++)
            if (strcasecmp(v->select->windows[i].name, base) == 0) found = &v->select->windows[i];
        if (!found || hops > v->select->n_windows) {
            const char **names = feat_arena_array(v->b.arena, v->select->n_windows, sizeof *names);
            if (!names) return feat_fail_memory(v->b.err);
            for (size_t i = 0; i < v->select->n_windows; i++) names[i] = v->select->windows[i].name;
            const char *near = found ? NULL : feat_sql_suggest(base, names, v->select->n_windows);
            return feat_bind_fail(&v->b, w->offset, "%s window '%.100s'%s%s%s", found ? "circular" : "unknown", base,
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
            resolved->closed = found->closed;
            resolved->exclude = found->exclude;
        }
        base = found->base;
    }
    return FEAT_OK;
}

static feat_status bind_window(view_binder *v, const feat_ast_window *written, uint32_t *number) {
    feat_ast_window w;
    feat_window window;
    FEAT_TRY(resolve_base(v, written, &w));
    if (w.n_partition) FEAT_TRY(bind_key(v, w.partition, w.n_partition, w.offset));
    else if (!v->select->n_group)
        return feat_bind_fail(&v->b, w.offset,
                              "this window has no entity: write PARTITION BY here, or GROUP BY in the query");
    if (w.n_order) FEAT_TRY(bind_order(v, w.order, w.n_order, w.offset));
    else if (!v->select->n_group)
        return feat_bind_fail(&v->b, w.offset, "this window has no order: write ORDER BY %.100s",
                              v->view->table->fields[v->view->table->time].name);
    FEAT_TRY(bind_frame(v, &w, &window));
    feat_view *view = v->view;
    for (uint32_t i = 0; i < view->n_windows; i++)
        if (same_window(&view->windows[i], &window)) {
            *number = i;
            return FEAT_OK;
        }
    FEAT_TRY(FEAT_BIND_ROOM(&v->b, view->windows, view->n_windows, v->windows_capacity));
    view->windows[view->n_windows] = window;
    *number = (uint32_t)view->n_windows++;
    return FEAT_OK;
}

/* ---- Aggregates. ---- */

static bool is_aggregate(const char *name) {
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++)
        if (strcasecmp(feat_agg_table[i].sql, name) == 0) return true;
    return false;
}

/* Which row of agg.def a name over an argument type means, and what it gives. */
static feat_status choose_aggregate(view_binder *v, const feat_ast_expr *expr, feat_type arg, feat_agg *agg,
                                    feat_type *result) {
    const char *name = expr->name;
    *result = arg;
    if (strcasecmp(name, "count") == 0) {
        *agg = FEAT_AGG_COUNT;
        *result = FEAT_TYPE_BIGINT;
    } else if (strcasecmp(name, "sum") == 0 || strcasecmp(name, "avg") == 0) {
        bool sum = strcasecmp(name, "sum") == 0;
        if (arg != FEAT_TYPE_BIGINT && arg != FEAT_TYPE_DOUBLE)
            return feat_bind_fail(&v->b, expr->offset, "%s needs a number, found %s", name, feat_build_type_name(arg));
        *agg = sum ? (arg == FEAT_TYPE_BIGINT ? FEAT_AGG_SUM_INT : FEAT_AGG_SUM_DOUBLE)
                   : (arg == FEAT_TYPE_BIGINT ? FEAT_AGG_AVG_INT : FEAT_AGG_AVG_DOUBLE);
        if (!sum) *result = FEAT_TYPE_DOUBLE;
    } else {
        *agg = strcasecmp(name, "min") == 0     ? FEAT_AGG_MIN
               : strcasecmp(name, "max") == 0   ? FEAT_AGG_MAX
               : strcasecmp(name, "first") == 0 ? FEAT_AGG_FIRST
                                                : FEAT_AGG_LAST;
    }
    return FEAT_OK;
}

static feat_status add_slot(view_binder *v, feat_slot slot, uint32_t *number) {
    feat_view *view = v->view;
    for (uint32_t i = 0; i < view->n_slots; i++)
        if (view->slots[i].arg == slot.arg && view->slots[i].filter == slot.filter) {
            *number = i;
            return FEAT_OK;
        }
    FEAT_TRY(FEAT_BIND_ROOM(&v->b, view->slots, view->n_slots, v->slots_capacity));
    view->slots[view->n_slots] = slot;
    *number = (uint32_t)view->n_slots++;
    return FEAT_OK;
}

static feat_status bind_slot(view_binder *v, const feat_ast_expr *expr, feat_slot *slot) {
    *slot = (feat_slot){FEAT_NO_NODE, FEAT_NO_NODE, FEAT_TYPE_BOOLEAN};
    if (expr->n_args == 1) {
        FEAT_TRY(feat_bind_expr(&v->b, expr->args[0], &slot->arg));
        slot->type = feat_build_type(&v->b.build, slot->arg);
        if (slot->type == FEAT_TYPE_UNKNOWN)
            return feat_bind_fail(&v->b, expr->args[0]->offset,
                                  "NULL alone has no type here; write CAST(NULL AS type)");
    }
    if (!expr->filter) return FEAT_OK;
    FEAT_TRY(feat_bind_expr(&v->b, expr->filter, &slot->filter));
    if (feat_build_type(&v->b.build, slot->filter) != FEAT_TYPE_BOOLEAN)
        return feat_bind_fail(&v->b, expr->filter->offset, "a FILTER is a condition, found %s",
                              feat_build_type_name(feat_build_type(&v->b.build, slot->filter)));
    return FEAT_OK;
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    view_binder *v = b->context;
    feat_view *view = v->view;
    bool now = strcasecmp(expr->name, "now") == 0 || strcasecmp(expr->name, "current_timestamp") == 0;
    if (now && v->in_aggregate)
        return feat_bind_fail(b, expr->offset,
                              "the clock cannot be mixed with the columns of an event: use a window, or compute with "
                              "now() outside the aggregate");
    if (now && expr->n_args == 0) {
        *handled = true;
        *node = feat_build_leaf(&b->build, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0);
        return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
    }
    if (!is_aggregate(expr->name)) return FEAT_OK;
    *handled = true;
    if (v->in_aggregate)
        return feat_bind_fail(b, expr->offset, "aggregate '%.100s' inside an aggregate, a FILTER or WHERE", expr->name);
    bool count = strcasecmp(expr->name, "count") == 0;
    if (expr->star ? !count : expr->n_args != 1)
        return feat_bind_fail(b, expr->offset, "%s takes one argument", expr->name);
    if (expr->distinct || expr->n_order || expr->nulls == FEAT_AST_NULLS_IGNORE)
        return feat_bind_fail(b, expr->offset, "DISTINCT, ORDER BY and IGNORE NULLS are not supported in %s",
                              expr->name);
    if (!expr->over)
        return feat_bind_fail(
            b, expr->offset,
            "%s needs a window; write %s(...) OVER (RANGE INTERVAL '30 days' PRECEDING), or OVER () for the whole past",
            expr->name, expr->name);
    feat_slot slot;
    feat_aggregate aggregate = {0};
    feat_pool *request = b->build.pool;
    b->build.pool = &view->event;
    v->in_aggregate = true;
    feat_status status = bind_slot(v, expr, &slot);
    v->in_aggregate = false;
    b->build.pool = request;
    if (status != FEAT_OK) return status;
    FEAT_TRY(choose_aggregate(v, expr, slot.type, &aggregate.agg, &aggregate.type));
    FEAT_TRY(add_slot(v, slot, &aggregate.slot));
    FEAT_TRY(bind_window(v, expr->over, &aggregate.window));
    uint32_t number = 0;
    while (number < view->n_aggregates &&
           (view->aggregates[number].agg != aggregate.agg || view->aggregates[number].slot != aggregate.slot ||
            view->aggregates[number].window != aggregate.window))
        number++;
    if (number == view->n_aggregates) {
        FEAT_TRY(FEAT_BIND_ROOM(b, view->aggregates, view->n_aggregates, v->aggregates_capacity));
        view->aggregates[view->n_aggregates++] = aggregate;
    }
    *node = feat_build_leaf(&b->build, FEAT_NODE_AGGREGATE, aggregate.type, number, 0);
    return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
}

/* ---- The view. ---- */

static feat_status refuse_clauses(view_binder *v) {
    const feat_ast_select *s = v->select;
    if (s->n_ctes) return feat_bind_fail(&v->b, s->ctes[0].offset, "WITH is not supported in a feature view");
    if (s->union_all)
        return feat_bind_fail(&v->b, s->union_all->offset, "UNION ALL is not supported in a feature view");
    if (s->n_sources != 1 || !s->sources[0].name)
        return feat_bind_fail(&v->b, s->n_sources > 1 ? s->sources[1].offset : s->offset,
                              "a feature view reads one table: FROM table");
    if (s->distinct) return feat_bind_fail(&v->b, s->offset, "DISTINCT is not supported in a feature view");
    if (s->having) return feat_bind_fail(&v->b, s->having->offset, "HAVING is not supported in a feature view");
    if (s->qualify) return feat_bind_fail(&v->b, s->qualify->offset, "QUALIFY is not supported in a feature view");
    if (s->n_order)
        return feat_bind_fail(&v->b, s->order[0].expr->offset,
                              "ORDER BY has no meaning in a feature view: its rows have no order");
    return FEAT_OK;
}

static feat_status bind_from(view_binder *v, const feat_scope *scope) {
    const feat_ast_source *from = &v->select->sources[0];
    v->view->table = feat_scope_table(scope, from->name);
    v->alias = from->alias ? from->alias : from->name;
    if (v->view->table) return FEAT_OK;
    if (feat_scope_view(scope, from->name))
        return feat_bind_fail(&v->b, from->offset, "'%.100s' is a feature view; a view reads a table", from->name);
    const char **names = feat_arena_array(v->b.arena, scope->n_tables, sizeof *names);
    if (!names) return feat_fail_memory(v->b.err);
    for (size_t i = 0; i < scope->n_tables; i++) names[i] = scope->tables[i]->name;
    const char *near = feat_sql_suggest(from->name, names, scope->n_tables);
    return feat_bind_fail(&v->b, from->offset, "unknown table '%.100s'%s%s%s", from->name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static feat_status bind_where(view_binder *v) {
    v->view->where = FEAT_NO_NODE;
    if (!v->select->where) return FEAT_OK;
    feat_pool *request = v->b.build.pool;
    v->b.build.pool = &v->view->event;
    v->in_aggregate = true;
    feat_status status = feat_bind_expr(&v->b, v->select->where, &v->view->where);
    feat_type type = status == FEAT_OK ? feat_build_type(&v->b.build, v->view->where) : FEAT_TYPE_BOOLEAN;
    v->in_aggregate = false;
    v->b.build.pool = request;
    if (status != FEAT_OK) return status;
    if (type != FEAT_TYPE_BOOLEAN)
        return feat_bind_fail(&v->b, v->select->where->offset, "WHERE is a condition, found %s",
                              feat_build_type_name(type));
    return FEAT_OK;
}

/* A bare key column in the SELECT list says what the entity is; it is no feature. The first form knows its key only
 * from a window, so bare columns are looked at once more at the end. */
static feat_status bind_items(view_binder *v) {
    feat_view *view = v->view;
    for (size_t i = 0; i < v->select->n_items; i++) {
        const feat_ast_item *item = &v->select->items[i];
        if (item->expr->kind == FEAT_AST_STAR)
            return feat_bind_fail(&v->b, item->offset, "'*' beside windows is refused; name the features");
        if (item->expr->kind == FEAT_AST_COLUMN) {
            bool feature = false;
            for (size_t k = 0; !item->expr->qualifier && k < view->n_features; k++)
                feature |= strcasecmp(view->features[k].name, item->expr->name) == 0;
            if (!feature && item->alias == NULL) continue;
        }
        feat_output output = {0};
        FEAT_TRY(feat_bind_item_name(&v->b, item, &output.name));
        FEAT_TRY(feat_bind_expr(&v->b, item->expr, &output.node));
        output.type = feat_build_type(&v->b.build, output.node);
        if (output.type == FEAT_TYPE_UNKNOWN)
            return feat_bind_fail(&v->b, item->offset, "NULL alone has no type; write CAST(NULL AS type)");
        FEAT_TRY(
            feat_bind_output(&v->b, &view->features, &view->n_features, &v->features_capacity, output, item->offset));
    }
    if (view->n_aggregates == 0)
        return feat_bind_fail(&v->b, v->select->offset,
                              "a feature view needs at least one aggregate over a window, such as count(*) OVER (RANGE "
                              "INTERVAL '30 days' PRECEDING)");
    for (size_t i = 0; i < v->select->n_items; i++) {
        const feat_ast_item *item = &v->select->items[i];
        if (item->expr->kind != FEAT_AST_COLUMN || item->alias) continue;
        bool known = false;
        for (size_t k = 0; !item->expr->qualifier && k < view->n_features; k++)
            known |= strcasecmp(view->features[k].name, item->expr->name) == 0;
        if (known) continue;
        uint32_t field, node;
        FEAT_TRY(event_column(v, item->expr, &field));
        for (size_t k = 0; k < view->n_key; k++) known |= view->key[k] == field;
        if (!known) FEAT_TRY(bind_column(&v->b, item->expr, &node)); /* says what to write instead */
    }
    return FEAT_OK;
}

/* The fields that order events of one time: the unique key, and where that does not decide, what the view reads. */
static feat_status find_ties(view_binder *v) {
    feat_view *view = v->view;
    const feat_schema *table = view->table;
    bool ordered = false, decided = table->n_unique > 0;
    for (size_t i = 0; i < view->n_aggregates; i++)
        ordered |= feat_agg_table[view->aggregates[i].agg].algebra == FEAT_ALGEBRA_ORDER;
    if (!ordered) return FEAT_OK;
    view->ties = feat_arena_array(v->b.arena, table->n_fields + table->n_unique, sizeof *view->ties);
    if (!view->ties) return feat_fail_memory(v->b.err);
    for (size_t i = 0; i < table->n_unique; i++) {
        view->ties[view->n_ties++] = table->unique[i];
        decided &= table->fields[table->unique[i]].not_null; /* NULL never conflicts, so rows with it may be many */
    }
    if (decided) return FEAT_OK;
    for (uint32_t f = 0; f < table->n_fields; f++) {
        bool read = false, there = false;
        for (size_t i = 0; i < view->event.n; i++)
            read |= view->event.nodes[i].kind == FEAT_NODE_COLUMN && view->event.nodes[i].index == f;
        for (size_t i = 0; i < view->n_ties; i++) there |= view->ties[i] == f;
        if (read && !there) view->ties[view->n_ties++] = f;
    }
    return FEAT_OK;
}

feat_status feat_bind_view(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                           const feat_scope *scope, feat_view **out, feat_error *err) {
    static const char *const options[] = {"description", "owner", "tags"};
    feat_view *view = FEAT_ARENA_NEW(arena, feat_view);
    if (!view) return feat_fail_memory(err);
    view->name = s->name.text;
    feat_pool_init(&view->event, arena);
    feat_pool_init(&view->request, arena);
    view_binder v = {.b = {.arena = arena, .source = source, .err = err, .column = bind_column, .call = bind_call},
                     .select = s->select,
                     .view = view};
    v.b.context = &v;
    v.b.build.pool = &view->request;
    feat_status status;
    FEAT_GOTO(status, feat_bind_options(&v.b, s, options, sizeof options / sizeof *options), fail);
    FEAT_GOTO(status, refuse_clauses(&v), fail);
    FEAT_GOTO(status, bind_from(&v, scope), fail);
    if (s->select->n_group)
        FEAT_GOTO(status, bind_key(&v, s->select->group, s->select->n_group, s->select->group[0]->offset), fail);
    FEAT_GOTO(status, bind_where(&v), fail);
    FEAT_GOTO(status, bind_items(&v), fail);
    FEAT_GOTO(status, find_ties(&v), fail);
    FEAT_GOTO(status, feat_lower_view(arena, view, err), fail);
    FEAT_GOTO(status, feat_view_fingerprint(view, err), fail);
    *out = view;
    return FEAT_OK;
fail:
    feat_view_done(view);
    return status;
}
