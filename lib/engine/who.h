/* Blocks that say of rows only whose they are. */
#ifndef FEAT_LIB_WHO_H
#define FEAT_LIB_WHO_H

#include "plan/plan.h"

/* A block over the same rows that projects nothing of them but key and time, which reads less. Memory from `arena`;
 * `block` is borrowed. It has no windows and cannot be asked. */
feat_status feat_block_who(feat_arena *arena, const feat_block *block, feat_block *who, feat_error *err);

#endif
