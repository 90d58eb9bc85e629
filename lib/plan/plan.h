/* What the binder makes of a definition: the logical form of a view or a service, and its lowered code.
 *
 * Expressions live in a pool: nodes that refer to earlier nodes, each distinct one once, so that a common subexpression
 * is one node and a chain of aliases stays linear. A pool is therefore always in an order in which it can be evaluated.
 */
#ifndef FEAT_LIB_PLAN_H
#define FEAT_LIB_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"
#include "column/column.h" /* feat_text */
#include "column/schema.h"

/* ---- Operators and aggregates: op.def and agg.def as enums and tables. ---- */

/* What a register holds. */
typedef enum feat_class {
    FEAT_CLASS_N = 0,
    FEAT_CLASS_B = 1,
    FEAT_CLASS_I = 2,
    FEAT_CLASS_F = 3,
    FEAT_CLASS_T = 4
} feat_class;
feat_class feat_class_of(feat_type type);

typedef enum feat_op {
#define FEAT_OP(id, sql, shape, out, a, b, c, rev, body, nulls, errors, text, example, result) FEAT_OP_##id,
#include "plan/op.def"
#undef FEAT_OP
    FEAT_OP_COUNT
} feat_op;

typedef struct feat_op_info {
    const char *id, *sql;
    feat_class out, arg[3];
    int n_args, revision;
} feat_op_info;
extern const feat_op_info feat_op_table[FEAT_OP_COUNT];
/* The operator called `sql` over these classes (FEAT_CLASS_N: no argument), or -1. */
int feat_op_find(const char *sql, feat_class a, feat_class b, feat_class c);

typedef enum feat_algebra { FEAT_ALGEBRA_GROUP, FEAT_ALGEBRA_LATTICE, FEAT_ALGEBRA_ORDER } feat_algebra;

typedef enum feat_agg {
#define FEAT_AGG(id, sql, arg, result, algebra, rev, empty, errors, text) FEAT_AGG_##id,
#include "plan/agg.def"
#undef FEAT_AGG
    FEAT_AGG_COUNT_OF
} feat_agg;

typedef struct feat_agg_info {
    const char *id, *sql;
    feat_algebra algebra;
    int revision;
} feat_agg_info;
extern const feat_agg_info feat_agg_table[FEAT_AGG_COUNT_OF];

/* ---- Expressions. ---- */

typedef enum feat_node_kind {
    FEAT_NODE_CONST = 1,     /* `constant`, or NULL */
    FEAT_NODE_COLUMN = 2,    /* event stage: field `index` of the table */
    FEAT_NODE_AGGREGATE = 3, /* a view's request stage: aggregate `index` */
    FEAT_NODE_INPUT = 4,     /* a service's request stage: input `index` */
    FEAT_NODE_FEATURE = 5,   /* a service's request stage: feature `index` of join `join` */
    FEAT_NODE_NOW = 6,       /* t */
    FEAT_NODE_OP = 7         /* `op` over `args` */
} feat_node_kind;

typedef struct feat_node {
    feat_node_kind kind;
    feat_type type;
    feat_op op;
    uint32_t args[3]; /* earlier nodes */
    uint32_t index, join;
    bool is_null; /* CONST */
    union {
        int64_t i;
        double f;
        feat_text t; /* in the pool's arena */
    } constant;
} feat_node;

typedef struct feat_pool {
    feat_arena *arena;
    feat_node *nodes; /* heap; freed by feat_pool_done */
    size_t n, capacity;
    uint32_t *table; /* open addressing over node contents: index + 1 */
    size_t table_size;
} feat_pool;

#define FEAT_NO_NODE UINT32_MAX

void feat_pool_init(feat_pool *pool, feat_arena *arena);
void feat_pool_done(feat_pool *pool);
/* The number of the node equal to `node`, added if it is new; FEAT_NO_NODE when memory is out. */
uint32_t feat_pool_add(feat_pool *pool, const feat_node *node);

/* ---- Views. ---- */

/* Window [t - start, t - end] on the event time. An interval counts back from t: months first (calendar), then days,
 * then µs. */
typedef struct feat_interval {
    int64_t months, days, us;
} feat_interval;

typedef struct feat_window {
    bool unbounded; /* no start: the lifetime of the entity */
    feat_interval start, end;
    bool open_left, open_right; /* the edge itself is left out */
} feat_window;

/* The bounds of a window at t over event times: those with first <= time <= last are in. An empty window has first >
 * last. Takes the table's delay into account (visible: time + delay <= t). Out-of-range arithmetic saturates. */
void feat_window_bounds(const feat_window *window, int64_t t, int64_t delay_us, int64_t *first, int64_t *last);

/* What an aggregate sees of an event: an argument under a filter. */
typedef struct feat_slot {
    uint32_t arg;    /* node of the event pool; FEAT_NO_NODE: count(*), any event counts */
    uint32_t filter; /* node of type BOOLEAN, or FEAT_NO_NODE */
    feat_type type;  /* of the argument; BOOLEAN for count(*) */
} feat_slot;

typedef struct feat_aggregate {
    feat_agg agg;
    uint32_t slot, window;
    feat_type type; /* of the result */
} feat_aggregate;

typedef struct feat_output {
    const char *name;
    feat_type type;
    uint32_t node; /* of the request pool */
} feat_output;

typedef struct feat_view {
    const char *name;
    feat_digest fingerprint;
    const feat_schema *table;
    uint32_t *key; /* fields that make the entity */
    size_t n_key;
    feat_pool event;
    uint32_t where; /* node of the event pool or FEAT_NO_NODE */
    feat_slot *slots;
    size_t n_slots;
    feat_window *windows;
    size_t n_windows;
    feat_aggregate *aggregates;
    size_t n_aggregates;
    feat_pool request;
    feat_output *features;
    size_t n_features;
    /* Derived. */
    uint32_t
        *ties; /* fields that order events of one time, in that order; none when no aggregate depends on the order */
    size_t n_ties;
    struct feat_code
        *event_code; /* loads: fields; outputs: where (if any), then for each slot arg (if any) and filter (if any) */
} feat_view;

/* ---- Services. ---- */

typedef struct feat_join {
    const feat_view *view;
    const char *alias;
    uint32_t *inputs; /* request input that gives each key part of the view */
} feat_join;

typedef struct feat_service {
    const char *name;
    feat_digest fingerprint;
    feat_field *inputs; /* id counts from 1 */
    size_t n_inputs;
    feat_join *joins;
    size_t n_joins;
    feat_pool pool;
    feat_output *features;
    size_t n_features;
    /* Derived. */
    struct feat_code *code; /* loads: see feat_load; outputs: the features */
    int32_t *feature_join;  /* join whose entity decides "not found" for a feature that is a view's own; -1: an
                               expression of the service */
} feat_service;

/* ---- Code: flat steps over typed registers. ---- */

typedef enum feat_load_kind {
    FEAT_LOAD_FIELD = 1,
    FEAT_LOAD_INPUT = 2,
    FEAT_LOAD_AGGREGATE = 3,
    FEAT_LOAD_NOW = 4
} feat_load_kind;

typedef struct feat_load {
    feat_load_kind kind;
    feat_type type;
    uint32_t reg;
    uint32_t index, join; /* field; input; aggregate `index` of join `join` */
} feat_load;

typedef struct feat_constant {
    uint32_t reg;
    bool is_null;
    union {
        int64_t i;
        double f;
        feat_text t;
    } v;
} feat_constant;

typedef struct feat_step {
    uint16_t op; /* feat_op */
    uint32_t out, a, b, c;
} feat_step;

typedef struct feat_code {
    feat_class *regs; /* class of each register; a register is written once */
    size_t n_regs;
    feat_load *loads;
    size_t n_loads;
    feat_constant *constants;
    size_t n_constants;
    feat_step *steps;
    size_t n_steps;
    uint32_t *outputs; /* registers */
    size_t n_outputs;
} feat_code;

/* Lowers the event stage of a view / the whole request side of a service (its views' request stages inlined). Memory
 * from `arena`. */
feat_status feat_lower_view(feat_arena *arena, feat_view *view, feat_error *err);
feat_status feat_lower_service(feat_arena *arena, feat_service *service, feat_error *err);

/* ---- Binding. ---- */

/* Names that a script can refer to. Later entries hide earlier ones of the same name. */
typedef struct feat_scope {
    const feat_schema **tables;
    size_t n_tables, tables_capacity;
    const feat_view **views;
    size_t n_views, views_capacity;
    const feat_service **services;
    size_t n_services, services_capacity;
} feat_scope;

const feat_schema *feat_scope_table(const feat_scope *scope, const char *name);
const feat_view *feat_scope_view(const feat_scope *scope, const char *name);
const feat_service *feat_scope_service(const feat_scope *scope, const char *name);
int feat_scope_add_table(feat_scope *scope, const feat_schema *table);
int feat_scope_add_view(feat_scope *scope, const feat_view *view);
int feat_scope_add_service(feat_scope *scope, const feat_service *service);
void feat_scope_done(feat_scope *scope);

struct feat_ast_statement;

/* Each binds one statement of the text `sql`; errors carry line, column and caret. Memory from `arena`, but the pools
 * of a view or service are freed with feat_view_done / feat_service_done. The result is lowered and has its
 * fingerprint. */
typedef struct feat_source {
    const char *sql;
    size_t length;
} feat_source;
feat_status feat_bind_table(feat_arena *arena, const feat_source *source, const struct feat_ast_statement *statement,
                            feat_schema **table, feat_error *err);
feat_status feat_bind_view(feat_arena *arena, const feat_source *source, const struct feat_ast_statement *statement,
                           const feat_scope *scope, feat_view **view, feat_error *err);
feat_status feat_bind_service(feat_arena *arena, const feat_source *source, const struct feat_ast_statement *statement,
                              const feat_scope *scope, feat_service **service, feat_error *err);
void feat_view_done(feat_view *view);
void feat_service_done(feat_service *service);

/* Fingerprints: XXH3-128 of the canonical msgpack of the logical form (doc/format.md). */
feat_digest feat_table_fingerprint(const feat_schema *table, bool *failed);
feat_status feat_view_fingerprint(feat_view *view, feat_error *err);
feat_status feat_service_fingerprint(feat_service *service, feat_error *err);

/* ---- EXPLAIN. ---- */
void feat_explain_table(const feat_schema *table, feat_buffer *out);
void feat_explain_view(const feat_view *view, feat_buffer *out);
void feat_explain_service(const feat_service *service, feat_buffer *out);

#endif
