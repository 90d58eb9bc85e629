/* The rows of an entity that ask at different versions, in classes that see the same events. A class is swept as if it
 * were an entity; so the answers have the bits that each version's alone have. One thread's. */
#ifndef FEAT_LIB_CLASSES_H
#define FEAT_LIB_CLASSES_H

#include "engine/grouping.h"
#include "engine/project.h"

typedef struct feat_classes feat_classes;

/* `moments`: at which of the versions each row asks, by its number. Both are borrowed. */
feat_status feat_classes_new(const feat_block *block, const feat_grouping *groups, const uint32_t *moments,
                             feat_classes **classes, feat_error *err);
void feat_classes_free(feat_classes *c);
/* Adds the rows of group `group`, whose entity's events are numbers[0..n) of `events`, in canonical order and with
 * their lifetimes. Answers the rows that are waiting once they are many. */
feat_status feat_classes_add(feat_classes *c, size_t group, const feat_entity_events *events, const uint32_t *numbers,
                             size_t n, feat_answers *answers, feat_error *err);
/* Answers the rows that are waiting; all were added with the same `events`. */
feat_status feat_classes_run(feat_classes *c, const feat_entity_events *events, feat_answers *answers, feat_error *err);

#endif
