/* What the tests of this layer share: directories, a random source, a table of every type, and rows for it. */
#ifndef FEAT_TESTS_STORE_SUPPORT_H
#define FEAT_TESTS_STORE_SUPPORT_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "store/store.h"

/* ---- Directories. ---- */

static char directory[256];

static inline const char *path_in(const char *name) {
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

static inline void make_directory(void) {
    const char *base = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/feat-store-XXXXXX", base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static inline void remove_directory(void) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    ck_assert_int_eq(system(command), 0);
}

static inline void copy_tree(const char *from, const char *to) {
    char command[1200];
    snprintf(command, sizeof command, "rm -rf '%s' && cp -r '%s' '%s'", to, from, to);
    ck_assert_int_eq(system(command), 0);
}

/* ---- Calls that must succeed, or fail in one way. ---- */

/* Says nothing to Check as long as all is well: a child that is killed while it does would leave half a message in the
 * file that it shares with its parent. */
#define OK(expr)                                                                                                       \
    do {                                                                                                               \
        feat_error ok_error = {.code = FEAT_OK}, *err = &ok_error;                                                     \
        (void)err;                                                                                                     \
        feat_status ok_status = (expr);                                                                                \
        if (ok_status != FEAT_OK) ck_abort_msg("%s: %s: %s", #expr, feat_status_name(ok_status), ok_error.message);    \
    } while (0)

#define FAILS(expr, expected, part)                                                                                    \
    do {                                                                                                               \
        feat_error fails_error = {.code = FEAT_OK}, *err = &fails_error;                                               \
        (void)err;                                                                                                     \
        feat_status fails_status = (expr);                                                                             \
        ck_assert_msg(fails_status == (expected), "%s: %s, not %s: %s", #expr, feat_status_name(fails_status),         \
                      feat_status_name(expected), fails_error.message);                                                \
        ck_assert_int_eq((int)fails_error.code, (int)(expected));                                                      \
        ck_assert_msg(strstr(fails_error.message, part) != NULL, "'%s' is not in: %s", part, fails_error.message);     \
    } while (0)

/* ---- Random values. ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t n) { return random_bits() % n; }

static inline double bits_to_double(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* ---- A table of every type. Column `id` is the unique key. ---- */

enum { ID, TIME, AMOUNT, NAME, FLAG, DAY, CODE, N_FIELDS };

static feat_field every_field[] = {
    {"id", FEAT_TYPE_BIGINT, 1, false},   {"ts", FEAT_TYPE_TIMESTAMP, 2, true},  {"amount", FEAT_TYPE_DOUBLE, 3, false},
    {"name", FEAT_TYPE_TEXT, 4, false},   {"flag", FEAT_TYPE_BOOLEAN, 5, false}, {"day", FEAT_TYPE_DATE, 6, false},
    {"code", FEAT_TYPE_BIGINT, 7, false},
};
static uint32_t every_key[] = {ID}, every_unique[] = {ID};
static const uint32_t every_column[] = {0, 1, 2, 3, 4, 5, 6};

static inline feat_schema every_schema(uint32_t table_id) {
    return (feat_schema){.name = "events",
                         .table_id = table_id,
                         .fields = every_field,
                         .n_fields = N_FIELDS,
                         .key = every_key,
                         .n_key = 1,
                         .time = TIME,
                         .unique = every_unique,
                         .n_unique = 1};
}

static inline void every_batch(feat_batch *b) {
    feat_type types[N_FIELDS];
    for (int i = 0; i < N_FIELDS; i++) types[i] = every_field[i].type;
    OK(feat_batch_init(b, types, N_FIELDS, err));
}

/* The row of a number: the same number gives the same row. NULLs, NaN, zeros of both signs and empty texts occur. */
static inline void append_row(feat_batch *b, int64_t number) {
    uint64_t saved = random_state;
    random_state = (uint64_t)number * 0x2545f4914f6cdd1du + 1;
    feat_column *c = b->columns;
    int rc = 0;
    rc |= feat_column_append_int(&c[ID], number);
    rc |= feat_column_append_int(&c[TIME], 1700000000000000 + number * 1000 + (int64_t)random_below(500));
    static const double hard[] = {0.0, -0.0, HUGE_VAL, -HUGE_VAL, 1e-310, 0.1, 1e300};
    switch (random_below(8)) {
    case 0: rc |= feat_column_append_null(&c[AMOUNT]); break;
    case 1: rc |= feat_column_append_double(&c[AMOUNT], bits_to_double(UINT64_C(0x7ff8000000000000))); break;
    case 2: rc |= feat_column_append_double(&c[AMOUNT], hard[random_below(7)]); break;
    default: rc |= feat_column_append_double(&c[AMOUNT], (double)random_below(100000) / 100); break;
    }
    char text[64];
    switch (random_below(6)) {
    case 0: rc |= feat_column_append_null(&c[NAME]); break;
    case 1: rc |= feat_column_append_text(&c[NAME], "", 0); break;
    case 2: rc |= feat_column_append_text(&c[NAME], "a\0b", 3); break;
    default:
        rc |= feat_column_append_text(&c[NAME], text,
                                      (size_t)snprintf(text, sizeof text, "name %d", (int)random_below(3000)));
        break;
    }
    rc |= random_below(5) ? feat_column_append_int(&c[FLAG], (int64_t)random_below(2))
                          : feat_column_append_null(&c[FLAG]);
    rc |= random_below(9) ? feat_column_append_int(&c[DAY], (int64_t)random_below(40000) - 20000)
                          : feat_column_append_null(&c[DAY]);
    rc |= number % 1000 < 900 ? feat_column_append_null(&c[CODE])
                              : feat_column_append_int(&c[CODE], (int64_t)random_bits());
    if (rc != 0) ck_abort_msg("memory is out");
    b->length++;
    random_state = saved;
}

static inline void fill_rows(feat_batch *b, int64_t first, size_t n) {
    feat_batch_clear(b);
    for (size_t i = 0; i < n; i++) append_row(b, first + (int64_t)i);
}

static inline void assert_row_is(const feat_column *columns, size_t row, int64_t number) {
    static feat_batch expected;
    if (!expected.columns) every_batch(&expected);
    fill_rows(&expected, number, 1);
    for (int i = 0; i < N_FIELDS; i++)
        ck_assert_msg(feat_column_same(&columns[i], row, &expected.columns[i], 0),
                      "row %zu of column %s is not that of number %lld", row, every_field[i].name, (long long)number);
    feat_batch_done(&expected);
    expected.columns = NULL;
}

/* ---- Short forms. ---- */

static inline feat_db *open_db(const char *path, feat_mode mode) {
    feat_db *db = NULL;
    OK(feat_db_open(path, mode, &db, err));
    return db;
}

/* One commit of rows [first, first + n), given in batches of `step` rows; its version. */
static inline feat_commit_info write_rows(feat_db *db, const feat_schema *schema, int64_t first, size_t n,
                                          size_t step) {
    feat_table_writer *w = NULL;
    feat_commit_info info = {0};
    feat_batch b;
    every_batch(&b);
    OK(feat_db_lock(db, 1000, err));
    OK(feat_table_writer_begin(db, schema, &w, err));
    for (size_t at = 0; at < n; at += step) {
        fill_rows(&b, first + (int64_t)at, n - at < step ? n - at : step);
        OK(feat_table_writer_add(w, &b, err));
    }
    OK(feat_table_writer_commit(w, FEAT_OPERATION_APPEND, 0, &info, err));
    feat_db_unlock(db);
    feat_batch_done(&b);
    return info;
}

/* What the last commit that `version` is made of did to a table. */
static inline feat_version_info last_commit_of(feat_db *db, uint64_t version, uint32_t table_id) {
    feat_arena arena;
    feat_version_info *infos = NULL, info;
    size_t n = 0;
    feat_arena_init(&arena);
    OK(feat_version_list(db, version, table_id, &arena, &infos, &n, err));
    ck_assert_uint_gt(n, 0);
    info = infos[n - 1];
    feat_arena_done(&arena);
    return info;
}

/* The live rows of a version are exactly the numbers `expected(number)` in [0, end), each once. */
static inline void assert_version(feat_db *db, const feat_schema *schema, uint64_t version, int64_t end,
                                  bool (*expected)(int64_t)) {
    feat_table_version *tv = NULL;
    feat_batch b;
    OK(feat_table_open(db, schema, version, &tv, err));
    uint8_t *seen = calloc((size_t)end + 1, 1);
    every_batch(&b);
    size_t live = 0;
    for (size_t s = 0; s < feat_table_segments(tv); s++) {
        const uint8_t *deleted = NULL;
        feat_batch_clear(&b);
        OK(feat_table_read(tv, s, every_column, N_FIELDS, b.columns, err));
        OK(feat_table_deleted(tv, s, &deleted, err));
        feat_segment_info info = feat_table_segment(tv, s);
        for (size_t row = 0; row < info.rows; row++) {
            if (deleted && feat_bit_get(deleted, row)) continue;
            int64_t number = feat_column_int(&b.columns[ID], row);
            ck_assert_msg(number >= 0 && number < end && !seen[number] && expected(number), "number %lld",
                          (long long)number);
            seen[number] = 1;
            live++;
            if (number % 7 == 0) assert_row_is(b.columns, row, number);
        }
    }
    size_t wanted = 0;
    for (int64_t i = 0; i < end; i++) wanted += expected(i);
    ck_assert_uint_eq(live, wanted);
    ck_assert_int_eq(feat_table_rows(tv), (int64_t)wanted);
    feat_batch_done(&b);
    free(seen);
    feat_table_close(tv);
}

static inline int run_suite(const char *name, const TTest *const *tests, size_t n) {
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, make_directory, remove_directory);
    for (size_t i = 0; i < n; i++) tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
#define RUN(name, ...)                                                                                                 \
    int main(void) {                                                                                                   \
        const TTest *const tests[] = {__VA_ARGS__};                                                                    \
        return run_suite(name, tests, sizeof tests / sizeof *tests);                                                   \
    }

#endif
