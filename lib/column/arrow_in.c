/* Pulling batches from a caller's stream: the stream and its schema, the choice of columns, the check of each batch. */
#include "column/arrow.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "column/arrow_convert.h"
#include "column/arrow_type.h"
#include "column/bits.h"
#include "column/utf8.h"

typedef struct by_name {
    const char *name;
    size_t column;
} by_name;

struct feat_arrow_in {
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    by_name *names; /* the stream's columns in the order of feat_name_compare */
    const feat_field *fields;
    int64_t *columns; /* for each field the stream's column, -1: missing */
    size_t n_fields;
    char *what;
    bool lends;
    enum { RUNNING, ENDED, BROKEN } state;
};

enum { MAX_DEPTH = 64, NONE = -1, SEVERAL = -2 };

/* ---- Opening. ---- */

static feat_status stream_failed(struct ArrowArrayStream *stream, int code, feat_error *err) {
    const char *message = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    if (!message) message = "the stream failed";
    return feat_fail(err, FEAT_CANCELLED, "%.*s (error %d of the Arrow stream)", feat_utf8_clip(message, 800), message,
                     code);
}

/* Bounded recursion; what passes can be walked without further checks. */
static bool well_formed(const struct ArrowSchema *schema, int depth) {
    if (!schema || !schema->release || !schema->format || schema->n_children < 0 || depth > MAX_DEPTH) return false;
    if (schema->n_children > 0 && !schema->children) return false;
    for (int64_t i = 0; i < schema->n_children; i++)
        if (!well_formed(schema->children[i], depth + 1)) return false;
    return !schema->dictionary || well_formed(schema->dictionary, depth + 1);
}

static feat_status check_schema(const struct ArrowSchema *schema, feat_error *err) {
    if (!schema->release) return feat_fail(err, FEAT_SCHEMA, "the Arrow stream has no schema");
    if (!well_formed(schema, 0))
        return feat_fail(err, FEAT_SCHEMA, "malformed Arrow schema: a part is missing, or it is nested too deeply");
    if (strcmp(schema->format, "+s") != 0 || schema->dictionary) {
        char words[FEAT_ARROW_WORDS];
        feat_arrow_describe(schema, words);
        return feat_fail(err, FEAT_SCHEMA, "expected an Arrow stream of record batches (structs), got %s", words);
    }
    for (int64_t i = 0; i < schema->n_children; i++) {
        const char *name = schema->children[i]->name;
        if (name && !feat_utf8_valid(name, strlen(name)))
            return feat_fail(err, FEAT_SCHEMA, "the name of column %lld is not UTF-8", (long long)i);
    }
    return FEAT_OK;
}

static int compare_by_name(const void *a, const void *b) {
    const by_name *x = a, *y = b;
    int order = feat_name_compare(x->name, y->name);
    return order ? order : (x->column > y->column) - (x->column < y->column);
}

static feat_status open_stream(feat_arrow_in *in, feat_error *err) {
    int code = in->stream.get_schema(&in->stream, &in->schema);
    if (code != 0) {
        in->schema.release = NULL; /* what a failed call leaves there means nothing */
        return stream_failed(&in->stream, code, err);
    }
    FEAT_TRY(check_schema(&in->schema, err));
    size_t n = feat_arrow_in_columns(in);
    in->names = feat_alloc_array(n, sizeof *in->names);
    if (!in->names) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) in->names[i] = (by_name){feat_arrow_in_name(in, i), i};
    qsort(in->names, n, sizeof *in->names, compare_by_name);
    return FEAT_OK;
}

feat_status feat_arrow_in_open(struct ArrowArrayStream *stream, feat_arrow_in **in, feat_error *err) {
    if (!stream || !stream->release)
        return feat_fail(err, FEAT_ARGUMENT, "the Arrow stream is missing, or was released or read already");
    feat_arrow_in *made = feat_alloc_zero(1, sizeof *made);
    if (!made) {
        stream->release(stream);
        stream->release = NULL;
        return feat_fail_memory(err);
    }
    made->stream = *stream;
    stream->release = NULL; /* moved */
    feat_status status = open_stream(made, err);
    if (status == FEAT_OK) *in = made;
    else feat_arrow_in_close(made);
    return status;
}

void feat_arrow_in_close(feat_arrow_in *in) {
    if (!in) return;
    if (in->schema.release) in->schema.release(&in->schema);
    if (in->stream.release) in->stream.release(&in->stream);
    feat_free(in->names);
    feat_free(in->columns);
    feat_free(in->what);
    feat_free(in);
}

/* ---- The stream's columns. ---- */

size_t feat_arrow_in_columns(const feat_arrow_in *in) { return (size_t)in->schema.n_children; }

const char *feat_arrow_in_name(const feat_arrow_in *in, size_t i) {
    const char *name = in->schema.children[i]->name;
    return name ? name : "";
}

const struct ArrowSchema *feat_arrow_in_schema(const feat_arrow_in *in) { return &in->schema; }

bool feat_arrow_in_type(const feat_arrow_in *in, size_t i, feat_type *type) {
    return feat_arrow_natural_type(in->schema.children[i], type);
}

/* The column of that very name, else the only one whose name SQL would take for it. */
static int64_t find(const feat_arrow_in *in, const char *name) {
    size_t low = 0, n = feat_arrow_in_columns(in), high = n, exact = 0, at = 0;
    while (low < high) { /* to the first that is not below the name */
        size_t middle = low + (high - low) / 2;
        if (feat_name_compare(in->names[middle].name, name) < 0) low = middle + 1;
        else high = middle;
    }
    for (high = low; high < n && feat_name_compare(in->names[high].name, name) == 0; high++) {
        if (strcmp(in->names[high].name, name) != 0) continue;
        exact++;
        at = high;
    }
    if (high == low) return NONE;
    if (exact == 1) return (int64_t)in->names[at].column;
    return exact == 0 && high - low == 1 ? (int64_t)in->names[low].column : SEVERAL;
}

int feat_arrow_in_find(const feat_arrow_in *in, const char *name) {
    int64_t column = find(in, name);
    return column < 0 || column > INT32_MAX ? -1 : (int)column;
}

/* ---- Binding. ---- */

/* Characters to insert, delete or replace, without case; names above 64 bytes are close to nothing. */
static size_t distance(const char *a, const char *b) {
    size_t row[65], n = strlen(a), m = strlen(b);
    if (n > 64 || m > 64) return SIZE_MAX;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            char x[2] = {a[i - 1], 0}, y[2] = {b[j - 1], 0};
            size_t best = diagonal + (feat_name_compare(x, y) != 0);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[m];
}

/* Keeps the closer of two names; a third of the letters may differ. */
static void closer(const char *name, const char *candidate, size_t *least, const char **found) {
    size_t length = strlen(name), far = length / 3 > 1 ? length / 3 : 1, d = distance(name, candidate);
    if (d > far || d >= *least) return;
    *least = d;
    *found = candidate;
}

static feat_status missing(const feat_arrow_in *in, const char *what, const feat_field *field, feat_error *err) {
    size_t least = SIZE_MAX;
    const char *near = NULL;
    for (size_t i = 0; i < feat_arrow_in_columns(in); i++)
        closer(field->name, feat_arrow_in_name(in, i), &least, &near);
    return feat_fail(err, FEAT_SCHEMA, "%.*s: the data has no column '%.*s'%s%.*s%s", feat_utf8_clip(what, 200), what,
                     feat_utf8_clip(field->name, 100), field->name, near ? "; is its column '" : "",
                     near ? feat_utf8_clip(near, 100) : 0, near ? near : "", near ? "' meant?" : "");
}

static feat_status unknown(const feat_field *fields, size_t n, const char *what, const char *name, feat_error *err) {
    size_t least = SIZE_MAX;
    const char *near = NULL;
    for (size_t k = 0; k < n; k++) closer(name, fields[k].name, &least, &near);
    return feat_fail(err, FEAT_SCHEMA, "%.*s has no column '%.*s'%s%.*s%s", feat_utf8_clip(what, 200), what,
                     feat_utf8_clip(name, 100), name, near ? "; did you mean '" : "",
                     near ? feat_utf8_clip(near, 100) : 0, near ? near : "", near ? "'?" : "");
}

static feat_status bind_one(const feat_arrow_in *in, const feat_field *field, bool optional, const char *what,
                            int64_t *column, feat_error *err) {
    *column = find(in, field->name);
    if (*column == SEVERAL)
        return feat_fail(err, FEAT_SCHEMA, "%.*s: the data has several columns called '%.*s'",
                         feat_utf8_clip(what, 200), what, feat_utf8_clip(field->name, 100), field->name);
    if (*column == NONE) return optional ? FEAT_OK : missing(in, what, field, err);
    const struct ArrowSchema *schema = in->schema.children[*column];
    if (feat_arrow_converts(schema, field->type)) return FEAT_OK;
    char words[FEAT_ARROW_WORDS], type[FEAT_TYPE_TEXT_SIZE];
    feat_arrow_describe(schema, words);
    return feat_fail(err, FEAT_SCHEMA, "%.*s, column '%.*s': expected %s, got Arrow %s", feat_utf8_clip(what, 200),
                     what, feat_utf8_clip(field->name, 100), field->name, feat_type_format(field->type, type), words);
}

feat_status feat_arrow_in_bind(feat_arrow_in *in, const feat_field *fields, const bool *optional, size_t n, bool exact,
                               const char *what, feat_error *err) {
    feat_status status = FEAT_OK;
    size_t n_columns = feat_arrow_in_columns(in);
    char *name = feat_strdup(what);
    int64_t *columns = feat_alloc_array(n, sizeof *columns);
    bool *used = feat_alloc_zero(n_columns, sizeof *used);
    if (!name || !columns || !used) {
        status = feat_fail_memory(err);
        goto fail;
    }
    for (size_t k = 0; k < n; k++) {
        FEAT_GOTO(status, bind_one(in, &fields[k], optional && optional[k], what, &columns[k], err), fail);
        if (columns[k] >= 0) used[columns[k]] = true;
    }
    for (size_t i = 0; exact && i < n_columns; i++)
        if (!used[i]) {
            status = unknown(fields, n, what, feat_arrow_in_name(in, i), err);
            goto fail;
        }
    feat_free(used);
    feat_free(in->columns);
    feat_free(in->what);
    in->what = name;
    in->columns = columns;
    in->fields = fields;
    in->n_fields = n;
    return FEAT_OK;
fail:
    feat_free(used);
    feat_free(columns);
    feat_free(name);
    return status;
}

void feat_arrow_in_lend(feat_arrow_in *in) { in->lends = true; }

/* ---- Batches. ---- */

static feat_status malformed_batch(const feat_arrow_in *in, feat_error *err, const char *why) {
    const char *what = in->what ? in->what : "data";
    return feat_fail(err, FEAT_SCHEMA, "%.*s: malformed Arrow record batch: %s", feat_utf8_clip(what, 200), what, why);
}

static feat_status check_batch(const feat_arrow_in *in, const struct ArrowArray *batch, int64_t first_row,
                               feat_error *err) {
    int64_t end;
    if (batch->length < 0 || batch->offset < 0 || __builtin_add_overflow(batch->length, batch->offset, &end))
        return malformed_batch(in, err, "its length or offset is out of range");
    if (batch->n_children != in->schema.n_children || (batch->n_children > 0 && !batch->children))
        return malformed_batch(in, err, "its columns are not those of the schema");
    if (batch->n_buffers != 1 || !batch->buffers) return malformed_batch(in, err, "wrong number of buffers");
    if (batch->null_count < -1) return malformed_batch(in, err, "its null count is negative");
    for (int64_t i = 0; i < batch->n_children; i++) {
        const struct ArrowArray *child = batch->children[i];
        if (!child || !child->release) return malformed_batch(in, err, "a column is missing or was released");
        if (child->length < end) return malformed_batch(in, err, "a column is shorter than the batch");
    }
    const uint8_t *validity = batch->buffers[0];
    if (batch->null_count == 0 || batch->length == 0) return FEAT_OK;
    if (!validity && batch->null_count > 0)
        return malformed_batch(in, err, "it counts nulls but has no validity buffer");
    for (int64_t i = 0; validity && i < batch->length; i++)
        if (!feat_bits_word(validity, (size_t)(batch->offset + i), 1)) {
            int64_t row = first_row + i;
            return feat_fail_row(err, FEAT_SCHEMA, row, "%.*s, row %lld: the whole row is null; give it columns",
                                 feat_utf8_clip(in->what ? in->what : "data", 200), in->what ? in->what : "data",
                                 (long long)row);
        }
    return FEAT_OK;
}

static feat_status convert_batch(const feat_arrow_in *in, const struct ArrowArray *batch, feat_column *columns,
                                 int64_t first_row, feat_error *err) {
    FEAT_TRY(check_batch(in, batch, first_row, err));
    size_t n = (size_t)batch->length;
    for (size_t k = 0; k < in->n_fields; k++) {
        feat_arrow_source source = {
            .field = &in->fields[k], .what = in->what, .first_row = first_row, .lent = in->lends};
        int64_t column = in->columns[k];
        if (column >= 0) {
            source.schema = in->schema.children[column];
            FEAT_TRY(feat_arrow_convert(&source, batch->children[column], (size_t)batch->offset, n, &columns[k], err));
        } else {
            FEAT_TRY(feat_arrow_convert_nulls(&source, n, &columns[k], err));
        }
    }
    return FEAT_OK;
}

/* Takes back what the columns before the failing one have got: all of them were equally long before. */
static void take_back(feat_column *columns, const size_t *lengths, size_t n) {
    for (size_t k = 0; k < n; k++) feat_column_truncate(&columns[k], lengths[k]);
}

feat_status feat_arrow_in_next(feat_arrow_in *in, feat_column *columns, int64_t first_row, size_t *rows, bool *end,
                               struct ArrowArray *raw, feat_error *err) {
    if (in->state == BROKEN) return feat_fail(err, FEAT_CANCELLED, "the Arrow stream has failed before");
    struct ArrowArray batch = {0};
    size_t *lengths = feat_alloc_array(in->n_fields, sizeof *lengths);
    if (!lengths) return feat_fail_memory(err);
    for (size_t k = 0; k < in->n_fields; k++) lengths[k] = columns[k].length;
    feat_status status = FEAT_OK;
    int code = in->state == RUNNING ? in->stream.get_next(&in->stream, &batch) : 0;
    if (code != 0) {
        batch.release = NULL;
        in->state = BROKEN;
        status = stream_failed(&in->stream, code, err);
    } else if (!batch.release) {
        in->state = ENDED;
        *rows = 0;
        *end = true;
        if (raw) *raw = batch;
    } else {
        status = convert_batch(in, &batch, columns, first_row, err);
        if (status != FEAT_OK) {
            in->state = BROKEN; /* its rows are lost: going on would skip them */
            take_back(columns, lengths, in->n_fields);
        } else {
            *rows = (size_t)batch.length;
            *end = false;
            if (raw) *raw = batch;
        }
        if (status != FEAT_OK || !raw) batch.release(&batch);
    }
    feat_free(lengths);
    return status;
}
