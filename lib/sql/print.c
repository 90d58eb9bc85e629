/* Trees back to text. Expressions are printed with parentheses around every operation, so no precedence needs to be known. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "sql/sql.h"

static void name(feat_buffer *out, const char *text) {
    feat_buffer_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"') feat_buffer_byte(out, '"');
        feat_buffer_byte(out, (uint8_t)*text);
    }
    feat_buffer_byte(out, '"');
}

static void string(feat_buffer *out, const char *text, size_t length) {
    feat_buffer_byte(out, '\'');
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\'') feat_buffer_byte(out, '\'');
        feat_buffer_byte(out, (uint8_t)text[i]);
    }
    feat_buffer_byte(out, '\'');
}

static void list(feat_buffer *out, feat_ast_expr *const *exprs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) feat_buffer_text(out, ", ");
        feat_sql_print_expr(exprs[i], out);
    }
}

static void order(feat_buffer *out, const feat_ast_order *items, size_t n) {
    feat_buffer_text(out, " ORDER BY ");
    for (size_t i = 0; i < n; i++) {
        if (i) feat_buffer_text(out, ", ");
        feat_sql_print_expr(items[i].expr, out);
        if (items[i].descending) feat_buffer_text(out, " DESC");
    }
}

static void bound(feat_buffer *out, const feat_ast_bound *b) {
    if (b->distance) feat_sql_print_expr(b->distance, out);
    static const char *const kinds[] = {"UNBOUNDED PRECEDING", " PRECEDING", "CURRENT ROW", " FOLLOWING", "UNBOUNDED FOLLOWING"};
    feat_buffer_text(out, kinds[b->kind]);
}

static void window(feat_buffer *out, const feat_ast_window *w) {
    feat_buffer_byte(out, '(');
    if (w->base) name(out, w->base);
    if (w->n_partition) {
        feat_buffer_text(out, " PARTITION BY ");
        list(out, w->partition, w->n_partition);
    }
    if (w->n_order) order(out, w->order, w->n_order);
    if (w->unit == FEAT_AST_SINCE) {
        feat_buffer_printf(out, " SINCE %s", w->since);
    } else if (w->unit != FEAT_AST_NO_FRAME) {
        feat_buffer_text(out, w->unit == FEAT_AST_RANGE ? " RANGE BETWEEN " : w->unit == FEAT_AST_ROWS ? " ROWS BETWEEN " : " GROUPS BETWEEN ");
        bound(out, &w->start);
        feat_buffer_text(out, " AND ");
        bound(out, &w->end);
    }
    if (w->closed) feat_buffer_printf(out, " CLOSED %s", w->closed);
    if (w->exclude) feat_buffer_printf(out, " EXCLUDE %s", w->exclude);
    feat_buffer_byte(out, ')');
}

static void interval(feat_buffer *out, const feat_ast_expr *e) {
    feat_buffer_printf(out, "INTERVAL '%" PRId64 " months %" PRId64 " days %" PRId64 " microseconds'", e->months, e->days, e->us);
}

static void call(feat_buffer *out, const feat_ast_expr *e) {
    if (strcasecmp(e->name, "current_date") == 0 || strcasecmp(e->name, "current_timestamp") == 0) {
        feat_buffer_text(out, e->name);
        return;
    }
    name(out, e->name);
    feat_buffer_text(out, e->star ? "(*" : e->distinct ? "(DISTINCT " : "(");
    list(out, e->args, e->n_args);
    if (e->n_order) order(out, e->order, e->n_order);
    feat_buffer_byte(out, ')');
    if (e->filter) {
        feat_buffer_text(out, " FILTER (WHERE ");
        feat_sql_print_expr(e->filter, out);
        feat_buffer_byte(out, ')');
    }
    if (e->nulls) feat_buffer_text(out, e->nulls == FEAT_AST_NULLS_IGNORE ? " IGNORE NULLS" : " RESPECT NULLS");
    if (e->over) {
        feat_buffer_text(out, " OVER ");
        window(out, e->over);
    }
}

static void binary(feat_buffer *out, const feat_ast_expr *e) {
    feat_buffer_byte(out, '(');
    for (size_t i = 0; i < e->n_args; i++) {
        if (i) feat_buffer_printf(out, " %s ", e->name);
        feat_sql_print_expr(e->args[i], out);
    }
    feat_buffer_byte(out, ')');
}

static void choice(feat_buffer *out, const feat_ast_expr *e) {
    feat_buffer_text(out, "CASE");
    if (e->operand) {
        feat_buffer_byte(out, ' ');
        feat_sql_print_expr(e->operand, out);
    }
    for (size_t i = 0; i + 1 < e->n_args; i += 2) {
        feat_buffer_text(out, " WHEN ");
        feat_sql_print_expr(e->args[i], out);
        feat_buffer_text(out, " THEN ");
        feat_sql_print_expr(e->args[i + 1], out);
    }
    if (e->otherwise) {
        feat_buffer_text(out, " ELSE ");
        feat_sql_print_expr(e->otherwise, out);
    }
    feat_buffer_text(out, " END");
}

void feat_sql_print_expr(const feat_ast_expr *e, feat_buffer *out) {
    switch (e->kind) {
    case FEAT_AST_NULL: feat_buffer_text(out, "NULL"); break;
    case FEAT_AST_BOOLEAN: feat_buffer_text(out, e->truth ? "TRUE" : "FALSE"); break;
    case FEAT_AST_INTEGER:
    case FEAT_AST_DECIMAL: feat_buffer_append(out, e->text, e->length); break;
    case FEAT_AST_STRING: string(out, e->text, e->length); break;
    case FEAT_AST_TYPED:
        feat_buffer_printf(out, "%s ", e->name);
        string(out, e->text, e->length);
        break;
    case FEAT_AST_INTERVAL: interval(out, e); break;
    case FEAT_AST_COLUMN:
    case FEAT_AST_STAR:
        if (e->qualifier) {
            name(out, e->qualifier);
            feat_buffer_byte(out, '.');
        }
        if (e->kind == FEAT_AST_STAR) feat_buffer_byte(out, '*');
        else name(out, e->name);
        break;
    case FEAT_AST_UNARY:
        feat_buffer_printf(out, "(%s ", e->name);
        feat_sql_print_expr(e->args[0], out);
        feat_buffer_byte(out, ')');
        break;
    case FEAT_AST_BINARY: binary(out, e); break;
    case FEAT_AST_IS:
        feat_buffer_byte(out, '(');
        feat_sql_print_expr(e->args[0], out);
        feat_buffer_printf(out, " IS %s%s)", e->negated ? "NOT " : "", e->name);
        break;
    case FEAT_AST_BETWEEN:
    case FEAT_AST_IN:
        feat_buffer_byte(out, '(');
        feat_sql_print_expr(e->args[0], out);
        feat_buffer_printf(out, "%s %s ", e->negated ? " NOT" : "", e->kind == FEAT_AST_IN ? "IN (" : "BETWEEN");
        if (e->kind == FEAT_AST_IN) {
            list(out, e->args + 1, e->n_args - 1);
            feat_buffer_text(out, "))");
        } else {
            feat_sql_print_expr(e->args[1], out);
            feat_buffer_text(out, " AND ");
            feat_sql_print_expr(e->args[2], out);
            feat_buffer_byte(out, ')');
        }
        break;
    case FEAT_AST_CASE: choice(out, e); break;
    case FEAT_AST_CAST:
        feat_buffer_text(out, e->try_cast ? "TRY_CAST(" : "CAST(");
        feat_sql_print_expr(e->args[0], out);
        feat_buffer_printf(out, " AS %s)", e->name);
        break;
    case FEAT_AST_CALL: call(out, e); break;
    }
}

static void names(feat_buffer *out, const feat_ast_names *n) {
    feat_buffer_byte(out, '(');
    for (size_t i = 0; i < n->n; i++) {
        if (i) feat_buffer_text(out, ", ");
        name(out, n->items[i].text);
    }
    feat_buffer_byte(out, ')');
}

static void columns(feat_buffer *out, const feat_ast_column_def *defs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) feat_buffer_text(out, ", ");
        name(out, defs[i].name);
        feat_buffer_printf(out, " %s%s", defs[i].type, defs[i].not_null ? " NOT NULL" : "");
        if (defs[i].default_value) {
            feat_buffer_text(out, " DEFAULT ");
            feat_sql_print_expr(defs[i].default_value, out);
        }
        if (defs[i].check) {
            feat_buffer_text(out, " CHECK (");
            feat_sql_print_expr(defs[i].check, out);
            feat_buffer_byte(out, ')');
        }
    }
}

static void select(feat_buffer *out, const feat_ast_select *s);

static void source(feat_buffer *out, const feat_ast_source *s) {
    static const char *const joins[] = {" FROM ", " LEFT JOIN ", " INNER JOIN ", " ASOF LEFT JOIN "};
    feat_buffer_text(out, joins[s->join]);
    if (s->request) {
        feat_buffer_text(out, "REQUEST (");
        columns(out, s->columns, s->n_columns);
        feat_buffer_byte(out, ')');
    } else if (s->select) {
        feat_buffer_byte(out, '(');
        select(out, s->select);
        feat_buffer_byte(out, ')');
    } else {
        if (s->materialized) feat_buffer_text(out, "MATERIALIZED ");
        name(out, s->name);
    }
    if (s->alias) {
        feat_buffer_text(out, " AS ");
        name(out, s->alias);
    }
    if (s->using_columns.n) {
        feat_buffer_text(out, " USING ");
        names(out, &s->using_columns);
    }
    if (s->on) {
        feat_buffer_text(out, " ON ");
        feat_sql_print_expr(s->on, out);
    }
}

static void select(feat_buffer *out, const feat_ast_select *s) {
    for (size_t i = 0; i < s->n_ctes; i++) {
        feat_buffer_text(out, i ? ", " : "WITH ");
        name(out, s->ctes[i].name);
        feat_buffer_text(out, " AS (");
        select(out, s->ctes[i].select);
        feat_buffer_byte(out, ')');
    }
    feat_buffer_text(out, s->n_ctes ? " SELECT " : "SELECT ");
    if (s->distinct) feat_buffer_text(out, "DISTINCT ");
    if (s->n_distinct_on) {
        feat_buffer_text(out, "ON (");
        list(out, s->distinct_on, s->n_distinct_on);
        feat_buffer_text(out, ") ");
    }
    for (size_t i = 0; i < s->n_items; i++) {
        if (i) feat_buffer_text(out, ", ");
        feat_sql_print_expr(s->items[i].expr, out);
        if (!s->items[i].alias) continue;
        feat_buffer_text(out, " AS ");
        name(out, s->items[i].alias);
    }
    for (size_t i = 0; i < s->n_sources; i++) source(out, &s->sources[i]);
    if (s->where) {
        feat_buffer_text(out, " WHERE ");
        feat_sql_print_expr(s->where, out);
    }
    if (s->n_group) {
        feat_buffer_text(out, " GROUP BY ");
        list(out, s->group, s->n_group);
    }
    if (s->having) {
        feat_buffer_text(out, " HAVING ");
        feat_sql_print_expr(s->having, out);
    }
    for (size_t i = 0; i < s->n_windows; i++) {
        feat_buffer_text(out, i ? ", " : " WINDOW ");
        name(out, s->windows[i].name);
        feat_buffer_text(out, " AS ");
        window(out, &s->windows[i]);
    }
    if (s->qualify) {
        feat_buffer_text(out, " QUALIFY ");
        feat_sql_print_expr(s->qualify, out);
    }
    if (s->n_order) order(out, s->order, s->n_order);
    if (s->union_all) {
        feat_buffer_text(out, " UNION ALL ");
        select(out, s->union_all);
    }
}

static void table_body(feat_buffer *out, const feat_ast_statement *s) {
    feat_buffer_text(out, " (");
    columns(out, s->columns, s->n_columns);
    if (s->entity_key.n) {
        feat_buffer_text(out, ", ENTITY KEY ");
        names(out, &s->entity_key);
    }
    if (s->event_time.text) {
        feat_buffer_text(out, ", EVENT TIME (");
        name(out, s->event_time.text);
        if (s->delay) {
            feat_buffer_text(out, " DELAY ");
            feat_sql_print_expr(s->delay, out);
        }
        feat_buffer_byte(out, ')');
    }
    if (s->has_unique) {
        feat_buffer_text(out, ", UNIQUE ");
        names(out, &s->unique);
    }
    feat_buffer_byte(out, ')');
}

void feat_sql_print(const feat_ast_statement *s, feat_buffer *out) {
    static const char *const kinds[] = {"TABLE ", "DIMENSION ", "FEATURE VIEW ", "FEATURE SERVICE "};
    if (s->kind == FEAT_AST_DROP) {
        feat_buffer_printf(out, "DROP %s ", s->dropped);
        name(out, s->name.text);
        return;
    }
    feat_buffer_printf(out, "CREATE %s%s", s->or_replace ? "OR REPLACE " : "", kinds[s->kind]);
    name(out, s->name.text);
    if (s->kind == FEAT_AST_CREATE_TABLE || s->kind == FEAT_AST_CREATE_DIMENSION) table_body(out, s);
    if (s->n_options) {
        feat_buffer_text(out, " WITH (");
        for (size_t i = 0; i < s->n_options; i++) {
            if (i) feat_buffer_text(out, ", ");
            name(out, s->options[i].name.text);
            feat_buffer_text(out, " = ");
            feat_sql_print_expr(s->options[i].value, out);
        }
        feat_buffer_byte(out, ')');
    }
    if (s->select) {
        feat_buffer_text(out, " AS ");
        select(out, s->select);
    }
    for (size_t i = 0; i < s->n_picks; i++) {
        feat_buffer_text(out, i ? ", " : " AS ");
        name(out, s->picks[i].view.text);
        if (s->picks[i].features.n) names(out, &s->picks[i].features);
    }
}
