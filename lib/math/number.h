/* Numbers as text, the same in every locale, and doubles in a total order. */
#ifndef FEAT_LIB_NUMBER_H
#define FEAT_LIB_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef enum feat_number_result {
    FEAT_NUMBER_OK = 0,
    FEAT_NUMBER_MALFORMED, /* not a number in SQL's syntax */
    FEAT_NUMBER_TOO_LARGE  /* a number, but outside the type's range */
} feat_number_result;

/* The whole of text[0, length) as a number: optional sign, digits with at most one '.', optional exponent; no blanks,
 * no hexadecimal, no "inf" or "nan". Any length. Correctly rounded; too small a number is a subnormal or zero. On
 * failure *out is untouched; the caller, which knows the place, words the message. */
feat_number_result feat_number_parse_double(const char *text, size_t length, double *out);
/* As casts read it: the same, and '_' between two digits. */
feat_number_result feat_number_read_double(const char *text, size_t length, double *out);
/* Rounded once to a float. */
feat_number_result feat_number_read_real(const char *text, size_t length, float *out);
/* Whether an '_' stands between two digits of [first, end). */
static inline bool feat_number_is_group(const char *at, const char *first, const char *end) {
    return *at == '_' && at > first && at + 1 < end && (unsigned)(at[-1] - '0') < 10 && (unsigned)(at[1] - '0') < 10;
}
/* Optional sign and decimal digits only. */
feat_number_result feat_number_parse_int64(const char *text, size_t length, int64_t *out);

#define FEAT_NUMBER_TEXT_SIZE 32
/* The shortest text that reads back to the same bits, and of those the closest: "1.0", "-0.0", "0.1", "1e300",
 * "1.5e-7". Always with a '.' or an 'e', so that it reads as floating; "inf", "-inf" and "nan" for the rest. Returns
 * the length. */
size_t feat_number_format_double(double value, char text[FEAT_NUMBER_TEXT_SIZE]);

#define FEAT_NAN_BITS UINT64_C(0x7ff8000000000000)

static inline uint64_t feat_double_bits(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double feat_double_of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* One bit pattern for all NaN; every other value as it is. */
static inline double feat_double_canonical(double value) {
    return value != value ? feat_double_of_bits(FEAT_NAN_BITS) : value;
}

/* Unsigned order of keys is the total order -inf < ... < -0 < +0 < ... < inf < NaN; all NaN are equal. */
static inline uint64_t feat_double_key(double value) {
    uint64_t bits = feat_double_bits(feat_double_canonical(value));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* -1, 0 or 1 in the same order. */
static inline int feat_double_order(double a, double b) {
    uint64_t x = feat_double_key(a), y = feat_double_key(b);
    return (x > y) - (x < y);
}

#endif
