/* What is written inside expressions and is no expression: types, intervals, orders and windows. */
#include <string.h>

#include "math/number.h"
#include "sql/parser.h"

/* ---- Types. ---- */

static bool at_time_zone(const feat_parser *p) {
    return (feat_parser_is(p, "with") || feat_parser_is(p, "without")) && feat_parser_is_at(p, 1, "time") &&
           feat_parser_is_at(p, 2, "zone");
}

static feat_status skip_type(feat_parser *p) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind != FEAT_TOKEN_WORD || t->word == FEAT_WORD_RESERVED) return feat_parser_fail(p, "a type");
    FEAT_TRY(feat_parser_enter(p));
    if (!feat_parser_accept_both(p, "double", "precision") && !feat_parser_accept_both(p, "character", "varying")) {
        p->at++;
        if (at_time_zone(p)) p->at += 3;
    }
    if (feat_parser_accept(p, "(")) { /* DECIMAL(p, s), VARCHAR(n), MAP(k, v) */
        do {
            if (feat_parser_peek(p)->kind == FEAT_TOKEN_INTEGER) p->at++;
            else FEAT_TRY(skip_type(p));
        } while (feat_parser_accept(p, ","));
        FEAT_TRY(feat_parser_expect(p, ")"));
    }
    while (feat_parser_accept(p, "[")) {
        if (feat_parser_peek(p)->kind == FEAT_TOKEN_INTEGER) p->at++;
        FEAT_TRY(feat_parser_expect(p, "]"));
    }
    feat_parser_leave(p);
    return FEAT_OK;
}

/* The type's words as written, with the blanks set anew: one between words, one behind a comma. */
feat_status feat_parse_type(feat_parser *p, const char **type, uint32_t *offset) {
    size_t first = p->at, size = 1, depth = p->depth;
    p->depth = 0; /* counted apart: x::t stands in parentheses where CAST(x AS t) needs none */
    FEAT_TRY(skip_type(p));
    p->depth = depth;
    for (size_t i = first; i < p->at; i++) size += p->tokens[i].length + 1;
    char *text = feat_arena_alloc(p->arena, size), *to = text;
    if (!text) return feat_fail_memory(p->err);
    for (size_t i = first; i < p->at; i++) {
        const feat_token *t = &p->tokens[i];
        bool blank =
            i > first && (t[-1].text[0] == ',' || (t->kind == FEAT_TOKEN_WORD && t[-1].kind == FEAT_TOKEN_WORD));
        if (blank) *to++ = ' ';
        memcpy(to, t->text, t->length);
        to += t->length;
    }
    *to = 0;
    *type = text;
    *offset = p->tokens[first].offset;
    return FEAT_OK;
}

/* ---- Intervals. ---- */

static const struct {
    const char *name;
    int64_t months, days, us;
} units[] = {
    {"microsecond", 0, 0, 1},
    {"millisecond", 0, 0, 1000},
    {"second", 0, 0, 1000000},
    {"minute", 0, 0, INT64_C(60000000)},
    {"hour", 0, 0, INT64_C(3600000000)},
    {"day", 0, 1, 0},
    {"week", 0, 7, 0},
    {"month", 1, 0, 0},
    {"quarter", 3, 0, 0},
    {"year", 12, 0, 0},
    {"decade", 120, 0, 0},
};

static bool same_unit(const char *name, const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (name[i] == 0 || feat_ascii_lower(text[i]) != name[i]) return false;
    return name[n] == 0;
}

static bool add_product(int64_t *sum, int64_t amount, int64_t unit) {
    int64_t product;
    return !__builtin_mul_overflow(amount, unit, &product) && !__builtin_add_overflow(*sum, product, sum);
}

/* Adds `amount` of the unit called text[0, n), singular or plural. */
static bool add_unit(feat_ast_expr *interval, int64_t amount, const char *text, size_t n) {
    if (n > 1 && feat_ascii_lower(text[n - 1]) == 's') n--;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (same_unit(units[i].name, text, n))
            return add_product(&interval->months, amount, units[i].months) &&
                   add_product(&interval->days, amount, units[i].days) &&
                   add_product(&interval->us, amount, units[i].us);
    return false;
}

/* "30 days", "1 month -2 days": whole amounts, each with its unit. */
static bool interval_text(feat_ast_expr *interval, const char *text, size_t length) {
    for (size_t at = 0, any = 0;; any = 1) {
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
    }
}

feat_status feat_parse_interval(feat_parser *p, feat_ast_expr *expr) {
    static const char usage[] =
        "an interval such as INTERVAL '30 days', INTERVAL '1' MONTH or INTERVAL 12 HOURS, within 64 bits";
    p->at++;
    const feat_token *amount = feat_parser_peek(p);
    int64_t number;
    if (feat_number_parse_int64(amount->text, amount->length, &number) == FEAT_NUMBER_OK) {
        p->at++;
        const feat_token *unit = feat_parser_peek(p);
        if (unit->kind != FEAT_TOKEN_WORD || !add_unit(expr, number, unit->text, unit->length))
            return feat_parser_fail(p, usage);
    } else if (amount->kind != FEAT_TOKEN_STRING || !interval_text(expr, amount->text, amount->length)) {
        return feat_parser_fail(p, usage);
    }
    p->at++;
    return FEAT_OK;
}

/* ---- Orders. ---- */

feat_status feat_parse_order(feat_parser *p, feat_ast_order **order, size_t *n) {
    do {
        feat_ast_order item = {0};
        FEAT_TRY(feat_parse_expr(p, &item.expr));
        if (feat_parser_accept(p, "desc")) item.descending = true;
        else feat_parser_accept(p, "asc");
        if (feat_parser_accept_both(p, "nulls", "first")) item.nulls = FEAT_AST_NULLS_FIRST;
        else if (feat_parser_accept_both(p, "nulls", "last")) item.nulls = FEAT_AST_NULLS_LAST;
        FEAT_TRY(FEAT_PUSH(p, *order, *n, item));
    } while (feat_parser_accept(p, ","));
    return FEAT_OK;
}

/* ---- Windows. ---- */

static feat_status parse_bound(feat_parser *p, feat_ast_bound *bound) {
    static const char *const sides[] = {"preceding", "following"};
    bound->offset = feat_parser_peek(p)->offset;
    if (feat_parser_accept_both(p, "current", "row")) {
        bound->kind = FEAT_AST_CURRENT_ROW;
        return FEAT_OK;
    }
    if (feat_parser_accept_both(p, "unbounded", "preceding")) {
        bound->kind = FEAT_AST_UNBOUNDED_PRECEDING;
        return FEAT_OK;
    }
    if (feat_parser_accept_both(p, "unbounded", "following")) {
        bound->kind = FEAT_AST_UNBOUNDED_FOLLOWING;
        return FEAT_OK;
    }
    FEAT_TRY(feat_parse_expr(p, &bound->distance));
    const char *side = feat_parser_accept_any(p, sides, 2);
    if (!side) return feat_parser_fail(p, "PRECEDING or FOLLOWING");
    bound->kind = side == sides[0] ? FEAT_AST_PRECEDING : FEAT_AST_FOLLOWING;
    return FEAT_OK;
}

static feat_status parse_since(feat_parser *p, feat_ast_window *window) {
    static const char *const calendar[] = {"day", "week", "month", "quarter", "year"};
    window->unit = FEAT_AST_SINCE;
    window->start.offset = window->end.offset = feat_parser_peek(p)->offset;
    window->since = feat_parser_accept_any(p, calendar, sizeof calendar / sizeof *calendar);
    if (!window->since) return feat_parser_fail(p, "DAY, WEEK, MONTH, QUARTER or YEAR");
    if (!feat_parser_accept(p, "at")) return FEAT_OK;
    FEAT_TRY(feat_parser_expect(p, "time"));
    FEAT_TRY(feat_parser_expect(p, "zone"));
    const feat_token *zone = feat_parser_peek(p);
    if (zone->kind != FEAT_TOKEN_STRING) return feat_parser_fail(p, "the name of a time zone, such as 'Europe/Berlin'");
    window->zone = zone->text;
    p->at++;
    return FEAT_OK;
}

static feat_status parse_exclude(feat_parser *p, feat_ast_window *window) {
    window->exclude = feat_parser_accept_both(p, "current", "row") ? "current row"
                      : feat_parser_accept_both(p, "no", "others") ? "no others"
                      : feat_parser_accept(p, "group")             ? "group"
                      : feat_parser_accept(p, "ties")              ? "ties"
                                                                   : NULL;
    return window->exclude ? FEAT_OK : feat_parser_fail(p, "CURRENT ROW, GROUP, TIES or NO OTHERS");
}

static feat_status parse_frame(feat_parser *p, feat_ast_window *window) {
    static const char *const frames[] = {"range", "rows", "groups"};
    static const char *const sides[] = {"left", "right", "both", "none"};
    const char *frame = feat_parser_accept_any(p, frames, 3);
    window->end.kind = FEAT_AST_CURRENT_ROW;
    if (frame) {
        window->unit = frame == frames[0] ? FEAT_AST_RANGE : frame == frames[1] ? FEAT_AST_ROWS : FEAT_AST_GROUPS;
        bool both = feat_parser_accept(p, "between");
        FEAT_TRY(parse_bound(p, &window->start));
        window->end.offset = feat_parser_peek(p)->offset;
        if (both) {
            FEAT_TRY(feat_parser_expect(p, "and"));
            FEAT_TRY(parse_bound(p, &window->end));
        }
    } else if (feat_parser_accept(p, "since")) {
        FEAT_TRY(parse_since(p, window));
    } else {
        if (feat_parser_is(p, "closed") || feat_parser_is(p, "exclude"))
            return feat_parser_fail(p, "a frame before it: RANGE, ROWS, GROUPS or SINCE");
        return FEAT_OK;
    }
    for (;;) {
        if (!window->closed && feat_parser_accept(p, "closed")) {
            window->closed = feat_parser_accept_any(p, sides, 4);
            if (!window->closed) return feat_parser_fail(p, "LEFT, RIGHT, BOTH or NONE");
        } else if (!window->exclude && feat_parser_accept(p, "exclude")) {
            FEAT_TRY(parse_exclude(p, window));
        } else {
            return FEAT_OK;
        }
    }
}

/* Whether the first word is a clause and not the name of another window. Such a name stands alone or before a clause.
 */
static bool at_clause(const feat_parser *p) {
    static const char *const starts[] = {"range", "rows", "groups", "since", "closed", "exclude"};
    if (feat_parser_is(p, "partition")) return feat_parser_is_at(p, 1, "by");
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (feat_parser_is(p, starts[i])) return !feat_parser_is_at(p, 1, ")");
    return false;
}

feat_status feat_parse_window(feat_parser *p, feat_ast_window *window) {
    if (!at_clause(p) && feat_parser_at_name(p)) {
        feat_ast_name base = {0};
        FEAT_TRY(feat_parser_name(p, "a window", &base));
        window->base = base.text;
        p->bare_name = p->at;
    }
    if (feat_parser_accept(p, "partition")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_expr_list(p, &window->partition, &window->n_partition));
    }
    if (feat_parser_accept(p, "order")) {
        FEAT_TRY(feat_parser_expect(p, "by"));
        FEAT_TRY(feat_parse_order(p, &window->order, &window->n_order));
    }
    FEAT_TRY(parse_frame(p, window));
    if (feat_parser_is(p, ")")) return FEAT_OK;
    return feat_parser_fail(p, window->unit != FEAT_AST_NO_FRAME ? "CLOSED, EXCLUDE or ')'"
                               : window->n_order                 ? "RANGE, ROWS, GROUPS, SINCE or ')'"
                               : window->n_partition             ? "ORDER BY, RANGE, ROWS, GROUPS, SINCE or ')'"
                                                     : "PARTITION BY, ORDER BY, RANGE, ROWS, GROUPS, SINCE or ')'");
}

uint32_t feat_window_depth(const feat_ast_window *w) {
    uint32_t depth = 0;
    for (size_t i = 0; i < w->n_partition; i++)
        if (w->partition[i]->depth > depth) depth = w->partition[i]->depth;
    for (size_t i = 0; i < w->n_order; i++)
        if (w->order[i].expr->depth > depth) depth = w->order[i].expr->depth;
    if (w->start.distance && w->start.distance->depth > depth) depth = w->start.distance->depth;
    if (w->end.distance && w->end.distance->depth > depth) depth = w->end.distance->depth;
    return depth;
}
