/* What streams of a table's rows have in common. */
#ifndef FEAT_LIB_ENGINE_SCAN_H
#define FEAT_LIB_ENGINE_SCAN_H

#include "column/arrow.h"
#include "engine/engine.h"

/* Moves `n` columns of `length` rows out; they are empty after, also on failure. */
feat_status feat_scan_batch(feat_column *columns, size_t n, size_t length, struct ArrowArray *out, feat_error *err);
/* A stream of struct batches over `producer`, with `n_pairs` keys and values of metadata. Takes nothing on failure. */
feat_status feat_scan_stream(const feat_field *const *fields, size_t n, const char *const *metadata, size_t n_pairs,
                             feat_arrow_producer producer, struct ArrowArrayStream *out, feat_error *err);
/* Whether a column holds no NULL among all rows. Those that end a key of a dimension have NULL in columns that other
 * rows must not have it in. */
bool feat_scan_never_null(const feat_schema *table, uint32_t field);

#endif
