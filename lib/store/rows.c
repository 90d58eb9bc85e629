#include "store/rows.h"
#include "store/order.h"

#include "base/alloc.h"
#include "column/widen.h"
#include "store/store.h"
#include "store/unique.h"

#define SLICE ((size_t)1 << 20) /* rows read at once: bounds the memory of an order */

static bool is_open(const feat_rows *r, size_t segment) { return r->open && segment == r->manifest->n_segments - 1; }

/* Opens the block that a segment has of a field: its own, or one from before its type was widened, which has the
 * narrower type. None: the segment is older than the field. */
static feat_status open_block(const feat_rows *r, const feat_segment *s, uint32_t column, bool *absent,
                              feat_error *err) {
    const feat_field *field = &r->schema->fields[column];
    const feat_digest *key = feat_segment_block(s, feat_field_stored(field));
    feat_type type = field->type;
    for (size_t i = r->schema->n_retired; !key && i-- > 0;) {
        if (r->schema->retired[i].field != field->id) continue;
        key = feat_segment_block(s, r->schema->retired[i].stored);
        type = r->schema->retired[i].type;
    }
    *absent = !key;
    return key ? feat_block_open(r->block, r->env, r->txn, key, type, s->rows, err) : FEAT_OK;
}

static feat_status append_absent(const feat_rows *r, uint32_t column, feat_column *out, size_t n, feat_error *err) {
    return feat_column_append_value(out, &r->schema->fields[column].absent, n) == 0 ? FEAT_OK : feat_fail_memory(err);
}

/* Forgets what a failed call appended. */
static void rewind_columns(feat_column *out, const size_t *lengths, size_t n) {
    for (size_t i = 0; i < n; i++) feat_column_truncate(&out[i], lengths[i]);
}

static feat_status remember(const feat_column *out, size_t n, size_t **lengths, feat_error *err) {
    size_t *p = feat_alloc_array(n, sizeof *p);
    if (!p) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) p[i] = out[i].length;
    *lengths = p;
    return FEAT_OK;
}

/* ---- A whole segment. ---- */

static feat_status read_column(const feat_rows *r, size_t segment, uint32_t column, feat_column *out, feat_error *err) {
    const feat_segment *s = &r->manifest->segments[segment];
    if (is_open(r, segment))
        return feat_column_append_range(out, &r->open->columns[column], 0, s->rows) == 0 ? FEAT_OK
                                                                                         : feat_fail_memory(err);
    bool absent;
    FEAT_TRY(open_block(r, s, column, &absent, err));
    if (absent) return append_absent(r, column, out, s->rows, err);
    if (feat_column_reserve(out, s->rows) != 0) return feat_fail_memory(err);
    for (size_t page = 0; page < r->block->n_pages; page++) {
        const feat_column *view;
        if (r->block->type == out->type) {
            FEAT_TRY(feat_block_append(r->block, page, out, err));
            continue;
        }
        FEAT_TRY(feat_block_read(r->block, page, &view, err));
        if (feat_column_widen_range(out, view, 0, view->length) != 0) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status stored_bounds(const feat_rows *r, size_t segment, uint32_t column, feat_bounds *bounds,
                                 feat_error *err) {
    bool absent;
    *bounds = (feat_bounds){0};
    if (is_open(r, segment)) return FEAT_OK;
    FEAT_TRY(open_block(r, &r->manifest->segments[segment], column, &absent, err));
    if (absent || r->block->type != r->schema->fields[column].type) return FEAT_OK;
    return feat_block_bounds(r->block, bounds, err);
}

feat_status feat_rows_bounds(const feat_rows *r, size_t segment, uint32_t column, feat_bounds *bounds,
                             feat_error *err) {
    /* Event times lie in the segment's partition: no block needs to be read for that. */
    if (column == r->schema->time && r->schema->partition != FEAT_PARTITION_NONE && !is_open(r, segment)) {
        *bounds = (feat_bounds){.known = true, .ints = true};
        feat_partition_bounds(r->schema, r->manifest->segments[segment].partition, &bounds->min_int, &bounds->max_int);
        return FEAT_OK;
    }
    return stored_bounds(r, segment, column, bounds, err);
}

feat_status feat_rows_page_bounds(const feat_rows *r, size_t segment, uint32_t column, feat_bounds *bounds, size_t *n,
                                  feat_error *err) {
    *n = 0;
    FEAT_TRY(stored_bounds(r, segment, column, bounds, err));
    if (!bounds->known) return FEAT_OK;
    if (r->block->n_pages > FEAT_SEGMENT_PAGES)
        return feat_fail(err, FEAT_CORRUPT, "a block has too many pages; restore the store from a copy");
    for (size_t page = 0; page < r->block->n_pages; page++) {
        if (r->block->directory[page].first_row != page * FEAT_PAGE_ROWS)
            return feat_fail(err, FEAT_CORRUPT, "a block has pages of odd sizes; restore the store from a copy");
        FEAT_TRY(feat_block_page_bounds(r->block, page, &bounds[page], err));
    }
    *n = r->block->n_pages;
    return FEAT_OK;
}

feat_status feat_rows_read_segment(const feat_rows *r, size_t segment, const uint32_t *columns, size_t n,
                                   feat_column *out, feat_error *err) {
    size_t *lengths = NULL;
    FEAT_TRY(remember(out, n, &lengths, err));
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < n && status == FEAT_OK; i++) status = read_column(r, segment, columns[i], &out[i], err);
    if (status != FEAT_OK) rewind_columns(out, lengths, n);
    feat_free(lengths);
    return status;
}

/* ---- Finding rows by what a segment is sorted by. ---- */

/* The page of the open block that was read last, in the type of its field. */
typedef struct search {
    const feat_rows *r;
    const feat_column *keys;
    size_t key, page;
    feat_column widened;
    const feat_column *view;
} search;

static feat_status look(search *s, size_t page, feat_error *err) {
    if (s->page == page) return FEAT_OK;
    s->page = SIZE_MAX;
    FEAT_TRY(feat_block_read(s->r->block, page, &s->view, err));
    if (s->r->block->type != s->keys->type) {
        feat_column_clear(&s->widened);
        if (feat_column_widen_range(&s->widened, s->view, 0, s->view->length) != 0) return feat_fail_memory(err);
        s->view = &s->widened;
    }
    s->page = page;
    return FEAT_OK;
}

/* Whether a row stands in front of the place that is looked for: in front of the rows that equal the key, or of what is
 * behind them. */
static bool in_front(const search *s, size_t row_of_page, bool behind) {
    int order = feat_column_compare(s->view, row_of_page, s->keys, s->key);
    return behind ? order <= 0 : order < 0;
}

/* The first row of [low, high) that does not stand in front of the place; `high` when all do. It is looked for near a
 * row first, where that is one of them. */
static feat_status find_place(search *s, uint32_t low, uint32_t high, uint32_t near, bool behind, uint32_t *place,
                              feat_error *err) {
    const feat_block *b = s->r->block;
    if (low == high) {
        *place = low;
        return FEAT_OK;
    }
    size_t first = feat_block_find(b, low), last = feat_block_find(b, high - 1);
    size_t page = near >= low && near < high ? feat_block_find(b, near) : first + (last - first) / 2;
    while (first < last) { /* the first page whose last row does not stand in front */
        FEAT_TRY(look(s, page, err));
        if (in_front(s, s->view->length - 1, behind)) first = page + 1;
        else last = page;
        /* The page at hand is the one where its first row stands in front. */
        if (last == page && b->directory[page].first_row >= low && in_front(s, 0, behind)) first = page;
        page = first + (last - first) / 2;
    }
    FEAT_TRY(look(s, first, err));
    uint32_t base = b->directory[first].first_row;
    uint32_t from = low > base ? low - base : 0, to = (uint32_t)s->view->length;
    if (to > high - base) to = high - base;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (in_front(s, middle, behind)) from = middle + 1;
        else to = middle;
    }
    *place = base + from;
    return FEAT_OK;
}

/* The first row of [low, high) of a column in memory that does not stand in front of the place. */
static uint32_t place_in(const feat_column *c, uint32_t low, uint32_t high, const feat_column *key, size_t row,
                         bool behind) {
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = feat_column_compare(c, middle, key, row);
        if (behind ? order <= 0 : order < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static feat_status narrow(const feat_rows *r, size_t segment, uint32_t column, const feat_column *key, size_t row,
                          uint32_t near, uint32_t *first, uint32_t *end, feat_error *err) {
    bool absent;
    if (is_open(r, segment)) {
        const feat_column *c = &r->open->columns[column];
        *first = place_in(c, *first, *end, key, row, false);
        *end = place_in(c, *first, *end, key, row, true);
        return FEAT_OK;
    }
    search s = {.r = r, .keys = key, .key = row, .page = SIZE_MAX};
    FEAT_TRY(open_block(r, &r->manifest->segments[segment], column, &absent, err));
    if (absent) return feat_fail(err, FEAT_CORRUPT, "a segment lacks a key column; restore the store from a copy");
    feat_column_init(&s.widened, key->type);
    uint32_t low = *first, high = *end;
    feat_status status = find_place(&s, low, high, near, false, first, err);
    if (status == FEAT_OK) status = find_place(&s, *first, high, *first, true, end, err);
    feat_column_done(&s.widened);
    return status;
}

feat_status feat_rows_find(const feat_rows *r, size_t segment, const uint32_t *columns, size_t n,
                           const feat_column *keys, size_t row, uint32_t near, uint32_t *first, uint32_t *end,
                           feat_error *err) {
    uint32_t low = 0, high = r->manifest->segments[segment].rows;
    for (size_t i = 0; i < n && low < high; i++)
        FEAT_TRY(narrow(r, segment, columns[i], &keys[i], row, near, &low, &high, err));
    *first = low;
    *end = high;
    return FEAT_OK;
}

/* ---- Single rows: sorted by place, read page by page, and put back into the order asked for. ---- */

typedef struct order {
    feat_unique_entry *places; /* hash: index of the segment << 32 | row; segment: place in the request */
    feat_unique_entry *work;
    uint32_t *picks;
    bool sorted; /* the request was */
    size_t n;
} order;

static void order_done(order *o) {
    feat_free(o->places);
    feat_free(o->work);
    feat_free(o->picks);
}

static feat_status order_fill(order *o, const feat_rows *r, const feat_row_address *rows, size_t n, feat_error *err) {
    o->sorted = true;
    o->n = n;
    size_t segment = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        if (segment == SIZE_MAX || r->manifest->segments[segment].id != rows[i].segment)
            segment = feat_manifest_find(r->manifest, rows[i].segment);
        if (segment == SIZE_MAX || rows[i].row >= r->manifest->segments[segment].rows)
            return feat_fail(err, FEAT_INTERNAL, "row %u of segment %llu does not exist in this version", rows[i].row,
                             (unsigned long long)rows[i].segment);
        o->places[i] = (feat_unique_entry){(uint64_t)segment << 32 | rows[i].row, i, 0};
        o->sorted = o->sorted && (i == 0 || o->places[i - 1].hash <= o->places[i].hash);
    }
    if (!o->sorted) feat_unique_sort(o->places, o->work, n);
    return FEAT_OK;
}

/* Appends the rows of places[from, to), all of one segment. */
static feat_status read_places(const feat_rows *r, const order *o, size_t from, size_t to, uint32_t column,
                               feat_column *out, feat_error *err) {
    size_t segment = (size_t)(o->places[from].hash >> 32);
    const feat_segment *s = &r->manifest->segments[segment];
    bool absent = false;
    if (is_open(r, segment)) {
        for (size_t i = from; i < to; i++) o->picks[i - from] = (uint32_t)o->places[i].hash;
        return feat_column_append_rows(out, &r->open->columns[column], o->picks, to - from) == 0
                   ? FEAT_OK
                   : feat_fail_memory(err);
    }
    FEAT_TRY(open_block(r, s, column, &absent, err));
    if (absent) return append_absent(r, column, out, to - from, err);
    while (from < to) {
        size_t page = feat_block_find(r->block, (uint32_t)o->places[from].hash);
        const feat_block_page *p = &r->block->directory[page];
        size_t n = 0;
        for (; from < to && (uint32_t)o->places[from].hash - p->first_row < p->rows; from++)
            o->picks[n++] = (uint32_t)o->places[from].hash - p->first_row;
        const feat_column *view;
        FEAT_TRY(feat_block_read(r->block, page, &view, err));
        if (feat_column_widen_rows(out, view, o->picks, n) != 0) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status read_sorted(const feat_rows *r, const order *o, uint32_t column, feat_column *out, feat_error *err) {
    for (size_t from = 0; from < o->n;) {
        size_t to = from + 1;
        while (to < o->n && o->places[to].hash >> 32 == o->places[from].hash >> 32) to++;
        FEAT_TRY(read_places(r, o, from, to, column, out, err));
        from = to;
    }
    return FEAT_OK;
}

static feat_status read_ordered(const feat_rows *r, const order *o, uint32_t column, feat_column *out,
                                feat_error *err) {
    if (o->sorted) return read_sorted(r, o, column, out, err);
    feat_column sorted;
    feat_column_init(&sorted, r->schema->fields[column].type);
    feat_status status = read_sorted(r, o, column, &sorted, err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < o->n; i++) o->picks[o->places[i].segment] = (uint32_t)i;
        if (feat_column_append_rows(out, &sorted, o->picks, o->n) != 0) status = feat_fail_memory(err);
    }
    feat_column_done(&sorted);
    return status;
}

feat_status feat_rows_read(const feat_rows *r, const feat_row_address *rows, size_t n_rows, const uint32_t *columns,
                           size_t n, feat_column *out, feat_error *err) {
    if (n_rows == 0 || n == 0) return FEAT_OK;
    size_t most = n_rows < SLICE ? n_rows : SLICE, *lengths = NULL;
    FEAT_TRY(remember(out, n, &lengths, err));
    order o = {.places = feat_alloc_array(most, sizeof *o.places),
               .work = feat_alloc_array(most, sizeof *o.work),
               .picks = feat_alloc_array(most, sizeof *o.picks)};
    feat_status status = o.places && o.work && o.picks ? FEAT_OK : feat_fail_memory(err);
    for (size_t at = 0; at < n_rows && status == FEAT_OK; at += most) {
        status = order_fill(&o, r, rows + at, n_rows - at < most ? n_rows - at : most, err);
        for (size_t i = 0; i < n && status == FEAT_OK; i++) status = read_ordered(r, &o, columns[i], &out[i], err);
    }
    if (status != FEAT_OK) rewind_columns(out, lengths, n);
    order_done(&o);
    feat_free(lengths);
    return status;
}
