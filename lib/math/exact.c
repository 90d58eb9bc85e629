#include "math/exact.h"

#include "math/exact_level.h"
#include "math/exact_round.h"
#include "math/number.h"

/* The exponent of the lowest bit of a double, and so of digit 0. */
#define UNIT (-1074)

static double not_a_number(void) { return feat_double_of_bits(FEAT_NAN_BITS); }

/* ---- the dense form ------------------------------------------------------------------------------------------- */

void feat_exact_normalise(feat_exact *sum) {
    int64_t carry = 0;
    for (size_t i = 0; i < FEAT_EXACT_DIGITS - 1; i++) {
        int64_t digit = sum->digits[i] + carry;
        sum->digits[i] = digit & UINT32_MAX;
        carry = digit >> 32;
    }
    sum->digits[FEAT_EXACT_DIGITS - 1] += carry;
    sum->pending = 0;
}

void feat_exact_count_special(feat_exact *sum, double value, int64_t times) {
    if (value != value) sum->nans += times;
    else if (value > 0) sum->positive_infinities += times;
    else sum->negative_infinities += times;
}

static void combine(feat_exact *sum, const feat_exact *other, int64_t sign) {
    feat_exact carried;
    if (sum->pending + other->pending >= FEAT_EXACT_PENDING_MAX) {
        feat_exact_normalise(sum);
        carried = *other;
        feat_exact_normalise(&carried);
        other = &carried;
    }
    sum->pending += other->pending + 1;
    for (size_t i = 0; i < FEAT_EXACT_DIGITS; i++) sum->digits[i] += sign * other->digits[i];
    sum->positive_infinities += sign * other->positive_infinities;
    sum->negative_infinities += sign * other->negative_infinities;
    sum->nans += sign * other->nans;
}

void feat_exact_merge(feat_exact *sum, const feat_exact *other) { combine(sum, other, 1); }
void feat_exact_unmerge(feat_exact *sum, const feat_exact *other) { combine(sum, other, -1); }

void feat_exact_add_fixed(feat_exact *sum, feat_int128 value, int exponent) {
    assert(exponent >= UNIT && exponent <= 1023);
    if (sum->pending >= FEAT_EXACT_PENDING_MAX) feat_exact_normalise(sum);
    sum->pending++;
    feat_uint128 magnitude = feat_magnitude_of(value);
    unsigned position = (unsigned)(exponent - UNIT), shift = position & 31;
    size_t i = position >> 5;
    /* The lowest digit takes what its shift leaves of it; the rest then stands on a boundary of digits. */
    uint32_t piece = (uint32_t)magnitude << shift;
    magnitude >>= 32 - shift;
    for (;;) {
        sum->digits[i] += value < 0 ? -(int64_t)piece : (int64_t)piece;
        if (magnitude == 0) break;
        i++;
        assert(i < FEAT_EXACT_DIGITS);
        piece = (uint32_t)magnitude;
        magnitude >>= 32;
    }
}

/* The number as two's complement words, lowest first: the one representation that equal values share. */
static void words_of(const feat_exact *sum, uint32_t words[FEAT_EXACT_WORDS]) {
    int64_t carry = 0;
    for (size_t i = 0; i < FEAT_EXACT_DIGITS; i++) {
        int64_t digit = sum->digits[i] + carry;
        words[i] = (uint32_t)digit;
        carry = digit >> 32;
    }
    words[FEAT_EXACT_WORDS - 1] = (uint32_t)carry;
}

static bool is_finite(const feat_exact *sum) {
    return !sum->positive_infinities && !sum->negative_infinities && !sum->nans;
}

bool feat_exact_is_zero(const feat_exact *sum) {
    uint32_t words[FEAT_EXACT_WORDS], any = 0;
    words_of(sum, words);
    for (size_t i = 0; i < FEAT_EXACT_WORDS; i++) any |= words[i];
    return any == 0 && is_finite(sum);
}

bool feat_exact_equal(const feat_exact *a, const feat_exact *b) {
    uint32_t x[FEAT_EXACT_WORDS], y[FEAT_EXACT_WORDS];
    words_of(a, x);
    words_of(b, y);
    return memcmp(x, y, sizeof x) == 0 && a->positive_infinities == b->positive_infinities &&
           a->negative_infinities == b->negative_infinities && a->nans == b->nans;
}

/* The 128 leading bits of |sum| (fewer when it is shorter), their exponent, and whether anything stands below them. */
typedef struct leading_bits {
    feat_uint128 bits;
    int exponent;
    bool negative, sticky;
} leading_bits;

static leading_bits leading_bits_of(const feat_exact *sum) {
    uint32_t words[FEAT_EXACT_WORDS + 4] = {0}; /* four zero words below stand for the bits that a short sum lacks */
    uint32_t *w = words + 4;
    words_of(sum, w);
    bool negative = w[FEAT_EXACT_WORDS - 1] >> 31;
    if (negative) {
        uint64_t carry = 1;
        for (size_t i = 0; i < FEAT_EXACT_WORDS; i++) {
            carry += (uint32_t)~w[i];
            w[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    size_t top = FEAT_EXACT_WORDS + 3;
    while (top > 4 && words[top] == 0) top--;
    feat_uint128 bits = 0;
    for (size_t i = 0; i < 4; i++) bits = bits << 32 | words[top - i];
    if (bits == 0) return (leading_bits){0};
    int up = feat_leading_zeros(bits); /* at most 31 */
    uint64_t below = (uint64_t)words[top - 4] << up;
    bits = bits << up | below >> 32;
    bool sticky = (uint32_t)below != 0;
    for (size_t i = 4; i + 4 < top && !sticky; i++) sticky = words[i] != 0;
    return (leading_bits){bits, 32 * ((int)top - 7) - up + UNIT, negative, sticky};
}

/* The result that infinities and NaN decide. */
static double special_result(const feat_exact *sum) {
    if (sum->nans || (sum->positive_infinities && sum->negative_infinities)) return not_a_number();
    return feat_infinity_of(sum->negative_infinities != 0);
}

double feat_exact_round(const feat_exact *sum) {
    if (!is_finite(sum)) return special_result(sum);
    leading_bits lead = leading_bits_of(sum);
    return feat_round_magnitude(lead.negative, lead.bits, lead.sticky, lead.exponent);
}

double feat_exact_mean(const feat_exact *sum, int64_t n) {
    if (n <= 0) return not_a_number();
    if (!is_finite(sum)) return special_result(sum);
    leading_bits lead = leading_bits_of(sum);
    return feat_round_quotient(lead.negative, lead.bits, lead.sticky, lead.exponent, n);
}

/* ---- many at once --------------------------------------------------------------------------------------------- */

void feat_exact_add_array(feat_exact *sum, const double *values, size_t n) {
    feat_exact_table_of(n < 16 ? FEAT_MATH_BASELINE : feat_math_level_best())->add(sum, values, n);
}

/* ---- canonical bytes ------------------------------------------------------------------------------------------ */

enum { HAS_COUNTERS = 1 };

void feat_exact_write(const feat_exact *sum, feat_buffer *out) {
    uint32_t words[FEAT_EXACT_WORDS];
    words_of(sum, words);
    uint32_t extension = words[FEAT_EXACT_WORDS - 1] >> 31 ? UINT32_MAX : 0;
    size_t end = FEAT_EXACT_WORDS, base = 0;
    /* A highest word goes when the sign bit below it says the same. */
    while (end > 1 && words[end - 1] == extension && (words[end - 2] ^ extension) >> 31 == 0) end--;
    while (base < end && words[base] == 0) base++;
    if (base == end) base = end = 0;
    bool finite = is_finite(sum);
    feat_buffer_byte(out, finite ? 0 : HAS_COUNTERS);
    feat_buffer_byte(out, (uint8_t)base);
    feat_buffer_byte(out, (uint8_t)(end - base));
    for (size_t i = base; i < end; i++) feat_buffer_u32(out, words[i]);
    if (finite) return;
    feat_buffer_u64(out, (uint64_t)sum->positive_infinities);
    feat_buffer_u64(out, (uint64_t)sum->negative_infinities);
    feat_buffer_u64(out, (uint64_t)sum->nans);
}

feat_status feat_exact_read(feat_exact *sum, feat_cursor *bytes, feat_error *err) {
    uint8_t flags = feat_cursor_byte(bytes);
    size_t base = feat_cursor_byte(bytes), n = feat_cursor_byte(bytes);
    if (bytes->failed || flags > HAS_COUNTERS || base + n > FEAT_EXACT_WORDS || (n == 0 && base != 0))
        return feat_fail(err, FEAT_CORRUPT, "a stored sum has a malformed header; restore the file from a copy");
    uint32_t words[FEAT_EXACT_WORDS] = {0};
    for (size_t i = base; i < base + n; i++) words[i] = feat_cursor_u32(bytes);
    uint32_t extension = 0;
    bool minimal = true;
    if (n > 0) {
        uint32_t top = words[base + n - 1];
        extension = top >> 31 ? UINT32_MAX : 0;
        minimal = words[base] != 0 && !(n > 1 && top == extension && (words[base + n - 2] ^ extension) >> 31 == 0);
    }
    feat_exact read;
    feat_exact_init(&read);
    if (flags & HAS_COUNTERS) {
        read.positive_infinities = (int64_t)feat_cursor_u64(bytes);
        read.negative_infinities = (int64_t)feat_cursor_u64(bytes);
        read.nans = (int64_t)feat_cursor_u64(bytes);
        minimal = minimal && !is_finite(&read);
    }
    if (bytes->failed || !minimal)
        return feat_fail(err, FEAT_CORRUPT, "a stored sum is cut short or not canonical; restore the file from a copy");
    for (size_t i = base + n; i < FEAT_EXACT_WORDS; i++) words[i] = extension;
    for (size_t i = 0; i < FEAT_EXACT_DIGITS; i++) read.digits[i] = words[i];
    read.digits[FEAT_EXACT_DIGITS - 1] |= (int64_t)((uint64_t)words[FEAT_EXACT_WORDS - 1] << 32);
    *sum = read;
    return FEAT_OK;
}
