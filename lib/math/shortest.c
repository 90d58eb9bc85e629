#include "math/shortest.h"

#include <stdbool.h>
#include <string.h>

#include "math/exact.h" /* feat_uint128 */
#include "math/number.h"
#include "math/powers.h"

/* floor(log10(2^q)), or with `closer` floor(log10(2^q * 3 / 4)), for |q| <= 2936. */
static int log10_of_power(int q, bool closer) { return (q * 1262611 - (closer ? 524031 : 0)) >> 22; }

/* The upper part of a product of a power and a boundary, its last bit set when more than the error of the power lies
 * below it. */
static uint64_t scaled_wide(feat_power g, uint64_t boundary) {
    feat_uint128 low = (feat_uint128)g.low * boundary, high = (feat_uint128)g.high * boundary + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

static uint64_t scaled_narrow(uint64_t g, uint64_t boundary) {
    feat_uint128 product = (feat_uint128)g * boundary;
    return (uint64_t)(product >> 64) | ((uint64_t)product >> 32 > 1);
}

/* `below`, `at` and `above` are four times the ends of the interval that reads back and the value itself, in units of
 * 10^k; the ends belong to it when `even`. */
static feat_shortest choose(uint64_t below, uint64_t at, uint64_t above, bool even, int k) {
    uint64_t s = at / 4, lower = below + !even, upper = above - !even;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down = lower <= 40 * tens, up = 40 * tens + 40 <= upper;
        if (down != up) return (feat_shortest){tens + up, k + 1};
    }
    bool down = lower <= 4 * s, up = 4 * s + 4 <= upper;
    if (down == up) up = at > 4 * s + 2 || (at == 4 * s + 2 && s % 2 == 1);
    return (feat_shortest){s + up, k};
}

static feat_shortest without_zeros(feat_shortest s) {
    while (s.digits % 100000000 == 0) s.digits /= 100000000, s.exponent += 8;
    if (s.digits % 10000 == 0) s.digits /= 10000, s.exponent += 4;
    if (s.digits % 100 == 0) s.digits /= 100, s.exponent += 2;
    if (s.digits % 10 == 0) s.digits /= 10, s.exponent += 1;
    return s;
}

feat_shortest feat_shortest_double(double value) {
    uint64_t bits = feat_double_bits(value), fraction = bits << 12 >> 12, c = fraction;
    int field = (int)(bits >> 52 & 0x7ff), q = -1074;
    if (field != 0) {
        c |= UINT64_C(1) << 52;
        q = field - 1075;
        /* Whole numbers up to 2^53 need all their digits. */
        if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
            return without_zeros((feat_shortest){c >> -q, 0});
    }
    bool closer = fraction == 0 && field > 1, even = c % 2 == 0;
    int k = log10_of_power(q, closer), shift = q + feat_power_log2(-k) + 1;
    feat_power g = feat_powers_of_ten[-k - FEAT_POWER_LOW];
    g.low++; /* the proof wants it rounded up */
    return without_zeros(choose(scaled_wide(g, (4 * c - 2 + closer) << shift), scaled_wide(g, (4 * c) << shift),
                                scaled_wide(g, (4 * c + 2) << shift), even, k));
}

feat_shortest feat_shortest_real(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & 0x7fffff, c = fraction;
    int field = (int)(bits >> 23 & 0xff), q = -149;
    if (field != 0) {
        c |= UINT64_C(1) << 23;
        q = field - 150;
        if (q <= 0 && q > -24 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
            return without_zeros((feat_shortest){c >> -q, 0});
    }
    bool closer = fraction == 0 && field > 1, even = c % 2 == 0;
    int k = log10_of_power(q, closer), shift = q + feat_power_log2(-k) + 1;
    uint64_t g = feat_powers_of_ten[-k - FEAT_POWER_LOW].high + 1;
    return without_zeros(choose(scaled_narrow(g, (4 * c - 2 + closer) << shift), scaled_narrow(g, (4 * c) << shift),
                                scaled_narrow(g, (4 * c + 2) << shift), even, k));
}

/* ---- Digits. ---- */

const uint64_t feat_small_powers_of_ten[20] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};

int feat_count_digits(uint64_t value) {
    int log2 = 63 - __builtin_clzll(value | 1), guess = (log2 + 1) * 1233 >> 12;
    return guess + ((value | 1) >= feat_small_powers_of_ten[guess]); /* a digit for 0 too; no other power is odd */
}

void feat_put_digits(char *to, uint64_t value, int count) {
    static const char pairs[] = "00010203040506070809"
                                "10111213141516171819"
                                "20212223242526272829"
                                "30313233343536373839"
                                "40414243444546474849"
                                "50515253545556575859"
                                "60616263646566676869"
                                "70717273747576777879"
                                "80818283848586878889"
                                "90919293949596979899";
    for (; count >= 2; count -= 2, value /= 100) memcpy(to + count - 2, pairs + value % 100 * 2, 2);
    if (count > 0) to[0] = (char)('0' + value % 10);
}

static size_t put_exponent(char *to, int exponent, bool sql) {
    char *at = to;
    *at++ = 'e';
    if (exponent < 0) *at++ = '-';
    else if (sql) *at++ = '+';
    uint64_t magnitude = (uint64_t)(exponent < 0 ? -exponent : exponent);
    int count = feat_count_digits(magnitude);
    if (sql && count < 2) count = 2;
    feat_put_digits(at, magnitude, count);
    return (size_t)(at - to) + (size_t)count;
}

size_t feat_put_shortest(char *to, feat_shortest s, bool sql) {
    int count = feat_count_digits(s.digits), point = count + s.exponent; /* 0.digits * 10^point */
    if (point > 16 || point < -3) {
        /* One digit before the point: the others are written one place further and the first moved back. */
        feat_put_digits(to + 1, s.digits, count);
        to[0] = to[1];
        to[1] = '.';
        size_t length = count > 1 ? (size_t)count + 1 : 1;
        return length + put_exponent(to + length, point - 1, sql);
    }
    if (point <= 0) {
        memcpy(to, "0.000", 5);
        feat_put_digits(to + 2 - point, s.digits, count);
        return (size_t)(2 - point + count);
    }
    if (point >= count) {
        feat_put_digits(to, s.digits, count);
        memset(to + count, '0', (size_t)(point - count));
        memcpy(to + point, ".0", 2);
        return (size_t)point + 2;
    }
    feat_put_digits(to + 1, s.digits, count);
    memmove(to, to + 1, (size_t)point);
    to[point] = '.';
    return (size_t)count + 1;
}
