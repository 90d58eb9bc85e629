/* Small segments become larger ones: which, and their rows. */
#ifndef FEAT_LIB_COMPACT_H
#define FEAT_LIB_COMPACT_H

#include "store/rows.h"

/* The segments that are worth writing anew as one, the newest first: they are of one partition, have blocks of
 * `columns` and together no more rows than one segment has. `all`: however few they are. `open`: the last one has no
 * blocks yet, and is among them if there are any. None: *n is 0. Freed with feat_free. */
feat_status feat_compact_choose(const feat_manifest *m, const uint32_t *columns, size_t n_columns, bool all, bool open,
                                size_t **at, size_t *n, feat_error *err);
/* Their live rows in the order of stored rows, into `out`, which it initialises. Where they have more than `text_limit`
 * bytes of text, only the first ones are read, and *n_at says how many. */
feat_status feat_compact_read(const feat_rows *r, feat_manifest *m, const feat_schema *schema, const size_t *at,
                              size_t *n_at, size_t text_limit, feat_batch *out, feat_error *err);

#endif
