/* Made by generate_case.py; not to be edited. The case of code points, in two stages: the block of 64 that holds one,
 * then in that block the number of its pair of differences, to its lower and to its upper case. */
#ifndef FEAT_LIB_TEXT_CASE_TABLE_H
#define FEAT_LIB_TEXT_CASE_TABLE_H

#include <stdint.h>

#define FEAT_CASE_BITS 6
/* No code point from here on has a case. */
#define FEAT_CASE_END 0x1e980

extern const char feat_case_version[];
extern const uint8_t feat_case_block[];
extern const uint8_t feat_case_delta[][1 << FEAT_CASE_BITS];
extern const int32_t feat_case_deltas[][2];

#endif
