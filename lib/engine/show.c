/* SHOW, DESCRIBE and EXPLAIN: questions about definitions, answered as rows. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "engine/derivation.h"
#include "engine/rows.h"
#include "engine/script.h"
#include "online/state.h"

typedef struct show {
    feat_db *db;
    feat_catalog *catalog;
    feat_source source;
    feat_rows *rows;
    feat_error *err;
} show;

#define N_OF(fields) (sizeof(fields) / sizeof *(fields))

/* ---- Values as text. ---- */

/* A type as SQL writes it, with what it takes as parameters. */
static const char *type_text(feat_arena *arena, feat_type type) {
    char text[FEAT_TYPE_TEXT_SIZE];
    return feat_arena_strdup(arena, feat_type_format(type, text));
}

static void add_count(feat_buffer *out, int64_t count, const char *unit) {
    if (count) feat_buffer_printf(out, "%s%" PRId64 " %s%s", out->size ? " " : "", count, unit, count == 1 ? "" : "s");
}

/* As INTERVAL '...' takes it. */
static void put_interval(feat_rows *rows, size_t column, const feat_interval *v) {
    feat_buffer text;
    feat_buffer_init(&text);
    int64_t seconds = v->us / 1000000, us = v->us % 1000000;
    add_count(&text, v->months, "month");
    add_count(&text, v->days, "day");
    add_count(&text, seconds / 3600, "hour");
    add_count(&text, seconds / 60 % 60, "minute");
    add_count(&text, seconds % 60, "second");
    add_count(&text, us, "microsecond");
    if (text.failed) rows->failed = true;
    else feat_rows_textn(rows, column, (const char *)text.data, text.size);
    feat_buffer_done(&text);
}

static void put_tags(feat_rows *rows, size_t column, const feat_notes *notes) {
    feat_buffer text;
    feat_buffer_init(&text);
    for (size_t i = 0; i < notes->n_tags; i++) feat_buffer_printf(&text, "%s%s", i ? ", " : "", notes->tags[i]);
    if (text.failed) rows->failed = true;
    else if (notes->n_tags == 0) feat_rows_null(rows, column);
    else feat_rows_textn(rows, column, (const char *)text.data, text.size);
    feat_buffer_done(&text);
}

static feat_status read_notes(const show *s, uint32_t entry, feat_notes *notes) {
    feat_bytes bytes;
    FEAT_TRY(feat_entry_notes(s->catalog, entry, &bytes, s->err));
    return feat_notes_unpack(&s->catalog->arena, bytes, notes, s->err);
}

/* ---- SHOW. ---- */

/* The kind's own column stands third. */
#define SHOW_FIELDS(third, type)                                                                                       \
    {                                                                                                                  \
        {"name", FEAT_TYPE_TEXT, 1, true}, {"version", FEAT_TYPE_BIGINT, 2, true}, {third, type, 3, false},            \
            {"created_at", FEAT_TYPE_TIMESTAMP, 4, true}, {"fingerprint", FEAT_TYPE_TEXT, 5, true},                    \
            {"description", FEAT_TYPE_TEXT, 6, false}, {"owner", FEAT_TYPE_TEXT, 7, false},                            \
            {"tags", FEAT_TYPE_TEXT, 8, false}, {"freshness_sla", FEAT_TYPE_TEXT, 9, false},                           \
    }
static const feat_field table_list[] = SHOW_FIELDS("dimension", FEAT_TYPE_BOOLEAN);
static const feat_field view_list[] = SHOW_FIELDS("key", FEAT_TYPE_TEXT);
static const feat_field service_list[] = SHOW_FIELDS("deployed_version", FEAT_TYPE_BIGINT);
static const feat_field derivation_list[] = SHOW_FIELDS("tables", FEAT_TYPE_TEXT); /* "raw -> clean" */

static feat_status put_key(const show *s, uint32_t entry) {
    const feat_view *view;
    feat_buffer text;
    FEAT_TRY(feat_entry_view(s->catalog, entry, &view, s->err));
    feat_buffer_init(&text);
    for (size_t i = 0; i < view->n_key; i++) feat_buffer_printf(&text, "%s%s", i ? ", " : "", view->key[i].name);
    if (text.failed) s->rows->failed = true;
    else feat_rows_textn(s->rows, 2, (const char *)text.data, text.size);
    feat_buffer_done(&text);
    return FEAT_OK;
}

/* The version that a reader gets that does not ask for one. */
static void put_deployed(const show *s, uint32_t entry, const feat_online_service *deployed, size_t n) {
    const feat_catalog *c = s->catalog;
    const char *name = c->entries[entry].def.name;
    for (size_t i = n; i-- > 0;) {
        if (feat_name_compare(deployed[i].name, name) != 0) continue;
        for (uint32_t at = entry; at != FEAT_NO_ENTRY; at = c->entries[at].previous) {
            const feat_def *def = &c->entries[at].def;
            if (def->action != FEAT_DEF_CREATE || !feat_digest_equal(&def->fingerprint, &deployed[i].service)) continue;
            feat_rows_int(s->rows, 2, def->number);
            return;
        }
    }
    feat_rows_null(s->rows, 2);
}

static feat_status show_entry(const show *s, uint32_t entry, const feat_online_service *deployed, size_t n_deployed) {
    const feat_def *def = &s->catalog->entries[entry].def;
    const feat_schema *table;
    feat_notes notes;
    char digest[FEAT_DIGEST_TEXT_SIZE];
    FEAT_TRY(read_notes(s, entry, &notes));
    feat_digest_format(&def->fingerprint, digest);
    feat_rows_text(s->rows, 0, def->name);
    feat_rows_int(s->rows, 1, def->number);
    if (def->kind == FEAT_DEF_VIEW) {
        FEAT_TRY(put_key(s, entry));
    } else if (def->kind == FEAT_DEF_SERVICE) {
        put_deployed(s, entry, deployed, n_deployed);
    } else if (def->kind == FEAT_DEF_DERIVATION) {
        const feat_derivation *d;
        FEAT_TRY(feat_entry_derivation(s->catalog, entry, &d, s->err));
        feat_rows_text(s->rows, 2, feat_arena_printf(&s->catalog->arena, "%s -> %s", d->source->name, d->table->name));
    } else {
        FEAT_TRY(feat_entry_table(s->catalog, entry, &table, s->err));
        feat_rows_int(s->rows, 2, table->dimension);
    }
    feat_rows_int(s->rows, 3, def->created_at);
    feat_rows_text(s->rows, 4, digest);
    feat_rows_text(s->rows, 5, notes.description);
    feat_rows_text(s->rows, 6, notes.owner);
    put_tags(s->rows, 7, &notes);
    if (notes.has_freshness) put_interval(s->rows, 8, &notes.freshness);
    else feat_rows_null(s->rows, 8);
    feat_rows_end_row(s->rows);
    return FEAT_OK;
}

typedef struct named_entry {
    const char *name;
    uint32_t entry;
} named_entry;

static int compare_named(const void *a, const void *b) {
    return feat_name_compare(((const named_entry *)a)->name, ((const named_entry *)b)->name);
}

static feat_status run_show(show *s, const feat_ast_statement *statement) {
    feat_catalog *c = s->catalog;
    bool dimensions = strcmp(statement->object, "dimension") == 0;
    feat_def_kind kind = strcmp(statement->object, "feature view") == 0      ? FEAT_DEF_VIEW
                         : strcmp(statement->object, "feature service") == 0 ? FEAT_DEF_SERVICE
                         : strcmp(statement->object, "derivation") == 0      ? FEAT_DEF_DERIVATION
                                                                             : FEAT_DEF_TABLE;
    const feat_online_service *deployed = NULL;
    size_t n_deployed = 0, n = 0;
    if (kind == FEAT_DEF_SERVICE) FEAT_TRY(feat_deployed_list(s->db, &c->arena, &deployed, &n_deployed, s->err));
    FEAT_TRY(feat_rows_new(kind == FEAT_DEF_TABLE        ? table_list
                           : kind == FEAT_DEF_VIEW       ? view_list
                           : kind == FEAT_DEF_DERIVATION ? derivation_list
                                                         : service_list,
                           N_OF(table_list), &s->rows, s->err));
    named_entry *found = feat_arena_array(&c->arena, c->n, sizeof *found);
    if (!found) return feat_fail_memory(s->err);
    for (uint32_t i = 0; i < c->n; i++) {
        const feat_schema *table;
        if (c->entries[i].def.kind != kind || feat_catalog_find(c, kind, c->entries[i].def.name) != i) continue;
        if (dimensions) {
            FEAT_TRY(feat_entry_table(c, i, &table, s->err));
            if (!table->dimension) continue;
        }
        found[n++] = (named_entry){c->entries[i].def.name, i};
    }
    if (n) qsort(found, n, sizeof *found, compare_named);
    for (size_t i = 0; i < n; i++) FEAT_TRY(show_entry(s, found[i].entry, deployed, n_deployed));
    return FEAT_OK;
}

/* ---- DESCRIBE. ---- */

static const feat_field table_columns[] = {
    {"name", FEAT_TYPE_TEXT, 1, true},          {"type", FEAT_TYPE_TEXT, 2, true},
    {"entity_key", FEAT_TYPE_BOOLEAN, 3, true}, {"event_time", FEAT_TYPE_BOOLEAN, 4, true},
    {"unique", FEAT_TYPE_BOOLEAN, 5, true},     {"not_null", FEAT_TYPE_BOOLEAN, 6, true},
    {"default", FEAT_TYPE_TEXT, 7, false},      {"check", FEAT_TYPE_TEXT, 8, false},
    {"comment", FEAT_TYPE_TEXT, 9, false},
};
static const feat_field view_columns[] = {
    {"name", FEAT_TYPE_TEXT, 1, true},
    {"role", FEAT_TYPE_TEXT, 2, true}, /* key, feature */
    {"type", FEAT_TYPE_TEXT, 3, true},
    {"comment", FEAT_TYPE_TEXT, 4, false},
};
static const feat_field service_columns[] = {
    {"name", FEAT_TYPE_TEXT, 1, true},
    {"role", FEAT_TYPE_TEXT, 2, true}, /* input, feature */
    {"type", FEAT_TYPE_TEXT, 3, true},
    {"view", FEAT_TYPE_TEXT, 4, false}, /* whose feature it is; NULL: an expression of the service */
    {"view_version", FEAT_TYPE_BIGINT, 5, false},
    {"comment", FEAT_TYPE_TEXT, 6, false},
};

static const feat_field derivation_columns[] = {
    {"name", FEAT_TYPE_TEXT, 1, true},
    {"type", FEAT_TYPE_TEXT, 2, true},
    {"expression", FEAT_TYPE_TEXT, 3, false}, /* NULL: not computed; its DEFAULT or NULL */
};

static bool in_list(const uint32_t *list, size_t n, size_t value) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == value) return true;
    return false;
}

static feat_status describe_table(show *s, uint32_t entry, const feat_notes *notes) {
    const feat_schema *table;
    FEAT_TRY(feat_entry_table(s->catalog, entry, &table, s->err));
    FEAT_TRY(feat_rows_new(table_columns, N_OF(table_columns), &s->rows, s->err));
    for (size_t i = 0; i < table->n_fields; i++) {
        const feat_field *field = &table->fields[i];
        if (table->dimension && i == table->ended) continue;
        const char *type = type_text(&s->catalog->arena, field->type);
        if (!type) return feat_fail_memory(s->err);
        feat_rows_text(s->rows, 0, field->name);
        feat_rows_text(s->rows, 1, type);
        feat_rows_int(s->rows, 2, in_list(table->key, table->n_key, i));
        feat_rows_int(s->rows, 3, i == table->time);
        feat_rows_int(s->rows, 4, in_list(table->unique, table->n_unique, i));
        feat_rows_int(s->rows, 5, field->not_null);
        feat_rows_text(s->rows, 6, field->default_sql);
        feat_rows_text(s->rows, 7, field->check_sql);
        feat_rows_text(s->rows, 8, feat_notes_column(notes, field->id, field->name));
        feat_rows_end_row(s->rows);
    }
    return FEAT_OK;
}

static feat_status put_column(show *s, const char *name, const char *role, feat_type type, const feat_notes *notes) {
    const char *text = type_text(&s->catalog->arena, type);
    if (!text) return feat_fail_memory(s->err);
    feat_rows_text(s->rows, 0, name);
    feat_rows_text(s->rows, 1, role);
    feat_rows_text(s->rows, 2, text);
    feat_rows_text(s->rows, s->rows->n_fields - 1, feat_notes_column(notes, 0, name));
    feat_rows_end_row(s->rows);
    return FEAT_OK;
}

static feat_status describe_view(show *s, uint32_t entry, const feat_notes *notes) {
    const feat_view *view;
    FEAT_TRY(feat_entry_view(s->catalog, entry, &view, s->err));
    FEAT_TRY(feat_rows_new(view_columns, N_OF(view_columns), &s->rows, s->err));
    for (size_t i = 0; i < view->n_key; i++)
        FEAT_TRY(put_column(s, view->key[i].name, "key", view->key[i].type, notes));
    for (size_t i = 0; i < view->n_features; i++)
        FEAT_TRY(put_column(s, view->features[i].name, "feature", view->features[i].type, notes));
    return FEAT_OK;
}

static feat_status describe_service(show *s, uint32_t entry, const feat_notes *notes) {
    const feat_service *service;
    FEAT_TRY(feat_entry_service(s->catalog, entry, &service, s->err));
    FEAT_TRY(feat_rows_new(service_columns, N_OF(service_columns), &s->rows, s->err));
    for (size_t i = 0; i < service->n_inputs; i++) {
        feat_rows_null(s->rows, 3);
        feat_rows_null(s->rows, 4);
        FEAT_TRY(put_column(s, service->inputs[i].name, "input", service->inputs[i].type, notes));
    }
    for (size_t i = 0; i < service->n_features; i++) {
        int32_t view = service->feature_view[i];
        if (view >= 0) {
            feat_rows_text(s->rows, 3, service->views[view].name);
            if (service->views[view].version) feat_rows_int(s->rows, 4, service->views[view].version);
            else feat_rows_null(s->rows, 4); /* a dimension, or a query of the service itself */
        } else {
            feat_rows_null(s->rows, 3);
            feat_rows_null(s->rows, 4);
        }
        FEAT_TRY(put_column(s, service->features[i].name, "feature", service->features[i].type, notes));
    }
    return FEAT_OK;
}

static feat_status describe_derivation(show *s, uint32_t entry, const feat_notes *notes) {
    const feat_derivation *d;
    (void)notes;
    FEAT_TRY(feat_entry_derivation(s->catalog, entry, &d, s->err));
    FEAT_TRY(feat_rows_new(derivation_columns, N_OF(derivation_columns), &s->rows, s->err));
    for (uint32_t i = 0; i < d->table->n_fields; i++) {
        const char *type = type_text(&s->catalog->arena, d->table->fields[i].type), *sql = NULL;
        if (!type) return feat_fail_memory(s->err);
        if (d->table->dimension && i == d->table->ended) continue;
        for (size_t k = 0; k < d->n_columns; k++)
            if (d->fields[k] == i) sql = d->sqls[k];
        feat_rows_text(s->rows, 0, d->table->fields[i].name);
        feat_rows_text(s->rows, 1, type);
        feat_rows_text(s->rows, 2, sql);
        feat_rows_end_row(s->rows);
    }
    return FEAT_OK;
}

/* ---- Names of definitions. ---- */

enum { KINDS = 4 }; /* of definitions */

/* Nothing has the name: suggests one of any kind, or of `object`. */
static feat_status unknown(const feat_catalog *c, const char *name, feat_error *err) {
    const char **names = feat_alloc_array(c->n, sizeof *names);
    size_t n = 0;
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < c->n; i++)
        if (c->entries[i].def.action == FEAT_DEF_CREATE && !c->entries[i].dropped) names[n++] = c->entries[i].def.name;
    const char *near = feat_sql_suggest(name, names, n);
    feat_free(names);
    return feat_fail(err, FEAT_NOT_FOUND, "there is no table, feature view, feature service or derivation '%.*s'%s%s%s",
                     feat_utf8_clip(name, 200), name, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

/* The newest entries of a name, by kind; a service may have the name of a table or a view. `object` NULL: any kind. */
static feat_status find_all(const feat_catalog *c, const char *object, const char *name, uint32_t found[KINDS],
                            feat_error *err) {
    static const feat_def_kind kinds[] = {FEAT_DEF_TABLE, FEAT_DEF_VIEW, FEAT_DEF_SERVICE, FEAT_DEF_DERIVATION};
    bool any = false;
    for (int k = 0; k < KINDS; k++) {
        bool wanted = !object || strcmp(object, feat_def_kind_name(kinds[k])) == 0 ||
                      (kinds[k] == FEAT_DEF_TABLE && strcmp(object, "dimension") == 0);
        found[k] = wanted ? feat_catalog_find(c, kinds[k], name) : FEAT_NO_ENTRY;
        any |= found[k] != FEAT_NO_ENTRY;
    }
    if (any) return FEAT_OK;
    for (int k = 0; object && k < KINDS; k++)
        if (strcmp(object, feat_def_kind_name(kinds[k])) == 0) return feat_catalog_unknown(c, kinds[k], name, err);
    return unknown(c, name, err);
}

static feat_status run_describe(show *s, const feat_ast_statement *statement) {
    static feat_status (*const describe[])(show *, uint32_t, const feat_notes *) = {
        describe_table, describe_view, describe_service, describe_derivation};
    uint32_t found[KINDS];
    feat_notes notes;
    feat_status status = find_all(s->catalog, statement->object, statement->name.text, found, s->err);
    if (status == FEAT_NOT_FOUND)
        feat_sql_locate_error(s->err, s->source.sql, s->source.length, statement->name.offset);
    FEAT_TRY(status);
    int k = 0;
    while (found[k] == FEAT_NO_ENTRY) k++;
    FEAT_TRY(read_notes(s, found[k], &notes));
    return describe[k](s, found[k], &notes);
}

/* ---- EXPLAIN. ---- */

static const feat_field explain_fields[] = {{"explanation", FEAT_TYPE_TEXT, 1, true}};

static feat_status explain_derivation(const feat_derivation *d, feat_explain_format format, feat_buffer *out,
                                      feat_error *err) {
    if (format == FEAT_EXPLAIN_JSON)
        return feat_fail(err, FEAT_ARGUMENT, "a derivation is explained as text; leave (FORMAT JSON) out");
    feat_explain_derivation(d, out);
    return FEAT_OK;
}

static feat_status explain_entry(feat_catalog *c, int kind, uint32_t entry, feat_explain_format format,
                                 feat_buffer *out, feat_error *err) {
    const feat_schema *table;
    const feat_view *view;
    const feat_service *service;
    const feat_derivation *derivation;
    if (kind == 0) {
        FEAT_TRY(feat_entry_table(c, entry, &table, err));
        feat_explain_table(table, format, out);
    } else if (kind == 1) {
        FEAT_TRY(feat_entry_view(c, entry, &view, err));
        feat_explain_view(view, format, out);
    } else if (kind == 2) {
        FEAT_TRY(feat_entry_service(c, entry, &service, err));
        feat_explain_service(service, format, out);
    } else {
        FEAT_TRY(feat_entry_derivation(c, entry, &derivation, err));
        FEAT_TRY(explain_derivation(derivation, format, out, err));
    }
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

/* Binds what a statement would define, and keeps nothing. */
static feat_status explain_new(const show *s, const feat_ast_statement *statement, feat_explain_format format,
                               feat_buffer *out) {
    feat_arena *arena = &s->catalog->arena;
    const feat_scope *scope;
    feat_schema *table = NULL;
    feat_view *view = NULL;
    feat_service *service = NULL;
    feat_derivation *derivation = NULL;
    FEAT_TRY(feat_catalog_scope(s->catalog, &scope, s->err));
    if (statement->kind == FEAT_AST_CREATE_VIEW) {
        FEAT_TRY(feat_bind_view(arena, &s->source, statement, scope, &view, s->err));
        feat_explain_view(view, format, out);
    } else if (statement->kind == FEAT_AST_CREATE_SERVICE) {
        FEAT_TRY(feat_bind_service(arena, &s->source, statement, scope, &service, s->err));
        feat_explain_service(service, format, out);
    } else if (statement->kind == FEAT_AST_CREATE_DERIVATION) {
        FEAT_TRY(feat_bind_derivation(arena, &s->source, statement, scope, &derivation, s->err));
        FEAT_TRY(explain_derivation(derivation, format, out, s->err));
    } else {
        FEAT_TRY(feat_bind_table(arena, &s->source, statement, &table, s->err));
        feat_explain_table(table, format, out);
    }
    return out->failed ? feat_fail_memory(s->err) : FEAT_OK;
}

/* A query alone is a feature view without a name, or a service if it reads the request. */
static feat_ast_statement query_statement(const feat_ast_statement *explain) {
    const feat_ast_select *select = explain->select;
    feat_ast_statement s = {.kind = FEAT_AST_CREATE_VIEW, .offset = select->offset, .end = explain->end};
    s.object = "feature view";
    s.name = (feat_ast_name){"query", select->offset};
    s.select = explain->select;
    if (select->n_sources > 0 && select->sources[0].request) {
        s.kind = FEAT_AST_CREATE_SERVICE;
        s.object = "feature service";
    }
    return s;
}

/* Text: a row for each line. JSON: one row. */
static void put_explanation(feat_rows *rows, const feat_buffer *text, feat_explain_format format) {
    const char *at = (const char *)text->data, *end = at + text->size;
    while (at < end) {
        const char *stop = format == FEAT_EXPLAIN_JSON ? end : memchr(at, '\n', (size_t)(end - at));
        const char *next = stop && stop < end ? stop + 1 : end;
        if (!stop) stop = end;
        feat_rows_textn(rows, 0, at, (size_t)(stop - at));
        feat_rows_end_row(rows);
        at = next;
    }
}

static feat_status run_explain(show *s, const feat_ast_statement *statement) {
    feat_explain_format format = statement->json ? FEAT_EXPLAIN_JSON : FEAT_EXPLAIN_TEXT;
    feat_status status = FEAT_OK;
    feat_buffer out;
    FEAT_TRY(feat_rows_new(explain_fields, N_OF(explain_fields), &s->rows, s->err));
    feat_buffer_init(&out);
    if (statement->select || statement->inner) {
        feat_ast_statement query;
        if (statement->select) query = query_statement(statement);
        status = explain_new(s, statement->select ? &query : statement->inner, format, &out);
        if (status == FEAT_OK) put_explanation(s->rows, &out, format);
    } else {
        uint32_t found[KINDS] = {FEAT_NO_ENTRY, FEAT_NO_ENTRY, FEAT_NO_ENTRY, FEAT_NO_ENTRY};
        status = find_all(s->catalog, statement->object, statement->name.text, found, s->err);
        if (status == FEAT_NOT_FOUND)
            feat_sql_locate_error(s->err, s->source.sql, s->source.length, statement->name.offset);
        for (int k = 0; k < KINDS && status == FEAT_OK; k++) {
            if (found[k] == FEAT_NO_ENTRY) continue;
            feat_buffer_clear(&out);
            status = explain_entry(s->catalog, k, found[k], format, &out, s->err);
            if (status == FEAT_OK) put_explanation(s->rows, &out, format);
        }
    }
    feat_buffer_done(&out);
    return status;
}

feat_status feat_explain_run(feat_db *db, const char *name, feat_buffer *out, feat_error *err) {
    feat_catalog *catalog = NULL;
    uint32_t found[KINDS];
    FEAT_TRY(feat_catalog_load(db, &catalog, err));
    feat_status status = find_all(catalog, NULL, name, found, err);
    for (int k = 0; k < KINDS && status == FEAT_OK; k++)
        if (found[k] != FEAT_NO_ENTRY) status = explain_entry(catalog, k, found[k], FEAT_EXPLAIN_TEXT, out, err);
    feat_catalog_unref(catalog);
    return status;
}

/* ---- Running. ---- */

static feat_status run(show *s) {
    feat_ast_script *script = NULL;
    FEAT_TRY(feat_sql_parse(&s->catalog->arena, s->source.sql, s->source.length, &script, s->err));
    if (script->n != 1)
        return feat_fail(s->err, FEAT_ARGUMENT, "feat_show answers one statement at a time; these are %zu", script->n);
    const feat_ast_statement *statement = script->statements[0];
    switch (statement->kind) {
    case FEAT_AST_SHOW: return run_show(s, statement);
    case FEAT_AST_DESCRIBE: return run_describe(s, statement);
    case FEAT_AST_EXPLAIN: return run_explain(s, statement);
    default:
        return feat_sql_fail(
            s->err, FEAT_DEFINITION, s->source.sql, s->source.length, statement->offset,
            "feat_show changes nothing: it answers SHOW, DESCRIBE and EXPLAIN; give this to feat_define");
    }
}

feat_status feat_show_run(feat_db *db, const char *sql, struct ArrowArrayStream *out, feat_error *err) {
    show s = {.db = db, .source = {sql, strlen(sql)}, .err = err};
    FEAT_TRY(feat_catalog_load(db, &s.catalog, err));
    feat_status status = run(&s);
    if (status == FEAT_OK) status = feat_rows_stream(s.rows, out, err);
    else feat_rows_free(s.rows);
    feat_catalog_unref(s.catalog);
    return status;
}
