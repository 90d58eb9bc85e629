/* Exact sums over arrays for every processor. */
#include "math/exact_lanes.h"

/* Two lanes: a processor has registers for that, or two units. */
enum { WIDTH = 2, REGISTERS = 2, GROUP = WIDTH * REGISTERS };

typedef double pair __attribute__((vector_size(16)));

/* Of 2 |x|, and of that less 1: zeros wrap to the top and do not count. */
typedef struct extremes {
    uint64_t greatest, least;
} extremes;

static inline __attribute__((always_inline)) void look_at(extremes *e, uint64_t bits) {
    uint64_t magnitude = bits << 1;
    e->greatest = magnitude > e->greatest ? magnitude : e->greatest;
    magnitude--;
    e->least = magnitude < e->least ? magnitude : e->least;
}

static void scan(const double *values, size_t n, feat_exact_span *span) {
    extremes e[WIDTH] = {{0, UINT64_MAX}, {0, UINT64_MAX}};
    uint64_t any = 0;
    size_t i = 0;
    for (; n - i >= WIDTH; i += WIDTH) {
        for (size_t lane = 0; lane < WIDTH; lane++) {
            uint64_t bits = feat_double_bits(values[i + lane]);
            any |= bits & ~FEAT_SIGN_BIT;
            look_at(&e[lane], bits);
        }
    }
    uint64_t greatest = e[0].greatest > e[1].greatest ? e[0].greatest : e[1].greatest;
    uint64_t least = e[0].least < e[1].least ? e[0].least : e[1].least;
    if (greatest >= FEAT_EXPONENT_BITS << 1) { /* infinities and NaN are not to count: once more with care */
        for (i = 0; i < n; i++) feat_exact_span_add(span, values[i]);
        return;
    }
    feat_exact_span s = {least == UINT64_MAX ? least : (least + 1) >> 1, greatest >> 1, any, false};
    for (; i < n; i++) feat_exact_span_add(&s, values[i]);
    *span = s;
}

static void prefix_sums(const double *values, size_t n, int exponent, feat_int128 *prefix) {
    feat_int128 sum = prefix[0];
    for (size_t i = 0; i < n; i++) {
        sum += feat_fixed_of(values[i], exponent);
        prefix[i + 1] = sum;
    }
}

static feat_int128 wide_sum(const double *values, size_t n, int exponent) {
    feat_int128 sum = 0;
    for (size_t i = 0; i < n; i++) sum += feat_fixed_of(values[i], exponent);
    return sum;
}

static NOT_INLINE split_result split_sums(const double *values, size_t n, double at) {
    pair high[REGISTERS] = {{0}}, low[REGISTERS] = {{0}};
    const pair split = {at, at};
    extremes e[GROUP];
    for (size_t lane = 0; lane < GROUP; lane++) e[lane] = (extremes){0, UINT64_MAX};
    for (size_t i = 0; i < n; i += GROUP) {
        pair x[REGISTERS] = {{0}};
        if (n - i < GROUP) memcpy(x, values + i, (n - i) * sizeof *values); /* filled up with zeros */
        else memcpy(x, values + i, sizeof x);
        UNROLLED for (int r = 0; r < REGISTERS; r++) {
            pair part = (x[r] + split) - split;
            high[r] += part;
            low[r] += x[r] - part;
            uint64_t bits[WIDTH];
            memcpy(bits, &x[r], sizeof bits);
            look_at(&e[0], bits[0]);
            look_at(&e[1], bits[1]);
        }
    }
    for (size_t lane = 1; lane < GROUP; lane++) {
        e[0].greatest = e[lane].greatest > e[0].greatest ? e[lane].greatest : e[0].greatest;
        e[0].least = e[lane].least < e[0].least ? e[lane].least : e[0].least;
    }
    high[0] += high[1];
    low[0] += low[1];
    return (split_result){high[0][0] + high[0][1], low[0][0] + low[0][1], e[0].greatest >> 53, e[0].least >> 53};
}

#include "math/exact_blocks.h"

const feat_exact_table feat_exact_baseline = {scan, prefix_sums, round_array, mean_array, add_array};
