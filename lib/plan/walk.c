#include "plan/walk.h"

#include <string.h>

#include "base/alloc.h"

/* ---- Order. ---- */

feat_status feat_walk_init(feat_walk *walk, const feat_stage *stage, feat_error *err) {
    *walk = (feat_walk){.stage = stage};
    size_t n = stage->pool.n, joins = stage->n_joins;
    walk->number = feat_alloc_array(n * 3 + joins * 2 + 1, sizeof *walk->number);
    if (!walk->number) return feat_fail_memory(err);
    walk->order = walk->number + n;
    walk->stack = walk->order + n;
    walk->join_number = walk->stack + n;
    walk->join_order = walk->join_number + joins;
    for (size_t i = 0; i < n; i++) walk->number[i] = FEAT_NO_NODE;
    for (size_t j = 0; j < joins; j++) walk->join_number[j] = UINT32_MAX;
    return FEAT_OK;
}

void feat_walk_done(feat_walk *walk) { feat_free(walk->number); }

/* A node that must have its place before `node`, or FEAT_NO_NODE. */
static uint32_t missing_of(const feat_walk *walk, const feat_node *node) {
    if (node->kind == FEAT_NODE_OP) {
        for (int k = 0; k < feat_op_table[node->op].n_args; k++)
            if (walk->number[node->args[k]] == FEAT_NO_NODE) return node->args[k];
    } else if (node->kind == FEAT_NODE_AGGREGATE || node->kind == FEAT_NODE_FOUND) {
        const feat_join *join = &walk->stage->joins[node->join];
        if (walk->join_number[node->join] != UINT32_MAX) return FEAT_NO_NODE;
        for (size_t k = 0; k < join->block->n_key; k++)
            if (walk->number[join->key[k]] == FEAT_NO_NODE) return join->key[k];
    }
    return FEAT_NO_NODE;
}

static void place(feat_walk *walk, uint32_t at) {
    const feat_node *node = &walk->stage->pool.nodes[at];
    if ((node->kind == FEAT_NODE_AGGREGATE || node->kind == FEAT_NODE_FOUND) &&
        walk->join_number[node->join] == UINT32_MAX) {
        walk->join_order[walk->n_joins] = node->join;
        walk->join_number[node->join] = walk->n_joins++;
    }
    walk->order[walk->n] = at;
    walk->number[at] = walk->n++;
}

/* The stack is a chain in which each node waits for the next: it holds none twice. */
void feat_walk_to(feat_walk *walk, uint32_t root) {
    size_t depth = 0;
    if (root == FEAT_NO_NODE || walk->number[root] != FEAT_NO_NODE) return;
    walk->stack[depth++] = root;
    while (depth) {
        uint32_t at = walk->stack[depth - 1], missing = missing_of(walk, &walk->stage->pool.nodes[at]);
        if (missing != FEAT_NO_NODE) {
            walk->stack[depth++] = missing;
        } else {
            place(walk, at);
            depth--;
        }
    }
}

feat_status feat_walk_branch(feat_walk *walk, const feat_block *block, size_t i, feat_error *err) {
    const feat_union_branch *branch = &block->branches[i];
    FEAT_TRY(feat_walk_init(walk, &branch->stage, err));
    feat_walk_to(walk, branch->where);
    for (size_t k = 0; k < block->n_key; k++) feat_walk_to(walk, branch->key[k]);
    for (size_t s = 0; s < block->n_slots; s++) {
        feat_walk_to(walk, branch->slots[s].arg);
        feat_walk_to(walk, branch->slots[s].filter);
    }
    return FEAT_OK;
}

feat_status feat_walk_clock(feat_walk *walk, const feat_block *block, feat_error *err) {
    FEAT_TRY(feat_walk_init(walk, &block->clock, err));
    for (size_t i = 0; i < block->n_bounds; i++) feat_walk_to(walk, block->bounds[i]);
    return FEAT_OK;
}

feat_status feat_walk_view(feat_walk *walk, const feat_view *view, feat_error *err) {
    FEAT_TRY(feat_walk_init(walk, &view->stage, err));
    for (size_t i = 0; i < view->n_features; i++) feat_walk_to(walk, view->features[i].node);
    feat_walk_to(walk, view->present);
    feat_walk_to(walk, view->found);
    feat_walk_to(walk, view->expired);
    return FEAT_OK;
}

feat_status feat_walk_service(feat_walk *walk, const feat_service *service, feat_error *err) {
    FEAT_TRY(feat_walk_init(walk, &service->stage, err));
    for (size_t i = 0; i < service->n_features; i++) feat_walk_to(walk, service->features[i].node);
    for (size_t v = 0; v < service->n_views; v++) {
        feat_walk_to(walk, service->views[v].found);
        feat_walk_to(walk, service->views[v].expired);
    }
    return FEAT_OK;
}

/* ---- Sets of blocks. ---- */

/* A fingerprint is a hash already. */
static size_t slot_of(const feat_block_set *set, const feat_digest *fingerprint) {
    uint64_t hash;
    memcpy(&hash, fingerprint->bytes, sizeof hash);
    size_t at = (size_t)hash & (set->table_size - 1);
    while (set->table[at] && !feat_digest_equal(&set->blocks[set->table[at] - 1]->fingerprint, fingerprint))
        at = (at + 1) & (set->table_size - 1);
    return at;
}

uint32_t feat_block_set_find(const feat_block_set *set, const feat_digest *fingerprint) {
    if (set->table_size == 0) return UINT32_MAX;
    uint32_t found = set->table[slot_of(set, fingerprint)];
    return found ? found - 1 : UINT32_MAX;
}

static int set_rehash(feat_block_set *set) {
    size_t size = set->table_size ? set->table_size * 2 : 16;
    uint32_t *table = feat_alloc_zero(size, sizeof *table);
    if (!table) return -1;
    feat_free(set->table);
    set->table = table;
    set->table_size = size;
    for (size_t i = 0; i < set->n; i++) table[slot_of(set, &set->blocks[i]->fingerprint)] = (uint32_t)i + 1;
    return 0;
}

int feat_block_set_add(feat_block_set *set, const feat_block *block) {
    if (set->n * 2 >= set->table_size && set_rehash(set) != 0) return -1;
    size_t at = slot_of(set, &block->fingerprint);
    if (set->table[at]) return 0;
    if (FEAT_GROW(set->blocks, set->capacity, set->n + 1) != 0) return -1;
    set->blocks[set->n++] = block;
    set->table[at] = (uint32_t)set->n;
    return 0;
}

void feat_block_set_done(feat_block_set *set) {
    feat_free(set->blocks);
    feat_free(set->table);
    *set = (feat_block_set){0};
}

static feat_status collect(feat_block_set *set, const feat_walk *walk, int depth, feat_error *err);

static feat_status collect_block(feat_block_set *set, const feat_block *block, int depth, feat_error *err) {
    if (feat_block_set_find(set, &block->fingerprint) != UINT32_MAX) return FEAT_OK;
    if (depth > FEAT_BLOCK_DEPTH)
        return feat_fail(err, FEAT_LIMIT,
                         "joins nest more than %d deep; define a part as a table of its own, or join fewer in a chain",
                         FEAT_BLOCK_DEPTH);
    for (size_t b = 0; b < block->n_branches; b++) {
        feat_walk walk;
        if (block->branches[b].stage.n_joins == 0) continue;
        FEAT_TRY(feat_walk_branch(&walk, block, b, err));
        feat_status status = collect(set, &walk, depth + 1, err);
        feat_walk_done(&walk);
        FEAT_TRY(status);
    }
    return feat_block_set_add(set, block) == 0 ? FEAT_OK : feat_fail_memory(err);
}

static feat_status collect(feat_block_set *set, const feat_walk *walk, int depth, feat_error *err) {
    for (uint32_t j = 0; j < walk->n_joins; j++)
        FEAT_TRY(collect_block(set, walk->stage->joins[walk->join_order[j]].block, depth, err));
    return FEAT_OK;
}

feat_status feat_block_set_collect(feat_block_set *set, const feat_walk *walk, feat_error *err) {
    return collect(set, walk, 1, err);
}
