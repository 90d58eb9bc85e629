/* Runs of derivations. What a run reads is given to a write as a stream of rows, so that a derived table gets its rows
 * as any table does; how far it has come becomes durable with them, as the count of an application: the name says which
 * definition ran, the sequence up to which version of the source. */
#include "engine/derivation.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "column/utf8.h"
#include "engine/changes.h"
#include "engine/rows.h"
#include "engine/scan.h"

#define BATCH_ROWS ((size_t)16384)

typedef struct run {
    feat_db *db;
    const feat_derivation *d;
    const feat_derive_options *opt;
    feat_derived_rows *rows;
    uint64_t from, to; /* versions of the source */
    bool whole;
    feat_table_version *older, *newer;
    feat_row_changes changes; /* in part */
    size_t next;              /* of the added rows, or of the segments */
    feat_column *columns;     /* those that are read */
    feat_row_address *addresses;
    uint32_t *picks;
    size_t picks_capacity;
    feat_status status; /* of what the stream was asked for */
    feat_error error;
    feat_error *err;
} run;

static void run_done(run *r) {
    feat_derived_rows_free(r->rows);
    feat_changes_done(&r->changes);
    feat_table_close(r->older);
    feat_table_close(r->newer);
    feat_free(r->columns);
    feat_free(r->addresses);
    feat_free(r->picks);
}

/* ---- Rows of the source. ---- */

/* The columns that are read, beside each other: the input lends them. */
static size_t take_columns(run *r, const uint32_t **needs) {
    size_t n;
    feat_batch *input = feat_derived_rows_input(r->rows);
    *needs = feat_derived_rows_needs(r->rows, &n);
    feat_batch_clear(input);
    for (size_t i = 0; i < n; i++) r->columns[i] = input->columns[(*needs)[i]];
    return n;
}

static void give_columns(run *r, const uint32_t *needs, size_t n) {
    feat_batch *input = feat_derived_rows_input(r->rows);
    for (size_t i = 0; i < n; i++) input->columns[needs[i]] = r->columns[i];
}

/* The rows of the next segment that are not deleted. */
static feat_status read_segment(run *r, feat_error *err) {
    const uint32_t *needs;
    const uint8_t *deleted;
    feat_segment_info info = feat_table_segment(r->newer, r->next);
    size_t n = take_columns(r, &needs), live = 0;
    feat_status status = feat_table_read(r->newer, r->next, needs, n, r->columns, err);
    give_columns(r, needs, n);
    FEAT_TRY(status);
    FEAT_TRY(feat_table_deleted(r->newer, r->next, &deleted, err));
    r->next++;
    if (!deleted) return feat_derived_rows_run(r->rows, NULL, info.rows, err);
    if (FEAT_GROW(r->picks, r->picks_capacity, info.rows) != 0) return feat_fail_memory(err);
    for (uint32_t i = 0; i < info.rows; i++)
        if (!(deleted[i / 8] >> (i % 8) & 1)) r->picks[live++] = i;
    return feat_derived_rows_run(r->rows, r->picks, live, err);
}

static feat_status read_added(run *r, feat_error *err) {
    const uint32_t *needs;
    size_t count = 0;
    for (; r->next < r->changes.n_added && count < BATCH_ROWS; r->next++)
        if (r->changes.before[r->next] != FEAT_CHANGE_EQUAL) r->addresses[count++] = r->changes.added[r->next];
    if (count == 0) return FEAT_OK;
    size_t n = take_columns(r, &needs);
    feat_status status = feat_table_read_rows(r->newer, r->addresses, count, needs, n, r->columns, err);
    give_columns(r, needs, n);
    FEAT_TRY(status);
    return feat_derived_rows_run(r->rows, NULL, count, err);
}

static feat_status produce(run *r, struct ArrowArray *out, feat_error *err) {
    feat_batch *output = feat_derived_rows_output(r->rows);
    size_t end = r->whole ? feat_table_segments(r->newer) : r->changes.n_added;
    feat_batch_clear(output);
    while (output->length == 0 && r->next < end) FEAT_TRY(r->whole ? read_segment(r, err) : read_added(r, err));
    if (output->length == 0) {
        out->release = NULL;
        return FEAT_OK;
    }
    feat_status status = feat_scan_batch(output->columns, output->n_columns, output->length, out, err);
    for (size_t i = 0; i < output->n_columns; i++) feat_column_done(&output->columns[i]); /* what was not moved out */
    output->length = 0;
    return status;
}

/* An Arrow stream hands on no more of an error than its text; the rest of it waits here. */
static feat_status run_next(void *state, struct ArrowArray *out, feat_error *err) {
    run *r = state;
    r->status = produce(r, out, &r->error);
    if (r->status != FEAT_OK && err) *err = r->error;
    return r->status;
}

static void run_free(void *state) { (void)state; } /* its owner waits for the write to end */

static feat_status open_stream(run *r, struct ArrowArrayStream *out, feat_error *err) {
    const feat_derivation *d = r->d;
    const feat_field **fields = feat_alloc_array(d->n_columns, sizeof *fields);
    feat_field *copies = feat_alloc_array(d->n_columns, sizeof *copies);
    feat_status status = fields && copies ? FEAT_OK : feat_fail_memory(err);
    for (size_t i = 0; i < d->n_columns && status == FEAT_OK; i++) {
        copies[i] = d->table->fields[d->fields[i]];
        fields[i] = &copies[i];
    }
    if (status == FEAT_OK)
        status =
            feat_scan_stream(fields, d->n_columns, NULL, 0, (feat_arrow_producer){run_next, run_free, r}, out, err);
    feat_free(fields);
    feat_free(copies);
    return status;
}

/* ---- What is to be done. ---- */

/* "$derivation NAME NUMBER FINGERPRINT": an upgrade that computes something else is another one, too. The name is cut
 * to what an application's may be; number and fingerprint tell definitions apart. */
static void application_name(const char *name, uint32_t number, const feat_digest *fingerprint, char out[600]) {
    char digest[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(fingerprint, digest);
    snprintf(out, 600, FEAT_DERIVATION_PREFIX "%.*s %u %s", feat_utf8_clip(name, 500), name, (unsigned)number, digest);
}

/* Whether the table has a commit of a derivation. */
static feat_status was_derived(const run *r, bool *derived, feat_error *err) {
    feat_arena arena;
    feat_version_info *infos = NULL;
    size_t n = 0;
    feat_arena_init(&arena);
    feat_status status = feat_version_list(r->db, r->to, r->d->table->table_id, &arena, &infos, &n, err);
    *derived = false;
    for (size_t i = 0; i < n && status == FEAT_OK; i++) *derived |= infos[i].operation == FEAT_OPERATION_DERIVE;
    feat_arena_done(&arena);
    return status;
}

/* Rows that nobody derived are not thrown away unasked. */
static feat_status check_first(const run *r, feat_error *err) {
    feat_table_version *table;
    bool derived;
    if (r->opt->rebuild) return FEAT_OK;
    FEAT_TRY(feat_table_open(r->db, r->d->table, r->to, &table, err));
    int64_t rows = feat_table_rows(table);
    feat_table_close(table);
    if (rows == 0) return FEAT_OK;
    FEAT_TRY(was_derived(r, &derived, err));
    if (derived) return FEAT_OK;
    return feat_fail(err, FEAT_ARGUMENT,
                     "derivation '%.*s': table '%.*s' holds rows that were not derived; derive with 'rebuild' to put "
                     "what is derived in their place",
                     feat_utf8_clip(r->d->name, 100), r->d->name, feat_utf8_clip(r->d->table->name, 100),
                     r->d->table->name);
}

/* What came since `from`; all of it when rows of then are gone. */
static feat_status find_changes(run *r, feat_error *err) {
    FEAT_TRY(feat_table_open(r->db, r->d->source, r->from, &r->older, err));
    FEAT_TRY(feat_changes_find(r->older, r->newer, r->d->source, &r->changes, err));
    for (size_t i = 0; i < r->changes.n_removed && !r->whole; i++) r->whole = r->changes.after[i] != FEAT_CHANGE_EQUAL;
    return FEAT_OK;
}

static feat_status prepare(run *r, feat_error *err) {
    FEAT_TRY(feat_table_open(r->db, r->d->source, r->to, &r->newer, err));
    if (!r->whole) FEAT_TRY(find_changes(r, err));
    if (r->whole) r->from = 0;
    FEAT_TRY(feat_derived_rows_new(r->d, r->opt->on_error == FEAT_DERIVE_SKIP, &r->rows, err));
    r->columns = feat_alloc_array(r->d->source->n_fields, sizeof *r->columns);
    r->addresses = feat_alloc_array(BATCH_ROWS, sizeof *r->addresses);
    return r->columns && r->addresses ? FEAT_OK : feat_fail_memory(err);
}

/* What a single row can break was looked at before: these are two of one UNIQUE key. */
static feat_status blame_rows(const run *r, feat_error *err) {
    feat_error inner = {0};
    if (err) inner = *err;
    return feat_fail(err, FEAT_CONSTRAINT,
                     "derivation '%.*s': rows of table '%.*s' give different rows with one UNIQUE key, and which came "
                     "first decides nothing; add what tells them apart to the key, or leave one out by WHERE (%.*s)",
                     feat_utf8_clip(r->d->name, 100), r->d->name, feat_utf8_clip(r->d->source->name, 100),
                     r->d->source->name, feat_utf8_clip(inner.message, 500), inner.message);
}

static feat_status write_rows(run *r, const char *application, feat_commit *commit, feat_error *err) {
    struct ArrowArrayStream stream;
    feat_write_options options = FEAT_WRITE_OPTIONS_INIT;
    options.mode = r->whole ? FEAT_WRITE_OVERWRITE : FEAT_WRITE_APPEND;
    options.known_at = r->opt->known_at;
    options.application = application;
    options.sequence = r->to;
    FEAT_TRY(open_stream(r, &stream, err));
    feat_status status = feat_ingest(r->db, r->d->table, &stream, &options, commit, err);
    if (r->status != FEAT_OK) {
        if (err) *err = r->error;
        return r->status;
    }
    if (status == FEAT_CANCELLED) return feat_fail_memory(err); /* all else that a stream of ours can fail with */
    return status == FEAT_CONSTRAINT ? blame_rows(r, err) : status;
}

static feat_status describe_version(feat_db *db, uint64_t version, feat_derived *done, feat_error *err) {
    feat_commit_info info = {0};
    if (version > 0) FEAT_TRY(feat_version_read(db, version, &info, err));
    done->version = version;
    done->known_time = info.known_time;
    return FEAT_OK;
}

feat_status feat_derivation_position(feat_db *db, const feat_derivation *d, uint64_t *source, feat_error *err) {
    char application[600];
    bool found;
    uint64_t version, made;
    application_name(d->name, d->version, &d->fingerprint, application);
    FEAT_TRY(
        feat_application_find(db, FEAT_BRANCH_MAIN, d->table->table_id, application, &found, &version, &made, err));
    *source = found ? version : 0;
    return FEAT_OK;
}

static feat_status derive(run *r, feat_derived *done, feat_error *err) {
    char application[600];
    bool found;
    uint64_t sequence = 0, made = 0, source_commit, table_commit;
    feat_commit commit = {0};
    FEAT_TRY(feat_version_newest(r->db, &r->to, err));
    application_name(r->d->name, r->d->version, &r->d->fingerprint, application);
    FEAT_TRY(feat_application_find(r->db, FEAT_BRANCH_MAIN, r->d->table->table_id, application, &found, &sequence,
                                   &made, err));
    FEAT_TRY(feat_version_of_table(r->db, r->d->source->table_id, r->to, &source_commit, err));
    FEAT_TRY(feat_version_of_table(r->db, r->d->table->table_id, r->to, &table_commit, err));
    if (!found) FEAT_TRY(check_first(r, err));
    /* Where another has written the table since, what it holds is not what was derived. */
    r->whole = !found || r->opt->rebuild || table_commit > made;
    r->from = sequence;
    done->definition = r->d->version;
    if (!r->whole && source_commit <= r->from) {
        done->from_version = done->source_version = r->from;
        return describe_version(r->db, r->to, done, err);
    }
    FEAT_TRY(prepare(r, err));
    FEAT_TRY(write_rows(r, application, &commit, err));
    feat_derived_rows_count(r->rows, done);
    done->version = commit.version;
    done->known_time = commit.known_time;
    done->from_version = r->from;
    done->source_version = r->to;
    done->rebuilt = r->whole && !commit.repeated;
    done->rows_written = commit.rows_added;
    done->rows_removed = commit.rows_removed;
    done->rows_equal = commit.rows_skipped;
    return FEAT_OK;
}

static feat_status find(feat_catalog *c, const char *name, uint32_t *entry, feat_error *err) {
    *entry = feat_catalog_find(c, FEAT_DEF_DERIVATION, name);
    return *entry == FEAT_NO_ENTRY ? feat_catalog_unknown(c, FEAT_DEF_DERIVATION, name, err) : FEAT_OK;
}

feat_status feat_derive_run(feat_db *db, feat_catalog *catalog, const char *name, const feat_derive_options *opt,
                            feat_derived *done, feat_error *err) {
    run r = {.db = db, .opt = opt};
    feat_derived now = {.online = FEAT_OK};
    uint32_t entry;
    FEAT_TRY(find(catalog, name, &entry, err));
    FEAT_TRY(feat_entry_derivation(catalog, entry, &r.d, err));
    feat_status status = derive(&r, &now, err);
    run_done(&r);
    if (status == FEAT_OK) *done = now;
    return status;
}

/* ---- Where rows came from. ---- */

static const feat_field lineage_fields[] = {
    {"version", FEAT_TYPE_BIGINT, 1, true},        {"known_time", FEAT_TYPE_TIMESTAMP, 2, true},
    {"source_version", FEAT_TYPE_BIGINT, 3, true}, {"derivation", FEAT_TYPE_TEXT, 4, false},
    {"definition", FEAT_TYPE_BIGINT, 5, false},    {"fingerprint", FEAT_TYPE_TEXT, 6, false},
    {"rows_added", FEAT_TYPE_BIGINT, 7, true},     {"rows_removed", FEAT_TYPE_BIGINT, 8, true},
};

/* A definition that has filled the table, and the version of the last commit that it made, or looked at. */
typedef struct turn {
    uint32_t entry;
    uint64_t last;
} turn;

static feat_status list_turns(feat_db *db, feat_catalog *c, uint32_t table_id, feat_arena *arena, turn **turns,
                              size_t *n, feat_error *err) {
    char application[600];
    *n = 0;
    *turns = feat_arena_array(arena, c->n, sizeof **turns);
    if (!*turns) return feat_fail_memory(err);
    for (uint32_t i = 0; i < c->n; i++) {
        const feat_def *def = &c->entries[i].def;
        uint32_t target;
        bool found;
        uint64_t sequence, last;
        if (def->kind != FEAT_DEF_DERIVATION || def->action != FEAT_DEF_CREATE) continue;
        FEAT_TRY(feat_entry_target(c, i, &target, err));
        if (target != table_id) continue;
        application_name(def->name, def->number, &def->fingerprint, application);
        FEAT_TRY(feat_application_find(db, FEAT_BRANCH_MAIN, table_id, application, &found, &sequence, &last, err));
        if (found) (*turns)[(*n)++] = (turn){i, last};
    }
    return FEAT_OK;
}

/* The definition that made a commit: the first whose turn was not over yet. A definition whose turn is over never runs
 * again, since a version of a derivation is replaced for good. */
static uint32_t made_by(const turn *turns, size_t n, uint64_t version) {
    const turn *best = NULL;
    for (size_t i = 0; i < n; i++)
        if (turns[i].last >= version && (!best || turns[i].last < best->last)) best = &turns[i];
    return best ? best->entry : FEAT_NO_ENTRY;
}

static void put_commit(const feat_catalog *c, const feat_version_info *info, uint32_t entry, feat_rows *rows) {
    char digest[FEAT_DIGEST_TEXT_SIZE];
    feat_rows_int(rows, 0, (int64_t)info->version);
    feat_rows_int(rows, 1, info->known_time);
    feat_rows_int(rows, 2, (int64_t)info->parent);
    if (entry == FEAT_NO_ENTRY) {
        for (size_t i = 3; i < 6; i++) feat_rows_null(rows, i);
    } else {
        const feat_def *def = &c->entries[entry].def;
        feat_digest_format(&def->fingerprint, digest);
        feat_rows_text(rows, 3, def->name);
        feat_rows_int(rows, 4, def->number);
        feat_rows_text(rows, 5, digest);
    }
    feat_rows_int(rows, 6, info->rows_added);
    feat_rows_int(rows, 7, info->rows_removed);
    feat_rows_end_row(rows);
}

feat_status feat_derivations_stream(feat_db *db, feat_catalog *catalog, const char *name, struct ArrowArrayStream *out,
                                    feat_error *err) {
    feat_arena arena;
    feat_rows *rows;
    feat_version_info *infos = NULL;
    turn *turns = NULL;
    size_t n = 0, n_turns = 0;
    uint64_t newest;
    uint32_t entry, table_id;
    FEAT_TRY(find(catalog, name, &entry, err));
    FEAT_TRY(feat_entry_target(catalog, entry, &table_id, err));
    FEAT_TRY(feat_rows_new(lineage_fields, sizeof lineage_fields / sizeof *lineage_fields, &rows, err));
    feat_arena_init(&arena);
    feat_status status = feat_version_newest(db, &newest, err);
    if (status == FEAT_OK) status = feat_version_list(db, newest, table_id, &arena, &infos, &n, err);
    if (status == FEAT_OK) status = list_turns(db, catalog, table_id, &arena, &turns, &n_turns, err);
    for (size_t i = 0; i < n && status == FEAT_OK; i++)
        if (infos[i].operation == FEAT_OPERATION_DERIVE)
            put_commit(catalog, &infos[i], made_by(turns, n_turns, infos[i].version), rows);
    feat_arena_done(&arena);
    if (status == FEAT_OK) return feat_rows_stream(rows, out, err);
    feat_rows_free(rows);
    return status;
}
