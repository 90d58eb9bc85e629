/* op.def and agg.def as tables. */
#include <string.h>

#include "plan/plan.h"

feat_class feat_class_of(feat_type type) {
    switch (type) {
    case FEAT_TYPE_BOOLEAN: return FEAT_CLASS_B;
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_TIMESTAMP: return FEAT_CLASS_I;
    case FEAT_TYPE_DOUBLE: return FEAT_CLASS_F;
    case FEAT_TYPE_TEXT: return FEAT_CLASS_T;
    }
    return FEAT_CLASS_N;
}

const feat_op_info feat_op_table[FEAT_OP_COUNT] = {
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result)                         \
    {#id,                                                                                                              \
     sql,                                                                                                              \
     FEAT_CLASS_##out,                                                                                                 \
     {FEAT_CLASS_##a, FEAT_CLASS_##b, FEAT_CLASS_##c},                                                                 \
     (FEAT_CLASS_##a != FEAT_CLASS_N) + (FEAT_CLASS_##b != FEAT_CLASS_N) + (FEAT_CLASS_##c != FEAT_CLASS_N),           \
     rev},
#include "plan/op.def"
#undef FEAT_OP
};

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
