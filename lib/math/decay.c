#include "math/decay.h"

#include <assert.h>
#include <math.h>

#include "math/big.h"
#include "math/elementary.h"
#include "math/number.h"

/* Terms are in units of 2^-(1074 + BELOW): the oldest have lost 1,101 binades. */
enum { BELOW = 1104, MOST = 53, SCALE = 8 };

void feat_decay_init(feat_decay *d, int64_t t, int64_t half_life) {
    assert(half_life > 0);
    *d = (feat_decay){.t = t, .half_life = half_life};
    feat_limbs_init(&d->sum, MOST);
    feat_limbs_init(&d->weights, MOST);
}

void feat_decay_done(feat_decay *d) {
    feat_limbs_done(&d->sum);
    feat_limbs_done(&d->weights);
}

/* time = (whole + fraction) half_life, 0 <= fraction <= 1: nothing but its rounding can make it 1. */
static int64_t whole_of(int64_t time, int64_t half_life, double *fraction) {
    int64_t whole = time / half_life, rest = time % half_life;
    if (rest < 0) {
        whole--;
        rest += half_life;
    }
    *fraction = feat_int_mean(rest, half_life);
    return whole;
}

/* Adds a finite value times 2^shift, where shift may be negative. */
static bool add_term(feat_limbs *l, double value, int64_t shift) {
    uint64_t bits = feat_double_bits(value), mantissa = bits & ((UINT64_C(1) << 52) - 1);
    unsigned field = (unsigned)(bits >> 52) & 0x7ff;
    if (field) mantissa |= UINT64_C(1) << 52;
    return feat_limbs_add(l, &mantissa, 1, (unsigned)((int64_t)(field ? field - 1 : 0) + BELOW + shift), bits >> 63);
}

bool feat_decay_add(feat_decay *d, double value, int64_t time) {
    feat_int128 age = (feat_int128)d->t - time;
    if (age < 0 || age > (feat_int128)d->half_life * FEAT_DECAY_HALF_LIVES) return true;
    d->n++;
    double fraction, mine;
    int64_t shift = whole_of(time, d->half_life, &mine) - whole_of(d->t, d->half_life, &fraction);
    double weight = feat_exp2(mine);
    if (!add_term(&d->weights, weight, shift)) return false;
    if (!isfinite(value)) {
        if (value != value) d->specials.nans++;
        else if (value > 0) d->specials.positive_infinities++;
        else d->specials.negative_infinities++;
        return true;
    }
    /* Twice the greatest double is to be no infinity. */
    if (fabs(value) >= 0x1p1000) return add_term(&d->sum, value * (1.0 / (1 << SCALE)) * weight, shift + SCALE);
    return add_term(&d->sum, value * weight, shift);
}

bool feat_decay_sum(const feat_decay *d, double *out) {
    if (d->n == 0) return false;
    if (feat_exact_any_special(&d->specials)) {
        *out = feat_exact_special_result(&d->specials);
        return true;
    }
    double fraction;
    whole_of(d->t, d->half_life, &fraction);
    /* 2^-fraction is in [1/2, 1]: its mantissa times 2^place. */
    uint64_t bits = feat_double_bits(feat_exp2(-fraction));
    int place = (int)(bits >> 52) - 1075;
    feat_big factor, sum, product, one;
    feat_big_of_int(&factor, (int64_t)((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52));
    feat_big_of_limbs(&sum, &d->sum);
    feat_big_multiply(&product, &sum, &factor);
    feat_big_of_int(&one, 1);
    *out = feat_big_quotient(&product, &one, place - 1074 - BELOW);
    return true;
}

bool feat_decay_mean(const feat_decay *d, double *out) {
    if (d->n == 0) return false;
    if (feat_exact_any_special(&d->specials)) {
        *out = feat_exact_special_result(&d->specials);
        return true;
    }
    feat_big sum, weights;
    feat_big_of_limbs(&sum, &d->sum);
    feat_big_of_limbs(&weights, &d->weights);
    *out = feat_big_quotient(&sum, &weights, 0);
    return true;
}
