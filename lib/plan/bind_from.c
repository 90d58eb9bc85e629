/* FROM: where names lead, what tables and dimensions are as relations, and joins. */
#include <string.h>
#include <strings.h>

#include "plan/query.h"

/* ---- Tables as relations. ---- */

static feat_status fail_memory_or(feat_query *q, uint32_t node, uint32_t offset) {
    return node == FEAT_NO_NODE ? feat_bind_reason(&q->b, offset) : FEAT_OK;
}

feat_status feat_use_table(feat_definition *d, const feat_schema *table) {
    feat_binder b = {.arena = d->arena, .source = d->source, .err = d->err};
    for (size_t i = 0; i < d->uses->n_tables; i++)
        if (d->uses->tables[i] == table) return FEAT_OK;
    FEAT_TRY(FEAT_BIND_ROOM(&b, d->uses->tables, d->uses->n_tables, d->uses->tables_capacity));
    d->uses->tables[d->uses->n_tables++] = table;
    return FEAT_OK;
}

static bool hidden(const feat_schema *table, size_t field) { return table->dimension && field == table->ended; }

/* The rows of a table as events; of a dimension those that say that a key ended are no events. */
static feat_status table_rows(feat_query *q, const feat_schema *table, const feat_relation **out) {
    feat_arena *arena = q->b.arena;
    feat_relation *r = FEAT_ARENA_NEW(arena, feat_relation);
    feat_event_rows *rows = FEAT_ARENA_NEW(arena, feat_event_rows);
    if (!r || !rows) return feat_fail_memory(q->b.err);
    *r = (feat_relation){.rows = rows, .n_rows = 1, .time = -1, .low = FEAT_NO_NODE, .high = FEAT_NO_NODE};
    r->columns = feat_arena_array(arena, table->n_fields, sizeof *r->columns);
    rows->columns = feat_arena_array(arena, table->n_fields, sizeof *rows->columns);
    if (!r->columns || !rows->columns) return feat_fail_memory(q->b.err);
    rows->table = table;
    rows->where = FEAT_NO_NODE;
    feat_pool_init(&rows->stage.pool, arena);
    feat_builder build = {.pool = &rows->stage.pool};
    for (size_t f = 0; f < table->n_fields; f++) {
        const feat_field *field = &table->fields[f];
        uint32_t node = feat_build_leaf(&build, FEAT_NODE_INPUT, field->type, (uint32_t)f, 0);
        if (node == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
        if (hidden(table, f)) {
            rows->where = feat_build_is_truth(&build, node, true);
            if (rows->where != FEAT_NO_NODE) rows->where = feat_build_not(&build, rows->where);
            if (rows->where == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
            continue;
        }
        if (f == table->time) r->time = (int32_t)r->n_columns;
        rows->columns[r->n_columns] = node;
        r->columns[r->n_columns++] = (feat_relation_column){field->name, field->type, false};
    }
    *out = r;
    return FEAT_OK;
}

feat_status feat_relation_of_view(feat_definition *d, const feat_view *view, bool named, const feat_relation **out) {
    feat_relation *r = FEAT_ARENA_NEW(d->arena, feat_relation);
    if (!r) return feat_fail_memory(d->err);
    *r = (feat_relation){.view = view, .named = named, .time = -1, .low = FEAT_NO_NODE, .high = FEAT_NO_NODE};
    r->columns = feat_arena_array(d->arena, view->n_key + view->n_features, sizeof *r->columns);
    if (!r->columns) return feat_fail_memory(d->err);
    for (size_t k = 0; k < view->n_key; k++)
        r->columns[r->n_columns++] = (feat_relation_column){view->key[k].name, view->key[k].type, true};
    for (size_t f = 0; f < view->n_features; f++)
        r->columns[r->n_columns++] = (feat_relation_column){view->features[f].name, view->features[f].type, false};
    *out = r;
    return FEAT_OK;
}

/* ---- The newest row per key: a dimension, or a table in an ASOF join. ---- */

/* Whether an expression anywhere in the query names a column so. `*` names all. */
static bool names_column(const feat_ast_expr *e, const char *name);

static bool any_names(feat_ast_expr *const *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (names_column(list[i], name)) return true;
    return false;
}

static bool window_names(const feat_ast_window *w, const char *name) {
    if (!w) return false;
    if (any_names(w->partition, w->n_partition, name)) return true;
    for (size_t i = 0; i < w->n_order; i++)
        if (names_column(w->order[i].expr, name)) return true;
    return false;
}

static bool names_column(const feat_ast_expr *e, const char *name) {
    if (!e) return false;
    if (e->kind == FEAT_AST_STAR) return true;
    if (e->kind == FEAT_AST_COLUMN) return strcasecmp(e->name, name) == 0;
    for (size_t i = 0; i < e->n_order; i++)
        if (names_column(e->order[i].expr, name)) return true;
    return any_names(e->args, e->n_args, name) || names_column(e->operand, name) || names_column(e->otherwise, name) ||
           names_column(e->filter, name) || window_names(e->over, name);
}

static bool query_names(const feat_ast_select *s, const char *name) {
    for (size_t i = 0; i < s->n_items; i++) {
        const feat_ast_expr *e = s->items[i].expr;
        if (names_column(e, name)) return true;
    }
    for (size_t i = 0; i < s->n_sources; i++) {
        if (names_column(s->sources[i].on, name)) return true;
        for (size_t k = 0; k < s->sources[i].using_columns.n; k++)
            if (strcasecmp(s->sources[i].using_columns.items[k].text, name) == 0) return true;
    }
    for (size_t i = 0; i < s->n_windows; i++)
        if (window_names(&s->windows[i], name)) return true;
    return names_column(s->where, name) || names_column(s->having, name) || names_column(s->qualify, name) ||
           any_names(s->group, s->n_group, name) || any_names(s->distinct_on, s->n_distinct_on, name);
}

typedef struct newest {
    feat_query *q;
    feat_view *view;
    feat_block *block;
    feat_union_branch *branch;
    feat_builder event, request;
    uint32_t offset;
} newest;

/* The newest row's value of a field. */
static feat_status newest_field(newest *n, uint32_t field, uint32_t *node) {
    feat_block *block = n->block;
    feat_type type = n->branch->table->fields[field].type;
    uint32_t arg = feat_build_leaf(&n->event, FEAT_NODE_INPUT, type, field, 0);
    if (arg == FEAT_NO_NODE) return feat_fail_memory(n->q->b.err);
    for (uint32_t i = 0; i < block->n_slots; i++) /* aggregate i takes slot i */
        if (n->branch->slots[i].arg == arg) {
            *node = feat_build_leaf(&n->request, FEAT_NODE_AGGREGATE, type, i, 0);
            return *node == FEAT_NO_NODE ? feat_fail_memory(n->q->b.err) : FEAT_OK;
        }
    block->slots[block->n_slots] = type;
    n->branch->slots[block->n_slots] = (feat_slot){arg, FEAT_NO_NODE};
    block->aggregates[block->n_aggregates] = (feat_aggregate){.agg = FEAT_AGG_LAST,
                                                              .slot = (uint32_t)block->n_slots,
                                                              .low = FEAT_NO_BOUND,
                                                              .high = FEAT_NO_BOUND,
                                                              .otherwise = FEAT_NO_NODE,
                                                              .type = type};
    *node = feat_build_leaf(&n->request, FEAT_NODE_AGGREGATE, type, (uint32_t)block->n_aggregates, 0);
    block->n_slots++;
    block->n_aggregates++;
    return *node == FEAT_NO_NODE ? feat_fail_memory(n->q->b.err) : FEAT_OK;
}

/* Present: there is a row, it does not say that the key ended, and it is not older than the time to live. */
static feat_status newest_presence(newest *n) {
    const feat_schema *table = n->branch->table;
    feat_view *view = n->view;
    feat_builder *b = &n->request;
    uint32_t here = feat_build_leaf(b, FEAT_NODE_FOUND, FEAT_TYPE_BOOLEAN, 0, 0), last, fresh, floor;
    if (table->dimension) {
        FEAT_TRY(newest_field(n, table->ended, &last));
        uint32_t ended = feat_build_is_truth(b, last, true);
        if (ended != FEAT_NO_NODE) ended = feat_build_not(b, ended);
        if (ended != FEAT_NO_NODE && here != FEAT_NO_NODE) here = feat_build_binary(b, "and", here, ended);
        else here = FEAT_NO_NODE;
    }
    if (here == FEAT_NO_NODE) return feat_fail_memory(n->q->b.err);
    view->present = view->found = here;
    if (!table->dimension || (table->ttl.months == 0 && table->ttl.us == 0)) return FEAT_OK;
    FEAT_TRY(newest_field(n, table->time, &last));
    floor = feat_build_leaf(b, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0);
    feat_node span = {.kind = FEAT_NODE_CONST,
                      .type = FEAT_TYPE_INTERVAL,
                      .constant.p = {(int32_t)table->ttl.months, 0, table->ttl.us}};
    uint32_t ttl = feat_pool_add(b->pool, &span);
    if (ttl == FEAT_NO_NODE || floor == FEAT_NO_NODE) return feat_fail_memory(n->q->b.err);
    floor = feat_build_binary(b, "-", floor, ttl);
    fresh = floor == FEAT_NO_NODE ? floor : feat_build_binary(b, ">=", last, floor);
    if (fresh == FEAT_NO_NODE) return feat_bind_fail(&n->q->b, n->offset, "%s", b->reason);
    view->present = view->found = feat_build_binary(b, "and", here, fresh);
    uint32_t stale = feat_build_not(b, fresh);
    view->expired = stale == FEAT_NO_NODE ? stale : feat_build_binary(b, "and", here, stale);
    return view->present == FEAT_NO_NODE || view->expired == FEAT_NO_NODE ? feat_fail_memory(n->q->b.err) : FEAT_OK;
}

static feat_status newest_features(newest *n, const feat_ast_select *select) {
    const feat_schema *table = n->branch->table;
    feat_view *view = n->view;
    for (uint32_t f = 0; f < table->n_fields; f++) {
        bool key = hidden(table, f);
        for (size_t k = 0; k < view->n_key; k++)
            key |= feat_name_compare(view->key[k].name, table->fields[f].name) == 0;
        if (key || !query_names(select, table->fields[f].name)) continue;
        uint32_t last, value;
        FEAT_TRY(newest_field(n, f, &last));
        value = feat_build_case(&n->request, (uint32_t[]){view->present}, (uint32_t[]){last}, 1, FEAT_NO_NODE);
        if (value == FEAT_NO_NODE) return feat_fail_memory(n->q->b.err);
        view->features[view->n_features++] = (feat_output){table->fields[f].name, table->fields[f].type, value};
    }
    return FEAT_OK;
}

/* The newest row per `key` (fields of the table) as a view of its own, with the columns that the query names. */
static feat_status newest_relation(feat_query *q, const feat_schema *table, const uint32_t *key, size_t n_key,
                                   uint32_t offset, const feat_relation **out) {
    feat_arena *arena = q->b.arena;
    newest n = {.q = q, .offset = offset};
    n.view = FEAT_ARENA_NEW(arena, feat_view);
    n.block = FEAT_ARENA_NEW(arena, feat_block);
    n.branch = FEAT_ARENA_NEW(arena, feat_union_branch);
    if (!n.view || !n.block || !n.branch) return feat_fail_memory(q->b.err);
    *n.view = (feat_view){.name = table->name, .present = FEAT_NO_NODE, .found = FEAT_NO_NODE, .expired = FEAT_NO_NODE};
    feat_pool_init(&n.view->stage.pool, arena);
    *n.branch = (feat_union_branch){.table = table, .where = FEAT_NO_NODE};
    feat_pool_init(&n.branch->stage.pool, arena);
    *n.block = (feat_block){
        .branches = n.branch, .n_branches = 1, .n_key = n_key, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    feat_pool_init(&n.block->clock.pool, arena);
    n.event.pool = &n.branch->stage.pool;
    n.request.pool = &n.view->stage.pool;
    n.block->key = feat_arena_array(arena, n_key, sizeof *n.block->key);
    n.branch->key = feat_arena_array(arena, n_key, sizeof *n.branch->key);
    n.view->key = feat_arena_array(arena, n_key, sizeof *n.view->key);
    n.view->features = feat_arena_array(arena, table->n_fields, sizeof *n.view->features);
    n.block->slots = feat_arena_array(arena, table->n_fields + 2, sizeof *n.block->slots);
    n.branch->slots = feat_arena_array(arena, table->n_fields + 2, sizeof *n.branch->slots);
    n.block->aggregates = feat_arena_array(arena, table->n_fields + 2, sizeof *n.block->aggregates);
    n.block->windows = FEAT_ARENA_NEW(arena, feat_window);
    uint32_t *inputs = feat_arena_array(arena, n_key, sizeof *inputs);
    if (!n.block->key || !n.branch->key || !n.view->key || !n.view->features || !n.block->slots || !n.branch->slots ||
        !n.block->aggregates || !n.block->windows || !inputs)
        return feat_fail_memory(q->b.err);
    n.block->windows[0] = (feat_window){.unbounded = true, .low = FEAT_NO_BOUND, .high = FEAT_NO_BOUND};
    n.block->n_windows = 1;
    for (size_t k = 0; k < n_key; k++) {
        const feat_field *field = &table->fields[key[k]];
        n.block->key[k] = field->type;
        n.view->key[k] = (feat_field){.name = field->name, .type = field->type, .id = (uint32_t)k + 1};
        n.branch->key[k] = feat_build_leaf(&n.event, FEAT_NODE_INPUT, field->type, key[k], 0);
        inputs[k] = feat_build_leaf(&n.request, FEAT_NODE_INPUT, field->type, (uint32_t)k, 0);
        if (n.branch->key[k] == FEAT_NO_NODE || inputs[k] == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    }
    n.view->n_key = n_key;
    if (feat_stage_join(&n.view->stage, n.block, inputs) == UINT32_MAX) return feat_fail_memory(q->b.err);
    FEAT_TRY(newest_presence(&n));
    FEAT_TRY(newest_features(&n, q->select));
    FEAT_TRY(feat_finish_block(q->d, n.block, offset));
    FEAT_TRY(feat_use_table(q->d, table));
    return feat_relation_of_view(q->d, n.view, false, out);
}

/* ---- Names. ---- */

static feat_status unknown_source(feat_query *q, const feat_ast_source *source) {
    const feat_scope *scope = q->d->scope;
    size_t n = 0, n_names = scope->n_tables + scope->n_views;
    for (const feat_query_names *at = q->names; at; at = at->outer) n_names++;
    const char **names = feat_arena_array(q->b.arena, n_names, sizeof *names);
    if (!names) return feat_fail_memory(q->b.err);
    for (const feat_query_names *at = q->names; at; at = at->outer) names[n++] = at->name;
    for (size_t i = 0; i < scope->n_tables; i++) names[n++] = scope->tables[i]->name;
    for (size_t i = 0; i < scope->n_views; i++) names[n++] = scope->views[i]->name;
    const char *near = feat_sql_suggest(source->name, names, n);
    return feat_bind_fail(&q->b, source->offset, "unknown table or view '%.100s'%s%s%s", source->name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool same_name(const char *a, const char *b) { return a && b && strcasecmp(a, b) == 0; }

/* The equalities of an ASOF join's ON say which columns of the table are the key. */
static feat_status asof_key(feat_query *q, const feat_ast_source *source, const feat_schema *table, uint32_t *key,
                            size_t *n_key) {
    const char *alias = source->alias ? source->alias : source->name;
    const feat_ast_expr **conjuncts = NULL;
    size_t n = 0;
    uint32_t field;
    *n_key = 0;
    if (source->on) FEAT_TRY(feat_conjuncts(q, source->on, &conjuncts, &n));
    for (size_t i = 0; i < n; i++) {
        const feat_ast_expr *e = conjuncts[i];
        if (e->kind != FEAT_AST_BINARY || strcmp(e->name, "=") != 0) continue;
        const feat_ast_expr *mine = NULL;
        for (int side = 0; side < 2 && !mine; side++)
            if (e->args[side]->kind == FEAT_AST_COLUMN && same_name(e->args[side]->qualifier, alias))
                mine = e->args[side];
        if (!mine)
            return feat_bind_fail(&q->b, e->offset,
                                  "an ASOF join compares columns of '%.100s': write %.100s.column = ...", alias, alias);
        FEAT_TRY(feat_bind_field(&q->b, table, mine->name, mine->offset, &field));
        if (*n_key < table->n_fields) key[(*n_key)++] = field;
    }
    for (size_t i = 0; i < source->using_columns.n && *n_key < table->n_fields; i++) {
        const feat_ast_name *name = &source->using_columns.items[i];
        FEAT_TRY(feat_bind_field(&q->b, table, name->text, name->offset, &field));
        if (field != table->time) key[(*n_key)++] = field; /* DuckDB takes the last one as the inequality */
    }
    if (*n_key == 0) return feat_bind_fail(&q->b, source->offset, "an ASOF join needs ON with an equality of columns");
    return FEAT_OK;
}

/* What a FROM item is. `events`: rows of events where there is a choice; else one row per key. */
static feat_status resolve(feat_query *q, const feat_ast_source *source, bool events, const feat_relation **out) {
    if (source->request)
        return feat_bind_fail(&q->b, source->offset, "REQUEST belongs to a feature service, first in its FROM");
    if (source->materialized && !q->service)
        return feat_bind_fail(&q->b, source->offset, "MATERIALIZED belongs to a feature service");
    if (source->select) return feat_bind_query(q->d, q->names, source->select, events, out);
    for (const feat_query_names *at = q->names; at; at = at->outer)
        if (strcasecmp(at->name, source->name) == 0) {
            *out = at->relation;
            return FEAT_OK;
        }
    const feat_schema *table = feat_scope_table(q->d->scope, source->name);
    const feat_view *view = feat_scope_view(q->d->scope, source->name);
    if (table && source->join == FEAT_AST_JOIN_ASOF_LEFT && !table->dimension) {
        uint32_t *key = feat_arena_array(q->b.arena, table->n_fields, sizeof *key);
        size_t n_key;
        if (!key) return feat_fail_memory(q->b.err);
        FEAT_TRY(asof_key(q, source, table, key, &n_key));
        return newest_relation(q, table, key, n_key, source->offset, out);
    }
    if (table && (events || !table->dimension)) {
        FEAT_TRY(feat_use_table(q->d, table));
        return table_rows(q, table, out);
    }
    if (table) return newest_relation(q, table, table->key, table->n_key, source->offset, out);
    if (!view) return unknown_source(q, source);
    feat_uses *uses = q->d->uses;
    bool known = false;
    for (size_t i = 0; i < uses->n_views; i++) known |= uses->views[i] == view;
    if (!known) {
        FEAT_TRY(FEAT_BIND_ROOM(&q->b, uses->views, uses->n_views, uses->views_capacity));
        uses->views[uses->n_views++] = view;
    }
    if (source->materialized) return feat_relation_of_layer(q->d, view, source->offset, out);
    return feat_relation_of_view(q->d, view, true, out);
}

/* ---- Sources of a query. ---- */

static feat_status add_source(feat_query *q, const char *alias, uint32_t offset, const feat_relation *relation,
                              feat_query_source **source) {
    for (size_t i = 0; i < q->n_sources; i++)
        if (strcasecmp(q->sources[i].alias, alias) == 0)
            return feat_bind_fail(&q->b, offset, "'%.100s' is in FROM twice; give one an alias", alias);
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, q->sources, q->n_sources, q->sources_capacity));
    *source = &q->sources[q->n_sources++];
    **source = (feat_query_source){.alias = alias, .relation = relation, .service_view = -1};
    size_t stages = q->n_stages ? q->n_stages : relation->n_rows ? relation->n_rows : 1;
    (*source)->inlinings = feat_arena_array(q->b.arena, stages, sizeof *(*source)->inlinings);
    (*source)->keys = feat_arena_array(q->b.arena, stages, sizeof *(*source)->keys);
    return (*source)->inlinings && (*source)->keys ? FEAT_OK : feat_fail_memory(q->b.err);
}

static const char *alias_of(const feat_ast_source *source) {
    return source->alias ? source->alias : source->name ? source->name : "";
}

/* Copies the relation's rows of events: the query will add to their stages. */
static feat_status from_events(feat_query *q, feat_query_source *source) {
    const feat_relation *r = source->relation;
    feat_arena *arena = q->b.arena;
    q->rows = feat_arena_array(arena, r->n_rows, sizeof *q->rows);
    q->stages = feat_arena_array(arena, r->n_rows, sizeof(feat_stage *));
    if (!q->rows || !q->stages) return feat_fail_memory(q->b.err);
    q->clock = &q->block->clock;
    q->n_stages = r->n_rows;
    q->time = r->time;
    feat_pool_init(&q->clock->pool, arena);
    q->low = q->high = FEAT_NO_NODE;
    if (r->clock) {
        feat_inlining in;
        FEAT_TRY(feat_inlining_init(&in, r->clock, q->clock, NULL, q->b.err));
        if (r->low != FEAT_NO_NODE) FEAT_TRY(feat_inline(&in, r->low, &q->low, q->b.err));
        if (r->high != FEAT_NO_NODE) FEAT_TRY(feat_inline(&in, r->high, &q->high, q->b.err));
    }
    for (size_t i = 0; i < r->n_rows; i++) {
        const feat_schema *table = r->rows[i].table;
        q->rows[i] = (feat_event_rows){.table = table, .where = FEAT_NO_NODE};
        q->stages[i] = &q->rows[i].stage;
        feat_pool_init(&q->stages[i]->pool, arena);
        uint32_t *inputs = feat_arena_array(arena, table->n_fields, sizeof *inputs);
        if (!inputs) return feat_fail_memory(q->b.err);
        feat_builder build = {.pool = &q->stages[i]->pool};
        for (size_t f = 0; f < table->n_fields; f++) {
            inputs[f] = feat_build_leaf(&build, FEAT_NODE_INPUT, table->fields[f].type, (uint32_t)f, 0);
            if (inputs[f] == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
        }
        FEAT_TRY(feat_inlining_init(&source->inlinings[i], &r->rows[i].stage, q->stages[i], inputs, q->b.err));
        if (r->rows[i].where != FEAT_NO_NODE)
            FEAT_TRY(feat_inline(&source->inlinings[i], r->rows[i].where, &q->rows[i].where, q->b.err));
    }
    return FEAT_OK;
}

/* One row per key: the key of the first item is that of the query. */
static feat_status from_keyed(feat_query *q, feat_query_source *source) {
    const feat_view *first = source->relation->view;
    feat_arena *arena = q->b.arena;
    q->stages = FEAT_ARENA_NEW(arena, feat_stage *);
    q->view->key = feat_arena_array(arena, first->n_key, sizeof *q->view->key);
    source->keys[0] = feat_arena_array(arena, first->n_key, sizeof **source->keys);
    if (!q->stages || !q->view->key || !source->keys[0]) return feat_fail_memory(q->b.err);
    q->stages[0] = &q->view->stage;
    q->n_stages = 1;
    q->view->n_key = first->n_key;
    for (size_t k = 0; k < first->n_key; k++) {
        q->view->key[k] = first->key[k];
        source->keys[0][k] = feat_build_leaf(&q->b.build, FEAT_NODE_INPUT, first->key[k].type, (uint32_t)k, 0);
        if (source->keys[0][k] == FEAT_NO_NODE) return feat_fail_memory(q->b.err);
    }
    return feat_inlining_init(&source->inlinings[0], &first->stage, q->stages[0], source->keys[0], q->b.err);
}

feat_status feat_query_from(feat_query *q, bool events) {
    const feat_ast_select *s = q->select;
    const feat_relation *relation = NULL;
    feat_query_source *source = NULL;
    if (s->n_sources == 0) return feat_bind_fail(&q->b, s->offset, "a query needs FROM");
    FEAT_TRY(resolve(q, &s->sources[0], events, &relation));
    FEAT_TRY(add_source(q, alias_of(&s->sources[0]), s->sources[0].offset, relation, &source));
    if (relation->view) {
        q->b.build.pool = &q->view->stage.pool;
        return from_keyed(q, source);
    }
    return from_events(q, source);
}

/* ---- Columns. ---- */

feat_status feat_query_column(feat_query *q, size_t number, size_t column, uint32_t *node) {
    feat_query_source *s = &q->sources[number];
    const feat_relation *r = s->relation;
    const feat_view *view = r->view;
    if (q->service && number == 0) {
        *node = feat_build_leaf(&q->b.build, FEAT_NODE_INPUT, r->columns[column].type, (uint32_t)column, 0);
        return *node == FEAT_NO_NODE ? feat_fail_memory(q->b.err) : FEAT_OK;
    }
    if (!view) return feat_inline(&s->inlinings[q->stage], r->rows[q->stage].columns[column], node, q->b.err);
    if (column >= view->n_key)
        return feat_inline(&s->inlinings[q->stage], view->features[column - view->n_key].node, node, q->b.err);
    *node = s->keys[q->stage][column];
    if (!s->joined || view->present == FEAT_NO_NODE) return FEAT_OK;
    uint32_t present; /* a row that is not there has no key either */
    FEAT_TRY(feat_inline(&s->inlinings[q->stage], view->present, &present, q->b.err));
    *node = feat_build_case(&q->b.build, (uint32_t[]){present}, (uint32_t[]){*node}, 1, FEAT_NO_NODE);
    return *node == FEAT_NO_NODE ? feat_bind_reason(&q->b, 0) : FEAT_OK;
}

feat_status feat_query_find(feat_query *q, const feat_ast_expr *expr, size_t *source, size_t *column) {
    size_t found = 0;
    bool known = !expr->qualifier;
    *source = SIZE_MAX;
    for (size_t i = 0; i < q->n_sources; i++) {
        const feat_query_source *s = &q->sources[i];
        if (expr->qualifier && strcasecmp(expr->qualifier, s->alias) != 0) continue;
        known = true;
        for (size_t c = 0; c < s->relation->n_columns; c++) {
            if (strcasecmp(s->relation->columns[c].name, expr->name) != 0) continue;
            /* A key that a join equates with what is there already is not a second column of the name. */
            if (found && !expr->qualifier && s->joined && s->relation->columns[c].key) continue;
            if (found++ == 0) {
                *source = i;
                *column = c;
            }
        }
    }
    if (!known)
        return feat_bind_fail(&q->b, expr->offset, "unknown table or view '%.100s' in this query", expr->qualifier);
    if (found > 1)
        return feat_bind_fail(&q->b, expr->offset,
                              "'%.100s' is ambiguous; write the alias in front, as in %.100s.%.100s", expr->name,
                              q->sources[*source].alias, expr->name);
    return FEAT_OK;
}

feat_status feat_query_unknown(feat_query *q, const feat_ast_expr *expr) {
    size_t n = 0, room = q->view ? q->view->n_features : 0;
    for (size_t i = 0; i < q->n_sources; i++) room += q->sources[i].relation->n_columns;
    const char **names = feat_arena_array(q->b.arena, room, sizeof *names);
    if (!names) return feat_fail_memory(q->b.err);
    for (size_t i = 0; i < q->n_sources; i++)
        for (size_t c = 0; c < q->sources[i].relation->n_columns; c++)
            if (!expr->qualifier || same_name(expr->qualifier, q->sources[i].alias))
                names[n++] = q->sources[i].relation->columns[c].name;
    for (size_t i = 0; q->view && !expr->qualifier && i < q->view->n_features; i++)
        names[n++] = q->view->features[i].name;
    const char *near = feat_sql_suggest(expr->name, names, n);
    return feat_bind_fail(&q->b, expr->offset, "unknown column '%.100s'%s%s%s", expr->name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

feat_status feat_query_in_stages(feat_query *q, const feat_ast_expr *expr, uint32_t *nodes, feat_type *type) {
    feat_query_level level = q->level;
    feat_pool *pool = q->b.build.pool;
    feat_status status = FEAT_OK;
    q->level = FEAT_LEVEL_EVENT;
    for (size_t i = 0; i < q->n_stages && status == FEAT_OK; i++) {
        q->stage = i;
        q->b.build.pool = &q->stages[i]->pool;
        status = feat_bind_expr(&q->b, expr, &nodes[i]);
        if (status != FEAT_OK) break;
        feat_type found = feat_build_type(&q->b.build, nodes[i]);
        if (i == 0) *type = found;
        else if (found != *type) /* columns of a UNION ALL have one type each, so this cannot differ */
            status = feat_bind_fail(&q->b, expr->offset, "this has different types in the parts of the UNION ALL");
    }
    q->stage = 0;
    q->level = level;
    q->b.build.pool = pool;
    return status;
}

/* ---- Joins. ---- */

static int key_part(const feat_view *view, const char *name) {
    for (size_t k = 0; k < view->n_key; k++)
        if (strcasecmp(view->key[k].name, name) == 0) return (int)k;
    return -1;
}

/* Gives part `part` of the joined key in the current stage. Keys are compared by value, so integers and decimals of any
 * width meet as they are. */
static feat_status join_part(feat_query *q, feat_query_source *s, size_t part, uint32_t node, uint32_t offset) {
    const feat_field *key = &s->relation->view->key[part];
    feat_type type = feat_build_type(&q->b.build, node);
    bool numbers = (feat_type_is_integer(type) || FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL) &&
                   (feat_type_is_integer(key->type) || FEAT_TYPE_BASE(key->type) == FEAT_TYPE_DECIMAL);
    if (!numbers) {
        uint32_t cast = feat_build_cast(&q->b.build, node, key->type, false);
        if (cast == FEAT_NO_NODE)
            return feat_bind_fail(&q->b, offset, "key '%.100s' of '%.100s' is %s, what it is compared with is %s",
                                  key->name, s->alias, feat_build_type_name(key->type), feat_build_type_name(type));
        node = cast;
    }
    s->keys[q->stage][part] = node;
    return FEAT_OK;
}

/* One comparison of ON: a key of the joined relation on one side, what is in FROM before on the other. */
static feat_status join_comparison(feat_query *q, feat_query_source *s, const feat_ast_source *source,
                                   const feat_ast_expr *e) {
    const feat_view *view = s->relation->view;
    bool asof = source->join == FEAT_AST_JOIN_ASOF_LEFT;
    if (asof && e->kind == FEAT_AST_BINARY && (strcmp(e->name, ">=") == 0 || strcmp(e->name, "<=") == 0)) {
        const feat_ast_expr *later = e->args[e->name[0] == '<'], *earlier = e->args[e->name[0] == '>'];
        if (earlier->kind == FEAT_AST_COLUMN && same_name(earlier->qualifier, s->alias) &&
            (q->rows == NULL || feat_is_event_time(q, later)))
            return FEAT_OK;
        return feat_bind_fail(&q->b, e->offset,
                              "the inequality of an ASOF join compares the two event times: event time >= %.100s.time",
                              s->alias);
    }
    if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "=") == 0)
        for (int flip = 0; flip < 2; flip++) {
            const feat_ast_expr *key = e->args[flip], *value = e->args[1 - flip];
            if (key->kind != FEAT_AST_COLUMN || (key->qualifier && !same_name(key->qualifier, s->alias))) continue;
            if (!key->qualifier && value->kind == FEAT_AST_COLUMN && same_name(value->qualifier, s->alias)) continue;
            int part = key_part(view, key->name);
            if (part < 0) continue;
            if (!key->qualifier) { /* without an alias the name must lead nowhere else */
                size_t other, column;
                FEAT_TRY(feat_query_find(q, key, &other, &column));
                if (other != SIZE_MAX) continue;
            }
            uint32_t node = 0;
            FEAT_TRY(feat_bind_expr(&q->b, value, &node));
            return join_part(q, s, (size_t)part, node, e->offset);
        }
    return feat_bind_fail(&q->b, e->offset,
                          "ON compares each key of '%.100s' with an expression of what stands before it, as in "
                          "%.100s.%.100s = ...",
                          s->alias, s->alias, view->key[0].name);
}

static feat_status join_keys(feat_query *q, feat_query_source *s, const feat_ast_source *source) {
    const feat_view *view = s->relation->view;
    uint32_t *keys = feat_arena_array(q->b.arena, view->n_key, sizeof *keys);
    if (!keys) return feat_fail_memory(q->b.err);
    for (size_t k = 0; k < view->n_key; k++) keys[k] = FEAT_NO_NODE;
    s->keys[q->stage] = keys;
    for (size_t i = 0; i < source->using_columns.n; i++) {
        const feat_ast_name *name = &source->using_columns.items[i];
        feat_ast_expr column = {.kind = FEAT_AST_COLUMN, .offset = name->offset, .name = name->text};
        int part = key_part(view, name->text);
        uint32_t node = 0;
        size_t from, at;
        if (part < 0 && source->join == FEAT_AST_JOIN_ASOF_LEFT && i > 0) continue; /* the event time */
        if (part < 0)
            return feat_bind_fail(&q->b, name->offset, "'%.100s' is no key of '%.100s'", name->text, s->alias);
        if (q->service) column.qualifier = q->sources[0].alias; /* the request comes first */
        FEAT_TRY(feat_query_find(q, &column, &from, &at));
        if (from == SIZE_MAX && q->service) {
            column.qualifier = NULL;
            FEAT_TRY(feat_query_find(q, &column, &from, &at));
        }
        if (from == SIZE_MAX)
            return feat_bind_fail(&q->b, name->offset,
                                  q->service ? "the request has no input '%.100s'"
                                             : "there is no column '%.100s' before this join",
                                  name->text);
        FEAT_TRY(feat_query_column(q, from, at, &node));
        FEAT_TRY(join_part(q, s, (size_t)part, node, name->offset));
    }
    if (source->on) {
        const feat_ast_expr **conjuncts;
        size_t n;
        FEAT_TRY(feat_conjuncts(q, source->on, &conjuncts, &n));
        for (size_t i = 0; i < n; i++) FEAT_TRY(join_comparison(q, s, source, conjuncts[i]));
    }
    for (size_t k = 0; k < view->n_key; k++)
        if (keys[k] == FEAT_NO_NODE)
            return feat_bind_fail(&q->b, source->offset,
                                  "the join does not say what key '%.100s' of '%.100s' is equal to", view->key[k].name,
                                  s->alias);
    return FEAT_OK;
}

static feat_status join_one(feat_query *q, const feat_ast_source *source) {
    const feat_relation *relation = NULL;
    feat_query_source joined = {.service_view = -1, .joined = true}, *added = NULL;
    FEAT_TRY(resolve(q, source, false, &relation));
    if (!relation->view)
        return feat_bind_fail(
            &q->b, source->offset,
            "'%.100s' has many rows for a key; join a dimension, a view or a query with one row per key, "
            "or write ASOF LEFT JOIN for the newest row",
            alias_of(source));
    joined.alias = alias_of(source);
    joined.relation = relation;
    joined.inlinings = feat_arena_array(q->b.arena, q->n_stages, sizeof *joined.inlinings);
    joined.keys = feat_arena_array(q->b.arena, q->n_stages, sizeof *joined.keys);
    if (!joined.inlinings || !joined.keys) return feat_fail_memory(q->b.err);
    feat_query_level level = q->level;
    feat_pool *pool = q->b.build.pool;
    q->level = q->rows ? FEAT_LEVEL_EVENT : FEAT_LEVEL_ROW;
    feat_status status = FEAT_OK;
    for (q->stage = 0; q->stage < q->n_stages && status == FEAT_OK; q->stage++) {
        feat_stage *stage = q->stages[q->stage];
        q->b.build.pool = &stage->pool;
        status = join_keys(q, &joined, source);
        if (status == FEAT_OK)
            status = feat_inlining_init(&joined.inlinings[q->stage], &relation->view->stage, stage,
                                        joined.keys[q->stage], q->b.err);
        if (status != FEAT_OK || source->join != FEAT_AST_JOIN_INNER || relation->view->present == FEAT_NO_NODE)
            continue;
        uint32_t present = 0, *where = q->rows ? &q->rows[q->stage].where : &q->inner;
        status = feat_inline(&joined.inlinings[q->stage], relation->view->present, &present, q->b.err);
        if (status != FEAT_OK) continue;
        *where = *where == FEAT_NO_NODE ? present : feat_build_binary(&q->b.build, "and", *where, present);
        status = fail_memory_or(q, *where, source->offset);
    }
    q->stage = 0;
    q->level = level;
    q->b.build.pool = pool;
    if (status != FEAT_OK) return status;
    FEAT_TRY(add_source(q, joined.alias, source->offset, relation, &added));
    *added = joined;
    return FEAT_OK;
}

feat_status feat_query_joins(feat_query *q) {
    for (size_t i = 1; i < q->select->n_sources; i++) FEAT_TRY(join_one(q, &q->select->sources[i]));
    return FEAT_OK;
}
