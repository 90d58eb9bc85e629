/* Single events through the C API: pushes of one row each, made durable in groups, beside a push and a flush for each.
 * What is stored at the end is counted and its digest compared with that of one write of the same rows.
 *
 *     bench_push DIRECTORY [EVENTS [FOLD_BYTES]] */
#define _XOPEN_SOURCE 700
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "feat.h"

enum { GROUP = 2000, GROUP_US = 5000, COLUMNS = 5 };

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void check(feat_status status, const feat_error *err) {
    if (status == FEAT_OK) return;
    fprintf(stderr, "%s: %s\n", feat_status_name(status), err->message);
    exit(1);
}

/* ---- A stream of rows that costs its maker nothing: schema and buffers are there already. ---- */

static struct ArrowSchema children[COLUMNS] = {
    {.format = "l", .name = "id"},    {.format = "l", .name = "user_id"}, {.format = "g", .name = "amount"},
    {.format = "tsu:", .name = "at"}, {.format = "u", .name = "status"},
};
static struct ArrowSchema *child_pointers[COLUMNS];

typedef struct events {
    int64_t id, user, at;
    double amount;
    int32_t offsets[2];
    char status[16];
} event;

static void keep_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static void keep_array(struct ArrowArray *array) { array->release = NULL; }
static void keep_stream(struct ArrowArrayStream *stream) { stream->release = NULL; }

static int get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    (void)stream;
    *out =
        (struct ArrowSchema){.format = "+s", .n_children = COLUMNS, .children = child_pointers, .release = keep_schema};
    return 0;
}

typedef struct source {
    event *row;
    const void *buffers[COLUMNS][3], *none[1];
    struct ArrowArray arrays[COLUMNS], *pointers[COLUMNS];
} source;

static int get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    source *s = stream->private_data;
    memset(out, 0, sizeof *out);
    if (!s->row) return 0;
    const void *values[COLUMNS] = {&s->row->id, &s->row->user, &s->row->amount, &s->row->at, s->row->offsets};
    for (int i = 0; i < COLUMNS; i++) {
        s->buffers[i][1] = values[i];
        s->arrays[i] = (struct ArrowArray){
            .length = 1, .n_buffers = i == 4 ? 3 : 2, .buffers = s->buffers[i], .release = keep_array};
        s->pointers[i] = &s->arrays[i];
    }
    s->buffers[4][2] = s->row->status;
    *out = (struct ArrowArray){.length = 1,
                               .n_buffers = 1,
                               .n_children = COLUMNS,
                               .buffers = s->none,
                               .children = s->pointers,
                               .release = keep_array};
    s->row = NULL;
    return 0;
}

static event make_event(int64_t i) {
    static const char *const statuses[] = {"paid", "returned", "open", "cancelled"};
    event e = {.id = i, .user = i * 7919 % 50000, .at = 1700000000000000 + i * 1000};
    e.amount = (double)(i * 104729 % 100000) / 100;
    snprintf(e.status, sizeof e.status, "%s", statuses[i % 4]);
    e.offsets[1] = (int32_t)strlen(e.status);
    return e;
}

static void push(feat_store *store, int64_t i, const feat_push_options *opt) {
    event e = make_event(i);
    source s = {.row = &e};
    feat_error err;
    struct ArrowArrayStream stream = {
        .get_schema = get_schema, .get_next = get_next, .release = keep_stream, .private_data = &s};
    check(feat_push(store, "events", &stream, opt, NULL, &err), &err);
}

/* ---- Measuring. ---- */

static feat_store *open_store(const char *directory, const char *name, const char *unique) {
    char path[512], sql[512];
    feat_error err;
    feat_store *store = NULL;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(sql, sizeof sql,
             "CREATE TABLE events (id BIGINT NOT NULL, user_id BIGINT NOT NULL, amount DOUBLE CHECK (amount >= 0), at "
             "TIMESTAMP NOT NULL, status TEXT, ENTITY KEY (user_id), EVENT TIME (at)%s)",
             unique);
    check(feat_open(path, NULL, &store, &err), &err);
    check(feat_define(store, sql, &err), &err);
    return store;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Flushes every GROUP events or GROUP_US; the time from each push to the end of the flush behind it. */
static void measure_groups(const char *directory, const char *name, const char *unique, int64_t n,
                           uint64_t fold_bytes) {
    feat_store *store = open_store(directory, name, unique);
    feat_push_options opt = FEAT_PUSH_OPTIONS_INIT;
    feat_error err;
    feat_position position;
    double *pushed = malloc((size_t)n * sizeof *pushed), in_push = 0, in_flush = 0;
    if (!pushed) exit(2);
    if (fold_bytes) opt.fold_bytes = fold_bytes;
    double start = seconds(), group_start = start, now = start;
    int64_t acknowledged = 0, flushes = 0;
    for (int64_t i = 0; i < n; i++) {
        pushed[i] = now;
        push(store, i, &opt);
        double after = seconds();
        in_push += after - now;
        now = after;
        if (i + 1 - acknowledged < GROUP && (now - group_start) * 1e6 < GROUP_US && i + 1 < n) continue;
        check(feat_flush(store, &position, &err), &err);
        after = seconds();
        in_flush += after - now;
        now = group_start = after;
        flushes++;
        for (; acknowledged <= i; acknowledged++) pushed[acknowledged] = now - pushed[acknowledged];
    }
    double elapsed = now - start;
    qsort(pushed, (size_t)n, sizeof *pushed, compare);
    feat_snapshot *snapshot = NULL;
    char digest[FEAT_DIGEST_SIZE], folded[FEAT_DIGEST_SIZE];
    int64_t rows;
    check(feat_snapshot_open(store, NULL, &snapshot, &err), &err);
    check(feat_snapshot_digest(snapshot, "events", digest, &rows, &err), &err);
    feat_snapshot_close(snapshot);
    check(feat_fold(store, NULL, &err), &err);
    check(feat_snapshot_open(store, NULL, &snapshot, &err), &err);
    check(feat_snapshot_digest(snapshot, "events", folded, NULL, &err), &err);
    bool good = rows == n && position.sequence == (uint64_t)n && strcmp(digest, folded) == 0;
    printf("%-10s %9.0f events/s; push %5.2f us, flush %5.2f ms of %lld; acknowledged after p50 %.2f, p99 %.2f, most "
           "%.2f ms; version %llu; %s\n",
           name, (double)n / elapsed, in_push / (double)n * 1e6, in_flush / (double)flushes * 1e3, (long long)flushes,
           pushed[n / 2] * 1e3, pushed[n - n / 100 - 1] * 1e3, pushed[n - 1] * 1e3,
           (unsigned long long)feat_snapshot_version(snapshot), good ? "all rows are there" : "ROWS ARE WRONG");
    feat_snapshot_close(snapshot);
    feat_close(store);
    free(pushed);
    if (!good) exit(1);
}

static void measure_single(const char *directory) {
    feat_store *store = open_store(directory, "single", "");
    feat_push_options opt = FEAT_PUSH_OPTIONS_INIT;
    feat_error err;
    double times[500];
    for (int i = 0; i < 500; i++) {
        double start = seconds();
        push(store, i, &opt);
        check(feat_flush(store, NULL, &err), &err);
        times[i] = seconds() - start;
    }
    qsort(times, 500, sizeof *times, compare);
    double opening = 1e9;
    for (int i = 0; i < 100; i++) {
        feat_snapshot *snapshot = NULL;
        double start = seconds();
        check(feat_snapshot_open(store, NULL, &snapshot, &err), &err);
        double taken = seconds() - start;
        opening = taken < opening ? taken : opening;
        feat_snapshot_close(snapshot);
    }
    printf("opening a snapshot with 500 events in the tail: %.1f us\n", opening * 1e6);
    printf("push and flush of one event: least %.3f, p50 %.3f, p99 %.3f ms\n", times[0] * 1e3, times[250] * 1e3,
           times[495] * 1e3);
    feat_close(store);
}

int main(int argc, char **argv) {
    int64_t n = argc > 2 ? atoll(argv[2]) : 400000;
    uint64_t fold_bytes = argc > 3 ? (uint64_t)atoll(argv[3]) : 0;
    if (argc < 2 || n < 1000) {
        fprintf(stderr, "usage: bench_push DIRECTORY [EVENTS [FOLD_BYTES]]\n");
        return 2;
    }
    for (int i = 0; i < COLUMNS; i++) {
        children[i].release = keep_schema;
        child_pointers[i] = &children[i];
    }
    measure_groups(argv[1], "plain", "", n, fold_bytes);
    measure_groups(argv[1], "unique", ", UNIQUE (id)", n, fold_bytes);
    measure_single(argv[1]);
    return 0;
}
