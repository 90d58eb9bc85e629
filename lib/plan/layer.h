/* The feature layer of a view: the table that holds its materialised values. It is an ordinary table that the library
 * makes and alone writes: scans, history and digests of it are those of any table.
 *
 * A row of an entity says what its features were at `$at`, and holds until the entity's next row; a row without a key
 * is the record of a run. A run is one commit, so its rows and its record become visible together. */
#ifndef FEAT_LIB_LAYER_H
#define FEAT_LIB_LAYER_H

#include "plan/plan.h"

/* Fields of a layer behind the view's key parts: the time, the features, then these. */
typedef enum feat_layer_field {
    FEAT_LAYER_FOUND = 0,   /* BOOLEAN: the status; NULL says that the entity is not known any more */
    FEAT_LAYER_EXPIRED = 1, /* BOOLEAN: what the view read had expired */
    FEAT_LAYER_RUN = 2, /* BIGINT: 0 for a row of an entity, 1 for the record of a run, which alone has what follows */
    FEAT_LAYER_INPUT = 3,    /* BIGINT: version of the store that the run read */
    FEAT_LAYER_ENTITIES = 4, /* BIGINT: entities that it computed */
    FEAT_LAYER_ROWS = 5,     /* BIGINT: rows that it wrote for them */
    FEAT_LAYER_FULL = 6,     /* BOOLEAN: whether it computed all entities */
    FEAT_LAYER_FIELDS = 7
} feat_layer_field;

/* Behind these, as many BIGINT fields as the features need: which of them are errors, so many a field. An error's own
 * field is NULL. */
enum { FEAT_LAYER_ERRORS_A_FIELD = 63 };

static inline uint32_t feat_layer_time(const feat_view *view) { return (uint32_t)view->n_key; }
static inline uint32_t feat_layer_feature(const feat_view *view, size_t feature) {
    return (uint32_t)(view->n_key + 1 + feature);
}
static inline uint32_t feat_layer_column(const feat_view *view, feat_layer_field field) {
    return (uint32_t)(view->n_key + 1 + view->n_features + (size_t)field);
}

static inline size_t feat_layer_error_fields(const feat_view *view) {
    return (view->n_features + FEAT_LAYER_ERRORS_A_FIELD - 1) / FEAT_LAYER_ERRORS_A_FIELD;
}
static inline uint32_t feat_layer_errors(const feat_view *view, size_t word) {
    return feat_layer_column(view, FEAT_LAYER_FIELDS) + (uint32_t)word;
}

/* The name of a view's layer: the view's, '$' and its fingerprint, so that a view that is replaced gets a layer of its
 * own, and its old one back when it is replaced by what it was. NULL when memory is out. */
char *feat_layer_name(feat_arena *arena, const feat_view *view);
/* Whether a name has that form. No table, view or service of a user's may. */
bool feat_layer_is(const char *name);
/* The layer of a view as a table without a number. FEAT_DEFINITION: a view that cannot have one. */
feat_status feat_layer_schema(feat_arena *arena, const feat_view *view, feat_schema **out, feat_error *err);

/* FEAT_FORMAT where a table of that name does not have the fields of a layer of the view. */
feat_status feat_layer_check(const feat_schema *table, const feat_view *view, feat_error *err);

#endif
