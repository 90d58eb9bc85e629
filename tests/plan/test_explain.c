/* EXPLAIN: what a person reads, and that JSON is JSON. Fingerprints are left out of the expected texts: they are
 * test_form.c's. */
#include <check.h>
#include <ctype.h>

#include "plan/definitions.h"
#include "plan/explain.h"

static void open_world(world *w, const char *sql) {
    world_init(w);
    ck_assert_msg(world_run(w, tables_sql) == FEAT_OK, "%s", w->err.message);
    ck_assert_msg(world_run(w, sql) == FEAT_OK, "%s", w->err.message);
}

static void explain_last(const world *w, feat_explain_format format, feat_buffer *out) {
    if (w->scope.n_services) feat_explain_service(w->scope.services[w->scope.n_services - 1], format, out);
    else if (w->scope.n_views) feat_explain_view(w->scope.views[w->scope.n_views - 1], format, out);
    else feat_explain_table(w->scope.tables[w->scope.n_tables - 1], format, out);
    feat_buffer_byte(out, 0);
    ck_assert(!out->failed);
}

/* 32 hexadecimal digits become an F. */
static void mask(char *text) {
    char *to = text;
    for (char *from = text; *from;) {
        size_t n = strspn(from, "0123456789abcdef");
        if (n == 32) {
            *to++ = 'F';
            from += n;
            continue;
        }
        do *to++ = *from++;
        while (n-- > 1);
    }
    *to = 0;
}

static const struct {
    const char *sql, *text;
} golden[] = {
    {"CREATE DIMENSION cities (city TEXT NOT NULL, people BIGINT, at TIMESTAMP NOT NULL, ENTITY KEY (city), EVENT TIME "
     "(at DELAY INTERVAL '90 minutes')) WITH (ttl = INTERVAL '13 months')",
     "DIMENSION cities\n"
     "  fingerprint F\n"
     "  column 1  city TEXT NOT NULL\n"
     "  column 2  people BIGINT\n"
     "  column 3  at TIMESTAMP NOT NULL\n"
     "  entity key (city)\n"
     "  event time at, visible 1 hour 30 minutes later\n"
     "  unique (city, at)\n"
     "  read as of a time: the newest row of a key, if the key has not ended\n"
     "  rows expire after 1 year 1 month\n"},
    {"CREATE FEATURE VIEW v AS SELECT user_id, count(*) OVER w AS n, sum(amount * 2 + n) FILTER (WHERE ok AND n > 3) "
     "OVER (ROWS BETWEEN 5 PRECEDING AND 1 PRECEDING) AS s, last(merchant) OVER (SINCE month) AS m, s / n AS mean FROM "
     "purchases GROUP BY user_id WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING)",
     "FEATURE VIEW v\n"
     "  fingerprint F\n"
     "  entity (user_id BIGINT)\n"
     "  block 1, fingerprint F, key (BIGINT)\n"
     "    events of purchases\n"
     "      reads user_id, merchant, amount, n, ok, t (event time)\n"
     "      orders events of one time by id (read for this only)\n"
     "      operators [ADD_F] [MUL_F] [CAST_IF] [LT_I] [AND]\n"
     "      belong to (user_id)\n"
     "    clock operators [PART_FLOOR]\n"
     "    w1 = the last 30 days up to t\n"
     "    w2 = the 5 rows before the current row\n"
     "    w3 = since the start of the month up to t\n"
     "    a1 = count(*) over w1  -- BIGINT, group [COUNT]\n"
     "    a2 = sum((amount * 2.0) + CAST(n AS DOUBLE)) filter (where ok AND (3 < n)) over w2  -- DOUBLE, "
     "group [SUM_DOUBLE]\n"
     "    a3 = last(merchant) over w3  -- TEXT, order [LAST]\n"
     "    state kept online: about 32 bytes an event besides its texts, and 73 an entity\n"
     "  for an entity at t\n"
     "    j1 = block 1 of (user_id), as of t\n"
     "    operators [DIV_F] [CAST_IF]\n"
     "    feature n = j1.a1  -- BIGINT\n"
     "    feature s = j1.a2  -- DOUBLE\n"
     "    feature m = j1.a3  -- TEXT\n"
     "    feature mean = j1.a2 / CAST(j1.a1 AS DOUBLE)  -- DOUBLE\n"
     "    found if j1.found\n"
     "  cost\n"
     "    an event of purchases in block 1: 5 operations, 0 joins\n"
     "    a lookup: 3 operations, 1 blocks asked\n"},
};

START_TEST(text_is_what_it_was) {
    world w;
    feat_buffer out;
    open_world(&w, golden[_i].sql);
    feat_buffer_init(&out);
    explain_last(&w, FEAT_EXPLAIN_TEXT, &out);
    mask((char *)out.data);
    ck_assert_str_eq((const char *)out.data, golden[_i].text);
    feat_buffer_done(&out);
    world_done(&w);
}
END_TEST

/* Lines that must be there, whatever stands around them. */
static const struct {
    const char *sql, *line;
} lines[] = {
    {definitions_sql, "  request (user_id BIGINT)\n"},
    {definitions_sql, "  view profile = profile version 8, live, fingerprint F\n"},
    {definitions_sql, "    events of logins\n"},
    {definitions_sql, "      s2 = CAST(n AS DOUBLE)\n"},
    {definitions_sql, "    w1 = since the start of the month up to t\n"},
    {definitions_sql, "    w2 = the 9 rows before the current row\n"},
    {definitions_sql, "    w4 = the current group and the 3 before it, without the rows at t but the current one\n"},
    {definitions_sql, "    w5 = from 3 months before t to 1 day before t\n"},
    {definitions_sql, "    w6 = the last 1 hour up to t, without its last instant\n"},
    {definitions_sql, "    a4 = lag(n, 2) over w3  -- BIGINT, order [LAG]\n"},
    {definitions_sql, "    %3 = %1 AND ((%2 <> 'XX') IS TRUE)  -- BOOLEAN\n"},
    {definitions_sql, "    feature country = CASE WHEN %3 THEN %2 ELSE NULL END  -- TEXT, of profile\n"},
    {definitions_sql, "    found in activity if j3.found\n"},
    {definitions_sql, "    an event of purchases in block 1: 2 operations, 0 joins\n"},
    {"CREATE FEATURE VIEW v AS SELECT u.country, count(*) AS n FROM purchases p LEFT JOIN users u ON p.user_id = "
     "u.user_id GROUP BY u.country",
     "      j1 = block 1 of (user_id), as of the event's time\n"},
    {"CREATE FEATURE VIEW v WITH (lifetime = 'retained', ttl = INTERVAL '36 hours') AS SELECT count(*) AS n FROM kept "
     "GROUP BY user_id",
     "    events of kept, as far as the table keeps them\n"},
    {"CREATE FEATURE VIEW v WITH (ttl = INTERVAL '36 hours') AS SELECT count(*) AS n FROM purchases GROUP BY user_id",
     "  materialisations expire after 36 hours\n"},
    {"CREATE FEATURE VIEW v AS SELECT count(*) AS n FROM purchases WHERE t > now() - INTERVAL '7 days' GROUP BY "
     "user_id",
     "    w1 = since (now() - INTERVAL '7 days') + INTERVAL '1 microsecond' up to t\n"},
};

START_TEST(lines_say_it_in_words) {
    world w;
    feat_buffer out;
    open_world(&w, lines[_i].sql);
    feat_buffer_init(&out);
    explain_last(&w, FEAT_EXPLAIN_TEXT, &out);
    mask((char *)out.data);
    ck_assert_msg(strstr((const char *)out.data, lines[_i].line) != NULL, "%s\nin\n%s", lines[_i].line,
                  (const char *)out.data);
    feat_buffer_done(&out);
    world_done(&w);
}
END_TEST

/* ---- A reader of RFC 8259, as strict as it is. NULL: not JSON. ---- */

static const char *json_value(const char *p);

static const char *json_string(const char *p) {
    if (!p || *p++ != '"') return NULL;
    for (; *p != '"'; p++) {
        if ((unsigned char)*p < 0x20) return NULL;
        if (*p != '\\') continue;
        p++;
        if (*p == 'u') {
            for (int i = 0; i < 4; i++)
                if (!isxdigit((unsigned char)*++p)) return NULL;
        } else if (!*p || !strchr("\"\\/bfnrt", *p)) {
            return NULL;
        }
    }
    return p + 1;
}

static const char *json_list(const char *p, char end, bool named) {
    if (*p == end) return p + 1;
    for (;;) {
        if (named) {
            p = json_string(p);
            if (!p || *p++ != ':') return NULL;
        }
        p = json_value(p);
        if (!p) return NULL;
        if (*p == end) return p + 1;
        if (*p++ != ',') return NULL;
    }
}

static const char *json_value(const char *p) {
    static const char *const words[] = {"true", "false", "null"};
    if (*p == '{') return json_list(p + 1, '}', true);
    if (*p == '[') return json_list(p + 1, ']', false);
    if (*p == '"') return json_string(p);
    for (int i = 0; i < 3; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
    size_t digits = strspn(p, "0123456789");
    return digits == 0 || (p[0] == '0' && digits > 1) ? NULL : p + digits;
}

START_TEST(json_is_json) {
    world w;
    feat_buffer out;
    open_world(&w, definitions_sql);
    feat_buffer_init(&out);
    size_t tables = w.scope.n_tables, views = w.scope.n_views, services = w.scope.n_services;
    for (size_t i = 0; i < tables + views + services; i++) {
        feat_buffer_clear(&out);
        if (i < tables) feat_explain_table(w.scope.tables[i], FEAT_EXPLAIN_JSON, &out);
        else if (i < tables + views) feat_explain_view(w.scope.views[i - tables], FEAT_EXPLAIN_JSON, &out);
        else feat_explain_service(w.scope.services[i - tables - views], FEAT_EXPLAIN_JSON, &out);
        feat_buffer_byte(&out, 0);
        const char *end = json_value((const char *)out.data);
        ck_assert_msg(end && strcmp(end, "\n") == 0, "%s", (const char *)out.data);
    }
    feat_buffer_done(&out);
    world_done(&w);
}
END_TEST

/* Keys that programs rely on, and strings that need an escape. */
START_TEST(json_says_the_same) {
    static const char *const parts[] = {
        "{\"kind\":\"feature view\",\"name\":\"base\",\"fingerprint\":\"F\",\"entity\":[{\"name\":\"user_id\",\"type\":"
        "\"BIGINT\"}],\"blocks\":[{\"number\":1,\"fingerprint\":\"F\",\"key\":[\"BIGINT\"],\"events\":[{\"table\":"
        "\"purchases\",\"event_time\":\"t\",\"columns\":[\"user_id\",\"amount\"],\"ties\":[],\"retained\":false,",
        "\"windows\":[\"all events up to t\",\"the last 30 days up to t\"]",
        "{\"number\":2,\"aggregate\":\"AVG_DOUBLE\",\"algebra\":\"group\",\"expression\":\"avg(amount) over "
        "w2\",\"slot\":2,\"window\":2,\"type\":\"DOUBLE\"}",
        "\"state\":{\"bytes_per_event\":18,\"texts_per_event\":false,\"bytes_per_entity\":73}",
        "\"features\":[{\"name\":\"c\",\"type\":\"BIGINT\",\"expression\":\"j1.a1\"}",
        "\"present\":null,\"found\":\"j1.found\",\"expired\":null,\"ttl\":null",
        "\"description\":\"It's \\\"base\\\"\"",
        "\"tables\":[\"purchases\"],\"uses_views\":[]}\n",
    };
    world w;
    feat_buffer out;
    open_world(&w, definitions_sql);
    feat_buffer_init(&out);
    feat_explain_view(feat_scope_view(&w.scope, "base"), FEAT_EXPLAIN_JSON, &out);
    feat_buffer_byte(&out, 0);
    mask((char *)out.data);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr((const char *)out.data, parts[i]) != NULL, "%s\nin\n%s", parts[i], (const char *)out.data);
    feat_buffer_done(&out);
    world_done(&w);
}
END_TEST

START_TEST(intervals_are_words) {
    static const struct {
        int64_t months, days, us;
        const char *text;
    } intervals[] = {
        {0, 30, 0, "30 days"},
        {14, 0, 0, "1 year 2 months"},
        {0, 0, INT64_C(86400000000), "1 day"},
        {0, 1, INT64_C(5400000000), "1 day 1 hour 30 minutes"},
        {0, 0, 1500000, "1 second 500000 microseconds"},
        {0, 0, 0, "0 seconds"},
        {-1, 0, -1, "-1 month -1 microsecond"},
        {0, INT64_MAX, INT64_C(86400000000), "9223372036854775807 days 24 hours"},
    };
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        feat_buffer out;
        feat_buffer_init(&out);
        feat_explain_interval(&out, intervals[i].months, intervals[i].days, intervals[i].us);
        feat_buffer_byte(&out, 0);
        ck_assert_str_eq((const char *)out.data, intervals[i].text);
        feat_buffer_done(&out);
    }
}
END_TEST

/* Allocation N fails, for every N. */
START_TEST(memory_can_run_out) {
    world w;
    open_world(&w, definitions_sql);
    for (int format = FEAT_EXPLAIN_TEXT; format <= FEAT_EXPLAIN_JSON; format++)
        for (int64_t n = 1;; n++) {
            feat_buffer out;
            feat_buffer_init(&out);
            feat_alloc_fail_after(n);
            feat_explain_service(w.scope.services[0], (feat_explain_format)format, &out);
            feat_alloc_fail_after(0);
            bool failed = out.failed;
            feat_buffer_done(&out);
            if (!failed) break;
            ck_assert_int_lt(n, 10000);
        }
    world_done(&w);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("plan/explain");
    TCase *t = tcase_create("explain");
    tcase_add_loop_test(t, text_is_what_it_was, 0, (int)(sizeof golden / sizeof *golden));
    tcase_add_loop_test(t, lines_say_it_in_words, 0, (int)(sizeof lines / sizeof *lines));
    tcase_add_test(t, json_is_json);
    tcase_add_test(t, json_says_the_same);
    tcase_add_test(t, intervals_are_words);
    tcase_add_test(t, memory_can_run_out);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
