/* Parts of dates and times: reading one, cutting at one, counting how many boundaries lie between two times, and
 * intervals as text. UTC, proleptic Gregorian, ISO weeks (Monday first). */
#ifndef FEAT_LIB_CALENDAR_H
#define FEAT_LIB_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers are part of fingerprints: never reuse one. */
typedef enum feat_part {
    FEAT_PART_NONE = 0,
    FEAT_PART_MICROSECOND = 1,
    FEAT_PART_MILLISECOND = 2,
    FEAT_PART_SECOND = 3,
    FEAT_PART_MINUTE = 4,
    FEAT_PART_HOUR = 5,
    FEAT_PART_DAY = 6,
    FEAT_PART_WEEK = 7,
    FEAT_PART_MONTH = 8,
    FEAT_PART_QUARTER = 9,
    FEAT_PART_YEAR = 10,
    FEAT_PART_DECADE = 11,
    FEAT_PART_CENTURY = 12,
    FEAT_PART_MILLENNIUM = 13,
    /* Parts that can only be read. */
    FEAT_PART_DOW = 14,    /* Sunday is 0 */
    FEAT_PART_ISODOW = 15, /* Monday is 1 */
    FEAT_PART_DOY = 16,
    FEAT_PART_ISOYEAR = 17,
    FEAT_PART_YEARWEEK = 18, /* ISO year * 100 + ISO week */
    FEAT_PART_EPOCH = 19,
    FEAT_PART_ERA = 20,   /* 1 from the year 1 on, else 0 */
    FEAT_PART_JULIAN = 21 /* days since 4714-11-24 BC, from midnight on, with a fraction */
} feat_part;

/* A part by one of its names in any case ("month", "months", "mon"); FEAT_PART_NONE if it is none. */
feat_part feat_part_find(const char *name, size_t length);

/* The part of a day (its hour and smaller are 0) or of an instant. Not for FEAT_PART_EPOCH and FEAT_PART_JULIAN. */
int64_t feat_part_of_day(int64_t day, feat_part part);
int64_t feat_part_of_time(int64_t us, feat_part part);
/* The part of an interval of months, days and µs, each counted within itself. */
int64_t feat_part_of_interval(int32_t months, int32_t days, int64_t us, feat_part part);

/* The start of the unit that holds the instant. False when it is out of range. Units up to FEAT_PART_MILLENNIUM. */
bool feat_part_floor(int64_t us, feat_part part, int64_t *out);
/* How many starts of the unit are crossed from `from` to `to`; negative when `to` is before.
 * Weeks are the exception, as in DuckDB: whole spans of seven days. */
int64_t feat_part_between(int64_t from, int64_t to, feat_part part);
/* n units as an interval. False on overflow. */
bool feat_part_interval(int64_t n, feat_part part, int32_t *months, int32_t *days, int64_t *us);

/* Months added to a day; a day past the month's end becomes its last day. False when the result leaves 32 bits. */
bool feat_day_add_months(int64_t day, int64_t months, int64_t *out);
int64_t feat_last_day(int64_t day);
bool feat_make_date(int64_t year, int64_t month, int64_t day, int64_t *out);

/* "1 year 2 months", "1.5 hours", "-1 day 01:30:00.5", "90" (seconds), with or without "ago" at the end and "@" at the
 * start. The fraction of a unit goes to the next smaller ones: of years and larger to months, of a month to days of a
 * 30-day month, of a week or day to µs. False when malformed or out of range. */
bool feat_parse_interval_text(const char *text, size_t length, int32_t *months, int32_t *days, int64_t *us);
#define FEAT_INTERVAL_TEXT_SIZE 96
/* "1 year 2 months 3 days 01:30:00.5", "00:00:00". */
void feat_format_interval(int32_t months, int32_t days, int64_t us, char text[FEAT_INTERVAL_TEXT_SIZE]);

#endif
