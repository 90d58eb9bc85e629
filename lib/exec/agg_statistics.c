/* Statistics of numbers: from exact moments, and decayed sums. */
#include "exec/agg.h"
#include "math/decay.h"
#include "math/moments.h"

static feat_cell no_memory(const feat_agg_input *in) {
    in->scratch->failed = true;
    return feat_cell_of_state(FEAT_STATE_NULL);
}

static feat_cell of_result(bool there, double value) {
    return there ? feat_cell_of_double(value) : feat_cell_of_state(FEAT_STATE_NULL);
}

/* ---- Moments. ---- */

static feat_cell of_moments(const feat_agg_input *in, feat_moments_kind kind, const double *x, const double *y,
                            feat_statistic statistic) {
    feat_moments m;
    double value = 0;
    feat_moments_init(&m, kind);
    bool good = feat_moments_add_array(&m, x, y, in->n), there = good && feat_moments_result(&m, statistic, &value);
    feat_moments_done(&m);
    return good ? of_result(there, value) : no_memory(in);
}

#define ONE(function, kind, statistic)                                                                                 \
    feat_cell feat_agg_##function(const feat_agg_input *in) {                                                          \
        return of_moments(in, FEAT_MOMENTS_##kind, in->values[0], NULL, FEAT_STATISTIC_##statistic);                   \
    }
ONE(var_pop, 2, VAR_POP)
ONE(var_samp, 2, VAR_SAMP)
ONE(stddev_pop, 2, STDDEV_POP)
ONE(stddev_samp, 2, STDDEV_SAMP)
ONE(sem, 2, SEM)
ONE(skewness, 3, SKEWNESS)
ONE(kurtosis, 4, KURTOSIS)
ONE(kurtosis_pop, 4, KURTOSIS_POP)

/* SQL names what is explained first. */
#define TWO(function, statistic)                                                                                       \
    feat_cell feat_agg_##function(const feat_agg_input *in) {                                                          \
        return of_moments(in, FEAT_MOMENTS_PAIRS, in->values[1], in->values[0], FEAT_STATISTIC_##statistic);           \
    }
TWO(covar_pop, COVAR_POP)
TWO(covar_samp, COVAR_SAMP)
TWO(corr, CORR)
TWO(regr_slope, REGR_SLOPE)
TWO(regr_intercept, REGR_INTERCEPT)
TWO(regr_r2, REGR_R2)

/* ---- What depends on event times. ---- */

enum { BLOCK = 512 };

/* Times that are doubles, as all but those of a far future are, go the fast way. */
static bool add_times(feat_moments *m, const int64_t *times, const double *values, size_t n) {
    double x[BLOCK];
    const int64_t limit = INT64_C(1) << 53;
    bool doubles = true;
    for (size_t i = 0; i < n; i++) {
        doubles &= times[i] >= -limit && times[i] <= limit;
        x[i] = (double)times[i];
    }
    if (doubles) return feat_moments_add_array(m, x, values, n);
    for (size_t i = 0; i < n; i++)
        if (!feat_moments_add_whole(m, times[i], values[i])) return false;
    return true;
}

feat_cell feat_agg_trend(const feat_agg_input *in) {
    const double *values = in->values[0];
    feat_moments m;
    double value = 0;
    bool good = true;
    feat_moments_init(&m, FEAT_MOMENTS_PAIRS);
    for (size_t i = 0; i < in->n && good; i += BLOCK)
        good = add_times(&m, in->times + i, values + i, in->n - i < BLOCK ? in->n - i : BLOCK);
    bool there = good && feat_moments_result(&m, FEAT_STATISTIC_TREND, &value);
    feat_moments_done(&m);
    return good ? of_result(there, value) : no_memory(in);
}

static feat_cell decayed(const feat_agg_input *in, bool mean) {
    const double *values = in->values[0];
    feat_decay d;
    double value = 0;
    bool good = true;
    /* Longer than 2^63 µs it is not: feat_agg_parameter_valid. */
    feat_decay_init(&d, in->t, (int64_t)feat_interval_length(in->parameter->v.p));
    for (size_t i = 0; i < in->n && good; i++) good = feat_decay_add(&d, values[i], in->times[i]);
    bool there = good && (mean ? feat_decay_mean(&d, &value) : feat_decay_sum(&d, &value));
    feat_decay_done(&d);
    return good ? of_result(there, value) : no_memory(in);
}

feat_cell feat_agg_decayed_sum(const feat_agg_input *in) { return decayed(in, false); }
feat_cell feat_agg_decayed_avg(const feat_agg_input *in) { return decayed(in, true); }
