/* The parser's own tools: looking at tokens, taking names, saying what was expected. */
#include "sql/parser.h"

#include <stdio.h>
#include <string.h>

const feat_token *feat_parser_peek(const feat_parser *p) { return &p->tokens[p->at]; }

static bool token_is(const feat_token *t, const char *text) {
    return (t->kind == FEAT_TOKEN_WORD || t->kind == FEAT_TOKEN_SYMBOL) && feat_same_word(t->text, text);
}

/* The token `ahead` of the next, or the end of the text. */
static const feat_token *look_ahead(const feat_parser *p, size_t ahead) {
    const feat_token *t = &p->tokens[p->at];
    for (; ahead > 0 && t->kind != FEAT_TOKEN_END; ahead--) t++;
    return t;
}

bool feat_parser_is(const feat_parser *p, const char *text) { return token_is(&p->tokens[p->at], text); }

bool feat_parser_is_at(const feat_parser *p, size_t ahead, const char *text) {
    return token_is(look_ahead(p, ahead), text);
}

bool feat_parser_accept(feat_parser *p, const char *text) {
    if (!feat_parser_is(p, text)) return false;
    p->at++;
    return true;
}

bool feat_parser_accept_both(feat_parser *p, const char *first, const char *second) {
    if (!feat_parser_is(p, first) || !feat_parser_is_at(p, 1, second)) return false;
    p->at += 2;
    return true;
}

const char *feat_parser_accept_any(feat_parser *p, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (feat_parser_accept(p, words[i])) return words[i];
    return NULL;
}

/* ---- Messages. ---- */

enum { WORDS = 24, WORD_BYTES = 24 };

/* The keywords, which are what is written in capitals, of the text `wanted`. */
static size_t keywords_of(const char *wanted, char words[WORDS][WORD_BYTES], const char **list) {
    size_t n = 0;
    while (*wanted && n < WORDS) {
        size_t length = 0, letters = 0;
        while ((wanted[length] >= 'A' && wanted[length] <= 'Z') || (wanted[length] >= 'a' && wanted[length] <= 'z')) {
            letters += wanted[length] <= 'Z';
            length++;
        }
        if (length > 1 && letters == length && length < WORD_BYTES) {
            memcpy(words[n], wanted, length);
            words[n][length] = 0;
            list[n] = words[n];
            n++;
        }
        wanted += length ? length : 1;
    }
    return n;
}

/* What a word that was taken as a name may have been meant as. */
static const char *misspelt_clause(const char *word) {
    static const char *const clauses[] = {"SELECT", "FROM",    "WHERE",     "GROUP", "HAVING", "WINDOW", "QUALIFY",
                                          "ORDER",  "LIMIT",   "UNION",     "LEFT",  "INNER",  "JOIN",   "ASOF",
                                          "USING",  "OVER",    "FILTER",    "AND",   "OR",     "IS",     "NOT",
                                          "LIKE",   "BETWEEN", "PARTITION", "RANGE", "ROWS",   "GROUPS", "SINCE"};
    const char *near = strlen(word) > 1 ? feat_sql_suggest(word, clauses, sizeof clauses / sizeof *clauses) : NULL;
    return near && !feat_same_word(word, near) ? near : NULL;
}

/* The source text of a token, short enough for a message. */
static void show_token(const feat_parser *p, const feat_token *t, char *to, size_t size) {
    size_t n = t->end - t->offset;
    bool cut = n > size - 4;
    if (cut)
        for (n = size - 4; n > 0 && ((unsigned char)p->sql[t->offset + n] & 0xc0) == 0x80;) n--;
    memcpy(to, p->sql + t->offset, n);
    memcpy(to + n, cut ? "..." : "", cut ? 4 : 1);
}

feat_status feat_parser_refuse(feat_parser *p, uint32_t offset, const char *message) {
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, offset, "%s", message);
}

feat_status feat_parser_fail(feat_parser *p, const char *wanted) {
    const feat_token *t = feat_parser_peek(p);
    const char *list[WORDS], *near = NULL;
    char words[WORDS][WORD_BYTES], shown[64];
    if (p->bare_name > 0 && p->bare_name == p->at && (near = misspelt_clause(p->tokens[p->at - 1].text))) {
        t = &p->tokens[p->at - 1];
        show_token(p, t, shown, sizeof shown);
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset,
                             "'%s' is taken as a name; did you mean '%s'?", shown, near);
    }
    if (t->kind == FEAT_TOKEN_END) /* behind the last token, not behind the blanks and comments that follow it */
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, p->at ? t[-1].end : t->offset,
                             "expected %s, but the text ends here", wanted);
    if (t->kind == FEAT_TOKEN_WORD) near = feat_sql_suggest(t->text, list, keywords_of(wanted, words, list));
    if (near && feat_same_word(near, t->text)) near = NULL;
    show_token(p, t, shown, sizeof shown);
    if (near)
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset,
                             "expected %s, found '%s'; did you mean '%s'?", wanted, shown, near);
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset, "expected %s, found '%s'", wanted, shown);
}

feat_status feat_parser_expect(feat_parser *p, const char *text) {
    if (feat_parser_accept(p, text)) return FEAT_OK;
    char wanted[WORD_BYTES + 2];
    size_t n = strlen(text);
    if (text[0] >= 'a' && text[0] <= 'z') {
        for (size_t i = 0; i <= n; i++) wanted[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32) : text[i];
    } else {
        snprintf(wanted, sizeof wanted, "'%s'", text);
    }
    return feat_parser_fail(p, wanted);
}

/* ---- Names. ---- */

static bool is_name(const feat_token *t) {
    return t->kind == FEAT_TOKEN_QUOTED || (t->kind == FEAT_TOKEN_WORD && t->word <= FEAT_WORD_CONTEXT);
}

bool feat_parser_at_name(const feat_parser *p) { return is_name(feat_parser_peek(p)); }

bool feat_parser_at_name_ahead(const feat_parser *p, size_t ahead) { return is_name(look_ahead(p, ahead)); }

feat_status feat_parser_label(feat_parser *p, const char *what, feat_ast_name *name) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind != FEAT_TOKEN_QUOTED && t->kind != FEAT_TOKEN_WORD) return feat_parser_fail(p, what);
    *name = (feat_ast_name){t->text, t->offset};
    p->at++;
    return FEAT_OK;
}

feat_status feat_parser_name(feat_parser *p, const char *what, feat_ast_name *name) {
    const feat_token *t = feat_parser_peek(p);
    if (t->kind == FEAT_TOKEN_WORD && !is_name(t))
        return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, t->offset,
                             "expected %s, found '%s', which is a reserved word; as a name it is written \"%s\"", what,
                             t->text, t->text);
    return feat_parser_label(p, what, name);
}

feat_status feat_parser_names(feat_parser *p, feat_ast_names *names) {
    FEAT_TRY(feat_parser_expect(p, "("));
    do {
        feat_ast_name name = {0};
        FEAT_TRY(feat_parser_name(p, "a column", &name));
        FEAT_TRY(FEAT_PUSH(p, names->items, names->n, name));
    } while (feat_parser_accept(p, ","));
    return feat_parser_expect(p, ")");
}

/* ---- Recursion and lists. ---- */

feat_status feat_parser_enter(feat_parser *p) {
    if (++p->depth <= FEAT_SQL_MAX_NESTING) return FEAT_OK;
    return feat_sql_fail(p->err, FEAT_SYNTAX, p->sql, p->length, feat_parser_peek(p)->offset,
                         "this is nested deeper than %d; split it into several items or queries", FEAT_SQL_MAX_NESTING);
}

void feat_parser_leave(feat_parser *p) { p->depth--; }

feat_status feat_parser_push(feat_parser *p, void *list, size_t *n, size_t size, const void *item) {
    void *items;
    memcpy(&items, list, sizeof items);
    if ((*n & (*n - 1)) == 0) { /* full: sizes 0, 1, 2, 4, ... */
        void *grown = feat_arena_array(p->arena, *n ? *n * 2 : 1, size);
        if (!grown) return feat_fail_memory(p->err);
        if (*n) memcpy(grown, items, *n * size);
        items = grown;
        memcpy(list, &items, sizeof items);
    }
    memcpy((char *)items + *n * size, item, size);
    (*n)++;
    return FEAT_OK;
}
