/* Functions of times over a column, as time_functions.py asks its peers to compute them.
 *
 *     bench_time_functions FILE ROWS RUNS
 *
 * FILE holds ROWS timestamps as int64. For each function prints "name<TAB>seconds<TAB>sum" of the best run by the
 * vector machine, in processor time. */
#define _POSIX_C_SOURCE 200809L
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/arena.h"
#include "base/calendar.h"
#include "exec/exec.h"
#include "plan/registers.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

static const struct function {
    const char *name;
    feat_op op;
    feat_part part;
} functions[] = {
    {"date_trunc hour", FEAT_OP_PART_FLOOR, FEAT_PART_HOUR},
    {"date_trunc day", FEAT_OP_PART_FLOOR, FEAT_PART_DAY},
    {"date_trunc week", FEAT_OP_PART_FLOOR, FEAT_PART_WEEK},
    {"date_trunc month", FEAT_OP_PART_FLOOR, FEAT_PART_MONTH},
    {"date_trunc year", FEAT_OP_PART_FLOOR, FEAT_PART_YEAR},
    {"date_part hour", FEAT_OP_PART_OF_TIME, FEAT_PART_HOUR},
    {"date_part day", FEAT_OP_PART_OF_TIME, FEAT_PART_DAY},
    {"date_part month", FEAT_OP_PART_OF_TIME, FEAT_PART_MONTH},
    {"date_part year", FEAT_OP_PART_OF_TIME, FEAT_PART_YEAR},
    {"date_part isodow", FEAT_OP_PART_OF_TIME, FEAT_PART_ISODOW},
    {"date_part doy", FEAT_OP_PART_OF_TIME, FEAT_PART_DOY},
    {"hash", FEAT_OP_HASH_I, FEAT_PART_NONE},
};

static uint64_t run(const feat_code *code, const feat_column *column, size_t rows) {
    feat_machine *machine;
    uint64_t sum = 0;
    if (feat_machine_new(code, &machine, NULL) != FEAT_OK) fail("memory");
    for (size_t at = 0; at < rows; at += FEAT_LANES) {
        size_t n = rows - at < FEAT_LANES ? rows - at : FEAT_LANES;
        feat_vector_load(feat_machine_register(machine, 0), column, at, n);
        if (feat_machine_run(machine, n, NULL) != FEAT_OK) fail("memory");
        const void *values = feat_vector_values(feat_machine_register(machine, 2));
        if (code->regs[2] == FEAT_CLASS_I)
            for (size_t i = 0; i < n; i++) sum += (uint64_t)((const int64_t *)values)[i];
        else
            for (size_t i = 0; i < n; i++) sum += (uint64_t)((const feat_int128 *)values)[i] & 1023;
    }
    feat_machine_free(machine);
    return sum;
}

int main(int argc, char **argv) {
    if (argc != 4) fail("usage: bench_time_functions FILE ROWS RUNS");
    size_t rows = strtoull(argv[2], NULL, 10);
    feat_column column;
    feat_column_init(&column, FEAT_TYPE_TIMESTAMP);
    FILE *file = fopen(argv[1], "rb");
    if (!file || feat_column_reserve(&column, rows) != 0 || fread(column.values, 8, rows, file) != rows ||
        feat_column_commit(&column, rows, NULL, 0) != 0)
        fail("cannot read the timestamps");
    fclose(file);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        const feat_op_info *info = &feat_op_table[functions[f].op];
        feat_class regs[3] = {FEAT_CLASS_I, FEAT_CLASS_I, info->out};
        feat_load load = {.kind = FEAT_LOAD_INPUT, .type = FEAT_TYPE_TIMESTAMP, .reg = 0, .index = 0};
        feat_constant part = {.reg = 1, .v.i = functions[f].part};
        feat_step step = {.op = (uint16_t)functions[f].op, .out = 2, .a = 0, .b = 1};
        uint32_t output = 2;
        feat_code code = {.regs = regs,
                          .n_regs = 3,
                          .loads = &load,
                          .n_loads = 1,
                          .constants = &part,
                          .n_constants = 1,
                          .steps = &step,
                          .n_steps = 1,
                          .outputs = &output,
                          .n_outputs = 1};
        double best = 1e9;
        uint64_t sum = 0;
        for (int k = 0; k < atoi(argv[3]); k++) {
            double started = seconds();
            sum = run(&code, &column, rows);
            double spent = seconds() - started;
            if (spent < best) best = spent;
        }
        printf("%s\t%.6f\t%" PRId64 "\n", functions[f].name, best, (int64_t)sum);
    }
    feat_column_done(&column);
    return 0;
}
