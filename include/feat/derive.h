/* Derivations: tables that are made of other tables, row by row, by a stored SELECT; above all of raw tables, which
 * keep what came in as it came. */
#ifndef FEAT_DERIVE_H
#define FEAT_DERIVE_H

#include <stdbool.h>

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What becomes of a row that cannot be derived: an expression fails on it, or what it gives breaks a NOT NULL or a
 *  CHECK of the table. */
typedef enum feat_derive_error {
    FEAT_DERIVE_FAIL = 0, /**< the call fails, names the row, and changes nothing */
    FEAT_DERIVE_SKIP = 1  /**< it is left out and counted */
} feat_derive_error;

typedef struct feat_derive_options {
    size_t size;
    feat_derive_error on_error;
    bool rebuild;     /**< derive all rows anew, whatever was derived before */
    int64_t known_at; /**< known time of the commit in µs, above that of the previous one; 0: now */
} feat_derive_options;

#define FEAT_DERIVE_OPTIONS_INIT                                                                                       \
    { sizeof(feat_derive_options), FEAT_DERIVE_FAIL, false, 0 }

/** What a call has derived, and from what. */
typedef struct feat_derived {
    uint64_t version;        /**< the store version that holds the rows; the current one when nothing changed */
    int64_t known_time;      /**< of that version, µs since 1970 UTC; 0 for an empty store */
    uint64_t from_version;   /**< the rows of the source behind this version were read; 0: all of them */
    uint64_t source_version; /**< up to this one: the table is what the definition makes of the source at it */
    uint32_t definition;     /**< version of the derivation that was run */
    int rebuilt;             /**< not 0: all rows were derived anew and took the place of those that were there */
    int64_t rows_read;       /**< rows of the source */
    int64_t rows_written;    /**< rows of the table that are new */
    int64_t rows_removed;    /**< rows of the table that went, where all were derived anew */
    int64_t rows_filtered;   /**< rows that WHERE left out */
    int64_t rows_equal;      /**< rows equal to one with the same UNIQUE key, which count once */
    int64_t rows_skipped;    /**< rows that cannot be derived, left out by FEAT_DERIVE_SKIP */
    feat_status online;      /**< FEAT_OK, or why deployed services lag behind `version` */
    char errors[1024];       /**< what was wrong with the first rows skipped, a line each; empty where none was */
} feat_derived;

/** Brings the table of derivation `name` up to date with the table that it reads, in one commit.
 *
 *  Only rows of the source are read that came since the last call. All of them are, and what they give takes the place
 * of the table's rows, when the definition has changed since, rows of the source went or changed (a row of the table
 * may have come from several), something else has written the table (a restore), or `opt` says so. Either way the table
 * is afterwards what the definition makes of the rows of the source, in whatever portions they came, but for rows that
 *  were skipped. A call with nothing to do makes no version; one that was interrupted has changed nothing and is made
 *  again. How far the table has come is stored with the commit, and a vacuum keeps that version of the source.
 *
 *  Two rows with one UNIQUE key of the table count once when they are equal, and are FEAT_CONSTRAINT when they differ:
 * a result cannot depend on which came first. Memory is taken for some rows at a time, and for the places (not the
 *  values) of rows that came since the last call. `opt` and `done` may be NULL.
 *  Errors: FEAT_NOT_FOUND (derivation), FEAT_CONSTRAINT (names the row by the UNIQUE key of its table), FEAT_ARGUMENT
 *  (the table holds rows from before the first call: `rebuild` replaces them), FEAT_BUSY, FEAT_READ_ONLY, FEAT_CORRUPT,
 *  FEAT_IO. On failure the store is as it was. */
FEAT_API feat_status feat_derive(feat_store *store, const char *name, const feat_derive_options *opt,
                                 feat_derived *done, feat_error *err);

/** Streams where the rows of the table of derivation `name` come from, a row for each commit that derived some, oldest
 *  first: version, known_time, source_version (the version of the source that the table was brought up to), derivation,
 *  definition (its version), fingerprint (NULL, with both before it, where that definition has since run with another
 *  release of the library), rows_added, rows_removed. `out` is owned by the caller; on failure it is untouched.
 *  Errors: FEAT_NOT_FOUND, FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_derivations(feat_store *store, const char *name, struct ArrowArrayStream *out,
                                      feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
