/* DROP, ALTER and COMMENT: what changes or ends a definition, and who is in its way. */
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "engine/derivation.h"
#include "engine/script.h"
#include "engine/uses.h"
#include "online/state.h"

/* ---- What a statement is about. ---- */

static feat_def_kind kind_of(const char *object) {
    if (strcmp(object, "feature view") == 0) return FEAT_DEF_VIEW;
    if (strcmp(object, "derivation") == 0) return FEAT_DEF_DERIVATION;
    return strcmp(object, "feature service") == 0 ? FEAT_DEF_SERVICE : FEAT_DEF_TABLE;
}

/* The newest version of the name, or FEAT_NO_ENTRY with IF EXISTS. A table and a dimension are told apart. */
static feat_status find_subject(const feat_script *r, const feat_ast_statement *s, uint32_t *entry) {
    feat_catalog *c = r->catalog;
    feat_def_kind kind = kind_of(s->object);
    *entry = feat_catalog_find(c, kind, s->name.text);
    if (*entry == FEAT_NO_ENTRY) {
        if (s->if_exists) return FEAT_OK;
        feat_status status = feat_catalog_unknown(c, kind, s->name.text, r->err);
        feat_sql_locate_error(r->err, r->source.sql, r->source.length, s->name.offset);
        return status;
    }
    if (kind == FEAT_DEF_TABLE) {
        const feat_schema *table;
        FEAT_TRY(feat_entry_table(c, *entry, &table, r->err));
        if (table->dimension != (strcmp(s->object, "dimension") == 0))
            return feat_script_fail(r, s, FEAT_DEFINITION,
                                    table->dimension ? "this is a dimension; write DIMENSION"
                                                     : "this is a table; write TABLE");
    }
    return FEAT_OK;
}

/* Fails with `message` and the list of what is marked, if anything is. */
static feat_status refuse_marked(const feat_script *r, const feat_ast_statement *s, const uint8_t *marked,
                                 const uint8_t *live, const char *message) {
    if (!memchr(marked, 1, r->catalog->n)) return FEAT_OK;
    feat_buffer list;
    feat_buffer_init(&list);
    feat_status status = feat_catalog_list(r->catalog, marked, live, &list, r->err);
    char *text = status == FEAT_OK ? feat_buffer_take_text(&list) : NULL;
    feat_buffer_done(&list);
    FEAT_TRY(status);
    if (!text) return feat_fail_memory(r->err);
    status = feat_script_fail(r, s, FEAT_DEFINITION, "%s: %s", message, text);
    feat_free(text);
    return status;
}

/* ---- DROP. ---- */

static bool contains(const uint32_t *list, size_t n, uint32_t value) {
    size_t low = 0;
    while (low < n) { /* the list rises */
        size_t middle = low + (n - low) / 2;
        if (list[middle] == value) return true;
        if (list[middle] < value) low = middle + 1;
        else n = middle;
    }
    return false;
}

/* Marks the live definitions that read the subject, themselves or through views. */
static feat_status mark_readers(const feat_script *r, uint32_t subject, const uint8_t *live, uint8_t *marked) {
    feat_catalog *c = r->catalog;
    feat_def_kind kind = c->entries[subject].def.kind;
    const char *name = c->entries[subject].def.name;
    uint32_t id = c->entries[subject].def.id;
    for (uint32_t i = 0; i < c->n; i++) { /* readers come after what they read */
        const feat_entry *e = &c->entries[i];
        const feat_reads *reads;
        if (!live[i] || e->def.kind == FEAT_DEF_TABLE) continue;
        if (kind == e->def.kind && feat_name_compare(e->def.name, name) == 0) continue;
        FEAT_TRY(feat_entry_reads(c, i, &reads, r->err));
        if (kind == FEAT_DEF_TABLE && contains(reads->tables, reads->n_tables, id)) marked[i] = 1;
        for (size_t k = 0; k < reads->n_views && !marked[i]; k++) {
            const feat_def *view = &c->entries[reads->views[k]].def;
            if (marked[reads->views[k]] || (kind == FEAT_DEF_VIEW && feat_name_compare(view->name, name) == 0))
                marked[i] = 1;
        }
    }
    return FEAT_OK;
}

feat_status feat_deployed_list(feat_db *db, feat_arena *arena, const feat_online_service **services, size_t *n,
                               feat_error *err) {
    feat_env *env;
    MDB_txn *txn;
    feat_online_meta meta = {0};
    feat_error inner = {0};
    *services = NULL;
    *n = 0;
    feat_status status = feat_db_online(db, &env, &inner);
    if (status == FEAT_NOT_FOUND) return FEAT_OK;
    if (status != FEAT_OK) {
        if (err) *err = inner;
        return status;
    }
    FEAT_TRY(feat_env_begin(env, false, &txn, err));
    status = feat_online_meta_read(env, txn, arena, &meta, err);
    feat_env_abort(txn);
    FEAT_TRY(status);
    *services = meta.services;
    *n = meta.n_services;
    return FEAT_OK;
}

static feat_status check_not_deployed(const feat_script *r, const feat_ast_statement *s) {
    const feat_online_service *deployed;
    size_t n;
    FEAT_TRY(feat_deployed_list(r->db, &r->catalog->arena, &deployed, &n, r->err));
    for (size_t i = 0; i < n; i++)
        if (feat_name_compare(deployed[i].name, s->name.text) == 0)
            return feat_script_fail(r, s, FEAT_DEFINITION,
                                    "this feature service is deployed; call feat_undeploy first");
    return FEAT_OK;
}

static feat_status check_drop(const feat_script *r, const feat_ast_statement *s, uint32_t subject) {
    feat_catalog *c = r->catalog;
    if (c->entries[subject].def.kind == FEAT_DEF_SERVICE) return check_not_deployed(r, s);
    uint8_t *live = feat_alloc_zero(c->n, 1), *marked = feat_alloc_zero(c->n, 1);
    feat_status status = live && marked ? feat_catalog_live(c, live, r->err) : feat_fail_memory(r->err);
    if (status == FEAT_OK) status = mark_readers(r, subject, live, marked);
    if (status == FEAT_OK) status = refuse_marked(r, s, marked, live, "definitions use it and must be dropped first");
    feat_free(live);
    feat_free(marked);
    return status;
}

feat_status feat_script_drop(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    uint32_t subject;
    FEAT_TRY(find_subject(r, s, &subject));
    if (subject == FEAT_NO_ENTRY) return FEAT_OK;
    FEAT_TRY(check_drop(r, s, subject));
    feat_def def = {.kind = c->entries[subject].def.kind,
                    .action = FEAT_DEF_DROP,
                    .name = c->entries[subject].def.name,
                    .number = c->entries[subject].def.number,
                    .id = c->entries[subject].def.id};
    FEAT_TRY(feat_catalog_add(c, &def, r->err));
    c->entries[c->n - 1].pending = true;
    c->scope_ready = false; /* the next definition must not see it */
    return FEAT_OK;
}

/* ---- ALTER. ---- */

static feat_status mark_column_users(const feat_script *r, uint32_t table_id, uint32_t column_id, bool rename,
                                     const uint8_t *live, uint8_t *marked) {
    feat_catalog *c = r->catalog;
    for (uint32_t i = 0; i < c->n; i++) {
        const feat_reads *reads;
        const feat_view *view;
        const feat_service *service;
        bool found = false;
        if (!live[i] || c->entries[i].def.kind == FEAT_DEF_TABLE) continue;
        FEAT_TRY(feat_entry_reads(c, i, &reads, r->err));
        if (!contains(reads->tables, reads->n_tables, table_id)) continue;
        if (c->entries[i].def.kind == FEAT_DEF_DERIVATION) {
            FEAT_TRY(feat_derivation_uses(c, i, table_id, column_id, &found, r->err));
        } else if (rename) {
            continue; /* views and services know columns by their ids */
        } else if (c->entries[i].def.kind == FEAT_DEF_VIEW) {
            FEAT_TRY(feat_entry_view(c, i, &view, r->err));
            FEAT_TRY(feat_stage_reads_column(&view->stage, table_id, column_id, &found, r->err));
        } else {
            FEAT_TRY(feat_entry_service(c, i, &service, r->err));
            FEAT_TRY(feat_stage_reads_column(&service->stage, table_id, column_id, &found, r->err));
        }
        marked[i] = found;
    }
    return FEAT_OK;
}

/* A column that a definition uses keeps its place and its type; one that a derivation uses keeps its name too, which
 * its text says. */
static feat_status check_alter(const feat_script *r, const feat_ast_statement *s, const feat_schema *table) {
    feat_catalog *c = r->catalog;
    if (s->alter == FEAT_AST_ADD_COLUMN) return FEAT_OK;
    int field = feat_schema_find(table, s->column.text);
    if (field < 0) return FEAT_OK; /* feat_alter_table says so */
    uint8_t *live = feat_alloc_zero(c->n, 1), *marked = feat_alloc_zero(c->n, 1);
    feat_status status = live && marked ? feat_catalog_live(c, live, r->err) : feat_fail_memory(r->err);
    if (status == FEAT_OK)
        status = mark_column_users(r, table->table_id, table->fields[field].id, s->alter == FEAT_AST_RENAME_COLUMN,
                                   live, marked);
    if (status == FEAT_OK)
        status =
            refuse_marked(r, s, marked, live,
                          s->alter == FEAT_AST_DROP_COLUMN ? "definitions use this column and must be dropped first"
                          : s->alter == FEAT_AST_RENAME_COLUMN
                              ? "derivations use this column by its name; drop them first"
                              : "definitions use this column, and its type is part of their meaning; drop them first");
    feat_free(live);
    feat_free(marked);
    return status;
}

feat_status feat_script_alter(const feat_script *r, const feat_ast_statement *s) {
    feat_catalog *c = r->catalog;
    const feat_schema *table;
    feat_schema *altered = NULL;
    uint32_t subject;
    FEAT_TRY(find_subject(r, s, &subject));
    FEAT_TRY(feat_entry_table(c, subject, &table, r->err));
    FEAT_TRY(check_alter(r, s, table));
    FEAT_TRY(feat_alter_table(&c->arena, table, s, &r->source, &altered, r->err));
    FEAT_TRY(feat_script_add_table(r, s, altered));
    c->entries[c->n - 1].notes_changed = c->entries[subject].notes_changed;
    c->entries[c->n - 1].notes = c->entries[subject].notes;
    feat_catalog_forget(c);
    return FEAT_OK;
}

/* ---- COMMENT. ---- */

static bool has_output(const feat_output *outputs, size_t n, const char *name, const char **found) {
    for (size_t i = 0; i < n; i++)
        if (feat_name_compare(outputs[i].name, name) == 0) {
            *found = outputs[i].name;
            return true;
        }
    return false;
}

static bool has_field(const feat_field *fields, size_t n, const char *name, const char **found) {
    for (size_t i = 0; i < n; i++)
        if (feat_name_compare(fields[i].name, name) == 0) {
            *found = fields[i].name;
            return true;
        }
    return false;
}

/* The column of an entry: its id in a table, its name elsewhere. */
static feat_status find_column(const feat_script *r, const feat_ast_statement *s, uint32_t entry, uint32_t *id,
                               const char **name) {
    feat_catalog *c = r->catalog;
    const char *wanted = s->column.text;
    bool found;
    *id = 0;
    if (c->entries[entry].def.kind == FEAT_DEF_TABLE) {
        const feat_schema *table;
        FEAT_TRY(feat_entry_table(c, entry, &table, r->err));
        int field = feat_schema_find(table, wanted);
        found = field >= 0 && !(table->dimension && (uint32_t)field == table->ended);
        if (found) *id = table->fields[field].id;
    } else if (c->entries[entry].def.kind == FEAT_DEF_VIEW) {
        const feat_view *view;
        FEAT_TRY(feat_entry_view(c, entry, &view, r->err));
        found = has_field(view->key, view->n_key, wanted, name) ||
                has_output(view->features, view->n_features, wanted, name);
    } else {
        const feat_service *service;
        FEAT_TRY(feat_entry_service(c, entry, &service, r->err));
        found = has_field(service->inputs, service->n_inputs, wanted, name) ||
                has_output(service->features, service->n_features, wanted, name);
    }
    if (found) return FEAT_OK;
    return feat_sql_fail(r->err, FEAT_NOT_FOUND, r->source.sql, r->source.length, s->column.offset,
                         "%s '%.*s' has no column '%.*s'", feat_def_kind_name(c->entries[entry].def.kind),
                         feat_utf8_clip(s->name.text, 200), s->name.text, feat_utf8_clip(wanted, 200), wanted);
}

static feat_status comment_column(const feat_script *r, const feat_ast_statement *s, const char *text) {
    static const feat_def_kind kinds[] = {FEAT_DEF_TABLE, FEAT_DEF_VIEW, FEAT_DEF_SERVICE};
    feat_catalog *c = r->catalog;
    uint32_t entry = FEAT_NO_ENTRY, id;
    const char *name = NULL;
    feat_notes notes;
    for (size_t k = 0; k < 3 && entry == FEAT_NO_ENTRY; k++) entry = feat_catalog_find(c, kinds[k], s->name.text);
    if (entry == FEAT_NO_ENTRY)
        return feat_script_fail(r, s, FEAT_NOT_FOUND, "there is no table, feature view or feature service '%.*s'",
                                feat_utf8_clip(s->name.text, 200), s->name.text);
    FEAT_TRY(find_column(r, s, entry, &id, &name));
    FEAT_TRY(feat_script_notes(r, entry, &notes));
    FEAT_TRY(feat_notes_set_column(&c->arena, &notes, id, name, text, r->err));
    return feat_script_set_notes(r, entry, &notes);
}

/* The comment on a definition is its description. */
feat_status feat_script_comment(const feat_script *r, const feat_ast_statement *s) {
    feat_notes notes;
    uint32_t entry;
    if (s->comment && memchr(s->comment, 0, s->comment_length))
        return feat_script_fail(r, s, FEAT_DEFINITION, "this comment holds a NUL character");
    const char *text = s->comment ? feat_arena_strndup(&r->catalog->arena, s->comment, s->comment_length) : NULL;
    if (s->comment && !text) return feat_fail_memory(r->err);
    if (strcmp(s->object, "column") == 0) return comment_column(r, s, text);
    FEAT_TRY(find_subject(r, s, &entry));
    FEAT_TRY(feat_script_notes(r, entry, &notes));
    notes.description = text;
    return feat_script_set_notes(r, entry, &notes);
}
