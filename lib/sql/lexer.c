#include "sql/lexer.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "sql/sql.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
/* Bytes of 128 and above are letters of some language: the text is valid UTF-8 by then. */
static bool is_word_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128; }
static bool is_word(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }

/* Length of the UTF-8 sequence at p, or 0 when it is malformed (overlong, surrogate, above U+10FFFF, cut). */
static size_t utf8_length(const unsigned char *p, size_t left) {
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2) return 0;
    if (p[0] < 0xe0) return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if (p[0] < 0xf0) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80) return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)) return 0;
        return 3;
    }
    if (p[0] > 0xf4 || left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80) return 0;
    if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) return 0;
    return 4;
}

static feat_status check_bytes(const char *sql, size_t length, feat_error *err) {
    for (size_t at = 0; at < length;) {
        if (sql[at] == 0) return feat_sql_fail(err, FEAT_SYNTAX, sql, length, (uint32_t)at, "NUL byte in the text");
        size_t n = utf8_length((const unsigned char *)sql + at, length - at);
        if (n == 0) return feat_sql_fail(err, FEAT_SYNTAX, sql, length, (uint32_t)at, "malformed UTF-8");
        at += n;
    }
    return FEAT_OK;
}

typedef struct lexer {
    feat_arena *arena;
    const char *sql;
    size_t length, at;
    feat_error *err;
} lexer;

static feat_status lex_fail(lexer *l, size_t offset, const char *what) {
    return feat_sql_fail(l->err, FEAT_SYNTAX, l->sql, l->length, (uint32_t)offset, "%s", what);
}

/* White space, -- to the end of the line, and nested block comments. */
static feat_status skip_blank(lexer *l) {
    while (l->at < l->length) {
        char c = l->sql[l->at];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v') {
            l->at++;
        } else if (c == '-' && l->at + 1 < l->length && l->sql[l->at + 1] == '-') {
            while (l->at < l->length && l->sql[l->at] != '\n') l->at++;
        } else if (c == '/' && l->at + 1 < l->length && l->sql[l->at + 1] == '*') {
            size_t start = l->at, depth = 0;
            do {
                if (l->at + 1 >= l->length) return lex_fail(l, start, "this comment is not closed; write */");
                if (l->sql[l->at] == '/' && l->sql[l->at + 1] == '*') {
                    depth++;
                    l->at += 2;
                } else if (l->sql[l->at] == '*' && l->sql[l->at + 1] == '/') {
                    depth--;
                    l->at += 2;
                } else {
                    l->at++;
                }
            } while (depth);
        } else {
            break;
        }
    }
    return FEAT_OK;
}

/* Text between quotes; a doubled quote stands for one. */
static feat_status lex_quoted(lexer *l, char quote, feat_token *token) {
    size_t start = l->at++;
    char *text = feat_arena_alloc(l->arena, 1);
    size_t n = 0;
    for (size_t scan = l->at;; scan++) {
        if (scan >= l->length)
            return lex_fail(l, start, quote == '\'' ? "this string is not closed; write '" : "this quoted name is not closed; write \"");
        if (l->sql[scan] != quote) continue;
        if (scan + 1 < l->length && l->sql[scan + 1] == quote) {
            scan++;
            continue;
        }
        text = feat_arena_alloc(l->arena, scan - l->at + 1);
        if (!text) return feat_fail_memory(l->err);
        for (size_t i = l->at; i < scan; i++) {
            text[n++] = l->sql[i];
            if (l->sql[i] == quote) i++;
        }
        l->at = scan + 1;
        break;
    }
    token->kind = quote == '\'' ? FEAT_TOKEN_STRING : FEAT_TOKEN_QUOTED;
    token->text = text;
    token->length = n;
    if (quote == '"' && n == 0) return lex_fail(l, start, "a quoted name needs at least one character");
    return FEAT_OK;
}

static feat_status lex_number(lexer *l, feat_token *token) {
    size_t start = l->at;
    token->kind = FEAT_TOKEN_INTEGER;
    while (l->at < l->length && is_digit(l->sql[l->at])) l->at++;
    if (l->at < l->length && l->sql[l->at] == '.') {
        token->kind = FEAT_TOKEN_DECIMAL;
        l->at++;
        while (l->at < l->length && is_digit(l->sql[l->at])) l->at++;
    }
    if (l->at < l->length && (l->sql[l->at] == 'e' || l->sql[l->at] == 'E')) {
        size_t digits = l->at + 1;
        if (digits < l->length && (l->sql[digits] == '+' || l->sql[digits] == '-')) digits++;
        if (digits >= l->length || !is_digit(l->sql[digits])) return lex_fail(l, start, "this number has no digits in its exponent");
        token->kind = FEAT_TOKEN_DECIMAL;
        for (l->at = digits; l->at < l->length && is_digit(l->sql[l->at]);) l->at++;
    }
    if (l->at < l->length && is_word_start(l->sql[l->at])) return lex_fail(l, l->at, "a number runs into a name; put a blank between them");
    token->text = feat_arena_strndup(l->arena, l->sql + start, l->at - start);
    token->length = l->at - start;
    return token->text ? FEAT_OK : feat_fail_memory(l->err);
}

static const char *const symbols[] = {"::", "<=", ">=", "<>", "!=", "==", "||", "//", "**", "<<", ">>"};

static feat_status lex_symbol(lexer *l, feat_token *token) {
    token->kind = FEAT_TOKEN_SYMBOL;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (l->at + 1 < l->length && memcmp(l->sql + l->at, symbols[i], 2) == 0) {
            token->text = symbols[i];
            token->length = 2;
            l->at += 2;
            return FEAT_OK;
        }
    if (!strchr("()[],;.+-*/%<>=&|~^", l->sql[l->at])) return lex_fail(l, l->at, "this character has no meaning here");
    token->text = feat_arena_strndup(l->arena, l->sql + l->at, 1);
    token->length = 1;
    l->at++;
    return token->text ? FEAT_OK : feat_fail_memory(l->err);
}

static feat_status lex_one(lexer *l, feat_token *token) {
    char c = l->sql[l->at];
    if (is_word_start(c)) {
        size_t start = l->at;
        while (l->at < l->length && is_word(l->sql[l->at])) l->at++;
        token->kind = FEAT_TOKEN_WORD;
        token->text = feat_arena_strndup(l->arena, l->sql + start, l->at - start);
        token->length = l->at - start;
        return token->text ? FEAT_OK : feat_fail_memory(l->err);
    }
    if (c == '\'' || c == '"') return lex_quoted(l, c, token);
    if (is_digit(c) || (c == '.' && l->at + 1 < l->length && is_digit(l->sql[l->at + 1]))) return lex_number(l, token);
    return lex_symbol(l, token);
}

feat_status feat_lex(feat_arena *arena, const char *sql, size_t length, feat_token **tokens, size_t *n, feat_error *err) {
    if (length >= UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "a script of definitions is smaller than 4 GiB");
    FEAT_TRY(check_bytes(sql, length, err));
    lexer l = {arena, sql, length, 0, err};
    feat_token *list = NULL;
    size_t capacity = 0, count = 0;
    feat_status status;
    for (;;) {
        FEAT_GOTO(status, skip_blank(&l), fail);
        if (FEAT_GROW(list, capacity, count + 1) != 0) {
            status = feat_fail_memory(err);
            goto fail;
        }
        feat_token *token = &list[count++];
        *token = (feat_token){.kind = FEAT_TOKEN_END, .offset = (uint32_t)l.at, .text = ""};
        if (l.at < length) FEAT_GOTO(status, lex_one(&l, token), fail);
        token->end = (uint32_t)l.at;
        if (token->kind == FEAT_TOKEN_END) break;
    }
    *tokens = feat_arena_array(arena, count, sizeof **tokens);
    if (!*tokens) {
        status = feat_fail_memory(err);
        goto fail;
    }
    memcpy(*tokens, list, count * sizeof *list);
    *n = count;
fail:
    feat_free(list);
    return status;
}
