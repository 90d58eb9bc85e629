/* Expressions and windows, by precedence climbing:
 *   OR, AND, NOT, IS / comparison / BETWEEN / IN / LIKE, other operators, + -, * / // %, unary, ::, primary. */
#include <string.h>
#include <strings.h>

#include "math/number.h"
#include "sql/parser.h"

static feat_status new_expr(feat_parser *p, feat_ast_kind kind, uint32_t offset, feat_ast_expr **expr) {
    *expr = FEAT_ARENA_NEW(p->arena, feat_ast_expr);
    if (!*expr) return feat_fail_memory(p->err);
    (*expr)->kind = kind;
    (*expr)->offset = offset;
    (*expr)->depth = 1;
    return FEAT_OK;
}

/* Trees stay shallow enough for whoever walks them by recursion, however they came about. */
static feat_status deepen(feat_parser *p, feat_ast_expr *parent, const feat_ast_expr *child) {
    if (child->depth + 1 > parent->depth) parent->depth = child->depth + 1;
    if (parent->depth <= FEAT_SQL_MAX_DEPTH) return FEAT_OK;
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, child->offset, "the expression is nested deeper than %d", FEAT_SQL_MAX_DEPTH);
}

static feat_status add_arg(feat_parser *p, feat_ast_expr *parent, feat_ast_expr *arg) {
    FEAT_TRY(FEAT_PUSH(p, parent->args, parent->n_args, arg));
    return deepen(p, parent, arg);
}

static feat_status binary(feat_parser *p, const char *op, uint32_t offset, feat_ast_expr *left, feat_ast_expr *right, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_BINARY, offset, expr));
    (*expr)->name = op;
    FEAT_TRY(add_arg(p, *expr, left));
    return add_arg(p, *expr, right);
}

feat_status feat_parse_expr_list(feat_parser *p, feat_ast_expr ***list, size_t *n) {
    do {
        feat_ast_expr *expr;
        FEAT_TRY(feat_parse_expr(p, &expr));
        FEAT_TRY(FEAT_PUSH(p, *list, *n, expr));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

feat_status feat_parse_order(feat_parser *p, feat_ast_order **order, size_t *n) {
    do {
        feat_ast_order item = {0};
        FEAT_TRY(feat_parse_expr(p, &item.expr));
        if (feat_parser_accept(p, "desc")) item.descending = true;
        else feat_parser_accept(p, "asc");
        FEAT_TRY(FEAT_PUSH(p, *order, *n, item));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

feat_status feat_parse_type(feat_parser *p, const char **type, uint32_t *offset) {
    const feat_token *t = feat_parser_peek(p);
    *offset = t->offset;
    if (t->kind != FEAT_TOKEN_WORD) return feat_parser_fail(p, "a type");
    p->at++;
    const char *name = t->text;
    if (strcasecmp(name, "double") == 0) feat_parser_accept(p, "precision");
    if (feat_parser_is(p, "(")) { /* DECIMAL(p, s), VARCHAR(n): kept in the type's text */
        p->at++;
        name = feat_arena_printf(p->arena, "%s(", name);
        while (name && feat_parser_peek(p)->kind == FEAT_TOKEN_INTEGER) {
            name = feat_arena_printf(p->arena, "%s%s", name, feat_parser_peek(p)->text);
            p->at++;
            if (name && feat_parser_accept(p, ",")) name = feat_arena_printf(p->arena, "%s,", name);
        }
        FEAT_TRY(feat_parser_expect(p, ")"));
        if (name) name = feat_arena_printf(p->arena, "%s)", name);
    }
    while (name && feat_parser_is(p, "[")) {
        p->at++;
        bool sized = feat_parser_peek(p)->kind == FEAT_TOKEN_INTEGER;
        name = feat_arena_printf(p->arena, "%s[%s]", name, sized ? feat_parser_peek(p)->text : "");
        if (sized) p->at++;
        FEAT_TRY(feat_parser_expect(p, "]"));
    }
    if (!name) return feat_fail_memory(p->err);
    *type = name;
    return FEAT_OK;
}

/* ---- Intervals. ---- */

static const struct {
    const char *name;
    int64_t months, days, us;
} units[] = {
    {"microsecond", 0, 0, 1},           {"millisecond", 0, 0, 1000},     {"second", 0, 0, 1000000}, {"minute", 0, 0, 60000000},
    {"hour", 0, 0, INT64_C(3600000000)}, {"day", 0, 1, 0},               {"week", 0, 7, 0},         {"month", 1, 0, 0},
    {"quarter", 3, 0, 0},               {"year", 12, 0, 0},
};

/* Adds `amount` of the unit called text[0, n), singular or plural. */
static bool add_unit(feat_ast_expr *interval, int64_t amount, const char *text, size_t n) {
    if (n > 1 && (text[n - 1] == 's' || text[n - 1] == 'S')) n--;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != n || strncasecmp(units[i].name, text, n) != 0) continue;
        int64_t months, days, us;
        return !__builtin_mul_overflow(amount, units[i].months, &months) && !__builtin_mul_overflow(amount, units[i].days, &days) &&
               !__builtin_mul_overflow(amount, units[i].us, &us) && !__builtin_add_overflow(interval->months, months, &interval->months) &&
               !__builtin_add_overflow(interval->days, days, &interval->days) && !__builtin_add_overflow(interval->us, us, &interval->us);
    }
    return false;
}

/* "30 days", "1 month 2 days 03:00:00" is not taken: amounts with units. */
static bool interval_text(feat_ast_expr *interval, const char *text, size_t length) {
    size_t at = 0;
    bool any = false;
    for (;;) {
        while (at < length && text[at] == ' ') at++;
        if (at == length) return any;
        size_t start = at;
        if (text[at] == '-' || text[at] == '+') at++;
        while (at < length && text[at] >= '0' && text[at] <= '9') at++;
        int64_t amount;
        if (feat_number_parse_int64(text + start, at - start, &amount) != FEAT_NUMBER_OK) return false;
        while (at < length && text[at] == ' ') at++;
        size_t unit = at;
        while (at < length && text[at] != ' ' && !(text[at] >= '0' && text[at] <= '9')) at++;
        if (!add_unit(interval, amount, text + unit, at - unit)) return false;
        any = true;
    }
}

static feat_status parse_interval(feat_parser *p, feat_ast_expr **expr) {
    static const char usage[] = "an interval such as INTERVAL '30 days', INTERVAL '1' MONTH or INTERVAL 12 HOURS";
    FEAT_TRY(new_expr(p, FEAT_AST_INTERVAL, feat_parser_peek(p)->offset, expr));
    p->at++;
    const feat_token *amount = feat_parser_peek(p);
    int64_t number;
    if (amount->kind != FEAT_TOKEN_STRING && amount->kind != FEAT_TOKEN_INTEGER) return feat_parser_fail(p, usage);
    if (feat_number_parse_int64(amount->text, amount->length, &number) == FEAT_NUMBER_OK) {
        p->at++;
        const feat_token *unit = feat_parser_peek(p);
        if (unit->kind != FEAT_TOKEN_WORD || !add_unit(*expr, number, unit->text, unit->length)) return feat_parser_fail(p, usage);
    } else if (amount->kind != FEAT_TOKEN_STRING || !interval_text(*expr, amount->text, amount->length)) {
        return feat_parser_fail(p, usage);
    }
    p->at++;
    return FEAT_OK;
}

/* ---- Windows. ---- */

static feat_status parse_bound(feat_parser *p, feat_ast_bound *bound) {
    if (feat_parser_accept(p, "unbounded")) {
        if (feat_parser_accept(p, "preceding")) {
            bound->kind = FEAT_AST_UNBOUNDED_PRECEDING;
            return FEAT_OK;
        }
        bound->kind = FEAT_AST_UNBOUNDED_FOLLOWING;
        return feat_parser_accept(p, "following") ? FEAT_OK : feat_parser_fail(p, "PRECEDING");
    }
    if (feat_parser_accept(p, "current")) {
        bound->kind = FEAT_AST_CURRENT_ROW;
        return feat_parser_expect(p, "row");
    }
    FEAT_TRY(feat_parse_expr(p, &bound->distance));
    bound->kind = FEAT_AST_PRECEDING;
    if (feat_parser_accept(p, "preceding")) return FEAT_OK;
    bound->kind = FEAT_AST_FOLLOWING;
    return feat_parser_accept(p, "following") ? FEAT_OK : feat_parser_fail(p, "PRECEDING");
}

static feat_status parse_frame(feat_parser *p, feat_ast_window *window) {
    window->end.kind = FEAT_AST_CURRENT_ROW;
    if (feat_parser_accept(p, "since")) {
        window->unit = FEAT_AST_SINCE;
        if (feat_parser_peek(p)->kind != FEAT_TOKEN_WORD) return feat_parser_fail(p, "day, week, month, quarter or year");
        window->since = feat_parser_peek(p)->text;
        p->at++;
    } else {
        window->unit = feat_parser_accept(p, "range")    ? FEAT_AST_RANGE
                       : feat_parser_accept(p, "rows")   ? FEAT_AST_ROWS
                       : feat_parser_accept(p, "groups") ? FEAT_AST_GROUPS
                                                         : FEAT_AST_NO_FRAME;
        if (window->unit == FEAT_AST_NO_FRAME) return FEAT_OK;
        if (feat_parser_accept(p, "between")) {
            FEAT_TRY(parse_bound(p, &window->start));
            FEAT_TRY(feat_parser_expect(p, "and"));
            FEAT_TRY(parse_bound(p, &window->end));
        } else {
            FEAT_TRY(parse_bound(p, &window->start));
        }
    }
    if (feat_parser_accept(p, "closed")) {
        static const char *const sides[] = {"left", "right", "both", "none"};
        for (size_t i = 0; i < 4 && !window->closed; i++)
            if (feat_parser_accept(p, sides[i])) window->closed = sides[i];
        if (!window->closed) return feat_parser_fail(p, "left, right, both or none");
    }
    if (feat_parser_accept(p, "exclude")) {
        if (feat_parser_accept(p, "current")) {
            window->exclude = "current row";
            return feat_parser_expect(p, "row");
        }
        if (feat_parser_accept(p, "no")) {
            window->exclude = "no others";
            return feat_parser_expect(p, "others");
        }
        window->exclude = feat_parser_accept(p, "group") ? "group" : feat_parser_accept(p, "ties") ? "ties" : NULL;
        if (!window->exclude) return feat_parser_fail(p, "CURRENT ROW, GROUP, TIES or NO OTHERS");
    }
    return FEAT_OK;
}

feat_status feat_parse_window(feat_parser *p, feat_ast_window *window) {
    static const char *const starts[] = {"partition", "order", "range", "rows", "groups", "since"};
    bool clause = false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) clause |= feat_parser_is(p, starts[i]);
    if (!clause && feat_parser_at_name(p)) {
        feat_ast_name base = {0};
        FEAT_TRY(feat_parser_name(p, "a window", &base));
        window->base = base.text;
    }
    if (feat_parser_accept(p, "partition")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_expr_list(p, &window->partition, &window->n_partition));
    }
    if (feat_parser_accept(p, "order")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_order(p, &window->order, &window->n_order));
    }
    return parse_frame(p, window);
}

/* ---- Primary expressions. ---- */

static feat_status parse_case(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_CASE, feat_parser_peek(p)->offset, expr));
    p->at++;
    if (!feat_parser_is(p, "when")) {
        FEAT_TRY(feat_parse_expr(p, &(*expr)->operand));
        FEAT_TRY(deepen(p, *expr, (*expr)->operand));
    }
    if (!feat_parser_is(p, "when")) return feat_parser_fail(p, "WHEN");
    while (feat_parser_accept(p, "when")) {
        feat_ast_expr *condition, *result;
        FEAT_TRY(feat_parse_expr(p, &condition));
        FEAT_TRY(feat_parser_expect(p, "then"));
        FEAT_TRY(feat_parse_expr(p, &result));
        FEAT_TRY(add_arg(p, *expr, condition));
        FEAT_TRY(add_arg(p, *expr, result));
    }
    if (feat_parser_accept(p, "else")) {
        FEAT_TRY(feat_parse_expr(p, &(*expr)->otherwise));
        FEAT_TRY(deepen(p, *expr, (*expr)->otherwise));
    }
    return feat_parser_expect(p, "end");
}

static feat_status parse_cast(feat_parser *p, bool try_cast, feat_ast_expr **expr) {
    feat_ast_expr *arg;
    uint32_t offset;
    FEAT_TRY(new_expr(p, FEAT_AST_CAST, feat_parser_peek(p)->offset, expr));
    p->at++;
    (*expr)->try_cast = try_cast;
    FEAT_TRY(feat_parser_expect(p, "("));
    FEAT_TRY(feat_parse_expr(p, &arg));
    FEAT_TRY(add_arg(p, *expr, arg));
    FEAT_TRY(feat_parser_expect(p, "as"));
    FEAT_TRY(feat_parse_type(p, &(*expr)->name, &offset));
    return feat_parser_expect(p, ")");
}

/* What may follow the arguments of a function: IGNORE NULLS, FILTER, OVER. */
static feat_status parse_call_tail(feat_parser *p, feat_ast_expr *call) {
    if (feat_parser_is(p, "filter") && feat_parser_is_at(p, 1, "(")) {
        p->at += 2;
        FEAT_TRY(feat_parser_expect(p, "where"));
        FEAT_TRY(feat_parse_expr(p, &call->filter));
        FEAT_TRY(deepen(p, call, call->filter));
        FEAT_TRY(feat_parser_expect(p, ")"));
    }
    if ((feat_parser_is(p, "ignore") || feat_parser_is(p, "respect")) && feat_parser_is_at(p, 1, "nulls")) {
        call->nulls = feat_parser_is(p, "ignore") ? FEAT_AST_NULLS_IGNORE : FEAT_AST_NULLS_RESPECT;
        p->at += 2;
    }
    if (!feat_parser_accept(p, "over")) return FEAT_OK;
    call->over = FEAT_ARENA_NEW(p->arena, feat_ast_window);
    if (!call->over) return feat_fail_memory(p->err);
    call->over->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept(p, "(")) {
        FEAT_TRY(feat_parse_window(p, call->over));
        return feat_parser_expect(p, ")");
    }
    feat_ast_name base = {0};
    FEAT_TRY(feat_parser_name(p, "a window", &base));
    call->over->base = base.text;
    return FEAT_OK;
}

static feat_status parse_call(feat_parser *p, feat_ast_name name, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_CALL, name.offset, expr));
    feat_ast_expr *call = *expr;
    call->name = name.text;
    FEAT_TRY(feat_parser_expect(p, "("));
    if (feat_parser_accept(p, "*")) {
        call->star = true;
    } else if (!feat_parser_is(p, ")")) {
        call->distinct = feat_parser_accept(p, "distinct");
        do {
            feat_ast_expr *arg;
            FEAT_TRY(feat_parse_expr(p, &arg));
            FEAT_TRY(add_arg(p, call, arg));
        } while (feat_parser_accept(p, ","));
        if (feat_parser_accept(p, "order")) {
            FEAT_TRY(feat_parser_expect(p, "by"));
            FEAT_TRY(feat_parse_order(p, &call->order, &call->n_order));
        }
        if ((feat_parser_is(p, "ignore") || feat_parser_is(p, "respect")) && feat_parser_is_at(p, 1, "nulls")) {
            call->nulls = feat_parser_is(p, "ignore") ? FEAT_AST_NULLS_IGNORE : FEAT_AST_NULLS_RESPECT;
            p->at += 2;
        }
    }
    FEAT_TRY(feat_parser_expect(p, ")"));
    return parse_call_tail(p, call);
}

static feat_status parse_name_expr(feat_parser *p, feat_ast_expr **expr) {
    feat_ast_name name = {0};
    FEAT_TRY(feat_parser_name(p, "an expression", &name));
    if (feat_parser_is(p, "(")) return parse_call(p, name, expr);
    if (strcasecmp(name.text, "current_timestamp") == 0 || strcasecmp(name.text, "current_date") == 0) {
        FEAT_TRY(new_expr(p, FEAT_AST_CALL, name.offset, expr));
        (*expr)->name = name.text;
        return FEAT_OK;
    }
    if (feat_parser_is(p, ".") && feat_parser_is_at(p, 1, "*")) {
        p->at += 2;
        FEAT_TRY(new_expr(p, FEAT_AST_STAR, name.offset, expr));
        (*expr)->qualifier = name.text;
        return FEAT_OK;
    }
    FEAT_TRY(new_expr(p, FEAT_AST_COLUMN, name.offset, expr));
    if (feat_parser_accept(p, ".")) {
        feat_ast_name column = {0};
        FEAT_TRY(feat_parser_name(p, "a column", &column));
        (*expr)->qualifier = name.text;
        (*expr)->name = column.text;
        return FEAT_OK;
    }
    (*expr)->name = name.text;
    return FEAT_OK;
}

static feat_status parse_primary(feat_parser *p, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind == FEAT_TOKEN_INTEGER || t->kind == FEAT_TOKEN_DECIMAL || t->kind == FEAT_TOKEN_STRING) {
        p->at++;
        FEAT_TRY(new_expr(p, t->kind == FEAT_TOKEN_INTEGER ? FEAT_AST_INTEGER : t->kind == FEAT_TOKEN_DECIMAL ? FEAT_AST_DECIMAL : FEAT_AST_STRING,
                          t->offset, expr));
        (*expr)->text = t->text;
        (*expr)->length = t->length;
        return FEAT_OK;
    }
    if (feat_parser_accept(p, "(")) {
        FEAT_TRY(feat_parse_expr(p, expr));
        return feat_parser_expect(p, ")");
    }
    if (feat_parser_is(p, "*")) {
        p->at++;
        return new_expr(p, FEAT_AST_STAR, t->offset, expr);
    }
    if (feat_parser_is(p, "null")) {
        p->at++;
        return new_expr(p, FEAT_AST_NULL, t->offset, expr);
    }
    if (feat_parser_is(p, "true") || feat_parser_is(p, "false")) {
        FEAT_TRY(new_expr(p, FEAT_AST_BOOLEAN, t->offset, expr));
        (*expr)->truth = feat_parser_is(p, "true");
        p->at++;
        return FEAT_OK;
    }
    bool typed = p->tokens[p->at].kind == FEAT_TOKEN_WORD && p->tokens[p->at + 1].kind == FEAT_TOKEN_STRING;
    if (typed && (feat_parser_is(p, "date") || feat_parser_is(p, "timestamp"))) {
        FEAT_TRY(new_expr(p, FEAT_AST_TYPED, t->offset, expr));
        (*expr)->name = feat_parser_is(p, "date") ? "DATE" : "TIMESTAMP";
        (*expr)->text = t[1].text;
        (*expr)->length = t[1].length;
        p->at += 2;
        return FEAT_OK;
    }
    if (feat_parser_is(p, "interval") && (typed || t[1].kind == FEAT_TOKEN_INTEGER)) return parse_interval(p, expr);
    if (feat_parser_is(p, "case")) return parse_case(p, expr);
    if (feat_parser_is(p, "cast") && feat_parser_is_at(p, 1, "(")) return parse_cast(p, false, expr);
    if (feat_parser_is(p, "try_cast") && feat_parser_is_at(p, 1, "(")) return parse_cast(p, true, expr);
    return parse_name_expr(p, expr);
}

static feat_status parse_postfix(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(parse_primary(p, expr));
    while (feat_parser_is(p, "::")) {
        feat_ast_expr *cast;
        uint32_t offset;
        FEAT_TRY(new_expr(p, FEAT_AST_CAST, feat_parser_peek(p)->offset, &cast));
        p->at++;
        FEAT_TRY(feat_parse_type(p, &cast->name, &offset));
        FEAT_TRY(add_arg(p, cast, *expr));
        *expr = cast;
    }
    return FEAT_OK;
}

static feat_status parse_unary(feat_parser *p, feat_ast_expr **expr) {
    const char *op = feat_parser_is(p, "-") ? "-" : feat_parser_is(p, "+") ? "+" : NULL;
    if (!op) return parse_postfix(p, expr);
    feat_ast_expr *arg;
    FEAT_TRY(feat_parser_enter(p));
    FEAT_TRY(new_expr(p, FEAT_AST_UNARY, feat_parser_peek(p)->offset, expr));
    p->at++;
    FEAT_TRY(parse_unary(p, &arg));
    (*expr)->name = op;
    feat_parser_leave(p);
    return add_arg(p, *expr, arg);
}

/* ---- Binary operators by level: 0 is || and the bit operators, 1 is + -, 2 is * / // %. ---- */

static const char *const levels[3][6] = {{"||", "&", "|", "<<", ">>", NULL}, {"+", "-", NULL}, {"*", "/", "//", "%", NULL}};

static feat_status parse_level(feat_parser *p, int level, feat_ast_expr **expr) {
    if (level == 3) return parse_unary(p, expr);
    FEAT_TRY(parse_level(p, level + 1, expr));
    for (;;) {
        const char *op = NULL;
        for (int i = 0; levels[level][i] && !op; i++)
            if (feat_parser_is(p, levels[level][i])) op = levels[level][i];
        if (!op) return FEAT_OK;
        uint32_t offset = feat_parser_peek(p)->offset;
        feat_ast_expr *right, *left = *expr;
        p->at++;
        FEAT_TRY(parse_level(p, level + 1, &right));
        FEAT_TRY(binary(p, op, offset, left, right, expr));
    }
}

static feat_status parse_is(feat_parser *p, feat_ast_expr *left, feat_ast_expr **expr) {
    uint32_t offset = feat_parser_peek(p)->offset;
    p->at++;
    bool negated = feat_parser_accept(p, "not");
    if (feat_parser_accept(p, "distinct")) {
        feat_ast_expr *right;
        FEAT_TRY(feat_parser_expect(p, "from"));
        FEAT_TRY(parse_level(p, 0, &right));
        return binary(p, negated ? "is not distinct from" : "is distinct from", offset, left, right, expr);
    }
    FEAT_TRY(new_expr(p, FEAT_AST_IS, offset, expr));
    (*expr)->negated = negated;
    (*expr)->name = feat_parser_accept(p, "null") ? "null" : feat_parser_accept(p, "true") ? "true" : feat_parser_accept(p, "false") ? "false" : NULL;
    if (!(*expr)->name) return feat_parser_fail(p, "NULL, TRUE, FALSE or DISTINCT FROM");
    return add_arg(p, *expr, left);
}

static feat_status parse_in(feat_parser *p, feat_ast_expr *left, bool negated, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_IN, feat_parser_peek(p)->offset, expr));
    p->at++;
    (*expr)->negated = negated;
    FEAT_TRY(add_arg(p, *expr, left));
    FEAT_TRY(feat_parser_expect(p, "("));
    do {
        feat_ast_expr *item;
        FEAT_TRY(feat_parse_expr(p, &item));
        FEAT_TRY(add_arg(p, *expr, item));
    } while (feat_parser_accept(p, ","));
    return feat_parser_expect(p, ")");
}

static feat_status parse_between(feat_parser *p, feat_ast_expr *left, bool negated, feat_ast_expr **expr) {
    feat_ast_expr *low, *high;
    FEAT_TRY(new_expr(p, FEAT_AST_BETWEEN, feat_parser_peek(p)->offset, expr));
    p->at++;
    (*expr)->negated = negated;
    FEAT_TRY(parse_level(p, 0, &low));
    FEAT_TRY(feat_parser_expect(p, "and"));
    FEAT_TRY(parse_level(p, 0, &high));
    FEAT_TRY(add_arg(p, *expr, left));
    FEAT_TRY(add_arg(p, *expr, low));
    return add_arg(p, *expr, high);
}

static const char *const comparisons[][2] = {{"=", "="},   {"==", "="}, {"<>", "<>"}, {"!=", "<>"},    {"<=", "<="},
                                             {">=", ">="}, {"<", "<"},  {">", ">"},   {"like", "like"}, {"ilike", "ilike"}};

static feat_status parse_comparison(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(parse_level(p, 0, expr));
    for (;;) {
        feat_ast_expr *left = *expr, *right;
        if (feat_parser_is(p, "is")) {
            FEAT_TRY(parse_is(p, left, expr));
            continue;
        }
        bool negated = feat_parser_is(p, "not") &&
                       (feat_parser_is_at(p, 1, "in") || feat_parser_is_at(p, 1, "between") || feat_parser_is_at(p, 1, "like") || feat_parser_is_at(p, 1, "ilike"));
        uint32_t offset = feat_parser_peek(p)->offset;
        if (negated) p->at++;
        if (feat_parser_is(p, "in")) {
            FEAT_TRY(parse_in(p, left, negated, expr));
            continue;
        }
        if (feat_parser_is(p, "between")) {
            FEAT_TRY(parse_between(p, left, negated, expr));
            continue;
        }
        const char *op = NULL;
        for (size_t i = 0; i < sizeof comparisons / sizeof *comparisons && !op; i++)
            if (feat_parser_is(p, comparisons[i][0])) op = comparisons[i][1];
        if (!op) return FEAT_OK;
        p->at++;
        FEAT_TRY(parse_level(p, 0, &right));
        FEAT_TRY(binary(p, op, offset, left, right, expr));
        if (!negated) continue;
        feat_ast_expr *inner = *expr;
        FEAT_TRY(new_expr(p, FEAT_AST_UNARY, offset, expr));
        (*expr)->name = "not";
        FEAT_TRY(add_arg(p, *expr, inner));
    }
}

static feat_status parse_not(feat_parser *p, feat_ast_expr **expr) {
    if (!feat_parser_is(p, "not")) return parse_comparison(p, expr);
    feat_ast_expr *arg;
    FEAT_TRY(feat_parser_enter(p));
    FEAT_TRY(new_expr(p, FEAT_AST_UNARY, feat_parser_peek(p)->offset, expr));
    p->at++;
    FEAT_TRY(parse_not(p, &arg));
    (*expr)->name = "not";
    feat_parser_leave(p);
    return add_arg(p, *expr, arg);
}

/* AND and OR take all their terms at once, so that a long condition is no deep tree. */
static feat_status parse_chain(feat_parser *p, const char *op, feat_status (*term)(feat_parser *, feat_ast_expr **), feat_ast_expr **expr) {
    FEAT_TRY(term(p, expr));
    if (!feat_parser_is(p, op)) return FEAT_OK;
    feat_ast_expr *chain, *next;
    FEAT_TRY(new_expr(p, FEAT_AST_BINARY, feat_parser_peek(p)->offset, &chain));
    chain->name = op;
    FEAT_TRY(add_arg(p, chain, *expr));
    while (feat_parser_accept(p, op)) {
        FEAT_TRY(term(p, &next));
        FEAT_TRY(add_arg(p, chain, next));
    }
    *expr = chain;
    return FEAT_OK;
}

static feat_status parse_and(feat_parser *p, feat_ast_expr **expr) { return parse_chain(p, "and", parse_not, expr); }

feat_status feat_parse_expr(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(feat_parser_enter(p));
    FEAT_TRY(parse_chain(p, "or", parse_and, expr));
    feat_parser_leave(p);
    return FEAT_OK;
}
