/* CREATE TABLE and CREATE DIMENSION: what they make, and what they refuse. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "plan/plan.h"
#include "sql/sql.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))

static feat_status bind(feat_arena *arena, const char *sql, feat_schema **table, feat_error *err) {
    feat_ast_script *script = NULL;
    feat_source source = {sql, strlen(sql)};
    FEAT_TRY(feat_sql_parse(arena, sql, source.length, &script, err));
    ck_assert_uint_eq(script->n, 1);
    return feat_bind_table(arena, &source, script->statements[0], table, err);
}

#define KEYS "ENTITY KEY (who), EVENT TIME (at)"

START_TEST(test_dimension) {
    feat_arena arena;
    feat_schema *t = NULL;
    feat_error err;
    feat_arena_init(&arena);
    feat_status status =
        bind(&arena,
             "CREATE DIMENSION users (who TEXT NOT NULL, plan TEXT DEFAULT 'free' CHECK (plan<>''), "
             "n BIGINT DEFAULT 6, at TIMESTAMP, " KEYS ") "
             "WITH (ttl = INTERVAL '90 days', retention = INTERVAL '2 years', partition = 'Month', "
             "description = 'people', owner = 'me', tags = ['a', 'b'], freshness_sla = INTERVAL '1 hour')",
             &t, &err);
    ck_assert_msg(status == FEAT_OK, "%s", err.message);
    ck_assert(t->dimension && t->n_fields == 5 && t->ended == 4 && t->revision == 0);
    ck_assert_str_eq(t->fields[4].name, FEAT_ENDED_NAME);
    ck_assert(t->fields[4].type == FEAT_TYPE_BOOLEAN && t->fields[4].id == FEAT_ENDED_ID);
    ck_assert(t->n_unique == 2 && t->unique[0] == 0 && t->unique[1] == 3);
    ck_assert(t->fields[3].not_null && !t->fields[4].not_null);
    ck_assert(t->ttl.months == 0 && t->ttl.us == INT64_C(90) * 86400000000);
    ck_assert(t->retention.months == 24 && t->retention.us == 0 && t->partition == FEAT_PARTITION_MONTH);
    ck_assert_str_eq(t->fields[1].default_sql, "'free'");
    ck_assert_str_eq(t->fields[1].check_sql, "plan <> ''");
    ck_assert(t->fields[1].default_value.size == 4 && memcmp(t->fields[1].default_value.bytes, "free", 4) == 0);
    feat_arena_done(&arena);
}
END_TEST

START_TEST(test_table) {
    feat_arena arena;
    feat_schema *t = NULL;
    feat_error err;
    feat_arena_init(&arena);
    feat_status status = bind(&arena,
                              "CREATE TABLE t (who TEXT, x DOUBLE DEFAULT -1, d DATE DEFAULT DATE '1970-01-02', "
                              "at TIMESTAMP, " KEYS ")",
                              &t, &err);
    ck_assert_msg(status == FEAT_OK, "%s", err.message);
    double x;
    int32_t d;
    ck_assert(!t->dimension && t->n_fields == 4 && t->n_unique == 0);
    ck_assert(t->fields[1].default_value.type == FEAT_TYPE_DOUBLE && t->fields[1].default_value.size == 8);
    memcpy(&x, t->fields[1].default_value.bytes, sizeof x);
    memcpy(&d, t->fields[2].default_value.bytes, sizeof d);
    ck_assert(x == -1 && d == 1);
    feat_arena_done(&arena);
}
END_TEST

/* Free text does not change what a table means; everything else does. */
START_TEST(test_meaning) {
    static const char *const same[] = {
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE, " KEYS ")",
        "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, x DOUBLE, " KEYS ") WITH (description = 'd', owner = 'o')",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE, " KEYS ") WITH (partition = 'none', tags = 'x')"};
    static const char *const other[] = {
        "CREATE DIMENSION t (who TEXT, at TIMESTAMP, x DOUBLE, " KEYS ")",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE DEFAULT 1, " KEYS ")",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE DEFAULT 2, " KEYS ")",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE CHECK (x > 0), " KEYS ")",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE, " KEYS ") WITH (retention = INTERVAL '1 day')",
        "CREATE TABLE t (who TEXT, at TIMESTAMP, x DOUBLE, " KEYS ") WITH (partition = 'day')"};
    feat_digest digests[COUNT(other) + 1];
    feat_arena arena;
    feat_error err;
    feat_arena_init(&arena);
    for (size_t i = 0; i < COUNT(same) + COUNT(other); i++) {
        feat_schema *t = NULL;
        bool failed;
        const char *sql = i < COUNT(same) ? same[i] : other[i - COUNT(same)];
        ck_assert_msg(bind(&arena, sql, &t, &err) == FEAT_OK, "%s", err.message);
        feat_digest digest = feat_table_fingerprint(t, &failed);
        ck_assert(!failed);
        if (i == 0) digests[0] = digest;
        else if (i < COUNT(same)) ck_assert_msg(feat_digest_equal(&digest, &digests[0]), "%s", sql);
        else {
            size_t n = i - COUNT(same) + 1;
            for (size_t k = 0; k < n; k++) ck_assert_msg(!feat_digest_equal(&digest, &digests[k]), "%s", sql);
            digests[n] = digest;
        }
    }
    feat_arena_done(&arena);
}
END_TEST

typedef struct refusal {
    const char *sql, *message;
} refusal;

#define T(columns)    "CREATE TABLE t (who TEXT, at TIMESTAMP, " columns ", " KEYS ")"
#define D(unique)     "CREATE DIMENSION d (who TEXT, at TIMESTAMP, x BIGINT, " KEYS ", UNIQUE (" unique "))"
#define WITH(options) "CREATE TABLE t (who TEXT, at TIMESTAMP, " KEYS ") WITH (" options ")"

static const refusal refusals[] = {
    {T("x BIGINT DEFAULT 'y'"), "1:"},
    {T("x BIGINT DEFAULT who"), "cannot name a column"},
    {T("x TIMESTAMP DEFAULT now()"), "is a constant"},
    {T("x DATE DEFAULT CURRENT_DATE"), "is a constant"},
    {T("x BIGINT DEFAULT sum(1)"), "sum"},
    {T("x BIGINT NOT NULL DEFAULT NULL"), "cannot be NULL"},
    {T("x BIGINT DEFAULT 1.5"), "1:"},
    {T("x BIGINT DEFAULT 2 * 3"), "write the constant"},
    {T("x BIGINT CHECK (x)"), "(BOOLEAN), not BIGINT"},
    {T("x BIGINT CHECK (NULL)"), "(BOOLEAN), not NULL"},
    {T("x BIGINT CHECK (y > 0)"), "unknown column 'y'"},
    {T("x BIGINT CHECK (u.x > 0)"), "'u' is not its table"},
    {T("x TIMESTAMP CHECK (x < now())"), "must not change with the clock"},
    {T("x BIGINT CHECK (count(*) > 0)"), "count"},
    {T("x BIGINT CHECK (x > 'a')"), "1:"},
    {T("\"$ended\" BOOLEAN"), "cannot be called '$ended'"},
    {T("x NUMBERS"), "unknown type 'NUMBERS'"},
    {T("x BIGINT, X TEXT"), "two columns are called 'X'"},
    {"CREATE DIMENSION d (who TEXT, at TIMESTAMP, " KEYS ", UNIQUE (who))", "includes its event time 'at'"},
    {D("at, x"), "'who' is missing"},
    {D("x"), "includes its event time"},
    {D("who, at, \"$ended\""), "'$ended' cannot be part of a key"},
    {"CREATE DIMENSION d (who TEXT, at TIMESTAMP, ENTITY KEY (\"$ended\"), EVENT TIME (at))",
     "cannot be part of a key"},
    {"CREATE DIMENSION d (who TEXT, at TIMESTAMP, x BIGINT CHECK (\"$ended\"), " KEYS ")", "does not see '$ended'"},
    {"CREATE DIMENSION d (who TEXT, at TIMESTAMP, EVENT TIME (at))", "dimension 'd' needs ENTITY KEY"},
    {"CREATE DIMENSION d (who TEXT, at TIMESTAMP, ENTITY KEY (who))", "dimension 'd' needs EVENT TIME"},
    {"CREATE TABLE t (who DOUBLE, at TIMESTAMP, " KEYS ")", "DOUBLE and cannot be part of a key"},
    {WITH("retention = 'x'"), "option 'retention' is an INTERVAL"},
    {WITH("retention = INTERVAL '0 days'"), "positive"},
    {WITH("retention = INTERVAL '-1 day'"), "positive"},
    {WITH("ttl = INTERVAL '1 day'"), "CREATE DIMENSION"},
    {WITH("partition = 'year'"), "'none', 'month', 'week' or 'day'"},
    {WITH("partition = 3"), "'none', 'month', 'week' or 'day'"},
    {WITH("owner = 3"), "a text in quotes"},
    {WITH("tags = [1]"), "a tag is a text in quotes"},
    {WITH("freshness_sla = 3"), "an INTERVAL"},
    {WITH("descriptoin = 'x'"), "did you mean 'description'"},
    {WITH("owner = 'a', owner = 'b'"), "given twice"},
};

START_TEST(test_refused) {
    for (size_t i = 0; i < COUNT(refusals); i++) {
        feat_arena arena;
        feat_schema *t = NULL;
        feat_error err = {0};
        feat_arena_init(&arena);
        feat_status status = bind(&arena, refusals[i].sql, &t, &err);
        ck_assert_msg(status == FEAT_DEFINITION && !t, "%s: %d %s", refusals[i].sql, (int)status, err.message);
        ck_assert_msg(strstr(err.message, refusals[i].message), "%s: %s", refusals[i].sql, err.message);
        feat_arena_done(&arena);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan/table");
    TCase *tc = tcase_create("table");
    tcase_add_test(tc, test_dimension);
    tcase_add_test(tc, test_table);
    tcase_add_test(tc, test_meaning);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
