/* Exact sums in a cache line: the same group as feat_exact, told by canonical bytes. FEAT_TEST_LONG=1 tries more;
 * FEAT_TEST_TIMES=1 prints what the form costs and how often a sum outgrows it. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "math/elementary.h"
#include "math/exact_small.h"
#include "random.h"

static feat_exact sum_of(const double *values, size_t n) {
    feat_exact sum;
    feat_exact_init(&sum);
    for (size_t i = 0; i < n; i++) feat_exact_add(&sum, values[i]);
    return sum;
}

/* Same value, bytes and results as the dense sum; and both ways between the forms. */
static void assert_same(const feat_exact_small *small, const feat_exact *dense, const char *what, unsigned round) {
    feat_buffer bytes, expected;
    feat_buffer_init(&bytes);
    feat_buffer_init(&expected);
    feat_exact_small_write(small, &bytes);
    feat_exact_write(dense, &expected);
    ck_assert_msg(bytes.size == expected.size && memcmp(bytes.data, expected.data, bytes.size) == 0,
                  "%s %u: other bytes", what, round);
    bool same = feat_double_bits(feat_exact_small_round(small)) == feat_double_bits(feat_exact_round(dense));
    for (int64_t n = -1; n < 4; n++)
        same &= feat_double_bits(feat_exact_small_mean(small, n)) == feat_double_bits(feat_exact_mean(dense, n));
    same &= feat_exact_small_is_zero(small) == feat_exact_is_zero(dense);
    feat_exact there;
    feat_exact_of_small(&there, small);
    same &= feat_exact_equal(&there, dense);
    ck_assert_msg(same, "%s %u: other results", what, round);
    feat_exact_small back;
    if (feat_exact_small_of(&back, dense)) {
        feat_buffer_clear(&bytes);
        feat_exact_small_write(&back, &bytes);
        ck_assert_msg(bytes.size == expected.size && memcmp(bytes.data, expected.data, bytes.size) == 0,
                      "%s %u: made small", what, round);
    }
    feat_cursor cursor;
    bool fits;
    feat_cursor_init(&cursor, expected.data, expected.size);
    ck_assert_int_eq(feat_exact_small_read(&back, &cursor, &fits, NULL), FEAT_OK);
    if (fits) {
        ck_assert(cursor.at == cursor.end);
        feat_exact_of_small(&there, &back);
        ck_assert_msg(feat_exact_equal(&there, dense), "%s %u: read", what, round);
    } else {
        ck_assert(cursor.at == (const uint8_t *)expected.data);
    }
    feat_buffer_done(&bytes);
    feat_buffer_done(&expected);
}

static void shuffle(random_state *r, double *values, size_t n) {
    for (size_t i = n; i > 1; i--) {
        size_t j = random_below(r, i);
        double t = values[i - 1];
        values[i - 1] = values[j];
        values[j] = t;
    }
}

/* Values of which the least bit of any and the greatest lie within `span` binades and 53 bits. */
static void fill(random_state *r, double *values, size_t n, unsigned span) {
    unsigned low = (unsigned)random_below(r, 2047 - (span < 2046 ? span : 2046));
    for (size_t i = 0; i < n; i++) {
        values[i] = random_double(r, low, span ? span : 1);
        if (random_below(r, 40) == 0) values[i] = random_below(r, 2) ? 0.0 : -0.0;
    }
}

START_TEST(test_terms_come_and_go) {
    random_state r = {1};
    static double values[4000];
    unsigned rounds = getenv("FEAT_TEST_LONG") ? 100000 : 4000;
    unsigned kept = 0;
    for (unsigned round = 0; round < rounds; round++) {
        size_t n = 1 + random_below(&r, round % 20 ? 60 : 4000);
        unsigned spans[] = {0, 1, 20, 60, 100, 130, 200, 2046}, span = spans[round % 8];
        fill(&r, values, n, span);
        if (round % 5 == 0) values[random_below(&r, n)] = round % 2 ? INFINITY : NAN;
        if (round % 7 == 0) values[random_below(&r, n)] = -INFINITY;
        feat_exact_small small;
        feat_exact dense;
        feat_exact_small_init(&small);
        feat_exact_init(&dense);
        bool fits = true;
        for (size_t i = 0; i < n && fits; i++) {
            fits = feat_exact_small_add(&small, values[i]);
            if (!fits) { /* what it was, whatever became of the window */
                assert_same(&small, &dense, "refused", round);
                ck_assert_uint_gt(span, 100);
                break;
            }
            feat_exact_add(&dense, values[i]);
            if ((n < 60 && round % 4 == 0) || i % 997 == 0) assert_same(&small, &dense, "added", round);
        }
        if (!fits) continue;
        kept++;
        assert_same(&small, &dense, "sum", round);
        shuffle(&r, values, n);
        for (size_t i = 0; i < n && fits; i++) {
            fits = feat_exact_small_sub(&small, values[i]);
            if (fits) feat_exact_sub(&dense, values[i]);
            if (!fits || (n < 60 && round % 4 == 0) || i % 997 == 0) assert_same(&small, &dense, "left", round);
        }
        if (!fits) { /* what is left may need more digits than there were at any time before */
            ck_assert_uint_gt(span, 100);
            continue;
        }
        ck_assert(feat_exact_small_is_zero(&small));
        ck_assert(!signbit(feat_exact_small_round(&small)));
        /* An empty window moves anywhere. */
        for (int k = 0; k < 3; k++) {
            double far = random_double(&r, 0, 2047);
            ck_assert(feat_exact_small_add(&small, far));
            ck_assert(feat_double_bits(feat_exact_small_round(&small)) == feat_double_bits(far + 0.0));
            ck_assert(feat_exact_small_sub(&small, far));
        }
    }
    ck_assert_uint_gt(kept, rounds / 2);
}
END_TEST

START_TEST(test_merge_and_unmerge) {
    random_state r = {2};
    static double values[3000];
    unsigned rounds = getenv("FEAT_TEST_LONG") ? 200000 : 12000;
    unsigned merged = 0, refused = 0;
    for (unsigned round = 0; round < rounds; round++) {
        size_t n = 2 + random_below(&r, round % 50 ? 30 : 2998), cut = random_below(&r, n);
        unsigned spans[] = {1, 30, 60, 120, 300};
        fill(&r, values, n, spans[round % 5]);
        if (round % 11 == 0) values[random_below(&r, n)] = NAN;
        feat_exact_small left, right;
        feat_exact_small_init(&left);
        feat_exact_small_init(&right);
        bool fits = true;
        for (size_t i = 0; i < n; i++) fits = fits && feat_exact_small_add(i < cut ? &left : &right, values[i]);
        if (!fits) continue;
        feat_exact whole = sum_of(values, n), first = sum_of(values, cut), second = sum_of(values + cut, n - cut);
        feat_exact_small sum = left;
        if (!feat_exact_small_merge(&sum, &right)) {
            refused++;
            assert_same(&sum, &first, "refused", round);
            continue;
        }
        merged++;
        assert_same(&sum, &whole, "merged", round);
        if (!feat_exact_small_unmerge(&sum, &left)) { /* see above */
            ck_assert_uint_gt(spans[round % 5], 100);
            assert_same(&sum, &whole, "kept", round);
            continue;
        }
        assert_same(&sum, &second, "unmerged", round);
        ck_assert(feat_exact_small_unmerge(&sum, &right));
        ck_assert(feat_exact_small_is_zero(&sum));
        /* Sums of themselves. */
        sum = left;
        for (int twice = 0; twice < 12; twice++)
            if (!feat_exact_small_merge(&sum, &sum)) fits = false;
        for (int i = 0; i < 4096 && fits; i++) fits = feat_exact_small_unmerge(&sum, &left);
        if (fits) ck_assert(feat_exact_small_is_zero(&sum));
        ck_assert(feat_exact_small_unmerge(&left, &left) && feat_exact_small_is_zero(&left));
    }
    ck_assert_uint_gt(merged, rounds / 2);
    ck_assert_uint_gt(refused, 0);
}
END_TEST

/* A sum that grows: carries reach the highest digit, the window moves up, and in the end it is refused. */
START_TEST(test_growth) {
    const double starts[] = {1.0, -1.0, 0x1.fffffffffffffp0, -0x1.fffffffffffffp31, DBL_MAX, -DBL_MAX, 0x1p-1074};
    for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
        feat_exact_small sum;
        feat_exact dense;
        feat_exact_small_init(&sum);
        feat_exact_init(&dense);
        ck_assert(feat_exact_small_add(&sum, starts[s]) && feat_exact_small_sub(&sum, starts[s] * 0x1p-30));
        feat_exact_add(&dense, starts[s]);
        feat_exact_sub(&dense, starts[s] * 0x1p-30);
        unsigned times = 0;
        while (times < 400 && feat_exact_small_merge(&sum, &sum)) {
            if (times < 70) feat_exact_merge(&dense, &dense);
            if (times < 70) assert_same(&sum, &dense, "twice", times);
            times++;
        }
        ck_assert_uint_gt(times, 70);
        feat_exact_small one;
        feat_exact_small_init(&one);
        bool fits = true;
        for (int i = 0; i < 200000; i++) fits &= feat_exact_small_add(&one, starts[s]);
        ck_assert(fits);
        ck_assert(feat_double_bits(feat_exact_small_mean(&one, 200000)) == feat_double_bits(starts[s]));
    }
}
END_TEST

START_TEST(test_specials) {
    feat_exact_small sum, other;
    feat_exact_small_init(&sum);
    ck_assert(feat_exact_small_add(&sum, 2.0) && feat_exact_small_add(&sum, INFINITY));
    ck_assert(isinf(feat_exact_small_round(&sum)));
    ck_assert(feat_exact_small_add(&sum, -INFINITY));
    ck_assert(isnan(feat_exact_small_round(&sum)));
    ck_assert(feat_exact_small_sub(&sum, INFINITY) && feat_exact_small_sub(&sum, -INFINITY));
    ck_assert(feat_exact_small_round(&sum) == 2.0);
    /* Counters are narrower than those of the dense form. */
    other = sum;
    other.nans = INT32_MAX;
    ck_assert(!feat_exact_small_add(&other, NAN) && other.nans == INT32_MAX);
    ck_assert(!feat_exact_small_merge(&other, &other) && other.nans == INT32_MAX);
    feat_exact many;
    feat_exact_init(&many);
    many.nans = INT64_C(1) << 40;
    ck_assert(!feat_exact_small_of(&other, &many));
}
END_TEST

START_TEST(test_forged_bytes) {
    random_state r = {19};
    unsigned accepted = 0, small = 0;
    feat_exact_small total;
    feat_exact_small_init(&total);
    for (int round = 0; round < 40000; round++) {
        uint8_t raw[FEAT_EXACT_MAX_BYTES];
        for (size_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)(random_below(&r, 3) ? random_u64(&r) : 255);
        raw[0] &= 1;
        raw[1] = (uint8_t)random_below(&r, 75);
        raw[2] = (uint8_t)random_below(&r, round % 2 ? 8 : 75);
        feat_exact_small sum;
        feat_exact dense;
        feat_cursor cursor, reference;
        bool fits = false;
        feat_exact_small_init(&sum);
        feat_cursor_init(&cursor, raw, sizeof raw);
        feat_cursor_init(&reference, raw, sizeof raw);
        feat_status expected = feat_exact_read(&dense, &reference, NULL);
        ck_assert_int_eq(feat_exact_small_read(&sum, &cursor, &fits, NULL), expected);
        if (expected != FEAT_OK) {
            ck_assert(feat_exact_small_is_zero(&sum));
            continue;
        }
        accepted++;
        if (!fits) continue;
        small++;
        ck_assert(cursor.at == reference.at);
        assert_same(&sum, &dense, "forged", (unsigned)round);
        if (!feat_exact_small_merge(&total, &sum)) total = sum; /* stays in bounds, whatever they are */
        for (int k = 0; k < 8; k++)
            if (!feat_exact_small_merge(&total, &total)) feat_exact_small_init(&total);
        feat_exact_small_round(&total);
    }
    ck_assert_uint_gt(accepted, 10000);
    ck_assert_uint_gt(small, 3000);
}
END_TEST

/* ---- on request ----------------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double normal(random_state *r) {
    double sum = 0;
    for (int k = 0; k < 12; k++) sum += (double)(random_u64(r) >> 11) * 0x1p-53;
    return sum - 6;
}

static double value_of(random_state *r, int kind) {
    switch (kind) {
    case 0: return normal(r);
    case 1: return nearbyint(feat_exp(3 + 1.2 * normal(r)) * 100) / 100;
    case 2: return feat_exp(20 * ((double)(random_u64(r) >> 11) * 0x1p-53) - 10);
    case 3: return random_double(r, 960, 128);
    default: return random_double(r, 0, 2047);
    }
}

static double least(double a, double b) { return a < b ? a : b; }

static void print_times(void) {
    enum { KEYS = 1 << 16, TERMS = 64 };
    static const char *const kinds[] = {"normal", "cents", "e^-10..10", "128 binades", "all doubles"};
    feat_exact_small *sums = malloc(KEYS * sizeof *sums);
    feat_exact *dense = malloc(KEYS * sizeof *dense);
    double *values = malloc(KEYS * sizeof *values);
    for (int kind = 0; kind < 5; kind++) {
        random_state r = {5};
        size_t spilled = 0;
        for (size_t k = 0; k < KEYS; k++) {
            feat_exact_small_init(&sums[k]);
            feat_exact_init(&dense[k]);
        }
        double taken[4] = {1, 1, 1, 1}, results[3] = {1, 1, 1}, sink = 0;
        for (int t = 0; t < TERMS; t++) {
            for (size_t k = 0; k < KEYS; k++) values[k] = value_of(&r, kind);
            double a = seconds();
            for (size_t k = 0; k < KEYS; k++) {
                size_t key = (k * 40503) % KEYS; /* scattered, as keys of events are */
                if (!feat_exact_small_add(&sums[key], values[k])) {
                    feat_exact_small_init(&sums[key]);
                    spilled++;
                }
            }
            double b = seconds();
            for (size_t k = 0; k < KEYS; k++) feat_exact_add(&dense[(k * 40503) % KEYS], values[k]);
            double c = seconds();
            for (size_t k = 0; k < KEYS; k++)
                if (!feat_exact_small_add(&sums[k & 15], values[k])) feat_exact_small_init(&sums[k & 15]);
            double d = seconds();
            for (size_t k = 0; k < KEYS; k++) feat_exact_add(&dense[k & 15], values[k]);
            double e = seconds();
            const double now[] = {b - a, c - b, d - c, e - d};
            for (size_t k = 0; k < 4; k++) taken[k] = least(taken[k], now[k]);
        }
        for (int t = 0; t < 5; t++) {
            feat_exact_small total = sums[0];
            double f = seconds();
            for (size_t k = 0; k < KEYS; k++) sink += feat_exact_small_round(&sums[k]);
            double g = seconds();
            for (size_t k = 0; k < KEYS; k++) sink += feat_exact_small_mean(&sums[k], 64);
            double h = seconds();
            for (size_t k = 1; k < KEYS; k++) sink += feat_exact_small_merge(&total, &sums[k]);
            const double now[] = {g - f, h - g, seconds() - h};
            for (size_t k = 0; k < 3; k++) results[k] = least(results[k], now[k]);
        }
        const double each = 1e9 / KEYS;
        printf("%-11s: outgrown %.4f %% of adds; ns: add to one of 65,536 %.1f (dense %.1f), of 16 %.2f (dense %.2f), "
               "round %.1f, mean %.1f, merge %.1f (%g)\n",
               kinds[kind], 100.0 * (double)spilled / ((double)KEYS * TERMS), taken[0] * each, taken[1] * each,
               taken[2] * each, taken[3] * each, results[0] * each, results[1] * each, results[2] * each, sink);
    }
    /* One sum of ten million terms: does it outgrow the window? */
    for (int kind = 0; kind < 4; kind++) {
        random_state r = {6};
        feat_exact_small sum;
        feat_exact_small_init(&sum);
        size_t n = 0;
        while (n < 10000000 && feat_exact_small_add(&sum, value_of(&r, kind))) n++;
        printf("%-11s: one sum holds %zu of 10,000,000 terms\n", kinds[kind], n);
    }
    free(sums);
    free(dense);
    free(values);
}

int main(void) {
    if (getenv("FEAT_TEST_TIMES")) print_times();
    Suite *suite = suite_create("math/exact_small");
    TCase *tc = tcase_create("exact_small");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_terms_come_and_go);
    tcase_add_test(tc, test_merge_and_unmerge);
    tcase_add_test(tc, test_growth);
    tcase_add_test(tc, test_specials);
    tcase_add_test(tc, test_forged_bytes);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
