/* CREATE RAW TABLE and CREATE DERIVATION. */
#include "plan/derivation.h"

#include <string.h>
#include <strings.h>

#include "base/pack.h"
#include "plan/layer.h"
#include "plan/query.h"
#include "plan/row.h"

/* ---- Raw tables. ---- */

int feat_schema_arrival(const feat_schema *table) {
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        if (field->default_sql && !field->default_value.type && strcmp(field->default_sql, FEAT_ARRIVAL_SQL) == 0)
            return (int)i;
    }
    return -1;
}

/* Bytes unless the option says that payloads are text, which an expression reads without decode(). */
static feat_status payload_type(const feat_source *source, const feat_ast_statement *s, const char **type,
                                feat_error *err) {
    *type = "BLOB";
    for (size_t i = 0; i < s->n_options; i++) {
        const feat_ast_option *option = &s->options[i];
        if (strcasecmp(option->name.text, "payload") != 0) continue;
        bool text = option->value->kind == FEAT_AST_STRING && strcasecmp(option->value->text, "text") == 0;
        bool blob = option->value->kind == FEAT_AST_STRING && strcasecmp(option->value->text, "blob") == 0;
        if (!text && !blob)
            return feat_sql_fail(err, FEAT_DEFINITION, source->sql, source->length, option->value->offset,
                                 "option 'payload' is 'blob' or 'text'");
        *type = text ? "TEXT" : "BLOB";
    }
    return FEAT_OK;
}

feat_status feat_raw_statement(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                               feat_ast_statement *table, feat_error *err) {
    static const char *const names[] = {"source", "offset", "ingested_at", "payload"};
    enum { SOURCE, OFFSET, ARRIVAL, PAYLOAD, COLUMNS };
    const char *types[COLUMNS] = {"TEXT", "BIGINT", "TIMESTAMP", "BLOB"};
    FEAT_TRY(payload_type(source, s, &types[PAYLOAD], err));
    feat_ast_column_def *columns = feat_arena_array(arena, COLUMNS, sizeof *columns);
    feat_ast_name *keys = feat_arena_array(arena, 2, sizeof *keys);
    if (!columns || !keys) return feat_fail_memory(err);
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = (feat_ast_column_def){.name = names[i],
                                           .type = types[i],
                                           .offset = s->name.offset,
                                           .type_offset = s->name.offset,
                                           .not_null = true};
    keys[0] = (feat_ast_name){names[SOURCE], s->name.offset};
    keys[1] = (feat_ast_name){names[OFFSET], s->name.offset};
    *table = *s;
    table->columns = columns;
    table->n_columns = COLUMNS;
    table->entity_key = (feat_ast_names){keys, 1};
    table->unique = (feat_ast_names){keys, 2};
    table->has_unique = true;
    table->event_time = (feat_ast_name){names[ARRIVAL], s->name.offset};
    return FEAT_OK;
}

/* ---- Derivations. ---- */

typedef struct derivation_binder {
    feat_binder b; /* first: the callbacks get it */
    feat_derivation *d;
    const char *alias;
} derivation_binder;

static feat_status bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    derivation_binder *s = (derivation_binder *)b;
    const feat_schema *table = s->d->source;
    uint32_t field = 0;
    if (expr->qualifier && feat_name_compare(expr->qualifier, s->alias) != 0)
        return feat_bind_fail(b, expr->offset, "a derivation reads the columns of '%.100s'; '%.100s' is another name",
                              s->alias, expr->qualifier);
    FEAT_TRY(feat_bind_field(b, table, expr->name, expr->offset, &field));
    s->d->reads[field] = true;
    *node = feat_build_leaf(&b->build, FEAT_NODE_INPUT, table->fields[field].type, field, 0);
    return *node == FEAT_NO_NODE ? feat_bind_reason(b, expr->offset) : FEAT_OK;
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    (void)node;
    *handled = false;
    if (!feat_is_aggregate(expr->name)) return FEAT_OK;
    return feat_bind_fail(b, expr->offset,
                          "a derivation makes a row of each row; %.100s is of several: it belongs in a feature view",
                          expr->name);
}

/* Rows of one table, one by one: nothing that brings rows together. */
static feat_status check_select(feat_binder *b, const feat_ast_select *q) {
    const char *what = q->n_ctes                    ? "WITH"
                       : q->distinct                ? "DISTINCT"
                       : q->n_group                 ? "GROUP BY"
                       : q->having                  ? "HAVING"
                       : q->qualify                 ? "QUALIFY"
                       : q->n_windows               ? "WINDOW"
                       : q->n_order                 ? "ORDER BY"
                       : q->limit || q->skip        ? "LIMIT"
                       : q->union_all               ? "UNION ALL"
                       : q->n_sources > 1           ? "JOIN"
                       : q->n_sources == 0          ? NULL
                       : q->sources[0].select       ? "a SELECT in FROM"
                       : q->sources[0].request      ? "REQUEST"
                       : q->sources[0].materialized ? "MATERIALIZED"
                                                    : NULL;
    if (what)
        return feat_bind_fail(b, q->offset,
                              "a derivation makes a row of each row of one table: SELECT ... FROM table [WHERE ...], "
                              "without %s",
                              what);
    if (q->n_sources == 0) return feat_bind_fail(b, q->offset, "a derivation says FROM which table");
    return FEAT_OK;
}

static feat_status find_table(feat_binder *b, const feat_scope *scope, const char *name, uint32_t offset,
                              const feat_schema **table) {
    *table = feat_layer_is(name) ? NULL : feat_scope_table(scope, name);
    if (*table) return FEAT_OK;
    const char **names = feat_arena_array(b->arena, scope->n_tables, sizeof *names);
    if (!names) return feat_fail_memory(b->err);
    for (size_t i = 0; i < scope->n_tables; i++) names[i] = scope->tables[i]->name;
    const char *near = feat_sql_suggest(name, names, scope->n_tables);
    return feat_bind_fail(b, offset, "there is no table '%.100s'%s%.100s%s", name, near ? "; did you mean '" : "",
                          near ? near : "", near ? "'?" : "");
}

static feat_status bind_tables(derivation_binder *s, const feat_ast_statement *statement, const feat_scope *scope) {
    feat_binder *b = &s->b;
    const feat_ast_source *from = &statement->select->sources[0];
    FEAT_TRY(find_table(b, scope, from->name, from->offset, &s->d->source));
    FEAT_TRY(find_table(b, scope, statement->target.text, statement->target.offset, &s->d->table));
    if (s->d->source == s->d->table)
        return feat_bind_fail(b, statement->target.offset, "a derivation fills another table than the one it reads");
    if (s->d->source->dimension)
        return feat_bind_fail(b, from->offset, "'%.100s' is a dimension, whose rows end; derive from a table",
                              s->d->source->name);
    if (feat_schema_arrival(s->d->table) >= 0)
        return feat_bind_fail(b, statement->target.offset,
                              "'%.100s' is a raw table, which holds what came in; derive into another one",
                              s->d->table->name);
    s->alias = from->alias ? from->alias : s->d->source->name;
    s->d->reads = feat_arena_array(b->arena, s->d->source->n_fields, sizeof *s->d->reads);
    s->d->writes = feat_arena_array(b->arena, s->d->table->n_fields, sizeof *s->d->writes);
    return s->d->reads && s->d->writes ? FEAT_OK : feat_fail_memory(b->err);
}

static feat_status refuse_clock(feat_binder *b, const feat_ast_expr *expr) {
    if (!feat_mentions_clock(expr)) return FEAT_OK;
    return feat_bind_fail(b, expr->offset,
                          "a derivation gives the same rows whenever it runs: it cannot read the clock; a raw table "
                          "says in 'ingested_at' when a row came in");
}

static feat_status bind_item(derivation_binder *s, const feat_ast_item *item, uint32_t *nodes) {
    feat_binder *b = &s->b;
    feat_derivation *d = s->d;
    const char *name = NULL;
    uint32_t field = 0, node;
    if (item->expr->kind == FEAT_AST_STAR)
        return feat_bind_fail(b, item->expr->offset, "a derivation names each column that it computes; * is none");
    FEAT_TRY(feat_bind_item_name(b, item, &name));
    FEAT_TRY(feat_bind_field(b, d->table, name, item->offset, &field));
    const feat_field *to = &d->table->fields[field];
    if (d->table->dimension && field == d->table->ended)
        return feat_bind_fail(b, item->offset, "'%s' cannot be derived", FEAT_ENDED_NAME);
    if (d->writes[field]) return feat_bind_fail(b, item->offset, "column '%.100s' is computed twice", name);
    FEAT_TRY(refuse_clock(b, item->expr));
    FEAT_TRY(feat_bind_expr(b, item->expr, &node));
    feat_type from = feat_build_type(&b->build, node);
    if (from != to->type && from != FEAT_TYPE_UNKNOWN) {
        uint32_t cast = feat_build_cast(&b->build, node, to->type, false);
        char wanted[FEAT_TYPE_TEXT_SIZE], found[FEAT_TYPE_TEXT_SIZE];
        if (cast == FEAT_NO_NODE && !b->build.no_memory)
            return feat_bind_fail(b, item->expr->offset,
                                  "column '%.100s' of table '%.100s' is %s, and this is %s; write CAST(... AS %s), or "
                                  "TRY_CAST for NULL where it cannot be",
                                  to->name, d->table->name, feat_type_format(to->type, wanted),
                                  feat_type_format(from, found), wanted);
        node = cast;
    } else if (from == FEAT_TYPE_UNKNOWN) {
        node = feat_build_cast(&b->build, node, to->type, false);
    }
    if (node == FEAT_NO_NODE) return feat_bind_reason(b, item->expr->offset);
    FEAT_TRY(feat_row_sql(b->arena, b->source, item->expr, &d->sqls[d->n_columns], b->err));
    d->writes[field] = true;
    d->fields[d->n_columns] = field;
    nodes[d->n_columns++] = node;
    return FEAT_OK;
}

/* What no column of the SELECT gives is its DEFAULT or NULL, as in a write. */
static feat_status check_missing(derivation_binder *s, const feat_ast_statement *statement) {
    const feat_schema *table = s->d->table;
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        if (s->d->writes[i] || field->default_value.type || !field->not_null) continue;
        return feat_bind_fail(&s->b, statement->select->offset,
                              "column '%.100s' of table '%.100s' is NOT NULL and is not computed; add an expression "
                              "AS \"%.100s\"",
                              field->name, table->name, field->name);
    }
    return FEAT_OK;
}

static feat_status bind_outputs(derivation_binder *s, const feat_ast_statement *statement, feat_fold_node *fold) {
    feat_binder *b = &s->b;
    feat_derivation *d = s->d;
    const feat_ast_select *q = statement->select;
    uint32_t *nodes = feat_arena_array(b->arena, q->n_items + 1, sizeof *nodes);
    d->fields = feat_arena_array(b->arena, q->n_items, sizeof *d->fields);
    d->sqls = feat_arena_array(b->arena, q->n_items, sizeof *d->sqls);
    if (!nodes || !d->fields || !d->sqls) return feat_fail_memory(b->err);
    for (size_t i = 0; i < q->n_items; i++) FEAT_TRY(bind_item(s, &q->items[i], nodes));
    FEAT_TRY(check_missing(s, statement));
    if (q->where) {
        FEAT_TRY(refuse_clock(b, q->where));
        FEAT_TRY(feat_bind_expr(b, q->where, &nodes[d->n_columns]));
        if (feat_build_type(&b->build, nodes[d->n_columns]) != FEAT_TYPE_BOOLEAN)
            return feat_bind_fail(b, q->where->offset, "WHERE is a condition (BOOLEAN), not %s",
                                  feat_build_type_name(feat_build_type(&b->build, nodes[d->n_columns])));
        d->filtered = true;
    }
    return feat_lower_stage(b->arena, &d->stage, nodes, d->n_columns + d->filtered, fold, b->err);
}

/* The one spelling of a statement is that of its tree; options say nothing of its meaning. */
static feat_status print_statement(derivation_binder *s, const feat_ast_statement *statement) {
    feat_ast_statement plain = *statement;
    feat_buffer printed;
    plain.or_replace = false;
    plain.n_options = 0;
    feat_buffer_init(&printed);
    feat_status status = feat_sql_print(&plain, &printed);
    if (status == FEAT_MEMORY) feat_fail_memory(s->b.err);
    else if (status != FEAT_OK || (printed.size && memchr(printed.data, 0, printed.size)))
        status =
            feat_bind_fail(&s->b, statement->offset, "this statement is nested too deeply, or holds a NUL character");
    else if (!(s->d->text = feat_arena_strndup(s->b.arena, (const char *)printed.data, printed.size)))
        status = feat_fail_memory(s->b.err);
    feat_buffer_done(&printed);
    return status;
}

/* The text, the types of what it reads and writes, and the revisions of the operators: what its rows depend on. */
static feat_status take_fingerprint(feat_derivation *d, feat_error *err) {
    feat_buffer out;
    feat_buffer_init(&out);
    feat_pack_array(&out, 2);
    feat_pack_text(&out, "derivation");
    feat_pack_text(&out, d->text);
    for (size_t i = 0; i < d->source->n_fields; i++)
        if (d->reads[i]) feat_pack_uint(&out, d->source->fields[i].type);
    for (size_t i = 0; i < d->n_columns; i++) feat_pack_uint(&out, d->table->fields[d->fields[i]].type);
    for (size_t i = 0; i < d->stage.pool.n; i++)
        if (d->stage.pool.nodes[i].kind == FEAT_NODE_OP)
            feat_pack_uint(&out, (uint64_t)feat_op_table[d->stage.pool.nodes[i].op].revision);
    bool failed = out.failed;
    if (!failed) d->fingerprint = feat_digest_of(out.data, out.size);
    feat_buffer_done(&out);
    return failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_bind_derivation(feat_arena *arena, const feat_source *source, const feat_ast_statement *statement,
                                 const feat_scope *scope, feat_derivation **out, feat_error *err) {
    static const char *const known[] = {"description", "owner", "tags", "freshness_sla"};
    feat_option *metadata;
    size_t n_metadata;
    feat_derivation *d = FEAT_ARENA_NEW(arena, feat_derivation);
    if (!d) return feat_fail_memory(err);
    d->name = statement->name.text;
    feat_pool_init(&d->stage.pool, arena);
    derivation_binder s = {
        .b = {.arena = arena, .source = source, .err = err, .column = bind_column, .call = bind_call}, .d = d};
    s.b.build.pool = &d->stage.pool;
    FEAT_TRY(feat_bind_options(&s.b, statement, known, sizeof known / sizeof *known));
    FEAT_TRY(feat_bind_metadata(&s.b, statement, &metadata, &n_metadata));
    FEAT_TRY(check_select(&s.b, statement->select));
    FEAT_TRY(bind_tables(&s, statement, scope));
    FEAT_TRY(bind_outputs(&s, statement, scope->fold));
    FEAT_TRY(print_statement(&s, statement));
    FEAT_TRY(take_fingerprint(d, err));
    *out = d;
    return FEAT_OK;
}

void feat_explain_derivation(const feat_derivation *d, feat_buffer *out) {
    feat_buffer_printf(out, "derivation %s: rows of table %s become rows of table %s\n", d->name, d->source->name,
                       d->table->name);
    feat_buffer_text(out, "  reads");
    const char *comma = " ";
    for (size_t i = 0; i < d->source->n_fields; i++) {
        if (!d->reads[i]) continue;
        feat_buffer_printf(out, "%s%s", comma, d->source->fields[i].name);
        comma = ", ";
    }
    feat_buffer_text(out, "\n");
    for (size_t i = 0; i < d->n_columns; i++)
        feat_buffer_printf(out, "  %s = %s\n", d->table->fields[d->fields[i]].name, d->sqls[i]);
    for (size_t i = 0; i < d->table->n_fields; i++) {
        const feat_field *field = &d->table->fields[i];
        if (d->writes[i] || (d->table->dimension && i == d->table->ended)) continue;
        feat_buffer_printf(out, "  %s = %s (not computed)\n", field->name,
                           field->default_sql ? field->default_sql : "NULL");
    }
    if (d->filtered) feat_buffer_text(out, "  only rows that its WHERE holds for\n");
}
