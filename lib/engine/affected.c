/* An entity is affected when an event that bears on one of its blocks came, went, or moved over an edge of a window.
 * Rows that came and went are the difference of two versions; rows that stayed are passed over by their times. Rows
 * that are enriched are projected at both versions and compared when what they are enriched with has changed. */
#include "engine/affected.h"

#include "base/alloc.h"
#include "engine/changed.h"
#include "engine/changes.h"
#include "engine/pass.h"
#include "engine/reach.h"
#include "engine/who.h"
#include "plan/inline.h"

enum { KEYS_AT_ONCE = 65536 };

void feat_touched_init(feat_touched *touched) {
    *touched = (feat_touched){0};
    feat_keymap_init(&touched->keys);
}

void feat_touched_done(feat_touched *touched) {
    feat_keymap_done(&touched->keys);
    feat_free(touched->flags);
    touched->flags = NULL;
    touched->capacity = 0;
}

feat_status feat_touched_add(feat_touched *touched, const void *key, size_t size, uint8_t flags, feat_error *err) {
    uint32_t number;
    size_t before = touched->keys.n;
    if (FEAT_GROW(touched->flags, touched->capacity, before + 1) != 0 ||
        !feat_keymap_number(&touched->keys, key, size, true, &number))
        return feat_fail_memory(err);
    if (touched->keys.n > before) touched->flags[number] = 0;
    touched->flags[number] |= flags;
    return FEAT_OK;
}

feat_status feat_entities_columns(const feat_view *view, const feat_keymap *keys, uint32_t *from, size_t room,
                                  feat_column *columns, uint32_t *numbers, size_t *n, feat_error *err) {
    feat_buffer scratch;
    feat_status status = FEAT_OK;
    feat_buffer_init(&scratch);
    for (size_t k = 0; k < view->n_key; k++) feat_column_clear(&columns[k]);
    for (*n = 0; *from < keys->n && *n < room && status == FEAT_OK; ++*from) {
        size_t size, k = 0;
        const void *key = feat_keymap_key(keys, *from, &size);
        feat_cursor in;
        feat_key_result result = FEAT_KEY_VALUE;
        feat_cursor_init(&in, key, size);
        for (; k < view->n_key && result == FEAT_KEY_VALUE; k++) result = feat_key_read(&in, &columns[k], &scratch);
        if (result == FEAT_KEY_NO_MEMORY) status = feat_fail_memory(err);
        if (result == FEAT_KEY_VALUE) numbers[(*n)++] = *from;
        else
            for (size_t i = 0; i < k; i++) feat_column_truncate(&columns[i], *n);
    }
    feat_buffer_done(&scratch);
    return status;
}

/* ---- Which keys of a block are touched. ---- */

typedef struct touching {
    const feat_affecting *a;
    feat_moment from, to;
    const feat_block *block, *who; /* who: the same rows, without what is computed of them */
    size_t branch;
    feat_reach before, after;
    feat_time_spans moved, walked; /* times that bear differently; these and those that are visible at one time only */
    bool enriched_anew;
    feat_touched *touched;
} touching;

static feat_status touch(const touching *g, const feat_lot *l, size_t event, uint8_t flags, feat_error *err) {
    size_t size;
    if (!flags) return FEAT_OK;
    const void *key = feat_lot_key(l, event, &size);
    return feat_touched_add(g->touched, key, size, flags, err);
}

static feat_status touch_stayed(const touching *g, const feat_lot *l, size_t event, feat_error *err) {
    int64_t time = l->events.events.time[event];
    bool before = feat_span_holds(g->before.visible, time), after = feat_span_holds(g->after.visible, time);
    bool moved = feat_spans_hold(&g->moved, time);
    if (!moved && before == after) return FEAT_OK;
    return touch(g, l, event,
                 (moved ? FEAT_TOUCH_CHANGED : 0) | (after    ? FEAT_TOUCH_KNOWN
                                                     : before ? FEAT_TOUCH_LOST
                                                              : 0),
                 err);
}

static feat_status touch_came(const touching *g, const feat_lot *l, size_t event, feat_error *err) {
    int64_t time = l->events.events.time[event];
    return touch(g, l, event,
                 (feat_reach_holds(&g->after, time) ? FEAT_TOUCH_CHANGED : 0) |
                     (feat_span_holds(g->after.visible, time) ? FEAT_TOUCH_KNOWN : 0),
                 err);
}

static feat_status touch_went(const touching *g, const feat_lot *l, size_t event, feat_error *err) {
    int64_t time = l->events.events.time[event];
    return touch(g, l, event,
                 (feat_reach_holds(&g->before, time) ? FEAT_TOUCH_CHANGED : 0) |
                     (feat_span_holds(g->before.visible, time) ? FEAT_TOUCH_LOST : 0),
                 err);
}

/* A lot's events by key, each key's in canonical order. */
typedef struct grouped {
    uint32_t *numbers;
    size_t *starts;
} grouped;

/* What is in one lot and not in the other. */
static feat_status compare_lots(const touching *g, const feat_lot *went, const feat_lot *came, feat_error *err) {
    grouped old = {0}, new = {0};
    feat_status status = feat_group_events(&went->events, went->map.n, &old.numbers, &old.starts, err);
    if (status == FEAT_OK) status = feat_group_events(&came->events, came->map.n, &new.numbers, &new.starts, err);
    for (uint32_t k = 0; status == FEAT_OK && k < came->map.n; k++) {
        size_t size;
        uint32_t other;
        const void *key = feat_keymap_key(&came->map, k, &size);
        feat_keymap_number((feat_keymap *)&went->map, key, size, false, &other);
        size_t i = other == FEAT_NO_KEY ? 0 : old.starts[other],
               i_end = other == FEAT_NO_KEY ? 0 : old.starts[other + 1];
        size_t j = new.starts[k], j_end = new.starts[k + 1];
        while (status == FEAT_OK && (i < i_end || j < j_end)) {
            int order = i == i_end   ? 1
                        : j == j_end ? -1
                                     : feat_events_compare(&went->events.events, old.numbers[i], &came->events.events,
                                                           new.numbers[j]);
            if (order == 0) i++, j++;
            else if (order < 0) status = touch_went(g, went, old.numbers[i++], err);
            else status = touch_came(g, came, new.numbers[j++], err);
        }
    }
    for (uint32_t k = 0; status == FEAT_OK && k < went->map.n; k++) { /* keys of the one lot only */
        size_t size;
        uint32_t other;
        const void *key = feat_keymap_key(&went->map, k, &size);
        feat_keymap_number((feat_keymap *)&came->map, key, size, false, &other);
        for (size_t i = old.starts[k]; other == FEAT_NO_KEY && status == FEAT_OK && i < old.starts[k + 1]; i++)
            status = touch_went(g, went, old.numbers[i], err);
    }
    feat_free(old.numbers);
    feat_free(old.starts);
    feat_free(new.numbers);
    feat_free(new.starts);
    return status;
}

/* Rows that are there at both versions. */
static feat_status take_stayed(feat_pass *w, const feat_row_address *rows, size_t n, feat_error *err) {
    const touching *g = w->state;
    feat_lot now = {0}, then = {0};
    const feat_block *block = g->enriched_anew ? g->block : g->who;
    feat_status status = feat_lot_project(&now, w->a->db, g->to.version, block, g->branch, rows, n, err);
    if (status == FEAT_OK && g->enriched_anew) {
        status = feat_lot_project(&then, w->a->db, g->from.version, g->block, g->branch, rows, n, err);
        if (status == FEAT_OK) status = compare_lots(g, &then, &now, err);
    }
    for (size_t i = 0; status == FEAT_OK && g->from.t != g->to.t && i < now.events.events.n; i++)
        status = touch_stayed(g, &now, i, err);
    feat_lot_done(&now);
    feat_lot_done(&then);
    return status;
}

/* Rows that came and went: those that only changed in what the branch does not read cancel out. */
static feat_status take_changed(const touching *g, const feat_row_address *came, size_t n_came,
                                const feat_row_address *went, size_t n_went, feat_error *err) {
    size_t i = 0, j = 0;
    while (i < n_came || j < n_went) {
        size_t a = n_came - i < FEAT_PASS_JOINED_ROWS ? n_came - i : FEAT_PASS_JOINED_ROWS;
        size_t b = n_went - j < FEAT_PASS_JOINED_ROWS ? n_went - j : FEAT_PASS_JOINED_ROWS;
        feat_lot now = {0}, then = {0};
        feat_status status = feat_lot_project(&now, g->a->db, g->to.version, g->block, g->branch, came + i, a, err);
        if (status == FEAT_OK)
            status = feat_lot_project(&then, g->a->db, g->from.version, g->block, g->branch, went + j, b, err);
        if (status == FEAT_OK) status = compare_lots(g, &then, &now, err);
        feat_lot_done(&now);
        feat_lot_done(&then);
        if (status == FEAT_OK) status = feat_pause_check(g->a, err);
        if (status != FEAT_OK) return status;
        i += a;
        j += b;
    }
    return FEAT_OK;
}

static feat_status touch_rows(touching *g, feat_error *err) {
    const feat_union_branch *branch = &g->block->branches[g->branch];
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *came = NULL, *went = NULL;
    size_t n_came = 0, n_went = 0;
    feat_status status = FEAT_OK;
    if (g->from.version != g->to.version) {
        FEAT_GOTO(status, feat_table_open(g->a->db, branch->table, g->from.version, &older, err), out);
        FEAT_GOTO(status, feat_table_open(g->a->db, branch->table, g->to.version, &newer, err), out);
        FEAT_GOTO(status, feat_diff_rows(older, newer, branch->table, &came, &n_came, &went, &n_went, err), out);
        FEAT_GOTO(status, take_changed(g, came, n_came, went, n_went, err), out);
        FEAT_GOTO(
            status,
            feat_joins_changed(g->a->db, branch->stage.code, g->from.version, g->to.version, &g->enriched_anew, err),
            out);
    }
    if (g->walked.n || g->enriched_anew) {
        feat_pass w = {g->a, g->to.version, g->block,    g->branch, g->enriched_anew ? NULL : &g->walked,
                       came, n_came,        take_stayed, g};
        status = feat_pass_run(&w, err);
    }
out:
    feat_table_close(older);
    feat_table_close(newer);
    feat_free(came);
    feat_free(went);
    return status;
}

/* The keys of a block whose answer can differ. */
static feat_status touch_block(const feat_affecting *a, feat_moment from, feat_moment to, const feat_block *block,
                               feat_touched *touched, bool *all, feat_error *err) {
    feat_arena arena;
    feat_block who;
    feat_arena_init(&arena);
    feat_status status = feat_block_who(&arena, block, &who, err);
    for (size_t b = 0; b < block->n_branches && !*all && status == FEAT_OK; b++) {
        touching g = {.a = a, .from = from, .to = to, .block = block, .who = &who, .branch = b, .touched = touched};
        status = feat_reach_init(&g.before, block, b, from.t, err);
        if (status == FEAT_OK) status = feat_reach_init(&g.after, block, b, to.t, err);
        if (status == FEAT_OK) *all |= g.before.failed || g.after.failed;
        if (status == FEAT_OK) status = feat_reach_moved(&g.before, &g.after, &g.moved, err);
        if (status == FEAT_OK) status = feat_reach_moved(&g.before, &g.after, &g.walked, err);
        if (status == FEAT_OK) status = feat_spans_add_difference(&g.walked, g.before.visible, g.after.visible, err);
        feat_spans_order(&g.walked);
        if (status == FEAT_OK && !*all) status = touch_rows(&g, err);
        feat_reach_done(&g.before);
        feat_reach_done(&g.after);
        feat_spans_done(&g.moved);
        feat_spans_done(&g.walked);
    }
    feat_arena_done(&arena);
    return status;
}

/* ---- Rows that grow too old. ---- */

typedef struct aging {
    feat_touched *old;
    bool newer; /* the rows at hand are newer than those that grew old */
} aging;

static feat_status take_aged(feat_pass *w, const feat_row_address *rows, size_t n, feat_error *err) {
    const aging *g = w->state;
    feat_lot l = {0};
    feat_status status = feat_lot_project(&l, w->a->db, w->version, w->block, w->branch, rows, n, err);
    for (size_t i = 0; status == FEAT_OK && i < l.events.events.n; i++) {
        size_t size;
        uint32_t number;
        const void *key = feat_lot_key(&l, i, &size);
        if (!g->newer) status = feat_touched_add(g->old, key, size, FEAT_TOUCH_CHANGED, err);
        else if (!feat_keymap_number(&g->old->keys, key, size, false, &number)) status = feat_fail_memory(err);
        else if (number != FEAT_NO_KEY) g->old->flags[number] = 0;
    }
    feat_lot_done(&l);
    return status;
}

/* The event times from which on rows are young at t; false where there is no such time, which makes an error. */
static bool young_at(const feat_expiry *e, int64_t t, feat_time_span *young) {
    feat_cell now = {.v.i = t, .state = FEAT_STATE_VALUE}, age = {.v.p = e->age, .state = FEAT_STATE_VALUE}, edge;
    feat_row_op(FEAT_OP_SUB_TV, &edge, &now, &age, NULL, NULL);
    if (edge.state != FEAT_STATE_VALUE || (edge.v.i == INT64_MAX && !e->edge_is_young)) return false;
    *young = (feat_time_span){e->edge_is_young ? edge.v.i : edge.v.i + 1, INT64_MAX};
    return true;
}

/* The keys whose newest row is young at one time and old at the other: those that have a row which the edge passed, and
 * none that is newer. */
static feat_status touch_aged(const feat_affecting *a, feat_moment from, feat_moment to, const feat_expiry *e,
                              feat_touched *touched, bool *all, feat_error *err) {
    const feat_block *block = a->view->stage.joins[e->join].block;
    feat_time_span before, after;
    feat_touched old;
    if (from.t == to.t) return FEAT_OK;
    if (!young_at(e, from.t, &before) || !young_at(e, to.t, &after)) {
        *all = true;
        return FEAT_OK;
    }
    feat_time_span passed = {before.first < after.first ? before.first : after.first,
                             (before.first < after.first ? after.first : before.first) - 1};
    if (passed.first > passed.last) return FEAT_OK;
    feat_arena arena;
    feat_block who;
    feat_arena_init(&arena);
    feat_touched_init(&old);
    feat_status status = feat_block_who(&arena, block, &who, err);
    for (int newer = 0; newer < 2 && status == FEAT_OK && (!newer || old.keys.n > 0); newer++) {
        for (size_t b = 0; b < block->n_branches && status == FEAT_OK; b++) {
            feat_time_span wanted = newer ? (feat_time_span){passed.last + 1, INT64_MAX} : passed;
            feat_time_spans times = {0};
            feat_reach reach;
            aging g = {&old, newer};
            feat_pass w = {a, to.version, &who, b, &times, NULL, 0, take_aged, &g};
            status = feat_reach_init(&reach, block, b, to.t, err);
            if (status == FEAT_OK) status = feat_spans_add(&times, feat_span_both(reach.visible, wanted), err);
            if (status == FEAT_OK) status = feat_pass_run(&w, err);
            feat_spans_done(&times);
            feat_reach_done(&reach);
        }
    }
    for (uint32_t i = 0; i < old.keys.n && status == FEAT_OK; i++) {
        size_t size;
        const void *key = feat_keymap_key(&old.keys, i, &size);
        if (old.flags[i]) status = feat_touched_add(touched, key, size, FEAT_TOUCH_CHANGED | FEAT_TOUCH_KNOWN, err);
    }
    feat_touched_done(&old);
    feat_arena_done(&arena);
    return status;
}

static feat_status touch_join(const feat_affecting *a, feat_moment from, feat_moment to, size_t join,
                              feat_touched *touched, bool *all, feat_error *err) {
    if (!feat_view_asks_entity(a->view, join) || feat_view_asks_first(a->view, join))
        FEAT_TRY(touch_block(a, from, to, a->view->stage.joins[join].block, touched, all, err));
    for (size_t i = 0; i < a->drift->n && !*all; i++)
        if (a->drift->expiries[i].join == join)
            FEAT_TRY(touch_aged(a, from, to, &a->drift->expiries[i], touched, all, err));
    return FEAT_OK;
}

/* ---- From keys of blocks to entities. ---- */

/* The key of one join of a view, computed for many entities. It may come from other joins, as in user -> country ->
 * region: these are asked, and nothing else is. */
typedef struct join_keys {
    const feat_affecting *a;
    const feat_join *join;
    feat_arena arena;
    feat_stage stage; /* the code's outputs: the parts of the key */
    feat_machine *machine;
    feat_column *columns; /* of the entities: their own key's parts */
    const feat_column **inputs;
    size_t n_columns;
    int64_t *times;
    uint32_t *numbers; /* of the entities */
    size_t n;
    feat_buffer key;
} join_keys;

static void join_keys_done(join_keys *j) {
    feat_machine_free(j->machine);
    for (size_t k = 0; k < j->n_columns; k++) feat_column_done(&j->columns[k]);
    feat_free(j->columns);
    feat_free(j->inputs);
    feat_free(j->times);
    feat_free(j->numbers);
    feat_buffer_done(&j->key);
    feat_arena_done(&j->arena);
}

static feat_status join_keys_init(join_keys *j, const feat_affecting *a, size_t join, int64_t t, feat_error *err) {
    const feat_view *view = a->view;
    feat_inlining in;
    *j = (join_keys){.a = a, .join = &view->stage.joins[join]};
    feat_arena_init(&j->arena);
    feat_buffer_init(&j->key);
    feat_pool_init(&j->stage.pool, &j->arena);
    size_t n_key = j->join->block->n_key;
    uint32_t *leaves = feat_arena_array(&j->arena, view->n_key, sizeof *leaves),
             *outputs = feat_arena_array(&j->arena, n_key, sizeof *outputs);
    j->columns = feat_alloc_zero(view->n_key, sizeof *j->columns);
    j->inputs = feat_alloc_array(view->n_key, sizeof *j->inputs);
    j->times = feat_alloc_array(KEYS_AT_ONCE, sizeof *j->times);
    j->numbers = feat_alloc_array(KEYS_AT_ONCE, sizeof *j->numbers);
    if (!leaves || !outputs || !j->columns || !j->inputs || !j->times || !j->numbers) return feat_fail_memory(err);
    for (size_t i = 0; i < KEYS_AT_ONCE; i++) j->times[i] = t;
    for (; j->n_columns < view->n_key; j->n_columns++) {
        size_t k = j->n_columns;
        feat_node leaf = {.kind = FEAT_NODE_INPUT, .type = view->key[k].type, .index = (uint32_t)k};
        leaves[k] = feat_pool_add(&j->stage.pool, &leaf);
        if (leaves[k] == FEAT_NO_NODE) return feat_fail_memory(err);
        feat_column_init(&j->columns[k], view->key[k].type);
        j->inputs[k] = &j->columns[k];
    }
    FEAT_TRY(feat_inlining_init(&in, &view->stage, &j->stage, leaves, err));
    for (size_t k = 0; k < n_key; k++) FEAT_TRY(feat_inline(&in, j->join->key[k], &outputs[k], err));
    FEAT_TRY(feat_lower_stage(&j->arena, &j->stage, outputs, n_key, feat_fold_op, err));
    return feat_machine_new(j->stage.code, &j->machine, err);
}

/* The number in `keys` of the join's key of a lane; FEAT_NO_KEY where a part is no value, or it is not there. */
static feat_status lane_number(join_keys *j, feat_keymap *keys, size_t lane, uint32_t *number, feat_error *err) {
    *number = FEAT_NO_KEY;
    feat_buffer_clear(&j->key);
    for (size_t k = 0; k < j->join->block->n_key; k++) {
        feat_cell cell = feat_vector_cell(feat_machine_register(j->machine, j->stage.code->outputs[k]), lane);
        if (cell.state != FEAT_STATE_VALUE) return FEAT_OK;
        feat_key_append_cell(&j->key, j->a->view->stage.pool.nodes[j->join->key[k]].type, &cell);
    }
    if (j->key.failed || !feat_keymap_number(keys, j->key.data, j->key.size, false, number))
        return feat_fail_memory(err);
    return FEAT_OK;
}

/* Sets CHANGED for those of the entities at hand whose key is a changed one. */
static feat_status spread_lot(join_keys *j, uint64_t version, feat_touched *touched, const feat_touched *known,
                              feat_touched *entities, feat_error *err) {
    const feat_code *code = j->stage.code;
    feat_answers *answers = feat_alloc_zero(code->n_joins, sizeof *answers);
    feat_answering how = {.db = j->a->db,
                          .version = version,
                          .threads = j->a->threads,
                          .memory = j->a->memory,
                          .spill_directory = j->a->spill_directory,
                          .work = j->a->work};
    feat_row_source rows = {j->inputs, j->times, answers};
    if (!answers) return feat_fail_memory(err);
    feat_status status = feat_answer_blocks(&how, code, j->inputs, j->times, j->n, answers, err);
    for (size_t start = 0; start < j->n && status == FEAT_OK; start += FEAT_LANES) {
        size_t part = j->n - start < FEAT_LANES ? j->n - start : FEAT_LANES;
        feat_row_source_load(&rows, code, code->n_joins, j->machine, start, part);
        status = feat_machine_run(j->machine, part, err);
        for (size_t i = 0; i < part && status == FEAT_OK; i++) {
            uint32_t number;
            size_t size;
            status = lane_number(j, &touched->keys, i, &number, err);
            if (status != FEAT_OK || number == FEAT_NO_KEY || !(touched->flags[number] & FEAT_TOUCH_CHANGED)) continue;
            const void *entity = feat_keymap_key(&known->keys, j->numbers[start + i], &size);
            status = feat_touched_add(entities, entity, size, FEAT_TOUCH_CHANGED | FEAT_TOUCH_KNOWN, err);
        }
    }
    for (size_t k = 0; k < code->n_joins; k++) feat_answers_done(&answers[k]);
    feat_free(answers);
    return status;
}

/* Sets CHANGED for the known entities whose key in a join is touched. */
static feat_status spread(const feat_affecting *a, feat_moment at, size_t join, feat_touched *touched,
                          const feat_touched *known, feat_touched *entities, feat_error *err) {
    join_keys j;
    feat_status status = join_keys_init(&j, a, join, at.t, err);
    for (uint32_t from = 0; status == FEAT_OK && from < known->keys.n;) {
        status = feat_entities_columns(a->view, &known->keys, &from, KEYS_AT_ONCE, j.columns, j.numbers, &j.n, err);
        if (status == FEAT_OK) status = spread_lot(&j, at.version, touched, known, entities, err);
        if (status == FEAT_OK) status = feat_pause_check(a, err);
    }
    join_keys_done(&j);
    return status;
}

/* Decides about entities that events made or may have made known or unknown. */
static feat_status settle(const feat_affecting *a, feat_moment from, feat_moment to, feat_touched *entities,
                          feat_error *err) {
    feat_touched appeared, lost;
    feat_touched_init(&appeared);
    feat_touched_init(&lost);
    feat_status status = FEAT_OK;
    for (int pass = 0; pass < 2 && status == FEAT_OK; pass++) {
        for (uint32_t i = 0; i < entities->keys.n && status == FEAT_OK; i++) {
            uint8_t flags = entities->flags[i];
            bool may_be_gone = (flags & FEAT_TOUCH_LOST) && !(flags & FEAT_TOUCH_KNOWN);
            bool may_be_new = flags == FEAT_TOUCH_KNOWN;
            size_t size;
            uint32_t number;
            const void *key = feat_keymap_key(&entities->keys, i, &size);
            if (pass == 0) {
                if (may_be_gone) status = feat_touched_add(&lost, key, size, 0, err);
                else if (may_be_new) status = feat_touched_add(&appeared, key, size, 0, err);
                continue;
            }
            if (may_be_gone) { /* known before, as something was lost */
                feat_keymap_number(&lost.keys, key, size, false, &number);
                entities->flags[i] |= lost.flags[number] & FEAT_TOUCH_KNOWN ? FEAT_TOUCH_KNOWN : FEAT_TOUCH_CHANGED;
            } else if (may_be_new) {
                feat_keymap_number(&appeared.keys, key, size, false, &number);
                if (!(appeared.flags[number] & FEAT_TOUCH_KNOWN)) entities->flags[i] |= FEAT_TOUCH_CHANGED;
            }
        }
        if (pass == 0 && status == FEAT_OK) status = feat_entities_known(a, to, false, &lost, err);
        if (pass == 0 && status == FEAT_OK) status = feat_entities_known(a, from, false, &appeared, err);
    }
    feat_touched_done(&appeared);
    feat_touched_done(&lost);
    return status;
}

feat_status feat_entities_affected(const feat_affecting *a, feat_moment from, feat_moment to, feat_touched *entities,
                                   bool *all, feat_error *err) {
    const feat_view *view = a->view;
    feat_touched known;
    bool listed = false;
    feat_status status = FEAT_OK;
    feat_touched_init(&known);
    *all = false;
    for (size_t j = 0; j < view->stage.n_joins && !*all && status == FEAT_OK; j++) {
        if (feat_view_asks_entity(view, j)) {
            status = touch_join(a, from, to, j, entities, all, err);
            continue;
        }
        feat_touched touched;
        bool any = false;
        feat_touched_init(&touched);
        status = touch_join(a, from, to, j, &touched, all, err);
        for (size_t i = 0; i < touched.keys.n; i++) any |= (touched.flags[i] & FEAT_TOUCH_CHANGED) != 0;
        if (status == FEAT_OK && any && !*all) {
            if (!listed) status = feat_entities_known(a, to, true, &known, err);
            listed = true;
            if (status == FEAT_OK) status = spread(a, to, j, &touched, &known, entities, err);
        }
        feat_touched_done(&touched);
    }
    if (status == FEAT_OK && !*all) status = settle(a, from, to, entities, err);
    feat_touched_done(&known);
    return status;
}
