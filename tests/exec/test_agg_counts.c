/* The functions of agg_counts.c and agg_quantiles.c by themselves: valid bytes, memory that is out, fixed bits. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "column/list.h"
#include "column/nested.h"
#include "exec/agg.h"
#include "math/number.h"

enum { N = 300 };

static uint8_t bytes[N];
static int64_t integers[N];
static double doubles[N];
static feat_text texts[N];
static feat_int128 wides[N];
static feat_interval intervals[N];

static void fill(void) {
    static const char *const words[] = {"", "a", "b", "ab", "c"};
    for (size_t i = 0; i < N; i++) {
        size_t k = i * 7919 % 41;
        bytes[i] = k % 3 == 0;
        integers[i] = (int64_t)k - 20;
        doubles[i] = ((double)k - 20) / 8;
        texts[i] = (feat_text){words[k % 5], strlen(words[k % 5])};
        wides[i] = ((feat_int128)k - 20) * (k % 2 ? 1 : (feat_int128)1 << 90);
        intervals[i] = (feat_interval){0, (int32_t)k, 0};
    }
}

static const void *lanes(feat_type type) {
    switch (feat_class_of(type)) {
    case FEAT_CLASS_B: return bytes;
    case FEAT_CLASS_I: return integers;
    case FEAT_CLASS_F: return doubles;
    case FEAT_CLASS_T: return texts;
    case FEAT_CLASS_W: return wides;
    default: return intervals;
    }
}

static const feat_type some_types[] = {
    FEAT_TYPE_BOOLEAN,   FEAT_TYPE_TINYINT, FEAT_TYPE_BIGINT,   FEAT_TYPE_DATE,
    FEAT_TYPE_TIMESTAMP, FEAT_TYPE_REAL,    FEAT_TYPE_DOUBLE,   FEAT_TYPE_DECIMAL_OF(38, 2),
    FEAT_TYPE_TEXT,      FEAT_TYPE_BLOB,    FEAT_TYPE_INTERVAL,
};
enum { N_TYPES = sizeof some_types / sizeof *some_types };

static bool same_cell(const feat_cell *a, const feat_cell *b, feat_type type) {
    if (a->state != b->state) return false;
    if (a->state != FEAT_STATE_VALUE) return true;
    if (feat_class_of(type) != FEAT_CLASS_T) return memcmp(&a->v, &b->v, feat_class_size(feat_class_of(type))) == 0;
    return a->v.t.length == b->v.t.length &&
           (a->v.t.length == 0 || memcmp(a->v.t.data, b->v.t.data, a->v.t.length) == 0);
}

/* Once as it should be, then with each allocation failing in turn. */
static size_t check_one(feat_agg agg, feat_agg_input *in) {
    feat_agg_function *function = feat_agg_function_of(agg);
    feat_scratch good;
    size_t wrong = 0;
    feat_scratch_init(&good);
    in->scratch = &good;
    feat_cell want = function(in);
    int base = FEAT_TYPE_BASE(in->type);
    wrong += want.state != FEAT_STATE_VALUE || good.failed;
    if (base == FEAT_TYPE_LIST || base == FEAT_TYPE_MAP)
        wrong += !feat_nested_valid(in->type, want.v.t.data, want.v.t.length);
    for (int64_t n = 1;; n++) {
        feat_scratch poor;
        feat_scratch_init(&poor);
        in->scratch = &poor;
        feat_alloc_fail_after(n);
        feat_cell got = function(in);
        feat_alloc_fail_after(0);
        bool failed = poor.failed;
        if (!failed) wrong += !same_cell(&want, &got, in->type);
        feat_scratch_done(&poor);
        if (!failed) break;
    }
    feat_scratch_done(&good);
    return wrong;
}

START_TEST(test_all) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_type shares_type = FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE);
    static const double shares[] = {0, 0.3, 1};
    feat_parameter many = {.type = shares_type}, one = {.type = FEAT_TYPE_DOUBLE, .v.f = 0.4},
                   k = {.type = FEAT_TYPE_BIGINT, .v.i = 3}, none = {.type = 0};
    ck_assert(feat_list_make(&scratch, shares_type, shares, sizeof *shares, NULL, 3, &many.v.t));
    const feat_parameter *parameters[] = {&none, &one, &many, &k};
    size_t tried = 0;
    fill();
    for (int agg = FEAT_AGG_MEDIAN; agg <= FEAT_AGG_AVG_MAP; agg++) {
        const feat_agg_info *info = &feat_agg_table[agg];
        for (size_t i = 0; i < N_TYPES * N_TYPES * 4; i++) {
            feat_type types[2] = {some_types[i / 4 / N_TYPES], some_types[i / 4 % N_TYPES]};
            const feat_parameter *parameter = parameters[i % 4];
            bool two = info->takes[1] != FEAT_AGG_TAKES_N;
            if ((!two && i / 4 % N_TYPES > 0) || !feat_agg_accepts(info->takes[0], types[0]) ||
                (two && !feat_agg_accepts(info->takes[1], types[1])) ||
                !feat_agg_parameter_valid(info->parameter, parameter))
                continue;
            feat_agg_input in = {.n = N,
                                 .types = {types[0], two ? types[1] : 0},
                                 .values = {lanes(types[0]), two ? lanes(types[1]) : NULL},
                                 .type = feat_agg_result((feat_agg)agg, types, parameter->type),
                                 .parameter = parameter};
            if (!in.type) continue;
            size_t wrong = check_one((feat_agg)agg, &in);
            ck_assert_msg(wrong == 0, "%s of %s", info->id, feat_type_name(types[0]));
            tried++;
        }
    }
    ck_assert_uint_gt(tried, 150);
    feat_scratch_done(&scratch);
}
END_TEST

/* Logarithms, roots and exact sums: the same bits on every machine. */
START_TEST(test_bits) {
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    feat_parameter none = {.type = 0}, share = {.type = FEAT_TYPE_DOUBLE, .v.f = 1.0 / 3};
    fill();
    feat_agg_input in = {.n = N,
                         .types = {FEAT_TYPE_DOUBLE},
                         .values = {doubles},
                         .type = FEAT_TYPE_DOUBLE,
                         .parameter = &none,
                         .scratch = &scratch};
    for (size_t i = 0; i < N; i++) doubles[i] = (double)(i * i % 211) / 7;
    static const struct {
        feat_agg agg;
        uint64_t bits;
    } cases[] = {
        {FEAT_AGG_ENTROPY, UINT64_C(0x401adb305dbe6e3f)},
        {FEAT_AGG_QUANTILE_CONT, UINT64_C(0x4022924924924925)},
        {FEAT_AGG_APPROX_QUANTILE, UINT64_C(0x4022a00000000000)},
        {FEAT_AGG_DISTINCT_RATIO, UINT64_C(0x3fd69d0369d0369d)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        in.parameter = feat_agg_table[cases[i].agg].parameter == FEAT_AGG_PARAMETER_N ? &none : &share;
        uint64_t bits = feat_double_bits(feat_agg_function_of(cases[i].agg)(&in).v.f);
        ck_assert_msg(bits == cases[i].bits, "%s: %#llx", feat_agg_table[cases[i].agg].id, (unsigned long long)bits);
    }
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agg_counts");
    TCase *tc = tcase_create("agg_counts");
    tcase_add_test(tc, test_all);
    tcase_add_test(tc, test_bits);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
