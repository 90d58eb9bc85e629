#include "base/calendar.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

#define US_PER_HOUR   INT64_C(3600000000)
#define US_PER_MINUTE INT64_C(60000000)

static const struct {
    const char *name;
    feat_part part;
} names[] = {
    {"microsecond", FEAT_PART_MICROSECOND},
    {"microseconds", FEAT_PART_MICROSECOND},
    {"us", FEAT_PART_MICROSECOND},
    {"usec", FEAT_PART_MICROSECOND},
    {"usecs", FEAT_PART_MICROSECOND},
    {"usecond", FEAT_PART_MICROSECOND},
    {"useconds", FEAT_PART_MICROSECOND},
    {"millisecond", FEAT_PART_MILLISECOND},
    {"milliseconds", FEAT_PART_MILLISECOND},
    {"ms", FEAT_PART_MILLISECOND},
    {"msec", FEAT_PART_MILLISECOND},
    {"msecs", FEAT_PART_MILLISECOND},
    {"msecond", FEAT_PART_MILLISECOND},
    {"mseconds", FEAT_PART_MILLISECOND},
    {"second", FEAT_PART_SECOND},
    {"seconds", FEAT_PART_SECOND},
    {"sec", FEAT_PART_SECOND},
    {"secs", FEAT_PART_SECOND},
    {"s", FEAT_PART_SECOND},
    {"minute", FEAT_PART_MINUTE},
    {"minutes", FEAT_PART_MINUTE},
    {"min", FEAT_PART_MINUTE},
    {"mins", FEAT_PART_MINUTE},
    {"m", FEAT_PART_MINUTE},
    {"hour", FEAT_PART_HOUR},
    {"hours", FEAT_PART_HOUR},
    {"hr", FEAT_PART_HOUR},
    {"hrs", FEAT_PART_HOUR},
    {"h", FEAT_PART_HOUR},
    {"day", FEAT_PART_DAY},
    {"days", FEAT_PART_DAY},
    {"d", FEAT_PART_DAY},
    {"dayofmonth", FEAT_PART_DAY},
    {"week", FEAT_PART_WEEK},
    {"weeks", FEAT_PART_WEEK},
    {"w", FEAT_PART_WEEK},
    {"weekofyear", FEAT_PART_WEEK},
    {"month", FEAT_PART_MONTH},
    {"months", FEAT_PART_MONTH},
    {"mon", FEAT_PART_MONTH},
    {"mons", FEAT_PART_MONTH},
    {"quarter", FEAT_PART_QUARTER},
    {"quarters", FEAT_PART_QUARTER},
    {"year", FEAT_PART_YEAR},
    {"years", FEAT_PART_YEAR},
    {"yr", FEAT_PART_YEAR},
    {"yrs", FEAT_PART_YEAR},
    {"y", FEAT_PART_YEAR},
    {"decade", FEAT_PART_DECADE},
    {"decades", FEAT_PART_DECADE},
    {"dec", FEAT_PART_DECADE},
    {"decs", FEAT_PART_DECADE},
    {"century", FEAT_PART_CENTURY},
    {"centuries", FEAT_PART_CENTURY},
    {"cent", FEAT_PART_CENTURY},
    {"c", FEAT_PART_CENTURY},
    {"millennium", FEAT_PART_MILLENNIUM},
    {"millennia", FEAT_PART_MILLENNIUM},
    {"mil", FEAT_PART_MILLENNIUM},
    {"mils", FEAT_PART_MILLENNIUM},
    {"dow", FEAT_PART_DOW},
    {"dayofweek", FEAT_PART_DOW},
    {"weekday", FEAT_PART_DOW},
    {"isodow", FEAT_PART_ISODOW},
    {"doy", FEAT_PART_DOY},
    {"dayofyear", FEAT_PART_DOY},
    {"isoyear", FEAT_PART_ISOYEAR},
    {"yearweek", FEAT_PART_YEARWEEK},
    {"epoch", FEAT_PART_EPOCH},
    {"era", FEAT_PART_ERA},
    {"julian", FEAT_PART_JULIAN},
};

feat_part feat_part_find(const char *name, size_t length) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == length && strncasecmp(names[i].name, name, length) == 0) return names[i].part;
    return FEAT_PART_NONE;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* 0 is Monday; 1970-01-01 was a Thursday. */
static int64_t weekday(int64_t day) { return day + 3 - 7 * floor_div(day + 3, 7); }

/* The ISO year of a day is that of its week's Thursday, and the week counts the Thursdays up to it. */
static int64_t iso_week(int64_t day, int64_t *iso_year) {
    int64_t thursday = day - weekday(day) + 3, year;
    int month, of_month;
    feat_civil_from_days(thursday, &year, &month, &of_month);
    *iso_year = year;
    return (thursday - feat_days_from_civil(year, 1, 1)) / 7 + 1;
}

int64_t feat_part_of_day(int64_t day, feat_part part) {
    int64_t year, iso_year, week;
    int month, of_month;
    switch (part) {
    case FEAT_PART_WEEK: return iso_week(day, &iso_year);
    case FEAT_PART_DOW: return (weekday(day) + 1) % 7;
    case FEAT_PART_ISODOW: return weekday(day) + 1;
    case FEAT_PART_ISOYEAR: iso_week(day, &iso_year); return iso_year;
    case FEAT_PART_YEARWEEK: week = iso_week(day, &iso_year); return iso_year * 100 + (iso_year > 0 ? week : -week);
    default: feat_civil_from_days(day, &year, &month, &of_month);
    }
    switch (part) {
    case FEAT_PART_DAY: return of_month;
    case FEAT_PART_MONTH: return month;
    case FEAT_PART_QUARTER: return (month - 1) / 3 + 1;
    case FEAT_PART_YEAR: return year;
    case FEAT_PART_DECADE: return year / 10;
    case FEAT_PART_CENTURY: return year > 0 ? (year - 1) / 100 + 1 : year / 100 - 1;
    case FEAT_PART_MILLENNIUM: return year > 0 ? (year - 1) / 1000 + 1 : year / 1000 - 1;
    case FEAT_PART_DOY: return day - feat_days_from_civil(year, 1, 1) + 1;
    case FEAT_PART_ERA: return year > 0;
    default: return 0;
    }
}

/* Of a time of day, or of any count of µs: what is left of the next larger unit. */
static int64_t part_of_us(int64_t us, feat_part part) {
    switch (part) {
    case FEAT_PART_MICROSECOND: return us % US_PER_MINUTE;
    case FEAT_PART_MILLISECOND: return us % US_PER_MINUTE / 1000;
    case FEAT_PART_SECOND: return us % US_PER_MINUTE / FEAT_US_PER_SECOND;
    case FEAT_PART_MINUTE: return us % US_PER_HOUR / US_PER_MINUTE;
    default: return us / US_PER_HOUR;
    }
}

int64_t feat_part_of_time(int64_t us, feat_part part) {
    int64_t day = feat_day_of(us);
    if (part >= FEAT_PART_MICROSECOND && part <= FEAT_PART_HOUR) {
        int64_t of_day = us % FEAT_US_PER_DAY;
        return part_of_us(of_day < 0 ? of_day + FEAT_US_PER_DAY : of_day, part);
    }
    return feat_part_of_day(day, part);
}

int64_t feat_part_of_interval(int32_t months, int32_t days, int64_t us, feat_part part) {
    switch (part) {
    case FEAT_PART_DAY: return days;
    case FEAT_PART_MONTH: return months % 12;
    case FEAT_PART_QUARTER: return months % 12 / 3 + 1;
    case FEAT_PART_YEAR: return months / 12;
    case FEAT_PART_DECADE: return months / 120;
    case FEAT_PART_CENTURY: return months / 1200;
    case FEAT_PART_MILLENNIUM: return months / 12000;
    default: return part_of_us(us, part);
    }
}

/* The years that a unit of years counts in. */
static int64_t years_of(feat_part part) {
    switch (part) {
    case FEAT_PART_DECADE: return 10;
    case FEAT_PART_CENTURY: return 100;
    case FEAT_PART_MILLENNIUM: return 1000;
    default: return 1;
    }
}

static int64_t us_of(feat_part part) {
    switch (part) {
    case FEAT_PART_MILLISECOND: return 1000;
    case FEAT_PART_SECOND: return FEAT_US_PER_SECOND;
    case FEAT_PART_MINUTE: return US_PER_MINUTE;
    case FEAT_PART_HOUR: return US_PER_HOUR;
    default: return 1;
    }
}

/* Below a day; each with a divisor that the compiler knows. */
static int64_t past_unit(int64_t us, feat_part part) {
    int64_t past = 0, unit = us_of(part);
    switch (part) {
    case FEAT_PART_MILLISECOND: past = us % 1000; break;
    case FEAT_PART_SECOND: past = us % FEAT_US_PER_SECOND; break;
    case FEAT_PART_MINUTE: past = us % US_PER_MINUTE; break;
    case FEAT_PART_HOUR: past = us % US_PER_HOUR; break;
    default: break;
    }
    return past < 0 ? past + unit : past;
}

bool feat_part_floor(int64_t us, feat_part part, int64_t *out) {
    if (part <= FEAT_PART_HOUR) return !__builtin_sub_overflow(us, past_unit(us, part), out);
    int64_t day = feat_day_of(us), year;
    int month, of_month;
    switch (part) {
    case FEAT_PART_DAY: return !__builtin_mul_overflow(day, FEAT_US_PER_DAY, out);
    case FEAT_PART_WEEK: return !__builtin_mul_overflow(day - weekday(day), FEAT_US_PER_DAY, out);
    default: feat_civil_from_days(day, &year, &month, &of_month);
    }
    switch (part) {
    case FEAT_PART_MONTH: day -= of_month - 1; break;
    case FEAT_PART_QUARTER: day = feat_days_from_civil(year, (month - 1) / 3 * 3 + 1, 1); break;
    default: day = feat_days_from_civil(year / years_of(part) * years_of(part), 1, 1); break;
    }
    return !__builtin_mul_overflow(day, FEAT_US_PER_DAY, out);
}

/* The number of the unit that holds the instant; consecutive units have consecutive numbers. */
static int64_t unit_number(int64_t us, feat_part part) {
    if (part <= FEAT_PART_HOUR) return floor_div(us, us_of(part));
    int64_t day = feat_day_of(us), year;
    int month, of_month;
    if (part == FEAT_PART_DAY) return day;
    feat_civil_from_days(day, &year, &month, &of_month);
    if (part == FEAT_PART_MONTH) return year * 12 + month - 1;
    if (part == FEAT_PART_QUARTER) return year * 4 + (month - 1) / 3;
    return year / years_of(part);
}

int64_t feat_part_between(int64_t from, int64_t to, feat_part part) {
    int64_t difference;
    if (part == FEAT_PART_WEEK) return (feat_day_of(to) - feat_day_of(from)) / 7;
    if (__builtin_sub_overflow(unit_number(to, part), unit_number(from, part), &difference))
        return to > from ? INT64_MAX : INT64_MIN;
    return difference;
}

bool feat_part_interval(int64_t n, feat_part part, int32_t *months, int32_t *days, int64_t *us) {
    int64_t m = 0, d = 0, u = 0;
    bool failed = false;
    switch (part) {
    case FEAT_PART_MICROSECOND:
    case FEAT_PART_MILLISECOND:
    case FEAT_PART_SECOND:
    case FEAT_PART_MINUTE:
    case FEAT_PART_HOUR: failed = __builtin_mul_overflow(n, us_of(part), &u); break;
    case FEAT_PART_DAY: d = n; break;
    case FEAT_PART_WEEK: failed = __builtin_mul_overflow(n, 7, &d); break;
    case FEAT_PART_MONTH: m = n; break;
    case FEAT_PART_QUARTER: failed = __builtin_mul_overflow(n, 3, &m); break;
    default: failed = __builtin_mul_overflow(n, 12 * years_of(part), &m); break;
    }
    if (failed || m != (int32_t)m || d != (int32_t)d) return false;
    *months = (int32_t)m;
    *days = (int32_t)d;
    *us = u;
    return true;
}

/* ---- Days. ---- */

/* Of the month that is `month` (from 0) of the year 0, counted on. */
static int64_t first_of_month(int64_t month) {
    int64_t year = floor_div(month, 12);
    return feat_days_from_civil(year, (int)(month - year * 12) + 1, 1);
}

bool feat_day_add_months(int64_t day, int64_t months, int64_t *out) {
    int64_t year;
    int month, of_month;
    if (months > INT32_MAX || months < -(int64_t)INT32_MAX - 1) return false;
    feat_civil_from_days(day, &year, &month, &of_month);
    int64_t to = year * 12 + (month - 1) + months;
    int64_t start = first_of_month(to), length = first_of_month(to + 1) - start;
    int64_t result = start + (of_month < length ? of_month : length) - 1;
    if (result != (int32_t)result) return false;
    *out = result;
    return true;
}

int64_t feat_last_day(int64_t day) {
    int64_t year;
    int month, of_month;
    feat_civil_from_days(day, &year, &month, &of_month);
    return first_of_month(year * 12 + month) - 1;
}

bool feat_make_date(int64_t year, int64_t month, int64_t day, int64_t *out) {
    if (year < -290000 || year > 290000 || month < 1 || month > 12 || day < 1 || day > 31) return false;
    int64_t start = feat_days_from_civil(year, (int)month, 1);
    if (start + day - 1 > feat_last_day(start)) return false;
    *out = start + day - 1;
    return true;
}

/* ---- Intervals as text. ---- */

/* What has been read so far. In 128 bits, so that a part may be the least number of 64, which has no opposite; each
 * step is checked against 64 bits and one. */
__extension__ typedef __int128 wide;
typedef struct sums {
    wide months, days, us;
} sums;
#define MOST ((wide)1 << 63)

/* An amount of a unit: its whole part, and its fraction in millionths of a millionth. */
#define FRACTION_DIGITS 12
#define FRACTION_ONE    UINT64_C(1000000000000)
typedef struct amount {
    uint64_t whole;
    int64_t fraction;
    bool negative, is_whole;
} amount;

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static bool read_amount(const char **at, const char *end, amount *a) {
    *a = (amount){.is_whole = true};
    if (*at < end && (**at == '-' || **at == '+')) a->negative = *(*at)++ == '-';
    int digits = 0, fraction = 0;
    for (; *at < end && is_digit(**at); (*at)++, digits++)
        if (__builtin_mul_overflow(a->whole, 10u, &a->whole) ||
            __builtin_add_overflow(a->whole, (unsigned)(**at - '0'), &a->whole))
            return false;
    if (*at < end && **at == '.') {
        a->is_whole = false;
        for ((*at)++; *at < end && is_digit(**at); (*at)++, fraction++)
            if (fraction < FRACTION_DIGITS) a->fraction = a->fraction * 10 + (**at - '0');
        for (int i = fraction; i < FRACTION_DIGITS; i++) a->fraction *= 10;
    }
    return digits + fraction > 0;
}

/* Adds n * unit, signed. Below 2^64 * 2^33 each, so a sum that stays within 64 bits and one cannot overflow. */
static bool add(wide *sum, const amount *a, uint64_t n, int64_t unit) {
    wide product = (wide)n * unit;
    *sum += a->negative ? -product : product;
    return *sum <= MOST && *sum >= -MOST;
}

/* The fraction of a unit of `size` smaller ones, to nearest. What is left of it goes to `rest` when that is asked for.
 */
static uint64_t fraction_of(int64_t fraction, int64_t size, int64_t *rest) {
    __extension__ unsigned __int128 product = (unsigned __int128)(uint64_t)fraction * (uint64_t)size;
    if (!rest) return (uint64_t)((product + FRACTION_ONE / 2) / FRACTION_ONE);
    *rest = (int64_t)(product % FRACTION_ONE);
    return (uint64_t)(product / FRACTION_ONE);
}

static bool add_units(sums *s, const amount *a, feat_part part) {
    uint64_t days;
    int64_t rest;
    switch (part) {
    case FEAT_PART_MICROSECOND: return add(&s->us, a, a->whole, 1);
    case FEAT_PART_MILLISECOND:
    case FEAT_PART_SECOND:
    case FEAT_PART_MINUTE:
    case FEAT_PART_HOUR:
        return add(&s->us, a, a->whole, us_of(part)) && add(&s->us, a, fraction_of(a->fraction, us_of(part), NULL), 1);
    case FEAT_PART_DAY:
        return add(&s->days, a, a->whole, 1) && add(&s->us, a, fraction_of(a->fraction, FEAT_US_PER_DAY, NULL), 1);
    case FEAT_PART_WEEK:
    case FEAT_PART_MONTH:
        days = fraction_of(a->fraction, part == FEAT_PART_WEEK ? 7 : 30, &rest);
        return (part == FEAT_PART_WEEK ? add(&s->days, a, a->whole, 7) : add(&s->months, a, a->whole, 1)) &&
               add(&s->days, a, days, 1) && add(&s->us, a, fraction_of(rest, FEAT_US_PER_DAY, NULL), 1);
    case FEAT_PART_QUARTER:
        return add(&s->months, a, a->whole, 3) && add(&s->months, a, fraction_of(a->fraction, 3, &rest), 1);
    case FEAT_PART_YEAR:
    case FEAT_PART_DECADE:
    case FEAT_PART_CENTURY:
    case FEAT_PART_MILLENNIUM:
        return add(&s->months, a, a->whole, 12 * years_of(part)) &&
               add(&s->months, a, fraction_of(a->fraction, 12 * years_of(part), &rest), 1);
    default: return false;
    }
}

/* ":MM[:SS[.fraction]]" behind the hours. */
static bool read_clock(const char **at, const char *end, sums *s, const amount *hours) {
    amount part = {0};
    if (!hours->is_whole || !add(&s->us, hours, hours->whole, US_PER_HOUR)) return false;
    for (int i = 0; i < 2 && *at < end && **at == ':'; i++) {
        (*at)++;
        if (*at == end || !is_digit(**at) || !read_amount(at, end, &part) || part.whole > 59) return false;
        if (i == 0 && !part.is_whole) return false;
        part.negative = hours->negative;
        if (!add_units(s, &part, i == 0 ? FEAT_PART_MINUTE : FEAT_PART_SECOND)) return false;
    }
    return true;
}

static void skip_blanks(const char **at, const char *end) {
    while (*at < end && is_blank(**at)) (*at)++;
}

bool feat_parse_interval_text(const char *text, size_t length, int32_t *months, int32_t *days, int64_t *us) {
    const char *at = text, *end = text + length;
    sums s = {0, 0, 0};
    bool any = false;
    skip_blanks(&at, end);
    if (at < end && *at == '@') at++;
    for (skip_blanks(&at, end); at < end; skip_blanks(&at, end)) {
        amount a;
        if (any && end - at >= 3 && strncasecmp(at, "ago", 3) == 0) {
            at += 3;
            skip_blanks(&at, end);
            if (at != end) return false;
            s = (sums){-s.months, -s.days, -s.us};
            break;
        }
        if (!read_amount(&at, end, &a)) return false;
        if (at < end && *at == ':') {
            if (!read_clock(&at, end, &s, &a)) return false;
        } else {
            skip_blanks(&at, end);
            const char *unit = at;
            while (at < end && is_letter(*at)) at++;
            /* A number alone is seconds; behind other units it would be ambiguous. */
            feat_part part =
                at == unit && at == end && !any ? FEAT_PART_SECOND : feat_part_find(unit, (size_t)(at - unit));
            if (!add_units(&s, &a, part)) return false;
        }
        any = true;
    }
    if (!any || s.months != (int32_t)s.months || s.days != (int32_t)s.days || s.us != (int64_t)s.us) return false;
    *months = (int32_t)s.months;
    *days = (int32_t)s.days;
    *us = (int64_t)s.us;
    return true;
}

void feat_format_interval(int32_t months, int32_t days, int64_t us, char text[FEAT_INTERVAL_TEXT_SIZE]) {
    const struct {
        int64_t amount;
        const char *unit;
    } parts[] = {{months / 12, "year"}, {months % 12, "month"}, {days, "day"}};
    size_t n = 0;
    for (size_t i = 0; i < 3; i++)
        if (parts[i].amount != 0)
            n += (size_t)snprintf(text + n, FEAT_INTERVAL_TEXT_SIZE - n, "%s%" PRId64 " %s%s", n ? " " : "",
                                  parts[i].amount, parts[i].unit,
                                  parts[i].amount == 1 || parts[i].amount == -1 ? "" : "s");
    if (us == 0 && n > 0) return;
    uint64_t left = us < 0 ? 0 - (uint64_t)us : (uint64_t)us, fraction = left % 1000000;
    n += (size_t)snprintf(text + n, FEAT_INTERVAL_TEXT_SIZE - n, "%s%s%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64,
                          n ? " " : "", us < 0 ? "-" : "", left / 3600000000u, left / 60000000u % 60,
                          left / 1000000u % 60);
    if (fraction == 0) return;
    n += (size_t)snprintf(text + n, FEAT_INTERVAL_TEXT_SIZE - n, ".%06" PRIu64, fraction);
    while (text[n - 1] == '0') text[--n] = 0;
}
