/* The catalog in memory. Definitions are bound again in the order in which they were made, so each finds the tables and
 * views that it found then; its fingerprint proves it. */
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "engine/catalog.h"
#include "sql/sql.h"

feat_status feat_catalog_new(feat_catalog **catalog, feat_error *err) {
    feat_catalog *c = feat_alloc_zero(1, sizeof *c);
    if (!c) return feat_fail_memory(err);
    atomic_init(&c->references, 1);
    feat_arena_init(&c->arena);
    *catalog = c;
    return FEAT_OK;
}

feat_catalog *feat_catalog_ref(feat_catalog *catalog) {
    atomic_fetch_add(&catalog->references, 1);
    return catalog;
}

void feat_catalog_unref(feat_catalog *catalog) {
    if (!catalog || atomic_fetch_sub(&catalog->references, 1) != 1) return;
    for (size_t i = 0; i < catalog->scope.n_views; i++) feat_view_done((feat_view *)catalog->scope.views[i]);
    for (size_t i = 0; i < catalog->scope.n_services; i++)
        feat_service_done((feat_service *)catalog->scope.services[i]);
    feat_scope_done(&catalog->scope);
    feat_arena_done(&catalog->arena);
    feat_free(catalog);
}

const feat_scope *feat_catalog_scope(const feat_catalog *catalog) { return &catalog->scope; }

/* ---- Loading. ---- */

static feat_status check_fingerprint(const feat_def *def, const feat_digest *bound, feat_error *err) {
    if (feat_digest_equal(&def->fingerprint, bound)) return FEAT_OK;
    return feat_fail(err, FEAT_FORMAT,
                     "the definition of '%s' does not mean to this version of libfeat what it meant when it was made; "
                     "open the store with that version",
                     def->name);
}

static feat_status load_table(feat_catalog *c, const feat_def *def, feat_error *err) {
    feat_cursor in;
    feat_schema *table = NULL;
    bool failed;
    feat_cursor_init(&in, def->record, def->record_size);
    FEAT_TRY(feat_schema_unpack(&c->arena, &in, &table, err));
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed || feat_scope_add_table(&c->scope, table) != 0) return feat_fail_memory(err);
    return check_fingerprint(def, &fingerprint, err);
}

static feat_status load_query(feat_catalog *c, const feat_def *def, feat_error *err) {
    feat_ast_script *script = NULL;
    feat_source source = {def->record, def->record_size};
    FEAT_TRY(feat_sql_parse(&c->arena, source.sql, source.length, &script, err));
    if (script->n != 1 ||
        script->statements[0]->kind != (def->kind == FEAT_DEF_VIEW ? FEAT_AST_CREATE_VIEW : FEAT_AST_CREATE_SERVICE))
        return feat_fail(err, FEAT_CORRUPT, "catalog: the record of '%s' is no definition", def->name);
    if (def->kind == FEAT_DEF_VIEW) {
        feat_view *view = NULL;
        FEAT_TRY(feat_bind_view(&c->arena, &source, script->statements[0], &c->scope, &view, err));
        if (feat_scope_add_view(&c->scope, view) != 0) {
            feat_view_done(view);
            return feat_fail_memory(err);
        }
        return check_fingerprint(def, &view->fingerprint, err);
    }
    feat_service *service = NULL;
    FEAT_TRY(feat_bind_service(&c->arena, &source, script->statements[0], &c->scope, &service, err));
    if (feat_scope_add_service(&c->scope, service) != 0) {
        feat_service_done(service);
        return feat_fail_memory(err);
    }
    return check_fingerprint(def, &service->fingerprint, err);
}

feat_status feat_catalog_load(feat_db *db, feat_catalog **catalog, feat_error *err) {
    feat_catalog *c = NULL;
    feat_def *defs = NULL;
    size_t n = 0;
    FEAT_TRY(feat_catalog_new(&c, err));
    feat_status status = feat_defs_load(db, &c->arena, &defs, &n, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        if (defs[i].kind == FEAT_DEF_TABLE) status = load_table(c, &defs[i], err);
        else if (defs[i].kind == FEAT_DEF_VIEW || defs[i].kind == FEAT_DEF_SERVICE)
            status = load_query(c, &defs[i], err);
    }
    c->defs = defs;
    c->n_defs = n;
    if (status != FEAT_OK) {
        feat_catalog_unref(c);
        return status;
    }
    *catalog = c;
    return FEAT_OK;
}

/* ---- Looking things up. ---- */

static feat_status not_found(const feat_catalog *c, feat_def_kind kind, const char *what, const char *name,
                             feat_error *err) {
    const char **names = feat_alloc_array(c->n_defs, sizeof *names);
    size_t n = 0;
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == kind) names[n++] = c->defs[i].name;
    const char *near = feat_sql_suggest(name, names, n);
    feat_free(names);
    return feat_fail(err, FEAT_NOT_FOUND, "there is no %s '%.200s'%s%s%s", what, name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
}

feat_status feat_catalog_table(const feat_catalog *c, const char *name, const feat_schema **table, feat_error *err) {
    const feat_schema *found = feat_scope_table(&c->scope, name);
    if (!found) return not_found(c, FEAT_DEF_TABLE, "table", name, err);
    *table = found;
    return FEAT_OK;
}

feat_status feat_catalog_service(const feat_catalog *c, const char *name, const feat_service **service,
                                 feat_error *err) {
    const feat_service *found = feat_scope_service(&c->scope, name);
    if (!found) return not_found(c, FEAT_DEF_SERVICE, "feature service", name, err);
    *service = found;
    return FEAT_OK;
}

const feat_view *feat_catalog_view_of(const feat_catalog *c, const feat_digest *fingerprint) {
    for (size_t i = 0; i < c->scope.n_views; i++)
        if (feat_digest_equal(&c->scope.views[i]->fingerprint, fingerprint)) return c->scope.views[i];
    return NULL;
}

const feat_service *feat_catalog_service_of(const feat_catalog *c, const feat_digest *fingerprint) {
    for (size_t i = 0; i < c->scope.n_services; i++)
        if (feat_digest_equal(&c->scope.services[i]->fingerprint, fingerprint)) return c->scope.services[i];
    return NULL;
}

const feat_schema *feat_catalog_table_of(const feat_catalog *c, uint32_t table_id) {
    for (size_t i = 0; i < c->scope.n_tables; i++)
        if (c->scope.tables[i]->table_id == table_id) return c->scope.tables[i];
    return NULL;
}
