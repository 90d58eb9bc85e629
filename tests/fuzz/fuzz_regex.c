/* Regular expressions: any pattern is compiled or refused with a reason that is text; a program gives spans within the
 * text, the same whether by its automaton or by its threads; bytes that are no program, and programs with bytes
 * changed, do no harm. With FEAT_LIBFUZZER this is a libFuzzer target; else a deterministic loop. The first byte is the
 * kind, the second the length of the pattern; what follows the pattern is the text. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "column/utf8.h"
#include "text/regex.h"
#include "text/regex_program.h"

enum { GROUPS = 4 };

static void check_spans(feat_scratch *scratch, feat_text program, feat_text s, bool ours) {
    const uint32_t groups[GROUPS] = {0, 1, 2, 9};
    feat_regex_span spans[GROUPS];
    feat_text out;
    bool found = feat_regex_search(scratch, program, s, 0, groups, GROUPS, spans);
    bool matches = feat_regex_matches(scratch, program, s);
    if (ours && found != matches) abort();
    for (int i = 0; found && i < GROUPS; i++) {
        if (spans[i].begin == FEAT_REGEX_NO_PLACE) continue;
        if (spans[i].begin > spans[i].end || spans[i].end > s.length) abort();
        if (ours && (spans[i].begin < spans[0].begin || spans[i].end > spans[0].end)) abort();
    }
    if (!feat_regex_extract(scratch, program, s, 1, &out)) abort();
    if (feat_regex_replace(scratch, program, s, (feat_text){"<\\0>", 4}, &out) && out.length < s.length) abort();
}

/* The same without its automaton: what threads alone find. */
static feat_text without_automaton(feat_scratch *scratch, feat_text bytes) {
    feat_regex_program p;
    if (!feat_regex_open(bytes, &p)) abort();
    size_t rows = 2 * (size_t)p.n_states * (p.n_classes + 1), head = (size_t)((const char *)p.automaton - bytes.data);
    char *copy = feat_scratch_take(scratch, bytes.length);
    if (!copy) abort();
    memcpy(copy, bytes.data, head);
    memcpy(copy + head, bytes.data + head + rows, bytes.length - head - rows);
    memset(copy + 20, 0, 4);
    return (feat_text){copy, bytes.length - rows};
}

static void check_equal(feat_scratch *scratch, feat_text program, feat_text s) {
    const uint32_t groups[GROUPS] = {0, 1, 2, 3};
    feat_regex_span a[GROUPS], b[GROUPS];
    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    feat_text threads = without_automaton(scratch, program);
    bool found = feat_regex_search(scratch, program, s, 0, groups, GROUPS, a);
    if (found != feat_regex_search(scratch, threads, s, 0, groups, GROUPS, b)) abort();
    if (found && memcmp(a, b, sizeof a) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2) return 0;
    size_t length = data[1] < size - 2 ? data[1] : size - 2;
    feat_text pattern = {(const char *)data + 2, length}, s = {(const char *)data + 2 + length, size - 2 - length};
    feat_text options = {data[0] & 8 ? "i" : data[0] & 16 ? "s" : "", (data[0] & 24) != 0}, program;
    feat_regex_kind kind = (feat_regex_kind)(data[0] % 3);
    feat_scratch scratch;
    char reason[128] = "";
    feat_scratch_init(&scratch);
    check_spans(&scratch, pattern, s, false); /* as if it were a program */
    if (feat_regex_compile(&scratch, pattern, options, kind, &program, reason)) {
        bool valid = feat_utf8_valid(s.data, s.length);
        check_spans(&scratch, program, s, valid);
        check_equal(&scratch, program, s);
        char *copy = feat_scratch_take(&scratch, program.length);
        if (!copy) abort();
        for (int i = 0; i < 8; i++) {
            memcpy(copy, program.data, program.length);
            uint32_t where = data[0] * 2654435761u + (uint32_t)i * 40503u;
            for (int k = 0; k <= i / 2; k++, where = where * 1664525u + 1013904223u) {
                uint32_t from = i & 1 ? 0 : FEAT_REGEX_HEADER; /* the header, or what is behind */
                copy[(from + where % (i & 1 ? FEAT_REGEX_HEADER : (uint32_t)program.length - from))] ^=
                    (char)(1u << (where >> 24 & 7));
            }
            check_spans(&scratch, (feat_text){copy, program.length}, s, false);
        }
    } else if (strlen(reason) == 0) abort();
    feat_scratch_done(&scratch);
    return 0;
}

#ifndef FEAT_LIBFUZZER
static const char *const pieces[] = {
    "a",      "b",           "ab",      "(",        ")",       "(?:",        "|",    "*",    "+",
    "?",      "{2}",         "{0,3}",   "{1,}?",    "[a-c]",   "[^b]",       "\\d",  "\\w",  "\\b",
    "\\B",    "^",           "$",       ".",        "\\pL",    "\\p{Greek}", "(?i)", "(?m)", "(?s)",
    "(?P<n>", "[[:alpha:]]", "\\x{e9}", "\303\251", "\\Q.\\E", "[",          "]",    "{",    "}",
    "\\",     "\n",          " ",       "0",        "\\A",     "\\z",        "(?U)", "\xff", "\360\235\222\263",
    "K",
};
enum { N_PIECES = sizeof pieces / sizeof *pieces };

static uint64_t next_random(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

int main(int argc, char **argv) {
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 2000;
    uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    for (long i = 0; i < n; i++) {
        uint8_t input[512];
        size_t size = 2;
        input[0] = (uint8_t)next_random(&state);
        for (int part = 0; part < 2; part++) {
            for (uint64_t k = next_random(&state) % 14; k > 0; k--) {
                const char *piece = pieces[next_random(&state) % N_PIECES];
                size_t length = strlen(piece);
                if (size + length > 250 * (size_t)(part + 1)) break;
                memcpy(input + size, piece, length);
                size += length;
            }
            if (part == 0) input[1] = (uint8_t)(size - 2);
        }
        LLVMFuzzerTestOneInput(input, size);
    }
    return 0;
}
#endif
