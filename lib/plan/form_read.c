/* Reading logical forms from untrusted bytes. Every number is checked where it is read; in the end the result is
 * written again, and only the very same bytes will do: so a form has one spelling, and nothing that was read went
 * astray. */
#include <string.h>

#include "base/clock.h"
#include "base/pack.h"
#include "column/nested.h"
#include "column/utf8.h"
#include "math/decimal.h"
#include "plan/form.h"

typedef struct reader {
    const feat_form_context *context;
    feat_arena *arena;
    feat_cursor c;
    uint32_t depth; /* of the deepest block that is joined */
    feat_error *err;
} reader;

feat_status feat_form_corrupt(feat_error *err, const char *why) {
    return feat_fail(err, FEAT_CORRUPT, "the record of a definition is damaged (%s); restore the store from a copy",
                     why);
}

static feat_status corrupt(reader *r, const char *why) { return feat_form_corrupt(r->err, why); }

/* ---- Items. ---- */

static feat_type read_type(reader *r) {
    feat_type type = feat_unpack_uint(&r->c);
    if (!feat_type_valid(type)) r->c.failed = true;
    return type;
}

/* Below `limit`; `limit` itself never passes. */
static uint32_t read_below(reader *r, size_t limit) {
    uint64_t v = feat_unpack_uint(&r->c);
    if (v >= limit || v >= UINT32_MAX) r->c.failed = true;
    return r->c.failed ? 0 : (uint32_t)v;
}

/* UINT32_MAX (none) for nil. */
static uint32_t read_optional(reader *r, size_t limit) {
    return feat_unpack_nil(&r->c) ? UINT32_MAX : read_below(r, limit);
}

static void read_items(reader *r, uint32_t n) {
    if (feat_unpack_array(&r->c) != n) r->c.failed = true;
}

static int32_t read_i32(reader *r) {
    int64_t v = feat_unpack_int(&r->c);
    if (v < INT32_MIN || v > INT32_MAX) r->c.failed = true;
    return r->c.failed ? 0 : (int32_t)v;
}

static feat_interval read_interval(reader *r) {
    feat_interval v;
    memset(&v, 0, sizeof v);
    read_items(r, 3);
    v.months = read_i32(r);
    v.days = read_i32(r);
    v.us = feat_unpack_int(&r->c);
    return v;
}

static feat_span read_span(reader *r) {
    feat_span v;
    read_items(r, 2);
    v.months = feat_unpack_int(&r->c);
    v.us = feat_unpack_int(&r->c);
    if (v.months < 0 || v.us < 0) r->c.failed = true;
    return v;
}

static const char *read_name(reader *r) {
    size_t length;
    const char *text = feat_unpack_text(&r->c, &length);
    if (r->c.failed || length == 0 || memchr(text, 0, length) || !feat_utf8_valid(text, length)) {
        r->c.failed = true;
        return NULL;
    }
    return feat_arena_strndup(r->arena, text, length);
}

static feat_status read_types(reader *r, feat_type **types, size_t *n, const char *what) {
    *n = feat_unpack_array(&r->c);
    *types = feat_arena_array(r->arena, *n, sizeof **types);
    if (!*types) return feat_fail_memory(r->err);
    for (size_t i = 0; i < *n; i++) (*types)[i] = read_type(r);
    return r->c.failed ? corrupt(r, what) : FEAT_OK;
}

/* A list of fields by id. Ids ascend, but for the last field of a dimension. */
int feat_form_find_field(const feat_schema *table, uint64_t id) {
    size_t low = 0, high = table->n_fields;
    if (high && table->fields[high - 1].id == id) return (int)high - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->fields[middle].id < id) low = middle + 1;
        else high = middle;
    }
    return low < table->n_fields && table->fields[low].id == id ? (int)low : -1;
}

static uint32_t read_field(reader *r, const feat_schema *table) {
    int field = feat_form_find_field(table, feat_unpack_uint(&r->c));
    if (field < 0) r->c.failed = true;
    return field < 0 ? 0 : (uint32_t)field;
}

/* ---- Tables. ---- */

static const feat_schema *find_table(const feat_form_context *context, const char *name, size_t length) {
    size_t low = 0, high = context->n_tables;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *there = context->tables[middle]->name;
        size_t n = strlen(there);
        int order = memcmp(there, name, n < length ? n : length);
        if (order == 0 && n == length) return context->tables[middle];
        if (order == 0) order = n < length ? -1 : 1;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool same_ids(reader *r, const feat_schema *table, const uint32_t *fields, size_t n) {
    bool same = feat_unpack_array(&r->c) == n;
    for (size_t i = 0; same && i < n; i++) same = feat_unpack_uint(&r->c) == table->fields[fields[i]].id;
    return same && !r->c.failed;
}

static bool same_span(reader *r, const feat_span *span) {
    feat_span there = read_span(r);
    return there.months == span->months && there.us == span->us;
}

/* A table must still be what the definition was made for. */
static feat_status read_table(reader *r, const feat_schema **out) {
    size_t length;
    read_items(r, 9);
    const char *name = feat_unpack_text(&r->c, &length);
    const feat_schema *table = r->c.failed ? NULL : find_table(r->context, name, length);
    if (!table) return corrupt(r, "the name of a table");
    const feat_field *time = &table->fields[table->time];
    bool same = same_ids(r, table, table->key, table->n_key);
    same = same && feat_unpack_uint(&r->c) == time->id && feat_unpack_uint(&r->c) == time->type;
    same = same && feat_unpack_int(&r->c) == table->delay_us && same_ids(r, table, table->unique, table->n_unique);
    bool plain = same && feat_unpack_nil(&r->c);
    same = same && plain == !table->dimension;
    same = same && (plain || feat_unpack_uint(&r->c) == table->fields[table->ended].id);
    same = same && same_span(r, &table->ttl) && same_span(r, &table->retention);
    if (!same || r->c.failed) return corrupt(r, "a table is not the one that it was made for");
    *out = table;
    return FEAT_OK;
}

/* ---- Expressions. ---- */

static bool fits_integer(feat_type type, int64_t v) {
    switch (FEAT_TYPE_BASE(type)) {
    case FEAT_TYPE_BOOLEAN: return v == 0 || v == 1;
    case FEAT_TYPE_TINYINT: return v >= INT8_MIN && v <= INT8_MAX;
    case FEAT_TYPE_SMALLINT: return v >= INT16_MIN && v <= INT16_MAX;
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_DATE: return v >= INT32_MIN && v <= INT32_MAX;
    case FEAT_TYPE_UTINYINT: return v >= 0 && v <= UINT8_MAX;
    case FEAT_TYPE_USMALLINT: return v >= 0 && v <= UINT16_MAX;
    case FEAT_TYPE_UINTEGER: return v >= 0 && v <= UINT32_MAX;
    default: return true;
    }
}

/* Not of maps, of which there are no constants. */
static feat_text read_text(reader *r, feat_type type) {
    feat_text t = {"", 0};
    if (FEAT_TYPE_BASE(type) == FEAT_TYPE_TEXT) {
        t.data = feat_unpack_text(&r->c, &t.length);
        if (!feat_utf8_valid(t.data, t.length)) r->c.failed = true;
    } else {
        t.data = feat_unpack_bytes(&r->c, &t.length);
        bool list = FEAT_TYPE_BASE(type) == FEAT_TYPE_LIST || FEAT_TYPE_BASE(type) == FEAT_TYPE_VECTOR;
        if (list ? !feat_nested_valid(type, t.data, t.length) : FEAT_TYPE_BASE(type) != FEAT_TYPE_BLOB)
            r->c.failed = true;
    }
    return t;
}

static void read_constant(reader *r, feat_node *node) {
    if (feat_unpack_nil(&r->c)) {
        node->is_null = true;
        return;
    }
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_T: node->constant.t = read_text(r, node->type); break;
    case FEAT_CLASS_F:
        node->constant.f = feat_unpack_double(&r->c);
        if (FEAT_TYPE_BASE(node->type) == FEAT_TYPE_REAL && node->constant.f == node->constant.f &&
            (double)(float)node->constant.f != node->constant.f)
            r->c.failed = true;
        break;
    case FEAT_CLASS_W: {
        read_items(r, 2);
        int64_t high = feat_unpack_int(&r->c);
        uint64_t low = feat_unpack_uint(&r->c);
        node->constant.w = (feat_int128)((feat_uint128)(uint64_t)high << 64 | low);
        bool fits = FEAT_TYPE_BASE(node->type) == FEAT_TYPE_UBIGINT
                        ? high == 0
                        : feat_decimal_fits(node->constant.w, FEAT_TYPE_PRECISION(node->type));
        if (!fits) r->c.failed = true;
        break;
    }
    case FEAT_CLASS_V: node->constant.p = read_interval(r); break;
    default:
        node->constant.i = feat_unpack_int(&r->c);
        if (!fits_integer(node->type, node->constant.i)) r->c.failed = true;
    }
}

static int find_op(const char *id, size_t length) {
    for (int op = 0; op < FEAT_OP_COUNT; op++) {
        const char *there = feat_op_table[op].id;
        if (there[0] == id[0] && feat_form_is(there, id, length)) return op;
    }
    return -1;
}

static int find_agg(const char *id, size_t length) {
    for (int agg = 0; agg < FEAT_AGG_COUNT_OF; agg++)
        if (feat_form_is(feat_agg_table[agg].id, id, length)) return agg;
    return -1;
}

static feat_status unknown(reader *r, const char *what, const char *id, size_t length) {
    return feat_fail(r->err, FEAT_FORMAT,
                     "a definition uses the %s %.*s, which this version of the library does not know in that revision; "
                     "open the store with the version that wrote it, or a newer one",
                     what, length > 100 ? 100 : (int)length, id);
}

bool feat_form_key_fits(feat_type given, feat_type own) {
    feat_class a = feat_class_of(given), b = feat_class_of(own);
    return a == b || ((a == FEAT_CLASS_I || a == FEAT_CLASS_W) && (b == FEAT_CLASS_I || b == FEAT_CLASS_W));
}

/* What the inputs of a stage are: the fields of a table by id, or a list by place. */
typedef struct inputs {
    const feat_schema *table;
    const feat_field *fields;
    size_t n;
    bool joins; /* whether there may be any */
} inputs;

static feat_status read_operator(reader *r, uint32_t items, const feat_stage *stage, feat_node *node) {
    size_t length;
    const char *id = feat_unpack_text(&r->c, &length);
    uint64_t revision = feat_unpack_uint(&r->c);
    if (r->c.failed || length == 0) return corrupt(r, "an operator");
    int op = find_op(id, length);
    if (op < 0 || (uint64_t)feat_op_table[op].revision != revision) return unknown(r, "operator", id, length);
    const feat_op_info *info = &feat_op_table[op];
    if (items != 4 + (uint32_t)info->n_args || feat_class_of(node->type) != info->out) return corrupt(r, "an operator");
    node->op = (feat_op)op;
    for (int k = 0; k < info->n_args; k++) {
        node->args[k] = read_below(r, stage->pool.n);
        if (r->c.failed || feat_class_of(stage->pool.nodes[node->args[k]].type) != info->arg[k])
            return corrupt(r, "the argument of an operator");
    }
    return FEAT_OK;
}

/* The first node of a join gives it its number; its key must be there by then, so it uses earlier joins only. */
static feat_status read_join_use(reader *r, const feat_stage *stage, uint32_t *next_join, feat_node *node) {
    node->join = read_below(r, stage->n_joins);
    if (r->c.failed || node->join > *next_join) return corrupt(r, "the number of a join");
    if (node->join < *next_join) return FEAT_OK;
    const feat_join *join = &stage->joins[(*next_join)++];
    for (size_t k = 0; k < join->block->n_key; k++)
        if (join->key[k] >= stage->pool.n ||
            !feat_form_key_fits(stage->pool.nodes[join->key[k]].type, join->block->key[k]))
            return corrupt(r, "the key of a join");
    return FEAT_OK;
}

static feat_status read_node(reader *r, const inputs *in, feat_stage *stage, uint32_t *next_join) {
    feat_node node = {0};
    uint32_t items = feat_unpack_array(&r->c);
    uint64_t kind = feat_unpack_uint(&r->c);
    node.type = read_type(r);
    if (r->c.failed || kind < FEAT_NODE_CONST || kind > FEAT_NODE_OP) return corrupt(r, "an expression");
    node.kind = (feat_node_kind)kind;
    switch (node.kind) {
    case FEAT_NODE_CONST: read_constant(r, &node); break;
    case FEAT_NODE_INPUT:
        node.index = in->table ? read_field(r, in->table) : read_below(r, in->n);
        if (!r->c.failed && (in->table ? in->table->fields : in->fields)[node.index].type != node.type)
            return corrupt(r, "the type of a column");
        break;
    case FEAT_NODE_AGGREGATE:
        FEAT_TRY(read_join_use(r, stage, next_join, &node));
        node.index = read_below(r, stage->joins[node.join].block->n_aggregates);
        if (!r->c.failed && stage->joins[node.join].block->aggregates[node.index].type != node.type)
            return corrupt(r, "the type of an aggregate");
        break;
    case FEAT_NODE_FOUND:
        FEAT_TRY(read_join_use(r, stage, next_join, &node));
        if (node.type != FEAT_TYPE_BOOLEAN) return corrupt(r, "an expression");
        break;
    case FEAT_NODE_NOW:
        if (node.type != FEAT_TYPE_TIMESTAMP) return corrupt(r, "an expression");
        break;
    case FEAT_NODE_OP: FEAT_TRY(read_operator(r, items, stage, &node)); break;
    }
    if (r->c.failed) return corrupt(r, "an expression");
    size_t place = stage->pool.n;
    uint32_t added = feat_pool_add(&stage->pool, &node);
    if (added == FEAT_NO_NODE) return feat_fail_memory(r->err);
    return added == place ? FEAT_OK : corrupt(r, "an expression is there twice");
}

static feat_status read_joins(reader *r, const inputs *in, feat_stage *stage) {
    size_t n = feat_unpack_array(&r->c);
    if (n && !in->joins) return corrupt(r, "a join");
    stage->joins = feat_arena_array(r->arena, n, sizeof *stage->joins);
    if (!stage->joins) return feat_fail_memory(r->err);
    stage->n_joins = stage->joins_capacity = n;
    for (size_t j = 0; j < n; j++) {
        feat_join *join = &stage->joins[j];
        read_items(r, 2);
        feat_digest fingerprint = feat_unpack_digest(&r->c);
        uint32_t block = r->c.failed ? UINT32_MAX : feat_block_set_find(r->context->blocks, &fingerprint);
        if (block == UINT32_MAX) return corrupt(r, "a join");
        join->block = r->context->blocks->blocks[block];
        if (r->context->depths[block] > r->depth) r->depth = r->context->depths[block];
        join->key = feat_arena_array(r->arena, join->block->n_key, sizeof *join->key);
        if (!join->key) return feat_fail_memory(r->err);
        read_items(r, (uint32_t)join->block->n_key);
        for (size_t k = 0; k < join->block->n_key; k++) join->key[k] = read_below(r, UINT32_MAX);
    }
    return r->c.failed ? corrupt(r, "a join") : FEAT_OK;
}

static feat_status read_stage(reader *r, const inputs *in, feat_stage *stage) {
    uint32_t next_join = 0;
    feat_pool_init(&stage->pool, r->arena);
    FEAT_TRY(read_joins(r, in, stage));
    size_t n = feat_unpack_array(&r->c);
    for (size_t i = 0; i < n; i++) FEAT_TRY(read_node(r, in, stage, &next_join));
    return r->c.failed || next_join != stage->n_joins ? corrupt(r, "expressions") : FEAT_OK;
}

/* A node of the stage of this type (0: of any), or with `optional` nil. */
static uint32_t read_output(reader *r, const feat_stage *stage, feat_type type, bool optional) {
    uint32_t node = optional ? read_optional(r, stage->pool.n) : read_below(r, stage->pool.n);
    if (!r->c.failed && node != FEAT_NO_NODE && type && stage->pool.nodes[node].type != type) r->c.failed = true;
    return node;
}

/* ---- Blocks. ---- */

static feat_status read_branch(reader *r, const feat_block *block, feat_union_branch *branch) {
    read_items(r, 8);
    FEAT_TRY(read_table(r, &branch->table));
    FEAT_TRY(read_stage(r, &(inputs){.table = branch->table, .joins = true}, &branch->stage));
    branch->where = read_output(r, &branch->stage, FEAT_TYPE_BOOLEAN, true);
    branch->key = feat_arena_array(r->arena, block->n_key, sizeof *branch->key);
    branch->slots = feat_arena_array(r->arena, block->n_slots, sizeof *branch->slots);
    if (!branch->key || !branch->slots) return feat_fail_memory(r->err);
    read_items(r, (uint32_t)block->n_key);
    for (size_t k = 0; !r->c.failed && k < block->n_key; k++) {
        branch->key[k] = read_output(r, &branch->stage, 0, false);
        if (!r->c.failed &&
            feat_class_of(branch->stage.pool.nodes[branch->key[k]].type) != feat_class_of(block->key[k]))
            r->c.failed = true;
    }
    read_items(r, (uint32_t)block->n_slots);
    for (size_t s = 0; !r->c.failed && s < block->n_slots; s++) {
        read_items(r, 2);
        branch->slots[s].arg = read_output(r, &branch->stage, block->slots[s], true);
        branch->slots[s].filter = read_output(r, &branch->stage, FEAT_TYPE_BOOLEAN, true);
    }
    branch->n_ties = feat_unpack_array(&r->c);
    branch->ties = feat_arena_array(r->arena, branch->n_ties, sizeof *branch->ties);
    if (!branch->ties) return feat_fail_memory(r->err);
    for (size_t i = 0; i < branch->n_ties; i++) branch->ties[i] = read_field(r, branch->table);
    branch->retained = feat_unpack_bool(&r->c);
    return r->c.failed ? corrupt(r, "the events of a block") : FEAT_OK;
}

/* From the past up to t: months that are not negative, and days and microseconds that are not together. */
static bool is_back(const feat_interval *v) {
    return v->months >= 0 && (feat_int128)v->days * FEAT_US_PER_DAY + v->us >= 0;
}

bool feat_form_window_valid(const feat_window *w) {
    return is_back(&w->start) && is_back(&w->end) && w->first >= 0 && w->last >= 0;
}

/* Keys compare by value, which doubles do not. */
bool feat_form_key_valid(const feat_block *block) {
    bool valid = block->n_key > 0;
    for (size_t k = 0; k < block->n_key; k++) valid = valid && feat_class_of(block->key[k]) != FEAT_CLASS_F;
    return valid;
}

/* Only a count takes events without a value. */
static bool function_valid(const feat_block *block, const feat_aggregate *a, const bool *bare) {
    const feat_agg_info *info = &feat_agg_table[a->agg];
    bool two = info->takes[1] != FEAT_AGG_TAKES_N, none = info->takes[0] == FEAT_AGG_TAKES_N;
    feat_type types[2] = {block->slots[a->slot], two ? block->slots[a->second] : 0};
    if (!none && (bare[a->slot] || !feat_agg_accepts(info->takes[0], types[0]))) return false;
    if (two && (bare[a->second] || !feat_agg_accepts(info->takes[1], types[1]))) return false;
    return feat_agg_parameter_valid(info->parameter, &a->parameter) &&
           feat_agg_result(a->agg, types, a->parameter.type) == a->type;
}

bool feat_form_aggregate_valid(const feat_block *block, const feat_aggregate *a, const bool *bare) {
    feat_type result, slot = block->slots[a->slot];
    bool other = a->otherwise != FEAT_NO_NODE, function = feat_agg_table[a->agg].function;
    if (function && !function_valid(block, a, bare)) return false;
    if (!function && (a->distinct || a->parameter.type)) return false;
    if (!function && (feat_agg_find(feat_agg_table[a->agg].sql, slot, &result) != (int)a->agg || result != a->type))
        return false;
    if (a->offset < 0 || (other && block->slots[a->otherwise] != slot)) return false;
    if (a->n_order && !function && a->agg != FEAT_AGG_FIRST && a->agg != FEAT_AGG_LAST) return false;
    for (size_t i = 0; i < a->n_order; i++)
        if (bare[a->order[i].slot] || !feat_type_has_order(block->slots[a->order[i].slot])) return false;
    return a->agg == FEAT_AGG_COUNT || (function && feat_agg_table[a->agg].takes[0] == FEAT_AGG_TAKES_N) ||
           (!bare[a->slot] && !(other && bare[a->otherwise]));
}

static feat_status read_window(reader *r, const feat_block *block, feat_window *w) {
    read_items(r, 11);
    w->frame = (feat_frame)read_below(r, FEAT_FRAME_GROUPS + 1);
    w->unbounded = feat_unpack_bool(&r->c);
    w->start = read_interval(r);
    w->end = read_interval(r);
    w->open_left = feat_unpack_bool(&r->c);
    w->open_right = feat_unpack_bool(&r->c);
    w->low = read_optional(r, block->n_bounds);
    w->high = read_optional(r, block->n_bounds);
    w->first = feat_unpack_int(&r->c);
    w->last = feat_unpack_int(&r->c);
    w->exclude = (feat_exclude)read_below(r, FEAT_EXCLUDE_TIES + 1);
    return r->c.failed || !feat_form_window_valid(w) ? corrupt(r, "a window") : FEAT_OK;
}

static feat_status read_order(reader *r, const feat_block *block, feat_aggregate *a) {
    a->n_order = feat_unpack_array(&r->c);
    if (r->c.failed) return corrupt(r, "an aggregate's order");
    a->order = feat_arena_array(r->arena, a->n_order, sizeof *a->order);
    if (!a->order) return feat_fail_memory(r->err);
    for (size_t i = 0; i < a->n_order; i++) {
        read_items(r, 3);
        a->order[i].slot = read_below(r, block->n_slots);
        a->order[i].descending = feat_unpack_bool(&r->c);
        a->order[i].nulls_first = feat_unpack_bool(&r->c);
    }
    return r->c.failed || a->n_order == 0 ? corrupt(r, "an aggregate's order") : FEAT_OK;
}

static void read_parameter(reader *r, feat_parameter *p) {
    if (feat_unpack_nil(&r->c)) return;
    feat_node node = {0};
    read_items(r, 2);
    node.type = p->type = read_type(r);
    read_constant(r, &node);
    memcpy(&p->v, &node.constant, sizeof p->v);
    if (node.is_null || feat_class_of(p->type) == FEAT_CLASS_W) r->c.failed = true;
}

static feat_status read_aggregate(reader *r, const feat_block *block, const bool *bare, feat_aggregate *a) {
    size_t length;
    uint32_t items = feat_unpack_array(&r->c);
    if (items != 9 && items != 10 && items != 12 && items != 13) return corrupt(r, "an aggregate");
    const char *id = feat_unpack_text(&r->c, &length);
    uint64_t revision = feat_unpack_uint(&r->c);
    if (r->c.failed || length == 0) return corrupt(r, "an aggregate");
    int agg = find_agg(id, length);
    if (agg < 0 || (uint64_t)feat_agg_table[agg].revision != revision) return unknown(r, "aggregate", id, length);
    a->agg = (feat_agg)agg;
    a->slot = read_below(r, block->n_slots);
    a->window = read_below(r, block->n_windows);
    a->low = read_optional(r, block->n_bounds);
    a->high = read_optional(r, block->n_bounds);
    a->otherwise = read_optional(r, block->n_slots);
    a->offset = feat_unpack_int(&r->c);
    a->type = read_type(r);
    if (feat_agg_table[agg].function != (items > 10)) return corrupt(r, "an aggregate");
    if (items > 10) {
        a->second = read_optional(r, block->n_slots);
        if (feat_agg_table[agg].takes[1] == FEAT_AGG_TAKES_N) a->second = 0;
        else if (a->second == FEAT_NO_NODE) return corrupt(r, "an aggregate");
        a->distinct = feat_unpack_bool(&r->c);
        read_parameter(r, &a->parameter);
        if (r->c.failed) return corrupt(r, "an aggregate");
    }
    if (items == 10 || items == 13) FEAT_TRY(read_order(r, block, a));
    return r->c.failed || !feat_form_aggregate_valid(block, a, bare) ? corrupt(r, "an aggregate") : FEAT_OK;
}

static feat_status begin(reader *r, uint32_t items, uint64_t form) {
    if (feat_unpack_array(&r->c) != items || feat_unpack_uint(&r->c) != form) return corrupt(r, "its form");
    return FEAT_OK;
}

static feat_status read_block(reader *r, feat_block *block) {
    FEAT_TRY(begin(r, 11, FEAT_FORM_BLOCK));
    FEAT_TRY(read_types(r, &block->key, &block->n_key, "the key of a block"));
    FEAT_TRY(read_types(r, &block->slots, &block->n_slots, "the slots of a block"));
    if (!feat_form_key_valid(block)) return corrupt(r, "the key of a block");
    block->n_branches = feat_unpack_array(&r->c);
    if (r->c.failed || block->n_branches == 0) return corrupt(r, "a block without a table");
    block->branches = feat_arena_array(r->arena, block->n_branches, sizeof *block->branches);
    if (!block->branches) return feat_fail_memory(r->err);
    for (size_t i = 0; i < block->n_branches; i++) FEAT_TRY(read_branch(r, block, &block->branches[i]));
    FEAT_TRY(read_stage(r, &(inputs){.n = 0}, &block->clock));
    block->n_bounds = feat_unpack_array(&r->c);
    block->bounds = feat_arena_array(r->arena, block->n_bounds, sizeof *block->bounds);
    if (!block->bounds) return feat_fail_memory(r->err);
    for (size_t i = 0; i < block->n_bounds; i++)
        block->bounds[i] = read_output(r, &block->clock, FEAT_TYPE_TIMESTAMP, false);
    block->n_windows = feat_unpack_array(&r->c);
    block->windows = feat_arena_array(r->arena, block->n_windows, sizeof *block->windows);
    if (!block->windows) return feat_fail_memory(r->err);
    for (size_t i = 0; i < block->n_windows; i++) FEAT_TRY(read_window(r, block, &block->windows[i]));
    block->n_aggregates = feat_unpack_array(&r->c);
    block->aggregates = feat_arena_array(r->arena, block->n_aggregates, sizeof *block->aggregates);
    if (!block->aggregates) return feat_fail_memory(r->err);
    bool *bare = feat_arena_array(r->arena, block->n_slots, sizeof *bare);
    if (!bare) return feat_fail_memory(r->err);
    for (size_t b = 0; b < block->n_branches; b++)
        for (size_t s = 0; s < block->n_slots; s++) bare[s] |= block->branches[b].slots[s].arg == FEAT_NO_NODE;
    for (size_t i = 0; i < block->n_aggregates; i++) FEAT_TRY(read_aggregate(r, block, bare, &block->aggregates[i]));
    block->low = read_optional(r, block->n_bounds);
    block->high = read_optional(r, block->n_bounds);
    return FEAT_OK;
}

/* ---- Views and services. ---- */

static feat_status read_inputs(reader *r, feat_field **fields, size_t *n) {
    *n = feat_unpack_array(&r->c);
    *fields = feat_arena_array(r->arena, *n, sizeof **fields);
    if (!*fields) return feat_fail_memory(r->err);
    for (size_t i = 0; i < *n; i++) {
        feat_field *field = &(*fields)[i];
        read_items(r, 2);
        field->name = read_name(r);
        field->type = read_type(r);
        field->id = (uint32_t)i + 1;
        if (r->c.failed) return corrupt(r, "an input");
        if (!field->name) return feat_fail_memory(r->err);
    }
    return r->c.failed ? corrupt(r, "its inputs") : FEAT_OK;
}

static feat_status read_feature(reader *r, const feat_stage *stage, feat_output *feature) {
    feature->name = read_name(r);
    feature->node = read_output(r, stage, 0, false);
    if (r->c.failed) return corrupt(r, "a feature");
    if (!feature->name) return feat_fail_memory(r->err);
    feature->type = stage->pool.nodes[feature->node].type;
    return FEAT_OK;
}

static feat_status read_view(reader *r, feat_view *view) {
    FEAT_TRY(begin(r, 10, FEAT_FORM_VIEW));
    FEAT_TRY(read_inputs(r, &view->key, &view->n_key));
    FEAT_TRY(read_stage(r, &(inputs){.fields = view->key, .n = view->n_key, .joins = true}, &view->stage));
    view->n_features = feat_unpack_array(&r->c);
    view->features = feat_arena_array(r->arena, view->n_features, sizeof *view->features);
    if (!view->features) return feat_fail_memory(r->err);
    for (size_t i = 0; i < view->n_features; i++) {
        read_items(r, 2);
        FEAT_TRY(read_feature(r, &view->stage, &view->features[i]));
    }
    view->present = read_output(r, &view->stage, FEAT_TYPE_BOOLEAN, true);
    view->found = read_output(r, &view->stage, FEAT_TYPE_BOOLEAN, true);
    view->expired = read_output(r, &view->stage, FEAT_TYPE_BOOLEAN, true);
    view->ttl = read_span(r);
    /* The views that it uses are in the record; that they are these, the comparison of the bytes shows. */
    for (uint32_t n = feat_unpack_array(&r->c); n > 0; n--) feat_unpack_digest(&r->c);
    view->uses = *r->context->uses;
    return FEAT_OK;
}

static feat_status read_service(reader *r, feat_service *service) {
    FEAT_TRY(begin(r, 6, FEAT_FORM_SERVICE));
    FEAT_TRY(read_inputs(r, &service->inputs, &service->n_inputs));
    FEAT_TRY(
        read_stage(r, &(inputs){.fields = service->inputs, .n = service->n_inputs, .joins = true}, &service->stage));
    service->n_features = feat_unpack_array(&r->c);
    service->features = feat_arena_array(r->arena, service->n_features, sizeof *service->features);
    service->feature_view = feat_arena_array(r->arena, service->n_features, sizeof *service->feature_view);
    if (!service->features || !service->feature_view) return feat_fail_memory(r->err);
    for (size_t i = 0; i < service->n_features; i++) {
        read_items(r, 3);
        FEAT_TRY(read_feature(r, &service->stage, &service->features[i]));
        service->feature_view[i] = (int32_t)read_optional(r, INT32_MAX);
    }
    service->n_views = feat_unpack_array(&r->c);
    for (size_t i = 0; i < service->n_features; i++)
        if (r->c.failed || service->feature_view[i] >= (int64_t)service->n_views) return corrupt(r, "a feature");
    service->views = feat_arena_array(r->arena, service->n_views, sizeof *service->views);
    if (!service->views) return feat_fail_memory(r->err);
    for (size_t v = 0; v < service->n_views; v++) {
        feat_service_view *view = &service->views[v];
        read_items(r, 4);
        view->fingerprint = feat_unpack_digest(&r->c);
        view->materialized = feat_unpack_bool(&r->c);
        view->found = read_output(r, &service->stage, FEAT_TYPE_BOOLEAN, true);
        view->expired = read_output(r, &service->stage, FEAT_TYPE_BOOLEAN, true);
        view->found_output = view->expired_output = -1;
    }
    return FEAT_OK;
}

/* ---- Whole forms. ---- */

/* All bytes were read, and the form written again is the same. */
static feat_status compare(reader *r, feat_status status, feat_buffer *again, const void *bytes, size_t size) {
    if (status == FEAT_OK && again->failed) status = feat_fail_memory(r->err);
    bool same = status == FEAT_OK && !r->c.failed && r->c.at == r->c.end && again->size == size &&
                memcmp(again->data, bytes, size) == 0;
    feat_buffer_done(again);
    FEAT_TRY(status);
    return same ? FEAT_OK : corrupt(r, "its form is not the canonical one");
}

static reader open_reader(const feat_form_context *context, const void *bytes, size_t size, feat_error *err) {
    reader r = {.context = context, .arena = context->arena, .err = err};
    feat_cursor_init(&r.c, bytes, size);
    return r;
}

feat_status feat_form_read_block(const feat_form_context *context, const void *bytes, size_t size, feat_block **out,
                                 uint32_t *depth, feat_error *err) {
    reader r = open_reader(context, bytes, size, err);
    feat_block *block = FEAT_ARENA_NEW(r.arena, feat_block);
    feat_buffer again;
    if (!block) return feat_fail_memory(err);
    FEAT_TRY(read_block(&r, block));
    if (r.c.failed || r.depth >= FEAT_BLOCK_DEPTH) return corrupt(&r, "a block");
    feat_buffer_init(&again);
    FEAT_TRY(compare(&r, feat_form_block(block, &again, err), &again, bytes, size));
    block->fingerprint = feat_digest_of(bytes, size);
    *depth = r.depth + 1;
    *out = block;
    return FEAT_OK;
}

feat_status feat_form_read_view(const feat_form_context *context, const void *bytes, size_t size, feat_view **out,
                                feat_error *err) {
    reader r = open_reader(context, bytes, size, err);
    feat_view *view = FEAT_ARENA_NEW(r.arena, feat_view);
    feat_buffer again;
    if (!view) return feat_fail_memory(err);
    FEAT_TRY(read_view(&r, view));
    if (r.c.failed) return corrupt(&r, "a view");
    feat_buffer_init(&again);
    FEAT_TRY(compare(&r, feat_form_view(view, &again, err), &again, bytes, size));
    view->fingerprint = feat_digest_of(bytes, size);
    *out = view;
    return FEAT_OK;
}

feat_status feat_form_read_service(const feat_form_context *context, const void *bytes, size_t size, feat_service **out,
                                   feat_error *err) {
    reader r = open_reader(context, bytes, size, err);
    feat_service *service = FEAT_ARENA_NEW(r.arena, feat_service);
    feat_buffer again;
    if (!service) return feat_fail_memory(err);
    FEAT_TRY(read_service(&r, service));
    if (r.c.failed) return corrupt(&r, "a service");
    feat_buffer_init(&again);
    FEAT_TRY(compare(&r, feat_form_service(service, &again, err), &again, bytes, size));
    service->fingerprint = feat_digest_of(bytes, size);
    *out = service;
    return FEAT_OK;
}
