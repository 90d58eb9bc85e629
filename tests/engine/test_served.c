/* Training sets as served where memory runs out, and what is said of the rows of a table over several versions. */
#include "engine/catalog.h"
#include "engine/lives.h"
#include "engine/support.h"
#include "feat/training.h"

#define SQL                                                                                                            \
    "CREATE TABLE buys (id BIGINT NOT NULL, who TEXT, amount DOUBLE, at TIMESTAMP NOT NULL, "                          \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));"                                                                 \
    "CREATE DIMENSION people (who TEXT, land TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));"         \
    "CREATE FEATURE VIEW spend AS SELECT who, count(*) OVER w AS n, list(amount) OVER w AS amounts FROM buys "         \
    "GROUP BY who WINDOW w AS (RANGE INTERVAL '5 microseconds' PRECEDING);"                                            \
    "CREATE FEATURE VIEW abroad AS SELECT b.who, count(*) FILTER (WHERE p.land = 'fr') OVER w AS n FROM buys b "       \
    "LEFT JOIN people p USING (who) GROUP BY b.who WINDOW w AS (RANGE UNBOUNDED PRECEDING);"                           \
    "CREATE FEATURE VIEW person AS SELECT who, land FROM people;"                                                      \
    "CREATE FEATURE SERVICE all_of_it AS SELECT s.n, s.amounts, a.n AS french, p.land FROM REQUEST (who TEXT) AS r "   \
    "LEFT JOIN spend s USING (who) LEFT JOIN abroad a USING (who) LEFT JOIN person p USING (who);"

static void put(shop *s, const char *table, feat_write_mode mode, const char *literal) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    opt.mode = mode;
    check_ok(s, feat_catalog_table(s->catalog, table, &s->table, &s->err));
    check_ok(s, shop_put(s, literal, 0, 100, &opt, NULL));
}

#define BUYS   "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP\n"
#define PEOPLE "who TEXT, land TEXT, at TIMESTAMP\n"

/* Eight versions. */
static void fill(shop *s) {
    shop_open(s, SQL);
    put(s, "buys", FEAT_WRITE_APPEND, BUYS "1, ann, 1, 10\n2, bob, 2, 12\n3, bob, 3, 13\n4, ann, 4, 13\n");
    put(s, "people", FEAT_WRITE_APPEND, PEOPLE "ann, de, 1\nbob, fr, 1\n");
    put(s, "buys", FEAT_WRITE_APPEND, BUYS "5, ann, 5, 11\n6, ann, 6, 14\n");
    put(s, "buys", FEAT_WRITE_UPSERT, BUYS "1, ann, 7, 12\n3, ann, 8, 13\n");
    put(s, "people", FEAT_WRITE_APPEND, PEOPLE "ann, fr, 12\n");
    put(s, "buys", FEAT_WRITE_DELETE, "id BIGINT\n5\n2\n");
    put(s, "buys", FEAT_WRITE_OVERWRITE, BUYS "9, ann, 9, 12\n8, bob, 8, 13\n");
    put(s, "buys", FEAT_WRITE_APPEND, BUYS "10, ann, 10, 13\n");
}

/* ---- Without memory. ---- */

#define SPINE                                                                                                          \
    "who TEXT, t TIMESTAMP, v BIGINT\n"                                                                                \
    "ann, 13, 1\nann, 13, 3\nbob, 20, 2\nann, 14, 4\nann, 14, 5\nbob, 13, 6\nann, 15, 6\nann, 14, 7\nbob, 14, 8\n"     \
    "ann, 14, 8\ncid, 14, 8\nNULL, 14, 3\nann, 12, 4\nann, 16, 3\n"

static feat_status train(shop *s, const feat_training_options *opt, char **text) {
    feat_catalog *catalog = NULL;
    const feat_service *service = NULL;
    struct ArrowArrayStream spine = {0}, out = {0};
    uint64_t newest;
    *text = NULL;
    feat_status status = feat_version_newest(s->db, &newest, &s->err);
    if (status == FEAT_OK) status = test_stream(SPINE, 5, &spine);
    if (status == FEAT_OK) status = feat_catalog_load(s->db, &catalog, &s->err);
    if (status == FEAT_OK) {
        uint32_t entry = feat_catalog_find(catalog, FEAT_DEF_SERVICE, "all_of_it");
        status = feat_entry_service(catalog, entry, &service, &s->err);
    }
    if (status == FEAT_OK) status = feat_training_build(s->db, catalog, service, newest, &spine, opt, &out, &s->err);
    if (status == FEAT_OK) status = test_stream_text(&out, 0, text, &s->err);
    if (spine.release) spine.release(&spine);
    feat_catalog_unref(catalog);
    return status;
}

static void without_memory(uint64_t memory) {
    shop s;
    feat_training_options opt = FEAT_TRAINING_OPTIONS_INIT;
    char *want, *text = NULL;
    fill(&s);
    opt.as_served = 1;
    opt.version_column = "v";
    opt.timestamp = "t";
    opt.threads = 1;
    opt.memory = memory;
    check_ok(&s, train(&s, &opt, &want));
    for (int64_t at = 1;; at++) {
        feat_alloc_fail_after(at);
        feat_status status = train(&s, &opt, &text);
        feat_alloc_fail_after(0);
        if (status == FEAT_OK) break;
        /* The spine's stream needs memory too, and says so as any stream of the caller's. */
        ck_assert_msg(status == FEAT_MEMORY || status == FEAT_CANCELLED, "allocation %lld: %d: %s", (long long)at,
                      (int)status, s.err.message);
    }
    ck_assert_str_eq(text, want);
    feat_free(text);
    feat_free(want);
    shop_close(&s);
}

START_TEST(test_without_memory) { without_memory(0); }
END_TEST

START_TEST(test_without_memory_in_a_bound) { without_memory(1); }
END_TEST

/* ---- Lives. ---- */

/* Rows of a segment that are there at a version, by what the table says and by what their lifetimes say. */
static void check_lives(shop *s, const feat_lives *lives, uint64_t version, uint32_t at) {
    feat_table_version *tv = NULL;
    uint64_t alive = 0;
    check_ok(s, feat_table_open(s->db, s->table, version, &tv, &s->err));
    for (size_t i = 0; i < lives->n; i++)
        for (uint32_t row = 0; row < lives->segments[i].rows; row++)
            alive += feat_alive(feat_lives_row(&lives->segments[i], row), at);
    ck_assert_uint_eq(alive, (uint64_t)feat_table_rows(tv));
    for (size_t i = 0; i < feat_table_segments(tv); i++) {
        const uint8_t *deleted;
        size_t n = 0;
        feat_segment_info info = feat_table_segment(tv, i);
        while (n < lives->n && lives->segments[n].id != info.id) n++;
        ck_assert_uint_lt(n, lives->n);
        check_ok(s, feat_table_deleted(tv, i, &deleted, &s->err));
        for (uint32_t row = 0; row < info.rows; row++) {
            bool there = !deleted || !(deleted[row / 8] >> row % 8 & 1);
            ck_assert_int_eq(feat_alive(feat_lives_row(&lives->segments[n], row), at), there);
        }
    }
    feat_table_close(tv);
}

START_TEST(test_lives) {
    static const uint64_t asked[][3] = {{1, 4, 8}, {3, 4, 6}, {6, 7, 8}, {1, 2, 7}};
    shop s;
    fill(&s);
    check_ok(&s, feat_catalog_table(s.catalog, "buys", &s.table, &s.err));
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        feat_lives lives;
        check_ok(&s, feat_lives_make(&lives, s.db, s.table, asked[i], 3, false, &s.err));
        for (uint32_t at = 0; at < 3; at++) check_lives(&s, &lives, asked[i][at], at);
        for (size_t n = 1; n < lives.n; n++)
            ck_assert_uint_le(lives.segments[n - 1].version, lives.segments[n].version);
        feat_lives_done(&lives);
    }
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine/served");
    TCase *tc = tcase_create("served");
    tcase_set_timeout(tc, 600);
    tcase_add_test(tc, test_without_memory);
    tcase_add_test(tc, test_without_memory_in_a_bound);
    tcase_add_test(tc, test_lives);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
