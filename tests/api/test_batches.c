/* Batches held for replay, streams of plain rows and of one array; every allocation fails once. */
#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "feat/python.h"

static const int64_t ids[] = {7, 8, 9};
static const double amounts[] = {1.5, -0.0, 0.25};
static const uint8_t present[] = {1, 0, 1};
static const char words[] = "abXYZc";
static const int64_t offsets[] = {0, 2, 5, 6};
static const int32_t days[] = {-1, 0, 1};
static const uint8_t truths[] = {1, 0, 1};

static const feat_plain_column table[] = {
    {"id", FEAT_TYPE_BIGINT, NULL, ids, NULL},           {"amount", FEAT_TYPE_DOUBLE, present, amounts, NULL},
    {"word", FEAT_TYPE_TEXT, present, words, offsets},   {"day", FEAT_TYPE_DATE, NULL, days, NULL},
    {"truth", FEAT_TYPE_BOOLEAN, present, truths, NULL}, {"at", FEAT_TYPE_TIMESTAMP, NULL, ids, NULL},
    {"nothing", (feat_type)0, NULL, NULL, NULL},
};
#define N_COLUMNS (sizeof table / sizeof *table)
#define N_ROWS    3

static int is_present(const struct ArrowArray *a, int64_t row) {
    const uint8_t *validity = a->buffers[0];
    return !validity || (validity[row / 8] >> (row % 8) & 1);
}

static void check_batch(const struct ArrowArray *batch) {
    ck_assert_int_eq(batch->length, N_ROWS);
    ck_assert_int_eq(batch->n_children, (int64_t)N_COLUMNS);
    for (int64_t row = 0; row < N_ROWS; row++) {
        ck_assert_int_eq(((const int64_t *)batch->children[0]->buffers[1])[row], ids[row]);
        ck_assert_int_eq(is_present(batch->children[1], row), present[row]);
        ck_assert_int_eq(is_present(batch->children[2], row), present[row]);
        if (present[row])
            ck_assert(memcmp((const double *)batch->children[1]->buffers[1] + row, amounts + row, 8) == 0);
        ck_assert_int_eq(((const int32_t *)batch->children[3]->buffers[1])[row], days[row]);
    }
    const int64_t *at = batch->children[2]->buffers[1];
    const char *text = batch->children[2]->buffers[2];
    ck_assert(at[1] - at[0] == 2 && memcmp(text + at[0], "ab", 2) == 0);
    ck_assert(at[3] - at[2] == 1 && text[at[2]] == 'c'); /* what NULL hid moves nothing */
    ck_assert_int_eq(batch->children[6]->null_count, N_ROWS);
}

/* Reads a stream of `n` batches to its end and releases it. */
static void check_stream(struct ArrowArrayStream *stream, int n) {
    struct ArrowSchema schema;
    struct ArrowArray batch;
    ck_assert_int_eq(stream->get_schema(stream, &schema), 0);
    ck_assert_int_eq(schema.n_children, (int64_t)N_COLUMNS);
    for (size_t i = 0; i < N_COLUMNS; i++) ck_assert_str_eq(schema.children[i]->name, table[i].name);
    ck_assert_str_eq(schema.children[6]->format, "n");
    schema.release(&schema);
    for (int i = 0; i < n; i++) {
        ck_assert_int_eq(stream->get_next(stream, &batch), 0);
        check_batch(&batch);
        batch.release(&batch);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(stream->get_next(stream, &batch), 0);
        ck_assert_ptr_null(batch.release);
    }
    stream->release(stream);
}

START_TEST(test_rows) {
    struct ArrowArrayStream stream = {0};
    ck_assert_int_eq(feat_stream_of_rows(table, N_COLUMNS, N_ROWS, &stream, NULL), FEAT_OK);
    check_stream(&stream, 1);
    ck_assert_int_eq(feat_stream_of_rows(NULL, 0, 0, &stream, NULL), FEAT_OK);
    stream.release(&stream);
}
END_TEST

START_TEST(test_fixed_sizes) {
    static const feat_type types[] = {FEAT_TYPE_TINYINT,  FEAT_TYPE_SMALLINT,  FEAT_TYPE_INTEGER,
                                      FEAT_TYPE_UTINYINT, FEAT_TYPE_USMALLINT, FEAT_TYPE_UINTEGER,
                                      FEAT_TYPE_UBIGINT,  FEAT_TYPE_REAL,      FEAT_TYPE_DECIMAL_OF(38, 2)};
    static const size_t sizes[] = {1, 2, 4, 1, 2, 4, 8, 4, 16};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        uint8_t values[4 * 16 + 1], *odd = values + 1; /* at an odd address */
        for (size_t b = 0; b < 4 * sizes[i]; b++) odd[b] = (uint8_t)(b * 37 + 129) & 0x7f;
        odd[sizes[i] - 1] = types[i] == FEAT_TYPE_REAL ? 0x42 : odd[sizes[i] - 1] | 0x80; /* a negative one, no NaN */
        const feat_plain_column column = {"x", types[i], NULL, odd, NULL};
        struct ArrowArrayStream stream = {0};
        struct ArrowArray batch = {0};
        ck_assert_int_eq(feat_stream_of_rows(&column, 1, 4, &stream, NULL), FEAT_OK);
        ck_assert_int_eq(stream.get_next(&stream, &batch), 0);
        ck_assert_int_eq(batch.length, 4);
        ck_assert_msg(memcmp(batch.children[0]->buffers[1], odd, 4 * sizes[i]) == 0, "type %zu", i);
        batch.release(&batch);
        stream.release(&stream);
    }
}
END_TEST

START_TEST(test_refusals) {
    static const int64_t back[] = {0, 2, 1, 3}, before[] = {-1, 2, 3, 4};
    static const feat_plain_column bad[] = {
        {"x", (feat_type)99, NULL, ids, NULL},      {NULL, FEAT_TYPE_BIGINT, NULL, ids, NULL},
        {"x", FEAT_TYPE_BIGINT, NULL, NULL, NULL},  {"x", FEAT_TYPE_TEXT, NULL, words, NULL},
        {"x", FEAT_TYPE_TEXT, NULL, words, back},   {"x", FEAT_TYPE_TEXT, present, words, back},
        {"x", FEAT_TYPE_TEXT, NULL, words, before}, {"x", FEAT_TYPE_BLOB, NULL, words, NULL},
        {"x", FEAT_TYPE_DECIMAL, NULL, ids, NULL},  {"x", FEAT_TYPE_VECTOR_OF(FEAT_TYPE_REAL, 2), NULL, words, NULL},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct ArrowArrayStream stream = {0};
        feat_error err = {0};
        ck_assert_int_eq(feat_stream_of_rows(&bad[i], 1, N_ROWS, &stream, &err), FEAT_ARGUMENT);
        ck_assert(err.message[0] && !stream.release);
    }
    struct ArrowArrayStream released = {0};
    feat_batches *batches = NULL;
    ck_assert_int_eq(feat_batches_collect(&released, &batches, NULL), FEAT_ARGUMENT);
    ck_assert_int_eq(feat_batches_stream(NULL, &released, NULL), FEAT_ARGUMENT);
    ck_assert_int_eq(feat_stream_of_array(NULL, NULL, &released, NULL), FEAT_ARGUMENT);
    feat_batches_free(NULL);
    feat_stream_free(NULL);
    feat_pycapsule_stream_destroy(NULL);
    ck_assert_int_eq(feat_batches_rows(NULL), 0);
}
END_TEST

static feat_batches *collected(void) {
    struct ArrowArrayStream stream = {0};
    feat_batches *batches = NULL;
    ck_assert_int_eq(feat_stream_of_rows(table, N_COLUMNS, N_ROWS, &stream, NULL), FEAT_OK);
    ck_assert_int_eq(feat_batches_collect(&stream, &batches, NULL), FEAT_OK);
    ck_assert_ptr_null(stream.release);
    ck_assert_int_eq(feat_batches_rows(batches), N_ROWS);
    return batches;
}

START_TEST(test_replay) {
    feat_batches *batches = collected();
    struct ArrowArrayStream first, second;
    ck_assert_int_eq(feat_batches_stream(batches, &first, NULL), FEAT_OK);
    ck_assert_int_eq(feat_batches_stream(batches, &second, NULL), FEAT_OK);
    feat_batches_free(batches); /* the streams keep it */
    check_stream(&first, 1);
    check_stream(&second, 1);
}
END_TEST

START_TEST(test_array_outlives_all) {
    feat_batches *batches = collected();
    struct ArrowArrayStream stream;
    struct ArrowArray batch, child;
    ck_assert_int_eq(feat_batches_stream(batches, &stream, NULL), FEAT_OK);
    ck_assert_int_eq(stream.get_next(&stream, &batch), 0);
    stream.release(&stream);
    feat_batches_free(batches);
    check_batch(&batch);
    child = *batch.children[0]; /* moved out: released apart from its parent, and later */
    batch.children[0]->release = NULL;
    batch.release(&batch);
    ck_assert_ptr_null(batch.release);
    ck_assert_int_eq(((const int64_t *)child.buffers[1])[2], 9);
    child.release(&child);
}
END_TEST

static int failing_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    (void)stream;
    out->release = NULL;
    return 5;
}

static const char *failing_message(struct ArrowArrayStream *stream) {
    (void)stream;
    return "the disk is on fire";
}

START_TEST(test_failing_stream) {
    struct ArrowArrayStream stream;
    feat_batches *batches = NULL;
    feat_error err = {0};
    ck_assert_int_eq(feat_stream_of_rows(table, N_COLUMNS, N_ROWS, &stream, NULL), FEAT_OK);
    stream.get_next = failing_next;
    stream.get_last_error = failing_message;
    ck_assert_int_eq(feat_batches_collect(&stream, &batches, &err), FEAT_CANCELLED);
    ck_assert(strstr(err.message, "the disk is on fire") && !stream.release && !batches);
}
END_TEST

/* One run of everything; false when an allocation failed, as the caller arranged. */
static bool run(void) {
    struct ArrowArrayStream *stream = feat_stream_new(), replay = {0};
    feat_batches *batches = NULL;
    bool done = stream && feat_stream_of_rows(table, N_COLUMNS, N_ROWS, stream, NULL) == FEAT_OK;
    done = done && feat_batches_collect(stream, &batches, NULL) == FEAT_OK;
    done = done && feat_batches_stream(batches, &replay, NULL) == FEAT_OK;
    struct ArrowArray batch = {0};
    done = done && replay.get_next(&replay, &batch) == 0;
    if (batch.release) batch.release(&batch);
    if (replay.release) replay.release(&replay);
    feat_batches_free(batches);
    feat_stream_free(stream);
    return done;
}

START_TEST(test_allocation_failures) {
    int64_t n = 1;
    for (;; n++) {
        feat_alloc_fail_after(n);
        bool done = run();
        feat_alloc_fail_after(0);
        if (done) break;
        ck_assert_int_lt(n, 1000);
    }
    ck_assert_int_gt(n, 10);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("batches");
    TCase *tests = tcase_create("batches");
    tcase_add_test(tests, test_rows);
    tcase_add_test(tests, test_fixed_sizes);
    tcase_add_test(tests, test_refusals);
    tcase_add_test(tests, test_replay);
    tcase_add_test(tests, test_array_outlives_all);
    tcase_add_test(tests, test_failing_stream);
    tcase_add_test(tests, test_allocation_failures);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
