#include "time/zone.h"

#include <string.h>

#include "base/clock.h"
#include "time/zones_table.h"

#define DAY_SECONDS INT64_C(86400)

/* ---- Names. ---- */

/* Zones of a fixed offset have the numbers around this one: it, and seconds east of UTC. */
enum { FIXED = 1 << 20 };

const char *feat_zone_version(void) { return feat_zones_version; }
int32_t feat_zone_names_count(void) { return feat_zone_count; }
const char *feat_zone_name_at(int32_t i) { return feat_zone_names + feat_zone_name_table[i].start; }

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

/* Order of a name and one of the table, which ends with NUL. */
static int compare(const char *name, size_t length, const char *known) {
    for (size_t i = 0; i < length; i++) {
        unsigned char a = (unsigned char)lower(name[i]), b = (unsigned char)lower(known[i]);
        if (a != b || b == 0) return b == 0 ? 1 : a < b ? -1 : 1;
    }
    return known[length] ? -1 : 0;
}

static bool digits(const char **at, const char *end, int most, int32_t *value) {
    int n = 0;
    for (*value = 0; n < most && *at < end && **at >= '0' && **at <= '9'; n++) *value = *value * 10 + (*(*at)++ - '0');
    return n > 0;
}

/* "+2" (where hours of one digit are taken), "+02", "+0230", "+02:30". */
static int32_t read_offset(const char *at, const char *end, bool short_hours) {
    int32_t hours, minutes = 0;
    if (at == end || (*at != '+' && *at != '-')) return -1;
    bool west = *at++ == '-';
    const char *first = at;
    if (!digits(&at, end, 2, &hours) || (at - first == 1 && !short_hours)) return -1;
    if (at < end) {
        if (*at == ':') at++;
        else if (at - first == 1) return -1;
        first = at;
        if (!digits(&at, end, 2, &minutes) || at - first != 2) return -1;
    }
    if (at != end || hours > 23 || minutes > 59) return -1;
    int32_t seconds = hours * 3600 + minutes * 60;
    return FIXED + (west ? -seconds : seconds);
}

int32_t feat_zone_find(const char *name, size_t length) {
    int32_t low = 0, high = feat_zone_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = compare(name, length, feat_zone_name_at(middle));
        if (order == 0) return middle;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    if (length == 0) return -1;
    if (name[0] == '+' || name[0] == '-') return read_offset(name, name + length, false);
    if (length > 3 && (compare(name, 3, "gmt") == 0 || compare(name, 3, "utc") == 0))
        return read_offset(name + 3, name + length, true);
    return -1;
}

/* ---- Rules: what holds behind the last transition. ---- */

/* The day of a change, as days since 1970. 1970-01-01 was a Thursday. */
static int64_t day_of(const feat_zone_change *change, int64_t year) {
    int64_t first = feat_days_from_civil(year, change->month, 1);
    int64_t weekday = (first % 7 + 7 + 4) % 7;
    int64_t day = first + (change->weekday - weekday + 7) % 7 + 7 * (change->week - 1);
    /* Only a fifth one may not be there. */
    return change->week == 5 && day >= feat_days_from_civil(year, change->month + 1, 1) ? day - 7 : day;
}

static bool between(int64_t start, int64_t end, int64_t at) {
    return start < end ? at >= start && at < end : at >= start || at < end;
}

/* The offset at a second of UTC, or, `local`, that of a local one. No clocks are changed near the turn of a year, so
 * the year may be that of either. */
static int32_t ruled(const feat_zone_rule *rule, int64_t second, bool local) {
    int64_t year, day = second / DAY_SECONDS - (second % DAY_SECONDS < 0);
    int month, of_month;
    feat_civil_from_days(day, &year, &month, &of_month);
    int64_t start = day_of(&rule->start, year) * DAY_SECONDS + rule->start.time - rule->standard;
    int64_t end = day_of(&rule->end, year) * DAY_SECONDS + rule->end.time - rule->summer;
    if (local) {
        start += rule->summer;
        end += rule->standard;
    }
    return between(start, end, second) ? rule->summer : rule->standard;
}

/* ---- Histories. ---- */

/* A segment is a stretch between transitions. Of an instant it is the last one that has begun; of a local time, the
 * last one that begins at or before it by its own clock, which gives the meanings that zone.h states. */
static int32_t offset_at(const feat_zone_history *history, int64_t second, bool local) {
    const int64_t *transitions = feat_zone_transitions + history->start;
    int32_t low = 0, high = history->n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int64_t number = transitions[middle] & 0xffff, at = (transitions[middle] - number) / 65536;
        if (local) at += feat_zone_offsets[number];
        if (at <= second) low = middle + 1;
        else high = middle;
    }
    if (low == history->n && history->rule >= 0) return ruled(&feat_zone_rules[history->rule], second, local);
    if (low == 0) return feat_zone_offsets[history->first];
    return feat_zone_offsets[transitions[low - 1] & 0xffff];
}

/* Seconds east of UTC. Zones come from the constants of stored programs, too. */
static bool find_offset(int32_t zone, int64_t us, bool local, int32_t *offset) {
    if (zone > FIXED - DAY_SECONDS && zone < FIXED + DAY_SECONDS) {
        *offset = zone - FIXED;
        return true;
    }
    if (zone < 0 || zone >= feat_zone_count) return false;
    int64_t second = us / FEAT_US_PER_SECOND - (us % FEAT_US_PER_SECOND < 0);
    *offset = offset_at(&feat_zone_histories[feat_zone_name_table[zone].history], second, local);
    return true;
}

bool feat_zone_to_local(int32_t zone, int64_t utc_us, int64_t *local_us) {
    int32_t offset;
    return find_offset(zone, utc_us, false, &offset) &&
           !__builtin_add_overflow(utc_us, offset * FEAT_US_PER_SECOND, local_us);
}

bool feat_zone_to_utc(int32_t zone, int64_t local_us, int64_t *utc_us) {
    int32_t offset;
    return find_offset(zone, local_us, true, &offset) &&
           !__builtin_sub_overflow(local_us, offset * FEAT_US_PER_SECOND, utc_us);
}

bool feat_zone_start(int32_t zone, int64_t local_us, int64_t *utc_us) {
    int64_t at, shown, day_before;
    int32_t before, after;
    if (!feat_zone_to_utc(zone, local_us, &at) || !feat_zone_to_local(zone, at, &shown)) return false;
    if (shown != local_us) { /* skipped: the clocks jumped over it not later than now, and not by more than this */
        int64_t low = at - (shown - local_us), high = at;
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;
            if (!feat_zone_to_local(zone, middle, &shown)) return false;
            if (shown >= local_us) high = middle;
            else low = middle;
        }
        *utc_us = high;
        return true;
    }
    /* Clocks that were set back less than a day before showed it once already. */
    if (!__builtin_sub_overflow(at, FEAT_US_PER_DAY, &day_before) && find_offset(zone, at, false, &after) &&
        find_offset(zone, day_before, false, &before) && before > after) {
        int64_t first = at - (before - after) * FEAT_US_PER_SECOND;
        if (feat_zone_to_local(zone, first, &shown) && shown == local_us) at = first;
    }
    *utc_us = at;
    return true;
}
