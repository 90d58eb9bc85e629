/* Matching: by the automaton where a program has one, and for the places of groups by threads. */
#include <string.h>

#include "text/regex.h"
#include "text/regex_program.h"
#include "text/search.h"

/* A choice to come back to; or, when a thread's places are to be as they were, a slot of them. */
typedef struct todo {
    uint32_t pc, slot; /* the slot is NO_SLOT for a choice */
    size_t place;
} todo;
enum { NO_SLOT = UINT32_MAX };

/* Threads that have taken a code point, best first. */
typedef struct threads {
    uint32_t *pcs;
    size_t *places; /* n_slots of each */
    uint32_t n;
} threads;

typedef struct runner {
    feat_regex_program program;
    feat_text s;
    const uint32_t *groups;
    size_t n_slots; /* two of each group wanted */
    char *piece;    /* of the scratch, when threads were needed */
    uint32_t *marks, mark;
    todo *stack;
    size_t *now, *found; /* the places of the thread that is followed, and of the best match */
    threads lists[2];
    bool failed;
} runner;

/* What stands at a place. */
typedef struct ahead {
    uint32_t class, flags;
    size_t size; /* 0 at the end */
} ahead;

static ahead look(const feat_regex_program *p, feat_text s, size_t at) {
    uint32_t point;
    if (at >= s.length) return (ahead){p->n_classes, 0, 0};
    size_t size = feat_point_read(s.data + at, s.length - at, &point);
    uint32_t class = feat_regex_class(p, point);
    return (ahead){class, p->class_flags[class], size};
}

static feat_regex_before look_back(const feat_regex_program *p, feat_text s, size_t at) {
    if (at == 0) return FEAT_REGEX_AFTER_NOTHING;
    return feat_regex_after(look(p, s, feat_point_before(s.data, at)).flags);
}

/* ---- the automaton ---- */

/* The end of the first match at or behind `from`, of any one with `any`. No match begins before *idle. */
static bool scan(const feat_regex_program *p, feat_text s, size_t from, bool any, size_t *end, size_t *idle,
                 size_t *stopped) {
    size_t row = (size_t)p->n_classes + 1, total = p->n_states * row, at = from;
    uint32_t state = p->starts[look_back(p, s, from)];
    bool found = false;
    *idle = from;
    while (at < s.length) {
        unsigned char byte = (unsigned char)s.data[at];
        size_t size = 1;
        uint32_t class;
        if (byte < FEAT_REGEX_ASCII) class = feat_regex_get2(p->ascii + 2 * byte);
        else {
            uint32_t point;
            size = feat_point_read(s.data + at, s.length - at, &point);
            class = feat_regex_class(p, point);
        }
        size_t entry = state * row + class;
        if (entry >= total) break;
        uint32_t to = feat_regex_get2(p->automaton + 2 * entry);
        state = to & FEAT_REGEX_STATE;
        if (to & FEAT_REGEX_ENDS) {
            found = true;
            *end = at;
            if (any) break;
        }
        at += size;
        if (to & FEAT_REGEX_IDLE) *idle = at;
        if (state == FEAT_REGEX_DEAD) break;
    }
    *stopped = at;
    if (at < s.length || state == FEAT_REGEX_DEAD) return found;
    size_t entry = state * row + p->n_classes;
    if (entry >= total || (feat_regex_get2(p->automaton + 2 * entry) & FEAT_REGEX_ENDS) == 0) return found;
    *end = s.length;
    return true;
}

/* ---- threads ---- */

static bool prepare(runner *r, feat_scratch *scratch) {
    size_t n = r->program.n, slots = r->n_slots;
    size_t size = (n + 1) * (sizeof(todo) + 3 * sizeof(uint32_t)) + (2 * n + 2) * slots * sizeof(size_t) + 64;
    r->piece = feat_scratch_take(scratch, size);
    if (!r->piece) {
        r->failed = true;
        return false;
    }
    char *at = r->piece + (16 - (uintptr_t)r->piece % 16) % 16;
    r->stack = (todo *)(void *)at;
    at += (n + 1) * sizeof(todo);
    r->now = (size_t *)(void *)at;
    r->found = r->now + slots;
    for (int i = 0; i < 2; i++) r->lists[i].places = r->found + slots + (size_t)i * n * slots;
    at += (2 * n + 2) * slots * sizeof(size_t);
    r->marks = (uint32_t *)(void *)at;
    memset(r->marks, 0, n * sizeof *r->marks);
    r->lists[0].pcs = r->marks + n;
    r->lists[1].pcs = r->marks + 2 * n;
    r->mark = 0;
    return true;
}

/* Follows a thread and all it may become at a place; those that take what stands there go to `next`. Whether a match
 * was met: then r->found holds its places, and what is worse was not followed. */
static bool follow(runner *r, uint32_t root, size_t at, const ahead *here, uint32_t places, threads *next) {
    const feat_regex_program *p = &r->program;
    size_t depth = 0, slots = r->n_slots;
    r->stack[depth++] = (todo){root, NO_SLOT, 0};
    while (depth > 0) {
        todo top = r->stack[--depth];
        if (top.slot != NO_SLOT) {
            r->now[top.slot] = top.place;
            continue;
        }
        /* Each instruction is met once at a place and leaves at most one thing to do: the stack has room for that. */
        for (uint32_t pc = top.pc; pc < p->n && r->marks[pc] != r->mark;) {
            uint32_t x, op = feat_regex_op_at(p, pc, &x);
            r->marks[pc] = r->mark;
            switch (op) {
            case FEAT_REGEX_MATCH:
                if (slots) memcpy(r->found, r->now, slots * sizeof *r->now);
                return true;
            case FEAT_REGEX_SET:
            case FEAT_REGEX_POINT:
                if (here->size > 0 &&
                    (op == FEAT_REGEX_POINT ? x == here->class : feat_regex_in_set(p, x, here->class))) {
                    if (slots) memcpy(next->places + next->n * slots, r->now, slots * sizeof *r->now);
                    next->pcs[next->n++] = pc + 1;
                }
                pc = p->n;
                break;
            case FEAT_REGEX_JUMP: pc = x; break;
            case FEAT_REGEX_SPLIT:
                r->stack[depth++] = (todo){x, NO_SLOT, 0};
                pc++;
                break;
            case FEAT_REGEX_RETURN:
                r->stack[depth++] = (todo){pc + 1, NO_SLOT, 0};
                pc = x;
                break;
            case FEAT_REGEX_SAVE:
                for (uint32_t slot = 0; slot < slots; slot++)
                    if (r->groups[slot / 2] == x / 2 && slot % 2 == x % 2) {
                        r->stack[depth++] = (todo){0, slot, r->now[slot]};
                        r->now[slot] = at;
                        break;
                    }
                pc++;
                break;
            case FEAT_REGEX_ASSERT: pc = (x & ~places) == 0 ? pc + 1 : p->n; break;
            default: pc = p->n;
            }
        }
    }
    return false;
}

/* Finds the first match that begins at or behind `from`; it ends at or before `limit`. */
static bool run(runner *r, size_t from, size_t limit, bool any, size_t *stopped) {
    const feat_regex_program *p = &r->program;
    size_t slots = r->n_slots, at = from;
    feat_regex_before before = look_back(p, r->s, from);
    bool found = false;
    threads *now = &r->lists[0], *next = &r->lists[1];
    now->n = 0;
    for (;;) {
        ahead here = look(p, r->s, at);
        uint32_t places = feat_regex_places(before, here.flags, here.size == 0);
        next->n = 0;
        if (++r->mark == 0) {
            memset(r->marks, 0, p->n * sizeof *r->marks);
            r->mark = 1;
        }
        bool ended = false;
        for (uint32_t i = 0; i < now->n && !ended; i++) {
            if (slots) memcpy(r->now, now->places + i * slots, slots * sizeof *r->now);
            ended = follow(r, now->pcs[i], at, &here, places, next);
        }
        found = found || ended;
        bool starts = !found && ((p->flags & FEAT_REGEX_ANCHORED) == 0 || at == 0);
        if (starts) {
            for (size_t i = 0; i < slots; i++) r->now[i] = FEAT_REGEX_NO_PLACE;
            found = follow(r, 0, at, &here, places, next);
        }
        if ((any && found) || here.size == 0 || at >= limit) break;
        if (next->n == 0 && (found || (p->flags & FEAT_REGEX_ANCHORED))) break;
        at += here.size;
        before = feat_regex_after(here.flags);
        threads *other = now;
        now = next;
        next = other;
    }
    *stopped = at;
    return found;
}

/* ---- searching ---- */

/* Moves `from` to where a match may begin; false when there is none behind it. */
static bool skip(const feat_regex_program *p, feat_text s, size_t *from) {
    if ((p->flags & FEAT_REGEX_ANCHORED) && *from > 0) return false;
    if ((p->flags & (FEAT_REGEX_STARTS | FEAT_REGEX_HOLDS)) == 0) return true;
    if ((p->flags & FEAT_REGEX_ANCHORED) && (p->flags & FEAT_REGEX_STARTS))
        return s.length >= p->needle_length && memcmp(s.data, p->needle, p->needle_length) == 0;
    size_t found = feat_find(s.data + *from, s.length - *from, p->needle, p->needle_length);
    if (found == FEAT_NOT_FOUND) return false;
    if (p->flags & FEAT_REGEX_STARTS) *from += found;
    return true;
}

static bool open_runner(runner *r, feat_text program, feat_text s, const uint32_t *groups, size_t n_groups) {
    r->s = s;
    if (s.length == 0) r->s.data = "";
    r->groups = groups;
    r->n_slots = 2 * n_groups;
    r->piece = NULL;
    r->failed = false;
    return feat_regex_open(program, &r->program);
}

static void close_runner(runner *r, feat_scratch *scratch) {
    if (r->piece) feat_scratch_trim(scratch, r->piece, 0);
}

/* `cost` becomes what was read without being of the match, as FEAT_REGEX_REPLACE_MOST counts it. */
static bool search(runner *r, feat_scratch *scratch, size_t from, feat_regex_span *spans, uint64_t *cost) {
    const feat_regex_program *p = &r->program;
    size_t limit = SIZE_MAX, stopped = from, end = from, weight = 1;
    *cost = 0;
    if (p->flags & FEAT_REGEX_IS) {
        size_t found = feat_find(r->s.data + from, r->s.length - from, p->needle, p->needle_length);
        if (found == FEAT_NOT_FOUND) return false;
        feat_regex_span whole = {from + found, from + found + p->needle_length};
        feat_regex_span none = {FEAT_REGEX_NO_PLACE, FEAT_REGEX_NO_PLACE};
        for (size_t i = 0; i < r->n_slots / 2; i++) spans[i] = r->groups[i] == 0 ? whole : none;
        return true;
    }
    if (!skip(p, r->s, &from)) return false;
    if (p->n_states > 0) {
        bool found = scan(p, r->s, from, r->n_slots == 0, &end, &from, &stopped);
        if (stopped > end) *cost = stopped - end;
        if (!found || r->n_slots == 0) return found;
        limit = end;
        weight = 0; /* the threads read what is counted already */
    }
    if (!r->piece && !prepare(r, scratch)) return false;
    bool found = run(r, from, limit, r->n_slots == 0, &stopped);
    for (size_t i = 0; found && i < r->n_slots / 2; i++) {
        feat_regex_span span = {r->found[2 * i], r->found[2 * i + 1]};
        /* A program of our own never makes another one. */
        if (span.end == FEAT_REGEX_NO_PLACE || span.begin > span.end) span.begin = span.end = FEAT_REGEX_NO_PLACE;
        spans[i] = span;
        if (r->groups[i] == 0 && span.end < stopped) *cost += weight * (uint64_t)p->n * (stopped - span.end);
    }
    return found;
}

bool feat_regex_matches(feat_scratch *scratch, feat_text program, feat_text s) {
    runner r;
    uint64_t cost;
    if (!open_runner(&r, program, s, NULL, 0)) return false;
    bool found = search(&r, scratch, 0, NULL, &cost);
    close_runner(&r, scratch);
    return found;
}

bool feat_regex_search(feat_scratch *scratch, feat_text program, feat_text s, size_t from, const uint32_t *groups,
                       size_t n_groups, feat_regex_span *spans) {
    runner r;
    uint64_t cost;
    if (from > s.length || !open_runner(&r, program, s, groups, n_groups)) return false;
    bool found = search(&r, scratch, from, spans, &cost);
    close_runner(&r, scratch);
    return found;
}

uint32_t feat_regex_groups(feat_text program) {
    feat_regex_program p;
    return feat_regex_open(program, &p) && p.groups > 0 ? p.groups - 1 : 0;
}

bool feat_regex_extract(feat_scratch *scratch, feat_text program, feat_text s, int64_t group, feat_text *out) {
    uint32_t wanted = (uint32_t)group;
    feat_regex_span span;
    *out = (feat_text){"", 0};
    if (group < 0 || group > 9) return false;
    if (!feat_regex_search(scratch, program, s, 0, &wanted, 1, &span) || span.begin == FEAT_REGEX_NO_PLACE) return true;
    *out = (feat_text){s.data + span.begin, span.end - span.begin};
    return true;
}

/* ---- replacing ---- */

enum { MOST_GROUPS = 10 };

/* The groups that a replacement names, group 0 first; false when it is wrong. */
static bool read_replacement(feat_text by, uint32_t groups, uint32_t wanted[MOST_GROUPS], size_t *n_wanted,
                             size_t place_of[MOST_GROUPS]) {
    bool named[MOST_GROUPS] = {true};
    *n_wanted = 0;
    for (size_t i = 0; i < by.length; i++) {
        if (by.data[i] != '\\') continue;
        if (++i == by.length) return false;
        char c = by.data[i];
        if (c == '\\') continue;
        if (c < '0' || c > '9' || (uint32_t)(c - '0') > groups) return false;
        named[c - '0'] = true;
    }
    for (uint32_t i = 0; i < MOST_GROUPS; i++) {
        place_of[i] = *n_wanted;
        if (named[i]) wanted[(*n_wanted)++] = i;
    }
    return true;
}

/* A text that grows in the scratch; matching takes its memory before, so that this is the newest piece. */
typedef struct growing {
    feat_scratch *scratch;
    char *data;
    size_t length, room;
    bool failed; /* out of memory, or too long */
} growing;

static void append(growing *g, const char *data, size_t n) {
    if (n == 0 || g->failed) return;
    if (n > g->room - g->length) {
        if (n > FEAT_TEXT_MOST || g->length + n > FEAT_TEXT_MOST) {
            g->failed = true;
            return;
        }
        size_t room = 2 * (g->length + n);
        char *bytes = feat_scratch_take(g->scratch, room);
        if (!bytes) {
            g->failed = true;
            return;
        }
        if (g->length) memcpy(bytes, g->data, g->length);
        g->data = bytes;
        g->room = room;
    }
    memcpy(g->data + g->length, data, n);
    g->length += n;
}

static void append_replacement(growing *g, feat_text by, feat_text s, const feat_regex_span *spans,
                               const size_t place_of[MOST_GROUPS]) {
    for (size_t i = 0; i < by.length;) {
        const char *escape = memchr(by.data + i, '\\', by.length - i);
        size_t n = escape ? (size_t)(escape - by.data) - i : by.length - i;
        append(g, by.data + i, n);
        i += n;
        if (!escape) break;
        char c = by.data[i + 1];
        i += 2;
        if (c == '\\') {
            append(g, "\\", 1);
            continue;
        }
        feat_regex_span span = spans[place_of[c - '0']];
        if (span.begin != FEAT_REGEX_NO_PLACE) append(g, s.data + span.begin, span.end - span.begin);
    }
}

bool feat_regex_replace(feat_scratch *scratch, feat_text program, feat_text s, feat_text by, feat_text *out) {
    runner r;
    uint32_t wanted[MOST_GROUPS];
    size_t n_wanted, place_of[MOST_GROUPS], at = 0, from = 0, last = FEAT_REGEX_NO_PLACE;
    uint64_t spent = 0, cost;
    feat_regex_span spans[MOST_GROUPS];
    *out = s;
    if (!read_replacement(by, feat_regex_groups(program), wanted, &n_wanted, place_of)) return false;
    if (!open_runner(&r, program, s, wanted, n_wanted)) return true;
    s = r.s;
    growing g = {.scratch = scratch};
    bool any = false;
    /* Two pieces are needed at once: what threads take lies below what is made. */
    if ((r.program.flags & FEAT_REGEX_IS) == 0 && !prepare(&r, scratch)) return true;
    while (from <= s.length && !g.failed && search(&r, scratch, from, spans, &cost)) {
        spent += cost;
        if (spent > FEAT_REGEX_REPLACE_MOST || spans[0].begin == FEAT_REGEX_NO_PLACE) break;
        append(&g, s.data + at, spans[0].begin - at);
        at = spans[0].begin;
        if (spans[0].begin == spans[0].end && spans[0].begin == last) {
            /* An empty match right behind another does not count. */
            if (at == s.length) break;
            size_t size = feat_point_size(s.data[at], s.length - at);
            append(&g, s.data + at, size);
            from = at += size;
            continue;
        }
        append_replacement(&g, by, s, spans, place_of);
        any = true;
        from = at = last = spans[0].end;
        if ((r.program.flags & FEAT_REGEX_GLOBAL) == 0) break;
    }
    if (any) append(&g, s.data + at, s.length - at);
    bool made = spent <= FEAT_REGEX_REPLACE_MOST && !(g.failed && !scratch->failed);
    if (any && made) {
        feat_scratch_trim(scratch, g.data, g.length);
        *out = (feat_text){g.data ? g.data : "", g.length};
    }
    if (!g.data) close_runner(&r, scratch);
    return made;
}
