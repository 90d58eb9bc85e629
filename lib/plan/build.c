#include "plan/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "math/number.h"

static uint32_t refuse(feat_builder *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static uint32_t refuse(feat_builder *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(b->reason, sizeof b->reason, format, args);
    va_end(args);
    return FEAT_NO_NODE;
}

static uint32_t add(feat_builder *b, const feat_node *node) {
    uint32_t n = feat_pool_add(b->pool, node);
    if (n == FEAT_NO_NODE) b->reason[0] = 0;
    return n;
}

static const feat_node *node_at(const feat_builder *b, uint32_t node) { return &b->pool->nodes[node]; }

feat_type feat_build_type(const feat_builder *b, uint32_t node) { return node_at(b, node)->type; }

const char *feat_build_type_name(feat_type type) { return type == FEAT_TYPE_UNKNOWN ? "NULL" : feat_type_name(type); }

uint32_t feat_build_null(feat_builder *b, feat_type type) {
    return add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .is_null = true});
}

uint32_t feat_build_int(feat_builder *b, feat_type type, int64_t v) {
    return add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.i = v});
}

uint32_t feat_build_double(feat_builder *b, double v) {
    return add(b,
               &(feat_node){.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_DOUBLE, .constant.f = feat_double_canonical(v)});
}

uint32_t feat_build_text(feat_builder *b, const char *text, size_t length) {
    return add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = FEAT_TYPE_TEXT, .constant.t = {text, length}});
}

uint32_t feat_build_leaf(feat_builder *b, feat_node_kind kind, feat_type type, uint32_t index, uint32_t join) {
    return add(b, &(feat_node){.kind = kind, .type = type, .index = index, .join = join});
}

static uint32_t operation(feat_builder *b, const char *sql, feat_type type, const uint32_t *args, int n) {
    feat_class classes[3] = {FEAT_CLASS_N, FEAT_CLASS_N, FEAT_CLASS_N};
    feat_node node = {.kind = FEAT_NODE_OP, .type = type};
    for (int i = 0; i < n; i++) {
        classes[i] = feat_class_of(feat_build_type(b, args[i]));
        node.args[i] = args[i];
    }
    int op = feat_op_find(sql, classes[0], classes[1], classes[2]);
    if (op < 0)
        return refuse(b, "there is no operator '%s' for %s", sql, feat_build_type_name(feat_build_type(b, args[0])));
    node.op = (feat_op)op;
    return add(b, &node);
}

static uint32_t exact_operation(feat_builder *b, feat_op op, feat_type type, uint32_t arg) {
    return add(b, &(feat_node){.kind = FEAT_NODE_OP, .type = type, .op = op, .args = {arg, 0, 0}});
}

/* ---- Conversion. ---- */

/* A text constant where another type is needed is read as that type, as in SQL: '2024-01-01' beside a date is a date.
 */
static uint32_t read_constant(feat_builder *b, uint32_t node, feat_type type) {
    feat_text text = node_at(b, node)->constant.t;
    int64_t i;
    int32_t days;
    double f;
    switch (type) {
    case FEAT_TYPE_TIMESTAMP:
        if (feat_parse_timestamp(text.data, text.length, &i)) return feat_build_int(b, type, i);
        break;
    case FEAT_TYPE_DATE:
        if (feat_parse_date(text.data, text.length, &days)) return feat_build_int(b, type, days);
        break;
    case FEAT_TYPE_BIGINT:
        if (feat_number_parse_int64(text.data, text.length, &i) == FEAT_NUMBER_OK) return feat_build_int(b, type, i);
        break;
    case FEAT_TYPE_DOUBLE:
        if (feat_number_parse_double(text.data, text.length, &f) == FEAT_NUMBER_OK) return feat_build_double(b, f);
        break;
    case FEAT_TYPE_BOOLEAN:
        if (text.length == 4 && strncasecmp(text.data, "true", 4) == 0) return feat_build_int(b, type, 1);
        if (text.length == 5 && strncasecmp(text.data, "false", 5) == 0) return feat_build_int(b, type, 0);
        break;
    case FEAT_TYPE_TEXT: return node;
    }
    return refuse(b, "'%.*s' is not a %s", (int)(text.length < 60 ? text.length : 60), text.data, feat_type_name(type));
}

uint32_t feat_build_cast(feat_builder *b, uint32_t node, feat_type type, bool asked) {
    const feat_node *from = node_at(b, node);
    if (from->type == type) return node;
    if (from->type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, type);
    if (from->kind == FEAT_NODE_CONST && from->is_null && asked) return feat_build_null(b, type);
    if (from->kind == FEAT_NODE_CONST && from->type == FEAT_TYPE_TEXT && !from->is_null)
        return read_constant(b, node, type);
    if (from->type == FEAT_TYPE_BIGINT && type == FEAT_TYPE_DOUBLE) {
        if (from->kind == FEAT_NODE_CONST && from->is_null) return feat_build_null(b, type);
        if (from->kind == FEAT_NODE_CONST) return feat_build_double(b, (double)from->constant.i);
        return exact_operation(b, FEAT_OP_CAST_IF, type, node);
    }
    if (from->type == FEAT_TYPE_DATE && type == FEAT_TYPE_TIMESTAMP)
        return exact_operation(b, FEAT_OP_DATE_TO_TIMESTAMP, type, node);
    if (asked) {
        if (from->type == FEAT_TYPE_DOUBLE && type == FEAT_TYPE_BIGINT)
            return exact_operation(b, FEAT_OP_CAST_FI, type, node);
        if (from->type == FEAT_TYPE_BOOLEAN && type == FEAT_TYPE_BIGINT)
            return exact_operation(b, FEAT_OP_CAST_BI, type, node);
        if (from->type == FEAT_TYPE_BIGINT && type == FEAT_TYPE_BOOLEAN)
            return exact_operation(b, FEAT_OP_CAST_IB, type, node);
        if (from->type == FEAT_TYPE_TIMESTAMP && type == FEAT_TYPE_DATE)
            return exact_operation(b, FEAT_OP_TIMESTAMP_TO_DATE, type, node);
        if (from->type == FEAT_TYPE_BOOLEAN && type == FEAT_TYPE_DOUBLE) {
            uint32_t number = exact_operation(b, FEAT_OP_CAST_BI, FEAT_TYPE_BIGINT, node);
            return number == FEAT_NO_NODE ? number : exact_operation(b, FEAT_OP_CAST_IF, type, number);
        }
    }
    return refuse(b, "cannot convert %s to %s", feat_build_type_name(from->type), feat_build_type_name(type));
}

static bool common_type(const feat_builder *b, uint32_t left, uint32_t right, feat_type *type) {
    const feat_node *l = node_at(b, left), *r = node_at(b, right);
    if (l->type == r->type || r->type == FEAT_TYPE_UNKNOWN) {
        *type = l->type;
        return true;
    }
    if (l->type == FEAT_TYPE_UNKNOWN) {
        *type = r->type;
        return true;
    }
    bool l_text = l->kind == FEAT_NODE_CONST && l->type == FEAT_TYPE_TEXT,
         r_text = r->kind == FEAT_NODE_CONST && r->type == FEAT_TYPE_TEXT;
    if (l_text || r_text) {
        *type = l_text ? r->type : l->type;
        return true;
    }
    feat_type low = l->type < r->type ? l->type : r->type, high = l->type < r->type ? r->type : l->type;
    if ((low == FEAT_TYPE_BIGINT && high == FEAT_TYPE_DOUBLE) ||
        (low == FEAT_TYPE_DATE && high == FEAT_TYPE_TIMESTAMP)) {
        *type = high;
        return true;
    }
    return false;
}

bool feat_build_unify(feat_builder *b, uint32_t *left, uint32_t *right) {
    feat_type type;
    if (!common_type(b, *left, *right, &type)) {
        refuse(b, "%s and %s have no common type; write a CAST", feat_build_type_name(feat_build_type(b, *left)),
               feat_build_type_name(feat_build_type(b, *right)));
        return false;
    }
    *left = feat_build_cast(b, *left, type, false);
    if (*left == FEAT_NO_NODE) return false;
    *right = feat_build_cast(b, *right, type, false);
    return *right != FEAT_NO_NODE;
}

bool feat_build_unify_all(feat_builder *b, uint32_t *nodes, size_t n) {
    /* Once to find the type, from left to right, and once to bring every one to it. */
    for (size_t i = 1; i < n; i++) {
        uint32_t left = nodes[i - 1], right = nodes[i];
        if (!feat_build_unify(b, &left, &right)) return false;
        nodes[i] = right;
    }
    for (size_t i = n; i-- > 1;) {
        nodes[i - 1] = feat_build_cast(b, nodes[i - 1], feat_build_type(b, nodes[n - 1]), false);
        if (nodes[i - 1] == FEAT_NO_NODE) return false;
    }
    return true;
}

/* ---- Operators. ---- */

static uint32_t to_boolean(feat_builder *b, uint32_t node) {
    feat_type type = feat_build_type(b, node);
    if (type == FEAT_TYPE_BOOLEAN) return node;
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BOOLEAN);
    return refuse(b, "expected a condition (BOOLEAN), found %s", feat_build_type_name(type));
}

static bool is_number(feat_type type) {
    return type == FEAT_TYPE_BIGINT || type == FEAT_TYPE_DOUBLE || type == FEAT_TYPE_UNKNOWN;
}

/* Text constants beside numbers become numbers; anything else that is none is refused. */
static bool to_numbers(feat_builder *b, const char *sql, uint32_t *left, uint32_t *right) {
    feat_type l = feat_build_type(b, *left), r = feat_build_type(b, *right);
    if (l == FEAT_TYPE_UNKNOWN && r == FEAT_TYPE_UNKNOWN) *left = feat_build_null(b, FEAT_TYPE_BIGINT);
    if ((!is_number(l) && l != FEAT_TYPE_TEXT) || (!is_number(r) && r != FEAT_TYPE_TEXT) ||
        (l == FEAT_TYPE_TEXT && r == FEAT_TYPE_TEXT)) {
        refuse(b, "'%s' needs numbers, found %s and %s", sql, feat_build_type_name(l), feat_build_type_name(r));
        return false;
    }
    if (*left == FEAT_NO_NODE || !feat_build_unify(b, left, right)) return false;
    if (is_number(feat_build_type(b, *left))) return true;
    refuse(b, "'%s' needs numbers, found %s and %s", sql, feat_build_type_name(l), feat_build_type_name(r));
    return false;
}

static uint32_t arithmetic(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    if (!to_numbers(b, sql, &left, &right)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, left);
    if (strcmp(sql, "/") == 0 && type == FEAT_TYPE_BIGINT) {
        left = feat_build_cast(b, left, FEAT_TYPE_DOUBLE, false);
        if (left != FEAT_NO_NODE) right = feat_build_cast(b, right, FEAT_TYPE_DOUBLE, false);
        if (left == FEAT_NO_NODE || right == FEAT_NO_NODE) return FEAT_NO_NODE;
        type = FEAT_TYPE_DOUBLE;
    }
    if ((strcmp(sql, "//") == 0 || strcmp(sql, "%") == 0) && type == FEAT_TYPE_DOUBLE)
        return refuse(b, "'%s' is for integers; for DOUBLE write x / y, or CAST both to BIGINT", sql);
    return operation(b, sql, type, (uint32_t[]){left, right}, 2);
}

static uint32_t comparison(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    bool swap = strcmp(sql, ">") == 0 || strcmp(sql, ">=") == 0;
    if (feat_build_type(b, left) == FEAT_TYPE_UNKNOWN && feat_build_type(b, right) == FEAT_TYPE_UNKNOWN)
        left = feat_build_null(b, FEAT_TYPE_BIGINT);
    if (left == FEAT_NO_NODE || !feat_build_unify(b, &left, &right)) return FEAT_NO_NODE;
    if (swap) return operation(b, strcmp(sql, ">") == 0 ? "<" : "<=", FEAT_TYPE_BOOLEAN, (uint32_t[]){right, left}, 2);
    return operation(b, sql, FEAT_TYPE_BOOLEAN, (uint32_t[]){left, right}, 2);
}

uint32_t feat_build_binary(feat_builder *b, const char *sql, uint32_t left, uint32_t right) {
    if (strcmp(sql, "and") == 0 || strcmp(sql, "or") == 0) {
        left = to_boolean(b, left);
        if (left != FEAT_NO_NODE) right = to_boolean(b, right);
        if (left == FEAT_NO_NODE || right == FEAT_NO_NODE) return FEAT_NO_NODE;
        return operation(b, sql, FEAT_TYPE_BOOLEAN, (uint32_t[]){left, right}, 2);
    }
    if (strcmp(sql, "is not distinct from") == 0) {
        uint32_t distinct = comparison(b, "is distinct from", left, right);
        return distinct == FEAT_NO_NODE ? distinct : feat_build_not(b, distinct);
    }
    if (strchr("+-*/%", sql[0])) return arithmetic(b, sql, left, right);
    return comparison(b, sql, left, right);
}

uint32_t feat_build_negate(feat_builder *b, uint32_t node) {
    const feat_node *from = node_at(b, node);
    if (from->type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (!is_number(from->type)) return refuse(b, "'-' needs a number, found %s", feat_build_type_name(from->type));
    if (from->kind == FEAT_NODE_CONST && !from->is_null) {
        if (from->type == FEAT_TYPE_DOUBLE) return feat_build_double(b, -from->constant.f);
        if (from->constant.i != INT64_MIN) return feat_build_int(b, FEAT_TYPE_BIGINT, -from->constant.i);
    }
    return operation(b, "-", from->type, &node, 1);
}

uint32_t feat_build_not(feat_builder *b, uint32_t node) {
    node = to_boolean(b, node);
    return node == FEAT_NO_NODE ? node : operation(b, "not", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_is_null(feat_builder *b, uint32_t node) {
    if (feat_build_type(b, node) == FEAT_TYPE_UNKNOWN) return feat_build_int(b, FEAT_TYPE_BOOLEAN, 1);
    return operation(b, "is null", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_is_truth(feat_builder *b, uint32_t node, bool truth) {
    node = truth ? to_boolean(b, node) : feat_build_not(b, node);
    return node == FEAT_NO_NODE ? node : operation(b, "is true", FEAT_TYPE_BOOLEAN, &node, 1);
}

uint32_t feat_build_case(feat_builder *b, uint32_t *conditions, uint32_t *results, size_t n, uint32_t otherwise) {
    if (!feat_build_unify_all(b, results, n)) return FEAT_NO_NODE;
    if (otherwise == FEAT_NO_NODE) otherwise = feat_build_null(b, FEAT_TYPE_UNKNOWN);
    if (otherwise == FEAT_NO_NODE || !feat_build_unify(b, &results[n - 1], &otherwise)) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, otherwise);
    if (type == FEAT_TYPE_UNKNOWN) type = FEAT_TYPE_BIGINT; /* every branch is NULL */
    uint32_t chosen = feat_build_cast(b, otherwise, type, false);
    for (size_t i = n; i-- > 0 && chosen != FEAT_NO_NODE;) {
        uint32_t condition = to_boolean(b, conditions[i]), result = feat_build_cast(b, results[i], type, false);
        if (condition == FEAT_NO_NODE || result == FEAT_NO_NODE) return FEAT_NO_NODE;
        chosen = operation(b, "case", type, (uint32_t[]){condition, result, chosen}, 3);
    }
    return chosen;
}

uint32_t feat_build_call(feat_builder *b, const char *name, uint32_t *args, size_t n) {
    if (strcasecmp(name, "coalesce") == 0 || strcasecmp(name, "ifnull") == 0) {
        if (n < 1 || (strcasecmp(name, "ifnull") == 0 && n != 2))
            return refuse(b, "%s takes %s", name, n < 1 ? "at least one argument" : "two arguments");
        if (!feat_build_unify_all(b, args, n)) return FEAT_NO_NODE;
        if (feat_build_type(b, args[0]) == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
        uint32_t value = args[n - 1];
        for (size_t i = n - 1; i-- > 0 && value != FEAT_NO_NODE;)
            value = operation(b, "coalesce", feat_build_type(b, args[0]), (uint32_t[]){args[i], value}, 2);
        return value;
    }
    if (strcasecmp(name, "nullif") == 0) {
        if (n != 2) return refuse(b, "nullif takes two arguments");
        if (!feat_build_unify(b, &args[0], &args[1])) return FEAT_NO_NODE;
        if (feat_build_type(b, args[0]) == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
        return operation(b, "nullif", feat_build_type(b, args[0]), args, 2);
    }
    if (strcasecmp(name, "abs") == 0) {
        if (n != 1) return refuse(b, "abs takes one argument");
        feat_type type = feat_build_type(b, args[0]);
        if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
        if (!is_number(type)) return refuse(b, "abs needs a number, found %s", feat_build_type_name(type));
        return operation(b, "abs", type, args, 1);
    }
    return refuse(b, "unknown function '%s'", name);
}
