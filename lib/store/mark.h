/* Which objects versions of tables are made of. */
#ifndef FEAT_LIB_MARK_H
#define FEAT_LIB_MARK_H

#include "store/object.h"

/* A set of keys of objects. What was walked once is not walked again, so that versions which share most of what they
 * hold cost what they do not share. */
typedef struct feat_marks {
    struct feat_mark *slots;
    size_t n, capacity; /* a power of two */
} feat_marks;

void feat_marks_done(feat_marks *marks);
bool feat_marks_has(const feat_marks *marks, const void *key);
/* Adds all that the version of a table with this root is made of. */
feat_status feat_marks_add_version(feat_marks *marks, feat_env *env, MDB_txn *txn, uint32_t table_id,
                                   const feat_digest *root, feat_error *err);

#endif
