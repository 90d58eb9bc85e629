/* What the binders of tables, views and services share. */
#ifndef FEAT_LIB_BIND_H
#define FEAT_LIB_BIND_H

#include "plan/build.h"
#include "plan/plan.h"
#include "sql/sql.h"

/* Binding one statement: where names lead is decided by the callbacks of whoever binds. */
typedef struct feat_binder {
    feat_arena *arena;
    const feat_source *source;
    feat_builder build;
    feat_error *err;
    /* Binds a column reference, or a call that is not a scalar function (an aggregate, now()). Each fails with a
     * message. */
    feat_status (*column)(struct feat_binder *b, const feat_ast_expr *expr, uint32_t *node);
    feat_status (*call)(struct feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node);
    void *context;
} feat_binder;

/* Fails with FEAT_DEFINITION at a byte of the text. */
feat_status feat_bind_fail(feat_binder *b, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Fails with the builder's reason. */
feat_status feat_bind_reason(feat_binder *b, uint32_t offset);
/* Binds an expression into the builder's pool. */
feat_status feat_bind_expr(feat_binder *b, const feat_ast_expr *expr, uint32_t *node);
/* The name of an output: its alias, else the name of a bare column, else "expected a name". */
feat_status feat_bind_item_name(feat_binder *b, const feat_ast_item *item, const char **name);
/* Appends an output; two of one name are an error that names both. */
feat_status feat_bind_output(feat_binder *b, feat_output **outputs, size_t *n, size_t *capacity, feat_output output,
                             uint32_t offset);
/* The field of a table called `name`; an unknown one is an error at `offset`, with a suggestion. */
feat_status feat_bind_field(feat_binder *b, const feat_schema *table, const char *name, uint32_t offset,
                            uint32_t *field);
/* Refuses options other than the known ones. */
feat_status feat_bind_options(feat_binder *b, const feat_ast_statement *s, const char *const *known, size_t n);
/* Grows a list in the arena so that it has room for one more. */
feat_status feat_bind_room(feat_binder *b, void *list, size_t n, size_t *capacity, size_t size);
#define FEAT_BIND_ROOM(b, list, n, capacity) feat_bind_room((b), &(list), (n), &(capacity), sizeof *(list))

#endif
