/* The functions: a table of names, and how each is built of operators. */
#include <stdio.h>
#include <strings.h>

#include "base/calendar.h"
#include "plan/build_parts.h"

static uint32_t build_coalesce(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function;
    if (!feat_build_unify_all(b, args, n)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    uint32_t value = args[n - 1];
    for (size_t i = n - 1; i-- > 0;) value = feat_build_named(b, "coalesce", type, (uint32_t[]){args[i], value}, 2);
    return value;
}

/* The type is that of the first argument, whatever the two are compared as. */
static uint32_t build_nullif(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    uint32_t left = args[0], right = args[1];
    if (!feat_build_unify(b, &left, &right)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, left);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    bool bytes = type == feat_build_type(b, args[0]) && !feat_is_list(type); /* equal values are equal registers */
    if (bytes) return feat_build_named(b, "nullif", type, (uint32_t[]){left, right}, 2);
    uint32_t equal = feat_build_binary(b, "=", args[0], args[1]);
    if (equal == FEAT_NO_NODE) return equal;
    uint32_t null = feat_build_null(b, feat_build_type(b, args[0]));
    return feat_build_case(b, &equal, &null, 1, args[0]);
}

static uint32_t build_extreme(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    if (!feat_build_unify_all(b, args, n)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (feat_is_list(type))
        return feat_build_refuse(b, "%s has no meaning for lists; choose among elements", function->name);
    uint32_t value = args[0];
    for (size_t i = 1; i < n; i++) value = feat_build_named(b, function->name, type, (uint32_t[]){value, args[i]}, 2);
    return value;
}

static uint32_t build_if(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    return feat_build_case(b, &args[0], &args[1], 1, args[2]);
}

static bool to_number(feat_builder *b, const feat_function *function, uint32_t *node) {
    feat_type type = feat_build_type(b, *node);
    if (type == FEAT_TYPE_UNKNOWN) *node = feat_build_null(b, FEAT_TYPE_BIGINT);
    else if (!feat_is_number(type)) {
        feat_build_refuse(b, "%s needs a number, found %s", function->name, feat_build_type_name(type));
        return false;
    }
    return *node != FEAT_NO_NODE;
}

static uint32_t build_abs(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (!to_number(b, function, &args[0])) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    if (feat_is_integer(type) && !feat_integer_signed(type)) return args[0];
    if (!feat_is_integer(type) || type == FEAT_TYPE_BIGINT) return feat_build_named(b, "abs", type, args, 1);
    return feat_build_fit(b, feat_build_named(b, "abs", FEAT_TYPE_BIGINT, args, 1), type);
}

static uint32_t build_sign(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (!to_number(b, function, &args[0])) return FEAT_NO_NODE;
    return feat_build_named(b, "sign", FEAT_TYPE_TINYINT, args, 1);
}

static uint32_t build_sqrt(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (!to_number(b, function, &args[0])) return FEAT_NO_NODE;
    return feat_build_op1(b, FEAT_OP_SQRT_F, FEAT_TYPE_DOUBLE, feat_build_convert(b, args[0], FEAT_TYPE_DOUBLE));
}

static uint32_t build_xor(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    return feat_build_bits(b, "xor", args[0], args[1]);
}

#define ANY_NUMBER ((size_t)-1)

static const feat_function functions[] = {
    {"coalesce", 1, ANY_NUMBER, false, build_coalesce, 0},
    {"ifnull", 2, 2, false, build_coalesce, 0},
    {"nullif", 2, 2, false, build_nullif, 0},
    {"if", 3, 3, false, build_if, 0},
    {"greatest", 1, ANY_NUMBER, false, build_extreme, 0},
    {"least", 1, ANY_NUMBER, false, build_extreme, 0},
    {"abs", 1, 1, false, build_abs, 0},
    {"sign", 1, 1, false, build_sign, 0},
    {"floor", 1, 1, false, feat_build_whole, 0},
    {"ceil", 1, 1, false, feat_build_whole, 1},
    {"ceiling", 1, 1, false, feat_build_whole, 1},
    {"round", 1, 2, false, feat_build_whole, 2},
    {"trunc", 1, 2, false, feat_build_whole, 3},
    {"sqrt", 1, 1, false, build_sqrt, 0},
    {"xor", 2, 2, false, build_xor, 0},
    {"date_part", 2, 2, true, feat_build_date_part, 0},
    {"datepart", 2, 2, true, feat_build_date_part, 0},
    {"date_trunc", 2, 3, true, feat_build_date_trunc, 0},
    {"datetrunc", 2, 3, true, feat_build_date_trunc, 0},
    {"date_diff", 3, 3, true, feat_build_date_diff, 0},
    {"datediff", 3, 3, true, feat_build_date_diff, 0},
    {"date_add", 2, 3, true, feat_build_date_add, 0},
    {"dateadd", 2, 3, true, feat_build_date_add, 0},
    {"last_day", 1, 1, false, feat_build_last_day, 0},
    {"make_date", 3, 3, false, feat_build_make_date, 0},
    {"microsecond", 1, 1, false, feat_build_one_part, FEAT_PART_MICROSECOND},
    {"millisecond", 1, 1, false, feat_build_one_part, FEAT_PART_MILLISECOND},
    {"second", 1, 1, false, feat_build_one_part, FEAT_PART_SECOND},
    {"minute", 1, 1, false, feat_build_one_part, FEAT_PART_MINUTE},
    {"hour", 1, 1, false, feat_build_one_part, FEAT_PART_HOUR},
    {"day", 1, 1, false, feat_build_one_part, FEAT_PART_DAY},
    {"dayofmonth", 1, 1, false, feat_build_one_part, FEAT_PART_DAY},
    {"week", 1, 1, false, feat_build_one_part, FEAT_PART_WEEK},
    {"weekofyear", 1, 1, false, feat_build_one_part, FEAT_PART_WEEK},
    {"month", 1, 1, false, feat_build_one_part, FEAT_PART_MONTH},
    {"quarter", 1, 1, false, feat_build_one_part, FEAT_PART_QUARTER},
    {"year", 1, 1, false, feat_build_one_part, FEAT_PART_YEAR},
    {"decade", 1, 1, false, feat_build_one_part, FEAT_PART_DECADE},
    {"century", 1, 1, false, feat_build_one_part, FEAT_PART_CENTURY},
    {"millennium", 1, 1, false, feat_build_one_part, FEAT_PART_MILLENNIUM},
    {"dow", 1, 1, false, feat_build_one_part, FEAT_PART_DOW},
    {"dayofweek", 1, 1, false, feat_build_one_part, FEAT_PART_DOW},
    {"weekday", 1, 1, false, feat_build_one_part, FEAT_PART_DOW},
    {"isodow", 1, 1, false, feat_build_one_part, FEAT_PART_ISODOW},
    {"doy", 1, 1, false, feat_build_one_part, FEAT_PART_DOY},
    {"dayofyear", 1, 1, false, feat_build_one_part, FEAT_PART_DOY},
    {"isoyear", 1, 1, false, feat_build_one_part, FEAT_PART_ISOYEAR},
    {"yearweek", 1, 1, false, feat_build_one_part, FEAT_PART_YEARWEEK},
    {"epoch", 1, 1, false, feat_build_one_part, FEAT_PART_EPOCH},
    {"era", 1, 1, false, feat_build_one_part, FEAT_PART_ERA},
    {"julian", 1, 1, false, feat_build_one_part, FEAT_PART_JULIAN},
    {"to_microseconds", 1, 1, false, feat_build_to_interval, FEAT_PART_MICROSECOND},
    {"to_milliseconds", 1, 1, false, feat_build_to_interval, FEAT_PART_MILLISECOND},
    {"to_seconds", 1, 1, false, feat_build_to_interval, FEAT_PART_SECOND},
    {"to_minutes", 1, 1, false, feat_build_to_interval, FEAT_PART_MINUTE},
    {"to_hours", 1, 1, false, feat_build_to_interval, FEAT_PART_HOUR},
    {"to_days", 1, 1, false, feat_build_to_interval, FEAT_PART_DAY},
    {"to_weeks", 1, 1, false, feat_build_to_interval, FEAT_PART_WEEK},
    {"to_months", 1, 1, false, feat_build_to_interval, FEAT_PART_MONTH},
    {"to_quarters", 1, 1, false, feat_build_to_interval, FEAT_PART_QUARTER},
    {"to_years", 1, 1, false, feat_build_to_interval, FEAT_PART_YEAR},
    {"to_decades", 1, 1, false, feat_build_to_interval, FEAT_PART_DECADE},
    {"to_centuries", 1, 1, false, feat_build_to_interval, FEAT_PART_CENTURY},
    {"to_millennia", 1, 1, false, feat_build_to_interval, FEAT_PART_MILLENNIUM},
    {NULL, 0, 0, false, NULL, 0},
};

/* Other names of functions. */
static const struct {
    const char *alias, *name;
} aliases[] = {
    {"power", "pow"},           {"len", "length"},
    {"char_length", "length"},  {"character_length", "length"},
    {"strlen", "octet_length"}, {"lcase", "lower"},
    {"ucase", "upper"},         {"substr", "substring"},
    {"position", "strpos"},     {"instr", "strpos"},
    {"prefix", "starts_with"},  {"suffix", "ends_with"},
    {"ord", "unicode"},         {"editdist3", "levenshtein"},
    {"mismatches", "hamming"},  {"to_hex", "hex"},
    {"from_hex", "unhex"},
};
enum { N_ALIASES = sizeof aliases / sizeof *aliases };

static const feat_function *const tables[] = {functions,           feat_json_functions,  feat_list_functions,
                                              feat_math_functions, feat_regex_functions, feat_text_functions,
                                              feat_zone_functions};
enum { N_TABLES = sizeof tables / sizeof *tables };

static const char *name_of(const char *name) {
    for (size_t i = 0; i < N_ALIASES; i++)
        if (strcasecmp(aliases[i].alias, name) == 0) return aliases[i].name;
    return name;
}

const feat_function *feat_function_find(const char *name) {
    name = name_of(name);
    for (size_t t = 0; t < N_TABLES; t++)
        for (const feat_function *f = tables[t]; f->name; f++)
            if (strcasecmp(f->name, name) == 0) return f;
    return NULL;
}

static bool is_called(int op, const char *name) {
    return feat_op_table[op].callable && strcasecmp(feat_op_table[op].sql, name) == 0;
}

bool feat_function_exists(const char *name) {
    if (feat_function_find(name)) return true;
    name = name_of(name);
    for (int op = 0; op < FEAT_OP_COUNT; op++)
        if (is_called(op, name)) return true;
    return false;
}

static const char *nth_name(size_t i, size_t *count) {
    size_t n = 0;
    for (size_t t = 0; t < N_TABLES; t++)
        for (const feat_function *f = tables[t]; f->name; f++)
            if (n++ == i) return f->name;
    for (size_t k = 0; k < N_ALIASES; k++)
        if (n++ == i) return aliases[k].alias;
    for (int op = 0; op < FEAT_OP_COUNT; op++)
        if (feat_op_table[op].callable && n++ == i) return feat_op_table[op].sql;
    *count = n;
    return NULL;
}

size_t feat_function_count(void) {
    size_t count = 0;
    (void)nth_name(SIZE_MAX, &count);
    return count;
}

const char *feat_function_name(size_t i) {
    size_t count;
    return nth_name(i, &count);
}

/* ---- Functions that a row of op.def says all of. ---- */

/* What it takes to hand a value of type `from` to a parameter: 0 nothing, 1 a conversion that loses nothing, -1 it
 * cannot be. */
static int conversion_cost(const feat_builder *b, uint32_t node, feat_type to) {
    feat_type from = feat_build_type(b, node);
    if (from == to) return 0;
    if (from == FEAT_TYPE_UNKNOWN) return 1;
    if (feat_type_common(from, to) == to) return 1;
    return feat_is_number(from) && to == FEAT_TYPE_DOUBLE ? 1 : -1;
}

static int call_cost(const feat_builder *b, const feat_op_info *row, const uint32_t *args) {
    int cost = 0;
    for (int i = 0; i < row->n_args; i++) {
        int one = conversion_cost(b, args[i], row->params[i]);
        if (one < 0) return -1;
        cost += one;
    }
    return cost;
}

static uint32_t refuse_types(feat_builder *b, const char *name, const uint32_t *args, size_t n) {
    char types[256] = "";
    size_t length = 0;
    for (size_t i = 0; i < n && length < sizeof types; i++) {
        int written = snprintf(types + length, sizeof types - length, "%s%s", i ? ", " : "",
                               feat_build_type_name(feat_build_type(b, args[i])));
        length += written > 0 ? (size_t)written : 0;
    }
    return feat_build_refuse(b, "%s does not take (%s)", name, types);
}

static uint32_t call_row(feat_builder *b, const char *name, uint32_t *args, size_t n) {
    int best = -1, best_cost = 0;
    size_t least = 3, most = 0;
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        const feat_op_info *row = &feat_op_table[op];
        if (!is_called(op, name)) continue;
        if ((size_t)row->n_args < least) least = (size_t)row->n_args;
        if ((size_t)row->n_args > most) most = (size_t)row->n_args;
        int cost = (size_t)row->n_args == n ? call_cost(b, row, args) : -1;
        if (cost < 0 || (best >= 0 && cost >= best_cost)) continue;
        best = op;
        best_cost = cost;
    }
    if (n < least || n > most) {
        if (least == most)
            return feat_build_refuse(b, "%s takes %zu argument%s, found %zu", name, least, least == 1 ? "" : "s", n);
        return feat_build_refuse(b, "%s takes %zu to %zu arguments, found %zu", name, least, most, n);
    }
    if (best < 0) return refuse_types(b, name, args, n);
    const feat_op_info *row = &feat_op_table[best];
    for (size_t i = 0; i < n; i++) {
        args[i] = feat_build_convert(b, args[i], row->params[i]);
        if (args[i] == FEAT_NO_NODE) return args[i];
    }
    return feat_build_op(b, (feat_op)best, row->result, args, (int)n);
}

uint32_t feat_build_call(feat_builder *b, const char *name, uint32_t *args, size_t n) {
    const feat_function *function = feat_function_find(name);
    if (!function) {
        if (!feat_function_exists(name)) return feat_build_refuse(b, "unknown function '%s'", name);
        return call_row(b, name_of(name), args, n);
    }
    if (n >= function->min && n <= function->max) return function->build(b, function, args, n);
    const char *many = function->min == 1 ? "" : "s";
    if (function->max == ANY_NUMBER)
        return feat_build_refuse(b, "%s takes at least %zu argument%s, found %zu", name, function->min, many, n);
    if (function->max != function->min)
        return feat_build_refuse(b, "%s takes %zu or %zu arguments, found %zu", name, function->min, function->max, n);
    return feat_build_refuse(b, "%s takes %zu argument%s, found %zu", name, function->min, many, n);
}
