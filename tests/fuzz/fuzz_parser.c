/* The parser on hostile text: it neither crashes nor hangs; what it refuses has a place and a message that is text;
 * what it takes prints to a text of the same tree. With FEAT_LIBFUZZER this is a libFuzzer target; else a deterministic
 * loop over mutations of a small corpus. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/lexer.h"
#include "sql/same_tree.h"

static void check_message(const feat_error *err) {
    size_t left = strlen(err->message);
    if (err->code != FEAT_SYNTAX || err->line < 1 || err->column < 1 || left == 0) abort();
    for (size_t at = 0, n; at < left; at += n)
        if ((n = feat_utf8_sequence(err->message + at, left - at)) == 0) abort();
}

/* The same tree, printed and parsed again; offsets within the text. */
static void check_tree(feat_arena *arena, const feat_ast_script *script, size_t size) {
    feat_buffer out;
    feat_error err;
    feat_ast_script *again = NULL;
    feat_buffer_init(&out);
    for (size_t i = 0; i < script->n; i++) {
        const feat_ast_statement *s = script->statements[i];
        if (s->offset >= s->end || s->end > size) abort();
        if (feat_sql_print(s, &out) != FEAT_OK) abort();
        feat_buffer_text(&out, ";\n");
    }
    if (feat_sql_parse(arena, (const char *)out.data, out.size, &again, &err) != FEAT_OK ||
        !same_script(script, again)) {
        fprintf(stderr, "not the same:\n%.*s\n%s\n", (int)out.size, (const char *)out.data,
                again ? "(another tree)" : err.message);
        abort();
    }
    feat_buffer_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    feat_arena arena;
    feat_ast_script *script = NULL;
    feat_error err = {0};
    feat_arena_init(&arena);
    if (feat_sql_parse(&arena, (const char *)data, size, &script, &err) == FEAT_OK) check_tree(&arena, script, size);
    else check_message(&err);
    feat_arena_done(&arena);
    return 0;
}

#ifndef FEAT_LIBFUZZER
static const char *const corpus[] = {
    "CREATE TABLE p (id BIGINT NOT NULL, u TEXT, x DOUBLE, t TIMESTAMP, ENTITY KEY (u), EVENT TIME (t DELAY INTERVAL "
    "'1 day'), "
    "UNIQUE (id)) WITH (a = 'b');",
    "CREATE OR REPLACE DIMENSION d (a DECIMAL(3, 1) DEFAULT 1.5e3 CHECK (a > 0 AND a < 9), b MAP(TEXT, BIGINT), c "
    "FLOAT[3], "
    "z TIMESTAMP WITH TIME ZONE) WITH (ttl = INTERVAL 3 DAYS, tags = ['x', 'y'])",
    "CREATE FEATURE VIEW v AS SELECT u, count(*) OVER w AS n, sum(x) FILTER (WHERE x > 0.5 AND NOT x IS NULL) OVER w s "
    "FROM p "
    "GROUP BY u WINDOW w AS (RANGE INTERVAL '30 days' PRECEDING);",
    "CREATE FEATURE VIEW v AS SELECT last(x IGNORE NULLS) OVER (PARTITION BY u ORDER BY t DESC NULLS LAST ROWS BETWEEN "
    "3 "
    "PRECEDING AND CURRENT ROW EXCLUDE TIES), f(DISTINCT a, b ORDER BY c) OVER (w SINCE month AT TIME ZONE 'x' CLOSED "
    "left)",
    "CREATE FEATURE SERVICE s AS SELECT v.*, CASE WHEN r.a IN (1, 2) THEN -1 ELSE r.a // 3 END AS c FROM REQUEST (u "
    "TEXT, a "
    "BIGINT) AS r LEFT JOIN MATERIALIZED v USING (u) ASOF LEFT JOIN w ON a = b;",
    "CREATE RAW TABLE r WITH (payload = 'text'); CREATE DERIVATION d INTO t AS SELECT decode(payload) AS x FROM r "
    "WHERE a > 1",
    "CREATE FEATURE SERVICE s AS a, b (x, \"y z\")",
    "CREATE FEATURE VIEW q AS WITH a AS (SELECT * EXCLUDE (k) FROM b) SELECT DISTINCT ON (k) k, DATE '2024-01-01' FROM "
    "(SELECT 1 "
    "UNION ALL SELECT 2) z HAVING x QUALIFY row_number() OVER (ORDER BY t DESC) = 1 ORDER BY 1 LIMIT 2 OFFSET 3",
    "EXPLAIN SELECT a + b * -c ^ d || e::INT[1] & ~f << 2, NOT a = b, a BETWEEN 1 AND 2 OR b NOT LIKE 'x%' ESCAPE '!', "
    "CASE a WHEN 1 THEN b END IS NOT DISTINCT FROM c, [1, a[2]], t AT TIME ZONE 'utc', TRY_CAST(a AS TEXT) NOT IN (1, "
    "NULL)",
    "EXPLAIN SELECT extract(year FROM t), position('a' IN b), substring(a FROM 1 FOR 2), left(a, 1), CURRENT_DATE - 7, "
    "a ISNULL, "
    "INTERVAL '1 month 2 days' - INTERVAL '3' HOURS, \"q\"\"x\".\"y\", 'it''s', TRUE, .5, 5., 1e5",
    "DROP TABLE IF EXISTS t; ALTER TABLE t ADD COLUMN a BIGINT; ALTER TABLE t RENAME a TO b; ALTER TABLE t ALTER a "
    "TYPE TEXT; "
    "COMMENT ON COLUMN t.a IS 'x'; SHOW FEATURE VIEWS; DESCRIBE FEATURE SERVICE s; EXPLAIN v",
};

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const char *const tokens[] = {
    "(",
    ")",
    "'",
    "\"",
    "--",
    "/*",
    "*/",
    " OVER ",
    " CASE ",
    "::",
    "INTERVAL '1 day'",
    "\xc3",
    "e9",
    ".",
    " NOT ",
    " AND ",
    "\"\"",
    " = ",
    " + ",
    " - ",
    " ~ ",
    " IS ",
    " NULL ",
    " LIKE ",
    " IN (",
    "[",
    "]",
    " ^ ",
    " || ",
    " AS ",
    " ORDER ",
    " BY ",
    " ROWS ",
    ", ",
    " AT TIME ZONE ",
    ";",
    " DATE ",
    " FROM t",
    " (a) ",
    " WHEN ",
    " END ",
    " NOT a",
    " rows ",
    " since",
    "* ",
    "\0",
    " UNION ALL SELECT ",
    " range ",
};

enum { SIZE = 4096 };

/* Makes room for `m` bytes at `at`, or does nothing and returns false. */
static bool make_room(uint8_t *text, size_t *n, size_t at, size_t m) {
    if (*n + m > SIZE) return false;
    memmove(text + at + m, text + at, *n - at);
    *n += m;
    return true;
}

static void mutate(uint8_t *text, size_t *n) {
    size_t at = (size_t)(next_random() % (*n + 1)), m = (size_t)(next_random() % 32);
    const char *other = corpus[next_random() % (sizeof corpus / sizeof *corpus)];
    const char *token = tokens[next_random() % (sizeof tokens / sizeof *tokens)];
    switch (next_random() % 6) {
    case 0:
        if (at < *n) text[at] = (uint8_t)next_random();
        break;
    case 1: /* cut a piece out */
        if (at + m > *n) break;
        memmove(text + at, text + at + m, *n - at - m);
        *n -= m;
        break;
    case 2: /* repeat a piece */
        if (at + m <= *n) make_room(text, n, at, m);
        break;
    case 3: { /* put a piece of another text in */
        size_t from = (size_t)(next_random() % strlen(other)), left = strlen(other) - from;
        if (m > left) m = left;
        if (make_room(text, n, at, m)) memcpy(text + at, other + from, m);
        break;
    }
    default: /* put a token in */
        m = *token ? strlen(token) : 1;
        if (make_room(text, n, at, m)) memcpy(text + at, token, m);
    }
}

int main(int argc, char **argv) {
    long iterations = argc > 1 ? atol(argv[1]) : 20000;
    static uint8_t text[SIZE];
    for (long i = 0; i < iterations; i++) {
        const char *seed = corpus[next_random() % (sizeof corpus / sizeof *corpus)];
        size_t n = strlen(seed);
        memcpy(text, seed, n);
        for (uint64_t edits = next_random() % 8; edits > 0; edits--) mutate(text, &n);
        LLVMFuzzerTestOneInput(text, n);
    }
    return 0;
}
#endif
