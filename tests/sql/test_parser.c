/* The parser: what it takes, and that printing and parsing again gives the same tree; what it refuses, and where it points. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/sql.h"

static char *print_all(const char *sql, feat_error *err) {
    feat_arena arena;
    feat_buffer out;
    feat_ast_script *script = NULL;
    char *text = NULL;
    feat_arena_init(&arena);
    feat_buffer_init(&out);
    if (feat_sql_parse(&arena, sql, strlen(sql), &script, err) == FEAT_OK) {
        for (size_t i = 0; i < script->n; i++) {
            feat_sql_print(script->statements[i], &out);
            feat_buffer_text(&out, ";\n");
        }
        text = feat_buffer_take_text(&out);
    }
    feat_buffer_done(&out);
    feat_arena_done(&arena);
    return text;
}

static const char *const accepted[] = {
    "",
    ";;",
    "CREATE TABLE t (a BIGINT NOT NULL, b double precision, c DECIMAL(10, 2), d FLOAT[3], e TEXT[] NULL, ENTITY KEY (a), EVENT TIME (b))",
    "create or replace table \"odd \"\"name\"\"\" (\"select\" TEXT DEFAULT 'x' CHECK (\"select\" <> ''), ENTITY KEY (\"select\"), EVENT TIME (t DELAY INTERVAL '1 day'), UNIQUE (a, b)) WITH (owner = 'me', retention = INTERVAL '2 years')",
    "CREATE DIMENSION users (user_id BIGINT, t TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t)) WITH (ttl = INTERVAL 3 DAYS)",
    "CREATE FEATURE VIEW v AS SELECT user_id, count(*) OVER w AS n, sum(amount) FILTER (WHERE status = 'paid') OVER w AS paid FROM purchases "
    "WINDOW w AS (PARTITION BY user_id ORDER BY purchased_at RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW)",
    "CREATE FEATURE VIEW v WITH (owner = 'x') AS SELECT k, last(x) IGNORE NULLS OVER (w RANGE INTERVAL '1 day' PRECEDING CLOSED left) l FROM t GROUP BY k WINDOW w AS (RANGE INTERVAL '1' MONTH PRECEDING)",
    "CREATE FEATURE VIEW v AS SELECT k, count(*) OVER (SINCE day) a, sum(x) OVER (ROWS 5 PRECEDING EXCLUDE CURRENT ROW) b FROM t GROUP BY k",
    "CREATE FEATURE VIEW v AS WITH a AS (SELECT k, count(*) AS n FROM t GROUP BY k) SELECT u.k, a.n FROM u LEFT JOIN a ON u.k = a.k",
    "CREATE FEATURE VIEW v AS SELECT * FROM s QUALIFY row_number() OVER (PARTITION BY k ORDER BY t DESC) = 1",
    "CREATE FEATURE VIEW v AS SELECT DISTINCT ON (k) k, x FROM (SELECT k, x FROM a UNION ALL SELECT k, y FROM b) AS q ORDER BY t DESC",
    "CREATE FEATURE VIEW v AS SELECT k, count(DISTINCT x) c, string_agg(x ORDER BY y DESC) s FROM t ASOF LEFT JOIN d USING (k) WHERE x >= DATEADD(day, -30, CURRENT_DATE) GROUP BY k HAVING count(*) > 1",
    "CREATE FEATURE SERVICE s AS SELECT u.*, m.rate, r.amount / nullif(u.avg, 0) AS x FROM REQUEST (user_id BIGINT, amount DOUBLE) AS r LEFT JOIN v u USING (user_id) LEFT JOIN MATERIALIZED risk m ON m.k = r.k",
    "CREATE FEATURE SERVICE s AS a, b (x, y)",
    "DROP FEATURE VIEW v",
    "CREATE FEATURE VIEW v AS SELECT CASE WHEN a THEN 1 ELSE 2 END x, CASE a WHEN 1 THEN 'one' END y, a IS NOT DISTINCT FROM b, a NOT BETWEEN 1 AND 2 OR NOT b, x IN (1, 2, 3), -a::BIGINT, 'it''s' || 'x', 1.5e-3, .5, TRUE AND NULL IS NULL, "
    "DATE '2024-01-01', TIMESTAMP '2024-01-01 10:00', a // b % c, a != b, a == b, a NOT LIKE 'x%' FROM t",
    "-- comment\nCREATE /* nested /* comment */ */ TABLE t (a BIGINT)",
    "CREATE TABLE t (date DATE, hour BIGINT, value DOUBLE, \"user\" TEXT, filter TEXT, interval BIGINT)",
};

START_TEST(printing_and_parsing_again_gives_the_same_tree) {
    feat_error err;
    char *first = print_all(accepted[_i], &err);
    ck_assert_msg(first != NULL, "%s\n%s", accepted[_i], err.message);
    char *second = print_all(first, &err);
    ck_assert_msg(second != NULL, "%s\n%s", first, err.message);
    ck_assert_str_eq(first, second);
    feat_free(first);
    feat_free(second);
}
END_TEST

static const struct {
    const char *sql, *message;
} refused[] = {
    {"CREATE TABEL t (a BIGINT)", "1:8: expected TABLE, FEATURE VIEW or FEATURE SERVICE, found 'TABEL'\n  CREATE TABEL t (a BIGINT)\n         ^"},
    {"CREAT TABLE t (a BIGINT)", "1:1: expected CREATE, found 'CREAT'; did you mean 'CREATE'?\n  CREAT TABLE t (a BIGINT)\n  ^"},
    {"CREATE TABLE t (a BIGINT", "1:25: expected ), but the text ends here\n  CREATE TABLE t (a BIGINT\n                          ^"},
    {"CREATE TABLE t\n(a BIGINT,\n b)", "3:3: expected a type, found ')'\n   b)\n    ^"},
    {"CREATE FEATURE VIEW v AS SELECT 'abc", "1:33: this string is not closed; write '\n  CREATE FEATURE VIEW v AS SELECT 'abc\n                                  ^"},
    {"CREATE FEATURE VIEW v AS SELECT a FROM t WHERE", "1:47: expected an expression, but the text ends here\n  CREATE FEATURE VIEW v AS SELECT a FROM t WHERE\n                                                ^"},
    {"CREATE TABLE t (a BIGINT) garbage", "1:27: expected ;, found 'garbage'\n  CREATE TABLE t (a BIGINT) garbage\n                            ^"},
    {"/* open", "1:1: this comment is not closed; write */\n  /* open\n  ^"},
    {"CREATE FEATURE VIEW v AS SELECT 12abc", "1:35: a number runs into a name; put a blank between them\n  CREATE FEATURE VIEW v AS SELECT 12abc\n                                    ^"},
    {"CREATE FEATURE VIEW v AS SELECT a OVER (RANGE INTERVAL 'x' PRECEDING)", NULL},
    {"CREATE FEATURE VIEW v AS SELECT #", NULL},
    {"CREATE FEATURE VIEW \xff", NULL},
    {"CREATE FEATURE VIEW \xc0\x80", NULL},
};

START_TEST(errors_point_at_their_place) {
    feat_error err = {0};
    char *text = print_all(refused[_i].sql, &err);
    ck_assert_msg(text == NULL, "accepted: %s", refused[_i].sql);
    ck_assert_int_eq(err.code, FEAT_SYNTAX);
    ck_assert_int_ge(err.line, 1);
    if (refused[_i].message) ck_assert_str_eq(err.message, refused[_i].message);
}
END_TEST

START_TEST(a_nul_byte_is_refused) {
    feat_arena arena;
    feat_ast_script *script;
    feat_error err;
    feat_arena_init(&arena);
    ck_assert_int_eq(feat_sql_parse(&arena, "CREATE\0TABLE", 12, &script, &err), FEAT_SYNTAX);
    ck_assert_int_eq(err.column, 7);
    feat_arena_done(&arena);
}
END_TEST

/* `n` times `piece` between a head and a tail. */
static char *repeat(const char *head, const char *piece, size_t n, const char *tail) {
    feat_buffer b;
    feat_buffer_init(&b);
    feat_buffer_text(&b, head);
    for (size_t i = 0; i < n; i++) feat_buffer_text(&b, piece);
    feat_buffer_text(&b, tail);
    return feat_buffer_take_text(&b);
}

START_TEST(nesting_is_limited_and_never_crashes) {
    static const char *const pieces[] = {"(", "- ", "NOT ", "CASE WHEN ", "abs(", "1 + ", "1 // ", "'a' || "};
    feat_error err;
    char *sql = repeat("CREATE FEATURE VIEW v AS SELECT ", pieces[_i], 10000, "1");
    char *text = print_all(sql, &err);
    ck_assert(text == NULL);
    ck_assert_int_eq(err.code, FEAT_SYNTAX);
    feat_free(sql);
}
END_TEST

START_TEST(long_conditions_and_names_are_no_problem) {
    feat_error err;
    char *sql = repeat("CREATE FEATURE VIEW v AS SELECT a FROM t WHERE TRUE", " AND a > 1", 20000, "");
    char *text = print_all(sql, &err);
    ck_assert_msg(text != NULL, "%s", err.message);
    feat_free(text);
    feat_free(sql);
    sql = repeat("CREATE TABLE ", "x", 1 << 20, " (a BIGINT)");
    text = print_all(sql, &err);
    ck_assert_msg(text != NULL, "%s", err.message);
    feat_free(text);
    feat_free(sql);
    sql = repeat("CREATE FEATURE VIEW v AS SELECT '", "''", 1 << 19, "'");
    text = print_all(sql, &err);
    ck_assert_msg(text != NULL, "%s", err.message);
    feat_free(text);
    feat_free(sql);
}
END_TEST

START_TEST(every_failing_allocation_is_reported) {
    for (int64_t n = 1;; n++) {
        feat_error err = {0};
        feat_arena arena;
        feat_ast_script *script = NULL;
        const char *sql = accepted[5];
        feat_arena_init(&arena);
        arena.chunk_size = 64;
        feat_alloc_fail_after(n);
        feat_status status = feat_sql_parse(&arena, sql, strlen(sql), &script, &err);
        feat_alloc_fail_after(0);
        feat_arena_done(&arena);
        if (status == FEAT_OK) {
            ck_assert_int_gt(n, 5);
            break;
        }
        ck_assert_int_eq(status, FEAT_MEMORY);
    }
}
END_TEST

START_TEST(suggestions_are_near_words) {
    static const char *const words[] = {"amount", "user_id", "purchased_at"};
    ck_assert_str_eq(feat_sql_suggest("amout", words, 3), "amount");
    ck_assert_str_eq(feat_sql_suggest("USERID", words, 3), "user_id");
    ck_assert_str_eq(feat_sql_suggest("purchasde_at", words, 3), "purchased_at");
    ck_assert_ptr_null(feat_sql_suggest("country", words, 3));
    ck_assert_ptr_null(feat_sql_suggest("", words, 3));
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sql/parser");
    TCase *tcase = tcase_create("parser");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, printing_and_parsing_again_gives_the_same_tree, 0, sizeof accepted / sizeof *accepted);
    tcase_add_loop_test(tcase, errors_point_at_their_place, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tcase, a_nul_byte_is_refused);
    tcase_add_loop_test(tcase, nesting_is_limited_and_never_crashes, 0, 8);
    tcase_add_test(tcase, long_conditions_and_names_are_no_problem);
    tcase_add_test(tcase, every_failing_allocation_is_reported);
    tcase_add_test(tcase, suggestions_are_near_words);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
