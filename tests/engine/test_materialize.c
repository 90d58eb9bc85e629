/* What Python's tests cannot reach: memory that runs out, spans of times against sets of them, and the reach of blocks.
 */
#include "engine/materialize.h"
#include "engine/spans.h"
#include "engine/support.h"
#include "feat/materialize.h"

/* ---- Spans. ---- */

enum { LAST = 24 };

static uint32_t next_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static feat_time_span random_span(uint32_t *state) {
    return (feat_time_span){(int64_t)(next_random(state) % (LAST + 1)), (int64_t)(next_random(state) % (LAST + 1))};
}

START_TEST(test_spans_are_sets) {
    uint32_t state = 7, wrong = 0;
    for (int round = 0; round < 20000; round++) {
        feat_time_spans set = {0}, difference = {0};
        bool in[LAST + 2] = {false};
        feat_time_span a = random_span(&state), b = random_span(&state);
        for (uint32_t n = next_random(&state) % 6; n > 0; n--) {
            feat_time_span span = random_span(&state);
            ck_assert_int_eq(feat_spans_add(&set, span, NULL), FEAT_OK);
            for (int64_t t = span.first; t <= span.last; t++) in[t] = true;
        }
        feat_spans_order(&set);
        ck_assert_int_eq(feat_spans_add_difference(&difference, a, b, NULL), FEAT_OK);
        feat_spans_order(&difference);
        for (int64_t t = 0; t <= LAST; t++) {
            wrong += feat_spans_hold(&set, t) != in[t];
            wrong += feat_spans_hold(&difference, t) != (feat_span_holds(a, t) != feat_span_holds(b, t));
        }
        bool meets = false;
        for (int64_t t = a.first; t <= a.last; t++) meets |= in[t];
        wrong += a.first <= a.last && feat_spans_meet(&set, a) != meets;
        for (size_t i = 1; i < set.n; i++) wrong += set.spans[i - 1].last + 1 >= set.spans[i].first;
        feat_spans_done(&set);
        feat_spans_done(&difference);
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(test_spans_reach_the_ends_of_time) {
    feat_time_spans set = {0};
    feat_time_span all = {INT64_MIN, INT64_MAX}, middle = {-1, 1};
    ck_assert_int_eq(feat_spans_add_difference(&set, all, middle, NULL), FEAT_OK);
    feat_spans_order(&set);
    ck_assert_uint_eq(set.n, 2);
    ck_assert(feat_spans_hold(&set, INT64_MIN) && feat_spans_hold(&set, INT64_MAX));
    ck_assert(feat_spans_hold(&set, -2) && feat_spans_hold(&set, 2) && !feat_spans_hold(&set, 0));
    ck_assert_int_eq(feat_spans_add(&set, all, NULL), FEAT_OK);
    feat_spans_order(&set);
    ck_assert_uint_eq(set.n, 1);
    feat_spans_done(&set);
}
END_TEST

/* ---- Memory. ---- */

#define TABLES                                                                                                         \
    "CREATE TABLE buys (id BIGINT NOT NULL, who TEXT, amount DOUBLE, at TIMESTAMP NOT NULL, "                          \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id));"                                                                 \
    "CREATE DIMENSION people (who TEXT, land TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at));"         \
    "CREATE DIMENSION lands (land TEXT, rate DOUBLE, at TIMESTAMP NOT NULL, ENTITY KEY (land), EVENT TIME (at));"
#define VIEW                                                                                                           \
    "CREATE FEATURE VIEW spend AS SELECT who, count(*) OVER w AS n, sum(amount) OVER w AS total FROM buys "            \
    "GROUP BY who WINDOW w AS (RANGE INTERVAL '5 microseconds' PRECEDING);"                                            \
    "CREATE FEATURE VIEW who AS SELECT p.who, p.land, l.rate, s.n, s.total FROM people p LEFT JOIN lands l "           \
    "ON l.land = p.land LEFT JOIN spend s ON s.who = p.who;"

static void put(shop *s, const char *table, const char *literal, feat_write_mode mode) {
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    opt.mode = mode;
    check_ok(s, feat_catalog_table(s->catalog, table, &s->table, &s->err));
    check_ok(s, shop_put(s, literal, 0, 100, &opt, NULL));
}

#define BUYS   "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP\n"
#define PEOPLE "who TEXT, land TEXT, at TIMESTAMP\n"
#define LANDS  "land TEXT, rate DOUBLE, at TIMESTAMP\n"

static void fill(shop *s) {
    put(s, "buys", BUYS "1, ann, 1.5, 10\n2, bob, NULL, 12\n3, bob, 4, 13\n4, cid, 2, 13\n", FEAT_WRITE_APPEND);
    put(s, "people", PEOPLE "ann, de, 1\nbob, fr, 1\ncid, fr, 2\n", FEAT_WRITE_APPEND);
    put(s, "lands", LANDS "de, 1, 1\nfr, 2, 1\n", FEAT_WRITE_APPEND);
}

static feat_status materialize(shop *s, const char *name, int64_t t, feat_materialized *done) {
    feat_materialize_options opt = FEAT_MATERIALIZE_OPTIONS_INIT;
    feat_catalog *catalog = NULL;
    const feat_view *view = NULL;
    opt.entities_at_once = 2;
    *done = (feat_materialized){0};
    feat_status status = feat_catalog_load(s->db, &catalog, &s->err);
    if (status == FEAT_OK) status = feat_materialize_find(catalog, name, 0, NULL, &view, &s->err);
    if (status == FEAT_OK) status = feat_materialize_run(s->db, catalog, view, &t, 1, &opt, done, &s->err);
    feat_catalog_unref(catalog);
    return status;
}

/* Runs at t with allocation 1, 2, 3, ... failing until none does. */
static feat_materialized without_memory(shop *s, const char *name, int64_t t) {
    feat_materialized done;
    uint64_t before = shop_version(s);
    for (int64_t at = 1;; at++) {
        check_ok(s, feat_db_lock(s->db, 0, &s->err));
        feat_alloc_fail_after(at);
        feat_status status = materialize(s, name, t, &done);
        feat_alloc_fail_after(0);
        feat_db_unlock(s->db);
        if (status == FEAT_OK) return done;
        ck_assert_msg(status == FEAT_MEMORY, "allocation %lld: %d: %s", (long long)at, (int)status, s->err.message);
        ck_assert_int_eq(done.runs, 0);
        ck_assert_uint_eq(shop_version(s), before);
    }
}

#define BADGES "who TEXT, badge TEXT, at TIMESTAMP\n"

START_TEST(test_expiry_without_memory) {
    shop s;
    shop_open(&s, "CREATE DIMENSION badges (who TEXT, badge TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), "
                  "EVENT TIME (at)) WITH (ttl = INTERVAL '5 microseconds');"
                  "CREATE FEATURE VIEW badge AS SELECT who, badge FROM badges;");
    put(&s, "badges", BADGES "ann, a, 1\nbob, b, 2\nbob, c, 4\ncid, d, 3\n", FEAT_WRITE_APPEND);
    feat_materialized done = without_memory(&s, "badge", 4);
    ck_assert_int_eq(done.runs_full, 1);
    ck_assert_int_eq(done.entities, 3);
    done = without_memory(&s, "badge", 7); /* ann's is too old, and one of bob's that is not his newest */
    ck_assert_int_eq(done.runs_full, 0);
    ck_assert_int_eq(done.entities, 1);
    done = without_memory(&s, "badge", 10);
    ck_assert_int_eq(done.entities, 2);
    shop_close(&s);
}
END_TEST

START_TEST(test_without_memory) {
    shop s;
    shop_open(&s, TABLES VIEW);
    fill(&s);
    feat_materialized done = without_memory(&s, "who", 13);
    ck_assert_int_eq(done.entities, 3);
    ck_assert_int_eq(done.runs_full, 1);
    put(&s, "buys", "id BIGINT\n4\n", FEAT_WRITE_DELETE);
    put(&s, "buys", BUYS "5, cid, 1, 11\n", FEAT_WRITE_APPEND);
    put(&s, "lands", LANDS "fr, 3, 12\n", FEAT_WRITE_APPEND);
    done = without_memory(&s, "who", 16);
    ck_assert_int_eq(done.entities, 3);
    ck_assert_int_eq(done.runs_full, 0);
    done = without_memory(&s, "who", 14); /* between: the later run is restated */
    ck_assert_int_eq(done.entities, 2);
    ck_assert_int_eq(done.runs_full, 0);
    put(&s, "people", PEOPLE "ann, fr, 15\n", FEAT_WRITE_APPEND);
    done = without_memory(&s, "who", 16); /* again, from other data */
    ck_assert_int_eq(done.entities, 1);
    put(&s, "buys", "id BIGINT\n1\n", FEAT_WRITE_DELETE);
    done = without_memory(&s, "spend", 20);
    ck_assert_int_eq(done.entities, 2);
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("engine/materialize");
    TCase *spans = tcase_create("spans"), *memory = tcase_create("memory");
    tcase_set_timeout(memory, 300);
    tcase_add_test(spans, test_spans_are_sets);
    tcase_add_test(spans, test_spans_reach_the_ends_of_time);
    tcase_add_test(memory, test_without_memory);
    tcase_add_test(memory, test_expiry_without_memory);
    suite_add_tcase(suite, spans);
    suite_add_tcase(suite, memory);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
