/* Rows as the payload of a record of tail.log, and back. */
#ifndef FEAT_LIB_TAIL_ROWS_H
#define FEAT_LIB_TAIL_ROWS_H

#include "store/tail.h"

/* What columns a table's rows have, by the numbers that their blocks will have: the payload of a record without rows.
 * It stands in front of the table's first rows in an epoch. */
void feat_tail_put_layout(const feat_schema *table, feat_buffer *out);
/* All rows of a batch with a column for each field of the table. */
void feat_tail_put_rows(const feat_schema *table, const feat_batch *rows, feat_buffer *out);

/* The rows of one table in an epoch, with the columns that they were written with. */
typedef struct feat_tail_rows {
    uint32_t table_id;
    bool known;        /* the columns are */
    uint32_t revision; /* of the schema that they are of */
    uint32_t *stored;  /* their numbers */
    feat_batch rows;
} feat_tail_rows;

void feat_tail_rows_done(feat_tail_rows *t);
/* Takes the rows of a record; one of another table is passed over. */
feat_status feat_tail_rows_take(feat_tail_rows *t, const feat_tail_record *record, feat_error *err);
/* Appends all rows in the columns of a schema of the table, as rows of a segment would be read. */
feat_status feat_tail_rows_as(const feat_tail_rows *t, const feat_schema *table, feat_batch *out, feat_error *err);
/* The sum of the digests of the rows. */
feat_status feat_tail_rows_digest(const feat_tail_rows *t, feat_digest *sum, feat_error *err);

#endif
