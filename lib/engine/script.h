/* A script of definitions while it runs: the catalog grows in memory and is made durable at the end. */
#ifndef FEAT_LIB_SCRIPT_H
#define FEAT_LIB_SCRIPT_H

#include "engine/catalog.h"
#include "engine/notes.h"
#include "sql/sql.h"

typedef struct feat_script {
    feat_db *db;
    feat_catalog *catalog;
    feat_source source;
    feat_error *err;
} feat_script;

/* Fails at the name of a statement. */
feat_status feat_script_fail(const feat_script *script, const feat_ast_statement *s, feat_status code,
                             const char *format, ...) FEAT_PRINTF(4, 5);
/* What is noted about a name whose newest version is `entry`, and what shall be. */
feat_status feat_script_notes(const feat_script *script, uint32_t entry, feat_notes *notes);
feat_status feat_script_set_notes(const feat_script *script, uint32_t entry, const feat_notes *notes);
/* Adds a version of a table, which is its record. */
feat_status feat_script_add_table(const feat_script *script, const feat_ast_statement *s, const feat_schema *table);

/* DROP, ALTER and COMMENT (change.c). */
feat_status feat_script_drop(const feat_script *script, const feat_ast_statement *s);
feat_status feat_script_alter(const feat_script *script, const feat_ast_statement *s);
feat_status feat_script_comment(const feat_script *script, const feat_ast_statement *s);

/* The deployed versions of services, by name; none for a reader of a store that never deployed. */
struct feat_online_service;
feat_status feat_deployed_list(feat_db *db, feat_arena *arena, const struct feat_online_service **services, size_t *n,
                               feat_error *err);

#endif
