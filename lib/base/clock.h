/* Times are int64 microseconds since 1970-01-01T00:00:00Z, proleptic Gregorian, no leap seconds. */
#ifndef FEAT_LIB_CLOCK_H
#define FEAT_LIB_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEAT_US_PER_SECOND INT64_C(1000000)
#define FEAT_US_PER_DAY    INT64_C(86400000000)

/* The system's clock; the one place that reads it. */
int64_t feat_clock_now(void);

/* Days since 1970-01-01 of a civil date, and back. Years from -290000 to 290000 are exact. */
int64_t feat_days_from_civil(int64_t year, int month, int day);
void feat_civil_from_days(int64_t days, int64_t *year, int *month, int *day);
/* Floored: the UTC day that holds the instant. */
static inline int64_t feat_day_of(int64_t us) { return us / FEAT_US_PER_DAY - (us % FEAT_US_PER_DAY < 0); }
/* t + months (negative: earlier); a day past the month's end becomes its last day. False on overflow. */
bool feat_add_months(int64_t us, int64_t months, int64_t *out);

/* "YYYY-MM-DD" and "YYYY-MM-DD[ T]HH:MM[:SS[.ffffff]][Z]" (length given, no NUL needed). False when malformed or out of
 * range. */
bool feat_parse_date(const char *text, size_t length, int32_t *days);
bool feat_parse_timestamp(const char *text, size_t length, int64_t *us);
/* The same as SQL casts text: with blanks around it, years, months, days and hours of any width, '/' for '-',
 * " (BC)" behind the day, an offset
 * such as +02:00 or " UTC" behind the time (the result is the instant), more than six digits of a second (cut), and for
 * a date a time behind it, which is dropped. */
bool feat_read_date(const char *text, size_t length, int32_t *days);
bool feat_read_timestamp(const char *text, size_t length, int64_t *us);
#define FEAT_TIME_TEXT_SIZE 48
void feat_format_date(int32_t days, char text[FEAT_TIME_TEXT_SIZE]);
void feat_format_timestamp(int64_t us, char text[FEAT_TIME_TEXT_SIZE]);

#endif
