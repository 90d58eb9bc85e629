/* SELECT lists: where a name leads at each level of a query, stars, keys and features. */
#include <string.h>
#include <strings.h>

#include "plan/query.h"

/* ---- Names. ---- */

static bool find_alias(const feat_query *q, const feat_ast_expr *e, uint32_t *node) {
    for (size_t i = 0; q->view && !e->qualifier && i < q->view->n_features; i++)
        if (strcasecmp(q->view->features[i].name, e->name) == 0) {
            *node = q->view->features[i].node;
            return true;
        }
    return false;
}

static feat_status key_node(feat_query *q, size_t part, uint32_t *node) {
    *node = feat_build_leaf(&q->b.build, FEAT_NODE_INPUT, q->block->key[part], (uint32_t)part, 0);
    return *node == FEAT_NO_NODE ? feat_fail_memory(q->b.err) : FEAT_OK;
}

/* The part of the key that a source's column is, or -1. */
static feat_status key_part_of(feat_query *q, size_t source, size_t column, int *part) {
    feat_pool *pool = q->b.build.pool;
    uint32_t node = FEAT_NO_NODE;
    q->b.build.pool = &q->stages[0]->pool;
    feat_status status = feat_query_column(q, source, column, &node);
    q->b.build.pool = pool;
    *part = -1;
    for (size_t k = 0; status == FEAT_OK && k < q->n_key; k++)
        if (q->key_nodes[k * q->n_stages] == node) *part = (int)k;
    return status;
}

static feat_status bind_group_column(feat_query *q, const feat_ast_expr *e, uint32_t *node) {
    size_t source, column;
    int part = -1;
    if (find_alias(q, e, node)) return FEAT_OK;
    FEAT_TRY(feat_query_find(q, e, &source, &column));
    if (source == SIZE_MAX) return feat_query_unknown(q, e);
    if (q->level == FEAT_LEVEL_NEWEST) return feat_query_newest(q, source, column, node);
    FEAT_TRY(key_part_of(q, source, column, &part));
    if (part >= 0) return key_node(q, (size_t)part, node);
    return feat_bind_fail(
        &q->b, e->offset,
        "'%.100s' is a column of single events and stands beside aggregates; write last(%.100s)%s for its "
        "newest value",
        e->name, e->name, q->grouped ? "" : " OVER ...");
}

feat_status feat_query_bind_column(feat_binder *b, const feat_ast_expr *e, uint32_t *node) {
    feat_query *q = b->context;
    size_t source, column;
    switch (q->level) {
    case FEAT_LEVEL_GROUP:
    case FEAT_LEVEL_NEWEST: return bind_group_column(q, e, node);
    case FEAT_LEVEL_CLOCK:
        return feat_bind_fail(
            b, e->offset,
            "'%.100s' stands beside the clock; what is compared with the event time is made of the clock "
            "and constants alone, as in now() - INTERVAL '30 days'",
            e->name);
    case FEAT_LEVEL_EVENT:
    case FEAT_LEVEL_ROW: break;
    }
    FEAT_TRY(feat_query_find(q, e, &source, &column));
    if (source != SIZE_MAX) return feat_query_column(q, source, column, node);
    if (q->level == FEAT_LEVEL_ROW && find_alias(q, e, node)) return FEAT_OK;
    return feat_query_unknown(q, e);
}

static feat_status no_aggregate(feat_query *q, const feat_ast_expr *e) {
    const char *names[FEAT_AGG_COUNT_OF];
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++) names[i] = feat_agg_table[i].sql;
    const char *near = feat_sql_suggest(e->name, names, FEAT_AGG_COUNT_OF);
    return feat_bind_fail(&q->b, e->offset, "'%.100s' is no aggregate, and only aggregates take a window%s%s%s",
                          e->name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

feat_status feat_query_bind_call(feat_binder *b, const feat_ast_expr *e, bool *handled, uint32_t *node) {
    static const char *const random[] = {"random", "rand", "uuid", "gen_random_uuid", "setseed", "nextval"};
    feat_query *q = b->context;
    for (size_t i = 0; i < sizeof random / sizeof *random; i++)
        if (strcasecmp(e->name, random[i]) == 0)
            return feat_bind_fail(b, e->offset,
                                  "%s() is not deterministic: a feature is a function of its events and of t", e->name);
    if (feat_is_clock(e->name) && e->n_args == 0) {
        if (q->level == FEAT_LEVEL_EVENT)
            return feat_bind_fail(
                b, e->offset,
                "the clock cannot be mixed with the columns of an event: compare the bare event time with "
                "it, or compute with now() outside the aggregates");
        *handled = true;
        *node = feat_build_leaf(&b->build, FEAT_NODE_NOW, FEAT_TYPE_TIMESTAMP, 0, 0);
        if (*node != FEAT_NO_NODE && (strcasecmp(e->name, "current_date") == 0 || strcasecmp(e->name, "today") == 0))
            *node = feat_build_cast(&b->build, *node, FEAT_TYPE_DATE, true);
        return *node == FEAT_NO_NODE ? feat_bind_reason(b, e->offset) : FEAT_OK;
    }
    if (strcasecmp(e->name, "row_number") == 0)
        return feat_bind_fail(
            b, e->offset, "row_number() stands in QUALIFY row_number() OVER (PARTITION BY key ORDER BY time DESC) = 1");
    if (strcasecmp(e->name, "lead") == 0)
        return feat_bind_fail(b, e->offset,
                              "lead looks at rows that come after the current one, which at t are not known; lag looks "
                              "at those before it");
    if (!feat_is_aggregate(e->name)) {
        return e->over || e->filter ? no_aggregate(q, e) : FEAT_OK;
    }
    *handled = true;
    switch (q->level) {
    case FEAT_LEVEL_GROUP: return feat_bind_aggregate(q, e, node);
    case FEAT_LEVEL_EVENT:
        return feat_bind_fail(b, e->offset, "aggregate '%.100s' inside an aggregate, a FILTER or WHERE", e->name);
    case FEAT_LEVEL_CLOCK: return feat_bind_fail(b, e->offset, "an aggregate cannot be a bound of a window");
    case FEAT_LEVEL_NEWEST:
        return feat_bind_fail(b, e->offset, "aggregate '%.100s' beside QUALIFY or DISTINCT ON, which choose one row",
                              e->name);
    case FEAT_LEVEL_ROW: break;
    }
    return feat_bind_fail(b, e->offset,
                          q->service ? "aggregate '%.100s' in a service; aggregates belong to a feature view"
                                     : "aggregate '%.100s' over rows of which there is one per key",
                          e->name);
}

/* ---- Stars. ---- */

feat_status feat_query_star(feat_query *q, const feat_ast_item *item, bool *star, feat_star_each *each) {
    const feat_ast_expr *e = item->expr, *excluded = NULL;
    *star = false;
    if (e->kind == FEAT_AST_BINARY && strcmp(e->name, "exclude") == 0) {
        excluded = e;
        e = e->args[0];
    }
    if (e->kind != FEAT_AST_STAR) return FEAT_OK;
    *star = true;
    bool known = false;
    for (size_t i = 0; i < q->n_sources; i++) {
        const feat_query_source *s = &q->sources[i];
        if (e->qualifier && strcasecmp(e->qualifier, s->alias) != 0) continue;
        known = true;
        if (q->service && i == 0 && !e->qualifier) continue; /* the request's inputs are known to who asks */
        for (size_t c = 0; c < s->relation->n_columns; c++) {
            bool left_out = (s->joined || q->level == FEAT_LEVEL_ROW) && s->relation->columns[c].key;
            for (size_t x = 1; excluded && x < excluded->n_args; x++)
                left_out |=
                    excluded->args[x]->name && strcasecmp(excluded->args[x]->name, s->relation->columns[c].name) == 0;
            if (!left_out) FEAT_TRY(each(q, i, c, item->offset));
        }
    }
    if (!known)
        return feat_bind_fail(&q->b, item->offset, "'%.100s.*': no table or view of this name is in FROM",
                              e->qualifier);
    for (size_t x = 1; excluded && x < excluded->n_args; x++) {
        bool there = false;
        for (size_t i = 0; i < q->n_sources; i++)
            for (size_t c = 0; c < q->sources[i].relation->n_columns; c++)
                there |= strcasecmp(q->sources[i].relation->columns[c].name, excluded->args[x]->name) == 0;
        if (!there) return feat_query_unknown(q, excluded->args[x]);
    }
    return FEAT_OK;
}

/* ---- Keys and features. ---- */

feat_status feat_query_feature(feat_query *q, const char *name, uint32_t node, uint32_t offset) {
    feat_output output = {name, feat_build_type(&q->b.build, node), node};
    if (output.type == FEAT_TYPE_UNKNOWN)
        return feat_bind_fail(&q->b, offset, "NULL alone has no type; write CAST(NULL AS type)");
    return feat_bind_output(&q->b, &q->view->features, &q->view->n_features, &q->features_capacity, output, offset);
}

static feat_status name_key(feat_query *q, const feat_ast_item *item, size_t part) {
    const char *name = item->alias ? item->alias : item->expr->kind == FEAT_AST_COLUMN ? item->expr->name : NULL;
    if (!name) return feat_bind_fail(&q->b, item->offset, "this part of the key needs a name; write AS name");
    for (size_t k = 0; k < q->view->n_key; k++)
        if (k != part && q->view->key[k].name && strcasecmp(q->view->key[k].name, name) == 0)
            return feat_bind_fail(&q->b, item->offset, "two parts of the key are called '%.100s'", name);
    q->view->key[part].name = name;
    return FEAT_OK;
}

/* Bound on trial: what is no expression of the events alone is no key. */
feat_status feat_query_key_item(feat_query *q, const feat_ast_item *item, bool *is_key) {
    *is_key = false;
    if (q->level == FEAT_LEVEL_ROW) {
        size_t source, column;
        if (q->service || item->expr->kind != FEAT_AST_COLUMN) return FEAT_OK;
        FEAT_TRY(feat_query_find(q, item->expr, &source, &column));
        if (source != 0 || !q->sources[0].relation->columns[column].key) return FEAT_OK;
        *is_key = true;
        return name_key(q, item, column);
    }
    if (!q->has_key || feat_has_aggregate(item->expr, NULL, NULL) || feat_mentions_clock(item->expr)) return FEAT_OK;
    feat_error *err = q->b.err;
    feat_query_level level = q->level;
    feat_pool *pool = q->b.build.pool;
    uint32_t node = FEAT_NO_NODE;
    q->b.err = NULL;
    q->level = FEAT_LEVEL_EVENT;
    q->b.build.pool = &q->stages[0]->pool;
    feat_status status = feat_bind_expr(&q->b, item->expr, &node);
    q->b.build.pool = pool;
    q->level = level;
    q->b.err = err;
    if (status == FEAT_MEMORY) return feat_fail_memory(err);
    for (size_t k = 0; status == FEAT_OK && k < q->n_key; k++)
        if (q->key_nodes[k * q->n_stages] == node) {
            *is_key = true;
            return name_key(q, item, k);
        }
    return FEAT_OK;
}
