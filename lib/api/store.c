/* Opening a store, defining what it holds, and explaining it. */
#include "feat/store.h"

#include "api/handle.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/fpenv.h"
#include "column/utf8.h"
#include "engine/engine.h"
#include "sql/sql.h"

feat_status feat_open(const char *path, const feat_open_options *opt, feat_store **store, feat_error *err) {
    feat_open_options options = FEAT_OPEN_OPTIONS_INIT;
    if (!path || !store) return feat_fail(err, FEAT_ARGUMENT, "feat_open: path and store must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT, "feat_open: the options' size is not one that this library knows");
    if (opt) options = *opt;
    if (options.mode != FEAT_MODE_CREATE && options.mode != FEAT_MODE_WRITE && options.mode != FEAT_MODE_READ)
        return feat_fail(err, FEAT_ARGUMENT, "feat_open: %d is no mode", (int)options.mode);
    feat_store *s = feat_alloc_zero(1, sizeof *s);
    if (!s) return feat_fail_memory(err);
    feat_status status = feat_db_open(path, options.mode, &s->db, err);
    if (status != FEAT_OK) {
        feat_free(s);
        return status;
    }
    s->busy_timeout_ms = options.busy_timeout_ms;
    *store = s;
    return FEAT_OK;
}

void feat_close(feat_store *store) {
    if (!store) return;
    feat_db_unref(store->db);
    feat_free(store);
}

feat_status feat_define(feat_store *store, const char *sql, feat_error *err) {
    if (!store || !sql) return feat_fail(err, FEAT_ARGUMENT, "feat_define: store and sql must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_db_lock(store->db, store->busy_timeout_ms, err));
    feat_fpenv saved;
    feat_fpenv_enter(&saved); /* constants are folded */
    feat_status status = feat_script_run(store->db, sql, err);
    feat_fpenv_leave(&saved);
    feat_db_unlock(store->db);
    return status;
}

/* ---- Explain. ---- */

static feat_status not_found(const feat_scope *scope, const char *name, feat_error *err) {
    size_t n = 0;
    const char **names = feat_alloc_array(scope->n_tables + scope->n_views + scope->n_services, sizeof *names);
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < scope->n_tables; i++) names[n++] = scope->tables[i]->name;
    for (size_t i = 0; i < scope->n_views; i++) names[n++] = scope->views[i]->name;
    for (size_t i = 0; i < scope->n_services; i++) names[n++] = scope->services[i]->name;
    const char *near = feat_sql_suggest(name, names, n);
    feat_free(names);
    return feat_fail(err, FEAT_NOT_FOUND, "there is no table, feature view or feature service '%.*s'%s%s%s",
                     feat_utf8_clip(name, 200), name, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

static feat_status explain(const feat_scope *scope, const char *name, feat_buffer *out, feat_error *err) {
    const feat_schema *table = feat_scope_table(scope, name);
    const feat_view *view = feat_scope_view(scope, name);
    const feat_service *service = feat_scope_service(scope, name);
    if (!table && !view && !service) return not_found(scope, name, err);
    /* A service may have the name of a table or a view: both are explained then. */
    if (table) feat_explain_table(table, out);
    if (view) feat_explain_view(view, out);
    if (service) feat_explain_service(service, out);
    return FEAT_OK;
}

feat_status feat_explain(feat_store *store, const char *name, char **text, feat_error *err) {
    if (!store || !name || !text)
        return feat_fail(err, FEAT_ARGUMENT, "feat_explain: store, name and text must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    feat_catalog *catalog = NULL;
    feat_buffer out;
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_buffer_init(&out);
    feat_status status = feat_catalog_load(store->db, &catalog, err);
    if (status == FEAT_OK) status = explain(feat_catalog_scope(catalog), name, &out, err);
    if (status == FEAT_OK) {
        char *taken = feat_buffer_take_text(&out);
        if (taken) *text = taken;
        else status = feat_fail_memory(err);
    }
    feat_buffer_done(&out);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    return status;
}
