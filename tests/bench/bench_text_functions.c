/* Functions of texts over a column, as text_functions.py asks its peers to compute them.
 *
 *     bench_text_functions ROWS RUNS FILE [CHECKED]
 *
 * FILE holds texts, one a line, repeated up to ROWS. For each function prints "name<TAB>seconds<TAB>sum" of the best
 * run by the vector machine: the sum of the results, or of their bytes. Then the results for the first CHECKED rows,
 * one a line. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "exec/exec.h"
#include "exec/kernel.h"
#include "plan/registers.h"
#include "text/like.h"

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(EXIT_FAILURE);
}

/* Constants of a function: numbers, texts, patterns of LIKE (with ~ before them, of ILIKE with *). */
static const struct function {
    const char *name;
    feat_op op;
    int64_t numbers[2];
    const char *texts[2];
} functions[] = {
    {"octets", FEAT_OP_OCTET_LENGTH, {0}, {0}},
    {"length", FEAT_OP_LENGTH, {0}, {0}},
    {"lower", FEAT_OP_LOWER, {0}, {0}},
    {"upper", FEAT_OP_UPPER, {0}, {0}},
    {"trim", FEAT_OP_TRIM, {0}, {0}},
    {"substring", FEAT_OP_SUBSTRING, {3, 10}, {0}},
    {"left", FEAT_OP_LEFT, {5}, {0}},
    {"contains", FEAT_OP_LIKE_MATCH, {0}, {"~%HEART%"}},
    {"starts", FEAT_OP_LIKE_MATCH, {0}, {"~WHITE%"}},
    {"segments", FEAT_OP_LIKE_MATCH, {0}, {"~%RED%HEART%"}},
    {"any case", FEAT_OP_LIKE_MATCH, {0}, {"*%heart%"}},
    {"replace", FEAT_OP_REPLACE, {0}, {"RED", "BLUE"}},
    {"split_part", FEAT_OP_SPLIT_PART, {0, 2}, {" "}},
    {"concat", FEAT_OP_CONCAT, {0}, {"-x"}},
    {"md5", FEAT_OP_MD5, {0}, {0}},
    {"levenshtein", FEAT_OP_LEVENSHTEIN, {0}, {"WHITE HANGING HEART"}},
};

static feat_scratch kept;

static feat_text constant_text(const char *s) {
    feat_text text = {s, strlen(s)}, program;
    if (*s != '~' && *s != '*') return text;
    text = (feat_text){s + 1, text.length - 1};
    if (!feat_like_compile(&kept, text, FEAT_LIKE_NO_ESCAPE, *s == '*', &program)) fail("pattern");
    return program;
}

typedef struct lowered {
    feat_arena arena;
    feat_class regs[4];
    feat_load load;
    feat_constant constants[2];
    feat_step step;
    uint32_t output;
    feat_code code;
} lowered;

static void lower(lowered *l, const struct function *f) {
    const feat_op_info *info = &feat_op_table[f->op];
    feat_arena_init(&l->arena);
    size_t n_constants = (size_t)info->n_args - 1, n_texts = 0;
    l->regs[0] = FEAT_CLASS_T;
    for (size_t i = 0; i < n_constants; i++) {
        l->regs[1 + i] = info->arg[1 + i];
        l->constants[i] = (feat_constant){.reg = (uint32_t)(1 + i)};
        if (info->arg[1 + i] == FEAT_CLASS_T) l->constants[i].v.t = constant_text(f->texts[n_texts++]);
        else l->constants[i].v.i = f->numbers[i];
    }
    uint32_t out = (uint32_t)info->n_args;
    l->regs[out] = info->out;
    l->load = (feat_load){.kind = FEAT_LOAD_INPUT, .type = FEAT_TYPE_TEXT, .reg = 0, .index = 0};
    l->step =
        (feat_step){(uint16_t)f->op, out, 0, n_constants > 0 ? 1 : FEAT_NO_NODE, n_constants > 1 ? 2 : FEAT_NO_NODE};
    l->output = out;
    l->code = (feat_code){.regs = l->regs,
                          .n_regs = out + 1,
                          .loads = &l->load,
                          .n_loads = 1,
                          .constants = l->constants,
                          .n_constants = n_constants,
                          .steps = &l->step,
                          .n_steps = 1,
                          .outputs = &l->output,
                          .n_outputs = 1};
    if (feat_code_allocate(&l->arena, &l->code, NULL) != FEAT_OK) fail("memory");
}

static void print_lane(const feat_vector *v, feat_class class, size_t i) {
    switch (class) {
    case FEAT_CLASS_B: printf("%d\n", ((const uint8_t *)feat_vector_values(v))[i]); break;
    case FEAT_CLASS_I: printf("%lld\n", (long long)((const int64_t *)feat_vector_values(v))[i]); break;
    default: {
        feat_text text = ((const feat_text *)feat_vector_values(v))[i];
        printf("%.*s\n", (int)text.length, text.data);
    }
    }
}

/* The sum of the results, or of their lengths. Prints the results of the first `print` rows. */
static uint64_t run(const lowered *l, const feat_column *column, size_t rows, size_t print) {
    feat_machine *machine;
    feat_class class = l->regs[l->output];
    uint64_t sum = 0;
    if (feat_machine_new(&l->code, &machine, NULL) != FEAT_OK) fail("memory");
    for (size_t at = 0; at < rows; at += FEAT_LANES) {
        size_t n = rows - at < FEAT_LANES ? rows - at : FEAT_LANES;
        feat_vector_load(feat_machine_register(machine, 0), column, at, n);
        if (feat_machine_run(machine, n, NULL) != FEAT_OK) fail("memory");
        const feat_vector *result = feat_machine_register(machine, l->output);
        for (size_t i = 0; i < n && at + i < print; i++) print_lane(result, class, i);
        if (class == FEAT_CLASS_B) {
            for (size_t i = 0; i < n; i++) sum += ((const uint8_t *)feat_vector_values(result))[i];
        } else if (class == FEAT_CLASS_I) {
            for (size_t i = 0; i < n; i++) sum += (uint64_t)((const int64_t *)feat_vector_values(result))[i];
        } else {
            for (size_t i = 0; i < n; i++) sum += ((const feat_text *)feat_vector_values(result))[i].length;
        }
    }
    feat_machine_free(machine);
    return sum;
}

static void read_column(const char *path, size_t rows, feat_column *column) {
    FILE *file = fopen(path, "rb");
    if (!file) fail("cannot read the texts");
    char line[4096];
    while (column->length < rows) {
        if (!fgets(line, sizeof line, file)) {
            rewind(file);
            continue;
        }
        if (feat_column_append_text(column, line, strcspn(line, "\n")) != 0) fail("memory");
    }
    fclose(file);
}

int main(int argc, char **argv) {
    if (argc < 4) fail("usage: bench_text_functions ROWS RUNS FILE [CHECKED]");
    size_t rows = strtoull(argv[1], NULL, 10), checked = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
    int runs = atoi(argv[2]);
    feat_column column;
    feat_column_init(&column, FEAT_TYPE_TEXT);
    feat_scratch_init(&kept);
    read_column(argv[3], rows, &column);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        lowered l;
        lower(&l, &functions[f]);
        double best = 1e9;
        uint64_t sum = 0;
        for (int k = 0; k < runs; k++) {
            double start = seconds();
            sum = run(&l, &column, rows, 0);
            double spent = seconds() - start;
            if (spent < best) best = spent;
        }
        printf("%s\t%.6f\t%llu\n", functions[f].name, best, (unsigned long long)sum);
        if (checked) run(&l, &column, checked, checked);
        feat_arena_done(&l.arena);
    }
    feat_column_done(&column);
    feat_scratch_done(&kept);
    return 0;
}
