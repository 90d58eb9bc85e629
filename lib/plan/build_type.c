/* Types of numbers: ranges, and what two types have in common. */
#include "plan/build_parts.h"

int feat_integer_bits(feat_type type) {
    switch (type) {
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_UTINYINT: return 8;
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_USMALLINT: return 16;
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_UINTEGER: return 32;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_UBIGINT: return 64;
    default: return 0;
    }
}

bool feat_integer_signed(feat_type type) {
    return type == FEAT_TYPE_TINYINT || type == FEAT_TYPE_SMALLINT || type == FEAT_TYPE_INTEGER ||
           type == FEAT_TYPE_BIGINT;
}

bool feat_integer_holds(feat_type type, int64_t value) {
    int bits = feat_integer_bits(type);
    if (bits == 64) return value >= 0 || type == FEAT_TYPE_BIGINT;
    int64_t high = INT64_C(1) << (feat_integer_signed(type) ? bits - 1 : bits);
    return value < high && value >= (feat_integer_signed(type) ? -high : 0);
}

feat_type feat_decimal_for(feat_type type) {
    switch (feat_integer_bits(type)) {
    case 8: return FEAT_TYPE_DECIMAL_OF(3, 0);
    case 16: return FEAT_TYPE_DECIMAL_OF(5, 0);
    case 32: return FEAT_TYPE_DECIMAL_OF(10, 0);
    case 64: return type == FEAT_TYPE_BIGINT ? FEAT_TYPE_DECIMAL_OF(19, 0) : FEAT_TYPE_DECIMAL_OF(20, 0);
    default: return type;
    }
}

static feat_type integer_of(int bits, bool is_signed) {
    switch (bits) {
    case 8: return is_signed ? FEAT_TYPE_TINYINT : FEAT_TYPE_UTINYINT;
    case 16: return is_signed ? FEAT_TYPE_SMALLINT : FEAT_TYPE_USMALLINT;
    case 32: return is_signed ? FEAT_TYPE_INTEGER : FEAT_TYPE_UINTEGER;
    default: return is_signed ? FEAT_TYPE_BIGINT : FEAT_TYPE_UBIGINT;
    }
}

feat_type feat_integer_common(feat_type a, feat_type b) {
    int x = feat_integer_bits(a), y = feat_integer_bits(b), most = x > y ? x : y;
    if (feat_integer_signed(a) == feat_integer_signed(b)) return integer_of(most, feat_integer_signed(a));
    int with_sign = feat_integer_signed(a) ? x : y, without = feat_integer_signed(a) ? y : x;
    return integer_of(with_sign > without ? with_sign : without * 2, true);
}

/* As many digits before the point as either has, and as many behind it. */
static feat_type decimal_common(feat_type a, feat_type b) {
    int whole_a = FEAT_TYPE_PRECISION(a) - FEAT_TYPE_SCALE(a), whole_b = FEAT_TYPE_PRECISION(b) - FEAT_TYPE_SCALE(b);
    int scale = FEAT_TYPE_SCALE(a) > FEAT_TYPE_SCALE(b) ? FEAT_TYPE_SCALE(a) : FEAT_TYPE_SCALE(b);
    int precision = (whole_a > whole_b ? whole_a : whole_b) + scale;
    return FEAT_TYPE_DECIMAL_OF(precision < 38 ? precision : 38, scale);
}

feat_type feat_type_common(feat_type a, feat_type b) {
    if (a == b || b == FEAT_TYPE_UNKNOWN) return a;
    if (a == FEAT_TYPE_UNKNOWN) return b;
    if (feat_is_number(a) && feat_is_number(b)) {
        if (a == FEAT_TYPE_DOUBLE || b == FEAT_TYPE_DOUBLE) return FEAT_TYPE_DOUBLE;
        if (a == FEAT_TYPE_REAL || b == FEAT_TYPE_REAL) return FEAT_TYPE_REAL;
        if (feat_is_integer(a) && feat_is_integer(b)) return feat_integer_common(a, b);
        return decimal_common(feat_decimal_for(a), feat_decimal_for(b));
    }
    if ((a == FEAT_TYPE_DATE && b == FEAT_TYPE_TIMESTAMP) || (a == FEAT_TYPE_TIMESTAMP && b == FEAT_TYPE_DATE))
        return FEAT_TYPE_TIMESTAMP;
    if (feat_is_list(a) && feat_is_list(b)) return feat_list_common(a, b);
    return FEAT_TYPE_UNKNOWN;
}
