/* Data in: Arrow streams. One call is one atomic commit, durable when it returns. */
#ifndef FEAT_WRITE_H
#define FEAT_WRITE_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum feat_write_mode {
    FEAT_WRITE_APPEND = 0,    /**< each row says what is true from its event time on */
    FEAT_WRITE_UPSERT = 1,    /**< a row replaces the one with its UNIQUE key, for all times; needs a UNIQUE key */
    FEAT_WRITE_DELETE = 2,    /**< the rows with these UNIQUE keys are retracted, for all times: as if never written */
    FEAT_WRITE_END = 3,       /**< of a dimension: from these event times on there is nothing for these entity keys */
    FEAT_WRITE_OVERWRITE = 4, /**< the rows take the place of all that the table holds, or of what it holds of a range
                                   of event times */
    FEAT_WRITE_MERGE = 5      /**< `matched` says what becomes of a row whose UNIQUE key is stored, `not_matched` of the
                                   others; two rows with one key are an error, also when they are equal, and CHECKs are
                                   for all rows, whatever becomes of them; needs a UNIQUE key */
} feat_write_mode;

/** What a merge does with a row whose UNIQUE key is stored. */
typedef enum feat_matched {
    FEAT_MATCHED_UPDATE = 0, /**< it replaces the stored row */
    FEAT_MATCHED_IGNORE = 1, /**< the stored row stays */
    FEAT_MATCHED_DELETE = 2, /**< the stored row is retracted */
    FEAT_MATCHED_ERROR = 3   /**< FEAT_CONSTRAINT */
} feat_matched;

/** What a merge does with a row whose UNIQUE key is not stored, or has a NULL. */
typedef enum feat_not_matched {
    FEAT_NOT_MATCHED_INSERT = 0, /**< it is added */
    FEAT_NOT_MATCHED_IGNORE = 1, /**< it is passed over */
    FEAT_NOT_MATCHED_ERROR = 2   /**< FEAT_CONSTRAINT */
} feat_not_matched;

/** What an append or an end does with a row whose UNIQUE key is stored already. NULL in a key never conflicts. Two rows
 *  of one call with one key count once when they are equal; when they differ the call fails, whatever the mode. An
 *  upsert replaces, and a delete that names a row twice or a row that is not there skips it. */
typedef enum feat_on_conflict {
    FEAT_CONFLICT_SKIP_IDENTICAL = 0, /**< an equal row is counted and skipped; a different one is FEAT_CONSTRAINT */
    FEAT_CONFLICT_ERROR = 1,          /**< any is FEAT_CONSTRAINT */
    FEAT_CONFLICT_IGNORE = 2,         /**< the stored row stays */
    FEAT_CONFLICT_REPLACE = 3         /**< the new row replaces the stored one, as an upsert does */
} feat_on_conflict;

typedef struct feat_write_options {
    size_t size;
    feat_write_mode mode;
    feat_on_conflict on_conflict;
    int64_t known_at;                 /**< known time of the commit in µs, above that of the previous one; 0: now */
    const uint64_t *expected_version; /**< NULL: none; else FEAT_CONFLICT when the table has a commit behind this
                                         version, so that what was decided by reading it still holds */
    const char *application;          /**< NULL: none; else the name of who writes, 1 to 1,024 bytes */
    uint64_t sequence;  /**< of this call, in the application's own count for this table, which only rises: a call with
                           the last one or one below it was made before, and changes nothing */
    const char *branch; /**< NULL or "main": the main line; else the name of a branch */
    const char *where;  /**< of a delete: NULL, or a condition in SQL over the table's columns; the rows that it is TRUE
                             for are retracted, `rows` is NULL, and no UNIQUE key is needed. FEAT_DATA when it is an
                           error for a row */
    const int64_t *start; /**< of an overwrite: NULL, or only rows with event times from here on are replaced (µs since
                               1970 UTC; a DATE is its first instant), and the rows given must have such */
    const int64_t *end;   /**< likewise, before here */
    feat_matched matched; /**< of a merge, and so is the next */
    feat_not_matched not_matched;
    int merge_schema; /**< not 0: a column of the rows that the table does not have becomes one of the table with the
                         same commit, nullable, of the type that fits it; rows that are stored are NULL there. Nothing
                         else of the table changes: a column of another type is refused as ever */
} feat_write_options;

#define FEAT_WRITE_OPTIONS_INIT                                                                                        \
    {                                                                                                                  \
        sizeof(feat_write_options), FEAT_WRITE_APPEND, FEAT_CONFLICT_SKIP_IDENTICAL, 0, NULL, NULL, 0, NULL, NULL,     \
            NULL, NULL, FEAT_MATCHED_UPDATE, FEAT_NOT_MATCHED_INSERT, 0                                                \
    }

/** What a write did. */
typedef struct feat_commit {
    uint64_t version;      /**< store version that holds the rows; the current one when nothing changed */
    int64_t known_time;    /**< µs since 1970 UTC; strictly increasing from commit to commit */
    int64_t rows_read;     /**< rows in the stream */
    int64_t rows_added;    /**< rows that are new */
    int64_t rows_replaced; /**< stored rows that a new one replaced */
    int64_t rows_removed;  /**< stored rows that a delete or an overwrite took away */
    int64_t rows_skipped;  /**< rows equal to a stored one or to another of the call, or ignored; of a delete, rows that
                                named none */
    feat_status
        online; /**< FEAT_OK, or why deployed services lag behind `version`; the next write or feat_deploy catches up */
    int repeated; /**< not 0: the application has made this call, or a later one, before; `version` is that of its last
                   */
} feat_commit;

/** Writes the rows of `rows` to `table` in one commit. The stream is consumed: released in every case. It is NULL for a
 *  delete with `where` and for nothing else.
 *
 *  Columns are matched by name, in any order; a missing column is its DEFAULT, or NULL where there is none and NULL is
 *  allowed; an unknown one is an error. A NULL that is there stays NULL. A CHECK that is FALSE or an error for any row
 *  refuses the whole write. A delete takes the columns of the table's UNIQUE key, and so does an end (the UNIQUE key of
 * a dimension is its entity key and event time, unless it was declared with more columns); both pass other columns
 * over, and neither is checked by NOT NULL or CHECK of those. Accepted Arrow types: what converts without loss
 * (integers into DOUBLE up to 2^53 in size, float32, utf8 / large_utf8 / utf8_view and dictionaries of them, timestamps
 * in s, ms, µs, ns, date32, date64). Naive timestamps are UTC. `opt` may be NULL; `done` may be NULL. On failure the
 * store is as it was. Errors: FEAT_SCHEMA (names the column, both types, and the row where there is one),
 * FEAT_CONSTRAINT (names the row), FEAT_DATA (of `where`), FEAT_SYNTAX and FEAT_DEFINITION (likewise), FEAT_CONFLICT,
 * FEAT_NOT_FOUND, FEAT_BUSY, FEAT_READ_ONLY, FEAT_CANCELLED (the stream failed), FEAT_IO. */
FEAT_API feat_status feat_write(feat_store *store, const char *table, struct ArrowArrayStream *rows,
                                const feat_write_options *opt, feat_commit *done, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
