/* The catalog of definitions: versions, scripts that are all or nothing, who may be dropped, what is shown, damage. */
#include "engine/catalog.h"
#include "engine/notes.h"
#include "support.h"

#define TABLES                                                                                                         \
    "CREATE TABLE buys (id BIGINT NOT NULL, who BIGINT NOT NULL, amount DOUBLE, note TEXT, at TIMESTAMP NOT NULL, "    \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));"                                                                 \
    "CREATE TABLE logins (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));"
#define SPEND(function)                                                                                                \
    "FEATURE VIEW spend AS SELECT who, " function                                                                      \
    "(amount) OVER w AS x FROM buys GROUP BY who WINDOW w AS (RANGE INTERVAL '7 days' PRECEDING);"
#define COUNTS                                                                                                         \
    "CREATE FEATURE VIEW counts AS SELECT who, count(*) OVER w AS n FROM logins GROUP BY who "                         \
    "WINDOW w AS (RANGE INTERVAL '1 day' PRECEDING);"
#define SERVICE                                                                                                        \
    "FEATURE SERVICE score AS SELECT s.x, c.n, s.x / r.amount AS ratio FROM REQUEST (who BIGINT, amount DOUBLE) AS r " \
    "LEFT JOIN spend s USING (who) LEFT JOIN counts c USING (who);"
#define ALL TABLES "CREATE " SPEND("sum") COUNTS "CREATE " SERVICE

static feat_status define(shop *s, const char *sql) {
    memset(&s->err, 0, sizeof s->err);
    ck_assert_int_eq(feat_db_lock(s->db, 0, &s->err), FEAT_OK);
    feat_status status = feat_script_run(s->db, sql, &s->err);
    feat_db_unlock(s->db);
    feat_catalog_unref(s->catalog);
    s->catalog = NULL;
    feat_error none;
    ck_assert_int_eq(feat_catalog_load(s->db, &s->catalog, &none), FEAT_OK);
    return status;
}

#define DEFINE(s, sql) ck_assert_msg(define(s, sql) == FEAT_OK, "%s: %s", sql, (s)->err.message)

/* Refused with this code and these words; the log stays as it is. */
static void refused(shop *s, const char *sql, feat_status code, const char *words) {
    size_t before = s->catalog->n;
    feat_status status = define(s, sql);
    ck_assert_msg(status == code, "%s: %d: %s", sql, (int)status, s->err.message);
    ck_assert_msg(strstr(s->err.message, words) != NULL, "%s: '%s' lacks '%s'", sql, s->err.message, words);
    ck_assert_uint_eq(s->catalog->n, before);
}

static char *ask(shop *s, const char *sql) {
    struct ArrowArrayStream stream;
    char *text = NULL;
    check_ok(s, feat_show_run(s->db, sql, &stream, &s->err));
    check_ok(s, test_stream_text(&stream, 0, &text, &s->err));
    return text;
}

static void answers(shop *s, const char *sql, const char *words) {
    char *text = ask(s, sql);
    ck_assert_msg(strstr(text, words) != NULL, "%s: lacks '%s':\n%s", sql, words, text);
    feat_free(text);
}

static void answers_not(shop *s, const char *sql, const char *words) {
    char *text = ask(s, sql);
    ck_assert_msg(strstr(text, words) == NULL, "%s: has '%s':\n%s", sql, words, text);
    feat_free(text);
}

static uint32_t version_of(shop *s, feat_def_kind kind, const char *name) {
    uint32_t i = feat_catalog_find(s->catalog, kind, name);
    return i == FEAT_NO_ENTRY ? 0 : s->catalog->entries[i].def.number;
}

/* ---- Versions. ---- */

START_TEST(test_creating_again_changes_nothing) {
    shop s;
    shop_open(&s, ALL);
    size_t n = s.catalog->n;
    ck_assert_uint_eq(n, 5);
    DEFINE(&s, ALL);
    DEFINE(&s, "CREATE OR REPLACE " SPEND("sum") "CREATE OR REPLACE " SERVICE);
    DEFINE(&s, "create feature view SPEND as select who, SUM(amount) over w as x from BUYS group by who "
               "window w as (range interval '7 days' preceding)");
    ck_assert_uint_eq(s.catalog->n, n);
    refused(&s, "CREATE " SPEND("avg"), FEAT_EXISTS, "CREATE OR REPLACE");
    refused(&s, "CREATE TABLE buys (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))",
            FEAT_EXISTS, "ALTER TABLE");
    refused(&s, "CREATE OR REPLACE FEATURE VIEW buys AS SELECT who, count(*) AS n FROM logins GROUP BY who",
            FEAT_EXISTS, "a table has this name");
    refused(&s, "CREATE TABLE spend (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))",
            FEAT_EXISTS, "a feature view has this name");
    shop_close(&s);
}
END_TEST

START_TEST(test_versions) {
    shop s;
    const feat_service *first, *second, *found;
    shop_open(&s, ALL);
    check_ok(&s, feat_catalog_service(s.catalog, "score", &first, &s.err));
    feat_digest old = first->fingerprint;
    DEFINE(&s, "CREATE OR REPLACE " SPEND("avg"));
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_VIEW, "spend"), 2);
    /* The service keeps the version that it was made with, until it is made anew. */
    check_ok(&s, feat_catalog_service(s.catalog, "score", &found, &s.err));
    ck_assert(feat_digest_equal(&found->fingerprint, &old));
    ck_assert_uint_eq(found->version, 1);
    ck_assert_uint_eq(found->views[0].version, 1);
    answers(&s, "DESCRIBE score", "x, feature, DOUBLE, spend, 1, NULL");
    DEFINE(&s, "CREATE OR REPLACE " SERVICE);
    check_ok(&s, feat_catalog_service(s.catalog, "score", &second, &s.err));
    ck_assert_uint_eq(second->version, 2);
    ck_assert_uint_eq(second->views[0].version, 2);
    ck_assert(!feat_digest_equal(&second->fingerprint, &old));
    answers(&s, "DESCRIBE score", "x, feature, DOUBLE, spend, 2, NULL");
    check_ok(&s, feat_catalog_service_at(s.catalog, "score", 1, NULL, &found, &s.err));
    ck_assert(feat_digest_equal(&found->fingerprint, &old));
    check_ok(&s, feat_catalog_service_at(s.catalog, "SCORE", 0, &old, &found, &s.err));
    ck_assert_uint_eq(found->version, 1);
    check_ok(&s, feat_catalog_program_of(s.catalog, &old, &found, &s.err));
    ck_assert(feat_digest_equal(&found->fingerprint, &old));
    ck_assert_uint_eq(found->n_features, 3);
    ck_assert_int_eq(feat_catalog_service_at(s.catalog, "score", 3, NULL, &found, &s.err), FEAT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(s.err.message, "has no version 3; there are 2 ("));
    ck_assert_int_eq(feat_catalog_service_at(s.catalog, "score", 2, &old, &found, &s.err), FEAT_NOT_FOUND);
    ck_assert_int_eq(feat_catalog_service(s.catalog, "scores", &found, &s.err), FEAT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(s.err.message, "did you mean 'score'?"));
    /* Back to the first meaning: a version of its own. */
    DEFINE(&s, "CREATE OR REPLACE " SPEND("sum") "CREATE OR REPLACE " SERVICE);
    check_ok(&s, feat_catalog_service(s.catalog, "score", &found, &s.err));
    ck_assert_uint_eq(found->version, 3);
    ck_assert(feat_digest_equal(&found->fingerprint, &old));
    shop_close(&s);
}
END_TEST

START_TEST(test_fingerprints_do_not_depend_on_the_order_of_tables) {
    static const char other[] =
        "CREATE TABLE first (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));"
        "CREATE TABLE logins (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));"
        "CREATE TABLE buys (id BIGINT NOT NULL, who BIGINT NOT NULL, amount DOUBLE, note TEXT, at TIMESTAMP NOT NULL, "
        "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));" COUNTS "CREATE " SPEND("sum") "CREATE " SERVICE;
    shop a, b;
    const feat_service *x, *y;
    shop_open(&a, ALL);
    shop_open(&b, other);
    check_ok(&a, feat_catalog_service(a.catalog, "score", &x, &a.err));
    check_ok(&b, feat_catalog_service(b.catalog, "score", &y, &b.err));
    ck_assert(feat_digest_equal(&x->fingerprint, &y->fingerprint));
    DEFINE(&b, "CREATE OR REPLACE " SPEND("avg") "CREATE OR REPLACE " SERVICE);
    check_ok(&b, feat_catalog_service(b.catalog, "score", &y, &b.err));
    ck_assert(!feat_digest_equal(&x->fingerprint, &y->fingerprint));
    shop_close(&a);
    shop_close(&b);
}
END_TEST

/* ---- Scripts. ---- */

START_TEST(test_scripts_are_all_or_nothing) {
    static const char *const last[] = {"SELECT 1",
                                       "CREATE FEATURE VIEW v AS SELECT who, nothing FROM buys GROUP BY who",
                                       "DROP TABLE nowhere",
                                       "DROP TABLE buys",
                                       "COMMENT ON TABLE nowhere IS 'x'",
                                       "SHOW TABLES",
                                       "ALTER TABLE buys DROP COLUMN amount"};
    shop s;
    shop_open(&s, TABLES);
    for (size_t i = 0; i < sizeof last / sizeof *last; i++) {
        char sql[4000];
        snprintf(sql, sizeof sql, "%s %s",
                 "COMMENT ON TABLE buys IS 'b';" COUNTS "CREATE " SPEND("sum") "CREATE " SERVICE, last[i]);
        size_t before = s.catalog->n;
        ck_assert_msg(define(&s, sql) != FEAT_OK, "%s", last[i]);
        ck_assert_uint_eq(s.catalog->n, before);
        ck_assert_uint_eq(version_of(&s, FEAT_DEF_VIEW, "counts"), 0);
        answers_not(&s, "SHOW TABLES", ", b,");
    }
    refused(&s, "DESCRIBE buys", FEAT_DEFINITION, "feat_show");
    struct ArrowArrayStream stream = {0};
    ck_assert_int_eq(feat_show_run(s.db, "DROP TABLE buys", &stream, &s.err), FEAT_DEFINITION);
    ck_assert_ptr_nonnull(strstr(s.err.message, "feat_define"));
    ck_assert_int_eq(feat_show_run(s.db, "SHOW TABLES; SHOW TABLES", &stream, &s.err), FEAT_ARGUMENT);
    ck_assert_int_eq(feat_show_run(s.db, "DESCRIBE bys", &stream, &s.err), FEAT_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(s.err.message, "did you mean 'buys'?"));
    ck_assert_ptr_null(stream.release);
    shop_close(&s);
}
END_TEST

START_TEST(test_without_memory) {
    shop s;
    shop_open(&s, TABLES);
    size_t before = s.catalog->n;
    for (int64_t at = 1;; at++) {
        check_ok(&s, feat_db_lock(s.db, 0, &s.err));
        feat_alloc_fail_after(at);
        feat_status status = feat_script_run(
            s.db, "CREATE " SPEND("sum") COUNTS "CREATE " SERVICE "COMMENT ON COLUMN buys.note IS 'free text'", &s.err);
        feat_alloc_fail_after(0);
        feat_db_unlock(s.db);
        feat_catalog_unref(s.catalog);
        check_ok(&s, feat_catalog_load(s.db, &s.catalog, &s.err));
        if (status == FEAT_OK) break;
        ck_assert_msg(status == FEAT_MEMORY, "allocation %lld: %d: %s", (long long)at, (int)status, s.err.message);
        ck_assert_uint_eq(s.catalog->n, before);
    }
    ck_assert_uint_eq(s.catalog->n, before + 4);
    for (int64_t at = 1;; at++) {
        struct ArrowArrayStream stream = {0};
        feat_alloc_fail_after(at);
        feat_status status = feat_show_run(s.db, "DESCRIBE score", &stream, &s.err);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) {
            stream.release(&stream);
            break;
        }
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_ptr_null(stream.release);
    }
    shop_close(&s);
}
END_TEST

/* ---- DROP. ---- */

START_TEST(test_drops) {
    shop s;
    shop_open(&s, ALL);
    refused(&s, "DROP TABLE buys", FEAT_DEFINITION, "feature view 'spend', feature service 'score'");
    refused(&s, "DROP TABLE IF EXISTS logins", FEAT_DEFINITION, "feature view 'counts', feature service 'score'");
    refused(&s, "DROP FEATURE VIEW spend", FEAT_DEFINITION, "feature service 'score'");
    refused(&s, "DROP DIMENSION buys", FEAT_DEFINITION, "this is a table; write TABLE");
    refused(&s, "DROP FEATURE VIEW spent", FEAT_NOT_FOUND, "did you mean 'spend'?");
    refused(&s, "DROP FEATURE VIEW buys", FEAT_NOT_FOUND, "there is no feature view 'buys'");
    DEFINE(&s, "DROP FEATURE VIEW IF EXISTS spent; DROP TABLE IF EXISTS spent");
    /* An old version that a service keeps is in the way, and one that nobody reads is not. */
    DEFINE(&s, "CREATE OR REPLACE FEATURE VIEW spend AS SELECT who, count(*) OVER w AS x FROM logins GROUP BY who "
               "WINDOW w AS (RANGE INTERVAL '7 days' PRECEDING)");
    refused(&s, "DROP TABLE buys", FEAT_DEFINITION,
            "feature view 'spend' version 1 (kept for feature service 'score' version 1), feature service 'score'");
    DEFINE(&s, "CREATE OR REPLACE " SERVICE);
    refused(&s, "DROP TABLE buys", FEAT_DEFINITION, "feature service 'score' version 1");
    check_ok(&s, feat_catalog_table(s.catalog, "buys", &s.table, &s.err));
    uint32_t before = s.table->table_id;
    DEFINE(&s, "DROP FEATURE SERVICE score; DROP TABLE buys");
    refused(&s, "CREATE " SPEND("sum"), FEAT_DEFINITION, "buys");
    answers_not(&s, "SHOW FEATURE SERVICES", "score");
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_VIEW, "spend"), 2);
    /* The names are free again; versions count on, and a table is another one. */
    DEFINE(&s, TABLES "CREATE OR REPLACE " SPEND("sum") "CREATE " SERVICE);
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_SERVICE, "score"), 3);
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_TABLE, "buys"), 2);
    check_ok(&s, feat_catalog_table(s.catalog, "buys", &s.table, &s.err));
    ck_assert_uint_ne(s.table->table_id, before);
    ck_assert_ptr_nonnull(feat_catalog_table_of(s.catalog, before)); /* of its commits */
    /* All of it in one script, in order; and what a script dropped is gone for its later statements. */
    refused(&s, "DROP FEATURE SERVICE score; DROP FEATURE VIEW spend; CREATE " SERVICE, FEAT_DEFINITION, "spend");
    DEFINE(&s, "DROP FEATURE SERVICE score; DROP FEATURE VIEW spend; DROP FEATURE VIEW counts; DROP TABLE buys; "
               "DROP TABLE logins");
    answers(&s, "SHOW TABLES", "freshness_sla TEXT\n");
    answers_not(&s, "SHOW TABLES", "\nbuys");
    DEFINE(&s, ALL);
    shop_close(&s);
}
END_TEST

START_TEST(test_a_view_does_not_come_to_read_itself) {
    shop s;
    shop_open(&s,
              TABLES "CREATE FEATURE VIEW a AS SELECT who, count(*) AS n FROM logins GROUP BY who;"
                     "CREATE FEATURE VIEW b AS SELECT l.who, max(a.n) AS m FROM logins l LEFT JOIN a ON l.who = a.who "
                     "GROUP BY l.who;");
    refused(&s, "DROP FEATURE VIEW a", FEAT_DEFINITION, "feature view 'b'");
    refused(
        &s,
        "CREATE OR REPLACE FEATURE VIEW a AS SELECT l.who, max(b.m) AS n FROM logins l LEFT JOIN b ON l.who = b.who "
        "GROUP BY l.who",
        FEAT_DEFINITION, "it reads 'a', which 'b' reads");
    shop_close(&s);
}
END_TEST

/* ---- ALTER. ---- */

START_TEST(test_altering_what_is_used) {
    shop s;
    const feat_schema *table;
    shop_open(&s, ALL);
    refused(&s, "ALTER TABLE buys DROP COLUMN amount", FEAT_DEFINITION,
            "feature view 'spend', feature service 'score'");
    refused(&s, "ALTER TABLE buys ALTER COLUMN amount TYPE TEXT", FEAT_DEFINITION, "feature view 'spend'");
    refused(&s, "ALTER TABLE nowhere ADD COLUMN c BIGINT", FEAT_NOT_FOUND, "nowhere");
    DEFINE(&s, "COMMENT ON COLUMN buys.note IS 'free text'; ALTER TABLE buys RENAME COLUMN note TO remark; "
               "ALTER TABLE buys ADD COLUMN tip DOUBLE; COMMENT ON COLUMN buys.tip IS 'since 2024'");
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_TABLE, "buys"), 3);
    answers(&s, "DESCRIBE buys", "remark, TEXT, false, false, false, false, NULL, NULL, free text\n");
    answers(&s, "DESCRIBE TABLE buys", "since 2024\n");
    check_ok(&s, feat_catalog_table(s.catalog, "buys", &table, &s.err));
    ck_assert_uint_eq(table->table_id, s.catalog->entries[0].def.id);
    const feat_schema *first;
    check_ok(&s, feat_catalog_table_version(s.catalog, table->table_id, 1, &first, &s.err));
    ck_assert_uint_eq(first->n_fields, 5);
    DEFINE(&s, "ALTER TABLE buys RENAME COLUMN amount TO paid; ALTER TABLE buys DROP COLUMN remark");
    /* Bound by id: the definitions go on. */
    const feat_service *service;
    check_ok(&s, feat_catalog_service(s.catalog, "score", &service, &s.err));
    refused(&s, "ALTER TABLE buys DROP COLUMN paid", FEAT_DEFINITION, "feature service 'score'");
    shop_close(&s);
}
END_TEST

/* ---- What is noted and shown. ---- */

START_TEST(test_notes) {
    shop s;
    shop_open(&s, TABLES);
    size_t n = s.catalog->n;
    DEFINE(&s, "CREATE FEATURE VIEW counts WITH (description = 'how often', owner = 'ml', tags = ['a', 'b'], "
               "freshness_sla = INTERVAL '1 day') AS SELECT who, count(*) AS n FROM logins GROUP BY who");
    ck_assert_uint_eq(s.catalog->n, n + 2);
    answers(&s, "SHOW FEATURE VIEWS", ", how often, ml, a, b, 1 day\n");
    /* Other notes make no other meaning. */
    DEFINE(&s, "CREATE OR REPLACE FEATURE VIEW counts WITH (owner = 'shop') AS "
               "SELECT who, count(*) AS n FROM logins GROUP BY who");
    ck_assert_uint_eq(version_of(&s, FEAT_DEF_VIEW, "counts"), 1);
    answers(&s, "SHOW FEATURE VIEWS", ", NULL, shop, NULL, NULL\n");
    DEFINE(&s, "COMMENT ON FEATURE VIEW counts IS 'it''s a count'; COMMENT ON COLUMN counts.N IS 'logins'; "
               "COMMENT ON TABLE buys IS 'sales'");
    answers(&s, "SHOW FEATURE VIEWS", ", it's a count, shop, NULL, NULL\n");
    answers(&s, "SHOW TABLES", ", sales, NULL, NULL, NULL\n");
    answers(&s, "DESCRIBE counts", "n, feature, BIGINT, logins\n");
    n = s.catalog->n;
    DEFINE(&s,
           "COMMENT ON TABLE buys IS 'x'; COMMENT ON TABLE buys IS 'sales'; COMMENT ON COLUMN counts.n IS 'logins'");
    ck_assert_uint_eq(s.catalog->n, n); /* as it was before */
    DEFINE(&s, "COMMENT ON TABLE buys IS NULL; COMMENT ON COLUMN counts.n IS NULL");
    answers(&s, "SHOW TABLES", ", NULL, NULL, NULL, NULL\n");
    answers(&s, "DESCRIBE counts", "n, feature, BIGINT, NULL\n");
    refused(&s, "COMMENT ON COLUMN counts.m IS 'x'", FEAT_NOT_FOUND, "has no column 'm'");
    refused(&s, "COMMENT ON COLUMN nowhere.m IS 'x'", FEAT_NOT_FOUND, "nowhere");
    refused(&s, "COMMENT ON DIMENSION buys IS 'x'", FEAT_DEFINITION, "write TABLE");
    refused(&s,
            "CREATE FEATURE VIEW w WITH (freshness_sla = INTERVAL '-1 day') AS "
            "SELECT who, count(*) AS n FROM logins GROUP BY who",
            FEAT_DEFINITION, "freshness_sla");
    shop_close(&s);
}
END_TEST

START_TEST(test_show_and_describe) {
    shop s;
    shop_open(&s, ALL);
    char *tables = ask(&s, "SHOW TABLES");
    const char *first = strstr(tables, "\nbuys, 1, false, "), *second = strstr(tables, "\nlogins, 1, false, ");
    ck_assert_msg(first && second && first < second, "%s", tables);
    feat_free(tables);
    answers(&s, "SHOW FEATURE VIEWS", "\ncounts, 1, who, ");
    answers(&s, "SHOW FEATURE SERVICES", "\nscore, 1, NULL, ");
    answers_not(&s, "SHOW DIMENSIONS", "\nbuys");
    answers(&s, "DESCRIBE buys",
            "name TEXT, type TEXT, entity_key BOOLEAN, event_time BOOLEAN, unique BOOLEAN, not_null BOOLEAN, "
            "default TEXT, check TEXT, comment TEXT\n"
            "id, BIGINT, false, false, true, true, NULL, NULL, NULL\n"
            "who, BIGINT, true, false, false, true, NULL, NULL, NULL\n"
            "amount, DOUBLE, false, false, false, false, NULL, NULL, NULL\n");
    answers(&s, "DESCRIBE FEATURE VIEW spend", "who, key, BIGINT, NULL\nx, feature, DOUBLE, NULL\n");
    answers(&s, "DESCRIBE score",
            "who, input, BIGINT, NULL, NULL, NULL\n"
            "amount, input, DOUBLE, NULL, NULL, NULL\n"
            "x, feature, DOUBLE, spend, 1, NULL\n"
            "n, feature, BIGINT, counts, 1, NULL\n"
            "ratio, feature, DOUBLE, NULL, NULL, NULL\n");
    static const char *const explained[] = {
        "EXPLAIN buys",
        "EXPLAIN FEATURE VIEW spend",
        "EXPLAIN score",
        "EXPLAIN (FORMAT JSON) score",
        "EXPLAIN SELECT who, count(*) AS n FROM logins GROUP BY who",
        "EXPLAIN SELECT s.x FROM REQUEST (who BIGINT) AS r LEFT JOIN spend s USING (who)",
        "EXPLAIN CREATE TABLE t (who BIGINT NOT NULL, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))"};
    size_t n = s.catalog->n;
    for (size_t i = 0; i < sizeof explained / sizeof *explained; i++) {
        char *text = ask(&s, explained[i]);
        ck_assert_uint_gt(strlen(text), strlen("explanation TEXT\n"));
        feat_free(text);
    }
    answers(&s, "EXPLAIN (FORMAT JSON) score", "{");
    feat_catalog_unref(s.catalog);
    check_ok(&s, feat_catalog_load(s.db, &s.catalog, &s.err));
    ck_assert_uint_eq(s.catalog->n, n);
    shop_close(&s);
}
END_TEST

/* ---- Damage. ---- */

/* Adds a copy of the newest version of a name as the next one, with one part changed. */
static void add_changed(shop *s, feat_def_kind kind, const char *name, feat_def_part part, size_t at, uint8_t flip,
                        bool remove) {
    uint32_t i = feat_catalog_find(s->catalog, kind, name);
    ck_assert_uint_ne(i, FEAT_NO_ENTRY);
    feat_def def = s->catalog->entries[i].def;
    for (int p = 0; p < FEAT_DEF_PARTS; p++)
        check_ok(s, feat_entry_part(s->catalog, i, (feat_def_part)p, &def.parts[p], &s->err));
    def.number++;
    feat_bytes *changed = &def.parts[part];
    uint8_t *copy = feat_arena_alloc(&s->catalog->arena, changed->size);
    ck_assert_ptr_nonnull(copy);
    ck_assert_uint_gt(changed->size, at);
    memcpy(copy, changed->bytes, changed->size);
    copy[at] ^= flip;
    *changed = (feat_bytes){copy, remove ? 0 : changed->size};
    check_ok(s, feat_db_lock(s->db, 0, &s->err));
    check_ok(s, feat_defs_commit(s->db, &def, 1, &s->err));
    feat_db_unlock(s->db);
    feat_catalog_unref(s->catalog);
    check_ok(s, feat_catalog_load(s->db, &s->catalog, &s->err));
}

START_TEST(test_damage_names_the_definition) {
    static const struct {
        feat_def_kind kind;
        const char *name, *words;
        feat_def_part part;
        size_t at;
    } cases[] = {
        {FEAT_DEF_TABLE, "logins", "table 'logins' (version 2)", FEAT_DEF_FORM, 0},
        {FEAT_DEF_TABLE, "logins", "table 'logins' (version 2)", FEAT_DEF_FORM, 5},
        {FEAT_DEF_VIEW, "spend", "feature view 'spend' (version 2)", FEAT_DEF_FORM, 0},
        {FEAT_DEF_VIEW, "spend", "feature view 'spend' (version 2)", FEAT_DEF_USES, 0},
        {FEAT_DEF_VIEW, "spend", "feature view 'spend' (version 2)", FEAT_DEF_USES, 2},
        {FEAT_DEF_SERVICE, "score", "feature service 'score' (version 2)", FEAT_DEF_FORM, 0},
        {FEAT_DEF_SERVICE, "score", "feature service 'score' (version 2)", FEAT_DEF_USES, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        shop s;
        const feat_schema *table;
        const feat_view *view;
        const feat_service *service;
        shop_open(&s, ALL);
        add_changed(&s, cases[i].kind, cases[i].name, cases[i].part, cases[i].at, 0x55, false);
        feat_status status =
            cases[i].kind == FEAT_DEF_TABLE  ? feat_catalog_table(s.catalog, cases[i].name, &table, &s.err)
            : cases[i].kind == FEAT_DEF_VIEW ? feat_catalog_view(s.catalog, cases[i].name, &view, &s.err)
                                             : feat_catalog_service(s.catalog, cases[i].name, &service, &s.err);
        ck_assert_msg(status == FEAT_CORRUPT, "case %zu: %d: %s", i, (int)status, s.err.message);
        ck_assert_msg(strstr(s.err.message, cases[i].words) != NULL, "case %zu: %s", i, s.err.message);
        /* What does not need it is not disturbed: definitions are unpacked when they are asked for. */
        check_ok(&s, feat_catalog_table(s.catalog, "buys", &table, &s.err));
        if (cases[i].kind != FEAT_DEF_TABLE) check_ok(&s, feat_catalog_view(s.catalog, "counts", &view, &s.err));
        if (cases[i].kind == FEAT_DEF_VIEW) check_ok(&s, feat_catalog_service(s.catalog, "score", &service, &s.err));
        shop_close(&s);
    }
}
END_TEST

START_TEST(test_a_program_is_made_again) {
    for (int remove = 0; remove < 2; remove++) {
        shop s;
        const feat_service *service, *program;
        shop_open(&s, ALL);
        add_changed(&s, FEAT_DEF_SERVICE, "score", FEAT_DEF_PROGRAM, 0, 0x55, remove);
        check_ok(&s, feat_catalog_service(s.catalog, "score", &service, &s.err));
        ck_assert_uint_eq(service->version, 2);
        check_ok(&s, feat_catalog_program_of(s.catalog, &service->fingerprint, &program, &s.err));
        ck_assert_uint_eq(program->version, 2);
        ck_assert_uint_eq(program->stage.code->n_outputs, service->stage.code->n_outputs);
        shop_close(&s);
    }
}
END_TEST

START_TEST(test_damaged_notes) {
    feat_column_note columns[] = {{3, NULL, "in euros"}, {0, "n", "how many"}};
    const char *tags[] = {"a", "bc"};
    feat_notes notes = {.description = "what it is", .owner = "me", .tags = tags, .n_tags = 2, .has_freshness = true};
    feat_notes out = {0};
    feat_arena arena;
    feat_buffer bytes;
    notes.freshness = (feat_interval){1, 2, 3000000000};
    notes.columns = columns;
    notes.n_columns = 2;
    feat_arena_init(&arena);
    feat_buffer_init(&bytes);
    feat_notes_pack(&notes, &bytes);
    ck_assert(!bytes.failed);
    ck_assert_int_eq(feat_notes_unpack(&arena, (feat_bytes){bytes.data, bytes.size}, &out, NULL), FEAT_OK);
    ck_assert_str_eq(out.description, "what it is");
    ck_assert_str_eq(out.tags[1], "bc");
    ck_assert_int_eq(out.freshness.us, 3000000000);
    ck_assert_str_eq(feat_notes_column(&out, 3, NULL), "in euros");
    ck_assert_str_eq(feat_notes_column(&out, 0, "N"), "how many");
    ck_assert_ptr_null(feat_notes_column(&out, 4, NULL));
    for (size_t n = 1; n < bytes.size; n++) { /* copies, so that a read past the end is seen */
        unsigned char *cut = malloc(n);
        ck_assert_ptr_nonnull(cut);
        memcpy(cut, bytes.data, n);
        ck_assert_int_eq(feat_notes_unpack(&arena, (feat_bytes){cut, n}, &out, NULL), FEAT_CORRUPT);
        free(cut);
    }
    unsigned char *changed = malloc(bytes.size);
    ck_assert_ptr_nonnull(changed);
    for (size_t i = 0; i < bytes.size; i++)
        for (int value = 0; value < 256; value++) {
            memcpy(changed, bytes.data, bytes.size);
            changed[i] = (unsigned char)value;
            feat_status status = feat_notes_unpack(&arena, (feat_bytes){changed, bytes.size}, &out, NULL);
            ck_assert_msg(status == FEAT_OK || status == FEAT_CORRUPT, "byte %zu, %d: %d", i, value, (int)status);
            feat_arena_reset(&arena);
        }
    free(changed);
    feat_buffer_done(&bytes);
    feat_arena_done(&arena);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("catalog");
    TCase *tests = tcase_create("catalog");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_creating_again_changes_nothing);
    tcase_add_test(tests, test_versions);
    tcase_add_test(tests, test_fingerprints_do_not_depend_on_the_order_of_tables);
    tcase_add_test(tests, test_scripts_are_all_or_nothing);
    tcase_add_test(tests, test_without_memory);
    tcase_add_test(tests, test_drops);
    tcase_add_test(tests, test_a_view_does_not_come_to_read_itself);
    tcase_add_test(tests, test_altering_what_is_used);
    tcase_add_test(tests, test_notes);
    tcase_add_test(tests, test_show_and_describe);
    tcase_add_test(tests, test_damage_names_the_definition);
    tcase_add_test(tests, test_a_program_is_made_again);
    tcase_add_test(tests, test_damaged_notes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
