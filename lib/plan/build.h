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
    bool no_memory;
} feat_builder;

feat_type feat_build_type(const feat_builder *b, uint32_t node);
/* SQL name of a type, "NULL" for the unknown one. */
const char *feat_build_type_name(feat_type type);

uint32_t feat_build_null(feat_builder *b, feat_type type);
uint32_t feat_build_int(feat_builder *b, feat_type type, int64_t v); /* a type of class I, BOOLEAN */
uint32_t feat_build_double(feat_builder *b, double v);
uint32_t feat_build_real(feat_builder *b, float v);
uint32_t feat_build_interval(feat_builder *b, feat_interval v);
uint32_t feat_build_text(feat_builder *b, const char *text, size_t length);
uint32_t feat_build_leaf(feat_builder *b, feat_node_kind kind, feat_type type, uint32_t index, uint32_t join);

/* Conversion to `type`: what SQL does without being asked (to a wider integer, integers to DECIMAL, numbers to REAL or
 * DOUBLE, DATE to TIMESTAMP, a text constant to what it is compared with, NULL to anything), or with `asked` whatever
 * CAST can do. */
uint32_t feat_build_cast(feat_builder *b, uint32_t node, feat_type type, bool asked);
/* TRY_CAST: NULL where the conversion fails. */
uint32_t feat_build_try_cast(feat_builder *b, uint32_t node, feat_type type);
/* Brings both to their common type. False with a reason when there is none. */
bool feat_build_unify(feat_builder *b, uint32_t *left, uint32_t *right);
/* The same for a list, as in CASE and COALESCE. */
bool feat_build_unify_all(feat_builder *b, uint32_t *nodes, size_t n);

/* `sql` is the operator as written, in lower case: + - * / // % & | << >> = <> < <= > >= and or, "is distinct from",
 * "is not distinct from". */
uint32_t feat_build_binary(feat_builder *b, const char *sql, uint32_t left, uint32_t right);
uint32_t feat_build_negate(feat_builder *b, uint32_t node);
uint32_t feat_build_not(feat_builder *b, uint32_t node);
uint32_t feat_build_is_null(feat_builder *b, uint32_t node);
uint32_t feat_build_is_truth(feat_builder *b, uint32_t node, bool truth);
/* conditions[i] chooses results[i]; otherwise `otherwise` (FEAT_NO_NODE: NULL). The arrays are overwritten. */
uint32_t feat_build_case(feat_builder *b, uint32_t *conditions, uint32_t *results, size_t n, uint32_t otherwise);
/* time AT TIME ZONE zone. */
uint32_t feat_build_at_zone(feat_builder *b, uint32_t time, uint32_t zone);
/* x[i] of a list or vector, or the character of a text. */
uint32_t feat_build_list_at(feat_builder *b, uint32_t list, uint32_t index);
/* LIKE, or with `fold` ILIKE; `escape` is FEAT_NO_NODE where none is written. */
uint32_t feat_build_like(feat_builder *b, bool fold, uint32_t text, uint32_t pattern, uint32_t escape);
/* ~x of an integer. */
uint32_t feat_build_bit_not(feat_builder *b, uint32_t node);

/* A function that needs more than its row of op.def says is a row of a table, in build_call.c or beside what builds it.
 * `takes_part`: the first argument is a part of a time, a word or a constant text; it is handed over as a text
 * constant. */
typedef struct feat_function {
    const char *name;
    size_t min, max; /* arguments */
    bool takes_part;
    uint32_t (*build)(feat_builder *b, const struct feat_function *function, uint32_t *args, size_t n);
    int parameter; /* what several functions of one `build` differ in */
} feat_function;
/* The function of a table, by name in any case, or NULL. */
const feat_function *feat_function_find(const char *name);
/* Whether there is a function of that name, in a table or a row of op.def. */
bool feat_function_exists(const char *name);
/* All names, for suggestions; some stand there more than once. */
size_t feat_function_count(void);
const char *feat_function_name(size_t i);
/* Checks number and types of the arguments. The array is overwritten. */
uint32_t feat_build_call(feat_builder *b, const char *name, uint32_t *args, size_t n);

#endif
