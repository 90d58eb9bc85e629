/* Changes as streams: what they hold on to, and what becomes of them without memory. What they say is looked at by
 * tests/python/test_changes.py. */
#define _XOPEN_SOURCE 700
#include "engine/changes.h"
#include "engine/support.h"

static const char *const sql = "CREATE TABLE t (id BIGINT NOT NULL, x TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (id), "
                               "EVENT TIME (at), UNIQUE (id));";

/* Four rows; two of them replaced, one deleted, one new; then all of it written once more. */
static void fill(shop *s) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    shop_open(s, sql);
    check_ok(s, shop_put(s, "id BIGINT, x TEXT, at TIMESTAMP\n1, a, 10\n2, b, 20\n3, c, 30\n4, d, 40\n", 0, 1000, NULL,
                         NULL));
    opt.mode = FEAT_WRITE_UPSERT;
    check_ok(s, shop_put(s, "id BIGINT, x TEXT, at TIMESTAMP\n2, B, 20\n4, D, 50\n5, e, 50\n", 0, 1000, &opt, NULL));
    opt.mode = FEAT_WRITE_DELETE;
    check_ok(s, shop_put(s, "id BIGINT\n3\n", 0, 1000, &opt, NULL));
    opt.mode = FEAT_WRITE_OVERWRITE;
    check_ok(s, shop_put(s, "id BIGINT, x TEXT, at TIMESTAMP\n5, e, 50\n4, D, 50\n2, B, 20\n1, a, 10\n", 0, 1000, &opt,
                         NULL));
    ck_assert_uint_eq(shop_version(s), 4);
}

static void check_stream(shop *s, struct ArrowArrayStream *stream, const char *expected) {
    char *text = NULL;
    check_ok(s, test_stream_text(stream, 1, &text, &s->err));
    char *rows = strchr(text, '\n') + 1;
    ck_assert_msg(strcmp(rows, expected) == 0, "%snot\n%s", rows, expected);
    feat_free(text);
}

START_TEST(test_net_changes) {
    shop s;
    struct ArrowArrayStream stream;
    feat_commit_info info[5];
    char expected[512];
    fill(&s);
    for (uint64_t v = 1; v <= 4; v++) check_ok(&s, feat_version_read(s.db, v, &info[v], &s.err));
    check_ok(&s, feat_changes_stream(s.db, s.catalog, s.table, 1, 4, false, &stream, &s.err));
    long long t = (long long)info[4].known_time;
    snprintf(expected, sizeof expected,
             "delete, 4, %lld, 3, c, 30\n"
             "insert, 4, %lld, 5, e, 50\n"
             "update_after, 4, %lld, 2, B, 20\n"
             "update_after, 4, %lld, 4, D, 50\n"
             "update_before, 4, %lld, 2, b, 20\n"
             "update_before, 4, %lld, 4, d, 40\n",
             t, t, t, t, t, t);
    check_stream(&s, &stream, expected);
    check_ok(&s, feat_changes_stream(s.db, s.catalog, s.table, 3, 4, true, &stream, &s.err));
    check_stream(&s, &stream, "");
    check_ok(&s, feat_changes_stream(s.db, s.catalog, s.table, 1, 0, false, &stream, &s.err));
    check_stream(&s, &stream,
                 "delete, 0, NULL, 1, a, 10\ndelete, 0, NULL, 2, b, 20\ndelete, 0, NULL, 3, c, 30\ndelete, 0, NULL, 4, "
                 "d, 40\n");
    shop_close(&s);
}
END_TEST

START_TEST(test_a_stream_outlives_its_handles) {
    shop s;
    struct ArrowArrayStream stream;
    size_t rows, batches;
    fill(&s);
    check_ok(&s, feat_changes_stream(s.db, s.catalog, s.table, 0, 4, true, &stream, &s.err));
    feat_catalog_unref(s.catalog);
    feat_db_unref(s.db);
    s.catalog = NULL;
    s.db = NULL;
    ck_assert_int_eq(test_stream_count(&stream, &rows, &batches), FEAT_OK);
    ck_assert_uint_eq(rows, 4 + 5 + 1);
    shop_close(&s);
}
END_TEST

START_TEST(test_without_memory) {
    static const size_t expected[] = {10, 6, 1};
    shop s;
    fill(&s);
    for (int kind = 0; kind < 3; kind++)
        for (int64_t at = 1;; at++) {
            struct ArrowArrayStream stream = {0};
            size_t rows = 0, batches;
            feat_status status;
            feat_alloc_fail_after(at);
            if (kind < 2)
                status = feat_changes_stream(s.db, s.catalog, s.table, (uint64_t)kind, 4, kind == 0, &stream, &s.err);
            else status = feat_diff_stream(s.db, s.catalog, 1, 4, &stream, &s.err);
            if (status == FEAT_OK) status = test_stream_count(&stream, &rows, &batches);
            else ck_assert_ptr_null(stream.release);
            feat_alloc_fail_after(0);
            if (status == FEAT_OK) {
                ck_assert_uint_eq(rows, expected[kind]);
                break;
            }
            ck_assert_msg(status == FEAT_MEMORY || status == FEAT_IO, "allocation %lld: %d", (long long)at,
                          (int)status);
        }
    shop_close(&s);
}
END_TEST

/* A restore that fails leaves the store as it was, wherever memory ends. */
START_TEST(test_restoring_without_memory) {
    shop s;
    fill(&s);
    shop_state before = shop_state_of(&s);
    check_ok(&s, feat_db_lock(s.db, 0, &s.err));
    for (int64_t at = 1;; at++) {
        feat_commit done = {.rows_read = -7};
        feat_alloc_fail_after(at);
        feat_status status = feat_restore_table(s.db, s.table, 1, 0, &done, &s.err);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) {
            ck_assert_uint_eq(done.version, 5);
            ck_assert(done.rows_added == 1 && done.rows_replaced == 2 && done.rows_removed == 1);
            break;
        }
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_int_eq(done.rows_read, -7);
        check_unchanged(&s, &before, "restore");
    }
    feat_db_unlock(s.db);
    char *text = shop_rows(&s);
    ck_assert_str_eq(text, "id BIGINT, x TEXT, at TIMESTAMP\n1, a, 10\n2, b, 20\n3, c, 30\n4, d, 40\n");
    feat_free(text);
    shop_close(&s);
}
END_TEST

/* Of a clone the definition and the rows are there, or none. */
START_TEST(test_cloning_without_memory) {
    shop s;
    fill(&s);
    shop_state before = shop_state_of(&s);
    check_ok(&s, feat_db_lock(s.db, 0, &s.err));
    for (int64_t at = 1;; at++) {
        feat_commit done = {.rows_read = -7};
        feat_catalog *now = NULL;
        const feat_schema *copy = NULL;
        feat_alloc_fail_after(at);
        feat_status status = feat_clone_table(s.db, s.catalog, s.table, 1, "copy", 0, &done, &s.err);
        feat_alloc_fail_after(0);
        check_ok(&s, feat_catalog_load(s.db, &now, &s.err));
        feat_status found = feat_catalog_table(now, "copy", &copy, NULL);
        ck_assert_int_eq(found, status == FEAT_OK ? FEAT_OK : FEAT_NOT_FOUND);
        if (status == FEAT_OK) {
            feat_table_version *tv = NULL;
            ck_assert(done.version == 5 && done.rows_added == 4);
            check_ok(&s, feat_table_open(s.db, copy, 5, &tv, &s.err));
            ck_assert_int_eq(feat_table_rows(tv), 4);
            feat_table_close(tv);
            feat_catalog_unref(now);
            break;
        }
        feat_catalog_unref(now);
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_int_eq(done.rows_read, -7);
        check_unchanged(&s, &before, "clone");
    }
    feat_db_unlock(s.db);
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("changes");
    TCase *tests = tcase_create("changes");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_net_changes);
    tcase_add_test(tests, test_a_stream_outlives_its_handles);
    tcase_add_test(tests, test_without_memory);
    tcase_add_test(tests, test_restoring_without_memory);
    tcase_add_test(tests, test_cloning_without_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
