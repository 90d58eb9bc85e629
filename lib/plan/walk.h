/* The canonical order of a stage: its nodes as its outputs first need them, arguments before users, and its joins as
 * the nodes first need them. What nothing needs is left out, and neither the order of binding nor spelling plays a
 * part. */
#ifndef FEAT_LIB_WALK_H
#define FEAT_LIB_WALK_H

#include "plan/plan.h"

typedef struct feat_walk {
    const feat_stage *stage;
    uint32_t *number, *order; /* by node its place, or FEAT_NO_NODE; by place its node */
    uint32_t n;
    uint32_t *join_number, *join_order; /* the same for joins; UINT32_MAX: not needed */
    uint32_t n_joins;
    uint32_t *stack;
} feat_walk;

/* A failed walk needs no feat_walk_done. */
feat_status feat_walk_init(feat_walk *walk, const feat_stage *stage, feat_error *err);
void feat_walk_done(feat_walk *walk);
/* Gives `root` and all that it needs their places; FEAT_NO_NODE does nothing. */
void feat_walk_to(feat_walk *walk, uint32_t root);

/* Whole stages, in the order of their outputs (plan.h). */
feat_status feat_walk_branch(feat_walk *walk, const feat_block *block, size_t branch, feat_error *err);
feat_status feat_walk_clock(feat_walk *walk, const feat_block *block, feat_error *err);
feat_status feat_walk_view(feat_walk *walk, const feat_view *view, feat_error *err);
feat_status feat_walk_service(feat_walk *walk, const feat_service *service, feat_error *err);

/* Blocks by fingerprint, each once, in the order of addition. */
typedef struct feat_block_set {
    const feat_block **blocks;
    size_t n, capacity;
    uint32_t *table; /* open addressing: index + 1 */
    size_t table_size;
} feat_block_set;

/* How deep blocks may nest: the layers that run them recurse. */
#define FEAT_BLOCK_DEPTH 1000

/* 0, also when it is there; -1 when memory is out. */
int feat_block_set_add(feat_block_set *set, const feat_block *block);
void feat_block_set_done(feat_block_set *set);
/* The index of the block with this fingerprint, or UINT32_MAX. */
uint32_t feat_block_set_find(const feat_block_set *set, const feat_digest *fingerprint);
/* Adds the blocks that a walked stage needs, each after those that it needs itself. */
feat_status feat_block_set_collect(feat_block_set *set, const feat_walk *walk, feat_error *err);

#endif
