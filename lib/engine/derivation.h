/* Derivations in the catalog, and the running of them. */
#ifndef FEAT_LIB_ENGINE_DERIVATION_H
#define FEAT_LIB_ENGINE_DERIVATION_H

#include "engine/catalog.h"
#include "feat/derive.h"

/* ---- In the catalog (derivation.c). ---- */

/* The record: [form, number of the source, of the table, text of the statement]. */
void feat_derivation_pack(const feat_derivation *derivation, feat_buffer *out);
/* What it reads and writes, as a definition that reads both tables. */
void feat_derivation_pack_reads(const feat_derivation *derivation, feat_buffer *out);
/* Whether a derivation reads or writes a column. */
feat_status feat_derivation_uses(feat_catalog *catalog, uint32_t entry, uint32_t table_id, uint32_t column_id,
                                 bool *uses, feat_error *err);
/* FEAT_ARGUMENT for a table that a derivation fills: nothing else writes it. */
feat_status feat_derivation_check_write(feat_catalog *catalog, const feat_schema *table, feat_error *err);

/* ---- Rows (derived.c): those of a table become rows of another, some at a time. ---- */

typedef struct feat_derived_rows feat_derived_rows;

/* `skip`: a row that cannot be derived is counted and left out; else it is FEAT_CONSTRAINT. */
feat_status feat_derived_rows_new(const feat_derivation *derivation, bool skip, feat_derived_rows **rows,
                                  feat_error *err);
void feat_derived_rows_free(feat_derived_rows *rows); /* NULL is a no-op */
/* The fields of the source that `add` needs to be filled: those that are computed from, and those that name a row. */
const uint32_t *feat_derived_rows_needs(const feat_derived_rows *rows, size_t *n);
/* Where their values go: a batch of all fields of the source, of which only those are looked at. */
feat_batch *feat_derived_rows_input(feat_derived_rows *rows);
/* Derives the first `n` rows of the input, of those only the ones of `picks` (NULL: all), into the output. */
feat_status feat_derived_rows_run(feat_derived_rows *rows, const uint32_t *picks, size_t n, feat_error *err);
/* What was derived, a column for each that is computed; the caller empties it. */
feat_batch *feat_derived_rows_output(feat_derived_rows *rows);
/* What was read and left out, and what was said of the first rows that were. */
void feat_derived_rows_count(const feat_derived_rows *rows, feat_derived *done);

/* ---- Runs (derive.c). ---- */

/* The lock must be held. */
feat_status feat_derive_run(feat_db *db, feat_catalog *catalog, const char *name, const feat_derive_options *opt,
                            feat_derived *done, feat_error *err);
/* The version of the source that the newest definition has read last; 0: none. */
feat_status feat_derivation_position(feat_db *db, const feat_derivation *derivation, uint64_t *source, feat_error *err);
/* The commits of the table that derivations have made. */
feat_status feat_derivations_stream(feat_db *db, feat_catalog *catalog, const char *name, struct ArrowArrayStream *out,
                                    feat_error *err);
/* Names of applications that derivations count under begin with this. */
#define FEAT_DERIVATION_PREFIX "$derivation "

#endif
