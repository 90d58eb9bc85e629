#include "engine/spine.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"

void feat_spine_done(feat_spine *s) {
    for (size_t i = 0; s->columns && i < s->n_fields; i++) feat_column_done(&s->columns[i]);
    for (size_t i = 0; i < s->n_batches; i++)
        if (s->batches[i].release) s->batches[i].release(&s->batches[i]);
    feat_free(s->batches);
    feat_free(s->batch_rows);
    feat_free(s->columns);
    feat_free(s->fields);
    feat_arrow_in_close(s->in);
}

/* The column with the times: the one that was named, else the only timestamp that is no request input. */
static feat_status find_timestamp(const feat_spine *s, const feat_service *service, const char *wanted,
                                  const char **name, feat_error *err) {
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

static feat_status check_names(const feat_spine *s, const feat_service *service, feat_error *err) {
    for (size_t f = 0; f < service->n_features; f++)
        for (size_t i = 0; i < feat_arrow_in_columns(s->in); i++)
            if (strcmp(service->features[f].name, feat_arrow_in_name(s->in, i)) == 0)
                return feat_fail(err, FEAT_EXISTS,
                                 "spine: column '%s' has the name of a feature of service '%s'; rename one of them",
                                 service->features[f].name, service->name);
    return FEAT_OK;
}

/* A column of positions: whole numbers, none of them NULL. */
static feat_status add_position(feat_spine *s, size_t n, const char *name, feat_error *err) {
    int i = feat_arrow_in_find(s->in, name);
    if (i < 0) return feat_fail(err, FEAT_SCHEMA, "spine: there is no column '%s' to take the positions from", name);
    s->fields[n] =
        (feat_field){.name = feat_arrow_in_name(s->in, (size_t)i), .type = FEAT_TYPE_BIGINT, .not_null = true};
    return FEAT_OK;
}

feat_status feat_spine_read(feat_spine *s, const feat_service *service, struct ArrowArrayStream *stream,
                            const feat_training_options *opt, feat_error *err) {
    *s = (feat_spine){0};
    FEAT_TRY(feat_arrow_in_open(stream, &s->in, err));
    const char *time_name = NULL;
    FEAT_TRY(find_timestamp(s, service, opt->timestamp, &time_name, err));
    FEAT_TRY(check_names(s, service, err));
    size_t time = service->n_inputs, n = time + 1;
    s->fields = feat_alloc_zero(n + 2, sizeof *s->fields);
    s->columns = feat_alloc_zero(n + 2, sizeof *s->columns);
    if (!s->fields || !s->columns) return feat_fail_memory(err);
    for (size_t i = 0; i < time; i++) s->fields[i] = service->inputs[i];
    s->fields[time] = (feat_field){.name = time_name, .type = FEAT_TYPE_TIMESTAMP, .not_null = true};
    if (opt->version_column) FEAT_TRY(add_position(s, n++, opt->version_column, err));
    if (opt->sequence_column) FEAT_TRY(add_position(s, n++, opt->sequence_column, err));
    s->n_fields = n;
    for (size_t i = 0; i < n; i++) feat_column_init(&s->columns[i], s->fields[i].type);
    s->times = &s->columns[time];
    if (opt->version_column) s->versions = &s->columns[time + 1];
    if (opt->sequence_column) s->sequences = &s->columns[n - 1];
    FEAT_TRY(feat_arrow_in_bind(s->in, s->fields, NULL, n, false, "spine", err));
    feat_arrow_in_lend(s->in);
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
