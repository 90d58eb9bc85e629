/* Reading rows and history back as streams. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"

#define TABLE                                                                                                          \
    "CREATE TABLE purchases (id BIGINT NOT NULL, Who TEXT, amount DOUBLE, at TIMESTAMP NOT NULL, "                     \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));"                                                                 \
    "CREATE TABLE log (who TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))"
#define HEADER "id BIGINT, Who TEXT, amount DOUBLE, at TIMESTAMP\n"

static void fill(shop *s) {
    feat_write_options upsert = FEAT_WRITE_OPTIONS_INIT;
    upsert.mode = FEAT_WRITE_UPSERT;
    upsert.known_at = 2000;
    shop_open(s, TABLE);
    feat_write_options append = FEAT_WRITE_OPTIONS_INIT;
    append.known_at = 1000;
    check_ok(s, shop_put(s, HEADER "1, ann, 1.5, 10\n2, bob, NULL, 20\n3, NULL, 3.0, 30\n", 0, 100, &append, NULL));
    check_ok(s, shop_put(s, HEADER "2, bob, 2.5, 20\n4, dan, 4.0, 40\n", 0, 100, &upsert, NULL));
}

static feat_status scan(shop *s, uint64_t version, const char *const *columns, size_t n, char **text) {
    struct ArrowArrayStream stream;
    feat_status status = feat_scan(s->db, s->catalog, s->table, version, columns, n, false, &stream, &s->err);
    if (status == FEAT_OK) check_ok(s, test_stream_text(&stream, 1, text, &s->err));
    return status;
}

START_TEST(test_versions) {
    static const char *const expected[] = {
        HEADER,
        HEADER "1, ann, 1.5, 10\n2, bob, NULL, 20\n3, NULL, 3.0, 30\n",
        HEADER "1, ann, 1.5, 10\n2, bob, 2.5, 20\n3, NULL, 3.0, 30\n4, dan, 4.0, 40\n",
    };
    shop s;
    fill(&s);
    for (uint64_t version = 0; version < 3; version++) {
        char *text = NULL;
        check_ok(&s, scan(&s, version, NULL, 0, &text));
        ck_assert_str_eq(text, expected[version]);
        feat_free(text);
    }
    shop_close(&s);
}
END_TEST

START_TEST(test_columns) {
    shop s;
    char *text = NULL;
    static const char *const chosen[] = {"AMOUNT", "who"}, *const wrong[] = {"id", "amuont"}, *const missing[] = {NULL};
    fill(&s);
    check_ok(&s, scan(&s, 2, chosen, 2, &text));
    ck_assert_str_eq(text, "amount DOUBLE, Who TEXT\n1.5, ann\n2.5, bob\n3.0, NULL\n4.0, dan\n");
    feat_free(text);
    ck_assert_int_eq(scan(&s, 2, wrong, 2, &text), FEAT_NOT_FOUND);
    ck_assert_str_eq(s.err.message, "table 'purchases' has no column 'amuont'; did you mean 'amount'?");
    ck_assert_int_eq(scan(&s, 2, missing, 1, &text), FEAT_ARGUMENT);
    shop_close(&s);
}
END_TEST

START_TEST(test_schema_of_a_scan) {
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    size_t rows, batches;
    shop s;
    fill(&s);
    check_ok(&s, feat_scan(s.db, s.catalog, s.table, 0, NULL, 0, false, &stream, &s.err));
    ck_assert_int_eq(stream.get_schema(&stream, &schema), 0);
    ck_assert_str_eq(schema.format, "+s");
    ck_assert_int_eq(schema.n_children, 4);
    ck_assert_int_eq(schema.children[0]->flags & ARROW_FLAG_NULLABLE, 0);
    ck_assert_int_ne(schema.children[1]->flags & ARROW_FLAG_NULLABLE, 0);
    /* Number of pairs, then length and bytes of each key and value. */
    int32_t pairs, length;
    ck_assert_ptr_nonnull(schema.metadata);
    memcpy(&pairs, schema.metadata, 4);
    memcpy(&length, schema.metadata + 4, 4);
    ck_assert_int_eq(pairs, 2);
    ck_assert_int_eq(length, 13);
    ck_assert_mem_eq(schema.metadata + 8, "libfeat.table", 13);
    schema.release(&schema);
    ck_assert_int_eq(test_stream_count(&stream, &rows, &batches), FEAT_OK);
    ck_assert_uint_eq(rows, 0);
    ck_assert_uint_eq(batches, 0);
    shop_close(&s);
}
END_TEST

START_TEST(test_large_segments_and_deletes) {
    enum { ROWS = 150000 };
    static const char *const names[] = {"id", "Who", "amount", "at"};
    static const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE, FEAT_TYPE_TIMESTAMP};
    static const char *const id[] = {"id"};
    feat_write_options upsert = FEAT_WRITE_OPTIONS_INIT;
    feat_batch rows;
    struct ArrowArrayStream stream;
    shop s;
    upsert.mode = FEAT_WRITE_UPSERT;
    ck_assert_int_eq(feat_batch_init(&rows, types, 4, NULL), FEAT_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        int failed = feat_column_append_int(&rows.columns[0], i) | feat_column_append_text(&rows.columns[1], "x", 1) |
                     feat_column_append_double(&rows.columns[2], (double)i) |
                     feat_column_append_int(&rows.columns[3], i);
        ck_assert_int_eq(failed, 0);
    }
    rows.length = ROWS;
    shop_open(&s, TABLE);
    ck_assert_int_eq(test_stream_of_batch(names, &rows, 0, &stream), FEAT_OK);
    check_ok(&s, shop_write(&s, &stream, FEAT_INGEST_PART_ROWS, NULL, NULL));
    feat_commit done;
    check_ok(&s, shop_put(&s, HEADER "0, y, 0.5, 5\n70000, y, 0.5, 5\n149999, y, 0.5, 5\n", 0, 100, &upsert, &done));
    ck_assert_int_eq(done.rows_replaced, 3);
    for (uint64_t version = 1; version <= 2; version++) {
        check_ok(&s, feat_scan(s.db, s.catalog, s.table, version, id, 1, false, &stream, &s.err));
        uint8_t *seen = calloc(ROWS, 1);
        size_t total = 0;
        for (;;) {
            struct ArrowArray batch;
            ck_assert_int_eq(stream.get_next(&stream, &batch), 0);
            if (!batch.release) break;
            ck_assert_int_gt(batch.length, 0);
            ck_assert_int_le(batch.length, 65536);
            const int64_t *ids = batch.children[0]->buffers[1];
            for (int64_t i = 0; i < batch.length; i++, total++)
                ck_assert_int_eq(seen[ids[batch.children[0]->offset + i]]++, 0);
            batch.release(&batch);
        }
        stream.release(&stream);
        ck_assert_uint_eq(total, ROWS);
        free(seen);
    }
    feat_batch_done(&rows);
    shop_close(&s);
}
END_TEST

START_TEST(test_a_stream_outlives_its_handles) {
    struct ArrowArrayStream stream, commits;
    char *text = NULL;
    shop s;
    fill(&s);
    check_ok(&s, feat_scan(s.db, s.catalog, s.table, 1, NULL, 0, false, &stream, &s.err));
    check_ok(&s, feat_history_stream(s.db, s.catalog, s.table, &commits, &s.err));
    feat_catalog_unref(s.catalog);
    feat_db_unref(s.db);
    check_ok(&s, test_stream_text(&stream, 1, &text, &s.err));
    ck_assert_ptr_nonnull(strstr(text, "\n2, bob, NULL, 20\n"));
    feat_free(text);
    check_ok(&s, test_stream_text(&commits, 0, &text, &s.err));
    feat_free(text);
    s.db = NULL;
    s.catalog = NULL;
    shop_close(&s);
}
END_TEST

START_TEST(test_history) {
    struct ArrowArrayStream stream;
    char *text = NULL, expected[512], first[FEAT_DIGEST_TEXT_SIZE], second[FEAT_DIGEST_TEXT_SIZE];
    feat_table_version *version;
    feat_digest digest;
    shop s;
    fill(&s);
    check_ok(&s, feat_table_open(s.db, s.table, 1, &version, &s.err));
    digest = feat_table_digest(version);
    feat_digest_format(&digest, first);
    feat_table_close(version);
    digest = shop_digest(&s, NULL);
    feat_digest_format(&digest, second);
    snprintf(expected, sizeof expected,
             "version BIGINT, known_time TIMESTAMP, table TEXT, operation TEXT, rows_added BIGINT, rows_removed "
             "BIGINT, rows BIGINT, digest TEXT, branch TEXT\n"
             "1, 1000, purchases, append, 3, 0, 3, %s, main\n2, 2000, purchases, upsert, 2, 1, 4, %s, main\n",
             first, second);
    for (int all = 0; all < 2; all++) {
        check_ok(&s, feat_history_stream(s.db, s.catalog, all ? NULL : s.table, &stream, &s.err));
        check_ok(&s, test_stream_text(&stream, 0, &text, &s.err));
        ck_assert_str_eq(text, expected);
        feat_free(text);
    }
    size_t rows, batches;
    const feat_scope *scope = NULL;
    check_ok(&s, feat_catalog_scope(s.catalog, &scope, &s.err));
    check_ok(&s, feat_history_stream(s.db, s.catalog, scope->tables[1], &stream, &s.err));
    ck_assert_int_eq(test_stream_count(&stream, &rows, &batches), FEAT_OK);
    ck_assert_uint_eq(rows, 0);
    shop_close(&s);
}
END_TEST

START_TEST(test_without_memory) {
    shop s;
    fill(&s);
    for (int history = 0; history < 2; history++)
        for (int64_t at = 1;; at++) {
            struct ArrowArrayStream stream = {0};
            size_t rows = 0, batches;
            feat_alloc_fail_after(at);
            feat_status status = history ? feat_history_stream(s.db, s.catalog, NULL, &stream, &s.err)
                                         : feat_scan(s.db, s.catalog, s.table, 2, NULL, 0, false, &stream, &s.err);
            if (status == FEAT_OK) status = test_stream_count(&stream, &rows, &batches);
            else ck_assert_ptr_null(stream.release);
            feat_alloc_fail_after(0);
            if (status == FEAT_OK) {
                ck_assert_uint_eq(rows, history ? 2 : 4);
                break;
            }
            ck_assert_msg(status == FEAT_MEMORY || status == FEAT_IO, "allocation %lld: %d", (long long)at,
                          (int)status);
        }
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("scan");
    TCase *tests = tcase_create("scan");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_versions);
    tcase_add_test(tests, test_columns);
    tcase_add_test(tests, test_schema_of_a_scan);
    tcase_add_test(tests, test_large_segments_and_deletes);
    tcase_add_test(tests, test_a_stream_outlives_its_handles);
    tcase_add_test(tests, test_history);
    tcase_add_test(tests, test_without_memory);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
