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
/* Nanoseconds from some point, for taking the time that work needs. */
int64_t feat_clock_ticks(void);

/* Days since 1970-01-01 of a civil date, and back. Years from -290000 to 290000 are exact. */
int64_t feat_days_from_civil(int64_t year, int month, int day);
void feat_civil_from_days(int64_t days, int64_t *year, int *month, int *day);
/* The same for days of which 4 times their count fits 32 bits, which those of all TIMESTAMPs are, as affine functions
 * with one division each: Neri and Schneider, "Euclidean affine functions and their application to calendar algorithms"
 * (2022). `of_year` counts the days from 1 January, which is 0. */
typedef struct feat_civil {
    int64_t year;
    uint32_t month, day, of_year;
} feat_civil;

#define FEAT_CIVIL_ERAS   1000
#define FEAT_CIVIL_BEFORE (INT64_C(719468) + INT64_C(146097) * FEAT_CIVIL_ERAS)

static inline bool feat_day_is_common(int64_t days) {
    return days >= -FEAT_CIVIL_BEFORE && days < (INT64_C(1) << 30) - FEAT_CIVIL_BEFORE;
}

static inline feat_civil feat_civil_of_common(int64_t days) {
    uint32_t quarters = 4 * (uint32_t)(days + FEAT_CIVIL_BEFORE) + 3, century = quarters / 146097;
    uint64_t product = UINT64_C(2939745) * (4 * (quarters % 146097 / 4) + 3);
    uint32_t of_century = (uint32_t)(product >> 32), from_march = (uint32_t)product / 2939745 / 4;
    uint32_t months = 2141 * from_march + 197913, year = 100 * century + of_century;
    bool next = from_march >= 306; /* January and February */
    bool leap = of_century % 4 == 0 && (of_century != 0 || century % 4 == 0);
    return (feat_civil){(int64_t)year - 400 * FEAT_CIVIL_ERAS + next, (months >> 16) - (next ? 12 : 0),
                        (months & 0xffff) / 2141 + 1, next ? from_march - 306 : from_march + 59 + leap};
}

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
