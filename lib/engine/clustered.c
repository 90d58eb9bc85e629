#include "engine/clustered.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "engine/prune.h"
#include "exec/cell.h"

/* A batch ends with the first entity that reaches this many events: what a sweep builds over it stays in the cache. */
enum { BATCH_EVENTS = 16384 };
/* Events that have been passed are forgotten at the latest when they are so many. */
enum { FAR_BEHIND = 16 * BATCH_EVENTS };
/* More runs are slower to merge than their events are to sort. */
enum { MOST_RUNS = 256 };

typedef struct cluster_segment {
    size_t index; /* in the table version */
    int64_t least, greatest;
    uint32_t rows;
} cluster_segment;

typedef struct cluster_run {
    size_t first, end; /* of the segments */
} cluster_run;

struct feat_clusters {
    feat_db *db;
    uint64_t version;
    const feat_block *block;
    const feat_union_branch *branch;
    const feat_grouping *wanted;
    cluster_segment *segments;
    cluster_run *runs;
    size_t n_segments, n_runs, n_pruned, segments_capacity, runs_capacity;
};

/* ---- Blocks that can be read so. ---- */

/* The field whose values a register holds as they are stored, or -1. */
static int field_of(const feat_union_branch *branch, uint32_t reg) {
    const feat_code *code = branch->stage.code;
    for (size_t i = 0; i < code->n_loads; i++)
        if (code->loads[i].reg == reg && code->loads[i].kind == FEAT_LOAD_INPUT) return (int)code->loads[i].index;
    return -1;
}

static size_t key_output(const feat_union_branch *branch) { return branch->where != FEAT_NO_NODE; }

bool feat_clusters_serve(const feat_block *block) {
    const feat_union_branch *branch = &block->branches[0];
    const feat_schema *table = branch->table;
    if (block->n_branches != 1 || branch->stage.code->n_joins || block->n_key != 1 || table->n_key != 1) return false;
    return feat_class_of(block->key[0]) == FEAT_CLASS_I &&
           field_of(branch, branch->stage.code->outputs[key_output(branch)]) == (int)table->key[0];
}

/* ---- Runs. ---- */

static int order_keys(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool is_wanted(const feat_grouping *wanted, int64_t least, int64_t greatest) {
    size_t group = feat_grouping_seek(wanted, 0, least);
    return group < wanted->n_keys && wanted->keys[group] <= greatest;
}

static feat_status add_segment(feat_clusters *c, const cluster_segment *s, feat_error *err) {
    bool follows = c->n_segments > 0 && c->segments[c->n_segments - 1].greatest <= s->least;
    if (FEAT_GROW(c->segments, c->segments_capacity, c->n_segments + 1) != 0) return feat_fail_memory(err);
    c->segments[c->n_segments++] = *s;
    if (!follows) {
        if (FEAT_GROW(c->runs, c->runs_capacity, c->n_runs + 1) != 0) return feat_fail_memory(err);
        c->runs[c->n_runs++] = (cluster_run){c->n_segments - 1, c->n_segments - 1};
    }
    c->runs[c->n_runs - 1].end = c->n_segments;
    return FEAT_OK;
}

feat_status feat_clusters_open(feat_db *db, uint64_t version, const feat_block *block, const feat_grouping *wanted,
                               feat_clusters **clusters, feat_error *err) {
    feat_clusters *c = feat_alloc_zero(1, sizeof *c);
    feat_table_version *tv = NULL;
    feat_prune prune = {0};
    bool known = true;
    *clusters = NULL;
    if (!c) return feat_fail_memory(err);
    *c = (feat_clusters){.db = feat_db_ref(db), .version = version, .block = block, .wanted = wanted};
    c->branch = &block->branches[0];
    feat_status status = feat_table_open(db, c->branch->table, version, &tv, err);
    if (status == FEAT_OK) status = feat_prune_init(&prune, c->branch, err);
    size_t n = status == FEAT_OK ? feat_table_segments(tv) : 0;
    for (size_t s = 0; s < n && known; s++) {
        feat_bounds bounds;
        bool skip;
        feat_segment_info info = feat_table_segment(tv, s);
        FEAT_GOTO(status, feat_table_bounds(tv, s, c->branch->table->key[0], &bounds, err), out);
        known = bounds.known && bounds.ints;
        if (!known || info.deleted >= info.rows) continue;
        cluster_segment segment = {s, bounds.min_int, bounds.max_int, info.rows};
        if (bounds.min_int > bounds.max_int) continue; /* no row has a key */
        skip = !is_wanted(wanted, bounds.min_int, bounds.max_int);
        if (!skip) FEAT_GOTO(status, feat_prune_segment(&prune, tv, s, &skip, err), out);
        c->n_pruned += skip;
        if (!skip) FEAT_GOTO(status, add_segment(c, &segment, err), out);
    }
out:
    feat_prune_done(&prune);
    feat_table_close(tv);
    if (status == FEAT_OK && known && c->n_runs <= MOST_RUNS) *clusters = c;
    else feat_clusters_close(c);
    return status;
}

void feat_clusters_close(feat_clusters *c) {
    if (!c) return;
    feat_free(c->segments);
    feat_free(c->runs);
    feat_db_unref(c->db);
    feat_free(c);
}

size_t feat_clusters_pruned(const feat_clusters *c) { return c->n_pruned; }

size_t feat_clusters_cut(const feat_clusters *c, size_t n, int64_t *cuts) {
    int64_t *starts = feat_alloc_array(c->n_segments, sizeof *starts);
    size_t parts = 1;
    if (!starts) return 1; /* one part is always right */
    for (size_t i = 0; i < c->n_segments; i++) starts[i] = c->segments[i].least;
    qsort(starts, c->n_segments, sizeof *starts, order_keys);
    for (size_t i = 1; i < n && c->n_segments > 0; i++) {
        int64_t cut = starts[i * c->n_segments / n];
        if (cut > starts[0] && (parts == 1 || cut > cuts[parts - 2])) cuts[parts++ - 1] = cut;
    }
    feat_free(starts);
    return parts;
}

/* ---- Reading one run. ---- */

typedef struct run_reader {
    size_t next, end;             /* segments not yet read */
    feat_column *columns, *spare; /* of the fields read */
    feat_events events;           /* of the rows read: views of the columns, or with `owned` made by the projector */
    feat_events other;            /* owned: the ones that are not in use */
    int64_t *keys;                /* of each event */
    bool keys_borrowed;
    size_t keys_capacity, at, n;
    size_t room; /* of what `other` holds beside columns: all true, and states of columns with NULL */
} run_reader;

struct feat_cluster_reader {
    const feat_clusters *clusters;
    feat_table_version *tv;
    int64_t least, greatest;
    uint32_t *fields;
    size_t n_fields, key_column, time_column;
    const feat_column **by_field;
    int *plain; /* by slot: place of the column among the fields; -1: any event counts */
    bool owned; /* events are made by the projector: more than columns as they are */
    feat_projector *projector;
    uint32_t *kept;
    size_t kept_capacity;
    uint8_t *zeros; /* states of columns without NULL */
    size_t zeros_capacity;
    int64_t *times; /* of the lot that is projected */
    size_t times_capacity;
    run_reader *runs;
    size_t n_runs;
    uint32_t *active; /* runs that have events, in their order */
    int64_t *heads;   /* the key that each of them stands at */
    size_t n_active;
    feat_events batch, sorted; /* merged; put into order */
    feat_events window;        /* of the events that a batch is of, without those before and behind */
    bool *has_states;          /* by slot: the states of what is merged were written; else all are values */
    uint8_t *no_states;        /* as many values as the batch has events */
    size_t no_states_capacity;
    feat_sweep_entity *entities;
    uint32_t *numbers, *order;
    size_t entities_capacity, numbers_capacity, order_capacity;
    size_t group; /* where the keys have got to among those that are wanted */
    uint64_t rows_read, segments_read, bytes_read;
};

static void view_done(feat_events *view) {
    feat_free(view->slots);
    feat_free(view->ties);
    *view = (feat_events){0};
}

static void run_done(const feat_cluster_reader *r, run_reader *run) {
    for (size_t i = 0; i < r->n_fields && run->columns && run->spare; i++) {
        feat_column_done(&run->columns[i]);
        feat_column_done(&run->spare[i]);
    }
    feat_free(run->columns);
    feat_free(run->spare);
    if (r->owned) {
        if (run->events.slots) feat_events_done(&run->events);
        if (run->other.slots) feat_events_done(&run->other);
    } else {
        for (size_t s = 0; run->events.slots && s < run->events.n_slots; s++) feat_free(run->other.slots[s].state);
        for (size_t s = 0; run->events.slots && s < run->events.n_slots; s++) feat_free(run->other.slots[s].values);
        view_done(&run->other);
        view_done(&run->events);
    }
    if (!run->keys_borrowed) feat_free(run->keys);
}

void feat_cluster_reader_close(feat_cluster_reader *r) {
    if (!r) return;
    for (size_t i = 0; r->runs && i < r->n_runs; i++) run_done(r, &r->runs[i]);
    feat_free(r->runs);
    feat_free(r->active);
    feat_free(r->heads);
    feat_free(r->fields);
    feat_free(r->by_field);
    feat_free(r->plain);
    feat_free(r->kept);
    feat_free(r->zeros);
    feat_free(r->times);
    feat_free(r->entities);
    feat_free(r->numbers);
    feat_free(r->order);
    if (r->batch.slots) feat_events_done(&r->batch);
    if (r->sorted.slots) feat_events_done(&r->sorted);
    feat_free(r->window.slots);
    feat_free(r->has_states);
    feat_free(r->no_states);
    feat_projector_free(r->projector);
    feat_table_close(r->tv);
    feat_free(r);
}

static bool is_word(feat_type type) {
    return type == FEAT_TYPE_BIGINT || type == FEAT_TYPE_TIMESTAMP || type == FEAT_TYPE_DOUBLE;
}

static feat_status choose_fields(feat_cluster_reader *r, feat_error *err) {
    const feat_union_branch *branch = r->clusters->branch;
    const feat_schema *table = branch->table;
    const feat_block *block = r->clusters->block;
    const feat_code *code = branch->stage.code;
    bool *reads = feat_alloc_zero(table->n_fields, sizeof *reads);
    r->fields = feat_alloc_array(table->n_fields, sizeof *r->fields);
    r->by_field = feat_alloc_zero(table->n_fields, sizeof *r->by_field);
    r->plain = feat_alloc_array(block->n_slots, sizeof *r->plain);
    if (!reads || !r->fields || !r->by_field || !r->plain) {
        feat_free(reads);
        return feat_fail_memory(err);
    }
    feat_branch_reads(branch, reads);
    reads[table->key[0]] = true;
    for (uint32_t f = 0; f < table->n_fields; f++) {
        if (!reads[f]) continue;
        if (f == table->key[0]) r->key_column = r->n_fields;
        if (f == table->time) r->time_column = r->n_fields;
        r->fields[r->n_fields++] = f;
    }
    r->owned = branch->where != FEAT_NO_NODE || !is_word(table->fields[table->key[0]].type) ||
               !is_word(table->fields[table->time].type);
    size_t output = key_output(branch) + 1;
    for (size_t s = 0; s < block->n_slots; s++) {
        r->plain[s] = -1;
        if (branch->slots[s].arg != FEAT_NO_NODE) {
            int field = field_of(branch, code->outputs[output++]);
            r->owned = r->owned || field < 0 || !is_word(table->fields[field].type) ||
                       table->fields[field].type != block->slots[s];
            for (size_t i = 0; field >= 0 && i < r->n_fields; i++)
                if (r->fields[i] == (uint32_t)field) r->plain[s] = (int)i;
        }
        if (branch->slots[s].filter != FEAT_NO_NODE) {
            output++;
            r->owned = true;
        }
    }
    feat_free(reads);
    return FEAT_OK;
}

static feat_status run_init(feat_cluster_reader *r, run_reader *run, const cluster_run *of, feat_error *err) {
    const feat_clusters *c = r->clusters;
    const feat_schema *table = c->branch->table;
    run->next = of->first;
    run->end = of->end;
    while (run->next < run->end && c->segments[run->next].greatest < r->least) run->next++;
    while (run->end > run->next && c->segments[run->end - 1].least > r->greatest) run->end--;
    run->columns = feat_alloc_zero(r->n_fields, sizeof *run->columns);
    run->spare = feat_alloc_zero(r->n_fields, sizeof *run->spare);
    if (!run->columns || !run->spare) return feat_fail_memory(err);
    for (size_t i = 0; i < r->n_fields; i++) {
        feat_column_init(&run->columns[i], table->fields[r->fields[i]].type);
        feat_column_init(&run->spare[i], table->fields[r->fields[i]].type);
    }
    FEAT_TRY(feat_events_init(&run->events, c->block, err));
    FEAT_TRY(feat_events_init(&run->other, c->block, err));
    run->keys_borrowed = !r->owned;
    return FEAT_OK;
}

feat_status feat_cluster_reader_open(const feat_clusters *clusters, int64_t least, int64_t greatest,
                                     feat_cluster_reader **reader, feat_error *err) {
    feat_cluster_reader *r = feat_alloc_zero(1, sizeof *r);
    if (!r) return feat_fail_memory(err);
    r->clusters = clusters;
    r->least = least;
    r->greatest = greatest;
    feat_status status = choose_fields(r, err);
    if (status == FEAT_OK)
        status = feat_table_open(clusters->db, clusters->branch->table, clusters->version, &r->tv, err);
    if (status == FEAT_OK) status = feat_events_init(&r->batch, clusters->block, err);
    if (status == FEAT_OK) status = feat_events_init(&r->sorted, clusters->block, err);
    r->window.n_slots = clusters->block->n_slots;
    r->window.slots = feat_alloc_zero(r->window.n_slots, sizeof *r->window.slots);
    r->has_states = feat_alloc_zero(r->window.n_slots, sizeof *r->has_states);
    if (status == FEAT_OK && (!r->window.slots || !r->has_states)) status = feat_fail_memory(err);
    if (status == FEAT_OK && r->owned) status = feat_projector_new(clusters->block, 0, &r->projector, err);
    if (status == FEAT_OK) {
        r->runs = feat_alloc_zero(clusters->n_runs, sizeof *r->runs);
        r->active = feat_alloc_array(clusters->n_runs, sizeof *r->active);
        r->heads = feat_alloc_array(clusters->n_runs, sizeof *r->heads);
        if (!r->runs || !r->active || !r->heads) status = feat_fail_memory(err);
    }
    for (size_t i = 0; i < clusters->n_runs && status == FEAT_OK; i++) {
        r->n_runs = i + 1;
        status = run_init(r, &r->runs[i], &clusters->runs[i], err);
    }
    if (status != FEAT_OK) {
        feat_cluster_reader_close(r);
        return status;
    }
    *reader = r;
    return FEAT_OK;
}

/* Leaves out rows from `from` on that are deleted or belong to no entity. */
static feat_status keep_live(feat_cluster_reader *r, run_reader *run, size_t from, const uint8_t *deleted,
                             feat_error *err) {
    const feat_column *key = &run->columns[r->key_column];
    size_t n = key->length, kept = 0;
    if (!deleted && key->null_count == 0) return FEAT_OK;
    if (FEAT_GROW(r->kept, r->kept_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++)
        if (i < from || (!(deleted && feat_bit_get(deleted, i - from)) && !feat_column_is_null(key, i)))
            r->kept[kept++] = (uint32_t)i;
    if (kept == n) return FEAT_OK;
    for (size_t i = 0; i < r->n_fields; i++) {
        feat_column_clear(&run->spare[i]);
        if (feat_column_append_rows(&run->spare[i], &run->columns[i], r->kept, kept) != 0) return feat_fail_memory(err);
        feat_column swap = run->spare[i];
        run->spare[i] = run->columns[i];
        run->columns[i] = swap;
    }
    return FEAT_OK;
}

static int regrow(void **p, size_t size) {
    void *grown = feat_realloc_array(*p, size, 1);
    if (!grown) return -1;
    *p = grown;
    return 0;
}

/* Events that are the columns themselves. */
static feat_status view_columns(feat_cluster_reader *r, run_reader *run, feat_error *err) {
    const feat_block *block = r->clusters->block;
    size_t n = run->columns[r->key_column].length, zeros = r->zeros_capacity;
    if (FEAT_GROW(r->zeros, r->zeros_capacity, n + 1) != 0) return feat_fail_memory(err);
    if (r->zeros_capacity > zeros) memset(r->zeros, 0, r->zeros_capacity);
    run->keys = run->columns[r->key_column].values;
    run->events.time = run->columns[r->time_column].values;
    run->events.n = run->events.capacity = n;
    size_t room = n > run->room ? n + n / 2 : run->room;
    for (size_t s = 0; s < block->n_slots; s++) {
        feat_event_slot *slot = &run->events.slots[s], *own = &run->other.slots[s];
        const feat_column *column = r->plain[s] < 0 ? NULL : &run->columns[r->plain[s]];
        slot->state = r->zeros;
        slot->values = column ? column->values : NULL;
        if (!column) { /* any event counts: all true */
            if ((room > run->room || !own->values) && regrow(&own->values, room) != 0) return feat_fail_memory(err);
            memset(own->values, 1, n);
            slot->values = own->values;
        } else if (column->null_count > 0) {
            if ((room > run->room || !own->state) && regrow((void **)&own->state, room) != 0)
                return feat_fail_memory(err);
            for (size_t i = 0; i < n; i++)
                own->state[i] = feat_bit_get(column->validity, i) ? FEAT_STATE_VALUE : FEAT_STATE_NULL;
            slot->state = own->state;
        }
    }
    run->room = room;
    for (size_t k = 0; k < run->events.n_ties; k++)
        for (size_t i = 0; i < r->n_fields; i++)
            if (r->fields[i] == r->clusters->branch->ties[k]) run->events.ties[k] = run->columns[i];
    run->n = n;
    return FEAT_OK;
}

/* Forgets the events before `at`. */
static feat_status drop_passed(feat_cluster_reader *r, run_reader *run, feat_error *err) {
    if (run->at == 0) return FEAT_OK;
    size_t left = run->n - run->at;
    if (r->owned) {
        feat_events_clear(&run->other);
        if (FEAT_GROW(r->kept, r->kept_capacity, left) != 0) return feat_fail_memory(err);
        for (size_t i = 0; i < left; i++) r->kept[i] = (uint32_t)(run->at + i);
        FEAT_TRY(feat_events_gather(&run->other, &run->events, r->kept, left, err));
        feat_events swap = run->other;
        run->other = run->events;
        run->events = swap;
        memmove(run->keys, run->keys + run->at, left * sizeof *run->keys);
    } else {
        for (size_t i = 0; i < r->n_fields; i++) {
            feat_column_clear(&run->spare[i]);
            if (feat_column_append_range(&run->spare[i], &run->columns[i], run->at, left) != 0)
                return feat_fail_memory(err);
            feat_column swap = run->spare[i];
            run->spare[i] = run->columns[i];
            run->columns[i] = swap;
        }
    }
    run->n = left;
    run->at = 0;
    return r->owned ? FEAT_OK : view_columns(r, run, err);
}

/* The states of columns without NULL; their memory may move while runs are read. */
static void lend_zeros(feat_cluster_reader *r) {
    for (size_t i = 0; i < r->n_runs && !r->owned; i++)
        for (size_t s = 0; s < r->runs[i].events.n_slots; s++) {
            feat_event_slot *slot = &r->runs[i].events.slots[s], *own = &r->runs[i].other.slots[s];
            if (!own->state || slot->state != own->state) slot->state = r->zeros;
        }
}

static feat_status project_rows(feat_cluster_reader *r, run_reader *run, feat_error *err) {
    size_t n = run->columns[0].length;
    const feat_union_branch *branch = r->clusters->branch;
    for (size_t i = 0; i < r->n_fields; i++) r->by_field[r->fields[i]] = &run->columns[i];
    if (FEAT_GROW(r->times, r->times_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) r->times[i] = feat_event_time(r->by_field[branch->table->time], i);
    feat_row_source rows = {r->by_field, r->times, NULL};
    for (size_t at = 0; at < n; at += FEAT_LANES) {
        const uint32_t *lanes;
        size_t n_lanes, part = n - at < FEAT_LANES ? n - at : FEAT_LANES;
        FEAT_TRY(feat_projector_batch(r->projector, &rows, at, part, &lanes, &n_lanes, err));
        if (FEAT_GROW(run->keys, run->keys_capacity, run->events.n + n_lanes) != 0) return feat_fail_memory(err);
        for (size_t i = 0; i < n_lanes; i++)
            run->keys[run->events.n + i] = feat_projector_key_int(r->projector, lanes[i]);
        FEAT_TRY(feat_projector_take(r->projector, &rows, at, lanes, n_lanes, &run->events, err));
    }
    run->n = run->events.n;
    return FEAT_OK;
}

/* Keys outside the reader's range are not its own. */
static void clip(const feat_cluster_reader *r, run_reader *run) {
    while (run->at < run->n && run->keys[run->at] < r->least) run->at++;
    if (run->n > run->at && run->keys[run->n - 1] > r->greatest) {
        size_t low = run->at, n = run->n - run->at;
        while (n > 0) {
            size_t half = n / 2;
            if (run->keys[low + half] <= r->greatest) low += half + 1, n -= half + 1;
            else n = half;
        }
        run->n = low;
        run->next = run->end;
    }
}

static feat_status load_segment(feat_cluster_reader *r, run_reader *run, feat_error *err) {
    const uint8_t *deleted;
    size_t segment = r->clusters->segments[run->next++].index;
    FEAT_TRY(drop_passed(r, run, err));
    if (r->owned)
        for (size_t i = 0; i < r->n_fields; i++) feat_column_clear(&run->columns[i]);
    size_t before = run->columns[0].length;
    FEAT_TRY(feat_table_deleted(r->tv, segment, &deleted, err));
    FEAT_TRY(feat_table_read(r->tv, segment, r->fields, r->n_fields, run->columns, err));
    r->rows_read += run->columns[0].length - before;
    for (size_t i = 0; i < r->n_fields; i++) {
        const feat_column *c = &run->columns[i];
        r->bytes_read += c->length ? feat_column_bytes(c) * (c->length - before) / c->length : 0;
    }
    r->segments_read++;
    FEAT_TRY(keep_live(r, run, before, deleted, err));
    FEAT_TRY(r->owned ? project_rows(r, run, err) : view_columns(r, run, err));
    clip(r, run);
    return FEAT_OK;
}

/* ---- Merging runs. ---- */

/* The least key that a run stands at; runs are few, or hold few events each. */
static bool least_head(const feat_cluster_reader *r, int64_t *least) {
    bool any = false;
    for (size_t i = 0; i < r->n_active; i++) {
        if (any && r->heads[i] >= *least) continue;
        *least = r->heads[i];
        any = true;
    }
    return any;
}

/* Fills runs that have been walked through, and says up to below which key all is there (*bounded false: to the end).
 */
static feat_status fill_runs(feat_cluster_reader *r, bool *bounded, int64_t *bound, feat_error *err) {
    for (;;) {
        bool any = false;
        size_t limiting = 0;
        int64_t least = 0;
        *bounded = false;
        for (size_t i = 0; i < r->n_runs; i++) {
            run_reader *run = &r->runs[i];
            while (run->at == run->n && run->next < run->end) FEAT_TRY(load_segment(r, run, err));
            if (run->at == run->n) continue;
            if (run->at > FAR_BEHIND) FEAT_TRY(drop_passed(r, run, err));
            int64_t key = run->keys[run->at], last = run->keys[run->n - 1];
            if (!any || key < least) least = key;
            any = true;
            if (run->next < run->end && (!*bounded || last < *bound)) {
                *bounded = true;
                *bound = last;
                limiting = i;
            }
        }
        if (!any || !*bounded || least < *bound) break;
        FEAT_TRY(load_segment(r, &r->runs[limiting], err)); /* it holds a part of an entity alone */
    }
    lend_zeros(r);
    r->n_active = 0;
    for (uint32_t i = 0; i < r->n_runs; i++) {
        if (r->runs[i].at == r->runs[i].n) continue;
        r->heads[r->n_active] = r->runs[i].keys[r->runs[i].at];
        r->active[r->n_active++] = i;
    }
    return FEAT_OK;
}

static size_t end_of_key(const run_reader *run) {
    int64_t key = run->keys[run->at];
    size_t end = run->at + 1;
    while (end < run->n && run->keys[end] == key) end++;
    return end;
}

/* A few values, for which a call would cost more than copying them. */
static inline void copy_words(void *to, const void *from, size_t n) {
    uint64_t *out = to;
    const uint64_t *in = from;
    for (size_t i = 0; i < n; i++) out[i] = in[i];
}

/* As long as no run of the batch has a state that is not a value, none is written. */
static void append_states(feat_cluster_reader *r, size_t slot, const uint8_t *from, size_t first, size_t n) {
    uint8_t *to = r->batch.slots[slot].state;
    size_t before = r->batch.n;
    if (from == r->zeros && !r->has_states[slot]) return;
    if (!r->has_states[slot]) memset(to, FEAT_STATE_VALUE, before);
    r->has_states[slot] = true;
    for (size_t i = 0; i < n; i++) to[before + i] = from[first + i];
}

static feat_status append_slice(feat_cluster_reader *r, const run_reader *run, size_t end, feat_error *err) {
    feat_events *to = &r->batch;
    const feat_events *from = &run->events;
    size_t first = run->at, n = end - first;
    if (to->n_ties || n > to->capacity - to->n) FEAT_TRY(feat_events_reserve(to, n, err));
    copy_words(to->time + to->n, from->time + first, n);
    for (size_t s = 0; s < to->n_slots; s++) {
        size_t size = feat_class_size(to->slots[s].class);
        void *values = (char *)to->slots[s].values + to->n * size;
        const void *stored = (const char *)from->slots[s].values + first * size;
        if (size == 8) copy_words(values, stored, n);
        else memcpy(values, stored, n * size);
        append_states(r, s, from->slots[s].state, first, n);
    }
    for (size_t k = 0; k < to->n_ties; k++)
        if (feat_column_append_range(&to->ties[k], &from->ties[k], first, n) != 0) return feat_fail_memory(err);
    to->n += n;
    return FEAT_OK;
}

/* Whether events follow each other in canonical order. */
static bool in_order(const feat_events *events, size_t from, size_t to) {
    bool ordered = true, tied = false;
    for (size_t i = from + 1; i < to; i++) {
        ordered &= events->time[i - 1] <= events->time[i];
        tied |= events->time[i - 1] == events->time[i];
    }
    if (!ordered || !tied || events->n_ties == 0) return ordered;
    for (size_t i = from + 1; i < to && ordered; i++)
        ordered = events->time[i - 1] != events->time[i] || feat_events_compare(events, i - 1, events, i) <= 0;
    return ordered;
}

/* The group of a key, or FEAT_NO_KEY; keys come ascending. */
static uint32_t find_group(feat_cluster_reader *r, int64_t key) {
    const feat_grouping *wanted = r->clusters->wanted;
    r->group = feat_grouping_seek(wanted, r->group, key);
    return r->group < wanted->n_keys && wanted->keys[r->group] == key ? (uint32_t)r->group : FEAT_NO_KEY;
}

static feat_status add_entity(feat_cluster_reader *r, size_t *n, size_t from, size_t to, uint32_t number,
                              feat_error *err) {
    if (FEAT_GROW(r->entities, r->entities_capacity, *n + 1) != 0 ||
        FEAT_GROW(r->numbers, r->numbers_capacity, *n + 1) != 0)
        return feat_fail_memory(err);
    if (to > UINT32_MAX - 1) return feat_fail(err, FEAT_LIMIT, "more than 4,294,967,294 events of one entity");
    r->entities[*n] = (feat_sweep_entity){.from = (uint32_t)from, .to = (uint32_t)to};
    r->numbers[(*n)++] = number;
    return FEAT_OK;
}

/* One run: its events are the batch. */
static feat_status take_run(feat_cluster_reader *r, bool bounded, int64_t bound, size_t *n, feat_error *err) {
    run_reader *run = &r->runs[r->active[0]];
    size_t start = run->at;
    while (run->at < run->n && run->at - start < BATCH_EVENTS && !(bounded && run->keys[run->at] >= bound)) {
        size_t end = end_of_key(run);
        uint32_t number = find_group(r, run->keys[run->at]);
        if (number != FEAT_NO_KEY) FEAT_TRY(add_entity(r, n, run->at, end, number, err));
        run->at = end;
    }
    return FEAT_OK;
}

/* Several: what each has of an entity comes one after the other. A run that ends stands at its place with no key. */
static feat_status take_runs(feat_cluster_reader *r, bool bounded, int64_t bound, size_t *n, feat_error *err) {
    int64_t key;
    feat_events_clear(&r->batch);
    memset(r->has_states, 0, r->batch.n_slots * sizeof *r->has_states);
    while (r->batch.n < BATCH_EVENTS && least_head(r, &key) && !(bounded && key >= bound)) {
        uint32_t number = find_group(r, key);
        size_t from = r->batch.n, left = 0;
        for (size_t i = 0; i < r->n_active; i++) {
            run_reader *run = &r->runs[r->active[i]];
            if (r->heads[i] == key) {
                size_t end = end_of_key(run);
                if (number != FEAT_NO_KEY) FEAT_TRY(append_slice(r, run, end, err));
                run->at = end;
                if (end == run->n) continue;
                r->heads[i] = run->keys[end];
            }
            r->heads[left] = r->heads[i];
            r->active[left++] = r->active[i];
        }
        r->n_active = left;
        if (number != FEAT_NO_KEY) FEAT_TRY(add_entity(r, n, from, r->batch.n, number, err));
    }
    return FEAT_OK;
}

/* Entities whose events are not in canonical order make a batch of their own memory. */
static feat_status put_in_order(feat_cluster_reader *r, const feat_events **events, size_t n, feat_error *err) {
    const feat_events *from = *events;
    size_t total = 0;
    bool ordered = true;
    for (size_t e = 0; e < n && ordered; e++) ordered = in_order(from, r->entities[e].from, r->entities[e].to);
    if (ordered) return FEAT_OK;
    for (size_t e = 0; e < n; e++) total += r->entities[e].to - r->entities[e].from;
    if (FEAT_GROW(r->order, r->order_capacity, total) != 0) return feat_fail_memory(err);
    size_t at = 0;
    for (size_t e = 0; e < n; e++) {
        feat_sweep_entity *entity = &r->entities[e];
        size_t first = at;
        for (uint32_t i = entity->from; i < entity->to; i++) r->order[at++] = i;
        FEAT_TRY(feat_events_sort(from, r->order + first, at - first, err));
        *entity = (feat_sweep_entity){.from = (uint32_t)first, .to = (uint32_t)at};
    }
    feat_events_clear(&r->sorted);
    FEAT_TRY(feat_events_gather(&r->sorted, from, r->order, total, err));
    *events = &r->sorted;
    return FEAT_OK;
}

/* The merged events, with states where they were written. */
static feat_status lend_states(feat_cluster_reader *r, const feat_events **events, feat_error *err) {
    size_t before = r->no_states_capacity;
    if (FEAT_GROW(r->no_states, r->no_states_capacity, r->batch.n) != 0) return feat_fail_memory(err);
    if (r->no_states_capacity > before) memset(r->no_states, FEAT_STATE_VALUE, r->no_states_capacity);
    r->window = (feat_events){.n = r->batch.n,
                              .time = r->batch.time,
                              .slots = r->window.slots,
                              .n_slots = r->window.n_slots,
                              .ties = r->batch.ties,
                              .n_ties = r->batch.n_ties};
    for (size_t s = 0; s < r->batch.n_slots; s++) {
        r->window.slots[s] = r->batch.slots[s];
        if (!r->has_states[s]) r->window.slots[s].state = r->no_states;
    }
    *events = &r->window;
    return FEAT_OK;
}

/* A sweep builds over all events that it is given: of a run those between the batch's entities. */
static const feat_events *narrow(feat_cluster_reader *r, const feat_events *events, size_t n) {
    uint32_t first = r->entities[0].from, end = r->entities[n - 1].to;
    r->window = (feat_events){
        .n = end - first, .time = events->time + first, .slots = r->window.slots, .n_slots = r->window.n_slots};
    for (size_t s = 0; s < events->n_slots; s++) {
        const feat_event_slot *slot = &events->slots[s];
        r->window.slots[s] = (feat_event_slot){.class = slot->class,
                                               .values = (char *)slot->values + first * feat_class_size(slot->class),
                                               .state = slot->state + first};
    }
    for (size_t e = 0; e < n; e++) {
        r->entities[e].from -= first;
        r->entities[e].to -= first;
    }
    return &r->window;
}

feat_status feat_cluster_reader_next(feat_cluster_reader *r, const feat_events **events, feat_sweep_entity **entities,
                                     uint32_t **numbers, size_t *n, feat_error *err) {
    bool alone = false;
    for (*n = 0; *n == 0;) {
        bool bounded;
        int64_t bound = 0;
        FEAT_TRY(fill_runs(r, &bounded, &bound, err));
        if (r->n_active == 0) return FEAT_OK;
        alone = r->n_active == 1;
        FEAT_TRY(alone ? take_run(r, bounded, bound, n, err) : take_runs(r, bounded, bound, n, err));
    }
    if (alone) *events = &r->runs[r->active[0]].events;
    else FEAT_TRY(lend_states(r, events, err));
    FEAT_TRY(put_in_order(r, events, *n, err));
    if (alone && *events != &r->sorted) *events = narrow(r, *events, *n);
    *entities = r->entities;
    *numbers = r->numbers;
    return FEAT_OK;
}

void feat_cluster_reader_count(const feat_cluster_reader *r, uint64_t *rows, uint64_t *segments, uint64_t *bytes) {
    *bytes = r->bytes_read;
    *rows = r->rows_read;
    *segments = r->segments_read;
}
