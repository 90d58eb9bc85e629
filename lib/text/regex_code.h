/* Regular expressions while they are compiled: sets of code points, and code whose jumps are relative, so that a part
 * of it can be moved and copied. */
#ifndef FEAT_LIB_TEXT_REGEX_CODE_H
#define FEAT_LIB_TEXT_REGEX_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scratch.h"
#include "base/text.h"

#define FEAT_REGEX_LAST_POINT 0x10ffffu

enum {
    FEAT_REGEX_MOST_INSTRUCTIONS = 1 << 15,
    FEAT_REGEX_MOST_REPEATS = 1000,
    FEAT_REGEX_MOST_NESTED = 1000,
    FEAT_REGEX_MOST_WORK = 1 << 22, /* ranges looked at while sets are made */
    FEAT_REGEX_REASON = 128,
};

/* Numbers are stored in programs. */
typedef enum feat_regex_op {
    FEAT_REGEX_MATCH,
    FEAT_REGEX_SET,    /* takes a code point of set x */
    FEAT_REGEX_POINT,  /* takes the code point x; in a stored program, one of class x */
    FEAT_REGEX_JUMP,   /* to x */
    FEAT_REGEX_SPLIT,  /* on to the next instruction, or else to x */
    FEAT_REGEX_RETURN, /* to x, or else on to the next instruction */
    FEAT_REGEX_SAVE,   /* the place as number x */
    FEAT_REGEX_ASSERT, /* that x, a feat_regex_place, holds here */
} feat_regex_op;

typedef enum feat_regex_place {
    FEAT_REGEX_BEGIN_TEXT = 1,
    FEAT_REGEX_END_TEXT = 2,
    FEAT_REGEX_BEGIN_LINE = 4,
    FEAT_REGEX_END_LINE = 8,
    FEAT_REGEX_WORD_EDGE = 16,
    FEAT_REGEX_NO_WORD_EDGE = 32,
} feat_regex_place;

typedef struct feat_regex_instruction {
    uint32_t op;
    int32_t x; /* of a jump relative to the instruction itself */
} feat_regex_instruction;

typedef struct feat_regex_range {
    uint32_t first, last;
} feat_regex_range;

/* Sorted ranges that neither touch nor overlap: code->ranges[start, start + count). */
typedef struct feat_regex_set {
    uint32_t start, count;
} feat_regex_set;

typedef struct feat_regex_code {
    feat_scratch *work; /* holds the arrays */
    feat_regex_instruction *instructions;
    feat_regex_range *ranges;
    feat_regex_set *sets;
    size_t n, room, n_ranges, ranges_room, n_sets, sets_room;
    size_t building; /* the ranges from here on are of the set that is being made */
    uint32_t groups; /* with the whole match, which is group 0 */
    uint32_t places; /* every feat_regex_place that is asked for */
    int64_t work_left;
    const char *failed; /* why it cannot be compiled: static text */
} feat_regex_code;

/* `size` bytes, aligned for any number; NULL when memory is out. */
void *feat_regex_room(feat_scratch *scratch, size_t size);

/* ---- Sets (regex_set.c). All do nothing once the code has failed. ---- */

void feat_regex_set_open(feat_regex_code *code);
/* With `fold` the other cases of the code points too. */
void feat_regex_set_add(feat_regex_code *code, uint32_t first, uint32_t last, bool fold);
/* By the name of a category or script. Without such a name false. */
bool feat_regex_set_add_name(feat_regex_code *code, feat_text name, bool negated, bool fold);
/* Adds all that is not in the ranges added from `since` on (of code->n_ranges then), in their place. */
void feat_regex_set_negate(feat_regex_code *code, size_t since);
/* The number of the set. */
uint32_t feat_regex_set_close(feat_regex_code *code);

/* ---- Patterns (regex_parse.c) ---- */

typedef struct feat_regex_options {
    bool fold, dot_newline, literal, global;
} feat_regex_options;

/* With `whole` the match must be the whole text. False: `reason` says why. */
bool feat_regex_parse(feat_regex_code *code, feat_text pattern, const feat_regex_options *options, bool whole,
                      char reason[FEAT_REGEX_REASON]);

#endif
