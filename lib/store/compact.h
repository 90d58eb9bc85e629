/* Small segments become larger ones: which, and their rows. */
#ifndef FEAT_LIB_COMPACT_H
#define FEAT_LIB_COMPACT_H

#include "store/rows.h"

/* The first of the newest segments that are worth writing anew as one; their number when there are none. They have
 * blocks of `columns`, and no more rows than one segment has. `all`: however few they are. */
size_t feat_compact_from(const feat_manifest *m, const uint32_t *columns, size_t n, bool all);
/* The live rows of segments from `*from` on, in the order of stored rows, into `out`, which it initialises. Where they
 * have more than `text_limit` bytes of text, it begins later, and says where. */
feat_status feat_compact_read(const feat_rows *r, feat_manifest *m, const feat_schema *schema, size_t *from,
                              size_t text_limit, feat_batch *out, feat_error *err);

#endif
