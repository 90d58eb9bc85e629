/* Values of every type, drawn at random with the edges of each type among them, and compared by the memory that holds
 * them: without the functions that are under test. The includer defines random_bits(). */
#ifndef FEAT_TESTS_VALUES_H
#define FEAT_TESTS_VALUES_H

#include <check.h>
#include <string.h>

#include "base/bitmap.h"
#include "column/column.h"
#include "math/decimal.h"
#include "math/number.h"

static const feat_type every_type[] = {FEAT_TYPE_BOOLEAN,
                                       FEAT_TYPE_TINYINT,
                                       FEAT_TYPE_SMALLINT,
                                       FEAT_TYPE_INTEGER,
                                       FEAT_TYPE_BIGINT,
                                       FEAT_TYPE_UTINYINT,
                                       FEAT_TYPE_USMALLINT,
                                       FEAT_TYPE_UINTEGER,
                                       FEAT_TYPE_UBIGINT,
                                       FEAT_TYPE_REAL,
                                       FEAT_TYPE_DOUBLE,
                                       FEAT_TYPE_DECIMAL_OF(4, 1),
                                       FEAT_TYPE_DECIMAL_OF(18, 3),
                                       FEAT_TYPE_DECIMAL_OF(38, 0),
                                       FEAT_TYPE_DECIMAL_OF(38, 38),
                                       FEAT_TYPE_TEXT,
                                       FEAT_TYPE_BLOB,
                                       FEAT_TYPE_DATE,
                                       FEAT_TYPE_TIMESTAMP,
                                       FEAT_TYPE_INTERVAL,
                                       FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 3),
                                       FEAT_TYPE_LIST_OF(FEAT_TYPE_SMALLINT),
                                       FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT),
                                       FEAT_TYPE_MAP_OF(FEAT_TYPE_UTINYINT, FEAT_TYPE_BIGINT)};

enum { N_EVERY_TYPE = sizeof every_type / sizeof *every_type };

static inline bool is_nested_type(feat_type type) {
    int base = FEAT_TYPE_BASE(type);
    return base == FEAT_TYPE_VECTOR || base == FEAT_TYPE_LIST || base == FEAT_TYPE_MAP;
}

static inline bool is_bytes_type(feat_type type) {
    return type == FEAT_TYPE_TEXT || type == FEAT_TYPE_BLOB || is_nested_type(type);
}

/* ---- Nested values, encoded by hand as column/nested.h says. ---- */

static inline size_t put_bytes(char *to, size_t at, const void *bytes, size_t n) {
    memcpy(to + at, bytes, n);
    return at + n;
}

static inline size_t put_count(char *to, size_t at, uint32_t n) {
    unsigned char bytes[4] = {(unsigned char)n, (unsigned char)(n >> 8), 0, 0};
    return put_bytes(to, at, bytes, 4);
}

/* The flag, and for n < 8 elements of which those of the bits of `null` are NULL the bitmap. */
static inline size_t put_nulls(char *to, size_t at, unsigned n, unsigned null) {
    unsigned char flag = null != 0, bits = (unsigned char)(~null & ((1u << n) - 1));
    at = put_bytes(to, at, &flag, 1);
    return flag ? put_bytes(to, at, &bits, 1) : at;
}

static inline size_t random_nested(feat_type type, char *to) {
    unsigned n = FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR ? FEAT_TYPE_DIMENSIONS(type) : (unsigned)(random_bits() % 5);
    unsigned null = random_bits() % 3 ? 0 : (unsigned)random_bits() & ((1u << n) - 1);
    size_t at = 0;
    if (FEAT_TYPE_BASE(type) != FEAT_TYPE_VECTOR) at = put_count(to, at, n);
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP)
        for (unsigned i = 0, key = 0; i < n; i++) { /* ascending */
            key += 1 + (unsigned)(random_bits() % 50);
            unsigned char byte = (unsigned char)key;
            at = put_bytes(to, at, &byte, 1);
        }
    at = put_nulls(to, at, n, null);
    const char *texts[8];
    for (unsigned i = 0; i < n; i++) {
        bool zero = null >> i & 1;
        int16_t small = zero ? 0 : (int16_t)(random_bits() % 7) - 3;
        int64_t big = zero ? 0 : (int64_t)random_bits();
        float real = zero ? 0 : (float)(int8_t)random_bits() / 4;
        texts[i] = zero ? "" : random_bits() % 2 ? "ab" : "abc";
        switch (FEAT_TYPE_ELEMENT(type)) {
        case FEAT_TYPE_SMALLINT: at = put_bytes(to, at, &small, sizeof small); break;
        case FEAT_TYPE_BIGINT: at = put_bytes(to, at, &big, sizeof big); break;
        case FEAT_TYPE_REAL: at = put_bytes(to, at, &real, sizeof real); break;
        default: at = put_count(to, at, (uint32_t)strlen(texts[i])); break;
        }
    }
    for (unsigned i = 0; i < n && FEAT_TYPE_ELEMENT(type) == FEAT_TYPE_TEXT; i++)
        at = put_bytes(to, at, texts[i], strlen(texts[i]));
    return at;
}

/* ---- Values. ---- */

/* The least and the greatest number of an integer type, BOOLEAN, DATE or TIMESTAMP. */
static inline void int_range(feat_type type, int64_t *least, int64_t *most) {
    unsigned bits = type == FEAT_TYPE_BOOLEAN ? 1 : (unsigned)(8 * feat_type_size(type));
    bool is_unsigned = type == FEAT_TYPE_BOOLEAN || type == FEAT_TYPE_UTINYINT || type == FEAT_TYPE_USMALLINT ||
                       type == FEAT_TYPE_UINTEGER;
    *least = is_unsigned ? 0 : bits == 64 ? INT64_MIN : -(INT64_C(1) << (bits - 1));
    *most = is_unsigned ? (INT64_C(1) << bits) - 1 : -(*least + 1);
}

static inline feat_int128 random_wide(feat_type type) {
    feat_int128 most =
        type == FEAT_TYPE_UBIGINT ? (feat_int128)UINT64_MAX : feat_decimal_power(FEAT_TYPE_PRECISION(type)) - 1;
    bool negative = type != FEAT_TYPE_UBIGINT && random_bits() % 2;
    feat_int128 v;
    switch (random_bits() % 4) {
    case 0: v = most; break;
    case 1: v = most < 10 ? most : (feat_int128)(random_bits() % 10); break;
    default: {
        feat_uint128 bits = ((feat_uint128)random_bits() << 64 | random_bits()) >> (random_bits() % 128);
        v = (feat_int128)(bits % ((feat_uint128)most + 1));
    }
    }
    return negative ? -v : v;
}

/* Appends a value, or with `nulls` one time in five NULL. */
static inline void append_any(feat_column *c, bool nulls) {
    static const char *const words[] = {"", "a", "Z\xc3\xbcrich", "\xe6\x97\xa5", "0123456789abcdef0123456789", "new"};
    static const float reals[] = {0.0f, -0.0f, 1.5f, -3.4028234e38f, 0x1p-149f, 1.0f / 3, __builtin_inff()};
    static const int32_t months[] = {0, 1, -1, INT32_MAX, INT32_MIN};
    int64_t least, most;
    char bytes[128];
    feat_interval interval;
    int failed;
    if (nulls && random_bits() % 5 == 0) {
        ck_assert_int_eq(feat_column_append_null(c), 0);
        return;
    }
    switch (FEAT_TYPE_BASE(c->type)) {
    case FEAT_TYPE_REAL: failed = feat_column_append_double(c, (double)reals[random_bits() % 7]); break;
    case FEAT_TYPE_DOUBLE:
        failed =
            feat_column_append_double(c, feat_double_canonical(random_bits() % 2 ? (double)reals[random_bits() % 7]
                                                                                 : feat_double_of_bits(random_bits())));
        break;
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: failed = feat_column_append_wide(c, random_wide(c->type)); break;
    case FEAT_TYPE_INTERVAL:
        interval = (feat_interval){months[random_bits() % 5], months[random_bits() % 5],
                                   (int64_t)random_bits() >> random_bits() % 64};
        failed = feat_column_append_interval(c, interval);
        break;
    case FEAT_TYPE_TEXT: {
        const char *word = words[random_bits() % 6];
        failed = feat_column_append_text(c, word, strlen(word));
        break;
    }
    case FEAT_TYPE_BLOB: {
        size_t n = random_bits() % 20;
        for (size_t i = 0; i < n; i++) bytes[i] = (char)(random_bits() % 3 ? random_bits() : 0);
        failed = feat_column_append_text(c, bytes, n);
        break;
    }
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: failed = feat_column_append_text(c, bytes, random_nested(c->type, bytes)); break;
    default: {
        int_range(c->type, &least, &most);
        int64_t v = (int64_t)random_bits() >> random_bits() % 64;
        switch (random_bits() % 8) {
        case 0: v = least; break;
        case 1: v = most; break;
        default: v = v < least || v > most ? (int64_t)((uint64_t)v & (uint64_t)most) : v; break;
        }
        failed = feat_column_append_int(c, v);
    }
    }
    ck_assert_int_eq(failed, 0);
}

/* Whether two slots hold the same bytes, or NULL both. */
static inline bool same_slot(const feat_column *a, size_t i, const feat_column *b, size_t j) {
    bool null = a->validity && !feat_bit_get(a->validity, i);
    if (null != (b->validity && !feat_bit_get(b->validity, j))) return false;
    if (is_bytes_type(a->type)) {
        size_t n = (size_t)(a->offsets[i + 1] - a->offsets[i]);
        return n == (size_t)(b->offsets[j + 1] - b->offsets[j]) &&
               (n == 0 || memcmp((char *)a->values + a->offsets[i], (char *)b->values + b->offsets[j], n) == 0);
    }
    if (null) return true; /* a page's slot of a NULL may hold anything */
    if (a->type == FEAT_TYPE_BOOLEAN) return feat_bit_get(a->values, i) == feat_bit_get(b->values, j);
    size_t size = feat_type_size(a->type);
    return memcmp((char *)a->values + i * size, (char *)b->values + j * size, size) == 0;
}

#endif
