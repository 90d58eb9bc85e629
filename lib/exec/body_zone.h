/* Bodies of time zones and of formats of times; see body.h. */
#ifndef FEAT_LIB_EXEC_BODY_ZONE_H
#define FEAT_LIB_EXEC_BODY_ZONE_H

#include "base/clock.h"
#include "base/scratch.h"
#include "exec/body_time.h"
#include "exec/exec.h"
#include "time/format.h"
#include "time/names.h"
#include "time/span.h"
#include "time/zone.h"

static inline int64_t feat_body_zone(feat_text a, uint8_t *state) {
    int32_t zone = feat_zone_find(a.data, a.length);
    if (zone < 0) *state = FEAT_STATE_ERROR;
    return zone;
}

/* Numbers of zones may come out of a stored program; those that are none are errors. */
static inline int32_t feat_zone_number(int64_t zone) { return zone == (int32_t)zone ? (int32_t)zone : -1; }
static inline int64_t feat_body_to_local(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_to_local(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_to_utc(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_to_utc(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_zone_start(int64_t a, int64_t zone, uint8_t *state) {
    int64_t out = 0;
    if (!feat_zone_start(feat_zone_number(zone), a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

/* ---- Formats. ---- */

static inline feat_text feat_body_strftime(feat_scratch *scratch, int64_t a, feat_text format, uint8_t *state) {
    feat_text out = {"", 0};
    if (!feat_format_time(scratch, a, format, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_strptime(feat_text a, feat_text format, uint8_t *state) {
    int64_t out = 0;
    if (!feat_parse_time(a, format, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_try_strptime(feat_text a, feat_text format, uint8_t *state) {
    int64_t out = 0;
    if (!feat_parse_time(a, format, &out)) *state = FEAT_STATE_NULL;
    return out;
}
static inline feat_text feat_body_dayname(int64_t a) {
    const char *name = feat_weekday_names[feat_part_of_day(feat_day_of(a), FEAT_PART_DOW)];
    return (feat_text){name, strlen(name)};
}
static inline feat_text feat_body_monthname(int64_t a) {
    const char *name = feat_month_names[feat_part_of_day(feat_day_of(a), FEAT_PART_MONTH) - 1];
    return (feat_text){name, strlen(name)};
}

/* ---- Numbers and spans. ---- */

static inline double feat_body_julian(int64_t a) {
    int64_t day = feat_day_of(a);
    return (double)(a - day * FEAT_US_PER_DAY) / 86400e6 + (double)(day + 2440588);
}
static inline int64_t feat_body_to_timestamp(double a, uint8_t *state) {
    int64_t out = 0;
    if (!feat_time_of_seconds(a, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline int64_t feat_body_epoch_ms(int64_t a) { return a / 1000 + (a % 1000 >= 500) - (a % 1000 <= -500); }
static inline int64_t feat_body_epoch_us(int64_t a) { return a; }
static inline int64_t feat_body_epoch_ns(int64_t a, uint8_t *state) {
    int64_t out;
    if (__builtin_mul_overflow(a, 1000, &out)) *state = FEAT_STATE_ERROR;
    return out;
}
static inline void feat_body_make_time(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    if (feat_strict3(out, a, b, c) && !feat_make_time(a->v.i, b->v.i, c->v.f, &out->v.i)) out->state = FEAT_STATE_ERROR;
}
static inline int64_t feat_body_day_and_time(int64_t day, int64_t us, uint8_t *state) {
    int64_t out;
    if (__builtin_mul_overflow(day, FEAT_US_PER_DAY, &out) || __builtin_add_overflow(out, us, &out))
        *state = FEAT_STATE_ERROR;
    return out;
}
static inline void feat_body_time_bucket(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    if (feat_strict3(out, a, b, c) &&
        !feat_time_bucket(a->v.p.months, a->v.p.days, a->v.p.us, b->v.i, c->v.i, &out->v.i))
        out->state = FEAT_STATE_ERROR;
}
static inline feat_interval feat_body_age(int64_t a, int64_t b) {
    feat_interval out;
    feat_age(b, a, &out.months, &out.days, &out.us);
    return out;
}
static inline void feat_body_part_whole(feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    if (feat_strict3(out, a, b, c)) out->v.i = feat_part_whole_between(a->v.i, b->v.i, (feat_part)c->v.i);
}

#endif
