#include "math/number.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "math/exact.h" /* feat_uint128 */
#include "math/powers.h"
#include "math/shortest.h"

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

/* `groups`, here and below: '_' may stand between two digits. */
static bool read_exponent(const char **at, const char *end, bool groups, int64_t *exponent) {
    bool negative = take_sign(at, end);
    if (*at == end) return false;
    int64_t value = 0;
    for (const char *first = *at; *at < end; (*at)++) {
        if (groups && feat_number_is_group(*at, first, end)) continue;
        if (!is_digit(**at)) return false;
        if (value < EXPONENT_CAP) value = value * 10 + (**at - '0');
    }
    if (value > EXPONENT_CAP) value = EXPONENT_CAP;
    *exponent += negative ? -value : value;
    return true;
}

static bool read_decimal(const char *text, size_t length, bool groups, decimal *d) {
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
        if (groups && feat_number_is_group(at, text, end)) continue;
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
    return read_exponent(&at, end, groups, &d->exponent);
}

/* Exact powers of ten, and so one correctly rounded operation from a whole number up to 2^53. */
static const double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                       1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* The nearest double, or with `real` the nearest float. */
static double value_of(decimal *d, bool real) {
    if (d->count == 0) return 0.0;
    int64_t magnitude =
        d->exponent + (int64_t)d->count; /* the value is below 10^magnitude, and not below a tenth of it */
    if (magnitude > 310) return HUGE_VAL;
    if (magnitude < -330) return 0.0;
    /* Whole digits and an exponent hold nothing that a locale could read otherwise, and strtod rounds correctly. */
    snprintf(d->digits + d->count, sizeof d->digits - d->count, "e%d", (int)d->exponent);
    int saved = errno;
    double value = real ? (double)strtof(d->digits, NULL) : strtod(d->digits, NULL);
    errno = saved;
    return value;
}

/* ---- The fast way. ---- */

/* What the format of a floating number says: bits of a mantissa with the leading one, and of an exponent. */
typedef struct format {
    int mantissa, bias;
} format;

static const format binary64 = {53, 1023}, binary32 = {24, 127};

/* The first digits of a decimal, and what they count for. */
typedef struct scan {
    uint64_t digits; /* at most 19 */
    int64_t exponent;
    bool negative, more; /* `more`: digits were left out that are not all zero */
} scan;

static bool scan_decimal(const char *at, const char *end, bool groups, scan *s) {
    const char *first = at;
    bool point = false, any = false;
    int kept = 0;
    *s = (scan){0};
    s->negative = take_sign(&at, end);
    for (; at < end; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (digit > 9) {
            if (groups && feat_number_is_group(at, first, end)) continue;
            if (*at != '.' || point) break;
            point = true;
            continue;
        }
        any = true;
        if (kept < 19) {
            s->digits = s->digits * 10 + digit;
            kept += s->digits != 0;
            s->exponent -= point;
        } else {
            s->more = s->more || digit != 0;
            s->exponent += !point;
        }
    }
    if (!any) return false;
    if (at == end) return true;
    if (*at != 'e' && *at != 'E') return false;
    at++;
    return read_exponent(&at, end, groups, &s->exponent);
}

/* D. Lemire, "Number parsing at a gigabyte per second" (2021), after M. Eisel: the product of 64 bits of digits and of
 * a power of ten to 128 bits nearly always has only one number to round to. The bits of a positive number; false when
 * the product does not tell, and at both ends of the range. */
static bool round_product(uint64_t digits, int64_t exponent, format f, uint64_t *bits) {
    if (exponent < FEAT_POWER_LOW || exponent > FEAT_POWER_HIGH) return false;
    feat_power power = feat_powers_of_ten[exponent - FEAT_POWER_LOW];
    int zeros = __builtin_clzll(digits), dropped = 64 - f.mantissa - 2;
    digits <<= zeros;
    uint64_t below = (UINT64_C(1) << dropped) - 1;
    feat_uint128 product = (feat_uint128)digits * power.high;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if ((high & below) == below && low + digits < low) {
        /* What lies below the power's upper half could carry. */
        feat_uint128 rest = (feat_uint128)digits * power.low;
        uint64_t carried = low + (uint64_t)(rest >> 64);
        high += carried < low;
        low = carried;
        if ((high & below) == below && low == UINT64_MAX && (uint64_t)rest + digits < digits) return false;
    }
    int top = (int)(high >> 63);
    uint64_t mantissa = high >> (dropped + top);
    int64_t binary = feat_power_log2((int)exponent) + 63 - zeros + top + f.bias;
    /* Half-way, as far as it can be seen. */
    if (low == 0 && (high & below) == 0 && (mantissa & 3) == 1) return false;
    mantissa += mantissa & 1;
    mantissa >>= 1;
    if (mantissa >> f.mantissa) {
        mantissa >>= 1;
        binary++;
    }
    if (binary < 1 || binary >= 2 * f.bias + 1) return false;
    *bits = (uint64_t)binary << (f.mantissa - 1) | (mantissa & ((UINT64_C(1) << (f.mantissa - 1)) - 1));
    return true;
}

static bool fast_bits(const scan *s, format f, uint64_t *bits) {
    if (s->digits == 0) {
        *bits = 0;
        return true;
    }
    if (!round_product(s->digits, s->exponent, f, bits)) return false;
    /* With digits left out the number lies between these and the next: often both round alike. */
    uint64_t next;
    return !s->more || (round_product(s->digits + 1, s->exponent, f, &next) && next == *bits);
}

static feat_number_result slow_double(const char *text, size_t length, bool groups, double *out) {
    decimal d;
    if (!read_decimal(text, length, groups, &d)) return FEAT_NUMBER_MALFORMED;
    double value = value_of(&d, false);
    if (value == HUGE_VAL) return FEAT_NUMBER_TOO_LARGE;
    *out = d.negative ? -value : value;
    return FEAT_NUMBER_OK;
}

static inline feat_number_result read_double(const char *text, size_t length, bool groups, double *out) {
    scan s;
    uint64_t bits;
    if (!scan_decimal(text, text + length, groups, &s)) return FEAT_NUMBER_MALFORMED;
    if (!s.more && s.digits <= UINT64_C(1) << 53 && s.exponent >= -22 && s.exponent <= 22) {
        double value = (double)s.digits;
        value = s.exponent < 0 ? value / powers_of_ten[-s.exponent] : value * powers_of_ten[s.exponent];
        *out = s.negative ? -value : value;
        return FEAT_NUMBER_OK;
    }
    if (!fast_bits(&s, binary64, &bits)) return slow_double(text, length, groups, out);
    *out = feat_double_of_bits(bits | (uint64_t)s.negative << 63);
    return FEAT_NUMBER_OK;
}

feat_number_result feat_number_parse_double(const char *text, size_t length, double *out) {
    return read_double(text, length, false, out);
}

feat_number_result feat_number_read_double(const char *text, size_t length, double *out) {
    return read_double(text, length, true, out);
}

feat_number_result feat_number_read_real(const char *text, size_t length, float *out) {
    const bool groups = true;
    scan s;
    uint64_t bits;
    if (!scan_decimal(text, text + length, groups, &s)) return FEAT_NUMBER_MALFORMED;
    if (fast_bits(&s, binary32, &bits)) {
        uint32_t narrow = (uint32_t)bits | (uint32_t)s.negative << 31;
        memcpy(out, &narrow, sizeof narrow);
        return FEAT_NUMBER_OK;
    }
    decimal d;
    if (!read_decimal(text, length, groups, &d)) return FEAT_NUMBER_MALFORMED;
    double value = value_of(&d, true);
    if (value == HUGE_VAL) return FEAT_NUMBER_TOO_LARGE;
    *out = (float)(d.negative ? -value : value);
    return FEAT_NUMBER_OK;
}

/* ---- writing doubles ------------------------------------------------------------------------------------------ */

size_t feat_number_format_double(double value, char text[FEAT_NUMBER_TEXT_SIZE]) {
    bool negative = feat_double_bits(value) >> 63 != 0;
    double magnitude = fabs(value);
    char *at = text;
    if (value != value) {
        memcpy(text, "nan", 4);
        return 3;
    }
    if (negative) *at++ = '-';
    if (magnitude == HUGE_VAL) {
        memcpy(at, "inf", 4);
        return (size_t)(at - text) + 3;
    }
    feat_shortest s = {0, 0};
    if (magnitude > 0.0) s = feat_shortest_double(magnitude);
    at += feat_put_shortest(at, s, false);
    *at = 0;
    return (size_t)(at - text);
}
