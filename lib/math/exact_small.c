#include "math/exact_small.h"

#include "math/exact_words.h"
#include "math/number.h"

#define DIGITS   FEAT_EXACT_SMALL_DIGITS
#define BASE_MAX (FEAT_EXACT_DIGITS - DIGITS)

/* ---- the window ----------------------------------------------------------------------------------------------- */

/* Digits of a number, of which [first, end) count: the highest is signed, all are at most 2^32 in magnitude. */
typedef struct carried {
    int64_t digits[DIGITS + 1];
    unsigned first, end; /* equal when the number is 0 */
} carried;

static carried carry(const feat_exact_small *sum) {
    carried c;
    int64_t over = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        int64_t digit = sum->digits[i] + over;
        c.digits[i] = digit & UINT32_MAX;
        over = digit >> 32;
    }
    c.digits[DIGITS] = over;
    /* A highest digit of 0 or -1 joins the one below, which then is the signed one. */
    for (c.end = DIGITS + 1; c.end > 1; c.end--) {
        int64_t top = c.digits[c.end - 1];
        if (top != 0 && top != -1) break;
        c.digits[c.end - 2] += top * (INT64_C(1) << 32);
    }
    for (c.first = 0; c.first < c.end && c.digits[c.first] == 0;) c.first++;
    return c;
}

/* Puts the window where it holds digits [low, high] of the whole number, with what is left to both sides. */
static unsigned base_for(unsigned low, unsigned high) {
    unsigned below = (DIGITS - (high - low + 1)) / 2, base = low > below ? low - below : 0;
    return base < BASE_MAX ? base : BASE_MAX;
}

/* A digit above the window joins the highest in it when both are less than 2^52, the most that one term puts there:
 * `pending` counts it as a term. */
static bool joins(int64_t digit) { return digit > -(1 << 20) && digit < 1 << 20; }

/* Carries, and moves the window to hold also the digits [low, high]. False, with the same value, when it cannot. */
static bool make_room(feat_exact_small *sum, unsigned low, unsigned high) {
    carried c = carry(sum);
    if (c.first < c.end) {
        unsigned first = sum->base + c.first, last = sum->base + c.end - 1;
        low = first < low ? first : low;
        if (last > high && last - low == DIGITS && joins(c.digits[c.end - 1])) {
            c.end--;
            c.digits[c.end - 1] += c.digits[c.end] * (INT64_C(1) << 32);
            if (c.first == c.end) c.first--;
            last--;
        }
        high = last > high ? last : high;
    }
    if (high - low >= DIGITS || high >= FEAT_EXACT_DIGITS) return false;
    unsigned old = sum->base;
    if (low < old || high >= old + DIGITS) sum->base = (uint8_t)base_for(low, high);
    memset(sum->digits, 0, sizeof sum->digits);
    for (unsigned i = c.first; i < c.end; i++) sum->digits[old + i - sum->base] = c.digits[i];
    sum->pending = 1;
    return true;
}

/* ---- the group ------------------------------------------------------------------------------------------------ */

static feat_exact_counters counters_of(const feat_exact_small *sum) {
    return (feat_exact_counters){sum->positive_infinities, sum->negative_infinities, sum->nans};
}

static bool fits_counter(int64_t count) { return count >= INT32_MIN && count <= INT32_MAX; }

static bool set_counters(feat_exact_small *sum, const feat_exact_counters *c) {
    if (!fits_counter(c->positive_infinities) || !fits_counter(c->negative_infinities) || !fits_counter(c->nans))
        return false;
    sum->positive_infinities = (int32_t)c->positive_infinities;
    sum->negative_infinities = (int32_t)c->negative_infinities;
    sum->nans = (int32_t)c->nans;
    return true;
}

bool feat_exact_small_add_rare(feat_exact_small *sum, double value, int64_t sign) {
    uint64_t bits = feat_double_bits(value), mantissa = bits & ((UINT64_C(1) << 52) - 1);
    unsigned exponent = (unsigned)(bits >> 52) & 0x7ff;
    if (exponent == 0x7ff) {
        feat_exact_counters counters = counters_of(sum);
        int64_t times = sign ? -1 : 1;
        if (value != value) counters.nans += times;
        else if (value > 0) counters.positive_infinities += times;
        else counters.negative_infinities += times;
        return set_counters(sum, &counters);
    }
    if (exponent) mantissa |= UINT64_C(1) << 52;
    else if (mantissa == 0) return true;
    unsigned position = exponent ? exponent - 1 : 0, digit = position >> 5, shift = position & 31;
    if (!make_room(sum, digit, digit + 1)) return false;
    int64_t flip = ((int64_t)bits >> 63) ^ sign, whole = ((int64_t)mantissa ^ flip) - flip;
    digit -= sum->base;
    sum->digits[digit] += (uint32_t)((uint64_t)whole << shift);
    sum->digits[digit + 1] += whole >> (32 - shift);
    sum->pending++;
    return true;
}

static bool combine(feat_exact_small *sum, const feat_exact_small *other, int64_t sign) {
    feat_exact_counters counters = counters_of(sum), others = counters_of(other);
    counters.positive_infinities += sign * others.positive_infinities;
    counters.negative_infinities += sign * others.negative_infinities;
    counters.nans += sign * others.nans;
    feat_exact_small result = *sum;
    if (!set_counters(&result, &counters)) return false;
    if (sum->base == other->base && sum->pending + other->pending < FEAT_EXACT_PENDING_MAX) {
        for (unsigned i = 0; i < DIGITS; i++) result.digits[i] += sign * other->digits[i];
        result.pending = (uint16_t)(sum->pending + other->pending + 1);
    } else {
        carried c = carry(other);
        if (c.first < c.end) {
            if (!make_room(&result, other->base + c.first, other->base + c.end - 1)) return false;
            for (unsigned i = c.first; i < c.end; i++)
                result.digits[other->base + i - result.base] += sign * c.digits[i];
            result.pending++;
        }
    }
    *sum = result;
    return true;
}

bool feat_exact_small_merge(feat_exact_small *sum, const feat_exact_small *other) { return combine(sum, other, 1); }
bool feat_exact_small_unmerge(feat_exact_small *sum, const feat_exact_small *other) { return combine(sum, other, -1); }

/* ---- results -------------------------------------------------------------------------------------------------- */

bool feat_exact_small_is_zero(const feat_exact_small *sum) {
    carried c = carry(sum);
    feat_exact_counters counters = counters_of(sum);
    return c.first == c.end && !feat_exact_any_special(&counters);
}

static double result_of(const feat_exact_small *sum, int64_t divisor) {
    feat_exact_counters counters = counters_of(sum);
    if (feat_exact_any_special(&counters)) return feat_exact_special_result(&counters);
    uint32_t words[FEAT_WORDS_BELOW + DIGITS + 1] = {0};
    feat_words_of_digits(sum->digits, DIGITS, words + FEAT_WORDS_BELOW);
    return feat_words_round(words, DIGITS + 1, FEAT_EXACT_UNIT + 32 * (int)sum->base, divisor);
}

double feat_exact_small_round(const feat_exact_small *sum) { return result_of(sum, 0); }

double feat_exact_small_mean(const feat_exact_small *sum, int64_t n) {
    return n <= 0 ? feat_double_of_bits(FEAT_NAN_BITS) : result_of(sum, n);
}

/* ---- the other form, and bytes -------------------------------------------------------------------------------- */

void feat_exact_of_small(feat_exact *sum, const feat_exact_small *small) {
    feat_exact_init(sum);
    memcpy(sum->digits + small->base, small->digits, sizeof small->digits);
    sum->positive_infinities = small->positive_infinities;
    sum->negative_infinities = small->negative_infinities;
    sum->nans = small->nans;
    sum->pending = small->pending;
}

/* Of `n` words from word `base` of the number on, the highest signed. */
static bool of_words(feat_exact_small *small, const uint32_t *words, size_t n, size_t base,
                     const feat_exact_counters *counters) {
    uint32_t sign = n && words[n - 1] >> 31 ? UINT32_MAX : 0;
    size_t first = 0;
    while (n > 1 && words[n - 1] == sign && (words[n - 2] ^ sign) >> 31 == 0) n--;
    while (first < n && words[first] == 0) first++;
    int64_t top = n ? (int32_t)words[n - 1] : 0;
    if (n - first == DIGITS + 1 && joins(top)) {
        n--;
        top = top * (INT64_C(1) << 32) + words[n - 1];
    }
    feat_exact_small made;
    feat_exact_small_init(&made);
    if (n - first > DIGITS || base + n > FEAT_EXACT_DIGITS || !set_counters(&made, counters)) return false;
    if (first < n) {
        made.base = (uint8_t)base_for((unsigned)(base + first), (unsigned)(base + n - 1));
        made.pending = 1;
        int64_t *digits = made.digits + (base + first - made.base);
        for (size_t i = first; i < n; i++) digits[i - first] = i + 1 < n ? words[i] : top;
    }
    *small = made;
    return true;
}

bool feat_exact_small_of(feat_exact_small *small, const feat_exact *sum) {
    uint32_t words[FEAT_EXACT_WORDS];
    const feat_exact_counters counters = {sum->positive_infinities, sum->negative_infinities, sum->nans};
    feat_words_of_digits(sum->digits, FEAT_EXACT_DIGITS, words);
    return of_words(small, words, FEAT_EXACT_WORDS, 0, &counters);
}

void feat_exact_small_write(const feat_exact_small *sum, feat_buffer *out) {
    uint32_t words[DIGITS + 1];
    feat_exact_counters counters = counters_of(sum);
    feat_words_of_digits(sum->digits, DIGITS, words);
    feat_words_write(words, DIGITS + 1, sum->base, &counters, out);
}

feat_status feat_exact_small_read(feat_exact_small *sum, feat_cursor *bytes, bool *fits, feat_error *err) {
    feat_words_parts parts;
    feat_cursor start = *bytes;
    FEAT_TRY(feat_words_read(&parts, bytes, err));
    *fits = of_words(sum, parts.words, parts.n, parts.base, &parts.counters);
    if (!*fits) *bytes = start;
    return FEAT_OK;
}
