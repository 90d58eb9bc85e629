#include "math/limbs.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "math/exact.h"

void feat_limbs_init(feat_limbs *l, unsigned most) {
    assert(most <= FEAT_LIMBS_MOST);
    l->heap = NULL;
    l->capacity = FEAT_LIMBS_OWN;
    l->most = (uint16_t)most;
    l->low = l->n = 0;
}

void feat_limbs_done(feat_limbs *l) {
    feat_free(l->heap);
    l->heap = NULL;
    l->capacity = FEAT_LIMBS_OWN;
    l->low = l->n = 0;
}

static uint64_t *words_of(feat_limbs *l) { return l->heap ? l->heap : l->own; }

static uint64_t sign_of(const uint64_t *words, size_t n) { return n && words[n - 1] >> 63 ? UINT64_MAX : 0; }

/* ---- the window ----------------------------------------------------------------------------------------------- */

feat_limbs_view feat_limbs_look(const feat_limbs *l) {
    const uint64_t *words = l->heap ? l->heap : l->own;
    uint64_t sign = sign_of(words, l->n);
    size_t first = 0, end = l->n;
    while (end > 0 && words[end - 1] == sign && (end == 1 ? sign == 0 : (words[end - 2] ^ sign) >> 63 == 0)) end--;
    while (first < end && words[first] == 0) first++;
    if (first == end) return (feat_limbs_view){words, 0, 0};
    return (feat_limbs_view){words + first, (unsigned)(l->low + first), (unsigned)(end - first)};
}

static void trim(feat_limbs *l) {
    feat_limbs_view v = feat_limbs_look(l);
    memmove(words_of(l), v.words, v.n * sizeof *v.words);
    l->low = (uint16_t)v.low;
    l->n = (uint16_t)v.n;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }
static unsigned greatest(unsigned a, unsigned b) { return a > b ? a : b; }

bool feat_limbs_reserve(feat_limbs *l, unsigned low, unsigned end) {
    if (low >= end) return true;
    assert(end <= l->most);
    for (bool trimmed = false;; trimmed = true) {
        unsigned first = l->n ? least(low, l->low) : low, last = l->n ? greatest(end, l->low + l->n) : end;
        unsigned need = least(last + 1, l->most) - first; /* a limb for a carry */
        if (need > l->capacity) {
            if (!trimmed) {
                trim(l);
                continue;
            }
            unsigned capacity = least(need + FEAT_LIMBS_OWN / 2, l->most);
            uint64_t *heap = feat_alloc_array(capacity, sizeof *heap);
            if (!heap) return false;
            memcpy(heap, words_of(l), l->n * sizeof *heap);
            feat_free(l->heap);
            l->heap = heap;
            l->capacity = (uint16_t)capacity;
        }
        uint64_t *words = words_of(l), sign = sign_of(words, l->n);
        unsigned below = l->n ? l->low - first : 0;
        if (below) {
            memmove(words + below, words, l->n * sizeof *words);
            memset(words, 0, below * sizeof *words);
        }
        for (unsigned i = below + l->n; i < last - first; i++) words[i] = sign;
        l->low = (uint16_t)first;
        l->n = (uint16_t)(last - first);
        return true;
    }
}

/* Two's complement overflowed: the sign that the number has goes into a limb above. */
static void carry_up(feat_limbs *l, uint64_t sign) {
    if (l->low + l->n < l->most) words_of(l)[l->n++] = sign;
}

/* ---- sums ----------------------------------------------------------------------------------------------------- */

bool feat_limbs_add(feat_limbs *l, const uint64_t *from, size_t n, unsigned bit, bool negative) {
    while (n > 0 && from[n - 1] == 0) n--;
    if (n == 0) return true;
    unsigned limb = bit / 64, shift = bit % 64;
    if (!feat_limbs_reserve(l, limb, limb + (unsigned)n + 1)) return false;
    uint64_t *words = words_of(l), old = sign_of(words, l->n), below = 0;
    size_t at = limb - l->low;
    uint64_t carry = 0;
    /* A number is subtracted by adding its complement and 1. */
    const uint64_t flip = negative ? UINT64_MAX : 0;
    carry = negative;
    for (size_t i = 0; i <= n; i++, at++) {
        uint64_t word = i < n ? from[i] : 0;
        uint64_t piece = (word << shift | below) ^ flip;
        below = shift ? word >> (64 - shift) : 0;
        feat_uint128 sum = (feat_uint128)words[at] + piece + carry;
        words[at] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    /* Above it stands 0 and a carry, or all ones and none of them needed. */
    if (negative) {
        for (; !carry && at < l->n; at++) carry = words[at]-- != 0;
    } else {
        for (; carry && at < l->n; at++) carry = ++words[at] == 0;
    }
    uint64_t now = sign_of(words, l->n);
    if (now != old && old == flip) carry_up(l, old);
    return true;
}

bool feat_limbs_merge(feat_limbs *l, const feat_limbs *other, bool negative) {
    assert(l->most == other->most);
    if (!feat_limbs_reserve(l, other->low, other->low + other->n)) return false;
    if (other->n == 0) return true;
    const uint64_t *from = other->heap ? other->heap : other->own;
    uint64_t *words = words_of(l), old = sign_of(words, l->n), extension = sign_of(from, other->n);
    const uint64_t flip = negative ? UINT64_MAX : 0;
    const size_t n = other->n, first = other->low - l->low;
    uint64_t carry = negative;
    for (size_t at = first; at < l->n; at++) {
        uint64_t piece = (at - first < n ? from[at - first] : extension) ^ flip;
        feat_uint128 sum = (feat_uint128)words[at] + piece + carry;
        words[at] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    uint64_t now = sign_of(words, l->n);
    if (now != old && old == (extension ^ flip)) carry_up(l, old);
    return true;
}

/* ---- canonical bytes ------------------------------------------------------------------------------------------ */

void feat_limbs_write(const feat_limbs *l, feat_buffer *out) {
    feat_limbs_view v = feat_limbs_look(l);
    feat_buffer_byte(out, (uint8_t)v.low);
    feat_buffer_byte(out, (uint8_t)v.n);
    for (unsigned i = 0; i < v.n; i++) feat_buffer_u64(out, v.words[i]);
}

feat_status feat_limbs_read(feat_limbs *l, feat_cursor *bytes, feat_error *err) {
    assert(l->n == 0);
    unsigned low = feat_cursor_byte(bytes), n = feat_cursor_byte(bytes);
    if (bytes->failed || low + n > l->most || (n == 0 && low != 0))
        return feat_fail(err, FEAT_CORRUPT, "a stored moment has a malformed header; restore the file from a copy");
    if (!feat_limbs_reserve(l, low, low + n)) return feat_fail_memory(err);
    uint64_t *words = words_of(l);
    for (unsigned i = 0; i < n; i++) words[i] = feat_cursor_u64(bytes);
    feat_limbs_view v = feat_limbs_look(l);
    if (bytes->failed || v.n != n) {
        l->n = 0;
        return feat_fail(err, FEAT_CORRUPT, "a stored moment is cut short or not canonical; restore from a copy");
    }
    return FEAT_OK;
}
