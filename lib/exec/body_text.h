/* Bodies that read text as another type; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_TEXT_H
#define FEAT_LIB_EXEC_BODY_TEXT_H

#include "base/calendar.h"
#include "base/clock.h"
#include "exec/body_number.h"
#include "exec/exec.h"
#include "math/decimal.h"

static inline double feat_body_read_f(feat_text a, uint8_t *state) {
    double out = 0.0;
    if (!feat_double_of_text(a.data, a.length, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline double feat_body_read_f32(feat_text a, uint8_t *state) {
    float out = 0.0F;
    if (!feat_real_of_text(a.data, a.length, &out)) *state = FEAT_STATE_ERROR;
    return (double)out;
}
static inline int64_t feat_body_read_i(feat_text a, uint8_t *state) {
    feat_int128 out = 0;
    if (!feat_integer_of_text(a.data, a.length, &out) || out < INT64_MIN || out > INT64_MAX) *state = FEAT_STATE_ERROR;
    return (int64_t)out;
}
static inline feat_int128 feat_body_read_u64(feat_text a, uint8_t *state) {
    feat_int128 out = 0;
    if (!feat_integer_of_text(a.data, a.length, &out) || out < 0 || out > (feat_int128)UINT64_MAX)
        *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_int128 feat_body_read_w(feat_text a, int64_t scale, uint8_t *state) {
    feat_int128 out = 0;
    if (feat_decimal_parse(a.data, a.length, feat_digits(scale), &out) != FEAT_NUMBER_OK) *state = FEAT_STATE_ERROR;
    return out;
}
static inline uint8_t feat_body_read_b(feat_text a, uint8_t *state) {
    bool out = false;
    if (!feat_boolean_of_text(a.data, a.length, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_read_date(feat_text a, uint8_t *state) {
    int32_t out = 0;
    if (!feat_read_date(a.data, a.length, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_read_timestamp(feat_text a, uint8_t *state) {
    int64_t out = 0;
    if (!feat_read_timestamp(a.data, a.length, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_interval feat_body_read_v(feat_text a, uint8_t *state) {
    feat_interval out = {0, 0, 0};
    if (!feat_parse_interval_text(a.data, a.length, &out.months, &out.days, &out.us)) *state = FEAT_STATE_ERROR;
    return out;
}

#endif
