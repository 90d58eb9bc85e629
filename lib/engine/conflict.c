/* The rule of the UNIQUE key. Keys are found by hash and always compared by value. Within a call one key may come twice
 * only with equal rows, wherever the parts begin and end; so what an earlier part decided about a stored row that it
 * left in place is remembered. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/digest.h"
#include "column/utf8.h"
#include "engine/ingest.h"
#include "math/decimal.h"
#include "math/number.h"

/* ---- Stored rows that rows of this call met and left in place. ---- */

typedef struct seen_entry {
    uint64_t segment;
    uint32_t number;
    bool used;
    feat_digest value;
} seen_entry;

/* Open addressing; at most half full. */
typedef struct seen_table {
    seen_entry *entries;
    size_t n, capacity; /* a power of two, or 0 */
} seen_table;

struct feat_unique_seen {
    seen_table met;     /* (segment, row / 128) -> a bit for each of 128 rows: a bit a row where many are met */
    seen_table merged;  /* of a merge: digests of the keys of earlier parts */
    seen_table ignored; /* (segment, row) -> digest of the row that was ignored in its favour, where the two differ */
};

static seen_entry *seen_slot(const seen_table *t, uint64_t segment, uint32_t number) {
    uint64_t place[2] = {segment, number};
    size_t at = (size_t)feat_hash64(place, sizeof place) & (t->capacity - 1);
    while (t->entries[at].used && (t->entries[at].segment != segment || t->entries[at].number != number))
        at = (at + 1) & (t->capacity - 1);
    return &t->entries[at];
}

static const seen_entry *seen_find(const seen_table *t, uint64_t segment, uint32_t number) {
    if (t->capacity == 0) return NULL;
    const seen_entry *e = seen_slot(t, segment, number);
    return e->used ? e : NULL;
}

/* The entry, made when it is missing; NULL without memory. */
static seen_entry *seen_add(seen_table *t, uint64_t segment, uint32_t number) {
    if (t->n >= t->capacity / 2) {
        seen_table larger = {.n = t->n, .capacity = t->capacity ? t->capacity * 2 : 1024};
        larger.entries = feat_alloc_zero(larger.capacity, sizeof *larger.entries);
        if (!larger.entries) return NULL;
        for (size_t i = 0; i < t->capacity; i++)
            if (t->entries[i].used) *seen_slot(&larger, t->entries[i].segment, t->entries[i].number) = t->entries[i];
        feat_free(t->entries);
        *t = larger;
    }
    seen_entry *e = seen_slot(t, segment, number);
    if (!e->used) {
        *e = (seen_entry){.segment = segment, .number = number, .used = true};
        t->n++;
    }
    return e;
}

static bool was_met(const feat_unique *u, feat_row_address a) {
    const seen_entry *e = u->seen ? seen_find(&u->seen->met, a.segment, a.row / 128) : NULL;
    return e && (e->value.bytes[a.row % 128 / 8] >> (a.row % 8) & 1);
}

static feat_status mark_met(feat_unique *u, feat_row_address a, feat_error *err) {
    if (!u->seen && !(u->seen = feat_alloc_zero(1, sizeof *u->seen))) return feat_fail_memory(err);
    seen_entry *e = seen_add(&u->seen->met, a.segment, a.row / 128);
    if (!e) return feat_fail_memory(err);
    e->value.bytes[a.row % 128 / 8] |= (uint8_t)(1u << (a.row % 8));
    return FEAT_OK;
}

void feat_unique_done(feat_unique *u) {
    if (!u->seen) return;
    feat_free(u->seen->met.entries);
    feat_free(u->seen->merged.entries);
    feat_free(u->seen->ignored.entries);
    feat_free(u->seen);
    u->seen = NULL;
}

/* ---- One part. ---- */

typedef enum conflict_kind {
    CONFLICT_NONE = 0,
    CONFLICT_PART,      /* two rows of the part differ */
    CONFLICT_CALL,      /* an earlier part had a different row */
    CONFLICT_DIFFERENT, /* a different row is stored */
    CONFLICT_STORED,    /* a row is stored */
    CONFLICT_MISSING,   /* none is */
    CONFLICT_TWICE,     /* of a merge: two rows of the part have one key */
    CONFLICT_AGAIN      /* of a merge: an earlier part had the key */
} conflict_kind;

typedef struct resolution {
    feat_unique *u;
    const feat_batch *part;
    feat_sort_item *items,
        *scratch; /* (hash of the key, row); after the first pass one for each key, the first row with it */
    size_t n_items;
    uint64_t *hashes; /* distinct, ascending */
    size_t *first;    /* first[i]: item where hashes[i] begins; first[n_hashes] = n_items */
    size_t n_hashes;
    uint8_t *dropped, *matched; /* matched: of a merge */
    feat_unique_hit *hits;
    size_t n_hits;
    feat_row_address *addresses; /* of the hits, ascending, so that each page is read once */
    feat_batch stored;           /* their rows */
    feat_row_address *replaced;
    size_t n_replaced;
    const feat_column **columns; /* of the part, and their ids: for digests */
    uint32_t *ids;
    feat_buffer key;
    conflict_kind conflict; /* the one of the lowest row */
    uint32_t row, other;
} resolution;

static void resolution_done(resolution *r) {
    feat_free(r->items);
    feat_free(r->scratch);
    feat_free(r->hashes);
    feat_free(r->first);
    feat_free(r->dropped);
    feat_free(r->matched);
    feat_free(r->hits);
    feat_free(r->addresses);
    feat_batch_done(&r->stored);
    feat_free(r->replaced);
    feat_free(r->columns);
    feat_free(r->ids);
    feat_buffer_done(&r->key);
}

static bool same_key(const feat_schema *table, const feat_batch *a, size_t row_a, const feat_batch *b, size_t row_b) {
    for (size_t i = 0; i < table->n_unique; i++) {
        uint32_t field = table->unique[i];
        if (feat_column_compare(&a->columns[field], row_a, &b->columns[field], row_b) != 0) return false;
    }
    return true;
}

static bool is_ended(const feat_schema *table, const feat_batch *rows, size_t row) {
    if (!table->dimension) return false;
    const feat_column *mark = &rows->columns[table->ended];
    return !feat_column_is_null(mark, row) && feat_column_int(mark, row);
}

/* Of rows with one key. Two ends say the same: an older one reads as having the DEFAULT of a column that was added. */
static bool same_row(const feat_unique *u, const feat_batch *a, size_t row_a, const feat_batch *b, size_t row_b) {
    const feat_schema *table = u->table;
    if (is_ended(table, a, row_a) && is_ended(table, b, row_b)) return true;
    for (size_t i = 0; i < a->n_columns; i++)
        if (!(u->arrived && i == u->arrival) && !feat_column_same(&a->columns[i], row_a, &b->columns[i], row_b))
            return false;
    return true;
}

static void note_conflict(resolution *r, conflict_kind kind, uint32_t row, uint32_t other) {
    if (r->conflict != CONFLICT_NONE && r->row <= row) return;
    r->conflict = kind;
    r->row = row;
    r->other = other;
}

static void drop(resolution *r, uint32_t row) {
    r->dropped[row] = 1;
    r->u->rows_skipped++;
}

/* ---- Within the part. ---- */

static feat_status hash_keys(resolution *r, feat_error *err) {
    for (size_t row = 0; row < r->part->length; row++) {
        uint64_t hash;
        feat_buffer_clear(&r->key);
        bool whole = feat_unique_key(r->u->table, r->part, row, &r->key, &hash);
        if (r->key.failed) return feat_fail_memory(err);
        if (whole) r->items[r->n_items++] = (feat_sort_item){hash, (uint32_t)row};
    }
    feat_sort_keys(r->items, r->scratch, r->n_items);
    return FEAT_OK;
}

/* Keeps the first row of each key. Rows of one hash stand together; of those with the hash but another key there are
 * next to none. */
static void drop_repeated(resolution *r) {
    size_t n = 0, n_hashes = 0;
    for (size_t i = 0; i < r->n_items; i++) {
        feat_sort_item item = r->items[i];
        if (n_hashes == 0 || r->hashes[n_hashes - 1] != item.key) {
            r->first[n_hashes] = n;
            r->hashes[n_hashes++] = item.key;
        }
        size_t k = r->first[n_hashes - 1];
        while (k < n && !same_key(r->u->table, r->part, r->items[k].row, r->part, item.row)) k++;
        if (k == n) r->items[n++] = item;
        else if (r->u->mode == FEAT_WRITE_DELETE) continue; /* it names the row a second time */
        else if (r->u->mode == FEAT_WRITE_MERGE) note_conflict(r, CONFLICT_TWICE, item.row, r->items[k].row);
        else if (same_row(r->u, r->part, r->items[k].row, r->part, item.row)) drop(r, item.row);
        else note_conflict(r, CONFLICT_PART, item.row, r->items[k].row);
    }
    r->first[n_hashes] = r->n_items = n;
    r->n_hashes = n_hashes;
}

/* ---- Against stored rows, and those of earlier parts. ---- */

static feat_status read_hits(resolution *r, feat_error *err) {
    const feat_schema *table = r->u->table;
    size_t n = r->n_hits;
    feat_sort_item *order = feat_alloc_array(n, 2 * sizeof *order);
    feat_unique_hit *hits = feat_alloc_array(n, sizeof *hits);
    feat_type *types = feat_alloc_array(table->n_fields, sizeof *types);
    uint32_t *all = feat_alloc_array(table->n_fields, sizeof *all);
    r->addresses = feat_alloc_array(n, sizeof *r->addresses);
    feat_status status = FEAT_OK;
    if (!order || !hits || !types || !all || !r->addresses) {
        status = feat_fail_memory(err);
        goto out;
    }
    /* Two stable sorts: by row, then by segment. */
    for (size_t i = 0; i < n; i++) order[i] = (feat_sort_item){r->hits[i].address.row, (uint32_t)i};
    feat_sort_keys(order, order + n, n);
    for (size_t i = 0; i < n; i++) order[i].key = r->hits[order[i].row].address.segment;
    feat_sort_keys(order, order + n, n);
    for (size_t i = 0; i < n; i++) {
        hits[i] = r->hits[order[i].row];
        r->addresses[i] = hits[i].address;
    }
    memcpy(r->hits, hits, n * sizeof *hits);
    for (size_t i = 0; i < table->n_fields; i++) {
        types[i] = table->fields[i].type;
        all[i] = (uint32_t)i;
    }
    FEAT_GOTO(status, feat_batch_init(&r->stored, types, table->n_fields, err), out);
    FEAT_GOTO(status,
              feat_table_writer_read_rows(r->u->writer, r->addresses, n, all, table->n_fields, r->stored.columns, err),
              out);
    r->stored.length = n;
out:
    feat_free(order);
    feat_free(hits);
    feat_free(types);
    feat_free(all);
    return status;
}

static feat_status row_digest(resolution *r, uint32_t row, feat_digest *digest, feat_error *err) {
    size_t n = r->part->n_columns;
    if (!r->columns) {
        r->columns = feat_alloc_array(n, sizeof *r->columns);
        r->ids = feat_alloc_array(n, sizeof *r->ids);
        if (!r->columns || !r->ids) return feat_fail_memory(err);
        for (size_t i = 0; i < n; i++) {
            r->columns[i] = &r->part->columns[i];
            r->ids[i] = r->u->table->fields[i].id;
        }
    }
    *digest = feat_row_digest(r->columns, r->ids, n, row, &r->key);
    return r->key.failed ? feat_fail_memory(err) : FEAT_OK;
}

/* The stored row stays. It speaks for the first row of the call that met it: a later one must be equal to that. */
static feat_status ignore_row(resolution *r, uint32_t row, feat_row_address address, bool same, feat_error *err) {
    feat_unique *u = r->u;
    const seen_entry *earlier = u->seen ? seen_find(&u->seen->ignored, address.segment, address.row) : NULL;
    feat_digest digest;
    if (earlier) {
        FEAT_TRY(row_digest(r, row, &digest, err));
        if (feat_digest_equal(&digest, &earlier->value)) drop(r, row);
        else note_conflict(r, CONFLICT_CALL, row, 0);
        return FEAT_OK;
    }
    if (was_met(u, address)) {
        if (same) drop(r, row);
        else note_conflict(r, CONFLICT_CALL, row, 0);
        return FEAT_OK;
    }
    FEAT_TRY(mark_met(u, address, err));
    if (!same) {
        FEAT_TRY(row_digest(r, row, &digest, err));
        seen_entry *e = seen_add(&u->seen->ignored, address.segment, address.row);
        if (!e) return feat_fail_memory(err);
        e->value = digest;
    }
    drop(r, row);
    return FEAT_OK;
}

static feat_status replace_row(resolution *r, uint32_t row, feat_row_address address, bool same, feat_error *err) {
    if (same) {
        drop(r, row);
        return mark_met(r->u, address, err);
    }
    if (was_met(r->u, address)) note_conflict(r, CONFLICT_CALL, row, 0);
    else r->replaced[r->n_replaced++] = address;
    return FEAT_OK;
}

/* The keys of a merge come once each, also in different parts: those of a part that others follow are remembered. */
static feat_status check_merged(resolution *r, feat_error *err) {
    feat_unique *u = r->u;
    if (!u->more && (!u->seen || u->seen->merged.n == 0)) return FEAT_OK;
    if (!u->seen && !(u->seen = feat_alloc_zero(1, sizeof *u->seen))) return feat_fail_memory(err);
    for (size_t i = 0; i < r->n_items; i++) {
        uint64_t hash;
        feat_buffer_clear(&r->key);
        feat_unique_key(u->table, r->part, r->items[i].row, &r->key, &hash);
        if (r->key.failed) return feat_fail_memory(err);
        feat_digest digest = feat_digest_of(r->key.data, r->key.size);
        uint64_t place;
        uint32_t rest;
        memcpy(&place, digest.bytes, sizeof place);
        memcpy(&rest, digest.bytes + sizeof place, sizeof rest);
        const seen_entry *earlier = seen_find(&u->seen->merged, place, rest);
        if (earlier && feat_digest_equal(&earlier->value, &digest))
            note_conflict(r, CONFLICT_AGAIN, r->items[i].row, 0);
        else if (u->more) {
            seen_entry *e = seen_add(&u->seen->merged, place, rest);
            if (!e) return feat_fail_memory(err);
            e->value = digest;
        }
    }
    return FEAT_OK;
}

/* Of a merge: the stored row has the key. */
static void match_row(resolution *r, uint32_t row, feat_row_address address, bool same) {
    r->matched[row] = 1;
    switch (r->u->matched) {
    case FEAT_MATCHED_UPDATE:
        if (same) drop(r, row);
        else r->replaced[r->n_replaced++] = address;
        break;
    case FEAT_MATCHED_IGNORE: drop(r, row); break;
    case FEAT_MATCHED_DELETE:
        r->dropped[row] = 1;
        r->replaced[r->n_replaced++] = address;
        break;
    case FEAT_MATCHED_ERROR: note_conflict(r, CONFLICT_STORED, row, 0); break;
    }
}

/* Of a merge: the rows whose key is not stored. */
static void settle_others(resolution *r) {
    for (uint32_t row = 0; row < r->part->length && r->u->not_matched != FEAT_NOT_MATCHED_INSERT; row++) {
        if (r->matched[row]) continue;
        if (r->u->not_matched == FEAT_NOT_MATCHED_IGNORE) drop(r, row);
        else note_conflict(r, CONFLICT_MISSING, row, 0);
    }
}

/* Decides about the row whose key the live row at `address`, row `stored` of those read, has too. */
static feat_status meet(resolution *r, uint32_t row, size_t stored, feat_row_address address, feat_error *err) {
    if (r->u->mode == FEAT_WRITE_DELETE) {
        r->replaced[r->n_replaced++] = address;
        return FEAT_OK;
    }
    bool same = same_row(r->u, r->part, row, &r->stored, stored);
    if (r->u->mode == FEAT_WRITE_MERGE) {
        match_row(r, row, address, same);
        return FEAT_OK;
    }
    if (feat_table_writer_pending(r->u->writer, address)) {
        if (same) drop(r, row);
        else note_conflict(r, CONFLICT_CALL, row, 0);
        return FEAT_OK;
    }
    if (r->u->mode == FEAT_WRITE_UPSERT) return replace_row(r, row, address, same, err);
    switch (r->u->on_conflict) {
    case FEAT_CONFLICT_REPLACE: return replace_row(r, row, address, same, err);
    case FEAT_CONFLICT_IGNORE: return ignore_row(r, row, address, same, err);
    case FEAT_CONFLICT_ERROR: note_conflict(r, CONFLICT_STORED, row, 0); return FEAT_OK;
    case FEAT_CONFLICT_SKIP_IDENTICAL: break;
    }
    if (same) drop(r, row);
    else note_conflict(r, CONFLICT_DIFFERENT, row, 0);
    return FEAT_OK;
}

static feat_status resolve_stored(resolution *r, feat_error *err) {
    if (r->n_hashes == 0) return FEAT_OK;
    FEAT_TRY(feat_table_writer_probe(r->u->writer, r->hashes, r->n_hashes, &r->hits, &r->n_hits, err));
    if (r->n_hits == 0) return FEAT_OK;
    FEAT_TRY(read_hits(r, err));
    r->replaced = feat_alloc_array(r->n_hits, sizeof *r->replaced);
    if (!r->replaced) return feat_fail_memory(err);
    for (size_t i = 0; i < r->n_hits; i++) {
        size_t k = r->first[r->hits[i].probe], end = r->first[r->hits[i].probe + 1];
        while (k < end && !same_key(r->u->table, r->part, r->items[k].row, &r->stored, i)) k++;
        if (k < end) FEAT_TRY(meet(r, r->items[k].row, i, r->addresses[i], err));
    }
    return FEAT_OK;
}

/* ---- Messages. ---- */

static void append_text(feat_buffer *out, feat_text value) {
    size_t shown = value.length < 64 ? value.length : 64;
    while (shown < value.length && shown > 0 && feat_utf8_continues(value.data[shown])) shown--;
    feat_buffer_byte(out, '\'');
    if (shown > 0) feat_buffer_append(out, value.data, shown);
    feat_buffer_text(out, shown < value.length ? "...'" : "'");
}

static void append_bytes(feat_buffer *out, feat_text value) {
    size_t shown = value.length < 32 ? value.length : 32;
    feat_buffer_text(out, "'");
    for (size_t i = 0; i < shown; i++) feat_buffer_printf(out, "\\x%02X", (unsigned)(uint8_t)value.data[i]);
    feat_buffer_text(out, shown < value.length ? "...'" : "'");
}

static void append_value(feat_buffer *out, const feat_column *c, size_t row) {
    char text[FEAT_TIME_TEXT_SIZE], decimal[FEAT_DECIMAL_TEXT_SIZE];
    feat_int128 wide;
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN: feat_buffer_text(out, feat_column_int(c, row) ? "true" : "false"); break;
    case FEAT_TYPE_DATE:
        feat_format_date((int32_t)feat_column_int(c, row), text);
        feat_buffer_text(out, text);
        break;
    case FEAT_TYPE_TIMESTAMP:
        feat_format_timestamp(feat_column_int(c, row), text);
        feat_buffer_text(out, text);
        break;
    case FEAT_TYPE_UBIGINT: feat_buffer_printf(out, "%" PRIu64, ((const uint64_t *)c->values)[row]); break;
    case FEAT_TYPE_DECIMAL:
        memcpy(&wide, (const char *)c->values + row * sizeof wide, sizeof wide);
        feat_buffer_append(out, decimal, feat_decimal_format(wide, FEAT_TYPE_SCALE(c->type), decimal));
        break;
    case FEAT_TYPE_TEXT: append_text(out, feat_column_text(c, row)); break;
    case FEAT_TYPE_BLOB: append_bytes(out, feat_column_text(c, row)); break;
    default: feat_buffer_printf(out, "%" PRId64, feat_column_int(c, row)); /* types that are no keys do not come here */
    }
}

/* "(a, b) = (1, 'x')" */
char *feat_unique_text(const feat_schema *table, const feat_batch *rows, size_t row) {
    feat_buffer out;
    feat_buffer_init(&out);
    for (size_t i = 0; i < table->n_unique; i++) {
        feat_buffer_text(&out, i == 0 ? "(" : ", ");
        feat_buffer_text(&out, table->fields[table->unique[i]].name);
    }
    feat_buffer_text(&out, ") = ");
    for (size_t i = 0; i < table->n_unique; i++) {
        feat_buffer_text(&out, i == 0 ? "(" : ", ");
        const feat_column *part = &rows->columns[table->unique[i]];
        if (feat_column_is_null(part, row)) feat_buffer_text(&out, "NULL");
        else append_value(&out, part, row);
    }
    feat_buffer_byte(&out, ')');
    return feat_buffer_take_text(&out);
}

static feat_status fail_conflict(const resolution *r, int64_t first_row, feat_error *err) {
    const char *name = r->u->table->name;
    int64_t row = first_row + r->row;
    char *key = feat_unique_text(r->u->table, r->part, r->row);
    if (!key) return feat_fail_memory(err);
    int most = feat_utf8_clip(name, 200), shown = feat_utf8_clip(key, 500);
    feat_status status = FEAT_CONSTRAINT;
    switch (r->conflict) {
    case CONFLICT_NONE: break;
    case CONFLICT_PART:
        feat_fail_row(err, status, row,
                      "table '%.*s', rows %" PRId64 " and %" PRId64
                      ": two different rows with UNIQUE key %.*s; keep one of them",
                      most, name, first_row + r->other, row, shown, key);
        break;
    case CONFLICT_CALL:
        feat_fail_row(err, status, row,
                      "table '%.*s', row %" PRId64
                      ": an earlier row of the same write has the UNIQUE key %.*s and differs; keep one of them",
                      most, name, row, shown, key);
        break;
    case CONFLICT_DIFFERENT:
        feat_fail_row(err, status, row,
                      "table '%.*s', row %" PRId64 ": a different row with UNIQUE key %.*s is stored; %s", most, name,
                      row, shown, key,
                      r->u->table->dimension ? "to put this one in its place, choose 'replace' for conflicts"
                                             : "to replace it, upsert");
        break;
    case CONFLICT_STORED:
        feat_fail_row(
            err, status, row,
            "table '%.*s', row %" PRId64
            ": a row with UNIQUE key %.*s is stored already; leave it out, or choose another rule for conflicts",
            most, name, row, shown, key);
        break;
    case CONFLICT_MISSING:
        feat_fail_row(err, status, row,
                      "table '%.*s', row %" PRId64
                      ": no row with UNIQUE key %.*s is stored; leave it out, or choose another rule for such rows",
                      most, name, row, shown, key);
        break;
    case CONFLICT_TWICE:
        feat_fail_row(err, status, row,
                      "table '%.*s', rows %" PRId64 " and %" PRId64
                      ": two rows of a merge with UNIQUE key %.*s; keep one of them",
                      most, name, first_row + r->other, row, shown, key);
        break;
    case CONFLICT_AGAIN:
        feat_fail_row(err, status, row,
                      "table '%.*s', row %" PRId64
                      ": an earlier row of the same merge has the UNIQUE key %.*s; keep one of them",
                      most, name, row, shown, key);
        break;
    }
    feat_free(key);
    return status;
}

/* ---- All of it. ---- */

static feat_status resolve(resolution *r, int64_t first_row, feat_error *err) {
    size_t n = r->part->length;
    r->items = feat_alloc_array(n, sizeof *r->items);
    r->scratch = feat_alloc_array(n, sizeof *r->scratch);
    r->hashes = feat_alloc_array(n, sizeof *r->hashes);
    r->first = feat_alloc_array(n + 1, sizeof *r->first);
    r->dropped = feat_alloc_zero(n, 1);
    if (!r->items || !r->scratch || !r->hashes || !r->first || !r->dropped) return feat_fail_memory(err);
    FEAT_TRY(hash_keys(r, err));
    drop_repeated(r);
    if (r->u->mode == FEAT_WRITE_MERGE) {
        r->matched = feat_alloc_zero(n, 1);
        if (!r->matched) return feat_fail_memory(err);
        FEAT_TRY(check_merged(r, err));
    }
    if (r->conflict == CONFLICT_NONE) FEAT_TRY(resolve_stored(r, err));
    if (r->conflict == CONFLICT_NONE && r->matched) settle_others(r);
    if (r->conflict != CONFLICT_NONE) return fail_conflict(r, first_row, err);
    if (r->n_replaced > 0) FEAT_TRY(feat_table_writer_delete(r->u->writer, r->replaced, r->n_replaced, err));
    if (r->u->mode == FEAT_WRITE_MERGE && r->u->matched == FEAT_MATCHED_DELETE) {
        r->u->rows_removed += (int64_t)r->n_replaced;
    } else if (r->u->mode == FEAT_WRITE_DELETE) {
        r->u->rows_removed += (int64_t)r->n_replaced;
        r->u->rows_skipped += (int64_t)(n - r->n_replaced);
    } else {
        r->u->rows_replaced += (int64_t)r->n_replaced;
    }
    return FEAT_OK;
}

feat_status feat_unique_resolve(feat_unique *u, const feat_batch *part, int64_t first_row, uint32_t *kept,
                                size_t *n_kept, feat_error *err) {
    resolution r = {.u = u, .part = part};
    feat_buffer_init(&r.key);
    feat_status status = resolve(&r, first_row, err);
    if (status == FEAT_OK) {
        size_t n = 0;
        for (size_t row = 0; u->mode != FEAT_WRITE_DELETE && row < part->length; row++)
            if (!r.dropped[row]) kept[n++] = (uint32_t)row;
        *n_kept = n;
    }
    resolution_done(&r);
    return status;
}
