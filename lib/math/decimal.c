#include "math/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <strings.h>

#include "math/shortest.h"

feat_int128 feat_decimal_power(int n) {
    int low = n < 19 ? n : 19;
    return (feat_int128)feat_small_powers_of_ten[low] * feat_small_powers_of_ten[n - low];
}

double feat_double_power(int64_t n) {
    static const double small[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (n <= 22) return small[n < 0 ? 0 : n];
    if (n > 308) return HUGE_VAL;
    char text[] = {'1', 'e', (char)('0' + n / 100), (char)('0' + n / 10 % 10), (char)('0' + n % 10)};
    double out = HUGE_VAL;
    feat_number_parse_double(text, sizeof text, &out);
    return out;
}

feat_int128 feat_decimal_drop(feat_int128 value, int digits) {
    if (digits <= 0) return value;
    feat_int128 unit = feat_decimal_power(digits), rest = value % unit, whole = value / unit, half = unit / 2;
    return whole + (rest >= half) - (rest <= -half);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

static void trim(const char **text, size_t *length) {
    while (*length > 0 && is_blank((*text)[0])) (*text)++, (*length)--;
    while (*length > 0 && is_blank((*text)[*length - 1])) (*length)--;
}

/* The exponent behind 'e', held within bounds that no text's digits can undo. */
static bool read_exponent(const char *at, const char *end, int64_t *exponent) {
    const int64_t most = INT64_C(1000000000000);
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    *exponent = 0;
    for (const char *first = at; at < end; at++) {
        if (feat_number_is_group(at, first, end)) continue;
        if (!is_digit(*at)) return false;
        if (*exponent < most) *exponent = *exponent * 10 + (*at - '0');
    }
    if (negative) *exponent = -*exponent;
    return true;
}

/* value * 10^count + digits; false when that has more than 38 digits. */
static bool append_digits(feat_int128 *value, uint64_t digits, int count) {
    feat_int128 out;
    if (__builtin_mul_overflow(*value, feat_decimal_power(count), &out) ||
        __builtin_add_overflow(out, (feat_int128)digits, &out) || !feat_decimal_fits(out, FEAT_DECIMAL_DIGITS))
        return false;
    *value = out;
    return true;
}

feat_number_result feat_decimal_parse(const char *text, size_t length, int scale, feat_int128 *out) {
    trim(&text, &length);
    const char *at = text, *end = text + length, *mantissa_end = end;
    bool negative = at < end && *at == '-', any = false, large = false;
    int64_t exponent = 0, point = -1, seen = 0;
    if (at < end && (*at == '-' || *at == '+')) at++;
    for (const char *p = at; p < end; p++)
        if (*p == 'e' || *p == 'E') {
            if (!read_exponent(p + 1, end, &exponent)) return FEAT_NUMBER_MALFORMED;
            mantissa_end = p;
            break;
        }
    const char *first = at;
    for (; at < mantissa_end; at++) {
        if (*at == '.' && point < 0) {
            point = seen;
        } else if (is_digit(*at)) {
            any = true;
            seen++;
        } else if (!feat_number_is_group(at, first, mantissa_end)) {
            return FEAT_NUMBER_MALFORMED;
        }
    }
    if (!any) return FEAT_NUMBER_MALFORMED;
    if (point < 0) point = seen;
    /* How many of the digits stand before the last place that the scale keeps; the next one rounds. */
    int64_t keep = point + exponent + scale, number = 0;
    feat_int128 value = 0;
    bool up = false;
    for (at = first; at < mantissa_end && number < keep;) {
        uint64_t chunk = 0;
        int count = 0;
        for (; at < mantissa_end && number < keep && count < 18; at++) {
            if (*at == '.' || *at == '_') continue;
            chunk = chunk * 10 + (uint64_t)(*at - '0');
            count++;
            number++;
        }
        large = large || !append_digits(&value, chunk, count);
    }
    while (at < mantissa_end && !is_digit(*at)) at++;
    if (at < mantissa_end && number == keep) up = *at >= '5';
    if (value != 0 && number < keep)
        large = large || keep - number > FEAT_DECIMAL_DIGITS || !append_digits(&value, 0, (int)(keep - number));
    value += up;
    if (large || !feat_decimal_fits(value, FEAT_DECIMAL_DIGITS)) return FEAT_NUMBER_TOO_LARGE;
    *out = negative ? -value : value;
    return FEAT_NUMBER_OK;
}

size_t feat_decimal_format(feat_int128 value, int scale, char text[FEAT_DECIMAL_TEXT_SIZE]) {
    char digits[FEAT_DECIMAL_TEXT_SIZE];
    int n = 0;
    size_t size = 0;
    __extension__ unsigned __int128 left = value < 0 ? 0 - (unsigned __int128)value : (unsigned __int128)value;
    /* One digit at least stands before the point. */
    for (; n <= scale || left != 0; left /= 10) digits[n++] = (char)('0' + (int)(left % 10));
    if (value < 0) text[size++] = '-';
    while (n > 0) {
        if (n == scale) text[size++] = '.';
        text[size++] = digits[--n];
    }
    text[size] = 0;
    return size;
}

double feat_decimal_to_double(feat_int128 value, int scale) {
    /* Both are exact, and so is one division rounded once. */
    const feat_int128 exact = (feat_int128)1 << 53;
    if (value <= exact && value >= -exact && scale <= 22) return (double)value / (double)feat_decimal_power(scale);
    if (scale == 0) return (double)value;
    char text[FEAT_DECIMAL_TEXT_SIZE];
    double out = 0.0;
    feat_number_parse_double(text, feat_decimal_format(value, scale, text), &out);
    return out;
}

/* "0x1F" or "0b101", as 0..; false when it is neither or too large. */
static bool read_binary(const char *text, size_t length, feat_int128 *out) {
    if (length < 3 || text[0] != '0') return false;
    bool hex = text[1] == 'x' || text[1] == 'X';
    if (!hex && text[1] != 'b' && text[1] != 'B') return false;
    uint64_t value = 0;
    for (size_t i = 2; i < length; i++) {
        char c = text[i];
        /* Between two digits of the kind: the one behind is looked at next. */
        if (c == '_' && i > 2 && text[i - 1] != '_' && i + 1 < length) continue;
        unsigned digit = is_digit(c)                             ? (unsigned)(c - '0')
                         : hex && (unsigned)((c | 32) - 'a') < 6 ? (unsigned)((c | 32) - 'a') + 10
                                                                 : 16;
        if (digit >= (hex ? 16U : 2U) || value >> (hex ? 60 : 63) != 0) return false;
        value = hex ? value << 4 | digit : value << 1 | digit;
    }
    *out = (feat_int128)value;
    return true;
}

bool feat_integer_of_text(const char *text, size_t length, feat_int128 *out) {
    uint64_t value = 0;
    size_t at = length > 0 && text[0] == '-', first = at;
    for (; at < length && is_digit(text[at]) && at < 19; at++) value = value * 10 + (uint64_t)(text[at] - '0');
    if (at == length && at > first) {
        *out = first ? -(feat_int128)value : (feat_int128)value;
        return true;
    }
    while (length > 0 && is_blank(text[0])) text++, length--;
    return read_binary(text, length, out) || feat_decimal_parse(text, length, 0, out) == FEAT_NUMBER_OK;
}

float feat_decimal_to_real(feat_int128 value, int scale) {
    /* As above, with 24 bits; 10^10 is the largest power that a float holds. */
    const feat_int128 exact = (feat_int128)1 << 24;
    if (value <= exact && value >= -exact && scale <= 10) return (float)value / (float)feat_decimal_power(scale);
    if (scale == 0) return (float)value;
    char text[FEAT_DECIMAL_TEXT_SIZE];
    float out = 0.0F;
    feat_number_read_real(text, feat_decimal_format(value, scale, text), &out);
    return out;
}

bool feat_decimal_of_double(double value, int precision, int scale, feat_int128 *out) {
    double scaled = value * (double)feat_decimal_power(scale), whole = trunc(scaled);
    if (fabs(scaled - whole) >= 0.5) whole += copysign(1.0, scaled);
    double limit = (double)feat_decimal_power(precision);
    if (!(whole < limit && whole > -limit)) return false;
    *out = (feat_int128)whole;
    return feat_decimal_fits(*out, precision);
}

bool feat_decimal_literal(double value, feat_int128 *out, int *precision, int *scale) {
    char text[FEAT_NUMBER_TEXT_SIZE];
    if (!(fabs(value) < 1e15)) return false;
    size_t length = feat_number_format_double(value, text), digits = 0, behind = 0;
    bool point = false, leading = true;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == 'e') return false; /* below 10^-4: none that is written as a plain decimal */
        if (text[i] == '.') point = true;
        if (!is_digit(text[i])) continue;
        behind += point;
        leading = leading && text[i] == '0';
        digits += !leading;
    }
    if (digits > 15) return false;
    /* "5.0" is a whole number. */
    if (behind == 1 && text[length - 1] == '0') behind = 0;
    if (feat_decimal_parse(text, length, (int)behind, out) != FEAT_NUMBER_OK) return false;
    *scale = (int)behind;
    *precision = *scale + 1;
    while (!feat_decimal_fits(*out, *precision)) (*precision)++;
    return true;
}

/* inf, infinity and nan; text without blanks around it. */
static bool read_special(const char *text, size_t length, double *out) {
    bool negative = length > 0 && text[0] == '-', sign = length > 0 && (text[0] == '-' || text[0] == '+');
    const char *word = text + sign;
    size_t n = length - sign;
    if (n == 3 && strncasecmp(word, "nan", 3) == 0) {
        *out = feat_double_of_bits(FEAT_NAN_BITS);
        return true;
    }
    if (!(n == 3 && strncasecmp(word, "inf", 3) == 0) && !(n == 8 && strncasecmp(word, "infinity", 8) == 0))
        return false;
    *out = negative ? -HUGE_VAL : HUGE_VAL;
    return true;
}

bool feat_double_of_text(const char *text, size_t length, double *out) {
    trim(&text, &length);
    double value;
    feat_number_result result = feat_number_read_double(text, length, &value);
    if (result == FEAT_NUMBER_MALFORMED) return read_special(text, length, out);
    *out = result == FEAT_NUMBER_OK ? value : text[0] == '-' ? -HUGE_VAL : HUGE_VAL;
    return true;
}

bool feat_real_of_text(const char *text, size_t length, float *out) {
    trim(&text, &length);
    float value;
    double special;
    feat_number_result result = feat_number_read_real(text, length, &value);
    if (result == FEAT_NUMBER_MALFORMED) {
        if (!read_special(text, length, &special)) return false;
        *out = (float)special;
        return true;
    }
    *out = result == FEAT_NUMBER_OK ? value : text[0] == '-' ? -(float)HUGE_VAL : (float)HUGE_VAL;
    return true;
}

bool feat_boolean_of_text(const char *text, size_t length, bool *out) {
    static const char *const words[] = {"false", "f", "no", "n", "0", "true", "t", "yes", "y", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncasecmp(words[i], text, length) == 0) {
            *out = i >= 5;
            return true;
        }
    return false;
}

double feat_remainder(double a, double b) {
    const uint64_t hidden = UINT64_C(1) << 52, mask = hidden - 1;
    uint64_t x = feat_double_bits(fabs(a)), y = feat_double_bits(fabs(b));
    if (a != a || b != b || fabs(a) == HUGE_VAL || b == 0.0) return feat_double_of_bits(FEAT_NAN_BITS);
    if (x < y) return a;
    int ex = (int)(x >> 52), ey = (int)(y >> 52);
    uint64_t mx = ex ? (x & mask) | hidden : x & mask, my = ey ? (y & mask) | hidden : y & mask;
    if (ex == 0) ex = 1;
    if (ey == 0) ey = 1;
    /* Long division: as many bits at a time as a 64-bit number holds above the 53 of the divisor. */
    uint64_t rest = mx % my;
    for (int shift = ex - ey; shift > 0 && rest != 0;) {
        int step = shift < 11 ? shift : 11;
        rest = (rest << step) % my;
        shift -= step;
    }
    if (rest == 0) return copysign(0.0, a);
    while (rest < hidden && ey > 1) rest <<= 1, ey--;
    uint64_t bits = rest < hidden ? rest : (rest & mask) | (uint64_t)ey << 52;
    return copysign(feat_double_of_bits(bits), a);
}
