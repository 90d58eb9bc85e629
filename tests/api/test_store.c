/* The public functions over a store: what they refuse, what they release, and one pass through all of them. */
#define _XOPEN_SOURCE 700
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "feat.h"
#include "support/stream.h"

#define SQL                                                                                                            \
    "CREATE TABLE purchases (id BIGINT NOT NULL, who TEXT NOT NULL, amount DOUBLE, at TIMESTAMP NOT NULL, "            \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id))"
#define HEADER "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP\n"
#define ROWS   HEADER "1, ann, 1.5, 10\n2, bob, NULL, 20\n"

static char path[64];
static feat_error err;

static void make_path(void) {
    strcpy(path, "/tmp/feat-api-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static void remove_path(void) {
    DIR *directory = opendir(path);
    ck_assert_ptr_nonnull(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        char file[512];
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        unlink(file);
    }
    closedir(directory);
    rmdir(path);
}

static feat_store *open_store(void) {
    feat_store *store = NULL;
    make_path();
    ck_assert_msg(feat_open(path, NULL, &store, &err) == FEAT_OK, "%s", err.message);
    ck_assert_msg(feat_define(store, SQL, &err) == FEAT_OK, "%s", err.message);
    return store;
}

static void watched(struct ArrowArrayStream *out, int *released) {
    struct ArrowArrayStream stream;
    ck_assert_int_eq(test_stream(ROWS, 0, &stream), FEAT_OK);
    test_stream_watched(&stream, released, out);
}

START_TEST(test_round_trip) {
    feat_store *store = open_store();
    feat_snapshot *snap = NULL, *none = NULL, *tagged = NULL;
    struct ArrowArrayStream stream;
    feat_commit done;
    char digest[FEAT_DIGEST_SIZE], *text = NULL;
    int64_t rows = -1;
    int released;
    watched(&stream, &released);
    ck_assert_msg(feat_write(store, "PURCHASES", &stream, NULL, &done, &err) == FEAT_OK, "%s", err.message);
    ck_assert_int_eq(released, 1);
    ck_assert_int_eq(done.rows_added, 2);
    ck_assert_int_eq(done.online, FEAT_OK);
    ck_assert_msg(feat_snapshot_open(store, NULL, &snap, &err) == FEAT_OK, "%s", err.message);
    ck_assert_uint_eq(feat_snapshot_version(snap), done.version);
    feat_at at = FEAT_AT_INIT;
    at.kind = FEAT_AT_VERSION;
    ck_assert_msg(feat_snapshot_open(store, &at, &none, &err) == FEAT_OK, "%s", err.message);
    ck_assert_msg(feat_tag(store, "first", NULL, &err) == FEAT_OK, "%s", err.message);
    ck_assert_msg(feat_tag(store, "first", NULL, &err) == FEAT_OK, "%s", err.message);
    ck_assert_int_eq(feat_tag(store, "first", &at, &err), FEAT_EXISTS);
    at.kind = FEAT_AT_TAG;
    at.tag = "first";
    ck_assert_msg(feat_snapshot_open(store, &at, &tagged, &err) == FEAT_OK, "%s", err.message);
    ck_assert_uint_eq(feat_snapshot_version(tagged), done.version);
    ck_assert_msg(feat_snapshot_digest(snap, "purchases", digest, &rows, &err) == FEAT_OK, "%s", err.message);
    ck_assert_uint_eq(strlen(digest), 32);
    ck_assert_int_eq(rows, 2);
    ck_assert_msg(feat_snapshot_digest(none, "purchases", digest, &rows, &err) == FEAT_OK, "%s", err.message);
    ck_assert_int_eq(rows, 0);
    ck_assert_msg(feat_explain(store, "purchases", &text, &err) == FEAT_OK, "%s", err.message);
    ck_assert_ptr_nonnull(strstr(text, "purchases"));
    feat_text_free(text);
    ck_assert_msg(feat_snapshot_scan(snap, "purchases", NULL, &stream, &err) == FEAT_OK, "%s", err.message);
    feat_snapshot_close(snap); /* the stream stays valid, also without the store */
    feat_snapshot_close(none);
    feat_snapshot_close(tagged);
    struct ArrowArrayStream history;
    ck_assert_msg(feat_history(store, NULL, &history, &err) == FEAT_OK, "%s", err.message);
    feat_close(store);
    ck_assert_int_eq(test_stream_text(&stream, 1, &text, &err), FEAT_OK);
    ck_assert_str_eq(text, ROWS);
    feat_free(text);
    size_t n, batches;
    ck_assert_int_eq(test_stream_count(&history, &n, &batches), FEAT_OK);
    ck_assert_uint_eq(n, 1);
    remove_path();
}
END_TEST

START_TEST(test_names_that_are_not_there) {
    feat_store *store = open_store();
    feat_snapshot *snap = NULL;
    struct ArrowArrayStream stream, out = {0};
    char digest[FEAT_DIGEST_SIZE], *text = NULL;
    int released;
    ck_assert_int_eq(feat_snapshot_open(store, NULL, &snap, &err), FEAT_OK);
    watched(&stream, &released);
    ck_assert_int_eq(feat_write(store, "purchase", &stream, NULL, NULL, &err), FEAT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "did you mean 'purchases'?"));
    ck_assert_int_eq(released, 1);
    watched(&stream, &released);
    ck_assert_int_eq(feat_training_set(snap, "churn", &stream, NULL, &out, &err), FEAT_NOT_FOUND);
    ck_assert_int_eq(released, 1);
    ck_assert_int_eq(feat_deploy(store, "churn", &err), FEAT_NOT_FOUND);
    ck_assert_int_eq(feat_explain(store, "purchaes", &text, &err), FEAT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.message, "did you mean 'purchases'?"));
    ck_assert_int_eq(feat_snapshot_scan(snap, "x", NULL, &out, &err), FEAT_NOT_FOUND);
    ck_assert_int_eq(feat_snapshot_digest(snap, "x", digest, NULL, &err), FEAT_NOT_FOUND);
    ck_assert_int_eq(feat_history(store, "x", &out, &err), FEAT_NOT_FOUND);
    ck_assert_ptr_null(out.release);
    ck_assert_ptr_null(text);
    feat_snapshot_close(snap);
    feat_close(store);
    remove_path();
}
END_TEST

START_TEST(test_arguments) {
    feat_store *store = open_store(), *other = NULL;
    feat_snapshot *snap = NULL;
    struct ArrowArrayStream stream, out = {0}, gone = {0};
    char digest[FEAT_DIGEST_SIZE], *text = NULL;
    int released;
    feat_open_options open_options = FEAT_OPEN_OPTIONS_INIT;
    feat_write_options write_options = FEAT_WRITE_OPTIONS_INIT;
    feat_scan_options scan_options = FEAT_SCAN_OPTIONS_INIT;
    feat_training_options training_options = FEAT_TRAINING_OPTIONS_INIT;
    feat_at at = FEAT_AT_INIT;
    ck_assert_int_eq(feat_snapshot_open(store, NULL, &snap, &err), FEAT_OK);
#define REFUSED(call) ck_assert_int_eq(call, FEAT_ARGUMENT)
    REFUSED(feat_open(NULL, NULL, &other, &err));
    REFUSED(feat_open(path, NULL, NULL, &err));
    open_options.size++;
    REFUSED(feat_open(path, &open_options, &other, &err));
    open_options.size--;
    open_options.mode = (feat_mode)3;
    REFUSED(feat_open(path, &open_options, &other, &err));
    REFUSED(feat_define(NULL, SQL, &err));
    REFUSED(feat_define(store, NULL, &err));
    REFUSED(feat_explain(NULL, "purchases", &text, &err));
    REFUSED(feat_explain(store, NULL, &text, &err));
    REFUSED(feat_explain(store, "purchases", NULL, &err));
    REFUSED(feat_deploy(NULL, "x", &err));
    REFUSED(feat_deploy(store, NULL, &err));
    REFUSED(feat_snapshot_open(NULL, NULL, &snap, &err));
    REFUSED(feat_snapshot_open(store, NULL, NULL, &err));
    at.kind = (feat_at_kind)9;
    REFUSED(feat_snapshot_open(store, &at, &snap, &err));
    at.kind = FEAT_AT_TAG;
    REFUSED(feat_snapshot_open(store, &at, &snap, &err));
    at.size = 0;
    REFUSED(feat_snapshot_open(store, &at, &snap, &err));
    REFUSED(feat_tag(store, "x", &at, &err));
    REFUSED(feat_tag(store, NULL, NULL, &err));
    REFUSED(feat_tag(NULL, "x", NULL, &err));
    REFUSED(feat_snapshot_scan(NULL, "purchases", NULL, &out, &err));
    REFUSED(feat_snapshot_scan(snap, NULL, NULL, &out, &err));
    REFUSED(feat_snapshot_scan(snap, "purchases", NULL, NULL, &err));
    scan_options.n_columns = 1;
    REFUSED(feat_snapshot_scan(snap, "purchases", &scan_options, &out, &err));
    scan_options.size = 1;
    REFUSED(feat_snapshot_scan(snap, "purchases", &scan_options, &out, &err));
    REFUSED(feat_snapshot_digest(NULL, "purchases", digest, NULL, &err));
    REFUSED(feat_snapshot_digest(snap, NULL, digest, NULL, &err));
    REFUSED(feat_snapshot_digest(snap, "purchases", NULL, NULL, &err));
    REFUSED(feat_history(NULL, NULL, &out, &err));
    REFUSED(feat_history(store, NULL, NULL, &err));
#define REFUSED_AND_RELEASED(call)                                                                                     \
    do {                                                                                                               \
        watched(&stream, &released);                                                                                   \
        ck_assert_int_eq(call, FEAT_ARGUMENT);                                                                         \
        ck_assert_int_eq(released, 1);                                                                                 \
        ck_assert_ptr_null(stream.release);                                                                            \
    } while (0)
    REFUSED_AND_RELEASED(feat_write(NULL, "purchases", &stream, NULL, NULL, &err));
    REFUSED_AND_RELEASED(feat_write(store, NULL, &stream, NULL, NULL, &err));
    write_options.mode = (feat_write_mode)6;
    REFUSED_AND_RELEASED(feat_write(store, "purchases", &stream, &write_options, NULL, &err));
    write_options.mode = FEAT_WRITE_DELETE;
    write_options.where = "TRUE"; /* says what goes, and so do rows */
    REFUSED_AND_RELEASED(feat_write(store, "purchases", &stream, &write_options, NULL, &err));
    write_options.mode = FEAT_WRITE_APPEND;
    REFUSED(feat_write(store, "purchases", NULL, &write_options, NULL, &err));
    write_options.size = 3;
    REFUSED_AND_RELEASED(feat_write(store, "purchases", &stream, &write_options, NULL, &err));
    REFUSED(feat_write(store, "purchases", NULL, NULL, NULL, &err));
    REFUSED(feat_write(store, "purchases", &gone, NULL, NULL, &err));
    REFUSED_AND_RELEASED(feat_training_set(NULL, "x", &stream, NULL, &out, &err));
    REFUSED_AND_RELEASED(feat_training_set(snap, NULL, &stream, NULL, &out, &err));
    REFUSED_AND_RELEASED(feat_training_set(snap, "x", &stream, NULL, NULL, &err));
    training_options.on_error = (feat_on_error)4;
    REFUSED_AND_RELEASED(feat_training_set(snap, "x", &stream, &training_options, &out, &err));
    training_options.size = 3;
    REFUSED_AND_RELEASED(feat_training_set(snap, "x", &stream, &training_options, &out, &err));
    REFUSED(feat_training_set(snap, "x", NULL, NULL, &out, &err));
    ck_assert_ptr_null(out.release);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(feat_write(NULL, NULL, NULL, NULL, NULL, NULL), FEAT_ARGUMENT); /* err may be NULL */
    feat_close(NULL);
    feat_snapshot_close(NULL);
    feat_text_free(NULL);
    feat_snapshot_close(snap);
    feat_close(store);
    remove_path();
}
END_TEST

START_TEST(test_read_only) {
    feat_store *store = open_store(), *reader = NULL;
    struct ArrowArrayStream stream;
    feat_open_options options = FEAT_OPEN_OPTIONS_INIT;
    int released;
    options.mode = FEAT_MODE_READ;
    ck_assert_msg(feat_open(path, &options, &reader, &err) == FEAT_OK, "%s", err.message);
    watched(&stream, &released);
    ck_assert_int_eq(feat_write(reader, "purchases", &stream, NULL, NULL, &err), FEAT_READ_ONLY);
    ck_assert_int_eq(released, 1);
    ck_assert_int_eq(feat_define(reader, SQL, &err), FEAT_READ_ONLY);
    ck_assert_int_eq(feat_tag(reader, "x", NULL, &err), FEAT_READ_ONLY);
    feat_close(reader);
    feat_close(store);
    remove_path();
}
END_TEST

START_TEST(test_no_handle_survives_fork) {
    feat_store *store = open_store();
    feat_snapshot *snap = NULL;
    struct ArrowArrayStream stream, out;
    int released, result;
    ck_assert_int_eq(feat_snapshot_open(store, NULL, &snap, &err), FEAT_OK);
    watched(&stream, &released);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int ok = feat_write(store, "purchases", &stream, NULL, NULL, &err) == FEAT_FORKED && released == 1 &&
                 feat_define(store, SQL, &err) == FEAT_FORKED && feat_tag(store, "x", NULL, &err) == FEAT_FORKED &&
                 feat_snapshot_scan(snap, "purchases", NULL, &out, &err) == FEAT_FORKED;
        _exit(ok ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &result, 0), child);
    ck_assert_int_eq(result, 0);
    stream.release(&stream);
    feat_snapshot_close(snap);
    feat_close(store);
    remove_path();
}
END_TEST

int main(void) {
    Suite *suite = suite_create("store");
    TCase *tests = tcase_create("store");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, test_round_trip);
    tcase_add_test(tests, test_names_that_are_not_there);
    tcase_add_test(tests, test_arguments);
    tcase_add_test(tests, test_read_only);
    tcase_add_test(tests, test_no_handle_survives_fork);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
