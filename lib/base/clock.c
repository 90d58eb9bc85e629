#define _POSIX_C_SOURCE 200809L
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t feat_clock_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * FEAT_US_PER_SECOND + ts.tv_nsec / 1000;
}

int64_t feat_clock_ticks(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The year is taken to start in March, so that the leap day is its last day: the month lengths from there repeat with
 * period five months (153 days), and 400 years are 146,097 days. */
int64_t feat_days_from_civil(int64_t year, int month, int day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void feat_civil_from_days(int64_t days, int64_t *year, int *month, int *day) {
    if (feat_day_is_common(days)) {
        feat_civil civil = feat_civil_of_common(days);
        *year = civil.year;
        *month = (int)civil.month;
        *day = (int)civil.day;
        return;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = year_of_era + era * 400 + (*month <= 2);
}

static int days_in_month(int64_t year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool feat_add_months(int64_t us, int64_t months, int64_t *out) {
    int64_t day_number = feat_day_of(us), year;
    int month, day;
    if (months > 10000000 || months < -10000000) return false;
    feat_civil_from_days(day_number, &year, &month, &day);
    int64_t total = year * 12 + (month - 1) + months;
    int64_t new_year = total >= 0 ? total / 12 : -((-total + 11) / 12);
    int new_month = (int)(total - new_year * 12) + 1;
    if (new_year < -290000 || new_year > 290000) return false;
    int last = days_in_month(new_year, new_month);
    int64_t start = feat_days_from_civil(new_year, new_month, day < last ? day : last), shift, result;
    if (__builtin_mul_overflow(start - day_number, FEAT_US_PER_DAY, &shift) ||
        __builtin_add_overflow(us, shift, &result))
        return false;
    *out = result;
    return true;
}

static bool digits(const char **at, const char *end, int min, int max, int64_t *value) {
    int n = 0;
    int64_t v = 0;
    while (*at < end && n < max && **at >= '0' && **at <= '9') {
        v = v * 10 + (**at - '0');
        (*at)++;
        n++;
    }
    *value = v;
    return n >= min;
}

static bool parse_civil(const char **at, const char *end, int64_t *days) {
    int64_t year, month, day;
    bool negative = *at < end && **at == '-';
    if (negative) (*at)++;
    if (!digits(at, end, 4, 6, &year) || *at == end || *(*at)++ != '-' || !digits(at, end, 1, 2, &month) ||
        *at == end || *(*at)++ != '-' || !digits(at, end, 1, 2, &day))
        return false;
    if (negative) year = -year;
    if (year > 290000 || year < -290000 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month))
        return false;
    *days = feat_days_from_civil(year, (int)month, (int)day);
    return true;
}

bool feat_parse_date(const char *text, size_t length, int32_t *days) {
    const char *at = text, *end = text + length;
    int64_t d;
    if (!parse_civil(&at, end, &d) || at != end) return false;
    *days = (int32_t)d;
    return true;
}

bool feat_parse_timestamp(const char *text, size_t length, int64_t *us) {
    const char *at = text, *end = text + length;
    int64_t d, hour = 0, minute = 0, second = 0, fraction = 0;
    if (!parse_civil(&at, end, &d)) return false;
    if (at < end && (*at == ' ' || *at == 'T')) {
        at++;
        if (!digits(&at, end, 2, 2, &hour) || at == end || *at++ != ':' || !digits(&at, end, 2, 2, &minute))
            return false;
        if (at < end && *at == ':') {
            at++;
            if (!digits(&at, end, 2, 2, &second)) return false;
            if (at < end && *at == '.') {
                const char *first = ++at;
                if (!digits(&at, end, 1, 6, &fraction)) return false;
                for (long n = at - first; n < 6; n++) fraction *= 10;
            }
        }
        if (at < end && *at == 'Z') at++;
    }
    if (at != end || hour > 23 || minute > 59 || second > 59) return false;
    int64_t start;
    if (__builtin_mul_overflow(d, FEAT_US_PER_DAY, &start)) return false;
    return !__builtin_add_overflow(start, ((hour * 60 + minute) * 60 + second) * FEAT_US_PER_SECOND + fraction, us);
}

/* ---- Casts of text. ---- */

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void trim(const char **at, const char **end) {
    while (*at < *end && is_blank(**at)) (*at)++;
    while (*at < *end && is_blank((*end)[-1])) (*end)--;
}

/* " (BC)", in any case. */
static bool take_era(const char **at, const char *end) {
    if (end - *at < 5 || memcmp(*at, " (", 2) != 0 || (*at)[4] != ')') return false;
    if (((*at)[2] | 32) != 'b' || ((*at)[3] | 32) != 'c') return false;
    *at += 5;
    return true;
}

static bool read_civil(const char **at, const char *end, int64_t *days) {
    const int64_t most = 5900000; /* years; what 32 bits of days hold ends before it */
    int64_t year, month, day;
    bool negative = *at < end && **at == '-';
    if (negative) (*at)++;
    if (!digits(at, end, 1, 18, &year) || *at == end || (**at != '-' && **at != '/')) return false;
    char mark = *(*at)++;
    if (!digits(at, end, 1, 2, &month) || *at == end || *(*at)++ != mark || !digits(at, end, 1, 2, &day)) return false;
    if (take_era(at, end)) { /* there is no year 0: 1 BC is the year before 1 */
        if (negative || year == 0) return false;
        year = 1 - year;
    } else if (negative) {
        year = -year;
    }
    if (year > most || year < -most || month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month))
        return false;
    *days = feat_days_from_civil(year, (int)month, (int)day);
    return true;
}

/* H:M[:S[.fraction]] as µs of the day; 24:00:00 is its end. */
static bool read_clock(const char **at, const char *end, int64_t *us) {
    int64_t hour, minute, second = 0, fraction = 0;
    if (!digits(at, end, 1, 2, &hour) || *at == end || *(*at)++ != ':' || !digits(at, end, 1, 2, &minute)) return false;
    if (*at < end && **at == ':') {
        (*at)++;
        if (!digits(at, end, 1, 2, &second)) return false;
        if (*at < end && **at == '.') {
            const char *first = ++*at;
            if (!digits(at, end, 1, 6, &fraction)) return false;
            for (long n = *at - first; n < 6; n++) fraction *= 10;
            while (*at < end && **at >= '0' && **at <= '9') (*at)++;
        }
    }
    if (hour > 24 || minute > 59 || second > 59 || (hour == 24 && (minute | second | fraction) != 0)) return false;
    *us = ((hour * 60 + minute) * 60 + second) * FEAT_US_PER_SECOND + fraction;
    return true;
}

/* Nothing, "Z", "UTC" or an offset from it; what is to be taken from the time. */
static bool read_zone(const char **at, const char *end, int64_t *us) {
    int64_t hours, minutes = 0;
    *us = 0;
    while (*at < end && is_blank(**at)) (*at)++;
    if (*at == end) return true;
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return *at == end;
    }
    if (end - *at == 3 && (*at)[0] == 'U' && (*at)[1] == 'T' && (*at)[2] == 'C') return true;
    bool negative = **at == '-';
    if (!negative && **at != '+') return false;
    (*at)++;
    if (!digits(at, end, 2, 2, &hours)) return false;
    if (*at < end && **at == ':') (*at)++;
    if (*at < end && !digits(at, end, 2, 2, &minutes)) return false;
    if (*at != end || minutes > 59) return false;
    *us = (hours * 60 + minutes) * 60 * FEAT_US_PER_SECOND;
    if (negative) *us = -*us;
    return true;
}

static bool read_time(const char *at, const char *end, int64_t *days, int64_t *of_day) {
    int64_t zone;
    trim(&at, &end);
    *of_day = 0;
    if (!read_civil(&at, end, days)) return false;
    if (at == end) return true;
    if (*at != ' ' && *at != 'T') return false;
    at++;
    if (!read_clock(&at, end, of_day) || !read_zone(&at, end, &zone)) return false;
    *of_day -= zone;
    return true;
}

bool feat_read_date(const char *text, size_t length, int32_t *days) {
    int64_t d, of_day;
    if (!read_time(text, text + length, &d, &of_day)) return false;
    /* The two ends of 32 bits stand for infinities elsewhere. */
    if (d >= INT32_MAX || d <= -INT32_MAX) return false;
    *days = (int32_t)d;
    return true;
}

bool feat_read_timestamp(const char *text, size_t length, int64_t *us) {
    int64_t d, of_day, start;
    if (!read_time(text, text + length, &d, &of_day) || __builtin_mul_overflow(d, FEAT_US_PER_DAY, &start))
        return false;
    return !__builtin_add_overflow(start, of_day, us);
}

void feat_format_date(int32_t days, char text[FEAT_TIME_TEXT_SIZE]) {
    int64_t year;
    int month, day;
    feat_civil_from_days(days, &year, &month, &day);
    snprintf(text, FEAT_TIME_TEXT_SIZE, "%04lld-%02d-%02d", (long long)year, month, day);
}

void feat_format_timestamp(int64_t us, char text[FEAT_TIME_TEXT_SIZE]) {
    int64_t day_number = feat_day_of(us), year, rest = us - day_number * FEAT_US_PER_DAY;
    int month, day;
    feat_civil_from_days(day_number, &year, &month, &day);
    int n = snprintf(text, FEAT_TIME_TEXT_SIZE, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)year, month, day,
                     (int)(rest / 3600000000), (int)(rest / 60000000 % 60), (int)(rest / 1000000 % 60));
    if (rest % 1000000) snprintf(text + n, (size_t)(FEAT_TIME_TEXT_SIZE - n), ".%06d", (int)(rest % 1000000));
}
