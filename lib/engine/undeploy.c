/* Taking a service away from serving. */
#include "engine/engine.h"
#include "engine/script.h"
#include "engine/uses.h"
#include "engine/serving.h"

/* Whether one of the services that stay asks the block of a state. */
static feat_status is_needed(feat_catalog *catalog, const feat_online_meta *meta, const feat_digest *block,
                             bool *needed, feat_error *err) {
    *needed = false;
    for (size_t i = 0; i < meta->n_services && !*needed; i++) {
        const feat_service *service;
        FEAT_TRY(feat_catalog_program_of(catalog, &meta->services[i].service, &service, err));
        for (size_t j = 0; j < service->stage.code->n_joins && !*needed; j++)
            *needed = feat_digest_equal(&service->stage.code->joins[j].block->fingerprint, block);
    }
    return FEAT_OK;
}

static feat_status write_meta(feat_env *env, const feat_online_meta *meta, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(env, true, &txn, err));
    feat_status status = feat_online_meta_write(env, txn, meta, err);
    if (status == FEAT_OK) return feat_env_commit(env, txn, err);
    feat_env_abort(txn);
    return status;
}

static feat_status undeploy(feat_env *env, feat_catalog *catalog, feat_arena *arena, const char *name,
                            feat_error *err) {
    feat_online_meta meta;
    FEAT_TRY(feat_serving_read(env, arena, &meta, err));
    size_t services = 0, states = 0, n_gone = 0;
    for (size_t i = 0; i < meta.n_services; i++)
        if (feat_name_compare(meta.services[i].name, name) != 0) meta.services[services++] = meta.services[i];
    if (services == meta.n_services)
        return feat_fail(err, FEAT_NOT_FOUND, "feature service '%.200s' is not deployed", name);
    meta.n_services = services;
    uint32_t *gone = feat_arena_array(arena, meta.n_blocks, sizeof *gone);
    if (!gone) return feat_fail_memory(err);
    for (size_t i = 0; i < meta.n_blocks; i++) {
        bool needed;
        FEAT_TRY(is_needed(catalog, &meta, &meta.blocks[i].block, &needed, err));
        if (needed) meta.blocks[states++] = meta.blocks[i];
        else gone[n_gone++] = meta.blocks[i].state;
    }
    meta.n_blocks = states;
    meta.epoch++;
    FEAT_TRY(write_meta(env, &meta, err));
    /* Nobody finds these chunks any more: an interruption here leaves bytes that nothing reads. */
    for (size_t i = 0; i < n_gone; i++) FEAT_TRY(feat_serving_drop(env, gone[i], err));
    return FEAT_OK;
}

feat_status feat_undeploy_service(feat_db *db, feat_catalog *catalog, const char *name, feat_error *err) {
    feat_env *env;
    feat_arena arena;
    FEAT_TRY(feat_db_online(db, &env, err));
    feat_arena_init(&arena);
    feat_status status = undeploy(env, catalog, &arena, name, err);
    feat_arena_done(&arena);
    return status;
}
