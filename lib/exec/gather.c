#include "exec/gather.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/body.h"
#include "math/number.h"

feat_agg_function *feat_agg_function_of(feat_agg agg) {
    static feat_agg_function *const functions[FEAT_AGG_COUNT_OF] = {
#define FEAT_AGG(id, sql, arg, result, algebra, rev, empty, errors, text) NULL,
#define FEAT_AGG_FUNCTION(id, sql, arg, second, parameter, result, algebra, nulls, function, rev, empty, errors, text) \
    feat_agg_##function,
#include "plan/agg.def"
#undef FEAT_AGG
    };
    return functions[agg];
}

void feat_gather_init(feat_gather *g) {
    *g = (feat_gather){0};
    feat_scratch_init(&g->scratch);
}

void feat_gather_done(feat_gather *g) {
    for (int i = 0; i < 2; i++) {
        feat_free(g->values[i]);
        feat_free(g->states[i]);
    }
    feat_free(g->times);
    feat_free(g->rows);
    feat_free(g->spare);
    feat_scratch_done(&g->scratch);
    *g = (feat_gather){0};
}

/* ---- Order. ---- */

bool feat_lane_below(feat_class class, const void *values, size_t i, size_t k) {
    switch (class) {
    case FEAT_CLASS_B: return ((const uint8_t *)values)[i] < ((const uint8_t *)values)[k];
    case FEAT_CLASS_I: return ((const int64_t *)values)[i] < ((const int64_t *)values)[k];
    case FEAT_CLASS_F: return feat_double_order(((const double *)values)[i], ((const double *)values)[k]) < 0;
    case FEAT_CLASS_T: return feat_text_order(((const feat_text *)values)[i], ((const feat_text *)values)[k]) < 0;
    case FEAT_CLASS_W: return ((const feat_int128 *)values)[i] < ((const feat_int128 *)values)[k];
    case FEAT_CLASS_V:
        return feat_interval_order(((const feat_interval *)values)[i], ((const feat_interval *)values)[k]) < 0;
    case FEAT_CLASS_N: break;
    }
    return false;
}

bool feat_slot_below(const feat_event_slot *slot, size_t i, size_t k) {
    return feat_lane_below(slot->class, slot->values, i, k);
}

int feat_gather_order(const feat_aggregate *a, const feat_events *events, size_t i, size_t k) {
    for (size_t n = 0; n < a->n_order; n++) {
        const feat_order_key *key = &a->order[n];
        const feat_event_slot *slot = &events->slots[key->slot];
        bool null_i = slot->state[i] != FEAT_STATE_VALUE, null_k = slot->state[k] != FEAT_STATE_VALUE;
        if (null_i && null_k) continue;
        if (null_i || null_k) return null_i == key->nulls_first ? -1 : 1;
        int order = feat_slot_below(slot, i, k) ? -1 : feat_slot_below(slot, k, i);
        if (order) return key->descending ? -order : order;
    }
    int order = i < k ? -1 : i > k;
    return a->order[0].descending ? -order : order;
}

bool feat_gather_key_failed(const feat_aggregate *a, const feat_events *events, size_t i) {
    bool failed = false;
    for (size_t n = 0; n < a->n_order; n++) failed |= events->slots[a->order[n].slot].state[i] == FEAT_STATE_ERROR;
    return failed;
}

/* What rows are sorted by: an ORDER BY, the values of a slot (as SQL compares them: -0 and +0 are equal), or their
 * place. */
typedef struct sorting {
    const feat_aggregate *by;
    const feat_events *events;
    const feat_event_slot *slot;
} sorting;

static bool after(const sorting *s, uint32_t i, uint32_t k) {
    if (s->by) return feat_gather_order(s->by, s->events, i, k) > 0;
    if (!s->slot) return i > k;
    bool null_i = s->slot->state[i] != FEAT_STATE_VALUE, null_k = s->slot->state[k] != FEAT_STATE_VALUE;
    if (null_i || null_k) return null_k && !null_i;
    const double *doubles = s->slot->values;
    if (s->slot->class == FEAT_CLASS_F && doubles[i] == 0 && doubles[k] == 0) return false;
    return feat_slot_below(s->slot, k, i);
}

/* A stable merge sort from the bottom up; returns the array that holds the result. */
static uint32_t *sort_rows(const sorting *s, uint32_t *rows, uint32_t *spare, size_t n) {
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t at = 0; at < n; at += 2 * run) {
            size_t middle = n - at < run ? n : at + run, end = n - at < 2 * run ? n : at + 2 * run;
            size_t left = at, right = middle, to = at;
            while (left < middle && right < end)
                spare[to++] = after(s, rows[left], rows[right]) ? rows[right++] : rows[left++];
            while (left < middle) spare[to++] = rows[left++];
            while (right < end) spare[to++] = rows[right++];
        }
        uint32_t *swap = rows;
        rows = spare;
        spare = swap;
    }
    return rows;
}

static int to_order(feat_gather *g, const sorting *s, size_t n) {
    if (FEAT_GROW(g->spare, g->spare_capacity, n) != 0) return -1;
    if (sort_rows(s, g->rows, g->spare, n) == g->spare && n) memcpy(g->rows, g->spare, n * sizeof *g->rows);
    return 0;
}

/* ---- Rows. ---- */

static bool same_value(const feat_event_slot *slot, size_t i, size_t k) {
    sorting s = {NULL, NULL, slot};
    return !after(&s, (uint32_t)i, (uint32_t)k) && !after(&s, (uint32_t)k, (uint32_t)i);
}

/* Of rows with equal arguments keeps the first one in canonical order. `second` may be NULL. */
static int keep_distinct(feat_gather *g, const feat_event_slot *slot, const feat_event_slot *second, size_t *n) {
    size_t kept = 0;
    if (second && to_order(g, &(sorting){NULL, NULL, second}, *n) != 0) return -1;
    if (to_order(g, &(sorting){NULL, NULL, slot}, *n) != 0) return -1;
    for (size_t i = 0; i < *n; i++) {
        bool again = kept && same_value(slot, g->rows[kept - 1], g->rows[i]) &&
                     (!second || same_value(second, g->rows[kept - 1], g->rows[i]));
        if (!again) g->rows[kept++] = g->rows[i];
    }
    *n = kept;
    return to_order(g, &(sorting){NULL, NULL, NULL}, kept);
}

static int copy_values(feat_gather *g, int which, const feat_event_slot *slot, const feat_event_slot *otherwise,
                       feat_range inside, size_t n) {
    size_t size = feat_class_size(slot->class);
    if (feat_grow(&g->values[which], &g->values_bytes[which], n * size, 1) != 0 ||
        FEAT_GROW(g->states[which], g->states_capacity[which], n) != 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        uint32_t row = g->rows[i];
        const feat_event_slot *from = otherwise && !(row >= inside.from && row < inside.to) ? otherwise : slot;
        memcpy((char *)g->values[which] + i * size, (const char *)from->values + row * size, size);
        g->states[which][i] = from->state[row];
    }
    return 0;
}

feat_status feat_gather_run(feat_gather *g, const feat_block *block, const feat_aggregate *a, const feat_events *events,
                            feat_ranges ranges, feat_range inside, int64_t t, feat_cell *out, feat_error *err) {
    const feat_agg_info *info = &feat_agg_table[a->agg];
    const feat_event_slot *slot = &events->slots[a->slot];
    const feat_event_slot *otherwise = a->otherwise == FEAT_NO_NODE ? NULL : &events->slots[a->otherwise];
    bool two = info->takes[1] != FEAT_AGG_TAKES_N, bare = info->takes[0] == FEAT_AGG_TAKES_N;
    const feat_event_slot *second = two ? &events->slots[a->second] : NULL;
    size_t most = feat_range_length(ranges.first) + feat_range_length(ranges.second), n = 0;
    if (FEAT_GROW(g->rows, g->rows_capacity, most) != 0) return feat_fail_memory(err);
    *out = feat_cell_of_state(FEAT_STATE_ERROR);
    for (int part = 0; part < 2; part++) {
        feat_range range = part ? ranges.second : ranges.first;
        for (size_t i = range.from; i < range.to; i++) {
            const feat_event_slot *from = i >= inside.from && i < inside.to ? slot : otherwise;
            if (!from || from->state[i] == FEAT_STATE_SKIPPED) continue;
            uint8_t state = from->state[i];
            if (two && second->state[i] > state) state = second->state[i];
            if (state == FEAT_STATE_ERROR || (a->n_order && feat_gather_key_failed(a, events, i))) return FEAT_OK;
            if (state == FEAT_STATE_NULL && !info->keeps_nulls) continue;
            g->rows[n++] = (uint32_t)i;
        }
    }
    if (a->distinct && !bare && keep_distinct(g, slot, second, &n) != 0) return feat_fail_memory(err);
    if (a->n_order) {
        sorting s = {a, events, NULL};
        if (to_order(g, &s, n) != 0) return feat_fail_memory(err);
    }
    if (n == 0 && info->empty_is_null) {
        *out = feat_cell_of_state(FEAT_STATE_NULL);
        return FEAT_OK;
    }
    if (FEAT_GROW(g->times, g->times_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) g->times[i] = events->time[g->rows[i]];
    if ((!bare && copy_values(g, 0, slot, otherwise, inside, n) != 0) ||
        (two && copy_values(g, 1, second, NULL, inside, n) != 0))
        return feat_fail_memory(err);
    feat_agg_input in = {.n = n,
                         .types = {block->slots[a->slot], two ? block->slots[a->second] : 0},
                         .values = {bare ? NULL : g->values[0], two ? g->values[1] : NULL},
                         .states = {bare ? NULL : g->states[0], two ? g->states[1] : NULL},
                         .times = g->times,
                         .t = t,
                         .type = a->type,
                         .parameter = &a->parameter,
                         .scratch = &g->scratch};
    *out = feat_agg_function_of(a->agg)(&in);
    return g->scratch.failed ? feat_fail_memory(err) : FEAT_OK;
}
