#include "column/list.h"

#include <math.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/little.h"
#include "math/decimal.h"
#include "math/number.h"

static uint32_t load_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_u32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static bool is_null(const feat_nested_layout *list, size_t i) {
    return list->present && !feat_bit_get(list->present, i);
}

/* ---- Elements as they stand in memory. ---- */

#define LOAD_AS(type, member)                                                                                          \
    {                                                                                                                  \
        type v;                                                                                                        \
        feat_little_copy(&v, at, sizeof v, 1);                                                                         \
        out->member = v;                                                                                               \
        return;                                                                                                        \
    }

static void load(feat_type element, const uint8_t *at, feat_element *out) {
    switch (FEAT_TYPE_BASE(element)) {
    case FEAT_TYPE_BOOLEAN: out->b = *at != 0; return;
    case FEAT_TYPE_TINYINT: LOAD_AS(int8_t, i)
    case FEAT_TYPE_SMALLINT: LOAD_AS(int16_t, i)
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_DATE: LOAD_AS(int32_t, i)
    case FEAT_TYPE_UTINYINT: LOAD_AS(uint8_t, i)
    case FEAT_TYPE_USMALLINT: LOAD_AS(uint16_t, i)
    case FEAT_TYPE_UINTEGER: LOAD_AS(uint32_t, i)
    case FEAT_TYPE_UBIGINT: LOAD_AS(uint64_t, w)
    case FEAT_TYPE_REAL: {
        float v;
        feat_little_copy(&v, at, sizeof v, 1);
        out->f = (double)v;
        return;
    }
    case FEAT_TYPE_DOUBLE: LOAD_AS(double, f)
    case FEAT_TYPE_DECIMAL: LOAD_AS(feat_int128, w)
    case FEAT_TYPE_INTERVAL: feat_nested_copy(element, &out->p, at, 1); return;
    default: LOAD_AS(int64_t, i) /* BIGINT, TIMESTAMP */
    }
}

#define STORE_AS(type, member)                                                                                         \
    {                                                                                                                  \
        type v = (type)value->member;                                                                                  \
        feat_little_copy(at, &v, sizeof v, 1);                                                                         \
        return;                                                                                                        \
    }

static void store(feat_type element, const feat_element *value, uint8_t *at) {
    switch (FEAT_TYPE_BASE(element)) {
    case FEAT_TYPE_BOOLEAN: *at = value->b != 0; return;
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_UTINYINT: STORE_AS(uint8_t, i)
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_USMALLINT: STORE_AS(uint16_t, i)
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_UINTEGER:
    case FEAT_TYPE_DATE: STORE_AS(uint32_t, i)
    case FEAT_TYPE_UBIGINT: STORE_AS(uint64_t, w)
    case FEAT_TYPE_REAL: {
        float v = (float)feat_double_canonical(value->f);
        feat_little_copy(at, &v, sizeof v, 1);
        return;
    }
    case FEAT_TYPE_DOUBLE: {
        double v = feat_double_canonical(value->f);
        feat_little_copy(at, &v, sizeof v, 1);
        return;
    }
    case FEAT_TYPE_DECIMAL: STORE_AS(feat_int128, w)
    case FEAT_TYPE_INTERVAL: feat_nested_copy(element, at, &value->p, 1); return;
    default: STORE_AS(int64_t, i)
    }
}

/* ---- Reading. ---- */

static bool is_list(feat_type type) {
    int base = FEAT_TYPE_BASE(type);
    return (base == FEAT_TYPE_LIST || base == FEAT_TYPE_VECTOR) && feat_type_valid(type);
}

bool feat_list_read(feat_type type, feat_text bytes, feat_nested_layout *list) {
    return is_list(type) && feat_nested_read_layout(type, bytes.data, bytes.length, list);
}

bool feat_list_get(const feat_nested_layout *list, size_t i, feat_element *out) {
    const feat_nested_part *p = &list->elements;
    if (is_null(list, i)) return false;
    if (p->width) {
        load(p->type, p->values + i * p->width, out);
        return true;
    }
    size_t at = 0;
    for (size_t k = 0; k < i; k++) at += load_u32(p->lengths + 4 * k);
    out->t = (feat_text){(const char *)p->values + at, load_u32(p->lengths + 4 * i)};
    return true;
}

/* ---- Making. ---- */

/* Room for elements of `size` bytes altogether, which are returned, behind all that precedes them: the bitmap of a
 * list with NULLs is zero and stands right before them. */
static uint8_t *make(feat_scratch *scratch, feat_type type, size_t n, bool nulls, size_t size, feat_text *out) {
    bool counted = FEAT_TYPE_BASE(type) == FEAT_TYPE_LIST;
    size_t bitmap = nulls ? feat_bitmap_size(n) : 0, head = (counted ? sizeof(uint32_t) : 0) + 1 + bitmap;
    *out = (feat_text){"", 0};
    if (n > UINT32_MAX || size > SIZE_MAX / 2) return NULL;
    uint8_t *at = (uint8_t *)feat_scratch_take(scratch, head + size);
    if (!at) return NULL;
    *out = (feat_text){(const char *)at, head + size};
    if (counted) {
        store_u32(at, (uint32_t)n);
        at += 4;
    }
    *at++ = nulls;
    memset(at, 0, bitmap);
    return at + bitmap;
}

char *feat_list_room(feat_scratch *scratch, feat_type type, size_t n, feat_text *out) {
    return (char *)make(scratch, type, n, false, n * feat_nested_width(feat_nested_element(type)), out);
}

bool feat_list_one(feat_scratch *scratch, feat_type type, feat_element element, feat_text *out) {
    if (FEAT_TYPE_BASE(type) != FEAT_TYPE_LIST || !feat_type_valid(type)) return false;
    feat_type of = feat_nested_element(type);
    size_t width = feat_nested_width(of);
    if (width) {
        uint8_t *at = make(scratch, type, 1, false, width, out);
        if (at) store(of, &element, at);
        return true;
    }
    if (element.t.length > UINT32_MAX) return false;
    uint8_t *at = make(scratch, type, 1, false, 4 + element.t.length, out);
    if (!at) return true;
    store_u32(at, (uint32_t)element.t.length);
    if (element.t.length) memcpy(at + 4, element.t.data, element.t.length);
    return true;
}

bool feat_list_make(feat_scratch *scratch, feat_type type, const void *elements, size_t size, const uint8_t *null,
                    size_t n, feat_text *out) {
    feat_type of = feat_nested_element(type);
    size_t width = feat_nested_width(of), bytes = n * (width ? width : 4);
    bool nulls = false;
    feat_element element;
    *out = (feat_text){"", 0};
    if (n > UINT32_MAX || size > sizeof element) return false;
    for (size_t i = 0; i < n; i++) nulls |= null && null[i];
    for (size_t i = 0; !width && i < n; i++) {
        if (null && null[i]) continue;
        memcpy(&element, (const char *)elements + i * size, size);
        if (element.t.length > UINT32_MAX) return false;
        bytes += element.t.length;
    }
    uint8_t *at = make(scratch, type, n, nulls, bytes, out), *texts;
    if (!at) return true;
    texts = at + 4 * n;
    for (size_t i = 0; i < n; i++) {
        bool is_value = !null || !null[i];
        if (nulls && is_value) feat_bit_set(at - feat_bitmap_size(n), i);
        if (is_value) memcpy(&element, (const char *)elements + i * size, size);
        if (width) {
            if (is_value) store(of, &element, at + i * width);
            else memset(at + i * width, 0, width);
            continue;
        }
        size_t length = is_value ? element.t.length : 0;
        store_u32(at + 4 * i, (uint32_t)length);
        if (length) memcpy(texts, element.t.data, length);
        texts += length;
    }
    return true;
}

static void put_present(uint8_t *to, size_t start, const feat_nested_layout *list) {
    for (size_t i = 0; i < list->n; i++)
        if (!is_null(list, i)) feat_bit_set(to, start + i);
}

bool feat_list_concat(feat_scratch *scratch, feat_type type, feat_text a, feat_text b, feat_text *out) {
    feat_nested_layout x, y;
    if (!feat_list_read(type, a, &x) || !feat_list_read(type, b, &y) || y.n > UINT32_MAX - x.n) return false;
    bool nulls = x.present || y.present;
    size_t n = x.n + y.n, lengths = x.elements.width ? 0 : 4 * n;
    feat_type made = FEAT_TYPE_LIST_OF(x.elements.type);
    uint8_t *at = make(scratch, made, n, nulls, lengths + x.elements.size + y.elements.size, out);
    if (!at) return true;
    if (nulls) {
        put_present(at - feat_bitmap_size(n), 0, &x);
        put_present(at - feat_bitmap_size(n), x.n, &y);
    }
    if (lengths) {
        if (x.n) memcpy(at, x.elements.lengths, 4 * x.n);
        if (y.n) memcpy(at + 4 * x.n, y.elements.lengths, 4 * y.n);
        at += lengths;
    }
    if (x.elements.size) memcpy(at, x.elements.values, x.elements.size);
    if (y.elements.size) memcpy(at + x.elements.size, y.elements.values, y.elements.size);
    return true;
}

/* ---- Conversion: the same results as the operators of CAST give. ---- */

/* A whole number of units of 10^-scale, or a double. */
typedef struct number {
    bool floating;
    double f;
    feat_int128 w;
    int scale;
} number;

static bool is_number(feat_type type) { return feat_type_is_number(type) || type == FEAT_TYPE_BOOLEAN; }

static number number_of(feat_type type, const uint8_t *at) {
    feat_element element;
    load(type, at, &element);
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: return (number){true, element.f, 0, 0};
    case FEAT_TYPE_DECIMAL: return (number){false, 0, element.w, FEAT_TYPE_SCALE(type)};
    case FEAT_TYPE_UBIGINT: return (number){false, 0, element.w, 0};
    case FEAT_TYPE_BOOLEAN: return (number){false, 0, element.b, 0};
    default: return (number){false, 0, element.i, 0};
    }
}

static bool to_integer(number x, feat_type type, feat_element *out) {
    feat_int128 whole;
    if (x.floating) {
        double rounded = rint(x.f);
        if (!(rounded >= -0x1p63 && rounded < 0x1p64)) return false;
        whole = (feat_int128)rounded;
    } else {
        whole = feat_decimal_drop(x.w, x.scale);
    }
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_UBIGINT) {
        out->w = whole;
        return whole >= 0 && whole <= (feat_int128)UINT64_MAX;
    }
    if (whole < INT64_MIN || whole > INT64_MAX) return false;
    out->i = (int64_t)whole;
    return feat_int_fits(type, out->i);
}

static bool to_decimal(number x, feat_type type, feat_element *out) {
    int precision = FEAT_TYPE_PRECISION(type), scale = FEAT_TYPE_SCALE(type);
    if (x.floating) return feat_decimal_of_double(x.f, precision, scale, &out->w);
    if (scale < x.scale) out->w = feat_decimal_drop(x.w, x.scale - scale);
    else if (__builtin_mul_overflow(x.w, feat_decimal_power(scale - x.scale), &out->w)) return false;
    return feat_decimal_fits(out->w, precision);
}

static bool to_real(number x, feat_type from, feat_element *out) {
    if (x.floating) {
        out->f = (double)(float)x.f;
        return !(fabs(out->f) == HUGE_VAL && fabs(x.f) != HUGE_VAL);
    }
    /* By way of a double an integer of 64 bits would be rounded twice. */
    bool narrow = FEAT_TYPE_BASE(from) != FEAT_TYPE_UBIGINT && FEAT_TYPE_BASE(from) != FEAT_TYPE_DECIMAL;
    out->f = narrow ? (double)(float)(int64_t)x.w : (double)(float)feat_decimal_to_double(x.w, x.scale);
    return true;
}

static bool convert(feat_type from, const uint8_t *at, feat_type to, uint8_t *place) {
    feat_element out = {.w = 0};
    number x = number_of(from, at);
    bool made = true;
    switch (FEAT_TYPE_BASE(to)) {
    case FEAT_TYPE_BOOLEAN: out.b = x.floating ? x.f != 0.0 : x.w != 0; break;
    case FEAT_TYPE_DOUBLE: out.f = x.floating ? x.f : feat_decimal_to_double(x.w, x.scale); break;
    case FEAT_TYPE_REAL: made = to_real(x, from, &out); break;
    case FEAT_TYPE_DECIMAL: made = to_decimal(x, to, &out); break;
    default: made = to_integer(x, to, &out);
    }
    if (made) store(to, &out, place);
    return made;
}

/* The conversion that embeddings need, without a look at each type; a NULL is zero before and after. */
static void widen_reals(const uint8_t *from, size_t n, uint8_t *to) {
    for (size_t i = 0; i < n; i++) {
        float real;
        feat_little_copy(&real, from + i * sizeof real, sizeof real, 1);
        double wide = feat_double_canonical((double)real);
        feat_little_copy(to + i * sizeof wide, &wide, sizeof wide, 1);
    }
}

bool feat_list_converts(feat_type from, feat_type to) {
    if (!is_list(from) || !is_list(to)) return false;
    feat_type x = feat_nested_element(from), y = feat_nested_element(to);
    bool vectors = FEAT_TYPE_BASE(from) == FEAT_TYPE_VECTOR && FEAT_TYPE_BASE(to) == FEAT_TYPE_VECTOR;
    if (vectors && FEAT_TYPE_DIMENSIONS(from) != FEAT_TYPE_DIMENSIONS(to)) return false;
    return x == y || (is_number(x) && is_number(y));
}

bool feat_list_cast(feat_scratch *scratch, feat_type from, feat_text bytes, feat_type to, feat_text *out) {
    feat_nested_layout list;
    if (!feat_list_converts(from, to) || !feat_list_read(from, bytes, &list)) return false;
    if (FEAT_TYPE_BASE(to) == FEAT_TYPE_VECTOR && list.n != FEAT_TYPE_DIMENSIONS(to)) return false;
    const feat_nested_part *p = &list.elements;
    feat_type element = feat_nested_element(to);
    bool same = p->type == element;
    size_t width = feat_nested_width(element), lengths = p->width ? 0 : 4 * list.n;
    if (!same && list.n > SIZE_MAX / 32) return false;
    uint8_t *at = make(scratch, to, list.n, list.present != NULL, same ? lengths + p->size : list.n * width, out);
    if (!at) return true;
    if (list.present) memcpy(at - feat_bitmap_size(list.n), list.present, feat_bitmap_size(list.n));
    if (same) {
        if (lengths) memcpy(at, p->lengths, lengths);
        if (p->size) memcpy(at + lengths, p->values, p->size);
        return true;
    }
    if (p->type == FEAT_TYPE_REAL && element == FEAT_TYPE_DOUBLE) {
        widen_reals(p->values, list.n, at);
        return true;
    }
    for (size_t i = 0; i < list.n; i++) {
        if (is_null(&list, i)) memset(at + i * width, 0, width);
        else if (!convert(p->type, p->values + i * p->width, element, at + i * width)) return false;
    }
    return true;
}

void feat_list_without_negative_zero(feat_scratch *scratch, const feat_nested_layout *list, feat_text bytes,
                                     feat_text *out) {
    const feat_nested_part *p = &list->elements;
    size_t width = p->width, sign = width - 1;
    char *copy = NULL;
    *out = bytes;
    if (p->type != FEAT_TYPE_REAL && p->type != FEAT_TYPE_DOUBLE) return;
    for (size_t i = 0; i < list->n; i++) {
        const uint8_t *at = p->values + i * width;
        bool zero = at[sign] == 0x80;
        for (size_t k = 0; k < sign; k++) zero = zero && at[k] == 0;
        if (!zero) continue;
        if (!copy) {
            copy = feat_scratch_take(scratch, bytes.length);
            *out = (feat_text){copy ? copy : "", copy ? bytes.length : 0};
            if (!copy) return;
            memcpy(copy, bytes.data, bytes.length);
        }
        copy[at + sign - (const uint8_t *)bytes.data] = 0;
    }
}

/* ---- Maps. ---- */

/* The bytes of n values that stand `size` bytes from each other; false where one is longer than it can be. */
static bool part_size(feat_type of, const void *values, size_t size, size_t n, size_t *bytes) {
    size_t width = feat_nested_width(of);
    *bytes = n * (width ? width : 4);
    for (size_t i = 0; !width && i < n; i++) {
        feat_text text;
        memcpy(&text, (const char *)values + i * size, sizeof text);
        if (text.length > UINT32_MAX || __builtin_add_overflow(*bytes, text.length, bytes)) return false;
    }
    return true;
}

static uint8_t *put_part(feat_type of, const void *values, size_t size, size_t n, uint8_t *at) {
    size_t width = feat_nested_width(of);
    uint8_t *bytes = at + n * (width ? width : 4);
    for (size_t i = 0; i < n; i++) {
        feat_element element = {.w = 0};
        memcpy(&element, (const char *)values + i * size, size);
        if (width) {
            store(of, &element, at + i * width);
            continue;
        }
        store_u32(at + 4 * i, (uint32_t)element.t.length);
        if (element.t.length) memcpy(bytes, element.t.data, element.t.length);
        bytes += element.t.length;
    }
    return bytes;
}

bool feat_map_make(feat_scratch *scratch, feat_type type, const void *keys, size_t key_size, const void *values,
                   size_t value_size, size_t n, feat_text *out) {
    feat_type key = feat_nested_key(type), value = feat_nested_element(type);
    size_t key_bytes, value_bytes;
    *out = (feat_text){"", 0};
    if (FEAT_TYPE_BASE(type) != FEAT_TYPE_MAP || n > UINT32_MAX || key_size > sizeof(feat_element) ||
        value_size > sizeof(feat_element) || !part_size(key, keys, key_size, n, &key_bytes) ||
        !part_size(value, values, value_size, n, &value_bytes))
        return false;
    size_t size = sizeof(uint32_t) + key_bytes + 1 + value_bytes;
    uint8_t *at = (uint8_t *)feat_scratch_take(scratch, size);
    if (!at) return true;
    *out = (feat_text){(const char *)at, size};
    store_u32(at, (uint32_t)n);
    at = put_part(key, keys, key_size, n, at + sizeof(uint32_t));
    *at++ = 0; /* no value is NULL */
    put_part(value, values, value_size, n, at);
    return true;
}

/* ---- Searching. ---- */

/* Element `i` beside the one of `one`, neither NULL; *at is where the bytes of a text start. */
static int compare(const feat_nested_layout *list, size_t i, size_t at, const feat_nested_layout *one) {
    const feat_nested_part *p = &list->elements, *q = &one->elements;
    if (!p->width) {
        size_t n = load_u32(p->lengths + 4 * i), m = load_u32(q->lengths), common = n < m ? n : m;
        int order = common ? memcmp(p->values + at, q->values, common) : 0;
        return order ? order : (n > m) - (n < m);
    }
    if (p->type == FEAT_TYPE_REAL || p->type == FEAT_TYPE_DOUBLE) {
        feat_element x, y;
        load(p->type, p->values + i * p->width, &x);
        load(q->type, q->values, &y);
        return x.f == y.f ? 0 : feat_double_order(x.f, y.f); /* -0 equals 0 */
    }
    if (p->type == FEAT_TYPE_INTERVAL) { /* by length, as SQL does */
        feat_element x, y;
        load(p->type, p->values + i * p->width, &x);
        load(q->type, q->values, &y);
        feat_int128 a = feat_interval_length(x.p), b = feat_interval_length(y.p);
        return (a > b) - (a < b);
    }
    return feat_nested_compare_fixed(p->type, p->values + i * p->width, q->values);
}

static bool comparable(const feat_nested_layout *list, const feat_nested_layout *one) {
    return one->n == 1 && list->elements.type == one->elements.type;
}

static size_t length_of(const feat_nested_layout *list, size_t i) {
    return list->elements.width ? 0 : load_u32(list->elements.lengths + 4 * i);
}

size_t feat_list_find(const feat_nested_layout *list, const feat_nested_layout *one) {
    if (!comparable(list, one)) return list->n;
    bool null = is_null(one, 0);
    for (size_t i = 0, at = 0; i < list->n; at += length_of(list, i), i++) {
        bool missing = is_null(list, i);
        if (missing != null) continue;
        if (null || compare(list, i, at, one) == 0) return i;
    }
    return list->n;
}

size_t feat_list_rank(const feat_nested_layout *list, const feat_nested_layout *one) {
    if (!comparable(list, one) || list->present || one->present) return 0;
    if (!list->elements.width) {
        size_t i = 0;
        for (size_t at = 0; i < list->n && compare(list, i, at, one) <= 0; i++) at += length_of(list, i);
        return i;
    }
    size_t low = 0, high = list->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(list, middle, 0, one) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool feat_list_ascends(const feat_nested_layout *list) {
    if (list->present) return false;
    for (size_t i = 1, at = 0; i < list->n; i++) {
        /* The element before as a list of its own, to be compared with. */
        feat_nested_layout one = *list;
        one.n = 1;
        if (list->elements.width) {
            one.elements.values += (i - 1) * list->elements.width;
        } else {
            one.elements.lengths += 4 * (i - 1);
            one.elements.values += at;
            at += length_of(list, i - 1);
        }
        if (compare(list, i, at, &one) <= 0) return false;
    }
    return true;
}
