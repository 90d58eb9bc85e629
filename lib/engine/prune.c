#include "engine/prune.h"

#include <string.h>

#include "base/alloc.h"
#include "math/number.h"

typedef enum comparison { EQUAL, LESS, LESS_OR_EQUAL, GREATER, GREATER_OR_EQUAL } comparison;

typedef struct feat_prune_test {
    uint32_t field;
    comparison is; /* field <comparison> constant */
    bool ints;
    int64_t i;
    double f;
} prune_test;

/* What a register holds at a step: a field, a constant, or the result of a step. */
typedef enum source_kind { NOTHING, FIELD, CONSTANT, STEP } source_kind;
typedef struct source {
    source_kind kind;
    uint32_t index;
} source;

typedef struct finding {
    const feat_code *code;
    source *now;  /* by register, while the steps are walked */
    source *args; /* two for each step */
} finding;

static void walk(finding *f) {
    const feat_code *code = f->code;
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].kind == FEAT_LOAD_INPUT) f->now[code->loads[i].reg] = (source){FIELD, code->loads[i].index};
    for (size_t i = 0; i < code->n_constants; i++)
        if (!code->constants[i].is_null) f->now[code->constants[i].reg] = (source){CONSTANT, (uint32_t)i};
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *step = &code->steps[i];
        f->args[2 * i] = f->now[step->a];
        if (feat_op_table[step->op].n_args > 1) f->args[2 * i + 1] = f->now[step->b];
        f->now[step->out] = (source){STEP, (uint32_t)i};
    }
}

static bool comparison_of(uint16_t op, comparison *is) {
    switch (op) {
    case FEAT_OP_EQ_B:
    case FEAT_OP_EQ_I:
    case FEAT_OP_EQ_F: *is = EQUAL; return true;
    case FEAT_OP_LT_B:
    case FEAT_OP_LT_I:
    case FEAT_OP_LT_F: *is = LESS; return true;
    case FEAT_OP_LE_B:
    case FEAT_OP_LE_I:
    case FEAT_OP_LE_F: *is = LESS_OR_EQUAL; return true;
    default: return false;
    }
}

static comparison turned(comparison is) {
    switch (is) {
    case LESS: return GREATER;
    case LESS_OR_EQUAL: return GREATER_OR_EQUAL;
    default: return is;
    }
}

static feat_status add_test(feat_prune *prune, const finding *f, uint32_t step, feat_error *err) {
    const source *a = &f->args[2 * step], *b = a + 1;
    prune_test test = {0};
    if (!comparison_of(f->code->steps[step].op, &test.is)) return FEAT_OK;
    if (a->kind == CONSTANT && b->kind == FIELD) {
        const source *swap = a;
        a = b;
        b = swap;
        test.is = turned(test.is);
    }
    if (a->kind != FIELD || b->kind != CONSTANT) return FEAT_OK;
    const feat_constant *constant = &f->code->constants[b->index];
    feat_class class = f->code->regs[constant->reg];
    if (class != FEAT_CLASS_I && class != FEAT_CLASS_B && class != FEAT_CLASS_F) return FEAT_OK;
    test.field = a->index;
    test.ints = class != FEAT_CLASS_F;
    if (test.ints) test.i = constant->v.i;
    else test.f = constant->v.f;
    if (FEAT_GROW(prune->tests, prune->capacity, prune->n + 1) != 0) return feat_fail_memory(err);
    prune->tests[prune->n++] = test;
    return FEAT_OK;
}

/* Goes down through AND. The steps of a code are few, and each is looked at once: it is the argument of one AND or of
 * none that leads here, and where it is shared a second look adds the same test. */
static feat_status add_conjuncts(feat_prune *prune, const finding *f, source from, size_t depth, feat_error *err) {
    if (from.kind != STEP || depth > f->code->n_steps) return FEAT_OK;
    if (f->code->steps[from.index].op != FEAT_OP_AND) return add_test(prune, f, from.index, err);
    FEAT_TRY(add_conjuncts(prune, f, f->args[2 * from.index], depth + 1, err));
    return add_conjuncts(prune, f, f->args[2 * from.index + 1], depth + 1, err);
}

feat_status feat_prune_init_code(feat_prune *prune, const feat_code *code, feat_error *err) {
    *prune = (feat_prune){0};
    if (code->n_outputs == 0) return FEAT_OK;
    finding f = {code, feat_alloc_zero(code->n_regs, sizeof *f.now),
                 feat_alloc_zero(2 * code->n_steps, sizeof *f.args)};
    feat_status status = f.now && f.args ? FEAT_OK : feat_fail_memory(err);
    if (status == FEAT_OK) {
        walk(&f);
        status = add_conjuncts(prune, &f, f.now[code->outputs[0]], 0, err);
    }
    feat_free(f.now);
    feat_free(f.args);
    return status;
}

feat_status feat_prune_init(feat_prune *prune, const feat_union_branch *branch, feat_error *err) {
    *prune = (feat_prune){0};
    return branch->where == FEAT_NO_NODE ? FEAT_OK : feat_prune_init_code(prune, branch->stage.code, err);
}

void feat_prune_done(feat_prune *prune) {
    feat_free(prune->tests);
    *prune = (feat_prune){0};
}

/* Whether no number of [min, max] compares so; `low` and `high` are the order of min and max to the constant. */
static bool impossible(comparison is, int low, int high) {
    switch (is) {
    case EQUAL: return low > 0 || high < 0;
    case LESS: return low >= 0;
    case LESS_OR_EQUAL: return low > 0;
    case GREATER: return high <= 0;
    case GREATER_OR_EQUAL: return high < 0;
    }
    return false;
}

/* -0 and +0 are equal to a comparison, though not in the order of the statistics. */
static int order_double(double a, double b) { return a == b ? 0 : feat_double_order(a, b); }
static int order_int(int64_t a, int64_t b) { return (a > b) - (a < b); }

static bool excludes(const prune_test *test, const feat_bounds *b) {
    /* A NULL row makes the conjunct NULL, not FALSE, and NULL beside an error is an error. */
    if (!b->known || b->nulls || b->ints != test->ints) return false;
    return b->ints ? impossible(test->is, order_int(b->min_int, test->i), order_int(b->max_int, test->i))
                   : impossible(test->is, order_double(b->min_double, test->f), order_double(b->max_double, test->f));
}

feat_status feat_prune_segment(const feat_prune *prune, feat_table_version *tv, size_t segment, bool *out,
                               feat_error *err) {
    *out = false;
    for (size_t i = 0; i < prune->n && !*out; i++) {
        feat_bounds b;
        FEAT_TRY(feat_table_bounds(tv, segment, prune->tests[i].field, &b, err));
        *out = excludes(&prune->tests[i], &b);
    }
    return FEAT_OK;
}

feat_status feat_prune_pages(const feat_prune *prune, feat_table_version *tv, size_t segment, uint32_t *keep,
                             feat_error *err) {
    *keep = UINT32_MAX;
    for (size_t i = 0; i < prune->n && *keep; i++) {
        feat_bounds pages[FEAT_SEGMENT_PAGES];
        size_t n;
        FEAT_TRY(feat_table_page_bounds(tv, segment, prune->tests[i].field, pages, &n, err));
        for (size_t page = 0; page < n; page++)
            if (excludes(&prune->tests[i], &pages[page])) *keep &= ~(UINT32_C(1) << page);
    }
    return FEAT_OK;
}

feat_status feat_prune_written(const feat_prune *prune, feat_table_writer *w, size_t segment, bool *out,
                               feat_error *err) {
    *out = false;
    for (size_t i = 0; i < prune->n && !*out; i++) {
        feat_bounds b;
        FEAT_TRY(feat_table_writer_bounds(w, segment, prune->tests[i].field, &b, err));
        *out = excludes(&prune->tests[i], &b);
    }
    return FEAT_OK;
}
