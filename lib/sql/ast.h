/* The syntax tree: what was written, nothing more. All nodes live in the arena of the parse; every node knows its byte
 * offset. Spellings that mean the same are one tree: `==` is "=", `!=` is "<>", `**` is "^", EXTRACT(x FROM y) is
 * date_part('x', y), POSITION(x IN y) is position(y, x), SUBSTRING(x FROM y FOR z) is substring(x, y, z), [a, b] is
 * list_value(a, b), CAST(x AS t) is x::t, ISNULL is IS NULL. */
#ifndef FEAT_LIB_AST_H
#define FEAT_LIB_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct feat_ast_name {
    const char *text; /* quotes removed, spelling kept */
    uint32_t offset;
} feat_ast_name;

typedef struct feat_ast_names {
    feat_ast_name *items;
    size_t n;
} feat_ast_names;

/* ---- Expressions. ---- */

typedef enum feat_ast_kind {
    FEAT_AST_NULL,
    FEAT_AST_BOOLEAN,  /* truth */
    FEAT_AST_INTEGER,  /* text: digits */
    FEAT_AST_DECIMAL,  /* text: digits with '.' or exponent */
    FEAT_AST_STRING,   /* text, length */
    FEAT_AST_TYPED,    /* name: "DATE", "TIMESTAMP" or "TIMESTAMPTZ"; text, length: the quoted part */
    FEAT_AST_INTERVAL, /* months, days, us */
    FEAT_AST_COLUMN,   /* qualifier (or NULL), name */
    FEAT_AST_STAR,     /* qualifier (or NULL): * or t.* */
    FEAT_AST_UNARY,    /* name: "-", "+", "not"; args[0] */
    /* name: the operator, lower case; args: two operands, but "and" and "or" have two or more, "like" and "ilike" three
     * with ESCAPE, "~" one. "[]" is args[0][args[1]], "at time zone" as it reads, and "exclude" is the star args[0]
     * without the columns after it. */
    FEAT_AST_BINARY,
    FEAT_AST_IS,      /* name: "null", "true", "false"; negated; args[0] */
    FEAT_AST_BETWEEN, /* args[0] BETWEEN args[1] AND args[2]; negated */
    FEAT_AST_IN,      /* args[0] IN (args[1..]); negated */
    FEAT_AST_CASE,    /* operand (or NULL); args: condition, result pairs; otherwise (or NULL) */
    FEAT_AST_CAST,    /* args[0]; name: the type; try_cast */
    FEAT_AST_CALL     /* name, args; distinct, star, nulls, filter, over, order. CURRENT_DATE and the like: no args */
} feat_ast_kind;

/* Of a call: RESPECT NULLS, IGNORE NULLS. */
typedef enum feat_ast_nulls { FEAT_AST_NULLS_DEFAULT, FEAT_AST_NULLS_RESPECT, FEAT_AST_NULLS_IGNORE } feat_ast_nulls;

typedef struct feat_ast_expr {
    feat_ast_kind kind;
    uint32_t offset;
    uint32_t depth; /* 1 + that of the deepest child, windows included; at most FEAT_SQL_MAX_DEPTH */
    const char *name, *qualifier;
    const char *text;
    size_t length;
    struct feat_ast_expr **args;
    size_t n_args;
    struct feat_ast_expr *operand, *otherwise, *filter;
    struct feat_ast_window *over; /* a name alone: over->base with nothing else */
    struct feat_ast_order *order;
    size_t n_order;
    int64_t months, days, us;
    feat_ast_nulls nulls;
    bool truth, negated, distinct, star, try_cast;
} feat_ast_expr;

typedef enum feat_ast_nulls_order {
    FEAT_AST_NULLS_ANYWHERE,
    FEAT_AST_NULLS_FIRST,
    FEAT_AST_NULLS_LAST
} feat_ast_nulls_order;

typedef struct feat_ast_order {
    feat_ast_expr *expr;
    bool descending;
    feat_ast_nulls_order nulls; /* ANYWHERE: not written */
} feat_ast_order;

/* ---- Windows. ---- */

typedef enum feat_ast_unit {
    FEAT_AST_NO_FRAME,
    FEAT_AST_RANGE,
    FEAT_AST_ROWS,
    FEAT_AST_GROUPS,
    FEAT_AST_SINCE
} feat_ast_unit;
typedef enum feat_ast_bound_kind {
    FEAT_AST_UNBOUNDED_PRECEDING,
    FEAT_AST_PRECEDING,
    FEAT_AST_CURRENT_ROW,
    FEAT_AST_FOLLOWING,
    FEAT_AST_UNBOUNDED_FOLLOWING
} feat_ast_bound_kind;

typedef struct feat_ast_bound {
    feat_ast_bound_kind kind;
    uint32_t offset;
    feat_ast_expr *distance; /* of PRECEDING and FOLLOWING */
} feat_ast_bound;

typedef struct feat_ast_window {
    uint32_t offset;
    const char *name; /* in a WINDOW clause */
    const char *base; /* the window that it names or extends, or NULL */
    feat_ast_expr **partition;
    size_t n_partition;
    feat_ast_order *order;
    size_t n_order;
    feat_ast_unit unit;
    feat_ast_bound start, end;
    const char *since;   /* day, week, month, quarter or year, lower case */
    const char *zone;    /* SINCE day AT TIME ZONE 'zone', or NULL */
    const char *closed;  /* left, right, both, none; or NULL */
    const char *exclude; /* current row, group, ties, no others; or NULL */
} feat_ast_window;

/* ---- Queries. ---- */

typedef struct feat_ast_item {
    feat_ast_expr *expr;
    const char *alias; /* or NULL */
    uint32_t offset;
} feat_ast_item;

typedef struct feat_ast_column_def {
    const char *name, *type;
    uint32_t offset, type_offset;
    bool not_null;
    feat_ast_expr *default_value, *check;
} feat_ast_column_def;

typedef enum feat_ast_join_kind {
    FEAT_AST_JOIN_NONE,
    FEAT_AST_JOIN_LEFT,
    FEAT_AST_JOIN_INNER,
    FEAT_AST_JOIN_ASOF_LEFT
} feat_ast_join_kind;

/* One item of FROM: the first, or what a JOIN adds. */
typedef struct feat_ast_source {
    feat_ast_join_kind join;
    uint32_t offset;
    const char *name;               /* a table, view or CTE; or NULL */
    struct feat_ast_select *select; /* a derived table; or NULL */
    bool request;                   /* REQUEST (columns) */
    bool materialized;
    feat_ast_column_def *columns;
    size_t n_columns;
    const char *alias;
    feat_ast_names using_columns;
    feat_ast_expr *on;
} feat_ast_source;

typedef struct feat_ast_cte {
    const char *name;
    uint32_t offset;
    struct feat_ast_select *select;
} feat_ast_cte;

typedef struct feat_ast_select {
    uint32_t offset;
    feat_ast_cte *ctes;
    size_t n_ctes;
    bool distinct;
    feat_ast_expr **distinct_on;
    size_t n_distinct_on;
    feat_ast_item *items;
    size_t n_items;
    feat_ast_source *sources;
    size_t n_sources;
    feat_ast_expr *where, *having, *qualify;
    feat_ast_expr **group;
    size_t n_group;
    feat_ast_window *windows;
    size_t n_windows;
    /* Of the whole UNION ALL when there is one, and kept in its first query. LIMIT and OFFSET come with ORDER BY only.
     */
    feat_ast_order *order;
    size_t n_order;
    feat_ast_expr *limit, *skip;       /* LIMIT, OFFSET; or NULL */
    struct feat_ast_select *union_all; /* the next query of a UNION ALL */
} feat_ast_select;

/* ---- Statements. ---- */

typedef enum feat_ast_statement_kind {
    FEAT_AST_CREATE_TABLE,
    FEAT_AST_CREATE_DIMENSION,
    FEAT_AST_CREATE_VIEW,
    FEAT_AST_CREATE_SERVICE,
    FEAT_AST_CREATE_DERIVATION,
    FEAT_AST_DROP,    /* object, name, if_exists */
    FEAT_AST_ALTER,   /* object: "table" or "dimension"; name; alter */
    FEAT_AST_COMMENT, /* object, or "column" with the table in name; comment */
    FEAT_AST_EXPLAIN, /* inner, select, or the object and name of a definition */
    FEAT_AST_SHOW,    /* object, in the singular */
    FEAT_AST_DESCRIBE /* object, name */
} feat_ast_statement_kind;

typedef struct feat_ast_option {
    feat_ast_name name;
    feat_ast_expr *value;
} feat_ast_option;

/* A view named in the short form of a service, with the features picked, if any are. */
typedef struct feat_ast_pick {
    feat_ast_name view;
    feat_ast_names features;
} feat_ast_pick;

/* What ALTER TABLE does with `column`. */
typedef enum feat_ast_alter {
    FEAT_AST_ADD_COLUMN, /* columns[0] */
    FEAT_AST_DROP_COLUMN,
    FEAT_AST_RENAME_COLUMN, /* to new_name */
    FEAT_AST_ALTER_TYPE     /* columns[0]: name and type */
} feat_ast_alter;

typedef struct feat_ast_statement {
    feat_ast_statement_kind kind;
    uint32_t offset, end; /* of its text */
    feat_ast_name name;
    bool or_replace, if_exists;
    bool json;            /* EXPLAIN (FORMAT JSON) */
    bool raw;             /* CREATE RAW TABLE: no columns are written */
    feat_ast_name target; /* of a derivation: the table that it fills */
    const char *object; /* "table", "dimension", "feature view", "feature service", "derivation"; NULL where EXPLAIN and
                           DESCRIBE do not say */
    feat_ast_alter alter;
    feat_ast_name column, new_name;
    const char *comment; /* NULL: IS NULL, which takes it away */
    size_t comment_length;
    struct feat_ast_statement *inner;
    feat_ast_option *options;
    size_t n_options;
    feat_ast_column_def *columns;
    size_t n_columns;
    feat_ast_names entity_key, unique;
    bool has_unique;
    feat_ast_name event_time; /* text NULL: not given */
    feat_ast_expr *delay;     /* an interval, or NULL */
    feat_ast_select *select;
    feat_ast_pick *picks;
    size_t n_picks;
} feat_ast_statement;

typedef struct feat_ast_script {
    feat_ast_statement **statements;
    size_t n;
} feat_ast_script;

#endif
