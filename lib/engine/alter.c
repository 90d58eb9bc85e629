/* ALTER TABLE: what a table becomes. Rows that are stored stay as they are; what the table becomes says how to read
 * them. Columns are known by their ids, so that a new name changes nothing, and blocks by numbers that are never given
 * twice, so that a value is never read as one of another column or type. */
#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "column/widen.h"
#include "engine/engine.h"
#include "plan/query.h"
#include "plan/row.h"
#include "sql/sql.h"

typedef struct alteration {
    feat_arena *arena;
    const feat_ast_statement *s;
    const feat_source *source;
    feat_schema *table; /* a copy with room for new fields and one more retired number */
    feat_binder binder; /* for messages */
    feat_error *err;
} alteration;

#define FAIL(a, where, ...) feat_bind_fail(&(a)->binder, (where), __VA_ARGS__)

/* ---- The copy. ---- */

static feat_status copy_list(feat_arena *arena, const uint32_t *list, size_t n, uint32_t **out, feat_error *err) {
    *out = feat_arena_array(arena, n, sizeof **out);
    if (!*out) return feat_fail_memory(err);
    if (n) memcpy(*out, list, n * sizeof **out);
    return FEAT_OK;
}

static feat_status copy_table(alteration *a, const feat_schema *old, size_t n_new) {
    feat_schema *t = FEAT_ARENA_NEW(a->arena, feat_schema);
    if (!t) return feat_fail_memory(a->err);
    *t = *old;
    t->fields = feat_arena_array(a->arena, old->n_fields + n_new, sizeof *t->fields);
    t->retired = feat_arena_array(a->arena, old->n_retired + 1, sizeof *t->retired);
    if (!t->fields || !t->retired) return feat_fail_memory(a->err);
    memcpy(t->fields, old->fields, old->n_fields * sizeof *t->fields);
    if (old->n_retired) memcpy(t->retired, old->retired, old->n_retired * sizeof *t->retired);
    FEAT_TRY(copy_list(a->arena, old->key, old->n_key, &t->key, a->err));
    FEAT_TRY(copy_list(a->arena, old->unique, old->n_unique, &t->unique, a->err));
    if (old->revision >= UINT32_MAX - 1)
        return feat_fail(a->err, FEAT_LIMIT, "table '%.200s' was altered as often as a table can be", old->name);
    t->revision = old->revision + 1;
    a->table = t;
    return FEAT_OK;
}

static feat_status next_id(const alteration *a, uint32_t *id) {
    *id = feat_schema_next_id(a->table);
    if (*id) return FEAT_OK;
    return feat_fail(a->err, FEAT_LIMIT, "table '%.200s' has had as many columns as a table can have", a->table->name);
}

/* ---- What stands in the way. ---- */

static bool in_list(const uint32_t *list, size_t n, uint32_t field) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == field) return true;
    return false;
}

/* "its event time", or NULL for a column that rows are not known by. */
static const char *role(const feat_schema *t, uint32_t field) {
    if (field == t->time) return "its event time";
    if (in_list(t->key, t->n_key, field)) return "part of its entity key";
    if (in_list(t->unique, t->n_unique, field)) return "part of its UNIQUE key";
    return NULL;
}

static feat_status find(alteration *a, uint32_t *field) {
    FEAT_TRY(feat_bind_field(&a->binder, a->table, a->s->column.text, a->s->column.offset, field));
    if (a->table->dimension && *field == a->table->ended)
        return FAIL(a, a->s->column.offset, "'%s' is not a column that can be altered", FEAT_ENDED_NAME);
    return FEAT_OK;
}

/* ---- CHECKs and DEFAULTs of other columns. ---- */

static feat_status parse_check(const alteration *a, uint32_t field, feat_source *source, feat_ast_expr **expr) {
    const char *sql = a->table->fields[field].check_sql;
    *source = (feat_source){sql, strlen(sql)};
    return feat_sql_parse_expr(a->arena, sql, source->length, expr, a->err);
}

/* Fails when the CHECK of another column names `field`. */
static feat_status check_unmentioned(alteration *a, uint32_t field) {
    feat_schema *t = a->table;
    bool *mentioned = feat_arena_array(a->arena, t->n_fields, sizeof *mentioned);
    if (!mentioned) return feat_fail_memory(a->err);
    for (uint32_t i = 0; i < t->n_fields; i++) {
        feat_source source;
        feat_ast_expr *expr;
        if (i == field || !t->fields[i].check_sql) continue;
        FEAT_TRY(parse_check(a, i, &source, &expr));
        memset(mentioned, 0, t->n_fields * sizeof *mentioned);
        feat_row_mentions(t, expr, mentioned);
        if (mentioned[field])
            return FAIL(a, a->s->column.offset, "the CHECK of column '%.100s' reads '%.100s'", t->fields[i].name,
                        t->fields[field].name);
    }
    return FEAT_OK;
}

/* Every CHECK must mean something over the table as it has become. */
static feat_status rebind_checks(alteration *a) {
    feat_schema *t = a->table;
    for (uint32_t i = 0; i < t->n_fields; i++) {
        feat_source source;
        feat_ast_expr *expr;
        feat_stage stage = {0};
        uint32_t node;
        feat_error why = {0};
        if (!t->fields[i].check_sql) continue;
        FEAT_TRY(parse_check(a, i, &source, &expr));
        feat_pool_init(&stage.pool, a->arena);
        feat_status status = feat_bind_check(a->arena, &source, t, expr, &stage, &node, &why);
        if (status == FEAT_MEMORY) return feat_fail_memory(a->err);
        if (status != FEAT_OK)
            return FAIL(a, a->s->column.offset, "the CHECK of column '%.100s' could not be evaluated any more: %.*s",
                        t->fields[i].name, feat_utf8_clip(why.message, 300), why.message);
    }
    return FEAT_OK;
}

static void rename_in(const feat_schema *t, uint32_t field, feat_ast_expr *expr, const char *name) {
    if (!expr) return;
    if (expr->kind == FEAT_AST_COLUMN && feat_schema_find(t, expr->name) == (int)field) expr->name = name;
    for (size_t i = 0; i < expr->n_args; i++) rename_in(t, field, expr->args[i], name);
    rename_in(t, field, expr->operand, name);
    rename_in(t, field, expr->otherwise, name);
}

/* ---- The four alterations. ---- */

static void insert_field(feat_schema *t, feat_field field, uint32_t *at) {
    *at = (uint32_t)t->n_fields;
    if (t->dimension) { /* the mark of ended rows stays the last */
        *at = t->ended;
        t->fields[t->n_fields] = t->fields[t->ended++];
    }
    t->fields[*at] = field;
    t->n_fields++;
}

static feat_status add_column(alteration *a) {
    const feat_ast_column_def *column = &a->s->columns[0];
    feat_field field = {0};
    uint32_t at;
    if (feat_schema_find(a->table, column->name) >= 0)
        return FAIL(a, column->offset, "table '%.100s' has a column '%.100s' already", a->table->name, column->name);
    FEAT_TRY(feat_bind_column(a->arena, a->source, column, &field, a->err));
    if (field.not_null && !field.default_value.type)
        return FAIL(a, column->offset,
                    "a column that is NOT NULL needs a DEFAULT, which the rows that are stored already get");
    FEAT_TRY(next_id(a, &field.id));
    field.absent = field.default_value;
    insert_field(a->table, field, &at);
    return feat_bind_column_check(a->arena, a->source, a->table, column, &a->table->fields[at], a->err);
}

static feat_status rename_column(alteration *a) {
    feat_schema *t = a->table;
    const feat_ast_name *name = &a->s->new_name;
    uint32_t field;
    FEAT_TRY(find(a, &field));
    if (strcmp(name->text, FEAT_ENDED_NAME) == 0)
        return FAIL(a, name->offset, "a column cannot be called '%s'", FEAT_ENDED_NAME);
    int taken = feat_schema_find(t, name->text);
    if (taken >= 0 && (uint32_t)taken != field)
        return FAIL(a, name->offset, "table '%.100s' has a column '%.100s' already", t->name, name->text);
    for (uint32_t i = 0; i < t->n_fields; i++) {
        feat_source source;
        feat_ast_expr *expr;
        if (!t->fields[i].check_sql) continue;
        FEAT_TRY(parse_check(a, i, &source, &expr));
        rename_in(t, field, expr, name->text);
        FEAT_TRY(feat_row_sql(a->arena, &source, expr, &t->fields[i].check_sql, a->err));
    }
    t->fields[field].name = name->text;
    return FEAT_OK;
}

/* Keeps the list in ascending order. */
static void retire(feat_schema *t, feat_retired entry) {
    size_t at = t->n_retired++;
    for (; at > 0 && t->retired[at - 1].stored > entry.stored; at--) t->retired[at] = t->retired[at - 1];
    t->retired[at] = entry;
}

static feat_status rebind_default(alteration *a, feat_field *field) {
    feat_ast_expr *expr;
    if (!field->default_sql) return FEAT_OK;
    feat_source source = {field->default_sql, strlen(field->default_sql)};
    FEAT_TRY(feat_sql_parse_expr(a->arena, source.sql, source.length, &expr, a->err));
    return feat_bind_default(a->arena, &source, field, expr, &field->default_value, a->err);
}

static feat_status alter_type(alteration *a) {
    const feat_ast_column_def *column = &a->s->columns[0];
    feat_schema *t = a->table;
    uint32_t at;
    feat_type type;
    FEAT_TRY(find(a, &at));
    feat_field *field = &t->fields[at];
    if (!feat_type_from_sql(column->type, &type))
        return FAIL(a, column->type_offset, "unknown type '%.100s'", column->type);
    if (type == field->type)
        return FAIL(a, column->type_offset, "column '%.100s' is %.100s already", field->name, column->type);
    if (!feat_type_widens(field->type, type))
        return FAIL(
            a, column->type_offset,
            "column '%.100s' is %s, and not all of its values are values of %.100s: a column changes to a wider "
            "integer, a DECIMAL that holds it, or from REAL to DOUBLE; add a column for anything else",
            field->name, feat_type_name(field->type), column->type);
    const char *part = role(t, at);
    if (part && (feat_class_of(field->type) != FEAT_CLASS_I || feat_class_of(type) != FEAT_CLASS_I))
        return FAIL(a, column->type_offset,
                    "column '%.100s' is %s, and rows are found by keys in the form of %s; a key changes between signed "
                    "integers and shorter unsigned ones only",
                    field->name, part, feat_type_name(field->type));
    uint32_t stored;
    FEAT_TRY(next_id(a, &stored));
    retire(t, (feat_retired){feat_field_stored(field), field->type, field->id});
    field->stored = stored;
    field->type = type;
    FEAT_TRY(rebind_default(a, field));
    return rebind_checks(a);
}

/* Indices into the fields behind the one that goes. */
static void move_down(uint32_t *list, size_t n, uint32_t gone) {
    for (size_t i = 0; i < n; i++) list[i] -= list[i] > gone;
}

static feat_status drop_column(alteration *a) {
    feat_schema *t = a->table;
    uint32_t at;
    FEAT_TRY(find(a, &at));
    const char *part = role(t, at);
    if (part)
        return FAIL(a, a->s->column.offset, "column '%.100s' of table '%.100s' is %s and cannot be dropped",
                    t->fields[at].name, t->name, part);
    if (t->fields[at].not_null)
        return FAIL(a, a->s->column.offset,
                    "column '%.100s' is NOT NULL: every row says something in it; only a column that may be NULL is "
                    "dropped",
                    t->fields[at].name);
    FEAT_TRY(check_unmentioned(a, at));
    const feat_field gone = t->fields[at];
    for (size_t i = 0; i < t->n_retired; i++)
        if (t->retired[i].field == gone.id) t->retired[i].field = 0;
    retire(t, (feat_retired){feat_field_stored(&gone), gone.type, 0});
    memmove(t->fields + at, t->fields + at + 1, (t->n_fields - at - 1) * sizeof *t->fields);
    t->n_fields--;
    move_down(t->key, t->n_key, at);
    move_down(t->unique, t->n_unique, at);
    move_down(&t->time, 1, at);
    if (t->dimension) move_down(&t->ended, 1, at);
    return FEAT_OK;
}

feat_status feat_alter_table(feat_arena *arena, const feat_schema *old, const feat_ast_statement *s,
                             const feat_source *source, feat_schema **table, feat_error *err) {
    alteration a = {.arena = arena, .s = s, .source = source, .err = err};
    a.binder = (feat_binder){.arena = arena, .source = source, .err = err};
    FEAT_TRY(copy_table(&a, old, 1));
    feat_status status = FEAT_OK;
    switch (s->alter) {
    case FEAT_AST_ADD_COLUMN: status = add_column(&a); break;
    case FEAT_AST_DROP_COLUMN: status = drop_column(&a); break;
    case FEAT_AST_RENAME_COLUMN: status = rename_column(&a); break;
    case FEAT_AST_ALTER_TYPE: status = alter_type(&a); break;
    }
    if (status == FEAT_OK) *table = a.table;
    return status;
}

feat_status feat_alter_add_nullable(feat_arena *arena, const feat_schema *old, const feat_field *fields, size_t n,
                                    feat_schema **table, feat_error *err) {
    alteration a = {.arena = arena, .err = err};
    uint32_t at;
    FEAT_TRY(copy_table(&a, old, n));
    for (size_t i = 0; i < n; i++) {
        feat_field field = {.name = fields[i].name, .type = fields[i].type};
        if (feat_schema_find(a.table, field.name) >= 0)
            return feat_fail(err, FEAT_SCHEMA, "table '%s': two columns are called '%.*s'", old->name,
                             feat_utf8_clip(field.name, 200), field.name);
        FEAT_TRY(next_id(&a, &field.id));
        insert_field(a.table, field, &at);
    }
    *table = a.table;
    return FEAT_OK;
}
