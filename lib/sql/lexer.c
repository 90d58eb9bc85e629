/* From bytes to tokens. */
#include "sql/lexer.h"

#include <string.h>

#include "base/alloc.h"
#include "sql/sql.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
/* Bytes of 128 and above are letters of some language: the text is valid UTF-8 by then. */
static bool is_word_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 128;
}
static bool is_word(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }

size_t feat_utf8_sequence(const char *text, size_t left) {
    const unsigned char *p = (const unsigned char *)text;
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
        size_t n = feat_utf8_sequence(sql + at, length - at);
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

static feat_status lex_fail(const lexer *l, size_t offset, const char *what) {
    return feat_sql_fail(l->err, FEAT_SYNTAX, l->sql, l->length, (uint32_t)offset, "%s", what);
}

static bool starts(const lexer *l, const char *text) {
    size_t n = strlen(text);
    return l->length - l->at >= n && memcmp(l->sql + l->at, text, n) == 0;
}

/* Length of the blank here, or 0. Text pasted from pages and documents holds U+00A0 and its kin, and may start with a
 * byte order mark: nobody sees them, so nobody could mend an error about them. */
static size_t blank_length(const lexer *l) {
    static const char *const wide[] = {"\xc2\xa0", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80", "\xef\xbb\xbf"};
    char c = l->sql[l->at];
    if (c == ' ' || (c >= '\t' && c <= '\r')) return 1;
    if ((unsigned char)c < 0x80) return 0;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (starts(l, wide[i])) return strlen(wide[i]);
    /* U+2000 to U+200B */
    return starts(l, "\xe2\x80") && (unsigned char)l->sql[l->at + 2] <= 0x8b ? 3 : 0;
}

/* Blanks, -- to the end of the line, and block comments, which nest. */
static feat_status skip_blank(lexer *l) {
    for (size_t blank; l->at < l->length;) {
        if ((blank = blank_length(l))) {
            l->at += blank;
        } else if (starts(l, "--")) {
            while (l->at < l->length && l->sql[l->at] != '\n') l->at++;
        } else if (starts(l, "/*")) {
            size_t start = l->at, depth = 0;
            do {
                if (l->at >= l->length) return lex_fail(l, start, "this comment is not closed; write */");
                if (starts(l, "/*")) depth++;
                else if (starts(l, "*/")) depth--;
                else {
                    l->at++;
                    continue;
                }
                l->at += 2;
            } while (depth);
        } else {
            break;
        }
    }
    return FEAT_OK;
}

/* Text between quotes; a doubled quote stands for one. */
static feat_status lex_quoted(lexer *l, char quote, feat_token *token) {
    size_t start = l->at++, end = l->at;
    for (;; end++) {
        if (end >= l->length)
            return lex_fail(l, start,
                            quote == '\'' ? "this string is not closed; write '"
                                          : "this quoted name is not closed; write \"");
        if (l->sql[end] != quote) continue;
        if (end + 1 >= l->length || l->sql[end + 1] != quote) break;
        end++;
    }
    char *text = feat_arena_alloc(l->arena, end - l->at + 1);
    size_t n = 0;
    if (!text) return feat_fail_memory(l->err);
    for (size_t i = l->at; i < end; i++) {
        text[n++] = l->sql[i];
        if (l->sql[i] == quote) i++;
    }
    l->at = end + 1;
    token->kind = quote == '\'' ? FEAT_TOKEN_STRING : FEAT_TOKEN_QUOTED;
    token->text = text;
    token->length = n;
    if (quote == '"' && n == 0) return lex_fail(l, start, "a quoted name needs at least one character");
    return FEAT_OK;
}

static void skip_digits(lexer *l) {
    while (l->at < l->length && is_digit(l->sql[l->at])) l->at++;
}

/* The source text from `start` as the token's text. */
static feat_status take_text(lexer *l, size_t start, feat_token *token) {
    token->length = l->at - start;
    token->text = feat_arena_strndup(l->arena, l->sql + start, token->length);
    return token->text ? FEAT_OK : feat_fail_memory(l->err);
}

static feat_status lex_number(lexer *l, feat_token *token) {
    size_t start = l->at;
    token->kind = FEAT_TOKEN_INTEGER;
    skip_digits(l);
    if (l->at < l->length && l->sql[l->at] == '.') {
        token->kind = FEAT_TOKEN_DECIMAL;
        l->at++;
        skip_digits(l);
    }
    if (l->at < l->length && (l->sql[l->at] == 'e' || l->sql[l->at] == 'E')) {
        token->kind = FEAT_TOKEN_DECIMAL;
        l->at++;
        if (l->at < l->length && (l->sql[l->at] == '+' || l->sql[l->at] == '-')) l->at++;
        if (l->at >= l->length || !is_digit(l->sql[l->at]))
            return lex_fail(l, start, "this number has no digits in its exponent");
        skip_digits(l);
    }
    if (l->at < l->length && is_word_start(l->sql[l->at]) && !blank_length(l))
        return lex_fail(l, l->at, "a number runs into a name; put a blank between them");
    return take_text(l, start, token);
}

/* The longest that fits comes first. */
static const char *const symbols[] = {"::", "<=", ">=", "<>", "!=", "==", "||", "//", "**", "<<",
                                      ">>", "(",  ")",  "[",  "]",  ",",  ";",  ".",  "+",  "-",
                                      "*",  "/",  "%",  "<",  ">",  "=",  "&",  "|",  "~",  "^"};

static feat_status lex_symbol(lexer *l, feat_token *token) {
    token->kind = FEAT_TOKEN_SYMBOL;
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        if (!starts(l, symbols[i])) continue;
        token->text = symbols[i];
        token->length = strlen(symbols[i]);
        l->at += token->length;
        return FEAT_OK;
    }
    return lex_fail(l, l->at, "this character has no meaning here");
}

static feat_status lex_word(lexer *l, feat_token *token) {
    static const char *const typographic[] = {"\xe2\x80\x98", "\xe2\x80\x99", "\xe2\x80\x9c", "\xe2\x80\x9d"};
    size_t start = l->at;
    for (size_t i = 0; i < sizeof typographic / sizeof *typographic; i++)
        if (starts(l, typographic[i]))
            return lex_fail(l, l->at, "a typographic quotation mark; write ' for text or \" for a name");
    while (l->at < l->length && is_word(l->sql[l->at]) && !blank_length(l)) l->at++;
    token->kind = FEAT_TOKEN_WORD;
    token->word = feat_word_of(l->sql + start, l->at - start);
    return take_text(l, start, token);
}

static feat_status lex_one(lexer *l, feat_token *token) {
    char c = l->sql[l->at];
    if (is_word_start(c)) return lex_word(l, token);
    if (c == '\'' || c == '"') return lex_quoted(l, c, token);
    if (is_digit(c) || (c == '.' && l->at + 1 < l->length && is_digit(l->sql[l->at + 1]))) return lex_number(l, token);
    return lex_symbol(l, token);
}

feat_status feat_lex(feat_arena *arena, const char *sql, size_t length, feat_token **tokens, size_t *n,
                     feat_error *err) {
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
    feat_token *kept = feat_arena_array(arena, count, sizeof *kept);
    if (!kept) {
        status = feat_fail_memory(err);
        goto fail;
    }
    memcpy(kept, list, count * sizeof *list);
    *tokens = kept;
    *n = count;
fail:
    feat_free(list);
    return status;
}
