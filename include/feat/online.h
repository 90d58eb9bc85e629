/* The online path: deploy a service once, then look vectors up.
 *
 * A reader belongs to one thread at a time. Any number of readers in any number of processes read one store; none of
 * them blocks the writer. */
#ifndef FEAT_ONLINE_H
#define FEAT_ONLINE_H

#include "feat/base.h"
#include "feat/snapshot.h"
#include "feat/store.h"
#include "feat/type.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What a value is. A status never changes a value: the count of an entity not found is 0 with status not found. */
typedef enum feat_value_status {
    FEAT_VALUE_PRESENT = 0,
    FEAT_VALUE_NULL = 1,      /**< NULL, though the entity was found */
    FEAT_VALUE_NOT_FOUND = 2, /**< no event of the entity lies in the view's windows */
    FEAT_VALUE_EXPIRED = 3,   /**< older than its time to live */
    FEAT_VALUE_ERROR = 4      /**< the expression failed: NULL */
} feat_value_status;

/** One value: a request input or a feature. `is_null` decides whether `as` means anything. */
typedef struct feat_value {
    union {
        int64_t i64; /**< signed and unsigned integers but UBIGINT; TIMESTAMP in µs since 1970 UTC; DATE in days since
                        1970-01-01; BOOLEAN as 0 or 1 */
        double f64;  /**< DOUBLE; REAL, rounded to the nearest */
        struct {
            const char *data; /**< TEXT: UTF-8, not NUL-terminated; BLOB; VECTOR, LIST and MAP as encoded bytes */
            size_t length;
        } text;
        struct {
            uint64_t low;
            int64_t high;
        } wide; /**< UBIGINT; DECIMAL in units of 10^-scale of the field's type: high * 2^64 + low */
        struct {
            int32_t months, days;
            int64_t us;
        } interval; /**< INTERVAL */
    } as;
    uint8_t type;    /**< the base of a feat_type */
    uint8_t is_null; /**< 0 or 1 */
    uint8_t status;  /**< a feat_value_status; ignored in inputs */
    uint8_t reserved[5];
} feat_value;

/** Name and type of a request input or a feature. Borrowed from the reader. */
typedef struct feat_field_info {
    const char *name;
    feat_type type;
} feat_field_info;

/** Builds the online state of a service's newest definition from the newest version, and keeps it current with every
 *  later write. Visible to readers at once when it is complete. Deploying again what is deployed brings it up to date.
 *  Errors: FEAT_NOT_FOUND, FEAT_BUSY, FEAT_READ_ONLY, FEAT_IO. */
FEAT_API feat_status feat_deploy(feat_store *store, const char *service, feat_error *err);

/** Ends the serving of every deployed version of a service; what no other deployed service needs of the online state is
 *  deleted. Readers of it that are open fail at their next call.
 *  Errors: FEAT_NOT_FOUND (not deployed), FEAT_BUSY, FEAT_READ_ONLY, FEAT_IO. */
FEAT_API feat_status feat_undeploy(feat_store *store, const char *service, feat_error *err);

typedef struct feat_reader feat_reader;

typedef struct feat_reader_options {
    size_t size;
    const char *fingerprint;  /**< 32 hexadecimal digits: the definition that the model was trained with; NULL: the
                                 newest deployed */
    uint32_t service_version; /**< version of the definition; 0: any */
} feat_reader_options;

#define FEAT_READER_OPTIONS_INIT                                                                                       \
    { sizeof(feat_reader_options), NULL, 0 }

/** Opens a reader on a deployed service. `*reader` is owned by the caller and may outlive the store.
 *  Errors: FEAT_NOT_FOUND (not deployed: the message names the call to make; or lists the fingerprints deployed). */
FEAT_API feat_status feat_reader_open(feat_store *store, const char *service, const feat_reader_options *opt,
                                      feat_reader **reader, feat_error *err);
FEAT_API void feat_reader_close(feat_reader *reader);

/** Request inputs in order, and features in order. The arrays live as long as the reader. */
FEAT_API size_t feat_reader_inputs(const feat_reader *reader, const feat_field_info **fields);
FEAT_API size_t feat_reader_features(const feat_reader *reader, const feat_field_info **fields);
/** Fingerprint of the service's definition: 32 hexadecimal digits. Lives as long as the reader. */
FEAT_API const char *feat_reader_fingerprint(const feat_reader *reader);

/** A request for the vectors of `n` rows. All pointers are borrowed for the call. */
typedef struct feat_request {
    size_t size;
    size_t n;
    const feat_value *inputs; /**< n rows of the reader's inputs, row after row */
    const int64_t *now;       /**< n times in µs since 1970 UTC; NULL: the system's clock, read once for the call */
} feat_request;

#define FEAT_REQUEST_INIT                                                                                              \
    { sizeof(feat_request), 0, NULL, NULL }

/** Looks `request->n` vectors up. `values` is the caller's: n rows of the reader's features, row after row, each with
 * its status. TEXT points into the reader and is valid until its next call. `position` may be NULL: all of the values come from exactly this one. The answer reads
 * the newest position; the value at (entity, now) is bit for bit that of feat_training_set from that version. An input
 * of the wrong type is FEAT_SCHEMA and names it; a NULL key belongs to no entity. Errors: FEAT_SCHEMA, FEAT_CORRUPT,
 * FEAT_IO, FEAT_FORKED; `values` is then unspecified. */
FEAT_API feat_status feat_reader_get(feat_reader *reader, const feat_request *request, feat_value *values,
                                     feat_position *position, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
