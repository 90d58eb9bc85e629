/* Means of sums of 128-bit integers: by hand, and beside MPFR, which divides the exact numbers and rounds once. */
#include <check.h>
#include <stdlib.h>

#include "math/exact.h"
#include "math/number.h"
#include "random.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

#define COUNT(a) (sizeof(a) / sizeof *(a))

START_TEST(test_by_hand) {
    const feat_uint128 all = ~(feat_uint128)0;
    const struct {
        feat_uint128 low;
        int64_t high;
        uint64_t n;
        int scale;
        double mean;
    } cases[] = {
        {0, 0, 1, 0, 0.0},
        {0, 0, UINT64_MAX, 38, 0.0},
        {6, 0, 4, 0, 1.5},
        {all - 5, -1, 4, 0, -1.5},
        {1, 0, 1, 2, 0.01},
        {10, 0, 1, 1, 1.0},
        {1, 0, 3, 0, 1.0 / 3},
        {0, 1, 1, 0, 0x1p128},
        {0, -1, 1, 0, -0x1p128},
        {0, INT64_MIN, 1, 0, -0x1p191},
        {all, INT64_MAX, 1, 0, 0x1p191},
        {all, -1, 1, 38, -1e-38},
        /* Halfway between two doubles, and just beside: ties go to the even one. */
        {(feat_uint128)1 << 53 | 1, 0, 1, 0, 0x1p53},
        {(feat_uint128)1 << 53 | 3, 0, 1, 0, 0x1p53 + 4},
        {((feat_uint128)1 << 54) + 2, 0, 2, 0, 0x1p53},
        {((feat_uint128)1 << 54) + 3, 0, 2, 0, 0x1p53 + 2},
        {(((feat_uint128)1 << 53 | 1) << 64) + 1, 0, 1, 0, 0x1.0000000000001p117},
        {(((feat_uint128)1 << 53 | 1) << 64) - 1, 0, 1, 0, 0x1p117},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        double mean = feat_wide_mean(cases[i].low, cases[i].high, cases[i].n, cases[i].scale);
        ck_assert_msg(feat_double_bits(mean) == feat_double_bits(cases[i].mean), "case %zu: %a, not %a", i, mean,
                      cases[i].mean);
    }
}
END_TEST

#ifdef HAVE_MPFR

/* A number of any length up to 192 bits, of either sign. */
static void random_sum(random_state *r, mpz_t sum) {
    uint64_t words[3] = {random_u64(r), random_u64(r), random_u64(r)};
    mpz_import(sum, 3, -1, 8, 0, 0, words);
    mpz_tdiv_q_2exp(sum, sum, 1 + random_below(r, 190));
    if (random_below(r, 2)) mpz_neg(sum, sum);
}

/* A sum whose mean is at, just below or just above the middle of two doubles. */
static void random_tie(random_state *r, mpz_t sum, const mpz_t divisor) {
    uint64_t kept = UINT64_C(1) << 53 | random_u64(r) >> 11 | 1; /* 54 bits, the last of them the half */
    mpz_mul_ui(sum, divisor, kept);
    mpz_mul_2exp(sum, sum, random_below(r, 8));
    switch (random_below(r, 3)) {
    case 0: mpz_add_ui(sum, sum, 1); break;
    case 1: mpz_sub_ui(sum, sum, 1); break;
    default: break;
    }
    if (random_below(r, 2)) mpz_neg(sum, sum);
}

START_TEST(test_beside_mpfr) {
    random_state r = {7};
    const unsigned rounds = getenv("FEAT_TEST_LONG") ? 20000000 : 200000;
    unsigned ties = 0;
    mpz_t sum, divisor, shifted;
    mpfr_t a, b, mean;
    mpz_inits(sum, divisor, shifted, NULL);
    mpfr_inits2(600, a, b, (mpfr_ptr)0);
    mpfr_init2(mean, 53);
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t n = random_below(&r, 3) ? 1 + random_below(&r, 1000) : random_u64(&r) >> random_below(&r, 63);
        int scale = (int)random_below(&r, 39);
        if (n == 0) n = 1;
        mpz_ui_pow_ui(divisor, 10, (unsigned long)scale);
        mpz_mul_ui(divisor, divisor, n);
        bool tie = random_below(&r, 2) && mpz_sizeinbase(divisor, 2) < 120;
        if (tie) random_tie(&r, sum, divisor);
        else random_sum(&r, sum);
        ties += tie;
        /* Two's complement in three words. */
        mpz_fdiv_r_2exp(shifted, sum, 192);
        uint64_t words[3] = {0, 0, 0};
        mpz_export(words, NULL, -1, 8, 0, 0, shifted);
        double got = feat_wide_mean((feat_uint128)words[1] << 64 | words[0], (int64_t)words[2], n, scale);
        mpfr_set_z(a, sum, MPFR_RNDN);
        mpfr_set_z(b, divisor, MPFR_RNDN);
        mpfr_div(mean, a, b, MPFR_RNDN);
        double expected = mpfr_zero_p(mean) ? 0.0 : mpfr_get_d(mean, MPFR_RNDN);
        ck_assert_msg(feat_double_bits(got) == feat_double_bits(expected), "round %u: %a, not %a", round, got,
                      expected);
    }
    ck_assert_uint_gt(ties, rounds / 10);
    mpz_clears(sum, divisor, shifted, NULL);
    mpfr_clears(a, b, mean, (mpfr_ptr)0);
    mpfr_free_cache();
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("math/wide");
    TCase *tests = tcase_create("wide");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, test_by_hand);
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
