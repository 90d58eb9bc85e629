#include "engine/grouping.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h" /* feat_sort_keys */

/* ---- Numbers of integers. ---- */

void feat_intmap_done(feat_intmap *map) {
    feat_free(map->keys);
    feat_free(map->numbers);
    *map = (feat_intmap){0};
}

static bool resize(feat_intmap *map) {
    feat_intmap grown = {.size = map->size ? map->size * 2 : 1024, .n = map->n};
    grown.keys = feat_alloc_array(grown.size, sizeof *grown.keys);
    grown.numbers = feat_alloc_array(grown.size, sizeof *grown.numbers);
    if (!grown.keys || !grown.numbers) {
        feat_intmap_done(&grown);
        return false;
    }
    memset(grown.numbers, 0xff, grown.size * sizeof *grown.numbers);
    for (size_t i = 0; i < map->size; i++) {
        if (map->numbers[i] == FEAT_NO_KEY) continue;
        size_t at = feat_intmap_hash(map->keys[i]) & (grown.size - 1);
        while (grown.numbers[at] != FEAT_NO_KEY) at = (at + 1) & (grown.size - 1);
        grown.keys[at] = map->keys[i];
        grown.numbers[at] = map->numbers[i];
    }
    feat_intmap_done(map);
    *map = grown;
    return true;
}

bool feat_intmap_number(feat_intmap *map, int64_t key, bool insert, uint32_t *number) {
    *number = feat_intmap_find(map, key);
    if (*number != FEAT_NO_KEY || !insert) return true;
    if (map->n * 2 >= map->size && !resize(map)) return false;
    if (map->n >= FEAT_NO_KEY - 1) return false;
    size_t at = feat_intmap_hash(key) & (map->size - 1);
    while (map->numbers[at] != FEAT_NO_KEY) at = (at + 1) & (map->size - 1);
    map->keys[at] = key;
    *number = map->numbers[at] = (uint32_t)map->n++;
    return true;
}

/* ---- Numbers of the rows' keys. ---- */

static bool is_int_type(feat_type type) { return feat_class_of(type) == FEAT_CLASS_I; }

static feat_status number_ints(feat_grouping *g, const feat_vector *key, size_t n, uint32_t *row_key, feat_error *err) {
    const int64_t *values = feat_vector_values(key);
    uint8_t states[FEAT_LANES];
    feat_vector_states(key, n, states);
    for (size_t i = 0; i < n; i++) {
        int64_t value = values[i];
        row_key[i] = FEAT_NO_KEY;
        if (states[i] != FEAT_STATE_VALUE) continue;
        if (i > 0 && states[i - 1] == FEAT_STATE_VALUE && values[i - 1] == value) {
            row_key[i] = row_key[i - 1];
            continue;
        }
        if (!feat_intmap_number(&g->ints, value, true, &row_key[i])) return feat_fail_memory(err);
        if (value < g->least) g->least = value;
        if (value > g->greatest) g->greatest = value;
    }
    return FEAT_OK;
}

static feat_status number_texts(feat_grouping *g, const feat_code_join *join, feat_machine *machine, size_t n,
                                feat_buffer *key, uint32_t *row_key, feat_error *err) {
    for (size_t i = 0; i < n; i++) {
        bool whole = true;
        feat_buffer_clear(key);
        for (size_t k = 0; k < join->block->n_key && whole; k++) {
            feat_cell cell = feat_vector_cell(feat_machine_register(machine, join->key[k]), i);
            whole = cell.state == FEAT_STATE_VALUE;
            if (whole) feat_key_append_cell(key, join->types[k], &cell);
        }
        row_key[i] = FEAT_NO_KEY;
        if (whole && (key->failed || !feat_keymap_number(&g->map, key->data, key->size, true, &row_key[i])))
            return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status number_rows(feat_grouping *g, const feat_code *code, size_t number, const feat_row_source *rows,
                               uint32_t *row_key, feat_error *err) {
    const feat_code_join *join = &code->joins[number];
    feat_machine *machine;
    feat_buffer key;
    FEAT_TRY(feat_machine_new(code, &machine, err));
    feat_buffer_init(&key);
    feat_status status = FEAT_OK;
    for (size_t at = 0; at < g->n_rows && status == FEAT_OK; at += FEAT_LANES) {
        size_t n = g->n_rows - at < FEAT_LANES ? g->n_rows - at : FEAT_LANES;
        feat_row_source_load(rows, code, number, machine, at, n);
        status = feat_machine_run_steps(machine, 0, join->step, n, err);
        if (status != FEAT_OK) break;
        if (g->by_int) status = number_ints(g, feat_machine_register(machine, join->key[0]), n, row_key + at, err);
        else status = number_texts(g, join, machine, n, &key, row_key + at, err);
    }
    feat_machine_free(machine);
    feat_buffer_done(&key);
    g->n_keys = g->by_int ? g->ints.n : g->map.n;
    return status;
}

/* ---- Groups. ---- */

/* Rows into their groups by counting, each group into the order of its times; rows of one time keep their own. */
static feat_status group_rows(feat_grouping *g, const int64_t *times, uint32_t *row_key, feat_error *err) {
    size_t n = g->n_rows;
    feat_sort_item *items = feat_alloc_array(n, sizeof *items), *scratch = NULL;
    feat_status status = FEAT_OK;
    g->starts = feat_alloc_zero(g->n_keys + 3, sizeof *g->starts);
    g->places = feat_alloc_array(n, sizeof *g->places);
    g->times = feat_alloc_array(n, sizeof *g->times);
    if (!items || !g->starts || !g->places || !g->times) {
        status = feat_fail_memory(err);
        goto out;
    }
    uint32_t *start = g->starts;
    for (size_t i = 0; i < n; i++) {
        if (row_key[i] == FEAT_NO_KEY) row_key[i] = (uint32_t)g->n_keys;
        start[row_key[i] + 2]++;
    }
    for (size_t k = 2; k < g->n_keys + 3; k++) start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++)
        items[start[row_key[i] + 1]++] = (feat_sort_item){(uint64_t)times[i] ^ UINT64_C(1) << 63, (uint32_t)i};
    size_t room = 0;
    for (size_t k = 0; k <= g->n_keys; k++) {
        feat_sort_item *group = items + start[k];
        size_t length = start[k + 1] - start[k], sorted = 1;
        while (sorted < length && group[sorted - 1].key <= group[sorted].key) sorted++;
        if (sorted >= length) continue;
        if (FEAT_GROW(scratch, room, length) != 0) {
            status = feat_fail_memory(err);
            goto out;
        }
        feat_sort_keys(group, scratch, length);
    }
    for (size_t p = 0; p < n; p++) {
        g->places[items[p].row] = (uint32_t)p;
        g->times[p] = (int64_t)(items[p].key ^ UINT64_C(1) << 63);
    }
out:
    feat_free(items);
    feat_free(scratch);
    return status;
}

feat_status feat_grouping_encode(feat_grouping *g, feat_error *err) {
    if (!g->by_int || g->map.n == g->n_keys) return FEAT_OK;
    int64_t *keys = feat_alloc_array(g->n_keys, sizeof *keys);
    feat_buffer key;
    bool made = keys != NULL;
    feat_buffer_init(&key);
    for (size_t i = 0; made && i < g->ints.size; i++)
        if (g->ints.numbers[i] != FEAT_NO_KEY) keys[g->ints.numbers[i]] = g->ints.keys[i];
    for (size_t k = 0; made && k < g->n_keys; k++) {
        uint32_t number;
        feat_buffer_clear(&key);
        feat_key_append_int(&key, keys[k]);
        made = !key.failed && feat_keymap_number(&g->map, key.data, key.size, true, &number);
    }
    feat_free(keys);
    feat_buffer_done(&key);
    return made ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_grouping_make(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                               size_t n, feat_error *err) {
    const feat_code_join *j = &code->joins[join];
    *g = (feat_grouping){.n_rows = n,
                         .by_int = j->block->n_key == 1 && is_int_type(j->types[0]) && is_int_type(j->block->key[0]),
                         .least = INT64_MAX,
                         .greatest = INT64_MIN};
    feat_keymap_init(&g->map);
    uint32_t *row_key = feat_alloc_array(n, sizeof *row_key);
    feat_status status = row_key ? number_rows(g, code, join, rows, row_key, err) : feat_fail_memory(err);
    if (status == FEAT_OK) status = group_rows(g, rows->times, row_key, err);
    feat_free(row_key);
    return status;
}

void feat_grouping_done(feat_grouping *g) {
    feat_intmap_done(&g->ints);
    feat_keymap_done(&g->map);
    feat_free(g->starts);
    feat_free(g->places);
    feat_free(g->times);
    *g = (feat_grouping){0};
}
