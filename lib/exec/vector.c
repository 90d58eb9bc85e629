/* The machine over vectors: one kernel for each row of op.def, a loop over lanes around the same body that the row
 * machine runs. */
#include <assert.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "exec/body.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "math/number.h"

struct feat_machine {
    const feat_code *code;
    feat_vector *registers;
    void *memory; /* of all registers */
};

/* ---- kernels ---- */

/* Registers hold FEAT_LANES initialised lanes whatever n is, so loops that cannot harm run in whole blocks: with a
 * constant number of turns they become vector code at -O2 too. A TEXT lane past n may point to memory that is gone, so
 * text stops at n. */
#define LANE_BLOCK 64
#define IN_BLOCKS(n, statement)                                                                                        \
    for (size_t block = 0; block < (n); block += LANE_BLOCK)                                                           \
        for (size_t lane = 0; lane < LANE_BLOCK; lane++) {                                                             \
            size_t i = block + lane;                                                                                   \
            statement;                                                                                                 \
        }
#define IN_LANES(n, statement)                                                                                         \
    for (size_t i = 0; i < (n); i++) {                                                                                 \
        statement;                                                                                                     \
    }
#define LANES_OF_B IN_BLOCKS
#define LANES_OF_I IN_BLOCKS
#define LANES_OF_F IN_BLOCKS
#define LANES_OF_T IN_LANES

static inline void *aligned(void *values) { return __builtin_assume_aligned(values, 64); }

/* The state of a strict operation is the greatest of its arguments'. (Loops are functions of their own because
 * compilers trust `restrict` only in parameters.) */
static void greatest_states(uint8_t *restrict to, const uint8_t *restrict x, const uint8_t *restrict y, size_t n) {
    IN_BLOCKS(n, to[i] = x[i] > y[i] ? x[i] : y[i])
}

static void combine_states(feat_vector *out, const feat_vector *a, const feat_vector *b, size_t n) {
    out->plain = a->plain && b->plain;
    if (out->plain) return;
    greatest_states(aligned(out->state), aligned((a->plain ? b : a)->state), aligned((b->plain ? a : b)->state), n);
}

/* What a body of shape CHECK said of its values counts only where the arguments are values. */
static void states_unless_checked(uint8_t *restrict to, const uint8_t *restrict x, const uint8_t *restrict y,
                                  size_t n) {
    IN_BLOCKS(n, uint8_t strict = x[i] > y[i] ? x[i] : y[i]; to[i] = strict ? strict : to[i])
}

static bool all_values(const uint8_t *state, size_t n) {
    uint64_t any = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= n; i += sizeof word) {
        memcpy(&word, state + i, sizeof word);
        any |= word;
    }
    for (; i < n; i++) any |= state[i];
    return any == FEAT_STATE_VALUE;
}

static void merge_checked(feat_vector *out, const feat_vector *a, const feat_vector *b, size_t n) {
    if (!a->plain || !b->plain)
        states_unless_checked(aligned(out->state), aligned((a->plain ? b : a)->state),
                              aligned((b->plain ? a : b)->state), n);
    out->plain = all_values(out->state, n);
}

#define KERNEL_HEAD(id)                                                                                                \
    static void run_##id(feat_vector *out, const feat_vector *a, const feat_vector *b, const feat_vector *c, size_t n)

#define KERNEL_PURE1(id, OUT, A, B, C, body)                                                                           \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, const FEAT_CTYPE_##A *restrict x,                            \
                           size_t n){LANES_OF_##A(n, to[i] = feat_body_##body(x[i]))} KERNEL_HEAD(id) {                \
        (void)b, (void)c;                                                                                              \
        lanes_##id(aligned(out->values), aligned(a->values), n);                                                       \
        combine_states(out, a, a, n);                                                                                  \
    }

#define KERNEL_PURE2(id, OUT, A, B, C, body)                                                                           \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, const FEAT_CTYPE_##A *restrict x,                            \
                           const FEAT_CTYPE_##B *restrict y,                                                           \
                           size_t n){LANES_OF_##A(n, to[i] = feat_body_##body(x[i], y[i]))} KERNEL_HEAD(id) {          \
        (void)c;                                                                                                       \
        lanes_##id(aligned(out->values), aligned(a->values), aligned(b->values), n);                                   \
        combine_states(out, a, b, n);                                                                                  \
    }

#define KERNEL_CHECK1(id, OUT, A, B, C, body)                                                                          \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, uint8_t *restrict state, const FEAT_CTYPE_##A *restrict x,   \
                           size_t n) {                                                                                 \
        IN_LANES(n, uint8_t s = FEAT_STATE_VALUE; to[i] = feat_body_##body(x[i], &s); state[i] = s)                    \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        (void)b, (void)c;                                                                                              \
        lanes_##id(aligned(out->values), aligned(out->state), aligned(a->values), n);                                  \
        merge_checked(out, a, a, n);                                                                                   \
    }

#define KERNEL_CHECK2(id, OUT, A, B, C, body)                                                                          \
    static void lanes_##id(FEAT_CTYPE_##OUT *restrict to, uint8_t *restrict state, const FEAT_CTYPE_##A *restrict x,   \
                           const FEAT_CTYPE_##B *restrict y, size_t n) {                                               \
        IN_LANES(n, uint8_t s = FEAT_STATE_VALUE; to[i] = feat_body_##body(x[i], y[i], &s); state[i] = s)              \
    }                                                                                                                  \
    KERNEL_HEAD(id) {                                                                                                  \
        (void)c;                                                                                                       \
        lanes_##id(aligned(out->values), aligned(out->state), aligned(a->values), aligned(b->values), n);              \
        merge_checked(out, a, b, n);                                                                                   \
    }

#define LOAD_CELL(cell, from, CLASS, state_of_lane)                                                                    \
    feat_cell cell;                                                                                                    \
    cell.v.FEAT_MEMBER_##CLASS = ((const FEAT_CTYPE_##CLASS *)aligned(from->values))[i];                               \
    cell.state = state_of_lane

#define CELL_LOOP(OUT, loads, call)                                                                                    \
    for (size_t i = 0; i < n; i++) {                                                                                   \
        loads;                                                                                                         \
        feat_cell result;                                                                                              \
        call;                                                                                                          \
        to[i] = result.v.FEAT_MEMBER_##OUT;                                                                            \
        state[i] = result.state;                                                                                       \
        any |= result.state;                                                                                           \
    }

#define STATE_PLAIN(from) FEAT_STATE_VALUE
#define STATE_ANY(from)   (from->plain ? FEAT_STATE_VALUE : from->state[i])

#define LOADS1(A, B, C, S) LOAD_CELL(x, a, A, S(a))
#define LOADS2(A, B, C, S)                                                                                             \
    LOAD_CELL(x, a, A, S(a));                                                                                          \
    LOAD_CELL(y, b, B, S(b))
#define LOADS3(A, B, C, S)                                                                                             \
    LOADS2(A, B, C, S);                                                                                                \
    LOAD_CELL(z, c, C, S(c))

/* Two loops: where all arguments are values, the compiler drops what a body does for the other states. */
#define KERNEL_CELL(id, OUT, A, B, C, all_plain, LOADS, call)                                                          \
    KERNEL_HEAD(id) {                                                                                                  \
        (void)b, (void)c;                                                                                              \
        FEAT_CTYPE_##OUT *to = aligned(out->values);                                                                   \
        uint8_t *state = aligned(out->state);                                                                          \
        uint8_t any = 0;                                                                                               \
        if (all_plain) CELL_LOOP(OUT, LOADS(A, B, C, STATE_PLAIN), call)                                               \
        else CELL_LOOP(OUT, LOADS(A, B, C, STATE_ANY), call)                                                           \
        out->plain = any == FEAT_STATE_VALUE;                                                                          \
    }

#define KERNEL_CELL1(id, OUT, A, B, C, body)                                                                           \
    KERNEL_CELL(id, OUT, A, B, C, a->plain, LOADS1, feat_body_##body(&result, &x))
#define KERNEL_CELL2(id, OUT, A, B, C, body)                                                                           \
    KERNEL_CELL(id, OUT, A, B, C, a->plain && b->plain, LOADS2, feat_body_##body(&result, &x, &y))
#define KERNEL_CELL3(id, OUT, A, B, C, body)                                                                           \
    KERNEL_CELL(id, OUT, A, B, C, a->plain && b->plain && c->plain, LOADS3, feat_body_##body(&result, &x, &y, &z))

typedef void kernel(feat_vector *out, const feat_vector *a, const feat_vector *b, const feat_vector *c, size_t n);

#define FEAT_OP(id, sql, shape, OUT, A, B, C, rev, body, nulls, errors, text, example, result)                         \
    KERNEL_##shape(id, OUT, A, B, C, body)
#include "plan/op.def"
#undef FEAT_OP

static kernel *const kernels[FEAT_OP_COUNT] = {
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result) run_##id,
#include "plan/op.def"
#undef FEAT_OP
};

/* ---- the machine ---- */

static void fill_constant(feat_vector *v, const feat_constant *constant) {
    if (constant->is_null) {
        memset(v->state, FEAT_STATE_NULL, FEAT_LANES);
        v->plain = false;
        return;
    }
    for (size_t i = 0; i < FEAT_LANES; i++) {
        switch (v->class) {
        case FEAT_CLASS_B: ((uint8_t *)v->values)[i] = constant->v.i != 0; break;
        case FEAT_CLASS_I: ((int64_t *)v->values)[i] = constant->v.i; break;
        case FEAT_CLASS_F: ((double *)v->values)[i] = constant->v.f; break;
        case FEAT_CLASS_T: ((feat_text *)v->values)[i] = constant->v.t; break;
        case FEAT_CLASS_N: break;
        }
    }
}

feat_status feat_machine_new(const feat_code *code, feat_machine **machine, feat_error *err) {
    size_t size = 0;
    for (size_t i = 0; i < code->n_regs; i++) {
        /* Both products are multiples of 64, so every array is aligned like the first. */
        if (__builtin_add_overflow(size, FEAT_LANES * (feat_class_size(code->regs[i]) + 1), &size))
            return feat_fail_memory(err);
    }
    feat_machine *m = feat_alloc_zero(1, sizeof *m);
    feat_vector *registers = feat_alloc_zero(code->n_regs, sizeof *registers);
    unsigned char *memory = feat_alloc_aligned(size);
    if (!m || !registers || !memory) {
        feat_free(m);
        feat_free(registers);
        feat_free(memory);
        return feat_fail_memory(err);
    }
    memset(memory, 0, size);
    *m = (feat_machine){.code = code, .registers = registers, .memory = memory};
    for (size_t i = 0; i < code->n_regs; i++) {
        registers[i] = (feat_vector){.class = code->regs[i], .values = memory, .plain = true};
        memory += FEAT_LANES * feat_class_size(code->regs[i]);
        registers[i].state = memory;
        memory += FEAT_LANES;
    }
    for (size_t i = 0; i < code->n_constants; i++)
        fill_constant(&registers[code->constants[i].reg], &code->constants[i]);
    *machine = m;
    return FEAT_OK;
}

void feat_machine_free(feat_machine *machine) {
    if (!machine) return;
    feat_free(machine->registers);
    feat_free(machine->memory);
    feat_free(machine);
}

feat_vector *feat_machine_register(feat_machine *machine, uint32_t reg) {
    assert(reg < machine->code->n_regs);
    return &machine->registers[reg];
}

/* An operation with fewer arguments leaves the numbers of the others open: its kernel does not look at them. */
static const feat_vector *argument(const feat_machine *machine, uint32_t reg) {
    return &machine->registers[reg < machine->code->n_regs ? reg : 0];
}

void feat_machine_run(feat_machine *machine, size_t n) {
    assert(n <= FEAT_LANES);
    const feat_code *code = machine->code;
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *step = &code->steps[i];
        assert(step->op < FEAT_OP_COUNT && step->out < code->n_regs);
        kernels[step->op](&machine->registers[step->out], argument(machine, step->a), argument(machine, step->b),
                          argument(machine, step->c), n);
    }
}

/* ---- in and out ---- */

/* One loop for both ways to pick rows; ROW(i) is the row of lane i. */
#define LOAD_LANES(ROW)                                                                                                \
    switch (column->type) {                                                                                            \
    case FEAT_TYPE_BOOLEAN:                                                                                            \
        for (size_t i = 0; i < n; i++) ((uint8_t *)v->values)[i] = feat_bit_get(column->values, ROW(i));               \
        break;                                                                                                         \
    case FEAT_TYPE_DATE:                                                                                               \
        for (size_t i = 0; i < n; i++) ((int64_t *)v->values)[i] = ((const int32_t *)column->values)[ROW(i)];          \
        break;                                                                                                         \
    case FEAT_TYPE_BIGINT:                                                                                             \
    case FEAT_TYPE_TIMESTAMP:                                                                                          \
        for (size_t i = 0; i < n; i++) ((int64_t *)v->values)[i] = ((const int64_t *)column->values)[ROW(i)];          \
        break;                                                                                                         \
    case FEAT_TYPE_DOUBLE:                                                                                             \
        for (size_t i = 0; i < n; i++) ((double *)v->values)[i] = ((const double *)column->values)[ROW(i)];            \
        break;                                                                                                         \
    case FEAT_TYPE_TEXT: {                                                                                             \
        const char *bytes = column->values ? column->values : ""; /* all texts may be empty */                         \
        for (size_t i = 0; i < n; i++) {                                                                               \
            int64_t from = column->offsets[ROW(i)], to = column->offsets[ROW(i) + 1];                                  \
            ((feat_text *)v->values)[i] = (feat_text){bytes + from, (size_t)(to - from)};                              \
        }                                                                                                              \
        break;                                                                                                         \
    }                                                                                                                  \
    }                                                                                                                  \
    v->plain = true;                                                                                                   \
    if (column->null_count != 0 && column->validity) {                                                                 \
        for (size_t i = 0; i < n; i++)                                                                                 \
            v->state[i] = feat_bit_get(column->validity, ROW(i)) ? FEAT_STATE_VALUE : FEAT_STATE_NULL;                 \
        v->plain = all_values(v->state, n);                                                                            \
    }

void feat_vector_load(feat_vector *v, const feat_column *column, size_t start, size_t n) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    if (n == 0) return; /* an empty column may have no buffers */
#define ROW(i) (start + (i))
    LOAD_LANES(ROW)
#undef ROW
}

void feat_vector_gather(feat_vector *v, const feat_column *column, const uint32_t *rows, size_t n) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    if (n == 0) return;
#define ROW(i) ((size_t)rows[i])
    LOAD_LANES(ROW)
#undef ROW
}

feat_cell feat_vector_cell(const feat_vector *v, size_t lane) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    cell.state = v->plain ? FEAT_STATE_VALUE : v->state[lane];
    switch (v->class) {
    case FEAT_CLASS_B: cell.v.b = ((const uint8_t *)v->values)[lane]; break;
    case FEAT_CLASS_I: cell.v.i = ((const int64_t *)v->values)[lane]; break;
    case FEAT_CLASS_F: cell.v.f = ((const double *)v->values)[lane]; break;
    case FEAT_CLASS_T: cell.v.t = ((const feat_text *)v->values)[lane]; break;
    case FEAT_CLASS_N: break;
    }
    return feat_cell_canonical(cell, v->class);
}

static int append_cell(feat_column *column, feat_class class, const feat_cell *cell) {
    if (cell->state != FEAT_STATE_VALUE) return feat_column_append_null(column);
    switch (class) {
    case FEAT_CLASS_B: return feat_column_append_int(column, cell->v.b);
    case FEAT_CLASS_I: return feat_column_append_int(column, cell->v.i);
    case FEAT_CLASS_F: return feat_column_append_double(column, cell->v.f);
    case FEAT_CLASS_T: return feat_column_append_text(column, cell->v.t.data, cell->v.t.length);
    case FEAT_CLASS_N: break;
    }
    return feat_column_append_null(column);
}

int feat_vector_store(const feat_vector *v, size_t n, feat_column *column) {
    assert(n <= FEAT_LANES && v->class == feat_class_of(column->type));
    if (feat_column_reserve(column, n) != 0) return -1;
    for (size_t i = 0; i < n; i++) {
        feat_cell cell = feat_vector_cell(v, i);
        if (append_cell(column, v->class, &cell) != 0) return -1;
    }
    return 0;
}
