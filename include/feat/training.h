/* Training sets: the features of a service for every row of a spine, each as it was known at the row's own time. */
#ifndef FEAT_TRAINING_H
#define FEAT_TRAINING_H

#include "feat/arrow.h"
#include "feat/base.h"
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
    uint32_t threads;         /**< how many threads may work at the same time, the caller's among them; 0: one for each
                                 processor. The result is the same bytes for any number. */
} feat_training_options;

#define FEAT_TRAINING_OPTIONS_INIT                                                                                     \
    { sizeof(feat_training_options), NULL, 0, FEAT_ON_ERROR_FAIL, 0, NULL, 1 }

/** Builds the training set of a service at the snapshot's version.
 *
 *  The spine holds a column for each request input of the service, by name, and a timestamp (µs since 1970 UTC after
 *  conversion). Its rows may come in any order, repeat, name unknown entities and lie before the first event. The
 *  result streams the spine's own columns untouched, then the features in the service's order, in the spine's row
 *  order. Its schema metadata carries `libfeat.service`, `libfeat.fingerprint` and `libfeat.version`.
 *
 *  The value of a feature is that of the definition at (entity, time) over all rows that the version holds, bit for
 *  bit what feat_reader_get gives at that time from the same version.
 *  The spine is consumed: released in every case. `out` is owned by the caller; on failure it is untouched.
 *  Errors: FEAT_NOT_FOUND (service), FEAT_SCHEMA (spine columns), FEAT_DATA (see `on_error`), FEAT_EXISTS (a spine
 * column has the name of a feature), FEAT_CORRUPT, FEAT_IO. */
FEAT_API feat_status feat_training_set(feat_snapshot *snap, const char *service, struct ArrowArrayStream *spine,
                                       const feat_training_options *opt, struct ArrowArrayStream *out, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
