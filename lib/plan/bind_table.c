/* CREATE TABLE and CREATE DIMENSION. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "plan/derivation.h"
#include "plan/query.h"
#include "plan/row.h"

static const char *what(const feat_schema *table) { return table->dimension ? "dimension" : "table"; }

/* ---- Keys. ---- */

static feat_status bind_list(feat_binder *b, const feat_schema *table, const feat_ast_names *names, uint32_t **fields,
                             size_t *n) {
    *fields = feat_arena_array(b->arena, names->n, sizeof **fields);
    bool *named = feat_arena_array(b->arena, table->n_fields, sizeof *named);
    if (!*fields || !named) return feat_fail_memory(b->err);
    for (size_t i = 0; i < names->n; i++) {
        const feat_ast_name *name = &names->items[i];
        uint32_t field = 0;
        FEAT_TRY(feat_bind_field(b, table, name->text, name->offset, &field));
        if (table->dimension && field == table->ended)
            return feat_bind_fail(b, name->offset, "'%s' cannot be part of a key", FEAT_ENDED_NAME);
        if (named[field]) return feat_bind_fail(b, name->offset, "column '%.100s' is named twice", name->text);
        if (!feat_type_keys(table->fields[field].type))
            return feat_bind_fail(b, name->offset, "column '%.100s' is %s and cannot be part of a key", name->text,
                                  feat_type_name(table->fields[field].type));
        named[field] = true;
        (*fields)[i] = field;
    }
    *n = names->n;
    return FEAT_OK;
}

static bool contains(const uint32_t *list, size_t n, uint32_t field) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == field) return true;
    return false;
}

/* Rows of a dimension say what is true from a time on: which of them are one and the same is a matter of the entity and
 * that time, and an end of the entity takes the place of a row. */
static feat_status bind_dimension_unique(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    if (!s->has_unique) {
        table->unique = feat_arena_array(b->arena, table->n_key + 1, sizeof *table->unique);
        if (!table->unique) return feat_fail_memory(b->err);
        for (size_t i = 0; i < table->n_key; i++) table->unique[table->n_unique++] = table->key[i];
        if (!contains(table->key, table->n_key, table->time)) table->unique[table->n_unique++] = table->time;
        return FEAT_OK;
    }
    uint32_t offset = s->unique.items[0].offset;
    if (!contains(table->unique, table->n_unique, table->time))
        return feat_bind_fail(b, offset,
                              "the UNIQUE key of a dimension includes its event time '%.100s': a row holds from a time "
                              "on; leave UNIQUE out, or add the column",
                              table->fields[table->time].name);
    for (size_t i = 0; i < table->n_key; i++)
        if (!contains(table->unique, table->n_unique, table->key[i]))
            return feat_bind_fail(
                b, offset,
                "the UNIQUE key of a dimension includes its entity key, and '%.100s' is missing; leave "
                "UNIQUE out, or add the column",
                table->fields[table->key[i]].name);
    return FEAT_OK;
}

/* ---- Columns. ---- */

static feat_status bind_columns(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    size_t room = s->n_columns + table->dimension;
    table->fields = feat_arena_array(b->arena, room, sizeof *table->fields);
    if (!table->fields) return feat_fail_memory(b->err);
    for (size_t i = 0; i < s->n_columns; i++) {
        const feat_ast_column_def *column = &s->columns[i];
        if (feat_schema_find(table, column->name) >= 0)
            return feat_bind_fail(b, column->offset, "two columns are called '%.100s'", column->name);
        FEAT_TRY(feat_bind_column(b->arena, b->source, column, &table->fields[i], b->err));
        table->fields[i].id = (uint32_t)i + 1;
        table->n_fields++;
    }
    if (table->n_fields == 0)
        return feat_bind_fail(b, s->name.offset, "%s '%.100s' has no columns", what(table), s->name.text);
    if (table->dimension) {
        table->ended = (uint32_t)table->n_fields;
        table->fields[table->n_fields++] =
            (feat_field){.name = FEAT_ENDED_NAME, .type = FEAT_TYPE_BOOLEAN, .id = FEAT_ENDED_ID};
    }
    return FEAT_OK;
}

static feat_status bind_checks(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    for (size_t i = 0; i < s->n_columns; i++)
        FEAT_TRY(feat_bind_column_check(b->arena, b->source, table, &s->columns[i], &table->fields[i], b->err));
    return FEAT_OK;
}

static feat_status bind_time(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    if (!s->event_time.text)
        return feat_bind_fail(b, s->name.offset, "%s '%.100s' needs EVENT TIME (column)", what(table), s->name.text);
    FEAT_TRY(feat_bind_field(b, table, s->event_time.text, s->event_time.offset, &table->time));
    feat_field *time = &table->fields[table->time];
    if (time->type != FEAT_TYPE_TIMESTAMP && time->type != FEAT_TYPE_DATE)
        return feat_bind_fail(b, s->event_time.offset, "the event time '%.100s' must be a TIMESTAMP or a DATE, not %s",
                              time->name, feat_type_name(time->type));
    time->not_null = true; /* an event happened at some time */
    if (s->delay) {
        const feat_ast_expr *d = s->delay;
        int64_t us;
        if (d->kind != FEAT_AST_INTERVAL || d->months != 0 || __builtin_mul_overflow(d->days, FEAT_US_PER_DAY, &us) ||
            __builtin_add_overflow(us, d->us, &us) || us < 0)
            return feat_bind_fail(b, d->offset, "a DELAY is an INTERVAL of days or shorter units, not negative");
        table->delay_us = us;
    } else if (time->type == FEAT_TYPE_DATE) {
        return feat_bind_fail(
            b, s->event_time.offset,
            "the event time is a DATE: say when such a row is known, as in EVENT TIME (%.100s DELAY INTERVAL '1 day')",
            time->name);
    }
    return FEAT_OK;
}

/* ---- Options. ---- */

static feat_status bind_partition(feat_binder *b, const feat_ast_expr *value, feat_partition *partition) {
    for (int i = FEAT_PARTITION_NONE; value->kind == FEAT_AST_STRING && i <= FEAT_PARTITION_DAY; i++)
        if (strcasecmp(value->text, feat_partition_name((feat_partition)i)) == 0) {
            *partition = (feat_partition)i;
            return FEAT_OK;
        }
    return feat_bind_fail(b, value->offset, "option 'partition' is 'none', 'month', 'week' or 'day'");
}

static feat_status bind_options(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    static const char *const known[] = {"description", "owner",     "tags", "freshness_sla",
                                        "retention",   "partition", "ttl",  "payload"};
    feat_option *metadata; /* the catalog keeps it beside the table, whose meaning it does not change */
    size_t n_metadata;
    FEAT_TRY(feat_bind_options(b, s, known, sizeof known / sizeof *known));
    FEAT_TRY(feat_bind_metadata(b, s, &metadata, &n_metadata));
    for (size_t i = 0; i < s->n_options; i++) {
        const feat_ast_option *option = &s->options[i];
        if (strcasecmp(option->name.text, "retention") == 0) FEAT_TRY(feat_bind_span(b, option, &table->retention));
        if (strcasecmp(option->name.text, "partition") == 0)
            FEAT_TRY(bind_partition(b, option->value, &table->partition));
        if (strcasecmp(option->name.text, "payload") == 0 && !s->raw)
            return feat_bind_fail(b, option->name.offset, "'payload' is an option of a RAW TABLE");
        if (strcasecmp(option->name.text, "ttl") != 0) continue;
        if (!table->dimension)
            return feat_bind_fail(b, option->name.offset,
                                  "a table has no 'ttl'; write CREATE DIMENSION for rows that are looked up, or "
                                  "'retention' for how long rows count");
        FEAT_TRY(feat_bind_span(b, option, &table->ttl));
    }
    return FEAT_OK;
}

/* ---- The statement. ---- */

feat_status feat_bind_table(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                            feat_schema **out, feat_error *err) {
    feat_binder b = {.arena = arena, .source = source, .err = err};
    feat_schema *table = FEAT_ARENA_NEW(arena, feat_schema);
    feat_ast_statement written;
    if (!table) return feat_fail_memory(err);
    if (s->raw) {
        FEAT_TRY(feat_raw_statement(arena, source, s, &written, err));
        s = &written;
    }
    table->name = s->name.text;
    table->dimension = s->kind == FEAT_AST_CREATE_DIMENSION;
    FEAT_TRY(bind_options(&b, s, table));
    FEAT_TRY(bind_columns(&b, s, table));
    if (s->entity_key.n == 0)
        return feat_bind_fail(&b, s->name.offset, "%s '%.100s' needs ENTITY KEY (columns)", what(table), s->name.text);
    FEAT_TRY(bind_list(&b, table, &s->entity_key, &table->key, &table->n_key));
    FEAT_TRY(bind_time(&b, s, table));
    if (s->has_unique) FEAT_TRY(bind_list(&b, table, &s->unique, &table->unique, &table->n_unique));
    if (table->dimension) FEAT_TRY(bind_dimension_unique(&b, s, table));
    FEAT_TRY(bind_checks(&b, s, table));
    if (s->raw) table->fields[table->time].default_sql = FEAT_ARRIVAL_SQL;
    *out = table;
    return FEAT_OK;
}
