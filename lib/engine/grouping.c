#include "engine/grouping.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parallel.h"
#include "engine/ingest.h" /* feat_sort_keys */

/* ---- Numbers of integers. ---- */

void feat_intmap_done(feat_intmap *map) {
    feat_free(map->keys);
    feat_free(map->numbers);
    *map = (feat_intmap){0};
}

static bool resize(feat_intmap *map) {
    feat_intmap grown = {.size = map->size ? map->size * 2 : 256, .n = map->n};
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

bool feat_intmap_number(feat_intmap *map, int64_t key, uint32_t *number) {
    *number = feat_intmap_find(map, key);
    if (*number != FEAT_NO_KEY) return true;
    if (map->n * 2 >= map->size && !resize(map)) return false;
    if (map->n >= FEAT_NO_KEY - 1) return false;
    size_t at = feat_intmap_hash(key) & (map->size - 1);
    while (map->numbers[at] != FEAT_NO_KEY) at = (at + 1) & (map->size - 1);
    map->keys[at] = key;
    *number = map->numbers[at] = (uint32_t)map->n++;
    return true;
}

void feat_grouping_keys(const feat_grouping *g, int64_t *keys) {
    for (size_t p = 0; p < FEAT_GROUPING_PARTS; p++)
        for (size_t i = 0; i < g->parts[p].size; i++)
            if (g->parts[p].numbers[i] != FEAT_NO_KEY) keys[g->bases[p] + g->parts[p].numbers[i]] = g->parts[p].keys[i];
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

enum { CHUNK = 65536, PARTS = FEAT_GROUPING_PARTS, NO_KEY = PARTS /* the part of rows without a key */ };

/* Rows are dealt out to the parts chunk by chunk, in their order; then each part is grouped alone. */
typedef struct dealing {
    feat_grouping *g;
    const feat_code *code;
    size_t join;
    const feat_row_source *rows;
    int64_t *keys;  /* by row */
    uint8_t *parts; /* by row */
    size_t n_chunks;
    uint32_t (*at)[PARTS + 1]; /* by chunk: rows of each part; then where the next one goes */
    int64_t *least, *greatest; /* by chunk */
    /* Dealt out: */
    uint32_t starts[PARTS + 2];
    int64_t *dealt_keys;
    uint32_t *dealt_rows;
    uint32_t *group_starts[PARTS]; /* of the groups of each part, from 0 */
} dealing;

static size_t chunk_rows(const dealing *d, size_t chunk) {
    size_t first = chunk * CHUNK;
    return d->g->n_rows - first < CHUNK ? d->g->n_rows - first : CHUNK;
}

static void note_keys(dealing *d, size_t chunk, size_t first, const int64_t *keys, const uint8_t *states, size_t n) {
    for (size_t i = 0; i < n; i++) {
        bool has = states[i] == FEAT_STATE_VALUE;
        uint8_t part = has ? (uint8_t)(feat_intmap_hash(keys[i]) >> 59) : NO_KEY;
        d->keys[first + i] = keys[i];
        d->parts[first + i] = part;
        d->at[chunk][part]++;
        if (has && keys[i] < d->least[chunk]) d->least[chunk] = keys[i];
        if (has && keys[i] > d->greatest[chunk]) d->greatest[chunk] = keys[i];
    }
}

static feat_status read_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    const feat_code_join *join = &d->code->joins[d->join];
    feat_machine *machine;
    size_t first = chunk * CHUNK, rows = chunk_rows(d, chunk);
    feat_status status = feat_machine_new(d->code, &machine, err);
    if (status != FEAT_OK) return status;
    d->least[chunk] = INT64_MAX;
    d->greatest[chunk] = INT64_MIN;
    for (size_t at = 0; at < rows && status == FEAT_OK; at += FEAT_LANES) {
        uint8_t states[FEAT_LANES];
        size_t n = rows - at < FEAT_LANES ? rows - at : FEAT_LANES;
        feat_row_source_load(d->rows, d->code, d->join, machine, first + at, n);
        status = feat_machine_run_steps(machine, 0, join->step, n, err);
        if (status != FEAT_OK) break;
        const feat_vector *key = feat_machine_register(machine, join->key[0]);
        feat_vector_states(key, n, states);
        note_keys(d, chunk, first + at, feat_vector_values(key), states, n);
    }
    feat_machine_free(machine);
    return status;
}

static feat_status deal_chunk(void *context, size_t chunk, feat_error *err) {
    dealing *d = context;
    size_t first = chunk * CHUNK, end = first + chunk_rows(d, chunk);
    (void)err;
    for (size_t row = first; row < end; row++) {
        uint32_t at = d->at[chunk][d->parts[row]]++;
        d->dealt_keys[at] = d->keys[row];
        d->dealt_rows[at] = (uint32_t)row;
    }
    return FEAT_OK;
}

/* Rows of one part into groups; their places are those that the part was dealt. */
static feat_status group_part(void *context, size_t part, feat_error *err) {
    dealing *d = context;
    feat_grouping *g = d->g;
    uint32_t first = d->starts[part];
    size_t n = d->starts[part + 1] - first, room = 0;
    const int64_t *keys = d->dealt_keys + first;
    const uint32_t *rows = d->dealt_rows + first;
    uint32_t *numbers = feat_alloc_array(n, sizeof *numbers), *starts = NULL;
    feat_sort_item *items = feat_alloc_array(n, sizeof *items), *scratch = NULL;
    feat_status status = numbers && items ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; i < n && status == FEAT_OK && part < PARTS; i++) {
        if (i > 0 && keys[i] == keys[i - 1]) numbers[i] = numbers[i - 1];
        else if (!feat_intmap_number(&g->parts[part], keys[i], &numbers[i])) status = feat_fail_memory(err);
    }
    if (status != FEAT_OK) goto out;
    if (part == NO_KEY) memset(numbers, 0, n * sizeof *numbers);
    size_t n_groups = part < PARTS ? g->parts[part].n : 1;
    starts = feat_alloc_zero(n_groups + 3, sizeof *starts);
    if (!starts) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) starts[numbers[i] + 2]++;
    add_up(starts, n_groups + 2);
    for (size_t i = 0; i < n; i++)
        items[starts[numbers[i] + 1]++] = (feat_sort_item){key_of_time(d->rows->times[rows[i]]), rows[i]};
    if (sort_groups(items, starts, n_groups, &scratch, &room) != 0) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        g->rows[first + i] = items[i].row;
        g->times[first + i] = time_of_key(items[i].key);
    }
    if (part < PARTS) {
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
    g->n_keys = 0;
    for (size_t p = 0; p < PARTS; p++) {
        g->bases[p] = (uint32_t)g->n_keys;
        g->n_keys += g->parts[p].n;
    }
    g->starts = feat_alloc_array(g->n_keys + 2, sizeof *g->starts);
    if (!g->starts) return feat_fail_memory(err);
    for (size_t p = 0; p < PARTS; p++)
        for (size_t k = 0; k < g->parts[p].n; k++) g->starts[at++] = d->starts[p] + d->group_starts[p][k];
    g->starts[at] = d->starts[PARTS];
    g->starts[at + 1] = d->starts[PARTS + 1];
    for (size_t c = 0; c < d->n_chunks; c++) {
        if (d->least[c] < g->least) g->least = d->least[c];
        if (d->greatest[c] > g->greatest) g->greatest = d->greatest[c];
    }
    return FEAT_OK;
}

static feat_status group_ints(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                              size_t threads, feat_error *err) {
    size_t n = g->n_rows;
    dealing d = {.g = g, .code = code, .join = join, .rows = rows, .n_chunks = (n + CHUNK - 1) / CHUNK};
    d.keys = feat_alloc_array(n, sizeof *d.keys);
    d.parts = feat_alloc_array(n, 1);
    d.at = feat_alloc_zero(d.n_chunks, sizeof *d.at);
    d.least = feat_alloc_array(d.n_chunks, sizeof *d.least);
    d.greatest = feat_alloc_array(d.n_chunks, sizeof *d.greatest);
    d.dealt_keys = feat_alloc_array(n, sizeof *d.dealt_keys);
    d.dealt_rows = feat_alloc_array(n, sizeof *d.dealt_rows);
    g->rows = feat_alloc_array(n, sizeof *g->rows);
    g->times = feat_alloc_array(n, sizeof *g->times);
    feat_status status = FEAT_OK;
    if (!d.keys || !d.parts || !d.at || !d.least || !d.greatest || !d.dealt_keys || !d.dealt_rows || !g->rows ||
        !g->times)
        status = feat_fail_memory(err);
    if (status == FEAT_OK) status = feat_parallel(threads, d.n_chunks, read_chunk, &d, err);
    if (status == FEAT_OK) {
        place_chunks(&d);
        status = feat_parallel(threads, d.n_chunks, deal_chunk, &d, err);
    }
    if (status == FEAT_OK) status = feat_parallel(threads, PARTS + 1, group_part, &d, err);
    if (status == FEAT_OK) status = join_parts(&d, err);
    for (size_t p = 0; p < PARTS; p++) feat_free(d.group_starts[p]);
    feat_free(d.keys);
    feat_free(d.parts);
    feat_free(d.at);
    feat_free(d.least);
    feat_free(d.greatest);
    feat_free(d.dealt_keys);
    feat_free(d.dealt_rows);
    return status;
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
    g->times = feat_alloc_array(n, sizeof *g->times);
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
        g->times[p] = time_of_key(items[p].key);
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
    if (made) feat_grouping_keys(g, keys);
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

static bool is_int_type(feat_type type) { return feat_class_of(type) == FEAT_CLASS_I; }

feat_status feat_grouping_make(feat_grouping *g, const feat_code *code, size_t join, const feat_row_source *rows,
                               size_t n, size_t threads, feat_error *err) {
    const feat_code_join *j = &code->joins[join];
    *g = (feat_grouping){.n_rows = n,
                         .by_int = j->block->n_key == 1 && is_int_type(j->types[0]) && is_int_type(j->block->key[0]),
                         .least = INT64_MAX,
                         .greatest = INT64_MIN};
    feat_keymap_init(&g->map);
    if (g->by_int) return group_ints(g, code, join, rows, threads, err);
    uint32_t *row_key = feat_alloc_array(n, sizeof *row_key);
    feat_status status = row_key ? number_rows(g, code, join, rows, row_key, err) : feat_fail_memory(err);
    if (status == FEAT_OK) status = group_rows(g, rows->times, row_key, err);
    feat_free(row_key);
    return status;
}

void feat_grouping_done(feat_grouping *g) {
    for (size_t p = 0; p < FEAT_GROUPING_PARTS; p++) feat_intmap_done(&g->parts[p]);
    feat_keymap_done(&g->map);
    feat_free(g->starts);
    feat_free(g->rows);
    feat_free(g->times);
    *g = (feat_grouping){0};
}
