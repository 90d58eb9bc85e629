/* Sums over vectors: the fixed order in registers of three widths, and what is done where a square overflows or
 * underflows, which is rare: everything again with elements scaled by a power of two, one at a time. */
#include "math/vector.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/little.h"
#include "math/number.h"

enum { PARTIAL_SUMS = 16, MOST_TERMS = 3 };
/* Of a pair of elements x, y: x y; (x - y)^2; x y, x x and y y. */
enum { TERMS_DOT = 0, TERMS_GAP = 1, TERMS_ANGLE = 2 };

static double combine(double s[PARTIAL_SUMS]) {
    for (int half = PARTIAL_SUMS / 2; half > 0; half /= 2)
        for (int k = 0; k < half; k++) s[k] += s[k + half];
    return s[0];
}

#define ADD_TERMS(sum, r, x, y, terms)                                                                                 \
    do {                                                                                                               \
        if ((terms) == TERMS_GAP) {                                                                                    \
            (x) -= (y);                                                                                                \
            (sum)[0][r] += (x) * (x);                                                                                  \
        } else {                                                                                                       \
            (sum)[0][r] += (x) * (y);                                                                                  \
        }                                                                                                              \
        if ((terms) == TERMS_ANGLE) {                                                                                  \
            (sum)[1][r] += (x) * (x);                                                                                  \
            (sum)[2][r] += (y) * (y);                                                                                  \
        }                                                                                                              \
    } while (0)

/* gcc keeps the sums in registers only when it unrolls the loop over them, which at -O2 it does not do by itself. */
#if defined(__clang__) || !defined(__GNUC__)
#define UNROLLED
#else
#define UNROLLED _Pragma("GCC unroll 8")
#endif

typedef void adder(const feat_elements *v, double *sums);

#define WIDTH   2
#define NAME(x) x##_2
#include "math/vector_lanes.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_AVX 1

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
#define WIDTH   4
#define NAME(x) x##_4
#include "math/vector_lanes.h"
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f")
#endif
#define WIDTH   8
#define NAME(x) x##_8
#include "math/vector_lanes.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

static void add(feat_math_level level, const feat_elements *v, int terms, double *sums) {
#ifdef HAVE_AVX
    if (level == FEAT_MATH_AVX512) {
        adders_8[terms][v->real](v, sums);
        return;
    }
    if (level == FEAT_MATH_AVX2) {
        adders_4[terms][v->real](v, sums);
        return;
    }
#endif
    (void)level;
    adders_2[terms][v->real](v, sums);
}

/* ---- Elements one at a time. ---- */

static double element(const void *at, size_t i, bool real) {
    double d;
    float f;
    if (!real) {
        feat_little_copy(&d, (const char *)at + i * sizeof d, sizeof d, 1);
        return d;
    }
    feat_little_copy(&f, (const char *)at + i * sizeof f, sizeof f, 1);
    return (double)f;
}

static void put_element(void *at, size_t i, bool real, double value) {
    float f = (float)value;
    if (real) feat_little_copy((char *)at + i * sizeof f, &f, sizeof f, 1);
    else feat_little_copy((char *)at + i * sizeof value, &value, sizeof value, 1);
}

/* 2^e for -1022 <= e <= 1023. */
static double power_of_two(int e) { return feat_double_of_bits((uint64_t)(e + 1023) << 52); }

/* The power of two at or below a positive number; of one that is subnormal the smallest that is not. */
static int exponent_of(double x) {
    int field = (int)(feat_double_bits(x) >> 52 & 0x7ff);
    return field == 0 ? -1022 : field - 1023;
}

/* What brings elements to about 1, in two factors, of which either alone would overflow; false when there is no element
 * but zeros, or one that is not finite. */
typedef struct scale {
    double half, rest;
    int exponent; /* elements were 2^exponent times as large */
} scale;

static double scaled(scale s, double x) { return x * s.half * s.rest; }

static bool find_scale(double largest, scale *s) {
    if (!(largest > 0.0 && largest < HUGE_VAL)) return false;
    s->exponent = exponent_of(largest);
    int half = -s->exponent / 2;
    s->half = power_of_two(half);
    s->rest = power_of_two(-s->exponent - half);
    return true;
}

/* NaN when one is. */
static double largest_of(const void *at, size_t n, bool real) {
    double largest = 0.0;
    for (size_t i = 0; i < n; i++) {
        double x = fabs(element(at, i, real));
        if (!(x <= largest)) largest = x;
        if (x != x) return x;
    }
    return largest;
}

/* Sums of squares in this range have lost nothing that counts: a square that underflows is 2^-500 times smaller, and
 * the product of two such sums neither overflows nor underflows. */
static bool in_range(double squares) { return squares >= 0x1p-500 && squares <= 0x1p500; }

/* ---- The functions. ---- */

double feat_dot_product(feat_math_level level, const feat_elements *v) {
    double sums[MOST_TERMS];
    add(level, v, TERMS_DOT, sums);
    return sums[0];
}

static double distance_scaled(const feat_elements *v) {
    double largest = 0.0, partial[PARTIAL_SUMS] = {0};
    for (size_t i = 0; i < v->n; i++) {
        double gap = fabs(element(v->a, i, v->real) - element(v->b, i, v->real));
        if (!(gap <= largest)) largest = gap;
        if (gap != gap) return gap;
    }
    scale s;
    if (!find_scale(largest, &s)) return largest;
    for (size_t i = 0; i < v->n; i++) {
        double gap = scaled(s, element(v->a, i, v->real) - element(v->b, i, v->real));
        partial[i % PARTIAL_SUMS] += gap * gap;
    }
    int half = s.exponent / 2;
    return sqrt(combine(partial)) * power_of_two(half) * power_of_two(s.exponent - half);
}

double feat_l2_distance(feat_math_level level, const feat_elements *v) {
    double sums[MOST_TERMS];
    add(level, v, TERMS_GAP, sums);
    return in_range(sums[0]) ? sqrt(sums[0]) : distance_scaled(v);
}

static double cosine(const double sums[MOST_TERMS]) {
    double cosine = sums[0] / sqrt(sums[1] * sums[2]);
    return cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
}

static double cosine_scaled(const feat_elements *v) {
    double x, y, sums[MOST_TERMS], partial[MOST_TERMS][PARTIAL_SUMS] = {{0}};
    scale a, b;
    if (!find_scale(largest_of(v->a, v->n, v->real), &a) || !find_scale(largest_of(v->b, v->n, v->real), &b))
        return feat_double_of_bits(FEAT_NAN_BITS);
    for (size_t i = 0; i < v->n; i++) {
        x = scaled(a, element(v->a, i, v->real));
        y = scaled(b, element(v->b, i, v->real));
        partial[0][i % PARTIAL_SUMS] += x * y;
        partial[1][i % PARTIAL_SUMS] += x * x;
        partial[2][i % PARTIAL_SUMS] += y * y;
    }
    for (int t = 0; t < MOST_TERMS; t++) sums[t] = combine(partial[t]);
    return cosine(sums);
}

double feat_cosine_similarity(feat_math_level level, const feat_elements *v) {
    double sums[MOST_TERMS];
    add(level, v, TERMS_ANGLE, sums);
    return in_range(sums[1]) && in_range(sums[2]) ? cosine(sums) : cosine_scaled(v);
}

void feat_l2_normalize(feat_math_level level, const feat_elements *v, void *out) {
    const feat_elements self = {v->a, v->a, v->n, v->real};
    const scale none = {1.0, 1.0, 0};
    double squares, largest = 1.0;
    scale s = none;
    add(level, &self, TERMS_DOT, &squares);
    if (!in_range(squares)) {
        double partial[PARTIAL_SUMS] = {0};
        largest = largest_of(v->a, v->n, v->real);
        if (find_scale(largest, &s)) {
            for (size_t i = 0; i < v->n; i++) {
                double x = scaled(s, element(v->a, i, v->real));
                partial[i % PARTIAL_SUMS] += x * x;
            }
            squares = combine(partial);
        } else {
            s = none; /* all are zero, or one is infinite or NaN */
        }
    }
    double length = largest > 0.0 ? sqrt(squares) : largest == 0.0 ? 1.0 : largest;
    for (size_t i = 0; i < v->n; i++)
        put_element(out, i, v->real, feat_double_canonical(scaled(s, element(v->a, i, v->real)) / length));
}
