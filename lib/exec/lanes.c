/* Into registers and out of them: columns, cells and numbers. */
#include <assert.h>

#include "base/bitmap.h"
#include "column/bits.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/kernel.h"
#include "math/number.h"

#define WORD FEAT_BLOCK_LANES

static size_t words_of(size_t n) { return (n + WORD - 1) / WORD; }
static size_t lanes_of_word(size_t n, size_t w) { return n - w * WORD < WORD ? n - w * WORD : WORD; }

/* Says for each strip whether its lanes are all values. */
static void find_plain(feat_vector *v, size_t n) {
    v->plain = 0;
    for (size_t first = 0, s = 0; first < FEAT_LANES; first += FEAT_STRIP_LANES, s++) {
        uint64_t any = 0;
        for (size_t i = first; i < first + FEAT_STRIP_LANES && i < n; i += WORD)
            any |= v->null[i / WORD] | v->error[i / WORD];
        if (any == 0) v->plain |= UINT32_C(1) << s;
    }
}

static void all_values(feat_vector *v) { v->plain = UINT32_MAX; }

static bool is_plain(const feat_vector *v, size_t lane) { return v->plain >> lane / FEAT_STRIP_LANES & 1; }

/* The lanes of word `w` that are no values. */
static uint64_t missing(const feat_vector *v, size_t w) { return is_plain(v, w * WORD) ? 0 : v->null[w] | v->error[w]; }

static uint8_t state_of(const feat_vector *v, size_t lane) {
    if (is_plain(v, lane)) return FEAT_STATE_VALUE;
    if (v->error[lane / WORD] >> lane % WORD & 1) return FEAT_STATE_ERROR;
    return v->null[lane / WORD] >> lane % WORD & 1 ? FEAT_STATE_NULL : FEAT_STATE_VALUE;
}

/* ---- columns into registers ---- */

/* One loop for both ways to pick rows; ROW(i) is the row of lane i. */
#define LOAD_AS(from_type, to_type)                                                                                    \
    {                                                                                                                  \
        const from_type *from = column->values;                                                                        \
        to_type *to = v->own;                                                                                          \
        for (size_t i = 0; i < n; i++) to[i] = (to_type)from[ROW(i)];                                                  \
    }                                                                                                                  \
    break

#define LOAD_LANES                                                                                                     \
    switch (FEAT_TYPE_BASE(column->type)) {                                                                            \
    case FEAT_TYPE_BOOLEAN:                                                                                            \
        for (size_t i = 0; i < n; i++) ((uint8_t *)v->own)[i] = feat_bit_get(column->values, ROW(i));                  \
        break;                                                                                                         \
    case FEAT_TYPE_TINYINT: LOAD_AS(int8_t, int64_t);                                                                  \
    case FEAT_TYPE_SMALLINT: LOAD_AS(int16_t, int64_t);                                                                \
    case FEAT_TYPE_INTEGER:                                                                                            \
    case FEAT_TYPE_DATE: LOAD_AS(int32_t, int64_t);                                                                    \
    case FEAT_TYPE_UTINYINT: LOAD_AS(uint8_t, int64_t);                                                                \
    case FEAT_TYPE_USMALLINT: LOAD_AS(uint16_t, int64_t);                                                              \
    case FEAT_TYPE_UINTEGER: LOAD_AS(uint32_t, int64_t);                                                               \
    case FEAT_TYPE_BIGINT:                                                                                             \
    case FEAT_TYPE_TIMESTAMP: LOAD_AS(int64_t, int64_t);                                                               \
    case FEAT_TYPE_UBIGINT: LOAD_AS(uint64_t, feat_int128);                                                            \
    case FEAT_TYPE_DECIMAL: LOAD_AS(feat_int128, feat_int128);                                                         \
    case FEAT_TYPE_INTERVAL: LOAD_AS(feat_interval, feat_interval);                                                    \
    case FEAT_TYPE_REAL: LOAD_AS(float, double);                                                                       \
    case FEAT_TYPE_DOUBLE: LOAD_AS(double, double);                                                                    \
    default: {                                                                                                         \
        const char *bytes = column->values ? column->values : ""; /* all values may be empty */                        \
        feat_text *to = v->own;                                                                                        \
        for (size_t i = 0; i < n; i++) {                                                                               \
            int64_t from = column->offsets[ROW(i)], end = column->offsets[ROW(i) + 1];                                 \
            to[i] = (feat_text){bytes + from, (size_t)(end - from)};                                                   \
        }                                                                                                              \
    }                                                                                                                  \
    }

static bool has_nulls(const feat_column *column) { return column->null_count != 0 && column->validity; }

/* Whether the column's values are what a register of its class holds. */
static bool same_layout(feat_type type) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP:
    case FEAT_TYPE_DOUBLE:
    case FEAT_TYPE_DECIMAL:
    case FEAT_TYPE_INTERVAL: return true;
    }
    return false;
}

/* Kernels read whole blocks from aligned addresses: where a column has such lanes they are read in place, which saves
 * as much as an operation costs. */
static bool borrow(feat_vector *v, const feat_column *column, size_t start, size_t n) {
    if (!same_layout(column->type) || n % FEAT_BLOCK_LANES != 0) return false;
    const char *lanes = (const char *)column->values + start * feat_class_size(v->class);
    if ((uintptr_t)lanes % 64 != 0) return false;
    v->values = lanes;
    return true;
}

void feat_vector_load(feat_vector *v, const feat_column *column, size_t start, size_t n) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    v->values = v->own;
    all_values(v);
    if (n == 0) return; /* an empty column may have no buffers */
    if (!borrow(v, column, start, n)) {
#define ROW(i) (start + (i))
        LOAD_LANES
#undef ROW
    }
    if (!has_nulls(column)) return;
    for (size_t w = 0; w < words_of(n); w++) {
        size_t lanes = lanes_of_word(n, w);
        uint64_t used = lanes == WORD ? UINT64_MAX : (UINT64_C(1) << lanes) - 1;
        v->null[w] = ~feat_bits_word(column->validity, start + w * WORD, lanes) & used;
        v->error[w] = 0;
    }
    find_plain(v, n);
}

void feat_vector_gather(feat_vector *v, const feat_column *column, const uint32_t *rows, size_t n) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    v->values = v->own;
    all_values(v);
    if (n == 0) return;
#define ROW(i) ((size_t)rows[i])
    LOAD_LANES
#undef ROW
    if (!has_nulls(column)) return;
    for (size_t w = 0; w < words_of(n); w++) {
        uint64_t null = 0;
        for (size_t i = 0; i < lanes_of_word(n, w); i++)
            null |= (uint64_t)!feat_bit_get(column->validity, rows[w * WORD + i]) << i;
        v->null[w] = null;
        v->error[w] = 0;
    }
    find_plain(v, n);
}

/* ---- cells and numbers into registers ---- */

/* `stride` in bytes. */
static void put_states(feat_vector *v, const uint8_t *states, size_t stride, size_t n) {
    for (size_t w = 0; w < words_of(n); w++) {
        uint64_t null = 0, error = 0;
        for (size_t i = 0; i < lanes_of_word(n, w); i++) {
            uint8_t state = states[(w * WORD + i) * stride];
            null |= (uint64_t)(state == FEAT_STATE_NULL) << i;
            error |= (uint64_t)(state == FEAT_STATE_ERROR) << i;
        }
        v->null[w] = null;
        v->error[w] = error;
    }
    find_plain(v, n);
}

#define PUT_CELLS(CLASS, type, member)                                                                                 \
    case FEAT_CLASS_##CLASS:                                                                                           \
        for (size_t i = 0; i < n; i++) {                                                                               \
            feat_cell cell = feat_cell_canonical(cells[i * stride], FEAT_CLASS_##CLASS);                               \
            ((type *)v->own)[i] = cell.v.member;                                                                       \
        }                                                                                                              \
        break

void feat_vector_put_cells(feat_vector *v, const feat_cell *cells, size_t stride, size_t n) {
    assert(n <= FEAT_LANES);
    v->values = v->own;
    switch (v->class) {
        PUT_CELLS(B, uint8_t, b);
        PUT_CELLS(I, int64_t, i);
        PUT_CELLS(F, double, f);
        PUT_CELLS(T, feat_text, t);
        PUT_CELLS(W, feat_int128, w);
        PUT_CELLS(V, feat_interval, p);
    case FEAT_CLASS_N: break;
    }
    put_states(v, &cells->state, stride * sizeof *cells, n);
}

void feat_vector_put_lanes(feat_vector *v, const void *values, const uint8_t *states, size_t n) {
    assert(n <= FEAT_LANES);
    v->values = v->own;
    if (n > 0) memcpy(v->own, values, n * feat_class_size(v->class));
    put_states(v, states, 1, n);
}

void feat_vector_put_ints(feat_vector *v, const int64_t *values, size_t n) {
    assert(n <= FEAT_LANES && v->class == FEAT_CLASS_I);
    v->values = v->own;
    if (n > 0) memcpy(v->own, values, n * sizeof *values);
    all_values(v);
}

/* ---- out of registers ---- */

const void *feat_vector_values(const feat_vector *v) { return v->values; }

void feat_vector_states(const feat_vector *v, size_t n, uint8_t *states) {
    assert(n <= FEAT_LANES);
    for (size_t w = 0; w < words_of(n); w++) {
        size_t lanes = lanes_of_word(n, w);
        if (missing(v, w) == 0) memset(states + w * WORD, FEAT_STATE_VALUE, lanes);
        else
            for (size_t i = 0; i < lanes; i++) states[w * WORD + i] = state_of(v, w * WORD + i);
    }
}

feat_cell feat_vector_cell(const feat_vector *v, size_t lane) {
    feat_cell cell = feat_cell_of_state(state_of(v, lane));
    switch (v->class) {
    case FEAT_CLASS_B: cell.v.b = ((const uint8_t *)v->values)[lane]; break;
    case FEAT_CLASS_I: cell.v.i = ((const int64_t *)v->values)[lane]; break;
    case FEAT_CLASS_F: cell.v.f = ((const double *)v->values)[lane]; break;
    case FEAT_CLASS_T: cell.v.t = ((const feat_text *)v->values)[lane]; break;
    case FEAT_CLASS_W: cell.v.w = ((const feat_int128 *)v->values)[lane]; break;
    case FEAT_CLASS_V: cell.v.p = ((const feat_interval *)v->values)[lane]; break;
    case FEAT_CLASS_N: break;
    }
    return feat_cell_canonical(cell, v->class);
}

/* The slot of a lane that is no value holds zero. */
#define STORE_AS(from_type, to_type, convert)                                                                          \
    {                                                                                                                  \
        const from_type *from = v->values;                                                                             \
        to_type *to = (to_type *)column->values + column->length;                                                      \
        for (size_t i = 0; i < n; i++) to[i] = convert(from[i]);                                                       \
        const to_type zero = {0};                                                                                      \
        for (size_t w = 0; w < words_of(n); w++)                                                                       \
            for (uint64_t bits = missing(v, w); bits != 0; bits &= bits - 1) {                                         \
                size_t i = w * WORD + (size_t)__builtin_ctzll(bits);                                                   \
                if (i < n) to[i] = zero;                                                                               \
            }                                                                                                          \
    }                                                                                                                  \
    break

#define SAME(x)     (x)
#define NARROWER(x) (float)feat_double_canonical(x)

static int store_texts(const feat_vector *v, size_t n, feat_column *column) {
    const feat_text *from = v->values;
    size_t size = 0;
    for (size_t i = 0; i < n; i++)
        if (state_of(v, i) == FEAT_STATE_VALUE && __builtin_add_overflow(size, from[i].length, &size)) return -1;
    if (feat_column_reserve_text(column, size) != 0) return -1;
    int64_t *offsets = column->offsets + column->length;
    char *bytes = column->values;
    int64_t at = offsets[0];
    for (size_t i = 0; i < n; i++) {
        size_t length = state_of(v, i) == FEAT_STATE_VALUE ? from[i].length : 0;
        if (length > 0) memcpy(bytes + at, from[i].data, length);
        at += (int64_t)length;
        offsets[i + 1] = at;
    }
    return 0;
}

static void store_booleans(const feat_vector *v, size_t n, feat_column *column) {
    const uint8_t *from = v->values;
    for (size_t w = 0; w < words_of(n); w++) {
        size_t lanes = lanes_of_word(n, w);
        uint8_t bits[WORD / 8] = {0};
        for (size_t i = 0; i < lanes; i++) bits[i / 8] |= (uint8_t)(from[w * WORD + i] << i % 8);
        uint64_t absent = missing(v, w);
        for (size_t k = 0; k < WORD / 8; k++) bits[k] &= (uint8_t) ~(absent >> (8 * k));
        feat_bits_copy(column->values, column->length + w * WORD, bits, 0, lanes);
    }
}

static void store_doubles(const feat_vector *v, size_t n, feat_column *column) {
    double *to = (double *)column->values + column->length;
    switch (feat_level_best()) {
    case FEAT_LEVEL_AVX512: feat_copy_canonical_avx512(to, v->values, n); break;
    case FEAT_LEVEL_AVX2: feat_copy_canonical_avx2(to, v->values, n); break;
    default: feat_copy_canonical_baseline(to, v->values, n);
    }
    for (size_t w = 0; w < words_of(n); w++)
        for (uint64_t bits = missing(v, w); bits != 0; bits &= bits - 1) {
            size_t i = w * WORD + (size_t)__builtin_ctzll(bits);
            if (i < n) to[i] = 0.0;
        }
}

int feat_vector_store(const feat_vector *v, size_t n, feat_column *column) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    if (n == 0) return 0;
    if (feat_column_reserve(column, n) != 0) return -1;
    switch (FEAT_TYPE_BASE(column->type)) {
    case FEAT_TYPE_BOOLEAN: store_booleans(v, n, column); break;
    case FEAT_TYPE_TINYINT: STORE_AS(int64_t, int8_t, (int8_t));
    case FEAT_TYPE_SMALLINT: STORE_AS(int64_t, int16_t, (int16_t));
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_DATE: STORE_AS(int64_t, int32_t, (int32_t));
    case FEAT_TYPE_UTINYINT: STORE_AS(int64_t, uint8_t, (uint8_t));
    case FEAT_TYPE_USMALLINT: STORE_AS(int64_t, uint16_t, (uint16_t));
    case FEAT_TYPE_UINTEGER: STORE_AS(int64_t, uint32_t, (uint32_t));
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_TIMESTAMP: STORE_AS(int64_t, int64_t, SAME);
    case FEAT_TYPE_UBIGINT: STORE_AS(feat_int128, uint64_t, (uint64_t));
    case FEAT_TYPE_DECIMAL: STORE_AS(feat_int128, feat_int128, SAME);
    case FEAT_TYPE_INTERVAL: STORE_AS(feat_interval, feat_interval, SAME);
    case FEAT_TYPE_REAL: STORE_AS(double, float, NARROWER);
    case FEAT_TYPE_DOUBLE: store_doubles(v, n, column); break;
    default:
        if (store_texts(v, n, column) != 0) return -1;
    }
    uint8_t validity[FEAT_LANES / 8];
    uint64_t any = 0;
    for (size_t w = 0; w < words_of(n); w++) {
        uint64_t absent = missing(v, w);
        any |= absent;
        for (size_t k = 0; k < WORD / 8; k++) validity[w * (WORD / 8) + k] = (uint8_t) ~(absent >> (8 * k));
    }
    return feat_column_commit(column, n, any ? validity : NULL, 0);
}
