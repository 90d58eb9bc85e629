/* How long the elementary functions take: ns an element, one by one and over arrays at each level, beside the system's.
 *
 *   bench-elementary                 prints the table
 *   bench-elementary FOLDER NAME N   writes N arguments and results of one function (raw doubles) for elementary.py
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/elementary.h"
#include "math/trigonometry.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static double sigmoid(double x) { return 1.0 / (1.0 + exp(-x)); }
static double logit(double x) { return log(x / (1.0 - x)); }

typedef void array1(feat_math_level level, const double *x, double *out, size_t n);

static const struct {
    const char *name;
    double (*ours)(double), (*system)(double);
    array1 *array;
    double low, high;
} functions[] = {
    {"exp", feat_exp, exp, feat_exp_array, -20, 20},
    {"exp2", feat_exp2, exp2, feat_exp2_array, -20, 20},
    {"expm1", feat_expm1, expm1, feat_expm1_array, -5, 5},
    {"log", feat_log, log, feat_log_array, 1e-3, 100},
    {"log2", feat_log2, log2, feat_log2_array, 1e-3, 100},
    {"log10", feat_log10, log10, feat_log10_array, 1e-3, 100},
    {"log1p", feat_log1p, log1p, feat_log1p_array, -0.9, 10},
    {"sinh", feat_sinh, sinh, feat_sinh_array, -5, 5},
    {"cosh", feat_cosh, cosh, feat_cosh_array, -5, 5},
    {"tanh", feat_tanh, tanh, feat_tanh_array, -5, 5},
    {"sigmoid", feat_sigmoid, sigmoid, feat_sigmoid_array, -10, 10},
    {"logit", feat_logit, logit, feat_logit_array, 0, 1},
    {"sin", feat_sin, sin, feat_sin_array, -100, 100},
    {"cos", feat_cos, cos, feat_cos_array, -100, 100},
    {"tan", feat_tan, tan, feat_tan_array, -100, 100},
    {"asin", feat_asin, asin, feat_asin_array, -1, 1},
    {"acos", feat_acos, acos, feat_acos_array, -1, 1},
    {"atan", feat_atan, atan, feat_atan_array, -5, 5},
    {"asinh", feat_asinh, asinh, feat_asinh_array, -5, 5},
    {"acosh", feat_acosh, acosh, feat_acosh_array, 1, 10},
    {"atanh", feat_atanh, atanh, feat_atanh_array, -1, 1},
    {"cbrt", feat_cbrt, cbrt, feat_cbrt_array, -100, 100},
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fill(double *x, size_t n, double low, double high, uint64_t seed) {
    for (size_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        x[i] = low + (high - low) * (double)(seed >> 11) * 0x1p-53;
    }
}

/* The best of several runs: others disturb. */
#define BEST(result, statement)                                                                                        \
    do {                                                                                                               \
        result = HUGE_VAL;                                                                                             \
        for (int round = 0; round < 7; round++) {                                                                      \
            double start = now();                                                                                      \
            for (int turn = 0; turn < turns; turn++) {                                                                 \
                statement;                                                                                             \
            }                                                                                                          \
            double taken = (now() - start) / (double)n / turns;                                                        \
            if (taken < result) result = taken;                                                                        \
        }                                                                                                              \
    } while (0)

static void loop1(double (*volatile f)(double), const double *x, double *out, size_t n) {
    double (*g)(double) = f;
    for (size_t i = 0; i < n; i++) out[i] = g(x[i]);
}

static void loop2(double (*volatile f)(double, double), const double *x, const double *y, double *out, size_t n) {
    double (*g)(double, double) = f;
    for (size_t i = 0; i < n; i++) out[i] = g(x[i], y[i]);
}

/* Each argument waits for the result before it. */
static void chain1(double (*volatile f)(double), const double *x, double *out, size_t n) {
    double (*g)(double) = f, last = 0.0;
    for (size_t i = 0; i < n; i++) last = g(x[i] + last * 0.0);
    *out = last;
}

static void chain2(double (*volatile f)(double, double), const double *x, const double *y, double *out, size_t n) {
    double (*g)(double, double) = f, last = 0.0;
    for (size_t i = 0; i < n; i++) last = g(x[i] + last * 0.0, y[i]);
    *out = last;
}

static int write_file(const char *folder, const char *name, const double *values, size_t n) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) return 1;
    size_t written = fwrite(values, sizeof *values, n, f);
    return (fclose(f) != 0) | (written != n);
}

static void show(const char *name, double one, double system_one, double wait, double system_wait, const double *level,
                 size_t levels) {
    printf("%-8s %7.2f %7.2f   %7.2f %7.2f  ", name, one, system_one, wait, system_wait);
    for (size_t l = 0; l < levels; l++) printf(" %7.2f", level[l]);
    printf("   x%.1f\n", system_one / level[levels - 1]);
    fflush(stdout);
}

int main(int argc, char **argv) {
    const size_t levels = (size_t)feat_math_level_best() + 1;
    size_t n = argc > 3 ? (size_t)strtoull(argv[3], NULL, 10) : 4096;
    const int turns = argc > 3 ? 1 : 50;
    double *x = malloc(n * sizeof *x), *y = malloc(n * sizeof *y), *out = malloc(n * sizeof *out);
    if (!x || !y || !out) return 1;
    memset(out, 0, n * sizeof *out);
    if (argc > 3) {
        const char *wanted = argv[2];
        double best = 0.0;
        feat_math_level level = feat_math_level_best();
        fill(y, n, -5, 5, 2);
        if (!strcmp(wanted, "pow")) {
            fill(x, n, 0, 100, 1);
            BEST(best, feat_pow_array(level, x, y, out, n));
        }
        for (size_t k = 0; k < COUNT(functions); k++) {
            if (strcmp(wanted, functions[k].name)) continue;
            fill(x, n, functions[k].low, functions[k].high, 1);
            BEST(best, functions[k].array(level, x, out, n));
        }
        printf("%.4f\n", best);
        return write_file(argv[1], "x", x, n) | write_file(argv[1], "y", y, n) | write_file(argv[1], "out", out, n);
    }
    printf("ns an element; %zu elements in the cache\n"
           "           one by one       one after other    arrays: baseline, AVX2, AVX-512 and the gain on the system\n"
           "            ours  system      ours  system\n",
           n);
    for (size_t k = 0; k < COUNT(functions); k++) {
        double one, system_one, wait, system_wait, level[FEAT_MATH_LEVELS];
        fill(x, n, functions[k].low, functions[k].high, 1);
        BEST(one, loop1(functions[k].ours, x, out, n));
        BEST(system_one, loop1(functions[k].system, x, out, n));
        BEST(wait, chain1(functions[k].ours, x, out, n));
        BEST(system_wait, chain1(functions[k].system, x, out, n));
        for (size_t l = 0; l < levels; l++) BEST(level[l], functions[k].array((feat_math_level)l, x, out, n));
        show(functions[k].name, one, system_one, wait, system_wait, level, levels);
    }
    double one, system_one, wait, system_wait, level[FEAT_MATH_LEVELS];
    fill(x, n, 0, 100, 1);
    fill(y, n, -5, 5, 2);
    BEST(one, loop2(feat_pow, x, y, out, n));
    BEST(system_one, loop2(pow, x, y, out, n));
    BEST(wait, chain2(feat_pow, x, y, out, n));
    BEST(system_wait, chain2(pow, x, y, out, n));
    for (size_t l = 0; l < levels; l++) BEST(level[l], feat_pow_array((feat_math_level)l, x, y, out, n));
    show("pow", one, system_one, wait, system_wait, level, levels);
    free(x), free(y), free(out);
    return 0;
}
