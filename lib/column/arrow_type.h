/* Arrow's types by their format strings: which there are, how they are called, and which of ours they convert to. */
#ifndef FEAT_LIB_ARROW_TYPE_H
#define FEAT_LIB_ARROW_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "feat/arrow.h"
#include "feat/online.h" /* feat_type */

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
    FEAT_ARROW_DATE32,
    FEAT_ARROW_DATE64,
    FEAT_ARROW_SECONDS, /* timestamps, of any time zone */
    FEAT_ARROW_MILLISECONDS,
    FEAT_ARROW_MICROSECONDS,
    FEAT_ARROW_NANOSECONDS
} feat_arrow_kind;

/* Of the format alone: a dictionary's is that of its indices. */
feat_arrow_kind feat_arrow_kind_of(const char *format);
static inline bool feat_arrow_kind_integer(feat_arrow_kind k) { return k >= FEAT_ARROW_INT8 && k <= FEAT_ARROW_UINT64; }
static inline bool feat_arrow_kind_text(feat_arrow_kind k) { return k >= FEAT_ARROW_UTF8 && k <= FEAT_ARROW_UTF8_VIEW; }

/* Our type for a column, if it has one; integers are BIGINT. */
bool feat_arrow_natural_type(const struct ArrowSchema *schema, feat_type *type);
/* Whether a column can convert to `type`; single values may still not fit. */
bool feat_arrow_converts(const struct ArrowSchema *schema, feat_type type);

#define FEAT_ARROW_WORDS 200
/* As "utf8 (format 'u')" or "dictionary of utf8 (format 'i', values 'u')". */
void feat_arrow_describe(const struct ArrowSchema *schema, char words[FEAT_ARROW_WORDS]);

#endif
