/* Arrays and streams that go out. They own their memory and know nothing of each other: a consumer may move children
 * out of their parent, and arrays outlive the stream that they came from. */
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "column/arrow.h"
#include "column/nested.h"

/* ---- Columns. ---- */

typedef struct column_array {
    const void *pointers[3]; /* what ArrowArray.buffers points to */
    void *buffers[3];
    struct ArrowArray *children[2]; /* likewise */
    struct ArrowArray arrays[2];
} column_array;

static void release_array(struct ArrowArray *array) {
    if (array->release) array->release(array);
}

static void column_release(struct ArrowArray *array) {
    column_array *own = array->private_data;
    for (size_t i = 0; i < 3; i++) feat_free(own->buffers[i]);
    for (size_t i = 0; i < 2; i++) release_array(&own->arrays[i]); /* what a consumer moved out is released already */
    feat_free(own);
    array->release = NULL;
}

/* An array over the buffers given, which it owns from then on. */
static void make_array(column_array *own, size_t length, size_t null_count, int64_t n_buffers, int64_t n_children,
                       struct ArrowArray *out) {
    for (size_t i = 0; i < 3; i++) own->pointers[i] = own->buffers[i];
    for (size_t i = 0; i < 2; i++) own->children[i] = &own->arrays[i];
    *out = (struct ArrowArray){.length = (int64_t)length,
                               .null_count = (int64_t)null_count,
                               .n_buffers = n_buffers,
                               .n_children = n_children,
                               .buffers = own->pointers,
                               .children = n_children > 0 ? own->children : NULL,
                               .release = column_release,
                               .private_data = own};
}

static bool is_bytes(const feat_column *c) { return c->type != FEAT_TYPE_BOOLEAN && feat_type_size(c->type) == 0; }

/* Consumers dislike missing buffers, of which an empty column, or one of empty texts only, has some. */
static int complete(feat_column *c) {
    if (!c->values) {
        enum { SMALLEST = 64 };
        c->values = feat_alloc_aligned(SMALLEST);
        if (!c->values) return -1;
        memset(c->values, 0, SMALLEST);
        if (is_bytes(c)) c->text_capacity = SMALLEST;
    }
    return is_bytes(c) ? feat_column_reserve(c, 0) : 0;
}

/* Arrow leaves the bits behind the last row open; equal columns should be equal bytes. */
static void zero_last_bits(uint8_t *bits, size_t n) {
    if (n & 7) bits[n >> 3] &= (uint8_t)((1u << (n & 7)) - 1u);
}

static void tidy_validity(feat_column *c) {
    if (c->null_count == 0) {
        feat_free(c->validity);
        c->validity = NULL;
    }
    if (c->validity) zero_last_bits(c->validity, c->length);
}

/* Arrow counts the nanoseconds of an interval. */
static feat_status to_nanoseconds(feat_column *c, feat_error *err) {
    feat_interval *values = c->values;
    int64_t ns;
    for (size_t i = 0; i < c->length; i++)
        if (__builtin_mul_overflow(values[i].us, 1000, &ns))
            return feat_fail_row(err, FEAT_LIMIT, (int64_t)i,
                                 "row %zu: Arrow has no INTERVAL of %lld microseconds; read it as days and a shorter "
                                 "time, or as a number",
                                 i, (long long)values[i].us);
    for (size_t i = 0; i < c->length; i++) values[i].us *= 1000;
    return FEAT_OK;
}

static feat_status flat_column(feat_column *column, struct ArrowArray *out, feat_error *err) {
    bool bytes = is_bytes(column);
    if (complete(column) != 0) return feat_fail_memory(err);
    column_array *own = feat_alloc_zero(1, sizeof *own);
    if (!own) return feat_fail_memory(err);
    feat_status status = column->type == FEAT_TYPE_INTERVAL ? to_nanoseconds(column, err) : FEAT_OK;
    if (status != FEAT_OK) {
        feat_free(own);
        return status;
    }
    tidy_validity(column);
    if (column->type == FEAT_TYPE_BOOLEAN) zero_last_bits(column->values, column->length);
    own->buffers[0] = column->validity;
    own->buffers[1] = bytes ? (void *)column->offsets : column->values;
    own->buffers[2] = bytes ? column->values : NULL;
    make_array(own, column->length, column->null_count, bytes ? 3 : 2, 0, out);
    feat_column_init(column, column->type);
    return FEAT_OK;
}

/* ---- Columns of vectors, lists and maps. ---- */

typedef struct unpacked {
    feat_column keys, elements;
    int64_t *offsets; /* length + 1 of them */
} unpacked;

static void unpacked_done(unpacked *u) {
    feat_column_done(&u->keys);
    feat_column_done(&u->elements);
    feat_free(u->offsets);
}

static feat_status unpack(const feat_column *c, unpacked *u, feat_error *err) {
    feat_column_init(&u->keys, feat_nested_key(c->type));
    feat_column_init(&u->elements, feat_nested_element(c->type));
    u->offsets = feat_alloc_aligned((c->length + 1) * sizeof *u->offsets);
    if (!u->offsets) return feat_fail_memory(err);
    bool vector = FEAT_TYPE_BASE(c->type) == FEAT_TYPE_VECTOR;
    u->offsets[0] = 0;
    for (size_t i = 0; i < c->length; i++) {
        if (!feat_column_is_null(c, i)) {
            feat_text bytes = feat_column_text(c, i);
            FEAT_TRY(feat_nested_decode(c->type, bytes.data, bytes.length, &u->keys, &u->elements, err));
        } else if (vector && feat_column_append_nulls(&u->elements, FEAT_TYPE_DIMENSIONS(c->type)) != 0) {
            return feat_fail_memory(err); /* a NULL vector has elements too */
        }
        u->offsets[i + 1] = (int64_t)u->elements.length;
    }
    return FEAT_OK;
}

/* A map has offsets of 32 bits and a struct of keys and values below it. */
static feat_status map_entries(unpacked *u, size_t length, struct ArrowArray *out, feat_error *err) {
    size_t n = u->elements.length;
    if (n > INT32_MAX)
        return feat_fail(err, FEAT_LIMIT, "an Arrow array of maps holds at most 2147483647 entries; read fewer rows");
    int32_t *narrow = (int32_t *)u->offsets; /* in place: each is read before anything is written over it */
    for (size_t i = 0; i <= length; i++) {
        int32_t offset = (int32_t)u->offsets[i];
        memcpy(&narrow[i], &offset, sizeof offset);
    }
    column_array *own = feat_alloc_zero(1, sizeof *own);
    if (!own) return feat_fail_memory(err);
    feat_status status = flat_column(&u->keys, &own->arrays[0], err);
    if (status == FEAT_OK) status = flat_column(&u->elements, &own->arrays[1], err);
    if (status != FEAT_OK) {
        release_array(&own->arrays[0]);
        feat_free(own);
        return status;
    }
    make_array(own, n, 0, 1, 2, out);
    return FEAT_OK;
}

static feat_status nested_column(feat_column *column, struct ArrowArray *out, feat_error *err) {
    int base = FEAT_TYPE_BASE(column->type);
    unpacked u = {0};
    column_array *own = feat_alloc_zero(1, sizeof *own);
    feat_status status = own ? unpack(column, &u, err) : feat_fail_memory(err);
    if (status == FEAT_OK)
        status = base == FEAT_TYPE_MAP ? map_entries(&u, column->length, &own->arrays[0], err)
                                       : flat_column(&u.elements, &own->arrays[0], err);
    if (status != FEAT_OK) {
        unpacked_done(&u);
        feat_free(own);
        return status;
    }
    tidy_validity(column);
    own->buffers[0] = column->validity;
    column->validity = NULL;
    if (base != FEAT_TYPE_VECTOR) {
        own->buffers[1] = u.offsets;
        u.offsets = NULL;
    }
    make_array(own, column->length, column->null_count, base == FEAT_TYPE_VECTOR ? 1 : 2, 1, out);
    unpacked_done(&u);
    feat_column_done(column);
    return FEAT_OK;
}

feat_status feat_arrow_out_column(feat_column *column, struct ArrowArray *out, feat_error *err) {
    switch (FEAT_TYPE_BASE(column->type)) {
    case FEAT_TYPE_VECTOR:
    case FEAT_TYPE_LIST:
    case FEAT_TYPE_MAP: return nested_column(column, out, err);
    default: return flat_column(column, out, err);
    }
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
