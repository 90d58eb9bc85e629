/* Scripts of definitions: bound one after the other in a scope that grows, then made durable together. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "engine/catalog.h"
#include "sql/sql.h"

typedef struct script_run {
    feat_db *db;
    feat_catalog *catalog;
    feat_source source;
    feat_def *made;
    size_t n, capacity;
    feat_error *err;
} script_run;

static feat_status fail_at(script_run *r, const feat_ast_statement *s, feat_status code, const char *what) {
    return feat_sql_fail(r->err, code, r->source.sql, r->source.length, s->name.offset, "%s", what);
}

static uint32_t newest_number(const script_run *r, feat_def_kind kind, const char *name) {
    uint32_t number = 0;
    for (size_t i = 0; i < r->catalog->n_defs; i++)
        if (r->catalog->defs[i].kind == kind && strcasecmp(r->catalog->defs[i].name, name) == 0)
            number = r->catalog->defs[i].number;
    for (size_t i = 0; i < r->n; i++)
        if (r->made[i].kind == kind && strcasecmp(r->made[i].name, name) == 0) number = r->made[i].number;
    return number;
}

static feat_status add_def(script_run *r, feat_def def) {
    if (FEAT_GROW(r->made, r->capacity, r->n + 1) != 0) return feat_fail_memory(r->err);
    def.number = newest_number(r, def.kind, def.name) + 1;
    r->made[r->n++] = def;
    return FEAT_OK;
}

static feat_status run_table(script_run *r, const feat_ast_statement *s) {
    feat_arena *arena = &r->catalog->arena;
    feat_schema *table = NULL;
    bool failed, old_failed = false;
    FEAT_TRY(feat_bind_table(arena, &r->source, s, &table, r->err));
    if (feat_scope_view(&r->catalog->scope, table->name))
        return fail_at(r, s, FEAT_EXISTS, "a feature view has this name");
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    const feat_schema *old = feat_scope_table(&r->catalog->scope, table->name);
    if (old) {
        feat_digest there = feat_table_fingerprint(old, &old_failed);
        if (failed || old_failed) return feat_fail_memory(r->err);
        if (feat_digest_equal(&there, &fingerprint)) return FEAT_OK;
        return fail_at(r, s, FEAT_EXISTS,
                       "this table exists with other columns or keys; a table that holds data is not replaced");
    }
    if (failed) return feat_fail_memory(r->err);
    FEAT_TRY(feat_table_id_next(r->db, &table->table_id, r->err));
    feat_buffer record;
    feat_buffer_init(&record);
    feat_schema_pack(table, &record);
    char *bytes = record.failed ? NULL : feat_arena_strndup(arena, (const char *)record.data, record.size);
    size_t size = record.size;
    feat_buffer_done(&record);
    if (!bytes || feat_scope_add_table(&r->catalog->scope, table) != 0) return feat_fail_memory(r->err);
    return add_def(r, (feat_def){FEAT_DEF_TABLE, table->name, 0, fingerprint, bytes, size});
}

/* The text of one statement, which is what the catalog keeps of a view or a service. */
static feat_def query_def(const script_run *r, const feat_ast_statement *s, feat_def_kind kind,
                          feat_digest fingerprint) {
    return (feat_def){kind, s->name.text, 0, fingerprint, r->source.sql + s->offset, s->end - s->offset};
}

static feat_status run_view(script_run *r, const feat_ast_statement *s) {
    feat_view *view = NULL;
    FEAT_TRY(feat_bind_view(&r->catalog->arena, &r->source, s, &r->catalog->scope, &view, r->err));
    const feat_view *old = feat_scope_view(&r->catalog->scope, view->name);
    bool same = old && feat_digest_equal(&old->fingerprint, &view->fingerprint);
    feat_status status = FEAT_OK;
    if (feat_scope_table(&r->catalog->scope, view->name)) status = fail_at(r, s, FEAT_EXISTS, "a table has this name");
    else if (old && !same && !s->or_replace)
        status = fail_at(
            r, s, FEAT_EXISTS,
            "this feature view exists with another meaning; write CREATE OR REPLACE to make a new version of it");
    if (status != FEAT_OK || same) {
        feat_view_done(view);
        return status;
    }
    if (feat_scope_add_view(&r->catalog->scope, view) != 0) {
        feat_view_done(view);
        return feat_fail_memory(r->err);
    }
    return add_def(r, query_def(r, s, FEAT_DEF_VIEW, view->fingerprint));
}

static feat_status run_service(script_run *r, const feat_ast_statement *s) {
    feat_service *service = NULL;
    FEAT_TRY(feat_bind_service(&r->catalog->arena, &r->source, s, &r->catalog->scope, &service, r->err));
    const feat_service *old = feat_scope_service(&r->catalog->scope, service->name);
    bool same = old && feat_digest_equal(&old->fingerprint, &service->fingerprint);
    feat_status status = FEAT_OK;
    if (old && !same && !s->or_replace)
        status = fail_at(
            r, s, FEAT_EXISTS,
            "this feature service exists with another meaning; write CREATE OR REPLACE to make a new version of it");
    if (status != FEAT_OK || same) {
        feat_service_done(service);
        return status;
    }
    if (feat_scope_add_service(&r->catalog->scope, service) != 0) {
        feat_service_done(service);
        return feat_fail_memory(r->err);
    }
    return add_def(r, query_def(r, s, FEAT_DEF_SERVICE, service->fingerprint));
}

static feat_status run_statement(script_run *r, const feat_ast_statement *s) {
    switch (s->kind) {
    case FEAT_AST_CREATE_TABLE: return run_table(r, s);
    case FEAT_AST_CREATE_VIEW: return run_view(r, s);
    case FEAT_AST_CREATE_SERVICE: return run_service(r, s);
    case FEAT_AST_CREATE_DIMENSION:
        return fail_at(r, s, FEAT_DEFINITION, "CREATE DIMENSION is not supported; use CREATE TABLE");
    case FEAT_AST_DROP:
        return fail_at(r, s, FEAT_DEFINITION,
                       "DROP is not supported: old versions of data and definitions stay readable");
    case FEAT_AST_ALTER:
        return fail_at(r, s, FEAT_DEFINITION,
                       "ALTER TABLE is not supported: a table keeps the columns it was made with");
    case FEAT_AST_COMMENT:
        return fail_at(r, s, FEAT_DEFINITION, "COMMENT ON is not supported; write WITH (description = '...')");
    case FEAT_AST_EXPLAIN:
    case FEAT_AST_SHOW:
    case FEAT_AST_DESCRIBE:
        return feat_sql_fail(
            r->err, FEAT_DEFINITION, r->source.sql, r->source.length, s->offset,
            "a script of definitions asks nothing; feat_explain explains a definition, feat_history lists commits");
    }
    return feat_fail(r->err, FEAT_INTERNAL, "unknown kind of statement");
}

feat_status feat_script_run(feat_db *db, const char *sql, feat_error *err) {
    script_run r = {.db = db, .source = {sql, strlen(sql)}, .err = err};
    feat_ast_script *script = NULL;
    FEAT_TRY(feat_catalog_load(db, &r.catalog, err));
    feat_status status = feat_sql_parse(&r.catalog->arena, sql, r.source.length, &script, err);
    for (size_t i = 0; status == FEAT_OK && i < script->n; i++) status = run_statement(&r, script->statements[i]);
    if (status == FEAT_OK && r.n > 0) status = feat_defs_commit(db, r.made, r.n, err);
    feat_free(r.made);
    feat_catalog_unref(r.catalog);
    return status;
}
