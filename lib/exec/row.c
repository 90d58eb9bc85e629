/* The machine over one row: a switch expanded from op.def. */
#include "exec/body.h"
#include "exec/exec.h"
#include "math/number.h"

feat_cell feat_cell_canonical(feat_cell cell, feat_class class) {
    if (cell.state != FEAT_STATE_VALUE) {
        uint8_t state = cell.state;
        memset(&cell, 0, sizeof cell);
        if (class == FEAT_CLASS_T) cell.v.t = FEAT_ZERO_T;
        cell.state = state;
    } else if (class == FEAT_CLASS_F) {
        cell.v.f = feat_double_canonical(cell.v.f);
    }
    return cell;
}

/* The cells of a step; an operation with fewer arguments leaves the numbers of the others open. */
#define ARG1() const feat_cell *a = &cells[step->a]
#define ARG2()                                                                                                         \
    ARG1();                                                                                                            \
    const feat_cell *b = &cells[step->b]
#define ARG3()                                                                                                         \
    ARG2();                                                                                                            \
    const feat_cell *c = &cells[step->c]

/* A strict operation does not look at values unless all of them are there: a cell that is no value may hold anything.
 */
#define STATE1() uint8_t state = a->state
#define STATE2() uint8_t state = a->state > b->state ? a->state : b->state
#define STATE3()                                                                                                       \
    STATE2();                                                                                                          \
    if (c->state > state) state = c->state

#define ROW_PURE1(OUT, A, B, C, body)                                                                                  \
    ARG1();                                                                                                            \
    STATE1();                                                                                                          \
    if (state == FEAT_STATE_VALUE) out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A);                  \
    out->state = state

#define ROW_PURE2(OUT, A, B, C, body)                                                                                  \
    ARG2();                                                                                                            \
    STATE2();                                                                                                          \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B);                       \
    out->state = state

#define ROW_ARRAY1(OUT, A, B, C, body) ROW_PURE1(OUT, A, B, C, body)
#define ROW_ARRAY2(OUT, A, B, C, body) ROW_PURE2(OUT, A, B, C, body)

#define ROW_CHECK1(OUT, A, B, C, body)                                                                                 \
    ARG1();                                                                                                            \
    STATE1();                                                                                                          \
    if (state == FEAT_STATE_VALUE) out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, &state);          \
    out->state = state

#define ROW_CHECK2(OUT, A, B, C, body)                                                                                 \
    ARG2();                                                                                                            \
    STATE2();                                                                                                          \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, &state);               \
    out->state = state

#define ROW_PURE3(OUT, A, B, C, body)                                                                                  \
    ARG3();                                                                                                            \
    STATE3();                                                                                                          \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, c->v.FEAT_MEMBER_##C); \
    out->state = state

#define ROW_CHECK3(OUT, A, B, C, body)                                                                                 \
    ARG3();                                                                                                            \
    STATE3();                                                                                                          \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT =                                                                                     \
            feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, c->v.FEAT_MEMBER_##C, &state);                \
    out->state = state

/* The bodies of MAKE set their own state; the result of one that is no value is not looked at. */
#define ROW_MAKE(OUT, ...)                                                                                             \
    if (state == FEAT_STATE_VALUE) out->v.FEAT_MEMBER_##OUT = __VA_ARGS__;                                             \
    out->state = state

#define ROW_MAKE1(OUT, A, B, C, body)                                                                                  \
    ARG1();                                                                                                            \
    STATE1();                                                                                                          \
    ROW_MAKE(OUT, feat_body_##body(scratch, a->v.FEAT_MEMBER_##A, &state))
#define ROW_MAKE2(OUT, A, B, C, body)                                                                                  \
    ARG2();                                                                                                            \
    STATE2();                                                                                                          \
    ROW_MAKE(OUT, feat_body_##body(scratch, a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, &state))
#define ROW_MAKE3(OUT, A, B, C, body)                                                                                  \
    ARG3();                                                                                                            \
    STATE3();                                                                                                          \
    ROW_MAKE(OUT, feat_body_##body(scratch, a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, c->v.FEAT_MEMBER_##C, &state))

#define ROW_CELL1(OUT, A, B, C, body)                                                                                  \
    ARG1();                                                                                                            \
    feat_body_##body(out, a)
#define ROW_CELL2(OUT, A, B, C, body)                                                                                  \
    ARG2();                                                                                                            \
    feat_body_##body(out, a, b)
#define ROW_CELL3(OUT, A, B, C, body)                                                                                  \
    ARG3();                                                                                                            \
    feat_body_##body(out, a, b, c)

/* A switch: with a jump of its own behind each operator (computed goto) the 20 operations of bench_expressions.c took
 * 65 ns instead of 63, those of bench_exec.c 45 instead of 46: a tie, since the chain of results through memory is what
 * takes the time. */
static void run_steps(const feat_step *step, const feat_step *end, feat_cell *cells, feat_scratch *scratch) {
    (void)scratch;
    for (; step < end; step++) {
        feat_cell *out = &cells[step->out];
        switch ((feat_op)step->op) {
#define FEAT_OP(id, sql, shape, OUT, A, B, C, rev, body, nulls, errors, text, example, result)                         \
    case FEAT_OP_##id: {                                                                                               \
        ROW_##shape(OUT, A, B, C, body);                                                                               \
        break;                                                                                                         \
    }
#include "plan/op.def"
#undef FEAT_OP
        case FEAT_OP_COUNT: break;
        }
    }
}

void feat_row_op(feat_op op, feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c,
                 feat_scratch *scratch) {
    const feat_op_info *info = &feat_op_table[op];
    const feat_cell *given[3] = {a, b, c};
    feat_cell cells[4];
    memset(cells, 0, sizeof cells);
    for (int i = 0; i < info->n_args; i++) cells[i] = *given[i];
    const feat_step step = {.op = (uint16_t)op, .out = 3, .a = 0, .b = 1, .c = 2};
    run_steps(&step, &step + 1, cells, scratch);
    *out = feat_cell_canonical(cells[3], info->out);
}

void feat_row_init(const feat_code *code, feat_cell *cells) {
    for (size_t i = 0; i < code->n_regs; i++) {
        memset(&cells[i], 0, sizeof cells[i]);
        if (code->regs[i] == FEAT_CLASS_T) cells[i].v.t = FEAT_ZERO_T;
    }
    for (size_t i = 0; i < code->n_constants; i++) {
        const feat_constant *constant = &code->constants[i];
        feat_cell *cell = &cells[constant->reg];
        if (constant->is_null) {
            cell->state = FEAT_STATE_NULL;
            continue;
        }
        switch (code->regs[constant->reg]) {
        case FEAT_CLASS_B: cell->v.b = constant->v.i != 0; break;
        case FEAT_CLASS_I: cell->v.i = constant->v.i; break;
        case FEAT_CLASS_F: cell->v.f = constant->v.f; break;
        case FEAT_CLASS_T: cell->v.t = constant->v.t; break;
        case FEAT_CLASS_W: cell->v.w = constant->v.w; break;
        case FEAT_CLASS_V: cell->v.p = constant->v.p; break;
        case FEAT_CLASS_N: break;
        }
    }
}

void feat_row_run_steps(const feat_code *code, feat_cell *cells, feat_scratch *scratch, size_t from, size_t to) {
    run_steps(code->steps + from, code->steps + to, cells, scratch);
}

void feat_row_run(const feat_code *code, feat_cell *cells, feat_scratch *scratch) {
    run_steps(code->steps, code->steps + code->n_steps, cells, scratch);
    for (size_t i = 0; i < code->n_outputs; i++) {
        feat_cell *cell = &cells[code->outputs[i]];
        feat_class class = code->regs[code->outputs[i]];
        /* A value is not copied as a whole: reading more bytes than were just written makes the processor wait. */
        if (cell->state != FEAT_STATE_VALUE) *cell = feat_cell_canonical(*cell, class);
        else if (class == FEAT_CLASS_F) cell->v.f = feat_double_canonical(cell->v.f);
    }
}
