/* Exact moments: results beside GMP's rationals, by the definitions, and the group told by canonical bytes.
 * FEAT_TEST_LONG=1 tries more. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "math/big.h"
#include "math/moments.h"
#include "random.h"

#if defined(__has_include)
#if __has_include(<gmp.h>)
#define HAVE_GMP 1
#include <gmp.h>
#endif
#endif

enum { MOST = 3000, KINDS = RANDOM_KINDS + 5 };

static unsigned rounds_of(unsigned everyday) { return getenv("FEAT_TEST_LONG") ? 50 * everyday : everyday; }

static void fill(random_state *r, unsigned kind, double *values, size_t n) {
    random_values(r, kind < RANDOM_KINDS ? kind : 1, values, n);
    if (kind < RANDOM_KINDS) return;
    double one = random_double(r, 0, 2047);
    for (size_t i = 0; i < n; i++) {
        switch (kind - RANDOM_KINDS) {
        case 0: values[i] = one; break;                                                  /* all equal */
        case 1: values[i] = 1e16 + (double)random_below(r, 10); break;                   /* all but the last digits */
        case 2: values[i] = i ? one : nextafter(one, 0); break;                          /* all but one */
        case 3: values[i] = (double)(int64_t)random_below(r, 100000) / 100 - 300; break; /* cents */
        default: values[i] = random_below(r, 2) ? 0.0 : -0.0; break;
        }
    }
}

static void shuffle(random_state *r, double *x, double *y, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = random_below(r, i);
        double t = x[i - 1], u = y[i - 1];
        x[i - 1] = x[j];
        y[i - 1] = y[j];
        x[j] = t;
        y[j] = u;
    }
}

static bool same_bytes(const feat_moments *a, const feat_moments *b) {
    feat_buffer x, y;
    feat_buffer_init(&x);
    feat_buffer_init(&y);
    feat_moments_write(a, &x);
    feat_moments_write(b, &y);
    bool same = x.size == y.size && memcmp(x.data, y.data, x.size) == 0 && x.size <= FEAT_MOMENTS_MAX_BYTES;
    feat_moments back;
    feat_cursor cursor;
    feat_cursor_init(&cursor, x.data, x.size);
    same &= feat_moments_read(&back, &cursor, NULL) == FEAT_OK && cursor.at == cursor.end;
    feat_buffer_clear(&y);
    feat_moments_write(&back, &y);
    same &= x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    feat_moments_done(&back);
    feat_buffer_done(&x);
    feat_buffer_done(&y);
    return same;
}

static bool add_all(feat_moments *m, const double *x, const double *y, size_t n) {
    bool fine = true;
    for (size_t i = 0; i < n; i++) fine &= feat_moments_add(m, x[i], y[i]);
    return fine;
}

static bool is_empty(const feat_moments *m) {
    feat_moments none;
    feat_moments_init(&none, m->kind);
    return same_bytes(m, &none);
}

/* ---- results -------------------------------------------------------------------------------------------------- */

#ifdef HAVE_GMP

/* 2^1024 stands for an infinity. */
static void exactly(mpq_t out, double x) {
    if (isinf(x)) {
        mpq_set_d(out, x > 0 ? 0x1p1023 : -0x1p1023);
        mpq_mul_2exp(out, out, 1);
    } else {
        mpq_set_d(out, x);
    }
}

/* Whether y is the double nearest to x, or to sign(x) sqrt(|x|): between the midpoints to both neighbours, and on one
 * only where y is the even one. */
static bool is_nearest(double y, const mpq_t x, bool root) {
    if (mpq_sgn(x) == 0) return feat_double_bits(y) == 0;
    if (isnan(y) || (signbit(y) != 0) != (mpq_sgn(x) < 0)) return false;
    mpq_t size, below, above, middle, it;
    mpq_inits(size, below, above, middle, it, NULL);
    double magnitude = fabs(y);
    mpq_abs(size, x);
    exactly(it, magnitude);
    exactly(below, magnitude == 0 ? 0 : nextafter(magnitude, 0));
    exactly(above, nextafter(magnitude, INFINITY));
    bool even = (feat_double_bits(magnitude) & 1) == 0, good = true;
    for (int side = 0; side < 2; side++) {
        if (side ? isinf(magnitude) : magnitude == 0) continue;
        mpq_add(middle, it, side ? above : below);
        mpq_div_2exp(middle, middle, 1);
        if (root) mpq_mul(middle, middle, middle);
        int order = mpq_cmp(size, middle);
        good &= order == 0 ? even : side ? order < 0 : order > 0;
    }
    mpq_clears(size, below, above, middle, it, NULL);
    return good;
}

/* sum of (x - mean x)^a (y - mean y)^b */
static void central(mpq_t out, const double *x, const double *y, size_t n, int a, int b) {
    mpq_t mean_x, mean_y, v, product;
    mpq_inits(mean_x, mean_y, v, product, NULL);
    for (size_t i = 0; i < n; i++) {
        exactly(v, x[i]);
        mpq_add(mean_x, mean_x, v);
        exactly(v, y[i]);
        mpq_add(mean_y, mean_y, v);
    }
    mpq_set_ui(v, n, 1);
    mpq_div(mean_x, mean_x, v);
    mpq_div(mean_y, mean_y, v);
    mpq_set_ui(out, 0, 1);
    for (size_t i = 0; i < n; i++) {
        mpq_set_ui(product, 1, 1);
        for (int k = 0; k < a + b; k++) {
            exactly(v, k < a ? x[i] : y[i]);
            mpq_sub(v, v, k < a ? mean_x : mean_y);
            mpq_mul(product, product, v);
        }
        mpq_add(out, out, product);
    }
    mpq_clears(mean_x, mean_y, v, product, NULL);
}

static void scale(mpq_t a, size_t by, bool divide) {
    mpq_t v;
    mpq_init(v);
    mpq_set_ui(v, by, 1);
    if (divide) mpq_div(a, a, v);
    else mpq_mul(a, a, v);
    mpq_clear(v);
}

enum wanted { NONE, NOT_A_NUMBER, NUMBER };

/* The value of a statistic from its definition, or the square of it for a root. */
static enum wanted define(feat_statistic s, const double *x, const double *y, size_t n, mpq_t out, bool *root) {
    mpq_t m2, m3, other, third;
    mpq_inits(m2, m3, other, third, NULL);
    enum wanted wanted = NUMBER;
    *root = false;
    if (s < FEAT_STATISTIC_COVAR_POP) central(m2, x, x, n, 2, 0);
    else central(m2, x, y, n, 1, 1);
    switch (s) {
    case FEAT_STATISTIC_VAR_POP:
    case FEAT_STATISTIC_STDDEV_POP:
    case FEAT_STATISTIC_SEM:
    case FEAT_STATISTIC_COVAR_POP:
        *root = s == FEAT_STATISTIC_STDDEV_POP || s == FEAT_STATISTIC_SEM;
        mpq_set(out, m2);
        scale(out, n, true);
        if (s == FEAT_STATISTIC_SEM) scale(out, n, true);
        break;
    case FEAT_STATISTIC_VAR_SAMP:
    case FEAT_STATISTIC_STDDEV_SAMP:
    case FEAT_STATISTIC_COVAR_SAMP:
        *root = s == FEAT_STATISTIC_STDDEV_SAMP;
        if (n < 2) {
            wanted = NONE;
            break;
        }
        mpq_set(out, m2);
        scale(out, n - 1, true);
        break;
    case FEAT_STATISTIC_SKEWNESS: /* sqrt(n (n - 1)) / (n - 2) m3 / m2^1.5, squared */
        *root = true;
        if (n < 3 || mpq_sgn(m2) == 0) {
            wanted = NONE;
            break;
        }
        central(m3, x, x, n, 3, 0);
        scale(m2, n, true);
        scale(m3, n, true);
        mpq_mul(out, m3, m3);
        for (int i = 0; i < 3; i++) mpq_div(out, out, m2);
        scale(out, n * (n - 1), false);
        scale(out, (n - 2) * (n - 2), true);
        if (mpq_sgn(m3) < 0) mpq_neg(out, out);
        break;
    case FEAT_STATISTIC_KURTOSIS_POP:
    case FEAT_STATISTIC_KURTOSIS:
        if (n < (s == FEAT_STATISTIC_KURTOSIS ? 4 : 2) || mpq_sgn(m2) == 0) {
            wanted = NONE;
            break;
        }
        central(out, x, x, n, 4, 0);
        scale(m2, n, true);
        scale(out, n, true);
        mpq_div(out, out, m2);
        mpq_div(out, out, m2);
        mpq_set_ui(other, 3, 1);
        mpq_sub(out, out, other);
        if (s == FEAT_STATISTIC_KURTOSIS_POP) break;
        scale(out, n + 1, false); /* (n - 1) / ((n - 2) (n - 3)) ((n + 1) g + 6) */
        mpq_set_ui(other, 6, 1);
        mpq_add(out, out, other);
        scale(out, n - 1, false);
        scale(out, (n - 2) * (n - 3), true);
        break;
    default:
        central(other, x, x, n, 2, 0);
        central(third, y, y, n, 2, 0);
        if (s == FEAT_STATISTIC_CORR) {
            *root = true;
            if (mpq_sgn(other) == 0 || mpq_sgn(third) == 0) {
                wanted = NOT_A_NUMBER;
                break;
            }
        } else if (mpq_sgn(other) == 0) {
            wanted = s == FEAT_STATISTIC_REGR_SLOPE ? NOT_A_NUMBER : NONE;
            break;
        }
        mpq_div(out, m2, other);
        if (s == FEAT_STATISTIC_TREND) scale(out, 1000000, false);
        if (s == FEAT_STATISTIC_CORR || s == FEAT_STATISTIC_REGR_R2) {
            if (mpq_sgn(third) == 0) {
                mpq_set_ui(out, 1, 1);
                break;
            }
            mpq_mul(out, out, m2);
            mpq_div(out, out, third);
            if (s == FEAT_STATISTIC_CORR && mpq_sgn(m2) < 0) mpq_neg(out, out);
        }
        if (s == FEAT_STATISTIC_REGR_INTERCEPT) { /* mean y - slope mean x */
            mpq_set_ui(m3, 0, 1);
            mpq_set_ui(m2, 0, 1);
            for (size_t i = 0; i < n; i++) {
                exactly(other, x[i]);
                mpq_add(m2, m2, other);
                exactly(other, y[i]);
                mpq_add(m3, m3, other);
            }
            mpq_mul(m2, m2, out);
            mpq_sub(out, m3, m2);
            scale(out, n, true);
        }
    }
    mpq_clears(m2, m3, other, third, NULL);
    return wanted;
}

static bool result_is_right(const feat_moments *m, feat_statistic s, const double *x, const double *y, size_t n) {
    double got = 0;
    bool there = feat_moments_result(m, s, &got), root;
    mpq_t exact;
    mpq_init(exact);
    enum wanted wanted = define(s, x, y, n, exact, &root);
    bool right = wanted == NONE           ? !there
                 : wanted == NOT_A_NUMBER ? there && feat_double_bits(got) == FEAT_NAN_BITS
                                          : there && is_nearest(got, exact, root);
    if (!right) fprintf(stderr, "statistic %d of %zu values: %a\n", (int)s, n, got);
    mpq_clear(exact);
    return right;
}

START_TEST(test_results) {
    random_state r = {1};
    double x[40], y[40];
    for (unsigned round = 0; round < rounds_of(3000); round++) {
        size_t n = 1 + random_below(&r, round % 3 ? 6 : 40);
        unsigned kind = round % KINDS;
        fill(&r, kind, x, n);
        fill(&r, round % 5 ? kind : (unsigned)random_below(&r, KINDS), y, n);
        if (round % 4 == 1) /* close to a line */
            for (size_t i = 0; i < n; i++) y[i] = x[i] * 0.5 + (double)random_below(&r, 3);
        for (size_t i = 0; i < n; i++)
            if (!isfinite(y[i])) y[i] = 1;
        feat_moments one, two, pairs;
        feat_moments_init(&one, FEAT_MOMENTS_4);
        feat_moments_init(&two, FEAT_MOMENTS_2);
        feat_moments_init(&pairs, FEAT_MOMENTS_PAIRS);
        bool right = feat_moments_add_array(&one, x, NULL, n) && feat_moments_add_array(&two, x, NULL, n) &&
                     feat_moments_add_array(&pairs, x, y, n);
        for (int s = FEAT_STATISTIC_VAR_POP; s < FEAT_STATISTIC_COVAR_POP; s++)
            right &= result_is_right(s <= FEAT_STATISTIC_SEM ? &two : &one, (feat_statistic)s, x, y, n);
        for (int s = FEAT_STATISTIC_COVAR_POP; s <= FEAT_STATISTIC_TREND; s++)
            right &= result_is_right(&pairs, (feat_statistic)s, x, y, n);
        ck_assert_msg(right, "round %u, kind %u", round, kind);
        feat_moments_done(&one);
        feat_moments_done(&two);
        feat_moments_done(&pairs);
    }
}
END_TEST

/* Ties of the quotient and of the root: halfway between two doubles goes to the even one. */
START_TEST(test_ties) {
    random_state r = {5};
    for (unsigned round = 0; round < 4000; round++) {
        /* var_pop of {a, -a} is a^2; of {a, a, -a, -a} too, and its root is a: exact. With a of 27 bits a^2 has 54. */
        double a = (double)((random_below(&r, 1 << 26) | 1 << 26) | 1), values[2] = {a, -a};
        values[0] *= 0x1p-900;
        values[1] *= 0x1p-900;
        feat_moments m;
        feat_moments_init(&m, FEAT_MOMENTS_2);
        ck_assert(feat_moments_add_array(&m, values, NULL, 2));
        ck_assert(result_is_right(&m, FEAT_STATISTIC_VAR_POP, values, values, 2));
        ck_assert(result_is_right(&m, FEAT_STATISTIC_STDDEV_POP, values, values, 2));
        double root = 0;
        ck_assert(feat_moments_result(&m, FEAT_STATISTIC_STDDEV_POP, &root) && root == values[0]);
        feat_moments_done(&m);
        /* Below the least normal double. */
        for (int i = 0; i < 2; i++) values[i] = ldexp(i ? -a : a, -1074 - (int)random_below(&r, 27) / 2);
        feat_moments_init(&m, FEAT_MOMENTS_2);
        ck_assert(feat_moments_add_array(&m, values, NULL, 2));
        ck_assert(result_is_right(&m, FEAT_STATISTIC_STDDEV_POP, values, values, 2));
        for (int i = 0; i < 2; i++) values[i] = ldexp(i ? -a : a, -550 - (int)random_below(&r, 40));
        feat_moments_done(&m);
        feat_moments_init(&m, FEAT_MOMENTS_2);
        ck_assert(feat_moments_add_array(&m, values, NULL, 2));
        ck_assert(result_is_right(&m, FEAT_STATISTIC_VAR_POP, values, values, 2));
        feat_moments_done(&m);
    }
}
END_TEST

/* Limbs on which long division guesses wrong. */
static void hard_limbs(random_state *r, feat_big *out, unsigned n) {
    const uint64_t hard[] = {0, 1, UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1, UINT64_MAX, UINT64_MAX - 1, 2, 3};
    out->negative = random_below(r, 2);
    out->low = (int)random_below(r, 7) - 3;
    out->n = n;
    for (unsigned i = 0; i < n; i++) out->limbs[i] = random_below(r, 5) ? hard[random_below(r, 8)] : random_u64(r);
    out->limbs[0] |= 1;
    if (out->limbs[n - 1] == 0) out->limbs[n - 1] = hard[1 + random_below(r, 5)];
}

static void exactly_big(mpq_t out, const feat_big *a) {
    mpz_import(mpq_numref(out), a->n, -1, sizeof *a->limbs, 0, 0, a->limbs);
    mpz_set_ui(mpq_denref(out), 1);
    if (a->low >= 0) mpq_mul_2exp(out, out, 64 * (mp_bitcnt_t)a->low);
    else mpq_div_2exp(out, out, 64 * (mp_bitcnt_t)-a->low);
    if (a->negative) mpq_neg(out, out);
}

START_TEST(test_quotients) {
    random_state r = {12};
    mpq_t x, y;
    mpq_inits(x, y, NULL);
    unsigned wrong = 0;
    for (unsigned round = 0; round < rounds_of(60000); round++) {
        feat_big p, q;
        hard_limbs(&r, &p, 1 + (unsigned)random_below(&r, 6));
        hard_limbs(&r, &q, 1 + (unsigned)random_below(&r, 4));
        exactly_big(x, &p);
        exactly_big(y, &q);
        mpq_div(x, x, y);
        wrong += !is_nearest(feat_big_quotient(&p, &q, 0), x, false) || !is_nearest(feat_big_root(&p, &q, 0), x, true);
    }
    ck_assert_uint_eq(wrong, 0);
    /* Just below the middle of two doubles: a digit of the quotient is first guessed one too large. */
    for (unsigned round = 0; round < 2000; round++) {
        feat_big middle, product, p, q, one;
        feat_big_of_int(&middle, (INT64_C(1) << 53) + 1 + 2 * (int64_t)random_below(&r, UINT64_C(1) << 52));
        middle.low = 3;
        hard_limbs(&r, &q, 3 + (unsigned)random_below(&r, 3));
        q.low = 0;
        feat_big_multiply(&product, &middle, &q);
        feat_big_of_int(&one, q.negative ? -1 : 1);
        feat_big_add(&p, &product, &one, round % 2);
        exactly_big(x, &p);
        exactly_big(y, &q);
        mpq_div(x, x, y);
        wrong += !is_nearest(feat_big_quotient(&p, &q, 0), x, false);
    }
    ck_assert_uint_eq(wrong, 0);
    /* Roots just above and below the middle of two doubles: k^2 + k and k^2 + k + 1, of which (k + 1/2)^2 is between.
     */
    for (unsigned round = 0; round < 2000; round++) {
        feat_big p, q, square, sum;
        int64_t k = (INT64_C(1) << 52) + (int64_t)random_below(&r, UINT64_C(1) << 52);
        feat_big_of_int(&p, k);
        feat_big_of_int(&q, k + 1);
        feat_big_multiply(&square, &p, &q);
        feat_big_of_int(&q, 1);
        feat_big_add(&sum, &square, &q, false);
        wrong += feat_big_root(&square, &q, 0) != (double)k || feat_big_root(&sum, &q, 0) != (double)(k + 1);
    }
    ck_assert_uint_eq(wrong, 0);
    mpq_clears(x, y, NULL);
}
END_TEST

START_TEST(test_whole_numbers) {
    random_state r = {6};
    for (unsigned round = 0; round < 500; round++) {
        feat_moments m, doubles;
        double y[6], x[6];
        int64_t whole[6];
        bool wide = round % 2;
        feat_moments_init(&m, FEAT_MOMENTS_PAIRS);
        feat_moments_init(&doubles, FEAT_MOMENTS_PAIRS);
        fill(&r, round % KINDS, y, 6);
        mpq_t c, v, mean_x, mean_y, a, b;
        mpq_inits(c, v, mean_x, mean_y, a, b, NULL);
        for (int i = 0; i < 6; i++) {
            whole[i] =
                wide ? (int64_t)random_u64(&r) : (int64_t)random_below(&r, UINT64_C(1) << 53) - (INT64_C(1) << 52);
            x[i] = (double)whole[i];
            ck_assert(feat_moments_add_whole(&m, whole[i], y[i]));
            ck_assert(feat_moments_add(&doubles, x[i], y[i]));
            mpq_set_si(a, whole[i], 1);
            mpq_add(mean_x, mean_x, a);
            exactly(b, y[i]);
            mpq_add(mean_y, mean_y, b);
        }
        scale(mean_x, 6, true);
        scale(mean_y, 6, true);
        for (int i = 0; i < 6; i++) {
            mpq_set_si(a, whole[i], 1);
            exactly(b, y[i]);
            mpq_sub(a, a, mean_x);
            mpq_sub(b, b, mean_y);
            mpq_mul(b, b, a);
            mpq_add(c, c, b);
            mpq_mul(a, a, a);
            mpq_add(v, v, a);
        }
        mpq_div(c, c, v);
        scale(c, 1000000, false);
        double trend = 0;
        ck_assert(feat_moments_result(&m, FEAT_STATISTIC_TREND, &trend));
        ck_assert(is_nearest(trend, c, false));
        ck_assert(wide || same_bytes(&m, &doubles));
        mpq_clears(c, v, mean_x, mean_y, a, b, NULL);
        feat_moments_done(&m);
        feat_moments_done(&doubles);
    }
}
END_TEST

#endif

START_TEST(test_by_hand) {
    const double x[] = {1, 2, 4, 9}, huge[] = {1e308, -1e308, 1e308, 5}, line[] = {3, 5, 9, 19};
    double got = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_4);
    ck_assert(!feat_moments_result(&m, FEAT_STATISTIC_VAR_POP, &got));
    ck_assert(feat_moments_add_array(&m, x, NULL, 4));
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_VAR_POP, &got) && got == 9.5);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_VAR_SAMP, &got) && got == 38.0 / 3);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_KURTOSIS_POP, &got) && got == -1.0);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_KURTOSIS, &got) && got == 1.5);
    feat_moments_done(&m);
    feat_moments_init(&m, FEAT_MOMENTS_4);
    ck_assert(feat_moments_add_array(&m, huge, NULL, 4));
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_VAR_POP, &got) && got == INFINITY);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_STDDEV_POP, &got) && got > 8e307 && got < 9e307);
    /* Infinities and NaN are counted, and taken away again. */
    ck_assert(feat_moments_add(&m, NAN, 0) && feat_moments_add(&m, -INFINITY, 0));
    for (int s = FEAT_STATISTIC_VAR_POP; s < FEAT_STATISTIC_COVAR_POP; s++)
        ck_assert(feat_moments_result(&m, (feat_statistic)s, &got) && feat_double_bits(got) == FEAT_NAN_BITS);
    ck_assert(feat_moments_remove(&m, INFINITY, 0) && feat_moments_remove(&m, NAN, 0));
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_VAR_POP, &got) && got == INFINITY);
    feat_moments_done(&m);
    feat_moments_init(&m, FEAT_MOMENTS_PAIRS);
    ck_assert(feat_moments_add_array(&m, x, line, 4));
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_REGR_SLOPE, &got) && got == 2);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_REGR_INTERCEPT, &got) && got == 1);
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_CORR, &got) && got == 1);
    ck_assert(feat_moments_add(&m, 1, NAN));
    ck_assert(feat_moments_result(&m, FEAT_STATISTIC_CORR, &got) && feat_double_bits(got) == FEAT_NAN_BITS);
    feat_moments_done(&m);
}
END_TEST

/* ---- the group ------------------------------------------------------------------------------------------------ */

START_TEST(test_group) {
    random_state r = {2};
    static double x[MOST], y[MOST];
    for (unsigned round = 0; round < rounds_of(1500); round++) {
        feat_moments_kind kind = (feat_moments_kind)(FEAT_MOMENTS_2 + round % 4);
        size_t n = 1 + random_below(&r, round % 50 ? 40 : MOST), cut = random_below(&r, n + 1);
        bool pairs = kind == FEAT_MOMENTS_PAIRS;
        fill(&r, (round / 4) % KINDS, x, n);
        fill(&r, (unsigned)random_below(&r, KINDS), y, n);
        if (round % 6 == 0) x[random_below(&r, n)] = round % 4 ? NAN : INFINITY;
        if (round % 7 == 0) y[random_below(&r, n)] = -INFINITY;
        feat_moments whole, array, left, right;
        feat_moments_init(&whole, kind);
        feat_moments_init(&array, kind);
        feat_moments_init(&left, kind);
        feat_moments_init(&right, kind);
        bool good = feat_moments_add_array(&array, x, pairs ? y : NULL, n);
        good &= add_all(&left, x, y, cut) && add_all(&right, x + cut, y + cut, n - cut);
        shuffle(&r, x, y, n);
        good &= add_all(&whole, x, y, n) && same_bytes(&whole, &array);
        ck_assert_msg(good, "round %u: arrays", round);
        good &= feat_moments_merge(&left, &right) && same_bytes(&left, &whole);
        ck_assert_msg(good, "round %u: merged", round);
        good &= feat_moments_unmerge(&array, &right) && feat_moments_merge(&array, &right);
        good &= same_bytes(&array, &whole);
        good &= feat_moments_unmerge(&left, &left) && is_empty(&left);
        ck_assert_msg(good, "round %u: unmerged", round);
        /* Nothing that was may show: values leave in another order than they came. */
        shuffle(&r, x, y, n);
        for (size_t i = 0; i < n; i++) {
            good &= feat_moments_remove(&whole, x[i], y[i]);
            if (n < 50 && i + 1 < n && i % 3 == 0) {
                feat_moments rest;
                feat_moments_init(&rest, kind);
                good &= add_all(&rest, x + i + 1, y + i + 1, n - i - 1) && same_bytes(&rest, &whole);
                feat_moments_done(&rest);
            }
        }
        good &= is_empty(&whole);
        ck_assert_msg(good, "round %u: removed", round);
        /* Below nothing and back. */
        for (size_t i = 0; i < n && i < 20; i++) good &= feat_moments_remove(&whole, x[i], y[i]);
        good &= same_bytes(&whole, &whole);
        good &= add_all(&whole, x, y, n < 20 ? n : 20) && is_empty(&whole);
        ck_assert_msg(good, "round %u: below nothing", round);
        feat_moments_done(&whole);
        feat_moments_done(&array);
        feat_moments_done(&left);
        feat_moments_done(&right);
    }
}
END_TEST

/* Twice as many, up to 2^62 of them: carries go to the highest limbs, of both signs, and come back. */
START_TEST(test_growth) {
    const double starts[] = {1.0, -1.0, DBL_MAX, -DBL_MAX, 0x1p-1074, -0x1.fffffffffffffp-500};
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        for (int kind = FEAT_MOMENTS_2; kind <= FEAT_MOMENTS_PAIRS; kind++) {
            feat_moments m, powers[63];
            feat_moments_init(&m, (feat_moments_kind)kind);
            bool good = feat_moments_add(&m, starts[s], -starts[s]);
            for (int i = 0; i < 62; i++) {
                feat_moments_init(&powers[i], (feat_moments_kind)kind);
                good &= feat_moments_merge(&powers[i], &m) && feat_moments_merge(&m, &m) && same_bytes(&m, &m);
            }
            double got = 1;
            ck_assert(good && m.n == INT64_C(1) << 62);
            ck_assert(kind == FEAT_MOMENTS_PAIRS ||
                      (feat_moments_result(&m, FEAT_STATISTIC_VAR_POP, &got) && got == 0));
            for (int i = 62; i-- > 0;) good &= feat_moments_unmerge(&m, &powers[i]) && same_bytes(&m, &powers[i]);
            good &= feat_moments_remove(&m, starts[s], -starts[s]) && is_empty(&m);
            ck_assert(good);
            for (int i = 0; i < 62; i++) feat_moments_done(&powers[i]);
            feat_moments_done(&m);
        }
    }
}
END_TEST

/* Many of one sign whose bits lie at the edge of two limbs, so that the highest limb in use runs full. */
START_TEST(test_full_limbs) {
    static double x[6000], y[6000];
    for (int edge = 60; edge < 66; edge++) {
        for (int sign = -1; sign < 2; sign += 2) {
            for (size_t i = 0; i < 6000; i++) {
                x[i] = sign * ldexp(0x1.fffffffffffffp0, edge + 64 * 7 - 1023);
                y[i] = -x[i];
            }
            for (int kind = FEAT_MOMENTS_2; kind <= FEAT_MOMENTS_PAIRS; kind++) {
                feat_moments array, single;
                double got = 1;
                feat_moments_init(&array, (feat_moments_kind)kind);
                feat_moments_init(&single, (feat_moments_kind)kind);
                ck_assert(feat_moments_add_array(&array, x, kind == FEAT_MOMENTS_PAIRS ? y : NULL, 6000));
                ck_assert(add_all(&single, x, y, 6000) && same_bytes(&array, &single));
                feat_statistic flat = kind == FEAT_MOMENTS_PAIRS ? FEAT_STATISTIC_COVAR_POP : FEAT_STATISTIC_VAR_POP;
                ck_assert(feat_moments_result(&single, flat, &got) && got == 0);
                bool good = true;
                for (size_t i = 0; i < 6000; i++) good &= feat_moments_remove(&single, x[i], y[i]);
                ck_assert(good && is_empty(&single));
                feat_moments_done(&array);
                feat_moments_done(&single);
            }
        }
    }
}
END_TEST

START_TEST(test_memory_is_out) {
    const double far[] = {1, 1e300, 1e-300};
    for (int kind = FEAT_MOMENTS_2; kind <= FEAT_MOMENTS_PAIRS; kind++) {
        unsigned failures = 0;
        for (int64_t n = 1; n < 30; n++) {
            feat_moments m, before;
            feat_moments_init(&m, (feat_moments_kind)kind);
            feat_moments_init(&before, (feat_moments_kind)kind);
            ck_assert(feat_moments_add(&m, 3, 4) && feat_moments_add(&before, 3, 4));
            feat_alloc_fail_after(n);
            bool good = true;
            for (int i = 0; i < 3 && good; i++) {
                good = feat_moments_add(&m, far[i], far[i]);
                if (!good) break;
                feat_alloc_fail_after(0);
                ck_assert(feat_moments_add(&before, far[i], far[i]));
                feat_alloc_fail_after(n);
            }
            feat_alloc_fail_after(0);
            failures += !good;
            ck_assert(same_bytes(&m, &before));
            feat_alloc_fail_after(n);
            feat_moments_merge(&m, &before);
            feat_moments_done(&m);
            feat_moments_init(&m, (feat_moments_kind)kind);
            feat_moments_add_array(&m, far, kind == FEAT_MOMENTS_PAIRS ? far : NULL, 3);
            feat_alloc_fail_after(0);
            feat_moments_done(&m);
            feat_moments_done(&before);
        }
        ck_assert_uint_gt(failures, 0);
    }
}
END_TEST

START_TEST(test_forged_bytes) {
    random_state r = {9};
    unsigned accepted = 0;
    for (unsigned round = 0; round < rounds_of(20000); round++) {
        uint8_t raw[FEAT_MOMENTS_MAX_BYTES + 20];
        size_t size = 0;
        if (round % 2) { /* of a state, with a byte or two changed */
            double x[8], y[8];
            feat_moments m;
            feat_buffer bytes;
            feat_moments_init(&m, (feat_moments_kind)(2 + round % 4));
            feat_buffer_init(&bytes);
            fill(&r, (unsigned)random_below(&r, KINDS), x, 8);
            fill(&r, (unsigned)random_below(&r, KINDS), y, 8);
            ck_assert(add_all(&m, x, y, 8));
            feat_moments_write(&m, &bytes);
            memcpy(raw, bytes.data, bytes.size);
            size = bytes.size;
            for (unsigned i = 0; i < round % 3; i++)
                raw[random_below(&r, size)] = (uint8_t)(random_below(&r, 2) ? 0 : random_u64(&r));
            if (round % 5 == 0) size -= random_below(&r, size);
            feat_buffer_done(&bytes);
            feat_moments_done(&m);
        } else {
            raw[size++] = (uint8_t)(1 + random_below(&r, 6));
            for (int i = 0; i < 16; i++) raw[size++] = (uint8_t)(random_below(&r, 3) ? random_u64(&r) : 255);
            for (int sum = 0; sum < 5; sum++) {
                raw[size++] = (uint8_t)random_below(&r, 40);
                unsigned n = raw[size++] = (uint8_t)random_below(&r, 34);
                for (unsigned i = 0; i < 8 * n; i++)
                    raw[size++] = (uint8_t)(random_below(&r, 3) ? random_u64(&r) : 255);
            }
        }
        feat_moments m, total;
        feat_cursor cursor;
        feat_cursor_init(&cursor, raw, size);
        feat_status status = feat_moments_read(&m, &cursor, NULL);
        ck_assert(status == FEAT_OK || status == FEAT_CORRUPT);
        if (status != FEAT_OK) continue;
        accepted++;
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        feat_moments_write(&m, &bytes);
        ck_assert(bytes.size == (size_t)(cursor.at - raw) && memcmp(bytes.data, raw, bytes.size) == 0);
        feat_buffer_done(&bytes);
        /* Whatever they say, sums and results stay in bounds. */
        double got;
        feat_moments_init(&total, m.kind);
        for (int i = 0; i < 70; i++) ck_assert(feat_moments_merge(&total, &m) && feat_moments_merge(&total, &total));
        ck_assert(feat_moments_unmerge(&m, &total));
        m.special = total.special = 0;
        for (int k = 0; k < 2; k++) {
            feat_moments *of = k ? &total : &m;
            if (k) of->n = INT64_MAX - (int64_t)random_below(&r, 3);
            for (int s = 0; s <= FEAT_STATISTIC_TREND; s++) {
                bool pairs = s >= FEAT_STATISTIC_COVAR_POP;
                int needs = s < FEAT_STATISTIC_SKEWNESS ? 2 : s == FEAT_STATISTIC_SKEWNESS ? 3 : 4;
                if (pairs == (of->kind == FEAT_MOMENTS_PAIRS) && (pairs || (int)of->kind >= needs))
                    feat_moments_result(of, (feat_statistic)s, &got);
            }
        }
        feat_moments_done(&total);
        feat_moments_done(&m);
    }
    ck_assert_uint_gt(accepted, 3000);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("moments");
    TCase *tests = tcase_create("moments");
    tcase_set_timeout(tests, 0);
    tcase_add_test(tests, test_by_hand);
#ifdef HAVE_GMP
    tcase_add_test(tests, test_results);
    tcase_add_test(tests, test_ties);
    tcase_add_test(tests, test_quotients);
    tcase_add_test(tests, test_whole_numbers);
#endif
    tcase_add_test(tests, test_group);
    tcase_add_test(tests, test_growth);
    tcase_add_test(tests, test_full_limbs);
    tcase_add_test(tests, test_memory_is_out);
    tcase_add_test(tests, test_forged_bytes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
