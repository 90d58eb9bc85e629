/* Exact sums over arrays for every processor. */
#include "math/exact_lanes.h"

static void scan(const double *values, size_t n, feat_exact_span *span) {
    feat_exact_span s = *span;
    for (size_t i = 0; i < n; i++) feat_exact_span_add(&s, values[i]);
    *span = s;
}

static void prefix_sums(const double *values, size_t n, int exponent, feat_int128 *prefix) {
    feat_int128 sum = prefix[0];
    for (size_t i = 0; i < n; i++) {
        sum += feat_fixed_of(values[i], exponent);
        prefix[i + 1] = sum;
    }
}

const feat_exact_table feat_exact_baseline = {scan, prefix_sums, round_array, mean_array};
