#include "math/number.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Consumes a sign; true for a minus. */
static bool take_sign(const char **at, const char *end) {
    if (*at == end || (**at != '-' && **at != '+')) return false;
    return *(*at)++ == '-';
}

feat_number_result feat_number_parse_int64(const char *text, size_t length, int64_t *out) {
    const char *at = text, *end = text + length;
    bool negative = take_sign(&at, end), large = false;
    if (at == end) return FEAT_NUMBER_MALFORMED;
    /* Counted downwards, because the negative side holds one more. */
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) return FEAT_NUMBER_MALFORMED;
        large = large || __builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *at - '0', &value);
    }
    if (large || (!negative && value == INT64_MIN)) return FEAT_NUMBER_TOO_LARGE;
    *out = negative ? value : -value;
    return FEAT_NUMBER_OK;
}

/* ---- reading doubles ------------------------------------------------------------------------------------------ */

/* The point half-way between two doubles has at most 768 significant digits. A longer text therefore rounds as its
 * first KEPT_DIGITS do, with a 1 behind them when anything that follows is not zero. */
#define KEPT_DIGITS 768
/* An exponent beyond this is out of reach for any text that fits in memory to undo. */
#define EXPONENT_CAP INT64_C(100000000000000000)

/* A decimal without its point: digits * 10^exponent. `digits` has room for the 1, an 'e', an exponent and a NUL. */
typedef struct decimal {
    char digits[KEPT_DIGITS + 32];
    size_t count;
    int64_t exponent;
    bool negative;
} decimal;

static bool read_exponent(const char **at, const char *end, int64_t *exponent) {
    bool negative = take_sign(at, end);
    if (*at == end) return false;
    int64_t value = 0;
    for (; *at < end; (*at)++) {
        if (!is_digit(**at)) return false;
        if (value < EXPONENT_CAP) value = value * 10 + (**at - '0');
    }
    if (value > EXPONENT_CAP) value = EXPONENT_CAP;
    *exponent += negative ? -value : value;
    return true;
}

static bool read_decimal(const char *text, size_t length, decimal *d) {
    const char *at = text, *end = text + length;
    bool point = false, any = false, rest = false;
    d->negative = take_sign(&at, end);
    d->count = 0;
    d->exponent = 0;
    for (; at < end; at++) {
        if (*at == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(*at)) break;
        any = true;
        bool keep = d->count < KEPT_DIGITS;
        if (keep && (d->count > 0 || *at != '0')) d->digits[d->count++] = *at;
        if (!keep) rest = rest || *at != '0';
        d->exponent +=
            (int)!keep - (int)point; /* a digit dropped before the point scales; one kept behind it divides */
    }
    if (!any) return false;
    if (rest) {
        d->digits[d->count++] = '1';
        d->exponent--;
    }
    if (at == end) return true;
    if (*at != 'e' && *at != 'E') return false;
    at++;
    return read_exponent(&at, end, &d->exponent);
}

/* Exact powers of ten, and so one correctly rounded operation from a whole number below 2^53. */
static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static double value_of(decimal *d) {
    if (d->count == 0) return 0.0;
    if (d->count <= 15 && d->exponent >= -22 && d->exponent <= 22) {
        int64_t whole = 0;
        for (size_t i = 0; i < d->count; i++) whole = whole * 10 + (d->digits[i] - '0');
        double value = (double)whole;
        return d->exponent < 0 ? value / powers_of_ten[-d->exponent] : value * powers_of_ten[d->exponent];
    }
    int64_t magnitude =
        d->exponent + (int64_t)d->count; /* the value is below 10^magnitude, and not below a tenth of it */
    if (magnitude > 310) return HUGE_VAL;
    if (magnitude < -330) return 0.0;
    /* Whole digits and an exponent hold nothing that a locale could read otherwise, and strtod rounds correctly. */
    snprintf(d->digits + d->count, sizeof d->digits - d->count, "e%d", (int)d->exponent);
    int saved = errno;
    double value = strtod(d->digits, NULL);
    errno = saved;
    return value;
}

feat_number_result feat_number_parse_double(const char *text, size_t length, double *out) {
    decimal d;
    if (!read_decimal(text, length, &d)) return FEAT_NUMBER_MALFORMED;
    double value = value_of(&d);
    if (value == HUGE_VAL) return FEAT_NUMBER_TOO_LARGE;
    *out = d.negative ? -value : value;
    return FEAT_NUMBER_OK;
}

/* ---- writing doubles ------------------------------------------------------------------------------------------ */

#define MAX_DIGITS 17

/* 0.d1d2d3... * 10^point */
typedef struct shortest {
    char digits[MAX_DIGITS + 1];
    int count, point;
} shortest;

/* `value` > 0 to `count` digits, to nearest. The digits are picked out of printf's "d.ddde+x", whatever its point is.
 */
static void round_to_digits(double value, int count, shortest *s) {
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, value);
    const char *at = text;
    s->count = 0;
    for (; *at != 'e'; at++)
        if (is_digit(*at) && s->count < MAX_DIGITS) s->digits[s->count++] = *at;
    s->point = atoi(at + 1) + 1;
}

static bool reads_back(const shortest *s, double value) {
    char text[MAX_DIGITS + 16];
    int n = snprintf(text, sizeof text, "%.*se%d", s->count, s->digits, s->point - s->count);
    double back;
    return feat_number_parse_double(text, (size_t)n, &back) == FEAT_NUMBER_OK && back == value;
}

/* The next larger decimal of as many digits. */
static void step_up(shortest *s) {
    int i = s->count - 1;
    while (i >= 0 && s->digits[i] == '9') s->digits[i--] = '0';
    if (i >= 0) {
        s->digits[i]++;
        return;
    }
    s->digits[0] = '1';
    s->point++;
}

static void find_shortest(double value, shortest *s) {
    uint64_t bits = feat_double_bits(value);
    /* A decimal of fewer than 15 digits that reads back to a normal double is also what it rounds to at 15. */
    bool subnormal = bits >> 52 == 0, power_of_two = bits << 12 == 0;
    for (int count = subnormal ? 1 : 15; count < MAX_DIGITS; count++) {
        round_to_digits(value, count, s);
        if (reads_back(s, value)) return;
        /* Above a power of two doubles lie twice as far apart as below it: the decimal next above may read back
         * although the nearest, below, does not. */
        if (power_of_two) {
            step_up(s);
            if (reads_back(s, value)) return;
        }
    }
    round_to_digits(value, MAX_DIGITS, s);
}

size_t feat_number_format_double(double value, char text[FEAT_NUMBER_TEXT_SIZE]) {
    const size_t size = FEAT_NUMBER_TEXT_SIZE;
    const char *sign = feat_double_bits(value) >> 63 ? "-" : "";
    double magnitude = fabs(value);
    if (value != value) return (size_t)snprintf(text, size, "nan");
    if (magnitude == HUGE_VAL) return (size_t)snprintf(text, size, "%sinf", sign);
    if (magnitude < 1e15 && magnitude == (double)(int64_t)magnitude)
        return (size_t)snprintf(text, size, "%s%lld.0", sign, (long long)magnitude);
    shortest s;
    find_shortest(magnitude, &s);
    while (s.count > 1 && s.digits[s.count - 1] == '0') s.count--;
    if (s.point > 16 || s.point < -3) {
        const char *point = s.count > 1 ? "." : "";
        return (size_t)snprintf(text, size, "%s%c%s%.*se%d", sign, s.digits[0], point, s.count - 1, s.digits + 1,
                                s.point - 1);
    }
    if (s.point <= 0) return (size_t)snprintf(text, size, "%s0.%.*s%.*s", sign, -s.point, "000", s.count, s.digits);
    if (s.point >= s.count)
        return (size_t)snprintf(text, size, "%s%.*s%.*s.0", sign, s.count, s.digits, s.point - s.count,
                                "0000000000000000");
    return (size_t)snprintf(text, size, "%s%.*s.%.*s", sign, s.point, s.digits, s.count - s.point, s.digits + s.point);
}
