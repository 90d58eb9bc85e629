#include "math/exact.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "math/exact_level.h"
#include "math/number.h"
#include "random.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define assert_bits(actual, expected)                                                                                  \
    ck_assert_msg(feat_double_bits(actual) == feat_double_bits(expected), "%a (%016llx), not %a", (actual),            \
                  (unsigned long long)feat_double_bits(actual), (expected))
#define TINY          0x1p-1074
#define CANONICAL_NAN feat_double_of_bits(FEAT_NAN_BITS)

static feat_exact sum_of(const double *values, size_t n) {
    feat_exact sum;
    feat_exact_init(&sum);
    for (size_t i = 0; i < n; i++) feat_exact_add(&sum, values[i]);
    return sum;
}

/* ---- hand-made cases ------------------------------------------------------------------------------------------ */

static const struct {
    const char *what;
    size_t n;
    double terms[8], sum, mean; /* mean 0 beside another sum: not checked here, unless that sum is tiny */
} cases[] = {
    {"one", 1, {1.0}, 1.0, 1.0},
    {"zero is +0", 2, {-0.0, -0.0}, 0.0, 0.0},
    {"cancels to +0", 2, {-3.5, 3.5}, 0.0, 0.0},
    {"tenths", 3, {0.1, 0.2, -0.3}, 0x1p-55, 0x1p-55 / 3},
    {"cancellation of the large", 3, {1e308, 1.0, -1e308}, 1.0, 1.0 / 3},
    {"cancellation that leaves the smallest", 3, {DBL_MAX, TINY, -DBL_MAX}, TINY, 0.0},
    {"overflow that comes back", 4, {DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX}, 0.0, 0.0},
    {"overflow that comes back to the largest", 3, {DBL_MAX, DBL_MAX, -DBL_MAX}, DBL_MAX, DBL_MAX / 3},
    {"overflow", 2, {DBL_MAX, DBL_MAX}, INFINITY, DBL_MAX},
    {"negative overflow", 2, {-DBL_MAX, -DBL_MAX}, -INFINITY, -DBL_MAX},
    {"just under half an ulp above the largest", 3, {DBL_MAX, 0x1p970, -TINY}, DBL_MAX, DBL_MAX / 3},
    {"half an ulp above the largest", 2, {DBL_MAX, 0x1p970}, INFINITY, 0x1p1023},
    {"tie to even, down", 2, {0x1p53, 1.0}, 0x1p53, 0x1p52},
    {"tie to even, up", 3, {0x1p53, 2.0, 1.0}, 0x1p53 + 4, 0},
    {"a hair above the tie", 3, {0x1p53, 1.0, TINY}, 0x1p53 + 2, 0},
    {"a hair below the tie", 4, {0x1p53, 2.0, 1.0, -TINY}, 0x1p53 + 2, 0x1p51 + 0.5},
    {"negative tie to even", 2, {-0x1p53, -1.0}, -0x1p53, -0x1p52},
    {"negative, a hair beyond", 3, {-0x1p53, -1.0, -TINY}, -0x1p53 - 2, 0},
    {"round up across a binade", 2, {0x1.fffffffffffffp0, 0x1p-53}, 2.0, 1.0},
    {"subnormals", 3, {TINY, TINY, TINY}, 3 * TINY, TINY},
    {"subnormal mean, tie to even down", 2, {TINY}, TINY, 0.0},
    {"subnormal mean, tie to even up", 2, {2 * TINY, TINY}, 3 * TINY, 2 * TINY},
    {"subnormal mean, above the tie", 3, {2 * TINY}, 2 * TINY, TINY},
    {"subnormal mean, below the tie", 3, {TINY}, TINY, 0.0},
    {"negative mean that underflows keeps its sign", 3, {-TINY}, -TINY, -0.0},
    {"subnormals make a normal", 2, {0x1p-1023, 0x1p-1023}, 0x1p-1022, 0x1p-1023},
    {"mean straddles normal and subnormal", 2, {0x1p-1022 + TINY, -TINY}, 0x1p-1022, 0x1p-1023},
    {"+inf", 2, {INFINITY, 1.0}, INFINITY, INFINITY},
    {"-inf", 2, {-INFINITY, DBL_MAX}, -INFINITY, -INFINITY},
    {"both infinities", 2, {-INFINITY, INFINITY}, NAN, NAN},
    {"nan", 3, {NAN, INFINITY, 1.0}, NAN, NAN},
};

START_TEST(test_cases) {
    for (size_t i = 0; i < COUNT(cases); i++) {
        const double *v = cases[i].terms;
        size_t n = cases[i].n;
        feat_exact sum = sum_of(v, n);
        double expected = feat_double_canonical(cases[i].sum);
        ck_assert_msg(feat_double_bits(feat_exact_round(&sum)) == feat_double_bits(expected), "%s: sum %a, not %a",
                      cases[i].what, feat_exact_round(&sum), expected);
        feat_exact_normalise(&sum);
        assert_bits(feat_exact_round(&sum), expected);
        if (cases[i].mean != 0 || expected == 0 || fabs(expected) <= 4 * TINY) {
            double mean = feat_exact_mean(&sum, (int64_t)n), wanted = feat_double_canonical(cases[i].mean);
            ck_assert_msg(feat_double_bits(mean) == feat_double_bits(wanted), "%s: mean %a, not %a", cases[i].what,
                          mean, wanted);
        }
        int exponent;
        bool special;
        if (!feat_fixed_plan(v, n, &exponent, &special) || special) continue;
        feat_int128 fixed = 0;
        for (size_t j = 0; j < n; j++) fixed += feat_fixed_of(v[j], exponent);
        assert_bits(feat_fixed_round(fixed, exponent), expected);
        assert_bits(feat_fixed_mean(fixed, exponent, (int64_t)n), feat_exact_mean(&sum, (int64_t)n));
    }
}
END_TEST

/* A tie, and a term that breaks it however far below it stands. */
START_TEST(test_far_below_a_tie) {
    for (int k = 1; k <= 1074; k++) {
        double hair = feat_double_of_bits(k <= 1022 ? (uint64_t)(1023 - k) << 52 : UINT64_C(1) << (1074 - k));
        feat_exact above = sum_of((const double[]){0x1p53, 1.0, hair}, 3);
        feat_exact below = sum_of((const double[]){0x1p53, 1.0, -hair}, 3);
        assert_bits(feat_exact_round(&above), 0x1p53 + 2);
        assert_bits(feat_exact_round(&below), 0x1p53);
        for (int64_t n = 1; n > 0 && n <= INT64_MAX / 2; n *= 2) {
            assert_bits(feat_exact_mean(&above, n), (0x1p53 + 2) / (double)n);
            assert_bits(feat_exact_mean(&below, n), 0x1p53 / (double)n);
        }
    }
}
END_TEST

START_TEST(test_mean_without_terms) {
    feat_exact sum;
    feat_exact_init(&sum);
    assert_bits(feat_exact_mean(&sum, 0), CANONICAL_NAN);
    assert_bits(feat_exact_mean(&sum, -1), CANONICAL_NAN);
    assert_bits(feat_fixed_mean(1, 0, 0), CANONICAL_NAN);
    assert_bits(feat_int_mean(1, 0), CANONICAL_NAN);
    assert_bits(feat_exact_mean(&sum, 1), 0.0);
    assert_bits(feat_fixed_mean(0, -1074, INT64_MAX), 0.0);
}
END_TEST

/* ---- the group ------------------------------------------------------------------------------------------------ */

START_TEST(test_many_carries) {
    feat_exact up, down;
    feat_exact_init(&up);
    feat_exact_init(&down);
    for (int i = 0; i < 100000; i++) {
        feat_exact_add(&up, DBL_MAX);
        feat_exact_add(&up, 0x1.fffffffffffffp0);
        feat_exact_sub(&down, 0x1.fffffffffffffp0);
        feat_exact_sub(&down, DBL_MAX);
    }
    assert_bits(feat_exact_mean(&up, 100000), DBL_MAX);
    assert_bits(feat_exact_round(&up), INFINITY);
    assert_bits(feat_exact_round(&down), -INFINITY);
    feat_exact_merge(&up, &down);
    ck_assert(feat_exact_is_zero(&up));
    /* The exponent at which a term fills its high digit most, in sums that are merged before they carry. */
    for (size_t n = 1; n < 2100; n += n < 990 ? 89 : 1) {
        feat_exact part, total;
        feat_exact_init(&part);
        for (size_t i = 0; i < n; i++) feat_exact_sub(&part, 0x1.fffffffffffffp1);
        feat_exact_init(&total);
        for (size_t i = 0; i < 5; i++) feat_exact_merge(&total, &part);
        assert_bits(feat_exact_mean(&total, 5 * (int64_t)n), -0x1.fffffffffffffp1);
    }
}
END_TEST

START_TEST(test_merge_and_unmerge) {
    random_state r = {7};
    static double values[3000];
    for (unsigned kind = 0; kind < RANDOM_KINDS * 3; kind++) {
        size_t n = 1 + random_below(&r, COUNT(values)), cut = random_below(&r, n);
        random_values(&r, kind % RANDOM_KINDS, values, n);
        if (kind % 3 == 0) values[random_below(&r, n)] = INFINITY;
        if (kind % 5 == 0) values[random_below(&r, n)] = NAN;
        feat_exact whole = sum_of(values, n), left = sum_of(values, cut), right = sum_of(values + cut, n - cut);
        feat_exact sum = left;
        feat_exact_merge(&sum, &right);
        ck_assert(feat_exact_equal(&sum, &whole));
        feat_exact_unmerge(&sum, &left);
        ck_assert(feat_exact_equal(&sum, &right));
        assert_bits(feat_exact_round(&sum), feat_exact_round(&right));
        /* Terms taken away one by one, and sums of themselves. */
        for (size_t i = 0; i < cut; i++) feat_exact_sub(&whole, values[i]);
        ck_assert(feat_exact_equal(&whole, &right));
        for (int twice = 0; twice < 12; twice++) feat_exact_merge(&whole, &whole);
        for (int i = 0; i < 4096; i++) feat_exact_unmerge(&whole, &right);
        ck_assert(feat_exact_is_zero(&whole));
        feat_exact_unmerge(&left, &left);
        ck_assert(feat_exact_is_zero(&left));
    }
}
END_TEST

START_TEST(test_specials_can_leave) {
    feat_exact sum = sum_of((const double[]){INFINITY, 2.0, -INFINITY, NAN}, 4);
    feat_exact_sub(&sum, -NAN);
    assert_bits(feat_exact_round(&sum), CANONICAL_NAN);
    feat_exact_sub(&sum, INFINITY);
    assert_bits(feat_exact_round(&sum), -INFINITY);
    feat_exact_sub(&sum, -INFINITY);
    assert_bits(feat_exact_round(&sum), 2.0);
    feat_exact_sub(&sum, 2.0);
    ck_assert(feat_exact_is_zero(&sum));
    feat_exact_add(&sum, NAN);
    ck_assert(!feat_exact_is_zero(&sum));
}
END_TEST

/* With the instructions of every kind of processor that this one can stand for, and as it is called. */
static void assert_array_sum(const double *values, size_t n, const char *what, unsigned round) {
    feat_exact one_by_one = sum_of(values, n), bulk;
    feat_exact_init(&bulk);
    feat_exact_add_array(&bulk, values, n);
    ck_assert_msg(feat_exact_equal(&bulk, &one_by_one), "%s %u: %zu values", what, round, n);
    for (int level = 0; level <= (int)feat_math_level_best(); level++) {
        feat_exact_init(&bulk);
        feat_exact_table_of((feat_math_level)level)->add(&bulk, values, n);
        ck_assert_msg(feat_exact_equal(&bulk, &one_by_one), "%s %u: %zu values, level %d", what, round, n, level);
    }
}

START_TEST(test_arrays) {
    random_state r = {11};
    static double values[5003];
    unsigned rounds = getenv("FEAT_TEST_LONG") ? RANDOM_KINDS * 2000 : RANDOM_KINDS * 24;
    for (unsigned round = 0; round < rounds; round++) {
        size_t n = random_below(&r, round % 3 ? 5000 : 70);
        unsigned kind = round % RANDOM_KINDS;
        double *v = values + random_below(&r, 4);
        random_values(&r, kind, v, n);
        if (round % 4 == 0) { /* spans on both sides of what a block takes, of either width, at every level */
            size_t low = random_below(&r, 2046), span = (round % 8 ? 30 : 60) + random_below(&r, 6);
            for (size_t i = 0; i < n; i++) v[i] = fabs(random_double(&r, (unsigned)low, (unsigned)span));
        }
        if (round % 5 == 0) { /* magnitudes that grow or shrink on the way */
            unsigned low = (unsigned)random_below(&r, 1000), step = 1 + (unsigned)random_below(&r, 60);
            for (size_t i = 0; i < n; i++) {
                size_t from = round % 2 ? i : n - 1 - i;
                v[i] = random_double(&r, low + (unsigned)(from / 512) * step, 20);
            }
        }
        if (round % 11 == 0 && n) v[random_below(&r, n)] = round % 2 ? -INFINITY : NAN;
        if (round % 17 == 0)
            for (size_t i = 0; i < n; i++) v[i] = random_below(&r, 30) ? v[i] : random_below(&r, 2) ? NAN : INFINITY;
        if (round % 13 == 0)
            for (size_t i = 0; i < n; i++) v[i] = -0.0;
        assert_array_sum(v, n, "round", round);
    }
    for (size_t n = 0; n < 100; n++) assert_array_sum(values, n, "short", 0);
    /* The extremes of one block: all terms at the top of the span, with mantissas that make the low halves of the split
     * the largest, and one at the bottom. */
    const uint64_t mantissas[] = {0xfffffffffffff, 0xffffffffff7ff, 0x7ff};
    for (size_t m = 0; m < COUNT(mantissas); m++) {
        for (unsigned field = 0; field <= 2046; field += field >= 2015 ? 1 : 31) {
            for (size_t i = 0; i < 2048; i++) values[i] = feat_double_of_bits((uint64_t)field << 52 | mantissas[m]);
            for (unsigned step = 28; step <= 66 && step < field; step += step == 40 ? 18 : 1) {
                for (size_t i = 0; i < 3; i++) values[i] = feat_double_of_bits((uint64_t)(field - step) << 52 | 1);
                assert_array_sum(values, 2048, "field", field);
            }
        }
    }
}
END_TEST

/* ---- fixed point ---------------------------------------------------------------------------------------------- */

START_TEST(test_fixed_equals_dense) {
    random_state r = {13};
    static double values[500];
    int fits = 0;
    for (unsigned round = 0; round < 20000; round++) {
        size_t n = 1 + random_below(&r, round % 100 ? 20 : COUNT(values));
        random_values(&r, round % RANDOM_KINDS, values, n);
        if (round % 9 == 0) values[random_below(&r, n)] = INFINITY;
        int exponent = 12345;
        bool special, any = false;
        bool planned = feat_fixed_plan(values, n, &exponent, &special);
        for (size_t i = 0; i < n; i++) any = any || isinf(values[i]);
        ck_assert(special == any);
        if (!planned) {
            ck_assert_int_eq(exponent, 12345);
            continue;
        }
        fits++;
        feat_int128 fixed = 0;
        feat_exact dense, blocks;
        feat_exact_init(&dense);
        feat_exact_init(&blocks);
        for (size_t i = 0; i < n; i++) {
            if (isinf(values[i])) {
                ck_assert(feat_fixed_of(values[i], exponent) == 0);
                continue;
            }
            fixed += feat_fixed_of(values[i], exponent);
            feat_exact_add(&dense, values[i]);
            /* One bit is spare: the sum never comes near the end. */
            ck_assert(fixed < (feat_int128)1 << 126 && fixed > -((feat_int128)1 << 126));
        }
        int64_t divisor = (int64_t)(random_u64(&r) >> (1 + random_below(&r, 63)));
        assert_bits(feat_fixed_round(fixed, exponent), feat_exact_round(&dense));
        assert_bits(feat_fixed_mean(fixed, exponent, (int64_t)n), feat_exact_mean(&dense, (int64_t)n));
        assert_bits(feat_fixed_mean(fixed, exponent, divisor), feat_exact_mean(&dense, divisor));
        feat_exact_add_fixed(&blocks, fixed, exponent);
        ck_assert(feat_exact_equal(&blocks, &dense));
    }
    ck_assert_int_gt(fits, 5000);
}
END_TEST

START_TEST(test_fixed_plan_limits) {
    int exponent = 1;
    bool special;
    ck_assert(feat_fixed_plan(NULL, 0, &exponent, &special) && exponent == 0);
    ck_assert(feat_fixed_plan((const double[]){0.0, -0.0, NAN, INFINITY}, 4, &exponent, &special) && exponent == 0);
    ck_assert(feat_fixed_plan((const double[]){1.0}, 1, &exponent, &special) && exponent == 0);
    ck_assert(feat_fixed_plan((const double[]){12.0}, 1, &exponent, &special) && exponent == 2);
    ck_assert(feat_fixed_plan((const double[]){TINY}, 1, &exponent, &special) && exponent == -1074);
    ck_assert(feat_fixed_plan((const double[]){DBL_MAX, -DBL_MAX}, 2, &exponent, &special) && exponent == 971);
    ck_assert(feat_fixed_plan((const double[]){0x1p1023, 0x1p1023}, 2, &exponent, &special) && exponent == 1023);
    ck_assert(feat_fixed_plan((const double[]){0x1p124, 1.0}, 2, &exponent, &special) && exponent == 0);
    ck_assert(!feat_fixed_plan((const double[]){0x1p125, 1.0}, 2, &exponent, &special));
    ck_assert(!feat_fixed_plan((const double[]){0x1p124, 1.0, 1.0}, 3, &exponent, &special));
    ck_assert(!feat_fixed_plan((const double[]){DBL_MAX, 1.0}, 2, &exponent, &special));
}
END_TEST

/* ---- integers ------------------------------------------------------------------------------------------------- */

START_TEST(test_integers) {
    const feat_int128 one = 1, lowest = (feat_int128)((feat_uint128)1 << 127);
    assert_bits(feat_int128_to_double(0), 0.0);
    assert_bits(feat_int128_to_double(-7), -7.0);
    assert_bits(feat_int128_to_double(lowest), -0x1p127);
    assert_bits(feat_int128_to_double(-(lowest + 1)), 0x1p127);
    assert_bits(feat_int128_to_double((one << 100) + (one << 47)), 0x1p100);
    assert_bits(feat_int128_to_double((one << 100) + (one << 47) + 1), 0x1.0000000000001p100);
    assert_bits(feat_int128_to_double(-(one << 100) - 3 * (one << 47)), -0x1.0000000000002p100);
    assert_bits(feat_int_mean(1, 3), 1.0 / 3);
    assert_bits(feat_int_mean(-2, 3), -2.0 / 3);
    assert_bits(feat_int_mean(lowest, 1), -0x1p127);
    assert_bits(feat_int_mean(lowest, INT64_MAX), -0x1p64);
    assert_bits(feat_int_mean(INT64_MAX, INT64_MAX), 1.0);
    assert_bits(feat_int_mean((feat_int128)INT64_MAX * INT64_MAX, INT64_MAX), 0x1p63);
    /* Half-way, and an n-th beside it. */
    assert_bits(feat_int_mean((one << 54) + 2, 2), 0x1p53);
    assert_bits(feat_int_mean((one << 54) + 3, 2), 0x1p53 + 2);
    assert_bits(feat_int_mean(((one << 53) + 1) * 1000003 + 1, 1000003), 0x1p53 + 2);
    assert_bits(feat_int_mean(((one << 53) + 1) * 1000003, 1000003), 0x1p53);
    assert_bits(feat_int_mean(((one << 53) + 3) * 1000003 - 1, 1000003), 0x1p53 + 2);
    /* The quick path and the long one meet at 2^53. */
    for (int64_t n = 1; n < 2000; n++) {
        for (int64_t d = -2; d <= 2; d++) {
            feat_int128 sum = (one << 53) + d;
            feat_exact dense = sum_of((const double[]){0x1p53, (double)d}, 2);
            assert_bits(feat_int_mean(sum, n), feat_exact_mean(&dense, n));
        }
    }
}
END_TEST

/* ---- bytes ---------------------------------------------------------------------------------------------------- */

static void assert_reads_back(const feat_exact *sum, const feat_buffer *bytes) {
    feat_exact back;
    feat_cursor cursor;
    feat_cursor_init(&cursor, bytes->data, bytes->size);
    ck_assert_int_eq(feat_exact_read(&back, &cursor, NULL), FEAT_OK);
    ck_assert(cursor.at == cursor.end);
    ck_assert(feat_exact_equal(&back, sum));
    /* Every prefix is refused and touches nothing. */
    for (size_t n = 0; n < bytes->size; n++) {
        feat_exact before = back;
        feat_cursor_init(&cursor, bytes->data, n);
        ck_assert_int_eq(feat_exact_read(&back, &cursor, NULL), FEAT_CORRUPT);
        ck_assert(memcmp(&before, &back, sizeof back) == 0);
    }
}

START_TEST(test_bytes_are_canonical) {
    random_state r = {17};
    static double values[200];
    feat_buffer first, second;
    feat_buffer_init(&first);
    feat_buffer_init(&second);
    for (unsigned round = 0; round < 3000; round++) {
        size_t n = random_below(&r, COUNT(values));
        random_values(&r, round % RANDOM_KINDS, values, n);
        if (round % 10 == 0 && n) values[0] = NAN;
        if (round % 7 == 0 && n) values[n - 1] = -INFINITY;
        feat_exact a = sum_of(values, n), b;
        for (size_t i = n; i > 1; i--) { /* another order */
            size_t j = random_below(&r, i);
            double t = values[i - 1];
            values[i - 1] = values[j];
            values[j] = t;
        }
        b = sum_of(values, n);
        double detour = random_double(&r, 0, 2047);
        feat_exact_add(&b, detour);
        feat_exact_normalise(&b);
        feat_exact_sub(&b, detour);
        feat_buffer_clear(&first);
        feat_buffer_clear(&second);
        feat_exact_write(&a, &first);
        feat_exact_write(&b, &second);
        ck_assert(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
        ck_assert(first.size <= FEAT_EXACT_MAX_BYTES);
        assert_reads_back(&a, &first);
    }
    feat_buffer_done(&first);
    feat_buffer_done(&second);
}
END_TEST

static const struct {
    double terms[2];
    size_t size;
    uint8_t bytes[16];
} layouts[] = {
    {{0.0}, 3, {0, 0, 0}},
    {{TINY}, 7, {0, 0, 1, 1, 0, 0, 0}},
    {{-TINY}, 7, {0, 0, 1, 0xff, 0xff, 0xff, 0xff}},
    {{0x1p-1042}, 7, {0, 1, 1, 1, 0, 0, 0}},
    {{-0x1p-1042}, 7, {0, 1, 1, 0xff, 0xff, 0xff, 0xff}},
    {{0x1p-1043}, 11, {0, 0, 2, 0, 0, 0, 0x80, 0, 0, 0, 0}},
    {{-0x1p-1043}, 7, {0, 0, 1, 0, 0, 0, 0x80}},
    {{0x1p-1042, TINY}, 11, {0, 0, 2, 1, 0, 0, 0, 1, 0, 0, 0}},
    {{1.0}, 7, {0, 33, 1, 0, 0, 4, 0}},
};

START_TEST(test_layout) {
    for (size_t i = 0; i < COUNT(layouts); i++) {
        feat_exact sum = sum_of(layouts[i].terms, 2);
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        feat_exact_write(&sum, &bytes);
        ck_assert_msg(bytes.size == layouts[i].size, "layout %zu: %zu bytes", i, bytes.size);
        ck_assert_msg(memcmp(bytes.data, layouts[i].bytes, bytes.size) == 0, "layout %zu", i);
        assert_reads_back(&sum, &bytes);
        feat_buffer_done(&bytes);
    }
}
END_TEST

static const struct {
    const char *what;
    size_t size;
    uint8_t bytes[40];
} forged[] = {
    {"unknown flag", 3, {2, 0, 0}},
    {"zero with a base", 3, {0, 1, 0}},
    {"digits past the end", 11, {0, 68, 2, 1, 0, 0, 0, 1, 0, 0, 0}},
    {"more digits than there are", 3, {0, 255, 255}},
    {"lowest digit is zero", 11, {0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0}},
    {"only digit is zero", 7, {0, 0, 1, 0, 0, 0, 0}},
    {"needless zero on top", 11, {0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 0}},
    {"needless ones on top", 11, {0, 0, 2, 1, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff}},
    {"counters that are all zero", 27, {1, 0, 0}},
};

START_TEST(test_forged_bytes) {
    for (size_t i = 0; i < COUNT(forged); i++) {
        feat_exact sum = sum_of((const double[]){42.0}, 1);
        feat_cursor cursor;
        feat_error err;
        feat_cursor_init(&cursor, forged[i].bytes, forged[i].size);
        ck_assert_msg(feat_exact_read(&sum, &cursor, &err) == FEAT_CORRUPT, "%s", forged[i].what);
        ck_assert(err.code == FEAT_CORRUPT && err.message[0]);
        assert_bits(feat_exact_round(&sum), 42.0);
    }
    /* Any bytes are refused, or are those that their value writes; sums of forged values stay in bounds. */
    random_state r = {19};
    feat_buffer bytes;
    feat_buffer_init(&bytes);
    feat_exact total;
    feat_exact_init(&total);
    int accepted = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t raw[FEAT_EXACT_MAX_BYTES];
        for (size_t i = 0; i < sizeof raw; i++) raw[i] = (uint8_t)(random_below(&r, 3) ? random_u64(&r) : 255);
        raw[0] &= 1;
        raw[1] = (uint8_t)random_below(&r, 75);
        raw[2] = (uint8_t)random_below(&r, 75 - raw[1]);
        feat_exact sum;
        feat_cursor cursor;
        feat_cursor_init(&cursor, raw, sizeof raw);
        if (feat_exact_read(&sum, &cursor, NULL) != FEAT_OK) continue;
        accepted++;
        feat_buffer_clear(&bytes);
        feat_exact_write(&sum, &bytes);
        ck_assert(bytes.size == (size_t)(cursor.at - raw) && memcmp(bytes.data, raw, bytes.size) == 0);
        feat_exact_merge(&total, &sum);
        feat_exact_merge(&sum, &sum);
        feat_exact_round(&sum);
        feat_exact_mean(&total, 3);
    }
    ck_assert_int_gt(accepted, 10000);
    feat_buffer_done(&bytes);
}
END_TEST

START_TEST(test_write_without_memory) {
    feat_exact sum = sum_of((const double[]){1e300, 1e-300}, 2);
    int64_t fail = 0;
    for (bool failed = true; failed;) {
        feat_buffer bytes;
        feat_buffer_init(&bytes);
        feat_alloc_fail_after(++fail);
        feat_exact_write(&sum, &bytes);
        feat_alloc_fail_after(0);
        failed = bytes.failed;
        if (!failed) assert_reads_back(&sum, &bytes);
        feat_buffer_done(&bytes);
    }
    ck_assert_int_gt(fail, 1);
}
END_TEST

/* ---- times, on request ---------------------------------------------------------------------------------------- */

static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

static void print_times(void) {
    enum { N = 1 << 16, ROUNDS = 200 };
    static double values[N];
    static feat_int128 prefix[N + 1];
    random_state r = {23};
    const double per = 1e9 / ((double)N * ROUNDS);
    for (int wide = 0; wide < 2; wide++) {
        for (size_t i = 0; i < N; i++) values[i] = random_double(&r, wide ? 900 : 1015, wide ? 200 : 12);
        feat_exact sum;
        feat_exact_init(&sum);
        double t0 = seconds(), sink = 0;
        for (int k = 0; k < ROUNDS; k++)
            for (size_t i = 0; i < N; i++) feat_exact_add(&sum, values[i]);
        double t1 = seconds();
        for (int k = 0; k < ROUNDS; k++) feat_exact_add_array(&sum, values, N);
        double t2 = seconds();
        int exponent = 0, fits = 0;
        bool special;
        for (int k = 0; k < ROUNDS; k++) fits += feat_fixed_plan(values, N, &exponent, &special);
        double t3 = seconds();
        printf("%s: add %.2f ns, add_array %.2f ns, plan %.2f ns", wide ? "wide" : "narrow", (t1 - t0) * per,
               (t2 - t1) * per, (t3 - t2) * per);
        if (fits) {
            for (int k = 0; k < ROUNDS; k++)
                for (size_t i = 0; i < N; i++) prefix[i + 1] = prefix[i] + feat_fixed_of(values[i], exponent);
            double t4 = seconds();
            for (int k = 0; k < ROUNDS; k++)
                for (size_t i = 0; i < N; i++) sink += feat_fixed_round(prefix[i + 1] - prefix[i / 2], exponent);
            double t5 = seconds();
            for (int k = 0; k < ROUNDS; k++)
                for (size_t i = 0; i < N; i++)
                    sink += feat_fixed_mean(prefix[i + 1] - prefix[i / 2], exponent, (int64_t)(i + 1 - i / 2));
            double t6 = seconds();
            printf(", fixed prefix %.2f ns, fixed round %.2f ns, fixed mean %.2f ns", (t4 - t3) * per, (t5 - t4) * per,
                   (t6 - t5) * per);
        }
        double t7 = seconds();
        for (int k = 0; k < N; k++) sink += feat_exact_round(&sum);
        double t8 = seconds();
        for (int k = 0; k < N; k++) sink += feat_exact_mean(&sum, k + 1);
        double t9 = seconds();
        printf(", dense round %.0f ns, dense mean %.0f ns (%g)\n", (t8 - t7) * 1e9 / N, (t9 - t8) * 1e9 / N, sink);
    }
}

/* What a value costs in blocks of 8 KB, by instructions and by data. */
static void print_array_times(void) {
    enum { N = 1024, ROUNDS = 400 };
    static const char *const levels[] = {"baseline", "avx2", "avx512"};
    static const char *const kinds[] = {"12 binades", "zeros among them", "50 binades", "200 binades", "3 % NaN"};
    static double values[COUNT(kinds)][N];
    random_state r = {29};
    for (size_t i = 0; i < N; i++) {
        double x = random_double(&r, 1015, 12);
        values[0][i] = x;
        values[1][i] = random_below(&r, 33) ? x : 0.0;
        values[2][i] = random_double(&r, 1000, 50);
        values[3][i] = random_double(&r, 900, 200);
        values[4][i] = random_below(&r, 33) ? x : NAN;
    }
    for (size_t kind = 0; kind < COUNT(kinds); kind++) {
        double plain = 0;
        printf("add_array, %s:", kinds[kind]);
        for (int level = 0; level <= (int)feat_math_level_best(); level++) {
            feat_exact sum;
            feat_exact_init(&sum);
            double best = 1e9;
            for (int turn = 0; turn < 20; turn++) {
                double start = seconds();
                for (int k = 0; k < ROUNDS; k++)
                    feat_exact_table_of((feat_math_level)level)->add(&sum, values[kind], N);
                double taken = (seconds() - start) * 1e9 / (N * ROUNDS);
                best = taken < best ? taken : best;
            }
            if (level == 0) plain = best;
            printf(" %s %.3f ns (x %.1f)", levels[level], best, plain / best);
        }
        printf("\n");
    }
}

int main(void) {
    if (getenv("FEAT_TEST_TIMES")) {
        print_times();
        print_array_times();
    }
    Suite *suite = suite_create("math/exact");
    TCase *tc = tcase_create("exact");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, test_cases);
    tcase_add_test(tc, test_far_below_a_tie);
    tcase_add_test(tc, test_mean_without_terms);
    tcase_add_test(tc, test_many_carries);
    tcase_add_test(tc, test_merge_and_unmerge);
    tcase_add_test(tc, test_specials_can_leave);
    tcase_add_test(tc, test_arrays);
    tcase_add_test(tc, test_fixed_equals_dense);
    tcase_add_test(tc, test_fixed_plan_limits);
    tcase_add_test(tc, test_integers);
    tcase_add_test(tc, test_bytes_are_canonical);
    tcase_add_test(tc, test_layout);
    tcase_add_test(tc, test_forged_bytes);
    tcase_add_test(tc, test_write_without_memory);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
