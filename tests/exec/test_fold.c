/* Constant folding: what becomes a constant, what is left out, and what must stay. */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "exec/exec.h"
#include "plan/build.h"
#include "plan/fold.h"

static feat_arena arena;
static feat_pool from, to;
static feat_builder b;
static uint32_t map[64];

static void setup(void) {
    feat_arena_init(&arena);
    feat_pool_init(&from, &arena);
    feat_pool_init(&to, &arena);
    b = (feat_builder){.pool = &from};
}

static void teardown(void) { feat_arena_done(&arena); }

static const feat_node *folded(uint32_t node) {
    feat_error err = {0};
    ck_assert_uint_ne(node, FEAT_NO_NODE);
    ck_assert_uint_le(from.n, sizeof map / sizeof *map);
    ck_assert_int_eq(feat_pool_fold(&from, &to, feat_fold_op, map, &err), FEAT_OK);
    return &to.nodes[map[node]];
}

static uint32_t number(int64_t v) { return feat_build_int(&b, FEAT_TYPE_BIGINT, v); }
static uint32_t truth(bool v) { return feat_build_int(&b, FEAT_TYPE_BOOLEAN, v); }
static uint32_t column(feat_type type) { return feat_build_leaf(&b, FEAT_NODE_INPUT, type, 7, 0); }
/* An error value at run time. */
static uint32_t failing(void) { return feat_build_binary(&b, "+", number(INT64_MAX), number(1)); }

START_TEST(values_fold) {
    const feat_node *node =
        folded(feat_build_binary(&b, "*", feat_build_binary(&b, "+", number(2), number(3)), number(4)));
    ck_assert_int_eq(node->kind, FEAT_NODE_CONST);
    ck_assert_int_eq(node->constant.i, 20);
}
END_TEST

START_TEST(null_folds) {
    const feat_node *node = folded(feat_build_binary(&b, "//", number(2), number(0)));
    ck_assert_int_eq(node->kind, FEAT_NODE_CONST);
    ck_assert(node->is_null);
}
END_TEST

START_TEST(errors_stay) {
    const feat_node *node = folded(failing());
    ck_assert_int_eq(node->kind, FEAT_NODE_OP);
}
END_TEST

START_TEST(intervals_fold) {
    uint32_t day = feat_build_interval(&b, (feat_interval){0, 1, 0});
    const feat_node *node = folded(feat_build_binary(&b, "+", day, day));
    ck_assert_int_eq(node->kind, FEAT_NODE_CONST);
    ck_assert_int_eq(node->constant.p.days, 2);
}
END_TEST

START_TEST(only_the_chosen_branch_is_left) {
    uint32_t condition = truth(false), result = failing();
    const feat_node *node = folded(feat_build_case(&b, &condition, &result, 1, column(FEAT_TYPE_BIGINT)));
    ck_assert_int_eq(node->kind, FEAT_NODE_INPUT);
}
END_TEST

START_TEST(truth_is_dropped) {
    const feat_node *node = folded(feat_build_binary(&b, "and", truth(true), column(FEAT_TYPE_BOOLEAN)));
    ck_assert_int_eq(node->kind, FEAT_NODE_INPUT);
}
END_TEST

START_TEST(a_decided_disjunction_is_a_constant) {
    const feat_node *node = folded(feat_build_binary(&b, "or", column(FEAT_TYPE_BOOLEAN), truth(true)));
    ck_assert_int_eq(node->kind, FEAT_NODE_CONST);
    ck_assert_int_eq(node->constant.i, 1);
}
END_TEST

START_TEST(coalesce_takes_its_first_constant) {
    uint32_t args[] = {number(5), column(FEAT_TYPE_BIGINT)};
    const feat_node *node = folded(feat_build_call(&b, "coalesce", args, 2));
    ck_assert_int_eq(node->kind, FEAT_NODE_CONST);
    ck_assert_int_eq(node->constant.i, 5);
}
END_TEST

START_TEST(columns_stay) {
    const feat_node *node = folded(feat_build_binary(&b, "+", column(FEAT_TYPE_BIGINT), failing()));
    ck_assert_int_eq(node->kind, FEAT_NODE_OP);
    ck_assert_int_eq(to.nodes[node->args[0]].kind, FEAT_NODE_INPUT);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("exec/fold");
    TCase *cases = tcase_create("fold");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, values_fold);
    tcase_add_test(cases, null_folds);
    tcase_add_test(cases, errors_stay);
    tcase_add_test(cases, intervals_fold);
    tcase_add_test(cases, only_the_chosen_branch_is_left);
    tcase_add_test(cases, truth_is_dropped);
    tcase_add_test(cases, a_decided_disjunction_is_a_constant);
    tcase_add_test(cases, coalesce_takes_its_first_constant);
    tcase_add_test(cases, columns_stay);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
