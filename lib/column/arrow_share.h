/* An Arrow array handed out in parts that share its buffers. */
#ifndef FEAT_LIB_ARROW_SHARE_H
#define FEAT_LIB_ARROW_SHARE_H

#include "base/error.h"
#include "feat/arrow.h"

typedef struct feat_arrow_shared feat_arrow_shared;

/* Takes the array over; the caller has the first reference. Any thread may drop one. On failure nothing is taken. */
feat_status feat_arrow_shared_new(struct ArrowArray *array, feat_arrow_shared **shared, feat_error *err);
void feat_arrow_shared_unref(feat_arrow_shared *shared); /* NULL is a no-op */
const struct ArrowArray *feat_arrow_shared_array(const feat_arrow_shared *shared);
/* Elements [start, start + n) of child `i` of a struct array; holds a reference until it is released. */
feat_status feat_arrow_shared_slice(feat_arrow_shared *shared, size_t i, int64_t start, int64_t n,
                                    struct ArrowArray *out, feat_error *err);

#endif
