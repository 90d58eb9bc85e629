#include "support/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "column/arrow.h"
#include "math/number.h"

/* ---- Literals. ---- */

static void malformed(const char *what, const char *text, size_t length) {
    fprintf(stderr, "malformed literal: %s: '%.*s'\n", what, (int)length, text);
    exit(2);
}

/* Cuts the next field, up to a comma or the line's end, without the blanks around it. */
static feat_text next_field(const char **at) {
    const char *start = *at;
    while (**at != ',' && **at != '\n' && **at != 0) (*at)++;
    const char *end = *at;
    while (start < end && *start == ' ') start++;
    while (end > start && end[-1] == ' ') end--;
    return (feat_text){start, (size_t)(end - start)};
}

static int is(feat_text field, const char *word) {
    return field.length == strlen(word) && memcmp(field.data, word, field.length) == 0;
}

static int append_field(feat_column *c, feat_text field) {
    int64_t number = 0;
    int32_t days = 0;
    double real = 0;
    if (is(field, "NULL")) return feat_column_append_null(c);
    switch (c->type) {
    case FEAT_TYPE_TEXT:
        return is(field, "''") ? feat_column_append_text(c, "", 0)
                               : feat_column_append_text(c, field.data, field.length);
    case FEAT_TYPE_BOOLEAN:
        if (!is(field, "true") && !is(field, "false")) malformed("not a boolean", field.data, field.length);
        return feat_column_append_int(c, is(field, "true"));
    case FEAT_TYPE_DOUBLE:
        if (is(field, "nan")) real = feat_double_of_bits(FEAT_NAN_BITS);
        else if (is(field, "inf") || is(field, "-inf"))
            real = feat_double_of_bits(field.data[0] == '-' ? 0xfff0000000000000u : 0x7ff0000000000000u);
        else if (feat_number_parse_double(field.data, field.length, &real))
            malformed("not a double", field.data, field.length);
        return feat_column_append_double(c, real);
    case FEAT_TYPE_BIGINT:
        if (feat_number_parse_int64(field.data, field.length, &number))
            malformed("not an integer", field.data, field.length);
        return feat_column_append_int(c, number);
    case FEAT_TYPE_DATE:
        if (feat_number_parse_int64(field.data, field.length, &number) == FEAT_NUMBER_OK)
            return feat_column_append_int(c, number);
        if (!feat_parse_date(field.data, field.length, &days)) malformed("not a date", field.data, field.length);
        return feat_column_append_int(c, days);
    case FEAT_TYPE_TIMESTAMP:
        if (feat_number_parse_int64(field.data, field.length, &number) &&
            !feat_parse_timestamp(field.data, field.length, &number))
            malformed("not a timestamp", field.data, field.length);
        return feat_column_append_int(c, number);
    }
    malformed("unknown type", field.data, field.length);
    return -1;
}

typedef struct literal {
    char **names;
    size_t n;
    feat_batch rows;
} literal;

static void literal_done(literal *l) {
    for (size_t i = 0; i < l->n; i++) free(l->names[i]);
    free(l->names);
    feat_batch_done(&l->rows);
}

/* Names come from the C library's heap, so that a sweep of failing allocations counts the library's own only. */
static feat_status literal_parse(const char *text, literal *l) {
    feat_type types[64];
    const char *at = text;
    *l = (literal){.names = calloc(64, sizeof *l->names)};
    if (!l->names) exit(2);
    for (;;) {
        feat_text field = next_field(&at);
        const char *blank = memchr(field.data, ' ', field.length);
        if (!blank || l->n == 64) malformed("a column is 'name TYPE'", field.data, field.length);
        char type[32] = {0};
        size_t name = (size_t)(blank - field.data);
        while (*blank == ' ') blank++;
        size_t length = field.length - (size_t)(blank - field.data);
        if (length >= sizeof type) malformed("unknown type", blank, length);
        memcpy(type, blank, length);
        if (!feat_type_from_sql(type, &types[l->n])) malformed("unknown type", blank, length);
        l->names[l->n] = calloc(name + 1, 1);
        if (!l->names[l->n]) exit(2);
        memcpy(l->names[l->n++], field.data, name);
        if (*at != ',') break;
        at++;
    }
    feat_status status = feat_batch_init(&l->rows, types, l->n, NULL);
    if (status != FEAT_OK) return status;
    while (*at == '\n' && at[1] != 0) {
        at++;
        for (size_t i = 0; i < l->n; i++) {
            if (append_field(&l->rows.columns[i], next_field(&at))) return FEAT_MEMORY;
            if (i + 1 < l->n && *at++ != ',') malformed("too few values before", at - 1, strlen(at - 1));
        }
        if (*at != '\n' && *at != 0) malformed("too many values", at, strlen(at));
        l->rows.length++;
    }
    return FEAT_OK;
}

feat_status test_stream(const char *text, size_t batch_rows, struct ArrowArrayStream *out) {
    literal l;
    feat_status status = literal_parse(text, &l);
    if (status == FEAT_OK) status = test_stream_of_batch((const char *const *)l.names, &l.rows, batch_rows, out);
    literal_done(&l);
    return status;
}

/* ---- Streams over columns. ---- */

typedef struct source {
    feat_batch rows;
    size_t batch_rows, next;
} source;

static void source_free(void *state) {
    source *s = state;
    feat_batch_done(&s->rows);
    feat_free(s);
}

static feat_status source_next(void *state, struct ArrowArray *out, feat_error *err) {
    source *s = state;
    size_t n = s->rows.n_columns, left = s->rows.length - s->next;
    size_t rows = s->batch_rows > 0 && s->batch_rows < left ? s->batch_rows : left;
    if (rows == 0) {
        out->release = NULL;
        return FEAT_OK;
    }
    struct ArrowArray *arrays = feat_alloc_zero(n, sizeof *arrays);
    if (!arrays) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < n && status == FEAT_OK; i++) {
        feat_column column;
        feat_column_init(&column, s->rows.columns[i].type);
        if (feat_column_append_range(&column, &s->rows.columns[i], s->next, rows)) status = feat_fail_memory(err);
        else status = feat_arrow_out_column(&column, &arrays[i], err);
        feat_column_done(&column);
    }
    if (status == FEAT_OK) status = feat_arrow_out_batch(arrays, n, (int64_t)rows, out, err);
    for (size_t i = 0; i < n; i++)
        if (arrays[i].release) arrays[i].release(&arrays[i]);
    feat_free(arrays);
    s->next += rows;
    return status;
}

static feat_status schema_of(const char *const *names, const feat_batch *rows, struct ArrowSchema *out) {
    struct ArrowSchema *children = feat_alloc_zero(rows->n_columns, sizeof *children);
    if (!children) return FEAT_MEMORY;
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < rows->n_columns && status == FEAT_OK; i++)
        status = feat_arrow_out_field(names[i], rows->columns[i].type, true, &children[i], NULL);
    if (status == FEAT_OK) status = feat_arrow_out_struct(children, rows->n_columns, NULL, 0, out, NULL);
    for (size_t i = 0; i < rows->n_columns; i++)
        if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    return status;
}

feat_status test_stream_of_batch(const char *const *names, const feat_batch *rows, size_t batch_rows,
                                 struct ArrowArrayStream *out) {
    feat_type types[64];
    source *s = feat_alloc_zero(1, sizeof *s);
    struct ArrowSchema schema = {0};
    if (!s) return FEAT_MEMORY;
    if (rows->n_columns > 64) exit(2);
    for (size_t i = 0; i < rows->n_columns; i++) types[i] = rows->columns[i].type;
    feat_status status = feat_batch_init(&s->rows, types, rows->n_columns, NULL);
    for (size_t i = 0; i < rows->n_columns && status == FEAT_OK; i++)
        if (feat_column_append_range(&s->rows.columns[i], &rows->columns[i], 0, rows->length)) status = FEAT_MEMORY;
    s->rows.length = rows->length;
    s->batch_rows = batch_rows;
    if (status == FEAT_OK) status = schema_of(names, rows, &schema);
    if (status == FEAT_OK)
        status = feat_arrow_out_stream(&schema, (feat_arrow_producer){source_next, source_free, s}, out, NULL);
    if (status != FEAT_OK) {
        if (schema.release) schema.release(&schema);
        source_free(s);
    }
    return status;
}

/* ---- Streams that fail, and that are watched. ---- */

typedef struct wrapper {
    struct ArrowArrayStream inner;
    size_t left; /* batches before it fails */
    int fails, errno_value, failed, *released;
    const char *message;
} wrapper;

static int wrapper_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out) {
    wrapper *w = stream->private_data;
    return w->inner.get_schema(&w->inner, out);
}

static int wrapper_next(struct ArrowArrayStream *stream, struct ArrowArray *out) {
    wrapper *w = stream->private_data;
    if (w->fails && w->left-- == 0) {
        w->failed = 1;
        w->left = 0;
        return w->errno_value;
    }
    return w->inner.get_next(&w->inner, out);
}

static const char *wrapper_error(struct ArrowArrayStream *stream) {
    wrapper *w = stream->private_data;
    return w->failed ? w->message : w->inner.get_last_error(&w->inner);
}

static void wrapper_release(struct ArrowArrayStream *stream) {
    wrapper *w = stream->private_data;
    w->inner.release(&w->inner);
    if (w->released) (*w->released)++;
    free(w);
    stream->release = NULL;
}

static void wrap(struct ArrowArrayStream *stream, wrapper settings, struct ArrowArrayStream *out) {
    wrapper *w = malloc(sizeof *w);
    if (!w) exit(2);
    *w = settings;
    w->inner = *stream;
    stream->release = NULL;
    *out = (struct ArrowArrayStream){wrapper_schema, wrapper_next, wrapper_error, wrapper_release, w};
}

void test_stream_failing(struct ArrowArrayStream *stream, size_t after, int errno_value, const char *message,
                         struct ArrowArrayStream *out) {
    wrap(stream, (wrapper){.left = after, .fails = 1, .errno_value = errno_value, .message = message}, out);
}

void test_stream_watched(struct ArrowArrayStream *stream, int *released, struct ArrowArrayStream *out) {
    *released = 0;
    wrap(stream, (wrapper){.released = released}, out);
}

/* ---- Reading back. ---- */

static void print_value(feat_buffer *out, const feat_column *c, size_t row) {
    char number[FEAT_NUMBER_TEXT_SIZE];
    if (feat_column_is_null(c, row)) {
        feat_buffer_text(out, "NULL");
        return;
    }
    switch (c->type) {
    case FEAT_TYPE_BOOLEAN: feat_buffer_text(out, feat_column_int(c, row) ? "true" : "false"); break;
    case FEAT_TYPE_DOUBLE:
        feat_number_format_double(feat_column_double(c, row), number);
        feat_buffer_text(out, number);
        break;
    case FEAT_TYPE_TEXT: {
        feat_text text = feat_column_text(c, row);
        if (text.length == 0) feat_buffer_text(out, "''");
        else feat_buffer_append(out, text.data, text.length);
        break;
    }
    case FEAT_TYPE_BIGINT:
    case FEAT_TYPE_DATE:
    case FEAT_TYPE_TIMESTAMP: feat_buffer_printf(out, "%" PRId64, feat_column_int(c, row)); break;
    }
}

static int compare_lines(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The rows in order of their lines; `text` keeps its size. */
static void sort_lines(char *text, size_t n) {
    char **lines = calloc(n + 1, sizeof *lines), *copy = malloc(strlen(text) + 1), *at = text;
    if (!lines || !copy) exit(2);
    strcpy(copy, text);
    size_t found = 0;
    for (char *line = strtok(copy, "\n"); line && found < n; line = strtok(NULL, "\n")) lines[found++] = line;
    qsort(lines, found, sizeof *lines, compare_lines);
    for (size_t i = 0; i < found; i++) at += sprintf(at, "%s\n", lines[i]);
    free(lines);
    free(copy);
}

static feat_status read_all(feat_arrow_in *in, feat_field *fields, feat_batch *rows, feat_error *err) {
    size_t n = feat_arrow_in_columns(in);
    feat_type types[64];
    bool end = false;
    if (n > 64) exit(2);
    for (size_t i = 0; i < n; i++) {
        fields[i] = (feat_field){.name = feat_arrow_in_name(in, i), .id = (uint32_t)i + 1};
        if (!feat_arrow_in_type(in, i, &fields[i].type)) exit(2);
        types[i] = fields[i].type;
    }
    feat_status status = feat_batch_init(rows, types, n, err);
    if (status == FEAT_OK) status = feat_arrow_in_bind(in, fields, NULL, n, true, "stream", err);
    while (status == FEAT_OK && !end) {
        size_t got = 0;
        status = feat_arrow_in_next(in, rows->columns, (int64_t)rows->length, &got, &end, NULL, err);
        rows->length += got;
    }
    return status;
}

feat_status test_stream_text(struct ArrowArrayStream *stream, int sorted, char **text, feat_error *err) {
    feat_arrow_in *in = NULL;
    feat_batch rows = {0};
    feat_field fields[64];
    feat_status status = feat_arrow_in_open(stream, &in, err);
    if (status != FEAT_OK) return status;
    status = read_all(in, fields, &rows, err);
    if (status == FEAT_OK) {
        feat_buffer out;
        feat_buffer_init(&out);
        for (size_t i = 0; i < rows.n_columns; i++)
            feat_buffer_printf(&out, "%s%s %s", i ? ", " : "", fields[i].name, feat_type_name(fields[i].type));
        feat_buffer_byte(&out, '\n');
        size_t header = out.size;
        for (size_t row = 0; row < rows.length; row++)
            for (size_t i = 0; i < rows.n_columns; i++) {
                print_value(&out, &rows.columns[i], row);
                feat_buffer_text(&out, i + 1 < rows.n_columns ? ", " : "\n");
            }
        *text = feat_buffer_take_text(&out);
        if (!*text) status = FEAT_MEMORY;
        else if (sorted) sort_lines(*text + header, rows.length);
    }
    feat_arrow_in_close(in);
    feat_batch_done(&rows);
    return status;
}

feat_status test_stream_count(struct ArrowArrayStream *stream, size_t *rows, size_t *batches) {
    struct ArrowArray array;
    feat_status status = FEAT_OK;
    *rows = *batches = 0;
    for (;;) {
        memset(&array, 0, sizeof array);
        if (stream->get_next(stream, &array) != 0) {
            status = FEAT_IO;
            break;
        }
        if (!array.release) break;
        *rows += (size_t)array.length;
        ++*batches;
        array.release(&array);
    }
    stream->release(stream);
    return status;
}
