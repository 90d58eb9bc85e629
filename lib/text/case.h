/* Upper and lower case: Unicode's simple mappings, one code point to one, from tables of our own. */
#ifndef FEAT_LIB_TEXT_CASE_H
#define FEAT_LIB_TEXT_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"
#include "text/case_table.h"

/* The version of Unicode that the tables are of. */
const char *feat_unicode_version(void);

static inline uint32_t feat_point_case(uint32_t point, bool upper) {
    if (point >= FEAT_CASE_END) return point;
    uint8_t block = feat_case_block[point >> FEAT_CASE_BITS];
    uint8_t delta = feat_case_delta[block][point & ((1 << FEAT_CASE_BITS) - 1)];
    return (uint32_t)((int32_t)point + feat_case_deltas[delta][upper]);
}

/* An empty text when memory is out. */
feat_text feat_text_lower(feat_scratch *scratch, feat_text s);
feat_text feat_text_upper(feat_scratch *scratch, feat_text s);

/* Room that a text of `n` bytes needs in the other case: two bytes become at most three, three stay at most three. */
#define FEAT_CASE_ROOM(n) ((n) + (n) / 2)
/* Lower case into `to`, which has room for FEAT_CASE_ROOM(n) bytes; how many. */
size_t feat_lower_into(char *to, const char *from, size_t n);

#endif
