#include "time/span.h"

#include <math.h>

#include "base/clock.h"

__extension__ typedef __int128 wide;

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Of the month that holds a time, counted from the year 0 on. */
static int64_t month_of(int64_t us, int64_t *start) {
    int64_t day = feat_day_of(us), year;
    int month, of_month;
    feat_civil_from_days(day, &year, &month, &of_month);
    *start = day - of_month + 1;
    return year * 12 + month - 1;
}

bool feat_time_bucket(int32_t months, int32_t days, int64_t us, int64_t time, int64_t origin, int64_t *out) {
    int64_t width, since, rest;
    if (months != 0) {
        int64_t start, other;
        if (months < 0 || days != 0 || us != 0) return false;
        since = month_of(time, &start) - month_of(origin, &other);
        rest = since - floor_div(since, months) * months;
        return feat_day_add_months(start, -rest, &start) && !__builtin_mul_overflow(start, FEAT_US_PER_DAY, out);
    }
    if (__builtin_add_overflow(days * FEAT_US_PER_DAY, us, &width) || width <= 0) return false;
    if (__builtin_sub_overflow(time, origin, &since)) return false;
    rest = since % width;
    return !__builtin_sub_overflow(time, rest < 0 ? rest + width : rest, out);
}

/* Months from an earlier time to a later one. Days and times of day are compared apart: near the ends of the range the
 * moved time may lie outside. */
static int64_t whole_months(int64_t from, int64_t to) {
    int64_t start_from, start_to, moved = 0, day = feat_day_of(to);
    int64_t months = month_of(to, &start_to) - month_of(from, &start_from);
    if (!feat_day_add_months(feat_day_of(from), months, &moved)) return 0; /* days are in range: never */
    bool passed = moved != day ? moved > day : from - feat_day_of(from) * FEAT_US_PER_DAY > to - day * FEAT_US_PER_DAY;
    return passed ? months - 1 : months;
}

int64_t feat_part_whole_between(int64_t from, int64_t to, feat_part part) {
    int32_t months = 0, days = 0;
    int64_t us = 0;
    feat_part_interval(1, part, &months, &days, &us);
    if (months != 0) return to >= from ? whole_months(from, to) / months : -(whole_months(to, from) / months);
    us += days * FEAT_US_PER_DAY;
    wide units = ((wide)to - from) / us;
    return units > INT64_MAX ? INT64_MAX : units < INT64_MIN ? INT64_MIN : (int64_t)units;
}

void feat_age(int64_t from, int64_t to, int32_t *months, int32_t *days, int64_t *us) {
    int64_t early = from < to ? from : to, late = from < to ? to : from, start_early, start_late;
    int64_t day_early = feat_day_of(early), day_late = feat_day_of(late);
    int64_t m = month_of(late, &start_late) - month_of(early, &start_early);
    int64_t d = (day_late - start_late) - (day_early - start_early);
    int64_t u = (late - day_late * FEAT_US_PER_DAY) - (early - day_early * FEAT_US_PER_DAY);
    if (u < 0) {
        u += FEAT_US_PER_DAY;
        d--;
    }
    if (d < 0) {
        d += feat_last_day(day_early) - start_early + 1;
        m--;
    }
    int sign = from <= to ? 1 : -1;
    *months = (int32_t)m * sign;
    *days = (int32_t)d * sign;
    *us = u * sign;
}

bool feat_make_time(int64_t hour, int64_t minute, double second, int64_t *us) {
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(second > -1.0 && second < 61.0)) return false;
    double whole = trunc(second);
    double us_of_second = (second - whole) * 1e6, fraction = trunc(us_of_second);
    if (fabs(us_of_second - fraction) >= 0.5) fraction += copysign(1.0, us_of_second);
    int64_t of_minute = (int64_t)whole * FEAT_US_PER_SECOND + (int64_t)fraction;
    if (of_minute < 0 || (hour == 24 && (minute != 0 || of_minute != 0))) return false;
    *us = (hour * 60 + minute) * 60 * FEAT_US_PER_SECOND + of_minute;
    return true;
}

bool feat_time_of_seconds(double seconds, int64_t *us) {
    double rounded = rint(seconds * 1e6);
    if (!(rounded >= -0x1p63 && rounded < 0x1p63)) return false;
    *us = (int64_t)rounded;
    return true;
}
