/* Bodies over integers of all widths, decimals, doubles and bits; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_NUMBER_H
#define FEAT_LIB_EXEC_BODY_NUMBER_H

#include <math.h>

#include "exec/exec.h"
#include "math/decimal.h"

/* A scale or precision is a constant that the builder made; whatever it is, nothing is read outside a table. */
static inline int feat_digits(int64_t n) { return n < 0 ? 0 : n > FEAT_DECIMAL_DIGITS ? FEAT_DECIMAL_DIGITS : (int)n; }

/* ---- ranges ---- */

static inline int64_t feat_fit_int(int64_t a, int64_t low, int64_t high, uint8_t *state) {
    if (a < low || a > high) *state = FEAT_STATE_ERROR;
    return a;
}
static inline int64_t feat_body_fit_i8(int64_t a, uint8_t *state) { return feat_fit_int(a, INT8_MIN, INT8_MAX, state); }
static inline int64_t feat_body_fit_i16(int64_t a, uint8_t *state) {
    return feat_fit_int(a, INT16_MIN, INT16_MAX, state);
}
static inline int64_t feat_body_fit_i32(int64_t a, uint8_t *state) {
    return feat_fit_int(a, INT32_MIN, INT32_MAX, state);
}
static inline int64_t feat_body_fit_u8(int64_t a, uint8_t *state) { return feat_fit_int(a, 0, UINT8_MAX, state); }
static inline int64_t feat_body_fit_u16(int64_t a, uint8_t *state) { return feat_fit_int(a, 0, UINT16_MAX, state); }
static inline int64_t feat_body_fit_u32(int64_t a, uint8_t *state) { return feat_fit_int(a, 0, UINT32_MAX, state); }
/* The two ends of 32 bits mean infinity in DuckDB's files; no date is stored as either. */
static inline int64_t feat_body_fit_date(int64_t a, uint8_t *state) {
    return feat_fit_int(a, -(int64_t)INT32_MAX + 1, INT32_MAX - 1, state);
}
static inline feat_int128 feat_body_fit_u64(feat_int128 a, uint8_t *state) {
    if (a < 0 || a > (feat_int128)UINT64_MAX) *state = FEAT_STATE_ERROR;
    return a;
}
static inline feat_int128 feat_body_fit_w(feat_int128 a, int64_t precision, uint8_t *state) {
    if (!feat_decimal_fits(a, feat_digits(precision))) *state = FEAT_STATE_ERROR;
    return a;
}

/* ---- 128-bit integers ---- */

static inline feat_int128 feat_body_add_w(feat_int128 a, feat_int128 b, uint8_t *state) {
    feat_int128 out;
    if (__builtin_add_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_int128 feat_body_sub_w(feat_int128 a, feat_int128 b, uint8_t *state) {
    feat_int128 out;
    if (__builtin_sub_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_int128 feat_body_mul_w(feat_int128 a, feat_int128 b, uint8_t *state) {
    feat_int128 out;
    if (__builtin_mul_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
/* The two that would trap: a divisor of 0, and the least number by -1. */
static inline feat_int128 feat_body_idiv_w(feat_int128 a, feat_int128 b, uint8_t *state) {
    if (b == 0) *state = FEAT_STATE_NULL;
    if (b == 0) return 0;
    return b == -1 ? feat_body_sub_w(0, a, state) : a / b;
}
static inline feat_int128 feat_body_mod_w(feat_int128 a, feat_int128 b, uint8_t *state) {
    if (b == 0) *state = FEAT_STATE_NULL;
    return b == 0 || b == -1 ? 0 : a % b;
}
static inline feat_int128 feat_body_neg_w(feat_int128 a, uint8_t *state) { return feat_body_sub_w(0, a, state); }
static inline feat_int128 feat_body_abs_w(feat_int128 a, uint8_t *state) {
    return a < 0 ? feat_body_sub_w(0, a, state) : a;
}
static inline int64_t feat_body_sign_w(feat_int128 a) { return (a > 0) - (a < 0); }

/* ---- scales ---- */

static inline feat_int128 feat_body_scale_up(feat_int128 a, int64_t digits, uint8_t *state) {
    return feat_body_mul_w(a, feat_decimal_power(feat_digits(digits)), state);
}
static inline feat_int128 feat_body_scale_down(feat_int128 a, int64_t digits) {
    return feat_decimal_drop(a, feat_digits(digits));
}
static inline feat_int128 feat_body_floor_w(feat_int128 a, int64_t digits) {
    feat_int128 unit = feat_decimal_power(feat_digits(digits));
    return a / unit - (a % unit < 0);
}
static inline feat_int128 feat_body_ceil_w(feat_int128 a, int64_t digits) {
    feat_int128 unit = feat_decimal_power(feat_digits(digits));
    return a / unit + (a % unit > 0);
}
static inline feat_int128 feat_body_trunc_w(feat_int128 a, int64_t digits) {
    return a / feat_decimal_power(feat_digits(digits));
}

/* ---- conversions ---- */

static inline int64_t feat_body_as_i(int64_t a) { return a; }
static inline double feat_body_as_f(double a) { return a; }
static inline feat_int128 feat_body_as_w(feat_int128 a) { return a; }

static inline feat_int128 feat_body_cast_iw(int64_t a) { return a; }
static inline int64_t feat_body_cast_wi(feat_int128 a, uint8_t *state) {
    if (a < INT64_MIN || a > INT64_MAX) *state = FEAT_STATE_ERROR;
    return (int64_t)a;
}
static inline uint8_t feat_body_cast_wb(feat_int128 a) { return a != 0; }
static inline uint8_t feat_body_cast_fb(double a) { return a != 0.0; }
static inline double feat_body_cast_wf(feat_int128 a, int64_t scale) {
    return feat_decimal_to_double(a, feat_digits(scale));
}
static inline double feat_body_cast_wf32(feat_int128 a, int64_t scale) {
    return (double)feat_decimal_to_real(a, feat_digits(scale));
}
/* The type's precision and scale as one number: precision * 256 + scale. */
static inline feat_int128 feat_body_cast_fw(double a, int64_t shape, uint8_t *state) {
    feat_int128 out = 0;
    if (!feat_decimal_of_double(a, feat_digits(shape >> 8), feat_digits(shape & 255), &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_int128 feat_body_cast_fu64(double a, uint8_t *state) {
    double whole = rint(a);
    if (!(whole >= 0.0 && whole < 0x1p64)) {
        *state = FEAT_STATE_ERROR;
        return 0;
    }
    return (feat_int128)whole;
}
static inline double feat_body_round_f32(double a) { return (double)(float)a; }
static inline double feat_body_cast_f32(double a, uint8_t *state) {
    double out = (double)(float)a;
    if (fabs(out) == HUGE_VAL && fabs(a) != HUGE_VAL) *state = FEAT_STATE_ERROR;
    return out;
}
/* At once: by way of a double it would be rounded twice. */
static inline double feat_body_cast_if32(int64_t a) { return (double)(float)a; }

/* ---- doubles ---- */

static inline double feat_body_idiv_f(double a, double b, uint8_t *state) {
    if (b == 0.0) *state = FEAT_STATE_NULL;
    return a / b;
}
static inline double feat_body_mod_f(double a, double b, uint8_t *state) {
    if (b == 0.0) *state = FEAT_STATE_NULL;
    return feat_remainder(a, b);
}
static inline double feat_body_floor_f(double a) { return floor(a); }
static inline double feat_body_ceil_f(double a) { return ceil(a); }
static inline double feat_body_trunc_f(double a) { return trunc(a); }
static inline double feat_body_round_f(double a) {
    double whole = trunc(a);
    return fabs(a - whole) >= 0.5 ? whole + copysign(1.0, a) : whole;
}
static inline double feat_body_sqrt_f(double a) { return sqrt(a); }
static inline int64_t feat_body_sign_f(double a) { return (a > 0.0) - (a < 0.0); }
static inline int64_t feat_body_sign_i(int64_t a) { return (a > 0) - (a < 0); }

/* ---- bits ---- */

static inline int64_t feat_body_bit_and(int64_t a, int64_t b) { return a & b; }
static inline int64_t feat_body_bit_or(int64_t a, int64_t b) { return a | b; }
static inline int64_t feat_body_bit_xor(int64_t a, int64_t b) { return a ^ b; }
static inline int64_t feat_body_shift_left(int64_t a, int64_t b, uint8_t *state) {
    if (a == 0 && b >= 0) return 0;
    if (a < 0 || b < 0 || b > 62 || a > INT64_MAX >> b) {
        *state = FEAT_STATE_ERROR;
        return 0;
    }
    return a << b;
}
static inline int64_t feat_body_shift_right(int64_t a, int64_t b) { return b < 0 || b > 63 ? 0 : a >> b; }

#endif
