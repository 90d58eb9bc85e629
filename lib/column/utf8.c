#include "column/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the character at p, or 0 when it is malformed. The bounds of the second byte are those of table 3-7 of the
 * Unicode standard; they exclude overlong forms, surrogates and what lies above U+10FFFF. */
static size_t character(const unsigned char *p, size_t left) {
    unsigned char lowest = 0x80, highest = 0xbf;
    size_t n;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2) return 0;
    if (p[0] < 0xe0) n = 2;
    else if (p[0] < 0xf0) {
        n = 3;
        if (p[0] == 0xe0) lowest = 0xa0;
        if (p[0] == 0xed) highest = 0x9f;
    } else if (p[0] < 0xf5) {
        n = 4;
        if (p[0] == 0xf0) lowest = 0x90;
        if (p[0] == 0xf4) highest = 0x8f;
    } else {
        return 0;
    }
    if (left < n || p[1] < lowest || p[1] > highest) return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return n;
}

size_t feat_utf8_prefix(const char *text, size_t length) {
    const unsigned char *p = (const unsigned char *)text;
    size_t at = 0;
    while (at < length) {
        uint64_t eight; /* most text is ASCII: skip it eight bytes at a time */
        while (length - at >= sizeof eight) {
            memcpy(&eight, p + at, sizeof eight);
            if (eight & UINT64_C(0x8080808080808080)) break;
            at += sizeof eight;
        }
        if (at == length) break;
        size_t n = character(p + at, length - at);
        if (n == 0) return at;
        at += n;
    }
    return at;
}

int feat_utf8_clip(const char *text, size_t most) {
    size_t n = 0;
    while (n <= most && text[n]) n++;
    if (n > most)
        for (n = most; n > 0 && feat_utf8_continues(text[n]);) n--;
    return (int)n;
}
