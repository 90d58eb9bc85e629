/* What memory gives: bytes a second of reading, copying and adding arrays far larger than the caches, for one thread
 * and more.
 *
 *   bench_bandwidth THREADS [MIB]   prints "read<tab>bytes/s" and so on, the best of eight runs; counted are the bytes
 * that a loop names */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 8, MOST_THREADS = 64 };

typedef enum { READ, COPY, ADD } kind;

typedef struct {
    kind what;
    double *a, *b, *c;
    size_t n;
    double sum;
} part;

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *work(void *given) {
    part *p = given;
    const size_t n = p->n;
    if (p->what == READ) {
        double sums[16] = {0};
        for (size_t i = 0; i + 16 <= n; i += 16)
            for (size_t k = 0; k < 16; k++) sums[k] += p->b[i + k];
        for (size_t k = 0; k < 16; k++) p->sum += sums[k];
    } else if (p->what == COPY) {
        memcpy(p->a, p->b, n * sizeof(double));
    } else {
        double *restrict a = p->a;
        const double *b = p->b, *c = p->c;
        for (size_t i = 0; i < n; i++) a[i] = b[i] + c[i];
    }
    return NULL;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        size_t arrays;
    } kinds[] = {{"read", 1}, {"copy", 2}, {"add", 3}};
    const size_t threads = argc > 1 ? strtoul(argv[1], NULL, 10) : 1;
    const size_t n = (argc > 2 ? strtoul(argv[2], NULL, 10) : 256) * (1u << 20) / sizeof(double);
    if (threads < 1 || threads > MOST_THREADS) return 2;
    double *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b), *c = malloc(n * sizeof *c), check = 0;
    if (a == NULL || b == NULL || c == NULL) return 1;
    for (size_t i = 0; i < n; i++) {
        a[i] = 0;
        b[i] = (double)i;
        c[i] = 1;
    }
    for (kind what = READ; what <= ADD; what++) {
        double best = 1e9;
        for (int run = 0; run < RUNS; run++) {
            part parts[MOST_THREADS];
            pthread_t others[MOST_THREADS];
            const double started = seconds();
            for (size_t i = 0; i < threads; i++) {
                const size_t first = n / threads * i, next = i + 1 == threads ? n : n / threads * (i + 1);
                parts[i] = (part){what, a + first, b + first, c + first, next - first, 0};
                if (i > 0 && pthread_create(&others[i], NULL, work, &parts[i]) != 0) return 1;
            }
            work(&parts[0]);
            for (size_t i = 0; i < threads; i++) {
                if (i > 0) pthread_join(others[i], NULL);
                check += parts[i].sum;
            }
            const double took = seconds() - started;
            if (took < best) best = took;
        }
        printf("%s\t%.6g\n", kinds[what].name, (double)(kinds[what].arrays * n * sizeof(double)) / best);
    }
    fprintf(stderr, "%g\n", check + a[n / 2]); /* so that nothing is left out */
    free(a);
    free(b);
    free(c);
    return 0;
}
