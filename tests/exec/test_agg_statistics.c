/* Statistics with memory that runs out, whatever the order of rows, and the bits that every machine gives. */
#include <check.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "exec/agg.h"
#include "math/number.h"

enum { N = 90 };

static double values[N], others[N];
static int64_t times[N];

/* Of ordinary size, or as far apart as doubles are, so that sums need the heap. */
static void fill(bool far) {
    for (int i = 0; i < N; i++) {
        values[i] = (double)(i * i % 211) / 7 - 9;
        others[i] = (double)(i * 37 % 101) / 3;
        times[i] = INT64_C(1700000000000000) + INT64_C(86400000001) * i;
        if (far && i % 3 == 0) values[i] = ldexp(values[i], 30 * i % 2000 - 1000);
        if (far && i % 4 == 0) others[i] = ldexp(others[i], 1000 - 70 * i % 2000);
    }
}

static feat_agg_input input_of(feat_agg agg, feat_scratch *scratch, const feat_parameter *parameter) {
    bool two = feat_agg_table[agg].takes[1] != FEAT_AGG_TAKES_N;
    return (feat_agg_input){.n = N,
                            .types = {FEAT_TYPE_DOUBLE, two ? FEAT_TYPE_DOUBLE : 0},
                            .values = {values, two ? others : NULL},
                            .times = times,
                            .t = INT64_C(1707689600000094),
                            .type = FEAT_TYPE_DOUBLE,
                            .parameter = parameter,
                            .scratch = scratch};
}

static const feat_parameter *parameter_of(feat_agg agg) {
    static const feat_parameter none = {.type = 0}, week = {.type = FEAT_TYPE_INTERVAL, .v.p = {.days = 7}};
    return feat_agg_table[agg].parameter == FEAT_AGG_PARAMETER_N ? &none : &week;
}

START_TEST(test_memory_is_out) {
    size_t failures = 0;
    for (int agg = FEAT_AGG_VAR_SAMP; agg <= FEAT_AGG_DECAYED_AVG; agg++) {
        for (int far = 0; far < 2; far++) {
            feat_scratch good;
            fill(far);
            feat_scratch_init(&good);
            feat_agg_input in = input_of((feat_agg)agg, &good, parameter_of((feat_agg)agg));
            feat_cell want = feat_agg_function_of((feat_agg)agg)(&in);
            ck_assert(want.state == FEAT_STATE_VALUE && !good.failed);
            for (int64_t n = 1;; n++) {
                feat_scratch poor;
                feat_scratch_init(&poor);
                in.scratch = &poor;
                feat_alloc_fail_after(n);
                feat_cell got = feat_agg_function_of((feat_agg)agg)(&in);
                feat_alloc_fail_after(0);
                failures += poor.failed;
                bool same =
                    poor.failed || (got.state == want.state && feat_double_bits(got.v.f) == feat_double_bits(want.v.f));
                ck_assert_msg(same, "%s", feat_agg_table[agg].id);
                bool last = !poor.failed;
                feat_scratch_done(&poor);
                if (last) break;
            }
            feat_scratch_done(&good);
        }
    }
    ck_assert_uint_gt(failures, 30);
}
END_TEST

START_TEST(test_bits) {
    static const struct {
        feat_agg agg;
        uint64_t bits;
    } cases[] = {
        {FEAT_AGG_VAR_SAMP, UINT64_C(0x40543bdecc4e9123)},    {FEAT_AGG_STDDEV_POP, UINT64_C(0x4021e480c03205fe)},
        {FEAT_AGG_SEM, UINT64_C(0x3fee2d3d0b261bff)},         {FEAT_AGG_SKEWNESS, UINT64_C(0x3faa6f0d82365666)},
        {FEAT_AGG_KURTOSIS, UINT64_C(0xbff407382ae1bca2)},    {FEAT_AGG_CORR, UINT64_C(0xbfb8be2fe58f3b62)},
        {FEAT_AGG_REGR_SLOPE, UINT64_C(0xbfb6c7f46a132215)},  {FEAT_AGG_REGR_INTERCEPT, UINT64_C(0x401c34cefd450cf2)},
        {FEAT_AGG_TREND, UINT64_C(0x3eaa5a7780842e34)},       {FEAT_AGG_DECAYED_SUM, UINT64_C(0x405127acca0c00cd)},
        {FEAT_AGG_DECAYED_AVG, UINT64_C(0x4019e163a9efac9f)},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    fill(false);
    for (int turned = 0; turned < 2; turned++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            feat_agg_input in = input_of(cases[i].agg, &scratch, parameter_of(cases[i].agg));
            uint64_t bits = feat_double_bits(feat_agg_function_of(cases[i].agg)(&in).v.f);
            ck_assert_msg(bits == cases[i].bits, "%s: %#llx", feat_agg_table[cases[i].agg].id,
                          (unsigned long long)bits);
        }
        for (int i = 0; i < N / 2; i++) { /* the same backwards */
            double value = values[i], other = others[i];
            int64_t time = times[i];
            values[i] = values[N - 1 - i];
            others[i] = others[N - 1 - i];
            times[i] = times[N - 1 - i];
            values[N - 1 - i] = value;
            others[N - 1 - i] = other;
            times[N - 1 - i] = time;
        }
    }
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agg_statistics");
    TCase *tc = tcase_create("agg_statistics");
    tcase_add_test(tc, test_memory_is_out);
    tcase_add_test(tc, test_bits);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
