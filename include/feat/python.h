/* For bindings: result streams that can be read again, rows from plain arrays, and Arrow capsules of CPython.
 *
 * A binding written in a scripting language must not leave callbacks of its own in a stream: the consumer may release
 * it after the interpreter has ended. These functions do in C what would otherwise need such callbacks. */
#ifndef FEAT_PYTHON_H
#define FEAT_PYTHON_H

#include "feat/arrow.h"
#include "feat/base.h"
#include "feat/online.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Room for one stream on the heap of the library, zeroed: an empty (released) stream. NULL when memory is out. */
FEAT_API struct ArrowArrayStream *feat_stream_new(void);

/** Releases the stream unless it is released already, and frees its room. NULL is a no-op. */
FEAT_API void feat_stream_free(struct ArrowArrayStream *stream);

/** Destructor of a PyCapsule named "arrow_array_stream" that holds a stream of feat_stream_new: to be handed to
 *  PyCapsule_New. `capsule` is the PyObject. Finds PyCapsule_GetPointer in the running process; without a CPython in it
 *  the call does nothing. */
FEAT_API void feat_pycapsule_stream_destroy(void *capsule);

/** The batches of a stream, held so that any number of streams can be made from them without copying. Counted: streams
 *  and arrays made from it keep what they need and may outlive it, in any thread. */
typedef struct feat_batches feat_batches;

/** Pulls a stream to its end. The stream is consumed: released in every case.
 *  Errors: FEAT_CANCELLED with the producer's message when the stream fails. */
FEAT_API feat_status feat_batches_collect(struct ArrowArrayStream *stream, feat_batches **batches, feat_error *err);

/** A fresh stream over the batches, from the first one on. `out` is owned by the caller; on failure it is untouched. */
FEAT_API feat_status feat_batches_stream(feat_batches *batches, struct ArrowArrayStream *out, feat_error *err);

/** Rows in all batches. */
FEAT_API int64_t feat_batches_rows(const feat_batches *batches);

/** Gives the handle back. NULL is a no-op. */
FEAT_API void feat_batches_free(feat_batches *batches);

/** A stream of exactly one batch: both structs are moved in, and are left released. On failure nothing is taken. */
FEAT_API feat_status feat_stream_of_array(struct ArrowSchema *schema, struct ArrowArray *array,
                                          struct ArrowArrayStream *out, feat_error *err);

/** One column of rows that lie in plain arrays. All pointers are borrowed for the call. */
typedef struct feat_plain_column {
    const char *name;
    feat_type type;         /**< 0: every row is NULL, of no type; nothing else is read then */
    const uint8_t *present; /**< a byte a row, 0 for NULL; NULL: no row is NULL */
    const void *values; /**< integers, REAL, DOUBLE as they are in C; int32_t (DATE); int64_t (TIMESTAMP); a 0/1 byte
                           (BOOLEAN); 16 bytes, low half first (DECIMAL, unscaled); { int32_t months, days; int64_t us;
                           } (INTERVAL); bytes (TEXT, BLOB; VECTOR, LIST and MAP encoded as in a feat_value) */
    const int64_t *offsets; /**< types whose values are bytes: n_rows + 1 offsets into `values`; else NULL */
} feat_plain_column;

/** A stream of one batch with copies of `n_rows` rows of `n_columns` columns.
 *  Errors: FEAT_ARGUMENT (an unknown type, decreasing offsets), FEAT_CORRUPT (a VECTOR, LIST or MAP that is not
 *  encoded as its type), FEAT_MEMORY. */
FEAT_API feat_status feat_stream_of_rows(const feat_plain_column *columns, size_t n_columns, size_t n_rows,
                                         struct ArrowArrayStream *out, feat_error *err);

#ifdef __cplusplus
}
#endif

#endif
