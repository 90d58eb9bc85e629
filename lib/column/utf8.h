/* Strict UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef FEAT_LIB_UTF8_H
#define FEAT_LIB_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Length of the longest prefix that is well formed: `length` itself when all of it is. */
size_t feat_utf8_prefix(const char *text, size_t length);

static inline bool feat_utf8_valid(const char *text, size_t length) { return feat_utf8_prefix(text, length) == length; }
/* A byte that continues a character: a text cannot start there. */
static inline bool feat_utf8_continues(char c) { return ((unsigned char)c & 0xc0) == 0x80; }
/* Length of `text` cut to at most `most` bytes between two characters: for a message's "%.*s". */
int feat_utf8_clip(const char *text, size_t most);

#endif
