/* Messages: what they say of each kind of mistake, where they point, and that they fit and stay text whatever the
 * input. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/lexer.h"
#include "sql/sql.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const struct {
    const char *sql;
    uint32_t line, column;
    const char *message, *excerpt;
} refused[] = {
    {"CREATE TABEL t (a BIGINT)", 1, 8,
     "expected TABLE, DIMENSION, FEATURE VIEW, FEATURE SERVICE or DERIVATION, found 'TABEL'; did you mean 'TABLE'?",
     "  CREATE TABEL t (a BIGINT)\n         ^"},
    {"CREAT TABLE t (a BIGINT)", 1, 1,
     "expected CREATE, DROP, ALTER, COMMENT, EXPLAIN, SHOW or DESCRIBE, found 'CREAT'; did you mean 'CREATE'?",
     "  CREAT TABLE t (a BIGINT)\n  ^"},
    {"CREATE TABLE t (a BIGINT", 1, 25, "expected ',' or ')', but the text ends here",
     "  CREATE TABLE t (a BIGINT\n                          ^"},
    {"CREATE TABLE t\n(a BIGINT,\n b)", 3, 3, "expected a type, found ')'", "   b)\n    ^"},
    {"SELECT 1", 1, 1, "expected CREATE, DROP, ALTER, COMMENT, EXPLAIN, SHOW or DESCRIBE, found 'SELECT'",
     "  SELECT 1\n  ^"},
    {"EXPLAIN SELECT 'abc", 1, 16, "this string is not closed; write '", "  EXPLAIN SELECT 'abc\n                 ^"},
    {"EXPLAIN SELECT \"abc", 1, 16, "this quoted name is not closed; write \"",
     "  EXPLAIN SELECT \"abc\n                 ^"},
    {"EXPLAIN SELECT \"\"", 1, 16, "a quoted name needs at least one character",
     "  EXPLAIN SELECT \"\"\n                 ^"},
    {"EXPLAIN SELECT a FROM t WHERE", 1, 30, "expected an expression, but the text ends here",
     "  EXPLAIN SELECT a FROM t WHERE\n                               ^"},
    {"EXPLAIN SELECT a FROM t WHERE  -- nothing\n\n", 1, 30, "expected an expression, but the text ends here",
     "  EXPLAIN SELECT a FROM t WHERE  -- nothing\n                               ^"},
    {"CREATE TABLE t (a BIGINT) garbage", 1, 27, "expected ';', found 'garbage'",
     "  CREATE TABLE t (a BIGINT) garbage\n                            ^"},
    {"/* open /* */", 1, 1, "this comment is not closed; write */", "  /* open /* */\n  ^"},
    {"EXPLAIN SELECT 12abc", 1, 18, "a number runs into a name; put a blank between them",
     "  EXPLAIN SELECT 12abc\n                   ^"},
    {"EXPLAIN SELECT 1e+", 1, 16, "this number has no digits in its exponent",
     "  EXPLAIN SELECT 1e+\n                 ^"},
    {"EXPLAIN SELECT #", 1, 16, "this character has no meaning here", "  EXPLAIN SELECT #\n                 ^"},
    {"EXPLAIN SELECT ‘abc’", 1, 16, "a typographic quotation mark; write ' for text or \" for a name",
     "  EXPLAIN SELECT ‘abc’\n                 ^"},
    {"EXPLAIN SELECT a FORM t", 1, 18, "'FORM' is taken as a name; did you mean 'FROM'?",
     "  EXPLAIN SELECT a FORM t\n                   ^"},
    {"EXPLAIN SELECT a FROM t WHRE x = 1", 1, 25, "'WHRE' is taken as a name; did you mean 'WHERE'?",
     "  EXPLAIN SELECT a FROM t WHRE x = 1\n                          ^"},
    {"EXPLAIN SELECT a FROM t GROUP x", 1, 31, "expected BY, found 'x'",
     "  EXPLAIN SELECT a FROM t GROUP x\n                                ^"},
    {"EXPLAIN SELECT a FROM t LEFT JION u USING (k)", 1, 30, "expected JOIN, found 'JION'; did you mean 'JOIN'?",
     "  EXPLAIN SELECT a FROM t LEFT JION u USING (k)\n                               ^"},
    {"EXPLAIN SELECT a FROM t LEFT JOIN u", 1, 36, "expected USING (columns) or ON condition, but the text ends here",
     "  EXPLAIN SELECT a FROM t LEFT JOIN u\n                                     ^"},
    {"EXPLAIN SELECT sum(x) OVR w FROM t", 1, 23, "'OVR' is taken as a name; did you mean 'OVER'?",
     "  EXPLAIN SELECT sum(x) OVR w FROM t\n                        ^"},
    {"EXPLAIN SELECT a FROM t, u", 1, 24,
     "tables are brought together by LEFT JOIN, INNER JOIN and ASOF LEFT JOIN only",
     "  EXPLAIN SELECT a FROM t, u\n                         ^"},
    {"EXPLAIN SELECT a FROM t RIGHT JOIN u USING (k)", 1, 25,
     "tables are brought together by LEFT JOIN, INNER JOIN and ASOF LEFT JOIN only",
     "  EXPLAIN SELECT a FROM t RIGHT JOIN u USING (k)\n                          ^"},
    {"EXPLAIN SELECT a, FROM t", 1, 17, "expected an expression behind this comma, found 'FROM'; remove the comma",
     "  EXPLAIN SELECT a, FROM t\n                  ^"},
    {"EXPLAIN SELECT FROM t", 1, 16, "expected an expression, found 'FROM'",
     "  EXPLAIN SELECT FROM t\n                 ^"},
    {"EXPLAIN SELECT a < b < c", 1, 22, "comparisons do not chain; write a < b AND b < c, or set parentheses",
     "  EXPLAIN SELECT a < b < c\n                       ^"},
    {"EXPLAIN SELECT a IS NULL = b", 1, 26, "set parentheses around what stands before this operator",
     "  EXPLAIN SELECT a IS NULL = b\n                           ^"},
    {"EXPLAIN SELECT a LIKE b LIKE c", 1, 25, "set parentheses around what stands before this operator",
     "  EXPLAIN SELECT a LIKE b LIKE c\n                          ^"},
    {"EXPLAIN SELECT a BETWEEN 1 OR 2", 1, 28, "expected AND, found 'OR'",
     "  EXPLAIN SELECT a BETWEEN 1 OR 2\n                             ^"},
    {"EXPLAIN SELECT a IN (SELECT b FROM t)", 1, 22, "a query cannot stand within an expression; join it in FROM",
     "  EXPLAIN SELECT a IN (SELECT b FROM t)\n                       ^"},
    {"EXPLAIN SELECT (SELECT 1)", 1, 17, "a query cannot stand within an expression; join it in FROM",
     "  EXPLAIN SELECT (SELECT 1)\n                  ^"},
    {"EXPLAIN SELECT a FROM t GROUP BY a WHERE b", 1, 36,
     "this clause is out of place or there twice; the order is SELECT, FROM, WHERE, GROUP BY, HAVING, WINDOW, QUALIFY, "
     "UNION ALL, ORDER BY, LIMIT",
     "  EXPLAIN SELECT a FROM t GROUP BY a WHERE b\n                                     ^"},
    {"EXPLAIN SELECT a FROM t LIMIT 3", 1, 25,
     "LIMIT and OFFSET need an ORDER BY: without one it is open which rows they keep",
     "  EXPLAIN SELECT a FROM t LIMIT 3\n                          ^"},
    {"EXPLAIN SELECT a ORDER BY a UNION ALL SELECT b", 1, 29,
     "ORDER BY and LIMIT stand behind the last query of a UNION ALL",
     "  EXPLAIN SELECT a ORDER BY a UNION ALL SELECT b\n                              ^"},
    {"EXPLAIN SELECT a UNION SELECT b", 1, 24, "expected ALL, found 'SELECT'",
     "  EXPLAIN SELECT a UNION SELECT b\n                         ^"},
    {"EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL '3 fortnights' PRECEDING)", 1, 44,
     "expected an interval such as INTERVAL '30 days', INTERVAL '1.5 hours', INTERVAL '01:30:00' or INTERVAL 12 HOURS, "
     "found "
     "''3 fortnights''",
     "  EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL '3 fortnights' PRECEDING)\n                                         "
     "    ^"},
    {"EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL 3 PRECEDING)", 1, 46,
     "expected an interval such as INTERVAL '30 days', INTERVAL '1.5 hours', INTERVAL '01:30:00' or INTERVAL 12 HOURS, "
     "found "
     "'PRECEDING'",
     "  EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL 3 PRECEDING)\n                                               ^"},
    {"EXPLAIN SELECT INTERVAL '9223372036854775807' HOURS", 1, 25, "this interval is too long",
     "  EXPLAIN SELECT INTERVAL '9223372036854775807' HOURS\n                          ^"},
    {"EXPLAIN SELECT INTERVAL '3000000000 days'", 1, 25,
     "expected an interval such as INTERVAL '30 days', INTERVAL '1.5 hours', INTERVAL '01:30:00' or INTERVAL 12 HOURS, "
     "found "
     "''3000000000 days''",
     "  EXPLAIN SELECT INTERVAL '3000000000 days'\n                          ^"},
    {"EXPLAIN SELECT INTERVAL (n)", 1, 28, "expected a unit, as in INTERVAL (n) DAYS, but the text ends here",
     "  EXPLAIN SELECT INTERVAL (n)\n                             ^"},
    {"EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL '1 day' PRECEEDING)", 1, 52,
     "expected PRECEDING or FOLLOWING, found 'PRECEEDING'; did you mean 'PRECEDING'?",
     "  EXPLAIN SELECT sum(x) OVER (RANGE INTERVAL '1 day' PRECEEDING)\n                                               "
     "      ^"},
    {"EXPLAIN SELECT sum(x) OVER (w CLOSED left)", 1, 31,
     "expected a frame before it: RANGE, ROWS, GROUPS or SINCE, found 'CLOSED'",
     "  EXPLAIN SELECT sum(x) OVER (w CLOSED left)\n                                ^"},
    {"EXPLAIN SELECT sum(x) OVER (ROWS 1 PRECEDING CLOSED lef)", 1, 53,
     "expected LEFT, RIGHT, BOTH or NONE, found 'lef'; did you mean 'LEFT'?",
     "  EXPLAIN SELECT sum(x) OVER (ROWS 1 PRECEDING CLOSED lef)\n                                                     "
     " ^"},
    {"EXPLAIN SELECT sum(x) OVER (SINCE DYA)", 1, 35,
     "expected DAY, WEEK, MONTH, QUARTER or YEAR, found 'DYA'; did you mean 'DAY'?",
     "  EXPLAIN SELECT sum(x) OVER (SINCE DYA)\n                                    ^"},
    {"EXPLAIN SELECT sum(x) OVER (SINCE day AT TIME ZONE utc)", 1, 52,
     "expected the name of a time zone, such as 'Europe/Berlin', found 'utc'",
     "  EXPLAIN SELECT sum(x) OVER (SINCE day AT TIME ZONE utc)\n                                                     "
     "^"},
    {"EXPLAIN SELECT sum(x) OVER (PARTITON BY a)", 1, 29, "'PARTITON' is taken as a name; did you mean 'PARTITION'?",
     "  EXPLAIN SELECT sum(x) OVER (PARTITON BY a)\n                              ^"},
    {"EXPLAIN SELECT sum(x) OVER (PARTITION BY a ORDRE BY t)", 1, 44,
     "expected ORDER BY, RANGE, ROWS, GROUPS, SINCE or ')', found 'ORDRE'; did you mean 'ORDER'?",
     "  EXPLAIN SELECT sum(x) OVER (PARTITION BY a ORDRE BY t)\n                                             ^"},
    {"EXPLAIN SELECT sum(x y)", 1, 22, "expected ',', ORDER BY or ')', found 'y'",
     "  EXPLAIN SELECT sum(x y)\n                       ^"},
    {"EXPLAIN SELECT last(x IGNORE NULLS) RESPECT NULLS", 1, 37,
     "this call says twice what to do with NULLs; keep one of IGNORE NULLS and RESPECT NULLS",
     "  EXPLAIN SELECT last(x IGNORE NULLS) RESPECT NULLS\n                                      ^"},
    {"EXPLAIN SELECT count(*) FILTER (x > 1)", 1, 33, "expected WHERE, found 'x'",
     "  EXPLAIN SELECT count(*) FILTER (x > 1)\n                                  ^"},
    {"EXPLAIN SELECT CASE a END", 1, 23, "expected WHEN, found 'END'",
     "  EXPLAIN SELECT CASE a END\n                        ^"},
    {"EXPLAIN SELECT CASE WHEN a THEN b", 1, 34, "expected WHEN, ELSE or END, but the text ends here",
     "  EXPLAIN SELECT CASE WHEN a THEN b\n                                   ^"},
    {"EXPLAIN SELECT CAST(a TO int)", 1, 23, "expected AS, found 'TO'",
     "  EXPLAIN SELECT CAST(a TO int)\n                        ^"},
    {"EXPLAIN SELECT CAST(a AS 3)", 1, 26, "expected a type, found '3'",
     "  EXPLAIN SELECT CAST(a AS 3)\n                           ^"},
    {"EXPLAIN SELECT [a, b", 1, 21, "expected ',' or ']', but the text ends here",
     "  EXPLAIN SELECT [a, b\n                      ^"},
    {"EXPLAIN SELECT extract(year, x)", 1, 28, "expected FROM, found ','",
     "  EXPLAIN SELECT extract(year, x)\n                             ^"},
    {"EXPLAIN SELECT a; nonsense", 1, 19,
     "expected CREATE, DROP, ALTER, COMMENT, EXPLAIN, SHOW or DESCRIBE, found 'nonsense'",
     "  EXPLAIN SELECT a; nonsense\n                    ^"},
    {"EXPLAIN SELECT a.b.c", 1, 19, "expected ',', a clause of the query or ';', found '.'",
     "  EXPLAIN SELECT a.b.c\n                    ^"},
    {"CREATE TABLE order (a BIGINT)", 1, 14,
     "expected a name for the table, found 'order', which is a reserved word; as a name it is written \"order\"",
     "  CREATE TABLE order (a BIGINT)\n               ^"},
    {"CREATE TABLE t (a BIGINT, select BIGINT)", 1, 27,
     "expected a column, ENTITY KEY (...), EVENT TIME (...) or UNIQUE (...), found 'select', which is a reserved word; "
     "as a name it is written \"select\"",
     "  CREATE TABLE t (a BIGINT, select BIGINT)\n                            ^"},
    {"CREATE TABLE t (a BIGINT NOT NULL NULL)", 1, 35, "this column says that already; keep one of them",
     "  CREATE TABLE t (a BIGINT NOT NULL NULL)\n                                    ^"},
    {"CREATE TABLE t (a BIGINT DEFAULT 1 DEFAULT 2)", 1, 36, "this column says that already; keep one of them",
     "  CREATE TABLE t (a BIGINT DEFAULT 1 DEFAULT 2)\n                                     ^"},
    {"CREATE TABLE t (a NOT NULL)", 1, 19, "expected a type, found 'NOT'",
     "  CREATE TABLE t (a NOT NULL)\n                    ^"},
    {"CREATE TABLE t (ENTITY KEY (a), ENTITY KEY (b))", 1, 33,
     "a table has one ENTITY KEY; it may be of several columns",
     "  CREATE TABLE t (ENTITY KEY (a), ENTITY KEY (b))\n                                  ^"},
    {"CREATE TABLE t (EVENT TIME (a), EVENT TIME (b))", 1, 33, "a table has one EVENT TIME",
     "  CREATE TABLE t (EVENT TIME (a), EVENT TIME (b))\n                                  ^"},
    {"CREATE TABLE t (EVENT TIME (a DELY INTERVAL '1 day'))", 1, 31,
     "expected DELAY or ')', found 'DELY'; did you mean 'DELAY'?",
     "  CREATE TABLE t (EVENT TIME (a DELY INTERVAL '1 day'))\n                                ^"},
    {"CREATE TABLE t (UNIQUE (a), UNIQUE (b))", 1, 29, "a table has one UNIQUE key; it may be of several columns",
     "  CREATE TABLE t (UNIQUE (a), UNIQUE (b))\n                              ^"},
    {"CREATE TABLE t (a BIGINT) WITH (x 1)", 1, 35, "expected '=', found '1'",
     "  CREATE TABLE t (a BIGINT) WITH (x 1)\n                                    ^"},
    {"CREATE TABLE t (a BIGINT,)", 1, 26,
     "expected a column, ENTITY KEY (...), EVENT TIME (...) or UNIQUE (...), found ')'",
     "  CREATE TABLE t (a BIGINT,)\n                           ^"},
    {"CREATE FEATURE VEIW v AS SELECT 1", 1, 16, "expected VIEW or SERVICE, found 'VEIW'; did you mean 'VIEW'?",
     "  CREATE FEATURE VEIW v AS SELECT 1\n                 ^"},
    {"CREATE FEATURE VIEW v AS SELCT 1", 1, 26, "expected SELECT, found 'SELCT'; did you mean 'SELECT'?",
     "  CREATE FEATURE VIEW v AS SELCT 1\n                           ^"},
    {"CREATE FEATURE SERVICE s AS SELCT u.x FROM REQUEST (a INT)", 1, 29,
     "'SELCT' is taken as a name; did you mean 'SELECT'?",
     "  CREATE FEATURE SERVICE s AS SELCT u.x FROM REQUEST (a INT)\n                              ^"},
    {"CREATE FEATURE SERVICE s AS a b", 1, 31, "expected ',' or ';', found 'b'",
     "  CREATE FEATURE SERVICE s AS a b\n                                ^"},
    {"CREATE OR REPLCE TABLE t (a BIGINT)", 1, 11, "expected REPLACE, found 'REPLCE'; did you mean 'REPLACE'?",
     "  CREATE OR REPLCE TABLE t (a BIGINT)\n            ^"},
    {"DROP FEATURE t", 1, 14, "expected VIEW or SERVICE, found 't'", "  DROP FEATURE t\n               ^"},
    {"ALTER TABLE t MODIFY a", 1, 15, "expected ADD, DROP, RENAME or ALTER COLUMN, found 'MODIFY'",
     "  ALTER TABLE t MODIFY a\n                ^"},
    {"ALTER VIEW t", 1, 7, "expected TABLE or DIMENSION, found 'VIEW'", "  ALTER VIEW t\n        ^"},
    {"ALTER TABLE t ALTER a TO b", 1, 23, "expected TYPE, found 'TO'",
     "  ALTER TABLE t ALTER a TO b\n                        ^"},
    {"ALTER TABLE t RENAME a b", 1, 24, "expected TO, found 'b'",
     "  ALTER TABLE t RENAME a b\n                         ^"},
    {"COMMENT ON TABLE t IS x", 1, 23, "expected a text in quotes, or NULL, found 'x'",
     "  COMMENT ON TABLE t IS x\n                        ^"},
    {"COMMENT ON COLUMN a IS 'x'", 1, 21, "expected '.', found 'IS'",
     "  COMMENT ON COLUMN a IS 'x'\n                      ^"},
    {"SHOW TABLE", 1, 6,
     "expected TABLES, DIMENSIONS, FEATURE VIEWS, FEATURE SERVICES or DERIVATIONS, found 'TABLE'; did you mean "
     "'TABLES'?",
     "  SHOW TABLE\n       ^"},
    {"SHOW FEATURE VIEW", 1, 14, "expected VIEWS or SERVICES, found 'VIEW'; did you mean 'VIEWS'?",
     "  SHOW FEATURE VIEW\n               ^"},
    {"EXPLAIN", 1, 8, "expected CREATE, SELECT or the name of a definition, but the text ends here",
     "  EXPLAIN\n         ^"},
    {"DESCRIBE 3", 1, 10, "expected the name of a definition, found '3'", "  DESCRIBE 3\n           ^"},
    {"EXPLAIN SELECT 'größe', \"日本\" 'x'", 1, 36, "expected ',', a clause of the query or ';', found ''x''",
     "  EXPLAIN SELECT 'größe', \"日本\" 'x'\n                               ^"},
    {"EXPLAIN SELECT\ta\tb\tc", 1, 20, "expected ',', a clause of the query or ';', found 'c'",
     "  EXPLAIN SELECT\ta\tb\tc\n                \t \t \t^"},
    {"EXPLAIN SELECT a 'a\nb'", 1, 18, "expected ',', a clause of the query or ';', found ''a b''",
     "  EXPLAIN SELECT a 'a\n                   ^"},
};

START_TEST(mistakes_are_named_in_their_place) {
    feat_arena arena;
    feat_ast_script mark, *script = &mark;
    feat_error err = {0};
    char expected[FEAT_ERROR_MESSAGE_SIZE];
    snprintf(expected, sizeof expected, "%u:%u: %s\n%s", refused[_i].line, refused[_i].column, refused[_i].message,
             refused[_i].excerpt);
    feat_arena_init(&arena);
    ck_assert_int_eq(feat_sql_parse(&arena, refused[_i].sql, strlen(refused[_i].sql), &script, &err), FEAT_SYNTAX);
    ck_assert_str_eq(err.message, expected);
    ck_assert_int_eq(err.code, FEAT_SYNTAX);
    ck_assert_uint_eq(err.line, refused[_i].line);
    ck_assert_uint_eq(err.column, refused[_i].column);
    ck_assert_int_eq(err.row, -1);
    ck_assert_ptr_eq(script, &mark);
    ck_assert_int_eq(feat_sql_parse(&arena, refused[_i].sql, strlen(refused[_i].sql), &script, NULL), FEAT_SYNTAX);
    feat_arena_done(&arena);
}
END_TEST

/* ---- Bytes. ---- */

static const struct {
    const char *bytes;
    size_t n;
    uint32_t column;
} malformed[] = {
    {"CREATE\0TABLE", 12, 7},
    {"\0", 1, 1},
    {"SHOW \x80", 6, 6},
    {"SHOW \xc3", 6, 6},
    {"SHOW \xc0\x80", 7, 6},
    {"SHOW \xc1\xbf", 7, 6},
    {"SHOW \xe0\x80\x80", 8, 6},
    {"SHOW \xed\xa0\x80", 8, 6},
    {"SHOW \xf4\x90\x80\x80", 9, 6},
    {"SHOW \xf0\x8f\xbf\xbf", 9, 6},
    {"SHOW \xf5\x80\x80\x80", 9, 6},
    {"SHOW \xe2\x82", 7, 6},
    {"SHOW '\xf0\x9f\x98' x", 11, 7},
    {"-- \xff", 4, 4},
    {"\"\xfe\"", 3, 2},
};

static void check_is_text(const char *message) {
    size_t left = strlen(message);
    ck_assert_uint_lt(left, FEAT_ERROR_MESSAGE_SIZE);
    for (size_t n; left > 0; message += n, left -= n) {
        n = feat_utf8_sequence(message, left);
        ck_assert_uint_gt(n, 0);
        ck_assert_msg(n > 1 || *message >= ' ' || *message == '\n' || *message == '\t', "control character %d",
                      *message);
    }
}

START_TEST(bytes_that_are_no_text_are_refused) {
    feat_arena arena;
    feat_ast_script *script;
    feat_error err = {0};
    feat_arena_init(&arena);
    ck_assert_int_eq(feat_sql_parse(&arena, malformed[_i].bytes, malformed[_i].n, &script, &err), FEAT_SYNTAX);
    ck_assert_uint_eq(err.line, 1);
    ck_assert_uint_eq(err.column, malformed[_i].column);
    check_is_text(err.message);
    feat_arena_done(&arena);
}
END_TEST

/* ---- The excerpt. ---- */

/* Whatever the text, the place and the message: it fits, is text, and has three lines. The caret stands under its
 * character. */
START_TEST(any_place_of_any_text_can_be_shown) {
    static const char *const pieces[] = {
        "a", "\xc3\xa9", "\xe6\x9c\xac", "\xf0\x9f\x98\x80", "\t", "\r", "\n", "\x01", "\xff", " "};
    uint64_t state = 1;
    for (int round = 0; round < 3000; round++) {
        char text[400], message[FEAT_ERROR_MESSAGE_SIZE + 100];
        size_t n = 0, m = 0;
        feat_error err = {0};
        while (n < sizeof text - 4) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            const char *piece = pieces[(state >> 33) % (round % 3 ? COUNT(pieces) : 4)];
            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
        }
        while (m < (size_t)round % (sizeof message - 8)) m += (size_t)sprintf(message + m, "%s", pieces[m % 4 ? 1 : 2]);
        message[m] = 0;
        uint32_t at = (uint32_t)((state >> 20) % (n + 1));
        ck_assert_int_eq(feat_sql_fail(&err, FEAT_DEFINITION, text, n, at, "%s", message), FEAT_DEFINITION);
        check_is_text(err.message);
        size_t lines = 1;
        for (const char *c = err.message; *c; c++) lines += *c == '\n';
        ck_assert_uint_eq(lines, 3);
        ck_assert_int_eq(err.message[strlen(err.message) - 1], '^');
    }
}
END_TEST

START_TEST(a_message_is_located) {
    const char *sql = "SELECT\n  sum(amout) FROM t";
    feat_error err = {0};
    feat_fail(&err, FEAT_DEFINITION, "unknown column '%s'; did you mean '%s'?", "amout", "amount");
    feat_sql_locate_error(&err, sql, strlen(sql), 13);
    ck_assert_str_eq(err.message,
                     "2:7: unknown column 'amout'; did you mean 'amount'?\n    sum(amout) FROM t\n        ^");
    ck_assert_int_eq(err.code, FEAT_DEFINITION);
    ck_assert_uint_eq(err.line, 2);
    ck_assert_uint_eq(err.column, 7);
    feat_sql_locate_error(NULL, sql, strlen(sql), 13);
    ck_assert_int_eq(feat_sql_fail(NULL, FEAT_DEFINITION, sql, strlen(sql), 13, "x"), FEAT_DEFINITION);
}
END_TEST

/* ---- Suggestions. ---- */

static const struct {
    const char *word, *near;
} suggestions[] = {
    {"amout", "amount"},  {"USERID", "user_id"}, {"purchasde_at", "purchased_at"},
    {"amount", "amount"}, {"ab", "a"},           {"country", NULL},
    {"", NULL},           {"b", NULL},           {"userids", "user_id"},
    {"mauont", "amount"}, {"amuontt", "amount"},
};

START_TEST(suggestions_are_near_words) {
    static const char *const words[] = {"amount", "user_id", "purchased_at", "a"};
    const char *near = feat_sql_suggest(suggestions[_i].word, words, COUNT(words));
    if (suggestions[_i].near) ck_assert_str_eq(near, suggestions[_i].near);
    else ck_assert_ptr_null(near);
}
END_TEST

START_TEST(the_first_of_equally_near_words_is_suggested) {
    static const char *const words[] = {"cat", "bat", "rat"};
    ck_assert_str_eq(feat_sql_suggest("hat", words, 3), "cat");
    ck_assert_str_eq(feat_sql_suggest("hat", words + 1, 2), "bat");
    ck_assert_ptr_null(feat_sql_suggest("hat", words, 0));
    char *word = feat_alloc_zero(100001, 1);
    memset(word, 'x', 100000);
    const char *const longs[] = {word};
    ck_assert_ptr_null(feat_sql_suggest(word, longs, 1));
    ck_assert_ptr_null(feat_sql_suggest("x", longs, 1));
    feat_free(word);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sql/messages");
    TCase *tcase = tcase_create("messages");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, mistakes_are_named_in_their_place, 0, COUNT(refused));
    tcase_add_loop_test(tcase, bytes_that_are_no_text_are_refused, 0, COUNT(malformed));
    tcase_add_test(tcase, any_place_of_any_text_can_be_shown);
    tcase_add_test(tcase, a_message_is_located);
    tcase_add_loop_test(tcase, suggestions_are_near_words, 0, COUNT(suggestions));
    tcase_add_test(tcase, the_first_of_equally_near_words_is_suggested);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
