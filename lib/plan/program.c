/* Programs: the lowered code of a service, as a cache beside its form. Loading must take microseconds, so the bytes are
 * plain little-endian numbers in the order in which they are used, and all that is made of them lies in one arena. Code
 * is checked by running it on paper: each register by class, written before it is read, and what must last is not
 * overwritten. doc/format.md lists the bytes. */
#include <string.h>

#include "base/alloc.h"
#include "plan/form.h"

#define MAGIC UINT32_C(0x47525046) /* "FPRG" */
enum { PROGRAM_VERSION = 1, HASH_SIZE = 8, NO_ARGUMENT = 0, HAS_ARGUMENT = 1, HAS_FILTER = 2 };
enum { FLAG_RETAINED = 1, FLAG_WHERE = 2 };
enum { MOST_ROWS = (int)FEAT_OP_COUNT + (int)FEAT_AGG_COUNT_OF };

/* ---- Packing. ---- */

/* The operators or aggregates that a program uses, numbered as they come. */
typedef struct numbering {
    uint32_t number[MOST_ROWS]; /* from 1; 0: none */
    uint16_t used[MOST_ROWS];
    uint32_t n;
} numbering;

typedef struct packing {
    feat_buffer out;
    feat_block_set blocks;
    const feat_schema **tables;
    size_t n_tables, tables_capacity;
    numbering ops, aggs;
    feat_error *err;
} packing;

static void number(numbering *n, int item) {
    if (n->number[item]) return;
    n->used[n->n] = (uint16_t)item;
    n->number[item] = ++n->n;
}

static void put_text(feat_buffer *out, const char *text, size_t length) {
    feat_buffer_u32(out, (uint32_t)length);
    feat_buffer_append(out, text, length);
}

static void put_name(feat_buffer *out, const char *name) { put_text(out, name, strlen(name)); }

static uint32_t table_number(const packing *p, const feat_schema *table) {
    uint32_t i = 0;
    while (p->tables[i] != table) i++;
    return i;
}

/* What a stage's code uses; its blocks come before it. */
static feat_status scan_code(packing *p, const feat_code *code, int depth);

static feat_status scan_block(packing *p, const feat_block *block, int depth) {
    if (feat_block_set_find(&p->blocks, &block->fingerprint) != UINT32_MAX) return FEAT_OK;
    if (depth > FEAT_BLOCK_DEPTH)
        return feat_fail(p->err, FEAT_LIMIT, "joins nest more than %d deep; join fewer in a chain", FEAT_BLOCK_DEPTH);
    for (size_t b = 0; b < block->n_branches; b++) {
        const feat_union_branch *branch = &block->branches[b];
        size_t t = 0;
        FEAT_TRY(scan_code(p, branch->stage.code, depth + 1));
        while (t < p->n_tables && p->tables[t] != branch->table) t++;
        if (t < p->n_tables) continue;
        if (FEAT_GROW(p->tables, p->tables_capacity, p->n_tables + 1) != 0) return feat_fail_memory(p->err);
        p->tables[p->n_tables++] = branch->table;
    }
    FEAT_TRY(scan_code(p, block->clock.code, depth + 1));
    for (size_t i = 0; i < block->n_aggregates; i++) number(&p->aggs, (int)block->aggregates[i].agg);
    return feat_block_set_add(&p->blocks, block) == 0 ? FEAT_OK : feat_fail_memory(p->err);
}

static feat_status scan_code(packing *p, const feat_code *code, int depth) {
    for (size_t i = 0; i < code->n_steps; i++) number(&p->ops, code->steps[i].op);
    for (size_t j = 0; j < code->n_joins; j++) FEAT_TRY(scan_block(p, code->joins[j].block, depth));
    return FEAT_OK;
}

static void put_constant(feat_buffer *out, const feat_code *code, const feat_constant *c) {
    uint64_t bits;
    feat_buffer_u32(out, c->reg);
    feat_buffer_byte(out, c->is_null);
    if (c->is_null) return;
    switch (code->regs[c->reg]) {
    case FEAT_CLASS_T: put_text(out, c->v.t.data, c->v.t.length); break;
    case FEAT_CLASS_F:
        memcpy(&bits, &c->v.f, sizeof bits);
        feat_buffer_u64(out, bits);
        break;
    case FEAT_CLASS_W:
        feat_buffer_u64(out, (uint64_t)c->v.w);
        feat_buffer_u64(out, (uint64_t)((feat_uint128)c->v.w >> 64));
        break;
    case FEAT_CLASS_V:
        feat_buffer_u32(out, (uint32_t)c->v.p.months);
        feat_buffer_u32(out, (uint32_t)c->v.p.days);
        feat_buffer_u64(out, (uint64_t)c->v.p.us);
        break;
    default: feat_buffer_u64(out, (uint64_t)c->v.i);
    }
}

static void put_parameter(feat_buffer *out, const feat_parameter *p) {
    feat_class class = feat_class_of(p->type);
    feat_code code = {.regs = &class};
    feat_constant c = {0};
    memcpy(&c.v, &p->v, sizeof p->v);
    feat_buffer_u64(out, p->type);
    if (p->type) put_constant(out, &code, &c);
}

static void put_steps(packing *p, const feat_code *code) {
    feat_buffer *out = &p->out;
    feat_buffer_u32(out, (uint32_t)code->n_steps);
    for (size_t i = 0; i < code->n_steps; i++) {
        const feat_step *step = &code->steps[i];
        uint32_t args[3] = {step->a, step->b, step->c};
        feat_buffer_u32(out, p->ops.number[step->op] - 1);
        feat_buffer_u32(out, step->out);
        for (int k = 0; k < feat_op_table[step->op].n_args; k++) feat_buffer_u32(out, args[k]);
    }
}

/* `table`: of an event stage, whose inputs are columns by id. */
static void put_code(packing *p, const feat_code *code, const feat_schema *table) {
    feat_buffer *out = &p->out;
    feat_buffer_u32(out, (uint32_t)code->n_regs);
    for (size_t i = 0; i < code->n_regs; i++) feat_buffer_byte(out, (uint8_t)code->regs[i]);
    feat_buffer_u32(out, (uint32_t)code->n_joins);
    for (size_t j = 0; j < code->n_joins; j++) {
        const feat_code_join *join = &code->joins[j];
        feat_buffer_u32(out, feat_block_set_find(&p->blocks, &join->block->fingerprint));
        feat_buffer_u32(out, join->step);
        for (size_t k = 0; k < join->block->n_key; k++) {
            feat_buffer_u64(out, join->types[k]);
            feat_buffer_u32(out, join->key[k]);
        }
    }
    feat_buffer_u32(out, (uint32_t)code->n_loads);
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        bool joined = load->kind == FEAT_LOAD_AGGREGATE || load->kind == FEAT_LOAD_FOUND;
        feat_buffer_byte(out, (uint8_t)load->kind);
        feat_buffer_u64(out, load->type);
        feat_buffer_u32(out, load->reg);
        feat_buffer_u32(out, load->kind == FEAT_LOAD_INPUT && table ? table->fields[load->index].id : load->index);
        feat_buffer_u32(out, joined ? load->join : 0);
    }
    feat_buffer_u32(out, (uint32_t)code->n_constants);
    for (size_t i = 0; i < code->n_constants; i++) put_constant(out, code, &code->constants[i]);
    put_steps(p, code);
    feat_buffer_u32(out, (uint32_t)code->n_outputs);
    for (size_t i = 0; i < code->n_outputs; i++) feat_buffer_u32(out, code->outputs[i]);
}

static void put_branch(packing *p, const feat_block *block, const feat_union_branch *branch) {
    feat_buffer *out = &p->out;
    feat_buffer_u32(out, table_number(p, branch->table));
    feat_buffer_byte(
        out, (uint8_t)((branch->retained ? FLAG_RETAINED : 0) | (branch->where != FEAT_NO_NODE ? FLAG_WHERE : 0)));
    for (size_t s = 0; s < block->n_slots; s++)
        feat_buffer_byte(out, (uint8_t)((branch->slots[s].arg != FEAT_NO_NODE ? HAS_ARGUMENT : NO_ARGUMENT) |
                                        (branch->slots[s].filter != FEAT_NO_NODE ? HAS_FILTER : 0)));
    feat_buffer_u32(out, (uint32_t)branch->n_ties);
    for (size_t i = 0; i < branch->n_ties; i++) feat_buffer_u32(out, branch->table->fields[branch->ties[i]].id);
    put_code(p, branch->stage.code, branch->table);
}

static void put_interval(feat_buffer *out, const feat_interval *v) {
    feat_buffer_u32(out, (uint32_t)v->months);
    feat_buffer_u32(out, (uint32_t)v->days);
    feat_buffer_u64(out, (uint64_t)v->us);
}

static void put_window(feat_buffer *out, const feat_window *w) {
    const uint8_t flags[] = {(uint8_t)w->frame, w->unbounded, w->open_left, w->open_right, (uint8_t)w->exclude};
    feat_buffer_append(out, flags, sizeof flags);
    put_interval(out, &w->start);
    put_interval(out, &w->end);
    feat_buffer_u32(out, w->low);
    feat_buffer_u32(out, w->high);
    feat_buffer_u64(out, (uint64_t)w->first);
    feat_buffer_u64(out, (uint64_t)w->last);
}

static void put_types(feat_buffer *out, const feat_type *types, size_t n) {
    feat_buffer_u32(out, (uint32_t)n);
    for (size_t i = 0; i < n; i++) feat_buffer_u64(out, types[i]);
}

static void put_block(packing *p, const feat_block *block) {
    feat_buffer *out = &p->out;
    feat_buffer_append(out, block->fingerprint.bytes, sizeof block->fingerprint.bytes);
    put_types(out, block->key, block->n_key);
    put_types(out, block->slots, block->n_slots);
    feat_buffer_u32(out, (uint32_t)block->n_branches);
    for (size_t i = 0; i < block->n_branches; i++) put_branch(p, block, &block->branches[i]);
    feat_buffer_u32(out, (uint32_t)block->n_bounds);
    feat_buffer_u32(out, block->low);
    feat_buffer_u32(out, block->high);
    put_code(p, block->clock.code, NULL);
    feat_buffer_u32(out, (uint32_t)block->n_windows);
    for (size_t i = 0; i < block->n_windows; i++) put_window(out, &block->windows[i]);
    feat_buffer_u32(out, (uint32_t)block->n_aggregates);
    for (size_t i = 0; i < block->n_aggregates; i++) {
        const feat_aggregate *a = &block->aggregates[i];
        feat_buffer_u32(out, p->aggs.number[a->agg] - 1);
        feat_buffer_u32(out, a->slot);
        feat_buffer_u32(out, a->window);
        feat_buffer_u32(out, a->low);
        feat_buffer_u32(out, a->high);
        feat_buffer_u32(out, a->otherwise);
        feat_buffer_u64(out, (uint64_t)a->offset);
        feat_buffer_u32(out, (uint32_t)a->n_order);
        for (size_t k = 0; k < a->n_order; k++) {
            feat_buffer_u32(out, a->order[k].slot);
            feat_buffer_u32(out, a->order[k].descending | (uint32_t)a->order[k].nulls_first << 1);
        }
        feat_buffer_u64(out, a->type);
        if (feat_agg_table[a->agg].function) {
            feat_buffer_u32(out, a->second);
            feat_buffer_byte(out, a->distinct);
            put_parameter(out, &a->parameter);
        }
    }
}

/* Each with the number that it has in this library: where it still has it, nothing need be searched. */
static void put_numbering(feat_buffer *out, const numbering *n, bool ops) {
    feat_buffer_u32(out, n->n);
    for (uint32_t i = 0; i < n->n; i++) {
        uint16_t at = n->used[i];
        feat_buffer_u32(out, at);
        feat_buffer_u32(out, (uint32_t)(ops ? feat_op_table[at].revision : feat_agg_table[at].revision));
        put_name(out, ops ? feat_op_table[at].id : feat_agg_table[at].id);
    }
}

static void put_service(packing *p, const feat_service *service) {
    feat_buffer *out = &p->out;
    put_name(out, service->name);
    feat_buffer_u32(out, service->version);
    feat_buffer_u32(out, (uint32_t)service->n_inputs);
    for (size_t i = 0; i < service->n_inputs; i++) {
        put_name(out, service->inputs[i].name);
        feat_buffer_u64(out, service->inputs[i].type);
    }
    feat_buffer_u32(out, (uint32_t)service->n_views);
    for (size_t v = 0; v < service->n_views; v++) {
        const feat_service_view *view = &service->views[v];
        put_name(out, view->alias);
        put_name(out, view->name);
        feat_buffer_u32(out, view->version);
        feat_buffer_append(out, view->fingerprint.bytes, sizeof view->fingerprint.bytes);
        feat_buffer_byte(out, view->materialized);
        feat_buffer_u32(out, (uint32_t)view->found_output);
        feat_buffer_u32(out, (uint32_t)view->expired_output);
    }
    feat_buffer_u32(out, (uint32_t)service->n_features);
    for (size_t i = 0; i < service->n_features; i++) {
        put_name(out, service->features[i].name);
        feat_buffer_u64(out, service->features[i].type);
        feat_buffer_u32(out, (uint32_t)service->feature_view[i]);
    }
    put_code(p, service->stage.code, NULL);
}

static feat_status pack(packing *p, const feat_service *service) {
    feat_buffer *out = &p->out;
    FEAT_TRY(scan_code(p, service->stage.code, 1));
    feat_buffer_u32(out, MAGIC);
    feat_buffer_u32(out, PROGRAM_VERSION);
    feat_buffer_append(out, service->fingerprint.bytes, sizeof service->fingerprint.bytes);
    put_numbering(out, &p->ops, true);
    put_numbering(out, &p->aggs, false);
    feat_buffer_u32(out, (uint32_t)p->n_tables);
    for (size_t i = 0; i < p->n_tables; i++) {
        feat_buffer_u32(out, p->tables[i]->table_id);
        put_name(out, p->tables[i]->name);
    }
    feat_buffer_u32(out, (uint32_t)p->blocks.n);
    for (size_t i = 0; i < p->blocks.n; i++) put_block(p, p->blocks.blocks[i]);
    put_service(p, service);
    if (!out->failed) feat_buffer_u64(out, feat_hash64(out->data, out->size));
    return out->failed ? feat_fail_memory(p->err) : FEAT_OK;
}

feat_status feat_program_pack(const feat_service *service, feat_buffer *out, feat_error *err) {
    packing *p = feat_alloc_zero(1, sizeof *p);
    if (!p) return feat_fail_memory(err);
    p->err = err;
    feat_buffer_init(&p->out);
    feat_status status = pack(p, service);
    void *room = status == FEAT_OK ? feat_buffer_extend(out, p->out.size) : NULL;
    if (room) memcpy(room, p->out.data, p->out.size);
    else if (status == FEAT_OK) status = feat_fail_memory(err);
    feat_buffer_done(&p->out);
    feat_block_set_done(&p->blocks);
    feat_free(p->tables);
    feat_free(p);
    return status;
}

/* ---- Loading. ---- */

typedef struct loading {
    feat_arena *arena;
    const feat_scope *scope;
    feat_cursor c;
    uint16_t *ops, *aggs;
    uint32_t n_ops, n_aggs;
    const feat_schema **tables;
    uint32_t n_tables;
    feat_block *blocks; /* those read so far */
    uint32_t *depths;
    uint32_t n_blocks, depth;
    bool no_memory;
    feat_error *err;
} loading;

static feat_status corrupt(loading *l, const char *why) {
    return l->no_memory ? feat_fail_memory(l->err)
                        : feat_fail(l->err, FEAT_CORRUPT,
                                    "a program is damaged (%s); it is made again from its definition", why);
}

/* Numbers of items are at most what the bytes that follow can hold. */
static uint32_t read_count(loading *l, size_t bytes_each) {
    uint32_t n = feat_cursor_u32(&l->c);
    if (l->c.failed || n > (size_t)(l->c.end - l->c.at) / bytes_each) {
        l->c.failed = true;
        return 0;
    }
    return n;
}

static void *array(loading *l, size_t n, size_t size) {
    void *p = feat_arena_array(l->arena, n, size);
    if (!p) l->no_memory = l->c.failed = true;
    return p;
}

static uint32_t read_below(loading *l, size_t limit) {
    uint32_t v = feat_cursor_u32(&l->c);
    if (v >= limit) l->c.failed = true;
    return l->c.failed ? 0 : v;
}

static uint32_t read_optional(loading *l, size_t limit) {
    uint32_t v = feat_cursor_u32(&l->c);
    if (v != UINT32_MAX && v >= limit) l->c.failed = true;
    return v;
}

static bool read_flag(loading *l) {
    uint8_t v = feat_cursor_byte(&l->c);
    if (v > 1) l->c.failed = true;
    return v == 1;
}

static feat_type read_type(loading *l) {
    feat_type type = feat_cursor_u64(&l->c);
    if (!feat_type_valid(type)) l->c.failed = true;
    return type;
}

static feat_text read_text(loading *l) {
    uint32_t n = read_count(l, 1);
    const char *bytes = feat_cursor_bytes(&l->c, n);
    return (feat_text){bytes ? bytes : "", bytes ? n : 0};
}

static const char *read_name(loading *l) {
    feat_text t = read_text(l);
    if (l->c.failed || t.length == 0 || memchr(t.data, 0, t.length)) {
        l->c.failed = true;
        return "";
    }
    const char *name = feat_arena_strndup(l->arena, t.data, t.length);
    if (!name) l->no_memory = l->c.failed = true;
    return name;
}

static feat_digest read_digest(loading *l) {
    feat_digest d = {{0}};
    const void *bytes = feat_cursor_bytes(&l->c, sizeof d.bytes);
    if (bytes) memcpy(d.bytes, bytes, sizeof d.bytes);
    return d;
}

static feat_interval read_interval(loading *l) {
    feat_interval v;
    v.months = (int32_t)feat_cursor_u32(&l->c);
    v.days = (int32_t)feat_cursor_u32(&l->c);
    v.us = (int64_t)feat_cursor_u64(&l->c);
    return v;
}

static const char *row_id(bool ops, uint32_t i) { return ops ? feat_op_table[i].id : feat_agg_table[i].id; }

static bool is_id(bool ops, uint32_t i, feat_text id) { return feat_form_is(row_id(ops, i), id.data, id.length); }

static feat_status read_numbering(loading *l, bool ops, uint16_t **numbers, uint32_t *n) {
    uint32_t rows = ops ? FEAT_OP_COUNT : FEAT_AGG_COUNT_OF;
    *n = read_count(l, 12);
    *numbers = array(l, *n, sizeof **numbers);
    for (uint32_t i = 0; i < *n && !l->c.failed; i++) {
        uint32_t at = feat_cursor_u32(&l->c), revision = feat_cursor_u32(&l->c);
        feat_text id = read_text(l);
        if (l->c.failed || id.length == 0) return corrupt(l, "an operator");
        if (at >= rows || !is_id(ops, at, id))
            for (at = 0; at < rows && !is_id(ops, at, id);) at++;
        if (at == rows || revision != (uint32_t)(ops ? feat_op_table[at].revision : feat_agg_table[at].revision))
            return feat_fail(l->err, FEAT_FORMAT, "a program uses an operator of another version of the library");
        (*numbers)[i] = (uint16_t)at;
    }
    return l->c.failed ? corrupt(l, "its operators") : FEAT_OK;
}

static feat_status read_tables(loading *l) {
    l->n_tables = read_count(l, 8);
    l->tables = array(l, l->n_tables, sizeof *l->tables);
    for (uint32_t i = 0; i < l->n_tables && !l->c.failed; i++) {
        uint32_t id = feat_cursor_u32(&l->c);
        feat_text name = read_text(l);
        for (size_t t = 0; t < l->scope->n_tables && !l->tables[i]; t++) {
            const feat_schema *table = l->scope->tables[t];
            if (table->table_id == id && feat_form_is(table->name, name.data, name.length)) l->tables[i] = table;
        }
        if (!l->tables[i]) return corrupt(l, "it reads a table that is not there");
    }
    return l->c.failed ? corrupt(l, "its tables") : FEAT_OK;
}

/* ---- Code. ---- */

/* What is known of a register while code is checked. */
enum { WRITTEN = 1, GIVEN = 2 /* a load or constant: no step writes it */, LASTS = 4 /* is written once at most */ };

typedef struct checking {
    loading *l;
    feat_code *code;
    uint8_t *state;
} checking;

/* What inputs of the code are. */
typedef struct inputs {
    const feat_schema *table;
    const feat_field *fields;
    size_t n;
    bool joins;
} inputs;

static uint32_t read_register(checking *k, feat_class class) {
    uint32_t reg = read_below(k->l, k->code->n_regs);
    if (!k->l->c.failed && k->code->regs[reg] != class) k->l->c.failed = true;
    return reg;
}

/* A register that this load or constant has for itself. */
static uint32_t take_register(checking *k, uint32_t reg) {
    if (k->l->c.failed) return 0;
    if (k->state[reg] & GIVEN) k->l->c.failed = true;
    k->state[reg] |= GIVEN;
    return reg;
}

static void read_code_joins(checking *k, const inputs *in) {
    loading *l = k->l;
    feat_code *code = k->code;
    code->n_joins = read_count(l, 8);
    if (code->n_joins && !in->joins) l->c.failed = true;
    code->joins = array(l, code->n_joins, sizeof *code->joins);
    for (size_t j = 0; j < code->n_joins && !l->c.failed; j++) {
        feat_code_join *join = &code->joins[j];
        uint32_t block = read_below(l, l->n_blocks);
        join->step = feat_cursor_u32(&l->c);
        if (l->c.failed || (j > 0 && join->step < join[-1].step)) {
            l->c.failed = true;
            return;
        }
        if (l->depths[block] > l->depth) l->depth = l->depths[block];
        join->block = &l->blocks[block];
        join->key = array(l, join->block->n_key, sizeof *join->key);
        join->types = array(l, join->block->n_key, sizeof *join->types);
        for (size_t i = 0; i < join->block->n_key && !l->c.failed; i++) {
            join->types[i] = read_type(l);
            if (!l->c.failed && !feat_form_key_fits(join->types[i], join->block->key[i])) l->c.failed = true;
            join->key[i] = read_register(k, feat_class_of(join->types[i]));
            if (!l->c.failed) k->state[join->key[i]] |= LASTS;
        }
    }
}

static void read_load(checking *k, const inputs *in, feat_load *load) {
    loading *l = k->l;
    load->kind = (feat_load_kind)feat_cursor_byte(&l->c);
    load->type = read_type(l);
    load->reg = take_register(k, read_register(k, feat_class_of(load->type)));
    load->index = feat_cursor_u32(&l->c);
    load->join = feat_cursor_u32(&l->c);
    if (l->c.failed) return;
    feat_type wanted = 0;
    switch (load->kind) {
    case FEAT_LOAD_INPUT:
        if (in->table) {
            int field = feat_form_find_field(in->table, load->index);
            load->index = (uint32_t)field;
            if (field >= 0) wanted = in->table->fields[field].type;
        } else if (load->index < in->n) {
            wanted = in->fields[load->index].type;
        }
        break;
    case FEAT_LOAD_AGGREGATE:
        if (load->join < k->code->n_joins && load->index < k->code->joins[load->join].block->n_aggregates)
            wanted = k->code->joins[load->join].block->aggregates[load->index].type;
        break;
    case FEAT_LOAD_FOUND:
        if (load->join < k->code->n_joins) wanted = FEAT_TYPE_BOOLEAN;
        break;
    case FEAT_LOAD_NOW: wanted = FEAT_TYPE_TIMESTAMP; break;
    }
    if (wanted == 0 || wanted != load->type) l->c.failed = true;
}

static uint64_t load_rank(const feat_load *load) {
    return load->kind == FEAT_LOAD_AGGREGATE || load->kind == FEAT_LOAD_FOUND ? (uint64_t)load->join + 1 : 0;
}

static void read_loads(checking *k, const inputs *in) {
    loading *l = k->l;
    feat_code *code = k->code;
    code->n_loads = read_count(l, 21);
    code->loads = array(l, code->n_loads, sizeof *code->loads);
    for (size_t i = 0; i < code->n_loads && !l->c.failed; i++) {
        read_load(k, in, &code->loads[i]);
        if (i > 0 && load_rank(&code->loads[i]) < load_rank(&code->loads[i - 1])) l->c.failed = true;
    }
}

static void read_constant(loading *l, feat_class class, feat_constant *c) {
    uint64_t bits;
    switch (class) {
    case FEAT_CLASS_T: {
        feat_text t = read_text(l);
        const char *copy = feat_arena_strndup(l->arena, t.data, t.length);
        if (!copy) l->no_memory = l->c.failed = true;
        c->v.t = (feat_text){copy, t.length};
        break;
    }
    case FEAT_CLASS_F:
        bits = feat_cursor_u64(&l->c);
        memcpy(&c->v.f, &bits, sizeof bits);
        break;
    case FEAT_CLASS_W:
        bits = feat_cursor_u64(&l->c);
        c->v.w = (feat_int128)((feat_uint128)feat_cursor_u64(&l->c) << 64 | bits);
        break;
    case FEAT_CLASS_V: c->v.p = read_interval(l); break;
    case FEAT_CLASS_B:
        c->v.i = (int64_t)feat_cursor_u64(&l->c);
        if (c->v.i != 0 && c->v.i != 1) l->c.failed = true;
        break;
    default: c->v.i = (int64_t)feat_cursor_u64(&l->c);
    }
}

static void read_constants(checking *k) {
    loading *l = k->l;
    feat_code *code = k->code;
    code->n_constants = read_count(l, 5);
    code->constants = array(l, code->n_constants, sizeof *code->constants);
    for (size_t i = 0; i < code->n_constants && !l->c.failed; i++) {
        feat_constant *c = &code->constants[i];
        c->reg = take_register(k, read_below(l, code->n_regs));
        c->is_null = read_flag(l);
        if (l->c.failed) return;
        k->state[c->reg] |= WRITTEN;
        c->v.t = (feat_text){"", 0};
        if (c->is_null && code->regs[c->reg] != FEAT_CLASS_T) memset(&c->v, 0, sizeof c->v);
        if (!c->is_null) read_constant(l, code->regs[c->reg], c);
    }
}

static void read_steps(checking *k) {
    loading *l = k->l;
    feat_code *code = k->code;
    code->n_steps = read_count(l, 12);
    code->steps = array(l, code->n_steps, sizeof *code->steps);
    for (size_t i = 0; i < code->n_steps && !l->c.failed; i++) {
        feat_step *step = &code->steps[i];
        uint32_t op = read_below(l, l->n_ops);
        if (l->c.failed) return;
        step->op = l->ops[op];
        const feat_op_info *info = &feat_op_table[step->op];
        step->out = read_register(k, info->out);
        step->a = read_register(k, info->arg[0]);
        step->b = info->n_args > 1 ? read_register(k, info->arg[1]) : step->a;
        step->c = info->n_args > 2 ? read_register(k, info->arg[2]) : step->a;
        if (step->out == step->a || step->out == step->b || step->out == step->c) l->c.failed = true;
    }
}

static bool written(const checking *k, uint32_t reg) { return (k->state[reg] & WRITTEN) != 0; }

static bool run_steps(checking *k, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        const feat_step *step = &k->code->steps[i];
        if (!written(k, step->a) || !written(k, step->b) || !written(k, step->c)) return false;
        uint8_t *out = &k->state[step->out];
        if ((*out & GIVEN) || ((*out & LASTS) && (*out & WRITTEN))) return false;
        *out |= WRITTEN;
    }
    return true;
}

/* Runs the code on paper: what is read was written before, in each of the pieces between joins. */
static bool run_code(checking *k) {
    const feat_code *code = k->code;
    size_t step = 0, load = 0;
    for (; load < code->n_loads && load_rank(&code->loads[load]) == 0; load++)
        k->state[code->loads[load].reg] |= WRITTEN;
    for (size_t j = 0; j < code->n_joins; j++) {
        const feat_code_join *join = &code->joins[j];
        if (join->step > code->n_steps || !run_steps(k, step, join->step)) return false;
        step = join->step;
        for (size_t i = 0; i < join->block->n_key; i++)
            if (!written(k, join->key[i])) return false;
        for (; load < code->n_loads && load_rank(&code->loads[load]) == j + 1; load++)
            k->state[code->loads[load].reg] |= WRITTEN;
    }
    if (!run_steps(k, step, code->n_steps)) return false;
    for (size_t i = 0; i < code->n_outputs; i++)
        if (!written(k, code->outputs[i])) return false;
    return true;
}

static feat_status read_code(loading *l, const inputs *in, feat_stage *stage, size_t n_outputs) {
    feat_code *code = FEAT_ARENA_NEW(l->arena, feat_code);
    checking k = {.l = l, .code = code};
    if (!code) return feat_fail_memory(l->err);
    code->n_regs = read_count(l, 1);
    code->regs = array(l, code->n_regs, sizeof *code->regs);
    k.state = array(l, code->n_regs, 1);
    const uint8_t *classes = feat_cursor_bytes(&l->c, code->n_regs);
    for (size_t i = 0; i < code->n_regs && !l->c.failed; i++) {
        if (classes[i] < FEAT_CLASS_B || classes[i] > FEAT_CLASS_V) return corrupt(l, "a register");
        code->regs[i] = (feat_class)classes[i];
    }
    if (!l->c.failed) read_code_joins(&k, in);
    if (!l->c.failed) read_loads(&k, in);
    if (!l->c.failed) read_constants(&k);
    if (!l->c.failed) read_steps(&k);
    code->n_outputs = read_count(l, 4);
    if (l->c.failed || code->n_outputs != n_outputs) return corrupt(l, "its code");
    code->outputs = array(l, n_outputs, sizeof *code->outputs);
    for (size_t i = 0; i < n_outputs && !l->c.failed; i++) {
        code->outputs[i] = read_below(l, code->n_regs);
        if (!l->c.failed) k.state[code->outputs[i]] |= LASTS;
    }
    if (l->c.failed || !run_code(&k)) return corrupt(l, "its code");
    stage->code = code;
    feat_pool_init(&stage->pool, l->arena);
    return FEAT_OK;
}

static bool output_is(const feat_stage *stage, size_t output, feat_class class) {
    return stage->code->regs[stage->code->outputs[output]] == class;
}

/* ---- Blocks. ---- */

static void read_types(loading *l, feat_type **types, size_t *n) {
    *n = read_count(l, 8);
    *types = array(l, *n, sizeof **types);
    for (size_t i = 0; i < *n && !l->c.failed; i++) (*types)[i] = read_type(l);
}

/* Without nodes: of `where` and the slots only whether they are there. */
static feat_status read_branch(loading *l, const feat_block *block, feat_union_branch *branch, bool *bare) {
    uint32_t table = read_below(l, l->n_tables);
    uint8_t flags = feat_cursor_byte(&l->c);
    size_t n_outputs = block->n_key, output = 0;
    if (l->c.failed || flags > (FLAG_RETAINED | FLAG_WHERE)) return corrupt(l, "the events of a block");
    branch->table = l->tables[table];
    branch->retained = flags & FLAG_RETAINED;
    branch->where = flags & FLAG_WHERE ? 0 : FEAT_NO_NODE;
    n_outputs += branch->where != FEAT_NO_NODE;
    branch->slots = array(l, block->n_slots, sizeof *branch->slots);
    for (size_t s = 0; s < block->n_slots && !l->c.failed; s++) {
        uint8_t slot = feat_cursor_byte(&l->c);
        if (slot > (HAS_ARGUMENT | HAS_FILTER)) l->c.failed = true;
        branch->slots[s].arg = slot & HAS_ARGUMENT ? 0 : FEAT_NO_NODE;
        branch->slots[s].filter = slot & HAS_FILTER ? 0 : FEAT_NO_NODE;
        bare[s] |= !(slot & HAS_ARGUMENT);
        n_outputs += (size_t) !!(slot & HAS_ARGUMENT) + !!(slot & HAS_FILTER);
    }
    branch->n_ties = read_count(l, 4);
    branch->ties = array(l, branch->n_ties, sizeof *branch->ties);
    for (size_t i = 0; i < branch->n_ties && !l->c.failed; i++) {
        int field = feat_form_find_field(branch->table, feat_cursor_u32(&l->c));
        if (field < 0) l->c.failed = true;
        branch->ties[i] = (uint32_t)field;
    }
    if (l->c.failed) return corrupt(l, "the events of a block");
    FEAT_TRY(read_code(l, &(inputs){.table = branch->table, .joins = true}, &branch->stage, n_outputs));
    bool fits = branch->where == FEAT_NO_NODE || output_is(&branch->stage, output++, FEAT_CLASS_B);
    for (size_t k = 0; k < block->n_key; k++)
        fits = output_is(&branch->stage, output++, feat_class_of(block->key[k])) && fits;
    for (size_t s = 0; s < block->n_slots; s++) {
        if (branch->slots[s].arg != FEAT_NO_NODE)
            fits = output_is(&branch->stage, output++, feat_class_of(block->slots[s])) && fits;
        if (branch->slots[s].filter != FEAT_NO_NODE) fits = output_is(&branch->stage, output++, FEAT_CLASS_B) && fits;
    }
    return fits ? FEAT_OK : corrupt(l, "the outputs of a block");
}

static void read_window(loading *l, const feat_block *block, feat_window *w) {
    const uint8_t *flags = feat_cursor_bytes(&l->c, 5);
    if (!flags || flags[0] > FEAT_FRAME_GROUPS || flags[1] > 1 || flags[2] > 1 || flags[3] > 1 ||
        flags[4] > FEAT_EXCLUDE_TIES) {
        l->c.failed = true;
        return;
    }
    w->frame = (feat_frame)flags[0];
    w->unbounded = flags[1];
    w->open_left = flags[2];
    w->open_right = flags[3];
    w->exclude = (feat_exclude)flags[4];
    w->start = read_interval(l);
    w->end = read_interval(l);
    w->low = read_optional(l, block->n_bounds);
    w->high = read_optional(l, block->n_bounds);
    w->first = (int64_t)feat_cursor_u64(&l->c);
    w->last = (int64_t)feat_cursor_u64(&l->c);
    if (!feat_form_window_valid(w)) l->c.failed = true;
}

static void read_parameter(loading *l, feat_parameter *p) {
    feat_constant c = {0};
    p->type = feat_cursor_u64(&l->c);
    if (!p->type || l->c.failed) return;
    if (!feat_type_valid(p->type) || feat_class_of(p->type) == FEAT_CLASS_W) l->c.failed = true;
    if (feat_cursor_u32(&l->c) != 0 || read_flag(l)) l->c.failed = true;
    if (!l->c.failed) read_constant(l, feat_class_of(p->type), &c);
    memcpy(&p->v, &c.v, sizeof p->v);
}

static void read_aggregate(loading *l, const feat_block *block, const bool *bare, feat_aggregate *a) {
    uint32_t agg = read_below(l, l->n_aggs);
    a->slot = read_below(l, block->n_slots);
    a->window = read_below(l, block->n_windows);
    a->low = read_optional(l, block->n_bounds);
    a->high = read_optional(l, block->n_bounds);
    a->otherwise = read_optional(l, block->n_slots);
    a->offset = (int64_t)feat_cursor_u64(&l->c);
    a->n_order = read_count(l, 8);
    a->order = array(l, a->n_order, sizeof *a->order);
    for (size_t k = 0; k < a->n_order && !l->c.failed; k++) {
        a->order[k].slot = read_below(l, block->n_slots);
        uint32_t flags = read_below(l, 4);
        a->order[k].descending = flags & 1;
        a->order[k].nulls_first = flags >> 1;
    }
    a->type = read_type(l);
    if (l->c.failed) return;
    a->agg = (feat_agg)l->aggs[agg];
    if (feat_agg_table[a->agg].function) {
        a->second = read_below(l, block->n_slots);
        a->distinct = read_flag(l);
        read_parameter(l, &a->parameter);
        if (l->c.failed) return;
    }
    if (!feat_form_aggregate_valid(block, a, bare)) l->c.failed = true;
}

static feat_status read_block(loading *l, feat_block *block) {
    block->fingerprint = read_digest(l);
    read_types(l, &block->key, &block->n_key);
    read_types(l, &block->slots, &block->n_slots);
    block->n_branches = read_count(l, 5);
    bool *bare = array(l, block->n_slots, sizeof *bare);
    block->branches = array(l, block->n_branches, sizeof *block->branches);
    if (l->c.failed || block->n_branches == 0 || !feat_form_key_valid(block)) return corrupt(l, "a block");
    for (size_t i = 0; i < block->n_branches; i++) FEAT_TRY(read_branch(l, block, &block->branches[i], bare));
    block->n_bounds = feat_cursor_u32(&l->c); /* each an output, of which the code has as many as the bytes can hold */
    block->low = read_optional(l, block->n_bounds);
    block->high = read_optional(l, block->n_bounds);
    if (l->c.failed) return corrupt(l, "the bounds of a block");
    FEAT_TRY(read_code(l, &(inputs){.n = 0}, &block->clock, block->n_bounds));
    for (size_t i = 0; i < block->n_bounds; i++)
        if (!output_is(&block->clock, i, FEAT_CLASS_I)) return corrupt(l, "the bounds of a block");
    block->n_windows = read_count(l, 61);
    block->windows = array(l, block->n_windows, sizeof *block->windows);
    for (size_t i = 0; i < block->n_windows && !l->c.failed; i++) read_window(l, block, &block->windows[i]);
    block->n_aggregates = read_count(l, 40);
    block->aggregates = array(l, block->n_aggregates, sizeof *block->aggregates);
    for (size_t i = 0; i < block->n_aggregates && !l->c.failed; i++)
        read_aggregate(l, block, bare, &block->aggregates[i]);
    return l->c.failed ? corrupt(l, "a block") : FEAT_OK;
}

static feat_status read_blocks(loading *l) {
    uint32_t n = read_count(l, 16);
    l->blocks = array(l, n, sizeof *l->blocks);
    l->depths = array(l, n, sizeof *l->depths);
    if (l->c.failed) return corrupt(l, "its blocks");
    for (uint32_t i = 0; i < n; i++) {
        l->depth = 0;
        FEAT_TRY(read_block(l, &l->blocks[i]));
        if (l->depth >= FEAT_BLOCK_DEPTH) return corrupt(l, "its blocks");
        l->depths[i] = l->depth + 1;
        l->n_blocks = i + 1; /* only what was read can be joined */
    }
    return FEAT_OK;
}

/* ---- Services. ---- */

/* An output of the code, or -1. */
static int32_t read_output(loading *l) {
    uint32_t v = feat_cursor_u32(&l->c);
    if (v != UINT32_MAX && v > INT32_MAX) l->c.failed = true;
    return (int32_t)v;
}

static bool status_fits(const feat_service *service, int32_t output) {
    return output < 0 || ((size_t)output < service->stage.code->n_outputs &&
                          output_is(&service->stage, (size_t)output, FEAT_CLASS_B));
}

static void read_service_head(loading *l, feat_service *service) {
    service->name = read_name(l);
    service->version = feat_cursor_u32(&l->c);
    service->n_inputs = read_count(l, 12);
    service->inputs = array(l, service->n_inputs, sizeof *service->inputs);
    for (size_t i = 0; i < service->n_inputs && !l->c.failed; i++) {
        service->inputs[i].name = read_name(l);
        service->inputs[i].type = read_type(l);
        service->inputs[i].id = (uint32_t)i + 1;
    }
    service->n_views = read_count(l, 37);
    service->views = array(l, service->n_views, sizeof *service->views);
    for (size_t v = 0; v < service->n_views && !l->c.failed; v++) {
        feat_service_view *view = &service->views[v];
        view->alias = read_name(l);
        view->name = read_name(l);
        view->version = feat_cursor_u32(&l->c);
        view->fingerprint = read_digest(l);
        view->materialized = read_flag(l);
        view->found = view->expired = FEAT_NO_NODE;
        view->found_output = read_output(l);
        view->expired_output = read_output(l);
    }
    service->n_features = read_count(l, 16);
    service->features = array(l, service->n_features, sizeof *service->features);
    service->feature_view = array(l, service->n_features, sizeof *service->feature_view);
    for (size_t i = 0; i < service->n_features && !l->c.failed; i++) {
        service->features[i].name = read_name(l);
        service->features[i].type = read_type(l);
        service->features[i].node = FEAT_NO_NODE;
        service->feature_view[i] = read_output(l);
        if (service->feature_view[i] >= (int64_t)service->n_views) l->c.failed = true;
    }
}

static feat_status read_service(loading *l, feat_service *service) {
    size_t n_outputs;
    read_service_head(l, service);
    if (l->c.failed) return corrupt(l, "its features");
    n_outputs = service->n_features;
    for (size_t v = 0; v < service->n_views; v++)
        n_outputs += (service->views[v].found_output >= 0) + (size_t)(service->views[v].expired_output >= 0);
    FEAT_TRY(read_code(l, &(inputs){.fields = service->inputs, .n = service->n_inputs, .joins = true}, &service->stage,
                       n_outputs));
    bool fits = l->c.at == l->c.end;
    for (size_t i = 0; i < service->n_features; i++)
        fits = fits && output_is(&service->stage, i, feat_class_of(service->features[i].type));
    for (size_t v = 0; v < service->n_views; v++)
        fits = fits && status_fits(service, service->views[v].found_output) &&
               status_fits(service, service->views[v].expired_output);
    service->uses.tables = l->tables;
    service->uses.n_tables = service->uses.tables_capacity = l->n_tables;
    return fits ? FEAT_OK : corrupt(l, "its outputs");
}

static feat_status load(loading *l, const void *bytes, size_t size, const feat_digest *form, feat_service **out) {
    feat_cursor hash;
    feat_service *service = FEAT_ARENA_NEW(l->arena, feat_service);
    if (!service) return feat_fail_memory(l->err);
    if (size < HASH_SIZE) return corrupt(l, "it is too short");
    feat_cursor_init(&l->c, bytes, size - HASH_SIZE);
    feat_cursor_init(&hash, (const unsigned char *)bytes + size - HASH_SIZE, HASH_SIZE);
    if (feat_cursor_u64(&hash) != feat_hash64(bytes, size - HASH_SIZE)) return corrupt(l, "its hash");
    if (feat_cursor_u32(&l->c) != MAGIC) return corrupt(l, "its first bytes");
    if (feat_cursor_u32(&l->c) != PROGRAM_VERSION)
        return feat_fail(l->err, FEAT_FORMAT, "a program has another form than this version of the library reads");
    service->fingerprint = read_digest(l);
    if (l->c.failed || !feat_digest_equal(&service->fingerprint, form)) return corrupt(l, "it is another definition's");
    FEAT_TRY(read_numbering(l, true, &l->ops, &l->n_ops));
    FEAT_TRY(read_numbering(l, false, &l->aggs, &l->n_aggs));
    FEAT_TRY(read_tables(l));
    FEAT_TRY(read_blocks(l));
    FEAT_TRY(read_service(l, service));
    *out = service;
    return FEAT_OK;
}

feat_status feat_program_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                                const feat_digest *form, feat_service **service, feat_error *err) {
    loading l = {.arena = arena, .scope = scope, .err = err};
    return load(&l, bytes, size, form, service);
}
