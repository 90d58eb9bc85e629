/* Functions that make new texts, in scratch memory. When memory is out the result is an empty text, and the scratch
 * remembers. False is an error value, as for every result of more than FEAT_TEXT_MOST bytes. */
#ifndef FEAT_LIB_TEXT_MAKE_H
#define FEAT_LIB_TEXT_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

bool feat_text_concat(feat_scratch *scratch, feat_text a, feat_text b, feat_text *out);
bool feat_text_concat3(feat_scratch *scratch, feat_text a, feat_text b, feat_text c, feat_text *out);
/* Every `part`, from the left on and without overlaps; an empty one is nowhere. */
bool feat_text_replace(feat_scratch *scratch, feat_text s, feat_text part, feat_text by, feat_text *out);
/* Filled up to `n` code points by repetitions of `fill`, or cut to its first `n`. False when `fill` is empty and
 * needed. */
bool feat_text_lpad(feat_scratch *scratch, feat_text s, int64_t n, feat_text fill, feat_text *out);
bool feat_text_rpad(feat_scratch *scratch, feat_text s, int64_t n, feat_text fill, feat_text *out);
bool feat_text_repeat(feat_scratch *scratch, feat_text s, int64_t times, feat_text *out);
/* Code points in reverse order. */
feat_text feat_text_reverse(feat_scratch *scratch, feat_text s);
/* The text of one code point; false when there is none of that number. */
bool feat_text_chr(feat_scratch *scratch, int64_t point, feat_text *out);

/* Two upper-case digits a byte. */
bool feat_text_hex(feat_scratch *scratch, feat_text s, feat_text *out);
/* Upper-case digits without leading zeros; negative numbers are those of their 64 bits. */
feat_text feat_text_hex_number(feat_scratch *scratch, uint64_t number);
/* Bytes of digits of either case; an odd number of them is read as if 0 stood before. False for anything else. */
bool feat_text_unhex(feat_scratch *scratch, feat_text digits, feat_text *out);

#endif
