/* From text to tree and back, and messages that point into the text. */
#ifndef FEAT_LIB_SQL_H
#define FEAT_LIB_SQL_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "sql/ast.h"

/* How deep parentheses, queries and prefix operators nest. The parser recurses once or a few times for each. */
#define FEAT_SQL_MAX_NESTING 200
/* How deep an expression's tree is. A chain such as a + b + c is as deep as it is long; AND and OR are not: they hold
 * all their terms side by side. Whoever walks a tree may recurse. */
#define FEAT_SQL_MAX_DEPTH 1000

/* Parses a script of statements separated by ';'. FEAT_SYNTAX names the first error with line, column and caret. */
feat_status feat_sql_parse(feat_arena *arena, const char *sql, size_t length, feat_ast_script **script,
                           feat_error *err);

/* Parses one expression, which is all there is. */
feat_status feat_sql_parse_expr(feat_arena *arena, const char *sql, size_t length, feat_ast_expr **expr,
                                feat_error *err);

/* Fails with "line:column: message", the source line and a caret under the byte at `offset`. */
feat_status feat_sql_fail(feat_error *err, feat_status code, const char *sql, size_t length, uint32_t offset,
                          const char *format, ...) FEAT_PRINTF(6, 7);

/* The same for an error whose message is there already. NULL is a no-op. */
void feat_sql_locate_error(feat_error *err, const char *sql, size_t length, uint32_t offset);

/* The candidate nearest to `word` (without case), if it is near enough to be meant; else NULL. The first of equals. */
const char *feat_sql_suggest(const char *word, const char *const *candidates, size_t n);

/* Print an expression or a statement as SQL: parsing it gives the same tree. Names are quoted and parentheses set only
 * where they have to be. FEAT_MEMORY, or FEAT_LIMIT for a tree deeper than the parser makes them. */
feat_status feat_sql_print_expr(const feat_ast_expr *expr, feat_buffer *out);
feat_status feat_sql_print(const feat_ast_statement *statement, feat_buffer *out);

#endif
