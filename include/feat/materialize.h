/* Materialising feature views: their values for all entities at chosen times, kept in the store.
 *
 * The values of a view version are held by its *layer*, a table that the library makes and alone writes. It is read as
 * any table (scan, history, digest); a service that joins the view MATERIALIZED reads the newest value that is not
 * later than the time asked about. */
#ifndef FEAT_MATERIALIZE_H
#define FEAT_MATERIALIZE_H

#include "feat/base.h"
#include "feat/progress.h"
#include "feat/store.h"
#include "feat/training.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct feat_materialize_options {
    size_t size;
    const int64_t *times; /**< µs since 1970 UTC, in any order; NULL: `start` to `end` */
    size_t n_times;
    int64_t start;           /**< without `times`: start, start + every, ... up to `end` */
    int64_t end;             /**< included where a step meets it; not before `start` */
    int64_t every;           /**< µs, above 0; may be 0 where `start` is `end` */
    int full;                /**< not 0: computes every entity, also where less would do */
    feat_on_error on_error;  /**< what becomes of a feature value that is an error */
    uint32_t view_version;   /**< version of the view's definition; 0: the newest */
    const char *fingerprint; /**< 32 hexadecimal digits: the definition with this one; NULL: any */
    uint32_t threads;        /**< how many may work at the same time; 0: one for each processor. The values are the
                                same bits for any number. */
    size_t entities_at_once; /**< at most so many are computed together; 0: 262,144 */
    feat_progress *progress; /**< NULL: none */
    void *progress_context;
    uint64_t memory; /**< bytes that the call may use besides about 200 bytes for each entity that it computes; 0: no
                        bound. Entities are then computed in lots, and events that do not fit wait in a temporary file.
                        The values are the same bits for any bound. */
    const char *spill_directory;          /**< where temporary files are made; NULL: in the store's directory */
    struct feat_materialize_stats *stats; /**< NULL, or filled at the end of the call, also of one that failed */
} feat_materialize_options;

#define FEAT_MATERIALIZE_OPTIONS_INIT                                                                                  \
    {                                                                                                                  \
        sizeof(feat_materialize_options), NULL, 0, 0, 0, 0, 0, FEAT_ON_ERROR_FAIL, 0, NULL, 1, 0, NULL, NULL, 0, NULL, \
            NULL                                                                                                       \
    }

/** What a call did, over all of its runs. */
typedef struct feat_materialized {
    int64_t runs;          /**< runs that were committed */
    int64_t runs_full;     /**< of these, those that computed every entity */
    int64_t runs_present;  /**< times at which nothing was to do: there was a run from the same data already */
    int64_t entities;      /**< entities that were computed, summed over runs */
    int64_t rows;          /**< rows written for them, and for entities that are gone */
    int64_t rows_restated; /**< rows written at later runs, so that these say what they said before */
    uint64_t input;        /**< version of the store that was read: the newest one that changed what the view reads */
    uint64_t version;      /**< newest version of the store */
    feat_status online;    /**< FEAT_OK, or why deployed services lag behind `version` */
} feat_materialized;

/** What a call has cost, over all of its runs. Times are in ns; those of groups, events and windows are summed over
 *  threads. */
typedef struct feat_materialize_stats {
    size_t size; /**< sizeof(feat_materialize_stats), set by the caller */
    uint64_t runs;
    uint64_t entities;        /**< that were computed, those of later runs that had to be restated among them */
    uint64_t lots;            /**< in which they were computed */
    uint64_t rows_read;       /**< rows of tables, each time that one was read */
    uint64_t segments_read;   /**< segments of tables (up to 65,536 rows each) */
    uint64_t segments_pruned; /**< left out by what is known of them without reading */
    uint64_t bytes_read;      /**< of the values that were read to compute entities, in memory */
    uint64_t bytes_spilled;   /**< written to temporary files */
    uint64_t rows_written;
    uint64_t threads;
    uint64_t choose_ns; /**< finding out which entities to compute */
    uint64_t group_ns;  /**< grouping them by the keys of what they are made of */
    uint64_t read_ns;   /**< reading events and bringing them into order */
    uint64_t sweep_ns;  /**< finding windows and computing aggregates */
    uint64_t output_ns; /**< expressions, and the columns of the layer */
    uint64_t write_ns;  /**< sorting and writing rows, and the commits */
    uint64_t elapsed_ns;
} feat_materialize_stats;

#define FEAT_MATERIALIZE_STATS_INIT                                                                                    \
    { sizeof(feat_materialize_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** The statistics as EXPLAIN ANALYZE would show them: a line for each stage, with its share. `*text` is owned by the
 *  caller and freed with feat_text_free. */
FEAT_API feat_status feat_materialize_explain(const feat_materialize_stats *stats, char **text, feat_error *err);

/** Computes a view for all entities at each time and stores the values, one commit a run, in ascending order of times.
 *
 *  The entities are those that an event visible at the time makes known. Values are those of a training set at that
 *  time, bit for bit. Where an earlier run of the same view version is there, only entities are computed whose values
 * can have changed since: what is read at any time is the same as after a full run. A time before existing runs changes
 *  nothing that these say. Repeating a call over unchanged data does nothing.
 *
 *  On failure, runs that were committed before stay, and the failed one has left nothing. `opt` and `done` (filled in
 *  also on failure, with what was done until then) may be NULL; without options the time is now.
 *  Errors: FEAT_NOT_FOUND, FEAT_DEFINITION (a view without entities that could be listed), FEAT_DATA (see `on_error`),
 *  FEAT_ARGUMENT, FEAT_BUSY, FEAT_READ_ONLY, FEAT_CANCELLED, FEAT_IO. */
FEAT_API feat_status feat_materialize(feat_store *store, const char *view, const feat_materialize_options *opt,
                                      feat_materialized *done, feat_error *err);

/** The name of the layer of a view version, for scans and history; `opt` says which version, as above, and may be NULL.
 *  `*name` is owned by the caller and freed with feat_text_free. FEAT_NOT_FOUND: no such view. */
FEAT_API feat_status feat_layer(feat_store *store, const char *view, const feat_materialize_options *opt, char **name,
                                feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
