/* What the two halves of the parser share: expressions (parse_expr.c) and statements (parse.c). */
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
    feat_error *err;
} feat_parser;

const feat_token *feat_parser_peek(const feat_parser *p);
/* Whether the next token is this keyword (any case, not quoted) or symbol. */
bool feat_parser_is(const feat_parser *p, const char *text);
/* The same `ahead` tokens further on. */
bool feat_parser_is_at(const feat_parser *p, size_t ahead, const char *text);
/* Consumes it if it is there. */
bool feat_parser_accept(feat_parser *p, const char *text);
feat_status feat_parser_expect(feat_parser *p, const char *text);
/* A name: quoted, or a word that is not reserved. */
feat_status feat_parser_name(feat_parser *p, const char *what, feat_ast_name *name);
bool feat_parser_at_name(const feat_parser *p);
/* "expected `wanted`, found ...", with a suggestion when a word is close to `wanted`. */
feat_status feat_parser_fail(feat_parser *p, const char *wanted);
feat_status feat_parser_enter(feat_parser *p);
void feat_parser_leave(feat_parser *p);
/* Appends to an arena list whose capacity is its size rounded up to a power of two. */
feat_status feat_parser_push(feat_parser *p, void *list, size_t *n, size_t size, const void *item);
#define FEAT_PUSH(p, list, n, item) feat_parser_push((p), &(list), &(n), sizeof *(list), &(item))

feat_status feat_parse_expr(feat_parser *p, feat_ast_expr **expr);
feat_status feat_parse_expr_list(feat_parser *p, feat_ast_expr ***list, size_t *n);
feat_status feat_parse_order(feat_parser *p, feat_ast_order **order, size_t *n);
/* Between the parentheses of OVER or WINDOW ... AS. */
feat_status feat_parse_window(feat_parser *p, feat_ast_window *window);
feat_status feat_parse_type(feat_parser *p, const char **type, uint32_t *offset);

#endif
