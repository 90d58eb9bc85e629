/* Compares exact sums, means and number texts with MPFR at a precision at which nothing is lost. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "math/exact.h"
#include "math/number.h"
#include "random.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

#ifdef HAVE_MPFR

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define assert_bits(actual, expected, ...)                                                                             \
    ck_assert_msg(feat_double_bits(actual) == feat_double_bits(expected), __VA_ARGS__)

/* 2,098 bits hold any double's bits at their places; the rest is for carries and for the bits of a quotient. */
enum { PRECISION = 4096 };

static double rounded(mpfr_t x) { return mpfr_zero_p(x) ? 0.0 : mpfr_get_d(x, MPFR_RNDN); }

START_TEST(test_sums) {
    random_state r = {1};
    const unsigned rounds = getenv("FEAT_TEST_LONG") ? 2000000 : 40000;
    static double values[64];
    mpfr_t sum, mean;
    mpfr_inits2(PRECISION, sum, mean, (mpfr_ptr)0);
    for (unsigned round = 0; round < rounds; round++) {
        unsigned kind = round % RANDOM_KINDS;
        size_t n = 1 + random_below(&r, COUNT(values));
        if (random_below(&r, 2)) n = 1 + n % 4;
        random_values(&r, kind, values, n);
        feat_exact dense;
        feat_exact_init(&dense);
        mpfr_set_zero(sum, 1);
        for (size_t i = 0; i < n; i++) {
            feat_exact_add(&dense, values[i]);
            ck_assert_int_eq(mpfr_add_d(sum, sum, values[i], MPFR_RNDN), 0);
        }
        int exponent;
        bool special, fits = feat_fixed_plan(values, n, &exponent, &special);
        feat_int128 fixed = 0;
        for (size_t i = 0; fits && i < n; i++) fixed += feat_fixed_of(values[i], exponent);
        double expected = rounded(sum);
        assert_bits(feat_exact_round(&dense), expected, "round %u: %a, not %a", round, feat_exact_round(&dense),
                    expected);
        if (fits) assert_bits(feat_fixed_round(fixed, exponent), expected, "fixed, round %u", round);
        int64_t divisors[] = {(int64_t)n,
                              1,
                              2,
                              3,
                              INT64_C(1) << random_below(&r, 63),
                              (int64_t)(random_u64(&r) >> (1 + random_below(&r, 62))) | 1,
                              INT64_MAX};
        for (size_t i = 0; i < COUNT(divisors); i++) {
            mpfr_div_si(mean, sum, divisors[i], MPFR_RNDN);
            double wanted = rounded(mean), got = feat_exact_mean(&dense, divisors[i]);
            assert_bits(got, wanted, "round %u: mean by %lld is %a, not %a", round, (long long)divisors[i], got,
                        wanted);
            if (!fits) continue;
            got = feat_fixed_mean(fixed, exponent, divisors[i]);
            assert_bits(got, wanted, "round %u: fixed mean by %lld is %a, not %a", round, (long long)divisors[i], got,
                        wanted);
        }
    }
    mpfr_clears(sum, mean, (mpfr_ptr)0);
}
END_TEST

/* Sums built to lie on a point half-way between two doubles, or a hair beside it. */
START_TEST(test_ties) {
    random_state r = {2};
    mpfr_t sum, mean;
    mpfr_inits2(PRECISION, sum, mean, (mpfr_ptr)0);
    for (unsigned round = 0; round < 20000; round++) {
        double x = random_double(&r, 0, 2046), next = nextafter(x, random_below(&r, 2) ? INFINITY : 0.0);
        double hair = random_double(&r, 0, (unsigned)(feat_double_bits(x) >> 52 & 0x7ff) + 1) * 0x1p-60;
        double terms[3] = {x, next, round % 3 ? hair : 0.0};
        feat_exact dense;
        feat_exact_init(&dense);
        mpfr_set_zero(sum, 1);
        for (size_t i = 0; i < 3; i++) {
            feat_exact_add(&dense, terms[i]);
            mpfr_add_d(sum, sum, terms[i], MPFR_RNDN);
        }
        /* The sum of two neighbours has their tie as its half, and as any power of two of its quotients. */
        for (int64_t n = 1; n <= 8; n++) {
            mpfr_div_si(mean, sum, n, MPFR_RNDN);
            double wanted = rounded(mean), got = feat_exact_mean(&dense, n);
            assert_bits(got, wanted, "round %u: mean by %lld is %a, not %a", round, (long long)n, got, wanted);
        }
    }
    mpfr_clears(sum, mean, (mpfr_ptr)0);
}
END_TEST

START_TEST(test_integers) {
    random_state r = {3};
    mpfr_t sum, mean;
    mpfr_inits2(PRECISION, sum, mean, (mpfr_ptr)0);
    for (unsigned round = 0; round < 40000; round++) {
        feat_uint128 raw = (feat_uint128)random_u64(&r) << 64 | random_u64(&r);
        feat_int128 value = (feat_int128)raw >> random_below(&r, 128);
        int64_t n = (int64_t)(random_u64(&r) >> (1 + random_below(&r, 62))) | 1;
        if (round % 4 == 0) value = ((feat_int128)1 << 53 | (int64_t)(random_u64(&r) >> 11)) * n + (int)(round % 3) - 1;
        if (round % 8 == 0) value = -value;
        mpfr_set_si(sum, (int64_t)(value >> 64), MPFR_RNDN);
        mpfr_mul_2ui(sum, sum, 64, MPFR_RNDN);
        mpfr_add_ui(sum, sum, (uint64_t)value, MPFR_RNDN);
        double wanted = rounded(sum);
        assert_bits(feat_int128_to_double(value), wanted, "round %u", round);
        mpfr_div_si(mean, sum, n, MPFR_RNDN);
        wanted = rounded(mean);
        assert_bits(feat_int_mean(value, n), wanted, "round %u: mean", round);
    }
    mpfr_clears(sum, mean, (mpfr_ptr)0);
}
END_TEST

/* ---- texts ---------------------------------------------------------------------------------------------------- */

static void assert_parses(const char *text, double wanted) {
    double got = 0;
    feat_number_result result = feat_number_parse_double(text, strlen(text), &got);
    if (isinf(wanted)) ck_assert_msg(result == FEAT_NUMBER_TOO_LARGE, "%s", text);
    else ck_assert_msg(result == FEAT_NUMBER_OK && feat_double_bits(got) == feat_double_bits(wanted), "%s", text);
}

START_TEST(test_texts) {
    random_state r = {4};
    static char text[4096];
    mpfr_t x;
    mpfr_init2(x, PRECISION);
    for (unsigned round = 0; round < 30000; round++) {
        size_t digits = 1 + random_below(&r, round % 10 ? 25 : 1000), point = random_below(&r, digits + 1), n = 0;
        if (random_below(&r, 3) == 0) text[n++] = '-';
        for (size_t i = 0; i < digits; i++) {
            if (i == point) text[n++] = '.';
            text[n++] = (char)('0' + random_below(&r, round % 7 ? 10 : 2));
        }
        int scale = (int)random_below(&r, round % 3 ? 40 : 700) - (round % 3 ? 20 : 370);
        if (round % 5) n += (size_t)snprintf(text + n, 16, "e%d", scale);
        text[n] = 0;
        mpfr_set_str(x, text, 10, MPFR_RNDN);
        assert_parses(text, mpfr_get_d(x, MPFR_RNDN));
    }
    mpfr_clear(x);
}
END_TEST

/* The exact decimal of a point half-way between two doubles, and the same with its last digit moved by one. */
START_TEST(test_half_way_texts) {
    random_state r = {5};
    mpfr_t x;
    mpfr_init2(x, PRECISION);
    size_t longest = 0;
    for (unsigned round = 0; round < 3000; round++) {
        double low =
            round == 0 ? 0x1.fffffffffffffp-1023 : fabs(random_double(&r, round % 3 ? 0 : 1000, round % 3 ? 2046 : 40));
        mpfr_set_d(x, low, MPFR_RNDN);
        mpfr_add_d(x, x, nextafter(low, INFINITY), MPFR_RNDN);
        mpfr_div_2ui(x, x, 1, MPFR_RNDN);
        double even = mpfr_get_d(x, MPFR_RNDN);
        char *text;
        ck_assert_int_gt(mpfr_asprintf(&text, "%.1100RNf", x), 0);
        char *end = strchr(text, '.') + 1101;
        while (end[-1] == '0') *--end = 0;
        if (end[-1] == '.') *end++ = '0'; /* whole; the zeros cut off left room */
        size_t significant = 0;
        for (const char *at = text; *at; at++) significant += *at != '.' && (significant || *at != '0');
        longest = significant > longest ? significant : longest;
        assert_parses(text, even);
        static char longer[4096];
        /* A 1 far behind the half is still beyond it. */
        snprintf(longer, sizeof longer, "%s%0*d", text, 1 + (int)random_below(&r, 900), 1);
        assert_parses(longer, nextafter(low, INFINITY));
        if (end[-1] != '0') {
            end[-1]--;
            assert_parses(text, low);
        }
        mpfr_free_str(text);
    }
    ck_assert_uint_eq(longest, 768);
    mpfr_clear(x);
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("math/reference");
    TCase *tc = tcase_create("reference");
    tcase_set_timeout(tc, 600);
#ifdef HAVE_MPFR
    tcase_add_test(tc, test_sums);
    tcase_add_test(tc, test_ties);
    tcase_add_test(tc, test_integers);
    tcase_add_test(tc, test_texts);
    tcase_add_test(tc, test_half_way_texts);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
