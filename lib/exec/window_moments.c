#include "exec/window_moments.h"

#include <string.h>

#include "base/alloc.h"
#include "exec/cell.h"

/* Values between two states. A range of fewer than some times as many is added up where it is. */
enum { GROUP = 128, DIRECT = 3 * GROUP };

bool feat_window_moments_serve(const feat_aggregate *a, feat_window_moments *part, feat_statistic *statistic) {
    static const struct {
        feat_agg agg;
        feat_moments_kind kind;
        feat_statistic statistic;
    } served[] = {
        {FEAT_AGG_VAR_SAMP, FEAT_MOMENTS_2, FEAT_STATISTIC_VAR_SAMP},
        {FEAT_AGG_VAR_POP, FEAT_MOMENTS_2, FEAT_STATISTIC_VAR_POP},
        {FEAT_AGG_STDDEV_SAMP, FEAT_MOMENTS_2, FEAT_STATISTIC_STDDEV_SAMP},
        {FEAT_AGG_STDDEV_POP, FEAT_MOMENTS_2, FEAT_STATISTIC_STDDEV_POP},
        {FEAT_AGG_SEM, FEAT_MOMENTS_2, FEAT_STATISTIC_SEM},
        {FEAT_AGG_SKEWNESS, FEAT_MOMENTS_3, FEAT_STATISTIC_SKEWNESS},
        {FEAT_AGG_KURTOSIS, FEAT_MOMENTS_4, FEAT_STATISTIC_KURTOSIS},
        {FEAT_AGG_KURTOSIS_POP, FEAT_MOMENTS_4, FEAT_STATISTIC_KURTOSIS_POP},
        {FEAT_AGG_COVAR_SAMP, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_COVAR_SAMP},
        {FEAT_AGG_COVAR_POP, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_COVAR_POP},
        {FEAT_AGG_CORR, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_CORR},
        {FEAT_AGG_REGR_SLOPE, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_REGR_SLOPE},
        {FEAT_AGG_REGR_INTERCEPT, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_REGR_INTERCEPT},
        {FEAT_AGG_REGR_R2, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_REGR_R2},
        {FEAT_AGG_TREND, FEAT_MOMENTS_PAIRS, FEAT_STATISTIC_TREND},
    };
    if (a->distinct || a->otherwise != FEAT_NO_NODE || a->n_order) return false;
    for (size_t i = 0; i < sizeof served / sizeof *served; i++) {
        if (served[i].agg != a->agg) continue;
        bool of_time = a->agg == FEAT_AGG_TREND, pairs = served[i].kind == FEAT_MOMENTS_PAIRS;
        *part = (feat_window_moments){.kind = served[i].kind,
                                      .slot = a->slot,
                                      .second = pairs && !of_time ? a->second : FEAT_NO_NODE,
                                      .of_time = of_time};
        *statistic = served[i].statistic;
        return true;
    }
    return false;
}

bool feat_window_moments_same(const feat_window_moments *a, const feat_window_moments *b) {
    return a->kind == b->kind && a->slot == b->slot && a->second == b->second && a->of_time == b->of_time;
}

void feat_window_moments_clear(feat_window_moments *part) {
    for (size_t i = 0; i < part->ready; i++) feat_moments_done(&part->before[i]);
    part->ready = 0;
    part->served = false;
}

void feat_window_moments_done(feat_window_moments *part) {
    feat_window_moments_clear(part);
    feat_free(part->places);
    feat_free(part->errors);
    feat_free(part->own_x);
    feat_free(part->own_y);
    feat_free(part->before);
}

/* ---- building ---- */

/* Of both arguments; the second has the filter of the first. */
static uint8_t state_of(const uint8_t *first, const uint8_t *second, size_t i) {
    return second && first[i] != FEAT_STATE_SKIPPED && second[i] > first[i] ? second[i] : first[i];
}

static int find_places(feat_window_moments *part, const uint8_t *first, const uint8_t *second, size_t n) {
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) any |= state_of(first, second, i);
    part->all_count = any == FEAT_STATE_VALUE;
    if (part->all_count) return 0;
    if (FEAT_GROW(part->places, part->places_capacity, n + 1) != 0 ||
        FEAT_GROW(part->errors, part->errors_capacity, n + 1) != 0)
        return -1;
    uint32_t count = 0, errors = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t state = state_of(first, second, i);
        part->places[i] = count;
        part->errors[i] = errors;
        count += state == FEAT_STATE_VALUE;
        errors += state == FEAT_STATE_ERROR;
    }
    part->places[n] = count;
    part->errors[n] = errors;
    return 0;
}

/* Values that count; those of the events themselves where all do. */
static const double *side_by_side(const feat_window_moments *part, const double *values, size_t n, double *own) {
    if (part->all_count) return values;
    for (size_t i = 0; i < n; i++)
        if (part->places[i] != part->places[i + 1]) own[part->places[i]] = values[i];
    return own;
}

int feat_window_moments_build(feat_window_moments *part, const feat_events *events, size_t first, size_t n) {
    feat_window_moments_clear(part);
    if (n == 0) return 0;
    bool pairs = part->kind == FEAT_MOMENTS_PAIRS;
    const feat_event_slot *slot = &events->slots[part->slot],
                          *second = part->second == FEAT_NO_NODE ? NULL : &events->slots[part->second];
    if (find_places(part, slot->state + first, second ? second->state + first : NULL, n) != 0) return -1;
    if ((!part->all_count || part->of_time) && FEAT_GROW(part->own_x, part->x_capacity, n) != 0) return -1;
    if (pairs && !part->all_count && FEAT_GROW(part->own_y, part->y_capacity, n) != 0) return -1;
    const double *values = (const double *)slot->values + first;
    /* SQL names what is explained first. */
    if (!pairs) {
        part->x = side_by_side(part, values, n, part->own_x);
    } else {
        part->y = side_by_side(part, values, n, part->own_y);
        if (second) part->x = side_by_side(part, (const double *)second->values + first, n, part->own_x);
    }
    part->served = true;
    if (!part->of_time) return 0;
    const int64_t *times = events->time + first, limit = INT64_C(1) << 53;
    for (size_t i = 0; i < n; i++) {
        part->served &= times[i] >= -limit && times[i] <= limit;
        if (part->all_count) part->own_x[i] = (double)times[i];
        else if (part->places[i] != part->places[i + 1]) part->own_x[part->places[i]] = (double)times[i];
    }
    part->x = part->own_x;
    return 0;
}

/* ---- asking ---- */

static bool add(const feat_window_moments *part, feat_moments *m, size_t from, size_t to) {
    return feat_moments_add_array(m, part->x + from, part->kind == FEAT_MOMENTS_PAIRS ? part->y + from : NULL,
                                  to - from);
}

/* Makes the states up to that of the first GROUP * last values. */
static bool make_ready(feat_window_moments *part, size_t last) {
    if (FEAT_GROW(part->before, part->before_capacity, last + 1) != 0) return false;
    while (part->ready <= last) {
        size_t i = part->ready;
        feat_moments *m = &part->before[i];
        feat_moments_init(m, part->kind);
        if (i > 0 && !(feat_moments_merge(m, m - 1) && add(part, m, (i - 1) * GROUP, i * GROUP))) {
            feat_moments_done(m);
            return false;
        }
        part->ready++;
    }
    return true;
}

static bool moments_of(feat_window_moments *part, feat_moments *m, size_t from, size_t to) {
    if (to - from < DIRECT) return add(part, m, from, to);
    size_t first = (from + GROUP - 1) / GROUP, last = to / GROUP;
    return make_ready(part, last) && feat_moments_merge(m, &part->before[last]) &&
           feat_moments_unmerge(m, &part->before[first]) && add(part, m, from, first * GROUP) &&
           add(part, m, last * GROUP, to);
}

feat_status feat_window_moments_query(feat_window_moments *part, feat_statistic statistic, feat_range range,
                                      feat_cell *out, feat_error *err) {
    size_t from = range.from, to = range.to;
    *out = feat_cell_of_state(FEAT_STATE_NULL);
    if (from >= to) return FEAT_OK;
    if (!part->all_count) {
        if (part->errors[from] != part->errors[to]) {
            out->state = FEAT_STATE_ERROR;
            return FEAT_OK;
        }
        from = part->places[from];
        to = part->places[to];
        if (from == to) return FEAT_OK;
    }
    feat_moments m;
    feat_moments_init(&m, part->kind);
    double value = 0;
    bool good = moments_of(part, &m, from, to);
    if (good && feat_moments_result(&m, statistic, &value)) *out = feat_cell_of_double(value);
    feat_moments_done(&m);
    return good ? FEAT_OK : feat_fail_memory(err);
}
