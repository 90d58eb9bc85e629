/* Deleting, ending, overwriting; defaults and conditions. Each mode against each rule for conflicts. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static feat_write_options options(feat_write_mode mode, feat_on_conflict on_conflict) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    opt.mode = mode;
    opt.on_conflict = on_conflict;
    return opt;
}

/* Header and sorted rows; `ended`: with the rows that end a key. */
static char *rows_of(shop *s, bool ended) {
    struct ArrowArrayStream stream;
    char *text = NULL;
    check_ok(s, feat_scan(s->db, s->catalog, s->table, shop_version(s), NULL, 0, ended, &stream, &s->err));
    check_ok(s, test_stream_text(&stream, 1, &text, &s->err));
    return text;
}

static void check_text(char *text, const char *expected, const char *what) {
    ck_assert_msg(strcmp(text, expected) == 0, "%s:\n%snot\n%s", what, text, expected);
    feat_free(text);
}

/* ---- Writes to a store with some rows, and what becomes of them. ---- */

typedef struct write_case {
    const char *name;
    feat_write_mode mode;
    feat_on_conflict on_conflict;
    const char *input; /* header and rows */
    feat_status status;
    const char *message; /* part of it */
    int64_t row;
    int64_t added, replaced, removed, skipped;
    const char *rows; /* after it, without the header; NULL: as before */
} write_case;

#define FAILS(status, row, message)                    FEAT_##status, message, row, 0, 0, 0, 0, NULL
#define GIVES(added, replaced, removed, skipped, rows) FEAT_OK, NULL, -1, added, replaced, removed, skipped, rows
#define SKIP                                           FEAT_CONFLICT_SKIP_IDENTICAL
#define IGNORE                                         FEAT_CONFLICT_IGNORE
#define REPLACE                                        FEAT_CONFLICT_REPLACE
#define ERROR                                          FEAT_CONFLICT_ERROR

static void run_case(const write_case *c, const char *sql, const char *stored, const char *header, size_t batch_rows,
                     size_t part_rows) {
    char what[160], expected[1024];
    shop s;
    feat_commit done = {.rows_read = -7};
    feat_write_options opt = options(c->mode, c->on_conflict);
    snprintf(what, sizeof what, "%s (batches of %zu, parts of %zu)", c->name, batch_rows, part_rows);
    shop_open(&s, sql);
    check_ok(&s, shop_put(&s, stored, 0, 1000, NULL, NULL));
    shop_state before = shop_state_of(&s);
    char *old = rows_of(&s, s.table->dimension);
    feat_status status = shop_put(&s, c->input, batch_rows, part_rows, &opt, &done);
    ck_assert_msg(status == c->status, "%s: status %d: %s", what, (int)status, s.err.message);
    if (status != FEAT_OK) {
        ck_assert_msg(strstr(s.err.message, c->message), "%s: message %s", what, s.err.message);
        if (c->row >= 0) ck_assert_msg(s.err.row == c->row, "%s: row %lld", what, (long long)s.err.row);
        ck_assert_int_eq(done.rows_read, -7);
        check_unchanged(&s, &before, what);
        check_text(rows_of(&s, s.table->dimension), old, what);
    } else {
        ck_assert_msg(done.rows_added == c->added && done.rows_replaced == c->replaced &&
                          done.rows_removed == c->removed && done.rows_skipped == c->skipped,
                      "%s: added %lld, replaced %lld, removed %lld, skipped %lld", what, (long long)done.rows_added,
                      (long long)done.rows_replaced, (long long)done.rows_removed, (long long)done.rows_skipped);
        ck_assert_uint_eq(done.version, before.version + (c->added + c->replaced + c->removed > 0));
        snprintf(expected, sizeof expected, "%s%s", header, c->rows);
        check_text(rows_of(&s, s.table->dimension), expected, what);
        /* What is there has the digest of the same rows written at once, however they came. */
        if (!s.table->dimension) {
            shop fresh;
            shop_open(&fresh, sql);
            check_ok(&fresh, shop_put(&fresh, expected, 1, 2, NULL, NULL));
            feat_digest a = shop_digest(&s, NULL), b = shop_digest(&fresh, NULL);
            ck_assert_msg(feat_digest_equal(&a, &b), "%s: digest", what);
            shop_close(&fresh);
        }
    }
    feat_free(old);
    shop_close(&s);
}

static void run_cases(const write_case *cases, size_t n, const char *sql, const char *stored, const char *header) {
    static const size_t batches[] = {0, 1}, parts[] = {1, 2, 1000};
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < COUNT(batches); b++)
            for (size_t p = 0; p < COUNT(parts); p++) run_case(&cases[i], sql, stored, header, batches[b], parts[p]);
}

/* ---- A table. ---- */

#define TABLE                                                                                                          \
    "CREATE TABLE t (id BIGINT, who TEXT NOT NULL, amount DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (who), "           \
    "EVENT TIME (at), UNIQUE (id))"
#define HEADER "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP\n"
#define ID     "id BIGINT\n"
#define A      "1, ann, 1.0, 10\n"
#define A2     "1, ann, 2.0, 10\n"
#define B      "2, bob, 5.0, 20\n"
#define C      "3, cat, NULL, 30\n"
#define N      "NULL, nil, 1.0, 50\n"
#define DELETE FEAT_WRITE_DELETE

static const write_case table_cases[] = {
    {"delete one", DELETE, SKIP, ID "2\n", GIVES(0, 0, 1, 0, A N)},
    {"delete all that have a key", DELETE, SKIP, ID "2\n1\n", GIVES(0, 0, 2, 0, N)},
    {"delete an unknown one", DELETE, SKIP, ID "3\n", GIVES(0, 0, 0, 1, A B N)},
    {"delete nothing", DELETE, SKIP, ID, GIVES(0, 0, 0, 0, A B N)},
    {"delete twice", DELETE, SKIP, ID "2\n7\n2\n2\n", GIVES(0, 0, 1, 3, A N)},
    {"delete by NULL", DELETE, SKIP, ID "NULL\n1\nNULL\n", GIVES(0, 0, 1, 2, B N)},
    {"delete, whatever the rule", DELETE, ERROR, ID "1\n", GIVES(0, 0, 1, 0, B N)},
    {"delete, other columns", DELETE, SKIP, "color TEXT, id BIGINT, amount TEXT\nred, 1, x\n", GIVES(0, 0, 1, 0, B N)},
    {"delete without the key", DELETE, SKIP, "who TEXT\nann\n", FAILS(SCHEMA, -1, "'id'")},
    {"end an event", FEAT_WRITE_END, SKIP, HEADER, FAILS(ARGUMENT, -1, "no dimension")},
    {"overwrite", FEAT_WRITE_OVERWRITE, SKIP, HEADER C A2, GIVES(2, 0, 3, 0, A2 C)},
    {"overwrite by nothing", FEAT_WRITE_OVERWRITE, SKIP, HEADER, GIVES(0, 0, 3, 0, "")},
    {"overwrite, a row twice", FEAT_WRITE_OVERWRITE, SKIP, HEADER A C A, GIVES(2, 0, 3, 1, A C)},
    {"overwrite, replacing", FEAT_WRITE_OVERWRITE, REPLACE, HEADER A2 B, GIVES(2, 0, 3, 0, A2 B)},
    {"overwrite, two rows of a key", FEAT_WRITE_OVERWRITE, SKIP, HEADER A C A2, FAILS(CONSTRAINT, 2, "(id) = (1)")},
    {"no mode", (feat_write_mode)9, SKIP, HEADER, FAILS(ARGUMENT, -1, "no mode")},
    {"no rule", FEAT_WRITE_APPEND, (feat_on_conflict)9, HEADER, FAILS(ARGUMENT, -1, "no rule")},
};

START_TEST(test_table) { run_cases(table_cases, COUNT(table_cases), TABLE, HEADER A B N, HEADER); }
END_TEST

START_TEST(test_no_key) {
    shop s;
    feat_write_options opt = options(DELETE, SKIP);
    shop_open(&s, "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))");
    ck_assert_int_eq(shop_put(&s, "who TEXT, at TIMESTAMP\nann, 1\n", 0, 10, &opt, NULL), FEAT_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(s.err.message, "UNIQUE"));
    shop_close(&s);
}
END_TEST

/* A key that is deleted can be written again, and a version from before still has the row. */
START_TEST(test_delete_and_return) {
    shop s;
    feat_write_options opt = options(DELETE, SKIP);
    struct ArrowArrayStream stream;
    char *text = NULL;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER A B, 0, 10, NULL, NULL));
    check_ok(&s, shop_put(&s, ID "1\n", 0, 10, &opt, NULL));
    check_ok(&s, shop_put(&s, HEADER A2, 0, 10, NULL, NULL));
    check_text(rows_of(&s, false), HEADER A2 B, "after");
    check_ok(&s, feat_scan(s.db, s.catalog, s.table, 1, NULL, 0, false, &stream, &s.err));
    check_ok(&s, test_stream_text(&stream, 1, &text, &s.err));
    check_text(text, HEADER A B, "version 1");
    check_ok(&s, feat_history_stream(s.db, s.catalog, s.table, &stream, &s.err));
    check_ok(&s, test_stream_text(&stream, 0, &text, &s.err));
    ck_assert_ptr_nonnull(strstr(text, ", t, delete, 0, 1, 1, "));
    feat_free(text);
    shop_close(&s);
}
END_TEST

/* Overwriting twice with the same rows gives the same content; what came between versions is found as a difference. */
START_TEST(test_overwrite_again) {
    shop s;
    feat_write_options opt = options(FEAT_WRITE_OVERWRITE, SKIP);
    feat_commit done;
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *added = NULL, *removed = NULL;
    size_t n_added = 0, n_removed = 0;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER A B, 0, 10, &opt, &done));
    ck_assert_int_eq(done.rows_removed, 0);
    feat_digest before = shop_digest(&s, NULL);
    check_ok(&s, shop_put(&s, HEADER B A, 0, 10, &opt, &done));
    ck_assert(done.version == 2 && done.rows_removed == 2 && done.rows_added == 2);
    feat_digest after = shop_digest(&s, NULL);
    ck_assert(feat_digest_equal(&before, &after));
    check_ok(&s, feat_table_open(s.db, s.table, 1, &older, &s.err));
    check_ok(&s, feat_table_open(s.db, s.table, 2, &newer, &s.err));
    check_ok(&s, feat_table_diff(older, newer, &added, &n_added, &removed, &n_removed, &s.err));
    ck_assert(n_added == 2 && n_removed == 2);
    feat_free(added);
    feat_free(removed);
    feat_table_close(older);
    feat_table_close(newer);
    shop_close(&s);
}
END_TEST

/* ---- A dimension. ---- */

#define DIMENSION                                                                                                      \
    "CREATE DIMENSION d (who TEXT NOT NULL, plan TEXT NOT NULL CHECK (plan <> ''), at TIMESTAMP NOT NULL, "            \
    "ENTITY KEY (who), EVENT TIME (at))"
#define D_HEADER "who TEXT, plan TEXT, at TIMESTAMP, $ended BOOLEAN\n"
#define D_ROWS   "who TEXT, plan TEXT, at TIMESTAMP\n"
#define D_KEY    "who TEXT, at TIMESTAMP\n"
#define ANN      "ann, free, 10, NULL\n"
#define BOB      "bob, free, 10, NULL\n"
#define ANN_END  "ann, NULL, 20, true\n"
#define END      FEAT_WRITE_END
#define APPEND   FEAT_WRITE_APPEND

static const write_case dimension_cases[] = {
    {"end", END, SKIP, D_KEY "ann, 20\n", GIVES(1, 0, 0, 0, ANN_END ANN BOB)},
    {"end twice", END, SKIP, D_KEY "ann, 20\nann, 20\n", GIVES(1, 0, 0, 1, ANN_END ANN BOB)},
    {"end, other columns", END, SKIP, "plan BIGINT, who TEXT, at TIMESTAMP\n7, ann, 20\n",
     GIVES(1, 0, 0, 0, ANN_END ANN BOB)},
    {"end one never seen", END, SKIP, D_KEY "zoe, 5\n", GIVES(1, 0, 0, 0, ANN BOB "zoe, NULL, 5, true\n")},
    {"end at a row", END, SKIP, D_KEY "ann, 10\n", FAILS(CONSTRAINT, 0, "(who, at) = ('ann'")},
    {"end at a row, error", END, ERROR, D_KEY "ann, 10\n", FAILS(CONSTRAINT, 0, "stored already")},
    {"end at a row, ignore", END, IGNORE, D_KEY "ann, 10\n", GIVES(0, 0, 0, 1, ANN BOB)},
    {"end at a row, replace", END, REPLACE, D_KEY "ann, 10\n", GIVES(0, 1, 0, 0, "ann, NULL, 10, true\n" BOB)},
    {"end without a time", END, SKIP, "who TEXT\nann\n", FAILS(SCHEMA, -1, "'at'")},
    {"end nobody", END, SKIP, D_KEY "NULL, 20\n", FAILS(CONSTRAINT, 0, "who")},
    {"append the mark", APPEND, SKIP, "who TEXT, plan TEXT, at TIMESTAMP, $ended BOOLEAN\nann, x, 30, true\n",
     FAILS(SCHEMA, -1, "$ended")},
    {"append", APPEND, SKIP, D_ROWS "ann, paid, 30\n", GIVES(1, 0, 0, 0, ANN "ann, paid, 30, NULL\n" BOB)},
    {"append a different row", APPEND, SKIP, D_ROWS "ann, paid, 10\n", FAILS(CONSTRAINT, 0, "choose 'replace'")},
    {"upsert", FEAT_WRITE_UPSERT, SKIP, D_ROWS "ann, paid, 10\n", GIVES(0, 1, 0, 0, "ann, paid, 10, NULL\n" BOB)},
    {"append a plan of nothing", APPEND, SKIP, D_ROWS "ann, paid, 30\nann, '', 40\n",
     FAILS(CONSTRAINT, 1, "CHECK (plan <> '') of column 'plan' does not hold")},
    {"delete", DELETE, SKIP, D_KEY "ann, 10\n", GIVES(0, 0, 1, 0, BOB)},
    {"overwrite", FEAT_WRITE_OVERWRITE, SKIP, D_ROWS "ann, paid, 30\n", GIVES(1, 0, 2, 0, "ann, paid, 30, NULL\n")},
};

START_TEST(test_dimension) {
    run_cases(dimension_cases, COUNT(dimension_cases), DIMENSION, D_ROWS "ann, free, 10\nbob, free, 10\n", D_HEADER);
}
END_TEST

/* A key ends and begins again; the end is out of sight unless it is asked for, and can be taken back. */
START_TEST(test_end_and_return) {
    shop s;
    feat_write_options end = options(END, SKIP), delete = options(DELETE, SKIP);
    static const char *const mark[] = {"$ended"};
    struct ArrowArrayStream stream;
    shop_open(&s, DIMENSION);
    check_ok(&s, shop_put(&s, D_ROWS "ann, free, 10\n", 0, 10, NULL, NULL));
    check_ok(&s, shop_put(&s, D_KEY "ann, 20\n", 0, 10, &end, NULL));
    check_ok(&s, shop_put(&s, D_KEY "ann, 20\n", 0, 10, &end, NULL)); /* delivered again */
    ck_assert_uint_eq(shop_version(&s), 2);
    check_ok(&s, shop_put(&s, D_ROWS "ann, paid, 30\n", 0, 10, NULL, NULL));
    check_text(rows_of(&s, false), D_ROWS "ann, free, 10\nann, paid, 30\n", "hidden");
    check_text(rows_of(&s, true), D_HEADER ANN_END ANN "ann, paid, 30, NULL\n", "shown");
    ck_assert_int_eq(feat_scan(s.db, s.catalog, s.table, 3, mark, 1, false, &stream, &s.err), FEAT_NOT_FOUND);
    /* A row where the end is: two sayings about one time. */
    ck_assert_int_eq(shop_put(&s, D_ROWS "ann, paid, 20\n", 0, 10, NULL, NULL), FEAT_CONSTRAINT);
    check_ok(&s, shop_put(&s, D_KEY "ann, 20\n", 0, 10, &delete, NULL));
    check_text(rows_of(&s, true), D_HEADER ANN "ann, paid, 30, NULL\n", "taken back");
    shop_close(&s);
}
END_TEST

/* ---- Defaults and conditions. ---- */

typedef struct row_case {
    const char *name, *columns, *input;
    feat_status status;
    const char *expected; /* rows with all columns, or part of the message */
} row_case;

static const row_case row_cases[] = {
    {"left out",
     "status TEXT DEFAULT 'new', n BIGINT DEFAULT -3, x DOUBLE DEFAULT 1, ok BOOLEAN DEFAULT true, "
     "d DATE DEFAULT '1970-01-03', z TEXT",
     "who TEXT, at TIMESTAMP\nann, 1\nbob, 2\n", FEAT_OK,
     "ann, 1, new, -3, 1.0, true, 2, NULL\nbob, 2, new, -3, 1.0, true, 2, NULL\n"},
    {"given", "status TEXT DEFAULT 'new'", "who TEXT, at TIMESTAMP, status TEXT\nann, 1, paid\nbob, 2, NULL\n", FEAT_OK,
     "ann, 1, paid\nbob, 2, NULL\n"},
    {"NOT NULL with a default", "n BIGINT NOT NULL DEFAULT 7", "who TEXT, at TIMESTAMP\nann, 1\n", FEAT_OK,
     "ann, 1, 7\n"},
    {"NOT NULL, NULL given", "n BIGINT NOT NULL DEFAULT 7", "who TEXT, at TIMESTAMP, n BIGINT\nann, 1, NULL\n",
     FEAT_CONSTRAINT, "'n'"},
    {"default NULL", "n BIGINT DEFAULT NULL", "who TEXT, at TIMESTAMP\nann, 1\n", FEAT_OK, "ann, 1, NULL\n"},
    {"check holds", "n BIGINT CHECK (n > 0)", "who TEXT, at TIMESTAMP, n BIGINT\nann, 1, 1\nann, 2, 9\n", FEAT_OK,
     "ann, 1, 1\nann, 2, 9\n"},
    {"check of NULL", "n BIGINT CHECK (n > 0)", "who TEXT, at TIMESTAMP, n BIGINT\nann, 1, NULL\n", FEAT_OK,
     "ann, 1, NULL\n"},
    {"check is false", "n BIGINT CHECK (n > 0)", "who TEXT, at TIMESTAMP, n BIGINT\nann, 1, 1\nann, 2, 0\n",
     FEAT_CONSTRAINT, "table 't', row 1: CHECK (n > 0) of column 'n' does not hold"},
    {"check fails", "n BIGINT CHECK (9223372036854775807 + n > 0)",
     "who TEXT, at TIMESTAMP, n BIGINT\nann, 1, 0\nann, 2, 1\n", FEAT_CONSTRAINT, "fails with an error"},
    {"check over columns", "lo BIGINT, hi BIGINT CHECK (t.lo <= HI)",
     "who TEXT, at TIMESTAMP, lo BIGINT, hi BIGINT\nann, 1, 1, 2\nann, 2, 3, 2\n", FEAT_CONSTRAINT, "row 1: CHECK"},
    {"check of a later column", "lo BIGINT CHECK (lo <= hi), hi BIGINT",
     "who TEXT, at TIMESTAMP, lo BIGINT, hi BIGINT\nann, 1, 3, 2\n", FEAT_CONSTRAINT, "of column 'lo'"},
    {"of two checks the first", "a BIGINT CHECK (a > 0), b BIGINT CHECK (b > 0)",
     "who TEXT, at TIMESTAMP, a BIGINT, b BIGINT\nann, 1, 1, 0\nann, 2, 0, 0\n", FEAT_CONSTRAINT,
     "row 0: CHECK (b > 0)"},
    {"check of a default", "n BIGINT DEFAULT -1 CHECK (n > 0)", "who TEXT, at TIMESTAMP\nann, 1\n", FEAT_CONSTRAINT,
     "CHECK (n > 0)"},
    {"check of a constant", "n BIGINT CHECK (false)", "who TEXT, at TIMESTAMP\nann, 1\n", FEAT_CONSTRAINT, "row 0"},
    {"check of text", "s TEXT CHECK (s IN ('a', 'b'))", "who TEXT, at TIMESTAMP, s TEXT\nann, 1, b\nann, 2, c\n",
     FEAT_CONSTRAINT, "row 1"},
};

START_TEST(test_rows) {
    for (size_t i = 0; i < COUNT(row_cases); i++) {
        const row_case *c = &row_cases[i];
        char sql[512];
        shop s;
        snprintf(sql, sizeof sql,
                 "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, %s, ENTITY KEY (who), EVENT TIME (at))", c->columns);
        shop_open(&s, sql);
        shop_state before = shop_state_of(&s);
        feat_status status = shop_put(&s, c->input, 1, 2, NULL, NULL);
        ck_assert_msg(status == c->status, "%s: %d %s", c->name, (int)status, s.err.message);
        if (status != FEAT_OK) {
            ck_assert_msg(strstr(s.err.message, c->expected), "%s: %s", c->name, s.err.message);
            check_unchanged(&s, &before, c->name);
        } else {
            char *text = rows_of(&s, false);
            ck_assert_msg(strcmp(strchr(text, '\n') + 1, c->expected) == 0, "%s: %s", c->name, text);
            feat_free(text);
        }
        shop_close(&s);
    }
}
END_TEST

/* More rows than the machine has lanes, over several parts: the row is told as the input counts. */
START_TEST(test_far_row) {
    shop s;
    char *literal = malloc(1 << 18);
    size_t at = (size_t)sprintf(literal, "who TEXT, at TIMESTAMP, n BIGINT\n");
    for (int i = 0; i < 5000; i++) at += (size_t)sprintf(literal + at, "ann, %d, %d\n", i, i == 4321 ? 0 : 1);
    shop_open(&s, "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, n BIGINT CHECK (n > 0), ENTITY KEY (who), "
                  "EVENT TIME (at))");
    for (size_t part = 1000; part <= 10000; part += 9000) {
        ck_assert_int_eq(shop_put(&s, literal, 700, part, NULL, NULL), FEAT_CONSTRAINT);
        ck_assert_int_eq(s.err.row, 4321);
    }
    ck_assert_uint_eq(shop_version(&s), 0);
    free(literal);
    shop_close(&s);
}
END_TEST

/* Every allocation may fail: the store is then as it was. */
START_TEST(test_without_memory) {
    static const char *const inputs[] = {D_KEY "ann, 10\n", D_KEY "ann, 20\n", D_ROWS "ann, paid, 30\n"};
    static const feat_write_mode modes[] = {DELETE, END, FEAT_WRITE_OVERWRITE};
    for (size_t i = 0; i < COUNT(modes); i++) {
        shop s;
        shop_open(&s, DIMENSION);
        check_ok(&s, shop_put(&s, D_ROWS "ann, free, 10\nbob, free, 10\n", 0, 10, NULL, NULL));
        shop_state before = shop_state_of(&s);
        feat_write_options opt = options(modes[i], SKIP);
        for (int64_t at = 1;; at++) {
            struct ArrowArrayStream stream;
            ck_assert_int_eq(test_stream(inputs[i], 0, &stream), FEAT_OK);
            check_ok(&s, feat_db_lock(s.db, 0, &s.err));
            feat_alloc_fail_after(at);
            feat_status status = feat_ingest_parts(s.db, s.table, &stream, &opt, 10, NULL, &s.err);
            feat_alloc_fail_after(0);
            feat_db_unlock(s.db);
            if (status == FEAT_OK) break;
            ck_assert_msg(status == FEAT_MEMORY || status == FEAT_CANCELLED, "%d: %s", (int)status, s.err.message);
            check_unchanged(&s, &before, "without memory");
        }
        ck_assert_uint_eq(shop_version(&s), before.version + 1);
        shop_close(&s);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine/writes");
    TCase *tc = tcase_create("writes");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_table);
    tcase_add_test(tc, test_no_key);
    tcase_add_test(tc, test_delete_and_return);
    tcase_add_test(tc, test_overwrite_again);
    tcase_add_test(tc, test_dimension);
    tcase_add_test(tc, test_end_and_return);
    tcase_add_test(tc, test_rows);
    tcase_add_test(tc, test_far_row);
    tcase_add_test(tc, test_without_memory);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
