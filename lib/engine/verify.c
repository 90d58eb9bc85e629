/* feat_verify: what the store finds wrong, with the names of tables. */
#include "engine/catalog.h"
#include "engine/rows.h"
#include "store/verify.h"

static const feat_field finding_fields[] = {
    {"version", FEAT_TYPE_BIGINT, 1, false},
    {"table", FEAT_TYPE_TEXT, 2, false},
    {"what", FEAT_TYPE_TEXT, 3, true},
    {"message", FEAT_TYPE_TEXT, 4, true},
};

typedef struct verifying {
    feat_catalog *catalog;
    const feat_verify_options *options;
    feat_rows *rows; /* NULL: the first finding is an error */
} verifying;

/* Tables that were dropped are looked through too. */
static const feat_entry *find_entry(const verifying *v, uint32_t table_id) {
    for (size_t i = v->catalog->n; i-- > 0;) {
        const feat_entry *e = &v->catalog->entries[i];
        if (e->def.kind == FEAT_DEF_TABLE && e->def.action == FEAT_DEF_CREATE && e->def.id == table_id) return e;
    }
    return NULL;
}

static const feat_schema *schema_of(void *context, uint32_t table_id) {
    verifying *v = context;
    const feat_entry *e = find_entry(v, table_id);
    const feat_schema *schema = NULL;
    if (e && feat_entry_table(v->catalog, (uint32_t)(e - v->catalog->entries), &schema, NULL) == FEAT_OK) return schema;
    return NULL; /* a definition that cannot be read is found by the look at the catalog */
}

static feat_status found(void *context, uint64_t version, uint32_t table_id, const char *what, const char *message,
                         feat_error *err) {
    verifying *v = context;
    const feat_entry *e = table_id ? find_entry(v, table_id) : NULL;
    const char *name = e ? e->def.name : NULL;
    if (!v->rows) {
        if (name)
            return feat_fail(err, FEAT_CORRUPT, "version %llu, table '%.200s': %s", (unsigned long long)version, name,
                             message);
        if (version) return feat_fail(err, FEAT_CORRUPT, "version %llu: %s", (unsigned long long)version, message);
        return feat_fail(err, FEAT_CORRUPT, "%s", message);
    }
    if (version) feat_rows_int(v->rows, 0, (int64_t)version);
    else feat_rows_null(v->rows, 0);
    feat_rows_text(v->rows, 1, name);
    feat_rows_text(v->rows, 2, what);
    feat_rows_text(v->rows, 3, message);
    feat_rows_end_row(v->rows);
    return FEAT_OK;
}

static feat_status step(void *context, uint64_t done, uint64_t total, feat_error *err) {
    const verifying *v = context;
    if (!v->options->progress || v->options->progress(v->options->progress_context, done, total) == 0) return FEAT_OK;
    return feat_fail(err, FEAT_CANCELLED, "stopped by the caller");
}

feat_status feat_verify_run(feat_db *db, const feat_verify_options *options, struct ArrowArrayStream *findings,
                            feat_verified *done, feat_error *err) {
    verifying v = {.options = options};
    feat_verification work = {
        .since = options->since, .context = &v, .schema = schema_of, .found = found, .step = step};
    FEAT_TRY(feat_catalog_load(db, &v.catalog, err));
    feat_status status = FEAT_OK;
    if (findings) status = feat_rows_new(finding_fields, sizeof finding_fields / sizeof *finding_fields, &v.rows, err);
    if (status == FEAT_OK) status = feat_verify_store(db, &work, err);
    feat_catalog_unref(v.catalog);
    if (status == FEAT_OK && findings) status = feat_rows_stream(v.rows, findings, err);
    else feat_rows_free(v.rows);
    if (status == FEAT_OK)
        *done = (feat_verified){work.versions, work.manifests, work.segments, work.rows, work.findings};
    return status;
}
