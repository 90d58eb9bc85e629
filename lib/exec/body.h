/* The bodies of the operators of op.def, one static inline function each. Both machines expand these and nothing else,
 * which is why they cannot disagree. How a body is called depends on the shape of its row: see op.def.
 *
 * Bodies of doubles use only operations that IEEE 754 fixes. The sign of a NaN is the one thing that it leaves open, so
 * no body may look at it, and results are made canonical where they leave a machine. */
#ifndef FEAT_LIB_EXEC_BODY_H
#define FEAT_LIB_EXEC_BODY_H

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/scratch.h"
#include "exec/body_math.h"
#include "exec/body_list.h"
#include "exec/body_number.h"
#include "exec/body_print.h"
#include "exec/body_round.h"
#include "exec/body_json.h"
#include "exec/body_regex.h"
#include "exec/body_string.h"
#include "exec/body_text.h"
#include "exec/body_time.h"
#include "exec/body_trig.h"
#include "exec/body_zone.h"
#include "exec/exec.h"

/* Register classes as C types and as members of feat_cell.v. */
#define FEAT_CTYPE_B  uint8_t
#define FEAT_CTYPE_I  int64_t
#define FEAT_CTYPE_F  double
#define FEAT_CTYPE_T  feat_text
#define FEAT_CTYPE_W  feat_int128
#define FEAT_CTYPE_V  feat_interval
#define FEAT_MEMBER_B b
#define FEAT_MEMBER_I i
#define FEAT_MEMBER_F f
#define FEAT_MEMBER_T t
#define FEAT_MEMBER_W w
#define FEAT_MEMBER_V p
/* Letters for types of a class. */
#define FEAT_CTYPE_D  int64_t
#define FEAT_CTYPE_S  int64_t
#define FEAT_CTYPE_X  feat_text
#define FEAT_MEMBER_D i
#define FEAT_MEMBER_S i
#define FEAT_MEMBER_X t
#define FEAT_ZERO_D   0
#define FEAT_ZERO_S   0
#define FEAT_ZERO_X   ((feat_text){"", 0})
#define FEAT_ZERO_W   0
#define FEAT_ZERO_V   ((feat_interval){0, 0, 0})
#define FEAT_ZERO_B   0
#define FEAT_ZERO_I   0
#define FEAT_ZERO_F   0.0
#define FEAT_ZERO_T   ((feat_text){"", 0})

/* ---- arithmetic ---- */

static inline int64_t feat_body_add_i(int64_t a, int64_t b, uint8_t *state) {
    int64_t out;
    if (__builtin_add_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

static inline int64_t feat_body_sub_i(int64_t a, int64_t b, uint8_t *state) {
    int64_t out;
    if (__builtin_sub_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

static inline int64_t feat_body_mul_i(int64_t a, int64_t b, uint8_t *state) {
    int64_t out;
    if (__builtin_mul_overflow(a, b, &out)) *state = FEAT_STATE_ERROR;
    return out;
}

static inline int64_t feat_body_idiv_i(int64_t a, int64_t b, uint8_t *state) {
    if (b == 0) {
        *state = FEAT_STATE_NULL;
        return 0;
    }
    if (b == -1) { /* the machine's division traps on the one overflow */
        if (a == INT64_MIN) *state = FEAT_STATE_ERROR;
        return a == INT64_MIN ? 0 : -a;
    }
    return a / b;
}

static inline int64_t feat_body_mod_i(int64_t a, int64_t b, uint8_t *state) {
    if (b == 0) *state = FEAT_STATE_NULL;
    return b == 0 || b == -1 ? 0 : a % b;
}

static inline int64_t feat_body_neg_i(int64_t a, uint8_t *state) { return feat_body_sub_i(0, a, state); }
static inline int64_t feat_body_abs_i(int64_t a, uint8_t *state) { return a < 0 ? feat_body_sub_i(0, a, state) : a; }

static inline double feat_body_add_f(double a, double b) { return a + b; }
static inline double feat_body_sub_f(double a, double b) { return a - b; }
static inline double feat_body_mul_f(double a, double b) { return a * b; }
/* Dividing by zero is what IEEE says it is, in any compiler. */
#if defined(__clang__)
__attribute__((no_sanitize("float-divide-by-zero")))
#endif
static inline double
feat_body_div_f(double a, double b) {
    return a / b;
}
static inline double feat_body_neg_f(double a) { return -a; }
static inline double feat_body_abs_f(double a) { return __builtin_fabs(a); }

/* ---- conversion ---- */

static inline double feat_body_cast_if(int64_t a) { return (double)a; }

static inline int64_t feat_body_cast_fi(double a, uint8_t *state) {
    double whole = rint(a);
    /* A NaN fails both comparisons; -2^63 fits and 2^63 does not. */
    if (!(whole >= -0x1p63 && whole < 0x1p63)) {
        *state = FEAT_STATE_ERROR;
        return 0;
    }
    return (int64_t)whole;
}

static inline int64_t feat_body_cast_bi(uint8_t a) { return a; }
static inline uint8_t feat_body_cast_ib(int64_t a) { return a != 0; }

static inline int64_t feat_body_date_to_timestamp(int64_t a, uint8_t *state) {
    return feat_body_mul_i(a, FEAT_US_PER_DAY, state);
}

static inline int64_t feat_body_timestamp_to_date(int64_t a) { return feat_day_of(a); }

/* ---- comparison ---- */

static inline uint8_t feat_body_eq_b(uint8_t a, uint8_t b) { return a == b; }
static inline uint8_t feat_body_ne_b(uint8_t a, uint8_t b) { return a != b; }
static inline uint8_t feat_body_lt_b(uint8_t a, uint8_t b) { return a < b; }
static inline uint8_t feat_body_le_b(uint8_t a, uint8_t b) { return a <= b; }

static inline uint8_t feat_body_eq_i(int64_t a, int64_t b) { return a == b; }
static inline uint8_t feat_body_ne_i(int64_t a, int64_t b) { return a != b; }
static inline uint8_t feat_body_lt_i(int64_t a, int64_t b) { return a < b; }
static inline uint8_t feat_body_le_i(int64_t a, int64_t b) { return a <= b; }

/* Without branches, so that loops over lanes become vector code. */
static inline uint8_t feat_body_eq_f(double a, double b) { return (uint8_t)((a == b) | ((a != a) & (b != b))); }
static inline uint8_t feat_body_ne_f(double a, double b) { return (uint8_t)((a != b) & ((a == a) | (b == b))); }
/* a < b, or b alone is NaN: not a >= b, unless a is NaN. */
static inline uint8_t feat_body_lt_f(double a, double b) { return (uint8_t)((a == a) & !(a >= b)); }
static inline uint8_t feat_body_le_f(double a, double b) { return (uint8_t)((a <= b) | (b != b)); }

/* Bytes as unsigned numbers; a prefix comes first. */
static inline int feat_text_order(feat_text a, feat_text b) {
    size_t n = a.length < b.length ? a.length : b.length;
    int order = n ? memcmp(a.data, b.data, n) : 0; /* an empty text may have no address */
    return order ? order : (a.length > b.length) - (a.length < b.length);
}

static inline uint8_t feat_body_eq_t(feat_text a, feat_text b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}
static inline uint8_t feat_body_ne_t(feat_text a, feat_text b) { return !feat_body_eq_t(a, b); }
static inline uint8_t feat_body_lt_t(feat_text a, feat_text b) { return feat_text_order(a, b) < 0; }
static inline uint8_t feat_body_le_t(feat_text a, feat_text b) { return feat_text_order(a, b) <= 0; }

static inline uint8_t feat_body_eq_w(feat_int128 a, feat_int128 b) { return a == b; }
static inline uint8_t feat_body_ne_w(feat_int128 a, feat_int128 b) { return a != b; }
static inline uint8_t feat_body_lt_w(feat_int128 a, feat_int128 b) { return a < b; }
static inline uint8_t feat_body_le_w(feat_int128 a, feat_int128 b) { return a <= b; }

static inline uint8_t feat_body_eq_v(feat_interval a, feat_interval b) {
    return feat_interval_length(a) == feat_interval_length(b);
}
static inline uint8_t feat_body_ne_v(feat_interval a, feat_interval b) { return !feat_body_eq_v(a, b); }
static inline uint8_t feat_body_lt_v(feat_interval a, feat_interval b) {
    return feat_interval_length(a) < feat_interval_length(b);
}
static inline uint8_t feat_body_le_v(feat_interval a, feat_interval b) {
    return feat_interval_length(a) <= feat_interval_length(b);
}

/* ---- three-valued logic ---- */

static inline uint8_t feat_body_not_b(uint8_t a) { return !a; }

/* Conjunction when `decider` is 0, disjunction when it is 1: an argument equal to it decides, whatever the other is. */
static inline void feat_body_junction(feat_cell *out, const feat_cell *a, const feat_cell *b, uint8_t decider) {
    bool decided =
        (a->state == FEAT_STATE_VALUE && a->v.b == decider) || (b->state == FEAT_STATE_VALUE && b->v.b == decider);
    uint8_t greatest = a->state > b->state ? a->state : b->state;
    out->v.b = decided ? decider : !decider & (greatest == FEAT_STATE_VALUE);
    out->state = decided ? FEAT_STATE_VALUE : greatest;
}

static inline void feat_body_and_b(feat_cell *out, const feat_cell *a, const feat_cell *b) {
    feat_body_junction(out, a, b, 0);
}
static inline void feat_body_or_b(feat_cell *out, const feat_cell *a, const feat_cell *b) {
    feat_body_junction(out, a, b, 1);
}

static inline void feat_body_is_null(feat_cell *out, const feat_cell *a) {
    out->v.b = a->state == FEAT_STATE_NULL;
    out->state = a->state == FEAT_STATE_ERROR ? FEAT_STATE_ERROR : FEAT_STATE_VALUE;
}

static inline void feat_body_is_true(feat_cell *out, const feat_cell *a) {
    out->v.b = a->state == FEAT_STATE_VALUE && a->v.b;
    out->state = a->state == FEAT_STATE_ERROR ? FEAT_STATE_ERROR : FEAT_STATE_VALUE;
}

/* ---- the operators that exist once for each class ---- */

#define FEAT_BODIES_OF_CLASS(suffix, CLASS)                                                                            \
    static inline void feat_body_is_null_##suffix(feat_cell *out, const feat_cell *a) { feat_body_is_null(out, a); }   \
                                                                                                                       \
    static inline void feat_body_distinct_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {           \
        uint8_t greatest = a->state > b->state ? a->state : b->state;                                                  \
        if (greatest == FEAT_STATE_VALUE)                                                                              \
            out->v.b = feat_body_ne_##suffix(a->v.FEAT_MEMBER_##CLASS, b->v.FEAT_MEMBER_##CLASS);                      \
        else out->v.b = greatest == FEAT_STATE_NULL && a->state != b->state;                                           \
        out->state = greatest == FEAT_STATE_ERROR ? FEAT_STATE_ERROR : FEAT_STATE_VALUE;                               \
    }                                                                                                                  \
                                                                                                                       \
    static inline void feat_body_if_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b,                   \
                                             const feat_cell *c) {                                                     \
        bool holds = a->state == FEAT_STATE_VALUE && a->v.b;                                                           \
        out->v.FEAT_MEMBER_##CLASS = holds ? b->v.FEAT_MEMBER_##CLASS : c->v.FEAT_MEMBER_##CLASS;                      \
        out->state = a->state == FEAT_STATE_ERROR ? FEAT_STATE_ERROR : holds ? b->state : c->state;                    \
    }                                                                                                                  \
                                                                                                                       \
    static inline void feat_body_coalesce_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {           \
        bool second = a->state == FEAT_STATE_NULL;                                                                     \
        out->v.FEAT_MEMBER_##CLASS = second ? b->v.FEAT_MEMBER_##CLASS : a->v.FEAT_MEMBER_##CLASS;                     \
        out->state = second ? b->state : a->state;                                                                     \
    }                                                                                                                  \
                                                                                                                       \
    static inline void feat_body_nullif_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {             \
        uint8_t greatest = a->state > b->state ? a->state : b->state;                                                  \
        out->v.FEAT_MEMBER_##CLASS = a->v.FEAT_MEMBER_##CLASS;                                                         \
        if (greatest != FEAT_STATE_VALUE) out->state = greatest == FEAT_STATE_ERROR ? greatest : a->state;             \
        else                                                                                                           \
            out->state = feat_body_eq_##suffix(a->v.FEAT_MEMBER_##CLASS, b->v.FEAT_MEMBER_##CLASS) ? FEAT_STATE_NULL   \
                                                                                                   : FEAT_STATE_VALUE; \
    }                                                                                                                  \
                                                                                                                       \
    /* The second when `second` holds, where neither is NULL; of one NULL the other. */                                \
    static inline void feat_choose_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b, bool second) {     \
        bool error = a->state == FEAT_STATE_ERROR || b->state == FEAT_STATE_ERROR;                                     \
        bool other = a->state == FEAT_STATE_NULL || (b->state == FEAT_STATE_VALUE && second);                          \
        out->v.FEAT_MEMBER_##CLASS = other ? b->v.FEAT_MEMBER_##CLASS : a->v.FEAT_MEMBER_##CLASS;                      \
        out->state = error ? FEAT_STATE_ERROR : other ? b->state : a->state;                                           \
    }                                                                                                                  \
    static inline void feat_body_greatest_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {           \
        bool second = a->state == FEAT_STATE_VALUE && b->state == FEAT_STATE_VALUE;                                    \
        if (second) second = feat_body_lt_##suffix(a->v.FEAT_MEMBER_##CLASS, b->v.FEAT_MEMBER_##CLASS);                \
        feat_choose_##suffix(out, a, b, second);                                                                       \
    }                                                                                                                  \
    static inline void feat_body_least_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {              \
        bool second = a->state == FEAT_STATE_VALUE && b->state == FEAT_STATE_VALUE;                                    \
        if (second) second = feat_body_lt_##suffix(b->v.FEAT_MEMBER_##CLASS, a->v.FEAT_MEMBER_##CLASS);                \
        feat_choose_##suffix(out, a, b, second);                                                                       \
    }                                                                                                                  \
                                                                                                                       \
    /* TRY: the error that a conversion made is NULL; one that its argument had (b: whether that is NULL) stays. */    \
    static inline void feat_body_try_##suffix(feat_cell *out, const feat_cell *a, const feat_cell *b) {                \
        out->v.FEAT_MEMBER_##CLASS = a->v.FEAT_MEMBER_##CLASS;                                                         \
        out->state = b->state == FEAT_STATE_ERROR   ? FEAT_STATE_ERROR                                                 \
                     : a->state == FEAT_STATE_ERROR ? FEAT_STATE_NULL                                                  \
                                                    : a->state;                                                        \
    }

FEAT_BODIES_OF_CLASS(b, B)
FEAT_BODIES_OF_CLASS(i, I)
FEAT_BODIES_OF_CLASS(f, F)
FEAT_BODIES_OF_CLASS(t, T)
FEAT_BODIES_OF_CLASS(w, W)
FEAT_BODIES_OF_CLASS(v, V)
#undef FEAT_BODIES_OF_CLASS

#endif
