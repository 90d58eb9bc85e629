#include "math/hyperloglog.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random.h"

static void write_state(const feat_hll *h, feat_buffer *out) {
    feat_buffer_clear(out);
    feat_hll_write(h, out);
}

static bool same_bytes(const feat_buffer *a, const feat_buffer *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

/* However a multiset of hashes is ordered, repeated and split into parts, its state is one byte string. */
START_TEST(test_order_and_merge) {
    static const size_t sizes[] = {0, 1, 2, 511, 512, 513, 600, 5000, 60000};
    random_state r = {1};
    feat_buffer once, parts;
    feat_buffer_init(&once);
    feat_buffer_init(&parts);
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t n = sizes[k];
        uint64_t *hashes = calloc(n + 1, sizeof *hashes);
        for (size_t i = 0; i < n; i++) hashes[i] = random_u64(&r);
        if (n > 2) hashes[0] = 0, hashes[1] = UINT64_MAX;
        feat_hll whole, some[3];
        feat_hll_init(&whole);
        for (size_t i = 0; i < n; i++) feat_hll_add(&whole, hashes[i]);
        write_state(&whole, &once);
        ck_assert_uint_le(once.size, FEAT_HLL_MAX_BYTES);
        if (n <= FEAT_HLL_FEW) ck_assert_uint_eq(feat_hll_count(&whole), n);
        for (int trial = 0; trial < 8; trial++) {
            for (int p = 0; p < 3; p++) feat_hll_init(&some[p]);
            for (size_t i = n; i-- > 0;) {
                feat_hll_add(&some[random_below(&r, 3)], hashes[i]);
                if (random_below(&r, 4) == 0) feat_hll_add(&some[trial % 3], hashes[i + random_below(&r, n - i)]);
            }
            feat_hll_merge(&some[1], &some[2]);
            feat_hll_merge(&some[0], &some[1]);
            feat_hll_merge(&some[0], &some[0]);
            write_state(&some[0], &parts);
            ck_assert(same_bytes(&once, &parts));
            ck_assert_uint_eq(feat_hll_count(&some[0]), feat_hll_count(&whole));
        }
        feat_cursor in;
        feat_hll back;
        feat_cursor_init(&in, once.data, once.size);
        ck_assert_int_eq(feat_hll_read(&back, &in, NULL), FEAT_OK);
        ck_assert_ptr_eq(in.at, in.end);
        write_state(&back, &parts);
        ck_assert(same_bytes(&once, &parts));
        for (size_t cut = 0; cut < once.size; cut += 1 + once.size / 50) {
            feat_cursor_init(&in, once.data, cut);
            ck_assert_int_eq(feat_hll_read(&back, &in, NULL), FEAT_CORRUPT);
        }
        free(hashes);
    }
    feat_buffer_done(&once);
    feat_buffer_done(&parts);
}
END_TEST

START_TEST(test_damage) {
    static const struct {
        const char *what;
        unsigned char bytes[19];
    } cases[] = {
        {"another form", {2, 0, 0}},
        {"too many hashes", {0, 2, 1}},
        {"a hash twice", {0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1}},
        {"hashes that descend", {0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        feat_hll h;
        feat_cursor in;
        feat_cursor_init(&in, cases[i].bytes, sizeof cases[i].bytes);
        ck_assert_msg(feat_hll_read(&h, &in, NULL) == FEAT_CORRUPT, "%s", cases[i].what);
    }
    static unsigned char registers[3073] = {1};
    feat_hll h;
    feat_cursor in;
    feat_cursor_init(&in, registers, sizeof registers);
    ck_assert_int_eq(feat_hll_read(&h, &in, NULL), FEAT_CORRUPT); /* all of them 0 */
    registers[100] = 0xd8;                                        /* 54 */
    feat_cursor_init(&in, registers, sizeof registers);
    ck_assert_int_eq(feat_hll_read(&h, &in, NULL), FEAT_CORRUPT);
    registers[100] = 0xd4; /* 53 */
    feat_cursor_init(&in, registers, sizeof registers);
    ck_assert_int_eq(feat_hll_read(&h, &in, NULL), FEAT_OK);
    ck_assert_uint_eq(feat_hll_count(&h), 1);
    memset(registers + 1, 0xd7, 3072); /* 53 everywhere: 110101 110101 ... */
    for (size_t k = 1; k < 3073; k += 3) memcpy(registers + k, "\xd7\x5d\x75", 3);
    feat_cursor_init(&in, registers, sizeof registers);
    ck_assert_int_eq(feat_hll_read(&h, &in, NULL), FEAT_OK);
    ck_assert_uint_eq(feat_hll_count(&h), UINT64_C(1) << 63);
}
END_TEST

/* The error that is stated: over many sets its root mean square is that, and its mean is nothing. */
START_TEST(test_error) {
    static const size_t sizes[] = {600, 3000, 12000, 100000};
    random_state r = {7};
    for (size_t k = 0; k < 4; k++) {
        enum { SETS = 300 };
        double sum = 0, squares = 0;
        for (int set = 0; set < SETS; set++) {
            feat_hll h;
            feat_hll_init(&h);
            for (size_t i = 0; i < sizes[k]; i++) feat_hll_add(&h, random_u64(&r));
            double error = (double)feat_hll_count(&h) / (double)sizes[k] - 1;
            sum += error;
            squares += error * error;
        }
        double rms = sqrt(squares / SETS);
        ck_assert_msg(rms < 0.0163 * 1.15, "%zu values: error %g", sizes[k], rms);
        ck_assert_msg(fabs(sum / SETS) < 4 * rms / sqrt(SETS), "%zu values: bias %g", sizes[k], sum / SETS);
    }
}
END_TEST

/* The bits of the estimate do not depend on the machine: these are those of the first one. */
START_TEST(test_fixed) {
    static const struct {
        size_t n;
        uint64_t count;
    } cases[] = {{512, 512}, {513, 516}, {1000, 987}, {10000, 9799}, {1000000, 986646}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        random_state r = {3};
        feat_hll h;
        feat_hll_init(&h);
        for (size_t i = 0; i < cases[k].n; i++) feat_hll_add(&h, random_u64(&r));
        ck_assert_uint_eq(feat_hll_count(&h), cases[k].count);
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("hyperloglog");
    TCase *tc = tcase_create("hyperloglog");
    tcase_add_test(tc, test_order_and_merge);
    tcase_add_test(tc, test_damage);
    tcase_add_test(tc, test_error);
    tcase_add_test(tc, test_fixed);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
