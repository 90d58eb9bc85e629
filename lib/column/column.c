#include "column/column.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "column/bits.h"
#include "column/nested.h"
#include "math/number.h"

void feat_column_init(feat_column *c, feat_type type) {
    memset(c, 0, sizeof *c);
    c->type = type;
}

void feat_column_done(feat_column *c) {
    feat_free(c->validity);
    if (!c->borrowed) feat_free(c->values);
    feat_free(c->offsets);
    feat_column_init(c, c->type);
}

void feat_column_truncate(feat_column *c, size_t length) {
    if (length >= c->length) return;
    if (c->validity) {
        size_t gone = c->length - length;
        c->null_count -= gone - feat_bits_count(c->validity, length, gone);
    }
    c->length = length;
    if (c->borrowed) c->capacity = length; /* what comes next is not written there */
    if (c->null_count == 0) {
        feat_free(c->validity);
        c->validity = NULL;
    }
}

void feat_column_clear(feat_column *c) { feat_column_truncate(c, 0); }

/* ---- Room. ---- */

static size_t bytes_of_text(const feat_column *c) { return c->offsets ? (size_t)c->offsets[c->length] : 0; }

/* Whether values are bytes of any number, found by offsets. */
static bool is_bytes(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return true;
    default: return false;
    }
}

/* Bytes of `values` for `rows` rows; bytes of any number keep their own count. */
static size_t bytes_of_rows(feat_type type, size_t rows) {
    return type == FEAT_TYPE_BOOLEAN ? feat_bitmap_size(rows) : rows * feat_type_size(type);
}

/* A larger aligned buffer with the `used` bytes of the old one, the rest zero. */
static void *enlarged(const void *old, size_t used, size_t size) {
    uint8_t *p = feat_alloc_aligned(size);
    if (!p) return NULL;
    if (used > 0) memcpy(p, old, used);
    memset(p + used, 0, size - used);
    return p;
}

/* At least `need`, at least half as much again as there was, so that appending one by one costs constant time each. */
static size_t next_capacity(size_t capacity, size_t need) {
    size_t next = capacity + capacity / 2;
    if (next < need) next = need;
    return next < 64 ? 64 : next;
}

/* Every buffer is made before any is replaced: without memory the column stays as it was. */
static int grow_rows(feat_column *c, size_t need) {
    if (need > SIZE_MAX / 32) return -1;
    size_t next = next_capacity(c->capacity, need);
    uint8_t *validity = NULL;
    int64_t *offsets = NULL;
    void *values = NULL;
    bool text = is_bytes(c->type);
    if (c->validity && !(validity = enlarged(c->validity, feat_bitmap_size(c->length), feat_bitmap_size(next))))
        goto fail;
    if (text) {
        size_t used = c->offsets ? (c->length + 1) * sizeof *offsets : 0;
        offsets = enlarged(c->offsets, used, (next + 1) * sizeof *offsets);
        if (!offsets) goto fail;
    } else {
        values = enlarged(c->values, bytes_of_rows(c->type, c->length), bytes_of_rows(c->type, next));
        if (!values) goto fail;
    }
    if (validity) {
        feat_free(c->validity);
        c->validity = validity;
    }
    if (text) {
        feat_free(c->offsets);
        c->offsets = offsets;
    } else {
        if (!c->borrowed) feat_free(c->values);
        c->borrowed = false;
        c->values = values;
    }
    c->capacity = next;
    return 0;
fail:
    feat_free(validity);
    feat_free(offsets);
    feat_free(values);
    return -1;
}

size_t feat_column_bytes(const feat_column *c) {
    return is_bytes(c->type) ? bytes_of_text(c) + c->length * sizeof *c->offsets : bytes_of_rows(c->type, c->length);
}

int feat_column_reserve(feat_column *c, size_t more) {
    size_t need;
    if (__builtin_add_overflow(c->length, more, &need)) return -1;
    return need <= c->capacity && (c->offsets || !is_bytes(c->type)) ? 0 : grow_rows(c, need);
}

int feat_column_reserve_text(feat_column *c, size_t more) {
    size_t used = bytes_of_text(c), need;
    if (__builtin_add_overflow(used, more, &need) || need > INT64_MAX / 2) return -1;
    if (need <= c->text_capacity) return 0;
    size_t next = next_capacity(c->text_capacity, need);
    char *bytes = feat_alloc_aligned(next);
    if (!bytes) return -1;
    if (used > 0) memcpy(bytes, c->values, used);
    feat_free(c->values);
    c->values = bytes;
    c->text_capacity = next;
    return 0;
}

void feat_column_adopt(feat_column *c, void *values, uint8_t *validity, size_t n, size_t null_count) {
    assert(c->length == 0 && !is_bytes(c->type) && bytes_of_rows(c->type, 1) == 8);
    feat_type type = c->type;
    feat_column_done(c);
    *c = (feat_column){
        .type = type, .length = n, .null_count = null_count, .validity = validity, .values = values, .capacity = n};
}

void feat_column_borrow(feat_column *c, const void *values, size_t n) {
    assert(c->length == 0 && !is_bytes(c->type) && bytes_of_rows(c->type, 1) == 8);
    feat_type type = c->type;
    feat_column_done(c);
    /* Not to be changed, as the flag says. */
    *c = (feat_column){.type = type, .length = n, .values = (void *)(uintptr_t)values, .capacity = n, .borrowed = true};
}

/* A column gets a bitmap with its first null. */
static int need_validity(feat_column *c) {
    if (c->validity) return 0;
    size_t size = feat_bitmap_size(c->capacity);
    c->validity = feat_alloc_aligned(size);
    if (!c->validity) return -1;
    memset(c->validity, 0, size);
    feat_bits_fill(c->validity, 0, c->length, true);
    return 0;
}

/* ---- One value. ---- */

static int reserve_one(feat_column *c) { return c->length < c->capacity ? 0 : feat_column_reserve(c, 1); }

static void count_in(feat_column *c) {
    if (c->validity) feat_bit_set(c->validity, c->length);
    c->length++;
}

int feat_column_append_null(feat_column *c) {
    if (reserve_one(c) != 0 || need_validity(c) != 0) return -1;
    if (is_bytes(c->type)) {
        c->offsets[c->length + 1] = c->offsets[c->length];
    } else if (c->type == FEAT_TYPE_BOOLEAN) {
        feat_bit_clear(c->values, c->length);
    } else {
        size_t width = feat_type_size(c->type);
        memset((char *)c->values + c->length * width, 0, width);
    }
    feat_bit_clear(c->validity, c->length);
    c->length++;
    c->null_count++;
    return 0;
}

#define PUT(type, low, high)                                                                                           \
    assert(v >= (low) && v <= (high));                                                                                 \
    ((type *)c->values)[c->length] = (type)v;                                                                          \
    break

int feat_column_append_int(feat_column *c, int64_t v) {
    if (reserve_one(c) != 0) return -1;
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN: feat_bit_put(c->values, c->length, v != 0); break;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: ((int64_t *)c->values)[c->length] = v; break;
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_INTEGER: PUT(int32_t, INT32_MIN, INT32_MAX);
    case FEAT_TYPE_SMALLINT: PUT(int16_t, INT16_MIN, INT16_MAX);
    case FEAT_TYPE_TINYINT: PUT(int8_t, INT8_MIN, INT8_MAX);
    case FEAT_TYPE_UINTEGER: PUT(uint32_t, 0, UINT32_MAX);
    case FEAT_TYPE_USMALLINT: PUT(uint16_t, 0, UINT16_MAX);
    case FEAT_TYPE_UTINYINT: PUT(uint8_t, 0, UINT8_MAX);
    default: assert(0 && "an integer for a column that holds none");
    }
    count_in(c);
    return 0;
}
#undef PUT

int feat_column_append_double(feat_column *c, double v) {
    if (reserve_one(c) != 0) return -1;
    if (c->type == FEAT_TYPE_REAL) {
        ((float *)c->values)[c->length] = (float)v;
    } else {
        assert(c->type == FEAT_TYPE_DOUBLE);
        ((double *)c->values)[c->length] = v;
    }
    count_in(c);
    return 0;
}

int feat_column_append_wide(feat_column *c, feat_int128 v) {
    if (reserve_one(c) != 0) return -1;
    if (c->type == FEAT_TYPE_UBIGINT) {
        assert(v >= 0 && v <= UINT64_MAX);
        ((uint64_t *)c->values)[c->length] = (uint64_t)v;
    } else {
        assert(FEAT_TYPE_BASE(c->type) == FEAT_TYPE_DECIMAL);
        ((feat_int128 *)c->values)[c->length] = v;
    }
    count_in(c);
    return 0;
}

int feat_column_append_interval(feat_column *c, feat_interval v) {
    assert(c->type == FEAT_TYPE_INTERVAL);
    if (reserve_one(c) != 0) return -1;
    ((feat_interval *)c->values)[c->length] = v;
    count_in(c);
    return 0;
}

int feat_column_append_text(feat_column *c, const char *data, size_t length) {
    assert(is_bytes(c->type));
    if (reserve_one(c) != 0 || feat_column_reserve_text(c, length) != 0) return -1;
    int64_t at = c->offsets[c->length];
    if (length > 0) memcpy((char *)c->values + at, data, length);
    c->offsets[c->length + 1] = at + (int64_t)length;
    count_in(c);
    return 0;
}

int feat_column_append_from(feat_column *c, const feat_column *from, size_t row) {
    return feat_column_append_range(c, from, row, 1);
}

/* ---- Many values. ---- */

#define ZERO_NULLS(type)                                                                                               \
    do {                                                                                                               \
        type *values = (type *)c->values + c->length;                                                                  \
        for (size_t i = 0; i < n; i += 64) {                                                                           \
            size_t some = n - i < 64 ? n - i : 64;                                                                     \
            uint64_t nulls = ~feat_bits_word(validity, start + i, some);                                               \
            if (some < 64) nulls &= (UINT64_C(1) << some) - 1;                                                         \
            for (; nulls; nulls &= nulls - 1) memset(&values[i + (size_t)__builtin_ctzll(nulls)], 0, sizeof *values);  \
        }                                                                                                              \
    } while (0)

static void zero_nulls(feat_column *c, size_t n, const uint8_t *validity, size_t start) {
    if (is_bytes(c->type)) return;
    switch (feat_type_size(c->type)) {
    case 0:
        for (size_t i = 0; i < n; i++)
            if (!feat_bit_get(validity, start + i)) feat_bit_clear(c->values, c->length + i);
        break;
    case 1: ZERO_NULLS(uint8_t); break;
    case 2: ZERO_NULLS(uint16_t); break;
    case 4: ZERO_NULLS(uint32_t); break;
    case 8: ZERO_NULLS(uint64_t); break;
    default: ZERO_NULLS(feat_int128); break;
    }
}

int feat_column_commit(feat_column *c, size_t n, const uint8_t *validity, size_t start) {
    assert(n <= c->capacity - c->length);
    size_t nulls = validity ? n - feat_bits_count(validity, start, n) : 0;
    if (nulls > 0) {
        if (need_validity(c) != 0) return -1;
        zero_nulls(c, n, validity, start);
        feat_bits_copy(c->validity, c->length, validity, start, n);
    } else if (c->validity) {
        feat_bits_fill(c->validity, c->length, n, true);
    }
    c->length += n;
    c->null_count += nulls;
    return 0;
}

int feat_column_append_nulls(feat_column *c, size_t n) {
    if (n == 0) return 0;
    if (feat_column_reserve(c, n) != 0 || need_validity(c) != 0) return -1;
    if (is_bytes(c->type)) {
        int64_t *offsets = c->offsets + c->length;
        for (size_t i = 1; i <= n; i++) offsets[i] = offsets[0];
    } else if (c->type == FEAT_TYPE_BOOLEAN) {
        feat_bits_fill(c->values, c->length, n, false);
    } else {
        size_t width = feat_type_size(c->type);
        memset((char *)c->values + c->length * width, 0, n * width);
    }
    feat_bits_fill(c->validity, c->length, n, false);
    c->length += n;
    c->null_count += n;
    return 0;
}

int feat_column_append_range(feat_column *c, const feat_column *from, size_t start, size_t n) {
    assert(c->type == from->type && start <= from->length && n <= from->length - start);
    if (n == 0) return 0;
    if (feat_column_reserve(c, n) != 0) return -1;
    if (is_bytes(c->type)) {
        int64_t first = from->offsets[start], size = from->offsets[start + n] - first, at = c->offsets[c->length];
        if (feat_column_reserve_text(c, (size_t)size) != 0) return -1;
        if (size > 0) memcpy((char *)c->values + at, (const char *)from->values + first, (size_t)size);
        for (size_t i = 1; i <= n; i++) c->offsets[c->length + i] = from->offsets[start + i] - first + at;
    } else if (c->type == FEAT_TYPE_BOOLEAN) {
        feat_bits_copy(c->values, c->length, from->values, start, n);
    } else {
        size_t width = feat_type_size(c->type);
        memcpy((char *)c->values + c->length * width, (const char *)from->values + start * width, n * width);
    }
    if (from->null_count == 0) return feat_column_commit(c, n, NULL, 0);
    if (need_validity(c) != 0) return -1; /* before the bits are read: they may be this column's own */
    return feat_column_commit(c, n, from->validity, start);
}

static int gather_text(feat_column *c, const feat_column *from, const uint32_t *rows, size_t n) {
    const int64_t *offsets = from->offsets;
    size_t size = 0;
    for (size_t i = 0; i < n; i++) /* one row may be named often: the sum can pass any bound */
        if (__builtin_add_overflow(size, (size_t)(offsets[(size_t)rows[i] + 1] - offsets[rows[i]]), &size)) return -1;
    if (feat_column_reserve_text(c, size) != 0) return -1;
    const char *bytes = from->values;
    char *to = c->values;
    int64_t at = c->offsets[c->length];
    for (size_t i = 0; i < n; i++) {
        size_t row = rows[i], length = (size_t)(offsets[row + 1] - offsets[row]);
        if (length > 0) memcpy(to + at, bytes + offsets[row], length);
        at += (int64_t)length;
        c->offsets[c->length + i + 1] = at;
    }
    return 0;
}

#define GATHER(type)                                                                                                   \
    do {                                                                                                               \
        type *to = (type *)c->values + c->length;                                                                      \
        const type *values = from->values;                                                                             \
        for (size_t i = 0; i < n; i++) to[i] = values[rows[i]];                                                        \
    } while (0)

int feat_column_append_rows(feat_column *c, const feat_column *from, const uint32_t *rows, size_t n) {
    assert(c->type == from->type);
    if (n == 0) return 0;
    if (feat_column_reserve(c, n) != 0 || (from->null_count != 0 && need_validity(c) != 0)) return -1;
    if (is_bytes(c->type)) {
        if (gather_text(c, from, rows, n) != 0) return -1;
    } else {
        switch (feat_type_size(c->type)) {
        case 0:
            for (size_t i = 0; i < n; i++) feat_bit_put(c->values, c->length + i, feat_bit_get(from->values, rows[i]));
            break;
        case 1: GATHER(uint8_t); break;
        case 2: GATHER(uint16_t); break;
        case 4: GATHER(uint32_t); break;
        case 8: GATHER(uint64_t); break;
        default: GATHER(feat_int128); break;
        }
    }
    if (from->null_count == 0) return feat_column_commit(c, n, NULL, 0);
    size_t nulls = 0;
    for (size_t i = 0; i < n; i++) {
        bool valid = feat_bit_get(from->validity, rows[i]);
        feat_bit_put(c->validity, c->length + i, valid);
        nulls += !valid;
    }
    c->length += n;
    c->null_count += nulls;
    return 0;
}

bool feat_int_fits(feat_type type, int64_t v) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: return v == 0 || v == 1;
    case FEAT_TYPE_TINYINT: return v >= INT8_MIN && v <= INT8_MAX;
    case FEAT_TYPE_SMALLINT: return v >= INT16_MIN && v <= INT16_MAX;
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_INTEGER: return v >= INT32_MIN && v <= INT32_MAX;
    case FEAT_TYPE_UTINYINT: return v >= 0 && v <= UINT8_MAX;
    case FEAT_TYPE_USMALLINT: return v >= 0 && v <= UINT16_MAX;
    case FEAT_TYPE_UINTEGER: return v >= 0 && v <= UINT32_MAX;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: return true;
    default: return false;
    }
}

/* ---- Reading. ---- */

bool feat_column_is_null(const feat_column *c, size_t row) { return c->validity && !feat_bit_get(c->validity, row); }

int64_t feat_column_int(const feat_column *c, size_t row) {
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_BOOLEAN: return feat_bit_get(c->values, row);
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: return ((const int64_t *)c->values)[row];
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_INTEGER: return ((const int32_t *)c->values)[row];
    case FEAT_TYPE_SMALLINT: return ((const int16_t *)c->values)[row];
    case FEAT_TYPE_TINYINT: return ((const int8_t *)c->values)[row];
    case FEAT_TYPE_UINTEGER: return ((const uint32_t *)c->values)[row];
    case FEAT_TYPE_USMALLINT: return ((const uint16_t *)c->values)[row];
    case FEAT_TYPE_UTINYINT: return ((const uint8_t *)c->values)[row];
    default: assert(0 && "an integer from a column that holds none"); return 0;
    }
}

double feat_column_double(const feat_column *c, size_t row) {
    if (c->type == FEAT_TYPE_REAL) return (double)((const float *)c->values)[row];
    assert(c->type == FEAT_TYPE_DOUBLE);
    return ((const double *)c->values)[row];
}

feat_int128 feat_column_wide(const feat_column *c, size_t row) {
    if (c->type == FEAT_TYPE_UBIGINT) return ((const uint64_t *)c->values)[row];
    assert(FEAT_TYPE_BASE(c->type) == FEAT_TYPE_DECIMAL);
    return ((const feat_int128 *)c->values)[row];
}

feat_interval feat_column_interval(const feat_column *c, size_t row) {
    assert(c->type == FEAT_TYPE_INTERVAL);
    return ((const feat_interval *)c->values)[row];
}

feat_text feat_column_text(const feat_column *c, size_t row) {
    assert(is_bytes(c->type));
    int64_t start = c->offsets[row];
    if (!c->values) return (feat_text){"", 0}; /* all texts so far are empty */
    return (feat_text){(const char *)c->values + start, (size_t)(c->offsets[row + 1] - start)};
}

int feat_interval_order(feat_interval a, feat_interval b) {
    feat_int128 x = feat_interval_length(a), y = feat_interval_length(b);
    if (x != y) return x < y ? -1 : 1;
    if (a.months != b.months) return a.months < b.months ? -1 : 1;
    if (a.days != b.days) return a.days < b.days ? -1 : 1;
    return (a.us > b.us) - (a.us < b.us);
}

static int compare_text(feat_text a, feat_text b) {
    size_t common = a.length < b.length ? a.length : b.length;
    int order = memcmp(a.data, b.data, common);
    if (order != 0) return order < 0 ? -1 : 1;
    return (a.length > b.length) - (a.length < b.length);
}

int feat_column_compare(const feat_column *a, size_t row_a, const feat_column *b, size_t row_b) {
    assert(a->type == b->type);
    bool null_a = feat_column_is_null(a, row_a), null_b = feat_column_is_null(b, row_b);
    if (null_a || null_b) return null_b - null_a;
    switch (FEAT_TYPE_BASE(a->type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: return feat_double_order(feat_column_double(a, row_a), feat_column_double(b, row_b));
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: return compare_text(feat_column_text(a, row_a), feat_column_text(b, row_b));
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return feat_nested_compare(a->type, feat_column_text(a, row_a), feat_column_text(b, row_b));
    case FEAT_TYPE_INTERVAL: return feat_interval_order(feat_column_interval(a, row_a), feat_column_interval(b, row_b));
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: {
        feat_int128 x = feat_column_wide(a, row_a), y = feat_column_wide(b, row_b);
        return (x > y) - (x < y);
    }
    default: {
        int64_t x = feat_column_int(a, row_a), y = feat_column_int(b, row_b);
        return (x > y) - (x < y);
    }
    }
}

bool feat_column_same(const feat_column *a, size_t row_a, const feat_column *b, size_t row_b) {
    return feat_column_compare(a, row_a, b, row_b) == 0; /* the order tells -0 from +0 and no NaN from another */
}

/* ---- Batches. ---- */

feat_status feat_batch_init(feat_batch *b, const feat_type *types, size_t n_columns, feat_error *err) {
    feat_column *columns = feat_alloc_zero(n_columns, sizeof *columns);
    if (!columns) return feat_fail_memory(err);
    for (size_t i = 0; i < n_columns; i++) feat_column_init(&columns[i], types[i]);
    *b = (feat_batch){.n_columns = n_columns, .columns = columns};
    return FEAT_OK;
}

void feat_batch_done(feat_batch *b) {
    for (size_t i = 0; i < b->n_columns; i++) feat_column_done(&b->columns[i]);
    feat_free(b->columns);
    *b = (feat_batch){0};
}

void feat_batch_clear(feat_batch *b) {
    for (size_t i = 0; i < b->n_columns; i++) feat_column_clear(&b->columns[i]);
    b->length = 0;
}
