/* The rows of op.def through both machines: equal bits on random lanes, and the rules for NULL and error by hand. */
#include "support.h"

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

static void compare_machines(feat_op op, size_t n, unsigned percent_no_value) {
    one_step s;
    one_step_init(&s, op);
    feat_machine *machine = NULL;
    ck_assert_int_eq(feat_machine_new(&s.code, &machine, NULL), FEAT_OK);
    feat_cell(*lanes)[3] = malloc(FEAT_LANES * sizeof *lanes);
    for (uint32_t r = 0; r < 3; r++) {
        feat_vector *v = feat_machine_register(machine, r);
        ck_assert_uint_eq((uintptr_t)v->values % 64, 0);
        v->plain = true;
        for (size_t i = 0; i < n; i++) {
            lanes[i][r] = random_cell(s.regs[r], percent_no_value);
            set_lane(v, i, &lanes[i][r]);
            if (lanes[i][r].state != FEAT_STATE_VALUE) v->plain = false;
        }
        /* Where `plain` holds nobody may look at the states. */
        if (v->plain) memset(v->state, 0xaa, FEAT_LANES);
    }
    feat_machine_run(machine, n);
    const feat_vector *out = feat_machine_register(machine, 3);
    bool plain = true;
    for (size_t i = 0; i < n; i++) {
        feat_cell cells[4], single, vector = feat_vector_cell(out, i);
        feat_row_init(&s.code, cells);
        for (uint32_t r = 0; r < 3; r++) cells[r] = lanes[i][r];
        feat_row_run(&s.code, cells);
        feat_row_op(op, &single, &lanes[i][0], &lanes[i][1], &lanes[i][2]);
        ck_assert_msg(same_cell(&vector, &cells[3], s.regs[3]) && same_cell(&single, &cells[3], s.regs[3]),
                      "%s: lane %zu of %zu differs: states %d %d %d", feat_op_table[op].id, i, n, vector.state,
                      cells[3].state, single.state);
        plain = plain && vector.state == FEAT_STATE_VALUE;
    }
    ck_assert_msg(out->plain == plain, "%s: plain is %d", feat_op_table[op].id, out->plain);
    free(lanes);
    feat_machine_free(machine);
}

START_TEST(test_machines_agree) {
    static const size_t sizes[] = {1, 7, 8, 2047, 2048};
    static const unsigned percents[] = {0, 5, 60};
    for (int op = 0; op < FEAT_OP_COUNT; op++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t p = 0; p < sizeof percents / sizeof *percents; p++)
                for (int round = 0; round < (sizes[s] < 10 ? 50 : 2); round++)
                    compare_machines((feat_op)op, sizes[s], percents[p]);
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
        for (size_t i = 0; i < 100; i++) ((double *)input->values)[i] = (double)i / 10;
        feat_machine_run(machine, 100);
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
            feat_row_run(&code, cells);
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
        feat_row_op(rules[i].op, &out, &rules[i].a, &rules[i].b, &rules[i].c);
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

static feat_cell cell_of_column(const feat_column *column, size_t row) {
    feat_cell cell;
    memset(&cell, 0, sizeof cell);
    feat_class class = feat_class_of(column->type);
    if (feat_column_is_null(column, row)) cell.state = FEAT_STATE_NULL;
    else if (class == FEAT_CLASS_F) cell.v.f = feat_column_double(column, row);
    else if (class == FEAT_CLASS_T) cell.v.t = feat_column_text(column, row);
    else if (class == FEAT_CLASS_B) cell.v.b = (uint8_t)feat_column_int(column, row);
    else cell.v.i = feat_column_int(column, row);
    return feat_cell_canonical(cell, class);
}

START_TEST(test_columns) {
    static const feat_type types[] = {FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE,
                                      FEAT_TYPE_TEXT,    FEAT_TYPE_DATE,   FEAT_TYPE_TIMESTAMP};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (unsigned percent = 0; percent <= 30; percent += 30) {
            feat_class class = feat_class_of(types[t]);
            feat_code code = {.regs = &class, .n_regs = 1};
            feat_machine *machine;
            ck_assert_int_eq(feat_machine_new(&code, &machine, NULL), FEAT_OK);
            feat_vector *v = feat_machine_register(machine, 0);
            feat_column from, to;
            feat_column_init(&from, types[t]);
            feat_column_init(&to, types[t]);
            for (size_t i = 0; i < 3000; i++) {
                feat_cell cell = random_cell(class, percent);
                int64_t number = class == FEAT_CLASS_B        ? cell.v.b
                                 : types[t] == FEAT_TYPE_DATE ? (int32_t)cell.v.i
                                                              : cell.v.i;
                int rc = cell.state != FEAT_STATE_VALUE ? feat_column_append_null(&from)
                         : class == FEAT_CLASS_F        ? feat_column_append_double(&from, cell.v.f)
                         : class == FEAT_CLASS_T        ? feat_column_append_text(&from, cell.v.t.data, cell.v.t.length)
                                                        : feat_column_append_int(&from, number);
                ck_assert_int_eq(rc, 0);
            }
            uint32_t rows[500];
            for (size_t i = 0; i < 500; i++) rows[i] = (uint32_t)random_below(3000);
            feat_vector_load(v, &from, 900, 2048);
            ck_assert_int_eq(feat_vector_store(v, 2048, &to), 0);
            feat_vector_gather(v, &from, rows, 500);
            ck_assert_int_eq(feat_vector_store(v, 500, &to), 0);
            ck_assert_uint_eq(to.length, 2548);
            for (size_t i = 0; i < to.length; i++) {
                feat_cell a = cell_of_column(&from, i < 2048 ? 900 + i : rows[i - 2048]), b = cell_of_column(&to, i);
                ck_assert(same_cell(&a, &b, class));
            }
            /* An error becomes NULL. */
            v->plain = false;
            memset(v->state, FEAT_STATE_ERROR, FEAT_LANES);
            ck_assert_int_eq(feat_vector_store(v, 3, &to), 0);
            ck_assert(feat_column_is_null(&to, 2550));
            feat_column_done(&from);
            feat_column_done(&to);
            feat_machine_free(machine);
        }
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
    tcase_add_test(tests, test_program);
    tcase_add_test(tests, test_rules);
    tcase_add_test(tests, test_canonical);
    tcase_add_test(tests, test_tables);
    tcase_add_test(tests, test_columns);
    tcase_add_test(tests, test_out_of_memory);
}

int main(void) { return run_case("exec/ops", add); }
