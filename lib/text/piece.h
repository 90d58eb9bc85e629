/* Parts of a text. Results borrow: they point into the argument, and nothing is copied. Positions and lengths count
 * code points. */
#ifndef FEAT_LIB_TEXT_PIECE_H
#define FEAT_LIB_TEXT_PIECE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

typedef enum feat_trim_side { FEAT_TRIM_LEFT = 1, FEAT_TRIM_RIGHT = 2, FEAT_TRIM_BOTH = 3 } feat_trim_side;

/* Without Unicode's space separators (category Zs) at its ends: U+0020, U+00A0, U+3000 and the like, no tabs, no line
 * ends. */
feat_text feat_text_trim(feat_text s, feat_trim_side side);
/* Without the code points of `set` at its ends. The scratch holds a large set for as long as the call runs. */
feat_text feat_text_trim_set(feat_scratch *scratch, feat_text s, feat_text set, feat_trim_side side);

/* The code points from `start`, the first is 1; of a negative one from so many before the end. 0 is the place before
 * the first. With a length, as many from there, as far as they are there; of a negative one as many before it. */
feat_text feat_text_substring_from(feat_text s, int64_t start);
feat_text feat_text_substring(feat_text s, int64_t start, int64_t length);
/* The first or last `n` code points; of a negative one all but as many. */
feat_text feat_text_left(feat_text s, int64_t n);
feat_text feat_text_right(feat_text s, int64_t n);
/* The n-th part between separators, from 1; a negative one counts from the end; empty when there is none. An empty
 * separator stands between any two code points. */
feat_text feat_text_split_part(feat_text s, feat_text separator, int64_t n);

#endif
