#include "math/quantile.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "math/ddsketch.h"
#include "math/number.h"
#include "random.h"

static bool same_bits(double a, double b) { return feat_double_bits(a) == feat_double_bits(b); }

START_TEST(test_shares) {
    static const struct {
        double q;
        uint64_t part, whole;
    } cases[] = {
        {0, 0, 8},
        {1, 8, 8},
        {0.5, 4, 8},
        {0.25, 2, 8},
        {0.1, 1, 10},
        {0.99, 99, 100},
        {0.999, 999, 1000},
        {0.07, 7, 100},
        {1.0 / 3, 3002399751580330, UINT64_C(1) << 53},
        {0x1p-60, 0, UINT64_C(1) << 53},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        feat_share s = feat_share_of(cases[i].q);
        ck_assert_msg(s.part == cases[i].part && s.whole == cases[i].whole, "%.17g: %llu of %llu", cases[i].q,
                      (unsigned long long)s.part, (unsigned long long)s.whole);
    }
    /* In doubles 0.07 * 100 is above 7. */
    ck_assert_uint_eq(feat_share_place(feat_share_of(0.07), 100), 6);
    ck_assert_uint_eq(feat_share_place(feat_share_of(0.0), 100), 0);
    ck_assert_uint_eq(feat_share_place(feat_share_of(1.0), 100), 99);
    ck_assert_uint_eq(feat_share_place(feat_share_of(0.5), 4), 1);
    ck_assert_uint_eq(feat_share_place(feat_share_of(0.5), 5), 2);
    ck_assert_uint_eq(feat_share_place(feat_share_of(1.0), SIZE_MAX), SIZE_MAX - 1);
    uint64_t rest;
    ck_assert_uint_eq(feat_share_between(feat_share_of(0.1), 11, &rest), 1);
    ck_assert_uint_eq(rest, 0);
    ck_assert_uint_eq(feat_share_between(feat_share_of(0.3), 8, &rest), 2);
    ck_assert_uint_eq(rest, 1);
    ck_assert_uint_eq(feat_share_between(feat_share_of(1.0), 8, &rest), 7);
    ck_assert_uint_eq(rest, 0);
}
END_TEST

/* As many times one and as many times the other as the share says, added up exactly. */
static double slow_between(double low, double high, uint64_t rest, uint64_t whole) {
    feat_exact sum;
    feat_exact_init(&sum);
    for (uint64_t i = rest; i < whole; i++) feat_exact_add(&sum, low);
    for (uint64_t i = 0; i < rest; i++) feat_exact_add(&sum, high);
    return feat_exact_mean(&sum, (int64_t)whole);
}

START_TEST(test_between) {
    random_state r = {11};
    static const uint64_t wholes[] = {2, 8, 10, 100};
    size_t wrong = 0;
    for (int trial = 0; trial < 4000; trial++) {
        double pair[2];
        random_values(&r, (unsigned)random_below(&r, RANDOM_KINDS), pair, 2);
        uint64_t whole = wholes[random_below(&r, 4)], rest = random_below(&r, whole);
        wrong += !same_bits(feat_between_doubles(pair[0], pair[1], rest, whole),
                            slow_between(pair[0], pair[1], rest, whole));
        int64_t a = (int64_t)random_u64(&r) >> random_below(&r, 64), b = (int64_t)random_u64(&r);
        feat_int128 sum = (feat_int128)a * (int64_t)(whole - rest) + (feat_int128)b * (int64_t)rest;
        wrong += !same_bits(feat_between_integers(a, b, rest, whole), feat_int_mean(sum, (int64_t)whole));
        wrong += !same_bits(feat_between_wides(a, b, 0, rest, whole), feat_int_mean(sum, (int64_t)whole));
        int64_t low = a < b ? a : b, high = a < b ? b : a;
        feat_int128 floor = (sum = (feat_int128)low * (int64_t)(whole - rest) + (feat_int128)high * (int64_t)rest,
                             sum / (int64_t)whole - (sum % (int64_t)whole < 0));
        wrong += feat_between_instants(low, high, rest, whole) != (int64_t)floor;
    }
    ck_assert_uint_eq(wrong, 0);
}
END_TEST

START_TEST(test_between_edges) {
    const uint64_t whole = UINT64_C(1) << 53;
    static const struct {
        double low, high, half;
    } cases[] = {
        {-INFINITY, INFINITY, NAN},
        {-INFINITY, 1, -INFINITY},
        {1, INFINITY, INFINITY},
        {INFINITY, INFINITY, INFINITY},
        {1, NAN, NAN},
        {-0.0, -0.0, 0.0},
        {-1, 1, 0.0},
        {DBL_MAX, DBL_MAX, DBL_MAX},
        {-DBL_MAX, DBL_MAX, 0.0},
        {0, 0x1p-1074, 0},
        {0x1p-1074, 0x1p-1073, 0x1p-1073},
        {1, 1 + 0x1p-52, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = feat_between_doubles(cases[i].low, cases[i].high, whole / 2, whole);
        ck_assert_msg(same_bits(got, feat_double_canonical(cases[i].half)), "%g and %g: %a", cases[i].low,
                      cases[i].high, got);
    }
    /* What has no share is not looked at. */
    ck_assert(same_bits(feat_between_doubles(1, INFINITY, 0, 8), 1.0));
    ck_assert(same_bits(feat_between_doubles(-0.0, 1, 0, 8), 0.0));
    ck_assert(same_bits(feat_between_doubles(DBL_MAX, DBL_MAX, whole - 1, whole), DBL_MAX));
    ck_assert(same_bits(feat_between_integers(INT64_MIN, INT64_MAX, 1, 2), -0.5));
    ck_assert_int_eq(feat_between_instants(INT64_MIN, INT64_MAX, 1, 2), -1);
    ck_assert_int_eq(feat_between_instants(-4, -1, 1, 2), -3);
    feat_int128 greatest = 0;
    for (int i = 0; i < 38; i++) greatest = greatest * 10 + 9;
    ck_assert(same_bits(feat_between_wides(-greatest, greatest, 38, whole / 2, whole), 0.0));
    ck_assert(same_bits(feat_between_wides(greatest, greatest, 38, 1, whole), 1.0));
    ck_assert(same_bits(feat_between_wides(-greatest, -greatest + 3, 10, whole - 1, whole), -1e28));
    ck_assert(same_bits(feat_between_wides(100, 201, 2, 1, 2), 1.505));
}
END_TEST

/* ---- The sketch. ---- */

static int by_order(const void *a, const void *b) { return feat_double_order(*(const double *)a, *(const double *)b); }

static void write_sketch(feat_ddsketch *s, feat_buffer *out) {
    feat_buffer_clear(out);
    feat_ddsketch_write(s, out);
}

static bool same_bytes(const feat_buffer *a, const feat_buffer *b) {
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

enum { VALUES = 3000 };

static size_t fill(random_state *r, unsigned kind, double values[VALUES]) {
    size_t n = 1 + (size_t)random_below(r, kind < 3 ? 5 : VALUES);
    random_values(r, kind, values, n);
    static const double special[] = {INFINITY, -INFINITY, NAN, -0.0, 0.0, 0x1p-1074, DBL_MAX, -DBL_MAX};
    for (size_t i = 0; random_below(r, 2) && i < n; i += 1 + (size_t)random_below(r, 20))
        values[i] = special[random_below(r, 8)];
    return n;
}

START_TEST(test_sketch) {
    random_state r = {5};
    double values[VALUES];
    feat_buffer once, parts;
    feat_buffer_init(&once);
    feat_buffer_init(&parts);
    for (int trial = 0; trial < 120; trial++) {
        size_t n = fill(&r, (unsigned)trial % RANDOM_KINDS, values), wrong = 0;
        feat_ddsketch whole, some[3], back;
        feat_ddsketch_init(&whole);
        feat_ddsketch_init(&back);
        for (int p = 0; p < 3; p++) feat_ddsketch_init(&some[p]);
        for (size_t i = 0; i < n; i++) {
            ck_assert_int_eq(feat_ddsketch_add(&whole, values[i]), 0);
            ck_assert_int_eq(feat_ddsketch_add(&some[random_below(&r, 3)], values[n - 1 - i]), 0);
        }
        for (int p = 1; p < 3; p++) ck_assert_int_eq(feat_ddsketch_merge(&some[0], &some[p]), 0);
        write_sketch(&whole, &once);
        write_sketch(&some[0], &parts);
        ck_assert(same_bytes(&once, &parts));
        ck_assert_uint_le(once.size, FEAT_DDSKETCH_MAX_BYTES);
        feat_cursor in;
        feat_cursor_init(&in, once.data, once.size);
        ck_assert_int_eq(feat_ddsketch_read(&back, &in, NULL), FEAT_OK);
        ck_assert_ptr_eq(in.at, in.end);
        write_sketch(&back, &parts);
        ck_assert(same_bytes(&once, &parts));
        qsort(values, n, sizeof *values, by_order);
        for (int k = 0; k <= 100; k++) {
            feat_share share = {(uint64_t)k, 100};
            double exact = values[feat_share_place(share, n)], got = feat_ddsketch_quantile(&back, share);
            if (exact != exact || exact == 0 || fabs(exact) == HUGE_VAL)
                wrong += !same_bits(got, feat_double_canonical(exact + 0.0));
            else wrong += got != got || fabs(got - exact) > fmax(fabs(exact), DBL_MIN) / 128;
            wrong += got < values[0] || got > values[n - 1];
            if (k == 0 || k == 100) wrong += !same_bits(got, feat_double_canonical(exact == 0 ? 0.0 : exact));
        }
        ck_assert_uint_eq(wrong, 0);
        ck_assert_int_eq(feat_ddsketch_merge(&whole, &whole), 0);
        ck_assert_uint_eq(whole.count, 2 * n);
        for (int p = 0; p < 3; p++) feat_ddsketch_done(&some[p]);
        feat_ddsketch_done(&whole);
        feat_ddsketch_done(&back);
    }
    feat_buffer_done(&once);
    feat_buffer_done(&parts);
}
END_TEST

/* Bins ascend with their values, and hold what they say. */
START_TEST(test_bins) {
    size_t wrong = 0;
    double before = -INFINITY;
    for (int32_t bin = -(0x7ff * 64); bin <= 0x7ff * 64; bin++) {
        double middle = feat_ddsketch_value(bin, -INFINITY, INFINITY);
        wrong += feat_ddsketch_bin_of(middle) != bin || !(middle > before);
        before = middle;
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_int_eq(feat_ddsketch_bin_of(NAN), FEAT_DDSKETCH_BIN_MAX);
    ck_assert_int_eq(feat_ddsketch_bin_of(INFINITY), FEAT_DDSKETCH_BIN_MAX - 1);
    ck_assert_int_eq(feat_ddsketch_bin_of(-INFINITY), -(FEAT_DDSKETCH_BIN_MAX - 1));
    ck_assert_int_eq(feat_ddsketch_bin_of(DBL_MAX), FEAT_DDSKETCH_BIN_MAX - 2);
}
END_TEST

/* No bytes are taken that are not written. */
START_TEST(test_sketch_damage) {
    feat_ddsketch s, back;
    feat_buffer good, bytes;
    feat_buffer_init(&good);
    feat_buffer_init(&bytes);
    feat_ddsketch_init(&s);
    static const double values[] = {-INFINITY, -5, 0, 0.001, 1, 1, 1e300, NAN};
    for (size_t i = 0; i < 8; i++) ck_assert_int_eq(feat_ddsketch_add(&s, values[i]), 0);
    write_sketch(&s, &good);
    size_t taken = 0, wrong = 0;
    random_state r = {2};
    for (int trial = 0; trial < 50000; trial++) {
        feat_buffer_clear(&bytes);
        feat_buffer_append(&bytes, good.data, good.size);
        for (uint64_t k = random_below(&r, 3); k < 3; k++)
            bytes.data[random_below(&r, bytes.size)] = (unsigned char)random_u64(&r);
        if (trial < 100) bytes.size = (size_t)random_below(&r, bytes.size);
        feat_cursor in;
        feat_cursor_init(&in, bytes.data, bytes.size);
        feat_ddsketch_init(&back);
        feat_status status = feat_ddsketch_read(&back, &in, NULL);
        if (status != FEAT_OK) {
            wrong += status != FEAT_CORRUPT || back.bins != NULL;
            continue;
        }
        taken++;
        size_t used = (size_t)(in.at - bytes.data);
        write_sketch(&back, &good);
        wrong += good.size != used || memcmp(good.data, bytes.data, used) != 0;
        write_sketch(&s, &good);
        feat_ddsketch_done(&back);
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(taken, 0);
    feat_ddsketch_done(&s);
    feat_buffer_done(&good);
    feat_buffer_done(&bytes);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("quantile");
    TCase *tc = tcase_create("quantile");
    tcase_add_test(tc, test_shares);
    tcase_add_test(tc, test_between);
    tcase_add_test(tc, test_between_edges);
    tcase_add_test(tc, test_sketch);
    tcase_add_test(tc, test_bins);
    tcase_add_test(tc, test_sketch_damage);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
