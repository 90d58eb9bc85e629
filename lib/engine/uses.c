/* The graph of definitions: who reads which tables, columns and views. */
#include "engine/uses.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pack.h"
#include "column/utf8.h"

/* ---- Blocks. ---- */

static uint32_t *block_slot(const feat_block_list *list, const feat_block *block) {
    for (size_t i = (size_t)((uintptr_t)block >> 4) * 0x9e3779b1u;; i++) {
        uint32_t *slot = &list->slots[i & (list->n_slots - 1)];
        if (*slot == 0 || list->blocks[*slot - 1] == block) return slot;
    }
}

static feat_status add_block(feat_block_list *list, const feat_block *block, feat_error *err) {
    if (list->n_slots < 2 * (list->n + 1)) {
        size_t n = list->n_slots ? 2 * list->n_slots : 16;
        uint32_t *slots = feat_alloc_zero(n, sizeof *slots);
        if (!slots) return feat_fail_memory(err);
        feat_free(list->slots);
        list->slots = slots;
        list->n_slots = n;
        for (size_t i = 0; i < list->n; i++) *block_slot(list, list->blocks[i]) = (uint32_t)i + 1;
    }
    uint32_t *slot = block_slot(list, block);
    if (*slot) return FEAT_OK;
    if (FEAT_GROW(list->blocks, list->capacity, list->n + 1) != 0) return feat_fail_memory(err);
    list->blocks[list->n++] = block;
    *slot = (uint32_t)list->n;
    return FEAT_OK;
}

feat_status feat_block_list_of(const feat_stage *stage, feat_block_list *list, feat_error *err) {
    *list = (feat_block_list){0};
    for (size_t j = 0; j < stage->n_joins; j++) FEAT_TRY(add_block(list, stage->joins[j].block, err));
    for (size_t i = 0; i < list->n; i++) /* it grows as it is walked */
        for (size_t b = 0; b < list->blocks[i]->n_branches; b++) {
            const feat_stage *below = &list->blocks[i]->branches[b].stage;
            for (size_t j = 0; j < below->n_joins; j++) FEAT_TRY(add_block(list, below->joins[j].block, err));
        }
    return FEAT_OK;
}

void feat_block_list_done(feat_block_list *list) {
    feat_free(list->blocks);
    feat_free(list->slots);
    *list = (feat_block_list){0};
}

/* ---- What a definition reads. ---- */

static int compare_numbers(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static size_t sort_distinct(uint32_t *list, size_t n) {
    size_t kept = 0;
    if (n) qsort(list, n, sizeof *list, compare_numbers);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || list[kept - 1] != list[i]) list[kept++] = list[i];
    return kept;
}

/* The entry of a version of a view. */
static feat_status find_view(const feat_catalog *c, const char *name, uint32_t version, uint32_t *entry,
                             feat_error *err) {
    uint32_t i = feat_catalog_find_version(c, FEAT_DEF_VIEW, name, version);
    if (i == FEAT_NO_ENTRY)
        return feat_fail(err, FEAT_INTERNAL,
                         "a definition reads version %u of feature view '%.200s', which is not there",
                         (unsigned)version, name);
    *entry = i;
    return FEAT_OK;
}

static feat_status collect(feat_catalog *c, const feat_block_list *blocks, const feat_uses *uses, feat_reads *r,
                           feat_error *err) {
    size_t tables = uses->n_tables;
    for (size_t i = 0; i < blocks->n; i++) tables += blocks->blocks[i]->n_branches;
    r->tables = feat_arena_array(&c->arena, tables, sizeof *r->tables);
    r->views = feat_arena_array(&c->arena, uses->n_views, sizeof *r->views);
    if (!r->tables || !r->views) return feat_fail_memory(err);
    for (size_t i = 0; i < uses->n_tables; i++) r->tables[r->n_tables++] = uses->tables[i]->table_id;
    for (size_t i = 0; i < blocks->n; i++)
        for (size_t b = 0; b < blocks->blocks[i]->n_branches; b++)
            r->tables[r->n_tables++] = blocks->blocks[i]->branches[b].table->table_id;
    for (size_t i = 0; i < uses->n_views; i++)
        FEAT_TRY(find_view(c, uses->views[i]->name, uses->views[i]->version, &r->views[r->n_views++], err));
    r->n_tables = sort_distinct(r->tables, r->n_tables);
    r->n_views = sort_distinct(r->views, r->n_views);
    return FEAT_OK;
}

feat_status feat_reads_of(feat_catalog *c, const feat_view *view, const feat_service *service, feat_reads **reads,
                          feat_error *err) {
    feat_reads *r = FEAT_ARENA_NEW(&c->arena, feat_reads);
    if (!r) return feat_fail_memory(err);
    feat_block_list blocks;
    feat_status status = feat_block_list_of(view ? &view->stage : &service->stage, &blocks, err);
    if (status == FEAT_OK) status = collect(c, &blocks, view ? &view->uses : &service->uses, r, err);
    feat_block_list_done(&blocks);
    if (status == FEAT_OK) *reads = r;
    return status;
}

void feat_reads_pack(const feat_reads *r, feat_buffer *out) {
    feat_pack_array(out, 2);
    feat_pack_array(out, (uint32_t)r->n_tables);
    for (size_t i = 0; i < r->n_tables; i++) feat_pack_uint(out, r->tables[i]);
    feat_pack_array(out, (uint32_t)r->n_views);
    for (size_t i = 0; i < r->n_views; i++) feat_pack_uint(out, r->views[i]);
}

/* ---- Columns. ---- */

static void need(uint8_t *needed, uint32_t node) {
    if (node != FEAT_NO_NODE) needed[node] = 1;
}

/* Whether what a branch computes reads the column; a pool may hold nodes that nothing needs. */
static bool branch_computes(const feat_block *block, const feat_union_branch *branch, uint32_t column_id,
                            uint8_t *needed) {
    const feat_stage *stage = &branch->stage;
    need(needed, branch->where);
    for (size_t i = 0; i < block->n_key; i++) need(needed, branch->key[i]);
    for (size_t i = 0; i < block->n_slots; i++) {
        need(needed, branch->slots[i].arg);
        need(needed, branch->slots[i].filter);
    }
    for (size_t j = 0; j < stage->n_joins; j++)
        for (size_t i = 0; i < stage->joins[j].block->n_key; i++) need(needed, stage->joins[j].key[i]);
    for (size_t i = stage->pool.n; i-- > 0;) { /* arguments are earlier nodes */
        const feat_node *node = &stage->pool.nodes[i];
        if (!needed[i]) continue;
        if (node->kind == FEAT_NODE_INPUT && branch->table->fields[node->index].id == column_id) return true;
        for (int k = 0; node->kind == FEAT_NODE_OP && k < feat_op_table[node->op].n_args; k++)
            need(needed, node->args[k]);
    }
    return false;
}

static feat_status branch_reads(const feat_block *block, const feat_union_branch *branch, uint32_t column_id,
                                bool *reads, feat_error *err) {
    *reads = false;
    for (size_t i = 0; i < branch->n_ties; i++) *reads |= branch->table->fields[branch->ties[i]].id == column_id;
    if (*reads) return FEAT_OK;
    uint8_t *needed = feat_alloc_zero(branch->stage.pool.n, 1);
    if (!needed) return feat_fail_memory(err);
    *reads = branch_computes(block, branch, column_id, needed);
    feat_free(needed);
    return FEAT_OK;
}

feat_status feat_stage_reads_column(const feat_stage *stage, uint32_t table_id, uint32_t column_id, bool *reads,
                                    feat_error *err) {
    feat_block_list blocks;
    bool found = false;
    feat_status status = feat_block_list_of(stage, &blocks, err);
    for (size_t i = 0; status == FEAT_OK && i < blocks.n && !found; i++)
        for (size_t b = 0; status == FEAT_OK && b < blocks.blocks[i]->n_branches && !found; b++) {
            const feat_union_branch *branch = &blocks.blocks[i]->branches[b];
            if (branch->table->table_id == table_id)
                status = branch_reads(blocks.blocks[i], branch, column_id, &found, err);
        }
    feat_block_list_done(&blocks);
    if (status == FEAT_OK) *reads = found;
    return status;
}

/* ---- Which definitions are live. ---- */

feat_status feat_catalog_live(feat_catalog *c, uint8_t *live, feat_error *err) {
    memset(live, 0, c->n);
    for (size_t i = c->n; i-- > 0;) { /* what is read was defined earlier */
        const feat_entry *e = &c->entries[i];
        if (e->def.action != FEAT_DEF_CREATE || e->dropped) continue;
        if (e->def.kind == FEAT_DEF_SERVICE) live[i] = 1;
        else if (feat_catalog_find(c, e->def.kind, e->def.name) == i) live[i] = 1;
        if (!live[i] || e->def.kind == FEAT_DEF_TABLE) continue;
        const feat_reads *reads;
        FEAT_TRY(feat_entry_reads(c, (uint32_t)i, &reads, err));
        for (size_t k = 0; k < reads->n_views; k++) live[reads->views[k]] = 1;
    }
    return FEAT_OK;
}

/* A live definition that reads the view of entry `view`. */
static uint32_t reader_of(feat_catalog *c, uint32_t view, const uint8_t *live) {
    for (uint32_t i = view + 1; i < c->n; i++) {
        const feat_reads *reads = c->entries[i].reads; /* loaded when `live` was found */
        if (!live[i] || !reads) continue;
        for (size_t k = 0; k < reads->n_views; k++)
            if (reads->views[k] == view) return i;
    }
    return FEAT_NO_ENTRY;
}

static void print_entry(const feat_catalog *c, uint32_t entry, bool version, feat_buffer *out) {
    const feat_def *def = &c->entries[entry].def;
    feat_buffer_printf(out, "%s '%.*s'", feat_def_kind_name(def->kind), feat_utf8_clip(def->name, 100), def->name);
    if (version) feat_buffer_printf(out, " version %u", (unsigned)def->number);
}

feat_status feat_catalog_list(feat_catalog *c, const uint8_t *marked, const uint8_t *live, feat_buffer *out,
                              feat_error *err) {
    enum { ROOM = 600 }; /* of an error's message */
    size_t start = out->size, more = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        if (!marked[i]) continue;
        if (out->size - start > ROOM) {
            more++;
            continue;
        }
        const feat_def *def = &c->entries[i].def;
        bool old = feat_catalog_find(c, def->kind, def->name) != i;
        if (out->size > start) feat_buffer_text(out, ", ");
        print_entry(c, i, old, out);
        uint32_t reader = old && def->kind == FEAT_DEF_VIEW ? reader_of(c, i, live) : FEAT_NO_ENTRY;
        if (reader != FEAT_NO_ENTRY) {
            feat_buffer_text(out, " (kept for ");
            print_entry(c, reader, true, out);
            feat_buffer_text(out, ")");
        }
    }
    if (more) feat_buffer_printf(out, " and %zu more", more);
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}
