/* Training sets: for every spine row the aggregates of each joined view at the row's own time, then the service's
 * request code over all rows. The features are complete before the stream is handed out, so an error belongs to the
 * call. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "column/arrow.h"
#include "engine/engine.h"
#include "engine/project.h"
#include "exec/cell.h"
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

/* ---- The aggregates of one join, a value for every spine row. ---- */

typedef struct result {
    feat_class class; /* FEAT_CLASS_N: nobody reads it */
    void *values;
    uint8_t *state;
} result;

typedef struct join_results {
    result *aggregates;
    size_t n;
    uint8_t *found;
    feat_arena text;
} join_results;

static void results_done(join_results *r) {
    for (size_t i = 0; r->aggregates && i < r->n; i++) {
        feat_free(r->aggregates[i].values);
        feat_free(r->aggregates[i].state);
    }
    feat_free(r->aggregates);
    feat_free(r->found);
    feat_arena_done(&r->text);
}

static feat_status results_init(join_results *r, const feat_service *service, uint32_t join, size_t n_rows,
                                feat_error *err) {
    const feat_view *view = service->joins[join].view;
    r->n = view->n_aggregates;
    r->aggregates = feat_alloc_zero(r->n, sizeof *r->aggregates);
    r->found = feat_alloc_zero(n_rows, 1);
    if (!r->aggregates || !r->found) return feat_fail_memory(err);
    for (size_t i = 0; i < service->code->n_loads; i++) {
        const feat_load *load = &service->code->loads[i];
        if (load->kind != FEAT_LOAD_AGGREGATE || load->join != join) continue;
        result *a = &r->aggregates[load->index];
        a->class = feat_class_of(load->type);
        a->values = feat_alloc_array(n_rows, feat_class_size(a->class));
        a->state = feat_alloc_array(n_rows, 1);
        if (!a->values || !a->state) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static bool results_put(join_results *r, size_t row, const feat_cell *cells, bool found) {
    r->found[row] = found;
    for (size_t i = 0; i < r->n; i++) {
        result *a = &r->aggregates[i];
        const feat_cell *cell = &cells[i];
        bool value = cell->state == FEAT_STATE_VALUE;
        if (a->class == FEAT_CLASS_N) continue;
        a->state[row] = cell->state;
        switch (a->class) {
        case FEAT_CLASS_B: ((uint8_t *)a->values)[row] = value ? cell->v.b : 0; break;
        case FEAT_CLASS_I: ((int64_t *)a->values)[row] = value ? cell->v.i : 0; break;
        case FEAT_CLASS_F: ((double *)a->values)[row] = value ? cell->v.f : 0; break;
        default: {
            feat_text text = value ? cell->v.t : (feat_text){"", 0};
            if (text.length) text.data = feat_arena_strndup(&r->text, text.data, text.length);
            if (!text.data) return false;
            ((feat_text *)a->values)[row] = text;
        }
        }
    }
    return true;
}

/* An index pays when an entity is asked more often than this; below, walking the windows is cheaper than building it.
 */
enum { SCANS_BEFORE_INDEX = 2 };

static feat_status answer_entity(const feat_view *view, feat_events *events, feat_window_index *index,
                                 const uint32_t *rows, size_t n_rows, const feat_column *times, feat_cell *cells,
                                 join_results *r, feat_error *err) {
    bool indexed = n_rows > SCANS_BEFORE_INDEX && events->n > 0, found;
    if (indexed) FEAT_TRY(feat_window_index_build(index, events, 0, events->n, err));
    for (size_t i = 0; i < n_rows; i++) {
        int64_t t = feat_column_int(times, rows[i]);
        if (indexed) feat_window_index_query(index, t, cells, &found);
        else feat_aggregates_scan(view, events, 0, events->n, t, cells, &found);
        if (!results_put(r, rows[i], cells, found)) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status join_run(feat_db *db, const feat_service *service, uint32_t join, uint64_t version, const spine *s,
                            join_results *r, feat_error *err) {
    const feat_view *view = service->joins[join].view;
    const feat_column *times = &s->columns[s->n_fields - 1];
    feat_keymap map;
    feat_buffer key;
    feat_entity_events projected = {0};
    feat_events one = {0};
    feat_table_version *tv = NULL;
    feat_window_index *index = NULL;
    uint32_t *row_key = feat_alloc_array(s->n_rows, sizeof *row_key), *rows = feat_alloc_array(s->n_rows, sizeof *rows),
             *numbers = NULL;
    size_t *row_starts = NULL, *event_starts = NULL;
    feat_cell *cells = feat_alloc_zero(view->n_aggregates, sizeof *cells);
    const feat_column **parts = feat_alloc_array(view->n_key, sizeof *parts);
    feat_status status = FEAT_OK;
    feat_keymap_init(&map);
    feat_buffer_init(&key);
    if (!row_key || !rows || !cells || !parts) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < view->n_key; i++) parts[i] = &s->columns[service->joins[join].inputs[i]];
    for (size_t i = 0; i < s->n_rows; i++) {
        row_key[i] = FEAT_NO_KEY;
        if (!feat_entity_key(&key, parts, view->n_key, i)) continue;
        if (key.failed || !feat_keymap_number(&map, key.data, key.size, true, &row_key[i])) {
            status = feat_fail_memory(err);
            goto out;
        }
    }
    FEAT_GOTO(status, feat_entity_events_init(&projected, view, err), out);
    FEAT_GOTO(status, feat_events_init(&one, view, err), out);
    FEAT_GOTO(status, feat_window_index_new(view, &index, err), out);
    FEAT_GOTO(status, feat_table_open(db, view->table, version, &tv, err), out);
    if (map.n > 0) FEAT_GOTO(status, feat_project_table(view, tv, &map, false, &projected, err), out);
    FEAT_GOTO(status, feat_group_events(&projected, map.n, &numbers, &event_starts, err), out);

    /* Spine rows by entity; those of no entity form the last group. */
    row_starts = feat_alloc_zero(map.n + 3, sizeof *row_starts);
    if (!row_starts) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        if (row_key[i] == FEAT_NO_KEY) row_key[i] = (uint32_t)map.n;
        row_starts[row_key[i] + 2]++;
    }
    for (size_t k = 2; k < map.n + 3; k++) row_starts[k] += row_starts[k - 1];
    for (size_t i = 0; i < s->n_rows; i++) rows[row_starts[row_key[i] + 1]++] = (uint32_t)i;
    for (size_t k = 0; k <= map.n; k++) {
        feat_events_clear(&one);
        if (k < map.n)
            FEAT_GOTO(status,
                      feat_events_gather(&one, &projected.events, numbers + event_starts[k],
                                         event_starts[k + 1] - event_starts[k], err),
                      out);
        FEAT_GOTO(status,
                  answer_entity(view, &one, index, rows + row_starts[k], row_starts[k + 1] - row_starts[k], times,
                                cells, r, err),
                  out);
    }
out:
    feat_table_close(tv);
    feat_window_index_free(index);
    feat_events_done(&one);
    feat_entity_events_done(&projected);
    feat_keymap_done(&map);
    feat_buffer_done(&key);
    feat_free(row_key);
    feat_free(rows);
    feat_free(numbers);
    feat_free(row_starts);
    feat_free(event_starts);
    feat_free(cells);
    feat_free(parts);
    return status;
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

/* Fills the registers that the code loads with spine rows [start, start + n). */
static void load_lanes(const feat_service *service, const spine *s, const join_results *joins, feat_machine *machine,
                       size_t start, size_t n) {
    for (size_t i = 0; i < service->code->n_loads; i++) {
        const feat_load *load = &service->code->loads[i];
        feat_vector *v = feat_machine_register(machine, load->reg);
        if (load->kind == FEAT_LOAD_INPUT) {
            feat_vector_load(v, &s->columns[load->index], start, n);
        } else if (load->kind == FEAT_LOAD_NOW) {
            feat_vector_load(v, &s->columns[s->n_fields - 1], start, n);
        } else {
            const result *a = &joins[load->join].aggregates[load->index];
            size_t size = feat_class_size(a->class);
            memcpy(v->values, (const char *)a->values + start * size, n * size);
            memcpy(v->state, a->state + start, n);
            v->plain = !memchr(a->state + start, FEAT_STATE_NULL, n) && !memchr(a->state + start, FEAT_STATE_ERROR, n);
        }
    }
}

static feat_value_status status_of(uint8_t state, bool found) {
    if (state == FEAT_STATE_ERROR) return FEAT_VALUE_ERROR;
    if (!found) return FEAT_VALUE_NOT_FOUND;
    return state == FEAT_STATE_NULL ? FEAT_VALUE_NULL : FEAT_VALUE_PRESENT;
}

static feat_status store_lanes(const feat_service *service, const feat_training_options *opt, const join_results *joins,
                               feat_machine *machine, size_t start, size_t n, feat_column *columns, feat_error *err) {
    size_t per = opt->status ? 2 : 1;
    for (size_t f = 0; f < service->n_features; f++) {
        const feat_vector *v = feat_machine_register(machine, service->code->outputs[f]);
        if (!v->plain && opt->on_error == FEAT_ON_ERROR_FAIL)
            for (size_t i = 0; i < n; i++)
                if (v->state[i] == FEAT_STATE_ERROR)
                    return feat_fail_row(err, FEAT_DATA, (int64_t)(start + i),
                                         "spine row %zu, feature '%s': the value is an error (overflow or a failed "
                                         "conversion); ask for NULL instead, "
                                         "or mend the definition",
                                         start + i, service->features[f].name);
        if (feat_vector_store(v, n, &columns[f * per]) != 0) return feat_fail_memory(err);
        if (!opt->status) continue;
        int32_t join = service->feature_join[f];
        if (feat_column_reserve(&columns[f * per + 1], n) != 0) return feat_fail_memory(err);
        for (size_t i = 0; i < n; i++) {
            uint8_t state = v->plain ? FEAT_STATE_VALUE : v->state[i];
            if (feat_column_append_int(&columns[f * per + 1],
                                       status_of(state, join < 0 || joins[join].found[start + i])) != 0)
                return feat_fail_memory(err);
        }
    }
    return FEAT_OK;
}

/* The spine's batches become the output's, and the features of each are computed. */
static feat_status output_build(const feat_service *service, const feat_training_options *opt, spine *s,
                                const join_results *joins, output *o, feat_error *err) {
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
    o->features = feat_alloc_zero(o->n_batches * o->n_features, sizeof *o->features);
    if (!o->features) return feat_fail_memory(err);
    for (size_t b = 0; b < o->n_batches; b++)
        for (size_t f = 0; f < o->n_features; f++)
            feat_column_init(&o->features[b * o->n_features + f],
                             opt->status && f % 2 ? FEAT_TYPE_BIGINT : service->features[f / per].type);
    feat_status status = feat_machine_new(service->code, &machine, err);
    for (size_t b = 0; b < o->n_batches && status == FEAT_OK; first += o->batch_rows[b++])
        for (size_t at = 0; at < o->batch_rows[b] && status == FEAT_OK; at += FEAT_LANES) {
            size_t n = o->batch_rows[b] - at < FEAT_LANES ? o->batch_rows[b] - at : FEAT_LANES;
            load_lanes(service, s, joins, machine, first + at, n);
            feat_machine_run(machine, n);
            status = store_lanes(service, opt, joins, machine, first + at, n, o->features + b * o->n_features, err);
        }
    feat_machine_free(machine);
    return status;
}

feat_status feat_training_build(feat_db *db, const feat_service *service, uint64_t version,
                                struct ArrowArrayStream *stream, const feat_training_options *opt,
                                struct ArrowArrayStream *out, feat_error *err) {
    spine s;
    struct ArrowSchema schema = {0};
    join_results *joins = NULL;
    output *o = NULL;
    feat_status status;
    FEAT_GOTO(status, spine_read(&s, service, stream, opt->timestamp, err), out);
    joins = feat_alloc_zero(service->n_joins, sizeof *joins);
    o = feat_alloc_zero(1, sizeof *o);
    if (!joins || !o) {
        status = feat_fail_memory(err);
        goto out;
    }
    for (uint32_t j = 0; j < service->n_joins; j++) feat_arena_init(&joins[j].text);
    for (uint32_t j = 0; j < service->n_joins; j++) {
        FEAT_GOTO(status, results_init(&joins[j], service, j, s.n_rows, err), out);
        FEAT_GOTO(status, join_run(db, service, j, version, &s, &joins[j], err), out);
    }
    FEAT_GOTO(status, output_schema(&s, service, version, opt->status, &schema, err), out);
    FEAT_GOTO(status, output_build(service, opt, &s, joins, o, err), out);
    status = feat_arrow_out_stream(&schema, (feat_arrow_producer){output_next, output_free, o}, out, err);
    if (status == FEAT_OK) o = NULL;
out:
    output_free(o);
    if (schema.release) schema.release(&schema);
    for (size_t j = 0; joins && j < service->n_joins; j++) results_done(&joins[j]);
    feat_free(joins);
    spine_done(&s);
    return status;
}
