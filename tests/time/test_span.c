/* Buckets, whole units and times of a day; compared with DuckDB at random by tests/python/test_functions_time.py. Here
 * are the ends of the ranges. */
#include "time/span.h"

#include <check.h>
#include <math.h>

#include "base/clock.h"

START_TEST(test_bucket) {
    int64_t out = 0;
    ck_assert(feat_time_bucket(0, 7, 0, FEAT_BUCKET_ORIGIN - 1, FEAT_BUCKET_ORIGIN, &out));
    ck_assert_int_eq(out, FEAT_BUCKET_ORIGIN - 7 * FEAT_US_PER_DAY);
    ck_assert(feat_time_bucket(0, 0, 1, INT64_MIN / 2, 0, &out) && out == INT64_MIN / 2);
    ck_assert(!feat_time_bucket(0, 0, 0, 0, 0, &out));
    ck_assert(!feat_time_bucket(0, -1, 0, 0, 0, &out));
    ck_assert(!feat_time_bucket(-1, 0, 0, 0, 0, &out));
    ck_assert(!feat_time_bucket(1, 1, 0, 0, 0, &out));
    ck_assert(!feat_time_bucket(1, 0, 1, 0, 0, &out));
    ck_assert(!feat_time_bucket(0, INT32_MIN, INT64_MIN, 0, 0, &out));
    ck_assert(!feat_time_bucket(0, INT32_MAX, INT64_MAX, 0, 0, &out));
    ck_assert(!feat_time_bucket(0, 1, 0, INT64_MIN, 1, &out));     /* further from the origin than 64 bits */
    ck_assert(!feat_time_bucket(0, 1, 0, INT64_MIN + 1, 0, &out)); /* the bucket starts before the range */
    ck_assert(!feat_time_bucket(1, 0, 0, INT64_MIN, FEAT_BUCKET_ORIGIN, &out));
    ck_assert(feat_time_bucket(INT32_MAX, 0, 0, FEAT_BUCKET_ORIGIN, FEAT_BUCKET_ORIGIN, &out));
    ck_assert(!feat_time_bucket(INT32_MAX, 0, 0, FEAT_BUCKET_ORIGIN - 3 * FEAT_US_PER_DAY, FEAT_BUCKET_ORIGIN, &out));
}
END_TEST

START_TEST(test_whole) {
    ck_assert_int_eq(feat_part_whole_between(INT64_MIN, INT64_MAX, FEAT_PART_MICROSECOND), INT64_MAX);
    ck_assert_int_eq(feat_part_whole_between(INT64_MAX, INT64_MIN, FEAT_PART_MICROSECOND), INT64_MIN);
    ck_assert_int_eq(feat_part_whole_between(INT64_MIN, INT64_MAX, FEAT_PART_SECOND), INT64_C(18446744073709));
    ck_assert_int_eq(feat_part_whole_between(INT64_MIN, INT64_MAX, FEAT_PART_YEAR), 584554);
    ck_assert_int_eq(feat_part_whole_between(INT64_MAX, INT64_MIN, FEAT_PART_YEAR), -584554);
    for (int part = FEAT_PART_MICROSECOND; part <= FEAT_PART_MILLENNIUM; part++)
        ck_assert_int_eq(feat_part_whole_between(INT64_MIN, INT64_MIN, (feat_part)part), 0);
}
END_TEST

START_TEST(test_numbers) {
    int64_t us = 0;
    ck_assert(feat_make_time(24, 0, 0.0, &us) && us == FEAT_US_PER_DAY);
    ck_assert(feat_make_time(23, 59, 60.5, &us) && us == FEAT_US_PER_DAY + 500000);
    ck_assert(feat_make_time(0, 0, 0.0000005, &us) && us == 1);
    ck_assert(feat_make_time(0, 0, -0.0000001, &us) && us == 0);
    ck_assert(!feat_make_time(0, 0, -0.000001, &us));
    ck_assert(!feat_make_time(0, 0, (double)NAN, &us));
    ck_assert(!feat_make_time(0, 0, (double)INFINITY, &us));
    ck_assert(!feat_make_time(0, 0, 61.0, &us));
    ck_assert(!feat_make_time(INT64_MAX, 0, 0.0, &us) && !feat_make_time(INT64_MIN, 0, 0.0, &us));
    ck_assert(!feat_make_time(0, INT64_MAX, 0.0, &us) && !feat_make_time(24, 1, 0.0, &us));
    ck_assert(feat_time_of_seconds(0.0000025, &us) && us == 2);
    ck_assert(feat_time_of_seconds(-0.0000015, &us) && us == -2);
    ck_assert(feat_time_of_seconds(-9223372036854.775, &us) && us < 0);
    ck_assert(!feat_time_of_seconds(9223372036854.776, &us));
    ck_assert(!feat_time_of_seconds((double)NAN, &us) && !feat_time_of_seconds(-(double)INFINITY, &us));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("time/span");
    TCase *tc = tcase_create("span");
    tcase_add_test(tc, test_bucket);
    tcase_add_test(tc, test_whole);
    tcase_add_test(tc, test_numbers);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
