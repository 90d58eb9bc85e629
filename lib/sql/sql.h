/* From text to tree, and messages that point into the text. */
#ifndef FEAT_LIB_SQL_H
#define FEAT_LIB_SQL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "sql/ast.h"

/* Nesting of expressions, queries and comments. A chain of equal operators counts as well, for its tree is as deep. */
#define FEAT_SQL_MAX_DEPTH 1000

/* Parses a script of statements separated by ';'. FEAT_SYNTAX names the first error with line, column and caret. */
feat_status feat_sql_parse(feat_arena *arena, const char *sql, size_t length, feat_ast_script **script, feat_error *err);

/* Fails with "line:column: message", the source line and a caret under the byte at `offset`. */
feat_status feat_sql_fail(feat_error *err, feat_status code, const char *sql, size_t length, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* The candidate nearest to `word` (without case), if it is near enough to be meant; else NULL. */
const char *feat_sql_suggest(const char *word, const char *const *candidates, size_t n);

/* Prints an expression or a statement back as SQL: parsing it again gives the same tree. */
void feat_sql_print_expr(const feat_ast_expr *expr, feat_buffer *out);
void feat_sql_print(const feat_ast_statement *statement, feat_buffer *out);

#endif
