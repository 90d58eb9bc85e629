/* Types, fields, and the schema of a table: columns by id, entity key, event time, unique key. */
#ifndef FEAT_LIB_SCHEMA_H
#define FEAT_LIB_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "feat/type.h"

/* Bytes of one value; 0 for BOOLEAN (a bit) and TEXT (variable). */
size_t feat_type_size(feat_type type);
/* Whether a number is a type, with what it takes as parameters: for numbers from untrusted bytes. */
bool feat_type_valid(feat_type type);
/* TINYINT ... UBIGINT; those, REAL, DOUBLE and DECIMAL. */
bool feat_type_is_integer(feat_type type);
bool feat_type_is_number(feat_type type);
/* Whether values are less and greater than each other: all but VECTOR, LIST and MAP, and 0, no type. */
bool feat_type_has_order(feat_type type);
/* The type that SQL text names, without regard to case: the names of type.def and the usual synonyms (INT, FLOAT8,
 * VARCHAR(n), NUMERIC(p, s), ...), T[n], T[], MAP(K, V). */
bool feat_type_from_sql(const char *text, feat_type *type);
/* The same back, as "DECIMAL(10,2)"; returns `out`. */
enum { FEAT_TYPE_TEXT_SIZE = 80 };
const char *feat_type_format(feat_type type, char out[FEAT_TYPE_TEXT_SIZE]);

/* Order of two names as SQL compares them: without case in ASCII. 0: they are the same name. */
int feat_name_compare(const char *a, const char *b);

/* A constant of a type, as a column of it holds one value: feat_type_size(type) bytes of this machine, one byte of a
 * BOOLEAN, or what there is of a type of variable size. `type` 0: NULL. */
typedef struct feat_constant_value {
    feat_type type;
    const void *bytes;
    size_t size;
} feat_constant_value;

typedef struct feat_field {
    const char *name;
    feat_type type;
    uint32_t id; /* counts from 1 in declaration order; never reused */
    bool not_null;
    const char *default_sql; /* what a write gives that leaves the column out: a constant as SQL; NULL: NULL */
    const char *check_sql;   /* a condition that every row written meets (TRUE or NULL); NULL: none */
    feat_constant_value default_value; /* what `default_sql` is; of the field's type */
    uint32_t stored;            /* number under which its blocks are stored since its type was last widened; 0: `id` */
    feat_constant_value absent; /* what rows hold that were written before the column was added: its DEFAULT of then;
                          its type may be narrower than the field's */
} feat_field;

/* Blocks of a column that are not written any more. Its number is never given again. */
typedef struct feat_retired {
    uint32_t stored;
    feat_type type;
    uint32_t field; /* id of the field whose older values these are, in a narrower type; 0: the column was dropped */
} feat_retired;

/* How large a part of the event time is stored together. It changes no value. */
typedef enum feat_partition {
    FEAT_PARTITION_NONE = 0,
    FEAT_PARTITION_MONTH = 1,
    FEAT_PARTITION_WEEK = 2,
    FEAT_PARTITION_DAY = 3
} feat_partition;
/* "none", "month", "week" or "day". */
const char *feat_partition_name(feat_partition partition);

/* A span of time: months first (calendar), then µs; all zero where none is set. */
typedef struct feat_span {
    int64_t months, us;
} feat_span;

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
    bool dimension;  /* read as of a time: newest row per key, which is not ended and not older than `ttl` */
    uint32_t ended;  /* of a dimension: the field that marks a row which says that its key ended; always the last field,
                        BOOLEAN, called FEAT_ENDED_NAME, never NULL in effect (NULL is FALSE), hidden from SELECT * */
    feat_span ttl;   /* of a dimension; zero: rows never expire */
    feat_span retention; /* rows older than this at t are invisible; zero: none are */
    feat_partition partition;
    uint32_t revision;     /* 0 as it was created, then the number of ALTERs */
    feat_retired *retired; /* by ascending number */
    size_t n_retired;
} feat_schema;

#define FEAT_ENDED_NAME "$ended"
#define FEAT_ENDED_ID   UINT32_MAX /* behind all that are ever counted: fields stand in the order of their ids */

/* The number under which a field's blocks are stored. */
static inline uint32_t feat_field_stored(const feat_field *field) { return field->stored ? field->stored : field->id; }
/* The first number that no column has or had; 0 when all are used up. */
uint32_t feat_schema_next_id(const feat_schema *schema);
/* Whether values of a type can be part of a key: equal values have equal bytes, and equality is what users mean. */
bool feat_type_keys(feat_type type);

/* Index of a column by name (ASCII case-insensitive, as SQL), or -1. */
int feat_schema_find(const feat_schema *schema, const char *name);
/* Canonical msgpack record of a schema, and back (validating: untrusted bytes). */
void feat_schema_pack(const feat_schema *schema, feat_buffer *out);
/* What two tables of one meaning have in common, whatever way they came to it: no table id, no numbers of columns,
 * nothing of how older rows are stored. */
void feat_schema_pack_meaning(const feat_schema *schema, feat_buffer *out);
feat_status feat_schema_unpack(feat_arena *arena, feat_cursor *in, feat_schema **schema, feat_error *err);

#endif
