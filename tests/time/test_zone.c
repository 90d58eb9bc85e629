/* Zones: names, offsets of hand-picked instants (checked with Python's zoneinfo), clocks that are moved. All zones at
 * all transitions are compared with zoneinfo by tests/python/test_zones.py. */
#include <check.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "time/zone.h"

static int32_t zone(const char *name) { return feat_zone_find(name, strlen(name)); }

static int64_t us(const char *text) {
    int64_t out = 0;
    ck_assert_msg(feat_parse_timestamp(text, strlen(text), &out), "%s", text);
    return out;
}

static const char *show(int64_t time) {
    static char text[4][FEAT_TIME_TEXT_SIZE];
    static int n;
    feat_format_timestamp(time, text[n = (n + 1) % 4]);
    return text[n];
}

START_TEST(test_names) {
    for (int32_t i = 0; i < feat_zone_names_count(); i++) {
        char changed[64];
        const char *name = feat_zone_name_at(i);
        ck_assert(i == 0 || strcasecmp(feat_zone_name_at(i - 1), name) < 0);
        ck_assert_int_eq(zone(name), i);
        for (size_t k = 0; k <= strlen(name); k++) {
            char c = name[k];
            changed[k] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
        }
        ck_assert_int_eq(zone(changed), i);
        ck_assert_int_ne(feat_zone_find(name, strlen(name) - 1), i);
        ck_assert_int_eq(feat_zone_find(name, strlen(name) + 1), -1); /* with its NUL */
    }
    ck_assert_int_ge(feat_zone_names_count(), 590);
    ck_assert_int_ge((int)strlen(feat_zone_version()), 5);
    static const char *const none[] = {"",      "Europe", "Europe/Berlin ", " UTC",     "CEST",    "Z",
                                       "GMT+",  "GMT+24", "GMT+2:0",        "GMT+2:60", "GMT+123", "UTC+02:00x",
                                       "+2",    "02:00",  "+02:0",          "+2400",    "-",       "+",
                                       "GMT 2", "\xff"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) ck_assert_msg(zone(none[i]) == -1, "%s", none[i]);
    ck_assert_int_eq(feat_zone_find("GMT+2\0", 6), -1);
    ck_assert_int_eq(feat_zone_find(NULL, 0), -1);
}
END_TEST

START_TEST(test_fixed) {
    static const struct {
        const char *name;
        int64_t minutes;
    } table[] = {{"UTC", 0},          {"utc", 0},          {"GMT", 0},         {"GMT+2", 120},     {"gmt-2", -120},
                 {"GMT+02", 120},     {"GMT+0230", 150},   {"UTC+02:30", 150}, {"UTC-3:30", -210}, {"+02:00", 120},
                 {"-03:30", -210},    {"-0330", -210},     {"+05", 300},       {"+23:59", 1439},   {"-23:59", -1439},
                 {"Etc/GMT+2", -120}, {"Etc/GMT-14", 840}, {"GMT0", 0},        {"GMT+0", 0},       {"EST", -300}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t local, back;
        int32_t z = zone(table[i].name);
        ck_assert_msg(z >= 0, "%s", table[i].name);
        ck_assert(feat_zone_to_local(z, us("2024-07-01 00:00:00"), &local));
        ck_assert_msg(local - us("2024-07-01 00:00:00") == table[i].minutes * 60000000, "%s", table[i].name);
        ck_assert(feat_zone_to_utc(z, local, &back) && back == us("2024-07-01 00:00:00"));
        ck_assert(feat_zone_start(z, local, &back) && back == us("2024-07-01 00:00:00"));
    }
}
END_TEST

START_TEST(test_instants) {
    static const struct {
        const char *zone, *utc, *local;
    } table[] = {
        {"Europe/Berlin", "2024-03-31 00:59:59.999999", "2024-03-31 01:59:59.999999"},
        {"Europe/Berlin", "2024-03-31 01:00:00", "2024-03-31 03:00:00"},
        {"Europe/Berlin", "2024-10-27 00:59:59", "2024-10-27 02:59:59"},
        {"Europe/Berlin", "2024-10-27 01:00:00", "2024-10-27 02:00:00"},
        {"Europe/Berlin", "1850-10-27 02:30:00", "1850-10-27 03:23:28"},
        {"Europe/Berlin", "2500-07-27 02:30:00", "2500-07-27 04:30:00"},
        {"Europe/Berlin", "250000-07-27 02:30:00", "250000-07-27 04:30:00"},
        {"Europe/Berlin", "-250000-07-27 00:00:00", "-250000-07-27 00:53:28"},
        {"Europe/Dublin", "2024-07-01 12:00:00", "2024-07-01 13:00:00"},
        {"Europe/Dublin", "2024-01-01 12:00:00", "2024-01-01 12:00:00"},
        {"America/New_York", "2024-03-10 06:59:59", "2024-03-10 01:59:59"},
        {"America/New_York", "2024-03-10 07:00:00", "2024-03-10 03:00:00"},
        {"America/New_York", "1883-11-18 16:59:59", "1883-11-18 12:03:57"},
        {"America/New_York", "1883-11-18 17:00:00", "1883-11-18 12:00:00"},
        {"America/St_Johns", "2000-04-02 03:31:00", "2000-04-02 01:01:00"},
        {"Australia/Lord_Howe", "2024-04-06 14:59:59", "2024-04-07 01:59:59"},
        {"Australia/Lord_Howe", "2024-04-06 15:00:00", "2024-04-07 01:30:00"},
        {"Asia/Kathmandu", "2024-01-01 00:00:00", "2024-01-01 05:45:00"},
        {"Pacific/Apia", "2011-12-30 09:59:59", "2011-12-29 23:59:59"},
        {"Pacific/Apia", "2011-12-30 10:00:00", "2011-12-31 00:00:00"},
        {"Africa/Casablanca", "2024-03-10 02:00:00", "2024-03-10 02:00:00"},
        {"Antarctica/Troll", "1999-07-01 00:00:00", "1999-07-01 00:00:00"},
        {"Antarctica/Troll", "2024-07-01 00:00:00", "2024-07-01 02:00:00"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t local;
        ck_assert(feat_zone_to_local(zone(table[i].zone), us(table[i].utc), &local));
        ck_assert_msg(local == us(table[i].local), "%s %s: %s", table[i].zone, table[i].utc, show(local));
    }
}
END_TEST

/* Local times that are shown twice or not at all: the instants of to_utc (as DuckDB's icu gives them) and of start. */
START_TEST(test_moved_clocks) {
    static const struct {
        const char *zone, *local, *utc, *start;
    } table[] = {
        {"Europe/Berlin", "2024-03-31 02:30:00", "2024-03-31 01:30:00", "2024-03-31 01:00:00"},
        {"Europe/Berlin", "2024-03-31 02:00:00", "2024-03-31 01:00:00", "2024-03-31 01:00:00"},
        {"Europe/Berlin", "2024-03-31 03:00:00", "2024-03-31 01:00:00", "2024-03-31 01:00:00"},
        {"Europe/Berlin", "2024-10-27 02:30:00", "2024-10-27 01:30:00", "2024-10-27 00:30:00"},
        {"Europe/Berlin", "2024-10-27 02:00:00", "2024-10-27 01:00:00", "2024-10-27 00:00:00"},
        {"Europe/Berlin", "2024-10-27 03:00:00", "2024-10-27 02:00:00", "2024-10-27 02:00:00"},
        {"America/Havana", "2024-11-03 00:00:00", "2024-11-03 05:00:00", "2024-11-03 04:00:00"},
        {"America/Sao_Paulo", "2018-11-04 00:00:00", "2018-11-04 03:00:00", "2018-11-04 03:00:00"},
        {"America/Sao_Paulo", "2018-11-04 00:20:00", "2018-11-04 03:20:00", "2018-11-04 03:00:00"},
        {"America/Toronto", "1919-03-31 00:00:00", "1919-03-31 05:00:00", "1919-03-31 04:30:00"},
        {"Pacific/Apia", "2011-12-30 12:00:00", "2011-12-30 22:00:00", "2011-12-30 10:00:00"},
        {"Australia/Lord_Howe", "2024-04-07 01:45:00", "2024-04-06 15:15:00", "2024-04-06 14:45:00"},
        {"Europe/Berlin", "3024-03-28 02:30:00", "3024-03-28 01:30:00", "3024-03-28 01:00:00"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t utc, start;
        ck_assert(feat_zone_to_utc(zone(table[i].zone), us(table[i].local), &utc));
        ck_assert_msg(utc == us(table[i].utc), "%s %s: %s", table[i].zone, table[i].local, show(utc));
        ck_assert(feat_zone_start(zone(table[i].zone), us(table[i].local), &start));
        ck_assert_msg(start == us(table[i].start), "%s %s: %s", table[i].zone, table[i].local, show(start));
    }
}
END_TEST

START_TEST(test_limits) {
    int64_t out;
    static const int32_t bad[] = {-1, INT32_MIN, INT32_MAX, 1 << 19, (1 << 20) + 86400, (1 << 20) - 86400};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert(!feat_zone_to_local(bad[i], 0, &out));
        ck_assert(!feat_zone_to_utc(bad[i], 0, &out));
        ck_assert(!feat_zone_start(bad[i], 0, &out));
    }
    ck_assert(!feat_zone_to_local(feat_zone_names_count(), 0, &out));
    int32_t east = zone("Asia/Tokyo"), west = zone("America/Lima");
    ck_assert(!feat_zone_to_local(east, INT64_MAX, &out) && feat_zone_to_local(west, INT64_MAX, &out));
    ck_assert(!feat_zone_to_local(west, INT64_MIN, &out) && feat_zone_to_local(east, INT64_MIN, &out));
    ck_assert(!feat_zone_to_utc(west, INT64_MAX, &out) && feat_zone_to_utc(east, INT64_MAX, &out));
    ck_assert(!feat_zone_to_utc(east, INT64_MIN, &out) && feat_zone_to_utc(west, INT64_MIN, &out));
    /* Every zone, forth and back where clocks are not moved, over the whole range. */
    for (int32_t z = 0; z < feat_zone_names_count(); z++)
        for (int64_t t = INT64_MIN / 2; t < INT64_MAX / 4 * 3; t += INT64_MAX / 97) {
            int64_t local, back, start;
            ck_assert(feat_zone_to_local(z, t, &local) && feat_zone_to_utc(z, local, &back));
            ck_assert(feat_zone_start(z, local, &start) && start <= back && (back == t || start == t));
        }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("zone");
    TCase *tc = tcase_create("all");
    suite_add_tcase(suite, tc);
    tcase_add_test(tc, test_names);
    tcase_add_test(tc, test_fixed);
    tcase_add_test(tc, test_instants);
    tcase_add_test(tc, test_moved_clocks);
    tcase_add_test(tc, test_limits);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
