/* The projected events of many keys, in partitions of the keys' numbers: made by one pass over the tables, by several
 * threads, and taken up one partition after the other. What is more than the memory that may be used waits in a
 * temporary file. */
#ifndef FEAT_LIB_PARTITIONS_H
#define FEAT_LIB_PARTITIONS_H

#include "engine/project.h"

typedef struct feat_partitions feat_partitions;

/* Of the keys in `keys`, which get no new ones. `how` and `keys` are borrowed. */
feat_status feat_partitions_make(const feat_answering *how, const feat_block *block, feat_keymap *keys,
                                 feat_partitions **partitions, feat_error *err);
void feat_partitions_free(feat_partitions *partitions);
size_t feat_partitions_count(const feat_partitions *partitions);
/* Bytes in the temporary file. */
uint64_t feat_partitions_spilled(const feat_partitions *partitions);
/* The events of the keys [*first, *first + *n_keys), whose numbers count from the first; `out` is made here, in no
 * order. Each is taken once; different ones at the same time. */
feat_status feat_partitions_take(feat_partitions *partitions, size_t number, feat_entity_events *out, size_t *first,
                                 size_t *n_keys, feat_error *err);

#endif
