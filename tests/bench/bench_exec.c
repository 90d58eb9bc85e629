/* What the two machines and the two ways to aggregate cost: a table of nanoseconds. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exec/exec.h"

static feat_scratch scratch; /* of rows */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static uint64_t state = 1;
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static volatile double sink;

/* ---- a program of 20 operations over two doubles and an integer ---- */

enum { N_STEPS = 20, N_INPUTS = 3, N_REGS = N_INPUTS + N_STEPS };

static void bench_program(void) {
    static const struct {
        feat_op op;
        feat_class out;
        int a, b, c; /* registers; inputs 0 (x) and 1 (y) are doubles, 2 (i) an integer; 3 + k: step k */
    } program[N_STEPS] = {
        {FEAT_OP_ADD_F, FEAT_CLASS_F, 0, 1, 0},    {FEAT_OP_SUB_F, FEAT_CLASS_F, 0, 1, 0},
        {FEAT_OP_MUL_F, FEAT_CLASS_F, 3, 4, 0},    {FEAT_OP_DIV_F, FEAT_CLASS_F, 5, 1, 0},
        {FEAT_OP_CAST_IF, FEAT_CLASS_F, 2, 0, 0},  {FEAT_OP_MUL_F, FEAT_CLASS_F, 7, 6, 0},
        {FEAT_OP_LT_F, FEAT_CLASS_B, 8, 0, 0},     {FEAT_OP_LE_F, FEAT_CLASS_B, 6, 1, 0},
        {FEAT_OP_AND, FEAT_CLASS_B, 9, 10, 0},     {FEAT_OP_IF_F, FEAT_CLASS_F, 11, 8, 6},
        {FEAT_OP_ABS_F, FEAT_CLASS_F, 12, 0, 0},   {FEAT_OP_ADD_I, FEAT_CLASS_I, 2, 2, 0},
        {FEAT_OP_MOD_I, FEAT_CLASS_I, 14, 2, 0},   {FEAT_OP_COALESCE_I, FEAT_CLASS_I, 15, 2, 0},
        {FEAT_OP_CAST_IF, FEAT_CLASS_F, 16, 0, 0}, {FEAT_OP_NULLIF_F, FEAT_CLASS_F, 17, 0, 0},
        {FEAT_OP_DIV_F, FEAT_CLASS_F, 13, 18, 0},  {FEAT_OP_COALESCE_F, FEAT_CLASS_F, 19, 0, 0},
        {FEAT_OP_NEG_F, FEAT_CLASS_F, 20, 0, 0},   {FEAT_OP_ADD_F, FEAT_CLASS_F, 21, 13, 0},
    };
    feat_class regs[N_REGS] = {FEAT_CLASS_F, FEAT_CLASS_F, FEAT_CLASS_I};
    feat_step steps[N_STEPS];
    for (int i = 0; i < N_STEPS; i++) {
        regs[N_INPUTS + i] = program[i].out;
        steps[i] = (feat_step){(uint16_t)program[i].op, (uint32_t)(N_INPUTS + i), (uint32_t)program[i].a,
                               (uint32_t)program[i].b, (uint32_t)program[i].c};
    }
    uint32_t output = N_REGS - 1;
    feat_code code = {
        .regs = regs, .n_regs = N_REGS, .steps = steps, .n_steps = N_STEPS, .outputs = &output, .n_outputs = 1};
    for (int nulls = 0; nulls < 2; nulls++) {
        feat_machine *machine;
        if (feat_machine_new(&code, &machine, NULL) != FEAT_OK) exit(EXIT_FAILURE);
        for (uint32_t r = 0; r < N_INPUTS; r++) {
            feat_vector *v = feat_machine_register(machine, r);
            static feat_cell lanes[FEAT_LANES];
            for (size_t i = 0; i < FEAT_LANES; i++) {
                memset(&lanes[i], 0, sizeof lanes[i]);
                lanes[i].state = nulls && next_random() % 10 == 0 ? FEAT_STATE_NULL : FEAT_STATE_VALUE;
                if (r < 2) lanes[i].v.f = (double)(next_random() % 1000) / 7;
                else lanes[i].v.i = (int64_t)(next_random() % 1000);
            }
            feat_vector_put_cells(v, lanes, 1, FEAT_LANES);
        }
        int rounds = 2000;
        double start = seconds();
        for (int k = 0; k < rounds; k++) (void)feat_machine_run(machine, FEAT_LANES, NULL);
        double spent = seconds() - start;
        sink = ((const double *)feat_vector_values(feat_machine_register(machine, output)))[7];
        printf("%-44s %10.2f ns per operation\n", nulls ? "vector machine, 10 % NULL" : "vector machine, plain",
               spent * 1e9 / rounds / FEAT_LANES / N_STEPS);

        feat_cell cells[N_REGS], *inputs = malloc(N_INPUTS * FEAT_LANES * sizeof *inputs);
        for (size_t i = 0; i < N_INPUTS * FEAT_LANES; i++)
            inputs[i] = feat_vector_cell(feat_machine_register(machine, (uint32_t)(i % N_INPUTS)), i / N_INPUTS);
        feat_row_init(&code, cells);
        start = seconds();
        for (int k = 0; k < rounds * 100; k++) {
            memcpy(cells, inputs + (size_t)k % FEAT_LANES * N_INPUTS, N_INPUTS * sizeof *cells);
            feat_row_run(&code, cells, &scratch);
        }
        spent = seconds() - start;
        sink = cells[output].v.f;
        printf("%-44s %10.2f ns per row of %d operations\n", nulls ? "row machine, 10 % NULL" : "row machine, plain",
               spent * 1e9 / rounds / 100, N_STEPS);
        free(inputs);
        feat_machine_free(machine);
    }
}

/* ---- windows over one entity ---- */

typedef struct shape {
    const char *name;
    feat_agg agg;
    bool spread;
} shape;

static void bench_windows(size_t n) {
    static const shape shapes[] = {{"count", FEAT_AGG_COUNT, false},
                                   {"sum, close exponents", FEAT_AGG_SUM_DOUBLE, false},
                                   {"avg, close exponents", FEAT_AGG_AVG_DOUBLE, false},
                                   {"sum, wide exponents", FEAT_AGG_SUM_DOUBLE, true},
                                   {"max", FEAT_AGG_MAX, false},
                                   {"last", FEAT_AGG_LAST, false}};
    int64_t *times = malloc(n * sizeof *times);
    double *values = malloc(n * sizeof *values);
    uint8_t *states = calloc(n, 1);
    int64_t time = 0;
    for (size_t i = 0; i < n; i++) times[i] = time += (int64_t)(next_random() % 100);
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        for (size_t i = 0; i < n; i++) {
            values[i] = (double)(next_random() % 100000) / 100;
            if (shapes[k].spread && i % 10 == 0) values[i] *= 1e-60;
        }
        feat_event_slot event_slot = {FEAT_CLASS_F, values, states};
        feat_events events = {.n = n, .capacity = n, .time = times, .slots = &event_slot, .n_slots = 1};
        feat_schema table = {.name = "t"};
        feat_slot slot = {0, FEAT_NO_NODE, FEAT_TYPE_DOUBLE};
        feat_window window = {.start = {0, 0, time / 2}};
        feat_type type = shapes[k].agg == FEAT_AGG_COUNT ? FEAT_TYPE_BIGINT : FEAT_TYPE_DOUBLE;
        feat_aggregate aggregate = {shapes[k].agg, 0, 0, type};
        feat_view view = {.name = "v",
                          .table = &table,
                          .slots = &slot,
                          .n_slots = 1,
                          .windows = &window,
                          .n_windows = 1,
                          .aggregates = &aggregate,
                          .n_aggregates = 1};
        feat_window_index *index;
        if (feat_window_index_new(&view, &index, NULL) != FEAT_OK) exit(EXIT_FAILURE);
        double start = seconds();
        if (feat_window_index_build(index, &events, 0, n, NULL) != FEAT_OK) exit(EXIT_FAILURE);
        double build = seconds() - start;
        feat_cell out;
        bool found;
        int queries = 200000;
        start = seconds();
        for (int q = 0; q < queries; q++) {
            feat_window_index_query(index, (int64_t)(next_random() % (uint64_t)(time + 1)), &out, &found);
            sink = out.v.f;
        }
        double indexed = (seconds() - start) / queries;
        int scans = n > 1000 ? 500 : 200000;
        start = seconds();
        for (int q = 0; q < scans; q++) {
            feat_aggregates_scan(&view, &events, 0, n, (int64_t)(next_random() % (uint64_t)(time + 1)), &out, &found);
            sink = out.v.f;
        }
        double scanned = (seconds() - start) / scans;
        printf("%8zu  %-24s %12.2f %12.1f %12.1f\n", n, shapes[k].name, build * 1e9 / (double)n, indexed * 1e9,
               scanned * 1e9);
        feat_window_index_free(index);
    }
    free(times);
    free(values);
    free(states);
}

int main(void) {
    bench_program();
    printf("\n%8s  %-24s %12s %12s %12s\n", "events", "half of them in a window", "build/event", "index query",
           "scan query");
    bench_windows(40);
    bench_windows(1000);
    bench_windows(100000);
    return 0;
}
