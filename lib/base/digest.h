/* 128-bit digests by XXH3, stored big-endian. Not collision-resistant against an adversary: callers compare bytes on a
 * hit. */
#ifndef FEAT_LIB_DIGEST_H
#define FEAT_LIB_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct feat_digest {
    uint8_t bytes[16];
} feat_digest;

feat_digest feat_digest_of(const void *bytes, size_t size);
/* Digest of two byte strings, one after the other. */
feat_digest feat_digest_pair(const void *a, size_t a_size, const void *b, size_t b_size);
/* Adds as 128-bit numbers modulo 2^128: the digest of a multiset is the sum over its elements. */
void feat_digest_add(feat_digest *sum, const feat_digest *element);
void feat_digest_sub(feat_digest *sum, const feat_digest *element);
bool feat_digest_equal(const feat_digest *a, const feat_digest *b);
bool feat_digest_is_zero(const feat_digest *d);
uint64_t feat_hash64(const void *bytes, size_t size);
/* Of the 8 bytes of a number, the least significant first. */
uint64_t feat_hash64_word(uint64_t x);

#define FEAT_DIGEST_TEXT_SIZE 33
/* 32 lower-case hexadecimal digits and a NUL. */
void feat_digest_format(const feat_digest *d, char text[FEAT_DIGEST_TEXT_SIZE]);
/* False when `text` is not 32 hexadecimal digits. */
bool feat_digest_parse(feat_digest *d, const char *text);

#endif
