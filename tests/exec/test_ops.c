/* The rows of op.def through both machines: equal bits on random lanes, and the rules for NULL and error by hand. */
#include <time.h>

#include "base/bitmap.h"
#include "exec/cell.h"
#include "exec/kernel.h"
#include "plan/registers.h"
#include "support.h"

static feat_scratch scratch; /* of rows */

/* ---- both machines agree ---- */

/* One step over three loaded registers. */
typedef struct one_step {
    feat_class regs[4];
    feat_step step;
    uint32_t output;
    feat_code code;
} one_step;

static void one_step_init(one_step *s, feat_op op) {
    const feat_op_info *info = &feat_op_table[op];
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 3; i++) s->regs[i] = info->arg[i] == FEAT_CLASS_N ? FEAT_CLASS_B : info->arg[i];
    s->regs[3] = info->out;
    s->step = (feat_step){.op = (uint16_t)op, .out = 3, .a = 0, .b = FEAT_NO_NODE, .c = FEAT_NO_NODE};
    if (info->n_args > 1) s->step.b = 1;
    if (info->n_args > 2) s->step.c = 2;
    s->output = 3;
    s->code = (feat_code){
        .regs = s->regs, .n_regs = 4, .steps = &s->step, .n_steps = 1, .outputs = &s->output, .n_outputs = 1};
}

/* How an argument comes into its register. */
typedef enum source { FROM_CELLS, FROM_CONSTANT, N_SOURCES } source;

static feat_constant constant_of(uint32_t reg, const feat_cell *cell, feat_class class) {
    feat_constant constant = {.reg = reg, .is_null = cell->state == FEAT_STATE_NULL};
    switch (class) {
    case FEAT_CLASS_B: constant.v.i = cell->v.b; break;
    case FEAT_CLASS_I: constant.v.i = cell->v.i; break;
    case FEAT_CLASS_F: constant.v.f = cell->v.f; break;
    case FEAT_CLASS_T: constant.v.t = cell->v.t; break;
    case FEAT_CLASS_W: constant.v.w = cell->v.w; break;
    case FEAT_CLASS_V: constant.v.p = cell->v.p; break;
    case FEAT_CLASS_N: break;
    }
    return constant;
}

/* Results of these are as long as an argument says. */
static bool takes_length(feat_op op) {
    static const char *const names[] = {"repeat", "lpad", "rpad"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(feat_op_table[op].sql, names[i]) == 0) return true;
    return false;
}

static feat_cell random_argument(feat_op op, feat_class class, unsigned percent) {
    feat_cell cell = random_cell(class, percent);
    if (class == FEAT_CLASS_I && takes_length(op)) cell.v.i %= 100;
    return cell;
}

/* The lanes of one argument; those of a constant are one cell. */
static void random_lanes(feat_op op, feat_cell (*lanes)[3], uint32_t r, size_t n, feat_class class, unsigned percent,
                         source from) {
    feat_cell one = random_argument(op, class, percent);
    if (one.state == FEAT_STATE_ERROR) one.state = FEAT_STATE_NULL; /* a constant is no error */
    for (size_t i = 0; i < n; i++) lanes[i][r] = from == FROM_CONSTANT ? one : random_argument(op, class, percent);
}

/* Runs the operation at every level over n lanes, `stale` ones behind them, and lane by lane. */
static void compare_machines(feat_op op, size_t n, unsigned percent_no_value, const source from[3]) {
    one_step s;
    one_step_init(&s, op);
    feat_cell(*lanes)[3] = malloc(FEAT_LANES * sizeof *lanes);
    feat_constant constants[3];
    s.code.constants = constants;
    for (uint32_t r = 0; r < 3; r++) {
        random_lanes(op, lanes, r, n, s.regs[r], percent_no_value, from[r]);
        if (from[r] == FROM_CONSTANT) constants[s.code.n_constants++] = constant_of(r, &lanes[0][r], s.regs[r]);
    }
    for (int level = FEAT_LEVEL_BASELINE; level <= (int)feat_level_best(); level++) {
        feat_machine *machine = NULL;
        ck_assert_int_eq(feat_machine_new_level(&s.code, (feat_level)level, &machine, NULL), FEAT_OK);
        for (uint32_t r = 0; r < 3; r++) {
            feat_vector *v = feat_machine_register(machine, r);
            ck_assert_uint_eq((uintptr_t)feat_vector_values(v) % 64, 0);
            if (from[r] == FROM_CONSTANT) continue;
            feat_cell stale[FEAT_LANES]; /* what an earlier batch may have left */
            for (size_t i = 0; i < FEAT_LANES; i++) stale[i] = random_argument(op, s.regs[r], 30);
            feat_vector_put_cells(v, stale, 1, FEAT_LANES);
        }
        ck_assert_int_eq(feat_machine_run(machine, FEAT_LANES, NULL), FEAT_OK);
        for (uint32_t r = 0; r < 3; r++)
            if (from[r] != FROM_CONSTANT) feat_vector_put_cells(feat_machine_register(machine, r), &lanes[0][r], 3, n);
        ck_assert_int_eq(feat_machine_run_steps(machine, 0, 1, n, NULL), FEAT_OK);
        const feat_vector *out = feat_machine_register(machine, 3);
        uint8_t states[FEAT_LANES + 1];
        states[n] = 0xaa;
        feat_vector_states(out, n, states);
        ck_assert_int_eq(states[n], 0xaa);
        for (size_t i = 0; i < n; i++) {
            feat_cell cells[4], single, vector = feat_vector_cell(out, i);
            feat_row_init(&s.code, cells);
            for (uint32_t r = 0; r < 3; r++) cells[r] = lanes[i][r];
            feat_row_run(&s.code, cells, &scratch);
            feat_row_op(op, &single, &lanes[i][0], &lanes[i][1], &lanes[i][2], &scratch);
            bool same = same_cell(&vector, &cells[3], s.regs[3]) && same_cell(&single, &cells[3], s.regs[3]) &&
                        states[i] == vector.state;
            if (!same) /* asked first: an assertion that holds writes a file each time */
                ck_abort_msg("%s: level %d, lane %zu of %zu differs: states %d %d %d", feat_op_table[op].id, level, i,
                             n, vector.state, cells[3].state, single.state);
        }
        feat_machine_free(machine);
    }
    free(lanes);
}

/* All sizes, and all ways in which arguments come, but not each with each. */
START_TEST(test_machines_agree) {
    static const size_t sizes[] = {1, 7, 8, 63, 64, 65, 1000, FEAT_LANES};
    static const unsigned percents[] = {0, 5, 60};
    enum { N_SIZES = sizeof sizes / sizeof *sizes, N_PERCENTS = sizeof percents / sizeof *percents };
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        static const source cells[3] = {FROM_CELLS, FROM_CELLS, FROM_CELLS};
        for (size_t s = 0; s < N_SIZES; s++)
            compare_machines((feat_op)op, sizes[s], percents[(s + (size_t)op) % N_PERCENTS], cells);
        for (size_t p = 0; p < N_PERCENTS; p++) compare_machines((feat_op)op, 200, percents[p], cells);
        for (unsigned sources = 1; sources < 8; sources++) { /* a bit for each argument that is a constant */
            source from[3];
            if (sources >> feat_op_table[op].n_args != 0) continue;
            for (int r = 0; r < 3; r++) from[r] = sources >> r & 1 ? FROM_CONSTANT : FROM_CELLS;
            for (int round = 0; round < 2; round++)
                compare_machines((feat_op)op, 65 + 200 * (size_t)round, percents[sources % N_PERCENTS], from);
        }
    }
}
END_TEST

/* ---- what the kernels of this processor gain ---- */

static double kernel_time(const one_step *s, feat_level level, feat_cell (*lanes)[3]) {
    feat_machine *machine = NULL;
    double best = HUGE_VAL;
    ck_assert_int_eq(feat_machine_new_level(&s->code, level, &machine, NULL), FEAT_OK);
    for (uint32_t r = 0; r < 3; r++)
        feat_vector_put_cells(feat_machine_register(machine, r), &lanes[0][r], 3, FEAT_LANES);
    for (int round = 0; round < 20; round++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        ck_assert_int_eq(feat_machine_run(machine, FEAT_LANES, NULL), FEAT_OK);
        clock_gettime(CLOCK_MONOTONIC, &to);
        double ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
        if (ns < best) best = ns;
    }
    feat_machine_free(machine);
    return best / FEAT_LANES;
}

/* A report: equality is what the tests above and below are for. */
START_TEST(test_speed_up) {
    feat_cell(*lanes)[3] = calloc(FEAT_LANES, sizeof *lanes);
    if (feat_level_best() == FEAT_LEVEL_BASELINE) puts("this processor has no kernels of its own");
    for (int op = 0; feat_level_best() != FEAT_LEVEL_BASELINE && op < FEAT_OP_COUNT; op++) {
        one_step s;
        if (!feat_kernels_avx2[op] && !feat_kernels_avx512[op]) continue;
        one_step_init(&s, (feat_op)op);
        for (uint32_t r = 0; r < 3; r++) random_lanes((feat_op)op, lanes, r, FEAT_LANES, s.regs[r], 0, FROM_CELLS);
        double plain = kernel_time(&s, FEAT_LEVEL_BASELINE, lanes), wide = kernel_time(&s, feat_level_best(), lanes);
        printf("%-20s %7.2f ns a lane, this processor's %7.2f, x%.1f\n", feat_op_table[op].id, plain, wide,
               plain / wide);
    }
    free(lanes);
}
END_TEST

/* A program with constants, a NULL among them, and a register used twice. */
START_TEST(test_program) {
    feat_class regs[] = {FEAT_CLASS_F, FEAT_CLASS_F, FEAT_CLASS_F, FEAT_CLASS_T, FEAT_CLASS_F,
                         FEAT_CLASS_F, FEAT_CLASS_T, FEAT_CLASS_B, FEAT_CLASS_B, FEAT_CLASS_T};
    feat_constant constants[] = {{.reg = 1, .v.f = 2.0},
                                 {.reg = 2, .is_null = true},
                                 {.reg = 3, .v.t = {"many", 4}},
                                 {.reg = 6, .is_null = true},
                                 {.reg = 8, .v.i = 1}};
    feat_step steps[] = {{FEAT_OP_MUL_F, 4, 0, 0, FEAT_NO_NODE},
                         {FEAT_OP_COALESCE_F, 5, 2, 4, FEAT_NO_NODE},
                         {FEAT_OP_LT_F, 7, 5, 1, FEAT_NO_NODE},
                         {FEAT_OP_IF_T, 9, 7, 6, 3}};
    uint32_t outputs[] = {5, 9, 8, 2};
    feat_code code = {.regs = regs,
                      .n_regs = 10,
                      .constants = constants,
                      .n_constants = 5,
                      .steps = steps,
                      .n_steps = 4,
                      .outputs = outputs,
                      .n_outputs = 4};
    feat_machine *machine;
    ck_assert_int_eq(feat_machine_new(&code, &machine, NULL), FEAT_OK);
    feat_vector *input = feat_machine_register(machine, 0);
    for (int round = 0; round < 3; round++) { /* a machine is used again and again */
        feat_cell lanes[100];
        memset(lanes, 0, sizeof lanes);
        for (size_t i = 0; i < 100; i++) lanes[i].v.f = (double)i / 10;
        feat_vector_put_cells(input, lanes, 1, 100);
        ck_assert_int_eq(feat_machine_run(machine, 100, NULL), FEAT_OK);
        for (size_t i = 0; i < 100; i++) {
            double x = (double)i / 10;
            feat_cell square = feat_vector_cell(feat_machine_register(machine, 5), i);
            feat_cell text = feat_vector_cell(feat_machine_register(machine, 9), i);
            ck_assert(square.state == FEAT_STATE_VALUE && square.v.f == x * x);
            if (x * x < 2) ck_assert_int_eq(text.state, FEAT_STATE_NULL);
            else ck_assert(text.state == FEAT_STATE_VALUE && text.v.t.length == 4);
            feat_cell cells[10];
            feat_row_init(&code, cells);
            cells[0].v.f = x;
            feat_row_run(&code, cells, &scratch);
            ck_assert(same_cell(&cells[5], &square, FEAT_CLASS_F) && same_cell(&cells[9], &text, FEAT_CLASS_T));
            ck_assert(cells[8].v.b == 1 && cells[2].state == FEAT_STATE_NULL);
        }
    }
    feat_machine_free(machine);
}
END_TEST

/* ---- rules by hand ---- */

#define N                                                                                                              \
    { .state = FEAT_STATE_NULL }
#define E                                                                                                              \
    { .state = FEAT_STATE_ERROR }
#define B(x)                                                                                                           \
    { .v.b = (x) }
#define I(x)                                                                                                           \
    { .v.i = (x) }
#define F(x)                                                                                                           \
    { .v.f = (x) }
#define T(x)                                                                                                           \
    {                                                                                                                  \
        .v.t = {(x), sizeof(x) - 1 }                                                                                   \
    }

static const double nan_value = (double)NAN;

START_TEST(test_rules) {
    const struct {
        feat_op op;
        feat_cell a, b, c, expected;
    } rules[] = {
        {FEAT_OP_ADD_I, I(2), I(3), N, I(5)},
        {FEAT_OP_ADD_I, I(INT64_MAX), I(1), N, E},
        {FEAT_OP_ADD_I, I(INT64_MAX), N, N, N},
        {FEAT_OP_ADD_I, N, E, N, E},
        {FEAT_OP_SUB_I, N, I(INT64_MIN), N, N},
        {FEAT_OP_SUB_I, I(0), I(INT64_MIN), N, E},
        {FEAT_OP_MUL_I, I(INT64_MIN), I(-1), N, E},
        {FEAT_OP_IDIV_I, I(-7), I(2), N, I(-3)},
        {FEAT_OP_IDIV_I, I(7), I(0), N, N},
        {FEAT_OP_IDIV_I, I(INT64_MIN), I(-1), N, E},
        {FEAT_OP_IDIV_I, E, I(0), N, E},
        {FEAT_OP_MOD_I, I(-7), I(3), N, I(-1)},
        {FEAT_OP_MOD_I, I(7), I(0), N, N},
        {FEAT_OP_MOD_I, I(INT64_MIN), I(-1), N, I(0)},
        {FEAT_OP_NEG_I, I(INT64_MIN), N, N, E},
        {FEAT_OP_ABS_I, I(INT64_MIN), N, N, E},
        {FEAT_OP_ABS_I, I(-4), N, N, I(4)},
        {FEAT_OP_DIV_F, F(1.0), F(0.0), N, F(HUGE_VAL)},
        {FEAT_OP_DIV_F, F(0.0), F(0.0), N, F(nan_value)},
        {FEAT_OP_NEG_F, F(nan_value), N, N, F(nan_value)},
        {FEAT_OP_CAST_FI, F(2.5), N, N, I(2)},
        {FEAT_OP_CAST_FI, F(-3.5), N, N, I(-4)},
        {FEAT_OP_CAST_FI, F(-0x1p63), N, N, I(INT64_MIN)},
        {FEAT_OP_CAST_FI, F(0x1p63), N, N, E},
        {FEAT_OP_CAST_FI, F(nan_value), N, N, E},
        {FEAT_OP_CAST_FI, F(HUGE_VAL), N, N, E},
        {FEAT_OP_CAST_FI, N, N, N, N},
        {FEAT_OP_CAST_IF, I(INT64_MAX), N, N, F(0x1p63)},
        {FEAT_OP_CAST_BI, B(1), N, N, I(1)},
        {FEAT_OP_CAST_IB, I(-9), N, N, B(1)},
        {FEAT_OP_DATE_TO_TIMESTAMP, I(1), N, N, I(86400000000)},
        {FEAT_OP_DATE_TO_TIMESTAMP, I(200000000), N, N, E},
        {FEAT_OP_TIMESTAMP_TO_DATE, I(-1), N, N, I(-1)},
        {FEAT_OP_EQ_F, F(nan_value), F(nan_value), N, B(1)},
        {FEAT_OP_EQ_F, F(-0.0), F(0.0), N, B(1)},
        {FEAT_OP_NE_F, F(nan_value), F(1.0), N, B(1)},
        {FEAT_OP_NE_F, F(nan_value), F(nan_value), N, B(0)},
        {FEAT_OP_LT_F, F(HUGE_VAL), F(nan_value), N, B(1)},
        {FEAT_OP_LT_F, F(nan_value), F(nan_value), N, B(0)},
        {FEAT_OP_LT_F, F(nan_value), F(1.0), N, B(0)},
        {FEAT_OP_LT_F, F(-0.0), F(0.0), N, B(0)},
        {FEAT_OP_LE_F, F(nan_value), F(nan_value), N, B(1)},
        {FEAT_OP_LE_F, F(nan_value), F(1.0), N, B(0)},
        {FEAT_OP_LT_T, T("a"), T("ab"), N, B(1)},
        {FEAT_OP_LT_T, T("a\xff"), T("ab"), N, B(0)},
        {FEAT_OP_LE_T, T(""), T(""), N, B(1)},
        {FEAT_OP_EQ_T, T("a"), N, N, N},
        {FEAT_OP_AND, B(0), E, N, B(0)},
        {FEAT_OP_AND, E, B(0), N, B(0)},
        {FEAT_OP_AND, B(1), E, N, E},
        {FEAT_OP_AND, N, E, N, E},
        {FEAT_OP_AND, N, B(1), N, N},
        {FEAT_OP_AND, N, B(0), N, B(0)},
        {FEAT_OP_AND, B(1), B(1), N, B(1)},
        {FEAT_OP_OR, B(1), E, N, B(1)},
        {FEAT_OP_OR, E, B(1), N, B(1)},
        {FEAT_OP_OR, E, N, N, E},
        {FEAT_OP_OR, B(0), N, N, N},
        {FEAT_OP_OR, B(0), B(0), N, B(0)},
        {FEAT_OP_NOT, N, N, N, N},
        {FEAT_OP_IS_NULL_I, N, N, N, B(1)},
        {FEAT_OP_IS_NULL_I, I(0), N, N, B(0)},
        {FEAT_OP_IS_NULL_I, E, N, N, E},
        {FEAT_OP_IS_TRUE, N, N, N, B(0)},
        {FEAT_OP_IS_TRUE, B(1), N, N, B(1)},
        {FEAT_OP_IS_TRUE, E, N, N, E},
        {FEAT_OP_DISTINCT_F, F(nan_value), F(nan_value), N, B(0)},
        {FEAT_OP_DISTINCT_F, N, N, N, B(0)},
        {FEAT_OP_DISTINCT_F, N, F(0.0), N, B(1)},
        {FEAT_OP_DISTINCT_F, N, E, N, E},
        {FEAT_OP_IF_I, B(1), I(1), E, I(1)},
        {FEAT_OP_IF_I, B(0), I(1), E, E},
        {FEAT_OP_IF_I, N, E, I(2), I(2)},
        {FEAT_OP_IF_I, E, I(1), I(2), E},
        {FEAT_OP_IF_T, B(1), N, T("x"), N},
        {FEAT_OP_COALESCE_I, I(1), E, N, I(1)},
        {FEAT_OP_COALESCE_I, N, E, N, E},
        {FEAT_OP_COALESCE_I, E, I(1), N, E},
        {FEAT_OP_COALESCE_I, N, N, N, N},
        {FEAT_OP_NULLIF_F, F(0.0), F(-0.0), N, N},
        {FEAT_OP_NULLIF_F, F(nan_value), F(nan_value), N, N},
        {FEAT_OP_NULLIF_F, F(1.0), N, N, F(1.0)},
        {FEAT_OP_NULLIF_F, N, F(1.0), N, N},
        {FEAT_OP_NULLIF_F, N, E, N, E},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        feat_cell out, expected = feat_cell_canonical(rules[i].expected, feat_op_table[rules[i].op].out);
        feat_row_op(rules[i].op, &out, &rules[i].a, &rules[i].b, &rules[i].c, &scratch);
        ck_assert_msg(same_cell(&out, &expected, feat_op_table[rules[i].op].out), "rule %zu, %s: state %d", i,
                      feat_op_table[rules[i].op].id, out.state);
    }
}
END_TEST

START_TEST(test_canonical) {
    feat_cell cell = {.v.f = -nan_value};
    ck_assert(feat_double_bits(feat_cell_canonical(cell, FEAT_CLASS_F).v.f) == FEAT_NAN_BITS);
    cell = (feat_cell){.v.f = 3.0, .state = FEAT_STATE_ERROR};
    cell = feat_cell_canonical(cell, FEAT_CLASS_F);
    ck_assert(cell.state == FEAT_STATE_ERROR && feat_double_bits(cell.v.f) == 0);
    cell = (feat_cell){.v.t = {"stale", 5}, .state = FEAT_STATE_NULL};
    ck_assert_uint_eq(feat_cell_canonical(cell, FEAT_CLASS_T).v.t.length, 0);
}
END_TEST

START_TEST(test_tables) {
    ck_assert_int_eq(feat_op_find("+", FEAT_CLASS_I, FEAT_CLASS_I, FEAT_CLASS_N), FEAT_OP_ADD_I);
    ck_assert_int_eq(feat_op_find("-", FEAT_CLASS_F, FEAT_CLASS_N, FEAT_CLASS_N), FEAT_OP_NEG_F);
    ck_assert_int_eq(feat_op_find("-", FEAT_CLASS_F, FEAT_CLASS_F, FEAT_CLASS_N), FEAT_OP_SUB_F);
    ck_assert_int_eq(feat_op_find("case", FEAT_CLASS_B, FEAT_CLASS_T, FEAT_CLASS_T), FEAT_OP_IF_T);
    ck_assert_int_eq(feat_op_find("+", FEAT_CLASS_T, FEAT_CLASS_T, FEAT_CLASS_N), -1);
    ck_assert_int_eq(feat_op_find("plus", FEAT_CLASS_I, FEAT_CLASS_I, FEAT_CLASS_N), -1);
    ck_assert_str_eq(feat_agg_table[FEAT_AGG_MAX].sql, "max");
    ck_assert_int_eq(feat_agg_table[FEAT_AGG_MAX].algebra, FEAT_ALGEBRA_LATTICE);
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        const feat_op_info *info = &feat_op_table[op];
        int n = 0;
        while (n < 3 && info->arg[n] != FEAT_CLASS_N) n++;
        ck_assert_int_eq(info->n_args, n);
    }
    ck_assert_int_eq(feat_class_of(FEAT_TYPE_DATE), FEAT_CLASS_I);
}
END_TEST

/* ---- columns in and out ---- */

/* The types whose columns hold a C type `ctype`, as `member` of a cell. */
#define FIXED_TYPES(DO)                                                                                                \
    DO(FEAT_TYPE_TINYINT, int8_t, i)                                                                                   \
    DO(FEAT_TYPE_SMALLINT, int16_t, i)                                                                                 \
    DO(FEAT_TYPE_INTEGER, int32_t, i)                                                                                  \
    DO(FEAT_TYPE_DATE, int32_t, i)                                                                                     \
    DO(FEAT_TYPE_BIGINT, int64_t, i)                                                                                   \
    DO(FEAT_TYPE_TIMESTAMP, int64_t, i)                                                                                \
    DO(FEAT_TYPE_UTINYINT, uint8_t, i)                                                                                 \
    DO(FEAT_TYPE_USMALLINT, uint16_t, i)                                                                               \
    DO(FEAT_TYPE_UINTEGER, uint32_t, i)                                                                                \
    DO(FEAT_TYPE_UBIGINT, uint64_t, w)                                                                                 \
    DO(FEAT_TYPE_DECIMAL, feat_int128, w)                                                                              \
    DO(FEAT_TYPE_REAL, float, f)                                                                                       \
    DO(FEAT_TYPE_DOUBLE, double, f)                                                                                    \
    DO(FEAT_TYPE_INTERVAL, feat_interval, p)

/* Makes of a random cell one that fits the type. */
static feat_cell fitted(feat_type type, feat_cell cell) {
    switch (FEAT_TYPE_BASE(type)) {
#define FIT(name, ctype, member)                                                                                       \
    case name: {                                                                                                       \
        ctype value = (ctype)cell.v.member;                                                                            \
        cell.v.member = value;                                                                                         \
        break;                                                                                                         \
    }
        FIT(FEAT_TYPE_TINYINT, int8_t, i)
        FIT(FEAT_TYPE_SMALLINT, int16_t, i)
        FIT(FEAT_TYPE_INTEGER, int32_t, i)
        FIT(FEAT_TYPE_DATE, int32_t, i)
        FIT(FEAT_TYPE_UTINYINT, uint8_t, i)
        FIT(FEAT_TYPE_USMALLINT, uint16_t, i)
        FIT(FEAT_TYPE_UINTEGER, uint32_t, i)
        FIT(FEAT_TYPE_UBIGINT, uint64_t, w)
        FIT(FEAT_TYPE_REAL, float, f)
    default: break;
    }
    return cell;
}

/* Writes cells in the layout of column/column.h. */
static void write_column(feat_column *column, const feat_cell *cells, size_t n) {
    uint8_t *validity = calloc(n / 8 + 1, 1);
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (cells[i].state == FEAT_STATE_VALUE) feat_bit_set(validity, i);
        if (feat_class_of(column->type) == FEAT_CLASS_T) bytes += cells[i].v.t.length;
    }
    ck_assert_int_eq(feat_column_reserve(column, n), 0);
    if (column->offsets) ck_assert_int_eq(feat_column_reserve_text(column, bytes), 0);
    for (size_t i = 0; i < n; i++) {
        bool value = cells[i].state == FEAT_STATE_VALUE;
        switch (FEAT_TYPE_BASE(column->type)) {
#define WRITE(name, ctype, member)                                                                                     \
    case name: ((ctype *)column->values)[i] = (ctype)cells[i].v.member; break;
            FIXED_TYPES(WRITE)
        case FEAT_TYPE_BOOLEAN: feat_bit_put(column->values, i, value && cells[i].v.b); break;
        default: {
            size_t length = value ? cells[i].v.t.length : 0;
            if (length > 0) memcpy((char *)column->values + column->offsets[i], cells[i].v.t.data, length);
            column->offsets[i + 1] = column->offsets[i] + (int64_t)length;
        }
        }
    }
    ck_assert_int_eq(feat_column_commit(column, n, validity, 0), 0);
    free(validity);
}

static feat_cell cell_of_column(const feat_column *column, size_t row) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    if (feat_column_is_null(column, row)) cell.state = FEAT_STATE_NULL;
    switch (FEAT_TYPE_BASE(column->type)) {
#define READ(name, ctype, member)                                                                                      \
    case name: cell.v.member = ((const ctype *)column->values)[row]; break;
        FIXED_TYPES(READ)
    case FEAT_TYPE_BOOLEAN: cell.v.b = feat_bit_get(column->values, row); break;
    default: cell.v.t = feat_column_text(column, row);
    }
    return cell;
}

/* Whether the slot of a null holds zero. */
static bool is_zero(const feat_column *column, size_t row) {
    static const feat_cell zero;
    feat_cell cell = cell_of_column(column, row);
    if (feat_class_of(column->type) == FEAT_CLASS_T) return cell.v.t.length == 0;
    cell.state = 0;
    return memcmp(&cell.v, &zero.v, sizeof cell.v) == 0;
}

/* Sequences of bytes are all stored alike, and as TEXT they can be read back. */
static feat_type stored_as(feat_type type) { return feat_class_of(type) == FEAT_CLASS_T ? FEAT_TYPE_TEXT : type; }

static void compare_column(feat_type type, unsigned percent) {
    enum { ROWS = 3000, GATHERED = 500 };
    feat_class class = feat_class_of(type);
    feat_code code = {.regs = &class, .n_regs = 1};
    feat_machine *machine;
    ck_assert_int_eq(feat_machine_new(&code, &machine, NULL), FEAT_OK);
    feat_vector *v = feat_machine_register(machine, 0);
    feat_column from, to;
    feat_column_init(&from, stored_as(type));
    feat_column_init(&to, stored_as(type));
    feat_cell *cells = malloc(ROWS * sizeof *cells);
    for (size_t i = 0; i < ROWS; i++) {
        cells[i] = random_cell(class, percent);
        if (cells[i].state == FEAT_STATE_ERROR) cells[i].state = FEAT_STATE_NULL;
        cells[i] = fitted(type, cells[i]);
    }
    write_column(&from, cells, ROWS);
    from.type = type;
    uint32_t rows[GATHERED];
    for (size_t i = 0; i < GATHERED; i++) rows[i] = (uint32_t)random_below(ROWS);
    static const struct {
        size_t start, n;
    } loads[] = {{0, FEAT_LANES}, {64, 640}, {900, FEAT_LANES}, {1024, 63}, {8, 0}, {2999, 1}, {1, 65}};
    size_t expected[FEAT_LANES], at = 0;
    for (size_t k = 0; k <= sizeof loads / sizeof *loads; k++) {
        bool gather = k == sizeof loads / sizeof *loads;
        size_t n = gather ? GATHERED : loads[k].n;
        for (size_t i = 0; i < n; i++) expected[i] = gather ? rows[i] : loads[k].start + i;
        if (gather) feat_vector_gather(v, &from, rows, n);
        else feat_vector_load(v, &from, loads[k].start, n);
        ck_assert_int_eq(feat_vector_store(v, n, &to), 0);
        ck_assert_uint_eq(to.length, at + n);
        for (size_t i = 0; i < n; i++) {
            feat_cell loaded = feat_vector_cell(v, i), stored = feat_cell_canonical(cell_of_column(&to, at + i), class);
            feat_cell original = feat_cell_canonical(cells[expected[i]], class);
            ck_assert_msg(same_cell(&original, &loaded, class) && same_cell(&original, &stored, class),
                          "type %d, load %zu, lane %zu", FEAT_TYPE_BASE(type), k, i);
            ck_assert(stored.state == FEAT_STATE_VALUE || is_zero(&to, at + i));
        }
        at += n;
    }
    /* An error becomes NULL; lanes without a value store zero whatever they hold. */
    uint8_t states[3] = {FEAT_STATE_ERROR, FEAT_STATE_VALUE, FEAT_STATE_NULL};
    feat_cell three[3] = {fitted(type, random_cell(class, 0)), fitted(type, random_cell(class, 0)),
                          fitted(type, random_cell(class, 0))};
    feat_vector_put_cells(v, three, 1, 3);
    uint8_t lanes[3 * sizeof(feat_cell)];
    memcpy(lanes, feat_vector_values(v), 3 * feat_class_size(class));
    feat_vector_put_lanes(v, lanes, states, 3);
    ck_assert_int_eq(feat_vector_store(v, 3, &to), 0);
    ck_assert(feat_column_is_null(&to, at) && !feat_column_is_null(&to, at + 1) && feat_column_is_null(&to, at + 2));
    ck_assert(is_zero(&to, at) && is_zero(&to, at + 2));
    feat_column_done(&from);
    feat_column_done(&to);
    feat_machine_free(machine);
    free(cells);
}

START_TEST(test_columns) {
    static const feat_type types[] = {
#define FEAT_TYPE(name, number, sql, bytes, arrow) FEAT_TYPE_##name,
#include "feat/type.def"
#undef FEAT_TYPE
    };
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned percent = 0; percent <= 30; percent += 30) compare_column(types[t], percent);
    compare_column(FEAT_TYPE_DECIMAL_OF(18, 3), 30);
}
END_TEST

START_TEST(test_ints) {
    feat_class class = FEAT_CLASS_I;
    feat_code code = {.regs = &class, .n_regs = 1};
    feat_machine *machine;
    ck_assert_int_eq(feat_machine_new(&code, &machine, NULL), FEAT_OK);
    feat_vector *v = feat_machine_register(machine, 0);
    feat_cell null = {.state = FEAT_STATE_NULL};
    feat_vector_put_cells(v, &null, 0, FEAT_LANES);
    ck_assert_int_eq(feat_vector_cell(v, FEAT_LANES - 1).state, FEAT_STATE_NULL);
    int64_t values[] = {3, -1, INT64_MIN};
    feat_vector_put_ints(v, values, 3);
    for (size_t i = 0; i < 3; i++) {
        feat_cell cell = feat_vector_cell(v, i);
        ck_assert(cell.state == FEAT_STATE_VALUE && cell.v.i == values[i]);
    }
    feat_machine_free(machine);
}
END_TEST

/* ---- shared registers ---- */

/* A random program over two loads and a constant: with registers shared or not, the outputs are the same. */
static void compare_allocation(feat_arena *arena) {
    enum { LOADS = 2, STEPS = 40, REGS = LOADS + 1 + STEPS };
    feat_class regs[REGS] = {FEAT_CLASS_F, FEAT_CLASS_F, FEAT_CLASS_F};
    feat_load loads[LOADS] = {{.reg = 0}, {.reg = 1}};
    feat_constant constant = {.reg = 2, .v.f = 1.5};
    feat_step steps[STEPS];
    uint32_t bools[REGS], doubles[REGS] = {0, 1, 2}, outputs[3], kept[1];
    size_t n_bools = 0, n_doubles = 3;
    for (uint32_t i = 0; i < STEPS; i++) {
        uint32_t out = LOADS + 1 + i, a = doubles[random_below(n_doubles)], b = doubles[random_below(n_doubles)];
        switch (n_bools == 0 ? 0 : random_below(4)) {
        case 0:
            steps[i] = (feat_step){FEAT_OP_LT_F, out, a, b, FEAT_NO_NODE};
            bools[n_bools++] = out;
            regs[out] = FEAT_CLASS_B;
            continue;
        case 1: steps[i] = (feat_step){FEAT_OP_IF_F, out, bools[random_below(n_bools)], a, b}; break;
        case 2: steps[i] = (feat_step){FEAT_OP_NULLIF_F, out, a, b, FEAT_NO_NODE}; break;
        default: steps[i] = (feat_step){FEAT_OP_ADD_F, out, a, b, FEAT_NO_NODE};
        }
        doubles[n_doubles++] = out;
        regs[out] = FEAT_CLASS_F;
    }
    for (int k = 0; k < 3; k++) outputs[k] = doubles[random_below(n_doubles)];
    kept[0] = bools[random_below(n_bools)];
    feat_code code = {.regs = regs,
                      .n_regs = REGS,
                      .loads = loads,
                      .n_loads = LOADS,
                      .constants = &constant,
                      .n_constants = 1,
                      .steps = steps,
                      .n_steps = STEPS,
                      .outputs = outputs,
                      .n_outputs = 3},
              shared = code;
    feat_load shared_loads[LOADS] = {loads[0], loads[1]};
    feat_constant shared_constant = constant;
    uint32_t shared_outputs[3] = {outputs[0], outputs[1], outputs[2]}, shared_kept[1] = {kept[0]};
    shared.loads = shared_loads;
    shared.constants = &shared_constant;
    shared.outputs = shared_outputs;
    /* A register that is the key of a join is kept as an output is. */
    feat_type key_type = FEAT_TYPE_BOOLEAN;
    feat_block block = {.key = &key_type, .n_key = 1};
    feat_code_join join = {&block, STEPS, shared_kept, &key_type};
    shared.joins = &join;
    shared.n_joins = 1;
    ck_assert_int_eq(feat_code_allocate(arena, &shared, NULL), FEAT_OK);
    ck_assert_uint_le(shared.n_regs, code.n_regs);
    for (size_t i = 0; i < shared.n_steps; i++) {
        const feat_step *step = &shared.steps[i];
        ck_assert(step->out != step->a && step->out != step->b && step->out != step->c);
        ck_assert_int_eq(shared.regs[step->out], feat_op_table[step->op].out);
    }
    feat_machine *machines[2];
    ck_assert_int_eq(feat_machine_new(&code, &machines[0], NULL), FEAT_OK);
    ck_assert_int_eq(feat_machine_new(&shared, &machines[1], NULL), FEAT_OK);
    feat_cell(*lanes)[2] = malloc(FEAT_LANES * sizeof *lanes);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < FEAT_LANES; i++)
            for (size_t k = 0; k < 2; k++) lanes[i][k] = random_cell(FEAT_CLASS_F, i < FEAT_LANES / 2 ? 0 : 10);
        for (uint32_t k = 0; k < 2; k++) {
            feat_vector_put_cells(feat_machine_register(machines[0], loads[k].reg), &lanes[0][k], 2, FEAT_LANES);
            feat_vector_put_cells(feat_machine_register(machines[1], shared_loads[k].reg), &lanes[0][k], 2, FEAT_LANES);
        }
        ck_assert_int_eq(feat_machine_run(machines[0], FEAT_LANES, NULL), FEAT_OK);
        ck_assert_int_eq(feat_machine_run_steps(machines[1], 0, STEPS / 2, FEAT_LANES, NULL), FEAT_OK);
        ck_assert_int_eq(feat_machine_run_steps(machines[1], STEPS / 2, STEPS, FEAT_LANES, NULL), FEAT_OK);
        for (size_t i = 0; i < FEAT_LANES; i++) {
            feat_cell cells[REGS];
            feat_row_init(&shared, cells);
            for (uint32_t k = 0; k < 2; k++) cells[shared_loads[k].reg] = lanes[i][k];
            feat_row_run_steps(&shared, cells, &scratch, 0, STEPS / 3);
            feat_row_run_steps(&shared, cells, &scratch, STEPS / 3, STEPS);
            for (int k = 0; k < 4; k++) {
                uint32_t plain = k < 3 ? outputs[k] : kept[0], other = k < 3 ? shared_outputs[k] : shared_kept[0];
                feat_cell a = feat_vector_cell(feat_machine_register(machines[0], plain), i);
                feat_cell b = feat_vector_cell(feat_machine_register(machines[1], other), i);
                feat_cell c = feat_cell_canonical(cells[other], shared.regs[other]);
                ck_assert(same_cell(&a, &b, code.regs[plain]) && same_cell(&a, &c, code.regs[plain]));
            }
        }
    }
    free(lanes);
    feat_machine_free(machines[0]);
    feat_machine_free(machines[1]);
}

START_TEST(test_allocation) {
    feat_arena arena;
    feat_arena_init(&arena);
    for (int round = 0; round < 50; round++) compare_allocation(&arena);
    feat_arena_done(&arena);
}
END_TEST

/* A chain needs two registers beside its load, and one that is kept. */
START_TEST(test_chain) {
    feat_class regs[11];
    feat_step steps[10];
    for (uint32_t i = 0; i < 11; i++) regs[i] = FEAT_CLASS_F;
    for (uint32_t i = 0; i < 10; i++) steps[i] = (feat_step){FEAT_OP_NEG_F, i + 1, i, FEAT_NO_NODE, FEAT_NO_NODE};
    feat_load load = {.reg = 0};
    uint32_t output = 10;
    feat_code code = {.regs = regs,
                      .n_regs = 11,
                      .loads = &load,
                      .n_loads = 1,
                      .steps = steps,
                      .n_steps = 10,
                      .outputs = &output,
                      .n_outputs = 1};
    feat_arena arena;
    feat_arena_init(&arena);
    feat_alloc_fail_after(1);
    ck_assert_int_eq(feat_code_allocate(&arena, &code, NULL), FEAT_MEMORY);
    feat_alloc_fail_after(0);
    ck_assert(code.n_regs == 11 && code.steps == steps && output == 10);
    ck_assert_int_eq(feat_code_allocate(&arena, &code, NULL), FEAT_OK);
    ck_assert_uint_eq(code.n_regs, 4);
    feat_arena_done(&arena);
}
END_TEST

START_TEST(test_out_of_memory) {
    one_step s;
    one_step_init(&s, FEAT_OP_IF_T);
    for (int64_t n = 1;; n++) {
        feat_machine *machine = NULL;
        feat_alloc_fail_after(n);
        feat_status status = feat_machine_new(&s.code, &machine, NULL);
        feat_alloc_fail_after(0);
        feat_machine_free(machine);
        if (status == FEAT_OK) break;
        ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_ptr_null(machine);
        ck_assert_int_lt(n, 100);
    }
}
END_TEST

static void add(TCase *tests) {
    tcase_add_test(tests, test_machines_agree);
    tcase_add_test(tests, test_speed_up);
    tcase_add_test(tests, test_program);
    tcase_add_test(tests, test_rules);
    tcase_add_test(tests, test_canonical);
    tcase_add_test(tests, test_tables);
    tcase_add_test(tests, test_columns);
    tcase_add_test(tests, test_ints);
    tcase_add_test(tests, test_allocation);
    tcase_add_test(tests, test_chain);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/ops", add); }
