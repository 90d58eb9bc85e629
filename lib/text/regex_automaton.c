/* The deterministic automaton of a regular expression, made when it is compiled. A state is the list of places in the
 * program that threads are at, best first, with what was read before; whether a match ends is known with the code point
 * that follows, since places may ask about that. */
#include <string.h>

#include "text/regex_program.h"

/* Building stops at these; the program is then run by threads alone. */
enum { MOST_ENTRIES = 1 << 15, MOST_STEPS = 1 << 19 };

typedef struct state {
    const uint32_t *threads;
    uint32_t n;
    uint32_t hash;
    feat_regex_before before;
    bool searching; /* a match may begin here, after those under way */
} state;

typedef struct builder {
    feat_scratch *work;
    const feat_regex_program *p;
    state states[FEAT_REGEX_MOST_STATES];
    uint32_t n;
    uint16_t *rows;
    uint32_t *marks, mark;          /* the instructions seen */
    uint32_t *stack, *list, *found; /* of the instructions that take a code point; of threads */
    int64_t steps;
} builder;

/* Follows all but instructions that take a code point, best first, into b->list; whether a match was met, which cuts
 * off all that is worse. */
static bool follow(builder *b, const state *s, uint32_t places, uint32_t *n) {
    const feat_regex_program *p = b->p;
    b->mark++;
    *n = 0;
    uint32_t roots = s->n + (s->searching ? 1 : 0);
    for (uint32_t r = 0; r < roots; r++) {
        size_t depth = 0;
        b->stack[depth++] = r < s->n ? s->threads[r] : 0;
        while (depth > 0) {
            uint32_t pc = b->stack[--depth];
            while (pc < p->n && b->marks[pc] != b->mark) {
                uint32_t x, op = feat_regex_op_at(p, pc, &x);
                b->marks[pc] = b->mark;
                b->steps--;
                if (op == FEAT_REGEX_MATCH) return true;
                if (op == FEAT_REGEX_SET || op == FEAT_REGEX_POINT) {
                    b->list[(*n)++] = pc;
                    break;
                }
                if (op == FEAT_REGEX_JUMP) pc = x;
                else if (op == FEAT_REGEX_SPLIT) b->stack[depth++] = x, pc++;
                else if (op == FEAT_REGEX_RETURN) b->stack[depth++] = pc + 1, pc = x;
                else if (op == FEAT_REGEX_SAVE || (x & ~places) == 0) pc++;
                else break;
            }
        }
    }
    return false;
}

/* The number of a state, FEAT_REGEX_MOST_STATES when there are too many. */
static uint32_t number_of(builder *b, uint32_t n, feat_regex_before before, bool searching) {
    if (n == 0 && !searching) return FEAT_REGEX_DEAD;
    uint32_t hash = (uint32_t)before * 2 + searching;
    for (uint32_t i = 0; i < n; i++) hash = (hash ^ b->found[i]) * UINT32_C(0x9e3779b1);
    for (uint32_t i = 1; i < b->n; i++) {
        const state *s = &b->states[i];
        b->steps--;
        if (s->hash == hash && s->n == n && s->before == before && s->searching == searching &&
            (n == 0 || memcmp(s->threads, b->found, n * sizeof *b->found) == 0))
            return i;
    }
    if (b->n == FEAT_REGEX_MOST_STATES || (b->n + 1) * (b->p->n_classes + 1) > MOST_ENTRIES)
        return FEAT_REGEX_MOST_STATES;
    uint32_t *threads = feat_regex_room(b->work, (n + 1) * sizeof *threads);
    if (!threads) return FEAT_REGEX_MOST_STATES;
    if (n) memcpy(threads, b->found, n * sizeof *threads);
    b->states[b->n] = (state){threads, n, hash, before, searching};
    return b->n++;
}

/* What a pattern does not ask about is not told apart. */
static feat_regex_before seen(const builder *b, feat_regex_before before) {
    uint32_t places = b->p->places;
    bool words = (places & (FEAT_REGEX_WORD_EDGE | FEAT_REGEX_NO_WORD_EDGE)) != 0;
    bool lines = (places & FEAT_REGEX_BEGIN_LINE) != 0, text = (places & FEAT_REGEX_BEGIN_TEXT) != 0;
    if (before == FEAT_REGEX_AFTER_WORD && !words) return FEAT_REGEX_AFTER_OTHER;
    if (before == FEAT_REGEX_AFTER_LINE && !lines) return FEAT_REGEX_AFTER_OTHER;
    if (before == FEAT_REGEX_AFTER_NOTHING && !lines && !text) return FEAT_REGEX_AFTER_OTHER;
    return before;
}

static bool make_row(builder *b, uint32_t i) {
    const feat_regex_program *p = b->p;
    uint16_t *row = b->rows + (size_t)i * (p->n_classes + 1);
    uint32_t n = 0, known = UINT32_MAX;
    bool ends = false;
    for (uint32_t class = 0; class <= p->n_classes; class ++) {
        bool end = class == p->n_classes;
        uint32_t flags = end ? 0 : p->class_flags[class];
        uint32_t places = feat_regex_places(b->states[i].before, flags, end) & p->places;
        if (places != known) {
            ends = follow(b, &b->states[i], places, &n);
            known = places;
        }
        uint32_t to = FEAT_REGEX_DEAD;
        bool idle = false;
        if (!end) {
            uint32_t threads = 0;
            for (uint32_t k = 0; k < n; k++) {
                uint32_t x, op = feat_regex_op_at(p, b->list[k], &x);
                bool takes = op == FEAT_REGEX_POINT ? x == class : feat_regex_in_set(p, x, class);
                if (takes) b->found[threads++] = b->list[k] + 1;
            }
            b->steps -= n;
            bool searching = b->states[i].searching && !ends && (p->flags & FEAT_REGEX_ANCHORED) == 0;
            to = number_of(b, threads, seen(b, feat_regex_after(flags)), searching);
            if (to == FEAT_REGEX_MOST_STATES || b->steps < 0) return false;
            idle = threads == 0 && searching;
        }
        row[class] = (uint16_t)(to | (ends ? FEAT_REGEX_ENDS : 0u) | (idle ? FEAT_REGEX_IDLE : 0u));
    }
    return true;
}

const uint16_t *feat_regex_automaton(feat_scratch *work, const feat_regex_program *program, uint32_t *n_states,
                                     uint32_t starts[FEAT_REGEX_BEFORES]) {
    builder *b = feat_regex_room(work, sizeof *b);
    size_t size = ((size_t)program->n + 1) * sizeof(uint32_t);
    if (!b || program->n_classes + 1 > MOST_ENTRIES / 2) return NULL;
    *b = (builder){.work = work, .p = program, .n = 1, .steps = MOST_STEPS};
    b->rows = feat_regex_room(work, MOST_ENTRIES * sizeof *b->rows);
    b->marks = feat_regex_room(work, size);
    b->stack = feat_regex_room(work, size);
    b->list = feat_regex_room(work, size);
    b->found = feat_regex_room(work, size);
    if (!b->rows || !b->marks || !b->stack || !b->list || !b->found) return NULL;
    memset(b->marks, 0, size);
    memset(b->rows, 0, (program->n_classes + 1) * sizeof *b->rows);
    for (int i = 0; i < FEAT_REGEX_BEFORES; i++) {
        starts[i] = number_of(b, 0, seen(b, (feat_regex_before)i), true);
        if (starts[i] == FEAT_REGEX_MOST_STATES) return NULL;
    }
    for (uint32_t i = 1; i < b->n; i++)
        if (!make_row(b, i)) return NULL;
    *n_states = b->n;
    return b->rows;
}
