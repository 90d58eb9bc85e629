/* Values of VECTOR, LIST and MAP: what is encoded comes back, equal values are equal bytes, and any other bytes are
 * refused. */
#include "column/nested.h"

#include "support.h"
#include "support/values.h"

static const feat_type flat_types[] = {
    FEAT_TYPE_BOOLEAN,  FEAT_TYPE_TINYINT,          FEAT_TYPE_SMALLINT, FEAT_TYPE_INTEGER,           FEAT_TYPE_BIGINT,
    FEAT_TYPE_UTINYINT, FEAT_TYPE_USMALLINT,        FEAT_TYPE_UINTEGER, FEAT_TYPE_UBIGINT,           FEAT_TYPE_REAL,
    FEAT_TYPE_DOUBLE,   FEAT_TYPE_DECIMAL_OF(4, 1), FEAT_TYPE_TEXT,     FEAT_TYPE_DECIMAL_OF(38, 9), FEAT_TYPE_BLOB,
    FEAT_TYPE_DATE,     FEAT_TYPE_TIMESTAMP,        FEAT_TYPE_INTERVAL,
};

static feat_status decode(feat_type type, const feat_buffer *b, feat_column *keys, feat_column *elements,
                          feat_error *err) {
    unsigned char *exact = malloc(b->size ? b->size : 1); /* of exactly that size, for the sanitizer */
    if (b->size) memcpy(exact, b->data, b->size);
    feat_status status = feat_nested_decode(type, exact, b->size, keys, elements, err);
    free(exact);
    return status;
}

/* Rows [start, start + n) there and back. */
static void round_trip(feat_type type, const feat_column *elements, size_t start, size_t n) {
    feat_buffer b;
    feat_column back;
    feat_error err = {.code = FEAT_OK};
    feat_buffer_init(&b);
    feat_column_init(&back, feat_nested_element(type));
    ck_assert(elements->type == back.type);
    feat_status status = feat_nested_encode(type, NULL, elements, start, n, &b, &err);
    ck_assert_msg(status == FEAT_OK, "%s", err.message);
    append_any(&back, true);
    status = decode(type, &b, NULL, &back, &err);
    ck_assert_msg(status == FEAT_OK, "%s", err.message);
    ck_assert_uint_eq(back.length, n + 1);
    for (size_t i = 0; i < n; i++) ck_assert(same_slot(&back, 1 + i, elements, start + i));
    /* Cut or lengthened, it is no value. */
    for (size_t size = 0; size < b.size; size++) {
        feat_buffer cut = {.data = b.data, .size = size};
        ck_assert_int_eq(decode(type, &cut, NULL, &back, &err), FEAT_CORRUPT);
    }
    feat_buffer_byte(&b, 0);
    ck_assert_int_eq(decode(type, &b, NULL, &back, &err), FEAT_CORRUPT);
    ck_assert_uint_eq(back.length, n + 1);
    feat_buffer_done(&b);
    feat_column_done(&back);
}

START_TEST(test_elements) {
    for (size_t t = 0; t < COUNT(flat_types); t++) {
        feat_column c;
        feat_column_init(&c, flat_types[t]);
        for (int i = 0; i < 40; i++) append_any(&c, i >= 20);
        for (size_t start = 0; start < 40; start += 3)
            for (size_t n = 1; n <= 17 && start + n <= 40; n += 4) {
                round_trip(FEAT_TYPE_VECTOR_OF(flat_types[t], n), &c, start, n);
                round_trip(FEAT_TYPE_LIST_OF(flat_types[t]), &c, start, n);
            }
        round_trip(FEAT_TYPE_LIST_OF(flat_types[t]), &c, 7, 0);
        feat_column_done(&c);
    }
}
END_TEST

START_TEST(test_bytes) {
    feat_buffer b;
    feat_buffer_init(&b);
    feat_column c;
    feat_column_init(&c, FEAT_TYPE_REAL);
    ck_assert(feat_column_append_double(&c, 1) == 0 && feat_column_append_null(&c) == 0);
    ck_assert(feat_column_append_double(&c, -2) == 0);
    ((uint32_t *)c.values)[2] = 0xffc12345; /* a NaN */
    static const unsigned char vector[] = {1, 5, 0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0xc0, 0x7f};
    feat_error err;
    ck_assert_int_eq(feat_nested_encode(FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 3), NULL, &c, 0, 3, &b, &err), FEAT_OK);
    ck_assert(b.size == sizeof vector && memcmp(b.data, vector, sizeof vector) == 0);
    ck_assert_int_eq(feat_nested_encode(FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 4), NULL, &c, 0, 3, &b, &err), FEAT_SCHEMA);
    ck_assert_ptr_nonnull(strstr(err.message, "3 elements instead of 4"));
    ck_assert_uint_eq(b.size, sizeof vector);
    feat_column_done(&c);
    feat_buffer_clear(&b);
    feat_column_init(&c, FEAT_TYPE_TEXT);
    ck_assert(feat_column_append_text(&c, "ab", 2) == 0 && feat_column_append_text(&c, "", 0) == 0);
    static const unsigned char list[] = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 'a', 'b'};
    ck_assert_int_eq(feat_nested_encode(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), NULL, &c, 0, 2, &b, &err), FEAT_OK);
    ck_assert(b.size == sizeof list && memcmp(b.data, list, sizeof list) == 0);
    feat_column_done(&c);
    feat_buffer_done(&b);
}
END_TEST

/* Whatever order the pairs come in, the bytes are the same. */
START_TEST(test_maps) {
    static const feat_type key_types[] = {FEAT_TYPE_TEXT, FEAT_TYPE_INTEGER, FEAT_TYPE_UBIGINT, FEAT_TYPE_TINYINT};
    for (size_t t = 0; t < COUNT(key_types); t++)
        for (size_t n = 0; n <= 40; n += n < 4 ? 1 : 12) {
            feat_type type = FEAT_TYPE_MAP_OF(key_types[t], FEAT_TYPE_DECIMAL_OF(9, 2));
            feat_column keys, values, k2, v2;
            feat_column_init(&keys, key_types[t]);
            feat_column_init(&values, feat_nested_element(type));
            feat_column_init(&k2, key_types[t]);
            feat_column_init(&v2, feat_nested_element(type));
            ck_assert(feat_nested_key(type) == key_types[t]);
            for (size_t i = 0; i < n; i++) {
                char name[8];
                int length = snprintf(name, sizeof name, "k%02d", (int)i);
                int failed = t == 0   ? feat_column_append_text(&keys, name, (size_t)length)
                             : t == 2 ? feat_column_append_wide(&keys, (feat_int128)i * 400000000000000000)
                                      : feat_column_append_int(&keys, (int64_t)i - 20);
                ck_assert_int_eq(failed, 0);
                append_any(&values, true);
            }
            feat_buffer a, b;
            feat_buffer_init(&a);
            feat_buffer_init(&b);
            ck_assert_int_eq(feat_nested_encode(type, &keys, &values, 0, n, &a, NULL), FEAT_OK);
            uint32_t order[40];
            for (uint32_t i = 0; i < n; i++) order[i] = i;
            for (size_t i = n; i > 1; i--) {
                size_t j = random_below(i);
                uint32_t swap = order[i - 1];
                order[i - 1] = order[j];
                order[j] = swap;
            }
            ck_assert_int_eq(feat_column_append_nulls(&v2, 3) | feat_column_append_rows(&v2, &values, order, n), 0);
            append_any(&k2, false); /* rows before the value's */
            append_any(&k2, false);
            append_any(&k2, false);
            ck_assert_int_eq(feat_column_append_rows(&k2, &keys, order, n), 0);
            ck_assert_int_eq(feat_nested_encode(type, &k2, &v2, 3, n, &b, NULL), FEAT_OK);
            ck_assert(a.size == b.size && memcmp(a.data, b.data, a.size) == 0);
            feat_column_clear(&v2);
            feat_column_clear(&k2);
            ck_assert_int_eq(decode(type, &b, &k2, &v2, NULL), FEAT_OK);
            ck_assert(k2.length == n && v2.length == n);
            for (size_t i = 0; i < n; i++) ck_assert(same_slot(&k2, i, &keys, i) && same_slot(&v2, i, &values, i));
            /* A key twice, a key that is NULL. */
            feat_error err;
            if (n > 0) {
                ck_assert_int_eq(feat_column_append_from(&k2, &keys, random_below(n)), 0);
                ck_assert_int_eq(feat_column_append_null(&v2), 0);
                feat_buffer_clear(&b);
                ck_assert_int_eq(feat_nested_encode(type, &k2, &v2, 0, n + 1, &b, &err), FEAT_SCHEMA);
                ck_assert_ptr_nonnull(strstr(err.message, "one key twice"));
                ck_assert_uint_eq(b.size, 0);
                feat_column_truncate(&k2, n);
                ck_assert_int_eq(feat_column_append_null(&k2), 0);
                ck_assert_int_eq(feat_nested_encode(type, &k2, &v2, 0, n + 1, &b, &err), FEAT_SCHEMA);
                ck_assert_ptr_nonnull(strstr(err.message, "is NULL"));
            }
            feat_buffer_done(&a);
            feat_buffer_done(&b);
            feat_column_done(&keys);
            feat_column_done(&values);
            feat_column_done(&k2);
            feat_column_done(&v2);
        }
}
END_TEST

/* Bytes that decode are the encoding of what they decode to: one value has one form. */
START_TEST(test_damage) {
    long accepted = 0, refused = 0;
    for (size_t t = 0; t < N_EVERY_TYPE; t++) {
        feat_type type = every_type[t];
        if (!is_nested_type(type)) continue;
        bool map = FEAT_TYPE_BASE(type) == FEAT_TYPE_MAP;
        for (int round = 0; round < 60; round++) {
            char bytes[128];
            size_t size = random_nested(type, bytes);
            for (size_t at = 0; at < size; at++)
                for (int bit = 0; bit < 8; bit++) {
                    feat_buffer damaged, again;
                    feat_column keys, elements;
                    feat_buffer_init(&damaged);
                    feat_buffer_init(&again);
                    feat_buffer_append(&damaged, bytes, size);
                    damaged.data[at] ^= (unsigned char)(1 << bit);
                    feat_column_init(&keys, map ? feat_nested_key(type) : FEAT_TYPE_BIGINT);
                    feat_column_init(&elements, feat_nested_element(type));
                    feat_status status = decode(type, &damaged, &keys, &elements, NULL);
                    ck_assert(status == FEAT_OK || status == FEAT_CORRUPT);
                    ck_assert(feat_nested_valid(type, damaged.data, size) == (status == FEAT_OK));
                    if (status == FEAT_OK) {
                        ck_assert_int_eq(feat_nested_encode(type, &keys, &elements, 0, elements.length, &again, NULL),
                                         FEAT_OK);
                        ck_assert(again.size == size && memcmp(again.data, damaged.data, size) == 0);
                        accepted++;
                    } else {
                        ck_assert(keys.length == 0 && elements.length == 0);
                        refused++;
                    }
                    /* Comparing is for any bytes, and the order is one. */
                    feat_text good = {bytes, size}, bad = {(char *)damaged.data, size};
                    int order = feat_nested_compare(type, good, bad);
                    ck_assert(order != 0 && order == -feat_nested_compare(type, bad, good));
                    feat_buffer_done(&damaged);
                    feat_buffer_done(&again);
                    feat_column_done(&keys);
                    feat_column_done(&elements);
                }
        }
    }
    ck_assert(accepted > 1000 && refused > 1000);
}
END_TEST

START_TEST(test_no_memory) {
    feat_type type = FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE);
    feat_column keys, values, k2, v2;
    feat_column_init(&keys, FEAT_TYPE_TEXT);
    feat_column_init(&values, FEAT_TYPE_DOUBLE);
    ck_assert(feat_column_append_text(&keys, "b", 1) == 0 && feat_column_append_text(&keys, "a", 1) == 0);
    ck_assert(feat_column_append_null(&values) == 0 && feat_column_append_double(&values, 1) == 0);
    feat_buffer b;
    feat_status status = FEAT_MEMORY;
    for (int64_t k = 1; status != FEAT_OK; k++) {
        feat_buffer_init(&b);
        feat_alloc_fail_after(k);
        status = feat_nested_encode(type, &keys, &values, 0, 2, &b, NULL);
        feat_alloc_fail_after(0);
        if (status != FEAT_OK) feat_buffer_done(&b);
        ck_assert(status == FEAT_OK || status == FEAT_MEMORY);
    }
    status = FEAT_MEMORY;
    feat_column_init(&k2, FEAT_TYPE_TEXT);
    feat_column_init(&v2, FEAT_TYPE_DOUBLE);
    for (int64_t k = 1; status != FEAT_OK; k++) {
        feat_alloc_fail_after(k);
        status = feat_nested_decode(type, b.data, b.size, &k2, &v2, NULL);
        feat_alloc_fail_after(0);
        ck_assert(status == FEAT_OK || (status == FEAT_MEMORY && k2.length == 0 && v2.length == 0));
    }
    ck_assert(k2.length == 2 && v2.length == 2 && v2.null_count == 1 && feat_column_double(&v2, 0) == 1);
    feat_buffer_done(&b);
    feat_column_done(&keys);
    feat_column_done(&values);
    feat_column_done(&k2);
    feat_column_done(&v2);
}
END_TEST

/* Element by element, NULL first, then the shorter first. */
START_TEST(test_order) {
    static const struct {
        int n, null;
        int64_t v[3];
    } ascending[] = {{0, -1, {0}},          {1, 0, {0}},         {2, 0, {0, 5}},   {1, -1, {-3}},
                     {1, -1, {2}},          {2, 1, {2, 0}},      {2, -1, {2, -9}}, {3, -1, {2, -9, INT64_MIN}},
                     {2, -1, {2, 1000000}}, {1, -1, {INT64_MAX}}};
    feat_type type = FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT);
    feat_column lists;
    feat_column_init(&lists, type);
    ck_assert_int_eq(feat_column_append_null(&lists), 0);
    for (size_t i = 0; i < COUNT(ascending); i++) {
        feat_column c;
        feat_buffer b;
        feat_column_init(&c, FEAT_TYPE_BIGINT);
        feat_buffer_init(&b);
        for (int k = 0; k < ascending[i].n; k++)
            ck_assert_int_eq(k == ascending[i].null ? feat_column_append_null(&c)
                                                    : feat_column_append_int(&c, ascending[i].v[k]),
                             0);
        ck_assert_int_eq(feat_nested_encode(type, NULL, &c, 0, c.length, &b, NULL), FEAT_OK);
        ck_assert_int_eq(feat_column_append_text(&lists, (char *)b.data, b.size), 0);
        feat_column_done(&c);
        feat_buffer_done(&b);
    }
    for (size_t i = 0; i < lists.length; i++)
        for (size_t j = 0; j < lists.length; j++)
            ck_assert_int_eq(feat_column_compare(&lists, i, &lists, j), (i > j) - (i < j));
    feat_column_done(&lists);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_elements, test_bytes, test_maps, test_damage, test_no_memory, test_order};
    return run_suite("column/nested", tests, COUNT(tests));
}
