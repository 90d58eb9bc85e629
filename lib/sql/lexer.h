/* Tokens. */
#ifndef FEAT_LIB_LEXER_H
#define FEAT_LIB_LEXER_H

#include "base/arena.h"
#include "base/error.h"

typedef enum feat_token_kind {
    FEAT_TOKEN_END,
    FEAT_TOKEN_WORD,    /* identifier or keyword: text as written */
    FEAT_TOKEN_QUOTED,  /* "identifier" */
    FEAT_TOKEN_STRING,  /* 'text' */
    FEAT_TOKEN_INTEGER,
    FEAT_TOKEN_DECIMAL,
    FEAT_TOKEN_SYMBOL   /* operator or punctuation */
} feat_token_kind;

typedef struct feat_token {
    feat_token_kind kind;
    uint32_t offset, end;
    const char *text; /* quotes and doubled quotes resolved */
    size_t length;
} feat_token;

/* All tokens of a text, the last one FEAT_TOKEN_END. Refuses NUL bytes, malformed UTF-8, unknown characters and open quotes. */
feat_status feat_lex(feat_arena *arena, const char *sql, size_t length, feat_token **tokens, size_t *n, feat_error *err);

#endif
