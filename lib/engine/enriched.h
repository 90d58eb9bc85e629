/* Rows of a table over several versions, with what they are enriched with at each. What a row is enriched with can
 * change while the row is there: then it becomes several, one after the other, each with one answer to every join. */
#ifndef FEAT_LIB_ENRICHED_H
#define FEAT_LIB_ENRICHED_H

#include "engine/project.h"

/* What the joins of a code ask, over the versions of `how`. */
typedef struct feat_enriching feat_enriching;
/* `how` has lives; it and `code` are borrowed. */
feat_status feat_enriching_make(const feat_answering *how, const feat_code *code, feat_enriching **enriching,
                                feat_error *err);
void feat_enriching_free(feat_enriching *e);

typedef struct feat_enriched {
    feat_row_source rows; /* with the answers to all joins */
    const feat_lifetime *life;
    size_t n;
    /* What of it is not borrowed from the rows that were enriched. */
    int64_t *times;
    feat_lifetime *own_life;
    feat_column *columns;
    const feat_column **inputs;
    feat_answers *answers;
    size_t n_inputs, n_joins;
} feat_enriched;

/* Enriches n rows, of which some of the inputs are not read and are NULL. To be ended whatever comes back. */
feat_status feat_enrich(const feat_enriching *e, const feat_column *const *inputs, size_t n_inputs,
                        const int64_t *times, const feat_lifetime *life, size_t n, feat_enriched *out, feat_error *err);
void feat_enriched_done(feat_enriched *e);

#endif
