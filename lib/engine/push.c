#include "engine/push.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "engine/derivation.h"
#include "engine/ingest.h"
#include "store/tail_rows.h"

#define MOST_FOLD_BYTES (UINT64_C(64) << 20) /* readers copy the tail */

/* A table that is pushed to. */
typedef struct sink {
    char *name;
    const feat_schema *table;
    feat_table_writer *held; /* its rows in the tail, and those stored */
    feat_intake *intake;
    feat_tail_rows read; /* the layout of its records; rows on their way to `held` */
    uint64_t seen;       /* offset in the tail up to which rows are held */
    size_t rows;
} sink;

struct feat_pusher {
    feat_db *db;
    uint64_t changes, epoch; /* of catalog and tail; what follows was found out then */
    feat_catalog *catalog;
    feat_transaction *base; /* never committed: held rows stand behind the version that it starts from */
    uint64_t version;
    sink **sinks;
    size_t n_sinks, sinks_capacity;
    sink *last; /* that was pushed to */
    feat_unique_filters *filters;
    feat_buffer bytes;
};

/* ---- What is kept. ---- */

static void sink_free(sink *s) {
    if (!s) return;
    feat_intake_free(s->intake);
    feat_table_writer_abort(s->held);
    feat_tail_rows_done(&s->read);
    feat_free(s->name);
    feat_free(s);
}

static void forget(feat_pusher *p) {
    for (size_t i = 0; i < p->n_sinks; i++) sink_free(p->sinks[i]);
    p->n_sinks = 0;
    p->last = NULL;
    feat_transaction_abort(p->base);
    feat_catalog_unref(p->catalog);
    p->base = NULL;
    p->catalog = NULL;
}

feat_status feat_pusher_new(feat_db *db, feat_pusher **pusher, feat_error *err) {
    feat_pusher *p = feat_alloc_zero(1, sizeof *p);
    if (!p) return feat_fail_memory(err);
    p->filters = feat_unique_filters_new();
    if (!p->filters) {
        feat_free(p);
        return feat_fail_memory(err);
    }
    p->db = feat_db_ref(db);
    feat_buffer_init(&p->bytes);
    *pusher = p;
    return FEAT_OK;
}

void feat_pusher_free(feat_pusher *p) {
    if (!p) return;
    forget(p);
    feat_unique_filters_free(p->filters);
    feat_free(p->sinks);
    feat_buffer_done(&p->bytes);
    feat_db_unref(p->db);
    feat_free(p);
}

/* Whatever was committed meanwhile, here or in another process: definitions and rows are read anew. */
static feat_status keep_up(feat_pusher *p, feat_tail_state *state, feat_error *err) {
    FEAT_TRY(feat_tail_refresh(p->db, state, err));
    uint64_t changes = feat_db_changes(p->db);
    if (p->base && p->changes == changes && p->epoch == state->epoch) return FEAT_OK;
    if (p->n_sinks > 0) feat_unique_filters_turn(p->filters);
    forget(p);
    p->changes = changes;
    p->epoch = state->epoch;
    feat_status status = feat_transaction_begin(p->db, FEAT_BRANCH_MAIN, 0, &p->base, err);
    if (status == FEAT_OK) status = feat_catalog_load(p->db, &p->catalog, err);
    if (status == FEAT_OK) p->version = feat_transaction_parent(p->base);
    else forget(p);
    return status;
}

static feat_status open_sink(feat_pusher *p, sink *s, const char *name, feat_error *err) {
    s->name = feat_strdup(name);
    if (!s->name) return feat_fail_memory(err);
    FEAT_TRY(feat_catalog_table(p->catalog, name, &s->table, err));
    FEAT_TRY(feat_derivation_check_write(p->catalog, s->table, err));
    s->read.table_id = s->table->table_id;
    s->seen = FEAT_TAIL_START;
    FEAT_TRY(feat_table_writer_begin_held(p->base, s->table, p->filters, &s->held, err));
    return feat_intake_new(p->db, s->table, s->held, &s->intake, err);
}

static feat_status find_sink(feat_pusher *p, const char *name, sink **out, feat_error *err) {
    if (p->last && strcmp(p->last->name, name) == 0) {
        *out = p->last;
        return FEAT_OK;
    }
    for (size_t i = 0; i < p->n_sinks; i++)
        if (strcmp(p->sinks[i]->name, name) == 0) {
            *out = p->last = p->sinks[i];
            return FEAT_OK;
        }
    sink *made = feat_alloc_zero(1, sizeof *made);
    if (!made || FEAT_GROW(p->sinks, p->sinks_capacity, p->n_sinks + 1) != 0) {
        feat_free(made);
        return feat_fail_memory(err);
    }
    feat_status status = open_sink(p, made, name, err);
    /* Names that differ in case are one table, whose rows must be held once. */
    for (size_t i = 0; i < p->n_sinks && status == FEAT_OK; i++)
        if (p->sinks[i]->table->table_id == made->table->table_id) {
            sink_free(made);
            *out = p->last = p->sinks[i];
            return FEAT_OK;
        }
    if (status != FEAT_OK) {
        sink_free(made);
        return status;
    }
    p->sinks[p->n_sinks++] = made;
    *out = p->last = made;
    return FEAT_OK;
}

/* ---- Rows of the tail that others have pushed, or this handle before it was reset. ---- */

static feat_status visit(void *context, const feat_tail_record *record, feat_error *err) {
    return feat_tail_rows_take(context, record, err);
}

static feat_status init_batch(const feat_schema *table, feat_batch *rows, feat_error *err) {
    feat_type *types = feat_alloc_array(table->n_fields, sizeof *types);
    if (!types) return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++) types[i] = table->fields[i].type;
    feat_status status = feat_batch_init(rows, types, table->n_fields, err);
    feat_free(types);
    return status;
}

static feat_status hold_others(feat_pusher *p, sink *s, const feat_tail_state *state, feat_error *err) {
    if (s->seen >= state->written) return FEAT_OK;
    FEAT_TRY(feat_tail_walk(p->db, s->seen, visit, &s->read, err));
    if (s->read.rows.length > 0) {
        feat_batch rows = {0};
        feat_status status = init_batch(s->table, &rows, err);
        if (status == FEAT_OK) status = feat_tail_rows_as(&s->read, s->table, &rows, err);
        if (status == FEAT_OK) status = feat_table_writer_hold(s->held, &rows, err);
        s->rows += rows.length;
        feat_batch_done(&rows);
        feat_batch_clear(&s->read.rows);
        FEAT_TRY(status);
    }
    s->seen = state->written;
    return FEAT_OK;
}

/* ---- A push. ---- */

static feat_status choose_time(const feat_pusher *p, const feat_tail_state *state, int64_t wanted, int64_t *known_time,
                               feat_error *err) {
    int64_t last, now = wanted;
    bool any = feat_transaction_last_time(p->base, &last);
    if (any && last == INT64_MAX)
        return feat_fail(err, FEAT_ARGUMENT,
                         "the newest commit has the last known time there is: nothing can be pushed behind it");
    if (wanted == 0) {
        now = feat_clock_now();
        if (any && now <= last) now = last + 1;
        if (now < state->known_time) now = state->known_time;
    } else if ((any && now <= last) || now < state->known_time) {
        char given[FEAT_TIME_TEXT_SIZE], newest[FEAT_TIME_TEXT_SIZE];
        feat_format_timestamp(now, given);
        feat_format_timestamp(now < state->known_time ? state->known_time : last, newest);
        return feat_fail(err, FEAT_ARGUMENT,
                         "known_at %s lies before what was pushed or committed last, %s; known times only rise", given,
                         newest);
    }
    *known_time = now;
    return FEAT_OK;
}

static feat_status append(feat_pusher *p, sink *s, const feat_batch *rows, int64_t known_time, feat_tail_state *state,
                          feat_error *err) {
    feat_tail_record r = {.table_id = s->table->table_id, .known_time = known_time};
    uint64_t before = state->written;
    feat_buffer_clear(&p->bytes);
    feat_tail_put_rows(s->table, rows, &p->bytes);
    if (p->bytes.failed) return feat_fail_memory(err);
    if (p->bytes.size > FEAT_TAIL_MOST_BYTES)
        return feat_fail(err, FEAT_LIMIT, "table '%s': more than %d MiB in one push; write the rows", s->table->name,
                         (int)(FEAT_TAIL_MOST_BYTES >> 20));
    if (!s->read.known) {
        feat_buffer_clear(&p->bytes);
        feat_tail_put_layout(s->table, &p->bytes);
        r.payload = p->bytes.data;
        r.size = p->bytes.size;
        if (p->bytes.failed) return feat_fail_memory(err);
        FEAT_TRY(feat_tail_append(p->db, &r, state, err));
        FEAT_TRY(feat_tail_rows_take(&s->read, &r, err));
        feat_buffer_clear(&p->bytes);
        feat_tail_put_rows(s->table, rows, &p->bytes);
        if (p->bytes.failed) return feat_fail_memory(err);
    }
    r.rows = (uint32_t)rows->length;
    r.payload = p->bytes.data;
    r.size = p->bytes.size;
    FEAT_TRY(feat_tail_append(p->db, &r, state, err));
    /* The first record of a store makes the catalog's entry; nothing that is kept depends on it. */
    p->changes = feat_db_changes(p->db);
    p->epoch = state->epoch;
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i]->seen == before || p->sinks[i] == s) p->sinks[i]->seen = state->written;
    return FEAT_OK;
}

static void describe(const feat_pusher *p, const feat_tail_state *state, feat_pushed *done) {
    done->position = (feat_position){p->version, state->sequence};
}

static feat_status push(feat_pusher *p, const char *table, struct ArrowArrayStream *rows, const feat_push_options *opt,
                        feat_pushed *done, feat_error *err) {
    feat_tail_state state;
    sink *s = NULL;
    const feat_batch *taken = NULL;
    int64_t known_time;
    FEAT_TRY(keep_up(p, &state, err));
    FEAT_TRY(find_sink(p, table, &s, err));
    FEAT_TRY(hold_others(p, s, &state, err));
    FEAT_TRY(choose_time(p, &state, opt->known_at, &known_time, err));
    FEAT_TRY(feat_intake_take(s->intake, rows, opt->on_conflict, known_time, &taken, &done->rows_skipped, err));
    done->rows_added = (int64_t)taken->length;
    if (taken->length > 0 && s->rows + taken->length > FEAT_TAIL_MOST_ROWS) {
        /* Others would not know what they conflict with: all there is becomes a version first. What was taken stays
         * right, for no row has come or gone. */
        feat_batch kept = {0};
        feat_status status = init_batch(s->table, &kept, err);
        for (size_t i = 0; i < kept.n_columns && status == FEAT_OK; i++)
            if (feat_column_append_range(&kept.columns[i], &taken->columns[i], 0, taken->length) != 0)
                status = feat_fail_memory(err);
        kept.length = taken->length;
        if (status == FEAT_OK) status = feat_push_settle(p->db, err);
        if (status == FEAT_OK) status = keep_up(p, &state, err);
        if (status == FEAT_OK) status = find_sink(p, table, &s, err);
        if (status == FEAT_OK && choose_time(p, &state, opt->known_at, &known_time, NULL) != FEAT_OK)
            status = choose_time(p, &state, 0, &known_time, err);
        if (status == FEAT_OK) status = append(p, s, &kept, known_time, &state, err);
        if (status == FEAT_OK && feat_table_writer_hold(s->held, &kept, NULL) != FEAT_OK) forget(p);
        else if (status == FEAT_OK) s->rows += kept.length;
        feat_batch_done(&kept);
        describe(p, &state, done);
        return status;
    }
    if (taken->length > 0) {
        FEAT_TRY(append(p, s, taken, known_time, &state, err));
        /* The rows are in: what cannot be kept is read again from the tail. */
        if (feat_table_writer_hold(s->held, taken, NULL) != FEAT_OK) {
            describe(p, &state, done);
            forget(p);
            return FEAT_OK;
        }
        s->rows += taken->length;
    }
    describe(p, &state, done);
    return FEAT_OK;
}

feat_status feat_pusher_push(feat_pusher *p, const char *table, struct ArrowArrayStream *rows,
                             const feat_push_options *opt, feat_pushed *done, feat_error *err) {
    feat_pushed pushed = {0};
    feat_tail_state state;
    feat_status status = push(p, table, rows, opt, &pushed, err);
    if (rows->release) { /* when nothing below has */
        rows->release(rows);
        rows->release = NULL;
    }
    if (status != FEAT_OK) return status;
    if (done) *done = pushed;
    /* One bounded step, by whoever makes it due. When it fails the rows stay where they are, and the next one tries. */
    uint64_t due = opt->fold_bytes < MOST_FOLD_BYTES ? opt->fold_bytes : MOST_FOLD_BYTES;
    if (feat_tail_refresh(p->db, &state, NULL) == FEAT_OK && state.written - FEAT_TAIL_START >= due)
        feat_push_settle(p->db, NULL);
    return FEAT_OK;
}
