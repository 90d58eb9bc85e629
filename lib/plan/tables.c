/* op.def and agg.def as tables. */
#include <string.h>
#include <strings.h>

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
#define FEAT_AGG(id, sql, arg, result, algebra, rev, empty, errors, text) {#id, sql, FEAT_ALGEBRA_##algebra, rev},
#include "plan/agg.def"
#undef FEAT_AGG
};

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
        if (strcasecmp(feat_agg_table[i].sql, sql) == 0) return i;
    return -1;
}
