/* 20 operations over four DOUBLE columns, as expressions.py asks its peers to compute them.
 *
 *     bench_expressions ROWS RUNS INPUT OUTPUT
 *
 * INPUT holds the columns a, b, c, d, ROWS doubles each; the result goes to OUTPUT. Prints a line "name<TAB>seconds"
 * for each run (for the row machine: seconds a row), and the greatest result. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "exec/exec.h"
#include "exec/kernel.h"
#include "plan/registers.h"

static feat_scratch scratch; /* of rows */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* Registers: the columns, the constants, and one for each step. */
enum {
    A,
    B,
    C,
    D,
    K50,
    K10,
    K005,
    K025,
    K05,
    K15,
    K1,
    T0,
    Z,
    T1,
    Y,
    T2,
    T3,
    X,
    P,
    T4,
    T5,
    W1,
    Q,
    T6,
    T7,
    W2,
    T8,
    T9,
    T10,
    T11,
    R,
    N_REGS
};
enum { FIRST_STEP = T0, N_STEPS = N_REGS - FIRST_STEP, N_LOADS = 4, N_CONSTANTS = T0 - K50, NONE = FEAT_NO_NODE };

static const feat_step program[N_STEPS] = {
    {FEAT_OP_SUB_F, T0, A, K50, NONE},  {FEAT_OP_DIV_F, Z, T0, K10, NONE}, /* z = (a - 50) / 10 */
    {FEAT_OP_MUL_F, T1, B, K005, NONE}, {FEAT_OP_ADD_F, Y, T1, Z, NONE},   /* y = b * 0.05 + z */
    {FEAT_OP_SUB_F, T2, D, K025, NONE}, {FEAT_OP_ABS_F, T3, T2, NONE, NONE},
    {FEAT_OP_DIV_F, X, T3, C, NONE}, /* x = abs(d - 0.25) / c */
    {FEAT_OP_LT_F, P, K05, Z, NONE},    {FEAT_OP_SUB_F, T4, Y, X, NONE},
    {FEAT_OP_MUL_F, T5, T4, K15, NONE}, {FEAT_OP_IF_F, W1, P, T5, Y}, /* z > 0.5 ? (y - x) * 1.5 : y */
    {FEAT_OP_LT_F, Q, D, C, NONE},      {FEAT_OP_ADD_F, T6, W1, X, NONE},
    {FEAT_OP_MUL_F, T7, X, K05, NONE},  {FEAT_OP_IF_F, W2, Q, T6, T7}, /* d < c ? w1 + x : x * 0.5 */
    {FEAT_OP_SUB_F, T8, W2, Z, NONE},   {FEAT_OP_MUL_F, T9, T8, C, NONE},
    {FEAT_OP_ADD_F, T10, C, K1, NONE},  {FEAT_OP_DIV_F, T11, B, T10, NONE},
    {FEAT_OP_ADD_F, R, T9, T11, NONE}, /* (w2 - z) * c + b / (c + 1) */
};

typedef struct lowered {
    feat_arena arena;
    feat_class regs[N_REGS];
    feat_load loads[N_LOADS];
    feat_constant constants[N_CONSTANTS];
    feat_step steps[N_STEPS];
    uint32_t output;
    feat_code code;
} lowered;

static void lower(lowered *l) {
    static const double numbers[N_CONSTANTS] = {50.0, 10.0, 0.05, 0.25, 0.5, 1.5, 1.0};
    feat_arena_init(&l->arena);
    for (int i = 0; i < N_REGS; i++) l->regs[i] = FEAT_CLASS_F;
    for (int i = 0; i < N_STEPS; i++) l->regs[program[i].out] = feat_op_table[program[i].op].out;
    for (uint32_t i = 0; i < N_LOADS; i++)
        l->loads[i] = (feat_load){.kind = FEAT_LOAD_INPUT, .type = FEAT_TYPE_DOUBLE, .reg = i, .index = i};
    for (uint32_t i = 0; i < N_CONSTANTS; i++) l->constants[i] = (feat_constant){.reg = K50 + i, .v.f = numbers[i]};
    memcpy(l->steps, program, sizeof program);
    l->output = R;
    l->code = (feat_code){.regs = l->regs,
                          .n_regs = N_REGS,
                          .loads = l->loads,
                          .n_loads = N_LOADS,
                          .constants = l->constants,
                          .n_constants = N_CONSTANTS,
                          .steps = l->steps,
                          .n_steps = N_STEPS,
                          .outputs = &l->output,
                          .n_outputs = 1};
    if (feat_code_allocate(&l->arena, &l->code, NULL) != FEAT_OK) fail("memory");
}

/* The greatest of whole batches, eight lanes at a time. No value is NaN. */
static void raise_greatest(double greatest[8], const double *values, size_t n) {
    for (size_t i = 0; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++) greatest[k] = values[i + k] > greatest[k] ? values[i + k] : greatest[k];
    for (size_t i = n / 8 * 8; i < n; i++) greatest[0] = values[i] > greatest[0] ? values[i] : greatest[0];
}

/* The program over all rows, the result in a column, or (where `out` is NULL) only its greatest. */
static double run_all(const lowered *l, feat_level level, const feat_column *columns, size_t rows, feat_column *out,
                      double *greatest) {
    double start = seconds(), lanes[8];
    for (size_t k = 0; k < 8; k++) lanes[k] = -HUGE_VAL;
    feat_machine *machine;
    if (feat_machine_new_level(&l->code, level, &machine, NULL) != FEAT_OK) fail("memory");
    if (out && feat_column_reserve(out, rows) != 0) fail("memory");
    for (size_t at = 0; at < rows; at += FEAT_LANES) {
        size_t n = rows - at < FEAT_LANES ? rows - at : FEAT_LANES;
        for (size_t i = 0; i < l->code.n_loads; i++)
            feat_vector_load(feat_machine_register(machine, l->code.loads[i].reg), &columns[l->code.loads[i].index], at,
                             n);
        (void)feat_machine_run(machine, n, NULL);
        const feat_vector *result = feat_machine_register(machine, l->output);
        if (!out) raise_greatest(lanes, feat_vector_values(result), n);
        else if (feat_vector_store(result, n, out) != 0) fail("memory");
    }
    feat_machine_free(machine);
    *greatest = lanes[0];
    for (size_t k = 1; k < 8; k++) *greatest = lanes[k] > *greatest ? lanes[k] : *greatest;
    return seconds() - start;
}

static double run_rows(const lowered *l, const feat_column *columns, size_t rows) {
    feat_cell *cells = calloc(l->code.n_regs, sizeof *cells);
    if (!cells) fail("memory");
    feat_row_init(&l->code, cells);
    double start = seconds();
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < N_LOADS; k++) {
            feat_cell *cell = &cells[l->code.loads[k].reg];
            cell->v.f = ((const double *)columns[k].values)[i];
            cell->state = FEAT_STATE_VALUE;
        }
        feat_row_run(&l->code, cells, &scratch);
    }
    double spent = seconds() - start;
    free(cells);
    return spent;
}

int main(int argc, char **argv) {
    if (argc != 5) fail("usage: bench_expressions ROWS RUNS INPUT OUTPUT");
    size_t rows = strtoull(argv[1], NULL, 10);
    int runs = atoi(argv[2]);
    feat_column columns[N_LOADS], out;
    FILE *input = fopen(argv[3], "rb");
    if (!input) fail("cannot read the input");
    for (size_t i = 0; i < N_LOADS; i++) {
        feat_column_init(&columns[i], FEAT_TYPE_DOUBLE);
        if (feat_column_reserve(&columns[i], rows) != 0) fail("memory");
        if (fread(columns[i].values, sizeof(double), rows, input) != rows) fail("the input is too short");
        if (feat_column_commit(&columns[i], rows, NULL, 0) != 0) fail("memory");
    }
    fclose(input);
    lowered l;
    lower(&l);
    static const char *const names[] = {"baseline", "avx2", "avx512"};
    feat_column_init(&out, FEAT_TYPE_DOUBLE);
    double greatest = 0, ignored;
    for (int level = FEAT_LEVEL_BASELINE; level <= (int)feat_level_best(); level++)
        for (int run = 0; run < runs; run++) {
            printf("%s, greatest only\t%.6f\n", names[level],
                   run_all(&l, (feat_level)level, columns, rows, NULL, &greatest));
            feat_column fresh;
            feat_column_init(&fresh, FEAT_TYPE_DOUBLE);
            printf("%s, new column\t%.6f\n", names[level],
                   run_all(&l, (feat_level)level, columns, rows, &fresh, &ignored));
            if (level > FEAT_LEVEL_BASELINE || run > 0)
                if (memcmp(fresh.values, out.values, rows * sizeof(double)) != 0) fail("levels differ");
            feat_column_done(&out);
            out = fresh;
            feat_column_clear(&out);
            printf("%s, column kept\t%.6f\n", names[level],
                   run_all(&l, (feat_level)level, columns, rows, &out, &ignored));
        }
    size_t few = rows < 1000000 ? rows : 1000000;
    for (int run = 0; run < runs; run++) printf("row machine\t%.12f\n", run_rows(&l, columns, few) / (double)few);
    printf("greatest\t%.17g\n", greatest);
    FILE *output = fopen(argv[4], "wb");
    if (!output || fwrite(out.values, sizeof(double), rows, output) != rows || fclose(output) != 0)
        fail("cannot write the output");
    for (size_t i = 0; i < N_LOADS; i++) feat_column_done(&columns[i]);
    feat_column_done(&out);
    feat_arena_done(&l.arena);
    return 0;
}
