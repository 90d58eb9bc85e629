/* Materialising views. */
#ifndef FEAT_LIB_MATERIALIZE_H
#define FEAT_LIB_MATERIALIZE_H

#include "engine/engine.h"
#include "feat/materialize.h"

/* The version of a view that a call means. */
feat_status feat_materialize_find(feat_catalog *catalog, const char *name, uint32_t version, const feat_digest *wanted,
                                  const feat_view **view, feat_error *err);
/* Runs a view at times[0..n), which ascend. The lock must be held. `done` holds what was done also on failure. */
feat_status feat_materialize_run(feat_db *db, feat_catalog *catalog, const feat_view *view, const int64_t *times,
                                 size_t n, const feat_materialize_options *opt, feat_materialized *done,
                                 feat_error *err);

/* Statistics of a call as text. */
void feat_materialize_describe(const feat_materialize_stats *stats, feat_buffer *out);

#endif
