/* Queries and statements as text. */
#include "sql/print.h"

static void names(feat_printer *pr, const feat_ast_names *n) {
    for (size_t i = 0; i < n->n; i++) {
        feat_print_text(pr, i ? ", " : "(");
        feat_print_name(pr, n->items[i].text);
    }
    feat_print_text(pr, ")");
}

/* A keyword and an expression, if there is one. */
static void clause(feat_printer *pr, const char *word, const feat_ast_expr *expr) {
    if (!expr) return;
    feat_print_text(pr, word);
    feat_print_expr(pr, expr);
}

static void column(feat_printer *pr, const feat_ast_column_def *def) {
    feat_print_name(pr, def->name);
    feat_print_text(pr, " ");
    feat_print_text(pr, def->type);
    if (def->not_null) feat_print_text(pr, " NOT NULL");
    clause(pr, " DEFAULT ", def->default_value);
    clause(pr, " CHECK (", def->check);
    if (def->check) feat_print_text(pr, ")");
}

static void columns(feat_printer *pr, const feat_ast_column_def *defs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (i) feat_print_text(pr, ", ");
        column(pr, &defs[i]);
    }
}

/* ---- Queries. ---- */

static void select(feat_printer *pr, const feat_ast_select *s);

static void source(feat_printer *pr, const feat_ast_source *s) {
    static const char *const joins[] = {" FROM ", " LEFT JOIN ", " INNER JOIN ", " ASOF LEFT JOIN "};
    feat_print_text(pr, joins[s->join]);
    if (s->request) {
        feat_print_text(pr, "REQUEST (");
        columns(pr, s->columns, s->n_columns);
        feat_print_text(pr, ")");
    } else if (s->select) {
        feat_print_text(pr, "(");
        select(pr, s->select);
        feat_print_text(pr, ")");
    } else {
        if (s->materialized) feat_print_text(pr, "MATERIALIZED ");
        feat_print_name(pr, s->name);
    }
    if (s->alias) {
        feat_print_text(pr, " AS ");
        feat_print_name(pr, s->alias);
    }
    if (s->using_columns.n) {
        feat_print_text(pr, " USING ");
        names(pr, &s->using_columns);
    }
    clause(pr, " ON ", s->on);
}

static void items(feat_printer *pr, const feat_ast_select *s) {
    feat_print_text(pr, s->distinct ? "SELECT DISTINCT " : "SELECT ");
    if (s->n_distinct_on) {
        feat_print_text(pr, "ON (");
        feat_print_list(pr, s->distinct_on, s->n_distinct_on);
        feat_print_text(pr, ") ");
    }
    for (size_t i = 0; i < s->n_items; i++) {
        if (i) feat_print_text(pr, ", ");
        feat_print_expr(pr, s->items[i].expr);
        if (!s->items[i].alias) continue;
        feat_print_text(pr, " AS ");
        feat_print_name(pr, s->items[i].alias);
    }
}

/* One query of a UNION ALL. */
static void branch(feat_printer *pr, const feat_ast_select *s) {
    items(pr, s);
    for (size_t i = 0; i < s->n_sources; i++) source(pr, &s->sources[i]);
    clause(pr, " WHERE ", s->where);
    if (s->n_group) {
        feat_print_text(pr, " GROUP BY ");
        feat_print_list(pr, s->group, s->n_group);
    }
    clause(pr, " HAVING ", s->having);
    for (size_t i = 0; i < s->n_windows; i++) {
        feat_print_text(pr, i ? ", " : " WINDOW ");
        feat_print_name(pr, s->windows[i].name);
        feat_print_text(pr, " AS ");
        feat_print_window(pr, &s->windows[i]);
    }
    clause(pr, " QUALIFY ", s->qualify);
}

static void select(feat_printer *pr, const feat_ast_select *s) {
    if (!feat_print_enter(pr)) return;
    for (size_t i = 0; i < s->n_ctes; i++) {
        feat_print_text(pr, i ? ", " : "WITH ");
        feat_print_name(pr, s->ctes[i].name);
        feat_print_text(pr, " AS (");
        select(pr, s->ctes[i].select);
        feat_print_text(pr, ")");
    }
    if (s->n_ctes) feat_print_text(pr, " ");
    for (const feat_ast_select *at = s; at; at = at->union_all) { /* a loop: there may be any number of them */
        if (at != s) feat_print_text(pr, " UNION ALL ");
        branch(pr, at);
    }
    feat_print_order(pr, s->order, s->n_order);
    clause(pr, " LIMIT ", s->limit);
    clause(pr, " OFFSET ", s->skip);
    feat_print_leave(pr);
}

/* ---- Statements. ---- */

static const char *capitals(const char *object) {
    switch (object[0]) {
    case 't': return "TABLE";
    case 'd': return object[1] == 'i' ? "DIMENSION" : "DERIVATION";
    case 'c': return "COLUMN";
    default: return object[8] == 'v' ? "FEATURE VIEW" : "FEATURE SERVICE"; /* "feature view", "feature service" */
    }
}

static void table_body(feat_printer *pr, const feat_ast_statement *s) {
    const char *comma = s->n_columns ? ", " : "";
    feat_print_text(pr, " (");
    columns(pr, s->columns, s->n_columns);
    if (s->entity_key.n) {
        feat_print_text(pr, comma);
        feat_print_text(pr, "ENTITY KEY ");
        names(pr, &s->entity_key);
        comma = ", ";
    }
    if (s->event_time.text) {
        feat_print_text(pr, comma);
        feat_print_text(pr, "EVENT TIME (");
        feat_print_name(pr, s->event_time.text);
        clause(pr, " DELAY ", s->delay);
        feat_print_text(pr, ")");
        comma = ", ";
    }
    if (s->has_unique) {
        feat_print_text(pr, comma);
        feat_print_text(pr, "UNIQUE ");
        names(pr, &s->unique);
    }
    feat_print_text(pr, ")");
}

static void create(feat_printer *pr, const feat_ast_statement *s) {
    feat_print_text(pr, s->or_replace ? "CREATE OR REPLACE " : "CREATE ");
    if (s->raw) feat_print_text(pr, "RAW ");
    feat_print_text(pr, capitals(s->object));
    feat_print_text(pr, " ");
    feat_print_name(pr, s->name.text);
    bool table = s->kind == FEAT_AST_CREATE_TABLE || s->kind == FEAT_AST_CREATE_DIMENSION;
    if (table && !s->raw) table_body(pr, s);
    if (s->target.text) {
        feat_print_text(pr, " INTO ");
        feat_print_name(pr, s->target.text);
    }
    for (size_t i = 0; i < s->n_options; i++) {
        feat_print_text(pr, i ? ", " : " WITH (");
        feat_print_name(pr, s->options[i].name.text);
        feat_print_text(pr, " = ");
        feat_print_expr(pr, s->options[i].value);
    }
    if (s->n_options) feat_print_text(pr, ")");
    if (s->select) {
        feat_print_text(pr, " AS ");
        select(pr, s->select);
    }
    for (size_t i = 0; i < s->n_picks; i++) {
        feat_print_text(pr, i ? ", " : " AS ");
        feat_print_name(pr, s->picks[i].view.text);
        if (!s->picks[i].features.n) continue;
        feat_print_text(pr, " ");
        names(pr, &s->picks[i].features);
    }
}

static void alter(feat_printer *pr, const feat_ast_statement *s) {
    static const char *const verbs[] = {" ADD COLUMN ", " DROP COLUMN ", " RENAME COLUMN ", " ALTER COLUMN "};
    feat_print_name(pr, s->name.text);
    feat_print_text(pr, verbs[s->alter]);
    if (s->alter == FEAT_AST_ADD_COLUMN) column(pr, &s->columns[0]);
    else feat_print_name(pr, s->column.text);
    if (s->alter == FEAT_AST_RENAME_COLUMN) {
        feat_print_text(pr, " TO ");
        feat_print_name(pr, s->new_name.text);
    } else if (s->alter == FEAT_AST_ALTER_TYPE) {
        feat_print_text(pr, " TYPE ");
        feat_print_text(pr, s->columns[0].type);
    }
}

static void comment(feat_printer *pr, const feat_ast_statement *s) {
    feat_print_name(pr, s->name.text);
    if (s->column.text) {
        feat_print_text(pr, ".");
        feat_print_name(pr, s->column.text);
    }
    feat_print_text(pr, " IS ");
    if (s->comment) feat_print_string(pr, s->comment, s->comment_length);
    else feat_print_text(pr, "NULL");
}

static void statement(feat_printer *pr, const feat_ast_statement *s) {
    static const char *const verbs[] = {
        [FEAT_AST_DROP] = "DROP ",       [FEAT_AST_ALTER] = "ALTER ", [FEAT_AST_COMMENT] = "COMMENT ON ",
        [FEAT_AST_EXPLAIN] = "EXPLAIN ", [FEAT_AST_SHOW] = "SHOW ",   [FEAT_AST_DESCRIBE] = "DESCRIBE "};
    if (s->kind <= FEAT_AST_CREATE_DERIVATION) {
        create(pr, s);
        return;
    }
    if (!feat_print_enter(pr)) return;
    feat_print_text(pr, verbs[s->kind]);
    if (s->json) feat_print_text(pr, "(FORMAT JSON) ");
    if (s->object) {
        feat_print_text(pr, capitals(s->object));
        feat_print_text(pr, s->kind == FEAT_AST_SHOW ? "S" : " ");
    }
    if (s->kind == FEAT_AST_DROP && s->if_exists) feat_print_text(pr, "IF EXISTS ");
    if (s->kind == FEAT_AST_ALTER) alter(pr, s);
    else if (s->kind == FEAT_AST_COMMENT) comment(pr, s);
    else if (s->inner) statement(pr, s->inner);
    else if (s->select) select(pr, s->select);
    else if (s->kind != FEAT_AST_SHOW) feat_print_name(pr, s->name.text);
    feat_print_leave(pr);
}

feat_status feat_sql_print(const feat_ast_statement *s, feat_buffer *out) {
    feat_printer pr = {.out = out};
    statement(&pr, s);
    return feat_print_result(&pr);
}
