/* Aggregates as functions of the rows of a window: each a FEAT_AGG_FUNCTION row of agg.def and a body in the file of
 * its family. What rows there are, in what order, and that none is an error has been settled before they are called. */
#ifndef FEAT_LIB_EXEC_AGG_H
#define FEAT_LIB_EXEC_AGG_H

#include "base/scratch.h"
#include "exec/cell.h"
#include "exec/exec.h"

/* The rows that count, side by side: in canonical order, or in that of ORDER BY. */
typedef struct feat_agg_input {
    size_t n;
    feat_type types[2];
    const void *values[2];    /* n lanes each, of the type's class; [1] only where there is a second argument */
    const uint8_t *states[2]; /* FEAT_STATE_VALUE or FEAT_STATE_NULL: all values where the row of agg.def says SKIP */
    const int64_t *times;     /* event times in µs; not sorted under an ORDER BY */
    int64_t t;                /* the time that is asked about */
    feat_type type;           /* of the result */
    const feat_parameter *parameter;
    feat_scratch *scratch; /* for texts, lists and maps: they need live until the next call for another t */
} feat_agg_input;

/* A cell of the class of the result's type, canonical or not (the caller makes it so); may be NULL or an error. It is
 * not called without rows where agg.def says that empty is NULL. When memory is out the scratch knows. */
typedef feat_cell feat_agg_function(const feat_agg_input *in);

#define FEAT_AGG(id, sql, arg, result, algebra, rev, empty, errors, text)
#define FEAT_AGG_FUNCTION(id, sql, arg, second, parameter, result, algebra, nulls, function, rev, empty, errors, text) \
    feat_agg_function feat_agg_##function;
#include "plan/agg.def"
#undef FEAT_AGG

/* NULL for those that are no functions. */
feat_agg_function *feat_agg_function_of(feat_agg agg);

#endif
