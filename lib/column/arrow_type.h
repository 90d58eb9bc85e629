/* Arrow's types by their format strings: which there are, how they are called, and which of ours they convert to. */
#ifndef FEAT_LIB_ARROW_TYPE_H
#define FEAT_LIB_ARROW_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "feat/arrow.h"
#include "feat/type.h"

typedef enum feat_arrow_kind {
    FEAT_ARROW_OTHER = 0, /* converts to nothing */
    FEAT_ARROW_NULL,
    FEAT_ARROW_BOOL,
    FEAT_ARROW_INT8,
    FEAT_ARROW_UINT8,
    FEAT_ARROW_INT16,
    FEAT_ARROW_UINT16,
    FEAT_ARROW_INT32,
    FEAT_ARROW_UINT32,
    FEAT_ARROW_INT64,
    FEAT_ARROW_UINT64,
    FEAT_ARROW_FLOAT16,
    FEAT_ARROW_FLOAT32,
    FEAT_ARROW_FLOAT64,
    FEAT_ARROW_UTF8,
    FEAT_ARROW_LARGE_UTF8,
    FEAT_ARROW_UTF8_VIEW,
    FEAT_ARROW_BINARY,
    FEAT_ARROW_LARGE_BINARY,
    FEAT_ARROW_BINARY_VIEW,
    FEAT_ARROW_FIXED_BINARY,
    FEAT_ARROW_DATE32,
    FEAT_ARROW_DATE64,
    FEAT_ARROW_SECONDS, /* timestamps, of any time zone */
    FEAT_ARROW_MILLISECONDS,
    FEAT_ARROW_MICROSECONDS,
    FEAT_ARROW_NANOSECONDS,
    FEAT_ARROW_DECIMAL, /* of 32 to 256 bits */
    FEAT_ARROW_MONTHS,  /* intervals */
    FEAT_ARROW_DAY_TIME,
    FEAT_ARROW_MONTH_DAY_NANO,
    FEAT_ARROW_DURATION_S,
    FEAT_ARROW_DURATION_MS,
    FEAT_ARROW_DURATION_US,
    FEAT_ARROW_DURATION_NS,
    FEAT_ARROW_LIST,
    FEAT_ARROW_LARGE_LIST,
    FEAT_ARROW_LIST_VIEW,
    FEAT_ARROW_LARGE_LIST_VIEW,
    FEAT_ARROW_FIXED_LIST,
    FEAT_ARROW_MAP
} feat_arrow_kind;

/* Of the format alone: a dictionary's is that of its indices. */
feat_arrow_kind feat_arrow_kind_of(const char *format);
static inline bool feat_arrow_kind_integer(feat_arrow_kind k) { return k >= FEAT_ARROW_INT8 && k <= FEAT_ARROW_UINT64; }
static inline bool feat_arrow_kind_text(feat_arrow_kind k) { return k >= FEAT_ARROW_UTF8 && k <= FEAT_ARROW_UTF8_VIEW; }
static inline bool feat_arrow_kind_bytes(feat_arrow_kind k) {
    return k >= FEAT_ARROW_BINARY && k <= FEAT_ARROW_FIXED_BINARY;
}
static inline bool feat_arrow_kind_list(feat_arrow_kind k) {
    return k >= FEAT_ARROW_LIST && k <= FEAT_ARROW_FIXED_LIST;
}
/* The number behind the colon of "w:16" or "+w:3": bytes of a value, elements of a list; 0 when it is none. */
size_t feat_arrow_size_of(const char *format);
/* "d:10,2" or "d:10,2,256"; false when it is malformed. */
bool feat_arrow_decimal_of(const char *format, int *precision, int *scale, int *bits);

/* Our type for a column, if it has one; integers are BIGINT, floats DOUBLE. */
bool feat_arrow_natural_type(const struct ArrowSchema *schema, feat_type *type);
/* Whether a column can convert to `type`; single values may still not fit. */
bool feat_arrow_converts(const struct ArrowSchema *schema, feat_type type);

#define FEAT_ARROW_WORDS 200
/* As "utf8 (format 'u')" or "dictionary of utf8 (format 'i', values 'u')". */
void feat_arrow_describe(const struct ArrowSchema *schema, char words[FEAT_ARROW_WORDS]);

#endif
