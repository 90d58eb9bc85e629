/* What a store does, above storage and execution: definitions, writes, scans, training sets, deployment. */
#ifndef FEAT_LIB_ENGINE_H
#define FEAT_LIB_ENGINE_H

#include "base/arena.h"
#include "base/error.h"
#include "feat/arrow.h"
#include "feat/training.h"
#include "feat/write.h"
#include "plan/plan.h"
#include "store/store.h"

/* ---- The catalog in memory: every definition, bound. Counted, immutable, any thread. ---- */

typedef struct feat_catalog feat_catalog;

feat_status feat_catalog_load(feat_db *db, feat_catalog **catalog, feat_error *err);
feat_catalog *feat_catalog_ref(feat_catalog *catalog);
void feat_catalog_unref(feat_catalog *catalog);
const feat_scope *feat_catalog_scope(const feat_catalog *catalog);
/* The newest definition of a name; FEAT_NOT_FOUND suggests a near one. Borrowed from the catalog. */
feat_status feat_catalog_table(const feat_catalog *catalog, const char *name, const feat_schema **table,
                               feat_error *err);
feat_status feat_catalog_service(const feat_catalog *catalog, const char *name, const feat_service **service,
                                 feat_error *err);
/* Any version of a definition, by fingerprint; NULL when there is none. */
const feat_view *feat_catalog_view_of(const feat_catalog *catalog, const feat_digest *fingerprint);
const feat_service *feat_catalog_service_of(const feat_catalog *catalog, const feat_digest *fingerprint);
const feat_schema *feat_catalog_table_of(const feat_catalog *catalog, uint32_t table_id);

/* Runs a script of definitions: all of it or none. The lock must be held. */
feat_status feat_script_run(feat_db *db, const char *sql, feat_error *err);

/* ---- Writing. The lock must be held. The stream is released in every case. ---- */
feat_status feat_ingest(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                        const feat_write_options *opt, feat_commit *done, feat_error *err);

/* ---- Reading. The streams hold references to what they need. ---- */
feat_status feat_scan(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t version,
                      const char *const *columns, size_t n_columns, struct ArrowArrayStream *out, feat_error *err);
/* `table` NULL: all commits. */
feat_status feat_history_stream(feat_db *db, feat_catalog *catalog, const feat_schema *table,
                                struct ArrowArrayStream *out, feat_error *err);

/* ---- Training sets. The spine is released in every case. ---- */
feat_status feat_training_build(feat_db *db, const feat_service *service, uint64_t version,
                                struct ArrowArrayStream *spine, const feat_training_options *opt,
                                struct ArrowArrayStream *out, feat_error *err);

/* ---- Online state. The lock must be held. ---- */
feat_status feat_deploy_service(feat_db *db, feat_catalog *catalog, const feat_service *service, feat_error *err);
/* Brings the state of every deployed service from the position that it has applied to the newest version. */
feat_status feat_online_catch_up(feat_db *db, feat_catalog *catalog, feat_error *err);

#endif
