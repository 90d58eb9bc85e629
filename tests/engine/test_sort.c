/* The sort of ingest against a naive one, over random tables with many ties. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/ingest.h"
#include "store/order.h"

static uint64_t state = 88172645463325252u;

static uint64_t random_bits(void) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t below(uint64_t n) { return random_bits() % n; }

enum { MAX_COLUMNS = 4 };

/* A value of one of `distinct` kinds, so that ties of every length come up. */
static void append_random(feat_column *c, size_t distinct) {
    static const double reals[] = {0.0, -0.0, 1.5, -1.5, 1e300, -1e300, 5e-324, 0.1};
    static const char *const texts[] = {"",          "a",        "ab", "abcdefg",  "abcdefgh",
                                        "abcdefghi", "abcdefgz", "b",  "\xc3\xa9", "abcdef"};
    static const char zeros[] = "abc\0\0\0\0\0\0";
    uint64_t pick = below(distinct);
    int failed = 0;
    if (below(8) == 0) failed = feat_column_append_null(c);
    else if (c->type == FEAT_TYPE_DOUBLE)
        failed = feat_column_append_double(c, pick < 8 ? reals[pick] : (double)(int64_t)random_bits());
    else if (c->type == FEAT_TYPE_TEXT && below(4) == 0) failed = feat_column_append_text(c, zeros, 3 + below(6));
    else if (c->type == FEAT_TYPE_TEXT) failed = feat_column_append_text(c, texts[pick % 10], strlen(texts[pick % 10]));
    else if (c->type == FEAT_TYPE_BOOLEAN) failed = feat_column_append_int(c, (int64_t)below(2));
    else if (c->type == FEAT_TYPE_DATE) failed = feat_column_append_int(c, (int64_t)pick - 3);
    else failed = feat_column_append_int(c, pick < 4 ? (int64_t)pick - 2 : (int64_t)random_bits() >> below(64));
    ck_assert_int_eq(failed, 0);
}

static const feat_batch *sorted_batch; /* qsort has no context */
static size_t sorted_columns;

static int compare_rows(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    for (size_t i = 0; i < sorted_columns; i++) {
        const feat_column *c = &sorted_batch->columns[i];
        int order = feat_column_compare(c, x, c, y);
        if (order != 0) return order;
    }
    return (x > y) - (x < y);
}

static void check_sort(const feat_type *types, size_t n_columns, size_t n, size_t distinct) {
    feat_batch rows;
    uint32_t columns[MAX_COLUMNS];
    ck_assert_int_eq(feat_batch_init(&rows, types, n_columns, NULL), FEAT_OK);
    for (size_t i = 0; i < n_columns; i++) {
        columns[i] = (uint32_t)i;
        for (size_t row = 0; row < n; row++) append_random(&rows.columns[i], distinct);
    }
    rows.length = n;
    feat_sort_item *items = malloc((n + 1) * sizeof *items);
    uint32_t *expected = malloc((n + 1) * sizeof *expected);
    for (size_t i = 0; i < n; i++) expected[i] = items[i].row = (uint32_t)i;
    sorted_batch = &rows;
    sorted_columns = n_columns;
    qsort(expected, n, sizeof *expected, compare_rows);
    ck_assert_int_eq(feat_sort_rows(&rows, columns, n_columns, items, n, NULL), FEAT_OK);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(items[i].row == expected[i], "%zu rows, %zu columns: row %u at %zu, not %u", n, n_columns,
                      items[i].row, i, expected[i]);
    free(items);
    free(expected);
    feat_batch_done(&rows);
}

START_TEST(test_sort_rows) {
    static const size_t lengths[] = {0, 1, 2, 3, 23, 24, 25, 100, 1023, 1025, 5000};
    static const size_t distinct[] = {1, 2, 10, 1000};
    static const feat_type types[] = {FEAT_TYPE_BIGINT,  FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE,
                                      FEAT_TYPE_BOOLEAN, FEAT_TYPE_DATE, FEAT_TYPE_TIMESTAMP};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t d = 0; d < sizeof distinct / sizeof *distinct; d++)
            for (int round = 0; round < 8; round++) {
                feat_type chosen[MAX_COLUMNS];
                size_t n = 1 + below(MAX_COLUMNS);
                for (size_t i = 0; i < n; i++) chosen[i] = types[below(6)];
                check_sort(chosen, n, lengths[l], distinct[d]);
            }
}
END_TEST

START_TEST(test_sort_keys_is_stable) {
    static const size_t lengths[] = {0, 1, 24, 25, 1024, 1025, 70000};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (unsigned shift = 0; shift < 64; shift += 9) {
            size_t n = lengths[l];
            feat_sort_item *items = malloc((2 * n + 1) * sizeof *items);
            for (size_t i = 0; i < n; i++) items[i] = (feat_sort_item){random_bits() >> shift, (uint32_t)i};
            feat_sort_keys(items, items + n, n);
            for (size_t i = 1; i < n; i++)
                ck_assert(items[i - 1].key < items[i].key ||
                          (items[i - 1].key == items[i].key && items[i - 1].row < items[i].row));
            free(items);
        }
}
END_TEST

START_TEST(test_table_order) {
    uint32_t key[] = {3, 1}, unique[] = {1, 4}, order[6];
    feat_schema table = {.n_fields = 6, .key = key, .n_key = 2, .time = 5, .unique = unique, .n_unique = 2};
    static const uint32_t expected[] = {3, 1, 5, 4, 0, 2};
    feat_table_order(&table, order);
    ck_assert_mem_eq(order, expected, sizeof expected);
}
END_TEST

START_TEST(test_sort_without_memory) {
    feat_batch rows;
    feat_type type = FEAT_TYPE_BIGINT;
    uint32_t column = 0;
    feat_sort_item items[2] = {{0, 0}, {0, 1}};
    ck_assert_int_eq(feat_batch_init(&rows, &type, 1, NULL), FEAT_OK);
    feat_column_append_int(&rows.columns[0], 2);
    feat_column_append_int(&rows.columns[0], 1);
    rows.length = 2;
    for (int64_t at = 1; at <= 2; at++) {
        feat_alloc_fail_after(at);
        ck_assert_int_eq(feat_sort_rows(&rows, &column, 1, items, 2, NULL), FEAT_MEMORY);
        feat_alloc_fail_after(0);
        ck_assert_uint_eq(items[0].row, 0);
    }
    ck_assert_int_eq(feat_sort_rows(&rows, &column, 1, items, 2, NULL), FEAT_OK);
    ck_assert_uint_eq(items[0].row, 1);
    feat_batch_done(&rows);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sort");
    TCase *tests = tcase_create("sort");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_sort_rows);
    tcase_add_test(tests, test_sort_keys_is_stable);
    tcase_add_test(tests, test_table_order);
    tcase_add_test(tests, test_sort_without_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
