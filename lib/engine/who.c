#include "engine/who.h"

#include "exec/exec.h"
#include "plan/inline.h"

/* The branch with WHERE and the key alone, as its code's outputs. */
static feat_status who_of_branch(feat_arena *arena, const feat_union_branch *branch, size_t n_key,
                                 feat_union_branch *who, feat_error *err) {
    feat_inlining in;
    size_t n = 0, n_fields = branch->table->n_fields;
    *who = (feat_union_branch){.table = branch->table, .where = FEAT_NO_NODE, .retained = branch->retained};
    feat_pool_init(&who->stage.pool, arena);
    uint32_t *fields = feat_arena_array(arena, n_fields, sizeof *fields),
             *outputs = feat_arena_array(arena, n_key + 1, sizeof *outputs);
    if (!fields || !outputs) return feat_fail_memory(err);
    for (uint32_t f = 0; f < n_fields; f++) {
        feat_node leaf = {.kind = FEAT_NODE_INPUT, .type = branch->table->fields[f].type, .index = f};
        fields[f] = feat_pool_add(&who->stage.pool, &leaf);
        if (fields[f] == FEAT_NO_NODE) return feat_fail_memory(err);
    }
    FEAT_TRY(feat_inlining_init(&in, &branch->stage, &who->stage, fields, err));
    if (branch->where != FEAT_NO_NODE) {
        FEAT_TRY(feat_inline(&in, branch->where, &who->where, err));
        outputs[n++] = who->where;
    }
    who->key = outputs + n;
    for (size_t k = 0; k < n_key; k++) FEAT_TRY(feat_inline(&in, branch->key[k], &outputs[n++], err));
    return feat_lower_stage(arena, &who->stage, outputs, n, feat_fold_op, err);
}

feat_status feat_block_who(feat_arena *arena, const feat_block *block, feat_block *who, feat_error *err) {
    feat_union_branch *branches = feat_arena_array(arena, block->n_branches, sizeof *branches);
    if (!branches) return feat_fail_memory(err);
    *who = (feat_block){.branches = branches,
                        .n_branches = block->n_branches,
                        .key = block->key,
                        .n_key = block->n_key,
                        .low = FEAT_NO_BOUND,
                        .high = FEAT_NO_BOUND};
    for (size_t b = 0; b < block->n_branches; b++)
        FEAT_TRY(who_of_branch(arena, &block->branches[b], block->n_key, &branches[b], err));
    return FEAT_OK;
}
