/* Regular expressions of RE2's dialect, in linear time. A pattern is compiled into a program: bytes that are equal on
 * every machine, so that a definition can hold them as a constant. Any bytes may be matched with: what is no program
 * matches nothing.
 *
 * Not taken, as in RE2: back references and looking around. Nor \C (one byte), since texts are code points. */
#ifndef FEAT_LIB_TEXT_REGEX_H
#define FEAT_LIB_TEXT_REGEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

/* What is asked for: that a text has a match, or is one. */
typedef enum feat_regex_kind { FEAT_REGEX_SEARCH, FEAT_REGEX_WHOLE, FEAT_REGEX_REPLACE } feat_regex_kind;

/* `options` are letters: c, i (case counts, does not), s, or m, n, p (. takes a newline, does not), l (the pattern is
 * literal), g (replace all matches; of FEAT_REGEX_REPLACE only); blanks are passed over. False: `reason` says why. */
bool feat_regex_compile(feat_scratch *scratch, feat_text pattern, feat_text options, feat_regex_kind kind,
                        feat_text *program, char reason[128]);

/* Whether `s` has a match. The time is bounded by the length of `s` times that of the program, for any bytes. */
bool feat_regex_matches(feat_scratch *scratch, feat_text program, feat_text s);

#define FEAT_REGEX_NO_PLACE SIZE_MAX
/* FEAT_REGEX_NO_PLACE twice of a group that takes no part. */
typedef struct feat_regex_span {
    size_t begin, end;
} feat_regex_span;

/* The first match at or behind `from`, and in it, where wanted, the groups of the given numbers (0 is the match). Of
 * matches that begin at one place the one that a backtracking search would find first. */
bool feat_regex_search(feat_scratch *scratch, feat_text program, feat_text s, size_t from, const uint32_t *groups,
                       size_t n_groups, feat_regex_span *spans);

/* The number of groups, without the match itself; 0 when the bytes are no program. */
uint32_t feat_regex_groups(feat_text program);

/* A group of the first match, borrowed; empty when there is none. A group there is not is empty, one below 0 or above 9
 * an error. */
bool feat_regex_extract(feat_scratch *scratch, feat_text program, feat_text s, int64_t group, feat_text *out);

/* Replaces the first match, or with the option g all of them. In the replacement \0 to \9 are groups and \\ is a
 * backslash; another backslash or a group that is not there is an error, and so is a text whose matches need more than
 * FEAT_REGEX_REPLACE_MOST steps beyond its length: a search may read to the end of the text to find a short match. */
#define FEAT_REGEX_REPLACE_MOST ((uint64_t)1 << 25)
bool feat_regex_replace(feat_scratch *scratch, feat_text program, feat_text s, feat_text by, feat_text *out);

#endif
