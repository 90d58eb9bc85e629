#include "math/moments.h"

#include <assert.h>
#include <string.h>

#include "math/exact.h"
#include "math/number.h"

/* ---- the sums ------------------------------------------------------------------------------------------------- */

enum { X1 = 0, X2 = 1, X3 = 2, X4 = 3, Y1 = 2, Y2 = 3, XY = 4 };

/* Limbs of 2,098 bits for each power and 64 for the number of terms and the sign. */
static const uint8_t MOST[] = {0, 34, 67, 100, 133};
static const uint8_t POWERS[] = {1, 2, 3, 4}, POWERS_OF_PAIRS[] = {1, 2, 1, 2, 2};

static unsigned sums_of(feat_moments_kind kind) { return (unsigned)kind; }
static unsigned power_of(feat_moments_kind kind, unsigned sum) {
    return kind == FEAT_MOMENTS_PAIRS ? POWERS_OF_PAIRS[sum] : POWERS[sum];
}

void feat_moments_init(feat_moments *m, feat_moments_kind kind) {
    m->kind = kind;
    m->n = m->special = 0;
    for (unsigned i = 0; i < sums_of(kind); i++) feat_limbs_init(&m->sums[i], MOST[power_of(kind, i)]);
}

void feat_moments_done(feat_moments *m) {
    for (unsigned i = 0; i < sums_of(m->kind); i++) feat_limbs_done(&m->sums[i]);
}

/* ---- one at a time -------------------------------------------------------------------------------------------- */

/* A product of mantissas times a power of two. */
typedef struct term {
    uint64_t words[4];
    unsigned n, bit;
    bool negative;
} term;

static term term_of(double value) {
    uint64_t bits = feat_double_bits(value), mantissa = bits & ((UINT64_C(1) << 52) - 1);
    unsigned field = (unsigned)(bits >> 52) & 0x7ff;
    mantissa |= (uint64_t)(field != 0) << 52;
    return (term){{mantissa}, 1, field ? field - 1 : 0, bits >> 63};
}

static term product_of(const term *a, const term *b) {
    term out = {{0}, a->n + b->n, a->bit + b->bit, a->negative != b->negative};
    assert(out.n <= 4);
    for (unsigned i = 0; i < a->n; i++) {
        uint64_t carry = 0;
        for (unsigned k = 0; k < b->n; k++) {
            feat_uint128 sum = (feat_uint128)a->words[i] * b->words[k] + out.words[i + k] + carry;
            out.words[i + k] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out.words[i + b->n] = carry;
    }
    return out;
}

static bool is_special(double value) { return (feat_double_bits(value) >> 52 & 0x7ff) == 0x7ff; }

/* All terms or none. */
static bool add_terms(feat_moments *m, const term *terms, unsigned n, const uint8_t *into, bool negative) {
    for (unsigned i = 0; i < n; i++) {
        unsigned limb = terms[i].bit / 64;
        if (!feat_limbs_reserve(&m->sums[into[i]], limb, limb + terms[i].n + 1)) return false;
    }
    for (unsigned i = 0; i < n; i++)
        feat_limbs_add(&m->sums[into[i]], terms[i].words, terms[i].n, terms[i].bit, terms[i].negative != negative);
    return true;
}

static bool add_signed(feat_moments *m, double x, double y, bool negative) {
    static const uint8_t in_order[] = {0, 1, 2, 3, 4};
    bool pairs = m->kind == FEAT_MOMENTS_PAIRS;
    int64_t times = negative ? -1 : 1;
    if (is_special(x) || (pairs && is_special(y))) {
        m->n += times;
        m->special += times;
        return true;
    }
    term terms[FEAT_MOMENTS_SUMS];
    terms[X1] = term_of(x);
    terms[X2] = product_of(&terms[X1], &terms[X1]);
    if (pairs) {
        terms[Y1] = term_of(y);
        terms[Y2] = product_of(&terms[Y1], &terms[Y1]);
        terms[XY] = product_of(&terms[X1], &terms[Y1]);
    } else {
        if (m->kind >= FEAT_MOMENTS_3) {
            terms[X2].n = 2;
            terms[X3] = product_of(&terms[X2], &terms[X1]);
        }
        if (m->kind >= FEAT_MOMENTS_4) terms[X4] = product_of(&terms[X2], &terms[X2]);
    }
    if (!add_terms(m, terms, sums_of(m->kind), in_order, negative)) return false;
    m->n += times;
    return true;
}

bool feat_moments_add(feat_moments *m, double x, double y) { return add_signed(m, x, y, false); }
bool feat_moments_remove(feat_moments *m, double x, double y) { return add_signed(m, x, y, true); }

bool feat_moments_add_whole(feat_moments *m, int64_t x, double y) {
    static const uint8_t into[] = {X1, X2, Y1, Y2, XY};
    assert(m->kind == FEAT_MOMENTS_PAIRS);
    if (is_special(y)) {
        m->n++;
        m->special++;
        return true;
    }
    term whole = {{x < 0 ? -(uint64_t)x : (uint64_t)x}, 1, 1074, x < 0};
    term other = term_of(y);
    const term terms[] = {whole, product_of(&whole, &whole), other, product_of(&other, &other),
                          product_of(&whole, &other)};
    if (!add_terms(m, terms, 5, into, false)) return false;
    m->n++;
    return true;
}

static bool combine(feat_moments *m, const feat_moments *other, bool negative) {
    assert(m->kind == other->kind);
    for (unsigned i = 0; i < sums_of(m->kind); i++) {
        const feat_limbs *l = &other->sums[i];
        if (!feat_limbs_reserve(&m->sums[i], l->low, l->low + l->n)) return false;
    }
    for (unsigned i = 0; i < sums_of(m->kind); i++) feat_limbs_merge(&m->sums[i], &other->sums[i], negative);
    m->n += negative ? -other->n : other->n;
    m->special += negative ? -other->special : other->special;
    return true;
}

bool feat_moments_merge(feat_moments *m, const feat_moments *other) { return combine(m, other, false); }
bool feat_moments_unmerge(feat_moments *m, const feat_moments *other) { return combine(m, other, true); }

/* ---- canonical bytes ------------------------------------------------------------------------------------------ */

void feat_moments_write(const feat_moments *m, feat_buffer *out) {
    feat_buffer_byte(out, (uint8_t)m->kind);
    feat_buffer_u64(out, (uint64_t)m->n);
    feat_buffer_u64(out, (uint64_t)m->special);
    for (unsigned i = 0; i < sums_of(m->kind); i++) feat_limbs_write(&m->sums[i], out);
}

feat_status feat_moments_read(feat_moments *m, feat_cursor *bytes, feat_error *err) {
    uint8_t kind = feat_cursor_byte(bytes);
    if (bytes->failed || kind < FEAT_MOMENTS_2 || kind > FEAT_MOMENTS_PAIRS)
        return feat_fail(err, FEAT_CORRUPT, "stored moments are of no known kind; restore the file from a copy");
    feat_moments_init(m, (feat_moments_kind)kind);
    m->n = (int64_t)feat_cursor_u64(bytes);
    m->special = (int64_t)feat_cursor_u64(bytes);
    feat_status status = FEAT_OK;
    for (unsigned i = 0; i < kind && status == FEAT_OK; i++) status = feat_limbs_read(&m->sums[i], bytes, err);
    if (status != FEAT_OK) feat_moments_done(m);
    return status;
}
