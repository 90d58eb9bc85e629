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

#define ROW_CELL1(OUT, A, B, C, body)                                                                                  \
    ARG1();                                                                                                            \
    feat_body_##body(out, a)
#define ROW_CELL2(OUT, A, B, C, body)                                                                                  \
    ARG2();                                                                                                            \
    feat_body_##body(out, a, b)
#define ROW_CELL3(OUT, A, B, C, body)                                                                                  \
    ARG3();                                                                                                            \
    feat_body_##body(out, a, b, c)

static inline void run_step(const feat_step *step, feat_cell *cells) {
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

void feat_row_op(feat_op op, feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    const feat_op_info *info = &feat_op_table[op];
    const feat_cell *given[3] = {a, b, c};
    feat_cell cells[4];
    memset(cells, 0, sizeof cells);
    for (int i = 0; i < info->n_args; i++) cells[i] = *given[i];
    const feat_step step = {.op = (uint16_t)op, .out = 3, .a = 0, .b = 1, .c = 2};
    run_step(&step, cells);
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
        case FEAT_CLASS_N: break;
        }
    }
}

void feat_row_run(const feat_code *code, feat_cell *cells) {
    for (size_t i = 0; i < code->n_steps; i++) run_step(&code->steps[i], cells);
    for (size_t i = 0; i < code->n_outputs; i++) {
        feat_cell *cell = &cells[code->outputs[i]];
        *cell = feat_cell_canonical(*cell, code->regs[code->outputs[i]]);
    }
}
