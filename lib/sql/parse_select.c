/* Queries. */
#include "sql/parser.h"

/* ---- Columns of a table or a request. ---- */

feat_status feat_parse_column_def(feat_parser *p, feat_ast_column_def *column) {
    feat_ast_name name = {0};
    bool null = false;
    FEAT_TRY(feat_parser_name(p, "a column", &name));
    column->name = name.text;
    column->offset = name.offset;
    FEAT_TRY(feat_parse_type(p, &column->type, &column->type_offset));
    for (;;) {
        uint32_t offset = feat_parser_peek(p)->offset;
        bool twice = false;
        if (feat_parser_accept_both(p, "not", "null")) {
            twice = column->not_null || null;
            column->not_null = true;
        } else if (feat_parser_accept(p, "null")) {
            twice = column->not_null || null;
            null = true;
        } else if (feat_parser_accept(p, "default")) {
            twice = column->default_value != NULL;
            FEAT_TRY(feat_parse_expr(p, &column->default_value));
        } else if (feat_parser_accept(p, "check")) {
            twice = column->check != NULL;
            FEAT_TRY(feat_parser_expect(p, "("));
            FEAT_TRY(feat_parse_expr(p, &column->check));
            FEAT_TRY(feat_parser_expect(p, ")"));
        } else {
            return FEAT_OK;
        }
        if (twice) return feat_parser_refuse(p, offset, "this column says that already; keep one of them");
    }
}

/* ---- FROM. ---- */

/* [AS] name. Behind AS a select item may be called by any word; the rest are names. */
static feat_status parse_alias(feat_parser *p, bool item, const char **alias) {
    feat_ast_name name = {0};
    if (feat_parser_accept(p, "as")) {
        FEAT_TRY(item ? feat_parser_label(p, "an alias", &name) : feat_parser_name(p, "an alias", &name));
    } else {
        if (!feat_parser_at_name(p)) return FEAT_OK;
        bool word = feat_parser_peek(p)->kind == FEAT_TOKEN_WORD;
        FEAT_TRY(feat_parser_name(p, "an alias", &name));
        if (word) p->bare_name = p->at;
    }
    *alias = name.text;
    return FEAT_OK;
}

static feat_status parse_request(feat_parser *p, feat_ast_source *source) {
    source->request = true;
    do {
        feat_ast_column_def column = {0};
        FEAT_TRY(feat_parse_column_def(p, &column));
        FEAT_TRY(FEAT_PUSH(p, source->columns, source->n_columns, column));
    } while (feat_parser_accept(p, ","));
    return feat_parser_accept(p, ")") ? FEAT_OK : feat_parser_fail(p, "',' or ')'");
}

static feat_status parse_source(feat_parser *p, feat_ast_source *source) {
    source->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept_both(p, "request", "(")) {
        FEAT_TRY(parse_request(p, source));
    } else if (feat_parser_accept(p, "(")) {
        FEAT_TRY(feat_parse_select(p, &source->select));
        FEAT_TRY(feat_parser_end_select(p, ")"));
    } else {
        feat_ast_name name = {0};
        bool live = feat_parser_is(p, "live"), materialized = feat_parser_is(p, "materialized");
        bool joined = source->join != FEAT_AST_JOIN_NONE;
        if (joined && (live || materialized) && feat_parser_at_name_ahead(p, 1)) { /* else a view of that name */
            source->materialized = materialized;
            p->at++;
        }
        source->offset = feat_parser_peek(p)->offset;
        FEAT_TRY(feat_parser_name(p, "a table or view", &name));
        source->name = name.text;
    }
    return parse_alias(p, false, &source->alias);
}

static feat_status parse_join(feat_parser *p, bool *found, feat_ast_source *source) {
    static const char *const others[] = {"right", "full", "cross", "natural", "semi", "anti", "positional", ","};
    uint32_t offset = feat_parser_peek(p)->offset;
    *found = true;
    if (feat_parser_accept(p, "asof")) {
        FEAT_TRY(feat_parser_expect(p, "left"));
        source->join = FEAT_AST_JOIN_ASOF_LEFT;
    } else if (feat_parser_accept(p, "left")) {
        feat_parser_accept(p, "outer");
        source->join = FEAT_AST_JOIN_LEFT;
    } else if (feat_parser_accept(p, "inner") || feat_parser_is(p, "join")) {
        source->join = FEAT_AST_JOIN_INNER;
    } else {
        *found = false;
        if (feat_parser_accept_any(p, others, sizeof others / sizeof *others))
            return feat_parser_refuse(p, offset,
                                      "tables are brought together by LEFT JOIN, INNER JOIN and ASOF LEFT JOIN only");
        return FEAT_OK;
    }
    FEAT_TRY(feat_parser_expect(p, "join"));
    FEAT_TRY(parse_source(p, source));
    if (feat_parser_accept(p, "using")) return feat_parser_names(p, &source->using_columns);
    return feat_parser_accept(p, "on") ? feat_parse_expr(p, &source->on)
                                       : feat_parser_fail(p, "USING (columns) or ON condition");
}

static feat_status parse_from(feat_parser *p, feat_ast_select *select) {
    feat_ast_source source = {0};
    bool found = true;
    FEAT_TRY(parse_source(p, &source));
    while (found) {
        FEAT_TRY(FEAT_PUSH(p, select->sources, select->n_sources, source));
        source = (feat_ast_source){0};
        FEAT_TRY(parse_join(p, &found, &source));
    }
    return FEAT_OK;
}

/* ---- The clauses. ---- */

static feat_status parse_ctes(feat_parser *p, feat_ast_select *select) {
    do {
        feat_ast_cte cte = {0};
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a name for the query", &name));
        cte.name = name.text;
        cte.offset = name.offset;
        FEAT_TRY(feat_parser_expect(p, "as"));
        FEAT_TRY(feat_parser_expect(p, "("));
        FEAT_TRY(feat_parse_select(p, &cte.select));
        FEAT_TRY(feat_parser_end_select(p, ")"));
        FEAT_TRY(FEAT_PUSH(p, select->ctes, select->n_ctes, cte));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

static feat_status parse_items(feat_parser *p, feat_ast_select *select) {
    if (feat_parser_accept(p, "distinct")) {
        select->distinct = true;
        if (feat_parser_accept(p, "on")) {
            FEAT_TRY(feat_parser_expect(p, "("));
            FEAT_TRY(feat_parse_expr_list(p, &select->distinct_on, &select->n_distinct_on));
            FEAT_TRY(feat_parser_expect(p, ")"));
        }
    }
    do {
        feat_ast_item item = {.offset = feat_parser_peek(p)->offset};
        FEAT_TRY(feat_parse_expr(p, &item.expr));
        FEAT_TRY(parse_alias(p, true, &item.alias));
        FEAT_TRY(FEAT_PUSH(p, select->items, select->n_items, item));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

static feat_status parse_windows(feat_parser *p, feat_ast_select *select) {
    do {
        feat_ast_window window = {0};
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a name for the window", &name));
        window.name = name.text;
        window.offset = name.offset;
        FEAT_TRY(feat_parser_expect(p, "as"));
        FEAT_TRY(feat_parser_expect(p, "("));
        FEAT_TRY(feat_parse_window(p, &window));
        FEAT_TRY(feat_parser_expect(p, ")"));
        FEAT_TRY(FEAT_PUSH(p, select->windows, select->n_windows, window));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

static feat_status parse_clauses(feat_parser *p, feat_ast_select *select) {
    FEAT_TRY(parse_items(p, select));
    if (feat_parser_accept(p, "from")) FEAT_TRY(parse_from(p, select));
    if (feat_parser_accept(p, "where")) FEAT_TRY(feat_parse_expr(p, &select->where));
    if (feat_parser_accept(p, "group")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_expr_list(p, &select->group, &select->n_group));
    }
    if (feat_parser_accept(p, "having")) FEAT_TRY(feat_parse_expr(p, &select->having));
    if (feat_parser_accept(p, "window")) FEAT_TRY(parse_windows(p, select));
    if (feat_parser_accept(p, "qualify")) FEAT_TRY(feat_parse_expr(p, &select->qualify));
    return FEAT_OK;
}

/* ORDER BY, LIMIT and OFFSET: of the whole UNION ALL, behind its last query. */
static feat_status parse_order_limit(feat_parser *p, feat_ast_select *first) {
    if (feat_parser_accept(p, "order")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_order(p, &first->order, &first->n_order));
    }
    if ((feat_parser_is(p, "limit") || feat_parser_is(p, "offset")) && first->n_order == 0)
        return feat_parser_refuse(p, feat_parser_peek(p)->offset,
                                  "LIMIT and OFFSET need an ORDER BY: without one it is open which rows they keep");
    for (;;) { /* in either order */
        if (!first->limit && feat_parser_accept(p, "limit")) FEAT_TRY(feat_parse_expr(p, &first->limit));
        else if (!first->skip && feat_parser_accept(p, "offset")) FEAT_TRY(feat_parse_expr(p, &first->skip));
        else break;
    }
    if (first->n_order > 0 && feat_parser_is(p, "union"))
        return feat_parser_refuse(p, feat_parser_peek(p)->offset,
                                  "ORDER BY and LIMIT stand behind the last query of a UNION ALL");
    return FEAT_OK;
}

/* A query in parentheses takes the place of the one that is being read, with all of its UNION ALL. What is its own
 * alone cannot be kept apart once others follow. */
static feat_status parse_enclosed(feat_parser *p, bool alone, feat_ast_select **at) {
    feat_ast_select *inner;
    uint32_t offset = feat_parser_peek(p)->offset;
    FEAT_TRY(feat_parser_expect(p, "("));
    FEAT_TRY(feat_parse_select(p, &inner));
    FEAT_TRY(feat_parser_end_select(p, ")"));
    bool own = inner->n_ctes || inner->n_order || inner->limit || inner->skip;
    if (own && (!alone || feat_parser_is(p, "union")))
        return feat_parser_refuse(p, offset,
                                  "WITH, ORDER BY and LIMIT stand around a UNION ALL, not inside one of its queries");
    if (own && (*at)->n_ctes) return feat_parser_refuse(p, offset, "WITH stands before a query once");
    feat_ast_select kept = **at;
    **at = *inner;
    (*at)->offset = kept.offset;
    if (kept.n_ctes) {
        (*at)->ctes = kept.ctes;
        (*at)->n_ctes = kept.n_ctes;
    }
    while ((*at)->union_all) *at = (*at)->union_all;
    return FEAT_OK;
}

feat_status feat_parse_select(feat_parser *p, feat_ast_select **select) {
    FEAT_TRY(feat_parser_enter(p));
    feat_ast_select *first = FEAT_ARENA_NEW(p->arena, feat_ast_select), *at = first;
    if (!first) return feat_fail_memory(p->err);
    first->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept(p, "with")) FEAT_TRY(parse_ctes(p, first));
    for (;;) {
        if (feat_parser_is(p, "(")) {
            FEAT_TRY(parse_enclosed(p, at == first, &at));
        } else {
            FEAT_TRY(feat_parser_expect(p, "select"));
            FEAT_TRY(parse_clauses(p, at));
        }
        if (!feat_parser_accept(p, "union")) break;
        FEAT_TRY(feat_parser_expect(p, "all"));
        at->union_all = FEAT_ARENA_NEW(p->arena, feat_ast_select);
        if (!at->union_all) return feat_fail_memory(p->err);
        at = at->union_all;
        at->offset = feat_parser_peek(p)->offset;
    }
    FEAT_TRY(parse_order_limit(p, first));
    feat_parser_leave(p);
    *select = first;
    return FEAT_OK;
}

feat_status feat_parser_end_select(feat_parser *p, const char *text) {
    static const char *const clauses[] = {"from",    "where", "group", "having", "window",
                                          "qualify", "order", "limit", "offset", "union"};
    if (feat_parser_accept(p, text)) return FEAT_OK;
    for (size_t i = 0; i < sizeof clauses / sizeof *clauses; i++)
        if (feat_parser_is(p, clauses[i]))
            return feat_parser_refuse(
                p, feat_parser_peek(p)->offset,
                "this clause is out of place or there twice; the order is SELECT, FROM, WHERE, GROUP BY, "
                "HAVING, WINDOW, QUALIFY, UNION ALL, ORDER BY, LIMIT");
    return feat_parser_fail(p,
                            text[0] == ')' ? "',', a clause of the query or ')'" : "',', a clause of the query or ';'");
}
