/* Counts by value: how many different values there are, how often each comes, and sums by category. */
#include "column/list.h"
#include "exec/agg.h"
#include "exec/values.h"
#include "math/decimal.h"
#include "math/elementary.h"
#include "math/hyperloglog.h"
#include "text/checksum.h"

static feat_cell failed(void) { return feat_cell_of_state(FEAT_STATE_ERROR); }

static bool tally_of(const feat_agg_input *in, bool groups, feat_tally *tally) {
    return feat_tally_make(tally, in->scratch, feat_class_of(in->types[0]), in->values[0], in->n, groups);
}

/* ---- How many. ---- */

uint64_t feat_value_hash(feat_class class, int scale, const void *values, size_t i) {
    switch (class) {
    case FEAT_CLASS_B: return feat_hash_boolean(((const uint8_t *)values)[i] != 0);
    case FEAT_CLASS_I: return feat_hash_integer((uint64_t)((const int64_t *)values)[i]);
    case FEAT_CLASS_F: return feat_hash_double(((const double *)values)[i]);
    case FEAT_CLASS_T: return feat_hash_bytes(((const feat_text *)values)[i]);
    case FEAT_CLASS_W: return feat_hash_decimal(((const feat_int128 *)values)[i], scale);
    case FEAT_CLASS_V: return feat_hash_length(feat_interval_length(((const feat_interval *)values)[i]));
    case FEAT_CLASS_N: break;
    }
    return 0;
}

feat_cell feat_agg_approx_count_distinct(const feat_agg_input *in) {
    feat_hll hll;
    feat_class class = feat_class_of(in->types[0]);
    int scale = FEAT_TYPE_SCALE(in->types[0]);
    feat_hll_init(&hll);
    for (size_t i = 0; i < in->n; i++) feat_hll_add(&hll, feat_value_hash(class, scale, in->values[0], i));
    return feat_cell_of_int((int64_t)feat_hll_count(&hll));
}

feat_cell feat_agg_distinct_ratio(const feat_agg_input *in) {
    feat_tally tally;
    if (!tally_of(in, false, &tally)) return failed();
    return feat_cell_of_double((double)tally.n / (double)in->n);
}

/* ---- The most frequent. ---- */

/* The number of the least of the most frequent values. */
static size_t most_frequent(const feat_tally *tally) {
    size_t best = 0;
    for (size_t i = 1; i < tally->n; i++)
        if (tally->counts[i] > tally->counts[best]) best = i;
    return best;
}

/* A value of a tally as an element of a list; as a cell it is the same bytes. */
static feat_element element_of(const feat_tally *tally, size_t i) {
    feat_element element = {.w = 0};
    size_t size = feat_class_size(tally->class);
    memcpy(&element, (const char *)tally->values + i * size, size);
    return element;
}

feat_cell feat_agg_mode(const feat_agg_input *in) {
    feat_tally tally;
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    if (!tally_of(in, false, &tally)) return failed();
    feat_element best = element_of(&tally, most_frequent(&tally));
    memcpy(&cell.v, &best, sizeof cell.v);
    return cell;
}

feat_cell feat_agg_top1_ratio(const feat_agg_input *in) {
    feat_tally tally;
    if (!tally_of(in, false, &tally)) return failed();
    return feat_cell_of_double((double)tally.counts[most_frequent(&tally)] / (double)in->n);
}

feat_cell feat_tally_top(const feat_agg_input *in, const feat_tally *tally, const uint32_t *order, size_t k) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    feat_element *elements = feat_values_room(in->scratch, k, sizeof *elements);
    if (!elements) return failed();
    for (size_t i = 0; i < k; i++) elements[i] = element_of(tally, order[i]);
    return feat_list_make(in->scratch, in->type, elements, sizeof *elements, NULL, k, &cell.v.t) ? cell : failed();
}

feat_cell feat_agg_top_k(const feat_agg_input *in) {
    feat_tally tally;
    const uint32_t *order;
    if (!tally_of(in, false, &tally) || !(order = feat_tally_by_count(&tally, in->scratch))) return failed();
    size_t k = (uint64_t)in->parameter->v.i < tally.n ? (size_t)in->parameter->v.i : tally.n;
    return feat_tally_top(in, &tally, order, k);
}

/* ---- All of them. ---- */

feat_cell feat_tally_list(const feat_agg_input *in, const feat_tally *tally) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    bool made =
        feat_list_make(in->scratch, in->type, tally->values, feat_class_size(tally->class), NULL, tally->n, &cell.v.t);
    return made ? cell : failed();
}

feat_cell feat_agg_list_distinct(const feat_agg_input *in) {
    feat_tally tally;
    return tally_of(in, false, &tally) ? feat_tally_list(in, &tally) : failed();
}

/* Counts of one value are added up exactly, so that no order of the values shows; each is rounded once before. */
feat_cell feat_agg_entropy(const feat_agg_input *in) {
    feat_tally tally;
    feat_exact sum;
    if (!tally_of(in, false, &tally)) return failed();
    feat_exact_init(&sum);
    for (size_t i = 0; i < tally.n; i++) {
        double count = tally.counts[i];
        feat_exact_add(&sum, count * feat_log2((double)in->n / count));
    }
    return feat_cell_of_double(feat_exact_mean(&sum, (int64_t)in->n));
}

/* ---- By category. ---- */

static feat_cell map_of(const feat_agg_input *in, const feat_tally *tally, const void *values, size_t size) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    bool made = feat_map_make(in->scratch, in->type, tally->values, feat_class_size(tally->class), values, size,
                              tally->n, &cell.v.t);
    return made ? cell : failed();
}

feat_cell feat_tally_map(const feat_agg_input *in, const feat_tally *tally) {
    int64_t *counts = feat_values_room(in->scratch, tally->n, sizeof *counts);
    if (!counts) return failed();
    for (size_t i = 0; i < tally->n; i++) counts[i] = tally->counts[i];
    return map_of(in, tally, counts, sizeof *counts);
}

feat_cell feat_agg_histogram(const feat_agg_input *in) {
    feat_tally tally;
    return tally_of(in, false, &tally) ? feat_tally_map(in, &tally) : failed();
}

/* A sum of integers of any size: 192 bits. */
typedef struct wide_sum {
    feat_uint128 low;
    int64_t high;
} wide_sum;

static wide_sum wide_total(const feat_int128 *values, size_t n) {
    wide_sum sum = {0, 0};
    for (size_t i = 0; i < n; i++) {
        sum.low += (feat_uint128)values[i];
        sum.high += (values[i] < 0 ? -1 : 0) + (sum.low < (feat_uint128)values[i]);
    }
    return sum;
}

static feat_cell of_integers(const int64_t *values, size_t n, bool mean) {
    feat_int128 sum = 0;
    for (size_t i = 0; i < n; i++) sum += values[i];
    if (mean) return feat_cell_of_double(feat_int_mean(sum, (int64_t)n));
    return sum == (int64_t)sum ? feat_cell_of_int((int64_t)sum) : failed();
}

static feat_cell of_doubles(const double *values, size_t n, bool mean) {
    int exponent;
    bool special;
    if (feat_fixed_plan(values, n, &exponent, &special) && !special) {
        feat_int128 sum = 0;
        for (size_t i = 0; i < n; i++) sum += feat_fixed_of(values[i], exponent);
        return feat_cell_of_double(mean ? feat_fixed_mean(sum, exponent, (int64_t)n) : feat_fixed_round(sum, exponent));
    }
    feat_exact sum;
    feat_exact_init(&sum);
    feat_exact_add_array(&sum, values, n);
    return feat_cell_of_double(mean ? feat_exact_mean(&sum, (int64_t)n) : feat_exact_round(&sum));
}

static feat_cell of_wides(const feat_agg_input *in, const feat_int128 *values, size_t n, bool mean) {
    wide_sum sum = wide_total(values, n);
    feat_int128 whole = (feat_int128)sum.low;
    if (mean) return feat_cell_of_double(feat_wide_mean(sum.low, sum.high, n, FEAT_TYPE_SCALE(in->types[1])));
    if (sum.high != (whole < 0 ? -1 : 0)) return failed();
    feat_cell cell = feat_cell_of_int(0);
    if (FEAT_TYPE_BASE(in->types[1]) == FEAT_TYPE_DECIMAL) {
        cell.v.w = whole;
        return feat_decimal_fits(whole, FEAT_DECIMAL_DIGITS) ? cell : failed();
    }
    cell.v.i = (int64_t)whole;
    return whole == cell.v.i ? cell : failed();
}

/* The values of each category side by side, then the sum or mean of each. */
static feat_cell by_category(const feat_agg_input *in, bool mean) {
    feat_class class = feat_class_of(in->types[1]);
    size_t size = feat_class_size(class);
    feat_tally tally;
    if (!tally_of(in, true, &tally)) return failed();
    char *values = feat_values_room(in->scratch, in->n, size);
    uint32_t *ends = feat_values_room(in->scratch, tally.n, sizeof *ends);
    feat_element *results = feat_values_room(in->scratch, tally.n, sizeof *results);
    if (!values || !ends || !results) return failed();
    uint32_t start = 0;
    for (size_t k = 0; k < tally.n; start += tally.counts[k++]) ends[k] = start;
    for (size_t i = 0; i < in->n; i++)
        memcpy(values + ends[tally.groups[i]]++ * size, (const char *)in->values[1] + i * size, size);
    for (size_t k = 0; k < tally.n; k++) {
        size_t n = tally.counts[k];
        const void *part = values + (ends[k] - n) * size;
        feat_cell result = class == FEAT_CLASS_F   ? of_doubles(part, n, mean)
                           : class == FEAT_CLASS_I ? of_integers(part, n, mean)
                                                   : of_wides(in, part, n, mean);
        if (result.state != FEAT_STATE_VALUE) return failed();
        memcpy(&results[k], &result.v, sizeof results[k]);
    }
    return map_of(in, &tally, results, sizeof *results);
}

feat_cell feat_agg_sum_map(const feat_agg_input *in) { return by_category(in, false); }
feat_cell feat_agg_avg_map(const feat_agg_input *in) { return by_category(in, true); }
