/* ALTER TABLE over stored rows: what older rows read as, what old versions show, what is refused. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

/* Runs a script and loads the catalog anew; the first table is then as the script left it. */
static feat_status alter(shop *s, const char *sql) {
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    feat_status status = feat_script_run(s->db, sql, &s->err);
    feat_db_unlock(s->db);
    if (status != FEAT_OK) return status;
    char name[64];
    snprintf(name, sizeof name, "%s", s->table->name);
    feat_catalog_unref(s->catalog);
    s->catalog = NULL;
    feat_error err;
    ck_assert_int_eq(feat_catalog_load(s->db, &s->catalog, &err), FEAT_OK);
    ck_assert_int_eq(feat_catalog_table(s->catalog, name, &s->table, &err), FEAT_OK);
    return FEAT_OK;
}

static void check_rows_at(shop *s, uint64_t version, const char *expected, const char *what) {
    struct ArrowArrayStream stream;
    const feat_schema *table = NULL;
    char *text = NULL;
    check_ok(s, feat_table_at(s->db, s->catalog, s->table, version, &table, &s->err));
    check_ok(s, feat_scan(s->db, s->catalog, table, version, NULL, 0, false, &stream, &s->err));
    check_ok(s, test_stream_text(&stream, 1, &text, &s->err));
    ck_assert_msg(strcmp(text, expected) == 0, "%s:\n%snot\n%s", what, text, expected);
    feat_free(text);
}

static void check_rows(shop *s, const char *expected, const char *what) {
    check_rows_at(s, shop_version(s), expected, what);
}

/* The digest of a table without rows is zero, whatever it has been through. */
static void check_empties(shop *s, const char *keys) {
    static const feat_digest zero;
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    int64_t rows = -1;
    opt.mode = FEAT_WRITE_DELETE;
    check_ok(s, shop_put(s, keys, 0, 100, &opt, NULL));
    feat_digest digest = shop_digest(s, &rows);
    ck_assert_int_eq(rows, 0);
    ck_assert(feat_digest_equal(&digest, &zero));
}

#define TABLE                                                                                                          \
    "CREATE TABLE t (id BIGINT, who TEXT NOT NULL, amount DOUBLE CHECK (amount > 0), note TEXT, "                      \
    "at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at), UNIQUE (id))"
#define HEADER "id BIGINT, who TEXT, amount DOUBLE, note TEXT, at TIMESTAMP\n"
#define ROWS   "1, ann, 1.0, x, 10\n2, bob, 2.0, NULL, 20\n"

START_TEST(test_add) {
    shop s;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER ROWS, 0, 10, NULL, NULL));
    check_ok(&s, alter(&s, "ALTER TABLE t ADD COLUMN color TEXT DEFAULT 'red'; ALTER TABLE t ADD n BIGINT;"
                           "ALTER TABLE t ADD COLUMN k BIGINT NOT NULL DEFAULT 3 CHECK (k < 10)"));
    ck_assert_uint_eq(s.table->revision, 3);
    check_rows(&s,
               "id BIGINT, who TEXT, amount DOUBLE, note TEXT, at TIMESTAMP, color TEXT, n BIGINT, k BIGINT\n"
               "1, ann, 1.0, x, 10, red, NULL, 3\n2, bob, 2.0, NULL, 20, red, NULL, 3\n",
               "old rows");
    /* The same rows again: the columns that they lack are what they read as. */
    feat_commit done;
    check_ok(&s, shop_put(&s, HEADER ROWS, 0, 10, NULL, &done));
    ck_assert(done.rows_skipped == 2 && done.version == 1);
    ck_assert_int_eq(shop_put(&s, "id BIGINT, who TEXT, at TIMESTAMP, k BIGINT\n3, cat, 30, 11\n", 0, 10, NULL, NULL),
                     FEAT_CONSTRAINT);
    check_ok(&s, shop_put(&s, "id BIGINT, who TEXT, at TIMESTAMP, color TEXT\n3, cat, 30, NULL\n1, ann, 10, blue\n", 0,
                          1, &(feat_write_options){sizeof(feat_write_options), FEAT_WRITE_UPSERT, 0, 0}, &done));
    ck_assert(done.rows_added == 1 && done.rows_replaced == 1);
    check_rows(&s,
               "id BIGINT, who TEXT, amount DOUBLE, note TEXT, at TIMESTAMP, color TEXT, n BIGINT, k BIGINT\n"
               "1, ann, NULL, NULL, 10, blue, NULL, 3\n2, bob, 2.0, NULL, 20, red, NULL, 3\n"
               "3, cat, NULL, NULL, 30, NULL, NULL, 3\n",
               "old and new rows");
    check_rows_at(&s, 1, HEADER ROWS, "the version before");
    check_rows_at(&s, 0, HEADER, "the empty version");
    check_empties(&s, "id BIGINT\n1\n2\n3\n");
    shop_close(&s);
}
END_TEST

START_TEST(test_rename_and_drop) {
    shop s;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER ROWS, 0, 10, NULL, NULL));
    check_ok(&s, alter(&s, "ALTER TABLE t RENAME COLUMN amount TO \"Paid\"; ALTER TABLE t RENAME at TO \"at\""));
    check_rows(&s, "id BIGINT, who TEXT, Paid DOUBLE, note TEXT, at TIMESTAMP\n" ROWS, "renamed");
    ck_assert_str_eq(s.table->fields[2].check_sql, "Paid > 0");
    ck_assert_int_eq(
        shop_put(&s, "id BIGINT, who TEXT, Paid DOUBLE, at TIMESTAMP\n3, cat, 0.0, 30\n", 0, 10, NULL, NULL),
        FEAT_CONSTRAINT);
    check_ok(&s, alter(&s, "ALTER TABLE t DROP COLUMN note"));
    check_rows(&s, "id BIGINT, who TEXT, Paid DOUBLE, at TIMESTAMP\n1, ann, 1.0, 10\n2, bob, 2.0, 20\n", "dropped");
    ck_assert(s.table->n_unique == 1 && s.table->unique[0] == 0 && s.table->time == 3);
    /* A column of the same name is another column. */
    check_ok(&s, alter(&s, "ALTER TABLE t ADD COLUMN note TEXT"));
    ck_assert_uint_eq(s.table->fields[4].id, 6);
    check_rows(&s,
               "id BIGINT, who TEXT, Paid DOUBLE, at TIMESTAMP, note TEXT\n1, ann, 1.0, 10, NULL\n"
               "2, bob, 2.0, 20, NULL\n",
               "a new column of an old name");
    check_ok(&s, shop_put(&s, "id BIGINT, who TEXT, at TIMESTAMP, note TEXT\n3, cat, 30, y\n", 0, 10, NULL, NULL));
    check_rows_at(&s, 1, HEADER ROWS, "the version before");
    check_empties(&s, "id BIGINT\n1\n2\n3\n");
    shop_close(&s);
}
END_TEST

START_TEST(test_dimension) {
    shop s;
    feat_write_options end = {sizeof end, FEAT_WRITE_END, FEAT_CONFLICT_SKIP_IDENTICAL, 0};
    shop_open(&s, "CREATE DIMENSION d (who TEXT NOT NULL, plan TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), "
                  "EVENT TIME (at))");
    check_ok(&s, shop_put(&s, "who TEXT, plan TEXT, at TIMESTAMP\nann, free, 10\nbob, free, 10\n", 0, 10, NULL, NULL));
    check_ok(&s, shop_put(&s, "who TEXT, at TIMESTAMP\nbob, 20\n", 0, 10, &end, NULL));
    check_ok(&s, alter(&s, "ALTER DIMENSION d ADD COLUMN n BIGINT DEFAULT 1; ALTER DIMENSION d DROP COLUMN plan"));
    ck_assert(s.table->ended == s.table->n_fields - 1 &&
              strcmp(s.table->fields[s.table->ended].name, FEAT_ENDED_NAME) == 0 && s.table->time == 1);
    check_rows(&s, "who TEXT, at TIMESTAMP, n BIGINT\nann, 10, 1\nbob, 10, 1\n", "rows");
    /* An end that is delivered again is the same end. */
    check_ok(&s, shop_put(&s, "who TEXT, at TIMESTAMP\nbob, 20\nann, 30\n", 0, 10, &end, NULL));
    check_rows(&s, "who TEXT, at TIMESTAMP, n BIGINT\nann, 10, 1\nbob, 10, 1\n", "rows and ends");
    check_empties(&s, "who TEXT, at TIMESTAMP\nann, 10\nbob, 10\nbob, 20\nann, 30\n");
    shop_close(&s);
}
END_TEST

/* A script that creates the table as it has become changes nothing. */
START_TEST(test_create_again) {
    shop s;
    shop_open(&s, "CREATE TABLE t (who TEXT, x DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))");
    check_ok(&s, alter(&s, "ALTER TABLE t DROP COLUMN x; ALTER TABLE t ADD COLUMN n BIGINT DEFAULT 3"));
    check_ok(&s, alter(&s, "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, n BIGINT DEFAULT 3, ENTITY KEY (who), "
                           "EVENT TIME (at))"));
    ck_assert_uint_eq(s.table->revision, 2);
    ck_assert_int_eq(alter(&s, "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, n BIGINT DEFAULT 4, ENTITY KEY (who), "
                               "EVENT TIME (at))"),
                     FEAT_EXISTS);
    shop_close(&s);
}
END_TEST

typedef struct refusal {
    const char *sql, *message;
} refusal;

static const refusal refusals[] = {
    {"ALTER TABLE t ADD COLUMN note TEXT", "has a column 'note' already"},
    {"ALTER TABLE t ADD COLUMN NOTE TEXT", "already"},
    {"ALTER TABLE t ADD COLUMN n BIGINT NOT NULL", "needs a DEFAULT"},
    {"ALTER TABLE t ADD COLUMN n BIGINT NOT NULL DEFAULT NULL", "cannot be NULL"},
    {"ALTER TABLE t ADD COLUMN n BIGINT DEFAULT 'x'", ""},
    {"ALTER TABLE t ADD COLUMN n BIGINT DEFAULT id", "cannot name a column"},
    {"ALTER TABLE t ADD COLUMN n NUMBERS", "unknown type 'NUMBERS'"},
    {"ALTER TABLE t ADD COLUMN n BIGINT CHECK (n)", "BOOLEAN"},
    {"ALTER TABLE t ADD COLUMN n BIGINT CHECK (m > 0)", "unknown column 'm'"},
    {"ALTER TABLE t ADD COLUMN \"$ended\" BOOLEAN", "'$ended'"},
    {"ALTER TABLE t DROP COLUMN nope", "unknown column 'nope'"},
    {"ALTER TABLE t DROP COLUMN id", "part of its UNIQUE key"},
    {"ALTER TABLE t DROP COLUMN who", "part of its entity key"},
    {"ALTER TABLE t DROP COLUMN at", "its event time"},
    {"ALTER TABLE t ADD COLUMN n BIGINT CHECK (note <> 'z' OR n > 0); ALTER TABLE t DROP COLUMN note",
     "CHECK of column 'n'"},
    {"ALTER TABLE t ADD COLUMN n BIGINT NOT NULL DEFAULT 1; ALTER TABLE t DROP COLUMN n", "'n' is NOT NULL"},
    {"ALTER TABLE t RENAME COLUMN nope TO x", "unknown column 'nope'"},
    {"ALTER TABLE t RENAME COLUMN note TO ID", "has a column 'ID' already"},
    {"ALTER TABLE t RENAME COLUMN note TO \"$ended\"", "'$ended'"},
    {"ALTER TABLE t ALTER COLUMN id TYPE TEXT", "not all of its values"},
    {"ALTER TABLE t ALTER COLUMN amount TYPE BIGINT", "not all of its values"},
    {"ALTER TABLE t ALTER COLUMN amount TYPE DOUBLE", "already"},
    {"ALTER TABLE t ALTER COLUMN amount TYPE FLOATING", "unknown type"},
    {"ALTER TABLE t ALTER COLUMN at TYPE DATE", "not all of its values"},
};

START_TEST(test_refused) {
    shop s;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER ROWS, 0, 10, NULL, NULL));
    for (size_t i = 0; i < COUNT(refusals); i++) {
        feat_status status = alter(&s, refusals[i].sql);
        ck_assert_msg(status == FEAT_DEFINITION, "%s: %d %s", refusals[i].sql, (int)status, s.err.message);
        ck_assert_msg(strstr(s.err.message, refusals[i].message), "%s: %s", refusals[i].sql, s.err.message);
        check_ok(&s, alter(&s, "ALTER TABLE t RENAME note TO note"));
        check_rows(&s, HEADER ROWS, refusals[i].sql);
    }
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine/alter");
    TCase *tc = tcase_create("alter");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_add);
    tcase_add_test(tc, test_rename_and_drop);
    tcase_add_test(tc, test_dimension);
    tcase_add_test(tc, test_create_again);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
