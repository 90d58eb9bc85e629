/* floor, ceil, round and trunc, the last two also to a number of digits. */
#include "plan/build_parts.h"

enum { FLOOR, CEIL, ROUND, TRUNC };

static bool to_number(feat_builder *b, const feat_function *function, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_BIGINT);
    else if (!feat_is_number(type)) {
        feat_build_refuse(b, "%s needs a number, found %s", function->name, feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

/* DECIMALs lose their scale. */
static uint32_t whole_decimal(feat_builder *b, const char *sql, feat_type type, uint32_t node) {
    int scale = FEAT_TYPE_SCALE(type);
    if (scale == 0) return node;
    /* A carry takes one digit more before the point, and there are `scale` free. */
    feat_type result = FEAT_TYPE_DECIMAL_OF(FEAT_TYPE_PRECISION(type), 0);
    uint32_t digits = feat_build_int(b, FEAT_TYPE_BIGINT, scale);
    return feat_build_named(b, sql, result, (uint32_t[]){node, digits}, 2);
}

/* What is dropped of a DECIMAL or UBIGINT of a scale, and what is put on again: 256 * digits + zeros. */
static uint32_t to_digits(feat_builder *b, int what, feat_type type, uint32_t node, int scale, int64_t digits) {
    int64_t zeros = digits < 0 ? -digits : 0, dropped = scale - digits;
    if (zeros > 38) zeros = 38;
    if (dropped > 39) dropped = 39;
    return feat_build_op_with(b, what == ROUND ? FEAT_OP_ROUND_TO_W : FEAT_OP_TRUNC_TO_W, type, node,
                              dropped * 256 + zeros);
}

static uint32_t decimal_to_digits(feat_builder *b, int what, feat_type type, uint32_t node, int64_t digits) {
    int scale = FEAT_TYPE_SCALE(type), precision = FEAT_TYPE_PRECISION(type), left = digits < 0 ? 0 : (int)digits;
    if (digits >= scale) return node;
    /* With no digit free behind the point a carry needs one more, while there is one. */
    bool tight = scale == 0 && what == ROUND && -digits <= precision;
    if (tight && precision < 38) precision++, tight = false;
    feat_type result = FEAT_TYPE_DECIMAL_OF(precision, left);
    uint32_t made = to_digits(b, what, result, node, scale, digits);
    return tight ? feat_build_fit(b, made, result) : made;
}

/* round(x, n) and trunc(x, n). Of DECIMALs the type depends on n. */
static uint32_t with_digits(feat_builder *b, const feat_function *function, uint32_t node, uint32_t n) {
    const int what = function->parameter;
    feat_type type = feat_build_type(b, node), of_n = feat_build_type(b, n);
    if (of_n == FEAT_TYPE_UNKNOWN) return feat_build_null(b, type);
    if (!feat_is_integer(of_n) || of_n == FEAT_TYPE_UBIGINT)
        return feat_build_refuse(b, "%s takes a number of digits, an integer, found %s", function->name,
                                 feat_build_type_name(of_n));
    bool constant = feat_build_is_constant(b, n);
    if (constant && feat_build_at(b, n)->is_null) return feat_build_null(b, type);
    int64_t digits = constant ? feat_build_at(b, n)->constant.i : 0;
    /* More than there are have no meaning, and no number is that long. */
    if (digits < -400) digits = -400;
    if (feat_is_decimal(type) || type == FEAT_TYPE_UBIGINT) {
        if (!constant)
            return feat_build_refuse(b, "%s of a %s takes a constant number of digits, on which its type depends",
                                     function->name, feat_build_type_name(type));
        if (feat_is_decimal(type)) return decimal_to_digits(b, what, type, node, digits < 38 ? digits : 38);
        return digits >= 0 ? node : feat_build_fit(b, to_digits(b, what, type, node, 0, digits), type);
    }
    n = feat_build_convert(b, n, FEAT_TYPE_BIGINT);
    if (feat_is_float(type)) {
        uint32_t made = feat_build_op2(b, what == ROUND ? FEAT_OP_ROUND_TO_F : FEAT_OP_TRUNC_TO_F, FEAT_TYPE_DOUBLE,
                                       feat_build_convert(b, node, FEAT_TYPE_DOUBLE), n);
        return feat_build_fit(b, made, type);
    }
    uint32_t whole = feat_build_convert(b, node, FEAT_TYPE_BIGINT);
    if (what == TRUNC) return feat_build_op2(b, FEAT_OP_TRUNC_I, type, whole, n);
    whole = feat_build_op2(b, FEAT_OP_ROUND_I, FEAT_TYPE_BIGINT, whole, n);
    return feat_integer_signed(type) ? feat_build_fit(b, whole, type) : whole;
}

/* As in DuckDB floor and ceil of an integer are DOUBLE, and the others the integer itself, or round() of one without a
 * sign a BIGINT. */
uint32_t feat_build_whole(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    static const char *const names[] = {"floor", "ceil", "round", "trunc"};
    const char *sql = names[function->parameter];
    if (!to_number(b, function, &args[0])) return FEAT_NO_NODE;
    if (n == 2) return with_digits(b, function, args[0], args[1]);
    feat_type type = feat_build_type(b, args[0]);
    bool rounds = function->parameter == ROUND || function->parameter == TRUNC;
    if (feat_is_integer(type) && !rounds) args[0] = feat_build_convert(b, args[0], type = FEAT_TYPE_DOUBLE);
    if (function->parameter == ROUND && feat_is_integer(type) && !feat_integer_signed(type) &&
        type != FEAT_TYPE_UBIGINT)
        return feat_build_convert(b, args[0], FEAT_TYPE_BIGINT);
    if (args[0] == FEAT_NO_NODE || feat_is_integer(type)) return args[0];
    if (feat_is_decimal(type)) return whole_decimal(b, sql, type, args[0]);
    return feat_build_named(b, sql, type, args, 1);
}
