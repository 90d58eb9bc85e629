/* Derivations without memory, and from many parts of a table. What they compute is looked at by
 * tests/python/test_derivations.py. */
#define _XOPEN_SOURCE 700
#include "engine/derivation.h"
#include "engine/support.h"

static const char *const sql = "CREATE RAW TABLE raw WITH (payload = 'text');"
                               "CREATE TABLE clean (s TEXT NOT NULL, n BIGINT CHECK (n < 100), at TIMESTAMP, kind TEXT "
                               "DEFAULT 'k', ENTITY KEY (s), "
                               "EVENT TIME (at), UNIQUE (n));"
                               "CREATE DERIVATION d INTO clean AS SELECT source AS s, CAST(payload AS BIGINT) AS n, "
                               "ingested_at AS at FROM raw WHERE "
                               "\"offset\" < 1000;";

static const char *const definition = "CREATE OR REPLACE DERIVATION d INTO clean AS SELECT upper(source) AS s, "
                                      "CAST(payload AS BIGINT) + 1 AS n, ingested_at AS at FROM raw;";

static void put(shop *s, const char *rows) {
    char text[1024];
    snprintf(text, sizeof text, "source TEXT, offset BIGINT, ingested_at TIMESTAMP, payload TEXT\n%s", rows);
    check_ok(s, shop_put(s, text, 0, 1000, NULL, NULL));
}

static feat_status derive(shop *s, const feat_derive_options *opt, feat_derived *done) {
    feat_derive_options options = FEAT_DERIVE_OPTIONS_INIT;
    memset(&s->err, 0, sizeof s->err);
    return feat_derive_run(s->db, s->catalog, "d", opt ? opt : &options, done, &s->err);
}

/* The rows of the derived table. */
static void check_rows(shop *s, const char *expected) {
    const feat_schema *table;
    struct ArrowArrayStream stream;
    uint64_t version;
    char *text = NULL;
    check_ok(s, feat_catalog_table(s->catalog, "clean", &table, &s->err));
    check_ok(s, feat_version_newest(s->db, &version, &s->err));
    check_ok(s, feat_scan(s->db, s->catalog, table, version, NULL, 0, false, &stream, &s->err));
    check_ok(s, test_stream_text(&stream, 1, &text, &s->err));
    ck_assert_str_eq(strchr(text, '\n') + 1, expected);
    feat_free(text);
}

/* A run that fails changes nothing, wherever memory ends. */
static void run_without_memory(shop *s, bool rebuild, int64_t rows) {
    feat_derive_options options = FEAT_DERIVE_OPTIONS_INIT;
    uint64_t before, after;
    options.rebuild = rebuild;
    options.on_error = FEAT_DERIVE_SKIP;
    check_ok(s, feat_version_newest(s->db, &before, &s->err));
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    for (int64_t at = 1;; at++) {
        feat_derived done = {.rows_read = -7};
        feat_catalog_unref(s->catalog);
        check_ok(s, feat_catalog_load(s->db, &s->catalog, &s->err)); /* so that the definition is bound anew */
        check_ok(s, feat_catalog_table(s->catalog, "raw", &s->table, &s->err));
        feat_alloc_fail_after(at);
        feat_status status = derive(s, &options, &done);
        feat_alloc_fail_after(0);
        check_ok(s, feat_version_newest(s->db, &after, &s->err));
        if (status == FEAT_OK) {
            ck_assert_int_eq(done.rows_written, rows);
            ck_assert_int_eq(done.rebuilt, rebuild);
            ck_assert_uint_eq(after, before + 1);
            break;
        }
        ck_assert_msg(status == FEAT_MEMORY, "allocation %lld: %d: %s", (long long)at, (int)status, s->err.message);
        ck_assert_int_eq(done.rows_read, -7);
        ck_assert_uint_eq(after, before);
    }
    feat_db_unlock(s->db);
}

START_TEST(test_without_memory) {
    shop s;
    shop_open(&s, sql);
    put(&s, "a, 1, 10, 1\nb, 1, 20, 2\nb, 2, 20, x\nb, 1001, 20, 3\n");
    run_without_memory(&s, true, 2);
    put(&s, "c, 1, 30, 4\nc, 2, 30, 400\n");
    run_without_memory(&s, false, 1);
    check_rows(&s, "a, 1, 10, k\nb, 2, 20, k\nc, 4, 30, k\n");
    run_without_memory(&s, true, 3);
    check_rows(&s, "a, 1, 10, k\nb, 2, 20, k\nc, 4, 30, k\n");
    shop_close(&s);
}
END_TEST

/* A definition is there as a whole, or not at all. */
START_TEST(test_defining_without_memory) {
    shop s;
    shop_open(&s, sql);
    check_ok(&s, feat_db_lock(s.db, 0, &s.err));
    for (int64_t at = 1;; at++) {
        feat_catalog *now = NULL;
        feat_alloc_fail_after(at);
        feat_status status = feat_script_run(s.db, definition, &s.err);
        feat_alloc_fail_after(0);
        check_ok(&s, feat_catalog_load(s.db, &now, &s.err));
        uint32_t entry = feat_catalog_find(now, FEAT_DEF_DERIVATION, "D");
        ck_assert_uint_eq(now->entries[entry].def.number, status == FEAT_OK ? 2 : 1);
        feat_catalog_unref(now);
        if (status == FEAT_OK) break;
        ck_assert_int_eq(status, FEAT_MEMORY);
    }
    feat_db_unlock(s.db);
    shop_close(&s);
}
END_TEST

/* Rows that are left out stand among others, in many segments and at the ends of lanes. */
START_TEST(test_many_segments) {
    shop s;
    feat_derived done;
    feat_derive_options options = FEAT_DERIVE_OPTIONS_INIT;
    feat_write_options remove = FEAT_WRITE_OPTIONS_INIT;
    enum { PARTS = 5, ROWS = 2500 };
    options.on_error = FEAT_DERIVE_SKIP;
    shop_open(&s,
              "CREATE RAW TABLE raw WITH (payload = 'text');"
              "CREATE TABLE clean (s TEXT, n BIGINT CHECK (n % 7 <> 3), at TIMESTAMP, ENTITY KEY (s), EVENT TIME (at));"
              "CREATE DERIVATION d INTO clean AS SELECT source AS s, CAST(payload AS BIGINT) AS n, ingested_at AS at "
              "FROM raw WHERE \"offset\" % 3 <> 1;");
    char *text = malloc(ROWS * 64), *keys = malloc(ROWS * 64);
    int64_t filtered = 0, skipped = 0, removed = 0;
    for (int p = 0; p < PARTS; p++) {
        size_t size = (size_t)sprintf(text, "source TEXT, offset BIGINT, ingested_at TIMESTAMP, payload TEXT\n");
        size_t keys_size = (size_t)sprintf(keys, "source TEXT, offset BIGINT\n");
        for (int i = 0; i < ROWS; i++) {
            int offset = p * ROWS + i;
            bool bad = offset % 11 == 5, gone = offset % 13 == 6;
            size += (size_t)sprintf(text + size, bad ? "s, %d, %d, x\n" : "s, %d, %d, %d\n", offset, i, offset);
            if (gone) keys_size += (size_t)sprintf(keys + keys_size, "s, %d\n", offset);
            if (gone) removed++;
            else if (offset % 3 == 1) filtered++;
            else if (bad || offset % 7 == 3) skipped++;
        }
        check_ok(&s, shop_put(&s, text, 0, p % 2 ? 700 : 4000, NULL, NULL));
        remove.mode = FEAT_WRITE_DELETE;
        check_ok(&s, shop_put(&s, keys, 0, 700, &remove, NULL));
    }
    check_ok(&s, feat_db_lock(s.db, 0, &s.err));
    check_ok(&s, derive(&s, &options, &done));
    feat_db_unlock(s.db);
    ck_assert_int_eq(done.rows_read, PARTS * ROWS - removed);
    ck_assert_int_eq(done.rows_filtered, filtered);
    ck_assert_int_eq(done.rows_skipped, skipped);
    ck_assert_int_eq(done.rows_written, PARTS * ROWS - removed - filtered - skipped);
    free(text);
    free(keys);
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("derive");
    TCase *tcase = tcase_create("runs");
    tcase_set_timeout(tcase, 600);
    tcase_add_test(tcase, test_without_memory);
    tcase_add_test(tcase, test_defining_without_memory);
    tcase_add_test(tcase, test_many_segments);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
