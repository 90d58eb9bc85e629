/* The binder: what definitions mean. Equal meaning gives an equal fingerprint, however it is written; an error points
 * at its place. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "plan/plan.h"
#include "sql/sql.h"

static const char table_sql[] = "CREATE TABLE purchases (id BIGINT NOT NULL, user_id BIGINT, merchant TEXT, amount "
                                "DOUBLE, n BIGINT, ok BOOLEAN, day DATE, "
                                "t TIMESTAMP, ENTITY KEY (user_id), EVENT TIME (t), UNIQUE (id));";

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
    for (size_t i = 0; i < w->scope.n_views; i++) feat_view_done((feat_view *)(uintptr_t)w->scope.views[i]);
    for (size_t i = 0; i < w->scope.n_services; i++) feat_service_done((feat_service *)(uintptr_t)w->scope.services[i]);
    feat_scope_done(&w->scope);
    feat_arena_done(&w->arena);
}

static feat_status run(world *w, const char *sql) {
    feat_ast_script *script = NULL;
    w->source = (feat_source){sql, strlen(sql)};
    FEAT_TRY(feat_sql_parse(&w->arena, sql, strlen(sql), &script, &w->err));
    for (size_t i = 0; i < script->n; i++) {
        const feat_ast_statement *s = script->statements[i];
        if (s->kind == FEAT_AST_CREATE_TABLE) {
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
    {"CREATE FEATURE VIEW v AS SELECT max(0.5) OVER () AS s FROM purchases GROUP BY user_id",
     "CREATE FEATURE VIEW v AS SELECT max(0.50) OVER () AS s FROM purchases GROUP BY user_id", true},
};

START_TEST(fingerprints_follow_the_meaning) {
    feat_digest a = fingerprint_of(pairs[_i].a), b = fingerprint_of(pairs[_i].b);
    ck_assert_msg(feat_digest_equal(&a, &b) == pairs[_i].same, "%s\n%s", pairs[_i].a, pairs[_i].b);
}
END_TEST

#define VIEW(select) "CREATE FEATURE VIEW v AS SELECT " select " FROM purchases GROUP BY user_id"
static const struct {
    const char *sql, *message;
} refused[] = {
    {VIEW("sum(amout) OVER () AS s"), "1:37: unknown column 'amout'; did you mean 'amount'?\n"},
    {VIEW("sum(merchant) OVER () AS s"), "1:33: sum needs a number, found TEXT\n"},
    {VIEW("sum(amount) AS s"), "1:33: sum needs a window; "},
    {VIEW("smu(amount) OVER () AS s"), "1:33: unknown function 'smu'; did you mean 'sum'?\n"},
    {VIEW("amount AS a, count(*) OVER () AS c"),
     "1:33: 'amount' is a column of single events and stands beside aggregates; write last(amount) "},
    {VIEW("merchant, count(*) OVER () AS c"), "1:33: 'merchant' is a column of single events"},
    {VIEW("count(*) OVER ()"), "1:33: a feature needs a name; write AS name\n"},
    {VIEW("count(*) OVER () AS c, sum(n) OVER () AS C"), "1:56: two features are called 'C'"},
    {VIEW("count(*) OVER w AS c"), "1:47: unknown window 'w'\n"},
    {VIEW("sum(sum(n) OVER ()) OVER () AS c"), "1:37: aggregate 'sum' inside an aggregate"},
    {VIEW("sum(CASE WHEN now() > t THEN 1 ELSE 0 END) OVER () AS c"),
     "1:47: the clock cannot be mixed with the columns of an event"},
    {VIEW("count(*) OVER (RANGE INTERVAL '-1 day' PRECEDING) AS c"), "1:54: the edge of a window is not negative\n"},
    {VIEW("count(*) OVER (RANGE BETWEEN CURRENT ROW AND INTERVAL '1 day' FOLLOWING) AS c"),
     "1:47: a window ends at CURRENT ROW"},
    {VIEW("count(*) OVER (PARTITION BY merchant) AS c"), "1:47: all windows of a view describe one entity"},
    {VIEW("count(*) OVER (ORDER BY n) AS c"), "1:57: windows are ordered by the event time 't', ascending\n"},
    {VIEW("count(*) FILTER (WHERE n) OVER () AS c"), "1:56: a FILTER is a condition, found BIGINT\n"},
    {VIEW("count(*) OVER () + TRUE AS c"), "1:50: '+' needs numbers, found BIGINT and BOOLEAN\n"},
    {VIEW("CASE WHEN count(*) OVER () > 1 THEN 'a' ELSE merchant END AS c"), "1:78: 'merchant' is a column"},
    {VIEW("coalesce(max(merchant) OVER (), 1) AS c"), NULL},
    {VIEW("max(t) OVER () > 'yesterday' AS c"), "1:48: 'yesterday' is not a TIMESTAMP\n"},
    {VIEW("sum(99999999999999999999) OVER () AS c"), "1:37: this integer does not fit BIGINT"},
    {VIEW("1 AS one"), "1:26: a feature view needs at least one aggregate"},
    {"CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM purchase GROUP BY user_id",
     "1:60: unknown table 'purchase'; did you mean 'purchases'?\n"},
    {"CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM purchases", "1:47: this window has no entity"},
    {"CREATE FEATURE VIEW v AS SELECT count(*) OVER () AS c FROM purchases GROUP BY amount",
     "1:79: column 'amount' is DOUBLE and cannot be part of an entity key\n"},
    {"CREATE TABLE x (a BIGINT, t TIMESTAMP, EVENT TIME (t))", "1:14: table 'x' needs ENTITY KEY (columns)\n"},
    {"CREATE TABLE x (a BIGINT, t TIMESTAMP, ENTITY KEY (a))", "1:14: table 'x' needs EVENT TIME (column)\n"},
    {"CREATE TABLE x (a BIGINT, t DATE, ENTITY KEY (a), EVENT TIME (t))", "1:63: the event time is a DATE: say when"},
    {"CREATE TABLE x (a BIGINT, A TEXT, t TIMESTAMP, ENTITY KEY (a), EVENT TIME (t))",
     "1:27: two columns are called 'A'\n"},
    {"CREATE TABLE x (a BIGINTT, t TIMESTAMP, ENTITY KEY (a), EVENT TIME (t))", "1:19: unknown type 'BIGINTT'"},
    {"CREATE FEATURE SERVICE s AS SELECT u.* FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user)",
     "1:96: 'user' is no key of feature view 'base'\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.* FROM REQUEST (user_id TEXT) r LEFT JOIN base u USING (user_id)",
     "1:94: key 'user_id' of view 'base' is BIGINT, the request's 'user_id' is TEXT\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.cc AS x FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user_id)",
     "1:36: unknown name 'u.cc'; did you mean 'c'?\n"},
    {"CREATE FEATURE SERVICE s AS SELECT u.*, w.* FROM REQUEST (user_id BIGINT) r LEFT JOIN base u USING (user_id) "
     "LEFT JOIN base w USING (user_id)",
     "1:41: two features are called 'c'"},
    {"CREATE FEATURE SERVICE s AS bass", "1:29: unknown feature view 'bass'; did you mean 'base'?\n"},
    {"CREATE FEATURE SERVICE s AS base (d)", "1:35: unknown name 'base.d'"},
};

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

START_TEST(explain_shows_the_stages) {
    world w;
    feat_buffer out;
    world_init(&w);
    feat_buffer_init(&out);
    ck_assert_int_eq(run(&w, table_sql), FEAT_OK);
    ck_assert_int_eq(run(&w, "CREATE FEATURE VIEW v AS SELECT user_id, last(amount * n) FILTER (WHERE ok) OVER w AS a, "
                             "coalesce(a, 0) AS b FROM purchases "
                             "WHERE n <> 3 GROUP BY user_id WINDOW w AS (RANGE BETWEEN INTERVAL '2 months' PRECEDING "
                             "AND INTERVAL '1 day' PRECEDING CLOSED right);"
                             "CREATE FEATURE SERVICE s AS SELECT v.a, r.x + v.b AS sum FROM REQUEST (user_id BIGINT, x "
                             "DOUBLE) AS r LEFT JOIN v USING (user_id)"),
                     FEAT_OK);
    feat_explain_view(w.scope.views[0], &out);
    feat_explain_service(w.scope.services[0], &out);
    feat_explain_table(w.scope.tables[0], &out);
    char *text = feat_buffer_take_text(&out);
    ck_assert_ptr_nonnull(text);
    static const char *const lines[] = {"reads n, amount, ok, t (event time)",
                                        "reads only to order events of one time: id",
                                        "w0 = (t - 2 months, t - 1 days]",
                                        "over w0  -- DOUBLE, order",
                                        "feature b = ",
                                        "join v = v [",
                                        "feature sum = ",
                                        "unique (id)"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(text, lines[i]) != NULL, "no '%s' in\n%s", lines[i], text);
    feat_free(text);
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
    ck_assert_uint_eq(w.scope.services[0]->code->n_steps, 1999);
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
    tcase_add_loop_test(tcase, errors_point_at_their_place, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tcase, explain_shows_the_stages);
    tcase_add_test(tcase, chains_of_aliases_stay_linear);
    tcase_add_test(tcase, every_failing_allocation_is_reported);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
