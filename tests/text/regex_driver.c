/* What tests/python/test_regex.py asks: each line is `kind pattern options text replacement`, the last four in
 * hexadecimal (- is empty); kind is s (search: all groups), w (whole) or r (replace). The answer is `refused reason`,
 * or `1 begin end ...`, or `0`, or `error`, or of r the text in hexadecimal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/regex.h"

enum { FIELDS = 5, MOST_GROUPS = 64 };

static feat_text read_field(char *field) {
    size_t n = strlen(field) / 2;
    if (strcmp(field, "-") == 0) return (feat_text){"", 0};
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {field[2 * i], field[2 * i + 1], 0};
        field[i] = (char)strtol(pair, NULL, 16);
    }
    return (feat_text){field, n};
}

static void answer(feat_scratch *scratch, char kind, const feat_text *fields) {
    feat_text program, out;
    char reason[128];
    feat_regex_kind kinds = kind == 's' ? FEAT_REGEX_SEARCH : kind == 'w' ? FEAT_REGEX_WHOLE : FEAT_REGEX_REPLACE;
    if (!feat_regex_compile(scratch, fields[0], fields[1], kinds, &program, reason)) {
        printf("refused %s\n", reason);
        return;
    }
    if (kind == 'r') {
        if (!feat_regex_replace(scratch, program, fields[2], fields[3], &out)) {
            puts("error");
            return;
        }
        putchar('r');
        for (size_t i = 0; i < out.length; i++) printf("%02x", (unsigned char)out.data[i]);
        putchar('\n');
        return;
    }
    uint32_t groups[MOST_GROUPS], n = feat_regex_groups(program) + 1;
    feat_regex_span spans[MOST_GROUPS];
    if (n > MOST_GROUPS) n = MOST_GROUPS;
    for (uint32_t i = 0; i < n; i++) groups[i] = i;
    bool found = feat_regex_search(scratch, program, fields[2], 0, groups, kind == 'w' ? 0 : n, spans);
    if (found != feat_regex_matches(scratch, program, fields[2])) abort();
    printf("%d", found);
    for (uint32_t i = 0; found && kind == 's' && i < n; i++)
        printf(" %ld %ld", (long)spans[i].begin, (long)spans[i].end);
    putchar('\n');
}

int main(void) {
    char *line = NULL, *fields[FIELDS];
    size_t room = 0;
    feat_scratch scratch;
    feat_scratch_init(&scratch);
    while (getline(&line, &room, stdin) > 0) {
        feat_text texts[FIELDS];
        int n = 0;
        for (char *field = strtok(line, " \n"); field && n < FIELDS; field = strtok(NULL, " \n")) fields[n++] = field;
        if (n != FIELDS) break;
        for (int i = 1; i < FIELDS; i++) texts[i - 1] = read_field(fields[i]);
        answer(&scratch, fields[0][0], texts);
        feat_scratch_reset(&scratch);
    }
    feat_scratch_done(&scratch);
    free(line);
    return 0;
}
