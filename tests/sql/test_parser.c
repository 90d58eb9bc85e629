/* The parser and the printer: what is taken, how operators bind, that printing and parsing again gives the same tree;
 * what limits there are, and that every failing allocation is reported. What is refused: test_messages.c. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/same_tree.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define VIEW     "CREATE FEATURE VIEW v AS SELECT "

static void parse(feat_arena *arena, const char *sql, feat_ast_script **script) {
    feat_error err = {0};
    ck_assert_msg(feat_sql_parse(arena, sql, strlen(sql), script, &err) == FEAT_OK, "%.1000s\n%s", sql, err.message);
}

static char *print(const feat_ast_script *script) {
    feat_buffer out;
    feat_buffer_init(&out);
    for (size_t i = 0; i < script->n; i++) {
        ck_assert_int_eq(feat_sql_print(script->statements[i], &out), FEAT_OK);
        feat_buffer_text(&out, ";\n");
    }
    char *text = feat_buffer_take_text(&out);
    ck_assert_ptr_nonnull(text);
    return text;
}

static void check_round_trip(const char *sql) {
    feat_arena arena;
    feat_ast_script *script = NULL, *again = NULL;
    feat_arena_init(&arena);
    parse(&arena, sql, &script);
    char *first = print(script);
    parse(&arena, first, &again);
    ck_assert_msg(same_script(script, again), "another tree:\n%.1000s\n%.1000s", sql, first);
    char *second = print(again);
    ck_assert_str_eq(first, second);
    feat_free(first);
    feat_free(second);
    feat_arena_done(&arena);
}

/* ---- Statements. ---- */

static const char *const accepted[] = {
    "",
    ";;",
    " \t\r\n\f\v-- only a comment",
    "CREATE TABLE t (a BIGINT NOT NULL, b double precision, c DECIMAL(10, 2), d FLOAT[3], e TEXT[] NULL, ENTITY KEY "
    "(a), EVENT "
    "TIME (b))",
    "create or replace table \"odd \"\"name\"\"\" (\"select\" TEXT DEFAULT 'x' CHECK (\"select\" <> ''), ENTITY KEY "
    "(\"select\"), EVENT TIME (t DELAY INTERVAL '1 day'), UNIQUE (a, b)) WITH (owner = 'me', retention = INTERVAL '2 "
    "years')",
    "CREATE TABLE t (ENTITY KEY (a))",
    "CREATE TABLE t (UNIQUE (a), EVENT TIME (b), ENTITY KEY (a, b), a BIGINT)",
    "CREATE TABLE t (m MAP(TEXT, DECIMAL(38, 4)[]), z TIMESTAMP WITH TIME ZONE, o TIMESTAMP WITHOUT TIME ZONE, c "
    "CHARACTER "
    "VARYING(3), l BIGINT[][4]) WITH (partition = 'month', description = 'x', default = 1)",
    "CREATE TABLE t (at TIMESTAMP NOT NULL DEFAULT TIMESTAMP '2000-01-01' CHECK (at >= TIMESTAMP '2000-01-01'), event "
    "TEXT, "
    "entity TEXT, key TEXT, time TEXT, partition TEXT, over TEXT, between TEXT, row TEXT, current TEXT)",
    "CREATE DIMENSION users (user_id BIGINT, t TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t)) WITH (ttl = INTERVAL 3 "
    "DAYS)",
    "CREATE FEATURE VIEW v WITH (tags = ['a', 'b'], ttl = INTERVAL '1' MONTH) AS SELECT 1",
    VIEW "user_id, count(*) OVER w AS n, sum(amount) FILTER (WHERE status = 'paid') OVER w AS paid FROM purchases "
         "WINDOW w AS "
         "(PARTITION BY user_id ORDER BY purchased_at RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW)",
    VIEW "k, last(x) IGNORE NULLS OVER (w RANGE INTERVAL '1 day' PRECEDING CLOSED left) l FROM t GROUP BY k WINDOW w "
         "AS (RANGE "
         "INTERVAL '1' MONTH PRECEDING)",
    VIEW "last(x IGNORE NULLS), last(x RESPECT NULLS) OVER w, last(x) FILTER (WHERE y) IGNORE NULLS OVER (w) FROM t",
    VIEW "k, count(*) OVER (SINCE day) a, sum(x) OVER (ROWS 5 PRECEDING EXCLUDE CURRENT ROW) b FROM t GROUP BY k",
    VIEW
    "count(*) OVER (SINCE Month AT TIME ZONE 'Europe/Berlin' CLOSED both EXCLUDE NO OTHERS), count(*) OVER () FROM t",
    VIEW
    "sum(x) OVER (PARTITION BY a, b ORDER BY c DESC NULLS LAST, d NULLS FIRST GROUPS BETWEEN UNBOUNDED PRECEDING AND 2 "
    "FOLLOWING EXCLUDE TIES), sum(x) OVER (ROWS UNBOUNDED PRECEDING EXCLUDE GROUP) FROM t",
    VIEW "sum(x) OVER (RANGE BETWEEN INTERVAL '2 days' PRECEDING AND INTERVAL '1 day' PRECEDING CLOSED none) FROM t",
    VIEW "sum(x) OVER (ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) FROM t",
    VIEW "sum(x) OVER (rows), sum(x) OVER rows, sum(x) OVER (partition ORDER BY t) FROM t WINDOW rows AS (since), "
         "partition AS ()",
    "CREATE FEATURE VIEW v AS WITH a AS (SELECT k, count(*) AS n FROM t GROUP BY k), b AS (WITH c AS (SELECT 1) SELECT "
    "2) SELECT "
    "u.k, a.n FROM u LEFT JOIN a ON u.k = a.k LEFT OUTER JOIN b AS bb USING (k) INNER JOIN c ON TRUE JOIN d USING (k, "
    "l)",
    VIEW "* FROM s QUALIFY row_number() OVER (PARTITION BY k ORDER BY t DESC) = 1",
    VIEW "DISTINCT ON (k) k, x FROM (SELECT k, x FROM a UNION ALL SELECT k, y FROM b) AS q ORDER BY t DESC",
    VIEW "DISTINCT a FROM t UNION ALL SELECT b UNION ALL SELECT c ORDER BY 1 DESC, 2 LIMIT 10 OFFSET 3",
    VIEW "a FROM t ORDER BY a OFFSET 1 LIMIT 2",
    VIEW "k, count(DISTINCT x) c, string_agg(x ORDER BY y DESC) s FROM t ASOF LEFT JOIN d USING (k) WHERE x >= "
         "DATEADD(day, -30, "
         "CURRENT_DATE) GROUP BY k HAVING count(*) > 1",
    VIEW "* EXCLUDE (a, \"B c\"), t.* EXCLUDE (d), t.*, count(t.*), a.select, a.\"x.y\" AS end FROM t",
    "CREATE FEATURE SERVICE s AS SELECT u.*, m.rate, r.amount / nullif(u.avg, 0) AS x FROM REQUEST (user_id BIGINT, "
    "amount "
    "DOUBLE) AS r LEFT JOIN v u USING (user_id) LEFT JOIN MATERIALIZED risk m ON m.k = r.k LEFT JOIN LIVE w USING (k) "
    "LEFT JOIN "
    "live USING (k) LEFT JOIN materialized ON a = b",
    "CREATE OR REPLACE FEATURE SERVICE s WITH (owner = 'x') AS a, b (x, y)",
    "CREATE RAW TABLE r; CREATE OR REPLACE RAW TABLE \"raw\" WITH (payload = 'text', owner = 'x'); EXPLAIN CREATE RAW "
    "TABLE r",
    "CREATE DERIVATION d INTO t AS SELECT a::BIGINT AS b, \"offset\" AS c FROM r x WHERE a IS NOT NULL; CREATE OR "
    "REPLACE "
    "DERIVATION derivation INTO \"into\" WITH (owner = 'x') AS SELECT raw FROM raw; EXPLAIN CREATE DERIVATION d INTO t "
    "AS "
    "SELECT 1 AS a FROM r",
    "DROP DERIVATION IF EXISTS d; COMMENT ON DERIVATION d IS 'x'; SHOW DERIVATIONS; DESCRIBE DERIVATION d; EXPLAIN "
    "DERIVATION d",
    "DROP FEATURE VIEW v; DROP TABLE IF EXISTS t; DROP DIMENSION d; DROP FEATURE SERVICE \"if\"",
    "ALTER TABLE t ADD COLUMN a BIGINT DEFAULT 0; ALTER TABLE t ADD b TEXT; ALTER DIMENSION d RENAME a TO b; ALTER "
    "TABLE t "
    "RENAME COLUMN a TO \"b c\"; ALTER TABLE t ALTER COLUMN a SET DATA TYPE DOUBLE; ALTER TABLE t ALTER a TYPE "
    "DECIMAL(1, 0); "
    "ALTER TABLE t DROP COLUMN a; ALTER TABLE t DROP a",
    "COMMENT ON TABLE t IS 'it''s'; COMMENT ON COLUMN t.a IS NULL; COMMENT ON FEATURE VIEW v IS ''; COMMENT ON "
    "DIMENSION d IS "
    "'x'; COMMENT ON FEATURE SERVICE s IS 'y'",
    "EXPLAIN v; EXPLAIN FEATURE VIEW v; EXPLAIN (FORMAT JSON) v; EXPLAIN (FORMAT JSON) SELECT a FROM t; EXPLAIN SELECT "
    "a FROM t; EXPLAIN CREATE FEATURE VIEW v AS SELECT a FROM t "
    "ORDER BY a; "
    "EXPLAIN WITH a AS (SELECT 1) SELECT 2",
    "SHOW TABLES; SHOW DIMENSIONS; show feature views; SHOW FEATURE SERVICES; DESCRIBE t; DESC FEATURE SERVICE s",
    "-- comment\nCREATE /* nested /* comment */ */ TABLE t (a BIGINT)",
    "\xef\xbb\xbf" VIEW "a\xc2\xa0+\xe2\x80\x89"
    "b FROM\xe3\x80\x80t -- a byte order mark, and blanks of other kinds",
    "CREATE TABLE \xe6\x9c\x8d (gr\xc3\xb6\xc3\x9f"
    "e DOUBLE, a$1 BIGINT, _ BIGINT)",
    "CREATE TABLE t (date DATE, hour BIGINT, value DOUBLE, \"user\" TEXT, filter TEXT, interval BIGINT, timestamp "
    "TIMESTAMP)",
    VIEW "date, hour, value, user, filter, interval, timestamp, first, last, row, current, over, position, extract, "
         "at, by, key "
         "FROM request live WHERE interval > 1 AND date = 2 AND position AND exists AND array_length(since) = 0",
    VIEW
    "left(a, 1), right(a, 1), date(a), if(a, b, c), replace(a, b, c), \"extract\"(a), \"position\"(a, b), \"left\", "
    "\"current_date\", current_date(), current_date, \"odd name\"(x), \"coalesce\"(a, b), COALESCE(a), count() FROM t",
    VIEW
    "[a, [b, NULL], ARRAY[c + 1]][1][f(x)[-2]], (x::INT[])[1], x::INT[1], CAST(a AS REAL[3])[i + 1], (a || [b])[1], "
    "'a'[1], (-a)[1], -a[1], (a + b)[1], (CASE WHEN a THEN b END)[1], [], array[], list_value(DISTINCT a), "
    "\"array\"[1], [a, b] = [c], x[y[1]] FROM t WHERE [a] IN ([1], [2])",
};

START_TEST(printing_and_parsing_again_gives_the_same_tree) { check_round_trip(accepted[_i]); }
END_TEST

static const struct {
    const char *sql, *printed;
} prints[] = {
    {"create table T (\"A\" bigint , b\tDOUBLE, \"Date\" date, c decimal( 1,2 ), entity key(\"A\"))with(owner='x')",
     "CREATE TABLE T (A bigint, b DOUBLE, \"Date\" date, c decimal(1, 2), ENTITY KEY (A)) WITH (owner = 'x')"},
    {"explain select Sum(a+b*c) filter(where not(x=1 or y)) over w as s from t window w as (partition by k order by t "
     "range "
     "interval 7 day preceding)",
     "EXPLAIN SELECT Sum(a + b * c) FILTER (WHERE NOT (x = 1 OR y)) OVER w AS s FROM t WINDOW w AS ( PARTITION BY k "
     "ORDER BY t "
     "RANGE BETWEEN INTERVAL '7 days' PRECEDING AND CURRENT ROW)"},
    {"explain (format text) v", "EXPLAIN v"},
    {"explain ( format json ) select a from t", "EXPLAIN (FORMAT JSON) SELECT a FROM t"},
    {"explain select a from t left join live u using(k)", "EXPLAIN SELECT a FROM t LEFT JOIN u USING (k)"},
    {"alter table t alter a set data type text", "ALTER TABLE t ALTER COLUMN a TYPE text"},
};

START_TEST(printed_text_is_plain) {
    feat_arena arena;
    feat_ast_script *script = NULL;
    feat_arena_init(&arena);
    parse(&arena, prints[_i].sql, &script);
    char *text = print(script);
    text[strlen(text) - 2] = 0;
    ck_assert_str_eq(text, prints[_i].printed);
    feat_free(text);
    feat_arena_done(&arena);
}
END_TEST

/* ---- Expressions. ---- */

/* An expression with all its structure in sight: (operator operands). */
static void sketch(const feat_ast_expr *e, feat_buffer *out) {
    switch (e->kind) {
    case FEAT_AST_COLUMN: feat_buffer_text(out, e->name); return;
    case FEAT_AST_INTEGER:
    case FEAT_AST_DECIMAL:
    case FEAT_AST_STRING: feat_buffer_append(out, e->text, e->length); return;
    case FEAT_AST_INTERVAL:
        feat_buffer_printf(out, "<%lld %lld %lld>", (long long)e->months, (long long)e->days, (long long)e->us);
        return;
    case FEAT_AST_NULL: feat_buffer_text(out, "NULL"); return;
    case FEAT_AST_BOOLEAN: feat_buffer_text(out, e->truth ? "TRUE" : "FALSE"); return;
    case FEAT_AST_STAR: feat_buffer_text(out, "*"); return;
    default: break;
    }
    feat_buffer_text(out, e->negated ? "(not-" : "(");
    feat_buffer_text(out, e->kind == FEAT_AST_IS        ? "is-"
                          : e->kind == FEAT_AST_BETWEEN ? "between"
                          : e->kind == FEAT_AST_IN      ? "in"
                          : e->kind == FEAT_AST_CASE    ? "case"
                          : e->kind == FEAT_AST_CAST    ? (e->try_cast ? "try-" : "::")
                                                        : "");
    if (e->name) feat_buffer_text(out, e->name);
    if (e->kind == FEAT_AST_TYPED) feat_buffer_printf(out, " %s", e->text);
    for (size_t i = 0; i < e->n_args; i++) {
        feat_buffer_byte(out, ' ');
        sketch(e->args[i], out);
    }
    feat_buffer_byte(out, ')');
}

static const struct {
    const char *sql, *tree;
} bindings[] = {
    /* As DuckDB reads them. */
    {"a + b * c", "(+ a (* b c))"},
    {"a - b - c", "(- (- a b) c)"},
    {"a // b * c % d / e", "(/ (% (* (// a b) c) d) e)"},
    {"a ^ b ^ c", "(^ (^ a b) c)"},
    {"a ** b * c", "(* (^ a b) c)"},
    {"-a ^ b", "(^ (- a) b)"},
    {"a ^ -b", "(^ a (- b))"},
    {"- - a + +b", "(+ (- (- a)) (+ b))"},
    {"a - -b", "(- a (- b))"},
    {"-a::int", "(- (::int a))"},
    {"-a[1]", "(- ([] a 1))"},
    {"f(a)[1]::int[]", "(::int[] ([] (f a) 1))"},
    {"CAST(a AS int)[1]", "([] (::int a) 1)"},
    {"(a::int)[1][2]", "([] ([] (::int a) 1) 2)"},
    {"[a, b][1]", "([] (list_value a b) 1)"},
    {"ARRAY[a]", "(list_value a)"},
    {"[]", "(list_value)"},
    {"~a + b", "(~ (+ a b))"},
    {"~a || b", "(|| (~ a) b)"},
    {"~ ~a", "(~ (~ a))"},
    {"a * ~b + c", "(* a (~ (+ b c)))"},
    {"- ~a", "(- (~ a))"},
    {"~ -a", "(~ (- a))"},
    {"a || b + c", "(|| a (+ b c))"},
    {"a & b | c << d", "(<< (| (& a b) c) d)"},
    {"a >> b - c", "(>> a (- b c))"},
    {"not a = b", "(not (= a b))"},
    {"not not a", "(not (not a))"},
    {"not a is null", "(not (is-null a))"},
    {"a = not b = c", "(= a (not (= b c)))"},
    {"a = not b and c", "(and (= a (not b)) c)"},
    {"a == b", "(= a b)"},
    {"a != b", "(<> a b)"},
    {"a = b is null", "(is-null (= a b))"},
    {"a is null is not true", "(not-is-true (is-null a))"},
    {"a isnull", "(is-null a)"},
    {"a notnull", "(not-is-null a)"},
    {"a is unknown", "(is-null a)"},
    {"a is distinct from b = c", "(is distinct from a (= b c))"},
    {"a = b is not distinct from c", "(is not distinct from (= a b) c)"},
    {"a is distinct from b is null", "(is-null (is distinct from a b))"},
    {"a is distinct from b or c", "(or (is distinct from a b) c)"},
    {"a between b and c and d", "(and (between a b c) d)"},
    {"a between b and c = d", "(= (between a b c) d)"},
    {"a = b between c and d", "(= a (between b c d))"},
    {"a between b || c and d", "(between a (|| b c) d)"},
    {"a not between b and c or d", "(or (not-between a b c) d)"},
    {"a between (b and c) and d", "(between a (and b c) d)"},
    {"a like b = c", "(= (like a b) c)"},
    {"a = b like c", "(= a (like b c))"},
    {"a not like b || c", "(not (like a (|| b c)))"},
    {"not a not ilike b", "(not (not (ilike a b)))"},
    {"a like b escape 'c' || d", "(like a b (|| c d))"},
    {"a = b in (c)", "(= a (in b c))"},
    {"a in (b, c) = d", "(= (in a b c) d)"},
    {"a not in (1, 2) and c", "(and (not-in a 1 2) c)"},
    {"a and b and not c or d and e", "(or (and a b (not c)) (and d e))"},
    {"a or (b or c) or d", "(or a (or b c) d)"},
    {"a + b at time zone 'x'", "(+ a (at time zone b x))"},
    {"-a at time zone 'x'", "(at time zone (- a) x)"},
    {"a::int at time zone 'x' || b", "(|| (at time zone (::int a) x) b)"},
    {"a + interval '1' day * 2", "(+ a (* <0 1 0> 2))"},
    {"extract(year from a)", "(date_part year a)"},
    {"extract('week' from a + b)", "(date_part week (+ a b))"},
    {"position(a in b)", "(position b a)"},
    {"position(a || b in c in (d))", "(position (in c d) (|| a b))"},
    {"substring(a from b for c)", "(substring a b c)"},
    {"substring(a from 2)", "(substring a 2)"},
    {"substring(a, 2, 3)", "(substring a 2 3)"},
    {"try_cast(a + 1 as decimal(3,1))", "(try-decimal(3, 1) (+ a 1))"},
    {"date '2020-01-01' + 1", "(+ (DATE 2020-01-01) 1)"},
    {"timestamptz 'x'", "(TIMESTAMPTZ x)"},
    {"current_date - 7", "(- (current_date) 7)"},
    {"count(*) * 2", "(* (count) 2)"},
    {"case when a then b end is null", "(is-null (case a b))"},
    {"1e5 + .5 - 5.", "(- (+ 1e5 .5) 5.)"},
    /* Intervals. */
    {"interval '30 days'", "<0 30 0>"},
    {"interval 30 days", "<0 30 0>"},
    {"INTERVAL '1' MONTH", "<1 0 0>"},
    {"interval '1 month 2 days'", "<1 2 0>"},
    {"interval ' 1 Year  -2 WEEKS 3hours 4 minutes 5 seconds 6 milliseconds 7 microseconds '", "<12 -14 11045006007>"},
    {"interval 2 quarter", "<6 0 0>"},
    {"interval '-3' decades", "<-360 0 0>"},
    {"interval '0 days'", "<0 0 0>"},
    {"interval '-9223372036854775808 microseconds'", "<0 0 -9223372036854775808>"},
    {"interval '2147483647' days", "<0 2147483647 0>"},
    {"interval '1.5 hours'", "<0 0 5400000000>"},
    {"interval '01:30:00'", "<0 0 5400000000>"},
    {"interval '1 year 2 months 3 days'", "<14 3 0>"},
    {"interval '-1.5 months'", "<-1 -15 0>"},
    {"interval 30 day", "<0 30 0>"},
};

START_TEST(operators_bind_as_in_duckdb) {
    feat_arena arena;
    feat_ast_script *script = NULL;
    feat_buffer sql, tree;
    feat_arena_init(&arena);
    feat_buffer_init(&sql);
    feat_buffer_init(&tree);
    feat_buffer_printf(&sql, "EXPLAIN SELECT %s", bindings[_i].sql);
    char *text = feat_buffer_take_text(&sql);
    parse(&arena, text, &script);
    sketch(script->statements[0]->select->items[0].expr, &tree);
    char *found = feat_buffer_take_text(&tree);
    ck_assert_msg(strcmp(found, bindings[_i].tree) == 0, "%s: %s, not %s", bindings[_i].sql, found, bindings[_i].tree);
    check_round_trip(text);
    feat_free(found);
    feat_free(text);
    feat_arena_done(&arena);
}
END_TEST

/* Pairs of operators next to each other and with either pair in parentheses, so that no parenthesis is lost or wrong.
 */
START_TEST(any_two_operators_print_and_parse) {
    static const char *const forms[] = {
        "NOT %s",
        "- %s",
        "~ %s",
        "+ %s",
        "%s IS NULL",
        "%s::INT",
        "%s[1]",
        "%s IN (1)",
        "%s = x",
        "x = %s",
        "%s AND x",
        "x AND %s",
        "x OR %s",
        "x + %s",
        "%s + x",
        "x * %s",
        "%s || x",
        "x || %s",
        "x ^ %s",
        "%s ^ x",
        "%s AT TIME ZONE x",
        "x LIKE %s",
        "%s NOT LIKE x",
        "x LIKE y ESCAPE %s",
        "%s BETWEEN x AND y",
        "x BETWEEN %s AND y",
        "x BETWEEN y AND %s",
        "x IN (%s)",
        "f(%s)",
        "[%s]",
        "CASE %s WHEN 1 THEN 2 END",
        "TRY_CAST(%s AS INT)",
        "x[%s]",
        "%s IS DISTINCT FROM x",
        "x IS DISTINCT FROM %s",
        "x - %s",
        "%s // x",
        "%s NOT IN (1)",
        "x <= %s",
    };
    enum { SIZE = 400 };
    char inner[SIZE], middle[SIZE], outer[SIZE], sql[SIZE];
    for (size_t i = 0; i < COUNT(forms); i++)
        for (size_t j = 0; j < COUNT(forms); j++)
            for (int parens = 0; parens < 4; parens++) {
                feat_arena arena;
                feat_ast_script *script;
                snprintf(inner, SIZE, forms[i], "a");
                snprintf(middle, SIZE, parens & 1 ? "(%s)" : "%s", inner);
                snprintf(outer, SIZE, forms[j], middle);
                snprintf(sql, SIZE, parens & 2 ? "EXPLAIN SELECT - (%s)" : "EXPLAIN SELECT %s", outer);
                feat_arena_init(&arena);
                feat_status status = feat_sql_parse(&arena, sql, strlen(sql), &script, NULL);
                feat_arena_done(&arena);
                if (status == FEAT_OK) check_round_trip(sql);
                else ck_assert_msg(!(parens & 1), "%s", sql); /* without them, comparisons do not chain */
            }
}
END_TEST

/* ---- Places. ---- */

START_TEST(nodes_know_their_place) {
    const char *sql =
        "CREATE TABLE a (b BIGINT);\n DROP  TABLE c ;EXPLAIN SELECT x + f(y) AS z FROM t  LEFT JOIN u USING (k)  ";
    feat_arena arena;
    feat_ast_script *script = NULL;
    feat_arena_init(&arena);
    parse(&arena, sql, &script);
    ck_assert_uint_eq(script->n, 3);
    feat_ast_statement *const *s = script->statements;
    ck_assert_uint_eq(s[0]->offset, 0);
    ck_assert_uint_eq(s[0]->end, 25);
    ck_assert_uint_eq(s[0]->columns[0].offset, 16);
    ck_assert_uint_eq(s[0]->columns[0].type_offset, 18);
    ck_assert_uint_eq(s[1]->offset, (size_t)(strstr(sql, "DROP") - sql));
    ck_assert_uint_eq(s[1]->name.offset, (size_t)(strstr(sql, "c ;") - sql));
    ck_assert_uint_eq(s[1]->end, s[1]->name.offset + 1);
    const feat_ast_select *q = s[2]->select;
    ck_assert_uint_eq(q->items[0].expr->offset, (size_t)(strstr(sql, "+") - sql));
    ck_assert_uint_eq(q->items[0].expr->args[1]->offset, (size_t)(strstr(sql, "f(y)") - sql));
    ck_assert_uint_eq(q->sources[1].offset, (size_t)(strstr(sql, "u USING") - sql));
    ck_assert_uint_eq(s[2]->end, (size_t)(strstr(sql, ")  ") - sql) + 1);
    feat_arena_done(&arena);
}
END_TEST

/* ---- Sizes. ---- */

/* head, n times open, middle, n times close. */
static char *nest(const char *head, const char *open, const char *middle, const char *close, size_t n) {
    feat_buffer b;
    feat_buffer_init(&b);
    feat_buffer_text(&b, head);
    for (size_t i = 0; i < n; i++) feat_buffer_text(&b, open);
    feat_buffer_text(&b, middle);
    for (size_t i = 0; i < n; i++) feat_buffer_text(&b, close);
    return feat_buffer_take_text(&b);
}

static const struct {
    const char *open, *middle, *close;
} nests[] = {
    {"(", "1", ")"},
    {"- ", "1", ""},
    {"~ ", "1", ""},
    {"NOT ", "1", ""},
    {"a = NOT ", "1", ""},
    {"a * ~ ", "1", ""},
    {"CASE WHEN ", "1", " THEN 1 END"},
    {"CASE ", "1", " WHEN 1 THEN 1 END"},
    {"abs(", "1", ")"},
    {"[", "1", "]"},
    {"a[", "1", "]"},
    {"a IN (", "1", ")"},
    {"CAST(", "1", " AS INT)"},
    {"CAST(", "1", " AS INT)[1]"},
    {"a = (b NOT LIKE ", "1", ")"},
    {"sum(1) OVER (PARTITION BY ", "1", ")"},
    {"sum(1) OVER (ORDER BY ", "1", ")"},
    {"sum(1) FILTER (WHERE ", "1", ")"},
    {"sum(1) OVER (ROWS ", "1", " PRECEDING)"},
    {"sum(1 ORDER BY ", "1", ")"},
    {"extract(year FROM ", "1", ")"},
    {"position(", "1", " IN a)"},
    {"a FROM (SELECT ", "1", ")"},
    {"1 + (", "1", ")"},
    {"1 // 2 * (", "1", ")"},
    {"a BETWEEN (", "1", ") AND 2"},
    {"(a IS NULL) = (", "1", ")"},
};

/* Up to some depth it is taken, and then prints to something that is taken too; beyond, it is refused with its place.
 */
START_TEST(nesting_is_limited) {
    const char *head = "EXPLAIN SELECT ";
    int refused = 0;
    for (size_t n = 60; n < 260 && refused < 5; n++) {
        feat_arena arena;
        feat_ast_script *script = NULL;
        feat_error err = {0};
        char *sql = nest(head, nests[_i].open, nests[_i].middle, nests[_i].close, n);
        feat_arena_init(&arena);
        feat_status status = feat_sql_parse(&arena, sql, strlen(sql), &script, &err);
        if (status == FEAT_OK) check_round_trip(sql);
        if (status != FEAT_OK) {
            ck_assert_int_eq(status, FEAT_SYNTAX);
            ck_assert_int_ge(err.line, 1);
            refused++;
        }
        ck_assert((refused > 0) == (status != FEAT_OK));
        feat_arena_done(&arena);
        feat_free(sql);
    }
    ck_assert_int_gt(refused, 0);
    char *sql = nest(head, nests[_i].open, nests[_i].middle, nests[_i].close, 100000);
    feat_arena arena;
    feat_ast_script *script = NULL;
    feat_error err = {0};
    feat_arena_init(&arena);
    ck_assert_int_eq(feat_sql_parse(&arena, sql, strlen(sql), &script, &err), FEAT_SYNTAX);
    ck_assert_ptr_nonnull(strstr(err.message, "nested deeper than 200"));
    feat_arena_done(&arena);
    feat_free(sql);
}
END_TEST

START_TEST(types_nest_apart) {
    for (size_t n = 190; n < 220; n++) {
        feat_arena arena;
        feat_ast_script *script = NULL;
        feat_error err = {0};
        char *type = nest("", "MAP(INT, ", "INT", ")", n);
        char *sql = nest(VIEW, "CAST(", "1", " AS INT)", 150), *both = nest(sql, "::", type, "", 1);
        feat_arena_init(&arena);
        feat_status status = feat_sql_parse(&arena, both, strlen(both), &script, &err);
        ck_assert_int_eq(status, n < FEAT_SQL_MAX_NESTING ? FEAT_OK : FEAT_SYNTAX);
        if (status == FEAT_OK) check_round_trip(both);
        feat_arena_done(&arena);
        feat_free(both);
        feat_free(sql);
        feat_free(type);
    }
}
END_TEST

static const struct {
    const char *piece;
    bool deep; /* the tree grows with the length */
} chains[] = {
    {" AND x > 1", false},
    {" OR x", false},
    {" + 1", true},
    {" || 'a'", true},
    {" IS NULL", true},
    {"::INT", true},
    {"[1]", true},
    {" AT TIME ZONE x", true},
    {" ^ 2", true},
    {", x AS y", false},
    {" AND x IN (1) OR x", false},
    {" UNION ALL SELECT x", false},
    {"; EXPLAIN SELECT x", false},
    {" /* a comment */", false},
};

/* Chains are loops: of any length where the tree stays flat, else up to the documented depth. */
START_TEST(chains_are_loops) {
    static const size_t lengths[] = {FEAT_SQL_MAX_DEPTH - 1, FEAT_SQL_MAX_DEPTH, 100000};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        feat_arena arena;
        feat_ast_script *script = NULL;
        feat_error err = {0};
        char *sql = nest("EXPLAIN SELECT x", chains[_i].piece, "", "", lengths[i]);
        bool fits = !chains[_i].deep || lengths[i] < FEAT_SQL_MAX_DEPTH;
        feat_arena_init(&arena);
        ck_assert_int_eq(feat_sql_parse(&arena, sql, strlen(sql), &script, &err), fits ? FEAT_OK : FEAT_SYNTAX);
        if (fits) check_round_trip(sql);
        else ck_assert_msg(strstr(err.message, "chain of more than 1000 operators") != NULL, "%s", err.message);
        feat_arena_done(&arena);
        feat_free(sql);
    }
}
END_TEST

static const struct {
    const char *head, *piece, *tail;
    size_t n;
} longs[] = {
    {"CREATE TABLE ", "x", " (a BIGINT)", 1 << 20},
    {"CREATE TABLE \"", "\"\"", "\" (a BIGINT)", 1 << 19},
    {VIEW "'", "''", "'", 1 << 19},
    {VIEW "'", "x", "'", 1 << 20},
    {VIEW "", "9", "", 1 << 20},
    {VIEW "1.", "9", "e1", 1 << 20},
    {VIEW "x::INT", "[]", "", 1 << 18},
    {VIEW "x::", "t", "(1)", 1 << 20},
    {VIEW "f(a", ", a", ")", 1 << 17},
    {VIEW "[a", ", a", "]", 1 << 17},
    {VIEW "a IN (1", ", 1", ")", 1 << 17},
    {VIEW "CASE", " WHEN a THEN b", " END", 1 << 16},
    {VIEW "a FROM t", " LEFT JOIN u USING (k)", "", 1 << 15},
    {VIEW "a FROM t WINDOW w AS ()", ", w AS (v)", "", 1 << 16},
    {"CREATE TABLE t (a BIGINT", ", a BIGINT", ")", 1 << 16},
    {"CREATE FEATURE SERVICE s AS a", ", a (b)", "", 1 << 16},
    {"", "/* */ -- x\n", "", 1 << 17},
    {"", ";", "", 1 << 20},
    {"COMMENT ON TABLE t IS '", "\xc3\xa9", "'", 1 << 19},
    {VIEW "INTERVAL '", "1 day ", "'", 1 << 18},
};

START_TEST(comments_nest_to_any_depth) {
    char *sql = nest("", "/* ", "", " */", 100000);
    check_round_trip(sql);
    feat_free(sql);
}
END_TEST

START_TEST(long_texts_are_no_problem) {
    char *sql = nest(longs[_i].head, longs[_i].piece, longs[_i].tail, "", longs[_i].n);
    check_round_trip(sql);
    feat_free(sql);
}
END_TEST

/* ---- Memory. ---- */

START_TEST(every_failing_allocation_is_reported) {
    const char *sql = accepted[_i];
    for (int64_t n = 1;; n++) {
        feat_error err = {0};
        feat_arena arena;
        feat_ast_script mark, *script = &mark;
        feat_buffer out;
        feat_arena_init(&arena);
        feat_buffer_init(&out);
        arena.chunk_size = 64;
        feat_alloc_fail_after(n);
        feat_status status = feat_sql_parse(&arena, sql, strlen(sql), &script, &err);
        bool parsed = status == FEAT_OK;
        for (size_t i = 0; status == FEAT_OK && i < script->n; i++)
            status = feat_sql_print(script->statements[i], &out);
        feat_alloc_fail_after(0);
        if (!parsed) ck_assert_ptr_eq(script, &mark);
        if (!parsed) ck_assert_int_eq(err.code, FEAT_MEMORY);
        feat_buffer_done(&out);
        feat_arena_done(&arena);
        if (status == FEAT_OK) break;
        ck_assert_int_eq(status, FEAT_MEMORY);
    }
}
END_TEST

START_TEST(a_tree_that_is_too_deep_is_not_printed) {
    feat_ast_expr leaf = {.kind = FEAT_AST_NULL}, nodes[5000], *args[5000];
    for (size_t i = 0; i < 5000; i++) {
        args[i] = i ? &nodes[i - 1] : &leaf;
        nodes[i] = (feat_ast_expr){.kind = FEAT_AST_UNARY, .name = "not", .args = &args[i], .n_args = 1};
    }
    feat_buffer out;
    feat_buffer_init(&out);
    ck_assert_int_eq(feat_sql_print_expr(&nodes[4999], &out), FEAT_LIMIT);
    ck_assert_int_eq(feat_sql_print_expr(&nodes[500], &out), FEAT_OK);
    feat_buffer_done(&out);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("sql/parser");
    TCase *tcase = tcase_create("parser");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, printing_and_parsing_again_gives_the_same_tree, 0, COUNT(accepted));
    tcase_add_loop_test(tcase, printed_text_is_plain, 0, COUNT(prints));
    tcase_add_loop_test(tcase, operators_bind_as_in_duckdb, 0, COUNT(bindings));
    tcase_add_test(tcase, any_two_operators_print_and_parse);
    tcase_add_test(tcase, nodes_know_their_place);
    tcase_add_loop_test(tcase, nesting_is_limited, 0, COUNT(nests));
    tcase_add_test(tcase, types_nest_apart);
    tcase_add_loop_test(tcase, chains_are_loops, 0, COUNT(chains));
    tcase_add_test(tcase, comments_nest_to_any_depth);
    tcase_add_loop_test(tcase, long_texts_are_no_problem, 0, COUNT(longs));
    tcase_add_loop_test(tcase, every_failing_allocation_is_reported, 0, COUNT(accepted));
    tcase_add_test(tcase, a_tree_that_is_too_deep_is_not_printed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
