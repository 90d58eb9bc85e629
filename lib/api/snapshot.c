/* Versions: snapshots, scans, digests, history and tags. */
#include "feat/snapshot.h"

#include "api/handle.h"
#include "base/alloc.h"
#include "base/fpenv.h"
#include "engine/engine.h"

feat_status feat_at_resolve(feat_db *db, const char *call, const feat_at *at, uint64_t *version, feat_error *err) {
    feat_at newest = FEAT_AT_INIT;
    if (!at) at = &newest;
    if (at->size != sizeof *at)
        return feat_fail(err, FEAT_ARGUMENT, "%s: the size of 'at' is not one that this library knows", call);
    if ((int)at->kind < FEAT_AT_NEWEST || at->kind > FEAT_AT_BRANCH)
        return feat_fail(err, FEAT_ARGUMENT, "%s: %d is no way to name a version", call, (int)at->kind);
    if (at->kind == FEAT_AT_TAG && !at->tag) return feat_fail(err, FEAT_ARGUMENT, "%s: the tag must not be NULL", call);
    if (at->kind == FEAT_AT_BRANCH && !at->branch)
        return feat_fail(err, FEAT_ARGUMENT, "%s: the branch must not be NULL", call);
    return feat_version_resolve(db, at, version, err);
}

feat_status feat_snapshot_open(feat_store *store, const feat_at *at, feat_snapshot **snap, feat_error *err) {
    uint64_t version = 0, sequence = 0;
    feat_tail_view *view = NULL;
    feat_db *db = NULL;
    feat_status status = FEAT_OK;
    if (!store || !snap) return feat_fail(err, FEAT_ARGUMENT, "feat_snapshot_open: store and snap must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_at_resolve(store->db, "feat_snapshot_open", at, &version, err));
    if (!at || at->kind == FEAT_AT_NEWEST) FEAT_TRY(feat_tail_view_open(store->db, &version, &sequence, &view, err));
    if (view) status = feat_db_with_view(store->db, view, &db, err);
    else db = feat_db_ref(store->db);
    feat_tail_view_unref(view);
    FEAT_TRY(status);
    feat_snapshot *s = feat_alloc_zero(1, sizeof *s);
    if (!s || pthread_mutex_init(&s->mutex, NULL) != 0) {
        feat_free(s);
        feat_db_unref(db);
        return feat_fail_memory(err);
    }
    s->db = db;
    s->plain = feat_db_ref(store->db);
    s->version = version;
    s->sequence = sequence;
    *snap = s;
    return FEAT_OK;
}

static void forget(feat_snapshot *snap) {
    feat_scan_known_done(&snap->known);
    feat_catalog_unref(snap->catalog);
    snap->catalog = NULL;
    snap->table = NULL;
}

void feat_snapshot_close(feat_snapshot *snap) {
    if (!snap) return;
    forget(snap);
    pthread_mutex_destroy(&snap->mutex);
    feat_db_unref(snap->db);
    feat_db_unref(snap->plain);
    feat_free(snap);
}

uint64_t feat_snapshot_version(const feat_snapshot *snap) { return snap->version; }

void feat_snapshot_position(const feat_snapshot *snap, feat_position *position) {
    *position = (feat_position){snap->version, snap->sequence};
}

/* The catalog and, unless `name` is NULL, a table of it. */
static feat_status load(feat_db *db, const char *name, feat_catalog **catalog, const feat_schema **table,
                        feat_error *err) {
    feat_catalog *loaded = NULL;
    FEAT_TRY(feat_db_check(db, err));
    FEAT_TRY(feat_catalog_load(db, &loaded, err));
    feat_status status = name ? feat_catalog_table(loaded, name, table, err) : FEAT_OK;
    if (status == FEAT_OK) *catalog = loaded;
    else feat_catalog_unref(loaded);
    return status;
}

/* What a scan for entities has found out about a table is kept for the next one. The caller's stream of keys is not
 * read under the mutex: it may ask the same snapshot. */
static feat_status scan_entities(feat_snapshot *snap, feat_catalog *catalog, const feat_schema *schema,
                                 const feat_scan_options *opt, struct ArrowArrayStream *out, feat_error *err) {
    feat_scan_known known = {0};
    feat_status status = FEAT_OK;
    feat_catalog *held = feat_catalog_ref(catalog);
    pthread_mutex_lock(&snap->mutex);
    if (snap->known.version && snap->table->table_id == schema->table_id && snap->table->revision == schema->revision) {
        feat_catalog_unref(held);
        held = feat_catalog_ref(snap->catalog);
        schema = snap->table;
        status = feat_scan_known_copy(&snap->known, &known, err);
    }
    pthread_mutex_unlock(&snap->mutex);
    if (status == FEAT_OK) status = feat_scan_rows(snap->db, held, schema, snap->version, opt, &known, out, err);
    if (known.version) {
        pthread_mutex_lock(&snap->mutex);
        forget(snap);
        snap->known = known;
        snap->catalog = feat_catalog_ref(held);
        snap->table = schema;
        pthread_mutex_unlock(&snap->mutex);
    }
    feat_catalog_unref(held);
    return status;
}

static feat_status scan(feat_snapshot *snap, const char *table, const feat_scan_options *opt,
                        struct ArrowArrayStream *out, feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    FEAT_TRY(load(snap->db, table, &catalog, &schema, err));
    feat_status status = feat_table_at(snap->db, catalog, schema, snap->version, &schema, err);
    if (status == FEAT_OK && opt->entities) status = scan_entities(snap, catalog, schema, opt, out, err);
    else if (status == FEAT_OK) status = feat_scan_rows(snap->db, catalog, schema, snap->version, opt, NULL, out, err);
    feat_catalog_unref(catalog);
    return status;
}

static feat_status check_scan(const feat_snapshot *snap, const char *table, const feat_scan_options *opt,
                              const struct ArrowArrayStream *out, feat_error *err) {
    if (!snap || !table || !out)
        return feat_fail(err, FEAT_ARGUMENT, "feat_snapshot_scan: snap, table and out must not be NULL");
    if (opt && opt->size != sizeof *opt)
        return feat_fail(err, FEAT_ARGUMENT,
                         "feat_snapshot_scan: the options' size is not one that this library knows");
    if (opt && !opt->columns && opt->n_columns > 0)
        return feat_fail(err, FEAT_ARGUMENT, "feat_snapshot_scan: %zu columns are wanted and their names are NULL",
                         opt->n_columns);
    if (opt && opt->entities && !opt->entities->release)
        return feat_fail(err, FEAT_ARGUMENT, "feat_snapshot_scan: the stream of entities is released already");
    return FEAT_OK;
}

feat_status feat_snapshot_scan(feat_snapshot *snap, const char *table, const feat_scan_options *opt,
                               struct ArrowArrayStream *out, feat_error *err) {
    feat_scan_options options = FEAT_SCAN_OPTIONS_INIT;
    if (opt && opt->size == sizeof *opt) options = *opt;
    feat_status status = check_scan(snap, table, opt, out, err);
    if (status == FEAT_OK) {
        feat_fpenv saved;
        feat_fpenv_enter(&saved);
        status = scan(snap, table, &options, out, err);
        feat_fpenv_leave(&saved);
    }
    if (options.entities && options.entities->release) options.entities->release(options.entities);
    return status;
}

feat_status feat_snapshot_digest(feat_snapshot *snap, const char *table, char digest[FEAT_DIGEST_SIZE], int64_t *rows,
                                 feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    feat_table_version *version = NULL;
    if (!snap || !table || !digest)
        return feat_fail(err, FEAT_ARGUMENT, "feat_snapshot_digest: snap, table and digest must not be NULL");
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = load(snap->db, table, &catalog, &schema, err);
    if (status == FEAT_OK) status = feat_table_open(snap->db, schema, snap->version, &version, err);
    if (status == FEAT_OK) {
        feat_digest content = feat_table_digest(version);
        feat_digest_format(&content, digest);
        if (rows) *rows = feat_table_rows(version);
        feat_table_close(version);
    }
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    return status;
}

feat_status feat_history(feat_store *store, const char *table, struct ArrowArrayStream *out, feat_error *err) {
    feat_catalog *catalog = NULL;
    const feat_schema *schema = NULL;
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_history: store and out must not be NULL");
    feat_fpenv saved;
    feat_fpenv_enter(&saved);
    feat_status status = load(store->db, table, &catalog, &schema, err);
    if (status == FEAT_OK) status = feat_history_stream(store->db, catalog, schema, out, err);
    feat_catalog_unref(catalog);
    feat_fpenv_leave(&saved);
    return status;
}

feat_status feat_tag(feat_store *store, const char *name, const feat_at *at, feat_error *err) {
    uint64_t version = 0;
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_tag: store and name must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_at_resolve(store->db, "feat_tag", at, &version, err);
    if (status == FEAT_OK) status = feat_tag_put(store->db, name, version, err);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_untag(feat_store *store, const char *name, feat_error *err) {
    if (!store || !name) return feat_fail(err, FEAT_ARGUMENT, "feat_untag: store and name must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    FEAT_TRY(feat_store_lock(store, err));
    feat_status status = feat_tag_remove(store->db, name, err);
    feat_db_unlock(store->db);
    return status;
}

feat_status feat_tags(feat_store *store, struct ArrowArrayStream *out, feat_error *err) {
    if (!store || !out) return feat_fail(err, FEAT_ARGUMENT, "feat_tags: store and out must not be NULL");
    FEAT_TRY(feat_db_check(store->db, err));
    return feat_tags_stream(store->db, out, err);
}
