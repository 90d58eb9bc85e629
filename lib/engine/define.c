/* Scripts of definitions: statements are carried out one after the other in the catalog in memory, so that later ones
 * see earlier ones; the log takes what they added in one transaction, or nothing. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "engine/derivation.h"
#include "engine/layer.h"
#include "engine/script.h"
#include "engine/uses.h"
#include "plan/layer.h"

feat_status feat_script_fail(const feat_script *r, const feat_ast_statement *s, feat_status code, const char *format,
                             ...) {
    char message[FEAT_ERROR_MESSAGE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return feat_sql_fail(r->err, code, r->source.sql, r->source.length, s->name.offset, "%s", message);
}

/* ---- Notes. ---- */

feat_status feat_script_notes(const feat_script *r, uint32_t entry, feat_notes *notes) {
    feat_bytes bytes;
    FEAT_TRY(feat_entry_notes(r->catalog, entry, &bytes, r->err));
    return feat_notes_unpack(&r->catalog->arena, bytes, notes, r->err);
}

/* Moves the bytes of a buffer into the arena. */
static feat_status keep(feat_arena *arena, feat_buffer *buffer, feat_bytes *out, feat_error *err) {
    void *copy = buffer->failed ? NULL : feat_arena_alloc(arena, buffer->size);
    if (copy && buffer->size) memcpy(copy, buffer->data, buffer->size);
    *out = (feat_bytes){copy, buffer->size};
    feat_buffer_done(buffer);
    return copy ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_script_set_notes(const feat_script *r, uint32_t entry, const feat_notes *notes) {
    feat_buffer out;
    feat_buffer_init(&out);
    feat_notes_pack(notes, &out);
    FEAT_TRY(keep(&r->catalog->arena, &out, &r->catalog->entries[entry].notes, r->err));
    r->catalog->entries[entry].notes_changed = true;
    return FEAT_OK;
}

/* A definition is what its text says: what it does not say is not noted either. */
static feat_status note_options(const feat_script *r, const feat_ast_statement *s, uint32_t entry) {
    feat_notes notes = {0};
    FEAT_TRY(feat_notes_take_options(&r->catalog->arena, &r->source, s, &notes, r->err));
    return feat_script_set_notes(r, entry, &notes);
}

/* ---- Adding. ---- */

static feat_status add(const feat_script *r, const feat_ast_statement *s, feat_def *def) {
    feat_catalog *c = r->catalog;
    def->action = FEAT_DEF_CREATE;
    def->parts[FEAT_DEF_TEXT] = (feat_bytes){r->source.sql + s->offset, s->end - s->offset};
    FEAT_TRY(feat_catalog_add(c, def, r->err));
    c->entries[c->n - 1].pending = true;
    return FEAT_OK;
}

feat_status feat_script_add_table(const feat_script *r, const feat_ast_statement *s, const feat_schema *table) {
    feat_catalog *c = r->catalog;
    feat_def def = {.kind = FEAT_DEF_TABLE, .name = table->name, .id = table->table_id};
    bool failed = false;
    feat_buffer form;
    def.number = feat_catalog_last_number(c, FEAT_DEF_TABLE, table->name) + 1;
    def.fingerprint = feat_table_fingerprint(table, &failed);
    feat_buffer_init(&form);
    feat_schema_pack(table, &form);
    FEAT_TRY(keep(&c->arena, &form, &def.parts[FEAT_DEF_FORM], r->err));
    if (failed) return feat_fail_memory(r->err);
    FEAT_TRY(add(r, s, &def));
    c->entries[c->n - 1].table = table;
    if (c->scope_ready && feat_scope_add_table(&c->scope, table) != 0) return feat_fail_memory(r->err);
    return FEAT_OK;
}

/* ---- CREATE TABLE and CREATE DIMENSION. ---- */

static feat_status run_table(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    feat_schema *table = NULL;
    bool failed = false;
    FEAT_TRY(feat_bind_table(&c->arena, &r->source, s, &table, r->err));
    if (feat_catalog_find(c, FEAT_DEF_VIEW, table->name) != FEAT_NO_ENTRY)
        return feat_script_fail(r, s, FEAT_EXISTS, "a feature view has this name");
    uint32_t old = feat_catalog_find(c, FEAT_DEF_TABLE, table->name);
    if (old == FEAT_NO_ENTRY) {
        FEAT_TRY(feat_table_id_next(r->db, &table->table_id, r->err));
        FEAT_TRY(feat_script_add_table(r, s, table));
        return note_options(r, s, (uint32_t)c->n - 1);
    }
    feat_digest fingerprint = feat_table_fingerprint(table, &failed);
    if (failed) return feat_fail_memory(r->err);
    if (!feat_digest_equal(&fingerprint, &c->entries[old].def.fingerprint))
        return feat_script_fail(
            r, s, FEAT_EXISTS,
            "this table exists with other columns or keys; a table that holds data is not replaced: "
            "write ALTER TABLE to change its columns");
    return s->or_replace ? note_options(r, s, old) : FEAT_OK;
}

/* ---- CREATE FEATURE VIEW. ---- */

/* Fails when the view, which replaces one of its name, reads a view that reads that one: nobody could say which of the
 * two a definition made later gets. */
static feat_status check_cycle(const feat_script *r, const feat_ast_statement *s, const feat_reads *direct) {
    feat_catalog *c = r->catalog;
    uint32_t *through = feat_alloc_array(c->n, sizeof *through); /* 0: not read; 1: directly; 2 + i: by entry i */
    if (!through) return feat_fail_memory(r->err);
    memset(through, 0, c->n * sizeof *through);
    for (size_t k = 0; k < direct->n_views; k++) through[direct->views[k]] = 1;
    feat_status status = FEAT_OK;
    for (uint32_t i = (uint32_t)c->n; i-- > 0 && status == FEAT_OK;) {
        const feat_reads *reads;
        if (!through[i]) continue;
        if (feat_name_compare(c->entries[i].def.name, s->name.text) == 0) {
            feat_buffer path;
            feat_buffer_init(&path);
            for (uint32_t at = i; through[at] >= 2 && path.size < 400;) {
                at = through[at] - 2;
                feat_buffer_printf(&path, ", which '%.*s' reads", feat_utf8_clip(c->entries[at].def.name, 100),
                                   c->entries[at].def.name);
            }
            char *text = feat_buffer_take_text(&path);
            status =
                text ? feat_script_fail(r, s, FEAT_DEFINITION,
                                        "this feature view would read itself: it reads '%.*s'%s; give it a new name, "
                                        "or define what lies between anew",
                                        feat_utf8_clip(s->name.text, 100), s->name.text, text)
                     : feat_fail_memory(r->err);
            feat_free(text);
            break;
        }
        status = feat_entry_reads(c, i, &reads, r->err);
        for (size_t k = 0; status == FEAT_OK && k < reads->n_views; k++)
            if (!through[reads->views[k]]) through[reads->views[k]] = i + 2;
    }
    feat_free(through);
    return status;
}

/* Gives a view or a service (the other is NULL) its number and adds it. */
static feat_status add_query(const feat_script *r, const feat_ast_statement *s, feat_view *view, feat_service *service,
                             const feat_reads *reads) {
    feat_catalog *c = r->catalog;
    feat_def def = {.kind = view ? FEAT_DEF_VIEW : FEAT_DEF_SERVICE, .name = s->name.text};
    def.fingerprint = view ? view->fingerprint : service->fingerprint;
    def.number = feat_catalog_last_number(c, def.kind, def.name) + 1;
    *(view ? &view->version : &service->version) = def.number;
    feat_buffer form, program, uses;
    feat_buffer_init(&form);
    feat_buffer_init(&program);
    feat_buffer_init(&uses);
    feat_status status = view ? feat_view_pack(view, &form, r->err) : feat_service_pack(service, &form, r->err);
    if (status == FEAT_OK && service) status = feat_program_pack(service, &program, r->err);
    feat_reads_pack(reads, &uses);
    feat_arena *arena = &c->arena;
    feat_error *err = status == FEAT_OK ? r->err : NULL; /* the first one is reported */
    feat_status kept = keep(arena, &form, &def.parts[FEAT_DEF_FORM], err);
    if (kept == FEAT_OK) kept = keep(arena, &uses, &def.parts[FEAT_DEF_USES], err);
    else feat_buffer_done(&uses);
    if (kept == FEAT_OK) kept = keep(arena, &program, &def.parts[FEAT_DEF_PROGRAM], err);
    else feat_buffer_done(&program);
    FEAT_TRY(status);
    FEAT_TRY(kept);
    FEAT_TRY(add(r, s, &def));
    feat_entry *e = &c->entries[c->n - 1];
    e->reads = reads;
    e->view = view;
    e->service = service;
    if (view && c->scope_ready && feat_scope_add_view(&c->scope, view) != 0) return feat_fail_memory(r->err);
    return note_options(r, s, (uint32_t)c->n - 1);
}

/* Whether the newest version of the name means the same; FEAT_EXISTS when it does not and must not be replaced. */
static feat_status compare_old(const feat_script *r, const feat_ast_statement *s, uint32_t old, feat_def_kind kind,
                               const feat_digest *fingerprint, bool *same) {
    *same = old != FEAT_NO_ENTRY && feat_digest_equal(&r->catalog->entries[old].def.fingerprint, fingerprint);
    if (old == FEAT_NO_ENTRY || *same || s->or_replace) return FEAT_OK;
    return feat_script_fail(r, s, FEAT_EXISTS,
                            "this %s exists with another meaning; write CREATE OR REPLACE to make a new version of it",
                            feat_def_kind_name(kind));
}

static feat_status run_view(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    feat_view *view = NULL;
    feat_reads *reads = NULL;
    const feat_scope *scope;
    bool same;
    FEAT_TRY(feat_catalog_scope(c, &scope, r->err));
    FEAT_TRY(feat_bind_view(&c->arena, &r->source, s, scope, &view, r->err));
    if (feat_catalog_find(c, FEAT_DEF_TABLE, s->name.text) != FEAT_NO_ENTRY)
        return feat_script_fail(r, s, FEAT_EXISTS, "a table has this name");
    uint32_t old = feat_catalog_find(c, FEAT_DEF_VIEW, s->name.text);
    FEAT_TRY(compare_old(r, s, old, FEAT_DEF_VIEW, &view->fingerprint, &same));
    if (same) return s->or_replace ? note_options(r, s, old) : FEAT_OK;
    FEAT_TRY(feat_reads_of(c, view, NULL, &reads, r->err));
    if (old != FEAT_NO_ENTRY) FEAT_TRY(check_cycle(r, s, reads));
    return add_query(r, s, view, NULL, reads);
}

/* ---- CREATE FEATURE SERVICE. ---- */

/* What a service reads MATERIALIZED is a table, which may have to be made first. */
static feat_status make_layers(const feat_script *r, const feat_ast_statement *s, const feat_scope *scope) {
    for (size_t i = 0; s->select && i < s->select->n_sources; i++) {
        const feat_ast_source *source = &s->select->sources[i];
        const feat_view *view = source->materialized && source->name ? feat_scope_view(scope, source->name) : NULL;
        const feat_schema *layer;
        if (view) FEAT_TRY(feat_layer_table(r->db, r->catalog, view, &layer, r->err));
    }
    return FEAT_OK;
}

static feat_status run_service(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    feat_service *service = NULL;
    feat_reads *reads = NULL;
    const feat_scope *scope;
    bool same;
    FEAT_TRY(feat_catalog_scope(c, &scope, r->err));
    FEAT_TRY(make_layers(r, s, scope));
    FEAT_TRY(feat_bind_service(&c->arena, &r->source, s, scope, &service, r->err));
    uint32_t old = feat_catalog_find(c, FEAT_DEF_SERVICE, s->name.text);
    FEAT_TRY(compare_old(r, s, old, FEAT_DEF_SERVICE, &service->fingerprint, &same));
    if (same) return s->or_replace ? note_options(r, s, old) : FEAT_OK;
    FEAT_TRY(feat_reads_of(c, NULL, service, &reads, r->err));
    return add_query(r, s, NULL, service, reads);
}

/* ---- CREATE DERIVATION. ---- */

/* The rows of a table come from one derivation: what is in it can then be made again, and only that. */
static feat_status check_owner(const feat_script *r, const feat_ast_statement *s, const feat_derivation *d) {
    feat_catalog *c = r->catalog;
    uint32_t owner;
    FEAT_TRY(feat_catalog_derivation_into(c, d->table->table_id, &owner, r->err));
    if (owner == FEAT_NO_ENTRY || feat_name_compare(c->entries[owner].def.name, d->name) == 0) return FEAT_OK;
    return feat_script_fail(
        r, s, FEAT_EXISTS,
        "table '%.*s' is filled by derivation '%.*s'; a table has one derivation: drop that one, or "
        "derive into a table of its own",
        feat_utf8_clip(d->table->name, 100), d->table->name, feat_utf8_clip(c->entries[owner].def.name, 100),
        c->entries[owner].def.name);
}

static feat_status run_derivation(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    feat_derivation *d = NULL;
    const feat_scope *scope;
    feat_buffer form, uses;
    bool same;
    FEAT_TRY(feat_catalog_scope(c, &scope, r->err));
    FEAT_TRY(feat_bind_derivation(&c->arena, &r->source, s, scope, &d, r->err));
    uint32_t old = feat_catalog_find(c, FEAT_DEF_DERIVATION, d->name);
    FEAT_TRY(compare_old(r, s, old, FEAT_DEF_DERIVATION, &d->fingerprint, &same));
    if (same) return s->or_replace ? note_options(r, s, old) : FEAT_OK;
    FEAT_TRY(check_owner(r, s, d));
    d->version = feat_catalog_last_number(c, FEAT_DEF_DERIVATION, d->name) + 1;
    feat_def def = {.kind = FEAT_DEF_DERIVATION, .name = d->name, .number = d->version, .fingerprint = d->fingerprint};
    feat_buffer_init(&form);
    feat_buffer_init(&uses);
    feat_derivation_pack(d, &form);
    feat_derivation_pack_reads(d, &uses);
    feat_status status = keep(&c->arena, &form, &def.parts[FEAT_DEF_FORM], r->err);
    if (status == FEAT_OK) status = keep(&c->arena, &uses, &def.parts[FEAT_DEF_USES], r->err);
    else feat_buffer_done(&uses);
    FEAT_TRY(status);
    FEAT_TRY(add(r, s, &def));
    c->entries[c->n - 1].derivation = d;
    return note_options(r, s, (uint32_t)c->n - 1);
}

/* ---- The script. ---- */

/* Layers are the library's: nobody else makes, changes or drops one. */
static feat_status check_name(const feat_script *r, const feat_ast_statement *s) {
    if (!s->name.text || !feat_layer_is(s->name.text)) return FEAT_OK;
    return feat_script_fail(r, s, FEAT_DEFINITION,
                            "a name that ends in '$' and a fingerprint is that of the layer of a feature view, which "
                            "is made and kept with the view");
}

static feat_status run_statement(const feat_script *r, const feat_ast_statement *s) {
    FEAT_TRY(check_name(r, s));
    switch (s->kind) {
    case FEAT_AST_CREATE_TABLE:
    case FEAT_AST_CREATE_DIMENSION: return run_table(r, s);
    case FEAT_AST_CREATE_VIEW: return run_view(r, s);
    case FEAT_AST_CREATE_SERVICE: return run_service(r, s);
    case FEAT_AST_CREATE_DERIVATION: return run_derivation(r, s);
    case FEAT_AST_DROP: return feat_script_drop(r, s);
    case FEAT_AST_ALTER: return feat_script_alter(r, s);
    case FEAT_AST_COMMENT: return feat_script_comment(r, s);
    case FEAT_AST_EXPLAIN:
    case FEAT_AST_SHOW:
    case FEAT_AST_DESCRIBE:
        return feat_sql_fail(r->err, FEAT_DEFINITION, r->source.sql, r->source.length, s->offset,
                             "a script of definitions answers nothing; give SHOW, DESCRIBE and EXPLAIN to feat_show");
    }
    return feat_fail(r->err, FEAT_INTERNAL, "unknown kind of statement");
}

/* Adds what is noted now and was not before. */
static feat_status add_notes(const feat_script *r) {
    feat_catalog *c = r->catalog;
    for (uint32_t i = 0, n = (uint32_t)c->n; i < n; i++) {
        feat_entry *e = &c->entries[i];
        feat_bytes before, now = e->notes;
        if (!e->notes_changed || e->dropped || feat_catalog_find(c, e->def.kind, e->def.name) != i) continue;
        e->notes_changed = false;
        FEAT_TRY(feat_entry_notes(c, i, &before, r->err));
        if (before.size == now.size && (now.size == 0 || memcmp(before.bytes, now.bytes, now.size) == 0)) continue;
        feat_def def = {.kind = e->def.kind, .action = FEAT_DEF_DESCRIBE, .name = e->def.name};
        def.parts[FEAT_DEF_NOTES] = now;
        FEAT_TRY(feat_catalog_add(c, &def, r->err));
        c->entries[c->n - 1].pending = true;
    }
    return FEAT_OK;
}

static feat_status commit(const feat_script *r) {
    feat_catalog *c = r->catalog;
    size_t n = c->n - c->n_stored;
    if (n == 0) return FEAT_OK;
    feat_def *defs = feat_alloc_array(n, sizeof *defs);
    if (!defs) return feat_fail_memory(r->err);
    for (size_t i = 0; i < n; i++) defs[i] = c->entries[c->n_stored + i].def;
    feat_status status = feat_defs_commit(r->db, defs, n, r->err);
    feat_free(defs);
    return status;
}

feat_status feat_script_run(feat_db *db, const char *sql, feat_error *err) {
    feat_script r = {.db = db, .source = {sql, strlen(sql)}, .err = err};
    feat_ast_script *script = NULL;
    FEAT_TRY(feat_catalog_load(db, &r.catalog, err));
    feat_status status = feat_sql_parse(&r.catalog->arena, sql, r.source.length, &script, err);
    for (size_t i = 0; status == FEAT_OK && i < script->n; i++) status = run_statement(&r, script->statements[i]);
    if (status == FEAT_OK) status = add_notes(&r);
    if (status == FEAT_OK) status = commit(&r);
    feat_catalog_unref(r.catalog);
    return status;
}
