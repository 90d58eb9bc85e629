/* Made by generate_accent.py; not to be edited. The ranges of code points of which nothing is left without marks, and
 * pairs of others and what is left of them; both in order. */
#ifndef FEAT_LIB_TEXT_ACCENT_TABLE_H
#define FEAT_LIB_TEXT_ACCENT_TABLE_H

#include <stdint.h>

enum { FEAT_ACCENT_MARKS = 299, FEAT_ACCENT_BASES = 2010 };
extern const uint32_t feat_accent_marks[FEAT_ACCENT_MARKS][2];
extern const uint32_t feat_accent_bases[FEAT_ACCENT_BASES][2];

#endif
