/* Bodies over lists and vectors; see body.h. Types and bytes may come from a record that was damaged: what does not fit
 * together is an error value. */
#ifndef FEAT_LIB_EXEC_BODY_LIST_H
#define FEAT_LIB_EXEC_BODY_LIST_H

#include <string.h>

#include "base/little.h"
#include "column/list.h"
#include "exec/exec.h"
#include "math/vector.h"

/* The layout of a value of type number `type`; false, and an error, when it has none. */
static inline bool feat_list_open(feat_text bytes, int64_t type, feat_nested_layout *list, uint8_t *state) {
    bool fits = feat_list_read((feat_type)type, bytes, list);
    if (!fits) *state = FEAT_STATE_ERROR;
    return fits;
}

/* ---- making ---- */

static inline feat_text feat_list_of_one(feat_scratch *scratch, feat_element element, feat_class class, int64_t type,
                                         uint8_t *state) {
    feat_text out = {"", 0};
    if (feat_class_of(feat_nested_element((feat_type)type)) != class ||
        !feat_list_one(scratch, (feat_type)type, element, &out))
        *state = FEAT_STATE_ERROR;
    return out;
}

static inline feat_text feat_body_list_one_b(feat_scratch *scratch, uint8_t a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.b = a}, FEAT_CLASS_B, type, state);
}
static inline feat_text feat_body_list_one_i(feat_scratch *scratch, int64_t a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.i = a}, FEAT_CLASS_I, type, state);
}
static inline feat_text feat_body_list_one_f(feat_scratch *scratch, double a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.f = a}, FEAT_CLASS_F, type, state);
}
static inline feat_text feat_body_list_one_t(feat_scratch *scratch, feat_text a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.t = a}, FEAT_CLASS_T, type, state);
}
static inline feat_text feat_body_list_one_w(feat_scratch *scratch, feat_int128 a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.w = a}, FEAT_CLASS_W, type, state);
}
static inline feat_text feat_body_list_one_v(feat_scratch *scratch, feat_interval a, int64_t type, uint8_t *state) {
    return feat_list_of_one(scratch, (feat_element){.p = a}, FEAT_CLASS_V, type, state);
}

static inline feat_text feat_body_list_concat(feat_scratch *scratch, feat_text a, feat_text b, int64_t type,
                                              uint8_t *state) {
    feat_text out = {"", 0};
    if (!feat_list_concat(scratch, (feat_type)type, a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

static inline feat_text feat_body_list_cast(feat_scratch *scratch, feat_text a, int64_t from, int64_t to,
                                            uint8_t *state) {
    feat_text out = {"", 0};
    if (!feat_list_cast(scratch, (feat_type)from, a, (feat_type)to, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

/* ---- elements ---- */

static inline feat_element feat_list_at(feat_text a, int64_t i, feat_class class, int64_t type, uint8_t *state) {
    feat_nested_layout list;
    feat_element out = {.t = {"", 0}};
    if (!feat_list_open(a, type, &list, state)) return out;
    int64_t n = (int64_t)list.n, at = i > 0 ? i - 1 : i + n; /* 0 is out of range: n */
    if (feat_class_of(list.elements.type) != class) *state = FEAT_STATE_ERROR;
    else if (i == 0 || at < 0 || at >= n || !feat_list_get(&list, (size_t)at, &out)) *state = FEAT_STATE_NULL;
    return out;
}

static inline uint8_t feat_body_list_at_b(feat_scratch *scratch, feat_text a, int64_t i, int64_t type, uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_B, type, state).b;
}
static inline int64_t feat_body_list_at_i(feat_scratch *scratch, feat_text a, int64_t i, int64_t type, uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_I, type, state).i;
}
static inline double feat_body_list_at_f(feat_scratch *scratch, feat_text a, int64_t i, int64_t type, uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_F, type, state).f;
}
static inline feat_text feat_body_list_at_t(feat_scratch *scratch, feat_text a, int64_t i, int64_t type,
                                            uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_T, type, state).t;
}
static inline feat_int128 feat_body_list_at_w(feat_scratch *scratch, feat_text a, int64_t i, int64_t type,
                                              uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_W, type, state).w;
}
static inline feat_interval feat_body_list_at_v(feat_scratch *scratch, feat_text a, int64_t i, int64_t type,
                                                uint8_t *state) {
    (void)scratch;
    return feat_list_at(a, i, FEAT_CLASS_V, type, state).p;
}

static inline int64_t feat_body_list_length(feat_scratch *scratch, feat_text a, int64_t type, uint8_t *state) {
    feat_nested_layout list;
    (void)scratch;
    return feat_list_open(a, type, &list, state) ? (int64_t)list.n : 0;
}

/* Both lists, the second of one element; `type` is that of the first. */
static inline bool feat_list_open_one(feat_text a, feat_text b, int64_t type, feat_nested_layout *list,
                                      feat_nested_layout *one, uint8_t *state) {
    if (!feat_list_open(a, type, list, state) ||
        !feat_list_open(b, (int64_t)FEAT_TYPE_LIST_OF(list->elements.type), one, state))
        return false;
    if (one->n != 1) *state = FEAT_STATE_ERROR;
    return one->n == 1;
}

static inline int64_t feat_body_list_position(feat_scratch *scratch, feat_text a, feat_text b, int64_t type,
                                              uint8_t *state) {
    feat_nested_layout list, one;
    (void)scratch;
    if (!feat_list_open_one(a, b, type, &list, &one, state)) return 0;
    size_t at = feat_list_find(&list, &one);
    if (at == list.n) *state = FEAT_STATE_NULL;
    return (int64_t)at + 1;
}

static inline uint8_t feat_body_list_contains(feat_scratch *scratch, feat_text a, feat_text b, int64_t type,
                                              uint8_t *state) {
    feat_nested_layout list, one;
    (void)scratch;
    return feat_list_open_one(a, b, type, &list, &one, state) && feat_list_find(&list, &one) < list.n;
}

static inline feat_text feat_body_list_compared(feat_scratch *scratch, feat_text a, int64_t type, uint8_t *state) {
    feat_nested_layout list;
    feat_text out = a;
    if (feat_list_open(a, type, &list, state)) feat_list_without_negative_zero(scratch, &list, a, &out);
    return out;
}

/* ---- vectors ---- */

/* Elements to compute with; false, and an error, when they are none, or one is NULL. */
static inline bool feat_list_numbers(feat_text a, int64_t type, feat_elements *v, uint8_t *state) {
    feat_nested_layout list;
    if (!feat_list_open(a, type, &list, state)) return false;
    feat_type element = list.elements.type;
    if ((element != FEAT_TYPE_REAL && element != FEAT_TYPE_DOUBLE) || list.present) {
        *state = FEAT_STATE_ERROR;
        return false;
    }
    *v = (feat_elements){list.elements.values, list.elements.values, list.n, element == FEAT_TYPE_REAL};
    return true;
}

static inline bool feat_list_pair(feat_text a, feat_text b, int64_t type, feat_elements *v, uint8_t *state) {
    feat_elements second;
    if (!feat_list_numbers(a, type, v, state) || !feat_list_numbers(b, type, &second, state)) return false;
    v->b = second.a;
    if (v->n != second.n) *state = FEAT_STATE_ERROR;
    return v->n == second.n;
}

static inline double feat_body_list_dot(feat_scratch *scratch, feat_text a, feat_text b, int64_t type, uint8_t *state) {
    feat_elements v;
    (void)scratch;
    return feat_list_pair(a, b, type, &v, state) ? feat_dot_product(feat_math_level_best(), &v) : 0.0;
}

static inline double feat_body_list_cosine(feat_scratch *scratch, feat_text a, feat_text b, int64_t type,
                                           uint8_t *state) {
    feat_elements v;
    (void)scratch;
    if (!feat_list_pair(a, b, type, &v, state)) return 0.0;
    if (v.n == 0) *state = FEAT_STATE_NULL;
    return feat_cosine_similarity(feat_math_level_best(), &v);
}

static inline double feat_body_list_distance(feat_scratch *scratch, feat_text a, feat_text b, int64_t type,
                                             uint8_t *state) {
    feat_elements v;
    (void)scratch;
    return feat_list_pair(a, b, type, &v, state) ? feat_l2_distance(feat_math_level_best(), &v) : 0.0;
}

static inline feat_text feat_body_list_normalize(feat_scratch *scratch, feat_text a, int64_t type, uint8_t *state) {
    feat_elements v;
    feat_text out = {"", 0};
    if (!feat_list_numbers(a, type, &v, state)) return out;
    char *room = feat_list_room(scratch, (feat_type)type, v.n, &out);
    if (room) feat_l2_normalize(feat_math_level_best(), &v, room);
    return out;
}

/* ---- encodings for models ---- */

static inline int64_t feat_body_list_bucket(feat_scratch *scratch, feat_text edges, feat_text x, int64_t type,
                                            uint8_t *state) {
    feat_nested_layout list, one;
    (void)scratch;
    return feat_list_open_one(edges, x, type, &list, &one, state) ? (int64_t)feat_list_rank(&list, &one) : 0;
}

static inline feat_text feat_body_list_one_hot(feat_scratch *scratch, feat_text values, feat_text x, int64_t type,
                                               uint8_t *state) {
    feat_nested_layout list, one;
    feat_text out = {"", 0};
    if (!feat_list_open_one(values, x, type, &list, &one, state)) return out;
    char *room = feat_list_room(scratch, FEAT_TYPE_VECTOR_OF(FEAT_TYPE_DOUBLE, list.n), list.n, &out);
    if (!room) return out;
    memset(room, 0, list.n * sizeof(double));
    size_t at = feat_list_find(&list, &one);
    if (at < list.n) feat_little_copy(room + at * sizeof(double), &(double){1.0}, sizeof(double), 1);
    return out;
}

#endif
