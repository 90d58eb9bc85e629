/* Sums in 128-bit fixed point, one by one and in arrays, for every kind of processor that this one can stand for:
 * against the definition, and against the long way of rounding. FEAT_TEST_LONG=1 tries ten million sums;
 * FEAT_TEST_TIMES=1 prints what the loops cost. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "math/exact.h"
#include "math/exact_level.h"
#include "math/exact_round.h"
#include "random.h"

static const char *const level_names[] = {"baseline", "avx2", "avx512"};

static bool is_special(double value) { return !isfinite(value); }

/* ---- plan and prefix sums ------------------------------------------------------------------------------------- */

/* The definition of a plan: the bits of the terms, each looked at. */
static bool naive_plan(const double *values, size_t n, int *exponent) {
    int lowest = 4096, highest = -1, growth = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = feat_double_bits(values[i]) & ~FEAT_SIGN_BIT, mantissa = bits & FEAT_MANTISSA_BITS;
        if (is_special(values[i]) || bits == 0) continue;
        int field = (int)(bits >> 52), position = field ? field - 1 : 0;
        mantissa |= field ? FEAT_HIDDEN_BIT : 0;
        int low = position + __builtin_ctzll(mantissa), high = position + 63 - __builtin_clzll(mantissa);
        lowest = low < lowest ? low : lowest;
        highest = high > highest ? high : highest;
    }
    while ((size_t)1 << growth < n) growth++;
    *exponent = highest < 0 ? 0 : lowest - 1074;
    return highest < 0 || highest + 1 - lowest + growth <= 126;
}

enum { MOST = 700 };

static void fill(random_state *r, double *values, size_t n) {
    random_values(r, (unsigned)random_below(r, RANDOM_KINDS), values, n);
    const double odd[] = {INFINITY, -INFINITY, NAN, -NAN, 0.0, -0.0, 0x1p-1074, -0x1p-1074, 0x1p-1022, 1.0};
    if (random_below(r, 4) == 0)
        for (size_t i = 0; i < n; i++)
            if (random_below(r, 30) == 0) values[i] = odd[random_below(r, sizeof odd / sizeof *odd)];
    if (random_below(r, 4) == 0 && n) values[random_below(r, n)] = odd[random_below(r, 4)];
    if (random_below(r, 20) == 0)
        for (size_t i = 0; i < n; i++) values[i] = odd[random_below(r, 2) ? 4 : random_below(r, 6)];
}

START_TEST(test_plan) {
    random_state r = {1};
    static double values[MOST];
    int fitting = 0, rounds = getenv("FEAT_TEST_LONG") ? 300000 : 20000;
    for (int round = 0; round < rounds; round++) {
        size_t n = random_below(&r, round % 20 ? 40 : MOST), first = random_below(&r, 3);
        double *v = values + first;
        if (first + n > MOST) n = MOST - first;
        fill(&r, v, n);
        int exponent = 12345, tight;
        bool special, fits = feat_fixed_plan(v, n, &exponent, &special), any = false;
        ck_assert_msg(fits == naive_plan(v, n, &tight), "round %d: %s", round, fits ? "fits" : "does not fit");
        for (size_t i = 0; i < n; i++) any |= is_special(v[i]);
        ck_assert_msg(special == any, "round %d: special %d", round, special);
        if (!fits) {
            ck_assert_int_eq(exponent, 12345);
            continue;
        }
        fitting++;
        ck_assert_int_le(exponent, tight);
        ck_assert_int_ge(exponent, -1074);
        /* A sum in the unit of the plan cannot overflow either. */
        double limit = ldexp(1.0, 126 - (n > 1 ? 64 - __builtin_clzll(n - 1) : 0)) * ldexp(1.0, exponent / 2);
        for (size_t i = 0; i < n; i++)
            if (!is_special(v[i])) ck_assert(fabs(v[i]) * ldexp(1.0, -(exponent - exponent / 2)) <= limit);
    }
    ck_assert_int_gt(fitting, rounds / 4);
}
END_TEST

START_TEST(test_spans_of_all_levels) {
    random_state r = {2};
    static double values[MOST];
    for (int round = 0; round < 20000; round++) {
        size_t n = random_below(&r, round % 20 ? 40 : MOST);
        fill(&r, values, n);
        feat_exact_span first = FEAT_NO_SPAN;
        for (int level = 0; level <= (int)feat_math_level_best(); level++) {
            feat_exact_span span = FEAT_NO_SPAN;
            feat_exact_table_of((feat_math_level)level)->scan(values, n, &span);
            if (level == 0) first = span;
            ck_assert_msg(span.least >> 52 == first.least >> 52 && span.greatest >> 52 == first.greatest >> 52 &&
                              span.any == first.any && span.special == first.special,
                          "round %d, %s", round, level_names[level]);
        }
    }
}
END_TEST

START_TEST(test_prefix_sums_of_all_levels) {
    random_state r = {3};
    static double values[MOST];
    static feat_int128 prefix[MOST + 2];
    int planned = 0;
    for (int round = 0; round < 20000; round++) {
        size_t n = random_below(&r, round % 20 ? 40 : MOST);
        fill(&r, values, n);
        int exponent, tight;
        bool special;
        if (!feat_fixed_plan(values, n, &exponent, &special)) continue;
        if (random_below(&r, 2) && naive_plan(values, n, &tight)) exponent = tight; /* bits below the unit are zeros */
        planned++;
        feat_int128 start = (int64_t)random_u64(&r);
        for (int level = 0; level <= (int)feat_math_level_best() + 1; level++) {
            memset(prefix, 0x55, sizeof prefix);
            prefix[0] = start;
            if (level > (int)feat_math_level_best()) feat_fixed_prefix(values, n, exponent, prefix);
            else feat_exact_table_of((feat_math_level)level)->prefix(values, n, exponent, prefix);
            feat_int128 sum = start;
            bool same = true;
            for (size_t i = 0; i < n; i++) {
                same &= prefix[i] == sum;
                sum += feat_fixed_of(values[i], exponent);
            }
            feat_int128 untouched;
            memset(&untouched, 0x55, sizeof untouched);
            ck_assert_msg(same && prefix[n] == sum && prefix[n + 1] == untouched, "round %d, level %d", round, level);
        }
    }
    ck_assert_int_gt(planned, 5000);
}
END_TEST

/* ---- results -------------------------------------------------------------------------------------------------- */

static double long_round(feat_int128 sum, int exponent) {
    return feat_round_magnitude(sum < 0, feat_magnitude_of(sum), false, exponent);
}

static double long_mean(feat_int128 sum, int exponent, int64_t n) {
    if (n == 0) return 0.0;
    if (n < 0) return feat_double_of_bits(FEAT_NAN_BITS);
    return feat_round_quotient(sum < 0, feat_magnitude_of(sum), false, exponent, n);
}

/* Sums of all lengths; and quotients that lie on, or next to, a double or the middle between two. */
static feat_int128 random_sum(random_state *r, int64_t *count) {
    uint64_t n = random_u64(r) >> (random_below(r, 3) ? 37 + random_below(r, 27) : random_below(r, 64));
    if (n > INT64_MAX) n = INT64_MAX;
    feat_uint128 sum;
    switch (random_below(r, 4)) {
    case 0:
        sum = (feat_uint128)random_u64(r) << 64 | random_u64(r);
        sum >>= 1 + random_below(r, 127);
        break;
    case 1: /* few bits, far apart */
        sum = (feat_uint128)1 << random_below(r, 126);
        sum += (feat_uint128)(random_u64(r) >> 62) << random_below(r, 120);
        if (random_below(r, 2)) sum -= random_below(r, 3);
        sum &= ~((feat_uint128)1 << 127);
        break;
    default: { /* half units of the last place times n, moved by a little */
        feat_uint128 q = (UINT64_C(1) << 53 | random_u64(r) >> 11) | (random_below(r, 4) != 0);
        if (random_below(r, 8) == 0) q = (UINT64_C(1) << 54) - random_below(r, 3);
        if (n == 0) n = 1 + random_below(r, 1000);
        sum = q * n;
        int room = feat_leading_zeros(sum);
        if (room > 2) sum <<= random_below(r, (uint64_t)room - 1);
        if (random_below(r, 3) == 0) sum >>= random_below(r, 60);
        sum += random_below(r, 5);
        sum -= sum < 2 ? 0 : 2;
        sum &= ~((feat_uint128)1 << 127);
    }
    }
    *count = random_below(r, 1000) == 0 ? -(int64_t)n : random_below(r, 20) == 0 ? 0 : (int64_t)n;
    return random_below(r, 2) ? (feat_int128)sum : -(feat_int128)sum;
}

START_TEST(test_results_of_all_levels) {
    enum { BLOCK_OF_SUMS = 300 };
    static feat_int128 sums[BLOCK_OF_SUMS];
    static int64_t counts[BLOCK_OF_SUMS];
    static double rounded[BLOCK_OF_SUMS + 1], means[BLOCK_OF_SUMS + 1], out[BLOCK_OF_SUMS + 1];
    random_state r = {4};
    size_t cases = 0, wanted = getenv("FEAT_TEST_LONG") ? 20000000 : 500000, quick = 0;
    while (cases < wanted) {
        size_t n = random_below(&r, 5) ? BLOCK_OF_SUMS : random_below(&r, BLOCK_OF_SUMS);
        int exponent = random_below(&r, 4) ? (int)random_below(&r, 1600) - 800 : (int)random_below(&r, 2098) - 1074;
        bool tame = random_below(&r, 2); /* blocks in which no sum is too large for the quick way */
        for (size_t i = 0; i < n; i++) {
            sums[i] = random_sum(&r, &counts[i]);
            while (tame && feat_magnitude_of(sums[i]) >> 102) sums[i] /= 1 << 24;
            if (tame && (counts[i] >> 25 || counts[i] < 0)) counts[i] = (int64_t)random_below(&r, 1 << 26);
            rounded[i] = long_round(sums[i], exponent);
            means[i] = long_mean(sums[i], exponent, counts[i]);
            double one = feat_fixed_round(sums[i], exponent), mean = feat_fixed_mean(sums[i], exponent, counts[i]);
            quick += counts[i] >> 26 == 0 && feat_magnitude_of(sums[i]) >> 103 == 0;
            if (feat_double_bits(one) != feat_double_bits(rounded[i]))
                ck_abort_msg("round of %016llx%016llx: %a, not %a", (unsigned long long)(sums[i] >> 64),
                             (unsigned long long)sums[i], one, rounded[i]);
            if (feat_double_bits(mean) != feat_double_bits(means[i]) && counts[i] != 0)
                ck_abort_msg("mean of %016llx%016llx by %lld: %a, not %a", (unsigned long long)(sums[i] >> 64),
                             (unsigned long long)sums[i], (long long)counts[i], mean, means[i]);
        }
        rounded[n] = means[n] = 42.0; /* nothing is written past the end */
        cases += n;
        for (int level = 0; level <= (int)feat_math_level_best() + 1; level++) {
            bool chosen = level > (int)feat_math_level_best();
            const feat_exact_table *table = feat_exact_table_of(chosen ? FEAT_MATH_BASELINE : (feat_math_level)level);
            out[n] = 42.0;
            if (chosen) feat_fixed_round_array(sums, n, exponent, out);
            else table->round(sums, n, exponent, out);
            ck_assert_msg(memcmp(out, rounded, (n + 1) * sizeof *out) == 0, "round, level %d", level);
            if (chosen) feat_fixed_mean_array(sums, counts, n, exponent, out);
            else table->mean(sums, counts, n, exponent, out);
            ck_assert_msg(memcmp(out, means, (n + 1) * sizeof *out) == 0, "mean, level %d", level);
        }
    }
    ck_assert_uint_gt(quick, wanted / 3);
}
END_TEST

/* ---- times, on request ---------------------------------------------------------------------------------------- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum { TIMED = 4096 };
static double timed_values[TIMED], timed_out[TIMED];
static feat_int128 timed_prefix[TIMED + 1], timed_sums[TIMED];
static int64_t timed_counts[TIMED];
static int timed_exponent;

typedef void timed_loop(const feat_exact_table *table);
static void run_scan(const feat_exact_table *table) {
    feat_exact_span span = FEAT_NO_SPAN;
    table->scan(timed_values, TIMED, &span);
    timed_out[0] += (double)span.least;
}
static void run_prefix(const feat_exact_table *table) {
    table->prefix(timed_values, TIMED, timed_exponent, timed_prefix);
}
static void run_round(const feat_exact_table *table) { table->round(timed_sums, TIMED, timed_exponent, timed_out); }
static void run_mean(const feat_exact_table *table) {
    table->mean(timed_sums, timed_counts, TIMED, timed_exponent, timed_out);
}
/* What the loops are measured against: one at a time, the long way. */
static void run_long_round(const feat_exact_table *table) {
    (void)table;
    for (size_t i = 0; i < TIMED; i++) timed_out[i] = long_round(timed_sums[i], timed_exponent);
}
static void run_long_mean(const feat_exact_table *table) {
    (void)table;
    for (size_t i = 0; i < TIMED; i++) timed_out[i] = long_mean(timed_sums[i], timed_exponent, timed_counts[i]);
}
static void run_one_round(const feat_exact_table *table) {
    (void)table;
    for (size_t i = 0; i < TIMED; i++) timed_out[i] = feat_fixed_round(timed_sums[i], timed_exponent);
}
static void run_one_mean(const feat_exact_table *table) {
    (void)table;
    for (size_t i = 0; i < TIMED; i++) timed_out[i] = feat_fixed_mean(timed_sums[i], timed_exponent, timed_counts[i]);
}

static double best_of(timed_loop *loop, const feat_exact_table *table) {
    double best = 1e9;
    for (int turn = 0; turn < 15; turn++) {
        double start = seconds();
        for (int k = 0; k < 30; k++) loop(table);
        double taken = (seconds() - start) / 30;
        best = taken < best ? taken : best;
    }
    return best * 1e9 / TIMED;
}

static void print_times(void) {
    random_state r = {5};
    bool special;
    for (size_t i = 0; i < TIMED; i++) timed_values[i] = random_double(&r, 1015, 12);
    if (!feat_fixed_plan(timed_values, TIMED, &timed_exponent, &special)) return;
    feat_fixed_prefix(timed_values, TIMED, timed_exponent, timed_prefix);
    for (size_t i = 0; i < TIMED; i++) {
        size_t from = random_below(&r, i + 1);
        timed_sums[i] = timed_prefix[i + 1] - timed_prefix[from];
        timed_counts[i] = (int64_t)(i + 1 - from);
    }
    printf("one by one: round %.2f ns, mean %.2f ns; the long way: round %.2f ns, mean %.2f ns\n",
           best_of(run_one_round, NULL), best_of(run_one_mean, NULL), best_of(run_long_round, NULL),
           best_of(run_long_mean, NULL));
    double plain[4] = {0};
    for (int level = 0; level <= (int)feat_math_level_best(); level++) {
        const feat_exact_table *table = feat_exact_table_of((feat_math_level)level);
        double ns[4] = {best_of(run_scan, table), best_of(run_prefix, table), best_of(run_round, table),
                        best_of(run_mean, table)};
        if (level == 0) memcpy(plain, ns, sizeof plain);
        printf("%-8s: scan %.2f ns (x %.1f), prefix %.2f ns (x %.1f), round %.2f ns (x %.1f), mean %.2f ns (x %.1f)\n",
               level_names[level], ns[0], plain[0] / ns[0], ns[1], plain[1] / ns[1], ns[2], plain[2] / ns[2], ns[3],
               plain[3] / ns[3]);
    }
}

int main(void) {
    if (getenv("FEAT_TEST_TIMES")) print_times();
    Suite *suite = suite_create("math/fixed");
    TCase *tc = tcase_create("fixed");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_plan);
    tcase_add_test(tc, test_spans_of_all_levels);
    tcase_add_test(tc, test_prefix_sums_of_all_levels);
    tcase_add_test(tc, test_results_of_all_levels);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
