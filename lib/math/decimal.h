/* Decimals: 128-bit integers with a scale that the type knows, and what else numbers need that is exact. */
#ifndef FEAT_LIB_DECIMAL_H
#define FEAT_LIB_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/exact.h" /* feat_int128 */
#include "math/number.h"

#define FEAT_DECIMAL_DIGITS 38

/* 10^n, 0 <= n <= 38. */
feat_int128 feat_decimal_power(int n);
/* The double nearest to 10^n, n >= 0; infinite from 309 on. */
double feat_double_power(int64_t n);
/* Whether a value has at most `precision` digits. */
static inline bool feat_decimal_fits(feat_int128 value, int precision) {
    feat_int128 limit = feat_decimal_power(precision);
    return value < limit && value > -limit;
}
/* value / 10^digits, a half away from zero. */
feat_int128 feat_decimal_drop(feat_int128 value, int digits);

/* Text as SQL casts it: blanks around it, a sign, digits with a point, an exponent, '_' between two digits. Digits past
 * the scale are rounded, a half away from zero. TOO_LARGE when it has more than 38 digits. */
feat_number_result feat_decimal_parse(const char *text, size_t length, int scale, feat_int128 *out);
#define FEAT_DECIMAL_TEXT_SIZE 48
size_t feat_decimal_format(feat_int128 value, int scale, char text[FEAT_DECIMAL_TEXT_SIZE]);

/* The nearest double to value / 10^scale. */
double feat_decimal_to_double(feat_int128 value, int scale);
float feat_decimal_to_real(feat_int128 value, int scale);
/* value * 10^scale, a half away from zero. False when it has more than `precision` digits or is no number. */
bool feat_decimal_of_double(double value, int precision, int scale, feat_int128 *out);
/* The shortest decimal that reads back as `value`, when it has at most 15 digits. */
bool feat_decimal_literal(double value, feat_int128 *out, int *precision, int *scale);

/* Text as SQL casts it to DOUBLE: as feat_number_read_double, and blanks around it, "inf", "infinity" and "nan" in any
 * case; too large a number is infinite. */
bool feat_double_of_text(const char *text, size_t length, double *out);
bool feat_real_of_text(const char *text, size_t length, float *out);

/* Text as SQL casts it to an integer: as feat_decimal_parse without a scale, and "0x1F" and "0b101" with blanks before
 * them at most. False when it is no number or one of more than 38 digits. */
bool feat_integer_of_text(const char *text, size_t length, feat_int128 *out);

/* "true", "t", "yes", "y", "1" and their opposites, in any case. */
bool feat_boolean_of_text(const char *text, size_t length, bool *out);

/* The exact remainder of a / b with the sign of a, as C's fmod. */
double feat_remainder(double a, double b);

#endif
