/* Bodies that round to a number of digits; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_ROUND_H
#define FEAT_LIB_EXEC_BODY_ROUND_H

#include <math.h>

#include "exec/body_number.h"
#include "exec/exec.h"
#include "math/decimal.h"

static inline int64_t feat_body_round_i(int64_t a, int64_t n, uint8_t *state) {
    if (n >= 0) return a;
    if (n < -19) return 0; /* not even half of 10^20 is in 64 bits */
    feat_int128 out = feat_decimal_drop(a, (int)-n) * feat_decimal_power((int)-n);
    if (out < INT64_MIN || out > INT64_MAX) *state = FEAT_STATE_ERROR;
    return (int64_t)out;
}
static inline int64_t feat_body_trunc_i(int64_t a, int64_t n) {
    if (n >= 0) return a;
    if (n < -18) return 0;
    int64_t unit = (int64_t)feat_decimal_power((int)-n);
    return a / unit * unit;
}

static inline feat_int128 feat_body_round_to_w(feat_int128 a, int64_t shape, uint8_t *state) {
    feat_int128 out;
    if (shape >> 8 > FEAT_DECIMAL_DIGITS) return 0;
    if (__builtin_mul_overflow(feat_decimal_drop(a, feat_digits(shape >> 8)),
                               feat_decimal_power(feat_digits(shape & 255)), &out))
        *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_int128 feat_body_trunc_to_w(feat_int128 a, int64_t shape) {
    if (shape >> 8 > FEAT_DECIMAL_DIGITS) return 0;
    /* Never above the argument: no more zeros are put on than digits were dropped. */
    feat_uint128 kept = (feat_uint128)(a / feat_decimal_power(feat_digits(shape >> 8)));
    return (feat_int128)(kept * (feat_uint128)feat_decimal_power(feat_digits(shape & 255)));
}

static inline double feat_round_to(double a, int64_t n, bool whole_only) {
    double unit = feat_double_power(n < 0 ? -n : n), scaled = n < 0 ? a / unit : a * unit;
    double whole = whole_only ? trunc(scaled) : feat_body_round_f(scaled), out = n < 0 ? whole * unit : whole / unit;
    if (out - out == 0.0) return out;
    /* Not finite before, or 10^n too large: then all digits stay, or none does. */
    return n < 0 && a - a == 0.0 ? 0.0 : a;
}
static inline double feat_body_round_to_f(double a, int64_t n) { return feat_round_to(a, n, false); }
static inline double feat_body_trunc_to_f(double a, int64_t n) { return feat_round_to(a, n, true); }

#endif
