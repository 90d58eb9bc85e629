/* Statements and queries. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "sql/parser.h"

/* ---- The parser's own tools. ---- */

/* Words that cannot be a name unless quoted: those that end an expression, an item or a source. */
static const char *const reserved[] = {"select", "from",  "where",  "group",   "having", "window",    "order", "union", "join",  "left",  "inner",
                                       "asof",   "on",    "using",  "as",      "and",    "or",        "not",   "is",    "in",    "between", "like",
                                       "ilike",  "case",  "when",   "then",    "else",   "end",       "null",  "true",  "false", "create", "distinct",
                                       "with",   "limit", "qualify", "unique", "partition", "over"};

const feat_token *feat_parser_peek(const feat_parser *p) { return &p->tokens[p->at]; }

static bool token_is(const feat_token *t, const char *text) {
    return (t->kind == FEAT_TOKEN_WORD || t->kind == FEAT_TOKEN_SYMBOL) && strcasecmp(t->text, text) == 0;
}

bool feat_parser_is(const feat_parser *p, const char *text) { return token_is(&p->tokens[p->at], text); }

bool feat_parser_is_at(const feat_parser *p, size_t ahead, const char *text) {
    for (size_t i = 0; i < ahead; i++)
        if (p->tokens[p->at + i].kind == FEAT_TOKEN_END) return false;
    return token_is(&p->tokens[p->at + ahead], text);
}

bool feat_parser_accept(feat_parser *p, const char *text) {
    if (!feat_parser_is(p, text)) return false;
    p->at++;
    return true;
}

feat_status feat_parser_fail(feat_parser *p, const char *wanted) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind == FEAT_TOKEN_END)
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset, "expected %s, but the text ends here", wanted);
    int n = t->end - t->offset < 60 ? (int)(t->end - t->offset) : 60;
    const char *near = t->kind == FEAT_TOKEN_WORD ? feat_sql_suggest(t->text, &wanted, 1) : NULL;
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset, "expected %s, found '%.*s'%s%s%s", wanted, n, p->sql + t->offset,
                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

feat_status feat_parser_expect(feat_parser *p, const char *text) {
    if (feat_parser_accept(p, text)) return FEAT_OK;
    char upper[32];
    size_t i = 0;
    for (; text[i] && i < sizeof upper - 1; i++) upper[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
    upper[i] = 0;
    return feat_parser_fail(p, upper);
}

bool feat_parser_at_name(const feat_parser *p) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind == FEAT_TOKEN_QUOTED) return true;
    if (t->kind != FEAT_TOKEN_WORD) return false;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcasecmp(t->text, reserved[i]) == 0) return false;
    return true;
}

feat_status feat_parser_name(feat_parser *p, const char *what, feat_ast_name *name) {
    if (!feat_parser_at_name(p)) return feat_parser_fail(p, what);
    const feat_token *t = feat_parser_peek(p);
    *name = (feat_ast_name){t->text, t->offset};
    p->at++;
    return FEAT_OK;
}

feat_status feat_parser_enter(feat_parser *p) {
    if (++p->depth <= FEAT_SQL_MAX_DEPTH) return FEAT_OK;
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, feat_parser_peek(p)->offset, "nested deeper than %d", FEAT_SQL_MAX_DEPTH);
}

void feat_parser_leave(feat_parser *p) { p->depth--; }

feat_status feat_parser_push(feat_parser *p, void *list, size_t *n, size_t size, const void *item) {
    void *items;
    memcpy(&items, list, sizeof items);
    if ((*n & (*n - 1)) == 0) { /* full: sizes 0, 1, 2, 4, ... */
        void *grown = feat_arena_array(p->arena, *n ? *n * 2 : 1, size);
        if (!grown) return feat_fail_memory(p->err);
        if (*n) memcpy(grown, items, *n * size);
        items = grown;
        memcpy(list, &items, sizeof items);
    }
    memcpy((char *)items + *n * size, item, size);
    (*n)++;
    return FEAT_OK;
}

static feat_status parse_names(feat_parser *p, feat_ast_names *names) {
    FEAT_TRY(feat_parser_expect(p, "("));
    do {
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a column", &name));
        FEAT_TRY(FEAT_PUSH(p, names->items, names->n, name));
    } while (feat_parser_accept(p, ","));
    return feat_parser_expect(p, ")");
}

/* ---- Queries. ---- */

static feat_status parse_select(feat_parser *p, feat_ast_select **select);

static feat_status parse_column_def(feat_parser *p, feat_ast_column_def *column) {
    feat_ast_name name = {0};
    FEAT_TRY(feat_parser_name(p, "a column", &name));
    column->name = name.text;
    column->offset = name.offset;
    FEAT_TRY(feat_parse_type(p, &column->type, &column->type_offset));
    for (;;) {
        if (feat_parser_is(p, "not")) {
            p->at++;
            FEAT_TRY(feat_parser_expect(p, "null"));
            column->not_null = true;
        } else if (feat_parser_accept(p, "null")) {
            column->not_null = false;
        } else if (feat_parser_accept(p, "default")) {
            FEAT_TRY(feat_parse_expr(p, &column->default_value));
        } else if (feat_parser_accept(p, "check")) {
            FEAT_TRY(feat_parser_expect(p, "("));
            FEAT_TRY(feat_parse_expr(p, &column->check));
            FEAT_TRY(feat_parser_expect(p, ")"));
        } else {
            return FEAT_OK;
        }
    }
}

static feat_status parse_alias(feat_parser *p, const char **alias) {
    feat_ast_name name = {0};
    if (feat_parser_accept(p, "as")) {
        FEAT_TRY(feat_parser_name(p, "an alias", &name));
    } else {
        if (!feat_parser_at_name(p)) return FEAT_OK;
        FEAT_TRY(feat_parser_name(p, "an alias", &name));
    }
    *alias = name.text;
    return FEAT_OK;
}

static feat_status parse_source(feat_parser *p, feat_ast_source *source) {
    source->offset = feat_parser_peek(p)->offset;
    if (feat_parser_is(p, "request") && feat_parser_is_at(p, 1, "(")) {
        p->at += 2;
        source->request = true;
        do {
            feat_ast_column_def column = {0};
            FEAT_TRY(parse_column_def(p, &column));
            FEAT_TRY(FEAT_PUSH(p, source->columns, source->n_columns, column));
        } while (feat_parser_accept(p, ","));
        FEAT_TRY(feat_parser_expect(p, ")"));
    } else if (feat_parser_accept(p, "(")) {
        FEAT_TRY(parse_select(p, &source->select));
        FEAT_TRY(feat_parser_expect(p, ")"));
    } else {
        bool mode = (feat_parser_is(p, "materialized") || feat_parser_is(p, "live")) &&
                    (p->tokens[p->at + 1].kind == FEAT_TOKEN_WORD || p->tokens[p->at + 1].kind == FEAT_TOKEN_QUOTED) &&
                    !feat_parser_is_at(p, 1, "using") && !feat_parser_is_at(p, 1, "on") && !feat_parser_is_at(p, 1, "as");
        if (mode) {
            source->materialized = feat_parser_is(p, "materialized");
            p->at++;
        }
        feat_ast_name name = {0};
        source->offset = feat_parser_peek(p)->offset;
        FEAT_TRY(feat_parser_name(p, "a table or view", &name));
        source->name = name.text;
    }
    return parse_alias(p, &source->alias);
}

static feat_status parse_from(feat_parser *p, feat_ast_select *select) {
    feat_ast_source first = {0};
    FEAT_TRY(parse_source(p, &first));
    FEAT_TRY(FEAT_PUSH(p, select->sources, select->n_sources, first));
    for (;;) {
        feat_ast_source next = {0};
        if (feat_parser_is(p, "asof")) {
            p->at++;
            FEAT_TRY(feat_parser_expect(p, "left"));
            next.join = FEAT_AST_JOIN_ASOF_LEFT;
        } else if (feat_parser_is(p, "left")) {
            p->at++;
            feat_parser_accept(p, "outer");
            next.join = FEAT_AST_JOIN_LEFT;
        } else if (feat_parser_is(p, "inner") || feat_parser_is(p, "join")) {
            feat_parser_accept(p, "inner");
            next.join = FEAT_AST_JOIN_INNER;
        } else {
            return FEAT_OK;
        }
        FEAT_TRY(feat_parser_expect(p, "join"));
        FEAT_TRY(parse_source(p, &next));
        if (feat_parser_accept(p, "using")) FEAT_TRY(parse_names(p, &next.using_columns));
        else if (feat_parser_accept(p, "on")) FEAT_TRY(feat_parse_expr(p, &next.on));
        else return feat_parser_fail(p, "USING (columns) or ON condition");
        FEAT_TRY(FEAT_PUSH(p, select->sources, select->n_sources, next));
    }
}

static feat_status parse_ctes(feat_parser *p, feat_ast_select *select) {
    do {
        feat_ast_cte cte = {0};
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a name for the query", &name));
        cte.name = name.text;
        cte.offset = name.offset;
        FEAT_TRY(feat_parser_expect(p, "as"));
        FEAT_TRY(feat_parser_expect(p, "("));
        FEAT_TRY(parse_select(p, &cte.select));
        FEAT_TRY(feat_parser_expect(p, ")"));
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
        FEAT_TRY(parse_alias(p, &item.alias));
        FEAT_TRY(FEAT_PUSH(p, select->items, select->n_items, item));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

static feat_status parse_windows(feat_parser *p, feat_ast_select *select) {
    do {
        feat_ast_window window = {0};
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a window", &name));
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
    if (feat_parser_accept(p, "order")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_order(p, &select->order, &select->n_order));
    }
    return FEAT_OK;
}

static feat_status parse_select(feat_parser *p, feat_ast_select **select) {
    FEAT_TRY(feat_parser_enter(p));
    feat_ast_select *first = FEAT_ARENA_NEW(p->arena, feat_ast_select), *at = first;
    if (!first) return feat_fail_memory(p->err);
    first->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept(p, "with")) FEAT_TRY(parse_ctes(p, first));
    for (;;) {
        FEAT_TRY(feat_parser_expect(p, "select"));
        FEAT_TRY(parse_clauses(p, at));
        if (!feat_parser_is(p, "union")) break;
        p->at++;
        FEAT_TRY(feat_parser_expect(p, "all"));
        at->union_all = FEAT_ARENA_NEW(p->arena, feat_ast_select);
        if (!at->union_all) return feat_fail_memory(p->err);
        at = at->union_all;
        at->offset = feat_parser_peek(p)->offset;
    }
    feat_parser_leave(p);
    *select = first;
    return FEAT_OK;
}

/* ---- Statements. ---- */

static feat_status parse_options(feat_parser *p, feat_ast_statement *s) {
    if (!feat_parser_is(p, "with") || !feat_parser_is_at(p, 1, "(")) return FEAT_OK;
    p->at += 2;
    do {
        feat_ast_option option = {0};
        FEAT_TRY(feat_parser_name(p, "an option", &option.name));
        FEAT_TRY(feat_parser_expect(p, "="));
        FEAT_TRY(feat_parse_expr(p, &option.value));
        FEAT_TRY(FEAT_PUSH(p, s->options, s->n_options, option));
    } while (feat_parser_accept(p, ","));
    return feat_parser_expect(p, ")");
}

static feat_status parse_table_item(feat_parser *p, feat_ast_statement *s) {
    if (feat_parser_is(p, "entity") && feat_parser_is_at(p, 1, "key")) {
        if (s->entity_key.n) return feat_parser_fail(p, "one ENTITY KEY only");
        p->at += 2;
        return parse_names(p, &s->entity_key);
    }
    if (feat_parser_is(p, "event") && feat_parser_is_at(p, 1, "time") && feat_parser_is_at(p, 2, "(")) {
        if (s->event_time.text) return feat_parser_fail(p, "one EVENT TIME only");
        p->at += 3;
        FEAT_TRY(feat_parser_name(p, "a column", &s->event_time));
        if (feat_parser_accept(p, "delay")) FEAT_TRY(feat_parse_expr(p, &s->delay));
        return feat_parser_expect(p, ")");
    }
    if (feat_parser_is(p, "unique")) {
        if (s->has_unique) return feat_parser_fail(p, "one UNIQUE key only");
        p->at++;
        s->has_unique = true;
        return parse_names(p, &s->unique);
    }
    feat_ast_column_def column = {0};
    FEAT_TRY(parse_column_def(p, &column));
    return FEAT_PUSH(p, s->columns, s->n_columns, column);
}

static feat_status parse_table(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the table", &s->name));
    FEAT_TRY(feat_parser_expect(p, "("));
    do FEAT_TRY(parse_table_item(p, s));
    while (feat_parser_accept(p, ","));
    FEAT_TRY(feat_parser_expect(p, ")"));
    return parse_options(p, s);
}

static feat_status parse_view(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the feature view", &s->name));
    FEAT_TRY(parse_options(p, s));
    FEAT_TRY(feat_parser_expect(p, "as"));
    return parse_select(p, &s->select);
}

static feat_status parse_service(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the feature service", &s->name));
    FEAT_TRY(parse_options(p, s));
    FEAT_TRY(feat_parser_expect(p, "as"));
    if (feat_parser_is(p, "select") || feat_parser_is(p, "with")) return parse_select(p, &s->select);
    do {
        feat_ast_pick pick = {0};
        FEAT_TRY(feat_parser_name(p, "SELECT or a feature view", &pick.view));
        if (feat_parser_is(p, "(")) FEAT_TRY(parse_names(p, &pick.features));
        FEAT_TRY(FEAT_PUSH(p, s->picks, s->n_picks, pick));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

/* TABLE, DIMENSION, FEATURE VIEW or FEATURE SERVICE. */
static feat_status parse_object(feat_parser *p, feat_ast_statement_kind *kind, const char **text) {
    static const char wanted[] = "TABLE, FEATURE VIEW or FEATURE SERVICE";
    if (feat_parser_accept(p, "table")) {
        *kind = FEAT_AST_CREATE_TABLE;
        *text = "table";
    } else if (feat_parser_accept(p, "dimension")) {
        *kind = FEAT_AST_CREATE_DIMENSION;
        *text = "dimension";
    } else if (feat_parser_accept(p, "feature")) {
        if (feat_parser_accept(p, "view")) {
            *kind = FEAT_AST_CREATE_VIEW;
            *text = "feature view";
        } else if (feat_parser_accept(p, "service")) {
            *kind = FEAT_AST_CREATE_SERVICE;
            *text = "feature service";
        } else {
            return feat_parser_fail(p, "VIEW or SERVICE");
        }
    } else {
        return feat_parser_fail(p, wanted);
    }
    return FEAT_OK;
}

static feat_status parse_statement(feat_parser *p, feat_ast_statement *s) {
    const char *object;
    s->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept(p, "drop")) {
        FEAT_TRY(parse_object(p, &s->kind, &s->dropped));
        s->kind = FEAT_AST_DROP;
        return feat_parser_name(p, "a name", &s->name);
    }
    FEAT_TRY(feat_parser_expect(p, "create"));
    if (feat_parser_accept(p, "or")) {
        FEAT_TRY(feat_parser_expect(p, "replace"));
        s->or_replace = true;
    }
    FEAT_TRY(parse_object(p, &s->kind, &object));
    if (s->kind == FEAT_AST_CREATE_VIEW) return parse_view(p, s);
    if (s->kind == FEAT_AST_CREATE_SERVICE) return parse_service(p, s);
    return parse_table(p, s);
}

feat_status feat_sql_parse(feat_arena *arena, const char *sql, size_t length, feat_ast_script **script, feat_error *err) {
    feat_token *tokens;
    size_t n_tokens;
    FEAT_TRY(feat_lex(arena, sql, length, &tokens, &n_tokens, err));
    feat_parser p = {.arena = arena, .sql = sql, .length = length, .tokens = tokens, .err = err};
    feat_ast_script *result = FEAT_ARENA_NEW(arena, feat_ast_script);
    if (!result) return feat_fail_memory(err);
    while (feat_parser_accept(&p, ";")) {}
    while (feat_parser_peek(&p)->kind != FEAT_TOKEN_END) {
        feat_ast_statement *s = FEAT_ARENA_NEW(arena, feat_ast_statement);
        if (!s) return feat_fail_memory(err);
        FEAT_TRY(parse_statement(&p, s));
        s->end = p.tokens[p.at - 1].end;
        FEAT_TRY(FEAT_PUSH(&p, result->statements, result->n, s));
        if (feat_parser_peek(&p)->kind != FEAT_TOKEN_END) FEAT_TRY(feat_parser_expect(&p, ";"));
        while (feat_parser_accept(&p, ";")) {}
    }
    *script = result;
    return FEAT_OK;
}
