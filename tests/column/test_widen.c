/* Widening: which types, and that every value stays what it was. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "column/widen.h"
#include "math/exact.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* ---- Which types widen. ---- */

static const feat_type integers[] = {FEAT_TYPE_TINYINT,  FEAT_TYPE_SMALLINT,  FEAT_TYPE_INTEGER,  FEAT_TYPE_BIGINT,
                                     FEAT_TYPE_UTINYINT, FEAT_TYPE_USMALLINT, FEAT_TYPE_UINTEGER, FEAT_TYPE_UBIGINT};

static feat_int128 power(int n) {
    feat_int128 p = 1;
    while (n-- > 0) p *= 10;
    return p;
}

/* The least and the greatest value of an integer or DECIMAL, unscaled. */
static void bounds(feat_type type, feat_int128 *least, feat_int128 *most) {
    size_t i = 0;
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL) {
        *most = power(FEAT_TYPE_PRECISION(type)) - 1;
        *least = -*most;
        return;
    }
    while (integers[i] != type) i++;
    int bits = 8 << (i & 3);
    *most = i < 4 ? ((feat_int128)1 << (bits - 1)) - 1 : ((feat_int128)1 << bits) - 1;
    *least = i < 4 ? -*most - 1 : 0;
}

static int scale_of(feat_type type) { return FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL ? FEAT_TYPE_SCALE(type) : 0; }

/* `from` widens to `to` when the bounds of `from`, with the digits behind the point of `to`, lie within those of `to`.
 */
static bool holds(feat_type from, feat_type to) {
    feat_int128 least, most, low, high;
    int digits = scale_of(to) - scale_of(from);
    bounds(from, &least, &most);
    bounds(to, &low, &high);
    if (digits < 0 || from == to) return false;
    /* Divided, since multiplying could overflow. */
    return least >= low / power(digits) && most <= high / power(digits);
}

START_TEST(test_types) {
    feat_type types[200];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(integers); i++) types[n++] = integers[i];
    static const int precisions[] = {1, 3, 5, 10, 18, 19, 20, 21, 38};
    for (size_t p = 0; p < COUNT(precisions); p++)
        for (int s = 0; s <= precisions[p]; s += s < 3 ? 1 : 7) types[n++] = FEAT_TYPE_DECIMAL_OF(precisions[p], s);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            bool to_integer = FEAT_TYPE_BASE(types[b]) != FEAT_TYPE_DECIMAL;
            bool from_decimal = FEAT_TYPE_BASE(types[a]) == FEAT_TYPE_DECIMAL;
            bool expected = !(to_integer && from_decimal) && holds(types[a], types[b]);
            ck_assert_msg(feat_type_widens(types[a], types[b]) == expected, "%llx to %llx",
                          (unsigned long long)types[a], (unsigned long long)types[b]);
        }
    ck_assert(feat_type_widens(FEAT_TYPE_REAL, FEAT_TYPE_DOUBLE));
    ck_assert(!feat_type_widens(FEAT_TYPE_DOUBLE, FEAT_TYPE_REAL));
    ck_assert(!feat_type_widens(FEAT_TYPE_INTEGER, FEAT_TYPE_DOUBLE));
    ck_assert(!feat_type_widens(FEAT_TYPE_DATE, FEAT_TYPE_TIMESTAMP));
    ck_assert(!feat_type_widens(FEAT_TYPE_TEXT, FEAT_TYPE_TEXT));
}
END_TEST

/* ---- Values. ---- */

static feat_int128 get(const feat_column *c, size_t row) {
    feat_int128 v = 0;
    size_t size = feat_type_size(c->type);
    memcpy(&v, (const char *)c->values + row * size, size);
    bool is_signed = c->type <= FEAT_TYPE_BIGINT || c->type == FEAT_TYPE_TINYINT || c->type == FEAT_TYPE_SMALLINT ||
                     c->type == FEAT_TYPE_INTEGER;
    if (is_signed && size < sizeof v && v >> (8 * size - 1) & 1) v -= (feat_int128)1 << (8 * size);
    return v;
}

static void put(feat_column *c, feat_int128 v) {
    size_t size = feat_type_size(c->type);
    ck_assert_int_eq(feat_column_reserve(c, 1), 0);
    memcpy((char *)c->values + c->length * size, &v, size);
    ck_assert_int_eq(feat_column_commit(c, 1, NULL, 0), 0);
}

static void check_pair(feat_type from, feat_type to) {
    feat_int128 least, most, factor = power(scale_of(to) - scale_of(from));
    feat_column narrow, wide;
    bounds(from, &least, &most);
    feat_column_init(&narrow, from);
    feat_column_init(&wide, to);
    static const uint32_t picks[] = {4, 0, 1, 1, 3, 2};
    put(&narrow, least);
    put(&narrow, most);
    ck_assert_int_eq(feat_column_append_nulls(&narrow, 1), 0);
    put(&narrow, 0);
    put(&narrow, 1);
    ck_assert_int_eq(feat_column_widen_range(&wide, &narrow, 0, 5), 0);
    ck_assert_int_eq(feat_column_widen_rows(&wide, &narrow, picks, COUNT(picks)), 0);
    ck_assert_int_eq(feat_column_widen_range(&wide, &narrow, 1, 2), 0);
    const size_t source[] = {0, 1, 2, 3, 4, 4, 0, 1, 1, 3, 2, 1, 2};
    ck_assert_uint_eq(wide.length, COUNT(source));
    ck_assert_uint_eq(wide.null_count, 3);
    for (size_t i = 0; i < COUNT(source); i++) {
        ck_assert_int_eq(feat_column_is_null(&wide, i), source[i] == 2);
        ck_assert_msg(get(&wide, i) == (source[i] == 2 ? 0 : get(&narrow, source[i]) * factor), "%llx to %llx, row %zu",
                      (unsigned long long)from, (unsigned long long)to, i);
    }
    feat_column_done(&narrow);
    feat_column_done(&wide);
}

START_TEST(test_values) {
    static const feat_type decimals[] = {FEAT_TYPE_DECIMAL_OF(3, 0), FEAT_TYPE_DECIMAL_OF(10, 2),
                                         FEAT_TYPE_DECIMAL_OF(20, 0), FEAT_TYPE_DECIMAL_OF(38, 18),
                                         FEAT_TYPE_DECIMAL_OF(38, 0)};
    feat_type types[COUNT(integers) + COUNT(decimals)];
    memcpy(types, integers, sizeof integers);
    memcpy(types + COUNT(integers), decimals, sizeof decimals);
    int pairs = 0;
    for (size_t a = 0; a < COUNT(types); a++)
        for (size_t b = 0; b < COUNT(types); b++)
            if (feat_type_widens(types[a], types[b])) {
                check_pair(types[a], types[b]);
                pairs++;
            }
    ck_assert_int_gt(pairs, 30);
}
END_TEST

START_TEST(test_real) {
    static const float values[] = {0.1f, -0.0f, 3.4028235e38f, 1e-45f};
    feat_column narrow, wide;
    feat_column_init(&narrow, FEAT_TYPE_REAL);
    feat_column_init(&wide, FEAT_TYPE_DOUBLE);
    ck_assert_int_eq(feat_column_reserve(&narrow, 4), 0);
    memcpy(narrow.values, values, sizeof values);
    ck_assert_int_eq(feat_column_commit(&narrow, 4, NULL, 0), 0);
    ck_assert_int_eq(feat_column_widen_range(&wide, &narrow, 0, 4), 0);
    for (size_t i = 0; i < 4; i++) {
        double expected = (double)values[i];
        ck_assert(memcmp((const double *)wide.values + i, &expected, sizeof expected) == 0);
    }
    feat_column_done(&narrow);
    feat_column_done(&wide);
}
END_TEST

/* ---- Constants. ---- */

START_TEST(test_constants) {
    static const int64_t number = -7;
    static const int32_t day = 11, small = -7;
    static const uint8_t yes = 1;
    static const double x = 0.5;
    static const feat_constant_value values[] = {{FEAT_TYPE_BIGINT, &number, 8}, {FEAT_TYPE_DATE, &day, 4},
                                                 {FEAT_TYPE_BOOLEAN, &yes, 1},   {FEAT_TYPE_DOUBLE, &x, 8},
                                                 {FEAT_TYPE_TEXT, "abc", 3},     {FEAT_TYPE_TEXT, "", 0}};
    static const size_t lengths[] = {0, 1, 2, 3, 64, 1000};
    for (size_t i = 0; i < COUNT(values); i++)
        for (size_t k = 0; k < COUNT(lengths); k++) {
            feat_column c;
            feat_column_init(&c, values[i].type);
            ck_assert_int_eq(feat_column_append_null(&c), 0);
            ck_assert_int_eq(feat_column_append_value(&c, &values[i], lengths[k]), 0);
            ck_assert_int_eq(feat_column_append_value(&c, &(feat_constant_value){0}, 3), 0);
            ck_assert_uint_eq(c.length, lengths[k] + 4);
            ck_assert_uint_eq(c.null_count, 4);
            for (size_t row = 1; row <= lengths[k]; row++) {
                ck_assert(!feat_column_is_null(&c, row));
                if (c.type == FEAT_TYPE_DOUBLE) {
                    ck_assert(feat_column_double(&c, row) == x);
                } else if (c.type == FEAT_TYPE_TEXT) {
                    feat_text t = feat_column_text(&c, row);
                    ck_assert(t.length == values[i].size && memcmp(t.data, values[i].bytes, t.length) == 0);
                } else {
                    ck_assert_int_eq(feat_column_int(&c, row), i == 0 ? -7 : i == 1 ? 11 : 1);
                }
            }
            feat_column_done(&c);
        }
    feat_column wide;
    feat_column_init(&wide, FEAT_TYPE_BIGINT);
    ck_assert_int_eq(feat_column_append_value(&wide, &(feat_constant_value){FEAT_TYPE_INTEGER, &small, 4}, 5), 0);
    for (size_t row = 0; row < 5; row++) ck_assert_int_eq(feat_column_int(&wide, row), -7);
    feat_column_done(&wide);
}
END_TEST

/* A failure leaves the column as it was. */
START_TEST(test_without_memory) {
    static const int32_t small = 5;
    for (int64_t at = 1;; at++) {
        feat_column narrow, wide;
        feat_column_init(&narrow, FEAT_TYPE_INTEGER);
        feat_column_init(&wide, FEAT_TYPE_BIGINT);
        for (int i = 0; i < 100; i++) {
            put(&narrow, i);
            ck_assert_int_eq(feat_column_append_nulls(&narrow, 1), 0);
        }
        ck_assert_int_eq(feat_column_append_int(&wide, 1), 0);
        feat_alloc_fail_after(at);
        int failed = feat_column_widen_range(&wide, &narrow, 0, 200);
        bool first = failed != 0;
        if (!failed)
            failed = feat_column_append_value(&wide, &(feat_constant_value){FEAT_TYPE_INTEGER, &small, 4}, 1000);
        feat_alloc_fail_after(0);
        ck_assert_uint_eq(wide.length, first ? 1 : failed ? 201 : 1201);
        ck_assert_int_eq(feat_column_int(&wide, 0), 1);
        feat_column_done(&narrow);
        feat_column_done(&wide);
        if (!failed) break;
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("column/widen");
    TCase *tc = tcase_create("widen");
    tcase_add_test(tc, test_types);
    tcase_add_test(tc, test_values);
    tcase_add_test(tc, test_real);
    tcase_add_test(tc, test_constants);
    tcase_add_test(tc, test_without_memory);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
