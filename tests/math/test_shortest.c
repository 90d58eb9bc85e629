#include "math/shortest.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/number.h"
#include "random.h"

static float float_of_bits(uint32_t bits) {
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A decimal of `count` digits that reads back as the float lies nearest to it or next to the nearest. */
static bool float_can_be_written(float value, int count, double *nearest) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, (double)value);
    *nearest = strtod(text, NULL);
    if (strtof(text, NULL) == value) return true;
    char *end = strchr(text, 'e');
    int exponent = atoi(end + 1) - (count - 1);
    char digits[32];
    int n = 0;
    for (const char *at = text; at < end; at++)
        if (*at != '.') digits[n++] = *at;
    digits[n] = 0;
    for (int step = -1; step <= 1; step += 2) {
        snprintf(text, sizeof text, "%llde%d", atoll(digits) + step, exponent);
        if (strtof(text, NULL) == value) return true;
    }
    return false;
}

static void check_real(float value) {
    char text[32];
    feat_shortest s = feat_shortest_real(value);
    size_t n = feat_put_shortest(text, s, true);
    ck_assert_uint_lt(n, 25);
    text[n] = 0;
    ck_assert(strpbrk(text, ".e"));
    ck_assert_msg(strtof(text, NULL) == value, "%a printed as %s", (double)value, text);
    float back = 0;
    ck_assert(feat_number_read_real(text, n, &back) == FEAT_NUMBER_OK && back == value);
    int count = feat_count_digits(s.digits);
    double nearest;
    if (count > 1) ck_assert_msg(!float_can_be_written(value, count - 1, &nearest), "%s is not the shortest", text);
    float_can_be_written(value, count, &nearest);
    if ((float)nearest == value)
        ck_assert_msg(fabs(nearest - (double)value) >= fabs(strtod(text, NULL) - (double)value), "%s", text);
}

START_TEST(test_reals) {
    for (uint32_t field = 0; field < 255; field++)
        for (uint32_t near = 0; near < 8; near++) {
            if (field + near > 0) check_real(float_of_bits(field << 23 | near));
            check_real(float_of_bits(field << 23 | (0x7fffff - near)));
        }
    random_state r = {31};
    for (int i = 0; i < 100000; i++) {
        uint32_t bits = (uint32_t)random_below(&r, 0x7f7fffff) + 1;
        check_real(float_of_bits(i % 5 ? bits : bits & 0x7fffff ? bits & 0x7fffff : 1));
    }
}
END_TEST

/* ---- Reading, against the C library. ---- */

static void check_reading(const char *text) {
    double wanted = strtod(text, NULL), got = 0;
    feat_number_result result = feat_number_parse_double(text, strlen(text), &got);
    if (fabs(wanted) == HUGE_VAL) ck_assert_msg(result == FEAT_NUMBER_TOO_LARGE, "%s", text);
    else ck_assert_msg(result == FEAT_NUMBER_OK && feat_double_bits(got) == feat_double_bits(wanted), "%s", text);
    float narrow = strtof(text, NULL), real = 0;
    result = feat_number_read_real(text, strlen(text), &real);
    if (fabs((double)narrow) == HUGE_VAL) ck_assert_msg(result == FEAT_NUMBER_TOO_LARGE, "%s", text);
    else ck_assert_msg(result == FEAT_NUMBER_OK && memcmp(&real, &narrow, sizeof real) == 0, "%s as REAL", text);
}

START_TEST(test_reading) {
    static const char *const hard[] = {
        "9007199254740993",
        "9007199254740992.5",
        "1.00000005960464477539062500",
        "1.000000059604644775390625001",
        "7.2057594037927933e16",
        "3.4028235677973366e38",
        "3.4028235677973367e38",
        "3.402823567797336e38",
        "1.17549435e-38",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "2.2250738585072011e-308",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158079e308",
        "179769313486231580793e289",
        "0.000000000000000000000",
        "99999999999999999999999",
        "18446744073709551615",
        "18446744073709551616e-30",
        "8.5e-46",
        "16777217",
        "16777219",
        "0.1e-340",
        "10000000000000000000000000000000000000000e-345",
        "1e-342",
        "1e308",
    };
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) check_reading(hard[i]);
    random_state r = {37};
    char text[1200];
    for (int i = 0; i < 200000; i++) {
        uint64_t a = random_below(&r, UINT64_MAX), b = random_below(&r, UINT64_MAX);
        int exponent = (int)random_below(&r, 700) - 350;
        double value = feat_double_of_bits(a >> 1);
        if (!(value - value == 0.0)) value = 1.5;
        switch (i % 6) {
        case 0: snprintf(text, sizeof text, "%.17g", value); break;
        case 1: snprintf(text, sizeof text, "%.*e", (int)(b % 30), value); break;
        case 2:
            snprintf(text, sizeof text, "%llu%llue%d", (unsigned long long)a, (unsigned long long)b, exponent);
            break;
        case 3: /* just between two floats, or two doubles below 2^53, and next to it */
            snprintf(text, sizeof text, "%llu.%s", (unsigned long long)(a >> 12 | 1) + (1ull << 52),
                     i % 4 == 1 ? "5" : "5000000000000000000000001");
            break;
        case 4:
            snprintf(text, sizeof text, "%.70e", (double)float_of_bits((uint32_t)(a % 0x7f000000)) * (1 + 0x1p-24));
            break;
        default: snprintf(text, sizeof text, "%llue%d", (unsigned long long)(a >> b % 64), exponent);
        }
        check_reading(text);
    }
}
END_TEST

START_TEST(test_digits) {
    uint64_t power = 1;
    char text[32], wanted[32];
    for (int digits = 1; digits <= 20; digits++, power *= 10) {
        ck_assert_int_eq(feat_count_digits(power), digits);
        if (digits > 1) ck_assert_int_eq(feat_count_digits(power - 1), digits - 1);
        int n = snprintf(wanted, sizeof wanted, "%llu", (unsigned long long)power);
        feat_put_digits(text, power, n);
        ck_assert(memcmp(text, wanted, (size_t)n) == 0);
    }
    ck_assert_int_eq(feat_count_digits(0), 1);
    ck_assert_int_eq(feat_count_digits(UINT64_MAX), 20);
    feat_put_digits(text, 42, 5);
    ck_assert(memcmp(text, "00042", 5) == 0);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("math/shortest");
    TCase *tcase = tcase_create("shortest");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_reals);
    tcase_add_test(tcase, test_reading);
    tcase_add_test(tcase, test_digits);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
