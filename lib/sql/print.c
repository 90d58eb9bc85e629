/* Expressions and windows as text. Parentheses stand only where the operators do not bind that way by themselves, so
 * that what is printed is nested no deeper than what was read. */
#include "sql/print.h"

#include <inttypes.h>
#include <string.h>

#include "sql/parser.h"

bool feat_print_enter(feat_printer *pr) {
    if (pr->depth >= FEAT_SQL_MAX_DEPTH + FEAT_SQL_MAX_NESTING) pr->too_deep = true;
    if (pr->too_deep) return false;
    pr->depth++;
    return true;
}

void feat_print_leave(feat_printer *pr) { pr->depth--; }

feat_status feat_print_result(const feat_printer *pr) {
    return pr->too_deep ? FEAT_LIMIT : pr->out->failed ? FEAT_MEMORY : FEAT_OK;
}

/* ---- Names and constants. ---- */

void feat_print_text(feat_printer *pr, const char *text) { feat_buffer_text(pr->out, text); }

static void quoted(feat_printer *pr, char quote, const char *text, size_t length) {
    feat_buffer_byte(pr->out, (uint8_t)quote);
    for (size_t i = 0; i < length;) {
        const char *next = memchr(text + i, quote, length - i);
        size_t n = next ? (size_t)(next - text) + 1 - i : length - i;
        feat_buffer_append(pr->out, text + i, n);
        if (next) feat_buffer_byte(pr->out, (uint8_t)quote);
        i += n;
    }
    feat_buffer_byte(pr->out, (uint8_t)quote);
}

void feat_print_string(feat_printer *pr, const char *text, size_t length) { quoted(pr, '\'', text, length); }

static bool plain(const char *name, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = feat_ascii_lower(name[i]);
        if (!((c >= 'a' && c <= 'z') || c == '_' || (i > 0 && c >= '0' && c <= '9'))) return false;
    }
    return length > 0;
}

void feat_print_name(feat_printer *pr, const char *name) {
    size_t length = strlen(name);
    if (plain(name, length) && feat_word_of(name, length) == FEAT_WORD_FREE) feat_print_text(pr, name);
    else quoted(pr, '"', name, length);
}

/* Before a '(' most words are names of functions: last, date, left. Not those with a syntax of their own. */
static void function_name(feat_printer *pr, const char *name) {
    static const char *const special[] = {"extract", "position", "try_cast"};
    size_t length = strlen(name);
    bool bare = plain(name, length) && feat_word_of(name, length) != FEAT_WORD_RESERVED;
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) bare = bare && !feat_same_word(name, special[i]);
    if (bare) feat_print_text(pr, name);
    else quoted(pr, '"', name, length);
}

/* Each of the three parts in the largest unit that is whole. */
static void interval(feat_printer *pr, const feat_ast_expr *e) {
    static const struct {
        int64_t size;
        const char *unit;
    } months[] = {{12, "year"}, {1, "month"}}, times[] = {{INT64_C(3600000000), "hour"},
                                                          {INT64_C(60000000), "minute"},
                                                          {1000000, "second"},
                                                          {1000, "millisecond"},
                                                          {1, "microsecond"}};
    size_t m = 0, t = 0;
    const char *blank = "";
    while (e->months % months[m].size != 0) m++;
    while (e->us % times[t].size != 0) t++;
    const struct {
        int64_t amount;
        const char *unit;
    } parts[] = {
        {e->months / months[m].size, months[m].unit}, {e->days, "day"}, {e->us / times[t].size, times[t].unit}};
    feat_print_text(pr, "INTERVAL '");
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].amount == 0) continue;
        feat_buffer_printf(pr->out, "%s%" PRId64 " %s%s", blank, parts[i].amount, parts[i].unit,
                           parts[i].amount == 1 ? "" : "s");
        blank = " ";
    }
    feat_print_text(pr, *blank ? "'" : "0 days'");
}

/* ---- Orders and windows. ---- */

void feat_print_list(feat_printer *pr, feat_ast_expr *const *exprs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) feat_print_text(pr, ", ");
        feat_print_expr(pr, exprs[i]);
    }
}

void feat_print_order(feat_printer *pr, const feat_ast_order *order, size_t n) {
    for (size_t i = 0; i < n; i++) {
        feat_print_text(pr, i ? ", " : " ORDER BY ");
        feat_print_expr(pr, order[i].expr);
        if (order[i].descending) feat_print_text(pr, " DESC");
        if (order[i].nulls)
            feat_print_text(pr, order[i].nulls == FEAT_AST_NULLS_FIRST ? " NULLS FIRST" : " NULLS LAST");
    }
}

static void bound(feat_printer *pr, const feat_ast_bound *b) {
    static const char *const kinds[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW", " FOLLOWING",
                                        "UNBOUNDED FOLLOWING"};
    if (b->distance) feat_print_expr(pr, b->distance);
    feat_print_text(pr, kinds[b->kind]);
}

static void frame(feat_printer *pr, const feat_ast_window *w) {
    if (w->unit == FEAT_AST_SINCE) {
        feat_buffer_printf(pr->out, " SINCE %s", w->since);
        if (w->zone) {
            feat_print_text(pr, " AT TIME ZONE ");
            feat_print_string(pr, w->zone, strlen(w->zone));
        }
    } else {
        feat_print_text(pr, w->unit == FEAT_AST_RANGE  ? " RANGE BETWEEN "
                            : w->unit == FEAT_AST_ROWS ? " ROWS BETWEEN "
                                                       : " GROUPS BETWEEN ");
        bound(pr, &w->start);
        feat_print_text(pr, " AND ");
        bound(pr, &w->end);
    }
    if (w->closed) feat_buffer_printf(pr->out, " CLOSED %s", w->closed);
    if (w->exclude) feat_buffer_printf(pr->out, " EXCLUDE %s", w->exclude);
}

void feat_print_window(feat_printer *pr, const feat_ast_window *w) {
    feat_print_text(pr, "(");
    if (w->base) feat_print_name(pr, w->base);
    if (w->n_partition) {
        feat_print_text(pr, " PARTITION BY ");
        feat_print_list(pr, w->partition, w->n_partition);
    }
    feat_print_order(pr, w->order, w->n_order);
    if (w->unit != FEAT_AST_NO_FRAME) frame(pr, w);
    feat_print_text(pr, ")");
}

/* ---- Expressions. ---- */

static bool is_like(const feat_ast_expr *e) {
    return e->kind == FEAT_AST_BINARY && (strcmp(e->name, "like") == 0 || strcmp(e->name, "ilike") == 0);
}

/* The operators that are words; those that are symbols are in the parser's table. */
static const feat_operator words[] = {
    {" OR ", "or", FEAT_BINDS_OR},
    {" AND ", "and", FEAT_BINDS_AND},
    {" IS DISTINCT FROM ", "is distinct from", FEAT_BINDS_IS},
    {" IS NOT DISTINCT FROM ", "is not distinct from", FEAT_BINDS_IS},
    {" LIKE ", "like", FEAT_BINDS_MATCH},
    {" ILIKE ", "ilike", FEAT_BINDS_MATCH},
    {" AT TIME ZONE ", "at time zone", FEAT_BINDS_ZONE},
    {"~", "~", FEAT_BINDS_OTHER},
    {"[]", "[]", FEAT_BINDS_POSTFIX},
    {"EXCLUDE", "exclude", FEAT_BINDS_PRIMARY},
};

static const feat_operator *find_operator(const char *name) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i].name, name) == 0) return &words[i];
    return feat_operator_find(name);
}

/* How tightly the outermost operator of an expression binds. */
static int binds(const feat_ast_expr *e) {
    const feat_operator *op;
    switch (e->kind) {
    case FEAT_AST_UNARY:
        if (strcmp(e->name, "not") != 0) return FEAT_BINDS_SIGN;
        return is_like(e->args[0]) ? FEAT_BINDS_MATCH : FEAT_BINDS_NOT; /* a NOT LIKE b */
    case FEAT_AST_BINARY: op = find_operator(e->name); return op ? op->binds : FEAT_BINDS_ANY;
    case FEAT_AST_IS: return FEAT_BINDS_IS;
    case FEAT_AST_BETWEEN:
    case FEAT_AST_IN: return FEAT_BINDS_MATCH;
    case FEAT_AST_CAST: return e->try_cast ? FEAT_BINDS_PRIMARY : FEAT_BINDS_POSTFIX;
    default: return FEAT_BINDS_PRIMARY;
    }
}

/* An operand of an operator that takes what binds at least as tightly as `least`. */
static void operand(feat_printer *pr, const feat_ast_expr *e, int least) {
    bool loose = binds(e) < least;
    if (loose) feat_print_text(pr, "(");
    feat_print_expr(pr, e);
    if (loose) feat_print_text(pr, ")");
}

static void like(feat_printer *pr, const feat_ast_expr *e, bool negated) {
    operand(pr, e->args[0], FEAT_BINDS_MATCH + 1);
    if (negated) feat_print_text(pr, " NOT");
    feat_print_text(pr, find_operator(e->name)->text);
    operand(pr, e->args[1], FEAT_BINDS_MATCH + 1);
    if (e->n_args < 3) return;
    feat_print_text(pr, " ESCAPE ");
    operand(pr, e->args[2], FEAT_BINDS_MATCH + 1);
}

static void binary(feat_printer *pr, const feat_ast_expr *e) {
    const feat_operator *op = find_operator(e->name);
    if (!op || e->n_args == 0) return;
    switch (op->binds) {
    case FEAT_BINDS_OR:
    case FEAT_BINDS_AND:
        for (size_t i = 0; i < e->n_args; i++) {
            if (i) feat_print_text(pr, op->text);
            operand(pr, e->args[i], op->binds + 1);
        }
        return;
    case FEAT_BINDS_MATCH: like(pr, e, false); return;
    case FEAT_BINDS_PRIMARY:
        feat_print_expr(pr, e->args[0]);
        feat_print_text(pr, " EXCLUDE (");
        feat_print_list(pr, e->args + 1, e->n_args - 1);
        feat_print_text(pr, ")");
        return;
    case FEAT_BINDS_POSTFIX: {
        /* x::INTEGER[1] would be a type of one element. */
        bool cast = e->args[0]->kind == FEAT_AST_CAST && !e->args[0]->try_cast;
        operand(pr, e->args[0], cast ? FEAT_BINDS_PRIMARY : FEAT_BINDS_POSTFIX);
        feat_print_text(pr, "[");
        feat_print_expr(pr, e->args[1]);
        feat_print_text(pr, "]");
        return;
    }
    default: break;
    }
    if (e->n_args == 1) {
        feat_print_text(pr, op->text);
        operand(pr, e->args[0], op->binds + 1);
        return;
    }
    bool symbol = op->text[0] != ' ';
    operand(pr, e->args[0], op->binds == FEAT_BINDS_COMPARE ? op->binds + 1 : op->binds);
    if (symbol) feat_print_text(pr, " ");
    feat_print_text(pr, op->text);
    if (symbol) feat_print_text(pr, " ");
    operand(pr, e->args[1], op->binds + 1);
}

static void unary(feat_printer *pr, const feat_ast_expr *e) {
    if (strcmp(e->name, "not") != 0) {
        feat_print_text(pr, e->name);
        if (e->args[0]->kind == FEAT_AST_UNARY) feat_print_text(pr, " "); /* -- would be a comment */
        operand(pr, e->args[0], FEAT_BINDS_SIGN);
    } else if (is_like(e->args[0])) {
        like(pr, e->args[0], true);
    } else {
        feat_print_text(pr, "NOT ");
        operand(pr, e->args[0], FEAT_BINDS_NOT);
    }
}

static void choice(feat_printer *pr, const feat_ast_expr *e) {
    feat_print_text(pr, "CASE");
    if (e->operand) {
        feat_print_text(pr, " ");
        feat_print_expr(pr, e->operand);
    }
    for (size_t i = 0; i + 1 < e->n_args; i += 2) {
        feat_print_text(pr, " WHEN ");
        feat_print_expr(pr, e->args[i]);
        feat_print_text(pr, " THEN ");
        feat_print_expr(pr, e->args[i + 1]);
    }
    if (e->otherwise) {
        feat_print_text(pr, " ELSE ");
        feat_print_expr(pr, e->otherwise);
    }
    feat_print_text(pr, " END");
}

static void call(feat_printer *pr, const feat_ast_expr *e) {
    bool bare = !e->star && !e->distinct && !e->nulls && !e->filter && !e->over && !e->n_order;
    if (bare && strcmp(e->name, "list_value") == 0) {
        feat_print_text(pr, "[");
        feat_print_list(pr, e->args, e->n_args);
        feat_print_text(pr, "]");
        return;
    }
    if (bare && e->n_args == 0 &&
        (feat_same_word(e->name, "current_date") || feat_same_word(e->name, "current_timestamp"))) {
        feat_print_text(pr, e->name);
        return;
    }
    function_name(pr, e->name);
    feat_print_text(pr, e->star ? "(*" : e->distinct ? "(DISTINCT " : "(");
    feat_print_list(pr, e->args, e->n_args);
    feat_print_order(pr, e->order, e->n_order);
    const char *nulls = e->nulls == FEAT_AST_NULLS_IGNORE ? " IGNORE NULLS" : " RESPECT NULLS";
    if (e->nulls && !e->star) feat_print_text(pr, nulls); /* inside: behind, another call around would take them */
    feat_print_text(pr, ")");
    if (e->nulls && e->star) feat_print_text(pr, nulls);
    if (e->filter) {
        feat_print_text(pr, " FILTER (WHERE ");
        feat_print_expr(pr, e->filter);
        feat_print_text(pr, ")");
    }
    if (!e->over) return;
    feat_print_text(pr, " OVER ");
    bool named = e->over->base && !e->over->n_partition && !e->over->n_order && e->over->unit == FEAT_AST_NO_FRAME;
    if (named) feat_print_name(pr, e->over->base);
    else feat_print_window(pr, e->over);
}

static void in_or_between(feat_printer *pr, const feat_ast_expr *e) {
    operand(pr, e->args[0], FEAT_BINDS_MATCH + 1);
    if (e->negated) feat_print_text(pr, " NOT");
    if (e->kind == FEAT_AST_IN) {
        feat_print_text(pr, " IN (");
        feat_print_list(pr, e->args + 1, e->n_args - 1);
        feat_print_text(pr, ")");
        return;
    }
    feat_print_text(pr, " BETWEEN ");
    operand(pr, e->args[1], FEAT_BINDS_MATCH + 1);
    feat_print_text(pr, " AND ");
    operand(pr, e->args[2], FEAT_BINDS_MATCH + 1);
}

static void cast(feat_printer *pr, const feat_ast_expr *e) {
    if (e->try_cast) {
        feat_print_text(pr, "TRY_CAST(");
        feat_print_expr(pr, e->args[0]);
        feat_print_text(pr, " AS ");
        feat_print_text(pr, e->name);
        feat_print_text(pr, ")");
        return;
    }
    operand(pr, e->args[0], FEAT_BINDS_POSTFIX);
    feat_print_text(pr, "::");
    feat_print_text(pr, e->name);
}

static void by_kind(feat_printer *pr, const feat_ast_expr *e) {
    switch (e->kind) {
    case FEAT_AST_NULL: feat_print_text(pr, "NULL"); break;
    case FEAT_AST_BOOLEAN: feat_print_text(pr, e->truth ? "TRUE" : "FALSE"); break;
    case FEAT_AST_INTEGER:
    case FEAT_AST_DECIMAL: feat_buffer_append(pr->out, e->text, e->length); break;
    case FEAT_AST_STRING: feat_print_string(pr, e->text, e->length); break;
    case FEAT_AST_TYPED:
        feat_print_text(pr, e->name);
        feat_print_text(pr, " ");
        feat_print_string(pr, e->text, e->length);
        break;
    case FEAT_AST_INTERVAL: interval(pr, e); break;
    case FEAT_AST_COLUMN:
    case FEAT_AST_STAR:
        if (e->qualifier) {
            feat_print_name(pr, e->qualifier);
            feat_print_text(pr, ".");
        }
        if (e->kind == FEAT_AST_STAR) feat_print_text(pr, "*");
        else feat_print_name(pr, e->name);
        break;
    case FEAT_AST_UNARY: unary(pr, e); break;
    case FEAT_AST_BINARY: binary(pr, e); break;
    case FEAT_AST_IS:
        operand(pr, e->args[0], FEAT_BINDS_IS);
        feat_buffer_printf(pr->out, " IS %s%s", e->negated ? "NOT " : "", e->name);
        break;
    case FEAT_AST_BETWEEN:
    case FEAT_AST_IN: in_or_between(pr, e); break;
    case FEAT_AST_CASE: choice(pr, e); break;
    case FEAT_AST_CAST: cast(pr, e); break;
    case FEAT_AST_CALL: call(pr, e); break;
    }
}

void feat_print_expr(feat_printer *pr, const feat_ast_expr *e) {
    if (!feat_print_enter(pr)) return;
    by_kind(pr, e);
    feat_print_leave(pr);
}

feat_status feat_sql_print_expr(const feat_ast_expr *expr, feat_buffer *out) {
    feat_printer pr = {.out = out};
    feat_print_expr(&pr, expr);
    return feat_print_result(&pr);
}
