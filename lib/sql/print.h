/* What the two halves of the printer share: expressions (print.c) and statements (print_statement.c). */
#ifndef FEAT_LIB_PRINT_H
#define FEAT_LIB_PRINT_H

#include "sql/sql.h"

typedef struct feat_printer {
    feat_buffer *out;
    size_t depth;
    bool too_deep; /* what follows is not printed; the caller reports it once at the end */
} feat_printer;

/* Whether the printer may go one level down. Trees of the parser never are too deep. */
bool feat_print_enter(feat_printer *pr);
void feat_print_leave(feat_printer *pr);
feat_status feat_print_result(const feat_printer *pr);

void feat_print_text(feat_printer *pr, const char *text);
/* Quoted if it has to be. */
void feat_print_name(feat_printer *pr, const char *name);
void feat_print_string(feat_printer *pr, const char *text, size_t length);
void feat_print_expr(feat_printer *pr, const feat_ast_expr *expr);
void feat_print_list(feat_printer *pr, feat_ast_expr *const *exprs, size_t n);
/* " ORDER BY ..." */
void feat_print_order(feat_printer *pr, const feat_ast_order *order, size_t n);
/* With its parentheses. */
void feat_print_window(feat_printer *pr, const feat_ast_window *window);

#endif
