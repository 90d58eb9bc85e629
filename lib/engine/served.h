/* As served: each row at the version at which it was, or would have been, served. */
#ifndef FEAT_LIB_SERVED_H
#define FEAT_LIB_SERVED_H

#include "engine/project.h"
#include "engine/spine.h"

/* The version of each row: what the spine says, or the newest one that was known at the row's time. None is above
 * `newest`. FEAT_NOT_FOUND and FEAT_DATA name the row. Freed with feat_free. */
feat_status feat_served_versions(feat_db *db, uint64_t newest, const feat_spine *spine, uint64_t **versions,
                                 feat_error *err);

/* As feat_answer_blocks, for n rows each at its own version. */
feat_status feat_served_answer(const feat_answering *how, const feat_code *code, const feat_row_source *rows,
                               const uint64_t *versions, size_t n, feat_answers *answers, feat_error *err);

#endif
