#include "math/big.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "math/exact_round.h"

/* ---- arithmetic ----------------------------------------------------------------------------------------------- */

/* Leaves out zero limbs at both ends. */
static void strip(feat_big *a) {
    unsigned first = 0;
    while (a->n > 0 && a->limbs[a->n - 1] == 0) a->n--;
    while (first < a->n && a->limbs[first] == 0) first++;
    if (first) {
        a->n -= first;
        a->low += (int)first;
        memmove(a->limbs, a->limbs + first, a->n * sizeof *a->limbs);
    }
    if (a->n == 0) {
        a->low = 0;
        a->negative = false;
    }
}

void feat_big_of_limbs(feat_big *out, const feat_limbs *l) {
    feat_limbs_view v = feat_limbs_look(l);
    out->negative = v.n > 0 && v.words[v.n - 1] >> 63;
    out->low = (int)v.low;
    out->n = v.n;
    uint64_t carry = out->negative, flip = out->negative ? UINT64_MAX : 0;
    for (unsigned i = 0; i < v.n; i++) {
        out->limbs[i] = (v.words[i] ^ flip) + carry;
        carry = carry && out->limbs[i] == 0;
    }
    strip(out);
}

void feat_big_of_int(feat_big *out, int64_t value) {
    out->negative = value < 0;
    out->low = 0;
    out->n = 1;
    out->limbs[0] = value < 0 ? -(uint64_t)value : (uint64_t)value;
    strip(out);
}

void feat_big_multiply(feat_big *out, const feat_big *a, const feat_big *b) {
    assert(a->n + b->n <= FEAT_BIG_LIMBS);
    out->negative = a->negative != b->negative;
    out->low = a->low + b->low;
    out->n = a->n + b->n;
    memset(out->limbs, 0, out->n * sizeof *out->limbs);
    for (unsigned i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (unsigned k = 0; k < b->n; k++) {
            feat_uint128 sum = (feat_uint128)a->limbs[i] * b->limbs[k] + out->limbs[i + k] + carry;
            out->limbs[i + k] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out->limbs[i + b->n] = carry;
    }
    strip(out);
}

void feat_big_scale(feat_big *a, int64_t by) {
    uint64_t size = by < 0 ? -(uint64_t)by : (uint64_t)by, carry = 0;
    assert(a->n < FEAT_BIG_LIMBS);
    for (unsigned i = 0; i < a->n; i++) {
        feat_uint128 product = (feat_uint128)a->limbs[i] * size + carry;
        a->limbs[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
    a->limbs[a->n++] = carry;
    a->negative = a->negative != (by < 0);
    strip(a);
}

/* Limb `at` of the whole number, counted as `low` is. */
static uint64_t limb_at(const feat_big *a, int at) {
    return at >= a->low && at < a->low + (int)a->n ? a->limbs[at - a->low] : 0;
}

static int compare_sizes(const feat_big *a, const feat_big *b) {
    int end = a->low + (int)a->n, other = b->low + (int)b->n;
    if (end != other) return end < other ? -1 : 1;
    int low = a->low < b->low ? a->low : b->low;
    for (int i = end; i-- > low;) {
        uint64_t x = limb_at(a, i), y = limb_at(b, i);
        if (x != y) return x < y ? -1 : 1;
    }
    return 0;
}

static void copy(feat_big *out, const feat_big *a) {
    out->negative = a->negative;
    out->low = a->low;
    out->n = a->n;
    memcpy(out->limbs, a->limbs, a->n * sizeof *a->limbs);
}

void feat_big_add(feat_big *out, const feat_big *a, const feat_big *b, bool subtract) {
    bool sign = b->negative != subtract;
    if (a->n == 0 || b->n == 0) {
        copy(out, a->n ? a : b);
        if (a->n == 0) out->negative = b->n && sign;
        return;
    }
    int low = a->low < b->low ? a->low : b->low;
    int end = a->low + (int)a->n > b->low + (int)b->n ? a->low + (int)a->n : b->low + (int)b->n;
    assert(end - low < FEAT_BIG_LIMBS);
    bool together = a->negative == sign, swap = !together && compare_sizes(a, b) < 0;
    const feat_big *more = swap ? b : a, *less = swap ? a : b;
    const uint64_t flip = together ? 0 : UINT64_MAX;
    uint64_t carry = !together; /* the lesser is subtracted as its complement and 1 */
    out->negative = swap ? sign : a->negative;
    out->low = low;
    out->n = (unsigned)(end - low) + 1;
    for (int i = low; i < end; i++) {
        feat_uint128 sum = (feat_uint128)limb_at(more, i) + (limb_at(less, i) ^ flip) + carry;
        out->limbs[i - low] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    out->limbs[end - low] = together ? carry : 0;
    strip(out);
}

/* ---- division ------------------------------------------------------------------------------------------------- */

static int bits_of(const feat_big *a) { return 64 * (int)a->n - __builtin_clzll(a->limbs[a->n - 1]); }

/* Writes the n limbs of a >> by, where by may be negative; the same as of a number with zeros to both sides. Tells
 * whether bits that are not 0 were cut off. */
static bool shifted(const feat_big *a, int by, uint64_t *out, int n) {
    int limbs = by >= 0 ? by / 64 : -((-by + 63) / 64), rest = by - 64 * limbs;
    bool lost = false;
    for (int i = 0; i < n; i++) {
        int at = i + limbs;
        uint64_t low = at >= 0 && at < (int)a->n ? a->limbs[at] : 0;
        uint64_t high = at + 1 >= 0 && at + 1 < (int)a->n ? a->limbs[at + 1] : 0;
        out[i] = rest ? low >> rest | high << (64 - rest) : low;
    }
    for (int i = 0; i < limbs && i < (int)a->n && !lost; i++) lost = a->limbs[i] != 0;
    if (limbs >= 0 && limbs < (int)a->n && rest) lost |= (a->limbs[limbs] & ((UINT64_C(1) << rest) - 1)) != 0;
    return lost;
}

/* |p / q| = (quotient + e) * 2^*exponent, where the quotient has `bits` or bits + 1 bits, at most 128, and 0 <= e < 1;
 * *sticky: e is not 0. Long division (Knuth, The Art of Computer Programming, volume 2, algorithm 4.3.1 D) of limbs. */
static feat_uint128 divide(const feat_big *p, const feat_big *q, int bits, int *exponent, bool *sticky) {
    /* The divisor's leading bit comes to the top of its limbs; the dividend is cut to as many and two more. */
    int up = __builtin_clzll(q->limbs[q->n - 1]), n = (int)q->n, by = bits_of(p) - bits_of(q) - bits;
    uint64_t divisor[FEAT_BIG_LIMBS], rest[FEAT_BIG_LIMBS + 2];
    shifted(q, -up, divisor, n);
    *sticky = shifted(p, by - up, rest, n + 2);
    *exponent = by + 64 * (p->low - q->low);
    feat_uint128 quotient = 0;
    const uint64_t top = divisor[n - 1], next = n > 1 ? divisor[n - 2] : 0;
    for (int k = 1; k >= 0; k--) {
        uint64_t *part = rest + k; /* n + 1 limbs, less than the divisor times 2^64 */
        feat_uint128 head = (feat_uint128)part[n] << 64 | part[n - 1];
        feat_uint128 digit = head / top, left = head % top;
        uint64_t third = n > 1 ? part[n - 2] : 0;
        while (left >> 64 == 0 && (digit >> 64 || digit * next > (left << 64 | third))) {
            digit--;
            left += top;
        }
        uint64_t carry = 0, borrow = 0;
        for (int i = 0; i < n; i++) {
            feat_uint128 product = (feat_uint128)(uint64_t)digit * divisor[i] + carry;
            carry = (uint64_t)(product >> 64);
            uint64_t word = (uint64_t)product, old = part[i];
            part[i] = old - word - borrow;
            borrow = old < word || (old == word && borrow);
        }
        if (part[n] < carry || (part[n] == carry && borrow)) { /* one too many */
            digit--;
            uint64_t back = 0;
            for (int i = 0; i < n; i++) {
                feat_uint128 sum = (feat_uint128)part[i] + divisor[i] + back;
                part[i] = (uint64_t)sum;
                back = (uint64_t)(sum >> 64);
            }
        }
        part[n] = 0;
        quotient = quotient << 64 | (uint64_t)digit;
    }
    for (int i = 0; i < n && !*sticky; i++) *sticky = rest[i] != 0;
    return quotient;
}

double feat_big_quotient(const feat_big *p, const feat_big *q, int exponent) {
    assert(q->n > 0);
    if (p->n == 0) return 0.0;
    int own;
    bool sticky;
    feat_uint128 quotient = divide(p, q, 127, &own, &sticky);
    return feat_round_magnitude(p->negative != q->negative, quotient, sticky, own + exponent);
}

/* The whole part of the square root. */
static uint64_t root_of(feat_uint128 square) {
    double near = sqrt((double)(uint64_t)(square >> 64) * 0x1p64 + (double)(uint64_t)square);
    /* Within 2^12: a step of Newton's, which never falls below the root by 1 or more, and corrections. */
    uint64_t root = near >= 0x1p64 ? UINT64_MAX : (uint64_t)near;
    feat_uint128 better = (root + square / root) / 2;
    root = better >> 64 ? UINT64_MAX : (uint64_t)better;
    while ((feat_uint128)root * root > square) root--;
    while (root < UINT64_MAX && (feat_uint128)(root + 1) * (root + 1) <= square) root++;
    return root;
}

double feat_big_root(const feat_big *p, const feat_big *q, int exponent) {
    assert(q->n > 0 && exponent % 2 == 0);
    if (p->n == 0) return 0.0;
    int own;
    bool sticky;
    feat_uint128 quotient = divide(p, q, 127 - ((bits_of(p) - bits_of(q) - 127) & 1), &own, &sticky);
    uint64_t root = root_of(quotient);
    /* What the root lacks is under a unit of its 63 or 64 bits: a bit far below stands for it. */
    sticky |= (feat_uint128)root * root != quotient;
    return feat_round_magnitude(p->negative != q->negative, (feat_uint128)root << 64 | sticky, false,
                                (own + exponent) / 2 - 64);
}
