/* Conversions: which there are, which happen unasked, and of what operators they consist. */
#include "base/calendar.h"
#include "base/clock.h"
#include "column/nested.h"
#include "math/decimal.h"
#include "plan/build_parts.h"
#include "text/print.h"

/* ---- Constants. ---- */

static uint32_t wide_constant(feat_builder *b, feat_type type, feat_int128 v) {
    return feat_build_add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.w = v});
}

static uint32_t not_a(feat_builder *b, uint32_t node, feat_type type) {
    feat_text text = feat_build_at(b, node)->constant.t;
    return feat_build_refuse(b, "'%.*s' is not a %s", (int)(text.length < 60 ? text.length : 60), text.data,
                             feat_build_type_name(type));
}

static bool fits_integer(feat_type type, feat_int128 v) {
    if (type == FEAT_TYPE_UBIGINT) return v >= 0 && v <= (feat_int128)UINT64_MAX;
    return v >= INT64_MIN && v <= INT64_MAX && feat_integer_holds(type, (int64_t)v);
}

static uint32_t integer_constant(feat_builder *b, feat_type type, feat_int128 v) {
    return type == FEAT_TYPE_UBIGINT ? wide_constant(b, type, v) : feat_build_int(b, type, (int64_t)v);
}

static uint32_t blob_constant(feat_builder *b, uint32_t node) {
    feat_node made = {.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_BLOB};
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    bool read = feat_read_blob(&scratch, feat_build_at(b, node)->constant.t, &made.constant.t);
    if (read) {
        made.constant.t.data = feat_arena_strndup(b->pool->arena, made.constant.t.data, made.constant.t.length);
        b->no_memory = b->no_memory || scratch.failed || !made.constant.t.data;
    }
    feat_scratch_done(&scratch);
    if (!read) return not_a(b, node, FEAT_TYPE_BLOB);
    return b->no_memory ? FEAT_NO_NODE : feat_build_add(b, &made);
}

/* A text constant where another type is needed is read as that type, as in SQL: '2024-01-01' beside a date is a date.
 */
static uint32_t read_constant(feat_builder *b, uint32_t node, feat_type type) {
    feat_text text = feat_build_at(b, node)->constant.t;
    int64_t i;
    int32_t days;
    double f;
    float real;
    bool truth;
    feat_int128 w;
    feat_interval p;
    if (feat_is_integer(type)) {
        bool read = feat_integer_of_text(text.data, text.length, &w) && fits_integer(type, w);
        return read ? integer_constant(b, type, w) : not_a(b, node, type);
    }
    if (feat_is_decimal(type)) {
        if (feat_decimal_parse(text.data, text.length, FEAT_TYPE_SCALE(type), &w) != FEAT_NUMBER_OK)
            return not_a(b, node, type);
        return feat_decimal_fits(w, FEAT_TYPE_PRECISION(type)) ? wide_constant(b, type, w) : not_a(b, node, type);
    }
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_TIMESTAMP:
        if (feat_read_timestamp(text.data, text.length, &i)) return feat_build_int(b, type, i);
        break;
    case FEAT_TYPE_DATE:
        if (feat_read_date(text.data, text.length, &days)) return feat_build_int(b, type, days);
        break;
    case FEAT_TYPE_REAL:
        if (feat_real_of_text(text.data, text.length, &real)) return feat_build_real(b, real);
        break;
    case FEAT_TYPE_DOUBLE:
        if (feat_double_of_text(text.data, text.length, &f)) return feat_build_double(b, f);
        break;
    case FEAT_TYPE_BOOLEAN:
        if (feat_boolean_of_text(text.data, text.length, &truth)) return feat_build_int(b, type, truth);
        break;
    case FEAT_TYPE_INTERVAL:
        if (feat_parse_interval_text(text.data, text.length, &p.months, &p.days, &p.us))
            return feat_build_interval(b, p);
        break;
    case FEAT_TYPE_BLOB: return blob_constant(b, node);
    default: return feat_build_refuse(b, "cannot convert a text constant to %s", feat_build_type_name(type));
    }
    return not_a(b, node, type);
}

/* A literal as a constant of another type of number when it is one; FEAT_NO_NODE, without a reason, when it is not. */
static uint32_t number_constant(feat_builder *b, uint32_t node, feat_type type) {
    const feat_node *from = feat_build_at(b, node);
    if (from->type == FEAT_TYPE_BIGINT) {
        int64_t v = from->constant.i;
        if (feat_is_integer(type)) return fits_integer(type, v) ? integer_constant(b, type, v) : FEAT_NO_NODE;
        if (type == FEAT_TYPE_DOUBLE) return feat_build_double(b, (double)v);
        if (type == FEAT_TYPE_REAL) return feat_build_real(b, (float)v);
        feat_int128 w;
        if (!feat_is_decimal(type) ||
            __builtin_mul_overflow((feat_int128)v, feat_decimal_power(FEAT_TYPE_SCALE(type)), &w) ||
            !feat_decimal_fits(w, FEAT_TYPE_PRECISION(type)))
            return FEAT_NO_NODE;
        return wide_constant(b, type, w);
    }
    if (from->type == FEAT_TYPE_DOUBLE && type == FEAT_TYPE_REAL) {
        double f = from->constant.f;
        return (double)(float)f - (double)(float)f == 0.0 || f - f != 0.0 ? feat_build_real(b, (float)f) : FEAT_NO_NODE;
    }
    return FEAT_NO_NODE;
}

/* ---- Numbers. ---- */

uint32_t feat_build_fit(feat_builder *b, uint32_t node, feat_type type) {
    static const struct {
        feat_type type;
        feat_op op;
    } fits[] = {
        {FEAT_TYPE_TINYINT, FEAT_OP_FIT_I8},    {FEAT_TYPE_SMALLINT, FEAT_OP_FIT_I16},
        {FEAT_TYPE_INTEGER, FEAT_OP_FIT_I32},   {FEAT_TYPE_UTINYINT, FEAT_OP_FIT_U8},
        {FEAT_TYPE_USMALLINT, FEAT_OP_FIT_U16}, {FEAT_TYPE_UINTEGER, FEAT_OP_FIT_U32},
        {FEAT_TYPE_UBIGINT, FEAT_OP_FIT_U64},   {FEAT_TYPE_REAL, FEAT_OP_ROUND_F32},
        {FEAT_TYPE_DATE, FEAT_OP_FIT_DATE},
    };
    if (node == FEAT_NO_NODE) return node;
    if (feat_is_decimal(type)) return feat_build_op_with(b, FEAT_OP_FIT_W, type, node, FEAT_TYPE_PRECISION(type));
    for (size_t i = 0; i < sizeof fits / sizeof *fits; i++)
        if (fits[i].type == type) return feat_build_op1(b, fits[i].op, type, node);
    return node;
}

/* Whether every value of one is one of the other, in the same register. */
static bool same_values(feat_type from, feat_type to) {
    if (feat_is_integer(from) && feat_is_integer(to)) {
        if (from == to) return true;
        if (from == FEAT_TYPE_UBIGINT || to == FEAT_TYPE_UBIGINT) return false;
        return feat_integer_common(from, to) == to;
    }
    return from == FEAT_TYPE_REAL && to == FEAT_TYPE_DOUBLE;
}

/* The same register under another type: such a step costs nothing, lowering drops it. */
static uint32_t retype(feat_builder *b, uint32_t node, feat_type type) {
    feat_op op = feat_class_of(type) == FEAT_CLASS_I   ? FEAT_OP_AS_I
                 : feat_class_of(type) == FEAT_CLASS_F ? FEAT_OP_AS_F
                                                       : FEAT_OP_AS_W;
    return feat_build_op1(b, op, type, node);
}

static uint32_t integer_to(feat_builder *b, uint32_t node, feat_type from, feat_type to) {
    bool wide = from == FEAT_TYPE_UBIGINT;
    if (same_values(from, to)) return retype(b, node, to);
    if (feat_is_integer(to)) {
        if (to == FEAT_TYPE_UBIGINT) {
            node = feat_build_op1(b, FEAT_OP_CAST_IW, FEAT_TYPE_DECIMAL_OF(19, 0), node);
            return feat_integer_signed(from) ? feat_build_fit(b, node, to) : retype(b, node, to);
        }
        if (wide) node = feat_build_op1(b, FEAT_OP_CAST_WI, FEAT_TYPE_BIGINT, node);
        return feat_build_fit(b, node, to);
    }
    if (to == FEAT_TYPE_DOUBLE)
        return wide ? feat_build_op_with(b, FEAT_OP_CAST_WF, to, node, 0)
                    : feat_build_op1(b, FEAT_OP_CAST_IF, to, node);
    if (to == FEAT_TYPE_REAL) {
        return wide ? feat_build_op_with(b, FEAT_OP_CAST_WF32, to, node, 0)
                    : feat_build_op1(b, FEAT_OP_CAST_IF32, to, node);
    }
    if (to == FEAT_TYPE_BOOLEAN) return feat_build_op1(b, wide ? FEAT_OP_CAST_WB : FEAT_OP_CAST_IB, to, node);
    if (!feat_is_decimal(to)) return FEAT_NO_NODE;
    feat_type whole = feat_decimal_for(from);
    node = wide ? retype(b, node, whole) : feat_build_op1(b, FEAT_OP_CAST_IW, whole, node);
    return node == FEAT_NO_NODE ? node : feat_build_convert(b, node, to);
}

static uint32_t decimal_to(feat_builder *b, uint32_t node, feat_type from, feat_type to) {
    int scale = FEAT_TYPE_SCALE(from), whole = FEAT_TYPE_PRECISION(from) - scale;
    if (feat_is_decimal(to)) {
        int more = FEAT_TYPE_SCALE(to) - scale;
        if (more > 0) node = feat_build_op_with(b, FEAT_OP_SCALE_UP, to, node, more);
        if (more < 0) node = feat_build_op_with(b, FEAT_OP_SCALE_DOWN, to, node, -more);
        /* Rounding may carry into one digit more. */
        bool checked = FEAT_TYPE_PRECISION(to) - FEAT_TYPE_SCALE(to) < whole + (more < 0);
        if (checked) return feat_build_fit(b, node, to);
        return more != 0 ? node : retype(b, node, to);
    }
    if (feat_is_float(to))
        return feat_build_op_with(b, to == FEAT_TYPE_REAL ? FEAT_OP_CAST_WF32 : FEAT_OP_CAST_WF, to, node, scale);
    if (to == FEAT_TYPE_BOOLEAN) return feat_build_op1(b, FEAT_OP_CAST_WB, to, node);
    if (!feat_is_integer(to)) return FEAT_NO_NODE;
    if (scale > 0) node = feat_build_op_with(b, FEAT_OP_SCALE_DOWN, FEAT_TYPE_DECIMAL_OF(38, 0), node, scale);
    if (to == FEAT_TYPE_UBIGINT) return feat_build_fit(b, node, to);
    return feat_build_fit(b, feat_build_op1(b, FEAT_OP_CAST_WI, FEAT_TYPE_BIGINT, node), to);
}

static uint32_t float_to(feat_builder *b, uint32_t node, feat_type to) {
    if (to == FEAT_TYPE_DOUBLE) return retype(b, node, to);
    if (to == FEAT_TYPE_REAL) return feat_build_op1(b, FEAT_OP_CAST_F32, to, node);
    if (to == FEAT_TYPE_BOOLEAN) return feat_build_op1(b, FEAT_OP_CAST_FB, to, node);
    if (to == FEAT_TYPE_UBIGINT) return feat_build_op1(b, FEAT_OP_CAST_FU64, to, node);
    if (feat_is_integer(to)) return feat_build_fit(b, feat_build_op1(b, FEAT_OP_CAST_FI, FEAT_TYPE_BIGINT, node), to);
    if (feat_is_decimal(to))
        return feat_build_op_with(b, FEAT_OP_CAST_FW, to, node, FEAT_TYPE_PRECISION(to) * 256 + FEAT_TYPE_SCALE(to));
    return FEAT_NO_NODE;
}

/* ---- Everything else. ---- */

static uint32_t text_to(feat_builder *b, uint32_t node, feat_type to) {
    if (to == FEAT_TYPE_UBIGINT) return feat_build_op1(b, FEAT_OP_READ_U64, to, node);
    if (feat_is_integer(to)) return feat_build_fit(b, feat_build_op1(b, FEAT_OP_READ_I, FEAT_TYPE_BIGINT, node), to);
    switch (FEAT_TYPE_BASE(to)) {
    case FEAT_TYPE_DECIMAL:
        return feat_build_fit(b, feat_build_op_with(b, FEAT_OP_READ_W, to, node, FEAT_TYPE_SCALE(to)), to);
    case FEAT_TYPE_DOUBLE: return feat_build_op1(b, FEAT_OP_READ_F, to, node);
    case FEAT_TYPE_REAL: return feat_build_op1(b, FEAT_OP_READ_F32, to, node);
    case FEAT_TYPE_BLOB: return feat_build_op1(b, FEAT_OP_READ_BLOB, to, node);
    case FEAT_TYPE_BOOLEAN: return feat_build_op1(b, FEAT_OP_READ_B, to, node);
    case FEAT_TYPE_DATE: return feat_build_op1(b, FEAT_OP_READ_DATE, to, node);
    case FEAT_TYPE_TIMESTAMP: return feat_build_op1(b, FEAT_OP_READ_TIMESTAMP, to, node);
    case FEAT_TYPE_INTERVAL: return feat_build_op1(b, FEAT_OP_READ_V, to, node);
    default: return FEAT_NO_NODE;
    }
}

/* As its type prints; FEAT_NO_NODE without a reason when it does not. */
static uint32_t printed(feat_builder *b, uint32_t node, feat_type from) {
    const feat_type text = FEAT_TYPE_TEXT;
    if (from == FEAT_TYPE_UBIGINT) return feat_build_op_with(b, FEAT_OP_PRINT_W, text, node, 20 * 256);
    if (feat_is_integer(from)) return feat_build_op1(b, FEAT_OP_PRINT_I, text, node);
    switch (FEAT_TYPE_BASE(from)) {
    case FEAT_TYPE_BOOLEAN: return feat_build_op1(b, FEAT_OP_PRINT_B, text, node);
    case FEAT_TYPE_DECIMAL:
        return feat_build_op_with(b, FEAT_OP_PRINT_W, text, node,
                                  FEAT_TYPE_PRECISION(from) * 256 + FEAT_TYPE_SCALE(from));
    case FEAT_TYPE_DOUBLE: return feat_build_op1(b, FEAT_OP_PRINT_F, text, node);
    case FEAT_TYPE_REAL: return feat_build_op1(b, FEAT_OP_PRINT_F32, text, node);
    case FEAT_TYPE_DATE: return feat_build_op1(b, FEAT_OP_PRINT_DATE, text, node);
    case FEAT_TYPE_TIMESTAMP: return feat_build_op1(b, FEAT_OP_PRINT_TIMESTAMP, text, node);
    case FEAT_TYPE_INTERVAL: return feat_build_op1(b, FEAT_OP_PRINT_V, text, node);
    case FEAT_TYPE_BLOB: return feat_build_op1(b, FEAT_OP_PRINT_BLOB, text, node);
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return feat_build_op_with(b, FEAT_OP_PRINT_LIST, text, node, (int64_t)from);
    default: return FEAT_NO_NODE;
    }
}

static uint32_t converted(feat_builder *b, uint32_t node, feat_type from, feat_type to) {
    if (to == FEAT_TYPE_TEXT) return printed(b, node, from);
    if (feat_is_integer(from)) return integer_to(b, node, from, to);
    if (feat_is_decimal(from)) return decimal_to(b, node, from, to);
    if (feat_is_float(from)) return float_to(b, node, to);
    if (from == FEAT_TYPE_TEXT) return text_to(b, node, to);
    if (from == FEAT_TYPE_DATE && to == FEAT_TYPE_TIMESTAMP)
        return feat_build_op1(b, FEAT_OP_DATE_TO_TIMESTAMP, to, node);
    if (from == FEAT_TYPE_TIMESTAMP && to == FEAT_TYPE_DATE)
        return feat_build_op1(b, FEAT_OP_TIMESTAMP_TO_DATE, to, node);
    if (from == FEAT_TYPE_BOOLEAN && feat_is_number(to)) {
        uint32_t number = feat_build_op1(b, FEAT_OP_CAST_BI, FEAT_TYPE_BIGINT, node);
        return number == FEAT_NO_NODE ? number : feat_build_convert(b, number, to);
    }
    return FEAT_NO_NODE;
}

uint32_t feat_build_convert(feat_builder *b, uint32_t node, feat_type type) {
    if (node == FEAT_NO_NODE) return node;
    const feat_node *from = feat_build_at(b, node);
    feat_type before = from->type;
    if (before == type) return node;
    if (before == FEAT_TYPE_UNKNOWN || (from->kind == FEAT_NODE_CONST && from->is_null))
        return feat_build_null(b, type);
    if (from->kind == FEAT_NODE_CONST) {
        if (before == FEAT_TYPE_TEXT) return read_constant(b, node, type);
        uint32_t made = number_constant(b, node, type);
        if (made != FEAT_NO_NODE) return made;
    }
    if (feat_is_list(before) && type != FEAT_TYPE_TEXT) return feat_build_list_convert(b, node, type);
    b->reason[0] = 0;
    uint32_t made = converted(b, node, before, type);
    if (made != FEAT_NO_NODE || b->reason[0] != 0 || b->no_memory) return made;
    return feat_build_refuse(b, "cannot convert %s to %s", feat_build_type_name(before), feat_build_type_name(type));
}

/* What SQL converts unasked loses nothing (or only digits, from a number to a floating one). */
static bool unasked(feat_type from, feat_type to) {
    if (feat_is_integer(from) && feat_is_integer(to)) {
        if (from == FEAT_TYPE_UBIGINT || (to == FEAT_TYPE_UBIGINT && feat_integer_signed(from))) return false;
        return to == FEAT_TYPE_UBIGINT || feat_integer_common(from, to) == to;
    }
    if (feat_is_integer(from)) return feat_is_decimal(to) || feat_is_float(to);
    if (feat_is_decimal(from)) return feat_is_decimal(to) || feat_is_float(to);
    if (feat_is_list(from) && feat_is_list(to)) return feat_list_common(from, to) == to;
    return (from == FEAT_TYPE_REAL && to == FEAT_TYPE_DOUBLE) || (from == FEAT_TYPE_DATE && to == FEAT_TYPE_TIMESTAMP);
}

uint32_t feat_build_cast(feat_builder *b, uint32_t node, feat_type type, bool asked) {
    if (node == FEAT_NO_NODE) return node;
    const feat_node *from = feat_build_at(b, node);
    if (from->type == type || from->type == FEAT_TYPE_UNKNOWN || asked) return feat_build_convert(b, node, type);
    bool constant = from->kind == FEAT_NODE_CONST;
    if (constant && from->type == FEAT_TYPE_TEXT && !from->is_null) return feat_build_convert(b, node, type);
    if (constant && !from->is_null) {
        uint32_t made = number_constant(b, node, type);
        if (made != FEAT_NO_NODE) return made;
    }
    if (constant && !from->is_null && feat_is_list(from->type) && feat_is_list(type)) {
        uint32_t adapted_list = feat_build_list_adapt(b, node, type);
        if (adapted_list == FEAT_NO_NODE) return adapted_list;
        node = adapted_list;
        from = feat_build_at(b, node);
        bool element = feat_nested_element(from->type) == feat_nested_element(type);
        if (element) return feat_build_convert(b, node, type);
    }
    if (unasked(from->type, type)) return feat_build_convert(b, node, type);
    return feat_build_refuse(b, "cannot convert %s to %s", feat_build_type_name(from->type),
                             feat_build_type_name(type));
}

uint32_t feat_build_try_cast(feat_builder *b, uint32_t node, feat_type type) {
    if (feat_build_is_literal(b, node, FEAT_TYPE_TEXT)) {
        uint32_t read = read_constant(b, node, type);
        return read == FEAT_NO_NODE && b->reason[0] ? feat_build_null(b, type) : read;
    }
    feat_type before = feat_build_type(b, node);
    uint32_t cast = feat_build_convert(b, node, type);
    /* Everything can be printed. */
    if (cast == FEAT_NO_NODE || feat_build_is_constant(b, cast) || before == type || type == FEAT_TYPE_TEXT)
        return cast;
    uint32_t is_null = feat_build_is_null(b, node);
    if (is_null == FEAT_NO_NODE) return is_null;
    return feat_build_named(b, "try", type, (uint32_t[]){cast, is_null}, 2);
}

/* ---- Literals. ---- */

/* An integer literal beside `other`: its type when it holds it, else the smallest of INTEGER and BIGINT. */
static uint32_t adapt_integer(feat_builder *b, uint32_t node, feat_type other) {
    int64_t v = feat_build_at(b, node)->constant.i;
    if (feat_is_integer(other) && feat_integer_holds(other, v)) return number_constant(b, node, other);
    bool narrow = feat_is_decimal(other) || (feat_is_integer(other) && feat_integer_bits(other) < 64);
    return narrow && feat_integer_holds(FEAT_TYPE_INTEGER, v) ? feat_build_int(b, FEAT_TYPE_INTEGER, v) : node;
}

static uint32_t adapt_decimal(feat_builder *b, uint32_t node, feat_type other) {
    double v = feat_build_at(b, node)->constant.f;
    feat_int128 w;
    int precision, scale;
    if (other == FEAT_TYPE_REAL) {
        uint32_t real = number_constant(b, node, other);
        return real == FEAT_NO_NODE ? node : real;
    }
    if (!feat_is_decimal(other) || !feat_decimal_literal(v, &w, &precision, &scale)) return node;
    return wide_constant(b, FEAT_TYPE_DECIMAL_OF(precision, scale), w);
}

static uint32_t adapted(feat_builder *b, uint32_t node, uint32_t other) {
    feat_type type = feat_build_type(b, other);
    if (type == feat_build_type(b, node) || type == FEAT_TYPE_UNKNOWN) return node;
    if (feat_build_is_literal(b, node, FEAT_TYPE_BIGINT)) return adapt_integer(b, node, type);
    if (feat_build_is_literal(b, node, FEAT_TYPE_DOUBLE)) return adapt_decimal(b, node, type);
    if (feat_build_is_literal(b, node, FEAT_TYPE_TEXT)) return read_constant(b, node, type);
    bool list = feat_is_list(type) && feat_is_list(feat_build_type(b, node));
    if (list && feat_build_is_constant(b, node) && !feat_build_at(b, node)->is_null && !feat_is_untyped_list(b, other))
        return feat_build_list_adapt(b, node, type);
    return node;
}

bool feat_build_adapt(feat_builder *b, uint32_t *left, uint32_t *right) {
    uint32_t l = *left, r = *right;
    /* Of two constants the written one adapts to the one of a type; of two written ones neither, but a text. */
    bool plain_l = feat_build_is_literal(b, l, FEAT_TYPE_BIGINT) || feat_build_is_literal(b, l, FEAT_TYPE_DOUBLE),
         plain_r = feat_build_is_literal(b, r, FEAT_TYPE_BIGINT) || feat_build_is_literal(b, r, FEAT_TYPE_DOUBLE);
    if (!(plain_l && plain_r)) {
        l = adapted(b, *left, *right);
        r = l == *left ? adapted(b, *right, *left) : *right;
    }
    if (l == FEAT_NO_NODE || r == FEAT_NO_NODE) return false;
    *left = l;
    *right = r;
    return true;
}
