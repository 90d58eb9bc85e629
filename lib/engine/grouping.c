#include "engine/grouping.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "engine/ingest.h" /* feat_sort_keys */

/* ---- Numbers of integers: 0, 1, 2, ... in the order of first sight. ---- */

typedef struct intmap {
    int64_t *keys;     /* by slot of an open table */
    uint32_t *numbers; /* FEAT_NO_KEY: the slot is free */
    size_t size, n;
} intmap;

static uint64_t hash_of(int64_t key) {
    uint64_t x = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
}

/* The number of a key, or FEAT_NO_KEY. */
static uint32_t intmap_find(const intmap *map, int64_t key) {
    if (map->size == 0) return FEAT_NO_KEY;
    for (size_t at = hash_of(key) & (map->size - 1);; at = (at + 1) & (map->size - 1))
        if (map->numbers[at] == FEAT_NO_KEY || map->keys[at] == key) return map->numbers[at];
}

static void intmap_done(intmap *map) {
    feat_free(map->keys);
    feat_free(map->numbers);
    *map = (intmap){0};
}

static bool resize(intmap *map) {
    intmap grown = {.size = map->size ? map->size * 2 : 256, .n = map->n};
    grown.keys = feat_alloc_array(grown.size, sizeof *grown.keys);
    grown.numbers = feat_alloc_array(grown.size, sizeof *grown.numbers);
    if (!grown.keys || !grown.numbers) {
        intmap_done(&grown);
        return false;
    }
    memset(grown.numbers, 0xff, grown.size * sizeof *grown.numbers);
    for (size_t i = 0; i < map->size; i++) {
        if (map->numbers[i] == FEAT_NO_KEY) continue;
        size_t at = hash_of(map->keys[i]) & (grown.size - 1);
        while (grown.numbers[at] != FEAT_NO_KEY) at = (at + 1) & (grown.size - 1);
        grown.keys[at] = map->keys[i];
        grown.numbers[at] = map->numbers[i];
    }
    intmap_done(map);
    *map = grown;
    return true;
}

/* The number of a key, given one if it is new. False when memory is out. */
static bool intmap_number(intmap *map, int64_t key, uint32_t *number) {
    *number = intmap_find(map, key);
    if (*number != FEAT_NO_KEY) return true;
    if (map->n * 2 >= map->size && !resize(map)) return false;
    if (map->n >= FEAT_NO_KEY - 1) return false;
    size_t at = hash_of(key) & (map->size - 1);
    while (map->numbers[at] != FEAT_NO_KEY) at = (at + 1) & (map->size - 1);
    map->keys[at] = key;
    *number = map->numbers[at] = (uint32_t)map->n++;
    return true;
}

/* ---- Sorting within groups. ---- */

/* Puts each group into the order of its times; `scratch` grows to the longest. */
static int sort_groups(feat_sort_item *items, const uint32_t *starts, size_t n_groups, feat_sort_item **scratch,
                       size_t *room) {
    for (size_t k = 0; k < n_groups; k++) {
        feat_sort_item *group = items + starts[k];
        size_t length = starts[k + 1] - starts[k], sorted = 1;
        while (sorted < length && group[sorted - 1].key <= group[sorted].key) sorted++;
        if (sorted >= length) continue;
        if (FEAT_GROW(*scratch, *room, length) != 0) return -1;
        feat_sort_keys(group, *scratch, length);
    }
    return 0;
}

static uint64_t key_of_time(int64_t t) { return (uint64_t)t ^ UINT64_C(1) << 63; }
static int64_t time_of_key(uint64_t key) { return (int64_t)(key ^ UINT64_C(1) << 63); }

/* Counts become starts; the items of a group are then put from its start on, which ends up at its end, so that counting
 * is done one group ahead. */
static void add_up(uint32_t *starts, size_t n) {
    for (size_t k = 1; k < n; k++) starts[k] += starts[k - 1];
}

/* ---- Keys that are one integer. ---- */

enum { CHUNK = 65536, PARTS = 32, NO_KEY = PARTS /* the part of rows without a key */, SAMPLES = 32 * PARTS };

/* Rows are dealt out, chunk by chunk and in their order, to parts that each have a range of keys; then each part is
 * grouped alone, so that parts are small and threads can work on several. */
typedef struct dealing {
    feat_grouping *g;
    const feat_code *code;
    size_t join;
    const feat_row_source *rows;
    const feat_column *column; /* that holds the keys, or NULL: they are computed */
    const int64_t *keys;       /* by row */
    int64_t *own_keys;         /* or NULL: the column's */
    uint8_t *parts;            /* by row; NO_KEY from the start where there is none */
    size_t n_chunks;
    bool *ordered;                /* by chunk: rows have keys, and are in the order of key and time */
    uint32_t *first_group;        /* by chunk: how many keys begin in it; then how many began before it */
    uint32_t (*at)[PARTS + 1];    /* by chunk: rows of each part; then where the next one goes */
    int64_t splitters[PARTS - 1]; /* the least key of each part but the first */
    /* Dealt out: */
    uint32_t starts[PARTS + 2];
    int64_t *dealt_keys, *dealt_times;
    uint32_t *dealt_rows;
    int64_t *part_keys[PARTS];     /* of each part, ascending */
    uint32_t *group_starts[PARTS]; /* of its groups, from 0 */
    uint32_t n_groups[PARTS];
} dealing;

static size_t chunk_rows(const dealing *d, size_t chunk) {
    size_t first = chunk * CHUNK;
    return d->g->n_rows - first < CHUNK ? d->g->n_rows - first : CHUNK;
}

/* The input that a join's key is, as it is. */
static const feat_column *column_of(const feat_code *code, size_t join, const feat_row_source *rows) {
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        if (load->kind != FEAT_LOAD_INPUT || load->reg != code->joins[join].key[0]) continue;
        feat_type type = rows->inputs[load->index]->type;
        return type == FEAT_TYPE_BIGINT || type == FEAT_TYPE_TIMESTAMP ? rows->inputs[load->index] : NULL;
    }
    return NULL;
}

/* Whether rows [first, end) are in the order of key and time, and how many keys begin in them, that of `first` not
 * counted. */
static bool are_ordered(const int64_t *keys, const int64_t *times, size_t first, size_t end, uint32_t *groups) {
    uint32_t begun = 0;
    for (size_t at = first + 1; at < end; at += FEAT_LANES) {
        size_t stop = end - at < FEAT_LANES ? end : at + FEAT_LANES;
        uint32_t wrong = 0;
        for (size_t i = at; i < stop; i++) {
            uint32_t same = keys[i - 1] == keys[i];
            wrong |= (uint32_t)(keys[i - 1] > keys[i]) | (same & (uint32_t)(times[i - 1] > times[i]));
            begun += !same;
        }
        if (wrong) return false;
    }
    *groups = begun;
    return true;
}

static feat_status look_at_chunk(dealing *d, size_t chunk) {
    size_t first = chunk * CHUNK, end = first + chunk_rows(d, chunk);
    d->first_group[chunk] = 0;
    for (size_t i = first; d->column->null_count && i < end; i++)
        d->parts[i] = feat_column_is_null(d->column, i) ? NO_KEY : 0;
    d->ordered[chunk] =
        d->column->null_count == 0 && are_ordered(d->keys, d->rows->times, first, end, &d->first_group[chunk]);
    return FEAT_OK;
}

static feat_status read_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    if (d->column) return look_at_chunk(d, chunk);
    const feat_code_join *join = &d->code->joins[d->join];
    feat_machine *machine;
    size_t first = chunk * CHUNK, rows = chunk_rows(d, chunk);
    const int64_t *times = d->rows->times;
    feat_status status = feat_machine_new(d->code, &machine, err);
    bool whole = true;
    if (status != FEAT_OK) return status;
    for (size_t at = first; at < first + rows && status == FEAT_OK; at += FEAT_LANES) {
        uint8_t states[FEAT_LANES], worst = 0;
        size_t n = first + rows - at < FEAT_LANES ? first + rows - at : FEAT_LANES;
        feat_row_source_load(d->rows, d->code, d->join, machine, at, n);
        status = feat_machine_run_steps(machine, 0, join->step, n, err);
        if (status != FEAT_OK) break;
        const feat_vector *key = feat_machine_register(machine, join->key[0]);
        feat_vector_states(key, n, states);
        memcpy(d->own_keys + at, feat_vector_values(key), n * sizeof *d->own_keys);
        for (size_t i = 0; i < n; i++) {
            d->parts[at + i] = states[i] == FEAT_STATE_VALUE ? 0 : NO_KEY;
            worst |= states[i];
        }
        whole = whole && worst == 0;
    }
    d->first_group[chunk] = 0;
    d->ordered[chunk] = whole && are_ordered(d->keys, times, first, first + rows, &d->first_group[chunk]);
    feat_machine_free(machine);
    return status;
}

/* ---- Rows that come in the order of key and time are groups as they lie. ---- */

static bool is_ordered(dealing *d) {
    const int64_t *times = d->rows->times, *keys = d->keys;
    uint32_t before = 0;
    for (size_t c = 0; c < d->n_chunks; c++) {
        size_t i = c * CHUNK;
        if (!d->ordered[c]) return false;
        if (i && (keys[i - 1] > keys[i] || (keys[i - 1] == keys[i] && times[i - 1] > times[i]))) return false;
        uint32_t here = d->first_group[c] + (i == 0 || keys[i - 1] != keys[i]);
        d->first_group[c] = before;
        before += here;
    }
    d->g->n_keys = before;
    return true;
}

static feat_status take_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    feat_grouping *g = d->g;
    size_t first = chunk * CHUNK, end = first + chunk_rows(d, chunk), group = d->first_group[chunk];
    (void)err;
    for (size_t i = first; i < end; i++) {
        if (i && d->keys[i - 1] == d->keys[i]) continue;
        g->keys[group] = d->keys[i];
        g->starts[group++] = (uint32_t)i;
    }
    return FEAT_OK;
}

static feat_status take_ordered(dealing *d, size_t threads, feat_error *err) {
    feat_grouping *g = d->g;
    g->keys = feat_alloc_array(g->n_keys, sizeof *g->keys);
    g->starts = feat_alloc_array(g->n_keys + 2, sizeof *g->starts);
    if (!g->keys || !g->starts) return feat_fail_memory(err);
    g->starts[g->n_keys] = g->starts[g->n_keys + 1] = (uint32_t)g->n_rows;
    g->times = d->rows->times;
    return feat_parallel(threads, d->n_chunks, take_chunk, d, err);
}

/* ---- Any other order. ---- */

/* Keys that divide the rows into parts of about one size, whatever the keys are: quantiles of a sample. */
static void choose_splitters(dealing *d) {
    feat_sort_item samples[SAMPLES], scratch[SAMPLES];
    size_t n = 0, rows = d->g->n_rows;
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t row = (size_t)((feat_int128)rows * (int64_t)i / SAMPLES);
        if (d->parts[row] != NO_KEY) samples[n++] = (feat_sort_item){key_of_time(d->keys[row]), 0};
    }
    feat_sort_keys(samples, scratch, n);
    for (size_t i = 0; i < PARTS - 1; i++)
        d->splitters[i] = n ? time_of_key(samples[(i + 1) * n / PARTS].key) : INT64_MAX;
}

static feat_status count_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    size_t first = chunk * CHUNK, end = first + chunk_rows(d, chunk);
    uint32_t *counts = d->at[chunk];
    (void)err;
    for (size_t row = first; row < end; row++) {
        if (d->parts[row] != NO_KEY) {
            /* The splitters that are not above the key, by halving 31: no branch depends on the key. */
            uint32_t part = 0;
            for (uint32_t half = PARTS / 2; half; half /= 2)
                part += d->splitters[part + half - 1] <= d->keys[row] ? half : 0;
            d->parts[row] = (uint8_t)part;
        }
        counts[d->parts[row]]++;
    }
    return FEAT_OK;
}

static feat_status deal_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    size_t first = chunk * CHUNK, end = first + chunk_rows(d, chunk);
    (void)err;
    for (size_t row = first; row < end; row++) {
        uint32_t at = d->at[chunk][d->parts[row]]++;
        d->dealt_keys[at] = d->keys[row];
        d->dealt_times[at] = d->rows->times[row];
        d->dealt_rows[at] = (uint32_t)row;
    }
    return FEAT_OK;
}

/* Numbers of a part's rows in the order of their keys; the keys, ascending. */
static feat_status number_part(const int64_t *keys, size_t n, uint32_t *numbers, int64_t **sorted, uint32_t *n_keys,
                               feat_error *err) {
    intmap map = {0};
    feat_sort_item *items = NULL;
    uint32_t *ranks = NULL;
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && keys[i] == keys[i - 1]) numbers[i] = numbers[i - 1];
        else if (!intmap_number(&map, keys[i], &numbers[i])) FEAT_GOTO(status, feat_fail_memory(err), out);
    }
    items = feat_alloc_array(map.n, 2 * sizeof *items);
    ranks = feat_alloc_array(map.n, sizeof *ranks);
    *sorted = feat_alloc_array(map.n, sizeof **sorted);
    if (!items || !ranks || !*sorted) FEAT_GOTO(status, feat_fail_memory(err), out);
    for (size_t i = 0; i < map.size; i++)
        if (map.numbers[i] != FEAT_NO_KEY)
            items[map.numbers[i]] = (feat_sort_item){key_of_time(map.keys[i]), map.numbers[i]};
    feat_sort_keys(items, items + map.n, map.n);
    for (size_t k = 0; k < map.n; k++) {
        (*sorted)[k] = time_of_key(items[k].key);
        ranks[items[k].row] = (uint32_t)k;
    }
    for (size_t i = 0; i < n; i++) numbers[i] = ranks[numbers[i]];
    *n_keys = (uint32_t)map.n;
out:
    intmap_done(&map);
    feat_free(items);
    feat_free(ranks);
    return status;
}

/* Rows of one part into groups; their places are those that the part was dealt. */
static feat_status group_part(void *context, size_t part, feat_error *err) {
    dealing *d = context;
    feat_grouping *g = d->g;
    uint32_t first = d->starts[part], n_groups = 1, *starts = NULL;
    size_t n = d->starts[part + 1] - first, room = 0;
    const uint32_t *rows = d->dealt_rows + first;
    const int64_t *times = d->dealt_times + first;
    uint32_t *numbers = feat_alloc_zero(n, sizeof *numbers);
    feat_sort_item *items = feat_alloc_array(n, sizeof *items), *scratch = NULL;
    feat_status status = numbers && items ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK && part < PARTS)
        status = number_part(d->dealt_keys + first, n, numbers, &d->part_keys[part], &n_groups, err);
    if (status != FEAT_OK) goto out;
    starts = feat_alloc_zero((size_t)n_groups + 3, sizeof *starts);
    if (!starts) FEAT_GOTO(status, feat_fail_memory(err), out);
    for (size_t i = 0; i < n; i++) starts[numbers[i] + 2]++;
    add_up(starts, (size_t)n_groups + 2);
    for (size_t i = 0; i < n; i++) items[starts[numbers[i] + 1]++] = (feat_sort_item){key_of_time(times[i]), rows[i]};
    if (sort_groups(items, starts, n_groups, &scratch, &room) != 0) FEAT_GOTO(status, feat_fail_memory(err), out);
    for (size_t i = 0; i < n; i++) {
        g->rows[first + i] = items[i].row;
        g->own_times[first + i] = time_of_key(items[i].key);
    }
    if (part < PARTS) {
        d->n_groups[part] = n_groups;
        d->group_starts[part] = starts;
        starts = NULL;
    }
out:
    feat_free(starts);
    feat_free(numbers);
    feat_free(items);
    feat_free(scratch);
    return status;
}

/* From counts by chunk and part to where each chunk's rows of a part go. */
static void place_chunks(dealing *d) {
    uint32_t at = 0;
    for (size_t p = 0; p <= PARTS; p++) {
        d->starts[p] = at;
        for (size_t c = 0; c < d->n_chunks; c++) {
            uint32_t n = d->at[c][p];
            d->at[c][p] = at;
            at += n;
        }
    }
    d->starts[PARTS + 1] = at;
}

/* The groups of all parts, one part after the other. */
static feat_status join_parts(dealing *d, feat_error *err) {
    feat_grouping *g = d->g;
    size_t at = 0;
    for (size_t p = 0; p < PARTS; p++) g->n_keys += d->n_groups[p];
    g->starts = feat_alloc_array(g->n_keys + 2, sizeof *g->starts);
    g->keys = feat_alloc_array(g->n_keys, sizeof *g->keys);
    if (!g->starts || !g->keys) return feat_fail_memory(err);
    for (size_t p = 0; p < PARTS; p++)
        for (size_t k = 0; k < d->n_groups[p]; k++) {
            g->keys[at] = d->part_keys[p][k];
            g->starts[at++] = d->starts[p] + d->group_starts[p][k];
        }
    g->starts[at] = d->starts[PARTS];
    g->starts[at + 1] = d->starts[PARTS + 1];
    return FEAT_OK;
}

static feat_status deal_rows(dealing *d, size_t threads, feat_error *err) {
    feat_grouping *g = d->g;
    size_t n = g->n_rows;
    d->at = feat_alloc_zero(d->n_chunks, sizeof *d->at);
    d->dealt_keys = feat_alloc_array(n, sizeof *d->dealt_keys);
    d->dealt_times = feat_alloc_array(n, sizeof *d->dealt_times);
    d->dealt_rows = feat_alloc_array(n, sizeof *d->dealt_rows);
    g->rows = feat_alloc_array(n, sizeof *g->rows);
    g->times = g->own_times = feat_alloc_array(n, sizeof *g->own_times);
    if (!d->at || !d->dealt_keys || !d->dealt_times || !d->dealt_rows || !g->rows || !g->times)
        return feat_fail_memory(err);
    choose_splitters(d);
    FEAT_TRY(feat_parallel(threads, d->n_chunks, count_chunk, d, err));
    place_chunks(d);
    FEAT_TRY(feat_parallel(threads, d->n_chunks, deal_chunk, d, err));
    FEAT_TRY(feat_parallel(threads, PARTS + 1, group_part, d, err));
    return join_parts(d, err);
}

static feat_status group_ints(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                              size_t threads, feat_error *err) {
    size_t n = g->n_rows;
    dealing d = {.g = g, .code = code, .join = join, .rows = rows, .n_chunks = (n + CHUNK - 1) / CHUNK};
    d.column = column_of(code, join, rows);
    if (!d.column) d.own_keys = feat_alloc_array(n, sizeof *d.own_keys);
    d.keys = d.column ? d.column->values : d.own_keys;
    d.parts = feat_alloc_zero(n, 1);
    d.ordered = feat_alloc_array(d.n_chunks, sizeof *d.ordered);
    d.first_group = feat_alloc_array(d.n_chunks, sizeof *d.first_group);
    bool made = (d.column || d.own_keys) && d.parts && d.ordered && d.first_group;
    feat_status status = made ? feat_parallel(threads, d.n_chunks, read_chunk, &d, err) : feat_fail_memory(err);
    if (status == FEAT_OK) status = is_ordered(&d) ? take_ordered(&d, threads, err) : deal_rows(&d, threads, err);
    for (size_t p = 0; p < PARTS; p++) {
        feat_free(d.part_keys[p]);
        feat_free(d.group_starts[p]);
    }
    feat_free(d.own_keys);
    feat_free(d.parts);
    feat_free(d.ordered);
    feat_free(d.first_group);
    feat_free(d.at);
    feat_free(d.dealt_keys);
    feat_free(d.dealt_times);
    feat_free(d.dealt_rows);
    return status;
}

size_t feat_grouping_seek(const feat_grouping *g, size_t group, int64_t key) {
    size_t step = 1, n = g->n_keys;
    if (group >= n || g->keys[group] >= key) return group;
    while (step < n - group && g->keys[group + step] < key) {
        group += step;
        step *= 2;
    }
    size_t low = group + 1, left = (step < n - group ? group + step : n) - low;
    while (left > 0) {
        size_t half = left / 2;
        if (g->keys[low + half] < key) low += half + 1, left -= half + 1;
        else left = half;
    }
    return low;
}

/* ---- Any other key. ---- */

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
        if (status == FEAT_OK) status = number_texts(g, join, machine, n, &key, row_key + at, err);
    }
    feat_machine_free(machine);
    feat_buffer_done(&key);
    g->n_keys = g->map.n;
    return status;
}

/* Rows into their groups by counting, each group into the order of its times; rows of one time keep their own. */
static feat_status group_rows(feat_grouping *g, const int64_t *times, uint32_t *row_key, feat_error *err) {
    size_t n = g->n_rows, room = 0;
    feat_sort_item *items = feat_alloc_array(n, sizeof *items), *scratch = NULL;
    feat_status status = FEAT_OK;
    g->starts = feat_alloc_zero(g->n_keys + 3, sizeof *g->starts);
    g->rows = feat_alloc_array(n, sizeof *g->rows);
    g->times = g->own_times = feat_alloc_array(n, sizeof *g->own_times);
    if (!items || !g->starts || !g->rows || !g->times) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        if (row_key[i] == FEAT_NO_KEY) row_key[i] = (uint32_t)g->n_keys;
        g->starts[row_key[i] + 2]++;
    }
    add_up(g->starts, g->n_keys + 3);
    for (size_t i = 0; i < n; i++)
        items[g->starts[row_key[i] + 1]++] = (feat_sort_item){key_of_time(times[i]), (uint32_t)i};
    if (sort_groups(items, g->starts, g->n_keys + 1, &scratch, &room) != 0) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t p = 0; p < n; p++) {
        g->rows[p] = items[p].row;
        g->own_times[p] = time_of_key(items[p].key);
    }
out:
    feat_free(items);
    feat_free(scratch);
    return status;
}

feat_status feat_grouping_encode(feat_grouping *g, feat_error *err) {
    if (!g->keys || g->map.n == g->n_keys) return FEAT_OK;
    feat_buffer key;
    bool made = true;
    feat_buffer_init(&key);
    for (size_t k = 0; made && k < g->n_keys; k++) {
        uint32_t number;
        feat_buffer_clear(&key);
        feat_key_append_int(&key, g->keys[k]);
        made = !key.failed && feat_keymap_number(&g->map, key.data, key.size, true, &number);
    }
    feat_buffer_done(&key);
    return made ? FEAT_OK : feat_fail_memory(err);
}

static bool is_int_type(feat_type type) { return feat_class_of(type) == FEAT_CLASS_I; }

feat_status feat_grouping_make(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                               size_t n, size_t threads, feat_error *err) {
    const feat_code_join *j = &code->joins[join];
    *g = (feat_grouping){.n_rows = n};
    feat_keymap_init(&g->map);
    if (j->block->n_key == 1 && is_int_type(j->types[0]) && is_int_type(j->block->key[0]))
        return group_ints(g, code, join, rows, threads, err);
    uint32_t *row_key = feat_alloc_array(n, sizeof *row_key);
    feat_status status = row_key ? number_rows(g, code, join, rows, row_key, err) : feat_fail_memory(err);
    if (status == FEAT_OK) status = group_rows(g, rows->times, row_key, err);
    feat_free(row_key);
    return status;
}

void feat_grouping_done(feat_grouping *g) {
    feat_keymap_done(&g->map);
    feat_free(g->keys);
    feat_free(g->starts);
    feat_free(g->rows);
    feat_free(g->own_times);
    *g = (feat_grouping){0};
}
