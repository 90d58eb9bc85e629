/* Expressions, by precedence climbing: an operand, then operators for as long as they bind tightly enough. Chains of
 * operators are loops, so only parentheses, prefix operators and the like recurse. */
#include <string.h>

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
static feat_status deepen(feat_parser *p, feat_ast_expr *parent, uint32_t child_depth) {
    if (child_depth + 1 > parent->depth) parent->depth = child_depth + 1;
    if (parent->depth <= FEAT_SQL_MAX_DEPTH) return FEAT_OK;
    return feat_sql_fail(
        p->err, FEAT_SYNTAX, p->sql, p->length, parent->offset,
        "this expression is a chain of more than %d operators; set parentheses in it so that it is a tree",
        FEAT_SQL_MAX_DEPTH);
}

static feat_status add_arg(feat_parser *p, feat_ast_expr *parent, feat_ast_expr *arg) {
    FEAT_TRY(FEAT_PUSH(p, parent->args, parent->n_args, arg));
    return deepen(p, parent, arg->depth);
}

static feat_status binary(feat_parser *p, const char *op, uint32_t offset, feat_ast_expr *left, feat_ast_expr *right,
                          feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_BINARY, offset, expr));
    (*expr)->name = op;
    FEAT_TRY(add_arg(p, *expr, left));
    return add_arg(p, *expr, right);
}

static feat_status negate(feat_parser *p, uint32_t offset, feat_ast_expr **expr) {
    feat_ast_expr *arg = *expr;
    FEAT_TRY(new_expr(p, FEAT_AST_UNARY, offset, expr));
    (*expr)->name = "not";
    return add_arg(p, *expr, arg);
}

static feat_status parse_operators(feat_parser *p, int binds, feat_ast_expr **expr);

feat_status feat_parse_expr(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(feat_parser_enter(p));
    FEAT_TRY(parse_operators(p, FEAT_BINDS_ANY, expr));
    feat_parser_leave(p);
    return FEAT_OK;
}

feat_status feat_parse_expr_list(feat_parser *p, feat_ast_expr ***list, size_t *n) {
    do {
        feat_ast_expr *expr;
        FEAT_TRY(feat_parse_expr(p, &expr));
        FEAT_TRY(FEAT_PUSH(p, *list, *n, expr));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

static feat_status parse_args(feat_parser *p, feat_ast_expr *expr) {
    do {
        feat_ast_expr *arg;
        FEAT_TRY(feat_parse_expr(p, &arg));
        FEAT_TRY(add_arg(p, expr, arg));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

/* ---- Calls. ---- */

static feat_status parse_nulls(feat_parser *p, feat_ast_expr *call) {
    uint32_t offset = feat_parser_peek(p)->offset;
    feat_ast_nulls nulls = feat_parser_accept_both(p, "ignore", "nulls")    ? FEAT_AST_NULLS_IGNORE
                           : feat_parser_accept_both(p, "respect", "nulls") ? FEAT_AST_NULLS_RESPECT
                                                                            : FEAT_AST_NULLS_DEFAULT;
    if (nulls == FEAT_AST_NULLS_DEFAULT) return FEAT_OK;
    if (call->nulls != FEAT_AST_NULLS_DEFAULT)
        return feat_parser_refuse(
            p, offset, "this call says twice what to do with NULLs; keep one of IGNORE NULLS and RESPECT NULLS");
    call->nulls = nulls;
    return FEAT_OK;
}

static feat_status parse_over(feat_parser *p, feat_ast_expr *call) {
    call->over = FEAT_ARENA_NEW(p->arena, feat_ast_window);
    if (!call->over) return feat_fail_memory(p->err);
    call->over->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept(p, "(")) {
        FEAT_TRY(feat_parse_window(p, call->over));
        FEAT_TRY(deepen(p, call, feat_window_depth(call->over)));
        return feat_parser_expect(p, ")");
    }
    feat_ast_name base = {0};
    FEAT_TRY(feat_parser_name(p, "a window or '('", &base));
    call->over->base = base.text;
    call->over->end.kind = FEAT_AST_CURRENT_ROW; /* as in OVER (w), which means the same */
    return FEAT_OK;
}

/* What may follow the arguments: IGNORE NULLS, FILTER, OVER. */
static feat_status parse_call_tail(feat_parser *p, feat_ast_expr *call) {
    bool nulls = feat_parser_is(p, "ignore") || feat_parser_is(p, "respect");
    if (nulls && feat_parser_is_at(p, 2, ")")) return FEAT_OK; /* first(f(x) IGNORE NULLS): of the call around */
    FEAT_TRY(parse_nulls(p, call));
    if (feat_parser_accept_both(p, "filter", "(")) {
        FEAT_TRY(feat_parser_expect(p, "where"));
        FEAT_TRY(feat_parse_expr(p, &call->filter));
        FEAT_TRY(deepen(p, call, call->filter->depth));
        FEAT_TRY(feat_parser_expect(p, ")"));
    }
    FEAT_TRY(parse_nulls(p, call));
    return feat_parser_accept(p, "over") ? parse_over(p, call) : FEAT_OK;
}

/* Behind the '('. */
static feat_status parse_call(feat_parser *p, feat_ast_expr *call) {
    if (feat_parser_is(p, "*") && feat_parser_is_at(p, 1, ")")) {
        p->at++;
        call->star = true;
    } else if (!feat_parser_is(p, ")")) {
        call->distinct = feat_parser_accept(p, "distinct");
        FEAT_TRY(parse_args(p, call));
        if (feat_parser_accept(p, "order")) {
            FEAT_TRY(feat_parser_expect(p, "by"));
            FEAT_TRY(feat_parse_order(p, &call->order, &call->n_order));
            for (size_t i = 0; i < call->n_order; i++) FEAT_TRY(deepen(p, call, call->order[i].expr->depth));
        }
        FEAT_TRY(parse_nulls(p, call));
    }
    if (!feat_parser_is(p, ")"))
        return feat_parser_fail(p, call->n_order ? "',' or ')'" : call->n_args ? "',', ORDER BY or ')'" : "')'");
    p->at++;
    return parse_call_tail(p, call);
}

/* EXTRACT(year FROM x) is date_part('year', x). Behind the '('. */
static feat_status parse_extract(feat_parser *p, feat_ast_expr *call) {
    const feat_token *t = feat_parser_peek(p);
    feat_ast_expr *part, *from;
    if (t->kind != FEAT_TOKEN_WORD && t->kind != FEAT_TOKEN_STRING)
        return feat_parser_fail(p, "a part of a time, such as year");
    FEAT_TRY(new_expr(p, FEAT_AST_STRING, t->offset, &part));
    part->text = t->text;
    part->length = t->length;
    p->at++;
    FEAT_TRY(feat_parser_expect(p, "from"));
    FEAT_TRY(feat_parse_expr(p, &from));
    FEAT_TRY(feat_parser_expect(p, ")"));
    call->name = "date_part";
    FEAT_TRY(add_arg(p, call, part));
    return add_arg(p, call, from);
}

/* POSITION(needle IN text) is position(text, needle), as DuckDB reads it. Behind the '('. */
static feat_status parse_position(feat_parser *p, feat_ast_expr *call) {
    feat_ast_expr *needle, *text;
    FEAT_TRY(feat_parser_enter(p));
    FEAT_TRY(parse_operators(p, FEAT_BINDS_OTHER, &needle));
    feat_parser_leave(p);
    FEAT_TRY(feat_parser_expect(p, "in"));
    FEAT_TRY(feat_parse_expr(p, &text));
    FEAT_TRY(feat_parser_expect(p, ")"));
    FEAT_TRY(add_arg(p, call, text));
    return add_arg(p, call, needle);
}

/* SUBSTRING(text FROM start [FOR count]) or with commas. Behind the '('. */
static feat_status parse_substring(feat_parser *p, feat_ast_expr *call) {
    feat_ast_expr *arg;
    FEAT_TRY(feat_parse_expr(p, &arg));
    FEAT_TRY(add_arg(p, call, arg));
    if (feat_parser_accept(p, "from")) {
        FEAT_TRY(feat_parse_expr(p, &arg));
        FEAT_TRY(add_arg(p, call, arg));
        if (feat_parser_accept(p, "for")) {
            FEAT_TRY(feat_parse_expr(p, &arg));
            FEAT_TRY(add_arg(p, call, arg));
        }
    } else if (feat_parser_accept(p, ",")) {
        FEAT_TRY(parse_args(p, call));
    }
    return feat_parser_expect(p, ")");
}

/* ---- Primary expressions. ---- */

static feat_status parse_case(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_CASE, feat_parser_peek(p)->offset, expr));
    p->at++;
    if (!feat_parser_is(p, "when")) {
        FEAT_TRY(feat_parse_expr(p, &(*expr)->operand));
        FEAT_TRY(deepen(p, *expr, (*expr)->operand->depth));
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
        FEAT_TRY(deepen(p, *expr, (*expr)->otherwise->depth));
        return feat_parser_expect(p, "end");
    }
    return feat_parser_accept(p, "end") ? FEAT_OK : feat_parser_fail(p, "WHEN, ELSE or END");
}

/* CAST(x AS type) or TRY_CAST. Behind the '('. */
static feat_status parse_cast(feat_parser *p, uint32_t at, bool try_cast, feat_ast_expr **expr) {
    feat_ast_expr *arg;
    uint32_t offset;
    FEAT_TRY(new_expr(p, FEAT_AST_CAST, at, expr));
    (*expr)->try_cast = try_cast;
    FEAT_TRY(feat_parse_expr(p, &arg));
    FEAT_TRY(add_arg(p, *expr, arg));
    FEAT_TRY(feat_parser_expect(p, "as"));
    FEAT_TRY(feat_parse_type(p, &(*expr)->name, &offset));
    return feat_parser_expect(p, ")");
}

/* * or t.*, and the columns that EXCLUDE takes out of it. */
static feat_status parse_star(feat_parser *p, const feat_ast_name *qualifier, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_STAR, qualifier ? qualifier->offset : feat_parser_peek(p)->offset, expr));
    if (qualifier) (*expr)->qualifier = qualifier->text;
    p->at++;
    uint32_t offset = feat_parser_peek(p)->offset;
    if (!feat_parser_accept_both(p, "exclude", "(")) return FEAT_OK;
    feat_ast_expr *star = *expr;
    FEAT_TRY(new_expr(p, FEAT_AST_BINARY, offset, expr));
    (*expr)->name = "exclude";
    FEAT_TRY(add_arg(p, *expr, star));
    do {
        feat_ast_name name = {0};
        feat_ast_expr *column;
        FEAT_TRY(feat_parser_name(p, "a column", &name));
        FEAT_TRY(new_expr(p, FEAT_AST_COLUMN, name.offset, &column));
        column->name = name.text;
        FEAT_TRY(add_arg(p, *expr, column));
    } while (feat_parser_accept(p, ","));
    return feat_parser_expect(p, ")");
}

/* A function's name was seen, and the '(' behind it. */
static feat_status parse_function(feat_parser *p, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    bool word = t->kind == FEAT_TOKEN_WORD;
    p->at += 2;
    if (word && feat_same_word(t->text, "try_cast")) return parse_cast(p, t->offset, true, expr);
    FEAT_TRY(new_expr(p, FEAT_AST_CALL, t->offset, expr));
    (*expr)->name = t->text;
    if (word && feat_same_word(t->text, "extract")) return parse_extract(p, *expr);
    if (word && feat_same_word(t->text, "position")) return parse_position(p, *expr);
    if (word && feat_same_word(t->text, "substring")) return parse_substring(p, *expr);
    return parse_call(p, *expr);
}

static feat_status parse_name(feat_parser *p, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    bool clock = t->kind == FEAT_TOKEN_WORD &&
                 (feat_same_word(t->text, "current_timestamp") || feat_same_word(t->text, "current_date"));
    feat_ast_name name = {t->text, t->offset}, column = {0};
    p->at++;
    if (clock && !feat_parser_is(p, ".")) {
        FEAT_TRY(new_expr(p, FEAT_AST_CALL, name.offset, expr));
        (*expr)->name = name.text;
        return FEAT_OK;
    }
    if (!feat_parser_accept(p, ".")) {
        FEAT_TRY(new_expr(p, FEAT_AST_COLUMN, name.offset, expr));
        (*expr)->name = name.text;
        return FEAT_OK;
    }
    if (feat_parser_is(p, "*")) return parse_star(p, &name, expr);
    FEAT_TRY(feat_parser_label(p, "a column or '*'", &column));
    FEAT_TRY(new_expr(p, FEAT_AST_COLUMN, name.offset, expr));
    (*expr)->qualifier = name.text;
    (*expr)->name = column.text;
    return FEAT_OK;
}

static feat_status parse_literal(feat_parser *p, feat_ast_kind kind, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    FEAT_TRY(new_expr(p, kind, t->offset, expr));
    (*expr)->text = t->text;
    (*expr)->length = t->length;
    p->at++;
    return FEAT_OK;
}

/* DATE '...', INTERVAL '...', INTERVAL 3 DAYS; *taken says whether it is one. */
static feat_status parse_typed(feat_parser *p, bool *taken, feat_ast_expr **expr) {
    static const char *const types[][2] = {
        {"date", "DATE"}, {"timestamp", "TIMESTAMP"}, {"timestamptz", "TIMESTAMPTZ"}};
    uint32_t offset = feat_parser_peek(p)->offset;
    const feat_token *value = feat_parser_peek(p) + 1; /* a word is not the last token */
    *taken = true;
    if (feat_parser_is(p, "interval") && (value->kind == FEAT_TOKEN_STRING || value->kind == FEAT_TOKEN_INTEGER)) {
        FEAT_TRY(new_expr(p, FEAT_AST_INTERVAL, offset, expr));
        return feat_parse_interval(p, *expr);
    }
    /* INTERVAL (n) DAYS is to_days(n), as in DuckDB. */
    if (feat_parser_is(p, "interval") && feat_parser_is_at(p, 1, "(")) {
        feat_ast_expr *amount;
        p->at += 2;
        FEAT_TRY(feat_parse_expr(p, &amount));
        FEAT_TRY(feat_parser_expect(p, ")"));
        FEAT_TRY(new_expr(p, FEAT_AST_CALL, offset, expr));
        (*expr)->name = feat_parse_interval_function(p);
        if (!(*expr)->name) return feat_parser_fail(p, "a unit, as in INTERVAL (n) DAYS");
        return add_arg(p, *expr, amount);
    }
    for (size_t i = 0; i < 3; i++) {
        if (value->kind != FEAT_TOKEN_STRING || !feat_parser_is(p, types[i][0])) continue;
        p->at++;
        FEAT_TRY(parse_literal(p, FEAT_AST_TYPED, expr));
        (*expr)->name = types[i][1];
        (*expr)->offset = offset;
        return FEAT_OK;
    }
    *taken = false;
    return FEAT_OK;
}

/* A list: [a, b] is list_value(a, b). Behind the '['. */
static feat_status parse_list(feat_parser *p, uint32_t offset, feat_ast_expr **expr) {
    FEAT_TRY(new_expr(p, FEAT_AST_CALL, offset, expr));
    (*expr)->name = "list_value";
    if (feat_parser_accept(p, "]")) return FEAT_OK;
    FEAT_TRY(parse_args(p, *expr));
    return feat_parser_accept(p, "]") ? FEAT_OK : feat_parser_fail(p, "',' or ']'");
}

static feat_status parse_word(feat_parser *p, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    bool taken;
    FEAT_TRY(parse_typed(p, &taken, expr));
    if (taken) return FEAT_OK;
    if (feat_parser_is(p, "case")) return parse_case(p, expr);
    if (feat_parser_accept_both(p, "cast", "(")) return parse_cast(p, t->offset, false, expr);
    if (feat_parser_accept_both(p, "array", "[")) return parse_list(p, t->offset, expr);
    if (feat_parser_accept(p, "null")) return new_expr(p, FEAT_AST_NULL, t->offset, expr);
    if (feat_parser_is(p, "true") || feat_parser_is(p, "false")) {
        FEAT_TRY(new_expr(p, FEAT_AST_BOOLEAN, t->offset, expr));
        (*expr)->truth = feat_parser_accept(p, "true");
        if (!(*expr)->truth) p->at++;
        return FEAT_OK;
    }
    if (t->word <= FEAT_WORD_FUNCTION && feat_parser_is_at(p, 1, "(")) return parse_function(p, expr);
    if (t->word <= FEAT_WORD_CONTEXT) return parse_name(p, expr);
    if (feat_parser_is(p, "select") || feat_parser_is(p, "with"))
        return feat_parser_refuse(p, t->offset, "a query cannot stand within an expression; join it in FROM");
    if (p->at > 0 && t[-1].kind == FEAT_TOKEN_SYMBOL && t[-1].text[0] == ',')
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t[-1].offset,
                             "expected an expression behind this comma, found '%s'; remove the comma", t->text);
    return feat_parser_fail(p, "an expression");
}

static feat_status parse_primary(feat_parser *p, feat_ast_expr **expr) {
    const feat_token *t = feat_parser_peek(p);
    switch (t->kind) {
    case FEAT_TOKEN_INTEGER: return parse_literal(p, FEAT_AST_INTEGER, expr);
    case FEAT_TOKEN_DECIMAL: return parse_literal(p, FEAT_AST_DECIMAL, expr);
    case FEAT_TOKEN_STRING: return parse_literal(p, FEAT_AST_STRING, expr);
    case FEAT_TOKEN_QUOTED: return feat_parser_is_at(p, 1, "(") ? parse_function(p, expr) : parse_name(p, expr);
    case FEAT_TOKEN_WORD: return parse_word(p, expr);
    case FEAT_TOKEN_SYMBOL:
    case FEAT_TOKEN_END: break;
    }
    if (feat_parser_accept(p, "[")) return parse_list(p, t->offset, expr);
    if (feat_parser_is(p, "*")) return parse_star(p, NULL, expr);
    if (!feat_parser_accept(p, "(")) return feat_parser_fail(p, "an expression");
    FEAT_TRY(feat_parse_expr(p, expr));
    return feat_parser_expect(p, ")");
}

static feat_status parse_postfix(feat_parser *p, feat_ast_expr **expr) {
    FEAT_TRY(parse_primary(p, expr));
    for (;;) {
        uint32_t offset = feat_parser_peek(p)->offset, type_offset;
        feat_ast_expr *left = *expr, *index;
        if (feat_parser_accept(p, "::")) {
            FEAT_TRY(new_expr(p, FEAT_AST_CAST, offset, expr));
            FEAT_TRY(feat_parse_type(p, &(*expr)->name, &type_offset));
            FEAT_TRY(add_arg(p, *expr, left));
        } else if (feat_parser_accept(p, "[")) {
            FEAT_TRY(feat_parse_expr(p, &index));
            FEAT_TRY(feat_parser_expect(p, "]"));
            FEAT_TRY(binary(p, "[]", offset, left, index, expr));
        } else {
            return FEAT_OK;
        }
    }
}

/* ---- Operators. ---- */

static const feat_operator operators[] = {
    {"=", "=", FEAT_BINDS_COMPARE},   {"==", "=", FEAT_BINDS_COMPARE},  {"<>", "<>", FEAT_BINDS_COMPARE},
    {"!=", "<>", FEAT_BINDS_COMPARE}, {"<", "<", FEAT_BINDS_COMPARE},   {"<=", "<=", FEAT_BINDS_COMPARE},
    {">", ">", FEAT_BINDS_COMPARE},   {">=", ">=", FEAT_BINDS_COMPARE}, {"||", "||", FEAT_BINDS_OTHER},
    {"&", "&", FEAT_BINDS_OTHER},     {"|", "|", FEAT_BINDS_OTHER},     {"<<", "<<", FEAT_BINDS_OTHER},
    {">>", ">>", FEAT_BINDS_OTHER},   {"+", "+", FEAT_BINDS_ADD},       {"-", "-", FEAT_BINDS_ADD},
    {"*", "*", FEAT_BINDS_MULTIPLY},  {"/", "/", FEAT_BINDS_MULTIPLY},  {"//", "//", FEAT_BINDS_MULTIPLY},
    {"%", "%", FEAT_BINDS_MULTIPLY},  {"^", "^", FEAT_BINDS_POWER},     {"**", "^", FEAT_BINDS_POWER},
};

const feat_operator *feat_operator_find(const char *text) {
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strcmp(operators[i].text, text) == 0) return &operators[i];
    return NULL;
}

/* NOT, - + and ~, or an operand without. Inside an operator that binds tighter, as in a = NOT b, the prefix is printed
 * in parentheses; it counts as nested as if it had them, so that what is printed is never nested deeper than what was
 * read. */
static feat_status parse_prefix(feat_parser *p, int binds, feat_ast_expr **expr) {
    static const char *const names[] = {"not", "-", "+", "~"};
    static const int own[] = {FEAT_BINDS_NOT, FEAT_BINDS_SIGN, FEAT_BINDS_SIGN, FEAT_BINDS_OTHER};
    /* ~ ~x does not chain by itself: its operand binds tighter. */
    static const int operand[] = {FEAT_BINDS_NOT, FEAT_BINDS_SIGN, FEAT_BINDS_SIGN, FEAT_BINDS_OTHER + 1};
    uint32_t offset = feat_parser_peek(p)->offset;
    size_t i = 0;
    while (i < 4 && !feat_parser_is(p, names[i])) i++;
    if (i == 4) return parse_postfix(p, expr);
    bool loose = own[i] < binds;
    feat_ast_expr *arg;
    FEAT_TRY(feat_parser_enter(p));
    if (loose) FEAT_TRY(feat_parser_enter(p));
    p->at++;
    FEAT_TRY(parse_operators(p, operand[i], &arg));
    if (loose) feat_parser_leave(p);
    feat_parser_leave(p);
    FEAT_TRY(new_expr(p, i == 3 ? FEAT_AST_BINARY : FEAT_AST_UNARY, offset, expr));
    (*expr)->name = names[i];
    return add_arg(p, *expr, arg);
}

static feat_status parse_is(feat_parser *p, uint32_t offset, feat_ast_expr **expr) {
    static const char *const tests[] = {"null", "true", "false", "unknown"};
    feat_ast_expr *left = *expr, *right;
    bool negated = feat_parser_accept(p, "not");
    if (feat_parser_accept(p, "distinct")) {
        FEAT_TRY(feat_parser_expect(p, "from"));
        FEAT_TRY(parse_operators(p, FEAT_BINDS_IS + 1, &right));
        return binary(p, negated ? "is not distinct from" : "is distinct from", offset, left, right, expr);
    }
    FEAT_TRY(new_expr(p, FEAT_AST_IS, offset, expr));
    (*expr)->negated = negated;
    (*expr)->name = feat_parser_accept_any(p, tests, 4);
    if (!(*expr)->name)
        return feat_parser_fail(p, negated ? "NULL, TRUE, FALSE or DISTINCT FROM"
                                           : "NULL, TRUE, FALSE, NOT or DISTINCT FROM");
    if ((*expr)->name == tests[3]) (*expr)->name = tests[0]; /* of a truth value, unknown is NULL */
    return add_arg(p, *expr, left);
}

static feat_status parse_in(feat_parser *p, uint32_t offset, bool negated, feat_ast_expr **expr) {
    feat_ast_expr *left = *expr;
    FEAT_TRY(new_expr(p, FEAT_AST_IN, offset, expr));
    (*expr)->negated = negated;
    FEAT_TRY(add_arg(p, *expr, left));
    FEAT_TRY(feat_parser_expect(p, "("));
    FEAT_TRY(parse_args(p, *expr));
    return feat_parser_accept(p, ")") ? FEAT_OK : feat_parser_fail(p, "',' or ')'");
}

static feat_status parse_between(feat_parser *p, uint32_t offset, bool negated, feat_ast_expr **expr) {
    feat_ast_expr *left = *expr, *low, *high;
    FEAT_TRY(parse_operators(p, FEAT_BINDS_MATCH + 1, &low));
    FEAT_TRY(feat_parser_expect(p, "and"));
    FEAT_TRY(parse_operators(p, FEAT_BINDS_MATCH + 1, &high));
    FEAT_TRY(new_expr(p, FEAT_AST_BETWEEN, offset, expr));
    (*expr)->negated = negated;
    FEAT_TRY(add_arg(p, *expr, left));
    FEAT_TRY(add_arg(p, *expr, low));
    return add_arg(p, *expr, high);
}

static feat_status parse_like(feat_parser *p, uint32_t offset, const char *name, bool negated, feat_ast_expr **expr) {
    feat_ast_expr *left = *expr, *right;
    FEAT_TRY(parse_operators(p, FEAT_BINDS_MATCH + 1, &right));
    FEAT_TRY(binary(p, name, offset, left, right, expr));
    if (feat_parser_accept(p, "escape")) {
        FEAT_TRY(parse_operators(p, FEAT_BINDS_MATCH + 1, &right));
        FEAT_TRY(add_arg(p, *expr, right));
    }
    return negated ? negate(p, offset, expr) : FEAT_OK;
}

/* AND and OR take all their terms at once, so that a long condition is no deep tree. */
static feat_status parse_chain(feat_parser *p, uint32_t offset, const char *name, int binds, feat_ast_expr **expr) {
    feat_ast_expr *left = *expr, *term;
    FEAT_TRY(new_expr(p, FEAT_AST_BINARY, offset, expr));
    (*expr)->name = name;
    FEAT_TRY(add_arg(p, *expr, left));
    do {
        FEAT_TRY(parse_operators(p, binds + 1, &term));
        FEAT_TRY(add_arg(p, *expr, term));
    } while (feat_parser_accept(p, name));
    return FEAT_OK;
}

typedef enum operation { NOTHING, SYMBOL, AND, OR, IS, IS_NULL, NOT_NULL, IN, BETWEEN, LIKE, ILIKE, ZONE } operation;

static const struct {
    const char *word;
    operation operation;
    int binds;
} word_operators[] = {
    {"and", AND, FEAT_BINDS_AND},
    {"or", OR, FEAT_BINDS_OR},
    {"is", IS, FEAT_BINDS_IS},
    {"isnull", IS_NULL, FEAT_BINDS_IS},
    {"notnull", NOT_NULL, FEAT_BINDS_IS},
    {"in", IN, FEAT_BINDS_MATCH},
    {"between", BETWEEN, FEAT_BINDS_MATCH},
    {"like", LIKE, FEAT_BINDS_MATCH},
    {"ilike", ILIKE, FEAT_BINDS_MATCH},
};

/* The operator that comes next, how it binds, and of how many tokens it is. NOT belongs to IN, LIKE and BETWEEN. */
static operation next_operation(const feat_parser *p, const feat_operator **symbol, int *binds, size_t *tokens) {
    const feat_token *t = feat_parser_peek(p);
    *tokens = 1;
    if (t->kind == FEAT_TOKEN_SYMBOL) {
        *symbol = feat_operator_find(t->text);
        if (!*symbol) return NOTHING;
        *binds = (*symbol)->binds;
        return SYMBOL;
    }
    if (t->kind != FEAT_TOKEN_WORD || t->word == FEAT_WORD_FREE) return NOTHING;
    if (feat_parser_is(p, "at") && feat_parser_is_at(p, 1, "time") && feat_parser_is_at(p, 2, "zone")) {
        *binds = FEAT_BINDS_ZONE;
        *tokens = 3;
        return ZONE;
    }
    size_t negated = feat_parser_is(p, "not");
    for (size_t i = 0; i < sizeof word_operators / sizeof *word_operators; i++) {
        if (!feat_parser_is_at(p, negated, word_operators[i].word)) continue;
        if (negated && word_operators[i].binds != FEAT_BINDS_MATCH) return NOTHING;
        *binds = word_operators[i].binds;
        *tokens = 1 + negated;
        return word_operators[i].operation;
    }
    return NOTHING;
}

static feat_status parse_operation(feat_parser *p, operation next, const feat_operator *symbol, bool negated,
                                   uint32_t offset, feat_ast_expr **expr) {
    feat_ast_expr *left = *expr, *right;
    switch (next) {
    case NOTHING: break;
    case SYMBOL:
        FEAT_TRY(parse_operators(p, symbol->binds + 1, &right));
        return binary(p, symbol->name, offset, left, right, expr);
    case ZONE:
        FEAT_TRY(parse_operators(p, FEAT_BINDS_ZONE + 1, &right));
        return binary(p, "at time zone", offset, left, right, expr);
    case AND: return parse_chain(p, offset, "and", FEAT_BINDS_AND, expr);
    case OR: return parse_chain(p, offset, "or", FEAT_BINDS_OR, expr);
    case IS: return parse_is(p, offset, expr);
    case IS_NULL:
    case NOT_NULL:
        FEAT_TRY(new_expr(p, FEAT_AST_IS, offset, expr));
        (*expr)->name = "null";
        (*expr)->negated = next == NOT_NULL;
        return add_arg(p, *expr, left);
    case IN: return parse_in(p, offset, negated, expr);
    case BETWEEN: return parse_between(p, offset, negated, expr);
    case LIKE: return parse_like(p, offset, "like", negated, expr);
    case ILIKE: return parse_like(p, offset, "ilike", negated, expr);
    }
    return feat_fail(p->err, FEAT_INTERNAL, "unknown operator");
}

/* An expression of the operators that bind at least as tightly as `binds`. */
static feat_status parse_operators(feat_parser *p, int binds, feat_ast_expr **expr) {
    int last = FEAT_BINDS_PRIMARY; /* of the operator that made what is in *expr so far */
    FEAT_TRY(parse_prefix(p, binds, expr));
    for (;;) {
        const feat_operator *symbol = NULL;
        int next_binds = 0;
        size_t tokens;
        operation next = next_operation(p, &symbol, &next_binds, &tokens);
        uint32_t offset = feat_parser_peek(p)->offset;
        if (next == NOTHING || next_binds < binds) return FEAT_OK;
        if (next_binds == last && last == FEAT_BINDS_COMPARE)
            return feat_parser_refuse(p, offset, "comparisons do not chain; write a < b AND b < c, or set parentheses");
        if (next_binds > last || (next_binds == last && last == FEAT_BINDS_MATCH))
            return feat_parser_refuse(p, offset, "set parentheses around what stands before this operator");
        p->at += tokens;
        FEAT_TRY(parse_operation(p, next, symbol, next != ZONE && tokens == 2, offset, expr));
        last = next_binds;
    }
}
