/* Types, fields, and the schema of a table: columns by id, entity key, event time, unique key. */
#ifndef FEAT_LIB_SCHEMA_H
#define FEAT_LIB_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "feat/online.h" /* feat_type */

/* Bytes of one value; 0 for BOOLEAN (a bit) and TEXT (variable). */
size_t feat_type_size(feat_type type);
bool feat_type_valid(int number);
/* The type of a SQL type name, compared without case (with the usual synonyms: INT8, FLOAT8, VARCHAR, STRING, BOOL,
 * ...). */
bool feat_type_from_sql(const char *name, feat_type *type);

/* Order of two names as SQL compares them: without case in ASCII. 0: they are the same name. */
int feat_name_compare(const char *a, const char *b);

typedef struct feat_field {
    const char *name;
    feat_type type;
    uint32_t id; /* counts from 1 in declaration order; never reused */
    bool not_null;
} feat_field;

/* A table. All memory is in the arena that made it. Column lists hold indices into `fields`, in declared order. */
typedef struct feat_schema {
    const char *name;
    uint32_t table_id; /* 0 until the catalog has given one */
    feat_field *fields;
    size_t n_fields;
    uint32_t *key; /* entity key */
    size_t n_key;
    uint32_t time;    /* event time: a TIMESTAMP or DATE column */
    int64_t delay_us; /* a row is visible from event time + delay on */
    uint32_t *unique;
    size_t n_unique; /* 0: none */
} feat_schema;

/* Index of a column by name (ASCII case-insensitive, as SQL), or -1. */
int feat_schema_find(const feat_schema *schema, const char *name);
/* Canonical msgpack record of a schema, and back (validating: untrusted bytes). */
void feat_schema_pack(const feat_schema *schema, feat_buffer *out);
feat_status feat_schema_unpack(feat_arena *arena, feat_cursor *in, feat_schema **schema, feat_error *err);

#endif
