#include "math/exact_words.h"

#include "math/exact_round.h"

double feat_exact_special_result(const feat_exact_counters *counters) {
    if (counters->nans || (counters->positive_infinities && counters->negative_infinities))
        return feat_double_of_bits(FEAT_NAN_BITS);
    return feat_infinity_of(counters->negative_infinities != 0);
}

/* The 128 leading bits of the magnitude (fewer when it is shorter), and whether anything stands below them. */
double feat_words_round(uint32_t *words, size_t n, int exponent, int64_t divisor) {
    uint32_t *w = words + FEAT_WORDS_BELOW;
    bool negative = w[n - 1] >> 31;
    if (negative) {
        uint64_t carry = 1;
        for (size_t i = 0; i < n; i++) {
            carry += (uint32_t)~w[i];
            w[i] = (uint32_t)carry;
            carry >>= 32;
        }
    }
    size_t top = n + FEAT_WORDS_BELOW - 1;
    while (top > FEAT_WORDS_BELOW && words[top] == 0) top--;
    feat_uint128 bits = 0;
    for (size_t i = 0; i < 4; i++) bits = bits << 32 | words[top - i];
    if (bits == 0) return 0.0;
    int up = feat_leading_zeros(bits); /* at most 31 */
    uint64_t below = (uint64_t)words[top - 4] << up;
    bits = bits << up | below >> 32;
    bool sticky = (uint32_t)below != 0;
    for (size_t i = FEAT_WORDS_BELOW; i + 4 < top && !sticky; i++) sticky = words[i] != 0;
    exponent += 32 * ((int)top - FEAT_WORDS_BELOW - 3) - up;
    return divisor ? feat_round_quotient(negative, bits, sticky, exponent, divisor)
                   : feat_round_magnitude(negative, bits, sticky, exponent);
}

enum { HAS_COUNTERS = 1 };

void feat_words_write(const uint32_t *words, size_t n, size_t base, const feat_exact_counters *counters,
                      feat_buffer *out) {
    uint32_t extension = words[n - 1] >> 31 ? UINT32_MAX : 0;
    size_t end = n, first = 0;
    /* A highest word goes when the sign bit below it says the same. */
    while (end > 1 && words[end - 1] == extension && (words[end - 2] ^ extension) >> 31 == 0) end--;
    while (first < end && words[first] == 0) first++;
    if (first == end) first = end = base = 0;
    bool special = feat_exact_any_special(counters);
    feat_buffer_byte(out, special ? HAS_COUNTERS : 0);
    feat_buffer_byte(out, (uint8_t)(base + first));
    feat_buffer_byte(out, (uint8_t)(end - first));
    for (size_t i = first; i < end; i++) feat_buffer_u32(out, words[i]);
    if (!special) return;
    feat_buffer_u64(out, (uint64_t)counters->positive_infinities);
    feat_buffer_u64(out, (uint64_t)counters->negative_infinities);
    feat_buffer_u64(out, (uint64_t)counters->nans);
}

feat_status feat_words_read(feat_words_parts *parts, feat_cursor *bytes, feat_error *err) {
    uint8_t flags = feat_cursor_byte(bytes);
    size_t base = feat_cursor_byte(bytes), n = feat_cursor_byte(bytes);
    if (bytes->failed || flags > HAS_COUNTERS || base + n > FEAT_EXACT_WORDS || (n == 0 && base != 0))
        return feat_fail(err, FEAT_CORRUPT, "a stored sum has a malformed header; restore the file from a copy");
    uint32_t *words = parts->words;
    for (size_t i = 0; i < n; i++) words[i] = feat_cursor_u32(bytes);
    parts->base = base;
    parts->n = n;
    parts->sign = 0;
    parts->counters = (feat_exact_counters){0, 0, 0};
    bool minimal = true;
    if (n > 0) {
        uint32_t top = words[n - 1];
        parts->sign = top >> 31 ? UINT32_MAX : 0;
        minimal = words[0] != 0 && !(n > 1 && top == parts->sign && (words[n - 2] ^ parts->sign) >> 31 == 0);
    }
    if (flags & HAS_COUNTERS) {
        parts->counters.positive_infinities = (int64_t)feat_cursor_u64(bytes);
        parts->counters.negative_infinities = (int64_t)feat_cursor_u64(bytes);
        parts->counters.nans = (int64_t)feat_cursor_u64(bytes);
        minimal = minimal && feat_exact_any_special(&parts->counters);
    }
    if (bytes->failed || !minimal)
        return feat_fail(err, FEAT_CORRUPT, "a stored sum is cut short or not canonical; restore the file from a copy");
    return FEAT_OK;
}
