/* Spans of time: buckets of equal width, whole units between two times, the time of a day out of its parts. */
#ifndef FEAT_LIB_SPAN_H
#define FEAT_LIB_SPAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"

/* 2000-01-03, a Monday: a start of buckets of weeks, and, by its month, of months. */
#define FEAT_BUCKET_ORIGIN INT64_C(946857600000000)

/* The start of the bucket that holds the time. Buckets are as wide as an interval of months alone, or of days and µs,
 * and one of them starts at the origin; buckets of months start at the first of months, counted from the origin's.
 * False when the width is not above 0 or mixes months with others, or when the result is out of range. */
bool feat_time_bucket(int32_t months, int32_t days, int64_t us, int64_t time, int64_t origin, int64_t *out);

/* How many whole units lie between: the most that can be added to the earlier time without passing the later one
 * (months end at the last day of a shorter one). Negative when `to` is before. Units up to FEAT_PART_MILLENNIUM. */
int64_t feat_part_whole_between(int64_t from, int64_t to, feat_part part);

/* The later time less the earlier one, by its parts: whole months, then days (a month lent is as long as that of the
 * earlier time), then µs; all negative when `to` is before. */
void feat_age(int64_t from, int64_t to, int32_t *months, int32_t *days, int64_t *us);

/* µs of a day. The seconds may be 60 and a fraction, to the nearest µs (a half away from zero), and 24:00:00 is the
 * day's end. */
bool feat_make_time(int64_t hour, int64_t minute, double second, int64_t *us);
/* The instant so many seconds after 1970, to the nearest µs, of two the even one. */
bool feat_time_of_seconds(double seconds, int64_t *us);

#endif
