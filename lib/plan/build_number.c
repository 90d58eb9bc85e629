/* Arithmetic of numbers: the result types of DuckDB, with BIGINT (and an error value when it overflows) where DuckDB
 * goes on to HUGEINT. */
#include "plan/build_parts.h"

static uint32_t both(feat_builder *b, const char *sql, feat_type type, uint32_t left, uint32_t right) {
    return feat_build_named(b, sql, type, (uint32_t[]){left, right}, 2);
}

static uint32_t needs_numbers(feat_builder *b, const char *sql, feat_type left, feat_type right) {
    return feat_build_refuse(b, "'%s' needs numbers, found %s and %s", sql, feat_build_type_name(left),
                             feat_build_type_name(right));
}

static uint32_t of_floats(feat_builder *b, const char *sql, feat_type type, uint32_t left, uint32_t right) {
    left = feat_build_convert(b, left, type);
    if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, type);
    /* Twice the digits of a REAL and more: rounding the DOUBLE once again gives what REAL arithmetic gives. */
    uint32_t result = both(b, sql, FEAT_TYPE_DOUBLE, left, right);
    return type == FEAT_TYPE_REAL ? feat_build_fit(b, result, type) : result;
}

static uint32_t of_decimals(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    feat_type x = feat_decimal_for(feat_build_type(b, left)), y = feat_decimal_for(feat_build_type(b, right)), type;
    int scale = FEAT_TYPE_SCALE(x) > FEAT_TYPE_SCALE(y) ? FEAT_TYPE_SCALE(x) : FEAT_TYPE_SCALE(y), precision, most = 38;
    if (sql[0] == '%') {
        type = feat_type_common(x, y);
        left = feat_build_convert(b, left, type);
        if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, type);
        return both(b, sql, type, left, right);
    }
    if (sql[0] == '*') {
        scale = FEAT_TYPE_SCALE(x) + FEAT_TYPE_SCALE(y);
        precision = FEAT_TYPE_PRECISION(x) + FEAT_TYPE_PRECISION(y);
        most = FEAT_TYPE_PRECISION(x) <= 18 && FEAT_TYPE_PRECISION(y) <= 18 && scale < 18 ? 18 : 38; /* as in DuckDB */
        if (scale > 38)
            return feat_build_refuse(b,
                                     "this product has %d digits behind the point, and a DECIMAL at most 38; CAST "
                                     "the factors to DECIMALs of smaller scale, or to DOUBLE",
                                     scale);
        left = feat_build_convert(b, left, x);
        if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, y);
    } else {
        int whole_x = FEAT_TYPE_PRECISION(x) - FEAT_TYPE_SCALE(x),
            whole_y = FEAT_TYPE_PRECISION(y) - FEAT_TYPE_SCALE(y);
        precision = (whole_x > whole_y ? whole_x : whole_y) + scale + 1;
        type = FEAT_TYPE_DECIMAL_OF(precision < 38 ? precision : 38, scale);
        left = feat_build_convert(b, left, type);
        if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, type);
    }
    type = FEAT_TYPE_DECIMAL_OF(precision < most ? precision : most, scale);
    uint32_t result = both(b, sql, type, left, right);
    return precision > most ? feat_build_fit(b, result, type) : result;
}

static uint32_t of_integers(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    feat_type x = feat_build_type(b, left), y = feat_build_type(b, right), type = feat_integer_common(x, y);
    if (x == FEAT_TYPE_UBIGINT || y == FEAT_TYPE_UBIGINT) {
        /* In 128 bits, where nothing overflows. */
        left = feat_build_convert(b, left, FEAT_TYPE_DECIMAL_OF(20, 0));
        if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, FEAT_TYPE_DECIMAL_OF(20, 0));
        uint32_t result = both(b, sql, FEAT_TYPE_DECIMAL_OF(38, 0), left, right);
        if (type == FEAT_TYPE_UBIGINT) return feat_build_fit(b, result, type);
        return feat_build_op1(b, FEAT_OP_CAST_WI, FEAT_TYPE_BIGINT, result);
    }
    if (type != x && type != y) type = FEAT_TYPE_BIGINT; /* signed and unsigned of one width */
    left = feat_build_convert(b, left, type);
    if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, type);
    if (type == FEAT_TYPE_BIGINT) return both(b, sql, type, left, right);
    return feat_build_fit(b, both(b, sql, FEAT_TYPE_BIGINT, left, right), type);
}

uint32_t feat_build_arithmetic(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    feat_type l = feat_build_type(b, left), r = feat_build_type(b, right);
    if (feat_is_time(l) || feat_is_time(r)) return feat_build_time_arithmetic(b, sql, left, right);
    if (l == FEAT_TYPE_UNKNOWN && r == FEAT_TYPE_UNKNOWN) {
        l = FEAT_TYPE_BIGINT;
        left = feat_build_null(b, l);
        if (left == FEAT_NO_NODE) return left;
    }
    /* Text constants beside numbers become numbers; anything else that is none is refused. */
    bool l_text = feat_build_is_literal(b, left, FEAT_TYPE_TEXT),
         r_text = feat_build_is_literal(b, right, FEAT_TYPE_TEXT);
    if ((!feat_is_number(l) && l != FEAT_TYPE_UNKNOWN && !l_text) ||
        (!feat_is_number(r) && r != FEAT_TYPE_UNKNOWN && !r_text) || (!feat_is_number(l) && !feat_is_number(r)))
        return needs_numbers(b, sql, l, r);
    if (l == FEAT_TYPE_UNKNOWN) left = feat_build_null(b, r);
    if (r == FEAT_TYPE_UNKNOWN) right = feat_build_null(b, l);
    if (left == FEAT_NO_NODE || right == FEAT_NO_NODE || !feat_build_adapt(b, &left, &right)) return FEAT_NO_NODE;
    l = feat_build_type(b, left);
    r = feat_build_type(b, right);
    if (l == FEAT_TYPE_DOUBLE || r == FEAT_TYPE_DOUBLE) return of_floats(b, sql, FEAT_TYPE_DOUBLE, left, right);
    if (l == FEAT_TYPE_REAL || r == FEAT_TYPE_REAL) return of_floats(b, sql, FEAT_TYPE_REAL, left, right);
    bool decimals = feat_is_decimal(l) || feat_is_decimal(r), whole_quotient = sql[0] == '/' && sql[1] == '/';
    if (sql[0] == '/' && (decimals || !whole_quotient)) return of_floats(b, sql, FEAT_TYPE_DOUBLE, left, right);
    return decimals ? of_decimals(b, sql, left, right) : of_integers(b, sql, left, right);
}

uint32_t feat_build_negate(feat_builder *b, uint32_t node) {
    const feat_node *from = feat_build_at(b, node);
    feat_type type = from->type;
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (type == FEAT_TYPE_INTERVAL) return feat_build_op1(b, FEAT_OP_NEG_V, type, node);
    if (!feat_is_number(type)) return feat_build_refuse(b, "'-' needs a number, found %s", feat_build_type_name(type));
    if (feat_build_is_literal(b, node, FEAT_TYPE_DOUBLE)) return feat_build_double(b, -from->constant.f);
    if (feat_build_is_literal(b, node, FEAT_TYPE_BIGINT) && from->constant.i != INT64_MIN)
        return feat_build_int(b, type, -from->constant.i);
    if (feat_is_integer(type) && type != FEAT_TYPE_BIGINT) {
        uint32_t negative = feat_build_named(
            b, "-", type == FEAT_TYPE_UBIGINT ? FEAT_TYPE_DECIMAL_OF(20, 0) : FEAT_TYPE_BIGINT, &node, 1);
        return feat_build_fit(b, negative, type);
    }
    return feat_build_named(b, "-", type, &node, 1);
}

/* ---- Bits. ---- */

/* Integers of up to 64 bits with a sign: their registers hold the same bits whatever their width. */
static bool to_bits(feat_builder *b, const char *sql, uint32_t *left, uint32_t *right, feat_type *type) {
    if (!feat_build_adapt(b, left, right)) return false;
    feat_type l = feat_build_type(b, *left), r = feat_build_type(b, *right);
    if (l == FEAT_TYPE_UNKNOWN) l = feat_is_integer(r) ? r : FEAT_TYPE_BIGINT;
    if (r == FEAT_TYPE_UNKNOWN) r = l;
    if (!feat_is_integer(l) || !feat_is_integer(r) || l == FEAT_TYPE_UBIGINT || r == FEAT_TYPE_UBIGINT) {
        feat_build_refuse(b, "'%s' is for integers (other than UBIGINT), found %s and %s", sql, feat_build_type_name(l),
                          feat_build_type_name(r));
        return false;
    }
    *type = feat_integer_common(l, r);
    if (*type != l && *type != r) *type = FEAT_TYPE_BIGINT;
    *left = feat_build_convert(b, *left, *type);
    if (*left != FEAT_NO_NODE) *right = feat_build_convert(b, *right, *type);
    return *left != FEAT_NO_NODE && *right != FEAT_NO_NODE;
}

uint32_t feat_build_bits(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    feat_type type;
    if (!to_bits(b, sql, &left, &right, &type)) return FEAT_NO_NODE;
    uint32_t result = both(b, sql, strcmp(sql, "<<") == 0 ? FEAT_TYPE_BIGINT : type, left, right);
    return strcmp(sql, "<<") == 0 ? feat_build_fit(b, feat_build_convert(b, result, FEAT_TYPE_BIGINT), type) : result;
}

uint32_t feat_build_bit_not(feat_builder *b, uint32_t node) {
    feat_type type = feat_build_type(b, node);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (!feat_is_integer(type) || type == FEAT_TYPE_UBIGINT)
        return feat_build_refuse(b, "'~' is for integers (other than UBIGINT), found %s", feat_build_type_name(type));
    int64_t mask = feat_integer_signed(type) ? -1 : (INT64_C(1) << feat_integer_bits(type)) - 1;
    uint32_t ones = feat_build_int(b, type, mask);
    return ones == FEAT_NO_NODE ? ones : both(b, "xor", type, node, ones);
}
