/* Writing: conflicts of unique keys, failures that change nothing, and content that no splitting or order changes. */
#define _XOPEN_SOURCE 700
#include "engine/support.h"

#include <errno.h>

#define HEADER "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP\n"
#define TABLE                                                                                                          \
    "CREATE TABLE purchases (id BIGINT, who TEXT NOT NULL, amount DOUBLE, at TIMESTAMP NOT NULL, "                     \
    "ENTITY KEY (who), EVENT TIME (at), UNIQUE (id))"

/* ---- Conflicts. ---- */

typedef struct conflict_case {
    const char *name;
    feat_write_mode mode;
    feat_on_conflict on_conflict;
    const char *stored, *input;
    feat_status status;
    int64_t row;         /* of the error */
    const char *message; /* part of it */
    int64_t added, replaced, skipped;
    const char *rows; /* after it, sorted; NULL: as before */
} conflict_case;

#define APPEND(rule)                          FEAT_WRITE_APPEND, FEAT_CONFLICT_##rule
#define UPSERT                                FEAT_WRITE_UPSERT, FEAT_CONFLICT_SKIP_IDENTICAL
#define A                                     "1, ann, 1.0, 10\n"
#define A2                                    "1, ann, 2.0, 10\n"
#define A3                                    "1, bob, 1.0, 10\n"
#define B                                     "2, bob, 5.0, 20\n"
#define C                                     "3, cat, NULL, 30\n"
#define C2                                    "3, cat, 0.0, 30\n"
#define Z                                     "4, zoe, 0.0, 40\n"
#define Z2                                    "4, zoe, -0.0, 40\n"
#define N                                     "NULL, nil, 1.0, 50\n"
#define FAILS(row, message)                   FEAT_CONSTRAINT, row, message, 0, 0, 0, NULL
#define GIVES(added, replaced, skipped, rows) FEAT_OK, -1, NULL, added, replaced, skipped, rows

static const conflict_case conflict_cases[] = {
    {"new rows", APPEND(SKIP_IDENTICAL), "", B A, GIVES(2, 0, 0, A B)},
    {"nothing", APPEND(SKIP_IDENTICAL), A, "", GIVES(0, 0, 0, A)},
    {"equal rows of one call", APPEND(SKIP_IDENTICAL), "", A B A A, GIVES(2, 0, 2, A B)},
    {"equal rows with NULL", APPEND(SKIP_IDENTICAL), "", C C, GIVES(1, 0, 1, C)},
    {"NULL is not zero", APPEND(SKIP_IDENTICAL), "", C C2, FAILS(1, "(id) = (3)")},
    {"-0 is not +0", APPEND(SKIP_IDENTICAL), "", Z Z2, FAILS(1, "(id) = (4)")},
    {"different rows of one call", APPEND(SKIP_IDENTICAL), "", B A A2, FAILS(2, "(id) = (1)")},
    {"different rows, ignore", APPEND(IGNORE), "", A A2, FAILS(1, "(id) = (1)")},
    {"different rows, replace", APPEND(REPLACE), "", A B A2, FAILS(2, "(id) = (1)")},
    {"different rows, upsert", UPSERT, "", A B A3, FAILS(2, "(id) = (1)")},
    {"NULL keys never meet", APPEND(ERROR), N, N N, GIVES(2, 0, 0, N N N)},
    {"NULL keys, upsert", UPSERT, N, N, GIVES(1, 0, 0, N N)},
    {"skip: equal", APPEND(SKIP_IDENTICAL), A B, B C A, GIVES(1, 0, 2, A B C)},
    {"skip: different", APPEND(SKIP_IDENTICAL), A B, C A2, FAILS(1, "upsert")},
    {"skip: equal, then different", APPEND(SKIP_IDENTICAL), A, A A2, FAILS(1, "(id) = (1)")},
    {"error: equal", APPEND(ERROR), A, B A, FAILS(1, "(id) = (1)")},
    {"error: different", APPEND(ERROR), A, A2, FAILS(0, "(id) = (1)")},
    {"error: repeated in the call", APPEND(ERROR), B, A A, GIVES(1, 0, 1, A B)},
    {"ignore: equal", APPEND(IGNORE), A, A B, GIVES(1, 0, 1, A B)},
    {"ignore: different", APPEND(IGNORE), A, A2 B, GIVES(1, 0, 1, A B)},
    {"ignore: repeated", APPEND(IGNORE), A, A2 B A2, GIVES(1, 0, 2, A B)},
    {"ignore: two different", APPEND(IGNORE), A, A2 B A3, FAILS(2, "(id) = (1)")},
    {"ignore: different, then the stored one", APPEND(IGNORE), A, A2 B A, FAILS(2, "(id) = (1)")},
    {"ignore: the stored one, then different", APPEND(IGNORE), A, A B A2, FAILS(2, "(id) = (1)")},
    {"replace: equal", APPEND(REPLACE), A B, A, GIVES(0, 0, 1, A B)},
    {"replace: different", APPEND(REPLACE), A B, A3 C, GIVES(1, 1, 0, A3 B C)},
    {"replace: repeated", APPEND(REPLACE), A B, A3 C A3, GIVES(1, 1, 1, A3 B C)},
    {"replace: the stored one, then different", APPEND(REPLACE), A B, A C A2, FAILS(2, "(id) = (1)")},
    {"replace: different, then the stored one", APPEND(REPLACE), A B, A2 C A, FAILS(2, "(id) = (1)")},
    {"upsert: new", UPSERT, A, B, GIVES(1, 0, 0, A B)},
    {"upsert: equal", UPSERT, A, A, GIVES(0, 0, 1, A)},
    {"upsert: different", UPSERT, A B, A2, GIVES(0, 1, 0, A2 B)},
    {"upsert: moves to another entity", UPSERT, A B, A3, GIVES(0, 1, 0, A3 B)},
    {"upsert: repeated", UPSERT, A B, A2 A2 A2, GIVES(0, 1, 2, A2 B)},
    {"upsert: the stored one, then different", UPSERT, A B, A C A2, FAILS(2, "(id) = (1)")},
    {"upsert: different, then the stored one", UPSERT, A B, A2 C A, FAILS(2, "(id) = (1)")},
    {"upsert: -0 for +0", UPSERT, Z, Z2, GIVES(0, 1, 0, Z2)},
    {"upsert: all at once", UPSERT, A B C, A2 B C2 Z, GIVES(1, 2, 1, A2 B C2 Z)},
};

static void check_rows(shop *s, const char *expected, const char *what) {
    char *rows = shop_rows(s);
    ck_assert_msg(strncmp(rows, HEADER, strlen(HEADER)) == 0, "%s: header %s", what, rows);
    ck_assert_msg(strcmp(rows + strlen(HEADER), expected) == 0, "%s: rows\n%snot\n%s", what, rows + strlen(HEADER),
                  expected);
    feat_free(rows);
}

static void check_conflict(const conflict_case *c, size_t batch_rows, size_t part_rows) {
    char what[128], literal[512];
    shop s;
    feat_commit done = {.rows_read = -7};
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    snprintf(what, sizeof what, "%s (batches of %zu, parts of %zu)", c->name, batch_rows, part_rows);
    shop_open(&s, TABLE);
    snprintf(literal, sizeof literal, "%s%s", HEADER, c->stored);
    check_ok(&s, shop_put(&s, literal, 0, 1000, NULL, NULL));
    shop_state before = shop_state_of(&s);
    snprintf(literal, sizeof literal, "%s%s", HEADER, c->input);
    opt.mode = c->mode;
    opt.on_conflict = c->on_conflict;
    feat_status status = shop_put(&s, literal, batch_rows, part_rows, &opt, &done);
    ck_assert_msg(status == c->status, "%s: status %d: %s", what, (int)status, s.err.message);
    if (status != FEAT_OK) {
        ck_assert_msg(s.err.row == c->row, "%s: row %lld: %s", what, (long long)s.err.row, s.err.message);
        ck_assert_msg(strstr(s.err.message, c->message) && strstr(s.err.message, "table 'purchases'"), "%s: message %s",
                      what, s.err.message);
        ck_assert_int_eq(done.rows_read, -7);
        check_unchanged(&s, &before, what);
    } else {
        int64_t rows = 0;
        for (const char *at = c->input; (at = strchr(at, '\n')); at++) rows++;
        ck_assert_msg(done.rows_read == rows && done.rows_added == c->added && done.rows_replaced == c->replaced &&
                          done.rows_skipped == c->skipped,
                      "%s: read %lld, added %lld, replaced %lld, skipped %lld", what, (long long)done.rows_read,
                      (long long)done.rows_added, (long long)done.rows_replaced, (long long)done.rows_skipped);
        ck_assert_uint_eq(done.version, before.version + (c->added + c->replaced > 0));
        ck_assert_uint_eq(done.version, shop_version(&s));
        ck_assert_int_eq(done.online, FEAT_OK);
        check_rows(&s, c->rows, what);
    }
    shop_close(&s);
}

START_TEST(test_conflicts) {
    static const size_t batches[] = {0, 1}, parts[] = {1, 2, 3, 1000};
    for (size_t i = 0; i < sizeof conflict_cases / sizeof *conflict_cases; i++)
        for (size_t b = 0; b < 2; b++)
            for (size_t p = 0; p < 4; p++) check_conflict(&conflict_cases[i], batches[b], parts[p]);
}
END_TEST

START_TEST(test_messages) {
    shop s;
    shop_open(&s, TABLE);
    ck_assert_int_eq(shop_put(&s, HEADER A B C A2, 0, 1000, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_str_eq(
        s.err.message,
        "table 'purchases', rows 0 and 3: two different rows with UNIQUE key (id) = (1); keep one of them");
    /* Of several conflicts of a part the first row's is told. */
    ck_assert_int_eq(shop_put(&s, HEADER B A C C2 A2 B, 0, 1000, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_int_eq(s.err.row, 3);
    ck_assert_int_eq(
        shop_put(&s, "id BIGINT, who TEXT, amount DOUBLE, at TIMESTAMP, color TEXT\n", 0, 1000, NULL, NULL),
        FEAT_SCHEMA);
    ck_assert_ptr_nonnull(strstr(s.err.message, "table 'purchases'"));
    ck_assert_int_eq(shop_put(&s, HEADER A "2, NULL, 1.0, 10\n", 0, 1000, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_int_eq(s.err.row, 1);
    ck_assert_int_eq(shop_put(&s, HEADER A B C "5, eve, 1.0, NULL\n", 2, 1, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_int_eq(s.err.row, 3);
    ck_assert_uint_eq(shop_version(&s), 0);
    shop_close(&s);
}
END_TEST

START_TEST(test_key_of_several_columns) {
    shop s;
    feat_commit done;
    shop_open(&s, "CREATE TABLE t (who TEXT, day DATE, at TIMESTAMP NOT NULL, ok BOOLEAN, x DOUBLE, ENTITY KEY (who), "
                  "EVENT TIME (at), UNIQUE (who, day, at, ok))");
#define T_HEADER "who TEXT, day DATE, at TIMESTAMP, ok BOOLEAN, x DOUBLE\n"
#define T_KEY    "ann, 2024-02-29, 2024-02-29T12:00:00Z, true, "
    ck_assert_int_eq(shop_put(&s, T_HEADER T_KEY "0.0\n" T_KEY "-0.0\n", 0, 10, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_ptr_nonnull(strstr(s.err.message, "(who, day, at, ok) = ('ann', 2024-02-29, 2024-02-29"));
    ck_assert_ptr_nonnull(strstr(s.err.message, ", true)"));
    check_ok(&s, shop_put(&s, T_HEADER T_KEY "nan\n" T_KEY "nan\nann, 1, 1, NULL, nan\nann, 1, 1, NULL, nan\n", 0, 10,
                          NULL, &done));
    ck_assert_int_eq(done.rows_added, 3);
    ck_assert_int_eq(done.rows_skipped, 1);
    shop_close(&s);
}
END_TEST

/* A message stays whole characters and whole, however long the key. */
START_TEST(test_long_keys_in_messages) {
    shop s;
    char literal[2048] = "who TEXT, at TIMESTAMP, x BIGINT\n";
    shop_open(
        &s,
        "CREATE TABLE t (who TEXT, at TIMESTAMP NOT NULL, x BIGINT, ENTITY KEY (who), EVENT TIME (at), UNIQUE (who))");
    for (int row = 0; row < 2; row++) {
        for (int i = 0; i < 200; i++) strcat(literal, "\xe2\x82\xac");
        strcat(literal, row ? ", 1, 1\n" : ", 1, 2\n");
    }
    ck_assert_int_eq(shop_put(&s, literal, 0, 10, NULL, NULL), FEAT_CONSTRAINT);
    ck_assert_ptr_nonnull(strstr(s.err.message, "\xe2\x82\xac...')"));
    ck_assert_ptr_nonnull(strstr(s.err.message, "keep one of them"));
    shop_close(&s);
}
END_TEST

/* ---- Columns, options, known time. ---- */

START_TEST(test_columns_by_name) {
    shop s;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, "at TIMESTAMP, who TEXT\n10, ann\n", 0, 10, NULL, NULL));
    check_rows(&s, "NULL, ann, NULL, 10\n", "missing columns");
    ck_assert_int_eq(shop_put(&s, "who TEXT\nann\n", 0, 10, NULL, NULL), FEAT_SCHEMA);
    shop_close(&s);
}
END_TEST

START_TEST(test_options) {
    shop s;
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    shop_open(&s, "CREATE TABLE log (who TEXT, at TIMESTAMP NOT NULL, ENTITY KEY (who), EVENT TIME (at))");
    static const char rows[] = "who TEXT, at TIMESTAMP\nann, 1\nann, 1\n";
    opt.mode = FEAT_WRITE_UPSERT;
    ck_assert_int_eq(shop_put(&s, rows, 0, 10, &opt, NULL), FEAT_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(s.err.message, "UNIQUE"));
    opt.mode = (feat_write_mode)7;
    ck_assert_int_eq(shop_put(&s, rows, 0, 10, &opt, NULL), FEAT_ARGUMENT);
    opt.mode = FEAT_WRITE_APPEND;
    opt.on_conflict = (feat_on_conflict)9;
    ck_assert_int_eq(shop_put(&s, rows, 0, 10, &opt, NULL), FEAT_ARGUMENT);
    opt.on_conflict = FEAT_CONFLICT_SKIP_IDENTICAL;
    opt.known_at = 1000;
    feat_commit done;
    check_ok(&s, shop_put(&s, rows, 0, 10, &opt, &done)); /* without a key equal rows are two rows */
    ck_assert_int_eq(done.rows_added, 2);
    ck_assert_int_eq(done.known_time, 1000);
    shop_state before = shop_state_of(&s);
    ck_assert_int_eq(shop_put(&s, rows, 0, 10, &opt, NULL), FEAT_ARGUMENT); /* not above the previous one */
    check_unchanged(&s, &before, "known_at");
    ck_assert_int_eq(before.rows, 2);
    shop_close(&s);
}
END_TEST

/* ---- Failures. ---- */

START_TEST(test_stream_fails_midway) {
    for (size_t after = 0; after < 4; after++)
        for (size_t part = 1; part < 4; part++) {
            shop s;
            struct ArrowArrayStream inner, failing, watched;
            int released;
            shop_open(&s, TABLE);
            check_ok(&s, shop_put(&s, HEADER A, 0, 10, NULL, NULL));
            shop_state before = shop_state_of(&s);
            ck_assert_int_eq(test_stream(HEADER B C Z, 1, &inner), FEAT_OK);
            test_stream_failing(&inner, after, EIO, "the disk is on fire", &failing);
            test_stream_watched(&failing, &released, &watched);
            ck_assert_int_eq(shop_write(&s, &watched, part, NULL, NULL), FEAT_CANCELLED);
            ck_assert_ptr_nonnull(strstr(s.err.message, "the disk is on fire"));
            ck_assert_int_eq(released, 1);
            check_unchanged(&s, &before, "a failing stream");
            check_ok(&s, shop_put(&s, HEADER B C, 1, 1, NULL, NULL)); /* and the store goes on */
            check_rows(&s, A B C, "after a failing stream");
            shop_close(&s);
        }
}
END_TEST

START_TEST(test_without_memory) {
    shop s;
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER A B C, 0, 10, NULL, NULL));
    shop_state before = shop_state_of(&s);
    opt.mode = FEAT_WRITE_UPSERT;
    int64_t at = 1;
    for (;; at++) {
        struct ArrowArrayStream inner, watched;
        int released;
        feat_commit done = {.rows_read = -7};
        ck_assert_int_eq(test_stream(HEADER A2 B Z N, 2, &inner), FEAT_OK);
        test_stream_watched(&inner, &released, &watched);
        check_ok(&s, feat_db_lock(s.db, 0, &s.err));
        feat_alloc_fail_after(at);
        feat_status status = feat_ingest_parts(s.db, s.table, &watched, &opt, 3, &done, &s.err);
        feat_alloc_fail_after(0);
        feat_db_unlock(s.db);
        ck_assert_ptr_null(watched.release);
        ck_assert_int_eq(released, 1);
        if (status == FEAT_OK) break;
        ck_assert_msg(status == FEAT_MEMORY || status == FEAT_CANCELLED, "allocation %lld: %d: %s", (long long)at,
                      (int)status, s.err.message);
        ck_assert_int_eq(done.rows_read, -7);
        check_unchanged(&s, &before, "without memory");
    }
    ck_assert_int_gt(at, 20);
    check_rows(&s, A2 B C Z N, "at last");
    shop_close(&s);
}
END_TEST

/* Parts are sorted each for itself, and what is left of one may share a segment with the next one's rows. */
START_TEST(test_segments_are_sorted) {
    shop s;
    shop_open(&s, TABLE);
    char literal[4096] = HEADER;
    for (int i = 0; i < 100; i++)
        snprintf(literal + strlen(literal), sizeof literal - strlen(literal), "%d, p%02d, 1.0, %d\n", i, i * 37 % 11,
                 i * 53 % 101);
    feat_commit done;
    check_ok(&s, shop_put(&s, literal, 7, 9, NULL, &done));
    feat_table_version *tv = NULL;
    check_ok(&s, feat_table_open(s.db, s.table, shop_version(&s), &tv, &s.err));
    int64_t rows = 0;
    size_t wrong = 0;
    for (size_t segment = 0; segment < feat_table_segments(tv); segment++) {
        const uint32_t fields[] = {s.table->key[0], s.table->time};
        feat_column columns[2];
        for (int c = 0; c < 2; c++) feat_column_init(&columns[c], s.table->fields[fields[c]].type);
        check_ok(&s, feat_table_read(tv, segment, fields, 2, columns, &s.err));
        for (size_t i = 1; i < columns[0].length; i++) {
            int order = feat_column_compare(&columns[0], i - 1, &columns[0], i);
            wrong += order > 0 || (order == 0 && feat_column_compare(&columns[1], i - 1, &columns[1], i) > 0);
        }
        rows += (int64_t)columns[0].length;
        for (int c = 0; c < 2; c++) feat_column_done(&columns[c]);
    }
    feat_table_close(tv);
    ck_assert_int_eq(rows, 100);
    ck_assert_uint_eq(wrong, 0);
    shop_close(&s);
}
END_TEST

/* Conflict rules that remember what they met allocate more. */
START_TEST(test_ignore_without_memory) {
    shop s;
    feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
    shop_open(&s, TABLE);
    check_ok(&s, shop_put(&s, HEADER A B C, 0, 10, NULL, NULL));
    shop_state before = shop_state_of(&s);
    opt.on_conflict = FEAT_CONFLICT_IGNORE;
    for (int64_t at = 1;; at++) {
        struct ArrowArrayStream stream;
        ck_assert_int_eq(test_stream(HEADER A2 B A2 N, 0, &stream), FEAT_OK);
        check_ok(&s, feat_db_lock(s.db, 0, &s.err));
        feat_alloc_fail_after(at);
        feat_status status = feat_ingest_parts(s.db, s.table, &stream, &opt, 1, NULL, &s.err);
        feat_alloc_fail_after(0);
        feat_db_unlock(s.db);
        ck_assert_ptr_null(stream.release);
        if (status == FEAT_OK) break;
        ck_assert_msg(status == FEAT_MEMORY || status == FEAT_CANCELLED, "allocation %lld: %d: %s", (long long)at,
                      (int)status, s.err.message);
        check_unchanged(&s, &before, "without memory");
    }
    check_rows(&s, A B C N, "at last");
    shop_close(&s);
}
END_TEST

/* ---- Content. ---- */

static uint64_t random_state = 1;

static uint64_t below(uint64_t n) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (random_state >> 33) % n;
}

enum { CONTENT_ROWS = 3000 };

static void fill_content(feat_batch *rows) {
    static const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE, FEAT_TYPE_TIMESTAMP};
    ck_assert_int_eq(feat_batch_init(rows, types, 4, NULL), FEAT_OK);
    for (int64_t i = 0; i < CONTENT_ROWS; i++) {
        char who[32];
        snprintf(who, sizeof who, "customer-%d", (int)below(40));
        int failed =
            below(20) ? feat_column_append_int(&rows->columns[0], i) : feat_column_append_null(&rows->columns[0]);
        failed |= feat_column_append_text(&rows->columns[1], who, strlen(who));
        failed |= below(10) ? feat_column_append_double(&rows->columns[2], (double)below(1000) / 8)
                            : feat_column_append_null(&rows->columns[2]);
        failed |= feat_column_append_int(&rows->columns[3], (int64_t)below(100000));
        ck_assert_int_eq(failed, 0);
    }
    rows->length = CONTENT_ROWS;
}

START_TEST(test_content_does_not_depend_on_order_or_splits) {
    static const char *const names[] = {"id", "who", "amount", "at"};
    static const size_t settings[][2] = {{0, 524288}, {1, 500}, {7, 64}, {1000, 999}, {0, 100}};
    feat_batch rows, shuffled;
    uint32_t order[CONTENT_ROWS];
    feat_digest first = {{0}};
    char *expected = NULL;
    fill_content(&rows);
    for (uint32_t i = 0; i < CONTENT_ROWS; i++) order[i] = i;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        shop s;
        struct ArrowArrayStream stream;
        static const feat_type types[] = {FEAT_TYPE_BIGINT, FEAT_TYPE_TEXT, FEAT_TYPE_DOUBLE, FEAT_TYPE_TIMESTAMP};
        ck_assert_int_eq(feat_batch_init(&shuffled, types, 4, NULL), FEAT_OK);
        for (size_t i = 0; i < 4; i++)
            ck_assert_int_eq(feat_column_append_rows(&shuffled.columns[i], &rows.columns[i], order, CONTENT_ROWS), 0);
        shuffled.length = CONTENT_ROWS;
        shop_open(&s, TABLE);
        ck_assert_int_eq(test_stream_of_batch(names, &shuffled, settings[k][0], &stream), FEAT_OK);
        feat_commit done;
        check_ok(&s, shop_write(&s, &stream, settings[k][1], NULL, &done));
        ck_assert_int_eq(done.rows_added, CONTENT_ROWS);
        int64_t n = 0;
        feat_digest digest = shop_digest(&s, &n);
        char *text = shop_rows(&s);
        ck_assert_int_eq(n, CONTENT_ROWS);
        if (k == 0) {
            first = digest;
            expected = text;
        } else {
            ck_assert(feat_digest_equal(&digest, &first));
            ck_assert_str_eq(text, expected);
            feat_free(text);
        }
        feat_batch_done(&shuffled);
        shop_close(&s);
        for (uint32_t i = CONTENT_ROWS - 1; i > 0; i--) {
            uint32_t j = (uint32_t)below(i + 1), swap = order[i];
            order[i] = order[j];
            order[j] = swap;
        }
    }
    feat_free(expected);
    feat_batch_done(&rows);
}
END_TEST

/* Rows of one part lie in order of entity and time. */
START_TEST(test_rows_are_stored_in_order) {
    static const char *const names[] = {"id", "who", "amount", "at"};
    feat_batch rows;
    shop s;
    struct ArrowArrayStream stream;
    fill_content(&rows);
    shop_open(&s, TABLE);
    ck_assert_int_eq(test_stream_of_batch(names, &rows, 0, &stream), FEAT_OK);
    check_ok(&s, shop_write(&s, &stream, CONTENT_ROWS, NULL, NULL));
    feat_table_version *version = NULL;
    check_ok(&s, feat_table_open(s.db, s.table, shop_version(&s), &version, &s.err));
    static const uint32_t columns[] = {1, 3};
    for (size_t segment = 0; segment < feat_table_segments(version); segment++) {
        feat_column read[2];
        feat_column_init(&read[0], FEAT_TYPE_TEXT);
        feat_column_init(&read[1], FEAT_TYPE_TIMESTAMP);
        check_ok(&s, feat_table_read(version, segment, columns, 2, read, &s.err));
        for (size_t i = 1; i < read[0].length; i++) {
            int who = feat_column_compare(&read[0], i - 1, &read[0], i);
            ck_assert(who < 0 || (who == 0 && feat_column_int(&read[1], i - 1) <= feat_column_int(&read[1], i)));
        }
        feat_column_done(&read[0]);
        feat_column_done(&read[1]);
    }
    feat_table_close(version);
    feat_batch_done(&rows);
    shop_close(&s);
}
END_TEST

/* Against a model in memory: random writes of every mode, in parts of every size. */
START_TEST(test_random_writes) {
    enum { KEYS = 30, ROUNDS = 200 };
    shop s;
    int value[KEYS]; /* 0: not there */
    memset(value, 0, sizeof value);
    shop_open(&s, TABLE);
    for (int round = 0; round < ROUNDS; round++) {
        char literal[4096] = HEADER;
        int next[KEYS], said[KEYS] = {0}, fails = 0, added = 0, replaced = 0, skipped = 0;
        size_t n = 1 + below(12);
        feat_write_options opt = FEAT_WRITE_OPTIONS_INIT;
        opt.mode = below(2) ? FEAT_WRITE_UPSERT : FEAT_WRITE_APPEND;
        opt.on_conflict = (feat_on_conflict)below(4);
        int replaces = opt.mode == FEAT_WRITE_UPSERT || opt.on_conflict == FEAT_CONFLICT_REPLACE;
        memcpy(next, value, sizeof next);
        for (size_t i = 0; i < n; i++) {
            size_t k = below(KEYS);
            int v = below(4) && said[k] ? said[k] : value[k] && below(2) ? value[k] : 1 + (int)below(3);
            snprintf(literal + strlen(literal), sizeof literal - strlen(literal), "%zu, c%d, %d.0, %d\n", k, v % 3, v,
                     v);
            if (said[k]) {
                if (said[k] != v) fails = 1;
                skipped++;
                continue;
            }
            said[k] = v;
            if (!value[k]) {
                next[k] = v;
                added++;
            } else if (replaces) {
                if (value[k] == v) skipped++;
                else replaced++;
                next[k] = v;
            } else if (opt.on_conflict == FEAT_CONFLICT_ERROR) fails = 1;
            else if (opt.on_conflict == FEAT_CONFLICT_SKIP_IDENTICAL && value[k] != v) fails = 1;
            else skipped++;
        }
        feat_commit done;
        feat_status status = shop_put(&s, literal, below(4), 1 + below(6), &opt, &done);
        ck_assert_msg(status == (fails ? FEAT_CONSTRAINT : FEAT_OK), "round %d: %d: %s\n%s", round, (int)status,
                      s.err.message, literal);
        if (!fails) {
            memcpy(value, next, sizeof value);
            ck_assert_int_eq(done.rows_added, added);
            ck_assert_int_eq(done.rows_replaced, replaced);
            ck_assert_int_eq(done.rows_skipped, skipped);
        }
        char expected[4096] = HEADER, *text = shop_rows(&s);
        for (int k = 0, keys = 0; keys < KEYS;
             keys++) { /* in order of the keys' text: 0 1 10 11 .. 19 2 20 .. 29 3 .. 9 */
            if (value[k])
                snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%d, c%d, %d.0, %d\n", k,
                         value[k] % 3, value[k], value[k]);
            k = k > 0 && k * 10 < KEYS ? k * 10 : k % 10 == 9 && k > 9 ? k / 10 + 1 : k + 1;
        }
        ck_assert_str_eq(text, expected);
        feat_free(text);
    }
    shop_close(&s);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("ingest");
    TCase *tests = tcase_create("ingest");
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, test_conflicts);
    tcase_add_test(tests, test_messages);
    tcase_add_test(tests, test_key_of_several_columns);
    tcase_add_test(tests, test_long_keys_in_messages);
    tcase_add_test(tests, test_columns_by_name);
    tcase_add_test(tests, test_options);
    tcase_add_test(tests, test_stream_fails_midway);
    tcase_add_test(tests, test_segments_are_sorted);
    tcase_add_test(tests, test_without_memory);
    tcase_add_test(tests, test_ignore_without_memory);
    tcase_add_test(tests, test_content_does_not_depend_on_order_or_splits);
    tcase_add_test(tests, test_rows_are_stored_in_order);
    tcase_add_test(tests, test_random_writes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
