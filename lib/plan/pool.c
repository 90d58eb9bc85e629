/* Expression pools: each distinct node once, found by its contents. */
#include <string.h>

#include "base/digest.h"
#include "plan/plan.h"

void feat_pool_init(feat_pool *pool, feat_arena *arena) { *pool = (feat_pool){.arena = arena}; }

static bool node_equal(const feat_node *a, const feat_node *b) {
    if (a->kind != b->kind || a->type != b->type) return false;
    switch (a->kind) {
    case FEAT_NODE_CONST:
        if (a->is_null || b->is_null) return a->is_null == b->is_null;
        switch (feat_class_of(a->type)) {
        case FEAT_CLASS_T:
            return a->constant.t.length == b->constant.t.length &&
                   memcmp(a->constant.t.data, b->constant.t.data, a->constant.t.length) == 0;
        case FEAT_CLASS_W: return a->constant.w == b->constant.w;
        case FEAT_CLASS_V: return memcmp(&a->constant.p, &b->constant.p, sizeof a->constant.p) == 0;
        default: return a->constant.i == b->constant.i; /* doubles by their bits */
        }
    case FEAT_NODE_OP: return a->op == b->op && memcmp(a->args, b->args, sizeof a->args) == 0;
    case FEAT_NODE_NOW: return true;
    default: return a->index == b->index && a->join == b->join;
    }
}

static uint64_t node_hash(const feat_node *node) {
    struct {
        uint64_t kind_type, a, b, c;
    } k = {(uint64_t)node->kind << 56 ^ node->type, 0, 0, 0};
    if (node->kind == FEAT_NODE_OP) {
        k.a = (uint64_t)node->op << 32 | node->args[0];
        k.b = node->args[1];
        k.c = node->args[2];
    } else if (node->kind == FEAT_NODE_CONST && !node->is_null) {
        switch (feat_class_of(node->type)) {
        case FEAT_CLASS_T: k.a = feat_hash64(node->constant.t.data, node->constant.t.length); break;
        case FEAT_CLASS_W: k.a = feat_hash64(&node->constant.w, sizeof node->constant.w); break;
        case FEAT_CLASS_V: k.a = feat_hash64(&node->constant.p, sizeof node->constant.p); break;
        default: k.a = (uint64_t)node->constant.i;
        }
    } else {
        k.a = node->index;
        k.b = node->join;
        k.c = node->is_null;
    }
    return feat_hash64(&k, sizeof k);
}

static int rehash(feat_pool *pool) {
    size_t size = pool->table_size ? pool->table_size * 2 : 32;
    uint32_t *table = feat_arena_array(pool->arena, size, sizeof *table);
    if (!table) return -1;
    memset(table, 0, size * sizeof *table);
    for (size_t i = 0; i < pool->n; i++) {
        size_t at = node_hash(&pool->nodes[i]) & (size - 1);
        while (table[at]) at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    pool->table = table;
    pool->table_size = size;
    return 0;
}

/* What is outgrown stays in the arena: no more than what is in use. */
static int grow(feat_pool *pool) {
    if (pool->n < pool->capacity) return 0;
    size_t capacity = pool->capacity ? pool->capacity * 2 : 16;
    feat_node *nodes = feat_arena_array(pool->arena, capacity, sizeof *nodes);
    if (!nodes) return -1;
    if (pool->n) memcpy(nodes, pool->nodes, pool->n * sizeof *nodes);
    pool->nodes = nodes;
    pool->capacity = capacity;
    return 0;
}

uint32_t feat_pool_add(feat_pool *pool, const feat_node *node) {
    if (pool->n * 2 >= pool->table_size && rehash(pool) != 0) return FEAT_NO_NODE;
    size_t at = node_hash(node) & (pool->table_size - 1);
    for (; pool->table[at]; at = (at + 1) & (pool->table_size - 1))
        if (node_equal(&pool->nodes[pool->table[at] - 1], node)) return pool->table[at] - 1;
    if (pool->n >= FEAT_NO_NODE - 1 || grow(pool) != 0) return FEAT_NO_NODE;
    feat_node copy = *node;
    if (node->kind == FEAT_NODE_CONST && feat_class_of(node->type) == FEAT_CLASS_T && !node->is_null) {
        copy.constant.t.data = feat_arena_strndup(pool->arena, node->constant.t.data, node->constant.t.length);
        if (!copy.constant.t.data) return FEAT_NO_NODE;
    }
    pool->nodes[pool->n] = copy;
    pool->table[at] = (uint32_t)pool->n + 1;
    return (uint32_t)pool->n++;
}

uint32_t feat_stage_join(feat_stage *stage, const feat_block *block, const uint32_t *key) {
    for (size_t j = 0; j < stage->n_joins; j++)
        if (feat_digest_equal(&stage->joins[j].block->fingerprint, &block->fingerprint) &&
            memcmp(stage->joins[j].key, key, block->n_key * sizeof *key) == 0)
            return (uint32_t)j;
    feat_arena *arena = stage->pool.arena;
    if (stage->n_joins == stage->joins_capacity) {
        size_t capacity = stage->joins_capacity ? stage->joins_capacity * 2 : 4;
        feat_join *joins = feat_arena_array(arena, capacity, sizeof *joins);
        if (!joins) return UINT32_MAX;
        if (stage->n_joins) memcpy(joins, stage->joins, stage->n_joins * sizeof *joins);
        stage->joins = joins;
        stage->joins_capacity = capacity;
    }
    uint32_t *copy = feat_arena_array(arena, block->n_key, sizeof *copy);
    if (!copy) return UINT32_MAX;
    memcpy(copy, key, block->n_key * sizeof *copy);
    stage->joins[stage->n_joins] = (feat_join){block, copy};
    return (uint32_t)stage->n_joins++;
}
