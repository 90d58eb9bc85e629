#include "math/exact.h"

#include "math/exact_level.h"
#include "math/exact_words.h"
#include "math/number.h"

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
    assert(exponent >= FEAT_EXACT_UNIT && exponent <= 1023);
    if (sum->pending >= FEAT_EXACT_PENDING_MAX) feat_exact_normalise(sum);
    sum->pending++;
    feat_uint128 magnitude = value < 0 ? -(feat_uint128)value : (feat_uint128)value;
    unsigned position = (unsigned)(exponent - FEAT_EXACT_UNIT), shift = position & 31;
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

static void words_of(const feat_exact *sum, uint32_t words[FEAT_EXACT_WORDS]) {
    feat_words_of_digits(sum->digits, FEAT_EXACT_DIGITS, words);
}

static feat_exact_counters counters_of(const feat_exact *sum) {
    return (feat_exact_counters){sum->positive_infinities, sum->negative_infinities, sum->nans};
}

static bool is_finite(const feat_exact *sum) {
    feat_exact_counters counters = counters_of(sum);
    return !feat_exact_any_special(&counters);
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

static double result_of(const feat_exact *sum, int64_t divisor) {
    feat_exact_counters counters = counters_of(sum);
    if (feat_exact_any_special(&counters)) return feat_exact_special_result(&counters);
    uint32_t words[FEAT_WORDS_BELOW + FEAT_EXACT_WORDS] = {0};
    words_of(sum, words + FEAT_WORDS_BELOW);
    return feat_words_round(words, FEAT_EXACT_WORDS, FEAT_EXACT_UNIT, divisor);
}

double feat_exact_round(const feat_exact *sum) { return result_of(sum, 0); }
double feat_exact_mean(const feat_exact *sum, int64_t n) { return n <= 0 ? not_a_number() : result_of(sum, n); }

/* ---- many at once --------------------------------------------------------------------------------------------- */

void feat_exact_add_array(feat_exact *sum, const double *values, size_t n) {
    feat_exact_table_of(n < 16 ? FEAT_MATH_BASELINE : feat_math_level_best())->add(sum, values, n);
}

/* ---- canonical bytes ------------------------------------------------------------------------------------------ */

void feat_exact_write(const feat_exact *sum, feat_buffer *out) {
    uint32_t words[FEAT_EXACT_WORDS];
    feat_exact_counters counters = counters_of(sum);
    words_of(sum, words);
    feat_words_write(words, FEAT_EXACT_WORDS, 0, &counters, out);
}

feat_status feat_exact_read(feat_exact *sum, feat_cursor *bytes, feat_error *err) {
    feat_words_parts parts;
    FEAT_TRY(feat_words_read(&parts, bytes, err));
    feat_exact_init(sum);
    sum->positive_infinities = parts.counters.positive_infinities;
    sum->negative_infinities = parts.counters.negative_infinities;
    sum->nans = parts.counters.nans;
    uint32_t top = parts.sign; /* the upper half of the highest digit */
    for (size_t i = parts.base; i < FEAT_EXACT_WORDS; i++) {
        uint32_t word = i < parts.base + parts.n ? parts.words[i - parts.base] : parts.sign;
        if (i < FEAT_EXACT_DIGITS) sum->digits[i] = word;
        else top = word;
    }
    sum->digits[FEAT_EXACT_DIGITS - 1] |= (int64_t)((uint64_t)top << 32);
    return FEAT_OK;
}
