/* Exact sums of one array, as exact_sum.py asks its peers for them.
 *
 *     bench_exact_sum N RUNS VALUES [VALID]
 *
 * VALUES holds N doubles, VALID N bytes of which 0 leaves the value out. Prints a line for the best run of each way:
 * instructions, name, nanoseconds a value and the bits of the result, with tabs between them. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "math/exact_level.h"

enum { BLOCK = 1024 };

static size_t n;
static double *values;
static uint8_t *valid;
static const feat_exact_table *table;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *read_file(const char *path, size_t size) {
    FILE *file = fopen(path, "rb");
    void *bytes = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!file || !bytes || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(EXIT_FAILURE);
    }
    fclose(file);
    return bytes;
}

static double array(void) {
    feat_exact sum;
    feat_exact_init(&sum);
    table->add(&sum, values, n);
    return feat_exact_round(&sum);
}

/* As the engine sums a column with NULLs: block by block, with 0 for what does not count. */
static double masked(void) {
    feat_exact sum;
    double block[BLOCK];
    feat_exact_init(&sum);
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t part = n - i < BLOCK ? n - i : BLOCK;
        for (size_t j = 0; j < part; j++) block[j] = valid[i + j] ? values[i + j] : 0.0;
        table->add(&sum, block, part);
    }
    return feat_exact_round(&sum);
}

/* Its first block over and over: from the cache. */
static double cached(void) {
    feat_exact sum;
    feat_exact_init(&sum);
    for (size_t i = 0; i < n; i += BLOCK) table->add(&sum, values, BLOCK);
    return feat_exact_round(&sum);
}

/* Where windows start: 128-bit prefix sums of blocks, and what a window costs then. */
static feat_int128 prefix[BLOCK + 1];
static int64_t counts[BLOCK];
static double results[BLOCK];
static int exponent;

static double prefixes(void) {
    bool special, fits = true;
    prefix[0] = 0;
    for (size_t i = 0; i + BLOCK <= n; i += BLOCK) {
        fits = feat_fixed_plan(values + i, BLOCK, &exponent, &special);
        if (fits) table->prefix(values + i, BLOCK, exponent, prefix);
    }
    return fits ? feat_fixed_round(prefix[BLOCK], exponent) : feat_double_of_bits(FEAT_NAN_BITS);
}

static double rounds(void) {
    for (size_t i = 0; i + BLOCK <= n; i += BLOCK) table->round(prefix + 1, BLOCK, exponent, results);
    return results[BLOCK - 1];
}

static double means(void) {
    for (size_t i = 0; i < BLOCK; i++) counts[i] = (int64_t)i + 1;
    for (size_t i = 0; i + BLOCK <= n; i += BLOCK) table->mean(prefix + 1, counts, BLOCK, exponent, results);
    return results[BLOCK - 1];
}

static void report(const char *level, const char *name, double (*way)(void), int runs) {
    double best = 1e9, result = 0;
    for (int run = 0; run < runs; run++) {
        double start = seconds();
        result = way();
        double taken = seconds() - start;
        best = taken < best ? taken : best;
    }
    printf("%s\t%s\t%.4f\t%016llx\n", level, name, best * 1e9 / (double)n,
           (unsigned long long)feat_double_bits(result));
}

int main(int argc, char **argv) {
    static const char *const levels[] = {"baseline", "avx2", "avx512"};
    if (argc < 4) return EXIT_FAILURE;
    n = strtoull(argv[1], NULL, 10);
    int runs = atoi(argv[2]);
    values = read_file(argv[3], n * sizeof *values);
    if (argc > 4) valid = read_file(argv[4], n);
    for (int level = 0; level <= (int)feat_math_level_best(); level++) {
        table = feat_exact_table_of((feat_math_level)level);
        if (valid) {
            report(levels[level], "masked", masked, runs);
            continue;
        }
        report(levels[level], "array", array, runs);
        report(levels[level], "cached", cached, runs);
        report(levels[level], "plan and prefix", prefixes, runs);
        report(levels[level], "round", rounds, runs);
        report(levels[level], "mean", means, runs);
    }
    return EXIT_SUCCESS;
}
