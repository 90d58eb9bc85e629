/* What the binder makes of a definition: the logical form of a view or a service, and its lowered code.
 *
 * A view or a service is one *stage*: expressions over its inputs (the entity's key, the request) and over the
 * aggregates of *blocks*, each asked for a key as of a time. A block reads the events of tables; each event passes a
 * stage of its own, which may ask blocks in turn. Everything that SQL joins, nests or unites becomes these two.
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
#include "base/text.h"
#include "column/column.h" /* feat_interval */
#include "column/schema.h"
#include "math/exact.h" /* feat_int128 */

/* ---- Operators and aggregates: op.def and agg.def as enums and tables. ---- */

/* What a register holds: nothing; B a byte (BOOLEAN); I an int64_t (integers that fit it, DATE, TIMESTAMP); F a double
 * (DOUBLE, REAL); T bytes (TEXT, BLOB and the encoded VECTOR, LIST, MAP); W a 128-bit integer (DECIMAL unscaled,
 * UBIGINT); V a feat_interval. */
typedef enum feat_class {
    FEAT_CLASS_N = 0,
    FEAT_CLASS_B = 1,
    FEAT_CLASS_I = 2,
    FEAT_CLASS_F = 3,
    FEAT_CLASS_T = 4,
    FEAT_CLASS_W = 5,
    FEAT_CLASS_V = 6
} feat_class;
/* Letters of op.def that name a type of a class. */
#define FEAT_CLASS_D FEAT_CLASS_I /* DATE */
#define FEAT_CLASS_S FEAT_CLASS_I /* TIMESTAMP */
#define FEAT_CLASS_X FEAT_CLASS_T /* BLOB */
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
    bool callable;               /* as a function, by its name, with the types of the row */
    feat_type result, params[3]; /* of a callable one */
} feat_op_info;
extern const feat_op_info feat_op_table[FEAT_OP_COUNT];
/* Whether an operator can make an error of arguments that are none. */
bool feat_op_fails(feat_op op);
/* The operator called `sql` over these classes (FEAT_CLASS_N: no argument), or -1. */
int feat_op_find(const char *sql, feat_class a, feat_class b, feat_class c);

typedef enum feat_algebra {
    FEAT_ALGEBRA_GROUP,
    FEAT_ALGEBRA_LATTICE,
    FEAT_ALGEBRA_ORDER,
    FEAT_ALGEBRA_SCAN
} feat_algebra;

typedef enum feat_agg {
#define FEAT_AGG(id, sql, arg, result, algebra, rev, empty, errors, text) FEAT_AGG_##id,
#include "plan/agg.def"
#undef FEAT_AGG
    FEAT_AGG_COUNT_OF
} feat_agg;

/* What an argument of an aggregate may be; the columns of agg.def. */
typedef enum feat_agg_takes {
    FEAT_AGG_TAKES_N,
    FEAT_AGG_TAKES_B,
    FEAT_AGG_TAKES_I,
    FEAT_AGG_TAKES_F,
    FEAT_AGG_TAKES_T,
    FEAT_AGG_TAKES_S,
    FEAT_AGG_TAKES_W,
    FEAT_AGG_TAKES_BITS,
    FEAT_AGG_TAKES_VECTOR,
    FEAT_AGG_TAKES_NUM,
    FEAT_AGG_TAKES_ORD,
    FEAT_AGG_TAKES_ANY
} feat_agg_takes;

typedef enum feat_agg_parameter {
    FEAT_AGG_PARAMETER_N,
    FEAT_AGG_PARAMETER_INT,
    FEAT_AGG_PARAMETER_QUANTILE,
    FEAT_AGG_PARAMETER_SPAN,
    FEAT_AGG_PARAMETER_TEXT,
    FEAT_AGG_PARAMETER_OPTIONAL_INT,
    FEAT_AGG_PARAMETER_OPTIONAL_TEXT
} feat_agg_parameter;

typedef enum feat_agg_gives {
    FEAT_AGG_GIVES_B,
    FEAT_AGG_GIVES_I,
    FEAT_AGG_GIVES_F,
    FEAT_AGG_GIVES_T,
    FEAT_AGG_GIVES_W,
    FEAT_AGG_GIVES_V,
    FEAT_AGG_GIVES_SAME,
    FEAT_AGG_GIVES_LIST,
    FEAT_AGG_GIVES_SAME_N,
    FEAT_AGG_GIVES_SAME_EACH,
    FEAT_AGG_GIVES_VECTOR,
    FEAT_AGG_GIVES_F_EACH,
    FEAT_AGG_GIVES_COUNTS,
    FEAT_AGG_GIVES_SUMS,
    FEAT_AGG_GIVES_MEANS
} feat_agg_gives;

typedef struct feat_agg_info {
    const char *id, *sql;
    feat_algebra algebra;
    int revision;
    bool function; /* a FEAT_AGG_FUNCTION: what follows is of those only */
    feat_agg_takes takes[2];
    feat_agg_parameter parameter;
    feat_agg_gives gives;
    bool keeps_nulls, empty_is_null;
} feat_agg_info;
extern const feat_agg_info feat_agg_table[FEAT_AGG_COUNT_OF];
/* The name that another one stands for, or the name itself. */
const char *feat_agg_name(const char *sql);
/* Whether a name is short for another aggregate with some of its words: a FEAT_AGG_SHORT. */
bool feat_agg_is_short(const char *sql);
/* Whether a type is one that an argument may be, once it has been converted. */
bool feat_agg_accepts(feat_agg_takes takes, feat_type type);
/* The type of a function's result, 0 when there is none for these; types[1] is looked at where there is a second
 * argument, `parameter` is the type of the constant, or 0. */
feat_type feat_agg_result(feat_agg agg, const feat_type types[2], feat_type parameter);
/* The row of agg.def that `sql` over a type means, and the type of its result; -1 when there is none. */
int feat_agg_find(const char *sql, feat_type arg, feat_type *result);
/* Of an aggregate over DISTINCT values the one that it applies to them; else the aggregate itself. */
feat_agg feat_agg_of_distinct(feat_agg agg);

/* ---- Expressions. ---- */

typedef enum feat_node_kind {
    FEAT_NODE_CONST = 1, /* `constant`, or NULL */
    FEAT_NODE_INPUT = 2, /* input `index` of the stage: a field of the table, a part of the view's key, an input of the
                            request */
    FEAT_NODE_AGGREGATE = 3, /* aggregate `index` of the block of join `join` */
    FEAT_NODE_FOUND = 4,     /* BOOLEAN, never NULL: whether an event lies in one of the windows of join `join` */
    FEAT_NODE_NOW = 5,       /* the time of the row at hand: t, or in an event stage the time of the event */
    FEAT_NODE_OP = 6         /* `op` over `args` */
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
        feat_int128 w;
        feat_interval p;
    } constant; /* the member is that of the type's class; BOOLEAN in `i` */
} feat_node;

/* All memory is the arena's. */
typedef struct feat_pool {
    feat_arena *arena;
    feat_node *nodes;
    size_t n, capacity;
    uint32_t *table; /* open addressing over node contents: index + 1 */
    size_t table_size;
} feat_pool;

#define FEAT_NO_NODE UINT32_MAX

void feat_pool_init(feat_pool *pool, feat_arena *arena);
/* The number of the node equal to `node`, added if it is new; FEAT_NO_NODE when memory is out. */
uint32_t feat_pool_add(feat_pool *pool, const feat_node *node);

/* ---- Stages: expressions over a row and over what other events say of it. ---- */

/* A block asked for the row at hand: the events of the key, as of the row's time. NULL in a part of the key, or an
 * error: there are none. */
typedef struct feat_join {
    const struct feat_block *block;
    uint32_t *key; /* a node for each part of the block's key; they use earlier joins only */
} feat_join;

/* What is computed for one row: of a request, of an entity, of a table. */
typedef struct feat_stage {
    feat_pool pool;
    feat_join *joins;
    size_t n_joins, joins_capacity;
    struct feat_code *code; /* lowered; which nodes are its outputs, and in what order, is said by the stage's owner */
} feat_stage;

/* The join of this block and key, added if it is new (a block is known by its fingerprint); UINT32_MAX: memory is out.
 */
uint32_t feat_stage_join(feat_stage *stage, const struct feat_block *block, const uint32_t *key);

/* ---- Blocks: aggregates over windows of the events of a key. ---- */

/* What an aggregate sees of an event: an argument under a filter. Nodes of the branch's pool. */
typedef struct feat_slot {
    uint32_t arg;    /* FEAT_NO_NODE: count(*), any event counts */
    uint32_t filter; /* BOOLEAN, or FEAT_NO_NODE */
} feat_slot;

/* One source of a block's events: the rows of a table that pass WHERE. */
typedef struct feat_union_branch {
    const feat_schema *table;
    feat_stage stage; /* inputs: the fields of the table; time: the event time; joins: what the event is enriched with,
                         as of its own time */
    uint32_t where;   /* BOOLEAN, or FEAT_NO_NODE */
    uint32_t *key;    /* a node for each part; an event with NULL or an error in one belongs to no entity */
    feat_slot *slots; /* one for each slot of the block */
    uint32_t
        *ties; /* fields that order events of one time, in that order; none when no aggregate depends on the order */
    size_t n_ties;
    bool retained; /* rows older than the table's retention at t are invisible */
    /* The code's outputs: WHERE (if any), the key, then for each slot its argument (if any) and its filter (if any). */
} feat_union_branch;

typedef enum feat_frame { FEAT_FRAME_RANGE = 0, FEAT_FRAME_ROWS = 1, FEAT_FRAME_GROUPS = 2 } feat_frame;
typedef enum feat_exclude {
    FEAT_EXCLUDE_NOTHING = 0,
    FEAT_EXCLUDE_CURRENT_ROW = 1, /* the current row, if its event time is t */
    FEAT_EXCLUDE_GROUP = 2,       /* the rows whose event time is t */
    FEAT_EXCLUDE_TIES = 3         /* those but the current row */
} feat_exclude;

#define FEAT_NO_BOUND UINT32_MAX

/* A window over the rows of an entity that are visible at t and within the block's `low` and `high`. The current row is
 * the newest of them in canonical order.
 *   RANGE:  t - start <= event time <= t - end, an edge left out where it is open; `unbounded`: no start. If `low` is
 *           a bound, event time >= that bound instead of `start`, and if `high` is one, event time <= it as well.
 *   ROWS:   from the `first`-th row before the current one (unbounded: from the oldest) to the `last`-th, 0 being it.
 *   GROUPS: the same over groups of rows of one event time. */
typedef struct feat_window {
    feat_frame frame;
    bool unbounded;
    feat_interval start, end;
    bool open_left, open_right;
    uint32_t low, high; /* indices into the block's bounds, or FEAT_NO_BOUND */
    int64_t first, last;
    feat_exclude exclude;
} feat_window;

/* The bounds of a RANGE window at t over event times: those with first <= time <= last are in. An empty window has
 * first > last. Takes the table's delay into account (visible: time + delay <= t). Out-of-range arithmetic saturates.
 * `low` and `high` of the window are the caller's to apply. */
void feat_window_bounds(const feat_window *window, int64_t t, int64_t delay_us, int64_t *first, int64_t *last);

/* A key that rows are ordered by. */
typedef struct feat_order_key {
    uint32_t slot;
    bool descending, nulls_first;
} feat_order_key;

/* A constant that an aggregate is given beside its arguments. */
typedef struct feat_parameter {
    feat_type type; /* BIGINT, DOUBLE, a LIST of DOUBLE, INTERVAL, TEXT; 0: there is none */
    union {
        int64_t i;
        double f;
        feat_text t; /* in the definition's arena */
        feat_interval p;
    } v;
} feat_parameter;

/* Whether a constant is one that the rule asks for. */
bool feat_agg_parameter_valid(feat_agg_parameter rule, const feat_parameter *parameter);

typedef struct feat_aggregate {
    feat_agg agg;
    uint32_t slot, window;
    uint32_t second; /* slot of the second argument, of a function that has one; it has the filter of the first */
    bool distinct;   /* of a function: of rows whose first arguments are equal the first one counts */
    feat_parameter parameter;
    /* Rows of the window with low <= event time <= high give `slot`; the others give `otherwise`, or nothing where that
     * is FEAT_NO_NODE. FEAT_NO_BOUND: no such limit. */
    uint32_t low, high, otherwise;
    int64_t offset; /* of LAG: how many rows before the current one, whatever the window */
    /* Of FIRST, LAST and functions: the order of the rows. Rows with equal keys are in canonical order, backwards where
     * the first key is descending; without keys all are in canonical order. */
    feat_order_key *order;
    size_t n_order;
    feat_type type; /* of the result */
} feat_aggregate;

typedef struct feat_block {
    feat_digest fingerprint; /* of all below: equal blocks have equal values, and share their serving state */
    feat_union_branch *branches;
    size_t n_branches;
    feat_type *key; /* types of the parts; equal values of other integer or decimal types are equal keys */
    size_t n_key;
    feat_type *slots; /* type of each slot's argument; BOOLEAN for count(*) */
    size_t n_slots;
    feat_window *windows;
    size_t n_windows;
    feat_aggregate *aggregates;
    size_t n_aggregates;
    /* Bounds that the clock gives: TIMESTAMP expressions over NOW and constants, inclusive. One that is NULL leaves
     * nothing in; one that is an error makes the aggregates that it bounds errors. */
    feat_stage clock; /* no joins; the code's outputs: the bounds */
    uint32_t *bounds;
    size_t n_bounds;
    uint32_t low, high; /* bounds of the rows that count at all, or FEAT_NO_BOUND */
} feat_block;

/* ---- Views. ---- */

typedef struct feat_output {
    const char *name;
    feat_type type;
    uint32_t node; /* of the stage's pool */
} feat_output;

/* Free text that a definition carries: description, owner, tags, freshness_sla. Changes no fingerprint. */
typedef struct feat_option {
    const char *name, *value;
} feat_option;

/* What a definition was made from, by name, each once: for the graph of dependencies. */
typedef struct feat_uses {
    const feat_schema **tables;
    size_t n_tables, tables_capacity;
    const struct feat_view **views; /* that it names itself */
    size_t n_views, views_capacity;
} feat_uses;

typedef struct feat_view {
    const char *name;
    uint32_t version; /* of the definition, from 1; 0 until the catalog has given one */
    feat_digest fingerprint;
    feat_field *key; /* name and type of each part; the inputs of the stage */
    size_t n_key;
    feat_stage
        stage; /* the code's outputs: the features, then `present`, `found`, `expired` as far as they are nodes */
    feat_output *features;
    size_t n_features;
    uint32_t present; /* BOOLEAN: whether SQL has a row here (the features are NULL without it); FEAT_NO_NODE: always */
    uint32_t found, expired; /* BOOLEAN, for statuses; FEAT_NO_NODE: always found, never expired */
    feat_span ttl;           /* of its materialisations; zero: none */
    feat_option *options;
    size_t n_options;
    feat_uses uses;
} feat_view;

/* ---- Services. ---- */

/* A view that a service reads. */
typedef struct feat_service_view {
    const char *alias, *name;
    uint32_t version;
    feat_digest fingerprint;
    bool materialized;
    uint32_t found, expired;              /* nodes of the service's pool, or FEAT_NO_NODE */
    int32_t found_output, expired_output; /* their outputs of the code, or -1 */
} feat_service_view;

typedef struct feat_service {
    const char *name;
    uint32_t version;
    feat_digest fingerprint;
    feat_field *inputs; /* id counts from 1 */
    size_t n_inputs;
    feat_stage stage; /* the views' stages are part of it; the code's outputs: the features, then what `views` says */
    feat_service_view *views;
    size_t n_views;
    feat_output *features;
    size_t n_features;
    int32_t *feature_view; /* the view whose entity decides the status of a feature that is the view's own; -1: an
                              expression of the service */
    feat_option *options;
    size_t n_options;
    feat_uses uses;
} feat_service;

/* ---- Code: flat steps over typed registers. ---- */

typedef enum feat_load_kind {
    FEAT_LOAD_INPUT = 1,
    FEAT_LOAD_AGGREGATE = 2,
    FEAT_LOAD_FOUND = 3,
    FEAT_LOAD_NOW = 4
} feat_load_kind;

typedef struct feat_load {
    feat_load_kind kind;
    feat_type type;
    uint32_t reg;
    uint32_t index, join; /* input; aggregate `index` of join `join` */
} feat_load;

typedef struct feat_constant {
    uint32_t reg;
    bool is_null;
    union {
        int64_t i;
        double f;
        feat_text t;
        feat_int128 w;
        feat_interval p;
    } v;
} feat_constant;

typedef struct feat_step {
    uint16_t op; /* feat_op */
    uint32_t out, a, b, c;
} feat_step;

/* A point in the steps where a block is asked: once steps [0, step) have run, its key is there; its loads are needed by
 * later steps only. */
typedef struct feat_code_join {
    const feat_block *block;
    uint32_t step;
    uint32_t *key;    /* registers; they keep their values to the end */
    feat_type *types; /* of what they hold: keys compare by value, so it need not be the type of the block's key */
} feat_code_join;

typedef struct feat_code {
    feat_class *regs; /* class of each register */
    size_t n_regs;
    feat_load *loads; /* in the order of their joins, those without one first */
    size_t n_loads;
    feat_constant *constants;
    size_t n_constants;
    feat_step *steps;
    size_t n_steps;
    feat_code_join *joins; /* as in the stage */
    size_t n_joins;
    uint32_t *outputs; /* registers */
    size_t n_outputs;
} feat_code;

/* Computes an operator over constants into `out` (a constant of its type; what it refers to lives in `arena` or in the
 * arguments); false where it cannot be, or is an error. */
typedef bool feat_fold_node(feat_arena *arena, feat_op op, const feat_node *const *args, feat_node *out);

/* Lowers a stage: `outputs` are nodes of its pool. `fold` may be NULL: constants then stay as they were written. Memory
 * from `arena`. */
feat_status feat_lower_stage(feat_arena *arena, feat_stage *stage, const uint32_t *outputs, size_t n_outputs,
                             feat_fold_node *fold, feat_error *err);
/* Lowers all stages of a block / the stage of a view / of a service (whose found_output and expired_output it sets). */
feat_status feat_lower_block(feat_arena *arena, feat_block *block, feat_fold_node *fold, feat_error *err);
feat_status feat_lower_view(feat_arena *arena, feat_view *view, feat_fold_node *fold, feat_error *err);
feat_status feat_lower_service(feat_arena *arena, feat_service *service, feat_fold_node *fold, feat_error *err);

/* ---- Binding. ---- */

/* Names that a script can refer to. Later entries hide earlier ones of the same name. */
typedef struct feat_scope {
    const feat_schema **tables;
    size_t n_tables, tables_capacity;
    const feat_view **views;
    size_t n_views, views_capacity;
    const feat_service **services;
    size_t n_services, services_capacity;
    feat_fold_node *fold; /* for lowering; or NULL */
} feat_scope;

const feat_schema *feat_scope_table(const feat_scope *scope, const char *name);
const feat_view *feat_scope_view(const feat_scope *scope, const char *name);
const feat_service *feat_scope_service(const feat_scope *scope, const char *name);
int feat_scope_add_table(feat_scope *scope, const feat_schema *table);
int feat_scope_add_view(feat_scope *scope, const feat_view *view);
int feat_scope_add_service(feat_scope *scope, const feat_service *service);
void feat_scope_done(feat_scope *scope);

struct feat_ast_statement;

/* Each binds one statement of the text `sql`; errors carry line, column and caret. Memory from `arena`. The result is
 * lowered and has its fingerprint. */
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

/* ---- The logical form: canonical msgpack (doc/format.md), whose XXH3-128 is the fingerprint. ---- */

feat_digest feat_table_fingerprint(const feat_schema *table, bool *failed);
/* Each sets the fingerprint. Blocks first: the forms of views and services hold the fingerprints of blocks. */
feat_status feat_block_fingerprint(feat_block *block, feat_error *err);
feat_status feat_view_fingerprint(feat_view *view, feat_error *err);
feat_status feat_service_fingerprint(feat_service *service, feat_error *err);

/* The record of a definition: its form with all blocks, and beside it names, versions, options and uses, which change
 * no fingerprint. Unpacking takes untrusted bytes: it checks every number, type, operator and revision, resolves tables
 * by id in `scope`, and computes the fingerprint again; what does not fit is FEAT_CORRUPT (or FEAT_FORMAT for an
 * operator or revision that this library does not know), never run. The result is lowered. */
feat_status feat_view_pack(const feat_view *view, feat_buffer *out, feat_error *err);
feat_status feat_view_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                             feat_view **view, feat_error *err);
feat_status feat_service_pack(const feat_service *service, feat_buffer *out, feat_error *err);
feat_status feat_service_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                                feat_service **service, feat_error *err);

/* The program: what running a service needs, lowered, without its expressions; a cache beside the form. Loading checks
 * that registers, classes, operators and joins fit together; `service` has empty pools. `form` is the fingerprint that
 * it must have been made from. */
feat_status feat_program_pack(const feat_service *service, feat_buffer *out, feat_error *err);
feat_status feat_program_unpack(feat_arena *arena, const void *bytes, size_t size, const feat_scope *scope,
                                const feat_digest *form, feat_service **service, feat_error *err);

/* ---- EXPLAIN. ---- */
typedef enum feat_explain_format { FEAT_EXPLAIN_TEXT, FEAT_EXPLAIN_JSON } feat_explain_format;
void feat_explain_table(const feat_schema *table, feat_explain_format format, feat_buffer *out);
void feat_explain_view(const feat_view *view, feat_explain_format format, feat_buffer *out);
void feat_explain_service(const feat_service *service, feat_explain_format format, feat_buffer *out);

#endif
