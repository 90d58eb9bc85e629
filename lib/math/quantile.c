#include "math/quantile.h"

#include <math.h>

#include "math/decimal.h"
#include "math/number.h"

feat_share feat_share_of(double q) {
    feat_int128 digits;
    int precision, scale;
    double eighths = q * 8.0;
    if (eighths == rint(eighths)) return (feat_share){(uint64_t)eighths, 8};
    if (feat_decimal_literal(q, &digits, &precision, &scale) && scale <= 15)
        return (feat_share){(uint64_t)digits, (uint64_t)feat_decimal_power(scale)};
    return (feat_share){(uint64_t)rint(q * 0x1p53), UINT64_C(1) << 53};
}

size_t feat_share_place(feat_share share, size_t n) {
    feat_uint128 above = (feat_uint128)share.part * n + share.whole - 1;
    size_t place = (size_t)(above / share.whole);
    return place > 0 ? place - 1 : 0;
}

size_t feat_share_between(feat_share share, size_t n, uint64_t *rest) {
    feat_uint128 at = (feat_uint128)share.part * (n - 1);
    *rest = (uint64_t)(at % share.whole);
    return (size_t)(at / share.whole);
}

/* Adds times * value, exactly; value is finite, times <= 2^53. */
static void add_times(feat_exact *sum, double value, uint64_t times) {
    uint64_t bits = feat_double_bits(value), mantissa = bits & ((UINT64_C(1) << 52) - 1);
    int field = (int)(bits >> 52) & 0x7ff;
    if (field) mantissa |= UINT64_C(1) << 52;
    feat_int128 product = (feat_int128)((feat_uint128)mantissa * times);
    feat_exact_add_fixed(sum, bits >> 63 ? -product : product, field ? field - 1075 : -1074);
}

double feat_between_doubles(double low, double high, uint64_t rest, uint64_t whole) {
    if (low != low || high != high) return feat_double_of_bits(FEAT_NAN_BITS);
    bool infinite_low = fabs(low) == HUGE_VAL, infinite_high = rest > 0 && fabs(high) == HUGE_VAL;
    if (infinite_low && infinite_high && low != high) return feat_double_of_bits(FEAT_NAN_BITS);
    if (infinite_low || infinite_high) return infinite_low ? low : high;
    if (rest == 0 || low == high) return low + 0.0; /* no -0 */
    feat_exact sum;
    feat_exact_init(&sum);
    add_times(&sum, low, whole - rest);
    add_times(&sum, high, rest);
    return feat_exact_mean(&sum, (int64_t)whole);
}

double feat_between_integers(int64_t low, int64_t high, uint64_t rest, uint64_t whole) {
    return feat_int_mean((feat_int128)low * (int64_t)(whole - rest) + (feat_int128)high * (int64_t)rest,
                         (int64_t)whole);
}

/* 192 bits in two's complement. */
typedef struct long_sum {
    feat_uint128 low;
    int64_t high;
} long_sum;

static void long_add(long_sum *sum, feat_int128 value, uint64_t times) {
    feat_uint128 magnitude = value < 0 ? -(feat_uint128)value : (feat_uint128)value;
    feat_uint128 lower = (feat_uint128)(uint64_t)magnitude * times, upper = (magnitude >> 64) * times;
    feat_uint128 low = lower + (upper << 64);
    int64_t high = (int64_t)(uint64_t)(upper >> 64) + (low < lower);
    if (value < 0) {
        low = -low;
        high = ~high + (low == 0);
    }
    sum->low += low;
    sum->high += high + (sum->low < low);
}

double feat_between_wides(feat_int128 low, feat_int128 high, int scale, uint64_t rest, uint64_t whole) {
    long_sum sum = {0, 0};
    long_add(&sum, low, whole - rest);
    long_add(&sum, high, rest);
    return feat_wide_mean(sum.low, sum.high, whole, scale);
}

int64_t feat_between_instants(int64_t low, int64_t high, uint64_t rest, uint64_t whole) {
    feat_uint128 way = (feat_uint128)((uint64_t)high - (uint64_t)low) * rest;
    return (int64_t)((uint64_t)low + (uint64_t)(way / whole));
}
