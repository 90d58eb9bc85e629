/* op.def and agg.def as tables. */
#include <string.h>
#include <strings.h>

#include "column/list.h"
#include "plan/plan.h"

feat_class feat_class_of(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: return FEAT_CLASS_B;
    case FEAT_TYPE_TINYINT:
    case FEAT_TYPE_SMALLINT:
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_UTINYINT:
    case FEAT_TYPE_USMALLINT:
    case FEAT_TYPE_UINTEGER:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_TIMESTAMP: return FEAT_CLASS_I;
    case FEAT_TYPE_REAL:
    case FEAT_TYPE_DOUBLE: return FEAT_CLASS_F;
    case FEAT_TYPE_TEXT:
    case FEAT_TYPE_BLOB:
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return FEAT_CLASS_T;
    case FEAT_TYPE_UBIGINT:
    case FEAT_TYPE_DECIMAL: return FEAT_CLASS_W;
    case FEAT_TYPE_INTERVAL: return FEAT_CLASS_V;
    }
    return FEAT_CLASS_N;
}

/* What the letters of op.def say of a function's types. */
#define TYPE_N ((feat_type)0)
#define TYPE_B FEAT_TYPE_BOOLEAN
#define TYPE_I FEAT_TYPE_BIGINT
#define TYPE_F FEAT_TYPE_DOUBLE
#define TYPE_T FEAT_TYPE_TEXT
#define TYPE_V FEAT_TYPE_INTERVAL
#define TYPE_D FEAT_TYPE_DATE
#define TYPE_S FEAT_TYPE_TIMESTAMP
#define TYPE_X FEAT_TYPE_BLOB

const feat_op_info feat_op_table[FEAT_OP_COUNT] = {
#define ROW(id, sql, out, a, b, c, rev)                                                                                \
#id, sql, FEAT_CLASS_##out,                                                                                        \
        {FEAT_CLASS_##a, FEAT_CLASS_##b, FEAT_CLASS_##c },                                                             \
         (FEAT_CLASS_##a != FEAT_CLASS_N) + (FEAT_CLASS_##b != FEAT_CLASS_N) + (FEAT_CLASS_##c != FEAT_CLASS_N), rev
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result)                         \
    {ROW(id, sql, out, a, b, c, rev), false, 0, {0, 0, 0}},
#define FEAT_FUNCTION(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result)                   \
    {ROW(id, sql, out, a, b, c, rev), true, TYPE_##out, {TYPE_##a, TYPE_##b, TYPE_##c}},
#include "plan/op.def"
#undef FEAT_OP
#undef ROW
};

bool feat_op_fails(feat_op op) {
    static const struct {
        const char *shape, *errors;
    } rows[FEAT_OP_COUNT] = {
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result) {#shape, errors},
#include "plan/op.def"
#undef FEAT_OP
    };
    bool checks = strncmp(rows[op].shape, "CHECK", 5) == 0 || strncmp(rows[op].shape, "MAKE", 4) == 0;
    return checks && strncmp(rows[op].errors, "none", 4) != 0;
}

const feat_agg_info feat_agg_table[FEAT_AGG_COUNT_OF] = {
#define FEAT_AGG(id, name, arg, result, alg, rev, empty, errors, text)                                                 \
    {#id,                                                                                                              \
     name,                                                                                                             \
     FEAT_ALGEBRA_##alg,                                                                                               \
     rev,                                                                                                              \
     false,                                                                                                            \
     {FEAT_AGG_TAKES_N, FEAT_AGG_TAKES_N},                                                                             \
     FEAT_AGG_PARAMETER_N,                                                                                             \
     FEAT_AGG_GIVES_SAME,                                                                                              \
     false,                                                                                                            \
     false},
#define FEAT_AGG_FUNCTION(id, name, arg, second, param, result, alg, nulls, fn, rev, empty, errors, text)              \
    {#id,                                                                                                              \
     name,                                                                                                             \
     FEAT_ALGEBRA_##alg,                                                                                               \
     rev,                                                                                                              \
     true,                                                                                                             \
     {FEAT_AGG_TAKES_##arg, FEAT_AGG_TAKES_##second},                                                                  \
     FEAT_AGG_PARAMETER_##param,                                                                                       \
     FEAT_AGG_GIVES_##result,                                                                                          \
     sizeof #nulls == sizeof "KEEP" && (#nulls)[0] == 'K',                                                             \
     (empty)[0] == 'N'},
#include "plan/agg.def"
#undef FEAT_AGG
};

const char *feat_agg_name(const char *sql) {
    static const char *const aliases[][2] = {
#define FEAT_AGG(id, name, arg, result, alg, rev, empty, errors, text)
#define FEAT_AGG_ALIAS(name, sql) {name, sql},
#include "plan/agg.def"
#undef FEAT_AGG
    };
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcasecmp(aliases[i][0], sql) == 0) return aliases[i][1];
    return sql;
}

bool feat_agg_is_short(const char *sql) {
    static const char *const names[] = {
#define FEAT_AGG(id, name, arg, result, alg, rev, empty, errors, text)
#define FEAT_AGG_SHORT(name, arg, result, alg, empty, errors, text) name,
#include "plan/agg.def"
#undef FEAT_AGG
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(names[i], sql) == 0) return true;
    return false;
}

bool feat_agg_accepts(feat_agg_takes takes, feat_type type) {
    feat_class class = feat_class_of(type);
    switch (takes) {
    case FEAT_AGG_TAKES_N: return false;
    case FEAT_AGG_TAKES_B: return type == FEAT_TYPE_BOOLEAN;
    case FEAT_AGG_TAKES_I: return class == FEAT_CLASS_I && feat_type_is_number(type);
    case FEAT_AGG_TAKES_F: return class == FEAT_CLASS_F;
    case FEAT_AGG_TAKES_T: return type == FEAT_TYPE_TEXT;
    case FEAT_AGG_TAKES_S: return type == FEAT_TYPE_TIMESTAMP;
    case FEAT_AGG_TAKES_W: return class == FEAT_CLASS_W;
    case FEAT_AGG_TAKES_BITS: return feat_type_is_integer(type);
    case FEAT_AGG_TAKES_VECTOR:
        return FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR &&
               (FEAT_TYPE_ELEMENT(type) == FEAT_TYPE_DOUBLE || FEAT_TYPE_ELEMENT(type) == FEAT_TYPE_REAL);
    case FEAT_AGG_TAKES_NUM: return feat_type_is_number(type);
    case FEAT_AGG_TAKES_ORD: return feat_type_has_order(type);
    case FEAT_AGG_TAKES_ANY: return true;
    }
    return false;
}

/* The map from `key` to `value`; 0 where there is none. */
static feat_type map_of(feat_type key, feat_type value) {
    bool keyed = key == FEAT_TYPE_TEXT || feat_type_is_integer(key);
    return keyed && value ? FEAT_TYPE_MAP_OF(key, value) : 0;
}

static feat_type each(feat_type type, feat_type parameter) {
    bool list = FEAT_TYPE_BASE(parameter) == FEAT_TYPE_LIST;
    if (!list) return type;
    return feat_class_of(type) == FEAT_CLASS_T && type != FEAT_TYPE_TEXT && type != FEAT_TYPE_BLOB
               ? 0
               : FEAT_TYPE_LIST_OF(type);
}

feat_type feat_agg_result(feat_agg agg, const feat_type types[2], feat_type parameter) {
    const feat_agg_info *info = &feat_agg_table[agg];
    feat_type first = types[0], sum;
    switch (info->gives) {
    case FEAT_AGG_GIVES_B: return FEAT_TYPE_BOOLEAN;
    case FEAT_AGG_GIVES_I: return FEAT_TYPE_BIGINT;
    case FEAT_AGG_GIVES_F: return FEAT_TYPE_DOUBLE;
    case FEAT_AGG_GIVES_T: return FEAT_TYPE_TEXT;
    case FEAT_AGG_GIVES_W: return FEAT_TYPE_DECIMAL_OF(38, FEAT_TYPE_SCALE(first));
    case FEAT_AGG_GIVES_V: return FEAT_TYPE_INTERVAL;
    case FEAT_AGG_GIVES_SAME: return first;
    case FEAT_AGG_GIVES_LIST: return each(first, FEAT_TYPE_LIST);
    case FEAT_AGG_GIVES_SAME_N: return parameter ? each(first, FEAT_TYPE_LIST) : first;
    case FEAT_AGG_GIVES_VECTOR: return FEAT_TYPE_VECTOR_OF(FEAT_TYPE_DOUBLE, FEAT_TYPE_DIMENSIONS(first));
    case FEAT_AGG_GIVES_SAME_EACH: return each(first, parameter);
    case FEAT_AGG_GIVES_F_EACH: return each(FEAT_TYPE_DOUBLE, parameter);
    case FEAT_AGG_GIVES_COUNTS: return map_of(first, FEAT_TYPE_BIGINT);
    case FEAT_AGG_GIVES_SUMS:
        return !feat_type_is_number(types[1]) || feat_agg_find("sum", types[1], &sum) < 0 ? 0 : map_of(first, sum);
    case FEAT_AGG_GIVES_MEANS: return feat_type_is_number(types[1]) ? map_of(first, FEAT_TYPE_DOUBLE) : 0;
    }
    return 0;
}

static bool is_share(double share) { return share >= 0.0 && share <= 1.0; }

static bool are_shares(const feat_parameter *p) {
    feat_nested_layout list;
    if (p->type != FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE) || !feat_list_read(p->type, p->v.t, &list)) return false;
    for (size_t i = 0; i < list.n; i++) {
        feat_element e;
        if (!feat_list_get(&list, i, &e) || !is_share(e.f)) return false;
    }
    return true;
}

bool feat_agg_parameter_valid(feat_agg_parameter rule, const feat_parameter *p) {
    switch (rule) {
    case FEAT_AGG_PARAMETER_N: return p->type == 0;
    case FEAT_AGG_PARAMETER_OPTIONAL_INT: return p->type == 0 || (p->type == FEAT_TYPE_BIGINT && p->v.i > 0);
    case FEAT_AGG_PARAMETER_INT: return p->type == FEAT_TYPE_BIGINT && p->v.i > 0;
    case FEAT_AGG_PARAMETER_QUANTILE: return p->type == FEAT_TYPE_DOUBLE ? is_share(p->v.f) : are_shares(p);
    case FEAT_AGG_PARAMETER_SPAN:
        return p->type == FEAT_TYPE_INTERVAL && p->v.p.months == 0 && feat_interval_length(p->v.p) > 0 &&
               feat_interval_length(p->v.p) <= INT64_MAX;
    case FEAT_AGG_PARAMETER_OPTIONAL_TEXT: return p->type == 0 || p->type == FEAT_TYPE_TEXT;
    case FEAT_AGG_PARAMETER_TEXT: return p->type == FEAT_TYPE_TEXT;
    }
    return false;
}

int feat_op_find(const char *sql, feat_class a, feat_class b, feat_class c) {
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        const feat_op_info *info = &feat_op_table[op];
        if (info->arg[0] == a && info->arg[1] == b && info->arg[2] == c && strcmp(info->sql, sql) == 0) return op;
    }
    return -1;
}

/* Pairs of an aggregate and the one over DISTINCT values. */
static const feat_agg distinct_pairs[][2] = {
    {FEAT_AGG_COUNT, FEAT_AGG_COUNT_DISTINCT},
    {FEAT_AGG_SUM_INT, FEAT_AGG_SUM_DISTINCT_INT},
    {FEAT_AGG_SUM_DOUBLE, FEAT_AGG_SUM_DISTINCT_DOUBLE},
    {FEAT_AGG_SUM_DECIMAL, FEAT_AGG_SUM_DISTINCT_DECIMAL},
    {FEAT_AGG_SUM_UNSIGNED, FEAT_AGG_SUM_DISTINCT_UNSIGNED},
    {FEAT_AGG_AVG_INT, FEAT_AGG_AVG_DISTINCT_INT},
    {FEAT_AGG_AVG_DOUBLE, FEAT_AGG_AVG_DISTINCT_DOUBLE},
    {FEAT_AGG_AVG_WIDE, FEAT_AGG_AVG_DISTINCT_WIDE},
};
enum { N_DISTINCT = sizeof distinct_pairs / sizeof *distinct_pairs };

feat_agg feat_agg_of_distinct(feat_agg agg) {
    for (size_t i = 0; i < N_DISTINCT; i++)
        if (distinct_pairs[i][1] == agg) return distinct_pairs[i][0];
    return agg;
}

static int find_distinct(const char *sql, size_t length, feat_type arg, feat_type *result) {
    char plain[8] = "";
    memcpy(plain, sql, length);
    int found = feat_agg_find(plain, arg, result);
    for (size_t i = 0; i < N_DISTINCT; i++)
        if ((int)distinct_pairs[i][0] == found) return (int)distinct_pairs[i][1];
    return -1;
}

int feat_agg_find(const char *sql, feat_type arg, feat_type *result) {
    const char *distinct = strchr(sql, '(');
    if (distinct) return distinct - sql < 8 ? find_distinct(sql, (size_t)(distinct - sql), arg, result) : -1;
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++) /* of a vector, element by element */
        if (feat_agg_table[i].takes[0] == FEAT_AGG_TAKES_VECTOR && strcasecmp(feat_agg_table[i].sql, sql) == 0 &&
            feat_agg_accepts(FEAT_AGG_TAKES_VECTOR, arg)) {
            *result = feat_agg_result((feat_agg)i, (const feat_type[2]){arg, 0}, 0);
            return i;
        }
    feat_class class = feat_class_of(arg);
    *result = arg;
    if (strcasecmp(sql, "count") == 0) {
        *result = FEAT_TYPE_BIGINT;
        return FEAT_AGG_COUNT;
    }
    if (strcasecmp(sql, "sum") == 0) {
        if (!feat_type_is_number(arg)) return -1;
        if (FEAT_TYPE_BASE(arg) == FEAT_TYPE_DECIMAL) {
            *result = FEAT_TYPE_DECIMAL_OF(38, FEAT_TYPE_SCALE(arg));
            return FEAT_AGG_SUM_DECIMAL;
        }
        *result = class == FEAT_CLASS_F ? FEAT_TYPE_DOUBLE : FEAT_TYPE_BIGINT;
        return class == FEAT_CLASS_F   ? FEAT_AGG_SUM_DOUBLE
               : class == FEAT_CLASS_W ? FEAT_AGG_SUM_UNSIGNED
                                       : FEAT_AGG_SUM_INT;
    }
    if (strcasecmp(sql, "avg") == 0) {
        if (!feat_type_is_number(arg)) return -1;
        *result = FEAT_TYPE_DOUBLE;
        return class == FEAT_CLASS_F   ? FEAT_AGG_AVG_DOUBLE
               : class == FEAT_CLASS_W ? FEAT_AGG_AVG_WIDE
                                       : FEAT_AGG_AVG_INT;
    }
    bool extreme = strcasecmp(sql, "min") == 0 || strcasecmp(sql, "max") == 0;
    if (extreme && !feat_type_has_order(arg)) return -1;
    for (int i = 0; i < FEAT_AGG_COUNT_OF; i++) /* those of any type */
        if (!feat_agg_table[i].function && strcasecmp(feat_agg_table[i].sql, sql) == 0) return i;
    return -1;
}
