/* Arrays and streams that go out. They own their memory and know nothing of each other: a consumer may move children
 * out of their parent, and arrays outlive the stream that they came from. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "column/arrow.h"

/* ---- Columns. ---- */

typedef struct column_array {
    const void *pointers[3]; /* what ArrowArray.buffers points to */
    void *buffers[3];
} column_array;

static void column_release(struct ArrowArray *array) {
    column_array *own = array->private_data;
    for (size_t i = 0; i < 3; i++) feat_free(own->buffers[i]);
    feat_free(own);
    array->release = NULL;
}

/* Consumers dislike missing buffers, of which an empty column, or one of empty texts only, has some. */
static int complete(feat_column *c) {
    if (!c->values) {
        enum { SMALLEST = 64 };
        c->values = feat_alloc_aligned(SMALLEST);
        if (!c->values) return -1;
        memset(c->values, 0, SMALLEST);
        if (c->type == FEAT_TYPE_TEXT) c->text_capacity = SMALLEST;
    }
    return c->type == FEAT_TYPE_TEXT ? feat_column_reserve(c, 0) : 0;
}

/* Arrow leaves the bits behind the last row open; equal columns should be equal bytes. */
static void zero_last_bits(uint8_t *bits, size_t n) {
    if (n & 7) bits[n >> 3] &= (uint8_t)((1u << (n & 7)) - 1u);
}

feat_status feat_arrow_out_column(feat_column *column, struct ArrowArray *out, feat_error *err) {
    bool text = column->type == FEAT_TYPE_TEXT;
    if (complete(column) != 0) return feat_fail_memory(err);
    column_array *own = feat_alloc_zero(1, sizeof *own);
    if (!own) return feat_fail_memory(err);
    if (column->null_count == 0) {
        feat_free(column->validity);
        column->validity = NULL;
    }
    if (column->validity) zero_last_bits(column->validity, column->length);
    if (column->type == FEAT_TYPE_BOOLEAN) zero_last_bits(column->values, column->length);
    own->buffers[0] = column->validity;
    own->buffers[1] = text ? (void *)column->offsets : column->values;
    own->buffers[2] = text ? column->values : NULL;
    for (size_t i = 0; i < 3; i++) own->pointers[i] = own->buffers[i];
    *out = (struct ArrowArray){.length = (int64_t)column->length,
                               .null_count = (int64_t)column->null_count,
                               .n_buffers = text ? 3 : 2,
                               .buffers = own->pointers,
                               .release = column_release,
                               .private_data = own};
    feat_column_init(column, column->type);
    return FEAT_OK;
}

/* ---- Batches. ---- */

typedef struct batch_array {
    const void *validity; /* NULL: no row is null */
    struct ArrowArray **children;
    struct ArrowArray *arrays;
} batch_array;

static void batch_release(struct ArrowArray *array) {
    batch_array *own = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (own->children[i]->release) own->children[i]->release(own->children[i]);
    feat_free(own->children);
    feat_free(own->arrays);
    feat_free(own);
    array->release = NULL;
}

feat_status feat_arrow_out_batch(struct ArrowArray *children, size_t n, int64_t length, struct ArrowArray *out,
                                 feat_error *err) {
    batch_array *own = feat_alloc_zero(1, sizeof *own);
    struct ArrowArray **pointers = feat_alloc_array(n, sizeof *pointers);
    struct ArrowArray *arrays = feat_alloc_array(n, sizeof *arrays);
    if (!own || !pointers || !arrays) {
        feat_free(arrays);
        feat_free(pointers);
        feat_free(own);
        return feat_fail_memory(err);
    }
    for (size_t i = 0; i < n; i++) {
        arrays[i] = children[i];
        children[i].release = NULL; /* moved */
        pointers[i] = &arrays[i];
    }
    own->children = pointers;
    own->arrays = arrays;
    *out = (struct ArrowArray){.length = length,
                               .n_buffers = 1,
                               .n_children = (int64_t)n,
                               .buffers = &own->validity,
                               .children = pointers,
                               .release = batch_release,
                               .private_data = own};
    return FEAT_OK;
}

/* ---- Streams. ---- */

typedef struct out_stream {
    struct ArrowSchema schema;
    feat_arrow_producer producer;
    bool ended;
    feat_error err; /* code FEAT_OK: no failure yet */
} out_stream;

static int number_of(feat_status status) {
    switch (status) {
    case FEAT_OK: return 0;
    case FEAT_MEMORY: return ENOMEM;
    case FEAT_CANCELLED: return ECANCELED;
    default: return EIO;
    }
}

static int stream_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    out_stream *own = stream->private_data;
    return number_of(feat_arrow_schema_copy(&own->schema, out, &own->err));
}

static int stream_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    out_stream *own = stream->private_data;
    struct ArrowArray batch = {0};
    feat_status status = own->ended ? FEAT_OK : own->producer.next(own->producer.state, &batch, &own->err);
    if (status != FEAT_OK) {
        own->ended = true;
        return number_of(status);
    }
    if (!batch.release) own->ended = true;
    *out = batch;
    return 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *stream) {
    out_stream *own = stream->private_data;
    return own->err.code == FEAT_OK ? NULL : own->err.message;
}

static void stream_release(struct ArrowArrayStream *stream) {
    out_stream *own = stream->private_data;
    if (own->producer.free) own->producer.free(own->producer.state);
    if (own->schema.release) own->schema.release(&own->schema);
    feat_free(own);
    stream->release = NULL;
}

feat_status feat_arrow_out_stream(struct ArrowSchema *schema, feat_arrow_producer producer,
                                  struct ArrowArrayStream *out, feat_error *err) {
    out_stream *own = feat_alloc_zero(1, sizeof *own);
    if (!own) return feat_fail_memory(err);
    own->schema = *schema;
    schema->release = NULL; /* moved */
    own->producer = producer;
    *out = (struct ArrowArrayStream){.get_schema = stream_get_schema,
                                     .get_next = stream_get_next,
                                     .get_last_error = stream_get_last_error,
                                     .release = stream_release,
                                     .private_data = own};
    return FEAT_OK;
}
