#include "time/format.h"

#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "time/names.h"
#include "time/zone.h"

/* ---- Formats. ---- */

/* What stands in a format: a byte as it is ('\0'), or the letter of a specifier. */
typedef struct item {
    char specifier, literal;
    bool bare; /* %-d */
} item;

static const char *const expansions[][2] = {{"c", "%Y-%m-%d %H:%M:%S"}, {"x", "%Y-%m-%d"}, {"X", "%H:%M:%S"}};

static feat_text expansion(char specifier) {
    for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++)
        if (expansions[i][0][0] == specifier) return (feat_text){expansions[i][1], strlen(expansions[i][1])};
    return (feat_text){NULL, 0};
}

/* False at an unknown specifier. */
static bool next_item(const char **at, const char *end, item *out) {
    *out = (item){.literal = *(*at)++};
    if (out->literal != '%') return true;
    if (*at < end && **at == '-') {
        (*at)++;
        out->bare = true;
    }
    if (*at == end) return false;
    char letter = *(*at)++;
    if (letter == 0 || !strchr(out->bare ? "dmyHIMSj" : "aAwudbhBmyYHIpMSfngzZjUWGVcxX%", letter)) return false;
    if (letter != '%') out->specifier = letter;
    return true;
}

/* Ways to write a date. */
enum { BY_MONTH = 1, BY_YEAR_DAY = 2, BY_SUNDAYS = 4, BY_MONDAYS = 8, BY_ISO = 16, CIVIL_YEAR = 32 };

static int way_of(char specifier) {
    switch (specifier) {
    case 'd':
    case 'b':
    case 'h':
    case 'B':
    case 'm': return BY_MONTH;
    case 'c':
    case 'x': return BY_MONTH | CIVIL_YEAR;
    case 'j': return BY_YEAR_DAY;
    case 'U': return BY_SUNDAYS;
    case 'W': return BY_MONDAYS;
    case 'G':
    case 'V': return BY_ISO;
    case 'y':
    case 'Y': return CIVIL_YEAR;
    default: return 0;
    }
}

feat_format_fault feat_format_check(feat_text format, bool for_reading, size_t *at) {
    int ways = 0;
    if (format.length == 0) return FEAT_FORMAT_EMPTY;
    for (const char *p = format.data, *end = p + format.length; p < end;) {
        item next;
        *at = (size_t)(p - format.data);
        if (!next_item(&p, end, &next)) return FEAT_FORMAT_UNKNOWN;
        ways |= way_of(next.specifier);
    }
    if (!for_reading || (ways & (BY_MONTH | BY_ISO)) == BY_MONTH) return FEAT_FORMAT_GOOD;
    bool mixed = (ways & BY_ISO) ? ways != BY_ISO : ((ways & ~CIVIL_YEAR) & ((ways & ~CIVIL_YEAR) - 1)) != 0;
    return mixed ? FEAT_FORMAT_MIXED : FEAT_FORMAT_GOOD;
}

/* ---- Writing. ---- */

typedef struct moment {
    int64_t us, day, year, us_of_day;
    int month, of_month;
} moment;

static char *put(char *to, const char *text) {
    size_t length = strlen(text);
    memcpy(to, text, length);
    return to + length;
}

/* At least `width` digits. */
static char *put_number(char *to, int64_t n, int width) {
    char digits[20];
    int count = 0;
    for (; n > 0 || count < width || count == 0; n /= 10) digits[count++] = (char)('0' + n % 10);
    while (count > 0) *to++ = digits[--count];
    return to;
}

/* Four digits, but of a year before 0 as many as there are. */
static char *put_year(char *to, int64_t year) {
    if (year >= 0) return put_number(to, year, 4);
    *to++ = '-';
    return put_number(to, -year, 1);
}

static char *put_date(char *to, const moment *m) {
    to = put_year(to, m->year);
    *to++ = '-';
    to = put_number(to, m->month, 2);
    *to++ = '-';
    return put_number(to, m->of_month, 2);
}

static char *put_clock(char *to, const moment *m) {
    int64_t second = m->us_of_day / FEAT_US_PER_SECOND;
    to = put_number(to, second / 3600, 2);
    *to++ = ':';
    to = put_number(to, second / 60 % 60, 2);
    *to++ = ':';
    return put_number(to, second % 60, 2);
}

/* The week of the year that a day lies in when weeks begin `since` days before it; 0 before the first one. */
static int64_t week_of_year(const moment *m, int64_t since) {
    return (feat_part_of_day(m->day, FEAT_PART_DOY) - 1 + 7 - since) / 7;
}

#define LONGEST 24 /* what %c takes for the year -290000, and one to spare */

static char *put_item(char *to, const item *next, const moment *m) {
    int64_t hour = m->us_of_day / INT64_C(3600000000), fraction = m->us_of_day % FEAT_US_PER_SECOND;
    int two = next->bare ? 1 : 2;
    switch (next->specifier) {
    case 'a': return put(to, feat_weekday_abbreviations[feat_part_of_day(m->day, FEAT_PART_DOW)]);
    case 'A': return put(to, feat_weekday_names[feat_part_of_day(m->day, FEAT_PART_DOW)]);
    case 'w': return put_number(to, feat_part_of_day(m->day, FEAT_PART_DOW), 1);
    case 'u': return put_number(to, feat_part_of_day(m->day, FEAT_PART_ISODOW), 1);
    case 'd': return put_number(to, m->of_month, two);
    case 'b':
    case 'h': return put(to, feat_month_abbreviations[m->month - 1]);
    case 'B': return put(to, feat_month_names[m->month - 1]);
    case 'm': return put_number(to, m->month, two);
    case 'y': return put_number(to, m->year < 0 ? -m->year % 100 : m->year % 100, two);
    case 'Y': return put_year(to, m->year);
    case 'H': return put_number(to, hour, two);
    case 'I': return put_number(to, (hour + 11) % 12 + 1, two);
    case 'p': return put(to, hour < 12 ? "AM" : "PM");
    case 'M': return put_number(to, m->us_of_day / 60000000 % 60, two);
    case 'S': return put_number(to, m->us_of_day / FEAT_US_PER_SECOND % 60, two);
    case 'f': return put_number(to, fraction, 6);
    case 'n': return put_number(to, fraction * 1000, 9);
    case 'g': return put_number(to, fraction / 1000, 3);
    case 'z': return put(to, "+00");
    case 'Z': return to;
    case 'j': return put_number(to, feat_part_of_day(m->day, FEAT_PART_DOY), next->bare ? 1 : 3);
    case 'U': return put_number(to, week_of_year(m, feat_part_of_day(m->day, FEAT_PART_DOW)), 2);
    case 'W': return put_number(to, week_of_year(m, feat_part_of_day(m->day, FEAT_PART_ISODOW) - 1), 2);
    case 'G': return put_year(to, feat_part_of_day(m->day, FEAT_PART_ISOYEAR));
    case 'V': return put_number(to, feat_part_of_day(m->day, FEAT_PART_WEEK), 2);
    case 'c':
        to = put_date(to, m);
        *to++ = ' ';
        return put_clock(to, m);
    case 'x': return put_date(to, m);
    case 'X': return put_clock(to, m);
    default: *to++ = next->literal; return to;
    }
}

bool feat_format_time(feat_scratch *scratch, int64_t us, feat_text format, feat_text *out) {
    moment m = {.us = us, .day = feat_day_of(us)};
    m.us_of_day = us % FEAT_US_PER_DAY + (us % FEAT_US_PER_DAY < 0 ? FEAT_US_PER_DAY : 0);
    feat_civil_from_days(m.day, &m.year, &m.month, &m.of_month);
    if (format.length > SIZE_MAX / LONGEST) return false;
    /* A specifier has two bytes at least. */
    char *text = feat_scratch_take(scratch, format.length / 2 * LONGEST + LONGEST), *to = text;
    if (!text) return false;
    for (const char *p = format.data, *end = p + format.length; p < end;) {
        item next;
        if (!next_item(&p, end, &next)) {
            feat_scratch_trim(scratch, text, 0);
            return false;
        }
        to = put_item(to, &next, &m);
    }
    *out = (feat_text){text, (size_t)(to - text)};
    feat_scratch_trim(scratch, text, out->length);
    return true;
}

/* ---- Reading. ---- */

typedef struct reading {
    const char *at, *end;
    int64_t year, month, day, year_day, week, weekday, iso_year, iso_week; /* -1: not given */
    int64_t hour, minute, second, us, offset;
    int ways, half; /* of the day; -1: not given */
    bool has_offset;
    int32_t zone; /* -1: not given */
} reading;

static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

static void skip_blanks(const char **at, const char *end) {
    while (*at < end && is_blank(**at)) (*at)++;
}

static bool number(reading *r, int most, int64_t least, int64_t greatest, int64_t *value) {
    const char *first = r->at;
    *value = 0;
    while (r->at < r->end && r->at - first < most && is_digit(*r->at)) *value = *value * 10 + (*r->at++ - '0');
    return r->at > first && *value >= least && *value <= greatest;
}

/* Digits behind the point, as µs. */
static bool fraction(reading *r, int most) {
    const char *first = r->at;
    int digits = 0;
    for (r->us = 0; r->at < r->end && r->at - first < most && is_digit(*r->at); r->at++, digits++)
        if (digits < 6) r->us = r->us * 10 + (*r->at - '0');
    for (int i = digits; i < 6; i++) r->us *= 10;
    return digits > 0;
}

/* One of the names, in any case; -1 if it is none. */
static int name_of(reading *r, const char *const *names, int n) {
    for (int i = 0; i < n; i++) {
        size_t length = strlen(names[i]), k = 0;
        if ((size_t)(r->end - r->at) < length) continue;
        while (k < length && lower(r->at[k]) == lower(names[i][k])) k++;
        if (k < length) continue;
        r->at += length;
        return i;
    }
    return -1;
}

static bool read_month(reading *r, const char *const *names) {
    int month = name_of(r, names, 12);
    r->month = month + 1;
    return month >= 0;
}

static bool read_weekday(reading *r, const char *const *names) {
    int weekday = name_of(r, names, 7);
    r->weekday = weekday;
    return weekday >= 0;
}

static bool two_digits(reading *r, int64_t greatest, int64_t *value) {
    const char *first = r->at;
    return number(r, 2, 0, greatest, value) && r->at - first == 2;
}

static bool at_two_digits(const reading *r) { return r->end - r->at >= 2 && is_digit(r->at[0]) && is_digit(r->at[1]); }

static bool read_offset(reading *r) {
    int64_t hours, minutes = 0, seconds = 0;
    if (r->at == r->end || (*r->at != '+' && *r->at != '-')) return false;
    bool west = *r->at++ == '-';
    if (!two_digits(r, 99, &hours)) return false;
    if (r->at < r->end && *r->at == ':') {
        r->at++;
        if (!two_digits(r, 59, &minutes)) return false;
        if (r->at < r->end && *r->at == ':') {
            r->at++;
            if (!two_digits(r, 59, &seconds)) return false;
        }
    } else if (at_two_digits(r) && !two_digits(r, 59, &minutes)) {
        return false;
    }
    r->offset = (hours * 3600 + minutes * 60 + seconds) * FEAT_US_PER_SECOND;
    if (west) r->offset = -r->offset;
    return r->has_offset = true;
}

static bool read_zone(reading *r) {
    const char *first = r->at;
    while (r->at < r->end && (is_digit(*r->at) || (lower(*r->at) >= 'a' && lower(*r->at) <= 'z') || *r->at == '_' ||
                              *r->at == '/' || *r->at == '+' || *r->at == '-'))
        r->at++;
    r->zone = feat_zone_find(first, (size_t)(r->at - first));
    return r->zone >= 0;
}

static bool read_items(reading *r, feat_text format);

static bool read_item(reading *r, const item *next) {
    r->ways |= way_of(next->specifier);
    switch (next->specifier) {
    case 'a': return read_weekday(r, feat_weekday_abbreviations);
    case 'A': return read_weekday(r, feat_weekday_names);
    case 'w': return number(r, 1, 0, 6, &r->weekday);
    case 'u': return number(r, 1, 1, 7, &r->weekday);
    case 'd': return number(r, 2, 1, 31, &r->day);
    case 'b':
    case 'h': return read_month(r, feat_month_abbreviations);
    case 'B': return read_month(r, feat_month_names);
    case 'm': return number(r, 2, 1, 12, &r->month);
    case 'y':
        if (!number(r, 2, 0, 99, &r->year)) return false;
        r->year += r->year < 69 ? 2000 : 1900;
        return true;
    case 'Y': return number(r, 4, 0, 9999, &r->year);
    case 'H': return number(r, 2, 0, 23, &r->hour);
    case 'I': return number(r, 2, 1, 12, &r->hour);
    case 'p': r->half = name_of(r, (const char *const[]){"AM", "PM"}, 2); return r->half >= 0;
    case 'M': return number(r, 2, 0, 59, &r->minute);
    case 'S': return number(r, 2, 0, 59, &r->second);
    case 'f': return fraction(r, 6);
    case 'n': return fraction(r, 9);
    case 'g': return fraction(r, 3);
    case 'z': return read_offset(r);
    case 'Z': return read_zone(r);
    case 'j': return number(r, 3, 1, 366, &r->year_day);
    case 'U':
    case 'W': return number(r, 2, 0, 53, &r->week);
    case 'G': return number(r, 4, 0, 9999, &r->iso_year);
    case 'V': return number(r, 2, 1, 53, &r->iso_week);
    default: return read_items(r, expansion(next->specifier)); /* one level: an expansion has none */
    }
}

static bool read_items(reading *r, feat_text format) {
    for (const char *p = format.data, *end = p + format.length; p < end;) {
        item next;
        if (!next_item(&p, end, &next)) return false;
        if (next.specifier) {
            if (!read_item(r, &next)) return false;
        } else if (is_blank(next.literal)) {
            if (r->at == r->end || !is_blank(*r->at)) return false;
            skip_blanks(&r->at, r->end);
            skip_blanks(&p, end);
        } else if (r->at == r->end || *r->at++ != next.literal) {
            return false;
        }
    }
    return true;
}

/* The day that has been read. */
static bool read_day(const reading *r, int64_t *day) {
    int64_t first = feat_days_from_civil(r->year, 1, 1), weekday = r->weekday < 0 ? -1 : r->weekday % 7;
    if (r->ways & BY_MONTH) return feat_make_date(r->year, r->month, r->day, day);
    if (r->ways & BY_YEAR_DAY) *day = first + r->year_day - 1;
    else if (r->ways & BY_SUNDAYS) {
        int64_t sunday = first + (7 - feat_part_of_day(first, FEAT_PART_DOW)) % 7;
        *day = sunday + (r->week - 1) * 7 + (weekday < 0 ? 0 : weekday);
    } else if (r->ways & BY_MONDAYS) {
        int64_t monday = first + (8 - feat_part_of_day(first, FEAT_PART_ISODOW)) % 7;
        *day = monday + (r->week - 1) * 7 + (weekday < 0 ? 0 : (weekday + 6) % 7);
    } else if (r->ways & BY_ISO) {
        /* The fourth of January is in the first week. */
        int64_t fourth = feat_days_from_civil(r->iso_year, 1, 4);
        int64_t monday = fourth - feat_part_of_day(fourth, FEAT_PART_ISODOW) + 1;
        *day = monday + (r->iso_week - 1) * 7 + (weekday < 0 ? 0 : (weekday + 6) % 7);
    } else *day = first;
    return true;
}

bool feat_parse_time(feat_text text, feat_text format, int64_t *us) {
    int64_t day, time;
    if (text.length == 0 || format.length == 0) return false;
    reading r = {.at = text.data,
                 .end = text.data + text.length,
                 .year = 1900,
                 .month = 1,
                 .day = 1,
                 .weekday = -1,
                 .iso_year = 1900,
                 .iso_week = 1,
                 .half = -1,
                 .zone = -1};
    skip_blanks(&r.at, r.end);
    if (!read_items(&r, format)) return false;
    skip_blanks(&r.at, r.end);
    if (r.at != r.end || !read_day(&r, &day)) return false;
    if (r.half >= 0) {
        if (r.hour > 12) return false;
        r.hour = r.hour % 12 + 12 * r.half;
    }
    /* Years have four digits here: nothing overflows. */
    time = day * FEAT_US_PER_DAY + ((r.hour * 60 + r.minute) * 60 + r.second) * FEAT_US_PER_SECOND + r.us;
    if (!r.has_offset && r.zone >= 0) return feat_zone_to_utc(r.zone, time, us);
    *us = time - r.offset;
    return true;
}
