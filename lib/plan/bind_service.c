/* CREATE FEATURE SERVICE: a query over a request, and the short form that lists views. Views become part of the
 * service's one stage, as far as its features need them. */
#include <string.h>
#include <strings.h>

#include "plan/query.h"

typedef struct service_binder {
    feat_query *q;
    feat_service *service;
    feat_relation *request;
    size_t inputs_capacity, views_capacity, owners_capacity;
} service_binder;

/* ---- The request. ---- */

static feat_status add_input(service_binder *s, const char *name, feat_type type) {
    feat_service *service = s->service;
    feat_binder *b = &s->q->b;
    size_t capacity = s->inputs_capacity;
    FEAT_TRY(FEAT_BIND_ROOM(b, service->inputs, service->n_inputs, s->inputs_capacity));
    FEAT_TRY(FEAT_BIND_ROOM(b, s->request->columns, service->n_inputs, capacity));
    s->request->columns[service->n_inputs] = (feat_relation_column){name, type, false};
    service->inputs[service->n_inputs] =
        (feat_field){.name = name, .type = type, .id = (uint32_t)service->n_inputs + 1};
    s->request->n_columns = ++service->n_inputs;
    return FEAT_OK;
}

static int find_input(const feat_service *service, const char *name) {
    for (size_t i = 0; i < service->n_inputs; i++)
        if (strcasecmp(service->inputs[i].name, name) == 0) return (int)i;
    return -1;
}

static feat_status bind_request(service_binder *s, const feat_ast_source *request) {
    feat_binder *b = &s->q->b;
    for (size_t i = 0; i < request->n_columns; i++) {
        const feat_ast_column_def *column = &request->columns[i];
        feat_type type;
        if (find_input(s->service, column->name) >= 0)
            return feat_bind_fail(b, column->offset, "two inputs are called '%.100s'", column->name);
        if (!feat_type_from_sql(column->type, &type))
            return feat_bind_fail(b, column->type_offset, "unknown type '%.100s'", column->type);
        if (column->not_null || column->default_value || column->check)
            return feat_bind_fail(b, column->offset, "a request input has a name and a type only");
        FEAT_TRY(add_input(s, column->name, type));
    }
    return FEAT_OK;
}

static feat_status add_request_source(service_binder *s, const char *alias) {
    feat_query *q = s->q;
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, q->sources, q->n_sources, q->sources_capacity));
    q->sources[q->n_sources++] = (feat_query_source){.alias = alias, .relation = s->request, .service_view = -1};
    q->stages = FEAT_ARENA_NEW(q->b.arena, feat_stage *);
    if (!q->stages) return feat_fail_memory(q->b.err);
    q->stages[0] = &q->view->stage;
    q->n_stages = 1;
    return FEAT_OK;
}

/* ---- Views. ---- */

/* What decides the statuses of a joined view's features. */
static feat_status add_view(service_binder *s, size_t source, const char *name, bool materialized, uint32_t offset) {
    feat_query *q = s->q;
    feat_service *service = s->service;
    feat_query_source *from = &q->sources[source];
    const feat_view *view = from->relation->view;
    feat_service_view added = {.alias = from->alias,
                               .name = name,
                               .version = view->version,
                               .fingerprint = view->fingerprint,
                               .materialized = materialized,
                               .found = FEAT_NO_NODE,
                               .expired = FEAT_NO_NODE};
    if (materialized && !from->relation->named)
        return feat_bind_fail(&q->b, offset, "MATERIALIZED belongs to a feature view; '%.100s' is none", name);
    if (!from->relation->named) { /* a dimension, or a query of its own: known by what it means */
        feat_view copy = *view;
        FEAT_TRY(feat_view_fingerprint(&copy, q->b.err));
        added.fingerprint = copy.fingerprint;
    }
    if (view->found != FEAT_NO_NODE) FEAT_TRY(feat_inline(&from->inlinings[0], view->found, &added.found, q->b.err));
    if (view->expired != FEAT_NO_NODE)
        FEAT_TRY(feat_inline(&from->inlinings[0], view->expired, &added.expired, q->b.err));
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, service->views, service->n_views, s->views_capacity));
    from->service_view = (int32_t)service->n_views;
    service->views[service->n_views++] = added;
    return FEAT_OK;
}

/* ---- Features. ---- */

static feat_status add_feature(feat_query *q, size_t source, size_t column, uint32_t offset) {
    uint32_t node;
    FEAT_TRY(feat_query_column(q, source, column, &node));
    const feat_relation_column *c = &q->sources[source].relation->columns[column];
    service_binder *s = q->owner;
    FEAT_TRY(feat_query_feature(q, c->name, node, offset));
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, s->service->feature_view, q->view->n_features - 1, s->owners_capacity));
    s->service->feature_view[q->view->n_features - 1] = c->key ? -1 : q->sources[source].service_view;
    return FEAT_OK;
}

static feat_status bind_item(service_binder *s, const feat_ast_item *item) {
    feat_query *q = s->q;
    const feat_ast_expr *e = item->expr;
    const char *name;
    uint32_t node = 0;
    bool star;
    int32_t owner = -1;
    FEAT_TRY(feat_query_star(q, item, &star, add_feature));
    if (star) return FEAT_OK;
    FEAT_TRY(feat_bind_expr(&q->b, e, &node));
    FEAT_TRY(feat_bind_item_name(&q->b, item, &name));
    if (e->kind == FEAT_AST_COLUMN) {
        size_t source, column;
        FEAT_TRY(feat_query_find(q, e, &source, &column));
        if (source != SIZE_MAX && !q->sources[source].relation->columns[column].key)
            owner = q->sources[source].service_view;
    }
    FEAT_TRY(feat_query_feature(q, name, node, item->offset));
    FEAT_TRY(FEAT_BIND_ROOM(&q->b, s->service->feature_view, q->view->n_features - 1, s->owners_capacity));
    s->service->feature_view[q->view->n_features - 1] = owner;
    return FEAT_OK;
}

static feat_status bind_select(service_binder *s, const feat_ast_select *select) {
    feat_query *q = s->q;
    if (select->union_all || select->where || select->n_group || select->having || select->n_windows ||
        select->qualify || select->n_order || select->distinct || select->n_distinct_on)
        return feat_bind_fail(
            &q->b, select->offset,
            "a service is SELECT ... FROM REQUEST (...) LEFT JOIN ..., without further clauses: a request "
            "always gets an answer");
    if (select->n_sources == 0 || !select->sources[0].request)
        return feat_bind_fail(&q->b, select->offset, "a service reads FROM REQUEST (name TYPE, ...)");
    FEAT_TRY(bind_request(s, &select->sources[0]));
    FEAT_TRY(add_request_source(s, select->sources[0].alias ? select->sources[0].alias : "request"));
    for (size_t i = 1; i < select->n_sources; i++)
        if (select->sources[i].join == FEAT_AST_JOIN_INNER)
            return feat_bind_fail(&q->b, select->sources[i].offset,
                                  "a service joins with LEFT JOIN: an unknown entity still gets an answer");
    FEAT_TRY(feat_query_joins(q));
    for (size_t i = 1; i < select->n_sources; i++) {
        const feat_ast_source *source = &select->sources[i];
        FEAT_TRY(add_view(s, i,
                          source->name    ? source->name
                          : source->alias ? source->alias
                                          : "query",
                          source->materialized, source->offset));
    }
    for (size_t i = 0; i < select->n_items; i++) FEAT_TRY(bind_item(s, &select->items[i]));
    return FEAT_OK;
}

/* AS view, view (feature, ...): the request is the union of the views' keys by name; then it is as if joined USING
 * them. */
static feat_status bind_picks(service_binder *s, const feat_ast_statement *statement) {
    feat_query *q = s->q;
    feat_arena *arena = q->b.arena;
    feat_ast_select *select = FEAT_ARENA_NEW(arena, feat_ast_select);
    feat_ast_source *sources = feat_arena_array(arena, statement->n_picks + 1, sizeof *sources);
    if (!select || !sources) return feat_fail_memory(q->b.err);
    select->sources = sources;
    select->n_sources = 1;
    q->select = select;
    for (size_t p = 0; p < statement->n_picks; p++) {
        const feat_ast_pick *pick = &statement->picks[p];
        const feat_view *view = feat_scope_view(q->d->scope, pick->view.text);
        feat_ast_source *source = &sources[select->n_sources++];
        *source = (feat_ast_source){.join = FEAT_AST_JOIN_LEFT, .offset = pick->view.offset, .name = pick->view.text};
        if (!view) { /* a name that leads nowhere, or to a table: the join says which */
            if (feat_scope_table(q->d->scope, pick->view.text))
                return feat_bind_fail(&q->b, pick->view.offset,
                                      "'%.100s' is a table; this form of a service lists feature views",
                                      pick->view.text);
            continue;
        }
        source->using_columns.items = feat_arena_array(arena, view->n_key, sizeof *source->using_columns.items);
        if (!source->using_columns.items) return feat_fail_memory(q->b.err);
        for (size_t k = 0; k < view->n_key; k++) {
            int input = find_input(s->service, view->key[k].name);
            source->using_columns.items[source->using_columns.n++] =
                (feat_ast_name){view->key[k].name, pick->view.offset};
            if (input < 0) FEAT_TRY(add_input(s, view->key[k].name, view->key[k].type));
        }
    }
    FEAT_TRY(add_request_source(s, "request"));
    FEAT_TRY(feat_query_joins(q));
    for (size_t p = 0; p < statement->n_picks; p++) {
        const feat_ast_pick *pick = &statement->picks[p];
        FEAT_TRY(add_view(s, p + 1, pick->view.text, false, pick->view.offset));
        const feat_relation *relation = q->sources[p + 1].relation;
        if (pick->features.n == 0)
            for (size_t c = 0; c < relation->n_columns; c++)
                if (!relation->columns[c].key) FEAT_TRY(add_feature(q, p + 1, c, pick->view.offset));
        for (size_t i = 0; i < pick->features.n; i++) {
            feat_ast_expr column = {.kind = FEAT_AST_COLUMN,
                                    .offset = pick->features.items[i].offset,
                                    .qualifier = pick->view.text,
                                    .name = pick->features.items[i].text};
            size_t from, at;
            FEAT_TRY(feat_query_find(q, &column, &from, &at));
            if (from == SIZE_MAX) return feat_query_unknown(q, &column);
            FEAT_TRY(add_feature(q, from, at, column.offset));
        }
    }
    return FEAT_OK;
}

feat_status feat_bind_service(feat_arena *arena, const feat_source *source, const feat_ast_statement *statement,
                              const feat_scope *scope, feat_service **out, feat_error *err) {
    static const char *const known[] = {"description", "owner", "tags", "freshness_sla"};
    feat_service *service = FEAT_ARENA_NEW(arena, feat_service);
    feat_query *q = FEAT_ARENA_NEW(arena, feat_query);
    feat_relation *request = FEAT_ARENA_NEW(arena, feat_relation);
    if (!service || !q || !request) return feat_fail_memory(err);
    service->name = statement->name.text;
    feat_definition d = {.arena = arena, .source = source, .scope = scope, .uses = &service->uses, .err = err};
    service_binder s = {.q = q, .service = service, .request = request};
    *request = (feat_relation){.time = -1, .low = FEAT_NO_NODE, .high = FEAT_NO_NODE};
    *q = (feat_query){.b = {.arena = arena,
                            .source = source,
                            .err = err,
                            .column = feat_query_bind_column,
                            .call = feat_query_bind_call},
                      .d = &d,
                      .select = statement->select,
                      .level = FEAT_LEVEL_ROW,
                      .low = FEAT_NO_NODE,
                      .high = FEAT_NO_NODE,
                      .inner = FEAT_NO_NODE,
                      .time = -1,
                      .service = true,
                      .owner = &s};
    q->b.context = q;
    q->view = FEAT_ARENA_NEW(arena, feat_view);
    if (!q->view) return feat_fail_memory(err);
    feat_pool_init(&q->view->stage.pool, arena);
    q->b.build.pool = &q->view->stage.pool;
    FEAT_TRY(feat_bind_options(&q->b, statement, known, sizeof known / sizeof *known));
    FEAT_TRY(feat_bind_metadata(&q->b, statement, &service->options, &service->n_options));
    if (statement->select && statement->select->n_ctes) { /* names that the joins can use */
        const feat_ast_select *select = statement->select;
        for (size_t i = 0; i < select->n_ctes; i++) {
            feat_query_names *added = FEAT_ARENA_NEW(arena, feat_query_names);
            if (!added) return feat_fail_memory(err);
            *added = (feat_query_names){.outer = q->names, .name = select->ctes[i].name};
            FEAT_TRY(feat_bind_query(&d, q->names, select->ctes[i].select, false, &added->relation));
            q->names = added;
        }
    }
    FEAT_TRY(statement->select ? bind_select(&s, statement->select) : bind_picks(&s, statement));
    if (service->n_views == 0)
        return feat_bind_fail(&q->b, statement->name.offset, "a service joins at least one feature view or dimension");
    if (q->view->n_features == 0) return feat_bind_fail(&q->b, statement->name.offset, "the service has no features");
    service->stage = q->view->stage;
    service->features = q->view->features;
    service->n_features = q->view->n_features;
    FEAT_TRY(feat_lower_service(arena, service, scope->fold, err));
    FEAT_TRY(feat_service_fingerprint(service, err));
    *out = service;
    return FEAT_OK;
}
