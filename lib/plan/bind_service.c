/* CREATE FEATURE SERVICE: expressions over a request's inputs and the features of the views joined to them. */
#include <string.h>
#include <strings.h>

#include "plan/bind.h"

typedef struct service_binder {
    feat_binder b;
    const feat_scope *scope;
    feat_service *service;
    const char *request_alias; /* "request" when it has none */
    size_t joins_capacity, features_capacity, inputs_capacity;
} service_binder;

static int find_input(const feat_service *service, const char *name) {
    for (size_t i = 0; i < service->n_inputs; i++)
        if (strcasecmp(service->inputs[i].name, name) == 0) return (int)i;
    return -1;
}

static int find_feature(const feat_view *view, const char *name) {
    for (size_t i = 0; i < view->n_features; i++)
        if (strcasecmp(view->features[i].name, name) == 0) return (int)i;
    return -1;
}

static feat_status input_node(feat_binder *b, const feat_service *service, int input, uint32_t *node) {
    *node = feat_build_leaf(&b->build, FEAT_NODE_INPUT, service->inputs[input].type, (uint32_t)input, 0);
    return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
}

static feat_status feature_node(feat_binder *b, const feat_service *service, size_t join, size_t feature,
                                uint32_t *node) {
    *node = feat_build_leaf(&b->build, FEAT_NODE_FEATURE, service->joins[join].view->features[feature].type,
                            (uint32_t)feature, (uint32_t)join);
    return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
}

/* All names that `qualifier` (NULL: anything) offers, for a suggestion. */
static feat_status unknown_name(service_binder *s, const feat_ast_expr *expr) {
    const feat_service *service = s->service;
    size_t n = 0, room = service->n_inputs + service->n_features;
    for (size_t j = 0; j < service->n_joins; j++) room += service->joins[j].view->n_features;
    const char **names = feat_arena_array(s->b.arena, room, sizeof *names);
    if (!names) return feat_fail_memory(s->b.err);
    if (!expr->qualifier || strcasecmp(expr->qualifier, s->request_alias) == 0)
        for (size_t i = 0; i < service->n_inputs; i++) names[n++] = service->inputs[i].name;
    for (size_t j = 0; j < service->n_joins; j++)
        if (!expr->qualifier || strcasecmp(expr->qualifier, service->joins[j].alias) == 0)
            for (size_t i = 0; i < service->joins[j].view->n_features; i++)
                names[n++] = service->joins[j].view->features[i].name;
    const char *near = feat_sql_suggest(expr->name, names, n);
    return feat_bind_fail(&s->b, expr->offset, "unknown name '%s%s%.100s'%s%s%s",
                          expr->qualifier ? expr->qualifier : "", expr->qualifier ? "." : "", expr->name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static feat_status bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    service_binder *s = b->context;
    const feat_service *service = s->service;
    bool request = !expr->qualifier || strcasecmp(expr->qualifier, s->request_alias) == 0, known = request;
    int input = request ? find_input(service, expr->name) : -1;
    size_t found = 0, join = 0;
    int feature = -1;
    for (size_t j = 0; j < service->n_joins; j++) {
        if (expr->qualifier && strcasecmp(expr->qualifier, service->joins[j].alias) != 0) continue;
        known = true;
        int f = find_feature(service->joins[j].view, expr->name);
        if (f < 0) {
            /* u.user_id: the key of the view is the request's input. */
            const feat_view *view = service->joins[j].view;
            for (size_t k = 0; expr->qualifier && k < view->n_key; k++)
                if (strcasecmp(view->table->fields[view->key[k]].name, expr->name) == 0)
                    return input_node(b, service, (int)service->joins[j].inputs[k], node);
            continue;
        }
        found++;
        join = j;
        feature = f;
    }
    if (!known) return feat_bind_fail(b, expr->offset, "unknown table or view '%.100s' in this query", expr->qualifier);
    if (found + (input >= 0) > 1)
        return feat_bind_fail(b, expr->offset, "'%.100s' is ambiguous; write the alias in front, as in %s.%.100s",
                              expr->name, service->joins[join].alias, expr->name);
    if (input >= 0) return input_node(b, service, input, node);
    if (found) return feature_node(b, service, join, (size_t)feature, node);
    for (size_t i = 0; !expr->qualifier && i < service->n_features; i++)
        if (strcasecmp(service->features[i].name, expr->name) == 0) {
            *node = service->features[i].node;
            return FEAT_OK;
        }
    return unknown_name(s, expr);
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    if ((strcasecmp(expr->name, "now") == 0 || strcasecmp(expr->name, "current_timestamp") == 0) && expr->n_args == 0) {
        *handled = true;
        *node = feat_build_leaf(&b->build, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0);
        return *node == FEAT_NO_NODE ? feat_fail_memory(b->err) : FEAT_OK;
    }
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++)
        if (strcasecmp(feat_agg_table[i].sql, expr->name) == 0)
            return feat_bind_fail(b, expr->offset, "aggregate '%s' in a service; aggregates belong to a feature view",
                                  expr->name);
    return FEAT_OK;
}

static feat_status bind_request(service_binder *s, const feat_ast_source *request) {
    s->request_alias = request->alias ? request->alias : "request";
    for (size_t i = 0; i < request->n_columns; i++) {
        const feat_ast_column_def *column = &request->columns[i];
        feat_type type;
        if (find_input(s->service, column->name) >= 0)
            return feat_bind_fail(&s->b, column->offset, "two inputs are called '%.100s'", column->name);
        if (!feat_type_from_sql(column->type, &type))
            return feat_bind_fail(&s->b, column->type_offset,
                                  "unknown type '%.100s'; there are BOOLEAN, BIGINT, DOUBLE, TEXT, DATE and TIMESTAMP",
                                  column->type);
        if (column->not_null || column->default_value || column->check)
            return feat_bind_fail(&s->b, column->offset, "a request input has a name and a type only");
        FEAT_TRY(FEAT_BIND_ROOM(&s->b, s->service->inputs, s->service->n_inputs, s->inputs_capacity));
        s->service->inputs[s->service->n_inputs] =
            (feat_field){column->name, type, (uint32_t)s->service->n_inputs + 1, false};
        s->service->n_inputs++;
    }
    return FEAT_OK;
}

static feat_status find_view(service_binder *s, const char *name, uint32_t offset, const feat_view **view) {
    *view = feat_scope_view(s->scope, name);
    if (*view) return FEAT_OK;
    if (feat_scope_table(s->scope, name))
        return feat_bind_fail(&s->b, offset, "'%.100s' is a table; a service joins feature views", name);
    const char **names = feat_arena_array(s->b.arena, s->scope->n_views, sizeof *names);
    if (!names) return feat_fail_memory(s->b.err);
    for (size_t i = 0; i < s->scope->n_views; i++) names[i] = s->scope->views[i]->name;
    const char *near = feat_sql_suggest(name, names, s->scope->n_views);
    return feat_bind_fail(&s->b, offset, "unknown feature view '%.100s'%s%s%s", name, near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
}

static feat_status add_join(service_binder *s, const feat_view *view, const char *alias, uint32_t offset,
                            feat_join **join) {
    if (strcasecmp(alias, s->request_alias) == 0)
        return feat_bind_fail(&s->b, offset, "'%.100s' names the request already", alias);
    for (size_t j = 0; j < s->service->n_joins; j++)
        if (strcasecmp(s->service->joins[j].alias, alias) == 0)
            return feat_bind_fail(&s->b, offset, "'%.100s' is joined twice; give one an alias", alias);
    FEAT_TRY(FEAT_BIND_ROOM(&s->b, s->service->joins, s->service->n_joins, s->joins_capacity));
    *join = &s->service->joins[s->service->n_joins];
    **join = (feat_join){view, alias, feat_arena_array(s->b.arena, view->n_key, sizeof(uint32_t))};
    if (!(*join)->inputs) return feat_fail_memory(s->b.err);
    for (size_t k = 0; k < view->n_key; k++) (*join)->inputs[k] = UINT32_MAX;
    s->service->n_joins++;
    return FEAT_OK;
}

static feat_status bind_key_part(service_binder *s, feat_join *join, size_t part, int input, uint32_t offset) {
    const feat_field *key = &join->view->table->fields[join->view->key[part]], *in = &s->service->inputs[input];
    if (key->type != in->type)
        return feat_bind_fail(&s->b, offset, "key '%.100s' of view '%.100s' is %s, the request's '%.100s' is %s",
                              key->name, join->view->name, feat_type_name(key->type), in->name,
                              feat_type_name(in->type));
    join->inputs[part] = (uint32_t)input;
    return FEAT_OK;
}

static int key_part(const feat_view *view, const char *name) {
    for (size_t k = 0; k < view->n_key; k++)
        if (strcasecmp(view->table->fields[view->key[k]].name, name) == 0) return (int)k;
    return -1;
}

/* One equality of ON: a key column of the view on one side, an input of the request on the other. */
static feat_status bind_equality(service_binder *s, feat_join *join, const feat_ast_expr *e) {
    if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "=") == 0 && e->args[0]->kind == FEAT_AST_COLUMN &&
        e->args[1]->kind == FEAT_AST_COLUMN)
        for (int flip = 0; flip < 2; flip++) {
            const feat_ast_expr *key = e->args[flip], *in = e->args[1 - flip];
            if (!key->qualifier || strcasecmp(key->qualifier, join->alias) != 0) continue;
            if (in->qualifier && strcasecmp(in->qualifier, s->request_alias) != 0) continue;
            int part = key_part(join->view, key->name), input = find_input(s->service, in->name);
            if (part >= 0 && input >= 0) return bind_key_part(s, join, (size_t)part, input, e->offset);
        }
    return feat_bind_fail(&s->b, e->offset,
                          "ON compares each key of the view with an input of the request, as in %s.key = %s.key",
                          join->alias, s->request_alias);
}

static feat_status bind_join(service_binder *s, const feat_ast_source *source) {
    const feat_view *view;
    feat_join *join;
    if (source->join != FEAT_AST_JOIN_LEFT)
        return feat_bind_fail(&s->b, source->offset,
                              "a service joins with LEFT JOIN: an unknown entity still gets an answer");
    if (!source->name) return feat_bind_fail(&s->b, source->offset, "a service joins feature views by name");
    if (source->materialized)
        return feat_bind_fail(&s->b, source->offset, "MATERIALIZED is not supported; views are read LIVE");
    FEAT_TRY(find_view(s, source->name, source->offset, &view));
    FEAT_TRY(add_join(s, view, source->alias ? source->alias : source->name, source->offset, &join));
    for (size_t i = 0; i < source->using_columns.n; i++) {
        const feat_ast_name *name = &source->using_columns.items[i];
        int part = key_part(view, name->text), input = find_input(s->service, name->text);
        if (part < 0)
            return feat_bind_fail(&s->b, name->offset, "'%.100s' is no key of feature view '%.100s'", name->text,
                                  view->name);
        if (input < 0) return feat_bind_fail(&s->b, name->offset, "the request has no input '%.100s'", name->text);
        FEAT_TRY(bind_key_part(s, join, (size_t)part, input, name->offset));
    }
    if (source->on) {
        const feat_ast_expr *on = source->on;
        if (on->kind == FEAT_AST_BINARY && strcmp(on->name, "and") == 0)
            for (size_t i = 0; i < on->n_args; i++) FEAT_TRY(bind_equality(s, join, on->args[i]));
        else FEAT_TRY(bind_equality(s, join, on));
    }
    for (size_t k = 0; k < view->n_key; k++)
        if (join->inputs[k] == UINT32_MAX)
            return feat_bind_fail(&s->b, source->offset,
                                  "the join does not say which input gives key '%.100s' of view '%.100s'",
                                  view->table->fields[view->key[k]].name, view->name);
    return FEAT_OK;
}

static feat_status add_feature(service_binder *s, const char *name, uint32_t node, uint32_t offset) {
    feat_output output = {name, feat_build_type(&s->b.build, node), node};
    if (output.type == FEAT_TYPE_UNKNOWN)
        return feat_bind_fail(&s->b, offset, "NULL alone has no type; write CAST(NULL AS type)");
    return feat_bind_output(&s->b, &s->service->features, &s->service->n_features, &s->features_capacity, output,
                            offset);
}

static feat_status add_all_features(service_binder *s, size_t join, uint32_t offset) {
    const feat_view *view = s->service->joins[join].view;
    for (size_t f = 0; f < view->n_features; f++) {
        uint32_t node = 0;
        FEAT_TRY(feature_node(&s->b, s->service, join, f, &node));
        FEAT_TRY(add_feature(s, view->features[f].name, node, offset));
    }
    return FEAT_OK;
}

static feat_status bind_item(service_binder *s, const feat_ast_item *item) {
    uint32_t node = 0;
    const char *name = NULL;
    if (item->expr->kind == FEAT_AST_STAR) {
        bool known = false;
        for (size_t j = 0; j < s->service->n_joins; j++) {
            if (item->expr->qualifier && strcasecmp(item->expr->qualifier, s->service->joins[j].alias) != 0) continue;
            known = true;
            FEAT_TRY(add_all_features(s, j, item->offset));
        }
        return known ? FEAT_OK
                     : feat_bind_fail(&s->b, item->offset, "'%.100s.*': no view of this name is joined",
                                      item->expr->qualifier ? item->expr->qualifier : "");
    }
    FEAT_TRY(feat_bind_item_name(&s->b, item, &name));
    FEAT_TRY(feat_bind_expr(&s->b, item->expr, &node));
    return add_feature(s, name, node, item->offset);
}

static feat_status bind_select(service_binder *s, const feat_ast_select *select) {
    if (select->n_ctes || select->union_all || select->where || select->n_group || select->having ||
        select->n_windows || select->qualify || select->n_order || select->distinct)
        return feat_bind_fail(&s->b, select->offset,
                              "a service is SELECT ... FROM REQUEST (...) LEFT JOIN ..., without further clauses");
    if (select->n_sources == 0 || !select->sources[0].request)
        return feat_bind_fail(&s->b, select->offset, "a service reads FROM REQUEST (name TYPE, ...)");
    FEAT_TRY(bind_request(s, &select->sources[0]));
    for (size_t i = 1; i < select->n_sources; i++) FEAT_TRY(bind_join(s, &select->sources[i]));
    for (size_t i = 0; i < select->n_items; i++) FEAT_TRY(bind_item(s, &select->items[i]));
    return FEAT_OK;
}

/* AS view, view (feature, ...): the request is the union of the views' keys by name. */
static feat_status bind_picks(service_binder *s, const feat_ast_statement *statement) {
    feat_service *service = s->service;
    s->request_alias = "request";
    for (size_t p = 0; p < statement->n_picks; p++) {
        const feat_ast_pick *pick = &statement->picks[p];
        const feat_view *view = NULL;
        feat_join *join = NULL;
        FEAT_TRY(find_view(s, pick->view.text, pick->view.offset, &view));
        FEAT_TRY(add_join(s, view, pick->view.text, pick->view.offset, &join));
        for (size_t k = 0; k < view->n_key; k++) {
            const feat_field *key = &view->table->fields[view->key[k]];
            int input = find_input(service, key->name);
            if (input < 0) {
                FEAT_TRY(FEAT_BIND_ROOM(&s->b, service->inputs, service->n_inputs, s->inputs_capacity));
                input = (int)service->n_inputs;
                service->inputs[service->n_inputs++] = (feat_field){key->name, key->type, (uint32_t)input + 1, false};
            }
            FEAT_TRY(bind_key_part(s, join, k, input, pick->view.offset));
        }
        size_t number = service->n_joins - 1;
        if (pick->features.n == 0) FEAT_TRY(add_all_features(s, number, pick->view.offset));
        for (size_t i = 0; i < pick->features.n; i++) {
            feat_ast_expr column = {.kind = FEAT_AST_COLUMN,
                                    .offset = pick->features.items[i].offset,
                                    .qualifier = pick->view.text,
                                    .name = pick->features.items[i].text};
            int feature = find_feature(view, column.name);
            uint32_t node = 0;
            if (feature < 0) return unknown_name(s, &column);
            FEAT_TRY(feature_node(&s->b, service, number, (size_t)feature, &node));
            FEAT_TRY(add_feature(s, view->features[feature].name, node, column.offset));
        }
    }
    return FEAT_OK;
}

feat_status feat_bind_service(feat_arena *arena, const feat_source *source, const feat_ast_statement *statement,
                              const feat_scope *scope, feat_service **out, feat_error *err) {
    static const char *const options[] = {"description", "owner", "tags"};
    feat_service *service = FEAT_ARENA_NEW(arena, feat_service);
    if (!service) return feat_fail_memory(err);
    service->name = statement->name.text;
    feat_pool_init(&service->pool, arena);
    service_binder s = {.b = {.arena = arena, .source = source, .err = err, .column = bind_column, .call = bind_call},
                        .scope = scope,
                        .service = service};
    s.b.context = &s;
    s.b.build.pool = &service->pool;
    feat_status status;
    FEAT_GOTO(status, feat_bind_options(&s.b, statement, options, sizeof options / sizeof *options), fail);
    FEAT_GOTO(status, statement->select ? bind_select(&s, statement->select) : bind_picks(&s, statement), fail);
    if (service->n_joins == 0) {
        status = feat_bind_fail(&s.b, statement->name.offset, "a service joins at least one feature view");
        goto fail;
    }
    if (service->n_features == 0) {
        status = feat_bind_fail(&s.b, statement->name.offset, "the service has no features");
        goto fail;
    }
    FEAT_GOTO(status, feat_lower_service(arena, service, err), fail);
    FEAT_GOTO(status, feat_service_fingerprint(service, err), fail);
    *out = service;
    return FEAT_OK;
fail:
    feat_service_done(service);
    return status;
}
