/* What the parts of the parser share: statements (parse.c), queries (parse_select.c), windows (parse_window.c) and
 * expressions (parse_expr.c). */
#ifndef FEAT_LIB_PARSER_H
#define FEAT_LIB_PARSER_H

#include "sql/lexer.h"
#include "sql/sql.h"

typedef struct feat_parser {
    feat_arena *arena;
    const char *sql;
    size_t length;
    const feat_token *tokens;
    size_t at, depth;
    size_t bare_name; /* behind the word that was last taken as an alias without AS, or the like: it may be a misspelt
                         keyword */
    feat_error *err;
} feat_parser;

const feat_token *feat_parser_peek(const feat_parser *p);
/* Whether the next token is this keyword (any case, not quoted) or symbol. */
bool feat_parser_is(const feat_parser *p, const char *text);
/* The same `ahead` tokens further on. */
bool feat_parser_is_at(const feat_parser *p, size_t ahead, const char *text);
/* Consumes it if it is there. */
bool feat_parser_accept(feat_parser *p, const char *text);
/* Consumes both if both are there. */
bool feat_parser_accept_both(feat_parser *p, const char *first, const char *second);
/* Consumes whichever of the `n` words is there and returns it; NULL if none is. */
const char *feat_parser_accept_any(feat_parser *p, const char *const *words, size_t n);
feat_status feat_parser_expect(feat_parser *p, const char *text);

/* A name: quoted, or a word that is not reserved. */
feat_status feat_parser_name(feat_parser *p, const char *what, feat_ast_name *name);
/* The same where any word will do: behind AS and '.'. */
feat_status feat_parser_label(feat_parser *p, const char *what, feat_ast_name *name);
bool feat_parser_at_name(const feat_parser *p);
bool feat_parser_at_name_ahead(const feat_parser *p, size_t ahead);
/* (name, ...) */
feat_status feat_parser_names(feat_parser *p, feat_ast_names *names);

/* "expected `wanted`, found ...", and a suggestion when what was found is near one of the upper-case words of `wanted`.
 */
feat_status feat_parser_fail(feat_parser *p, const char *wanted);
/* A message about the token at `offset`. */
feat_status feat_parser_refuse(feat_parser *p, uint32_t offset, const char *message);

feat_status feat_parser_enter(feat_parser *p);
void feat_parser_leave(feat_parser *p);

/* Appends to an arena list whose capacity is its size rounded up to a power of two. */
feat_status feat_parser_push(feat_parser *p, void *list, size_t *n, size_t size, const void *item);
#define FEAT_PUSH(p, list, n, item) feat_parser_push((p), &(list), &(n), sizeof *(list), &(item))

/* How tightly operators bind, as in DuckDB. The parser and the printer go by the same numbers. */
enum {
    FEAT_BINDS_ANY,
    FEAT_BINDS_OR,
    FEAT_BINDS_AND,
    FEAT_BINDS_NOT,     /* prefix */
    FEAT_BINDS_IS,      /* IS NULL, IS DISTINCT FROM */
    FEAT_BINDS_COMPARE, /* do not chain */
    FEAT_BINDS_MATCH,   /* BETWEEN, IN, LIKE: do not chain */
    FEAT_BINDS_OTHER,   /* || and the bit operators, ~ as a prefix */
    FEAT_BINDS_ADD,
    FEAT_BINDS_MULTIPLY,
    FEAT_BINDS_POWER,
    FEAT_BINDS_ZONE, /* AT TIME ZONE */
    FEAT_BINDS_SIGN, /* prefix */
    FEAT_BINDS_POSTFIX,
    FEAT_BINDS_PRIMARY
};

/* The binary operators that are symbols. `name` is how the tree calls them. */
typedef struct feat_operator {
    const char *text, *name;
    int binds;
} feat_operator;
const feat_operator *feat_operator_find(const char *text);

feat_status feat_parse_expr(feat_parser *p, feat_ast_expr **expr);
feat_status feat_parse_expr_list(feat_parser *p, feat_ast_expr ***list, size_t *n);
feat_status feat_parse_order(feat_parser *p, feat_ast_order **order, size_t *n);
/* From INTERVAL on. */
feat_status feat_parse_interval(feat_parser *p, feat_ast_expr *expr);
/* Behind INTERVAL (n): the function that its unit names, as to_days; NULL when no unit comes. */
const char *feat_parse_interval_function(feat_parser *p);
feat_status feat_parse_type(feat_parser *p, const char **type, uint32_t *offset);
/* Between the parentheses of OVER or WINDOW ... AS. */
feat_status feat_parse_window(feat_parser *p, feat_ast_window *window);
/* Depth of the deepest expression in it. */
uint32_t feat_window_depth(const feat_ast_window *window);

feat_status feat_parse_select(feat_parser *p, feat_ast_select **select);
/* The token that closes a query or stands behind it; a clause found in its place has its own message. */
feat_status feat_parser_end_select(feat_parser *p, const char *text);
/* name TYPE [NOT NULL] [DEFAULT expr] [CHECK (expr)] */
feat_status feat_parse_column_def(feat_parser *p, feat_ast_column_def *column);

#endif
