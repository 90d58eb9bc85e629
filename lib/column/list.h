/* Elements of LIST and VECTOR values: reading, making and searching them in the encoding of nested.h.
 *
 * Nothing here trusts a type or bytes: what does not fit together is refused. What is made lies in the scratch; when
 * its memory is out, the result is empty and the scratch knows. */
#ifndef FEAT_LIB_LIST_H
#define FEAT_LIB_LIST_H

#include "base/scratch.h"
#include "column/nested.h"

/* One element. REAL is a double, all integers but UBIGINT and dates are an int64_t. */
typedef union feat_element {
    uint8_t b;
    int64_t i;
    double f;
    feat_text t;
    feat_int128 w;
    feat_interval p;
} feat_element;

/* The layout of a value of a LIST or VECTOR type; false when they are none. */
bool feat_list_read(feat_type type, feat_text bytes, feat_nested_layout *list);
/* Element `i` < n, borrowing its text; false when it is NULL. */
bool feat_list_get(const feat_nested_layout *list, size_t i, feat_element *out);

/* The list of one element; `type` is the list's. */
bool feat_list_one(feat_scratch *scratch, feat_type type, feat_element element, feat_text *out);
/* A LIST or VECTOR of `n` elements that stand `size` bytes from each other, each as the member of feat_element that its
 * type has; where `null`, which may be NULL, is not 0, it is NULL. False: more than a list can have, or an element
 * longer than one can be. */
bool feat_list_make(feat_scratch *scratch, feat_type type, const void *elements, size_t size, const uint8_t *null,
                    size_t n, feat_text *out);
/* The LIST of the elements of two values of one type; false: more elements than a list can have. */
bool feat_list_concat(feat_scratch *scratch, feat_type type, feat_text a, feat_text b, feat_text *out);
/* A value with elements of another type: between numbers and BOOLEAN as CAST converts them, and the same to LIST or
 * VECTOR. False: an element that cannot be converted, or a number of them that is not the vector's. */
bool feat_list_cast(feat_scratch *scratch, feat_type from, feat_text bytes, feat_type to, feat_text *out);
/* Whether there is such a conversion. */
bool feat_list_converts(feat_type from, feat_type to);
/* Room for `n` elements of a type of fixed width, none of them NULL; NULL when memory is out, or there are too many.
 * To be filled by the caller. */
char *feat_list_room(feat_scratch *scratch, feat_type type, size_t n, feat_text *out);

/* A MAP of `n` keys, ascending and different, and their values, each as the member of feat_element that its type has,
 * `key_size` and `value_size` bytes from each other. False: more or longer ones than a map can have. */
bool feat_map_make(feat_scratch *scratch, feat_type type, const void *keys, size_t key_size, const void *values,
                   size_t value_size, size_t n, feat_text *out);

/* REAL or DOUBLE elements with +0 for each -0; `bytes` themselves, which `list` was read from, when there is none. */
void feat_list_without_negative_zero(feat_scratch *scratch, const feat_nested_layout *list, feat_text bytes,
                                     feat_text *out);

/* The first element of `list` that equals the one of `one` (NULL equals NULL; doubles as SQL compares them); n when
 * there is none. Both of one type. */
size_t feat_list_find(const feat_nested_layout *list, const feat_nested_layout *one);
/* How many elements are not above the one of `one`; the elements ascend. */
size_t feat_list_rank(const feat_nested_layout *list, const feat_nested_layout *one);
/* Whether elements ascend, each above the one before it, and none is NULL. */
bool feat_list_ascends(const feat_nested_layout *list);

#endif
