/* Batches held for replay, and streams made from what lies in memory already. */
#include "feat/python.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "column/arrow.h"

/* ---- Shared batches: each array handed out is a shallow copy that holds a reference. ---- */

struct feat_batches {
    atomic_size_t refs;
    struct ArrowSchema schema;
    struct ArrowArray *arrays;
    size_t n, capacity;
    int64_t rows;
};

static void batches_unref(feat_batches *b) {
    if (atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1) return;
    if (b->schema.release) b->schema.release(&b->schema);
    for (size_t i = 0; i < b->n; i++)
        if (b->arrays[i].release) b->arrays[i].release(&b->arrays[i]);
    feat_free(b->arrays);
    feat_free(b);
}

static void batches_ref(feat_batches *b) { atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed); }

static void share_release(struct ArrowArray *array);

/* Frees the copies of children (moved-out ones are released already) and of the dictionary. */
static void share_free_parts(struct ArrowArray *array) {
    for (int64_t i = 0; array->children && i < array->n_children; i++) {
        struct ArrowArray *child = array->children[i];
        if (child && child->release) child->release(child);
        feat_free(child);
    }
    feat_free(array->children);
    if (array->dictionary && array->dictionary->release) array->dictionary->release(array->dictionary);
    feat_free(array->dictionary);
}

static void share_release(struct ArrowArray *array) {
    feat_batches *owner = array->private_data;
    share_free_parts(array);
    array->release = NULL;
    batches_unref(owner);
}

#define MAX_DEPTH 64 /* as in reading Arrow data: deeper nesting is refused, so recursion is bounded */

/* A copy of the structs, not of the buffers. Every node holds its own reference because a consumer may move a child out
 * of its parent and release it at another time. Returns -1 without memory; `out` is then untouched. */
static int share(feat_batches *owner, const struct ArrowArray *in, int depth, struct ArrowArray *out) {
    struct ArrowArray copy = *in;
    if (depth > MAX_DEPTH || in->n_children < 0) return -1;
    copy.children = NULL;
    copy.dictionary = NULL;
    if (in->n_children > 0) {
        copy.children = feat_alloc_zero((size_t)in->n_children, sizeof *copy.children);
        if (!copy.children) return -1;
    }
    for (int64_t i = 0; i < in->n_children; i++) {
        copy.children[i] = feat_alloc_zero(1, sizeof *copy.children[i]);
        if (!copy.children[i] || share(owner, in->children[i], depth + 1, copy.children[i])) goto fail;
    }
    if (in->dictionary) {
        copy.dictionary = feat_alloc_zero(1, sizeof *copy.dictionary);
        if (!copy.dictionary || share(owner, in->dictionary, depth + 1, copy.dictionary)) goto fail;
    }
    copy.release = share_release;
    copy.private_data = owner;
    batches_ref(owner);
    *out = copy;
    return 0;
fail:
    share_free_parts(&copy);
    return -1;
}

static feat_status stream_failure(struct ArrowArrayStream *stream, int code, feat_error *err) {
    const char *message = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    return feat_fail(err, FEAT_CANCELLED, "%s (error %d of the Arrow stream)", message ? message : "the stream failed",
                     code);
}

feat_status feat_batches_collect(struct ArrowArrayStream *stream, feat_batches **batches, feat_error *err) {
    if (!stream || !stream->release || !batches) {
        if (stream && stream->release) stream->release(stream);
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_batches_collect: a stream that is not released and a result are needed");
    }
    feat_status status = FEAT_OK;
    feat_batches *b = feat_alloc_zero(1, sizeof *b);
    if (!b) {
        stream->release(stream);
        return feat_fail_memory(err);
    }
    atomic_init(&b->refs, 1);
    int code = stream->get_schema(stream, &b->schema);
    if (code != 0) {
        b->schema.release = NULL;
        status = stream_failure(stream, code, err);
    }
    while (status == FEAT_OK) {
        if (FEAT_GROW(b->arrays, b->capacity, b->n + 1)) {
            status = feat_fail_memory(err);
            break;
        }
        struct ArrowArray *array = &b->arrays[b->n];
        memset(array, 0, sizeof *array);
        code = stream->get_next(stream, array);
        if (code != 0) {
            status = stream_failure(stream, code, err);
            break;
        }
        if (!array->release) break;
        b->rows += array->length;
        b->n++;
    }
    stream->release(stream);
    if (status == FEAT_OK) *batches = b;
    else batches_unref(b);
    return status;
}

void feat_batches_free(feat_batches *batches) {
    if (batches) batches_unref(batches);
}

int64_t feat_batches_rows(const feat_batches *batches) { return batches ? batches->rows : 0; }

/* ---- A replay of shared batches. ---- */

struct replay {
    feat_batches *owner;
    size_t next;
};

static feat_status replay_next(void *state, struct ArrowArray *out, feat_error *err) {
    struct replay *r = state;
    if (r->next == r->owner->n) {
        out->release = NULL;
        return FEAT_OK;
    }
    if (share(r->owner, &r->owner->arrays[r->next], 0, out)) return feat_fail_memory(err);
    r->next++;
    return FEAT_OK;
}

static void replay_free(void *state) {
    struct replay *r = state;
    batches_unref(r->owner);
    feat_free(r);
}

feat_status feat_batches_stream(feat_batches *batches, struct ArrowArrayStream *out, feat_error *err) {
    if (!batches || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_batches_stream: batches and a result are needed");
    struct replay *r = feat_alloc(sizeof *r);
    if (!r) return feat_fail_memory(err);
    struct ArrowSchema schema;
    feat_status status = feat_arrow_schema_copy(&batches->schema, &schema, err);
    if (status == FEAT_OK) {
        *r = (struct replay){batches, 0};
        batches_ref(batches);
        status = feat_arrow_out_stream(&schema, (feat_arrow_producer){replay_next, replay_free, r}, out, err);
        if (status == FEAT_OK) return FEAT_OK;
        batches_unref(batches);
        if (schema.release) schema.release(&schema);
    }
    feat_free(r);
    return status;
}

/* ---- A stream of one batch. ---- */

static feat_status single_next(void *state, struct ArrowArray *out, feat_error *err) {
    (void)err;
    struct ArrowArray *array = state;
    *out = *array; /* the second time round it is released: the end */
    array->release = NULL;
    return FEAT_OK;
}

static void single_free(void *state) {
    struct ArrowArray *array = state;
    if (array->release) array->release(array);
    feat_free(array);
}

feat_status feat_stream_of_array(struct ArrowSchema *schema, struct ArrowArray *array, struct ArrowArrayStream *out,
                                 feat_error *err) {
    if (!schema || !schema->release || !array || !array->release || !out)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_stream_of_array: a schema and an array that are not released, and a result are needed");
    struct ArrowArray *held = feat_alloc(sizeof *held);
    if (!held) return feat_fail_memory(err);
    *held = *array;
    feat_status status = feat_arrow_out_stream(schema, (feat_arrow_producer){single_next, single_free, held}, out, err);
    if (status != FEAT_OK) {
        feat_free(held);
        return status;
    }
    schema->release = NULL;
    array->release = NULL;
    return FEAT_OK;
}

/* ---- Rows from plain arrays. ---- */

/* A column of Arrow's type null, which none of our own types is. */
static void null_schema_release(struct ArrowSchema *schema) {
    feat_free(schema->private_data);
    schema->release = NULL;
}

static void null_array_release(struct ArrowArray *array) { array->release = NULL; }

static feat_status null_column(const char *name, size_t n, struct ArrowSchema *field, struct ArrowArray *array,
                               feat_error *err) {
    char *copy = feat_strdup(name);
    if (!copy) return feat_fail_memory(err);
    *field = (struct ArrowSchema){.format = "n",
                                  .name = copy,
                                  .flags = ARROW_FLAG_NULLABLE,
                                  .release = null_schema_release,
                                  .private_data = copy};
    *array = (struct ArrowArray){.length = (int64_t)n, .null_count = (int64_t)n, .release = null_array_release};
    return FEAT_OK;
}

/* Appends row `i`, which is not NULL. Arrays of a binding need not be aligned. */
static int append_plain(const feat_plain_column *from, size_t i, feat_column *to) {
    size_t size = feat_type_size(from->type);
    const uint8_t *at = (const uint8_t *)from->values + i * size;
    union {
        int8_t i8;
        int16_t i16;
        int32_t i32;
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
        feat_int128 wide;
        feat_interval interval;
    } v;
    if (from->offsets) {
        const char *bytes = (const char *)from->values + from->offsets[i];
        return feat_column_append_text(to, bytes, (size_t)(from->offsets[i + 1] - from->offsets[i]));
    }
    if (from->type == FEAT_TYPE_BOOLEAN) return feat_column_append_int(to, ((const uint8_t *)from->values)[i] != 0);
    memcpy(&v, at, size);
    switch (FEAT_TYPE_BASE(from->type)) {
    case FEAT_TYPE_TINYINT: return feat_column_append_int(to, v.i8);
    case FEAT_TYPE_SMALLINT: return feat_column_append_int(to, v.i16);
    case FEAT_TYPE_INTEGER:
    case FEAT_TYPE_DATE: return feat_column_append_int(to, v.i32);
    case FEAT_TYPE_UTINYINT: return feat_column_append_int(to, v.u8);
    case FEAT_TYPE_USMALLINT: return feat_column_append_int(to, v.u16);
    case FEAT_TYPE_UINTEGER: return feat_column_append_int(to, v.u32);
    case FEAT_TYPE_UBIGINT: return feat_column_append_wide(to, (feat_int128)v.u64);
    case FEAT_TYPE_DECIMAL: return feat_column_append_wide(to, v.wide);
    case FEAT_TYPE_REAL: return feat_column_append_double(to, (double)v.f32);
    case FEAT_TYPE_DOUBLE: return feat_column_append_double(to, v.f64);
    case FEAT_TYPE_INTERVAL: return feat_column_append_interval(to, v.interval);
    default: return feat_column_append_int(to, v.i64);
    }
}

static bool is_bytes(feat_type type) { return type != FEAT_TYPE_BOOLEAN && feat_type_size(type) == 0; }

static feat_status copy_plain(const feat_plain_column *from, size_t n, feat_column *to, feat_error *err) {
    feat_plain_column column = *from;
    if (!is_bytes(from->type)) column.offsets = NULL;
    if (feat_column_reserve(to, n)) return feat_fail_memory(err);
    int64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (column.offsets) { /* checked for NULLs too, so that the next value starts where it should */
            if (column.offsets[i] < last || column.offsets[i + 1] < column.offsets[i])
                return feat_fail_row(err, FEAT_ARGUMENT, (int64_t)i, "column '%s': the offsets decrease at row %zu",
                                     from->name, i);
            last = column.offsets[i];
        }
        bool null = from->present && !from->present[i];
        if (null ? feat_column_append_null(to) : append_plain(&column, i, to)) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status check_plain(const feat_plain_column *c, size_t i, size_t n_rows, feat_error *err) {
    if (!c->name) return feat_fail(err, FEAT_ARGUMENT, "column %zu has no name", i);
    if (c->type == 0) return FEAT_OK;
    if (!feat_type_valid(c->type))
        return feat_fail(err, FEAT_ARGUMENT, "column '%s': %llu is no type", c->name, (unsigned long long)c->type);
    if (n_rows && (!c->values || (is_bytes(c->type) && !c->offsets)))
        return feat_fail(err, FEAT_ARGUMENT, "column '%s' has no values", c->name);
    return FEAT_OK;
}

feat_status feat_stream_of_rows(const feat_plain_column *columns, size_t n_columns, size_t n_rows,
                                struct ArrowArrayStream *out, feat_error *err) {
    if ((n_columns && !columns) || !out)
        return feat_fail(err, FEAT_ARGUMENT, "feat_stream_of_rows: columns and a result are needed");
    for (size_t i = 0; i < n_columns; i++) FEAT_TRY(check_plain(&columns[i], i, n_rows, err));
    feat_status status = FEAT_OK;
    struct ArrowSchema *fields = feat_alloc_zero(n_columns, sizeof *fields), schema = {0};
    struct ArrowArray *arrays = feat_alloc_zero(n_columns, sizeof *arrays), batch = {0};
    if (!fields || !arrays) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < n_columns; i++) {
        if (columns[i].type == 0) {
            FEAT_GOTO(status, null_column(columns[i].name, n_rows, &fields[i], &arrays[i], err), out);
            continue;
        }
        feat_column column;
        feat_column_init(&column, columns[i].type);
        status = copy_plain(&columns[i], n_rows, &column, err);
        if (status == FEAT_OK) status = feat_arrow_out_column(&column, &arrays[i], err);
        feat_column_done(&column);
        if (status == FEAT_OK) status = feat_arrow_out_field(columns[i].name, columns[i].type, true, &fields[i], err);
        if (status != FEAT_OK) goto out;
    }
    FEAT_GOTO(status, feat_arrow_out_struct(fields, n_columns, NULL, 0, &schema, err), out);
    FEAT_GOTO(status, feat_arrow_out_batch(arrays, n_columns, (int64_t)n_rows, &batch, err), out);
    status = feat_stream_of_array(&schema, &batch, out, err);
out:
    if (schema.release) schema.release(&schema);
    if (batch.release) batch.release(&batch);
    for (size_t i = 0; i < n_columns; i++) {
        if (fields && fields[i].release) fields[i].release(&fields[i]);
        if (arrays && arrays[i].release) arrays[i].release(&arrays[i]);
    }
    feat_free(fields);
    feat_free(arrays);
    return status;
}
