/* What a store does, above storage and execution: definitions, writes, scans, training sets, deployment. */
#ifndef FEAT_LIB_ENGINE_H
#define FEAT_LIB_ENGINE_H

#include "base/arena.h"
#include "base/error.h"
#include "feat/arrow.h"
#include "feat/snapshot.h"
#include "feat/training.h"
#include "feat/verify.h"
#include "feat/write.h"
#include "plan/plan.h"
#include "store/store.h"

/* ---- The catalog in memory: names first, definitions when they are asked for. Counted; one thread at a time. What it
 * hands out is borrowed from it. ---- */

typedef struct feat_catalog feat_catalog;

feat_status feat_catalog_load(feat_db *db, feat_catalog **catalog, feat_error *err);
feat_catalog *feat_catalog_ref(feat_catalog *catalog);
void feat_catalog_unref(feat_catalog *catalog);
/* The newest version of every table and view: what a statement can refer to. */
feat_status feat_catalog_scope(feat_catalog *catalog, const feat_scope **scope, feat_error *err);
/* The newest definition of a name; FEAT_NOT_FOUND suggests a near one, FEAT_CORRUPT names the definition. */
feat_status feat_catalog_table(feat_catalog *catalog, const char *name, const feat_schema **table, feat_error *err);
feat_status feat_catalog_view(feat_catalog *catalog, const char *name, const feat_view **view, feat_error *err);
feat_status feat_catalog_service(feat_catalog *catalog, const char *name, const feat_service **service,
                                 feat_error *err);
/* One version of a service: by number (0: any), by fingerprint (NULL: any); the newest that fits. FEAT_NOT_FOUND lists
 * what there is. The second gives the fingerprint alone. */
feat_status feat_catalog_service_at(feat_catalog *catalog, const char *name, uint32_t version,
                                    const feat_digest *fingerprint, const feat_service **service, feat_error *err);
feat_status feat_catalog_resolve_service(feat_catalog *catalog, const char *name, uint32_t version,
                                         const feat_digest *wanted, feat_digest *fingerprint, feat_error *err);
/* By fingerprint, also when it was replaced or dropped: the definition, and what running it needs, which is quicker to
 * load. FEAT_NOT_FOUND when the catalog has none. */
feat_status feat_catalog_service_of(feat_catalog *catalog, const feat_digest *fingerprint, const feat_service **service,
                                    feat_error *err);
feat_status feat_catalog_program_of(feat_catalog *catalog, const feat_digest *fingerprint, const feat_service **service,
                                    feat_error *err);
/* The newest schema of a table by number, also when it was dropped; NULL when there is none or it is damaged. */
const feat_schema *feat_catalog_table_of(feat_catalog *catalog, uint32_t table_id);
/* The schema of a table as it was after `revision` changes of it. */
feat_status feat_catalog_table_version(feat_catalog *catalog, uint32_t table_id, uint32_t revision,
                                       const feat_schema **table, feat_error *err);

/* Runs a script of definitions: all of it or none. The lock must be held. */
feat_status feat_script_run(feat_db *db, const char *sql, feat_error *err);

/* The table that ALTER TABLE `s` makes of `old`; memory from `arena`. Whether definitions use what it changes has been
 * looked at already. */
feat_status feat_alter_table(feat_arena *arena, const feat_schema *old, const struct feat_ast_statement *s,
                             const feat_source *source, feat_schema **table, feat_error *err);

/* The table with more columns, NULL in the rows that it has; of a field its name and its type are looked at.
 * FEAT_SCHEMA when two have one name. */
feat_status feat_alter_add_nullable(feat_arena *arena, const feat_schema *old, const feat_field *fields, size_t n,
                                    feat_schema **table, feat_error *err);

/* SHOW, DESCRIBE or EXPLAIN, as rows. */
feat_status feat_show_run(feat_db *db, const char *sql, struct ArrowArrayStream *out, feat_error *err);
/* The newest definitions called `name`, explained. */
feat_status feat_explain_run(feat_db *db, const char *name, feat_buffer *out, feat_error *err);

/* ---- Writing. The lock must be held. The stream is released in every case. ---- */
feat_status feat_ingest(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                        const feat_write_options *opt, feat_commit *done, feat_error *err);
/* As part of a transaction: `done` has no version and no known time, but where the call is a repeated one. A failure
 * leaves the transaction as it was. */
feat_status feat_ingest_in(feat_transaction *t, const feat_schema *table, struct ArrowArrayStream *rows,
                           const feat_write_options *opt, feat_commit *done, feat_error *err);

/* Puts what a table held at a version in the place of what it holds. The lock must be held. */
feat_status feat_restore_table(feat_db *db, const feat_schema *table, uint64_t version, int64_t known_at,
                               feat_commit *done, feat_error *err);

/* Small segments of a table (NULL: of every table) become larger ones, in one commit. The lock must be held. */
feat_status feat_compact_tables(feat_db *db, feat_catalog *catalog, const char *name, feat_commit *done,
                                feat_error *err);

/* See feat_verify. */
feat_status feat_verify_run(feat_db *db, const feat_verify_options *options, struct ArrowArrayStream *findings,
                            feat_verified *done, feat_error *err);

/* Creates a table called `name` with the columns and rows that another had at a version. The lock must be held. */
feat_status feat_clone_table(feat_db *db, feat_catalog *catalog, const feat_schema *source, uint64_t version,
                             const char *name, int64_t known_at, feat_commit *done, feat_error *err);

/* ---- Reading. The streams hold references to what they need. ---- */
feat_status feat_scan(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t version,
                      const char *const *columns, size_t n_columns, bool ended, struct ArrowArrayStream *out,
                      feat_error *err);
/* What scans for entities of one table at one version have in common. */
typedef struct feat_scan_known {
    feat_table_version *version; /* NULL: nothing is known yet */
    struct feat_segment_ends *ends;
} feat_scan_known;
void feat_scan_known_done(feat_scan_known *known);
/* For the thread that calls it; `known` is one thread's at a time. */
feat_status feat_scan_known_copy(const feat_scan_known *known, feat_scan_known *copy, feat_error *err);
/* As the options say, whose size is right; opt->entities is released in every case. `known` may be NULL; what is in it,
 * of this very `table`, is used up, and where nothing is and entities are asked for it is filled. */
feat_status feat_scan_rows(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t version,
                           const feat_scan_options *opt, feat_scan_known *known, struct ArrowArrayStream *out,
                           feat_error *err);
/* The schema that a version shows of a table: that of its last commit, or the newest where that commit is the newest.
 */
feat_status feat_table_at(feat_db *db, feat_catalog *catalog, const feat_schema *newest, uint64_t version,
                          const feat_schema **table, feat_error *err);
/* `table` NULL: all commits. */
feat_status feat_history_stream(feat_db *db, feat_catalog *catalog, const feat_schema *table,
                                struct ArrowArrayStream *out, feat_error *err);

/* Names of versions, and those that are pinned. */
feat_status feat_tags_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err);
feat_status feat_pins_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err);
feat_status feat_branches_stream(feat_db *db, struct ArrowArrayStream *out, feat_error *err);

/* Removes the versions that nothing needs of those below both the newest `keep_versions` and what was the newest at
 * `keep_from`. The lock must be held. */
feat_status feat_vacuum_run(feat_db *db, feat_catalog *catalog, uint64_t keep_versions, int64_t keep_from, bool dry_run,
                            feat_retained *done, feat_error *err);

/* ---- Training sets. The spine is released in every case. ---- */
feat_status feat_training_build(feat_db *db, feat_catalog *catalog, const feat_service *service, uint64_t version,
                                struct ArrowArrayStream *spine, const feat_training_options *opt,
                                struct ArrowArrayStream *out, feat_error *err);

/* Statistics of a training set as text. */
void feat_training_describe(const feat_training_stats *stats, feat_buffer *out);

/* ---- Online state. The lock must be held. ---- */
feat_status feat_deploy_service(feat_db *db, feat_catalog *catalog, const feat_service *service, feat_error *err);
/* Every deployed version of a service, and the states that no other deployed service needs. */
feat_status feat_undeploy_service(feat_db *db, feat_catalog *catalog, const char *name, feat_error *err);
/* Brings the state of every deployed service from the position that it has applied to the newest version. */
feat_status feat_online_catch_up(feat_db *db, feat_catalog *catalog, feat_error *err);

#endif
