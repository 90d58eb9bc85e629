/* Rows chosen by what they say: scans, deletes, overwrites and merges, in parts of a few rows, and without memory. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"

#define TABLE                                                                                                          \
    "CREATE TABLE visits (id BIGINT, who TEXT, n BIGINT, at TIMESTAMP NOT NULL, "                                      \
    "ENTITY KEY (who, n), EVENT TIME (at), UNIQUE (id))"
#define HEADER "id BIGINT, who TEXT, n BIGINT, at TIMESTAMP\n"
#define ROWS   "1, ann, 1, 10\n2, ann, 2, 20\n3, bob, NULL, 30\n4, bob, 2, 40\n5, NULL, 2, 50\n"

static void fill(shop *s) {
    shop_open(s, TABLE);
    check_ok(s, shop_put(s, HEADER ROWS, 2, 2, NULL, NULL)); /* several segments */
}

/* `keys` is a literal, or NULL. */
static feat_status scan(shop *s, const char *where, const char *keys, const uint64_t *limit, char **text) {
    struct ArrowArrayStream stream, entities;
    feat_scan_options opt = FEAT_SCAN_OPTIONS_INIT;
    opt.where = where;
    opt.limit = limit;
    if (keys) {
        FEAT_TRY(test_stream(keys, 1, &entities));
        opt.entities = &entities;
    }
    feat_status status = feat_scan_rows(s->db, s->catalog, s->table, shop_version(s), &opt, NULL, &stream, &s->err);
    if (keys) {
        if (entities.release) entities.release(&entities); /* the scan failed before it was read */
    }
    return status == FEAT_OK ? test_stream_text(&stream, 1, text, &s->err) : status;
}

static void check_scan(shop *s, const char *where, const char *keys, const char *expected) {
    char *text = NULL;
    feat_status status = scan(s, where, keys, NULL, &text);
    ck_assert_msg(status == FEAT_OK, "%s: %s", where ? where : keys, s->err.message);
    ck_assert_str_eq(text, expected);
    feat_free(text);
}

START_TEST(test_scans) {
    shop s;
    char *text = NULL;
    fill(&s);
    check_scan(&s, "id >= 4", NULL, HEADER "4, bob, 2, 40\n5, NULL, 2, 50\n");
    check_scan(&s, "id > 100", NULL, HEADER);
    check_scan(&s, "NOT n = 1", NULL, HEADER "2, ann, 2, 20\n4, bob, 2, 40\n5, NULL, 2, 50\n");
    check_scan(&s, NULL, "who TEXT\nbob\nzoe\nNULL\nbob\n", HEADER "3, bob, NULL, 30\n4, bob, 2, 40\n");
    check_scan(&s, NULL, "who TEXT, n BIGINT\nann, 2\nbob, NULL\n", HEADER "2, ann, 2, 20\n");
    check_scan(&s, NULL, "n BIGINT, who TEXT\n2, bob\n1, ann\n", HEADER "1, ann, 1, 10\n4, bob, 2, 40\n");
    check_scan(&s, "n = 2", "who TEXT\nann\nbob\n", HEADER "2, ann, 2, 20\n4, bob, 2, 40\n");
    check_scan(&s, NULL, "who TEXT\n", HEADER);
    for (uint64_t limit = 0; limit < 7; limit++) {
        struct ArrowArrayStream stream;
        feat_scan_options opt = FEAT_SCAN_OPTIONS_INIT;
        size_t rows, batches;
        opt.limit = &limit;
        check_ok(&s, feat_scan_rows(s.db, s.catalog, s.table, shop_version(&s), &opt, NULL, &stream, &s.err));
        check_ok(&s, test_stream_count(&stream, &rows, &batches));
        ck_assert_uint_eq(rows, limit < 5 ? limit : 5);
    }
    ck_assert_int_eq(scan(&s, "nobody = 1", NULL, NULL, &text), FEAT_DEFINITION);
    ck_assert_int_eq(scan(&s, "id = ", NULL, NULL, &text), FEAT_SYNTAX);
    ck_assert_int_eq(scan(&s, NULL, "n BIGINT\n1\n", NULL, &text), FEAT_SCHEMA);
    ck_assert_int_eq(scan(&s, NULL, "who TEXT, at TIMESTAMP\nann, 1\n", NULL, &text), FEAT_SCHEMA);
    shop_close(&s);
}
END_TEST

static feat_status delete_where(shop *s, const char *where, feat_commit *done) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    opt.mode = FEAT_WRITE_DELETE;
    opt.where = where;
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    feat_status status = feat_ingest(s->db, s->table, NULL, &opt, done, &s->err);
    feat_db_unlock(s->db);
    return status;
}

START_TEST(test_delete_where) {
    shop s;
    feat_commit done;
    fill(&s);
    check_ok(&s, delete_where(&s, "n = 2 AND at >= TIMESTAMP '1970-01-01 00:00:00.00003'", &done));
    ck_assert_int_eq(done.rows_removed, 2);
    check_scan(&s, NULL, "who TEXT\nann\nbob\n", HEADER "1, ann, 1, 10\n2, ann, 2, 20\n3, bob, NULL, 30\n");
    shop_state before = shop_state_of(&s);
    check_ok(&s, delete_where(&s, "n = 7", &done));
    check_unchanged(&s, &before, "nothing to delete");
    ck_assert_int_eq(delete_where(&s, "CAST(who AS BIGINT) = 1", &done), FEAT_DATA);
    check_unchanged(&s, &before, "an error for a row");
    /* What was deleted is no row that a condition is asked for. */
    check_ok(&s, delete_where(&s, "who = 'bob'", &done));
    check_scan(&s, "CASE WHEN who = 'ann' THEN TRUE ELSE CAST(who AS BIGINT) = 1 END", NULL,
               HEADER "1, ann, 1, 10\n2, ann, 2, 20\n");
    shop_close(&s);
}
END_TEST

START_TEST(test_overwrite_range) {
    shop s;
    feat_commit done;
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    int64_t start = 20, end = 50;
    opt.mode = FEAT_WRITE_OVERWRITE;
    opt.start = &start;
    opt.end = &end;
    fill(&s);
    shop_state before = shop_state_of(&s);
    ck_assert_int_eq(shop_put(&s, HEADER "7, ann, 1, 20\n8, ann, 1, 49\n9, ann, 1, 50\n", 1, 1, &opt, &done),
                     FEAT_CONSTRAINT);
    ck_assert_int_eq(s.err.row, 2);
    check_unchanged(&s, &before, "a row at the end");
    ck_assert_int_eq(shop_put(&s, HEADER "7, ann, 1, 19\n", 1, 1, &opt, &done), FEAT_CONSTRAINT);
    ck_assert_int_eq(shop_put(&s, HEADER "1, ann, 1, 20\n", 1, 1, &opt, &done), FEAT_CONSTRAINT); /* a key outside */
    check_unchanged(&s, &before, "rows that are refused");
    check_ok(&s, shop_put(&s, HEADER "2, ann, 9, 20\n8, ann, 1, 49\n", 1, 1, &opt, &done));
    ck_assert_int_eq(done.rows_removed, 3);
    ck_assert_int_eq(done.rows_added, 2);
    check_scan(&s, "TRUE", NULL, HEADER "1, ann, 1, 10\n2, ann, 9, 20\n5, NULL, 2, 50\n8, ann, 1, 49\n");
    shop_close(&s);
}
END_TEST

typedef struct merge_case {
    feat_matched matched;
    feat_not_matched not_matched;
    const char *rows, *expected; /* NULL: FEAT_CONSTRAINT */
    int64_t row;                 /* that the message is about */
} merge_case;

START_TEST(test_merge) {
    static const merge_case cases[] = {
        {FEAT_MATCHED_UPDATE, FEAT_NOT_MATCHED_INSERT, "1, zoe, 1, 1\n7, zoe, 1, 1\nNULL, zoe, 1, 1\n",
         HEADER "1, zoe, 1, 1\n2, ann, 2, 20\n7, zoe, 1, 1\nNULL, zoe, 1, 1\n", 0},
        {FEAT_MATCHED_IGNORE, FEAT_NOT_MATCHED_INSERT, "1, zoe, 1, 1\n7, zoe, 1, 1\n",
         HEADER "1, ann, 1, 10\n2, ann, 2, 20\n7, zoe, 1, 1\n", 0},
        {FEAT_MATCHED_DELETE, FEAT_NOT_MATCHED_IGNORE, "1, zoe, 1, 1\n7, zoe, 1, 1\nNULL, zoe, 1, 1\n",
         HEADER "2, ann, 2, 20\n", 0},
        {FEAT_MATCHED_UPDATE, FEAT_NOT_MATCHED_IGNORE, "7, zoe, 1, 1\n2, zoe, 1, 1\n",
         HEADER "1, ann, 1, 10\n2, zoe, 1, 1\n", 0},
        {FEAT_MATCHED_ERROR, FEAT_NOT_MATCHED_INSERT, "7, zoe, 1, 1\n8, zoe, 1, 1\n1, ann, 1, 10\n", NULL, 2},
        {FEAT_MATCHED_UPDATE, FEAT_NOT_MATCHED_ERROR, "1, zoe, 1, 1\nNULL, zoe, 1, 1\n", NULL, 1},
        {FEAT_MATCHED_DELETE, FEAT_NOT_MATCHED_INSERT, "1, zoe, 1, 1\n7, zoe, 1, 1\n1, zoe, 1, 1\n", NULL, 2},
        {FEAT_MATCHED_IGNORE, FEAT_NOT_MATCHED_IGNORE, "9, zoe, 1, 1\n7, zoe, 1, 1\n9, zoe, 1, 2\n", NULL, 2},
    };
    for (size_t part_rows = 1; part_rows < 5; part_rows++)
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            shop s;
            char rows[400];
            feat_commit done;
            feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
            opt.mode = FEAT_WRITE_MERGE;
            opt.matched = cases[i].matched;
            opt.not_matched = cases[i].not_matched;
            shop_open(&s, TABLE);
            check_ok(&s, shop_put(&s, HEADER "1, ann, 1, 10\n2, ann, 2, 20\n", 0, 10, NULL, NULL));
            shop_state before = shop_state_of(&s);
            snprintf(rows, sizeof rows, HEADER "%s", cases[i].rows);
            feat_status status = shop_put(&s, rows, 1, part_rows, &opt, &done);
            if (cases[i].expected) {
                ck_assert_msg(status == FEAT_OK, "case %zu: %s", i, s.err.message);
                check_scan(&s, "TRUE", NULL, cases[i].expected);
            } else {
                ck_assert_msg(status == FEAT_CONSTRAINT && s.err.row == cases[i].row, "case %zu, parts of %zu: %s", i,
                              part_rows, s.err.message);
                check_unchanged(&s, &before, cases[i].rows);
            }
            shop_close(&s);
        }
}
END_TEST

#define NEWER "id BIGINT, at TIMESTAMP, colour TEXT, size DOUBLE\n9, 90, red, 1.5\n"

START_TEST(test_merge_schema) {
    shop s;
    fill(&s);
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    opt.merge_schema = 1;
    check_ok(&s, shop_put(&s, NEWER, 0, 100, &opt, NULL));
    feat_catalog_unref(s.catalog);
    check_ok(&s, feat_catalog_load(s.db, &s.catalog, &s.err));
    check_ok(&s, feat_catalog_table(s.catalog, "visits", &s.table, &s.err));
    check_scan(&s, "colour = 'red' OR id = 1", NULL,
               "id BIGINT, who TEXT, n BIGINT, at TIMESTAMP, colour TEXT, size DOUBLE\n1, ann, 1, 10, NULL, NULL\n9, "
               "NULL, NULL, 90, red, 1.5\n");
    ck_assert_uint_eq(s.table->revision, 1);
    shop_close(&s);
}
END_TEST

/* What one of the calls does while allocation `at` fails. */
static feat_status without_memory(shop *s, int what, int64_t at) {
    static const char *const rows[] = {"", "", HEADER "8, ann, 1, 49\n", HEADER "8, ann, 1, 49\n1, ann, 5, 49\n",
                                       NEWER};
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    struct ArrowArrayStream stream;
    int64_t start = 20;
    char *text = NULL;
    feat_status status;
    opt.mode = what == 2 ? FEAT_WRITE_OVERWRITE : what == 3 ? FEAT_WRITE_MERGE : FEAT_WRITE_APPEND;
    if (what == 2) opt.start = &start;
    opt.merge_schema = what == 4;
    if (what >= 2) ck_assert_int_eq(test_stream(rows[what], 1, &stream), FEAT_OK);
    feat_alloc_fail_after(at);
    if (what == 0) status = scan(s, "n + 1 = 3", "who TEXT\nann\nbob\n", NULL, &text);
    else if (what == 1) status = delete_where(s, "n = 2", NULL);
    else status = shop_write(s, &stream, 1, &opt, NULL);
    feat_alloc_fail_after(0);
    feat_free(text);
    return status;
}

/* Whatever allocation fails, the call says so and the store is as it was. */
START_TEST(test_without_memory) {
    for (int what = 0; what < 5; what++) {
        shop s;
        fill(&s);
        shop_state before = shop_state_of(&s);
        for (int64_t at = 1;; at++) {
            feat_status status = without_memory(&s, what, at);
            if (status == FEAT_OK) break;
            if (status == FEAT_CANCELLED) status = FEAT_MEMORY; /* the stream of rows had none */
            ck_assert_msg(status == FEAT_MEMORY || status == FEAT_IO, "%d, allocation %lld: %d %s", what, (long long)at,
                          (int)status, s.err.message);
            check_unchanged(&s, &before, "without memory");
        }
        shop_close(&s);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_scans);
    tcase_add_test(tests, test_delete_where);
    tcase_add_test(tests, test_overwrite_range);
    tcase_add_test(tests, test_merge);
    tcase_add_test(tests, test_merge_schema);
    tcase_add_test(tests, test_without_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
