/* Pushes through the public functions: without memory at any allocation, and from several threads. */
#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "feat.h"
#include "support/stream.h"

static char path[64];
static feat_store *store;
static feat_error err;

#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        feat_status ok_status = (expr);                                                                                \
        ck_assert_msg(ok_status == FEAT_OK, "%s: %s: %s", #expr, feat_status_name(ok_status), err.message);            \
    } while (0)

static void open_store(void) {
    strcpy(path, "/tmp/feat-push-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    OK(feat_open(path, NULL, &store, &err));
    OK(feat_define(store,
                   "CREATE TABLE t (k BIGINT NOT NULL, at TIMESTAMP NOT NULL, id BIGINT, x DOUBLE CHECK (x >= 0), name "
                   "TEXT, ENTITY KEY (k), EVENT TIME (at), UNIQUE (id))",
                   &err));
}

static void close_store(void) {
    char command[128];
    feat_close(store);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
}

static struct ArrowArrayStream row(int64_t id) {
    char text[128];
    struct ArrowArrayStream stream;
    snprintf(text, sizeof text,
             "k BIGINT, at TIMESTAMP, id BIGINT, x DOUBLE, name TEXT\n%d, %" PRId64 ", %" PRId64 ", 1.5, n%d\n",
             (int)(id % 7), 1000 + id, id, (int)id);
    ck_assert_int_eq((int)test_stream(text, 0, &stream), FEAT_OK);
    return stream;
}

static int64_t count_rows(void) {
    feat_snapshot *snapshot = NULL;
    char digest[FEAT_DIGEST_SIZE];
    int64_t rows = -1;
    OK(feat_snapshot_open(store, NULL, &snapshot, &err));
    OK(feat_snapshot_digest(snapshot, "t", digest, &rows, &err));
    feat_snapshot_close(snapshot);
    return rows;
}

/* Whatever allocation fails, a push has added its row or has not, as it says. */
START_TEST(without_memory) {
    int64_t id = 0, added = 0;
    for (int good = 0, at = 1; good < 40; at++) {
        struct ArrowArrayStream stream = row(id);
        feat_push_options opt = FEAT_PUSH_OPTIONS_INIT;
        if (at % 50 == 0) opt.fold_bytes = 1;
        feat_alloc_fail_after(at);
        feat_status status = feat_push(store, "t", &stream, &opt, NULL, &err);
        feat_alloc_fail_after(0);
        /* The stream, too, has its memory from the library. */
        ck_assert_msg(status == FEAT_OK || status == FEAT_MEMORY || status == FEAT_CANCELLED, "%s", err.message);
        ck_assert_ptr_null(stream.release);
        good = status == FEAT_OK ? good + 1 : 0;
        added += status == FEAT_OK;
        stream = row(id);
        feat_pushed done;
        OK(feat_push(store, "t", &stream, NULL, &done, &err)); /* again: it is there already, or comes now */
        ck_assert_int_eq(done.rows_added, status != FEAT_OK);
        id++;
        if (at % 20 == 7) OK(feat_fold(store, NULL, &err)); /* what is kept is made anew */
    }
    ck_assert_int_gt(added, 40);
    OK(feat_flush(store, NULL, &err));
    ck_assert_int_eq(count_rows(), id);
}
END_TEST

START_TEST(folds_and_snapshots_without_memory) {
    for (int64_t id = 0; id < 20; id++) {
        struct ArrowArrayStream stream = row(id);
        OK(feat_push(store, "t", &stream, NULL, NULL, &err));
    }
    OK(feat_flush(store, NULL, &err));
    feat_status status = FEAT_MEMORY;
    for (int at = 1; status != FEAT_OK; at++) {
        feat_snapshot *snapshot = NULL;
        char digest[FEAT_DIGEST_SIZE];
        int64_t rows = 0;
        feat_alloc_fail_after(at);
        status = feat_snapshot_open(store, NULL, &snapshot, &err);
        if (status == FEAT_OK) status = feat_snapshot_digest(snapshot, "t", digest, &rows, &err);
        feat_alloc_fail_after(0);
        feat_snapshot_close(snapshot);
        ck_assert_msg(status == FEAT_MEMORY || (status == FEAT_OK && rows == 20), "%s", err.message);
    }
    status = FEAT_MEMORY;
    for (int at = 1; status != FEAT_OK; at++) {
        feat_alloc_fail_after(at);
        status = feat_fold(store, NULL, &err);
        feat_alloc_fail_after(0);
        ck_assert_msg(status == FEAT_MEMORY || status == FEAT_OK, "%s", err.message);
        ck_assert_int_eq(count_rows(), 20);
    }
}
END_TEST

enum { THREADS = 4, EACH = 300 };

static void *push_some(void *first) {
    for (int64_t i = 0; i < EACH; i++) {
        feat_error why;
        struct ArrowArrayStream stream = row((int64_t)(intptr_t)first * EACH / 2 + i); /* half are another's, too */
        feat_push_options opt = FEAT_PUSH_OPTIONS_INIT;
        opt.fold_bytes = 20000;
        if (feat_push(store, "t", &stream, &opt, NULL, &why) != FEAT_OK) return "push";
        if (i % 50 == 0 && feat_flush(store, NULL, &why) != FEAT_OK) return "flush";
    }
    return NULL;
}

START_TEST(threads) {
    pthread_t all[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) ck_assert_int_eq(pthread_create(&all[i], NULL, push_some, (void *)i), 0);
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(all[i], &failed);
        ck_assert_ptr_null(failed);
    }
    OK(feat_flush(store, NULL, &err));
    ck_assert_int_eq(count_rows(), EACH / 2 * (THREADS - 1) + EACH);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("api/push");
    TCase *tcase = tcase_create("push");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, open_store, close_store);
    tcase_add_test(tcase, without_memory);
    tcase_add_test(tcase, folds_and_snapshots_without_memory);
    tcase_add_test(tcase, threads);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
