/* Exact moments of an array beside plain two-pass loops, which lose bits.
 *
 *     bench_moments [N] [RUNS]
 *
 *     cc -std=c11 -O2 -D_GNU_SOURCE -Ilib -Iinclude -IBUILD/include tests/bench/bench_moments.c BUILD/lib/libfeat.a ...
 * -lm
 *
 * Results are first compared with those of the same values added one by one, in another order. Prints nanoseconds a
 * value of the best run, in the processor's time: of the plain loop (sum, then squared distances from the mean, each a
 * chain of additions; and with eight sums side by side, as a compiler may not write it), and of ours for each kind. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/exact.h"
#include "math/moments.h"
#include "math/number.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t state = 1;
static double uniform(void) {
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

static double two_pass(const double *x, size_t n) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) sum += x[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    return squares / (double)(n - 1);
}

static double two_pass_wide(const double *x, size_t n) {
    double sum[8] = {0}, squares[8] = {0}, mean = 0, total = 0;
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) sum[k] += x[i + (size_t)k];
    for (int k = 0; k < 8; k++) mean += sum[k];
    mean /= (double)n;
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++) squares[k] += (x[i + (size_t)k] - mean) * (x[i + (size_t)k] - mean);
    for (int k = 0; k < 8; k++) total += squares[k];
    return total / (double)(n - 1);
}

static double exact_variance(const double *x, size_t n) {
    double out = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_2);
    if (!feat_moments_add_array(&m, x, NULL, n) || !feat_moments_result(&m, FEAT_STATISTIC_VAR_SAMP, &out)) exit(1);
    feat_moments_done(&m);
    return out;
}

static double exact_kurtosis(const double *x, size_t n) {
    double out = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_4);
    if (!feat_moments_add_array(&m, x, NULL, n) || !feat_moments_result(&m, FEAT_STATISTIC_KURTOSIS, &out)) exit(1);
    feat_moments_done(&m);
    return out;
}

static double exact_skewness(const double *x, size_t n) {
    double out = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_3);
    if (!feat_moments_add_array(&m, x, NULL, n) || !feat_moments_result(&m, FEAT_STATISTIC_SKEWNESS, &out)) exit(1);
    feat_moments_done(&m);
    return out;
}

/* With itself shifted by a value, so that there is one array. */
static double exact_correlation(const double *x, size_t n) {
    double out = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_PAIRS);
    if (!feat_moments_add_array(&m, x, x + 1, n - 1) || !feat_moments_result(&m, FEAT_STATISTIC_CORR, &out)) exit(1);
    feat_moments_done(&m);
    return out;
}

static double exact_sum(const double *x, size_t n) {
    feat_exact sum;
    feat_exact_init(&sum);
    feat_exact_add_array(&sum, x, n);
    return feat_exact_round(&sum);
}

/* Backwards, one by one. */
static bool is_right(const double *x, size_t n) {
    double variance = 0, kurtosis = 0;
    feat_moments m;
    feat_moments_init(&m, FEAT_MOMENTS_4);
    for (size_t i = n; i-- > 0;)
        if (!feat_moments_add(&m, x[i], 0)) return false;
    feat_moments_result(&m, FEAT_STATISTIC_VAR_SAMP, &variance);
    feat_moments_result(&m, FEAT_STATISTIC_KURTOSIS, &kurtosis);
    feat_moments_done(&m);
    return feat_double_bits(variance) == feat_double_bits(exact_variance(x, n)) &&
           feat_double_bits(kurtosis) == feat_double_bits(exact_kurtosis(x, n));
}

/* Windows of some rows each, from values to result: what a row of a training set costs. */
enum { WINDOW = 30 };
static double windows(const double *x, size_t n) {
    double total = 0;
    for (size_t i = 0; i + WINDOW <= n; i += WINDOW) total += exact_variance(x + i, WINDOW);
    return total;
}

static double (*const ways[])(const double *, size_t) = {
    two_pass, two_pass_wide, exact_sum, exact_variance, exact_skewness, exact_kurtosis, exact_correlation, windows};
static const char *const names[] = {"two passes",     "two passes, wide", "exact sum",         "exact variance",
                                    "exact skewness", "exact kurtosis",   "exact correlation", "variance of 30 each"};
enum { WAYS = sizeof ways / sizeof *ways };

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 10000000;
    int runs = argc > 2 ? atoi(argv[2]) : 5;
    double *x = malloc(n * sizeof *x);
    if (!x || n < 100) return 1;
    const char *const kinds[] = {"cents", "uniform", "normal", "spread by e^+-10", "all magnitudes"};
    for (int kind = 0; kind < 5; kind++) {
        for (size_t i = 0; i < n; i++) {
            double u = uniform(), v = uniform();
            x[i] = kind == 0   ? floor(u * 100000) / 100
                   : kind == 1 ? u
                   : kind == 2 ? sqrt(-2 * log(u + 0x1p-60)) * cos(6.283185307179586 * v)
                   : kind == 3 ? exp(20 * u - 10) * (v < 0.5 ? -1 : 1)
                               : ldexp(u + 1, (int)(v * 2000) - 1000);
        }
        if (!is_right(x, n)) {
            printf("%s: WRONG\n", kinds[kind]);
            return 1;
        }
        double best[WAYS], results[WAYS];
        for (int way = 0; way < WAYS; way++) best[way] = INFINITY;
        for (int run = 0; run < runs; run++) {
            for (int way = 0; way < WAYS; way++) {
                if (kind == 4 && run > 0 && way > 2) continue;
                double started = seconds();
                results[way] = ways[way](x, n);
                double took = (seconds() - started) * 1e9 / (double)n;
                if (took < best[way]) best[way] = took;
            }
        }
        printf("%s: variance %.17g, in two passes %.17g\n", kinds[kind], results[3], results[0]);
        for (int way = 0; way < WAYS; way++)
            printf("  %-20s %8.3f ns  %6.2f of two passes\n", names[way], best[way], best[way] / best[0]);
    }
    free(x);
    return 0;
}
