/* Keeping the serving state of deployed services: built once from the newest version, then moved from version to
 * version by the rows that came and went. */
#include <string.h>

#include "base/alloc.h"
#include "engine/changed.h"
#include "engine/changes.h"
#include "engine/engine.h"
#include "engine/project.h"
#include "engine/serving.h"

/* Above this many changed rows a state is rebuilt aside and swapped in, so that no transaction holds too much at once.
 */
enum { ROWS_APPLIED_AT_ONCE = 500000 };
/* Chunks written or dropped in one transaction while a state is not visible. */
enum { BUILD_BYTES_PER_TXN = 32 << 20, DROP_CHUNKS_PER_TXN = 4096 };

feat_status feat_serving_drop(feat_env *env, uint32_t state, feat_error *err) {
    bool left = true;
    while (left) {
        MDB_txn *txn;
        FEAT_TRY(feat_env_begin(env, true, &txn, err));
        feat_status status = feat_state_drop(env, txn, state, DROP_CHUNKS_PER_TXN, &left, err);
        if (status != FEAT_OK) {
            feat_env_abort(txn);
            return status;
        }
        FEAT_TRY(feat_env_commit(env, txn, err));
    }
    return FEAT_OK;
}

/* Writes the state of a block at a version under a number that no record names yet: nobody sees it before the record
 * does. */
static feat_status build_state(feat_db *db, feat_env *env, uint32_t state, const feat_block *block, uint64_t version,
                               feat_error *err) {
    feat_keymap map;
    feat_entity_events projected = {0};
    uint32_t *numbers = NULL;
    size_t *starts = NULL, written = 0;
    MDB_txn *txn = NULL;
    feat_status status;
    feat_keymap_init(&map);
    FEAT_GOTO(status, feat_serving_drop(env, state, err), out); /* what an interrupted build may have left */
    FEAT_GOTO(status, feat_entity_events_init(&projected, block, err), out);
    FEAT_GOTO(status, feat_project_block(db, version, block, &map, &projected, err), out);
    FEAT_GOTO(status, feat_group_events(&projected, map.n, &numbers, &starts, err), out);
    for (uint32_t k = 0; k < map.n; k++) {
        size_t key_size, n = starts[k + 1] - starts[k];
        const void *key = feat_keymap_key(&map, k, &key_size);
        if (!txn) FEAT_GOTO(status, feat_env_begin(env, true, &txn, err), out);
        feat_event_list added = {&projected.events, numbers + starts[k], n}, none = {0};
        FEAT_GOTO(status, feat_state_update(env, txn, state, block, key, key_size, added, none, err), out);
        written += n * (8 + 9 * block->n_slots + 9 * projected.events.n_ties) + 256;
        if (written < BUILD_BYTES_PER_TXN) continue;
        MDB_txn *full = txn;
        txn = NULL;
        written = 0;
        FEAT_GOTO(status, feat_env_commit(env, full, err), out);
    }
    if (txn) {
        MDB_txn *rest = txn;
        txn = NULL;
        status = feat_env_commit(env, rest, err);
    }
out:
    if (txn) feat_env_abort(txn);
    feat_entity_events_done(&projected);
    feat_keymap_done(&map);
    feat_free(numbers);
    feat_free(starts);
    return status;
}

/* What changed between two versions of a block's tables, as events by key. */
typedef struct changes {
    feat_keymap map;
    feat_entity_events added, removed;
    uint32_t *added_numbers, *removed_numbers;
    size_t *added_starts, *removed_starts;
    bool rebuild; /* too many rows changed, or what events are enriched with did */
} changes;

static void changes_done(changes *c) {
    feat_keymap_done(&c->map);
    feat_entity_events_done(&c->added);
    feat_entity_events_done(&c->removed);
    feat_free(c->added_numbers);
    feat_free(c->removed_numbers);
    feat_free(c->added_starts);
    feat_free(c->removed_starts);
}

static feat_status read_branch(changes *c, feat_db *db, const feat_block *block, size_t branch, uint64_t from,
                               uint64_t to, size_t *rows, feat_error *err) {
    const feat_schema *table = block->branches[branch].table;
    feat_table_version *older = NULL, *newer = NULL;
    feat_row_address *added = NULL, *removed = NULL;
    size_t n_added, n_removed;
    feat_status status;
    FEAT_GOTO(status, feat_table_open(db, table, from, &older, err), out);
    FEAT_GOTO(status, feat_table_open(db, table, to, &newer, err), out);
    FEAT_GOTO(status, feat_diff_rows(older, newer, table, &added, &n_added, &removed, &n_removed, err), out);
    *rows += n_added + n_removed;
    c->rebuild = *rows > ROWS_APPLIED_AT_ONCE;
    if (c->rebuild) goto out;
    FEAT_GOTO(status, feat_project_rows(db, to, block, branch, added, n_added, &c->map, &c->added, err), out);
    FEAT_GOTO(status, feat_project_rows(db, from, block, branch, removed, n_removed, &c->map, &c->removed, err), out);
out:
    feat_free(added);
    feat_free(removed);
    feat_table_close(older);
    feat_table_close(newer);
    return status;
}

static feat_status changes_read(changes *c, feat_db *db, const feat_block *block, uint64_t from, uint64_t to,
                                feat_error *err) {
    size_t rows = 0;
    *c = (changes){0};
    feat_keymap_init(&c->map);
    for (size_t b = 0; b < block->n_branches && !c->rebuild; b++)
        FEAT_TRY(feat_joins_changed(db, block->branches[b].stage.code, from, to, &c->rebuild, err));
    if (c->rebuild) return FEAT_OK;
    FEAT_TRY(feat_entity_events_init(&c->added, block, err));
    FEAT_TRY(feat_entity_events_init(&c->removed, block, err));
    for (size_t b = 0; b < block->n_branches && !c->rebuild; b++)
        FEAT_TRY(read_branch(c, db, block, b, from, to, &rows, err));
    if (c->rebuild) return FEAT_OK;
    FEAT_TRY(feat_group_events(&c->added, c->map.n, &c->added_numbers, &c->added_starts, err));
    return feat_group_events(&c->removed, c->map.n, &c->removed_numbers, &c->removed_starts, err);
}

static feat_status changes_apply(const changes *c, feat_env *env, MDB_txn *txn, uint32_t state, const feat_block *block,
                                 feat_error *err) {
    for (uint32_t k = 0; k < c->map.n; k++) {
        size_t key_size;
        const void *key = feat_keymap_key(&c->map, k, &key_size);
        feat_event_list added = {&c->added.events, c->added_numbers + c->added_starts[k],
                                 c->added_starts[k + 1] - c->added_starts[k]};
        feat_event_list removed = {&c->removed.events, c->removed_numbers + c->removed_starts[k],
                                   c->removed_starts[k + 1] - c->removed_starts[k]};
        FEAT_TRY(feat_state_update(env, txn, state, block, key, key_size, added, removed, err));
    }
    return FEAT_OK;
}

feat_status feat_serving_read(feat_env *env, feat_arena *arena, feat_online_meta *meta, feat_error *err) {
    MDB_txn *txn;
    FEAT_TRY(feat_env_begin(env, false, &txn, err));
    feat_status status = feat_online_meta_read(env, txn, arena, meta, err);
    feat_env_abort(txn);
    return status;
}

/* The blocks of all deployed services, by the states that hold them. */
static feat_status blocks_of(feat_catalog *catalog, const feat_online_meta *meta, feat_arena *arena,
                             const feat_block ***blocks, feat_error *err) {
    const feat_block **found = feat_arena_array(arena, meta->n_blocks, sizeof *found);
    if (!found) return feat_fail_memory(err);
    for (size_t i = 0; i < meta->n_services; i++) {
        const feat_service *service;
        FEAT_TRY(feat_catalog_program_of(catalog, &meta->services[i].service, &service, err));
        for (size_t j = 0; j < service->stage.code->n_joins; j++)
            for (size_t k = 0; k < meta->n_blocks; k++)
                if (feat_digest_equal(&meta->blocks[k].block, &service->stage.code->joins[j].block->fingerprint))
                    found[k] = service->stage.code->joins[j].block;
    }
    for (size_t k = 0; k < meta->n_blocks; k++) {
        char text[FEAT_DIGEST_TEXT_SIZE];
        if (found[k]) continue;
        feat_digest_format(&meta->blocks[k].block, text);
        return feat_fail(err, FEAT_CORRUPT, "serving state holds block %s, which no deployed service asks", text);
    }
    *blocks = found;
    return FEAT_OK;
}

/* Moves `meta` and every state to version `to`, in one transaction with `meta` as it then is. */
static feat_status advance(feat_db *db, feat_env *env, const feat_block *const *blocks, feat_online_meta *meta,
                           uint64_t to, feat_error *err) {
    uint32_t *replaced = feat_alloc_array(meta->n_blocks, sizeof *replaced);
    size_t n_replaced = 0;
    MDB_txn *txn = NULL;
    feat_status status = replaced ? FEAT_OK : feat_fail_memory(err);
    changes *all = status == FEAT_OK ? feat_alloc_zero(meta->n_blocks, sizeof *all) : NULL;
    if (status == FEAT_OK && !all) status = feat_fail_memory(err);
    size_t read = 0;
    for (size_t i = 0; status == FEAT_OK && i < meta->n_blocks; i++) {
        read++;
        FEAT_GOTO(status, changes_read(&all[i], db, blocks[i], meta->version, to, err), out);
        if (!all[i].rebuild) continue;
        uint32_t fresh = meta->next_state++;
        FEAT_GOTO(status, build_state(db, env, fresh, blocks[i], to, err), out);
        replaced[n_replaced++] = meta->blocks[i].state;
        meta->blocks[i].state = fresh;
        meta->epoch++;
    }
    if (status != FEAT_OK) goto out;
    FEAT_GOTO(status, feat_env_begin(env, true, &txn, err), out);
    for (size_t i = 0; i < meta->n_blocks; i++) {
        if (all[i].rebuild) continue;
        FEAT_GOTO(status, changes_apply(&all[i], env, txn, meta->blocks[i].state, blocks[i], err), out);
    }
    meta->version = to;
    FEAT_GOTO(status, feat_online_meta_write(env, txn, meta, err), out);
    MDB_txn *ready = txn;
    txn = NULL;
    FEAT_GOTO(status, feat_env_commit(env, ready, err), out);
    for (size_t i = 0; i < n_replaced && status == FEAT_OK; i++) status = feat_serving_drop(env, replaced[i], err);
out:
    if (txn) feat_env_abort(txn);
    for (size_t i = 0; all && i < read; i++) changes_done(&all[i]);
    feat_free(all);
    feat_free(replaced);
    return status;
}

feat_status feat_online_catch_up(feat_db *db, feat_catalog *catalog, feat_error *err) {
    feat_env *env;
    feat_arena arena;
    feat_online_meta meta;
    const feat_block **blocks = NULL;
    uint64_t newest;
    feat_status status;
    feat_arena_init(&arena);
    FEAT_GOTO(status, feat_db_online(db, &env, err), out);
    FEAT_GOTO(status, feat_serving_read(env, &arena, &meta, err), out);
    if (meta.n_blocks == 0) goto out;
    FEAT_GOTO(status, feat_version_newest(db, &newest, err), out);
    if (meta.version == newest) goto out;
    FEAT_GOTO(status, blocks_of(catalog, &meta, &arena, &blocks, err), out);
    status = advance(db, env, blocks, &meta, newest, err);
out:
    feat_arena_done(&arena);
    return status;
}

feat_status feat_deploy_service(feat_db *db, feat_catalog *catalog, const feat_service *service, feat_error *err) {
    feat_env *env;
    feat_arena arena;
    feat_online_meta meta;
    uint64_t newest;
    MDB_txn *txn = NULL;
    feat_status status;
    feat_arena_init(&arena);
    FEAT_GOTO(status, feat_online_catch_up(db, catalog, err), out);
    FEAT_GOTO(status, feat_db_online(db, &env, err), out);
    FEAT_GOTO(status, feat_serving_read(env, &arena, &meta, err), out);
    FEAT_GOTO(status, feat_version_newest(db, &newest, err), out);

    bool known = false;
    for (size_t i = 0; i < meta.n_services; i++)
        known |= feat_digest_equal(&meta.services[i].service, &service->fingerprint) &&
                 feat_name_compare(meta.services[i].name, service->name) == 0;
    if (known) goto out;
    const feat_code *code = service->stage.code;
    feat_online_block *blocks = feat_arena_array(&arena, meta.n_blocks + code->n_joins, sizeof *blocks);
    feat_online_service *services = feat_arena_array(&arena, meta.n_services + 1, sizeof *services);
    if (!blocks || !services) {
        status = feat_fail_memory(err);
        goto out;
    }
    if (meta.n_blocks) memcpy(blocks, meta.blocks, meta.n_blocks * sizeof *blocks);
    if (meta.n_services) memcpy(services, meta.services, meta.n_services * sizeof *services);
    meta.blocks = blocks;
    meta.services = services;
    for (size_t j = 0; j < code->n_joins; j++) {
        const feat_block *block = code->joins[j].block;
        size_t i = 0;
        while (i < meta.n_blocks && !feat_digest_equal(&meta.blocks[i].block, &block->fingerprint)) i++;
        if (i < meta.n_blocks) continue; /* another service, or another join of this one, keeps it already */
        FEAT_GOTO(status, build_state(db, env, meta.next_state, block, newest, err), out);
        blocks[meta.n_blocks++] = (feat_online_block){meta.next_state++, block->fingerprint};
    }
    services[meta.n_services++] = (feat_online_service){service->name, service->fingerprint};
    meta.version = newest;
    meta.epoch++;
    FEAT_GOTO(status, feat_env_begin(env, true, &txn, err), out);
    FEAT_GOTO(status, feat_online_meta_write(env, txn, &meta, err), out);
    MDB_txn *ready = txn;
    txn = NULL;
    status = feat_env_commit(env, ready, err);
out:
    if (txn) feat_env_abort(txn);
    feat_arena_done(&arena);
    return status;
}
