/* Rows a second from an Arrow stream to a committed version, for a table of six columns; and the sort alone. */
#define _XOPEN_SOURCE 700
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/ingest.h"
#include "feat.h"
#include "support/stream.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t state = 1;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static const char *const names[] = {"id", "user_id", "amount", "status", "n", "at"};

static void fill(feat_batch *rows, size_t n) {
    static const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE,
                                      FEAT_TYPE_TEXT,   FEAT_TYPE_BIGINT, FEAT_TYPE_TIMESTAMP};
    static const char *const statuses[] = {"paid", "returned", "open", "cancelled"};
    if (feat_batch_init(rows, types, 6, NULL) != FEAT_OK) exit(2);
    for (size_t i = 0; i < n; i++) {
        const char *status = statuses[next_random() % 4];
        int failed = feat_column_append_int(&rows->columns[0], (int64_t)i) |
                     feat_column_append_int(&rows->columns[1], (int64_t)(next_random() % (n / 100 + 1))) |
                     feat_column_append_double(&rows->columns[2], (double)(next_random() % 100000) / 100) |
                     feat_column_append_text(&rows->columns[3], status, strlen(status)) |
                     feat_column_append_int(&rows->columns[4], (int64_t)(next_random() % 20)) |
                     feat_column_append_int(&rows->columns[5], 1700000000000000 + (int64_t)i * 1000000);
        if (failed) exit(2);
    }
    rows->length = n;
}

static void check(feat_status status, const feat_error *err) {
    if (status == FEAT_OK) return;
    fprintf(stderr, "%s: %s\n", feat_status_name(status), err->message);
    exit(1);
}

static void remove_store(const char *path) {
    DIR *directory = opendir(path);
    if (!directory) return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char file[512];
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unlink(file);
    }
    closedir(directory);
    rmdir(path);
}

static void report(const char *what, const char *which, size_t n, double took) {
    printf("%-34s %-10s %9zu rows %8.3f s %10.0f rows/s\n", what, which, n, took, (double)n / took);
}

static void run(const char *what, const char *sql, const feat_batch *rows, size_t batch_rows, int again) {
    char path[] = "/tmp/feat-bench-XXXXXX";
    feat_store *store = NULL;
    struct ArrowArrayStream stream;
    feat_error err;
    if (!mkdtemp(path)) exit(2);
    check(feat_open(path, NULL, &store, &err), &err);
    check(feat_define(store, sql, &err), &err);
    for (int round = 0; round <= again; round++) {
        if (test_stream_of_batch(names, rows, batch_rows, &stream) != FEAT_OK) exit(2);
        double start = seconds();
        check(feat_write(store, "t", &stream, NULL, NULL, &err), &err);
        report(what, round ? "again" : "first", rows->length, seconds() - start);
    }
    feat_close(store);
    remove_store(path);
}

#define COLUMNS                                                                                                        \
    "id BIGINT NOT NULL, user_id BIGINT NOT NULL, amount DOUBLE, status TEXT, n BIGINT, at TIMESTAMP NOT NULL, "

int main(int argc, char **argv) {
    size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : 1000000;
    feat_batch rows;
    fill(&rows, n);
    uint32_t columns[] = {1, 5, 0, 2, 3, 4};
    feat_sort_item *items = malloc(n * sizeof *items);
    for (size_t i = 0; i < n; i++) items[i].row = (uint32_t)i;
    double start = seconds();
    if (!items || feat_sort_rows(&rows, columns, 6, items, n, NULL) != FEAT_OK) exit(2);
    double took = seconds() - start;
    report("sort alone", "", n, took);
    free(items);
    run("append, no key", "CREATE TABLE t (" COLUMNS "ENTITY KEY (user_id), EVENT TIME (at))", &rows, 65536, 0);
    run("append, no key, batches of 1,000", "CREATE TABLE t (" COLUMNS "ENTITY KEY (user_id), EVENT TIME (at))", &rows,
        1000, 0);
    run("append, UNIQUE (id)", "CREATE TABLE t (" COLUMNS "ENTITY KEY (user_id), EVENT TIME (at), UNIQUE (id))", &rows,
        65536, 1);
    feat_batch_done(&rows);
    return 0;
}
