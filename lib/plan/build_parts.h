/* What the files of the builder share. */
#ifndef FEAT_LIB_BUILD_PARTS_H
#define FEAT_LIB_BUILD_PARTS_H

#include <string.h>

#include "base/calendar.h"
#include "plan/build.h"

/* Sets the reason; FEAT_NO_NODE. */
uint32_t feat_build_refuse(feat_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
uint32_t feat_build_add(feat_builder *b, const feat_node *node);

static inline const feat_node *feat_build_at(const feat_builder *b, uint32_t node) { return &b->pool->nodes[node]; }
static inline bool feat_build_is_constant(const feat_builder *b, uint32_t node) {
    return feat_build_at(b, node)->kind == FEAT_NODE_CONST;
}
/* A number or text as it was written. */
static inline bool feat_build_is_literal(const feat_builder *b, uint32_t node, feat_type type) {
    const feat_node *n = feat_build_at(b, node);
    return n->kind == FEAT_NODE_CONST && !n->is_null && n->type == type;
}

/* An operation of known operator. FEAT_NO_NODE among the arguments passes through, so that calls can be nested. */
uint32_t feat_build_op(feat_builder *b, feat_op op, feat_type type, const uint32_t *args, int n);
uint32_t feat_build_op1(feat_builder *b, feat_op op, feat_type type, uint32_t x);
uint32_t feat_build_op2(feat_builder *b, feat_op op, feat_type type, uint32_t x, uint32_t y);
/* The second argument is a number that is part of the operator's meaning: a scale, a precision, a part of a time. */
uint32_t feat_build_op_with(feat_builder *b, feat_op op, feat_type type, uint32_t x, int64_t parameter);
/* By its SQL name and the classes of its arguments. */
uint32_t feat_build_named(feat_builder *b, const char *sql, feat_type type, const uint32_t *args, int n);

/* ---- Types (build_type.c). ---- */

/* 8 to 64, 0 when it is no integer. */
int feat_integer_bits(feat_type type);
bool feat_integer_signed(feat_type type);
static inline bool feat_is_integer(feat_type type) { return feat_integer_bits(type) != 0; }
static inline bool feat_is_decimal(feat_type type) { return FEAT_TYPE_BASE(type) == FEAT_TYPE_DECIMAL; }
static inline bool feat_is_float(feat_type type) { return type == FEAT_TYPE_REAL || type == FEAT_TYPE_DOUBLE; }
static inline bool feat_is_number(feat_type type) {
    return feat_is_integer(type) || feat_is_decimal(type) || feat_is_float(type);
}
/* Whether a whole number is one of the integer type. */
bool feat_integer_holds(feat_type type, int64_t value);
/* The DECIMAL that holds every value of an integer type; a DECIMAL itself. */
feat_type feat_decimal_for(feat_type type);
/* The integer type that both fit; BIGINT for UBIGINT and a signed one, which holds not all of them. */
feat_type feat_integer_common(feat_type a, feat_type b);
/* The type that two types have in common, FEAT_TYPE_UNKNOWN if there is none. */
feat_type feat_type_common(feat_type a, feat_type b);

/* ---- Conversion (build_cast.c). ---- */

/* Any conversion there is, without regard to what SQL does unasked. */
uint32_t feat_build_convert(feat_builder *b, uint32_t node, feat_type type);
/* Brings a result that was computed in the type's class into the type's range. */
uint32_t feat_build_fit(feat_builder *b, uint32_t node, feat_type type);
/* Literals take the type of what they stand beside: an integer that of an integer in whose range it is, a decimal that
 * of a DECIMAL or REAL, a text any. */
bool feat_build_adapt(feat_builder *b, uint32_t *left, uint32_t *right);

/* ---- Operators (build_number.c, build_time.c). ---- */

bool feat_is_time(feat_type type); /* DATE, TIMESTAMP, INTERVAL */
/* The part that a constant text names, up to `last`. False with a reason. */
bool feat_build_read_part(feat_builder *b, uint32_t node, int last, feat_part *part);
/* A time as it is; a text constant is a timestamp. */
uint32_t feat_build_to_time(feat_builder *b, uint32_t node, bool intervals);
/* date_trunc(part, time, zone) (build_zone.c). */
uint32_t feat_build_trunc_in_zone(feat_builder *b, feat_part part, uint32_t time, uint32_t zone);
uint32_t feat_build_arithmetic(feat_builder *b, const char *sql, uint32_t left, uint32_t right);
uint32_t feat_build_bits(feat_builder *b, const char *sql, uint32_t left, uint32_t right);
uint32_t feat_build_time_arithmetic(feat_builder *b, const char *sql, uint32_t left, uint32_t right);

/* ---- Lists and vectors (build_list.c). ---- */

bool feat_is_list(feat_type type); /* LIST, VECTOR */
/* A literal without a value in it, such as [] or [NULL]: it takes any type. */
bool feat_is_untyped_list(const feat_builder *b, uint32_t node);
/* The list or vector that two have in common, or FEAT_TYPE_UNKNOWN. */
feat_type feat_list_common(feat_type a, feat_type b);
/* From one list or vector to another, as feat_build_convert. */
uint32_t feat_build_list_convert(feat_builder *b, uint32_t node, feat_type type);
/* A constant list whose literals have taken the type of the elements of `other`; as it was when they cannot. */
uint32_t feat_build_list_adapt(feat_builder *b, uint32_t node, feat_type other);
/* What the bytes of two lists are compared as. */
uint32_t feat_build_list_compared(feat_builder *b, uint32_t node);
/* x || y. */
uint32_t feat_build_list_concat(feat_builder *b, uint32_t left, uint32_t right);
uint32_t feat_build_list_length(feat_builder *b, uint32_t list);
extern const feat_function feat_list_functions[];

/* ---- Texts (build_text.c). ---- */

extern const feat_function feat_text_functions[]; /* the last has no name */
uint32_t feat_build_join(feat_builder *b, uint32_t left, uint32_t right);

/* ---- Regular expressions (build_regex.c). ---- */

extern const feat_function feat_regex_functions[];

/* ---- JSON (build_json.c). ---- */

extern const feat_function feat_json_functions[];

/* ---- Functions of times, for the table in build_call.c. ---- */

typedef uint32_t feat_function_build(feat_builder *b, const feat_function *function, uint32_t *args, size_t n);
feat_function_build feat_build_date_part, feat_build_one_part, feat_build_date_trunc, feat_build_date_diff,
    feat_build_to_interval, feat_build_date_add, feat_build_last_day, feat_build_make_date;
/* floor, ceil, round, trunc (build_round.c). */
feat_function_build feat_build_whole;
/* The functions of build_math.c. */
extern const feat_function feat_math_functions[];
/* The functions of build_zone.c. */
extern const feat_function feat_zone_functions[];

#endif
