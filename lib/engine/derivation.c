/* Derivations in the catalog: a record of a few numbers and the text of the statement, which is bound anew when it is
 * run. */
#include "engine/derivation.h"

#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "column/utf8.h"
#include "engine/uses.h"
#include "exec/exec.h"
#include "sql/sql.h"

#define FORM 1

void feat_derivation_pack(const feat_derivation *d, feat_buffer *out) {
    feat_pack_array(out, 4);
    feat_pack_uint(out, FORM);
    feat_pack_uint(out, d->source->table_id);
    feat_pack_uint(out, d->table->table_id);
    feat_pack_text(out, d->text);
}

void feat_derivation_pack_reads(const feat_derivation *d, feat_buffer *out) {
    uint32_t a = d->source->table_id, b = d->table->table_id;
    uint32_t tables[2] = {a < b ? a : b, a < b ? b : a};
    feat_reads_pack(&(feat_reads){.tables = tables, .n_tables = 2}, out);
}

/* ---- Reading. ---- */

static feat_status corrupt(const feat_catalog *c, uint32_t entry, const char *why, feat_error *err) {
    const char *name = c->entries[entry].def.name;
    return feat_fail(err, FEAT_CORRUPT,
                     "derivation '%.*s': its definition is damaged (%s); restore the store from a copy",
                     feat_utf8_clip(name, 200), name, why);
}

typedef struct record {
    uint32_t source_id, table_id;
    const char *text;
    size_t length;
} record;

static feat_status read_record(feat_catalog *c, uint32_t entry, record *out, feat_error *err) {
    feat_bytes bytes;
    feat_cursor in;
    FEAT_TRY(feat_entry_part(c, entry, FEAT_DEF_FORM, &bytes, err));
    feat_cursor_init(&in, bytes.bytes, bytes.size);
    uint32_t parts = feat_unpack_array(&in);
    uint64_t form = feat_unpack_uint(&in), source = feat_unpack_uint(&in), table = feat_unpack_uint(&in);
    out->text = feat_unpack_text(&in, &out->length);
    if (in.failed || parts != 4 || form != FORM || source > UINT32_MAX || table > UINT32_MAX || in.at != in.end ||
        memchr(out->text, 0, out->length))
        return corrupt(c, entry, "its record", err);
    out->source_id = (uint32_t)source;
    out->table_id = (uint32_t)table;
    return FEAT_OK;
}

static feat_status bind_record(feat_catalog *c, uint32_t entry, const record *r, feat_derivation **out,
                               feat_error *err) {
    feat_ast_script *script = NULL;
    feat_source source = {r->text, r->length};
    feat_scope scope = {.fold = feat_fold_op};
    feat_status status = feat_sql_parse(&c->arena, source.sql, source.length, &script, err);
    if (status == FEAT_OK && (script->n != 1 || script->statements[0]->kind != FEAT_AST_CREATE_DERIVATION))
        return corrupt(c, entry, "its text", err);
    for (int i = 0; i < 2 && status == FEAT_OK; i++) {
        const feat_ast_select *select = script->statements[0]->select;
        const char *name = i == 1              ? script->statements[0]->target.text
                           : select->n_sources ? select->sources[0].name
                                               : NULL;
        const feat_schema *table;
        if (!name || feat_catalog_find(c, FEAT_DEF_TABLE, name) == FEAT_NO_ENTRY)
            status = corrupt(c, entry, "a table of it is not there", err);
        if (status == FEAT_OK) status = feat_catalog_table(c, name, &table, err);
        if (status == FEAT_OK && feat_scope_add_table(&scope, table) != 0) status = feat_fail_memory(err);
    }
    if (status == FEAT_OK) status = feat_bind_derivation(&c->arena, &source, script->statements[0], &scope, out, err);
    feat_scope_done(&scope);
    return status;
}

feat_status feat_entry_derivation(feat_catalog *c, uint32_t entry, const feat_derivation **out, feat_error *err) {
    feat_entry *e = &c->entries[entry];
    feat_derivation *d = NULL;
    record r;
    if (!e->derivation) {
        FEAT_TRY(read_record(c, entry, &r, err));
        FEAT_TRY(bind_record(c, entry, &r, &d, err));
        if (d->source->table_id != r.source_id || d->table->table_id != r.table_id ||
            feat_name_compare(d->name, e->def.name) != 0)
            return corrupt(c, entry, "it is another's", err);
        d->version = e->def.number;
        e->derivation = d;
    }
    *out = e->derivation;
    return FEAT_OK;
}

feat_status feat_entry_target(feat_catalog *c, uint32_t entry, uint32_t *table_id, feat_error *err) {
    record r;
    if (c->entries[entry].derivation) {
        *table_id = c->entries[entry].derivation->table->table_id;
        return FEAT_OK;
    }
    FEAT_TRY(read_record(c, entry, &r, err));
    *table_id = r.table_id;
    return FEAT_OK;
}

feat_status feat_catalog_derivation_into(feat_catalog *c, uint32_t table_id, uint32_t *entry, feat_error *err) {
    for (uint32_t i = 0; i < c->n; i++) {
        const feat_def *def = &c->entries[i].def;
        uint32_t target;
        if (def->kind != FEAT_DEF_DERIVATION || feat_catalog_find(c, FEAT_DEF_DERIVATION, def->name) != i) continue;
        FEAT_TRY(feat_entry_target(c, i, &target, err));
        if (target != table_id) continue;
        *entry = i;
        return FEAT_OK;
    }
    *entry = FEAT_NO_ENTRY;
    return FEAT_OK;
}

/* ---- What others ask. ---- */

static bool uses_field(const feat_schema *table, const bool *used, uint32_t column_id) {
    for (size_t i = 0; i < table->n_fields; i++)
        if (table->fields[i].id == column_id) return used[i];
    return false;
}

feat_status feat_derivation_uses(feat_catalog *c, uint32_t entry, uint32_t table_id, uint32_t column_id, bool *uses,
                                 feat_error *err) {
    const feat_derivation *d;
    FEAT_TRY(feat_entry_derivation(c, entry, &d, err));
    *uses = (d->source->table_id == table_id && uses_field(d->source, d->reads, column_id)) ||
            (d->table->table_id == table_id && uses_field(d->table, d->writes, column_id));
    return FEAT_OK;
}

feat_status feat_derivation_check_write(feat_catalog *c, const feat_schema *table, feat_error *err) {
    uint32_t owner;
    FEAT_TRY(feat_catalog_derivation_into(c, table->table_id, &owner, err));
    if (owner == FEAT_NO_ENTRY) return FEAT_OK;
    const char *name = c->entries[owner].def.name;
    return feat_fail(err, FEAT_ARGUMENT,
                     "table '%.*s' is filled by derivation '%.*s' and by nothing else; write what it is derived from, "
                     "or drop the derivation",
                     feat_utf8_clip(table->name, 200), table->name, feat_utf8_clip(name, 200), name);
}
