/* Training sets: the features of a service for every row of a spine, each as it was known at the row's own time. */
#ifndef FEAT_TRAINING_H
#define FEAT_TRAINING_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/progress.h"
#include "feat/snapshot.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum feat_on_error {
    FEAT_ON_ERROR_FAIL = 0, /**< a feature value that is an error fails the call, naming spine row and feature */
    FEAT_ON_ERROR_NULL = 1  /**< it becomes NULL (status error) */
} feat_on_error;

typedef struct feat_training_options {
    size_t size;
    const char *timestamp; /**< spine column with the time of each row; NULL: the only timestamp column that is no
                              request input */
    int status;            /**< not 0: after each feature a column "<feature>__status" (BIGINT, a feat_value_status) */
    feat_on_error on_error;
    uint32_t service_version; /**< version of the service's definition; 0: the newest */
    const char *fingerprint;  /**< 32 hexadecimal digits: the definition with this one; NULL: any */
    uint64_t memory; /**< bytes that the call may use besides the spine and about 40 bytes for each of its rows; 0: no
                        bound. Events that do not fit wait in a temporary file without a name. Rows that do not fit are
                        worked through in lots, which reads the tables once for each. */
    feat_progress *progress; /**< NULL: none */
    void *progress_context;
    struct feat_training_stats *stats; /**< NULL, or filled when the features are complete: at the end of the call, or
                                          with `memory` when the last part of the stream has been read */
    int as_served; /**< not 0: each row at the position at which it was served: the one that the spine says, or without
                        position columns the newest version that was known at the row's time */
    const char *version_column;  /**< as served: spine column with the version of each row's position, as
                                    feat_reader_get returned it; NULL: there is none */
    const char *sequence_column; /**< as served: the same of its sequence; NULL: all are 0 */
    uint32_t threads; /**< how many threads may work at the same time, the caller's among them; 0: one for each
                         processor. The result is the same bytes for any number. */
    const char *spill_directory; /**< where temporary files are made; NULL: in the store's directory */
} feat_training_options;

/** What a training set has cost. Times are in ns and summed over threads. */
typedef struct feat_training_stats {
    size_t size; /**< sizeof(feat_training_stats), set by the caller */
    uint64_t spine_rows;
    uint64_t rows_read;       /**< rows of tables */
    uint64_t segments_read;   /**< segments of tables (up to 65,536 rows each) */
    uint64_t segments_pruned; /**< left out by what is known of them without reading */
    uint64_t bytes_read;      /**< of the values that were read, in memory */
    uint64_t bytes_spilled;   /**< written to temporary files */
    uint64_t passes;          /**< over tables: more than their number where memory was bounded */
    uint64_t threads;
    uint64_t spine_ns;  /**< taking over the spine */
    uint64_t group_ns;  /**< grouping its rows by key and time */
    uint64_t read_ns;   /**< reading events and bringing them into order */
    uint64_t sweep_ns;  /**< finding windows and computing aggregates */
    uint64_t output_ns; /**< expressions, and the columns of the result */
    uint64_t elapsed_ns;
} feat_training_stats;

#define FEAT_TRAINING_STATS_INIT                                                                                       \
    { sizeof(feat_training_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** The statistics as EXPLAIN ANALYZE would show them: a line for each stage, with its share. `*text` is owned by the
 *  caller and freed with feat_text_free. */
FEAT_API feat_status feat_training_explain(const feat_training_stats *stats, char **text, feat_error *err);

#define FEAT_TRAINING_OPTIONS_INIT                                                                                     \
    { sizeof(feat_training_options), NULL, 0, FEAT_ON_ERROR_FAIL, 0, NULL, 0, NULL, NULL, NULL, 0, NULL, NULL, 1, NULL }

/** Builds the training set of a service at the snapshot's version.
 *
 *  The spine holds a column for each request input of the service, by name, and a timestamp (µs since 1970 UTC after
 *  conversion). Its rows may come in any order, repeat, name unknown entities and lie before the first event. The
 *  result streams the spine's own columns untouched, then the features in the service's order, in the spine's row
 *  order. Its schema metadata carries `libfeat.service`, `libfeat.fingerprint` and `libfeat.version`.
 *
 *  The value of a feature is that of the definition at (entity, time) over all rows that the version holds, bit for
 *  bit what feat_reader_get gives at that time from the same version.
 *  As served, an error names the row whose time lies before the first commit, or whose position does not exist at the
 *  snapshot's version. With `memory` an error can come while the stream is read.
 *  The spine is consumed: released in every case. `out` is owned by the caller; on failure it is untouched.
 *  Errors: FEAT_NOT_FOUND (service), FEAT_SCHEMA (spine columns), FEAT_DATA (see `on_error`), FEAT_EXISTS (a spine
 * column has the name of a feature), FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_training_set(feat_snapshot *snap, const char *service, struct ArrowArrayStream *spine,
                                       const feat_training_options *opt, struct ArrowArrayStream *out, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
