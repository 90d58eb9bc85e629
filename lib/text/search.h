/* Finding bytes in bytes, in linear time. */
#ifndef FEAT_LIB_TEXT_SEARCH_H
#define FEAT_LIB_TEXT_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "text/points.h"

#define FEAT_NOT_FOUND SIZE_MAX

/* The offset of the first `part` in `s`, which is 0 of an empty one; FEAT_NOT_FOUND. */
size_t feat_find(const char *s, size_t n, const char *part, size_t m);

static inline bool feat_text_starts_with(feat_text s, feat_text prefix) {
    return s.length >= prefix.length && feat_same_bytes(s.data, prefix.data, prefix.length);
}
static inline bool feat_text_ends_with(feat_text s, feat_text suffix) {
    return s.length >= suffix.length &&
           (suffix.length == 0 || feat_same_bytes(s.data + (s.length - suffix.length), suffix.data, suffix.length));
}
static inline bool feat_text_contains(feat_text s, feat_text part) {
    return feat_find(s.data, s.length, part.data, part.length) != FEAT_NOT_FOUND;
}
/* From 1, in code points; 0 when it is not there. */
int64_t feat_text_position(feat_text s, feat_text part);

#endif
