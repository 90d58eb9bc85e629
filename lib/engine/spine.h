/* The rows that a training set is built for: the caller's batches as they came, and the columns that are needed of
 * them, converted. */
#ifndef FEAT_LIB_SPINE_H
#define FEAT_LIB_SPINE_H

#include "column/arrow.h"
#include "feat/training.h"
#include "plan/plan.h"

typedef struct feat_spine {
    feat_arrow_in *in;
    struct ArrowArray *batches;
    size_t *batch_rows;
    size_t n_batches, batches_capacity, rows_capacity;
    feat_field *fields;   /* the service's inputs, the timestamp, then version and sequence of positions */
    feat_column *columns; /* one for each of them; may show the values of a batch that is the only one */
    size_t n_fields, n_rows;
    const feat_column *times, *versions, *sequences; /* the last two NULL where no positions are given */
} feat_spine;

/* Reads the whole stream, which is released in every case. */
feat_status feat_spine_read(feat_spine *s, const feat_service *service, struct ArrowArrayStream *stream,
                            const feat_training_options *opt, feat_error *err);
void feat_spine_done(feat_spine *s);

#endif
