/* Made by generate_regex_tables.py; not to be edited. */
#ifndef FEAT_LIB_TEXT_REGEX_TABLE_H
#define FEAT_LIB_TEXT_REGEX_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* A category or script: `count` ranges from `start` on. */
typedef struct feat_regex_name {
    char name[24];
    uint16_t start, count;
} feat_regex_name;

/* Every `step`th code point from first to last has, `delta` behind it, the next one of the same folding; the last one
 * of such an orbit has the first. Runs of step 2 may interleave. Sorted by `first`. */
typedef struct feat_regex_fold {
    uint32_t first, last;
    int32_t step, delta;
} feat_regex_fold;

extern const char feat_regex_unicode_version[];
extern const feat_regex_name feat_regex_names[]; /* sorted */
extern const size_t feat_regex_n_names;
/* The first code point in the low 21 bits, above them the number of those that follow it. Not sorted across ranges of a
 * major category. */
extern const uint32_t feat_regex_ranges[];
extern const feat_regex_fold feat_regex_folds[];
extern const size_t feat_regex_n_folds;

#endif
