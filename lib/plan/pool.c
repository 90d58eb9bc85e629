/* Expression pools: each distinct node once, found by its contents. */
#include <string.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "plan/plan.h"

void feat_pool_init(feat_pool *pool, feat_arena *arena) { *pool = (feat_pool){.arena = arena}; }

void feat_pool_done(feat_pool *pool) {
    feat_free(pool->nodes);
    feat_free(pool->table);
    pool->nodes = NULL;
    pool->table = NULL;
    pool->n = pool->capacity = pool->table_size = 0;
}

static bool node_equal(const feat_node *a, const feat_node *b) {
    if (a->kind != b->kind || a->type != b->type) return false;
    switch (a->kind) {
    case FEAT_NODE_CONST:
        if (a->is_null || b->is_null) return a->is_null == b->is_null;
        if (a->type == FEAT_TYPE_TEXT)
            return a->constant.t.length == b->constant.t.length &&
                   memcmp(a->constant.t.data, b->constant.t.data, a->constant.t.length) == 0;
        return a->constant.i == b->constant.i; /* doubles by their bits */
    case FEAT_NODE_OP: return a->op == b->op && memcmp(a->args, b->args, sizeof a->args) == 0;
    case FEAT_NODE_NOW: return true;
    default: return a->index == b->index && a->join == b->join;
    }
}

static uint64_t node_hash(const feat_node *node) {
    struct {
        uint64_t kind_type, a, b, c;
    } k = {(uint64_t)node->kind << 32 | (uint64_t)node->type, 0, 0, 0};
    if (node->kind == FEAT_NODE_OP) {
        k.a = (uint64_t)node->op << 32 | node->args[0];
        k.b = node->args[1];
        k.c = node->args[2];
    } else if (node->kind == FEAT_NODE_CONST && !node->is_null) {
        k.a = node->type == FEAT_TYPE_TEXT ? feat_hash64(node->constant.t.data, node->constant.t.length)
                                           : (uint64_t)node->constant.i;
    } else {
        k.a = node->index;
        k.b = node->join;
        k.c = node->is_null;
    }
    return feat_hash64(&k, sizeof k);
}

static int rehash(feat_pool *pool) {
    size_t size = pool->table_size ? pool->table_size * 2 : 32;
    uint32_t *table = feat_alloc_zero(size, sizeof *table);
    if (!table) return -1;
    for (size_t i = 0; i < pool->n; i++) {
        size_t at = node_hash(&pool->nodes[i]) & (size - 1);
        while (table[at]) at = (at + 1) & (size - 1);
        table[at] = (uint32_t)i + 1;
    }
    feat_free(pool->table);
    pool->table = table;
    pool->table_size = size;
    return 0;
}

uint32_t feat_pool_add(feat_pool *pool, const feat_node *node) {
    if (pool->n * 2 >= pool->table_size && rehash(pool) != 0) return FEAT_NO_NODE;
    size_t at = node_hash(node) & (pool->table_size - 1);
    for (; pool->table[at]; at = (at + 1) & (pool->table_size - 1))
        if (node_equal(&pool->nodes[pool->table[at] - 1], node)) return pool->table[at] - 1;
    if (pool->n >= FEAT_NO_NODE - 1 || FEAT_GROW(pool->nodes, pool->capacity, pool->n + 1) != 0) return FEAT_NO_NODE;
    feat_node copy = *node;
    if (node->kind == FEAT_NODE_CONST && node->type == FEAT_TYPE_TEXT && !node->is_null) {
        copy.constant.t.data = feat_arena_strndup(pool->arena, node->constant.t.data, node->constant.t.length);
        if (!copy.constant.t.data) return FEAT_NO_NODE;
    }
    pool->nodes[pool->n] = copy;
    pool->table[at] = (uint32_t)pool->n + 1;
    return (uint32_t)pool->n++;
}
