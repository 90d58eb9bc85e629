/* How the columns of a segment are stored: each alone, or as what another one says of it. Found on a sample of the
 * rows, kept where the bytes turn out fewer. */
#ifndef FEAT_LIB_CHOICE_H
#define FEAT_LIB_CHOICE_H

#include "store/block.h"

typedef struct feat_choice feat_choice;

feat_choice *feat_choice_new(size_t n_columns); /* NULL: no memory */
void feat_choice_free(feat_choice *c);

/* Writes the blocks of rows [start, start + rows) of the columns; their keys, in the same order. */
feat_status feat_choice_write(feat_choice *c, feat_block *b, const feat_column *const *columns, size_t start,
                              size_t rows, feat_object_writer *objects, feat_digest *keys, feat_error *err);

#endif
