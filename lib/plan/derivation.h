/* Raw tables, which keep what came in as it came, and derivations, which make rows of a table of them, row by row. */
#ifndef FEAT_LIB_DERIVATION_H
#define FEAT_LIB_DERIVATION_H

#include "plan/plan.h"
#include "sql/ast.h"

/* The default of the column of a raw table that says when a row came in: the time of the write. */
#define FEAT_ARRIVAL_SQL "CURRENT_TIMESTAMP"
/* The field that has it, or -1. A table with such a field is a raw table. */
int feat_schema_arrival(const feat_schema *table);
/* CREATE RAW TABLE written out as a CREATE TABLE, but for the default above. */
feat_status feat_raw_statement(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                               feat_ast_statement *table, feat_error *err);

/* A stored SELECT over the rows of one table that gives rows of another. All memory is in the arena that made it. */
typedef struct feat_derivation {
    const char *name;
    uint32_t version;        /* number of the definition; 0 until the catalog has given one */
    feat_digest fingerprint; /* of what is computed by this library */
    const feat_schema *source, *table;
    feat_stage stage;  /* over the source's fields; lowered, with an output for each column and then the condition */
    uint32_t *fields;  /* fields[i]: the field of `table` that output i is */
    const char **sqls; /* and its expression */
    size_t n_columns;
    bool filtered;    /* a condition is the last output */
    bool *reads;      /* for each field of the source: whether it is read */
    bool *writes;     /* for each field of `table`: whether it is computed */
    const char *text; /* the statement, in its one spelling */
} feat_derivation;

/* Binds CREATE DERIVATION against the tables of the scope. */
feat_status feat_bind_derivation(feat_arena *arena, const feat_source *source, const feat_ast_statement *s,
                                 const feat_scope *scope, feat_derivation **derivation, feat_error *err);

/* Appends what it computes, a line a column. */
void feat_explain_derivation(const feat_derivation *derivation, feat_buffer *out);

#endif
