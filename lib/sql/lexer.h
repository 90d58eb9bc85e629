/* Tokens and words. */
#ifndef FEAT_LIB_LEXER_H
#define FEAT_LIB_LEXER_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum feat_token_kind {
    FEAT_TOKEN_END,
    FEAT_TOKEN_WORD,   /* identifier or keyword: text as written */
    FEAT_TOKEN_QUOTED, /* "identifier" */
    FEAT_TOKEN_STRING, /* 'text' */
    FEAT_TOKEN_INTEGER,
    FEAT_TOKEN_DECIMAL,
    FEAT_TOKEN_SYMBOL /* operator or punctuation */
} feat_token_kind;

/* What a word may be when it is not quoted. The sets are DuckDB's. */
typedef enum feat_word {
    FEAT_WORD_FREE,     /* no keyword */
    FEAT_WORD_CONTEXT,  /* has a meaning in some places, and is a name in all others */
    FEAT_WORD_FUNCTION, /* may be the name of a function, but not of a column or table: LEFT */
    FEAT_WORD_RESERVED
} feat_word;

typedef struct feat_token {
    feat_token_kind kind;
    feat_word word; /* of a WORD */
    uint32_t offset, end;
    const char *text; /* quotes and doubled quotes resolved */
    size_t length;
} feat_token;

/* All tokens of a text, the last one FEAT_TOKEN_END. Refuses NUL bytes, malformed UTF-8, unknown characters and open
 * quotes. */
feat_status feat_lex(feat_arena *arena, const char *sql, size_t length, feat_token **tokens, size_t *n,
                     feat_error *err);

feat_word feat_word_of(const char *text, size_t length);
/* Whether two texts are equal but for the case of ASCII letters, in every locale. */
bool feat_same_word(const char *a, const char *b);
char feat_ascii_lower(char c);
/* Length of the UTF-8 sequence at `text`, or 0 when it is malformed (overlong, surrogate, above U+10FFFF, cut). */
size_t feat_utf8_sequence(const char *text, size_t left);

#endif
