/* Times as text of a format, and back: strftime and strptime of SQL. Names are English, whatever the locale.
 *
 * %a %A weekday (Mon, Monday)   %w weekday, Sunday is 0   %u weekday, Monday is 1   %d day   %b %h %B month (Jan,
 * January) %m month   %y year of the century   %Y year   %H hour   %I hour of 12   %p AM or PM   %M minute   %S second
 * %f microseconds   %g milliseconds   %n nanoseconds   %z offset from UTC   %Z time zone   %j day of the year
 * %U week of the year from the first Sunday on   %W the same of Mondays   %G %V year and week of ISO 8601
 * %c is %Y-%m-%d %H:%M:%S   %x is %Y-%m-%d   %X is %H:%M:%S   %% is a per cent sign
 * %-d %-m %-y %-H %-I %-M %-S %-j have no leading zeros. */
#ifndef FEAT_LIB_FORMAT_H
#define FEAT_LIB_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

typedef enum feat_format_fault {
    FEAT_FORMAT_GOOD,
    FEAT_FORMAT_EMPTY,
    FEAT_FORMAT_UNKNOWN, /* a '%' with something unknown, or nothing, behind it */
    FEAT_FORMAT_MIXED    /* for reading: a date written in two ways that do not go together */
} feat_format_fault;

/* What is wrong with a format; of an unknown specifier *at is its place. */
feat_format_fault feat_format_check(feat_text format, bool for_reading, size_t *at);

/* False when the format is not good, or memory is out. A time is UTC: %z is +00, and %Z empty. */
bool feat_format_time(feat_scratch *scratch, int64_t us, feat_text format, feat_text *out);

/* False when the text is not of the format, or names no date or no zone, or is out of range.
 *
 * Numbers have at most the digits that writing them takes (a year four), and may have fewer. Blanks in the format stand
 * for one or more of any kind; those around the text do not count. What the format leaves out is that of 1900-01-01
 * 00:00:00; %y below 69 is of 2000. A date is that of month and day if there is one of them, else of the day of the
 * year, of week and weekday, or of ISO year, week and weekday (without a weekday, the first one of the week); what
 * else is read of it changes nothing. With %p the hour is at most 12. The result is the instant: an offset (%z: +02,
 * +0230, +02:30, +02:30:15), or else a zone (%Z: a name that feat_zone_find knows), is taken off. */
bool feat_parse_time(feat_text text, feat_text format, int64_t *us);

#endif
