/* Binding SELECT. What a FROM item or a whole query gives is a *relation*: either rows of events, which windows and
 * aggregates read, or one row per key as of a time, which joins look up. */
#ifndef FEAT_LIB_QUERY_H
#define FEAT_LIB_QUERY_H

#include "plan/bind.h"
#include "plan/inline.h"

/* One source of event rows under construction. */
typedef struct feat_event_rows {
    const feat_schema *table;
    feat_stage stage;
    uint32_t where;    /* or FEAT_NO_NODE */
    uint32_t *columns; /* a node for each column of the relation */
} feat_event_rows;

typedef struct feat_relation_column {
    const char *name;
    feat_type type;
    bool key; /* of a keyed relation: part of its key */
} feat_relation_column;

typedef struct feat_relation {
    feat_relation_column *columns;
    size_t n_columns;
    /* Of a keyed relation: key parts come first among the columns, then the features. */
    const feat_view *view;
    bool named; /* `view` is a feature view by name, not a query's own */
    /* Of event rows (view NULL). */
    feat_event_rows *rows;
    size_t n_rows;
    int32_t time; /* the column that is the event time, or -1 */
    /* What WHERE asked of the clock: bounds of the event time, nodes of `clock`, or FEAT_NO_NODE. */
    feat_stage *clock;
    uint32_t low, high;
} feat_relation;

/* Names in reach, innermost first. */
typedef struct feat_query_names {
    const struct feat_query_names *outer;
    const char *name;
    const feat_relation *relation;
} feat_query_names;

/* What a whole definition shares. */
typedef struct feat_definition {
    feat_arena *arena;
    const feat_source *source;
    const feat_scope *scope;
    feat_uses *uses;
    bool lifetime_retained;
    feat_error *err;
} feat_definition;

/* An item of FROM in a query. */
typedef struct feat_query_source {
    const char *alias;
    const feat_relation *relation;
    feat_inlining *inlinings; /* keyed: one for each stage that rows are computed in */
    uint32_t **keys;          /* keyed: nodes of the key in each */
    bool joined;
    int32_t service_view; /* in a service: the view that it is, or -1 */
} feat_query_source;

typedef enum feat_query_level {
    FEAT_LEVEL_EVENT,  /* columns of one event, in stages[stage] */
    FEAT_LEVEL_GROUP,  /* aggregates of events: a column is part of the key or an error */
    FEAT_LEVEL_NEWEST, /* the newest event: a column is that event's */
    FEAT_LEVEL_ROW,    /* one row per key: columns of the sources, in stages[0] */
    FEAT_LEVEL_CLOCK   /* now() and constants */
} feat_query_level;

typedef struct feat_query {
    feat_binder b;
    feat_definition *d;
    const feat_query_names *names;
    const feat_ast_select *select;
    feat_query_level level;
    feat_query_source *sources;
    size_t n_sources, sources_capacity;
    /* The stages that FROM's rows are computed in: one for each source of events, or the one of the view. */
    feat_stage **stages;
    size_t n_stages, stage;
    feat_event_rows *rows; /* events: of the stages */
    int32_t time;          /* column of sources[0] that is the event time, or -1 */
    feat_stage *clock;     /* of the events; the block's in the end */
    uint32_t low, high;    /* bounds that WHERE set, nodes of `clock` */
    uint32_t inner;        /* one row per key: BOOLEAN node, whether INNER JOINs and WHERE hold; FEAT_NO_NODE */
    feat_view *view;       /* under construction */
    bool service;          /* FROM REQUEST */
    bool grouped;          /* GROUP without windows: SQL's rule that no row means no row */
    /* GROUP and NEWEST: aggregates of the events. */
    feat_block *block;
    size_t slots_capacity, windows_capacity, aggregates_capacity, bounds_capacity, features_capacity;
    const feat_ast_expr **key_exprs; /* as written; a part's name is that of its item */
    uint32_t *key_nodes;             /* in stages[0] */
    size_t n_key;
    bool has_key;
    bool oldest; /* NEWEST: the first row is wanted, not the last */
    void *owner; /* of a service: its binder */
} feat_query;

/* bind_query.c */
feat_status feat_bind_query(feat_definition *d, const feat_query_names *names, const feat_ast_select *select,
                            bool events_wanted, const feat_relation **relation);
/* The relation of a feature view. */
feat_status feat_relation_of_view(feat_definition *d, const feat_view *view, bool named, const feat_relation **out);
/* Completes a block: ties, fingerprint, code. A window longer than what a table keeps is an error at `offset`. */
feat_status feat_finish_block(feat_definition *d, feat_block *block, uint32_t offset);

/* bind_layer.c: what MATERIALIZED reads in the place of a view. */
feat_status feat_relation_of_layer(feat_definition *d, const feat_view *view, uint32_t offset,
                                   const feat_relation **out);

/* bind_from.c */
/* Notes that the definition reads a table. */
feat_status feat_use_table(feat_definition *d, const feat_schema *table);
feat_status feat_query_from(feat_query *q, bool events_wanted);
feat_status feat_query_joins(feat_query *q);
/* The node of a source's column in the current stage. */
feat_status feat_query_column(feat_query *q, size_t source, size_t column, uint32_t *node);
/* Where a column reference leads among the sources; *source SIZE_MAX with FEAT_OK: nowhere. */
feat_status feat_query_find(feat_query *q, const feat_ast_expr *expr, size_t *source, size_t *column);
feat_status feat_query_unknown(feat_query *q, const feat_ast_expr *expr);
/* A node of each stage made by binding `expr` at the level of events; types are brought together. */
feat_status feat_query_in_stages(feat_query *q, const feat_ast_expr *expr, uint32_t *nodes, feat_type *type);

/* bind_clock.c */
bool feat_is_clock(const char *name);
bool feat_mentions_clock(const feat_ast_expr *expr);
/* Takes a conjunct that bounds the event time by the clock into *low and *high (nodes of q->clock). */
feat_status feat_bind_clock(feat_query *q, const feat_ast_expr *conjunct, uint32_t *low, uint32_t *high);
/* A bound as the block numbers them; FEAT_NO_NODE gives FEAT_NO_BOUND. */
feat_status feat_query_bound(feat_query *q, uint32_t node, uint32_t *bound);
/* "SINCE unit AT TIME ZONE zone" (NULL: UTC) at t; `open` leaves the first instant out. */
feat_status feat_bind_since(feat_query *q, const char *unit, const char *zone, bool open, uint32_t offset,
                            uint32_t *low);

/* bind_window.c */
feat_status feat_bind_key(feat_query *q, feat_ast_expr *const *exprs, size_t n, uint32_t offset);
feat_status feat_bind_window(feat_query *q, const feat_ast_window *written, uint32_t *number);
/* A window that names another, with what it takes over from that. */
feat_status feat_resolve_window(feat_query *q, const feat_ast_window *w, feat_ast_window *resolved);
/* The window of all rows, for aggregates without OVER: as far as WHERE lets them be. */
feat_status feat_query_whole(feat_query *q, uint32_t *number);
feat_status feat_query_add_window(feat_query *q, const feat_window *window, uint32_t *number);
bool feat_is_event_time(feat_query *q, const feat_ast_expr *expr);

/* bind_aggregate.c */
bool feat_is_aggregate(const char *name);
bool feat_has_aggregate(const feat_ast_expr *expr, bool *windowed, bool *plain);
feat_status feat_bind_aggregate(feat_query *q, const feat_ast_expr *expr, uint32_t *node);
feat_status feat_query_add_aggregate(feat_query *q, const feat_aggregate *aggregate, uint32_t *node);
/* A slot of the block over nodes of each stage; `filters` may be NULL. */
feat_status feat_query_add_slot(feat_query *q, const uint32_t *args, const uint32_t *filters, feat_type type,
                                uint32_t *slot);
/* The newest (or oldest) event's value of a column. */
feat_status feat_query_newest(feat_query *q, size_t source, size_t column, uint32_t *node);
/* Brings a condition into each stage's: nodes[s] AND more[s]. */
feat_status feat_query_and(feat_query *q, const uint32_t *more, uint32_t *nodes, uint32_t offset);
/* WHERE over events: filters of rows, and bounds of their time. */
feat_status feat_bind_where(feat_query *q);
/* Conjuncts of a condition: AND is taken apart, BETWEEN becomes two. */
feat_status feat_conjuncts(feat_query *q, const feat_ast_expr *expr, const feat_ast_expr ***list, size_t *n);

/* bind_items.c: SELECT lists. */
/* The callbacks of a query's binder. */
feat_status feat_query_bind_column(feat_binder *b, const feat_ast_expr *expr, uint32_t *node);
feat_status feat_query_bind_call(feat_binder *b, const feat_ast_expr *expr, bool *handled, uint32_t *node);
/* Runs `each` for every column that a star item stands for, or returns false in *star when it is none. */
typedef feat_status feat_star_each(feat_query *q, size_t source, size_t column, uint32_t offset);
feat_status feat_query_star(feat_query *q, const feat_ast_item *item, bool *star, feat_star_each *each);
/* Adds a feature to the view under construction. */
feat_status feat_query_feature(feat_query *q, const char *name, uint32_t node, uint32_t offset);
/* Whether an item is a part of the entity's key; it then names it. */
feat_status feat_query_key_item(feat_query *q, const feat_ast_item *item, bool *is_key);

/* bind_options.c */
feat_status feat_bind_metadata(feat_binder *b, const feat_ast_statement *s, feat_option **options, size_t *n);
bool feat_is_metadata(const char *name);
feat_status feat_bind_span(feat_binder *b, const feat_ast_option *option, feat_span *span);

#endif
