/* How the rows of a table are laid out. */
#ifndef FEAT_LIB_ORDER_H
#define FEAT_LIB_ORDER_H

#include "column/column.h"
#include "column/schema.h"

/* The first day of the month, week or day that the event time of a row is in, in days since 1970; 0 in a table without
 * partitions. `times` is the column of event times. */
int32_t feat_partition_of(const feat_schema *table, const feat_column *times, size_t row);
/* The least and the greatest event time in a partition, as the column of event times has them. */
void feat_partition_bounds(const feat_schema *table, int32_t partition, int64_t *least, int64_t *greatest);
/* The end of the rows of [start, start + n) that are in the partition of the first. */
size_t feat_partition_end(const feat_schema *table, const feat_column *times, size_t start, size_t n,
                          int32_t *partition);
/* Fields in the order in which they order the rows of a partition, all of them: entity key, event time, UNIQUE key,
 * then the rest. Room for n_fields. */
void feat_table_order(const feat_schema *table, uint32_t *order);

/* What the digest of a row is taken over: the columns and types that the table had when the row was written. To take it
 * once more, rows are read by this schema: every number of blocks that the table ever had is a field, NULL where a
 * segment has none, and NULL leaves a digest as it is. Its fields are freed with feat_free. */
feat_status feat_schema_as_written(const feat_schema *table, feat_schema *out, feat_error *err);

#endif
