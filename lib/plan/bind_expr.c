/* Scalar expressions: from syntax to typed nodes. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "math/number.h"
#include "plan/bind.h"

feat_status feat_bind_fail(feat_binder *b, uint32_t offset, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return feat_sql_fail(b->err, FEAT_DEFINITION, b->source->sql, b->source->length, offset, "%s", text);
}

feat_status feat_bind_reason(feat_binder *b, uint32_t offset) {
    return b->build.reason[0] ? feat_bind_fail(b, offset, "%s", b->build.reason) : feat_fail_memory(b->err);
}

/* A builder's node, or its reason. */
static feat_status built(feat_binder *b, const feat_ast_expr *expr, uint32_t made, uint32_t *node) {
    if (made == FEAT_NO_NODE) return feat_bind_reason(b, expr->offset);
    *node = made;
    return FEAT_OK;
}

static feat_status bind_number(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    int64_t i;
    double f;
    if (expr->kind == FEAT_AST_INTEGER) {
        if (feat_number_parse_int64(expr->text, expr->length, &i) != FEAT_NUMBER_OK)
            return feat_bind_fail(b, expr->offset, "this integer does not fit BIGINT; write it with a '.' for DOUBLE");
        return built(b, expr, feat_build_int(&b->build, FEAT_TYPE_BIGINT, i), node);
    }
    if (feat_number_parse_double(expr->text, expr->length, &f) != FEAT_NUMBER_OK)
        return feat_bind_fail(b, expr->offset, "this number does not fit DOUBLE");
    return built(b, expr, feat_build_double(&b->build, f), node);
}

static feat_status bind_typed(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    int32_t days;
    int64_t us;
    if (strcmp(expr->name, "DATE") == 0) {
        if (!feat_parse_date(expr->text, expr->length, &days))
            return feat_bind_fail(b, expr->offset, "a date is written DATE '2024-12-31'");
        return built(b, expr, feat_build_int(&b->build, FEAT_TYPE_DATE, days), node);
    }
    if (!feat_parse_timestamp(expr->text, expr->length, &us))
        return feat_bind_fail(b, expr->offset, "a timestamp is written TIMESTAMP '2024-12-31 23:59:59.999999'");
    return built(b, expr, feat_build_int(&b->build, FEAT_TYPE_TIMESTAMP, us), node);
}

static feat_status bind_unary(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    /* -9223372036854775808 is one literal: its positive half would not fit. */
    const feat_ast_expr *arg = expr->args[0];
    if (strcmp(expr->name, "-") == 0 && arg->kind == FEAT_AST_INTEGER && strcmp(arg->text, "9223372036854775808") == 0)
        return built(b, expr, feat_build_int(&b->build, FEAT_TYPE_BIGINT, INT64_MIN), node);
    uint32_t bound;
    FEAT_TRY(feat_bind_expr(b, arg, &bound));
    if (strcmp(expr->name, "not") == 0) return built(b, expr, feat_build_not(&b->build, bound), node);
    if (strcmp(expr->name, "-") == 0) return built(b, expr, feat_build_negate(&b->build, bound), node);
    /* What cannot be negated cannot have a sign either. */
    uint32_t negated;
    FEAT_TRY(built(b, expr, feat_build_negate(&b->build, bound), &negated));
    *node = bound;
    return FEAT_OK;
}

static feat_status bind_like(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    uint32_t text = 0, pattern = 0, escape = FEAT_NO_NODE;
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &text));
    FEAT_TRY(feat_bind_expr(b, expr->args[1], &pattern));
    if (expr->n_args > 2) FEAT_TRY(feat_bind_expr(b, expr->args[2], &escape));
    bool fold = strcmp(expr->name, "ilike") == 0;
    return built(b, expr, feat_build_like(&b->build, fold, text, pattern, escape), node);
}

static feat_status bind_binary(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    static const char *const known[] = {"+",
                                        "-",
                                        "*",
                                        "/",
                                        "//",
                                        "%",
                                        "&",
                                        "|",
                                        "<<",
                                        ">>",
                                        "=",
                                        "<>",
                                        "<",
                                        "<=",
                                        ">",
                                        ">=",
                                        "and",
                                        "or",
                                        "||",
                                        "is distinct from",
                                        "is not distinct from"};
    if (strcmp(expr->name, "like") == 0 || strcmp(expr->name, "ilike") == 0) return bind_like(b, expr, node);
    const char *op = NULL;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(expr->name, known[i]) == 0) op = known[i];
    uint32_t left, right;
    bool bit_not = strcmp(expr->name, "~") == 0 && expr->n_args == 1;
    bool power = strcmp(expr->name, "^") == 0, at_zone = strcmp(expr->name, "at time zone") == 0;
    if (!op && !bit_not && !power && !at_zone && strcmp(expr->name, "[]") != 0)
        return feat_bind_fail(b, expr->offset, "the operator '%s' is not supported", expr->name);
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &left));
    if (strcmp(expr->name, "[]") == 0) {
        FEAT_TRY(feat_bind_expr(b, expr->args[1], &right));
        return built(b, expr, feat_build_list_at(&b->build, left, right), node);
    }
    if (bit_not) return built(b, expr, feat_build_bit_not(&b->build, left), node);
    for (size_t i = 1; i < expr->n_args; i++) {
        FEAT_TRY(feat_bind_expr(b, expr->args[i], &right));
        uint32_t both[] = {left, right};
        uint32_t made = power     ? feat_build_call(&b->build, "pow", both, 2)
                        : at_zone ? feat_build_at_zone(&b->build, left, right)
                                  : feat_build_binary(&b->build, op, left, right);
        FEAT_TRY(built(b, at_zone ? expr->args[1] : expr, made, &left));
    }
    *node = left;
    return FEAT_OK;
}

static feat_status bind_is(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    uint32_t arg;
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &arg));
    uint32_t test = strcmp(expr->name, "null") == 0
                        ? feat_build_is_null(&b->build, arg)
                        : feat_build_is_truth(&b->build, arg, strcmp(expr->name, "true") == 0);
    FEAT_TRY(built(b, expr, test, &test));
    return expr->negated ? built(b, expr, feat_build_not(&b->build, test), node) : built(b, expr, test, node);
}

static feat_status bind_between(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    uint32_t value = 0, low = 0, high = 0, both = 0;
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &value));
    FEAT_TRY(feat_bind_expr(b, expr->args[1], &low));
    FEAT_TRY(feat_bind_expr(b, expr->args[2], &high));
    FEAT_TRY(built(b, expr, feat_build_binary(&b->build, ">=", value, low), &low));
    FEAT_TRY(built(b, expr, feat_build_binary(&b->build, "<=", value, high), &high));
    FEAT_TRY(built(b, expr, feat_build_binary(&b->build, "and", low, high), &both));
    return expr->negated ? built(b, expr, feat_build_not(&b->build, both), node) : built(b, expr, both, node);
}

static feat_status bind_in(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    uint32_t value, any = FEAT_NO_NODE;
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &value));
    for (size_t i = 1; i < expr->n_args; i++) {
        uint32_t item = 0, equal = 0;
        FEAT_TRY(feat_bind_expr(b, expr->args[i], &item));
        FEAT_TRY(built(b, expr->args[i], feat_build_binary(&b->build, "=", value, item), &equal));
        if (any == FEAT_NO_NODE) any = equal;
        else FEAT_TRY(built(b, expr, feat_build_binary(&b->build, "or", any, equal), &any));
    }
    return expr->negated ? built(b, expr, feat_build_not(&b->build, any), node) : built(b, expr, any, node);
}

static feat_status bind_case(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    size_t n = expr->n_args / 2;
    uint32_t *conditions = feat_arena_array(b->arena, n, sizeof *conditions),
             *results = feat_arena_array(b->arena, n, sizeof *results);
    uint32_t operand = FEAT_NO_NODE, otherwise = FEAT_NO_NODE;
    if (!conditions || !results) return feat_fail_memory(b->err);
    if (expr->operand) FEAT_TRY(feat_bind_expr(b, expr->operand, &operand));
    for (size_t i = 0; i < n; i++) {
        FEAT_TRY(feat_bind_expr(b, expr->args[2 * i], &conditions[i]));
        if (expr->operand)
            FEAT_TRY(
                built(b, expr->args[2 * i], feat_build_binary(&b->build, "=", operand, conditions[i]), &conditions[i]));
        FEAT_TRY(feat_bind_expr(b, expr->args[2 * i + 1], &results[i]));
    }
    if (expr->otherwise) FEAT_TRY(feat_bind_expr(b, expr->otherwise, &otherwise));
    return built(b, expr, feat_build_case(&b->build, conditions, results, n, otherwise), node);
}

static feat_status bind_cast(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    feat_type type;
    uint32_t arg;
    if (!feat_type_from_sql(expr->name, &type)) return feat_bind_fail(b, expr->offset, "unknown type '%s'", expr->name);
    FEAT_TRY(feat_bind_expr(b, expr->args[0], &arg));
    return built(
        b, expr,
        expr->try_cast ? feat_build_try_cast(&b->build, arg, type) : feat_build_cast(&b->build, arg, type, true), node);
}

static feat_status bind_interval(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    if (expr->months != (int32_t)expr->months || expr->days != (int32_t)expr->days)
        return feat_bind_fail(b, expr->offset, "this interval is too long: its months and days are 32-bit numbers");
    feat_interval interval = {(int32_t)expr->months, (int32_t)expr->days, expr->us};
    return built(b, expr, feat_build_interval(&b->build, interval), node);
}

/* The words of the clock that are not now() itself. */
static feat_status bind_current_date(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    feat_ast_expr now = *expr;
    bool handled = false;
    uint32_t time = FEAT_NO_NODE;
    now.name = "now";
    FEAT_TRY(b->call(b, &now, &handled, &time));
    if (!handled) return feat_bind_fail(b, expr->offset, "the clock cannot be read here");
    return built(b, expr, feat_build_cast(&b->build, time, FEAT_TYPE_DATE, true), node);
}

/* A part of a time is a bare word or a text: day or 'day'. */
static bool names_part(const feat_ast_expr *arg) {
    return arg->kind == FEAT_AST_COLUMN && !arg->qualifier &&
           feat_part_find(arg->name, strlen(arg->name)) != FEAT_PART_NONE;
}

static feat_status unknown_function(feat_binder *b, const feat_ast_expr *expr) {
    static const char *const others[] = {"now", "current_timestamp", "current_date"};
    const size_t n_others = sizeof others / sizeof *others, n = n_others + FEAT_AGG_COUNT_OF + feat_function_count();
    const char **names = feat_arena_array(b->arena, n, sizeof *names);
    if (!names) return feat_fail_memory(b->err);
    size_t k = 0;
    for (size_t i = 0; i < n_others; i++) names[k++] = others[i];
    for (size_t i = 0; i < FEAT_AGG_COUNT_OF; i++) names[k++] = feat_agg_table[i].sql;
    for (size_t i = 0; i < feat_function_count(); i++) names[k++] = feat_function_name(i);
    const char *near = feat_sql_suggest(expr->name, names, n);
    return feat_bind_fail(b, expr->offset, "unknown function '%.100s'%s%s%s", expr->name,
                          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    bool handled = false;
    FEAT_TRY(b->call(b, expr, &handled, node));
    if (handled) return FEAT_OK;
    if (expr->n_args == 0 && (strcasecmp(expr->name, "current_date") == 0 || strcasecmp(expr->name, "today") == 0))
        return bind_current_date(b, expr, node);
    const feat_function *function = feat_function_find(expr->name);
    if (!function && !feat_function_exists(expr->name)) return unknown_function(b, expr);
    if (expr->over || expr->filter || expr->distinct || expr->star || expr->n_order || expr->nulls)
        return feat_bind_fail(b, expr->offset, "%s is no aggregate: it takes no OVER, FILTER, DISTINCT, ORDER BY or *",
                              expr->name);
    uint32_t *args = feat_arena_array(b->arena, expr->n_args, sizeof *args);
    if (!args) return feat_fail_memory(b->err);
    for (size_t k = 0; k < expr->n_args; k++) {
        const feat_ast_expr *arg = expr->args[k];
        if (k == 0 && function && function->takes_part && names_part(arg))
            FEAT_TRY(built(b, arg, feat_build_text(&b->build, arg->name, strlen(arg->name)), &args[k]));
        else FEAT_TRY(feat_bind_expr(b, arg, &args[k]));
    }
    return built(b, expr, feat_build_call(&b->build, function ? function->name : expr->name, args, expr->n_args), node);
}

static feat_status bind_one(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    switch (expr->kind) {
    case FEAT_AST_NULL: return built(b, expr, feat_build_null(&b->build, FEAT_TYPE_UNKNOWN), node);
    case FEAT_AST_BOOLEAN: return built(b, expr, feat_build_int(&b->build, FEAT_TYPE_BOOLEAN, expr->truth), node);
    case FEAT_AST_INTEGER:
    case FEAT_AST_DECIMAL: return bind_number(b, expr, node);
    case FEAT_AST_STRING: return built(b, expr, feat_build_text(&b->build, expr->text, expr->length), node);
    case FEAT_AST_TYPED: return bind_typed(b, expr, node);
    case FEAT_AST_INTERVAL: return bind_interval(b, expr, node);
    case FEAT_AST_COLUMN: return b->column(b, expr, node);
    case FEAT_AST_STAR:
        return feat_bind_fail(b, expr->offset, "'*' is no value; it stands alone in a SELECT list or in count(*)");
    case FEAT_AST_UNARY: return bind_unary(b, expr, node);
    case FEAT_AST_BINARY: return bind_binary(b, expr, node);
    case FEAT_AST_IS: return bind_is(b, expr, node);
    case FEAT_AST_BETWEEN: return bind_between(b, expr, node);
    case FEAT_AST_IN: return bind_in(b, expr, node);
    case FEAT_AST_CASE: return bind_case(b, expr, node);
    case FEAT_AST_CAST: return bind_cast(b, expr, node);
    case FEAT_AST_CALL: return bind_call(b, expr, node);
    }
    return feat_fail(b->err, FEAT_INTERNAL, "unknown kind of expression");
}

/* The parser has limited the depth of the tree, and so of this recursion. */
feat_status feat_bind_expr(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    return bind_one(b, expr, node);
}

feat_status feat_bind_item_name(feat_binder *b, const feat_ast_item *item, const char **name) {
    if (item->alias) *name = item->alias;
    else if (item->expr->kind == FEAT_AST_COLUMN) *name = item->expr->name;
    else return feat_bind_fail(b, item->offset, "a feature needs a name; write AS name");
    return FEAT_OK;
}

feat_status feat_bind_room(feat_binder *b, void *list, size_t n, size_t *capacity, size_t size) {
    void *items;
    if (n < *capacity) return FEAT_OK;
    size_t next = *capacity ? *capacity * 2 : 8;
    memcpy(&items, list, sizeof items);
    void *grown = feat_arena_array(b->arena, next, size);
    if (!grown) return feat_fail_memory(b->err);
    if (n) memcpy(grown, items, n * size);
    memcpy(list, &grown, sizeof grown);
    *capacity = next;
    return FEAT_OK;
}

feat_status feat_bind_output(feat_binder *b, feat_output **outputs, size_t *n, size_t *capacity, feat_output output,
                             uint32_t offset) {
    for (size_t i = 0; i < *n; i++)
        if (strcasecmp((*outputs)[i].name, output.name) == 0)
            return feat_bind_fail(b, offset,
                                  "two features are called '%.100s' (the %zu. and this one); rename one with AS",
                                  output.name, i + 1);
    FEAT_TRY(FEAT_BIND_ROOM(b, *outputs, *n, *capacity));
    (*outputs)[(*n)++] = output;
    return FEAT_OK;
}

feat_status feat_bind_field(feat_binder *b, const feat_schema *table, const char *name, uint32_t offset,
                            uint32_t *field) {
    int i = feat_schema_find(table, name);
    if (i >= 0) {
        *field = (uint32_t)i;
        return FEAT_OK;
    }
    const char **names = feat_arena_array(b->arena, table->n_fields, sizeof *names);
    if (!names) return feat_fail_memory(b->err);
    for (size_t k = 0; k < table->n_fields; k++) names[k] = table->fields[k].name;
    const char *near = feat_sql_suggest(name, names, table->n_fields);
    return feat_bind_fail(b, offset, "unknown column '%.100s'%s%s%s", name, near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
}

feat_status feat_bind_options(feat_binder *b, const feat_ast_statement *s, const char *const *known, size_t n) {
    for (size_t i = 0; i < s->n_options; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++) found |= strcasecmp(s->options[i].name.text, known[k]) == 0;
        if (found) continue;
        const char *near = feat_sql_suggest(s->options[i].name.text, known, n);
        return feat_bind_fail(b, s->options[i].name.offset, "unknown option '%.100s'%s%s%s", s->options[i].name.text,
                              near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return FEAT_OK;
}
