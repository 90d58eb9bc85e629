/* Training sets: for every spine row the aggregates of each joined view at the row's own time, then the service's
 * request code over all rows. The features are complete before the stream is handed out, so an error belongs to the
 * call. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/parallel.h"
#include "column/arrow.h"
#include "engine/engine.h"
#include "engine/project.h"
#include "feat/online.h"

/* ---- The spine: its batches as they came, and the columns that the service needs, converted. ---- */

typedef struct spine {
    feat_arrow_in *in;
    struct ArrowArray *batches;
    size_t *batch_rows;
    size_t n_batches, batches_capacity, rows_capacity;
    feat_field *fields;   /* the service's inputs, then the timestamp */
    feat_column *columns; /* one for each of them */
    size_t n_fields, n_rows;
} spine;

static void spine_done(spine *s) {
    for (size_t i = 0; i < s->n_batches; i++)
        if (s->batches[i].release) s->batches[i].release(&s->batches[i]);
    feat_free(s->batches);
    feat_free(s->batch_rows);
    for (size_t i = 0; s->columns && i < s->n_fields; i++) feat_column_done(&s->columns[i]);
    feat_free(s->columns);
    feat_free(s->fields);
    feat_arrow_in_close(s->in);
}

/* The column with the times: the one that was named, else the only timestamp that is no request input. */
static feat_status find_timestamp(const spine *s, const feat_service *service, const char *wanted, const char **name,
                                  feat_error *err) {
    if (wanted) {
        int i = feat_arrow_in_find(s->in, wanted);
        if (i < 0)
            return feat_fail(err, FEAT_SCHEMA, "spine: there is no column '%s' to take the timestamps from", wanted);
        *name = feat_arrow_in_name(s->in, (size_t)i);
        return FEAT_OK;
    }
    const char *found = NULL;
    for (size_t i = 0; i < feat_arrow_in_columns(s->in); i++) {
        feat_type type;
        const char *column = feat_arrow_in_name(s->in, i);
        bool input = false;
        for (size_t k = 0; k < service->n_inputs; k++) input |= strcasecmp(service->inputs[k].name, column) == 0;
        if (input || !feat_arrow_in_type(s->in, i, &type) || type != FEAT_TYPE_TIMESTAMP) continue;
        if (found)
            return feat_fail(err, FEAT_SCHEMA, "spine: both '%s' and '%s' are timestamps; name the one to use", found,
                             column);
        found = column;
    }
    if (!found)
        return feat_fail(
            err, FEAT_SCHEMA,
            "spine: there is no timestamp column; each row needs the time at which its features are wanted");
    *name = found;
    return FEAT_OK;
}

static feat_status check_names(const spine *s, const feat_service *service, feat_error *err) {
    for (size_t f = 0; f < service->n_features; f++)
        for (size_t i = 0; i < feat_arrow_in_columns(s->in); i++)
            if (strcmp(service->features[f].name, feat_arrow_in_name(s->in, i)) == 0)
                return feat_fail(err, FEAT_EXISTS,
                                 "spine: column '%s' has the name of a feature of service '%s'; rename one of them",
                                 service->features[f].name, service->name);
    return FEAT_OK;
}

static feat_status spine_read(spine *s, const feat_service *service, struct ArrowArrayStream *stream,
                              const char *timestamp, feat_error *err) {
    *s = (spine){0};
    FEAT_TRY(feat_arrow_in_open(stream, &s->in, err));
    const char *time_name = NULL;
    FEAT_TRY(find_timestamp(s, service, timestamp, &time_name, err));
    FEAT_TRY(check_names(s, service, err));
    size_t n = service->n_inputs + 1;
    s->fields = feat_alloc_zero(n, sizeof *s->fields);
    s->columns = feat_alloc_zero(n, sizeof *s->columns);
    if (!s->fields || !s->columns) return feat_fail_memory(err);
    s->n_fields = n;
    for (size_t i = 0; i + 1 < n; i++) s->fields[i] = service->inputs[i];
    s->fields[n - 1] = (feat_field){.name = time_name, .type = FEAT_TYPE_TIMESTAMP, .not_null = true};
    for (size_t i = 0; i < n; i++) feat_column_init(&s->columns[i], s->fields[i].type);
    FEAT_TRY(feat_arrow_in_bind(s->in, s->fields, NULL, n, false, "spine", err));
    for (;;) {
        if (FEAT_GROW(s->batches, s->batches_capacity, s->n_batches + 1) != 0 ||
            FEAT_GROW(s->batch_rows, s->rows_capacity, s->n_batches + 1) != 0)
            return feat_fail_memory(err);
        bool end;
        size_t rows;
        FEAT_TRY(
            feat_arrow_in_next(s->in, s->columns, (int64_t)s->n_rows, &rows, &end, &s->batches[s->n_batches], err));
        if (end) break;
        s->batch_rows[s->n_batches++] = rows;
        s->n_rows += rows;
    }
    if (s->n_rows >= UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "spine: more than 4,294,967,294 rows at once");
    return FEAT_OK;
}

/* ---- The result. ---- */

typedef struct output {
    struct ArrowArray *batches; /* the spine's own */
    size_t *batch_rows;
    size_t n_batches, next;
    size_t n_spine, n_features; /* columns */
    feat_column *features;      /* n_batches rows of n_features */
} output;

static void output_free(void *state) {
    output *o = state;
    if (!o) return;
    for (size_t i = 0; i < o->n_batches; i++)
        if (o->batches[i].release) o->batches[i].release(&o->batches[i]);
    for (size_t i = 0; o->features && i < o->n_batches * o->n_features; i++) feat_column_done(&o->features[i]);
    feat_free(o->batches);
    feat_free(o->batch_rows);
    feat_free(o->features);
    feat_free(o);
}

/* A batch of the result: the spine's columns, moved as they are, then the features. */
static feat_status output_next(void *state, struct ArrowArray *out, feat_error *err) {
    output *o = state;
    out->release = NULL;
    if (o->next == o->n_batches) return FEAT_OK;
    struct ArrowArray *batch = &o->batches[o->next];
    feat_column *features = o->features + o->next * o->n_features;
    int64_t rows = (int64_t)o->batch_rows[o->next];
    size_t n = o->n_spine + o->n_features, made = 0;
    struct ArrowArray *children = feat_alloc_zero(n, sizeof *children);
    if (!children) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (; made < o->n_features && status == FEAT_OK; made++)
        status = feat_arrow_out_column(&features[made], &children[o->n_spine + made], err);
    if (status == FEAT_OK) {
        for (size_t i = 0; i < o->n_spine; i++) {
            children[i] = *batch->children[i];
            batch->children[i]->release = NULL; /* moved, as the interface allows */
            children[i].offset += batch->offset;
            if (children[i].length != rows) children[i].null_count = -1;
            children[i].length = rows;
        }
        status = feat_arrow_out_batch(children, n, rows, out, err);
    }
    if (status != FEAT_OK) {
        for (size_t i = 0; i < n; i++)
            if (children[i].release) children[i].release(&children[i]);
    } else {
        batch->release(batch);
        batch->release = NULL;
        o->next++;
    }
    feat_free(children);
    return status;
}

static feat_status output_schema(const spine *s, const feat_service *service, uint64_t version, bool with_status,
                                 struct ArrowSchema *out, feat_error *err) {
    const struct ArrowSchema *own = feat_arrow_in_schema(s->in);
    size_t n_spine = (size_t)own->n_children, per = with_status ? 2 : 1, n = n_spine + per * service->n_features,
           made = 0;
    struct ArrowSchema *children = feat_alloc_zero(n, sizeof *children);
    feat_status status = children ? FEAT_OK : feat_fail_memory(err);
    for (; made < n_spine && status == FEAT_OK; made++)
        status = feat_arrow_schema_copy(own->children[made], &children[made], err);
    for (size_t f = 0; f < service->n_features && status == FEAT_OK; f++) {
        const feat_output *feature = &service->features[f];
        status = feat_arrow_out_field(feature->name, feature->type, true, &children[made], err);
        if (status == FEAT_OK) made++;
        if (status != FEAT_OK || !with_status) continue;
        feat_buffer name;
        feat_buffer_init(&name);
        feat_buffer_printf(&name, "%s__status", feature->name);
        char *text = feat_buffer_take_text(&name);
        status =
            text ? feat_arrow_out_field(text, FEAT_TYPE_BIGINT, false, &children[made], err) : feat_fail_memory(err);
        if (status == FEAT_OK) made++;
        feat_free(text);
    }
    if (status == FEAT_OK) {
        char fingerprint[FEAT_DIGEST_TEXT_SIZE], number[24];
        feat_digest_format(&service->fingerprint, fingerprint);
        snprintf(number, sizeof number, "%llu", (unsigned long long)version);
        const char *pairs[] = {"libfeat.service", service->name,     "libfeat.fingerprint",
                               fingerprint,       "libfeat.version", number};
        status = feat_arrow_out_struct(children, n, pairs, 3, out, err);
    }
    for (size_t i = 0; children && i < n; i++)
        if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    return status;
}

static feat_value_status status_of(uint8_t state, bool found, bool expired) {
    if (state == FEAT_STATE_ERROR) return FEAT_VALUE_ERROR;
    if (expired) return FEAT_VALUE_EXPIRED;
    if (!found) return FEAT_VALUE_NOT_FOUND;
    return state == FEAT_STATE_NULL ? FEAT_VALUE_NULL : FEAT_VALUE_PRESENT;
}

/* Lanes of an output that are TRUE; `none` where there is no such output. */
static void truths(const feat_code *code, feat_machine *machine, int32_t number, size_t n, bool none, bool *out) {
    uint8_t states[FEAT_LANES];
    for (size_t i = 0; i < n; i++) out[i] = none;
    if (number < 0) return;
    const feat_vector *v = feat_machine_register(machine, code->outputs[number]);
    feat_vector_states(v, n, states);
    for (size_t i = 0; i < n; i++) out[i] = states[i] == FEAT_STATE_VALUE && feat_vector_cell(v, i).v.b;
}

static feat_status store_statuses(const feat_service *service, feat_machine *machine, size_t feature,
                                  const uint8_t *states, size_t n, feat_column *column, feat_error *err) {
    bool found[FEAT_LANES], expired[FEAT_LANES];
    int32_t view = service->feature_view[feature];
    truths(service->stage.code, machine, view < 0 ? -1 : service->views[view].found_output, n, true, found);
    truths(service->stage.code, machine, view < 0 ? -1 : service->views[view].expired_output, n, false, expired);
    if (feat_column_reserve(column, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (feat_column_append_int(column, status_of(states[i], found[i], expired[i])) != 0)
            return feat_fail_memory(err);
    return FEAT_OK;
}

static feat_status store_lanes(const feat_service *service, const feat_training_options *opt, feat_machine *machine,
                               size_t start, size_t n, const bool *picked, feat_column *columns, feat_error *err) {
    size_t per = opt->status ? 2 : 1;
    for (size_t f = 0; f < service->n_features; f++) {
        if (picked[f]) continue;
        const feat_vector *v = feat_machine_register(machine, service->stage.code->outputs[f]);
        uint8_t states[FEAT_LANES];
        feat_vector_states(v, n, states);
        if (opt->on_error == FEAT_ON_ERROR_FAIL)
            for (size_t i = 0; i < n; i++)
                if (states[i] == FEAT_STATE_ERROR)
                    return feat_fail_row(err, FEAT_DATA, (int64_t)(start + i),
                                         "spine row %zu, feature '%s': the value is an error (overflow or a failed "
                                         "conversion); ask for NULL instead, "
                                         "or mend the definition",
                                         start + i, service->features[f].name);
        if (feat_vector_store(v, n, &columns[f * per]) != 0) return feat_fail_memory(err);
        if (opt->status) FEAT_TRY(store_statuses(service, machine, f, states, n, &columns[f * per + 1], err));
    }
    return FEAT_OK;
}

/* ---- Features that are an aggregate as it is: their columns are the answers, put into the spine's order. ---- */

/* The column of answers that an output is, or NULL: something is computed, or the values are narrower in a column. */
static const feat_event_slot *answer_of(const feat_code *code, const feat_row_source *rows, size_t number,
                                        feat_type type, const uint32_t **place) {
    if (type != FEAT_TYPE_BIGINT && type != FEAT_TYPE_TIMESTAMP && type != FEAT_TYPE_DOUBLE) return NULL;
    for (size_t i = 0; i < code->n_loads; i++) {
        const feat_load *load = &code->loads[i];
        if (load->reg != code->outputs[number] || load->kind != FEAT_LOAD_AGGREGATE) continue;
        *place = rows->answers[load->join].place;
        return &rows->answers[load->join].columns[load->index];
    }
    return NULL;
}

/* Values and states of rows [first, first + n) into a column; *failed when one of them is an error. */
static feat_status pick_answers(const feat_event_slot *from, const uint32_t *place, size_t first, size_t n,
                                feat_column *column, bool *failed, feat_error *err) {
    const uint64_t *values = from->values;
    uint64_t *out = feat_alloc_aligned(n * sizeof *out);
    uint8_t *validity = feat_alloc_aligned(feat_bitmap_size(n)), worst = 0;
    size_t nulls = 0;
    if (!out || !validity) {
        feat_free(out);
        feat_free(validity);
        return feat_fail_memory(err);
    }
    for (size_t at = 0; at < n; at += 8) {
        unsigned bits = 0;
        size_t lanes = n - at < 8 ? n - at : 8;
        for (size_t i = 0; i < lanes; i++) {
            size_t row = place ? place[first + at + i] : first + at + i;
            uint8_t state = from->state[row];
            out[at + i] = values[row];
            worst = state > worst ? state : worst;
            bits |= (unsigned)(state == FEAT_STATE_VALUE) << i;
        }
        validity[at / 8] = (uint8_t)bits;
        nulls += lanes - (size_t)__builtin_popcount(bits);
    }
    *failed = worst == FEAT_STATE_ERROR;
    if (nulls == 0) {
        feat_free(validity);
        validity = NULL;
    }
    feat_column_adopt(column, out, validity, n, nulls);
    return FEAT_OK;
}

/* One column of one batch: a part of the work. */
typedef struct picking {
    const feat_service *service;
    const feat_row_source *rows;
    output *o;
    const size_t *firsts; /* row of each batch */
    size_t per;
    bool *picked; /* by feature; cleared where a value is an error, which the machine's way then names */
} picking;

static feat_status pick_part(void *context, size_t part, feat_error *err) {
    picking *p = context;
    size_t n_features = p->service->n_features, b = part / n_features, f = part % n_features;
    const uint32_t *place;
    const feat_event_slot *from = answer_of(p->service->stage.code, p->rows, f, p->service->features[f].type, &place);
    feat_column *column = &p->o->features[b * p->o->n_features + f * p->per];
    bool failed = false;
    if (!from || !__atomic_load_n(&p->picked[f], __ATOMIC_RELAXED)) return FEAT_OK;
    FEAT_TRY(pick_answers(from, place, p->firsts[b], p->o->batch_rows[b], column, &failed, err));
    if (failed) __atomic_store_n(&p->picked[f], false, __ATOMIC_RELAXED);
    return FEAT_OK;
}

/* Which features are picked from the answers; the others are left to the machine. */
static feat_status pick_features(const feat_service *service, const feat_training_options *opt,
                                 const feat_row_source *rows, output *o, bool *picked, feat_error *err) {
    const uint32_t *place;
    size_t first = 0;
    size_t *firsts = feat_alloc_array(o->n_batches, sizeof *firsts);
    if (!firsts) return feat_fail_memory(err);
    for (size_t b = 0; b < o->n_batches; first += o->batch_rows[b++]) firsts[b] = first;
    for (size_t f = 0; f < service->n_features; f++)
        picked[f] = !opt->status && answer_of(service->stage.code, rows, f, service->features[f].type, &place);
    picking p = {service, rows, o, firsts, opt->status ? 2 : 1, picked};
    feat_status status =
        feat_parallel(feat_thread_count(opt->threads), o->n_batches * service->n_features, pick_part, &p, err);
    for (size_t f = 0; f < service->n_features; f++)
        for (size_t b = 0; b < o->n_batches && !picked[f]; b++)
            feat_column_clear(&o->features[b * o->n_features + f * p.per]);
    feat_free(firsts);
    return status;
}

/* The spine's batches become the output's, and the features of each are computed. */
static feat_status output_build(const feat_service *service, const feat_training_options *opt, spine *s,
                                const feat_row_source *rows, output *o, feat_error *err) {
    size_t per = opt->status ? 2 : 1, first = 0;
    feat_machine *machine = NULL;
    o->n_spine = feat_arrow_in_columns(s->in);
    o->n_features = per * service->n_features;
    o->n_batches = s->n_batches;
    o->batches = s->batches;
    o->batch_rows = s->batch_rows;
    s->batches = NULL;
    s->batch_rows = NULL;
    s->n_batches = 0;
    bool *picked = feat_alloc_zero(service->n_features, sizeof *picked), all = true;
    o->features = feat_alloc_zero(o->n_batches * o->n_features, sizeof *o->features);
    if (!o->features || !picked) {
        feat_free(picked);
        return feat_fail_memory(err);
    }
    for (size_t b = 0; b < o->n_batches; b++)
        for (size_t f = 0; f < o->n_features; f++)
            feat_column_init(&o->features[b * o->n_features + f],
                             opt->status && f % 2 ? FEAT_TYPE_BIGINT : service->features[f / per].type);
    feat_status status = pick_features(service, opt, rows, o, picked, err);
    for (size_t f = 0; f < service->n_features; f++) all = all && picked[f];
    if (status == FEAT_OK && !all) status = feat_machine_new(service->stage.code, &machine, err);
    for (size_t b = 0; b < o->n_batches && status == FEAT_OK && !all; first += o->batch_rows[b++])
        for (size_t at = 0; at < o->batch_rows[b] && status == FEAT_OK; at += FEAT_LANES) {
            size_t n = o->batch_rows[b] - at < FEAT_LANES ? o->batch_rows[b] - at : FEAT_LANES;
            feat_row_source_load(rows, service->stage.code, service->stage.code->n_joins, machine, first + at, n);
            status = feat_machine_run(machine, n, err);
            if (status != FEAT_OK) break;
            status = store_lanes(service, opt, machine, first + at, n, picked, o->features + b * o->n_features, err);
        }
    feat_machine_free(machine);
    feat_free(picked);
    return status;
}

feat_status feat_training_build(feat_db *db, const feat_service *service, uint64_t version,
                                struct ArrowArrayStream *stream, const feat_training_options *opt,
                                struct ArrowArrayStream *out, feat_error *err) {
    const feat_code *code = service->stage.code;
    spine s = {0};
    struct ArrowSchema schema = {0};
    feat_answers *answers = NULL;
    const feat_column **inputs = NULL;
    int64_t *times = NULL;
    output *o = NULL;
    feat_status status;
    FEAT_GOTO(status, spine_read(&s, service, stream, opt->timestamp, err), out);
    answers = feat_alloc_zero(code->n_joins, sizeof *answers);
    inputs = feat_alloc_array(service->n_inputs, sizeof *inputs);
    times = feat_alloc_array(s.n_rows, sizeof *times);
    o = feat_alloc_zero(1, sizeof *o);
    if (!answers || !inputs || !times || !o) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < service->n_inputs; i++) inputs[i] = &s.columns[i];
    for (size_t i = 0; i < s.n_rows; i++) times[i] = feat_column_int(&s.columns[s.n_fields - 1], i);
    feat_row_source rows = {inputs, times, answers};
    feat_answering how = {.db = db, .version = version, .threads = feat_thread_count(opt->threads)};
    FEAT_GOTO(status, feat_answer_blocks(&how, code, inputs, times, s.n_rows, answers, err), out);
    FEAT_GOTO(status, output_schema(&s, service, version, opt->status, &schema, err), out);
    FEAT_GOTO(status, output_build(service, opt, &s, &rows, o, err), out);
    status = feat_arrow_out_stream(&schema, (feat_arrow_producer){output_next, output_free, o}, out, err);
    if (status == FEAT_OK) o = NULL;
out:
    output_free(o);
    if (schema.release) schema.release(&schema);
    for (size_t j = 0; answers && j < code->n_joins; j++) feat_answers_done(&answers[j]);
    feat_free(answers);
    feat_free(inputs);
    feat_free(times);
    spine_done(&s);
    return status;
}
