/* What the tests of this layer share: a random source, and Arrow arrays and streams made by hand. Every buffer is an
 * allocation of exactly its size, so that AddressSanitizer sees a read outside of it; `support_live` counts what was
 * made and not released. */
#ifndef FEAT_TESTS_COLUMN_SUPPORT_H
#define FEAT_TESTS_COLUMN_SUPPORT_H

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "column/arrow.h"
#include "math/number.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint64_t random_state = 0x9e3779b97f4a7c15u;

static inline uint64_t random_bits(void) { /* splitmix64 */
    uint64_t z = random_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline size_t random_below(size_t n) { return (size_t)(random_bits() % n); }

static int support_live;

/* ---- Arrays. ---- */

typedef struct support_array {
    const void **buffers;
    int64_t n_buffers, n_children;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
} support_array;

static void support_array_release(struct ArrowArray *array) {
    support_array *own = array->private_data; /* the fields of `array` may have been spoiled on purpose */
    for (int64_t i = 0; i < own->n_buffers; i++) free((void *)(uintptr_t)own->buffers[i]);
    for (int64_t i = 0; i < own->n_children; i++) {
        if (own->children[i]->release) own->children[i]->release(own->children[i]);
        free(own->children[i]);
    }
    if (own->dictionary) {
        if (own->dictionary->release) own->dictionary->release(own->dictionary);
        free(own->dictionary);
    }
    free(own->buffers);
    free(own->children);
    free(own);
    array->release = NULL;
    support_live--;
}

static inline void *copy_of(const void *bytes, size_t size) {
    void *copy = malloc(size ? size : 1);
    if (size) memcpy(copy, bytes, size);
    return copy;
}

/* Buffers follow as pairs (const void *bytes, size_t size); bytes NULL gives a NULL buffer. */
static inline struct ArrowArray make_array(int64_t length, int64_t null_count, int64_t offset, int n_buffers, ...) {
    support_array *own = calloc(1, sizeof *own);
    own->n_buffers = n_buffers;
    own->buffers = calloc((size_t)n_buffers + 1, sizeof *own->buffers);
    va_list args;
    va_start(args, n_buffers);
    for (int i = 0; i < n_buffers; i++) {
        const void *bytes = va_arg(args, const void *);
        size_t size = va_arg(args, size_t);
        own->buffers[i] = bytes ? copy_of(bytes, size) : NULL;
    }
    va_end(args);
    support_live++;
    return (struct ArrowArray){.length = length,
                               .null_count = null_count,
                               .offset = offset,
                               .n_buffers = n_buffers,
                               .buffers = own->buffers,
                               .release = support_array_release,
                               .private_data = own};
}

static inline void give_dictionary(struct ArrowArray *array, struct ArrowArray dictionary) {
    support_array *own = array->private_data;
    own->dictionary = copy_of(&dictionary, sizeof dictionary);
    array->dictionary = own->dictionary;
}

static inline void give_child(struct ArrowArray *array, struct ArrowArray child) {
    support_array *own = array->private_data;
    own->children = realloc(own->children, (size_t)(own->n_children + 1) * sizeof *own->children);
    own->children[own->n_children++] = copy_of(&child, sizeof child);
    array->children = own->children;
    array->n_children = own->n_children;
}

/* A batch of one column. */
static inline struct ArrowArray make_batch(int64_t length, int64_t offset, struct ArrowArray child) {
    struct ArrowArray batch = make_array(length, 0, offset, 1, NULL, (size_t)0);
    give_child(&batch, child);
    return batch;
}

/* ---- Schemas. ---- */

static void support_schema_release(struct ArrowSchema *schema) {
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    if (schema->dictionary) {
        if (schema->dictionary->release) schema->dictionary->release(schema->dictionary);
        free(schema->dictionary);
    }
    free(schema->children);
    free((void *)(uintptr_t)schema->format);
    free((void *)(uintptr_t)schema->name);
    schema->release = NULL;
    support_live--;
}

static inline struct ArrowSchema make_schema(const char *format, const char *name) {
    support_live++;
    return (struct ArrowSchema){.format = copy_of(format, strlen(format) + 1),
                                .name = name ? copy_of(name, strlen(name) + 1) : NULL,
                                .flags = ARROW_FLAG_NULLABLE,
                                .release = support_schema_release};
}

static inline void give_schema_child(struct ArrowSchema *schema, struct ArrowSchema child) {
    schema->children = realloc(schema->children, (size_t)(schema->n_children + 1) * sizeof *schema->children);
    schema->children[schema->n_children++] = copy_of(&child, sizeof child);
}

/* `format` may be "i;u": indices and values of a dictionary. */
static inline struct ArrowSchema make_column_schema(const char *format, const char *name) {
    const char *cut = strchr(format, ';');
    if (!cut) return make_schema(format, name);
    char indices[8] = {0};
    memcpy(indices, format, (size_t)(cut - format));
    struct ArrowSchema schema = make_schema(indices, name), values = make_schema(cut + 1, "");
    schema.dictionary = copy_of(&values, sizeof values);
    return schema;
}

static inline struct ArrowSchema make_batch_schema(const char *format, const char *name) {
    struct ArrowSchema schema = make_schema("+s", "");
    give_schema_child(&schema, make_column_schema(format, name));
    return schema;
}

/* ---- Streams: the batches given, then the end or a failure. ---- */

typedef struct support_stream {
    struct ArrowSchema schema;
    struct ArrowArray batches[8];
    size_t n, next;
    int schema_code, code; /* errno values to fail with, 0: none */
} support_stream;

static int support_get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    support_stream *own = stream->private_data;
    if (own->schema_code) {
        memset(out, 0x5a, sizeof *out); /* means nothing */
        return own->schema_code;
    }
    *out = own->schema;
    own->schema.release = NULL;
    return 0;
}

static int support_get_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    support_stream *own = stream->private_data;
    if (own->next < own->n) {
        *out = own->batches[own->next];
        own->batches[own->next++].release = NULL;
        return 0;
    }
    memset(out, own->code ? 0x5a : 0, sizeof *out);
    return own->code;
}

static const char *support_last_error(struct ArrowArrayStream *stream) {
    support_stream *own = stream->private_data;
    return own->code == EINVAL || own->schema_code == EINVAL ? "the pipe burst" : NULL;
}

static void support_stream_release(struct ArrowArrayStream *stream) {
    support_stream *own = stream->private_data;
    if (own->schema.release) own->schema.release(&own->schema);
    for (size_t i = 0; i < own->n; i++)
        if (own->batches[i].release) own->batches[i].release(&own->batches[i]);
    free(own);
    stream->release = NULL;
    support_live--;
}

static inline struct ArrowArrayStream make_stream(struct ArrowSchema schema) {
    support_stream *own = calloc(1, sizeof *own);
    own->schema = schema;
    support_live++;
    return (struct ArrowArrayStream){support_get_schema, support_get_next, support_last_error, support_stream_release,
                                     own};
}

static inline void give_batch(struct ArrowArrayStream *stream, struct ArrowArray batch) {
    support_stream *own = stream->private_data;
    ck_assert_uint_lt(own->n, COUNT(own->batches));
    own->batches[own->n++] = batch;
}

static inline struct ArrowArrayStream make_stream_of(struct ArrowSchema schema, struct ArrowArray batch) {
    struct ArrowArrayStream stream = make_stream(schema);
    give_batch(&stream, batch);
    return stream;
}

/* ---- Columns. ---- */

static inline void append_random(feat_column *c) {
    static const char *const words[] = {"", "a", "Zürich", "日本", "𝄞", "0123456789abcdef0123456789", "new", "paid"};
    static const double reals[] = {0.0, -0.0, 1.5, -1e300, 0x1p-1074, 1.0 / 3};
    int failed = 0;
    if (random_below(5) == 0) failed = feat_column_append_null(c);
    else switch (c->type) {
        case FEAT_TYPE_TEXT: {
            const char *word = words[random_below(COUNT(words))];
            failed = feat_column_append_text(c, word, strlen(word));
            break;
        }
        case FEAT_TYPE_DOUBLE:
            failed = feat_column_append_double(c, feat_double_canonical(random_below(2)
                                                                            ? reals[random_below(COUNT(reals))]
                                                                            : feat_double_of_bits(random_bits())));
            break;
        case FEAT_TYPE_DATE: failed = feat_column_append_int(c, (int32_t)random_bits()); break;
        case FEAT_TYPE_BOOLEAN: failed = feat_column_append_int(c, (int64_t)random_below(2)); break;
        case FEAT_TYPE_BIGINT:
        case FEAT_TYPE_TIMESTAMP: failed = feat_column_append_int(c, (int64_t)random_bits() >> random_below(64)); break;
        }
    ck_assert_int_eq(failed, 0);
}

/* What column.h promises of every column. */
static inline void check_column(const feat_column *c) {
    size_t nulls = 0;
    for (size_t i = 0; i < c->length; i++) {
        if (!feat_column_is_null(c, i)) continue;
        nulls++;
        if (c->type == FEAT_TYPE_TEXT) ck_assert_uint_eq(feat_column_text(c, i).length, 0);
        else if (c->type == FEAT_TYPE_DOUBLE) ck_assert(feat_double_bits(feat_column_double(c, i)) == 0);
        else ck_assert_int_eq(feat_column_int(c, i), 0);
    }
    ck_assert_uint_eq(nulls, c->null_count);
    ck_assert(((uintptr_t)c->values & 63) == 0 && ((uintptr_t)c->validity & 63) == 0);
    ck_assert(((uintptr_t)c->offsets & 63) == 0);
    if (c->offsets) ck_assert_int_eq(c->offsets[0], 0);
}

static const feat_type all_types[] = {FEAT_TYPE_BOOLEAN, FEAT_TYPE_BIGINT, FEAT_TYPE_DOUBLE,
                                      FEAT_TYPE_TEXT,    FEAT_TYPE_DATE,   FEAT_TYPE_TIMESTAMP};

static inline int run_suite(const char *name, const TTest *const *tests, size_t n) {
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 300);
    for (size_t i = 0; i < n; i++) tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
