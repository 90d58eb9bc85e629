/* Mathematical functions that are built of several operators. */
#include "plan/build_parts.h"

static uint32_t build_pi(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)args, (void)n;
    return feat_build_double(b, 0x1.921fb54442d18p+1);
}

static uint32_t unary(feat_builder *b, feat_op op, uint32_t x) { return feat_build_op1(b, op, FEAT_TYPE_DOUBLE, x); }
static uint32_t binary(feat_builder *b, feat_op op, uint32_t x, uint32_t y) {
    return feat_build_op2(b, op, FEAT_TYPE_DOUBLE, x, y);
}

/* sin^2(degrees / 2) */
static uint32_t half_chord(feat_builder *b, uint32_t degrees) {
    uint32_t half = binary(b, FEAT_OP_MUL_F, unary(b, FEAT_OP_RADIANS, degrees), feat_build_double(b, 0.5));
    uint32_t sine = unary(b, FEAT_OP_SIN, half);
    return binary(b, FEAT_OP_MUL_F, sine, sine);
}

/* 2 R asin(sqrt(sin^2((phi' - phi) / 2) + cos phi cos phi' sin^2((lambda' - lambda) / 2))), the haversine formula
 * (R. W. Sinnott, Virtues of the haversine, 1984), with the mean radius of the earth as the IUGG has it. Rounding may
 * carry the root above 1. */
static uint32_t build_haversine(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    for (size_t i = 0; i < n; i++) {
        feat_type type = feat_build_type(b, args[i]);
        if (type != FEAT_TYPE_UNKNOWN && !feat_is_number(type))
            return feat_build_refuse(b, "%s needs numbers, found %s", function->name, feat_build_type_name(type));
        args[i] = feat_build_convert(b, args[i], FEAT_TYPE_DOUBLE);
        if (args[i] == FEAT_NO_NODE) return args[i];
    }
    uint32_t cosine = unary(b, FEAT_OP_COS, unary(b, FEAT_OP_RADIANS, args[0]));
    uint32_t other = unary(b, FEAT_OP_COS, unary(b, FEAT_OP_RADIANS, args[2]));
    uint32_t along = half_chord(b, binary(b, FEAT_OP_SUB_F, args[2], args[0]));
    uint32_t across = half_chord(b, binary(b, FEAT_OP_SUB_F, args[3], args[1]));
    across = binary(b, FEAT_OP_MUL_F, binary(b, FEAT_OP_MUL_F, cosine, other), across);
    uint32_t root = unary(b, FEAT_OP_SQRT_F, binary(b, FEAT_OP_ADD_F, along, across));
    uint32_t bounded[] = {root, feat_build_double(b, 0.0), feat_build_double(b, 1.0)};
    uint32_t angle = unary(b, FEAT_OP_ASIN, feat_build_op(b, FEAT_OP_CLIP_F, FEAT_TYPE_DOUBLE, bounded, 3));
    return binary(b, FEAT_OP_MUL_F, angle, feat_build_double(b, 2 * 6371008.8));
}

const feat_function feat_math_functions[] = {
    {"pi", 0, 0, false, build_pi, 0},
    {"haversine", 4, 4, false, build_haversine, 0},
    {NULL, 0, 0, false, NULL, 0},
};
