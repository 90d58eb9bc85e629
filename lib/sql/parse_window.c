/* What is written inside expressions and is no expression: types, intervals, orders and windows. */
#include <string.h>

#include "math/number.h"
#include "base/calendar.h"
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

/* The unit of INTERVAL 3 DAYS. */
static bool parse_unit(feat_parser *p, feat_part *part) {
    const feat_token *unit = feat_parser_peek(p);
    *part = unit->kind == FEAT_TOKEN_WORD ? feat_part_find(unit->text, unit->length) : FEAT_PART_NONE;
    if (*part == FEAT_PART_NONE || *part > FEAT_PART_MILLENNIUM) return false;
    p->at++;
    return true;
}

static bool set_interval(feat_ast_expr *expr, int32_t months, int32_t days, int64_t us) {
    expr->months = months;
    expr->days = days;
    expr->us = us;
    return true;
}

static bool whole_units(feat_ast_expr *expr, int64_t n, feat_part part) {
    int32_t months, days;
    int64_t us;
    return feat_part_interval(n, part, &months, &days, &us) && set_interval(expr, months, days, us);
}

static bool interval_text(feat_ast_expr *expr, const char *text, size_t length) {
    int32_t months, days;
    int64_t us;
    return feat_parse_interval_text(text, length, &months, &days, &us) && set_interval(expr, months, days, us);
}

feat_status feat_parse_interval(feat_parser *p, feat_ast_expr *expr) {
    static const char usage[] =
        "an interval such as INTERVAL '30 days', INTERVAL '1.5 hours', INTERVAL '01:30:00' or INTERVAL 12 HOURS";
    p->at++;
    const feat_token *amount = feat_parser_peek(p);
    int64_t number;
    feat_part part;
    bool good;
    if (feat_number_parse_int64(amount->text, amount->length, &number) == FEAT_NUMBER_OK) {
        p->at++;
        /* INTERVAL '90' is seconds, as in a text. */
        if (parse_unit(p, &part)) good = whole_units(expr, number, part);
        else if (amount->kind == FEAT_TOKEN_STRING) good = whole_units(expr, number, FEAT_PART_SECOND);
        else return feat_parser_fail(p, usage);
        return good ? FEAT_OK : feat_parser_refuse(p, amount->offset, "this interval is too long");
    }
    if (amount->kind != FEAT_TOKEN_STRING || !interval_text(expr, amount->text, amount->length))
        return feat_parser_fail(p, usage);
    p->at++;
    return FEAT_OK;
}

const char *feat_parse_interval_function(feat_parser *p) {
    static const char *const names[] = {"to_microseconds", "to_milliseconds", "to_seconds",  "to_minutes",  "to_hours",
                                        "to_days",         "to_weeks",        "to_months",   "to_quarters", "to_years",
                                        "to_decades",      "to_centuries",    "to_millennia"};
    feat_part part;
    return parse_unit(p, &part) ? names[part - FEAT_PART_MICROSECOND] : NULL;
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
