/* The inside of the catalog, for the files that define, drop and show. */
#ifndef FEAT_LIB_ENGINE_CATALOG_H
#define FEAT_LIB_ENGINE_CATALOG_H

#include <stdatomic.h>

#include "engine/engine.h"
#include "plan/derivation.h"

#define FEAT_NO_ENTRY UINT32_MAX

/* What a definition reads: numbers of tables, entries of views. Both rise; views were defined earlier. */
typedef struct feat_reads {
    uint32_t *tables;
    size_t n_tables;
    uint32_t *views;
    size_t n_views;
} feat_reads;

/* An entry of the log, and what has been loaded of it. Entries that a script adds hold their bytes themselves. */
typedef struct feat_entry {
    feat_def def;
    uint32_t previous; /* entry of the same kind and name, or FEAT_NO_ENTRY */
    bool dropped, pending;
    const feat_schema *table;
    const feat_view *view;
    const feat_service *service, *program;
    const feat_derivation *derivation;
    const feat_reads *reads;
    bool notes_changed; /* by the script, of the newest version of a name */
    feat_bytes notes;
} feat_entry;

struct feat_catalog {
    _Atomic size_t references;
    feat_db *db;
    feat_arena arena;
    feat_entry *entries; /* entry i is number i + 1 of the log */
    size_t n, capacity, n_stored;
    uint32_t *names, *ids; /* open addressing: newest entry of a kind and name, of a table's number; index + 1 */
    size_t slots;
    feat_scope scope;
    bool scope_ready;
};

/* "feature view 'x'"; static storage for the kind alone. */
const char *feat_def_kind_name(feat_def_kind kind);

/* The newest version of a kind and name that is not dropped, or FEAT_NO_ENTRY. */
uint32_t feat_catalog_find(const feat_catalog *catalog, feat_def_kind kind, const char *name);
/* A version of it that is not dropped, or FEAT_NO_ENTRY. */
uint32_t feat_catalog_find_version(const feat_catalog *catalog, feat_def_kind kind, const char *name, uint32_t number);
/* The greatest number that the name ever had; 0: none. */
uint32_t feat_catalog_last_number(const feat_catalog *catalog, feat_def_kind kind, const char *name);
/* Adds an entry behind the others. FEAT_DEF_DROP marks the versions that it drops. */
feat_status feat_catalog_add(feat_catalog *catalog, const feat_def *def, feat_error *err);
/* FEAT_NOT_FOUND for a name, with a near one. */
feat_status feat_catalog_unknown(const feat_catalog *catalog, feat_def_kind kind, const char *name, feat_error *err);

/* What an entry holds, loaded when it is not yet. */
feat_status feat_entry_table(feat_catalog *catalog, uint32_t entry, const feat_schema **table, feat_error *err);
feat_status feat_entry_view(feat_catalog *catalog, uint32_t entry, const feat_view **view, feat_error *err);
feat_status feat_entry_service(feat_catalog *catalog, uint32_t entry, const feat_service **service, feat_error *err);
feat_status feat_entry_derivation(feat_catalog *catalog, uint32_t entry, const feat_derivation **derivation,
                                  feat_error *err);
/* The entry of the derivation that fills a table, or FEAT_NO_ENTRY. */
feat_status feat_catalog_derivation_into(feat_catalog *catalog, uint32_t table_id, uint32_t *entry, feat_error *err);
/* Of a derivation, also of one that was dropped: the number of the table that it fills. */
feat_status feat_entry_target(feat_catalog *catalog, uint32_t entry, uint32_t *table_id, feat_error *err);
feat_status feat_entry_reads(feat_catalog *catalog, uint32_t entry, const feat_reads **reads, feat_error *err);
feat_status feat_entry_part(feat_catalog *catalog, uint32_t entry, feat_def_part part, feat_bytes *bytes,
                            feat_error *err);
/* The description of the name whose newest version `entry` is, as packed (notes.h); empty when there is none. */
feat_status feat_entry_notes(feat_catalog *catalog, uint32_t entry, feat_bytes *bytes, feat_error *err);
/* Forgets what was loaded from forms: they are bound to a table that changed. */
void feat_catalog_forget(feat_catalog *catalog);

#endif
