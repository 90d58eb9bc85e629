/* The machine over vectors: registers, and steps that run kernels over strips of them. */
#include <assert.h>

#include "base/alloc.h"
#include "exec/cell.h"
#include "exec/exec.h"
#include "exec/kernel.h"

/* A step with what it needs at hand. */
typedef struct instruction {
    feat_kernel *kernel;
    feat_vector *out;
    const feat_vector *a, *b, *c;
} instruction;

struct feat_machine {
    size_t n_regs, n_steps;
    feat_vector *registers;
    instruction *instructions;
    void *memory; /* of all registers */
    feat_scratch scratch;
};

enum { LANE_WORDS = FEAT_LANES / FEAT_BLOCK_LANES, STRIPS = FEAT_LANES / FEAT_STRIP_LANES };
_Static_assert(FEAT_LANES % FEAT_STRIP_LANES == 0 && FEAT_STRIP_LANES % FEAT_BLOCK_LANES == 0, "whole strips");
_Static_assert(STRIPS < 32, "a bit of `plain` for each");
#define ALL_PLAIN ((UINT32_C(1) << STRIPS) - 1)

/* Lanes and bitmaps of a register, and five cache lines that nobody uses: registers that begin a power of two apart
 * would compete for the same lines of the cache. */
static size_t register_size(feat_class class) {
    return FEAT_LANES * feat_class_size(class) + 2 * LANE_WORDS * sizeof(uint64_t) + 5 * 64;
}

feat_level feat_level_best(void) {
#if defined(__x86_64__) && defined(__GNUC__)
    bool avx2 = __builtin_cpu_supports("avx2");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return FEAT_LEVEL_AVX512;
    if (avx2) return FEAT_LEVEL_AVX2;
#endif
    return FEAT_LEVEL_BASELINE;
}

static feat_kernel *kernel_of(uint16_t op, feat_level level) {
    feat_kernel *kernel = level == FEAT_LEVEL_AVX512 ? feat_kernels_avx512[op] : NULL;
    if (!kernel && level >= FEAT_LEVEL_AVX2) kernel = feat_kernels_avx2[op];
    return kernel ? kernel : feat_kernels_baseline[op];
}

/* ---- making one ---- */

#define FILL_LANES(type, value)                                                                                        \
    for (size_t lane = 0; lane < FEAT_LANES; lane++) ((type *)v->own)[lane] = (value)

static void fill_constant(feat_vector *v, const feat_constant *constant) {
    v->lane_mask = 0;
    if (constant->is_null) {
        memset(v->null, 0xff, LANE_WORDS * sizeof *v->null);
        v->plain = 0;
        return;
    }
    switch (v->class) {
    case FEAT_CLASS_B: FILL_LANES(uint8_t, constant->v.i != 0); break;
    case FEAT_CLASS_I: FILL_LANES(int64_t, constant->v.i); break;
    case FEAT_CLASS_F: FILL_LANES(double, constant->v.f); break;
    case FEAT_CLASS_T: FILL_LANES(feat_text, constant->v.t); break;
    case FEAT_CLASS_W: FILL_LANES(feat_int128, constant->v.w); break;
    case FEAT_CLASS_V: FILL_LANES(feat_interval, constant->v.p); break;
    case FEAT_CLASS_N: break;
    }
}

static void lay_out(feat_machine *m, const feat_code *code, unsigned char *memory) {
    for (size_t i = 0; i < m->n_regs; i++) {
        feat_vector *v = &m->registers[i];
        size_t lanes = FEAT_LANES * feat_class_size(code->regs[i]);
        *v = (feat_vector){.class = code->regs[i], .plain = ALL_PLAIN, .lane_mask = SIZE_MAX};
        v->own = memory;
        v->values = memory;
        v->null = (uint64_t *)(void *)(memory + lanes);
        v->error = v->null + LANE_WORDS;
        if (v->class == FEAT_CLASS_T) FILL_LANES(feat_text, ((feat_text){"", 0}));
        memory += register_size(v->class);
    }
    for (size_t i = 0; i < code->n_constants; i++)
        fill_constant(&m->registers[code->constants[i].reg], &code->constants[i]);
}

/* An operation with fewer arguments leaves the numbers of the others open: its kernel does not look at them. */
static const feat_vector *argument(const feat_machine *m, uint32_t reg) {
    return &m->registers[reg < m->n_regs ? reg : 0];
}

feat_status feat_machine_new_level(const feat_code *code, feat_level level, feat_machine **machine, feat_error *err) {
    size_t size = 0;
    for (size_t i = 0; i < code->n_regs; i++)
        if (__builtin_add_overflow(size, register_size(code->regs[i]), &size)) return feat_fail_memory(err);
    feat_machine *m = feat_alloc_zero(1, sizeof *m);
    feat_vector *registers = feat_alloc_zero(code->n_regs, sizeof *registers);
    instruction *instructions = feat_alloc_zero(code->n_steps, sizeof *instructions);
    unsigned char *memory = feat_alloc_aligned(size);
    if (!m || !registers || !instructions || !memory) {
        feat_free(m);
        feat_free(registers);
        feat_free(instructions);
        feat_free(memory);
        return feat_fail_memory(err);
    }
    memset(memory, 0, size);
    *m = (feat_machine){.n_regs = code->n_regs,
                        .n_steps = code->n_steps,
                        .registers = registers,
                        .instructions = instructions,
                        .memory = memory};
    lay_out(m, code, memory);
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *step = &code->steps[i];
        assert(step->op < FEAT_OP_COUNT && step->out < code->n_regs);
        instructions[i] = (instruction){kernel_of(step->op, level), &registers[step->out], argument(m, step->a),
                                        argument(m, step->b), argument(m, step->c)};
    }
    *machine = m;
    return FEAT_OK;
}

feat_status feat_machine_new(const feat_code *code, feat_machine **machine, feat_error *err) {
    return feat_machine_new_level(code, feat_level_best(), machine, err);
}

void feat_machine_free(feat_machine *machine) {
    if (!machine) return;
    feat_free(machine->registers);
    feat_free(machine->instructions);
    feat_free(machine->memory);
    feat_scratch_done(&machine->scratch);
    feat_free(machine);
}

feat_vector *feat_machine_register(feat_machine *machine, uint32_t reg) {
    assert(reg < machine->n_regs);
    return &machine->registers[reg];
}

/* ---- running it ---- */

/* Lanes that the next batch will borrow, if it follows this one, asked for while this one computes: the processor does
 * not see a column of which it is shown a strip at a time as one stream. A few lines after each step, because it can
 * wait for a few at a time only. Nothing is read, so that this may go beyond the end of a column. */
typedef struct prefetch {
    const feat_vector *v, *end;
    size_t first, lanes, at; /* the strip; bytes of *v that are asked for */
} prefetch;

static size_t bytes_borrowed(const feat_vector *v, size_t lanes) {
    return v->values == v->own ? 0 : lanes * feat_class_size(v->class);
}

static void prefetch_some(prefetch *p, size_t bytes) {
    for (; p->v < p->end; p->v++, p->at = 0) {
        size_t size = bytes_borrowed(p->v, p->lanes);
        const char *next = (const char *)p->v->values + (p->first + FEAT_LANES) * feat_class_size(p->v->class);
        for (; p->at < size; p->at += 64) {
            if (bytes == 0) return;
            __builtin_prefetch(next + p->at, 0, 2);
            bytes -= 64;
        }
    }
}

feat_status feat_machine_run_steps(feat_machine *machine, size_t from, size_t to, size_t n, feat_error *err) {
    assert(n <= FEAT_LANES && from <= to && to <= machine->n_steps);
    const instruction *end = machine->instructions + to;
    if (from == 0) feat_scratch_reset(&machine->scratch);
    size_t share = 0; /* of a strip's bytes after each step */
    for (size_t r = 0; r < machine->n_regs; r++) share += bytes_borrowed(&machine->registers[r], FEAT_STRIP_LANES);
    if (share > 0 && to > from) share = (share / (to - from) + 63) / 64 * 64;
    for (size_t first = 0; first < n; first += FEAT_STRIP_LANES) {
        size_t lanes = n - first < FEAT_STRIP_LANES ? n - first : FEAT_STRIP_LANES;
        prefetch next = {machine->registers, machine->registers + machine->n_regs, first, lanes, 0};
        for (const instruction *i = machine->instructions + from; i < end; i++) {
            i->kernel(i->out, i->a, i->b, i->c, first, lanes, &machine->scratch);
            if (share > 0) prefetch_some(&next, share);
        }
    }
    return machine->scratch.failed ? feat_fail_memory(err) : FEAT_OK;
}

feat_status feat_machine_run(feat_machine *machine, size_t n, feat_error *err) {
    return feat_machine_run_steps(machine, 0, machine->n_steps, n, err);
}
