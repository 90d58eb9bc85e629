/* Reading and making the layers of views (plan/layer.h): which runs there are, and which rows. */
#ifndef FEAT_LIB_ENGINE_LAYER_H
#define FEAT_LIB_ENGINE_LAYER_H

#include "engine/catalog.h"
#include "engine/keymap.h"
#include "plan/layer.h"

/* The layer of a view, added to the catalog when there is none; the caller commits what was added. The lock must be
 * held. */
feat_status feat_layer_table(feat_db *db, feat_catalog *catalog, const feat_view *view, const feat_schema **table,
                             feat_error *err);

/* A run as its record tells it. */
typedef struct feat_layer_run {
    int64_t at;
    uint64_t input; /* version of the store that it read */
    feat_row_address address;
} feat_layer_run;

/* The runs that a version of a layer holds, by ascending time. Freed with feat_free. */
feat_status feat_layer_runs(feat_db *db, const feat_view *view, const feat_schema *table, uint64_t version,
                            feat_layer_run **runs, size_t *n, feat_error *err);

/* The rows of entities at exactly `at`, for keys in `keys`: rows[number of the key], with `has` saying which are there.
 * Both hold keys->n items. */
feat_status feat_layer_rows(feat_db *db, const feat_view *view, const feat_schema *table, uint64_t version, int64_t at,
                            feat_keymap *keys, feat_row_address *rows, bool *has, feat_error *err);

#endif
