/* Products of doubles: by hand, beside MPFR, which multiplies without rounding and rounds once, and near ties that the
 * first words do not decide. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "math/number.h"
#include "math/product.h"
#include "random.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t product_bits(size_t words, const double *values, size_t n) {
    double out = -7;
    ck_assert(words ? feat_product_from(words, values, n, &out) : feat_product(values, n, &out));
    return feat_double_bits(out);
}

START_TEST(test_by_hand) {
    const double inf = HUGE_VAL, nan = feat_double_of_bits(FEAT_NAN_BITS);
    const struct {
        size_t n;
        double values[4], product;
    } cases[] = {
        {0, {0}, 1.0},
        {1, {-0.0}, -0.0},
        {2, {-0.0, -3.0}, 0.0},
        {2, {5.0, -0.0}, -0.0},
        {3, {-2.0, 3.0, 0.5}, -3.0},
        {4, {1e300, 1e300, 1e-300, 1e-300}, 0x1.0000000000001p0},
        {3, {0x1p1023, 2.0, 0.5}, 0x1p1023},
        {2, {0x1p1023, 2.0}, inf},
        {3, {0x1p1023, 0x1p1023, 0.0}, 0.0},
        {2, {0x1.fffffffffffffp1023, -0x1.0000000000001p0}, -inf},
        {2, {inf, -1.0}, -inf},
        {2, {inf, 0.0}, nan},
        {3, {nan, 0.0, inf}, nan},
        {2, {0x1p-1074, 0.5}, 0.0},
        {2, {-0x1p-1074, 0.5}, -0.0},
        {2, {0x1p-1074, 0x1.0000000000001p-1}, 0x1p-1074},
        {2, {0x1p-1074, 0x1p-1074}, 0.0},
        {2, {0x1p-1074, 1.5}, 0x1p-1073},
        {2, {0x1p-1074, 2.5}, 0x1p-1073},
        {2, {0x1.fffffffffffffp-1022, 0.5}, 0x1p-1022},
        {3, {0x1p-1074, 0x1p1000, 0x1p74}, 1.0},
        {2, {0x1.0000000000001p0, 0x1.0000000000001p0}, 0x1.0000000000002p0},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t words = 0; words < 4; words++)
            ck_assert_msg(product_bits(words, cases[i].values, cases[i].n) == feat_double_bits(cases[i].product),
                          "case %zu with %zu words", i, words);
}
END_TEST

/* 2^420 - 1 has small factors only. A hair below the middle of 0 and the least subnormal it needs 420 bits to be seen
 * below it; with 2^420 - 1 replaced by 2^420 it is the middle itself, and a factor more than 1 puts it above. */
START_TEST(test_near_a_tie) {
    const double values[] = {
        5,
        5,
        13,
        29,
        41,
        61,
        113,
        1321,
        1429,
        14449,
        7416361,
        47392381,
        61853232508201,
        1041815865690181,
        7,
        7,
        31,
        71,
        127,
        151,
        337,
        29191,
        106681,
        152041,
        122921,
        3,
        3,
        11,
        43,
        211,
        281,
        331,
        5419,
        86171,
        664441,
        1564921,
        0x1p-1000,
        0x1p-495,
    };
    const size_t n = COUNT(values);
    double scaled[COUNT(values)];
    for (size_t words = 0; words < 8; words++) ck_assert_uint_eq(product_bits(words, values, n), 0);
    for (size_t i = 0; i < n; i++) scaled[i] = values[i];
    scaled[n - 1] = 0x1.0000000000001p-495;
    ck_assert_uint_eq(product_bits(0, scaled, n), 1);
    const double middle[] = {0x1p-1000, 0x1p-75};
    ck_assert_uint_eq(product_bits(0, middle, 2), 0);
}
END_TEST

START_TEST(test_memory) {
    double values[600], out;
    for (size_t i = 0; i < COUNT(values); i++) values[i] = 3.0;
    feat_alloc_fail_after(1);
    ck_assert(!feat_product_from(100, values, COUNT(values), &out));
    feat_alloc_fail_after(0);
    ck_assert(feat_product_from(100, values, COUNT(values), &out));
}
END_TEST

enum { MOST = 40 };

START_TEST(test_any_order_and_words) {
    random_state r = {3};
    const unsigned rounds = getenv("FEAT_TEST_LONG") ? 2000000 : 20000;
    unsigned different = 0;
    for (unsigned round = 0; round < rounds; round++) {
        double values[MOST];
        size_t n = 1 + random_below(&r, MOST);
        unsigned span = (unsigned)(1 + random_below(&r, 60));
        for (size_t i = 0; i < n; i++) values[i] = random_double(&r, 1023 - span / 2, span);
        uint64_t expected = product_bits(32, values, n);
        double running = 1;
        for (size_t i = 0; i < n; i++) running *= values[i];
        different += feat_double_bits(running) != expected;
        for (size_t i = n; i-- > 1;) {
            size_t k = random_below(&r, i + 1);
            double swap = values[i];
            values[i] = values[k];
            values[k] = swap;
        }
        for (size_t words = 0; words < 4; words++)
            ck_assert_msg(product_bits(words, values, n) == expected, "round %u with %zu words", round, words);
    }
    ck_assert_uint_gt(different, rounds / 4); /* a running product would not do */
}
END_TEST

#ifdef HAVE_MPFR

START_TEST(test_beside_mpfr) {
    random_state r = {5};
    const unsigned rounds = getenv("FEAT_TEST_LONG") ? 2000000 : 20000;
    unsigned subnormal = 0;
    mpfr_t product;
    mpfr_init2(product, 53 * MOST + 64);
    for (unsigned round = 0; round < rounds; round++) {
        double values[MOST];
        size_t n = 1 + random_below(&r, MOST);
        unsigned span = (unsigned)(1 + random_below(&r, round % 3 ? 40 : 2000)), low = 1023 - span / 2;
        mpfr_set_ui(product, 1, MPFR_RNDN);
        for (size_t i = 0; i < n; i++) {
            values[i] = random_double(&r, low, span);
            if (i == 1 && round % 2) values[i] = random_double(&r, 0, 50); /* towards the subnormals */
            if (values[i] == 0) values[i] = 1.5;
            ck_assert_int_eq(mpfr_mul_d(product, product, values[i], MPFR_RNDN), 0);
        }
        double expected = mpfr_get_d(product, MPFR_RNDN);
        subnormal += expected != 0 && fabs(expected) < 0x1p-1022;
        ck_assert_msg(product_bits(0, values, n) == feat_double_bits(expected), "round %u: not %a", round, expected);
    }
    ck_assert_uint_gt(subnormal, rounds / 100);
    mpfr_clear(product);
    mpfr_free_cache();
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("math/product");
    TCase *tests = tcase_create("product");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, test_by_hand);
    tcase_add_test(tests, test_near_a_tie);
    tcase_add_test(tests, test_memory);
    tcase_add_test(tests, test_any_order_and_words);
#ifdef HAVE_MPFR
    tcase_add_test(tests, test_beside_mpfr);
#endif
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
