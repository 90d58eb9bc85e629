/* What one operation costs: for each row of op.def, over the arguments that it has in its example, the nanoseconds of
 * the machine of one row, of a lane of the plain kernel and of a lane of this processor's kernel. The three must agree
 * on the result, and nothing may be allocated while it is timed. A line each, tab-separated. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fpenv.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/kernel.h"
#include "math/number.h"
#include "plan/bind.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *id, const char *what) {
    fprintf(stderr, "%s: %s\n", id, what);
    exit(EXIT_FAILURE);
}

/* ---- the arguments of an operator in its example ---- */

static feat_status bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node) {
    (void)node;
    return feat_bind_fail(b, expr->offset, "an example has no columns");
}

static feat_status bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node) {
    (void)b, (void)expr, (void)handled, (void)node;
    return FEAT_OK;
}

/* Lowered without folding, so that the operators are there. */
static feat_status bind(feat_arena *arena, const char *example, feat_stage *stage, feat_error *err) {
    feat_ast_script *script;
    char *sql = feat_arena_printf(arena, "EXPLAIN SELECT %s", example);
    FEAT_TRY(feat_sql_parse(arena, sql, strlen(sql), &script, err));
    feat_source source = {sql, strlen(sql)};
    feat_binder b = {.arena = arena, .source = &source, .err = err, .column = bind_column, .call = bind_call};
    uint32_t node;
    b.build.pool = &stage->pool;
    FEAT_TRY(feat_bind_expr(&b, script->statements[0]->select->items[0].expr, &node));
    return feat_lower_stage(arena, stage, &node, 1, NULL, err);
}

/* ---- one operation ---- */

typedef struct operation {
    feat_code code;
    feat_step step;
    feat_class regs[4];
    uint32_t output;
} operation;

static void operation_of(operation *o, feat_op op) {
    const feat_op_info *info = &feat_op_table[op];
    *o = (operation){.step = {.op = (uint16_t)op, .out = 3, .a = 0, .b = 1, .c = 2}, .output = 3};
    for (int k = 0; k < 3; k++) o->regs[k] = info->arg[k] == FEAT_CLASS_N ? FEAT_CLASS_B : info->arg[k];
    o->regs[3] = info->out;
    o->code = (feat_code){
        .regs = o->regs, .n_regs = 4, .steps = &o->step, .n_steps = 1, .outputs = &o->output, .n_outputs = 1};
}

static bool same_bits(const feat_cell *a, const feat_cell *b, feat_class class) {
    if (a->state != b->state || a->state != FEAT_STATE_VALUE) return a->state == b->state;
    if (class == FEAT_CLASS_T)
        return a->v.t.length == b->v.t.length &&
               (a->v.t.length == 0 || memcmp(a->v.t.data, b->v.t.data, a->v.t.length) == 0);
    feat_cell x = feat_cell_of_state(FEAT_STATE_VALUE), y = x;
    switch (class) {
    case FEAT_CLASS_B: x.v.b = a->v.b, y.v.b = b->v.b; break;
    case FEAT_CLASS_W: x.v.w = a->v.w, y.v.w = b->v.w; break;
    case FEAT_CLASS_V: x.v.p = a->v.p, y.v.p = b->v.p; break;
    default: x.v.i = a->v.i, y.v.i = b->v.i; break;
    }
    return memcmp(&x.v, &y.v, sizeof x.v) == 0;
}

static double row_cost(operation *o, const feat_cell *args, feat_scratch *scratch, feat_cell *result) {
    feat_cell cells[4];
    double best = 1e9;
    feat_row_init(&o->code, cells);
    for (int k = 0; k < 3; k++) cells[k] = args[k];
    for (int round = 0; round < 5; round++) {
        size_t n = 2000;
        double started = seconds();
        for (size_t i = 0; i < n; i++) {
            feat_scratch_reset(scratch);
            feat_row_run(&o->code, cells, scratch);
        }
        double one = (seconds() - started) / (double)n;
        if (one < best) best = one;
    }
    *result = cells[3];
    return best * 1e9;
}

static double lane_cost(operation *o, const feat_cell *args, feat_level level, const char *id,
                        const feat_cell *expected) {
    feat_machine *machine;
    double best = 1e9;
    if (feat_machine_new_level(&o->code, level, &machine, NULL) != FEAT_OK) fail(id, "memory");
    for (uint32_t k = 0; k < 3; k++) feat_vector_put_cells(feat_machine_register(machine, k), &args[k], 0, FEAT_LANES);
    for (int round = 0; round < 20; round++) {
        double started = seconds();
        if (feat_machine_run(machine, FEAT_LANES, NULL) != FEAT_OK) fail(id, "memory");
        double one = (seconds() - started) / FEAT_LANES;
        if (one < best) best = one;
    }
    feat_cell cell = feat_vector_cell(feat_machine_register(machine, 3), FEAT_LANES - 1);
    if (!same_bits(&cell, expected, feat_op_table[o->step.op].out)) fail(id, "rows and vectors differ");
    feat_machine_free(machine);
    return best * 1e9;
}

static feat_cell plain_value(feat_class class) {
    feat_cell cell = feat_cell_of_state(FEAT_STATE_VALUE);
    switch (class) {
    case FEAT_CLASS_B: cell.v.b = 1; break;
    case FEAT_CLASS_I: cell.v.i = 3; break;
    case FEAT_CLASS_F: cell.v.f = 1.5; break;
    case FEAT_CLASS_T: cell.v.t = (feat_text){"abc", 3}; break;
    case FEAT_CLASS_W: cell.v.w = 3; break;
    case FEAT_CLASS_V: cell.v.p = (feat_interval){0, 1, 0}; break;
    case FEAT_CLASS_N: break;
    }
    return cell;
}

static void bench(feat_op op, const char *example) {
    const feat_op_info *info = &feat_op_table[op];
    feat_arena arena;
    feat_error err = {0};
    feat_stage stage = {0};
    feat_scratch scratch, of_example;
    feat_arena_init(&arena);
    feat_scratch_init(&scratch);
    feat_scratch_init(&of_example);
    feat_pool_init(&stage.pool, &arena);
    if (bind(&arena, example, &stage, &err) != FEAT_OK) fail(info->id, err.message);
    const feat_code *code = stage.code;
    feat_cell *cells = calloc(code->n_regs, sizeof *cells), args[3] = {0}, result;
    if (!cells) fail(info->id, "memory");
    feat_row_init(code, cells);
    for (size_t i = 0; i < code->n_loads; i++) cells[code->loads[i].reg] = feat_cell_of_int(0); /* now() */
    size_t at = 0;
    while (at < code->n_steps && code->steps[at].op != op) at++;
    if (at == code->n_steps) {                       /* of constants it is folded even so */
        if (strcmp(info->sql, "as") == 0) goto done; /* a change of type alone: no step of a program */
        for (int k = 0; k < 3; k++) args[k] = plain_value(info->arg[k]);
    } else {
        const feat_step *step = &code->steps[at];
        const uint32_t regs[3] = {step->a, step->b, step->c};
        feat_row_run_steps(code, cells, &of_example, 0, at);
        for (int k = 0; k < 3; k++) args[k] = k < info->n_args ? cells[regs[k]] : feat_cell_of_state(FEAT_STATE_VALUE);
    }
    operation o;
    operation_of(&o, op);
    row_cost(&o, args, &scratch, &result); /* the scratch grows to its size */
    const char *grown = scratch.end;
    double row = row_cost(&o, args, &scratch, &result);
    if (scratch.end != grown) fail(info->id, "a row allocates");
    double plain = lane_cost(&o, args, FEAT_LEVEL_BASELINE, info->id, &result),
           best = lane_cost(&o, args, feat_level_best(), info->id, &result);
    printf("%s\t%s\t%.1f\t%.2f\t%.2f\n", info->id, info->sql, row, plain, best);
done:
    free(cells);
    feat_scratch_done(&scratch);
    feat_scratch_done(&of_example);
    feat_arena_done(&arena);
}

int main(void) {
    static const char *const examples[FEAT_OP_COUNT] = {
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result) example,
#include "plan/op.def"
#undef FEAT_OP
    };
    feat_fpenv environment;
    feat_fpenv_enter(&environment);
    for (int op = 0; op < FEAT_OP_COUNT; op++) bench((feat_op)op, examples[op]);
    feat_fpenv_leave(&environment);
    return 0;
}
