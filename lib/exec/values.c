#include "exec/values.h"

#include <string.h>

#include "base/digest.h"
#include "exec/gather.h"
#include "math/number.h"

void *feat_values_room(feat_scratch *scratch, size_t n, size_t size) {
    enum { ALIGNMENT = 16 };
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes) || bytes > SIZE_MAX / 2) {
        scratch->failed = true;
        return NULL;
    }
    char *piece = feat_scratch_take(scratch, bytes + ALIGNMENT);
    return piece ? piece + (ALIGNMENT - (uintptr_t)piece % ALIGNMENT) % ALIGNMENT : NULL;
}

/* ---- Keys: 64-bit numbers in the order of the values. ---- */

static uint64_t key_of_int(int64_t v) { return (uint64_t)v ^ UINT64_C(1) << 63; }
static int64_t int_of_key(uint64_t key) { return (int64_t)(key ^ UINT64_C(1) << 63); }
static double double_of_key(uint64_t key) { return feat_double_of_bits(key >> 63 ? key ^ UINT64_C(1) << 63 : ~key); }

/* Classes B, I, F; of W only values that an int64 holds: false when there is another one. `plus`: -0 as +0. */
static bool make_keys(uint64_t *keys, feat_class class, const void *values, size_t n, bool plus) {
    const double zero = plus ? 0.0 : -0.0; /* x + -0 is x */
    switch (class) {
    case FEAT_CLASS_B:
        for (size_t i = 0; i < n; i++) keys[i] = ((const uint8_t *)values)[i] != 0;
        return true;
    case FEAT_CLASS_I:
        for (size_t i = 0; i < n; i++) keys[i] = key_of_int(((const int64_t *)values)[i]);
        return true;
    case FEAT_CLASS_F:
        for (size_t i = 0; i < n; i++) keys[i] = feat_double_key(((const double *)values)[i] + zero);
        return true;
    case FEAT_CLASS_W:
        for (size_t i = 0; i < n; i++) {
            feat_int128 v = ((const feat_int128 *)values)[i];
            if (v != (int64_t)v) return false;
            keys[i] = key_of_int((int64_t)v);
        }
        return true;
    default: return false;
    }
}

static feat_cell cell_of_key(feat_class class, uint64_t key) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = (uint8_t)key; break;
    case FEAT_CLASS_F: cell.v.f = double_of_key(key); break;
    case FEAT_CLASS_W: cell.v.w = int_of_key(key); break;
    default: cell.v.i = int_of_key(key); break;
    }
    return cell;
}

/* ---- Sorting. ---- */

enum { FEW = 64 }; /* at most so many are inserted one by one */

static void insert_keys(uint64_t *keys, size_t n) {
    for (size_t i = 1; i < n; i++) {
        uint64_t key = keys[i];
        size_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

/* The bits in which keys differ. */
static uint64_t differing(const uint64_t *keys, size_t n) {
    uint64_t any = 0, all = ~UINT64_C(0);
    for (size_t i = 0; i < n; i++) {
        any |= keys[i];
        all &= keys[i];
    }
    return any ^ all;
}

/* Byte by byte from the last, those alone that differ: n steps each, whatever the keys. Returns the array that holds
 * the result. */
static uint64_t *sort_keys(uint64_t *keys, uint64_t *spare, size_t n) {
    if (n <= FEW) {
        insert_keys(keys, n);
        return keys;
    }
    uint64_t differ = differing(keys, n);
    for (int shift = 0; shift < 64; shift += 8) {
        if ((differ >> shift & 255) == 0) continue;
        size_t starts[256] = {0}, sum = 0;
        for (size_t i = 0; i < n; i++) starts[keys[i] >> shift & 255]++;
        for (int byte = 0; byte < 256; byte++) {
            size_t count = starts[byte];
            starts[byte] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++) spare[starts[keys[i] >> shift & 255]++] = keys[i];
        uint64_t *swap = keys;
        keys = spare;
        spare = swap;
    }
    return keys;
}

/* The key at a place: those that agree with it in the highest byte that differs, again and again. `spare` is used. */
static uint64_t select_key(const uint64_t *keys, uint64_t *spare, size_t n, size_t place) {
    while (n > FEW) {
        uint64_t differ = differing(keys, n);
        if (differ == 0) return keys[0];
        int shift = (63 - __builtin_clzll(differ)) / 8 * 8;
        size_t counts[256] = {0}, byte = 0, kept = 0;
        for (size_t i = 0; i < n; i++) counts[keys[i] >> shift & 255]++;
        while (place >= counts[byte]) place -= counts[byte++];
        for (size_t i = 0; i < n; i++)
            if ((keys[i] >> shift & 255) == byte) spare[kept++] = keys[i]; /* it may be the same array */
        keys = spare;
        n = kept;
    }
    if (keys != spare) memcpy(spare, keys, n * sizeof *keys);
    insert_keys(spare, n);
    return spare[place];
}

/* Whether row `i` comes before row `k`. */
typedef bool below_function(const void *context, uint32_t i, uint32_t k);

/* A stable merge sort of the numbers 0 to n - 1; NULL when memory is out. */
static uint32_t *sort_rows(feat_scratch *scratch, size_t n, below_function *below, const void *context) {
    uint32_t *rows = feat_values_room(scratch, n, sizeof *rows), *spare = feat_values_room(scratch, n, sizeof *rows);
    if (!rows || !spare) return NULL;
    for (size_t i = 0; i < n; i++) rows[i] = (uint32_t)i;
    for (size_t run = 1; run < n; run *= 2) {
        for (size_t at = 0; at < n; at += 2 * run) {
            size_t middle = n - at < run ? n : at + run, end = n - at < 2 * run ? n : at + 2 * run;
            size_t left = at, right = middle, to = at;
            while (left < middle && right < end)
                spare[to++] = below(context, rows[right], rows[left]) ? rows[right++] : rows[left++];
            while (left < middle) spare[to++] = rows[left++];
            while (right < end) spare[to++] = rows[right++];
        }
        uint32_t *swap = rows;
        rows = spare;
        spare = swap;
    }
    return rows;
}

static bool slot_below(const void *context, uint32_t i, uint32_t k) { return feat_slot_below(context, i, k); }

static uint32_t *sort_values(feat_scratch *scratch, feat_class class, const void *values, size_t n) {
    feat_event_slot slot = {.class = class, .values = (void *)(uintptr_t)values};
    return sort_rows(scratch, n, slot_below, &slot);
}

/* ---- Order statistics. ---- */

bool feat_ranking_make(feat_ranking *r, feat_scratch *scratch, feat_class class, const void *values, size_t n,
                       bool often) {
    *r = (feat_ranking){.class = class, .values = values, .n = n};
    if (class != FEAT_CLASS_T && class != FEAT_CLASS_V) {
        r->keys = feat_values_room(scratch, n, sizeof *r->keys);
        r->spare = feat_values_room(scratch, n, sizeof *r->spare);
        if (!r->keys || !r->spare) return false;
        if (make_keys(r->keys, class, values, n, false)) {
            r->sorted = often || n <= FEW;
            if (r->sorted) r->keys = sort_keys(r->keys, r->spare, n);
            return true;
        }
        r->keys = NULL;
    }
    r->rows = sort_values(scratch, class, values, n);
    return r->rows != NULL;
}

feat_cell feat_ranking_at(feat_ranking *r, size_t place) {
    if (r->find) return r->find(r->context, place);
    if (r->keys) return cell_of_key(r->class, r->sorted ? r->keys[place] : select_key(r->keys, r->spare, r->n, place));
    feat_event_slot slot = {.class = r->class, .values = (void *)(uintptr_t)r->values};
    uint8_t value = FEAT_STATE_VALUE;
    size_t row = r->rows[place], size = feat_class_size(r->class);
    slot.values = (char *)slot.values + row * size;
    slot.state = &value;
    return feat_cell_of_event(&slot, 0);
}

void feat_ranking_pair(feat_ranking *r, size_t place, feat_cell out[2]) {
    if (r->find || !r->keys || r->sorted) {
        out[0] = feat_ranking_at(r, place);
        out[1] = feat_ranking_at(r, place + 1);
        return;
    }
    uint64_t key = select_key(r->keys, r->spare, r->n, place), next = ~UINT64_C(0);
    size_t up_to = 0;
    for (size_t i = 0; i < r->n; i++) {
        up_to += r->keys[i] <= key;
        if (r->keys[i] > key && r->keys[i] < next) next = r->keys[i];
    }
    out[0] = cell_of_key(r->class, key);
    out[1] = cell_of_key(r->class, up_to > place + 1 ? key : next);
}

/* ---- Counts by value. ---- */

/* Room for the result; counts are zero. */
static bool tally_room(feat_tally *tally, feat_scratch *scratch, size_t n, void **values, uint32_t **counts) {
    *values = feat_values_room(scratch, n, feat_class_size(tally->class));
    *counts = feat_values_room(scratch, n, sizeof **counts);
    if (!*values || !*counts) return false;
    memset(*counts, 0, n * sizeof **counts);
    tally->values = *values;
    tally->counts = *counts;
    tally->n = n;
    return true;
}

static void put_cell(void *values, feat_class class, size_t at, const feat_cell *cell) {
    size_t size = feat_class_size(class);
    memcpy((char *)values + at * size, &cell->v, size);
}

static bool tally_keys(feat_tally *tally, feat_scratch *scratch, uint64_t *keys, uint64_t *spare, size_t n,
                       uint32_t *groups) {
    const uint64_t *sorted = sort_keys(groups ? memcpy(spare + n, keys, n * sizeof *keys) : keys, spare, n);
    size_t different = 0;
    for (size_t i = 0; i < n; i++) different += i == 0 || sorted[i] != sorted[i - 1];
    void *values;
    uint32_t *counts;
    if (!tally_room(tally, scratch, different, &values, &counts)) return false;
    uint64_t *each = groups ? feat_values_room(scratch, different, sizeof *each) : NULL;
    if (groups && !each) return false;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        at += i > 0 && sorted[i] != sorted[i - 1];
        if (counts[at]++ > 0) continue;
        feat_cell cell = cell_of_key(tally->class, sorted[i]);
        put_cell(values, tally->class, at, &cell);
        if (each) each[at] = sorted[i];
    }
    for (size_t i = 0; groups && i < n; i++) {
        size_t low = 0;
        for (size_t size = different; size > 1;) {
            size_t half = size / 2;
            low += each[low + half] <= keys[i] ? half : 0;
            size -= half;
        }
        groups[i] = (uint32_t)low;
    }
    return true;
}

static bool same_text(feat_text a, feat_text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static bool same_lane(feat_class class, const void *values, size_t i, size_t k) {
    switch (class) {
    case FEAT_CLASS_W: return ((const feat_int128 *)values)[i] == ((const feat_int128 *)values)[k];
    case FEAT_CLASS_V:
        return feat_interval_length(((const feat_interval *)values)[i]) ==
               feat_interval_length(((const feat_interval *)values)[k]);
    default: return same_text(((const feat_text *)values)[i], ((const feat_text *)values)[k]);
    }
}

static bool tally_sorted(feat_tally *tally, feat_scratch *scratch, const void *lanes, size_t n, uint32_t *groups) {
    const uint32_t *rows = sort_values(scratch, tally->class, lanes, n);
    if (!rows) return false;
    size_t different = 0, at = 0, size = feat_class_size(tally->class);
    for (size_t i = 0; i < n; i++) different += i == 0 || !same_lane(tally->class, lanes, rows[i - 1], rows[i]);
    void *values;
    uint32_t *counts;
    if (!tally_room(tally, scratch, different, &values, &counts)) return false;
    for (size_t i = 0; i < n; i++) {
        at += i > 0 && !same_lane(tally->class, lanes, rows[i - 1], rows[i]);
        if (counts[at]++ == 0) memcpy((char *)values + at * size, (const char *)lanes + rows[i] * size, size);
        if (groups) groups[rows[i]] = (uint32_t)at;
    }
    return true;
}

/* Texts are hashed first, so that only the different ones are sorted. */
typedef struct text_table {
    uint32_t *places; /* number + 1 of the text there, or 0; a power of two of them */
    size_t size, n;   /* n: different texts */
    feat_text *texts;
    uint64_t *hashes;
    uint32_t *counts;
    size_t steps; /* that looking up may still take: texts made to collide are sorted instead */
} text_table;

static bool table_grow(text_table *t, feat_scratch *scratch) {
    text_table old = *t;
    t->size = old.size ? old.size * 4 : 64;
    t->places = feat_values_room(scratch, t->size, sizeof *t->places);
    t->texts = feat_values_room(scratch, t->size / 2, sizeof *t->texts);
    t->hashes = feat_values_room(scratch, t->size / 2, sizeof *t->hashes);
    t->counts = feat_values_room(scratch, t->size / 2, sizeof *t->counts);
    if (!t->places || !t->texts || !t->hashes || !t->counts) return false;
    memset(t->places, 0, t->size * sizeof *t->places);
    if (old.n == 0) return true;
    memcpy(t->texts, old.texts, old.n * sizeof *t->texts);
    memcpy(t->hashes, old.hashes, old.n * sizeof *t->hashes);
    memcpy(t->counts, old.counts, old.n * sizeof *t->counts);
    for (size_t i = 0; i < old.n; i++) {
        size_t at = (size_t)t->hashes[i] & (t->size - 1);
        while (t->places[at] && t->steps > 0) at = (at + 1) & (t->size - 1), t->steps--;
        t->places[at] = (uint32_t)i + 1;
    }
    return true;
}

/* The number of a text, added if it is new. Steps may run out, and the number is then of no use. */
static uint32_t table_find(text_table *t, feat_text text) {
    uint64_t hash = feat_hash64(text.length ? text.data : "", text.length);
    size_t at = (size_t)hash & (t->size - 1);
    for (; t->places[at] && t->steps > 0; at = (at + 1) & (t->size - 1), t->steps--) {
        uint32_t i = t->places[at] - 1;
        if (t->hashes[i] == hash && same_text(t->texts[i], text)) return i;
    }
    if (t->steps == 0) return 0;
    t->places[at] = (uint32_t)t->n + 1;
    t->texts[t->n] = text;
    t->hashes[t->n] = hash;
    t->counts[t->n] = 0;
    return (uint32_t)t->n++;
}

static bool tally_texts(feat_tally *tally, feat_scratch *scratch, const feat_text *lanes, size_t n, uint32_t *groups) {
    text_table t = {.steps = 8 * n + 1024};
    if (!table_grow(&t, scratch)) return false;
    for (size_t i = 0; i < n && t.steps > 0; i++) {
        if (t.n == t.size / 2 && !table_grow(&t, scratch)) return false;
        uint32_t number = table_find(&t, lanes[i]);
        t.counts[number]++;
        if (groups) groups[i] = number;
    }
    if (t.steps == 0) return tally_sorted(tally, scratch, lanes, n, groups);
    const uint32_t *order = sort_values(scratch, FEAT_CLASS_T, t.texts, t.n);
    void *values;
    uint32_t *counts, *places = feat_values_room(scratch, t.n, sizeof *places);
    if (!order || !places || !tally_room(tally, scratch, t.n, &values, &counts)) return false;
    for (size_t i = 0; i < t.n; i++) {
        ((feat_text *)values)[i] = t.texts[order[i]];
        counts[i] = t.counts[order[i]];
        places[order[i]] = (uint32_t)i;
    }
    for (size_t i = 0; groups && i < n; i++) groups[i] = places[groups[i]];
    return true;
}

bool feat_tally_make(feat_tally *tally, feat_scratch *scratch, feat_class class, const void *values, size_t n,
                     bool with_groups) {
    uint32_t *groups = with_groups ? feat_values_room(scratch, n, sizeof *groups) : NULL;
    *tally = (feat_tally){.class = class, .groups = groups};
    if (with_groups && !groups) return false;
    if (class == FEAT_CLASS_T) return tally_texts(tally, scratch, values, n, groups);
    if (class != FEAT_CLASS_V) {
        uint64_t *keys = feat_values_room(scratch, n, sizeof *keys),
                 *spare = feat_values_room(scratch, n, 2 * sizeof *spare);
        if (!keys || !spare) return false;
        if (make_keys(keys, class, values, n, true)) return tally_keys(tally, scratch, keys, spare, n, groups);
    }
    return tally_sorted(tally, scratch, values, n, groups);
}

static bool count_below(const void *context, uint32_t i, uint32_t k) {
    const uint32_t *counts = context;
    return counts[i] > counts[k];
}

const uint32_t *feat_tally_by_count(const feat_tally *tally, feat_scratch *scratch) {
    return sort_rows(scratch, tally->n, count_below, tally->counts);
}
