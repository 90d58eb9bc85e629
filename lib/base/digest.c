#include "base/digest.h"

#include <string.h>
#define XXH_INLINE_ALL /* short inputs of known length are a few instructions */
#include <xxhash.h>

/* By halves: compilers know a loop over eight bytes as one instruction. */
static void put64(uint8_t *p, uint64_t v) {
    for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 0; i < 8; i++) v |= (uint64_t)p[i] << (56 - 8 * i);
    return v;
}

static feat_digest from_xxh(XXH128_hash_t h) {
    feat_digest d;
    put64(d.bytes, h.high64);
    put64(d.bytes + 8, h.low64);
    return d;
}

static unsigned __int128 as_number(const feat_digest *d) {
    return (unsigned __int128)get64(d->bytes) << 64 | get64(d->bytes + 8);
}

static void from_number(feat_digest *d, unsigned __int128 v) {
    put64(d->bytes, (uint64_t)(v >> 64));
    put64(d->bytes + 8, (uint64_t)v);
}

feat_digest feat_digest_of(const void *bytes, size_t size) { return from_xxh(XXH3_128bits(bytes, size)); }

feat_digest feat_digest_pair(const void *a, size_t a_size, const void *b, size_t b_size) {
    XXH3_state_t state;
    XXH3_INITSTATE(&state);
    XXH3_128bits_reset(&state);
    XXH3_128bits_update(&state, a, a_size);
    XXH3_128bits_update(&state, b, b_size);
    return from_xxh(XXH3_128bits_digest(&state));
}

void feat_digest_add(feat_digest *sum, const feat_digest *element) {
    from_number(sum, as_number(sum) + as_number(element));
}

void feat_digest_sub(feat_digest *sum, const feat_digest *element) {
    from_number(sum, as_number(sum) - as_number(element));
}

bool feat_digest_equal(const feat_digest *a, const feat_digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool feat_digest_is_zero(const feat_digest *d) { return as_number(d) == 0; }

uint64_t feat_hash64(const void *bytes, size_t size) { return XXH3_64bits(bytes, size); }

uint64_t feat_hash64_word(uint64_t x) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return XXH3_64bits(&x, sizeof x);
}

void feat_digest_format(const feat_digest *d, char text[FEAT_DIGEST_TEXT_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        text[2 * i] = digits[d->bytes[i] >> 4];
        text[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    text[32] = 0;
}

bool feat_digest_parse(feat_digest *d, const char *text) {
    feat_digest parsed = {{0}};
    for (int i = 0; i < 32; i++) {
        char c = text[i];
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        if (v < 0) return false;
        parsed.bytes[i / 2] = (uint8_t)(parsed.bytes[i / 2] << 4 | v);
    }
    if (text[32]) return false;
    *d = parsed;
    return true;
}
