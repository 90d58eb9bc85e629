#include "text/print.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "math/number.h"
#include "math/shortest.h"

/* ---- Numbers. ---- */

/* The magnitude of a negative number, the least one included. */
static uint64_t magnitude_of(int64_t value) { return value < 0 ? 0 - (uint64_t)value : (uint64_t)value; }

/* Digits, with zeros before them up to `width`. */
static char *put_number(char *at, uint64_t value, int width) {
    int count = feat_count_digits(value);
    if (count < width) count = width;
    feat_put_digits(at, value, count);
    return at + count;
}

size_t feat_print_integer(int64_t value, char to[FEAT_PRINT_SIZE]) {
    to[0] = '-';
    return (size_t)(put_number(to + (value < 0), magnitude_of(value), 1) - to);
}

size_t feat_print_decimal(feat_int128 value, int precision, int scale, char to[FEAT_PRINT_SIZE]) {
    const uint64_t group = UINT64_C(10000000000000000000); /* 19 digits */
    feat_uint128 left = value < 0 ? 0 - (feat_uint128)value : (feat_uint128)value;
    char *at = to;
    if (value < 0) *at++ = '-';
    char *digits = at;
    /* The least width puts zeros in front of a value below 1. */
    int width = scale + (precision > scale);
    if (left <= UINT64_MAX) {
        at = put_number(at, (uint64_t)left, width);
    } else {
        uint64_t low = (uint64_t)(left % group);
        left /= group;
        if (left > UINT64_MAX) { /* more than 38 digits */
            at = put_number(at, (uint64_t)(left / group), 1);
            at = put_number(at, (uint64_t)(left % group), 19);
        } else {
            at = put_number(at, (uint64_t)left, width - 19);
        }
        at = put_number(at, low, 19);
    }
    if (scale == 0) return (size_t)(at - to);
    /* A value of scale 38 and precision 38 has no digit before the point. */
    int whole = (int)(at - digits) - scale;
    memmove(digits + whole + 1, digits + whole, (size_t)scale);
    digits[whole] = '.';
    return (size_t)(at - to) + 1;
}

/* Not finite, or zero. */
static size_t print_special(bool negative, double magnitude, char *to) {
    to[0] = '-';
    memcpy(to + negative, magnitude == 0.0 ? "0.0" : "inf", 3);
    return (size_t)negative + 3;
}

static size_t print_nan(char *to) {
    memcpy(to, "nan", 3);
    return 3;
}

size_t feat_print_double(double value, char to[FEAT_PRINT_SIZE]) {
    bool negative = feat_double_bits(value) >> 63 != 0;
    double magnitude = fabs(value);
    if (value != value) return print_nan(to);
    if (magnitude == 0.0 || magnitude == HUGE_VAL) return print_special(negative, magnitude, to);
    to[0] = '-';
    return (size_t)negative + feat_put_shortest(to + negative, feat_shortest_double(magnitude), true);
}

size_t feat_print_real(float value, char to[FEAT_PRINT_SIZE]) {
    double wide = (double)value, magnitude = fabs(wide);
    bool negative = feat_double_bits(wide) >> 63 != 0;
    if (value != value) return print_nan(to);
    if (magnitude == 0.0 || magnitude == HUGE_VAL) return print_special(negative, magnitude, to);
    to[0] = '-';
    return (size_t)negative + feat_put_shortest(to + negative, feat_shortest_real((float)magnitude), true);
}

/* ---- Times. ---- */

/* The date without what says that it is before Christ. */
static char *put_date(char *at, int64_t days, bool *before_christ) {
    int64_t year;
    int month, day;
    feat_civil_from_days(days, &year, &month, &day);
    *before_christ = year <= 0;
    at = put_number(at, (uint64_t)(year <= 0 ? 1 - year : year), 4);
    *at++ = '-';
    at = put_number(at, (uint64_t)month, 2);
    *at++ = '-';
    return put_number(at, (uint64_t)day, 2);
}

static char *put_era(char *at, bool before_christ) {
    memcpy(at, " (BC)", 5);
    return at + (before_christ ? 5 : 0);
}

static char *put_clock(char *at, uint64_t us) {
    uint64_t seconds = us / 1000000, fraction = us % 1000000;
    at = put_number(at, seconds / 3600, 2);
    *at++ = ':';
    at = put_number(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = put_number(at, seconds % 60, 2);
    if (fraction == 0) return at;
    *at++ = '.';
    at = put_number(at, fraction, 6);
    while (at[-1] == '0') at--;
    return at;
}

size_t feat_print_date(int64_t days, char to[FEAT_PRINT_SIZE]) {
    bool before_christ;
    char *at = put_date(to, days, &before_christ);
    return (size_t)(put_era(at, before_christ) - to);
}

size_t feat_print_timestamp(int64_t us, char to[FEAT_PRINT_SIZE]) {
    int64_t day = feat_day_of(us);
    bool before_christ;
    char *at = put_date(to, day, &before_christ);
    at = put_era(at, before_christ);
    *at++ = ' ';
    /* The day of the earliest times begins below them all. */
    return (size_t)(put_clock(at, (uint64_t)us - (uint64_t)day * (uint64_t)FEAT_US_PER_DAY) - to);
}

static char *put_count(char *at, const char *first, int64_t count, const char *unit) {
    if (count == 0) return at;
    if (at > first) *at++ = ' ';
    *at = '-';
    at = put_number(at + (count < 0), magnitude_of(count), 1);
    size_t length = strlen(unit);
    memcpy(at, unit, length);
    at += length;
    *at = 's';
    return at + (count != 1 && count != -1);
}

size_t feat_print_interval(int32_t months, int32_t days, int64_t us, char to[FEAT_PRINT_SIZE]) {
    char *at = to;
    at = put_count(at, to, months / 12, " year");
    at = put_count(at, to, months % 12, " month");
    at = put_count(at, to, days, " day");
    if (us == 0 && at > to) return (size_t)(at - to);
    if (at > to) *at++ = ' ';
    *at = '-';
    return (size_t)(put_clock(at + (us < 0), magnitude_of(us)) - to);
}

/* ---- Bytes. ---- */

static bool is_plain(unsigned char c) { return c >= ' ' && c < 0x7f && c != '\\' && c != '\'' && c != '"'; }

feat_text feat_print_blob(feat_scratch *scratch, feat_text bytes) {
    size_t escaped = 0;
    for (size_t i = 0; i < bytes.length; i++) escaped += !is_plain((unsigned char)bytes.data[i]);
    if (escaped == 0) return bytes;
    char *to = escaped <= (SIZE_MAX - bytes.length) / 3 ? feat_scratch_take(scratch, bytes.length + 3 * escaped) : NULL;
    if (!to) return (feat_text){"", 0};
    static const char hex[] = "0123456789ABCDEF";
    char *at = to;
    for (size_t i = 0; i < bytes.length; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (is_plain(c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 15];
    }
    return (feat_text){to, (size_t)(at - to)};
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool feat_read_blob(feat_scratch *scratch, feat_text text, feat_text *bytes) {
    size_t escapes = 0;
    for (size_t i = 0; i < text.length; i++) {
        if ((unsigned char)text.data[i] >= 0x80) return false;
        if (text.data[i] != '\\') continue;
        if (text.length - i < 4 || text.data[i + 1] != 'x' || hex_digit(text.data[i + 2]) < 0 ||
            hex_digit(text.data[i + 3]) < 0)
            return false;
        escapes++;
        i += 3;
    }
    *bytes = text;
    if (escapes == 0) return true;
    char *to = feat_scratch_take(scratch, text.length - 3 * escapes), *at = to;
    *bytes = (feat_text){"", 0};
    if (!to) return true;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '\\') {
            *at++ = text.data[i];
            continue;
        }
        *at++ = (char)(hex_digit(text.data[i + 2]) << 4 | hex_digit(text.data[i + 3]));
        i += 3;
    }
    *bytes = (feat_text){to, (size_t)(at - to)};
    return true;
}
