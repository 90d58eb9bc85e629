/* The columns of a training set's features, from what the blocks have answered. */
#ifndef FEAT_LIB_FEATURES_H
#define FEAT_LIB_FEATURES_H

#include "exec/exec.h"
#include "feat/training.h"

/* Of rows that follow each other, cut into pieces. */
typedef struct feat_features {
    size_t *piece_rows; /* the caller's */
    size_t n_pieces;
    size_t n_features;    /* columns of a piece: with statuses two for a feature */
    feat_column *columns; /* n_pieces rows of n_features */
} feat_features;

/* `rows` are those of the pieces; `first_row` is their place in the spine, for messages. */
feat_status feat_features_build(const feat_service *service, const feat_training_options *opt,
                                const feat_row_source *rows, size_t first_row, feat_features *features,
                                feat_error *err);
void feat_features_done(feat_features *features);

#endif
