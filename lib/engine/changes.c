/* Finding what changed. The store knows which rows are only in one of two versions; a row that was rewritten is among
 * both, at two addresses. So both sides are put in the order of a hash, of the unique key or of the whole row, and rows
 * of one hash are compared. */
#include "engine/changes.h"

#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h" /* sorting */

#define SLICE ((size_t)8192) /* rows that are read at once */

typedef struct side {
    feat_table_version *version;
    const feat_row_address *rows;
    size_t n;
    size_t *other;         /* what becomes of each row; see feat_row_changes */
    feat_sort_item *items; /* hash and row, by hash */
} side;

typedef struct finder {
    const feat_schema *table;
    uint32_t *all, *ids; /* numbers of all fields; ids of fields */
    const feat_column **columns;
    feat_type *types;
    bool keyed; /* every row has a whole unique key */
    feat_buffer scratch;
    side older, newer;
    /* Rows of one or more hashes, of both sides, and where each hash begins in them. */
    feat_batch was, is;
    feat_row_address *addresses;
    size_t addresses_capacity;
} finder;

static feat_status prepare(finder *f, feat_error *err) {
    const feat_schema *table = f->table;
    size_t n = table->n_fields;
    f->all = feat_alloc_array(n, sizeof *f->all);
    f->ids = feat_alloc_array(n, sizeof *f->ids);
    f->columns = feat_alloc_array(n, sizeof *f->columns);
    f->types = feat_alloc_array(n, sizeof *f->types);
    if (!f->all || !f->ids || !f->columns || !f->types) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        f->all[i] = (uint32_t)i;
        f->ids[i] = table->fields[i].id;
        f->types[i] = table->fields[i].type;
    }
    f->keyed = table->n_unique > 0;
    for (size_t i = 0; i < table->n_unique; i++) f->keyed &= table->fields[table->unique[i]].not_null;
    FEAT_TRY(feat_batch_init(&f->was, f->types, n, err));
    return feat_batch_init(&f->is, f->types, n, err);
}

static void side_done(side *s) { feat_free(s->items); }

static void finder_done(finder *f) {
    side_done(&f->older);
    side_done(&f->newer);
    feat_batch_done(&f->was);
    feat_batch_done(&f->is);
    feat_buffer_done(&f->scratch);
    feat_free(f->all);
    feat_free(f->ids);
    feat_free(f->columns);
    feat_free(f->types);
    feat_free(f->addresses);
}

/* ---- Hashes. ---- */

static feat_status hash_slice(finder *f, const side *s, size_t from, size_t n, feat_batch *rows, feat_error *err) {
    const feat_schema *table = f->table;
    feat_batch_clear(rows);
    if (f->keyed) {
        for (size_t i = 0; i < table->n_unique; i++)
            FEAT_TRY(feat_table_read_rows(s->version, s->rows + from, n, &table->unique[i], 1,
                                          &rows->columns[table->unique[i]], err));
    } else {
        FEAT_TRY(feat_table_read_rows(s->version, s->rows + from, n, f->all, table->n_fields, rows->columns, err));
    }
    for (size_t i = 0; i < table->n_fields; i++) f->columns[i] = &rows->columns[i];
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = 0;
        bool whole = feat_unique_key(table, rows, i, &f->scratch, &hash);
        if (!whole && !f->scratch.failed) {
            feat_digest d = feat_row_digest(f->columns, f->ids, table->n_fields, i, &f->scratch);
            memcpy(&hash, d.bytes, sizeof hash); /* in whatever byte order: it brings equal rows together, no more */
        }
        if (f->scratch.failed) return feat_fail_memory(err);
        s->items[from + i] = (feat_sort_item){hash, (uint32_t)(from + i)};
    }
    return FEAT_OK;
}

static feat_status hash_rows(finder *f, side *s, feat_error *err) {
    if (s->n > UINT32_MAX)
        return feat_fail(err, FEAT_LIMIT,
                         "table '%s': more rows changed than can be compared; take versions that lie "
                         "closer together",
                         f->table->name);
    s->items = feat_alloc_array(s->n, sizeof *s->items);
    feat_sort_item *scratch = feat_alloc_array(s->n, sizeof *scratch);
    feat_status status = s->items && scratch ? FEAT_OK : feat_fail_memory(err);
    for (size_t at = 0; at < s->n && status == FEAT_OK; at += SLICE)
        status = hash_slice(f, s, at, s->n - at < SLICE ? s->n - at : SLICE, &f->was, err);
    if (status == FEAT_OK) feat_sort_keys(s->items, scratch, s->n);
    feat_free(scratch);
    return status;
}

/* ---- Comparing. ---- */

static bool same(const finder *f, const uint32_t *fields, size_t n, size_t was, size_t is) {
    for (size_t i = 0; i < n; i++)
        if (!feat_column_same(&f->was.columns[fields[i]], was, &f->is.columns[fields[i]], is)) return false;
    return true;
}

static bool has_key(const finder *f, size_t is) {
    for (size_t i = 0; i < f->table->n_unique; i++)
        if (feat_column_is_null(&f->is.columns[f->table->unique[i]], is)) return false;
    return f->table->n_unique > 0;
}

/* Items of one hash, whose rows are was[old_row..) and is[new_row..). */
static void match(finder *f, const feat_sort_item *old, size_t n_old, size_t old_row, const feat_sort_item *new,
                  size_t n_new, size_t new_row) {
    const feat_schema *table = f->table;
    size_t first = 0; /* the first that has no partner yet */
    for (size_t i = 0; i < n_new; i++) {
        while (first < n_old && f->older.other[old[first].row] != FEAT_CHANGE_ALONE) first++;
        for (size_t k = first; k < n_old; k++) {
            size_t *before = &f->newer.other[new[i].row], *after = &f->older.other[old[k].row];
            if (*after != FEAT_CHANGE_ALONE) continue;
            if (same(f, f->all, table->n_fields, old_row + k, new_row + i)) {
                *before = *after = FEAT_CHANGE_EQUAL;
                break;
            }
            if (has_key(f, new_row + i) && same(f, table->unique, table->n_unique, old_row + k, new_row + i)) {
                *before = old[k].row;
                *after = new[i].row;
                break;
            }
        }
    }
}

static feat_status read_items(finder *f, const side *s, const feat_sort_item *items, size_t n, feat_batch *out,
                              feat_error *err) {
    if (FEAT_GROW(f->addresses, f->addresses_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) f->addresses[i] = s->rows[items[i].row];
    return feat_table_read_rows(s->version, f->addresses, n, f->all, f->table->n_fields, out->columns, err);
}

/* Where the items of the hash at `at` end. */
static size_t hash_end(const side *s, size_t at) {
    size_t end = at + 1;
    while (end < s->n && s->items[end].key == s->items[at].key) end++;
    return end;
}

/* Moves both to their next common hash; false when there is none. */
static bool meet(const finder *f, size_t *i, size_t *j) {
    const side *a = &f->older, *b = &f->newer;
    while (*i < a->n && *j < b->n) {
        uint64_t x = a->items[*i].key, y = b->items[*j].key;
        if (x == y) return true;
        if (x < y) ++*i;
        else ++*j;
    }
    return false;
}

/* Reads the rows of common hashes from (i, j) on, a slice of them, and compares them. */
static feat_status compare_slice(finder *f, size_t *i, size_t *j, feat_error *err) {
    const side *a = &f->older, *b = &f->newer;
    size_t first_i = *i, first_j = *j;
    feat_batch_clear(&f->was);
    feat_batch_clear(&f->is);
    while (f->was.columns[0].length + f->is.columns[0].length < SLICE && meet(f, i, j)) {
        /* Hashes that follow each other on both sides are read at once. */
        size_t from_i = *i, from_j = *j;
        do {
            *i = hash_end(a, *i);
            *j = hash_end(b, *j);
        } while (*i < a->n && *j < b->n && a->items[*i].key == b->items[*j].key && *i - from_i + *j - from_j < SLICE);
        FEAT_TRY(read_items(f, a, a->items + from_i, *i - from_i, &f->was, err));
        FEAT_TRY(read_items(f, b, b->items + from_j, *j - from_j, &f->is, err));
    }
    size_t end_i = *i, old_row = 0, new_row = 0;
    for (size_t x = first_i, y = first_j; x < end_i && meet(f, &x, &y) && x < end_i;) {
        size_t n_old = hash_end(a, x) - x, n_new = hash_end(b, y) - y;
        match(f, a->items + x, n_old, old_row, b->items + y, n_new, new_row);
        old_row += n_old;
        new_row += n_new;
        x += n_old;
        y += n_new;
    }
    return FEAT_OK;
}

static feat_status compare(finder *f, feat_error *err) {
    FEAT_TRY(prepare(f, err));
    FEAT_TRY(hash_rows(f, &f->older, err));
    FEAT_TRY(hash_rows(f, &f->newer, err));
    for (size_t i = 0, j = 0; meet(f, &i, &j);) FEAT_TRY(compare_slice(f, &i, &j, err));
    return FEAT_OK;
}

/* ---- All of it. ---- */

void feat_changes_done(feat_row_changes *c) {
    feat_free(c->added);
    feat_free(c->removed);
    feat_free(c->before);
    feat_free(c->after);
    *c = (feat_row_changes){0};
}

static void count(feat_row_changes *c) {
    for (size_t i = 0; i < c->n_added; i++) {
        c->inserted += c->before[i] == FEAT_CHANGE_ALONE;
        c->updated += c->before[i] < FEAT_CHANGE_EQUAL;
    }
    for (size_t i = 0; i < c->n_removed; i++) c->deleted += c->after[i] == FEAT_CHANGE_ALONE;
}

/* Of the addresses in `c`: what became of each row. */
static feat_status pair(feat_table_version *older, feat_table_version *newer, const feat_schema *table,
                        feat_row_changes *c, feat_error *err) {
    c->before = feat_alloc_array(c->n_added, sizeof *c->before);
    c->after = feat_alloc_array(c->n_removed, sizeof *c->after);
    if (!c->before || !c->after) return feat_fail_memory(err);
    for (size_t i = 0; i < c->n_added; i++) c->before[i] = FEAT_CHANGE_ALONE;
    for (size_t i = 0; i < c->n_removed; i++) c->after[i] = FEAT_CHANGE_ALONE;
    if (c->n_added == 0 || c->n_removed == 0) return FEAT_OK;
    finder f = {.table = table,
                .older = {.version = older, .rows = c->removed, .n = c->n_removed, .other = c->after},
                .newer = {.version = newer, .rows = c->added, .n = c->n_added, .other = c->before}};
    feat_buffer_init(&f.scratch);
    feat_status status = compare(&f, err);
    finder_done(&f);
    return status;
}

feat_status feat_changes_find(feat_table_version *older, feat_table_version *newer, const feat_schema *table,
                              feat_row_changes *changes, feat_error *err) {
    feat_row_changes c = {0};
    FEAT_TRY(feat_table_diff(older, newer, &c.added, &c.n_added, &c.removed, &c.n_removed, err));
    feat_status status = pair(older, newer, table, &c, err);
    if (status != FEAT_OK) {
        feat_changes_done(&c);
        return status;
    }
    count(&c);
    *changes = c;
    return FEAT_OK;
}

/* ---- Rows that were moved. ---- */

static bool any_moved(const feat_table_version *tv, const feat_row_address *rows, size_t n) {
    for (size_t i = 0, s = 0; i < n; i++) { /* both ascend */
        while (feat_table_segment(tv, s).id < rows[i].segment) s++;
        if (feat_table_segment(tv, s).moved) return true;
    }
    return false;
}

static size_t drop_equal(feat_row_address *rows, const size_t *other, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (other[i] != FEAT_CHANGE_EQUAL) rows[kept++] = rows[i];
    return kept;
}

feat_status feat_diff_rows(feat_table_version *older, feat_table_version *newer, const feat_schema *table,
                           feat_row_address **added, size_t *n_added, feat_row_address **removed, size_t *n_removed,
                           feat_error *err) {
    feat_row_changes c = {0};
    FEAT_TRY(feat_table_diff(older, newer, &c.added, &c.n_added, &c.removed, &c.n_removed, err));
    /* An older version may be the one whose rows were moved, where a table was restored. */
    if (any_moved(newer, c.added, c.n_added) || any_moved(older, c.removed, c.n_removed)) {
        feat_status status = pair(older, newer, table, &c, err);
        if (status != FEAT_OK) {
            feat_changes_done(&c);
            return status;
        }
        c.n_added = drop_equal(c.added, c.before, c.n_added);
        c.n_removed = drop_equal(c.removed, c.after, c.n_removed);
    }
    *added = c.added;
    *n_added = c.n_added;
    *removed = c.removed;
    *n_removed = c.n_removed;
    feat_free(c.before);
    feat_free(c.after);
    return FEAT_OK;
}
