/* Rows and history out, as Arrow streams that hold what they read from and read it piece by piece. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/fpenv.h"
#include "column/arrow.h"
#include "column/utf8.h"
#include "engine/entities.h"
#include "engine/filter.h"
#include "engine/scan.h"
#include "sql/sql.h"

#define PAGE_ROWS  ((size_t)4096) /* of a page; see feat_table_page_bounds */
#define BATCH_ROWS ((size_t)65536)

/* ---- Columns to Arrow. ---- */

static void release_arrays(struct ArrowArray *arrays, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (arrays[i].release) arrays[i].release(&arrays[i]);
    feat_free(arrays);
}

feat_status feat_scan_batch(feat_column *columns, size_t n, size_t length, struct ArrowArray *out, feat_error *err) {
    struct ArrowArray *arrays = feat_alloc_zero(n, sizeof *arrays);
    if (!arrays) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < n && status == FEAT_OK; i++) status = feat_arrow_out_column(&columns[i], &arrays[i], err);
    if (status == FEAT_OK) status = feat_arrow_out_batch(arrays, n, (int64_t)length, out, err);
    release_arrays(arrays, n);
    return status;
}

feat_status feat_scan_stream(const feat_field *const *fields, size_t n, const char *const *metadata, size_t n_pairs,
                             feat_arrow_producer producer, struct ArrowArrayStream *out, feat_error *err) {
    struct ArrowSchema *children = feat_alloc_zero(n, sizeof *children), schema = {0};
    if (!children) return feat_fail_memory(err);
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < n && status == FEAT_OK; i++)
        status = feat_arrow_out_field(fields[i]->name, fields[i]->type, !fields[i]->not_null, &children[i], err);
    if (status == FEAT_OK) status = feat_arrow_out_struct(children, n, metadata, n_pairs, &schema, err);
    if (status == FEAT_OK) status = feat_arrow_out_stream(&schema, producer, out, err);
    if (status != FEAT_OK && schema.release) schema.release(&schema);
    for (size_t i = 0; i < n; i++)
        if (children[i].release) children[i].release(&children[i]);
    feat_free(children);
    return status;
}

/* ---- Scan. ---- */

typedef struct scan {
    feat_db *db;
    feat_catalog *catalog; /* holds the schema */
    const feat_schema *table;
    feat_table_version *version;
    uint32_t *fields; /* of the table */
    feat_column *columns;
    size_t n_columns;             /* that are given */
    size_t n_read;                /* and those that are looked at, behind them */
    const feat_column **by_field; /* by_field[f]: where field f is read to, or NULL */
    const feat_column *mark;      /* of ended rows, when those are left out */
    feat_filter *filter;          /* or NULL */
    feat_entities entities;       /* when `chosen` */
    feat_segment_ends *ends;      /* likewise */
    bool chosen;                  /* rows of entities only */
    int64_t left;                 /* rows that are given at most; negative: all */
    size_t segment;               /* the next one to read */
    uint32_t *found;              /* rows of the current one that entities have */
    size_t found_capacity;
    feat_row_address *addresses;
    size_t addresses_capacity;
    uint32_t *live; /* rows of what is in `columns` that are given; NULL: all are */
    size_t n_live, next;
} scan;

static void scan_free(void *state) {
    scan *s = state;
    feat_table_close(s->version);
    for (size_t i = 0; s->columns && i < s->n_read; i++) feat_column_done(&s->columns[i]);
    feat_filter_free(s->filter);
    feat_entities_done(&s->entities);
    feat_segment_ends_unref(s->ends);
    feat_free(s->columns);
    feat_free(s->fields);
    feat_free(s->by_field);
    feat_free(s->found);
    feat_free(s->addresses);
    feat_free(s->live);
    feat_catalog_unref(s->catalog);
    feat_db_unref(s->db);
    feat_free(s);
}

/* Of the `rows` that were read, number k being row numbers[k] of the segment (NULL: row k), those that are given: not
 * deleted, not ended unless that is asked for, and passed by the filter. */
static feat_status scan_choose_rows(scan *s, size_t rows, const uint32_t *numbers, const uint8_t *deleted,
                                    feat_error *err) {
    const feat_column *mark = s->mark;
    if (mark && mark->null_count == mark->length) mark = NULL; /* none is ended */
    s->n_live = rows;
    if (!deleted && !mark && !s->filter) return FEAT_OK;
    s->live = feat_alloc_array(rows, sizeof *s->live);
    if (!s->live) return feat_fail_memory(err);
    if (deleted || mark) {
        s->n_live = 0;
        for (uint32_t row = 0; row < rows; row++) {
            if (deleted && feat_bit_get(deleted, numbers ? numbers[row] : row)) continue;
            if (mark && !feat_column_is_null(mark, row) && feat_column_int(mark, row)) continue;
            s->live[s->n_live++] = row;
        }
    }
    if (!s->filter) return FEAT_OK;
    return feat_filter_run(s->filter, s->by_field, deleted || mark ? s->live : NULL, s->n_live, s->live, &s->n_live,
                           err);
}

/* Reads those rows of a segment that the entities have. */
static feat_status scan_read_found(scan *s, size_t segment, size_t n, feat_error *err) {
    uint64_t id = feat_table_segment(s->version, segment).id;
    if (FEAT_GROW(s->addresses, s->addresses_capacity, n) != 0) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) s->addresses[i] = (feat_row_address){id, s->found[i]};
    return feat_table_read_rows(s->version, s->addresses, n, s->fields, s->n_read, s->columns, err);
}

/* Rows of pages that the condition may be true in; *few: they are worth reading alone. */
static feat_status scan_find_pages(scan *s, size_t segment, size_t *rows, bool *few, feat_error *err) {
    size_t total = *rows, n_pages = (total + PAGE_ROWS - 1) / PAGE_ROWS, n = 0;
    uint32_t keep;
    *few = false;
    if (n_pages < 2 || n_pages > FEAT_SEGMENT_PAGES) return FEAT_OK;
    FEAT_TRY(feat_prune_pages(feat_filter_prune(s->filter), s->version, segment, &keep, err));
    keep &= (uint32_t)((UINT64_C(1) << n_pages) - 1);
    if ((size_t)__builtin_popcount(keep) * 2 > n_pages) return FEAT_OK;
    *few = true;
    if (FEAT_GROW(s->found, s->found_capacity, total) != 0) return feat_fail_memory(err);
    for (uint32_t row = 0; row < total; row++)
        if (keep >> (row / PAGE_ROWS) & 1) s->found[n++] = row;
    *rows = n;
    return FEAT_OK;
}

static feat_status scan_segment(scan *s, size_t segment, feat_error *err) {
    feat_segment_info info = feat_table_segment(s->version, segment);
    const uint8_t *deleted = NULL;
    size_t rows = info.rows;
    bool out = info.deleted >= info.rows, few = s->chosen;
    if (!out && s->chosen) {
        FEAT_TRY(
            feat_entities_find(&s->entities, s->ends, s->version, segment, &s->found, &rows, &s->found_capacity, err));
        out = rows == 0;
    } else if (!out && s->filter) {
        FEAT_TRY(feat_prune_segment(feat_filter_prune(s->filter), s->version, segment, &out, err));
        if (!out) FEAT_TRY(scan_find_pages(s, segment, &rows, &few, err));
        out = out || rows == 0;
    }
    if (out) return FEAT_OK;
    FEAT_TRY(feat_table_deleted(s->version, segment, &deleted, err));
    for (size_t i = 0; i < s->n_read; i++) feat_column_clear(&s->columns[i]);
    if (s->n_read > 0 && few) FEAT_TRY(scan_read_found(s, segment, rows, err));
    else if (s->n_read > 0) FEAT_TRY(feat_table_read(s->version, segment, s->fields, s->n_read, s->columns, err));
    return scan_choose_rows(s, rows, few ? s->found : NULL, deleted, err);
}

/* Reads the next segment that has rows to give; none is left when n_live stays 0. */
static feat_status scan_advance(scan *s, feat_error *err) {
    s->next = s->n_live = 0;
    feat_free(s->live);
    s->live = NULL;
    while (s->n_live == 0 && s->left != 0 && s->segment < feat_table_segments(s->version)) {
        FEAT_TRY(scan_segment(s, s->segment++, err));
        if (s->n_live > 0) break;
        feat_free(s->live);
        s->live = NULL;
    }
    if (s->left < 0) return FEAT_OK;
    if ((uint64_t)s->left < s->n_live) s->n_live = (size_t)s->left;
    s->left -= (int64_t)s->n_live;
    return FEAT_OK;
}

/* Copies of the next rows; `columns` are empty and initialised. */
static feat_status scan_copy(const scan *s, size_t rows, feat_column *columns, feat_error *err) {
    for (size_t i = 0; i < s->n_columns; i++) {
        int failed = s->live ? feat_column_append_rows(&columns[i], &s->columns[i], s->live + s->next, rows)
                             : feat_column_append_range(&columns[i], &s->columns[i], s->next, rows);
        if (failed) return feat_fail_memory(err);
    }
    return FEAT_OK;
}

static feat_status scan_produce(scan *s, struct ArrowArray *out, feat_error *err) {
    FEAT_TRY(feat_db_check(s->db, err));
    if (s->next == s->n_live) FEAT_TRY(scan_advance(s, err));
    size_t rows = s->n_live - s->next;
    if (rows == 0) {
        out->release = NULL;
        return FEAT_OK;
    }
    if (rows > BATCH_ROWS) rows = BATCH_ROWS;
    feat_status status;
    if (!s->live && (s->n_columns == 0 || rows == s->columns[0].length)) {
        /* All that was read: the columns are handed over as they are. */
        status = feat_scan_batch(s->columns, s->n_columns, rows, out, err);
    } else {
        feat_column *columns = feat_alloc_array(s->n_columns, sizeof *columns);
        if (!columns) return feat_fail_memory(err);
        for (size_t i = 0; i < s->n_columns; i++) feat_column_init(&columns[i], s->columns[i].type);
        status = scan_copy(s, rows, columns, err);
        if (status == FEAT_OK) status = feat_scan_batch(columns, s->n_columns, rows, out, err);
        for (size_t i = 0; i < s->n_columns; i++) feat_column_done(&columns[i]);
        feat_free(columns);
    }
    s->next += rows;
    return status;
}

/* The caller's thread pulls, with whatever floating-point mode it has; decoding divides. */
static feat_status scan_next(void *state, struct ArrowArray *out, feat_error *err) {
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = scan_produce(state, out, err);
    feat_fpenv_leave(&saved);
    return status;
}

static feat_status unknown_column(const feat_schema *table, const char *name, feat_error *err) {
    const char **names = feat_alloc_array(table->n_fields, sizeof *names);
    if (!names) return feat_fail_memory(err);
    for (size_t i = 0; i < table->n_fields; i++) names[i] = table->fields[i].name;
    const char *near = feat_sql_suggest(name, names, table->n_fields);
    feat_free(names);
    return feat_fail(err, FEAT_NOT_FOUND, "table '%s' has no column '%.*s'%s%s%s", table->name,
                     feat_utf8_clip(name, 200), name, near ? "; did you mean '" : "", near ? near : "",
                     near ? "'?" : "");
}

static const feat_column *add_column(scan *s, uint32_t field) {
    s->fields[s->n_read] = field;
    feat_column_init(&s->columns[s->n_read], s->table->fields[field].type);
    s->by_field[field] = &s->columns[s->n_read++];
    return s->by_field[field];
}

/* What is read beside the columns that are given: the mark of ended rows, and what the filter looks at. */
static feat_status scan_add_others(scan *s, bool hide, feat_error *err) {
    const feat_schema *table = s->table;
    if (hide) s->mark = add_column(s, table->ended);
    if (!s->filter) return FEAT_OK;
    bool *reads = feat_alloc_zero(table->n_fields, sizeof *reads);
    if (!reads) return feat_fail_memory(err);
    feat_filter_reads(s->filter, reads);
    for (uint32_t i = 0; i < table->n_fields; i++)
        if (reads[i] && !s->by_field[i]) add_column(s, i);
    feat_free(reads);
    return FEAT_OK;
}

static feat_status scan_choose(scan *s, const feat_scan_options *opt, feat_error *err) {
    const feat_schema *table = s->table;
    const char *const *names = opt->columns;
    bool hide = table->dimension && !opt->ended;
    size_t n = names ? opt->n_columns : table->n_fields - hide;
    s->fields = feat_alloc_array(n + table->n_fields + 1, sizeof *s->fields);
    s->columns = feat_alloc_array(n + table->n_fields + 1, sizeof *s->columns);
    s->by_field = feat_alloc_zero(table->n_fields, sizeof *s->by_field);
    if (!s->fields || !s->columns || !s->by_field) return feat_fail_memory(err);
    for (size_t i = 0; i < n; i++) {
        int field = (int)i;
        if (names) {
            if (!names[i])
                return feat_fail(err, FEAT_ARGUMENT, "table '%s': the name of column %zu is NULL", table->name, i);
            field = feat_schema_find(table, names[i]);
            if (field < 0 || (hide && (uint32_t)field == table->ended)) return unknown_column(table, names[i], err);
        }
        add_column(s, (uint32_t)field);
    }
    s->n_columns = n;
    return scan_add_others(s, hide, err);
}

bool feat_scan_never_null(const feat_schema *table, uint32_t field) {
    if (!table->fields[field].not_null || !table->dimension) return table->fields[field].not_null;
    for (size_t i = 0; i < table->n_unique; i++)
        if (table->unique[i] == field) return true;
    return false;
}

static feat_status scan_stream(scan *s, uint64_t version, bool ended, struct ArrowArrayStream *out, feat_error *err) {
    const feat_field **fields = feat_alloc_array(s->n_columns, sizeof *fields);
    feat_field *copies = feat_alloc_array(s->n_columns, sizeof *copies);
    feat_status status = fields && copies ? FEAT_OK : feat_fail_memory(err);
    char number[24];
    snprintf(number, sizeof number, "%" PRIu64, version);
    const char *metadata[] = {"libfeat.table", s->table->name, "libfeat.version", number};
    for (size_t i = 0; i < s->n_columns && status == FEAT_OK; i++) {
        copies[i] = s->table->fields[s->fields[i]];
        if (ended) copies[i].not_null = feat_scan_never_null(s->table, s->fields[i]);
        fields[i] = &copies[i];
    }
    if (status == FEAT_OK)
        status = feat_scan_stream(fields, s->n_columns, metadata, 2, (feat_arrow_producer){scan_next, scan_free, s},
                                  out, err);
    feat_free(fields);
    feat_free(copies);
    return status;
}

void feat_scan_known_done(feat_scan_known *known) {
    feat_table_close(known->version);
    feat_segment_ends_unref(known->ends);
    *known = (feat_scan_known){0};
}

feat_status feat_scan_known_copy(const feat_scan_known *known, feat_scan_known *copy, feat_error *err) {
    *copy = (feat_scan_known){0};
    if (!known->version) return FEAT_OK;
    FEAT_TRY(feat_table_clone(known->version, &copy->version, err));
    copy->ends = feat_segment_ends_ref(known->ends);
    return FEAT_OK;
}

static feat_status scan_begin(scan *s, uint64_t version, const feat_scan_options *opt, feat_scan_known *known,
                              feat_error *err) {
    if (opt->where) FEAT_TRY(feat_filter_new(s->table, opt->where, &s->filter, err));
    if (opt->entities) {
        FEAT_TRY(feat_entities_read(s->table, opt->entities, &s->entities, err));
        s->chosen = true;
    }
    FEAT_TRY(scan_choose(s, opt, err));
    if (known && known->version) {
        s->version = known->version;
        s->ends = known->ends;
        *known = (feat_scan_known){0};
        return FEAT_OK;
    }
    FEAT_TRY(feat_table_open(s->db, s->table, version, &s->version, err));
    if (!s->chosen) return FEAT_OK;
    FEAT_TRY(feat_segment_ends_read(s->version, s->table, &s->ends, err));
    if (!known) return FEAT_OK;
    FEAT_TRY(feat_table_clone(s->version, &known->version, err));
    known->ends = feat_segment_ends_ref(s->ends);
    return FEAT_OK;
}

feat_status feat_scan_rows(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t version,
                           const feat_scan_options *opt, feat_scan_known *known, struct ArrowArrayStream *out,
                           feat_error *err) {
    scan *s = feat_alloc_zero(1, sizeof *s);
    if (!s) return feat_fail_memory(err);
    s->db = feat_db_ref(db);
    s->catalog = feat_catalog_ref(catalog);
    s->table = table;
    s->left = opt->limit ? (int64_t)*opt->limit : -1;
    feat_status status = scan_begin(s, version, opt, known, err);
    if (status == FEAT_OK) status = scan_stream(s, version, opt->ended, out, err);
    if (status != FEAT_OK) scan_free(s);
    return status;
}

feat_status feat_scan(feat_db *db, feat_catalog *catalog, const feat_schema *table, uint64_t version,
                      const char *const *columns, size_t n_columns, bool ended, struct ArrowArrayStream *out,
                      feat_error *err) {
    feat_scan_options opt = FEAT_SCAN_OPTIONS_INIT;
    opt.columns = columns;
    opt.n_columns = n_columns;
    opt.ended = ended;
    return feat_scan_rows(db, catalog, table, version, &opt, NULL, out, err);
}

feat_status feat_table_at(feat_db *db, feat_catalog *catalog, const feat_schema *newest, uint64_t version,
                          const feat_schema **table, feat_error *err) {
    uint32_t revision;
    FEAT_TRY(feat_version_revision(db, newest->table_id, version, &revision, err));
    if (revision >= newest->revision) {
        *table = newest;
        return FEAT_OK;
    }
    return feat_catalog_table_version(catalog, newest->table_id, revision, table, err);
}

/* ---- History. ---- */

static const feat_field history_fields[] = {
    {"version", FEAT_TYPE_BIGINT, 1, true},    {"known_time", FEAT_TYPE_TIMESTAMP, 2, true},
    {"table", FEAT_TYPE_TEXT, 3, true},        {"operation", FEAT_TYPE_TEXT, 4, true},
    {"rows_added", FEAT_TYPE_BIGINT, 5, true}, {"rows_removed", FEAT_TYPE_BIGINT, 6, true},
    {"rows", FEAT_TYPE_BIGINT, 7, true},       {"digest", FEAT_TYPE_TEXT, 8, true},
    {"branch", FEAT_TYPE_TEXT, 9, true},
};
enum { HISTORY_COLUMNS = sizeof history_fields / sizeof *history_fields };

typedef struct history {
    feat_db *db;
    feat_arena arena; /* of the commits and the names of branches */
    uint32_t branch;  /* whose name was looked up last */
    const char *branch_name;
    feat_catalog *catalog;
    feat_version_info *infos;
    size_t n, next;
} history;

static void history_free(void *state) {
    history *h = state;
    feat_arena_done(&h->arena);
    feat_catalog_unref(h->catalog);
    feat_db_unref(h->db);
    feat_free(h);
}

static const char *operation_name(feat_operation operation) {
    switch (operation) {
    case FEAT_OPERATION_UPSERT: return "upsert";
    case FEAT_OPERATION_DELETE: return "delete";
    case FEAT_OPERATION_END: return "end";
    case FEAT_OPERATION_OVERWRITE: return "overwrite";
    case FEAT_OPERATION_RESTORE: return "restore";
    case FEAT_OPERATION_CLONE: return "clone";
    case FEAT_OPERATION_DERIVE: return "derive";
    case FEAT_OPERATION_COMPACT: return "compact";
    case FEAT_OPERATION_IMPORT: return "import";
    case FEAT_OPERATION_SEVERAL: return "several";
    case FEAT_OPERATION_PUBLISH: return "publish";
    case FEAT_OPERATION_PUSH: return "push";
    case FEAT_OPERATION_END_OF_LIST:
    case FEAT_OPERATION_APPEND: break;
    }
    return "append";
}

static int history_append(feat_column *c, const char *table, const char *branch, const feat_version_info *info) {
    const char *operation = operation_name(info->operation);
    char digest[FEAT_DIGEST_TEXT_SIZE];
    feat_digest_format(&info->content, digest);
    return feat_column_append_int(&c[0], (int64_t)info->version) || feat_column_append_int(&c[1], info->known_time) ||
           feat_column_append_text(&c[2], table, strlen(table)) ||
           feat_column_append_text(&c[3], operation, strlen(operation)) ||
           feat_column_append_int(&c[4], info->rows_added) || feat_column_append_int(&c[5], info->rows_removed) ||
           feat_column_append_int(&c[6], info->rows) || feat_column_append_text(&c[7], digest, strlen(digest)) ||
           feat_column_append_text(&c[8], branch, strlen(branch));
}

static feat_status history_next(void *state, struct ArrowArray *out, feat_error *err) {
    history *h = state;
    size_t rows = h->n - h->next < BATCH_ROWS ? h->n - h->next : BATCH_ROWS;
    if (rows == 0) {
        out->release = NULL;
        return FEAT_OK;
    }
    feat_column columns[HISTORY_COLUMNS];
    feat_status status = FEAT_OK;
    for (size_t i = 0; i < HISTORY_COLUMNS; i++) feat_column_init(&columns[i], history_fields[i].type);
    for (size_t i = 0; i < rows && status == FEAT_OK; i++) {
        const feat_version_info *info = &h->infos[h->next + i];
        if (!h->branch_name || h->branch != info->branch) {
            h->branch = info->branch;
            status = feat_branch_name(h->db, info->branch, &h->arena, &h->branch_name, err);
        }
        if (status == FEAT_OK &&
            history_append(columns, feat_catalog_table_of(h->catalog, info->table_id)->name, h->branch_name, info))
            status = feat_fail_memory(err);
    }
    if (status == FEAT_OK) status = feat_scan_batch(columns, HISTORY_COLUMNS, rows, out, err);
    for (size_t i = 0; i < HISTORY_COLUMNS; i++) feat_column_done(&columns[i]);
    h->next += rows;
    return status;
}

feat_status feat_history_stream(feat_db *db, feat_catalog *catalog, const feat_schema *table,
                                struct ArrowArrayStream *out, feat_error *err) {
    history *h = feat_alloc_zero(1, sizeof *h);
    if (!h) return feat_fail_memory(err);
    feat_arena_init(&h->arena);
    h->db = feat_db_ref(db);
    h->catalog = feat_catalog_ref(catalog);
    size_t n = 0;
    feat_status status = feat_version_list_all(db, table ? table->table_id : 0, &h->arena, &h->infos, &n, err);
    /* A table that the catalog does not know was made after the catalog was read; so was that commit and all behind it.
     */
    if (status == FEAT_OK)
        while (h->n < n && feat_catalog_table_of(catalog, h->infos[h->n].table_id)) h->n++;
    if (status == FEAT_OK) {
        const feat_field *fields[HISTORY_COLUMNS];
        for (size_t i = 0; i < HISTORY_COLUMNS; i++) fields[i] = &history_fields[i];
        status = feat_scan_stream(fields, HISTORY_COLUMNS, NULL, 0,
                                  (feat_arrow_producer){history_next, history_free, h}, out, err);
    }
    if (status != FEAT_OK) history_free(h);
    return status;
}
