/* LIKE and ILIKE. A pattern is compiled into a program, bytes that can be stored and are never trusted: matching stays
 * within program and text, whatever either holds.
 *
 * A program is a byte of its kind, a byte of flags (1: compare lower case), and then for the kinds
 *   '='  the whole text;  '<'  its start;  '>'  its end;  '~'  any part of it;  '*'  nothing: any text matches
 * the bytes to find; for the kind '%' segments, between any two of which any bytes may stand: four bytes, least
 * significant first, of a length, and as many bytes, in which FEAT_LIKE_ANY stands for any one code point (no UTF-8
 * has that byte). An empty first or last segment means that the pattern starts or ends with %. */
#ifndef FEAT_LIB_TEXT_LIKE_H
#define FEAT_LIB_TEXT_LIKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"
#include "text/search.h"

#define FEAT_LIKE_ANY       '\xff'
#define FEAT_LIKE_NO_ESCAPE (-1)

/* `escape` is a code point or FEAT_LIKE_NO_ESCAPE: what follows it is literal. False when it ends the pattern. With
 * `fold` the case of letters does not count, in the escape neither. */
bool feat_like_compile(feat_scratch *scratch, feat_text pattern, int32_t escape, bool fold, feat_text *program);
bool feat_like_match_any(feat_scratch *scratch, feat_text program, feat_text s);
/* Linear in the text, but for segments with _ inside, which may cost their length at each place. The scratch holds
 * the lower case of long texts for as long as the call runs. */
static inline bool feat_like_match(feat_scratch *scratch, feat_text program, feat_text s) {
    if (program.length >= 2 && program.data[1] == 0 && program.data[0] == '<')
        return feat_text_starts_with(s, (feat_text){program.data + 2, program.length - 2});
    return feat_like_match_any(scratch, program, s);
}
/* Both at once, for a pattern that is known only with its row. `escape` is a text of one code point or none; false
 * is an error, as when the pattern cannot be compiled. */
bool feat_text_like(feat_scratch *scratch, feat_text s, feat_text pattern, feat_text escape, bool fold, bool *matches);
/* Reads an ESCAPE: a text of one code point, or an empty one for none. */
bool feat_like_escape(feat_text text, int32_t *escape);

#endif
