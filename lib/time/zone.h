/* Time zones: the wall time of an instant and back, from an embedded table of the IANA database. */
#ifndef FEAT_LIB_ZONE_H
#define FEAT_LIB_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The release of the database that the table was made of, "2025b". */
const char *feat_zone_version(void);

/* The number of a zone, which other versions of the table may give to another one: keep the name. -1 if there is none.
 * In any case of letters: the names and links of the database ("Europe/Berlin", "UTC", "EST5EDT", "Etc/GMT-2"), "GMT"
 * or "UTC" with an offset east of it (GMT+2, UTC-3:30, GMT+0530), and offsets alone (+02:00, -0330, +02). Offsets are
 * less than 24 hours. */
int32_t feat_zone_find(const char *name, size_t length);
/* The names of the table, in the order of their lower-case spelling. */
int32_t feat_zone_names_count(void);
const char *feat_zone_name_at(int32_t i);

/* The functions below are false when the result is out of range or there is no such zone. */

/* What clocks in the zone show at an instant. Before the first transition of a zone that is its local mean time. */
bool feat_zone_to_local(int32_t zone, int64_t utc_us, int64_t *local_us);
/* The instant at which clocks show a local time. Of a time that they show twice it is the second; one that they skip is
 * read as if they had not been moved yet (02:30 becomes 03:30 of summer time). That is what DuckDB's icu does. */
bool feat_zone_to_utc(int32_t zone, int64_t local_us, int64_t *utc_us);
/* The first instant at which clocks show a local time or, if they skip it, a later one: where a day begins. */
bool feat_zone_start(int32_t zone, int64_t local_us, int64_t *utc_us);

#endif
