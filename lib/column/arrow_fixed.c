/* Numbers, days, times, intervals and bits from Arrow: one typed loop for each pair of widths. */
#include <inttypes.h>
#include <stdio.h>

#include "column/arrow_slice.h"
#include "column/bits.h"
#include "math/decimal.h"
#include "math/number.h"

/* ---- Loops and messages. ---- */

/* `bits` are those of the value, signed or not. */
static feat_status does_not_fit(const feat_arrow_source *source, feat_error *err, size_t i, bool is_signed,
                                uint64_t bits, const char *type, const char *unit) {
    bool negative = is_signed && bits >> 63;
    return feat_arrow_fail_at(source, err, FEAT_SCHEMA, i, "%s cannot hold %s%" PRIu64 "%s", type, negative ? "-" : "",
                              negative ? 0 - bits : bits, unit);
}

#define WIDEN(type, to_type)                                                                                           \
    do {                                                                                                               \
        to_type *to = (to_type *)out->values + out->length;                                                            \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            type v;                                                                                                    \
            FEAT_ARROW_LOAD(v, from, type, i);                                                                         \
            to[i] = (to_type)v;                                                                                        \
        }                                                                                                              \
    } while (0)

/* `FITS` and `VALUE` are expressions of v; the type's name and the unit are for the message. */
#define CHECKED(type, to_type, FITS, VALUE, type_name, unit)                                                           \
    do {                                                                                                               \
        to_type *to = (to_type *)out->values + out->length;                                                            \
        int bad = 0;                                                                                                   \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            type v;                                                                                                    \
            FEAT_ARROW_LOAD(v, from, type, i);                                                                         \
            bad |= !(FITS);                                                                                            \
            to[i] = (to_type)(VALUE);                                                                                  \
        }                                                                                                              \
        for (size_t i = 0; bad && i < s->n; i++) {                                                                     \
            type v;                                                                                                    \
            FEAT_ARROW_LOAD(v, from, type, i);                                                                         \
            if (!(FITS) && !feat_arrow_null_at(s, i))                                                                  \
                return does_not_fit(source, err, i, (type)-1 < 1, (uint64_t)v, type_name, unit);                       \
        }                                                                                                              \
    } while (0)

/* ---- Floats. ---- */

/* An IEEE half: sign, 5 bits of exponent with bias 15, 10 of fraction. Every one is a float. */
static double half_to_double(uint16_t half) {
    uint64_t sign = (uint64_t)(half >> 15) << 63, fraction = half & 0x3ff;
    unsigned exponent = half >> 10 & 0x1f;
    if (exponent == 0x1f && fraction != 0) return feat_double_of_bits(FEAT_NAN_BITS);
    if (exponent == 0x1f) return feat_double_of_bits(sign | UINT64_C(0x7ff) << 52);
    if (exponent == 0) { /* zero, or a multiple of the smallest half */
        double magnitude = (double)fraction * 0x1p-24;
        return sign ? -magnitude : magnitude;
    }
    return feat_double_of_bits(sign | (uint64_t)(exponent - 15 + 1023) << 52 | fraction << 42);
}

#define FILL_HALVES(to_type)                                                                                           \
    for (size_t i = 0; i < s->n; i++) {                                                                                \
        uint16_t half;                                                                                                 \
        FEAT_ARROW_LOAD(half, from, uint16_t, i);                                                                      \
        ((to_type *)out->values + out->length)[i] = (to_type)half_to_double(half);                                     \
    }

/* Up to here every integer is a double, or a float. */
#define EXACT_DOUBLE (INT64_C(1) << 53)
#define EXACT_FLOAT  (INT32_C(1) << 24)

static feat_status fill_doubles(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                                const char *from, feat_column *out, feat_error *err) {
    double *doubles = (double *)out->values + out->length;
    switch (kind) {
    case FEAT_ARROW_INT8: WIDEN(int8_t, double); break;
    case FEAT_ARROW_UINT8: WIDEN(uint8_t, double); break;
    case FEAT_ARROW_INT16: WIDEN(int16_t, double); break;
    case FEAT_ARROW_UINT16: WIDEN(uint16_t, double); break;
    case FEAT_ARROW_INT32: WIDEN(int32_t, double); break;
    case FEAT_ARROW_UINT32: WIDEN(uint32_t, double); break;
    case FEAT_ARROW_INT64:
        CHECKED(int64_t, double, v >= -EXACT_DOUBLE && v <= EXACT_DOUBLE, v, "DOUBLE", " without loss");
        break;
    case FEAT_ARROW_UINT64: CHECKED(uint64_t, double, v <= (uint64_t)EXACT_DOUBLE, v, "DOUBLE", " without loss"); break;
    case FEAT_ARROW_FLOAT16: FILL_HALVES(double); break;
    case FEAT_ARROW_FLOAT32: WIDEN(float, double); break;
    case FEAT_ARROW_FLOAT64: WIDEN(double, double); break;
    default: return FEAT_INTERNAL;
    }
    for (size_t i = 0; i < s->n; i++) doubles[i] = feat_double_canonical(doubles[i]);
    return FEAT_OK;
}

static bool is_real(double v) { return v != v || (double)(float)v == v; }

static feat_status fill_reals_of_doubles(const feat_arrow_source *source, const feat_arrow_slice *s, const char *from,
                                         feat_column *out, feat_error *err) {
    float *to = (float *)out->values + out->length;
    char text[FEAT_NUMBER_TEXT_SIZE];
    for (size_t i = 0; i < s->n; i++) {
        double v;
        FEAT_ARROW_LOAD(v, from, double, i);
        to[i] = (float)v;
        if (is_real(v) || feat_arrow_null_at(s, i)) continue;
        feat_number_format_double(v, text);
        return feat_arrow_fail_at(source, err, FEAT_SCHEMA, i, "REAL cannot hold %s without loss", text);
    }
    return FEAT_OK;
}

static feat_status fill_reals(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                              const char *from, feat_column *out, feat_error *err) {
    float *reals = (float *)out->values + out->length;
    switch (kind) {
    case FEAT_ARROW_INT8: WIDEN(int8_t, float); break;
    case FEAT_ARROW_UINT8: WIDEN(uint8_t, float); break;
    case FEAT_ARROW_INT16: WIDEN(int16_t, float); break;
    case FEAT_ARROW_UINT16: WIDEN(uint16_t, float); break;
    case FEAT_ARROW_INT32:
        CHECKED(int32_t, float, v >= -EXACT_FLOAT && v <= EXACT_FLOAT, v, "REAL", " without loss");
        break;
    case FEAT_ARROW_UINT32: CHECKED(uint32_t, float, v <= (uint32_t)EXACT_FLOAT, v, "REAL", " without loss"); break;
    case FEAT_ARROW_INT64:
        CHECKED(int64_t, float, v >= -EXACT_FLOAT && v <= EXACT_FLOAT, v, "REAL", " without loss");
        break;
    case FEAT_ARROW_UINT64: CHECKED(uint64_t, float, v <= (uint64_t)EXACT_FLOAT, v, "REAL", " without loss"); break;
    case FEAT_ARROW_FLOAT16: FILL_HALVES(float); break;
    case FEAT_ARROW_FLOAT32: memcpy(reals, from, s->n * sizeof *reals); break;
    case FEAT_ARROW_FLOAT64: FEAT_TRY(fill_reals_of_doubles(source, s, from, out, err)); break;
    default: return FEAT_INTERNAL;
    }
    static const uint32_t nan_bits = 0x7fc00000; /* one NaN */
    for (size_t i = 0; i < s->n; i++)
        if (reals[i] != reals[i]) memcpy(&reals[i], &nan_bits, sizeof nan_bits);
    return FEAT_OK;
}

/* ---- Integers: between any two widths; two's complement makes a column's signedness a matter of its bounds. ---- */

typedef struct bounds {
    int64_t least;
    uint64_t most;
    const char *name;
} bounds;

static bounds bounds_of(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TINYINT: return (bounds){INT8_MIN, INT8_MAX, "TINYINT"};
    case FEAT_TYPE_SMALLINT: return (bounds){INT16_MIN, INT16_MAX, "SMALLINT"};
    case FEAT_TYPE_INTEGER: return (bounds){INT32_MIN, INT32_MAX, "INTEGER"};
    case FEAT_TYPE_UTINYINT: return (bounds){0, UINT8_MAX, "UTINYINT"};
    case FEAT_TYPE_USMALLINT: return (bounds){0, UINT16_MAX, "USMALLINT"};
    case FEAT_TYPE_UINTEGER: return (bounds){0, UINT32_MAX, "UINTEGER"};
    case FEAT_TYPE_UBIGINT: return (bounds){0, UINT64_MAX, "UBIGINT"};
    default: return (bounds){INT64_MIN, INT64_MAX, "BIGINT"};
    }
}

#define FROM_SIGNED(type, to_type)                                                                                     \
    CHECKED(type, to_type, (int64_t)v >= least && (int64_t)v <= most_signed, (uint64_t)v, b.name, "")
#define FROM_UNSIGNED(type, to_type) CHECKED(type, to_type, (uint64_t)v <= b.most, (uint64_t)v, b.name, "")

#define FILL_INTEGERS(name, to_type)                                                                                   \
    static feat_status name(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,          \
                            const char *from, feat_column *out, feat_error *err) {                                     \
        const bounds b = bounds_of(out->type);                                                                         \
        const int64_t least = b.least, most_signed = b.most > INT64_MAX ? INT64_MAX : (int64_t)b.most;                 \
        switch (kind) {                                                                                                \
        case FEAT_ARROW_INT8: FROM_SIGNED(int8_t, to_type); break;                                                     \
        case FEAT_ARROW_UINT8: FROM_UNSIGNED(uint8_t, to_type); break;                                                 \
        case FEAT_ARROW_INT16: FROM_SIGNED(int16_t, to_type); break;                                                   \
        case FEAT_ARROW_UINT16: FROM_UNSIGNED(uint16_t, to_type); break;                                               \
        case FEAT_ARROW_INT32: FROM_SIGNED(int32_t, to_type); break;                                                   \
        case FEAT_ARROW_UINT32: FROM_UNSIGNED(uint32_t, to_type); break;                                               \
        case FEAT_ARROW_INT64: FROM_SIGNED(int64_t, to_type); break;                                                   \
        case FEAT_ARROW_UINT64: FROM_UNSIGNED(uint64_t, to_type); break;                                               \
        default: return FEAT_INTERNAL;                                                                                 \
        }                                                                                                              \
        return FEAT_OK;                                                                                                \
    }

FILL_INTEGERS(fill_bytes, uint8_t)
FILL_INTEGERS(fill_shorts, uint16_t)
FILL_INTEGERS(fill_words, uint32_t)
FILL_INTEGERS(fill_longs, uint64_t)

static feat_status fill_integers(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                                 const char *from, feat_column *out, feat_error *err) {
    if (kind == FEAT_ARROW_INT64 && out->type == FEAT_TYPE_BIGINT) {
        memcpy((int64_t *)out->values + out->length, from, s->n * sizeof(int64_t));
        return FEAT_OK;
    }
    switch (feat_type_size(out->type)) {
    case 1: return fill_bytes(source, kind, s, from, out, err);
    case 2: return fill_shorts(source, kind, s, from, out, err);
    case 4: return fill_words(source, kind, s, from, out, err);
    default: return fill_longs(source, kind, s, from, out, err);
    }
}

/* ---- Days and times. ---- */

#define US         "TIMESTAMP in microseconds"
#define MS_PER_DAY INT64_C(86400000)
#define US_PER_DAY (MS_PER_DAY * 1000)

static feat_status fill_days(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                             const char *from, feat_column *out, feat_error *err) {
    if (kind == FEAT_ARROW_DATE32) memcpy((int32_t *)out->values + out->length, from, s->n * sizeof(int32_t));
    else
        CHECKED(int64_t, int32_t, v % MS_PER_DAY == 0 && v / MS_PER_DAY >= INT32_MIN && v / MS_PER_DAY <= INT32_MAX,
                v / MS_PER_DAY, "DATE", v % MS_PER_DAY ? " ms without loss" : " ms");
    return FEAT_OK;
}

static feat_status fill_times(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                              const char *from, feat_column *out, feat_error *err) {
    switch (kind) {
    case FEAT_ARROW_SECONDS:
        CHECKED(int64_t, int64_t, v >= INT64_MIN / 1000000 && v <= INT64_MAX / 1000000, (uint64_t)v * 1000000, US,
                " s");
        break;
    case FEAT_ARROW_MILLISECONDS:
        CHECKED(int64_t, int64_t, v >= INT64_MIN / 1000 && v <= INT64_MAX / 1000, (uint64_t)v * 1000, US, " ms");
        break;
    case FEAT_ARROW_MICROSECONDS: memcpy((int64_t *)out->values + out->length, from, s->n * sizeof(int64_t)); break;
    case FEAT_ARROW_NANOSECONDS: CHECKED(int64_t, int64_t, v % 1000 == 0, v / 1000, US, " ns without loss"); break;
    case FEAT_ARROW_DATE32:
        CHECKED(int32_t, int64_t, v >= INT64_MIN / US_PER_DAY && v <= INT64_MAX / US_PER_DAY, (int64_t)v * US_PER_DAY,
                US, " days");
        break;
    case FEAT_ARROW_DATE64:
        CHECKED(int64_t, int64_t, v % MS_PER_DAY == 0 && v >= INT64_MIN / 1000 && v <= INT64_MAX / 1000,
                (uint64_t)v * 1000, v % MS_PER_DAY ? "a DATE" : US, v % MS_PER_DAY ? " ms without loss" : " ms");
        break;
    default: return FEAT_INTERNAL;
    }
    return FEAT_OK;
}

/* ---- Decimals. ---- */

static feat_status decimal_refused(const feat_arrow_source *source, size_t i, feat_int128 v, int scale, bool loss,
                                   feat_error *err) {
    char type[FEAT_TYPE_TEXT_SIZE], text[FEAT_DECIMAL_TEXT_SIZE], power[16] = "";
    if (scale < 0 || scale > 38) { /* no SQL type has such a scale: shown as a product */
        snprintf(power, sizeof power, "e%d", -scale);
        scale = 0;
    }
    int length = feat_decimal_fits(v, 38) ? (int)feat_decimal_format(v, scale, text) : 0;
    return feat_arrow_fail_at(source, err, FEAT_SCHEMA, i, "%s cannot hold %.*s%s%s",
                              feat_type_format(source->field->type, type), length ? length : 35,
                              length ? text : "a number of more than 38 digits", power, loss ? " without loss" : "");
}

/* v / 10^from as a number of `scale` digits behind the point; false when digits would be lost or it does not fit.
 * *loss: the former. */
static bool rescale(feat_int128 v, int from, int scale, int precision, feat_int128 *out, bool *loss) {
    *loss = false;
    if (v == 0) {
        *out = 0;
        return true;
    }
    if (from <= scale) {
        if (scale - from > 38 || __builtin_mul_overflow(v, feat_decimal_power(scale - from), out)) return false;
    } else {
        *loss = from - scale > 38 || v % feat_decimal_power(from - scale) != 0;
        if (*loss) return false;
        *out = v / feat_decimal_power(from - scale);
    }
    return feat_decimal_fits(*out, precision);
}

#define DECIMALS_OF(type)                                                                                              \
    do {                                                                                                               \
        for (size_t i = 0; i < s->n; i++) {                                                                            \
            type v;                                                                                                    \
            bool loss;                                                                                                 \
            FEAT_ARROW_LOAD(v, from, type, i);                                                                         \
            to[i] = 0;                                                                                                 \
            if (!feat_arrow_null_at(s, i) && !rescale((feat_int128)v, from_scale, scale, precision, &to[i], &loss))    \
                return decimal_refused(source, i, (feat_int128)v, from_scale, loss, err);                              \
        }                                                                                                              \
    } while (0)

static feat_status decimals_of_256(const feat_arrow_source *source, const feat_arrow_slice *s, const char *from,
                                   int from_scale, feat_column *out, feat_error *err) {
    int precision = FEAT_TYPE_PRECISION(out->type), scale = FEAT_TYPE_SCALE(out->type);
    feat_int128 *to = (feat_int128 *)out->values + out->length;
    for (size_t i = 0; i < s->n; i++) {
        feat_int128 halves[2]; /* the low one first */
        bool loss;
        memcpy(halves, from + i * sizeof halves, sizeof halves);
        to[i] = 0;
        if (feat_arrow_null_at(s, i)) continue;
        if (halves[1] != (halves[0] < 0 ? -1 : 0))
            return decimal_refused(source, i, feat_decimal_power(38), 0, false, err);
        if (!rescale(halves[0], from_scale, scale, precision, &to[i], &loss))
            return decimal_refused(source, i, halves[0], from_scale, loss, err);
    }
    return FEAT_OK;
}

static feat_status fill_decimals(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                                 const char *from, feat_column *out, feat_error *err) {
    int precision = FEAT_TYPE_PRECISION(out->type), scale = FEAT_TYPE_SCALE(out->type);
    int from_precision, from_scale = 0, bits = 0;
    feat_int128 *to = (feat_int128 *)out->values + out->length;
    if (kind == FEAT_ARROW_DECIMAL &&
        !feat_arrow_decimal_of(source->schema->format, &from_precision, &from_scale, &bits))
        return FEAT_INTERNAL;
    if (bits == 256) return decimals_of_256(source, s, from, from_scale, out, err);
    if (bits == 128) DECIMALS_OF(feat_int128);
    else if (bits == 64 || kind == FEAT_ARROW_INT64) DECIMALS_OF(int64_t);
    else if (bits == 32 || kind == FEAT_ARROW_INT32) DECIMALS_OF(int32_t);
    else if (kind == FEAT_ARROW_INT8) DECIMALS_OF(int8_t);
    else if (kind == FEAT_ARROW_INT16) DECIMALS_OF(int16_t);
    else if (kind == FEAT_ARROW_UINT8) DECIMALS_OF(uint8_t);
    else if (kind == FEAT_ARROW_UINT16) DECIMALS_OF(uint16_t);
    else if (kind == FEAT_ARROW_UINT32) DECIMALS_OF(uint32_t);
    else DECIMALS_OF(uint64_t);
    return FEAT_OK;
}

/* ---- Intervals. ---- */

/* The interval at `from`, in the layout of its kind; false with the amount and unit that µs cannot hold. */
static bool read_interval(feat_arrow_kind kind, const char *from, feat_interval *v, int64_t *amount,
                          const char **unit) {
    int32_t parts[2] = {0};
    *v = (feat_interval){0};
    switch (kind) {
    case FEAT_ARROW_MONTHS: memcpy(&v->months, from, 4); return true;
    case FEAT_ARROW_DAY_TIME:
        memcpy(parts, from, 8);
        v->days = parts[0];
        v->us = (int64_t)parts[1] * 1000;
        return true;
    case FEAT_ARROW_MONTH_DAY_NANO:
        memcpy(parts, from, 8);
        memcpy(amount, from + 8, 8);
        v->months = parts[0];
        v->days = parts[1];
        break;
    default: memcpy(amount, from, 8); break;
    }
    if (kind == FEAT_ARROW_MONTH_DAY_NANO || kind == FEAT_ARROW_DURATION_NS) {
        *unit = " ns without loss";
        v->us = *amount / 1000;
        return *amount % 1000 == 0;
    }
    int64_t factor = kind == FEAT_ARROW_DURATION_S ? 1000000 : kind == FEAT_ARROW_DURATION_MS ? 1000 : 1;
    *unit = kind == FEAT_ARROW_DURATION_S ? " s" : " ms";
    return !__builtin_mul_overflow(*amount, factor, &v->us);
}

static size_t width_of(const feat_arrow_source *source, feat_arrow_kind kind) {
    int precision, scale, bits;
    switch (kind) {
    case FEAT_ARROW_INT8:
    case FEAT_ARROW_UINT8: return 1;
    case FEAT_ARROW_INT16:
    case FEAT_ARROW_UINT16:
    case FEAT_ARROW_FLOAT16: return 2;
    case FEAT_ARROW_INT32:
    case FEAT_ARROW_UINT32:
    case FEAT_ARROW_FLOAT32:
    case FEAT_ARROW_MONTHS:
    case FEAT_ARROW_DATE32: return 4;
    case FEAT_ARROW_MONTH_DAY_NANO: return 16;
    case FEAT_ARROW_DECIMAL:
        return feat_arrow_decimal_of(source->schema->format, &precision, &scale, &bits) ? (size_t)bits / 8 : 16;
    default: return 8;
    }
}

static feat_status fill_intervals(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                                  const char *from, feat_column *out, feat_error *err) {
    feat_interval *to = (feat_interval *)out->values + out->length;
    size_t width = width_of(source, kind);
    for (size_t i = 0; i < s->n; i++) {
        int64_t amount = 0;
        const char *unit = "";
        if (!read_interval(kind, from + i * width, &to[i], &amount, &unit) && !feat_arrow_null_at(s, i))
            return does_not_fit(source, err, i, true, (uint64_t)amount, "INTERVAL in microseconds", unit);
    }
    return FEAT_OK;
}

/* ---- All of them. ---- */

static feat_status fill(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s,
                        const char *from, feat_column *out, feat_error *err) {
    switch (FEAT_TYPE_BASE(out->type)) {
    case FEAT_TYPE_BOOLEAN:
        feat_bits_copy(out->values, out->length, (const uint8_t *)from, s->start, s->n);
        return FEAT_OK;
    case FEAT_TYPE_REAL: return fill_reals(source, kind, s, from, out, err);
    case FEAT_TYPE_DOUBLE: return fill_doubles(source, kind, s, from, out, err);
    case FEAT_TYPE_DECIMAL: return fill_decimals(source, kind, s, from, out, err);
    case FEAT_TYPE_DATE: return fill_days(source, kind, s, from, out, err);
    case FEAT_TYPE_TIMESTAMP: return fill_times(source, kind, s, from, out, err);
    case FEAT_TYPE_INTERVAL: return fill_intervals(source, kind, s, from, out, err);
    default: return fill_integers(source, kind, s, from, out, err);
    }
}

/* Whether a column can show the values as they are. */
static bool can_lend(const feat_arrow_source *source, feat_arrow_kind kind, const feat_arrow_slice *s, const char *from,
                     const feat_column *out) {
    bool same = (kind == FEAT_ARROW_INT64 && out->type == FEAT_TYPE_BIGINT) ||
                (kind == FEAT_ARROW_MICROSECONDS && out->type == FEAT_TYPE_TIMESTAMP);
    return source->lent && same && !s->validity && out->length == 0 && (uintptr_t)from % sizeof(int64_t) == 0;
}

feat_status feat_arrow_convert_fixed(const feat_arrow_source *source, const feat_arrow_slice *s, feat_column *out,
                                     feat_error *err) {
    feat_arrow_kind kind = feat_arrow_kind_of(source->schema->format);
    const char *from = s->array->buffers[1];
    if (!from) return feat_arrow_malformed(source, err, "its values are missing");
    if (kind != FEAT_ARROW_BOOL) from += s->start * width_of(source, kind);
    if (can_lend(source, kind, s, from, out)) {
        feat_column_borrow(out, from, s->n);
        return FEAT_OK;
    }
    if (feat_column_reserve(out, s->n) != 0) return feat_fail_memory(err);
    FEAT_TRY(fill(source, kind, s, from, out, err));
    return feat_column_commit(out, s->n, s->validity, s->start) == 0 ? FEAT_OK : feat_fail_memory(err);
}
