/* From a table's rows to the projected events of entities: what the offline engine and deployment both start from. */
#ifndef FEAT_LIB_PROJECT_H
#define FEAT_LIB_PROJECT_H

#include "engine/keymap.h"
#include "exec/exec.h"
#include "plan/plan.h"
#include "store/store.h"

/* Events of many entities, with the number of each one's key. */
typedef struct feat_entity_events {
    feat_events events;
    uint32_t *entity; /* per event: number in the key map */
    size_t entity_capacity;
} feat_entity_events;

feat_status feat_entity_events_init(feat_entity_events *e, const feat_view *view, feat_error *err);
void feat_entity_events_done(feat_entity_events *e);

/* Projects all live rows of the table at a version whose key is in `map` (or of every key, which then enters the map,
 * when `all`). */
feat_status feat_project_table(const feat_view *view, feat_table_version *tv, feat_keymap *map, bool all,
                               feat_entity_events *out, feat_error *err);
/* Projects single rows. Keys enter the map. */
feat_status feat_project_rows(const feat_view *view, feat_table_version *tv, const feat_row_address *rows, size_t n,
                              feat_keymap *map, feat_entity_events *out, feat_error *err);

/* Events grouped by entity, each group in canonical order: numbers[starts[k] .. starts[k + 1]) are the events of key k.
 * Both are freed with feat_free. */
feat_status feat_group_events(const feat_entity_events *e, size_t n_keys, uint32_t **numbers, size_t **starts,
                              feat_error *err);

#endif
