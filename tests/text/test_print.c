#include "text/print.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/decimal.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void check_text(const char *got, size_t length, const char *wanted) {
    ck_assert_uint_le(length, FEAT_PRINT_SIZE);
    ck_assert_msg(length == strlen(wanted) && memcmp(got, wanted, length) == 0, "'%.*s', not '%s'", (int)length, got,
                  wanted);
}

START_TEST(test_integers) {
    char text[FEAT_PRINT_SIZE];
    check_text(text, feat_print_integer(0, text), "0");
    check_text(text, feat_print_integer(-1, text), "-1");
    check_text(text, feat_print_integer(10, text), "10");
    check_text(text, feat_print_integer(99, text), "99");
    check_text(text, feat_print_integer(INT64_MAX, text), "9223372036854775807");
    check_text(text, feat_print_integer(INT64_MIN, text), "-9223372036854775808");
}
END_TEST

START_TEST(test_decimals) {
    static const struct {
        const char *units;
        int precision, scale;
        const char *text;
    } cases[] = {
        {"0", 4, 0, "0"},
        {"0", 4, 2, "0.00"},
        {"0", 4, 4, ".0000"},
        {"-5", 2, 2, "-.05"},
        {"-5", 3, 2, "-0.05"},
        {"12345", 9, 2, "123.45"},
        {"18446744073709551615", 20, 0, "18446744073709551615"},
        {"18446744073709551616", 38, 0, "18446744073709551616"},
        {"18446744073709551616", 38, 37, "0.0000000000000000018446744073709551616"},
        {"18446744073709551616", 38, 38, ".00000000000000000018446744073709551616"},
        {"-99999999999999999999999999999999999999", 38, 0, "-99999999999999999999999999999999999999"},
        {"-99999999999999999999999999999999999999", 38, 38, "-.99999999999999999999999999999999999999"},
        {"10000000000000000000000000000000000000", 38, 19, "1000000000000000000.0000000000000000000"},
        {"10000000000000000000", 38, 10, "1000000000.0000000000"},
    };
    char text[FEAT_PRINT_SIZE];
    for (size_t i = 0; i < COUNT(cases); i++) {
        feat_int128 units;
        ck_assert(feat_decimal_parse(cases[i].units, strlen(cases[i].units), 0, &units) == FEAT_NUMBER_OK);
        check_text(text, feat_print_decimal(units, cases[i].precision, cases[i].scale, text), cases[i].text);
    }
    /* More digits than a DECIMAL has: what a register may hold beside an error. */
    feat_int128 most = (feat_int128)(~(feat_uint128)0 >> 1);
    check_text(text, feat_print_decimal(most, 38, 0, text), "170141183460469231731687303715884105727");
    check_text(text, feat_print_decimal(-most - 1, 38, 2, text), "-1701411834604692317316873037158841057.28");
}
END_TEST

START_TEST(test_floats) {
    static const struct {
        double value;
        const char *text;
    } doubles[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-2.5, "-2.5"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e15, "1000000000000000.0"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e16, "1e+16"},
        {1.5e16, "1.5e+16"},
        {123456789012345680.0, "1.2345678901234568e+17"},
        {1e100, "1e+100"},
        {0.0001, "0.0001"},
        {0.00001, "1e-05"},
        {1.5e-7, "1.5e-07"},
        {0x1p-1074, "5e-324"},
        {-DBL_MAX, "-1.7976931348623157e+308"},
        {INFINITY, "inf"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
        {-NAN, "nan"},
    };
    static const struct {
        float value;
        const char *text;
    } reals[] = {
        {0.0F, "0.0"},
        {-0.0F, "-0.0"},
        {0.1F, "0.1"},
        {16777216.0F, "16777216.0"},
        {1e10F, "10000000000.0"},
        {1e16F, "1e+16"},
        {FLT_MAX, "3.4028235e+38"},
        {0x1p-149F, "1e-45"},
        {FLT_MIN, "1.1754944e-38"},
        {1.0F / 3, "0.33333334"},
        {-INFINITY, "-inf"},
        {NAN, "nan"},
    };
    char text[FEAT_PRINT_SIZE];
    for (size_t i = 0; i < COUNT(doubles); i++)
        check_text(text, feat_print_double(doubles[i].value, text), doubles[i].text);
    for (size_t i = 0; i < COUNT(reals); i++) check_text(text, feat_print_real(reals[i].value, text), reals[i].text);
}
END_TEST

START_TEST(test_times) {
    char text[FEAT_PRINT_SIZE];
    check_text(text, feat_print_date(0, text), "1970-01-01");
    check_text(text, feat_print_date(19782, text), "2024-02-29");
    check_text(text, feat_print_date(-719162, text), "0001-01-01");
    check_text(text, feat_print_date(-719163, text), "0001-12-31 (BC)");
    check_text(text, feat_print_date(INT32_MAX - 1, text), "5881580-07-10");
    check_text(text, feat_print_date(-INT32_MAX + 1, text), "5877642-06-25 (BC)");
    check_text(text, feat_print_timestamp(0, text), "1970-01-01 00:00:00");
    check_text(text, feat_print_timestamp(-1, text), "1969-12-31 23:59:59.999999");
    check_text(text, feat_print_timestamp(1709210730120000, text), "2024-02-29 12:45:30.12");
    check_text(text, feat_print_timestamp(-62135596800000001, text), "0001-12-31 (BC) 23:59:59.999999");
    check_text(text, feat_print_timestamp(INT64_MAX, text), "294247-01-10 04:00:54.775807");
    check_text(text, feat_print_timestamp(INT64_MIN, text), "290309-12-21 (BC) 19:59:05.224192");
    check_text(text, feat_print_interval(0, 0, 0, text), "00:00:00");
    check_text(text, feat_print_interval(14, -1, 5400500000, text), "1 year 2 months -1 day 01:30:00.5");
    check_text(text, feat_print_interval(-14, 2, 0, text), "-1 year -2 months 2 days");
    check_text(text, feat_print_interval(0, 0, -500000, text), "-00:00:00.5");
    check_text(text, feat_print_interval(INT32_MIN, INT32_MIN, INT64_MIN, text),
               "-178956970 years -8 months -2147483648 days -2562047788:00:54.775808");
}
END_TEST

static feat_text text_of(const char *text) { return (feat_text){text, strlen(text)}; }

START_TEST(test_bytes) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    char all[256], *copy;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    feat_text printed = feat_print_blob(&scratch, (feat_text){all, sizeof all}), back;
    ck_assert(feat_read_blob(&scratch, printed, &back));
    ck_assert(back.length == sizeof all && memcmp(back.data, all, sizeof all) == 0);
    printed = feat_print_blob(&scratch, (feat_text){"a\0\"'\\\x7f ~\xff", 9});
    check_text(printed.data, printed.length, "a\\x00\\x22\\x27\\x5C\\x7F ~\\xFF");
    ck_assert(feat_print_blob(&scratch, text_of("plain")).length == 5);
    ck_assert(feat_print_blob(&scratch, (feat_text){NULL, 0}).length == 0);
    static const char *const wrong[] = {"\\", "\\x", "\\x0", "\\xg0", "\\x0g", "\\X00", "a\\n", "\xc3\xa9", "\\x00\\"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        /* Its own memory, so that a read behind the end is seen. */
        copy = malloc(strlen(wrong[i]));
        memcpy(copy, wrong[i], strlen(wrong[i]));
        ck_assert_msg(!feat_read_blob(&scratch, (feat_text){copy, strlen(wrong[i])}, &back), "%s", wrong[i]);
        free(copy);
    }
    ck_assert(feat_read_blob(&scratch, text_of("'\"~"), &back) && back.length == 3);
    ck_assert(feat_read_blob(&scratch, text_of("\\x5c\\xaB"), &back) && memcmp(back.data, "\\\xab", 2) == 0);
    ck_assert(feat_read_blob(&scratch, (feat_text){NULL, 0}, &back) && back.length == 0);
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("text/print");
    TCase *tests = tcase_create("print");
    tcase_add_test(tests, test_integers);
    tcase_add_test(tests, test_decimals);
    tcase_add_test(tests, test_floats);
    tcase_add_test(tests, test_times);
    tcase_add_test(tests, test_bytes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
