/* Taking rows away by what they say. */
#ifndef FEAT_LIB_REMOVE_H
#define FEAT_LIB_REMOVE_H

#include "engine/filter.h"
#include "store/store.h"

/* Event times from `start` on and before `end`; NULL: no bound. */
typedef struct feat_time_range {
    const int64_t *start, *end; /* µs since 1970 UTC */
} feat_time_range;

bool feat_time_range_has(const feat_time_range *range, int64_t time);

/* Deletes the rows of a table that pass a filter, or whose event time is in a range; says how many. Rows that end a key
 * of a dimension are rows too. Nothing may have been added before. */
feat_status feat_remove_where(feat_table_writer *w, const feat_schema *table, feat_filter *filter, int64_t *removed,
                              feat_error *err);
feat_status feat_remove_range(feat_table_writer *w, const feat_schema *table, const feat_time_range *range,
                              int64_t *removed, feat_error *err);

#endif
