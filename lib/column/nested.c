/* Reading goes in two steps: the layout, which is checked against the size alone, then the values. Comparing needs only
 * the first, so that it is defined for any bytes. */
#include "column/nested.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/little.h"
#include "column/bits.h"
#include "column/utf8.h"
#include "math/decimal.h"
#include "math/number.h"

/* The precision and scale of elements that are decimals stand where those of a DECIMAL do. */
feat_type feat_nested_element(feat_type type) { return (feat_type)FEAT_TYPE_ELEMENT(type) | (type & 0xffff000000); }
feat_type feat_nested_key(feat_type type) { return (feat_type)FEAT_TYPE_MAP_KEY(type); }

static bool is_text(feat_type element) { return element == FEAT_TYPE_TEXT || element == FEAT_TYPE_BLOB; }

size_t feat_nested_width(feat_type element) {
    switch (FEAT_TYPE_BASE(element)) {
    case FEAT_TYPE_BOOLEAN:
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_UTINYINT: return 1;
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_USMALLINT: return 2;
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_UINTEGER:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_REAL: return 4;
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL: return 16;
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB: return 0;
    default: return 8;
    }
}

/* ---- Writing. ---- */

void feat_nested_copy(feat_type element, void *to, const void *from, size_t n) {
    if (element != FEAT_TYPE_INTERVAL) {
        feat_little_copy(to, from, feat_nested_width(element), n);
        return;
    }
    char *t = to;
    const char *f = from;
    for (size_t i = 0; i < n; i++, t += 16, f += 16) {
        feat_little_copy(t, f, 4, 2); /* months and days */
        feat_little_copy(t + 8, f + 8, 8, 1);
    }
}

/* One NaN. The bits are those of a REAL, of a DOUBLE. */
static uint32_t real_bits(uint32_t bits) { return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits; }
static uint64_t double_bits(uint64_t bits) {
    return feat_double_bits(feat_double_canonical(feat_double_of_bits(bits)));
}

static void canonical_reals(uint8_t *at, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        feat_little_copy(&bits, at + 4 * i, 4, 1);
        bits = real_bits(bits);
        feat_little_copy(at + 4 * i, &bits, 4, 1);
    }
}

static void canonical_doubles(uint8_t *at, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = double_bits(feat_bits_load(at + 8 * i));
        feat_little_copy(at + 8 * i, &bits, 8, 1);
    }
}

/* Rows order[0..n), or [start, start + n) when `order` is NULL. */
static size_t row_at(const uint32_t *order, size_t start, size_t i) { return start + (order ? order[i] : i); }

static feat_status put_texts(const feat_column *c, const uint32_t *order, size_t start, size_t n, feat_buffer *out,
                             feat_error *err) {
    for (size_t i = 0; i < n; i++) {
        size_t length = feat_column_text(c, row_at(order, start, i)).length;
        if (length > UINT32_MAX)
            return feat_fail(err, FEAT_LIMIT, "an element of a nested value has %zu bytes, more than 4294967295",
                             length);
        feat_buffer_u32(out, (uint32_t)length);
    }
    for (size_t i = 0; i < n; i++) {
        feat_text text = feat_column_text(c, row_at(order, start, i));
        if (text.length > 0) feat_buffer_append(out, text.data, text.length);
    }
    return FEAT_OK;
}

static feat_status put_elements(const feat_column *c, const uint32_t *order, size_t start, size_t n, feat_buffer *out,
                                feat_error *err) {
    if (is_text(c->type)) return put_texts(c, order, start, n, out, err);
    size_t width = feat_nested_width(c->type);
    if (n == 0) return FEAT_OK;
    if (n > SIZE_MAX / 32) return feat_fail_memory(err);
    uint8_t *to = feat_buffer_extend(out, n * width);
    if (!to) return feat_fail_memory(err);
    const char *from = c->values;
    if (c->type == FEAT_TYPE_BOOLEAN) {
        for (size_t i = 0; i < n; i++) to[i] = feat_bit_get(c->values, row_at(order, start, i));
    } else if (!order) {
        feat_nested_copy(c->type, to, from + start * width, n);
    } else {
        for (size_t i = 0; i < n; i++)
            feat_nested_copy(c->type, to + i * width, from + row_at(order, start, i) * width, 1);
    }
    if (c->type == FEAT_TYPE_REAL) canonical_reals(to, n);
    if (c->type == FEAT_TYPE_DOUBLE) canonical_doubles(to, n);
    return FEAT_OK;
}

static feat_status put_nulls(const feat_column *c, const uint32_t *order, size_t start, size_t n, feat_buffer *out,
                             feat_error *err) {
    bool any = c->validity && feat_bits_count(c->validity, start, n) < n;
    feat_buffer_byte(out, any);
    if (!any) return FEAT_OK;
    uint8_t *bits = feat_buffer_extend(out, (n + 7) / 8);
    if (!bits) return feat_fail_memory(err);
    memset(bits, 0, (n + 7) / 8);
    for (size_t i = 0; i < n; i++)
        if (feat_bit_get(c->validity, row_at(order, start, i))) feat_bit_set(bits, i);
    return FEAT_OK;
}

/* ---- The order of a map's keys. ---- */

/* Moves the greatest of a heap whose root may be out of place. */
static void sift(const feat_column *keys, size_t start, uint32_t *heap, size_t root, size_t n) {
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && feat_column_compare(keys, start + heap[child], keys, start + heap[child + 1]) < 0) child++;
        if (feat_column_compare(keys, start + heap[root], keys, start + heap[child]) >= 0) return;
        uint32_t greater = heap[child];
        heap[child] = heap[root];
        heap[root] = greater;
    }
}

static void sort_keys(const feat_column *keys, size_t start, uint32_t *order, size_t n) {
    for (size_t i = 0; i < n; i++) order[i] = (uint32_t)i;
    for (size_t i = n / 2; i-- > 0;) sift(keys, start, order, i, n);
    for (size_t i = n; i-- > 1;) {
        uint32_t greatest = order[0];
        order[0] = order[i];
        order[i] = greatest;
        sift(keys, start, order, 0, i);
    }
}

/* *order gets the rows of the keys in ascending order, NULL when they are in order already. */
static feat_status order_keys(const feat_column *keys, size_t start, size_t n, uint32_t **order, feat_error *err) {
    bool ascending = true;
    for (size_t i = 0; i < n; i++) {
        if (feat_column_is_null(keys, start + i)) return feat_fail(err, FEAT_SCHEMA, "a key of a MAP is NULL");
        if (i > 0 && feat_column_compare(keys, start + i - 1, keys, start + i) >= 0) ascending = false;
    }
    if (ascending) return FEAT_OK;
    uint32_t *made = feat_alloc_array(n, sizeof *made);
    if (!made) return feat_fail_memory(err);
    sort_keys(keys, start, made, n);
    for (size_t i = 1; i < n; i++)
        if (feat_column_same(keys, start + made[i - 1], keys, start + made[i])) {
            feat_free(made);
            return feat_fail(err, FEAT_SCHEMA, "a MAP has one key twice");
        }
    *order = made;
    return FEAT_OK;
}

static feat_status encode(feat_type type, const feat_column *keys, const feat_column *elements, size_t start, size_t n,
                          const uint32_t *order, feat_buffer *out, feat_error *err) {
    if (FEAT_TYPE_BASE(type) != FEAT_TYPE_VECTOR) feat_buffer_u32(out, (uint32_t)n);
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP) FEAT_TRY(put_elements(keys, order, start, n, out, err));
    FEAT_TRY(put_nulls(elements, order, start, n, out, err));
    FEAT_TRY(put_elements(elements, order, start, n, out, err));
    return out->failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_nested_encode(feat_type type, const feat_column *keys, const feat_column *elements, size_t start,
                               size_t n, feat_buffer *out, feat_error *err) {
    int base = FEAT_TYPE_BASE(type);
    uint32_t *order = NULL;
    size_t before = out->size;
    if (out->failed) return feat_fail_memory(err);
    if (base == FEAT_TYPE_VECTOR && n != FEAT_TYPE_DIMENSIONS(type))
        return feat_fail(err, FEAT_SCHEMA, "it has %zu elements instead of %u", n,
                         (unsigned)FEAT_TYPE_DIMENSIONS(type));
    if (n > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "it has %zu elements, more than 4294967295", n);
    if (base == FEAT_TYPE_MAP) FEAT_TRY(order_keys(keys, start, n, &order, err));
    feat_status status = encode(type, keys, elements, start, n, order, out, err);
    feat_free(order);
    if (status != FEAT_OK && !out->failed) out->size = before;
    return status;
}

/* ---- The layout. ---- */

typedef feat_nested_part part;
typedef feat_nested_layout layout;

static uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool read_part(feat_cursor *in, feat_type type, size_t n, part *p) {
    size_t left = (size_t)(in->end - in->at), width = feat_nested_width(type);
    *p = (part){.type = type, .width = width};
    if (n > left / (width ? width : 4)) return false;
    if (width) {
        p->size = n * width;
    } else {
        p->lengths = feat_cursor_bytes(in, 4 * n);
        left -= 4 * n;
        for (size_t i = 0; i < n; i++) {
            size_t length = load_u32(p->lengths + 4 * i);
            if (length > left - p->size) return false;
            p->size += length;
        }
    }
    p->values = feat_cursor_bytes(in, p->size);
    return !in->failed;
}

bool feat_nested_read_layout(feat_type type, const void *bytes, size_t size, feat_nested_layout *l) {
    feat_cursor in;
    feat_cursor_init(&in, bytes, size);
    memset(l, 0, sizeof *l);
    bool vector = FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR;
    l->n = vector ? FEAT_TYPE_DIMENSIONS(type) : feat_cursor_u32(&in);
    if (in.failed) return false;
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP && !read_part(&in, feat_nested_key(type), l->n, &l->keys)) return false;
    uint8_t flag = feat_cursor_byte(&in);
    if (in.failed || flag > 1) return false;
    if (flag) {
        l->present = feat_cursor_bytes(&in, l->n / 8 + (l->n % 8 != 0));
        if (!l->present) return false;
        /* One form only: a NULL there is, and nothing stands behind the last element. */
        if (feat_bits_count(l->present, 0, l->n) == l->n) return false;
        if (l->n % 8 && l->present[l->n / 8] >> (l->n % 8)) return false;
    }
    return read_part(&in, feat_nested_element(type), l->n, &l->elements) && in.at == in.end;
}

static bool is_null(const layout *l, size_t i) { return l->present && !feat_bit_get(l->present, i); }

/* ---- Order. ---- */

static int compare_bytes(const void *a, size_t n, const void *b, size_t m) {
    size_t common = n < m ? n : m;
    int order = common ? memcmp(a, b, common) : 0;
    return order ? (order > 0) - (order < 0) : (n > m) - (n < m);
}

#define COMPARE_AS(ctype)                                                                                              \
    do {                                                                                                               \
        ctype x, y;                                                                                                    \
        feat_little_copy(&x, a, sizeof x, 1);                                                                          \
        feat_little_copy(&y, b, sizeof y, 1);                                                                          \
        return (x > y) - (x < y);                                                                                      \
    } while (0)

#define COMPARE_WITH(ctype, ORDER)                                                                                     \
    do {                                                                                                               \
        ctype x, y;                                                                                                    \
        feat_little_copy(&x, a, sizeof x, 1);                                                                          \
        feat_little_copy(&y, b, sizeof y, 1);                                                                          \
        return ORDER(x, y);                                                                                            \
    } while (0)

static int order_reals(float x, float y) { return feat_double_order((double)x, (double)y); }

int feat_nested_compare_fixed(feat_type type, const uint8_t *a, const uint8_t *b) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TINYINT: COMPARE_AS(int8_t);
    case FEAT_TYPE_SMALLINT: COMPARE_AS(int16_t);
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_DATE: COMPARE_AS(int32_t);
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: COMPARE_AS(int64_t);
    case FEAT_TYPE_USMALLINT: COMPARE_AS(uint16_t);
    case FEAT_TYPE_UINTEGER: COMPARE_AS(uint32_t);
    case FEAT_TYPE_UBIGINT: COMPARE_AS(uint64_t);
    case FEAT_TYPE_DECIMAL: COMPARE_AS(feat_int128);
    case FEAT_TYPE_REAL: COMPARE_WITH(float, order_reals);
    case FEAT_TYPE_DOUBLE: COMPARE_WITH(double, feat_double_order);
    case FEAT_TYPE_INTERVAL: {
        feat_interval x, y;
        feat_nested_copy(type, &x, a, 1);
        feat_nested_copy(type, &y, b, 1);
        return feat_interval_order(x, y);
    }
    default: COMPARE_AS(uint8_t); /* BOOLEAN, UTINYINT */
    }
}

/* Value `i` of one and `j` of the other; of texts *at is where their bytes start, and moves on. */
static int compare_values(const part *a, size_t *at_a, size_t i, const part *b, size_t *at_b, size_t j) {
    if (a->width) return feat_nested_compare_fixed(a->type, a->values + i * a->width, b->values + j * b->width);
    size_t n = load_u32(a->lengths + 4 * i), m = load_u32(b->lengths + 4 * j);
    int order = compare_bytes(a->values + *at_a, n, b->values + *at_b, m);
    *at_a += n;
    *at_b += m;
    return order;
}

int feat_nested_compare(feat_type type, feat_text a, feat_text b) {
    layout x, y;
    bool good_x = feat_nested_read_layout(type, a.data, a.length, &x),
         good_y = feat_nested_read_layout(type, b.data, b.length, &y);
    if (!good_x || !good_y) /* damaged bytes are in some order, before all others */
        return good_x != good_y ? good_x - good_y : compare_bytes(a.data, a.length, b.data, b.length);
    size_t n = x.n < y.n ? x.n : y.n, key_x = 0, key_y = 0, at_x = 0, at_y = 0;
    for (size_t i = 0; i < n; i++) {
        int order = x.keys.type ? compare_values(&x.keys, &key_x, i, &y.keys, &key_y, i) : 0;
        if (order != 0) return order;
        bool null_x = is_null(&x, i), null_y = is_null(&y, i);
        if (null_x != null_y) return null_y - null_x;
        order = compare_values(&x.elements, &at_x, i, &y.elements, &at_y, i); /* a NULL's is zero */
        if (order != 0) return order;
    }
    return (x.n > y.n) - (x.n < y.n);
}

/* ---- Validity. ---- */

static bool all_zero(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p[i]) return false;
    return true;
}

/* Whether values that have more bit patterns than values are in the one form that is written. */
static bool canonical(const part *p, size_t n) {
    switch (FEAT_TYPE_BASE(p->type)) {
    case FEAT_TYPE_BOOLEAN:
        for (size_t i = 0; i < n; i++)
            if (p->values[i] > 1) return false;
        return true;
    case FEAT_TYPE_REAL:
        for (size_t i = 0; i < n; i++)
            if (real_bits(load_u32(p->values + 4 * i)) != load_u32(p->values + 4 * i)) return false;
        return true;
    case FEAT_TYPE_DOUBLE:
        for (size_t i = 0; i < n; i++)
            if (double_bits(feat_bits_load(p->values + 8 * i)) != feat_bits_load(p->values + 8 * i)) return false;
        return true;
    case FEAT_TYPE_DECIMAL:
        for (size_t i = 0; i < n; i++) {
            feat_int128 v;
            feat_nested_copy(p->type, &v, p->values + 16 * i, 1);
            if (!feat_decimal_fits(v, FEAT_TYPE_PRECISION(p->type))) return false;
        }
        return true;
    default: return true;
    }
}

static bool nulls_are_zero(const layout *l) {
    const part *p = &l->elements;
    for (size_t i = 0; l->present && i < l->n; i++)
        if (is_null(l, i) &&
            (p->width ? !all_zero(p->values + i * p->width, p->width) : load_u32(p->lengths + 4 * i) != 0))
            return false;
    return true;
}

/* The texts are UTF-8, each for itself. */
static bool texts_valid(const part *p, size_t n) {
    size_t at = 0;
    if (p->type != FEAT_TYPE_TEXT) return true;
    for (size_t i = 0; i < n; i++) {
        size_t length = load_u32(p->lengths + 4 * i);
        if (!feat_utf8_valid((const char *)p->values + at, length)) return false;
        at += length;
    }
    return true;
}

static bool ascending(const part *p, size_t n) {
    size_t at = 0, next = p->width || n == 0 ? 0 : load_u32(p->lengths);
    for (size_t i = 1; i < n; i++)
        if (compare_values(p, &at, i - 1, p, &next, i) >= 0) return false;
    return true;
}

static bool read_value(feat_type type, const void *bytes, size_t size, layout *l) {
    if (!feat_nested_read_layout(type, bytes, size, l) || !nulls_are_zero(l)) return false;
    if (!canonical(&l->elements, l->n) || !texts_valid(&l->elements, l->n)) return false;
    return !l->keys.type || (texts_valid(&l->keys, l->n) && ascending(&l->keys, l->n));
}

bool feat_nested_valid(feat_type type, const void *bytes, size_t size) {
    layout l;
    return read_value(type, bytes, size, &l);
}

/* ---- Reading. ---- */

static feat_status take_texts(const part *p, size_t n, feat_column *to, feat_error *err) {
    if (feat_column_reserve_text(to, p->size) != 0) return feat_fail_memory(err);
    int64_t *offsets = to->offsets + to->length;
    if (p->size > 0) memcpy((char *)to->values + offsets[0], p->values, p->size);
    for (size_t i = 0; i < n; i++) offsets[i + 1] = offsets[i] + (int64_t)load_u32(p->lengths + 4 * i);
    return FEAT_OK;
}

static feat_status take_part(const part *p, size_t n, const uint8_t *present, feat_column *to, feat_error *err) {
    if (feat_column_reserve(to, n) != 0) return feat_fail_memory(err);
    if (!p->width) FEAT_TRY(take_texts(p, n, to, err));
    else if (to->type == FEAT_TYPE_BOOLEAN)
        for (size_t i = 0; i < n; i++) feat_bit_put(to->values, to->length + i, p->values[i]);
    else if (n > 0) feat_nested_copy(p->type, (char *)to->values + to->length * p->width, p->values, n);
    return feat_column_commit(to, n, present, 0) == 0 ? FEAT_OK : feat_fail_memory(err);
}

feat_status feat_nested_decode(feat_type type, const void *bytes, size_t size, feat_column *keys, feat_column *elements,
                               feat_error *err) {
    layout l;
    bool map = FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP;
    if (!read_value(type, bytes, size, &l)) {
        char text[FEAT_TYPE_TEXT_SIZE];
        return feat_fail(err, FEAT_CORRUPT, "the bytes of a %s are malformed", feat_type_format(type, text));
    }
    size_t before = map ? keys->length : 0;
    if (map) FEAT_TRY(take_part(&l.keys, l.n, NULL, keys, err));
    feat_status status = take_part(&l.elements, l.n, l.present, elements, err);
    if (status != FEAT_OK && map) feat_column_truncate(keys, before);
    return status;
}
