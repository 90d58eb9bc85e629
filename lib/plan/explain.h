/* What EXPLAIN says, before it is laid out as text or JSON: expressions as SQL, windows in words, sizes and costs. */
#ifndef FEAT_LIB_EXPLAIN_H
#define FEAT_LIB_EXPLAIN_H

#include "plan/walk.h"

/* An expression that is long, or that several others use: it has a number, and "%number" stands for it. */
typedef struct feat_explained_step {
    const char *text;
    feat_type type;
} feat_explained_step;

typedef struct feat_explained_stage {
    const feat_stage *stage;
    feat_walk walk;
    const char **text;          /* by node, of those in the walk */
    feat_explained_step *steps; /* numbers count from 1 */
    size_t n_steps;
    bool *ops;          /* by feat_op: whether it is used */
    size_t n_ops;       /* operations for one row */
    const bool *fields; /* of an event stage: which it reads */
} feat_explained_stage;

typedef struct feat_explained_block {
    const feat_block *block;
    feat_explained_stage *branches, clock;
    const char **windows, **aggregates; /* in words; "sum(amount) filter (where ok)" */
    const char *low, *high;             /* of the rows that count at all; or NULL */
    size_t event_bytes, entity_bytes;   /* of serving state, without the bytes of texts */
    bool event_texts;                   /* texts and other values of variable size come on top */
} feat_explained_block;

/* A view or a service: its blocks, each after those that it joins, and its own stage. All memory is the arena's. */
typedef struct feat_explained {
    feat_arena arena;
    feat_block_set set;
    feat_explained_block *blocks;
    size_t n_blocks;
    feat_explained_stage stage;
    const char *drift; /* of a view: why a materialisation computes every entity; or NULL */
    bool failed;       /* memory is out */
} feat_explained;

void feat_explained_view(feat_explained *e, const feat_view *view);
void feat_explained_service(feat_explained *e, const feat_service *service);
void feat_explained_done(feat_explained *e);

/* As SQL writes it, with parameters: "DECIMAL(10, 2)", "REAL[3]". */
void feat_explain_type(feat_buffer *out, feat_type type);
/* "30 days", "1 year 2 months", "12 hours". */
void feat_explain_interval(feat_buffer *out, int64_t months, int64_t days, int64_t us);
const char *feat_explain_algebra(feat_agg agg);

#endif
