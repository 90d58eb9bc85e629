/* Lists and vectors: literals, elements, conversions, and the functions over them. A literal of constants is one
 * constant, in the encoding of column/nested.h. */
#include "column/list.h"

#include "base/arena.h"
#include "plan/build_parts.h"

#define MOST_VALUES 0xffffff /* the dimensions of a VECTOR */

bool feat_is_list(feat_type type) {
    return FEAT_TYPE_BASE(type) == FEAT_TYPE_LIST || FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR;
}

static bool is_vector(feat_type type) { return FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR; }

static uint32_t no_memory(feat_builder *b) {
    b->reason[0] = 0;
    b->no_memory = true;
    return FEAT_NO_NODE;
}

static bool is_constant_list(const feat_builder *b, uint32_t node) {
    const feat_node *n = feat_build_at(b, node);
    return n->kind == FEAT_NODE_CONST && !n->is_null && feat_is_list(n->type);
}

/* A type as an operator's argument. */
static uint32_t type_argument(feat_builder *b, feat_type type) {
    return feat_build_int(b, FEAT_TYPE_BIGINT, (int64_t)type);
}

/* An operator whose last argument is the type of its list. */
static uint32_t list_op2(feat_builder *b, feat_op op, feat_type result, uint32_t x, feat_type type) {
    return x == FEAT_NO_NODE ? x : feat_build_op2(b, op, result, x, type_argument(b, type));
}

static uint32_t list_op3(feat_builder *b, feat_op op, feat_type result, uint32_t x, uint32_t y, feat_type type) {
    if (x == FEAT_NO_NODE || y == FEAT_NO_NODE) return FEAT_NO_NODE;
    return feat_build_op(b, op, result, (uint32_t[]){x, y, type_argument(b, type)}, 3);
}

/* The operator of a family for elements of a type; the families are in the order B, I, F, T, W, V. */
static feat_op op_of(feat_op family, feat_type element) {
    switch (feat_class_of(element)) {
    case FEAT_CLASS_I: return (feat_op)(family + 1);
    case FEAT_CLASS_F: return (feat_op)(family + 2);
    case FEAT_CLASS_T: return (feat_op)(family + 3);
    case FEAT_CLASS_W: return (feat_op)(family + 4);
    case FEAT_CLASS_V: return (feat_op)(family + 5);
    default: return family;
    }
}
_Static_assert(FEAT_OP_LIST_AT_V == FEAT_OP_LIST_AT_B + 5 && FEAT_OP_LIST_ONE_V == FEAT_OP_LIST_ONE_B + 5, "in order");

/* ---- Constants. ---- */

static int append_constant(feat_column *to, const feat_node *node) {
    if (node->is_null) return feat_column_append_null(to);
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_F: return feat_column_append_double(to, node->constant.f);
    case FEAT_CLASS_T: return feat_column_append_text(to, node->constant.t.data, node->constant.t.length);
    case FEAT_CLASS_W: return feat_column_append_wide(to, node->constant.w);
    case FEAT_CLASS_V: return feat_column_append_interval(to, node->constant.p);
    default: return feat_column_append_int(to, node->constant.i);
    }
}

/* The constant of constants; all are of the element's type. */
static uint32_t encode(feat_builder *b, feat_type type, const uint32_t *nodes, size_t n) {
    feat_column elements;
    feat_buffer bytes;
    feat_error err = {0};
    feat_column_init(&elements, feat_nested_element(type));
    feat_buffer_init(&bytes);
    int failed = 0;
    for (size_t i = 0; i < n && failed == 0; i++) failed = append_constant(&elements, feat_build_at(b, nodes[i]));
    feat_status status = failed ? FEAT_MEMORY : feat_nested_encode(type, NULL, &elements, 0, n, &bytes, &err);
    uint32_t made;
    if (status == FEAT_OK)
        made = feat_build_add(
            b,
            &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.t = {(const char *)bytes.data, bytes.size}});
    else made = status == FEAT_MEMORY ? no_memory(b) : feat_build_refuse(b, "%s", err.message);
    feat_column_done(&elements);
    feat_buffer_done(&bytes);
    return made;
}

static bool layout_of(const feat_builder *b, uint32_t node, feat_nested_layout *list) {
    const feat_node *n = feat_build_at(b, node);
    return feat_list_read(n->type, n->constant.t, list);
}

static uint32_t element_constant(feat_builder *b, const feat_nested_layout *list, size_t i) {
    feat_node node = {.kind = FEAT_NODE_CONST, .type = list->elements.type};
    feat_element e;
    if (!feat_list_get(list, i, &e)) return feat_build_null(b, node.type);
    switch (feat_class_of(node.type)) {
    case FEAT_CLASS_B: node.constant.i = e.b; break;
    case FEAT_CLASS_F: node.constant.f = e.f; break;
    case FEAT_CLASS_T: node.constant.t = e.t; break;
    case FEAT_CLASS_W: node.constant.w = e.w; break;
    case FEAT_CLASS_V: node.constant.p = e.p; break;
    default: node.constant.i = e.i;
    }
    return feat_build_add(b, &node);
}

/* The elements of a constant list as constants, NULL when there is no memory for them. */
static uint32_t *elements_of(feat_builder *b, uint32_t node, size_t *n) {
    feat_nested_layout list;
    /* A node's own bytes stay where they are while nodes are added. */
    uint32_t *nodes = layout_of(b, node, &list) ? feat_arena_array(b->pool->arena, list.n + 1, sizeof *nodes) : NULL;
    if (!nodes) {
        no_memory(b);
        return NULL;
    }
    *n = list.n;
    for (size_t i = 0; i < list.n; i++) {
        nodes[i] = element_constant(b, &list, i);
        if (nodes[i] == FEAT_NO_NODE) return NULL;
    }
    return nodes;
}

bool feat_is_untyped_list(const feat_builder *b, uint32_t node) {
    feat_nested_layout list;
    feat_element e;
    if (!is_constant_list(b, node) || !layout_of(b, node, &list)) return false;
    for (size_t i = 0; i < list.n; i++)
        if (feat_list_get(&list, i, &e)) return false;
    return true;
}

/* ---- Conversion. ---- */

feat_type feat_list_common(feat_type a, feat_type b) {
    feat_type element = feat_type_common(feat_nested_element(a), feat_nested_element(b));
    if (element == FEAT_TYPE_UNKNOWN || !is_vector(a) || !is_vector(b))
        return element == FEAT_TYPE_UNKNOWN ? element : FEAT_TYPE_LIST_OF(element);
    if (FEAT_TYPE_DIMENSIONS(a) != FEAT_TYPE_DIMENSIONS(b)) return FEAT_TYPE_UNKNOWN;
    return FEAT_TYPE_VECTOR_OF(element, FEAT_TYPE_DIMENSIONS(a));
}

static uint32_t cannot_convert(feat_builder *b, feat_type from, feat_type to) {
    char x[FEAT_TYPE_TEXT_SIZE], y[FEAT_TYPE_TEXT_SIZE];
    return feat_build_refuse(b, "cannot convert %s to %s", feat_type_format(from, x), feat_type_format(to, y));
}

/* As the bodies do it, where that gives a value. */
static uint32_t constant_converted(feat_builder *b, uint32_t node, feat_type type) {
    const feat_node *from = feat_build_at(b, node);
    feat_scratch scratch;
    feat_text made;
    uint32_t result = FEAT_NO_NODE;
    feat_scratch_init(&scratch);
    if (feat_list_cast(&scratch, from->type, from->constant.t, type, &made))
        result = scratch.failed
                     ? no_memory(b)
                     : feat_build_add(b, &(feat_node){.kind = FEAT_NODE_CONST, .type = type, .constant.t = made});
    feat_scratch_done(&scratch);
    return result;
}

static uint32_t each_converted(feat_builder *b, uint32_t node, feat_type type) {
    size_t n = 0;
    uint32_t *nodes = elements_of(b, node, &n);
    for (size_t i = 0; nodes && i < n; i++) {
        nodes[i] = feat_build_convert(b, nodes[i], feat_nested_element(type));
        if (nodes[i] == FEAT_NO_NODE) return FEAT_NO_NODE;
        if (!feat_build_is_constant(b, nodes[i])) return cannot_convert(b, feat_build_type(b, node), type);
    }
    return nodes ? encode(b, type, nodes, n) : FEAT_NO_NODE;
}

uint32_t feat_build_list_convert(feat_builder *b, uint32_t node, feat_type type) {
    feat_type from = feat_build_type(b, node);
    if (!feat_is_list(from) || !feat_is_list(type)) return cannot_convert(b, from, type);
    if (is_constant_list(b, node)) {
        feat_nested_layout list;
        if (layout_of(b, node, &list) && is_vector(type) && list.n != FEAT_TYPE_DIMENSIONS(type)) {
            char text[FEAT_TYPE_TEXT_SIZE];
            return feat_build_refuse(b, "this list has %zu elements, a %s has %u", list.n, feat_type_format(type, text),
                                     (unsigned)FEAT_TYPE_DIMENSIONS(type));
        }
        if (!feat_list_converts(from, type)) return each_converted(b, node, type);
        uint32_t made = constant_converted(b, node, type);
        if (made != FEAT_NO_NODE || b->no_memory) return made;
    }
    if (!feat_list_converts(from, type)) return cannot_convert(b, from, type);
    return feat_build_op(b, FEAT_OP_LIST_CAST, type, (uint32_t[]){node, type_argument(b, from), type_argument(b, type)},
                         3);
}

/* The literals in a constant list take the type of the elements of `other`, where they all can, and a list that stands
 * beside a vector of as many elements becomes one. */
uint32_t feat_build_list_adapt(feat_builder *b, uint32_t node, feat_type other) {
    size_t n = 0;
    feat_type element = feat_nested_element(other);
    uint32_t *nodes = elements_of(b, node, &n);
    if (!nodes) return FEAT_NO_NODE;
    for (size_t i = 0; i < n; i++) {
        uint32_t typed = feat_build_null(b, element);
        if (typed == FEAT_NO_NODE) return typed;
        if (feat_build_at(b, nodes[i])->is_null) nodes[i] = typed;
        else if (!feat_build_adapt(b, &nodes[i], &typed)) return FEAT_NO_NODE;
        feat_type type = feat_build_type(b, nodes[i]);
        if (type != element && feat_type_common(type, element) == element)
            nodes[i] = feat_build_convert(b, nodes[i], element);
        if (nodes[i] == FEAT_NO_NODE) return nodes[i];
        if (feat_build_type(b, nodes[i]) != element || !feat_build_is_constant(b, nodes[i])) return node;
    }
    bool vector = is_vector(other) && FEAT_TYPE_DIMENSIONS(other) == n;
    return encode(b, vector ? other : FEAT_TYPE_LIST_OF(element), nodes, n);
}

/* Equal doubles are not always equal bytes: -0 equals 0. */
uint32_t feat_build_list_compared(feat_builder *b, uint32_t node) {
    feat_type type = feat_build_type(b, node);
    if (!feat_is_list(type) || !feat_is_float(feat_nested_element(type))) return node;
    return list_op2(b, FEAT_OP_LIST_COMPARED, type, node, type);
}

/* ---- Literals. ---- */

/* A list of one element, which may be NULL. */
static uint32_t list_of_one(feat_builder *b, uint32_t node, bool or_null) {
    feat_type element = feat_build_type(b, node), type = FEAT_TYPE_LIST_OF(element);
    if (feat_build_is_constant(b, node) && (or_null || !feat_build_at(b, node)->is_null))
        return encode(b, type, &node, 1);
    uint32_t one = list_op2(b, op_of(FEAT_OP_LIST_ONE_B, element), type, node, type);
    if (!or_null || one == FEAT_NO_NODE) return one;
    uint32_t null = feat_build_null(b, element), otherwise = null == FEAT_NO_NODE ? null : encode(b, type, &null, 1);
    return feat_build_named(b, "coalesce", type, (uint32_t[]){one, otherwise}, 2);
}

/* Brought together two by two, so that the elements of long lists are not moved again and again. */
static uint32_t joined(feat_builder *b, feat_type type, const uint32_t *lists, size_t n) {
    if (n == 1) return lists[0];
    uint32_t left = joined(b, type, lists, n / 2);
    if (left == FEAT_NO_NODE) return left;
    return list_op3(b, FEAT_OP_LIST_CONCAT, type, left, joined(b, type, lists + n / 2, n - n / 2), type);
}

static bool element_type(feat_builder *b, feat_type type) {
    if (feat_type_valid(FEAT_TYPE_LIST_OF(type))) return true;
    feat_build_refuse(b, "a list cannot have elements of type %s", feat_build_type_name(type));
    return false;
}

static uint32_t list_of(feat_builder *b, uint32_t *nodes, size_t n) {
    if (!feat_build_unify_all(b, nodes, n)) return FEAT_NO_NODE;
    feat_type element = n ? feat_build_type(b, nodes[0]) : FEAT_TYPE_UNKNOWN;
    if (element == FEAT_TYPE_UNKNOWN) element = FEAT_TYPE_BIGINT; /* no element says more; see feat_build_list_adapt */
    if (!element_type(b, element)) return FEAT_NO_NODE;
    feat_type type = FEAT_TYPE_LIST_OF(element);
    size_t n_lists = 0;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && feat_build_is_constant(b, nodes[end]); end++) {
        }
        uint32_t made = end > i ? encode(b, type, nodes + i, end - i) : list_of_one(b, nodes[end++], true);
        if (made == FEAT_NO_NODE) return made;
        nodes[n_lists++] = made; /* no more lists than elements seen */
    }
    return n_lists ? joined(b, type, nodes, n_lists) : encode(b, type, NULL, 0);
}

static uint32_t build_list_value(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    uint32_t list = list_of(b, args, n);
    if (list == FEAT_NO_NODE || !function->parameter) return list;
    if (n > MOST_VALUES) return feat_build_refuse(b, "a vector has at most %d elements", MOST_VALUES);
    feat_type element = feat_nested_element(feat_build_type(b, list));
    return feat_build_list_convert(b, list, FEAT_TYPE_VECTOR_OF(element, n));
}

/* ---- Elements. ---- */

static uint32_t needs_list(feat_builder *b, const char *what, uint32_t node) {
    char text[FEAT_TYPE_TEXT_SIZE];
    return feat_build_refuse(b, "%s needs a list or vector, found %s", what,
                             feat_type_format(feat_build_type(b, node), text));
}

uint32_t feat_build_list_at(feat_builder *b, uint32_t list, uint32_t index) {
    feat_type type = feat_build_type(b, list), at = feat_build_type(b, index);
    if (type == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (type == FEAT_TYPE_TEXT) {
        uint32_t args[] = {list, index, feat_build_int(b, FEAT_TYPE_BIGINT, 1)};
        return args[2] == FEAT_NO_NODE ? args[2] : feat_build_call(b, "substring", args, 3);
    }
    if (!feat_is_list(type)) return needs_list(b, "[ ]", list);
    if (!feat_is_integer(at) && at != FEAT_TYPE_UNKNOWN)
        return feat_build_refuse(b, "the number of an element is an integer, found %s", feat_build_type_name(at));
    index = feat_build_convert(b, index, FEAT_TYPE_BIGINT);
    feat_type element = feat_nested_element(type);
    return list_op3(b, op_of(FEAT_OP_LIST_AT_B, element), element, list, index, type);
}

static uint32_t build_extract(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)function, (void)n;
    return feat_build_list_at(b, args[0], args[1]);
}

uint32_t feat_build_list_length(feat_builder *b, uint32_t list) {
    return list_op2(b, FEAT_OP_LIST_LENGTH, FEAT_TYPE_BIGINT, list, feat_build_type(b, list));
}

static uint32_t build_length(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (feat_build_type(b, args[0]) == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_BIGINT);
    if (!feat_is_list(feat_build_type(b, args[0]))) return needs_list(b, function->name, args[0]);
    return feat_build_list_length(b, args[0]);
}

/* ---- Bringing together. ---- */

static uint32_t concat_two(feat_builder *b, uint32_t left, uint32_t right) {
    if (!feat_build_adapt(b, &left, &right)) return FEAT_NO_NODE;
    feat_type element =
        feat_type_common(feat_nested_element(feat_build_type(b, left)), feat_nested_element(feat_build_type(b, right)));
    if (element == FEAT_TYPE_UNKNOWN) return cannot_convert(b, feat_build_type(b, right), feat_build_type(b, left));
    feat_type type = FEAT_TYPE_LIST_OF(element);
    left = feat_build_convert(b, left, type);
    if (left != FEAT_NO_NODE) right = feat_build_convert(b, right, type);
    return list_op3(b, FEAT_OP_LIST_CONCAT, type, left, right, type);
}

uint32_t feat_build_list_concat(feat_builder *b, uint32_t left, uint32_t right) {
    feat_type x = feat_build_type(b, left), y = feat_build_type(b, right);
    if (x != FEAT_TYPE_UNKNOWN && !feat_is_list(x)) return needs_list(b, "||", left);
    if (y != FEAT_TYPE_UNKNOWN && !feat_is_list(y)) return needs_list(b, "||", right);
    if (x == FEAT_TYPE_UNKNOWN) left = feat_build_null(b, y);
    if (y == FEAT_TYPE_UNKNOWN) right = feat_build_null(b, x);
    return left == FEAT_NO_NODE || right == FEAT_NO_NODE ? FEAT_NO_NODE : concat_two(b, left, right);
}

/* The type of elements that lists have in common; literals among them adapt. Bare NULLs are left out. */
static feat_type common_element(feat_builder *b, const char *what, uint32_t *lists, size_t n) {
    feat_type element = FEAT_TYPE_UNKNOWN;
    uint32_t before = FEAT_NO_NODE;
    for (size_t i = 0; i < n; i++) {
        feat_type type = feat_build_type(b, lists[i]);
        if (type == FEAT_TYPE_UNKNOWN) continue;
        if (!feat_is_list(type)) {
            needs_list(b, what, lists[i]);
            return FEAT_TYPE_UNKNOWN;
        }
        element = feat_nested_element(type);
        if (before == FEAT_NO_NODE) {
            before = lists[i];
            continue;
        }
        if (!feat_build_adapt(b, &before, &lists[i])) return FEAT_TYPE_UNKNOWN;
        feat_type left = feat_build_type(b, before), right = feat_build_type(b, lists[i]);
        element = feat_type_common(feat_nested_element(left), feat_nested_element(right));
        if (element == FEAT_TYPE_UNKNOWN) {
            cannot_convert(b, right, left);
            return element;
        }
        before = feat_build_null(b, FEAT_TYPE_LIST_OF(element));
        if (before == FEAT_NO_NODE) return FEAT_TYPE_UNKNOWN;
    }
    return element;
}

/* NULLs do not count: a list that is one has no elements. */
static uint32_t build_concat(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    b->reason[0] = 0;
    feat_type element = common_element(b, function->name, args, n);
    if (element == FEAT_TYPE_UNKNOWN && (b->reason[0] || b->no_memory)) return FEAT_NO_NODE;
    if (element == FEAT_TYPE_UNKNOWN) return feat_build_null(b, FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT));
    feat_type type = FEAT_TYPE_LIST_OF(element);
    uint32_t empty = encode(b, type, NULL, 0);
    if (empty == FEAT_NO_NODE) return empty;
    for (size_t i = 0; i < n; i++) {
        args[i] = feat_build_convert(b, args[i], type);
        if (args[i] == FEAT_NO_NODE) return args[i];
        if (!is_constant_list(b, args[i]))
            args[i] = feat_build_named(b, "coalesce", type, (uint32_t[]){args[i], empty}, 2);
        if (args[i] == FEAT_NO_NODE) return args[i];
    }
    return joined(b, type, args, n);
}

/* list_append(list, x), list_prepend(x, list): `parameter` says where the list is. */
static uint32_t build_append(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    size_t at = (size_t)function->parameter;
    uint32_t list = args[at], x = args[1 - at], element;
    if (feat_build_type(b, list) != FEAT_TYPE_UNKNOWN && !feat_is_list(feat_build_type(b, list)))
        return needs_list(b, function->name, list);
    if (feat_build_type(b, list) != FEAT_TYPE_UNKNOWN) {
        /* A literal takes the type of the elements. */
        element = feat_build_null(b, feat_nested_element(feat_build_type(b, list)));
        if (element == FEAT_NO_NODE || !feat_build_unify(b, &x, &element)) return FEAT_NO_NODE;
    }
    x = list_of(b, &x, 1);
    if (x == FEAT_NO_NODE) return x;
    return build_concat(b, function, (uint32_t[]){at ? x : list, at ? list : x}, n);
}

/* ---- Searching. ---- */

/* Brings a list and what is compared with its elements to one type of elements. The list becomes a LIST. */
static bool unify_element(feat_builder *b, const char *what, uint32_t *list, uint32_t *x) {
    if (feat_build_type(b, *list) == FEAT_TYPE_UNKNOWN) {
        *list = feat_build_null(b, FEAT_TYPE_LIST_OF(FEAT_TYPE_BIGINT));
        if (*list == FEAT_NO_NODE) return false;
    }
    if (!feat_is_list(feat_build_type(b, *list))) {
        needs_list(b, what, *list);
        return false;
    }
    feat_type own = feat_build_type(b, *x);
    if (own != FEAT_TYPE_UNKNOWN && !element_type(b, own)) return false;
    /* Of a literal and a list of them the list has the say, unless nothing is in it that has a type. */
    bool adapts = own != FEAT_TYPE_UNKNOWN && (!feat_build_is_constant(b, *x) || feat_is_untyped_list(b, *list));
    if (adapts && is_constant_list(b, *list)) {
        *list = feat_build_list_adapt(b, *list, FEAT_TYPE_LIST_OF(own));
        if (*list == FEAT_NO_NODE) return false;
    }
    uint32_t element = feat_build_null(b, feat_nested_element(feat_build_type(b, *list)));
    if (element == FEAT_NO_NODE || !feat_build_unify(b, x, &element)) return false;
    *list = feat_build_convert(b, *list, FEAT_TYPE_LIST_OF(feat_build_type(b, *x)));
    return *list != FEAT_NO_NODE;
}

/* list_contains is NULL where x is; list_position finds a NULL. */
static uint32_t build_search(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    bool position = function->parameter;
    if (!unify_element(b, function->name, &args[0], &args[1])) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    uint32_t one = list_of_one(b, args[1], position);
    return position ? list_op3(b, FEAT_OP_LIST_POSITION, FEAT_TYPE_BIGINT, args[0], one, type)
                    : list_op3(b, FEAT_OP_LIST_CONTAINS, FEAT_TYPE_BOOLEAN, args[0], one, type);
}

/* ---- Vectors. ---- */

static bool is_numbers(feat_type type) {
    return type == FEAT_TYPE_UNKNOWN || (feat_is_list(type) && feat_is_number(feat_nested_element(type)));
}

/* REAL or DOUBLE elements; what is neither becomes DOUBLE. */
static feat_type computed(feat_type element) { return element == FEAT_TYPE_REAL ? element : FEAT_TYPE_DOUBLE; }

static uint32_t needs_numbers(feat_builder *b, const char *what, feat_type type) {
    char text[FEAT_TYPE_TEXT_SIZE];
    return feat_build_refuse(b, "%s needs lists or vectors of numbers, found %s", what, feat_type_format(type, text));
}

static size_t known_length(const feat_builder *b, uint32_t node, bool *known) {
    feat_nested_layout list = {0};
    feat_type type = feat_build_type(b, node);
    *known = is_vector(type) || is_constant_list(b, node);
    if (is_vector(type)) return FEAT_TYPE_DIMENSIONS(type);
    if (*known) *known = layout_of(b, node, &list);
    return list.n;
}

/* Both to one type, a vector when either is. */
static bool unify_vectors(feat_builder *b, const char *what, uint32_t *left, uint32_t *right) {
    feat_type x = feat_build_type(b, *left), y = feat_build_type(b, *right);
    bool known_left, known_right;
    if (!is_numbers(x) || !is_numbers(y)) {
        needs_numbers(b, what, is_numbers(x) ? y : x);
        return false;
    }
    if (x == FEAT_TYPE_UNKNOWN) *left = feat_build_null(b, y ? y : FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE));
    if (*left != FEAT_NO_NODE && y == FEAT_TYPE_UNKNOWN) *right = feat_build_null(b, feat_build_type(b, *left));
    if (*left == FEAT_NO_NODE || *right == FEAT_NO_NODE || !feat_build_adapt(b, left, right)) return false;
    size_t n = known_length(b, *left, &known_left), m = known_length(b, *right, &known_right);
    if (known_left && known_right && n != m) {
        feat_build_refuse(b, "%s needs two of one length, found %zu and %zu elements", what, n, m);
        return false;
    }
    x = feat_build_type(b, *left);
    y = feat_build_type(b, *right);
    feat_type element = computed(feat_type_common(feat_nested_element(x), feat_nested_element(y)));
    feat_type type = FEAT_TYPE_LIST_OF(element);
    if (known_left && known_right && (is_vector(x) || is_vector(y))) type = FEAT_TYPE_VECTOR_OF(element, n);
    *left = feat_build_convert(b, *left, type);
    if (*left != FEAT_NO_NODE) *right = feat_build_convert(b, *right, type);
    return *left != FEAT_NO_NODE && *right != FEAT_NO_NODE;
}

/* `parameter` is the operator. */
static uint32_t build_of_two(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (!unify_vectors(b, function->name, &args[0], &args[1])) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    uint32_t made = list_op3(b, (feat_op)function->parameter, FEAT_TYPE_DOUBLE, args[0], args[1], type);
    return feat_build_fit(b, made, feat_nested_element(type));
}

/* 1 - the similarity. */
static uint32_t build_cosine_distance(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    if (!unify_vectors(b, function->name, &args[0], &args[1])) return FEAT_NO_NODE;
    feat_type type = feat_build_type(b, args[0]);
    uint32_t similarity = list_op3(b, FEAT_OP_LIST_COSINE, FEAT_TYPE_DOUBLE, args[0], args[1], type),
             one = feat_build_double(b, 1.0);
    if (similarity == FEAT_NO_NODE || one == FEAT_NO_NODE) return FEAT_NO_NODE;
    uint32_t made = feat_build_op2(b, FEAT_OP_SUB_F, FEAT_TYPE_DOUBLE, one, similarity);
    return feat_build_fit(b, made, feat_nested_element(type));
}

static uint32_t build_normalize(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    (void)n;
    feat_type type = feat_build_type(b, args[0]);
    if (!is_numbers(type)) return needs_numbers(b, function->name, type);
    if (type == FEAT_TYPE_UNKNOWN) type = FEAT_TYPE_LIST_OF(FEAT_TYPE_DOUBLE);
    feat_type element = computed(feat_nested_element(type)),
              made = is_vector(type) ? FEAT_TYPE_VECTOR_OF(element, FEAT_TYPE_DIMENSIONS(type))
                                     : FEAT_TYPE_LIST_OF(element);
    return list_op2(b, FEAT_OP_LIST_NORMALIZE, made, feat_build_convert(b, args[0], made), made);
}

/* ---- Encodings for models: of x and a constant list. ---- */

static bool prepare_encoding(feat_builder *b, const feat_function *function, uint32_t *args, feat_nested_layout *list) {
    if (!is_constant_list(b, args[1])) {
        feat_build_refuse(b, "%s needs a constant list behind x, such as %s(x, [1, 2, 3])", function->name,
                          function->name);
        return false;
    }
    if (!unify_element(b, function->name, &args[1], &args[0])) return false;
    if (is_constant_list(b, args[1]) && layout_of(b, args[1], list)) return true;
    feat_build_refuse(b, "an element of the list of %s cannot be converted to %s", function->name,
                      feat_build_type_name(feat_build_type(b, args[0])));
    return false;
}

static uint32_t build_bucketize(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_nested_layout edges;
    (void)n;
    if (!prepare_encoding(b, function, args, &edges)) return FEAT_NO_NODE;
    if (!feat_list_ascends(&edges))
        return feat_build_refuse(b, "the edges of bucketize must ascend, each above the one before, and none be NULL");
    return list_op3(b, FEAT_OP_LIST_BUCKET, FEAT_TYPE_BIGINT, args[1], list_of_one(b, args[0], false),
                    feat_build_type(b, args[1]));
}

static uint32_t build_one_hot(feat_builder *b, const feat_function *function, uint32_t *args, size_t n) {
    feat_nested_layout values;
    (void)n;
    if (!prepare_encoding(b, function, args, &values)) return FEAT_NO_NODE;
    if (values.n == 0 || values.n > MOST_VALUES)
        return feat_build_refuse(b, "one_hot takes 1 to %d values, found %zu", MOST_VALUES, values.n);
    return list_op3(b, FEAT_OP_LIST_ONE_HOT, FEAT_TYPE_VECTOR_OF(FEAT_TYPE_DOUBLE, values.n), args[1],
                    list_of_one(b, args[0], values.present != NULL), feat_build_type(b, args[1]));
}

#define ANY_NUMBER ((size_t)-1)

const feat_function feat_list_functions[] = {
    {"list_value", 0, ANY_NUMBER, false, build_list_value, false},
    {"list_pack", 0, ANY_NUMBER, false, build_list_value, false},
    {"array_value", 1, ANY_NUMBER, false, build_list_value, true},
    {"list_extract", 2, 2, false, build_extract, 0},
    {"list_element", 2, 2, false, build_extract, 0},
    {"array_extract", 2, 2, false, build_extract, 0},
    {"array_length", 1, 1, false, build_length, 0},
    {"list_concat", 1, ANY_NUMBER, false, build_concat, 0},
    {"list_cat", 1, ANY_NUMBER, false, build_concat, 0},
    {"array_concat", 1, ANY_NUMBER, false, build_concat, 0},
    {"array_cat", 1, ANY_NUMBER, false, build_concat, 0},
    {"list_append", 2, 2, false, build_append, 0},
    {"array_append", 2, 2, false, build_append, 0},
    {"list_prepend", 2, 2, false, build_append, 1},
    {"array_prepend", 2, 2, false, build_append, 1},
    {"list_contains", 2, 2, false, build_search, false},
    {"list_has", 2, 2, false, build_search, false},
    {"array_contains", 2, 2, false, build_search, false},
    {"array_has", 2, 2, false, build_search, false},
    {"list_position", 2, 2, false, build_search, true},
    {"list_indexof", 2, 2, false, build_search, true},
    {"array_position", 2, 2, false, build_search, true},
    {"array_indexof", 2, 2, false, build_search, true},
    {"dot_product", 2, 2, false, build_of_two, FEAT_OP_LIST_DOT},
    {"list_dot_product", 2, 2, false, build_of_two, FEAT_OP_LIST_DOT},
    {"list_inner_product", 2, 2, false, build_of_two, FEAT_OP_LIST_DOT},
    {"array_dot_product", 2, 2, false, build_of_two, FEAT_OP_LIST_DOT},
    {"array_inner_product", 2, 2, false, build_of_two, FEAT_OP_LIST_DOT},
    {"cosine_similarity", 2, 2, false, build_of_two, FEAT_OP_LIST_COSINE},
    {"list_cosine_similarity", 2, 2, false, build_of_two, FEAT_OP_LIST_COSINE},
    {"array_cosine_similarity", 2, 2, false, build_of_two, FEAT_OP_LIST_COSINE},
    {"cosine_distance", 2, 2, false, build_cosine_distance, 0},
    {"list_cosine_distance", 2, 2, false, build_cosine_distance, 0},
    {"array_cosine_distance", 2, 2, false, build_cosine_distance, 0},
    {"l2_distance", 2, 2, false, build_of_two, FEAT_OP_LIST_DISTANCE},
    {"list_distance", 2, 2, false, build_of_two, FEAT_OP_LIST_DISTANCE},
    {"array_distance", 2, 2, false, build_of_two, FEAT_OP_LIST_DISTANCE},
    {"l2_normalize", 1, 1, false, build_normalize, 0},
    {"bucketize", 2, 2, false, build_bucketize, 0},
    {"one_hot", 2, 2, false, build_one_hot, 0},
    {NULL, 0, 0, false, NULL, 0},
};
