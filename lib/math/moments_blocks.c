/* Exact moments of arrays, block by block.
 *
 * The mantissas of a block's values, their squares and so on are whole numbers of at most 53, 106, 159 and 212 bits.
 * They are added up apart for each exponent and sign, in buckets of 64, 128, 192 and 256 bits, which cannot overflow
 * while a block has no more than 2048 values; so nothing is shifted but once for a bucket. The exponents of a block
 * mostly lie within 64 of each other; a block in which some do not is taken apart. */
#include <string.h>

#include "math/exact_level.h"
#include "math/moments.h"

enum { BLOCK = 1024, SPAN = 64 };

/* The sums of powers of the mantissas of one exponent and sign, in words, lowest first: of wider numbers compilers make
 * worse code. Of each exponent the bucket of positive values comes first. */
typedef struct bucket2 {
    uint64_t sum, squares[2];
} bucket2;

typedef struct bucket4 {
    uint64_t sum, squares[2], cubes[3], fourths[4];
} bucket4;

typedef struct product {
    uint64_t words[2];
} product;

/* The place of the lowest bit of a mantissa, of 0 any, above `base`, and what it is. */
static inline unsigned place_of(uint64_t bits, unsigned base, uint64_t *mantissa) {
    uint64_t field = bits >> 52 & 0x7ff, normal = field != 0;
    int above = (int)(field - normal) - (int)base;
    *mantissa = (bits & FEAT_MANTISSA_BITS) | normal << 52;
    return (unsigned)(above & ~(above >> 31));
}

static inline void add2(uint64_t *to, uint64_t low, uint64_t high) {
    to[0] += low;
    to[1] += high + (to[0] < low);
}

static void fill2(bucket2 *buckets, const double *x, size_t n, unsigned base) {
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = feat_double_bits(x[i]), mantissa;
        bucket2 *b = &buckets[2 * place_of(bits, base, &mantissa) + (bits >> 63)];
        feat_uint128 square = (feat_uint128)mantissa * mantissa;
        b->sum += mantissa;
        add2(b->squares, (uint64_t)square, (uint64_t)(square >> 64));
    }
}

static inline void add_words(uint64_t *to, const uint64_t *words, int n) {
    uint64_t carry = 0;
    for (int i = 0; i < n; i++) {
        uint64_t sum = to[i] + words[i], over = sum < words[i];
        to[i] = sum + carry;
        carry = over | (to[i] < carry);
    }
}

static inline void fill_more(bucket4 *buckets, const double *x, size_t n, unsigned base, bool fourths) {
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = feat_double_bits(x[i]), mantissa;
        bucket4 *b = &buckets[2 * place_of(bits, base, &mantissa) + (bits >> 63)];
        feat_uint128 square = (feat_uint128)mantissa * mantissa;
        const uint64_t low = (uint64_t)square, high = (uint64_t)(square >> 64);
        b->sum += mantissa;
        add2(b->squares, low, high);
        feat_uint128 least = (feat_uint128)low * mantissa, more = (feat_uint128)high * mantissa + (least >> 64);
        add_words(b->cubes, (uint64_t[]){(uint64_t)least, (uint64_t)more, (uint64_t)(more >> 64)}, 3);
        if (!fourths) continue;
        feat_uint128 cross = (feat_uint128)low * high; /* counts twice; below 2^106 */
        least = (feat_uint128)low * low;
        more = (cross << 1) + (least >> 64);
        feat_uint128 most = (feat_uint128)high * high + (more >> 64);
        add_words(b->fourths, (uint64_t[]){(uint64_t)least, (uint64_t)more, (uint64_t)most, (uint64_t)(most >> 64)}, 4);
    }
}

static void fill3(bucket4 *buckets, const double *x, size_t n, unsigned base) { fill_more(buckets, x, n, base, false); }
static void fill4(bucket4 *buckets, const double *x, size_t n, unsigned base) { fill_more(buckets, x, n, base, true); }

/* Products, by the sum of both exponents. */
static void fill_products(product *products, const double *x, unsigned base_x, const double *y, unsigned base_y,
                          size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t a = feat_double_bits(x[i]), b = feat_double_bits(y[i]), of_a, of_b;
        unsigned place = place_of(a, base_x, &of_a) + place_of(b, base_y, &of_b);
        feat_uint128 both = (feat_uint128)of_a * of_b;
        add2(products[2 * place + ((a ^ b) >> 63)].words, (uint64_t)both, (uint64_t)(both >> 64));
    }
}

/* ---- from buckets into sums ----------------------------------------------------------------------------------- */

static bool deposit2(feat_limbs *sum, feat_limbs *squares, const bucket2 *buckets, unsigned base, unsigned span) {
    for (unsigned i = 0; i < span; i++) {
        const bucket2 *plus = &buckets[2 * i], *minus = plus + 1;
        uint64_t both[2] = {plus->squares[0], plus->squares[1]};
        add2(both, minus->squares[0], minus->squares[1]);
        bool negative = plus->sum < minus->sum;
        uint64_t difference = negative ? minus->sum - plus->sum : plus->sum - minus->sum;
        if (!feat_limbs_add(sum, &difference, 1, base + i, negative) ||
            !feat_limbs_add(squares, both, 2, 2 * (base + i), false))
            return false;
    }
    return true;
}

static bool deposit4(feat_moments *m, const bucket4 *buckets, unsigned base, unsigned span) {
    for (unsigned i = 0; i < 2 * span; i++) {
        const bucket4 *b = &buckets[i];
        unsigned bit = base + i / 2;
        bool negative = i & 1;
        if (b->sum == 0) continue;
        if (!feat_limbs_add(&m->sums[0], &b->sum, 1, bit, negative) ||
            !feat_limbs_add(&m->sums[1], b->squares, 2, 2 * bit, false) ||
            !feat_limbs_add(&m->sums[2], b->cubes, 3, 3 * bit, negative) ||
            (m->kind == FEAT_MOMENTS_4 && !feat_limbs_add(&m->sums[3], b->fourths, 4, 4 * bit, false)))
            return false;
    }
    return true;
}

static bool deposit_products(feat_limbs *l, const product *products, unsigned base, unsigned span) {
    for (unsigned i = 0; i < 2 * span; i++)
        if (!feat_limbs_add(l, products[i].words, 2, base + i / 2, i & 1)) return false;
    return true;
}

/* ---- blocks --------------------------------------------------------------------------------------------------- */

/* The exponents of an array: its values' places are within `span` of `base`. */
typedef struct extent {
    unsigned base, span;
    bool special;
} extent;

static extent extent_of(const double *values, size_t n) {
    feat_exact_span span = FEAT_NO_SPAN;
    feat_exact_table_of(n < 16 ? FEAT_MATH_BASELINE : feat_math_level_best())->scan(values, n, &span);
    if (span.any == 0) return (extent){0, 0, span.special};
    unsigned least = (unsigned)(span.least >> 52), greatest = (unsigned)(span.greatest >> 52);
    least -= least != 0;
    greatest -= greatest != 0;
    return (extent){least, greatest - least + 1, span.special};
}

/* Buckets of both signs; zeros alone need a pair too. */
static size_t used(extent e) { return 2 * (size_t)(e.span + !e.span); }

static bool add_values(feat_moments *m, const double *x, size_t n, extent e) {
    m->n += (int64_t)n;
    if (m->kind == FEAT_MOMENTS_2) {
        bucket2 buckets[2 * SPAN];
        memset(buckets, 0, used(e) * sizeof *buckets);
        fill2(buckets, x, n, e.base);
        return deposit2(&m->sums[0], &m->sums[1], buckets, e.base, e.span);
    }
    bucket4 buckets[2 * SPAN];
    memset(buckets, 0, used(e) * sizeof *buckets);
    if (m->kind == FEAT_MOMENTS_3) fill3(buckets, x, n, e.base);
    else fill4(buckets, x, n, e.base);
    return deposit4(m, buckets, e.base, e.span);
}

static bool add_pairs(feat_moments *m, const double *x, extent of_x, const double *y, extent of_y, size_t n) {
    bucket2 buckets[2 * SPAN];
    product products[4 * SPAN];
    m->n += (int64_t)n;
    for (int second = 0; second < 2; second++) {
        extent e = second ? of_y : of_x;
        memset(buckets, 0, used(e) * sizeof *buckets);
        fill2(buckets, second ? y : x, n, e.base);
        if (!deposit2(&m->sums[2 * second], &m->sums[2 * second + 1], buckets, e.base, e.span)) return false;
    }
    /* 0 stands at the lowest place of its own array. */
    unsigned span = of_x.span + of_y.span + 1;
    if (span > 2 * SPAN) span = 2 * SPAN;
    memset(products, 0, 2 * (size_t)span * sizeof *products);
    fill_products(products, x, of_x.base, y, of_y.base, n);
    return deposit_products(&m->sums[4], products, of_x.base + of_y.base, span);
}

/* At most BLOCK values of which some are infinite or NaN: the others, together. */
static size_t without_specials(const double *x, const double *y, size_t n, double *finite_x, double *finite_y) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool special = (feat_double_bits(x[i]) & FEAT_EXPONENT_BITS) == FEAT_EXPONENT_BITS;
        if (y) special |= (feat_double_bits(y[i]) & FEAT_EXPONENT_BITS) == FEAT_EXPONENT_BITS;
        if (special) continue;
        finite_x[kept] = x[i];
        if (y) finite_y[kept] = y[i];
        kept++;
    }
    return kept;
}

/* Brings values whose place is not below `base`, and zeros, to the front, what belongs to them along; their number. */
static size_t to_front(double *values, double *others, size_t n, unsigned base) {
    size_t front = 0;
    for (size_t i = 0; i < n; i++) {
        double value = values[i];
        uint64_t field = feat_double_bits(value) >> 52 & 0x7ff;
        if (value != 0 && field - (field != 0) < base) continue;
        values[i] = values[front];
        values[front] = value;
        if (others) {
            double other = others[i];
            others[i] = others[front];
            others[front] = other;
        }
        front++;
    }
    return front;
}

static bool one_by_one(feat_moments *m, const double *x, const double *y, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!feat_moments_add(m, x[i], y ? y[i] : 0)) return false;
    return true;
}

/* Values of which some lie too far apart: the largest first, then those that are left; of pairs by x, and each part of
 * them by y. Where most lie apart there is nothing to be gained. The arrays are put into another order. */
static bool add_parts(feat_moments *m, double *x, double *y, size_t n, bool by_y) {
    for (size_t part; n > 0; x += part, y = y ? y + part : NULL, n -= part) {
        double *values = by_y ? y : x, *others = by_y ? x : y;
        extent e = extent_of(values, n);
        part = e.span <= SPAN ? n : to_front(values, others, n, e.base + e.span - SPAN);
        if (part < n / 2) return one_by_one(m, x, y, n);
        bool good = !y      ? add_values(m, x, part, extent_of(x, part))
                    : !by_y ? add_parts(m, x, y, part, true)
                            : add_pairs(m, x, extent_of(x, part), y, extent_of(y, part), part);
        if (!good) return false;
    }
    return true;
}

static bool add_block(feat_moments *m, const double *x, const double *y, size_t n) {
    extent of_x = extent_of(x, n), of_y = y ? extent_of(y, n) : (extent){0, 0, false};
    if (!of_x.special && !of_y.special && of_x.span <= SPAN && of_y.span <= SPAN)
        return y ? add_pairs(m, x, of_x, y, of_y, n) : add_values(m, x, n, of_x);
    double finite_x[BLOCK], finite_y[BLOCK];
    size_t kept = without_specials(x, y, n, finite_x, finite_y);
    m->n += (int64_t)(n - kept);
    m->special += (int64_t)(n - kept);
    return add_parts(m, finite_x, y ? finite_y : NULL, kept, false);
}

bool feat_moments_add_array(feat_moments *m, const double *x, const double *y, size_t n) {
    assert((y != NULL) == (m->kind == FEAT_MOMENTS_PAIRS));
    for (size_t i = 0; i < n; i += BLOCK)
        if (!add_block(m, x + i, y ? y + i : NULL, n - i < BLOCK ? n - i : BLOCK)) return false;
    return true;
}
