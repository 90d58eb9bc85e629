/* How far two texts are from each other, in code points. */
#ifndef FEAT_LIB_TEXT_DISTANCE_H
#define FEAT_LIB_TEXT_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

/* The least number of code points to insert, delete or replace. 0 when memory is out. Time is the product of the
 * lengths over 64, memory linear. */
int64_t feat_text_levenshtein(feat_scratch *scratch, feat_text a, feat_text b);
/* In how many places texts of one length differ; false when the lengths differ or are 0. */
bool feat_text_hamming(feat_text a, feat_text b, int64_t *out);
/* Code points that both have over those that either has, each counted once; false when either text is empty. */
bool feat_text_jaccard(feat_scratch *scratch, feat_text a, feat_text b, double *out);

#endif
