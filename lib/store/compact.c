/* Which small segments become one. Every commit makes a segment at least, so that a table of many small commits would
 * be nothing but segments. When eight are of about one size, they and the smaller ones behind them are written anew as
 * one: a row is moved no more often than its segment can grow eightfold, and of each size there are few. */
#include "store/compact.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/order.h"

#define STEP     8                       /* times the rows of one class */
#define TOGETHER 8                       /* segments of a class that become one */
#define LARGE    (FEAT_SEGMENT_ROWS / 2) /* rows from which on a segment stays as it is */

/* 0: below 8 rows, 1: below 64, and so on. */
static unsigned class_of(uint32_t rows) {
    unsigned class = 0;
    for (; rows >= STEP; rows /= STEP) class ++;
    return class;
}

static uint32_t live(const feat_segment *s) { return s->rows - s->deleted; }

/* Rows that were written under other columns stay what they are. */
static bool has_columns(const feat_segment *s, const uint32_t *columns, size_t n) {
    if (s->n_blocks != n) return false;
    for (size_t i = 0; i < n; i++)
        if (s->blocks[i].column != columns[i]) return false;
    return true;
}

typedef struct small {
    size_t at;
    int32_t partition;
} small;

/* By partition, the newest first. */
static int compare_small(const void *a, const void *b) {
    const small *x = a, *y = b;
    if (x->partition != y->partition) return x->partition < y->partition ? -1 : 1;
    return x->at < y->at ? 1 : -1;
}

/* How many of the first of one partition are worth it. */
static size_t worth(const feat_manifest *m, const small *list, size_t n, bool all) {
    size_t counts[8] = {0}, rows = 0, chosen = 0;
    unsigned greatest = 0;
    for (size_t i = 0; i < n; i++) {
        const feat_segment *s = &m->segments[list[i].at];
        rows += live(s);
        if (rows > FEAT_SEGMENT_ROWS) break;
        unsigned class = class_of(live(s));
        if (class > greatest) greatest = class;
        counts[class]++;
        if (counts[greatest] >= TOGETHER || all) chosen = i + 1;
    }
    /* One that has lost rows is written anew only when it is asked for. */
    return chosen == 1 && m->segments[list[0].at].deleted == 0 ? 0 : chosen;
}

feat_status feat_compact_choose(const feat_manifest *m, const uint32_t *columns, size_t n_columns, bool all, bool open,
                                size_t **at, size_t *n, feat_error *err) {
    small *list = feat_alloc_array(m->n_segments, sizeof *list);
    size_t n_small = 0;
    *n = 0;
    *at = NULL;
    if (!list) return feat_fail_memory(err);
    for (size_t i = 0; i < m->n_segments; i++) {
        const feat_segment *s = &m->segments[i];
        bool last = open && i + 1 == m->n_segments;
        if (open && s->partition != m->segments[m->n_segments - 1].partition) continue;
        if (live(s) < LARGE && !s->full && (last || has_columns(s, columns, n_columns)))
            list[n_small++] = (small){i, s->partition};
    }
    if (n_small) qsort(list, n_small, sizeof *list, compare_small);
    for (size_t start = 0, end; start < n_small && *n == 0; start = end) {
        for (end = start + 1; end < n_small && list[end].partition == list[start].partition; end++) {
        }
        *n = worth(m, list + start, end - start, all);
        if (*n == 0) continue;
        *at = feat_alloc_array(*n, sizeof **at);
        for (size_t i = 0; *at && i < *n; i++) (*at)[i] = list[start + i].at;
    }
    feat_free(list);
    return *n && !*at ? feat_fail_memory(err) : FEAT_OK;
}

/* ---- Order. ---- */

static int compare_rows(const feat_batch *rows, const uint32_t *order, size_t n, uint32_t a, uint32_t b) {
    int c = 0;
    for (size_t i = 0; i < n && c == 0; i++)
        c = feat_column_compare(&rows->columns[order[i]], a, &rows->columns[order[i]], b);
    return c;
}

/* Runs that are in order already, which segments are, are merged two by two. */
static feat_status sort(const feat_batch *rows, const uint32_t *order, size_t n_order, uint32_t *items, size_t n,
                        feat_error *err) {
    uint32_t *scratch = feat_alloc_array(n, sizeof *scratch), *from = items, *to = scratch;
    size_t *ends = feat_alloc_array(n + 1, sizeof *ends), n_runs = 0;
    if (!scratch || !ends) {
        feat_free(scratch);
        feat_free(ends);
        return feat_fail_memory(err);
    }
    for (size_t i = 1; i <= n; i++)
        if (i == n || compare_rows(rows, order, n_order, items[i - 1], items[i]) > 0) ends[n_runs++] = i;
    while (n_runs > 1) {
        size_t made = 0, start = 0;
        for (size_t r = 0; r < n_runs; r += 2) {
            size_t middle = ends[r], end = r + 1 < n_runs ? ends[r + 1] : middle, left = start, right = middle;
            for (size_t at = start; at < end; at++)
                to[at] =
                    right == end || (left < middle && compare_rows(rows, order, n_order, from[left], from[right]) <= 0)
                        ? from[left++]
                        : from[right++];
            ends[made++] = start = end;
        }
        n_runs = made;
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != items)
        for (size_t i = 0; i < n; i++) items[i] = from[i];
    feat_free(scratch);
    feat_free(ends);
    return FEAT_OK;
}

static feat_status take_rows(const feat_schema *schema, const feat_batch *from, uint32_t *items, size_t n,
                             feat_batch *out, feat_error *err) {
    uint32_t *order = feat_alloc_array(schema->n_fields, sizeof *order);
    if (order) feat_table_order(schema, order);
    feat_status status = order ? sort(from, order, schema->n_fields, items, n, err) : feat_fail_memory(err);
    feat_free(order);
    FEAT_TRY(status);
    for (size_t i = 0; i < schema->n_fields; i++)
        if (feat_column_append_rows(&out->columns[i], &from->columns[i], items, n) != 0) return feat_fail_memory(err);
    out->length = n;
    return FEAT_OK;
}

/* ---- Reading. ---- */

static size_t text_of(const feat_batch *rows) {
    size_t total = 0;
    for (size_t i = 0; i < rows->n_columns; i++)
        if (rows->columns[i].offsets) total += (size_t)rows->columns[i].offsets[rows->columns[i].length];
    return total;
}

/* As many of the segments, in the order given, as the bytes of text allow; the numbers of live rows. */
static feat_status read_segments(const feat_rows *r, feat_manifest *m, const size_t *at, size_t *n_at,
                                 size_t text_limit, const uint32_t *all, feat_batch *rows, uint32_t *items, size_t *n,
                                 feat_error *err) {
    for (size_t i = 0; i < *n_at; i++) {
        feat_segment *s = &m->segments[at[i]];
        size_t first = rows->length;
        FEAT_TRY(feat_segment_load_deleted(s, r->env, r->txn, err));
        FEAT_TRY(feat_rows_read_segment(r, at[i], all, rows->n_columns, rows->columns, err));
        rows->length += s->rows;
        if (text_of(rows) > text_limit) { /* with it they would be too large, now and whenever one asks again */
            s->full = s->changed = true;
            *n_at = i;
            return FEAT_OK;
        }
        for (uint32_t row = 0; row < s->rows; row++)
            if (!s->bitmap || !feat_bit_get(s->bitmap, row)) items[(*n)++] = (uint32_t)first + row;
    }
    return FEAT_OK;
}

feat_status feat_compact_read(const feat_rows *r, feat_manifest *m, const feat_schema *schema, const size_t *at,
                              size_t *n_at, size_t text_limit, feat_batch *out, feat_error *err) {
    size_t n_fields = schema->n_fields, room = 0, n = 0;
    for (size_t i = 0; i < *n_at; i++) room += m->segments[at[i]].rows;
    feat_batch rows = {0};
    feat_type *types = feat_alloc_array(n_fields, sizeof *types);
    uint32_t *all = feat_alloc_array(n_fields, sizeof *all), *items = feat_alloc_array(room, sizeof *items);
    feat_status status = types && all && items ? FEAT_OK : feat_fail_memory(err);
    for (uint32_t i = 0; i < n_fields && status == FEAT_OK; i++) {
        all[i] = i;
        types[i] = schema->fields[i].type;
    }
    if (status == FEAT_OK) status = feat_batch_init(&rows, types, n_fields, err);
    if (status == FEAT_OK) status = feat_batch_init(out, types, n_fields, err);
    if (status == FEAT_OK) status = read_segments(r, m, at, n_at, text_limit, all, &rows, items, &n, err);
    if (status == FEAT_OK && n > 0) status = take_rows(schema, &rows, items, n, out, err);
    feat_batch_done(&rows);
    feat_free(types);
    feat_free(all);
    feat_free(items);
    return status;
}
