/* Statistics with memory that runs out, whatever the order of rows, and the bits that every machine gives. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/agg.h"
#include "exec/window_moments.h"
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

/* ---- ranges of events ---- */

enum { EVENTS = 3000 };

static int64_t event_times[EVENTS];
static double slots[2][EVENTS];
static uint8_t states[2][EVENTS];

static uint64_t next_random(void) {
    static uint64_t state = 7;
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What the function itself says of the rows of a range. */
static feat_cell gathered(feat_agg agg, size_t from, size_t to, feat_scratch *scratch) {
    static double kept[2][EVENTS];
    static int64_t kept_times[EVENTS];
    bool two = feat_agg_table[agg].takes[1] != FEAT_AGG_TAKES_N;
    feat_cell out;
    memset(&out, 0, sizeof out);
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (states[0][i] == FEAT_STATE_SKIPPED) continue;
        uint8_t state = two && states[1][i] > states[0][i] ? states[1][i] : states[0][i];
        if (state == FEAT_STATE_ERROR) {
            out.state = FEAT_STATE_ERROR;
            return out;
        }
        if (state != FEAT_STATE_VALUE) continue;
        kept[0][n] = slots[0][i];
        kept[1][n] = slots[1][i];
        kept_times[n++] = event_times[i];
    }
    out.state = FEAT_STATE_NULL;
    if (n == 0) return out;
    feat_agg_input in = input_of(agg, scratch, parameter_of(agg));
    in.n = n;
    in.values[0] = kept[0];
    in.values[1] = two ? kept[1] : NULL;
    in.times = kept_times;
    return feat_agg_function_of(agg)(&in);
}

static bool same(const feat_cell *a, const feat_cell *b) {
    return a->state == b->state &&
           (a->state != FEAT_STATE_VALUE || feat_double_bits(a->v.f) == feat_double_bits(b->v.f));
}

/* Every statistic over random ranges is what its function gives; and when memory is out it says so. */
START_TEST(test_ranges) {
    feat_event_slot columns[2] = {{FEAT_CLASS_F, slots[0], states[0]}, {FEAT_CLASS_F, slots[1], states[1]}};
    feat_events events = {.n = EVENTS, .time = event_times, .slots = columns, .n_slots = 2};
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    size_t served = 0, wrong = 0, failures = 0;
    for (int round = 0; round < 12; round++) {
        for (size_t i = 0; i < EVENTS; i++) {
            event_times[i] = INT64_C(1700000000000000) * (round % 6 == 5 ? 900 : 1) + (int64_t)i * 999983;
            for (int k = 0; k < 2; k++) {
                slots[k][i] = (double)(int64_t)(next_random() % 20000) / 100 - 50;
                if (round % 3 == 1) slots[k][i] = ldexp(slots[k][i], (int)(next_random() % 1600) - 800);
                states[k][i] = FEAT_STATE_VALUE;
                if (round % 2 && next_random() % 8 == 0) states[k][i] = FEAT_STATE_NULL;
                if (round % 4 == 3 && next_random() % 2000 == 0) states[k][i] = FEAT_STATE_ERROR;
            }
            if (round % 2 && next_random() % 8 == 0) states[0][i] = states[1][i] = FEAT_STATE_SKIPPED;
        }
        for (int agg = 0; agg < FEAT_AGG_COUNT_OF; agg++) {
            const feat_aggregate a = {.agg = (feat_agg)agg, .second = 1, .otherwise = FEAT_NO_NODE};
            feat_window_moments part;
            feat_statistic statistic;
            if (!feat_window_moments_serve(&a, &part, &statistic)) continue;
            served++;
            size_t first = next_random() % 100, n = EVENTS - first - next_random() % 100;
            feat_alloc_fail_after(round < 4 ? 1 + (int64_t)(next_random() % 3) : 0);
            bool built = feat_window_moments_build(&part, &events, first, n) == 0;
            feat_alloc_fail_after(0);
            failures += !built;
            if (!built) ck_assert(feat_window_moments_build(&part, &events, first, n) == 0);
            ck_assert(part.served == (agg != FEAT_AGG_TREND || round % 6 != 5));
            for (int query = 0; query < 25 && part.served; query++) {
                size_t from = next_random() % n, to = from + next_random() % (n - from + 1);
                if (query % 5 == 0) to = from + next_random() % 3;
                feat_range range = {from, to < n ? to : n};
                feat_cell got, want = gathered((feat_agg)agg, first + range.from, first + range.to, &scratch);
                feat_alloc_fail_after(query % 2 ? 1 + (int64_t)(next_random() % 4) : 0);
                feat_status status = feat_window_moments_query(&part, statistic, range, &got, NULL);
                feat_alloc_fail_after(0);
                failures += status != FEAT_OK;
                if (status != FEAT_OK) ck_assert_int_eq(status, FEAT_MEMORY);
                else wrong += !same(&got, &want);
            }
            feat_window_moments_done(&part);
        }
    }
    feat_scratch_done(&scratch);
    ck_assert_uint_eq(served, 12 * 15);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(failures, 100);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("agg_statistics");
    TCase *tc = tcase_create("agg_statistics");
    tcase_add_test(tc, test_memory_is_out);
    tcase_add_test(tc, test_bits);
    tcase_add_test(tc, test_ranges);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
