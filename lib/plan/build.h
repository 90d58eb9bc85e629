/* Building typed expressions: operator choice by argument types, implicit conversions, three-valued constructs. Knows
 * nothing of syntax; the binder adds the place of an error. */
#ifndef FEAT_LIB_BUILD_H
#define FEAT_LIB_BUILD_H

#include "plan/plan.h"

/* The type of a bare NULL, until something gives it one. */
#define FEAT_TYPE_UNKNOWN ((feat_type)0)

/* `reason` explains the last failure; it is empty when memory ran out. Functions return FEAT_NO_NODE on failure. */
typedef struct feat_builder {
    feat_pool *pool;
    char reason[512];
} feat_builder;

feat_type feat_build_type(const feat_builder *b, uint32_t node);
/* SQL name of a type, "NULL" for the unknown one. */
const char *feat_build_type_name(feat_type type);

uint32_t feat_build_null(feat_builder *b, feat_type type);
uint32_t feat_build_int(feat_builder *b, feat_type type, int64_t v); /* BIGINT, BOOLEAN, DATE, TIMESTAMP */
uint32_t feat_build_double(feat_builder *b, double v);
uint32_t feat_build_text(feat_builder *b, const char *text, size_t length);
uint32_t feat_build_leaf(feat_builder *b, feat_node_kind kind, feat_type type, uint32_t index, uint32_t join);

/* Conversion to `type`: what SQL does without being asked (BIGINT to DOUBLE, DATE to TIMESTAMP, a text constant to what
 * it is compared with, NULL to anything), or with `asked` whatever CAST can do. */
uint32_t feat_build_cast(feat_builder *b, uint32_t node, feat_type type, bool asked);
/* Brings both to their common type. False with a reason when there is none. */
bool feat_build_unify(feat_builder *b, uint32_t *left, uint32_t *right);
/* The same for a list, as in CASE and COALESCE. */
bool feat_build_unify_all(feat_builder *b, uint32_t *nodes, size_t n);

/* `sql` is the operator as written: + - * / // % = <> < <= > >= AND OR, "is distinct from", "is not distinct from". */
uint32_t feat_build_binary(feat_builder *b, const char *sql, uint32_t left, uint32_t right);
uint32_t feat_build_negate(feat_builder *b, uint32_t node);
uint32_t feat_build_not(feat_builder *b, uint32_t node);
uint32_t feat_build_is_null(feat_builder *b, uint32_t node);
uint32_t feat_build_is_truth(feat_builder *b, uint32_t node, bool truth);
/* conditions[i] chooses results[i]; otherwise `otherwise` (FEAT_NO_NODE: NULL). The arrays are overwritten. */
uint32_t feat_build_case(feat_builder *b, uint32_t *conditions, uint32_t *results, size_t n, uint32_t otherwise);
/* A function of op.def by name: abs, coalesce, nullif, ifnull. The array is overwritten. */
uint32_t feat_build_call(feat_builder *b, const char *name, uint32_t *args, size_t n);

#endif
