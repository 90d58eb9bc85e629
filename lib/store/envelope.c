/* The envelope around every stored value: kind, length, checksum over key and payload. */
#include <string.h>

#include "base/digest.h"
#include "store/env.h"

static void put_u32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t get_u32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void feat_envelope_seal(void *header, uint32_t kind, const void *key, size_t key_size, const void *payload,
                        size_t size) {
    uint8_t *p = header;
    feat_digest sum = feat_digest_pair(key, key_size, payload, size);
    put_u32(p, kind);
    put_u32(p + 4, (uint32_t)size);
    memcpy(p + 8, sum.bytes, sizeof sum.bytes);
}

feat_status feat_envelope_open(const void *value, size_t value_size, uint32_t kind, const void *key, size_t key_size,
                               const void **payload, size_t *size, const char *what, feat_error *err) {
    const uint8_t *p = value;
    if (value_size < FEAT_ENVELOPE_SIZE || get_u32(p + 4) != value_size - FEAT_ENVELOPE_SIZE)
        return feat_fail(err, FEAT_CORRUPT, "%s: a stored value has the wrong length; restore the store from a copy",
                         what);
    if (get_u32(p) != kind)
        return feat_fail(err, FEAT_CORRUPT, "%s: a stored value is of another kind; restore the store from a copy",
                         what);
    size_t n = value_size - FEAT_ENVELOPE_SIZE;
    feat_digest sum = feat_digest_pair(key, key_size, p + FEAT_ENVELOPE_SIZE, n);
    if (memcmp(p + 8, sum.bytes, sizeof sum.bytes) != 0)
        return feat_fail(err, FEAT_CORRUPT, "%s: a stored value fails its checksum; restore the store from a copy",
                         what);
    *payload = p + FEAT_ENVELOPE_SIZE;
    *size = n;
    return FEAT_OK;
}
