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

/* A strict operation does not look at values unless all of them are there: a cell that is no value may hold anything. */
#define ROW_STRICT1() uint8_t state = a->state
#define ROW_STRICT2() uint8_t state = a->state > b->state ? a->state : b->state

#define ROW_PURE1(OUT, A, B, C, body)                                                                                  \
    ROW_STRICT1();                                                                                                     \
    if (state == FEAT_STATE_VALUE) out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A);                  \
    out->state = state

#define ROW_PURE2(OUT, A, B, C, body)                                                                                  \
    ROW_STRICT2();                                                                                                     \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B);                       \
    out->state = state

#define ROW_CHECK1(OUT, A, B, C, body)                                                                                 \
    ROW_STRICT1();                                                                                                     \
    if (state == FEAT_STATE_VALUE) out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, &state);          \
    out->state = state

#define ROW_CHECK2(OUT, A, B, C, body)                                                                                 \
    ROW_STRICT2();                                                                                                     \
    if (state == FEAT_STATE_VALUE)                                                                                     \
        out->v.FEAT_MEMBER_##OUT = feat_body_##body(a->v.FEAT_MEMBER_##A, b->v.FEAT_MEMBER_##B, &state);               \
    out->state = state

#define ROW_CELL1(OUT, A, B, C, body) feat_body_##body(out, a)
#define ROW_CELL2(OUT, A, B, C, body) feat_body_##body(out, a, b)
#define ROW_CELL3(OUT, A, B, C, body) feat_body_##body(out, a, b, c)

static inline void run_op(feat_op op, feat_cell *out, const feat_cell *a, const feat_cell *b, const feat_cell *c) {
    switch (op) {
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
    feat_cell result;
    memset(&result, 0, sizeof result);
    run_op(op, &result, a, b, c);
    *out = feat_cell_canonical(result, feat_op_table[op].out);
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

/* An operation with fewer arguments leaves the numbers of the others open: any cell will do for them. */
static inline const feat_cell *argument(const feat_cell *cells, size_t n, uint32_t reg) {
    return &cells[reg < n ? reg : 0];
}

void feat_row_run(const feat_code *code, feat_cell *cells) {
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *step = &code->steps[i];
        run_op((feat_op)step->op, &cells[step->out], argument(cells, code->n_regs, step->a),
               argument(cells, code->n_regs, step->b), argument(cells, code->n_regs, step->c));
    }
    for (size_t i = 0; i < code->n_outputs; i++) {
        feat_cell *cell = &cells[code->outputs[i]];
        *cell = feat_cell_canonical(*cell, code->regs[code->outputs[i]]);
    }
}
