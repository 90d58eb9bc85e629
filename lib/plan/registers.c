/* Registers by lifetime: a vector machine that reuses few registers keeps them all in the nearest cache. */
#include "plan/registers.h"

#include <string.h>

#include "base/alloc.h"

#define FOREVER SIZE_MAX

enum { N_CLASSES = FEAT_CLASS_V + 1 };

typedef struct allocation {
    const feat_code *code;
    size_t *last_use;         /* by old register: the last step that reads it, or FOREVER */
    uint32_t *number;         /* by old register: the new one; UINT32_MAX: none yet */
    feat_class *regs;         /* of the new ones */
    uint32_t *free_of;        /* a stack for each class, all in one array: the next free register below a free one */
    uint32_t free[N_CLASSES]; /* top of each stack; UINT32_MAX: empty */
    size_t n_regs;
} allocation;

static int n_arguments(const feat_step *step) { return feat_op_table[step->op].n_args; }

static const uint32_t *arguments(const feat_step *step, uint32_t to[3]) {
    to[0] = step->a;
    to[1] = step->b;
    to[2] = step->c;
    return to;
}

static void find_last_uses(allocation *a) {
    const feat_code *code = a->code;
    memset(a->last_use, 0xff, code->n_regs * sizeof *a->last_use); /* what no step writes comes from outside */
    for (size_t i = 0; i < code->n_steps; i++) {
        uint32_t args[3];
        arguments(&code->steps[i], args);
        a->last_use[code->steps[i].out] = i; /* a result that nobody reads is free at once */
        for (int k = 0; k < n_arguments(&code->steps[i]); k++)
            if (a->last_use[args[k]] != FOREVER) a->last_use[args[k]] = i;
    }
    for (size_t i = 0; i < code->n_loads; i++) a->last_use[code->loads[i].reg] = FOREVER;
    for (size_t i = 0; i < code->n_constants; i++) a->last_use[code->constants[i].reg] = FOREVER;
    for (size_t i = 0; i < code->n_outputs; i++) a->last_use[code->outputs[i]] = FOREVER;
    for (size_t j = 0; j < code->n_joins; j++)
        for (size_t k = 0; k < code->joins[j].block->n_key; k++) a->last_use[code->joins[j].key[k]] = FOREVER;
}

static void give_new(allocation *a, uint32_t reg) {
    a->regs[a->n_regs] = a->code->regs[reg];
    a->number[reg] = (uint32_t)a->n_regs++;
}

static void give(allocation *a, uint32_t reg) {
    uint32_t *top = &a->free[a->code->regs[reg]];
    if (*top == UINT32_MAX) {
        give_new(a, reg);
        return;
    }
    a->number[reg] = *top;
    *top = a->free_of[*top];
}

static void release(allocation *a, uint32_t reg) {
    uint32_t number = a->number[reg];
    a->free_of[number] = a->free[a->regs[number]];
    a->free[a->regs[number]] = number;
    a->last_use[reg] = FOREVER; /* an argument may be named twice, but is released once */
}

static void renumber(allocation *a, feat_step *steps) {
    const feat_code *code = a->code;
    for (size_t i = 0; i < code->n_regs; i++)
        if (a->last_use[i] == FOREVER) give_new(a, (uint32_t)i);
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *old = &code->steps[i];
        uint32_t args[3], renamed[3];
        arguments(old, args);
        if (a->number[old->out] == UINT32_MAX) give(a, old->out);
        for (int k = 0; k < 3; k++) renamed[k] = k < n_arguments(old) ? a->number[args[k]] : args[k];
        steps[i] = (feat_step){.op = old->op, .out = a->number[old->out], renamed[0], renamed[1], renamed[2]};
        for (int k = 0; k < n_arguments(old); k++)
            if (a->last_use[args[k]] == i) release(a, args[k]);
        if (a->last_use[old->out] == i) release(a, old->out);
    }
}

feat_status feat_code_allocate(feat_arena *arena, feat_code *code, feat_error *err) {
    allocation a = {.code = code,
                    .last_use = feat_alloc_array(code->n_regs, sizeof *a.last_use),
                    .number = feat_alloc_array(code->n_regs, sizeof *a.number),
                    .free_of = feat_alloc_array(code->n_regs, sizeof *a.free_of),
                    .regs = feat_arena_array(arena, code->n_regs, sizeof *a.regs)};
    feat_step *steps = feat_arena_array(arena, code->n_steps, sizeof *steps);
    bool done = a.last_use && a.number && a.free_of && a.regs && steps;
    if (done) {
        memset(a.number, 0xff, code->n_regs * sizeof *a.number);
        memset(a.free, 0xff, sizeof a.free);
        find_last_uses(&a);
        renumber(&a, steps);
        for (size_t i = 0; i < code->n_loads; i++) code->loads[i].reg = a.number[code->loads[i].reg];
        for (size_t i = 0; i < code->n_constants; i++) code->constants[i].reg = a.number[code->constants[i].reg];
        for (size_t i = 0; i < code->n_outputs; i++) code->outputs[i] = a.number[code->outputs[i]];
        for (size_t j = 0; j < code->n_joins; j++)
            for (size_t k = 0; k < code->joins[j].block->n_key; k++)
                code->joins[j].key[k] = a.number[code->joins[j].key[k]];
        code->regs = a.regs;
        code->n_regs = a.n_regs;
        code->steps = steps;
    }
    feat_free(a.last_use);
    feat_free(a.number);
    feat_free(a.free_of);
    return done ? FEAT_OK : feat_fail_memory(err);
}
