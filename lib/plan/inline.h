/* Putting one stage's expressions into another. */
#ifndef FEAT_LIB_INLINE_H
#define FEAT_LIB_INLINE_H

#include "plan/plan.h"

/* Nodes and joins of `from` by what they became in `to`. All memory is the arena's of `to`. */
typedef struct feat_inlining {
    const feat_stage *from;
    feat_stage *to;
    const uint32_t *inputs; /* nodes of `to` that stand for the inputs of `from` */
    uint32_t *node_of, *join_of, *stack;
} feat_inlining;

/* `inputs` is borrowed. `from` must not grow any more. */
feat_status feat_inlining_init(feat_inlining *in, const feat_stage *from, feat_stage *to, const uint32_t *inputs,
                               feat_error *err);
/* The node of `to` that means what `node` of `from` does, with the joins that it needs. */
feat_status feat_inline(feat_inlining *in, uint32_t node, uint32_t *out, feat_error *err);

#endif
