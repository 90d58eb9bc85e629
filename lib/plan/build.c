/* Nodes, operators of logic and comparison, and choices. Conversions are in build_cast.c, numbers in build_number.c,
 * times in build_time.c, functions in build_call.c. */
#include "plan/build.h"

#include <stdarg.h>
#include <stdio.h>

#include "math/number.h"
#include "plan/build_parts.h"

uint32_t feat_build_refuse(feat_builder *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(b->reason, sizeof b->reason, format, args);
    va_end(args);
    return FEAT_NO_NODE;
}

uint32_t feat_build_add(feat_builder *b, const feat_node *node) {
    uint32_t n = feat_pool_add(b->pool, node);
    if (n == FEAT_NO_NODE) {
        b->reason[0] = 0;
        b->no_memory = true;
    }
    return n;
}

feat_type feat_build_type(const feat_builder *b, uint32_t node) { return feat_build_at(b, node)->type; }

const char *feat_build_type_name(feat_type type) { return type == FEAT_TYPE_UNKNOWN ? "NULL" : feat_type_name(type); }

uint32_t feat_build_null(feat_builder *b, feat_type type) {
    return feat_build_add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .is_null = true});
}

uint32_t feat_build_int(feat_builder *b, feat_type type, int64_t v) {
    return feat_build_add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.i = v});
}

static uint32_t floating(feat_builder *b, feat_type type, double v) {
    return feat_build_add(b,
                          &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.f = feat_double_canonical(v)});
}

uint32_t feat_build_double(feat_builder *b, double v) { return floating(b, FEAT_TYPE_DOUBLE, v); }
uint32_t feat_build_real(feat_builder *b, float v) { return floating(b, FEAT_TYPE_REAL, (double)v); }

uint32_t feat_build_interval(feat_builder *b, feat_interval v) {
    return feat_build_add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_INTERVAL, .constant.p = v});
}

uint32_t feat_build_text(feat_builder *b, const char *text, size_t length) {
    return feat_build_add(b,
                          &(feat_node){.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_TEXT, .constant.t = {text, length}});
}

uint32_t feat_build_leaf(feat_builder *b, feat_node_kind kind, feat_type type, uint32_t index, uint32_t join) {
    return feat_build_add(b, &(feat_node){.kind = kind, .type = type, .index = index, .join = join});
}

uint32_t feat_build_op(feat_builder *b, feat_op op, feat_type type, const uint32_t *args, int n) {
    feat_node node = {.kind = FEAT_NODE_OP, .type = type, .op = op};
    for (int i = 0; i < n; i++) {
        if (args[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
        node.args[i] = args[i];
    }
    return feat_build_add(b, &node);
}

uint32_t feat_build_op1(feat_builder *b, feat_op op, feat_type type, uint32_t x) {
    return feat_build_op(b, op, type, &x, 1);
}

uint32_t feat_build_op2(feat_builder *b, feat_op op, feat_type type, uint32_t x, uint32_t y) {
    return feat_build_op(b, op, type, (uint32_t[]){x, y}, 2);
}

uint32_t feat_build_op_with(feat_builder *b, feat_op op, feat_type type, uint32_t x, int64_t parameter) {
    if (x == FEAT_NO_NODE) return x;
    return feat_build_op2(b, op, type, x, feat_build_int(b, FEAT_TYPE_BIGINT, parameter));
}

uint32_t feat_build_named(feat_builder *b, const char *sql, feat_type type, const uint32_t *args, int n) {
    feat_class classes[3] = {FEAT_CLASS_N, FEAT_CLASS_N, FEAT_CLASS_N};
    for (int i = 0; i < n; i++) {
        if (args[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
        classes[i] = feat_class_of(feat_build_type(b, args[i]));
    }
    int op = feat_op_find(sql, classes[0], classes[1], classes[2]);
    if (op < 0)
        return feat_build_refuse(b, "there is no operator '%s' for %s", sql,
                                 feat_build_type_name(feat_build_type(b, args[0])));
    return feat_build_op(b, (feat_op)op, type, args, n);
}

/* ---- Common types. ---- */

static bool no_common_type(feat_builder *b, uint32_t left, uint32_t right) {
    feat_build_refuse(b, "%s and %s have no common type; write a CAST", feat_build_type_name(feat_build_type(b, left)),
                      feat_build_type_name(feat_build_type(b, right)));
    return false;
}

bool feat_build_unify(feat_builder *b, uint32_t *left, uint32_t *right) {
    uint32_t l = *left, r = *right;
    if (!feat_build_adapt(b, &l, &r)) return false;
    feat_type x = feat_build_type(b, l), y = feat_build_type(b, r), type = feat_type_common(x, y);
    if (type == FEAT_TYPE_UNKNOWN && (x != type || y != type)) return no_common_type(b, *left, *right);
    l = feat_build_convert(b, l, type);
    if (l != FEAT_NO_NODE) r = feat_build_convert(b, r, type);
    if (l == FEAT_NO_NODE || r == FEAT_NO_NODE) return false;
    *left = l;
    *right = r;
    return true;
}

bool feat_build_unify_all(feat_builder *b, uint32_t *nodes, size_t n) {
    /* Once to find the type, from left to right, and once to bring every one to it. */
    if (n == 0) return true;
    uint32_t common = nodes[0];
    for (size_t i = 1; i < n; i++) {
        uint32_t right = nodes[i];
        if (!feat_build_unify(b, &common, &right)) return false;
        /* Whichever is no literal, so that a later one adapts to a type and not to a number as written. */
        if (feat_build_is_constant(b, common)) common = right;
    }
    feat_type type = feat_build_type(b, common);
    for (size_t i = 0; i < n; i++) {
        nodes[i] = feat_build_convert(b, nodes[i], type);
        if (nodes[i] == FEAT_NO_NODE) return false;
    }
    return true;
}

/* ---- Logic and comparison. ---- */

static uint32_t to_boolean(feat_builder *b, uint32_t node) {
    feat_type type = feat_build_type(b, node);
    if (type == FEAT_TYPE_BOOLEAN) return node;
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BOOLEAN);
    return feat_build_refuse(b, "expected a condition (BOOLEAN), found %s", feat_build_type_name(type));
}

/* BIGINT and UBIGINT compare as the numbers they are, although no integer type holds both. */
static bool unify_to_compare(feat_builder *b, uint32_t *left, uint32_t *right) {
    if (!feat_build_adapt(b, left, right)) return false;
    feat_type x = feat_build_type(b, *left), y = feat_build_type(b, *right);
    bool mixed = (x == FEAT_TYPE_UBIGINT && feat_is_integer(y) && feat_integer_signed(y)) ||
                 (y == FEAT_TYPE_UBIGINT && feat_is_integer(x) && feat_integer_signed(x));
    if (!mixed) return feat_build_unify(b, left, right);
    *left = feat_build_convert(b, *left, FEAT_TYPE_DECIMAL_OF(20, 0));
    if (*left != FEAT_NO_NODE) *right = feat_build_convert(b, *right, FEAT_TYPE_DECIMAL_OF(20, 0));
    return *left != FEAT_NO_NODE && *right != FEAT_NO_NODE;
}

static uint32_t comparison(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    bool order = sql[0] == '<' && sql[1] != '>', swap = sql[0] == '>';
    if (feat_build_type(b, left) == FEAT_TYPE_UNKNOWN && feat_build_type(b, right) == FEAT_TYPE_UNKNOWN)
        left = feat_build_null(b, FEAT_TYPE_BIGINT);
    if (left == FEAT_NO_NODE || !unify_to_compare(b, &left, &right)) return FEAT_NO_NODE;
    int base = FEAT_TYPE_BASE(feat_build_type(b, left));
    if ((order || swap) && (base == FEAT_TYPE_VECTOR || base == FEAT_TYPE_LIST || base == FEAT_TYPE_MAP))
        return feat_build_refuse(b, "'%s' has no meaning for %s; compare elements, or use =", sql,
                                 feat_build_type_name(feat_build_type(b, left)));
    left = feat_build_list_compared(b, left);
    if (left != FEAT_NO_NODE) right = feat_build_list_compared(b, right);
    if (left == FEAT_NO_NODE || right == FEAT_NO_NODE) return FEAT_NO_NODE;
    if (swap) return feat_build_named(b, sql[1] ? "<=" : "<", FEAT_TYPE_BOOLEAN, (uint32_t[]){right, left}, 2);
    return feat_build_named(b, sql, FEAT_TYPE_BOOLEAN, (uint32_t[]){left, right}, 2);
}

uint32_t feat_build_binary(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    if (strcmp(sql, "and") == 0 || strcmp(sql, "or") == 0) {
        left = to_boolean(b, left);
        if (left != FEAT_NO_NODE) right = to_boolean(b, right);
        return feat_build_named(b, sql, FEAT_TYPE_BOOLEAN, (uint32_t[]){left, right}, 2);
    }
    if (strcmp(sql, "is not distinct from") == 0) {
        uint32_t distinct = comparison(b, "is distinct from", left, right);
        return distinct == FEAT_NO_NODE ? distinct : feat_build_not(b, distinct);
    }
    if (strcmp(sql, "||") == 0) return feat_build_join(b, left, right);
    if (strchr("+-*/%", sql[0])) return feat_build_arithmetic(b, sql, left, right);
    if (strchr("&|", sql[0]) || strcmp(sql, "<<") == 0 || strcmp(sql, ">>") == 0 || strcmp(sql, "xor") == 0)
        return feat_build_bits(b, sql, left, right);
    return comparison(b, sql, left, right);
}

uint32_t feat_build_not(feat_builder *b, uint32_t node) {
    if (node != FEAT_NO_NODE) node = to_boolean(b, node);
    return feat_build_named(b, "not", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_is_null(feat_builder *b, uint32_t node) {
    if (feat_build_type(b, node) == FEAT_TYPE_UNKNOWN) return feat_build_int(b, FEAT_TYPE_BOOLEAN, 1);
    return feat_build_named(b, "is null", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_is_truth(feat_builder *b, uint32_t node, bool truth) {
    node = truth ? to_boolean(b, node) : feat_build_not(b, node);
    return feat_build_named(b, "is true", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_case(feat_builder *b, uint32_t *conditions, uint32_t *results, size_t n, uint32_t otherwise) {
    if (otherwise == FEAT_NO_NODE) otherwise = feat_build_null(b, FEAT_TYPE_UNKNOWN);
    if (otherwise == FEAT_NO_NODE) return FEAT_NO_NODE;
    /* ELSE counts as one more result: all are brought to one type. */
    uint32_t common = otherwise;
    for (size_t i = 0; i < n; i++) {
        uint32_t result = results[i];
        if (!feat_build_unify(b, &common, &result)) return FEAT_NO_NODE;
        if (feat_build_is_constant(b, common)) common = result;
    }
    feat_type type = feat_build_type(b, common);
    if (type == FEAT_TYPE_UNKNOWN) type = FEAT_TYPE_BIGINT; /* every branch is NULL */
    uint32_t chosen = feat_build_convert(b, otherwise, type);
    for (size_t i = n; i-- > 0 && chosen != FEAT_NO_NODE;) {
        uint32_t condition = to_boolean(b, conditions[i]), result = feat_build_convert(b, results[i], type);
        chosen = feat_build_named(b, "case", type, (uint32_t[]){condition, result, chosen}, 3);
    }
    return chosen;
}
