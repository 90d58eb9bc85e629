/* An exact sum of doubles in one cache line: a window of six digits of a feat_exact, for the many sums that are kept at
 * once. 192 bits hold sums of terms that lie within about 130 binades of each other; cents take 4 digits, numbers
 * spread over e^-10 .. e^10 take 5.
 *
 * It is a group, as feat_exact is, with the same results and the same canonical bytes for the same multiset of terms.
 * What can outgrow the window returns false: the sum is what it was then, and the caller goes on with a feat_exact made
 * of it. */
#ifndef FEAT_LIB_EXACT_SMALL_H
#define FEAT_LIB_EXACT_SMALL_H

#include "math/exact.h"

#define FEAT_EXACT_SMALL_DIGITS 6

/* Digits are those of feat_exact from `base` on: signed, carried late. */
typedef struct feat_exact_small {
    int64_t digits[FEAT_EXACT_SMALL_DIGITS];
    int32_t positive_infinities, negative_infinities, nans;
    uint16_t pending;
    uint8_t base, unused; /* base <= FEAT_EXACT_DIGITS - FEAT_EXACT_SMALL_DIGITS */
} feat_exact_small;

_Static_assert(sizeof(feat_exact_small) == 64, "one cache line");

static inline void feat_exact_small_init(feat_exact_small *sum) { memset(sum, 0, sizeof *sum); }

/* What the two below do out of line: special values, zeros, carries, moves of the window. */
bool feat_exact_small_add_rare(feat_exact_small *sum, double value, int64_t sign);

static inline bool feat_exact_small_add_signed(feat_exact_small *sum, double value, int64_t sign) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    unsigned exponent = (unsigned)(bits >> 52) & 0x7ff;
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    unsigned position = exponent - 1, digit = (position >> 5) - sum->base;
    if (exponent - 1 >= 0x7fe || digit >= FEAT_EXACT_SMALL_DIGITS - 1 || sum->pending >= FEAT_EXACT_PENDING_MAX)
        return feat_exact_small_add_rare(sum, value, sign);
    sum->pending++;
    unsigned shift = position & 31;
    int64_t flip = ((int64_t)bits >> 63) ^ sign, whole = ((int64_t)mantissa ^ flip) - flip; /* as in feat_exact */
    sum->digits[digit] += (uint32_t)((uint64_t)whole << shift);
    sum->digits[digit + 1] += whole >> (32 - shift);
    return true;
}

static inline bool feat_exact_small_add(feat_exact_small *sum, double value) {
    return feat_exact_small_add_signed(sum, value, 0);
}
static inline bool feat_exact_small_sub(feat_exact_small *sum, double value) {
    return feat_exact_small_add_signed(sum, value, -1);
}

/* sum += other, sum -= other. `other` may be `sum` itself. */
bool feat_exact_small_merge(feat_exact_small *sum, const feat_exact_small *other);
bool feat_exact_small_unmerge(feat_exact_small *sum, const feat_exact_small *other);

bool feat_exact_small_is_zero(const feat_exact_small *sum);
double feat_exact_small_round(const feat_exact_small *sum);
double feat_exact_small_mean(const feat_exact_small *sum, int64_t n);

/* The same sum in the other form. */
void feat_exact_of_small(feat_exact *sum, const feat_exact_small *small);
bool feat_exact_small_of(feat_exact_small *small, const feat_exact *sum);

/* The bytes of feat_exact_write. */
void feat_exact_small_write(const feat_exact_small *sum, feat_buffer *out);
/* As feat_exact_read. With *fits false the sum needs a feat_exact: nothing is read, and the cursor stands where it did.
 */
feat_status feat_exact_small_read(feat_exact_small *sum, feat_cursor *bytes, bool *fits, feat_error *err);

#endif
