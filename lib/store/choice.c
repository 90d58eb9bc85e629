#include "store/choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/digest.h"
#include "column/bits.h"

#define LEAST_ROWS  1024 /* below, a dictionary saves nothing worth the search */
#define MOST_VALUES (FEAT_SEGMENT_ROWS / 3)
#define SLOTS       65536 /* a power of two well above MOST_VALUES */
#define RUNS        8     /* of rows in the sample, each of RUN rows that follow each other, so that values repeat */
#define RUN         1024
#define REPEATS     64   /* in the sample, below which it says nothing */
#define LEAST_GAIN  1024 /* bytes */

/* A column of the segment. */
typedef struct one {
    const feat_column *column;
    size_t size;            /* bytes of a value; 0: a text */
    uint32_t *hashes;       /* of the rows' values; of a NULL 0 */
    feat_block_codes codes; /* of its own values; n 0: too many or of no use */
    feat_buffer plain, dictionary, determined;
    double alone;            /* bytes without another column */
    double shared;           /* bytes with a dictionary of its own; a guess until it is made */
    bool may_share, may_pay; /* may_pay: a dictionary, without others that lean on it */
    bool is_source;
    size_t source; /* SIZE_MAX: none */
} one;

/* A value of a column on its way into the order of its dictionary. */
typedef struct item {
    uint64_t key; /* ordered as the values are, as far as eight bytes go */
    uint32_t row, code;
    const feat_column *column;
} item;

struct feat_choice {
    size_t n, start, rows;
    one *columns;
    double *guesses; /* n * n: bytes of column b by what column a says, at a * n + b */
    uint32_t *slots, *renumbered;
    item *items;
    uint32_t *candidate, *candidate_row, *votes; /* for each value of one column what the other has most often */
    feat_block_codes mapping;
};

static void choice_done(feat_choice *c) {
    for (size_t i = 0; c->columns && i < c->n; i++) {
        one *o = &c->columns[i];
        feat_free(o->hashes);
        feat_free(o->codes.codes);
        feat_free(o->codes.rows);
        feat_buffer_done(&o->plain);
        feat_buffer_done(&o->dictionary);
        feat_buffer_done(&o->determined);
    }
    feat_free(c->columns);
    feat_free(c->guesses);
    feat_free(c->slots);
    feat_free(c->renumbered);
    feat_free(c->items);
    feat_free(c->candidate);
    feat_free(c->candidate_row);
    feat_free(c->votes);
}

void feat_choice_free(feat_choice *c) {
    if (!c) return;
    choice_done(c);
    feat_free(c);
}

feat_choice *feat_choice_new(size_t n_columns) {
    feat_choice *c = feat_alloc_zero(1, sizeof *c);
    if (!c) return NULL;
    c->n = n_columns;
    c->columns = feat_alloc_zero(n_columns, sizeof *c->columns);
    if (!c->columns) {
        feat_free(c);
        return NULL;
    }
    return c;
}

/* Memory that only segments of many rows need. */
static feat_status make_room(feat_choice *c, feat_error *err) {
    if (c->votes) return FEAT_OK;
    bool good = true;
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        if (!o->hashes) o->hashes = feat_alloc_array(FEAT_SEGMENT_ROWS, sizeof *o->hashes);
        if (!o->codes.codes) o->codes.codes = feat_alloc_array(FEAT_SEGMENT_ROWS, sizeof *o->codes.codes);
        if (!o->codes.rows) o->codes.rows = feat_alloc_array(MOST_VALUES, sizeof *o->codes.rows);
        good = good && o->hashes && o->codes.codes && o->codes.rows;
    }
    if (!c->guesses) c->guesses = feat_alloc_array(c->n * c->n, sizeof *c->guesses);
    if (!c->slots) c->slots = feat_alloc_array(SLOTS, sizeof *c->slots);
    if (!c->renumbered) c->renumbered = feat_alloc_array(MOST_VALUES, sizeof *c->renumbered);
    if (!c->items) c->items = feat_alloc_array(MOST_VALUES, sizeof *c->items);
    if (!c->candidate) c->candidate = feat_alloc_array(MOST_VALUES, sizeof *c->candidate);
    if (!c->candidate_row) c->candidate_row = feat_alloc_array(MOST_VALUES, sizeof *c->candidate_row);
    if (!good || !c->guesses || !c->slots || !c->renumbered || !c->items || !c->candidate || !c->candidate_row)
        return feat_fail_memory(err);
    c->votes = feat_alloc_array(MOST_VALUES, sizeof *c->votes);
    return c->votes ? FEAT_OK : feat_fail_memory(err);
}

/* ---- The values of a column. ---- */

static inline uint64_t word(const one *o, size_t row) {
    const feat_column *c = o->column;
    switch (o->size) {
    case 1: return ((const uint8_t *)c->values)[row];
    case 2: return ((const uint16_t *)c->values)[row];
    case 4: return ((const uint32_t *)c->values)[row];
    default: return ((const uint64_t *)c->values)[row];
    }
}

static bool same(const one *o, size_t a, size_t b) {
    if (!o->column->offsets) return word(o, a) == word(o, b);
    feat_text x = feat_column_text(o->column, a), y = feat_column_text(o->column, b);
    return x.length == y.length && (x.length == 0 || memcmp(x.data, y.data, x.length) == 0);
}

static void hash_rows(feat_choice *c, one *o) {
    const feat_column *column = o->column;
    for (size_t i = 0; i < c->rows; i++) {
        size_t row = c->start + i;
        if (column->validity && !feat_bit_get(column->validity, row)) {
            o->hashes[i] = 0;
            continue;
        }
        uint64_t hash;
        if (column->offsets) {
            feat_text t = feat_column_text(column, row);
            hash = feat_hash64(t.data ? t.data : "", t.length);
        } else {
            hash = feat_hash64_word(word(o, row));
        }
        o->hashes[i] = (uint32_t)hash | 1;
    }
}

/* Numbers the values in the order of their first rows. False: there are too many. */
static bool number_values(feat_choice *c, one *o) {
    size_t most = c->rows / 3, n = 0;
    uint32_t *slots = c->slots, last = 0;
    memset(slots, 0, SLOTS * sizeof *slots);
    for (size_t i = 0; i < c->rows; i++) {
        uint32_t hash = o->hashes[i];
        if (hash != 0 &&
            (i == 0 || hash != o->hashes[i - 1] || n == 0 || !same(o, o->codes.rows[last], c->start + i))) {
            size_t slot = (hash >> 1) & (SLOTS - 1);
            while (slots[slot] && (o->hashes[o->codes.rows[slots[slot] - 1] - c->start] != hash ||
                                   !same(o, o->codes.rows[slots[slot] - 1], c->start + i)))
                slot = (slot + 1) & (SLOTS - 1);
            if (!slots[slot]) {
                if (n == most) return false;
                o->codes.rows[n] = (uint32_t)(c->start + i);
                slots[slot] = (uint32_t)++n;
            }
            last = slots[slot] - 1;
        }
        o->codes.codes[i] = last; /* of a NULL that of the row before */
    }
    o->codes.n = n;
    return n > 0;
}

static uint64_t order_key(const one *o, size_t row) {
    const feat_column *c = o->column;
    if (!c->offsets) {
        uint64_t v = word(o, row);
        if (feat_page_form_of(c->type) == FEAT_FORM_DOUBLES) {
            unsigned top = o->size == 4 ? 31 : 63;
            return v >> top ? ~v : v | UINT64_C(1) << 63;
        }
        unsigned shift = 64 - 8 * (unsigned)o->size;
        return (v << shift) ^ UINT64_C(1) << 63;
    }
    feat_text t = feat_column_text(c, row);
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++) key = key << 8 | (i < t.length ? (uint8_t)t.data[i] : 0);
    return key;
}

static int compare_items(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    if (x->column->offsets) {
        int order = feat_column_compare(x->column, x->row, y->column, y->row);
        if (order != 0) return order;
    }
    return (x->code > y->code) - (x->code < y->code);
}

/* Numbers them in their order, so that those of rows in some order rise, too, and neighbours are alike. */
static void sort_values(feat_choice *c, one *o) {
    size_t n = o->codes.n;
    for (size_t v = 0; v < n; v++) {
        uint32_t row = o->codes.rows[v];
        c->items[v] = (item){order_key(o, row), row, (uint32_t)v, o->column};
    }
    qsort(c->items, n, sizeof *c->items, compare_items);
    for (size_t v = 0; v < n; v++) {
        c->renumbered[c->items[v].code] = (uint32_t)v;
        o->codes.rows[v] = c->items[v].row;
    }
    for (size_t i = 0; i < c->rows; i++) o->codes.codes[i] = c->renumbered[o->codes.codes[i]];
}

/* ---- Guesses. ---- */

/* Bytes of an entry of a dictionary, about. */
static double entry_bytes(const feat_choice *c, const one *o) {
    if (!o->column->offsets) return 1.5;
    double text = (double)(o->column->offsets[c->start + c->rows] - o->column->offsets[c->start]);
    return 1 + 0.5 * text / (double)c->rows;
}

static void look_at(feat_choice *c, one *o) {
    o->codes.n = 0;
    o->source = SIZE_MAX;
    o->is_source = o->may_pay = false;
    o->alone = (double)o->plain.size;
    o->shared = INFINITY;
    o->may_share = feat_block_may_share(o->column, c->start, c->rows);
    if (!o->may_share) return;
    hash_rows(c, o);
    if (!number_values(c, o)) {
        o->codes.n = 0;
        return;
    }
    sort_values(c, o);
    double bits = 0;
    for (size_t n = o->codes.n; n > 1; n = (n + 1) / 2) bits++;
    double codes = bits / 8 * (double)c->rows;
    o->may_pay = codes + (double)o->codes.n * entry_bytes(c, o) < 0.85 * o->alone;
    if (codes > 0.9 * o->alone && !o->column->offsets) codes = 0.9 * o->alone; /* sorted or in runs */
    o->shared = codes + (double)o->codes.n * entry_bytes(c, o);
}

/* The share of rows of the sample for which `a` does not say what `b` is; above 1 when nothing is known. */
static double exceptions(feat_choice *c, const one *a, const one *b) {
    size_t hits = 0, misses = 0, first = 0, step = c->rows / RUNS;
    memset(c->votes, 0, a->codes.n * sizeof *c->votes);
    for (size_t run = 0; run < RUNS; run++, first += step)
        for (size_t i = first; i < first + RUN && i < first + step; i++) {
            uint32_t code = a->codes.codes[i], hash = b->hashes[i];
            if (hash == 0) continue;
            if (c->votes[code] == 0) {
                c->candidate[code] = hash;
                c->votes[code] = 1;
            } else if (c->candidate[code] == hash) {
                c->votes[code]++;
                hits++;
            } else {
                c->votes[code]--;
                misses++;
            }
        }
    return hits + misses < REPEATS ? 2 : (double)misses / (double)(hits + misses);
}

static void guess(feat_choice *c) {
    for (size_t a = 0; a < c->n; a++)
        for (size_t b = 0; b < c->n; b++) {
            one *x = &c->columns[a], *y = &c->columns[b];
            double *bytes = &c->guesses[a * c->n + b];
            *bytes = INFINITY;
            if (a == b || x->codes.n == 0 || !y->may_share || y->alone < 2 * LEAST_GAIN) continue;
            double entries = (double)x->codes.n * entry_bytes(c, y);
            if (entries > y->alone) continue;
            double each = 1.5 + (double)y->plain.size / (double)c->rows;
            *bytes = entries + exceptions(c, x, y) * (double)c->rows * each;
        }
}

/* What is saved when column `a` has a dictionary and determines those that gain by it. */
static double gain(const feat_choice *c, size_t a) {
    const one *x = &c->columns[a];
    double sum = x->is_source || x->shared < x->alone ? 0 : x->alone - x->shared;
    for (size_t b = 0; b < c->n; b++) {
        const one *y = &c->columns[b];
        double saved = 0.9 * y->alone - c->guesses[a * c->n + b];
        if (y->source == SIZE_MAX && !y->is_source && saved > 0) sum += saved;
    }
    return sum;
}

/* The column that saves most with those that it determines, then the next. */
static void pair(feat_choice *c) {
    for (;;) {
        size_t best = SIZE_MAX;
        double most = LEAST_GAIN;
        for (size_t a = 0; a < c->n; a++) {
            if (c->columns[a].codes.n == 0 || c->columns[a].source != SIZE_MAX || c->columns[a].is_source) continue;
            double saved = gain(c, a);
            if (saved <= most) continue;
            most = saved;
            best = a;
        }
        if (best == SIZE_MAX) return;
        c->columns[best].is_source = true;
        for (size_t b = 0; b < c->n; b++) {
            one *y = &c->columns[b];
            if (y->source == SIZE_MAX && !y->is_source && c->guesses[best * c->n + b] < 0.9 * y->alone)
                y->source = best;
        }
    }
}

/* ---- Blocks. ---- */

/* For each value of `a` the row whose value of `b` most rows with it have, about; false when b has none. */
static bool map_values(feat_choice *c, const one *a, const one *b) {
    uint32_t *rows = c->candidate_row, any = UINT32_MAX;
    memset(c->votes, 0, a->codes.n * sizeof *c->votes);
    memset(c->candidate, 0, a->codes.n * sizeof *c->candidate);
    for (size_t i = 0; i < c->rows; i++) {
        uint32_t code = a->codes.codes[i], hash = b->hashes[i];
        if (hash == 0) continue;
        if (any == UINT32_MAX) any = (uint32_t)(c->start + i);
        if (c->votes[code] == 0) {
            c->candidate[code] = hash;
            rows[code] = (uint32_t)(c->start + i);
            c->votes[code] = 1;
        } else if (c->candidate[code] == hash) {
            c->votes[code]++;
        } else {
            c->votes[code]--;
        }
    }
    for (size_t v = 0; v < a->codes.n; v++) {
        if (c->candidate[v] == 0) rows[v] = any; /* with NULLs only: like its neighbour */
        else any = rows[v];
    }
    c->mapping = (feat_block_codes){a->codes.codes, rows, a->codes.n};
    return any != UINT32_MAX;
}

static feat_status make_dictionary(feat_choice *c, feat_block *b, one *o, feat_error *err) {
    feat_buffer_clear(&o->dictionary);
    return feat_block_encode_dictionary(b, o->column, c->start, c->rows, &o->codes, &o->plain, &o->dictionary, err);
}

static feat_status put(feat_object_writer *objects, const feat_buffer *bytes, feat_digest *key, feat_error *err) {
    return feat_object_put(objects, bytes->data, bytes->size, key, err);
}

/* The blocks of the columns that a source determines; the source's too, when it is one for any. */
static feat_status write_source(feat_choice *c, feat_block *b, size_t a, feat_object_writer *objects, feat_digest *keys,
                                feat_error *err) {
    one *source = &c->columns[a];
    double saved = (double)source->plain.size - (double)source->dictionary.size;
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        if (o->source != a) continue;
        feat_buffer_clear(&o->determined);
        if (map_values(c, source, o))
            FEAT_TRY(feat_block_encode_determined(b, o->column, c->start, c->rows, &c->mapping, &o->plain,
                                                  &o->determined, err));
        if (o->determined.size == 0 || (double)o->determined.size > 0.95 * o->alone) o->source = SIZE_MAX;
        else saved += o->alone - (double)o->determined.size;
    }
    source->is_source = saved > 0;
    if (!source->is_source) return FEAT_OK;
    FEAT_TRY(put(objects, &source->dictionary, &keys[a], err));
    for (size_t i = 0; i < c->n; i++)
        if (c->columns[i].source == a) feat_block_set_determinant(&c->columns[i].determined, &keys[a]);
    return FEAT_OK;
}

static feat_status write_shared(feat_choice *c, feat_block *b, feat_object_writer *objects, feat_digest *keys,
                                feat_error *err) {
    for (size_t i = 0; i < c->n; i++) look_at(c, &c->columns[i]);
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        if (!o->may_pay) continue;
        FEAT_TRY(make_dictionary(c, b, o, err));
        o->shared = (double)o->dictionary.size;
        if (o->shared < 0.9 * o->alone) o->alone = o->shared;
    }
    guess(c);
    pair(c);
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        if (!o->is_source) continue;
        if (!o->may_pay) FEAT_TRY(make_dictionary(c, b, o, err)); /* else it is there */
        FEAT_TRY(write_source(c, b, i, objects, keys, err));
    }
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        if (o->is_source) continue;
        bool determined = o->source != SIZE_MAX && c->columns[o->source].is_source;
        bool dictionary = o->alone < (double)o->plain.size;
        FEAT_TRY(put(objects, determined ? &o->determined : dictionary ? &o->dictionary : &o->plain, &keys[i], err));
    }
    return FEAT_OK;
}

feat_status feat_choice_write(feat_choice *c, feat_block *b, const feat_column *const *columns, size_t start,
                              size_t rows, feat_object_writer *objects, feat_digest *keys, feat_error *err) {
    c->start = start;
    c->rows = rows;
    bool search = rows >= LEAST_ROWS;
    if (search) FEAT_TRY(make_room(c, err));
    for (size_t i = 0; i < c->n; i++) {
        one *o = &c->columns[i];
        o->column = columns[i];
        o->size = feat_type_size(columns[i]->type);
        feat_buffer_clear(&o->plain);
        FEAT_TRY(feat_block_encode(b, columns[i], start, rows, &o->plain, err));
        if (!search) FEAT_TRY(put(objects, &o->plain, &keys[i], err));
    }
    return search ? write_shared(c, b, objects, keys, err) : FEAT_OK;
}
