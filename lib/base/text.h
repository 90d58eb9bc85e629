/* A text or other bytes, by reference. */
#ifndef FEAT_LIB_TEXT_H
#define FEAT_LIB_TEXT_H

#include <stddef.h>

/* Not NUL-terminated. The address of an empty one may be anything, even NULL. */
typedef struct feat_text {
    const char *data;
    size_t length;
} feat_text;

#endif
