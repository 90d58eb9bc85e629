/* Arithmetic of dates, timestamps and intervals, and the functions that take a part of a time. */
#include "base/calendar.h"
#include "plan/build_parts.h"

bool feat_is_time(feat_type type) {
    return type == FEAT_TYPE_DATE || type == FEAT_TYPE_TIMESTAMP || type == FEAT_TYPE_INTERVAL;
}

static uint32_t no_operation(feat_builder *b, const char *sql, feat_type l, feat_type r) {
    return feat_build_refuse(b, "there is no %s %s %s; a time takes an INTERVAL, as in + INTERVAL '1 day'",
                             feat_build_type_name(l), sql, feat_build_type_name(r));
}

/* A text or NULL beside a time: an interval where one is added, else what the other is. */
static uint32_t read_beside(feat_builder *b, const char *sql, uint32_t node, feat_type other) {
    feat_type type = feat_build_type(b, node);
    if (type != FEAT_TYPE_UNKNOWN && !feat_build_is_literal(b, node, FEAT_TYPE_TEXT)) return node;
    feat_type wanted = sql[0] == '+' && other != FEAT_TYPE_INTERVAL ? FEAT_TYPE_INTERVAL : other;
    if (sql[0] == '*' || (type == FEAT_TYPE_UNKNOWN && other == FEAT_TYPE_DATE)) wanted = FEAT_TYPE_BIGINT;
    return feat_build_convert(b, node, wanted);
}

uint32_t feat_build_time_arithmetic(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    left = read_beside(b, sql, left, feat_build_type(b, right));
    if (left != FEAT_NO_NODE) right = read_beside(b, sql, right, feat_build_type(b, left));
    if (left == FEAT_NO_NODE || right == FEAT_NO_NODE) return FEAT_NO_NODE;
    feat_type l = feat_build_type(b, left), r = feat_build_type(b, right);
    bool plus = strcmp(sql, "+") == 0, minus = strcmp(sql, "-") == 0;
    if (strcmp(sql, "*") == 0) {
        uint32_t times = l == FEAT_TYPE_INTERVAL ? right : left;
        feat_type number = l == FEAT_TYPE_INTERVAL ? r : l;
        if ((l != FEAT_TYPE_INTERVAL && r != FEAT_TYPE_INTERVAL) || !feat_is_integer(number))
            return feat_build_refuse(b, "an INTERVAL is multiplied with an integer, found %s * %s",
                                     feat_build_type_name(l), feat_build_type_name(r));
        return feat_build_op2(b, FEAT_OP_MUL_V, FEAT_TYPE_INTERVAL, l == FEAT_TYPE_INTERVAL ? left : right,
                              feat_build_convert(b, times, FEAT_TYPE_BIGINT));
    }
    if (!plus && !minus) return no_operation(b, sql, l, r);
    if (plus && (feat_is_integer(l) || l == FEAT_TYPE_INTERVAL) && r != FEAT_TYPE_INTERVAL) {
        uint32_t swap = left;
        left = right;
        right = swap;
        l = feat_build_type(b, left);
        r = feat_build_type(b, right);
    }
    if (l == FEAT_TYPE_INTERVAL && r == FEAT_TYPE_INTERVAL)
        return feat_build_op2(b, plus ? FEAT_OP_ADD_V : FEAT_OP_SUB_V, l, left, right);
    if ((l == FEAT_TYPE_DATE || l == FEAT_TYPE_TIMESTAMP) && r == FEAT_TYPE_INTERVAL)
        return feat_build_op2(b, plus ? FEAT_OP_ADD_TV : FEAT_OP_SUB_TV, FEAT_TYPE_TIMESTAMP,
                              feat_build_convert(b, left, FEAT_TYPE_TIMESTAMP), right);
    if (l == FEAT_TYPE_DATE && feat_is_integer(r)) {
        uint32_t days = feat_build_convert(b, right, FEAT_TYPE_BIGINT);
        return feat_build_fit(b, feat_build_op2(b, plus ? FEAT_OP_ADD_I : FEAT_OP_SUB_I, FEAT_TYPE_BIGINT, left, days),
                              l);
    }
    if (minus && l == FEAT_TYPE_DATE && r == FEAT_TYPE_DATE)
        return feat_build_op2(b, FEAT_OP_SUB_I, FEAT_TYPE_BIGINT, left, right);
    if (minus && l != FEAT_TYPE_INTERVAL && (r == FEAT_TYPE_DATE || r == FEAT_TYPE_TIMESTAMP) && feat_is_time(l)) {
        left = feat_build_convert(b, left, FEAT_TYPE_TIMESTAMP);
        return feat_build_op2(b, FEAT_OP_SUB_TT, FEAT_TYPE_INTERVAL, left,
                              feat_build_convert(b, right, FEAT_TYPE_TIMESTAMP));
    }
    return no_operation(b, sql, l, r);
}

/* ---- Parts. ---- */

bool feat_build_read_part(feat_builder *b, uint32_t node, int last, feat_part *part) {
    if (!feat_build_is_literal(b, node, FEAT_TYPE_TEXT)) {
        feat_build_refuse(b, "the part of a time is a word such as day, or a constant text");
        return false;
    }
    feat_text text = feat_build_at(b, node)->constant.t;
    *part = feat_part_find(text.data, text.length);
    if (*part != FEAT_PART_NONE && (int)*part <= last) return true;
    feat_build_refuse(b, "'%.*s' is no %s; there are year, quarter, month, week, day, hour, minute, second, ...",
                      (int)(text.length < 60 ? text.length : 60), text.data,
                      *part == FEAT_PART_NONE ? "part of a time" : "unit of time (it can be read with date_part)");
    return false;
}

uint32_t feat_build_to_time(feat_builder *b, uint32_t node, bool intervals) {
    feat_type type = feat_build_type(b, node);
    if (type == FEAT_TYPE_DATE || type == FEAT_TYPE_TIMESTAMP || (intervals && type == FEAT_TYPE_INTERVAL)) return node;
    if (type == FEAT_TYPE_UNKNOWN || feat_build_is_literal(b, node, FEAT_TYPE_TEXT))
        return feat_build_convert(b, node, FEAT_TYPE_TIMESTAMP);
    return feat_build_refuse(b, "expected a DATE or TIMESTAMP, found %s", feat_build_type_name(type));
}

static uint32_t part_of(feat_builder *b, feat_part part, uint32_t node) {
    node = feat_build_to_time(b, node, true);
    if (node == FEAT_NO_NODE) return node;
    feat_type type = feat_build_type(b, node);
    if (part == FEAT_PART_EPOCH) {
        if (type == FEAT_TYPE_INTERVAL) return feat_build_refuse(b, "an INTERVAL with months has no length in seconds");
        return feat_build_op1(b, FEAT_OP_EPOCH, FEAT_TYPE_DOUBLE, feat_build_convert(b, node, FEAT_TYPE_TIMESTAMP));
    }
    if (part == FEAT_PART_JULIAN && type != FEAT_TYPE_INTERVAL)
        return feat_build_op1(b, FEAT_OP_JULIAN, FEAT_TYPE_DOUBLE, feat_build_convert(b, node, FEAT_TYPE_TIMESTAMP));
    if (type == FEAT_TYPE_INTERVAL && part > FEAT_PART_MILLENNIUM)
        return feat_build_refuse(b, "an INTERVAL has no such part");
    return feat_build_op_with(b,
                              type == FEAT_TYPE_DATE        ? FEAT_OP_PART_OF_DAY
                              : type == FEAT_TYPE_TIMESTAMP ? FEAT_OP_PART_OF_TIME
                                                            : FEAT_OP_PART_OF_INTERVAL,
                              FEAT_TYPE_BIGINT, node, part);
}

uint32_t feat_build_date_part(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_part part;
    (void)function, (void)n;
    return feat_build_read_part(b, args[0], FEAT_PART_JULIAN, &part) ? part_of(b, part, args[1]) : FEAT_NO_NODE;
}

/* year(x) and its like: the part is the function's parameter. */
uint32_t feat_build_one_part(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    return part_of(b, (feat_part)function->parameter, args[0]);
}

uint32_t feat_build_date_trunc(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_part part;
    (void)function;
    if (!feat_build_read_part(b, args[0], FEAT_PART_MILLENNIUM, &part)) return FEAT_NO_NODE;
    uint32_t time = feat_build_to_time(b, args[1], false);
    if (n == 3) return feat_build_trunc_in_zone(b, part, time, args[2]);
    return feat_build_op_with(b, FEAT_OP_PART_FLOOR, FEAT_TYPE_TIMESTAMP,
                              feat_build_convert(b, time, FEAT_TYPE_TIMESTAMP), part);
}

uint32_t feat_build_date_diff(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_part part;
    (void)function, (void)n;
    if (!feat_build_read_part(b, args[0], FEAT_PART_MILLENNIUM, &part)) return FEAT_NO_NODE;
    uint32_t from = feat_build_to_time(b, args[1], false),
             to = from == FEAT_NO_NODE ? from : feat_build_to_time(b, args[2], false);
    from = feat_build_convert(b, from, FEAT_TYPE_TIMESTAMP);
    to = feat_build_convert(b, to, FEAT_TYPE_TIMESTAMP);
    uint32_t unit = feat_build_int(b, FEAT_TYPE_BIGINT, part);
    return feat_build_op(b, FEAT_OP_PART_BETWEEN, FEAT_TYPE_BIGINT, (uint32_t[]){from, to, unit}, 3);
}

/* n of a unit as an INTERVAL. */
static uint32_t units(feat_builder *b, feat_part part, uint32_t n) {
    feat_type type = feat_build_type(b, n);
    if (!feat_is_integer(type) && type != FEAT_TYPE_UNKNOWN)
        return feat_build_refuse(b, "the number of units is an integer, found %s", feat_build_type_name(type));
    return feat_build_op_with(b, FEAT_OP_PART_INTERVAL, FEAT_TYPE_INTERVAL, feat_build_convert(b, n, FEAT_TYPE_BIGINT),
                              part);
}

uint32_t feat_build_to_interval(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    return units(b, (feat_part)function->parameter, args[0]);
}

/* dateadd(part, n, x), and date_add(x, interval). A DATE and a unit of whole days give a DATE. */
uint32_t feat_build_date_add(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_part part;
    (void)function;
    if (n == 2) return feat_build_time_arithmetic(b, "+", args[0], args[1]);
    if (!feat_build_read_part(b, args[0], FEAT_PART_MILLENNIUM, &part)) return FEAT_NO_NODE;
    uint32_t time = feat_build_to_time(b, args[2], false);
    if (time == FEAT_NO_NODE) return time;
    feat_type type = feat_build_type(b, args[1]);
    if (!feat_is_integer(type) && type != FEAT_TYPE_UNKNOWN)
        return feat_build_refuse(b, "the number of units is an integer, found %s", feat_build_type_name(type));
    int32_t months = 0, days = 0;
    int64_t us = 0;
    feat_part_interval(1, part, &months, &days, &us);
    if (feat_build_type(b, time) != FEAT_TYPE_DATE || us != 0)
        return feat_build_time_arithmetic(b, "+", time, units(b, part, args[1]));
    uint32_t count = feat_build_convert(b, args[1], FEAT_TYPE_BIGINT);
    int64_t size = months ? months : days;
    if (size != 1)
        count = feat_build_op2(b, FEAT_OP_MUL_I, FEAT_TYPE_BIGINT, count, feat_build_int(b, FEAT_TYPE_BIGINT, size));
    uint32_t moved = months ? feat_build_op2(b, FEAT_OP_DAY_ADD_MONTHS, FEAT_TYPE_BIGINT, time, count)
                            : feat_build_op2(b, FEAT_OP_ADD_I, FEAT_TYPE_BIGINT, time, count);
    return feat_build_fit(b, moved, FEAT_TYPE_DATE);
}

uint32_t feat_build_last_day(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    uint32_t day = feat_build_convert(b, feat_build_to_time(b, args[0], false), FEAT_TYPE_DATE);
    return feat_build_op1(b, FEAT_OP_LAST_DAY, FEAT_TYPE_DATE, day);
}

uint32_t feat_build_make_date(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function;
    for (size_t i = 0; i < n; i++) {
        args[i] = feat_build_cast(b, args[i], FEAT_TYPE_BIGINT, false);
        if (args[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
    }
    return feat_build_op(b, FEAT_OP_MAKE_DATE, FEAT_TYPE_DATE, args, 3);
}
