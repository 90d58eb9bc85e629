/* Statements. */
#include <string.h>

#include "sql/parser.h"

/* The kinds of definitions. A word pair is looked for before its first word alone. */
typedef struct object_kind {
    const char *first, *second, *text;
    feat_ast_statement_kind create;
} object_kind;

static const object_kind objects[] = {
    {"feature", "view", "feature view", FEAT_AST_CREATE_VIEW},
    {"feature", "service", "feature service", FEAT_AST_CREATE_SERVICE},
    {"table", NULL, "table", FEAT_AST_CREATE_TABLE},
    {"dimension", NULL, "dimension", FEAT_AST_CREATE_DIMENSION},
    {"derivation", NULL, "derivation", FEAT_AST_CREATE_DERIVATION},
};

static const object_kind *accept_object(feat_parser *p) {
    for (size_t i = 0; i < sizeof objects / sizeof *objects; i++) {
        const object_kind *o = &objects[i];
        if (o->second ? feat_parser_accept_both(p, o->first, o->second) : feat_parser_accept(p, o->first)) return o;
    }
    return NULL;
}

static feat_status fail_object(feat_parser *p) {
    return feat_parser_accept(p, "feature")
               ? feat_parser_fail(p, "VIEW or SERVICE")
               : feat_parser_fail(p, "TABLE, DIMENSION, FEATURE VIEW, FEATURE SERVICE or DERIVATION");
}

/* ---- CREATE. ---- */

static feat_status parse_options(feat_parser *p, feat_ast_statement *s) {
    if (!feat_parser_accept_both(p, "with", "(")) return FEAT_OK;
    do {
        feat_ast_option option = {0};
        FEAT_TRY(feat_parser_label(p, "an option", &option.name));
        FEAT_TRY(feat_parser_expect(p, "="));
        FEAT_TRY(feat_parse_expr(p, &option.value));
        FEAT_TRY(FEAT_PUSH(p, s->options, s->n_options, option));
    } while (feat_parser_accept(p, ","));
    return feat_parser_accept(p, ")") ? FEAT_OK : feat_parser_fail(p, "',' or ')'");
}

static feat_status parse_table_item(feat_parser *p, feat_ast_statement *s) {
    uint32_t offset = feat_parser_peek(p)->offset;
    if (feat_parser_is_at(p, 2, "(") && feat_parser_accept_both(p, "entity", "key")) {
        if (s->entity_key.n)
            return feat_parser_refuse(p, offset, "a table has one ENTITY KEY; it may be of several columns");
        return feat_parser_names(p, &s->entity_key);
    }
    if (feat_parser_is_at(p, 2, "(") && feat_parser_accept_both(p, "event", "time")) {
        if (s->event_time.text) return feat_parser_refuse(p, offset, "a table has one EVENT TIME");
        p->at++;
        FEAT_TRY(feat_parser_name(p, "a column", &s->event_time));
        if (feat_parser_accept(p, "delay")) FEAT_TRY(feat_parse_expr(p, &s->delay));
        return feat_parser_accept(p, ")") ? FEAT_OK : feat_parser_fail(p, s->delay ? "')'" : "DELAY or ')'");
    }
    if (feat_parser_accept(p, "unique")) {
        if (s->has_unique)
            return feat_parser_refuse(p, offset, "a table has one UNIQUE key; it may be of several columns");
        s->has_unique = true;
        return feat_parser_names(p, &s->unique);
    }
    feat_ast_column_def column = {0};
    feat_ast_name name = {0};
    if (!feat_parser_at_name(p))
        return feat_parser_name(p, "a column, ENTITY KEY (...), EVENT TIME (...) or UNIQUE (...)", &name);
    FEAT_TRY(feat_parse_column_def(p, &column));
    return FEAT_PUSH(p, s->columns, s->n_columns, column);
}

static feat_status parse_table(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the table", &s->name));
    FEAT_TRY(feat_parser_expect(p, "("));
    do FEAT_TRY(parse_table_item(p, s));
    while (feat_parser_accept(p, ","));
    if (!feat_parser_accept(p, ")")) return feat_parser_fail(p, "',' or ')'");
    return parse_options(p, s);
}

static feat_status parse_view(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the feature view", &s->name));
    FEAT_TRY(parse_options(p, s));
    FEAT_TRY(feat_parser_expect(p, "as"));
    return feat_parse_select(p, &s->select);
}

static feat_status parse_service(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the feature service", &s->name));
    FEAT_TRY(parse_options(p, s));
    FEAT_TRY(feat_parser_expect(p, "as"));
    if (feat_parser_is(p, "select") || feat_parser_is(p, "with")) return feat_parse_select(p, &s->select);
    do {
        feat_ast_pick pick = {0};
        FEAT_TRY(feat_parser_name(p, "SELECT or a feature view", &pick.view));
        p->bare_name = p->at;
        if (feat_parser_is(p, "(")) FEAT_TRY(feat_parser_names(p, &pick.features));
        FEAT_TRY(FEAT_PUSH(p, s->picks, s->n_picks, pick));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

/* RAW TABLE name: its columns are always the same. */
static feat_status parse_raw(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_expect(p, "table"));
    s->kind = FEAT_AST_CREATE_TABLE;
    s->object = "table";
    s->raw = true;
    FEAT_TRY(feat_parser_name(p, "a name for the raw table", &s->name));
    return parse_options(p, s);
}

/* DERIVATION name INTO table AS SELECT ... */
static feat_status parse_derivation(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_name(p, "a name for the derivation", &s->name));
    FEAT_TRY(feat_parser_expect(p, "into"));
    FEAT_TRY(feat_parser_name(p, "the table that it fills", &s->target));
    FEAT_TRY(parse_options(p, s));
    FEAT_TRY(feat_parser_expect(p, "as"));
    return feat_parse_select(p, &s->select);
}

static feat_status parse_create(feat_parser *p, feat_ast_statement *s) {
    if (feat_parser_accept(p, "or")) {
        FEAT_TRY(feat_parser_expect(p, "replace"));
        s->or_replace = true;
    }
    if (feat_parser_accept(p, "raw")) return parse_raw(p, s);
    const object_kind *object = accept_object(p);
    if (!object) return fail_object(p);
    s->kind = object->create;
    s->object = object->text;
    if (s->kind == FEAT_AST_CREATE_VIEW) return parse_view(p, s);
    if (s->kind == FEAT_AST_CREATE_SERVICE) return parse_service(p, s);
    if (s->kind == FEAT_AST_CREATE_DERIVATION) return parse_derivation(p, s);
    return parse_table(p, s);
}

/* ---- The other statements. ---- */

static feat_status parse_drop(feat_parser *p, feat_ast_statement *s) {
    const object_kind *object = accept_object(p);
    if (!object) return fail_object(p);
    s->object = object->text;
    s->if_exists = feat_parser_accept_both(p, "if", "exists");
    return feat_parser_name(p, "a name", &s->name);
}

/* The word COLUMN may be left out. */
static feat_status parse_alter(feat_parser *p, feat_ast_statement *s) {
    s->object = feat_parser_accept(p, "table") ? "table" : feat_parser_accept(p, "dimension") ? "dimension" : NULL;
    if (!s->object) return feat_parser_fail(p, "TABLE or DIMENSION");
    FEAT_TRY(feat_parser_name(p, "a table", &s->name));
    feat_ast_column_def column = {0};
    if (feat_parser_accept(p, "add")) {
        s->alter = FEAT_AST_ADD_COLUMN;
        feat_parser_accept(p, "column");
        FEAT_TRY(feat_parse_column_def(p, &column));
        s->column = (feat_ast_name){column.name, column.offset};
        return FEAT_PUSH(p, s->columns, s->n_columns, column);
    }
    bool drop = feat_parser_accept(p, "drop"), rename = !drop && feat_parser_accept(p, "rename");
    if (!drop && !rename && !feat_parser_accept(p, "alter"))
        return feat_parser_fail(p, "ADD, DROP, RENAME or ALTER COLUMN");
    feat_parser_accept(p, "column");
    FEAT_TRY(feat_parser_name(p, "a column", &s->column));
    s->alter = drop ? FEAT_AST_DROP_COLUMN : rename ? FEAT_AST_RENAME_COLUMN : FEAT_AST_ALTER_TYPE;
    if (drop) return FEAT_OK;
    if (rename) {
        FEAT_TRY(feat_parser_expect(p, "to"));
        return feat_parser_name(p, "a new name", &s->new_name);
    }
    feat_parser_accept_both(p, "set", "data");
    if (!feat_parser_accept(p, "type")) return feat_parser_fail(p, "TYPE");
    column.name = s->column.text;
    column.offset = s->column.offset;
    FEAT_TRY(feat_parse_type(p, &column.type, &column.type_offset));
    return FEAT_PUSH(p, s->columns, s->n_columns, column);
}

static feat_status parse_comment(feat_parser *p, feat_ast_statement *s) {
    FEAT_TRY(feat_parser_expect(p, "on"));
    if (feat_parser_accept(p, "column")) {
        s->object = "column";
        FEAT_TRY(feat_parser_name(p, "a table", &s->name));
        FEAT_TRY(feat_parser_expect(p, "."));
        FEAT_TRY(feat_parser_label(p, "a column", &s->column));
    } else {
        const object_kind *object = accept_object(p);
        if (!object && feat_parser_accept(p, "feature")) return feat_parser_fail(p, "VIEW or SERVICE");
        if (!object)
            return feat_parser_fail(p, "TABLE, DIMENSION, COLUMN, FEATURE VIEW, FEATURE SERVICE or DERIVATION");
        s->object = object->text;
        FEAT_TRY(feat_parser_name(p, "a name", &s->name));
    }
    FEAT_TRY(feat_parser_expect(p, "is"));
    if (feat_parser_accept(p, "null")) return FEAT_OK;
    const feat_token *text = feat_parser_peek(p);
    if (text->kind != FEAT_TOKEN_STRING) return feat_parser_fail(p, "a text in quotes, or NULL");
    s->comment = text->text;
    s->comment_length = text->length;
    p->at++;
    return FEAT_OK;
}

/* The definition that EXPLAIN or DESCRIBE is about; what kind it is may be left out. */
static feat_status parse_subject(feat_parser *p, const char *wanted, feat_ast_statement *s) {
    const object_kind *object = accept_object(p);
    if (object) s->object = object->text;
    return feat_parser_name(p, object ? "a name" : wanted, &s->name);
}

static feat_status parse_show(feat_parser *p, feat_ast_statement *s) {
    s->object = feat_parser_accept(p, "tables")                     ? "table"
                : feat_parser_accept(p, "dimensions")               ? "dimension"
                : feat_parser_accept(p, "derivations")              ? "derivation"
                : feat_parser_accept_both(p, "feature", "views")    ? "feature view"
                : feat_parser_accept_both(p, "feature", "services") ? "feature service"
                                                                    : NULL;
    if (s->object) return FEAT_OK;
    return feat_parser_accept(p, "feature")
               ? feat_parser_fail(p, "VIEWS or SERVICES")
               : feat_parser_fail(p, "TABLES, DIMENSIONS, FEATURE VIEWS, FEATURE SERVICES or DERIVATIONS");
}

static feat_status parse_statement(feat_parser *p, feat_ast_statement *s);

static feat_status parse_explain(feat_parser *p, feat_ast_statement *s) {
    if (feat_parser_accept(p, "(")) {
        FEAT_TRY(feat_parser_expect(p, "format"));
        s->json = feat_parser_accept(p, "json");
        if (!s->json && !feat_parser_accept(p, "text")) return feat_parser_fail(p, "JSON or TEXT");
        FEAT_TRY(feat_parser_expect(p, ")"));
    }
    if (feat_parser_is(p, "select") || feat_parser_is(p, "with")) return feat_parse_select(p, &s->select);
    if (!feat_parser_is(p, "create")) return parse_subject(p, "CREATE, SELECT or the name of a definition", s);
    s->inner = FEAT_ARENA_NEW(p->arena, feat_ast_statement);
    if (!s->inner) return feat_fail_memory(p->err);
    FEAT_TRY(parse_statement(p, s->inner));
    s->inner->end = p->tokens[p->at - 1].end;
    return FEAT_OK;
}

static const struct {
    const char *word;
    feat_ast_statement_kind kind; /* of CREATE: what follows decides */
    feat_status (*parse)(feat_parser *p, feat_ast_statement *s);
} statements[] = {
    {"create", FEAT_AST_CREATE_TABLE, parse_create}, {"drop", FEAT_AST_DROP, parse_drop},
    {"alter", FEAT_AST_ALTER, parse_alter},          {"comment", FEAT_AST_COMMENT, parse_comment},
    {"explain", FEAT_AST_EXPLAIN, parse_explain},    {"show", FEAT_AST_SHOW, parse_show},
};

static feat_status parse_statement(feat_parser *p, feat_ast_statement *s) {
    s->offset = feat_parser_peek(p)->offset;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
        if (!feat_parser_accept(p, statements[i].word)) continue;
        s->kind = statements[i].kind;
        return statements[i].parse(p, s);
    }
    if (feat_parser_accept(p, "describe") || feat_parser_accept(p, "desc")) {
        s->kind = FEAT_AST_DESCRIBE;
        return parse_subject(p, "the name of a definition", s);
    }
    return feat_parser_fail(p, "CREATE, DROP, ALTER, COMMENT, EXPLAIN, SHOW or DESCRIBE");
}

/* What follows a statement: ';' or the end of the text. What could go on is said first. */
static feat_status end_statement(feat_parser *p, const feat_ast_statement *s) {
    if (feat_parser_peek(p)->kind == FEAT_TOKEN_END) return FEAT_OK;
    if (s->select || (s->inner && s->inner->select)) return feat_parser_end_select(p, ";");
    if (s->n_picks && !feat_parser_is(p, ";")) return feat_parser_fail(p, "',' or ';'");
    return feat_parser_expect(p, ";");
}

feat_status feat_sql_parse(feat_arena *arena, const char *sql, size_t length, feat_ast_script **script,
                           feat_error *err) {
    feat_token *tokens;
    size_t n_tokens;
    FEAT_TRY(feat_lex(arena, sql, length, &tokens, &n_tokens, err));
    feat_parser p = {.arena = arena, .sql = sql, .length = length, .tokens = tokens, .err = err};
    feat_ast_script *result = FEAT_ARENA_NEW(arena, feat_ast_script);
    if (!result) return feat_fail_memory(err);
    while (feat_parser_accept(&p, ";")) {
    }
    while (feat_parser_peek(&p)->kind != FEAT_TOKEN_END) {
        feat_ast_statement *s = FEAT_ARENA_NEW(arena, feat_ast_statement);
        if (!s) return feat_fail_memory(err);
        FEAT_TRY(parse_statement(&p, s));
        s->end = p.tokens[p.at - 1].end;
        FEAT_TRY(FEAT_PUSH(&p, result->statements, result->n, s));
        FEAT_TRY(end_statement(&p, s));
        while (feat_parser_accept(&p, ";")) {
        }
    }
    *script = result;
    return FEAT_OK;
}

feat_status feat_sql_parse_expr(feat_arena *arena, const char *sql, size_t length, feat_ast_expr **expr,
                                feat_error *err) {
    feat_token *tokens;
    size_t n_tokens;
    feat_ast_expr *result;
    FEAT_TRY(feat_lex(arena, sql, length, &tokens, &n_tokens, err));
    feat_parser p = {.arena = arena, .sql = sql, .length = length, .tokens = tokens, .err = err};
    FEAT_TRY(feat_parse_expr(&p, &result));
    if (feat_parser_peek(&p)->kind != FEAT_TOKEN_END) return feat_parser_fail(&p, "the end");
    *expr = result;
    return FEAT_OK;
}
