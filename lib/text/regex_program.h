/* Programs of regular expressions as they are stored: a header and arrays, little-endian on every machine. Whatever the
 * bytes are, every access below stays within them.
 *
 * Code points are told apart only as far as the pattern does: they fall into classes. A set is a bit for each class;
 * the automaton, where there is one, has a row of classes and one more column, for the end, for each state. */
#ifndef FEAT_LIB_TEXT_REGEX_PROGRAM_H
#define FEAT_LIB_TEXT_REGEX_PROGRAM_H

#include "text/points.h"
#include "text/regex_code.h"

/* flags */
enum {
    FEAT_REGEX_GLOBAL = 1,
    FEAT_REGEX_ANCHORED = 2, /* a match begins where the text does */
    FEAT_REGEX_STARTS = 4,   /* a match starts with the needle */
    FEAT_REGEX_HOLDS = 8,    /* a match holds the needle */
    FEAT_REGEX_IS = 16,      /* a match is the needle */
};

/* What was read before a place, as far as the pattern asks. */
typedef enum feat_regex_before {
    FEAT_REGEX_AFTER_OTHER,
    FEAT_REGEX_AFTER_WORD,
    FEAT_REGEX_AFTER_LINE,
    FEAT_REGEX_AFTER_NOTHING,
    FEAT_REGEX_BEFORES
} feat_regex_before;

/* of classes */
enum { FEAT_REGEX_IS_WORD = 1, FEAT_REGEX_IS_LINE = 2 };

/* of the entries of the automaton: the state that follows, and in the bits above */
enum {
    FEAT_REGEX_MOST_STATES = 256,
    FEAT_REGEX_STATE = 0x3fff,
    FEAT_REGEX_ENDS = 0x8000, /* a match ends before the code point */
    FEAT_REGEX_IDLE = 0x4000, /* behind it no match is under way */
    FEAT_REGEX_DEAD = 0,      /* the state in which there is nothing to find any more */
};

enum { FEAT_REGEX_HEADER = 40, FEAT_REGEX_ASCII = 128 };

typedef struct feat_regex_program {
    uint32_t flags, places;
    uint32_t n, n_intervals, n_classes, n_sets, n_states, groups, needle_length;
    uint32_t starts[FEAT_REGEX_BEFORES];
    size_t set_size; /* bytes */
    const unsigned char *ascii, *interval_starts, *interval_classes, *class_flags, *instructions, *sets, *automaton;
    const char *needle;
} feat_regex_program;

static inline uint32_t feat_regex_get2(const unsigned char *p) { return (uint32_t)p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t feat_regex_get4(const unsigned char *p) {
    return feat_regex_get2(p) | feat_regex_get2(p + 2) << 16;
}

/* False when the bytes are no program. */
bool feat_regex_open(feat_text bytes, feat_regex_program *program);
/* The bytes of a program of these numbers; the arrays of `program` then point into them, to be filled. */
bool feat_regex_layout(feat_regex_program *program, const char *bytes, uint64_t *size);

/* The class of a code point, below n_classes. */
static inline uint32_t feat_regex_class(const feat_regex_program *p, uint32_t point) {
    uint32_t class;
    if (point < FEAT_REGEX_ASCII) class = feat_regex_get2(p->ascii + 2 * point);
    else {
        size_t low = 0, high = p->n_intervals;
        while (high - low > 1) {
            size_t middle = low + (high - low) / 2;
            if (feat_regex_get4(p->interval_starts + 4 * middle) <= point) low = middle;
            else high = middle;
        }
        class = feat_regex_get2(p->interval_classes + 2 * low);
    }
    return class < p->n_classes ? class : 0;
}
static inline uint32_t feat_regex_op_at(const feat_regex_program *p, uint32_t pc, uint32_t *x) {
    uint32_t instruction = feat_regex_get4(p->instructions + (size_t)4 * pc);
    *x = instruction & 0xffffff;
    return instruction >> 24;
}
static inline bool feat_regex_in_set(const feat_regex_program *p, uint32_t set, uint32_t class) {
    return set < p->n_sets && (p->sets[set * p->set_size + (class >> 3)] >> (class & 7) & 1);
}
/* What holds at a place between what was read before and the class that follows. */
static inline uint32_t feat_regex_places(feat_regex_before before, uint32_t class_flags, bool end) {
    uint32_t places = 0;
    bool word = before == FEAT_REGEX_AFTER_WORD, word_next = !end && (class_flags & FEAT_REGEX_IS_WORD);
    if (before == FEAT_REGEX_AFTER_NOTHING) places |= FEAT_REGEX_BEGIN_TEXT | FEAT_REGEX_BEGIN_LINE;
    if (before == FEAT_REGEX_AFTER_LINE) places |= FEAT_REGEX_BEGIN_LINE;
    if (end) places |= FEAT_REGEX_END_TEXT | FEAT_REGEX_END_LINE;
    else if (class_flags & FEAT_REGEX_IS_LINE) places |= FEAT_REGEX_END_LINE;
    return places | (word != word_next ? FEAT_REGEX_WORD_EDGE : FEAT_REGEX_NO_WORD_EDGE);
}
/* What the code point of a class is for what follows it. */
static inline feat_regex_before feat_regex_after(uint32_t class_flags) {
    if (class_flags & FEAT_REGEX_IS_WORD) return FEAT_REGEX_AFTER_WORD;
    if (class_flags & FEAT_REGEX_IS_LINE) return FEAT_REGEX_AFTER_LINE;
    return FEAT_REGEX_AFTER_OTHER;
}

/* The automaton of a program (regex_automaton.c): its rows, in `work`; 0 states when it is too large. `starts` become
 * known. NULL when there is none. */
const uint16_t *feat_regex_automaton(feat_scratch *work, const feat_regex_program *program, uint32_t *n_states,
                                     uint32_t starts[FEAT_REGEX_BEFORES]);

#endif
