/* What CREATE TABLE and ALTER TABLE say of one row: conditions over its columns, constants for those left out. */
#ifndef FEAT_LIB_ROW_H
#define FEAT_LIB_ROW_H

#include "plan/plan.h"
#include "sql/ast.h"

/* Binds a CHECK over the columns of a row into `stage`, whose inputs are the fields of the table: a BOOLEAN node. */
feat_status feat_bind_check(feat_arena *arena, const feat_source *source, const feat_schema *table,
                            const feat_ast_expr *expr, feat_stage *stage, uint32_t *node, feat_error *err);
/* The same for a condition that `what` names in messages: "a WHERE". */
feat_status feat_bind_condition(feat_arena *arena, const feat_source *source, const feat_schema *table,
                                const char *what, const feat_ast_expr *expr, feat_stage *stage, uint32_t *node,
                                feat_error *err);
/* The constant that a DEFAULT is, as a value of the field's type. */
feat_status feat_bind_default(feat_arena *arena, const feat_source *source, const feat_field *field,
                              const feat_ast_expr *expr, feat_constant_value *value, feat_error *err);
/* A field as a column definition says, but for its id and its CHECK, which may name columns that come later. */
feat_status feat_bind_column(feat_arena *arena, const feat_source *source, const feat_ast_column_def *column,
                             feat_field *field, feat_error *err);
/* Binds the CHECK of a column definition to see that it can be, and keeps it in `field` of `table` as SQL. */
feat_status feat_bind_column_check(feat_arena *arena, const feat_source *source, const feat_schema *table,
                                   const feat_ast_column_def *column, feat_field *field, feat_error *err);
/* An expression as SQL that parses to the same, in the arena. */
feat_status feat_row_sql(feat_arena *arena, const feat_source *source, const feat_ast_expr *expr, const char **sql,
                         feat_error *err);
/* The fields of the table that an expression names: mentioned[i] is set for field i. */
void feat_row_mentions(const feat_schema *table, const feat_ast_expr *expr, bool *mentioned);

#endif
