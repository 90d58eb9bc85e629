/* Sums over vectors: all instructions against the order that vector.h says, bit by bit; that order against exact sums;
 * and what becomes of squares that overflow or underflow, beside MPFR. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "math/exact.h"
#include "math/number.h"
#include "math/vector.h"
#include "random.h"

#if defined(__has_include)
#if __has_include(<mpfr.h>)
#define HAVE_MPFR 1
#include <mpfr.h>
#endif
#endif

enum { MOST = 1030 };

/* The order as it is written in vector.h, of numbers x[i] y[i]. */
static double in_order(const double *terms, size_t n) {
    double s[16] = {0};
    for (size_t i = 0; i < n; i++) s[i % 16] += terms[i];
    for (int k = 0; k < 8; k++) s[k] += s[k + 8];
    for (int k = 0; k < 4; k++) s[k] += s[k + 4];
    for (int k = 0; k < 2; k++) s[k] += s[k + 2];
    return s[0] + s[1];
}

static double plain_sum(const double *a, const double *b, size_t n, bool gaps) {
    static double terms[MOST];
    for (size_t i = 0; i < n; i++) terms[i] = gaps ? (a[i] - b[i]) * (a[i] - b[i]) : a[i] * b[i];
    return in_order(terms, n);
}

static double plain_cosine(const double *a, const double *b, size_t n) {
    double c = plain_sum(a, b, n, false) / sqrt(plain_sum(a, a, n, false) * plain_sum(b, b, n, false));
    return c > 1.0 ? 1.0 : c < -1.0 ? -1.0 : c;
}

static void assert_same(double got, double expected, const char *what, size_t n, int level) {
    ck_assert_msg(feat_double_bits(feat_double_canonical(got)) == feat_double_bits(feat_double_canonical(expected)),
                  "%s of %zu elements with instructions %d: %a, not %a", what, n, level, got, expected);
}

static bool ordinary(double squares) { return squares >= 0x1p-500 && squares <= 0x1p500; }

/* Both as doubles, and as bytes of the type at an odd address. */
typedef struct pair {
    double a[MOST], b[MOST];
    char bytes_a[8 * MOST + 1], bytes_b[8 * MOST + 1];
} pair;

static feat_elements make_pair(pair *p, size_t n, bool real) {
    for (size_t i = 0; i < n; i++) {
        if (real) {
            float x = (float)p->a[i], y = (float)p->b[i];
            p->a[i] = (double)x;
            p->b[i] = (double)y;
            memcpy(p->bytes_a + 1 + 4 * i, &x, 4);
            memcpy(p->bytes_b + 1 + 4 * i, &y, 4);
        } else {
            memcpy(p->bytes_a + 1 + 8 * i, &p->a[i], 8);
            memcpy(p->bytes_b + 1 + 8 * i, &p->b[i], 8);
        }
    }
    return (feat_elements){p->bytes_a + 1, p->bytes_b + 1, n, real};
}

START_TEST(test_all_instructions_give_the_bits_of_the_plain_order) {
    static pair p;
    random_state r = {1};
    int rounds = getenv("FEAT_TEST_LONG") ? 20000 : 1500;
    for (int round = 0; round < rounds; round++) {
        size_t n = round < 100 ? (size_t)round : random_below(&r, round % 50 ? 70 : MOST);
        unsigned kind = (unsigned)random_below(&r, RANDOM_KINDS);
        bool real = random_below(&r, 2);
        if (real) kind = kind == 0 || kind > 2 ? 1 : kind; /* in the range of a REAL */
        random_values(&r, kind, p.a, n);
        random_values(&r, random_below(&r, 2) ? kind : 1, p.b, n);
        if (n > 0 && random_below(&r, 10) == 0) {
            const double odd[] = {HUGE_VAL, -HUGE_VAL, feat_double_of_bits(FEAT_NAN_BITS), -0.0};
            p.a[random_below(&r, n)] = odd[random_below(&r, 4)];
        }
        feat_elements v = make_pair(&p, n, real);
        double squares_a = plain_sum(p.a, p.a, n, false), squares_b = plain_sum(p.b, p.b, n, false),
               gaps = plain_sum(p.a, p.b, n, true);
        double cosine = 0, distance = 0;
        for (int l = 0; l <= (int)feat_math_level_best(); l++) {
            feat_math_level level = (feat_math_level)l;
            assert_same(feat_dot_product(level, &v), plain_sum(p.a, p.b, n, false), "dot", n, level);
            double c = feat_cosine_similarity(level, &v), d = feat_l2_distance(level, &v);
            if (ordinary(squares_a) && ordinary(squares_b))
                assert_same(c, plain_cosine(p.a, p.b, n), "cosine", n, level);
            if (ordinary(gaps)) assert_same(d, sqrt(gaps), "distance", n, level);
            if (level > 0) {
                assert_same(c, cosine, "cosine", n, level);
                assert_same(d, distance, "distance", n, level);
            }
            cosine = c;
            distance = d;
            static char normal[2][8 * MOST + 1];
            feat_l2_normalize(level, &v, normal[level > 0] + 1);
            size_t size = n * (real ? 4 : 8);
            if (level > 0) ck_assert_int_eq(memcmp(normal[0] + 1, normal[1] + 1, size), 0);
            for (size_t i = 0; i < n && level == 0 && ordinary(squares_a); i++) {
                double expected = feat_double_canonical(p.a[i] / sqrt(squares_a)), x;
                float f;
                memcpy(&f, normal[0] + 1 + 4 * i, 4);
                if (!real) memcpy(&x, normal[0] + 1 + 8 * i, 8);
                assert_same(real ? (double)f : x, real ? (double)(float)expected : expected, "element", n, level);
            }
        }
    }
}
END_TEST

/* The bound of vector.h, with the exact sum of the products of REALs. */
START_TEST(test_sums_are_close_to_exact_ones) {
    static pair p;
    random_state r = {2};
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + random_below(&r, MOST - 1);
        random_values(&r, 1 + (unsigned)random_below(&r, 2), p.a, n);
        random_values(&r, 1, p.b, n);
        feat_elements v = make_pair(&p, n, true);
        feat_exact sum;
        double magnitudes = 0.0;
        feat_exact_init(&sum);
        for (size_t i = 0; i < n; i++) {
            feat_exact_add(&sum, p.a[i] * p.b[i]);
            magnitudes += fabs(p.a[i] * p.b[i]);
        }
        double exact = feat_exact_round(&sum), error = fabs(feat_dot_product(feat_math_level_best(), &v) - exact);
        ck_assert_msg(error <= ((double)(n / 16) + 6) * 0x1p-53 * magnitudes, "%zu: off by %g", n, error);
    }
}
END_TEST

static const feat_elements *doubles(const double *a, const double *b, size_t n) {
    static feat_elements v;
    v = (feat_elements){a, b, n, false};
    return &v;
}

START_TEST(test_by_hand) {
    for (int i = 0; i <= (int)feat_math_level_best(); i++) {
        feat_math_level level = (feat_math_level)i;
        const double a[] = {3, 4}, b[] = {0, 0}, minus[] = {-3, -4}, tenths[] = {0.1, 0.2, 0.3};
        const float f[] = {1, 2, 3};
        const feat_elements reals = {f, f, 3, true};
        ck_assert_double_eq(feat_dot_product(level, doubles(a, a, 2)), 25);
        ck_assert_double_eq(feat_dot_product(level, &reals), 14);
        ck_assert_double_eq(feat_l2_distance(level, doubles(a, b, 2)), 5);
        ck_assert_double_eq(feat_cosine_similarity(level, doubles(a, a, 2)), 1);
        ck_assert_double_eq(feat_cosine_similarity(level, doubles(a, minus, 2)), -1);
        ck_assert_double_eq(feat_cosine_similarity(level, doubles(tenths, tenths, 3)), 1);
        ck_assert_double_nan(feat_cosine_similarity(level, doubles(a, b, 2)));
        ck_assert_double_eq(feat_l2_distance(level, doubles(a, a, 2)), 0);
        /* No elements, at no address. */
        ck_assert_double_eq(feat_dot_product(level, doubles(NULL, NULL, 0)), 0);
        ck_assert_double_eq(feat_l2_distance(level, doubles(NULL, NULL, 0)), 0);
        ck_assert_double_nan(feat_cosine_similarity(level, doubles(NULL, NULL, 0)));
        double out[2];
        feat_l2_normalize(level, doubles(a, NULL, 2), out);
        ck_assert(out[0] == 0.6 && out[1] == 0.8);
        const double zeros[] = {0.0, -0.0};
        feat_l2_normalize(level, doubles(zeros, NULL, 2), out);
        ck_assert_int_eq(memcmp(out, zeros, sizeof out), 0);
        const double infinite[] = {HUGE_VAL, 1};
        feat_l2_normalize(level, doubles(infinite, NULL, 2), out);
        ck_assert(feat_double_bits(out[0]) == FEAT_NAN_BITS && out[1] == 0);
        ck_assert_double_nan(feat_cosine_similarity(level, doubles(infinite, a, 2)));
        ck_assert(feat_l2_distance(level, doubles(infinite, a, 2)) == HUGE_VAL);
        ck_assert_double_nan(feat_l2_distance(level, doubles(infinite, infinite, 2)));
        const double huge[] = {3e300, 4e300}, tiny[] = {3 * 0x1p-1070, 4 * 0x1p-1070};
        ck_assert_double_eq(feat_cosine_similarity(level, doubles(huge, huge, 2)), 1);
        ck_assert_double_eq(feat_cosine_similarity(level, doubles(huge, tiny, 2)), 1);
        ck_assert_double_eq(feat_l2_distance(level, doubles(tiny, b, 2)), 5 * 0x1p-1070);
        ck_assert(fabs(feat_l2_distance(level, doubles(huge, b, 2)) / 5e300 - 1) < 1e-15);
        feat_l2_normalize(level, doubles(tiny, NULL, 2), out);
        ck_assert(out[0] == 0.6 && out[1] == 0.8);
        const double most[] = {1.7e308, 1.7e308};
        feat_l2_normalize(level, doubles(most, NULL, 2), out);
        ck_assert(fabs(out[0] - sqrt(0.5)) < 1e-15);
    }
}
END_TEST

#ifdef HAVE_MPFR

/* The same functions in 4,000 bits. */
START_TEST(test_beside_mpfr) {
    static pair p;
    random_state r = {3};
    mpfr_t x, y, ab, aa, bb, gg;
    mpfr_inits2(4600, x, y, ab, aa, bb, gg, (mpfr_ptr)NULL);
    for (int round = 0; round < 400; round++) {
        size_t n = 1 + random_below(&r, 40);
        random_values(&r, (unsigned)random_below(&r, RANDOM_KINDS), p.a, n);
        random_values(&r, (unsigned)random_below(&r, RANDOM_KINDS), p.b, n);
        feat_elements v = make_pair(&p, n, false);
        mpfr_set_zero(ab, 1), mpfr_set_zero(aa, 1), mpfr_set_zero(bb, 1), mpfr_set_zero(gg, 1);
        for (size_t i = 0; i < n; i++) {
            mpfr_set_d(x, p.a[i], MPFR_RNDN), mpfr_set_d(y, p.b[i], MPFR_RNDN);
            mpfr_fma(ab, x, y, ab, MPFR_RNDN), mpfr_fma(aa, x, x, aa, MPFR_RNDN), mpfr_fma(bb, y, y, bb, MPFR_RNDN);
            mpfr_sub(x, x, y, MPFR_RNDN), mpfr_fma(gg, x, x, gg, MPFR_RNDN);
        }
        mpfr_sqrt(gg, gg, MPFR_RNDN);
        double distance = mpfr_get_d(gg, MPFR_RNDN), got = feat_l2_distance(feat_math_level_best(), &v);
        ck_assert_msg(got == distance || fabs(got - distance) <= 0x1p-48 * distance ||
                          fabs(got - distance) <= 0x1p-1074,
                      "distance %a, not %a", got, distance);
        if (mpfr_zero_p(aa) || mpfr_zero_p(bb)) continue;
        mpfr_mul(aa, aa, bb, MPFR_RNDN), mpfr_sqrt(aa, aa, MPFR_RNDN), mpfr_div(ab, ab, aa, MPFR_RNDN);
        double cosine = mpfr_get_d(ab, MPFR_RNDN);
        got = feat_cosine_similarity(feat_math_level_best(), &v);
        ck_assert_msg(fabs(got - cosine) <= 0x1p-48, "cosine %a, not %a", got, cosine);
    }
    mpfr_clears(x, y, ab, aa, bb, gg, (mpfr_ptr)NULL);
    mpfr_free_cache();
}
END_TEST

#endif

int main(void) {
    Suite *suite = suite_create("math/vector");
    TCase *tc = tcase_create("vector");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_all_instructions_give_the_bits_of_the_plain_order);
    tcase_add_test(tc, test_sums_are_close_to_exact_ones);
    tcase_add_test(tc, test_by_hand);
#ifdef HAVE_MPFR
    tcase_add_test(tc, test_beside_mpfr);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
