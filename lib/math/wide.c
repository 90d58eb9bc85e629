/* Means of 128-bit integers and decimals: one division of long numbers, rounded once. */
#include <string.h>

#include "math/exact.h"
#include "math/number.h"

/* Little-endian 32-bit limbs: room for 2^192 * 2^256. */
enum { LIMBS = 16 };
typedef struct big {
    uint32_t limb[LIMBS];
} big;

static int bit_length(const big *a) {
    for (int i = LIMBS; i-- > 0;)
        if (a->limb[i]) return 32 * i + 32 - __builtin_clz(a->limb[i]);
    return 0;
}

static void multiply(big *a, uint32_t by) {
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)a->limb[i] * by;
        a->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void shift_left(big *a, int bits) {
    int words = bits / 32, rest = bits % 32;
    for (int i = LIMBS; i-- > 0;) {
        uint64_t v = i - words >= 0 ? (uint64_t)a->limb[i - words] << rest : 0;
        if (rest && i - words - 1 >= 0) v |= a->limb[i - words - 1] >> (32 - rest);
        a->limb[i] = (uint32_t)v;
    }
}

static int compare(const big *a, const big *b) {
    for (int i = LIMBS; i-- > 0;)
        if (a->limb[i] != b->limb[i]) return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

static void subtract(big *a, const big *b) {
    int64_t borrow = 0;
    for (int i = 0; i < LIMBS; i++) {
        borrow += (int64_t)a->limb[i] - b->limb[i];
        a->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
}

static bool is_zero(const big *a) { return bit_length(a) == 0; }

/* The quotient gets 56 or 57 bits: 53 that count, and enough below them to round by, with the remainder as a last bit.
 */
enum { QUOTIENT_BITS = 56 };

double feat_wide_mean(feat_uint128 low, int64_t high, uint64_t n, int scale) {
    bool negative = high < 0;
    if (negative) {
        high = ~high;
        low = ~low + 1;
        high += low == 0;
    }
    big a = {{0}}, b = {{0}};
    for (int i = 0; i < 4; i++) a.limb[i] = (uint32_t)(low >> (32 * i));
    a.limb[4] = (uint32_t)(uint64_t)high;
    a.limb[5] = (uint32_t)((uint64_t)high >> 32);
    b.limb[0] = (uint32_t)n;
    b.limb[1] = (uint32_t)(n >> 32);
    for (int i = 0; i < scale; i++) multiply(&b, 10);
    if (is_zero(&a)) return 0;
    int shift = QUOTIENT_BITS - (bit_length(&a) - bit_length(&b));
    if (shift > 0) shift_left(&a, shift);
    else shift_left(&b, -shift);
    uint64_t quotient = 0;
    int steps = QUOTIENT_BITS + 1;
    shift_left(&b, steps - 1); /* a / b < 2^57 */
    for (int i = 0; i < steps; i++) {
        quotient <<= 1;
        if (compare(&a, &b) >= 0) {
            subtract(&a, &b);
            quotient |= 1;
        }
        /* Halving b: shifting it right by one. */
        for (int k = 0; k < LIMBS; k++) b.limb[k] = b.limb[k] >> 1 | (k + 1 < LIMBS ? b.limb[k + 1] << 31 : 0);
    }
    if (!is_zero(&a)) quotient |= 1; /* a quotient bit far below those that count: sticky */
    int extra = 64 - __builtin_clzll(quotient) - 53;
    uint64_t kept = quotient >> extra, rest = quotient & ((UINT64_C(1) << extra) - 1),
             half = UINT64_C(1) << (extra - 1);
    if (rest > half || (rest == half && (kept & 1))) kept++;
    int exponent = extra - shift; /* every result is far from the ends of the range of doubles */
    double power = feat_double_of_bits((uint64_t)(exponent + 1023) << 52);
    double value = (double)kept * power;
    return negative ? -value : value;
}
