#include "engine/evolve.h"

#include <string.h>

#include "column/utf8.h"
#include "engine/catalog.h"

void feat_evolution_done(feat_evolution *e) {
    feat_arena_done(&e->arena);
    feat_buffer_done(&e->form);
}

static feat_status new_field(feat_evolution *e, const feat_schema *table, const feat_arrow_in *in, size_t i,
                             feat_field *field, feat_error *err) {
    const char *name = feat_arrow_in_name(in, i);
    int shown = feat_utf8_clip(name, 200);
    *field = (feat_field){.name = feat_arena_strndup(&e->arena, name, strlen(name))};
    if (!field->name) return feat_fail_memory(err);
    if (!name[0] || strcmp(name, FEAT_ENDED_NAME) == 0 || !feat_utf8_valid(name, strlen(name)))
        return feat_fail(err, FEAT_SCHEMA, "table '%s': a column cannot be called '%.*s'", table->name, shown, name);
    if (!feat_arrow_in_type(in, i, &field->type))
        return feat_fail(
            err, FEAT_SCHEMA,
            "table '%s': no column can be made for '%.*s', whose Arrow type (format '%.50s') is that of no "
            "type here; convert it, or leave it out",
            table->name, shown, name, feat_arrow_in_schema(in)->children[i]->format);
    return FEAT_OK;
}

/* The entry of the log that says what the table has become. */
static feat_status define(feat_evolution *e, feat_db *db, feat_error *err) {
    feat_catalog *catalog = NULL;
    bool failed = false;
    FEAT_TRY(feat_catalog_load(db, &catalog, err));
    e->def =
        (feat_def){.kind = FEAT_DEF_TABLE, .action = FEAT_DEF_CREATE, .name = e->table->name, .id = e->table->table_id};
    e->def.number = feat_catalog_last_number(catalog, FEAT_DEF_TABLE, e->table->name) + 1;
    feat_catalog_unref(catalog);
    e->def.fingerprint = feat_table_fingerprint(e->table, &failed);
    feat_schema_pack(e->table, &e->form);
    if (failed || e->form.failed) return feat_fail_memory(err);
    e->def.parts[FEAT_DEF_FORM] = (feat_bytes){e->form.data, e->form.size};
    return FEAT_OK;
}

feat_status feat_evolve(feat_db *db, const feat_schema *table, const feat_arrow_in *in, feat_evolution *e,
                        feat_error *err) {
    size_t n = feat_arrow_in_columns(in), n_new = 0;
    *e = (feat_evolution){.table = table};
    feat_arena_init(&e->arena);
    feat_buffer_init(&e->form);
    feat_field *fields = feat_arena_array(&e->arena, n, sizeof *fields);
    if (!fields) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        /* What is meant for a column that exists keeps to its type: a write says so when it does not. */
        if (feat_schema_find(table, feat_arrow_in_name(in, i)) >= 0) continue;
        FEAT_TRY(new_field(e, table, in, i, &fields[n_new], err));
        n_new++;
    }
    if (n_new == 0) return FEAT_OK;
    feat_schema *evolved = NULL;
    FEAT_TRY(feat_alter_add_nullable(&e->arena, table, fields, n_new, &evolved, err));
    e->table = evolved;
    e->any = true;
    return define(e, db, err);
}
