/* CREATE TABLE. */
#include <string.h>

#include "base/clock.h"
#include "plan/bind.h"

static feat_status bind_list(feat_binder *b, const feat_schema *table, const feat_ast_names *names, uint32_t **fields,
                             size_t *n) {
    *fields = feat_arena_array(b->arena, names->n, sizeof **fields);
    if (!*fields) return feat_fail_memory(b->err);
    for (size_t i = 0; i < names->n; i++) {
        FEAT_TRY(feat_bind_field(b, table, names->items[i].text, names->items[i].offset, &(*fields)[i]));
        for (size_t k = 0; k < i; k++)
            if ((*fields)[k] == (*fields)[i])
                return feat_bind_fail(b, names->items[i].offset, "column '%.100s' is named twice",
                                      names->items[i].text);
        if (table->fields[(*fields)[i]].type == FEAT_TYPE_DOUBLE)
            return feat_bind_fail(b, names->items[i].offset, "column '%.100s' is DOUBLE and cannot be part of a key",
                                  names->items[i].text);
    }
    *n = names->n;
    return FEAT_OK;
}

static feat_status bind_columns(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    table->fields = feat_arena_array(b->arena, s->n_columns, sizeof *table->fields);
    if (!table->fields) return feat_fail_memory(b->err);
    for (size_t i = 0; i < s->n_columns; i++) {
        const feat_ast_column_def *column = &s->columns[i];
        feat_type type;
        if (feat_schema_find(table, column->name) >= 0)
            return feat_bind_fail(b, column->offset, "two columns are called '%.100s'", column->name);
        if (!feat_type_from_sql(column->type, &type))
            return feat_bind_fail(b, column->type_offset,
                                  "unknown type '%.100s'; there are BOOLEAN, BIGINT, DOUBLE, TEXT, DATE and TIMESTAMP",
                                  column->type);
        if (column->default_value || column->check)
            return feat_bind_fail(b, column->offset, "DEFAULT and CHECK are not supported");
        table->fields[i] = (feat_field){column->name, type, (uint32_t)i + 1, column->not_null};
        table->n_fields++;
    }
    return FEAT_OK;
}

static feat_status bind_time(feat_binder *b, const feat_ast_statement *s, feat_schema *table) {
    if (!s->event_time.text)
        return feat_bind_fail(b, s->name.offset, "table '%.100s' needs EVENT TIME (column)", s->name.text);
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

feat_status feat_bind_table(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                            feat_schema **out, feat_error *err) {
    static const char *const options[] = {"description", "owner"};
    feat_binder b = {.arena = arena, .source = source, .err = err};
    feat_schema *table = FEAT_ARENA_NEW(arena, feat_schema);
    if (!table) return feat_fail_memory(err);
    table->name = s->name.text;
    FEAT_TRY(feat_bind_options(&b, s, options, 2));
    FEAT_TRY(bind_columns(&b, s, table));
    if (s->entity_key.n == 0)
        return feat_bind_fail(&b, s->name.offset, "table '%.100s' needs ENTITY KEY (columns)", s->name.text);
    FEAT_TRY(bind_list(&b, table, &s->entity_key, &table->key, &table->n_key));
    FEAT_TRY(bind_time(&b, s, table));
    if (s->has_unique) FEAT_TRY(bind_list(&b, table, &s->unique, &table->unique, &table->n_unique));
    *out = table;
    return FEAT_OK;
}
