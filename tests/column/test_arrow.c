/* Streams: binding columns by name, pulling batches, and what goes out, round trips included. */
#include "support.h"

/* ---- Opening and binding. ---- */

static struct ArrowArrayStream stream_of_names(const char *const *names, size_t n) {
    struct ArrowSchema schema = make_schema("+s", NULL);
    for (size_t i = 0; i < n; i++) give_schema_child(&schema, make_schema("l", names[i]));
    return make_stream(schema);
}

START_TEST(test_find) {
    static const char *const names[] = {"user_id", "Amount", "amount", "STATUS", "At", "twice",
                                        "twice",   "Größe",  "b",      "B",      NULL};
    static const struct {
        const char *name;
        int column;
    } cases[] = {{"user_id", 0}, {"USER_ID", 0}, {"Amount", 1},   {"amount", 2}, {"AMOUNT", -1}, {"status", 3},
                 {"at", 4},      {"twice", -1},  {"Twice", -1},   {"Größe", 7},  {"größe", 7},   {"b", 8},
                 {"B", 9},       {"", 10},       {"nothing", -1}, {"zzz", -1},   {"user_i", -1}};
    struct ArrowArrayStream stream = stream_of_names(names, COUNT(names));
    feat_arrow_in *in;
    feat_error err;
    ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_OK);
    ck_assert_uint_eq(feat_arrow_in_columns(in), COUNT(names));
    ck_assert_str_eq(feat_arrow_in_name(in, 1), "Amount");
    ck_assert_str_eq(feat_arrow_in_name(in, 10), "");
    ck_assert_str_eq(feat_arrow_in_schema(in)->children[3]->name, "STATUS");
    for (size_t i = 0; i < COUNT(cases); i++)
        ck_assert_msg(feat_arrow_in_find(in, cases[i].name) == cases[i].column, "%s", cases[i].name);
    feat_arrow_in_close(in);
    ck_assert_int_eq(support_live, 0);
}
END_TEST

START_TEST(test_bind) {
    static const char *const names[] = {"user_id", "Amout", "extra", "twice", "twice"};
    static const feat_field user = {.name = "user_id", .type = FEAT_TYPE_BIGINT},
                            amount = {.name = "amount", .type = FEAT_TYPE_BIGINT},
                            twice = {.name = "TWICE", .type = FEAT_TYPE_BIGINT},
                            other = {.name = "something_else", .type = FEAT_TYPE_BIGINT},
                            text = {.name = "user_id", .type = FEAT_TYPE_TEXT},
                            lent = {.name = "extras", .type = FEAT_TYPE_BIGINT};
    const struct {
        feat_field fields[2];
        bool optional[2], exact;
        const char *message;
    } cases[] = {
        {{user, user}, {false, false}, false, NULL},
        {{user, amount}, {false, true}, false, NULL},
        {{user, amount},
         {false, false},
         false,
         "table 't': the data has no column 'amount'; is its column 'Amout' meant?"},
        {{user, other}, {true, false}, false, "table 't': the data has no column 'something_else'"},
        {{user, twice}, {true, true}, false, "table 't': the data has several columns called 'TWICE'"},
        {{text, user}, {true, true}, false, "table 't', column 'user_id': expected TEXT, got Arrow int64 (format 'l')"},
        {{user, amount}, {false, true}, true, "table 't' has no column 'Amout'; did you mean 'amount'?"},
        {{user, other}, {false, true}, true, "table 't' has no column 'Amout'"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ArrowArrayStream stream = stream_of_names(names, COUNT(names));
        feat_arrow_in *in;
        feat_error err;
        ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_OK);
        feat_status status =
            feat_arrow_in_bind(in, cases[i].fields, cases[i].optional, 2, cases[i].exact, "table 't'", &err);
        if (cases[i].message) {
            ck_assert_int_eq(status, FEAT_SCHEMA);
            ck_assert_str_eq(err.message, cases[i].message);
        } else {
            ck_assert_int_eq(status, FEAT_OK);
        }
        ck_assert_int_eq(feat_arrow_in_bind(in, &lent, NULL, 1, false, "x", NULL), FEAT_SCHEMA);
        ck_assert_int_eq(feat_arrow_in_bind(in, &user, NULL, 1, false, "x", NULL), FEAT_OK); /* again */
        feat_arrow_in_close(in);
    }
    ck_assert_int_eq(support_live, 0);
}
END_TEST

START_TEST(test_open_errors) {
    feat_error err;
    feat_arrow_in *in = NULL;
    struct ArrowArrayStream stream = {0};
    ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_ARGUMENT);
    ck_assert_int_eq(feat_arrow_in_open(NULL, &in, &err), FEAT_ARGUMENT);
    for (int i = 0; i < 8; i++) {
        static const char *const messages[] = {
            "the pipe burst (error 22 of the Arrow stream)",
            "the stream failed (error 5 of the Arrow stream)",
            "expected an Arrow stream of record batches (structs), got int64 (format 'l')",
            "the Arrow stream has no schema",
            "malformed Arrow schema: a part is missing, or it is nested too deeply",
            "malformed Arrow schema: a part is missing, or it is nested too deeply",
            "malformed Arrow schema: a part is missing, or it is nested too deeply",
            "the name of column 0 is not UTF-8",
        };
        struct ArrowSchema schema = i == 2 ? make_schema("l", "x") : make_batch_schema("l", i == 7 ? "a\xff" : "x");
        if (i == 3) schema.release(&schema);
        if (i == 4) schema.children[0]->release(schema.children[0]);
        if (i == 5) schema.n_children = -1;
        if (i == 6)
            for (int depth = 0; depth < 70; depth++) {
                struct ArrowSchema outer = make_schema("+s", "");
                give_schema_child(&outer, schema);
                schema = outer;
            }
        stream = make_stream(schema);
        support_stream *own = stream.private_data;
        own->schema_code = i == 0 ? EINVAL : i == 1 ? EIO : 0;
        if (i == 5) { /* the release of the schema needs the right number */
            own->schema.n_children = 1;
            own->schema.children[0]->n_children = -1;
        }
        feat_status status = feat_arrow_in_open(&stream, &in, &err);
        ck_assert_int_eq(status, i < 2 ? FEAT_CANCELLED : FEAT_SCHEMA);
        ck_assert_str_eq(err.message, messages[i]);
        ck_assert(!in && !stream.release);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

/* ---- Pulling. ---- */

static struct ArrowArray integers(size_t n, int64_t first) {
    int64_t *values = malloc(n * sizeof *values + 1);
    for (size_t i = 0; i < n; i++) values[i] = first + (int64_t)i;
    struct ArrowArray batch =
        make_batch((int64_t)n, 0, make_array((int64_t)n, 0, 0, 2, NULL, (size_t)0, values, n * sizeof *values));
    free(values);
    return batch;
}

START_TEST(test_pull) {
    static const feat_field fields[] = {{.name = "x", .type = FEAT_TYPE_BIGINT}, {.name = "y", .type = FEAT_TYPE_TEXT}};
    static const bool optional[] = {false, true};
    struct ArrowArrayStream stream = make_stream(make_batch_schema("l", "X"));
    give_batch(&stream, integers(5, 0));
    give_batch(&stream, integers(0, 0));
    give_batch(&stream, integers(3, 5));
    feat_arrow_in *in;
    feat_error err;
    ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_OK);
    ck_assert_int_eq(feat_arrow_in_bind(in, fields, optional, 2, true, "t", &err), FEAT_OK);
    feat_column columns[2];
    for (size_t i = 0; i < 2; i++) feat_column_init(&columns[i], fields[i].type);
    static const size_t sizes[] = {5, 0, 3};
    size_t rows, total = 0;
    bool end;
    for (size_t b = 0; b < 3; b++) {
        struct ArrowArray raw;
        ck_assert_int_eq(feat_arrow_in_next(in, columns, (int64_t)total, &rows, &end, b == 2 ? NULL : &raw, &err),
                         FEAT_OK);
        ck_assert(!end && rows == sizes[b]);
        total += rows;
        if (b < 2) {
            ck_assert(raw.release && raw.length == (int64_t)rows);
            raw.release(&raw);
        }
    }
    for (int again = 0; again < 3; again++) {
        struct ArrowArray raw = {.length = 77, .release = NULL};
        end = false;
        ck_assert_int_eq(feat_arrow_in_next(in, columns, 8, &rows, &end, &raw, &err), FEAT_OK);
        ck_assert(end && rows == 0 && !raw.release);
    }
    ck_assert(columns[0].length == 8 && columns[1].length == 8 && columns[1].null_count == 8);
    for (size_t i = 0; i < 8; i++) ck_assert_int_eq(feat_column_int(&columns[0], i), (int64_t)i);
    feat_arrow_in_close(in);
    feat_arrow_in_close(NULL);
    for (size_t i = 0; i < 2; i++) feat_column_done(&columns[i]);
    ck_assert_int_eq(support_live, 0);
}
END_TEST

/* A failing batch leaves every column as it was, and the stream at its end. */
START_TEST(test_pull_errors) {
    static const feat_field fields[] = {{.name = "x", .type = FEAT_TYPE_BIGINT},
                                        {.name = "y", .type = FEAT_TYPE_TEXT, .not_null = true}};
    static const bool optional[] = {false, true};
    for (int i = 0; i < 3; i++) {
        struct ArrowArrayStream stream = make_stream(make_batch_schema("l", "x"));
        support_stream *own = stream.private_data;
        if (i < 2) own->code = i == 0 ? EINVAL : EIO;
        else give_batch(&stream, integers(4, 0));
        feat_arrow_in *in;
        feat_error err;
        ck_assert_int_eq(feat_arrow_in_open(&stream, &in, &err), FEAT_OK);
        ck_assert_int_eq(feat_arrow_in_bind(in, fields, optional, 2, true, "table 't'", &err), FEAT_OK);
        feat_column columns[2];
        for (size_t k = 0; k < 2; k++) {
            feat_column_init(&columns[k], fields[k].type);
            append_random(&columns[k]);
        }
        size_t rows = 42;
        bool end = false;
        struct ArrowArray raw = {.length = 77};
        feat_status status = feat_arrow_in_next(in, columns, 30, &rows, &end, &raw, &err);
        ck_assert_int_eq(status, i < 2 ? FEAT_CANCELLED : FEAT_CONSTRAINT);
        ck_assert_str_eq(err.message, i == 0   ? "the pipe burst (error 22 of the Arrow stream)"
                                      : i == 1 ? "the stream failed (error 5 of the Arrow stream)"
                                               : "table 't', column 'y', row 30: NULL, but the column is NOT NULL");
        ck_assert(rows == 42 && !end && raw.length == 77 && columns[0].length == 1 && columns[1].length == 1);
        ck_assert_int_eq(feat_arrow_in_next(in, columns, 30, &rows, &end, &raw, &err), FEAT_CANCELLED);
        ck_assert_str_eq(err.message, "the Arrow stream has failed before");
        feat_arrow_in_close(in);
        for (size_t k = 0; k < 2; k++) feat_column_done(&columns[k]);
        ck_assert_int_eq(support_live, 0);
    }
}
END_TEST

/* ---- Out. ---- */

START_TEST(test_out_fields) {
    static const char *const formats[] = {"b", "l", "g", "U", "tdD", "tsu:"};
    struct ArrowSchema children[COUNT(all_types)], schema, copy;
    feat_error err;
    for (size_t i = 0; i < COUNT(all_types); i++) {
        ck_assert_int_eq(feat_arrow_out_field("name", all_types[i], i & 1, &children[i], &err), FEAT_OK);
        ck_assert_str_eq(children[i].format, formats[i]);
        ck_assert_str_eq(children[i].name, "name");
        ck_assert_int_eq(children[i].flags, i & 1 ? ARROW_FLAG_NULLABLE : 0);
        ck_assert(children[i].n_children == 0 && !children[i].metadata && !children[i].dictionary);
    }
    static const char *const pairs[] = {"libfeat.service", "fraud", "empty", ""};
    ck_assert_int_eq(feat_arrow_out_struct(children, COUNT(children), pairs, 2, &schema, &err), FEAT_OK);
    static const struct {
        int32_t n, k1;
        char key1[15];
    } head = {2, 15, {'l', 'i', 'b', 'f', 'e', 'a', 't', '.', 's', 'e', 'r', 'v', 'i', 'c', 'e'}};
    ck_assert(memcmp(schema.metadata, &head, 23) == 0);
    int32_t lengths[2];
    memcpy(&lengths[0], schema.metadata + 23, 4);
    ck_assert(lengths[0] == 5 && memcmp(schema.metadata + 27, "fraud", 5) == 0);
    memcpy(lengths, schema.metadata + 32, 4);
    memcpy(lengths + 1, schema.metadata + 41, 4);
    ck_assert(lengths[0] == 5 && lengths[1] == 0);
    ck_assert_str_eq(schema.format, "+s");
    for (size_t i = 0; i < COUNT(children); i++) ck_assert(!children[i].release);

    ck_assert_int_eq(feat_arrow_schema_copy(&schema, &copy, &err), FEAT_OK);
    /* A child may leave its parent and outlive it. */
    struct ArrowSchema moved = *schema.children[3];
    schema.children[3]->release = NULL;
    schema.release(&schema);
    ck_assert(!schema.release);
    ck_assert_str_eq(moved.format, "U");
    moved.release(&moved);
    ck_assert(memcmp(copy.metadata, &head, 23) == 0 && copy.n_children == 6);
    ck_assert_str_eq(copy.children[3]->format, "U");
    copy.release(&copy);

    schema = make_schema("+s", NULL); /* foreign ones: a dictionary, no name, nested children */
    struct ArrowSchema inner = make_batch_schema("i;u", "word");
    give_schema_child(&schema, inner);
    ck_assert_int_eq(feat_arrow_schema_copy(&schema, &copy, &err), FEAT_OK);
    schema.release(&schema);
    ck_assert_str_eq(copy.name, "");
    ck_assert_str_eq(copy.children[0]->children[0]->dictionary->format, "u");
    ck_assert_int_eq(copy.children[0]->children[0]->flags, ARROW_FLAG_NULLABLE);
    copy.release(&copy);
    copy = (struct ArrowSchema){.n_children = 99};
    schema = make_schema("l", "x");
    int32_t negative = -1;
    schema.metadata = (const char *)&negative;
    ck_assert_int_eq(feat_arrow_schema_copy(&schema, &copy, &err), FEAT_SCHEMA);
    schema.metadata = NULL;
    schema.release(&schema);
    ck_assert_int_eq(feat_arrow_schema_copy(&schema, &copy, &err), FEAT_SCHEMA); /* released */
    ck_assert(copy.n_children == 99 && support_live == 0);
}
END_TEST

START_TEST(test_out_arrays) {
    feat_error err;
    for (size_t t = 0; t < COUNT(all_types); t++)
        for (size_t n = 0; n < 200; n += 33) {
            feat_column c;
            struct ArrowArray array;
            feat_column_init(&c, all_types[t]);
            for (size_t i = 0; i < n; i++) append_random(&c);
            size_t nulls = c.null_count;
            ck_assert_int_eq(feat_arrow_out_column(&c, &array, &err), FEAT_OK);
            ck_assert(c.length == 0 && !c.values && !c.validity && !c.offsets && c.type == all_types[t]);
            ck_assert(array.length == (int64_t)n && array.null_count == (int64_t)nulls && array.offset == 0);
            ck_assert_int_eq(array.n_buffers, c.type == FEAT_TYPE_TEXT ? 3 : 2);
            ck_assert(array.n_children == 0 && !array.dictionary);
            ck_assert((array.buffers[0] != NULL) == (nulls > 0));
            for (int64_t i = 0; i < array.n_buffers; i++) {
                ck_assert(((uintptr_t)array.buffers[i] & 63) == 0);
                ck_assert(i == 0 || array.buffers[i]);
            }
            array.release(&array);
            ck_assert(!array.release);
            feat_column_done(&c);
        }
    /* Children may leave the batch, and a batch may be empty. */
    struct ArrowArray children[2] = {integers(2, 0), integers(2, 7)}, batch, moved;
    ck_assert_int_eq(feat_arrow_out_batch(children, 2, 2, &batch, &err), FEAT_OK);
    ck_assert(!children[0].release && !children[1].release && batch.n_children == 2 && batch.n_buffers == 1 &&
              !batch.buffers[0]);
    moved = *batch.children[1];
    batch.children[1]->release = NULL;
    struct ArrowArray elsewhere = batch; /* a consumer may move the struct */
    elsewhere.release(&elsewhere);
    ck_assert_int_eq(support_live, 2); /* what moved: a batch with a child */
    moved.release(&moved);
    ck_assert_int_eq(support_live, 0);
    ck_assert_int_eq(feat_arrow_out_batch(NULL, 0, 5, &batch, &err), FEAT_OK);
    ck_assert_int_eq(batch.length, 5);
    batch.release(&batch);
}
END_TEST

/* ---- A stream out, and in again. ---- */

typedef struct source {
    const feat_batch *batch;
    size_t at, slice;    /* rows of each batch; 0: any number */
    feat_status failure; /* at the end */
    bool *freed;
} source;

static feat_status source_next(void *state, struct ArrowArray *out, feat_error *err) {
    source *s = state;
    size_t left = s->batch->length - s->at, n = s->slice ? s->slice : random_below(300);
    if (n > left) n = left;
    if (left == 0) {
        out->release = NULL;
        return s->failure == FEAT_OK ? FEAT_OK : feat_fail(err, s->failure, "no more of it");
    }
    struct ArrowArray children[COUNT(all_types)];
    feat_status status = FEAT_OK;
    size_t made = 0;
    for (; made < COUNT(all_types); made++) {
        feat_column c;
        feat_column_init(&c, all_types[made]);
        status = feat_column_append_range(&c, &s->batch->columns[made], s->at, n)
                     ? feat_fail_memory(err)
                     : feat_arrow_out_column(&c, &children[made], err);
        feat_column_done(&c);
        if (status != FEAT_OK) break;
    }
    if (status == FEAT_OK) status = feat_arrow_out_batch(children, made, (int64_t)n, out, err);
    if (status != FEAT_OK) {
        for (size_t i = 0; i < made; i++) children[i].release(&children[i]);
        return status;
    }
    size_t skip =
        s->slice ? 0 : random_below(n + 1); /* as a producer of slices would: the whole batch, from a row on */
    if (skip > 0 && random_below(2)) {
        out->offset = (int64_t)skip;
        out->length -= (int64_t)skip;
    } else {
        for (int64_t i = 0; i < out->n_children; i++) {
            out->children[i]->offset = (int64_t)skip;
            out->children[i]->length -= (int64_t)skip;
            if (random_below(2)) out->children[i]->null_count = -1;
        }
        out->length -= (int64_t)skip;
    }
    s->at += n;
    return FEAT_OK;
}

static void source_free(void *state) {
    source *s = state;
    if (s->freed) *s->freed = true;
    free(s);
}

static const char *const field_names[] = {"b", "i", "d", "t", "day", "at"};

static feat_status out_stream(const feat_batch *batch, size_t slice, feat_status failure, bool *freed,
                              struct ArrowArrayStream *out, feat_error *err) {
    struct ArrowSchema children[COUNT(all_types)], schema = {0};
    size_t made = 0;
    feat_status status = FEAT_OK;
    for (; made < COUNT(all_types); made++) {
        status = feat_arrow_out_field(field_names[made], all_types[made], true, &children[made], err);
        if (status != FEAT_OK) break;
    }
    if (status == FEAT_OK) status = feat_arrow_out_struct(children, made, NULL, 0, &schema, err);
    if (status != FEAT_OK) {
        for (size_t i = 0; i < made; i++) children[i].release(&children[i]);
        return status;
    }
    source *s = malloc(sizeof *s);
    *s = (source){batch, 0, slice, failure, freed};
    status = feat_arrow_out_stream(&schema, (feat_arrow_producer){source_next, source_free, s}, out, err);
    if (status != FEAT_OK) {
        ck_assert(schema.release != NULL);
        schema.release(&schema);
        free(s);
    }
    return status;
}

static feat_status read_all(struct ArrowArrayStream *stream, feat_batch *to, feat_error *err) {
    feat_field fields[COUNT(all_types)];
    for (size_t i = 0; i < COUNT(fields); i++) fields[i] = (feat_field){.name = field_names[i], .type = all_types[i]};
    feat_arrow_in *in;
    feat_status status = feat_arrow_in_open(stream, &in, err);
    if (status != FEAT_OK) return status;
    status = feat_arrow_in_bind(in, fields, NULL, COUNT(fields), true, "t", err);
    bool end = false;
    while (status == FEAT_OK && !end) {
        size_t rows;
        status = feat_arrow_in_next(in, to->columns, (int64_t)to->length, &rows, &end, NULL, err);
        if (status == FEAT_OK) to->length += rows;
        for (size_t i = 0; i < to->n_columns; i++) ck_assert_uint_eq(to->columns[i].length, to->length);
    }
    feat_arrow_in_close(in);
    return status;
}

static feat_batch random_batch(size_t n) {
    feat_batch b;
    ck_assert_int_eq(feat_batch_init(&b, all_types, COUNT(all_types), NULL), FEAT_OK);
    for (size_t t = 0; t < b.n_columns; t++)
        for (size_t i = 0; i < n; i++) append_random(&b.columns[t]);
    b.length = n;
    return b;
}

START_TEST(test_round_trip) {
    for (int round = 0; round < 40; round++) {
        feat_batch b = random_batch(random_below(3000)), read = random_batch(0);
        struct ArrowArrayStream stream;
        feat_error err;
        bool freed = false, slices = round % 2;
        ck_assert_int_eq(out_stream(&b, slices ? 0 : 1 + random_below(500), FEAT_OK, &freed, &stream, &err), FEAT_OK);
        uint64_t seed = random_state;
        feat_status status = read_all(&stream, &read, &err);
        ck_assert_msg(status == FEAT_OK, "%s", err.message);
        ck_assert(freed && !stream.release);
        random_state = seed;
        size_t at = 0, row = 0;
        while (slices && at < b.length) { /* the same random numbers tell which rows were left out */
            size_t n = random_below(300);
            if (n > b.length - at) n = b.length - at;
            size_t skip = random_below(n + 1);
            if (!(skip > 0 && random_below(2)))
                for (size_t t = 0; t < b.n_columns; t++) random_below(2);
            for (size_t i = skip; i < n; i++, row++)
                for (size_t t = 0; t < b.n_columns; t++)
                    ck_assert(feat_column_same(&read.columns[t], row, &b.columns[t], at + i));
            at += n;
        }
        for (; !slices && row < b.length; row++)
            for (size_t t = 0; t < b.n_columns; t++)
                ck_assert(feat_column_same(&read.columns[t], row, &b.columns[t], row));
        ck_assert_uint_eq(read.length, row);
        for (size_t t = 0; t < b.n_columns; t++) check_column(&read.columns[t]);
        feat_batch_done(&b);
        feat_batch_done(&read);
    }
}
END_TEST

START_TEST(test_out_stream) {
    static const struct {
        feat_status failure;
        int code;
    } cases[] = {{FEAT_OK, 0}, {FEAT_MEMORY, ENOMEM}, {FEAT_CANCELLED, ECANCELED}, {FEAT_IO, EIO}, {FEAT_DATA, EIO}};
    feat_batch b = random_batch(20);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ArrowArrayStream stream;
        struct ArrowSchema schema, again;
        struct ArrowArray array;
        feat_error err;
        bool freed = false;
        ck_assert_int_eq(out_stream(&b, 20, cases[i].failure, &freed, &stream, &err), FEAT_OK);
        ck_assert_int_eq(stream.get_schema(&stream, &schema), 0);
        ck_assert_int_eq(stream.get_next(&stream, &array), 0);
        ck_assert_int_eq(stream.get_schema(&stream, &again), 0);
        ck_assert(array.length == 20 && !stream.get_last_error(&stream));
        struct ArrowArray end = {.length = 4};
        ck_assert_int_eq(stream.get_next(&stream, &end), cases[i].code);
        if (cases[i].code) ck_assert_str_eq(stream.get_last_error(&stream), "no more of it");
        for (int k = 0; k < 2; k++) {
            ck_assert_int_eq(stream.get_next(&stream, &end), 0);
            ck_assert(!end.release);
        }
        ck_assert(!freed);
        stream.release(&stream);
        ck_assert(freed && !stream.release);
        ck_assert_str_eq(schema.children[1]->name, "i"); /* all that was handed out lives on */
        ck_assert_int_eq(array.children[5]->length, 20);
        array.release(&array);
        schema.release(&schema);
        again.release(&again);
    }
    feat_batch_done(&b);
}
END_TEST

/* Out and in with each allocation failing in turn: an error each time, nothing lost, nothing kept. */
START_TEST(test_no_memory) {
    feat_batch b = random_batch(100);
    feat_status status = FEAT_MEMORY;
    int64_t k = 1;
    for (; status != FEAT_OK; k++) {
        feat_batch read = random_batch(0);
        struct ArrowArrayStream stream;
        feat_error err;
        bool freed = false;
        feat_alloc_fail_after(k);
        status = out_stream(&b, 40, FEAT_OK, &freed, &stream, &err);
        if (status == FEAT_OK) {
            status = read_all(&stream, &read, &err);
            ck_assert(freed && !stream.release);
        }
        feat_alloc_fail_after(0);
        if (status == FEAT_CANCELLED) /* it failed on the stream's own side */
            ck_assert_str_eq(err.message, "out of memory (error 12 of the Arrow stream)");
        else if (status != FEAT_OK) ck_assert_int_eq(status, FEAT_MEMORY);
        ck_assert_uint_le(read.length, 100);
        for (size_t i = 0; i < read.length; i++)
            for (size_t t = 0; t < b.n_columns; t++) ck_assert(feat_column_same(&read.columns[t], i, &b.columns[t], i));
        if (status == FEAT_OK) ck_assert_uint_eq(read.length, 100);
        feat_batch_done(&read);
    }
    ck_assert_int_gt(k, 100);
    feat_batch_done(&b);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {test_find,       test_bind,       test_open_errors, test_pull,       test_pull_errors,
                                  test_out_fields, test_out_arrays, test_round_trip,  test_out_stream, test_no_memory};
    return run_suite("column/arrow", tests, COUNT(tests));
}
