/* Rows of given entities: keys that a caller lists, and where in sorted segments their rows are. */
#ifndef FEAT_LIB_ENTITIES_H
#define FEAT_LIB_ENTITIES_H

#include "column/column.h"
#include "feat/arrow.h"
#include "store/store.h"

typedef struct feat_entities {
    const feat_schema *table;
    size_t n_columns;   /* of the entity key: the first so many */
    uint32_t *position; /* position[k] = k: of column k in `keys` */
    feat_batch keys;    /* ascending, each once, none with NULL */
} feat_entities;

/* Reads the keys: a stream with the first column of the entity key, or the first few, and no others. A key with a NULL
 * names no entity. The stream is released in every case. `table` is borrowed. */
feat_status feat_entities_read(const feat_schema *table, struct ArrowArrayStream *stream, feat_entities *entities,
                               feat_error *err);
void feat_entities_done(feat_entities *entities);

/* The first column of the entity key in the first and the last row of each segment: what tells which segments can have
 * rows of an entity. It is made once for a version and not changed; threads may share it. Counted. */
typedef struct feat_segment_ends feat_segment_ends;
feat_status feat_segment_ends_read(feat_table_version *tv, const feat_schema *table, feat_segment_ends **ends,
                                   feat_error *err);
feat_segment_ends *feat_segment_ends_ref(feat_segment_ends *ends);
void feat_segment_ends_unref(feat_segment_ends *ends); /* NULL is a no-op */

/* Numbers, ascending, of the rows of a segment that belong to the entities, deleted ones too: (*rows)[0..*n), which
 * grows. */
feat_status feat_entities_find(const feat_entities *entities, const feat_segment_ends *ends, feat_table_version *tv,
                               size_t segment, uint32_t **rows, size_t *n, size_t *capacity, feat_error *err);

#endif
