#include "math/number.h"

#include <check.h>
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "random.h"

#define COUNT(a)         (sizeof(a) / sizeof *(a))
#define NAN_WITH_PAYLOAD feat_double_of_bits(UINT64_C(0xfff0000000000123))

/* ---- reading -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    feat_number_result result;
    double value;
} doubles[] = {
    {"0", FEAT_NUMBER_OK, 0.0},
    {"-0", FEAT_NUMBER_OK, -0.0},
    {"+1", FEAT_NUMBER_OK, 1.0},
    {"1.", FEAT_NUMBER_OK, 1.0},
    {".5", FEAT_NUMBER_OK, 0.5},
    {"-.5e1", FEAT_NUMBER_OK, -5.0},
    {"0000.000100", FEAT_NUMBER_OK, 0.0001},
    {"1e3", FEAT_NUMBER_OK, 1000.0},
    {"1E+3", FEAT_NUMBER_OK, 1000.0},
    {"1e-3", FEAT_NUMBER_OK, 0.001},
    {"1e0003", FEAT_NUMBER_OK, 1000.0},
    {"0.1", FEAT_NUMBER_OK, 0.1},
    {"123456789012345678", FEAT_NUMBER_OK, 123456789012345678.0},
    {"9007199254740993", FEAT_NUMBER_OK, 9007199254740992.0},
    {"9007199254740993.00000000000000000000000001", FEAT_NUMBER_OK, 9007199254740994.0},
    {"9007199254740992.99999999999999999999999999", FEAT_NUMBER_OK, 9007199254740992.0},
    {"1.7976931348623157e308", FEAT_NUMBER_OK, DBL_MAX},
    {"1.7976931348623158e308", FEAT_NUMBER_OK, DBL_MAX},
    {"1.7976931348623159e308", FEAT_NUMBER_TOO_LARGE, 0},
    {"-1e309", FEAT_NUMBER_TOO_LARGE, 0},
    {"1e99999999999999999999999", FEAT_NUMBER_TOO_LARGE, 0},
    {"1e9223372036854775807", FEAT_NUMBER_TOO_LARGE, 0},
    {"0e99999999999999999999999", FEAT_NUMBER_OK, 0.0},
    {"-1e-99999999999999999999999", FEAT_NUMBER_OK, -0.0},
    {"5e-324", FEAT_NUMBER_OK, 0x1p-1074},
    {"2.5e-324", FEAT_NUMBER_OK, 0x1p-1074},
    {"2.4e-324", FEAT_NUMBER_OK, 0.0},
    {"2.2250738585072011e-308", FEAT_NUMBER_OK, 0x0.fffffffffffffp-1022},
    {"2.2250738585072014e-308", FEAT_NUMBER_OK, DBL_MIN},
    {"1e22", FEAT_NUMBER_OK, 1e22},
    {"1e23", FEAT_NUMBER_OK, 1e23},
    {"", FEAT_NUMBER_MALFORMED, 0},
    {"+", FEAT_NUMBER_MALFORMED, 0},
    {".", FEAT_NUMBER_MALFORMED, 0},
    {"-.", FEAT_NUMBER_MALFORMED, 0},
    {"1..2", FEAT_NUMBER_MALFORMED, 0},
    {"1.2.3", FEAT_NUMBER_MALFORMED, 0},
    {"1,5", FEAT_NUMBER_MALFORMED, 0},
    {"e5", FEAT_NUMBER_MALFORMED, 0},
    {".e5", FEAT_NUMBER_MALFORMED, 0},
    {"1e", FEAT_NUMBER_MALFORMED, 0},
    {"1e+", FEAT_NUMBER_MALFORMED, 0},
    {"1e5.", FEAT_NUMBER_MALFORMED, 0},
    {"1e5e5", FEAT_NUMBER_MALFORMED, 0},
    {"--1", FEAT_NUMBER_MALFORMED, 0},
    {" 1", FEAT_NUMBER_MALFORMED, 0},
    {"1 ", FEAT_NUMBER_MALFORMED, 0},
    {"0x10", FEAT_NUMBER_MALFORMED, 0},
    {"1p3", FEAT_NUMBER_MALFORMED, 0},
    {"inf", FEAT_NUMBER_MALFORMED, 0},
    {"-infinity", FEAT_NUMBER_MALFORMED, 0},
    {"nan", FEAT_NUMBER_MALFORMED, 0},
    {"1_000", FEAT_NUMBER_MALFORMED, 0},
    {"1f", FEAT_NUMBER_MALFORMED, 0},
};

static void check_doubles(void) {
    for (size_t i = 0; i < COUNT(doubles); i++) {
        const char *text = doubles[i].text;
        bool ok = doubles[i].result == FEAT_NUMBER_OK;
        double value = 42.0, wanted = ok ? doubles[i].value : 42.0;
        errno = 0;
        ck_assert_msg(feat_number_parse_double(text, strlen(text), &value) == doubles[i].result, "'%s'", text);
        ck_assert_msg(feat_double_bits(value) == feat_double_bits(wanted), "'%s' gave %a", text, value);
        ck_assert_int_eq(errno, 0);
        /* What stands behind the given length is not read. */
        char *longer = malloc(strlen(text) + 2);
        strcpy(longer, text);
        strcat(longer, "7");
        ck_assert(feat_number_parse_double(longer, strlen(text), &value) == doubles[i].result);
        ck_assert(feat_double_bits(value) == feat_double_bits(wanted));
        free(longer);
    }
    double value = 42.0;
    ck_assert(feat_number_parse_double("1\0002", 3, &value) == FEAT_NUMBER_MALFORMED && value == 42.0);
}

START_TEST(test_parse_double) { check_doubles(); }
END_TEST

START_TEST(test_long_texts) {
    enum { LENGTH = 200000 };
    char *text = malloc(LENGTH + 32);
    double value;
    /* 0.000...0001e+<n> and 1000...000e-<n> are 1. */
    memset(text, '0', LENGTH);
    text[1] = '.';
    text[LENGTH - 1] = '1';
    size_t n = LENGTH + (size_t)sprintf(text + LENGTH, "e%d", LENGTH - 2);
    ck_assert(feat_number_parse_double(text, n, &value) == FEAT_NUMBER_OK && value == 1.0);
    ck_assert(feat_number_parse_double(text, LENGTH, &value) == FEAT_NUMBER_OK && value == 0.0);
    memset(text, '0', LENGTH);
    text[0] = '1';
    n = LENGTH + (size_t)sprintf(text + LENGTH, "e-%d", LENGTH - 1);
    ck_assert(feat_number_parse_double(text, n, &value) == FEAT_NUMBER_OK && value == 1.0);
    ck_assert(feat_number_parse_double(text, LENGTH, &value) == FEAT_NUMBER_TOO_LARGE);
    /* A tie that the last of many digits breaks. */
    memset(text, '0', LENGTH);
    memcpy(text, "9007199254740993.", 17);
    ck_assert(feat_number_parse_double(text, LENGTH, &value) == FEAT_NUMBER_OK && value == 9007199254740992.0);
    text[LENGTH - 1] = '1';
    ck_assert(feat_number_parse_double(text, LENGTH, &value) == FEAT_NUMBER_OK && value == 9007199254740994.0);
    free(text);
}
END_TEST

static const struct {
    const char *text;
    feat_number_result result;
    int64_t value;
} integers[] = {
    {"0", FEAT_NUMBER_OK, 0},
    {"-0", FEAT_NUMBER_OK, 0},
    {"+17", FEAT_NUMBER_OK, 17},
    {"-17", FEAT_NUMBER_OK, -17},
    {"000000000000000000000000000012", FEAT_NUMBER_OK, 12},
    {"9223372036854775807", FEAT_NUMBER_OK, INT64_MAX},
    {"9223372036854775808", FEAT_NUMBER_TOO_LARGE, 0},
    {"-9223372036854775808", FEAT_NUMBER_OK, INT64_MIN},
    {"-9223372036854775809", FEAT_NUMBER_TOO_LARGE, 0},
    {"18446744073709551617", FEAT_NUMBER_TOO_LARGE, 0},
    {"99999999999999999999999999999999", FEAT_NUMBER_TOO_LARGE, 0},
    {"99999999999999999999999999999999x", FEAT_NUMBER_MALFORMED, 0},
    {"", FEAT_NUMBER_MALFORMED, 0},
    {"-", FEAT_NUMBER_MALFORMED, 0},
    {"+-1", FEAT_NUMBER_MALFORMED, 0},
    {"1.0", FEAT_NUMBER_MALFORMED, 0},
    {"1e3", FEAT_NUMBER_MALFORMED, 0},
    {" 1", FEAT_NUMBER_MALFORMED, 0},
    {"0x1", FEAT_NUMBER_MALFORMED, 0},
};

START_TEST(test_parse_int64) {
    for (size_t i = 0; i < COUNT(integers); i++) {
        const char *text = integers[i].text;
        int64_t value = 42;
        ck_assert_msg(feat_number_parse_int64(text, strlen(text), &value) == integers[i].result, "'%s'", text);
        ck_assert_msg(value == (integers[i].result == FEAT_NUMBER_OK ? integers[i].value : 42), "'%s'", text);
    }
}
END_TEST

/* ---- writing -------------------------------------------------------------------------------------------------- */

static const struct {
    double value;
    const char *text;
} texts[] = {
    {0.0, "0.0"},
    {-0.0, "-0.0"},
    {1.0, "1.0"},
    {-1.5, "-1.5"},
    {100.0, "100.0"},
    {0.1, "0.1"},
    {0.1 + 0.2, "0.30000000000000004"},
    {1.0 / 3, "0.3333333333333333"},
    {123456.789, "123456.789"},
    {0.0001, "0.0001"},
    {0.00012345, "0.00012345"},
    {0.00001, "1e-5"},
    {1.5e-7, "1.5e-7"},
    {999999999999999.0, "999999999999999.0"},
    {1e15, "1000000000000000.0"},
    {1234567890123456.0, "1234567890123456.0"},
    {9007199254740992.0, "9007199254740992.0"},
    {9007199254740994.0, "9007199254740994.0"},
    {1e16, "1e16"},
    {12345678901234567890.0, "1.2345678901234567e19"},
    {1e22, "1e22"},
    {1e23, "1e23"},
    {1e300, "1e300"},
    {DBL_MAX, "1.7976931348623157e308"},
    {-DBL_MAX, "-1.7976931348623157e308"},
    {DBL_MIN, "2.2250738585072014e-308"},
    {0x1p-1074, "5e-324"},
    {0x1p-1073, "1e-323"},
    {0x1p-1072, "2e-323"},
    {0x0.fffffffffffffp-1022, "2.225073858507201e-308"},
    {0x1p-44, "5.684341886080802e-14"}, /* needs the next above the nearest */
    {0x1p89, "6.189700196426902e26"},
    {9.5367431640625e-07, "9.5367431640625e-7"},
    {INFINITY, "inf"},
    {-INFINITY, "-inf"},
    {NAN, "nan"},
    {-NAN, "nan"},
};

static void check_texts(void) {
    for (size_t i = 0; i < COUNT(texts); i++) {
        char text[FEAT_NUMBER_TEXT_SIZE];
        size_t n = feat_number_format_double(texts[i].value, text);
        ck_assert_str_eq(text, texts[i].text);
        ck_assert_uint_eq(n, strlen(text));
    }
}

START_TEST(test_format) { check_texts(); }
END_TEST

static int significant_digits(const char *text) {
    int all = 0, trailing = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (all == 0 && *text == '0')) continue;
        all++;
        trailing = *text == '0' ? trailing + 1 : 0;
    }
    return all - trailing;
}

/* Whether a decimal of `count` digits reads back to `value`: if any does, the nearest or one beside it does. */
static bool can_be_written(double value, int count) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    if (strtod(text, NULL) == value) return true;
    char digits[32];
    int n = 0;
    for (const char *at = text; *at != 'e'; at++)
        if (*at >= '0' && *at <= '9') digits[n++] = *at;
    digits[n] = 0;
    long long whole = atoll(digits);
    int exponent = atoi(strchr(text, 'e') + 1) - (count - 1);
    for (int step = -1; step <= 1; step += 2) {
        snprintf(text, sizeof text, "%llde%d", whole + step, exponent);
        if (strtod(text, NULL) == value) return true;
    }
    return false;
}

START_TEST(test_format_is_shortest_and_reads_back) {
    random_state r = {29};
    for (unsigned round = 0; round < 60000; round++) {
        double value;
        random_values(&r, round % 8, &value, 1);
        if (round % 5 == 0) value = feat_double_of_bits(random_below(&r, 2047) << 52);
        if (round % 7 == 0) value = (double)(int64_t)random_below(&r, 1000000) / 1000.0;
        char text[FEAT_NUMBER_TEXT_SIZE];
        size_t n = feat_number_format_double(value, text);
        ck_assert(n == strlen(text) && n < sizeof text);
        ck_assert_msg(strpbrk(text, ".e"), "%s", text);
        double back;
        ck_assert(feat_number_parse_double(text, n, &back) == FEAT_NUMBER_OK);
        ck_assert_msg(feat_double_bits(back) == feat_double_bits(value), "%a printed as %s", value, text);
        ck_assert_msg(feat_double_bits(strtod(text, NULL)) == feat_double_bits(value), "%a printed as %s", value, text);
        int digits = significant_digits(text);
        if (digits > 1) ck_assert_msg(!can_be_written(fabs(value), digits - 1), "%s is not the shortest", text);
    }
}
END_TEST

/* The host's locale has a decimal comma: nothing may change. Passes over when the system has no such locale. */
START_TEST(test_locale) {
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "de_DE",
                                        "fr_FR.UTF-8", "ps_AF.UTF-8", "fa_IR.UTF-8"};
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!setlocale(LC_ALL, names[i])) continue;
        check_doubles();
        check_texts();
    }
    setlocale(LC_ALL, "C");
}
END_TEST

/* ---- order ---------------------------------------------------------------------------------------------------- */

START_TEST(test_order) {
    const double ascending[] = {-INFINITY, -DBL_MAX, -1.5, -1.0, -DBL_MIN, -0x1p-1074, -0.0, 0.0,
                                0x1p-1074, DBL_MIN,  1.0,  1.5,  DBL_MAX,  INFINITY,   NAN};
    for (size_t i = 0; i < COUNT(ascending); i++) {
        for (size_t j = 0; j < COUNT(ascending); j++) {
            int wanted = (i > j) - (i < j);
            ck_assert_int_eq(feat_double_order(ascending[i], ascending[j]), wanted);
            uint64_t x = feat_double_key(ascending[i]), y = feat_double_key(ascending[j]);
            ck_assert_int_eq((x > y) - (x < y), wanted);
        }
    }
    ck_assert_int_eq(feat_double_order(NAN, -NAN), 0);
    ck_assert_int_eq(feat_double_order(NAN_WITH_PAYLOAD, INFINITY), 1);
    ck_assert(feat_double_key(NAN_WITH_PAYLOAD) == feat_double_key(NAN));
    random_state r = {31};
    for (unsigned round = 0; round < 100000; round++) {
        double a = random_double(&r, 0, 2047), b = random_double(&r, 0, 2047);
        if (a == b) continue;
        ck_assert_int_eq(feat_double_order(a, b), a < b ? -1 : 1);
    }
}
END_TEST

START_TEST(test_canonical) {
    ck_assert(feat_double_bits(feat_double_canonical(NAN_WITH_PAYLOAD)) == FEAT_NAN_BITS);
    ck_assert(feat_double_bits(feat_double_canonical(-NAN)) == FEAT_NAN_BITS);
    const double kept[] = {-INFINITY, -0.0, 0.0, 0x1p-1074, 1.0, INFINITY};
    for (size_t i = 0; i < COUNT(kept); i++)
        ck_assert(feat_double_bits(feat_double_canonical(kept[i])) == feat_double_bits(kept[i]));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("math/number");
    TCase *tc = tcase_create("number");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_parse_double);
    tcase_add_test(tc, test_long_texts);
    tcase_add_test(tc, test_parse_int64);
    tcase_add_test(tc, test_format);
    tcase_add_test(tc, test_format_is_shortest_and_reads_back);
    tcase_add_test(tc, test_locale);
    tcase_add_test(tc, test_order);
    tcase_add_test(tc, test_canonical);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
