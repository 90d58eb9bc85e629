/* Times as text of a format and back. Results are those of Python's datetime (and of DuckDB where it has none); random
 * times come back from every format that says all of them. */
#include "time/format.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static feat_text text(const char *s) { return (feat_text){s, strlen(s)}; }

static int64_t us(const char *s) {
    int64_t out = 0;
    ck_assert_msg(feat_parse_timestamp(s, strlen(s), &out), "%s", s);
    return out;
}

/* A copy of its own size, so that the sanitizer sees a byte read too many. */
static feat_text exact(feat_text t) {
    char *copy = malloc(t.length ? t.length : 1);
    ck_assert_ptr_nonnull(copy);
    if (t.length) memcpy(copy, t.data, t.length);
    return (feat_text){copy, t.length};
}

START_TEST(test_write) {
    static const struct {
        const char *time, *format, *text;
    } table[] = {
        {"2024-03-05 07:08:09.123456", "%a %A %w %u", "Tue Tuesday 2 2"},
        {"2024-03-05 07:08:09.123456", "%d %-d %b %h %B %m %-m", "05 5 Mar Mar March 03 3"},
        {"2024-03-05 07:08:09.123456", "%y %-y %Y", "24 24 2024"},
        {"2024-03-05 07:08:09.123456", "%H %-H %I %-I %p %M %-M %S %-S", "07 7 07 7 AM 08 8 09 9"},
        {"2024-03-05 07:08:09.123456", "%f %g %n %z[%Z]", "123456 123 123456000 +00[]"},
        {"2024-03-05 07:08:09.123456", "%j %-j %U %W %G-%V", "065 65 09 10 2024-10"},
        {"2024-03-05 07:08:09.123456", "%c|%x|%X|%%", "2024-03-05 07:08:09|2024-03-05|07:08:09|%"},
        {"2021-01-03 00:05:06.5", "%G %V %u %w %U %W %I", "2020 53 7 0 01 00 12"},
        {"2024-12-30 12:00:00", "%G-W%V-%u %I %p", "2025-W01-1 12 PM"},
        {"2005-01-01 23:59:59.999999", "%G %V %-I%p", "2004 53 11PM"},
        {"0007-01-01 00:00:00", "%Y %y %-y", "0007 07 7"},
        {"0000-03-05 00:00:00", "%Y", "0000"},
        {"-0043-12-31 13:00:00", "%Y %y %G %V %c", "-43 43 -42 01 -43-12-31 13:00:00"},
        {"-290000-01-01 00:00:00", "%c%c%c", "-290000-01-01 00:00:00-290000-01-01 00:00:00-290000-01-01 00:00:00"},
        {"20044-03-15 07:08:09", "%Y %y", "20044 44"},
        {"1969-12-31 23:59:59.999999", "%X.%f", "23:59:59.999999"},
        {"2024-02-29 00:00:00", "\xc3\xa9 %j", "\xc3\xa9 060"},
    };
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        feat_text out, format = exact(text(table[i].format));
        ck_assert(feat_format_time(&scratch, us(table[i].time), format, &out));
        ck_assert_msg(out.length == strlen(table[i].text) && memcmp(out.data, table[i].text, out.length) == 0,
                      "%s %s: %.*s", table[i].time, table[i].format, (int)out.length, out.data);
        free((void *)(uintptr_t)format.data);
    }
    feat_text out;
    ck_assert(feat_format_time(&scratch, INT64_MIN, text("%c %G %U %W %V %A %B %j"), &out));
    ck_assert(feat_format_time(&scratch, INT64_MAX, text("%c %G %U %W %V %A %B %j"), &out));
    ck_assert(!feat_format_time(&scratch, 0, text("%Y %"), &out));
    ck_assert(!feat_format_time(&scratch, 0, text("%E"), &out));
    feat_scratch_done(&scratch);
}
END_TEST

START_TEST(test_read) {
    static const struct {
        const char *text, *format, *time; /* NULL: an error */
    } table[] = {
        {"2024-03-05", "%Y-%m-%d", "2024-03-05 00:00:00"},
        {" \t2024-03-05\n", "%Y-%m-%d", "2024-03-05 00:00:00"},
        {"2024-3-5", "%Y-%-m-%-d", "2024-03-05 00:00:00"},
        {"05/03/68 05/03/69", "%d/%m/%y 05/03/69", "2068-03-05 00:00:00"},
        {"10:11 pm", "%I:%M %p", "1900-01-01 22:11:00"},
        {"12:11 AM", "%I:%M %p", "1900-01-01 00:11:00"},
        {"13:11 AM", "%H:%M %p", NULL},
        {"2024-366", "%Y-%j", "2024-12-31 00:00:00"},
        {"2024 10 1", "%Y %W %w", "2024-03-04 00:00:00"},
        {"2024 10 1", "%Y %U %w", "2024-03-11 00:00:00"},
        {"2024 10 Mon", "%Y %U %a", "2024-03-11 00:00:00"},
        {"2024 10 0", "%Y %W %w", "2024-03-10 00:00:00"},
        {"2024 0 6", "%Y %U %w", "2024-01-06 00:00:00"},
        {"2020 53 7", "%G %V %u", "2021-01-03 00:00:00"},
        {"2024 10 Sunday", "%G %V %A", "2024-03-10 00:00:00"},
        {"12.5", "%S.%f", "1900-01-01 00:00:12.5"},
        {"12.000001", "%S.%f", "1900-01-01 00:00:12.000001"},
        {"12.123456789", "%S.%n", "1900-01-01 00:00:12.123456"},
        {"12.", "%S.%f", NULL},
        {"2024-03-05 10:11 +02:30", "%Y-%m-%d %H:%M %z", "2024-03-05 07:41:00"},
        {"2024-03-05 10:11 -0230", "%Y-%m-%d %H:%M %z", "2024-03-05 12:41:00"},
        {"2024-03-05 10:11 +02 x", "%Y-%m-%d %H:%M %z x", "2024-03-05 08:11:00"},
        {"2024-03-05 10:11 +2", "%Y-%m-%d %H:%M %z", NULL},
        {"2024-03-05 10:11 +", "%Y-%m-%d %H:%M %z", NULL},
        {"2024-03-05 10:11 +02:", "%Y-%m-%d %H:%M %z", NULL},
        {"2024-07-05 10:11 Europe/Berlin", "%Y-%m-%d %H:%M %Z", "2024-07-05 08:11:00"},
        {"2024-07-05 10:11 Europe/Berlin +00", "%Y-%m-%d %H:%M %Z %z", "2024-07-05 10:11:00"},
        {"2024-07-05 10:11 ", "%Y-%m-%d %H:%M %Z", NULL},
        {"2024  03", "%Y %m", "2024-03-01 00:00:00"},
        {"2024 03", "%Y   %m", "2024-03-01 00:00:00"},
        {"202403", "%Y %m", NULL},
        {"2023-02-29", "%x", NULL},
        {"2024-03-05 10:11:12.5", "%c.%g", "2024-03-05 10:11:12.5"},
        {"5%", "%d%%", "1900-01-05 00:00:00"},
        {"", "%Y", NULL},
        {"   ", "%Y", NULL},
        {"2024", "%Y-", NULL},
        {"2024-", "%Y", NULL},
        {"Ma", "%b", NULL},
        {"0000", "%Y", "0000-01-01 00:00:00"},
        {"9999 53 6", "%Y %U %w", "10000-01-08 00:00:00"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int64_t out = 0;
        feat_text t = exact(text(table[i].text)), format = exact(text(table[i].format));
        bool good = feat_parse_time(t, format, &out);
        ck_assert_msg(good == (table[i].time != NULL), "%s of %s", table[i].format, table[i].text);
        char shown[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(out, shown);
        ck_assert_msg(!good || out == us(table[i].time), "%s of %s: %s", table[i].format, table[i].text, shown);
        free((void *)(uintptr_t)t.data);
        free((void *)(uintptr_t)format.data);
    }
}
END_TEST

START_TEST(test_check) {
    static const struct {
        const char *format;
        feat_format_fault writing, reading;
        size_t at;
    } table[] = {
        {"", FEAT_FORMAT_EMPTY, FEAT_FORMAT_EMPTY, 0},
        {"%Y", FEAT_FORMAT_GOOD, FEAT_FORMAT_GOOD, 0},
        {"abc", FEAT_FORMAT_GOOD, FEAT_FORMAT_GOOD, 0},
        {"%Y-%q", FEAT_FORMAT_UNKNOWN, FEAT_FORMAT_UNKNOWN, 3},
        {"%Y-%", FEAT_FORMAT_UNKNOWN, FEAT_FORMAT_UNKNOWN, 3},
        {"%-", FEAT_FORMAT_UNKNOWN, FEAT_FORMAT_UNKNOWN, 0},
        {"%-%", FEAT_FORMAT_UNKNOWN, FEAT_FORMAT_UNKNOWN, 0},
        {"%-Y", FEAT_FORMAT_UNKNOWN, FEAT_FORMAT_UNKNOWN, 0},
        {"%G %V %a", FEAT_FORMAT_GOOD, FEAT_FORMAT_GOOD, 0},
        {"%G %Y", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%G %x", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%V %d", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%V %j", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%Y %U %W", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%y %j %U", FEAT_FORMAT_GOOD, FEAT_FORMAT_MIXED, 0},
        {"%Y %j %m", FEAT_FORMAT_GOOD, FEAT_FORMAT_GOOD, 0},
        {"%Y %m %d %U %a", FEAT_FORMAT_GOOD, FEAT_FORMAT_GOOD, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t at = 0;
        ck_assert_msg(feat_format_check(text(table[i].format), false, &at) == table[i].writing, "%s", table[i].format);
        ck_assert_msg(feat_format_check(text(table[i].format), true, &at) == table[i].reading, "%s", table[i].format);
        ck_assert(table[i].reading != FEAT_FORMAT_UNKNOWN || at == table[i].at);
    }
    size_t at;
    ck_assert_int_eq(feat_format_check((feat_text){"%\0Y", 3}, true, &at), FEAT_FORMAT_UNKNOWN);
    ck_assert_int_eq(feat_format_check((feat_text){NULL, 0}, true, &at), FEAT_FORMAT_EMPTY);
}
END_TEST

START_TEST(test_there_and_back) {
    static const char *const formats[] = {"%Y-%m-%d %H:%M:%S.%f",
                                          "%c.%f",
                                          "%A, %-d %B %Y %I:%M:%S.%f %p",
                                          "%Y %j %X.%n",
                                          "%G-W%V-%u %X.%f",
                                          "%Y %U %w %X.%f",
                                          "%Y %W %u %X.%f",
                                          "%Y%m%d%H%M%S%f %z",
                                          "%Y %U %a %X.%f"};
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    uint64_t random = 88172645463325252u;
    for (int n = 0; n < 20000; n++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        /* The years 1 to 9998. */
        int64_t time = INT64_C(-62135596800000000) + (int64_t)(random % UINT64_C(315500000000000000)), back;
        feat_text out, format = text(formats[(size_t)n % (sizeof formats / sizeof *formats)]);
        ck_assert(feat_format_time(&scratch, time, format, &out));
        ck_assert_msg(feat_parse_time(out, format, &back) && back == time, "%.*s of %s", (int)out.length, out.data,
                      format.data);
        feat_scratch_reset(&scratch);
    }
    feat_scratch_done(&scratch);
}
END_TEST

/* Whatever the bytes: what the check takes can be written, and reading stays within them. */
START_TEST(test_any_bytes) {
    static const char pieces[] = "%%%%%%%%--aAwudbhBmyYHIpMSfngzZjUWGVcxX  0123456789:+./UTCMaronday\xc3\xa9\xff";
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    uint64_t random = 88172645463325252u;
    int good = 0, read = 0;
    for (int n = 0; n < 100000; n++) {
        char bytes[2][16];
        size_t at, lengths[2];
        for (int k = 0; k < 2; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            lengths[k] = (size_t)(random >> 60);
            for (size_t i = 0; i < lengths[k]; i++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                bytes[k][i] = pieces[(random >> 33) % (sizeof pieces - 1)];
            }
        }
        feat_text format = exact((feat_text){bytes[0], lengths[0]}), t = exact((feat_text){bytes[1], lengths[1]}), out;
        int64_t time = (int64_t)random, back;
        bool fine = feat_format_check(format, false, &at) == FEAT_FORMAT_GOOD;
        ck_assert(fine == (feat_format_time(&scratch, time, format, &out) && format.length > 0));
        good += fine;
        read += feat_parse_time(t, format, &back);
        if (fine) read += feat_parse_time(out, format, &back);
        free((void *)(uintptr_t)format.data);
        free((void *)(uintptr_t)t.data);
        feat_scratch_reset(&scratch);
    }
    ck_assert(good > 1000 && read > 1000);
    feat_scratch_done(&scratch);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("time/format");
    TCase *tc = tcase_create("format");
    tcase_add_test(tc, test_write);
    tcase_add_test(tc, test_read);
    tcase_add_test(tc, test_check);
    tcase_add_test(tc, test_there_and_back);
    tcase_add_test(tc, test_any_bytes);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
