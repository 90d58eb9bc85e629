/* Code of regular expressions to programs. */
#include "text/regex_program.h"

#include <string.h>

#include "text/regex.h"

enum { MAGIC = 'R', VERSION = 1, MOST_BYTES = 1 << 20, MOST_NEEDLE = 255 };

/* ---- layout ---- */

bool feat_regex_layout(feat_regex_program *p, const char *bytes, uint64_t *size) {
    const unsigned char *base = (const unsigned char *)bytes;
    uint64_t at = FEAT_REGEX_HEADER, end;
    p->set_size = ((size_t)p->n_classes + 7) / 8;
    uint64_t rows = (uint64_t)p->n_states * ((uint64_t)p->n_classes + 1);
    end = at + 2 * FEAT_REGEX_ASCII + (uint64_t)p->n_intervals * 6 + p->n_classes + (uint64_t)p->n * 4 +
          (uint64_t)p->n_sets * p->set_size + 2 * rows + p->needle_length;
    *size = end;
    /* Each term is below 2^49, so the sum does not wrap. */
    if (p->n_classes > 0xffff || p->n_states > FEAT_REGEX_MOST_STATES || end > UINT32_MAX) return false;
    if (!base) return true;
    p->ascii = base + at;
    at += 2 * FEAT_REGEX_ASCII;
    p->interval_starts = base + at;
    at += (uint64_t)p->n_intervals * 4;
    p->interval_classes = base + at;
    at += (uint64_t)p->n_intervals * 2;
    p->class_flags = base + at;
    at += p->n_classes;
    p->instructions = base + at;
    at += (uint64_t)p->n * 4;
    p->sets = base + at;
    at += (uint64_t)p->n_sets * p->set_size;
    p->automaton = base + at;
    at += 2 * rows;
    p->needle = bytes + at;
    return true;
}

bool feat_regex_open(feat_text bytes, feat_regex_program *p) {
    const unsigned char *b = (const unsigned char *)bytes.data;
    uint64_t size;
    if (bytes.length < FEAT_REGEX_HEADER || b[0] != MAGIC || b[1] != VERSION) return false;
    p->flags = b[2];
    p->places = b[3];
    p->n = feat_regex_get4(b + 4);
    p->n_intervals = feat_regex_get4(b + 8);
    p->n_classes = feat_regex_get4(b + 12);
    p->n_sets = feat_regex_get4(b + 16);
    p->n_states = feat_regex_get4(b + 20);
    p->groups = feat_regex_get4(b + 24);
    p->needle_length = feat_regex_get4(b + 28);
    for (int i = 0; i < FEAT_REGEX_BEFORES; i++) p->starts[i] = feat_regex_get2(b + 32 + 2 * i);
    return p->n > 0 && p->n_intervals > 0 && p->n_classes > 0 && feat_regex_layout(p, bytes.data, &size) &&
           size == bytes.length;
}

static void put2(unsigned char *to, uint32_t x) { to[0] = (unsigned char)x, to[1] = (unsigned char)(x >> 8); }
static void put4(unsigned char *to, uint32_t x) { put2(to, x), put2(to + 2, x >> 16); }

static void put_header(unsigned char *to, const feat_regex_program *p) {
    to[0] = MAGIC, to[1] = VERSION, to[2] = (unsigned char)p->flags, to[3] = (unsigned char)p->places;
    uint32_t numbers[] = {p->n, p->n_intervals, p->n_classes, p->n_sets, p->n_states, p->groups, p->needle_length};
    for (int i = 0; i < 7; i++) put4(to + 4 + 4 * i, numbers[i]);
    for (int i = 0; i < FEAT_REGEX_BEFORES; i++) put2(to + 32 + 2 * i, p->starts[i]);
}

/* ---- classes ---- */

/* Intervals of code points that no set divides, and the class of each: intervals that are in the same sets have one. */
typedef struct partition {
    feat_regex_code *code;
    uint32_t *starts, *classes, *sizes; /* the intervals of a class */
    uint32_t *covered, *split;          /* of the set at hand: intervals of a class in it, and the class they become */
    size_t n, n_classes;
} partition;

static size_t interval_of(const partition *t, uint32_t point) {
    size_t low = 0, high = t->n;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (t->starts[middle] <= point) low = middle;
        else high = middle;
    }
    return low;
}

static bool each_boundary(const feat_regex_code *code, uint32_t *to, size_t *n) {
    size_t count = 0;
#define BOUNDARY(point)                                                                                                \
    do {                                                                                                               \
        if ((point) <= FEAT_REGEX_LAST_POINT) {                                                                        \
            if (to) to[count] = (point);                                                                               \
            count++;                                                                                                   \
        }                                                                                                              \
    } while (0)
    BOUNDARY(0u);
    for (size_t i = 0; i < code->n_ranges; i++) {
        BOUNDARY(code->ranges[i].first);
        BOUNDARY(code->ranges[i].last + 1);
    }
    for (size_t i = 0; i < code->n; i++)
        if (code->instructions[i].op == FEAT_REGEX_POINT) {
            BOUNDARY((uint32_t)code->instructions[i].x);
            BOUNDARY((uint32_t)code->instructions[i].x + 1);
        }
#undef BOUNDARY
    *n = count;
    return count > 0;
}

static void split(partition *t, const feat_regex_range *ranges, size_t n) {
    int64_t work = 0;
    for (int pass = 0; pass < 3; pass++)
        for (size_t r = 0; r < n; r++)
            for (size_t i = interval_of(t, ranges[r].first); i < t->n && t->starts[i] <= ranges[r].last; i++, work++) {
                uint32_t class = t->classes[i];
                if (pass == 0) t->covered[class]++, t->split[class] = class;
                else if (pass == 1) {
                    if (t->covered[class] == t->sizes[class] || t->covered[class] == 0) continue;
                    if (t->split[class] == class) {
                        t->split[class] = (uint32_t)t->n_classes++;
                        t->sizes[t->split[class]] = 0;
                        t->covered[t->split[class]] = 0;
                    }
                    t->classes[i] = t->split[class];
                    t->sizes[t->split[class]]++;
                    t->covered[class]--;
                    t->sizes[class]--;
                    if (t->covered[class] == 0) t->split[class] = class;
                } else t->covered[class] = 0;
            }
    t->code->work_left -= work;
}

/* False when it takes too much work. */
static bool divide(partition *t) {
    feat_regex_code *code = t->code;
    for (size_t s = 0; s < code->n_sets && code->work_left > 0; s++)
        split(t, code->ranges + code->sets[s].start, code->sets[s].count);
    for (size_t i = 0; i < code->n; i++) {
        if (code->instructions[i].op != FEAT_REGEX_POINT) continue;
        feat_regex_range one = {(uint32_t)code->instructions[i].x, (uint32_t)code->instructions[i].x};
        if (t->sizes[t->classes[interval_of(t, one.first)]] > 1) split(t, &one, 1);
    }
    return code->work_left > 0;
}

static bool make_partition(partition *t, feat_regex_code *code) {
    size_t n;
    feat_scratch *work = code->work;
    t->code = code;
    each_boundary(code, NULL, &n);
    t->starts = feat_regex_room(work, n * sizeof(uint32_t));
    uint32_t *spare = feat_regex_room(work, n * sizeof(uint32_t));
    if (!t->starts || !spare) return false;
    each_boundary(code, t->starts, &n);
    t->n = feat_points_sort(t->starts, spare, n);
    size_t size = (t->n + 1) * sizeof(uint32_t);
    t->classes = feat_regex_room(work, size);
    t->sizes = feat_regex_room(work, size);
    t->covered = feat_regex_room(work, size);
    t->split = feat_regex_room(work, size);
    if (!t->classes || !t->sizes || !t->covered || !t->split) return false;
    memset(t->classes, 0, size);
    memset(t->covered, 0, size);
    t->sizes[0] = (uint32_t)t->n;
    t->n_classes = 1;
    return divide(t);
}

/* ---- writing ---- */

static uint32_t flags_of(uint32_t point) {
    bool word = point == '_' || (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') ||
                (point >= 'A' && point <= 'Z');
    return (word ? FEAT_REGEX_IS_WORD : 0u) | (point == '\n' ? FEAT_REGEX_IS_LINE : 0u);
}

static void write_classes(const partition *t, feat_regex_program *p, unsigned char *base) {
    unsigned char *starts = base + (p->interval_starts - base), *classes = base + (p->interval_classes - base);
    unsigned char *flags = base + (p->class_flags - base), *ascii = base + (p->ascii - base);
    bool asked = (p->places & ~(uint32_t)(FEAT_REGEX_BEGIN_TEXT | FEAT_REGEX_END_TEXT)) != 0;
    for (size_t i = 0; i < t->n; i++) {
        put4(starts + 4 * i, t->starts[i]);
        put2(classes + 2 * i, t->classes[i]);
        flags[t->classes[i]] = asked ? (unsigned char)flags_of(t->starts[i]) : 0;
    }
    for (uint32_t c = 0; c < FEAT_REGEX_ASCII; c++) put2(ascii + 2 * c, t->classes[interval_of(t, c)]);
}

static void write_sets(const partition *t, const feat_regex_program *p, unsigned char *sets) {
    const feat_regex_code *code = t->code;
    memset(sets, 0, p->n_sets * p->set_size);
    for (size_t s = 0; s < code->n_sets; s++, sets += p->set_size)
        for (size_t r = 0; r < code->sets[s].count; r++) {
            feat_regex_range range = code->ranges[code->sets[s].start + r];
            for (size_t i = interval_of(t, range.first); i < t->n && t->starts[i] <= range.last; i++)
                sets[t->classes[i] >> 3] |= (unsigned char)(1u << (t->classes[i] & 7));
        }
}

static void write_instructions(const partition *t, unsigned char *to) {
    const feat_regex_code *code = t->code;
    for (size_t i = 0; i < code->n; i++) {
        feat_regex_instruction at = code->instructions[i];
        uint32_t x = (uint32_t)at.x;
        if (at.op == FEAT_REGEX_POINT) x = t->classes[interval_of(t, x)];
        if (at.op == FEAT_REGEX_JUMP || at.op == FEAT_REGEX_SPLIT || at.op == FEAT_REGEX_RETURN) {
            x += (uint32_t)i;
            for (int hop = 0; hop < 8 && code->instructions[x].op == FEAT_REGEX_JUMP; hop++)
                x += (uint32_t)code->instructions[x].x;
        }
        put4(to + 4 * i, at.op << 24 | x);
    }
}

/* ---- needles ---- */

static bool passes(uint32_t op) { return op == FEAT_REGEX_SAVE; }

/* The code points that every match starts with. */
static size_t find_prefix(const feat_regex_code *code, char *to, uint32_t *flags) {
    size_t at = 0, length = 0;
    bool only = true;
    for (; at < code->n; at++) {
        feat_regex_instruction here = code->instructions[at];
        if (here.op == FEAT_REGEX_ASSERT && here.x == FEAT_REGEX_BEGIN_TEXT && length == 0)
            *flags |= FEAT_REGEX_ANCHORED;
        if (here.op == FEAT_REGEX_ASSERT) only = false;
        if (passes(here.op) || here.op == FEAT_REGEX_ASSERT) continue;
        if (here.op != FEAT_REGEX_POINT || length + 4 > MOST_NEEDLE) break;
        length += feat_point_write(to + length, (uint32_t)here.x);
    }
    if (length == 0) return 0;
    bool is = only && code->instructions[at].op == FEAT_REGEX_MATCH && code->groups == 1;
    *flags |= is ? FEAT_REGEX_IS : FEAT_REGEX_STARTS;
    return length;
}

/* The longest run of code points that no jump passes over. */
static size_t find_inner(const feat_regex_code *code, char *to) {
    size_t best = 0, best_at = 0, run = 0, run_at = 0, over = 0;
    for (size_t i = 0; i < code->n; i++) {
        feat_regex_instruction here = code->instructions[i];
        bool sure = i >= over;
        if (here.op == FEAT_REGEX_POINT && sure) {
            if (run++ == 0) run_at = i;
            if (run > best) best = run, best_at = run_at;
        } else if (!passes(here.op)) run = 0;
        if (here.op >= FEAT_REGEX_JUMP && here.op <= FEAT_REGEX_RETURN && here.x > 0 && i + (size_t)here.x > over)
            over = i + (size_t)here.x;
    }
    size_t length = 0;
    for (size_t i = best_at; best > 0 && length + 4 <= MOST_NEEDLE; i++) {
        if (code->instructions[i].op != FEAT_REGEX_POINT) continue;
        length += feat_point_write(to + length, (uint32_t)code->instructions[i].x);
        best--;
    }
    return length;
}

/* ---- all ---- */

static bool add_points(feat_regex_code *code) {
    /* What places ask about must be told apart: as sets that no instruction takes. */
    uint32_t words = FEAT_REGEX_WORD_EDGE | FEAT_REGEX_NO_WORD_EDGE;
    if ((code->places & ~(uint32_t)(FEAT_REGEX_BEGIN_TEXT | FEAT_REGEX_END_TEXT)) == 0) return true;
    feat_regex_set_open(code);
    feat_regex_set_add(code, '\n', '\n', false);
    feat_regex_set_close(code);
    if (code->places & words) {
        feat_regex_set_open(code);
        feat_regex_set_add(code, '0', '9', false);
        feat_regex_set_add(code, 'A', 'Z', false);
        feat_regex_set_add(code, '_', '_', false);
        feat_regex_set_add(code, 'a', 'z', false);
        feat_regex_set_close(code);
    }
    return !code->failed;
}

static bool write_program(feat_scratch *scratch, feat_regex_code *code, uint32_t flags, feat_text *out) {
    partition t;
    char needle[MOST_NEEDLE + 1];
    feat_regex_program p = {.flags = flags, .places = code->places, .n = (uint32_t)code->n, .groups = code->groups};
    if (!add_points(code) || !make_partition(&t, code)) return false;
    size_t length = find_prefix(code, needle, &p.flags);
    if (length == 0 && (length = find_inner(code, needle)) > 0) p.flags |= FEAT_REGEX_HOLDS;
    p.needle_length = (uint32_t)length;
    p.n_intervals = (uint32_t)t.n;
    p.n_classes = (uint32_t)t.n_classes;
    p.n_sets = (uint32_t)code->n_sets;
    uint64_t size;
    if (!feat_regex_layout(&p, NULL, &size) || size > MOST_BYTES) return false;
    char *bytes = feat_scratch_take(code->work, size);
    if (!bytes) return false;
    unsigned char *base = (unsigned char *)bytes;
    feat_regex_layout(&p, bytes, &size);
    write_classes(&t, &p, base);
    write_sets(&t, &p, base + (p.sets - base));
    write_instructions(&t, base + (p.instructions - base));
    uint32_t n_states = 0;
    const uint16_t *automaton = NULL;
    if ((p.flags & FEAT_REGEX_IS) == 0) automaton = feat_regex_automaton(code->work, &p, &n_states, p.starts);
    size_t rows = automaton ? (size_t)n_states * (p.n_classes + 1) : 0, head = (size_t)(p.automaton - base);
    char *made = feat_scratch_take(scratch, head + 2 * rows + length);
    if (!made || code->work->failed) return false;
    p.n_states = automaton ? n_states : 0;
    put_header(base, &p);
    memcpy(made, bytes, head);
    for (size_t i = 0; i < rows; i++) put2((unsigned char *)made + head + 2 * i, automaton[i]);
    if (length) memcpy(made + head + 2 * rows, needle, length);
    *out = (feat_text){made, head + 2 * rows + length};
    return true;
}

static bool read_options(feat_text letters, bool replace, feat_regex_options *options, char reason[FEAT_REGEX_REASON]) {
    for (size_t i = 0; i < letters.length; i++) {
        switch (letters.data[i]) {
        case 'c': options->fold = false; break;
        case 'i': options->fold = true; break;
        case 's': options->dot_newline = true; break;
        case 'm':
        case 'n':
        case 'p': options->dot_newline = false; break;
        case 'l': options->literal = true; break;
        case 'g':
            options->global = true;
            if (replace) break;
            memcpy(reason, "the option g is of regexp_replace only", 39);
            return false;
        case ' ':
        case '\t':
        case '\n': break;
        default: memcpy(reason, "an option is none of c i l s m n p g", 37); return false;
        }
    }
    return true;
}

bool feat_regex_compile(feat_scratch *scratch, feat_text pattern, feat_text letters, feat_regex_kind kind,
                        feat_text *program, char reason[FEAT_REGEX_REASON]) {
    feat_scratch work;
    feat_regex_options options = {0};
    feat_regex_code code = {.work = &work};
    *program = (feat_text){"", 0};
    reason[0] = 0;
    if (!read_options(letters, kind == FEAT_REGEX_REPLACE, &options, reason)) return false;
    feat_scratch_init(&work);
    bool compiled = feat_regex_parse(&code, pattern, &options, kind == FEAT_REGEX_WHOLE, reason);
    if (compiled && !write_program(scratch, &code, options.global ? FEAT_REGEX_GLOBAL : 0, program)) {
        compiled = false;
        memcpy(reason, "it is too large", 16);
    }
    /* Without memory it is neither right nor wrong; the scratch says so. */
    if (work.failed || scratch->failed) scratch->failed = compiled = true;
    feat_scratch_done(&work);
    return compiled;
}
