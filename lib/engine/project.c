#include "engine/project.h"

#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "engine/enriched.h"
#include "engine/prune.h"

feat_status feat_entity_events_init(feat_entity_events *e, const feat_block *block, feat_error *err) {
    *e = (feat_entity_events){0};
    return feat_events_init(&e->events, block, err);
}

void feat_entity_events_done(feat_entity_events *e) {
    if (e->events.slots) feat_events_done(&e->events);
    feat_free(e->entity);
    feat_free(e->life);
    *e = (feat_entity_events){0};
}

/* The fields that projecting a branch reads, loaded for one lot of rows after the other. */
typedef struct loader {
    const feat_answering *how;
    const feat_block *block;
    const feat_union_branch *branch;
    feat_projector *projector;
    uint32_t *fields;             /* the fields read */
    feat_column *columns;         /* one for each of them */
    const feat_column **by_field; /* by field of the table; NULL when not read */
    feat_column *live;            /* the same rows without those that are deleted; made when there are any */
    size_t n;
    feat_buffer key, last;
    int64_t *times;
    uint32_t *rows, taken[FEAT_LANES], entity[FEAT_LANES];
    feat_lifetime *life; /* of each row, where several versions are read */
    bool any_gone;
    uint8_t *gone;             /* bitmap of the rows that are deleted, or that none of the versions shows */
    feat_enriching *enriching; /* what these rows are enriched with, over the same versions */
    size_t times_capacity, rows_capacity, life_capacity, gone_capacity, n_rows;
} loader;

static void loader_done(loader *l) {
    feat_projector_free(l->projector);
    for (size_t i = 0; l->columns && l->live && i < l->n; i++) {
        feat_column_done(&l->columns[i]);
        feat_column_done(&l->live[i]);
    }
    feat_free(l->fields);
    feat_free(l->columns);
    feat_free(l->live);
    feat_free(l->by_field);
    feat_buffer_done(&l->key);
    feat_buffer_done(&l->last);
    feat_free(l->times);
    feat_free(l->rows);
    feat_free(l->life);
    feat_free(l->gone);
    feat_enriching_free(l->enriching);
}

static feat_status loader_init(loader *l, const feat_answering *how, const feat_block *block, size_t branch,
                               feat_error *err) {
    *l = (loader){.how = how, .block = block, .branch = &block->branches[branch]};
    const feat_schema *table = l->branch->table;
    bool *reads = feat_alloc_zero(table->n_fields, sizeof *reads);
    l->fields = feat_alloc_array(table->n_fields, sizeof *l->fields);
    l->columns = feat_alloc_zero(table->n_fields, sizeof *l->columns);
    l->live = feat_alloc_zero(table->n_fields, sizeof *l->live);
    l->by_field = feat_alloc_zero(table->n_fields, sizeof *l->by_field);
    feat_buffer_init(&l->key);
    feat_buffer_init(&l->last);
    feat_status status = FEAT_OK;
    if (!reads || !l->fields || !l->columns || !l->live || !l->by_field) {
        status = feat_fail_memory(err);
        goto out;
    }
    feat_branch_reads(l->branch, reads);
    for (uint32_t f = 0; f < table->n_fields; f++) {
        if (!reads[f]) continue;
        feat_column_init(&l->columns[l->n], table->fields[f].type);
        feat_column_init(&l->live[l->n], table->fields[f].type);
        l->by_field[f] = &l->columns[l->n];
        l->fields[l->n++] = f;
    }
    status = feat_projector_new(block, branch, &l->projector, err);
out:
    feat_free(reads);
    return status;
}

static void loader_clear(loader *l) {
    for (size_t i = 0; i < l->n; i++) feat_column_clear(&l->columns[i]);
    l->n_rows = 0;
    l->any_gone = false;
}

/* Room for marks of the rows of a segment that are not there, none of them yet. */
static feat_status mark_none(loader *l, uint32_t rows, feat_error *err) {
    size_t before = feat_bitmap_size(l->n_rows), size = feat_bitmap_size(l->n_rows + rows);
    if (FEAT_GROW(l->gone, l->gone_capacity, size) != 0) return feat_fail_memory(err);
    memset(l->gone + before, 0, size - before);
    return FEAT_OK;
}

static void mark_gone(loader *l, size_t row) {
    feat_bit_set(l->gone, row);
    l->any_gone = true;
}

/* Leaves the rows out that are not there, of all segments at once: what follows sees rows that are. */
static feat_status drop_gone(loader *l, feat_error *err) {
    size_t kept = 0;
    if (!l->any_gone) return FEAT_OK;
    if (FEAT_GROW(l->rows, l->rows_capacity, l->n_rows) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < l->n_rows; i++)
        if (!feat_bit_get(l->gone, i)) l->rows[kept++] = (uint32_t)i;
    for (size_t i = 0; i < l->n; i++) {
        feat_column_clear(&l->live[i]);
        if (feat_column_append_rows(&l->live[i], &l->columns[i], l->rows, kept) != 0) return feat_fail_memory(err);
        feat_column swap = l->live[i];
        l->live[i] = l->columns[i];
        l->columns[i] = swap;
    }
    for (size_t i = 0; l->life && i < kept; i++) l->life[i] = l->life[l->rows[i]];
    l->n_rows = kept;
    return FEAT_OK;
}

/* `life`: of the rows, or NULL. */
static feat_status take_batch(loader *l, const feat_row_source *rows, const feat_lifetime *life, size_t start,
                              const uint32_t *lanes, size_t n, feat_keymap *map, bool all, feat_entity_events *out,
                              feat_error *err) {
    size_t picked = 0;
    uint32_t last = FEAT_NO_KEY;
    for (size_t i = 0; i < n; i++) {
        feat_buffer_clear(&l->key);
        feat_projector_key(l->projector, lanes[i], &l->key);
        if (l->key.failed) return feat_fail_memory(err);
        /* Rows come sorted by the table's entity key, so the key before is often the same. */
        if (i == 0 || l->key.size != l->last.size || memcmp(l->key.data, l->last.data, l->last.size) != 0) {
            if (!feat_keymap_number(map, l->key.data, l->key.size, all, &last)) return feat_fail_memory(err);
            feat_buffer swap = l->last;
            l->last = l->key;
            l->key = swap;
        }
        if (last == FEAT_NO_KEY) continue;
        l->taken[picked] = lanes[i];
        l->entity[picked++] = last;
    }
    size_t before = out->events.n;
    if (before + picked > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "more than 4,294,967,295 events at once");
    if (FEAT_GROW(out->entity, out->entity_capacity, before + picked) != 0) return feat_fail_memory(err);
    FEAT_TRY(feat_projector_take(l->projector, rows, start, l->taken, picked, &out->events, err));
    if (picked) memcpy(out->entity + before, l->entity, picked * sizeof *l->entity);
    if (!life) return FEAT_OK;
    if (FEAT_GROW(out->life, out->life_capacity, before + picked) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < picked; i++) out->life[before + i] = life[start + l->taken[i]];
    return FEAT_OK;
}

static feat_status project_rows(loader *l, const feat_projection *p, const feat_row_source *rows,
                                const feat_lifetime *life, size_t n, feat_error *err) {
    for (size_t at = 0; at < n; at += FEAT_LANES) {
        const uint32_t *lanes;
        size_t n_lanes, part = n - at < FEAT_LANES ? n - at : FEAT_LANES;
        FEAT_TRY(feat_projector_batch(l->projector, rows, at, part, &lanes, &n_lanes, err));
        FEAT_TRY(take_batch(l, rows, life, at, lanes, n_lanes, p->map, p->all, p->out, err));
        if (p->taken) FEAT_TRY(p->taken(p->context, err));
    }
    return FEAT_OK;
}

static feat_status take_times(loader *l, feat_error *err) {
    if (l->n_rows > UINT32_MAX) return feat_fail(err, FEAT_LIMIT, "too many rows at once");
    if (FEAT_GROW(l->times, l->times_capacity, l->n_rows) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < l->n_rows; i++) l->times[i] = feat_event_time(l->by_field[l->branch->table->time], i);
    return FEAT_OK;
}

/* Projects the rows that are loaded. */
static feat_status project_loaded(loader *l, const feat_projection *p, feat_error *err) {
    const feat_code *code = l->branch->stage.code;
    feat_answers *answers = NULL;
    feat_status status = FEAT_OK;
    FEAT_TRY(drop_gone(l, err));
    FEAT_TRY(take_times(l, err));
    if (code->n_joins) {
        answers = feat_alloc_zero(code->n_joins, sizeof *answers);
        if (!answers) return feat_fail_memory(err);
        feat_answering how = *l->how;
        how.work = NULL; /* its units are rows of the spine */
        status = feat_answer_blocks(&how, code, l->by_field, l->times, l->n_rows, answers, err);
    }
    feat_row_source rows = {l->by_field, l->times, answers};
    if (status == FEAT_OK) status = project_rows(l, p, &rows, NULL, l->n_rows, err);
    for (size_t j = 0; answers && j < code->n_joins; j++) feat_answers_done(&answers[j]);
    feat_free(answers);
    return status;
}

/* Rows that are enriched are projected many at a time: each lot reads what they are enriched with anew. */
enum { ROWS_AT_ONCE = 65536, JOINED_ROWS_AT_ONCE = 1 << 20 };

static size_t lot_rows(const loader *l) {
    const feat_stage *stage = &l->branch->stage;
    if (!stage->n_joins && !stage->code->n_joins) return 1; /* a segment */
    uint64_t bytes = 16 * (l->n + stage->code->n_loads + 1), most = l->how->memory / 2 / bytes;
    if (l->how->memory == 0 || most > JOINED_ROWS_AT_ONCE) return JOINED_ROWS_AT_ONCE;
    return most < ROWS_AT_ONCE ? ROWS_AT_ONCE : (size_t)most;
}

/* Adds the rows of a segment. */
static feat_status load_segment(loader *l, feat_table_version *tv, size_t segment, feat_error *err) {
    const uint8_t *deleted;
    uint32_t n = feat_table_segment(tv, segment).rows;
    FEAT_TRY(feat_table_deleted(tv, segment, &deleted, err));
    FEAT_TRY(mark_none(l, n, err));
    for (uint32_t row = 0; deleted && row < n; row++)
        if (feat_bit_get(deleted, row)) mark_gone(l, l->n_rows + row);
    FEAT_TRY(feat_table_read(tv, segment, l->fields, l->n, l->columns, err));
    l->n_rows += n;
    return FEAT_OK;
}

static feat_status project_branch(const feat_projection *p, size_t branch, feat_error *err) {
    loader l;
    feat_table_version *tv = NULL;
    feat_prune prune = {0};
    feat_status status = loader_init(&l, p->how, p->block, branch, err);
    if (status == FEAT_OK) status = feat_prune_init(&prune, l.branch, err);
    if (status == FEAT_OK) status = feat_table_open(p->how->db, l.branch->table, p->how->version, &tv, err);
    size_t lot = lot_rows(&l), segments = status == FEAT_OK ? feat_table_segments(tv) : 0;
    size_t end = segments * (p->share + 1) / p->shares;
    for (size_t s = segments * p->share / p->shares; s < end; s++) {
        bool skip;
        FEAT_GOTO(status, feat_prune_segment(&prune, tv, s, &skip, err), out);
        if (!skip) FEAT_GOTO(status, load_segment(&l, tv, s, err), out);
        if (!skip) p->out->rows_read += feat_table_segment(tv, s).rows;
        if (l.n_rows < lot && s + 1 < end) continue;
        FEAT_GOTO(status, project_loaded(&l, p, err), out);
        loader_clear(&l);
    }
out:
    feat_table_close(tv);
    feat_prune_done(&prune);
    loader_done(&l);
    return status;
}

/* ---- Of several versions. ---- */

/* Adds the rows of a segment, with their lifetimes. */
static feat_status load_lives(loader *l, feat_table_version *tv, const feat_lives_segment *s, feat_error *err) {
    if (feat_table_segment(tv, s->index).rows != s->rows)
        return feat_fail(err, FEAT_INTERNAL, "a segment is not where it was");
    FEAT_TRY(mark_none(l, s->rows, err));
    if (FEAT_GROW(l->life, l->life_capacity, l->n_rows + s->rows) != 0) return feat_fail_memory(err);
    for (uint32_t row = 0; row < s->rows; row++) {
        feat_lifetime life = feat_lives_row(s, row);
        l->life[l->n_rows + row] = life;
        if (life.from >= life.to) mark_gone(l, l->n_rows + row);
    }
    FEAT_TRY(feat_table_read(tv, s->index, l->fields, l->n, l->columns, err));
    l->n_rows += s->rows;
    return FEAT_OK;
}

static feat_status project_loaded_lives(loader *l, const feat_projection *p, feat_error *err) {
    FEAT_TRY(drop_gone(l, err));
    FEAT_TRY(take_times(l, err));
    feat_row_source rows = {l->by_field, l->times, NULL};
    if (!l->enriching) return project_rows(l, p, &rows, l->life, l->n_rows, err);
    feat_enriched e;
    feat_status status =
        feat_enrich(l->enriching, l->by_field, l->branch->table->n_fields, l->times, l->life, l->n_rows, &e, err);
    if (status == FEAT_OK) status = project_rows(l, p, &e.rows, e.life, e.n, err);
    feat_enriched_done(&e);
    return status;
}

static feat_status project_lives(const feat_projection *p, size_t branch, feat_error *err) {
    const feat_lives *h = &p->how->lives[branch];
    const feat_code *code = p->block->branches[branch].stage.code;
    loader l;
    feat_table_version *tv = NULL;
    feat_prune prune = {0};
    feat_status status = loader_init(&l, p->how, p->block, branch, err);
    if (status == FEAT_OK) status = feat_prune_init(&prune, l.branch, err);
    if (status == FEAT_OK && code->n_joins) status = feat_enriching_make(p->how, code, &l.enriching, err);
    if (status != FEAT_OK) goto out;
    size_t lot = lot_rows(&l);
    for (size_t i = h->n * p->share / p->shares, end = h->n * (p->share + 1) / p->shares, first = i; i < end; i++) {
        const feat_lives_segment *s = &h->segments[i];
        bool skip;
        if (i == first || s->version != s[-1].version) {
            feat_table_close(tv);
            tv = NULL;
            FEAT_GOTO(status, feat_table_open(p->how->db, l.branch->table, s->version, &tv, err), out);
        }
        FEAT_GOTO(status, feat_prune_segment(&prune, tv, s->index, &skip, err), out);
        if (!skip) FEAT_GOTO(status, load_lives(&l, tv, s, err), out);
        if (!skip) p->out->rows_read += s->rows;
        if (l.n_rows < lot && i + 1 < end) continue;
        FEAT_GOTO(status, project_loaded_lives(&l, p, err), out);
        loader_clear(&l);
    }
out:
    feat_table_close(tv);
    feat_prune_done(&prune);
    loader_done(&l);
    return status;
}

feat_status feat_project(const feat_projection *p, feat_error *err) {
    for (size_t b = 0; b < p->block->n_branches; b++)
        FEAT_TRY(p->how->lives ? project_lives(p, b, err) : project_branch(p, b, err));
    return FEAT_OK;
}

feat_status feat_project_block(feat_db *db, uint64_t version, const feat_block *block, feat_keymap *map,
                               feat_entity_events *out, feat_error *err) {
    feat_answering how = {.db = db, .version = version, .threads = 1};
    feat_projection p = {.how = &how, .block = block, .map = map, .all = true, .shares = 1, .out = out};
    return feat_project(&p, err);
}

feat_status feat_project_rows(feat_db *db, uint64_t version, const feat_block *block, size_t branch,
                              const feat_row_address *rows, size_t n, feat_keymap *map, feat_entity_events *out,
                              feat_error *err) {
    loader l;
    feat_table_version *tv = NULL;
    feat_answering how = {.db = db, .version = version, .threads = 1};
    feat_projection p = {.how = &how, .block = block, .map = map, .all = true, .shares = 1, .out = out};
    feat_status status = loader_init(&l, &how, block, branch, err);
    if (status == FEAT_OK) status = feat_table_open(db, l.branch->table, version, &tv, err);
    for (size_t at = 0; status == FEAT_OK && at < n; at += ROWS_AT_ONCE) {
        size_t part = n - at < ROWS_AT_ONCE ? n - at : ROWS_AT_ONCE;
        loader_clear(&l);
        FEAT_GOTO(status, feat_table_read_rows(tv, rows + at, part, l.fields, l.n, l.columns, err), out);
        l.n_rows = part;
        status = project_loaded(&l, &p, err);
    }
out:
    feat_table_close(tv);
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
