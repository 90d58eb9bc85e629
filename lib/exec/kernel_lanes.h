/* The kernels: op.def expanded into loops over lanes around the bodies that the row machine runs too. Included once by
 * each file that compiles them for a processor, after it has named the table FEAT_KERNELS (and WIDE_ONLY, if the table
 * keeps only what gains from wider registers; DOUBLES_ONLY, if that is doubles alone).
 *
 * Registers hold FEAT_LANES initialised lanes whatever n is, so loops that cannot harm run over whole blocks: with a
 * constant number of turns they become vector code at -O2 too. A constant is one block that is read again and again: an
 * argument's `lane_mask` is 0 for it, so that block & lane_mask stays at the first. */
#include <string.h>

#include "exec/body.h"
#include "exec/kernel.h"
#include "math/elementary.h"
#include "math/number.h"
#include "math/trigonometry.h"

#define BLOCK FEAT_BLOCK_LANES
#ifdef WIDE_ONLY
#define MATH_LEVEL feat_math_level_best()
#else
#define MATH_LEVEL FEAT_MATH_BASELINE
#endif
/* Loops that are taken out of their function lose what `restrict` says. */
#define NOT_INLINE __attribute__((noinline))
#define WORDS      (FEAT_STRIP_LANES / BLOCK)

/* Numbers run to the end of a block. Bytes may be gone from behind a stale lane, and wide values are not worth the
 * work: they stop at n. A loop goes as far as all of its classes do. */
#define LANES_OF_N(n) ((void)(n), (size_t)BLOCK)
#define LANES_OF_B(n) ((void)(n), (size_t)BLOCK)
#define LANES_OF_I(n) ((void)(n), (size_t)BLOCK)
#define LANES_OF_F(n) ((void)(n), (size_t)BLOCK)
#define LANES_OF_T(n) ((n) < BLOCK ? (n) : BLOCK)
#define LANES_OF_W(n) LANES_OF_T(n)
#define LANES_OF_V(n) LANES_OF_T(n)
#define LANES_OF_D(n) LANES_OF_I(n)
#define LANES_OF_S(n) LANES_OF_I(n)
#define LANES_OF_X(n) LANES_OF_T(n)
#define LESSER(x, y)  ((x) < (y) ? (x) : (y))
#define LANES(n, OUT, A, B, C)                                                                                         \
    LESSER(LESSER(LANES_OF_##OUT(n), LANES_OF_##A(n)), LESSER(LANES_OF_##B(n), LANES_OF_##C(n)))

static inline const void *lanes_of(const feat_vector *v, size_t first, size_t size) {
    return __builtin_assume_aligned((const char *)v->values + (first & v->lane_mask) * size, 64);
}

static inline void *lanes_out(const feat_vector *v, size_t first, size_t size) {
    return __builtin_assume_aligned((char *)v->own + first * size, 64);
}

#define LANES_IN(v, CLASS)  lanes_of(v, first, sizeof(FEAT_CTYPE_##CLASS)), v->lane_mask
#define LANES_OUT(v, CLASS) lanes_out(v, first, sizeof(FEAT_CTYPE_##CLASS))

/* ---- states ---- */

static inline uint32_t strip_bit(size_t first) { return UINT32_C(1) << first / FEAT_STRIP_LANES; }
static inline bool is_plain(const feat_vector *v, size_t first) { return v->plain & strip_bit(first); }

static inline void set_plain(feat_vector *v, size_t first, bool plain) {
    v->plain = plain ? v->plain | strip_bit(first) : v->plain & ~strip_bit(first);
}

/* The bits of the lanes below n in the word that begins at `block`. */
static inline uint64_t lanes_below(size_t n, size_t block) {
    return n - block >= BLOCK ? UINT64_MAX : (UINT64_C(1) << (n - block)) - 1;
}

typedef struct strip_states {
    const uint64_t *null, *error;
} strip_states;

static const uint64_t no_bits[WORDS];

static inline strip_states states_of(const feat_vector *v, size_t first) {
    if (is_plain(v, first)) return (strip_states){no_bits, no_bits};
    return (strip_states){v->null + first / BLOCK, v->error + first / BLOCK};
}

/* The state of a strict operation is the greatest of its arguments'. */
static inline void strict_states(feat_vector *out, const feat_vector *a, const feat_vector *b, const feat_vector *c,
                                 size_t first, size_t n) {
    if (is_plain(a, first) && is_plain(b, first) && is_plain(c, first)) {
        out->plain |= strip_bit(first);
        return;
    }
    strip_states x = states_of(a, first), y = states_of(b, first), z = states_of(c, first);
    uint64_t *null = out->null + first / BLOCK, *error = out->error + first / BLOCK, any = 0;
    for (size_t block = 0, w = 0; block < n; block += BLOCK, w++) {
        uint64_t used = lanes_below(n, block);
        error[w] = (x.error[w] | y.error[w] | z.error[w]) & used;
        null[w] = (x.null[w] | y.null[w] | z.null[w]) & used & ~error[w];
        any |= null[w] | error[w];
    }
    set_plain(out, first, any == 0);
}

/* Bytes that are 0 or 1 as bits, and back. Eight at a time: the multiplication gathers the lowest bits of eight bytes
 * in the highest byte, or spreads eight bits over eight bytes. */
static inline uint64_t eight_bytes(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t bits_of_bytes(const uint8_t *bytes) {
    uint64_t bits = 0;
    for (size_t k = 0; k < BLOCK; k += 8) bits |= (eight_bytes(bytes + k) * UINT64_C(0x0102040810204080)) >> 56 << k;
    return bits;
}

static inline uint64_t spread_bits(uint64_t byte) {
    uint64_t apart = byte * UINT64_C(0x0101010101010101) & UINT64_C(0x8040201008040201);
    return (apart + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7 & UINT64_C(0x0101010101010101);
}

static inline void bytes_of_states(uint8_t *restrict to, uint64_t null, uint64_t error) {
    for (size_t k = 0; k < BLOCK; k += 8) {
        uint64_t states =
            spread_bits(null >> k & 0xff) * FEAT_STATE_NULL + spread_bits(error >> k & 0xff) * FEAT_STATE_ERROR;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        states = __builtin_bswap64(states);
#endif
        memcpy(to + k, &states, sizeof states);
    }
}

static inline bool all_values(const uint8_t *states) {
    uint8_t any = 0;
    for (size_t i = 0; i < BLOCK; i++) any |= states[i];
    return any == FEAT_STATE_VALUE;
}

/* The states of a block as bits. */
static inline void bits_of_states(const uint8_t *states, uint64_t *null, uint64_t *error) {
    *null = *error = 0;
    if (all_values(states)) return;
    uint8_t is_null[BLOCK], is_error[BLOCK];
    for (size_t i = 0; i < BLOCK; i++) {
        is_null[i] = states[i] == FEAT_STATE_NULL;
        is_error[i] = states[i] == FEAT_STATE_ERROR;
    }
    *null = bits_of_bytes(is_null);
    *error = bits_of_bytes(is_error);
}

/* ---- what the shapes share: one, two or three arguments ---- */

/* Loops are functions of their own because compilers trust `restrict` only in parameters. x, y and z are the lanes of a
 * strip; p, q and r those of a block. */
#define PARAMETERS1(A, B, C) const FEAT_CTYPE_##A *restrict x, size_t x_mask
#define PARAMETERS2(A, B, C) PARAMETERS1(A, B, C), const FEAT_CTYPE_##B *restrict y, size_t y_mask
#define PARAMETERS3(A, B, C) PARAMETERS2(A, B, C), const FEAT_CTYPE_##C *restrict z, size_t z_mask

#define ARGUMENTS1(A, B, C) LANES_IN(a, A)
#define ARGUMENTS2(A, B, C) ARGUMENTS1(A, B, C), LANES_IN(b, B)
#define ARGUMENTS3(A, B, C) ARGUMENTS2(A, B, C), LANES_IN(c, C)

#define POINTERS1(A, B, C) const FEAT_CTYPE_##A *p = x + (block & x_mask);
#define POINTERS2(A, B, C)                                                                                             \
    POINTERS1(A, B, C)                                                                                                 \
    const FEAT_CTYPE_##B *q = y + (block & y_mask);
#define POINTERS3(A, B, C)                                                                                             \
    POINTERS2(A, B, C)                                                                                                 \
    const FEAT_CTYPE_##C *r = z + (block & z_mask);

#define VALUES1 p[i]
#define VALUES2 VALUES1, q[i]
#define VALUES3 VALUES2, r[i]

#define VECTORS1 a, a, a
#define VECTORS2 a, b, b
#define VECTORS3 a, b, c

#define UNUSED1 (void)scratch, (void)b, (void)c
#define UNUSED2 (void)scratch, (void)c
#define UNUSED3 (void)scratch

#define KERNEL_HEAD(id)                                                                                                \
    static void run_##id(feat_vector *out, const feat_vector *a, const feat_vector *b, const feat_vector *c,           \
                         size_t first, size_t n, feat_scratch *scratch)

/* ---- PURE: values and states do not know each other ---- */

#define KERNEL_PURE(id, COUNT, OUT, A, B, C, body)                                                                     \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, PARAMETERS##COUNT(A, B, C), size_t n) {                      \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) FEAT_CTYPE_##OUT *t = to + block;                                                 \
            const size_t lanes = LANES(n - block, OUT, A, B, C);                                                       \
            for (size_t i = 0; i < lanes; i++) t[i] = feat_body_##body(VALUES##COUNT);                                 \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        UNUSED##COUNT;                                                                                                 \
        lanes_##id(LANES_OUT(out, OUT), ARGUMENTS##COUNT(A, B, C), n);                                                 \
        strict_states(out, VECTORS##COUNT, first, n);                                                                  \
    }

#define KERNEL_PURE1(id, OUT, A, B, C, body) KERNEL_PURE(id, 1, OUT, A, B, C, body)
#define KERNEL_PURE2(id, OUT, A, B, C, body) KERNEL_PURE(id, 2, OUT, A, B, C, body)
#define KERNEL_PURE3(id, OUT, A, B, C, body) KERNEL_PURE(id, 3, OUT, A, B, C, body)

/* ---- ARRAY: PURE with a function over arrays, which picks its own instructions ---- */

#define ARRAYS1 p
#define ARRAYS2 ARRAYS1, q
#define STRIPS1 x
#define STRIPS2 STRIPS1, y
#define VARIES1 (x_mask != 0)
#define VARIES2 (VARIES1 && y_mask != 0)

#define KERNEL_ARRAY(id, COUNT, OUT, A, B, C, body)                                                                    \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, PARAMETERS##COUNT(A, B, C), size_t n) {                      \
        const feat_math_level level = MATH_LEVEL;                                                                      \
        if (VARIES##COUNT) {                                                                                           \
            feat_##body##_array(level, STRIPS##COUNT, to, n);                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) feat_##body##_array(level, ARRAYS##COUNT, to + block, BLOCK);                     \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        UNUSED##COUNT;                                                                                                 \
        lanes_##id(LANES_OUT(out, OUT), ARGUMENTS##COUNT(A, B, C), n);                                                 \
        strict_states(out, VECTORS##COUNT, first, n);                                                                  \
    }

#define KERNEL_ARRAY1(id, OUT, A, B, C, body) KERNEL_ARRAY(id, 1, OUT, A, B, C, body)
#define KERNEL_ARRAY2(id, OUT, A, B, C, body) KERNEL_ARRAY(id, 2, OUT, A, B, C, body)

/* ---- CHECK: what a body says of its values counts only where all arguments are values ---- */

static inline void merge_checked(feat_vector *out, size_t first, size_t block, size_t n, const uint8_t *checked,
                                 uint64_t *any) {
    uint64_t *null = out->null + (first + block) / BLOCK, *error = out->error + (first + block) / BLOCK;
    uint64_t more_null, more_error, strict = *null | *error;
    bits_of_states(checked, &more_null, &more_error);
    uint64_t open = lanes_below(n, block) & ~strict;
    *null |= more_null & open;
    *error |= more_error & open;
    *any |= *null | *error;
}

#define KERNEL_CHECK(id, COUNT, OUT, A, B, C, body)                                                                    \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, uint8_t *restrict checked, PARAMETERS##COUNT(A, B, C),       \
                           size_t n) {                                                                                 \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) FEAT_CTYPE_##OUT *t = to + block;                                                 \
            uint8_t *s = checked + block;                                                                              \
            const size_t lanes = n - block < BLOCK ? n - block : BLOCK;                                                \
            for (size_t i = 0; i < lanes; i++) {                                                                       \
                uint8_t state = FEAT_STATE_VALUE;                                                                      \
                t[i] = feat_body_##body(VALUES##COUNT, &state);                                                        \
                s[i] = state;                                                                                          \
            }                                                                                                          \
            for (size_t i = lanes; i < BLOCK; i++) s[i] = FEAT_STATE_VALUE;                                            \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        UNUSED##COUNT;                                                                                                 \
        uint8_t checked[FEAT_STRIP_LANES];                                                                             \
        lanes_##id(LANES_OUT(out, OUT), checked, ARGUMENTS##COUNT(A, B, C), n);                                        \
        strict_states(out, VECTORS##COUNT, first, n);                                                                  \
        add_checked(out, first, n, checked);                                                                           \
    }

/* What bodies said, on top of the strict states. */
static void add_checked(feat_vector *out, size_t first, size_t n, const uint8_t *checked) {
    bool strict_plain = is_plain(out, first);
    uint64_t any = 0;
    for (size_t block = 0; block < n; block += BLOCK) {
        if (strict_plain) out->null[(first + block) / BLOCK] = out->error[(first + block) / BLOCK] = 0;
        merge_checked(out, first, block, n, checked + block, &any);
    }
    set_plain(out, first, any == 0);
}

#define KERNEL_CHECK1(id, OUT, A, B, C, body) KERNEL_CHECK(id, 1, OUT, A, B, C, body)
#define KERNEL_CHECK2(id, OUT, A, B, C, body) KERNEL_CHECK(id, 2, OUT, A, B, C, body)
#define KERNEL_CHECK3(id, OUT, A, B, C, body) KERNEL_CHECK(id, 3, OUT, A, B, C, body)

/* ---- MAKE: what a body makes lies in the scratch, so it is called for values only ---- */

static inline bool is_value(const feat_vector *v, size_t lane) {
    uint64_t absent = v->null[lane / BLOCK] | v->error[lane / BLOCK];
    return !(absent >> lane % BLOCK & 1);
}

#define KERNEL_MAKE(id, COUNT, OUT, A, B, C, body)                                                                     \
    static void lanes_##id(feat_vector *out, FEAT_CTYPE_##OUT *restrict to, uint8_t *restrict checked,                 \
                           PARAMETERS##COUNT(A, B, C), size_t first, size_t n, feat_scratch *scratch) {                \
        bool all = is_plain(out, first);                                                                               \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) FEAT_CTYPE_##OUT *t = to + block;                                                 \
            uint8_t *s = checked + block;                                                                              \
            const size_t lanes = n - block < BLOCK ? n - block : BLOCK;                                                \
            for (size_t i = 0; i < lanes; i++) {                                                                       \
                uint8_t state = FEAT_STATE_VALUE;                                                                      \
                if (all || is_value(out, first + block + i)) t[i] = feat_body_##body(scratch, VALUES##COUNT, &state);  \
                else t[i] = FEAT_ZERO_##OUT;                                                                           \
                if (state != FEAT_STATE_VALUE) t[i] = FEAT_ZERO_##OUT;                                                 \
                s[i] = state;                                                                                          \
            }                                                                                                          \
            for (size_t i = lanes; i < BLOCK; i++) s[i] = FEAT_STATE_VALUE;                                            \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        UNUSED##COUNT;                                                                                                 \
        uint8_t checked[FEAT_STRIP_LANES];                                                                             \
        strict_states(out, VECTORS##COUNT, first, n);                                                                  \
        lanes_##id(out, LANES_OUT(out, OUT), checked, ARGUMENTS##COUNT(A, B, C), first, n, scratch);                   \
        add_checked(out, first, n, checked);                                                                           \
    }

#define KERNEL_MAKE1(id, OUT, A, B, C, body) KERNEL_MAKE(id, 1, OUT, A, B, C, body)
#define KERNEL_MAKE2(id, OUT, A, B, C, body) KERNEL_MAKE(id, 2, OUT, A, B, C, body)
#define KERNEL_MAKE3(id, OUT, A, B, C, body) KERNEL_MAKE(id, 3, OUT, A, B, C, body)

/* ---- CELL: the body sees states and values ---- */

/* What a body makes of lane i: `take` keeps the part of it that the loop is for, and the compiler drops the other part.
 * Values and states go through loops of their own, because a loop over elements of one width becomes vector code. Where
 * a block has only values, states are zeros that the compiler knows. */
#define CELL_IN(cell, lanes, state_of, CLASS)                                                                          \
    feat_cell cell;                                                                                                    \
    cell.v.FEAT_MEMBER_##CLASS = lanes[i];                                                                             \
    cell.state = state_of

#define CELLS1(A, B, C, S) CELL_IN(u, p, S(p), A)
#define CELLS2(A, B, C, S)                                                                                             \
    CELLS1(A, B, C, S);                                                                                                \
    CELL_IN(v, q, S(q), B)
#define CELLS3(A, B, C, S)                                                                                             \
    CELLS2(A, B, C, S);                                                                                                \
    CELL_IN(w, r, S(r), C)
#define CALL1(body) feat_body_##body(&result, &u)
#define CALL2(body) feat_body_##body(&result, &u, &v)
#define CALL3(body) feat_body_##body(&result, &u, &v, &w)

#define STATE_PLAIN(lanes) FEAT_STATE_VALUE
#define STATE_ANY(lanes)   lanes##_states[i]

#define CELL_LOOP(COUNT, A, B, C, S, body, take)                                                                       \
    for (size_t i = 0; i < lanes; i++) {                                                                               \
        CELLS##COUNT(A, B, C, S);                                                                                      \
        feat_cell result;                                                                                              \
        CALL##COUNT(body);                                                                                             \
        take;                                                                                                          \
    }

static void read_states(uint8_t *restrict to, const feat_vector *v, size_t first, size_t n) {
    for (size_t block = 0; block < n; block += BLOCK) {
        size_t w = (first + block) / BLOCK;
        if (is_plain(v, first)) memset(to + block, FEAT_STATE_VALUE, BLOCK);
        else bytes_of_states(to + block, v->null[w], v->error[w]);
    }
}

static void write_states(feat_vector *out, const uint8_t *states, size_t first, size_t n) {
    uint64_t any = 0;
    for (size_t block = 0; block < n; block += BLOCK) {
        size_t w = (first + block) / BLOCK;
        uint64_t used = lanes_below(n, block);
        bits_of_states(states + block, &out->null[w], &out->error[w]);
        out->null[w] &= used;
        out->error[w] &= used;
        any |= out->null[w] | out->error[w];
    }
    set_plain(out, first, any == 0);
}

#define BLOCK_PARAMETERS1(A, B, C) const FEAT_CTYPE_##A *restrict p, const uint8_t *restrict p_states
#define BLOCK_PARAMETERS2(A, B, C)                                                                                     \
    BLOCK_PARAMETERS1(A, B, C), const FEAT_CTYPE_##B *restrict q, const uint8_t *restrict q_states
#define BLOCK_PARAMETERS3(A, B, C)                                                                                     \
    BLOCK_PARAMETERS2(A, B, C), const FEAT_CTYPE_##C *restrict r, const uint8_t *restrict r_states
#define BLOCK_ARGUMENTS1 p, states[0] + block
#define BLOCK_ARGUMENTS2 BLOCK_ARGUMENTS1, q, states[1] + block
#define BLOCK_ARGUMENTS3 BLOCK_ARGUMENTS2, r, states[2] + block

#define KERNEL_CELL(id, COUNT, OUT, A, B, C, body)                                                                     \
    /* Where all arguments are values: whether all results are, too. */                                                \
    static bool plain_##id(FEAT_CTYPE_##OUT *restrict to, PARAMETERS##COUNT(A, B, C), size_t n) {                      \
        uint8_t any = 0;                                                                                               \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) FEAT_CTYPE_##OUT *t = to + block;                                                 \
            size_t lanes = LANES(n - block, OUT, A, B, C);                                                             \
            CELL_LOOP(COUNT, A, B, C, STATE_PLAIN, body, t[i] = result.v.FEAT_MEMBER_##OUT)                            \
            lanes = LESSER(n - block, BLOCK);                                                                          \
            CELL_LOOP(COUNT, A, B, C, STATE_PLAIN, body, any |= result.state)                                          \
        }                                                                                                              \
        return any == FEAT_STATE_VALUE;                                                                                \
    }                                                                                                                  \
    static NOT_INLINE void values_##id(FEAT_CTYPE_##OUT *restrict t, BLOCK_PARAMETERS##COUNT(A, B, C), size_t n) {     \
        (void)n;                                                                                                       \
        const size_t lanes = LANES(n, OUT, A, B, C);                                                                   \
        CELL_LOOP(COUNT, A, B, C, STATE_ANY, body, t[i] = result.v.FEAT_MEMBER_##OUT)                                  \
    }                                                                                                                  \
    static NOT_INLINE void states_##id(uint8_t *restrict s, BLOCK_PARAMETERS##COUNT(A, B, C), size_t n) {              \
        (void)n;                                                                                                       \
        const size_t lanes = LANES(n, OUT, A, B, C);                                                                   \
        CELL_LOOP(COUNT, A, B, C, STATE_ANY, body, s[i] = result.state)                                                \
        for (size_t i = lanes; i < BLOCK; i++) s[i] = FEAT_STATE_VALUE;                                                \
    }                                                                                                                  \
    static void cells_##id(FEAT_CTYPE_##OUT *to, uint8_t *to_states, PARAMETERS##COUNT(A, B, C),                       \
                           const uint8_t(*states)[FEAT_STRIP_LANES], size_t n) {                                       \
        for (size_t block = 0; block < n; block += BLOCK) {                                                            \
            POINTERS##COUNT(A, B, C) values_##id(to + block, BLOCK_ARGUMENTS##COUNT, n - block);                       \
            states_##id(to_states + block, BLOCK_ARGUMENTS##COUNT, n - block);                                         \
        }                                                                                                              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        UNUSED##COUNT;                                                                                                 \
        const feat_vector *const arguments[] = {VECTORS##COUNT};                                                       \
        if (is_plain(arguments[0], first) && is_plain(arguments[1], first) && is_plain(arguments[2], first) &&         \
            plain_##id(LANES_OUT(out, OUT), ARGUMENTS##COUNT(A, B, C), n)) {                                           \
            out->plain |= strip_bit(first);                                                                            \
            return;                                                                                                    \
        }                                                                                                              \
        uint8_t states[COUNT][FEAT_STRIP_LANES], results[FEAT_STRIP_LANES];                                            \
        for (size_t k = 0; k < COUNT; k++) read_states(states[k], arguments[k], first, n);                             \
        cells_##id(LANES_OUT(out, OUT), results, ARGUMENTS##COUNT(A, B, C),                                            \
                   (const uint8_t(*)[FEAT_STRIP_LANES])states, n);                                                     \
        write_states(out, results, first, n);                                                                          \
    }

#define KERNEL_CELL1(id, OUT, A, B, C, body) KERNEL_CELL(id, 1, OUT, A, B, C, body)
#define KERNEL_CELL2(id, OUT, A, B, C, body) KERNEL_CELL(id, 2, OUT, A, B, C, body)
#define KERNEL_CELL3(id, OUT, A, B, C, body) KERNEL_CELL(id, 3, OUT, A, B, C, body)

/* ---- out of the machine ---- */

void FEAT_COPY_CANONICAL(double *restrict to, const double *restrict from, size_t n) {
    size_t block = 0;
    for (; n - block >= BLOCK; block += BLOCK)
        for (size_t i = 0; i < BLOCK; i++) to[block + i] = feat_double_canonical(from[block + i]);
    for (; block < n; block++) to[block] = feat_double_canonical(from[block]);
}

/* ---- the table ---- */

/* Keeps what stands in the brackets, or drops it: bytes and 128-bit integers gain nothing from wider registers. */
#define ALWAYS(...) __VA_ARGS__
#define NEVER(...)
#define WIDE_N ALWAYS
#define WIDE_F ALWAYS
#define WIDE_D WIDE_I
#define WIDE_S WIDE_I
#define WIDE_X WIDE_T
#ifdef DOUBLES_ONLY
#define WIDE_B NEVER
#define WIDE_I NEVER
#else
#define WIDE_B ALWAYS
#define WIDE_I ALWAYS
#endif
#ifdef WIDE_ONLY
#define WIDE_T NEVER
#define WIDE_W NEVER
#define WIDE_V NEVER
#else
#define WIDE_T ALWAYS
#define WIDE_W ALWAYS
#define WIDE_V ALWAYS
#endif

#define FEAT_OP(id, sql, shape, OUT, A, B, C, rev, body, nulls, errors, text, example, result)                         \
    WIDE_##OUT(WIDE_##A(WIDE_##B(WIDE_##C(KERNEL_##shape(id, OUT, A, B, C, body)))))
#include "plan/op.def"
#undef FEAT_OP

feat_kernel *const FEAT_KERNELS[FEAT_OP_COUNT] = {
#define FEAT_OP(id, sql, shape, OUT, A, B, C, rev, body, nulls, errors, text, example, result)                         \
    WIDE_##OUT(WIDE_##A(WIDE_##B(WIDE_##C([FEAT_OP_##id] = run_##id, ))))
#include "plan/op.def"
#undef FEAT_OP
};
