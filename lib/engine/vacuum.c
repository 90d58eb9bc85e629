/* Which versions a vacuum keeps: those that a rule keeps, and all that something refers to. */
#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/clock.h"
#include "engine/derivation.h"
#include "engine/serving.h"
#include "plan/layer.h"

typedef struct needed {
    uint64_t *versions;
    size_t n, capacity;
} needed;

static feat_status need(needed *list, uint64_t version, feat_error *err) {
    if (FEAT_GROW(list->versions, list->capacity, list->n + 1) != 0) return feat_fail_memory(err);
    list->versions[list->n++] = version;
    return FEAT_OK;
}

/* ---- Tags, branches and pins. ---- */

static feat_status need_names(needed *list, feat_db *db, feat_arena *arena, feat_error *err) {
    feat_tag_info *tags = NULL;
    feat_pin_info *pins = NULL;
    feat_branch_info *branches = NULL;
    size_t n_tags = 0, n_pins = 0, n_branches = 0;
    int64_t now = feat_clock_now();
    FEAT_TRY(feat_tag_list(db, arena, &tags, &n_tags, err));
    FEAT_TRY(feat_pin_list(db, arena, &pins, &n_pins, err));
    FEAT_TRY(feat_branch_list(db, arena, &branches, &n_branches, err));
    for (size_t i = 0; i < n_branches; i++) FEAT_TRY(need(list, branches[i].version, err));
    for (size_t i = 0; i < n_tags; i++) FEAT_TRY(need(list, tags[i].version, err));
    for (size_t i = 0; i < n_pins; i++)
        if (pins[i].expires > now) FEAT_TRY(need(list, pins[i].version, err));
    return FEAT_OK;
}

/* ---- Deployed services: a state is moved on from the version that it has applied. ---- */

static feat_status need_applied(needed *list, feat_db *db, feat_arena *arena, feat_error *err) {
    feat_env *env;
    feat_online_meta meta;
    FEAT_TRY(feat_db_online(db, &env, err));
    FEAT_TRY(feat_serving_read(env, arena, &meta, err));
    return meta.n_blocks > 0 ? need(list, meta.version, err) : FEAT_OK;
}

/* ---- Layers: a run starts from what an earlier one read, and may restate a later one. ---- */

static feat_status read_inputs(needed *list, feat_table_version *tv, const uint32_t fields[2], feat_column columns[2],
                               feat_error *err) {
    for (size_t s = 0; s < feat_table_segments(tv); s++) {
        const uint8_t *deleted = NULL;
        for (int i = 0; i < 2; i++) feat_column_clear(&columns[i]);
        FEAT_TRY(feat_table_deleted(tv, s, &deleted, err));
        FEAT_TRY(feat_table_read(tv, s, fields, 2, columns, err));
        for (uint32_t row = 0; row < columns[0].length; row++) {
            if (deleted && feat_bit_get(deleted, row)) continue;
            bool run = !feat_column_is_null(&columns[0], row) && feat_column_int(&columns[0], row) == 1;
            if (!run || feat_column_is_null(&columns[1], row)) continue;
            FEAT_TRY(need(list, (uint64_t)feat_column_int(&columns[1], row), err));
        }
    }
    return FEAT_OK;
}

static feat_status need_inputs(needed *list, feat_db *db, const feat_schema *layer, uint64_t newest, feat_error *err) {
    int run = feat_schema_find(layer, "$run"), input = feat_schema_find(layer, "$input");
    if (run < 0 || input < 0 || layer->fields[run].type != FEAT_TYPE_BIGINT ||
        layer->fields[input].type != FEAT_TYPE_BIGINT)
        return feat_fail(err, FEAT_CORRUPT, "the layer '%s' has no record of its runs", layer->name);
    const uint32_t fields[2] = {(uint32_t)run, (uint32_t)input};
    feat_column columns[2];
    feat_table_version *tv = NULL;
    for (int i = 0; i < 2; i++) feat_column_init(&columns[i], FEAT_TYPE_BIGINT);
    feat_status status = feat_table_open(db, layer, newest, &tv, err);
    if (status == FEAT_OK) status = read_inputs(list, tv, fields, columns, err);
    for (int i = 0; i < 2; i++) feat_column_done(&columns[i]);
    feat_table_close(tv);
    return status;
}

static feat_status need_layers(needed *list, feat_db *db, feat_catalog *catalog, uint64_t newest, feat_error *err) {
    for (uint32_t i = 0; i < catalog->n; i++) {
        const feat_entry *entry = &catalog->entries[i];
        const feat_schema *layer;
        if (entry->def.kind != FEAT_DEF_TABLE || entry->def.action != FEAT_DEF_CREATE || entry->dropped ||
            !feat_layer_is(entry->def.name))
            continue;
        FEAT_TRY(feat_entry_table(catalog, i, &layer, err));
        FEAT_TRY(need_inputs(list, db, layer, newest, err));
    }
    return FEAT_OK;
}

/* ---- Derivations: a run reads what came since the version that was read last. ---- */

static feat_status need_sources(needed *list, feat_db *db, feat_catalog *catalog, feat_error *err) {
    for (uint32_t i = 0; i < catalog->n; i++) {
        const feat_def *def = &catalog->entries[i].def;
        const feat_derivation *derivation;
        uint64_t version;
        if (def->kind != FEAT_DEF_DERIVATION || feat_catalog_find(catalog, FEAT_DEF_DERIVATION, def->name) != i)
            continue;
        FEAT_TRY(feat_entry_derivation(catalog, i, &derivation, err));
        FEAT_TRY(feat_derivation_position(db, derivation, &version, err));
        if (version > 0) FEAT_TRY(need(list, version, err));
    }
    return FEAT_OK;
}

/* ---- All of it. ---- */

static feat_status drop_expired_pins(feat_db *db, feat_arena *arena, feat_error *err) {
    feat_pin_info *pins = NULL;
    size_t n = 0;
    int64_t now = feat_clock_now();
    FEAT_TRY(feat_pin_list(db, arena, &pins, &n, err));
    for (size_t i = 0; i < n; i++)
        if (pins[i].expires <= now) FEAT_TRY(feat_pin_remove(db, pins[i].number, err));
    return FEAT_OK;
}

static feat_status oldest_of(feat_db *db, uint64_t keep_versions, int64_t keep_from, uint64_t newest, uint64_t *oldest,
                             feat_error *err) {
    uint64_t then, back;
    if (keep_versions == 0) keep_versions = 1;
    FEAT_TRY(feat_version_at_time(db, keep_from, &then, err));
    FEAT_TRY(feat_version_back(db, newest, keep_versions - 1, &back, err));
    *oldest = back > 0 ? back : 1;
    if (then < *oldest) *oldest = then > 0 ? then : 1;
    return FEAT_OK;
}

feat_status feat_vacuum_run(feat_db *db, feat_catalog *catalog, uint64_t keep_versions, int64_t keep_from, bool dry_run,
                            feat_retained *done, feat_error *err) {
    feat_arena arena;
    needed list = {0};
    uint64_t newest = 0, oldest = 1;
    feat_arena_init(&arena);
    feat_status status = feat_version_newest(db, &newest, err);
    if (status == FEAT_OK) status = oldest_of(db, keep_versions, keep_from, newest, &oldest, err);
    if (status == FEAT_OK) status = need_names(&list, db, &arena, err);
    if (status == FEAT_OK) status = need_applied(&list, db, &arena, err);
    if (status == FEAT_OK) status = need_layers(&list, db, catalog, newest, err);
    if (status == FEAT_OK) status = need_sources(&list, db, catalog, err);
    if (status == FEAT_OK) status = feat_retain(db, oldest, list.versions, list.n, dry_run, done, err);
    if (status == FEAT_OK && !dry_run) status = drop_expired_pins(db, &arena, err);
    feat_free(list.versions);
    feat_arena_done(&arena);
    return status;
}
