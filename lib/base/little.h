/* Numbers of the machine in little-endian order, and back. */
#ifndef FEAT_LIB_LITTLE_H
#define FEAT_LIB_LITTLE_H

#include <stddef.h>
#include <string.h>

/* Copies `n` numbers of `size` bytes each between the machine's order and little-endian, in either direction. */
static inline void feat_little_copy(void *to, const void *from, size_t size, size_t n) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    unsigned char *t = to;
    const unsigned char *f = from;
    for (size_t i = 0; i < n; i++, t += size, f += size)
        for (size_t k = 0; k < size; k++) t[k] = f[size - 1 - k];
#else
    if (n > 0) memcpy(to, from, n * size);
#endif
}

#endif
