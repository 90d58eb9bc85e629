/* The reduction of M. Payne and R. Hanek (Radian reduction for trigonometric functions, 1983): only those bits of 2 /
 * pi are multiplied that matter to the product's two last whole bits and to its fraction. */
#include "math/reduce.h"

#include "math/exact.h"
#include "math/number.h"
#include "math/root_core.h"
#include "math/trigonometry_table.h"

#define WORDS 3

/* The 64 bits of 2 / pi from bit `at` on; the table begins with 64 bits of zeros. */
static uint64_t bits_from(unsigned at) {
    unsigned word = at / 64, shift = at % 64;
    uint64_t bits = feat_two_over_pi[word] << shift;
    return shift ? bits | feat_two_over_pi[word + 1] >> (64 - shift) : bits;
}

/* m 2^exponent (2 / pi) / 4 less its whole part, as a fraction of 192 bits, the highest first. The error is below m
 * units of the last. */
static void multiply(uint64_t m, int exponent, uint64_t fraction[WORDS]) {
    unsigned first = (unsigned)(64 + exponent - 2);
    uint64_t carry = 0;
    for (unsigned k = WORDS; k-- > 0;) {
        feat_uint128 product = (feat_uint128)bits_from(first + 64 * k) * m + carry;
        fraction[k] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

static uint64_t shifted(const uint64_t x[WORDS], unsigned k, unsigned by) {
    if (k >= WORDS) return 0;
    uint64_t next = k + 1 < WORDS ? x[k + 1] : 0;
    return by ? x[k] << by | next >> (64 - by) : x[k];
}

uint64_t feat_reduce_angle(double x, double *high, double *low) {
    uint64_t bits = feat_double_bits(x), p[WORDS];
    multiply((bits & (FEAT_LEAST_NORMAL - 1)) | FEAT_LEAST_NORMAL, (int)(bits >> 52) - 1075, p);
    uint64_t n = p[0] >> 62;
    for (unsigned k = 0; k < WORDS; k++) p[k] = shifted(p, k, 2);
    bool negative = p[0] >> 63; /* beyond a half: what is missing to the next multiple */
    if (negative) {
        n++;
        uint64_t carry = 1;
        for (unsigned k = WORDS; k-- > 0;) {
            p[k] = ~p[k] + carry;
            carry = carry && p[k] == 0;
        }
    }
    /* The highest 106 bits; x is no multiple of pi / 2, and no double comes nearer than some 2^-62. */
    unsigned words = 0;
    while (words < WORDS - 1 && p[words] == 0) words++;
    unsigned zeros = p[words] ? (unsigned)__builtin_clzll(p[words]) : 0;
    uint64_t a = shifted(p, words, zeros), b = shifted(p, words + 1, zeros);
    double unit = feat_double_of_bits((uint64_t)(1023 - 53 - 64 * (int)words - (int)zeros) << 52);
    double first = (double)(a >> 11) * unit;
    double second = (double)((a << 53 | b >> 11) >> 11) * unit * 0x1p-53;
    feat_dd r = feat_dd_product(first, FEAT_HALF_PI_HIGH);
    r = feat_dd_fast(r.hi, r.lo + (first * FEAT_HALF_PI_LOW + second * FEAT_HALF_PI_HIGH));
    *high = negative ? -r.hi : r.hi;
    *low = negative ? -r.lo : r.lo;
    return n & 3;
}
