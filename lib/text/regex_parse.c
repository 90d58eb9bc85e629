/* Patterns of regular expressions to code, in one pass and without recursion: the code of a part is contiguous, so that
 * an operator that follows is put before it, behind it, or copies it. */
#include <stdio.h>
#include <string.h>

#include "text/points.h"
#include "text/regex_code.h"

enum { FOLD = 1, DOT_NEWLINE = 2, MANY_LINES = 4, LAZY = 8 };
enum { NO_ATOM = -1, UNBOUNDED = -1 };

/* A group that is open, or the whole pattern. */
typedef struct frame {
    size_t start;     /* of its code */
    size_t branch;    /* of the code of its newest branch */
    int32_t leaving;  /* the newest jump out of a branch, each holding the one before; -1 ends that */
    int32_t group;    /* its number, 0 if it takes none */
    uint32_t flags;   /* those outside */
    bool nullable;    /* whether a branch that is complete takes an empty text */
    bool branch_null; /* whether the newest does so far */
    uint32_t repeats; /* the most often that anything within is repeated */
} frame;

typedef struct parser {
    feat_regex_code *code;
    const char *at, *end;
    uint32_t flags;
    frame *frames; /* FEAT_REGEX_MOST_NESTED + 1 of them, or as many as needed */
    size_t depth, frames_room;
    /* What a repetition would apply to: the code from `atom` on. */
    int64_t atom;
    bool atom_null, repeated;
    uint32_t atom_repeats;
    const char *where; /* the part of the pattern that a failure is about */
} parser;

static bool fail(parser *p, const char *reason, const char *where) {
    if (!p->code->failed) {
        p->code->failed = reason;
        p->where = where;
    }
    return false;
}

static bool fail_memory(parser *p) { return fail(p, "memory is out", p->end); }

/* ---- code ---- */

static bool reserve(parser *p, size_t more) {
    feat_regex_code *code = p->code;
    if (code->failed) return false;
    if (more > FEAT_REGEX_MOST_INSTRUCTIONS || code->n + more > FEAT_REGEX_MOST_INSTRUCTIONS)
        return fail(p, "it is too large", p->end);
    if (code->n + more <= code->room) return true;
    size_t room = 2 * code->room > code->n + more ? 2 * code->room : code->n + more + 32;
    feat_regex_instruction *instructions = feat_regex_room(code->work, room * sizeof *instructions);
    if (!instructions) return fail_memory(p);
    if (code->n) memcpy(instructions, code->instructions, code->n * sizeof *instructions);
    code->instructions = instructions;
    code->room = room;
    return true;
}

static bool emit(parser *p, feat_regex_op op, int32_t x) {
    if (!reserve(p, 1)) return false;
    p->code->instructions[p->code->n++] = (feat_regex_instruction){op, x};
    return true;
}

/* No jump crosses the place: see the head of this file. */
static bool insert(parser *p, size_t place, feat_regex_op op, int32_t x) {
    if (!reserve(p, 1)) return false;
    feat_regex_code *code = p->code;
    feat_regex_instruction *at = code->instructions + place;
    memmove(at + 1, at, (code->n - place) * sizeof *at);
    *at = (feat_regex_instruction){op, x};
    code->n++;
    return true;
}

static bool copy(parser *p, size_t from, size_t size) {
    if (!reserve(p, size)) return false;
    feat_regex_code *code = p->code;
    memcpy(code->instructions + code->n, code->instructions + from, size * sizeof *code->instructions);
    code->n += size;
    return true;
}

/* ---- what repetitions apply to ---- */

/* The part before is now sure to be in the branch as it is. */
static void settle(parser *p) {
    frame *f = &p->frames[p->depth];
    if (p->atom == NO_ATOM) return;
    f->branch_null = f->branch_null && p->atom_null;
    if (p->atom_repeats > f->repeats) f->repeats = p->atom_repeats;
    p->atom = NO_ATOM;
    p->repeated = false;
}

static void open_atom(parser *p, bool nullable) {
    settle(p);
    p->atom = (int64_t)p->code->n;
    p->atom_null = nullable;
    p->atom_repeats = 1;
    p->repeated = false;
}

static bool push_set(parser *p) {
    open_atom(p, false);
    uint32_t set = feat_regex_set_close(p->code);
    return emit(p, FEAT_REGEX_SET, (int32_t)set);
}

static bool push_point(parser *p, uint32_t point) {
    if (p->flags & FOLD) {
        feat_regex_code *code = p->code;
        feat_regex_set_open(code);
        feat_regex_set_add(code, point, point, true);
        if (code->failed) return false;
        if (code->n_ranges > code->building + 1 ||
            code->ranges[code->building].first != code->ranges[code->building].last)
            return push_set(p);
        code->n_ranges = code->building;
    }
    open_atom(p, false);
    return emit(p, FEAT_REGEX_POINT, (int32_t)point);
}

static bool push_place(parser *p, feat_regex_place place) {
    open_atom(p, true);
    p->code->places |= place;
    return emit(p, FEAT_REGEX_ASSERT, (int32_t)place);
}

static bool add_quest(parser *p, size_t start, bool lazy) {
    /* A lazy one leaves first: to the end of the part, which lies one further once the instruction is in. */
    int32_t over = (int32_t)(p->code->n - start) + 1;
    return insert(p, start, lazy ? FEAT_REGEX_RETURN : FEAT_REGEX_SPLIT, over);
}

static bool add_plus(parser *p, size_t start, bool lazy) {
    int32_t back = (int32_t)start - (int32_t)p->code->n;
    return emit(p, lazy ? FEAT_REGEX_SPLIT : FEAT_REGEX_RETURN, back);
}

static bool add_star(parser *p, size_t start, bool nullable, bool lazy) {
    /* Of a part that may be empty the loop is entered first, then asked for more: with one choice at its head an empty
     * turn would come back to a place that was seen, and never be preferred. */
    if (nullable) return add_plus(p, start, lazy) && add_quest(p, start, lazy);
    int32_t over = (int32_t)(p->code->n - start) + 2;
    if (!insert(p, start, lazy ? FEAT_REGEX_RETURN : FEAT_REGEX_SPLIT, over)) return false;
    return emit(p, FEAT_REGEX_JUMP, (int32_t)start - (int32_t)p->code->n);
}

/* x{2,4} is xx(x(x)?)?, x{2,} is xx+. */
static bool add_repeats(parser *p, size_t start, int least, int most, bool lazy) {
    feat_regex_code *code = p->code;
    size_t size = code->n - start;
    if (most == 0) {
        code->n = start;
        return true;
    }
    if (least == 0 && most == UNBOUNDED) return add_star(p, start, p->atom_null, lazy);
    size_t copies = (size_t)(most == UNBOUNDED ? least : most);
    if (size && copies * size > FEAT_REGEX_MOST_INSTRUCTIONS) return fail(p, "it is too large", p->end);
    if (size == 0) return true;
    for (int i = 1; i < least; i++)
        if (!copy(p, start, size)) return false;
    if (most == UNBOUNDED) return add_plus(p, code->n - size, lazy);
    if (most == least) return true;
    /* The first of the optional ones may be the part itself. */
    size_t optional = least == 0 ? start : code->n, model = start;
    int wanted = most - least;
    if (!reserve(p, (size_t)wanted * (size + 1))) return false;
    size_t each = size + 1, end = optional + (size_t)wanted * each;
    feat_regex_instruction *to = code->instructions + optional;
    if (least == 0) memmove(to + 1, to, size * sizeof *to), model = optional + 1;
    for (int i = 0; i < wanted; i++, to += each) {
        size_t here = optional + (size_t)i * each;
        *to = (feat_regex_instruction){lazy ? FEAT_REGEX_RETURN : FEAT_REGEX_SPLIT, (int32_t)(end - here)};
        if (here + 1 != model) memcpy(to + 1, code->instructions + model, size * sizeof *to);
    }
    code->n = end;
    return true;
}

static bool repeat(parser *p, int least, int most, const char *where) {
    if (p->atom == NO_ATOM) return fail(p, "no argument for repetition operator", where);
    if (p->repeated) return fail(p, "bad repetition operator", where);
    bool lazy = (p->flags & LAZY) != 0;
    if (p->at < p->end && *p->at == '?') {
        lazy = !lazy;
        p->at++;
    }
    size_t start = (size_t)p->atom;
    bool counted = *where == '{', made;
    if (counted) {
        int times = most == UNBOUNDED ? least : most;
        if (times > 0) p->atom_repeats *= (uint32_t)times;
        if (p->atom_repeats > FEAT_REGEX_MOST_REPEATS) return fail(p, "invalid repetition size", where);
        made = add_repeats(p, start, least, most, lazy);
    } else if (*where == '?') made = add_quest(p, start, lazy);
    else if (*where == '+') made = add_plus(p, start, lazy);
    else made = add_star(p, start, p->atom_null, lazy);
    if (least == 0 || most == 0) p->atom_null = true;
    p->repeated = true;
    return made;
}

/* ---- reading ---- */

static bool looking_at(const parser *p, const char *text) {
    size_t n = strlen(text);
    return (size_t)(p->end - p->at) >= n && memcmp(p->at, text, n) == 0;
}

static uint32_t next_point(parser *p) {
    uint32_t point = 0;
    p->at += feat_point_read(p->at, (size_t)(p->end - p->at), &point);
    return point <= FEAT_REGEX_LAST_POINT ? point : FEAT_REGEX_LAST_POINT;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_octal(char c) { return c >= '0' && c <= '7'; }
static bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool read_hex(parser *p, const char *where, uint32_t *point) {
    uint32_t value = 0;
    if (p->at < p->end && *p->at == '{') {
        const char *digits = ++p->at;
        for (; p->at < p->end && hex_digit(*p->at) >= 0; p->at++) {
            value = value << 4 | (uint32_t)hex_digit(*p->at);
            if (value > FEAT_REGEX_LAST_POINT) return fail(p, "invalid escape sequence", where);
        }
        if (p->at == digits || p->at == p->end || *p->at != '}') return fail(p, "invalid escape sequence", where);
        p->at++;
    } else {
        if (p->end - p->at < 2 || hex_digit(p->at[0]) < 0 || hex_digit(p->at[1]) < 0)
            return fail(p, "invalid escape sequence", where);
        value = (uint32_t)(hex_digit(p->at[0]) << 4 | hex_digit(p->at[1]));
        p->at += 2;
    }
    *point = value;
    return true;
}

/* An escape that stands for one code point; p->at is behind the backslash. */
static bool read_escape(parser *p, uint32_t *point) {
    const char *where = p->at - 1;
    if (p->at == p->end) return fail(p, "trailing \\", where);
    char c = *p->at;
    if ((unsigned char)c >= 0x80) return fail(p, "invalid escape sequence", where);
    p->at++;
    if (!is_word(c) || c == '_') {
        *point = (uint32_t)c;
        return true;
    }
    switch (c) {
    case 'a': *point = 7; return true;
    case 'f': *point = 12; return true;
    case 'n': *point = 10; return true;
    case 'r': *point = 13; return true;
    case 't': *point = 9; return true;
    case 'v': *point = 11; return true;
    case 'x': return read_hex(p, where, point);
    default: break;
    }
    /* One digit other than 0 alone would be a back reference. */
    if (!is_octal(c) || (c != '0' && (p->at == p->end || !is_octal(*p->at))))
        return fail(p,
                    is_digit(c) ? "invalid escape sequence (back references take no linear time)"
                                : "invalid escape sequence",
                    where);
    *point = (uint32_t)(c - '0');
    for (int i = 0; i < 2 && p->at < p->end && is_octal(*p->at); i++) *point = *point * 8 + (uint32_t)(*p->at++ - '0');
    return true;
}

/* ---- classes ---- */

typedef struct class_name {
    const char *name;
    uint8_t ranges[9]; /* firsts and lasts; 0 ends them (a first of 0 is written by `from_nul`) */
    bool from_nul;
} class_name;

static const class_name posix[] = {
    {"alnum", "09AZaz", false},
    {"alpha", "AZaz", false},
    {"ascii", "\x00\x7f", true},
    {"blank", "\t\t  ", false},
    {"cntrl", "\x00\x1f\x7f\x7f", true},
    {"digit", "09", false},
    {"graph", "!~", false},
    {"lower", "az", false},
    {"print", " ~", false},
    {"punct", "!/:@[`{~", false},
    {"space", "\t\r  ", false},
    {"upper", "AZ", false},
    {"word", "09AZaz__", false},
    {"xdigit", "09AFaf", false},
};
enum { N_POSIX = sizeof posix / sizeof *posix };
static const class_name perl_digit = {"d", "09", false}, perl_space = {"s", "\t\n\f\r  ", false},
                        perl_word = {"w", "09AZaz__", false};

static void add_class(parser *p, const class_name *class, bool negated) {
    size_t since = p->code->n_ranges;
    const uint8_t *r = class->ranges;
    for (int i = 0; i < 8 && (r[i + 1] != 0) && (r[i] != 0 || (i == 0 && class->from_nul)); i += 2)
        feat_regex_set_add(p->code, r[i], r[i + 1], (p->flags & FOLD) != 0);
    if (negated) feat_regex_set_negate(p->code, since);
}

/* \d and its kin: adds the class to the open set; whether it was one. */
static bool read_perl_class(parser *p) {
    if (p->end - p->at < 2 || p->at[0] != '\\') return false;
    const class_name *class;
    switch (p->at[1] | 0x20) {
    case 'd': class = &perl_digit; break;
    case 's': class = &perl_space; break;
    case 'w': class = &perl_word; break;
    default: return false;
    }
    bool negated = p->at[1] < 'a';
    if (!is_word(p->at[1])) return false;
    p->at += 2;
    add_class(p, class, negated);
    return true;
}

/* \pL, \p{Greek}, \p{^Lu}, \P{...}: as above. */
static bool read_named_class(parser *p) {
    if (p->end - p->at < 2 || p->at[0] != '\\' || (p->at[1] != 'p' && p->at[1] != 'P')) return false;
    const char *where = p->at;
    bool negated = p->at[1] == 'P';
    p->at += 2;
    feat_text called;
    if (p->at == p->end) return fail(p, "invalid character class range", where), true;
    if (*p->at == '{') {
        const char *close = memchr(p->at, '}', (size_t)(p->end - p->at));
        if (!close) return fail(p, "invalid character class range", where), true;
        called = (feat_text){p->at + 1, (size_t)(close - p->at) - 1};
        p->at = close + 1;
    } else {
        called = (feat_text){p->at, feat_point_size(*p->at, (size_t)(p->end - p->at))};
        p->at += called.length;
    }
    if (called.length && called.data[0] == '^') {
        negated = !negated;
        called.data++, called.length--;
    }
    if (!feat_regex_set_add_name(p->code, called, negated, (p->flags & FOLD) != 0))
        fail(p, "invalid character class range: no such category or script", where);
    return true;
}

/* [:alpha:] within brackets: as above. */
static bool read_posix_class(parser *p) {
    if (!looking_at(p, "[:")) return false;
    const char *start = p->at, *close = NULL;
    for (const char *c = start + 2; c + 1 < p->end; c++)
        if (c[0] == ':' && c[1] == ']') {
            close = c;
            break;
        }
    if (!close) return false;
    const char *called = start + 2;
    bool negated = called < close && *called == '^';
    if (negated) called++;
    size_t length = (size_t)(close - called);
    for (size_t i = 0; i < N_POSIX; i++)
        if (strlen(posix[i].name) == length && memcmp(posix[i].name, called, length) == 0) {
            p->at = close + 2;
            add_class(p, &posix[i], negated);
            return true;
        }
    fail(p, "invalid character class range", start);
    return true;
}

static bool read_class_point(parser *p, const char *where, uint32_t *point) {
    if (p->at == p->end) return fail(p, "missing ]", where);
    if (*p->at != '\\') {
        *point = next_point(p);
        return true;
    }
    p->at++;
    return read_escape(p, point);
}

static bool read_class(parser *p) {
    feat_regex_code *code = p->code;
    const char *where = p->at++;
    bool negated = p->at < p->end && *p->at == '^', fold = (p->flags & FOLD) != 0;
    if (negated) p->at++;
    feat_regex_set_open(code);
    for (bool first = true; p->at == p->end || *p->at != ']' || first; first = false) {
        if (p->at == p->end) return fail(p, "missing ]", where);
        if (read_posix_class(p) || read_named_class(p) || read_perl_class(p)) {
            if (code->failed) return false;
            continue;
        }
        uint32_t low, high;
        const char *range = p->at;
        if (!read_class_point(p, where, &low)) return false;
        high = low;
        if (p->end - p->at >= 2 && p->at[0] == '-' && p->at[1] != ']') {
            p->at++;
            if (!read_class_point(p, where, &high)) return false;
            if (high < low) return fail(p, "invalid character class range", range);
        }
        feat_regex_set_add(code, low, high, fold);
        if (code->failed) return false;
    }
    p->at++;
    if (negated) feat_regex_set_negate(code, code->building);
    return push_set(p);
}

/* ---- groups ---- */

static bool open_group(parser *p, int32_t group, uint32_t outside, const char *where) {
    settle(p);
    if (p->depth + 1 >= p->frames_room) {
        if (p->depth >= FEAT_REGEX_MOST_NESTED) return fail(p, "its groups are nested too deep", where);
        size_t room = 2 * p->frames_room;
        frame *frames = feat_regex_room(p->code->work, room * sizeof *frames);
        if (!frames) return fail_memory(p);
        memcpy(frames, p->frames, p->frames_room * sizeof *frames);
        p->frames = frames;
        p->frames_room = room;
    }
    p->frames[++p->depth] = (frame){p->code->n, p->code->n, -1, group, outside, false, true, 1};
    if (group == 0) return true;
    p->frames[p->depth].branch++;
    return emit(p, FEAT_REGEX_SAVE, 2 * group);
}

/* The branch is complete. */
static void end_branch(parser *p) {
    settle(p);
    frame *f = &p->frames[p->depth];
    f->nullable = f->nullable || f->branch_null;
}

static bool next_branch(parser *p) {
    end_branch(p);
    frame *f = &p->frames[p->depth];
    /* Before the branch the choice between it and what follows; behind it the way out. */
    int32_t size = (int32_t)(p->code->n - f->branch);
    if (!insert(p, f->branch, FEAT_REGEX_SPLIT, size + 2) || !emit(p, FEAT_REGEX_JUMP, f->leaving)) return false;
    f->leaving = (int32_t)p->code->n - 1;
    f->branch = p->code->n;
    f->branch_null = true;
    return true;
}

/* Ends the newest branch, and lets all others jump here. */
static void end_branches(parser *p) {
    end_branch(p);
    frame *f = &p->frames[p->depth];
    for (int32_t at = f->leaving; at >= 0;) {
        int32_t before = p->code->instructions[at].x;
        p->code->instructions[at].x = (int32_t)p->code->n - at;
        at = before;
    }
}

static bool close_group(parser *p, const char *where) {
    if (p->depth == 0) return fail(p, "unexpected )", where);
    end_branches(p);
    frame *f = &p->frames[p->depth--];
    if (f->group && !emit(p, FEAT_REGEX_SAVE, 2 * f->group + 1)) return false;
    p->flags = f->flags;
    p->atom = (int64_t)f->start;
    p->atom_null = f->nullable;
    p->atom_repeats = f->repeats;
    p->repeated = false;
    return true;
}

/* p->at is at the name; `where` at the group. Names are not kept: groups are asked for by number. */
static bool open_named(parser *p, const char *where) {
    const char *close = memchr(p->at, '>', (size_t)(p->end - p->at));
    if (!close) return fail(p, "invalid named capture group", where);
    size_t length = (size_t)(close - p->at);
    bool valid = length > 0;
    for (size_t i = 0; i < length; i++) valid = valid && (is_word(p->at[i]) || (unsigned char)p->at[i] >= 0x80);
    if (!valid) return fail(p, "invalid named capture group", where);
    p->at = close + 1;
    return open_group(p, (int32_t)p->code->groups++, p->flags, where);
}

static bool read_flags(parser *p, const char *where) {
    uint32_t flags = p->flags;
    bool clear = false, any = false;
    for (; p->at < p->end; p->at++) {
        uint32_t flag = 0;
        switch (*p->at) {
        case 'i': flag = FOLD; break;
        case 's': flag = DOT_NEWLINE; break;
        case 'm': flag = MANY_LINES; break;
        case 'U': flag = LAZY; break;
        case '-':
            if (clear) return fail(p, "invalid perl operator", where);
            clear = true;
            any = false;
            continue;
        case ':':
        case ')':
            if (clear && !any) return fail(p, "invalid perl operator", where);
            if (*p->at++ == ':') {
                if (!open_group(p, 0, p->flags, where)) return false;
            } else p->repeated = false; /* what follows may repeat what is before, as in RE2 */
            p->flags = flags;
            return true;
        default: return fail(p, "invalid perl operator", where);
        }
        any = true;
        flags = clear ? flags & ~flag : flags | flag;
    }
    return fail(p, "missing )", where);
}

static bool read_group(parser *p) {
    const char *where = p->at++;
    if (!looking_at(p, "?")) return open_group(p, (int32_t)p->code->groups++, p->flags, where);
    p->at++;
    if (looking_at(p, "=") || looking_at(p, "!") || looking_at(p, "<=") || looking_at(p, "<!"))
        return fail(p, "invalid perl operator (looking around takes no linear time)", where);
    if (looking_at(p, "P<")) p->at++;
    if (looking_at(p, "<")) {
        p->at++;
        return open_named(p, where);
    }
    return read_flags(p, where);
}

/* ---- all ---- */

static bool read_number(parser *p, int *number) {
    if (p->at == p->end || !is_digit(*p->at)) return false;
    if (*p->at == '0' && p->end - p->at > 1 && is_digit(p->at[1])) return false;
    *number = 0;
    for (; p->at < p->end && is_digit(*p->at); p->at++)
        if (*number <= FEAT_REGEX_MOST_REPEATS) *number = *number * 10 + (*p->at - '0');
    return true;
}

/* {n}, {n,} or {n,m}; p->at stays when it is none of them, and the brace is a literal. */
static bool read_counts(parser *p, int *least, int *most) {
    const char *start = p->at++;
    bool is = read_number(p, least);
    *most = *least;
    if (is && looking_at(p, ",")) {
        p->at++;
        if (looking_at(p, "}")) *most = UNBOUNDED;
        else is = read_number(p, most);
    }
    is = is && looking_at(p, "}");
    p->at = is ? p->at + 1 : start;
    return is;
}

static bool read_quoted(parser *p) {
    for (p->at += 2; p->at < p->end;) {
        if (looking_at(p, "\\E")) {
            p->at += 2;
            break;
        }
        if (!push_point(p, next_point(p))) return false;
    }
    return true;
}

static bool read_backslash(parser *p) {
    if (looking_at(p, "\\A")) return p->at += 2, push_place(p, FEAT_REGEX_BEGIN_TEXT);
    if (looking_at(p, "\\z")) return p->at += 2, push_place(p, FEAT_REGEX_END_TEXT);
    if (looking_at(p, "\\b")) return p->at += 2, push_place(p, FEAT_REGEX_WORD_EDGE);
    if (looking_at(p, "\\B")) return p->at += 2, push_place(p, FEAT_REGEX_NO_WORD_EDGE);
    if (looking_at(p, "\\Q")) return read_quoted(p);
    if (looking_at(p, "\\C")) return fail(p, "invalid escape sequence (texts are code points)", p->at);
    feat_regex_set_open(p->code);
    if (read_perl_class(p) || read_named_class(p)) return !p->code->failed && push_set(p);
    uint32_t point;
    p->at++;
    return read_escape(p, &point) && push_point(p, point);
}

static bool read_any(parser *p) {
    feat_regex_set_open(p->code);
    if (p->flags & DOT_NEWLINE) feat_regex_set_add(p->code, 0, FEAT_REGEX_LAST_POINT, false);
    else {
        feat_regex_set_add(p->code, 0, '\n' - 1, false);
        feat_regex_set_add(p->code, '\n' + 1, FEAT_REGEX_LAST_POINT, false);
    }
    p->at++;
    return push_set(p);
}

static bool read_one(parser *p) {
    const char *where = p->at;
    int least, most;
    switch (*p->at) {
    case '(': return read_group(p);
    case ')': return p->at++, close_group(p, where);
    case '|': return p->at++, next_branch(p);
    case '[': return read_class(p);
    case '\\': return read_backslash(p);
    case '.': return read_any(p);
    case '^': p->at++; return push_place(p, p->flags & MANY_LINES ? FEAT_REGEX_BEGIN_LINE : FEAT_REGEX_BEGIN_TEXT);
    case '$': p->at++; return push_place(p, p->flags & MANY_LINES ? FEAT_REGEX_END_LINE : FEAT_REGEX_END_TEXT);
    case '*': return p->at++, repeat(p, 0, UNBOUNDED, where);
    case '+': return p->at++, repeat(p, 1, UNBOUNDED, where);
    case '?': return p->at++, repeat(p, 0, 1, where);
    case '{':
        if (!read_counts(p, &least, &most)) break;
        if (least > FEAT_REGEX_MOST_REPEATS || most > FEAT_REGEX_MOST_REPEATS || (most != UNBOUNDED && most < least))
            return fail(p, "invalid repetition size", where);
        return repeat(p, least, most, where);
    default: break;
    }
    return push_point(p, next_point(p));
}

static bool parse(parser *p, bool literal) {
    while (p->at < p->end) {
        if (p->code->work_left-- <= 0) return fail(p, "it is too large", p->end);
        if (!(literal ? push_point(p, next_point(p)) : read_one(p))) return false;
        if (p->code->failed) return false;
    }
    if (p->depth > 0) return fail(p, "missing )", p->end);
    return true;
}

/* The reason, and as much of the pattern from the place as there is room for. */
static void explain(const parser *p, char reason[FEAT_REGEX_REASON]) {
    const char *why = p->code->failed ? p->code->failed : "it is too large";
    size_t left = p->where ? (size_t)(p->end - p->where) : 0, shown = 0;
    while (shown < left && shown < 30 && (unsigned char)p->where[shown] >= ' ')
        shown += feat_point_size(p->where[shown], left - shown);
    if (shown) snprintf(reason, FEAT_REGEX_REASON, "%s: %.*s", why, (int)shown, p->where);
    else snprintf(reason, FEAT_REGEX_REASON, "%s", why);
}

bool feat_regex_parse(feat_regex_code *code, feat_text pattern, const feat_regex_options *options, bool whole,
                      char reason[FEAT_REGEX_REASON]) {
    frame first[8];
    if (pattern.length == 0) pattern.data = "";
    parser p = {.code = code, .at = pattern.data, .end = pattern.data + pattern.length};
    p.flags = (options->fold ? FOLD : 0u) | (options->dot_newline ? DOT_NEWLINE : 0u);
    p.frames = first;
    p.frames_room = sizeof first / sizeof *first;
    p.atom = NO_ATOM;
    code->groups = 1;
    code->work_left = FEAT_REGEX_MOST_WORK;
    if (whole) {
        code->places |= FEAT_REGEX_BEGIN_TEXT | FEAT_REGEX_END_TEXT;
        emit(&p, FEAT_REGEX_ASSERT, FEAT_REGEX_BEGIN_TEXT);
    }
    emit(&p, FEAT_REGEX_SAVE, 0);
    p.frames[0] = (frame){code->n, code->n, -1, 0, p.flags, false, true, 1};
    bool parsed = parse(&p, options->literal);
    if (parsed) {
        end_branches(&p);
        emit(&p, FEAT_REGEX_SAVE, 1);
        if (whole) emit(&p, FEAT_REGEX_ASSERT, FEAT_REGEX_END_TEXT);
        emit(&p, FEAT_REGEX_MATCH, 0);
    }
    if (!code->failed) return true;
    explain(&p, reason);
    return false;
}
