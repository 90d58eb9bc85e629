#include "plan/row.h"

#include <string.h>

#include "plan/query.h"

/* ---- Expressions over one row. ---- */

typedef struct condition {
    const feat_schema *table;
    const char *what; /* "a CHECK" */
} condition;

static feat_status row_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    const condition *c = b->context;
    const feat_schema *table = c->table;
    uint32_t field;
    if (expr->qualifier && feat_name_compare(expr->qualifier, table->name) != 0)
        return feat_bind_fail(b, expr->offset, "%s reads the columns of its own row; '%.100s' is not its table",
                              c->what, expr->qualifier);
    FEAT_TRY(feat_bind_field(b, table, expr->name, expr->offset, &field));
    if (table->dimension && field == table->ended)
        return feat_bind_fail(b, expr->offset, "%s does not see '%s'", c->what, FEAT_ENDED_NAME);
    *node = feat_build_leaf(&b->build, FEAT_NODE_INPUT, table->fields[field].type, field, 0);
    return *node == FEAT_NO_NODE ? feat_bind_reason(b, expr->offset) : FEAT_OK;
}

static feat_status no_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    (void)node;
    return feat_bind_fail(b, expr->offset, "a DEFAULT is a constant; it cannot name a column");
}

/* Everything that is not a scalar function is unknown here; the caller says so. */
static feat_status no_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    (void)b;
    (void)expr;
    (void)node;
    *handled = false;
    return FEAT_OK;
}

feat_status feat_bind_condition(feat_arena *arena, const feat_source *source, const feat_schema *table,
                                const char *what, const feat_ast_expr *expr, feat_stage *stage, uint32_t *node,
                                feat_error *err) {
    condition c = {table, what};
    feat_binder b = {
        .arena = arena, .source = source, .err = err, .column = row_column, .call = no_call, .context = &c};
    b.build.pool = &stage->pool;
    if (feat_mentions_clock(expr))
        return feat_bind_fail(&b, expr->offset,
                              "%s reads its row alone: what it says of a row must not change with the clock", what);
    uint32_t bound;
    FEAT_TRY(feat_bind_expr(&b, expr, &bound));
    if (feat_build_type(&b.build, bound) != FEAT_TYPE_BOOLEAN)
        return feat_bind_fail(&b, expr->offset, "%s is a condition (BOOLEAN), not %s", what,
                              feat_build_type_name(feat_build_type(&b.build, bound)));
    *node = bound;
    return FEAT_OK;
}

feat_status feat_bind_check(feat_arena *arena, const feat_source *source, const feat_schema *table,
                            const feat_ast_expr *expr, feat_stage *stage, uint32_t *node, feat_error *err) {
    return feat_bind_condition(arena, source, table, "a CHECK", expr, stage, node, err);
}

/* ---- Constants. ---- */

static feat_status value_of(feat_binder *b, const feat_node *node, feat_constant_value *value) {
    union {
        uint8_t u8;
        int8_t i8;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        float f32;
        double f64;
        feat_int128 w;
        feat_interval p;
    } v;
    *value = (feat_constant_value){0};
    if (node->is_null) return FEAT_OK;
    memset(&v, 0, sizeof v);
    value->type = node->type;
    size_t size = feat_type_size(node->type);
    const void *bytes = &v;
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_B:
        v.u8 = node->constant.i != 0;
        size = 1;
        break;
    case FEAT_CLASS_I:
        if (size == 1) v.i8 = (int8_t)node->constant.i;
        else if (size == 2) v.i16 = (int16_t)node->constant.i;
        else if (size == 4) v.i32 = (int32_t)node->constant.i;
        else v.i64 = node->constant.i;
        break;
    case FEAT_CLASS_F:
        if (node->type == FEAT_TYPE_REAL) v.f32 = (float)node->constant.f;
        else v.f64 = node->constant.f;
        break;
    case FEAT_CLASS_W:
        if (size == 8) v.i64 = (int64_t)node->constant.w;
        else v.w = node->constant.w;
        break;
    case FEAT_CLASS_V: v.p = node->constant.p; break;
    case FEAT_CLASS_T:
        bytes = node->constant.t.data;
        size = node->constant.t.length;
        break;
    case FEAT_CLASS_N: break;
    }
    value->bytes = feat_arena_strndup(b->arena, bytes, size);
    value->size = size;
    return value->bytes ? FEAT_OK : feat_fail_memory(b->err);
}

feat_status feat_bind_default(feat_arena *arena, const feat_source *source, const feat_field *field,
                              const feat_ast_expr *expr, feat_constant_value *value, feat_error *err) {
    feat_binder b = {.arena = arena, .source = source, .err = err, .column = no_column, .call = no_call};
    feat_pool pool;
    feat_pool_init(&pool, arena);
    b.build.pool = &pool;
    if (feat_mentions_clock(expr))
        return feat_bind_fail(&b, expr->offset,
                              "a DEFAULT is a constant; a time of writing is a column of the data written");
    uint32_t node;
    FEAT_TRY(feat_bind_expr(&b, expr, &node));
    node = feat_build_cast(&b.build, node, field->type, false);
    if (node == FEAT_NO_NODE) return feat_bind_reason(&b, expr->offset);
    if (pool.nodes[node].kind != FEAT_NODE_CONST)
        return feat_bind_fail(&b, expr->offset, "the DEFAULT of '%.100s' is computed; write the constant that it is",
                              field->name);
    return value_of(&b, &pool.nodes[node], value);
}

/* ---- Column definitions. ---- */

feat_status feat_row_sql(feat_arena *arena, const feat_source *source, const feat_ast_expr *expr, const char **sql,
                         feat_error *err) {
    feat_binder b = {.arena = arena, .source = source, .err = err};
    feat_buffer printed;
    feat_buffer_init(&printed);
    feat_status status = feat_sql_print_expr(expr, &printed);
    if (status == FEAT_MEMORY) {
        feat_fail_memory(err);
    } else if (status != FEAT_OK) {
        status = feat_bind_fail(&b, expr->offset, "this expression is nested too deeply");
    } else if (printed.size && memchr(printed.data, 0, printed.size)) {
        status = feat_bind_fail(&b, expr->offset, "this expression holds a NUL character");
    } else {
        *sql = feat_arena_strndup(arena, (const char *)printed.data, printed.size);
        if (!*sql) status = feat_fail_memory(err);
    }
    feat_buffer_done(&printed);
    return status;
}

feat_status feat_bind_column(feat_arena *arena, const feat_source *source, const feat_ast_column_def *column,
                             feat_field *field, feat_error *err) {
    feat_binder b = {.arena = arena, .source = source, .err = err};
    feat_field made = {.name = column->name, .not_null = column->not_null};
    if (strcmp(column->name, FEAT_ENDED_NAME) == 0)
        return feat_bind_fail(&b, column->offset, "a column cannot be called '%s'", FEAT_ENDED_NAME);
    if (!feat_type_from_sql(column->type, &made.type))
        return feat_bind_fail(&b, column->type_offset, "unknown type '%.100s'", column->type);
    if (column->default_value) {
        FEAT_TRY(feat_bind_default(arena, source, &made, column->default_value, &made.default_value, err));
        FEAT_TRY(feat_row_sql(arena, source, column->default_value, &made.default_sql, err));
        if (made.not_null && !made.default_value.type)
            return feat_bind_fail(&b, column->default_value->offset, "'%.100s' is NOT NULL: its DEFAULT cannot be NULL",
                                  column->name);
    }
    *field = made;
    return FEAT_OK;
}

feat_status feat_bind_column_check(feat_arena *arena, const feat_source *source, const feat_schema *table,
                                   const feat_ast_column_def *column, feat_field *field, feat_error *err) {
    feat_stage stage = {0};
    uint32_t node;
    if (!column->check) return FEAT_OK;
    feat_pool_init(&stage.pool, arena);
    FEAT_TRY(feat_bind_check(arena, source, table, column->check, &stage, &node, err));
    return feat_row_sql(arena, source, column->check, &field->check_sql, err);
}

void feat_row_mentions(const feat_schema *table, const feat_ast_expr *expr, bool *mentioned) {
    if (!expr) return;
    if (expr->kind == FEAT_AST_COLUMN) {
        int field = feat_schema_find(table, expr->name);
        if (field >= 0) mentioned[field] = true;
    }
    for (size_t i = 0; i < expr->n_args; i++) feat_row_mentions(table, expr->args[i], mentioned);
    feat_row_mentions(table, expr->operand, mentioned);
    feat_row_mentions(table, expr->otherwise, mentioned);
}
