/* The order of stored rows. Column after column: within each run of rows that are equal so far, the next column's
 * values become 64-bit keys in number order, and the run is sorted by them. Real tables are nearly decided after entity
 * and time, so that the later columns cost little; and no comparison ever walks a row. */
#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h"
#include "math/number.h"
#include "store/order.h"

/* ---- Sorting by key. ---- */

/* Below this many items the sort is by insertion, from it on up to the next bounds by spreading keys that are about
 * evenly spread, else by merging, and above by digits. Measured. */
#define INSERTION_MAX 24
#define MERGE_MAX     1024
#define SPREAD_MAX    4096
#define DIGIT_BITS    11
#define DIGITS        6 /* of 11 bits: 64 bits and a little */

/* With `text` items of equal key are compared by their values there: the key is only the beginning. */
static inline bool goes_before(const feat_sort_item *a, const feat_sort_item *b, const feat_column *text) {
    if (a->key != b->key || !text) return a->key < b->key;
    return feat_column_compare(text, a->row, text, b->row) < 0;
}

static inline void sort_by_insertion(feat_sort_item *items, size_t n, const feat_column *text) {
    for (size_t i = 1; i < n; i++) {
        feat_sort_item item = items[i];
        size_t at = i;
        for (; at > 0 && goes_before(&item, &items[at - 1], text); at--) items[at] = items[at - 1];
        items[at] = item;
    }
}

/* Bottom up: short runs by insertion, then merged from one array into the other. */
static inline void sort_by_merging(feat_sort_item *items, feat_sort_item *scratch, size_t n, const feat_column *text) {
    feat_sort_item *from = items, *to = scratch;
    for (size_t start = 0; start < n; start += INSERTION_MAX)
        sort_by_insertion(items + start, n - start < INSERTION_MAX ? n - start : INSERTION_MAX, text);
    for (size_t width = INSERTION_MAX; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t middle = n - start < width ? n : start + width;
            size_t end = n - start < 2 * width ? n : start + 2 * width;
            size_t left = start, right = middle, at = start;
            while (left < middle && right < end)
                to[at++] = goes_before(&from[right], &from[left], text) ? from[right++] : from[left++];
            memcpy(to + at, from + left, (middle - left) * sizeof *to);
            memcpy(to + at + (middle - left), from + right, (end - right) * sizeof *to);
        }
        feat_sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) memcpy(items, from, n * sizeof *items);
}

/* Every item to the place where it would be if the keys were spread evenly, then the rest by insertion. False, with
 * nothing done, where too many keys fall together. */
static bool sort_by_spreading(feat_sort_item *items, feat_sort_item *scratch, size_t n) {
    uint16_t starts[SPREAD_MAX + 1];
    uint64_t least = items[0].key, greatest = items[0].key, pairs = 0;
    for (size_t i = 1; i < n; i++) {
        least = items[i].key < least ? items[i].key : least;
        greatest = items[i].key > greatest ? items[i].key : greatest;
    }
    /* A place never falls as the key rises, and is below n. */
    double scale = (double)n / ((double)(greatest - least) * (1 + 0x1p-40) + 1);
    memset(starts, 0, (n + 1) * sizeof *starts);
    for (size_t i = 0; i < n; i++) {
        uint16_t *together = &starts[(size_t)((double)(items[i].key - least) * scale) + 1];
        pairs += ++*together;
    }
    if (pairs > 4 * n) return false;
    for (size_t i = 1; i <= n; i++) starts[i] = (uint16_t)(starts[i] + starts[i - 1]);
    for (size_t i = 0; i < n; i++) scratch[starts[(size_t)((double)(items[i].key - least) * scale)]++] = items[i];
    memcpy(items, scratch, n * sizeof *items);
    sort_by_insertion(items, n, NULL);
    return true;
}

/* Least significant digit first. All digits are counted in one pass; one in which all keys agree is skipped. */
static void sort_by_digits(feat_sort_item *items, feat_sort_item *scratch, size_t n) {
    enum { RADIX = 1 << DIGIT_BITS };
    uint32_t counts[DIGITS][RADIX];
    feat_sort_item *from = items, *to = scratch;
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < DIGITS; d++) counts[d][items[i].key >> (d * DIGIT_BITS) & (RADIX - 1)]++;
    for (unsigned d = 0; d < DIGITS; d++) {
        uint32_t *count = counts[d], sum = 0;
        if (count[items[0].key >> (d * DIGIT_BITS) & (RADIX - 1)] == n) continue;
        for (size_t digit = 0; digit < RADIX; digit++) {
            uint32_t here = count[digit];
            count[digit] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++) to[count[from[i].key >> (d * DIGIT_BITS) & (RADIX - 1)]++] = from[i];
        feat_sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) memcpy(items, from, n * sizeof *items);
}

void feat_sort_keys(feat_sort_item *items, feat_sort_item *scratch, size_t n) {
    bool sorted = true; /* event logs often come in order of time, dimensions in order of key */
    for (size_t i = 1; i < n && sorted; i++) sorted = items[i - 1].key <= items[i].key;
    if (sorted) return;
    if (n <= INSERTION_MAX) sort_by_insertion(items, n, NULL);
    else if (n <= SPREAD_MAX && sort_by_spreading(items, scratch, n)) return;
    else if (n <= MERGE_MAX || n > UINT32_MAX) sort_by_merging(items, scratch, n, NULL);
    else sort_by_digits(items, scratch, n);
}

/* ---- Keys of values. ---- */

/* The first seven bytes, then how many there are: eight says that the text goes on. Number order is text order as far
 * as it reaches, and a shorter text comes before one that goes on with zeros. */
static uint64_t text_key(feat_text text) {
    unsigned char bytes[8] = {0};
    uint64_t key = 0;
    if (text.length > 0) memcpy(bytes, text.data, text.length < 7 ? text.length : 7);
    for (int i = 0; i < 7; i++) key = key << 8 | bytes[i];
    return key << 8 | (text.length < 8 ? text.length : 8);
}

/* Whether values of one key may differ. */
static bool goes_on(const feat_column *c, uint64_t key) {
    if (c->offsets) return (key & 0xff) == 8;
    return FEAT_TYPE_BASE(c->type) == FEAT_TYPE_DECIMAL || c->type == FEAT_TYPE_INTERVAL;
}

static void fill_keys(const feat_column *c, feat_sort_item *items, size_t n) {
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_DOUBLE:
        for (size_t i = 0; i < n; i++) items[i].key = feat_double_key(feat_column_double(c, items[i].row));
        return;
    case FEAT_TYPE_REAL:
        for (size_t i = 0; i < n; i++) items[i].key = feat_double_key((double)((const float *)c->values)[items[i].row]);
        return;
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP:
        for (size_t i = 0; i < n; i++) items[i].key = text_key(feat_column_text(c, items[i].row));
        return;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: {
        const int64_t *values = c->values;
        for (size_t i = 0; i < n; i++) items[i].key = (uint64_t)values[items[i].row] ^ UINT64_C(1) << 63;
        return;
    }
    case FEAT_TYPE_UBIGINT:
        for (size_t i = 0; i < n; i++) items[i].key = ((const uint64_t *)c->values)[items[i].row];
        return;
    case FEAT_TYPE_DECIMAL: /* the high half */
        for (size_t i = 0; i < n; i++) {
            feat_int128 v;
            memcpy(&v, (const char *)c->values + items[i].row * sizeof v, sizeof v);
            items[i].key = (uint64_t)(v >> 64) ^ UINT64_C(1) << 63;
        }
        return;
    case FEAT_TYPE_INTERVAL: /* left to comparing */
        for (size_t i = 0; i < n; i++) items[i].key = 0;
        return;
    default:
        for (size_t i = 0; i < n; i++) items[i].key = (uint64_t)feat_column_int(c, items[i].row) ^ UINT64_C(1) << 63;
    }
}

/* ---- Sorting by columns. ---- */

/* NULL first, in the order they came. Returns how many. */
static size_t nulls_first(const feat_column *c, feat_sort_item *items, feat_sort_item *scratch, size_t n) {
    size_t nulls = 0, others = 0;
    if (c->null_count == 0) return 0;
    for (size_t i = 0; i < n; i++) {
        if (feat_column_is_null(c, items[i].row)) items[nulls++] = items[i];
        else scratch[others++] = items[i];
    }
    memcpy(items + nulls, scratch, others * sizeof *items);
    return nulls;
}

/* Sorts one run by one column and marks in tied[0..n) which items are equal to the one before; tied[0] stays. True when
 * any is. */
static bool sort_run(const feat_column *c, feat_sort_item *items, feat_sort_item *scratch, uint8_t *tied, size_t n) {
    size_t nulls = nulls_first(c, items, scratch, n);
    bool any = nulls > 1;
    if (nulls > 0 && nulls < n) tied[nulls] = 0; /* the nulls stay tied among themselves */
    items += nulls;
    tied += nulls;
    n -= nulls;
    fill_keys(c, items, n);
    feat_sort_keys(items, scratch, n);
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && items[end].key == items[start].key; end++) {
        }
        if (start > 0) tied[start] = 0;
        bool compared = goes_on(c, items[start].key) && end - start > 1;
        if (compared) sort_by_merging(items + start, scratch, end - start, c);
        for (size_t i = start + 1; i < end; i++) {
            tied[i] = !compared || feat_column_compare(c, items[i - 1].row, c, items[i].row) == 0;
            any |= tied[i];
        }
    }
    return any;
}

feat_status feat_sort_rows(const feat_batch *rows, const uint32_t *columns, size_t n_columns, feat_sort_item *items,
                           size_t n, feat_error *err) {
    if (n < 2) return FEAT_OK;
    feat_sort_item *scratch = feat_alloc_array(n, sizeof *scratch);
    uint8_t *tied = feat_alloc(n); /* tied[i]: item i equals item i - 1 in all columns so far */
    if (!scratch || !tied) {
        feat_free(scratch);
        feat_free(tied);
        return feat_fail_memory(err);
    }
    memset(tied, 1, n);
    tied[0] = 0;
    bool any = true;
    for (size_t c = 0; c < n_columns && any; c++) {
        any = false;
        for (size_t start = 0, end; start < n; start = end) {
            for (end = start + 1; end < n && tied[end]; end++) {
            }
            if (end - start > 1)
                any |= sort_run(&rows->columns[columns[c]], items + start, scratch, tied + start, end - start);
        }
    }
    feat_free(scratch);
    feat_free(tied);
    return FEAT_OK;
}

feat_status feat_sort_table(const feat_schema *table, const feat_batch *rows, const uint32_t *order,
                            feat_sort_item *items, size_t n, feat_error *err) {
    const feat_column *times = &rows->columns[table->time];
    if (table->partition == FEAT_PARTITION_NONE) return feat_sort_rows(rows, order, rows->n_columns, items, n, err);
    feat_sort_item *scratch = feat_alloc_array(n, sizeof *scratch);
    uint64_t *keys = feat_alloc_array(n, sizeof *keys); /* sorting rows makes use of the keys in the items */
    if (!scratch || !keys) {
        feat_free(scratch);
        feat_free(keys);
        return feat_fail_memory(err);
    }
    for (size_t i = 0; i < n; i++)
        items[i].key = (uint64_t)((int64_t)feat_partition_of(table, times, items[i].row) - INT32_MIN);
    feat_sort_keys(items, scratch, n);
    for (size_t i = 0; i < n; i++) keys[i] = items[i].key;
    feat_status status = FEAT_OK;
    for (size_t start = 0, end; start < n && status == FEAT_OK; start = end) {
        for (end = start + 1; end < n && keys[end] == keys[start]; end++) {
        }
        status = feat_sort_rows(rows, order, rows->n_columns, items + start, end - start, err);
    }
    feat_free(scratch);
    feat_free(keys);
    return status;
}
