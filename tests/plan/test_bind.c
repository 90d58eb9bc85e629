/* The binder: what definitions mean. Equal meaning gives an equal fingerprint, however it is written; an error points
 * at its place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "plan/plan.h"
#include "sql/sql.h"

static const char table_sql[] =
    "CREATE TABLE purchases (id BIGINT NOT NULL, user_id BIGINT, merchant TEXT, amount DOUBLE, n BIGINT, ok BOOLEAN, "
    "day "
    "DATE, t TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t), UNIQUE (id));"
    "CREATE TABLE logins (user_id BIGINT, device TEXT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (at));"
    "CREATE TABLE kept (user_id BIGINT, n BIGINT, at TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (at)) WITH (retention "
    "= "
    "INTERVAL '30 days');"
    "CREATE DIMENSION users (user_id BIGINT NOT NULL, country TEXT, email TEXT, since DATE, updated TIMESTAMP NOT "
    "NULL, "
    "ENTITY KEY (user_id), EVENT TIME (updated));"
    "CREATE DIMENSION countries (code TEXT NOT NULL, region TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (code), EVENT TIME "
    "(at)) WITH (ttl = INTERVAL '1 year');";

typedef struct world {
    feat_arena arena;
    feat_scope scope;
    feat_source source;
    feat_error err;
} world;

static void world_init(world *w) {
    memset(w, 0, sizeof *w);
    feat_arena_init(&w->arena);
}

static void world_done(world *w) {
    feat_scope_done(&w->scope);
    feat_arena_done(&w->arena);
}

static feat_status run(world *w, const char *sql) {
    feat_ast_script *script = NULL;
    w->source = (feat_source){sql, strlen(sql)};
    FEAT_TRY(feat_sql_parse(&w->arena, sql, strlen(sql), &script, &w->err));
    for (size_t i = 0; i < script->n; i++) {
        const feat_ast_statement *s = script->statements[i];
        if (s->kind == FEAT_AST_CREATE_TABLE || s->kind == FEAT_AST_CREATE_DIMENSION) {
            feat_schema *table = NULL;
            FEAT_TRY(feat_bind_table(&w->arena, &w->source, s, &table, &w->err));
            table->table_id = (uint32_t)w->scope.n_tables + 1;
            ck_assert_int_eq(feat_scope_add_table(&w->scope, table), 0);
        } else if (s->kind == FEAT_AST_CREATE_VIEW) {
            feat_view *view = NULL;
            FEAT_TRY(feat_bind_view(&w->arena, &w->source, s, &w->scope, &view, &w->err));
            ck_assert_int_eq(feat_scope_add_view(&w->scope, view), 0);
        } else {
            feat_service *service = NULL;
            FEAT_TRY(feat_bind_service(&w->arena, &w->source, s, &w->scope, &service, &w->err));
            ck_assert_int_eq(feat_scope_add_service(&w->scope, service), 0);
        }
    }
    return FEAT_OK;
}

static feat_digest fingerprint_of(const char *view_sql) {
    world w;
    world_init(&w);
    ck_assert_int_eq(run(&w, table_sql), FEAT_OK);
    feat_status status = run(&w, view_sql);
    ck_assert_msg(status == FEAT_OK, "%s\n%s", view_sql, w.err.message);
    feat_digest d = w.scope.views[0]->fingerprint;
    world_done(&w);
    return d;
}

static const struct {
    const char *a, *b;
    bool same;
} pairs[] = {
    /* The two forms of one view. */
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) OVER w AS c, sum(amount) FILTER (WHERE ok) OVER w AS s FROM "
     "purchases "
     "WINDOW w AS (PARTITION BY user_id ORDER BY t RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW)",
     "create feature view V as select user_id, COUNT(*) over (w) C, /* the same */ sum(AMOUNT) FILTER (WHERE "
     "purchases.ok) OVER (RANGE INTERVAL 30 DAYS PRECEDING) AS s "
     "from PURCHASES group by user_id window w as (range interval '30' day preceding)",
     false}, /* the features are called c and C: names are part of the meaning */
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) OVER w AS c, sum(amount) FILTER (WHERE ok) OVER w AS s FROM "
     "purchases "
     "WINDOW w AS (PARTITION BY user_id ORDER BY t RANGE BETWEEN INTERVAL '30 days' PRECEDING AND CURRENT ROW)",
     "create feature view V as select user_id, COUNT(*) over (w) c, /* the same */ sum(AMOUNT) FILTER (WHERE "
     "purchases.ok) OVER (RANGE INTERVAL 30 DAYS PRECEDING) AS s "
     "from PURCHASES group by user_id window w as (range interval '30' day preceding)",
     true},
    {"CREATE FEATURE VIEW v AS SELECT count(*) OVER (PARTITION BY user_id ORDER BY t) AS c FROM purchases",
     "CREATE FEATURE VIEW v AS SELECT count(*) OVER (RANGE UNBOUNDED PRECEDING) AS c FROM purchases p GROUP BY "
     "p.user_id",
     true},
    {"CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM purchases GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM purchases GROUP BY merchant", false},
    {"CREATE FEATURE VIEW v AS SELECT sum(n) OVER () AS s, s / 2 AS h FROM purchases GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT sum(n) OVER () AS s, sum(n) OVER () / 2 AS h FROM purchases GROUP BY user_id",
     true},
    {"CREATE FEATURE VIEW v AS SELECT sum(n) OVER () AS s FROM purchases WHERE n > 1 GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT sum(n) OVER () AS s FROM purchases WHERE 1 < n GROUP BY user_id", true},
    {"CREATE FEATURE VIEW v AS SELECT sum(n) OVER () AS s FROM purchases GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT sum(n + 0) OVER () AS s FROM purchases GROUP BY user_id", false},
    {"CREATE FEATURE VIEW v AS SELECT sum(n) OVER (RANGE INTERVAL '1 day' PRECEDING) AS s FROM purchases GROUP BY "
     "user_id",
     "CREATE FEATURE VIEW v AS SELECT sum(n) OVER (RANGE INTERVAL '24 hours' PRECEDING) AS s FROM purchases GROUP BY "
     "user_id",
     true},
    {"CREATE FEATURE VIEW v AS SELECT sum(n) OVER (RANGE INTERVAL '1 day' PRECEDING) AS s FROM purchases GROUP BY "
     "user_id",
     "CREATE FEATURE VIEW v AS SELECT sum(n) OVER (RANGE INTERVAL '1 day' PRECEDING CLOSED left) AS s FROM purchases "
     "GROUP BY user_id",
     false},
    /* Queries in the FROM, CTEs, and ways of joining. */
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) AS c FROM (SELECT user_id, t FROM purchases UNION ALL SELECT "
     "user_id, "
     "at FROM logins) GROUP BY user_id",
     "CREATE FEATURE VIEW v AS (SELECT user_id, count(*) AS c FROM ((SELECT user_id, t FROM purchases) UNION ALL "
     "(SELECT "
     "user_id, at FROM logins)) GROUP BY user_id)",
     true},
    {"CREATE FEATURE VIEW v AS SELECT user_id, sum(x) AS s FROM (SELECT user_id, n * 2 AS x, t FROM purchases WHERE "
     "ok) "
     "GROUP BY user_id",
     "CREATE FEATURE VIEW v AS WITH p AS (SELECT t, n * 2 AS y, user_id FROM purchases WHERE ok) SELECT user_id, "
     "sum(y) AS "
     "s FROM p GROUP BY user_id",
     true},
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) AS c FROM purchases WHERE t >= now() - INTERVAL '1 day' GROUP "
     "BY "
     "user_id",
     "CREATE FEATURE VIEW v AS SELECT user_id, count(*) AS c FROM purchases WHERE t BETWEEN now() - INTERVAL '24 "
     "hours' AND "
     "now() GROUP BY user_id",
     true},
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) AS c FROM purchases WHERE t >= now() - INTERVAL '1 day' GROUP "
     "BY "
     "user_id",
     "CREATE FEATURE VIEW v AS SELECT user_id, count(*) AS c FROM purchases WHERE t > now() - INTERVAL '1 day' GROUP "
     "BY "
     "user_id",
     false},
    {"CREATE FEATURE VIEW v AS SELECT u.user_id, region FROM users u LEFT JOIN countries c ON c.code = u.country",
     "CREATE FEATURE VIEW v AS SELECT user_id, c.region FROM users LEFT JOIN countries AS c ON country = c.code", true},
    {"CREATE FEATURE VIEW v AS SELECT user_id, region FROM users u LEFT JOIN countries c ON c.code = u.country",
     "CREATE FEATURE VIEW v AS SELECT user_id, region FROM users u INNER JOIN countries c ON c.code = u.country",
     false},
    {"CREATE FEATURE VIEW v AS SELECT user_id, merchant, amount FROM purchases QUALIFY row_number() OVER (PARTITION BY "
     "user_id ORDER BY t DESC) = 1",
     "CREATE FEATURE VIEW v AS SELECT DISTINCT ON (user_id) user_id, merchant, amount FROM purchases ORDER BY user_id, "
     "t "
     "DESC, id DESC",
     true},
    {"CREATE FEATURE VIEW v AS SELECT max(0.5) OVER () AS s FROM purchases GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT max(0.50) OVER () AS s FROM purchases GROUP BY user_id", true},
};

START_TEST(fingerprints_follow_the_meaning) {
    feat_digest a = fingerprint_of(pairs[_i].a), b = fingerprint_of(pairs[_i].b);
    ck_assert_msg(feat_digest_equal(&a, &b) == pairs[_i].same, "%s\n%s", pairs[_i].a, pairs[_i].b);
}
END_TEST

#define VIEW(select) "CREATE FEATURE VIEW v AS SELECT " select " FROM purchases GROUP BY user_id"
#define QUERY(query) "CREATE FEATURE VIEW v AS " query
static const struct {
    const char *sql, *message;
} refused[] = {
    {VIEW("sum(amout) OVER () AS s"), "1:37: unknown column 'amout'; did you mean 'amount'?\n"},
    {VIEW("sum(merchant) OVER () AS s"), "1:33: sum does not take TEXT\n"},
    {VIEW("sum(amount) AS s, count(*) OVER () AS c"), "1:33: sum needs a window beside windows; "},
    {VIEW("smu(amount) OVER () AS s"),
     "1:33: 'smu' is no aggregate, and only aggregates take a window; did you mean 'sum'?\n"},
    {VIEW("amount AS a, count(*) OVER () AS c"),
     "1:33: 'amount' is a column of single events and stands beside aggregates; write last(amount) OVER ... "},
    {VIEW("amount AS a, count(*) AS c"), "1:33: 'amount' is a column of single events and stands beside aggregates; "
                                         "write last(amount) for its newest value"},
    {VIEW("count(*) OVER ()"), "1:33: a feature needs a name; write AS name\n"},
    {VIEW("count(*) OVER () AS c, sum(n) OVER () AS C"), "1:56: two features are called 'C'"},
    {VIEW("count(*) OVER w AS c"), "1:47: unknown window 'w'\n"},
    {VIEW("sum(sum(n) OVER ()) OVER () AS c"), "1:37: aggregate 'sum' inside an aggregate"},
    {VIEW("sum(count(*)) AS c"), "1:37: aggregate 'count' inside an aggregate"},
    {VIEW("sum(CASE WHEN n > 3 THEN extract(day FROM now()) ELSE 0 END) AS c"), "1:75: the clock cannot be mixed"},
    {VIEW("sum(CASE WHEN datediff('day', t, now()) > 3 THEN 1 ELSE 0 END) AS c"),
     "1:73: this mixes the clock with columns"},
    {VIEW("count(*) OVER (RANGE INTERVAL '-1 day' PRECEDING) AS c"), "1:54: the edge of a window is not negative\n"},
    {VIEW("count(*) OVER (RANGE BETWEEN CURRENT ROW AND INTERVAL '1 day' FOLLOWING) AS c"),
     "1:47: a window ends at CURRENT ROW"},
    {VIEW("count(*) OVER (PARTITION BY merchant) AS c"), "1:47: all windows of a view describe one entity"},
    {VIEW("count(*) OVER (ORDER BY n) AS c"), "1:57: windows are ordered by the event time 't', ascending"},
    {VIEW("count(*) FILTER (WHERE n) OVER () AS c"), "1:56: a FILTER is a condition, found BIGINT\n"},
    {VIEW("CASE WHEN count(*) OVER () > 1 THEN 'a' ELSE merchant END AS c"), "1:78: 'merchant' is a column"},
    {VIEW("row_number() OVER () AS r"), "1:33: row_number() stands in QUALIFY"},
    {VIEW("random() AS r"), "1:33: random() is not deterministic"},
    {VIEW("first(DISTINCT merchant) AS c"), "1:33: DISTINCT means nothing in first"},
    {VIEW("max([n]) OVER () AS c"), "1:33: max does not take LIST"},
    {VIEW("lag(n, n) OVER () AS c"), "1:40: the second argument of lag is a number of rows"},
    {VIEW("lag(n) AS c"), "1:33: windows and plain aggregates"},
    {VIEW("sum(99999999999999999999) OVER () AS c"), NULL},
    {QUERY("SELECT count(*) OVER () AS c FROM purchase GROUP BY user_id"),
     "1:60: unknown table or view 'purchase'; did you mean 'purchases'?\n"},
    {QUERY("SELECT count(*) OVER () AS c FROM purchases"), "1:26: a feature is of an entity"},
    {QUERY("SELECT count(*) OVER () AS c FROM purchases GROUP BY amount"),
     "1:79: an entity key cannot be of type DOUBLE\n"},
    {QUERY("SELECT count(*) AS c FROM purchases GROUP BY user_id, user_id"),
     "1:80: this part of the key is named twice\n"},
    {QUERY("SELECT count(*) AS c FROM purchases GROUP BY n % 3"), "1:73: this part of the key needs a name"},
    {QUERY("SELECT user_id, amount FROM purchases"), "1:26: this query has many rows for an entity"},
    {QUERY("SELECT user_id FROM users"), "1:21: the view has no features"},
    {QUERY("SELECT count(*) AS c FROM purchases WHERE n >= now() GROUP BY user_id"),
     "1:70: this mixes the clock with columns"},
    {QUERY("SELECT count(*) AS c FROM purchases WHERE t >= now() - day GROUP BY user_id"),
     "1:81: 'day' stands beside the clock"},
    {QUERY("SELECT user_id, amount FROM purchases QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY amount "
           "DESC) = 1"),
     "1:121: the newest row is the one with the greatest event time"},
    {QUERY("SELECT user_id, amount FROM purchases QUALIFY amount > 3"), "1:79: QUALIFY chooses the newest row per key"},
    {QUERY("SELECT DISTINCT user_id FROM users"), "1:26: DISTINCT is not supported"},
    {QUERY("SELECT country FROM users ORDER BY country"), "1:61: ORDER BY has no meaning"},
    {QUERY("SELECT country, code FROM users u LEFT JOIN countries c ON c.region = u.country"),
     "1:94: ON compares each key of 'c'"},
    {QUERY("SELECT country, n FROM users u LEFT JOIN purchases p ON p.user_id = u.user_id"),
     "1:67: 'p' has many rows for a key"},
    {QUERY("SELECT country, u.email FROM users u LEFT JOIN users v ON v.user_id = u.user_id"),
     "1:33: 'country' is ambiguous"},
    {QUERY("SELECT region FROM users u LEFT JOIN countries c ON c.code = u.since"), "1:85: key 'code' of 'c' is TEXT"},
    {QUERY("SELECT count(*) AS c FROM base GROUP BY user_id"), "1:52: aggregates read the events of a table"},
    {QUERY("SELECT user_id, count(*) AS c FROM (SELECT user_id, amount FROM purchases) GROUP BY user_id"),
     "1:61: the event time is not among the columns"},
    {QUERY("SELECT user_id, count(*) AS c FROM (SELECT user_id, t FROM purchases UNION ALL SELECT user_id, device FROM "
           "logins) GROUP BY user_id"),
     "1:105: the event time stands at different places"},
    {QUERY(
         "SELECT user_id, count(*) AS c FROM (SELECT user_id, t, merchant FROM purchases UNION ALL SELECT user_id, at, "
         "at FROM logins) GROUP BY user_id"),
     "1:115: the event time stands at different places in the parts of the UNION ALL"},
    {QUERY("WITH a AS (SELECT user_id FROM a) SELECT count(*) AS c FROM a GROUP BY user_id"),
     "1:57: unknown table or view 'a'"},
    {QUERY("SELECT count(*) OVER (RANGE INTERVAL '31 days' PRECEDING) AS c FROM kept GROUP BY user_id"),
     "1:26: a window is longer than the retention of table 'kept'"},
    {QUERY("SELECT count(*) AS c FROM kept GROUP BY user_id"), "1:26: a window is longer than the retention"},
    {"CREATE FEATURE VIEW v WITH (ttl = 3) AS SELECT country FROM users", "1:35: option 'ttl' is an INTERVAL"},
    {"CREATE FEATURE VIEW v WITH (owners = 'x') AS SELECT country FROM users",
     "1:29: unknown option 'owners'; did you mean 'owner'?\n"},
    {"CREATE TABLE x (a BIGINT, t TIMESTAMP, EVENT TIME (t))", "1:14: table 'x' needs ENTITY KEY (columns)\n"},
    {"CREATE TABLE x (a BIGINT, t TIMESTAMP, ENTITY KEY (a))", "1:14: table 'x' needs EVENT TIME (column)\n"},
    {"CREATE TABLE x (a BIGINT, t DATE, ENTITY KEY (a), EVENT TIME (t))", "1:63: the event time is a DATE: say when"},
    {"CREATE TABLE x (a BIGINT, A TEXT, t TIMESTAMP, ENTITY KEY (a), EVENT TIME (t))",
     "1:27: two columns are called 'A'\n"},
    {"CREATE TABLE x (a BIGINTT, t TIMESTAMP, ENTITY KEY (a), EVENT TIME (t))", "1:19: unknown type 'BIGINTT'"},
    {"CREATE FEATURE SERVICE s AS SELECT u.* FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user)",
     "1:96: 'user' is no key of 'u'\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.* FROM REQUEST (user_id TEXT) r LEFT JOIN base u USING (user_id)",
     "1:94: key 'user_id' of 'u' is BIGINT, what it is compared with is TEXT\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.cc AS x FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user_id)",
     "1:36: unknown column 'cc'; did you mean 'c'?\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.*, w.* FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user_id) "
     "LEFT JOIN base w USING (user_id)",
     "1:41: two features are called 'c'"},
    {"CREATE FEATURE SERVICE s AS SELECT sum(u.c) AS x FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING "
     "(user_id)",
     "1:36: aggregate 'sum' in a service"},
    {"CREATE FEATURE SERVICE s AS bass", "1:29: unknown table or view 'bass'; did you mean 'base'?\n"},
    {"CREATE FEATURE SERVICE s AS purchases", "1:29: 'purchases' is a table"},
    {"CREATE FEATURE SERVICE s AS base (d)", "1:35: unknown column 'd'"},
};

static const char *const accepted[] = {
    QUERY("SELECT user_id, count(*) AS n, avg(amount) AS a, max(t) AS last_t, sum(CASE WHEN t >= CURRENT_DATE - 7 THEN "
          "amount "
          "ELSE 0 END) AS w FROM purchases WHERE t >= DATEADD(day, -30, CURRENT_DATE) AND merchant <> 'test' GROUP BY "
          "user_id"),
    QUERY("SELECT user_id, count(*) AS n FROM purchases GROUP BY user_id HAVING count(*) > 3"),
    QUERY("SELECT 1 AS one FROM purchases GROUP BY user_id"),
    QUERY("SELECT user_id, country, DATEDIFF(day, since, CURRENT_DATE) AS age FROM users WHERE country <> 'XX'"),
    QUERY("SELECT * FROM purchases QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY t DESC) = 1"),
    QUERY("SELECT DISTINCT ON (user_id, merchant) * FROM purchases ORDER BY user_id, merchant, t"),
    QUERY("SELECT count(*) OVER (SINCE month) AS a, sum(n) OVER (ROWS BETWEEN 9 PRECEDING AND 1 PRECEDING) AS b, "
          "last(merchant "
          "IGNORE NULLS) OVER () AS c, lag(n, 2, 0) OVER () AS d, max(n) OVER (GROUPS 3 PRECEDING EXCLUDE TIES) AS e "
          "FROM "
          "purchases GROUP BY user_id"),
    QUERY("SELECT merchant AS m, count(*) AS c FROM purchases GROUP BY 1"),
    QUERY("SELECT coalesce(merchant, '?') AS m, user_id AS u, count(*) AS c FROM purchases GROUP BY m, user_id"),
    QUERY("SELECT u.country, c.region, count(*) AS n FROM purchases p LEFT JOIN users u ON p.user_id = u.user_id LEFT "
          "JOIN "
          "countries c ON c.code = u.country GROUP BY u.country, c.region"),
    QUERY("SELECT p.user_id, last(device) AS d FROM purchases p ASOF LEFT JOIN logins l ON p.user_id = l.user_id AND "
          "p.t >= "
          "l.at GROUP BY p.user_id"),
    QUERY(
        "SELECT user_id, count(*) AS c FROM purchases p INNER JOIN users USING (user_id) WHERE country = 'DE' GROUP BY "
        "user_id"),
    QUERY("WITH p AS (SELECT user_id, count(*) AS n FROM purchases GROUP BY user_id), l AS (SELECT user_id, max(at) AS "
          "seen FROM "
          "logins WHERE at >= DATEADD(day, -90, CURRENT_DATE) GROUP BY user_id) SELECT u.user_id, u.country, p.n, "
          "l.seen FROM "
          "users u LEFT JOIN p ON u.user_id = p.user_id LEFT JOIN l USING (user_id)"),
    QUERY("SELECT * EXCLUDE (email) FROM users u LEFT JOIN countries c ON c.code = u.country LEFT JOIN base USING "
          "(user_id)"),
    QUERY("SELECT user_id, count(*) OVER w AS n, sum(v) OVER w AS s FROM (SELECT user_id, t, n AS v FROM purchases "
          "UNION ALL "
          "SELECT user_id, at, 0.5 FROM logins) GROUP BY user_id WINDOW w AS (RANGE INTERVAL '7 days' PRECEDING)"),
    QUERY("SELECT user_id, c, c + 1 AS d FROM base WHERE c > 0"),
    QUERY("SELECT count(*) OVER (RANGE INTERVAL '30 days' PRECEDING) AS c FROM kept GROUP BY user_id"),
    "CREATE FEATURE VIEW v WITH (lifetime = 'retained', ttl = INTERVAL '1 day', tags = ['a', 'b'], freshness_sla = "
    "INTERVAL '1 "
    "hour') AS SELECT count(*) AS c FROM kept GROUP BY user_id",
    "CREATE FEATURE SERVICE s AS SELECT u.country, c.region, b.c, r.x + b.c AS y, hour(now()) AS h, CURRENT_DATE AS "
    "today FROM "
    "REQUEST (user_id INTEGER, x BIGINT) r LEFT JOIN users u USING (user_id) LEFT JOIN countries c ON c.code = "
    "u.country LEFT "
    "JOIN MATERIALIZED base b ON b.user_id = r.user_id",
};

START_TEST(the_whole_language_is_accepted) {
    world w;
    world_init(&w);
    ck_assert_msg(run(&w, table_sql) == FEAT_OK, "%s", w.err.message);
    ck_assert_int_eq(
        run(&w, "CREATE FEATURE VIEW base AS SELECT count(*) OVER () AS c FROM purchases GROUP BY user_id"), FEAT_OK);
    feat_status status = run(&w, accepted[_i]);
    ck_assert_msg(status == FEAT_OK, "%s\n%s", accepted[_i], w.err.message);
    world_done(&w);
}
END_TEST

START_TEST(errors_point_at_their_place) {
    world w;
    world_init(&w);
    ck_assert_int_eq(run(&w, table_sql), FEAT_OK);
    ck_assert_int_eq(
        run(&w, "CREATE FEATURE VIEW base AS SELECT count(*) OVER () AS c FROM purchases GROUP BY user_id"), FEAT_OK);
    feat_status status = run(&w, refused[_i].sql);
    ck_assert_msg(status == FEAT_DEFINITION, "%s\n%s", refused[_i].sql,
                  status == FEAT_OK ? "(accepted)" : w.err.message);
    if (refused[_i].message)
        ck_assert_msg(strncmp(w.err.message, refused[_i].message, strlen(refused[_i].message)) == 0, "%s\n%s",
                      w.err.message, refused[_i].message);
    ck_assert_ptr_nonnull(strchr(w.err.message, '^'));
    world_done(&w);
}
END_TEST

START_TEST(chains_of_aliases_stay_linear) {
    feat_buffer sql;
    char line[64];
    world w;
    world_init(&w);
    feat_buffer_init(&sql);
    feat_buffer_text(&sql, "CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS a0");
    for (int i = 1; i < 2000; i++) {
        snprintf(line, sizeof line, ", a%d + a%d AS a%d", i - 1, i - 1, i);
        feat_buffer_text(&sql, line);
    }
    feat_buffer_text(&sql, " FROM purchases GROUP BY user_id; CREATE FEATURE SERVICE s AS v");
    char *text = feat_buffer_take_text(&sql);
    ck_assert_int_eq(run(&w, table_sql), FEAT_OK);
    ck_assert_msg(run(&w, text) == FEAT_OK, "%s", w.err.message);
    ck_assert_uint_eq(w.scope.services[0]->stage.code->n_steps, 1999);
    feat_free(text);
    world_done(&w);
}
END_TEST

START_TEST(every_failing_allocation_is_reported) {
    static const char sql[] = "CREATE FEATURE VIEW v AS SELECT user_id, last(amount * n) FILTER (WHERE ok) OVER () AS "
                              "a, coalesce(a, 0) AS b FROM purchases GROUP BY user_id;"
                              "CREATE FEATURE SERVICE s AS SELECT v.*, r.x FROM REQUEST (user_id BIGINT, x DOUBLE) AS "
                              "r LEFT JOIN v USING (user_id)";
    for (int64_t n = 1;; n++) {
        world w;
        world_init(&w);
        w.arena.chunk_size = 64;
        ck_assert_int_eq(run(&w, table_sql), FEAT_OK);
        w.arena.chunk_size = 64;
        ck_assert_int_eq(FEAT_GROW(w.scope.views, w.scope.views_capacity, 4) |
                             FEAT_GROW(w.scope.services, w.scope.services_capacity, 4),
                         0);
        feat_alloc_fail_after(n);
        feat_status status = run(&w, sql);
        feat_alloc_fail_after(0);
        world_done(&w);
        if (status == FEAT_OK) {
            ck_assert_int_gt(n, 20);
            break;
        }
        ck_assert_int_eq(status, FEAT_MEMORY);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan/bind");
    TCase *tcase = tcase_create("bind");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, fingerprints_follow_the_meaning, 0, sizeof pairs / sizeof *pairs);
    tcase_add_loop_test(tcase, the_whole_language_is_accepted, 0, sizeof accepted / sizeof *accepted);
    tcase_add_loop_test(tcase, errors_point_at_their_place, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tcase, chains_of_aliases_stay_linear);
    tcase_add_test(tcase, every_failing_allocation_is_reported);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
