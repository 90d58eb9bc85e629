/* Expressions as SQL, windows in words. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "column/list.h"
#include "math/decimal.h"
#include "plan/drift.h"
#include "plan/explain.h"

/* Longer expressions become steps of their own. */
enum { SHORT = 72 };

void feat_explain_type(feat_buffer *out, feat_type type) {
    char text[FEAT_TYPE_TEXT_SIZE];
    feat_buffer_text(out, feat_type_format(type, text));
}

static void amount(feat_buffer *out, int64_t n, const char *unit, bool *any) {
    if (n == 0) return;
    feat_buffer_printf(out, "%s%" PRId64 " %s%s", *any ? " " : "", n, unit, n == 1 || n == -1 ? "" : "s");
    *any = true;
}

void feat_explain_interval(feat_buffer *out, int64_t months, int64_t days, int64_t us) {
    bool any = false;
    amount(out, months / 12, "year", &any);
    amount(out, months % 12, "month", &any);
    int64_t whole;
    if (us % FEAT_US_PER_DAY == 0 && !__builtin_add_overflow(days, us / FEAT_US_PER_DAY, &whole)) {
        days = whole;
        us = 0;
    }
    amount(out, days, "day", &any);
    amount(out, us / (3600 * FEAT_US_PER_SECOND), "hour", &any);
    us %= 3600 * FEAT_US_PER_SECOND;
    amount(out, us / (60 * FEAT_US_PER_SECOND), "minute", &any);
    us %= 60 * FEAT_US_PER_SECOND;
    amount(out, us / FEAT_US_PER_SECOND, "second", &any);
    amount(out, us % FEAT_US_PER_SECOND, "microsecond", &any);
    if (!any) feat_buffer_text(out, "0 seconds");
}

const char *feat_explain_algebra(feat_agg agg) {
    static const char *const names[] = {[FEAT_ALGEBRA_GROUP] = "group",
                                        [FEAT_ALGEBRA_LATTICE] = "lattice",
                                        [FEAT_ALGEBRA_ORDER] = "order",
                                        [FEAT_ALGEBRA_SCAN] = "scan"};
    return names[feat_agg_table[agg].algebra];
}

/* ---- Expressions. ---- */

typedef struct wording {
    feat_explained *e;
    feat_explained_stage *stage;
    const feat_schema *table; /* inputs of an event stage */
    const feat_field *fields; /* of another one */
    const char *prefix;       /* before their names */
    uint32_t *uses;           /* by node */
    feat_buffer out;          /* of the expression at hand */
} wording;

static void quoted(feat_buffer *out, feat_text t) {
    feat_buffer_byte(out, '\'');
    for (size_t i = 0; i < t.length; i++) {
        if (t.data[i] == '\'') feat_buffer_byte(out, '\'');
        feat_buffer_byte(out, (uint8_t)t.data[i]);
    }
    feat_buffer_byte(out, '\'');
}

static void hexadecimal(feat_buffer *out, feat_text t) {
    feat_buffer_text(out, "X'");
    for (size_t i = 0; i < t.length; i++) feat_buffer_printf(out, "%02X", (unsigned char)t.data[i]);
    feat_buffer_byte(out, '\'');
}

static void constant(feat_buffer *out, const feat_node *node);

/* As a literal. */
static void list(feat_buffer *out, const feat_node *node) {
    feat_nested_layout elements;
    if (!feat_list_read(node->type, node->constant.t, &elements)) return;
    feat_buffer_byte(out, '[');
    for (size_t i = 0; i < elements.n; i++) {
        feat_node one = {.kind = FEAT_NODE_CONST, .type = elements.elements.type};
        feat_element e;
        one.is_null = !feat_list_get(&elements, i, &e);
        switch (one.is_null ? FEAT_CLASS_N : feat_class_of(one.type)) {
        case FEAT_CLASS_N: break;
        case FEAT_CLASS_B: one.constant.i = e.b; break;
        case FEAT_CLASS_I: one.constant.i = e.i; break;
        case FEAT_CLASS_F: one.constant.f = e.f; break;
        case FEAT_CLASS_T: one.constant.t = e.t; break;
        case FEAT_CLASS_W: one.constant.w = e.w; break;
        case FEAT_CLASS_V: one.constant.p = e.p; break;
        }
        if (i) feat_buffer_text(out, ", ");
        constant(out, &one);
    }
    feat_buffer_byte(out, ']');
}

static void constant(feat_buffer *out, const feat_node *node) {
    char text[FEAT_INTERVAL_TEXT_SIZE]; /* the longest of all */
    if (node->is_null) {
        feat_buffer_text(out, "NULL");
        return;
    }
    switch (FEAT_TYPE_BASE(node->type)) {
    case FEAT_TYPE_BOOLEAN: feat_buffer_text(out, node->constant.i ? "TRUE" : "FALSE"); return;
    case FEAT_TYPE_DATE:
        feat_format_date((int32_t)node->constant.i, text);
        feat_buffer_printf(out, "DATE '%s'", text);
        return;
    case FEAT_TYPE_TIMESTAMP:
        feat_format_timestamp(node->constant.i, text);
        feat_buffer_printf(out, "TIMESTAMP '%s'", text);
        return;
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_VECTOR: list(out, node); return;
    default: break;
    }
    switch (feat_class_of(node->type)) {
    case FEAT_CLASS_T:
        if (FEAT_TYPE_BASE(node->type) == FEAT_TYPE_TEXT) quoted(out, node->constant.t);
        else hexadecimal(out, node->constant.t);
        break;
    case FEAT_CLASS_F:
        feat_number_format_double(node->constant.f, text);
        feat_buffer_text(out, text);
        break;
    case FEAT_CLASS_W:
        feat_decimal_format(node->constant.w, FEAT_TYPE_SCALE(node->type), text);
        feat_buffer_text(out, text);
        break;
    case FEAT_CLASS_V:
        feat_buffer_text(out, "INTERVAL '");
        feat_explain_interval(out, node->constant.p.months, node->constant.p.days, node->constant.p.us);
        feat_buffer_text(out, "'");
        break;
    default: feat_buffer_printf(out, "%" PRId64, node->constant.i);
    }
}

/* The name of a part of a time, which operators take as its number. */
static const char *part_name(const feat_node *node) {
    static const char *const names[] = {[FEAT_PART_MICROSECOND] = "microsecond",
                                        [FEAT_PART_MILLISECOND] = "millisecond",
                                        [FEAT_PART_SECOND] = "second",
                                        [FEAT_PART_MINUTE] = "minute",
                                        [FEAT_PART_HOUR] = "hour",
                                        [FEAT_PART_DAY] = "day",
                                        [FEAT_PART_WEEK] = "week",
                                        [FEAT_PART_MONTH] = "month",
                                        [FEAT_PART_QUARTER] = "quarter",
                                        [FEAT_PART_YEAR] = "year",
                                        [FEAT_PART_DECADE] = "decade",
                                        [FEAT_PART_CENTURY] = "century",
                                        [FEAT_PART_MILLENNIUM] = "millennium",
                                        [FEAT_PART_DOW] = "dow",
                                        [FEAT_PART_ISODOW] = "isodow",
                                        [FEAT_PART_DOY] = "doy",
                                        [FEAT_PART_ISOYEAR] = "isoyear",
                                        [FEAT_PART_YEARWEEK] = "yearweek",
                                        [FEAT_PART_EPOCH] = "epoch"};
    if (node->kind != FEAT_NODE_CONST || node->is_null || feat_class_of(node->type) != FEAT_CLASS_I) return NULL;
    if (node->constant.i <= 0 || node->constant.i >= (int64_t)(sizeof names / sizeof *names)) return NULL;
    return names[node->constant.i];
}

/* Which argument of an operator is the number of a part, or -1. */
static int part_argument(feat_op op) {
    const feat_op_info *info = &feat_op_table[op];
    static const char *const takers[] = {"date_trunc", "date_part", "date_diff"};
    for (size_t i = 0; i < sizeof takers / sizeof *takers; i++)
        if (strcmp(info->sql, takers[i]) == 0) return info->n_args - 1;
    return -1;
}

static bool is_infix(const feat_op_info *op) {
    static const char *const words[] = {"and", "or", "is distinct from", "xor", "like"};
    if (op->n_args != 2) return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(op->sql, words[i]) == 0) return true;
    return strchr("+-*/%=<>&|^~", op->sql[0]) != NULL;
}

/* Whether an argument can stand beside an operator without parentheses. */
static bool is_closed(const wording *w, uint32_t node) {
    const feat_node *n = &w->stage->stage->pool.nodes[node];
    const char *text = w->stage->text[node];
    if (n->kind != FEAT_NODE_OP || (text[0] == '%' && text[1 + strspn(text + 1, "0123456789")] == 0)) return true;
    const feat_op_info *op = &feat_op_table[n->op];
    return !is_infix(op) && strcmp(op->sql, "not") != 0 && strcmp(op->sql, "is null") != 0 &&
           strcmp(op->sql, "is true") != 0 && strcmp(op->sql, "-") != 0;
}

static void operand(wording *w, uint32_t node) {
    bool closed = is_closed(w, node);
    if (!closed) feat_buffer_byte(&w->out, '(');
    feat_buffer_text(&w->out, w->stage->text[node]);
    if (!closed) feat_buffer_byte(&w->out, ')');
}

static bool is_conversion(const char *sql) {
    return strcmp(sql, "cast") == 0 || strcmp(sql, "as") == 0 || strcmp(sql, "rescale") == 0 ||
           strncmp(sql, "to ", 3) == 0;
}

static void call(wording *w, const feat_node *node) {
    const feat_op_info *op = &feat_op_table[node->op];
    const feat_node *nodes = w->stage->stage->pool.nodes;
    int part = part_argument(node->op);
    const char *name = part >= 0 ? part_name(&nodes[node->args[part]]) : NULL;
    /* Operators over lists take the type of the list last, which goes without saying. */
    int n_args = op->n_args - (strncmp(op->id, "LIST_", 5) == 0);
    feat_buffer_printf(&w->out, "%s(", op->sql);
    if (name) feat_buffer_printf(&w->out, "'%s'", name);
    for (int k = 0, n = name ? 1 : 0; k < n_args; k++) {
        if (name && k == part) continue;
        feat_buffer_printf(&w->out, "%s%s", n++ ? ", " : "", w->stage->text[node->args[k]]);
    }
    feat_buffer_byte(&w->out, ')');
}

static void operation(wording *w, const feat_node *node) {
    const feat_op_info *op = &feat_op_table[node->op];
    const char *const *text = w->stage->text;
    feat_buffer *out = &w->out;
    if (is_infix(op)) {
        operand(w, node->args[0]);
        feat_buffer_byte(out, ' ');
        for (const char *c = op->sql; *c; c++) /* words in capitals */
            feat_buffer_byte(out, (uint8_t)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
        feat_buffer_byte(out, ' ');
        operand(w, node->args[1]);
    } else if (strcmp(op->sql, "not") == 0) {
        feat_buffer_text(out, "NOT ");
        operand(w, node->args[0]);
    } else if (strcmp(op->sql, "-") == 0) {
        feat_buffer_text(out, "-");
        operand(w, node->args[0]);
    } else if (strcmp(op->sql, "is null") == 0 || strcmp(op->sql, "is true") == 0) {
        operand(w, node->args[0]);
        feat_buffer_text(out, op->sql[3] == 'n' ? " IS NULL" : " IS TRUE");
    } else if (strcmp(op->sql, "case") == 0) {
        feat_buffer_printf(out, "CASE WHEN %s THEN %s ELSE %s END", text[node->args[0]], text[node->args[1]],
                           text[node->args[2]]);
    } else if (is_conversion(op->sql)) { /* more arguments are what the type says */
        feat_buffer_printf(out, "CAST(%s AS ", text[node->args[0]]);
        feat_explain_type(out, node->type);
        feat_buffer_text(out, ")");
    } else {
        call(w, node);
    }
}

static const char *field_name(const wording *w, uint32_t index) {
    return w->table ? w->table->fields[index].name : w->fields[index].name;
}

static void put_node(wording *w, const feat_node *node) {
    switch (node->kind) {
    case FEAT_NODE_CONST: constant(&w->out, node); break;
    case FEAT_NODE_INPUT: feat_buffer_printf(&w->out, "%s%s", w->prefix, field_name(w, node->index)); break;
    case FEAT_NODE_AGGREGATE:
        feat_buffer_printf(&w->out, "j%" PRIu32 ".a%" PRIu32, w->stage->walk.join_number[node->join] + 1,
                           node->index + 1);
        break;
    case FEAT_NODE_FOUND:
        feat_buffer_printf(&w->out, "j%" PRIu32 ".found", w->stage->walk.join_number[node->join] + 1);
        break;
    case FEAT_NODE_NOW: feat_buffer_text(&w->out, w->table ? field_name(w, w->table->time) : "now()"); break;
    case FEAT_NODE_OP: operation(w, node); break;
    }
}

/* What is used often is a step, and so is what is long; a conversion of a leaf is neither. */
static bool is_step(const wording *w, uint32_t at) {
    const feat_node *node = &w->stage->stage->pool.nodes[at];
    if (node->kind != FEAT_NODE_OP || w->out.failed) return false;
    return w->uses[at] > 1 || w->out.size > SHORT;
}

static const char *take(wording *w) {
    const char *text = w->out.failed ? NULL : feat_arena_strndup(&w->e->arena, (const char *)w->out.data, w->out.size);
    if (!text) w->e->failed = true;
    feat_buffer_clear(&w->out);
    return text ? text : "";
}

/* `stage->walk` is done; gives every node in it its text. */
static void explain_stage(feat_explained *e, feat_explained_stage *stage, const feat_stage *of,
                          const feat_schema *table, const feat_field *fields, const char *prefix) {
    wording w = {.e = e, .stage = stage, .table = table, .fields = fields, .prefix = prefix};
    const feat_walk *walk = &stage->walk;
    bool *read = feat_arena_array(&e->arena, table ? table->n_fields : 0, sizeof *read);
    stage->stage = of;
    stage->fields = read;
    stage->text = feat_arena_array(&e->arena, of->pool.n, sizeof *stage->text);
    stage->steps = feat_arena_array(&e->arena, walk->n, sizeof *stage->steps);
    stage->ops = feat_arena_array(&e->arena, FEAT_OP_COUNT, sizeof *stage->ops);
    w.uses = feat_arena_array(&e->arena, of->pool.n, sizeof *w.uses);
    if (!read || !stage->text || !stage->steps || !stage->ops || !w.uses) {
        e->failed = true;
        return;
    }
    for (uint32_t i = 0; i < walk->n; i++) {
        const feat_node *node = &of->pool.nodes[walk->order[i]];
        if (table && node->kind == FEAT_NODE_INPUT) read[node->index] = true;
        if (node->kind != FEAT_NODE_OP) continue;
        for (int k = 0; k < feat_op_table[node->op].n_args; k++) w.uses[node->args[k]]++;
        stage->ops[node->op] = true;
        stage->n_ops++;
    }
    feat_buffer_init(&w.out);
    for (uint32_t i = 0; i < walk->n && !e->failed; i++) {
        uint32_t at = walk->order[i];
        put_node(&w, &of->pool.nodes[at]);
        bool step = is_step(&w, at);
        const char *text = take(&w);
        if (step) {
            stage->steps[stage->n_steps++] = (feat_explained_step){text, of->pool.nodes[at].type};
            feat_buffer_printf(&w.out, "%%%zu", stage->n_steps);
            text = take(&w);
        }
        stage->text[at] = text;
    }
    feat_buffer_done(&w.out);
}

/* ---- Windows. ---- */

/* A bound of the clock: "the start of the month", or what computes it. */
static void put_bound(feat_buffer *out, const feat_explained_block *b, uint32_t bound) {
    uint32_t at = b->block->bounds[bound];
    const feat_node *nodes = b->block->clock.pool.nodes, *node = &nodes[at];
    if (node->kind == FEAT_NODE_OP && strcmp(feat_op_table[node->op].sql, "date_trunc") == 0 &&
        nodes[node->args[0]].kind == FEAT_NODE_NOW) {
        const char *part = part_name(&nodes[node->args[1]]);
        if (part) {
            feat_buffer_printf(out, "the start of the %s", part);
            return;
        }
    }
    feat_buffer_text(out, b->clock.text[at]);
}

static bool is_zero(const feat_interval *v) { return v->months == 0 && v->days == 0 && v->us == 0; }

static void put_before(feat_buffer *out, const feat_interval *v) {
    if (is_zero(v)) {
        feat_buffer_text(out, "t");
        return;
    }
    feat_explain_interval(out, v->months, v->days, v->us);
    feat_buffer_text(out, " before t");
}

static void put_range(feat_buffer *out, const feat_explained_block *b, const feat_window *w) {
    if (w->low != FEAT_NO_BOUND) {
        feat_buffer_text(out, "since ");
        put_bound(out, b, w->low);
    } else if (w->unbounded) {
        feat_buffer_text(out, "all events");
    } else if (is_zero(&w->end)) {
        feat_buffer_text(out, "the last ");
        feat_explain_interval(out, w->start.months, w->start.days, w->start.us);
    } else {
        feat_buffer_text(out, "from ");
        put_before(out, &w->start);
    }
    feat_buffer_text(out, w->low == FEAT_NO_BOUND && !w->unbounded && !is_zero(&w->end) ? " to " : " up to ");
    put_before(out, &w->end);
    if (w->high != FEAT_NO_BOUND) {
        feat_buffer_text(out, " and to ");
        put_bound(out, b, w->high);
    }
    if (w->open_left && !w->unbounded && w->low == FEAT_NO_BOUND) feat_buffer_text(out, ", without its first instant");
    if (w->open_right) feat_buffer_text(out, ", without its last instant");
}

static void put_count(feat_buffer *out, const feat_window *w, const char *one, const char *many, const char *current) {
    if (w->unbounded && w->last == 0) {
        feat_buffer_printf(out, "all %s up to %s", many, current);
    } else if (w->unbounded) {
        feat_buffer_printf(out, "all %s but the last %" PRId64, many, w->last);
    } else if (w->first < w->last) {
        feat_buffer_printf(out, "no %s", many);
    } else if (w->last == 0 && w->first == 0) {
        feat_buffer_text(out, current);
    } else if (w->last == 0) {
        feat_buffer_printf(out, "%s and the %" PRId64 " before it", current, w->first);
    } else if (w->last == 1) {
        feat_buffer_printf(out, "the %" PRId64 " %s before %s", w->first, w->first == 1 ? one : many, current);
    } else {
        feat_buffer_printf(out, "%s %" PRId64 " to %" PRId64 " before %s", many, w->first, w->last, current);
    }
}

static void put_window(feat_buffer *out, const feat_explained_block *b, const feat_window *w) {
    static const char *const excluded[] = {[FEAT_EXCLUDE_NOTHING] = "",
                                           [FEAT_EXCLUDE_CURRENT_ROW] = ", without the current row if it is at t",
                                           [FEAT_EXCLUDE_GROUP] = ", without the rows at t",
                                           [FEAT_EXCLUDE_TIES] = ", without the rows at t but the current one"};
    switch (w->frame) {
    case FEAT_FRAME_RANGE: put_range(out, b, w); break;
    case FEAT_FRAME_ROWS: put_count(out, w, "row", "rows", "the current row"); break;
    case FEAT_FRAME_GROUPS: put_count(out, w, "group", "groups of rows of one time", "the current group"); break;
    }
    if (w->frame != FEAT_FRAME_RANGE && (w->low != FEAT_NO_BOUND || w->high != FEAT_NO_BOUND)) {
        if (w->low != FEAT_NO_BOUND) {
            feat_buffer_text(out, ", since ");
            put_bound(out, b, w->low);
        }
        if (w->high != FEAT_NO_BOUND) {
            feat_buffer_text(out, ", up to ");
            put_bound(out, b, w->high);
        }
    }
    feat_buffer_text(out, excluded[w->exclude]);
}

/* ---- Blocks. ---- */

/* A slot of several branches is known by its number only. */
static void put_slot(feat_buffer *out, const feat_explained_block *b, uint32_t slot) {
    if (b->block->n_branches > 1) {
        feat_buffer_printf(out, "s%" PRIu32, slot + 1);
        return;
    }
    const feat_slot *s = &b->block->branches[0].slots[slot];
    feat_buffer_text(out, s->arg == FEAT_NO_NODE ? "*" : b->branches[0].text[s->arg]);
}

static void put_parameter(feat_buffer *out, const feat_parameter *p) {
    feat_node node = {.kind = FEAT_NODE_CONST, .type = p->type};
    memcpy(&node.constant, &p->v, sizeof p->v);
    constant(out, &node);
}

static void put_aggregate(feat_buffer *out, const feat_explained_block *b, const feat_aggregate *a) {
    const feat_block *block = b->block;
    feat_buffer_printf(out, "%s(", feat_agg_table[a->agg].sql);
    const feat_agg_info *info = &feat_agg_table[a->agg];
    if (a->distinct) feat_buffer_text(out, "DISTINCT ");
    if (!info->function || info->takes[0] != FEAT_AGG_TAKES_N) put_slot(out, b, a->slot);
    if (info->takes[1] != FEAT_AGG_TAKES_N) {
        feat_buffer_text(out, ", ");
        put_slot(out, b, a->second);
    }
    if (a->parameter.type) {
        if (info->takes[0] != FEAT_AGG_TAKES_N) feat_buffer_text(out, ", ");
        put_parameter(out, &a->parameter);
    }
    if (a->agg == FEAT_AGG_LAG) feat_buffer_printf(out, ", %" PRId64, a->offset);
    for (size_t i = 0; i < a->n_order; i++) {
        feat_buffer_text(out, i ? ", " : " order by ");
        put_slot(out, b, a->order[i].slot);
        if (a->order[i].descending) feat_buffer_text(out, " desc");
        if (a->order[i].nulls_first) feat_buffer_text(out, " nulls first");
    }
    feat_buffer_text(out, ")");
    uint32_t filter = block->branches[0].slots[a->slot].filter;
    if (block->n_branches == 1 && filter != FEAT_NO_NODE)
        feat_buffer_printf(out, " filter (where %s)", b->branches[0].text[filter]);
    if (a->low != FEAT_NO_BOUND) {
        feat_buffer_text(out, " of events since ");
        put_bound(out, b, a->low);
    }
    if (a->high != FEAT_NO_BOUND) {
        feat_buffer_text(out, a->low != FEAT_NO_BOUND ? " up to " : " of events up to ");
        put_bound(out, b, a->high);
    }
    if (a->otherwise != FEAT_NO_NODE) {
        feat_buffer_text(out, ", of others ");
        put_slot(out, b, a->otherwise);
    }
    feat_buffer_printf(out, " over w%" PRIu32, a->window + 1);
}

/* Bytes of one value in the serving state; texts have 4 for their length. */
static size_t state_bytes(feat_type type, bool *texts) {
    switch (feat_class_of(type)) {
    case FEAT_CLASS_B: return 1;
    case FEAT_CLASS_W:
    case FEAT_CLASS_V: return 16;
    case FEAT_CLASS_T: *texts = true; return 4;
    default: return 8;
    }
}

/* Per event its time, each slot with a byte of state, each tie with a byte for NULL; per entity the key and the heads
 * of a chunk. */
static void estimate(feat_explained_block *b) {
    enum { CHUNK = 24 + 32 + 4 + 4 }; /* envelope, key, length of the entity's key, number of events */
    const feat_block *block = b->block;
    size_t ties = 0;
    bool key_texts = false;
    b->event_bytes = 8;
    b->entity_bytes = CHUNK;
    for (size_t s = 0; s < block->n_slots; s++) {
        bool bare = true;
        for (size_t i = 0; i < block->n_branches; i++) bare &= block->branches[i].slots[s].arg == FEAT_NO_NODE;
        b->event_bytes += 1 + (bare ? 0 : state_bytes(block->slots[s], &b->event_texts));
    }
    for (size_t i = 0; i < block->n_branches; i++) {
        const feat_union_branch *branch = &block->branches[i];
        size_t here = 0;
        for (size_t t = 0; t < branch->n_ties; t++)
            here += 1 + state_bytes(branch->table->fields[branch->ties[t]].type, &b->event_texts);
        if (here > ties) ties = here;
    }
    b->event_bytes += ties;
    for (size_t k = 0; k < block->n_key; k++) b->entity_bytes += 1 + state_bytes(block->key[k], &key_texts);
}

static const char *bound_text(feat_explained *e, const feat_explained_block *b, uint32_t bound) {
    feat_buffer out;
    if (bound == FEAT_NO_BOUND) return NULL;
    feat_buffer_init(&out);
    put_bound(&out, b, bound);
    const char *text = out.failed ? NULL : feat_arena_strndup(&e->arena, (const char *)out.data, out.size);
    feat_buffer_done(&out);
    if (!text) e->failed = true;
    return text;
}

static void explain_block(feat_explained *e, feat_explained_block *b, const feat_block *block) {
    wording w = {.e = e};
    b->block = block;
    b->branches = feat_arena_array(&e->arena, block->n_branches, sizeof *b->branches);
    b->windows = feat_arena_array(&e->arena, block->n_windows, sizeof *b->windows);
    b->aggregates = feat_arena_array(&e->arena, block->n_aggregates, sizeof *b->aggregates);
    if (!b->branches || !b->windows || !b->aggregates) e->failed = true;
    for (size_t i = 0; i < block->n_branches && !e->failed; i++) {
        if (feat_walk_branch(&b->branches[i].walk, block, i, NULL) != FEAT_OK) e->failed = true;
        else explain_stage(e, &b->branches[i], &block->branches[i].stage, block->branches[i].table, NULL, "");
    }
    if (!e->failed && feat_walk_clock(&b->clock.walk, block, NULL) != FEAT_OK) e->failed = true;
    if (e->failed) return;
    explain_stage(e, &b->clock, &block->clock, NULL, NULL, "");
    feat_buffer_init(&w.out);
    for (size_t i = 0; i < block->n_windows && !e->failed; i++) {
        put_window(&w.out, b, &block->windows[i]);
        b->windows[i] = take(&w);
    }
    for (size_t i = 0; i < block->n_aggregates && !e->failed; i++) {
        put_aggregate(&w.out, b, &block->aggregates[i]);
        b->aggregates[i] = take(&w);
    }
    feat_buffer_done(&w.out);
    if (e->failed) return;
    b->low = bound_text(e, b, block->low);
    b->high = bound_text(e, b, block->high);
    estimate(b);
}

static void explain_blocks(feat_explained *e) {
    if (feat_block_set_collect(&e->set, &e->stage.walk, NULL) != FEAT_OK) {
        e->failed = true;
        return;
    }
    e->blocks = feat_arena_array(&e->arena, e->set.n, sizeof *e->blocks);
    if (!e->blocks) {
        e->failed = true;
        return;
    }
    for (size_t i = 0; i < e->set.n && !e->failed; i++, e->n_blocks++)
        explain_block(e, &e->blocks[i], e->set.blocks[i]);
}

/* ---- Definitions. ---- */

void feat_explained_view(feat_explained *e, const feat_view *view) {
    *e = (feat_explained){0};
    feat_arena_init(&e->arena);
    if (feat_walk_view(&e->stage.walk, view, NULL) != FEAT_OK) {
        e->failed = true;
        return;
    }
    feat_drift drift;
    if (feat_drift_of(view, &e->stage.walk, &drift, NULL) != FEAT_OK) e->failed = true;
    e->drift = drift.reason;
    feat_drift_done(&drift);
    explain_blocks(e);
    if (!e->failed) explain_stage(e, &e->stage, &view->stage, NULL, view->key, "");
}

void feat_explained_service(feat_explained *e, const feat_service *service) {
    *e = (feat_explained){0};
    feat_arena_init(&e->arena);
    if (feat_walk_service(&e->stage.walk, service, NULL) != FEAT_OK) {
        e->failed = true;
        return;
    }
    explain_blocks(e);
    if (!e->failed) explain_stage(e, &e->stage, &service->stage, NULL, service->inputs, "request.");
}

void feat_explained_done(feat_explained *e) {
    for (size_t i = 0; i < e->n_blocks; i++) {
        for (size_t b = 0; e->blocks[i].branches && b < e->blocks[i].block->n_branches; b++)
            feat_walk_done(&e->blocks[i].branches[b].walk);
        feat_walk_done(&e->blocks[i].clock.walk);
    }
    feat_walk_done(&e->stage.walk);
    feat_block_set_done(&e->set);
    feat_arena_done(&e->arena);
}
