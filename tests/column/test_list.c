/* Elements of lists and vectors: reading, making, converting and searching them gives what columns of the elements
 * give, and damaged bytes or types are refused or at least read within their bounds. */
#include "column/list.h"

#include <math.h>

#include "support.h"
#include "support/values.h"

static const feat_type flat_types[] = {
    FEAT_TYPE_BOOLEAN,  FEAT_TYPE_TINYINT,          FEAT_TYPE_SMALLINT, FEAT_TYPE_INTEGER,           FEAT_TYPE_BIGINT,
    FEAT_TYPE_UTINYINT, FEAT_TYPE_USMALLINT,        FEAT_TYPE_UINTEGER, FEAT_TYPE_UBIGINT,           FEAT_TYPE_REAL,
    FEAT_TYPE_DOUBLE,   FEAT_TYPE_DECIMAL_OF(4, 1), FEAT_TYPE_TEXT,     FEAT_TYPE_DECIMAL_OF(38, 9), FEAT_TYPE_BLOB,
    FEAT_TYPE_DATE,     FEAT_TYPE_TIMESTAMP,        FEAT_TYPE_INTERVAL,
};

static feat_scratch scratch;

static feat_text encoded(feat_type type, const feat_column *c, size_t start, size_t n) {
    feat_buffer b;
    feat_error err;
    feat_buffer_init(&b);
    ck_assert_int_eq(feat_nested_encode(type, NULL, c, start, n, &b, &err), FEAT_OK);
    char *bytes = feat_scratch_take(&scratch, b.size);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, b.data, b.size);
    feat_text text = {bytes, b.size};
    feat_buffer_done(&b);
    return text;
}

static void assert_equal(feat_text a, feat_text b) {
    ck_assert_uint_eq(a.length, b.length);
    ck_assert_int_eq(memcmp(a.data, b.data, a.length), 0);
}

/* The list of one element, made from what was read of it. */
static void check_element(feat_type type, const feat_nested_layout *list, size_t i, const feat_column *c, size_t row) {
    feat_element e;
    feat_text one;
    bool there = feat_list_get(list, i, &e);
    ck_assert_int_eq(there, !feat_column_is_null(c, row));
    if (!there) return;
    ck_assert(feat_list_one(&scratch, FEAT_TYPE_LIST_OF(type), e, &one));
    assert_equal(one, encoded(FEAT_TYPE_LIST_OF(type), c, row, 1));
    feat_nested_layout single;
    ck_assert(feat_list_read(FEAT_TYPE_LIST_OF(type), one, &single));
    ck_assert_uint_le(feat_list_find(list, &single), i);
}

/* The whole list or vector, made of what was read of each element. */
static void check_made(feat_type type, const feat_nested_layout *list, feat_text bytes) {
    feat_element elements[18];
    uint8_t null[18] = {0};
    feat_text made;
    memset(elements, 0x5a, sizeof elements); /* those of a NULL may be anything */
    for (size_t i = 0; i < list->n; i++) null[i] = !feat_list_get(list, i, &elements[i]);
    ck_assert(feat_list_make(&scratch, type, elements, sizeof *elements, null, list->n, &made));
    assert_equal(made, bytes);
    if (memchr(null, 1, list->n)) return;
    ck_assert(feat_list_make(&scratch, type, elements, sizeof *elements, NULL, list->n, &made));
    assert_equal(made, bytes);
}

START_TEST(test_reading_and_making) {
    for (size_t t = 0; t < COUNT(flat_types); t++) {
        feat_type type = flat_types[t], list_type = FEAT_TYPE_LIST_OF(type);
        feat_column c;
        feat_column_init(&c, type);
        for (int i = 0; i < 60; i++) append_any(&c, i >= 20);
        for (size_t start = 0; start < 40; start += 3)
            for (size_t n = 0; n <= 18; n += 3) {
                feat_scratch_reset(&scratch);
                feat_text bytes = encoded(list_type, &c, start, n), made;
                feat_nested_layout list;
                ck_assert(feat_list_read(list_type, bytes, &list));
                ck_assert_uint_eq(list.n, n);
                for (size_t i = 0; i < n; i++) check_element(type, &list, i, &c, start + i);
                check_made(list_type, &list, bytes);
                for (size_t m = 0; m <= n; m += 2) {
                    feat_text left = encoded(list_type, &c, start, m), right = encoded(list_type, &c, start + m, n - m);
                    ck_assert(feat_list_concat(&scratch, list_type, left, right, &made));
                    assert_equal(made, bytes);
                }
                if (n == 0) continue;
                feat_type vector = FEAT_TYPE_VECTOR_OF(type, n);
                ck_assert(feat_list_cast(&scratch, list_type, bytes, vector, &made));
                assert_equal(made, encoded(vector, &c, start, n));
                check_made(vector, &list, made);
                ck_assert(feat_list_cast(&scratch, vector, made, list_type, &made));
                assert_equal(made, bytes);
                ck_assert(!feat_list_cast(&scratch, list_type, bytes, FEAT_TYPE_VECTOR_OF(type, n + 1), &made));
                feat_text half = encoded(FEAT_TYPE_VECTOR_OF(type, n), &c, start, n);
                ck_assert(feat_list_concat(&scratch, vector, half, half, &made));
                ck_assert(feat_nested_valid(list_type, made.data, made.length));
            }
        feat_column_done(&c);
    }
}
END_TEST

START_TEST(test_conversions) {
    const struct {
        feat_type from, to;
        double in, out; /* NaN: there is none */
    } cases[] = {
        {FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE, 3, 3},         {FEAT_TYPE_BIGINT, FEAT_TYPE_TINYINT, 127, 127},
        {FEAT_TYPE_BIGINT, FEAT_TYPE_TINYINT, 128, NAN},    {FEAT_TYPE_BIGINT, FEAT_TYPE_UBIGINT, -1, NAN},
        {FEAT_TYPE_BIGINT, FEAT_TYPE_BOOLEAN, 2, 1},        {FEAT_TYPE_BOOLEAN, FEAT_TYPE_REAL, 1, 1},
        {FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT, 2.5, 2},       {FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT, -3.5, -4},
        {FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT, 0x1p63, NAN},  {FEAT_TYPE_DOUBLE, FEAT_TYPE_UBIGINT, 0x1p63, 0x1p63},
        {FEAT_TYPE_DOUBLE, FEAT_TYPE_UBIGINT, 0x1p64, NAN}, {FEAT_TYPE_DOUBLE, FEAT_TYPE_BIGINT, HUGE_VAL, NAN},
        {FEAT_TYPE_DOUBLE, FEAT_TYPE_REAL, 1e300, NAN},     {FEAT_TYPE_DOUBLE, FEAT_TYPE_REAL, HUGE_VAL, HUGE_VAL},
        {FEAT_TYPE_REAL, FEAT_TYPE_DOUBLE, -0.5, -0.5},     {FEAT_TYPE_DOUBLE, FEAT_TYPE_BOOLEAN, 0.5, 1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        feat_column c, back;
        feat_text made;
        feat_type from = FEAT_TYPE_LIST_OF(cases[i].from), to = FEAT_TYPE_VECTOR_OF(cases[i].to, 2);
        bool floating = cases[i].from == FEAT_TYPE_DOUBLE || cases[i].from == FEAT_TYPE_REAL;
        feat_column_init(&c, cases[i].from);
        feat_column_init(&back, cases[i].to);
        ck_assert_int_eq(floating ? feat_column_append_double(&c, cases[i].in)
                                  : feat_column_append_int(&c, (int64_t)cases[i].in),
                         0);
        ck_assert_int_eq(feat_column_append_null(&c), 0);
        bool can = feat_list_cast(&scratch, from, encoded(from, &c, 0, 2), to, &made);
        ck_assert_msg(can == !isnan(cases[i].out), "case %zu", i);
        if (can) {
            feat_error err;
            ck_assert_int_eq(feat_nested_decode(to, made.data, made.length, NULL, &back, &err), FEAT_OK);
            ck_assert(feat_column_is_null(&back, 1));
            double value = cases[i].to == FEAT_TYPE_DOUBLE || cases[i].to == FEAT_TYPE_REAL
                               ? feat_column_double(&back, 0)
                           : cases[i].to == FEAT_TYPE_UBIGINT ? (double)feat_column_wide(&back, 0)
                                                              : (double)feat_column_int(&back, 0);
            ck_assert_msg(value == cases[i].out, "case %zu: %g", i, value);
        }
        feat_column_done(&c);
        feat_column_done(&back);
    }
    ck_assert(!feat_list_converts(FEAT_TYPE_LIST_OF(FEAT_TYPE_TEXT), FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT)));
    ck_assert(!feat_list_converts(FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT), FEAT_TYPE_BIGINT));
    ck_assert(!feat_list_converts(FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 2), FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 3)));
}
END_TEST

static feat_text doubles(const double *values, size_t n) {
    feat_text text;
    char *room = feat_list_room(&scratch, FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE), n, &text);
    ck_assert_ptr_nonnull(room);
    if (n) memcpy(room, values, n * sizeof *values);
    return text;
}

START_TEST(test_searching) {
    const feat_type type = FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE);
    const double edges[] = {-HUGE_VAL, -1, 0.0, 2.5, HUGE_VAL, NAN}, none[] = {1, 1};
    const struct {
        double x;
        size_t place, rank;
    } cases[] = {{-HUGE_VAL, 0, 1}, {-2, 6, 1},  {-1, 1, 2},    {-0.0, 2, 3},
                 {2, 6, 3},         {2.5, 3, 4}, {1e308, 6, 4}, {NAN, 5, 6}};
    feat_nested_layout list, one;
    ck_assert(feat_list_read(type, doubles(edges, 6), &list));
    ck_assert(feat_list_ascends(&list));
    for (size_t i = 0; i < COUNT(cases); i++) {
        ck_assert(feat_list_read(type, doubles(&cases[i].x, 1), &one));
        ck_assert_uint_eq(feat_list_find(&list, &one), cases[i].place);
        ck_assert_uint_eq(feat_list_rank(&list, &one), cases[i].rank);
    }
    ck_assert(feat_list_read(type, doubles(none, 2), &list));
    ck_assert(!feat_list_ascends(&list));
    ck_assert(feat_list_read(type, doubles(none, 0), &list));
    ck_assert(feat_list_ascends(&list));
    ck_assert_uint_eq(feat_list_rank(&list, &one), 0);
    feat_text kept, bytes = doubles(edges, 3);
    const double zeros[] = {-0.0, 1.0, -0.0}, plain[] = {0.0, 1.0, 0.0};
    ck_assert(feat_list_read(type, bytes, &list));
    feat_list_without_negative_zero(&scratch, &list, bytes, &kept);
    ck_assert_ptr_eq(kept.data, bytes.data);
    bytes = doubles(zeros, 3);
    ck_assert(feat_list_read(type, bytes, &list));
    feat_list_without_negative_zero(&scratch, &list, bytes, &kept);
    assert_equal(kept, doubles(plain, 3));
    assert_equal(bytes, doubles(zeros, 3));
}
END_TEST

/* Whatever is done with damaged bytes stays within them; the sanitizer looks on. */
static void use(feat_type type, feat_text bytes, feat_type other) {
    feat_nested_layout list;
    feat_element e;
    feat_text made;
    feat_list_concat(&scratch, type, bytes, bytes, &made);
    feat_list_cast(&scratch, type, bytes, other, &made);
    if (!feat_list_read(type, bytes, &list)) return;
    for (size_t i = 0; i < list.n && i < 50; i++) feat_list_get(&list, i, &e);
    feat_list_find(&list, &list);
    feat_list_rank(&list, &list);
    feat_list_ascends(&list);
    feat_list_without_negative_zero(&scratch, &list, bytes, &made);
}

START_TEST(test_damage) {
    for (int round = 0; round < 4000; round++) {
        feat_type element = flat_types[random_below(COUNT(flat_types))];
        feat_column c;
        feat_column_init(&c, element);
        size_t n = 1 + random_below(6);
        for (size_t i = 0; i < n; i++) append_any(&c, random_below(2));
        feat_scratch_reset(&scratch);
        feat_text bytes = encoded(FEAT_TYPE_LIST_OF(element), &c, 0, n);
        size_t size = random_below(2) ? bytes.length : random_below(bytes.length + 1);
        char *exact = malloc(size ? size : 1);
        memcpy(exact, bytes.data, size);
        for (size_t k = random_below(4); k > 0 && size > 0; k--)
            exact[random_below(size)] ^= (char)(1 << random_below(8));
        feat_type other = flat_types[random_below(COUNT(flat_types))];
        use(FEAT_TYPE_LIST_OF(element), (feat_text){exact, size}, FEAT_TYPE_LIST_OF(other));
        use(FEAT_TYPE_LIST_OF(other), (feat_text){exact, size}, FEAT_TYPE_VECTOR_OF(element, n));
        use(FEAT_TYPE_VECTOR_OF(element, n), (feat_text){exact, size}, FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE));
        use((feat_type)random_bits(), (feat_text){exact, size}, (feat_type)random_bits());
        use(FEAT_TYPE_MAP_OF(FEAT_TYPE_TEXT, FEAT_TYPE_BIGINT), (feat_text){exact, size}, element);
        free(exact);
        feat_column_done(&c);
    }
}
END_TEST

static void init(void) { feat_scratch_init(&scratch); }
static void done(void) {
    ck_assert(!scratch.failed);
    feat_scratch_done(&scratch);
}

int main(void) {
    Suite *suite = suite_create("column/list");
    TCase *tests = tcase_create("list");
    tcase_set_timeout(tests, 0);
    tcase_add_checked_fixture(tests, init, done);
    tcase_add_test(tests, test_reading_and_making);
    tcase_add_test(tests, test_conversions);
    tcase_add_test(tests, test_searching);
    tcase_add_test(tests, test_damage);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
