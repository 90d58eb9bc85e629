/* Types of values. */
#ifndef FEAT_TYPE_H
#define FEAT_TYPE_H

#include <stdint.h>

#include "feat/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A type: its base in the low 8 bits, the numbers of the table `feat/type.def`, and what the base takes as parameters
 *  above them: bits 8-15 the base of the elements of a vector or list or of the values of a map, 16-23 the base of a
 *  map's keys, 24-31 the precision and 32-39 the scale of a DECIMAL (or of elements that are one), 40-63 the number of
 *  elements of a vector. A type without parameters is its base. Equal types are equal numbers. */
typedef uint64_t feat_type;

/** Bases of types; the table is `feat/type.def`. */
enum {
#define FEAT_TYPE(name, number, sql, bytes, arrow) FEAT_TYPE_##name = number,
#include "feat/type.def"
#undef FEAT_TYPE
    FEAT_TYPE_LAST
};

#define FEAT_TYPE_BASE(type)       ((int)((type)&0xff))
#define FEAT_TYPE_ELEMENT(type)    ((int)((type) >> 8 & 0xff))
#define FEAT_TYPE_MAP_KEY(type)    ((int)((type) >> 16 & 0xff))
#define FEAT_TYPE_PRECISION(type)  ((int)((type) >> 24 & 0xff))
#define FEAT_TYPE_SCALE(type)      ((int)((type) >> 32 & 0xff))
#define FEAT_TYPE_DIMENSIONS(type) ((uint32_t)((type) >> 40))

/** DECIMAL(p, s); a vector of n, a list of, a map to elements of a type without elements. */
#define FEAT_TYPE_DECIMAL_OF(p, s)   ((feat_type)FEAT_TYPE_DECIMAL | (feat_type)(p) << 24 | (feat_type)(s) << 32)
#define FEAT_TYPE_ELEMENT_BITS(type) (((feat_type)(type)&0xff) << 8 | ((feat_type)(type)&0xffff000000))
#define FEAT_TYPE_VECTOR_OF(type, n) ((feat_type)FEAT_TYPE_VECTOR | FEAT_TYPE_ELEMENT_BITS(type) | (feat_type)(n) << 40)
#define FEAT_TYPE_LIST_OF(type)      ((feat_type)FEAT_TYPE_LIST | FEAT_TYPE_ELEMENT_BITS(type))
#define FEAT_TYPE_MAP_OF(key, type)                                                                                    \
    ((feat_type)FEAT_TYPE_MAP | FEAT_TYPE_ELEMENT_BITS(type) | ((feat_type)(key)&0xff) << 16)

/** SQL name of the base of a type, as "BIGINT" or "DECIMAL". Static storage. */
FEAT_API const char *feat_type_name(feat_type type);

#ifdef __cplusplus
}
#endif

#endif
