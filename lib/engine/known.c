/* Which entities a view has: those that an event makes known, whatever is computed of it. */
#include "base/alloc.h"
#include "base/bitmap.h"
#include "engine/changed.h"
#include "engine/changes.h"
#include "engine/pass.h"
#include "engine/reach.h"
#include "engine/who.h"

/* ---- Joins of the view that are asked for the entity itself. ---- */

bool feat_view_asks_entity(const feat_view *view, size_t join) {
    const feat_join *j = &view->stage.joins[join];
    if (j->block->n_key != view->n_key) return false;
    for (size_t k = 0; k < view->n_key; k++) {
        const feat_node *node = &view->stage.pool.nodes[j->key[k]];
        if (node->kind != FEAT_NODE_INPUT || node->index != k) return false;
    }
    return true;
}

/* The join's block was not asked by an earlier join that `feat_view_asks_entity` as well. */
bool feat_view_asks_first(const feat_view *view, size_t join) {
    for (size_t i = 0; i < join; i++)
        if (feat_view_asks_entity(view, i) && view->stage.joins[i].block == view->stage.joins[join].block) return false;
    return true;
}

/* ---- Which entities are known. ---- */

typedef struct knowing {
    feat_time_span visible;
    feat_touched *entities;
    bool all;
} knowing;

static feat_status know_key(const knowing *k, const void *key, size_t size, feat_error *err) {
    uint32_t number;
    if (k->all) return feat_touched_add(k->entities, key, size, FEAT_TOUCH_KNOWN, err);
    if (!feat_keymap_number(&k->entities->keys, key, size, false, &number)) return feat_fail_memory(err);
    if (number != FEAT_NO_KEY) k->entities->flags[number] |= FEAT_TOUCH_KNOWN;
    return FEAT_OK;
}

static feat_status know(feat_pass *w, const feat_row_address *rows, size_t n, feat_error *err) {
    const knowing *k = w->state;
    feat_lot l = {0};
    feat_status status = feat_lot_project(&l, w->a->db, w->version, w->block, w->branch, rows, n, err);
    bool *seen = status == FEAT_OK ? feat_alloc_zero(l.map.n, sizeof *seen) : NULL;
    if (status == FEAT_OK && !seen) status = feat_fail_memory(err);
    for (size_t i = 0; status == FEAT_OK && i < l.events.events.n; i++) {
        size_t size;
        if (!feat_span_holds(k->visible, l.events.events.time[i]) || seen[l.events.entity[i]]) continue;
        seen[l.events.entity[i]] = true;
        const void *key = feat_lot_key(&l, i, &size);
        status = know_key(k, key, size, err);
    }
    feat_free(seen);
    feat_lot_done(&l);
    return status;
}

/* The time and the parts of the key as fields of the table, where the branch keeps every row and its key is in columns.
 */
static bool key_fields(const feat_block *who, size_t branch, uint32_t *fields) {
    const feat_union_branch *b = &who->branches[branch];
    if (b->where != FEAT_NO_NODE) return false;
    fields[0] = b->table->time;
    for (size_t k = 0; k < who->n_key; k++) {
        const feat_node *node = &b->stage.pool.nodes[b->key[k]];
        if (node->kind != FEAT_NODE_INPUT) return false;
        fields[k + 1] = node->index;
        for (size_t i = 0; i <= k; i++)
            if (fields[i] == node->index) return false;
    }
    return true;
}

/* Rows lie sorted by the table's entity key, so that the one before often has the same. */
static bool same_key(const feat_column *const *parts, size_t n, size_t a, size_t b) {
    for (size_t k = 0; k < n; k++)
        if (!feat_column_same(parts[k], a, parts[k], b)) return false;
    return true;
}

/* The keys of the rows of a segment that are visible. columns[0] has the times. */
static feat_status know_segment(const knowing *k, const feat_column *columns, const feat_column *const *parts,
                                size_t n_key, uint32_t rows, const uint8_t *deleted, feat_buffer *key,
                                feat_error *err) {
    for (uint32_t i = 0, last = UINT32_MAX; i < rows; i++) {
        if (!feat_span_holds(k->visible, feat_event_time(&columns[0], i))) continue;
        if ((deleted && feat_bit_get(deleted, i)) || (last != UINT32_MAX && same_key(parts, n_key, i, last))) continue;
        last = i;
        if (!feat_entity_key(key, parts, n_key, i)) continue;
        if (key->failed) return feat_fail_memory(err);
        FEAT_TRY(know_key(k, key->data, key->size, err));
    }
    return FEAT_OK;
}

/* Reads keys and times as they lie, where that is all there is to it; `*plain` says whether it was. */
static feat_status know_columns(feat_pass *w, const knowing *k, bool *plain, feat_error *err) {
    const feat_schema *table = w->block->branches[w->branch].table;
    size_t n_key = w->block->n_key, n = n_key + 1;
    feat_table_version *tv = NULL;
    feat_buffer key;
    uint32_t *fields = feat_alloc_array(n, sizeof *fields);
    feat_column *columns = feat_alloc_zero(n, sizeof *columns);
    const feat_column **parts = feat_alloc_array(n, sizeof *parts);
    feat_status status = fields && columns && parts ? FEAT_OK : feat_fail_memory(err);
    feat_buffer_init(&key);
    *plain = status == FEAT_OK && key_fields(w->block, w->branch, fields);
    if (!*plain) goto out;
    for (size_t i = 0; i < n; i++) {
        feat_column_init(&columns[i], table->fields[fields[i]].type);
        if (i) parts[i - 1] = &columns[i];
    }
    status = feat_table_open(w->a->db, table, w->version, &tv, err);
    for (size_t s = 0, end = tv ? feat_table_segments(tv) : 0; s < end && status == FEAT_OK; s++) {
        const uint8_t *deleted = NULL;
        bool pass;
        FEAT_GOTO(status, feat_pass_prunes(w, tv, s, &pass, err), out);
        if (pass) continue;
        for (size_t i = 0; i < n; i++) feat_column_clear(&columns[i]);
        FEAT_GOTO(status, feat_table_deleted(tv, s, &deleted, err), out);
        FEAT_GOTO(status, feat_table_read(tv, s, fields, n, columns, err), out);
        FEAT_GOTO(status, know_segment(k, columns, parts, n_key, feat_table_segment(tv, s).rows, deleted, &key, err),
                  out);
        status = feat_pause_check(w->a, err);
    }
out:
    feat_table_close(tv);
    for (size_t i = 0; columns && i < n; i++) feat_column_done(&columns[i]);
    feat_free(fields);
    feat_free(columns);
    feat_free(parts);
    feat_buffer_done(&key);
    return status;
}

static feat_status know_block(const feat_affecting *a, feat_moment at, const feat_block *block, bool all,
                              feat_touched *entities, feat_error *err) {
    feat_arena arena;
    feat_block who;
    feat_arena_init(&arena);
    feat_status status = feat_block_who(&arena, block, &who, err);
    for (size_t b = 0; b < block->n_branches && status == FEAT_OK; b++) {
        feat_reach reach;
        feat_time_spans times = {0};
        bool plain = false;
        status = feat_reach_init(&reach, block, b, at.t, err);
        knowing k = {reach.visible, entities, all};
        feat_pass w = {a, at.version, &who, b, &times, NULL, 0, know, &k};
        if (status == FEAT_OK) status = feat_spans_add(&times, reach.visible, err);
        if (status == FEAT_OK) status = know_columns(&w, &k, &plain, err);
        if (status == FEAT_OK && !plain) status = feat_pass_run(&w, err);
        feat_spans_done(&times);
        feat_reach_done(&reach);
    }
    feat_arena_done(&arena);
    return status;
}

feat_status feat_entities_known(const feat_affecting *a, feat_moment at, bool all, feat_touched *entities,
                                feat_error *err) {
    bool any = false;
    for (size_t j = 0; j < a->view->stage.n_joins; j++) {
        if (!feat_view_asks_entity(a->view, j)) continue;
        any = true;
        if (!feat_view_asks_first(a->view, j) || (!all && entities->keys.n == 0)) continue;
        FEAT_TRY(know_block(a, at, a->view->stage.joins[j].block, all, entities, err));
    }
    if (any) return FEAT_OK;
    return feat_fail(err, FEAT_DEFINITION,
                     "feature view '%.200s' cannot be materialised: no table in it has its key, so nothing says which "
                     "entities there are",
                     a->view->name);
}

/* ---- Which can be known no more. ---- */

/* What is visible stays so, unless retention takes it away; else a row has to go, or to be enriched with other things,
 * which can bring it to another key. */
static feat_status rows_may_go(const feat_affecting *a, feat_moment from, feat_moment to,
                               const feat_union_branch *branch, bool *may, feat_error *err) {
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *came = NULL, *went = NULL;
    size_t n_came = 0, n_went = 0;
    *may = branch->retained;
    if (*may || from.version == to.version) return FEAT_OK;
    feat_status status = feat_joins_changed(a->db, branch->stage.code, from.version, to.version, may, err);
    if (status == FEAT_OK && !*may) status = feat_table_open(a->db, branch->table, from.version, &older, err);
    if (status == FEAT_OK && !*may) status = feat_table_open(a->db, branch->table, to.version, &newer, err);
    if (status == FEAT_OK && !*may)
        status = feat_diff_rows(older, newer, branch->table, &came, &n_came, &went, &n_went, err);
    *may |= n_went > 0;
    feat_table_close(older);
    feat_table_close(newer);
    feat_free(came);
    feat_free(went);
    return status;
}

feat_status feat_entities_may_go(const feat_affecting *a, feat_moment from, feat_moment to, bool *may,
                                 feat_error *err) {
    *may = false;
    for (size_t j = 0; j < a->view->stage.n_joins && !*may; j++) {
        const feat_block *block = a->view->stage.joins[j].block;
        for (size_t b = 0; b < block->n_branches && feat_view_asks_entity(a->view, j) && !*may; b++)
            FEAT_TRY(rows_may_go(a, from, to, &block->branches[b], may, err));
    }
    return FEAT_OK;
}
