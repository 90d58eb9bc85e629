/* Bodies over dates, timestamps and intervals; see body.h. A part of a time is a constant argument: a feat_part. */
#ifndef FEAT_LIB_EXEC_BODY_TIME_H
#define FEAT_LIB_EXEC_BODY_TIME_H

#include "base/calendar.h"
#include "base/clock.h"
#include "exec/exec.h"

/* Months first (to the last day of a shorter month), then days, then µs: `sign` is 1 or -1. */
static inline int64_t feat_shift_time(int64_t a, feat_interval b, int sign, uint8_t *state) {
    int64_t out = a, days = (int64_t)b.days * sign * FEAT_US_PER_DAY; /* 31 bits by 37 */
    bool failed = b.months != 0 && !feat_add_months(a, (int64_t)b.months * sign, &out);
    failed = failed || __builtin_add_overflow(out, days, &out);
    failed = failed || (sign > 0 ? __builtin_add_overflow(out, b.us, &out) : __builtin_sub_overflow(out, b.us, &out));
    if (failed) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_add_tv(int64_t a, feat_interval b, uint8_t *state) {
    return feat_shift_time(a, b, 1, state);
}
static inline int64_t feat_body_sub_tv(int64_t a, feat_interval b, uint8_t *state) {
    return feat_shift_time(a, b, -1, state);
}

static inline feat_interval feat_body_sub_tt(int64_t a, int64_t b, uint8_t *state) {
    int64_t us;
    if (__builtin_sub_overflow(a, b, &us)) *state = FEAT_STATE_ERROR;
    return (feat_interval){0, (int32_t)(us / FEAT_US_PER_DAY), us % FEAT_US_PER_DAY};
}

static inline feat_interval feat_body_add_v(feat_interval a, feat_interval b, uint8_t *state) {
    feat_interval out;
    bool months = __builtin_add_overflow(a.months, b.months, &out.months);
    bool days = __builtin_add_overflow(a.days, b.days, &out.days);
    if (__builtin_add_overflow(a.us, b.us, &out.us) || months || days) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_interval feat_body_sub_v(feat_interval a, feat_interval b, uint8_t *state) {
    feat_interval out;
    bool months = __builtin_sub_overflow(a.months, b.months, &out.months);
    bool days = __builtin_sub_overflow(a.days, b.days, &out.days);
    if (__builtin_sub_overflow(a.us, b.us, &out.us) || months || days) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_interval feat_body_neg_v(feat_interval a, uint8_t *state) {
    return feat_body_sub_v((feat_interval){0, 0, 0}, a, state);
}
static inline feat_interval feat_body_mul_v(feat_interval a, int64_t b, uint8_t *state) {
    feat_interval out;
    bool months = __builtin_mul_overflow(a.months, b, &out.months);
    bool days = __builtin_mul_overflow(a.days, b, &out.days);
    if (__builtin_mul_overflow(a.us, b, &out.us) || months || days) *state = FEAT_STATE_ERROR;
    return out;
}

/* The parts that are asked for most are found without a call. */
static inline int64_t feat_body_part_of_day(int64_t a, int64_t part) {
    if (feat_day_is_common(a)) switch (part) {
        case FEAT_PART_YEAR: return feat_civil_of_common(a).year;
        case FEAT_PART_MONTH: return feat_civil_of_common(a).month;
        case FEAT_PART_DAY: return feat_civil_of_common(a).day;
        case FEAT_PART_DOY: return (int64_t)feat_civil_of_common(a).of_year + 1;
        case FEAT_PART_ISODOW: return (a + 3 + 7 * FEAT_CIVIL_BEFORE) % 7 + 1;
        case FEAT_PART_DOW: return (a + 4 + 7 * FEAT_CIVIL_BEFORE) % 7;
        default: break;
        }
    return feat_part_of_day(a, (feat_part)part);
}
static inline int64_t feat_body_part_of_time(int64_t a, int64_t part) {
    if (part > FEAT_PART_HOUR) return feat_body_part_of_day(feat_day_of(a), part);
    return feat_part_of_time(a, (feat_part)part);
}
static inline int64_t feat_body_part_of_interval(feat_interval a, int64_t part) {
    return feat_part_of_interval(a.months, a.days, a.us, (feat_part)part);
}
static inline double feat_body_epoch(int64_t a) { return (double)a / 1e6; }

static inline int64_t feat_body_part_floor(int64_t a, int64_t part, uint8_t *state) {
    int64_t out = 0, day = feat_day_of(a);
    /* All days of this range are TIMESTAMPs, and so are the firsts of their years. */
    if (day > -100000000 && day < 100000000) switch (part) {
        case FEAT_PART_HOUR: {
            int64_t past = a % INT64_C(3600000000);
            return a - past - (past < 0 ? INT64_C(3600000000) : 0);
        }
        case FEAT_PART_DAY: return day * FEAT_US_PER_DAY;
        case FEAT_PART_WEEK: return (day - (day + 3 + 7 * FEAT_CIVIL_BEFORE) % 7) * FEAT_US_PER_DAY;
        case FEAT_PART_MONTH: return (day - feat_civil_of_common(day).day + 1) * FEAT_US_PER_DAY;
        case FEAT_PART_YEAR: return (day - feat_civil_of_common(day).of_year) * FEAT_US_PER_DAY;
        default: break;
        }
    if (!feat_part_floor(a, (feat_part)part, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline feat_interval feat_body_part_interval(int64_t a, int64_t part, uint8_t *state) {
    feat_interval out = {0, 0, 0};
    if (!feat_part_interval(a, (feat_part)part, &out.months, &out.days, &out.us)) *state = FEAT_STATE_ERROR;
    return out;
}

static inline int64_t feat_body_day_add_months(int64_t a, int64_t months, uint8_t *state) {
    int64_t out = 0;
    if (!feat_day_add_months(a, months, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_last_day(int64_t a) { return feat_last_day(a); }

/* A strict operation of three arguments. False when one is no value; the result then has its state. */
static inline bool feat_strict3(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    uint8_t state = a->state > b->state ? a->state : b->state;
    out->v.i = 0;
    out->state = state > c->state ? state : c->state;
    return out->state == FEAT_STATE_VALUE;
}
static inline void feat_body_part_between(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    if (feat_strict3(out, a, b, c)) out->v.i = feat_part_between(a->v.i, b->v.i, (feat_part)c->v.i);
}
static inline void feat_body_make_date(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    if (feat_strict3(out, a, b, c) && !feat_make_date(a->v.i, b->v.i, c->v.i, &out->v.i)) out->state = FEAT_STATE_ERROR;
}

#endif
