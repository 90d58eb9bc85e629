/* The parser on hostile text: it neither crashes nor hangs, and what it takes prints to a text that it takes again, with the same
 * print. With FEAT_LIBFUZZER this is a libFuzzer target; else a deterministic loop over mutations of a small corpus. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/sql.h"

static char *print_all(const char *sql, size_t length) {
    feat_arena arena;
    feat_buffer out;
    feat_ast_script *script = NULL;
    feat_error err;
    char *text = NULL;
    feat_arena_init(&arena);
    feat_buffer_init(&out);
    if (feat_sql_parse(&arena, sql, length, &script, &err) == FEAT_OK) {
        for (size_t i = 0; i < script->n; i++) {
            feat_sql_print(script->statements[i], &out);
            feat_buffer_text(&out, ";\n");
        }
        text = feat_buffer_take_text(&out);
    } else if (err.code != FEAT_SYNTAX || err.line < 1 || strlen(err.message) == 0) {
        abort();
    }
    feat_buffer_done(&out);
    feat_arena_done(&arena);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *first = print_all((const char *)data, size);
    if (!first) return 0;
    char *second = print_all(first, strlen(first));
    if (!second || strcmp(first, second) != 0) {
        fprintf(stderr, "not the same:\n%s\n%s\n", first, second ? second : "(refused)");
        abort();
    }
    feat_free(first);
    feat_free(second);
    return 0;
}

#ifndef FEAT_LIBFUZZER
static const char *const corpus[] = {
    "CREATE TABLE p (id BIGINT NOT NULL, u TEXT, x DOUBLE, t TIMESTAMP, ENTITY KEY (u), EVENT TIME (t DELAY INTERVAL '1 day'), UNIQUE (id)) WITH (a = 'b');",
    "CREATE FEATURE VIEW v AS SELECT u, count(*) OVER w AS n, sum(x) FILTER (WHERE x > 0.5 AND NOT x IS NULL) OVER w s FROM p GROUP BY u WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);",
    "CREATE FEATURE SERVICE s AS SELECT v.*, CASE WHEN r.a IN (1, 2) THEN -1 ELSE r.a // 3 END AS c FROM REQUEST (u TEXT, a BIGINT) AS r LEFT JOIN v USING (u);",
    "CREATE FEATURE VIEW q AS WITH a AS (SELECT * FROM b) SELECT DISTINCT ON (k) k, DATE '2024-01-01' FROM (SELECT 1 UNION ALL SELECT 2) z QUALIFY row_number() OVER (ORDER BY t DESC) = 1",
};

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

int main(int argc, char **argv) {
    static const char *const tokens[] = {"(", ")", "'", "\"", "--", "/*", "*/", " OVER ", " CASE ", "::", "INTERVAL '1 day'", "\xc3", "e9", ".", " NOT ", " AND ", "\"\""};
    long iterations = argc > 1 ? atol(argv[1]) : 20000;
    enum { MAX = 4096 };
    static uint8_t text[MAX];
    for (long i = 0; i < iterations; i++) {
        const char *seed = corpus[next_random() % 4];
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        for (uint64_t edits = next_random() % 8; edits > 0; edits--) {
            size_t at = (size_t)(next_random() % (n + 1));
            switch (next_random() % 4) {
            case 0:
                if (at < n) text[at] = (uint8_t)next_random();
                break;
            case 1: { /* cut a piece out */
                size_t cut = (size_t)(next_random() % 16);
                if (at + cut <= n) {
                    memmove(text + at, text + at + cut, n - at - cut);
                    n -= cut;
                }
                break;
            }
            case 2: { /* put a token in */
                const char *token = tokens[next_random() % (sizeof tokens / sizeof *tokens)];
                size_t m = strlen(token);
                if (n + m <= MAX) {
                    memmove(text + at + m, text + at, n - at);
                    memcpy(text + at, token, m);
                    n += m;
                }
                break;
            }
            default: { /* repeat a piece */
                size_t m = (size_t)(next_random() % 64);
                if (at + m <= n && n + m <= MAX) {
                    memmove(text + at + m, text + at, n - at);
                    n += m;
                }
            }
            }
        }
        LLVMFuzzerTestOneInput(text, n);
    }
    return 0;
}
#endif
