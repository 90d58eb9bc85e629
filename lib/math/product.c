/* A product of many doubles is too long to be kept whole, and need not be: its first words, rounded down at each step,
 * and a bound of what was lost say between which two numbers it lies. When both round to the same double that is the
 * product rounded; else it is computed again with more words. It ends, because with enough words nothing is lost. */
#include "math/product.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "math/exact.h"
#include "math/number.h"

enum { WORDS = 4 };

/* words * 2^exponent; the highest bit of the words, which are little-endian, is set. */
typedef struct wide {
    uint64_t *words;
    size_t n;
    int64_t exponent;
    bool exact; /* nothing was lost */
} wide;

static void start_at_one(wide *w) {
    memset(w->words, 0, w->n * sizeof *w->words);
    w->words[w->n - 1] = UINT64_C(1) << 63;
    w->exponent = 1 - 64 * (int64_t)w->n;
    w->exact = true;
}

/* Times a finite double that is not zero; its sign is the caller's. */
static void multiply(wide *w, double value) {
    uint64_t bits = feat_double_bits(value), factor = bits & ((UINT64_C(1) << 52) - 1);
    int64_t field = (int64_t)(bits >> 52 & 0x7ff);
    factor |= (uint64_t)(field != 0) << 52;
    int zeros = __builtin_clzll(factor);
    factor <<= zeros;
    w->exponent += (field ? field : 1) - 1075 - zeros + 64;
    feat_uint128 carry = (feat_uint128)w->words[0] * factor;
    uint64_t lost = (uint64_t)carry;
    for (size_t i = 1; i < w->n; i++) {
        carry = (feat_uint128)w->words[i] * factor + (uint64_t)(carry >> 64);
        w->words[i - 1] = (uint64_t)carry;
    }
    w->words[w->n - 1] = (uint64_t)(carry >> 64);
    if (!(w->words[w->n - 1] >> 63)) {
        for (size_t i = w->n - 1; i > 0; i--) w->words[i] = w->words[i] << 1 | w->words[i - 1] >> 63;
        w->words[0] = w->words[0] << 1 | lost >> 63;
        lost <<= 1;
        w->exponent--;
    }
    w->exact &= lost == 0;
}

/* Each step loses less than a unit of the last word, which of the whole is less than a 2^(64 words - 1)th part; and
 * the parts of n steps together are less than 4 * n units. */
static void add_bound(wide *w, size_t n) {
    feat_uint128 carry = (feat_uint128)n * 4;
    for (size_t i = 0; i < w->n && carry; i++) {
        carry += w->words[i];
        w->words[i] = (uint64_t)carry;
        carry >>= 64;
    }
    if (carry) { /* just above a power of two: half of it, doubled; the bits that go are noise in a bound */
        for (size_t i = 0; i + 1 < w->n; i++) w->words[i] = w->words[i] >> 1 | w->words[i + 1] << 63;
        w->words[w->n - 1] = w->words[w->n - 1] >> 1 | UINT64_C(1) << 63;
        w->exponent++;
    }
}

static bool any_bits_below(const wide *w, size_t position) {
    for (size_t i = 0; i < position / 64; i++)
        if (w->words[i]) return true;
    return position % 64 && (w->words[position / 64] & ((UINT64_C(1) << position % 64) - 1));
}

static bool bit_at(const wide *w, size_t position) { return w->words[position / 64] >> position % 64 & 1; }

static double round_wide(const wide *w) {
    int64_t top = w->exponent + 64 * (int64_t)w->n - 1; /* exponent of the highest bit */
    if (top > 1023) return HUGE_VAL;
    int64_t kept = top >= -1022 ? 53 : 53 - (-1022 - top);
    if (kept < 0) return 0;
    /* The kept bits are those of an integer in units of the last place; so are the bits of the double that it makes,
     * and a carry into the exponent, or out of the subnormals, is right as it is. */
    size_t below = 64 * w->n - (size_t)kept;
    uint64_t bits = 0;
    for (size_t i = below; i < 64 * w->n; i++) bits |= (uint64_t)bit_at(w, i) << (i - below);
    bool up = bit_at(w, below - 1) && ((bits & 1) || any_bits_below(w, below - 1));
    if (top >= -1022) bits += (uint64_t)(top + 1022) << 52;
    return feat_double_of_bits(bits + up);
}

/* False when the words do not decide. */
static bool decide(wide *w, const double *values, size_t n, double *out) {
    start_at_one(w);
    for (size_t i = 0; i < n; i++) multiply(w, values[i]);
    *out = round_wide(w);
    if (w->exact) return true;
    add_bound(w, n);
    return feat_double_bits(*out) == feat_double_bits(round_wide(w));
}

bool feat_product_from(size_t words, const double *values, size_t n, double *out) {
    bool negative = false, zero = false, infinite = false, nan = false, decided = false;
    for (size_t i = 0; i < n; i++) {
        negative ^= feat_double_bits(values[i]) >> 63;
        zero |= values[i] == 0;
        infinite |= isinf(values[i]);
        nan |= isnan(values[i]);
    }
    if (nan || (zero && infinite)) {
        *out = feat_double_of_bits(FEAT_NAN_BITS);
        return true;
    }
    *out = zero ? 0 : HUGE_VAL;
    decided = zero || infinite;
    while (!decided) {
        uint64_t few[WORDS], *more = words > WORDS ? feat_alloc_array(words, sizeof *more) : few;
        if (!more) return false;
        decided = decide(&(wide){more, words, 0, true}, values, n, out);
        if (more != few) feat_free(more);
        words *= 4;
    }
    if (negative) *out = -*out;
    return true;
}

bool feat_product(const double *values, size_t n, double *out) { return feat_product_from(WORDS, values, n, out); }
