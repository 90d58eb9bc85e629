/* Answers of one block for rows that are each asked at a version of their own, from one pass over all that any of the
 * versions shows. */
#ifndef FEAT_LIB_SERVED_JOIN_H
#define FEAT_LIB_SERVED_JOIN_H

#include "engine/project.h"

/* The versions of n rows: `distinct` ascend, and row i is at distinct[of_row[i]]. */
typedef struct feat_row_versions {
    uint64_t *distinct;
    size_t n;
    uint32_t *of_row;
} feat_row_versions;

/* Whether a block can be asked so: no row of it is enriched, which would be from data of that version too. */
bool feat_served_join_serves(const feat_block *block);
/* Answers join `join` of `code` for n rows whose earlier joins have been answered; `answers` is initialised. */
feat_status feat_served_join(const feat_answering *how, const feat_code *code, size_t join, const feat_row_source *rows,
                             const feat_row_versions *versions, size_t n, feat_answers *answers, feat_error *err);

#endif
