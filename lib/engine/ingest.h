/* The inside of ingest: a part of the input, the rule of the unique key, and the order of the rows. */
#ifndef FEAT_LIB_INGEST_H
#define FEAT_LIB_INGEST_H

#include "engine/engine.h"

/* Rows that are checked, sorted and encoded together, and then lie in one run, which is what reads fastest: as many as
 * fit a part of the machine's memory, within bounds. */
#define FEAT_INGEST_PART_ROWS    ((size_t)16 << 20)
#define FEAT_INGEST_LEAST_BYTES  (UINT64_C(64) << 20)
#define FEAT_INGEST_MOST_BYTES   (UINT64_C(1) << 30)
#define FEAT_INGEST_OF_MEMORY    16
#define FEAT_INGEST_SEGMENT_ROWS ((size_t)65536)

/* feat_ingest with parts of `part_rows` rows. What is stored and what is refused does not depend on it. */
feat_status feat_ingest_parts(feat_db *db, const feat_schema *table, struct ArrowArrayStream *rows,
                              const feat_write_options *opt, size_t part_rows, feat_commit *done, feat_error *err);

/* Rows that are pushed: checked as those of a write are, and compared with the rows that `held` keeps and those behind
 * it. One for many streams. */
typedef struct feat_intake feat_intake;
#define FEAT_INTAKE_ROWS ((size_t)65536) /* most of a stream */

feat_status feat_intake_new(feat_db *db, const feat_schema *table, feat_table_writer *held, feat_intake **intake,
                            feat_error *err);
void feat_intake_free(feat_intake *intake); /* NULL is a no-op */
/* The rows of a stream that are to be added, in its order, borrowed until the next call; how many are not. The stream
 * is released in every case. */
feat_status feat_intake_take(feat_intake *intake, struct ArrowArrayStream *rows, feat_on_conflict on_conflict,
                             int64_t arrival, const feat_batch **taken, int64_t *skipped, feat_error *err);

/* ---- Sorting. ---- */

typedef struct feat_sort_item {
    uint64_t key;
    uint32_t row;
} feat_sort_item;

/* Stable, by key; `scratch` has room for `n` items. */
void feat_sort_keys(feat_sort_item *items, feat_sort_item *scratch, size_t n);
/* Sorts items[0..n) (their `row` are rows of `rows`) by `columns` in order, each in feat_column_compare's order.
 * Stable. */
feat_status feat_sort_rows(const feat_batch *rows, const uint32_t *columns, size_t n_columns, feat_sort_item *items,
                           size_t n, feat_error *err);
/* The same in the order in which the rows of a table are stored: by partition, then by all fields in `order`, which is
 * feat_table_order's. */
feat_status feat_sort_table(const feat_schema *table, const feat_batch *rows, const uint32_t *order,
                            feat_sort_item *items, size_t n, feat_error *err);

/* ---- Conditions on rows. ---- */

/* The CHECKs of a table, compiled. */
typedef struct feat_checks feat_checks;

/* `*checks` is NULL when the table has none. */
feat_status feat_checks_new(const feat_schema *table, feat_checks **checks, feat_error *err);
void feat_checks_free(feat_checks *checks); /* NULL is a no-op */
/* FEAT_CONSTRAINT for the first row that a condition is FALSE or an error for; NULL passes. */
feat_status feat_checks_run(feat_checks *checks, const feat_batch *rows, int64_t first_row, feat_error *err);
/* Of at most FEAT_LANES rows: broken[i] is the first field whose condition is FALSE or an error for row i, or NULL. */
feat_status feat_checks_mark(feat_checks *checks, const feat_batch *rows, const feat_field **broken, feat_error *err);

/* ---- Unique keys. ---- */

/* What the call has decided about stored rows in earlier parts; see conflict.c. */
typedef struct feat_unique_seen feat_unique_seen;

typedef struct feat_unique {
    const feat_schema *table;
    feat_table_writer *writer;
    feat_write_mode mode;
    feat_on_conflict on_conflict;
    feat_matched matched; /* of a merge, and so are the next two */
    feat_not_matched not_matched;
    bool more; /* another part may follow the one at hand */
    feat_unique_seen *seen;
    int64_t rows_replaced, rows_removed, rows_skipped;
    bool arrived;     /* the call did not say when its rows came in: */
    uint32_t arrival; /* two rows that differ in this field alone are equal */
} feat_unique;

/* Decides for each row of a part whether it is written: rows[0..*n_kept) of `kept` (room for all) are those, ascending.
 * Stored rows that are replaced are deleted. `first_row` is the number of the part's first row in the input, for
 * messages. FEAT_WRITE_DELETE: the part holds unique keys, its other columns are not looked at; the rows with those
 * keys are deleted and nothing is kept. */
feat_status feat_unique_resolve(feat_unique *u, const feat_batch *part, int64_t first_row, uint32_t *kept,
                                size_t *n_kept, feat_error *err);
void feat_unique_done(feat_unique *u);
/* The UNIQUE key of a row as text, for messages: "(a, b) = (1, 'x')"; NULL without memory. Freed with feat_free. */
char *feat_unique_text(const feat_schema *table, const feat_batch *rows, size_t row);

#endif
