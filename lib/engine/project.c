#include "engine/project.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"

feat_status feat_entity_events_init(feat_entity_events *e, const feat_view *view, feat_error *err) {
    *e = (feat_entity_events){0};
    return feat_events_init(&e->events, view, err);
}

void feat_entity_events_done(feat_entity_events *e) {
    feat_events_done(&e->events);
    feat_free(e->entity);
    *e = (feat_entity_events){0};
}

/* The fields that projecting a view reads, loaded for one batch of rows after the other. */
typedef struct loader {
    const feat_view *view;
    feat_projector *projector;
    uint32_t *fields;             /* the fields read */
    feat_column *columns;         /* one for each of them */
    const feat_column **by_field; /* by field of the table; NULL when not read */
    const feat_column **key;
    size_t n;
    feat_buffer scratch, last;
    uint32_t *rows, *row_entity, *kept;
    size_t rows_capacity, row_entity_capacity, kept_capacity;
} loader;

static void loader_done(loader *l) {
    feat_projector_free(l->projector);
    for (size_t i = 0; l->columns && i < l->n; i++) feat_column_done(&l->columns[i]);
    feat_free(l->fields);
    feat_free(l->columns);
    feat_free(l->by_field);
    feat_free(l->key);
    feat_buffer_done(&l->scratch);
    feat_buffer_done(&l->last);
    feat_free(l->rows);
    feat_free(l->row_entity);
    feat_free(l->kept);
}

static feat_status loader_init(loader *l, const feat_view *view, feat_error *err) {
    *l = (loader){.view = view};
    size_t n_fields = view->table->n_fields;
    bool *reads = feat_alloc_zero(n_fields, sizeof *reads);
    l->fields = feat_alloc_array(n_fields, sizeof *l->fields);
    l->columns = feat_alloc_zero(n_fields, sizeof *l->columns);
    l->by_field = feat_alloc_zero(n_fields, sizeof *l->by_field);
    l->key = feat_alloc_zero(view->n_key, sizeof *l->key);
    feat_buffer_init(&l->scratch);
    feat_buffer_init(&l->last);
    feat_status status = FEAT_OK;
    if (!reads || !l->fields || !l->columns || !l->by_field || !l->key) {
        status = feat_fail_memory(err);
        goto out;
    }
    feat_view_reads(view, reads);
    for (size_t i = 0; i < view->n_key; i++) reads[view->key[i]] = true;
    for (uint32_t f = 0; f < n_fields; f++) {
        if (!reads[f]) continue;
        feat_column_init(&l->columns[l->n], view->table->fields[f].type);
        l->by_field[f] = &l->columns[l->n];
        l->fields[l->n++] = f;
    }
    for (size_t i = 0; i < view->n_key; i++) l->key[i] = l->by_field[view->key[i]];
    status = feat_projector_new(view, &l->projector, err);
out:
    feat_free(reads);
    return status;
}

/* Projects the rows of the loaded columns that are not marked in `deleted` (may be NULL). */
static feat_status project_loaded(loader *l, size_t n, const uint8_t *deleted, feat_keymap *map, bool all,
                                  feat_entity_events *out, feat_error *err) {
    if (n > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "too many rows at once");
    if (FEAT_GROW(l->rows, l->rows_capacity, n) != 0 || FEAT_GROW(l->row_entity, l->row_entity_capacity, n) != 0)
        return feat_fail_memory(err);
    size_t picked = 0;
    uint32_t last = FEAT_NO_KEY;
    bool have_last = false;
    for (size_t row = 0; row < n; row++) {
        if (deleted && feat_bit_get(deleted, row)) continue;
        if (!feat_entity_key(&l->scratch, l->key, l->view->n_key, row)) continue;
        if (l->scratch.failed) return feat_fail_memory(err);
        /* Rows come sorted by the table's entity key, so the key before is often the same. */
        if (!have_last || l->scratch.size != l->last.size || memcmp(l->scratch.data, l->last.data, l->last.size) != 0) {
            if (!feat_keymap_number(map, l->scratch.data, l->scratch.size, all, &last)) return feat_fail_memory(err);
            feat_buffer swap = l->last;
            l->last = l->scratch;
            l->scratch = swap;
            have_last = true;
        }
        if (last == FEAT_NO_KEY) continue;
        l->rows[picked] = (uint32_t)row;
        l->row_entity[picked++] = last;
    }
    size_t before = out->events.n;
    FEAT_TRY(
        feat_projector_run(l->projector, l->by_field, l->rows, picked, &out->events, &l->kept, &l->kept_capacity, err));
    size_t added = out->events.n - before;
    if (out->events.n > UINT32_MAX)
        return feat_fail(err, FEAT_LIMIT, "view '%s': more than 4,294,967,295 events at once", l->view->name);
    if (FEAT_GROW(out->entity, out->entity_capacity, out->events.n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < added; i++) out->entity[before + i] = l->row_entity[l->kept[i]];
    return FEAT_OK;
}

feat_status feat_project_table(const feat_view *view, feat_table_version *tv, feat_keymap *map, bool all,
                               feat_entity_events *out, feat_error *err) {
    loader l;
    feat_status status = loader_init(&l, view, err);
    for (size_t s = 0; status == FEAT_OK && s < feat_table_segments(tv); s++) {
        for (size_t i = 0; i < l.n; i++) feat_column_clear(&l.columns[i]);
        const uint8_t *deleted;
        FEAT_GOTO(status, feat_table_deleted(tv, s, &deleted, err), out);
        FEAT_GOTO(status, feat_table_read(tv, s, l.fields, l.n, l.columns, err), out);
        status = project_loaded(&l, feat_table_segment(tv, s).rows, deleted, map, all, out, err);
    }
out:
    loader_done(&l);
    return status;
}

feat_status feat_project_rows(const feat_view *view, feat_table_version *tv, const feat_row_address *rows, size_t n,
                              feat_keymap *map, feat_entity_events *out, feat_error *err) {
    enum { ROWS_AT_ONCE = 65536 };
    loader l;
    feat_status status = loader_init(&l, view, err);
    for (size_t at = 0; status == FEAT_OK && at < n; at += ROWS_AT_ONCE) {
        size_t part = n - at < ROWS_AT_ONCE ? n - at : ROWS_AT_ONCE;
        for (size_t i = 0; i < l.n; i++) feat_column_clear(&l.columns[i]);
        FEAT_GOTO(status, feat_table_read_rows(tv, rows + at, part, l.fields, l.n, l.columns, err), out);
        status = project_loaded(&l, part, NULL, map, true, out, err);
    }
out:
    loader_done(&l);
    return status;
}

feat_status feat_group_events(const feat_entity_events *e, size_t n_keys, uint32_t **numbers, size_t **starts,
                              feat_error *err) {
    size_t n = e->events.n;
    uint32_t *order = feat_alloc_array(n, sizeof *order);
    size_t *start = feat_alloc_zero(n_keys + 2, sizeof *start);
    feat_status status = FEAT_OK;
    if (!order || !start) {
        status = feat_fail_memory(err);
        goto fail;
    }
    /* Counting sort, one slot ahead so that start[k] ends as the group's first event. */
    for (size_t i = 0; i < n; i++) start[e->entity[i] + 2]++;
    for (size_t k = 2; k < n_keys + 2; k++) start[k] += start[k - 1];
    for (size_t i = 0; i < n; i++) order[start[e->entity[i] + 1]++] = (uint32_t)i;
    for (size_t k = 0; k < n_keys; k++)
        FEAT_GOTO(status, feat_events_sort(&e->events, order + start[k], start[k + 1] - start[k], err), fail);
    *numbers = order;
    *starts = start;
    return FEAT_OK;
fail:
    feat_free(order);
    feat_free(start);
    return status;
}
