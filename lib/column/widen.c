#include "column/widen.h"

#include <assert.h>
#include <string.h>

#include "math/exact.h" /* feat_int128 */

/* ---- Which types widen. ---- */

typedef struct integer_type {
    int bits;   /* 0: no integer */
    int digits; /* decimal digits of its largest value */
    bool is_signed;
} integer_type;

static integer_type integer_of(feat_type type) {
    switch (type) {
    case FEAT_TYPE_TINYINT: return (integer_type){8, 3, true};
    case FEAT_TYPE_SMALLINT: return (integer_type){16, 5, true};
    case FEAT_TYPE_INTEGER: return (integer_type){32, 10, true};
    case FEAT_TYPE_BIGINT: return (integer_type){64, 19, true};
    case FEAT_TYPE_UTINYINT: return (integer_type){8, 3, false};
    case FEAT_TYPE_USMALLINT: return (integer_type){16, 5, false};
    case FEAT_TYPE_UINTEGER: return (integer_type){32, 10, false};
    case FEAT_TYPE_UBIGINT: return (integer_type){64, 20, false};
    default: return (integer_type){0, 0, false};
    }
}

bool feat_type_widens(feat_type from, feat_type to) {
    integer_type a = integer_of(from), b = integer_of(to);
    if (a.bits && b.bits) return a.bits < b.bits && (a.is_signed == b.is_signed || b.is_signed);
    if (FEAT_TYPE_BASE(to) == FEAT_TYPE_DECIMAL) {
        int whole = FEAT_TYPE_PRECISION(to) - FEAT_TYPE_SCALE(to);
        if (a.bits) return whole >= a.digits;
        return FEAT_TYPE_BASE(from) == FEAT_TYPE_DECIMAL && from != to &&
               FEAT_TYPE_SCALE(to) >= FEAT_TYPE_SCALE(from) &&
               whole >= FEAT_TYPE_PRECISION(from) - FEAT_TYPE_SCALE(from);
    }
    return from == FEAT_TYPE_REAL && to == FEAT_TYPE_DOUBLE;
}

/* ---- Values. ---- */

/* Any integer, and what a DECIMAL holds unscaled. */
static feat_int128 read_integer(feat_type type, const void *values, size_t row) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TINYINT: return ((const int8_t *)values)[row];
    case FEAT_TYPE_SMALLINT: return ((const int16_t *)values)[row];
    case FEAT_TYPE_INTEGER: return ((const int32_t *)values)[row];
    case FEAT_TYPE_BIGINT: return ((const int64_t *)values)[row];
    case FEAT_TYPE_UTINYINT: return ((const uint8_t *)values)[row];
    case FEAT_TYPE_USMALLINT: return ((const uint16_t *)values)[row];
    case FEAT_TYPE_UINTEGER: return ((const uint32_t *)values)[row];
    case FEAT_TYPE_UBIGINT: return ((const uint64_t *)values)[row];
    default: {
        feat_int128 v;
        memcpy(&v, (const char *)values + row * sizeof v, sizeof v);
        return v;
    }
    }
}

static void write_integer(feat_type type, void *values, size_t row, feat_int128 v) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_SMALLINT: ((int16_t *)values)[row] = (int16_t)v; break;
    case FEAT_TYPE_INTEGER: ((int32_t *)values)[row] = (int32_t)v; break;
    case FEAT_TYPE_BIGINT: ((int64_t *)values)[row] = (int64_t)v; break;
    case FEAT_TYPE_USMALLINT: ((uint16_t *)values)[row] = (uint16_t)v; break;
    case FEAT_TYPE_UINTEGER: ((uint32_t *)values)[row] = (uint32_t)v; break;
    case FEAT_TYPE_UBIGINT: ((uint64_t *)values)[row] = (uint64_t)v; break;
    case FEAT_TYPE_DECIMAL: memcpy((char *)values + row * sizeof v, &v, sizeof v); break;
    default: assert(0 && "no type that another one widens to");
    }
}

static int scale_of(feat_type type) { return FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL ? FEAT_TYPE_SCALE(type) : 0; }

/* `rows` NULL: from `start` on. Room has been made. */
static void convert(feat_column *to, const feat_column *from, const uint32_t *rows, size_t start, size_t n) {
    if (to->type == FEAT_TYPE_DOUBLE) {
        double *out = (double *)to->values + to->length;
        for (size_t i = 0; i < n; i++) out[i] = (double)((const float *)from->values)[rows ? rows[i] : start + i];
        return;
    }
    feat_int128 factor = 1;
    for (int i = scale_of(from->type); i < scale_of(to->type); i++) factor *= 10;
    for (size_t i = 0; i < n; i++)
        write_integer(to->type, to->values, to->length + i,
                      read_integer(from->type, from->values, rows ? rows[i] : start + i) * factor);
}

/* Nulls are few or none: runs of values between them go at once. */
static int widen(feat_column *to, const feat_column *from, const uint32_t *rows, size_t start, size_t n) {
    size_t before = to->length;
    if (feat_column_reserve(to, n) != 0) return -1;
    for (size_t i = 0; i < n;) {
        bool null = feat_column_is_null(from, rows ? rows[i] : start + i);
        size_t end = i + 1;
        while (end < n && feat_column_is_null(from, rows ? rows[end] : start + end) == null) end++;
        int failed = 0;
        if (null) {
            failed = feat_column_append_nulls(to, end - i);
        } else {
            convert(to, from, rows ? rows + i : NULL, start + i, end - i);
            failed = feat_column_commit(to, end - i, NULL, 0);
        }
        if (failed) {
            feat_column_truncate(to, before);
            return -1;
        }
        i = end;
    }
    return 0;
}

int feat_column_widen_range(feat_column *to, const feat_column *from, size_t start, size_t n) {
    if (to->type == from->type) return feat_column_append_range(to, from, start, n);
    return widen(to, from, NULL, start, n);
}

int feat_column_widen_rows(feat_column *to, const feat_column *from, const uint32_t *rows, size_t n) {
    if (to->type == from->type) return feat_column_append_rows(to, from, rows, n);
    return widen(to, from, rows, 0, n);
}

/* ---- Constants. ---- */

static int append_one(feat_column *to, const feat_constant_value *value) {
    if (value->type == FEAT_TYPE_BOOLEAN) return feat_column_append_int(to, *(const uint8_t *)value->bytes != 0);
    size_t width = feat_type_size(value->type);
    if (feat_column_reserve(to, 1) != 0) return -1;
    if (width == 0) {
        if (feat_column_reserve_text(to, value->size) != 0) return -1;
        if (value->size) memcpy((char *)to->values + to->offsets[to->length], value->bytes, value->size);
        to->offsets[to->length + 1] = to->offsets[to->length] + (int64_t)value->size;
    } else {
        memcpy((char *)to->values + to->length * width, value->bytes, width);
    }
    return feat_column_commit(to, 1, NULL, 0);
}

int feat_column_append_value(feat_column *to, const feat_constant_value *value, size_t n) {
    if (n == 0) return 0;
    if (value->type == 0) return feat_column_append_nulls(to, n);
    feat_column one;
    size_t before = to->length;
    feat_column_init(&one, value->type);
    int failed = append_one(&one, value) || feat_column_widen_range(to, &one, 0, 1);
    feat_column_done(&one);
    /* What is there is doubled until it is enough. A source that is the column itself would move as it grows. */
    if (!failed) failed = feat_column_reserve(to, n - 1);
    if (!failed && to->offsets && value->size > 0) {
        size_t bytes;
        failed = __builtin_mul_overflow(value->size, n - 1, &bytes) || feat_column_reserve_text(to, bytes);
    }
    for (size_t made = 1; made < n && !failed;) {
        size_t part = made < n - made ? made : n - made;
        failed = feat_column_append_range(to, to, before, part);
        made += part;
    }
    if (failed) feat_column_truncate(to, before);
    return failed ? -1 : 0;
}
