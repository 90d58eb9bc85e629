/* The pushed rows of a view, for the reader of a table. */
#ifndef FEAT_LIB_TAIL_VIEW_H
#define FEAT_LIB_TAIL_VIEW_H

#include "store/store.h"

/* The version behind which they stand. */
uint64_t feat_tail_view_version(const feat_tail_view *view);
/* The rows of a table in the columns of its schema, in the order of entity key and event time, and the sum of their
 * digests. `rows` is all zero before, and freed in every case. */
feat_status feat_tail_view_rows(const feat_tail_view *view, const feat_schema *table, feat_batch *rows,
                                feat_digest *content, feat_error *err);

#endif
