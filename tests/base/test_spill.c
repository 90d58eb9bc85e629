/* Temporary files: what was written is read, by several threads; what was changed, cut or did not fit is an error. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/spill.h"

static char directory[] = "/tmp/feat-spill-XXXXXX";

static size_t names(void) {
    size_t n = 0;
    DIR *d = opendir(directory);
    while (readdir(d)) n++;
    closedir(d);
    return n - 2; /* . and .. */
}

static void fill(unsigned char *bytes, size_t n, unsigned seed) {
    for (size_t i = 0; i < n; i++) bytes[i] = (unsigned char)(seed * 31 + i * 7 + i / 251);
}

START_TEST(pieces) {
    enum { PIECES = 50, SIZE = 10000 };
    feat_error err = {0};
    feat_spill *spill;
    feat_spilled at[PIECES];
    unsigned char bytes[SIZE], back[SIZE];
    uint64_t all = 0;
    ck_assert_int_eq(feat_spill_open(directory, &spill, &err), FEAT_OK);
    ck_assert_uint_eq(names(), 0);
    for (unsigned i = 0; i < PIECES; i++) {
        size_t size = (size_t)i * i * 4 % SIZE; /* one is empty */
        fill(bytes, size, i);
        ck_assert_int_eq(feat_spill_write(spill, bytes, size, &at[i], &err), FEAT_OK);
        all += size;
    }
    ck_assert_uint_eq(feat_spill_bytes(spill), all);
    for (unsigned i = PIECES; i-- > 0;) {
        fill(bytes, at[i].size, i);
        ck_assert_int_eq(feat_spill_read(spill, &at[i], back, &err), FEAT_OK);
        ck_assert(memcmp(bytes, back, at[i].size) == 0);
    }
    at[7].hash ^= 1;
    ck_assert_int_eq(feat_spill_read(spill, &at[7], back, &err), FEAT_IO);
    at[8].at = all;
    ck_assert_int_eq(feat_spill_read(spill, &at[8], back, &err), FEAT_IO);
    feat_spill_close(spill);
    ck_assert_uint_eq(names(), 0);
}
END_TEST

typedef struct writer {
    feat_spill *spill;
    unsigned seed;
    int failures;
} writer;

static void *write_and_read(void *context) {
    writer *w = context;
    enum { N = 200, SIZE = 3000 };
    feat_spilled at[N];
    unsigned char bytes[SIZE], back[SIZE];
    for (unsigned i = 0; i < N; i++) {
        fill(bytes, SIZE, w->seed + i);
        w->failures += feat_spill_write(w->spill, bytes, SIZE, &at[i], NULL) != FEAT_OK;
    }
    for (unsigned i = 0; i < N; i++) {
        fill(bytes, SIZE, w->seed + i);
        w->failures += feat_spill_read(w->spill, &at[i], back, NULL) != FEAT_OK || memcmp(bytes, back, SIZE) != 0;
    }
    return NULL;
}

START_TEST(threads) {
    enum { N = 4 };
    feat_spill *spill;
    pthread_t thread[N];
    writer w[N];
    ck_assert_int_eq(feat_spill_open(directory, &spill, NULL), FEAT_OK);
    for (unsigned i = 0; i < N; i++) {
        w[i] = (writer){spill, i * 1000, 0};
        pthread_create(&thread[i], NULL, write_and_read, &w[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        pthread_join(thread[i], NULL);
        ck_assert_int_eq(w[i].failures, 0);
    }
    feat_spill_close(spill);
}
END_TEST

START_TEST(no_room) {
    feat_error err = {0};
    feat_spill *spill;
    feat_spilled at;
    static unsigned char bytes[1 << 16];
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    ck_assert_int_eq(feat_spill_open(directory, &spill, &err), FEAT_OK);
    setrlimit(RLIMIT_FSIZE, &small);
    feat_status first = feat_spill_write(spill, bytes, sizeof bytes, &at, &err),
                second = feat_spill_write(spill, bytes, sizeof bytes, &at, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    ck_assert_int_eq(first, FEAT_OK);
    ck_assert_int_eq(second, FEAT_IO);
    ck_assert_msg(strstr(err.message, directory) && strstr(err.message, "spill directory"), "%s", err.message);
    feat_spill_close(spill);
}
END_TEST

START_TEST(no_directory) {
    feat_error err = {0};
    feat_spill *spill;
    ck_assert_int_eq(feat_spill_open("/nowhere/at/all", &spill, &err), FEAT_IO);
    ck_assert_ptr_null(spill);
    ck_assert_msg(strstr(err.message, "/nowhere/at/all"), "%s", err.message);
}
END_TEST

int main(void) {
    if (!mkdtemp(directory)) return 2;
    Suite *suite = suite_create("base/spill");
    TCase *tc = tcase_create("spill");
    tcase_add_test(tc, pieces);
    tcase_add_test(tc, threads);
    tcase_add_test(tc, no_room);
    tcase_add_test(tc, no_directory);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(directory);
    return failed != 0;
}
